"""Columns of values as rows of SQL literals: (1,'x\\'y',NULL).

Right for a session whose sql_mode has neither NO_BACKSLASH_ESCAPES nor ANSI_QUOTES, and whose character set
is utf8mb4: session.WRITING sets it so.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.texts import column_texts
from program_lib.types import Kind, Type


def rows_of_literals(columns: list[pa.Array], types: list[Type]) -> pa.Array:
    """For each row its values, in brackets."""
    literals = [_literals(values, type_) for values, type_ in zip(columns, types, strict=True)]
    inner = pc.binary_join_element_wise(*literals, ",")
    return pc.binary_join_element_wise(pa.scalar("("), inner, pa.scalar(")"), "")


def _literals(values: pa.Array, type_: Type) -> pa.Array:
    return pc.fill_null(_MAKE.get(type_.kind, _quoted)(values, type_), "NULL")


def _plain(values: pa.Array, type_: Type) -> pa.Array:
    return column_texts(values, type_)


def _double(values: pa.Array, type_: Type) -> pa.Array:
    """With an exponent: a literal without one is a decimal, of 65 digits at most."""
    if type_.bits == 32:  # 3.4028235e+38 is the largest of them in short, and as a double beyond it
        values = pc.cast(pc.cast(values, pa.float32()), pa.float64())
    texts = pc.cast(values, pa.string())
    has_one = pc.match_substring(texts, "e")
    return pc.if_else(has_one, texts, pc.binary_join_element_wise(texts, pa.scalar("e0"), ""))


def _quoted(values: pa.Array, type_: Type) -> pa.Array:
    texts = column_texts(values, type_)
    if type_.kind is Kind.TIMESTAMPTZ:
        texts = pc.replace_substring_regex(texts, r"\+00$", "")  # the session's zone
    for sign, escaped in (("\\", "\\\\"), ("'", "\\'")):
        texts = pc.replace_substring(texts, sign, escaped)
    return pc.binary_join_element_wise(pa.scalar("'"), texts, pa.scalar("'"), "")


def _bytes(values: pa.Array, type_: Type) -> pa.Array:
    digits = pc.utf8_slice_codeunits(column_texts(values, type_), 2)
    return pc.binary_join_element_wise(pa.scalar("X'"), digits, pa.scalar("'"), "")


_MAKE: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
    Kind.BOOLEAN: _plain,
    Kind.INTEGER: _plain,
    Kind.DECIMAL: _plain,
    Kind.NUMERIC: _plain,
    Kind.DOUBLE: _double,
    Kind.BYTES: _bytes,
}
