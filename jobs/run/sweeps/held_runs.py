"""Runs whose rows take no write, as one that somebody changes by hand in a transaction that stays open."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from jobs.store.records import Run
from jobs.store.store import StoreUnavailable


class HeldRuns:
    """The runs whose rows took no write, for one sweep, on its thread. The first such run ends a round, so they are tried last."""

    def __init__(self) -> None:
        self._held: set[str] = set()  # ids

    def last(self, runs: Iterable[Run]) -> list[Run]:
        """The runs of a round in their order, but for those. Forgets which are not among them."""
        found = list(runs)
        self._held &= {run.run_id for run in found}
        return sorted(found, key=lambda run: run.run_id in self._held)

    def note(self, run: Run) -> None:
        self._held.add(run.run_id)

    @contextmanager
    def noted(self, run: Run) -> Iterator[None]:
        """Around what is written of a run."""
        try:
            yield
        except StoreUnavailable:
            self.note(run)
            raise
