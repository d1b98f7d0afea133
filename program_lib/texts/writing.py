"""The texts of values, as PostgreSQL prints them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.texts.columns import constant, content, has_only, is_any, prefixed, resized
from program_lib.texts.moments import check_days, check_instants, check_times
from program_lib.types import Kind, Type

# Numbers whose texts are kept, in 1 MB: prices and shares are mostly among them
HUNDREDTHS = 100_000
WORTH_A_LOOK = 10_000  # numbers; to make the texts takes as long as to write twice as many
# With fewer, to make the texts of all days from the first to the last one would gain little
ROWS_A_DAY = 4


def _write_plain(values: pa.Array, of: Type) -> pa.Array:
    return pc.cast(values, pa.string())


def _write_decimal(values: pa.Array, of: Type) -> pa.Array:
    """Arrow writes 1E-7 for what lies below 0.000001; then 1 is added, and its digit made a 0."""
    texts = pc.cast(values, pa.string())
    is_small = pc.match_substring(texts, "E")
    if not is_any(is_small):
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
    if has_only(texts, b"0123456789.-"):
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
    hexes = resized(values, pa.string(), pc.multiply_checked, digits)
    return pc.if_else(pc.is_valid(values), prefixed(hexes, "\\x"), None)


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


WRITE: dict[Kind, Callable[[pa.Array, Type], pa.Array]] = {
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
