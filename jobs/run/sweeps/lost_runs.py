"""Runs whose runner is gone: another runner ends their processes, reads their last messages, writes their end."""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from jobs.graph.documents.unchecked import outputs_of
from jobs.run.execution.ending import as_reason, told_standing
from jobs.run.execution.run_spans import NodeTimes, spans_of_run
from jobs.run.execution.said_since import said_since
from jobs.run.sweeps.held_runs import HeldRuns
from jobs.run.sweeps.swept_ends import SweptEnds
from jobs.store.process_identity import ProcessIdentity, kill_marked, values_of
from jobs.store.records import Move, Run
from jobs.store.runs.node_states import NodeBoard, NodeState
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import NotFound, Store, StoreUnavailable
from jobs.work.announcements import Announcer, node_announcement, status_announcement
from jobs.work.program_log import log_end
from jobs.work.run_files import RUN_VARIABLE, RunFiles, run_mark
from progress_lib import Status
from progress_lib.nats.link import Link
from traces.traces import Traces

LOG = logging.getLogger(__name__)

# The saved states may be a second older than what browsers have seen. A closing that continues their
# sequence numbers after this gap is newer than all of that.
SEQ_GAP = 1_000_000
WRITE_WAIT = 3.0  # seconds that a write may take where runners can beat


class Sightings:
    """Finds the running runs whose runner shows no life, by this runner's clock alone.

    A run is stale when its beat has not changed for `stale_after` seconds of successful looks. Times in
    the database do not count: clocks of machines differ, and while the database is away, or a run's row takes no writes,
    its runner cannot beat. Nor does more than half of `stale_after` between two looks: who stood still, as in a paused
    container, was perhaps not alone, and the other runner beats again in a moment.
    """

    def __init__(self, stale_after: float) -> None:
        self._stale_after = stale_after
        self._looked_at = math.inf  # monotonic seconds
        # Run id → (beat, for how long it is the same)
        self._seen: dict[str, tuple[int, float]] = {}

    def note(self, running: Iterable[Run], now: float) -> None:
        """Notes the beats of all running runs. `now`: monotonic seconds."""
        passed = min(max(now - self._looked_at, 0.0), self._stale_after / 2)
        self._looked_at = now
        known, self._seen = self._seen, {}
        for run in running:
            beat, age = known.get(run.run_id, (None, 0.0))
            self._seen[run.run_id] = (run.beat, age + passed if beat == run.beat else 0.0)

    def stale(self) -> set[str]:
        return self._unchanged_for(self._stale_after)

    def silent(self) -> set[str]:
        """Those whose beat has not changed for half of that time."""
        return self._unchanged_for(self._stale_after / 2)

    def begin_anew(self, run_ids: Iterable[str]) -> None:
        """Their runners, perhaps, could not beat."""
        for run_id in run_ids:
            self._seen.pop(run_id, None)

    def forget(self) -> None:
        """Called when the database was away, since then no runner could beat."""
        self._seen.clear()

    def _unchanged_for(self, seconds: float) -> set[str]:
        return {run_id for run_id, (_, age) in self._seen.items() if age >= seconds}


class LostRuns:
    """Ends lost runs for one runner. It runs on one thread; any thread may call `stop`. Raises StoreUnavailable."""

    def __init__(
        self,
        store: Store,
        announcer: Announcer,
        link: Link,
        stale_after: float,
        data_dir: Path,
        remove_unfinished: Callable[[Run, dict[str, Any]], None],
        traces: Traces | None = None,
    ) -> None:
        """`remove_unfinished(run, graph)` deletes the files that a killed program was writing."""
        self._store = store
        self._announcer = announcer
        self._link = link
        self._data_dir = data_dir
        self._remove_unfinished = remove_unfinished
        self._traces = traces or Traces("progress-runner")
        self._sightings = Sightings(stale_after)
        self._ends = SweptEnds(store)
        self._held = HeldRuns()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends no further lost run: each takes up to a few seconds, and another runner will end it."""
        self._stopping.set()

    def end_all(self, own_runs: Collection[str]) -> None:
        """Ends the runs whose runner is gone: at once when it died on this machine, else when stale."""
        try:
            self._ends.follow_up()
            running = self._held.last(self._others(own_runs))
            self._sightings.note(running, time.monotonic())
            self._check_beats(running)
        except Exception:
            self._sightings.forget()
            raise
        stale = self._sightings.stale()
        for run in running:
            if self._stopping.is_set():
                return
            try:
                with self._held.noted(run):
                    self._look_at(run, is_stale=run.run_id in stale)
            except StoreUnavailable:
                raise
            except Exception:  # the others are ended all the same
                LOG.exception("run %s: that it is lost cannot be written", run.run_id)

    def _others(self, own_runs: Collection[str]) -> list[Run]:
        return [run for run in self._store.sweeps.all_running() if run.run_id not in own_runs]

    def _check_beats(self, running: Iterable[Run]) -> None:
        """Begins anew with silent runs whose runners, perhaps, cannot beat: what others lock, a row or the table, can be read."""
        silent_ids = self._sightings.silent()
        silent = [run for run in running if run.run_id in silent_ids]
        for place, run in enumerate(silent):
            if why := self._why_unwritten(run):
                self._held.note(run)
                self._sightings.begin_anew(later.run_id for later in silent[place:])
                LOG.warning("run %s does not count as lost: %s", run.run_id, why)
                return

    def _why_unwritten(self, run: Run) -> str:
        """Why its runner, perhaps, cannot beat; empty where it can."""
        began = time.monotonic()
        try:
            self._store.sweeps.touch(run)
        except StoreUnavailable as error:
            return str(error)
        took = time.monotonic() - began
        return f"what is written there waits for {took:.0f} s" if took > WRITE_WAIT else ""

    def _look_at(self, run: Run, *, is_stale: bool) -> None:
        if _runner_is_dead(run):
            killed = kill_marked(run_mark(run.run_id))  # before its last words are read
            stands = told_standing(RunFiles(self._data_dir, run.run_id).read_committing())
            reason = as_reason(f"the runner died while the run went on{stands}")
            self._end_lost(run, reason, killed, is_here=True)
        elif is_stale:
            self._end_lost(run, "the runner was not heard of any more")

    def end_orphans(self) -> None:
        """Kills the processes of this machine whose run has ended, whoever ended it: they work beside the job's next run."""
        for run_id in self._store.sweeps.ended_of(values_of(RUN_VARIABLE)):
            if killed := kill_marked(run_mark(run_id)):
                LOG.warning("run %s had ended: %d of its processes killed", run_id, killed)

    def _clean_up(self, run: Run) -> None:
        """Deletes the unfinished files of a run of this machine, whose program was killed."""
        graph = self._store.graph_of_run(run.tenant_id, run.run_id)
        self._remove_unfinished(run, graph)

    def _end_lost(self, run: Run, reason: str, killed: int = 0, *, is_here: bool = False) -> None:
        """Unless another process has ended the run, or its runner has beaten since the look. `is_here`: its files are this machine's."""
        try:
            now, known = self._store.run_with_nodes(run.tenant_id, run.run_id)
        except NotFound:
            return
        if now.beat != run.beat:  # to end the runs before this one may have taken minutes
            return
        board = NodeBoard(run.run_id, known)
        for state in said_since(self._link, run, known):
            board.see(state)
        outputs = list(outputs_of(self._store.graph_of_run(run.tenant_id, run.run_id)))
        closings = board.close_open(Status.FAILED, reason, outputs=outputs, seq_gap=SEQ_GAP)
        move = Move(
            RunStatus.RUNNING,
            RunStatus.LOST,
            reason=reason,
            nodes=board.states(),
            runner=run.runner,
            log=log_end(RunFiles(self._data_dir, run.run_id).log),
        )

        def follow() -> None:
            self._tell_lost(run, reason, closings, killed)
            if is_here:
                self._clean_up(run)

        self._ends.write(run, move, follow)

    def _tell_lost(self, run: Run, reason: str, closings: Iterable[NodeState], killed: int) -> None:
        killed += kill_marked(run_mark(run.run_id))  # so that no message follows the closings
        LOG.warning("run %s is lost: %s; %d processes killed", run.run_id, reason, killed)
        lost = RunStatus.LOST
        self._announcer.announce(
            *(node_announcement(run, closing) for closing in closings),
            status_announcement(run, lost, reason),
        )
        # when its nodes began, only the runner knew that is gone
        spans = spans_of_run(run, lost, EndKind.LOST, {}, (), NodeTimes(), time.time())
        self._traces.tell(run.traceparent, *spans)


def _runner_is_dead(run: Run) -> bool:
    try:
        return run.runner is not None and ProcessIdentity.parse(run.runner).is_known_dead
    except ValueError:
        return False
