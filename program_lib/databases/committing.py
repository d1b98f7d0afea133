"""A writer that commits after each so many rows: what is committed stands, whatever happens later."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import pyarrow as pa

from program_lib.databases.keys import Tally
from program_lib.databases.turns import turn_of
from program_lib.errors import ProgramError
from program_lib.ports import Writer
from program_lib.types import Schema
from program_lib.write_modes import LEAST_COMMITTED, MODES_THAT_COMMIT

Say = Callable[[str], None]


class CommittingWriter:
    """A target of rows: program_lib.ports.Committing. Each `every` rows have a writer of their own, and its transaction."""

    def __init__(
        self, make: Callable[[], Writer], mode: str, every: int, database: Hashable
    ) -> None:
        """Raises ProgramError for a mode in which the rows of an earlier transaction would not stand."""
        if mode not in MODES_THAT_COMMIT:
            raise ProgramError(
                f"rows are committed on the way in the modes {', '.join(MODES_THAT_COMMIT)}, and not in {mode}"
            )
        if every < LEAST_COMMITTED:
            raise ProgramError(
                f"rows are committed after each {LEAST_COMMITTED:,} or more, and not after {every:,}"
            )
        self._make, self._every, self._database = make, every, database
        self._writer: Writer | None = None  # of the rows that come
        self._say: Say = _nobody
        self._schema = Schema()
        self._tally = Tally(mode)
        self._held = 0  # rows that are written and not committed
        self.committed = 0

    @property
    def turn(self) -> tuple[int, int]:
        return turn_of(self._database)

    def start(self, say: Say) -> None:
        self._say = say
        self._writer = self._started()

    def open(self, schema: Schema) -> None:
        assert self._writer is not None
        self._schema = schema
        self._writer.open(schema)

    def write(self, table: pa.Table) -> None:
        """Takes no more rows than `room` says."""
        assert len(table) <= self.room
        if self._writer is None:
            self._writer = self._started()
            self._writer.open(self._schema)
        self._writer.write(table)
        self._held += len(table)

    @property
    def room(self) -> int:
        return self._every - self._held

    def commit_full(self) -> None:
        if self.room == 0:
            self._commit()

    def told(self) -> str:
        """What became of all rows, and while some are not committed, how many are."""
        said = self._tally.told() or f"{self.committed + self._held:,} rows written"
        return f"{said}, {self.committed:,} of them committed" if self._held else said

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.finish()

    def commit(self) -> None:
        """The last rows."""
        if self._writer is not None:
            self._writer.commit()
            self.committed, self._held = self.committed + self._held, 0

    def undo(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.undo()
        self._held = 0

    def _started(self) -> Writer:
        writer = self._make()
        if hasattr(writer, "tally"):
            writer.tally = self._tally  # of all transactions
        try:
            writer.start(self._say)
        except BaseException:
            writer.undo()
            raise
        return writer

    def _commit(self) -> None:
        self.finish()
        self.commit()
        self.undo()


def _nobody(message: str) -> None:
    """Until `start`, nobody listens."""
