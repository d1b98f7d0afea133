"""What all writers of a program into one database do together: their transaction, the names of new tables, and COMMIT."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import pymysql
from sqlalchemy.engine import URL

from program_lib.databases.lost import ConnectionLost, TransactionLost, asked_again
from program_lib.databases.mysql import catalog
from program_lib.databases.mysql.session import WRITING, Session, quoted_table
from program_lib.databases.names import Table
from program_lib.databases.turns import ClaimedTables, spelled_alike
from program_lib.errors import EndUnknown

WHICH_SERVER = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name"
    " IN ('server_uid', 'server_uuid', 'server_id', 'hostname', 'port', 'datadir', 'socket')"
)


@dataclass
class Transaction:
    """Rows of all its writers stand together, or none does: the transaction of those into tables that are there, and new tables."""

    url: URL
    packet_bytes: int  # of a statement, at most
    rows: Session  # the transaction of append and replace
    server: list[tuple[str, ...]] = field(default_factory=list)  # as WHICH_SERVER tells it
    tables: ClaimedTables = field(default_factory=ClaimedTables)
    new: Session | None = None  # makes and fills new tables
    helpers: dict[Table, Table] = field(
        default_factory=dict
    )  # where a new table is, and where it shall be
    has_rows: bool = False  # whether that transaction changes anything
    lost: TransactionLost | None = None
    is_renamed: bool = False
    is_committed: bool = False
    may_stand: bool = False  # whether nobody knows if it is committed

    def for_new_tables(self) -> Session:
        if self.new is None:
            self.new = Session(self.url, WRITING)
            with suppress(pymysql.Error):  # a first TIMESTAMP would set itself at every UPDATE
                self.new.execute("SET SESSION explicit_defaults_for_timestamp = 1")
        return self.new

    def commit(self) -> None:
        """New tables get their names first: that can fail, and can be taken back."""
        if self.is_committed:
            return
        if self.has_rows:  # whose connection broke until now has committed nothing, for sure
            with self.rows.soon():
                self.rows.execute("DO 1")
        if self.new is not None:
            self._rename(self.new)
            self.is_renamed = True
        if self.has_rows:
            self._commit_rows()
        self.is_committed = True

    def _rename(self, session: Session) -> None:
        """Where the answer is lost, it is looked at what the new tables are called."""
        pairs = [
            f"{quoted_table(made)} TO {quoted_table(place)}" for made, place in self.helpers.items()
        ]
        try:
            session.execute(f"RENAME TABLE {', '.join(pairs)}")
        except ConnectionLost as error:
            is_renamed = asked_again(
                lambda: self._has_names(session), pymysql.Error, TransactionLost
            )
            if is_renamed is None:
                raise EndUnknown(str(error)) from error
            if not is_renamed:
                raise

    def _has_names(self, renaming: Session) -> bool | None:
        """Whether the new tables have their names: all get them in one step. None while the server waits to give them."""
        session = Session(self.url, WRITING)
        try:
            with session.soon():
                # first: it may be done with it just now
                is_at_work = session.sees_at_work(renaming)
                has_names = not catalog.columns(session, next(iter(self.helpers)))
            return has_names or (None if is_at_work else False)
        finally:
            session.close()

    def _commit_rows(self) -> None:
        try:
            self.rows.execute("COMMIT")
        except ConnectionLost as error:
            self.may_stand = True
            raise EndUnknown(str(error)) from error

    def close(self) -> None:
        """Takes back what is not committed. Never raises."""
        self.rows.close()
        if self.new is None:
            return
        self.new.close()
        if not (self.is_committed or self.may_stand):
            with suppress(Exception):
                self._drop_new_tables()

    def _drop_new_tables(self) -> None:
        """They stay where a lock of somebody else's, as a backup's, lasts longer."""
        tables = self.helpers.values() if self.is_renamed else self.helpers.keys()
        session = Session(self.url, WRITING)
        try:
            with session.soon():
                session.execute(f"DROP TABLE IF EXISTS {', '.join(map(quoted_table, tables))}")
        finally:
            session.close()


_OPEN: dict[str, Transaction] = {}  # by the URL as spelled_alike has it


def join_transaction(url: URL) -> Transaction:
    """The transaction of a writer into this database; the first one begins it.

    Outputs that reach one server by two URLs know of each other's tables: one would wait for the other's locks.
    """
    key = spelled_alike(url)
    if key not in _OPEN:
        rows = Session(url, WRITING)
        packet_bytes = int(rows.value("SELECT @@max_allowed_packet"))
        begun = _OPEN[key] = Transaction(url, packet_bytes, rows)
        begun.server = rows.rows(WHICH_SERVER)
        alike = (other for other in _OPEN.values() if other.server == begun.server)
        begun.tables = next(alike).tables
    return _OPEN[key]


def end_transaction(url: URL) -> None:
    """Takes back what is not committed. Harmless where there is no transaction, or none any more."""
    if transaction := _OPEN.pop(key := spelled_alike(url), None):
        transaction.tables.release(key)
        transaction.close()
