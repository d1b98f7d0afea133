"""Values of SQLite and columns of Arrow: exactly the same, or refused with the row.

`column_of` is for reading, `storing` for writing. What Python's sqlite3 gives and takes is None, int, float, str, bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.databases.fitting import Target, check, fitted
from program_lib.databases.sqlite_types import (
    EXACT_DIGITS,
    affinity,
    declared_for,
    fits_a_number,
    type_of,
)
from program_lib.errors import RowRefused
from program_lib.texts import column_texts, parse_column, shown
from program_lib.types import AS_TEXT, DOUBLE, NUMERIC, TEXT, Column, Kind, Type

Value: TypeAlias = int | float | str | bytes | None
Store: TypeAlias = Callable[[pa.Array], list[Value]]

EXACT_WHOLE = 2**53  # a double has every whole number up to this
MAX_SCALE = 22  # 10**22 is the last power of ten that a double has exactly
_CLASSES: dict[type, str] = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}
_LEADING_ZERO = re.compile(r"\s*[-+]?0\d")
_LIKE_A_NUMBER = r"^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$"


# --- reading -------------------------------------------------------------------------------------


def column_of(values: Sequence[Value], of: Type, name: str) -> pa.Array:
    """The values of a column as its type has them. Raises RowRefused for the first that is no such value."""
    classes = set(map(type, values)) - {type(None)}
    if not classes <= _TAKEN[of.kind]:
        raise _other_class(values, of, name)
    if not classes:
        return pa.nulls(len(values), of.arrow())
    if of.kind in _NUMBERS:
        return _numbers(values, classes, of, name)
    if of.kind is Kind.JSON and classes != {str}:  # a column of affinity NUMERIC makes 1 of '1'
        values = _texts_of(values)
    array = pa.array(values, pa.binary() if of.kind is Kind.BYTES else pa.string())
    return array if of.kind in _AS_STORED else parse_column(array, of, name)


_TAKEN: dict[Kind, set[type]] = {
    **{kind: {str} for kind in Kind},
    Kind.BYTES: {bytes},
    Kind.BOOLEAN: {int},
    Kind.INTEGER: {int},
    Kind.DOUBLE: {int, float},
    Kind.DECIMAL: {int, float, str},
    Kind.NUMERIC: {int, float, str},
    Kind.JSON: {int, float, str},
}
_AS_STORED = (AS_TEXT - {Kind.NUMERIC, Kind.UUID}) | {Kind.TEXT, Kind.BYTES}
_NUMBERS = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.DOUBLE, Kind.DECIMAL, Kind.NUMERIC})


def _other_class(values: Sequence[Value], of: Type, name: str) -> RowRefused:
    taken = _TAKEN[of.kind] | {type(None)}
    index = next(index for index, value in enumerate(values) if type(value) not in taken)
    value = values[index]
    said = f"the {_CLASSES[type(value)]} {_shown(value)} stands in a column of type {of}"
    if of.kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        said += ", which is read from its text; datetime(…, 'unixepoch') makes one"
    return RowRefused(index, said, name)


def _shown(value: Value) -> str:
    return shown(value) if isinstance(value, str) else shown(repr(value)).strip("'\"")


def _numbers(values: Sequence[Value], classes: set[type], of: Type, name: str) -> pa.Array:
    if of.kind is Kind.BOOLEAN:
        return _booleans(pa.array(values, pa.int64()), name)
    if of.kind is Kind.INTEGER:
        return pa.array(values, pa.int64())
    if str not in classes:
        try:
            return _READ_NUMBERS[of.kind](values, classes, of, name)
        except ValueError:  # Arrow's errors are of this kind
            pass
    if of.kind is Kind.DOUBLE:
        raise _too_whole(values, name)
    return parse_column(pa.array(_texts_of(values), pa.string()), of, name)


def _booleans(numbers: pa.Array, name: str) -> pa.Array:
    is_odd = pc.invert(pc.is_in(numbers, pa.array([0, 1, None], pa.int64())))
    if (index := _first(is_odd)) is not None:
        said = f"{numbers[index].as_py()} stands in a column of type boolean: 0 is false, 1 is true"
        raise RowRefused(index, said, name)
    return pc.cast(numbers, pa.bool_())


def _read_doubles(values: Sequence[Value], classes: set[type], of: Type, name: str) -> pa.Array:
    return pa.array(values, pa.float64())


def _too_whole(values: Sequence[Value], name: str) -> RowRefused:
    index = next(
        index
        for index, value in enumerate(values)
        if isinstance(value, int) and abs(value) > EXACT_WHOLE
    )
    said = (
        f"{values[index]!r} is a whole number beyond what a double holds exactly; CAST the column"
    )
    return RowRefused(index, said, name)


def _read_decimals(values: Sequence[Value], classes: set[type], of: Type, name: str) -> pa.Array:
    """Raises ValueError where a REAL is not the nearest to a number of that scale and of 15 digits."""
    assert of.precision is not None
    assert of.scale is not None
    if classes == {int} or of.scale > MAX_SCALE:
        return pc.cast(pa.array(values, pa.int64()), of.arrow())
    numbers = pa.array(values, pa.float64())
    units = pc.cast(pc.round(pc.multiply(numbers, _power(of.scale))), pa.int64())
    if not _all(pc.equal(_from_units(units, of.scale), numbers)):
        raise ValueError("a number has more digits after its point")
    precision = min(of.precision, EXACT_DIGITS)
    _check_size(units, precision)
    return pc.cast(units.view(pa.decimal64(precision, of.scale)), of.arrow())


def _from_units(units: pa.Array, scale: int) -> pa.Array:
    """The double nearest to units / 10**scale: both are exact, and one division rounds but once."""
    return pc.divide(pc.cast(units, pa.float64()), _power(scale))


@lru_cache
def _power(scale: int) -> pa.Scalar:
    """Kept: each new scalar looks for numpy, which costs more than to multiply a thousand numbers."""
    return pa.scalar(10.0**scale)


def _check_size(units: pa.Array, digits: int) -> None:
    bounds = pc.min_max(units).as_py()
    if bounds["min"] is not None and max(-bounds["min"], bounds["max"]) >= 10**digits:
        raise ValueError("a number has more digits")


def _read_numerics(values: Sequence[Value], classes: set[type], of: Type, name: str) -> pa.Array:
    if classes == {int}:
        return pc.cast(pa.array(values, pa.int64()), pa.string())
    return parse_column(column_texts(pa.array(values, pa.float64()), DOUBLE), NUMERIC, name)


_READ_NUMBERS: dict[Kind, Callable[[Sequence[Value], set[type], Type, str], pa.Array]] = {
    Kind.DOUBLE: _read_doubles,
    Kind.DECIMAL: _read_decimals,
    Kind.NUMERIC: _read_numerics,
}


def _texts_of(values: Sequence[Value]) -> list[str | None]:
    return [None if value is None else _text_of(value) for value in values]


def _text_of(value: Value) -> str:
    """In plain digits: 0.00001 for 1e-05. What is no number stays, to be refused."""
    if isinstance(value, float) and abs(value) < float("inf"):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


# --- writing -------------------------------------------------------------------------------------


def storing(source: Column, declared: str | None, to: str) -> Store:
    """How values of a column are stored in one that is declared so; of a new table if None.

    Raises ProgramError where the types do not go together. What comes back raises RowRefused for the first
    value that SQLite would not give back as it was. `to` is the name of the column there.
    """
    if declared is None:
        declared = declared_for(source.type)
    target = type_of(declared) or _BY_AFFINITY.get(affinity(declared))
    if target is None:
        return _storing_anywhere(source, affinity(declared))
    into = _stored_in(target, affinity(declared))
    if _is_alike(source.type, target):
        return lambda values: into(values, source.name)
    place = Target(to, replace(target, length=None), declared, has_nan=target.kind is Kind.DOUBLE)
    check(source.name, source.type, place)
    return lambda values: into(_fitted(values, source, place), source.name)


_BY_AFFINITY = {"TEXT": TEXT, "REAL": DOUBLE}  # of names that are not known here


def _is_alike(source: Type, target: Type) -> bool:
    """Whether every value of the one is one of the other. Lengths of texts are none that SQLite keeps to."""
    if source.kind is Kind.DECIMAL:
        return bool(source.arrow() == target.arrow())
    return source.kind is target.kind and source.kind is not Kind.OTHER


def _fitted(values: pa.Array, source: Column, target: Target) -> pa.Array:
    if source.type.kind is Kind.TEXT and target.type.kind in _NUMBERS:
        _refuse_first(
            values, _LEADING_ZERO.match, "would lose its leading zeros in a number", source.name
        )
    return fitted(pa.chunked_array([values]), source.name, source.type, target)


def _refuse_first(texts: pa.Array, is_bad: Callable[[str], object], why: str, name: str) -> None:
    for index, text in enumerate(texts.to_pylist()):
        if text is not None and is_bad(text):
            raise RowRefused(index, f"{shown(text)} {why}", name)


def _is_exact(text: str) -> bool:
    """Whether a number's text comes back as the same number from SQLite's INTEGER or REAL."""
    try:
        number = Decimal(text)
        if not number.is_finite():
            return False
        return number == Decimal(repr(float(number))) or _is_whole_64(number)
    except ArithmeticError:
        return False


def _is_whole_64(number: Decimal) -> bool:
    return number == number.to_integral_value() and -(2**63) <= number < 2**63


def _stored_in(target: Type, into: str) -> Callable[[pa.Array, str], list[Value]]:
    if target.kind is Kind.DECIMAL:
        if into == "TEXT":
            return partial(_store_texts, target)
        return partial(_store_decimals if fits_a_number(target) else _store_wide, target)
    if target.kind is Kind.NUMERIC:
        return partial(_store_texts, target) if into == "TEXT" else _store_numerics
    if target.kind in AS_TEXT and into != "TEXT":
        return _store_beside_numbers
    return _STORE.get(target.kind, _store_as_is)


def _store_as_is(values: pa.Array, name: str) -> list[Value]:
    return cast("list[Value]", values.to_pylist())


def _store_booleans(values: pa.Array, name: str) -> list[Value]:
    return _store_as_is(pc.cast(values, pa.int8()), name)


def _store_doubles(values: pa.Array, name: str) -> list[Value]:
    """SQLite would make NULL of NaN."""
    if (index := _first(pc.is_nan(values))) is not None:
        raise RowRefused(index, "NaN is no number that SQLite has: it would become NULL", name)
    return _store_as_is(values, name)


def _store_decimals(of: Type, values: pa.Array, name: str) -> list[Value]:
    """The doubles that SQLite makes of their texts, but computed: 15 digits come back from one as they were."""
    assert of.precision is not None
    assert of.scale is not None
    units = pc.cast(values, pa.decimal64(of.precision, of.scale)).view(pa.int64())
    return _store_as_is(_from_units(units, of.scale) if of.scale else units, name)


def _store_wide(of: Type, values: pa.Array, name: str) -> list[Value]:
    """Into a column of numbers that is declared with more digits than SQLite's numbers have."""
    return _store_numerics(column_texts(values, of, name), name)


def _store_numerics(texts: pa.Array, name: str) -> list[Value]:
    if _longest(texts) <= EXACT_DIGITS:
        numbers = pc.cast(texts, pa.float64())  # which takes NaN
        if _all(pc.is_finite(numbers)):
            return _store_as_is(numbers, name)
    return [_number(text, index, name) for index, text in enumerate(texts.to_pylist())]


def _number(text: str | None, index: int, name: str) -> Value:
    if text is None:
        return None
    if not _is_exact(text):
        said = f"{text[:60]} is not held exactly by SQLite's numbers, but by a column of type "
        raise RowRefused(index, said + "DECIMAL_TEXT(p,s), NUMERIC_TEXT or TEXT", name)
    number = Decimal(text)
    return int(number) if _is_whole_64(number) else float(number)


def _store_texts(of: Type, values: pa.Array, name: str) -> list[Value]:
    return _store_as_is(column_texts(values, of, name), name)


def _store_beside_numbers(texts: pa.Array, name: str) -> list[Value]:
    """Texts into a column whose affinity makes numbers of what looks like one."""
    is_odd = pc.match_substring_regex(texts, _LIKE_A_NUMBER)
    if _first(is_odd) is not None:
        _refuse_first(
            texts, _becomes_another, "would be stored as a number, and come back otherwise", name
        )
    return _store_as_is(texts, name)


def _becomes_another(text: str) -> bool:
    if not re.fullmatch(_LIKE_A_NUMBER, text):
        return False
    return not (re.fullmatch("0|-?[1-9][0-9]*", text) and -(2**63) <= int(text) < 2**63)


def _store_timestamps(values: pa.Array, name: str) -> list[Value]:
    """As SQLAlchemy stores them: always with six digits of the second, so that texts sort as times do."""
    column_texts(values, Type(Kind.TIMESTAMP), name)  # refuses years without a text
    return _store_as_is(pc.cast(values, pa.string()), name)


def _store_instants(values: pa.Array, name: str) -> list[Value]:
    column_texts(values, Type(Kind.TIMESTAMPTZ), name)
    texts = pc.cast(values.view(pa.timestamp("us")), pa.string())
    return _store_as_is(pc.binary_join_element_wise(texts, "+00:00", ""), name)


def _store_times(values: pa.Array, name: str) -> list[Value]:
    return _store_as_is(pc.cast(values, pa.string()), name)


_STORE: dict[Kind, Callable[[pa.Array, str], list[Value]]] = {
    Kind.BOOLEAN: _store_booleans,
    Kind.DOUBLE: _store_doubles,
    Kind.DATE: partial(_store_texts, Type(Kind.DATE)),
    Kind.TIME: _store_times,
    Kind.TIMESTAMP: _store_timestamps,
    Kind.TIMESTAMPTZ: _store_instants,
}


def _storing_anywhere(source: Column, into: str) -> Store:
    """Into a column that declares no type that is known: values as they are in a new table, and no others."""
    kind, name = source.type.kind, source.name
    if kind is Kind.DECIMAL:
        return lambda values: _store_wide(source.type, values, name)
    if kind is Kind.NUMERIC:
        return lambda values: _store_numerics(values, name)
    if into != "BLOB" and kind in AS_TEXT | {Kind.TEXT}:
        return lambda values: _store_other_than_numbers(values, name)
    store = _STORE.get(kind, _store_as_is)
    return lambda values: store(values, name)


def _store_other_than_numbers(texts: pa.Array, name: str) -> list[Value]:
    is_odd = pc.match_substring_regex(texts, _LIKE_A_NUMBER)
    if (index := _first(is_odd)) is not None:
        said = f"{shown(texts[index].as_py())} would become a number, since the column declares no text"
        raise RowRefused(index, said, name)
    return _store_as_is(texts, name)


def _longest(texts: pa.Array) -> int:
    return int(pc.max(pc.binary_length(texts)).as_py() or 0)


def _first(flags: pa.Array) -> int | None:
    """Where the first true one is."""
    return int(pc.index(flags, True).as_py()) if pc.any(flags).as_py() else None


def _all(flags: pa.Array) -> bool:
    return bool(pc.all(flags, min_count=0).as_py())
