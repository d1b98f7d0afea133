"""When a delivery that failed is tried again. Pure."""

import math
import random

FACTOR = 5.0  # each wait to the one before
LONGEST = 8 * 3600.0  # seconds between two attempts
JITTER = 0.2  # of the wait, so that what failed together does not come back together


def wait_after(attempt: int, first: float, most: int, asked: float | None = None) -> float | None:
    """Seconds until the next of `most` attempts; None after the last. `asked`: what the receiver asked for."""
    if attempt >= most:
        return None
    wait = min(first * math.pow(FACTOR, min(attempt - 1, 20)), LONGEST)
    wait *= 1 + random.uniform(0, JITTER)
    return max(wait, min(asked or 0.0, LONGEST))
