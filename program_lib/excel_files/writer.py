"""An Excel file as a target of rows: written beside its place, and moved there at the end."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO

import pyarrow as pa

from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.excel_files import parts
from program_lib.excel_files.values import REFUSE, TEXT, cells, row_lines, style_of
from program_lib.files.part_files import TURN, Appending, part_at
from program_lib.notation.excel_cells import LONGEST_NAME, MOST_COLUMNS, MOST_ROWS, sheet_name_error
from program_lib.ports import HoldsNothing, WritesAll
from program_lib.stores import Place
from program_lib.types import Schema

NEW_SHEET = "sheet"  # what becomes of rows beyond those that a sheet has, beside REFUSE
# Bytes of XML: beyond, a zip needs another form, which some readers know not
MOST_OF_SHEET = 2_000_000_000
MOST_SHEETS = 100  # of a file; Excel opens no more rows than fit into the memory


class ExcelWriter(HoldsNothing, WritesAll):
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
        self._last_number = 1  # that a sheet's name has; the first sheet's has none
        self._rows = self._bytes = 0  # of the sheet
        self._failure: OSError | ProgramError | None = None  # after which it takes no rows

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
        _check_names(schema)
        self._schema = schema
        formats = [style_of(column.type) for column in schema]
        self._styles = sorted({one for one in formats if one})
        self._zip = zipfile.ZipFile(Appending(self._part.append), "w", zipfile.ZIP_DEFLATED)
        self._begin_sheet()

    def write(self, table: pa.Table) -> None:
        self.put(self.prepared(table))

    def prepared(self, table: pa.Table) -> pa.RecordBatch:
        """Its cells. Raises RowRefused, for the first row that has no room, too."""
        found = cells(table, self._schema, self._styles, self._inexact)
        if len(table) > (room := self._room()):
            raise RowRefused(room, self._why_full())
        return found

    def put(self, prepared: pa.RecordBatch) -> None:
        """After an error it takes no more: what is packed cannot be taken back."""
        if self._failure is not None:
            raise self._failure
        try:
            self._put_rows(prepared)
        except (OSError, ProgramError) as error:
            self._failure = error
            raise

    @property
    def size(self) -> int:
        return self._part.size

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

    def _room(self) -> int:
        """How many rows the file still takes."""
        further = MOST_SHEETS - len(self._names) if self._overflow == NEW_SHEET else 0
        return MOST_ROWS - self._rows + further * (MOST_ROWS - 1)

    def _why_full(self) -> str:
        if self._overflow == NEW_SHEET:
            return f"a file has at most {MOST_SHEETS} sheets here"
        return (
            f"a sheet has {MOST_ROWS:,} rows, the names of the columns among them: let rows beyond go to a further"
            " sheet, or write several files"
        )

    def _put_rows(self, cells: pa.RecordBatch) -> None:
        if len(cells) > self._room():  # of several parts of a batch, each was looked at alone
            raise TargetFailed(self._why_full())
        done = 0
        while done < len(cells):
            if self._rows >= MOST_ROWS:
                self._end_sheet()
                self._begin_sheet()
            rows = cells.slice(done, MOST_ROWS - self._rows)
            self._append(row_lines(rows, self._rows + 1))
            self._rows += len(rows)
            done += len(rows)

    def _append(self, lines: bytes) -> None:
        if self._bytes + len(lines) > MOST_OF_SHEET:
            raise TargetFailed(
                f"the sheet has more than {MOST_OF_SHEET // 10**9} GB of XML, which no Excel opens: write a Parquet or a CSV file"
            )
        self._put_xml(lines)

    def _put_xml(self, content: bytes) -> None:
        assert self._sheet is not None
        self._sheet.write(content)
        self._bytes += len(content)

    def _begin_sheet(self) -> None:
        assert self._zip is not None
        self._names.append(self._next_name())
        self._sheet = self._zip.open(_entry(parts.SHEET.format(len(self._names))), "w")
        self._rows = self._bytes = 0
        self._put_xml(parts.sheet_begin(self._schema))
        names = pa.table([[column.name] for column in self._schema], self._schema.names)
        self._put_xml(row_lines(cells(names, parts.as_texts(self._schema), [], REFUSE), 1))
        self._rows = 1

    def _next_name(self) -> str:
        """The first one and a number; another number where the first, cut for it, would end as it does already."""
        if not self._names:
            return self._first_name
        self._last_number += 1
        ending = f" {self._last_number}"
        name = _cut(self._first_name, LONGEST_NAME - len(ending)) + ending
        return name if name != self._first_name else self._next_name()

    def _end_sheet(self) -> None:
        assert self._sheet is not None
        self._put_xml(parts.SHEET_END)
        self._sheet.close()
        self._sheet = None


def _check_names(schema: Schema) -> None:
    """Raises ProgramError for names that would not come back: spaces around one do not count in a sheet."""
    seen: dict[str, str] = {}
    for name in schema.names:
        if not (shown := name.strip()):
            raise ProgramError(
                f"a column is called {name!r}, of which a sheet shows nothing: rename it"
            )
        if (other := seen.setdefault(shown, name)) != name:
            raise ProgramError(
                f"columns {other!r} and {name!r} have one name in a sheet: rename one"
            )


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
