"""Rows of a file of JSON objects, one a line, strictly."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from typing import BinaryIO

import msgspec
import pyarrow as pa

from program_lib.csv_files.source import Source
from program_lib.errors import ProgramError, RowRefused
from program_lib.line_finder import LineFinder, RowLines
from program_lib.ndjson_files.lines import FIRST_LINES, Block, Lines
from program_lib.ndjson_files.objects import Member, NotAnObject, members, texts_of
from program_lib.pieces import pieces
from program_lib.ports import Uncounted
from program_lib.texts import parse_column
from program_lib.types import TEXT, Column, Schema, Type, listed

REFUSE, IGNORE = "refuse", "ignore"  # what becomes of members that are no columns


class NdjsonReader(Uncounted):
    """A source of rows: program_lib.ports.TextReader over a file.

    Its columns are the members that the first FIRST_LINES lines have, and those that `types` names; the others are texts.
    """

    def __init__(
        self,
        path: str,
        *,
        types: Mapping[str, Type] | None = None,
        others: str = REFUSE,
        opener: Callable[[str], BinaryIO],
    ) -> None:
        assert others in (REFUSE, IGNORE)
        self._path, self._name = path, PurePath(path).name
        self._types = types or {}
        self._others = others
        self._opener = opener
        self._file: BinaryIO | None = None
        self._source: Source
        self._lines: Lines
        self._finder = LineFinder(self._rows_again)
        self._schema = Schema()
        self._known: frozenset[str] = frozenset()  # the names of its columns

    def open(self) -> Schema:
        self._file = self._opener(self._path)
        self._source = Source(self._file, "utf-8")
        self._lines = Lines(self._source, self._name)
        self._schema = self._columns(self._lines.first())
        self._known = frozenset(self._schema.names)
        return self._schema

    def batches(self) -> Iterator[pa.Table]:
        while (block := self._lines.next()) is not None:
            yield from pieces(self._typed(self._found(block)))

    def written(self) -> Iterator[pa.Table]:
        """Each member as its line has it, in JSON."""
        while (block := self._lines.next()) is not None:
            yield from pieces(self._table([_as_written(column) for column in self._found(block)]))

    def typed(self, written: pa.Table) -> pa.Table:
        return self._typed(_members_of(written))

    def texts(self, written: pa.Table) -> pa.Table:
        columns = zip(_members_of(written), self._schema.names, strict=True)
        return self._table([texts_of(found, TEXT, name) for found, name in columns])

    def _table(self, columns: list[pa.Array]) -> pa.Table:
        return pa.table(columns, self._schema.names)

    def share(self) -> float | None:
        return self._lines.share()

    def where(self, number: int) -> str:
        """The line of a row; of a pipe, whose lines are gone, its number."""
        if not self._source.is_file:
            return f"row {number:,} of {self._name}"
        return f"line {self._finder.line(number):,} of {self._name}"

    def close(self) -> None:
        self._finder.close()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _columns(self, block: Block) -> Schema:
        names: dict[str, None] = {}
        for number, line in block.lines():
            names.update(dict.fromkeys(self._members(number, line)))
        names.update(dict.fromkeys(self._types))
        if not names:
            raise ProgramError(
                f"{self._name} tells no columns: its lines have no members, and Types names none"
            )
        if bad := [name for name in names if not name or "\0" in name]:
            raise ProgramError(f"{self._name} has a member that is called {bad[0]!r}: rename it")
        return Schema(Column(name, self._types.get(name, TEXT)) for name in names)

    def _members(self, number: int, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            return members(line)
        except NotAnObject as error:
            raise self._lines.refused(number, str(error)) from error

    def _found(self, block: Block) -> list[list[Member]]:
        """The members of a block's lines, by column. Raises ProgramError for a line."""
        columns: list[list[Member]] = [[] for _ in self._schema]
        names = self._schema.names
        for number, line in block.lines():
            found = self._members(number, line)
            if self._others == REFUSE and not found.keys() <= self._known:
                raise self._unknown(number, found)
            for name, column in zip(names, columns, strict=True):
                column.append(found.get(name))
        return columns

    def _unknown(self, number: int, found: Mapping[str, Member]) -> ProgramError:
        unknown = [name for name in found if name not in self._known]
        return self._lines.refused(
            number,
            f"has a member {unknown[0]!r}, which the first {FIRST_LINES:,} lines have not: name it in Types,"
            f" or ignore members that are no columns. Columns are {listed(self._schema.names)}",
        )

    def _typed(self, columns: list[list[Member]]) -> pa.Table:
        refused: list[RowRefused] = []
        typed = [
            self._column(column, members, refused)
            for column, members in zip(self._schema, columns, strict=True)
        ]
        if refused:
            raise min(refused, key=lambda one: one.index)
        return pa.table(typed, schema=self._schema.arrow())

    def _column(self, column: Column, found: list[Member], refused: list[RowRefused]) -> pa.Array:
        try:
            texts = texts_of(found, column.type, column.name)
            return parse_column(texts, column.type, column.name)
        except RowRefused as error:
            refused.append(error)
            return None

    def _rows_again(self) -> Generator[RowLines, None, None]:
        with self._opener(self._path) as file:
            lines = Lines(Source(file, "utf-8"), self._name)
            while (block := lines.next()) is not None:
                numbers = [number for number, _ in block.lines()]
                yield RowLines(len(numbers), partial(list, numbers))


def _as_written(found: list[Member]) -> pa.Array:
    return pa.array(
        [None if value is None else bytes(value).decode() for value in found], pa.string()
    )


def _members_of(written: pa.Table) -> list[list[Member]]:
    return [
        [None if text is None else msgspec.Raw(text.encode()) for text in column.to_pylist()]
        for column in written.columns
    ]
