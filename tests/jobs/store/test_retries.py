"""A retry in the database: recorded with the end of the run that failed, queued once it is due, never after a cancel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, NewRun, Run, RunFilter, Turn
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import AlreadyRunning, Store
from tests.jobs.conftest import GRAPH, TENANT

RUNNER = ProcessIdentity.of(1)
QUEUED, RUNNING, FAILED = RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.FAILED
NAMES = count(1)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    store.open()
    yield store
    store.close()


def started(store: Store, attempts: int = 3) -> Run:
    job = store.create_job(TENANT, f"job {next(NAMES)}", GRAPH)
    new = NewRun(job.job_id, GRAPH, "print()", parameters={"day": "2026-11-27"}, attempts=attempts)
    run = store.record_run(TENANT, new).run
    begun = store.start_run(TENANT, run.run_id, RUNNER)
    assert begun is not None
    return begun.run


def fail(store: Store, run: Run, retry_after: float | None) -> Run | None:
    assert store.move_run(TENANT, run.run_id, Move(RUNNING, FAILED, retry_after=retry_after))
    return store.retry_of(run)


def test_a_retry_is_a_run_of_its_own_with_all_that_the_failed_one_had(store: Store) -> None:
    run = started(store)
    retry = fail(store, run, 100)
    assert retry is not None
    assert (retry.retry_of, retry.attempt, retry.attempts) == (run.run_id, 2, 3)
    assert retry.parameters == {"day": "2026-11-27"}
    assert store.program(TENANT, retry.run_id) == "print()"
    assert store.graph_of_run(TENANT, retry.run_id) == GRAPH
    assert retry.due_at is not None
    assert retry.due_at > retry.created_at + 99
    assert store.last_run(TENANT, run.job_id) == retry
    with pytest.raises(AlreadyRunning, match=retry.run_id):
        store.record_run(TENANT, NewRun(run.job_id, GRAPH, ""))


def test_runs_that_wait_are_listed_in_the_order_in_which_they_begin(store: Store) -> None:
    """Of more than a page of them the newest were listed, and none of those whose turn was next."""
    late, soon, due = (fail(store, started(store), wait) for wait in (200, 100, 0))
    first, second = (
        store.record_run(
            TENANT, NewRun(store.create_job(TENANT, name, GRAPH).job_id, GRAPH, "")
        ).run
        for name in "ab"
    )
    stranger = store.create_job("stranger", "c", GRAPH).job_id
    store.record_run("stranger", NewRun(stranger, GRAPH, ""))
    assert late and soon and due
    assert store.queued.first(TENANT, "", 0.0) == due.run_id
    of_all, found = RunFilter(), [due, first, second, soon, late]
    for limit in (1, 2, 9):
        assert [run for run, _ in in_turn(store, of_all, limit)] == found
    assert [run for run, _ in in_turn(store, RunFilter(job_id=soon.job_id), 9)] == [soon]
    assert in_turn(store, RunFilter(until=due.created_at), 9)[-1][0] == late

    [*_, (_, behind)] = store.queued.in_turn(TENANT, of_all, 4)
    assert behind.due_at == soon.due_at
    as_listed = replace(behind, listed_at=behind.listed_at + 150, due_at=0.0, created_at=0.0)
    later = [run for run, _ in store.queued.in_turn(TENANT, of_all, 9, as_listed)]
    assert later == [soon, due, first, second, late], "its time has come: it is as old as it is"


def in_turn(store: Store, wanted: RunFilter, limit: int) -> list[tuple[Run, Turn]]:
    """All pages, one after the other."""
    found: list[tuple[Run, Turn]] = []
    behind = None
    while page := store.queued.in_turn(TENANT, wanted, limit, behind):
        assert len(page) <= limit
        found += page
        behind = page[-1][1]
    return found


def test_it_is_queued_once_it_is_due_and_no_sweep_takes_it_before(store: Store) -> None:
    waits, comes = started(store), started(store)
    later, now = fail(store, waits, 100), fail(store, comes, 0)
    assert later is not None
    assert now is not None
    assert [run.run_id for run in store.queued.due()] == [now.run_id]
    assert store.queued.count_active() == 1  # messages that the queue should hold
    assert later.run_id not in {run.run_id for run in store.queued.not_since(-50.0)}
    assert store.queued.longer_than(-50) == [now]
    assert later.waits_until(now.created_at) == later.due_at
    assert store.queued.note_again(now)
    assert store.queued.due() == []


def test_no_retry_follows_a_cancel_that_was_asked_for_while_it_ran(store: Store) -> None:
    run = started(store)
    assert store.request_cancel(TENANT, run.run_id)
    assert fail(store, run, 0) is None


def test_a_waiting_retry_can_be_cancelled_and_nothing_follows(store: Store) -> None:
    run = started(store)
    retry = fail(store, run, 0)
    assert retry is not None
    assert store.move_run(TENANT, retry.run_id, Move(QUEUED, RunStatus.CANCELLED))
    assert store.queued.due() == []
    assert store.retry_of(retry) is None


def test_a_run_that_another_has_ended_gets_no_retry(store: Store) -> None:
    run = started(store)
    assert store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.LOST))
    assert not store.move_run(TENANT, run.run_id, Move(RUNNING, FAILED, retry_after=0))
    assert store.retry_of(run) is None


def test_clocks_that_differ_change_no_order_and_no_duration_is_negative(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web server's clock is two seconds ahead of the runner's; or NTP set one back."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 2)
    job = store.create_job(TENANT, f"job {next(NAMES)}", GRAPH)
    run = store.record_run(TENANT, NewRun(job.job_id, GRAPH, "", attempts=2)).run
    monkeypatch.setattr(time, "time", real)
    begun = store.start_run(TENANT, run.run_id, RUNNER)
    assert begun is not None
    retry = fail(store, begun.run, 100)
    assert retry is not None
    assert store.last_run(TENANT, job.job_id) == retry
    assert store.move_run(TENANT, retry.run_id, Move(QUEUED, RunStatus.CANCELLED))
    third = store.record_run(TENANT, NewRun(job.job_id, GRAPH, "")).run
    newest_first = store.runs(TENANT, RunFilter(job_id=job.job_id))
    assert [one.run_id for one in newest_first] == [third.run_id, retry.run_id, run.run_id]
    for one in newest_first[1:]:
        assert one.ended_at is not None
        assert one.created_at <= (one.started_at or one.created_at) <= one.ended_at
