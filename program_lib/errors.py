"""What may go wrong in a program, said so that its owner knows what to change."""

from __future__ import annotations


class ProgramError(Exception):
    """Something that the program's owner can mend; the text says what was found, where, and what to do."""


class RowRefused(ProgramError):
    """One row of a batch cannot be taken: `index` counts from 0 in that batch; `column` is the one at fault."""

    def __init__(self, index: int, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.column = column
