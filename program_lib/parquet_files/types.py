"""What a column of a Parquet file is here, and how a column of ours lies in one.

A file that we write names each column's type in its field, so that what Parquet has no type for comes back the same.
What stands there counts only where the column's values can be of that type, and is never SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID as PythonUuid

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import RowRefused
from program_lib.parquet_files.nested import is_nested, json_texts, parts_of
from program_lib.texts import column_texts, first_bad, parse_column, shown
from program_lib.texts.moments import check_days, check_instants, check_times
from program_lib.types import (
    AS_TEXT,
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
    Type,
    decimal,
)

TYPE_KEY = b"program.type"  # of a field's metadata
_WIDTHS = (16, 32, 64)  # bits
_NOT_FINITE = pa.array(["NaN", "Infinity", "-Infinity"])  # a numeric of PostgreSQL may be one
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE})
_SHORT_INTEGER = Type(Kind.INTEGER, bits=16)
_MIDDLE_INTEGER = Type(Kind.INTEGER, bits=32)
_SHORT_DOUBLE = Type(Kind.DOUBLE, bits=32)

# The first that holds for an Arrow type says what it is here. Durations, unions and others are none.
_TYPES: tuple[tuple[Callable[[pa.DataType], bool], Type], ...] = (
    (pa.types.is_null, TEXT),
    (pa.types.is_boolean, BOOLEAN),
    (lambda of: of in (pa.int8(), pa.uint8(), pa.int16()), _SHORT_INTEGER),
    (lambda of: of in (pa.uint16(), pa.int32()), _MIDDLE_INTEGER),
    (lambda of: of in (pa.uint32(), pa.int64()), INTEGER),
    (pa.types.is_uint64, decimal(20, 0)),
    (pa.types.is_float32, _SHORT_DOUBLE),
    (pa.types.is_floating, DOUBLE),
    (lambda of: of == pa.uuid(), UUID),
    (lambda of: getattr(of, "extension_name", "") == "arrow.json", JSON),
    (lambda of: _is_text(of), TEXT),
    (lambda of: _is_bytes(of), BYTES),
    (pa.types.is_date, DATE),
    (pa.types.is_time, TIME),
    (lambda of: pa.types.is_timestamp(of) and of.tz is None, TIMESTAMP),
    (pa.types.is_timestamp, TIMESTAMPTZ),
)


# --- columns of ours in a file -------------------------------------------------------------------


def field_of(column: Column) -> pa.Field:
    """How a column lies in a file. A type of one database alone becomes text: what it is called there is SQL."""
    of = TEXT if column.type.kind is Kind.OTHER else column.type
    said = {"kind": str(of.kind), "bits": of.bits, "length": of.length, "padded": of.is_padded}
    metadata = {TYPE_KEY: json.dumps(said).encode()}
    return pa.field(column.name, of.arrow(), nullable=column.is_nullable, metadata=metadata)


# --- columns of a file here ----------------------------------------------------------------------


def type_of(field: pa.Field) -> Type | None:
    """What a column holds; None where we have no such type."""
    return _said(field) or _by_arrow(field.type)


def _by_arrow(of: pa.DataType) -> Type | None:
    if pa.types.is_dictionary(of):
        return _by_arrow(of.value_type)
    if pa.types.is_decimal(of):
        return decimal(of.precision, of.scale) if of.precision <= MAX_DIGITS else NUMERIC
    if is_nested(of):
        return JSON if all(_by_arrow(part) for part in parts_of(of)) else None
    return next((ours for holds, ours in _TYPES if holds(of)), None)


def _said(field: pa.Field) -> Type | None:
    """The type that we wrote beside a column; None where nothing, or nothing that fits, stands there."""
    try:
        said = json.loads((field.metadata or {})[TYPE_KEY])
        of = _said_type(said, field.type)
    except (KeyError, ValueError, TypeError, RecursionError):
        return None
    return of if of.arrow() == field.type else None


def _said_type(said: dict[str, Any], arrow: pa.DataType) -> Type:
    """Raises KeyError, ValueError or TypeError for what we would not have written."""
    kind, bits, length, is_padded = (said[key] for key in ("kind", "bits", "length", "padded"))
    if bits not in _WIDTHS or not isinstance(is_padded, bool) or kind == Kind.OTHER:
        raise ValueError(said)
    if length is not None and not (type(length) is int and 0 < length < 2**31):
        raise ValueError(said)
    if Kind(kind) is Kind.DECIMAL:
        return decimal(arrow.precision, arrow.scale) if pa.types.is_decimal128(arrow) else TEXT
    return Type(Kind(kind), bits=bits, length=length, is_padded=is_padded)


# --- values of a file here -----------------------------------------------------------------------


def converted(values: pa.ChunkedArray, to: Type, name: str) -> pa.Array:
    """The values of a column as `type_of` says; nothing is rounded, cut or wrapped.

    Raises RowRefused for the first one that this type does not have.
    """
    plain = _plain(values.combine_chunks())
    try:
        made = _convert(plain, to)
    except ValueError as error:
        index = first_bad(plain, lambda part: _convert(part, to))
        if index is None:
            raise
        raise RowRefused(index, _why_not(plain.slice(index, 1), to, error), name) from error
    return _parsed(made, to, name) if to.kind in (Kind.NUMERIC, Kind.UUID) else made


def _plain(values: pa.Array) -> pa.Array:
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _convert(values: pa.Array, to: Type) -> pa.Array:
    """Raises ValueError where a value has no place in the type; Arrow's casts do where they would lose anything."""
    convert = _CONVERT.get(to.kind)
    made = pc.cast(values, to.arrow()) if convert is None else convert(values, to)
    if to.kind in _MAY_BE_FORGED:
        made.validate(full=True)
    return made


def _double(values: pa.Array, to: Type) -> pa.Array:
    """0.1 of 32 bits is the number 0.1, as databases show it, not 0.10000000149011612."""
    if values.type == pa.float32():
        values = pc.cast(values, pa.string())
    return pc.cast(values, to.arrow())


def _numeric(values: pa.Array, to: Type) -> pa.Array:
    if not pa.types.is_decimal(values.type):
        return pc.cast(values, to.arrow())
    texts = [None if value is None else format(value, "f") for value in values.to_pylist()]
    return pa.array(texts, to.arrow())


def _uuid(values: pa.Array, to: Type) -> pa.Array:
    if not pa.types.is_fixed_size_binary(values.type):
        return pc.cast(values, to.arrow())
    made = [None if value is None else str(PythonUuid(bytes=value)) for value in values.to_pylist()]
    return pa.array(made, to.arrow())


def _json(values: pa.Array, to: Type) -> pa.Array:
    if not is_nested(values.type):
        return pc.cast(values, to.arrow())
    return pc.if_else(values.is_valid(), pa.array(json_texts(values, _in_json), to.arrow()), None)


def _in_json(values: pa.Array) -> list[str]:
    """Values within a nested one, as JSON. Raises ValueError where JSON, or their type here, has no such value."""
    of = _by_arrow(values.type)
    assert of is not None
    try:
        texts = column_texts(converted(pa.chunked_array([values]), of, ""), of)
    except RowRefused as error:
        raise ValueError(error.reason) from error
    if pc.any(pc.is_in(texts, _NOT_FINITE), min_count=0).as_py() and of.kind in _NUMBERS:
        raise ValueError("NaN and Infinity are no numbers that JSON has")
    is_bare = of.kind in _NUMBERS or of.kind in (Kind.BOOLEAN, Kind.JSON)
    written = str if is_bare else partial(json.dumps, ensure_ascii=False)
    return ["null" if text is None else written(text) for text in texts.to_pylist()]


def _date(values: pa.Array, to: Type) -> pa.Array:
    days = pc.cast(values, to.arrow())
    check_days(days)
    return days


def _time(values: pa.Array, to: Type) -> pa.Array:
    times = pc.cast(values, to.arrow())
    check_times(times)
    return times


def _instant(values: pa.Array, to: Type) -> pa.Array:
    instants = pc.cast(values, to.arrow())
    check_instants(instants)
    return instants


_CONVERT: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
    Kind.DOUBLE: _double,
    Kind.NUMERIC: _numeric,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _instant,
    Kind.TIMESTAMPTZ: _instant,
}
# Arrow does not look whether texts are UTF-8, and decimals have no more digits than the file says
_MAY_BE_FORGED = AS_TEXT | {Kind.TEXT, Kind.DECIMAL}


def _parsed(texts: pa.Array, to: Type, name: str) -> pa.Array:
    """Texts that are values of the type; a file may say so of any."""
    is_odd = pc.is_in(texts, _NOT_FINITE)
    if to.kind is Kind.UUID or not pc.any(is_odd, min_count=0).as_py():
        return parse_column(texts, to, name)
    parsed = parse_column(pc.if_else(is_odd, None, texts), to, name)
    return pc.if_else(is_odd, texts, parsed)


def _is_text(of: pa.DataType) -> bool:
    return of in (pa.string(), pa.large_string(), pa.string_view())


def _is_bytes(of: pa.DataType) -> bool:
    is_fixed: bool = pa.types.is_fixed_size_binary(of)
    return is_fixed or of in (pa.binary(), pa.large_binary(), pa.binary_view())


def _why_not(value: pa.Array, to: Type, error: ValueError) -> str:
    """The sentence of a refusal; `value` has one row."""
    if to.kind in (Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return _why_no_moment(value, error)
    if to.kind in _MAY_BE_FORGED and not _is_utf8(value):
        return "holds bytes that are not UTF-8"
    return str(error)


def _why_no_moment(value: pa.Array, error: ValueError) -> str:
    if not isinstance(error, pa.ArrowInvalid):
        return str(error)
    found = shown(str(pc.cast(value, pa.int64())[0].as_py()))
    return f"{value.type} {found} does not fit into microseconds, and nothing is rounded"


def _is_utf8(value: pa.Array) -> bool:
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
