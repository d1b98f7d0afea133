"""Sources and targets of nodes that lie in memory, and how nodes are run in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from program_lib.errors import RowRefused
from program_lib.nodes import Node
from program_lib.ports import WritesAll
from program_lib.program import run_nodes
from program_lib.types import Schema
from progress_lib import Progress


@dataclass
class Rows:
    """A reader of tables that are there already."""

    schema: Schema
    tables: list[pa.Table]
    is_closed: bool = False
    count: int | None = None
    part: float | None = None

    def open(self) -> Schema:
        return self.schema

    def total(self) -> int | None:
        return self.count

    def share(self) -> float | None:
        return self.part

    def batches(self) -> Iterator[pa.Table]:
        yield from self.tables

    def where(self, number: int) -> str:
        return f"line {number + 1} of orders.csv"

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Kept(WritesAll):
    """A writer into memory; `refuses` tells which ids it cannot take."""

    refuses: Callable[[int], bool] = lambda value: False
    turn: tuple[int, int] = (0, 0)
    schema: Schema = field(default_factory=Schema)
    rows: list[object] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def start(self, say: Callable[[str], None]) -> None:
        self.done.append("start")

    def open(self, schema: Schema) -> None:
        self.schema = schema

    def write(self, table: pa.Table) -> None:
        for index, value in enumerate(table.column(0).to_pylist()):
            if self.refuses(value):
                raise RowRefused(index, f"{value} is too large", table.column_names[0])
        self.rows += table.to_pylist()

    def finish(self) -> None:
        self.done.append("finish")

    def commit(self) -> None:
        self.done.append("commit")

    def undo(self) -> None:
        self.done.append("undo")


def rows_of(schema: Schema, rows: Sequence[Sequence[Any]], each: int = 50_000) -> Rows:
    """A reader of rows, `each` in a batch."""
    arrow = schema.arrow()
    parts = [rows[first : first + each] for first in range(0, len(rows), each)]
    columns = [[[row[place] for row in part] for place in range(len(schema))] for part in parts]
    return Rows(
        schema,
        [
            pa.table(
                [pa.array(values, of.type) for values, of in zip(part, arrow, strict=True)],
                schema=arrow,
            )
            for part in columns
        ],
    )


def ran(*nodes: Node) -> tuple[int, list[Progress]]:
    said: list[Progress] = []
    return run_nodes(nodes, said.append), said


def last(said: list[Progress], node_id: int) -> Progress:
    return [progress for progress in said if progress.node_id == node_id][-1]


def ahead(said: list[Progress], node_id: int) -> list[tuple[int | None, float | None]]:
    """Total and share of each of a node's messages, the repeated ones left out."""
    return list(dict.fromkeys((p.row_total, p.share) for p in said if p.node_id == node_id))
