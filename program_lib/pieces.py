"""Cuts tables into batches."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from program_lib.ports import BATCH_BYTES, BATCH_ROWS


def pieces(table: pa.Table) -> Iterator[pa.Table]:
    """The rows in batches of about the same size, within the bounds of program_lib.ports."""
    count = max(-(-len(table) // BATCH_ROWS), -(-table.nbytes // BATCH_BYTES), 1)
    rows = max(-(-len(table) // count), 1)
    for start in range(0, len(table), rows):
        yield table.slice(start, rows)
