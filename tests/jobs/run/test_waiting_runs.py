"""Sweeps over runs that wait: what one of them cannot have, the others get."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from jobs.run.sweeps.waiting_runs import WaitingRuns
from jobs.store.records import Move, Run
from jobs.store.store import Store, StoreUnavailable
from jobs.work.announcements import Announcer
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from tests.jobs.conftest import record


class Queue(RunQueue):
    """A queue that holds nothing, and takes all runs but those of a tag."""

    def __init__(self, full: str = "") -> None:
        super().__init__(Link("nats://127.0.0.1:1", name="test"))
        self.taken: list[str] = []
        self._full = full

    def put(self, run: Run) -> None:
        if run.runner_tag == self._full:
            raise QueueUnavailable("it is full")
        self.taken.append(run.run_id)

    def drop(self, run: Run) -> None:
        pass

    def holds(self, tag: str | None = None) -> int:
        return 0


class Silent(Announcer):
    def announce(self, *_: object) -> None:
        pass


def sweeps(store: Store, queue: RunQueue) -> WaitingRuns:
    return WaitingRuns(store, queue, Silent(Link("nats://127.0.0.1:1", name="test")))


@pytest.fixture
def written(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], set[str]]:
    """Has the row of one run take no write; gives the ids of the others, once they were written."""

    def refuse(held: str) -> set[str]:
        found: set[str] = set()

        def write(run_id: str) -> bool:
            if run_id == held:
                raise StoreUnavailable("somebody holds the row")
            found.add(run_id)
            return True

        def move_run(_tenant_id: str, run_id: str, _move: Move) -> bool:
            return write(run_id)

        monkeypatch.setattr(store, "move_run", move_run)
        monkeypatch.setattr(store.queued, "note_again", lambda run: write(run.run_id))
        return found

    return refuse


SWEEPS: dict[str, Callable[[WaitingRuns], Any]] = {
    "a late start": lambda waiting: waiting.end_late_starts(-1.0),
    "a retry that is due": lambda waiting: waiting.queue_due(),
    "a lost message": lambda waiting: waiting.queue_again(-1.0, (None, "gpu")),
}


@pytest.mark.parametrize("held", range(3))
@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_run_whose_row_somebody_holds_keeps_no_other_waiting(
    store: Store,
    written: Callable[[str], set[str]],
    monkeypatch: pytest.MonkeyPatch,
    sweep: str,
    held: int,
) -> None:
    """As who changes it by hand, and leaves the transaction open: those after it were looked at once that ended."""
    runs = [record(store, tag=tag) for tag in (None, None, "gpu")]
    monkeypatch.setattr(store.queued, "due", lambda: list(runs))
    found = written(runs[held].run_id)
    waiting = sweeps(store, Queue())
    for _ in range(2):
        with contextlib.suppress(StoreUnavailable):
            SWEEPS[sweep](waiting)
    assert found == {run.run_id for run in runs} - {runs[held].run_id}


@pytest.mark.parametrize("sweep", list(SWEEPS)[1:])
def test_a_queue_that_takes_no_runs_for_a_tag_keeps_no_others_out(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sweep: str
) -> None:
    """Retries without a tag waited behind the first that had one, and the log had a line each five seconds, a weekend long."""
    runs = [record(store, tag=tag) for tag in ("gpu", None, "gpu", None)]
    monkeypatch.setattr(store.queued, "due", lambda: list(runs))
    queue = Queue(full="gpu")
    waiting = sweeps(store, queue)
    for _ in range(3):
        SWEEPS[sweep](waiting)
    assert queue.taken[:2] == [runs[1].run_id, runs[3].run_id]
    [told] = [line for line in caplog.messages if line.endswith("it is full")]
    assert told.startswith(f"run {runs[0].run_id} ")


@pytest.mark.parametrize("tag", [None, "gpu"])
def test_a_consumer_that_somebody_paused_is_told_once(
    store: Store, link: Link, caplog: pytest.LogCaptureFixture, tag: str | None
) -> None:
    """As by `nats consumer pause`: runs waited, and no line said why."""
    queue = RunQueue(link, takes=(tag,))
    run = record(store, tag=tag)
    queue.put(run)
    claim = queue.take(1.0)
    assert claim is not None  # the consumer is there
    waiting = sweeps(store, queue)

    def paused(until: str) -> None:
        stream, name = ("RUNS", "runners") if tag is None else ("TAGGED_RUNS", "runners-gpu")
        JetStream(link).call(f"CONSUMER.PAUSE.{stream}.{name}", {"pause_until": until})
        for _ in range(2):
            waiting.queue_again(-1.0, (tag,))

    paused("2100-01-02T03:04:05Z")
    paused("0001-01-01T00:00:00Z")  # as it is resumed
    paused("2100-01-02T03:04:05Z")
    told = [line for line in caplog.messages if "is paused until 2100-01-02T03:04:05" in line]
    assert len(told) == 2
    assert told[0].startswith(f"run {run.run_id} waits: the consumer runners")


@pytest.mark.parametrize("tag", [None, "gpu"])
def test_a_consumer_whose_filter_somebody_changed_gives_what_it_passed_over(
    store: Store, link: Link, caplog: pytest.LogCaptureFixture, tag: str | None
) -> None:
    """As by `nats consumer edit --filter`: runs waited for ever, and no line said why."""
    stream, name = ("RUNS", "runners") if tag is None else ("TAGGED_RUNS", "runners-gpu")
    queue, jetstream = RunQueue(link, takes=(tag,)), JetStream(link)
    queue.check(tag)
    assert queue.take(0.1) is None  # the consumer is there
    config = jetstream.call(f"CONSUMER.INFO.{stream}.{name}", {})["config"]
    changed = {**config, "filter_subject": "runs.other.*" if tag is None else "runs.other.*.*"}
    request = {"stream_name": stream, "config": changed}
    jetstream.call(f"CONSUMER.CREATE.{stream}.{name}", request)
    run = record(store, tag=tag)
    queue.put(run)
    assert queue.take(0.2) is None
    sweeps(store, queue).queue_again(-1.0, (tag,))
    assert (
        f"the consumer {name} of the stream {stream} has another filter_subject"
        in caplog.messages[-1]
    )
    claim = queue.take(1.0)
    assert claim is not None
    assert claim.run_id == run.run_id


@pytest.mark.parametrize("tag", [None, "gpu"])
def test_a_queue_that_is_full_of_runs_at_work_is_told_once(
    store: Store, link: Link, caplog: pytest.LogCaptureFixture, tag: str | None
) -> None:
    """As where somebody set its `max_msgs`: runs waited beside a runner that was free, and no line said why."""
    stream = "RUNS" if tag is None else "TAGGED_RUNS"
    queue, jetstream = RunQueue(link, takes=(tag,)), JetStream(link)
    queue.put(record(store, tag=tag))
    assert queue.take(1.0) is not None  # it is at work
    config = jetstream.call(f"STREAM.INFO.{stream}", {})["config"]
    jetstream.call(f"STREAM.UPDATE.{stream}", {**config, "max_msgs": 1})
    record(store, tag=tag)
    waiting = sweeps(store, queue)
    for _ in range(3):
        waiting.queue_again(-1.0, (tag,))
    [told] = [line for line in caplog.messages if "runs at work count" in line]
    assert told.startswith(f"the stream {stream} is full")
    jetstream.call(f"STREAM.UPDATE.{stream}", config)
    waiting.queue_again(-1.0, (tag,))
    assert queue.take(1.0) is not None


@pytest.mark.parametrize("tag", [None, "gpu"])
def test_a_consumer_that_gives_no_more_at_a_time_is_told_once(
    store: Store, link: Link, caplog: pytest.LogCaptureFixture, tag: str | None
) -> None:
    """As by `nats consumer edit --max-pending 1`: a run waited beside a runner that was free, and no line said why."""
    stream, name = ("RUNS", "runners") if tag is None else ("TAGGED_RUNS", "runners-gpu")
    queue, jetstream = RunQueue(link, takes=(tag,)), JetStream(link)
    queue.put(record(store, tag=tag))
    claim = queue.take(1.0)
    assert claim is not None  # it is at work
    config = jetstream.call(f"CONSUMER.INFO.{stream}.{name}", {})["config"]
    request = {"stream_name": stream, "config": {**config, "max_ack_pending": 1}}
    jetstream.call(f"CONSUMER.CREATE.{stream}.{name}", request)
    queue.put(record(store, tag=tag))
    waiting = sweeps(store, queue)
    for _ in range(2):
        waiting.queue_again(-1.0, (tag,))
    [told] = [line for line in caplog.messages if "gives out at most 1 at a time" in line]
    assert f"waits: the consumer {name} of the stream {stream} gives" in told
    claim.ack()
    assert queue.take(1.0) is not None
