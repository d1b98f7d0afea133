"""What the hub did, in figures."""

from dataclasses import dataclass, field

from metrics.buckets import Buckets

ROUND_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(slots=True)
class HubCounts:
    """Written by the hub thread, read by anyone."""

    clients: int = 0
    subscriptions: int = 0
    jobs: int = 0
    received: int = 0  # messages
    delivered: int = 0  # messages times clients
    stale: int = 0  # messages that said less than what was known
    cut: int = 0  # clients cut because their buffer was full
    # seconds of rounds, and from NATS to the sockets for the oldest message of a round
    rounds: Buckets = field(default_factory=lambda: Buckets(ROUND_BOUNDS))
    lags: Buckets = field(default_factory=lambda: Buckets(LAG_BOUNDS))
