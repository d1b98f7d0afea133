"""Finds the row at which a batch fails, by halves: 16 tries for 50,000 rows."""

from __future__ import annotations

from collections.abc import Callable

from program_lib.batch import Batch
from program_lib.errors import RowRefused
from program_lib.limits import is_out_of_memory

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


def _may_be_a_rows(error: Exception) -> bool:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & _OF_ROWS) and not is_out_of_memory(error)


def _try(work: Callable[[Batch], object], batch: Batch) -> Exception | None:
    try:
        work(batch)
    except Exception as error:
        return error
    return None
