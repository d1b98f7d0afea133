"""What happened to a job, as it came: the events that the hub notes and sends on. Pure."""

from __future__ import annotations

import functools
import re
from enum import Enum
from typing import NamedTuple

import msgspec

from progress_lib.progress import MalformedProgress, Progress, parse_object
from progress_lib.subjects import MAX_JOB_ID

MAX_SUBJECTS = 20_000  # that are kept taken apart; a job has two
MAX_TOPICS = 10_000  # of which there is one object each
RUN_ENDS = ("completed", "failed", "cancelled", "lost")
_JOB_ID = re.compile(r"[1-9][0-9]{0,15}")  # one spelling for each job: 007 is not 7
_ENDED = 2
_RANK = {"queued": 0, "running": 1, **dict.fromkeys(RUN_ENDS, _ENDED)}

PROGRESS, STATUS = "progress", "status"  # the kinds of message, as subjects end
DELETED = "deleted"  # and of what no stream keeps: the job is gone


class Topic(NamedTuple):
    """What a browser subscribes to. The tenant is part of the key: nothing crosses tenants."""

    tenant_id: str
    job_id: int


class RunStatus(NamedTuple):
    """The part of a `job.status` payload that the hub understands."""

    run_id: str
    status: str
    says_alive: bool = False  # it runs, and repeats this until its end

    @property
    def rank(self) -> int:
        """0 queued, 1 running, 2 ended: a run only goes up."""
        return _RANK[self.status]

    @property
    def is_end(self) -> bool:
        return self.rank == _ENDED


class ProgressEvent(msgspec.Struct, frozen=True, gc=False):
    """A node's progress as it came: `payload` is passed on byte for byte."""

    topic: Topic
    progress: Progress
    payload: bytes
    seq: int = 0  # of the stream PROGRESS; 0 when it came from elsewhere
    at: float = 0.0  # Unix seconds when NATS or this server had it; 0 where nobody noted it

    @property
    def run_id(self) -> str | None:
        return self.progress.run_id


class StatusEvent(msgspec.Struct, frozen=True, gc=False):
    """A change of a run's status as it came, or as the database knows it."""

    topic: Topic
    run: RunStatus
    payload: bytes
    seq: int = 0
    at: float = 0.0  # as of ProgressEvent
    recorded_at: float = 0.0  # of the database's word: when the run changed; Unix seconds

    @property
    def run_id(self) -> str:
        return self.run.run_id


Event = ProgressEvent | StatusEvent


class Source(Enum):
    """Where messages come from."""

    AWAY = "away"  # nothing comes: the past is not known, and what is said now is missed
    LIVE_ONLY = "live only"  # what is said from now on; nobody keeps a history
    FOLLOWING = "following"  # the stream PROGRESS, which keeps what was said


def make_event(
    topic: Topic,
    kind: str,
    payload: bytes,
    seq: int = 0,
    at: float = 0.0,
    *,
    recorded_at: float = 0.0,
) -> Event:
    """The event in one payload, whose topic is its subject's, whatever the payload says. `at`: when it was heard.

    `recorded_at`: as of StatusEvent. Raises MalformedProgress.
    """
    if kind == PROGRESS:
        return ProgressEvent(topic, Progress.parse(payload), payload, seq, at)
    fields = parse_object(payload)
    run_id, status = fields.get("runId"), fields.get("status")
    if not isinstance(run_id, str) or not isinstance(status, str):
        raise MalformedProgress("runId and status must be strings")
    if status not in _RANK:  # for an end it would be taken by some, and by others for nothing
        raise MalformedProgress(f"status {status!r:.60} must be one of {', '.join(_RANK)}")
    says_alive = status == "running" and fields.get("aliveEvery") is not None
    run = RunStatus(run_id, status, says_alive)
    return StatusEvent(topic, run, payload, seq, at, recorded_at)


@functools.lru_cache(MAX_SUBJECTS)
def topic_of(subject: str) -> tuple[Topic, str]:
    """tenant.<T>.job.<J>.progress|status as topic and kind. Raises MalformedProgress."""
    parts = subject.split(".")
    if len(parts) == 5:
        _, tenant_id, _, job, kind = parts
        if _JOB_ID.fullmatch(job) and int(job) <= MAX_JOB_ID:
            return topic_named(tenant_id, int(job)), kind
    raise MalformedProgress("the job in the subject is not a whole number from 1 on")


@functools.lru_cache(MAX_TOPICS)
def topic_named(tenant_id: str, job_id: int) -> Topic:
    """The topic, as the same object for all who name it: dicts compare its parts else, twice for each message."""
    return Topic(tenant_id, job_id)
