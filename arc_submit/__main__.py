"""``python -m arc_submit`` is ``arc-submit``."""

import sys

from arc_submit.cli import main

if __name__ == "__main__":
    sys.exit(main())
