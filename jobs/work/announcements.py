"""The NATS messages about a run's changes, and an Announcer that publishes them even after NATS was away."""

import base64
import json
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from jobs.store.records import Run
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from progress_lib.nats.jetstream import NO_STREAM, JetStream, JetStreamError
from progress_lib.nats.link import Link, NatsError
from progress_lib.subjects import PROGRESS_STREAM, progress_subject, status_subject, stream_name

LOG = logging.getLogger(__name__)

# Announcements kept while NATS is away. When full, the oldest is dropped: the store has it.
BACKLOG = 10_000
RETRY_WAIT = 0.5  # seconds between two looks whether NATS is back
# Seconds within which all links reconnect after an outage (their longest back-off)
RETURN_WAIT = 3.0
# Seconds for which the servers of a cluster may elect a leader of the history before an announcement is given up
KEPT_WAIT = 60.0
KEPT_LOOKS = (0.01, 0.05, 0.2, 0.5)  # seconds after each look whether the history has one


@dataclass(frozen=True, slots=True)
class Announcement:
    subject: str
    payload: bytes


def status_payload(run: Run, status: RunStatus, reason: str | None, ts: float) -> dict[str, Any]:
    """The payload of a job.status message. `ts`: when the run changed (Unix seconds)."""
    return {"runId": run.run_id, "status": status.value, "reason": reason, "ts": ts}


def present_status(run: Run) -> dict[str, Any]:
    """The payload of a job.status message with the run's present status."""
    ts = run.ended_at or run.started_at or run.created_at
    return status_payload(run, run.status, run.reason, ts)


def status_announcement(run: Run, status: RunStatus, reason: str | None = None) -> Announcement:
    """The job.status message of a change that happens now."""
    payload = json.dumps(status_payload(run, status, reason, time.time()))
    return Announcement(status_subject(run.tenant_id, run.job_id), payload.encode())


def node_announcement(run: Run, node: NodeState) -> Announcement:
    """The job.progress message of a node that the runner had to close."""
    return Announcement(progress_subject(run.tenant_id, run.job_id), node.payload)


class Announcer:
    """Publishes announcements in order, and repeats them until NATS has them: in a cluster, until the history has.

    While the servers of a cluster elect a leader of the stream PROGRESS, nobody keeps what is said, and
    nobody who follows the stream hears it.

    Its thread lives only while something waits. Repeats are harmless: an announcement says what is now
    true of a run, and a listener knows which run is the job's latest.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Condition()
        self._waiting: deque[Announcement] = deque(maxlen=BACKLOG)  # (lock)
        self._thread: threading.Thread | None = None  # (lock)
        self._closed = False  # (lock)
        self._unkept_since: float | None = None  # (its thread) monotonic seconds

    def announce(self, *announcements: Announcement) -> None:
        """Takes announcements and returns at once. Any thread but the link's own may call."""
        with self._lock:
            if len(self._waiting) + len(announcements) > BACKLOG:
                LOG.warning("%d announcements wait for NATS: the oldest are dropped", BACKLOG)
            self._waiting.extend(announcements)
            if self._thread is None and self._waiting and not self._closed:
                self._start()

    def _start(self) -> None:
        """(lock)"""
        thread = threading.Thread(target=self._run, name="announcer", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread is left; the next announcement tries again
            LOG.warning("announcements wait: %s", error)
        else:
            self._thread = thread

    def close(self, timeout: float) -> bool:
        """Waits until all are published, then stops. False when `timeout` seconds were not enough."""
        with self._lock:
            done = self._lock.wait_for(lambda: self._thread is None, timeout)
            self._closed = True
            self._lock.notify_all()
        return done

    def _run(self) -> None:
        try:
            self._publish_all()
        finally:
            with self._lock:
                has_failed = self._thread is threading.current_thread()
                if has_failed:  # the next announcement starts another
                    self._end()

    def _publish_all(self) -> None:
        was_away = False
        while batch := self._next_batch():
            said = self._say(batch)
            if said and not was_away:
                self._forget(batch)
            else:  # just after an outage, others may not be connected yet
                self._pause(RETURN_WAIT if said else RETRY_WAIT)
            was_away = not said

    def _pause(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._closed, seconds)

    def _next_batch(self) -> list[Announcement]:
        with self._lock:
            if self._closed or not self._waiting:
                self._end()
                return []
            return list(self._waiting)

    def _end(self) -> None:
        """(lock)"""
        self._thread = None
        self._lock.notify_all()

    def _say(self, batch: list[Announcement]) -> bool:
        """Publishes all. Returns whether the server has them."""
        for one in batch:
            try:
                if not self._link.publish(one.subject, one.payload):
                    return False
            except ValueError as error:  # too large for this server, so not repeated
                LOG.warning("cannot announce on %s: %s", one.subject, error)
        return self._link.flush() and self._is_kept(batch)

    def _is_kept(self, batch: list[Announcement]) -> bool:
        """Whether the history has them, or will not have them."""
        statuses = {one.subject: one.payload for one in batch if one.subject.endswith(".status")}
        if not self._link.is_clustered or all(
            self._has_soon(subject, payload) for subject, payload in statuses.items()
        ):
            self._unkept_since = None
            return True
        self._unkept_since = self._unkept_since or time.monotonic()
        return time.monotonic() - self._unkept_since > KEPT_WAIT

    def _has_soon(self, subject: str, payload: bytes) -> bool:
        """The servers agree on a message after it was taken, mostly within milliseconds."""
        for pause in KEPT_LOOKS:
            if self._has(subject, payload):
                return True
            self._pause(pause)
        return False

    def _has(self, subject: str, payload: bytes) -> bool:
        """Whether the last that the history has of a subject is this, or newer."""
        stream = stream_name(self._link.prefix, PROGRESS_STREAM)
        asked = {"last_by_subj": self._link.prefixed(subject)}
        try:
            told = JetStream(self._link).call(f"STREAM.MSG.GET.{stream}", asked)
            last = json.loads(base64.b64decode(told["message"].get("data", "")))
            return float(last["ts"]) >= float(json.loads(payload)["ts"])
        except JetStreamError as error:
            return error.code == NO_STREAM
        except (NatsError, ValueError, LookupError, TypeError):
            return False

    def _forget(self, batch: list[Announcement]) -> None:
        with self._lock:
            for one in batch:
                if self._waiting and self._waiting[0] is one:
                    self._waiting.popleft()
