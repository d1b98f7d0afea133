"""A run whose runner was killed: its counts are saved once a second, browsers saw more of them."""

from __future__ import annotations

import pytest

from jobs.states import RunStatus
from tests.faults.handwritten import Programs, kill, the_only
from tests.faults.watching import Watcher
from tests.harness import StartProduct, eventually

LOST = 45.0  # seconds until a run whose runner died has its end
BUSY = """
rows = 0
while True:
    rows += 1
    say(1, "running", rows)
    time.sleep(0.02)
"""

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_a_lost_run_keeps_the_counts_that_browsers_have_seen(start_product: StartProduct) -> None:
    product = start_product(SAMPLE_ORDERS="0")
    with Programs(product) as programs:
        run = programs.running(programs.execute(BUSY))
        with Watcher(product, run.job_id) as watcher:
            eventually(lambda: watcher.rows()[-1:] > [60])
            kill(the_only(product, "jobs.runner"))
            assert programs.ended(run, LOST).status is RunStatus.LOST
            eventually(lambda: watcher.statuses()[-1:] == ["lost"])
            rows = watcher.rows()
            assert rows == sorted(rows), "a count went back"
            status, counted, _ = programs.states(run)[1]
            assert (status, counted) == ("failed", rows[-1])
