"""The bridge: what NATS brings becomes events of the hub."""

import logging
import time

from progress_lib.nats import Link, Message
from progress_lib.progress import MalformedProgress, Progress, parse_object
from progress_lib.subjects import every_job
from realtime.actions import MAX_JOB_ID
from realtime.hub import Event, Hub, ProgressEvent, StatusEvent, Topic
from realtime.snapshot import RunStatus

LOG = logging.getLogger(__name__)

MAX_BACKLOG = 64  # batches in the hub's inbox; beyond, NATS waits in its TCP buffers
BACKLOG_TICK = 0.005  # seconds between two looks at a full inbox
COMPLAINT_PERIOD = 5.0  # seconds; a publisher of nonsense must not fill the log


class NATSBridge:
    """Subscribes to the progress of every job of a tenant and feeds the hub, in order.

    `tenant_id` may be "*": then each message belongs to the tenant in its subject.
    """

    def __init__(self, nats_url: str, tenant_id: str, hub: Hub) -> None:
        self._tenant_id = tenant_id
        self._hub = hub
        self.link = Link(nats_url, name="bridge")
        self.malformed = 0  # (link thread) messages that were not passed on
        self._next_complaint = 0.0  # (link thread)

    def subscribe(self) -> None:
        """Starts listening; NATS may come later, and may come and go."""
        for kind in ("progress", "status"):
            self.link.subscribe_batches(every_job(self._tenant_id, kind), self._receive)
        self.link.start()

    def close(self) -> None:
        """Passes on what has arrived, then ends the connection."""
        self.link.close()

    # ---- the link's thread

    def _receive(self, messages: list[Message]) -> None:
        while self._hub.backlog > MAX_BACKLOG:
            time.sleep(BACKLOG_TICK)
        events = [event for message in messages if (event := self._read(message)) is not None]
        if events:
            self._hub.broadcast(events)

    def _read(self, message: Message) -> Event | None:
        try:
            return read_event(message.subject, message.payload)
        except MalformedProgress as error:
            self._complain(message.subject, error)
            return None

    def _complain(self, subject: str, error: MalformedProgress) -> None:
        self.malformed += 1
        now = time.monotonic()
        if now >= self._next_complaint:
            self._next_complaint = now + COMPLAINT_PERIOD
            LOG.warning(
                "not passed on (%d so far): %.200s on subject %.200s",
                self.malformed,
                error,
                subject,
            )


def read_event(subject: str, payload: bytes) -> Event:
    """The event in one NATS message. Raises MalformedProgress.

    Tenant and job come from the subject, never from the payload.
    """
    topic, kind = _topic(subject)
    fields = parse_object(payload)
    if kind == "progress":
        return ProgressEvent(topic, Progress.from_fields(fields), payload)
    run_id, status = fields.get("runId"), fields.get("status")
    if not isinstance(run_id, str) or not isinstance(status, str):
        raise MalformedProgress("runId and status must be strings")
    return StatusEvent(topic, RunStatus(run_id, status), payload)


def _topic(subject: str) -> tuple[Topic, str]:
    """tenant.<T>.job.<J>.progress|status, taken apart."""
    parts = subject.split(".")
    if len(parts) == 5:
        _, tenant_id, _, job, kind = parts
        if job.isascii() and job.isdigit() and len(job) <= 16 and int(job) <= MAX_JOB_ID:
            return Topic(tenant_id, int(job)), kind
    raise MalformedProgress("the job in the subject is not a number")
