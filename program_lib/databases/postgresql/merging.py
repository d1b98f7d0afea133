"""Statements that bring the rows of a batch, which lie in a table beside, into their table by a key.

Of rows with the same key in one batch the last one wins, as PostgreSQL's equality of that column says what is the
same; `insert_or_ignore` keeps the first. Each statement tells how many rows were found by their key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from program_lib.databases.keys import Match
from program_lib.databases.names import Table
from program_lib.databases.postgresql.session import Session, quoted, quoted_table
from program_lib.write_modes import INSERT_OR_IGNORE, UPDATE, UPSERT


def _token() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Merge:
    """How the batches of one output go into its table."""

    into: Table
    match: Match
    equal: Mapping[str, str]  # the operator that compares a column of the key
    tells_new: bool  # whether a row says that it was inserted: not one of a partition
    beside: Table = field(
        default_factory=lambda: Table("pg_temp", f"rows_{_token()}", is_near=False)
    )
    number: str = field(default_factory=lambda: f"number_{_token()}")  # of a row in its batch
    times: str = field(default_factory=lambda: f"times_{_token()}")  # that a key is in a batch

    def making(self, columns: Sequence[str]) -> list[str]:
        """Makes the table beside, of the same types and collations."""
        beside = quoted(self.beside.name)
        return [
            f"CREATE TEMP TABLE {beside} ON COMMIT DROP AS"
            f" SELECT {_names(columns)} FROM {quoted_table(self.into)} WITH NO DATA",
            f"ALTER TABLE {quoted_table(self.beside)}"
            f" ADD COLUMN {quoted(self.number)} bigint GENERATED ALWAYS AS IDENTITY",
        ]

    def empty(self, session: Session) -> None:
        session.execute(f"TRUNCATE {quoted_table(self.beside)}")

    def run(self, session: Session, rows: int) -> int | None:
        """How many of the rows beside were found by their key; None where that cannot be told. Raises psycopg.Error."""
        return _RUN[self.match.mode](self, session, rows)

    def upsert(self, session: Session, rows: int) -> int | None:
        names = _names(self.match.written)
        changes = ", ".join(f"{quoted(n)} = excluded.{quoted(n)}" for n in self.match.others)
        is_new = "target.xmax = 0" if self.tells_new else "NULL::boolean"
        [(missing, new)] = session.rows(
            f"WITH {self._latest()}, done AS ("
            f"INSERT INTO {quoted_table(self.into)} AS target ({names}) SELECT {names} FROM latest"
            f" ON CONFLICT ({_names(self.match.key)}) DO UPDATE SET {changes}"
            f" RETURNING {is_new} AS is_new)"
            " SELECT (SELECT count(*) FROM latest) - count(*), count(*) FILTER (WHERE is_new) FROM done"
        )
        # a trigger may have kept rows out, of which nobody knows whether they were found
        return rows - int(new) if self.tells_new and not missing else None

    def update(self, session: Session, rows: int) -> int | None:
        changes = ", ".join(f"{quoted(n)} = {quoted('latest', n)}" for n in self.match.others)
        found = " AND ".join(
            f"{quoted('target', n)} {self.equal[n]} {quoted('latest', n)}" for n in self.match.key
        )
        times = quoted(self.times)
        return int(
            session.value(
                f"WITH {self._latest()}, done AS ("
                f"UPDATE {quoted_table(self.into)} AS target SET {changes} FROM latest WHERE {found}"
                f" RETURNING latest.{times})"
                f" SELECT coalesce(sum({times}), 0) FROM done"
            )
        )

    def insert_or_ignore(self, session: Session, rows: int) -> int | None:
        names = _names(self.match.written)
        new = session.value(
            f"WITH done AS (INSERT INTO {quoted_table(self.into)} ({names})"
            f" SELECT {names} FROM {quoted_table(self.beside)} ORDER BY {quoted(self.number)}"
            f" ON CONFLICT ({_names(self.match.key)}) DO NOTHING RETURNING 1)"
            " SELECT count(*) FROM done"
        )
        return rows - int(new)

    def _latest(self) -> str:
        """Of rows with the same key the last, with the key as the first one spells it, and how many they are."""
        key, number = _names(self.match.key), quoted(self.number)
        first = [f"first_value({quoted(n)}) OVER same AS {quoted(n)}" for n in self.match.key]
        names = ", ".join([*first, *map(quoted, self.match.others)])
        return (
            f"latest AS MATERIALIZED (SELECT DISTINCT ON ({key}) {names},"
            f" count(*) OVER same AS {quoted(self.times)} FROM {quoted_table(self.beside)}"
            f" WINDOW same AS (PARTITION BY {key} ORDER BY {number}"
            " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
            f" ORDER BY {key}, {number} DESC)"
        )


_RUN: dict[str, Callable[[Merge, Session, int], int | None]] = {
    UPSERT: Merge.upsert,
    UPDATE: Merge.update,
    INSERT_OR_IGNORE: Merge.insert_or_ignore,
}


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))
