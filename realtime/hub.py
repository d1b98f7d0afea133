"""The hub: one thread that owns every subscription and sends each message to who watches.

It works in rounds. A round takes everything that waits in the inbox, encodes each message once,
joins the frames of a job once, and gives them to each subscriber with one send that never blocks.
Fewer, larger sends are what makes it fast: the kernel's cost is per send (DESIGN §4).
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from progress_lib.progress import Progress
from realtime import frames
from realtime.close_codes import REASONS, CloseCode
from realtime.send_buffer import Part
from realtime.snapshot import COUNT, NONE, JobSnapshot, News, RunStatus

if TYPE_CHECKING:
    from realtime.client import Client

LOG = logging.getLogger(__name__)

MAX_ROUND = 2_048  # messages; bounds how long a subscribe, or another job, waits behind a round
MAX_ROUND_BYTES = 1 << 20  # of frames; bounds the memory of a round when messages are large
# Jobs whose state is kept; when full, drop the job that has been unwatched the longest
MAX_JOBS = 10_000
MAX_HELD = 100_000  # messages of a job kept while its past is read, which takes well under a second
LEAVE_WAIT = 12.0  # seconds a closed client has to be gone: its write wait, and to answer
STOP_LEAVE_WAIT = 3.0  # the same when the server stops: within gunicorn's graceful timeout
LEAVE_TICK = 0.5  # seconds between two looks at clients that are leaving
STOP_WAIT = 5.0  # seconds that `stop` waits for the round at hand


class Topic(NamedTuple):
    """What a browser subscribes to. The tenant is part of the key: nothing crosses tenants."""

    tenant_id: str
    job_id: int


class ProgressEvent(NamedTuple):
    """A node's progress as it came: `payload` is passed on byte for byte."""

    topic: Topic
    progress: Progress
    payload: bytes
    seq: int = 0  # of the stream PROGRESS; 0 when it came from elsewhere


class StatusEvent(NamedTuple):
    """A change of a run's status as it came."""

    topic: Topic
    run: RunStatus
    payload: bytes
    seq: int = 0


Event = ProgressEvent | StatusEvent


class Register(NamedTuple):
    client: "Client"


class Unregister(NamedTuple):
    client: "Client"


class Subscribe(NamedTuple):
    client: "Client"
    topic: Topic


class Unsubscribe(NamedTuple):
    client: "Client"
    topic: Topic


class Broadcast(NamedTuple):
    events: list[Event]


class Known(NamedTuple):
    topic: Topic
    events: list[Event]
    is_complete: bool


class UseHistory(NamedTuple):
    is_on: bool


class RestartSequences(NamedTuple):
    pass


class Refresh(NamedTuple):
    pass


class CloseSome(NamedTuple):
    code: CloseCode
    most: int | None


class Stop(NamedTuple):
    pass


Command = (
    Register
    | Unregister
    | Subscribe
    | Unsubscribe
    | Broadcast
    | Known
    | UseHistory
    | RestartSequences
    | Refresh
    | CloseSome
    | Stop
)

Load = Callable[[Topic], None]  # asks for a job's past; the answer comes as `hub.known`


@dataclass(slots=True)
class _Job:
    snapshot: JobSnapshot = field(default_factory=JobSnapshot)
    watchers: set["Client"] = field(default_factory=set)
    pending: list[Part] = field(default_factory=list)  # frames of the round at hand
    is_shown: bool = False  # its past, or what is known of it, was shown to its watchers
    last_seq: int = 0  # stream sequence of the newest message that the snapshot holds
    # What came while the job's past is being read; None: it is known
    held: list[Event] | None = None


@dataclass(slots=True)
class HubCounts:
    """What the hub did; written by the hub thread, read by anyone."""

    clients: int = 0
    subscriptions: int = 0
    jobs: int = 0
    received: int = 0  # messages
    delivered: int = 0  # messages times clients
    stale: int = 0  # messages that said less than what was known
    cut: int = 0  # clients cut because their buffer was full


class Hub:
    """Routes messages to clients. Other threads only put commands into the inbox.

    With a history, the state of a job is kept from its first subscription on: `load` is asked for
    its past, and who watches sees nothing until that is there. Without one (`load` is None, or
    `use_history(False)`) the state of every job is kept from its first message on.
    """

    def __init__(self, load: Load | None = None) -> None:
        self._load = load
        self._has_history = load is not None  # (hub thread)
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._clients: dict[Client, set[Topic]] = {}  # (hub thread)
        self._jobs: dict[Topic, _Job] = {}  # (hub thread)
        self._idle: dict[Topic, None] = {}  # (hub thread) jobs that nobody watches, oldest first
        self._leaving: dict[Client, float] = {}  # (hub thread) told to go; when it must be gone
        self._touched: list[_Job] = []  # (hub thread) jobs with pending frames
        self._room = 0  # (hub thread) bytes that the round may still take
        self._running = True  # (hub thread)
        self._closed_with: CloseCode | None = None  # (hub thread) set once all were sent away
        self.counts = HubCounts()
        self._thread = threading.Thread(target=self.run, name="hub", daemon=True)

    # ---- any thread

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the hub's thread after what is already in the inbox."""
        self._inbox.put(Stop())
        self._thread.join(STOP_WAIT)

    def register(self, client: "Client") -> None:
        self._inbox.put(Register(client))

    def unregister(self, client: "Client") -> None:
        self._inbox.put(Unregister(client))

    def subscribe(self, client: "Client", topic: Topic) -> None:
        self._inbox.put(Subscribe(client, topic))

    def unsubscribe(self, client: "Client", topic: Topic) -> None:
        self._inbox.put(Unsubscribe(client, topic))

    def broadcast(self, events: list[Event]) -> None:
        """Sends events, in order, to who watches their jobs."""
        self._inbox.put(Broadcast(events))

    def known(self, topic: Topic, events: list[Event], is_complete: bool) -> None:
        """A job's past, in order. Incomplete: it is shown, and a complete one will follow."""
        self._inbox.put(Known(topic, events, is_complete))

    def use_history(self, is_on: bool) -> None:
        """Whether there is a history to ask for the past of jobs."""
        self._inbox.put(UseHistory(is_on))

    def restart_sequences(self) -> None:
        """The stream was made anew and counts from 1 again."""
        self._inbox.put(RestartSequences())

    def refresh(self) -> None:
        """What was said meanwhile may be lost: the past of each watched job is read again."""
        self._inbox.put(Refresh())

    def close_some(self, code: CloseCode, most: int | None) -> None:
        """Closes `most` of the clients that are registered now; with None all, and who comes later."""
        self._inbox.put(CloseSome(code, most))

    def keeps(self, topic: Topic) -> bool:
        """Whether the job's state is kept, or asked for: its messages are of use.

        A job that begins to be kept just after this has its past read after that, too.
        """
        return topic in self._jobs

    @property
    def backlog(self) -> int:
        """Commands that wait in the inbox."""
        return self._inbox.qsize()

    # ---- the hub thread

    def run(self) -> None:
        while self._running:
            try:
                self._round()
            except Exception:  # without this thread the whole worker falls silent
                LOG.exception("hub: a round failed")

    def _round(self) -> None:
        """Everything that waits, within the bounds of a round, then one send for each watcher."""
        command = self._first()
        room, self._room = MAX_ROUND, MAX_ROUND_BYTES
        while command is not None:
            try:
                room -= len(command.events) if type(command) is Broadcast else 1
                self._obey(command)
            except Exception:  # one bad command must not end the service of all others
                LOG.exception("hub: %s failed", type(command).__name__)
            command = self._next() if room > 0 and self._room > 0 else None
        touched, self._touched = self._touched, []
        for job in touched:
            self._flush(job)

    def _first(self) -> Command | None:
        """Waits for a command, but not while clients are to be seen out."""
        if not self._leaving:
            return self._inbox.get()
        self._abort_late()
        try:
            return self._inbox.get(timeout=LEAVE_TICK)
        except queue.Empty:
            return None

    def _next(self) -> Command | None:
        try:
            return self._inbox.get_nowait()
        except queue.Empty:
            return None

    def _obey(self, command: Command) -> None:
        assert threading.current_thread() is self._thread, "only the hub thread owns this state"
        match command:
            case Broadcast(events):
                self._take(events)
            case Register(client):
                self._clients[client] = set()
                self.counts.clients = len(self._clients)
                if self._closed_with is not None:  # it was on its way in when all were sent away
                    self._let_go(client, self._closed_with)
            case Unregister(client):
                self._forget(client)
                self._leaving.pop(client, None)
            case Subscribe(client, topic):
                self._begin_watching(client, topic)
            case Unsubscribe(client, topic):
                self._end_watching(client, topic)
            case Known(topic, events, is_complete):
                self._learn(topic, events, is_complete)
            case UseHistory(is_on):
                self._has_history = is_on
            case RestartSequences():
                for job in self._jobs.values():
                    job.last_seq = 0
            case Refresh():
                self._refresh()
            case CloseSome(code, most):
                for client in list(self._clients)[:most]:
                    self._let_go(client, code)
                if most is None:
                    self._closed_with = code
            case Stop():
                self._running = False

    def _take(self, events: list[Event]) -> None:
        """Notes what is now true of each job, and what its watchers are to be sent."""
        self.counts.received += len(events)
        for event in events:
            try:
                self._take_one(event)
            except Exception:  # costs this message only
                LOG.exception("hub: a message of %s failed", event.topic)

    def _take_one(self, event: Event) -> None:
        job = self._jobs.get(event.topic)
        if job is None:
            if self._has_history:
                return  # nobody asked yet: its past will be read when someone does
            job = self._new_job(event.topic)
        if job.held is None:
            self._apply(job, event)
        elif len(job.held) < MAX_HELD:
            job.held.append(event)

    def _apply(self, job: _Job, event: Event) -> None:
        news = _news(job, event)
        if news:
            self._tell(job, event, news)
        else:
            self.counts.stale += 1

    def _tell(self, job: _Job, event: Event, news: News) -> None:
        """At the end of the round."""
        if job.watchers:
            if not job.pending:
                self._touched.append(job)
            frame = _frame_of(event)
            count = event if news is COUNT and isinstance(event, ProgressEvent) else None
            job.pending.append((count, frame))
            self._room -= len(frame)

    def _learn(self, topic: Topic, events: list[Event], is_complete: bool) -> None:
        """A job's past is there: shows it to who waits, then what came in the meantime."""
        job = self._jobs.get(topic)
        if job is None:
            return
        try:
            noted = [(event, _news(job, event)) for event in _of_the_last_run(job, events)]
            if job.is_shown:  # read again: what is new is told, the end of a run last
                for event, news in sorted(noted, key=_ends_its_run):
                    if news:
                        self._tell(job, event, news)
            if not job.is_shown:
                self._show(topic, job, list(job.watchers))
                job.is_shown = True
            job.last_seq = max([job.last_seq, *(event.seq for event in events)])
        finally:  # whatever the past holds, what is said from now on must get through
            held, job.held = job.held, None if is_complete else job.held
        for event in (held or ()) if is_complete else ():
            self._apply(job, event)

    def _refresh(self) -> None:
        if self._load is None:
            return
        for topic in self._idle:  # read when somebody asks
            del self._jobs[topic]
        self._idle.clear()
        self.counts.jobs = len(self._jobs)
        for topic, job in self._jobs.items():
            job.held = job.held or []  # what comes until then may be older than what is shown
            self._load(topic)

    def _flush(self, job: _Job) -> None:
        """One send for each watcher, of all that the round brought for this job."""
        if job.pending:
            pending, job.pending = job.pending, []
            self._send(job.watchers, pending)

    def _send(self, clients: Collection["Client"], parts: list[Part]) -> None:
        """One send for each. Who cannot take it is let go, and nobody else notices."""
        data = b"".join([frame for _, frame in parts])
        self.counts.delivered += len(parts) * len(clients)
        lost: list[tuple[Client, CloseCode]] = []
        for client in clients:
            try:
                if not client.push(data, parts):
                    lost.append((client, CloseCode.TOO_SLOW))
            except Exception:
                LOG.exception("hub: a client failed")
                lost.append((client, CloseCode.SERVER_ERROR))
        for client, code in lost:  # backpressure: it comes back to a snapshot
            self.counts.cut += code is CloseCode.TOO_SLOW
            self._let_go(client, code)

    def _begin_watching(self, client: "Client", topic: Topic) -> None:
        """Sends what is now true, and from here on what follows: no gap, nothing twice."""
        topics = self._clients.get(client)
        if topics is None:
            return  # it left while its request was in the inbox
        job = self._jobs.get(topic) or self._new_job(topic)
        self._flush(job)  # the snapshot holds these already
        if client not in self._clients:
            return  # it watched before, and was cut just now
        job.watchers.add(client)
        self._idle.pop(topic, None)
        self.counts.subscriptions += topic not in topics
        topics.add(topic)
        self._show(topic, job, [client])

    def _show(self, topic: Topic, job: _Job, clients: Collection["Client"]) -> None:
        """Sends what is now true of a job."""
        known = _snapshot_frames(topic.job_id, job.snapshot)
        if known:
            self._send(clients, [(None, frame) for frame in known])

    def _end_watching(self, client: "Client", topic: Topic) -> None:
        topics = self._clients.get(client, set())
        if topic in topics:
            topics.remove(topic)
            self._lose_watcher(client, topic)

    def _lose_watcher(self, client: "Client", topic: Topic) -> None:
        watchers = self._jobs[topic].watchers
        watchers.remove(client)
        self.counts.subscriptions -= 1
        if not watchers:
            self._idle[topic] = None

    def _let_go(self, client: "Client", code: CloseCode) -> None:
        """Sends nothing more to it but a close frame, and sees to it that it goes."""
        self._forget(client)
        wait = STOP_LEAVE_WAIT if code is CloseCode.SERVER_STOPPING else LEAVE_WAIT
        self._leaving.setdefault(client, time.monotonic() + wait)
        try:
            client.close(code, REASONS[code])
        except Exception:
            LOG.exception("hub: a client could not be closed")
            client.abort()

    def _forget(self, client: "Client") -> None:
        for topic in self._clients.pop(client, set()):
            self._lose_watcher(client, topic)
        self.counts.clients = len(self._clients)

    def _abort_late(self) -> None:
        """Ends the clients that were told to go and did not."""
        now = time.monotonic()
        for client in [client for client, deadline in self._leaving.items() if deadline <= now]:
            del self._leaving[client]
            client.abort()

    def _new_job(self, topic: Topic) -> _Job:
        while len(self._jobs) >= MAX_JOBS and self._idle:
            oldest = next(iter(self._idle))
            del self._idle[oldest], self._jobs[oldest]
        job = self._jobs[topic] = _Job()
        self._idle[topic] = None
        if self._has_history and self._load is not None:
            job.held = []
            self._load(topic)
        self.counts.jobs = len(self._jobs)
        return job


def _of_the_last_run(job: _Job, events: list[Event]) -> list[Event]:
    """Those of a past that are not of runs before its last one, which is noted in the job."""
    past = JobSnapshot()
    for event in events:
        _note(past, event)
    job.snapshot.recognise(past)
    last = past.run_id or (_run_of(events[-1]) if events else None)
    return [event for event in events if _run_of(event) in (None, last)]


def _ends_its_run(noted: tuple[Event, News]) -> bool:
    """The database gives a run's status before its nodes."""
    event, _ = noted
    return isinstance(event, StatusEvent) and event.run.is_end


def _run_of(event: Event) -> str | None:
    return event.run.run_id if isinstance(event, StatusEvent) else event.progress.run_id


def _news(job: _Job, event: Event) -> News:
    """Notes an event in the job's snapshot, and says what it was."""
    if event.seq:
        if event.seq <= job.last_seq:
            return NONE
        job.last_seq = event.seq
    return _note(job.snapshot, event)


def _note(snapshot: JobSnapshot, event: Event) -> News:
    """The same, whatever its place in the stream."""
    if type(event) is ProgressEvent:
        return snapshot.apply_progress(event.progress, event.payload)
    assert type(event) is StatusEvent
    return snapshot.apply_status(event.run, event.payload)


def _frame_of(event: Event) -> bytes:
    if type(event) is ProgressEvent:
        return frames.progress_frame(event.topic.job_id, event.payload)
    return frames.status_frame(event.topic.job_id, event.payload)


def _snapshot_frames(job_id: int, snapshot: JobSnapshot) -> list[bytes]:
    """What is true of a job, as the same messages that told it: the run's status, then each node."""
    known = [frames.progress_frame(job_id, payload) for payload in snapshot.progress_payloads]
    if snapshot.status_payload is not None:
        known.insert(0, frames.status_frame(job_id, snapshot.status_payload))
    return known
