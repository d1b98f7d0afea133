"""All rows that came to a node, and what a program may ask of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from program_lib.common_types import column_of
from program_lib.errors import ProgramError
from program_lib.expressions.quoting import MAX_SHOWN, quoted, quoted_name
from program_lib.reshape.aggregates import SEPARATOR, Aggregated, Asked, aggregated
from program_lib.reshape.keys import (
    Order,
    group_key,
    group_keys,
    sorting,
)
from program_lib.reshape.windows import Window, windowed
from program_lib.types import Column, Kind, Schema

TABLE = "rows"
FIRST, LAST = "first", "last"  # which of equal rows `distinct` keeps
_FORMS = {  # of the values that columns are named by, as texts
    Kind.TEXT: re.compile(".*", re.DOTALL),
    Kind.INTEGER: re.compile("0|-?[1-9][0-9]*", re.ASCII),
    Kind.BOOLEAN: re.compile("true|false"),
    Kind.DATE: re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII),
    Kind.UUID: re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII),
}

# A function, the column that it is of (None: of rows), and what it needs besides
Wanted = tuple[str, str | None] | tuple[str, str | None, str] | tuple[str, str | None, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes out: columns, and the SQL over TABLE that gives them, in that order."""

    schema: Schema
    sql: str
    needed: tuple[str, ...]  # the columns that are gathered; others are dropped as they come
    measured: tuple[str, ...] = ()  # NUMERIC columns of which the SQL needs to know the digits
    every: int = 1  # of so many rows one is gathered


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows that came, in their order.

    `scales`: the most digits after the point of NUMERIC columns, known once all rows are there.
    """

    schema: Schema
    scales: Mapping[str, int]

    # ---- the same rows, fewer or in another order

    def sort(self, *by: Order) -> Answer:
        """In the order of these columns, each `(column, "asc" or "desc", NULLs "first" or "last")`.

        Texts are sorted by code point: Z before a. Rows that are equal stay in the order in which they came.
        """
        if not by:
            raise ProgramError("there is no column to sort by")
        return self._same(f"ORDER BY {', '.join([*sorting(self.schema, by), 'n'])}")

    def distinct(self, by: Sequence[str] = (), keep: str = FIRST) -> Answer:
        """Of rows that are equal in these columns (none named: in all) the first or the last, in the order they came."""
        if keep not in (FIRST, LAST):
            raise ProgramError(f"keep is {keep!r}, it must be first or last")
        keys = ", ".join(group_keys(self.schema, by or self.schema.names))
        which = "min" if keep == FIRST else "max"
        kept = f"SELECT {which}(n) FROM {TABLE} GROUP BY {keys}"  # noqa: S608
        return self._same(f"WHERE n IN ({kept}) ORDER BY n")

    def every(self, count: int) -> Answer:
        """One of `count` rows: the first, then the one `count` rows later."""
        if count < 1:
            raise ProgramError("every 0 rows is none: it must be 1 or more")
        return self._same("ORDER BY n", every=count)

    def sample(self, count: int, seed: int = 1) -> Answer:
        """`count` rows at random, in the order they came; each as likely as another, and the same for the same seed."""
        chosen = f"SELECT n FROM {TABLE} ORDER BY md5('{seed:d}:' || CAST(n AS VARCHAR)), n LIMIT {count:d}"  # noqa: S608
        return self._same(f"WHERE n IN ({chosen}) ORDER BY n")

    def _same(self, rest: str, every: int = 1) -> Answer:
        return Answer(
            self.schema,
            f"SELECT {_listed(self.schema)} FROM {TABLE} {rest}",  # noqa: S608
            tuple(self.schema.names),
            every=every,
        )

    # ---- a row for each group

    def aggregate(
        self, by: Sequence[str] = (), columns: Mapping[str, Wanted] | None = None
    ) -> Answer:
        """A row for each group of rows that are equal in `by`; without `by` one row, also of no rows.

        `columns`: a name, and `(function, column)` or `("join", column, separator)`. Groups come in the order of
        their first rows; NULLs are a group, too.
        """
        wanted = dict(columns or {})
        found = {name: self._aggregated(of) for name, of in wanted.items()}
        return self._grouped(by, found, [of[1] for of in wanted.values()])

    def pivot(
        self,
        by: Sequence[str],
        names: str,
        values: Mapping[str, str],
        cells: Wanted,
        others: str = "fail",
    ) -> Answer:
        """A row for each group in `by`; a column for each of `values` of the column `names`, with `cells` of its rows.

        `values`: the name of a new column, and the text of the value that it is for. `others`: "fail" where a row has
        another value, or "ignore" it.
        """
        if others not in ("fail", "ignore"):
            raise ProgramError(f"others is {others!r}, it must be fail or ignore")
        key = self._named_by(names)
        for text in values.values():
            self._check_is_one(names, text)
        found = {
            name: self._aggregated(cells, f"{key} = {quoted(text)}")
            for name, text in values.items()
        }
        source = TABLE if others == "ignore" else _refusing(names, key, values.values())
        return self._grouped(by, found, [names, cells[1]], source)

    def _named_by(self, name: str) -> str:
        """The text of a value whose text becomes the name of a column."""
        column = column_of(self.schema, name)
        if column.type.kind not in _FORMS:
            raise ProgramError(
                f"{name} is {column.type}, and columns are named by text, integer, boolean, date or uuid:"
                " make it a text with str(…) in a Map before"
            )
        return f"CAST({group_key(column)} AS VARCHAR)"

    def _check_is_one(self, name: str, text: str) -> None:
        """Raises ProgramError for a text that no value of the column has: 01 of integers, TRUE of booleans."""
        of = column_of(self.schema, name).type
        is_one = text == text.rstrip(" ") if of.is_padded else _FORMS[of.kind].fullmatch(text)
        if not is_one:
            raise ProgramError(
                f"there is no column for {text!r}: {name} is {of}, and no value of it is written so"
            )

    def _grouped(
        self,
        by: Sequence[str],
        found: Mapping[str, Aggregated],
        of: Sequence[str | None],
        source: str = TABLE,
    ) -> Answer:
        columns = [*self._group_columns(by)]
        columns += [
            (Column(name, one.type, one.is_nullable), one.sql) for name, one in found.items()
        ]
        schema = _schema(column for column, _ in columns)
        selected = ", ".join(f"{sql} AS {quoted_name(column.name)}" for column, sql in columns)
        grouping = (
            f" GROUP BY {', '.join(group_keys(self.schema, by))} ORDER BY min(n)" if by else ""
        )
        needed = tuple(dict.fromkeys([*by, *filter(None, of)]))
        sql = f"SELECT {selected} FROM {source}{grouping}"  # noqa: S608
        return Answer(schema, sql, needed, self._numeric(of))

    def _group_columns(self, by: Sequence[str]) -> Iterable[tuple[Column, str]]:
        """Each as its group's first row has it: 1.50 and 1.5 are one group."""
        for name in by:
            column = column_of(self.schema, name)
            sql = quoted_name(name)
            is_the_key = group_key(column) == sql and column.type.kind is not Kind.DOUBLE
            yield column, sql if is_the_key else f"arg_min_null({sql}, n)"

    def _aggregated(self, wanted: Wanted, condition: str = "") -> Aggregated:
        function, name, *more = wanted
        separator = str(more[0]) if more else SEPARATOR
        asked = self._asked(name, separator)
        if condition:
            asked = Asked(
                asked.column,
                asked.scale,
                separator,
                call=lambda call: f"{call} FILTER (WHERE {condition})",
            )
        return aggregated(function, asked)

    # ---- columns beside those that there are

    def window(
        self,
        columns: Mapping[str, Wanted],
        by: Sequence[str] = (),
        order: Sequence[Order] = (),
    ) -> Answer:
        """The rows, in the order they came, and columns computed of the rows of the same group in `by`, in `order`.

        `columns`: a name, and `(function, column)` or `("lag", column, how many rows)`.
        """
        window = Window(group_keys(self.schema, by), sorting(self.schema, order))
        found = {name: self._windowed(of, window) for name, of in columns.items()}
        made = [Column(name, one.type, one.is_nullable) for name, one in found.items()]
        schema = _schema([*self.schema, *made])
        computed = "".join(f", {one.sql} AS {quoted_name(name)}" for name, one in found.items())
        inner = f"SELECT n, {_listed(self.schema)}{computed} FROM {TABLE}"  # noqa: S608
        sql = f"SELECT {_listed(schema)} FROM ({inner}) ORDER BY n"  # noqa: S608
        measured = self._numeric(of[1] for of in columns.values())
        return Answer(schema, sql, tuple(self.schema.names), measured)

    def _windowed(self, wanted: Wanted, window: Window) -> Aggregated:
        function, name, *more = wanted
        return windowed(function, self._asked(name), window, int(more[0]) if more else 1)

    # ---- columns

    def _asked(self, name: str | None, separator: str = SEPARATOR) -> Asked:
        column = None if name is None else column_of(self.schema, name)
        return Asked(column, self.scales.get(name or "", 0), separator)

    def _numeric(self, names: Iterable[str | None]) -> tuple[str, ...]:
        columns = (self.schema.column(name) for name in dict.fromkeys(filter(None, names)))
        return tuple(c.name for c in columns if c is not None and c.type.kind is Kind.NUMERIC)


def _listed(schema: Schema) -> str:
    return ", ".join(quoted_name(name) for name in schema.names)


def _schema(columns: Iterable[Column]) -> Schema:
    try:
        return Schema(columns)
    except ValueError as error:
        raise ProgramError(str(error)) from None


def _refusing(names: str, key: str, values: Iterable[str]) -> str:
    """TABLE, but it fails at a row whose `key` is none of the values. NULL is no value, and is refused, too."""
    known = ", ".join(map(quoted, values)) or "NULL"
    message = quoted(f"there is no column for this value of {names}: ")
    told = f"error({message} || coalesce(left({key}, {MAX_SHOWN}), 'NULL'))"
    is_known = f"coalesce({key} IN ({known}), FALSE)"
    checked = f"CASE WHEN {is_known} THEN TRUE ELSE CAST({told} AS BOOLEAN) END"
    return f"(SELECT * FROM {TABLE} WHERE {checked}) AS {TABLE}"  # noqa: S608
