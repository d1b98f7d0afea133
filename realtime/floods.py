"""How fast one client may speak, and what being cut for a flood costs it. Pure."""

from collections.abc import Hashable

BURST = 10  # seconds' worth of messages at once
PENALTY = 10.0  # seconds that a client cut for a flood stays out: as long as a bucket takes to fill
MAX_REMEMBERED = 10_000  # clients cut for a flood; full: the one cut first is forgotten


class Penalties:
    """Remembers who was cut for a flood, since a new connection would bring a full bucket at once."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}  # oldest first

    def add(self, whom: Hashable, now: float) -> None:
        self._until.pop(whom, None)
        self._until[whom] = now + PENALTY
        if len(self._until) > MAX_REMEMBERED:
            del self._until[next(iter(self._until))]

    def left(self, whom: Hashable, now: float) -> float:
        """Seconds that `whom` still has to wait; 0 when none."""
        left = self._until.get(whom, now) - now
        if left <= 0:
            self._until.pop(whom, None)
        return max(left, 0.0)


class MessagePace:
    """How fast somebody may speak: a bucket that holds BURST seconds' worth, and `at_once` messages at least, and refills evenly."""

    def __init__(self, per_second: int, now: float, at_once: int = 0) -> None:
        self._per_second = per_second
        self._left = self._most = float(max(per_second * BURST, at_once))
        self._at = now

    def allows(self, now: float, weight: float = 0.0) -> bool:
        """Takes one message, or as many as `weight` of BURST seconds where those are more; False when they are not left."""
        cost = max(1.0, weight * self._most / BURST)
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True
