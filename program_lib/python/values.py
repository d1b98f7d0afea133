"""Values of columns as Python has them, and back: each has exactly the type of its column, or is refused."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import ProgramError, RowRefused
from program_lib.texts import MOMENT_CHECKS, column_texts, parse_column, rescaled
from program_lib.types import MAX_DIGITS, NUMERIC, Column, Kind, Type

LARGEST = 2**63 - 1
SHOWN = 60  # characters of a value in a message


def python_values(values: pa.ChunkedArray, of: Type) -> list[Any]:
    """The values of a column as its function gets them."""
    plain: list[Any] = values.to_pylist()
    if of.kind is Kind.NUMERIC:
        return [None if text is None else Decimal(text) for text in plain]
    return plain


def column_of_values(values: Sequence[Any], column: Column) -> pa.Array:
    """The column of these values. Raises WrongValue for the first that is none of its type."""
    wrong = _WRONG[column.type.kind]
    for index, value in enumerate(values):
        if value is not None and (told := wrong(value)) is not None:
            raise WrongValue(index, f"{column.name} is {shown(value)}, {told}")
    if column.type.kind is Kind.NUMERIC:
        return pa.array([None if v is None else _digits(v) for v in values], pa.string())
    if column.type.kind is Kind.UUID:
        return _uuids(values, column)
    if column.type.kind is Kind.TIMESTAMPTZ:  # Arrow leaves out the microseconds of a zone
        values = [None if v is None else v.astimezone(datetime.UTC) for v in values]
    try:
        return pa.array(values, column.type.arrow())
    except (ValueError, OverflowError, pa.ArrowException):
        raise _first_wrong(values, column) from None


def _uuids(values: Sequence[Any], column: Column) -> pa.Array:
    """In the one form that equal ones have."""
    try:
        return parse_column(pa.array(values, pa.string()), column.type, column.name)
    except RowRefused as error:
        raise WrongValue(error.index, f"{column.name}: {error.reason}") from None


class WrongValue(ProgramError):
    """The value at `index` does not have the type of its column."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


def _first_wrong(values: Sequence[Any], column: Column) -> WrongValue:
    for index, value in enumerate(values):
        try:
            pa.array([value], column.type.arrow())
        except (ValueError, OverflowError, pa.ArrowException) as error:
            return WrongValue(index, f"{column.name} is {shown(value)}, which is no {column.type}: {error}")  # fmt: skip
    raise AssertionError("each value alone has the type of the column")


def shown(value: object) -> str:
    """A value and its type in a message; its repr is code of a person, too."""
    try:
        text = repr(value)
    except Exception:
        text = "…"
    text = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return f"{text} ({type(value).__name__})"


# Why a value is none of a kind; None: it is one


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "and must be True, False or None"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(value: Any) -> str | None:
    if not _is_whole(value):
        return "and must be an int: int(…) makes one"
    return None if -LARGEST - 1 <= value <= LARGEST else "which does not fit into 64 bits"


def _exact(value: Any) -> str | None:
    if isinstance(value, float):
        return "and must be a Decimal or an int: Decimal(str(…)) keeps the digits that one sees"
    return (
        None
        if isinstance(value, Decimal) or _is_whole(value)
        else "and must be a Decimal or an int"
    )


def _decimal(value: Any) -> str | None:
    told = _exact(value)
    if told is None and isinstance(value, Decimal) and not value.is_finite():
        return "which a decimal cannot hold"
    return told


def _double(value: Any) -> str | None:
    if _is_whole(value):
        is_same = abs(value) <= 2**1023 and float(value) == value
        return None if is_same else "which has more digits than a double holds"
    return None if isinstance(value, float) else "and must be a float: float(…) makes one"


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "and must be a str: str(…) makes one"
    is_stored = not any("\ud800" <= letter <= "\udfff" for letter in value)
    return None if is_stored else "which holds half of a character"


def _bytes(value: Any) -> str | None:
    return None if isinstance(value, bytes) else "and must be bytes"


def _date(value: Any) -> str | None:
    is_date = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return None if is_date else "and must be a datetime.date"


def _time(value: Any) -> str | None:
    is_time = isinstance(value, datetime.time) and value.tzinfo is None
    return None if is_time else "and must be a datetime.time without a zone"


def _timestamp(value: Any) -> str | None:
    is_plain = isinstance(value, datetime.datetime) and value.tzinfo is None
    return None if is_plain else "and must be a datetime.datetime without a zone"


def _timestamptz(value: Any) -> str | None:
    if not isinstance(value, datetime.datetime) or value.utcoffset() is None:
        return "and must be a datetime.datetime with a zone"
    try:
        value.astimezone(datetime.UTC)
    except OverflowError:
        return "which in UTC is outside of the years 1 to 9999"
    return None


_WRONG: Mapping[Kind, Callable[[Any], str | None]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.NUMERIC: _exact,
    Kind.DOUBLE: _double,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    **dict.fromkeys((Kind.TEXT, Kind.INTERVAL, Kind.UUID, Kind.JSON, Kind.OTHER), _text),
}


def _digits(value: Decimal | int) -> str:
    """The text of a NUMERIC, without an exponent."""
    if isinstance(value, Decimal) and value.is_nan():
        return "NaN"
    if isinstance(value, Decimal) and value.is_infinite():
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{Decimal(value):f}"
    return text.removeprefix("-") if not Decimal(value) else text


# Columns of Arrow


def column_of_arrow(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | pa.Array:
    """The column with the type of ours, where that changes no value. Raises ProgramError."""
    try:
        values.validate(full=True)  # Arrow itself lets 25:00, and texts that are not UTF-8, stand
        made = _as_ours(values, column.type)
        if made is not None and (check := MOMENT_CHECKS.get(column.type.kind)) is not None:
            check(made)
    except (ValueError, pa.ArrowException, RowRefused) as error:
        raise ProgramError(f"the column {column.name} is no {column.type}: {error}") from None
    if made is None:
        wanted = column.type.arrow()
        raise ProgramError(
            f"the column {column.name} is {values.type} of Arrow, and {column.type} is {wanted}: cast it"
        )
    return made


def _as_ours(values: pa.ChunkedArray, of: Type) -> pa.ChunkedArray | pa.Array | None:
    """None where the type of Arrow is of another kind."""
    wanted = of.arrow()
    if of.kind is Kind.NUMERIC:
        return _numeric_of_arrow(values)
    if of.kind is Kind.UUID and _is_text(values.type):
        return parse_column(values.cast(wanted), of)
    if values.type == wanted:
        return values
    if pa.types.is_decimal(values.type) and of.kind is Kind.DECIMAL:
        return rescaled(values, of)
    if pa.types.is_float32(values.type) and of.kind is Kind.DOUBLE:
        return values.cast(pa.string()).cast(wanted)  # 0.1 of 32 bits is 0.1, as people see it
    return values.cast(wanted) if _is_alike(values.type, wanted) else None


def _numeric_of_arrow(values: pa.ChunkedArray) -> pa.Array:
    if _is_decimal_of_ours(values.type):
        of = Type(Kind.DECIMAL, precision=values.type.precision, scale=values.type.scale)
        return column_texts(values.cast(of.arrow()), of)
    if pa.types.is_integer(values.type) or _is_text(values.type):
        texts = values.cast(pa.string())
        is_none = pc.is_in(
            texts, pa.array(["NaN", "Infinity", "-Infinity"])
        )  # which NUMERIC has, too
        digits = parse_column(pc.if_else(is_none, None, texts), NUMERIC)
        return pc.if_else(is_none, texts.combine_chunks(), digits)
    raise ValueError(
        f"{values.type} of Arrow is no decimal of up to {MAX_DIGITS} digits, no whole number and no text of digits"
    )


def _is_decimal_of_ours(of: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(of) and 0 <= of.scale <= of.precision <= MAX_DIGITS)


def _is_alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether a cast between the two either keeps each value or fails."""
    if pa.types.is_null(found):
        return True
    if any(is_of(found) and is_of(wanted) for is_of in _FAMILIES):
        return True
    both = pa.types.is_timestamp(found) and pa.types.is_timestamp(wanted)
    return both and (found.tz is None) == (wanted.tz is None)


def _is_text(of: pa.DataType) -> bool:
    of = of.value_type if pa.types.is_dictionary(of) else of
    return bool(
        pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_string_view(of)
    )


def _is_binary(of: pa.DataType) -> bool:
    is_fixed = pa.types.is_fixed_size_binary(of) and not pa.types.is_decimal(of)
    return bool(pa.types.is_binary(of) or pa.types.is_large_binary(of) or is_fixed)


# Types within one of which a cast keeps each value, or fails
_FAMILIES: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_date,
    pa.types.is_time,
    _is_text,
    _is_binary,
)
