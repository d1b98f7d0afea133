"""Functions over the rows around a row: which type they give, and their SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from program_lib.errors import ProgramError
from program_lib.reshape.aggregates import Aggregated, Asked, aggregated
from program_lib.types import INTEGER

RUNNING = "running "  # begins the names of aggregates of all rows up to this one
_AGGREGATES = ("sum", "mean", "count", "min", "max")
_RANKS = ("row number", "rank", "dense rank")
_NEIGHBOURS = ("lag", "lead")
WINDOW_FUNCTIONS = (*_RANKS, *_NEIGHBOURS, *(RUNNING + name for name in _AGGREGATES))


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that a row is seen with: those of its group, in their order."""

    partition: Sequence[str]  # SQL
    order: Sequence[str]  # SQL, without the order in which rows came

    def over(self, is_strict: bool = True, frame: str = "") -> str:
        """`is_strict`: rows that are equal stand in the order in which they came; else they stand side by side."""
        order = [*self.order, "n"] if is_strict else list(self.order)
        parts = [f"PARTITION BY {', '.join(self.partition)}"] if self.partition else []
        parts += [f"ORDER BY {', '.join(order)}"] if order else []
        return f" OVER ({' '.join([*parts, frame])})"


def needs_column(function: str) -> bool:
    return function not in (*_RANKS, f"{RUNNING}count")


def windowed(function: str, asked: Asked, window: Window, offset: int = 1) -> Aggregated:
    """Raises ProgramError where there is no such function, or the column's type is not for it."""
    if function not in WINDOW_FUNCTIONS:
        raise ProgramError(
            f"there is no function {function!r}; there are {', '.join(WINDOW_FUNCTIONS)}"
        )
    if function in _RANKS:
        return _rank(function, window)
    if needs_column(function) and asked.column is None:
        raise ProgramError(f"{function} needs a column")
    if function in _NEIGHBOURS:
        call = f"{function}({asked.sql}, {offset:d}){window.over()}"
        return Aggregated(asked.known.type, call)
    frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    over = window.over(frame=frame)
    asked = replace(asked, call=lambda call: f"{call}{over}", in_order=True)
    return aggregated(function.removeprefix(RUNNING), asked)


def _rank(function: str, window: Window) -> Aggregated:
    if function != "row number" and not window.order:
        raise ProgramError(f"{function} needs an order: without one all rows are equal")
    call = function.replace(" ", "_")
    over = window.over(is_strict=function == "row number")
    return Aggregated(INTEGER, f"{call}(){over}", is_nullable=False)
