"""What NATS and the web workers hold of a job that was deleted, on a real nats-server, and through the product."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from jobs.store.records import Move, NewRun
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import AlreadyRunning, Store
from jobs.work import deleted_jobs
from jobs.work.deleted_jobs import DeletedJobs
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from progress_lib.nats.streams import StreamRules
from progress_lib.subjects import progress_subject, status_subject
from realtime.bridge.stream import ProgressStream
from tests.harness import DEADLINE, NatsServer, Product, eventually, product_of_each_class
from tests.jobs.conftest import GRAPH, TENANT, StartRunner, record
from tests.progress_lib.nats.test_streams import Named
from tests.realtime.raw import publish

product = product_of_each_class("deleted")


def job(store: Store) -> int:
    return store.create_job(TENANT, "a job", GRAPH).job_id


def tell(link: Link, *job_ids: int, rules: StreamRules | None = None) -> ProgressStream:
    """The stream, which holds a status and a progress of each job."""
    stream = ProgressStream(link, TENANT, rules)
    last = stream.open().last_seq
    for job_id in job_ids:
        for subject in (progress_subject(TENANT, job_id), status_subject(TENANT, job_id)):
            link.publish(subject, b"{}")
    eventually(lambda: stream.open().last_seq == last + 2 * len(job_ids))
    return stream


def count(stream: ProgressStream, job_id: int) -> int:
    return sum(len(batch) for batch in stream.replay([(TENANT, job_id)]))


def test_the_history_of_a_deleted_job_is_gone_and_that_of_others_stays(
    store: Store, link: Link
) -> None:
    gone, other = job(store), job(store)
    stream = tell(link, gone, other)
    store.delete_job(TENANT, gone)
    DeletedJobs(store, link).forget(TENANT, gone)
    assert (count(stream, gone), count(stream, other)) == (0, 2)


def test_a_job_that_is_deleted_while_nats_is_away_is_forgotten_once_it_is_back(
    store: Store, nats_server: NatsServer, link: Link
) -> None:
    gone = job(store)
    stream = tell(link, gone)
    nats_server.stop()
    eventually(lambda: not link.is_up)
    store.delete_job(TENANT, gone)
    deleted = DeletedJobs(store, link)
    deleted.forget(TENANT, gone)
    deleted.sweep()
    assert [one.job_id for one in store.sweeps.deleted_jobs()] == [gone], "it is noted"
    nats_server.restart()
    eventually(lambda: link.is_up)
    DeletedJobs(store, link).sweep()
    assert count(stream, gone) == 0


def test_a_runner_forgets_what_is_noted_as_soon_as_it_starts(
    store: Store, link: Link, start_runner: StartRunner
) -> None:
    gone = job(store)
    stream = tell(link, gone, rules=StreamRules(store.installation))
    store.delete_job(TENANT, gone)
    start_runner()
    eventually(lambda: count(stream, gone) == 0)


def test_what_comes_late_of_a_deleted_job_goes_too_and_then_its_note(
    store: Store, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = job(store)
    store.delete_job(TENANT, gone)
    deleted = DeletedJobs(store, link)
    deleted.forget(TENANT, gone)
    stream = tell(link, gone)
    deleted.sweep()
    assert count(stream, gone) == 0
    assert store.sweeps.deleted_jobs(), "a straggler may still come"
    monkeypatch.setattr(deleted_jobs, "STRAGGLERS", -1.0)
    deleted.sweep()
    assert store.sweeps.deleted_jobs() == []


def test_a_round_asks_once_whether_there_is_a_history(
    store: Store, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [job(store) for _ in range(3)]
    stream = tell(link, *gone)
    for one in gone:
        store.delete_job(TENANT, one)
    asked: list[str] = []
    call = JetStream.call

    def counted(self: JetStream, name: str, *rest: Any) -> Any:
        asked.append(name)
        return call(self, name, *rest)

    monkeypatch.setattr(JetStream, "call", counted)
    DeletedJobs(store, link).sweep()
    assert sum(name.startswith("STREAM.INFO") for name in asked) == 1
    assert [count(stream, one) for one in gone] == [0, 0, 0]


def test_a_job_that_is_not_deleted_keeps_its_history(store: Store, link: Link) -> None:
    run = record(store)
    stream = tell(link, run.job_id)
    with pytest.raises(AlreadyRunning):
        store.delete_job(TENANT, run.job_id)
    DeletedJobs(store, link).sweep()
    assert count(stream, run.job_id) == 2


def test_the_stream_and_the_workers_of_another_installation_are_left_alone(
    store: Store, link: Link
) -> None:
    """They have a job of that number themselves: who came to it was shown nothing of it."""
    heard: list[str] = []
    link.subscribe("tenant.*.job.*.deleted", lambda message: heard.append(message.subject))
    gone = job(store)
    stream = tell(link, gone, rules=StreamRules(Named("theirs")))
    store.delete_job(TENANT, gone)
    DeletedJobs(store, link, StreamRules(Named("ours"))).forget(TENANT, gone)
    assert count(stream, gone) == 2
    assert link.flush(DEADLINE)
    assert heard == []


def test_without_a_history_there_is_nothing_to_forget(store: Store, link: Link) -> None:
    gone = job(store)
    store.delete_job(TENANT, gone)
    heard: list[str] = []
    link.subscribe("tenant.*.job.*.deleted", lambda message: heard.append(message.subject))
    DeletedJobs(store, link).forget(TENANT, gone)
    assert eventually(lambda: heard) == [f"tenant.{TENANT}.job.{gone}.deleted"]
    assert not JetStream(link).call("STREAM.NAMES", {})["streams"]


def say(product: Product, job_id: int) -> None:
    told = {"runId": f"run-{job_id}", "status": "completed"}
    subject = status_subject(product.tenant_id, job_id)
    publish(product, (subject, json.dumps(told).encode()))


def shown(product: Product, job_id: int, after: int) -> set[str]:
    return {message["type"] for message in messages(product, job_id, after)}


def messages(product: Product, job_id: int, after: int) -> list[dict[str, Any]]:
    """What somebody who comes is sent of a job, alone and among all. `after`: a job that nobody has asked for yet, whose past is read later."""
    say(product, after)
    with product.websocket() as client:
        for one in ("*", job_id, after):
            client.send(json.dumps({"action": "subscribe", "jobId": one}))
        found: list[dict[str, Any]] = []
        while True:
            message = json.loads(client.recv(timeout=20))
            if message.get("jobId") == job_id:
                found.append(message)
            if (message["type"], message.get("jobId")) == ("job.status", after):
                return found


def test_who_comes_is_shown_nothing_of_a_deleted_job(product: Product) -> None:
    """A page showed it as another program."""
    job_id = product.create_job({"name": "gone", "graph": {"nodes": [], "edges": []}})
    say(product, job_id)
    numbers = itertools.count(1_001)
    with product.websocket() as everything:
        everything.send(json.dumps({"action": "subscribe", "jobId": "*"}))
        eventually(lambda: shown(product, job_id, next(numbers)) == {"job.brief", "job.status"})
        assert product.request("DELETE", f"/api/jobs/{job_id}").status == 204
        eventually(lambda: not shown(product, job_id, next(numbers)))


def said_of_an_ended_run(product: Product, store: Store, job_id: int) -> str:
    """A run that was cancelled before it started, and is told on NATS; its id."""
    run = store.record_run(product.tenant_id, NewRun(job_id, GRAPH, "")).run
    cancelled = RunStatus.CANCELLED
    store.move_run(run.tenant_id, run.run_id, Move(RunStatus.QUEUED, cancelled, reason="of a row"))
    told = json.dumps({"runId": run.run_id, "status": cancelled, "reason": "of a row"})
    publish(product, (status_subject(run.tenant_id, job_id), told.encode()))
    return run.run_id


def runs_shown(product: Product, job_id: int, after: int) -> set[str]:
    found = messages(product, job_id, after)
    return {one["payload"]["runId"] for one in found if one["type"] == "job.status"}


def test_who_comes_is_shown_nothing_of_a_deleted_run_but_the_one_before(product: Product) -> None:
    """Its nodes and its reason, which may quote rows, were on the page for a day."""
    job_id = product.create_job({"name": "two runs", "graph": {"nodes": [], "edges": []}})
    store = Store(f"sqlite:///{product.data_dir / 'progress.db'}")
    store.open()
    try:
        earlier, newest = (said_of_an_ended_run(product, store, job_id) for _ in range(2))
    finally:
        store.close()
    numbers = itertools.count(2_001)
    eventually(lambda: runs_shown(product, job_id, next(numbers)) == {newest})
    assert product.request("DELETE", f"/api/runs/{newest}").status == 204
    eventually(lambda: runs_shown(product, job_id, next(numbers)) == {earlier})
    assert product.request("DELETE", f"/api/runs/{earlier}").status == 204
    eventually(lambda: not runs_shown(product, job_id, next(numbers)))
