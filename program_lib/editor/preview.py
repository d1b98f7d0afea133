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
import pyarrow.compute as pc

from program_lib.batch import Batch
from program_lib.kept.again import begun_again
from program_lib.nodes import InnerNode, Node, NodeFailed, wire
from program_lib.process import settings
from program_lib.process.exit_codes import FAILED
from program_lib.program import flow, open_all
from program_lib.texts import column_texts
from program_lib.types import Kind, Schema, Type
from progress_lib import Progress

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

    def why_none(self, seconds: float) -> str:
        """Why there is no answer when the time is up; "": there is one."""
        if self.begin >= 0:
            return ""
        return f"the end was not reached within {seconds:g} s: look at the rows from the beginning"

    def answer(self, timed_out: bool) -> dict[str, Any]:
        rows = self.rows()
        truncated = timed_out or len(rows) > self.wanted
        rows = rows[: self.wanted]
        while len(json.dumps(rows)) > MOST:
            half = len(rows) // 2
            rows, truncated = rows[half + 1 :] if self.begin < 0 else rows[:half], True
        return self._answer(rows, truncated=truncated, timedOut=timed_out)

    def _answer(self, rows: list[list[Any]], **more: Any) -> dict[str, Any]:
        types = [str(column.type) for column in self.schema]
        return {"columns": self.schema.names, "types": types, "rows": rows, **more}


class Around(Preview):
    """Keeps the row of a number, which stands at a place of its source, and `wanted` rows before it and behind it."""

    def __init__(self, number: int, wanted: int, *, row: int, place: str) -> None:
        """`place`: as the failure of a run told it; "": the first row of the number is meant."""
        super().__init__(number, wanted)
        self.row_number, self.place = row, place
        self.at: int | None = None  # which of the kept rows it is; None: it has not come

    def worked(self, batch: Batch) -> Batch:
        if self.at is None and (index := self._index(batch)) is not None:
            self._keep_before(batch.slice(0, index))
            self.at = self.kept
            self._keep_behind(batch.slice(index))
        elif self.at is None:
            self._keep_before(batch)
        else:
            self._keep_behind(batch)
        return batch

    def _index(self, batch: Batch) -> int | None:
        index: int = pc.index(batch.numbers, pa.scalar(self.row_number, pa.int64())).as_py()
        if index < 0 or (self.place and batch.where_is(self.row_number) != self.place):
            return None
        return index

    def _keep_before(self, batch: Batch) -> None:
        if len(batch):
            self._keep_last(batch)

    def _keep_behind(self, batch: Batch) -> None:
        assert self.at is not None
        most = self.at + 1 + self.wanted - self.kept
        self.batches.append(batch.slice(0, most))
        self.kept += len(self.batches[-1])
        if len(batch) >= most:
            raise Enough

    def why_none(self, seconds: float) -> str:
        return "" if self.at is not None else f"the row was not reached within {seconds:g} s"

    def answer(self, timed_out: bool) -> dict[str, Any]:
        """None of the rows where the one did not come: others would be told for those around it."""
        rows, at, beside = ([], None, 0) if self.at is None else (self.rows(), self.at, self.wanted)
        while at is not None and len(json.dumps(rows)) > MOST and beside:
            beside //= 2
            first = max(0, at - beside)
            rows, at = rows[first : at + beside + 1], at - first
        return self._answer(rows, truncated=False, timedOut=timed_out, at=at)


def run_preview(*nodes: Node, rows: int, seconds: float, is_page: bool = False) -> int:
    """Runs nodes, the last of which is a Preview, until it has enough; the exit code.

    For 0 `rows` it opens them alone, which tells the columns. `is_page`: the answer says, too, which rows those are.
    """
    settings.note_preview()
    nodes = tuple(begun_again(nodes, _nobody))
    wire(nodes, _nobody)
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
    if timed_out and (why := last.why_none(seconds)):
        tell({"message": why})
        return FAILED
    answer = last.answer(timed_out)
    tell({**answer, **_place(last, answer)} if is_page else answer)
    return 0


def _nobody(progress: Progress) -> None:
    """A preview tells nobody how it goes on."""


def _place(last: Preview, answer: dict[str, Any]) -> dict[str, Any]:
    """Which of all rows the first one told is, from 0 on, and how many there are in all, where the end was reached."""
    left_out = last.kept - len(answer["rows"]) if last.begin < 0 else 0
    reached_end = not answer["timedOut"] and last.kept <= last.wanted
    return {
        "from": last.passed + left_out,
        "count": last.passed + last.kept if reached_end else None,
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
