"""A CSV file as a target of rows: written beside its place, and moved there at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

import pyarrow as pa

from program_lib.csv_files.form import WITHOUT_MARKS, Form
from program_lib.csv_files.lines import csv_lines, header_line
from program_lib.errors import ProgramError, RowRefused
from program_lib.files.compressed import part_file
from program_lib.files.part_files import TURN
from program_lib.ports import HoldsNothing, WritesAll
from program_lib.stores import Place
from program_lib.texts import column_texts
from program_lib.two_threads import in_two_threads
from program_lib.types import Schema

# In these Python has signs for some that they lack: £ becomes the wide ￡, and • the point ‧
WITH_OTHER_SIGNS = frozenset({"cp932", "cp950"})
LEAST_HALF = 2_000  # rows for which another thread is worth waking

# How text is written after the first bytes, and these: a byte order mark where the encoding has one.
WRITTEN = {
    "utf-8": ("utf-8", b""),
    "utf-8-sig": ("utf-8", b"\xef\xbb\xbf"),
    "utf-16": ("utf-16-le", b"\xff\xfe"),
    **{encoding: (encoding, b"") for encoding in WITHOUT_MARKS},
}


class _Part(NamedTuple):
    """Some rows of a batch."""

    table: pa.Table
    start: int = 0  # in the batch


class CsvWriter(HoldsNothing, WritesAll):
    """A target of rows: program_lib.ports.Writer over a file, whose path is checked already."""

    def __init__(
        self,
        path: Place,
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
        null: str = "",
        quote: str | None = '"',
        is_quoted_null: bool = False,
        decimal: str = ".",
        has_header: bool = True,
        packing: str | None = None,
    ) -> None:
        self._part = part_file(path, packing)
        self._form = Form(delimiter, encoding, quote, null, is_quoted_null, decimal)
        self._encoding, self._mark = WRITTEN[encoding]
        self._has_header = has_header
        self._is_begun = has_header  # or has rows
        self._schema = Schema()

    @property
    def turn(self) -> tuple[int, int]:
        return TURN

    def start(self, say: Callable[[str], None]) -> None:
        self._part.start()

    def open(self, schema: Schema) -> None:
        self._schema = schema
        if not _can_encode(self._form.null, self._encoding):
            raise ProgramError(
                f"{self._form.null!r} cannot stand for NULL: {self._form.encoding} does not have it; choose another text,"
                " or write utf-8"
            )
        self._part.append(self._mark + (self._names() if self._has_header else b""))

    def _names(self) -> bytes:
        """The line that names the columns. Raises ProgramError."""
        line = header_line(self._schema, self._form)
        try:
            return _in_bytes(line.decode(), self._encoding)
        except UnicodeEncodeError as error:
            sign = error.object[error.start]
            raise ProgramError(
                f"a column's name holds {sign!r}, which {self._form.encoding} does not have: rename it, or write utf-8"
            ) from error

    def write(self, table: pa.Table) -> None:
        self.put(self.prepared(table))

    def prepared(self, table: pa.Table) -> Sequence[bytes | memoryview]:
        """Its lines. Of many rows two threads make halves. Raises RowRefused."""
        half = len(table) // 2
        if half < LEAST_HALF:
            return [self._lines(_Part(table))]
        parts = [_Part(table.slice(0, half)), _Part(table.slice(half), half)]
        return list(in_two_threads(self._lines, parts))

    def put(self, prepared: Sequence[bytes | memoryview]) -> None:
        self._part.append(*prepared)
        self._is_begun = self._is_begun or any(map(len, prepared))

    def _lines(self, part: _Part) -> bytes | memoryview:
        try:
            lines = csv_lines(part.table, self._schema, self._form, may_be_first=not self._is_begun)
            return self._encoded(lines, part.table)
        except RowRefused as error:
            raise RowRefused(part.start + error.index, error.reason, error.column) from error

    @property
    def size(self) -> int:
        return self._part.size

    def finish(self) -> None:
        self._part.finish()

    def commit(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        self._part.undo()

    def _encoded(self, lines: memoryview, table: pa.Table) -> bytes | memoryview:
        if self._encoding == "utf-8":
            return lines
        try:
            return _in_bytes(str(lines, "utf-8"), self._encoding)
        except UnicodeEncodeError as error:
            self._refuse(table, error)

    def _refuse(self, table: pa.Table, error: UnicodeEncodeError) -> NoReturn:
        """Finds the first row whose text the encoding cannot hold."""
        sign = error.object[error.start]
        reason = f"{sign!r} is not in {self._form.encoding}: let the file be utf-8"
        index, name = min(self._unwritable(table))
        raise RowRefused(index, reason, name) from error

    def _unwritable(self, table: pa.Table) -> Iterator[tuple[int, str]]:
        for at, column in enumerate(self._schema):
            texts = column_texts(table.column(at), column.type, column.name).to_pylist()
            for index, text in enumerate(texts):
                if text is not None and not _can_encode(text, self._encoding):
                    yield index, column.name


def _can_encode(text: str, encoding: str) -> bool:
    try:
        _in_bytes(text, encoding)
    except UnicodeEncodeError:
        return False
    return True


def _in_bytes(text: str, encoding: str) -> bytes:
    """The text as the encoding writes it. Raises UnicodeEncodeError, also for a sign that Python would write as another one."""
    written = text.encode(encoding)
    if encoding in WITH_OTHER_SIGNS and (read := written.decode(encoding)) != text:
        at = next(at for at, sign in enumerate(text) if sign != read[at])
        raise UnicodeEncodeError(encoding, text, at, at + 1, "is not the same sign any more")
    return written
