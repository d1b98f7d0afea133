"""Parquet files as sources and targets of rows: what a program calls. Paths are checked as data_files says."""

from __future__ import annotations

from collections.abc import Sequence

from program_lib.data_files import claim, data_file, opened
from program_lib.parquet_files.reader import ParquetReader
from program_lib.parquet_files.writer import ZSTD, ParquetWriter


def read_parquet(path: str, *, columns: Sequence[str] = ()) -> ParquetReader:
    """The rows of a file, whose types it declares itself; `columns`: these alone, in this order."""
    return ParquetReader(path, columns=columns, opener=opened)


def write_parquet(path: str, *, compression: str = ZSTD) -> ParquetWriter:
    """Writes a file, which appears when it is complete; another one in its place stays until then."""
    place = data_file(path)
    claim(place, "a Parquet file")
    return ParquetWriter(place, compression=compression)
