"""`python -m qsanc` is `qsanc`."""

import sys

from qsanc.cli import main

sys.exit(main())
