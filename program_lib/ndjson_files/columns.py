"""Which columns JSON objects have, and their members as typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import pyarrow as pa

from program_lib.errors import ProgramError, RowRefused
from program_lib.ndjson_files.objects import Member, texts_of
from program_lib.texts import parse_column
from program_lib.types import TEXT, Column, Schema, Type, listed

REFUSE, IGNORE = "refuse", "ignore"  # what becomes of members that are no columns


class MemberColumns:
    """The columns of JSON objects: the members that the first ones have, and those that `types` names; the others are texts.

    `source` is what their owner calls all of them, `first` those that tell the columns: "x.ndjson", "the first 1,000 lines".
    """

    def __init__(
        self,
        types: Mapping[str, Type],
        others: str,
        *,
        source: str,
        first: str,
        may_be_none: bool = False,
    ) -> None:
        assert others in (REFUSE, IGNORE)
        self._types, self._others = types, others
        self._source, self._first = source, first
        self._may_be_none = may_be_none
        self.schema = Schema()
        self._known: frozenset[str] = frozenset()  # the names of the columns

    def begin(self, first: Iterable[Mapping[str, Member]]) -> Schema:
        """Takes the columns of the first objects. Raises ProgramError where they have none, or one without a name."""
        names: dict[str, None] = {}
        for found in first:
            names.update(dict.fromkeys(found))
        names.update(dict.fromkeys(self._types))
        if not names and not self._may_be_none:
            raise ProgramError(
                f"{self._source} tells no columns: {self._first} have no members, and Types names none"
            )
        if bad := [name for name in names if not name or "\0" in name]:
            raise ProgramError(f"{self._source} has a member that is called {bad[0]!r}: rename it")
        self.schema = Schema(Column(name, self._types.get(name, TEXT)) for name in names)
        self._known = frozenset(self.schema.names)
        return self.schema

    def unknown(self, found: Mapping[str, Member]) -> str | None:
        """Why an object is refused that has a member which is no column; None where it is not."""
        if self._others == IGNORE or found.keys() <= self._known:
            return None
        unknown = [name for name in found if name not in self._known]
        return (
            f"has a member {unknown[0]!r}, which {self._first} have not: name it in Types,"
            f" or ignore members that are no columns. Columns are {listed(self.schema.names)}"
        )

    def by_column(self, objects: Iterable[Mapping[str, Member]]) -> list[list[Member]]:
        """The members of objects, column by column."""
        columns: list[list[Member]] = [[] for _ in self.schema]
        names = self.schema.names
        for found in objects:
            for name, column in zip(names, columns, strict=True):
                column.append(found.get(name))
        return columns

    def typed(self, columns: list[list[Member]]) -> pa.Table:
        """Members as values of their columns' types. Raises RowRefused for the first row that has another one."""
        refused: list[RowRefused] = []
        typed = [
            _column(column, members, refused)
            for column, members in zip(self.schema, columns, strict=True)
        ]
        if refused:
            raise min(refused, key=lambda one: one.index)
        return pa.table(typed, schema=self.schema.arrow())

    def written(self, columns: list[list[Member]]) -> pa.Table:
        """Members as they are written, in JSON."""
        return self._table([_as_written(column) for column in columns])

    def typed_again(self, written: pa.Table) -> pa.Table:
        """What `written` gave, as `typed` gives it."""
        return self.typed(_members_of(written))

    def texts(self, written: pa.Table) -> pa.Table:
        """What `written` gave, as people read it."""
        columns = zip(_members_of(written), self.schema.names, strict=True)
        return self._table([texts_of(found, TEXT, name) for found, name in columns])

    def _table(self, columns: list[pa.Array]) -> pa.Table:
        return pa.table(columns, self.schema.names)


def _column(column: Column, found: list[Member], refused: list[RowRefused]) -> pa.Array:
    try:
        texts = texts_of(found, column.type, column.name)
        return parse_column(texts, column.type, column.name)
    except RowRefused as error:
        refused.append(error)
        return None


def _as_written(found: list[Member]) -> pa.Array:
    return pa.array(
        [None if value is None else bytes(value).decode() for value in found], pa.string()
    )


def _members_of(written: pa.Table) -> list[list[Member]]:
    return [
        [None if text is None else msgspec.Raw(text.encode()) for text in column.to_pylist()]
        for column in written.columns
    ]
