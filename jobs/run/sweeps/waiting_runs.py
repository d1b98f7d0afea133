"""Runs that wait to be taken: queued again when their message was lost, failed when no runner took them in time."""

import logging
from collections.abc import Iterable
from functools import partial

from jobs.run.sweeps.held_runs import HeldRuns
from jobs.run.sweeps.swept_ends import SweptEnds
from jobs.store.records import Move, Run
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import Store
from jobs.work.announcements import Announcer, status_announcement
from jobs.work.run_queue import QueueUnavailable, RunQueue
from logs.complaint import Complaint

LOG = logging.getLogger(__name__)

WAITS = "waits"  # of the run that stands first, where its queue gives none


class WaitingRuns:
    """The sweeps over waiting runs, for one runner. They run on one thread. Raises StoreUnavailable."""

    def __init__(self, store: Store, queue: RunQueue, announcer: Announcer) -> None:
        self._store = store
        self._queue = queue
        self._announcer = announcer
        self._ends = SweptEnds(store)
        self._complaints: dict[tuple[str, str | None], Complaint] = {}  # sweep and tag →
        self._held_late, self._held_due, self._held_again = HeldRuns(), HeldRuns(), HeldRuns()

    def queue_again(self, queued_for: float, tags: Iterable[str | None] = (None,)) -> None:
        """Puts runs of these tags in the queue again that have waited for `queued_for` seconds, when messages are missing."""
        runs = [run for tag in tags for run in self._missing(queued_for, tag)]
        self._put_all(self._held_again.last(runs), self._held_again, "is recorded and waits")

    def _missing(self, queued_for: float, tag: str | None) -> list[Run]:
        """A queue that holds a message for each active run has lost none, so runs that only wait their turn cost one request.

        Messages of ended runs can hide a loss, but only until a runner takes them.
        """
        waiting = self._store.queued.not_since(queued_for, tag)
        if not waiting:
            self._complaints.pop((WAITS, tag), None)
            return []
        self._look_for_hindrance(waiting[0], tag)
        has_lost_none = self._queue.holds(tag) >= self._store.queued.count_active(tag)
        return [] if has_lost_none else waiting

    def _look_for_hindrance(self, run: Run, tag: str | None) -> None:
        """Runs may wait their turn for hours, and nothing else shows that nobody has one."""
        about = (WAITS, tag)
        if why := self._queue.hindrance_of(tag):
            self._complain(about, run, why)
        else:
            self._complaints.pop(about, None)

    def queue_due(self) -> None:
        """Puts retries in the queue whose time has come."""
        runs = self._held_due.last(self._store.queued.due())
        self._put_all(runs, self._held_due, "is due and waits")

    def _put_all(self, runs: Iterable[Run], held: HeldRuns, standing: str) -> None:
        """Of runs with one tag, the first that the queue does not take is the last that is tried."""
        refused: set[str | None] = set()  # tags
        for run in runs:
            if run.runner_tag in refused:
                continue
            try:
                self._queue.put(run)
            except QueueUnavailable as error:
                self._complain((standing, run.runner_tag), run, str(error))
                refused.add(run.runner_tag)
                continue
            self._complaints.pop((standing, run.runner_tag), None)
            with held.noted(run):
                self._store.queued.note_again(run)

    def _complain(self, about: tuple[str, str | None], run: Run, why: str) -> None:
        """Logs why a queue takes no runs, or gives none: not for each of them."""
        if self._complaints.setdefault(about, Complaint()).is_news(why):
            LOG.warning("run %s %s: %s", run.run_id, about[0], why)

    def end_late_starts(self, limit: float) -> None:
        """Fails the runs that no runner took in time."""
        self._ends.follow_up()
        for run in self._held_late.last(self._store.queued.longer_than(limit)):
            reason = f"time-out: waited longer than {limit:g} s in the queue"
            move = Move(RunStatus.QUEUED, RunStatus.FAILED, reason, kind=EndKind.TIME_OUT)
            with self._held_late.noted(run):
                self._ends.write(run, move, partial(self._tell, run, move))

    def _tell(self, run: Run, move: Move) -> None:
        self._queue.drop(run)
        self._announcer.announce(status_announcement(run, move.to, move.reason))
