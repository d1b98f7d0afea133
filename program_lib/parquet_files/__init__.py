"""Parquet files as sources and targets of rows: what a program calls. Paths are checked as data_files says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from program_lib.files.data_files import opened
from program_lib.files.many_files import one_or_many
from program_lib.files.many_files.reader import ManyFiles
from program_lib.files.split_files.output import Splitting, one_or_split
from program_lib.parquet_files.reader import ParquetReader
from program_lib.parquet_files.writer import ZSTD, ParquetWriter
from program_lib.ports import Writer
from program_lib.stores import Place
from program_lib.types import Schema


def read_parquet(
    path: str, *, columns: Sequence[str] = (), file_column: str = ""
) -> ParquetReader | ManyFiles[ParquetReader]:
    """The rows of a file, whose types it declares itself, or of all files that match a path with * in it.

    `columns`: these alone, in this order. `file_column` is to hold the path of each row's file.
    """

    def make(one: str, of_all: Schema | None) -> ParquetReader:
        return ParquetReader(one, columns=columns, of_all=of_all, opener=opened)

    return one_or_many(path, make, file_column=file_column)


def write_parquet(
    path: str,
    *,
    compression: str = ZSTD,
    **split: Unpack[Splitting],
) -> Writer:
    """Writes a file, which appears when it is complete; another one in its place stays until then.

    Of a path with * in its name several, where `split` says so.
    """

    def make(one: Place) -> ParquetWriter:
        return ParquetWriter(one, compression=compression)

    return one_or_split(path, make, "a Parquet file", **split)
