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

# The saved states may be a second older than what browsers have seen. A closing that continues their
# sequence numbers after this gap is newer than all of that.
SEQ_GAP = 1_000_000


class Sightings:
    """Finds the running runs whose runner shows no life, by this runner's clock alone.

    A run is stale when its beat has not changed for `stale_after` seconds of successful looks. Times in
    the database do not count: clocks of machines differ, and while the database is away nobody can beat.
    """

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._seen: dict[str, tuple[int, float]] = {}  # run id → (beat, when it was first seen)

    def stale(self, running: Collection[Run], now: float) -> list[Run]:
        """Notes the beats of all running runs; returns the stale ones. `now`: monotonic seconds."""
        known = self._seen
        self._seen = {}
        for run in running:
            beat, since = known.get(run.run_id, (None, now))
            self._seen[run.run_id] = (run.beat, since if beat == run.beat else now)
        return [r for r in running if now - self._seen[r.run_id][1] >= self._stale_after]

    def forget(self) -> None:
        """Starts afresh. Called when the database was away, since then no runner could beat."""
        self._seen.clear()


class Sweeps:
    """The sweeps of one runner. They run on one thread; any thread may call `stop`. Raises StoreUnavailable."""

    def __init__(
        self,
        store: Store,
        queue: RunQueue,
        announcer: Announcer,
        link: Link,
        stale_after: float,
        remove_unfinished: Callable[[Run, dict[str, Any], int], None],
    ) -> None:
        """`remove_unfinished(run, graph, pid)` deletes the files that a killed program was writing."""
        self._store = store
        self._remove_unfinished = remove_unfinished
        self._link = link
        self._queue = queue
        self._announcer = announcer
        self._sightings = Sightings(stale_after)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends no further lost run: each takes up to a few seconds, and another runner will end it."""
        self._stopping.set()

    def end_lost_runs(self, own_runs: Collection[str]) -> None:
        """Ends the runs whose runner is gone: at once when it died on this machine, else when stale."""
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
                killed = kill_marked(run_mark(run.run_id))  # before its last words are read
                if self._end_lost(run, "the runner died while the run went on", killed):
                    self._clean_up(run)
            elif run in stale:
                self._end_lost(run, "the runner was not heard of any more")

    def queue_again(self, queued_for: float) -> None:
        """Puts runs in the queue again that have waited for `queued_for` seconds, when messages are missing.

        A queue that holds a message for each active run has lost none, so runs that only wait their turn
        cost one request. Messages of ended runs can hide a loss, but only until a runner takes them.
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
        """Deletes the unfinished files of a run of this machine, whose program was killed."""
        if run.program_pid is not None:
            graph = self._store.graph_of_run(run.tenant_id, run.run_id)
            self._remove_unfinished(run, graph, run.program_pid)

    def _end_lost(self, run: Run, reason: str, killed: int = 0) -> bool:
        """False when another process has ended the run, or its runner has beaten since the look."""
        try:
            now, known = self._store.run_with_nodes(run.tenant_id, run.run_id)
        except NotFound:
            return False
        if now.beat != run.beat:  # to end the runs before this one may have taken minutes
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
        killed += kill_marked(run_mark(run.run_id))  # so that no message follows the closings
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
