"""What is told of a failure in fields: the row at fault, whole but bounded, and what of the node's configuration it is about."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.errors import ExpressionFailed, ProgramError, columns_at_fault
from program_lib.process.secrets import hidden
from program_lib.texts import column_texts
from program_lib.types import Kind, Type
from progress_lib import Fault, Row

SHOWN = 60  # characters of a value in a message
LONGEST = 200  # characters of a cell, and of a column's name
MOST_CELLS = 50  # columns of a row; a message stays far below what NATS takes
MOST_BYTES = 6_000  # of all cells of a row, as JSON; the record of a node has 16 kB
MOST_EXPRESSION = 2_000  # bytes; a longer one is not told: half of it is in no field
# Of a row at fault, beside those that are looked up: the first often hold its key
SHOWN_COLUMNS = 3
MASKED = "…"
# What the value of a column of such a name is, nobody is told who looks at runs, unless the failure is about it
_SECRET = re.compile(r"pass(?!eng)|pwd|secret|token|api[-_]?key|access[-_]?key", re.I)


def row_at_fault(batch: Batch, error: Exception) -> Row:
    """The one row of a batch, as the failure of its node tells it."""
    number = batch.numbers[0].as_py()
    columns = columns_at_fault(error)
    cells, more = _cells(batch, columns)
    return Row(number, _looked_at(batch, columns), batch.where_is(number), cells, more)


def fault_of(error: Exception) -> Fault | None:
    """None where the error says of no field, expression or column."""
    field = error.field if isinstance(error, ProgramError) else None
    text = error.expression if isinstance(error, ExpressionFailed) else None
    if text is not None and len(json.dumps(text)) > MOST_EXPRESSION:
        text = None
    columns = list(columns_at_fault(error))[:MOST_CELLS]
    return Fault(field, text, columns) if field or text or columns else None


def _looked_at(batch: Batch, columns: Sequence[str]) -> dict[str, str]:
    """The row's values of these columns, after the first ones of the batch, as text and cut."""
    wanted = dict.fromkeys([*batch.schema.names[:SHOWN_COLUMNS], *columns])
    shown = {}
    for name in wanted:
        if column := batch.schema.column(name):
            shown[name] = _shown(batch.table[name].slice(0, 1), column.type)
            if _is_secret(name, columns):
                shown[name] = MASKED
    return shown


def _shown(values: pa.ChunkedArray, of: Type) -> str:
    text = _text(values, of)
    if text is None:
        return "NULL"
    return _cut(repr(text) if of.kind is Kind.TEXT else text, SHOWN)


def _cells(batch: Batch, columns: Sequence[str]) -> tuple[list[tuple[str, str | None]], int]:
    """The row's columns in their order, those that the failure is about in any case, and how many there is no room for."""
    names = batch.schema.names
    first = set([*(name for name in names if name in columns), *names][:MOST_CELLS])
    cells: list[tuple[str, str | None]] = []
    room = MOST_BYTES
    for column in batch.schema:
        if column.name not in first or (room <= 0 and column.name not in columns):
            continue
        text = _text(batch.table[column.name].slice(0, 1), column.type)
        if text is not None and _is_secret(column.name, columns):
            text = MASKED
        cell = (_cut(column.name, LONGEST), None if text is None else _cut(text, LONGEST))
        room -= len(json.dumps(cell))
        cells.append(cell)
    return cells, len(names) - len(cells)


def _text(values: pa.ChunkedArray, of: Type) -> str | None:
    try:
        text = column_texts(values, of)[0].as_py()
    except ProgramError:  # a date before the year 1: its text is refused, which may be the fault
        text = str(values[0])
    return None if text is None else hidden(text)


def _is_secret(name: str, columns: Sequence[str]) -> bool:
    return name not in columns and _SECRET.search(name) is not None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
