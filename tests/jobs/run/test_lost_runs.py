"""Lost runs of others, ended one by one: what changes meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.run.execution.run_spans import NodeTimes, spans_of_run
from jobs.run.sweeps.lost_runs import LostRuns, Sightings
from jobs.run.sweeps.waiting_runs import WaitingRuns
from jobs.store.process_identity import ProcessIdentity, this_machine, values_of
from jobs.store.records import Move, Run
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.announcements import Announcement, Announcer
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link
from tests.harness import DEADLINE, NatsServer, eventually
from tests.jobs.conftest import new_runner, record

ELSEWHERE = ProcessIdentity("another machine", 1, 1)  # nobody here can see whether it lives
GONE = ProcessIdentity(this_machine(), 2**22 - 1, 1)  # no such process: known to be dead


class Noticing(Announcer):
    """Calls `notice` with each announcement, in place of telling it."""

    def __init__(self, link: Link, notice: Callable[[], object]) -> None:
        super().__init__(link)
        self._notice = notice

    def announce(self, *announcements: Announcement) -> None:
        self._notice()


def started(store: Store, count: int, runner: ProcessIdentity = ELSEWHERE) -> list[Run]:
    runs = [record(store) for _ in range(count)]
    for run in runs:
        assert store.start_run(run.tenant_id, run.run_id, runner) is not None
    return runs


def lost(store: Store, runs: Collection[Run]) -> int:
    now = [store.run(run.tenant_id, run.run_id).status for run in runs]
    assert set(now) <= {RunStatus.RUNNING, RunStatus.LOST}
    return now.count(RunStatus.LOST)


def lost_runs(store: Store, link: Link, notice: Callable[[], object]) -> LostRuns:
    """To which a run is stale at first sight."""
    return LostRuns(store, Noticing(link, notice), link, 0.0, Path("/nowhere"), lambda *_: None)


def test_the_trace_of_a_lost_run_says_nothing_of_what_only_its_runner_knew(store: Store) -> None:
    """It said that the program had taken all of the run to start."""
    run = record(store)
    of_lost, of_failed = (
        spans_of_run(run, status, kind, {}, (), NodeTimes(), run.created_at + 3_600.0)[1].children
        for status, kind in ((RunStatus.LOST, EndKind.LOST), (RunStatus.FAILED, EndKind.SIGNAL))
    )
    assert [span.name for span in of_lost] == []
    assert [span.name for span in of_failed] == ["start program"]


def test_runners_that_stood_still_together_take_none_of_each_others_runs_for_lost(
    store: Store,
) -> None:
    """As containers that were paused: the first that went on ended the runs of the others, which lived."""
    runs = started(store, 1)
    sightings = Sightings(25.0)

    def stale(runs: list[Run], *times: float) -> list[set[str]]:
        found = []
        for now in times:
            sightings.note(runs, now)
            found.append(sightings.stale())
        return found

    assert stale(runs, 0.0, 4.0, 600.0, 605.0) == [set()] * 4
    beaten = [replace(run, beat=run.beat + 1) for run in runs]
    assert stale(beaten, 610.0, 615.0, 634.9) == [set()] * 3
    assert stale(beaten, 640.0, 645.0) == [set(), {run.run_id for run in runs}]


class Looks:
    """A runner's looks at the runs of others, five seconds apart, with a database of which some runs' rows take no write, or take it late."""

    def __init__(self, store: Store, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: set[str] = set()
        self.delay = 0.0
        self._clock = 1_000.0
        times = SimpleNamespace(monotonic=lambda: self._clock, time=time.time)
        monkeypatch.setattr("jobs.run.sweeps.lost_runs.time", times)
        self._touch, self._move = store.sweeps.touch, store.move_run
        monkeypatch.setattr(store.sweeps, "touch", self._touched)
        monkeypatch.setattr(store, "move_run", self._moved)
        announcer = Noticing(link, list)
        self._ending = LostRuns(store, announcer, link, 25.0, Path("/nowhere"), lambda *_: None)

    def look(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            self._clock += 5.0
            with contextlib.suppress(StoreUnavailable):
                self._ending.end_all(())

    def _touched(self, run: Run) -> None:
        self._check(run.run_id)
        self._clock += self.delay
        self._touch(run)

    def _moved(self, tenant_id: str, run_id: str, move: Move) -> object:
        self._check(run_id)
        return self._move(tenant_id, run_id, move)

    def _check(self, run_id: str) -> None:
        if run_id in self.refused:
            raise StoreUnavailable("the database takes no writes")


@pytest.fixture
def looks(store: Store, link: Link, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(store, link, monkeypatch)


def test_while_nothing_can_be_written_no_run_counts_as_lost(
    store: Store, looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    """A lock of the table by CREATE INDEX, or a database that only reads, kept runners from beating: runs that went on were ended."""
    runs = started(store, 2)
    looks.refused = {run.run_id for run in runs}
    looks.look(60)
    assert "does not count as lost: the database takes no writes" in caplog.text
    looks.refused, looks.delay = set(), 4.0
    looks.look(60)
    assert "what is written there waits for 4 s" in caplog.text
    looks.delay = 0.0
    looks.look(10)
    assert lost(store, runs) == 0, "runners have the time to beat again"
    looks.look(25)
    assert lost(store, runs) == 2


@pytest.mark.parametrize("held", range(3))
def test_a_run_whose_row_somebody_holds_is_not_lost_and_keeps_no_other_from_being_ended(
    store: Store, looks: Looks, held: int
) -> None:
    """As who changes it by hand, and leaves the transaction open: its runner cannot beat, and a look asked of one run alone."""
    runs = started(store, 3)
    looks.refused = {runs[held].run_id}
    looks.look(60)
    assert lost(store, runs) == 2
    looks.refused = set()
    looks.look(10)
    assert lost(store, runs) == 2, "its runner has the time to beat again"
    looks.look(25)
    assert lost(store, runs) == 3


def test_the_row_of_a_dead_runners_run_that_somebody_holds_keeps_no_other_run_from_being_ended(
    store: Store, looks: Looks
) -> None:
    runs = started(store, 3, GONE)
    looks.refused = {runs[0].run_id}
    looks.look(10)
    assert lost(store, runs) == 2
    looks.refused = set()
    looks.look(5)
    assert lost(store, runs) == 3


def test_a_run_whose_runner_shows_life_before_its_turn_is_not_ended(
    store: Store, link: Link
) -> None:
    """Its runner was cut off, and is back: it would be told that its run is another's."""
    runs = started(store, 3)
    run_ids = {run.run_id for run in runs}
    ending = lost_runs(store, link, lambda: store.beat(ELSEWHERE, run_ids))
    ending.end_all(())
    assert lost(store, runs) == 1, "the one that came first, whose end was the sign"


def marked(run_id: str) -> subprocess.Popen[bytes]:
    """A process that seems to be of a run."""
    environment = {"PATH": os.environ["PATH"], "RUN_ID": run_id}
    return subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)


def test_a_runner_kills_what_is_left_of_runs_that_have_ended_and_nothing_else(
    store: Store, link: Link
) -> None:
    over, at_work = started(store, 2)
    lost = RunStatus.LOST
    assert store.move_run(over.tenant_id, over.run_id, Move(RunStatus.RUNNING, lost, reason="x"))
    left, working, foreign = (marked(run_id) for run_id in (over.run_id, at_work.run_id, "f" * 32))
    try:
        eventually(lambda: {over.run_id, at_work.run_id, "f" * 32} <= values_of("RUN_ID"))
        lost_runs(store, link, lambda: None).end_orphans()
        assert left.wait(DEADLINE) == -signal.SIGKILL
        assert (working.poll(), foreign.poll()) == (None, None)
    finally:
        for process in (left, working, foreign):
            process.kill()
            process.wait()


def test_a_lost_run_whose_end_cannot_be_written_leaves_the_others_their_end(
    store: Store, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    runs = started(store, 3)
    ending = lost_runs(store, link, lambda: None)
    graph_of_run = store.graph_of_run

    def failing(tenant_id: str, run_id: str) -> dict[str, Any]:
        if run_id == runs[1].run_id:
            raise OverflowError("too large")
        return graph_of_run(tenant_id, run_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "graph_of_run", failing)
        ending.end_all(())
    assert lost(store, runs) == 2
    assert f"run {runs[1].run_id}: that it is lost cannot be written" in caplog.text


def losing_the_answer(store: Store, *, writes: bool) -> Callable[..., bool]:
    """Store.move_run, whose answer does not arrive; with `writes` the database has what it wrote."""
    move_run = store.move_run

    def move(tenant_id: str, run_id: str, move: Move) -> bool:
        if writes:
            assert move_run(tenant_id, run_id, move)
        raise StoreUnavailable("the connection broke")

    return move


@pytest.mark.parametrize("writes", [True, False])
def test_a_lost_run_is_told_once_though_the_answer_to_its_end_was_lost(
    store: Store, link: Link, writes: bool
) -> None:
    """Its end stood in the database, and no browser ever heard of it."""
    runs, told = started(store, 1), []
    ending = lost_runs(store, link, lambda: told.append("an end"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "move_run", losing_the_answer(store, writes=writes))
        with pytest.raises(StoreUnavailable):
            ending.end_all(())
    assert (lost(store, runs), told) == (int(writes), [])
    for _ in range(2):
        ending.end_all(())
        assert (lost(store, runs), told) == (1, ["an end"])


def test_a_late_start_is_told_though_the_answer_to_its_end_was_lost(
    store: Store, link: Link
) -> None:
    told: list[str] = []
    announcer = Noticing(link, lambda: told.append("an end"))
    waiting = WaitingRuns(store, RunQueue(link), announcer)
    run = record(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "move_run", losing_the_answer(store, writes=True))
        with pytest.raises(StoreUnavailable):
            waiting.end_late_starts(0.0)
    for _ in range(2):
        waiting.end_late_starts(0.0)
        assert (store.run(run.tenant_id, run.run_id).status, told) == (RunStatus.FAILED, ["an end"])


def test_a_runner_that_stops_ends_no_more_lost_runs(store: Store, link: Link) -> None:
    """A hundred of them would hold its stop up; another runner finds them."""
    runs = started(store, 3)
    ending = lost_runs(store, link, lambda: ending.stop())
    ending.end_all(())
    assert lost(store, runs) == 1


def test_the_stop_of_a_runner_does_not_wait_for_all_lost_runs(
    store: Store, link: Link, nats_server: NatsServer, data_dir: Path
) -> None:
    runs = started(store, 20, GONE)
    runner = new_runner(store, link, nats_server, data_dir)
    runner.start()
    eventually(lambda: lost(store, runs) > 0)
    assert runner.stop()
    assert lost(store, runs) < len(runs)
