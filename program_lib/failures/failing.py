"""Finds the rows at which a batch fails: one by halves, 16 tries for 50,000 rows, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from program_lib.batch import Batch
from program_lib.errors import ExpressionFailed, RowRefused, TargetFailed
from program_lib.process.reasons import is_out_of_memory

Made = TypeVar("Made")

# Errors of a database that a single row may be the reason of, by their names in the Python Database API
_OF_ROWS = {"DataError", "IntegrityError", "ProgramError", "NotSupportedError", "InternalError"}

# Those of DuckDB that no row is the reason of
_OF_THE_ENGINE = {"OperationalError", "InternalError", "FatalException"}


class PartFailed(Exception):
    """The smallest part of a batch that fails, one row where rows are the reason, and its error."""

    def __init__(self, batch: Batch, error: Exception) -> None:
        super().__init__(str(error))
        self.batch, self.error = batch, error


def made_by_parts(work: Callable[[Batch], Made], batch: Batch, error: Exception) -> Iterator[Made]:
    """What `work` makes of a failing batch by halves, and by theirs where one fails, too, in their order.

    Raises PartFailed for the first that fails and cannot be halved. A batch may fail though none of its rows does:
    two numbers may have no room in 38 digits together.
    """
    if len(batch) <= 1 or not _may_be_a_rows(error):
        raise PartFailed(batch, error)
    if isinstance(error, RowRefused):
        raise PartFailed(batch.slice(error.index, 1), error)
    half = len(batch) // 2
    for part in (batch.slice(0, half), batch.slice(half)):
        try:
            made = work(part)
        except Exception as another:
            yield from made_by_parts(work, part, another)
        else:
            yield made


def sorted_out(
    work: Callable[[Batch], Made],
    batch: Batch,
    error: Exception,
    refuse: Callable[[int, Exception], None],
) -> Iterator[Made]:
    """What `work` makes of the rows of a failing batch that do not fail, in parts and in their order.

    `refuse` gets each row that does, by its index, and the row's error. Raises an error that no row is the reason of.
    """
    search = _Search(len(batch), error)
    while search.at < len(batch):
        if search.found is not None:
            refuse(search.at, search.found)
            search.skip()
            continue
        part = batch.slice(search.at, search.size)
        try:
            made = work(part)
        except Exception as another:
            search.failed(another, len(part))
        else:
            yield made
            search.passed(len(part))


class _Search:
    """Which rows to try next: halves of those that hold one at fault, then as many as came before that one."""

    def __init__(self, count: int, error: Exception) -> None:
        self.at = 0  # all rows before it are sorted out
        self.size = count  # rows to try from there
        self.found: Exception | None = None  # the error of the row there
        self._end = 0  # one of the rows from `at` to here is at fault, as far as we know
        self._refused = 0  # after the last row at fault
        self.failed(error, count)

    def failed(self, error: Exception, count: int) -> None:
        """So many rows from `at` on fail. Raises the error where it is no row's."""
        if not _may_be_a_rows(error):
            raise error
        self._end = self.at + count
        if isinstance(error, RowRefused):  # it names the first row of those at fault in a column
            self._end = min(self._end, self.at + error.index + 1)
            self.size = error.index or 1
            self.found = None if error.index else error
        else:
            self.size = max(1, count // 2)
            self.found = error if count == 1 else None

    def passed(self, count: int) -> None:
        """So many rows from `at` on do not fail."""
        self.at += count
        left = self._end - self.at
        self.size = max(1, left // 2) if left > 0 else self.size * 2

    def skip(self) -> None:
        """The row at `at` is refused."""
        self.at += 1
        self.size, self._refused = self.at - self._refused, self.at
        self._end, self.found = self.at, None


def _may_be_a_rows(error: Exception) -> bool:
    if isinstance(error, TargetFailed) or is_out_of_memory(error) or _is_of_the_engine(error):
        return False
    return bool(_kinds(error) & _OF_ROWS)


def _is_of_the_engine(error: Exception) -> bool:
    """Whether an expression failed by DuckDB's own fault, or the machine's."""
    cause = error.__cause__
    is_expression = isinstance(error, ExpressionFailed) and cause is not None
    return is_expression and bool(_kinds(cause) & _OF_THE_ENGINE)


def _kinds(error: BaseException | None) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
