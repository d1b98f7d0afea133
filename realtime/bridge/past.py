"""The past of one job, folded while it is read: however much was said, what stays is what is true."""

from __future__ import annotations

from collections.abc import Iterable

from realtime.events import Event, StatusEvent
from realtime.snapshot import JobSnapshot


class Past:
    """Takes events in their order: of the stream, then of the database, which is at least as new where it knows the run."""

    def __init__(self) -> None:
        self._snapshot = JobSnapshot()
        self._newest_run: str | None = None  # of the newest event
        self.last_seq = 0  # of the newest event of the stream

    def add(self, event: Event) -> None:
        self._snapshot.apply(event)
        self._newest_run = event.run_id
        self.last_seq = max(self.last_seq, event.seq)

    def add_record(self, events: Iterable[Event]) -> None:
        """The database's word on the last run that it knows, its status first. Left out where a publisher told of a later one."""
        for event in events:
            if isinstance(event, StatusEvent) and self._snapshot.is_followed(event):
                return
            self.add(event)

    def snapshot(self) -> JobSnapshot:
        """What one who was there sees: the run of the last status, or of a publisher of no statuses that of its last message.

        A run beside it that no status tells of is there, too.
        """
        runs = {self._snapshot.run_id or self._newest_run}
        if (seen := self._snapshot.seen) is not None:
            runs.add(seen.run_id)
        self._snapshot.keep_runs(runs)
        return self._snapshot
