"""Values of one type as values of another, by their text form. What would lose something is refused with its row."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import RowRefused
from program_lib.texts import column_texts, parse_column, shown
from program_lib.types import Kind, Type

_EXACT = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC})


def widened(values: pa.ChunkedArray, had: Type, wanted: Type) -> pa.ChunkedArray | pa.Array:
    """The values in a type that common_types.common_type found for theirs and others."""
    if had.arrow() == wanted.arrow():
        return values
    if wanted.kind is Kind.NUMERIC:
        return column_texts(values, had)
    return values.cast(wanted.arrow())


def retyped(
    values: pa.ChunkedArray, had: Type, wanted: Type, name: str
) -> pa.ChunkedArray | pa.Array:
    """Raises RowRefused for the first value that the wanted type does not have: 1.75 as an integer."""
    if had == wanted:
        return values
    texts = column_texts(values, had, name)
    if wanted.kind is Kind.INTEGER:
        texts = _plain(texts, had)
    elif wanted.kind is Kind.DATE and had.kind is Kind.TIMESTAMP:  # midnight is the day itself
        texts = pc.replace_substring_regex(texts, " 00:00:00$", "")
    made = parse_column(texts, wanted, name)
    if had.kind in _EXACT and wanted.kind is Kind.DOUBLE:
        _check_same(texts, column_texts(made, wanted), had, name)
    return made


def _plain(texts: pa.Array, of: Type) -> pa.Array:
    """Numbers without zeros after the point: 2.00 is the whole number 2."""
    if of.kind not in (Kind.DECIMAL, Kind.NUMERIC):
        return texts
    return pc.replace_substring_regex(texts, r"\.0*$|(\.\d*?)0+$", r"\1")


def _check_same(texts: pa.Array, as_doubles: pa.Array, had: Type, name: str) -> None:
    """A double has 15 digits for sure: what has more, and does not come back, is refused."""
    is_same = pc.equal(_plain(texts, had), _plain(as_doubles, had))
    index = pc.index(is_same, pa.scalar(False)).as_py()
    if index >= 0:
        raise RowRefused(
            index,
            f"{shown(texts[index].as_py())} has more digits than a double holds (in the column {name})",
            name,
        )
