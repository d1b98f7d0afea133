"""SQL of a graph that runs around the rows of an output, in their transaction: one statement that changes rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from program_lib.errors import ProgramError

BACKENDS = ("postgresql", "sqlite")  # where all that such a statement does can be taken back
_CHANGES = re.compile(r"\s*(?:insert|update|delete)\b", re.IGNORECASE)


class StatementFailed(Exception):
    """A statement before or after the rows failed: no row is the reason, and none is looked for."""


@dataclass(frozen=True, slots=True)
class Around:
    """What runs before the first row and after the last one; "" is nothing."""

    before: str = ""
    after: str = ""

    def __bool__(self) -> bool:
        return bool(self.before or self.after)

    def check(self, backend: str) -> None:
        """Raises ProgramError for what might not be taken back when the run fails."""
        for name, statement in (("before", self.before), ("after", self.after)):
            if statement and backend not in BACKENDS:
                raise ProgramError(
                    f"SQL {name} the rows is for PostgreSQL and SQLite, and this is {backend}, where it may"
                    " change tables that take nothing back when the run fails"
                )
            if statement and not _CHANGES.match(statement):
                raise ProgramError(
                    f"SQL {name} the rows must be one INSERT, UPDATE or DELETE, and begin with that word"
                )


class AroundAll:
    """What outputs that share a transaction run before the first row of any, and after the last one of all.

    Else that of one might change what another has written, or see what another changes later.
    """

    def __init__(self) -> None:
        self._before: list[Callable[[], None]] = []  # until the first of them has rows
        self._after: list[Callable[[], None]] = []  # of those that have finished
        self._unfinished = 0  # outputs that may still change rows

    def join(self, before: Callable[[], None]) -> None:
        """One more output writes."""
        self._before.append(before)
        self._unfinished += 1

    def run_before(self) -> None:
        """Again where it was taken back: until `note_begun`."""
        for run in self._before:
            run()

    def note_begun(self) -> None:
        self._before.clear()

    def finish(self, after: Callable[[], None]) -> bool:
        """One of the outputs has written all. Whether it was the last one: then what all run after was run."""
        self._after.append(after)
        self._unfinished -= 1
        if self._unfinished:
            return False
        for run in self._after:
            run()
        return True
