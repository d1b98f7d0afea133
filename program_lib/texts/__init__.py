"""One text form of each type, and back: what stands in CSV files, and in COPY's CSV format of PostgreSQL.

The forms are PostgreSQL's: true, 42, 10.50, 0.00001, NaN, 2026-07-31, 01:02:03.5, 2026-07-31 12:00:00.5,
2026-07-31 12:00:00+00, \\x00ff. docs/types.md shows them beside those of the databases.

Whole columns are converted at once. A row is looked for only after a column has failed.
"""

from __future__ import annotations

import pyarrow as pa

from program_lib.errors import RowRefused
from program_lib.texts.columns import Values, constant, content, fails, first_bad, one_array
from program_lib.texts.forms import SHOWN, has_form, shown, why_not
from program_lib.texts.moments import MOMENT_CHECKS
from program_lib.texts.parsing import PARSE, rescaled
from program_lib.texts.writing import WRITE
from program_lib.types import AS_TEXT, Kind, Type

__all__ = [
    "MOMENT_CHECKS",
    "SHOWN",
    "column_texts",
    "constant",
    "content",
    "first_bad",
    "has_form",
    "is_column",
    "parse_column",
    "rescaled",
    "shown",
]

_AS_IT_IS = AS_TEXT | {Kind.TEXT}


def column_texts(values: Values, of: Type, name: str | None = None) -> pa.Array:
    """The texts of a column, NULL where it is NULL.

    Raises RowRefused for a date or a timestamp outside of the years 1 to 9999, and for a time outside of a day.
    """
    values = one_array(values)
    if of.kind in _AS_IT_IS:
        return values
    if values.null_count == len(values):
        return pa.nulls(len(values), pa.string())
    try:
        return WRITE[of.kind](values, of)
    except ValueError as error:
        index = first_bad(values, lambda part: WRITE[of.kind](part, of))
        if index is None:
            raise
        raise RowRefused(index, str(error), name) from error


def parse_column(strings: Values, to: Type, name: str | None = None) -> pa.Array:
    """The typed values of texts, NULL where a text is NULL; texts of text-like kinds stay as they are.

    Spaces around a value are allowed, unless it is a text. Only a double may have an exponent: it is
    floating anyway. Nothing is rounded, cut or wrapped, except that a double takes the nearest value that it has.
    Raises RowRefused for the first text that is no such value.
    """
    strings = one_array(strings)
    parse = PARSE.get(to.kind)
    if parse is None:
        return strings
    if strings.null_count == len(strings):
        return pa.nulls(len(strings), to.arrow())
    try:
        return parse(strings, to)
    except ValueError as error:
        index = first_bad(strings, lambda part: parse(part, to))
        if index is None:
            raise
        raise RowRefused(index, why_not(strings[index].as_py(), to), name) from error


def is_column(strings: Values, of: Type) -> bool:
    """Whether `parse_column` would take all texts."""
    parse = PARSE.get(of.kind)
    return parse is None or not fails(one_array(strings), lambda part: parse(part, of))
