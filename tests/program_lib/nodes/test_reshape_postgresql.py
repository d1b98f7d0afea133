"""Sort, distinct, aggregate and window give what PostgreSQL gives, for every type, NULLs and no rows."""

from __future__ import annotations

import contextlib
import datetime
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from program_lib.gathering import Gather
from program_lib.nodes import NodeFailed
from program_lib.reshape import Answer, Rows
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
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.nodes.gathered import handed_on, table_of
from tests.servers.databases import Running

UTC = datetime.UTC
MOMENT = datetime.datetime
# Values that have gone wrong somewhere: each column draws from its own
POOL: dict[str, tuple[Type, str, list[Any]]] = {
    "i": (INTEGER, "bigint", [0, 1, -1, 7, 2**63 - 1, -(2**63), 2**53 + 1]),
    "d": (decimal(10, 2), "numeric(10,2)", ["0.00", "0.05", "-0.05", "9.99", "-10.50", "99999999.99"]),
    "w": (decimal(38, 38), "numeric(38,38)", ["0." + "0" * 37 + "1", "-0." + "9" * 38, "0." + "5" * 38]),
    "n": (NUMERIC, "numeric", ["0", "0.00", "9", "10", "10.50", "10.5", "-9", "-10", "-1.5", "-1.55", "100", "0.001", "0.0015"]),
    "N": (NUMERIC, "numeric", ["NaN", "Infinity", "-Infinity", "1" + "0" * 60, "-1" + "0" * 60, "1" + "0" * 59 + ".5", "0." + "0" * 50 + "1", "-2", "1.0", "1"]),
    "x": (DOUBLE, "double precision", [0.0, -0.0, 1.5, -1e300, 1e308, 0.1, 0.2, math.inf, -math.inf, math.nan]),
    "t": (TEXT, 'text COLLATE "C"', ["", "a", "Z", "ä", "aa", "a ", "𝄞", "�", "a'b\"; DROP", "\n"]),
    "p": (Type(Kind.TEXT, length=3, is_padded=True), 'char(3) COLLATE "C"', ["a", "ab", "b"]),
    "f": (BOOLEAN, "boolean", [True, False]),
    "b": (BYTES, "bytea", [b"", b"\x00", b"\x00\x01", b"\xff", b"a"]),
    "day": (DATE, "date", [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1970, 1, 1)]),
    "c": (TIME, "time", [datetime.time(0), datetime.time(23, 59, 59, 999999)]),
    "at": (TIMESTAMP, "timestamp", [MOMENT(1, 1, 1), MOMENT(2026, 3, 29, 2, 30), MOMENT(2026, 3, 29, 2, 30, 0, 1)]),
    "z": (TIMESTAMPTZ, "timestamptz", [MOMENT(1970, 1, 1, tzinfo=UTC), MOMENT(1969, 12, 31, tzinfo=UTC)]),
    "u": (UUID, "uuid", ["123e4567-e89b-12d3-a456-426614174000", "023e4567-e89b-12d3-a456-426614174000"]),
}  # fmt: skip
SCHEMA = Schema([Column("id", INTEGER), *(Column(name, of) for name, (of, _, _) in POOL.items())])
NUMBERS = [column.name for column in SCHEMA[1:] if column.type.kind in ("integer", "decimal", "numeric", "double")]  # fmt: skip
Row = tuple[Any, ...]
FEW = settings(
    phases=[Phase.generate],  # to shrink takes minutes here, and the rows are few
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def rows_of() -> st.SearchStrategy[list[Row]]:
    values = [st.none() | st.sampled_from(pool) for _, _, pool in POOL.values()]
    return st.lists(st.tuples(*values), max_size=9)


NAMES = st.lists(st.sampled_from(list(POOL)), min_size=1, max_size=3, unique=True)
ORDERS = NAMES.flatmap(
    lambda names: st.tuples(
        *(
            st.tuples(
                st.just(name), st.sampled_from(["asc", "desc"]), st.sampled_from(["first", "last"])
            )
            for name in names
        )
    )
)


class Both:
    """The same rows here and in PostgreSQL."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self.connection = connection
        columns = ", ".join(f'"{name}" {of}' for name, (_, of, _) in POOL.items())
        connection.execute(f"CREATE TEMP TABLE rows (id bigint, {columns})")

    def fill(self, rows: Sequence[Row]) -> None:
        numbered = [(number, *row) for number, row in enumerate(rows)]
        self.table = table_of(SCHEMA, [[*map(_ours, row, SCHEMA)] for row in numbered])
        self.connection.execute("TRUNCATE rows")
        places = ", ".join(["%s"] * len(SCHEMA))
        with self.connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO rows VALUES ({places})", numbered)

    def ours(self, work: Callable[[Rows], Answer]) -> list[Row]:
        half = len(self.table) // 2
        parts = [self.table.slice(0, half), self.table.slice(half)]
        return [
            tuple(map(_plain, row))
            for row in handed_on(Gather(2, "Node", work, feeds=[3]), SCHEMA, *parts).rows()
        ]

    def theirs(self, sql: str) -> list[Row]:
        return [tuple(map(_plain, row)) for row in self.connection.execute(sql).fetchall()]


def _ours(value: Any, column: Column) -> Any:
    return Decimal(value) if value is not None and column.type.kind is Kind.DECIMAL else value


def _plain(value: Any) -> Any:
    """Numbers as texts of one form, so that 1.50 is 1.5, NaN is NaN, and an integer may be numeric over there."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, float):
        return f"double {value + 0.0!r}"
    if isinstance(value, str):
        with contextlib.suppress(ArithmeticError):
            value = Decimal(value)
        if isinstance(value, str):
            return value.rstrip(" ") if len(value) == 3 else value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
        return f"number {number:f}".rstrip("0").rstrip(".") if "." in f"{number:f}" else f"number {number:f}"  # fmt: skip
    return value


@pytest.fixture(scope="module")
def both(postgresql_server: Running) -> Iterator[Both]:
    with postgresql_server.database() as database, contextlib.closing(database.connect()) as made:
        made.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
        yield Both(made)


def quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def in_order(orders: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(f'"{name}" {way} NULLS {nulls}' for name, way, nulls in orders)


@given(rows=rows_of(), orders=ORDERS)
@FEW
def test_rows_are_sorted_as_postgresql_sorts_them(
    both: Both, rows: list[Row], orders: tuple[tuple[str, str, str], ...]
) -> None:
    both.fill(rows)
    theirs = both.theirs(f"SELECT * FROM rows ORDER BY {in_order(orders)}, id")
    assert both.ours(lambda rows: rows.sort(*orders)) == theirs


@given(rows=rows_of(), names=NAMES, keep=st.sampled_from(["first", "last"]))
@FEW
def test_of_equal_rows_one_stays(both: Both, rows: list[Row], names: list[str], keep: str) -> None:
    both.fill(rows + rows)
    way = "ASC" if keep == "first" else "DESC"
    numbered = f"SELECT *, row_number() OVER (PARTITION BY {quoted(names)} ORDER BY id {way}) AS place FROM rows"
    columns = quoted(SCHEMA.names)
    theirs = both.theirs(f"SELECT {columns} FROM ({numbered}) AS r WHERE place = 1 ORDER BY id")
    assert both.ours(lambda rows: rows.distinct(names, keep=keep)) == theirs


@given(rows=rows_of(), by=NAMES | st.just([]), name=st.sampled_from(list(POOL)))
@FEW
def test_counts_and_chosen_values_of_groups(
    both: Both, rows: list[Row], by: list[str], name: str
) -> None:
    both.fill(rows)
    column, grouping = f'"{name}"', f"GROUP BY {quoted(by)} ORDER BY min(id)" if by else ""
    wanted: dict[str, tuple[str, str | None]] = {
        "rows": ("count", None),
        "known": ("count", name),
        "different": ("count distinct", name),
        "one": ("first", name),
        "end": ("last", name),
    }
    sql = f"count(*), count({column}), count(DISTINCT {column}), (array_agg({column} ORDER BY id))[1], (array_agg({column} ORDER BY id DESC))[1]"
    if name not in ("f", "u", "b"):  # of which PostgreSQL has no min
        wanted |= {"least": ("min", name), "most": ("max", name)}
        sql += f", min({column}), max({column})"
    theirs = both.theirs(f"SELECT {sql} FROM rows {grouping}")
    ours = both.ours(lambda rows: rows.aggregate(by, wanted))
    assert [row[len(by) :] for row in ours] == theirs


@given(rows=rows_of(), by=NAMES | st.just([]))
@FEW
def test_texts_are_joined_in_the_order_of_rows(both: Both, rows: list[Row], by: list[str]) -> None:
    both.fill(rows)
    grouping = f"GROUP BY {quoted(by)} ORDER BY min(id)" if by else ""
    joined = "string_agg(t, ''', ' ORDER BY id), string_agg(n::text, ''', ' ORDER BY id)"
    theirs = both.theirs(f"SELECT {joined} FROM rows {grouping}")
    columns = {"texts": ("join", "t", "', "), "numbers": ("join", "n", "', ")}
    ours = both.ours(lambda rows: rows.aggregate(by, columns))
    assert [row[len(by) :] for row in ours] == theirs


@given(rows=rows_of(), by=NAMES | st.just([]), name=st.sampled_from(NUMBERS))
@FEW
def test_sums_and_means_are_exact_or_fail(
    both: Both, rows: list[Row], by: list[str], name: str
) -> None:
    both.fill(rows)
    grouping = f"GROUP BY {quoted(by)} ORDER BY min(id)" if by else ""
    columns: dict[str, tuple[str, str | None]] = {"s": ("sum", name), "m": ("mean", name)}
    try:
        ours = both.ours(lambda rows: rows.aggregate(by, columns))
    except NodeFailed:
        is_expected = _may_fail(both, name, grouping)
        assert is_expected
        return
    sums = f'sum("{name}" ORDER BY id)'
    mean = sums + f' / count("{name}")'
    if name != "x":
        digits = _digits(both, name) + 6
        mean = f'round(sum("{name}")::numeric(300, 60) / nullif(count("{name}"), 0), {min(digits, 38)})'
    else:
        mean = f'{sums} / nullif(count("{name}"), 0)'
    theirs = both.theirs(f"SELECT {sums}, {mean} FROM rows {grouping}")
    assert [row[len(by) :] for row in ours] == theirs


def _digits(both: Both, name: str) -> int:
    """The most digits after the point: of a numeric those of its values, of others those of the type."""
    of = POOL[name][0]
    if of.kind is not Kind.NUMERIC:
        return of.scale or 0
    [(most,)] = both.connection.execute(
        f'SELECT coalesce(max(scale(trim_scale("{name}"))), 0) FROM rows'
    ).fetchall()
    return int(most or 0)


def _may_fail(both: Both, name: str, grouping: str) -> bool:
    """Where a sum, or a mean with its six digits more, is beyond what it may be; or a value cannot be added up."""
    if name == "x":
        with pytest.raises(psycopg.errors.NumericValueOutOfRange):
            both.theirs(f'SELECT sum("{name}" ORDER BY id) FROM rows {grouping}')
        return True
    digits = _digits(both, name) + 6
    sums = both.connection.execute(f'SELECT sum("{name}"), max(abs("{name}"::numeric)) FROM rows {grouping}').fetchall()  # fmt: skip
    most = 2**63 - 1 if name == "i" else Decimal(10) ** (38 - min(digits, 38))
    return digits > 38 or any(_is_beyond(value, most) for pair in sums for value in pair)


def _is_beyond(value: Any, most: Any) -> bool:
    if value is None:
        return False
    return not Decimal(value).is_finite() or not -most - 1 <= value <= most


@given(
    rows=rows_of(),
    by=NAMES | st.just([]),
    orders=ORDERS,
    name=st.sampled_from(list(POOL)),
    offset=st.integers(0, 3),
)
@FEW
def test_windows_see_what_postgresql_sees(
    both: Both,
    rows: list[Row],
    by: list[str],
    orders: tuple[tuple[str, str, str], ...],
    name: str,
    offset: int,
) -> None:
    both.fill(rows)
    column = f'"{name}"'
    within = f"PARTITION BY {quoted(by)} " if by else ""
    strict, ranks = (
        f"{within}ORDER BY {in_order(orders)}, id",
        f"{within}ORDER BY {in_order(orders)}",
    )
    running = f"{strict} ROWS UNBOUNDED PRECEDING"
    columns: dict[str, Any] = {
        "1": ("row number", None),
        "2": ("rank", None),
        "3": ("dense rank", None),
        "4": ("lag", name, offset),
        "5": ("lead", name, offset),
        "6": ("running count", name),
        "7": ("running count", None),
    }
    calls = [
        f"row_number() OVER ({strict})",
        f"rank() OVER ({ranks})",
        f"dense_rank() OVER ({ranks})",
    ]
    calls += [
        f"lag({column}, {offset}) OVER ({strict})",
        f"lead({column}, {offset}) OVER ({strict})",
    ]
    calls += [f"count({column}) OVER ({running})", f"count(*) OVER ({running})"]
    if name not in ("f", "u", "b"):
        columns |= {"8": ("running min", name), "9": ("running max", name)}
        calls += [f"min({column}) OVER ({running})", f"max({column}) OVER ({running})"]
    if name in ("d", "n"):
        columns["10"] = ("running sum", name)
        columns["11"] = ("running mean", name)
        digits = _digits(both, name) + 6
        calls.append(f"sum({column}) OVER ({running})")
        calls.append(f"round(sum({column}::numeric(300, 60)) OVER ({running}) / nullif(count({column}) OVER ({running}), 0), {digits})")  # fmt: skip
    theirs = both.theirs(f"SELECT {', '.join(calls)} FROM rows ORDER BY id")
    ours = both.ours(lambda rows: rows.window(columns, by=by, order=orders))
    assert [row[len(SCHEMA) :] for row in ours] == theirs
