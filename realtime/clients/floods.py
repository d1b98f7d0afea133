"""How fast one client may speak, and what being cut for a flood costs it. Pure."""

from collections.abc import Hashable

BURST = 10  # seconds' worth of messages at once
# Of what may be sent at once, the share that a look at all jobs counts as: the answer is up to 2,000 frames, which the hub makes
ALL_JOBS_SHARE = 1 / 40
MORE_AT_ONCE = 100  # messages beside a subscription to each job that a browser may watch
MAX_PENALTY = 60.0  # seconds that a client cut for a flood stays out at most
MAX_REMEMBERED = 10_000  # clients cut for a flood; full: the one cut first is forgotten


def most_at_once(per_second: int, subscriptions: int) -> float:
    """Messages: BURST seconds' worth, or what a page that comes back needs where that is more: all its jobs, a look at all others, and a little."""
    coming_back = (subscriptions + MORE_AT_ONCE) / (1 - ALL_JOBS_SHARE)
    return max(float(per_second * BURST), coming_back)


def penalty(per_second: int, subscriptions: int) -> float:
    """Seconds that a client cut for a flood stays out: as long as what it may send at once takes to come back."""
    return min(most_at_once(per_second, subscriptions) / per_second, MAX_PENALTY)


class Penalties:
    """Remembers who was cut for a flood, for `wait` seconds, since a new connection would bring a full bucket at once."""

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._until: dict[Hashable, float] = {}  # oldest first

    def add(self, whom: Hashable, now: float) -> None:
        self._until.pop(whom, None)
        self._until[whom] = now + self._wait
        if len(self._until) > MAX_REMEMBERED:
            del self._until[next(iter(self._until))]

    def left(self, whom: Hashable, now: float) -> float:
        """Seconds that `whom` still has to wait; 0 when none."""
        left = self._until.get(whom, now) - now
        if left <= 0:
            self._until.pop(whom, None)
        return max(left, 0.0)


class MessagePace:
    """How fast somebody may speak: a bucket that holds `most` messages, and refills evenly."""

    def __init__(self, per_second: int, most: float, now: float) -> None:
        self._per_second = per_second
        self._left = self._most = most
        self._at = now

    def allows(self, now: float, share: float = 0.0) -> bool:
        """Takes one message, or that share of the bucket where it is more; False when it is not left."""
        cost = max(1.0, share * self._most)
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True
