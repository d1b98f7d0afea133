"""Connections to a file of SQLite: where it is, the gate before it, and waiting for its locks."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

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
        self.connection = sqlite3.connect(place.path, timeout=POLL, isolation_level=None)
        self.connection.create_function("regexp", 2, _regexp, deterministic=True)
        try:
            self.patiently(lambda: self.gate.guard(self.connection), say)
        except BaseException:
            self.connection.close()
            raise

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


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def quoted(name: str) -> str:
    """An identifier as SQL has it."""
    return '"' + name.replace('"', '""') + '"'
