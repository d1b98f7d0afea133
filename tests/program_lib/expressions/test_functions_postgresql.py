"""Functions that PostgreSQL has too give what it gives: the same value for each row, or both fail."""

from __future__ import annotations

import contextlib
import datetime
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from program_lib.expressions import FUNCTIONS, parse
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    Type,
    decimal,
)
from tests.program_lib.expressions.evaluating import Failed, evaluate
from tests.servers.databases import Running

Connection = psycopg.Connection[tuple[Any, ...]]
PRICE = decimal(10, 2)
THEIRS = {
    TEXT: 'text COLLATE "C"',
    INTEGER: "bigint",
    PRICE: "numeric(10,2)",
    DOUBLE: "double precision",
    BOOLEAN: "boolean",
    DATE: "date",
    TIMESTAMP: "timestamp",
    TIMESTAMPTZ: "timestamptz",
}
FIRST, LAST = datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)
_times = st.datetimes(FIRST, LAST)
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    TEXT: st.text("aAbBñ ,.-_1𝄞", max_size=8),
    INTEGER: st.integers(-6, 12),
    PRICE: st.decimals("-99999.99", "99999.99", places=2),
    DOUBLE: st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, 0.0, 1.0, -1.0]),
    BOOLEAN: st.booleans(),
    DATE: st.dates(FIRST.date(), LAST.date()),
    TIMESTAMP: _times,
    TIMESTAMPTZ: _times.map(lambda at: at.replace(tzinfo=datetime.UTC)),
}
ROWS = 6  # of one question


class Case(NamedTuple):
    """A call over columns a, b, c … of these types, as ours and as PostgreSQL's."""

    ours: str
    theirs: str
    of: tuple[Type, ...]


def _parts() -> Iterator[Case]:
    days = {"year": "year", "quarter": "quarter", "month": "month", "day": "day", "week": "week"}
    days |= {"weekday": "isodow", "day_of_year": "doy", "iso_year": "isoyear"}
    for name, part in days.items():
        yield Case(f"{name}(a)", f"extract({part} FROM a)::bigint", (DATE,))
    for name in ("year", "day", "hour", "minute"):
        yield Case(f"{name}(a)", f"extract({name} FROM a)::bigint", (TIMESTAMPTZ,))
    yield Case("second(a)", "trunc(extract(second FROM a))::bigint", (TIMESTAMP,))
    for unit in ("year", "quarter", "month", "week", "day", "hour", "minute", "second"):
        yield Case(f"start_of(a, '{unit}')", f"date_trunc('{unit}', a)", (TIMESTAMP,))
        yield Case(
            f"date_add(a, b, '{unit}')",
            f"a + b * interval '{'3 months' if unit == 'quarter' else '1 ' + unit}'",
            (TIMESTAMP, INTEGER),
        )


def _doubles() -> Iterator[Case]:
    for name in ("sqrt", "ln", "sin", "cos", "tan", "asin", "acos", "degrees", "radians"):
        yield Case(f"{name}(a)", f"{name}(a)", (DOUBLE,))
    yield Case("exp(a / 10000)", "exp(a / 10000)", (DOUBLE,))
    yield Case("log10(a)", "log(a)", (DOUBLE,))
    yield Case("atan2(a, b)", "atan2(a, b)", (DOUBLE, DOUBLE))


CASES = [
    Case("left(a, b)", "left(a, b::int)", (TEXT, INTEGER)),
    Case("right(a, b)", "right(a, b::int)", (TEXT, INTEGER)),
    Case("mid(a, b, c)", "substring(a FROM b::int FOR c::int)", (TEXT, INTEGER, INTEGER)),
    Case("position(a, b)", "strpos(a, b)", (TEXT, TEXT)),
    Case("contains(a, b)", "strpos(a, b) > 0", (TEXT, TEXT)),
    Case("repeat(a, b)", "repeat(a, b::int)", (TEXT, INTEGER)),
    Case("pad_left(a, b, c)", "lpad(a, b::int, c)", (TEXT, INTEGER, TEXT)),
    Case("pad_right(a, b, c)", "rpad(a, b::int, c)", (TEXT, INTEGER, TEXT)),
    Case("pad_left(a, b)", "lpad(a, b::int)", (TEXT, INTEGER)),
    Case("reverse(a)", "reverse(a)", (TEXT,)),
    Case("title(a)", 'initcap(a COLLATE "default")', (TEXT,)),
    Case("split_part(a, b, c)", "split_part(a, b, c::int)", (TEXT, TEXT, INTEGER)),
    Case("concat(a, b)", "concat(a, b)", (TEXT, TEXT)),
    Case("concat_ws(a, b, c)", "concat_ws(a, b, c)", (TEXT, TEXT, TEXT)),
    Case("strip(a, b)", "btrim(a, b)", (TEXT, TEXT)),
    Case("lstrip(a, b)", "ltrim(a, b)", (TEXT, TEXT)),
    Case("rstrip(a, b)", "rtrim(a, b)", (TEXT, TEXT)),
    Case("translate(a, b, c)", "translate(a, b, c)", (TEXT, TEXT, TEXT)),
    Case("code(a)", "ascii(a)::bigint", (TEXT,)),
    Case("char(a * 4000)", "chr((a * 4000)::int)", (INTEGER,)),
    Case("format_number(a, 1)", "CASE WHEN round(a, 1) = 0 THEN '0.0' ELSE to_char(round(a, 1), 'FM999,999,990.0') END", (PRICE,)),
    Case("matches(a, '^[a-z]+[ ,]?')", "a ~ '^[a-z]+[ ,]?'", (TEXT,)),
    Case("extract(a, '([a-b]+)([ ,.]+)', 2)", "regexp_substr(a, '([a-b]+)([ ,.]+)', 1, 1, '', 2)", (TEXT,)),
    Case("replace_matches(a, '([a-z])', '<\\\\1>')", r"regexp_replace(a, '([a-z])', '<\1>', 'g')", (TEXT,)),
    Case("count_matches(a, '[a-z]+')", "regexp_count(a, '[a-z]+')::bigint", (TEXT,)),
    Case("null_if(a, b)", "nullif(a, b)", (INTEGER, INTEGER)),
    Case("choose(a, b, c)", "CASE WHEN a THEN b ELSE c END", (BOOLEAN, INTEGER, INTEGER)),
    Case("switch(a, 1, 'x', b, 'y')", "CASE a WHEN 1 THEN 'x' WHEN b THEN 'y' END", (INTEGER, INTEGER)),
    Case("floor(a)", "floor(a)", (PRICE,)),
    Case("ceil(a)", "ceil(a)", (PRICE,)),
    Case("trunc(a)", "trunc(a)", (PRICE,)),
    Case("floor(a)", "floor(a)", (DOUBLE,)),
    Case("ceil(a)", "ceil(a)", (DOUBLE,)),
    Case("sign(a)", "sign(a)::bigint", (PRICE,)),
    Case("sign(a)", "sign(a)", (DOUBLE,)),
    Case("mod(a, b)", "mod(a, b)", (INTEGER, INTEGER)),
    Case("power(a, b)", "power(a::float8, b::float8)", (INTEGER, INTEGER)),
    Case("clamp(a, -5.5, 100)", "CASE WHEN a IS NOT NULL THEN least(greatest(a, -5.5), 100) END", (PRICE,)),
    Case("width_bucket(a, -100, 1000, b)", "width_bucket(a, -100, 1000, b::int)", (DOUBLE, INTEGER)),
    Case("width_bucket(a, -0.3, 1000, b)", "width_bucket(a, -0.3, 1000, b::int)", (PRICE, INTEGER)),
    Case("width_bucket(a, -7, 20, b)", "width_bucket(a::numeric, -7, 20, b::int)", (INTEGER, INTEGER)),
    Case("bit_and(a, b)", "a & b", (INTEGER, INTEGER)),
    Case("bit_or(a, b)", "a | b", (INTEGER, INTEGER)),
    Case("bit_xor(a, b)", "a # b", (INTEGER, INTEGER)),
    Case("decimal(a, 6, 1)", "a::numeric(6,1)", (PRICE,)),
    Case("bool(a)", "a::int::boolean", (INTEGER,)),
    Case("make_date(a + 2000, b, c)", "make_date((a + 2000)::int, b::int, c::int)", (INTEGER, INTEGER, INTEGER)),
    Case("make_timestamp(2026, a, b, c, 30)", "make_timestamp(2026, a::int, b::int, c::int, 30, 0)", (INTEGER, INTEGER, INTEGER)),
    Case("end_of_month(a)", "(date_trunc('month', a) + interval '1 month' - interval '1 day')::date", (DATE,)),
    Case("age(a, b)", "extract(year FROM age(b, a))::bigint", (DATE, DATE)),
    Case("date_diff(min(a, b), max(a, b), 'month')", "(extract(year FROM age(greatest(a, b), least(a, b))) * 12 + extract(month FROM age(greatest(a, b), least(a, b))))::bigint", (TIMESTAMP, TIMESTAMP)),
    Case("date_diff(a, b, 'hour')", "trunc(extract(epoch FROM b - a) / 3600)::bigint", (TIMESTAMP, TIMESTAMP)),
    Case("to_epoch(a)", "floor(extract(epoch FROM a))::bigint", (TIMESTAMPTZ,)),
    Case("from_epoch(a)", "to_timestamp(a)", (INTEGER,)),
    Case("to_zone(a, 'Europe/Berlin')", "a AT TIME ZONE 'Europe/Berlin'", (TIMESTAMPTZ,)),
    Case("from_zone(a, 'America/New_York')", "a AT TIME ZONE 'America/New_York'", (TIMESTAMP,)),
    Case("format_date(a, '%Y-%m-%d %H:%M:%S.%f %j %y')", "to_char(a, 'YYYY-MM-DD HH24:MI:SS.US DDD YY')", (TIMESTAMP,)),
    Case("md5(a)", "md5(a)", (TEXT,)),
    Case("sha256(a)", "encode(sha256(convert_to(a, 'UTF8')), 'hex')", (TEXT,)),
    Case("base64_encode(a)", "encode(convert_to(a, 'UTF8'), 'base64')", (TEXT,)),
    Case("hex_encode(a)", "encode(convert_to(a, 'UTF8'), 'hex')", (TEXT,)),
    *_parts(),
    *_doubles(),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(postgresql_server: Running) -> Iterator[Connection]:
    with postgresql_server.database() as database, contextlib.closing(database.connect()) as made:
        made.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
        yield made


def theirs(case: Case, rows: Sequence[Sequence[Any]], server: Connection) -> list[Any]:
    """A value for each row; a class where it fails."""
    columns = ", ".join(
        f"%s::{THEIRS[of]} AS {name}" for name, of in zip("abc", case.of, strict=False)
    )
    selects = " UNION ALL ".join([f"SELECT {n} AS id, {columns}" for n in range(len(rows))])
    given_values = [value for row in rows for value in row]
    sql = f"SELECT {case.theirs.replace('%', '%%')} FROM ({selects}) AS rows ORDER BY id"
    try:
        return [found for (found,) in server.execute(sql, given_values).fetchall()]
    except (psycopg.errors.DataError, psycopg.errors.ProgramLimitExceeded):
        if len(rows) == 1:
            return [Failed]
        return [found for row in rows for found in theirs(case, [row], server)]


def ours(case: Case, rows: Sequence[Sequence[Any]]) -> list[Any]:
    try:
        return evaluate(case.ours, dict(zip("abc", case.of, strict=False)), rows)
    except Failed:
        if len(rows) == 1:
            return [Failed]
        return [found for row in rows for found in ours(case, [row])]


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, float) and isinstance(other, (float, Decimal)):
        both_nan = math.isnan(mine) and math.isnan(other)
        return both_nan or math.isclose(mine, other, rel_tol=1e-13, abs_tol=1e-300)
    return bool(mine == other)


def test_the_cases_call_many_functions() -> None:
    called = {name for name in FUNCTIONS for case in CASES if f"{name}(" in case.ours}
    assert len(called) >= 60
    assert all(parse(case.ours) for case in CASES)


@pytest.mark.parametrize("part", range(4))
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_function_gives_what_postgresql_gives(
    data: st.DataObject, part: int, server: Connection
) -> None:
    case = data.draw(st.sampled_from(CASES[part::4]))
    row = st.tuples(*(VALUES[of] | st.none() for of in case.of))
    rows = data.draw(st.lists(row, min_size=1, max_size=ROWS))
    for given_row, mine, other in zip(
        rows, ours(case, rows), theirs(case, rows, server), strict=True
    ):
        assert _same(mine, other), f"{case.ours} = {mine!r}\n{case.theirs} = {other!r}\n{given_row}"
