"""Expressions over typed columns: what they mean where no other implementation can be asked, and what is refused."""

from __future__ import annotations

import contextlib
import datetime
import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from program_lib import texts
from program_lib.errors import RowRefused
from program_lib.expressions import ExpressionError, changed_meanings, compile_expression, parse
from program_lib.expressions import changes as said
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.expressions.evaluating import Failed, evaluate, type_of, value

INET = Type(Kind.OTHER, native="postgresql:inet")
PRICE = decimal(10, 2)
COLUMNS: dict[str, tuple[Type, Any]] = {
    "i": (INTEGER, 7),
    "zero": (INTEGER, 0),
    "p": (PRICE, Decimal("9.99")),
    "h": (decimal(38, 18), Decimal("3.000000000000000001")),
    "n": (NUMERIC, "10.50"),
    "x": (DOUBLE, 2.5),
    "r": (Type(Kind.DOUBLE, bits=32), 0.10000000149011612),
    "s": (TEXT, "Añb 12"),
    "c": (Type(Kind.TEXT, length=5, is_padded=True), "ab   "),
    "b": (BOOLEAN, True),
    "d": (DATE, datetime.date(2026, 1, 31)),
    "t": (TIME, datetime.time(12, 30)),
    "ts": (TIMESTAMP, datetime.datetime(2026, 1, 31, 12, 0, 0, 500000)),
    "tz": (TIMESTAMPTZ, datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)),
    "u": (UUID, "0b5c2e1c-6b1f-4e0e-9c3a-1f2d3c4b5a69"),
    "j": (JSON, '{"a": 1}'),
    "v": (INTERVAL, "1 mon"),
    "ip": (INET, "10.0.0.1"),
    "raw": (BYTES, b"\x00\xff"),
    "nothing": (INTEGER, None),
    "no_text": (TEXT, None),
    "no_number": (NUMERIC, None),
}
TYPES = {name: of for name, (of, _) in COLUMNS.items()}


@pytest.mark.parametrize(
    ("text", "expected", "of"),
    [
        ("p * 1.19", Decimal("11.8881"), "decimal(13,4)"),
        ("p + 1", Decimal("10.99"), "decimal(11,2)"),
        ("p / 3", Decimal("3.33"), "decimal(20,12)"),
        ("2 / p * 1.0", Decimal("0.2002002002000"), None),
        ("h / h", 1, "decimal(38,18)"),
        ("h * 1", Decimal("3.000000000000000001"), "decimal(38,18)"),
        ("-h", Decimal("-3.000000000000000001"), "decimal(38,18)"),
        ("n * 1.19", "12.495", "numeric"),
        ("n", "10.50", "numeric"),
        ("n + 0", "10.5", "numeric"),
        ("coalesce(no_number, n)", "10.50", "numeric"),
        ("coalesce(no_number, 0)", "0", "numeric"),
        ("coalesce(no_number, p)", "9.99", "numeric"),
        ("n if b else 0", "10.50", "numeric"),
        ("coalesce(n, 0) * 2", "21", "numeric"),
        ("max(n, 9.5, no_number)", "10.5", "numeric"),
        ("n / 3", "3.5", "numeric"),
        ("round(n, 1)", "10.5", "numeric"),
        ("int(n)", 10, "integer"),
        ("str(n)", "10.50", "text"),
        ("str(n * 10)", "105", "text"),
        ("n == 10.5", True, "boolean"),
        ("n in (10.5, 3)", True, "boolean"),
        ("n + x", 13.0, "double"),
        ("coalesce(p, 0)", Decimal("9.99"), "decimal(10,2)"),
        ("i / 2", 3.5, "double"),
        ("-7 // 2", -3, "integer"),
        ("-7 % 3", -1, "integer"),
        ("p // 2", 4, "decimal(8,0)"),
        ("-p % 2", Decimal("-1.99"), "decimal(10,2)"),
        ("-x // 2", -1.0, "double"),
        ("2 ** 3", 8.0, "double"),
        ("9223372036854775808", Decimal(2**63), "decimal(19,0)"),
        ("-9223372036854775808", -(2**63), "integer"),
        ("1e3", Decimal(1000), "decimal(4,0)"),
        ("2.50", Decimal("2.50"), "decimal(3,2)"),
        ("round(x)", 2.0, "double"),
        ("round(2.5)", 3, "decimal(2,0)"),
        ("round(2.675, 2)", Decimal("2.68"), "decimal(4,2)"),
        ("round(1250, -2)", 1300, "integer"),
        ("int(-2.7)", -2, "integer"),
        ("int(x)", 2, "integer"),
        ("int(b)", 1, "integer"),
        ("float('1e3')", 1000.0, "double"),
        ("float('-Infinity')", -math.inf, "double"),
        ("str(p)", "9.99", "text"),
        ("str(0.05)", "0.05", "text"),
        ("str(b)", "true", "text"),
        ("str(r)", "0.1", "text"),
        ("str(nothing)", None, "text"),
        ("str(tz)", "2026-01-31 12:00:00+00", "text"),
        ("str(ts)", "2026-01-31 12:00:00.5", "text"),
        ("str(raw)", "\\x00ff", "text"),
        ("str(j)", '{"a": 1}', "text"),
        ("len(raw)", 2, "integer"),
        ("len('ñ' + s)", 7, "integer"),
        ("c == 'ab'", True, "boolean"),
        ("c + '!'", "ab!", "text"),
        ("len(c)", 2, "integer"),
        ("c", "ab   ", "text"),
        ("d - date('2026-01-01')", 30, "integer"),
        ("d + 1", datetime.date(2026, 2, 1), "date"),
        ("d > '2026-01-01'", True, "boolean"),
        ("d in ('2026-01-31', '2026-02-01')", True, "boolean"),
        ("ts >= d", True, "boolean"),
        ("ts - d", "12:00:00.5", "interval"),
        ("ts - timestamp('2026-02-02')", "-1 days -11:59:59.5", "interval"),
        ("tz == '2026-01-31T14:00:00+02:00'", True, "boolean"),
        ("date(tz)", datetime.date(2026, 1, 31), "date"),
        ("time(ts)", datetime.time(12, 0, 0, 500000), "time"),
        ("t < '12:31'", True, "boolean"),
        ("coalesce(d, '2026-01-01')", datetime.date(2026, 1, 31), "date"),
        ("date(' 2026-02-28 ')", datetime.date(2026, 2, 28), "date"),
        ("time('12:30:00.1234560')", datetime.time(12, 30, 0, 123456), "time"),
        ("date('2026-01-31') + nothing", None, "date"),
        ("u == '0B5C2E1C-6B1F-4E0E-9C3A-1F2D3C4B5A69'", True, "boolean"),
        ("v == '1 mon'", True, "boolean"),
        ("ip != '10.0.0.2'", True, "boolean"),
        ("ip in ('10.0.0.1', '10.0.0.2')", True, "boolean"),
        ("coalesce(ip, ip)", "10.0.0.1", "inet"),
        ("j is None", False, "boolean"),
        ("raw == raw", True, "boolean"),
        ("nothing > 5", None, "boolean"),
        ("nothing != 5 or True", True, "boolean"),
        ("not nothing > 5", None, "boolean"),
        ("i in (1, None)", None, "boolean"),
        ("i in (7, None)", True, "boolean"),
        ("i not in (1, None)", None, "boolean"),
        ("i in ()", False, "boolean"),
        ("min(nothing, 3)", 3, "integer"),
        ("s in ('A')", False, "boolean"),
        ("'A' in s", True, "boolean"),
        ("s in 'xAñb 12x'", True, "boolean"),
        ("'A' in (s)", False, "boolean"),
        ("('A') in ((s))", False, "boolean"),
        ("('A' in s)", True, "boolean"),
        ("('A') in s", True, "boolean"),
        ("(i) in (7)", True, "boolean"),
        ("'ñ' in s[1:]", True, "boolean"),
        ("1 < i < 10 > zero", True, "boolean"),
        ("s[-2:]", "12", "text"),
        ("strip('\t\u2003a b\u00a0')", "a b", "text"),
        ("upper('straße')", "STRAẞE", "text"),
        ("replace(s, '', 'x')", "Añb 12", "text"),
        ("starts_with(no_text, 'a')", None, "boolean"),
        ("None", None, "text"),
        ("coalesce(None, i)", 7, "integer"),
        ("True if nothing is None else False", True, "boolean"),
        ("nothing + None", None, "integer"),
        # what the left side leaves out is not computed
        ("zero != 0 and 1 / zero > 2", False, "boolean"),
        ("zero == 0 or 1 // zero > 2", True, "boolean"),
        ("1 if zero == 0 else i % zero", 1, "integer"),
        ("coalesce(i, 1 // zero + 1 // zero)", 7, "integer"),
        ("coalesce(i, 1 // zero if 1 // zero > 0 else 2)", 7, "integer"),
        ("zero != 0 and p / zero > 1 and 1 // zero > 2", False, "boolean"),
        ("b or (1 // zero > 2) or not b", True, "boolean"),
        ("nothing // zero", None, "integer"),
        ("-3 * (zero * 9223372036854775807)", 0, "integer"),
        ("coalesce(str(float('NaN') / zero), '')", "NaN", "text"),
        ("x ** 2 * 1.0", 6.25, "double"),
        ("float('Infinity') + 1", math.inf, "double"),
        ("max(float('NaN'), x) > 1e30", True, "boolean"),
    ],
)
def test_an_expression_means(text: str, expected: Any, of: str | None) -> None:
    computed = value(text, **COLUMNS)
    assert computed == expected
    assert computed is expected or type(computed) is not bool  # 1 is not True
    assert of is None or type_of(text, **TYPES) == of


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9223372036854775807 + i", "Overflow in addition"),
        ("i * 9223372036854775807", "Overflow in multiplication"),
        ("abs(-9223372036854775807 - 1 - zero)", "Overflow"),
        ("i + 9223372036854775807 > 0", "Overflow in addition"),
        ("-3 * 9223372036854775807 is None", "Overflow in multiplication"),
        ("1 / zero", "division by zero"),
        ("p / zero", "division by zero"),
        ("i // zero", "division by zero"),
        ("p // zero", "division by zero"),
        ("i % zero", "division by zero"),
        ("p % zero", "division by zero"),
        ("n / (n - n)", "division by zero"),
        ("x / zero", "division by zero"),
        ("x // zero", "division by zero"),
        ("x % zero", "division by zero"),
        ("float('1e308') * 10", "too large for a floating-point number"),
        ("1 / (float('1e308') * 10)", "too large for a floating-point number"),
        ("10.0 ** 400", "too large for a floating-point number"),
        ("float(zero) ** -1", "zero to a negative power"),
        ("(-8.0) ** 0.5", "not whole"),
        ("int('12.5')", "this is not a whole number: 12.5"),
        ("int('1_000')", "this is not a whole number: 1_000"),
        ("int('')", "this is not a whole number: "),
        ("int('9223372036854775808')", "9223372036854775808"),
        ("int(float('1e19'))", "out of range"),
        ("int(float('NaN'))", "out of range"),
        ("float('nan')", "this is not a number: nan"),
        ("float('12_34')", "this is not a number: 12_34"),
        ("float('0x10')", "this is not a number: 0x10"),
        ("float('1e999')", "beyond what a floating-point number can hold: 1e999"),
        ("float('1e-999')", "beyond what a floating-point number can hold: 1e-999"),
        ("date(s)", "this is not a date, as '2026-01-31': Añb 12"),
        ("date(replace('2026-02-30', 'a', ''))", "2026-02-30"),
        ("timestamp(replace('2026-01-31 12:00+02', 'a', ''))", "without a zone"),
        ("d + 999999999999", "out of range"),
        ("d + 3000000", "a date has years 1 to 9999"),
        ("d - 800000", "a date has years 1 to 9999"),
        ("(float('1e308') * 10) ** -1", "too large for a floating-point number"),
        ("s[99]", "there is no character 99 in Añb 12"),
        ("replace(s, 'A', 'y' + s) + replace('a', 'a', replace(strip(s), '1', s))", None),
        ("h * h * 1000000000000000000", "DECIMAL"),
    ],
)
def test_a_value_that_is_not_there_fails(text: str, reason: str | None) -> None:
    if reason is None:
        value(text, **COLUMNS)
        return
    with pytest.raises(Failed) as failed:
        value(text, **COLUMNS)
    assert reason in str(failed.value)


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("i + q", "there is no column 'q'; there are i, zero, p", 5),
        ("col('order id')", "there is no column 'order id'", 1),
        ("s + 1", "text + integer is not possible: write str(…) to join texts, int(text)", 1),
        ("i * s", "integer * text is not possible: write int(text) or float(text)", 1),
        ("b + 1", "boolean + integer is not possible", 1),
        ("ts + 1", "timestamp + integer is not possible", 1),
        ("d + d", "date + date is not possible", 1),
        ("i == '5'", "integer and text do not go together: write int(text)", 1),
        ("i > 1 and s > 1", "text and integer do not go together", 11),
        ("b == 'true'", "boolean and text do not go together: write True or False", 1),
        ("b == 1", "boolean and integer do not go together", 1),
        ("d == s", "date and text do not go together: write date(text)", 1),
        ("d == '2026-02-30'", "'2026-02-30' is not a date, as '2026-01-31'", 1),
        ("ts == '2026-01-31 12:00+02'", "without a zone", 1),
        ("tz == '2026-01-31 12:00'", "an instant with its zone", 1),
        ("tz == ts", "timestamptz and timestamp do not go together", 1),
        ("tz > d", "timestamptz and date do not go together", 1),
        ("u == s", "uuid and text do not go together", 1),
        ("u == 'x'", "'x' is not a uuid", 1),
        ("j == '{}'", "json has many texts", 1),
        ("j == j", "json has many texts", 1),
        ("v < v", "interval has no order here", 1),
        ("max(ip, ip)", "inet has no order", 1),
        ("v == ip", "interval and inet do not go together", 1),
        ("coalesce(v, '1 day')", "interval and text do not go together", 1),
        ("i == None", "never true: write 'is None'", 1),
        ("None in (1, 2)", "never true", 1),
        ("i and b", "a condition is true or false; this is integer", 1),
        ("b and s", "a condition is true or false; this is text", 7),
        ("not s", "a condition is true or false; this is text", 5),
        ("1 if i else 2", "a condition is true or false; this is integer", 6),
        ("i if b else s", "integer and text do not go together", 1),
        ("coalesce(p, 'none')", "decimal(10,2) and text do not go together", 1),
        ("p ** 2", "a power of decimal(10,2) is not exact", 1),
        ("h * h * h", "a product with 54 digits after the point is not possible", 1),
        ("upper(i)", "upper takes text, not integer: write str(x)", 1),
        ("len(i)", "len takes text or bytes, not integer: write str(x)", 1),
        ("round(s)", "round takes a number, not text", 1),
        ("abs(b)", "abs takes a number, not boolean", 1),
        ("int(d)", "int takes text or a number, not date", 1),
        ("date(i)", "date takes text, a date, a timestamp or an instant, not integer", 1),
        ("time(d)", "time takes text", 1),
        ("-s", "-text is not possible", 1),
        ("i in 7", "after 'in' stands a list of values or a text, not integer", 6),
        ("i in s", "in takes text, not integer", 1),
        ("(1, 2)", "a list of values stands only after 'in'", 1),
        ("i == (1, 2)", "a list of values stands only after 'in'", 1),
        ("(1, 2) in (1, 2)", "a list of values stands only after 'in'", 1),
        ("(1, 2) is None", "a list of values stands only after 'in'", 1),
        ("1 + (i < 2 in (1, 2))", "integer + boolean is not possible", 1),
        ("s[::2]", "no step", 5),
        ("s['a']", "a place in a text is a whole number, not text", 1),
        ("i[0]", "[…] takes text, not integer", 1),
    ],
)
def test_types_that_do_not_go_together_are_refused_with_the_place(
    text: str, reason: str, column: int
) -> None:
    with pytest.raises(ExpressionError) as refused:
        type_of(text, **TYPES)
    assert reason in str(refused.value)
    assert refused.value.column == column


def test_an_expression_that_would_be_very_long_as_sql_is_refused() -> None:
    text = "s"
    for _ in range(12):
        text = f"(x ** ({text} if x ** x > x ** x else {text}))"
    with pytest.raises(ExpressionError, match=r"2,000|too involved|nested"):
        type_of(text.replace("s", "x"), **TYPES)


@pytest.mark.parametrize(
    ("first", "around"),
    [
        ("p", "((p / 3) / {})"),
        ("p", "({} / (p / 3))"),
        ("x", "((x / 3) ** {})"),
        ("x", "coalesce(x / 3, {})"),
        ("x", "(x / 3 if x / 3 > 1 and x / 3 < 2 else {})"),
        ("s", "replace(str(x), str(p), {})"),
        ("s", "str(x)[len({}) - 1:]"),
        ("i", "int(str({} + 1) + '')"),
        ("i", "(1 < {} < 9)"),
        ("i", "null_if({}, 1)"),
        ("i", "switch({}, 1, 2, 3, 4)"),
        ("i", "choose({} > 1, {}, 0)"),
        ("i", "clamp({}, 1, i)"),
        ("s", "title(pad_left({}, 9, s))"),
        ("s", "json_text({}, 'a')"),
        ("d", "date_add({}, 1, 'month')"),
        ("i", "date_diff(d, make_date({}, 1, 1), 'month')"),
        ("i", "int(format_number(round_to({}, 5)))"),
    ],
)
def test_a_deep_expression_is_computed_or_refused_at_once(first: str, around: str) -> None:
    """DuckDB takes twice the time for each function within another's body, so that 30 would take years."""
    text = first
    while len(around.format(*[text] * around.count("{}"))) < 300:
        text = around.format(*[text] * around.count("{}"))
    with contextlib.suppress(ExpressionError, Failed):
        value(text, **COLUMNS)


def test_no_scale_means_no_sql_for_a_numeric() -> None:
    """With too small a scale DuckDB would round the values in silence."""
    compiled = compile_expression(
        parse("n * 2 + i"), Schema([Column("n", NUMERIC), Column("i", INTEGER)])
    )
    assert compiled.numeric_columns == ("n",)
    assert compiled.columns == ("n", "i")
    with pytest.raises(ValueError, match="no scale is given for n"):
        _ = compiled.sql


def test_values_of_very_many_digits_are_passed_on_and_not_computed_with() -> None:
    given = {"n": (NUMERIC, "0." + "1" * 40), "m": (NUMERIC, "-" + "9" * 50)}
    assert value("n", **given) == "0." + "1" * 40
    assert value("str(coalesce(n, m)) + '!'", **given) == "0." + "1" * 40 + "!"
    with pytest.raises(ExpressionError, match="there is a value with 40 digits after the point"):
        value("n + 1", **given)
    with pytest.raises(Failed, match="9" * 50):
        value("m + 1", **given)


@pytest.mark.parametrize("text", ["n / 3", "i / n", "n / m", "n / 3 / m"])
def test_a_quotient_has_the_digits_of_its_own_row_whatever_rows_are_beside_it(text: str) -> None:
    types = {"n": NUMERIC, "m": NUMERIC, "i": INTEGER}
    rows = [("7", "3.0", 1), ("-20", "-7", -2), ("0.12345678901234567", "0.5", 1), (None, "1", 1)]
    alone = [evaluate(text, types, [row])[0] for row in rows]
    assert evaluate(text, types, rows) == alone
    assert len(alone[0].partition(".")[2]) == 12
    assert len(alone[2].partition(".")[2]) > 12


@pytest.mark.parametrize("text", ["round(n, 2)", "floor(n)", "ceil(n)", "trunc(n)", "abs(n)", "-n"])
def test_what_is_computed_of_a_number_looks_the_same_whatever_rows_are_beside_it(text: str) -> None:
    """2.50, rounded to two digits, was 2.50 alone and 2.5 beside 1.234: another text, and another file."""
    for number in ("2.50", "2.5", "2", "0.50", "-7.00"):
        [alone] = evaluate(text, {"n": NUMERIC}, [[number]])
        assert evaluate(text, {"n": NUMERIC}, [[number], ["1.234"]])[0] == alone
    for beside in ([], [["1.234"]]):
        with pytest.raises(Failed, match="NaN"):
            evaluate(text, {"n": NUMERIC}, [["NaN"], *beside])


def test_no_rows_give_no_rows() -> None:
    for text in ("1 // i", "p / 3", "str(x)", "date(s)", "n * 2", "None", "1 // 0", "x ** 2"):
        assert evaluate(text, TYPES, []) == []


def test_a_division_that_no_row_asks_for_is_not_computed() -> None:
    """Rows of one batch are computed together."""
    rows = [[number % 3] for number in range(10_000)]
    found = evaluate("a != 0 and 6 // a == 3", {"a": INTEGER}, rows)
    assert found == [a == 2 for [a] in rows]
    found = evaluate("0 if a == 0 else 6 // a", {"a": INTEGER}, rows)
    assert found == [a and 6 // a for [a] in rows]


# ------------------------------------------------ beside Python and the text forms of files


DOUBLES = st.floats(allow_subnormal=True) | st.sampled_from(
    [1e16, 1e-5, 1e23, 5e-324, -0.0, 2.675, 1.115]
)


@given(st.lists(DOUBLES, min_size=1), st.integers(0, 20))
@example([2.675, 1.115, 0.125, 2.5, 1e300, 1.005], 2)
def test_a_double_is_rounded_from_its_exact_value(values: list[float], digits: int) -> None:
    found = evaluate(f"round(x, {digits})", {"x": DOUBLE}, [[one] for one in values])
    for one, rounded in zip(values, found, strict=True):
        expected = one if not math.isfinite(one) else round(one, digits)
        assert rounded == expected or (math.isnan(rounded) and math.isnan(one))


TEXT_OF = {
    DOUBLE: DOUBLES,
    INTEGER: st.integers(-(2**63), 2**63 - 1),
    PRICE: st.decimals(-99999999, 99999999, places=2),
    decimal(3, 3): st.decimals("-0.999", "0.999", places=3),
    decimal(38, 38): st.decimals("-0.9", "0.9", places=38),
    BOOLEAN: st.booleans(),
    DATE: st.dates(),
    TIME: st.times(),
    TIMESTAMP: st.datetimes(),
    TIMESTAMPTZ: st.datetimes(timezones=st.just(datetime.UTC)),
    BYTES: st.binary(),
}


@pytest.mark.parametrize("of", TEXT_OF, ids=str)
@given(data=st.data())
def test_str_gives_the_text_that_files_have(of: Type, data: st.DataObject) -> None:
    values = data.draw(st.lists(TEXT_OF[of] | st.none(), min_size=1))
    written = texts.column_texts(pa.array(values, of.arrow()), of).to_pylist()
    assert evaluate("str(v)", {"v": of}, [[one] for one in values]) == written


NUMBERS_AS_TEXT = (
    st.from_regex(r"[ \t]?[+-]?[0-9_]{0,19}\.?[0-9]{0,5}([eE][+-]?[0-9]{1,3})? ?", fullmatch=True)
    | st.sampled_from(
        ["NaN", "nan", "Infinity", "-Infinity", "+Infinity", "inf", "0x1", "1e400", "", " ", "٣"]
    )
    | st.integers(-(2**64), 2**64).map(str)
)
MOMENTS_AS_TEXT = (
    st.dates().map(str)
    | st.datetimes().map(str)
    | st.times().map(str)
    | st.from_regex(
        r"[0-2][0-9]{3}-[01]?[0-9]-[0-3]?[0-9]([ T][0-2]?[0-9]:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0?)?)?)?Z?",
        fullmatch=True,
    )
    | st.from_regex(r"[0-2]?[0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?", fullmatch=True)
)


def check_reads_alike(function: str, of: Type, text: str) -> None:
    try:
        [expected] = texts.parse_column(pa.array([text], pa.string()), of).to_pylist()
    except RowRefused:
        with pytest.raises(Failed):
            value(f"{function}(v)", v=(TEXT, text))
        return
    found = value(f"{function}(v)", v=(TEXT, text))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@settings(max_examples=300)
@given(NUMBERS_AS_TEXT)
def test_a_text_is_read_as_a_number_where_a_file_would_be(text: str) -> None:
    check_reads_alike("int", INTEGER, text)
    check_reads_alike("float", DOUBLE, text)


@settings(max_examples=300)
@given(MOMENTS_AS_TEXT)
def test_a_text_is_read_as_a_moment_where_a_file_would_be(text: str) -> None:
    check_reads_alike("date", DATE, text)
    check_reads_alike("time", TIME, text)
    check_reads_alike("timestamp", TIMESTAMP, text)


PLACES = st.none() | st.integers(-7, 7) | st.sampled_from([2**32, -(2**32), 2**62])


@given(st.text("añ𝄞b", max_size=6), PLACES, PLACES)
def test_a_part_of_a_text_is_pythons(text: str, start: int | None, end: int | None) -> None:
    given = {"s": (TEXT, text), "i": (INTEGER, start), "j": (INTEGER, end)}
    first, last = ("" if place is None else str(place) for place in (start, end))
    assert value(f"s[{first}:{last}]", **given) == text[start:end]
    computed = value("s[i:j]", **given)
    assert computed == (None if start is None or end is None else text[start:end])
    assert value("s[i:]", **given) == (None if start is None else text[start:])


@given(st.text("añ𝄞", max_size=4), st.integers(-5, 5))
def test_a_character_of_a_text_is_pythons(text: str, place: int) -> None:
    given = {"s": (TEXT, text), "i": (INTEGER, place)}
    for written in ("s[i]", f"s[{place}]"):
        if -len(text) <= place < len(text):
            assert value(written, **given) == text[place]
        else:
            with pytest.raises(Failed, match=f"there is no character {place} in {text}"):
                value(written, **given)


@given(st.text(max_size=8).filter(lambda text: "\0" not in text))
def test_strip_takes_away_what_python_does(text: str) -> None:
    assert value("strip(s)", s=(TEXT, text)) == text.strip()
    assert value("len(s)", s=(TEXT, text)) == len(text)


EXACT = st.decimals(-(10**9), 10**9, places=18) | st.decimals(-1000, 1000, places=2)


@settings(max_examples=300)
@given(EXACT, EXACT)
@example(Decimal("1"), Decimal("3"))
@example(Decimal("-0.000000000000000001"), Decimal("2"))
@example(Decimal("1000000000"), Decimal("0.000000000000000001"))
def test_a_quotient_of_long_decimals_is_rounded_exactly(above: Decimal, below: Decimal) -> None:
    assume(below != 0)
    exact = Context(prec=100).divide(above, below)
    assume(abs(exact) < 10**19)
    of = decimal(38, 18)
    expected = exact.quantize(Decimal(1).scaleb(-18), ROUND_HALF_UP, Context(prec=60))
    assert value("a / b", a=(of, above), b=(of, below)) == expected
    truncated = int(Context(prec=100).divide_int(above, below))
    assert value("a // b", a=(of, above), b=(of, below)) == truncated


@st.composite
def _of_a_column(draw: st.DrawFn) -> tuple[Type, Decimal]:
    """A decimal type of up to 19 digits, which DuckDB keeps in 16 to 128 bits, and one of its values: often the largest."""
    digits = draw(st.sampled_from([1, 4, 5, 9, 10, 17, 18, 19]))
    scale = draw(st.integers(0, digits))
    most = 10**digits - 1
    whole = draw(st.sampled_from([most, -most, most - 1]) | st.integers(-most, most))
    return decimal(digits, scale), Decimal(whole).scaleb(-scale)


@settings(max_examples=200, deadline=None)
@given(_of_a_column(), _of_a_column())
@example((decimal(18, 2), Decimal("1234567890123456.78")), (decimal(2, 1), Decimal("1.0")))
@example((PRICE, Decimal("99999999.99")), (PRICE, Decimal("-99999999.99")))
@example((decimal(18, 0), Decimal(10**18 - 2)), (decimal(18, 0), Decimal(10**18 - 1)))
def test_decimals_are_computed_whatever_bits_duckdb_keeps_them_in(
    left: tuple[Type, Decimal], right: tuple[Type, Decimal]
) -> None:
    a, b = left[1], right[1]
    exact = Context(prec=80)
    expected = {
        "a * b": exact.multiply(a, b),
        "a + b": exact.add(a, b),
        "a - b": exact.subtract(a, b),
        "a < b": a < b,
        "max(a, b)": max(a, b),
    }
    if b:
        expected["a % b"] = exact.remainder(a, b)
    if b > 0:
        steps = exact.divide(a, b).quantize(Decimal(1), ROUND_HALF_UP, exact)
        expected["round_to(a, b)"] = exact.multiply(steps, b)
    for text, wanted in expected.items():
        assert value(text, a=left, b=right) == wanted, text


# ------------------------------------------------ what older graphs meant


@pytest.mark.parametrize(
    ("text", "meanings"),
    [
        ("name", []),
        ("x is None", []),
        ("a / b", [said.NULLS, said.DIVISION]),
        ("a % 3", [said.NULLS, said.REMAINDERS]),
        ("a // 3", [said.NULLS, said.REMAINDERS]),
        ("round(a)", [said.ROUND]),
        ("str(a)", [said.TEXTS]),
        ("a == None", [said.NONE_EQUAL, said.TEXT_AND_NUMBER]),
        ("a != 5", [said.NULLS, said.TEXT_AND_NUMBER]),
        ("a in ('DE')", [said.NULLS, said.TEXT_AND_NUMBER, said.IN_BRACKETS]),
        ("a in ('DE', 'FR')", [said.NULLS, said.TEXT_AND_NUMBER]),
        ("a in 'DE'", [said.NULLS, said.TEXT_AND_NUMBER]),
        ("a and b is None", [said.CONDITIONS]),
        ("not a", [said.CONDITIONS]),
        ("a[::2]", [said.STEPS]),
        ("a ** 2", [said.NULLS, said.POWERS]),
        ("9.5", [said.EXACT]),
    ],
)
def test_what_an_expression_may_mean_differently_is_told(text: str, meanings: list[str]) -> None:
    assert changed_meanings(parse(text)) == meanings
