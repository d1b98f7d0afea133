"""Statements that bring the rows of a batch, which lie in a temporary table, into their table by a key.

Not INSERT … ON DUPLICATE KEY UPDATE into the table itself: that takes any unique key of the table for the one that
is meant, and would change the row of another key without a word. The temporary table has no key but this one.
STRAIGHT_JOIN looks up each of its rows by the key: to read the table from end to end would lock all of its rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from program_lib.databases.keys import Match
from program_lib.databases.mysql.session import Session, quoted, quoted_table
from program_lib.databases.names import Table
from program_lib.write_modes import INSERT_OR_IGNORE, UPDATE, UPSERT


def _token() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Merge:
    """How the batches of one output go into its table. Other statements of the transaction are undone with these."""

    into: Table
    match: Match
    name: str = field(default_factory=lambda: f"batch_{_token()}")  # of the temporary table
    times: str = field(default_factory=lambda: f"times_{_token()}")  # that a key is in a batch

    @property
    def beside(self) -> Table:
        return Table(self.into.schema, self.name, is_near=False)

    def make(self, session: Session, columns: Sequence[str]) -> None:
        """Of the same types and collations; unlike other DDL this does not commit."""
        session.execute(
            f"CREATE TEMPORARY TABLE {quoted_table(self.beside)}"
            f" ({quoted(self.times)} BIGINT NOT NULL DEFAULT 1, UNIQUE KEY ({_names(self.match.key)}))"
            f" ENGINE=InnoDB SELECT {_names(columns)} FROM {quoted_table(self.into)} WHERE FALSE"
        )

    def empty(self, session: Session) -> None:
        session.execute(f"DELETE FROM {quoted_table(self.beside)}")  # TRUNCATE would commit

    @property
    def same_key(self) -> str:
        """Ends an INSERT into the temporary table: what a row does whose key came before.

        A column that is set does not set itself, as one with ON UPDATE CURRENT_TIMESTAMP would.
        """
        kept = [f"{quoted(name)} = {quoted(name)}" for name in self.match.key]
        if self.match.mode != INSERT_OR_IGNORE:
            times = quoted(self.times)
            kept += [f"{quoted(name)} = VALUES({quoted(name)})" for name in self.match.others]
            kept.append(f"{times} = {times} + 1")
        return f" ON DUPLICATE KEY UPDATE {', '.join(kept)}"

    def run(self, session: Session, rows: int) -> int:
        """How many of the rows were found by their key. Raises TransactionLost, or pymysql.Error."""
        if self.match.mode == UPDATE:
            found = self._count(session)
            self._update(session)
            return found
        if self.match.mode == UPSERT:
            self._update(session)
        return rows - self._insert(session)

    def _count(self, session: Session) -> int:
        """Locks the rows that are found, so that they are those which are updated."""
        return int(
            session.value(
                f"SELECT coalesce(sum({quoted('batch', self.times)}), 0)"
                f" FROM {quoted_table(self.beside)} batch STRAIGHT_JOIN {quoted_table(self.into)} target ON {self._same}"
                " FOR UPDATE"
            )
        )

    def _update(self, session: Session) -> None:
        changes = [f"{quoted('target', n)} = {quoted('batch', n)}" for n in self.match.others]
        session.execute(
            f"UPDATE {quoted_table(self.beside)} batch STRAIGHT_JOIN {quoted_table(self.into)} target ON {self._same}"
            f" SET {', '.join(changes)}"
        )

    def _insert(self, session: Session) -> int:
        """How many rows were not there."""
        names = [*self.match.key, *self.match.others]
        values = ", ".join(quoted("batch", name) for name in names)
        return session.execute(
            f"INSERT INTO {quoted_table(self.into)} ({_names(names)})"
            f" SELECT {values} FROM {quoted_table(self.beside)} batch"
            f" LEFT JOIN {quoted_table(self.into)} target ON {self._same}"
            f" WHERE {quoted('target', self.match.key[0])} IS NULL"
        )

    @property
    def _same(self) -> str:
        pairs = [f"{quoted('target', n)} = {quoted('batch', n)}" for n in self.match.key]
        return " AND ".join(pairs)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))
