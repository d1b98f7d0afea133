"""What a database notes of its installation: the mark that tells it from others, and the streams that it made on NATS."""

import logging
import secrets
import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.database import Database, StoreUnavailable
from jobs.store.native_thread import off_the_loop
from jobs.store.tables import INSTALLATION
from progress_lib.streams import OwnerUnknown

LOG = logging.getLogger(__name__)

_MARK = "mark"


class Installation:
    """The installation that a database belongs to (progress_lib.streams.Owner). Any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark = ""

    def open(self) -> None:
        """Reads the mark, which is made with the database. Raises StoreUnavailable."""
        if self._mark:
            return
        try:
            with self._database.write() as connection:
                mark = _noted(connection, _MARK)
                self._mark = mark or _note(connection, _MARK, secrets.token_hex(8))
        except sa.exc.IntegrityError:  # on PostgreSQL another process has just made it
            with self._database.read() as connection:
                self._mark = _noted(connection, _MARK) or ""

    @property
    def mark(self) -> str:
        """Raises OwnerUnknown where the database was away at the start of the process, and still is."""
        if not self._mark:
            try:
                off_the_loop(self.open)
            except StoreUnavailable as error:
                raise OwnerUnknown(
                    "the database, which tells whose streams are ours, does not answer"
                ) from error
        return self._mark

    def has_made(self, stream: str) -> bool:
        """False also while the database does not answer."""
        try:
            with self._database.read() as connection:
                return _noted(connection, _stream(stream)) is not None
        except StoreUnavailable as error:
            LOG.warning("whether the stream %s is ours is not known: %s", stream, error)
            return False

    def note_made(self, stream: str) -> None:
        try:
            with self._database.write() as connection:
                if _noted(connection, _stream(stream)) is None:
                    _note(connection, _stream(stream), f"{time.time():.0f}")
        except StoreUnavailable as error:
            LOG.warning("that the stream %s is ours is not noted: %s", stream, error)
        except sa.exc.IntegrityError:
            pass  # another process has just noted it


def _stream(name: str) -> str:
    return f"stream {name}"


def _noted(connection: Connection, name: str) -> str | None:
    query = sa.select(INSTALLATION.c.value).where(INSTALLATION.c.name == name)
    found: str | None = connection.execute(query).scalar()
    return found


def _note(connection: Connection, name: str, value: str) -> str:
    connection.execute(sa.insert(INSTALLATION).values(name=name, value=value))
    return value
