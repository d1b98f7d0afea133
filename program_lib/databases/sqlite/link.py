"""Connections to a file of SQLite: where it is, the gate before it, and waiting for its locks."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote

from program_lib.databases.sqlite.gate import SqliteGate
from program_lib.errors import ProgramError

T = TypeVar("T")
Say = Callable[[str], None]

PATIENCE = 30.0  # seconds that a reader waits for a lock; docs/decisions/sqlite.md
POLL = 0.25  # seconds that SQLite itself waits for a lock; between two tries signals are handled
MEMORY = ":memory:"


@dataclass(frozen=True, slots=True)
class Place:
    """A database: its file, and how long the URL says to wait for a lock."""

    path: str  # or MEMORY
    timeout: float | None = None  # seconds

    @classmethod
    def of(cls, where: str | Path) -> Place:
        """Of a path, or of a URL such as sqlite:////data/shop.db?timeout=5."""
        if isinstance(where, Path) or "://" not in where:
            return cls(str(where))
        _, _, rest = where.partition("://")
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query))
        if unknown := sorted(options.keys() - {"timeout"}):
            raise ProgramError(f"SQLite's URL knows the option timeout, not {', '.join(unknown)}")
        return cls(unquote(path.removeprefix("/")) or MEMORY, _seconds(options.get("timeout")))

    @property
    def name(self) -> str:
        """As messages call it."""
        return Path(self.path).name if self.path != MEMORY else "the database in memory"


def _seconds(text: str | None) -> float | None:
    try:
        seconds = None if text is None else float(text)
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 <= seconds < float("inf"):
        raise ProgramError(f"timeout={text} in the URL is no number of seconds")
    return seconds


class Link:
    """One connection behind its gate. Statements are in no transaction but what BEGIN opens."""

    def __init__(self, place: Place, *, writes: bool, say: Say | None = None) -> None:
        """Raises ProgramError, or sqlite3.Error. `say` hears that a lock is waited for."""
        self.place = place
        self._patience = place.timeout if writes else place.timeout or PATIENCE
        self.gate = SqliteGate(writes)
        self._unlocked: _Signature | None = None  # of a file that is read without locks
        try:
            self.connection = self._connected(place.path, say)
        except sqlite3.OperationalError as error:
            if writes or not (_may_not_write(error) and _is_left_in_wal(place.path)):
                raise
            self._unlocked = _signature(place.path)
            uri = f"file:{quote(place.path)}?immutable=1"
            self.connection = self._connected(uri, say, is_uri=True)

    def _connected(
        self, where: str, say: Say | None, *, is_uri: bool = False
    ) -> sqlite3.Connection:
        connection = sqlite3.connect(where, timeout=POLL, isolation_level=None, uri=is_uri)
        connection.create_function("regexp", 2, _regexp, deterministic=True)
        try:
            self.patiently(lambda: self.gate.guard(connection), say)
        except BaseException:
            connection.close()
            raise
        return connection

    def check_same(self) -> None:
        """Raises ProgramError where a file that is read without locks was written to since."""
        if self._unlocked is not None and _signature(self.place.path) != self._unlocked:
            raise ProgramError(f"{self.place.name} was written to while it was read: run it again")

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with self.explained():
            return self.connection.execute(sql, parameters)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """What the gate refused is said in its words."""
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            if (better := self.gate.explain(error)) is not None:
                raise better from error
            raise

    def patiently(self, action: Callable[[], T], say: Say | None = None) -> T:
        """What the action gives, once no lock of others is in its way. It is said once that this waits."""
        began = time.monotonic()
        while True:
            tried = time.monotonic()
            try:
                return action()
            except sqlite3.OperationalError as error:
                if not _is_locked(error) or self._is_over(began):
                    raise
            if say is not None:
                say(f"waits for the lock of {self.place.name}, which somebody else holds")
                say = None
            time.sleep(
                max(0.0, POLL - (time.monotonic() - tried))
            )  # some locks SQLite waits not for

    def _is_over(self, began: float) -> bool:
        return self._patience is not None and time.monotonic() - began >= self._patience

    def close(self) -> None:
        """Rolls back what is open. Never raises."""
        try:
            self.connection.close()
        except sqlite3.Error:
            pass


def _regexp(pattern: str, text: str | None) -> bool | None:
    """What SQL's `text REGEXP pattern` means: SQLite has the operator, and leaves the function to others."""
    return None if text is None else re.search(pattern, text) is not None


def _may_not_write(error: sqlite3.Error) -> bool:
    """Whether SQLite could make no file beside the database, which it wants to read one that is in WAL mode."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    )


def _is_left_in_wal(path: str) -> bool:
    """Whether a database is in WAL mode, and nobody has it open, so that all of it is in its file."""
    with suppress(OSError), open(path, "rb") as file:
        return file.read(20)[18:] == b"\2\2" and not os.path.exists(f"{path}-wal")
    return False


_Signature = tuple[int, int, int, int]


def _signature(path: str) -> _Signature:
    """What changes where a file is written to, or another one takes its place."""
    about = os.stat(path)
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def quoted(name: str) -> str:
    """An identifier as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
