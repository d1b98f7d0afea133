"""Execute and cancel: the two requests that change a run, as steps in the order that keeps it true."""

import logging

from jobs.graph.checks import parse_graph
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
) -> Recorded:
    """Records a run of the job as it is now, and queues it.

    Two transactions: what is read first may be out of date when it is written, so the second one alone
    decides. The program is made between them, since SQLite has one writer.

    Raises NotFound, IdempotencyMismatch, AlreadyRunning, GraphInvalid, TooManyQueued; QueueUnavailable and
    StoreUnavailable before anything is recorded. Once recorded, a run is not lost: what the queue
    does not take now, as where NATS went away in this moment, a runner's sweep puts in it later.
    """
    found = store.to_execute(tenant_id, job_id, key, request_hash)
    if isinstance(found, Run):
        return Recorded(found, is_new=False)
    graph = parse_graph(found.graph)
    program = generate_program(graph, job_id=job_id, tenant_id=tenant_id, job_name=found.name)
    run_queue.check()
    new = NewRun(job_id, found.graph, program, key, request_hash)
    recorded = store.record_run(tenant_id, new, most_queued)
    if recorded.is_new:
        _queue(run_queue, link, recorded.run)
    return recorded


def _queue(run_queue: RunQueue, link: Link, run: Run) -> None:
    # on the same connection, and so before a runner can take it and say "running"
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
            _cancel_queued(store, announcer, run)
        elif run.status is RunStatus.RUNNING and run.cancel_requested_at is None:
            store.request_cancel(tenant_id, run_id)
        else:
            if not run.has_ended:
                run_queue.tell_cancel(run)
            return run


def _cancel_queued(store: Store, announcer: Announcer, run: Run) -> None:
    cancelled = RunStatus.CANCELLED
    if store.move_run(run.tenant_id, run.run_id, RunStatus.QUEUED, cancelled, reason=BEFORE_START):
        announcer.announce(status_announcement(run, cancelled, BEFORE_START))
