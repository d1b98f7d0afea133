"""Nodes at work: each gets batches, hands on what it makes of them, counts its rows and reports."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.common_types import common_schema
from program_lib.conform import conformed
from program_lib.early import Waiting, early
from program_lib.errors import ProgramError, RowRefused
from program_lib.failing import Made, smallest_failing, sorted_out
from program_lib.faults import fault_of, row_at_fault
from program_lib.limits import reason
from program_lib.ports import (
    UNNAMED,
    Reader,
    Rereadable,
    Telling,
    TextReader,
    Writer,
    is_committing,
)
from program_lib.rejecting import Rejecting
from program_lib.rejects import REJECTED, SHARE_FROM, Rejects, as_texts
from program_lib.stopping import check
from program_lib.types import Schema, listed
from progress_lib import Fault, Progress, Row, Status

LOG = logging.getLogger("job")

AGAIN = 10.0  # seconds in which a file is read again up to a row at fault, which is then told whole
STRETCHED = 1_000  # rows that a step makes longer at a time: of 500 columns it makes 500,000 rows

Report = Callable[[Progress], None]
Inlet = int | tuple[int, str]  # a node by its number, with its input where it has several
Feeds = (
    Sequence[Inlet] | Mapping[str, Sequence[Inlet]]
)  # who gets the rows; by output where there are several


class Keeps(Protocol):
    """Keeps what a node gives (program_lib.kept). Never raises."""

    @property
    def is_kept(self) -> bool: ...

    @property
    def is_lost(self) -> bool: ...

    def open(self, output: str, schema: Schema) -> None: ...

    def write(self, table: pa.Table, output: str) -> None: ...

    def finish(self) -> None: ...

    def give_up(self) -> None: ...

    def told(self) -> str: ...


class Onward(Protocol):
    """Decides what the followers of a node get once a node has failed."""

    def take(self, node: Node, batch: Batch, port: str) -> None: ...

    def end(self, node: Node, port: str) -> None: ...


class NodeFailed(Exception):
    """A node could not do its work; the text says why."""

    def __init__(
        self, node: Node, error: Exception, row: Row | None = None, place: str = ""
    ) -> None:
        self.node, self.row, self.fault = node, row, fault_of(error)
        self.field = None if self.fault is None else self.fault.field
        self.reason = reason(error) + place
        super().__init__(f"{node.name}: {self.reason}")


@dataclass(frozen=True, slots=True)
class Feeder:
    """One of a node's outputs, for who gets its rows."""

    node: Node
    output: str

    @property
    def schema(self) -> Schema:
        return self.node.schema_of(self.output)

    @property
    def row_total(self) -> int | None:
        return self.node.row_total  # none of a node that rejects rows


class Node:
    """What all nodes do. `run` in program_lib.program wires them and calls them, on one thread."""

    did = "{count:,} rows"
    inputs_named: tuple[str, ...] = (UNNAMED,)
    first_inputs: tuple[str, ...] = ()  # those whose rows should come before all others
    gives_as_many = False  # rows as come in
    gathers = False  # all rows before it hands on the first
    from_run: str | None = None  # the run that kept our rows, where we do not run again

    def __init__(
        self, number: int, name: str, feeds: Feeds = (), rejects: Rejects | None = None
    ) -> None:
        """`feeds`: the numbers of the nodes that get our rows. `rejects`: rows that fail leave by REJECTED."""
        self.number, self.name = number, name
        self.rejects = rejects
        self.rejecting: Rejecting | None = None  # set once the columns of what comes are known
        self.feeds = feeds if isinstance(feeds, Mapping) else {UNNAMED: feeds}
        # The inputs that `feeds` names, by our outputs, and what feeds us, by our inputs; set by `wire`
        self.followers: dict[str, list[tuple[Node, str]]] = {}
        self.inputs: dict[str, list[Feeder]] = {}
        self.report: Report = lambda progress: None
        self.status: Status | None = None  # what we said last
        self.open_inputs: Counter[str] = Counter()  # how many nodes still feed each input
        self.schema = Schema()  # of the rows that we hand on or write
        self.seen = self.row_count = 0  # rows that came in; rows that we handed on or wrote
        self.row_total: int | None = None  # rows that we shall have handed on or written
        self.share: float | None = None  # which part of what comes in was at work, from 0 to 1
        self.sources: frozenset[Node] = frozenset()  # where our rows come from
        self.port_counts: dict[str, int] = {}  # rows that left by each output that has a name
        self.keeping: Keeps | None = None  # None: what we give is not to be kept
        self.onward: Onward | None = None  # between us and our followers, where outputs are kept

    def say(
        self,
        status: Status,
        message: str | None = None,
        row: Row | None = None,
        fault: Fault | None = None,
    ) -> None:
        message = message or self.told()
        if status is Status.COMPLETED and self.keeping is not None:
            self._open_kept()
            self.keeping.finish()
            message += self.keeping.told()
        self.report(
            Progress(
                self.number,
                self.name,
                status,
                self.row_count,
                message,
                row=row,
                row_total=self.row_total,
                share=self.share if status is Status.RUNNING and self.row_total is None else None,
                ports=dict(self.port_counts) or None,
                from_run=self.from_run,
                fault=fault,
            )
        )
        if status != self.status:
            self.status = status
            LOG.info("%s: %s, %s", self.name, status, message)

    def told(self) -> str:
        """What the node did until now, for people."""
        return self.did.format(count=self.row_count, seen=self.seen) + self.told_rejected()

    def told_rejected(self) -> str:
        """The end of what is told, of a node that rejects rows."""
        return "" if self.rejecting is None else f", {self.rejecting.count:,} rejected"

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """What goes wrong in here is this node's failure."""
        try:
            yield
        except NodeFailed:
            raise
        except Exception as error:
            raise NodeFailed(self, error) from error

    def failed_at(self, batch: Batch, error: Exception) -> NodeFailed:
        """The failure of a batch, which names the row where it is one."""
        if len(batch) != 1:
            return NodeFailed(self, error)
        row = row_at_fault(batch, error)
        told = ", ".join(f"{column}={value}" for column, value in row.values.items())
        return NodeFailed(self, error, row, f" ({row.place}: {told})")

    def start(self) -> None:
        """Tells the columns of our rows; all nodes that feed us have told theirs."""
        raise NotImplementedError

    def schema_of(self, output: str) -> Schema:
        """The columns of the rows that leave by an output."""
        if self.rejecting is not None and output == REJECTED:
            return self.rejecting.schema
        return self.schema

    def begin_rejecting(self, schema: Schema) -> None:
        """Gets ready to reject rows of this schema, where we do."""
        if self.rejects is not None:
            self.rejecting = Rejecting(self.rejects, schema)
            self.port_counts[REJECTED] = 0

    def sorted_out(
        self, work: Callable[[Batch], Made], batch: Batch, error: Exception
    ) -> list[Made]:
        """What becomes of the rows of a failing batch that do not fail; the others are noted as rejected."""
        return list(sorted_out(work, batch, error, lambda *row: self._refuse(batch, *row)))

    def _refuse(self, batch: Batch, index: int, error: Exception) -> None:
        assert self.rejecting is not None
        self.rejecting.add(batch, index, error)
        self.port_counts[REJECTED] = self.rejecting.count
        self._fail_if(self.rejecting.limits.too_many(self.rejecting.count))

    def _fail_if(self, too_many: str) -> None:
        if not too_many:
            return
        assert self.rejecting is not None
        assert self.rejecting.last is not None
        failed = self.failed_at(*self.rejecting.last)
        raised = NodeFailed(
            self, ProgramError(f"{too_many}; the last one: {failed.reason}"), failed.row
        )
        raised.fault = failed.fault
        raise raised

    def check_share(self, least: int = 0) -> None:
        """Fails where more of the rows that came failed than may; `least`: of so many rows or more."""
        if self.rejecting is not None and self.seen >= least:
            self._fail_if(self.rejecting.limits.too_large(self.rejecting.count, self.seen))

    def give_rejected(self, batch: Batch) -> None:
        """Hands on the rows of the batch that failed."""
        if self.rejecting is not None:
            self.give(self.rejecting.taken(batch), REJECTED)

    def hand_on(self, batch: Batch) -> None:
        self.row_count += len(batch)
        self.say(Status.RUNNING)
        self.give(batch, UNNAMED)

    def count_ahead(self, *ports: str) -> None:
        """What the nodes that feed these inputs know of how many rows will come, and from where."""
        feeding = [feeder for port in ports for feeder in self.inputs[port]]
        self.sources = frozenset[Node]().union(*(feeder.node.sources for feeder in feeding))
        totals = [feeder.row_total for feeder in feeding]
        gives_as_many = self.gives_as_many and self.rejects is None
        if gives_as_many and totals and None not in totals:
            self.row_total = sum(total for total in totals if total is not None)

    def note_share(self, share: float | None) -> None:
        """Notes how far the source is; the parts of several sources have no common measure."""
        if len(self.sources) == 1:
            self.share = share

    def _pass_by(self, share: float, output: str) -> None:
        """Tells the followers how far their source is, though there are no rows for them."""
        for node, _ in self.followers.get(output, ()):
            if len(self.sources) == 1 and node.sources == self.sources:
                node.share = share
                node.say(Status.RUNNING)
                if not node.gathers:
                    for further in node.followers:
                        node._pass_by(share, further)

    def give(self, batch: Batch, output: str) -> None:
        if not len(batch) and batch.share is not None:
            self._pass_by(batch.share, output)
        if self.keeping is not None:
            self._open_kept()
            self.keeping.write(batch.table, output)
        for part in batch.parts():
            for node, port in self.followers.get(output, ()):
                if self.onward is None:
                    node.take(part, port)
                else:
                    self.onward.take(node, part, port)

    def _open_kept(self) -> None:
        """Each output has its file, also one that never gets a row."""
        assert self.keeping is not None
        for output in self.outputs_named():
            self.keeping.open(output, self.schema_of(output))

    def outputs_named(self) -> list[str]:
        """All outputs, whether somebody gets their rows or not."""
        is_named = any(output != REJECTED for output in self.port_counts)
        return [*(() if is_named else (UNNAMED,)), *self.port_counts]

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        """A node that feeds the input `port` hands on rows."""
        raise NotImplementedError

    def end(self, port: str = UNNAMED) -> None:
        """A node that feeds the input `port` has no more rows."""
        self.open_inputs[port] -= 1
        if self.open_inputs[port] <= 0:
            self.input_ended(port)
        if all(count <= 0 for count in self.open_inputs.values()):
            self.complete()
            for followers in self.followers.values():
                for node, entered in followers:
                    if self.onward is None:
                        node.end(entered)
                    else:
                        self.onward.end(node, entered)

    def input_ended(self, port: str) -> None:
        """All rows of an input have come."""

    def complete(self) -> None:
        self.say(Status.COMPLETED)

    def close(self) -> None:
        """Gives up what is open, whatever happened before. Never raises."""


class Source(Node):
    """Has no input: `work` gives a reader."""

    did = "{count:,} rows read"

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


class InnerNode(Node):
    """Gets rows from others, in batches of one schema."""

    def start(self) -> None:
        self.count_ahead(UNNAMED)
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            self.schema_in = self.gathered([feeder.schema for feeder in self.inputs[UNNAMED]])
            self.schema = self.opened(self.schema_in)
            self.begin_rejecting(self.schema_in)

    def gathered(self, schemas: list[Schema]) -> Schema:
        """One schema for the rows of all that feed us."""
        return common_schema(schemas)

    def opened(self, schema: Schema) -> Schema:
        """Gets ready for rows of this schema; the schema of what is handed on."""
        raise NotImplementedError

    def worked(self, batch: Batch) -> Batch:
        """What becomes of a batch; called again with parts of it where it fails."""
        raise NotImplementedError

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        self.note_share(batch.share)
        with self.at_work():
            batch = replace(conformed(batch, self.schema_in), start=self.seen)
            try:
                made = self.worked(batch)
            except Exception as error:
                made = self._by_parts(batch, error)
            self.seen += len(batch)
            self.check_share(SHARE_FROM)
        self.hand_on(made)
        self.give_rejected(batch)

    def input_ended(self, port: str) -> None:
        with self.at_work():
            self.check_share()

    def _by_parts(self, batch: Batch, error: Exception) -> Batch:
        if self.rejecting is not None:
            return Batch.joined(
                self.sorted_out(self.worked, batch, error) or [self.made_of_none(batch)]
            )
        if (failed := self.at_fault(self.worked, batch, error)) is not None:
            raise failed from error
        return self.made_of_parts(batch, error)

    def at_fault(
        self, work: Callable[[Batch], object], batch: Batch, error: Exception
    ) -> NodeFailed | None:
        """The failure that names the row at fault; None where the parts of the batch do not fail."""
        failing = smallest_failing(work, batch, error)
        return None if failing is None else self.failed_at(*failing)

    def made_of_parts(self, batch: Batch, error: Exception) -> Batch:
        """What becomes of a batch that failed as a whole, and of which no part did."""
        raise NodeFailed(self, error) from error

    def made_of_none(self, batch: Batch) -> Batch:
        """What becomes of a batch of which all rows are rejected."""
        return self.worked(batch.slice(0, 0))


class Step(InnerNode):
    """Hands on what `work` makes of each batch."""

    did = "{count:,} rows computed"

    def __init__(
        self,
        number: int,
        name: str,
        work: Callable[[Batch], Batch],
        feeds: Feeds = (),
        rejects: Rejects | None = None,
    ) -> None:
        super().__init__(number, name, feeds, rejects)
        self.work = work

    def opened(self, schema: Schema) -> Schema:
        return self.work(Batch.empty(schema)).schema

    def worked(self, batch: Batch) -> Batch:
        return self.work(batch)


class Filter(Step):
    """A step that hands on some of the rows."""

    did = "{count:,} of {seen:,} rows kept"


class Map(Step):
    """A step that hands on as many rows as it gets."""

    gives_as_many = True


class Expand(Step):
    """A step that makes several rows of one; it gets few at a time, so that what it makes stays within a batch."""

    did = "{count:,} rows made of {seen:,}"

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        for start in range(0, len(batch), STRETCHED):
            super().take(batch.slice(start, STRETCHED), port)


class Split(InnerNode):
    """Hands on its rows by several outputs: `work` makes a batch for each of them."""

    def __init__(
        self,
        number: int,
        name: str,
        work: Callable[[Batch], Mapping[str, Batch]],
        feeds: Feeds = (),
        rejects: Rejects | None = None,
    ) -> None:
        super().__init__(number, name, feeds, rejects)
        self.work = work

    def opened(self, schema: Schema) -> Schema:
        parts = self.work(Batch.empty(schema))
        self.port_counts = dict.fromkeys(parts, 0)
        outputs = [*parts, REJECTED] if self.rejects is not None else [*parts]
        if unknown := [output for output in self.feeds if output not in outputs]:
            raise ProgramError(
                f"it has no output {listed(map(repr, unknown))}; it has {listed(map(repr, outputs))}"
            )
        return next(iter(parts.values())).schema

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        self.note_share(batch.share)
        with self.at_work():
            batch = replace(conformed(batch, self.schema_in), start=self.seen)
            try:
                made = self.work(batch)
            except Exception as error:
                made = self._split_by_parts(batch, error)
            self.seen += len(batch)
            self.check_share(SHARE_FROM)
        for output, part in made.items():
            self.port_counts[output] += len(part)
            self.row_count += len(part)
        self.say(Status.RUNNING)
        for output, part in made.items():
            self.give(part, output)
        self.give_rejected(batch)

    def _split_by_parts(self, batch: Batch, error: Exception) -> Mapping[str, Batch]:
        if self.rejecting is None:
            raise self.at_fault(self.work, batch, error) or NodeFailed(self, error) from error
        parts = self.sorted_out(self.work, batch, error) or [self.work(batch.slice(0, 0))]
        return {output: Batch.joined([part[output] for part in parts]) for output in parts[0]}

    def told(self) -> str:
        each = listed(f"{count:,} {output}" for output, count in self.port_counts.items())
        return f"{self.seen:,} rows split: {each}"


class Union(InnerNode):
    """Hands on the rows of all that feed it, as columns that `work` makes of theirs."""

    did = "{count:,} rows"
    gives_as_many = True

    def __init__(
        self,
        number: int,
        name: str,
        work: Callable[[], Callable[[list[Schema]], Schema]],
        feeds: Feeds = (),
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work

    def gathered(self, schemas: list[Schema]) -> Schema:
        return self.work()(schemas)

    def opened(self, schema: Schema) -> Schema:
        return schema

    def worked(self, batch: Batch) -> Batch:
        return batch


class Output(InnerNode):
    """Gives its rows to the writer that `work` makes; they count once the writer has them."""

    gives_as_many = True
    did = "{count:,} rows written"

    def __init__(
        self,
        number: int,
        name: str,
        work: Callable[[], Writer],
        feeds: Feeds = (),
        rejects: Rejects | None = None,
    ) -> None:
        super().__init__(number, name, feeds, rejects)
        self.work = work
        self.writer: Writer | None = None

    def opened(self, schema: Schema) -> Schema:
        assert self.writer is not None
        self.writer.open(schema)
        return schema

    def prepare(self) -> None:
        """Makes the writer, which checks what can be checked before any row is read."""
        with self.at_work():
            self.writer = self.work()
            self.writer.start(lambda message: self.say(Status.RUNNING, message))

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        """Of a writer that commits on the way, no more rows at a time than its transaction takes."""
        writer = self.writer
        if not is_committing(writer):
            super().take(batch, port)
            return
        while len(batch):
            part, batch = batch.slice(0, writer.room), batch.slice(writer.room)
            super().take(part, port)
            with self.at_work():
                writer.commit_full()

    def worked(self, batch: Batch) -> Batch:
        assert self.writer is not None
        self.writer.write(batch.table)
        return batch

    def made_of_parts(self, batch: Batch, error: Exception) -> Batch:
        return batch  # its parts are written

    def made_of_none(self, batch: Batch) -> Batch:
        return batch.slice(0, 0)

    def told(self) -> str:
        said = "" if self.writer is None else self.writer.told()
        return f"{said}{self.told_rejected()}" if said else super().told()

    def complete(self) -> None:
        """Not yet: what is written counts when it is committed."""

    def finish(self) -> None:
        assert self.writer is not None
        with self.at_work():
            self.writer.finish()

    def commit(self) -> None:
        assert self.writer is not None
        with self.at_work():
            self.writer.commit()
        self.say(Status.COMPLETED)

    def undo(self) -> None:
        """What is not committed is gone, and does not count."""
        if self.writer is not None:
            self.writer.undo()
        if self.status is Status.RUNNING and self.row_count:
            written, self.row_count, self.share = self.row_count, self.committed, None
            lost = written - self.committed
            self.say(Status.RUNNING, f"{self.committed:,} rows written: {lost:,} were taken back")

    @property
    def committed(self) -> int:
        """Rows that stand though the run fails."""
        return self.writer.committed if is_committing(self.writer) else 0
