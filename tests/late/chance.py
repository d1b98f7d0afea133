"""The rule of chance: which calls are late, and by how much."""

from __future__ import annotations

import os
import random

SEED = os.environ.get("LATE", "")  # without one nothing is late


class Lots:
    """One lot a call. The same seed draws the same lots again; a fork draws its own."""

    def __init__(self, *steps: tuple[float, float], named: object = "") -> None:
        """`steps`: of the calls that are late, up to this share by so many seconds at most."""
        self._steps = steps
        self._random = random.Random(f"{SEED}{named}")
        os.register_at_fork(after_in_child=self._begin_again)

    def _begin_again(self) -> None:
        self._random.seed(f"{SEED}{os.getpid()}")

    def seconds(self, share: float) -> float:
        """How late the next call is, where of its kind only this share is late: mostly 0."""
        lot = self._random.random()
        most = next((seconds for part, seconds in self._steps if lot < part * share), 0.0)
        return self._random.random() * most

    def one_in(self, calls: int) -> bool:
        return self._random.randrange(calls) == 0
