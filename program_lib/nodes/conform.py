"""Batches made to fit the schema that a node has for all of its inputs."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.columns.retype import widened
from program_lib.types import Column, Schema


def conformed(batch: Batch, schema: Schema) -> Batch:
    """The batch with the columns, their order and the types of a schema that common_types.common_schema made."""
    if batch.schema == schema:
        return batch
    columns = [_as(batch, column) for column in schema]
    table = pa.table(columns, schema=schema.arrow())
    return replace(batch, table=table, schema=schema)


def _as(batch: Batch, wanted: Column) -> pa.ChunkedArray | pa.Array:
    had = batch.schema.column(wanted.name)
    if had is None:  # a union has columns that not all of its inputs have
        return pa.nulls(len(batch), wanted.type.arrow())
    return widened(batch.table[wanted.name], had.type, wanted.type)
