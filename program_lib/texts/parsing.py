"""The values of texts."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.texts.columns import (
    constant,
    content,
    has_only,
    is_any,
    matches,
    most_bytes,
    prefixed,
    resized,
)
from program_lib.texts.forms import DATE, FLOATING, NUMBER, TIME, TIMESTAMP, TIMESTAMPTZ, WHOLE
from program_lib.texts.moments import check_days, check_instants
from program_lib.types import MAX_DIGITS, Kind, Type

_CANONICAL = r"(?:-?[1-9][0-9]*|0)(?:\.[0-9]+)?|-0\.[0-9]*[1-9][0-9]*"
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
    if not has_only(strings, _DIGITS):
        strings = _without_plus(_checked(strings, WHOLE))
    narrow = {16: pa.int16(), 32: pa.int32()}.get(to.bits, pa.int64())
    return pc.cast(pc.cast(strings, narrow), pa.int64())


def _parse_decimal(strings: pa.Array, to: Type) -> pa.Array:
    longest = most_bytes(strings)
    if has_only(strings, _POINT_TOO) and longest <= MAX_DIGITS:
        try:
            return as_decimals(strings, to, longest)
        except pa.ArrowInvalid:
            pass  # zeros may have counted as digits: below they are taken away
    texts = _without_last_zeros(_canonical(_checked(strings, NUMBER)))
    if not matches(texts, _OF_MOST_DIGITS):
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
    if matches(strings, _CANONICAL):
        return strings
    return _canonical(_checked(strings, NUMBER))


def _parse_double(strings: pa.Array, to: Type) -> pa.Array:
    if not has_only(strings, _POINT_TOO):
        strings = _without_plus(_checked(strings, FLOATING))
    values = pc.cast(strings, pa.float64())
    is_suspect = pc.or_(pc.is_inf(values), pc.equal(values, constant(0.0)))
    if is_any(is_suspect):
        _check_not_beyond(strings.filter(is_suspect))
    return values


def _check_not_beyond(strings: pa.Array) -> None:
    """Raises ValueError where a number became infinite or 0 since no double is so large or so small."""
    if is_any(pc.match_substring_regex(strings, "^[^eEI]*[1-9]")):
        raise ValueError("too large or too small")


def _parse_date(strings: pa.Array, to: Type) -> pa.Array:
    if not has_only(strings, _DIGITS):
        strings = _checked(strings, DATE)
    days = pc.cast(strings, pa.date32())
    check_days(days)
    return days


def _parse_time(strings: pa.Array, to: Type) -> pa.Array:
    texts = _six_digits(_checked(strings, TIME))
    return pc.cast(pc.cast(prefixed(texts, "1970-01-01 "), pa.timestamp("us")), to.arrow())


def _parse_timestamp(strings: pa.Array, to: Type) -> pa.Array:
    values = pc.cast(_six_digits(_checked(strings, TIMESTAMP)), to.arrow())
    check_instants(values)
    return values


def _parse_timestamptz(strings: pa.Array, to: Type) -> pa.Array:
    texts = _six_digits(_checked(strings, TIMESTAMPTZ))
    if is_any(pc.match_substring_regex(texts, " [-+Z]")):
        texts = pc.replace_substring_regex(texts, " ([-+Z])", r"\1")
    values = pc.cast(texts, to.arrow())
    check_instants(values)
    return values


def _parse_bytes(strings: pa.Array, to: Type) -> pa.Array:
    digits = pc.utf8_slice_codeunits(_checked(strings, _BYTES), 2)
    raw = bytes.fromhex(bytes(content(digits)).decode("ascii"))
    return pc.if_else(pc.is_valid(digits), resized(digits, pa.binary(), pc.divide, raw), None)


def _parse_uuid(strings: pa.Array, to: Type) -> pa.Array:
    return pc.utf8_lower(_checked(strings, _UUID))


def _checked(strings: pa.Array, pattern: str) -> pa.Array:
    """The texts without spaces around them. Raises ValueError unless each is what the pattern says."""
    if matches(strings, pattern):
        return strings
    trimmed = pc.utf8_trim(strings, " ")
    if not matches(trimmed, pattern):
        raise ValueError("a text has another form")
    return trimmed


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
    if not is_any(pc.match_substring_regex(texts, r"\.[0-9]{7}")):
        return texts
    return pc.replace_substring_regex(texts, r"(\.[0-9]{6})0+", r"\1")


PARSE: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
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
