"""Sources that wait for somebody else, such as a service or a database, are asked side by side.

Each has a thread that opens its reader and keeps a batch ready. The program takes the rows source after source, in the
order that it would without: what a node sees, and in which order, is the same. docs/decisions/side-by-side.md says why
nothing else is done at once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from program_lib.ports import Reader, Telling
from program_lib.types import Schema

MOST = 4  # sources of a program that are asked at once; each holds up to two batches
ENDING_SECONDS = 0.5  # for a thread that was interrupted; one that still connects is left alone


@runtime_checkable
class Waiting(Reader, Protocol):
    """A reader that spends its time waiting, and whose waits another thread can end."""

    def interrupt(self) -> None:
        """Whoever waits in `open` or for the next batch gets an error soon. Any thread; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class _Came:
    """A batch, and what its reader said once it had it."""

    table: pa.Table
    share: float | None
    told: str


class Early:
    """program_lib.ports.Reader over one that a thread of its own has opened, and reads. Others: one thread."""

    def __init__(self, reader: Waiting) -> None:
        """Begins at once."""
        self._reader = reader
        self._schema: Future[Schema] = Future()
        self._coming: queue.Queue[_Came | BaseException | None] = queue.Queue(1)  # None: the end
        self._is_closed = threading.Event()
        self._last: _Came | None = None
        self._thread = threading.Thread(target=self._read, name="early", daemon=True)

    def begin(self) -> None:
        """Starts to ask."""
        self._thread.start()

    def open(self) -> Schema:
        return self._schema.result()

    def batches(self) -> Iterator[pa.Table]:
        while (came := self._coming.get()) is not None:
            if isinstance(came, BaseException):
                raise came
            self._last = came
            yield came.table

    def total(self) -> int | None:
        return self._reader.total()

    def share(self) -> float | None:
        return None if self._last is None else self._last.share

    def where(self, number: int) -> str:
        return self._reader.where(number)

    def close(self) -> None:
        self._is_closed.set()
        if not self._thread.is_alive():
            return
        with suppress(queue.Empty):
            self._coming.get_nowait()  # or the thread would wait until somebody takes it
        self._reader.interrupt()
        self._thread.join(ENDING_SECONDS)

    # ---- the thread

    def _read(self) -> None:
        try:
            self._schema.set_result(self._reader.open())
            for table in self._reader.batches():
                self._hand_over(_Came(table, self._reader.share(), self._told()))
                if self._is_closed.is_set():
                    return
            self._hand_over(None)
        except BaseException as error:
            self._fail(error)
        finally:
            self._reader.close()

    def _fail(self, error: BaseException) -> None:
        if self._schema.done():
            self._hand_over(error)
        else:
            self._schema.set_exception(error)

    def _hand_over(self, came: _Came | BaseException | None) -> None:
        if not self._is_closed.is_set():
            self._coming.put(came)

    def _told(self) -> str:
        return ""


class EarlyTelling(Early):
    """program_lib.ports.Telling, too."""

    def __init__(self, reader: Waiting) -> None:
        super().__init__(reader)
        assert isinstance(reader, Telling)
        self._telling: Telling = reader

    def hear(self, say: Callable[[str], None]) -> None:
        """`say` is called on the thread, until `close`."""
        self._telling.hear(lambda message: None if self._is_closed.is_set() else say(message))

    def told(self) -> str:
        """Of what was taken, and not of what is ready."""
        return self._telling.told() if self._last is None else self._last.told

    def _told(self) -> str:
        return self._telling.told()


def early(reader: Waiting) -> Early:
    """The reader, to be asked by a thread of its own once `begin` is called."""
    return EarlyTelling(reader) if isinstance(reader, Telling) else Early(reader)
