"""Finds the rows at which a batch fails: one by halves, 16 tries for 50,000 rows, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from program_lib.batch import Batch
from program_lib.errors import RowRefused
from program_lib.limits import is_out_of_memory

Made = TypeVar("Made")

# Errors of a database that a single row may be the reason of, by their names in the Python Database API
_OF_ROWS = {"DataError", "IntegrityError", "ProgramError", "NotSupportedError", "InternalError"}


def smallest_failing(
    work: Callable[[Batch], object], batch: Batch, error: Exception
) -> tuple[Batch, Exception] | None:
    """The smallest part of the batch that fails, one row where rows are the reason, and its error.

    None where both halves of a failing batch do not fail: then all of it has been worked on.
    """
    while len(batch) > 1 and _may_be_a_rows(error):
        if isinstance(error, RowRefused):
            return batch.slice(error.index, 1), error
        half = len(batch) // 2
        for part in (batch.slice(0, half), batch.slice(half)):
            if (failed := _try(work, part)) is not None:
                batch, error = part, failed
                break
        else:
            return None
    return batch, error


def sorted_out(
    work: Callable[[Batch], Made],
    batch: Batch,
    error: Exception,
    refuse: Callable[[int, Exception], None],
) -> Iterator[Made]:
    """What `work` makes of the rows of a failing batch that do not fail, in parts and in their order.

    `refuse` gets each row that does, by its index, and the row's error. After a failure half as many rows are tried,
    after a success twice as many. Raises an error that no row is the reason of.
    """
    at, size = 0, len(batch)
    failed: Exception | None = error
    while failed is not None or at < len(batch):
        if failed is None:
            part = batch.slice(at, size)
            try:
                made = work(part)
            except Exception as another:
                failed, size = another, len(part)
            else:
                yield made
                at, size = at + len(part), size * 2
        else:
            good = _good_before(failed, size)
            if good == 0:
                refuse(at, failed)
                at += 1
            size, failed = good or max(1, size // 2), None


def _good_before(error: Exception, count: int) -> int:
    """How many of `count` failing rows to try alone; 0 where the first one is at fault. Raises what is no row's."""
    if not _may_be_a_rows(error):
        raise error
    if isinstance(error, RowRefused):
        return error.index
    return count // 2


def _may_be_a_rows(error: Exception) -> bool:
    return bool(_kinds(error) & _OF_ROWS) and not is_out_of_memory(error)


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _try(work: Callable[[Batch], object], batch: Batch) -> Exception | None:
    try:
        work(batch)
    except Exception as error:
        return error
    return None
