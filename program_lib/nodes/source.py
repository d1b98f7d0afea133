"""The nodes at which rows come in: each reads from a reader, and tells where in it something failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.errors import ProgramError, RowRefused
from program_lib.failures.faults import row_at_fault
from program_lib.nodes.early import Waiting, early
from program_lib.nodes.node import LOG, Feeds, Node, NodeFailed
from program_lib.ports import Reader, Rereadable, Telling, TextReader
from program_lib.process.stopping import check
from program_lib.rejects import SHARE_FROM, Rejects, as_texts
from program_lib.types import Schema
from progress_lib import Row, Status

AGAIN = 10.0  # seconds in which a file is read again up to a row at fault, which is then told whole


class Source(Node):
    """Has no input: `work` gives a reader."""

    did = "{count:,} rows read"
    turn = 0  # of sources that are read one after another, unless some node wants it otherwise

    def __init__(
        self,
        number: int,
        name: str,
        work: Callable[[], Reader],
        feeds: Feeds = (),
        rejects: Rejects | None = None,
    ) -> None:
        super().__init__(number, name, feeds, rejects)
        self.work = work
        self.reader: Reader | None = None

    def ask_early(self) -> bool:
        """Lets another thread open the reader and begin to read, where that would wait; whether it does."""
        with self.at_work():
            reader = self._made()
        if not isinstance(reader, Waiting) or self.rejects is not None:
            return False
        self.reader = asked = early(reader)
        self._hear(asked)
        asked.begin()
        return True

    def start(self) -> None:
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            reader = self.reader or self._made()
            self.schema = reader.open()
            self.row_total = None if self.rejects else reader.total() or None
            self.begin_rejecting(as_texts(self.schema))
        self.sources = frozenset({self})

    def _made(self) -> Reader:
        self.reader = reader = self.work()
        self._hear(reader)
        return reader

    def _hear(self, reader: Reader) -> None:
        if isinstance(reader, Telling):
            reader.hear(lambda message: self.say(Status.RUNNING, message))

    def run(self) -> None:
        assert self.reader is not None
        if self.rejecting is not None:
            self._run_apart(self.reader)
        else:
            for batch in self._batches(self.reader.batches(), self.schema, self.reader):
                self.hand_on(batch)
        self.close()
        with self.at_work():
            self.check_share()
        self.end()

    def told(self) -> str:
        if not isinstance(self.reader, Telling):
            return super().told()
        read = self.did.format(count=self.row_count)
        return f"{read} {self.reader.told()}{self.told_rejected()}"

    def _run_apart(self, reader: Reader) -> None:
        """Reads texts and gives them their types here, so that a row may fail alone."""
        with self.at_work():
            if not isinstance(reader, TextReader):
                raise ProgramError("a source of this kind rejects no rows")
            written = reader.written()
        for batch in self._batches(written, as_texts(self.schema), reader):
            with self.at_work():
                made = self._typed(batch, reader)
                self.check_share(SHARE_FROM)
            self.hand_on(made)
            self.give_rejected(replace(batch, table=reader.texts(batch.table)))

    def _typed(self, batch: Batch, reader: TextReader) -> Batch:
        def work(part: Batch) -> Batch:
            return replace(part, table=reader.typed(part.table), schema=self.schema)

        try:
            return work(batch)
        except Exception as error:
            return Batch.joined(self.sorted_out(work, batch, error) or [work(batch.slice(0, 0))])

    def _batches(
        self, tables: Iterator[pa.Table], schema: Schema, reader: Reader
    ) -> Iterator[Batch]:
        while (table := self._next(tables, reader)) is not None:
            numbers = pa.arange(self.seen + 1, self.seen + 1 + len(table))
            self.seen += len(table)
            self.share = self._share(reader)
            yield Batch(table, schema, numbers, reader.where, share=self.share)

    def _share(self, reader: Reader) -> float | None:
        share = reader.share() if self.row_total is None else self.seen / self.row_total
        return None if share is None else round(share, 4)

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()

    def _next(self, batches: Iterator[pa.Table], reader: Reader) -> pa.Table | None:
        check()  # to wait for rows may take for ever
        with self.at_work():
            try:
                return next(batches, None)
            except RowRefused as refused:
                number = self.seen + refused.index + 1
                row = self._row_refused(number, refused, reader)
                raise NodeFailed(self, refused, row, f" ({row.place})") from refused

    def _row_refused(self, number: int, refused: RowRefused, reader: Reader) -> Row:
        """The row as it is written in its file, where that can be read again."""
        place = reader.where(number)
        row = Row(number, {refused.column: ""} if refused.column else {}, place)
        written = self._written_again(number, reader)
        if written is None:
            return row
        batch = Batch(written, as_texts(self.schema), pa.array([number]), lambda _: place)
        return row_at_fault(batch, refused)

    def _written_again(self, number: int, reader: Reader) -> pa.Table | None:
        """The row, all columns text; None where that takes longer than AGAIN, or cannot be done."""
        if not isinstance(reader, Rereadable) or not reader.can_be_read_again:
            return None
        again = self.work()
        try:
            again.open()
            return _written_row(again, number) if isinstance(again, Rereadable) else None
        except Exception:  # the failure is told all the same
            LOG.info("%s: its row %d is not read again", self.name, number, exc_info=True)
            return None
        finally:
            again.close()


def _written_row(reader: TextReader, number: int) -> pa.Table | None:
    until, before = time.monotonic() + AGAIN, 0
    for table in reader.written():
        check()
        if number <= before + len(table):
            return reader.texts(table.slice(number - before - 1, 1))
        before += len(table)
        if time.monotonic() > until:
            return None
    return None
