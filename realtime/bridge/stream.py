"""The stream PROGRESS: what was said while nobody listened, read by stream sequence.

A worker follows the stream itself instead of the plain subjects: a connection that was lost goes on
at the next sequence, and a job that someone begins to watch is read from its beginning.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from progress_lib.nats.jetstream import (
    ASKS_SO_FAR,
    JetStream,
    JetStreamError,
    beginning,
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
        "discard_new_per_subject": False,  # which is not possible beside `discard`
        "subject_transform": None,  # else what is stored is of another job, or of none
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
        self._is_asked = (
            True  # (link and bridge thread) whether consumers ask us whether we are that far
        )
        if tenant_id != EVERY_TENANT:
            self._filter = self._of(every_job(tenant_id, "*"))

    def open(self) -> Opened:
        """Makes the stream when it is missing.

        Raises NatsError: no connection, a server without JetStream or room, somebody else's stream.
        """
        info = self._stream.open(OPEN_WAIT)
        state = info["state"]
        return Opened(str(info["created"]), int(state["first_seq"]), int(state["last_seq"]))

    def check_ours(self) -> None:
        """Raises NotOurs or NotFit where somebody has changed what the stream must be, and NatsError where it does not answer."""
        self._stream.check_ours(OPEN_WAIT)

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

    @property
    def may_answer(self) -> bool:
        """Whether the server let us answer a consumer's questions so far; it says so only afterwards. Once refused, we ask for none."""
        self._is_asked = self._is_asked and not self._link.has_refused(ASKS_SO_FAR)
        return self._is_asked

    def follow(self, from_seq: int, receive: Receive) -> Subscription:
        """Delivers every message from `from_seq` on, in order, on the link's thread.

        What the consumer says of itself comes, too: heartbeats, and questions whether we are that far, which are to be
        answered. Nobody is asked who may not answer.
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
            "flow_control": self.may_answer,  # else all that a reader has missed waits for it in the server, which cuts it for that
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

    def newest_of_each(self, tenant_id: str) -> Iterator[list[Message]]:
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
