"""The rows of a node that failed, on their way to its output for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.errors import columns_at_fault
from program_lib.process.reasons import reason
from program_lib.rejects import Rejects, rejected_schema
from program_lib.types import Schema


class Rejecting:
    """The rows of one node that failed: how many, the last one, and those that are not handed on yet."""

    def __init__(self, limits: Rejects, schema: Schema) -> None:
        """`schema`: of the rows that come."""
        self.limits = limits
        self.schema = rejected_schema(schema)
        self.count = 0
        self.last: tuple[Batch, Exception] | None = None  # its row and why
        self._indices: list[int] = []  # in the batch that is at work
        self._errors: list[Exception] = []

    def add(self, batch: Batch, index: int, error: Exception) -> None:
        """Notes that a row of the batch failed."""
        self.count += 1
        self.last = batch.slice(index, 1), error
        self._indices.append(index)
        self._errors.append(error)

    def taken(self, batch: Batch) -> Batch:
        """The rows of the batch that failed, as they leave the node."""
        indices = pa.array(self._indices, pa.int64())
        rows = replace(batch, table=batch.table.take(indices), numbers=batch.numbers.take(indices))
        made = self._with_reasons(rows, self._errors)
        self._indices, self._errors = [], []
        return made

    def _with_reasons(self, rows: Batch, errors: Sequence[Exception]) -> Batch:
        numbers = rows.numbers.to_pylist()
        more = [
            pa.array([reason(error) for error in errors], pa.string()),
            pa.array([", ".join(columns_at_fault(error)) or None for error in errors], pa.string()),
            rows.numbers,
            pa.array([rows.where_is(number) for number in numbers], pa.string()),
        ]
        table = pa.table([*rows.table.columns, *more], schema=self.schema.arrow())
        return replace(rows, table=table, schema=self.schema)
