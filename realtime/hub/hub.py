"""The hub: one thread that owns every subscription and sends each message to who watches.

It works in rounds. A round takes everything that waits in the inbox, encodes each message once,
joins the frames of a job once, and gives them to each subscriber with one send that never blocks.
Fewer, larger sends are what makes it fast: the kernel's cost is per send (docs/decisions/connections.md).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from realtime.clients.send_buffer import Part
from realtime.events import STATUS, Event, Source, Topic
from realtime.hub.commands import (
    Broadcast,
    CloseSome,
    Command,
    Forget,
    Hears,
    Known,
    LeaveTenant,
    ListenTo,
    LookAgain,
    Register,
    Stop,
    Subscribe,
    TenantKnown,
    Unregister,
    Unsubscribe,
    WatchTenant,
)
from realtime.hub.counts import HubCounts
from realtime.hub.leaving import Leaving
from realtime.hub.overviews import Overviews
from realtime.hub.watched_job import WatchedJob
from realtime.snapshot import JobSnapshot, News
from realtime.sockets import frames
from realtime.sockets.close_codes import CloseCode

if TYPE_CHECKING:
    from realtime.clients.client import Client

LOG = logging.getLogger(__name__)

MAX_ROUND = 2_048  # events; bounds how long a subscribe, or another job, waits behind a round
MAX_ROUND_BYTES = 1 << 20  # of frames; bounds the memory of a round when messages are large
# Jobs whose state is kept; when full, drop the job that has been unwatched the longest
MAX_JOBS = 10_000
# Bytes of messages that are kept of all jobs that nobody watches, looked at with each LookAgain: more may come between two
MAX_IDLE_BYTES = 64 << 20
MOST_ASKED = 200  # jobs of one LookAgain; each costs two reads of the database
LEAVE_TICK = 0.5  # seconds between two looks at clients that are leaving
STOP_WAIT = 5.0  # seconds that `stop` waits for the round at hand

Load = Callable[[Topic, bool], None]
"""Asks for a job's whole past, or for the database's word alone; the answer comes as the command Known."""


LoadTenant = Callable[[str], None]
"""Asks for the newest messages of all jobs of a tenant; the answer comes as the command TenantKnown."""


class Hub:
    """Routes messages to clients. Other threads only `put` commands (realtime/hub/commands.py).

    Where there may be a history, the state of a job is kept from its first subscription on: `load` is asked for
    its past, and who watches sees nothing until that is there. Without one (`load` is None, or messages are
    LIVE_ONLY) the state of every job is kept from its first message on; what the database knows follows, once
    somebody watches.
    """

    def __init__(self, load: Load | None = None, load_tenant: LoadTenant | None = None) -> None:
        self._load = load
        self._load_tenant = load_tenant
        self._source = Source.LIVE_ONLY if load is None else Source.AWAY  # (hub thread)
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._clients: dict[Client, set[Topic]] = {}  # (hub thread)
        self._jobs: dict[Topic, WatchedJob] = {}  # (hub thread)
        self._overviews = Overviews(self._ask_for_tenant)  # (hub thread)
        self._idle: dict[Topic, None] = {}  # (hub thread) jobs that nobody watches, oldest first
        self._leaving = Leaving()  # (hub thread)
        self._touched: list[WatchedJob] = []  # (hub thread) jobs with pending frames
        self._published = 0.0  # (hub thread) of the round's oldest message; 0: none came yet
        self._room = 0  # (hub thread) bytes that the round may still take
        self._running = True  # (hub thread)
        self._closed_with: CloseCode | None = None  # (hub thread) set once all were sent away
        self._asked = 0  # (hub thread) how often the database was asked of a silent run
        self._talkative: set[Client] = set()  # (hub thread) those who take `more`: see Subscribe
        # (hub thread) the frame that says whether NATS is away
        self._server_state = frames.server_frame(is_heard=True, since=time.time())
        self.counts = HubCounts()
        self._thread = threading.Thread(target=self.run, name="hub", daemon=True)

    # ---- any thread

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the hub's thread after what is already in the inbox."""
        self.put(Stop())
        self._thread.join(STOP_WAIT)

    def put(self, command: Command) -> None:
        """Has a command done, after all that were put before it; returns at once."""
        self._inbox.put(command)

    def keeps(self, topic: Topic, kind: str) -> bool:
        """Whether a message is of use: the job's state is kept, or asked for, or all jobs of its tenant are watched.

        Safe to race: a job that is kept a moment later has its past read later, and finds the message in it.
        """
        return topic in self._jobs or self._overviews.wants(topic, is_status=kind == STATUS)

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
        """Does what waits, within the bounds of a round, then sends to each watcher once."""
        command = self._first()
        began, self._published = time.perf_counter(), 0.0
        room, self._room = MAX_ROUND, MAX_ROUND_BYTES
        while command is not None:
            try:
                room -= _size(command)
                self._obey(command)
            except Exception:  # one bad command must not end the service of all others
                LOG.exception("hub: %s failed", type(command).__name__)
            command = self._next() if room > 0 and self._room > 0 else None
        touched, self._touched = self._touched, []
        for job in touched:
            job.is_touched = False
            try:
                self._flush(job)
            except Exception:  # costs these frames only
                LOG.exception("hub: the frames of a job were not sent")
        for watchers, news in self._overviews.take_news():
            self._send(watchers, [(None, frame) for frame in news])
        self.counts.rounds.add(time.perf_counter() - began)
        if touched and self._published:  # clocks of two machines may differ: never below 0
            self.counts.lags.add(max(time.time() - self._published, 0.0))

    def _first(self) -> Command | None:
        """Waits for a command; while clients are leaving, only until the next look at them."""
        if not self._leaving:
            return self._inbox.get()
        self._leaving.abort_late()
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
            case Broadcast(events, published):
                self._take(events, published)
            case Register(client):
                self._register(client)
            case Unregister(client):
                self._unregister(client)
            case Subscribe(client, topic, more, only_run):
                self._subscribe(client, topic, more, only_run)
            case Unsubscribe(client, topic):
                self._end_watching(client, topic)
            case WatchTenant(client, tenant_id):
                self._begin_overview(client, tenant_id)
            case LeaveTenant(client, tenant_id):
                self._overviews.end(client, tenant_id)
            case TenantKnown(tenant_id, heard):
                self._overviews.note(tenant_id, heard)
            case Known(topic, past, last_seq, is_complete):
                self._learn(topic, past, last_seq, is_complete)
            case ListenTo(source, has_gap, restarts):
                self._listen_to(source, has_gap, restarts)
            case Forget(topic):
                self._forget_job(topic)
            case LookAgain():
                self._look_again()
            case Hears(is_heard, since):
                self._tell_whether_heard(is_heard, since)
            case CloseSome(code, most):
                self._close_some(code, most)
            case Stop():
                self._running = False

    def _register(self, client: Client) -> None:
        self._clients[client] = set()
        self.counts.clients = len(self._clients)
        if self._closed_with is not None:  # it was on its way in when all were sent away
            self._let_go(client, self._closed_with)

    def _unregister(self, client: Client) -> None:
        self._forget(client)
        self._leaving.forget(client)

    def _close_some(self, code: CloseCode, most: int | None) -> None:
        for client in list(self._clients)[:most]:
            self._let_go(client, code)
        if most is None:
            self._closed_with = code

    def _tell_whether_heard(self, is_heard: bool, since: float) -> None:
        self._server_state = frames.server_frame(is_heard=is_heard, since=since)
        self._send(list(self._talkative), [(None, self._server_state)])

    def _take(self, events: list[Event], published: float) -> None:
        """Notes what is now true of each job, and what its watchers are to be sent."""
        self._published = self._published or published
        self.counts.received += len(events)
        for event in events:
            try:
                self._take_one(event)
            except Exception:  # costs this message only
                LOG.exception("hub: a message of %s failed", event.topic)
        self._overviews.take(events)

    def _begin_overview(self, client: Client, tenant_id: str) -> None:
        """Sends the present state in short, and from here on what follows."""
        self._take_more(client)
        if client not in self._clients:
            return  # it left while its request was in the inbox
        if present := self._overviews.begin(client, tenant_id):
            self._send_present([client], [(None, frame) for frame in present])

    def _ask_for_tenant(self, tenant_id: str) -> None:
        if self._load_tenant is not None and self._source is not Source.LIVE_ONLY:
            self._load_tenant(tenant_id)

    def _take_one(self, event: Event) -> None:
        job = self._jobs.get(event.topic)
        if job is None:
            if self._source is not Source.LIVE_ONLY:
                return  # nobody asked yet: its past will be read when someone does
            job = self._new_job(event.topic)
        job.is_quiet = False
        if job.held is not None:
            job.held.apply(event)
        else:
            self._apply(job, event)

    def _apply(self, job: WatchedJob, event: Event) -> None:
        snapshot = job.snapshot
        began = snapshot.began
        if news := job.note(event):
            self._tell(job, event, news)
            if snapshot.began != began:
                self._tell_seen(event.topic, job)
        else:
            self.counts.stale += 1

    def _tell(self, job: WatchedJob, event: Event, news: News) -> None:
        """Has the watchers sent an event at the end of the round."""
        length = job.add_frame(event, news)
        if length and not job.is_touched:
            job.is_touched = True
            self._touched.append(job)
        self._room -= length

    def _tell_seen(self, topic: Topic, job: WatchedJob) -> None:
        """One start for all who watch a run that no status tells of. At once, since not every watcher takes it."""
        self._flush(job)
        if seen := job.seen(topic):
            self._send(job.watchers & self._talkative, seen)
        for run_id, run in list(job.runs.items()):  # one that is cut leaves
            if seen := job.seen(topic, run_id):
                self._send(run.watchers & self._talkative, seen)

    def _learn(self, topic: Topic, past: JobSnapshot, last_seq: int, is_complete: bool) -> None:
        """Shows a job's past to its watchers, then what came while the past was read."""
        job = self._jobs.get(topic)
        if job is None:
            return
        if job.is_void and self._load is not None:
            job.is_void = False
            self._load(topic, True)
            return
        try:
            self._merge(topic, job, past)
            if not job.is_shown:
                self._show(topic, job, list(job.watchers))
                for run_id, run in list(job.runs.items()):
                    self._show(topic, job, list(run.watchers), run_id)
                job.is_shown = True
            job.last_seq = max(job.last_seq, last_seq)
        finally:  # whatever the past holds, what is said from now on must get through
            held, job.held = job.held, None if is_complete else job.held
        if held is not None and is_complete:
            self._merge(topic, job, held)

    def _merge(self, topic: Topic, job: WatchedJob, other: JobSnapshot) -> None:
        """Takes over what is new in another snapshot, and tells it to watchers who were shown the job; a run's end comes last."""
        began = job.snapshot.began
        for event, news in job.news_of(other):
            if job.is_shown:
                self._tell(job, event, news)
        if job.is_shown and job.snapshot.began != began:
            self._tell_seen(topic, job)

    def _listen_to(self, source: Source, has_gap: bool, restarts: bool) -> None:
        """Notes where messages come from. After a gap, holds what comes until each job's past is there, which may be older."""
        self._source = source
        self._overviews.listen_anew(restarts=restarts)
        if self._load is None:
            return
        for topic in list(self._idle):  # read when somebody asks
            self._drop_idle(topic)
        for topic, job in self._jobs.items():
            job.last_seq = 0 if restarts else job.last_seq
            if restarts or (has_gap and job.held is None):
                job.held = JobSnapshot()
            self._load(topic, job.held is not None)

    def _forget_job(self, topic: Topic) -> None:
        """Who watches the job keeps what was shown; who comes is shown nothing of it."""
        if topic in self._idle:
            self._drop_idle(topic)
        elif topic in self._jobs:
            self._jobs[topic].forget()
        self._overviews.forget(topic)

    def _look_again(self) -> None:
        """Asks for the end of runs that fell silent: NATS may have lost it, with a server that died. The database has it."""
        self._bound_idle()
        if self._load is None:
            return
        silent = [topic for topic, job in self._jobs.items() if job.is_silent]
        start = self._asked % max(len(silent), 1)  # in turns, as far as the list stays the same
        asked = [*silent[start:], *silent[:start]][:MOST_ASKED]
        self._asked += len(asked)
        for topic in asked:
            self._load(topic, self._jobs[topic].held is not None)
        for job in self._jobs.values():
            job.is_quiet = True

    def _flush(self, job: WatchedJob) -> None:
        """Sends all that the round brought for this job, to each watcher with one send."""
        if job.pending:
            pending, job.pending = job.pending, []
            self._send(job.watchers, pending)
        for run in list(job.runs.values()) if job.runs else ():
            if run.pending:
                pending, run.pending = run.pending, []
                self._send(run.watchers, pending)

    def _send(self, clients: Collection[Client], parts: list[Part]) -> None:
        """Sends `parts` to each client with one send. A client that cannot take them is let go; the others do not notice."""
        assert parts, "a send of nothing would take a place in the buffer"
        data = parts[0][1] if len(parts) == 1 else b"".join([frame for _, frame in parts])
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

    def _send_present(self, clients: Collection[Client], parts: list[Part]) -> None:
        """Sends what is now true. It counts in the round, in which others wait."""
        self._room -= sum(len(frame) for _, frame in parts)
        self._send(clients, parts)

    def _take_more(self, client: Client) -> None:
        """From now on it is told how the server is; each time it asks, so that it sees that it was heard."""
        if client in self._clients:
            self._talkative.add(client)
            self._send([client], [(None, self._server_state)])

    def _subscribe(self, client: Client, topic: Topic, more: bool, only_run: str | None) -> None:
        if more:
            self._take_more(client)
        self._begin_watching(client, topic, only_run)

    def _begin_watching(self, client: Client, topic: Topic, only_run: str | None) -> None:
        """Sends what is now true, and from here on what follows: no gap, nothing twice."""
        topics = self._clients.get(client)
        if topics is None:
            return  # it left while its request was in the inbox
        job = self._jobs.get(topic) or self._new_job(topic)
        self._flush(job)  # the snapshot holds these already
        if client not in self._clients:
            return  # it watched before, and was cut just now
        if self._source is Source.LIVE_ONLY and self._load and not job.is_watched:
            self._load(topic, False)  # what was said before is known to the database alone
        job.add(client, only_run)
        self._idle.pop(topic, None)
        self.counts.subscriptions += topic not in topics
        topics.add(topic)
        self._show(topic, job, [client], only_run)
        job.is_shown = job.is_shown or job.held is None

    def _show(
        self,
        topic: Topic,
        job: WatchedJob,
        clients: Collection[Client],
        only_run: str | None = None,
    ) -> None:
        """Sends what is now true of a job, or of one run of it."""
        if present := job.present(only_run):
            self._send_present(clients, present)
        if seen := job.seen(topic, only_run):
            self._send(self._talkative.intersection(clients), seen)

    def _end_watching(self, client: Client, topic: Topic) -> None:
        topics = self._clients.get(client, set())
        if topic in topics:
            topics.remove(topic)
            self._lose_watcher(client, topic)

    def _lose_watcher(self, client: Client, topic: Topic) -> None:
        job = self._jobs[topic]
        job.remove(client)
        self.counts.subscriptions -= 1
        if not job.is_watched:
            self._idle[topic] = None

    def _let_go(self, client: Client, code: CloseCode) -> None:
        """Sends a client its close frame and nothing more; it must go."""
        self._forget(client)
        self._leaving.tell(client, code)

    def _forget(self, client: Client) -> None:
        for topic in self._clients.pop(client, set()):
            self._lose_watcher(client, topic)
        self._overviews.end_all(client)
        self._talkative.discard(client)
        self.counts.clients = len(self._clients)

    def _new_job(self, topic: Topic) -> WatchedJob:
        while len(self._jobs) >= MAX_JOBS and self._idle:
            self._drop_idle(next(iter(self._idle)))
        job = self._jobs[topic] = WatchedJob()
        self._idle[topic] = None
        if self._source is not Source.LIVE_ONLY and self._load is not None:
            job.held = JobSnapshot()
            self._load(topic, True)
        self.counts.jobs = len(self._jobs)
        return job

    def _bound_idle(self) -> None:
        """Drops the jobs that have been unwatched the longest, where all of them are beyond MAX_IDLE_BYTES."""
        room = MAX_IDLE_BYTES
        for topic in reversed(list(self._idle)):
            room -= self._jobs[topic].kept_bytes
            if room < 0:
                self._drop_idle(topic)

    def _drop_idle(self, topic: Topic) -> None:
        """Keeps nothing of a job that nobody watches; with a history its past is read once somebody does."""
        del self._idle[topic], self._jobs[topic]
        self.counts.jobs = len(self._jobs)


def _size(command: Command) -> int:
    """How many events of a round a command counts as."""
    match command:
        case Broadcast(events):
            return len(events)
        case Known(past=past):
            return 1 + len(past)
        case TenantKnown(heard=heard):
            return 1 + len(heard)
    return 1
