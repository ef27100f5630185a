"""Reports for people: pages before and after."""
