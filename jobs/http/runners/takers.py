"""Whether a runner is there that does not answer: it is busy then, and not missing."""

from __future__ import annotations

from jobs.store.connections.database import StoreUnavailable
from jobs.store.runs.runners import Runners, Takers

BUSY = "the runner does not answer: it is busy, or has just ended; try again in a moment"


def nobody_shown() -> Takers:
    """As where no runner shows itself."""
    return Takers(frozenset(), untagged=False, is_any_there=False)


def shown_by(runners: Runners) -> Takers:
    """What the runners show; as if there were none while the database is away."""
    try:
        return runners.takers()
    except StoreUnavailable:
        return nobody_shown()
