"""A machine whose clock is wrong, beside PostgreSQL: what is old, due or late is told by the database's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.run.retention import DAY, OldRuns
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import NewRun, Run
from jobs.store.run_states import RunStatus
from jobs.store.store import Store
from settings.groups import KeptOutputs, Retention
from tests.databases import Database
from tests.jobs.conftest import GRAPH, TENANT

ME = ProcessIdentity("here", 1, 2)
real = time.time


class Clock:
    """This machine's, which may be set."""

    ahead = 0.0  # seconds

    def __call__(self) -> float:
        return real() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def shared(postgresql: Database) -> Iterator[Store]:
    store = Store(postgresql.url)
    store.open()
    yield store
    store.close()


def recorded(store: Store) -> Run:
    job = store.create_job(TENANT, "a job", GRAPH)
    return store.record_run(TENANT, NewRun(job.job_id, GRAPH, "", attempts=2)).run


def test_a_runner_whose_clock_is_months_ahead_deletes_no_run(
    shared: Store, clock: Clock, data_dir: Path
) -> None:
    run = recorded(shared)
    shared.start_run(TENANT, run.run_id, ME)
    shared.move_run(TENANT, run.run_id, RunStatus.RUNNING, RunStatus.COMPLETED)
    clock.ahead = 100 * DAY
    OldRuns(shared, data_dir, Retention(days=90), KeptOutputs()).sweep()
    assert shared.run(TENANT, run.run_id).has_ended


def test_a_runner_whose_clock_is_ahead_ends_no_run_as_late(shared: Store, clock: Clock) -> None:
    recorded(shared)
    clock.ahead = 7_200.0
    assert shared.queued.longer_than(3_600.0) == []


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_a_run_is_as_old_as_it_is_whatever_the_clock_of_who_recorded_it(
    shared: Store, clock: Clock, ahead: float
) -> None:
    """One of a web server whose clock is ahead was not queued again, for as long, where its message was lost."""
    clock.ahead = ahead
    run = recorded(shared)
    assert abs(run.created_at - real()) < 60.0
    clock.ahead = 0.0
    assert shared.queued.not_since(60.0) == []
    assert [late.run_id for late in shared.queued.not_since(-60.0)] == [run.run_id]
    assert shared.queued.count_active() == 1


def test_a_run_lasts_as_long_as_it_does_whatever_the_clock_of_its_runner(
    shared: Store, clock: Clock
) -> None:
    run = recorded(shared)
    clock.ahead = 600.0
    started = shared.start_run(TENANT, run.run_id, ME)
    assert started is not None
    clock.ahead = 1_200.0
    failed = RunStatus.FAILED
    shared.move_run(TENANT, run.run_id, RunStatus.RUNNING, failed, retry_after=0.0)
    ended = shared.run(TENANT, run.run_id)
    assert ended.started_at is not None and ended.ended_at is not None
    assert ended.ended_at - run.created_at < 60.0
    assert [retry.retry_of for retry in shared.queued.due()] == [run.run_id]
