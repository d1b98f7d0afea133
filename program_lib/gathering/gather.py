"""A node that needs all rows before it can hand on the first: it gathers them, then hands on what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa

from program_lib.batch import Batch, engine_reason
from program_lib.errors import ProgramError
from program_lib.expressions.quoting import quoted_name
from program_lib.gathering.spool import Spool
from program_lib.nodes import Feeds, InnerNode
from program_lib.nodes.conform import conformed
from program_lib.ports import UNNAMED
from program_lib.process.reasons import is_out_of_memory
from program_lib.reshape.keys import places_after_point
from program_lib.reshape.rows import TABLE, Answer, Rows
from program_lib.types import MAX_DIGITS, Column, Schema
from progress_lib import Status

_OVERFLOW = "Overflow in "  # begins what DuckDB says of a sum that does not fit


class Gather(InnerNode):
    """Gathers all rows, then hands on what `work` says is to be made of them."""

    did = "{count:,} rows made of {seen:,}"
    gathers = True

    def __init__(
        self, number: int, name: str, work: Callable[[Rows], Answer], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work
        self.spool: Spool | None = None

    def opened(self, schema: Schema) -> Schema:
        self.answer = self.work(Rows(schema, {}))
        self.kept = Schema(_column(schema, name) for name in self.answer.needed)
        self.spool = Spool(self.name)
        self.spool.create(TABLE, self.kept)
        return self.answer.schema

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        self.note_share(batch.share)
        with self.at_work():
            self._gather(replace(conformed(batch, self.schema_in), start=self.seen))
        self.seen += len(batch)
        self.say(Status.RUNNING, f"{self.seen:,} rows gathered")

    def _gather(self, batch: Batch) -> None:
        assert self.spool is not None
        kept = batch.every(self.answer.every)
        if len(kept):
            self.spool.append(TABLE, kept.table.select(self.kept.names))

    def complete(self) -> None:
        pa.default_memory_pool().release_unused()  # what was needed to read: now the spool works
        with self.at_work():
            tables = self._made()
        while (table := self._next(tables)) is not None:
            first = self.row_count + 1
            numbers = pa.arange(first, first + len(table))
            self.hand_on(Batch(table, self.schema, numbers, self._place))
        self.close()
        super().complete()

    def close(self) -> None:
        if self.spool is not None:
            self.spool.close()

    def _made(self) -> Iterator[pa.Table]:
        assert self.spool is not None
        answer = self.work(Rows(self.schema_in, self._scales()))
        return self.spool.select(answer.sql, answer.schema)

    def _next(self, tables: Iterator[pa.Table]) -> pa.Table | None:
        with self.at_work():
            try:
                return next(tables, None)
            except duckdb.Error as error:
                if is_out_of_memory(error):
                    raise
                raise ProgramError(_reason(error)) from error

    def _scales(self) -> dict[str, int]:
        return {name: self._scale(name) for name in self.answer.measured}

    def _scale(self, name: str) -> int:
        """The most digits after the point of any value of a NUMERIC column, zeros at the end not counted."""
        assert self.spool is not None
        places = places_after_point(quoted_name(name))
        most = self.spool.value(f"SELECT max({places}) FROM {TABLE}")  # noqa: S608
        assert most is None or isinstance(most, int)
        return most or 0

    def _place(self, number: int) -> str:
        return f"row {number:,} of {self.name}"


def _reason(error: duckdb.Error) -> str:
    said = engine_reason(error)
    if not said.startswith(_OVERFLOW):
        return said
    return (
        f"a sum has no room in {MAX_DIGITS} digits: let a Map before round its column, or take float(x) of it"
        f" ({said})"
    )


def _column(schema: Schema, name: str) -> Column:
    column = schema.column(name)
    assert column is not None
    return column
