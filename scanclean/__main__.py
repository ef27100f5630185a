"""`python -m scanclean`."""

import sys

from scanclean.cli import main

sys.exit(main())
