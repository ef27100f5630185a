"""Training: clean pages, degradations, pairs, losses, the loop."""
