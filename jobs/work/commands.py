"""Execute and cancel: the two requests that change a run, with their steps in the order that is safe."""

import logging
from collections.abc import Mapping
from typing import Any

from jobs.graph.checks import parse_graph
from jobs.graph.filled import checked_values
from jobs.program.generator import generate_program
from jobs.store.records import NewRun, Recorded, Run
from jobs.store.run_states import RunStatus
from jobs.store.store import Store
from jobs.work.announcements import Announcer, status_announcement
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats import Link

LOG = logging.getLogger(__name__)

BEFORE_START = "cancelled before it started"


def execute_job(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    tenant_id: str,
    job_id: int,
    key: str | None,
    request_hash: str,
    most_queued: int,
    given: Mapping[str, Any],
    started_by: str | None = None,
    traceparent: str | None = None,
) -> Recorded:
    """Records a run of the job as it is now, and queues it.

    A first transaction reads, a second one checks again and records; it alone decides. The program is
    generated between them, so that SQLite's one write lock is held only briefly.

    `given`: values of the job's parameters, as a request has them; those that are not given have their defaults.
    `traceparent`: what the run's spans are children of.

    Raises NotFound, IdempotencyMismatch, AlreadyRunning, GraphInvalid, WrongParameters, TooManyQueued,
    QueueUnavailable or StoreUnavailable, all before anything is recorded. A recorded run that cannot be queued now, since NATS
    has just gone away, is queued later by a runner's sweep.
    """
    found = store.to_execute(tenant_id, job_id, key, request_hash)
    if isinstance(found, Run):
        return Recorded(found, is_new=False)
    graph = parse_graph(found.graph)
    parameters = checked_values(graph, given)
    program = generate_program(graph, job_id=job_id, tenant_id=tenant_id, job_name=found.name)
    run_queue.check(graph.runner_tag)
    new = NewRun(
        job_id,
        found.graph,
        program,
        key,
        request_hash,
        parameters,
        attempts=graph.retries.attempts,
        started_by=started_by,
        runner_tag=graph.runner_tag,
        traceparent=traceparent,
    )
    recorded = store.record_run(tenant_id, new, most_queued)
    if recorded.is_new:
        _queue(run_queue, link, recorded.run)
    return recorded


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

    Raises NotFound, StoreUnavailable.
    """
    while True:
        run = store.run(tenant_id, run_id)
        if run.status is RunStatus.QUEUED:
            _cancel_queued(store, run_queue, announcer, run)
        elif run.status is RunStatus.RUNNING and run.cancel_requested_at is None:
            store.request_cancel(tenant_id, run_id)
        else:
            if not run.has_ended:
                run_queue.tell_cancel(run)
            return run


def _cancel_queued(store: Store, run_queue: RunQueue, announcer: Announcer, run: Run) -> None:
    cancelled = RunStatus.CANCELLED
    if store.move_run(run.tenant_id, run.run_id, RunStatus.QUEUED, cancelled, reason=BEFORE_START):
        run_queue.drop(run)
        announcer.announce(status_announcement(run, cancelled, BEFORE_START))
