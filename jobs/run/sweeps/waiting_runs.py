"""Runs that wait to be taken: queued again when their message was lost, failed when no runner took them in time."""

import logging
from functools import partial

from jobs.run.sweeps.swept_ends import SweptEnds
from jobs.store.records import Move, Run
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import Store
from jobs.work.announcements import Announcer, status_announcement
from jobs.work.run_queue import QueueUnavailable, RunQueue

LOG = logging.getLogger(__name__)


class WaitingRuns:
    """The sweeps over waiting runs, for one runner. They run on one thread. Raises StoreUnavailable."""

    def __init__(self, store: Store, queue: RunQueue, announcer: Announcer) -> None:
        self._store = store
        self._queue = queue
        self._announcer = announcer
        self._ends = SweptEnds(store)

    def queue_again(self, queued_for: float, tag: str | None = None) -> None:
        """Puts runs of the tag in the queue again that have waited for `queued_for` seconds, when messages are missing.

        A queue that holds a message for each active run has lost none, so runs that only wait their turn
        cost one request. Messages of ended runs can hide a loss, but only until a runner takes them.
        """
        waiting = self._store.queued.not_since(queued_for, tag)
        if not waiting or self._queue.holds(tag) >= self._store.queued.count_active(tag):
            return
        for run in waiting:
            try:
                self._queue.put(run)
            except QueueUnavailable as error:
                LOG.warning("run %s is recorded and waits: %s", run.run_id, error)
                return
            self._store.queued.note_again(run)

    def queue_due(self) -> None:
        """Puts retries in the queue whose time has come."""
        for run in self._store.queued.due():
            try:
                self._queue.put(run)
            except QueueUnavailable as error:
                LOG.warning("run %s is due and waits: %s", run.run_id, error)
                return
            self._store.queued.note_again(run)

    def end_late_starts(self, limit: float) -> None:
        """Fails the runs that no runner took in time."""
        self._ends.follow_up()
        for run in self._store.queued.longer_than(limit):
            reason = f"time-out: waited longer than {limit:g} s in the queue"
            move = Move(RunStatus.QUEUED, RunStatus.FAILED, reason, kind=EndKind.TIME_OUT)
            self._ends.write(run, move, partial(self._tell, run, move))

    def _tell(self, run: Run, move: Move) -> None:
        self._queue.drop(run)
        self._announcer.announce(status_announcement(run, move.to, move.reason))
