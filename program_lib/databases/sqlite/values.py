"""Values of SQLite and columns of Arrow: exactly the same, or refused with the row.

`Gathering` is for reading, `storing` for writing. What Python's sqlite3 gives and takes is None, int, float, str, bytes.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.databases.fitting import Target, check, fitted
from program_lib.databases.sqlite.types import (
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
Stored: TypeAlias = pa.Array | list[Value]  # of the classes that SQLite has
Store: TypeAlias = Callable[[pa.Array], Stored]

EXACT_WHOLE = 2**53  # a double has every whole number up to this
SHOWN_BYTES = 30  # of a refused BLOB in a message
MAX_SCALE = 22  # 10**22 is the last power of ten that a double has exactly
_CLASSES: dict[type, str] = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}
_LEADING_ZERO = re.compile(r"\s*[-+]?0\d")
_LIKE_A_NUMBER = r"^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$"


# --- reading -------------------------------------------------------------------------------------


class Gathering:
    """The values of one column for one batch: they are added as they are fetched, and converted at its end.

    Python's values are looked at while they are few, and lie in the processor's caches; what Arrow does costs
    less the more values it gets.
    """

    def __init__(self, column: Column) -> None:
        self._type, self._name = column.type, column.name
        self._taken = _TAKEN[column.type.kind]
        self._parts: list[pa.Array] = []
        self._rows = 0

    def add(self, values: Sequence[Value]) -> int:
        """How many bytes these take. Raises RowRefused for the first that its type has not."""
        quick = _QUICK.get(self._type.kind)
        part = None if quick is None else quick(values)
        if part is None:
            part = self._as_stored(values)
        self._parts.append(part)
        self._rows += len(values)
        return int(part.nbytes)

    def finish(self) -> pa.Array:
        """The column. Raises RowRefused, which counts from the first value that was added."""
        convert = _CONVERT.get(self._type.kind)
        stored = _joined(self._parts)
        return stored if convert is None else convert(stored, self._type, self._name)

    def _as_stored(self, values: Sequence[Value]) -> pa.Array:
        """Arrow would take bytes as a text, a text as bytes, and cut 10.5 to 10: so classes are compared."""
        classes = set(map(type, values))
        if not classes <= self._taken:
            raise self._other_class(values)
        kind = self._type.kind
        if kind is Kind.DOUBLE:
            raise self._too_whole(values)
        if kind in _MIXED:
            return _numbers_or_texts(values, classes - {_NULL})
        return pa.array(values, _STORED.get(kind, _STRING))

    def _other_class(self, values: Sequence[Value]) -> RowRefused:
        index = next(i for i, value in enumerate(values) if type(value) not in self._taken)
        value = values[index]
        said = (
            f"the {_CLASSES[type(value)]} {_shown(value)} stands in a column of type {self._type}"
        )
        if self._type.kind in _DATES:
            said += ", which is read from its text; datetime(…, 'unixepoch') makes one"
        return RowRefused(self._rows + index, said, self._name)

    def _too_whole(self, values: Sequence[Value]) -> RowRefused:
        index = next(
            index
            for index, value in enumerate(values)
            if isinstance(value, int) and abs(value) > EXACT_WHOLE
        )
        said = f"{values[index]!r} is a whole number beyond what a double holds exactly; CAST the column"
        return RowRefused(self._rows + index, said, self._name)


_NULL = type(None)
_TAKEN: dict[Kind, set[type]] = {
    **{kind: {str, _NULL} for kind in Kind},
    Kind.BYTES: {bytes, _NULL},
    Kind.BOOLEAN: {int, _NULL},
    Kind.INTEGER: {int, _NULL},
    Kind.DOUBLE: {int, float, _NULL},
    Kind.DECIMAL: {int, float, str, _NULL},
    Kind.NUMERIC: {int, float, str, _NULL},
    Kind.JSON: {int, float, str, _NULL},  # a column of affinity NUMERIC makes 1 of '1'
}
_MIXED = frozenset({Kind.DECIMAL, Kind.NUMERIC, Kind.JSON})
_DATES = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_NUMBERS = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.DOUBLE, Kind.DECIMAL, Kind.NUMERIC})

_STRING, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
_STORED = {
    Kind.BYTES: pa.binary(),
    Kind.BOOLEAN: _WHOLE,
    Kind.INTEGER: _WHOLE,
}


def _reals(values: Sequence[Value]) -> pa.Array | None:
    """None where some are no numbers, or whole ones that no double has: Arrow says so itself."""
    try:
        return pa.array(values, _REAL)
    except pa.ArrowInvalid:
        return None


def _integers(values: Sequence[Value]) -> pa.Array | None:
    """None where some are no whole numbers, or NULL: array says so, in half the time that Arrow needs."""
    try:
        content = array("q", cast("Sequence[int]", values))
    except TypeError:
        return None
    return pa.Array.from_buffers(_WHOLE, len(values), [None, pa.py_buffer(content)])


def _texts(values: Sequence[Value]) -> pa.Array | None:
    """None where some are no texts, or NULL: `join` says so, in a quarter of the time that a set of types takes."""
    try:
        "".join(cast("Sequence[str]", values))
    except TypeError:
        return None
    return pa.array(values, _STRING)


_QUICK: dict[Kind, Callable[[Sequence[Value]], pa.Array | None]] = {
    **{kind: _texts for kind, classes in _TAKEN.items() if classes == {str, _NULL}},
    Kind.DOUBLE: _reals,
    Kind.DECIMAL: _reals,
    Kind.INTEGER: _integers,
}


def _numbers_or_texts(values: Sequence[Value], classes: set[type]) -> pa.Array:
    """Numbers as Arrow's; texts where there are some, or a whole number that no double has beside a REAL."""
    if classes <= {int}:
        return pa.array(values, _WHOLE)
    if str not in classes:
        try:
            return pa.array(values, _REAL)
        except pa.ArrowInvalid:
            pass
    return pa.array([None if value is None else _text_of(value) for value in values], _STRING)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """One array of all. Of parts that are whole numbers, REALs and texts it is the first of these types that has all."""
    types = {part.type for part in parts}
    if len(types) > 1:
        try:
            wanted = _STRING if _STRING in types else _REAL
            parts = [part if part.type == wanted else _as(part, wanted) for part in parts]
        except pa.ArrowInvalid:  # a whole number that no double has
            parts = [_as(part, _STRING) for part in parts]
    return pa.concat_arrays(parts)


def _as(part: pa.Array, wanted: pa.DataType) -> pa.Array:
    if part.type == _REAL and wanted == _STRING:
        return column_texts(part, DOUBLE)
    return pc.cast(part, wanted)


def _shown(value: Value) -> str:
    if isinstance(value, bytes):
        return f"x'{value[:SHOWN_BYTES].hex()}'" + ("…" if len(value) > SHOWN_BYTES else "")
    return shown(value) if isinstance(value, str) else repr(value)


def _text_of(value: Value) -> str:
    """In plain digits: 0.00001 for 1e-05. What is no number stays, to be refused."""
    if isinstance(value, float) and abs(value) < float("inf"):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)


def _read_booleans(numbers: pa.Array, of: Type, name: str) -> pa.Array:
    is_odd = pc.invert(pc.is_in(numbers, pa.array([0, 1, None], _WHOLE)))
    if (index := _first(is_odd)) is not None:
        said = f"{numbers[index].as_py()} stands in a column of type boolean: 0 is false, 1 is true"
        raise RowRefused(index, said, name)
    return pc.cast(numbers, pa.bool_())


def _read_decimals(stored: pa.Array, of: Type, name: str) -> pa.Array:
    try:
        if stored.type == _WHOLE:
            return pc.cast(stored, of.arrow())
        if stored.type == _REAL:
            return _decimals_of_reals(stored, of)
    except ValueError:  # Arrow's errors are of this kind; below the row is found
        pass
    return parse_column(_as(stored, _STRING), of, name)


def _decimals_of_reals(numbers: pa.Array, of: Type) -> pa.Array:
    """Raises ValueError where a REAL is not the nearest to a number of that scale and of 15 digits."""
    assert of.precision is not None
    assert of.scale is not None
    if of.scale > MAX_SCALE:
        raise ValueError("a power of ten that no double has")
    units = pc.cast(pc.round(pc.multiply(numbers, _power(of.scale))), _WHOLE)
    if not _all(pc.equal(_from_units(units, of.scale), numbers)):
        raise ValueError("a number has more digits after its point")
    precision = min(of.precision, EXACT_DIGITS)
    _check_size(units, precision)
    return pc.cast(units.view(pa.decimal64(precision, of.scale)), of.arrow())


def _from_units(units: pa.Array, scale: int) -> pa.Array:
    """The double nearest to units / 10**scale: both are exact, and one division rounds but once."""
    return pc.divide(pc.cast(units, _REAL), _power(scale))


@lru_cache
def _power(scale: int) -> pa.Scalar:
    """Kept: a new scalar may look for numpy, which costs more than to multiply a thousand numbers."""
    return pa.scalar(10.0**scale)


def _check_size(units: pa.Array, digits: int) -> None:
    bounds = pc.min_max(units).as_py()
    if bounds["min"] is not None and max(-bounds["min"], bounds["max"]) >= 10**digits:
        raise ValueError("a number has more digits")


def _read_numerics(stored: pa.Array, of: Type, name: str) -> pa.Array:
    texts = _as(stored, _STRING)
    return texts if stored.type == _WHOLE else parse_column(texts, NUMERIC, name)


def _read_json(stored: pa.Array, of: Type, name: str) -> pa.Array:
    return _as(stored, _STRING)


_CONVERT: dict[Kind, Callable[[pa.Array, Type, str], pa.Array]] = {
    Kind.BOOLEAN: _read_booleans,
    Kind.DECIMAL: _read_decimals,
    Kind.NUMERIC: _read_numerics,
    Kind.JSON: _read_json,
    Kind.UUID: parse_column,
    **dict.fromkeys(_DATES, parse_column),
}


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


def storing_no_null(store: Store, name: str, to: str) -> Store:
    """Into the column that numbers the rows: SQLite would give its next number to a row that has NULL there."""

    def stored(values: pa.Array) -> Stored:
        if values.null_count:
            index = pc.index(pc.is_null(values), True).as_py()
            raise RowRefused(index, f"NULL would become the next number of the column {to}", name)
        return store(values)

    return stored


def storing_in_utf16(store: Store, name: str) -> Store:
    """Into a database that keeps its texts in UTF-16: on the way there SQLite puts U+FFFD for these two."""

    def stored(values: pa.Array) -> Stored:
        made = store(values)
        if isinstance(made, pa.Array) and pa.types.is_string(made.type):
            index = _first(pc.match_substring_regex(made, r"[\x{FFFE}\x{FFFF}]"))
            if index is not None:
                said = "holds U+FFFE or U+FFFF, which SQLite changes in a database of UTF-16"
                raise RowRefused(index, f"{shown(made[index].as_py())} {said}", name)
        return made

    return stored


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


def _stored_in(target: Type, into: str) -> Callable[[pa.Array, str], Stored]:
    if target.kind is Kind.DECIMAL:
        if into == "TEXT":
            return partial(_store_texts, target)
        return partial(_store_decimals if fits_a_number(target) else _store_wide, target)
    if target.kind is Kind.NUMERIC:
        return partial(_store_texts, target) if into == "TEXT" else _store_numerics
    if target.kind in AS_TEXT and into != "TEXT":
        is_read_from_numbers = target.kind is Kind.JSON
        return _store_beside_numbers if is_read_from_numbers else _store_other_than_numbers
    return _STORE.get(target.kind, _store_as_is)


def _store_as_is(values: pa.Array, name: str) -> Stored:
    return values


def _store_booleans(values: pa.Array, name: str) -> Stored:
    return pc.cast(values, pa.int8())


def _store_doubles(values: pa.Array, name: str) -> Stored:
    """SQLite would make NULL of NaN."""
    if (index := _first(pc.is_nan(values))) is not None:
        raise RowRefused(index, "NaN is no number that SQLite has: it would become NULL", name)
    return values


def _store_decimals(of: Type, values: pa.Array, name: str) -> Stored:
    """The doubles that SQLite makes of their texts, but computed: 15 digits come back from one as they were."""
    assert of.precision is not None
    assert of.scale is not None
    units = pc.cast(values, pa.decimal64(of.precision, of.scale)).view(pa.int64())
    return _from_units(units, of.scale) if of.scale else units


def _store_wide(of: Type, values: pa.Array, name: str) -> Stored:
    """Into a column of numbers that is declared with more digits than SQLite's numbers have."""
    return _store_numerics(column_texts(values, of, name), name)


def _store_numerics(texts: pa.Array, name: str) -> Stored:
    if _longest(texts) <= EXACT_DIGITS:
        numbers = pc.cast(texts, pa.float64())  # which takes NaN
        if _all(pc.is_finite(numbers)):
            return numbers
    return [_number(text, index, name) for index, text in enumerate(texts.to_pylist())]


def _number(text: str | None, index: int, name: str) -> Value:
    if text is None:
        return None
    if not _is_exact(text):
        said = f"{text[:60]} is not held exactly by SQLite's numbers: "
        if text[-1:].isdigit():  # no NaN, no Infinity
            said += (
                f"round it in a Map before, as in round({name}, 6), let it be float({name}), or "
            )
        said += "make the table with a column of type DECIMAL_TEXT(p,s), NUMERIC_TEXT or TEXT"
        raise RowRefused(index, said, name)
    number = Decimal(text)
    return int(number) if _is_whole_64(number) else float(number)


def _store_texts(of: Type, values: pa.Array, name: str) -> Stored:
    return column_texts(values, of, name)


def _store_beside_numbers(texts: pa.Array, name: str) -> Stored:
    """Texts into a column whose affinity makes numbers of what looks like one."""
    is_odd = pc.match_substring_regex(texts, _LIKE_A_NUMBER)
    if _first(is_odd) is not None:
        _refuse_first(
            texts, _becomes_another, "would be stored as a number, and come back otherwise", name
        )
    return texts


def _becomes_another(text: str) -> bool:
    if not re.fullmatch(_LIKE_A_NUMBER, text):
        return False
    return not (re.fullmatch("0|-?[1-9][0-9]*", text) and -(2**63) <= int(text) < 2**63)


def _store_timestamps(values: pa.Array, name: str) -> Stored:
    """As SQLAlchemy stores them: always with six digits of the second, so that texts sort as times do."""
    column_texts(values, Type(Kind.TIMESTAMP), name)  # refuses years without a text
    return pc.cast(values, pa.string())


def _store_instants(values: pa.Array, name: str) -> Stored:
    column_texts(values, Type(Kind.TIMESTAMPTZ), name)
    texts = pc.cast(values.view(pa.timestamp("us")), pa.string())
    return pc.binary_join_element_wise(texts, "+00:00", "")


def _store_times(values: pa.Array, name: str) -> Stored:
    return pc.cast(values, pa.string())


_STORE: dict[Kind, Callable[[pa.Array, str], Stored]] = {
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


def _store_other_than_numbers(texts: pa.Array, name: str) -> Stored:
    is_odd = pc.match_substring_regex(texts, _LIKE_A_NUMBER)
    if (index := _first(is_odd)) is not None:
        said = f"{shown(texts[index].as_py())} would become a number, since the column declares no text"
        raise RowRefused(index, said, name)
    return texts


def _longest(texts: pa.Array) -> int:
    return int(pc.max(pc.binary_length(texts)).as_py() or 0)


def _first(flags: pa.Array) -> int | None:
    """Where the first true one is."""
    return int(pc.index(flags, True).as_py()) if pc.any(flags).as_py() else None


def _all(flags: pa.Array) -> bool:
    return bool(pc.all(flags, min_count=0).as_py())
