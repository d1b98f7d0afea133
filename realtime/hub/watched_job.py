"""A job as the hub has it: what is true of it, who watches it, and what the round at hand brought. The hub's thread alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from realtime.clients.send_buffer import Part
from realtime.events import Event, ProgressEvent, Topic
from realtime.snapshot import COUNT, NONE, JobSnapshot, News
from realtime.sockets import frames

if TYPE_CHECKING:
    from realtime.clients.client import Client


@dataclass(slots=True)
class OneRun:
    """A run of a job for those who may see no other."""

    watchers: set[Client] = field(default_factory=set)
    pending: list[Part] = field(default_factory=list)  # frames of the round at hand


@dataclass(slots=True)
class WatchedJob:
    snapshot: JobSnapshot = field(default_factory=JobSnapshot)
    watchers: set[Client] = field(default_factory=set)
    pending: list[Part] = field(default_factory=list)  # frames of the round at hand
    is_touched: bool = False  # the round at hand flushes it
    runs: dict[str, OneRun] = field(default_factory=dict)  # that somebody watches alone
    is_shown: bool = False  # its past, or what is known of it, was shown to its watchers
    last_seq: int = 0  # stream sequence of the newest message that the snapshot holds
    # What is true by the events that came while the job's past is being read; None: it is known
    held: JobSnapshot | None = None
    is_void: bool = False  # the past that is being read is of a job that was deleted meanwhile
    is_quiet: bool = False  # nothing came since the last LookAgain

    @property
    def is_watched(self) -> bool:
        return bool(self.watchers or self.runs)

    @property
    def kept_bytes(self) -> int:
        """Of the messages that it keeps."""
        return self.snapshot.kept_bytes + (0 if self.held is None else self.held.kept_bytes)

    @property
    def is_silent(self) -> bool:
        """Whether somebody waits for news of it that the database may have."""
        is_open = self.held is not None or self.snapshot.is_at_work
        return self.is_quiet and is_open and self.is_watched

    def add(self, client: Client, only_run: str | None) -> None:
        """Somebody watches the job, or one run of it."""
        if only_run is None:
            self.watchers.add(client)
        else:
            self.runs.setdefault(only_run, OneRun()).watchers.add(client)

    def remove(self, client: Client) -> None:
        self.watchers.discard(client)
        for run_id, run in list(self.runs.items()):
            run.watchers.discard(client)
            if not run.watchers:
                del self.runs[run_id]

    def forget(self) -> None:
        """Nothing is true of it any more, nor of what came while its past is being read, nor of that past."""
        self.snapshot = JobSnapshot()
        if self.held is not None:
            self.held, self.is_void = JobSnapshot(), True

    def note(self, event: Event) -> News:
        """Notes an event in the snapshot, and says what it was."""
        if seq := event.seq:
            if seq <= self.last_seq:
                return NONE
            self.last_seq = seq
        return self.snapshot.apply(event)

    def news_of(self, past: JobSnapshot) -> Iterator[tuple[Event, News]]:
        """Takes over what is new in another snapshot, and gives it; a run's end comes last. Nothing of a run before the one at hand."""
        self.snapshot.recognise(past)
        if self.snapshot.is_followed(past.status):
            return
        newest = self.last_seq
        for event in list(past.events_end_last()):
            if 0 < event.seq <= newest or self.snapshot.holds(event):
                continue
            self.last_seq = max(self.last_seq, event.seq)
            if news := self.snapshot.apply(event):
                yield event, news
        self.snapshot.recognise_beginning(past)

    def add_frame(self, event: Event, news: News) -> int:
        """Has the watchers sent an event at the end of the round; bytes of its frame, 0 where nobody watches its run."""
        run = self.runs.get(event.run_id or "") if self.runs else None
        if not self.watchers and run is None:
            return 0
        frame = _frame_of(event)
        part = (event if news is COUNT and isinstance(event, ProgressEvent) else None, frame)
        if self.watchers:
            self.pending.append(part)
        if run is not None:
            run.pending.append(part)
        return len(frame)

    def present(self, only_run: str | None) -> list[Part]:
        """What is now true, of the job or of one run of it."""
        return [
            (None, _frame_of(event))
            for event in self.snapshot.events()
            if only_run in (None, event.run_id)
        ]

    def seen(self, topic: Topic, only_run: str | None = None) -> list[Part]:
        """When the run began that no status tells of; none where a status tells, nobody noted it, or it is another than `only_run`."""
        seen = self.snapshot.seen
        if seen is None or only_run not in (None, seen.run_id):
            return []
        return [(None, frames.seen_frame(topic.job_id, seen.run_id, seen.began, seen.heard))]


def _frame_of(event: Event) -> bytes:
    if type(event) is ProgressEvent:
        return frames.progress_frame(event.topic.job_id, event.payload)
    return frames.status_frame(event.topic.job_id, event.payload)
