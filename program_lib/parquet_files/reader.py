"""Rows of a Parquet file, one row group after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import accumulate
from pathlib import PurePath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from program_lib.errors import ProgramError, RowRefused, shortened
from program_lib.files.data_files import check_same
from program_lib.parquet_files.nested import is_nested, leaves_of, parts_in
from program_lib.parquet_files.types import converted, type_of
from program_lib.pieces import pieces
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, Uncounted
from program_lib.types import Column, Schema, listed

READ_BUFFER = 1024 * 1024  # bytes of a column that are read at a time, whatever a row group has
LOOKED_AT = 1_000  # rows at the start of a row group; of an empty list no dictionary is told
# Bytes of values that a batch may have before it is cut: a long one that stands in a dictionary once, and in many rows
MOST_UNPACKED = 4 * BATCH_BYTES
WHAT_TO_DO = "leave it out: name the others in Columns"


class ParquetReader(Uncounted):
    """A source of rows: program_lib.ports.Reader over a file. `columns` names those that are read; none: all.

    `of_all` are the columns of all files of which it is one: they tell the type of one that has none here.
    """

    def __init__(
        self,
        path: str,
        *,
        columns: Sequence[str] = (),
        of_all: Schema | None = None,
        opener: Callable[[str], BinaryIO],
    ) -> None:
        self._path, self._name = path, PurePath(path).name
        self._columns = columns
        self._of_all = of_all or Schema()
        self._opener = opener
        self._files: list[BinaryIO] = []
        self._schema = Schema()
        self._file: pq.ParquetFile
        self._long: list[str] = []  # columns with texts or bytes, which may stand in dictionaries
        self._old: list[str] = []  # columns of timestamps of 96 bits

    def open(self) -> Schema:
        self._file = self._opened()
        fields = self._file.schema_arrow
        self._check_names(fields.names)
        wanted = self._columns or fields.names
        self._schema = Schema(self._column(fields.field(name)) for name in wanted)
        self._long = [name for name in self._schema.names if self._lies_as(name, "BYTE_ARRAY")]
        self._old = [name for name in self._schema.names if self._lies_as(name, "INT96")]
        return self._schema

    @property
    def without_type(self) -> frozenset[str]:
        """The columns that hold NULLs alone, and tell no type; known once it is open."""
        fields = self._file.schema_arrow
        return frozenset(field.name for field in fields if pa.types.is_null(field.type))

    def batches(self) -> Iterator[pa.Table]:
        for group in range(self._file.num_row_groups):
            self._check_old_timestamps(group)
            for table in self._tables(group):
                yield from pieces(self._converted(table))
        self._check_unchanged()  # where columns are left out, its end is not read again

    def _check_unchanged(self) -> None:
        for file in self._files:
            check_same(file)

    def total(self) -> int | None:
        return int(self._file.metadata.num_rows)

    def where(self, number: int) -> str:
        return f"row {number:,} of {self._name}"

    def close(self) -> None:
        for file in self._files:
            with suppress(OSError):
                file.close()

    # what the file says of itself

    def _opened(self, **settings: Any) -> pq.ParquetFile:
        self._files.append(self._opener(self._path))
        with self._damage("is no Parquet file, or only a part of one"):
            return pq.ParquetFile(
                self._files[-1],
                buffer_size=READ_BUFFER,
                pre_buffer=False,
                page_checksum_verification=True,
                **{"coerce_int96_timestamp_unit": "us"} | settings,
            )

    @contextmanager
    def _damage(self, what: str) -> Iterator[None]:
        """What Arrow says of bytes that it cannot read is said of the file; other errors of the system stay."""
        try:
            yield
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            self._check_unchanged()
            raise ProgramError(f"{self._name} {what}: {shortened(str(error))}") from error

    def _check_names(self, names: list[str]) -> None:
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ProgramError(
                f"two columns of {self._name} are called {listed(map(repr, twice))}: rename one"
            )
        there = set(names)
        if unknown := [name for name in self._columns if name not in there]:
            raise ProgramError(
                f"{self._name} has no column {listed(map(repr, unknown))}; it has {listed(names)}"
            )
        if not names:
            raise ProgramError(f"{self._name} has no columns")

    def _column(self, field: pa.Field) -> Column:
        # Of intervals Arrow tells the bytes alone, and nobody looks at timestamps of 96 bits within another value
        has_intervals = any(leaf.converted_type == "INTERVAL" for leaf in self._leaves(field.name))
        is_hidden = has_intervals or (is_nested(field.type) and self._lies_as(field.name, "INT96"))
        of = None if is_hidden else type_of(field)
        if pa.types.is_null(field.type) and (column := self._of_all.column(field.name)) is not None:
            of = column.type
        if of is None:
            held = "intervals" if has_intervals else field.type
            raise ProgramError(
                f"the column {field.name} of {self._name} holds {held}, which is no type of a column here:"
                f" {WHAT_TO_DO}"
            )
        return Column(field.name, of, field.nullable)

    @cached_property
    def _places(self) -> dict[str, range]:
        """Where what lies in the file of each column, or of each part of a nested one, stands among all of that."""
        ends = list(accumulate(leaves_of(field.type) for field in self._file.schema_arrow))
        starts = [0, *ends]
        return {
            field.name: range(start, end)
            for field, start, end in zip(self._file.schema_arrow, starts, ends, strict=False)
        }

    def _leaves(self, name: str) -> list[pq.ColumnSchema]:
        return [self._file.schema.column(place) for place in self._places[name]]

    def _lies_as(self, name: str, physical_type: str) -> bool:
        return any(leaf.physical_type == physical_type for leaf in self._leaves(name))

    # its rows

    def _tables(self, group: int) -> Iterator[pa.Table]:
        """The rows of a row group, as many at a time as are about a batch."""
        rows = 0
        for table in self._iterate(self._file, group, self._schema.names, self._rows(group)):
            rows += len(table)
            yield table
        if rows != self._file.metadata.row_group(group).num_rows:
            raise ProgramError(f"{self._name} is damaged: a part of its rows is missing")

    def _iterate(
        self, file: pq.ParquetFile, group: int, names: Sequence[str], rows: int
    ) -> Iterator[pa.Table]:
        with self._damage("is damaged"):
            found = file.iter_batches(rows, row_groups=[group], columns=names, use_threads=False)
            for batch in found:  # Arrow takes a.b for a part of a, too
                yield pa.Table.from_batches([batch]).select(names)

    def _converted(self, table: pa.Table) -> pa.Table:
        refused: list[RowRefused] = []
        columns = [self._of_type(table, column, refused) for column in self._schema]
        if refused:
            raise min(refused, key=lambda one: one.index)
        return pa.table(columns, schema=self._schema.arrow())

    def _of_type(self, table: pa.Table, column: Column, refused: list[RowRefused]) -> pa.Array:
        try:
            return converted(table.column(column.name), column.type, column.name)
        except RowRefused as error:
            refused.append(error)
            return None

    # how much of it at a time

    def _rows(self, group: int) -> int:
        """How many rows of a group are about a batch."""
        about = self._file.metadata.row_group(group)
        rows = max(about.num_rows, 1)
        fair = BATCH_BYTES // max(about.total_byte_size // rows, 1)
        looked_at = max(1, min(LOOKED_AT, fair))
        unpacked = MOST_UNPACKED // max(self._longest(group, looked_at), 1)
        return int(max(1, min(BATCH_ROWS, fair, unpacked)))

    def _longest(self, group: int, rows: int) -> int:
        """Bytes of a row whose values are the longest of the group's dictionaries, as many as the first rows have of each."""
        about = self._file.metadata.row_group(group)
        names = [
            name
            for name in self._long
            if any(about.column(place).has_dictionary_page for place in self._places[name])
        ]
        if not names:
            return 0
        first = next(self._iterate(self._in_dictionaries, group, names, rows), None)
        if first is None:
            return 0
        return sum(_longest_in(column.combine_chunks(), len(first)) for column in first.columns)

    @cached_property
    def _in_dictionaries(self) -> pq.ParquetFile:
        paths = [leaf.path for name in self._long for leaf in self._leaves(name)]
        return self._opened(read_dictionary=paths, metadata=self._file.metadata)

    # the timestamps of older programs

    def _check_old_timestamps(self, group: int) -> None:
        """INT96 has nanoseconds, which Arrow would cut without a word, and years beyond those of nanoseconds.

        So the group's are read twice: what differs from the microseconds has more digits. Products wrap the same way.
        """
        if not self._old:
            return
        before, names = 0, self._old
        coarse = self._iterate(self._file, group, names, BATCH_ROWS)
        for table in self._iterate(self._in_nanoseconds, group, names, BATCH_ROWS):
            _check_same(next(coarse), table, before)
            before += len(table)

    @cached_property
    def _in_nanoseconds(self) -> pq.ParquetFile:
        return self._opened(coerce_int96_timestamp_unit="ns", metadata=self._file.metadata)


def _longest_in(values: pa.Array, rows: int) -> int:
    """Bytes that one of these rows would have if its values were the longest that stand in a dictionary."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if is_nested(values.type):
        return sum(_longest_in(part, rows) for part in parts_in(values))
    if not pa.types.is_dictionary(values.type):
        return 0
    longest = int(pc.max(pc.binary_length(values.dictionary)).as_py() or 0)
    return longest * max(1, len(values) // rows)


def _check_same(coarse: pa.Table, fine: pa.Table, before: int) -> None:
    for name in coarse.column_names:
        wanted = pc.multiply(pc.cast(coarse[name], pa.int64()), 1000)
        index = pc.index(pc.equal(wanted, pc.cast(fine[name], pa.int64())), False).as_py()
        if index >= 0:
            raise RowRefused(
                before + index,
                "a timestamp has digits beyond microseconds, which are not rounded",
                name,
            )
