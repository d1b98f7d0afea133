"""JetStream over a plain link: the API is request and reply in JSON, no NATS headers needed."""

import json
import math
import queue
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from progress_lib.nats.link import Link, Message, NatsAway, NatsError, NatsTimeout

ACK = b"+ACK"
IN_PROGRESS = b"+WPI"
NAK = b"-NAK"
ASKS_SO_FAR = "$JS.FC."  # begins the reply of a consumer with flow control that waits for an answer
NO_STREAM = 10059  # JetStream's error code: it has no stream of that name

_FILTERS = frozenset({"filter_subject", "filter_subjects"})  # of a consumer's configuration
_NO_CONSUMER = 10014  # error code of JetStream
_PULL_BYTES = 2 << 20  # that are under way at a time when a stream is read: each turn costs a wait
_FIRST_PULL, _LEAST_PULL, _MOST_PULL = 500, 8, 4_000  # messages
_IDLE_LIFE = 10.0  # seconds that NATS keeps the consumer of a reader that is gone
_PULL_GRACE = 1.0  # seconds that an empty-handed answer may take after the pull expired


def differing(config: Mapping[str, Any], must: Mapping[str, Any]) -> dict[str, Any]:
    """Which of `must` a configuration of JetStream, which leaves out what is off, has not."""
    return {
        key: value for key, value in must.items() if (config.get(key) or None) != (value or None)
    }


class JetStreamError(NatsError):
    """JetStream refused; `code` is its own error code, 0 when unknown."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class JetStream:
    """The few calls that history and work queue need. Threads: any but a link's callback."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def call(self, verb: str, request: dict[str, Any], timeout: float = 2.0) -> dict[str, Any]:
        """One API call, e.g. "STREAM.INFO.RUNS". Raises JetStreamError, NatsAway, NatsTimeout."""
        payload = json.dumps(request).encode() if request else b""
        answer = self._link.request(f"$JS.API.{verb}", payload, timeout)
        return _decoded(answer.payload, verb)

    def tell(self, verb: str, request: dict[str, Any]) -> bool:
        """As `call`, without a wait for the answer. False while NATS is away."""
        return self._link.publish(f"$JS.API.{verb}", json.dumps(request).encode())

    def ensure_consumer(
        self,
        stream: str,
        name: str,
        must: dict[str, Any],
        first: dict[str, Any],
        timeout: float = 5.0,
    ) -> None:
        """Makes the durable consumer `name` with all of `must` and `first`; one that is there gets what it lacks of `must`.

        One with another filter is made anew: it has passed over what that left out, and would never give it. All else of it stays.
        """
        address = f"{stream}.{name}"
        try:
            found = self.call(f"CONSUMER.INFO.{address}", {}, timeout)["config"]
        except JetStreamError as error:
            if error.code != _NO_CONSUMER:
                raise
            found = first
        if wrong := differing(found, must):
            if found is not first and _FILTERS.intersection(wrong):
                self.call(f"CONSUMER.DELETE.{address}", {}, timeout)
            config = {**found, **must, "durable_name": name}
            request = {"stream_name": stream, "config": config}
            self.call(f"CONSUMER.CREATE.{address}", request, timeout)

    def publish(self, subject: str, payload: bytes, timeout: float = 2.0) -> int:
        """Stores one message; returns its stream sequence once JetStream has it."""
        answer = self._link.request(subject, payload, timeout)
        return int(_decoded(answer.payload, f"publish to {subject}")["seq"])

    def pull(self, stream: str, consumer: str, timeout: float) -> Message | None:
        """The next message of a pull consumer, or None after `timeout` seconds without one.

        Acknowledge with `link.publish(message.reply, ACK)`.
        """
        try:
            return self._next(
                stream, consumer, {"expires": int(timeout * 1e9)}, timeout + _PULL_GRACE
            )
        except NatsTimeout:
            return None

    def pull_now(self, stream: str, consumer: str, timeout: float) -> Message | None:
        """As `pull`, without a wait for a message. NatsTimeout: the consumer has said nothing for `timeout` seconds."""
        return self._next(stream, consumer, {"no_wait": True}, timeout)

    def _next(
        self, stream: str, consumer: str, wanted: dict[str, Any], timeout: float
    ) -> Message | None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        message = self._link.request(subject, json.dumps({"batch": 1, **wanted}).encode(), timeout)
        return message if is_delivered(message) else None

    def read(
        self, stream: str, config: dict[str, Any], timeout: float = 5.0
    ) -> Generator[list[Message], None, None]:
        """As much as the stream holds now for a consumer of this configuration, in order, in batches.

        Pulled, so that never more is under way than a slow reader takes. One filter at most: for
        several nats-server searches its index anew for each message, and stores nothing meanwhile.
        Raises NatsError, NatsTimeout when nothing comes for `timeout` seconds.
        """
        address, left = self._new_reader(stream, config)
        arrived: queue.SimpleQueue[list[Message]] = queue.SimpleQueue()
        inbox = self._link.new_inbox()
        subscription = self._link.subscribe_batches(inbox, arrived.put)
        most, taken = _FIRST_PULL, _MOST_PULL
        try:
            while left > 0:
                asked = min(left, most)
                pull = {"batch": asked, "no_wait": True}
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{address}"
                if not self._link.publish(subject, json.dumps(pull).encode(), inbox):
                    raise NatsAway("the connection was lost while a stream was read")
                count = size = 0
                for messages in _one_pull(arrived, asked, timeout):
                    count += len(messages)
                    size += sum(len(message.payload) for message in messages)
                    yield messages
                if not count:
                    if asked == 1:
                        return  # the stream has dropped the rest meanwhile
                    # or the server takes no pull of so many (max_request_batch): what it says is not seen
                    most = taken = max(1, asked // 4)
                    continue
                left -= count
                most = min(taken, max(_LEAST_PULL, _PULL_BYTES * count // max(size, 1)))
        except queue.Empty:
            raise NatsTimeout(f"{stream}: nothing came for {timeout:g} s, {left} to go") from None
        finally:
            self._link.unsubscribe(subscription)
            self._link.publish(f"$JS.API.CONSUMER.DELETE.{address}", b"")

    def _new_reader(self, stream: str, config: dict[str, Any]) -> tuple[str, int]:
        """Makes the consumer of one reading: its address, and how many messages it has to give."""
        life = {"mem_storage": True, "inactive_threshold": int(_IDLE_LIFE * 1e9)}
        request = {"stream_name": stream, "config": {**config, **life, "ack_policy": "none"}}
        made = self.call(f"CONSUMER.CREATE.{stream}", request)
        return f"{stream}.{made['name']}", int(made["num_pending"])


def is_delivered(message: Message) -> bool:
    """False for what a consumer says of itself (timed out, no more, it is gone, it lives), which comes as a bare empty message without headers."""
    return message.reply.startswith("$JS.ACK.")


def _one_pull(
    arrived: "queue.SimpleQueue[list[Message]]", asked: int, timeout: float
) -> Iterator[list[Message]]:
    """The batches of one pull, until all that were asked for are there, or a bare message says that there are no more."""
    while asked > 0:
        batch = arrived.get(timeout=timeout)
        messages = list(filter(is_delivered, batch))
        asked -= len(messages)
        if messages:
            yield messages
        if len(messages) < len(batch):
            return


def beginning(since: float | None) -> dict[str, Any]:
    """Where a consumer begins: with the stream, or up to 2 µs before a time (Unix seconds).

    Before, since neither a float of that size nor a datetime is exact: what came at `since` must be there.
    """
    if since is None:
        return {"deliver_policy": "all"}
    moment = datetime.fromtimestamp(math.floor(since * 1e6 - 1) / 1e6, UTC).isoformat()
    return {"deliver_policy": "by_start_time", "opt_start_time": moment}


def stream_sequence(ack_subject: str) -> int:
    """The stream sequence that a delivered message's reply subject carries.

    $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>, with
    <domain> and <account hash> after ACK on servers that have them.
    """
    return int(ack_subject.rsplit(".", 4)[1])


def stream_sequences(messages: Sequence[Message]) -> Sequence[int]:
    """The stream sequence of each of some messages that were delivered one after the other.

    Sequences only grow, so that where the first and the last are as far apart as there are messages,
    no message between them is asked: that would take a quarter of a microsecond each.
    """
    if not messages:
        return ()
    first, last = stream_sequence(messages[0].reply), stream_sequence(messages[-1].reply)
    if last - first == len(messages) - 1:
        return range(first, last + 1)
    return [stream_sequence(message.reply) for message in messages]


def stream_time(ack_subject: str) -> float:
    """When the stream took the message that was delivered with this reply subject; Unix seconds."""
    return int(ack_subject.rsplit(".", 2)[1]) / 1e9


def stream_pending(ack_subject: str) -> int:
    """How many messages the stream still had for the consumer when it sent the one with this reply subject."""
    return int(ack_subject.rsplit(".", 1)[1])


def _decoded(payload: bytes, what: str) -> dict[str, Any]:
    try:
        answer = json.loads(payload)
    except ValueError:
        raise JetStreamError(f"JetStream answered {what} with {payload[:80]!r}") from None
    error = answer.get("error")
    if error:
        text = f"JetStream refused {what}: {error.get('description')}"
        raise JetStreamError(text, int(error.get("err_code", 0)))
    return dict(answer)
