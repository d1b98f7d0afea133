"""Each type has one text form, reads it back the same, and refuses what is no such value."""

from __future__ import annotations

import datetime as dt
import math
import re
import struct
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from program_lib.errors import RowRefused
from program_lib.texts import (
    SHOWN,
    column_texts,
    parse_column,
    rescaled,
)
from program_lib.texts.writing import HUNDREDTHS, ROWS_A_DAY, WORTH_A_LOOK
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Kind,
    Type,
    decimal,
)
from tests.servers.databases import Database

SMALL = Type(Kind.INTEGER, bits=16)
REAL = Type(Kind.DOUBLE, bits=32)


def text(value: Any, of: Type) -> str | None:
    """The text of one value, which stands between others: offsets and NULLs are those of a real batch."""
    values = pa.array([None, value, None], of.arrow())
    whole = column_texts(values, of).to_pylist()
    assert column_texts(values.slice(1), of).to_pylist() == whole[1:]
    return None if value is None else str(whole[1])


def value(of_text: str, to: Type) -> Any:
    strings = pa.array([None, of_text, None], pa.string())
    values = parse_column(strings, to, "c")
    assert values.type == to.arrow()
    assert str(parse_column(strings.slice(1), to, "c")) == str(values.slice(1))  # NaN is equal, too
    return values[1].as_py()


def refusal(of_text: str, to: Type) -> str:
    with pytest.raises(RowRefused) as caught:
        value(of_text, to)
    assert (caught.value.index, caught.value.column) == (1, "c")
    return caught.value.reason


@pytest.mark.parametrize(
    ("of", "given_value", "expected"),
    [
        (BOOLEAN, True, "true"),
        (BOOLEAN, False, "false"),
        (INTEGER, -(2**63), "-9223372036854775808"),
        (decimal(10, 2), Decimal("10.50"), "10.50"),
        (decimal(38, 18), Decimal("1E-18"), "0.000000000000000001"),
        (decimal(38, 18), Decimal("-1E-18"), "-0.000000000000000001"),
        (decimal(38, 18), Decimal(0), "0.000000000000000000"),
        (decimal(38, 38), Decimal("1E-38"), "0." + "0" * 37 + "1"),
        (decimal(8, 7), Decimal("-0.0000012"), "-0.0000012"),
        (DOUBLE, 1.0, "1"),
        (DOUBLE, 0.00001, "0.00001"),
        (DOUBLE, 1e16, "10000000000000000"),
        (DOUBLE, 1e-7, "0.0000001"),
        (DOUBLE, -0.0, "-0"),
        (DOUBLE, math.nan, "NaN"),
        (DOUBLE, math.inf, "Infinity"),
        (DOUBLE, -math.inf, "-Infinity"),
        (REAL, struct.unpack("f", struct.pack("f", 0.1))[0], "0.1"),
        (REAL, 0.1, "0.1"),
        (REAL, 1e300, "1" + "0" * 300),
        (BYTES, b"\x00\xff", "\\x00ff"),
        (BYTES, b"", "\\x"),
        (DATE, dt.date(1, 1, 1), "0001-01-01"),
        (TIME, dt.time(1, 2, 3, 456789), "01:02:03.456789"),
        (TIME, dt.time(1, 2, 3, 500000), "01:02:03.5"),
        (TIME, dt.time(10, 20, 0), "10:20:00"),
        (TIMESTAMP, dt.datetime(2026, 7, 1, 12, 0, 0, 500000), "2026-07-01 12:00:00.5"),
        (TIMESTAMP, dt.datetime(2026, 7, 10, 10, 0), "2026-07-10 10:00:00"),
        (TIMESTAMPTZ, dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC), "2026-07-01 12:00:00+00"),
        (NUMERIC, "10.50", "10.50"),
        (TEXT, "", ""),
        (JSON, '{"a": null}', '{"a": null}'),
        (INTEGER, None, None),
    ],
)
def test_a_value_has_the_text_that_postgresql_prints(
    of: Type, given_value: Any, expected: str
) -> None:
    assert text(given_value, of) == expected


def test_fractions_of_some_seconds_leave_the_others_whole() -> None:
    values = pa.array([dt.datetime(2026, 7, 10, 10), dt.datetime(2026, 7, 10, 10, 0, 0, 120)])
    assert column_texts(values.cast(pa.timestamp("us")), TIMESTAMP).to_pylist() == [
        "2026-07-10 10:00:00",
        "2026-07-10 10:00:00.00012",
    ]


@pytest.mark.parametrize(("days", "of"), [(-719_163, DATE), (2_932_897, DATE)])
def test_a_year_without_four_digits_has_no_text(days: int, of: Type) -> None:
    values = pa.array([0, 5, days, days], pa.int32()).cast(pa.date32())
    with pytest.raises(RowRefused, match="years 1 to 9999") as caught:
        column_texts(values, of, "born")
    assert (caught.value.index, caught.value.column) == (2, "born")


@pytest.mark.parametrize("of", [TIMESTAMP, TIMESTAMPTZ])
@pytest.mark.parametrize("instant", [-62_135_596_800_000_001, 253_402_300_800_000_000])
def test_an_instant_outside_of_the_years_has_no_text(of: Type, instant: int) -> None:
    values = pa.array([None, 0, instant], pa.int64()).cast(of.arrow())
    with pytest.raises(RowRefused, match="years 1 to 9999") as caught:
        column_texts(values, of)
    assert caught.value.index == 2


@pytest.mark.parametrize("microseconds", [-1, 86_400_000_000])
def test_a_time_outside_of_a_day_has_no_text(microseconds: int) -> None:
    values = pa.array([None, 0, microseconds], pa.int64()).cast(TIME.arrow())
    with pytest.raises(RowRefused, match="is no time of a day") as caught:
        column_texts(values, TIME)
    assert caught.value.index == 2


@pytest.mark.parametrize(
    ("to", "good", "expected"),
    [
        (INTEGER, " 5 ", 5),
        (INTEGER, "+5", 5),
        (INTEGER, "-0", 0),
        (INTEGER, "007", 7),
        (INTEGER, "0" * 50 + "7", 7),
        (SMALL, "-32768", -32768),
        (decimal(10, 2), ".5", Decimal("0.50")),
        (decimal(10, 2), "-.5", Decimal("-0.50")),
        (decimal(10, 2), "5.", Decimal("5.00")),
        (decimal(10, 2), "1.10000000000000000000000000000000000000000000", Decimal("1.10")),
        (decimal(10, 2), "0" * 60 + "5", Decimal("5.00")),
        (decimal(38, 10), "1" * 28 + ".5", Decimal("1" * 28 + ".5000000000")),
        (NUMERIC, "+007.50", "7.50"),
        (NUMERIC, "-0", "0"),
        (NUMERIC, "-0.00", "0.00"),
        (NUMERIC, ".5", "0.5"),
        (NUMERIC, "-.50", "-0.50"),
        (NUMERIC, "5.", "5"),
        (NUMERIC, " 1 ", "1"),
        (NUMERIC, "9" * 60, "9" * 60),
        (DOUBLE, "1e-7", 1e-7),
        (DOUBLE, "1E5", 1e5),
        (DOUBLE, "+1", 1.0),
        (DOUBLE, "0e999", 0.0),
        (DOUBLE, "Infinity", math.inf),
        (DOUBLE, "-Infinity", -math.inf),
        (BOOLEAN, "TRUE", True),
        (BOOLEAN, "f", False),
        (BOOLEAN, "t", True),
        (DATE, " 2026-02-28 ", dt.date(2026, 2, 28)),
        (TIME, "01:02", dt.time(1, 2)),
        (TIME, "01:02:03.4567890", dt.time(1, 2, 3, 456789)),
        (TIMESTAMP, "2026-07-01", dt.datetime(2026, 7, 1)),
        (TIMESTAMP, "2026-07-01T12:00", dt.datetime(2026, 7, 1, 12)),
        (TIMESTAMP, "2026-07-01 12:00:00.123456000", dt.datetime(2026, 7, 1, 12, 0, 0, 123456)),
        (TIMESTAMPTZ, "2026-07-01 12:00:00Z", dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)),
        (TIMESTAMPTZ, "2026-07-01T12:00:00+0530", dt.datetime(2026, 7, 1, 6, 30, tzinfo=dt.UTC)),
        (TIMESTAMPTZ, "2026-07-01 12:00:00 -00:30", dt.datetime(2026, 7, 1, 12, 30, tzinfo=dt.UTC)),
        (BYTES, "\\x00FF", b"\x00\xff"),
        (BYTES, "\\x", b""),
        (UUID, "123E4567-E89B-12d3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        (TEXT, " 007 ", " 007 "),
        (JSON, "null", "null"),
    ],
)
def test_a_text_is_the_value_that_it_spells(to: Type, good: str, expected: Any) -> None:
    assert value(good, to) == expected


@pytest.mark.parametrize(
    ("to", "bad"),
    [
        *(
            (to, bad)
            for to in (INTEGER, decimal(10, 2), NUMERIC)
            for bad in ("1e5", "0x10", "1_0", "nan")
        ),
        *(
            (to, bad)
            for to in (INTEGER, NUMERIC, DOUBLE)
            for bad in ("", "  ", "-", "1,5", "--1", "1 2")
        ),
        *((to, "٣") for to in (INTEGER, NUMERIC, DOUBLE, decimal(10, 2))),  # a digit, in Arabic
        *((to, "1\n") for to in (INTEGER, NUMERIC, DOUBLE, decimal(10, 2), BOOLEAN)),
        *((to, "\xa01") for to in (INTEGER, NUMERIC, DOUBLE)),
        (INTEGER, "5.0"),
        (INTEGER, "9223372036854775808"),
        (INTEGER, "-9223372036854775809"),
        (SMALL, "32768"),
        (NUMERIC, "."),
        (NUMERIC, "NaN"),
        (NUMERIC, "Infinity"),
        (decimal(10, 2), "19.999"),
        (decimal(10, 2), "123456789.00"),
        (decimal(38, 0), "9" * 39),  # Arrow alone makes a negative number of it
        (
            decimal(38, 0),
            "340282366920938463463374607431768211457",
        ),  # 2^128 + 1: Arrow alone makes 1
        (decimal(38, 0), str(2**256 + 1)),
        (decimal(38, 10), "1" * 29),
        (DOUBLE, "1e400"),
        (DOUBLE, "9" * 400),
        (DOUBLE, "1e-400"),
        (DOUBLE, "0." + "0" * 400 + "1"),
        *((DOUBLE, bad) for bad in ("inf", "-inf", "NAN", "infinity", "0x1p3", "1d", "1e")),
        *((BOOLEAN, bad) for bad in ("1", "0", "yes", "", "truefalse", "tr")),
        *(
            (DATE, bad)
            for bad in ("2026-13-01", "2026-02-30", "2026-1-1", "01.07.2026", "20260701", "")
        ),
        *((DATE, bad) for bad in ("0000-01-01", "10000-01-01", "infinity", "2026-07-01 12:00:00")),
        *(
            (TIME, bad)
            for bad in ("24:00:00", "23:59:60", "1:2:3", "01:02:03.4567891", "12", "12:00 pm")
        ),
        *(
            (TIMESTAMP, bad)
            for bad in ("2026-07-01 12", "2026-07-01 12:00:00Z", "2026-02-30 12:00:00")
        ),
        *((TIMESTAMP, bad) for bad in ("2026-07-01 12:00:00.1234567", "0000-12-31 00:00:00")),
        *(
            (TIMESTAMPTZ, bad)
            for bad in ("2026-07-01 12:00:00", "2026-07-01", "2026-07-01 12:00:00 UTC")
        ),
        *((TIMESTAMPTZ, bad) for bad in ("9999-12-31 23:59:59-01", "2026-07-01 12:00:00+25")),
        *((BYTES, bad) for bad in ("\\x0", "00ff", "\\x0g", "\\x 00", "")),
        *((UUID, bad) for bad in ("123", "", "{123e4567-e89b-12d3-a456-426614174000}")),
    ],
)
def test_another_text_is_refused_with_its_row_and_column(to: Type, bad: str) -> None:
    reason = refusal(bad, to)
    assert repr(bad.strip(" "))[: SHOWN - 1] in reason or "empty" in reason


@pytest.mark.parametrize(
    ("to", "bad", "sentence"),
    [
        (INTEGER, "12_34", "'12_34' is not a whole number"),
        (INTEGER, "", "an empty text is not a whole number"),
        (SMALL, "40000", "'40000' does not fit into 16 bits"),
        (decimal(10, 2), "19.999", "'19.999' has more digits than decimal(10,2) can hold"),
        (DATE, "2026-13-01", "'2026-13-01' is no date that exists"),
        (
            TIMESTAMP,
            "2026-07-31 24:00",
            "'2026-07-31 24:00' is no date that exists, of the years 1 to 9999, with a time up to 23:59:59",
        ),
        (INTEGER, "x" * 99, "'" + "x" * 60 + "'… is not a whole number"),
    ],
)
def test_a_refusal_says_what_stands_there(to: Type, bad: str, sentence: str) -> None:
    assert sentence in refusal(bad, to)


@pytest.mark.parametrize("bad", [0, 1, 2, 499, 998, 999])
def test_the_first_bad_row_of_many_is_named(bad: int) -> None:
    strings = ["1"] * 1000
    strings[bad] = strings[-1] = "one"
    with pytest.raises(RowRefused) as caught:
        parse_column(pa.array(strings), INTEGER, "n")
    assert caught.value.index == bad


def test_chunks_and_columns_of_nothing_are_columns() -> None:
    chunks = pa.chunked_array([["1"], [], ["2", None]], pa.string())
    assert parse_column(chunks, INTEGER).to_pylist() == [1, 2, None]
    for of in (INTEGER, BYTES, DOUBLE, DATE, TEXT, decimal(10, 2)):
        for rows in ([], [None]):
            empty = column_texts(pa.array(rows, of.arrow()), of)
            assert empty.type == pa.string()
            assert parse_column(empty, of).to_pylist() == rows


# --- against Python's own numbers and dates ------------------------------------------------------

numberish = st.text("0123456789+-.eE_ xnaif", max_size=12) | st.from_regex(
    r"\A ?[-+]?[0-9]{0,45}\.?[0-9]{0,45}([eE][-+]?[0-9]{1,3})? ?\Z"
)
PLAIN = re.compile(r" *[-+]?([0-9]+\.?[0-9]*|\.[0-9]+) *")


def outcome(of_text: str, to: Type) -> Any:
    try:
        return value(of_text, to)
    except RowRefused:
        return None


@given(numberish)
def test_whole_numbers_are_those_of_python(of_text: str) -> None:
    is_whole = re.fullmatch(r" *[-+]?[0-9]+ *", of_text)
    expected = int(of_text) if is_whole else None
    if expected is not None and not -(2**63) <= expected < 2**63:
        expected = None
    assert outcome(of_text, INTEGER) == expected


@given(numberish, st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))))
@example("9" * 39, (38, 0))
@example("1" + "0" * 38, (38, 0))
@example("9" * 76, (38, 38))
@example("9" * 38, (38, 38))
@example("11", (38, 38))
@example("730000000000000000000000012345", (38, 10))
@example("-9" + "0" * 37, (38, 37))
def test_decimals_are_exact_or_refused(of_text: str, digits: tuple[int, int]) -> None:
    precision, scale = digits
    expected = Decimal(of_text.strip()) if PLAIN.fullmatch(of_text) else None
    if expected is not None:
        shifted = Decimal((*expected.as_tuple()[:2], expected.as_tuple().exponent + scale))  # type: ignore[operator]
        if shifted != shifted.to_integral_value() or len(str(abs(int(shifted)))) > precision:
            expected = None
    assert outcome(of_text, decimal(precision, scale)) == expected


@given(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(0, 38),
    st.integers(0, 38),
    st.booleans(),
)
@example(11, 0, 38, False)
@example(73 * 10**28, 0, 10, False)
@example(73 * 10**28, 0, 10, True)
def test_decimals_of_another_scale_are_exact_or_refused(
    units: int, had: int, scale: int, is_wide: bool
) -> None:
    number = Decimal((int(units < 0), [int(digit) for digit in str(abs(units))], -had))
    arrow = pa.decimal256(76, had) if is_wide else pa.decimal128(38, had)
    shifted = units * 10**scale
    fits = shifted % 10**had == 0 and abs(shifted // 10**had) < 10**38
    try:
        made = rescaled(pa.array([number], arrow), decimal(38, scale)).to_pylist()
    except pa.ArrowInvalid:
        made = None
    assert made == ([number] if fits else None)


def test_arrow_wraps_what_it_rescales() -> None:
    """Once this fails, `as_decimals` may be a cast."""
    wrapped = pc.cast(pa.array(["11"]), pa.decimal128(38, 38)).to_pylist()
    assert wrapped != [Decimal(11)]


@given(numberish)
def test_numerics_keep_their_digits(of_text: str) -> None:
    number = outcome(of_text, NUMERIC)
    assert (number is not None) == bool(PLAIN.fullmatch(of_text))
    if number is not None:
        exact = Decimal(of_text.strip())
        assert Decimal(number) == exact
        assert number == (format(exact, "f") if exact else format(abs(exact), "f"))


@given(numberish)
def test_doubles_are_those_of_python(of_text: str) -> None:
    stripped = of_text.strip(" ")
    is_number = re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", stripped)
    expected = float(stripped) if is_number else None
    if expected is not None and (math.isinf(expected) or (not expected and Decimal(stripped))):
        expected = None
    assert outcome(of_text, DOUBLE) == expected


@pytest.mark.parametrize(
    "odd",
    [
        *(
            [],
            [None],
            [-0.0],
            [0.0, None],
            [-0.01],
            [0.1 + 0.2],
            [999.995],
            [1000.0],
            [1e15],
            [1e300],
        ),
        *([5e-324], [math.nan], [-math.nan], [math.inf], [-math.inf], [1e22, -1e-7, None]),
    ],
)
def test_many_prices_have_the_texts_that_each_has_alone(odd: list[float | None]) -> None:
    """From WORTH_A_LOOK numbers on, the texts of prices are looked up."""
    prices = pa.array([*odd, *(number / 100 for number in range(HUNDREDTHS)), *odd], pa.float64())
    few = [
        prices.slice(start, WORTH_A_LOOK - 1) for start in range(0, len(prices), WORTH_A_LOOK - 1)
    ]
    one_by_one = [text for part in few for text in column_texts(part, DOUBLE).to_pylist()]
    assert column_texts(prices, DOUBLE).to_pylist() == one_by_one
    assert column_texts(prices.slice(1), DOUBLE).to_pylist() == one_by_one[1:]


@pytest.mark.parametrize(
    ("first", "days"),
    [("0001-01-01", 400), ("2024-02-25", 9), ("9999-12-31", 1), ("1969-12-31", 2)],
)
def test_many_rows_on_few_days_have_the_texts_that_each_has_alone(first: str, days: int) -> None:
    start = dt.date.fromisoformat(first)
    dates = [start + dt.timedelta(number * 7 % days) for number in range(ROWS_A_DAY * days)]
    column = pa.array([*dates, None, *dates], pa.date32())
    expected = [None if date is None else date.isoformat() for date in column.to_pylist()]
    assert column_texts(column, DATE).to_pylist() == expected
    assert column_texts(column.slice(1), DATE).to_pylist() == expected[1:]


def test_of_many_rows_on_few_days_one_without_a_text_is_named() -> None:
    days = pa.array([0] * 1_000 + [2_932_897] + [0] * 1_000, pa.int32()).cast(pa.date32())
    with pytest.raises(RowRefused) as refused:
        column_texts(days, DATE, "day")
    assert refused.value.index == 1_000


@given(st.floats())
def test_a_double_comes_back_with_the_same_bits(number: float) -> None:
    of_text = text(number, DOUBLE)
    assert of_text is not None
    if math.isfinite(number):
        assert Decimal(of_text) == Decimal(
            repr(number)
        )  # the shortest digits, as Python finds them
        assert not re.search("[^-.0-9]", of_text)
    back = value(of_text, DOUBLE)
    assert struct.pack("d", back) == struct.pack("d", number) or (back != back and number != number)


@given(st.floats(width=32, allow_nan=False))
def test_a_real_comes_back_as_the_same_real(number: float) -> None:
    back = value(str(text(number, REAL)), REAL)
    assert struct.pack("f", back) == struct.pack("f", number)


dateish = st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]\Z")
timeish = st.from_regex(r"\A[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,6})?)?\Z")


@given(dateish)
def test_dates_are_those_of_python(of_text: str) -> None:
    try:
        expected = dt.date.fromisoformat(of_text)
    except ValueError:
        expected = None
    assert outcome(of_text, DATE) == expected


@given(
    dateish, timeish, st.sampled_from(["", "Z", "+00", "-11", "+05:30", "-0030", "+23:59", "+24"])
)
def test_timestamps_are_those_of_python(day: str, time: str, zone: str) -> None:
    of_text = f"{day} {time}{zone}"
    to = TIMESTAMPTZ if zone else TIMESTAMP
    try:
        expected = dt.datetime.fromisoformat(of_text)
        expected = expected.astimezone(dt.UTC) if zone else expected
    except (ValueError, OverflowError):
        expected = None
    assert outcome(of_text, to) == expected


values_by_type: list[tuple[Type, st.SearchStrategy[Any]]] = [
    (BOOLEAN, st.booleans()),
    (INTEGER, st.integers(-(2**63), 2**63 - 1)),
    (decimal(38, 18), st.decimals(-(10**20) + 1, 10**20 - 1, places=18)),
    (decimal(12, 0), st.decimals(-(10**12) + 1, 10**12 - 1, places=0)),
    (decimal(9, 9), st.decimals(Decimal("-0.999999999"), Decimal("0.999999999"), places=9)),
    (BYTES, st.binary(max_size=20)),
    (DATE, st.dates()),
    (TIME, st.times()),
    (TIMESTAMP, st.datetimes()),
    (TIMESTAMPTZ, st.datetimes(timezones=st.just(dt.UTC))),
    (TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
]


@pytest.mark.parametrize(("of", "strategy"), values_by_type, ids=lambda param: str(param)[:20])
@given(data=st.data())
def test_every_column_comes_back(
    of: Type, strategy: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.none() | strategy, max_size=8))
    start = data.draw(st.integers(0, len(rows)))
    column = pa.array(rows, of.arrow()).slice(start)
    texts = column_texts(column, of)
    assert parse_column(texts, of).to_pylist() == column.to_pylist() == rows[start:]


# --- against PostgreSQL --------------------------------------------------------------------------

POSTGRESQL_NAMES = {
    BOOLEAN: "boolean",
    INTEGER: "bigint",
    decimal(38, 18): "numeric(38,18)",
    DOUBLE: "double precision",
    REAL: "real",
    BYTES: "bytea",
    DATE: "date",
    TIME: "time",
    TIMESTAMP: "timestamp",
    TIMESTAMPTZ: "timestamptz",
    UUID: "uuid",
}


def test_postgresql_prints_the_same_texts_and_we_read_what_its_copy_writes(
    postgresql: Database,
) -> None:
    texts = {
        BOOLEAN: ["true", "false"],
        INTEGER: ["0", "-9223372036854775808"],
        decimal(38, 18): ["0.000000000000000000", "-0.000000000000000001", "12.500000000000000000"],
        DOUBLE: ["0.1", "-0", "NaN", "Infinity", "123456.789", "10000000000000000", "0.0000001"],
        REAL: ["0.1", "16777216"],
        BYTES: ["\\x", "\\x00ff"],
        DATE: ["0001-01-01", "9999-12-31", "2024-02-29"],
        TIME: ["01:02:03.456789", "00:00:00.5", "23:59:59"],
        TIMESTAMP: ["0001-01-01 00:00:00", "2026-07-01 12:00:00.5"],
        TIMESTAMPTZ: ["1900-01-01 00:00:00+00", "2026-07-01 12:00:00.000001+00"],
        UUID: ["123e4567-e89b-12d3-a456-426614174000"],
    }
    with postgresql.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'; SET DateStyle = ISO; SET bytea_output = hex")
        for of, ours in texts.items():
            name = POSTGRESQL_NAMES[of]
            cursor.execute("SELECT x::text FROM unnest(%s::" + name + "[]) x", (ours,))
            theirs = [row[0] for row in cursor.fetchall()]
            if of.kind is not Kind.DOUBLE:  # PostgreSQL writes exponents
                assert ours == theirs
            query = f"COPY (SELECT unnest('{{{','.join(t.replace(chr(92), chr(92) * 2) for t in ours)}}}'::{name}[])) TO STDOUT (FORMAT csv)"
            with cursor.copy(query) as copy:
                copied = b"".join(copy).decode().splitlines()
            values = parse_column(pa.array(copied), of)
            assert column_texts(values, of).to_pylist() == ours


@pytest.mark.parametrize("rows", [1, 2_000])
def test_dates_that_are_all_null_have_texts_that_are(rows: int) -> None:
    values = pa.nulls(rows, pa.date32())
    assert column_texts(values, Type(Kind.DATE)).null_count == rows
