"""Notices a stream that takes nothing, though its servers answer: what is said of jobs does not come from it.

A full disk, a limit, servers without a majority: publishers are not told, since nobody acknowledges progress. So while
the stream is quiet, the plain subjects are listened to beside it; a message of them that the stream never gives is the proof.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from progress_lib.nats.jetstream import JetStreamError
from progress_lib.nats.link import Link, Message, Subscription

QUIET = 2.0  # seconds without a message of the stream until the plain subjects are listened to
DEAF_AFTER = 5.0  # seconds that the stream has to give what was said; it takes milliseconds
# Bytes of what was said beside the stream. When full, the oldest goes: the newest say what is true
MOST_KEPT = 4 << 20

Pass = Callable[[list[Message]], None]


class TakesNothing(JetStreamError):
    """The stream is there, and stores nothing of what is said."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"the stream {stream} is there and takes nothing: look at its limits (max_msg_size, max_bytes), at the "
            "disks of its servers, and whether more than half of them are there"
        )


class PlainEar:
    """Listens to the plain subjects while the stream is quiet, and keeps what it hears until the stream gives it.

    Its methods belong to the bridge's thread.
    """

    def __init__(self, link: Link, subjects: Sequence[str], receive: Pass) -> None:
        """`receive`: takes messages on the link's thread, once the ear was handed over."""
        self._link = link
        self._subjects = subjects
        self._receive = receive
        self._subscriptions: list[Subscription] = []
        self._seq = -1  # of the stream's last message, at the last look
        self._moved = 0.0  # monotonic seconds at which that was another one
        self._lock = threading.Lock()  # guards what follows, which the link's thread fills
        self._is_handed_over = False
        self._kept: deque[Message] = deque()
        self._bytes = 0  # of what is kept
        self._first = self._last = 0.0  # monotonic seconds of what is kept; 0: nothing

    @property
    def is_on(self) -> bool:
        """Any thread."""
        return bool(self._subscriptions)

    def is_deaf(self, seq: int, heard: float) -> bool:
        """Whether the stream takes nothing. To be asked often, while it is followed.

        `seq`: of its last message; `heard`: when its consumer said something, if only that it lives (monotonic seconds).
        """
        now = time.monotonic()
        if seq != self._seq:
            self.stop()
            self._seq, self._moved = seq, now
        elif not self._subscriptions and now - self._moved >= QUIET:
            self._listen()
        with self._lock:
            return self._first > 0.0 and max(heard, self._last) - self._first >= DEAF_AFTER

    def stop(self) -> None:
        """Listens no more, and forgets what it has heard: the stream gives it."""
        assert not self._link.is_this_thread
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            self._link.unsubscribe(subscription)
        with self._lock:
            self._forget()

    def hand_over(self, pass_on: Pass) -> None:
        """Passes on what is kept; what comes from now on goes to `receive`, until `stop`. Harmless when repeated."""
        with self._lock:
            self._is_handed_over = True
            if self._kept:
                pass_on(list(self._kept))
            self._forget()
        if not self._subscriptions:
            self._listen()

    def _listen(self) -> None:
        self._subscriptions = [
            self._link.subscribe_batches(subject, self._hear) for subject in self._subjects
        ]

    def _forget(self) -> None:
        self._kept.clear()
        self._bytes = 0
        self._first = self._last = 0.0

    # ---- the link's thread

    def _hear(self, messages: list[Message]) -> None:
        with self._lock:
            if not self._is_handed_over:
                self._keep(messages)
                return
        self._receive(messages)

    def _keep(self, messages: list[Message]) -> None:
        self._last = time.monotonic()
        self._first = self._first or self._last
        self._kept.extend(messages)
        self._bytes += sum(len(message.payload) for message in messages)
        while self._bytes > MOST_KEPT:
            self._bytes -= len(self._kept.popleft().payload)
