"""One text form of each type, and back: what stands in CSV files, and in COPY's CSV format of PostgreSQL.

The forms are PostgreSQL's: true, 42, 10.50, 0.00001, NaN, 2026-07-31, 01:02:03.5, 2026-07-31 12:00:00.5,
2026-07-31 12:00:00+00, \\x00ff. docs/types.md shows them beside those of the databases.

Whole columns are converted at once. A row is looked for only after a column has failed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import RowRefused
from program_lib.types import AS_TEXT, MAX_DIGITS, Kind, Type

Values: TypeAlias = pa.Array | pa.ChunkedArray

SHOWN = 60  # characters of a refused value in a message; more would hide the sentence

FIRST_DAY, LAST_DAY = (
    -719_162,
    2_932_896,
)  # 0001-01-01 and 9999-12-31: years are written in four digits
HUNDREDTHS = (
    100_000  # numbers whose texts are kept, in 1 MB: prices and shares are mostly among them
)
WORTH_A_LOOK = 10_000  # numbers; to make the texts takes as long as to write twice as many
ROWS_A_DAY = (
    4  # with fewer, to make the texts of all days from the first to the last one would gain little
)

DAY_US = 86_400_000_000  # microseconds


def column_texts(values: Values, of: Type, name: str | None = None) -> pa.Array:
    """The texts of a column, NULL where it is NULL.

    Raises RowRefused for a date or a timestamp outside of the years 1 to 9999, and for a time outside of a day.
    """
    values = _one_array(values)
    if of.kind in _AS_IT_IS:
        return values
    if values.null_count == len(values):
        return pa.nulls(len(values), pa.string())
    try:
        return _WRITE[of.kind](values, of)
    except ValueError as error:
        index = first_bad(values, lambda part: _WRITE[of.kind](part, of))
        if index is None:
            raise
        raise RowRefused(index, str(error), name) from error


def parse_column(strings: Values, to: Type, name: str | None = None) -> pa.Array:
    """The typed values of texts, NULL where a text is NULL; texts of text-like kinds stay as they are.

    Spaces around a value are allowed, unless it is a text. Only a double may have an exponent: it is
    floating anyway. Nothing is rounded, cut or wrapped, except that a double takes the nearest value that it has.
    Raises RowRefused for the first text that is no such value.
    """
    strings = _one_array(strings)
    parse = _PARSE.get(to.kind)
    if parse is None:
        return strings
    if strings.null_count == len(strings):
        return pa.nulls(len(strings), to.arrow())
    try:
        return parse(strings, to)
    except ValueError as error:
        index = first_bad(strings, lambda part: parse(part, to))
        if index is None:
            raise
        raise RowRefused(index, _why_not(strings[index].as_py(), to), name) from error


def is_column(strings: Values, of: Type) -> bool:
    """Whether `parse_column` would take all texts."""
    parse = _PARSE.get(of.kind)
    return parse is None or not _fails(_one_array(strings), lambda part: parse(part, of))


def shown(text: str) -> str:
    """A value as a message quotes it: not too long, and nothing invisible."""
    return repr(text) if len(text) <= SHOWN else repr(text[:SHOWN]) + "…"


def first_bad(values: pa.Array, convert: Callable[[pa.Array], object]) -> int | None:
    """The first row at which a conversion fails, found by halves; None when it now works."""
    if not _fails(values, convert):
        return None
    start, rows = 0, len(values)
    while rows > 1:
        half = rows // 2
        if _fails(values.slice(start, half), convert):
            rows = half
        else:
            start, rows = start + half, rows - half
    return start


@cache
def constant(value: str | float) -> pa.Scalar:
    """A value beside columns. Arrow takes 50 µs to make one, as it looks for modules that are not there."""
    return pa.scalar(value)


def _one_array(values: Values) -> pa.Array:
    """One array of all values, without a copy where they lie in one piece: combine_chunks copies that, too."""
    if isinstance(values, pa.Array):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


def _fails(values: pa.Array, convert: Callable[[pa.Array], object]) -> bool:
    try:
        convert(values)
    except ValueError:
        return True
    return False


# --- texts of values -----------------------------------------------------------------------------


def _write_plain(values: pa.Array, of: Type) -> pa.Array:
    return pc.cast(values, pa.string())


def _write_decimal(values: pa.Array, of: Type) -> pa.Array:
    """Arrow writes 1E-7 for what lies below 0.000001; then 1 is added, and its digit made a 0."""
    texts = pc.cast(values, pa.string())
    is_small = pc.match_substring(texts, "E")
    if not _any(is_small):
        return texts
    small = pc.filter(values, is_small)
    wide = pc.cast(small, pa.decimal256(values.type.scale + 2, values.type.scale))
    sign = pc.if_else(pc.less(wide, pa.scalar(Decimal(0))), "-0", "0")
    one_more = pc.cast(pc.add(pc.abs(wide), pa.scalar(Decimal(1))), pa.string())
    digits = pc.utf8_slice_codeunits(one_more, 1)
    return pc.replace_with_mask(texts, is_small, pc.binary_join_element_wise(sign, digits, ""))


def _write_double(values: pa.Array, of: Type) -> pa.Array:
    """The fewest digits that read back the same, without an exponent."""
    texts = _double_texts(values)
    if of.bits == 32:
        texts = _with_fewer_digits(texts, values)
    if _has_only(texts, b"0123456789.-"):
        return texts
    is_odd = pc.match_substring_regex(texts, "[a-z]")
    plain = [
        _SPELT.get(odd) or format(Decimal(odd), "f") for odd in texts.filter(is_odd).to_pylist()
    ]
    return pc.replace_with_mask(texts, is_odd, pa.array(plain, pa.string()))


def _double_texts(values: pa.Array) -> pa.Array:
    """As Arrow writes them; where all are among 0, 0.01, 0.02 … 999.99, their texts are looked up, at a third of the cost."""
    places = _hundredths(values) if len(values) >= WORTH_A_LOOK else None
    if places is None:
        return pc.cast(values, pa.string())
    return _hundredths_texts().take(places)


def _hundredths(values: pa.Array) -> pa.Array | None:
    """How many hundredths each number is; None where one of them is another number, or beyond those that are kept."""
    bounds = pc.min_max(values).as_py()
    if not (bounds["min"] >= 0 and bounds["max"] < HUNDREDTHS / 100):
        return None
    rounded = pc.floor(pc.add(pc.multiply(values, constant(100.0)), constant(0.5)))
    # by their bits: -0.0 equals 0 and is written otherwise, and NaN equals nothing
    exact = pc.divide(rounded, constant(100.0)).view(pa.int64())
    if not pc.all(pc.equal(exact, values.view(pa.int64()))).as_py():
        return None
    try:
        return pc.cast(rounded, pa.int32())
    except pa.ArrowInvalid:  # NaN, which `min_max` passes over
        return None


@cache
def _hundredths_texts() -> pa.Array:
    """The texts of 0, 0.01, 0.02 … 999.99."""
    places = pc.cast(pa.arange(0, HUNDREDTHS), pa.float64())
    return pc.cast(pc.divide(places, constant(100.0)), pa.string())


_SPELT = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _with_fewer_digits(texts: pa.Array, values: pa.Array) -> pa.Array:
    """Texts of numbers of 32 bits, 0.1 for 0.10000000149011612, where they mean the same number."""
    narrow = pc.cast(values, pa.float32())
    short = pc.cast(narrow, pa.string())
    is_narrow = pc.equal(pc.cast(narrow, pa.float64()), values)
    is_same = pc.or_(is_narrow, pc.equal(pc.cast(short, pa.float64()), values))
    return pc.if_else(is_same, short, texts)


def _write_bytes(values: pa.Array, of: Type) -> pa.Array:
    digits = content(values).hex().encode()
    hexes = _resized(values, pa.string(), pc.multiply_checked, digits)
    return pc.if_else(pc.is_valid(values), _prefixed(hexes, "\\x"), None)


def _write_date(values: pa.Array, of: Type) -> pa.Array:
    """Of many rows on few days, the text of each day is made once."""
    check_days(values)
    days = pc.cast(values, pa.int32())
    bounds = pc.min_max(days).as_py()
    if bounds["min"] is None or bounds["max"] - bounds["min"] >= len(values) // ROWS_A_DAY:
        return pc.cast(values, pa.string())
    each = pc.cast(pa.arange(bounds["min"], bounds["max"] + 1), pa.int32())
    texts = pc.cast(pc.cast(each, pa.date32()), pa.string())
    return texts.take(pc.subtract(days, pa.scalar(bounds["min"], pa.int32())))


def _write_time(values: pa.Array, of: Type) -> pa.Array:
    check_times(values)
    return _without_zeros(pc.cast(values, pa.string()))


def _write_timestamp(values: pa.Array, of: Type) -> pa.Array:
    check_instants(values)
    try:
        return pc.cast(pc.cast(values, pa.timestamp("s")), pa.string())
    except pa.ArrowInvalid:  # some have a fraction of a second
        return _without_zeros(pc.cast(values, pa.string()))


def _write_timestamptz(values: pa.Array, of: Type) -> pa.Array:
    texts = _write_timestamp(values.view(pa.timestamp("us")), of)
    return pc.binary_join_element_wise(texts, constant("+00"), constant(""))


def _without_zeros(texts: pa.Array) -> pa.Array:
    """01:02:03.5 for 01:02:03.500000, 01:02:03 for 01:02:03.000000."""
    return pc.replace_substring_regex(texts, r"\.?0+$", "", max_replacements=1)


def _prefixed(texts: pa.Array, prefix: str) -> pa.Array:
    return pc.binary_join_element_wise(constant(prefix), texts, constant(""))


_AS_IT_IS = AS_TEXT | {Kind.TEXT}

_WRITE: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
    Kind.BOOLEAN: _write_plain,
    Kind.INTEGER: _write_plain,
    Kind.DECIMAL: _write_decimal,
    Kind.DOUBLE: _write_double,
    Kind.BYTES: _write_bytes,
    Kind.DATE: _write_date,
    Kind.TIME: _write_time,
    Kind.TIMESTAMP: _write_timestamp,
    Kind.TIMESTAMPTZ: _write_timestamptz,
}


# --- values of texts -----------------------------------------------------------------------------

_WHOLE = r"[-+]?[0-9]+"
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_FLOATING = _NUMBER + r"(?:[eE][-+]?[0-9]+)?|NaN|-?Infinity"
_CANONICAL = r"(?:-?[1-9][0-9]*|0)(?:\.[0-9]+)?|-0\.[0-9]*[1-9][0-9]*"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6}0*)?)?"
_TIMESTAMP = rf"{_DATE}(?:[ T]{_TIME})?"
_TIMESTAMPTZ = rf"{_DATE}[ T]{_TIME} ?(?:Z|[-+][0-9]{{2}}(?::?[0-9]{{2}})?)"
_BYTES = r"\\x(?:[0-9a-fA-F]{2})*"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_DIGITS = b"0123456789-"
_POINT_TOO = b"0123456789.-"
_OF_MOST_DIGITS = rf"-?[0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?"


def _parse_boolean(strings: pa.Array, to: Type) -> pa.Array:
    """PostgreSQL's COPY writes t and f, spreadsheets write TRUE and FALSE."""
    texts = pc.utf8_lower(_checked(strings, "(?i:true|false|t|f)"))
    return pc.starts_with(texts, "t")


def _parse_integer(strings: pa.Array, to: Type) -> pa.Array:
    """Arrow is as strict as we are where nothing but digits and '-' stands: else it would take 0x10."""
    if not _has_only(strings, _DIGITS):
        strings = _without_plus(_checked(strings, _WHOLE))
    narrow = {16: pa.int16(), 32: pa.int32()}.get(to.bits, pa.int64())
    return pc.cast(pc.cast(strings, narrow), pa.int64())


def _parse_decimal(strings: pa.Array, to: Type) -> pa.Array:
    longest = _longest(strings)
    if _has_only(strings, _POINT_TOO) and longest <= MAX_DIGITS:
        try:
            return as_decimals(strings, to, longest)
        except pa.ArrowInvalid:
            pass  # zeros may have counted as digits: below they are taken away
    texts = _without_last_zeros(_canonical(_checked(strings, _NUMBER)))
    if not _matches(texts, _OF_MOST_DIGITS):
        raise ValueError("too many digits")
    return as_decimals(texts, to, MAX_DIGITS)


def as_decimals(numbers: pa.Array, to: Type, digits: int) -> pa.Array:
    """Texts or decimals with at most so many digits before the point, 38, as decimals. Raises ArrowInvalid where one does not fit.

    Arrow multiplies them by 10**scale, and looks at nothing that is lost: of 11 it made 0.7915… in decimal(38,38). 256 bits
    have room for 38 digits on both sides of the point.
    """
    assert digits <= MAX_DIGITS
    assert to.scale is not None
    if digits + to.scale > MAX_DIGITS:
        numbers = pc.cast(numbers, pa.decimal256(2 * MAX_DIGITS, to.scale))
    return pc.cast(numbers, to.arrow())


def rescaled(values: pa.Array, to: Type) -> pa.Array:
    """Decimals of Arrow, of whatever digits, as decimals. Raises ArrowInvalid where one does not fit."""
    of = values.type
    digits = of.precision - of.scale
    if digits > MAX_DIGITS:
        values, digits = pc.cast(values, pa.decimal256(MAX_DIGITS + of.scale, of.scale)), MAX_DIGITS
    return as_decimals(values, to, digits)


def _parse_numeric(strings: pa.Array, to: Type) -> pa.Array:
    """Digits as they are, but one way to write a number: no '+', no leading zeros, no -0."""
    if _matches(strings, _CANONICAL):
        return strings
    return _canonical(_checked(strings, _NUMBER))


def _parse_double(strings: pa.Array, to: Type) -> pa.Array:
    if not _has_only(strings, _POINT_TOO):
        strings = _without_plus(_checked(strings, _FLOATING))
    values = pc.cast(strings, pa.float64())
    is_suspect = pc.or_(pc.is_inf(values), pc.equal(values, constant(0.0)))
    if _any(is_suspect):
        _check_not_beyond(strings.filter(is_suspect))
    return values


def _check_not_beyond(strings: pa.Array) -> None:
    """Raises ValueError where a number became infinite or 0 since no double is so large or so small."""
    if _any(pc.match_substring_regex(strings, "^[^eEI]*[1-9]")):
        raise ValueError("too large or too small")


def _parse_date(strings: pa.Array, to: Type) -> pa.Array:
    if not _has_only(strings, _DIGITS):
        strings = _checked(strings, _DATE)
    days = pc.cast(strings, pa.date32())
    check_days(days)
    return days


def _parse_time(strings: pa.Array, to: Type) -> pa.Array:
    texts = _six_digits(_checked(strings, _TIME))
    return pc.cast(pc.cast(_prefixed(texts, "1970-01-01 "), pa.timestamp("us")), to.arrow())


def _parse_timestamp(strings: pa.Array, to: Type) -> pa.Array:
    values = pc.cast(_six_digits(_checked(strings, _TIMESTAMP)), to.arrow())
    check_instants(values)
    return values


def _parse_timestamptz(strings: pa.Array, to: Type) -> pa.Array:
    texts = _six_digits(_checked(strings, _TIMESTAMPTZ))
    if _any(pc.match_substring_regex(texts, " [-+Z]")):
        texts = pc.replace_substring_regex(texts, " ([-+Z])", r"\1")
    values = pc.cast(texts, to.arrow())
    check_instants(values)
    return values


def _parse_bytes(strings: pa.Array, to: Type) -> pa.Array:
    digits = pc.utf8_slice_codeunits(_checked(strings, _BYTES), 2)
    raw = bytes.fromhex(bytes(content(digits)).decode("ascii"))
    return pc.if_else(pc.is_valid(digits), _resized(digits, pa.binary(), pc.divide, raw), None)


def _parse_uuid(strings: pa.Array, to: Type) -> pa.Array:
    return pc.utf8_lower(_checked(strings, _UUID))


_PARSE: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
    Kind.BOOLEAN: _parse_boolean,
    Kind.INTEGER: _parse_integer,
    Kind.DECIMAL: _parse_decimal,
    Kind.NUMERIC: _parse_numeric,
    Kind.DOUBLE: _parse_double,
    Kind.DATE: _parse_date,
    Kind.TIME: _parse_time,
    Kind.TIMESTAMP: _parse_timestamp,
    Kind.TIMESTAMPTZ: _parse_timestamptz,
    Kind.BYTES: _parse_bytes,
    Kind.UUID: _parse_uuid,
}


# --- of whole columns ----------------------------------------------------------------------------


def _checked(strings: pa.Array, pattern: str) -> pa.Array:
    """The texts without spaces around them. Raises ValueError unless each is what the pattern says."""
    if _matches(strings, pattern):
        return strings
    trimmed = pc.utf8_trim(strings, " ")
    if not _matches(trimmed, pattern):
        raise ValueError("a text has another form")
    return trimmed


def _matches(strings: pa.Array, pattern: str) -> bool:
    fits = pc.match_substring_regex(strings, f"^(?:{pattern})$")
    return bool(pc.all(fits, min_count=0).as_py())


def _any(flags: pa.Array) -> bool:
    return bool(pc.any(flags, min_count=0).as_py())


def _has_only(strings: pa.Array, characters: bytes) -> bool:
    """Whether the texts consist of these characters alone: one pass over their bytes, whatever the rows."""
    return not bytes(content(strings)).translate(None, characters)


def content(values: pa.Array) -> memoryview:
    """The bytes of all texts of an array, one after the other."""
    start, end = _bounds(values)
    return memoryview(values.buffers()[2] or b"")[start:end]


def _bounds(values: pa.Array) -> tuple[int, int]:
    """Where the bytes of an array of texts or bytes begin and end in their buffer."""
    offsets = values.buffers()[1]
    if not len(values) or offsets is None:
        return 0, 0
    (start,) = struct.unpack_from("=i", offsets, values.offset * 4)
    (end,) = struct.unpack_from("=i", offsets, (values.offset + len(values)) * 4)
    return start, end


def _resized(
    values: pa.Array,
    to: pa.DataType,
    change: Callable[[pa.Array, pa.Scalar], pa.Array],
    content: bytes,
) -> pa.Array:
    """Values of new content where each is twice as long (`change` multiplies), or half (it divides)."""
    start, _ = _bounds(values)
    offsets = pa.Array.from_buffers(
        pa.int32(), len(values) + 1, [None, values.buffers()[1]], offset=values.offset
    )
    from_0 = pc.subtract(offsets, pa.scalar(start, pa.int32()))
    changed = change(from_0, pa.scalar(2, pa.int32()))
    assert changed.type == pa.int32()
    assert changed.offset == 0
    return pa.Array.from_buffers(
        to, len(values), [None, changed.buffers()[1], pa.py_buffer(content)]
    )


def _longest(strings: pa.Array) -> int:
    return int(pc.max(pc.binary_length(strings)).as_py() or 0)


def _without_plus(strings: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(strings, r"^\+", "")


def _canonical(numbers: pa.Array) -> pa.Array:
    """Numbers as PostgreSQL prints them: 7 for +007, 0.5 for .5, 0.00 for -0.00; zeros at the end stay."""
    for pattern, better in (
        (r"^\+", ""),
        (r"^(-?)0*([0-9])", r"\1\2"),
        (r"^(-?)\.", r"\10."),
        (r"\.$", ""),
        (r"^-(0(?:\.0*)?)$", r"\1"),
    ):
        numbers = pc.replace_substring_regex(numbers, pattern, better)
    return numbers


def _without_last_zeros(numbers: pa.Array) -> pa.Array:
    numbers = pc.replace_substring_regex(numbers, r"(\.[0-9]*[1-9])0+$", r"\1")
    return pc.replace_substring_regex(numbers, r"\.0+$", "")


def _six_digits(texts: pa.Array) -> pa.Array:
    """Fractions of seconds without zeros after the sixth digit: some systems write seven or nine."""
    if not _any(pc.match_substring_regex(texts, r"\.[0-9]{7}")):
        return texts
    return pc.replace_substring_regex(texts, r"(\.[0-9]{6})0+", r"\1")


def check_days(days: pa.Array) -> None:
    _check_between(pc.cast(days, pa.int32()), FIRST_DAY, LAST_DAY)


def check_instants(values: pa.Array) -> None:
    _check_between(pc.cast(values, pa.int64()), FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1)


def check_times(times: pa.Array) -> None:
    """Raises ValueError for 24:00, which some programs have and Arrow does not write."""
    bounds = pc.min_max(pc.cast(times, pa.int64())).as_py()
    if bounds["min"] is not None and not 0 <= bounds["min"] <= bounds["max"] < DAY_US:
        raise ValueError("24:00 is no time of a day")


def _check_between(numbers: pa.Array, least: int, most: int) -> None:
    bounds = pc.min_max(numbers).as_py()
    if bounds["min"] is not None and not least <= bounds["min"] <= bounds["max"] <= most:
        raise ValueError("a date outside of the years 1 to 9999 has no text here")


MOMENT_CHECKS: Mapping[Kind, Callable[[pa.Array], None]] = {
    Kind.DATE: check_days,
    Kind.TIME: check_times,
    Kind.TIMESTAMP: check_instants,
    Kind.TIMESTAMPTZ: check_instants,
}


# --- why a text is refused -----------------------------------------------------------------------


def _why_not(text: str, to: Type) -> str:
    """The sentence of a refusal: what stands there, and what would be right."""
    text = text.strip(" ")
    if not text:
        return f"an empty text is not {_WANTED[to.kind]}"
    if _is_form(text, to.kind):
        return f"{shown(text)} {_cannot_hold(to)}"
    return f"{shown(text)} is not {_WANTED[to.kind]}"


def _is_form(text: str, kind: Kind) -> bool:
    form = _FORMS.get(kind)
    return form is not None and _matches(pa.array([text]), form)


def _cannot_hold(to: Type) -> str:
    match to.kind:
        case Kind.INTEGER:
            return f"does not fit into {to.bits} bits"
        case Kind.DECIMAL:
            return f"has more digits than {to} can hold; nothing is rounded"
        case Kind.DOUBLE:
            return "is beyond what a double can hold"
        case Kind.TIME:
            return "is no time of a day"
        case Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return "is no date that exists, of the years 1 to 9999, with a time up to 23:59:59"
    return "is no date that exists, of the years 1 to 9999"


_FORMS = {
    Kind.INTEGER: _WHOLE,
    Kind.DECIMAL: _NUMBER,
    Kind.DOUBLE: _FLOATING,
    Kind.DATE: _DATE,
    Kind.TIME: _TIME,
    Kind.TIMESTAMP: _TIMESTAMP,
    Kind.TIMESTAMPTZ: _TIMESTAMPTZ,
}

_WANTED = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.DECIMAL: "a number in plain digits, such as 1234.50",
    Kind.NUMERIC: "a number in plain digits, such as 1234.50",
    Kind.DOUBLE: "a number such as 1234.5 or 1e-7",
    Kind.DATE: "a date such as 2026-07-31",
    Kind.TIME: "a time such as 12:00:00.5, with at most six digits of a second",
    Kind.TIMESTAMP: "a timestamp such as 2026-07-31 12:00:00.5, without a zone",
    Kind.TIMESTAMPTZ: "a timestamp with its zone, such as 2026-07-31 12:00:00.5+00",
    Kind.BYTES: "bytes in hexadecimal digits, such as \\x00ff",
    Kind.UUID: "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
}
