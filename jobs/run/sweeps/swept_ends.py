"""Ends that a sweep writes for runs of others: each is told, also where the database's answer to the write was lost."""

import logging
from collections.abc import Callable

from jobs.store.records import Move, Run
from jobs.store.store import NotFound, Store

LOG = logging.getLogger(__name__)


class SweptEnds:
    """The ends that one sweep writes, on its thread. Raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Run id → what was to be written, and what follows: the database has not answered
        self._unanswered: dict[str, tuple[Run, Move, Callable[[], None]]] = {}

    def write(self, run: Run, move: Move, follow: Callable[[], None]) -> None:
        """Makes the move, then calls `follow`, unless another process was faster."""
        self._unanswered[run.run_id] = (run, move, follow)
        has_moved = self._store.move_run(run.tenant_id, run.run_id, move)
        del self._unanswered[run.run_id]
        if has_moved:
            follow()

    def follow_up(self) -> None:
        """Does what follows on the ends that stand, though their answer was lost. Call it before each sweep."""
        for run, move, follow in list(self._unanswered.values()):
            stands = self._stands(run, move)
            del self._unanswered[run.run_id]
            if stands:
                LOG.warning("run %s: its end was written, and the answer lost", run.run_id)
                try:
                    follow()
                except Exception:  # the sweep goes on
                    LOG.exception("run %s: what follows its end failed", run.run_id)

    def _stands(self, run: Run, move: Move) -> bool:
        try:
            now = self._store.run(run.tenant_id, run.run_id)
        except NotFound:
            return False
        return (now.status, now.reason) == (move.to, move.reason)
