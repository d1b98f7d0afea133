"""What is told of the runs of all jobs of a tenant, to who watches them all: pure rules."""

from __future__ import annotations

from typing import NamedTuple

from realtime.events import Event, StatusEvent
from realtime.snapshot import NONE, JobSnapshot
from realtime.sockets import frames

MAX_BRIEFS = 10_000  # jobs of a tenant; when full, forget the job that has been silent the longest
MAX_PRESENT = 2_000  # jobs that one who comes is told of, those heard last; a page lists fewer
RECENT = 600.0  # seconds since its last word in which an ended run is still told to who comes
SPEAKS_EVERY = 5.0  # seconds between two briefs of a job that says nothing but that it goes on
LOOKS_EVERY = 1.0  # seconds between two messages of progress of a job that are looked at


class Heard(NamedTuple):
    """An event, and when it was heard (Unix seconds)."""

    event: Event
    at: float


class _Brief:
    __slots__ = ("heard", "is_news", "is_untold", "looked", "seq", "statuses", "told")

    def __init__(self) -> None:
        self.statuses = JobSnapshot()  # of no node: it knows which status says something new
        self.heard = 0.0  # Unix seconds of the last word
        self.is_untold = False  # the last word is of a run that no status tells of
        self.is_news = False  # watchers have not been told
        self.looked = 0.0  # when progress was taken in, as `now`; 0: after a status
        self.told = 0.0  # when watchers were told last, on the same clock
        self.seq = 0  # of the newest message of the stream that it holds


class Overview:
    """One brief a job: the last status of its run, and when the job was heard last.

    `now` is on any clock that only goes forward. The hub's thread calls all but `wants`.
    """

    def __init__(self) -> None:
        self._briefs: dict[int, _Brief] = {}  # by job, the one heard last at the end
        self._news: dict[int, None] = {}  # jobs with news, in the order in which they came

    def wants(self, job_id: int, is_status: bool, now: float) -> bool:
        """Whether a message is worth being taken in: each status, and a job's progress once a second. Any thread."""
        brief = self._briefs.get(job_id)
        return is_status or brief is None or now - brief.looked >= LOOKS_EVERY

    def note(self, heard: Heard, now: float) -> None:
        """Takes in what was heard of a job."""
        event, at = heard
        job_id = event.topic.job_id
        brief = self._briefs.get(job_id) or _Brief()
        if 0 < event.seq <= brief.seq or not _takes(brief, event):
            return
        brief.seq = max(brief.seq, event.seq)
        # after a status the next progress may be of a run that no status tells of
        brief.looked = 0.0 if isinstance(event, StatusEvent) else now
        brief.heard = max(brief.heard, at)
        self._briefs.pop(job_id, None)
        self._briefs[job_id] = brief
        if len(self._briefs) > MAX_BRIEFS:
            self.forget(next(iter(self._briefs)))
        if brief.is_news or now - brief.told >= SPEAKS_EVERY:
            self._news[job_id] = None

    def forget(self, job_id: int) -> None:
        """The job is told of no more, until it is heard again."""
        self._briefs.pop(job_id, None)
        self._news.pop(job_id, None)

    def forget_sequences(self) -> None:
        """The stream is another one: its sequences say nothing of before."""
        for brief in self._briefs.values():
            brief.seq = 0

    def take_news(self, now: float) -> list[bytes]:
        """The frames that watchers have not been sent yet."""
        news, self._news = self._news, {}
        return [self._told(job_id, now) for job_id in news]

    def present(self, at: float) -> list[bytes]:
        """The frames for who comes at `at` (Unix seconds): the runs under way, and the jobs that spoke lately."""
        shown = [job_id for job_id, brief in self._briefs.items() if _matters(brief, at)]
        return [_frame(job_id, self._briefs[job_id]) for job_id in shown[-MAX_PRESENT:]]

    def _told(self, job_id: int, now: float) -> bytes:
        brief = self._briefs[job_id]
        brief.told, brief.is_news = now, False
        return _frame(job_id, brief)


def _takes(brief: _Brief, event: Event) -> bool:
    """Notes what an event says of the job's run; False where it says less than what is known."""
    status = brief.statuses.status
    if isinstance(event, StatusEvent):
        if brief.statuses.apply(event) is NONE:
            return False
        is_change = status is None or status.run != event.run or brief.is_untold
        brief.is_untold = False
    else:
        if event.run_id is not None and brief.statuses.is_over(event.run_id):
            return False
        is_untold = brief.statuses.is_untold(event.progress)
        is_change = brief.heard == 0.0 or is_untold is not brief.is_untold
        brief.is_untold = is_untold
    brief.is_news = brief.is_news or is_change
    return True


def _matters(brief: _Brief, at: float) -> bool:
    status = brief.statuses.status
    return (status is not None and not status.run.is_end) or at - brief.heard < RECENT


def _frame(job_id: int, brief: _Brief) -> bytes:
    status = brief.statuses.status
    payload = None if status is None else status.payload
    return frames.brief_frame(job_id, payload, brief.heard, brief.is_untold)
