"""Runs one node over tables for tests: a source of them, the node, and what it hands on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.nodes import InnerNode, Node, Source, wire
from program_lib.ports import Uncounted
from program_lib.program import flow
from program_lib.types import Schema
from progress_lib import Progress


class _Tables(Uncounted):
    def __init__(self, schema: Schema, tables: Sequence[pa.Table]) -> None:
        self.schema, self.tables = schema, tables

    def open(self) -> Schema:
        return self.schema

    def batches(self) -> Iterator[pa.Table]:
        return (table for table in self.tables if len(table))

    def where(self, number: int) -> str:
        return f"row {number} of the test"

    def close(self) -> None:
        pass


class _Kept(InnerNode):
    def opened(self, schema: Schema) -> Schema:
        self.batches: list[Batch] = []
        return schema

    def worked(self, batch: Batch) -> Batch:
        self.batches.append(batch)
        return batch


class Handed:
    """What a node, of the number 2, handed on and said."""

    def __init__(self, kept: _Kept, said: list[Progress]) -> None:
        self.batches, self.schema = kept.batches, kept.schema
        self.table = pa.concat_tables(
            [self.schema.arrow().empty_table(), *(batch.table for batch in kept.batches)]
        )
        self.said = [progress for progress in said if progress.node_id == 2]

    def rows(self) -> list[tuple[Any, ...]]:
        return list(zip(*(column.to_pylist() for column in self.table.columns), strict=True))


def handed_on(node: Node, schema: Schema, *tables: pa.Table) -> Handed:
    """What the node, made with the number 2 and `feeds=[3]`, makes of the tables. Raises NodeFailed."""
    said: list[Progress] = []
    kept = _Kept(3, "Kept")
    nodes = [Source(1, "Tables", lambda: _Tables(schema, tables), feeds=[2]), node, kept]
    wire(nodes, said.append)
    with ExitStack() as undo:
        flow(nodes, undo)
    return Handed(kept, said)


def table_of(schema: Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = [
        pa.array([row[place] for row in rows], column.type.arrow())
        for place, column in enumerate(schema)
    ]
    return pa.table(columns, schema=schema.arrow())
