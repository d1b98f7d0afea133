"""What a runner puts right from time to time: lost runs, lost queue messages, late starts."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from jobs.run.lost_runs import last_words
from jobs.store.node_states import NodeBoard
from jobs.store.process_identity import ProcessIdentity, kill_marked
from jobs.store.records import Run
from jobs.store.states import RunStatus
from jobs.store.store import NotFound, Store
from jobs.work.announcements import Announcer, node_announcement, status_announcement
from jobs.work.run_files import run_mark
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib import Status
from progress_lib.nats import Link

LOG = logging.getLogger(__name__)

SEQ_GAP = 1_000_000  # what is known may be a second behind what browsers have seen


class Sightings:
    """Which running runs show no life, by our own clock and what we saw ourselves.

    Clocks of machines differ, and the database may have been away for all: so a run is stale
    when we looked at it for `stale_after` seconds and its beat never changed.
    """

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._seen: dict[str, tuple[int, float]] = {}  # run id: (beat, since when it is this)

    def stale(self, running: Collection[Run], now: float) -> list[Run]:
        """Takes one look at all running runs; those that have shown no life for too long."""
        known = self._seen
        self._seen = {}
        for run in running:
            beat, since = known.get(run.run_id, (None, now))
            self._seen[run.run_id] = (run.beat, since if beat == run.beat else now)
        return [r for r in running if now - self._seen[r.run_id][1] >= self._stale_after]

    def forget(self) -> None:
        """After a look that failed: nobody could show life either."""
        self._seen.clear()


class Sweeps:
    """The sweeps of one runner. One thread, but for `stop`; raises StoreUnavailable."""

    def __init__(
        self,
        store: Store,
        queue: RunQueue,
        announcer: Announcer,
        link: Link,
        stale_after: float,
        remove_unfinished: Callable[[Run, dict[str, Any], int], None],
    ) -> None:
        """`remove_unfinished`: the files that a run's program, by its graph and process id, was writing."""
        self._store = store
        self._remove_unfinished = remove_unfinished
        self._link = link
        self._queue = queue
        self._announcer = announcer
        self._sightings = Sightings(stale_after)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Begins no more ends of lost runs: they take up to some seconds each, and another runner does it."""
        self._stopping.set()

    def end_lost_runs(self, own_runs: Collection[str]) -> None:
        """Ends the runs whose runner is gone: at once when it is seen to be, else when stale."""
        try:
            running = [r for r in self._store.all_running() if r.run_id not in own_runs]
        except Exception:
            self._sightings.forget()
            raise
        stale = self._sightings.stale(running, time.monotonic())
        for run in running:
            if self._stopping.is_set():
                return
            if _runner_is_dead(run):
                killed = kill_marked(run_mark(run.run_id))  # first: then it has said its last
                if self._end_lost(run, "the runner died while the run went on", killed):
                    self._clean_up(run)
            elif run in stale:
                self._end_lost(run, "the runner was not heard of any more")

    def queue_again(self, queued_for: float) -> None:
        """Puts runs in the queue again that wait for longer, when messages are missing there.

        Runs that merely wait their turn cost one question: a queue that holds a message for each active
        run has lost none. Messages of ended runs may hide a loss only until a slot is free.
        """
        waiting = self._store.waiting_since(time.time() - queued_for)
        if not waiting or self._queue.holds() >= self._store.count_active():
            return
        for run in waiting:
            try:
                self._queue.put(run)
            except QueueUnavailable as error:
                LOG.warning("run %s is recorded and waits: %s", run.run_id, error)
                return
            self._store.note_queued(run)

    def end_late_starts(self, limit: float) -> None:
        """Fails the runs that no runner took in time."""
        for run in self._store.queued_longer_than(limit):
            reason = f"time-out: waited longer than {limit:g} s in the queue"
            failed = RunStatus.FAILED
            if self._store.move_run(
                run.tenant_id, run.run_id, RunStatus.QUEUED, failed, reason=reason
            ):
                self._announcer.announce(status_announcement(run, failed, reason))

    def _clean_up(self, run: Run) -> None:
        """After a run of this machine, whose program cannot clean up any more."""
        if run.program_pid is not None:
            graph = self._store.graph_of_run(run.tenant_id, run.run_id)
            self._remove_unfinished(run, graph, run.program_pid)

    def _end_lost(self, run: Run, reason: str, killed: int = 0) -> bool:
        """False when another's end stands, or its runner has shown life since we looked."""
        try:
            now, known = self._store.run_with_nodes(run.tenant_id, run.run_id)
        except NotFound:
            return False
        if now.beat != run.beat:  # the ends before this one may have taken minutes
            return False
        board = NodeBoard(run.run_id, known)
        for state in last_words(self._link, run, known):
            board.see(state)
        closings = board.close_open(Status.FAILED, reason, seq_gap=SEQ_GAP)
        lost = RunStatus.LOST
        if not self._store.move_run(
            run.tenant_id,
            run.run_id,
            RunStatus.RUNNING,
            lost,
            reason=reason,
            nodes=board.states(),
            runner=run.runner,
        ):
            return False
        killed += kill_marked(run_mark(run.run_id))  # before the closings: they are the last word
        LOG.warning("run %s is lost: %s; %d processes killed", run.run_id, reason, killed)
        self._announcer.announce(
            *(node_announcement(run, closing) for closing in closings),
            status_announcement(run, lost, reason),
        )
        return True


def _runner_is_dead(run: Run) -> bool:
    try:
        return run.runner is not None and ProcessIdentity.parse(run.runner).is_known_dead
    except ValueError:
        return False
