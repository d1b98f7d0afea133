"""Values as drivers give and take them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID as PythonUuid

import pyarrow as pa

from program_lib.errors import RowRefused
from program_lib.types import Column, Kind, Type


def column_of(values: Sequence[Any], column: Column) -> pa.Array:
    """A column of a driver's values. Raises RowRefused for the first that its type does not have."""
    exact = _unpadded if column.type.is_padded else _EXACT.get(column.type.kind, str)
    made = []
    for index, value in enumerate(values):
        try:
            made.append(None if value is None else exact(value))
        except (ValueError, ArithmeticError):
            said = f"{value!r:.60} is a {type(value).__name__}, and the column is {column.type}"
            raise RowRefused(index, said, column.name) from None
    try:
        return pa.array(made, column.type.arrow())
    except (pa.ArrowInvalid, OverflowError):
        return pa.array([_one(made, i, column) for i in range(len(made))], column.type.arrow())


def _one(values: list[Any], index: int, column: Column) -> Any:
    try:
        pa.array([values[index]], column.type.arrow())
    except (pa.ArrowInvalid, OverflowError):
        said = f"{values[index]!s:.60} does not fit into {column.type}"
        raise RowRefused(index, said, column.name) from None
    return values[index]


def _of(*classes: type) -> Callable[[Any], Any]:
    def exact(value: Any) -> Any:
        if type(value) not in classes:
            raise ValueError
        return value

    return exact


def _unpadded(value: Any) -> str:
    if type(value) is not str:
        raise ValueError
    return value.rstrip(" ")


def _whole(value: Any) -> int:
    if isinstance(value, float) or int(value) != value:
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _digits(value: Any) -> str:
    return format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _naive(value: Any) -> datetime.datetime:
    if type(value) is not datetime.datetime or value.tzinfo is not None:
        raise ValueError
    return value


def _instant(value: Any) -> datetime.datetime:
    if type(value) is not datetime.datetime or value.tzinfo is None:
        raise ValueError
    return value


def _day(value: Any) -> datetime.date:
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time() or value.tzinfo is not None:
            raise ValueError
        return value.date()
    if type(value) is not datetime.date:
        raise ValueError
    return value


_EXACT: dict[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: _truth,
    Kind.INTEGER: _whole,
    Kind.DECIMAL: _decimal,
    Kind.NUMERIC: _digits,
    Kind.DOUBLE: _of(float),
    Kind.TEXT: _of(str),
    Kind.BYTES: bytes,
    Kind.DATE: _day,
    Kind.TIME: _of(datetime.time),
    Kind.TIMESTAMP: _naive,
    Kind.TIMESTAMPTZ: _instant,
}


def python_values(values: pa.Array, type_: Type) -> list[Any]:
    """The values as a driver takes them."""
    made: list[Any] = values.to_pylist()
    if type_.kind is Kind.NUMERIC:
        return [None if value is None else Decimal(value) for value in made]
    if type_.kind is Kind.UUID:
        return [None if value is None else PythonUuid(value) for value in made]
    return made
