"""What a query gives, as types that rows have here: each value exactly, or a refusal that says which cast to write."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.sql.allowed import QueryFailed
from program_lib.sql.tables import name_in_sql
from program_lib.texts import MOMENT_CHECKS, column_texts
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    MAX_DIGITS,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)

_TYPES: Mapping[str, Type] = {
    "BOOLEAN": BOOLEAN,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER"), INTEGER),
    "UBIGINT": decimal(20, 0),
    **dict.fromkeys(("FLOAT", "DOUBLE"), DOUBLE),
    **dict.fromkeys(("VARCHAR", '"NULL"'), TEXT),
    "BLOB": BYTES,
    "DATE": DATE,
    "TIME": TIME,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), TIMESTAMP),
    "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
    "UUID": UUID,
    "JSON": JSON,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NESTED = re.compile(r"(STRUCT|MAP|UNION)\(|.*\]$|VARIANT$", re.DOTALL)
_NO_NUMBER = "(?i)nan|inf"  # in JSON, outside of its strings
MAX_TYPE = 60  # characters of a type's name in a message


def is_decimal(name: str) -> bool:
    return _DECIMAL.fullmatch(name) is not None


def schema_of(
    names: list[str], types: list[str], narrow: list[str], with_more_digits: list[str]
) -> Schema:
    """The columns of a query. Raises QueryFailed for a type that rows do not have here.

    `narrow`: the types where its decimals have fewer digits before the point; what then has more behind it was cut off
    for want of room. `with_more_digits`: where its NUMERIC columns have more digits after the point, too; a column
    whose type they change is NUMERIC.
    """
    columns = [
        Column(name, NUMERIC)
        if less != other and is_decimal(less)
        else Column(name, _with_room(_type(name, one), _DECIMAL.fullmatch(less)))
        for name, one, less, other in zip(names, types, narrow, with_more_digits, strict=True)
    ]
    try:
        return Schema(columns)
    except ValueError as error:
        raise QueryFailed(str(error)) from None


def _with_room(found: Type, narrow: re.Match[str] | None) -> Type:
    if found.kind is not Kind.DECIMAL or narrow is None or int(narrow[2]) <= (found.scale or 0):
        return found
    return decimal(MAX_DIGITS, int(narrow[2]))


def _type(name: str, found: str) -> Type:
    if (known := _TYPES.get(found)) is not None:
        return known
    if (digits := _DECIMAL.fullmatch(found)) is not None:
        return decimal(int(digits[1]), int(digits[2]))
    if found.startswith("ENUM("):
        return TEXT
    shown = found if len(found) <= MAX_TYPE else f"{found[: MAX_TYPE - 1]}…"
    column = name_in_sql(name)
    written = f"to_json({column})" if _NESTED.match(found) else f"CAST({column} AS VARCHAR)"
    raise QueryFailed(
        f"the column {name} is {shown}, which rows do not have here: write {written} AS {column}"
    )


def carried(table: pa.Table, schema: Schema) -> pa.Table:
    """The rows of a query with the types of its schema. Raises QueryFailed for a value that does not fit."""
    columns = [
        _column(values, column) for values, column in zip(table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema.arrow())


def _column(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | pa.Array:
    try:
        made = _made(values, column.type)
        if (check := MOMENT_CHECKS.get(column.type.kind)) is not None:
            check(made)
        if column.type.kind is Kind.JSON:
            _check_json(made)
    except ValueError as error:  # Arrow's own errors are ValueErrors, too
        raise QueryFailed(_why_not(values, column, error)) from error
    return made


def _check_json(texts: pa.ChunkedArray | pa.Array) -> None:
    """Raises ValueError for what DuckDB writes of numbers that JSON does not have."""
    if not pc.any(pc.match_substring_regex(texts, _NO_NUMBER), min_count=0).as_py():
        return
    without_strings = pc.replace_substring_regex(texts, r'"(?:[^"\\]|\\.)*"', "")
    if pc.any(pc.match_substring_regex(without_strings, _NO_NUMBER), min_count=0).as_py():
        raise ValueError(
            "it has NaN or Infinity, which JSON does not: CASE WHEN isfinite(x) THEN x END leaves them out"
        )


def _made(values: pa.ChunkedArray, wanted: Type) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_float32(values.type):  # 0.1 of 32 bits is 0.1, as people see it
        values = values.cast(pa.string())
    if wanted.kind is Kind.NUMERIC:
        return _digits(values)
    if wanted.kind is Kind.DECIMAL and pa.types.is_integer(values.type):
        values = values.cast(pa.string())
    return values if values.type == wanted.arrow() else values.cast(wanted.arrow())


def _digits(values: pa.ChunkedArray) -> pa.Array:
    """Decimals as texts, without the zeros at the end that only the digits of other values are the reason of."""
    if not pa.types.is_decimal(values.type):
        raise ValueError(
            f"its numbers together need more than {MAX_DIGITS} digits, and DuckDB computes them as floating-point"
            " ones: CAST those that come to a DECIMAL of fewer digits"
        )
    found = decimal(values.type.precision, values.type.scale)
    texts = column_texts(values, found)
    return pc.replace_substring_regex(texts, r"\.0*$|(\.\d*?)0+$", r"\1")


def _why_not(values: pa.ChunkedArray, column: Column, error: Exception) -> str:
    name = name_in_sql(column.name)
    if column.type.kind is Kind.INTEGER:
        return (
            f"the column {column.name} holds a number that does not fit into 64 bits:"
            f" write CAST({name} AS DECIMAL(38, 0)) AS {name}"
        )
    if column.type.kind in MOMENT_CHECKS and not pa.types.is_string(values.type):
        return f"the column {column.name} holds {_about_moments(values)}: CAST({name} AS VARCHAR) reads it as text"
    return f"the column {column.name}: {error}"


def _about_moments(values: pa.ChunkedArray) -> str:
    if pa.types.is_time(values.type):
        return "24:00, which is no time of a day"
    is_finer = pa.types.is_timestamp(values.type) and values.type.unit == "ns"
    return (
        "nanoseconds, which do not fit into microseconds, or a date outside of the years 1 to 9999"
        if is_finer
        else "a date outside of the years 1 to 9999"
    )
