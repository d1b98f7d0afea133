"""Lookup: adds columns to each row from the one row of a small table that has its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.batch import Batch
from program_lib.columns.join_columns import On, looked_up_columns
from program_lib.common_types import common_schema
from program_lib.errors import ProgramError, RowRefused
from program_lib.expressions.quoting import identifier, quoted_name
from program_lib.gathering.gathered import Gathered
from program_lib.gathering.spool import Spool
from program_lib.join import key_pairs
from program_lib.nodes import Feeds, Node
from program_lib.nodes.conform import conformed
from program_lib.types import INTEGER, Column, Schema, listed
from progress_lib import Status

MAX_ROWS = 1_000_000  # of the table; it is asked for each batch, and a larger one is a join's work
MAX_BYTES = 64 * 1024 * 1024  # of the table, in memory
NULL, FAIL = "null", "fail"
FOUND = Column("\0found", INTEGER)  # the row of the table that a key has


@dataclass(frozen=True)
class LookupSettings:
    """What is looked up; see `lookup`."""

    columns: Sequence[str]
    on: On
    missing: str


def lookup(columns: Sequence[str], *, on: On, missing: str = NULL) -> LookupSettings:
    """What a Lookup adds to its rows.

    `columns`: of the table. `on`: pairs of a column of the rows and one of the table that must be equal; NULL equals
    nothing. `missing`: what a row without its key in the table gets: NULL, or "fail", which ends the run.
    """
    return LookupSettings(columns, on, missing)


class Lookup(Node):
    """Keeps the table in memory, then adds columns to the rows as they come; rows that come before it ends wait."""

    inputs_named = ("rows", "table")
    first_inputs = ("table",)
    gives_as_many = True

    def __init__(
        self, number: int, name: str, work: Callable[[], LookupSettings], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work
        self.spool: Spool | None = None
        self.early: Spool | None = None
        self.table_bytes = 0
        self.is_table_complete = False
        self.missed = 0  # rows whose key the table has not

    def start(self) -> None:
        self.count_ahead("rows")
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            self.settings = self.work()
            rows, table = (
                common_schema([feeder.schema for feeder in self.inputs[port]])
                for port in self.inputs_named
            )
            self.schema = looked_up_columns(rows, table, self.settings.columns, self.settings.on)
            self.keys = key_pairs(rows, table, self.settings.on)
            self.spool = Spool(self.name)
            self.early = Spool(self.name)  # rows that wait are read while the table is asked
            self.table = Gathered(self.spool, "looked_up", table)
            self.waiting = Gathered(self.early, "waiting", rows)

    def take(self, batch: Batch, port: str = "rows") -> None:
        if port == "table":
            self._take_table(batch)
        elif self.is_table_complete:
            self._look_up(batch)
        else:
            with self.at_work():
                self.waiting.add(conformed(batch, self.waiting.schema))

    def input_ended(self, port: str) -> None:
        if port != "table":
            return
        with self.at_work():
            self._check_keys()
            self.is_table_complete = True
            for batch in self.waiting.batches():
                self._look_up(batch)

    def complete(self) -> None:
        self.close()
        self.say(Status.COMPLETED)

    def close(self) -> None:
        for spool in (self.spool, self.early):
            if spool is not None:
                spool.close()

    def told(self) -> str:
        if not self.is_table_complete:
            rows = len(self.table) if self.spool else 0
            return f"{rows:,} rows of the table read"
        return f"{self.row_count:,} rows looked up" + (
            f"; {self.missed:,} not found" if self.missed else ""
        )

    def _take_table(self, batch: Batch) -> None:
        with self.at_work():
            batch = conformed(batch, self.table.schema)
            self.table_bytes += batch.table.nbytes
            if len(self.table) + len(batch) > MAX_ROWS or self.table_bytes > MAX_BYTES:
                raise ProgramError(
                    f"the table has more than {MAX_ROWS:,} rows or {MAX_BYTES // 2**20} MB: let a Map before it keep"
                    " fewer columns, or use a Join, whose sides may be of any size"
                )
            self.table.add(batch)
        self.say(Status.RUNNING)

    def _check_keys(self) -> None:
        """Raises NodeFailed for the first row of the table whose key an earlier row has."""
        assert self.spool is not None
        keys = ", ".join(key for _, key in self.keys)
        known = " AND ".join(f"{key} IS NOT NULL" for _, key in self.keys)
        twice = self.spool.value(
            "SELECT min(again) FROM (SELECT list_sort(list(r.n))[2] AS again FROM looked_up AS r"  # noqa: S608
            f" WHERE {known} GROUP BY {keys} HAVING count(*) > 1)"
        )
        if isinstance(twice, int):
            names = [column for _, column in self.settings.on]
            error = RowRefused(
                0, f"the table has the key {listed(names)} of this row twice", names[0]
            )
            raise self.failed_at(self.table.row(twice), error)

    def _look_up(self, batch: Batch) -> None:
        self.note_share(batch.share)
        with self.at_work():
            batch = replace(conformed(batch, self.waiting.schema), start=self.seen)
            made = self._with_columns(batch)
        self.seen += len(batch)
        self.hand_on(made)

    def _with_columns(self, batch: Batch) -> Batch:
        found = self._found(batch.table)
        missing = pc.is_null(found[FOUND.name])
        count = pc.sum(missing).as_py() or 0
        self.missed += count
        if count and self.settings.missing == FAIL:
            at = pc.index(missing, True).as_py()
            names = [column for column, _ in self.settings.on]
            error = RowRefused(
                0, f"the table has no row with the key {listed(names)} of this row", names[0]
            )
            raise self.failed_at(batch.slice(at, 1), error)
        columns = [*batch.table.columns, *found.columns[:-1]]
        return replace(
            batch, table=pa.table(columns, schema=self.schema.arrow()), schema=self.schema
        )

    def _found(self, rows: pa.Table) -> pa.Table:
        """The looked up columns for each row, and the number of the table's row that they are from."""
        assert self.spool is not None
        wanted = Schema([*self.schema[len(self.waiting.schema) :], FOUND])
        columns = "".join(f"r.{quoted_name(name)}, " for name in self.settings.columns)
        on = " AND ".join(f"{one} = {other}" for one, other in self.keys)
        sql = f"SELECT {columns}r.n FROM asking AS l LEFT JOIN looked_up AS r ON {on} ORDER BY l.n"  # noqa: S608
        with self.spool.beside("asking", self._asking(rows)):
            return pa.concat_tables([wanted.arrow().empty_table(), *self.spool.select(sql, wanted)])

    def _asking(self, rows: pa.Table) -> pa.Table:
        """The keys of the rows, as the table's spool knows columns."""
        names = dict.fromkeys(name for name, _ in self.settings.on)
        keys = {identifier(name): rows[name] for name in names}
        return pa.table({"n": pa.arange(0, len(rows)), **keys})
