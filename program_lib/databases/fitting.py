"""Whether rows go into the columns of a table that is there: exactly, or not at all.

`check` looks at types and says no before the first row. `fitted` converts the values of a batch, and refuses
the first that would be rounded, cut, wrapped or read as something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import ProgramError, RowRefused
from program_lib.texts import column_texts, parse_column, rescaled, shown
from program_lib.texts.columns import first_failing
from program_lib.types import AS_TEXT, Kind, Type

Convert: TypeAlias = Callable[[pa.Array, Type, Type], pa.Array]

_NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC, Kind.DOUBLE)
SECOND_DIGITS = 6  # of a fraction of a second, at most
NOTHING_CHANGES = "nothing is rounded or changed"
ZONES = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Target:
    """A column of a table, and what it holds."""

    name: str
    type: Type
    spelt: str  # its type as the database writes it: numeric(10,2)
    second_digits: int = SECOND_DIGITS  # of a time or a timestamp
    # Doubles and numbers without a fixed scale: whether NaN and Infinity are values
    has_nan: bool = True
    length_in_bytes: int | None = None  # of a text or bytes, where the database counts so
    is_nullable: bool = True
    # The database would change what comes from another type, without a word
    needs_same: bool = False
    least: int | None = None  # of integers that have other bounds than those of their bits
    most: int | None = None
    # which values the database would change without a word, beside those that the above tells
    is_changed: Callable[[pa.Array], pa.Array] | None = None
    loses: str = ""  # what it makes of those; "": they are rounded, cut or changed


# --- types ---------------------------------------------------------------------------------------


def check(name: str, source: Type, target: Target) -> None:
    """Raises ProgramError where values of one type have no exact form in the other."""
    if target.needs_same and source.native != target.type.native:
        raise ProgramError(
            f"the column {target.name} is {target.spelt}, which changes values of other types without"
            f" a word; {name} is {source}: take another type for the column"
        )
    if _conversion(source, target.type) is None:
        raise ProgramError(
            f"{name} is {source}, and the column {target.name} is {target.spelt}:"
            f" {_advice(source, target.type)}"
        )


def _advice(source: Type, target: Type) -> str:
    if {source.kind, target.kind} == ZONES:
        one = "the column has" if target.kind is Kind.TIMESTAMPTZ else "the rows have"
        return f"only {one} a zone; say which zone is meant, in SQL by AT TIME ZONE"
    return "make them alike, in SQL by CAST or with a Map before (str, int, float, date …)"


def _conversion(source: Type, target: Type) -> Convert | None:
    if source.kind is Kind.OTHER or target.kind is Kind.OTHER:
        return _conversion_of_other(source, target)
    if target.kind is Kind.TEXT:
        return _as_text
    if source.kind is Kind.TEXT:
        return _of_text
    return _CONVERSIONS.get((source.kind, target.kind)) or (
        _as_it_is if source.kind is target.kind else None
    )


def _conversion_of_other(source: Type, target: Type) -> Convert | None:
    """What only one database knows travels as text; the same type, or a text, takes it as it is."""
    is_text = Kind.TEXT in (source.kind, target.kind)
    return _as_it_is if is_text or source.native == target.native else None


def _as_it_is(values: pa.Array, source: Type, target: Type) -> pa.Array:
    return values


def _as_text(values: pa.Array, source: Type, target: Type) -> pa.Array:
    return column_texts(values, source)


def _of_text(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """A code such as 007 is no number: its zeros would go."""
    if (
        target.kind in _NUMBERS
        and pc.any(pc.match_substring_regex(values, r"^ *[-+]?0[0-9]")).as_py()
    ):
        raise ValueError("leading zeros")
    return parse_column(values, target)


def _cast(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """Arrow refuses what would lose digits."""
    return pc.cast(values, target.arrow())


def _rescaled(values: pa.Array, source: Type, target: Type) -> pa.Array:
    return rescaled(values, target)


def _by_text(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """By the digits that people see: the double 0.1 is the decimal 0.1."""
    return parse_column(column_texts(values, source), target)


def _whole(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """Whole numbers from digits such as 5.00."""
    texts = pc.replace_substring_regex(column_texts(values, source), r"\.0*$", "")
    return parse_column(texts, target)


def _double(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """The nearest double, where its digits are those of the number."""
    texts = column_texts(values, source)
    doubles = parse_column(texts, target)
    back = column_texts(doubles, target)
    if pc.any(pc.not_equal(_significant(back), _significant(texts))).as_py():
        raise ValueError("a double has other digits")
    return doubles


def _numeric(values: pa.Array, source: Type, target: Type) -> pa.Array:
    """Its shortest digits, NaN and infinities too; a numeric has no -0, which no 0 would equal where it is kept as a text."""
    return pc.replace_substring_regex(column_texts(values, source), r"^-0$", "0")


def _significant(numbers: pa.Array) -> pa.Array:
    numbers = pc.replace_substring_regex(numbers, r"(\.[0-9]*[1-9])0+$", r"\1")
    numbers = pc.replace_substring_regex(numbers, r"\.0*$", "")
    return pc.replace_substring_regex(numbers, r"^-0$", "0")


def _truth(values: pa.Array, source: Type, target: Type) -> pa.Array:
    if pc.any(pc.or_(pc.less(values, 0), pc.greater(values, 1))).as_py():
        raise ValueError("true is 1, false is 0")
    return pc.cast(values, pa.bool_())


def _day(values: pa.Array, source: Type, target: Type) -> pa.Array:
    days = pc.cast(values, pa.date32())
    if pc.any(pc.not_equal(pc.cast(days, pa.timestamp("us")), values)).as_py():
        raise ValueError("a time of the day would be lost")
    return days


_CONVERSIONS: dict[tuple[Kind, Kind], Convert] = {
    (Kind.INTEGER, Kind.DECIMAL): _by_text,
    (Kind.INTEGER, Kind.NUMERIC): _by_text,
    (Kind.INTEGER, Kind.DOUBLE): _cast,
    (Kind.INTEGER, Kind.BOOLEAN): _truth,
    (Kind.BOOLEAN, Kind.INTEGER): _cast,
    (Kind.DECIMAL, Kind.DECIMAL): _rescaled,
    (Kind.DECIMAL, Kind.NUMERIC): _by_text,
    (Kind.DECIMAL, Kind.INTEGER): _whole,
    (Kind.DECIMAL, Kind.DOUBLE): _double,
    (Kind.NUMERIC, Kind.DECIMAL): _by_text,
    (Kind.NUMERIC, Kind.INTEGER): _whole,
    (Kind.NUMERIC, Kind.DOUBLE): _double,
    (Kind.DOUBLE, Kind.DECIMAL): _by_text,
    (Kind.DOUBLE, Kind.NUMERIC): _numeric,
    (Kind.DOUBLE, Kind.INTEGER): _whole,
    (Kind.DATE, Kind.TIMESTAMP): _cast,
    (Kind.TIMESTAMP, Kind.DATE): _day,
}


# --- values --------------------------------------------------------------------------------------


def fitted(values: pa.ChunkedArray, name: str, source: Type, target: Target) -> pa.Array:
    """The values as `target.type` has them. Raises RowRefused for the first that does not fit exactly."""
    array = values.combine_chunks()
    if not target.is_nullable and array.null_count:
        index = pc.index(pc.is_null(array), True).as_py()
        raise RowRefused(index, f"NULL stands where the column {target.name} is NOT NULL", name)
    convert = _conversion(source, target.type)
    assert convert is not None, "check() comes first"
    try:
        made = convert(array, source, target.type)
    except ValueError as error:
        index = first_failing(
            array, lambda part: _fails(lambda: convert(part, source, target.type))
        )
        raise _refused(array, index, name, source, target) from error
    except RowRefused as refused:
        refused.column = name
        raise
    if _is_of_its_own(source, target):
        target = replace(target, is_changed=None)
    for bound in _bounds(made, target):
        is_beyond = pc.and_(pc.is_valid(made), bound)
        if pc.any(is_beyond).as_py():
            index = pc.index(is_beyond, True).as_py()
            raise _refused(array, index, name, source, target)
    return made


def _is_of_its_own(source: Type, target: Target) -> bool:
    """JSON that comes from such a column, untouched, loses nothing there, and to look would cost as much as to read it."""
    return target.type.kind is Kind.JSON and source.native == target.type.native


def _refused(array: pa.Array, index: int, name: str, source: Type, target: Target) -> RowRefused:
    text = column_texts(array.slice(index, 1), source)[0].as_py()
    value = shown(text) if source.kind in (Kind.TEXT, Kind.JSON, Kind.OTHER) else text
    why = "" if target.type.kind is Kind.TEXT else f"; {target.loses or NOTHING_CHANGES}"
    return RowRefused(
        index,
        f"{value} does not fit into the column {target.name}, which is {target.spelt}{why}",
        name,
    )


def _fails(convert: Callable[[], object]) -> bool:
    try:
        convert()
    except (ValueError, RowRefused):
        return True
    return False


def _bounds(made: pa.Array, target: Target) -> list[pa.Array]:
    """For each bound that the column has: which values lie beyond it."""
    beyond = [] if target.is_changed is None else [target.is_changed(made)]
    kind = target.type.kind
    if kind in (Kind.TEXT, Kind.BYTES) or kind in AS_TEXT:
        return [*beyond, *_lengths(made, target), *_digits_of_numeric(made, target)]
    if kind is Kind.INTEGER:
        return [*beyond, _is_beyond_integers(made, target)]
    if kind is Kind.DOUBLE:
        return [*beyond, *_double_bounds(made, target)]
    return [*beyond, *_second_digits(made, target)]


def _lengths(made: pa.Array, target: Target) -> list[pa.Array]:
    beyond = []
    if target.type.length is not None and target.type.kind is Kind.TEXT:
        texts = pc.utf8_rtrim(made, " ") if target.type.is_padded else made
        beyond.append(pc.greater(pc.utf8_length(texts), target.type.length))
    if target.length_in_bytes is not None:
        beyond.append(pc.greater(pc.binary_length(made), target.length_in_bytes))
    return beyond


def _digits_of_numeric(made: pa.Array, target: Target) -> list[pa.Array]:
    if target.type.kind is not Kind.NUMERIC:
        return []
    beyond = []
    if not target.has_nan:
        beyond.append(pc.match_substring_regex(made, "^(?:NaN|-?Infinity)$"))
    if target.type.precision is not None and target.type.scale is not None:
        beyond.append(_has_more(made, target.type.precision, target.type.scale))
    return beyond


def _has_more(numbers: pa.Array, precision: int, scale: int) -> pa.Array:
    """Which numbers have more digits than numeric(precision, scale): the wide ones that Arrow has no decimal for."""
    plain = _significant(numbers)
    whole = pc.utf8_length(pc.extract_regex(plain, r"^-?0?(?P<n>[0-9]*)").field(0))
    after = pc.utf8_length(pc.replace_substring_regex(plain, r"^[^.]*\.?", ""))
    return pc.or_(pc.greater(whole, precision - scale), pc.greater(after, scale))


def _is_beyond_integers(made: pa.Array, target: Target) -> pa.Array:
    half = 2 ** (target.type.bits - 1)
    least = -half if target.least is None else target.least
    most = half - 1 if target.most is None else target.most
    return pc.or_(pc.less(made, least), pc.greater(made, min(most, 2**63 - 1)))


def _double_bounds(made: pa.Array, target: Target) -> list[pa.Array]:
    beyond = []
    if not target.has_nan:
        beyond.append(pc.invert(pc.is_finite(made)))
    if target.type.bits == 32:
        beyond.append(is_changed_by_32_bits(made))
    return beyond


def is_changed_by_32_bits(made: pa.Array) -> pa.Array:
    """Which doubles have more digits than 32 bits hold: 0.1 has not, 0.123456789 has."""
    narrow = pc.cast(made, pa.float32())
    digits = pc.cast(pc.cast(narrow, pa.string()), pa.float64())
    is_same = pc.or_(pc.equal(digits, made), pc.equal(pc.cast(narrow, pa.float64()), made))
    return pc.invert(pc.or_(is_same, pc.is_nan(made)))


def _second_digits(made: pa.Array, target: Target) -> list[pa.Array]:
    unit = 10 ** (SECOND_DIGITS - target.second_digits)
    if target.type.kind not in (*ZONES, Kind.TIME) or unit == 1:
        return []
    microseconds = pc.cast(made, pa.int64())
    return [pc.not_equal(pc.multiply(pc.divide(microseconds, unit), unit), microseconds)]


_SPEC = re.compile(r"\((\d+)")


def second_digits(spelt: str) -> int:
    """Of timestamp(3) without time zone: 3."""
    found = _SPEC.search(spelt)
    return int(found[1]) if found else SECOND_DIGITS
