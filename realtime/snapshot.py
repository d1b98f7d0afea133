"""What is now true of one job, and which event would step back behind it: pure rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import IntEnum
from typing import NamedTuple

from progress_lib.progress import RUNNING, Progress, follows
from realtime.events import Event, ProgressEvent, StatusEvent

MAX_NODES = 10_000  # nodes kept of one job; a job with more than this is a mistake
# Bytes of the messages that are kept of a job's nodes; 10,000 of ours take 3 MB. Without a bound one job could take a worker's memory
MAX_NODE_BYTES = 16 << 20
RUNS_OVER = 8  # ended runs of a job whose stragglers are recognised
# Seconds by which the clocks of database and NATS may differ, and by which a run's end may be told after its retry is recorded
RECORD_LAG = 60.0


class News(IntEnum):
    """What an event brought, beside what was known. Only NONE is false."""

    NONE = 0  # it came late or twice
    # Running after running in the same run: the newest may replace an older one that waits
    COUNT = 1
    CHANGE = 2


NONE, COUNT, CHANGE = News  # looked up once: each time costs 0.1 µs in Python 3.11


class Seen(NamedTuple):
    """A run that no status tells of, by the times of its first and its last word (Unix seconds)."""

    run_id: str | None
    began: float
    heard: float


class JobSnapshot:
    """The last status of a job's run and the last progress of each of its nodes.

    What comes late or twice is recognised (`progress_lib.progress.follows`) and changes nothing. A node that there is no room
    for (MAX_NODES, MAX_NODE_BYTES) is shown to who watches, and not to who comes later.
    """

    __slots__ = ("_heard", "_node_bytes", "_nodes", "_over", "_seen_run", "_status", "began")

    def __init__(self) -> None:
        self._status: StatusEvent | None = None
        self._nodes: dict[int, ProgressEvent] = {}
        self._node_bytes = 0  # of the messages that are kept of them
        self._over: list[str] = []  # runs that are over, the latest last
        self._seen_run: str | None = None  # that told progress last, and no status
        self.began = 0.0  # Unix seconds of that run's first word; 0: none is known
        self._heard = 0.0  # and of its last

    def __len__(self) -> int:
        """How many events `events` gives."""
        return len(self._nodes) + (self._status is not None)

    @property
    def kept_bytes(self) -> int:
        """Of the messages that it keeps."""
        return self._node_bytes + (0 if self._status is None else len(self._status.payload))

    @property
    def run_id(self) -> str | None:
        return None if self._status is None else self._status.run_id

    @property
    def seen(self) -> Seen | None:
        """The run that is known by its progress alone; None where a status tells of it."""
        if not self.began or (self._status is not None and self._seen_run == self._status.run_id):
            return None
        return Seen(self._seen_run, self.began, self._heard)

    @property
    def status(self) -> StatusEvent | None:
        """The last status of the job's run; None where no status told of one."""
        return self._status

    @property
    def is_at_work(self) -> bool:
        """Whether the last status is of a run that has not ended."""
        return self._status is not None and not self._status.run.is_end

    def is_over(self, run_id: str) -> bool:
        """Whether another run of the job followed this one: what comes of it is late."""
        return run_id in self._over

    def is_followed(self, record: StatusEvent | None) -> bool:
        """Whether another run was told of after what the database noted last of its own: one that it does not know.

        So the job's last run is that of a publisher of its own, as of cron. Never where the database's run is running; `apply`
        still drops what is said of it where another one followed it here.
        """
        if record is None or not record.recorded_at or record.run.status == "running":
            return False
        if record.run_id == self.run_id:
            return False
        told = 0.0 if self._status is None else self._status.at
        if (seen := self.seen) is not None and seen.run_id != record.run_id:
            told = max(told, seen.heard)
        return told > record.recorded_at + RECORD_LAG

    def is_untold(self, progress: Progress) -> bool:
        """Whether no status tells of the run that it belongs to; without a name that is the run under way."""
        if self._status is None:
            return True
        if progress.run_id is None:
            return self._status.run.is_end
        return progress.run_id != self._status.run_id

    def apply(self, event: Event) -> News:
        """Notes an event; NONE where it says less than what is known, and must not be shown."""
        if type(event) is ProgressEvent:
            return self._apply_progress(event)
        assert type(event) is StatusEvent
        return self._apply_status(event)

    def events(self) -> Iterator[Event]:
        """What is true, as the events that told it: the run's status, then each node."""
        if self._status is not None:
            yield self._status
        yield from self._nodes.values()

    def events_end_last(self) -> Iterator[Event]:
        """The same, but the end of a run after its nodes: as somebody hears it who heard the run's beginning."""
        if self._status is None or not self._status.run.is_end:
            yield from self.events()
        else:
            yield from self._nodes.values()
            yield self._status

    def holds(self, event: Event) -> bool:
        """Whether the same was said last: also by a publisher that numbers nothing."""
        known: Event | None = self._status
        if type(event) is ProgressEvent:
            known = self._nodes.get(event.progress.node_id)
        return known is not None and known.payload == event.payload

    def keep_runs(self, run_ids: Collection[str | None]) -> None:
        """Drops the nodes of other runs; those that name no run stay."""
        self._keep_nodes(run_ids=(None, *run_ids))

    def recognise(self, past: JobSnapshot) -> None:
        """Takes over which runs are over, so that what comes late of them is not shown."""
        over = [run for run in past._over if run != self.run_id and run not in self._over]
        self._over = [*over, *self._over][-RUNS_OVER:]

    def recognise_beginning(self, past: JobSnapshot) -> None:
        """Takes over when the run began that told the last progress, where `past` knows it from further back."""
        if self.began and past.began and self._seen_run == past._seen_run:
            self.began = min(self.began, past.began)
            self._heard = max(self._heard, past._heard)

    def _apply_progress(self, event: ProgressEvent) -> News:
        progress = event.progress
        if progress.run_id in self._over or self._comes_after_the_end(progress):
            return NONE
        known = self._nodes.get(progress.node_id)
        before = None if known is None else known.progress
        if before is not None and not follows(progress, before):
            return NONE
        if self.is_untold(progress):
            self._note_times(event, before)
        if known is not None or len(self._nodes) < MAX_NODES:
            self._node_bytes += len(event.payload) - (0 if known is None else len(known.payload))
            self._nodes[progress.node_id] = event
            if self._node_bytes > MAX_NODE_BYTES:
                self._node_bytes -= len(self._nodes.pop(progress.node_id).payload)
        return COUNT if before is not None and _supersedes(progress, before) else CHANGE

    def _keep_nodes(self, run_ids: Collection[str | None]) -> None:
        self._nodes = {n: known for n, known in self._nodes.items() if known.run_id in run_ids}
        self._node_bytes = sum(len(known.payload) for known in self._nodes.values())

    def _comes_after_the_end(self, progress: Progress) -> bool:
        """Whether a program goes on whose run was ended: one that was lost may. A node's end may be late."""
        status = self._status
        return (
            status is not None
            and progress.status is RUNNING
            and progress.run_id == status.run_id
            and status.run.is_end
        )

    def _note_times(self, event: ProgressEvent, before: Progress | None) -> None:
        progress = event.progress
        is_other = not self.began or progress.run_id != self._seen_run
        if is_other or (before is not None and self._starts_again(progress, before)):
            self._seen_run = progress.run_id
            # a publisher's clock may be ahead: nothing began after it was heard
            self.began = (
                event.at if progress.ts is None else min(progress.ts, event.at or progress.ts)
            )
        self._heard = event.at

    def _starts_again(self, progress: Progress, before: Progress) -> bool:
        """Whether a publisher that names no runs begins another one: a node runs again after all had ended."""
        if progress.run_id is not None or progress.status is not RUNNING:
            return False
        return before.status is not RUNNING and all(
            node.progress.status is not RUNNING for node in self._nodes.values()
        )

    def _apply_status(self, event: StatusEvent) -> News:
        """A new run of the job starts with no nodes."""
        if event.run_id in self._over:
            return NONE
        if self._status is None or self._status.run_id != event.run_id:
            self._begin(event.run_id)
        elif event.run.rank < self._status.run.rank or (
            event.run.rank == self._status.run.rank and not event.run.says_alive
        ):
            return NONE
        self._status = event
        return CHANGE

    def _begin(self, run_id: str) -> None:
        if self._status is not None:
            self._over = [*self._over, self._status.run_id][-RUNS_OVER:]
        self._keep_nodes(run_ids=(run_id,))
        if self._seen_run != run_id:  # what is told without a status after this run is another one
            self._seen_run, self.began, self._heard = None, 0.0, 0.0


def _supersedes(after: Progress, before: Progress) -> bool:
    """Whether it is a newer count of the same run: who saw only `after` missed nothing."""
    return (
        after.status is RUNNING
        and before.status is RUNNING
        and after.run_id is not None
        and after.run_id == before.run_id
        and after.seq is not None
    )
