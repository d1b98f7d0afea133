"""Which runners are there, and which runs they take: each shows itself in the database while it takes runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.clock import NOW, now_of
from jobs.store.connections.database import InTransaction
from jobs.store.process_identity import ProcessIdentity
from jobs.store.tables import RUNNERS

GONE_AFTER = 25.0  # seconds without a sign of a runner: five missed ones
FORGOTTEN_AFTER = 3_600.0  # seconds, until its row is deleted
KEPT = 1.0  # seconds that an answer counts: each list of runs asks


@dataclass(frozen=True, slots=True)
class Takers:
    """Whose runs are taken now, by all runners together."""

    tags: frozenset[str]
    untagged: bool  # whether one takes runs without a tag
    is_any_there: (
        bool  # false also where there are those of an earlier release, which do not show themselves
    )
    draining: int = 0  # that take no more, and still have runs at work

    def has(self, tag: str | None) -> bool:
        """Whether a runner shows itself that takes runs with this tag, or those without one."""
        return self.untagged if tag is None else tag in self.tags

    def why_waiting(self, tag: str | None) -> str | None:
        """Why a run with this tag waits that no runner may take; None where one may."""
        if self.has(tag):
            return None
        if self.draining and not self.is_any_there:
            return self._all_drain()
        if tag is not None:
            return f"no runner with the tag {tag} is there"
        return "no runner that takes runs without a tag is there" if self.is_any_there else None

    def _all_drain(self) -> str:
        if self.draining == 1:
            return "the runner that is there takes no more runs: it ends those that it has at work"
        return f"the {self.draining} runners that are there take no more runs: they end those that they have at work"


class Runners:
    """The runners of an installation. Any thread; raises StoreUnavailable."""

    def __init__(self, read: InTransaction, write: InTransaction) -> None:
        self._read = read
        self._write = write
        self._lock = threading.Lock()  # guards what follows
        self._takers: tuple[float, Takers] | None = None  # monotonic seconds

    def show(self, runner: ProcessIdentity, tags: Collection[str], *, takes_untagged: bool) -> None:
        """Shows that the runner takes runs with these tags, and those without one where that is so; with neither: that it drains."""
        values = {"tags": " ".join(sorted(tags)), "takes_untagged": takes_untagged}

        def show(connection: Connection) -> None:
            own = RUNNERS.c.runner == str(runner)
            now = now_of(connection)
            update = sa.update(RUNNERS).where(own).values(**values, seen_at=now)
            if connection.execute(update).rowcount == 0:
                row = {"runner": str(runner), **values, "seen_at": now}
                connection.execute(sa.insert(RUNNERS).values(**row))
                old = RUNNERS.c.seen_at < now - FORGOTTEN_AFTER
                connection.execute(sa.delete(RUNNERS).where(old))

        self._write(show)

    def leave(self, runner: ProcessIdentity) -> None:
        """Shows that the runner is there no more."""
        delete = sa.delete(RUNNERS).where(RUNNERS.c.runner == str(runner))
        self._write(lambda connection: connection.execute(delete))

    def takers(self) -> Takers:
        """Which runs are taken now; true within KEPT."""
        with self._lock:
            if self._takers is None or time.monotonic() - self._takers[0] > KEPT:
                self._takers = (time.monotonic(), self._read(_takers))
            return self._takers[1]


def _takers(connection: Connection) -> Takers:
    there = RUNNERS.c.seen_at > NOW - GONE_AFTER
    rows = connection.execute(
        sa.select(RUNNERS.c.tags, RUNNERS.c.takes_untagged).where(there)
    ).all()
    takers = [row for row in rows if row.tags or row.takes_untagged]
    return Takers(
        frozenset(tag for row in takers for tag in row.tags.split()),
        any(row.takes_untagged for row in takers),
        is_any_there=bool(takers),
        draining=len(rows) - len(takers),
    )
