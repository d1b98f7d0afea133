"""The rows of one input, kept in a spool until they are wanted, each with its place in its source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.expressions.quoting import quoted_name
from program_lib.gathering.spool import Spool
from program_lib.types import INTEGER, Column, Schema

# The column that keeps the number of a row in its source; no source has a column whose name holds a NUL
NUMBER = Column("\0number", INTEGER, is_nullable=False)


class Gathered:
    """A table of a spool that rows are added to, in order, and read from later."""

    def __init__(self, spool: Spool, table: str, schema: Schema) -> None:
        self.schema = schema
        self.table = table
        self._spool = spool
        self._bytes = 0  # of all rows, as Arrow has them
        self._kept = Schema([*schema, NUMBER])
        self._firsts: list[int] = []  # the first row of each place …
        self._places: list[Callable[[int], str]] = []  # … and how rows from there are found
        spool.create(table, self._kept)

    def __len__(self) -> int:
        return self._spool.rows(self.table)

    @property
    def row_bytes(self) -> float:
        """Bytes of a row, on average."""
        return max(1.0, self._bytes / max(1, len(self)))

    def add(self, batch: Batch) -> None:
        """Adds rows, whose columns are those of the schema."""
        if not self._places or self._places[-1] != batch.where_is:
            self._firsts.append(len(self) + 1)
            self._places.append(batch.where_is)
        self._bytes += batch.table.nbytes
        self._spool.append(self.table, batch.table.append_column(NUMBER.name, batch.numbers))

    def row(self, number: int) -> Batch:
        """One row, counted from 1, for a message."""
        [batch] = self._between(number, number)
        return batch

    def batches(self) -> Iterator[Batch]:
        """All rows in the order in which they came."""
        ends = [*self._firsts[1:], len(self) + 1]
        for first, end in zip(self._firsts, ends, strict=False):  # no rows have no place
            yield from self._between(first, end - 1)

    def _between(self, first: int, last: int) -> Iterator[Batch]:
        columns = ", ".join(quoted_name(name) for name in self._kept.names)
        sql = f"SELECT {columns} FROM {self.table} WHERE n BETWEEN {first} AND {last} ORDER BY n"  # noqa: S608
        where_is = self._places[bisect_right(self._firsts, first) - 1]
        for table in self._spool.select(sql, self._kept):
            numbers = table[NUMBER.name].combine_chunks()
            yield Batch(table.select(self.schema.names), self.schema, _plain(numbers), where_is)


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
