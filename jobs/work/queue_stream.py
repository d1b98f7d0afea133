"""One JetStream stream of the work queue: whether it can be used, and messages into it and out of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from logs.repeated import Repeated
from progress_lib.nats.jetstream import JetStream, JetStreamError, differing
from progress_lib.nats.link import Link, Message, NatsAway, NatsError, TooBig
from progress_lib.nats.streams import (
    NotOurs,
    OwnStream,
    StreamAway,
    StreamPlan,
    StreamRules,
    advised,
)

LOG = logging.getLogger(__name__)

# Messages. When full, the database still has the run, and a sweep queues it later.
MAX_WAITING = 100_000
# Bytes of the stream: as many as it needs; 4 MiB, some 40,000 runs, and less where the account demands a bound
SIZES = (-1, 4 << 20, 2 << 20, 1 << 20)
# Seconds without a server that has the queue, until it is made again: a restart takes less, and nothing is lost
REMAKE_AFTER = 20.0

ANSWER_WAIT = 2.0  # seconds; a server without JetStream does not answer at all
STATE_AGE = 2.0  # seconds
ELECTION_LOOK = 0.1  # seconds between two looks whether a cluster has elected a leader
ELECTION_WAIT = 6.0  # seconds that an execute waits while the queue's other servers elect a leader
ANSWER_GRACE = 0.5  # seconds that the answer to an empty pull may be late

# Messages that the queue did not take and that are put in it as soon as it does. Beyond, a sweep does that
MOST_REFUSED = 1_000
ASKED_AGAIN = 50  # of them at one look

FULL = (
    "the stream {} is full, and runs at work count as well as those that wait: the next ones wait until others have ended, also "
    "beside runners that are free; give it room for all of them (max_msgs, max_bytes)"
)
FULL_PERIOD = 600.0  # seconds in which the log is told so once
_NOT_STORED = 10077  # JetStream's error, for several reasons
_FULL_SUBJECT = "per subject"  # in its text: this run's message is still in the queue
_FULL = ("maximum messages exceeded", "maximum bytes exceeded")

NEEDS_JETSTREAM = (
    "the work queue needs it, so start that server with -js, or name another one in NATS_URL"
)
NO_LEADER = "more than half of its servers must be there, and the user of NATS_URL must be allowed to ask ($JS.API.>) and to hear answers (_INBOX.>)"
ENDED_EARLY = (
    "NATS ended the wait for the next one, as a server does that stops, or one without the work queue; "
    "it is asked again, and the queue is made again where it is missing"
)
CONSUMER_FIRST = {"deliver_policy": "all", "max_ack_pending": -1}  # all that wait may be under way


class QueueUnavailable(Exception):
    """Runs cannot be queued now; the text says why."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Those who share a stream's messages, or those of its messages that `subject` matches."""

    name: str
    subject: str | None = None  # None: all

    def must(self, link: Link, ack_wait: float) -> dict[str, Any]:
        return {
            "ack_policy": "explicit",
            "ack_wait": int(ack_wait * 1e9),
            "backoff": None,  # which counts in place of ack_wait
            "max_deliver": -1,
            "filter_subject": None if self.subject is None else link.prefixed(self.subject),
            "filter_subjects": None,
        }


def plan(name: str, subject: str) -> StreamPlan:
    """The stream of a work queue over a subject."""
    return StreamPlan(
        name,
        subjects=(subject,),
        must={
            "retention": "workqueue",
            # A run has at most one message, so to queue it again while it waits changes nothing.
            "max_msgs_per_subject": 1,
            "discard": "new",
            "discard_new_per_subject": True,
            "no_ack": False,  # else nobody knows whether a run was queued
            "subject_transform": None,  # else a message names no run
        },
        first={"storage": "file", "max_msgs": MAX_WAITING},
        sizes=SIZES,
        remake_after=REMAKE_AFTER,
        lost="nothing is lost, since runs that wait are in the database and are queued again",
    )


class QueueStream:
    """One stream and its consumers. Any thread but the link's own may call."""

    def __init__(
        self, link: Link, ack_wait: float, rules: StreamRules | None, plan: StreamPlan
    ) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._stream = OwnStream(link, plan, rules)
        self._ack_wait = ack_wait
        # Number of the link's connection on which each was last ensured; 0: it may be gone.
        self._stream_of = 0
        self._consumers_of: Mapping[str, int] = {}  # by name
        self._is_known = False
        # Subjects, oldest first; any thread, each step alone is safe
        self._refused: dict[str, None] = {}
        self._look = threading.Lock()  # guards the two below
        self._look_again = 0.0  # monotonic seconds
        self._why_not = ""
        self._full = Repeated(FULL_PERIOD)  # any thread

    @property
    def name(self) -> str:
        """The stream's name on NATS."""
        return self._stream.name

    @property
    def is_known(self) -> bool:
        """Whether it was used by this process."""
        return self._is_known

    def state(self) -> str:
        """ "ok", or why a run could not be queued now: NATS is asked again after STATE_AGE.

        Messages that the queue did not take before are put in it. Waits three ANSWER_WAIT at most; any thread.
        """
        if not self._link.is_up:
            return "NATS is not connected"
        with self._look:
            if time.monotonic() >= self._look_again:
                self._why_not = self._look_at_it()
                self._look_again = time.monotonic() + STATE_AGE
        return self._why_not

    def _look_at_it(self) -> str:
        self._stream_of = 0  # the queue's servers may be away, though the connection is there
        try:
            self._is_there(is_last=True)
            self._put_refused()
        except QueueUnavailable as error:
            return str(error)
        return "ok"

    def _put_refused(self) -> None:
        """Puts messages in the queue that it did not take. Raises QueueUnavailable when it still takes none."""
        for subject in list(self._refused)[:ASKED_AGAIN]:
            try:
                self._publish(subject)
            except NatsError as error:
                raise QueueUnavailable(self._takes_nothing(error)) from error
            self._refused.pop(subject, None)

    def _takes_nothing(self, error: NatsError) -> str:
        why = advised(error) if isinstance(error, JetStreamError) else error
        where = f"the limits of the stream {self.name}, and the disks of its servers"
        return f"the work queue is there and takes no runs ({why}): look at {where}"

    def check(self) -> None:
        """Raises QueueUnavailable, with the reason, when a run could not be queued now."""
        if not self._link.is_up and not self._link.wait_up(1.0):
            raise QueueUnavailable("NATS is not connected, so no runner can be told of a run")
        if self._refused and (why := self.state()) != "ok":
            raise QueueUnavailable(why)
        deadline = time.monotonic() + (ELECTION_WAIT if self._stream.has_replicas else 0.0)
        while not self._is_there(is_last=time.monotonic() >= deadline):
            time.sleep(ELECTION_LOOK)

    def _is_there(self, *, is_last: bool) -> bool:
        """False when the stream has no leader, and it is not the last look. Raises QueueUnavailable."""
        try:
            self._ensure_stream()
            return True
        except StreamAway as error:
            if is_last:
                raise QueueUnavailable(f"the work queue cannot be used: {error}") from error
            return False
        except (JetStreamError, TooBig) as error:
            raise QueueUnavailable(f"the work queue cannot be used: {error}") from error
        except NatsAway as error:
            raise QueueUnavailable(f"NATS went away: {error}") from error
        except NatsError as error:
            raise QueueUnavailable(self._why_silent(error)) from error

    def _why_silent(self, error: NatsError) -> str:
        if not self._link.is_up:  # that was noticed meanwhile, and says nothing of JetStream
            return f"NATS went away: {error}"
        if self._link.has_jetstream:
            return f"JetStream does not answer ({error}): {NO_LEADER}"
        return f"NATS has no JetStream ({error}): {NEEDS_JETSTREAM}"

    def why_not_ours(self, wait: float) -> str:
        """Why this installation must not start: the queue is somebody else's. "" when that is not known in `wait` seconds."""
        if self._link.wait_up(wait):
            try:
                self._ensure_stream()
            except NotOurs as error:
                return str(error)
            except NatsError:
                pass  # it may be better later; `state` tells
        return ""

    def put(self, subject: str) -> None:
        """Queues a message; harmless when it is queued already.

        Raises QueueUnavailable. One that the queue did not take is put in it by a later `state` or `check`.
        """
        self.check()
        try:
            self._publish(subject)
        except NatsError:  # the stream may be gone, though the connection is not
            self._stream_of = 0
            self.check()
            try:
                self._publish(subject)
            except NatsError as error:
                self._stream_of = 0
                self._note_refused(subject)
                raise QueueUnavailable(self._takes_nothing(error)) from error

    def _note_refused(self, subject: str) -> None:
        if len(self._refused) < MOST_REFUSED:
            self._refused[subject] = None
        with self._look:
            self._look_again = 0.0

    def _publish(self, subject: str) -> None:
        try:
            self._jetstream.publish(subject, b"")
        except JetStreamError as error:
            if error.code != _NOT_STORED or not self._may_be_left(str(error)):
                raise

    def _may_be_left(self, why: str) -> bool:
        """Whether a message that was not stored is not needed: it is there, or so many others are that it waits for a sweep."""
        if _FULL_SUBJECT in why:
            return True
        if not why.endswith(_FULL) or self.holds() == 0:
            return False
        if told := self._full.due(FULL.format(self.name)):
            LOG.warning("%s", told)
        return True

    def drop(self, subject: str) -> None:
        """Takes a message out that nobody needs. Not waited for: a message that stays does no harm."""
        self._refused.pop(subject, None)  # it is put in no more
        wanted = {"filter": self._link.prefixed(subject)}
        self._jetstream.tell(f"STREAM.PURGE.{self.name}", wanted)

    def holds(self) -> int:
        """How many messages it holds, those that runners have taken included. 0 when not known."""
        return self._told(f"STREAM.INFO.{self.name}", lambda told: told["state"]["messages"])

    def holds_for(self, consumer: Consumer) -> int:
        """As `holds`, of the consumer's messages."""
        told = f"CONSUMER.INFO.{self.name}.{consumer.name}"
        return self._told(told, lambda told: told["num_pending"] + told["num_ack_pending"])

    def hindrance_of(self, consumer: Consumer) -> str:
        """What somebody has changed so that it gives nothing, as a sentence; "" where nobody has, or it is not known.

        What it must be is put right before the next message is taken; when a pause ends is theirs to say.
        """
        try:
            told = self._jetstream.call(
                f"CONSUMER.INFO.{self.name}.{consumer.name}", {}, ANSWER_WAIT
            )
        except NatsError:
            return ""
        if wrong := differing(told["config"], consumer.must(self._link, self._ack_wait)):
            self._consumers_of = {}
            why = f"has another {', '.join(wrong)}, which somebody has changed: it is put right"
        else:
            why = _paused(told) or _bounded(told)
        return why and f"the consumer {consumer.name} of the stream {self.name} {why}"

    def _told(self, verb: str, number: Callable[[dict[str, Any]], Any]) -> int:
        try:
            return int(number(self._jetstream.call(verb, {}, ANSWER_WAIT)))
        except NatsError:
            return 0

    def take(self, consumer: Consumer, timeout: float) -> Message | None:
        """The consumer's next message; None after `timeout` seconds. Raises QueueUnavailable."""
        began = time.monotonic()
        message = self._asked(consumer, timeout)
        if message is None:
            self._look_at_silence(time.monotonic() - began, timeout)
        return message

    def take_now(self, consumer: Consumer) -> Message | None:
        """The consumer's next message, where there is one now. Raises QueueUnavailable."""
        return self._asked(consumer, 0.0)

    def _asked(self, consumer: Consumer, timeout: float) -> Message | None:
        try:
            self._ensure_consumer(consumer)
            if timeout:
                return self._jetstream.pull(self.name, consumer.name, timeout)
            return self._jetstream.pull_now(self.name, consumer.name, ANSWER_WAIT)
        except NatsError as error:
            self._forget()
            raise QueueUnavailable(str(error)) from error

    def _look_at_silence(self, waited: float, timeout: float) -> None:
        """An empty pull is answered after `timeout`. Earlier, or never: its server stops, or the consumer is gone."""
        if timeout / 2 <= waited <= timeout + ANSWER_GRACE:
            return
        self._forget()
        if waited < timeout / 2:
            raise QueueUnavailable(ENDED_EARLY)

    def _forget(self) -> None:
        self._stream_of = 0
        self._consumers_of = {}

    def _ensure_stream(self) -> None:
        """Makes the stream, once a connection: a server that comes back without it comes with a new one."""
        connection = self._link.connects
        if connection and self._stream_of == connection:
            return
        self._stream.open(ANSWER_WAIT)
        self._stream_of = connection
        self._is_known = True

    def _ensure_consumer(self, consumer: Consumer) -> None:
        connection = self._link.connects
        if connection and self._consumers_of.get(consumer.name) == connection:
            return
        self._ensure_stream()
        must = consumer.must(self._link, self._ack_wait)
        self._jetstream.ensure_consumer(self.name, consumer.name, must, CONSUMER_FIRST, ANSWER_WAIT)
        self._consumers_of = {**self._consumers_of, consumer.name: connection}


def _paused(told: Mapping[str, Any]) -> str:
    """Until when somebody has paused a consumer; `told`: CONSUMER.INFO."""
    if not told.get("paused"):
        return ""
    until = str(told["config"].get("pause_until", ""))[:19]
    resume = f"nats consumer resume {told['stream_name']} {told['name']}"
    return f"is paused until {until} (UTC), so no runner gets any: {resume}"


def _bounded(told: Mapping[str, Any]) -> str:
    """Whether as many messages are taken as it gives at a time."""
    most = told["config"].get("max_ack_pending", -1)
    if not 0 < most <= told["num_ack_pending"]:
        return ""
    return f"gives out at most {most:,} at a time, and so many are at work: set its max_ack_pending to -1, unless that is meant"
