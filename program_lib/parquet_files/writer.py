"""A Parquet file as a target of rows: written beside its place, and moved there at the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from program_lib.files.part_files import TURN, Appending, part_at
from program_lib.parquet_files.types import field_of
from program_lib.ports import WritesAll
from program_lib.stores import Place
from program_lib.types import Schema

ZSTD = "zstd"
COMPRESSIONS = (ZSTD, "snappy", "gzip", "none")
GROUP_ROWS = 122_880  # rows of a row group, at most: readers skip and share out whole groups
GROUP_BYTES = 64 * 1024 * 1024  # bytes in memory; what a group has is kept until it is full


class ParquetWriter(WritesAll):
    """A target of rows: program_lib.ports.Writer over a file, whose path is checked already."""

    def __init__(self, path: Place, *, compression: str = ZSTD) -> None:
        assert compression in COMPRESSIONS
        self._part = part_at(path)
        self._compression = compression
        self._schema = pa.schema([])
        self._writer: pq.ParquetWriter | None = None
        self._kept: list[pa.Table] = []  # of the next row group
        self._kept_rows = self._kept_bytes = 0
        self._packed_bytes = 0  # in memory, of what is written

    @property
    def turn(self) -> tuple[int, int]:
        return TURN

    def start(self, say: Callable[[str], None]) -> None:
        self._part.start()

    def open(self, schema: Schema) -> None:
        """Any column goes into a Parquet file."""
        self._schema = pa.schema([field_of(column) for column in schema])
        self._writer = pq.ParquetWriter(
            Appending(self._part.append),
            self._schema,
            compression=self._compression,
            write_page_checksum=True,
        )

    def prepared(self, table: pa.Table) -> pa.Table:
        """A Parquet file takes any row."""
        return table

    def put(self, prepared: pa.Table) -> None:
        self.write(prepared)

    @property
    def held(self) -> int:
        return self._kept_bytes

    @property
    def size(self) -> int:
        """Rows that are kept count as much as those before them took, byte for byte."""
        share = self._part.size / self._packed_bytes if self._packed_bytes else 1.0
        return self._part.size + int(self._kept_bytes * share)

    def spill(self) -> None:
        if self._kept:
            self._write_group()

    def write(self, table: pa.Table) -> None:
        """Keeps the rows until there are enough for a row group; of small ones, files are slow to read."""
        self._kept.append(table)
        self._kept_rows += len(table)
        self._kept_bytes += table.nbytes
        if self._kept_rows >= GROUP_ROWS or self._kept_bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self) -> None:
        assert self._writer is not None
        if self._kept:
            self._write_group()
        self._writer.close()
        self._part.finish()

    def commit(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        """The writer is closed first: it would write the end of its file when Python lets go of it."""
        with suppress(Exception):
            if self._writer is not None:
                self._writer.close()
        self._writer, self._kept = None, []
        self._part.undo()

    def _write_group(self) -> None:
        assert self._writer is not None
        rows, self._kept = pa.concat_tables(self._kept), []
        self._packed_bytes += self._kept_bytes
        self._kept_rows = self._kept_bytes = 0
        self._writer.write_table(pa.table(rows.columns, schema=self._schema), len(rows))
