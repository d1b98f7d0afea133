"""Moments of runs: none is before the one that it follows, whatever clocks say."""

from __future__ import annotations

import sqlalchemy as sa

from jobs.store.connections.clock import NOW

LEAST_STEP = 1e-6  # seconds between two runs of a job, as far as doubles tell times of today apart


def later_than(moment: float | None, now: float) -> float:
    """`now`; or just after `moment`, which another clock told, or this one before it was set back."""
    return now if moment is None or now > moment else moment + LEAST_STEP


def not_before(moment: sa.ColumnElement[float]) -> sa.ColumnElement[float]:
    """Now; or `moment`, where that lies ahead: as `later_than`."""
    return sa.case((moment > NOW, moment), else_=NOW)
