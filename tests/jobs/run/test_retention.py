"""Runs and files beyond what is kept are deleted, those of runs at work and of other machines never."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs.run.sweeps import retention
from jobs.run.sweeps.retention import DAY, OldRuns
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import LogEnd, Move, NewRun
from jobs.store.runs.kept import Kept as KeptNodes
from jobs.store.runs.kept import KeptNode
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.sweeps import Sweeps
from jobs.store.store import NotFound, RunNotEnded, Store
from jobs.store.tables import NODE_STATES, RUN_LOGS, RUNS, WEBHOOK_DELIVERIES
from jobs.store.webhooks.records import NewWebhook, Told
from jobs.webhooks.signature import new_secret
from jobs.work.run_files import PLACE, RunFiles
from settings.defaults import KeptOutputs, Retention
from tests.harness import eventually
from tests.jobs.conftest import GRAPH, TENANT, StartRunner, ended, node_state, record

ME = ProcessIdentity("here", 1, 2)


class Kept:
    """A store whose runs have the ages that a test wants."""

    def __init__(self, store: Store, database_url: str, data_dir: Path) -> None:
        self.store, self.data_dir = store, data_dir
        self.engine = sa.create_engine(database_url)

    def job(self) -> int:
        return self.store.create_job(TENANT, "a job", GRAPH).job_id

    def run(
        self, job_id: int, days: float, *, ends: bool = True, held: KeptNodes | None = None
    ) -> str:
        """A run that was created, and ended, so many days ago, with states, a log and files."""
        run = self.store.record_run(TENANT, NewRun(job_id, GRAPH, "")).run
        self.store.start_run(TENANT, run.run_id, ME)
        RunFiles(self.data_dir, run.run_id).write_program("")
        then = time.time() - days * DAY
        times = {"created_at": then}
        if ends:
            nodes: list[NodeState] = [node_state(1, "completed", 5)]
            log = LogEnd(1, b"x")
            end = RunStatus.COMPLETED
            move = Move(RunStatus.RUNNING, end, nodes=nodes, log=log, kept=held)
            self.store.move_run(TENANT, run.run_id, move)
            times["ended_at"] = then
        with self.engine.begin() as connection:
            connection.execute(sa.update(RUNS).where(RUNS.c.run_id == run.run_id).values(**times))
        return run.run_id

    def sweep(self, **keep: int) -> None:
        OldRuns(self.store, self.data_dir, Retention(**keep), KeptOutputs()).sweep()

    def ids(self) -> set[str]:
        """The runs in the database; what belongs to them is there, and nothing of others."""
        with self.engine.connect() as connection:
            found = [
                set(connection.execute(sa.select(table.c.run_id)).scalars())
                for table in (RUNS, NODE_STATES, RUN_LOGS)
            ]
        runs, nodes, logs = found
        assert nodes == logs
        assert nodes <= runs
        assert self.directories() == runs
        return runs

    def directories(self) -> set[str]:
        return {path.name for path in (self.data_dir / "runs").iterdir()} - {PLACE}


@pytest.fixture
def kept(store: Store, database_url: str, data_dir: Path) -> Kept:
    return Kept(store, database_url, data_dir)


def test_runs_that_ended_too_long_ago_are_deleted_with_all_that_is_theirs(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "PAUSE", 0.0)
    job = kept.job()
    old = [kept.run(job, days) for days in (9, 8, 7.5, 7.2, 7.1)]
    new = [kept.run(job, days) for days in (6.9, 1)]
    working = kept.run(job, 30, ends=False)
    kept.sweep(days=0, runs_per_job=0)
    assert kept.ids() == {*old, *new, working}
    kept.sweep(days=7, runs_per_job=0)
    assert kept.ids() == {*new, working}


def test_of_each_job_the_newest_runs_are_kept(kept: Kept) -> None:
    busy, quiet = kept.job(), kept.job()
    runs = [kept.run(busy, days) for days in (5, 4, 3, 2)]
    others = [kept.run(quiet, days) for days in (50, 40)]
    working = kept.run(busy, 1, ends=False)
    kept.sweep(days=0, runs_per_job=3)
    assert kept.ids() == {*runs[2:], working, *others}


def test_two_runners_that_delete_at_once_leave_as_many_runs_as_are_kept(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each counted what was too much, and both deleted so many of the oldest."""
    job = kept.job()
    runs = [kept.run(job, days) for days in (6, 5, 4, 3, 2)]
    sweeps, reads = kept.store.sweeps, kept.store.sweeps._read
    another = Sweeps(reads, kept.store.sweeps._write)

    def meanwhile(work: Callable[[sa.Connection], object]) -> object:
        found = reads(work)
        another.delete_beyond(3, 100)
        return found

    monkeypatch.setattr(sweeps, "_read", meanwhile)
    sweeps.delete_beyond(3, 100)
    assert [run.run_id for run in kept.store.runs(TENANT)] == runs[:1:-1]


def test_files_of_runs_that_another_machine_deleted_go_and_those_of_a_foreign_database_stay(
    kept: Kept,
) -> None:
    job = kept.job()
    gone, stays = kept.run(job, 2), kept.run(job, 1)
    kept.store.delete_run(TENANT, gone)
    kept.sweep()
    assert kept.directories() == {stays}
    foreign = ("a" * 32, "b" * 32)
    for name in foreign:
        RunFiles(kept.data_dir, name).write_program("")
    kept.store.delete_run(TENANT, stays)
    kept.sweep()
    assert kept.directories() == {stays, *foreign}, "this database knows none of these runs"


def test_what_lies_beside_the_directories_of_runs_stays_and_holds_nothing_up(kept: Kept) -> None:
    job = kept.job()
    gone, stays = kept.run(job, 2), kept.run(job, 1)
    beside = {"lost+found", ".snapshot", "logs-of-march"}
    for name in beside:
        (kept.data_dir / "runs" / name).mkdir()
    kept.store.delete_run(TENANT, gone)
    kept.sweep()
    assert kept.directories() == {stays, *beside}


def test_what_a_machine_kept_that_is_gone_uses_up_no_room_for_longer_than_its_days(
    kept: Kept,
) -> None:
    """As of a container without a volume: its bytes counted, and nothing more was kept, until its runs were deleted."""
    job, held = kept.job(), KeptNodes("elsewhere", {1: KeptNode(5, 1_000)})
    kept.run(job, 8, held=held)
    new = kept.run(job, 6, held=held)
    assert kept.store.kept_bytes(TENANT) == 2_000
    kept.sweep()
    assert kept.store.kept_bytes(TENANT) == 1_000
    assert kept.store.kept(TENANT, new) == held


def test_a_run_that_has_not_ended_or_is_anothers_is_not_deleted(kept: Kept) -> None:
    run_id = kept.run(kept.job(), 0, ends=False)
    with pytest.raises(RunNotEnded, match="cancel it first"):
        kept.store.delete_run(TENANT, run_id)
    with pytest.raises(NotFound):
        kept.store.delete_run("globex", run_id)
    assert kept.store.run(TENANT, run_id).run_id == run_id


def test_a_runner_sweeps_as_soon_as_it_starts(
    kept: Kept, start_runner: StartRunner, store: Store
) -> None:
    job = kept.job()
    old, new = kept.run(job, 91), kept.run(job, 89)
    start_runner()
    eventually(lambda: kept.directories() == {new})
    with pytest.raises(NotFound):
        store.run(TENANT, old)
    assert ended(store, record(store)).status is RunStatus.COMPLETED


def test_the_record_of_deliveries_is_kept_for_its_own_days_whatever_becomes_of_the_runs(
    kept: Kept,
) -> None:
    new = NewWebhook("https://hooks.example/", frozenset({Told.COMPLETED}))
    webhook = kept.store.webhooks.create(TENANT, new, new_secret(), 1).webhook
    kept.run(kept.job(), days=40)
    told = kept.store.webhooks.deliveries(TENANT, webhook.webhook_id, 9)
    kept.sweep(days=30, deliveries_days=10)
    assert kept.store.runs(TENANT) == []
    assert kept.store.webhooks.deliveries(TENANT, webhook.webhook_id, 9) == told
    with kept.engine.begin() as connection:
        then = time.time() - 11 * DAY
        connection.execute(sa.update(WEBHOOK_DELIVERIES).values(created_at=then))
    kept.sweep(deliveries_days=0)
    assert len(kept.store.webhooks.deliveries(TENANT, webhook.webhook_id, 9)) == 1
    kept.sweep(deliveries_days=10)
    assert kept.store.webhooks.deliveries(TENANT, webhook.webhook_id, 9) == []
