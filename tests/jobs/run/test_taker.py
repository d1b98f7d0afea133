"""Runs that a runner takes, and what it says while it can take none."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.run import taker
from jobs.run.execution.executions import Executions
from jobs.run.periods import RETRY_PAUSE, Periods
from jobs.run.starts import Starts
from jobs.run.taker import Taker
from jobs.store.connections.database import ReadOnly
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Started
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.run_queue import Claim, QueueUnavailable, RunQueue
from progress_lib.nats.link import Link
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


def try_often(queue: Any, store: Any) -> None:
    """Has a taker ask the queue more than fifty times."""
    taking = Taker(
        queue,
        cast(Any, SimpleNamespace(store=store, starts=Starts())),
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


def test_why_no_runs_can_be_taken_is_told_once_while_it_is_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was a line a second, a whole weekend of 170,000."""
    monkeypatch.setattr(taker, "RETRY_PAUSE", 0.001)
    try_often(AwayQueue(), store=None)
    told = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert told == ["away", "no leader", "no leader"]


class WaitingQueue:
    """Gives a run again and again, since the database takes no start."""

    def __init__(self) -> None:
        self.tries = 0

    def take(self, _: float) -> Claim:
        self.tries += 1
        claim = SimpleNamespace(run_id=str(self.tries), tag=None, nak=lambda _: None)
        return cast(Claim, claim)


def test_why_no_run_is_started_is_told_once_while_it_is_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that waits has its runner try each second, for as long as the database is away."""
    monkeypatch.setattr(taker, "RETRY_PAUSE", 0.001)

    def away(_: object) -> None:
        raise StoreUnavailable("the database is away")

    try_often(WaitingQueue(), store=SimpleNamespace(queued=SimpleNamespace(tenants=away)))
    [told] = [record.getMessage() for record in caplog.records]
    assert told == "run 1 is not started yet: the database is away"


def test_a_run_whose_start_was_written_and_its_answer_lost_is_run(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    nats_server: NatsServer,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was running in the database and had no program, until another runner, to which its message had gone, called it lost."""
    monkeypatch.setattr(taker, "RETRY_PAUSE", 0.05)
    start_run = store.start_run
    answers = [ReadOnly(), StoreUnavailable("the connection broke")] * 5  # it fails over
    by: list[ProcessIdentity] = []

    def losing(tenant_id: str, run_id: str, runner: ProcessIdentity) -> Started | None:
        by.append(runner)
        started = start_run(tenant_id, run_id, runner)
        if answers:
            raise answers.pop()
        return started

    monkeypatch.setattr(store, "start_run", losing)
    first, second = (new_runner(store, link, nats_server, data_dir) for _ in range(2))
    second.identity = replace(second.identity, machine="elsewhere")
    second._taker._parts = replace(second._taker._parts, runner=second.identity)
    run = record(store)
    first.start()
    second.start()
    try:
        run_queue.put(run)
        assert ended(store, run).status is RunStatus.COMPLETED
    finally:
        assert first.stop()
        assert second.stop()
    assert (len(by), len(set(by)), answers) == (11, 1, [])


def test_a_database_that_takes_no_writes_leaves_the_run_to_other_runners() -> None:
    def refusing(*_: object) -> None:
        raise ReadOnly()

    store = SimpleNamespace(
        start_run=refusing,
        queued=SimpleNamespace(tenants=lambda _: {"acme": 0}, first=lambda *_: "r1"),
    )
    claim = SimpleNamespace(tag=None, run_id="r1", naks=[])
    claim.nak = claim.naks.append
    taking = Taker(
        cast(Any, None),
        cast(Any, SimpleNamespace(store=store, runner=None)),
        Executions(),
        slots=1,
        pull=0.1,
        takes=(None,),
        on_end=lambda: None,
    )
    taking.drain()  # so that it waits for nothing
    taking._draining.is_set = lambda: False  # type: ignore[method-assign]
    assert not taking._start(cast(Any, claim))
    assert len(claim.naks) == 1


@pytest.mark.parametrize(
    ("status", "wait"),
    [(RunStatus.QUEUED, RETRY_PAUSE), (RunStatus.RUNNING, taker.NAK_DELAY)],
)
def test_a_run_that_waits_and_is_held_just_now_is_looked_at_again_soon(
    status: RunStatus, wait: float
) -> None:
    """As in the moment in which a sweep notes that it is in the queue again: its message came ten seconds later."""
    run = SimpleNamespace(status=status, has_ended=False)
    store = SimpleNamespace(
        run=lambda *_: run,
        queued=SimpleNamespace(tenants=lambda _: {"acme": 0}, first=lambda *_: None),
    )
    claim = SimpleNamespace(tag=None, tenant_id="acme", run_id="r1", naks=[])
    claim.nak = claim.naks.append
    parts = SimpleNamespace(store=store, runner=None)
    taking = Taker(
        cast(Any, None),
        cast(Any, parts),
        Executions(),
        slots=1,
        pull=0.1,
        takes=(None,),
        on_end=lambda: None,
    )
    assert not taking._start(cast(Any, claim))
    assert claim.naks == [wait]


def test_a_run_whose_message_nats_gave_to_nobody_waits_no_longer_than_one_whose_message_was_lost() -> (
    None
):
    """As a server of a cluster does that stops in that moment: it noted that a runner has it, and the run waited for 30 seconds."""
    periods = Periods()
    assert periods.ack_wait <= periods.queue_again_after
    assert 3 * periods.heartbeat <= periods.ack_wait, "two heartbeats may be lost"
