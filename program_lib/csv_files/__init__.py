"""CSV files as sources and targets of rows: what a program calls. Paths are checked as data_files says.

A file whose name ends with .gz or .zst is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.csv_files.comma_numbers import with_point
from program_lib.csv_files.reader import CsvReader
from program_lib.csv_files.writer import CsvWriter
from program_lib.files.compressed import opened_unpacked, packing
from program_lib.files.many_files import one_or_many_texts
from program_lib.files.split_files.output import Splitting, one_or_split
from program_lib.ports import TextReader, Writer
from program_lib.stores import Place
from program_lib.types import COLUMN_TYPES, Column, Schema


def read_csv(
    path: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    types: Mapping[str, str] | None = None,
    null: str = "",
    decimal: str = ".",
    escape: str = '"',
    skip: int = 0,
    header: bool = True,
    file_column: str = "",
) -> TextReader:
    """The rows of a file below its `skip` first lines, or of all files that match a path with * in it.

    The first line there names the columns where there is a `header`; else they are called A, B, C.
    `types` says what columns hold, by the names in program_lib.types.COLUMN_TYPES; all others are text. `null` is
    what stands for NULL where it is not in quotes, `decimal` what stands before a fraction, `escape` what stands before
    a quote within quotes: another one, or a backslash.
    """
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}

    def make(one: str, columns: Schema | None) -> CsvReader:
        return CsvReader(
            one,
            delimiter=delimiter,
            encoding=encoding,
            types=named,
            null=null,
            decimal=decimal,
            escape=escape,
            skip=skip,
            has_header=header,
            of_all=columns,
            opener=opened_unpacked,
        )

    return one_or_many_texts(path, make, file_column=file_column)


def find_types(
    path: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    null: str = "",
    decimal: str = ".",
    escape: str = '"',
    skip: int = 0,
    header: bool = True,
) -> list[Column]:
    """What the columns of a file, or of all that match, hold: for each the narrowest type that takes all of its values."""
    reader = read_csv(
        path,
        delimiter=delimiter,
        encoding=encoding,
        null=null,
        escape=escape,
        skip=skip,
        header=header,
    )
    return narrowest_types(reader, as_number=with_point if decimal == "," else None)


def write_csv(
    path: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    null: str = "",
    decimal: str = ".",
    header: bool = True,
    **split: Unpack[Splitting],
) -> Writer:
    """Writes a file, which appears when it is complete; another one in its place stays until then.

    Its first line names the columns where there is a `header`. Of a path with * in its name several, where `split` says so.
    """

    def make(one: Place) -> CsvWriter:
        return CsvWriter(
            one,
            delimiter=delimiter,
            encoding=encoding,
            null=null,
            decimal=decimal,
            has_header=header,
            packing=packing(path),
        )

    return one_or_split(path, make, "a CSV file", **split)
