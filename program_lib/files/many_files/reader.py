"""Several files of one form as one source of rows, one after the other."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

import pyarrow as pa

from program_lib.common_types import common_schema
from program_lib.errors import ProgramError
from program_lib.files.data_files import note_read, place_of, size_of
from program_lib.files.many_files.matching import matching, meant
from program_lib.notation.patterns import is_pattern
from program_lib.ports import Reader, TextReader
from program_lib.types import TEXT, Column, Schema, Type, listed

R = TypeVar("R", bound=Reader)
# Makes the reader of one file; it gets the columns of all files, none before they are known, and None where it is alone
Make = Callable[[str, Schema | None], R]


class ManyFiles(Generic[R]):
    """A source of rows: program_lib.ports.Reader over all files that a path means.

    All must have the same columns, in whatever order: those of the first file, in its order; one that tells none has
    no rows. Where `has_all` is set, the columns are those that any file has. `name_column` holds each row's file, as the path spells it.
    """

    def __init__(
        self,
        path: str,
        make: Make[R],
        *,
        name_column: str | None = None,
        has_all: bool = False,
    ) -> None:
        self._pattern, self._make = path, make
        self._name_column, self._has_all = name_column, has_all
        self._paths: list[str] = []
        self._sizes: list[int] = []  # bytes
        self._total: int | None = None
        self._without_type: dict[str, frozenset[str]] = {}  # by file, columns that hold NULLs alone
        self._own = Schema()  # without the file's name
        self._schema = Schema()
        self._at = -1  # the file that is read
        self._reader: R | None = None  # its reader
        self._theirs: list[str] = []  # its columns, in its order
        self._seen = 0  # rows of all files that were read
        self._starts: list[int] = []  # by file, how many rows come before it
        # A file that is done, and was asked where a row is
        self._asked: tuple[int, R] | None = None

    def open(self) -> Schema:
        """Looks at the columns of each file before the first row is read. Raises as the reader of a file does."""
        self._paths = matching(self._pattern)
        if is_pattern(self._pattern):
            note_read(self._pattern, meant(self._pattern))
        self._sizes = [size_of(path) for path in self._paths]
        schemas = [self._looked_at(path) for path in self._paths]
        self._own = _union(schemas) if self._has_all else self._common(schemas)
        if self._has_all and not self._own:
            raise ProgramError(
                f"{self._pattern} tells no columns: its files have no members, and Types names none"
            )
        self._schema = Schema([*self._own, *self._name_columns()])
        return self._schema

    def batches(self) -> Iterator[pa.Table]:
        for path, reader in self._readers():
            for table in reader.batches():
                self._seen += len(table)
                yield self._as_ours(table, path)

    def total(self) -> int | None:
        return self._total

    def share(self) -> float | None:
        """By the bytes of the files."""
        if not (whole := sum(self._sizes)) or self._reader is None:
            return None
        part = self._reader.share()
        done = sum(self._sizes[: self._at]) + (part or 0.0) * self._sizes[self._at]
        return min(1.0, done / whole)

    def where(self, number: int) -> str:
        at = max(bisect_right(self._starts, number - 1) - 1, 0)
        said = self._reader_of(at).where(number - (self._starts[at] if self._starts else 0))
        return f"{said} ({self._paths[at]})" if self._is_ambiguous(at) else said

    def hear(self, say: Callable[[str], None]) -> None:
        """Files are not waited for."""

    def told(self) -> str:
        return f"from {self._at + 1:,} of {len(self._paths):,} files"

    def close(self) -> None:
        for reader in (self._reader, self._asked[1] if self._asked else None):
            if reader is not None:
                reader.close()
        self._asked = None

    # ------------------------------------------------ columns

    def _looked_at(self, path: str) -> Schema:
        """The columns of one file; counts its rows where it tells them."""
        reader = self._make(path, Schema())
        try:
            schema = reader.open()
            self._without_type[path] = getattr(reader, "without_type", frozenset())
            rows = reader.total()
        finally:
            reader.close()
        is_first = path == self._paths[0]
        before = 0 if is_first else self._total
        self._total = None if rows is None or before is None else before + rows
        return schema

    def _common(self, schemas: list[Schema]) -> Schema:
        """The columns of the first file, as wide as those of any, and NULL where any may be. Raises ProgramError."""
        told = {path: one for path, one in zip(self._paths, schemas, strict=True) if one}
        if not told:
            return self._alone(self._paths[0])
        told = self._with_types(told)
        first = next(iter(told))
        for path, schema in told.items():
            _check_same(path, schema, first, _types(told[first]))
        return common_schema(list(told.values()))

    def _with_types(self, told: Mapping[str, Schema]) -> dict[str, Schema]:
        """The columns of each file; one that holds NULLs alone, and tells no type, has that of the first file that does."""
        types: dict[str, Type] = {}
        for path, schema in told.items():
            for column in schema:
                if column.name not in self._without_type[path]:
                    types.setdefault(column.name, column.type)
        return {
            path: Schema(
                replace(column, type=types.get(column.name, column.type))
                if column.name in self._without_type[path]
                else column
                for column in schema
            )
            for path, schema in told.items()
        }

    def _alone(self, path: str) -> Schema:
        """The columns of a file that tells none beside others. Raises ProgramError where it tells none by itself, too."""
        reader = self._make(path, None)
        try:
            return reader.open()
        finally:
            reader.close()

    def _name_columns(self) -> list[Column]:
        if self._name_column is None:
            return []
        if self._own.column(self._name_column) is not None:
            raise ProgramError(
                f"{self._paths[0]} has a column {self._name_column!r}: call the one for the file's name otherwise"
            )
        return [Column(self._name_column, TEXT, is_nullable=False)]

    def _as_ours(self, table: pa.Table, path: str) -> pa.Table:
        table = table.select(self._own.names)
        if self._name_column is None:
            return table
        names = pa.repeat(pa.scalar(path, pa.string()), len(table))
        return table.append_column(self._name_column, names)

    # ------------------------------------------------ files

    def _readers(self) -> Iterator[tuple[str, R]]:
        for at, path in enumerate(self._paths):
            self._at = at
            self._starts.append(self._seen)
            self._reader, self._theirs = self._opened(path)
            yield path, self._reader
            self._reader.close()

    def _opened(self, path: str) -> tuple[R, list[str]]:
        """Open, and with the columns of all. A file may have changed since it was looked at."""
        reader = self._make(path, self._own)
        try:
            schema = reader.open()
            if _types(schema) != _types(self._own) or _may_be_null(schema) - _may_be_null(
                self._own
            ):
                raise ProgramError(
                    f"{path} has other columns, or other types, than when the run began, or NULL in other columns"
                )
        except BaseException:
            reader.close()
            raise
        return reader, schema.names

    def _reader_of(self, at: int) -> R:
        if at == self._at and self._reader is not None:
            return self._reader
        if self._asked is None or self._asked[0] != at:
            if self._asked is not None:
                self._asked[1].close()
            self._asked = at, self._opened(self._paths[at])[0]
        return self._asked[1]

    def _is_ambiguous(self, at: int) -> bool:
        """Whether files of several directories are called so."""
        names = Counter(PurePosixPath(path).name for path in self._paths)
        return names[PurePosixPath(self._paths[at]).name] > 1


T = TypeVar("T", bound=TextReader)


class ManyTexts(ManyFiles[T]):
    """The same, of readers of texts: program_lib.ports.TextReader."""

    def written(self) -> Iterator[pa.Table]:
        for path, reader in self._readers():
            for table in reader.written():
                self._seen += len(table)
                yield self._as_ours(table, path)

    @property
    def can_be_read_again(self) -> bool:
        places = map(place_of, self._paths)
        return all(not isinstance(place, Path) or place.is_file() for place in places)

    def typed(self, written: pa.Table) -> pa.Table:
        return self._by_theirs(written, self._current.typed)

    def texts(self, written: pa.Table) -> pa.Table:
        return self._by_theirs(written, self._current.texts)

    @property
    def _current(self) -> T:
        assert self._reader is not None
        return self._reader

    def _by_theirs(self, written: pa.Table, work: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """What the file's own reader makes of rows, which has its own order of columns."""
        made = work(written.select(self._theirs)).select(self._own.names)
        if self._name_column is None:
            return made
        return made.append_column(self._name_column, written.column(self._name_column))


def _check_same(path: str, schema: Schema, first: str, wanted: Mapping[str, Type]) -> None:
    """Raises ProgramError for other columns, or types, than those `wanted`, which are of the `first` file."""
    if lacks := [name for name in wanted if schema.column(name) is None]:
        raise ProgramError(f"{path} has no column {listed(map(repr, lacks))}, which {first} has")
    if more := [name for name in schema.names if name not in wanted]:
        raise ProgramError(f"{path} has a column {listed(map(repr, more))}, which {first} has not")
    theirs = _types(schema)
    for name, of in wanted.items():
        if theirs[name] != of:
            raise ProgramError(
                f"the column {name} is {theirs[name]} in {path}, and {of} in {first}"
            )


def _types(schema: Schema) -> dict[str, Type]:
    """What the columns hold, in whatever order they stand, whatever width or length a file declares for it."""
    return {column.name: column.type.without_bounds() for column in schema}


def _may_be_null(schema: Schema) -> set[str]:
    return {column.name for column in schema if column.is_nullable}


def _union(schemas: list[Schema]) -> Schema:
    """The columns that any has, in the order in which they come."""
    found: dict[str, Column] = {}
    for schema in schemas:
        for column in schema:
            found.setdefault(column.name, column)
    return Schema(found.values())
