"""Sheets of Excel files (.xlsx) as sources and targets of rows: what a program calls. Paths are checked as data_files says."""

from __future__ import annotations

from collections.abc import Mapping

from program_lib.data_files import claim, data_file, opened
from program_lib.excel_files.reader import ExcelReader
from program_lib.excel_files.values import REFUSE
from program_lib.excel_files.writer import ExcelWriter
from program_lib.narrowest_types import narrowest_types
from program_lib.types import COLUMN_TYPES, Column


def read_excel(
    path: str,
    *,
    sheet: str = "",
    start: str = "A1",
    header: bool = True,
    types: Mapping[str, str] | None = None,
) -> ExcelReader:
    """The rows of a sheet, by its name or its number; "" is the first one.

    The table begins at the cell `start`, with a row that names the columns, or else they are called by their letters.
    `types` says what columns hold, by the names in program_lib.types.COLUMN_TYPES; all others are text.
    """
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}
    return ExcelReader(
        path, sheet=sheet, start=start, has_header=header, types=named, opener=opened
    )


def find_types(
    path: str, *, sheet: str = "", start: str = "A1", header: bool = True
) -> list[Column]:
    """What the columns of a sheet hold: for each the narrowest type that takes all of its values."""
    return narrowest_types(read_excel(path, sheet=sheet, start=start, header=header))


def write_excel(
    path: str, *, sheet: str = "Sheet1", inexact: str = REFUSE, overflow: str = REFUSE
) -> ExcelWriter:
    """Writes a file with one sheet, or more, which appears when it is complete; another one in its place stays until then."""
    place = data_file(path)
    claim(place, "an Excel file")
    return ExcelWriter(place, sheet=sheet, inexact=inexact, overflow=overflow)
