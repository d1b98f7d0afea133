"""Which place among the workers a new one takes; by it gthread's workers share the cores (web/serving/workers.py)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable


def free_place(taken: Iterable[int]) -> int:
    """The first place that no worker has. By age, two of three replaced workers would come to share a core."""
    others = set(taken)
    return next(place for place in itertools.count() if place not in others)
