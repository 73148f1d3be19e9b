"""`python -m kcode`: the same as `kcode`."""

import sys

from kcode.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
