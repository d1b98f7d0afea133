"""How often a runner does what it does again and again."""

from dataclasses import dataclass, field

from jobs.webhooks.deliveries import Pace
from jobs.work.run_queue import ACK_WAIT

RETRY_PAUSE = 1.0  # seconds, when the queue or the database does not answer


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods of a runner's recurring work, and the waits that depend on them; seconds."""

    pull: float = 1.0  # one wait for a message of the queue
    cancel_poll: float = 1.0  # in case the cancel over NATS was lost
    beat: float = 5.0  # shows in the database that the runner lives
    # five missed beats; with the next sweep, a lost run ends within 45 s
    stale_after: float = 25.0
    lost_sweep: float = 5.0
    orphan_sweep: float = 60.0  # the first is at once: a machine comes back with what was left
    queue_sweep: float = 5.0
    retention_sweep: float = 600.0
    deleted_sweep: float = 30.0  # jobs that were deleted while NATS was away
    queue_again_after: float = 10.0  # a run that waits for longer may have lost its message
    ack_wait: float = ACK_WAIT
    heartbeat: float = 3.0  # a third of ack_wait
    deliveries: Pace = field(default_factory=Pace)
