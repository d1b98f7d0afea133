"""Runs that a runner takes, and what it says while it can take none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.run import taker
from jobs.run.executions import Executions
from jobs.run.taker import Taker
from jobs.store.records import Started
from jobs.store.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats import Link
from tests.harness import NatsServer, eventually
from tests.jobs.conftest import ended, new_runner, record


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


def test_a_run_whose_start_was_written_and_its_answer_lost_is_run(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    nats_server: NatsServer,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was running in the database and had no program, until another runner called it lost."""
    monkeypatch.setattr(taker, "RETRY_PAUSE", 0.05)
    start_run, answers = store.start_run, [StoreUnavailable("the connection broke")]

    def losing(*of_run: Any) -> Started | None:
        started = start_run(*of_run)
        if answers:
            raise answers.pop()
        return started

    monkeypatch.setattr(store, "start_run", losing)
    runner = new_runner(store, link, nats_server, data_dir)
    run = record(store)
    runner.start()
    try:
        run_queue.put(run)
        assert ended(store, run).status is RunStatus.COMPLETED
    finally:
        assert runner.stop()
    assert not answers
