"""The table of functions: each entry computes what its example says, and keeps the rules that all have in common."""

from __future__ import annotations

import ast
import datetime
import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from program_lib.expressions import (
    FUNCTIONS,
    GROUPS,
    ExpressionError,
    Function,
    compile_expression,
    parse,
)
from program_lib.expressions.functions import NOT_REPEATABLE
from program_lib.expressions.functions.page import page
from program_lib.expressions.functions.patterns import pattern_error
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.expressions.evaluating import Failed, evaluate, type_of, value

MOMENT = datetime.datetime
UTC = datetime.UTC


def call_in(function: Function) -> ast.Call:
    """The call of the function in its example."""
    tree = ast.parse(function.example, mode="eval")
    [call] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == function.name
    ]
    return call


def with_argument(call: ast.Call, place: int, text: str) -> str:
    """The call with another argument at this place."""
    arguments = [ast.unparse(argument) for argument in call.args]
    arguments[place] = text
    return f"{ast.unparse(call.func)}({', '.join(arguments)})"


def computed_arguments(function: Function) -> Iterator[int]:
    """The places of the example's arguments that need not be written out."""
    for place in range(len(call_in(function).args)):
        if function.argument(place).literal is None:
            yield place


# ------------------------------------------------ the table


def test_there_are_many_functions_and_each_name_means_one_thing() -> None:
    names = [name for function in FUNCTIONS.values() for name in (function.name, *function.also)]
    assert len(FUNCTIONS) == sum(map(len, GROUPS.values())) >= 60
    assert sorted(set(names)) == sorted(names)
    assert not NOT_REPEATABLE & set(names)
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("group", GROUPS)
def test_each_example_gives_what_the_table_says(group: str) -> None:
    for function in GROUPS[group]:
        assert call_in(function)
        found = value(function.example)
        expected = value(function.gives)
        assert found == expected or math.isclose(found, expected), function.example
        assert isinstance(found, bool) == isinstance(expected, bool), function.example


@pytest.mark.parametrize("group", GROUPS)
def test_null_gives_null_unless_the_table_says_otherwise(group: str) -> None:
    for function in GROUPS[group]:
        if function.nulls:
            continue
        for place in computed_arguments(function):
            assert value(with_argument(call_in(function), place, "None")) is None, function.name


@pytest.mark.parametrize("group", GROUPS)
def test_a_value_of_another_type_is_refused_while_editing_and_the_function_named(
    group: str,
) -> None:
    strangers = {"n": INTEGER, "b": BOOLEAN, "s": TEXT, "i": TIMESTAMPTZ}
    for function in GROUPS[group]:
        for place in computed_arguments(function):
            takes = function.argument(place).takes
            for name, of in strangers.items():
                if takes is None or of.kind in takes.kinds:
                    continue
                text = with_argument(call_in(function), place, name)
                with pytest.raises(ExpressionError, match=f"{function.name} takes {takes.called}"):
                    type_of(text, **{name: of})


def test_what_must_be_written_out_is_refused_as_a_column() -> None:
    checked = 0
    for function in FUNCTIONS.values():
        for place in range(len(call_in(function).args)):
            argument = function.argument(place)
            if argument.literal is None:
                continue
            checked += 1
            text = with_argument(call_in(function), place, "a_column")
            with pytest.raises(
                ExpressionError, match=f"the {argument.name} of {function.name} must be written out"
            ):
                parse(text)
    assert checked > 20


def test_a_column_may_be_called_as_a_function_is() -> None:
    assert value("left(left, 2) + right", left=(TEXT, "abc"), right=(TEXT, "!")) == "ab!"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trim(s)", r"it is strip(text[, characters]) here"),
        ("IIF(s)", "it is choose(condition, value, …) here"),
        ("today()", "a run must give the same rows again"),
        ("start_of(s, 'fortnight')", "the unit of start_of must be one of 'year', 'quarter'"),
        ("matches(s, '(')", "the pattern of matches has a '(' that is never closed"),
        ("matches(s, 'a(?=b)')", "cannot look ahead with (?=…)"),
        ("matches(s, '(a)\\\\1')", "cannot refer to a group with \\1"),
        ("matches(s, 7)", "must be a pattern in quotes, not 7"),
        ("extract(s, 'a', 10)", "a whole number from 0 to 9, not 10"),
        ("replace_matches(s, 'a', '\\\\x')", "has a \\ that no digit follows"),
        ("parse_date(s, 'YYYY-MM-DD')", "must have codes as %d.%m.%Y, not 'YYYY-MM-DD'"),
        ("parse_date(s, '%d.%m.')", "must have a year"),
        ("parse_date(s, '%Y-%m-%m')", "has the month twice"),
        ("parse_date(s, '%Y-%d')", "has a day without a month"),
        ("parse_date(s, '%Y %j %m')", "has the day of the year"),
        ("parse_timestamp(s, '%Y %I')", "must have %I and %p together"),
        ("parse_date(s, '%Y-%m-%d %')", "has '%'; there are"),
        ("format_date(d, '%Q')", "has '%Q'; there are"),
        ("to_zone(i, 'Europe/Berln')", "must be the name of a time zone"),
        ("to_zone(i, '../etc/passwd')", "must be the name of a time zone"),
        ("uuid5('dns', s)", "must be a uuid"),
        ("json_text(s, 'a[')", "must be a path"),
        ("decimal(s, 39, 2)", "a whole number from 1 to 38, not 39"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_before_types_are_known(
    text: str, message: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extract(s, 'a', 1)", "the pattern has 0 groups, and none with the number 1"),
        ("replace_matches(s, '(a)', '\\\\2')", "the pattern has 1 groups"),
        ("start_of(d, 'hour')", "start_of of a date has no hour: write timestamp(x)"),
        ("date_add(d, 1, 'hour')", "date_add of a date has no hour"),
        ("date_diff(d, i, 'day')", "date and timestamptz do not go together"),
        ("decimal(s, 2, 3)", "more digits after the point than in all"),
        ("round_to(x, 0.05)", "round_to takes exact numbers"),
        ("choose(n, 'a', 'b')", "a condition is true or false; this is integer"),
        ("choose(n > 1, 'a', 2)", "text and integer do not go together"),
        ("switch(n, 'a', 1, 0)", "integer and text do not go together"),
        ("year('2026-02-30')", "year takes a date, a timestamp or an instant, not text"),
    ],
)
def test_types_that_do_not_fit_are_refused(text: str, message: str) -> None:
    types = {"s": TEXT, "d": DATE, "i": TIMESTAMPTZ, "n": INTEGER, "x": DOUBLE}
    with pytest.raises(ExpressionError) as refused:
        type_of(text, **types)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["clamp(n, 50000, 100000)", "max(n, 50000)", "coalesce(n, 50000)", "abs(n)", "round(n, -1)"],
)
def test_what_is_computed_of_16_bits_has_room_for_more(text: str) -> None:
    small = Type(Kind.INTEGER, bits=16, native="postgresql:smallint")
    compiled = compile_expression(parse(text), Schema([Column("n", small)]))
    assert compiled.type == INTEGER


# ------------------------------------------------ values

INSTANT = MOMENT(2026, 1, 31, 23, 30, 1, 500000, UTC)
GIVEN: dict[str, tuple[Any, Any]] = {
    "s": (TEXT, " Añb 12"),
    "n": (NUMERIC, "10.50"),
    "p": (decimal(10, 2), None),
    "i": (TIMESTAMPTZ, INSTANT),
    "t": (TIMESTAMP, MOMENT(2026, 1, 31, 23, 30, 1, 500000)),
    "d": (DATE, datetime.date(2026, 1, 31)),
    "c": (TIME, datetime.time(12, 30, 1)),
    "x": (DOUBLE, 1234567.125),
    "raw": (BYTES, b"\x00\xff"),
    "nothing": (TEXT, None),
    "nul": (TEXT, "\0é\0\0ä"),
    "odd": (NUMERIC, "NaN"),
    "no_number": (NUMERIC, None),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left(s, -1)", " Añb 1"),
        ("left(s, 9223372036854775807)", " Añb 12"),
        ("right(s, -9223372036854775807 - 1)", ""),
        ("mid(s, -1, 4)", " A"),
        ("mid(s, 9223372036854775807, 9223372036854775807)", ""),
        ("reverse('e\u0301x')", "x\u0301e"),
        ("title(s)", " Añb 12"),
        ("title('o''neill-SMITH')".replace("''", "\\'"), "O'Neill-Smith"),
        ("pad_left('a', 3, '')", "a"),
        ("split_part('a,b', ',', 5)", ""),
        ("squeeze('\t a \u2003\u2003 b')", "a b"),
        ("concat(s, nothing)", " Añb 12"),
        ("concat_ws(nothing, s)", None),
        ("is_blank(nothing)", True),
        ("format_number(n, 1)", "10.5"),
        ("format_number(-1234567.005, 2)", "-1,234,567.01"),
        ("format_number(-0.001, 2)", "0.00"),
        ("format_number(x, 2)", "1,234,567.12"),
        ("format_number(float('-0.001'), 1)", "0.0"),
        ("format_number(float('NaN'), 1)", "NaN"),
        ("format_number(12345678901234567890123456789012345678)", "12,345,678,901,234,567,890,123,456,789,012,345,678"),
        ("extract(s, 'z')", None),
        ("extract(s, '(?P<a>[a-z])(z)?', 2)", ""),
        ("matches('a\\nb', 'a.b')", False),
        ("replace_matches('abc', '', '-')", "-a-b-c-"),
        ("floor(n)", "10"),
        ("ceil(p)", None),
        ("ceil(0.5)", 1),
        ("round_to(n, 4)", "12"),
        ("round_to(-2.5, 1)", -3),
        ("round_to(7, 5)", 5),
        ("clamp(n, 11, 12.5)", "11"),
        ("clamp(x, 0, 1)", 1.0),
        ("sign(float('-0.5'))", -1.0),
        ("is_nan(odd)", True),
        ("is_finite(odd)", False),
        ("is_nan(n)", False),
        ("is_finite(n)", True),
        ("is_nan(n + 1)", False),
        ("is_finite(n + 1)", True),
        ("is_finite(no_number)", None),
        ("odd + 1 if is_finite(odd) else -1", "-1"),
        ("date(i)", datetime.date(2026, 1, 31)),
        ("day(i)", 31),
        ("second(i)", 1),
        ("hour(c)", 12),
        ("start_of(i, 'month')", MOMENT(2026, 1, 1, tzinfo=UTC)),
        ("start_of(t, 'hour')", MOMENT(2026, 1, 31, 23)),
        ("start_of(d, 'week')", datetime.date(2026, 1, 26)),
        ("date_add(i, 1, 'month')", MOMENT(2026, 2, 28, 23, 30, 1, 500000, UTC)),
        ("date_add(t, -1, 'second')", MOMENT(2026, 1, 31, 23, 30, 0, 500000)),
        ("date_diff('2024-01-31', '2024-02-29', 'month')", 0),
        ("date_diff('2024-02-29', '2024-01-31', 'day')", -29),
        ("age('2004-02-29', '2026-02-28')", 21),
        ("year('2026-01-31')", 2026),
        ("hour('2026-01-31 12:30')", 12),
        ("to_epoch('1969-12-31 23:59:59.5')", -1),
        ("to_epoch(i, 'microsecond')", 1769902201500000),
        ("to_zone(i, 'America/New_York')", MOMENT(2026, 1, 31, 18, 30, 1, 500000)),
        ("format_date(i, '%Y-%m-%d %H:%M:%S.%f')", "2026-01-31 23:30:01.500000"),
        ("format_date(c, '%I:%M %p')", "12:30 PM"),
        ("parse_date(' 3.2.2026 ', '%d.%m.%Y')", datetime.date(2026, 2, 3)),
        ("parse_date('31.01.69', '%d.%m.%y')", datetime.date(1969, 1, 31)),
        ("try_parse_date('31.01.26', '%d.%m.%Y')", None),
        ("try_parse_date('31.01.2026x', '%d.%m.%Y')", None),
        ("try_parse_date('epoch', '%Y-%m-%d')", None),
        ("try_parse_timestamp('-infinity', '%Y-%m-%d')", None),
        ("try_int('9223372036854775808')", None),
        ("try_int(' -12 ')", -12),
        ("try_float('1e400')", None),
        ("try_decimal('1_000', 10, 2)", None),
        ("try_decimal(' -748101573.5e-2 ', 10, 2) == -7481015.74", True),
        ("decimal(float('1.115'), 10, 2) == 1.12", True),
        ("decimal(n, 10, 0) == 11", True),
        ("bool(' OFF ')", False),
        ("bool(2)", True),
        ("md5(raw)", hashlib.md5(b"\x00\xff").hexdigest()),
        ("base64_encode(raw)", "AP8="),
        ("json_text('{\"a/b\": {\"~\": 1.10}}', '$.a/b.~')", "1.1"),
        ("json_text('{\"a\": null}', 'a')", None),
        ("json_has('{\"a\": null}', 'b')", False),
        ("json_count('{\"a\": 1}', 'a')", None),
        ("json_text('{\"a\": 12345678901234567890123}', 'a')", "12345678901234567890123"),
        ("json_text('{\"a\": 19.990, \"b\": 0.12345678901234567890123}', 'a')", "19.99"),
        ("json_text('{\"a\": 20.00, \"b\": 0.12345678901234567890123}', 'a')", "20.0"),
        ("json_text('{\"a\": 0.12345678901234567890123}', 'a')", "0.12345678901234567890123"),
        ("json_text('{\"a\": 1e-400}', 'a')", "1e-400"),
        ("json_text('{\"a\": -1.23456789E-320, \"b\": \"1e-400\"}', 'a')", "-1.23456789E-320"),
        ("json_text('{\"a\": [1e-7, \"1e-400\"], \"b\": 1e-400}', 'a')", '[1e-7,"1e-400"]'),
        ("json_text('{\"a\": 1.00000000000000000001, \"b\": 10}', 'a')", "1.00000000000000000001"),
        ("json_text('{\"a\": 9007199254740993.0, \"b\": 9007199254740992.0}', 'a')", "9007199254740993.0"),
        ("json_text('{\"a\": [-12345678901234567890.5, \"12345678901234567890.5\"]}', 'a')", '[-12345678901234567890.5,"12345678901234567890.5"]'),
        ("json_text('{\"1234567890.1234567890\": 1e0000000000000000001}', '')", '{"1234567890.1234567890":10.0}'),
        ("strip_accents(nul)", "\0e\0\0a"),
        ("len(json_text('[\"x\\\\u0000y\"]', '[0]'))", 3),
        ("mid(s, -4294967297, 1099511627776)", " Añb 12"),
        ("mid(s, -9223372036854775808, 9223372036854775807)", ""),
        ("mid(s, 3, 9223372036854775807)", "ñb 12"),
        ("width_bucket(0.7, 0, 1, 10)", 8),
        ("width_bucket(0.3, 0, 1, 10)", 4),
        ("width_bucket(9007199254740993, 9007199254740992, 9007199254740994, 2)", 2),
        ("width_bucket(9223372036854775806, -9223372036854775808, 9223372036854775807, 9223372036854775807)", 9223372036854775807),
        ("width_bucket(0.00000000000000000029, 0.0, 0.0000000000000000003, 3)", 3),
        ("null_if(n, 10.5)", None),
        ("null_if(d, '2026-02-01')", datetime.date(2026, 1, 31)),
        ("null_if(s, nothing)", " Añb 12"),
        ("choose(None, 'a', nothing == 'x', 'b')", None),
        ("choose(n > 1, n, 0)", "10.50"),
        ("choose(1 > 2, 1 // 0, 5)", 5),
        ("switch(nothing, 'a', 1, 2)", 2),
    ],
)  # fmt: skip
def test_a_function_means(text: str, expected: Any) -> None:
    found = value(text, **GIVEN)
    assert found == expected
    assert isinstance(found, bool) == isinstance(expected, bool)


_NUMBERS = st.builds(
    lambda whole, exponent, after: Decimal(f"{whole}E{exponent}") if after else Decimal(whole),
    st.integers(-(10**30), 10**30),
    st.integers(-40, 20),
    st.booleans(),
)
_IN_JSON = st.recursive(
    _NUMBERS | st.text(max_size=30) | st.from_regex(r'[-0-9.\\"e]{0,40}') | st.none(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=20), below),
    max_leaves=8,
)


def _as_json(given: Any) -> str:
    """JSON in which each number has all its digits."""
    if isinstance(given, Decimal):
        return str(given)
    if isinstance(given, list):
        return f"[{', '.join(map(_as_json, given))}]"
    if isinstance(given, dict):
        members = (f"{json.dumps(key)}: {_as_json(value)}" for key, value in given.items())
        return f"{{{', '.join(members)}}}"
    return json.dumps(given, ensure_ascii=False)


@settings(max_examples=100, deadline=None)
@given(_IN_JSON)
def test_a_number_in_json_loses_no_digit(given: Any) -> None:
    found = value("json_text(s, 'a')", s=(TEXT, f'{{"a": {_as_json([given])}}}'))
    assert json.loads(found, parse_float=Decimal, parse_int=Decimal) == [given]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mid(s, 1, -1)", "no negative length: -1"),
        ("repeat(s, 10000000)", "the text would become too long"),
        ("repeat('', 9223372036854775807) + repeat(s, 9223372036854775807)", "too long"),
        ("pad_left(s, 10000001)", "the text would become too long"),
        ("replace_matches(repeat(s, 100000), '.', '0123456789012')", "too long"),
        ("split_part(s, ',', 0)", "there is no part 0"),
        ("char(0)", "no character with the code 0"),
        ("char(55296)", "no character with the code 55296"),
        ("char(1114112)", "no character with the code 1114112"),
        ("sqrt(-1)", "there is no square root of -1"),
        ("ln(0)", "there is no logarithm of 0"),
        ("exp(1000)", "too large for a floating-point number"),
        ("asin(2)", "a sine is from -1 to 1"),
        ("sin(float('Infinity'))", "no angle"),
        ("clamp(5, 10, 1)", "the lower bound is above the upper one"),
        ("round_to(5, 0)", "the step of round_to must be more than 0"),
        ("round_to(9223372036854775807, 4)", "9223372036854775808"),
        ("width_bucket(5, 10, 10, 3)", "a range with low below high"),
        ("make_date(2026, 2, 30)", "Date out of range: 2026-2-30"),
        ("make_date(0, 1, 1)", "years 1 to 9999"),
        ("make_time(24, 0)", "hours 0 to 23"),
        ("make_time(12, 30, 60)", "seconds 0 to 59"),
        ("date_add(d, 9000, 'year')", "years 1 to 9999"),
        ("date_add(t, 9223372036854775807, 'hour')", "Overflow"),
        ("from_epoch(9223372036854775807)", "Overflow"),
        ("from_epoch(999999999999)", "years 1 to 9999"),
        ("to_zone(instant('9999-12-31 23:30:00+00:00'), 'Asia/Tokyo')", "years 1 to 9999"),
        ("parse_date(s, '%d.%m.%Y')", "this is not written as %d.%m.%Y"),
        ("parse_date('31.01.26', '%d.%m.%Y')", "with a year from 1000: 31.01.26"),
        ("decimal('1_000', 10, 2)", "this is not a number: 1_000"),
        ("decimal('12345', 4, 2)", "12345"),
        ("bool('maybe')", "neither true nor false: maybe"),
        ("instant(s)", "an instant with its zone"),
        ("base64_decode('!!')", "this is not Base64: !!"),
        ("base64_decode('/w==')", "UTF8"),
        ("hex_decode('abc')", "this is not hexadecimal: abc"),
        ("url_decode('%zz')", "this is not part of a URL: %zz"),
        ("json_text('{', 'a')", "this is not JSON: {"),
        ("json_text('[1,]', '[0]')", "this is not JSON"),
    ],
)
def test_what_has_no_value_fails_and_says_why(text: str, reason: str) -> None:
    with pytest.raises(Failed) as failed:
        value(text, **GIVEN)
    assert reason in str(failed.value)


# ------------------------------------------------ beside Python


@settings(max_examples=50)
@given(
    st.from_regex(r"[+-]?([0-9]{1,12}(\.[0-9]{0,9})?|\.[0-9]{1,9})[eE][+-]?[0-9]{1,2}", fullmatch=True),
    st.sampled_from([(10, 2), (38, 38), (38, 0), (5, 5)]),
)  # fmt: skip
@example("748101573e-2", (10, 2))  # more digits before the point than a decimal(10,2) has
def test_a_text_with_an_exponent_is_the_decimal_that_python_reads(
    text: str, digits: tuple[int, int]
) -> None:
    precision, scale = digits
    with localcontext(prec=150, rounding=ROUND_HALF_UP):
        wanted = round(Decimal(text), scale)
    fits = abs(wanted) < Decimal(10) ** (precision - scale)
    found = value(f"try_decimal(s, {precision}, {scale})", s=(TEXT, text))
    assert found == (wanted if fits else None)


FORMATS = st.lists(
    st.sampled_from(["%Y", "%m", "%d", "%j", "%H", "%I", "%M", "%S", "%f", "%p", "%y", "%b", "%B", "%a", "%A", "%G", "%V", "%u", "%%", "-", ".", " ", "T", "ñ"]),
    min_size=1,
).map("".join)  # fmt: skip
LATER_THAN_1000 = st.datetimes(min_value=MOMENT(1000, 1, 1))


@settings(max_examples=50)
@given(FORMATS, LATER_THAN_1000)
def test_a_moment_is_written_as_python_does(form: str, moment: MOMENT) -> None:
    if "%" not in form:
        return
    assert value(f"format_date(t, {form!r})", t=(TIMESTAMP, moment)) == moment.strftime(form)


READ = [
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%Y%m%d",
    "%d %b %Y",
    "%B %d, %Y",
    "%Y-%j",
    "%a %d %b %Y",
    "%d.%m.%y",
]
READ_TIMES = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S.%f", "%m/%d/%Y %I:%M %p"]


@settings(max_examples=50)
@given(st.sampled_from(READ + READ_TIMES), LATER_THAN_1000, st.text("0129 .-/:ab", max_size=2))
def test_a_text_is_read_in_a_format_as_python_does(form: str, moment: MOMENT, more: str) -> None:
    text = moment.strftime(form) + more
    try:
        expected = MOMENT.strptime(text.strip(), form)
    except ValueError:
        expected = None
    found = value(f"try_parse_timestamp(s, {form!r})", s=(TEXT, text))
    assert found == expected


@settings(max_examples=50)
@given(st.text(max_size=8), st.uuids())
def test_a_uuid_of_a_text_is_that_of_rfc_9562(text: str, namespace: uuid.UUID) -> None:
    found = value(f"uuid5('{namespace}', s)", s=(TEXT, text))
    assert found == str(uuid.uuid5(namespace, text))


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@settings(max_examples=100)
@given(
    st.one_of(
        DOCUMENTS.map(json.dumps),
        st.tuples(DOCUMENTS.map(lambda d: json.dumps(d, ensure_ascii=False)), st.sampled_from(",]}[{\"N01 "), st.integers(0, 20)).map(lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]),
    )
)  # fmt: skip
@example("[1,]")
@example("[NaN]")
@example('{"inf": "NaN,]"}')
@example('{"a" : 1 , }')
@example("\ufeff1")
def test_json_is_valid_where_python_reads_it(text: str) -> None:
    try:
        json.loads(text, parse_constant=_refuse)
        expected = True
    except ValueError:
        expected = False
    if expected and re.search(r"(?i)\\ud[89a-f]", text):
        return  # half a character, which Python lets pass
    if "\0" not in text and "\x7f" not in text:
        assert value("json_valid(s)", s=(TEXT, text)) == expected


PATTERNS = st.lists(
    st.sampled_from(["a", "b", "(", ")", "[", "]", "^", "$", "|", "*", "?", "+", "(?:", "(?=", "(?P<n>", "\\d", "\\1", "\\", "[:alpha:]", "[^]]", "{2}", "-", "\\Q", "\\]"]),
    max_size=7,
).map("".join)  # fmt: skip


@settings(max_examples=100)
@given(PATTERNS)
@example("[]a](")
@example("[[:alpha:](](")
def test_a_pattern_that_is_refused_while_editing_would_fail_in_the_run(pattern: str) -> None:
    import duckdb

    if pattern_error(pattern) is None or "\\Q" in pattern:
        return
    with pytest.raises(duckdb.Error):
        duckdb.execute("SELECT regexp_matches('abab', ?)", [pattern]).fetchall()


@settings(max_examples=50)
@given(st.dates(), st.integers(-30, 30))
def test_months_that_are_added_have_passed_unless_a_day_was_lost(
    day: datetime.date, count: int
) -> None:
    schema = {"d": (DATE, day), "n": (INTEGER, count)}
    try:
        later = value("date_add(d, n, 'month')", **schema)
    except Failed:
        assert not 1 <= day.year + (day.month + count - 1) // 12 <= 9999
        return
    passed = value("date_diff(d, e, 'month')", d=(DATE, day), e=(DATE, later))
    lost = later.day < day.day and count > 0
    assert passed == count - lost or (count < 0 and later.day < day.day)


# ------------------------------------------------ rows


def test_rows_of_a_batch_are_computed_each_for_itself() -> None:
    rows: list[list[str | None]] = [[" a "], [None], ["b"], [""]]
    assert evaluate("title(strip(s)) + '!'", {"s": TEXT}, rows) == ["A!", None, "B!", "!"]
    assert evaluate("choose(s == 'b', 1, s is None, 2)", {"s": TEXT}, rows) == [None, 2, 1, None]


def test_no_rows_give_no_rows() -> None:
    for function in FUNCTIONS.values():
        assert evaluate(function.example, {}, []) == []


def test_checking_a_call_needs_no_row() -> None:
    compiled = compile_expression(parse("year(d)"), Schema([Column("d", DATE)]))
    assert compiled.type == INTEGER


def test_the_page_of_functions_is_the_one_that_the_table_makes() -> None:
    written = Path("docs/functions.md").read_text(encoding="utf-8")
    assert written == page(), "python -m program_lib.expressions.functions.page > docs/functions.md"
