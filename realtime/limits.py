"""What one client may use, so that it costs nobody but itself. Pure."""

from dataclasses import dataclass

BURST = 10  # seconds' worth of messages at once: a page that comes back subscribes to all its jobs


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Of one browser, and of those that share a token or an address."""

    subscriptions: int = 1_000  # jobs one browser watches; each costs a look into the history
    messages_per_second: int = 200  # frames, in the long run
    clients_per_token: int = 1_500
    clients_per_address: int = 1_500


class Pace:
    """How fast somebody may speak: a bucket that holds BURST seconds' worth and refills evenly."""

    def __init__(self, per_second: int, now: float) -> None:
        self._per_second = per_second
        self._left = self._most = float(per_second * BURST)
        self._at = now

    def allows(self, now: float) -> bool:
        """Takes one; False when none is left."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
