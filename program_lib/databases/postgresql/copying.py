"""Rows as the lines that COPY reads, and the row that a line is of."""

from __future__ import annotations

import io
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from program_lib.texts import column_texts
from program_lib.types import BYTES

# That are sent at once: the server stores them while lines are made of the next
ROWS_AT_ONCE = 16 * 1024


def lines(table: pa.Table) -> memoryview:
    written = io.BytesIO()
    options = pa.csv.WriteOptions(
        include_header=False, quoting_style="needed", batch_size=ROWS_AT_ONCE
    )
    pa.csv.write_csv(table, written, options)
    return written.getbuffer()


def writable(values: pa.Array) -> pa.Array:
    """What Arrow's CSV writer says as COPY reads it."""
    if pa.types.is_binary(values.type):
        return column_texts(values, BYTES)
    if pa.types.is_timestamp(values.type) and values.type.tz:
        return values.view(pa.timestamp("us"))  # in the session's zone, UTC; ten times as fast
    return values


def row_of_line(line: int, columns: list[pa.Array]) -> int:
    """Texts may have lines of their own, of which COPY counts all but those of the first row.

    There it does not know yet how lines end, and takes a lone CR for such an end.
    """
    total = _breaks(columns, "\n")
    if total is None:
        return line - 1
    first = _breaks([values.slice(0, 1) for values in columns], "\r")
    breaks = pa.concat_arrays([first, total.slice(1)])
    last_lines = pc.cumulative_sum(pc.add(breaks, 1))
    return int(pc.sum(pc.cast(pc.less(last_lines, line), pa.int64())).as_py() or 0)


def _breaks(columns: list[pa.Array], sign: str) -> pa.Array | None:
    """How often the texts of each row have the sign; None where no column has texts."""
    counts = [
        pc.cast(pc.fill_null(pc.count_substring(values, sign), 0), pa.int64())
        for values in columns
        if pa.types.is_string(values.type)
    ]
    return reduce(pc.add, counts) if counts else None
