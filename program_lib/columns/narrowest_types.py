"""Which types the columns of a file hold: proposed once, for the editor, from all of its values."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import Reader
from program_lib.texts import is_column
from program_lib.types import BOOLEAN, DATE, INTEGER, NUMERIC, TEXT, TIMESTAMP, Column, Type

NARROWEST_FIRST = (INTEGER, NUMERIC, DATE, TIMESTAMP, BOOLEAN)
WIDER = {INTEGER: NUMERIC, DATE: TIMESTAMP}  # each takes all that the narrower one takes
CODE = r"^ *(?:[-+]?0[0-9]|\+)"  # 007 and +49: numbers would lose what makes them codes


AsNumber = Callable[[pa.ChunkedArray], pa.ChunkedArray]


def narrowest_types(reader: Reader, as_number: AsNumber | None = None) -> list[Column]:
    """The narrowest type that takes every value of a column; text where none does, or all are NULL.

    It reads all rows of a reader whose columns are texts, for as long as that takes, and closes it. `as_number` makes
    numbers of such texts, where they are written in another way than ours.
    """
    try:
        return _found(reader, as_number or _as_it_is)
    finally:
        reader.close()


def _as_it_is(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values


def _found(reader: Reader, as_number: AsNumber) -> list[Column]:
    names = reader.open().names
    types: list[Type | None] = [None] * len(names)
    rows = 0
    try:
        for batch in reader.batches():
            types = [
                _narrowest(batch.column(at), known, as_number) for at, known in enumerate(types)
            ]
            rows += len(batch)
    except RowRefused as error:
        raise ProgramError(f"{reader.where(rows + error.index + 1)}: {error.reason}") from error
    return [Column(name, found or TEXT) for name, found in zip(names, types, strict=True)]


def _narrowest(values: pa.ChunkedArray, known: Type | None, as_number: AsNumber) -> Type | None:
    """The type of a column after more values; None as long as all are NULL."""
    if values.null_count == len(values) or known == TEXT:
        return known
    possible = NARROWEST_FIRST if known is None else (known, *filter(None, [WIDER.get(known)]))
    return next((one for one in possible if _takes(one, values, as_number)), TEXT)


def _takes(of: Type, values: pa.ChunkedArray, as_number: AsNumber) -> bool:
    if of in {INTEGER, NUMERIC} and pc.any(pc.match_substring_regex(values, CODE)).as_py():
        return False
    if of == BOOLEAN and pc.any(pc.equal(pc.utf8_length(values), 1)).as_py():
        return False  # t and f, as databases write them, are rather codes here
    return is_column(as_number(values) if of == NUMERIC else values, of)
