"""Execute, as steps: what it costs, and that each step is safe to be the last one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy

from jobs.store.connections.database import StoreUnavailable
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Job, Recorded, RunFilter
from jobs.store.store import JobChanged, Store
from jobs.work.announcements import Announcer
from jobs.work.commands import ExecuteRequest, cancel_run, execute_job
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from tests.harness import NatsServer, eventually
from tests.jobs.conftest import TENANT
from tests.programs import chain, node

GRAPH = chain(node(1, "csv_input", path="in.csv"), node(2, "csv_output", path="out.csv"))


def execute(store: Store, run_queue: RunQueue, link: Link, job_id: int) -> Recorded:
    return execute_job(store, run_queue, link, ExecuteRequest(TENANT, job_id), 1_000)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Transactions of databases, and questions to NATS."""
    counts = {"transactions": 0, "questions": 0}
    ask = Link.request

    def begun(_: sqlalchemy.Connection) -> None:
        counts["transactions"] += 1

    def asked(*args: Any, **options: Any) -> Any:
        counts["questions"] += 1
        return ask(*args, **options)

    sqlalchemy.event.listen(sqlalchemy.Engine, "begin", begun)
    monkeypatch.setattr(Link, "request", asked)
    try:
        yield counts
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "begin", begun)


def test_an_execute_costs_two_transactions_and_one_question(
    store: Store, run_queue: RunQueue, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (store.create_job(TENANT, "a job", GRAPH).job_id for _ in range(2))
    execute(store, run_queue, link, first)  # the stream is ensured once a connection
    with counted(monkeypatch) as counts:
        recorded = execute(store, run_queue, link, second)
    assert recorded.is_new
    assert counts == {"transactions": 2, "questions": 1}
    assert run_queue.holds() == 2


def test_a_queue_that_is_deleted_under_a_connection_is_made_again(
    store: Store, run_queue: RunQueue, link: Link
) -> None:
    first, second = (store.create_job(TENANT, "a job", GRAPH).job_id for _ in range(2))
    execute(store, run_queue, link, first)
    JetStream(link).call("STREAM.DELETE.RUNS", {})
    assert execute(store, run_queue, link, second).is_new
    assert run_queue.holds() == 1


def test_nothing_is_recorded_while_nats_is_away(
    store: Store, run_queue: RunQueue, link: Link, nats_server: NatsServer
) -> None:
    """Once the link knows it; before, the run is recorded, and a sweep queues it."""
    first, second = (store.create_job(TENANT, "a job", GRAPH).job_id for _ in range(2))
    execute(store, run_queue, link, first)
    nats_server.kill()
    eventually(lambda: not link.is_up)
    with pytest.raises(QueueUnavailable):
        execute(store, run_queue, link, second)
    assert store.runs(TENANT, RunFilter(job_id=second)) == []


def test_a_save_between_the_transactions_of_an_execute_is_noticed(
    store: Store, run_queue: RunQueue, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = store.create_job(TENANT, "a job", GRAPH)
    check = run_queue.check

    def saved_meanwhile(tag: str | None) -> None:
        store.update_job(TENANT, seen.job_id, "a job", GRAPH)
        check(tag)

    monkeypatch.setattr(run_queue, "check", saved_meanwhile)

    def is_as_seen(job: Job) -> bool:
        return job.updated_at == seen.updated_at

    with pytest.raises(JobChanged):
        asked = ExecuteRequest(TENANT, seen.job_id, only_if=is_as_seen)
        execute_job(store, run_queue, link, asked, 1_000)
    assert store.runs(TENANT) == []


def test_a_cancel_that_the_database_does_not_take_reaches_the_runner(
    store: Store, run_queue: RunQueue, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that fills the disk of the database could not be ended, and so the disk stayed full."""
    told: list[str] = []
    run_queue.on_cancel(lambda tenant_id, run_id: told.append(run_id))
    run = execute(store, run_queue, link, store.create_job(TENANT, "a job", GRAPH).job_id).run
    assert store.start_run(TENANT, run.run_id, ProcessIdentity.of(os.getpid())) is not None

    def full(*_: object) -> bool:
        raise StoreUnavailable("the database takes no writes: its disk is full")

    monkeypatch.setattr(store, "request_cancel", full)
    announcer = Announcer(link)
    with pytest.raises(StoreUnavailable):  # so that who asked asks again
        cancel_run(store, run_queue, announcer, TENANT, run.run_id)
    eventually(lambda: told == [run.run_id])
    announcer.close(3.0)
