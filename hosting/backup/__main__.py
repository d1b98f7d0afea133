"""`python -m hosting.backup`."""

import sys

from hosting.backup.command import main
from hosting.reader import ended_with_reader

if __name__ == "__main__":
    sys.exit(ended_with_reader(main))
