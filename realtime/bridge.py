"""The bridge: what NATS brings becomes events of the hub, in order and without a gap."""

import functools
import logging
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from progress_lib.jetstream import stream_sequence, stream_time
from progress_lib.nats import PING_PERIOD, Link, Message, NatsError, Subscription
from progress_lib.progress import MalformedProgress, Progress, parse_object
from progress_lib.subjects import every_job, progress_subject, status_subject
from realtime.actions import MAX_JOB_ID
from realtime.history import HEARTBEAT, KINDS, Follower, ProgressStream
from realtime.hub import MAX_JOBS, Event, Hub, ProgressEvent, StatusEvent, Topic
from realtime.snapshot import RunStatus

LOG = logging.getLogger(__name__)

MAX_BACKLOG = 64  # batches in the hub's inbox; beyond, NATS waits in its TCP buffers
# What comes within a period travels together, since waking up costs more than a message does.
BATCH_PERIOD = 0.004  # seconds
BUSY, BUSY_PERIOD = 32, 0.008  # the same after a batch of so many: from 8,000 messages/s on
BATCH = 256  # messages; a batch of this size is worth its wake-up, and the next is read at once
BACKLOG_TICK = 0.005  # seconds between two looks at a full inbox
COMPLAINT_PERIOD = 5.0  # seconds; a publisher of nonsense must not fill the log
HISTORY_RETRY = 15.0  # seconds until a history that could not be had is asked for again
RETRY_WAIT = 1.0  # seconds until a past that could not be read is tried again
MAX_REPLAYED = 1_000  # jobs whose past is read at once; a crowd may come back to many jobs
MAX_FAILURES = 3  # of one job's past, until its watchers get what is known and what is live
STOP_WAIT = 5.0  # seconds that `close` gives the bridge's thread

_JOB_ID = re.compile(r"0|[1-9][0-9]{0,15}")  # one spelling for each job: 007 is not 7

LastRun = Callable[[str, int], Iterable[tuple[str, bytes]]]
"""What the database knows of a job's last run: (kind, payload) pairs, the status first."""


class NATSBridge:
    """Feeds the hub with the progress of every job of a tenant, and with the past of watched jobs.

    `tenant_id` may be "*": then each message belongs to the tenant in its subject. With JetStream
    the bridge follows the stream PROGRESS; without, it listens to the plain subjects, and only
    what is said from now on is known.
    """

    def __init__(
        self,
        nats_url: str,
        tenant_id: str,
        hub: Hub,
        last_run: LastRun | None = None,
        ping_period: float = PING_PERIOD,
    ) -> None:
        self._tenant_id = tenant_id
        self._hub = hub
        self._last_run = last_run
        self.link = Link(nats_url, name="bridge", ping_period=ping_period)
        self._stream = ProgressStream(self.link, tenant_id)
        self._follower = Follower(self._stream, self.link, self._receive)
        self._plain: list[Subscription] = []  # (bridge thread) listening without a history
        self._next_try = 0.0  # (bridge thread) monotonic seconds; when to ask for a history again
        self._attached_to = 0  # (bridge thread) the link's connection that we listen on
        self._wishes: queue.SimpleQueue[Topic | None] = queue.SimpleQueue()
        self._retries: dict[Topic, float] = {}  # (bridge thread) when to try again
        self._failures: Counter[Topic] = Counter()  # (bridge thread) while NATS was there
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self.has_history = False  # (bridge thread)
        self.unasked = 0  # (link thread) messages of jobs that nobody asked for
        self.malformed = 0  # (link thread) messages that were not passed on
        self._next_complaint = 0.0  # (link thread)

    def subscribe(self) -> None:
        """Starts listening; NATS may come later, and may come and go."""
        self.link.on_up(self._wake)
        self.link.start()
        self._thread.start()

    def load(self, topic: Topic) -> None:
        """Asks for a job's past; it reaches the hub as `known`. Any thread, returns at once."""
        self._wishes.put(topic)

    def past(
        self, tenant_id: str, job_id: int, since: float, until: float
    ) -> list[tuple[str, bytes, float]]:
        """What was said of a job between two times: (kind, payload, time), in order.

        On the caller's thread, which may be any but the link's. Raises NatsError.
        """
        return [
            (message.subject.rsplit(".", 1)[1], message.payload, stream_time(message.reply))
            for batch in self._stream.replay([(tenant_id, job_id)], since, until)
            for message in batch
        ]

    def close(self) -> None:
        """Passes on what has arrived, then ends the connection and the thread."""
        self._stopping.set()
        self._wake()
        self.link.close()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT)

    def _wake(self) -> None:
        self._wishes.put(None)

    # ---- the bridge's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            topics = self._next_wishes()
            try:
                self._listen()
                if topics:
                    self._read_past(topics)
            except Exception:
                LOG.exception("bridge: listening, and the past of %d jobs", len(topics))

    def _next_wishes(self) -> list[Topic]:
        """Jobs whose past is wanted, MAX_REPLAYED at most; returns at least once a heartbeat."""
        now = time.monotonic()
        wishes = [topic for topic, due in self._retries.items() if due <= now][:MAX_REPLAYED]
        for topic in wishes:
            del self._retries[topic]
        wait = 0.0 if wishes else RETRY_WAIT if self._retries else HEARTBEAT
        try:
            while len(wishes) < MAX_REPLAYED:
                wish = self._wishes.get(timeout=wait)
                wishes += [wish] if wish is not None else []
                wait = 0.0
        except queue.Empty:
            pass
        return list(dict.fromkeys(wishes))  # after a refresh one may be asked for twice

    def _listen(self) -> None:
        """Sees to it that messages come: on a new connection, and when the consumer is gone."""
        if not self.link.is_up:
            return
        connection = self.link.connects
        is_current = self._attached_to == connection
        if is_current and self._is_served():
            return
        try:
            self._follow(goes_on=is_current and self.has_history)
        except NatsError as error:
            self._listen_plainly(error)
        self._attached_to = connection

    def _is_served(self) -> bool:
        if self.has_history:
            return self._follower.is_healthy
        return time.monotonic() < self._next_try

    def _follow(self, goes_on: bool) -> None:
        """Follows the stream. Unless it `goes_on` without a gap, the past is read anew.

        From `refresh` on messages wait for that past: what the consumer delivers first may be
        older than what is shown. Raises NatsError.
        """
        opened = self._stream.open()
        if not goes_on:
            for subscription in self._plain:
                self.link.unsubscribe(subscription)
            self._plain = []
            self._use_history(True)
            if self._attached_to:
                self._hub.refresh()
        if self._follower.attach(opened):
            LOG.warning("the stream PROGRESS was made anew: its history begins now")
            self._hub.restart_sequences()

    def _listen_plainly(self, error: NatsError) -> None:
        """Without a history, until it can be had."""
        self._next_try = time.monotonic() + HISTORY_RETRY
        if self._plain or not self.link.is_up:
            return
        LOG.warning("no history, only live progress: %s", error)
        self._follower.detach()
        self._use_history(False)
        self._plain = [
            self.link.subscribe_batches(every_job(self._tenant_id, kind), self._receive)
            for kind in KINDS
        ]

    def _use_history(self, is_on: bool) -> None:
        self.has_history = is_on
        self._hub.use_history(is_on)

    def _read_past(self, topics: list[Topic]) -> None:
        """All that the stream holds, then the database's word on the last run of each.

        In this order: the database is then at least as new, and old runs do not hide the last one.
        """
        past: dict[Topic, list[Event]] = {topic: [] for topic in topics}
        is_complete = dict.fromkeys(topics, True)
        try:
            if self.has_history:
                for batch in self._stream.replay(topics):
                    for event in self._events(batch):
                        past[event.topic].append(event)
        except NatsError as error:
            LOG.warning(
                "history of %d jobs, %d among them: %s", len(topics), topics[0].job_id, error
            )
            past = {topic: [] for topic in topics}  # half of it may be older than what is shown
            is_complete = {topic: not self._tries_again(topic) for topic in topics}
        for topic in topics:
            known = [*past[topic], *self._from_database(topic)]
            self._hub.known(topic, known, is_complete[topic])

    def _tries_again(self, topic: Topic) -> bool:
        """Whether a past that failed is asked for again: not for ever while live messages wait."""
        self._failures[topic] += self.link.is_up
        if self._failures[topic] >= MAX_FAILURES:
            del self._failures[topic]
            return False
        self._retries[topic] = time.monotonic() + RETRY_WAIT
        return True

    def _from_database(self, topic: Topic) -> Iterable[Event]:
        if self._last_run is None:
            return
        subjects = {"progress": progress_subject(*topic), "status": status_subject(*topic)}
        try:
            for kind, payload in self._last_run(*topic):
                yield read_event(subjects[kind], payload)
        except Exception as error:  # a database that is away must not hide what NATS knows
            LOG.warning("the last run of job %d is not known: %s", topic.job_id, error)

    # ---- the link's thread

    def _receive(self, messages: list[Message]) -> None:
        while self._hub.backlog > MAX_BACKLOG and not self._stopping.is_set():
            time.sleep(BACKLOG_TICK)
        wanted = [m for m in messages if self._is_wanted(m)] if self.has_history else messages
        self.unasked += len(messages) - len(wanted)
        events = self._events(wanted)
        if events:
            self._hub.broadcast(events)
        if len(messages) < BATCH:
            time.sleep(BUSY_PERIOD if len(messages) >= BUSY else BATCH_PERIOD)

    def _is_wanted(self, message: Message) -> bool:
        """False for a job that nobody asked for: when someone does, its past is read then."""
        try:
            return self._hub.keeps(_topic(message.subject)[0])
        except MalformedProgress:
            return True  # to be complained of

    def _events(self, messages: list[Message]) -> list[Event]:
        return [event for message in messages if (event := self._read(message)) is not None]

    def _read(self, message: Message) -> Event | None:
        seq = stream_sequence(message.reply) if message.reply.startswith("$JS.ACK.") else 0
        try:
            return read_event(message.subject, message.payload, seq)
        except MalformedProgress as error:
            self._complain(message.subject, error)
            return None

    def _complain(self, subject: str, error: MalformedProgress) -> None:
        self.malformed += 1
        now = time.monotonic()
        if now >= self._next_complaint:
            self._next_complaint = now + COMPLAINT_PERIOD
            LOG.warning(
                "not passed on (%d so far): %.200s on subject %.200r",
                self.malformed,
                error,
                subject,
            )


def read_event(subject: str, payload: bytes, seq: int = 0) -> Event:
    """The event in one NATS message. Raises MalformedProgress.

    Tenant and job come from the subject, never from the payload.
    """
    topic, kind = _topic(subject)
    if kind == "progress":
        return ProgressEvent(topic, Progress.parse(payload), payload, seq)
    fields = parse_object(payload)
    run_id, status = fields.get("runId"), fields.get("status")
    if not isinstance(run_id, str) or not isinstance(status, str):
        raise MalformedProgress("runId and status must be strings")
    return StatusEvent(topic, RunStatus(run_id, status), payload, seq)


@functools.lru_cache(2 * MAX_JOBS)  # a job has two subjects
def _topic(subject: str) -> tuple[Topic, str]:
    """tenant.<T>.job.<J>.progress|status, taken apart."""
    parts = subject.split(".")
    if len(parts) == 5:
        _, tenant_id, _, job, kind = parts
        if _JOB_ID.fullmatch(job) and int(job) <= MAX_JOB_ID:
            return Topic(tenant_id, int(job)), kind
    raise MalformedProgress("the job in the subject is not a number")
