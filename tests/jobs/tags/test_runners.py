"""Runners with tags as real processes: who takes what, who waits, and what becomes of it when one dies."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jobs.run.sweeps.waiting_runs import WaitingRuns
from jobs.run.taker import ANNOUNCED_AFTER
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import NewRun, Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.runners import GONE_AFTER
from jobs.store.store import Store
from jobs.work.announcements import Announcer
from jobs.work.commands import cancel_run
from jobs.work.run_queue import PLAN, TAGGED_PLAN, Claim, QueueUnavailable, RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from progress_lib.nats.streams import OwnStream, StreamRules
from tests.harness import DEADLINE, NatsServer, eventually
from tests.jobs.conftest import (
    FOR_EVER,
    GOOD,
    GRAPH,
    TENANT,
    UNTIL_TOLD,
    StartRunner,
    ended,
    program,
    record,
    running,
)

QUICK = {"beat": 0.2, "stale_after": 1.0, "lost_sweep": 0.3, "queue_sweep": 0.2}


def queued(
    store: Store, queue: RunQueue, body: str, tag: str | None, tenant_id: str = TENANT
) -> Run:
    run = record(store, body, tenant_id, tag)
    queue.put(run)
    return run


def go(data_dir: Path, run: Run) -> None:
    (data_dir / "runs" / run.run_id / "go").touch()


def messages(link: Link) -> int:
    told = JetStream(link).call(f"STREAM.INFO.{TAGGED_PLAN.name}", {})
    return int(told["state"]["messages"])


def test_each_runner_takes_the_runs_of_its_tags_and_no_others(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    plain = start_runner(slots=4)
    tagged = start_runner(slots=4, takes=("gpu", "eu"))
    wanted = [None, "gpu", "eu", None, "gpu"]
    runs = [queued(store, run_queue, UNTIL_TOLD, tag) for tag in wanted]
    nobody = queued(store, run_queue, GOOD, "nowhere")
    at_work = [running(store, run, nodes=2) for run in runs]
    runners = {tag: {run.runner for run in at_work if run.runner_tag == tag} for tag in wanted}
    assert runners["gpu"] == runners["eu"] != runners[None]
    of_pids = {str(ProcessIdentity.of(process.pid)) for process in (plain, tagged)}
    assert runners["gpu"] | runners[None] == of_pids
    for run in runs:
        go(data_dir, run)
        assert ended(store, run).status is RunStatus.COMPLETED
    assert store.run(TENANT, nobody.run_id).status is RunStatus.QUEUED


def test_a_runner_with_tags_takes_runs_without_one_too_unless_told_otherwise(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner(slots=1, takes=(None, "gpu"))
    runs = [queued(store, run_queue, GOOD, tag) for tag in ("gpu", None, "gpu", None)]
    assert {ended(store, run).status for run in runs} == {RunStatus.COMPLETED}
    eventually(lambda: run_queue.holds() == run_queue.holds("gpu") == 0, what="no message is left")


def test_many_runs_of_one_kind_do_not_hold_up_another_kind(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner(slots=1, takes=(None, "gpu"))
    holder = running(store, queued(store, run_queue, UNTIL_TOLD, "gpu"), nodes=2)
    many = [queued(store, run_queue, GOOD, "gpu") for _ in range(5)]
    one = queued(store, run_queue, GOOD, None)
    go(data_dir, holder)
    ends = [ended(store, run) for run in (*many, one)]
    order = sorted(ends, key=lambda run: run.started_at or 0.0)
    assert one.run_id in [run.run_id for run in order[:2]]


def test_tenants_take_turns_among_the_runs_of_a_tag(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    """What a tenant has at work for other tags does not count against it."""
    start_runner(slots=1)
    start_runner(slots=1, takes=("gpu",))
    elsewhere = running(store, queued(store, run_queue, FOR_EVER, None, "globex"))
    holder = running(store, queued(store, run_queue, UNTIL_TOLD, "gpu"), nodes=2)
    many = [queued(store, run_queue, GOOD, "gpu") for _ in range(4)]
    few = [queued(store, run_queue, GOOD, "gpu", "globex") for _ in range(2)]
    assert [store.queued.position(run) for run in (many[3], few[1])] == [5, 2]
    waited = few[-1].created_at + ANNOUNCED_AFTER
    eventually(lambda: time.time() > waited, what="all were told as queued for sure")
    go(data_dir, holder)
    ends = [ended(store, run) for run in (*many, *few)]
    order = [run.tenant_id for run in sorted(ends, key=lambda run: run.started_at or 0.0)]
    assert order == ["globex", TENANT, "globex", TENANT, TENANT, TENANT]
    assert store.run("globex", elsewhere.run_id).status is RunStatus.RUNNING


def test_a_killed_runner_leaves_its_tag_to_the_next_one_with_it(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner(periods=QUICK)
    dying = start_runner(slots=1, periods=QUICK, takes=("gpu",))
    lost = running(store, queued(store, run_queue, FOR_EVER, "gpu"))
    waiting = queued(store, run_queue, GOOD, "gpu")
    dying.kill()
    assert ended(store, lost).status is RunStatus.LOST, "ended by a runner without the tag"
    plain = [queued(store, run_queue, GOOD, None) for _ in range(3)]
    assert {ended(store, run).status for run in plain} == {RunStatus.COMPLETED}
    assert store.run(TENANT, waiting.run_id).status is RunStatus.QUEUED
    start_runner(periods=QUICK, takes=("gpu",))
    assert ended(store, waiting).status is RunStatus.COMPLETED


def test_a_message_of_a_tag_that_was_lost_is_replaced(
    store: Store, run_queue: RunQueue, link: Link, start_runner: StartRunner
) -> None:
    start_runner(periods={**QUICK, "queue_again_after": 0.5}, takes=("gpu",))
    run_queue.check("gpu")
    run = record(store, GOOD, tag="gpu")  # and never put in the queue
    assert ended(store, run).status is RunStatus.COMPLETED


def test_why_a_run_waits_is_known_while_no_runner_may_take_it(
    store: Store, start_runner: StartRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.store.runs.runners.KEPT", 0.0)
    takers = store.runners.takers
    assert takers().why_waiting("gpu") == "no runner with the tag gpu is there"
    assert takers().why_waiting(None) is None, "those of an earlier release do not show themselves"
    tagged = start_runner(periods=QUICK, takes=("gpu",))
    eventually(lambda: takers().why_waiting("gpu") is None, what="the runner shows itself")
    assert takers().why_waiting("eu") == "no runner with the tag eu is there"
    assert takers().why_waiting(None) == "no runner that takes runs without a tag is there"
    start_runner(periods=QUICK)
    eventually(lambda: takers().why_waiting(None) is None)
    assert tagged.stop() == 0
    assert takers().why_waiting("gpu") == "no runner with the tag gpu is there"


def test_a_runner_that_was_killed_counts_as_gone_after_its_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.store.runs.runners.KEPT", 0.0)
    store.runners.show(ProcessIdentity.of(os.getpid()), ["gpu"], takes_untagged=False)
    assert store.runners.takers().why_waiting("gpu") is None
    later = time.time() + GONE_AFTER + 1.0
    monkeypatch.setattr("jobs.store.runs.runners.time.time", lambda: later)
    assert store.runners.takers().why_waiting("gpu") == "no runner with the tag gpu is there"


def test_a_cancelled_run_of_a_tag_that_nobody_has_leaves_nothing_in_the_queue(
    store: Store, run_queue: RunQueue, link: Link
) -> None:
    announcer = Announcer(link)
    kept, cancelled = (queued(store, run_queue, GOOD, "nowhere") for _ in range(2))
    assert messages(link) == 2
    cancel_run(store, run_queue, announcer, TENANT, cancelled.run_id)
    eventually(lambda: messages(link) == 1, what="its message is gone")
    WaitingRuns(store, run_queue, announcer).end_late_starts(-1.0)
    assert store.run(TENANT, kept.run_id).status is RunStatus.FAILED
    eventually(lambda: messages(link) == 0, what="so is that of a run that waited too long")
    announcer.close(3.0)


def test_a_retry_keeps_the_tag(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner(periods=QUICK, takes=("gpu",))
    start_runner(periods=QUICK)
    graph = {**GRAPH, "retries": {"count": 1, "wait": 1}}
    job = store.create_job(TENANT, "a job", graph)
    new = NewRun(job.job_id, graph, program("sys.exit(1)"), attempts=2, runner_tag="gpu")
    run = store.record_run(TENANT, new).run
    run_queue.put(run)
    failed = ended(store, run)
    retry = eventually(lambda: store.retry_of(failed))
    assert retry is not None
    assert retry.runner_tag == "gpu"
    again = ended(store, retry)
    assert (again.status, again.runner) == (RunStatus.FAILED, failed.runner)


def test_the_stream_is_made_with_the_first_tag_and_follows_the_rules_of_streams(
    store: Store, nats_server: NatsServer
) -> None:
    link = Link(nats_server.url, name="staging", prefix="staging")
    link.start()
    assert link.wait_up(DEADLINE)
    queue = RunQueue(link, rules=StreamRules(store.installation), takes=("gpu",))
    try:
        queue.put(record(store))
        assert queue.state() == "ok"
        assert queue.tagged_state() == "off", "nobody asked for a tag yet"
        run = queued(store, queue, GOOD, "gpu")
        assert queue.tagged_state() == "ok"
        claim = eventually(lambda: taken(queue))
        assert claim is not None
        assert (claim.run_id, claim.tag) == (run.run_id, "gpu")
        config = JetStream(link).call("STREAM.INFO.staging_TAGGED_RUNS", {})["config"]
        assert config["subjects"] == ["staging.runs.*.*.*"]
        assert (config["retention"], config["max_msgs_per_subject"]) == ("workqueue", 1)
        of_another = RunQueue(link, rules=StreamRules(store.installation))
        assert of_another.tagged_state() == "ok", "the database knows that there is one"
    finally:
        link.close()


def taken(queue: RunQueue) -> Claim | None:
    return queue.take(0.5)


def test_a_stream_of_somebody_else_is_left_alone_and_told(
    store: Store, link: Link, run_queue: RunQueue
) -> None:
    foreign = {"name": TAGGED_PLAN.name, "subjects": ["orders.>"]}
    JetStream(link).call(f"STREAM.CREATE.{TAGGED_PLAN.name}", foreign)
    tagged = RunQueue(link, takes=("gpu",))
    assert "TAGGED_RUNS is somebody else's" in tagged.why_not_ours(2.0)
    assert run_queue.why_not_ours(2.0) == ""
    with pytest.raises(QueueUnavailable, match="somebody else's"):
        run_queue.check("gpu")
    run_queue.check()
    assert "somebody else's" in run_queue._tagged.state()
    assert run_queue.state() == "ok"


def test_runs_without_a_tag_are_taken_while_the_stream_of_tags_cannot_be_used(
    store: Store, link: Link, run_queue: RunQueue
) -> None:
    foreign = {"name": TAGGED_PLAN.name, "subjects": ["orders.>"]}
    JetStream(link).call(f"STREAM.CREATE.{TAGGED_PLAN.name}", foreign)
    both = RunQueue(link, takes=("gpu", None))
    runs = [queued(store, run_queue, GOOD, None) for _ in range(3)]
    claims = [both.take(2.0) for _ in runs]
    assert [claim and claim.run_id for claim in claims] == [run.run_id for run in runs]
    assert both.take(0.3) is None, "the other kind rests"
    both._rest.clear()
    with pytest.raises(QueueUnavailable, match="somebody else's"):
        both.take(0.3)


def test_streams_of_earlier_releases_stay_as_they_are(link: Link) -> None:
    """Runs without a tag are where they were, so that runners of both releases take them."""
    assert PLAN.subjects == ("runs.*.*",)
    opened = OwnStream(link, PLAN).open(2.0)
    assert opened["config"]["name"] == "RUNS"
    OwnStream(link, TAGGED_PLAN).open(2.0)  # no overlap with the first
