"""A link to NATS that heals itself, for reporter, bridge and runner: pynats2, hardened.

A `Connection` (progress_lib/nats/connection.py) has one life; the `Link` makes another one, and tells it all subscriptions again.

pynats2 reads the URL and writes the CONNECT command (progress_lib/nats/login.py). Its reading, its threads and its
reconnect are not used, since they lose messages, spin or hang when the connection ends
(docs/decisions/nats-link.md has each defect and its guard).
"""

import itertools
import logging
import operator
import os
import queue
import random
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from progress_lib.nats.connection import USUAL_PAYLOAD, Certificates, Connection, Lost
from progress_lib.nats.login import checked_urls
from progress_lib.nats.protocol import Control, Message, NatsError
from progress_lib.subjects import check_prefix, check_subject, prefixed
from progress_lib.wake import rest_in_child

__all__ = ["Link", "Message", "NatsAway", "NatsError", "NatsTimeout", "Subscription", "TooBig"]

LOG = logging.getLogger(__name__)

PING_PERIOD = 2.0  # seconds; silence is noticed within two of them
FIRST_BACKOFF = 0.1  # seconds, doubled at each failed attempt, with full jitter
MAX_BACKOFF = 2.0  # seconds; so that a returned server is found within 5 s at the worst
STEADY = 5.0  # seconds after which a server that lets us in and closes, as for a limit of its own, counts as one that let us in
# Errors after which the server goes on, without what it refused
LEFT_OUT = ("permissions violation", "maximum subscriptions exceeded")
MAX_DENIED = 100  # refusals that are logged, until a connection has held
MAX_TOLD = 100  # servers and reasons that are logged while there is no connection

# Each request has an inbox of its own, and its subscription a number
_OF_ONE_REQUEST = re.compile(r'(?<=_INBOX\.)\w+| \(sid "\d+"\)')

_sid = operator.attrgetter("sid")


class NatsAway(NatsError):
    """There is no connection to NATS right now."""


class NatsTimeout(NatsError):
    """No answer came in time."""


class TooBig(NatsError, ValueError):
    """A message is larger than the server takes."""


class Subscription:
    """A subject listened to, across reconnects; `callback` runs on the link's thread."""

    def __init__(self, sid: int, subject: str, group: str, callback: Callable[..., None]) -> None:
        self.sid = sid
        self.subject = subject
        self.group = group
        self.callback = callback  # takes a list of consecutive messages


class Link:
    """A connection that comes back by itself; messages of a subscription stay in order.

    All methods may be called from any thread but the callbacks', which may only publish.
    `url` may name several servers, separated by commas; they are tried in turn from a random one on, so that
    many links spread over them. `tls_ca`, `tls_cert` and `tls_key` are PEM files, as `Certificates` has them. `prefix` is put before each subject of ours, and taken from those that come:
    callers never see it, but where a request of JetStream names a subject (`prefixed`).
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        ping_period: float = PING_PERIOD,
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        prefix: str = "",
    ) -> None:
        self._urls = checked_urls(url)
        self.prefix = check_prefix(prefix) if prefix else ""
        self._name = name
        self._ping_period = ping_period
        self._tls = Certificates(tls_ca, tls_cert, tls_key)
        self._lock = threading.Lock()  # guards the five below
        self._subscriptions: dict[int, Subscription] = {}
        self._next_sid = 1
        self._connection: Connection | None = None
        self._up_listeners: list[Callable[[], None]] = []
        self._down_listeners: list[Callable[[], None]] = []
        self._up = threading.Event()
        self._tried = threading.Event()  # the first attempt to connect has succeeded or failed
        self._stopping = threading.Event()
        self.connects = 0  # (link thread) connections made so far
        self.failed_attempts = 0  # (link thread) attempts that failed since the last connection
        # (link thread) servers and reasons that were logged since the last connection that held
        self._told: set[tuple[str, str]] = set()
        self._denied: set[str] = set()  # (link thread) the same of what the server left out
        # (link thread) what it left out last on this connection, as a message that we may not publish; "": nothing
        self.refused = ""
        self._thread = threading.Thread(target=self._run, name=f"nats-{name}", daemon=True)

    # ---- the caller's side

    def twin(self, name: str) -> "Link":
        """Another link to the same servers, in the same way, that is not started yet."""
        return Link(
            ",".join(self._urls),
            name=name,
            ping_period=self._ping_period,
            tls_ca=self._tls.ca,
            tls_cert=self._tls.own,
            tls_key=self._tls.key,
            prefix=self.prefix,
        )

    def start(self) -> None:
        """Starts the link's thread and returns at once."""
        self._thread.start()

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def is_this_thread(self) -> bool:
        """Whether the caller is the link's own thread, which runs the callbacks."""
        return threading.current_thread() is self._thread

    def wait_up(self, timeout: float) -> bool:
        """True once connected; False after `timeout` seconds."""
        return self._up.wait(timeout)

    def wait_tried(self, timeout: float) -> bool:
        """True once the first attempt to connect has succeeded or failed; False after `timeout` seconds."""
        return self._tried.wait(timeout)

    @property
    def max_payload(self) -> int:
        """Bytes that the server takes in one message; its default while there is no connection."""
        connection = self._connection
        return USUAL_PAYLOAD if connection is None else connection.max_payload

    @property
    def has_jetstream(self) -> bool:
        """Whether the server says that it has JetStream. Another one of its cluster may have it all the same."""
        connection = self._connection
        return connection is not None and connection.has_jetstream

    @property
    def is_clustered(self) -> bool:
        """Whether the server is one of a cluster."""
        connection = self._connection
        return connection is not None and connection.is_clustered

    def prefixed(self, subject: str) -> str:
        """A subject of ours as other members of this NATS see it."""
        return prefixed(self.prefix, subject)

    def has_refused(self, words: str) -> bool:
        """Whether the server refused something lately whose reason holds these words, on this connection or one before."""
        return any(words in reason for reason in list(self._denied))

    def on_up(self, listener: Callable[[], None]) -> None:
        """Calls `listener` on the link's thread after each (re)connect; and now, on the caller's, where it is up. It must not block."""
        with self._lock:
            self._up_listeners.append(listener)
            up = self.is_up
        if up:
            listener()

    def on_down(self, listener: Callable[[], None]) -> None:
        """Calls `listener` on the link's thread after each loss of the connection; it must not block."""
        with self._lock:
            self._down_listeners.append(listener)

    def publish(self, subject: str, payload: bytes, reply: str = "") -> bool:
        """Hands one message to NATS; False while NATS is away: nothing is kept here.

        Raises ValueError for a subject, and TooBig for a size, that NATS would answer by cutting the connection.
        """
        return self.publish_batch(subject, [payload], reply)

    def publish_batch(self, subject: str, payloads: Sequence[bytes], reply: str = "") -> bool:
        """Hands messages to NATS with one send; False while NATS is away: some of them may have left.

        Raises ValueError as `publish` does.
        """
        subject = check_subject(prefixed(self.prefix, subject))
        connection = self._connection
        if connection is None or not self._up.is_set():
            return False
        address = f"{subject} {reply} " if reply else f"{subject} "
        parts: list[bytes] = []
        for payload in payloads:
            if len(payload) > connection.max_payload:
                raise TooBig(
                    f"message of {len(payload)} bytes for {subject}: "
                    f"the NATS server takes {connection.max_payload} at most (max_payload)"
                )
            parts += (f"PUB {address}{len(payload)}\r\n".encode(), payload, b"\r\n")
        try:
            connection.send(b"".join(parts))
        except OSError:
            return False
        return True

    def subscribe(
        self, subject: str, callback: Callable[[Message], None], group: str = ""
    ) -> Subscription:
        """Calls `callback` with each message of `subject`, which may hold wildcards."""

        def one_by_one(messages: list[Message]) -> None:
            for message in messages:
                _guarded(callback, message, message.subject)

        return self.subscribe_batches(subject, one_by_one, group)

    def subscribe_batches(
        self, subject: str, callback: Callable[[list[Message]], None], group: str = ""
    ) -> Subscription:
        """Calls `callback` with all consecutive messages of one read: cheaper than one by one at high rates."""
        with self._lock:
            subscription = Subscription(self._next_sid, self.prefixed(subject), group, callback)
            self._next_sid += 1
            self._subscriptions[subscription.sid] = subscription
            connection = self._connection
        self._send_quietly(connection, _sub(subscription))
        return subscription

    @staticmethod
    def new_inbox() -> str:
        """A subject that nobody else has."""
        return "_INBOX." + uuid.uuid4().hex

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.pop(subscription.sid, None)
            connection = self._connection
        self._send_quietly(connection, b"UNSUB %d\r\n" % subscription.sid)

    def request(self, subject: str, payload: bytes = b"", timeout: float = 2.0) -> Message:
        """The first answer to a message. Raises NatsAway, NatsTimeout or TooBig."""
        assert not self.is_this_thread, "a callback would wait for itself"
        deadline = time.monotonic() + timeout
        answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
        reply = self.new_inbox()
        # a subscription of its own: what JetStream delivers keeps the subject it was stored under
        inbox = self.subscribe(reply, answers.put)
        try:
            if not self.wait_up(timeout) or not self.publish(subject, payload, reply):
                raise NatsAway(f"no connection to NATS, so no answer from {subject}")
            return answers.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise NatsTimeout(f"no answer from {subject} within {timeout:g} s") from None
        finally:
            self.unsubscribe(inbox)

    def flush(self, timeout: float = 2.0) -> bool:
        """Waits for a PONG: all we published is at the server, all it sent before is dispatched."""
        assert not self.is_this_thread, "a callback would wait for itself"
        ends_at = time.monotonic() + timeout
        connection, answered = self._connection, threading.Event()
        if connection is None:
            return False
        try:
            connection.ping(answered, timeout)
        except OSError:
            return False
        return answered.wait(max(ends_at - time.monotonic(), 0)) and self._connection is connection

    def close(self, timeout: float = 2.0) -> None:
        """Flushes, ends the connection and joins the thread; harmless when repeated."""
        if self.is_up and not self._stopping.is_set():
            self.flush(timeout)
        self._stopping.set()
        connection = self._connection
        if connection is not None:
            connection.end()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def abandon(self) -> None:
        """In a forked child: lets go of the parent's connection without a word to the server.

        The link is of no more use there. It takes no lock, since a thread that is gone may hold it.
        """
        connection, self._connection = self._connection, None
        self._stopping.set()
        if connection is not None:
            connection.abandon()

    # ---- the link's thread

    def _run(self) -> None:
        process = os.getpid()
        self._run_to_the_stop()
        rest_in_child(process)

    def _run_to_the_stop(self) -> None:
        first = random.randrange(len(self._urls))
        for url in itertools.cycle(self._urls[first:] + self._urls[:first]):
            if self._stopping.is_set():
                return
            try:
                self._live(url)
            except Exception as error:
                self._report(url, error)
            self._tried.set()
            self._stopping.wait(self._backoff())

    def _backoff(self) -> float:
        """Seconds until the next attempt: full jitter, so that a fleet does not return at once."""
        ceiling = FIRST_BACKOFF * 2.0 ** min(self.failed_attempts, 10)
        return random.uniform(0, min(ceiling, MAX_BACKOFF))

    def _live(self, url: str) -> None:
        """One connection from its start to its end, which is always an exception or the stop."""
        connection = Connection(url, self._name, self._tls, self.prefix, self._ping_period)
        self.failed_attempts += 1
        attempts = self.failed_attempts
        connection.connect()
        try:
            self._established(connection)
            while not self._stopping.is_set():
                self._read_once(connection)
        finally:
            if time.monotonic() < connection.made_at + STEADY:
                self.failed_attempts = attempts  # it would cut us again at once
            else:
                self._told.clear()
                self._denied.clear()
            self._up.clear()
            self._connection = None
            connection.close()
            while connection.pongs:  # another thread may add to them until it sees the end
                if waiter := connection.pongs.popleft():
                    waiter.set()  # `flush` sees that the connection changed
            for listener in list(self._down_listeners):
                _guarded(listener)

    def _established(self, connection: Connection) -> None:
        with self._lock:  # while it is sent, too: an UNSUB of another thread comes after the SUB
            self._connection = connection
            connection.send(b"".join(map(_sub, self._subscriptions.values())))
        self.connects += 1
        self.failed_attempts = 0
        self.refused = ""
        self._up.set()
        self._tried.set()
        LOG.info("nats %s: connected", self._name)
        for listener in list(self._up_listeners):
            _guarded(listener)

    def _read_once(self, connection: Connection) -> None:
        heard = connection.last_heard
        ops = connection.read()
        if connection.last_heard != heard:
            connection.asked_at = None
        elif not ops:
            self._ask(connection)
        for kind, group in itertools.groupby(ops, type):
            if kind is Message:
                self._dispatch(list(group))  # type: ignore[arg-type]
            else:
                for control in group:
                    self._control(connection, control)  # type: ignore[arg-type]

    def _ask(self, connection: Connection) -> None:
        """After a read that brought nothing. A callback that took long says nothing of the server."""
        now = time.monotonic()
        if connection.asked_at is None:
            connection.asked_at = now
            connection.ping(None)
        elif now - connection.asked_at >= self._ping_period:
            raise Lost(f"no word from the server for {now - connection.last_heard:.1f} s")

    def _dispatch(self, messages: list[Message]) -> None:
        """Consecutive messages of the same subscription go to its callback together; nothing is reordered."""
        for sid, group in itertools.groupby(messages, _sid):
            batch = list(group)
            subscription = self._subscriptions.get(sid)
            if subscription is not None:
                _guarded(subscription.callback, batch, batch[0].subject)

    def _control(self, connection: Connection, control: Control) -> None:
        if control.verb == b"PING":
            connection.send(b"PONG\r\n")
        elif control.verb == b"PONG" and connection.pongs:
            answered = connection.pongs.popleft()
            if answered is not None:
                answered.set()
        elif control.verb == b"-ERR":
            reason = control.rest.decode(errors="replace")
            if not any(words in reason.lower() for words in LEFT_OUT):
                raise Lost(reason)
            self.refused = reason
            kind = _OF_ONE_REQUEST.sub("", reason)
            if kind not in self._denied and len(self._denied) < MAX_DENIED:
                self._denied.add(kind)
                LOG.error("nats %s: %s", self._name, kind)

    def _report(self, url: str, error: Exception) -> None:
        """A line when a connection ends, and one for each server and reason until another one holds; not one for each retry."""
        server = url.rpartition("@")[2].removeprefix("nats://").removeprefix("tls://")
        reason = (server, str(error) or type(error).__name__)
        is_told = reason in self._told or len(self._told) >= MAX_TOLD or self._stopping.is_set()
        if not is_told:
            self._told.add(reason)
        LOG.log(
            logging.DEBUG if is_told else logging.WARNING,
            "nats %s: %s: %s; trying again",
            self._name,
            *reason,
            exc_info=None if isinstance(error, (NatsError, OSError)) else error,
        )

    @staticmethod
    def _send_quietly(connection: Connection | None, data: bytes) -> None:
        """Sends what a reconnect repeats anyway, so that a failure is no matter."""
        if connection is not None:
            try:
                connection.send(data)
            except OSError:
                pass


def _sub(subscription: Subscription) -> bytes:
    group = f" {subscription.group}" if subscription.group else ""
    return f"SUB {subscription.subject}{group} {subscription.sid}\r\n".encode()


def _guarded(callback: Callable[..., None], *arguments: Any) -> None:
    """Runs a callback; its exception costs only this message, and is logged with its subject."""
    *passed, subject = arguments if arguments else (None,)
    try:
        callback(*passed)
    except Exception:
        LOG.exception("callback failed%s", f" on {subject}" if subject else "")
