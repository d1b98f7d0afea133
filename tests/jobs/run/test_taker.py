"""What a runner says while it can take no runs."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.run import taker
from jobs.run.executions import Executions
from jobs.run.taker import Taker
from jobs.work.run_queue import QueueUnavailable
from tests.harness import eventually


class AwayQueue:
    """Gives no run: it raises with one sentence, and after `changes` tries with another; but for one try it is there."""

    changes, is_there = 20, 30

    def __init__(self) -> None:
        self.tries = 0

    def take(self, _: float) -> None:
        self.tries += 1
        if self.tries != self.is_there:
            raise QueueUnavailable("away" if self.tries <= self.changes else "no leader")


def test_why_no_runs_can_be_taken_is_told_once_while_it_is_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was a line a second, a whole weekend of 170,000."""
    monkeypatch.setattr(taker, "RETRY_PAUSE", 0.001)
    queue, parts = AwayQueue(), SimpleNamespace(store=None)
    taking = Taker(
        cast(Any, queue),
        cast(Any, parts),
        Executions(),
        slots=1,
        pull=0.1,
        takes=(None,),
        on_end=lambda: None,
    )
    taking.start()
    try:
        eventually(lambda: queue.tries > 50)
    finally:
        taking.drain()
        taking.join(20.0)
    told = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert told == ["away", "no leader", "no leader"]
