"""An Excel file as a target of rows: written beside its place, and moved there at the end."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import pyarrow as pa

from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_cells import LONGEST_NAME, MOST_COLUMNS, MOST_ROWS, sheet_name_error
from program_lib.excel_files import parts
from program_lib.excel_files.values import REFUSE, TEXT, row_lines, style_of
from program_lib.part_files import TURN, Appending, part_at
from program_lib.ports import WritesAll
from program_lib.stores import Place
from program_lib.types import Schema

NEW_SHEET = "sheet"  # what becomes of rows beyond those that a sheet has, beside REFUSE
MOST_OF_SHEET = (
    2_000_000_000  # bytes of XML: beyond, a zip needs another form, which some readers know not
)
MOST_SHEETS = 100  # of a file; Excel opens no more rows than fit into the memory


class ExcelWriter(WritesAll):
    """A target of rows: program_lib.ports.Writer over a file, whose path is checked already.

    `inexact`: what becomes of a value that Excel would change, REFUSE, or TEXT, as which it stands there. `overflow`: of
    rows beyond MOST_ROWS, REFUSE or NEW_SHEET. The same rows make the same bytes.
    """

    def __init__(
        self,
        path: Place,
        *,
        sheet: str,
        inexact: str = REFUSE,
        overflow: str = REFUSE,
    ) -> None:
        assert inexact in (REFUSE, TEXT)
        assert overflow in (REFUSE, NEW_SHEET)
        if why := sheet_name_error(sheet):
            raise ProgramError(f"the sheet's name {why}")
        self._part = part_at(path)
        self._first_name, self._inexact, self._overflow = sheet, inexact, overflow
        self._schema = Schema()
        self._styles: list[str] = []  # formats of numbers, by the number of a style from 1 on
        self._zip: zipfile.ZipFile | None = None
        self._sheet: IO[bytes] | None = None
        self._names: list[str] = []  # of the sheets so far
        self._rows = self._bytes = 0  # of the sheet
        self._failure: OSError | None = None

    @property
    def turn(self) -> tuple[int, int]:
        return TURN

    def start(self, say: Callable[[str], None]) -> None:
        self._part.start()

    def open(self, schema: Schema) -> None:
        if len(schema) > MOST_COLUMNS:
            raise ProgramError(
                f"there are {len(schema):,} columns, and a sheet has {MOST_COLUMNS:,}"
            )
        self._schema = schema
        formats = [style_of(column.type) for column in schema]
        self._styles = sorted({one for one in formats if one})
        self._zip = zipfile.ZipFile(Appending(self._part.append), "w", zipfile.ZIP_DEFLATED)
        self._begin_sheet()

    def write(self, table: pa.Table) -> None:
        """After an error of the system it takes no more: what is packed cannot be taken back."""
        if self._failure is not None:
            raise self._failure
        done = 0
        while done < len(table):
            if self._rows >= MOST_ROWS:
                self._next_sheet(done)
            rows = table.slice(done, MOST_ROWS - self._rows)
            self._append(self._lines(rows, done), rows)
            done += len(rows)

    def finish(self) -> None:
        assert self._zip is not None
        self._end_sheet()
        for name, content in parts.around(self._names, self._styles):
            self._zip.writestr(_entry(name), content)
        self._zip.close()
        self._part.finish()

    def commit(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        """The zip is closed first: it would write its end when Python lets go of it."""
        for one in (self._sheet, self._zip):
            with suppress(Exception):
                if one is not None:
                    one.close()
        self._sheet = self._zip = None
        self._part.undo()

    # ------------------------------------------------ sheets

    def _lines(self, rows: pa.Table, start: int) -> bytes:
        try:
            return row_lines(rows, self._schema, self._rows + 1, self._styles, self._inexact)
        except RowRefused as error:
            raise RowRefused(start + error.index, error.reason, error.column) from error

    def _append(self, lines: bytes, rows: pa.Table) -> None:
        if self._bytes + len(lines) > MOST_OF_SHEET:
            raise ProgramError(
                f"the sheet has more than {MOST_OF_SHEET // 10**9} GB of XML, which no Excel opens: write a Parquet or a CSV file"
            )
        self._put(lines)
        self._rows += len(rows)

    def _put(self, content: bytes) -> None:
        assert self._sheet is not None
        try:
            self._sheet.write(content)
        except OSError as error:
            self._failure = error
            raise
        self._bytes += len(content)

    def _next_sheet(self, index: int) -> None:
        if self._overflow == REFUSE:
            raise RowRefused(
                index,
                f"a sheet has {MOST_ROWS:,} rows, the names of the columns among them: let rows beyond go to a further"
                " sheet, or write several files",
            )
        if len(self._names) >= MOST_SHEETS:
            raise RowRefused(index, f"a file has at most {MOST_SHEETS} sheets here")
        self._end_sheet()
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        assert self._zip is not None
        number = len(self._names) + 1
        ending = f" {number}" if number > 1 else ""
        self._names.append(_cut(self._first_name, LONGEST_NAME - len(ending)) + ending)
        self._sheet = self._zip.open(_entry(parts.SHEET.format(number)), "w")
        self._rows = self._bytes = 0
        self._put(parts.sheet_begin(self._schema))
        names = pa.table([[column.name] for column in self._schema], self._schema.names)
        header = row_lines(names, parts.as_texts(self._schema), 1, [], REFUSE)
        self._put(header)
        self._rows = 1

    def _end_sheet(self) -> None:
        assert self._sheet is not None
        self._put(parts.SHEET_END)
        self._sheet.close()
        self._sheet = None


def _entry(name: str) -> zipfile.ZipInfo:
    """A part of the file, without the time."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _cut(name: str, most: int) -> str:
    """The name in so many units of UTF-16 as Excel counts them."""
    while len(name.encode("utf-16-le")) // 2 > most:
        name = name[:-1]
    return name.rstrip("'")
