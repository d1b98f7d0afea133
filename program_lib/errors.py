"""What may go wrong in a program, said so that its owner knows what to change."""

from __future__ import annotations

from collections.abc import Sequence


class ProgramError(Exception):
    """Something that the program's owner can mend; the text says what was found, where, and what to do."""

    field: str | None = None  # of the node's configuration, where that is at fault and no other


class RowRefused(ProgramError):
    """One row of a batch cannot be taken: `index` counts from 0 in that batch; `column` is the one at fault."""

    def __init__(self, index: int, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.column = column


class TargetFailed(ProgramError):
    """What rows go to failed by itself: no row is at fault, and no other row may follow."""


class EndUnknown(ProgramError):
    """The connection was lost while the database worked on the end of the transaction."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"{said}; the connection was lost before the answer to COMMIT came, so it is not known whether these rows"
            " are written: look before you run it again"
        )


class ExpressionFailed(ProgramError):
    """An expression cannot be evaluated, for a row or for any; `columns` are those that it looks up."""

    def __init__(self, expression: str, reason: str, columns: Sequence[str] = ()) -> None:
        super().__init__(f"{reason} (in {shortened(expression)})")
        self.expression = expression
        self.columns = tuple(columns)


def columns_at_fault(error: Exception) -> Sequence[str]:
    """The columns that an error of a row is about, as far as it says."""
    if isinstance(error, ExpressionFailed):
        return error.columns
    column = getattr(error, "column", None)
    return [column] if isinstance(column, str) else []


def shortened(text: str, most: int = 200) -> str:
    """The text on one line, cut where it is longer than a message should be."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
