"""Rows of a sheet of an Excel file, as they come."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_files.package import Package
from program_lib.excel_files.sheet import SheetRow, SheetRows
from program_lib.excel_files.workbook import SharedTexts, Sheet, read_workbook
from program_lib.files.data_files import check_same
from program_lib.notation.excel_cells import NO_VALUE, letters_of, place_of
from program_lib.pieces import pieces
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, Uncounted
from program_lib.texts import constant, parse_column, shown
from program_lib.types import TEXT, Column, Kind, Schema, Type, listed

FIRST_ROWS = 1_000  # that tell the columns, where no row names them
CELL_BYTES = 100  # that a cell takes in memory until it lies in a column, beside its text
_MIDNIGHT = " 00:00:00"  # of a day that is shown with its time


class ExcelReader(Uncounted):
    """A source of rows: program_lib.ports.TextReader over a sheet.

    The table begins at the cell `start`. Its first row names the columns where `has_header`; else they are called by
    their letters. `types` says what columns hold; the others are texts. A row without a value is none.
    """

    def __init__(
        self,
        path: str,
        *,
        sheet: str = "",
        start: str = "A1",
        has_header: bool = True,
        types: Mapping[str, Type] | None = None,
        opener: Callable[[str], BinaryIO],
    ) -> None:
        self._path, self._name = path, PurePath(path).name
        self._wanted, self._has_header = sheet, has_header
        if (place := place_of(start)) is None:
            raise ProgramError(f"the table cannot start at {start!r}: name a cell, such as B3")
        self._first_row, self._first_column = place
        self._types = types or {}
        self._opener = opener
        self._file: BinaryIO
        self._open: list[BinaryIO | Package | SharedTexts] = []
        self._sheet: Sheet
        self._rows: Iterator[SheetRow]
        self._schema = Schema()
        self._columns: list[int] = []  # of the sheet, one for each of ours
        self._size = self._read = 0  # bytes of the sheet; those that were read
        self._places = _Places()

    def open(self) -> Schema:
        self._file = self._opener(self._path)
        self._open.append(self._file)
        package = Package(self._file, self._name)
        self._open.append(package)
        workbook = read_workbook(package)
        self._sheet = workbook.sheet(self._wanted)
        texts = SharedTexts(package, workbook.texts)
        self._open.append(texts)
        self._size = package.size(self._sheet.part)
        self._rows = self._table(SheetRows(workbook, self._sheet, texts))
        self._schema = self._named() if self._has_header else self._lettered()
        return self._schema

    def batches(self) -> Iterator[pa.Table]:
        for table in self.written():
            yield self.typed(table)

    def written(self) -> Iterator[pa.Table]:
        """The texts of the cells; of one without a value NO_VALUE and the reason."""
        kept: list[SheetRow] = []
        size = 0
        for row in self._rows:
            self._check_inside(row)
            kept.append(row)
            size += row.size + CELL_BYTES * len(row.cells)
            if len(kept) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield from self._tables(kept)
                kept, size = [], 0
        yield from self._tables(kept)
        check_same(self._file)

    def typed(self, written: pa.Table) -> pa.Table:
        refused: list[RowRefused] = []
        columns = [
            _typed(written.column(at), column, refused) for at, column in enumerate(self._schema)
        ]
        if refused:
            raise min(refused, key=lambda one: one.index)
        return pa.table(columns, schema=self._schema.arrow())

    def texts(self, written: pa.Table) -> pa.Table:
        """As people read them: without the sign that a cell has no value."""
        columns = [_visible(column) for column in written.columns]
        return pa.table(columns, schema=written.schema)

    def share(self) -> float | None:
        return min(1.0, self._read / self._size) if self._size else None

    can_be_read_again = True

    def where(self, number: int) -> str:
        return f"row {self._places.row(number):,} of {self._sheet.name} in {self._name}"

    def close(self) -> None:
        for one in reversed(self._open):
            with suppress(OSError, BufferError):
                one.close()
        self._open.clear()

    # ------------------------------------------------ the table

    def _table(self, sheet: SheetRows) -> Iterator[SheetRow]:
        """The rows from `start` on; what stands above it or before it is no part of the table."""
        for rows, size in sheet.rows():
            self._read += size
            for row in rows:
                if row.number < self._first_row:
                    continue
                if self._first_column > 1:
                    cells = {at: text for at, text in row.cells.items() if at >= self._first_column}
                    if not cells:
                        continue
                    row = SheetRow(row.number, cells, row.size)
                yield row

    def _named(self) -> Schema:
        """The columns that the first row names."""
        first = next(self._rows, None)
        if first is None or first.number != self._first_row:
            cell = f"{letters_of(self._first_column)}{self._first_row}"
            raise ProgramError(
                f"row {self._first_row:,} of {self._about} is empty: it must name the columns,"
                f" or let the table start at another cell than {cell}"
            )
        last = max(first.cells)
        self._columns = list(range(self._first_column, last + 1))
        names = [self._header_name(first, at) for at in self._columns]
        self._check_names(names)
        return Schema(Column(name, self._types.get(name, TEXT)) for name in names)

    def _header_name(self, row: SheetRow, at: int) -> str:
        name = row.cells.get(at, "").strip()
        cell = f"{letters_of(at)}{row.number}"
        if not name:
            raise ProgramError(f"{cell} of {self._about} is empty: it must name its column")
        if name.startswith(NO_VALUE):
            raise ProgramError(f"{name[1:]} in {self._about}, where it must name its column")
        return name

    def _check_names(self, names: list[str]) -> None:
        [(name, count)] = Counter(names).most_common(1)
        if count > 1:
            cells = [
                letters_of(at)
                for at, other in zip(self._columns, names, strict=True)
                if other == name
            ]
            raise ProgramError(
                f"columns {listed(cells)} of {self._about} are called {name!r}: rename one"
            )
        for typed in self._types:
            if typed not in names:
                raise ProgramError(f"{self._about} has no column {typed!r}; it has {listed(names)}")

    def _lettered(self) -> Schema:
        """Columns by their letters: as many as the first rows have."""
        first: list[SheetRow] = []
        size = 0
        for row in self._rows:
            first.append(row)
            size += row.size + CELL_BYTES * len(row.cells)
            if len(first) >= FIRST_ROWS or size >= BATCH_BYTES:
                break
        self._rows = chain(first, self._rows)
        last = max((max(row.cells) for row in first), default=0)
        if not last:
            raise ProgramError(f"{self._about} is empty from its row {self._first_row:,} on")
        self._columns = list(range(self._first_column, last + 1))
        names = [letters_of(at) for at in self._columns]
        self._check_names(names)
        return Schema(Column(name, self._types.get(name, TEXT)) for name in names)

    @property
    def _about(self) -> str:
        return f"{self._sheet.name} in {self._name}"

    def _check_inside(self, row: SheetRow) -> None:
        last = max(row.cells)
        if last > self._columns[-1]:
            found = shown(row.cells[last].removeprefix(NO_VALUE))
            why = (
                f"row {self._first_row:,} names; where that is a title, let the table start below it"
                if self._has_header
                else f"the first {FIRST_ROWS:,} rows have"
            )
            raise ProgramError(
                f"{letters_of(last)}{row.number} of {self._about} holds {found}, in a column beyond those that {why}"
            )

    def _tables(self, rows: list[SheetRow]) -> Iterator[pa.Table]:
        if not rows:
            return
        self._places.add(row.number for row in rows)
        cells = [row.cells for row in rows]
        columns = [pa.array([row.get(at) for row in cells], pa.string()) for at in self._columns]
        yield from pieces(pa.table(columns, self._schema.names))


class _Places:
    """Which row of the sheet is which of ours: kept where one does not follow the other."""

    def __init__(self) -> None:
        self._count = 0
        self._last = 0
        self._ours, self._theirs = array("q"), array("q")

    def add(self, rows: Iterator[int]) -> None:
        for row in rows:
            self._count += 1
            if row != self._last + 1 or not self._ours:
                self._ours.append(self._count)
                self._theirs.append(row)
            self._last = row

    def row(self, number: int) -> int:
        """Of a row that was not read yet, the one that would follow the last."""
        at = bisect_right(self._ours, number) - 1
        return number if at < 0 else self._theirs[at] + number - self._ours[at]


def _typed(values: pa.ChunkedArray, column: Column, refused: list[RowRefused]) -> pa.Array:
    try:
        _check_values(values, column.name)
        return parse_column(_as_meant(values, column.type), column.type, column.name)
    except RowRefused as error:
        refused.append(error)
        return None


def _check_values(values: pa.ChunkedArray, name: str) -> None:
    index = pc.index(pc.starts_with(values, NO_VALUE), True).as_py()
    if index >= 0:
        raise RowRefused(index, values[index].as_py()[1:], name)


def _as_meant(values: pa.ChunkedArray, of: Type) -> pa.ChunkedArray:
    """What looks like an empty cell is NULL but in a column of texts, and a midnight is no part of a date."""
    if of.kind is Kind.TEXT:
        return values
    values = pc.if_else(pc.equal(values, constant("")), None, values)
    if of.kind is Kind.DATE:
        values = pc.replace_substring_regex(values, f"{_MIDNIGHT}$", "")
    return values


def _visible(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(values, "^\\x00[A-Z]+[0-9]+ (holds the error )?", "")
