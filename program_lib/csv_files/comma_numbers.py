"""Numbers whose fraction stands behind a comma: 1234,50. Pure."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import RowRefused
from program_lib.texts import has_form, parse_column, shown
from program_lib.types import Type


def parse_with_comma(strings: pa.ChunkedArray, to: Type, name: str) -> pa.Array:
    """The numbers that texts are. A point is refused: whether it parts thousands nobody knows. Raises RowRefused."""
    pointed = with_point(strings)
    try:
        return parse_column(pointed, to, name)
    except RowRefused as error:
        if has_form(pointed[error.index].as_py().strip(" "), to.kind):  # it is one, and too large
            raise
        found = shown(strings[error.index].as_py())
        why = f"{found} is not a number with a comma, such as 1234,50"
        raise RowRefused(error.index, why, name) from error


def with_point(strings: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts with a point in place of each comma; where they have one of their own, they are no numbers any more."""
    return pc.replace_substring(pc.replace_substring(strings, ".", "?"), ",", ".")


def with_comma(numbers: pa.Array) -> pa.Array:
    """Numbers as texts, with a comma in place of the point."""
    return pc.replace_substring(numbers, ".", ",")
