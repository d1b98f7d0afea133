"""The node that runs a query over its inputs: it gathers their rows, then hands on what the query gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from program_lib.batch import Batch, engine_reason
from program_lib.common_types import common_schema
from program_lib.errors import RowRefused
from program_lib.expressions.quoting import quoted_name
from program_lib.gathering.gathered import Gathered
from program_lib.gathering.spool import Spool
from program_lib.nodes import Feeds, Node
from program_lib.nodes.conform import conformed
from program_lib.parameters import taken
from program_lib.process.reasons import is_out_of_memory
from program_lib.reshape.keys import places_after_point, places_before_point
from program_lib.sql.allowed import QueryFailed
from program_lib.sql.bound import bind
from program_lib.sql.query import DigitsLost, check_rounding, described
from program_lib.sql.results import carried
from program_lib.sql.tables import INPUT, is_wide, narrowed, type_in_sql, view, with_more_digits
from program_lib.types import MAX_DIGITS, NUMERIC, Column, Kind, Type
from progress_lib import Status

TABLE = "rows_of_input_{}"  # of the spool; no query may name it

Seen = Mapping[str, Mapping[str, Type]]  # by the names of inputs and of columns


@dataclass(frozen=True)
class SqlSettings:
    """A query, and the names of its inputs; see `sql`."""

    query: str
    inputs: Sequence[str]


def sql(query: str, inputs: Sequence[str] = (INPUT,)) -> SqlSettings:
    """What a Sql node runs: one SELECT of DuckDB, in which each input is a table of its name.

    Rows come out in the order of its ORDER BY; without one in any order. `:name` is the value of a parameter.
    """
    return SqlSettings(query, inputs)


class Sql(Node):
    """Gathers the rows of its inputs, then hands on what a query gives."""

    gathers = True

    def __init__(
        self, number: int, name: str, work: Callable[[], SqlSettings], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.settings = work()
        self.inputs_named = tuple(self.settings.inputs)
        self.spool: Spool | None = None
        self.is_asking = False

    def start(self) -> None:
        self.count_ahead(*self.inputs_named)
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            schemas = {
                port: common_schema([feeder.schema for feeder in self.inputs[port]])
                for port in self.inputs_named
            }
            self.query, self.schema = described(self.settings.query, schemas)
            self.spool = Spool(self.name)
            self.tables = {
                port: Gathered(self.spool, TABLE.format(place), schema)
                for place, (port, schema) in enumerate(schemas.items(), 1)
            }

    def take(self, batch: Batch, port: str = INPUT) -> None:
        self.note_share(batch.share)
        with self.at_work():
            table = self.tables[port]
            table.add(conformed(batch, table.schema))
        self.seen += len(batch)
        self.say(Status.RUNNING)

    def complete(self) -> None:
        assert self.spool is not None
        pa.default_memory_pool().release_unused()  # what was needed to read: now the query works
        self.is_asking = True
        self.say(Status.RUNNING, f"{self.seen:,} rows gathered, the query is at work")
        for table in self._answer(self.spool):
            numbers = pa.arange(self.row_count + 1, self.row_count + len(table) + 1)
            self.hand_on(Batch(table, self.schema, numbers, self._where))
        self.close()
        self.say(Status.COMPLETED)

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()

    def told(self) -> str:
        if self.is_asking:
            return f"{self.row_count:,} rows made of {self.seen:,}"
        if self.spool is None or len(self.tables) == 1:
            return f"{self.seen:,} rows gathered"
        each = ", ".join(f"{len(table):,} {port}" for port, table in self.tables.items())
        return f"{self.seen:,} rows gathered: {each}"

    def _answer(self, spool: Spool) -> Iterator[pa.Table]:
        """What the query gives, in batches."""
        with self.at_work():
            seen = {port: self._decimals(spool, table) for port, table in self.tables.items()}
            spool.use(lambda connection: bind(connection, taken()))
            self._show(spool, seen)
        tables = spool.ask(self.query.text)
        while (found := self._next(tables)) is not None:
            yield found

    def _show(self, spool: Spool, seen: Seen) -> None:
        """Makes what the query sees, with more digits after the point of NUMERIC columns where it would round else.

        How many these have is the day's: beside whole amounts 0.5 would be 1. Nobody knew it when the query was described.
        """
        least = 0
        while True:
            self._make_views(spool, seen, least)
            if not any(seen.values()):
                return
            try:
                spool.use(lambda connection: check_rounding(connection, self.query))
            except DigitsLost as error:
                if error.digits <= least:
                    raise
                least = error.digits
            else:
                return

    def _make_views(self, spool: Spool, seen: Seen, least: int) -> None:
        for port, table in self.tables.items():
            decimals = dict(seen[port])
            for column in table.schema:
                if column.type.kind is Kind.NUMERIC:
                    decimals[column.name] = with_more_digits(decimals[column.name], least)
            spool.execute(view(port, table.schema, table.table, quoted_name, decimals))

    def _next(self, tables: Iterator[pa.Table]) -> pa.Table | None:
        with self.at_work():
            try:
                found = next(tables, None)
            except (
                duckdb.Error,
                OSError,
            ) as error:  # Arrow's streams have DuckDB's errors as these
                if is_out_of_memory(error):
                    raise
                raise QueryFailed(engine_reason(error)) from error
            return None if found is None else carried(found, self.schema)

    def _decimals(self, spool: Spool, table: Gathered) -> dict[str, Type]:
        """What the query sees of NUMERIC columns and wide decimals: a decimal that holds all their values, and is no wider."""
        return {
            column.name: self._decimal(spool, table, column)
            for column in table.schema
            if column.type.kind is Kind.NUMERIC or is_wide(column.type)
        }

    def _decimal(self, spool: Spool, table: Gathered, column: Column) -> Type:
        is_numeric = column.type.kind is Kind.NUMERIC
        scale = self._scale(spool, table, column.name) if is_numeric else column.type.scale or 0
        digits = places_before_point(f"CAST({quoted_name(column.name)} AS VARCHAR)")
        whole = spool.value(f"SELECT max({digits}) FROM {table.table}")  # noqa: S608
        assert whole is None or isinstance(whole, int)
        return narrowed(column.type, scale, whole or 0)

    def _scale(self, spool: Spool, table: Gathered, name: str) -> int:
        column = quoted_name(name)
        places = places_after_point(column)
        most = spool.value(f"SELECT max({places}) FROM {table.table}")  # noqa: S608
        assert most is None or isinstance(most, int)
        scale = min(most or 0, MAX_DIGITS)
        is_beyond = (
            f"{places} > {scale}"
            if most is not None and most > scale
            else f"{column} IS NOT NULL AND TRY_CAST({column} AS {type_in_sql(NUMERIC, scale)}) IS NULL"
        )
        refused = spool.value(f"SELECT min(n) FROM {table.table} WHERE {is_beyond}")  # noqa: S608
        if isinstance(refused, int):
            error = RowRefused(
                0,
                f"SQL computes numbers of {MAX_DIGITS} digits, {scale} of them after the point as the column {name}"
                " has: this is none of them",
                name,
            )
            raise self.failed_at(table.row(refused), error)
        return scale

    def _where(self, number: int) -> str:
        return f"row {number:,} of {self.name}"
