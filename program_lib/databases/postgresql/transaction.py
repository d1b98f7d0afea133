"""The one transaction that all writers of a program have with a database: its savepoints, and what became of its COMMIT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from sqlalchemy.engine import URL

from program_lib.databases.around import AroundAll
from program_lib.databases.lost import asked_again
from program_lib.databases.postgresql.refusals import OF_A_CONNECTION, is_operational
from program_lib.databases.postgresql.session import READING, WRITING, Session, words
from program_lib.databases.turns import ClaimedTables, spelled_alike
from program_lib.errors import EndUnknown, TargetFailed

# How long one of two transactions of a program waits for a lock. The other's, as of a row of the same key, or of one that a
# row refers to, it would wait for for ever; those of other runs it gives as long as most of them take
PATIENCE = "5min"
WHICH_DATABASE = "SELECT pg_postmaster_start_time()::text, current_database()"


@dataclass
class Transaction:
    """Rows of all its writers stand together, or none does."""

    url: URL
    session: Session
    database: tuple[str, ...] = ()  # as WHICH_DATABASE tells it
    tables: ClaimedTables = field(default_factory=ClaimedTables)
    around: AroundAll = field(default_factory=AroundAll)
    lost: Exception | None = None  # why there is no connection, or no transaction, any more
    _is_committed: bool = False

    def bound_waits(self) -> None:
        """Bounds the waits of all transactions that write into this database, where there are several, unless the server does."""
        beside = [other for other in _OPEN.values() if other.tables is self.tables]
        if len(beside) > 1:
            for each in beside:
                each.session.rows(
                    "SELECT set_config('lock_timeout', %s, true) WHERE current_setting('lock_timeout') = '0'",
                    [PATIENCE],
                )

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails within is undone alone, so that other rows may be tried; not when the connection is lost, to us or a proxy.

        Raises TargetFailed where a lost one is told by a code that rows have, too: a time-out of PostgreSQL's is an InternalError.
        """
        if self.lost is not None:
            raise self.lost
        try:
            self.session.execute("SAVEPOINT batch")
            yield
            self.session.execute("RELEASE SAVEPOINT batch")
        except Exception as error:
            if not self.session.is_in_transaction:
                self.lost = error
                if isinstance(error, psycopg.Error) and not is_operational(error):
                    self.lost = TargetFailed(words(error))
                    raise self.lost from error
                raise
            # a savepoint that stays would hold the next one, and the server has a lock for each
            self.session.execute("ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch")
            raise

    def finish(self, after: Callable[[], None]) -> None:
        """A writer changes no more rows. Once none does, constraints are checked: what others change at their end counts, too."""
        if self.around.finish(after):
            self.session.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def commit(self) -> None:
        """Once, for all writers. Raises psycopg.Error where nothing is committed, EndUnknown where nobody knows."""
        if self._is_committed:
            return
        number = self._number()
        try:
            self.session.execute("COMMIT")
        except psycopg.Error as error:
            is_cut = (error.sqlstate or "").startswith(OF_A_CONNECTION)
            if not (is_cut or self.session.connection.closed):
                raise
            self._check_is_committed(number, error)
        self._is_committed = True

    def _number(self) -> int | None:
        """By which the server knows the transaction; None where it does not tell."""
        try:
            with self.savepoint():
                number = self.session.value("SELECT txid_current_if_assigned()")
        except psycopg.Error:
            if self.lost is not None:  # a COMMIT would say nothing
                raise
            return None
        return None if number is None else int(number)

    def _check_is_committed(self, number: int | None, error: psycopg.Error) -> None:
        """The answer to COMMIT was lost: the server is asked. Raises the error where nothing is committed, else EndUnknown."""
        is_committed = None
        if number is not None:
            is_committed = asked_again(lambda: self._became(number), psycopg.Error)
        if is_committed is None:
            raise EndUnknown(words(error)) from error
        if not is_committed:
            raise error

    def _became(self, number: int) -> bool | None:
        """Whether the transaction is committed; None while it goes on."""
        session = Session(self.url, READING)
        try:
            status = session.value("SELECT txid_status(%s)", [number])
        finally:
            session.close()
        return {"committed": True, "aborted": False}.get(status)


_OPEN: dict[str, Transaction] = {}  # by the URL as spelled_alike has it


def join_transaction(url: URL) -> Transaction:
    """The transaction of a writer into this database; the first one begins it.

    Outputs that reach one database by two URLs know of each other's tables: they would wait for each other for ever.
    """
    key = spelled_alike(url)
    if key not in _OPEN:
        begun = _OPEN[key] = Transaction(url, Session(url, WRITING))
        [begun.database] = begun.session.rows(WHICH_DATABASE)
        alike = (other for other in _OPEN.values() if other.database == begun.database)
        begun.tables = next(alike).tables
    return _OPEN[key]


def end_transaction(url: URL) -> None:
    """Takes back what is not committed. Harmless where there is no transaction, or none any more."""
    if transaction := _OPEN.pop(key := spelled_alike(url), None):
        transaction.tables.release(key)
        transaction.session.close()
