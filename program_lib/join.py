"""Join: the rows of two inputs beside each other where their keys are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.batch import Batch
from program_lib.columns.join_columns import (
    ANTI,
    ANY,
    EXACTLY_ONE,
    FULL,
    INNER,
    LEFT,
    RIGHT,
    SEMI,
    SUFFIX,
    Joined,
    On,
    Side,
    joined_columns,
    key_types,
)
from program_lib.common_types import common_schema
from program_lib.errors import RowRefused
from program_lib.expressions.quoting import case, cast, quoted_name, type_name
from program_lib.expressions.terms import decimal_text
from program_lib.gathering.gathered import Gathered
from program_lib.gathering.spool import Spool
from program_lib.nodes import Feeds, Node
from program_lib.nodes.conform import conformed
from program_lib.types import INTEGER, Column, Kind, Schema, Type
from progress_lib import Status

# What is joined at once lies in memory, and all rows of the other side are read past it: fewer rows read them more often
ROWS_AT_ONCE = 200_000
BYTES_AT_ONCE = 32 * 1024 * 1024  # of such rows; wide ones are fewer
SOME = "some_rows"  # the table of what is joined at once: of a table as it is, DuckDB knows how many rows it has
LEFT_ROW, RIGHT_ROW = Column("\0left", INTEGER), Column("\0right", INTEGER)
_BY_LEFT_ROWS = {  # what the rows of some left rows are; for RIGHT and FULL, right rows without a match follow at the end
    INNER: "INNER JOIN",
    LEFT: "LEFT JOIN",
    RIGHT: "INNER JOIN",
    FULL: "LEFT JOIN",
    SEMI: "SEMI JOIN",
    ANTI: "ANTI JOIN",
}


@dataclass(frozen=True)
class JoinSettings:
    """How two inputs are joined; see `join`."""

    how: str
    on: On
    suffix: str
    expect: str


def join(*, how: str = INNER, on: On, suffix: str = SUFFIX, expect: str = ANY) -> JoinSettings:
    """How a Join joins its inputs.

    `how`: inner, left, right, full; semi or anti, which give left rows that have a match, or none. `on`: pairs of a
    left and a right column that must be equal; NULL equals nothing. `suffix`: for a column of the right whose name the
    left has, too. `expect`: how many matches each left row must have: "any", "at most one", "exactly one".
    """
    return JoinSettings(how, on, suffix, expect)


class Join(Node):
    """Gathers both inputs, then hands on the joined rows: in the order of the left, then of the right."""

    inputs_named = ("left", "right")
    gathers = True

    def __init__(
        self, number: int, name: str, work: Callable[[], JoinSettings], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work
        self.spool: Spool | None = None
        self.is_joining = False
        self.matches = Matches()

    def start(self) -> None:
        self.count_ahead(*self.inputs_named)
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            self.settings = self.work()
            left, right = (
                common_schema([feeder.schema for feeder in self.inputs[port]])
                for port in self.inputs_named
            )
            self.query = JoinQuery(left, right, self.settings)
            self.schema = self.query.schema
            self.spool = Spool(self.name)
            self.sides = {
                "left": Gathered(self.spool, "left_rows", left),
                "right": Gathered(self.spool, "right_rows", right),
            }

    def take(self, batch: Batch, port: str = "left") -> None:
        self.note_share(batch.share)
        with self.at_work():
            side = self.sides[port]
            side.add(conformed(batch, side.schema))
        self.seen += len(batch)
        self.say(Status.RUNNING)

    def complete(self) -> None:
        assert self.spool is not None
        self.is_joining = True
        with self.at_work():
            self._check_expected(self.spool)
            for table in self._tables(self.spool):
                self._hand_on_joined(table)
        self.close()
        self.say(Status.COMPLETED)

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()

    def told(self) -> str:
        if not self.is_joining:
            left, right = (len(side) for side in self.sides.values()) if self.spool else (0, 0)
            return f"{self.seen:,} rows gathered: {left:,} left, {right:,} right"
        if self.settings.how in (SEMI, ANTI):
            has = "a match" if self.settings.how == SEMI else "no match"
            return f"{self.row_count:,} left rows have {has}"
        told = f"{self.row_count:,} rows joined"
        if self.matches.several:
            told += f"; {self.matches.several:,} left rows matched more than one right row"
        return told

    def _tables(self, spool: Spool) -> Iterator[pa.Table]:
        yield from self._by_parts(spool, "left", self.query.of_left_rows())
        if self.settings.how in (RIGHT, FULL):
            yield from self._by_parts(spool, "right", self.query.of_right_rows_alone())

    def _by_parts(self, spool: Spool, port: str, sql: str) -> Iterator[pa.Table]:
        """What the query gives for SOME rows of a side after others."""
        side = self.sides[port]
        rows = max(1, min(ROWS_AT_ONCE, int(BYTES_AT_ONCE / side.row_bytes)))
        for first in range(1, len(side) + 1, rows):
            spool.execute(
                f"CREATE OR REPLACE TEMP TABLE {SOME} AS SELECT * FROM {side.table}"  # noqa: S608
                f" WHERE n BETWEEN {first} AND {first + rows - 1}"
            )
            yield from spool.select(sql, self.query.with_rows)

    def _hand_on_joined(self, table: pa.Table) -> None:
        self.matches.see(table[LEFT_ROW.name], table[RIGHT_ROW.name])
        numbers = pa.arange(self.row_count + 1, self.row_count + len(table) + 1)
        rows = table.select(self.schema.names)
        self.hand_on(Batch(rows, self.schema, numbers, self._where))

    def _where(self, number: int) -> str:
        return f"row {number:,} of {self.name}"

    def _check_expected(self, spool: Spool) -> None:
        """Raises NodeFailed for the first left row that has other matches than are expected."""
        if self.settings.expect == ANY:
            return
        several = spool.value(self.query.first_with_several())
        none = spool.value(self.query.first_with_none()) if self._wants_one else None
        rows = [number for number in (several, none) if isinstance(number, int)]
        if rows:
            number = min(rows)
            many = "no right row" if number == none else "more than one right row"
            left_key, _ = self.settings.on[0]
            expected = f"{self.settings.expect} is expected"
            error = RowRefused(0, f"it matches {many}, and {expected}", left_key)
            raise self.failed_at(self.sides["left"].row(number), error)

    @property
    def _wants_one(self) -> bool:
        return self.settings.expect == EXACTLY_ONE


class Matches:
    """Counts left rows that matched more than one right row; sees them in order."""

    def __init__(self) -> None:
        self.several = 0
        self._last: int | None = None  # the left row that was seen last …
        self._is_last_counted = False  # … and whether it is one of `several`

    def see(self, left_rows: pa.ChunkedArray, right_rows: pa.ChunkedArray) -> None:
        matched = left_rows.filter(pc.and_(right_rows.is_valid(), left_rows.is_valid()))
        counts = pc.value_counts(matched.combine_chunks())
        if not len(counts):
            return
        values, times = counts.field("values"), counts.field("counts")
        goes_on = values[0].as_py() == self._last
        self.several += pc.sum(pc.greater(times, 1)).as_py() or 0
        if goes_on:  # its matches lie in two batches
            self.several += (times[0].as_py() == 1) - self._is_last_counted
        self._is_last_counted = times[-1].as_py() > 1 or (goes_on and len(values) == 1)
        self._last = values[-1].as_py()


class JoinQuery:
    """The SQL that joins two gathered inputs. Names enter it through `quoted_name` alone."""

    def __init__(self, left: Schema, right: Schema, settings: JoinSettings) -> None:
        """Raises ProgramError where keys are not there or cannot be compared."""
        columns = joined_columns(left, right, settings.how, settings.on, settings.suffix)
        self.schema = Schema(joined.column for joined in columns)
        self.with_rows = Schema([*self.schema, LEFT_ROW, RIGHT_ROW])
        self._left, self._right, self._how = left, right, settings.how
        self._columns = columns
        self._keys = key_pairs(left, right, settings.on)

    def of_left_rows(self) -> str:
        """The joined rows of SOME left rows, in order."""
        one_sided = self._how in (SEMI, ANTI)
        right_row = "NULL" if one_sided else "r.n"
        return (
            f"SELECT {self._selected()}, l.n, {right_row} FROM {SOME} AS l"  # noqa: S608
            f" {_BY_LEFT_ROWS[self._how]} right_rows AS r ON {self._on()}"
            f" ORDER BY l.n{'' if one_sided else ', r.n'}"
        )

    def of_right_rows_alone(self) -> str:
        """Of SOME right rows those that match no left row, in order."""
        columns = ", ".join(self._right_alone(joined) for joined in self._columns)
        return (
            f"SELECT {columns}, NULL, r.n FROM {SOME} AS r"  # noqa: S608
            f" ANTI JOIN left_rows AS l ON {self._on()} ORDER BY r.n"
        )

    def first_with_several(self) -> str:
        """The first left row that matches more than one right row."""
        keys = ", ".join(f"{other} AS k{place}" for place, (_, other) in enumerate(self._keys))
        on = " AND ".join(f"{one} = d.k{place}" for place, (one, _) in enumerate(self._keys))
        return (
            f"SELECT min(l.n) FROM left_rows AS l SEMI JOIN (SELECT {keys} FROM right_rows AS r"  # noqa: S608
            f" GROUP BY ALL HAVING count(*) > 1) AS d ON {on}"
        )

    def first_with_none(self) -> str:
        """The first left row that matches no right row."""
        return f"SELECT min(l.n) FROM left_rows AS l ANTI JOIN right_rows AS r ON {self._on()}"  # noqa: S608

    def _on(self) -> str:
        return " AND ".join(f"{one} = {other}" for one, other in self._keys)

    def _selected(self) -> str:
        return ", ".join(self._value(joined) for joined in self._columns)

    def _value(self, joined: Joined, key_of: str = "l") -> str:
        """A column of the result; of a key that both sides have, the value of one of them."""
        if joined.side is Side.RIGHT:
            return f"r.{quoted_name(joined.source)}"
        if joined.side is Side.LEFT:
            return f"l.{quoted_name(joined.source)}"
        schema = self._left if key_of == "l" else self._right
        value = f"{key_of}.{quoted_name(joined.source)}"
        return as_type(value, schema, joined.source, joined.column.type)

    def _right_alone(self, joined: Joined) -> str:
        if joined.side is Side.LEFT:
            return f"CAST(NULL AS {type_name(joined.column.type)})"
        return self._value(joined, "r")


def key_pairs(left: Schema, right: Schema, on: On) -> list[tuple[str, str]]:
    """For each pair of keys the SQL of both sides, l and r, that is equal where the values are."""
    return [
        (_comparable("l", left, one, of), _comparable("r", right, other, of))
        for (one, other), of in zip(on, key_types(left, right, on), strict=True)
    ]


def _comparable(side: str, schema: Schema, name: str, of: Type) -> str:
    """A value in the one form that equal values have."""
    value = as_type(f"{side}.{quoted_name(name)}", schema, name, of)
    if of.kind is Kind.NUMERIC:  # 1.50 is 1.5, -0 is 0
        short = f"rtrim(rtrim({value}, '0'), '.')"
        plain = case((f"contains({value}, '.')", short), otherwise=value)
        return case((f"{plain} = '-0'", "'0'"), otherwise=plain)
    column = schema.column(name)
    if column is not None and column.type.is_padded:
        return f"rtrim({value}, ' ')"
    return value


def as_type(value: str, schema: Schema, name: str, of: Type) -> str:
    """The SQL `value` of a column, as a value of a type that holds it exactly."""
    column = schema.column(name)
    assert column is not None
    if type_name(column.type) == type_name(of):
        return value
    if column.type.kind is Kind.DECIMAL and of.kind is Kind.NUMERIC:
        return decimal_text(value, column.type)
    return cast(value, of)
