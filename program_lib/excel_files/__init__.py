"""Sheets of Excel files (.xlsx) as sources and targets of rows: what a program calls. Paths are checked as data_files says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.excel_files.reader import ExcelReader
from program_lib.excel_files.values import REFUSE
from program_lib.excel_files.writer import ExcelWriter
from program_lib.files.data_files import opened
from program_lib.files.many_files import one_or_many_texts
from program_lib.files.split_files.output import Splitting, one_or_split
from program_lib.ports import TextReader, Writer
from program_lib.stores import Place
from program_lib.types import COLUMN_TYPES, Column, Schema


def read_excel(
    path: str,
    *,
    sheet: str = "",
    start: str = "A1",
    header: bool = True,
    types: Mapping[str, str] | None = None,
    file_column: str = "",
) -> TextReader:
    """The rows of a sheet, by its name or its number; "" is the first one. Of all files that match a path with * in it.

    The table begins at the cell `start`, with a row that names the columns, or else they are called by their letters.
    `types` says what columns hold, by the names in program_lib.types.COLUMN_TYPES; all others are text.
    """
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}

    def make(one: str, columns: Schema | None) -> ExcelReader:
        return ExcelReader(
            one, sheet=sheet, start=start, has_header=header, types=named, opener=opened
        )

    return one_or_many_texts(path, make, file_column=file_column)


def find_types(
    path: str, *, sheet: str = "", start: str = "A1", header: bool = True
) -> list[Column]:
    """What the columns of a sheet hold: for each the narrowest type that takes all of its values."""
    return narrowest_types(read_excel(path, sheet=sheet, start=start, header=header))


def write_excel(
    path: str,
    *,
    sheet: str = "Sheet1",
    inexact: str = REFUSE,
    overflow: str = REFUSE,
    **split: Unpack[Splitting],
) -> Writer:
    """Writes a file with one sheet, or more, which appears when it is complete; another one in its place stays until then.

    Of a path with * in its name several, where `split` says so.
    """

    def make(one: Place) -> ExcelWriter:
        return ExcelWriter(one, sheet=sheet, inexact=inexact, overflow=overflow)

    return one_or_split(path, make, "an Excel file", **split)
