"""What a database notes of its installation: the mark that tells it from others, and the streams that it made on NATS."""

import logging
import secrets
import time

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.database import InTransaction, StoreUnavailable
from jobs.store.tables import INSTALLATION
from progress_lib.nats.streams import OwnerUnknown

LOG = logging.getLogger(__name__)

_MARK = "mark"


class Installation:
    """The installation that a database belongs to (progress_lib.nats.streams.Owner). Any thread."""

    def __init__(self, read: InTransaction, write: InTransaction) -> None:
        self._read = read
        self._write = write
        self._mark = ""

    def open(self) -> None:
        """Reads the mark, which is made with the database. Raises StoreUnavailable."""
        if self._mark:
            return
        try:
            self._mark = self._write(_made_mark)
        except sa.exc.IntegrityError:  # on PostgreSQL another process has just made it
            self._mark = self._read(lambda connection: _noted(connection, _MARK)) or ""

    @property
    def mark(self) -> str:
        """Raises OwnerUnknown where the database was away at the start of the process, and still is."""
        if not self._mark:
            try:
                self.open()
            except StoreUnavailable as error:
                raise OwnerUnknown(
                    "the database, which tells whose streams are ours, does not answer"
                ) from error
        return self._mark

    def has_made(self, stream: str) -> bool:
        """False also while the database does not answer."""
        try:
            return self._read(lambda connection: _noted(connection, _stream(stream))) is not None
        except StoreUnavailable as error:
            LOG.warning("whether the stream %s is ours is not known: %s", stream, error)
            return False

    def note_made(self, stream: str) -> None:
        def note(connection: Connection) -> None:
            if _noted(connection, _stream(stream)) is None:
                _note(connection, _stream(stream), f"{time.time():.0f}")

        try:
            self._write(note)
        except StoreUnavailable as error:
            LOG.warning("that the stream %s is ours is not noted: %s", stream, error)
        except sa.exc.IntegrityError:
            pass  # another process has just noted it


def _stream(name: str) -> str:
    return f"stream {name}"


def _made_mark(connection: Connection) -> str:
    """The mark, which is made where there is none."""
    return _noted(connection, _MARK) or _note(connection, _MARK, secrets.token_hex(8))


def _noted(connection: Connection, name: str) -> str | None:
    query = sa.select(INSTALLATION.c.value).where(INSTALLATION.c.name == name)
    found: str | None = connection.execute(query).scalar()
    return found


def _note(connection: Connection, name: str, value: str) -> str:
    connection.execute(sa.insert(INSTALLATION).values(name=name, value=value))
    return value
