"""Rows that travel together from one node to the next, and what a step may ask of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.columns.picking import DROP, KEEP, Pick, picked, unpivoted
from program_lib.columns.retype import retyped, widened
from program_lib.engine import evaluate
from program_lib.errors import ExpressionFailed, ProgramError
from program_lib.expressions import Compiled, ExpressionError, compile_expression, parse
from program_lib.parameters import Value, taken
from program_lib.ports import BATCH_BYTES
from program_lib.process.reasons import is_out_of_memory, reason
from program_lib.types import Column, Kind, Schema, Type, listed

ALL, NONE = "all", "none"  # what `compute` keeps beside what it computes
# What DuckDB says of a NUMERIC that it cannot compute with, at all or beside another number
_NO_DECIMAL = re.compile(r"""Could not convert string ["'](NaN|-?Infinity)["'] to DECIMAL""")
_NO_ROOM = re.compile(r"""Could not convert string ["']([-0-9.]+)["'] to DECIMAL\(38,(\d+)\)""")
FIRST = "first"  # or ALL: the conditions of `split` that get a row for which several are true


@dataclass(frozen=True)
class Batch:
    """Up to 50,000 rows, as columns of known types.

    A step gets one, and returns another; it never changes it. `numbers` says which row of its source each row
    is, counted from 1, so that an error can name it. `start` counts the rows that the step got before. `share` is the
    part of its source, from 0 to 1, that was read with it, where that is known.
    """

    table: pa.Table
    schema: Schema
    numbers: pa.Array
    where_is: Callable[[int], str]  # the place of a row in its source, by its number
    start: int = 0
    share: float | None = None

    def __post_init__(self) -> None:
        assert isinstance(self.numbers, pa.Array), "the numbers of rows lie in one piece"

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def empty(cls, schema: Schema) -> Batch:
        """No rows of these columns: what a step makes of it has the step's columns."""
        return cls(schema.arrow().empty_table(), schema, pa.array([], pa.int64()), str)

    def slice(self, offset: int, length: int | None = None) -> Batch:
        return replace(
            self,
            table=self.table.slice(offset, length),
            numbers=self.numbers.slice(offset, length),
            start=self.start + offset,
        )

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """The rows of batches of one schema, of which there is at least one."""
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            table=pa.concat_tables(part.table for part in parts).combine_chunks(),
            numbers=pa.concat_arrays([part.numbers for part in parts]),
        )

    def parts(self) -> Iterator[Batch]:
        """The rows in batches within BATCH_BYTES: a step may have made wide rows of narrow ones."""
        count = max(1, min(len(self), -(-self.table.nbytes // BATCH_BYTES)))
        rows = -(-len(self) // count) or 1
        return (self.slice(start, rows) for start in range(0, len(self), rows))

    def first(self, count: int) -> Batch:
        """The first `count` rows of all that the step gets; of later batches none."""
        return self.slice(0, min(len(self), max(0, count - self.start)))

    def every(self, count: int) -> Batch:
        """One of `count` rows: the first of all that the step gets, then the one `count` rows later."""
        if count == 1:
            return self
        indices = pa.arange(-self.start % count, len(self), count)
        return replace(self, table=self.table.take(indices), numbers=self.numbers.take(indices))

    def select(self, columns: Mapping[str, Pick], others: str = DROP) -> Batch:
        """Columns by their new names, in this order: each a column, or `(column, type)`; `others` "keep" the rest behind.

        A value that its new type does not have is refused with its row: 1.75 is no integer, and nothing is rounded.
        """
        pairs = picked(self.schema, columns, others)
        schema = Schema(made for _, made in pairs)
        values = [
            retyped(self.table[had.name], had.type, made.type, had.name) for had, made in pairs
        ]
        return replace(self, table=pa.table(values, schema=schema.arrow()), schema=schema)

    def unpivot(self, columns: Sequence[str], name: str, value: str, nulls: str = KEEP) -> Batch:
        """A row for each of these columns of each row: its name in the column `name`, what it holds in `value`.

        The other columns stand in each of these rows. `nulls`: "drop" leaves out the rows whose value is NULL.
        """
        schema = unpivoted(self.schema, columns, name, value)
        made = self._stretched(columns, schema)
        if nulls == KEEP:
            return made
        return made._filtered(pc.is_valid(made.table[value]).combine_chunks())

    def _stretched(self, columns: Sequence[str], schema: Schema) -> Batch:
        """Each row as often as there are columns, with the value of one of them each time."""
        rows, of, wanted = len(self), len(columns), schema[-1].type
        places = pa.arange(0, rows * of)
        row = pc.divide(places, of)  # of whole numbers: 0, 0, 0, 1, 1, 1 …
        which = pc.subtract(places, pc.multiply(row, of))
        stay = [self.table[column.name].take(row) for column in schema[:-2]]
        side_by_side = pa.chunked_array(
            [chunk for name in columns for chunk in self._widened(name, wanted)], wanted.arrow()
        )
        values = side_by_side.take(pc.add(pc.multiply(which, rows), row))
        table = [*stay, pa.array(list(columns), pa.string()).take(which), values]
        return replace(
            self,
            table=pa.table(table, schema=schema.arrow()),
            schema=schema,
            numbers=self.numbers.take(row),
        )

    def _widened(self, name: str, wanted: Type) -> list[pa.Array]:
        column = self.schema.column(name)
        assert column is not None
        values = widened(self.table[name], column.type, wanted)
        return values.chunks if isinstance(values, pa.ChunkedArray) else [values]

    def where(self, condition: str) -> Batch:
        """The rows for which the condition is true: not those for which it is false or unknown (NULL)."""
        return self._filtered(self._mask(condition))

    def split(
        self, conditions: Mapping[str, str], otherwise: str = "else", to: str = FIRST
    ) -> dict[str, Batch]:
        """The rows by name: each goes to the first condition that is true, or `to="all"` that are; else to `otherwise`.

        A condition is not asked of rows that an earlier one has taken, so that it need not hold for them.
        """
        parts: dict[str, Batch] = {}
        left = self
        taken = pa.array([False] * len(self), pa.bool_())
        for name, condition in conditions.items():
            mask = pc.fill_null(left._mask(condition), False)
            parts[name] = left._filtered(mask)
            if to == FIRST:
                left = left._filtered(pc.invert(mask))
            else:
                taken = pc.or_(taken, mask)
        parts[otherwise] = left if to == FIRST else left._filtered(pc.invert(taken))
        return parts

    def _mask(self, condition: str) -> pa.Array:
        compiled = _compiled(condition, self.schema)
        if compiled.type.kind is not Kind.BOOLEAN:
            raise ExpressionFailed(
                condition, f"a condition must be true or false; this one gives {compiled.type}"
            )
        [mask] = self._values({condition: compiled})
        return mask

    def _filtered(self, mask: pa.Array) -> Batch:
        return replace(self, table=self.table.filter(mask), numbers=self.numbers.filter(mask))

    def compute(self, columns: Mapping[str, str], keep: str | Sequence[str] = ALL) -> Batch:
        """The kept columns, then the computed ones; a computed column takes the place of a kept one of its name."""
        compiled = {text: _compiled(text, self.schema) for text in columns.values()}
        values = dict(zip(compiled, self._values(compiled), strict=True))
        kept = [name for name in self._kept(keep) if name in self.schema.names]
        table = {name: self.table[name] for name in kept}
        types = {name: column for column in self.schema if (name := column.name) in kept}
        for name, text in columns.items():
            table[name] = values[text]
            types[name] = Column(name, compiled[text].type)
        schema = Schema(types[name] for name in table)
        return replace(self, table=_table(table, schema), schema=schema)

    def _kept(self, keep: str | Sequence[str]) -> list[str]:
        if keep == ALL:
            return self.schema.names
        wanted = [] if keep == NONE else list(keep)
        for name in wanted:
            if name not in self.schema.names:
                raise ProgramError(
                    f"there is no column {name!r}; there are {listed(self.schema.names)}"
                )
        return wanted

    def _values(self, compiled: Mapping[str, Compiled]) -> list[pa.Array]:
        try:
            return evaluate(list(compiled.values()), self.table)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise self._failed(compiled, error) from error

    def _failed(self, compiled: Mapping[str, Compiled], error: Exception) -> ExpressionFailed:
        """Which of the expressions it was: that which fails alone, too."""
        if len(compiled) == 1:
            [(text, one)] = compiled.items()
            return ExpressionFailed(text, engine_reason(error), one.columns)
        for text, one in compiled.items():
            try:
                evaluate([one], self.table)
            except Exception as alone:
                return ExpressionFailed(text, engine_reason(alone), one.columns)
        return ExpressionFailed(listed(compiled), engine_reason(error))


def engine_reason(error: Exception) -> str:
    """The first line of DuckDB's error, without its kind: "Overflow in addition of INT64 (… + 1)!"."""
    first, *_ = (str(error) or type(error).__name__).splitlines()
    kind, mark, said = first.partition(" Error: ")
    said = said if mark and " " in f"{kind} " else first
    if found := _NO_DECIMAL.match(said):
        said = f"{found[1]} is no exact number: is_finite(x) tells such values, and float(x) computes with them"
    elif found := _NO_ROOM.match(said):
        said = (
            f"{found[1]} has no room in 38 digits, of which {found[2]} stand behind the point, as another number here"
            " has them: round(x, digits) that one, or float(x) computes with fewer digits"
        )
    return reason(ProgramError(said.partition(" when casting from source column ")[0]))


def _compiled(text: str, schema: Schema) -> Compiled:
    return _compiled_for(text, schema, tuple(taken().items()))


@lru_cache(maxsize=1_000)
def _compiled_for(text: str, schema: Schema, values: tuple[tuple[str, Value], ...]) -> Compiled:
    try:
        return compile_expression(parse(text), schema, dict(values))
    except ExpressionError as error:
        raise ExpressionFailed(text, str(error)) from None


def _table(columns: Mapping[str, pa.Array], schema: Schema) -> pa.Table:
    return pa.table(list(columns.values()), schema=schema.arrow())
