"""Who is late, how often and by how much; without a seed nobody is."""

from __future__ import annotations

import os
import subprocess
import sys

from hosting.start.server import ROOT
from tests.late.chance import Lots

# What a process that is late starts is late, though it is given an environment of its own
STARTS_ONE = """
import subprocess, sys
from tests.late.threads import make_late
make_late()
child = [sys.executable, "-c", "import sys; print('tests.late.threads' in sys.modules, sys.path[-1])"]
print(subprocess.run(child, env={}, capture_output=True, text=True, check=True).stdout)
"""


def test_of_the_calls_of_a_kind_a_share_is_late_and_few_of_them_are_very_late() -> None:
    lots = Lots((0.1, 4.0), (1.0, 0.05))
    drawn = [lots.seconds(0.2) for _ in range(10_000)]
    assert 1_700 < sum(seconds > 0 for seconds in drawn) < 2_300
    assert 120 < sum(seconds > 0.05 for seconds in drawn) < 280
    assert max(drawn) <= 4.0
    assert not any(lots.seconds(0.0) for _ in range(100))


def test_the_same_seed_draws_the_same_again() -> None:
    one, same, other = (Lots((1.0, 1.0), named=name) for name in (1, 1, 2))
    drawn = [one.seconds(0.5) for _ in range(20)]
    assert drawn == [same.seconds(0.5) for _ in range(20)]
    assert drawn != [other.seconds(0.5) for _ in range(20)]


def test_what_a_late_process_starts_is_late_and_imports_from_where_it_did() -> None:
    made = subprocess.run(
        [sys.executable, "-c", STARTS_ONE],
        cwd=ROOT,
        env={**os.environ, "LATE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    is_late, last = made.stdout.split()
    assert is_late == "True"
    assert last != str(ROOT)
