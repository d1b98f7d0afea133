"""The node that lets a function of a person make rows of the rows that come."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.errors import ProgramError
from program_lib.nodes import Feeds, InnerNode
from program_lib.nodes.conform import conformed
from program_lib.process.stopping import check
from program_lib.python.values import (
    WrongValue,
    column_of_arrow,
    column_of_values,
    python_values,
    shown,
)
from program_lib.types import BYTES, COLUMN_TYPES, Column, Schema, listed

ROW, ROWS, ARROW = "row", "rows", "arrow"
ALL, NONE = "all", "none"  # the columns that came which its rows have, too
FUNCTION = "transform"
TYPES = {**COLUMN_TYPES, "bytes": BYTES}  # that a column may be declared with
Row = dict[str, Any]


class CodeFailed(ProgramError):
    """The code of a node failed; the text names its line."""

    field = "code"


@dataclass(frozen=True)
class PythonSettings:
    """Code, what its function gets, and the columns that it gives; see `python`."""

    code: str
    gets: str
    columns: Mapping[str, str]
    keep: str


def python(
    code: str, *, columns: Mapping[str, str], gets: str = ROW, keep: str = ALL
) -> PythonSettings:
    """What a Python node runs: code that defines `transform`, and the columns that its rows have, with their types.

    `gets`: each "row" as a dictionary, and gives one, several, or None for none; the "rows" of a batch as a list of
    dictionaries, and gives such a list; or a batch of "arrow", a RecordBatch, and gives a RecordBatch or a Table. `keep`: "all", the rows that it gives
    have the columns that came, too; or "none".
    """
    return PythonSettings(code, gets, columns, keep)


class Python(InnerNode):
    """Hands on the rows that a function makes of those that come."""

    did = "{count:,} rows made of {seen:,}"

    def __init__(
        self, number: int, name: str, work: Callable[[], PythonSettings], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work
        self.function: Callable[[Any], Any] | None = None  # made when the first rows come

    def opened(self, schema: Schema) -> Schema:
        self.settings = self.work()
        kept = schema if self.settings.keep == ALL else ()
        # what their source declares, as NOT NULL and varchar(3), is no promise of the code
        columns = {one.name: Column(one.name, one.type.without_bounds()) for one in kept}
        for name, of in self.settings.columns.items():
            columns[name] = Column(name, TYPES[of])
        self.file = f"<code of {self.name}>"
        return Schema(columns.values())

    def take(self, batch: Batch, port: str = "") -> None:
        self.note_share(batch.share)
        with self.at_work():
            made = self._made_of(replace(conformed(batch, self.schema_in), start=self.seen))
            self.seen += len(batch)
        self.hand_on(made)

    def _made_of(self, batch: Batch) -> Batch:
        if not len(batch):  # it is not asked of no rows; its columns are declared
            empty = self.schema.arrow().empty_table()
            return replace(batch, table=empty, schema=self.schema)
        return self._of_rows(batch) if self.settings.gets == ROW else self._of_batch(batch)

    # ---- one row after the other

    def _of_rows(self, batch: Batch) -> Batch:
        made: list[Row] = []
        came_from: list[int] = []  # the row of the batch, for each that was made
        for index, row in enumerate(_dictionaries(batch)):
            try:
                given = self._given_rows(self._call(row))
                self._check_names(given)
            except ProgramError as error:
                raise self.failed_at(batch.slice(index, 1), error) from error
            made += given
            came_from += [index] * len(given)
        try:
            table = self._table(made)
        except WrongValue as error:
            at = came_from[error.index]
            raise self.failed_at(batch.slice(at, 1), CodeFailed(str(error))) from error
        numbers = batch.numbers.take(pa.array(came_from, pa.int64()))
        return replace(batch, table=table, schema=self.schema, numbers=numbers)

    def _given_rows(self, given: Any) -> list[Row]:
        if given is None:
            return []
        if isinstance(given, dict):
            return [given]
        if isinstance(given, Iterable) and not isinstance(given, str | bytes):
            return self._rows_in(given)
        raise CodeFailed(f"{FUNCTION} gave {shown(given)}: a dictionary, several, or None are rows")

    def _rows_in(self, given: Iterable[Any]) -> list[Row]:
        rows: list[Any] = self._guarded(lambda: list(given))  # a generator is code of a person, too
        for place, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise CodeFailed(f"row {place} that {FUNCTION} gave is {shown(row)}, and must be a dictionary")  # fmt: skip
        return rows

    def _check_names(self, rows: Sequence[Row]) -> None:
        wanted = self.schema.names
        for place, row in enumerate(rows, 1):
            if row.keys() == set(wanted):
                continue
            if missing := [name for name in wanted if name not in row]:
                raise CodeFailed(f"row {place} that {FUNCTION} gave has no {listed(map(repr, missing))}")  # fmt: skip
            unknown = [shown(name) for name in row if name not in wanted]
            raise CodeFailed(
                f"row {place} that {FUNCTION} gave has {listed(unknown)}, and no column is declared so;"
                f" there are {listed(wanted)}"
            )

    def _table(self, rows: Sequence[Row]) -> pa.Table:
        columns = [column_of_values([row[c.name] for row in rows], c) for c in self.schema]
        return pa.table(columns, schema=self.schema.arrow())

    # ---- a batch at once

    def _of_batch(self, batch: Batch) -> Batch:
        try:
            table = self._of_arrow(batch) if self.settings.gets == ARROW else self._of_list(batch)
        except ProgramError as error:
            raise CodeFailed(f"{error}{_between(batch)}") from error
        first = self.row_count + 1
        numbers = pa.arange(first, first + len(table))
        return replace(
            batch, table=table, schema=self.schema, numbers=numbers, where_is=self._place
        )

    def _place(self, number: int) -> str:
        return f"row {number:,} of {self.name}"

    def _of_list(self, batch: Batch) -> pa.Table:
        given = self._call(_dictionaries(batch))
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | dict):
            raise CodeFailed(
                f"{FUNCTION} gave {shown(given)}, and must give a list of dictionaries"
            )
        rows = self._rows_in(given)
        self._check_names(rows)
        try:
            return self._table(rows)
        except WrongValue as error:
            raise CodeFailed(f"in row {error.index + 1} that {FUNCTION} gave {error}") from error

    def _of_arrow(self, batch: Batch) -> pa.Table:
        [came] = batch.table.combine_chunks().to_batches() or [None]
        given = self._call(came)
        if isinstance(given, pa.RecordBatch):
            given = pa.Table.from_batches([given])
        if not isinstance(given, pa.Table):
            raise CodeFailed(
                f"{FUNCTION} gave {shown(given)}, and must give a RecordBatch or a Table"
            )
        if sorted(given.column_names) != sorted(self.schema.names):
            found, wanted = listed(given.column_names), listed(self.schema.names)
            raise CodeFailed(
                f"{FUNCTION} gave the columns {found}, and those declared are {wanted}"
            )
        columns = [column_of_arrow(given[column.name], column) for column in self.schema]
        return pa.table(columns, schema=self.schema.arrow())

    # ---- the code

    def _call(self, rows: Any) -> Any:
        if self.function is None:
            self.function = self._made()
        function = self.function
        return self._guarded(lambda: function(rows))

    def _made(self) -> Callable[[Any], Any]:
        code = self.settings.code
        # so that a traceback shows its lines, which lie in no file
        linecache.cache[self.file] = (len(code), None, code.splitlines(keepends=True), self.file)
        names: dict[str, Any] = {"__name__": "transform"}
        self._guarded(lambda: exec(compile(code, self.file, "exec", dont_inherit=True), names))  # noqa: S102
        function = names.get(FUNCTION)
        if not callable(function):
            raise CodeFailed(f"the code defines no function {FUNCTION}")
        made: Callable[[Any], Any] = function
        return made

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """What the code gives; its failure is the node's, with the line of the code that failed."""
        try:
            return work()
        except KeyboardInterrupt:  # of somebody who runs the program by hand
            raise
        except BaseException as error:  # asyncio's CancelledError is no Exception
            check()  # a stop that came while it worked is no failure of the code
            raise CodeFailed(self._told(error)) from error
        finally:
            check()  # nor may the code swallow it

    def _told(self, error: BaseException) -> str:
        kind = type(error).__name__
        text = _text_of(error)
        said = f"{kind}: {text}" if text else kind
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == self.file]
        if isinstance(error, SyntaxError) and error.filename == self.file:
            return f"{kind}: {error.msg} (line {error.lineno} of its code)"
        if not own:
            return said
        return f"{said} (line {own[-1].lineno} of its code: {own[-1].line})"


def _text_of(error: BaseException) -> str:
    """What an error says; that is code of a person, too."""
    try:
        return str(error)
    except Exception:
        return ""


def _between(batch: Batch) -> str:
    """Which rows of the source those of a batch are."""
    first, last = batch.numbers[0].as_py(), batch.numbers[-1].as_py()
    return f" (in the {len(batch):,} rows from {batch.where_is(first)} to {batch.where_is(last)})"


def _dictionaries(batch: Batch) -> list[Row]:
    names = batch.schema.names
    columns = [python_values(batch.table[column.name], column.type) for column in batch.schema]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
