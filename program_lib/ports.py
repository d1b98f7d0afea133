"""What a source and a target of rows offer; csv_files and databases have them, a program's nodes use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeGuard, runtime_checkable

import pyarrow as pa

from program_lib.types import Schema

BATCH_ROWS = 50_000  # rows that travel together, at most
BATCH_BYTES = 16 * 1024 * 1024  # of a batch in memory, about; wide rows travel in smaller batches
UNNAMED = ""  # how the only input or output of a node is called
BATCH_SECONDS = 0.1  # a slow source hands on what came in this time, so that the page moves


class Reader(Protocol):
    """Where rows come from. One thread uses it: open, batches to their end or not, close."""

    def open(self) -> Schema:
        """Connects, and tells the columns. Raises ProgramError, OSError or the database's error."""
        ...

    def batches(self) -> Iterator[pa.Table]:
        """Tables with `open().arrow()` as their schema, within the bounds above; none is empty.

        Raises as `open`; RowRefused counts its index from the first row of the batch that would come next.
        """
        ...

    def total(self) -> int | None:
        """How many rows the batches will have, of a reader that is open; None where that is not known exactly at no cost."""
        ...

    def share(self) -> float | None:
        """Which part of all there is, from 0 to 1, the batches up to the last one came from; None where that is not known."""
        ...

    def where(self, number: int) -> str:
        """Where a row is, counted from 1, as its owner finds it: "row 17", "line 5,004 of visits.csv"."""
        ...

    def close(self) -> None:
        """Gives up what is open. Never raises."""
        ...


@runtime_checkable
class TextReader(Reader, Protocol):
    """A reader of what has no types yet, which can give a row its types apart from the others."""

    def written(self) -> Iterator[pa.Table]:
        """Instead of `batches`: the same rows as they are written, a column of text for each of ours."""
        ...

    def typed(self, written: pa.Table) -> pa.Table:
        """Such rows as `batches` gives them. Raises RowRefused."""
        ...

    def texts(self, written: pa.Table) -> pa.Table:
        """Such rows as people read them, all columns text."""
        ...


@runtime_checkable
class Rereadable(TextReader, Protocol):
    """One of files, which may be read a second time: to look at a row as it is written."""

    @property
    def can_be_read_again(self) -> bool:
        """Whether that gives the same; a pipe's rows are gone. Once it is open."""
        ...


@runtime_checkable
class Telling(Reader, Protocol):
    """A reader that tells people more than how many rows it read."""

    def hear(self, say: Callable[[str], None]) -> None:
        """Takes what tells people what the reader waits for; before `open`."""
        ...

    def told(self) -> str:
        """What the rows were read from until now, as the end of a sentence: "from 3 pages"."""
        ...


class Uncounted:
    """What a reader says that knows neither how many rows will come, nor how far it is."""

    def total(self) -> int | None:
        return None

    def share(self) -> float | None:
        return None


class HoldsNothing:
    """What a writer of files says that keeps no rows in memory."""

    @property
    def held(self) -> int:
        return 0

    def spill(self) -> None:
        """There is nothing to write."""


class WritesAll:
    """What a writer tells that writes each row which it gets."""

    def told(self) -> str:
        return ""


class Writer(Protocol):
    """Where rows go. Nothing that others see changes before `commit`.

    One thread uses it: start, open, write for each batch, finish, commit; undo at the end in every case.
    """

    @property
    def turn(self) -> tuple[int, int]:
        """The order of commits among writers, what can still fail first. The same: one commit is that of all."""
        ...

    def start(self, say: Callable[[str], None]) -> None:
        """Connects and checks what can be checked without rows; takes no lock that others wait for.

        `say` tells people what the writer waits for, for example another's lock.
        """
        ...

    def open(self, schema: Schema) -> None:
        """Gets ready for rows of these columns; refuses a column that the target cannot hold exactly."""
        ...

    def write(self, table: pa.Table) -> None:
        """Takes a batch. Raises RowRefused where it knows the row; else the caller finds it by halves,

        so that after any error `write` may be called again with other rows, until `undo`.
        """
        ...

    def told(self) -> str:
        """What became of the rows that `write` took, as a sentence; "" where all of them are written."""
        ...

    def finish(self) -> None:
        """Does all that can still fail: constraints are checked, files are on the disk."""
        ...

    def commit(self) -> None:
        """Puts the rows in their place."""
        ...

    def undo(self) -> None:
        """Closes everything; what is not committed is gone. Never raises. May be called twice."""
        ...


class Committing(Writer, Protocol):
    """A writer that commits some of its rows before all are there: those stand, whatever happens later."""

    @property
    def room(self) -> int:
        """How many rows `write` may get until the next commit; at least one."""
        ...

    @property
    def committed(self) -> int:
        """Rows that stand."""
        ...

    def commit_full(self) -> None:
        """Between two calls of `write`: commits where there is no room. An error is that of no row."""
        ...


def is_committing(writer: Writer | None) -> TypeGuard[Committing]:
    """Whether a writer commits on the way; also before its `start`, until which `turn` is not known, and must not be read."""
    return hasattr(writer, "commit_full")
