"""`python -m kcode`: the same as `kcode`."""

import os
import sys

if not sys.flags.safe_path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109
    del sys.path[0]  # `-m` looks for modules in the working folder first: a repository's litellm.py would run

from kcode.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
