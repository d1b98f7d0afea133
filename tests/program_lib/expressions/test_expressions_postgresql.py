"""Expressions mean what PostgreSQL means by them: the same value for each row, or both fail.

Random expressions are written twice, as a user of ours does and as SQL, and computed over rows of odd values.
"""

from __future__ import annotations

import contextlib
import datetime
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from program_lib.expressions import ExpressionError
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    Type,
    decimal,
)
from tests.program_lib.expressions.evaluating import Failed, evaluate
from tests.servers.databases import Running

COLUMNS: dict[str, tuple[Type, str]] = {
    "a": (INTEGER, "bigint"),
    "b": (INTEGER, "bigint"),
    "p": (decimal(10, 2), "numeric(10,2)"),
    "q": (decimal(10, 2), "numeric(10,2)"),
    "n": (NUMERIC, "numeric"),
    "m": (NUMERIC, "numeric"),
    "x": (DOUBLE, "double precision"),
    "y": (DOUBLE, "double precision"),
    "s": (TEXT, 'text COLLATE "C"'),
    "t": (TEXT, 'text COLLATE "C"'),
    "f": (BOOLEAN, "boolean"),
    "g": (BOOLEAN, "boolean"),
    "d": (DATE, "date"),
    "e": (DATE, "date"),
    "ts": (TIMESTAMP, "timestamp"),
    "tu": (TIMESTAMP, "timestamp"),
}
DEPTH = 3  # of an expression
NUMERIC_SCALE = 6  # digits after the point that n and m have at most
MOST, LEAST = 2**63 - 1, -(2**63)
NAN, INFINITY = math.nan, math.inf
DAY, MOMENT = datetime.date, datetime.datetime
ROWS: list[tuple[Any, ...]] = [
    (7, 3, "9.99", "2.50", "10.50", "3", 2.5, 0.1, "abc", "b", True, False, DAY(2026, 1, 31), DAY(2025, 12, 31), MOMENT(2026, 1, 31, 12, 30, 0, 500000), MOMENT(2026, 1, 1)),
    (-7, 2, "-9.99", "0.01", "-0.000001", "12345.678", -3.5, 1e300, "", "a", False, True, DAY(1, 1, 1), DAY(9999, 12, 31), MOMENT(1, 1, 1), MOMENT(9999, 12, 31, 23, 59, 59, 999999)),
    (0, 0, "0.00", "0.00", "0", "0.000", 0.0, -0.0, " Añb ", "ñ", None, True, DAY(1970, 1, 1), DAY(1970, 1, 1), MOMENT(1970, 1, 1), MOMENT(1969, 12, 31, 23, 59, 59, 999999)),
    (MOST, 1, "99999999.99", "-99999999.99", "12345678901234567890", "1", NAN, INFINITY, "a'b\"c\\", "%_", None, None, DAY(2024, 2, 29), DAY(2023, 2, 28), MOMENT(2024, 2, 29, 23, 59, 59), MOMENT(2023, 3, 1)),
    (LEAST, -1, "0.05", "-0.01", "0.5", "-2.5", -INFINITY, 2.0**53 + 2, "𝄞x", "", True, True, None, DAY(2026, 1, 31), None, MOMENT(2026, 1, 31)),
    (2**53 + 1, 5, "2.67", "2.68", "2.675", "1.005", 2.675, 1e-300, "B", "b", False, False, DAY(2026, 3, 29), None, MOMENT(2026, 3, 29, 2, 30), None),
    (None,) * 16,
    (1, None, "1.00", None, "100", None, 1.0, None, "a", None, True, None, DAY(2026, 1, 31), None, MOMENT(2026, 1, 31), None),
]  # fmt: skip
Connection = psycopg.Connection[tuple[Any, ...]]
TYPES = {name: of for name, (of, _) in COLUMNS.items()}


def _as_python(value: Any, of: Type) -> Any:
    return Decimal(value) if value is not None and str(of).startswith("decimal") else value


OURS = [[_as_python(v, of) for v, of in zip(row, TYPES.values(), strict=True)] for row in ROWS]


@dataclass(frozen=True)
class Said:
    """One expression, as ours and as PostgreSQL's; `scale` is of an exact number."""

    ours: str
    theirs: str
    scale: int = 0


@pytest.fixture(scope="module")
def server(postgresql_server: Running) -> Iterator[Connection]:
    """A connection to a database in which `rows` holds ROWS, numbered from 0 by `id`."""
    with postgresql_server.database() as database, contextlib.closing(database.connect()) as made:
        made.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'")
        columns = ", ".join(f"{name} {of}" for name, (_, of) in COLUMNS.items())
        made.execute(f"CREATE TABLE rows (id int, {columns})")
        for number, row in enumerate(ROWS):
            places = ", ".join(["%s"] * (len(row) + 1))
            made.execute(f"INSERT INTO rows VALUES ({places})", (number, *row))
        yield made


# ------------------------------------------------ expressions


def _columns(*names: str, scale: int = 0) -> st.SearchStrategy[Said]:
    return st.sampled_from([Said(name, name, scale) for name in names])


def _literal(text: str, of: str, scale: int = 0) -> Said:
    """A literal that PostgreSQL does not compute with before it has to."""
    theirs = text.replace("True", "true").replace("False", "false")
    return Said(text, f"(SELECT {theirs}::{of})", scale)


def _infix(
    left: st.SearchStrategy[Said],
    signs: dict[str, str],
    right: st.SearchStrategy[Said],
    scale: Callable[[str, int, int], int] = lambda sign, left, right: 0,
) -> st.SearchStrategy[Said]:
    """`signs` gives PostgreSQL's form of each operator, with {0} and {1}, and {2} for the scale."""

    def said(parts: tuple[Said, str, Said]) -> Said:
        one, sign, other = parts
        digits = scale(sign, one.scale, other.scale)
        ours = f"({one.ours} {sign} {other.ours})"
        return Said(ours, f"({signs[sign].format(one.theirs, other.theirs, digits)})", digits)

    return st.tuples(left, st.sampled_from(sorted(signs)), right).map(said)


def _call(
    form: str, theirs: str, *arguments: st.SearchStrategy[Said], scale: int | None = None
) -> st.SearchStrategy[Said]:
    def said(parts: tuple[Said, ...]) -> Said:
        digits = max(part.scale for part in parts) if scale is None else scale
        return Said(
            form.format(*(part.ours for part in parts)),
            theirs.format(*(part.theirs for part in parts)),
            digits,
        )

    return st.tuples(*arguments).map(said)


def _chosen(
    of: st.SearchStrategy[Said], condition: st.SearchStrategy[Said]
) -> list[st.SearchStrategy[Said]]:
    """What every type has: if and else, coalesce, max and min."""
    return [
        _call("({0} if {1} else {2})", "(CASE WHEN {1} THEN {0} ELSE {2} END)", of, condition, of),
        _call("coalesce({0}, {1})", "coalesce({0}, {1})", of, of),
        _call("max({0}, {1})", "greatest({0}, {1})", of, of),
        _call("min({0}, {1}, {2})", "least({0}, {1}, {2})", of, of, of),
    ]


PLAIN = {sign: f"{{0}} {sign} {{1}}" for sign in "+-*"}
COMPARED = {"==": "{0} = {1}", "!=": "{0} <> {1}"} | {
    sign: f"{{0}} {sign} {{1}}" for sign in ("<", "<=", ">", ">=")
}


def _exact_scale(sign: str, left: int, right: int) -> int:
    if sign == "*":
        return left + right
    return max(12, left, right) if sign == "/" else 0 if sign == "//" else max(left, right)


_exact_literals = st.sampled_from(
    [("1.19", 2), ("0.5", 1), ("(-2.50)", 2), ("0.01", 2), ("100.0", 1), ("9.99", 2)]
).map(lambda pair: _literal(pair[0], "numeric", pair[1]))
_short_texts = st.sampled_from(["''", "'b'", "'ab'", "'ñ'", "'%'", "'it''s'", "' '"])


@cache
def level(depth: int) -> Expressions:
    return Expressions(depth)


class Expressions:
    """Expressions of each type that are nested up to `depth` deep."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def _grown(
        self,
        leaves: st.SearchStrategy[Said],
        grow: Callable[[Expressions], list[st.SearchStrategy[Said]]],
    ) -> st.SearchStrategy[Said]:
        if self.depth == 0:
            return leaves
        return st.one_of(leaves, *grow(level(self.depth - 1)))

    @cached_property
    def integers(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(
            _columns("a", "b"),
            st.sampled_from([-3, 0, 1, 2, 100, MOST]).map(lambda v: _literal(f"({v})", "bigint")),
        )
        return self._grown(
            leaves,
            lambda inner: [
                _infix(
                    inner.integers,
                    PLAIN | {"//": "{0} / {1}", "%": "{0} % {1}"},
                    inner.integers,
                ),
                _call("(-{0})", "(-{0})", inner.integers),
                _call("abs({0})", "abs({0})", inner.integers),
                _call("round({0}, -2)", "round({0}, -2)::bigint", inner.integers),
                _call(
                    "int({0})",
                    "trunc({0})::bigint",
                    st.one_of(inner.exacts, inner.doubles),
                    scale=0,
                ),
                _call("int({0})", "({0})::int::bigint", inner.booleans),
                _call("len({0})", "length({0})::bigint", inner.texts),
                _call("({0} - {1})", "({0} - {1})::bigint", inner.dates, inner.dates),
                *_chosen(inner.integers, inner.booleans),
            ],
        )

    @cached_property
    def exacts(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(
            _columns("p", "q", scale=2), _columns("n", "m", scale=NUMERIC_SCALE), _exact_literals
        )
        return self._grown(
            leaves,
            lambda inner: [
                _infix(
                    inner.exacts,
                    PLAIN
                    | {
                        "/": "round({0} * 1.0000000000000000000000000000000000000000::numeric / {1}, {2})",
                        "//": "div({0}, {1})",
                        "%": "{0} % {1}",
                    },
                    st.one_of(inner.exacts, inner.integers),
                    _exact_scale,
                ),
                _infix(inner.integers, PLAIN, inner.exacts, _exact_scale),
                _call("(-{0})", "(-{0})", inner.exacts),
                _call("abs({0})", "abs({0})", inner.exacts),
                _call("round({0}, 1)", "round({0}, 1)", inner.exacts),
                _call("round({0})", "round({0})", inner.exacts),
                _call("round({0}, -1)", "round({0}, -1)", inner.exacts),
                *_chosen(inner.exacts, inner.booleans),
            ],
        )

    @cached_property
    def doubles(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(
            _columns("x", "y"),
            st.sampled_from(["2.5", "-0.1", "0", "1e30"]).map(
                lambda v: Said(f"float({v})", f"(SELECT {v}::float8)")
            ),
        )
        return self._grown(
            leaves,
            lambda inner: [
                _infix(inner.doubles, PLAIN | {"/": "{0} / {1}"}, inner.numbers),
                _infix(inner.numbers, PLAIN | {"/": "{0} / {1}"}, inner.doubles),
                _infix(inner.integers, {"/": "{0}::float8 / {1}"}, inner.integers),
                _infix(inner.doubles, {"//": "trunc({0} / {1})"}, inner.doubles),
                _infix(
                    inner.integers, {"**": "{0}::float8 ^ {1}"}, st.just(_literal("2", "bigint"))
                ),
                _call("(-{0})", "(-{0})", inner.doubles),
                _call("abs({0})", "abs({0})", inner.doubles),
                _call("round({0})", "round({0})", inner.doubles),
                _call("float({0})", "({0})::float8", st.one_of(inner.integers, inner.exacts)),
                *_chosen(inner.doubles, inner.booleans),
            ],
        )

    @cached_property
    def texts(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(
            _columns("s", "t"),
            _short_texts.map(
                lambda v: Said(repr(v[1:-1].replace("''", "'")), f'(SELECT {v}::text COLLATE "C")')
            ),
        )
        return self._grown(
            leaves,
            lambda inner: [
                _infix(inner.texts, {"+": "{0} || {1}"}, inner.texts),
                _call("lower({0})", 'lower({0} COLLATE "default") COLLATE "C"', inner.texts),
                _call("upper({0})", 'upper({0} COLLATE "default") COLLATE "C"', inner.texts),
                _call("strip({0})", "btrim({0})", inner.texts),
                _call(
                    "replace({0}, {1}, {2})",
                    "replace({0}, {1}, {2})",
                    inner.texts,
                    inner.texts,
                    inner.texts,
                ),
                _call("{0}[:2]", "left({0}, 2)", inner.texts),
                _call("{0}[-2:]", "right({0}, 2)", inner.texts),
                _call("{0}[1:]", "substr({0}, 2)", inner.texts),
                _call("{0}[:-1]", "left({0}, -1)", inner.texts),
                _call(
                    "str({0})",
                    "({0})::text",
                    st.one_of(inner.integers, inner.booleans, inner.dates, inner.timestamps),
                ),
                _call("str({0})", "({0})::text", _columns("p", "n")),
                *_chosen(inner.texts, inner.booleans),
            ],
        )

    @cached_property
    def booleans(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(
            _columns("f", "g"),
            st.sampled_from(["True", "False"]).map(lambda v: _literal(v, "boolean")),
        )
        return self._grown(
            leaves,
            lambda inner: [
                _infix(inner.booleans, {"and": "{0} AND {1}", "or": "{0} OR {1}"}, inner.booleans),
                _call("(not {0})", "(NOT {0})", inner.booleans),
                *(
                    _infix(one, COMPARED, other)
                    for one, other in (
                        (inner.integers, inner.integers),
                        (inner.exacts, st.one_of(inner.exacts, inner.integers)),
                        (inner.doubles, inner.numbers),
                        (inner.texts, inner.texts),
                        (inner.booleans, inner.booleans),
                        (
                            st.one_of(inner.dates, inner.timestamps),
                            st.one_of(inner.dates, inner.timestamps),
                        ),
                    )
                ),
                *(
                    _call("({0} is None)", "({0} IS NULL)", one)
                    for one in (
                        inner.integers,
                        inner.exacts,
                        inner.doubles,
                        inner.texts,
                        inner.dates,
                    )
                ),
                *(
                    _call("({0} in ({1}, {2}))", "({0} IN ({1}, {2}))", one, plain, plain)
                    for one, plain in (
                        (inner.integers, _columns("a", "b")),
                        (inner.exacts, st.one_of(_columns("p", "n", "a"), _exact_literals)),
                        (inner.doubles, _columns("x", "y")),
                        (inner.texts, _columns("s", "t")),
                        (inner.dates, _columns("d", "e")),
                    )
                ),
                _call(
                    "({0} not in ({1}, None))",
                    "({0} NOT IN ({1}, NULL))",
                    inner.exacts,
                    _columns("a"),
                ),
                _call(
                    "({0} < {1} <= {2})",
                    "({0} < {1} AND {1} <= {2})",
                    inner.exacts,
                    inner.exacts,
                    inner.integers,
                ),
                _call("({0} in {1})", "(strpos({1}, {0}) > 0)", inner.texts, _columns("s", "t")),
                _call("starts_with({0}, {1})", "starts_with({0}, {1})", inner.texts, inner.texts),
                _call(
                    "ends_with({0}, {1})",
                    "(right({0}, length({1})) = {1})",
                    inner.texts,
                    inner.texts,
                ),
                _call(
                    "({0} > '2025-12-31')",
                    "({0} > '2025-12-31')",
                    st.one_of(inner.dates, inner.timestamps),
                ),
                *_chosen(inner.booleans, inner.booleans),
            ],
        )

    @cached_property
    def dates(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(_columns("d", "e"))
        return self._grown(
            leaves,
            lambda inner: [
                _call("(d + {0} % 100)", "(d + ({0} % 100)::int)", inner.integers),
                _call("(d - {0} % 100)", "(d - ({0} % 100)::int)", inner.integers),
                _call("date({0})", "({0})::date", inner.timestamps),
                *_chosen(inner.dates, inner.booleans),
            ],
        )

    @cached_property
    def timestamps(self) -> st.SearchStrategy[Said]:
        leaves = st.one_of(_columns("ts", "tu"))
        return self._grown(
            leaves,
            lambda inner: [
                _call("timestamp({0})", "({0})::timestamp", inner.dates),
                *_chosen(inner.timestamps, inner.booleans),
            ],
        )

    @cached_property
    def numbers(self) -> st.SearchStrategy[Said]:
        return st.one_of(self.doubles, self.integers, self.exacts)

    @cached_property
    def moments_as_texts(self) -> st.SearchStrategy[Said]:
        """PostgreSQL's as texts: Python has no years after 9999."""
        return _call("str({0})", "({0})::text", st.one_of(self.dates, self.timestamps))

    @cached_property
    def intervals(self) -> st.SearchStrategy[Said]:
        minus = {"-": "({0} - {1})::text"}
        return st.one_of(
            _infix(self.timestamps, minus, st.one_of(self.timestamps, self.dates)),
            _infix(self.dates, minus, self.timestamps),
        )


# ------------------------------------------------ both computed


@dataclass(frozen=True)
class Fails:
    why: str


def ours(said: Said, expected: list[Any]) -> list[Any]:
    """A value for each row, or Fails; rows that do not fail there are computed together."""
    together = [row for row, there in zip(OURS, expected, strict=True) if not _fails(there)]
    try:
        values = iter(evaluate(said.ours, TYPES, together, NUMERIC_SCALE))
    except Failed:
        return [_ours_alone(said, row) for row in OURS]
    return [
        _ours_alone(said, row) if _fails(there) else next(values)
        for row, there in zip(OURS, expected, strict=True)
    ]


def _fails(value: Any) -> bool:
    return isinstance(value, Fails)


def _ours_alone(said: Said, row: list[Any]) -> Any:
    try:
        [value] = evaluate(said.ours, TYPES, [row], NUMERIC_SCALE)
    except Failed as failed:
        return Fails(str(failed))
    return value


def theirs(said: Said, connection: Connection) -> list[Any]:
    try:
        found = connection.execute(f"SELECT {said.theirs} FROM rows ORDER BY id")
        return [value for (value,) in found.fetchall()]
    except psycopg.errors.DataError:
        return [_theirs_alone(said, connection, number) for number in range(len(ROWS))]


def _theirs_alone(said: Said, connection: Connection, number: int) -> Any:
    try:
        [row] = connection.execute(f"SELECT {said.theirs} FROM rows WHERE id = {number}").fetchall()
    except psycopg.errors.DataError as error:
        return Fails(str(error))
    return row[0]


def check_same(said: Said, connection: Connection) -> None:
    expected = theirs(said, connection)
    try:
        computed = ours(said, expected)
    except ExpressionError as error:
        # our decimals have 38 digits, and an expression that would be very long as SQL is refused
        assume(not re.search("digits after the point|too involved|nested too deeply", str(error)))
        raise
    for row, mine, other in zip(ROWS, computed, expected, strict=True):
        assert _same(mine, other), f"{said.ours} = {mine!r}\n{said.theirs} = {other!r}\n{row}"


def _same(mine: Any, other: Any) -> bool:
    if isinstance(mine, Fails) and isinstance(other, Fails):
        return True
    if isinstance(mine, Fails):
        return _is_beyond_ours(mine)
    if isinstance(other, Fails):
        if mine is None:  # NULL beside what would fail: it need not be computed
            return True
        return "underflow" in other.why  # ours is 0, as everywhere but in PostgreSQL
    if isinstance(mine, str) and isinstance(other, Decimal):
        mine = Decimal(mine)
    if isinstance(mine, float) and math.isnan(mine):
        return math.isnan(other)
    return bool(mine == other)


def _is_beyond_ours(failed: Fails) -> bool:
    """Decimals have 38 digits, dates years 1 to 9999."""
    return bool(re.search(r"DECIMAL\(\d+|INT128|years 1 to 9999", failed.why))


def same(strategy: st.SearchStrategy[Said], examples: int = 300) -> Callable[..., Any]:
    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
        return settings(max_examples=examples, suppress_health_check=checks)(
            given(said=strategy)(test)
        )

    return decorate


@same(level(DEPTH).integers)
def test_whole_numbers_are_computed_as_postgresql_does(said: Said, server: Connection) -> None:
    check_same(said, server)


@same(level(DEPTH).exacts)
def test_decimals_are_computed_as_postgresql_does(said: Said, server: Connection) -> None:
    check_same(said, server)


@same(level(DEPTH).doubles)
def test_floating_numbers_are_computed_as_postgresql_does(said: Said, server: Connection) -> None:
    check_same(said, server)


@same(level(DEPTH).booleans)
def test_conditions_are_true_where_they_are_in_postgresql(said: Said, server: Connection) -> None:
    check_same(said, server)


@same(level(DEPTH).texts)
def test_texts_are_what_postgresql_makes_of_them(said: Said, server: Connection) -> None:
    check_same(said, server)


@same(st.one_of(level(DEPTH).moments_as_texts, level(DEPTH).intervals))
def test_days_and_times_are_what_postgresql_makes_of_them(said: Said, server: Connection) -> None:
    check_same(said, server)
