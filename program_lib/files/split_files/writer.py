"""Rows into several files of one form: by the value of a column, by their number or size, or both. All appear together, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.files.data_files import claim, place_of
from program_lib.files.part_files import TURN
from program_lib.files.split_files.before import backup_of, forget, names_of_before, put_back
from program_lib.files.split_files.moves import note_moves, note_of
from program_lib.files.split_files.names import LONGEST_NAME, file_name, place_error, value_name
from program_lib.ports import Writer
from program_lib.stores import Place
from program_lib.texts import column_texts, shown
from program_lib.types import Kind, Schema, Type, listed

KEEP, REFUSE = "keep", "refuse"  # what becomes of files of before that the path means
MOST_VALUES = 100  # of the column: each has a file that is open until the end
MOST_FILES = 1_000  # of one output
MOST_HELD = 64 * 1024 * 1024  # bytes that all files together keep in memory
MB = 1024 * 1024
# Bytes in memory of rows that are written at once where files are split by size: so much they may be too large, about
PIECE = MB // 4
FULL = 0.95  # of its size, from which on a file takes no more rows: Parquet's is known once they are packed


class FileWriter(Writer, Protocol):
    """A writer of a file that is written in two steps, of which the first alone may refuse a row."""

    def prepared(self, table: pa.Table) -> Any:
        """What `put` takes. Raises RowRefused, and leaves all as it is."""
        ...

    def put(self, prepared: Any) -> None:
        """Writes what was prepared, in the order of preparing."""
        ...

    @property
    def held(self) -> int:
        """Bytes that are kept in memory until `spill`."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the file so far, about; exact after `spill`."""
        ...

    def spill(self) -> None:
        """Writes what is held."""
        ...


@dataclass
class _File:
    """One of the files."""

    path: str
    place: Place
    writer: FileWriter
    rows: int = 0
    is_finished: bool = False
    backup: Place | None = None  # of the file of before, from `finish` until all are placed


@dataclass
class _Value:
    """The files of one value of the column, or of all rows."""

    name: str | None
    files: list[_File] = field(default_factory=list)


@dataclass
class _Part:
    """Rows of a batch that go into one file, or the next one where it is full by then."""

    value: _Value
    file: _File
    indices: pa.Array  # in the batch
    prepared: Any = None


class SplitWriter:
    """A target of rows: program_lib.ports.Writer over many files. The path has a * where value and number stand.

    `by`: a column, of which each value has its files; `rows`: so many in a file at most; `megabytes`: a file that has them
    is full. One is given, and not both of the last two.
    `existing`: files of before that the path means, and that get no rows now, KEEP or REFUSE.
    """

    def __init__(
        self,
        path: str,
        make: Callable[[Place], FileWriter],
        as_what: str,
        *,
        by: str = "",
        rows: int = 0,
        megabytes: int = 0,
        existing: str = KEEP,
    ) -> None:
        assert by or rows or megabytes
        assert not (rows and megabytes), "the rows of a file are chosen before its size is known"
        assert existing in (KEEP, REFUSE)
        if why := place_error(path):
            raise ProgramError(f"the path {path} of a split output {why}")
        self._path, self._make, self._as_what = path, make, as_what
        self._by, self._most_rows, self._existing = by, rows, existing
        self._most_bytes = megabytes * MB
        self._failure: ProgramError | OSError | None = None  # after which no row is written
        self._schema = Schema()
        self._values: dict[str | None, _Value] = {}  # by the keys of the values
        self._rows = self._stay = 0
        self._note: Path | None = None  # from `finish` on, until all files are in their places
        self._say: Callable[[str], None] = _nobody

    @property
    def turn(self) -> tuple[int, int]:
        return TURN

    def start(self, say: Callable[[str], None]) -> None:
        """Looks at the directory, and at what earlier runs left there."""
        self._say = say
        place_of(self._path)
        self._before()

    def _before(self) -> list[str]:
        """The names that the path means by now. Raises ProgramError where none may be there."""
        before = list(names_of_before(self._path))
        if before and self._existing == REFUSE:
            raise ProgramError(
                f"{listed(before, 3)} of before {'is' if len(before) == 1 else 'are'} there already:"
                f" move what {self._path} means away, or keep files of before"
            )
        return before

    def open(self, schema: Schema) -> None:
        column = schema.column(self._by) if self._by else None
        if self._by and column is None:
            raise ProgramError(
                f"there is no column {self._by!r} to split by; there are {listed(schema.names)}"
            )
        if column is not None and column.type.kind in (Kind.BYTES, Kind.JSON):
            raise ProgramError(f"files are not split by {column.name}, which is {column.type}")
        self._schema = schema

    def write(self, table: pa.Table) -> None:
        """First all rows are prepared, which may refuse one, then all are written: none is written twice."""
        if self._failure is not None:
            raise self._failure
        parts = list(self._parts(table))
        for part in parts:
            part.prepared = self._prepared(table, part)
        for part in parts:
            self._put(part)
        self._rows += len(table)
        self._spill()

    def _put(self, part: _Part) -> None:
        file = self._next_file(part) if part.file.is_finished else part.file
        file.writer.put(part.prepared)
        file.rows += len(part.indices)
        if file.rows == self._most_rows or self._is_large(file):
            self._finish(file)

    def _next_file(self, part: _Part) -> _File:
        try:
            return self._file(part.value, {})
        except (
            ProgramError,
            OSError,
        ) as error:  # rows of the batch are written: it is not tried again by halves
            self._failure = error
            raise

    def _is_large(self, file: _File) -> bool:
        if not self._most_bytes or file.writer.size < self._most_bytes:
            return False
        file.writer.spill()
        return file.writer.size >= self._most_bytes * FULL

    def told(self) -> str:
        count = sum(1 for file in self._files() if file.rows)
        files = "1 file" if count == 1 else f"{count:,} files"
        stay = f"; {self._stay:,} of before stay" if self._stay else ""
        return f"{self._rows:,} rows written into {files}{stay}"

    def finish(self) -> None:
        for value in self._values.values():
            for file in value.files:
                if not file.rows:  # all of its rows were refused
                    file.writer.undo()
                elif not file.is_finished:
                    self._finish(file)
            value.files = [file for file in value.files if file.rows]
        ours = {file.place.name for file in self._files()}
        # asked again: another run may have written there meanwhile
        self._stay = sum(1 for name in self._before() if name not in ours)
        for file in self._files():
            file.backup = backup_of(file.place)
        pattern, places = place_of(self._path), [file.place for file in self._files()]
        if isinstance(pattern, Path):
            self._note = note_of(pattern)  # before it is made: a stop may come meanwhile
            note_moves(pattern, [place for place in places if isinstance(place, Path)])

    def commit(self) -> None:
        """One after the other; where one cannot be moved, those before it are put back.

        Where the program is killed meanwhile, its runner puts them back. Objects of a store stay as they are then.
        """
        placed: list[_File] = []
        try:
            for file in self._files():
                file.writer.commit()
                placed.append(file)
        except (OSError, ProgramError):
            for file in placed:
                put_back(file.place, file.backup)
            raise
        finally:
            self._forget_before()

    def _forget_before(self) -> None:
        """The note first: without backups nothing can be put back."""
        forget(self._note)
        for file in self._files():
            forget(file.backup)
            file.backup = None

    def undo(self) -> None:
        self._forget_before()
        for file in self._files():
            file.writer.undo()

    # ------------------------------------------------ which rows go where

    def _parts(self, table: pa.Table) -> Iterator[_Part]:
        """The rows by their files, which are made. Raises RowRefused for a value that makes no name, TargetFailed for too many."""
        added: dict[str, int] = {}  # rows of files in this batch
        piece = self._rows_at_once(table)
        for key, text, indices in self._by_value(table):
            value = self._value(key, text, indices)
            while len(indices):
                file = self._file(value, added)
                there = file.rows + added.get(file.path, 0)
                room = self._most_rows - there if self._most_rows else piece
                yield _Part(value, file, indices.slice(0, room))
                added[file.path] = added.get(file.path, 0) + min(room, len(indices))
                indices = indices.slice(room)

    def _rows_at_once(self, table: pa.Table) -> int:
        if not self._most_bytes:
            return len(table)
        rows: int = PIECE * len(table) // max(1, table.nbytes)
        return max(1, rows)

    def _by_value(self, table: pa.Table) -> Iterator[tuple[str | None, str | None, pa.Array]]:
        """A key that is the same for equal values, the text of the first of them, and the rows."""
        rows = pa.arange(0, len(table))
        if not self._by:
            yield None, None, rows
            return
        column = self._schema.column(self._by)
        assert column is not None
        texts = column_texts(table.column(self._by), column.type, column.name)
        keys = _keys(texts, column.type)
        for key in pc.unique(keys).to_pylist():
            is_it = pc.is_null(keys) if key is None else pc.fill_null(pc.equal(keys, key), False)
            indices = rows.filter(is_it)
            yield key, texts[indices[0].as_py()].as_py(), indices

    def _value(self, key: str | None, text: str | None, indices: pa.Array) -> _Value:
        if (known := self._values.get(key)) is not None:
            return known
        if len(self._values) >= MOST_VALUES:
            raise TargetFailed(
                f"{self._by} has more than {MOST_VALUES} values, each of which would have a file: split by another column"
            )
        try:
            name = value_name(text) if self._by else None
        except ValueError as error:
            raise RowRefused(
                indices[0].as_py(), f"{shown(text or '')}: {error}", self._by
            ) from None
        return self._values.setdefault(key, _Value(name))

    def _file(self, value: _Value, added: dict[str, int]) -> _File:
        """The file that takes the next rows."""
        for file in value.files:
            has_room = not self._most_rows or file.rows + added.get(file.path, 0) < self._most_rows
            if has_room and not file.is_finished:
                return file
        number = len(value.files) + 1 if self._most_rows or self._most_bytes else None
        value.files.append(self._made(file_name(self._path, value.name, number)))
        return value.files[-1]

    def _made(self, path: str) -> _File:
        if sum(1 for _ in self._files()) >= MOST_FILES:
            raise TargetFailed(
                f"the output would have more than {MOST_FILES:,} files: let each be larger"
            )
        if len(os.path.basename(path).encode()) > LONGEST_NAME:
            raise ProgramError(f"{path} is longer than {LONGEST_NAME} bytes: shorten the path")
        place = place_of(path)
        try:
            claim(place, self._as_what)
            return self._begun(_File(path, place, self._make(place)))
        except (
            ProgramError
        ) as error:  # no row is at fault: another output has the file, or none can be opened
            raise TargetFailed(str(error)) from error

    def _begun(self, file: _File) -> _File:
        try:
            file.writer.start(self._say)
            file.writer.open(self._schema)
        except BaseException:
            file.writer.undo()
            raise
        return file

    def _prepared(self, table: pa.Table, part: _Part) -> Any:
        rows = table if len(part.indices) == len(table) else table.take(part.indices)
        try:
            return part.file.writer.prepared(rows)
        except RowRefused as error:
            index = part.indices[error.index].as_py()
            raise RowRefused(index, error.reason, error.column) from error

    def _finish(self, file: _File) -> None:
        file.writer.finish()
        file.is_finished = True

    def _spill(self) -> None:
        """What fills the memory is written, the most first."""
        files = sorted(
            (file for file in self._files() if not file.is_finished),
            key=lambda file: -file.writer.held,
        )
        held = sum(file.writer.held for file in files)
        for file in files:
            if held <= MOST_HELD:
                return
            held -= file.writer.held
            file.writer.spill()

    def _files(self) -> Iterator[_File]:
        return (file for value in self._values.values() for file in value.files)


def _keys(texts: pa.Array | pa.ChunkedArray, of: Type) -> pa.Array | pa.ChunkedArray:
    """The texts of values, in one form for those that are equal: 1.50 is 1.5, -0 is 0."""
    if of.is_padded:
        return pc.utf8_rtrim(texts, " ")
    if of.kind is Kind.NUMERIC:
        texts = pc.replace_substring_regex(texts, r"^(-?\d+)(?:\.0*|(\.\d*?)0*)$", r"\1\2")
    if of.kind in (Kind.NUMERIC, Kind.DOUBLE):
        return pc.replace_substring_regex(texts, "^-0$", "0")
    return texts


def _nobody(message: str) -> None:
    """Until `start`, nobody listens."""
