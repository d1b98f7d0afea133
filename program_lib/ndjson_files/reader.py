"""Rows of a file of JSON objects, one a line or all in a list, strictly."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from typing import BinaryIO

import msgspec
import pyarrow as pa

from program_lib.csv_files.source import Source
from program_lib.files.line_finder import LineFinder, RowLines
from program_lib.ndjson_files.columns import IGNORE, REFUSE, MemberColumns
from program_lib.ndjson_files.lines import FIRST_LINES, Block, Lines
from program_lib.ndjson_files.objects import Member, NotAnObject, members
from program_lib.pieces import pieces
from program_lib.ports import Uncounted
from program_lib.types import Schema, Type

__all__ = ["IGNORE", "REFUSE", "NdjsonReader"]


class NdjsonReader(Uncounted):
    """A source of rows: program_lib.ports.TextReader over a file.

    Its columns are the members that the first FIRST_LINES lines have, and those that `types` names; the others are texts.
    A file that is not `is_alone` may have none: those of other files count, too.
    """

    def __init__(
        self,
        path: str,
        *,
        types: Mapping[str, Type] | None = None,
        others: str = REFUSE,
        opener: Callable[[str], BinaryIO],
        is_alone: bool = True,
    ) -> None:
        self._path, self._name = path, PurePath(path).name
        self._columns = MemberColumns(
            types or {},
            others,
            source=self._name,
            first=f"the first {FIRST_LINES:,} lines",
            may_be_none=not is_alone,
        )
        self._opener = opener
        self._file: BinaryIO | None = None
        self._source: Source
        self._lines: Lines
        self._finder = LineFinder(self._rows_again)

    def open(self) -> Schema:
        self._file = self._opener(self._path)
        self._source = Source(self._file, "utf-8")
        self._lines = Lines(self._source, self._name)
        lines = self._lines.first().lines()
        return self._columns.begin(self._members(number, line) for number, line in lines)

    def batches(self) -> Iterator[pa.Table]:
        while (block := self._lines.next()) is not None:
            yield from pieces(self._columns.typed(self._found(block)))

    def written(self) -> Iterator[pa.Table]:
        """Each member as its line has it, in JSON."""
        while (block := self._lines.next()) is not None:
            yield from pieces(self._columns.written(self._found(block)))

    def typed(self, written: pa.Table) -> pa.Table:
        return self._columns.typed_again(written)

    def texts(self, written: pa.Table) -> pa.Table:
        return self._columns.texts(written)

    def share(self) -> float | None:
        return self._lines.share()

    @property
    def can_be_read_again(self) -> bool:
        return self._source.is_file

    def where(self, number: int) -> str:
        """The line of a row; of a pipe, whose lines are gone, its number."""
        if not self._source.is_file:
            return f"row {number:,} of {self._name}"
        return f"{self._lines.called} {self._finder.line(number):,} of {self._name}"

    def close(self) -> None:
        self._finder.close()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _members(self, number: int, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            return members(line)
        except NotAnObject as error:
            raise self._lines.refused(number, str(error)) from error

    def _found(self, block: Block) -> list[list[Member]]:
        """The members of a block's lines, by column. Raises ProgramError for a line."""
        return self._columns.by_column(self._checked(block))

    def _checked(self, block: Block) -> Iterator[Mapping[str, Member]]:
        for number, line in block.lines():
            found = self._members(number, line)
            if why := self._columns.unknown(found):
                raise self._lines.refused(number, why)
            yield found

    def _rows_again(self) -> Generator[RowLines, None, None]:
        with self._opener(self._path) as file:
            lines = Lines(Source(file, "utf-8"), self._name)
            while (block := lines.next()) is not None:
                numbers = [number for number, _ in block.lines()]
                yield RowLines(len(numbers), partial(list, numbers))
