"""The nodes at which rows go out: each hands them to a writer, which puts them in place at the end."""

from __future__ import annotations

from collections.abc import Callable

from program_lib.batch import Batch
from program_lib.nodes.node import Feeds
from program_lib.nodes.steps import InnerNode
from program_lib.ports import UNNAMED, Writer, is_committing
from program_lib.rejects import Rejects
from program_lib.types import Schema
from progress_lib import Status


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
        self.may_stand = False  # whether nobody knows if what is written was committed

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
        """What is not committed is gone, or not known to be there, and does not count."""
        if self.writer is not None:
            self.writer.undo()
        if self.status is Status.RUNNING and self.row_count:
            written, self.row_count, self.share = self.row_count, self.committed, None
            lost = f"{written - self.committed:,}"
            became = f"of {lost} nobody knows" if self.may_stand else f"{lost} were taken back"
            self.say(Status.RUNNING, f"{self.committed:,} rows written: {became}")

    @property
    def committed(self) -> int:
        """Rows that stand though the run fails."""
        return self.writer.committed if is_committing(self.writer) else 0
