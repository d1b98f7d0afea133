"""The thread that takes runs from the queue, one for each slot that is free, and starts their executions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from jobs.run.execution.execution import Execution, RunnerParts
from jobs.run.execution.executions import Executions
from jobs.run.periods import RETRY_PAUSE
from jobs.store.connections.database import Deadlocked, NoRoom, ReadOnly
from jobs.store.records import Started
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import NotFound, StoreUnavailable
from jobs.work.fair_shares import Turns
from jobs.work.run_queue import Claim, QueueUnavailable, RunQueue
from logs.complaint import Complaint

LOG = logging.getLogger(__name__)

# Seconds after which a run was surely told as queued, so that its start is not told first. Its own message comes later still
ANNOUNCED_AFTER = 1.0
SLOT_WAIT = 0.5  # seconds to wait for a slot before the next look for a stop
TURNS_KEPT = 10_000  # tenants of which a runner remembers when it last started a run
NAK_DELAY = 10.0  # seconds until the message of a run elsewhere comes again
LOST_ANSWER_WAIT = 20.0  # seconds for which a message is kept whose run's start has no answer


class Taker:
    """Until it drains, each slot has a run or waits for one."""

    def __init__(
        self,
        queue: RunQueue,
        parts: RunnerParts,
        executions: Executions,
        *,
        slots: int,
        pull: float,
        takes: tuple[str | None, ...],
        on_end: Callable[[], None],
    ) -> None:
        """`pull`: seconds of one wait for a message. `on_end`: a run has ended and its slot is free (the execution's thread)."""
        self._queue = queue
        self._store = parts.store
        self._parts = parts
        self._executions = executions
        self._pull = pull
        self._on_end = on_end
        self._turns = {tag: Turns(TURNS_KEPT) for tag in takes}  # (own thread)
        # (own thread) tag → tenant and id of the run whose start has no answer yet: it may be ours
        self._lost_starts: dict[str | None, tuple[str, str]] = {}
        self._slots = threading.BoundedSemaphore(slots)
        self._draining = threading.Event()
        self._complaint = Complaint()  # (own thread) why no runs can be taken
        self._not_started = Complaint()  # (own thread) why the database does not take their starts
        self._thread = threading.Thread(target=self._run, name="runner-taker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def drain(self) -> None:
        """Takes no more runs. Those at work go on."""
        self._draining.set()

    @property
    def is_draining(self) -> bool:
        return self._draining.is_set()

    @property
    def has_drained(self) -> bool:
        """Whether no run will be taken any more."""
        return self._draining.is_set() and not self._thread.is_alive()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._draining.is_set():
            starts = self._parts.starts
            if rest := starts.rest():
                self._draining.wait(rest)
            elif self._slots.acquire(timeout=SLOT_WAIT):
                tries = starts.tries
                if self._take_one():
                    starts.settled(tries)
                else:
                    self._slots.release()

    def _take_one(self) -> bool:
        """Fills the acquired slot with a run. False when there was none, so the slot is still free."""
        if self._draining.is_set():  # the stop freed the slot, so leave the run to others
            return False
        try:
            claim = self._queue.take(self._pull)
            self._complaint.clear()
            return claim is not None and self._start(claim)
        except QueueUnavailable as error:
            self._complain(str(error))
            self._draining.wait(RETRY_PAUSE)
        except Exception:
            LOG.exception("taking a run failed")
            self._draining.wait(RETRY_PAUSE)
        return False

    def _complain(self, why: str) -> None:
        if self._complaint.is_news(why):
            LOG.warning("no runs can be taken: %s", why)

    def _start(self, claim: Claim) -> bool:
        if self._draining.is_set():
            claim.nak()
            return False
        try:
            started = self._start_next(claim)
            self._not_started.clear()
            if started is None:
                self._put_aside(claim)
                return False
        except StoreUnavailable as error:
            if self._not_started.is_news(str(error)):
                LOG.warning("run %s is not started yet: %s", claim.run_id, error)
            claim.nak(RETRY_PAUSE)
            self._draining.wait(RETRY_PAUSE)
            return False
        execution = Execution(started, claim, self._parts, self._ended)
        self._executions.add(execution)
        execution.start()
        return True

    def _start_next(self, claim: Claim) -> Started | None:
        """Starts the run whose turn it is; None when none waits. The message only says that some run of its tag does."""
        tag, turns = claim.tag, self._turns[claim.tag]
        if tag in self._lost_starts:
            lost = self._lost_starts.pop(tag)
            started = self._start_run(claim, *lost, is_lost=True)
            if started is not None:
                turns.serve(lost[0])
                return started
        for tenant_id in turns.order(self._store.queued.tenants(tag)):
            while run_id := self._store.queued.first(tenant_id, claim.run_id, ANNOUNCED_AFTER, tag):
                started = self._start_run(claim, tenant_id, run_id)
                if started is not None:  # else another runner was faster
                    turns.serve(tenant_id)
                    return started
        return None

    def _start_run(
        self, claim: Claim, tenant_id: str, run_id: str, *, is_lost: bool = False
    ) -> Started | None:
        """Where the answer is lost, asks again: the database may have started the run, and then nobody else takes it.

        After LOST_ANSWER_WAIT other runners get the message, since they may have a better way to the database. `is_lost`: an
        answer was lost before.
        """
        ends = time.monotonic() + LOST_ANSWER_WAIT
        while True:
            try:
                return self._store.start_run(tenant_id, run_id, self._parts.runner)
            except StoreUnavailable as error:
                is_lost = is_lost or not isinstance(error, ReadOnly | NoRoom | Deadlocked)
                if not is_lost:  # it did answer
                    raise
                self._complain(f"the start of run {run_id} has no answer: {error}")
                claim.heartbeat()
                if self._draining.wait(RETRY_PAUSE) or time.monotonic() > ends:
                    self._lost_starts[claim.tag] = (tenant_id, run_id)
                    raise

    def _put_aside(self, claim: Claim) -> None:
        """Settles the message of a run when none waits: again later if the run lives, else done."""
        try:
            run = self._store.run(claim.tenant_id, claim.run_id)
        except NotFound:
            claim.ack()
            return
        if run.has_ended:
            claim.ack()
        else:  # one that waits may be held for the moment alone in which it is put in the queue
            claim.nak(RETRY_PAUSE if run.status is RunStatus.QUEUED else NAK_DELAY)

    def _ended(self, execution: Execution) -> None:
        """(the execution's thread)"""
        self._executions.remove(execution)
        self._slots.release()
        self._on_end()
