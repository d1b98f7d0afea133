"""Python imports this first in what a process that is late has started (tests/late/threads.py)."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])

sys.path.append(ROOT)
try:
    from tests.late.threads import make_child_late
finally:
    sys.path.remove(ROOT)
make_child_late()
