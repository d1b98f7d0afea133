"""The nodes between: each makes something of the batches that come, and hands it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from program_lib.batch import Batch
from program_lib.common_types import common_schema
from program_lib.errors import ProgramError
from program_lib.failures.failing import PartFailed, made_by_parts
from program_lib.nodes.conform import conformed
from program_lib.nodes.node import Feeds, Node
from program_lib.ports import UNNAMED
from program_lib.rejects import REJECTED, SHARE_FROM, Rejects
from program_lib.types import Schema, listed
from progress_lib import Status

T = TypeVar("T")

STRETCHED = 1_000  # rows that a step makes longer at a time: of 500 columns it makes 500,000 rows


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
        batch, made = self.attempt(batch, self.worked, self._by_parts)
        self.hand_on(made)
        self.give_rejected(batch)

    def attempt(
        self, batch: Batch, work: Callable[[Batch], T], by_parts: Callable[[Batch, Exception], T]
    ) -> tuple[Batch, T]:
        """The batch as its schema here has it, and what `work` makes of it; where that fails, what `by_parts` makes of its parts."""
        self.note_share(batch.share)
        with self.at_work():
            batch = replace(conformed(batch, self.schema_in), start=self.seen)
            try:
                made = work(batch)
            except Exception as error:
                made = by_parts(batch, error)
            self.seen += len(batch)
            self.check_share(SHARE_FROM)
        return batch, made

    def input_ended(self, port: str) -> None:
        with self.at_work():
            self.check_share()

    def _by_parts(self, batch: Batch, error: Exception) -> Batch:
        if self.rejecting is not None:
            return Batch.joined(
                self.sorted_out(self.worked, batch, error) or [self.made_of_none(batch)]
            )
        return Batch.joined(self.made_by_parts(self.worked, batch, error))

    def made_by_parts(self, work: Callable[[Batch], T], batch: Batch, error: Exception) -> list[T]:
        """What becomes of the parts of a batch that failed as a whole. Raises NodeFailed, which names the row at fault."""
        try:
            return list(made_by_parts(work, batch, error))
        except PartFailed as failed:
            raise self.failed_at(failed.batch, failed.error) from error

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
        batch, made = self.attempt(batch, self.work, self._split_by_parts)
        for output, part in made.items():
            self.port_counts[output] += len(part)
            self.row_count += len(part)
        self.say(Status.RUNNING)
        for output, part in made.items():
            self.give(part, output)
        self.give_rejected(batch)

    def _split_by_parts(self, batch: Batch, error: Exception) -> Mapping[str, Batch]:
        if self.rejecting is None:
            parts = self.made_by_parts(self.work, batch, error)
        else:
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
