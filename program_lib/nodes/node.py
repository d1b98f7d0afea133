"""What all nodes have: their number and name, who gets their rows, what they report, and how they fail."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from program_lib.batch import Batch
from program_lib.errors import EndUnknown, ProgramError
from program_lib.failures.failing import Made, sorted_out
from program_lib.failures.faults import fault_of, row_at_fault
from program_lib.failures.rejecting import Rejecting
from program_lib.ports import UNNAMED
from program_lib.process.reasons import reason
from program_lib.rejects import REJECTED, Rejects
from program_lib.types import Schema
from progress_lib import Fault, Progress, Row, Status

LOG = logging.getLogger("job")
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
        self.stands = isinstance(error, EndUnknown)  # whether rows are written, or may be
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
        return self.node.total_of(self.output)


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
            message += self._finish_keeping(self.keeping)
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

    def total_of(self, output: str) -> int | None:
        """How many rows leave by an output, where that is known before they do: of a node that rejects rows only where they were kept."""
        return self.row_total

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
            self._open_kept(self.keeping)
            self.keeping.write(batch.table, output)
        for part in batch.parts():
            for node, port in self.followers.get(output, ()):
                if self.onward is None:
                    node.take(part, port)
                else:
                    self.onward.take(node, part, port)

    def _finish_keeping(self, keeping: Keeps) -> str:
        """What is told of it."""
        self._open_kept(keeping)
        keeping.finish()
        return keeping.told()

    def _open_kept(self, keeping: Keeps) -> None:
        """Each output has its file, also one that never gets a row."""
        for output in self.outputs_named():
            keeping.open(output, self.schema_of(output))

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
