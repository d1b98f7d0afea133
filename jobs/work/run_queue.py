"""The work queue between execute and the runners: a JetStream stream that only holds run ids.

The database holds the truth; a message here is a hint that a run waits. So a lost message is put
again by a runner's sweep, and a doubled one finds its run already taken.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs.store.records import Run
from progress_lib.jetstream import ACK, IN_PROGRESS, NAK, JetStream, JetStreamError
from progress_lib.nats import Link, Message, NatsAway, NatsError, Subscription
from progress_lib.subjects import check_id

LOG = logging.getLogger(__name__)

STREAM = "RUNS"
CONSUMER = "runners"
ACK_WAIT = 30.0  # seconds without a word from a runner until a message is given to another
MAX_WAITING = 100_000  # messages; full: the database still holds the run, and a sweep puts it later

ANSWER_WAIT = 2.0  # seconds; a server without JetStream does not answer at all
ANSWER_GRACE = 0.5  # seconds after its time that an empty pull's answer may take

_FULL_SUBJECT = 10077  # JetStream's error code: this run's message is still in the queue


class QueueUnavailable(Exception):
    """Runs cannot be queued now; the text says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message taken from the queue: this run waits, or waited. Tell the queue how it goes."""

    tenant_id: str
    run_id: str
    _reply: str
    _link: Link

    def heartbeat(self) -> bool:
        """The run lives: do not give it to another runner."""
        return self._link.publish(self._reply, IN_PROGRESS)

    def ack(self) -> bool:
        """Done with it; when this gets lost, the message comes again and finds the run ended."""
        return self._link.publish(self._reply, ACK)

    def nak(self, delay: float = 0.0) -> bool:
        """Give it to another runner, after `delay` seconds."""
        after = b' {"delay": %d}' % int(delay * 1e9) if delay else b""
        return self._link.publish(self._reply, NAK + after)


class RunQueue:
    """Puts runs in the queue, takes them out, and carries the word to cancel one.

    Any thread but the link's own.
    """

    def __init__(self, link: Link, ack_wait: float = ACK_WAIT) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._ack_wait = ack_wait
        # connection numbers of the link on which each was last ensured; 0: it may be gone
        self._stream_of = self._consumer_of = 0

    def check(self) -> None:
        """Raises QueueUnavailable with the reason when a run could not be queued now."""
        if not self._link.is_up and not self._link.wait_up(1.0):
            raise QueueUnavailable("NATS is not connected, so no runner can be told of a run")
        try:
            self._ensure_stream()
        except JetStreamError as error:
            raise QueueUnavailable(f"the work queue cannot be used: {error}") from error
        except NatsAway as error:
            raise QueueUnavailable(f"NATS went away: {error}") from error
        except NatsError as error:
            raise QueueUnavailable(
                f"NATS answers without JetStream, which the work queue needs: {error}"
            ) from error

    def put(self, run: Run) -> None:
        """Queues a run; harmless when it is queued already. Raises QueueUnavailable."""
        self.check()
        try:
            self._publish(run)
        except NatsError:  # the stream may be gone, though the connection is not
            self._stream_of = 0
            self.check()
            try:
                self._publish(run)
            except NatsError as error:
                self._stream_of = 0
                raise QueueUnavailable(str(error)) from error

    def _publish(self, run: Run) -> None:
        subject = f"runs.{check_id(run.tenant_id)}.{check_id(run.run_id)}"
        try:
            self._jetstream.publish(subject, b"")
        except JetStreamError as error:
            if error.code != _FULL_SUBJECT:
                raise

    def holds(self) -> int:
        """How many runs have a message: they wait, or a runner has them. 0 when that cannot be told."""
        try:
            told = self._jetstream.call(f"STREAM.INFO.{STREAM}", {}, ANSWER_WAIT)
        except NatsError:
            return 0
        return int(told["state"]["messages"])

    def take(self, timeout: float) -> Claim | None:
        """The next run that waits; None after `timeout` seconds. Raises QueueUnavailable."""
        began = time.monotonic()
        try:
            self._ensure_consumer()
            message = self._jetstream.pull(STREAM, CONSUMER, timeout)
        except NatsError as error:
            self._stream_of = self._consumer_of = 0
            raise QueueUnavailable(str(error)) from error
        if message is None:
            self._look_at_silence(time.monotonic() - began, timeout)
            return None
        return self._claim(message)

    def _look_at_silence(self, waited: float, timeout: float) -> None:
        """An empty pull is answered after `timeout`. Earlier, or never: the consumer is gone."""
        if timeout / 2 <= waited <= timeout + ANSWER_GRACE:
            return
        self._stream_of = self._consumer_of = 0
        if waited < timeout / 2:
            raise QueueUnavailable("the work queue has gone; it is made again")

    def tell_cancel(self, run: Run) -> bool:
        """Tells the run's runner to look; False while NATS is away (it looks by itself too)."""
        subject = f"tenant.{check_id(run.tenant_id)}.run.{check_id(run.run_id)}.cancel"
        return self._link.publish(subject, b"")

    def on_cancel(self, callback: Callable[[str, str], None]) -> Subscription:
        """Calls `callback(tenant_id, run_id)` on the link's thread when a cancel is asked for."""

        def heard(message: Message) -> None:
            _, tenant_id, _, run_id, _ = message.subject.split(".")
            callback(tenant_id, run_id)

        return self._link.subscribe("tenant.*.run.*.cancel", heard)

    def _claim(self, message: Message) -> Claim | None:
        words = message.subject.split(".")
        if len(words) == 3:
            return Claim(words[1], words[2], message.reply, self._link)
        LOG.warning("message on %s in the work queue is none of ours: dropped", message.subject)
        self._link.publish(message.reply, ACK)
        return None

    def _ensure_stream(self) -> None:
        """Once a connection: a server that has gone, and may come back without it, ends the connection."""
        connection = self._link.connects
        if connection and self._stream_of == connection:
            return
        self._jetstream.ensure_stream(_stream_config(), ANSWER_WAIT)
        self._stream_of = connection

    def _ensure_consumer(self) -> None:
        connection = self._link.connects
        if connection and self._consumer_of == connection:
            return
        self._ensure_stream()
        self._jetstream.ensure_consumer(STREAM, _consumer_config(self._ack_wait), ANSWER_WAIT)
        self._consumer_of = connection


def _stream_config() -> dict[str, Any]:
    return {
        "name": STREAM,
        "subjects": ["runs.*.*"],
        "retention": "workqueue",
        "storage": "file",
        "max_msgs": MAX_WAITING,
        # a run has one message at most: putting it again while it waits changes nothing
        "max_msgs_per_subject": 1,
        "discard": "new",
        "discard_new_per_subject": True,
    }


def _consumer_config(ack_wait: float) -> dict[str, Any]:
    return {
        "durable_name": CONSUMER,
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait * 1e9),
        "max_deliver": -1,
        "deliver_policy": "all",
        "max_ack_pending": MAX_WAITING,
    }
