"""Nodes at work: each gets batches, hands on what it makes of them, counts its rows and reports."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.common_types import common_schema
from program_lib.conform import conformed
from program_lib.errors import ExpressionFailed, ProgramError, RowRefused
from program_lib.failing import smallest_failing
from program_lib.limits import reason
from program_lib.ports import UNNAMED, Reader, Writer
from program_lib.texts import column_texts
from program_lib.types import Kind, Schema, Type, listed
from progress_lib import Progress, Row, Status

LOG = logging.getLogger("job")

SHOWN = 60  # characters of a value in a message
STRETCHED = 1_000  # rows that a step makes longer at a time: of 500 columns it makes 500,000 rows
SHOWN_COLUMNS = (
    3  # of a row at fault, beside those that are looked up: the first often hold its key
)

Report = Callable[[Progress], None]
Inlet = int | tuple[int, str]  # a node by its number, with its input where it has several
Feeds = (
    Sequence[Inlet] | Mapping[str, Sequence[Inlet]]
)  # who gets the rows; by output where there are several


class NodeFailed(Exception):
    """A node could not do its work; the text says why."""

    def __init__(
        self, node: Node, error: Exception, row: Row | None = None, place: str = ""
    ) -> None:
        self.node, self.row = node, row
        self.reason = reason(error) + place
        super().__init__(f"{node.name}: {self.reason}")


class Node:
    """What all nodes do. `run` in program_lib.program wires them and calls them, on one thread."""

    did = "{count:,} rows"
    inputs_named: tuple[str, ...] = (UNNAMED,)
    first_inputs: tuple[str, ...] = ()  # those whose rows should come before all others
    gives_as_many = False  # rows as come in
    gathers = False  # all rows before it hands on the first

    def __init__(self, number: int, name: str, feeds: Feeds = ()) -> None:
        """`feeds`: the numbers of the nodes that get our rows."""
        self.number, self.name = number, name
        self.feeds = feeds if isinstance(feeds, Mapping) else {UNNAMED: feeds}
        # The inputs that `feeds` names, by our outputs, and the nodes that feed us, by our inputs; set by `wire`
        self.followers: dict[str, list[tuple[Node, str]]] = {}
        self.inputs: dict[str, list[Node]] = {}
        self.report: Report = lambda progress: None
        self.status: Status | None = None  # what we said last
        self.open_inputs: Counter[str] = Counter()  # how many nodes still feed each input
        self.schema = Schema()  # of the rows that we hand on or write
        self.seen = self.row_count = 0  # rows that came in; rows that we handed on or wrote
        self.row_total: int | None = None  # rows that we shall have handed on or written
        self.share: float | None = None  # which part of what comes in was at work, from 0 to 1
        self.sources: frozenset[Node] = frozenset()  # where our rows come from
        self.port_counts: dict[str, int] = {}  # rows that left by each output that has a name

    def say(self, status: Status, message: str | None = None, row: Row | None = None) -> None:
        message = message or self.told()
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
            )
        )
        if status != self.status:
            self.status = status
            LOG.info("%s: %s, %s", self.name, status, message)

    def told(self) -> str:
        """What the node did until now, for people."""
        return self.did.format(count=self.row_count, seen=self.seen)

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
        number = batch.numbers[0].as_py()
        values = shown_values(batch, _columns_at_fault(error))
        told = ", ".join(f"{column}={value}" for column, value in values.items())
        place = f" ({batch.where_is(number)}: {told})"
        return NodeFailed(self, error, Row(number, values), place)

    def start(self) -> None:
        """Tells the columns of our rows; all nodes that feed us have told theirs."""
        raise NotImplementedError

    def hand_on(self, batch: Batch) -> None:
        self.row_count += len(batch)
        self.say(Status.RUNNING)
        self.give(batch, UNNAMED)

    def count_ahead(self, *ports: str) -> None:
        """What the nodes that feed these inputs know of how many rows will come, and from where."""
        feeding = [node for port in ports for node in self.inputs[port]]
        self.sources = frozenset[Node]().union(*(node.sources for node in feeding))
        totals = [node.row_total for node in feeding]
        if self.gives_as_many and totals and None not in totals:
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
        for part in batch.parts():
            for node, port in self.followers.get(output, ()):
                node.take(part, port)

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
                    node.end(entered)

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
        self, number: int, name: str, work: Callable[[], Reader], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work
        self.reader: Reader | None = None

    def start(self) -> None:
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            self.reader = self.work()
            self.schema = self.reader.open()
            self.row_total = self.reader.total() or None
        self.sources = frozenset({self})

    def run(self) -> None:
        assert self.reader is not None
        batches = self.reader.batches()
        while (table := self._next(batches, self.reader)) is not None:
            first = self.row_count + 1
            numbers = pa.arange(first, first + len(table))
            self.share = self._share_with(table, self.reader)
            self.hand_on(Batch(table, self.schema, numbers, self.reader.where, share=self.share))
        self.close()
        self.end()

    def _share_with(self, table: pa.Table, reader: Reader) -> float | None:
        if self.row_total is None:
            share = reader.share()
        else:
            share = (self.row_count + len(table)) / self.row_total
        return None if share is None else round(share, 4)

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()

    def _next(self, batches: Iterator[pa.Table], reader: Reader) -> pa.Table | None:
        with self.at_work():
            try:
                return next(batches, None)
            except RowRefused as refused:
                number = self.row_count + refused.index + 1
                row = Row(number, {refused.column: ""} if refused.column else {})
                place = f" ({reader.where(number)})"
                raise NodeFailed(self, refused, row, place) from refused


class InnerNode(Node):
    """Gets rows from others, in batches of one schema."""

    def start(self) -> None:
        self.count_ahead(UNNAMED)
        self.say(Status.RUNNING, "Started")
        with self.at_work():
            self.schema_in = self.gathered([node.schema for node in self.inputs[UNNAMED]])
            self.schema = self.opened(self.schema_in)

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
        self.hand_on(made)

    def _by_parts(self, batch: Batch, error: Exception) -> Batch:
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


class Step(InnerNode):
    """Hands on what `work` makes of each batch."""

    did = "{count:,} rows computed"

    def __init__(
        self, number: int, name: str, work: Callable[[Batch], Batch], feeds: Feeds = ()
    ) -> None:
        super().__init__(number, name, feeds)
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
    ) -> None:
        super().__init__(number, name, feeds)
        self.work = work

    def opened(self, schema: Schema) -> Schema:
        parts = self.work(Batch.empty(schema))
        self.port_counts = dict.fromkeys(parts, 0)
        if unknown := [output for output in self.feeds if output not in self.port_counts]:
            raise ProgramError(
                f"it has no output {listed(map(repr, unknown))}; it has {listed(map(repr, self.port_counts))}"
            )
        return next(iter(parts.values())).schema

    def take(self, batch: Batch, port: str = UNNAMED) -> None:
        self.note_share(batch.share)
        with self.at_work():
            batch = replace(conformed(batch, self.schema_in), start=self.seen)
            try:
                made = self.work(batch)
            except Exception as error:
                raise self.at_fault(self.work, batch, error) or NodeFailed(self, error) from error
        self.seen += len(batch)
        for output, part in made.items():
            self.port_counts[output] += len(part)
            self.row_count += len(part)
        self.say(Status.RUNNING)
        for output, part in made.items():
            self.give(part, output)

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

    def __init__(self, number: int, name: str, work: Callable[[], Writer]) -> None:
        super().__init__(number, name)
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

    def worked(self, batch: Batch) -> Batch:
        assert self.writer is not None
        self.writer.write(batch.table)
        return batch

    def made_of_parts(self, batch: Batch, error: Exception) -> Batch:
        return batch  # its parts are written

    def told(self) -> str:
        said = "" if self.writer is None else self.writer.told()
        return said or super().told()

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
            lost, self.row_count, self.share = self.row_count, 0, None
            self.say(Status.RUNNING, f"0 rows written: {lost:,} were taken back")


def _columns_at_fault(error: Exception) -> Sequence[str]:
    if isinstance(error, ExpressionFailed):
        return error.columns
    column = getattr(error, "column", None)
    return [column] if isinstance(column, str) else []


def shown_values(batch: Batch, columns: Sequence[str]) -> dict[str, str]:
    """The first row's values of these columns, after the first ones of the batch, as text and cut."""
    wanted = dict.fromkeys([*batch.schema.names[:SHOWN_COLUMNS], *columns])
    shown = {}
    for name in wanted:
        if column := batch.schema.column(name):
            shown[name] = _shown(batch.table[name].slice(0, 1), column.type)
    return shown


def _shown(values: pa.ChunkedArray, of: Type) -> str:
    try:
        text = column_texts(values, of)[0].as_py()
    except ProgramError:  # a date before the year 1: its text is refused, which may be the fault
        text = str(values[0])
    if text is None:
        return "NULL"
    shown = repr(text) if of.kind is Kind.TEXT else text
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
