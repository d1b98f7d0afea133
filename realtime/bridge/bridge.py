"""The bridge: what NATS brings becomes events of the hub, in order and without a gap."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from progress_lib.nats.jetstream import stream_pending, stream_sequences, stream_time
from progress_lib.nats.link import Link, Message, NatsError
from progress_lib.nats.streams import NotFit, NotOurs, OtherInstallation, StreamRules
from progress_lib.progress import MalformedProgress
from progress_lib.subjects import every_job
from realtime.bridge.follower import Follower
from realtime.bridge.past import Past
from realtime.bridge.plain_ear import PlainEar, TakesNothing
from realtime.bridge.records import LastRun, Records
from realtime.bridge.stream import KINDS, Opened, ProgressStream
from realtime.bridge.wishes import Wishes
from realtime.events import DELETED, Event, Source, Topic, make_event, topic_of
from realtime.hub.commands import Broadcast, Forget, Hears, Known, ListenTo, LookAgain, TenantKnown
from realtime.hub.hub import Hub
from realtime.hub.overview import Heard
from realtime.snapshot import JobSnapshot

LOG = logging.getLogger(__name__)

MAX_BACKLOG = 64  # commands in the hub's inbox; beyond, NATS waits in its TCP buffers
# What comes within a period travels together, since waking up costs more than a message does.
BATCH_PERIOD = 0.002  # seconds; gevent sleeps whole milliseconds, and so took 2 for 1.5
# The same after a batch of so many: from some 20,000 messages/s on. gevent sleeps 4 ms for 3: what 10,000/s bring
# in that time must be fewer, or one full batch would make each batch after it a late one.
BUSY, BUSY_PERIOD = 48, 0.003
BATCH = 256  # messages; a batch of this size is worth its wake-up, and the next is read at once
BACKLOG_TICK = 0.005  # seconds between two looks at a full inbox
COMPLAINT_PERIOD = 5.0  # seconds; a publisher of nonsense must not fill the log
# Seconds until a history that could not be had is asked for again, and until one that is followed is looked at
HISTORY_RETRY = 15.0
LOOK_PERIOD = 10.0  # seconds between two looks at runs of which nothing is heard
STOP_WAIT = 5.0  # seconds that `close` gives the bridge's thread


class NATSBridge:
    """Feeds the hub with the progress of every job of a tenant, and with the past of watched jobs.

    `tenant_id` may be "*": then each message belongs to the tenant in its subject. With JetStream
    the bridge follows the stream PROGRESS; without, it listens to the plain subjects, and only
    what is said from now on is known, and what the database has.
    """

    def __init__(
        self,
        link: Link,
        tenant_id: str,
        hub: Hub,
        last_run: LastRun | None = None,
        rules: StreamRules | None = None,
    ) -> None:
        """The link belongs to it from now on: `subscribe` starts it, `close` closes it."""
        self._tenant_id = tenant_id
        self._hub = hub
        self._records = Records(last_run)  # (bridge thread)
        self.link = link
        self._stream = ProgressStream(link, tenant_id, rules)
        self._follower = Follower(self._stream, self.link, self._receive)
        self._ear = self._new_ear()  # (bridge thread) beside the stream, or instead of it
        # (bridge thread) what the stream held when it took nothing
        self._deaf_at: Opened | None = None
        self._next_look = 0.0  # (bridge thread) monotonic seconds
        self._next_try = (
            0.0  # (bridge thread) monotonic seconds; when to ask for a history again, or look at it
        )
        self._connection = 0  # (bridge thread) the link's connection that we listen on
        self._wishes = Wishes()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bridge", daemon=True)
        self._source = Source.AWAY  # (bridge thread writes)
        self.why_no_history = ""  # (bridge thread writes) while it is connected
        # (bridge thread writes) why nobody on this NATS may be asked anything; "": it is ours, as far as is known
        self.why_not_ours = ""
        self._told_heard = True  # (bridge thread) what the hub was told last: Hears
        # (link thread) messages that the stream still held after the last batch
        self.stream_lag = 0
        self.unasked = 0  # (link thread) messages of jobs that nobody asked for
        self.malformed = 0  # (link and bridge thread: a count may be lost) messages not passed on
        self._next_complaint = 0.0  # (link and bridge thread) monotonic seconds

    @property
    def has_history(self) -> bool:
        """Whether the stream is followed. Any thread."""
        return self._source is Source.FOLLOWING

    @property
    def is_listening(self) -> bool:
        """Whether what is said now is heard: not yet while a connection is new. Any thread."""
        return self.link.is_up and self._connection == self.link.connects

    def subscribe(self) -> None:
        """Starts listening; NATS may come later, and may come and go."""
        self.link.on_up(self._wishes.wake)
        self.link.on_down(self._wishes.wake)
        self.link.subscribe(every_job(self._tenant_id, DELETED), self._forget)
        self.link.start()
        self._thread.start()

    def load(self, topic: Topic, is_whole: bool) -> None:
        """Asks for a job's past, or the database's word alone; it reaches the hub as Known.

        Any thread, returns at once.
        """
        self._wishes.ask(topic, is_whole)

    def load_tenant(self, tenant_id: str) -> None:
        """Asks for the newest messages of all jobs of a tenant; they reach the hub as TenantKnown.

        Any thread, returns at once.
        """
        self._wishes.ask_tenant(tenant_id)

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
        self._wishes.wake()
        self.link.close()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT)

    # ---- the bridge's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            wishes = self._wishes.take()
            wishes = dict.fromkeys(self._records.take_missed(), False) | wishes
            try:
                self._listen()
                self._read_pasts(wishes)
                self._read_newest()
            except Exception:
                LOG.exception("bridge: listening, and the past of %d jobs", len(wishes))
                self._wish_again(wishes)
            self._tell_whether_heard()
            self._look_again()

    def _wish_again(self, topics: Iterable[Topic]) -> None:
        """Has the past of these read once more; what cannot be read in several tries must not hold up what is said now."""
        for topic in topics:
            if not self._tries_again(topic):
                self._hub.put(Known(topic, JobSnapshot(), 0, is_complete=True))

    def _look_again(self) -> None:
        now = time.monotonic()
        if now >= self._next_look and not self._stopping.is_set():
            self._next_look = now + LOOK_PERIOD
            self._hub.put(LookAgain())

    def _listen(self) -> None:
        """Sees to it that messages come: on a new connection, and when the consumer is gone."""
        assert threading.current_thread() is self._thread
        if not self.link.is_up:
            return
        connection = self.link.connects
        is_new = self._connection != connection
        is_deaf = not is_new and self._is_deaf()
        if not is_new and not is_deaf and self._is_served():
            return
        try:
            if is_deaf:
                self._deaf_at = self._stream.open()
            self._follow(is_new)
        except NatsError as error:
            self._listen_plainly(error, is_new)
        self._connection = connection

    def _tell_whether_heard(self) -> None:
        """After `_listen`: the hub asks for the past of its jobs first, and says next that all is well."""
        is_heard = self.is_listening
        if is_heard is not self._told_heard and not self._stopping.is_set():
            self._told_heard = is_heard
            self._hub.put(Hears(is_heard, time.time()))

    def _is_served(self) -> bool:
        is_following = self._source is Source.FOLLOWING
        if is_following and not self._follower.is_healthy:
            return False
        return time.monotonic() < self._next_try or (is_following and not self._is_changed())

    def _is_changed(self) -> bool:
        """Whether somebody has changed the stream so that it gives a part of what is said, or nothing, or answers publishers."""
        self._next_try = time.monotonic() + HISTORY_RETRY
        try:
            self._stream.check_ours()
        except NotOurs:
            return True
        except NotFit as error:
            LOG.warning("%s, without which it cannot be followed: it is put right", error)
            return True
        except NatsError:  # what is said comes all the same
            pass
        return False

    def _is_deaf(self) -> bool:
        """Whether what is said does not come from the stream that is followed."""
        if self._source is not Source.FOLLOWING:
            return False
        return self._ear.is_deaf(self._follower.last_seq, self._follower.heard)

    def _new_ear(self) -> PlainEar:
        subjects = [every_job(self._tenant_id, kind) for kind in KINDS]
        return PlainEar(self.link, subjects, self._receive_plain)

    def _follow(self, is_new: bool) -> None:
        """Follows the stream from where we were, also on a new connection. Raises NatsError."""
        self._follower.detach()  # else it may come further than `opened` says, as of a shorter stream
        opened = self._stream.open()
        if self._is_still_deaf(opened):
            raise TakesNothing(self._stream.name)
        restarts = self._follower.is_other(opened)
        if restarts:
            LOG.warning(
                "the stream %s is another one, or lost its end: its history begins anew",
                self._stream.name,
            )
        is_gone = restarts or self._follower.has_gap(opened)
        if is_gone or self._source is not Source.FOLLOWING:
            self._stream.check_readable()
            self._turn_to(Source.FOLLOWING, restarts)
        elif is_new:  # nothing is missed, but who died meanwhile may have told the database alone
            self._ear.stop()
            self._hub.put(ListenTo(Source.FOLLOWING, has_gap=False))
        self._follower.attach(opened)

    def _is_still_deaf(self, opened: Opened) -> bool:
        """Whether the stream, which took nothing, holds what it held then."""
        if self._deaf_at is None or opened.created != self._deaf_at.created:
            return False
        return opened.last_seq <= self._deaf_at.last_seq

    def _listen_plainly(self, error: NatsError, is_new: bool) -> None:
        """Listens to the plain subjects, until the next try to have a history."""
        self._next_try = time.monotonic() + HISTORY_RETRY
        if not self.link.is_up:
            return
        is_told = str(error) == self.why_no_history
        self.why_no_history, self.why_not_ours = str(error), ""
        if isinstance(error, OtherInstallation):  # its live progress is not ours either
            self.why_not_ours, self._source = str(error), Source.AWAY
            if not is_told:
                LOG.error("nothing is listened to: %s", error)
            return
        if self._source is not Source.LIVE_ONLY or not is_told:
            LOG.warning("no history, only live progress: %s", error)
        if is_new or self._source is not Source.LIVE_ONLY:
            self._turn_to(Source.LIVE_ONLY)

    def _turn_to(self, source: Source, restarts: bool = False) -> None:
        """Changes where messages come from. The hub is told first: it then holds what comes until it has the past, which may be older."""
        self._source = source
        if source is Source.FOLLOWING:
            self.why_no_history = self.why_not_ours = ""
        self._hub.put(ListenTo(source, restarts=restarts))
        if source is Source.LIVE_ONLY:
            self._follower.detach()
            self._ear.hand_over(self._pass_kept)
        else:
            if restarts:  # the stream that is gone gave nothing of what was said since
                self._ear.hand_over(self._pass_kept)
            self._ear.stop()
            self._ear, self._deaf_at = self._new_ear(), None

    def _read_pasts(self, wishes: dict[Topic, bool]) -> None:
        assert threading.current_thread() is self._thread
        if topics := [topic for topic, is_whole in wishes.items() if is_whole]:
            self._read_whole(topics)
        for topic in (topic for topic, is_whole in wishes.items() if not is_whole):
            past = Past()
            past.add_record(self._records.of(topic))
            self._hub.put(Known(topic, past.snapshot(), 0, is_complete=False))

    def _read_whole(self, topics: list[Topic]) -> None:
        """Gives the hub the past of each job: what the stream holds, then the database's word on the last run that it knows.

        In this order: the database is then at least as new, and old runs do not hide that one; nor does it hide the
        later run of a publisher (`Past.add_record`). While NATS is away the past is incomplete, and is asked for again
        by the hub when we listen again.
        """
        pasts = {topic: Past() for topic in topics}
        is_complete = dict.fromkeys(topics, self._source is not Source.AWAY and self.link.is_up)
        try:
            if self._source is Source.FOLLOWING:
                self._replay(pasts)
        except NatsError as error:
            LOG.warning(
                "history of %d jobs, %d among them: %s", len(topics), topics[0].job_id, error
            )
            pasts = {topic: Past() for topic in topics}  # half may be older than what is shown
            is_complete = {topic: not self._tries_again(topic) for topic in topics}
        for topic, past in pasts.items():
            past.add_record(self._records.of(topic))
            self._hub.put(Known(topic, past.snapshot(), past.last_seq, is_complete[topic]))

    def _read_newest(self) -> None:
        """Gives the hub the newest messages of the tenants that are watched as a whole. Away from NATS: the hub asks again."""
        assert threading.current_thread() is self._thread
        while (tenant_id := self._wishes.take_tenant()) is not None:
            if self._source is not Source.FOLLOWING or not self.link.is_up:
                continue
            try:
                heard = list(self._newest_of(tenant_id))
            except NatsError as error:
                LOG.warning("the newest messages of the tenant %s: %s", tenant_id, error)
                if self.link.is_up:
                    self._wishes.tenant_failed(tenant_id)
                return
            self._hub.put(TenantKnown(tenant_id, heard))

    def _newest_of(self, tenant_id: str) -> Iterator[Heard]:
        for batch in self._stream.newest_of_each(tenant_id):
            for message in batch:
                at = stream_time(message.reply)
                for event in self._events([message], _every_topic, *_of_stream([message])):
                    yield Heard(event, at)

    def _replay(self, pasts: dict[Topic, Past]) -> None:
        """Adds to each past what the stream holds of its job. Raises NatsError."""

        def is_asked(topic: Topic, _kind: str) -> bool:
            return topic in pasts

        for batch in self._stream.replay(list(pasts)):
            for event in self._events(batch, is_asked, *_of_stream(batch)):
                pasts[event.topic].add(event)
        self._wishes.succeeded(pasts)

    def _tries_again(self, topic: Topic) -> bool:
        """Whether a past that could not be read is asked for again, while NATS is away by the hub when we listen again."""
        return not self.link.is_up or self._wishes.failed(topic)

    def _pass_kept(self, messages: list[Message]) -> None:
        """Passes on what the stream, which took nothing, should have given."""
        no_sequences, now = itertools.repeat(0), itertools.repeat(time.time())
        events = self._events(messages, _every_topic, no_sequences, now)
        if events:
            self._hub.put(Broadcast(events, 0.0))  # no lag of ours

    # ---- the link's thread

    def _forget(self, message: Message) -> None:
        """A job was deleted, and the stream's messages of it with it."""
        try:
            topic, _ = topic_of(message.subject)
        except MalformedProgress as error:
            self._complain(message.subject, error)
        else:
            self._hub.put(Forget(topic))

    def _receive(self, messages: list[Message]) -> None:
        """Passes on messages of the stream, without those of jobs that nobody asked for: their past is read when somebody does."""
        self._wait_for_hub()
        self.stream_lag = stream_pending(messages[-1].reply)
        if self._ear.is_on:
            self._wishes.wake()  # the stream is quiet no more
        sequences, now = stream_sequences(messages), itertools.repeat(time.time())
        events = self._events(messages, self._hub.keeps, sequences, now)
        self._pass_on(events, len(messages), stream_time(messages[0].reply))

    def _receive_plain(self, messages: list[Message]) -> None:
        """Passes on messages as publishers sent them, whose replies say nothing of a stream."""
        self._wait_for_hub()
        now, no_sequences = time.time(), itertools.repeat(0)
        events = self._events(messages, _every_topic, no_sequences, itertools.repeat(now))
        self._pass_on(events, len(messages), now)

    def _wait_for_hub(self) -> None:
        assert self.link.is_this_thread, "one thread, or messages would change their order"
        while self._hub.backlog > MAX_BACKLOG and not self._stopping.is_set():
            time.sleep(BACKLOG_TICK)

    def _pass_on(self, events: list[Event], received: int, published: float) -> None:
        if events:
            self._hub.put(Broadcast(events, published))
        if received < BATCH:
            time.sleep(BUSY_PERIOD if received >= BUSY else BATCH_PERIOD)

    def _events(
        self,
        messages: list[Message],
        is_wanted: Callable[[Topic, str], bool],
        sequences: Iterable[int],
        times: Iterable[float],
    ) -> list[Event]:
        """The events of wanted topics, in one pass.

        `sequences` has the stream sequence of each message, and `times` when it was heard (Unix seconds).
        """
        events: list[Event] = []
        for message, seq, at in zip(messages, sequences, times, strict=False):
            try:
                topic, kind = topic_of(message.subject)
                if is_wanted(topic, kind):
                    events.append(make_event(topic, kind, message.payload, seq, at))
                else:
                    self.unasked += 1
            except MalformedProgress as error:
                self._complain(message.subject, error)
        return events

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


def _of_stream(messages: list[Message]) -> tuple[Iterable[int], Iterable[float]]:
    """The stream sequence of each message that was read from the stream, and when the stream took it."""
    return stream_sequences(messages), (stream_time(message.reply) for message in messages)


def _every_topic(_topic: Topic, _kind: str) -> bool:
    return True
