"""The stream PROGRESS: what was said while nobody listened, read by stream sequence.

A worker follows the stream itself instead of the plain subjects: a connection that was lost goes on
at the next sequence, and a job that someone begins to watch is read from its beginning.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from progress_lib.nats.jetstream import (
    ASKS_SO_FAR,
    JetStream,
    JetStreamError,
    beginning,
    is_delivered,
    stream_sequence,
    stream_time,
)
from progress_lib.nats.link import Link, Message, NatsError, Subscription
from progress_lib.nats.streams import OwnStream, StreamPlan, StreamRules, advised
from progress_lib.subjects import (
    EVERY_TENANT,
    PROGRESS_STREAM,
    every_job,
    every_kind,
    progress_subject,
    status_subject,
)
from realtime.events import PROGRESS, STATUS

LOG = logging.getLogger(__name__)

KINDS = (PROGRESS, STATUS)
MAX_AGE = 24 * 3600  # seconds; older progress is of no live run
# Messages a subject: ten nodes at 20/s for 100 s. Our own runs' nodes are also in the database
MAX_MESSAGES = 20_000
# Bytes of the whole stream on disk: the first that fits. Less than the last one is not worth a history.
SIZES = tuple(1 << power for power in range(31, 22, -1))
OPEN_WAIT = 2.0  # seconds for each answer of JetStream
# Seconds without a server that has the history, until it begins anew: a machine may start again within them
REMAKE_AFTER = 300.0
HEARTBEAT = 2.0  # seconds; a consumer that has nothing to deliver says so
IDLE_LIFE = 10.0  # seconds that NATS keeps a consumer that nobody listens to
REPLAY_WAIT = 5.0  # seconds in which the next messages of a replay must come
FEW = 16  # jobs that are read one by one; more cost less in one pass over the whole stream

Receive = Callable[[list[Message]], None]

PLAN = StreamPlan(
    PROGRESS_STREAM,
    subjects=tuple(every_job(EVERY_TENANT, kind) for kind in KINDS),
    must={
        "retention": "limits",
        "discard": "old",
        # an acknowledgement goes to whatever reply a publisher names, also where it may not publish
        "no_ack": True,
    },
    first={"storage": "file", "max_age": MAX_AGE * 10**9, "max_msgs_per_subject": MAX_MESSAGES},
    sizes=SIZES,
    remake_after=REMAKE_AFTER,
    lost="the events of the last 24 h are lost, and what the database knows of each run is left",
)


class Opened(NamedTuple):
    """Which stream it is, by the time at which it was made, and what it holds."""

    created: str
    first_seq: int
    last_seq: int


class ProgressStream:
    """The calls on the stream; all but `follow`'s callback run on the caller's thread."""

    def __init__(
        self,
        link: Link,
        tenant_id: str,
        rules: StreamRules | None = None,
        plan: StreamPlan = PLAN,
    ) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._stream = OwnStream(link, plan, rules)
        self.name = self._stream.name
        # one filter, or none: nats-server looks messages up for several at several times the cost
        self._filter: dict[str, str] = {}
        if tenant_id != EVERY_TENANT:
            self._filter = self._of(every_job(tenant_id, "*"))

    def open(self) -> Opened:
        """Makes the stream when it is missing.

        Raises NatsError: no connection, a server without JetStream or room, somebody else's stream.
        """
        info = self._stream.open(OPEN_WAIT)
        state = info["state"]
        return Opened(str(info["created"]), int(state["first_seq"]), int(state["last_seq"]))

    def _of(self, subject: str) -> dict[str, str]:
        return {"filter_subject": self._link.prefixed(subject)}

    def check_readable(self) -> None:
        """Raises NatsError where there is no room for a consumer that follows, and one that reads beside it."""
        config = {
            "ack_policy": "none",
            "mem_storage": True,
            "inactive_threshold": int(IDLE_LIFE * 1e9),
        }
        request = {"stream_name": self.name, "config": config}
        made: list[str] = []
        try:
            for _ in range(2):
                made.append(self._jetstream.call(f"CONSUMER.CREATE.{self.name}", request)["name"])
        except JetStreamError as error:
            raise advised(error) from error
        finally:
            for name in made:
                self._jetstream.tell(f"CONSUMER.DELETE.{self.name}.{name}", {})

    def follow(self, from_seq: int, receive: Receive) -> Subscription:
        """Delivers every message from `from_seq` on, in order, on the link's thread.

        What the consumer says of itself comes, too: heartbeats, and questions whether we are that far, which are to be answered.
        """
        inbox = self._link.new_inbox()
        # An API that takes a request twice would make two consumers without a name, and each would deliver
        name = inbox.rpartition(".")[2]
        subscription = self._link.subscribe_batches(inbox, receive)
        config = {
            "name": name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": from_seq,
            **self._filter,
            "idle_heartbeat": int(HEARTBEAT * 1e9),
            "flow_control": True,  # else all that a reader has missed waits for it in the server, which cuts it for that
            "deliver_subject": inbox,
            "ack_policy": "none",
            "max_deliver": 1,
            "mem_storage": True,
            "inactive_threshold": int(IDLE_LIFE * 1e9),
        }
        try:
            request = {"stream_name": self.name, "config": config}
            self._jetstream.call(f"CONSUMER.CREATE.{self.name}.{name}", request)
        except NatsError:
            self._link.unsubscribe(subscription)
            raise
        return subscription

    def replay(
        self,
        jobs: Sequence[tuple[str, int]],
        since: float | None = None,
        until: float = math.inf,
    ) -> Iterator[list[Message]]:
        """What the stream holds of jobs (tenant, job), between two times of its clock; each job's in order.

        A few jobs are read one by one, each with a filter. For many the whole stream is, once and
        without one, and sorted out here (docs/decisions/history.md). Raises NatsError.
        """
        if len(jobs) > FEW:  # who asks for what does not exist must not have all of it read
            jobs = self._told(jobs)
        if len(jobs) <= FEW:
            for job in jobs:
                yield from self._read(self._of(every_kind(*job)), since, until)
            return
        subjects = {of(*job) for job in jobs for of in (progress_subject, status_subject)}
        for batch in self._read({}, since, until):
            yield [message for message in batch if message.subject in subjects]

    def last_words(self, tenant_id: str) -> Iterator[list[Message]]:
        """The last message of each kind that the stream holds of each job of a tenant, in order. Raises NatsError."""
        config = {"deliver_policy": "last_per_subject", **self._of(every_job(tenant_id, "*"))}
        with contextlib.closing(self._jetstream.read(self.name, config, REPLAY_WAIT)) as batches:
            yield from batches

    def _told(self, jobs: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """The jobs of which the stream holds a message."""
        tenants = {tenant_id for tenant_id, _ in jobs}
        of_whom = tenants.pop() if len(tenants) == 1 else EVERY_TENANT
        asked = {"subjects_filter": self._link.prefixed(every_job(of_whom, "*"))}
        subjects: set[str] = set()
        while True:  # the answer comes in pages
            info = self._jetstream.call(
                f"STREAM.INFO.{self.name}", {**asked, "offset": len(subjects)}
            )
            page = info["state"].get("subjects") or {}
            subjects.update(page)
            if not page or len(subjects) >= int(info.get("total", 0)):
                break
        kinds = (progress_subject, status_subject)
        full = self._link.prefixed
        return [job for job in jobs if any(full(of(*job)) in subjects for of in kinds)]

    def _read(
        self, filters: dict[str, str], since: float | None, until: float
    ) -> Iterator[list[Message]]:
        config = {**beginning(since), **filters}
        earliest = -math.inf if since is None else since
        with contextlib.closing(self._jetstream.read(self.name, config, REPLAY_WAIT)) as batches:
            for batch in batches:
                first, last = stream_time(batch[0].reply), stream_time(batch[-1].reply)
                if first < earliest or last > until:
                    batch = [m for m in batch if earliest <= stream_time(m.reply) <= until]
                yield batch
                if last > until:
                    return


class Follower:
    """Stays on the stream: one consumer after another, each from where the last one ended.

    `attach` and `is_healthy` belong to the bridge's own thread, `_take` to the link's.
    """

    def __init__(self, stream: ProgressStream, link: Link, receive: Receive) -> None:
        self._stream = stream
        self._link = link
        self._receive = receive
        self._created: str | None = None  # the stream that our sequence belongs to
        self._subscription: Subscription | None = None
        self._is_busy = False  # (link thread) at work on what was delivered
        # `attach` sets the next four on the bridge thread, while nothing is subscribed
        self._next_delivery = 1  # (link thread) a gap in this count is a lost delivery
        self._lost = False  # (link thread)
        self._heard = 0.0  # monotonic seconds of the consumer's last word
        self.last_seq = 0  # (link thread) of the last message that was passed on

    def is_other(self, opened: Opened) -> bool:
        """Whether the stream is not the one that we followed: made anew, or without its newest messages.

        `opened`: what `ProgressStream.open` said just now.
        """
        is_shorter = opened.last_seq < self.last_seq
        return self._created is not None and (opened.created != self._created or is_shorter)

    def has_gap(self, opened: Opened) -> bool:
        """Whether messages are gone that we have not seen."""
        return opened.first_seq > self.last_seq + 1

    def attach(self, opened: Opened) -> None:
        """Follows the stream from after our last message. The first stream, and another one, from its end: its past is read apart.

        Raises NatsError.
        """
        assert not self._link.is_this_thread
        self.detach()
        if self._created is None or self.is_other(opened):
            self.last_seq = opened.last_seq
        self._next_delivery, self._lost = 1, False
        self._heard = time.monotonic()
        self._subscription = self._stream.follow(self.last_seq + 1, self._take)
        self._created = opened.created

    def detach(self) -> None:
        if self._subscription is not None:
            self._link.unsubscribe(self._subscription)
            self._subscription = None

    @property
    def heard(self) -> float:
        """When the consumer said something last, if only that it lives; monotonic seconds. Any thread."""
        return self._heard

    @property
    def is_healthy(self) -> bool:
        """Whether the consumer delivers without a gap, and is heard."""
        silent = 0.0 if self._is_busy else time.monotonic() - self._heard
        return self._subscription is not None and not self._lost and silent < 3 * HEARTBEAT

    def _take(self, messages: list[Message]) -> None:
        assert self._link.is_this_thread
        self._is_busy = True  # while it waits for the hub the link's thread hears no heartbeat
        try:
            delivered = list(filter(is_delivered, messages))
            self._pass_on(delivered)
            if len(delivered) < len(messages):
                self._tell_so_far(messages)
        finally:
            self._heard = time.monotonic()
            self._is_busy = False

    def _tell_so_far(self, messages: list[Message]) -> None:
        """Answers the consumer's questions whether all before them was read: it goes on then."""
        for message in messages:
            if message.reply.startswith(ASKS_SO_FAR):
                self._link.publish(message.reply, b"")

    def _pass_on(self, delivered: list[Message]) -> None:
        if self._lost or not delivered:
            return
        first = self._next_delivery
        self._next_delivery += len(delivered)
        if _delivery(delivered[-1]) != self._next_delivery - 1:
            self._lost = True  # what came before the gap is good
            delivered = [m for place, m in enumerate(delivered, first) if _delivery(m) == place]
        if delivered:
            self.last_seq = stream_sequence(delivered[-1].reply)
            self._receive(delivered)


def _delivery(message: Message) -> int:
    """The consumer's count of its deliveries, from 1 on; they come in this order."""
    return int(message.reply.rsplit(".", 3)[1])
