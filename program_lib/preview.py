"""The first rows that nodes give, for the editor: reads, and writes nothing but preview.json."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa

from program_lib import settings
from program_lib.batch import Batch
from program_lib.nodes import InnerNode, Node, NodeFailed
from program_lib.program import FAILED, flow, open_all, wire
from program_lib.texts import column_texts
from program_lib.types import Kind, Schema, Type

LONGEST = 300  # characters of a value
MOST = 600_000  # bytes of the answer
EXACT_IN_A_BROWSER = 2**53  # a whole number below it is the same in JavaScript
_ANSWER = Path("preview.json")  # in the working directory


class Enough(BaseException):
    """There are as many rows as are wanted, or the time is up: no more is read."""


class Preview(InnerNode):
    """Keeps the first rows that come."""

    def __init__(self, number: int, wanted: int) -> None:
        super().__init__(number, "Preview")
        self.wanted = wanted
        self.batches: list[Batch] = []
        self.kept = 0

    def opened(self, schema: Schema) -> Schema:
        return schema

    def worked(self, batch: Batch) -> Batch:
        self.batches.append(batch.slice(0, self.wanted + 1 - self.kept))
        self.kept += len(self.batches[-1])
        if self.kept > self.wanted:
            raise Enough
        return batch

    def rows(self) -> list[list[Any]]:
        return [row for batch in self.batches for row in _rows(batch.table, self.schema)]


def run_preview(*nodes: Node, rows: int, seconds: float) -> int:
    """Runs nodes, the last of which is a Preview, until it has enough; the exit code.

    For 0 `rows` it opens them alone, which tells the columns.
    """
    settings.note_preview()
    wire(nodes, lambda progress: None)
    last, timed_out = nodes[-1], False
    assert isinstance(last, Preview)
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with ExitStack() as undo:
            (flow if rows else open_all)(nodes, undo)
    except Enough as enough:
        timed_out = bool(enough.args)
    except NodeFailed as failure:
        about = {"nodeId": failure.node.number, "field": failure.field}
        tell({**about, "message": failure.reason})
        return FAILED
    signal.setitimer(signal.ITIMER_REAL, 0)
    tell(_answer(last, timed_out))
    return 0


def _answer(last: Preview, timed_out: bool) -> dict[str, Any]:
    rows = last.rows()
    truncated = timed_out or len(rows) > last.wanted
    rows = rows[: last.wanted]
    while len(json.dumps(rows)) > MOST:
        rows, truncated = rows[: len(rows) // 2], True
    return {
        "columns": last.schema.names,
        "types": [str(column.type) for column in last.schema],
        "rows": rows,
        "truncated": truncated,
        "timedOut": timed_out,
    }


def _time_is_up(signal_number: int, frame: FrameType | None) -> None:
    raise Enough("time")


def _rows(table: pa.Table, schema: Schema) -> Sequence[list[Any]]:
    columns = [_shown(table[column.name], column.type) for column in schema]
    return [list(row) for row in zip(*columns, strict=True)]


def _shown(values: pa.ChunkedArray, of: Type) -> list[Any]:
    """Values as JSON has them: numbers that a browser reads exactly stay numbers, all else is text."""
    plain: list[Any] = values.to_pylist()
    if of.kind is Kind.BOOLEAN:
        return plain
    if of.kind is Kind.BYTES:
        return [None if value is None else f"{len(value):,} bytes" for value in plain]
    if of.kind is Kind.TEXT:
        return [_cut(value) for value in plain]
    texts = column_texts(values, of).to_pylist()
    return [_number_or_text(*pair) for pair in zip(plain, texts, strict=True)]


def _number_or_text(value: Any, text: str | None) -> Any:
    is_whole = isinstance(value, int) and abs(value) < EXACT_IN_A_BROWSER
    is_real = isinstance(value, float) and math.isfinite(value)
    return value if is_whole or is_real else _cut(text)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST:
        return text
    return text[: LONGEST - 1] + "…"


def tell(answer: dict[str, Any]) -> None:
    """Leaves an answer where the runner looks for it, in one piece."""
    part = _ANSWER.with_suffix(".part")
    part.write_text(json.dumps(answer))
    part.replace(_ANSWER)
