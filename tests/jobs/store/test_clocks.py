"""A machine whose clock is wrong, beside PostgreSQL: what is old, due or late is told by the database's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.run.sweeps.retention import DAY, OldRuns
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, NewRun, Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.store.webhooks.records import Form, NewWebhook, Told
from jobs.webhooks.deliveries import result_of
from jobs.webhooks.post import Outcome
from jobs.webhooks.signature import new_secret
from jobs.work.deleted_jobs import STRAGGLERS
from jobs.work.run_files import RunFiles
from settings.defaults import KeptOutputs, Retention, WebhookSettings
from tests.jobs.conftest import GRAPH, TENANT
from tests.servers.databases import Database

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
    shared.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED))
    clock.ahead = 100 * DAY
    files = RunFiles(data_dir, run.run_id)
    files.make_kept(TENANT)
    OldRuns(shared, data_dir, Retention(days=90), KeptOutputs(days=7)).sweep()
    assert shared.run(TENANT, run.run_id).has_ended
    assert files.all_kept.exists(), "what it kept, too"


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
    shared.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, failed, retry_after=0.0))
    ended = shared.run(TENANT, run.run_id)
    assert ended.started_at is not None and ended.ended_at is not None
    assert ended.ended_at - run.created_at < 60.0
    assert [retry.retry_of for retry in shared.queued.due()] == [run.run_id]


@pytest.mark.parametrize("ahead", [600.0, -600.0])
def test_a_retry_has_a_place_in_the_queue_once_the_database_says_that_its_time_has_come(
    shared: Store, clock: Clock, ahead: float
) -> None:
    places = []
    for wait in (0.0, 60.0):
        run = recorded(shared)
        shared.start_run(TENANT, run.run_id, ME)
        move = Move(RunStatus.RUNNING, RunStatus.FAILED, retry_after=wait)
        shared.move_run(TENANT, run.run_id, move)
        retry = shared.retry_of(run)
        assert retry is not None
        clock.ahead = ahead
        places.append(shared.queued.position(retry))
        clock.ahead = 0.0
    assert places == [0, None]


@pytest.mark.parametrize("ahead", [3 * DAY, -3 * DAY])
def test_a_delivery_is_due_at_once_whatever_the_clock_of_who_ended_the_run(
    shared: Store, clock: Clock, ahead: float
) -> None:
    """One of a runner whose clock is ahead waited for as long."""
    clock.ahead = ahead
    webhook_id = told_of_an_end(shared)
    clock.ahead = -ahead
    assert [one.webhook_id for one in shared.webhooks.due()] == [webhook_id]
    assert len(shared.webhooks.claim([webhook_id], 60.0)) == 1
    clock.ahead = ahead
    assert shared.webhooks.due() == [], "who claimed it has his time"


def test_a_sender_whose_clock_is_days_ahead_disables_no_webhook(
    shared: Store, clock: Clock
) -> None:
    webhook_id = told_of_an_end(shared)
    settings = WebhookSettings(disable_days=3)
    for ahead in (0.0, 4 * DAY):
        clock.ahead = ahead
        [claimed] = shared.webhooks.claim([webhook_id], 60.0)
        began = claimed.claimed_at
        result = result_of(claimed, Outcome(500, "it answered 500"), settings, began)
        assert result.disable is None
        shared.webhooks.settle([replace(result, next_at=began)])
    assert abs(began - real()) < 60.0


def test_an_old_secret_signs_for_a_day_whatever_the_clock_of_who_changed_it(
    shared: Store, clock: Clock
) -> None:
    webhook_id = told_of_an_end(shared)
    clock.ahead = -2 * DAY
    shared.webhooks.change_secret(TENANT, webhook_id, new_secret())
    clock.ahead = 2 * DAY
    [claimed] = shared.webhooks.claim([webhook_id], 60.0)
    assert len(claimed.secrets) == 2


def test_what_comes_late_of_a_deleted_job_is_awaited_by_the_clock_of_the_database(
    shared: Store, clock: Clock
) -> None:
    job = shared.create_job(TENANT, "a job", GRAPH)
    clock.ahead = -DAY
    shared.delete_job(TENANT, job.job_id)
    clock.ahead = DAY
    [noted] = shared.sweeps.deleted_jobs()
    assert noted.age < STRAGGLERS


def test_two_states_of_a_job_never_have_the_same_time(shared: Store, clock: Clock) -> None:
    """The ETag is made of it."""
    job = shared.create_job(TENANT, "a job", GRAPH)
    clock.ahead = -DAY
    later = shared.update_job(TENANT, job.job_id, "another name", GRAPH)
    assert later.updated_at > job.updated_at


def test_a_run_whose_message_is_lost_is_queued_again_also_where_the_clock_was_set_back(
    store: Store, clock: Clock
) -> None:
    """With SQLite it waited until the clock was as late again as at the job's run before."""
    clock.ahead = DAY
    job = store.create_job(TENANT, "a job", GRAPH)
    before = store.record_run(TENANT, NewRun(job.job_id, GRAPH, "")).run
    store.move_run(TENANT, before.run_id, Move(RunStatus.QUEUED, RunStatus.CANCELLED))
    clock.ahead = 0.0
    run = store.record_run(TENANT, NewRun(job.job_id, GRAPH, "")).run
    assert run.created_at > before.created_at, "in lists it is the newest one"
    assert [late.run_id for late in store.queued.not_since(-60.0)] == [run.run_id]
    assert store.queued.count_active() == store.queued.all_waiting().queued == 1


def told_of_an_end(store: Store) -> str:
    """A webhook that is to be told of a run that has just ended."""
    new = NewWebhook("https://hooks.example/", frozenset(Told), Form.STANDARD)
    webhook = store.webhooks.create(TENANT, new, new_secret(), 9).webhook
    run = recorded(store)
    store.start_run(TENANT, run.run_id, ME)
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED))
    return webhook.webhook_id
