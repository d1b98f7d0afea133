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
    """Keeps the first rows that come, or those from row `begin` on; with a negative one the last that come."""

    def __init__(self, number: int, wanted: int, begin: int = 0) -> None:
        super().__init__(number, "Preview")
        self.wanted = wanted if begin >= 0 else -begin
        self.begin = begin
        self.batches: list[Batch] = []
        self.kept = 0
        self.passed = 0  # rows before those that are kept

    def opened(self, schema: Schema) -> Schema:
        return schema

    def worked(self, batch: Batch) -> Batch:
        if self.begin < 0:
            self._keep_last(batch)
            return batch
        left_out = min(self.begin - self.passed, len(batch))
        self.passed += left_out
        self._keep_first(batch.slice(left_out, len(batch) - left_out))
        return batch

    def _keep_first(self, batch: Batch) -> None:
        self.batches.append(batch.slice(0, self.wanted + 1 - self.kept))
        self.kept += len(self.batches[-1])
        if self.kept > self.wanted:
            raise Enough

    def _keep_last(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.kept += len(batch)
        while self.batches and self.kept - len(self.batches[0]) >= self.wanted:
            gone = len(self.batches.pop(0))
            self.kept -= gone
            self.passed += gone
        beyond = max(self.kept - self.wanted, 0)
        if beyond:
            first = self.batches[0]
            self.batches[0] = first.slice(beyond, len(first) - beyond)
            self.kept -= beyond
            self.passed += beyond

    def rows(self) -> list[list[Any]]:
        return [row for batch in self.batches for row in _rows(batch.table, self.schema)]


def run_preview(*nodes: Node, rows: int, seconds: float, is_page: bool = False) -> int:
    """Runs nodes, the last of which is a Preview, until it has enough; the exit code.

    For 0 `rows` it opens them alone, which tells the columns. `is_page`: the answer says, too, which rows those are.
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
    if timed_out and last.begin < 0:
        tell(
            {
                "message": f"the end was not reached within {seconds:g} s: look at the rows from the beginning"
            }
        )
        return FAILED
    answer = _answer(last, timed_out)
    tell({**answer, **_place(last, answer)} if is_page else answer)
    return 0


def _place(last: Preview, answer: dict[str, Any]) -> dict[str, Any]:
    """Which of all rows the first one told is, from 0 on, and how many there are in all, where the end was reached."""
    left_out = last.kept - len(answer["rows"]) if last.begin < 0 else 0
    reached_end = not answer["timedOut"] and last.kept <= last.wanted
    return {
        "from": last.passed + left_out,
        "count": last.passed + last.kept if reached_end else None,
    }


def _answer(last: Preview, timed_out: bool) -> dict[str, Any]:
    rows = last.rows()
    truncated = timed_out or len(rows) > last.wanted
    rows = rows[: last.wanted]
    while len(json.dumps(rows)) > MOST:
        half = len(rows) // 2
        rows, truncated = rows[half + 1 :] if last.begin < 0 else rows[:half], True
    return {
        "columns": last.schema.names,
        "types": [str(column.type) for column in last.schema],
        "rows": rows,
        "truncated": truncated,
        "timedOut": timed_out,
    }


def _time_is_up(signal_number: int, frame: FrameType | None) -> None:
    raise Enough("time")


def shown_rows(table: pa.Table, schema: Schema) -> list[list[Any]]:
    """The rows as JSON has them."""
    return list(_rows(table, schema))


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
