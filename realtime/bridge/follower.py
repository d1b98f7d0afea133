"""Follows the stream PROGRESS: each message once, in order, and a connection that was lost goes on where it was."""

from __future__ import annotations

import logging
import time

from progress_lib.nats.jetstream import ASKS_SO_FAR, is_delivered, stream_sequence
from progress_lib.nats.link import Link, Message, Subscription
from realtime.bridge.stream import HEARTBEAT, Opened, ProgressStream, Receive

LOG = logging.getLogger(__name__)
MAY_NOT_ANSWER = (
    "our user on NATS may not publish to $JS.FC.>, so that NATS sends at once what this worker has missed, and may cut it as a "
    "slow consumer where that is much: allow it"
)


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
        # `attach` sets the next five on the bridge thread, while nothing is subscribed
        self._is_asked = True  # (link thread) the consumer asks us whether we are that far
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
        self._is_asked = self._stream.may_answer
        self._subscription = self._stream.follow(self.last_seq + 1, self._take)
        self._created = opened.created

    def detach(self) -> None:
        assert not self._link.is_this_thread
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
                self._check_may_answer()
        finally:
            self._heard = time.monotonic()
            self._is_busy = False

    def _tell_so_far(self, messages: list[Message]) -> None:
        """Answers the consumer's questions whether all before them was read: it goes on then."""
        for message in messages:
            if message.reply.startswith(ASKS_SO_FAR):
                self._link.publish(message.reply, b"")

    def _check_may_answer(self) -> None:
        """A consumer whose questions nobody may answer delivers nothing more: another one does not ask."""
        if self._is_asked and not self._lost and not self._stream.may_answer:
            self._lost = True
            LOG.warning("%s", MAY_NOT_ANSWER)

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
