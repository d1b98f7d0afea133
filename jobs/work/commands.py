"""Execute and cancel: the two requests that change a run, with their steps in the order that is safe."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.graph.documents.again import Again, Before, CannotBegin, begin_again
from jobs.graph.filled import checked_values
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_program
from jobs.store.not_found import no_run
from jobs.store.records import Job, Move, NewRun, Recorded, Run
from jobs.store.runs.kept import Kept
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import OnlyIf, Store, StoreUnavailable
from jobs.work.announcements import Announcer, status_announcement
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib import Status
from progress_lib.nats.link import Link

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begin:
    """A run that is to begin at a node, with what a run before kept."""

    run_id: str
    node_id: int
    check: Callable[[Again], None]  # raises where what is to be read is not there


@dataclass(frozen=True, slots=True)
class ExecuteRequest:
    """What somebody asks who has a job run.

    `given`: values of the job's parameters, as the request has them; those that are not given have their defaults.
    `key`: of two requests with the same one and the same `request_hash` one run is made. `traceparent`: what the run's spans
    are children of. `begin`: where to start, with the outputs that an earlier run kept; parameters that are not given
    then have that run's values.
    `only_if`: the state in which the job must be when the run is recorded.
    """

    tenant_id: str
    job_id: int
    given: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    request_hash: str = ""
    started_by: str | None = None
    traceparent: str | None = None
    begin: Begin | None = None
    only_if: OnlyIf | None = None


BEFORE_START = "cancelled before it started"


def execute_job(
    store: Store, run_queue: RunQueue, link: Link, asked: ExecuteRequest, most_queued: int
) -> Recorded:
    """Records a run of the job as it is now, and queues it.

    A first transaction reads, a second one checks again and records; it alone decides. The program is
    generated between them, so that SQLite's one write lock is held only briefly.

    Raises NotFound, IdempotencyMismatch, AlreadyRunning, JobChanged, GraphInvalid, WrongParameters, CannotBegin (and what the
    check of `begin` raises), TooManyQueued, QueueUnavailable or StoreUnavailable, all before anything is recorded. A recorded
    run that cannot be queued now, since NATS has just gone away, is queued later by a runner's sweep.
    """
    tenant_id, job_id = asked.tenant_id, asked.job_id
    job = store.to_execute(tenant_id, job_id, asked.key, asked.request_hash, asked.only_if)
    if isinstance(job, Run):
        return Recorded(job, is_new=False)
    new = _new_run(store, asked, job)
    run_queue.check(new.runner_tag)
    recorded = store.record_run(tenant_id, new, most_queued, asked.only_if)
    if recorded.is_new:
        _queue(run_queue, link, recorded.run)
    return recorded


def _new_run(store: Store, asked: ExecuteRequest, job: Job) -> NewRun:
    """The run with its program, by the job as it is now."""
    graph = parse_graph(job.graph)
    given, again = asked.given, None
    if asked.begin is None:
        parameters = checked_values(graph, given)
    else:
        before = _run_before(store, asked.tenant_id, asked.job_id, asked.begin.run_id)
        parameters = checked_values(graph, {**before.parameters, **given})
        again = _begin(store, before, asked.begin, job, parameters)
    return NewRun(
        asked.job_id,
        job.graph,
        generate_program(graph, job_id=asked.job_id, tenant_id=asked.tenant_id, job_name=job.name),
        asked.key,
        asked.request_hash,
        parameters,
        attempts=graph.retries.attempts,
        started_by=asked.started_by,
        runner_tag=graph.runner_tag,
        traceparent=asked.traceparent,
        again=again,
    )


def _run_before(store: Store, tenant_id: str, job_id: int, run_id: str) -> Run:
    """Raises NotFound, also for a run of another job: who may ask of one job learns nothing of others."""
    run = store.run(tenant_id, run_id)
    if run.job_id != job_id:
        raise no_run(run_id)
    return run


def _begin(
    store: Store, before: Run, begin: Begin, job: Job, parameters: Mapping[str, str | None]
) -> Again:
    """What a run does that begins with what the run `before` kept. Raises CannotBegin, and what `check` does."""
    if not before.has_ended:
        raise CannotBegin(f"run {before.run_id} has not ended")
    kept = store.kept(before.tenant_id, before.run_id)
    if kept is None:
        raise CannotBegin(
            f"run {before.run_id} has kept nothing of its nodes: let the job keep what its nodes give"
        )
    if kept.is_deleted:
        raise CannotBegin(f"what run {before.run_id} kept is deleted by now", is_gone=True)
    if dict(before.parameters) != dict(parameters):
        raise CannotBegin(
            f"the values of the parameters are others than those of run {before.run_id}"
        )
    again = begin_again(known_of(store, before, kept), job.graph, begin.node_id)
    begin.check(again)
    return again


def known_of(store: Store, run: Run, kept: Kept) -> Before:
    """What is known of a run that kept something."""
    _, nodes = store.run_with_nodes(run.tenant_id, run.run_id)
    told = [node.progress for node in nodes]
    return Before(
        run.run_id,
        store.graph_of_run(run.tenant_id, run.run_id),
        kept.place,
        {number: node.reason for number, node in kept.nodes.items()},
        {progress.node_id: progress.row_count for progress in told},
        {one.node_id for one in told if one.status is Status.COMPLETED},
        run.parameters,
    )


def _queue(run_queue: RunQueue, link: Link, run: Run) -> None:
    # Announced on the queue's connection and before the queue message, so that "queued" comes before
    # the "running" of the runner that takes it.
    queued = status_announcement(run, RunStatus.QUEUED)
    link.publish(queued.subject, queued.payload)
    try:
        run_queue.put(run)
    except QueueUnavailable as error:
        LOG.warning("run %s is recorded and will be queued later: %s", run.run_id, error)


def cancel_run(
    store: Store, run_queue: RunQueue, announcer: Announcer, tenant_id: str, run_id: str
) -> Run:
    """Ends a queued run at once, or has a running one ended; harmless for one that has ended.

    Raises NotFound, StoreUnavailable; the runner of a running one is told even so: its program may be what fills the database's disk.
    """
    while True:
        run = store.run(tenant_id, run_id)
        if run.status is RunStatus.QUEUED:
            _cancel_queued(store, run_queue, announcer, run)
        elif run.status is RunStatus.RUNNING and run.cancel_requested_at is None:
            try:
                store.request_cancel(tenant_id, run_id)
            except StoreUnavailable:
                run_queue.tell_cancel(run)
                raise
        else:
            if not run.has_ended:
                run_queue.tell_cancel(run)
            return run


def _cancel_queued(store: Store, run_queue: RunQueue, announcer: Announcer, run: Run) -> None:
    move = Move(RunStatus.QUEUED, RunStatus.CANCELLED, BEFORE_START)
    if store.move_run(run.tenant_id, run.run_id, move):
        run_queue.drop(run)
        announcer.announce(status_announcement(run, move.to, BEFORE_START))
