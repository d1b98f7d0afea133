"""The tables into which jobs of a soak write: one for each job, since a SQLite file has one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import LiteralString, Protocol

import psycopg
from psycopg import sql

from soak.mariadb import Mariadb

COLUMNS: LiteralString = "(stamp TEXT, n INTEGER)"


class Ledger(Protocol):
    connection: str  # as a node has it
    table: str

    def make(self) -> None: ...

    def rows(self) -> list[tuple[str, int]]:
        """Stamp and number of each row, in any order."""
        ...


class FileLedger:
    """In a SQLite file of each server's DATA_DIR: a run writes where its runner is."""

    def __init__(self, data_dirs: Sequence[Path], name: str) -> None:
        self.connection = f"sqlite:///{name}.db"
        self.table = "ledger"
        self.files = [data_dir / f"{name}.db" for data_dir in data_dirs]

    def make(self) -> None:
        for file in self.files:
            with closing(sqlite3.connect(file)) as database:
                database.execute(f"CREATE TABLE ledger {COLUMNS}")
                database.commit()

    def rows(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for file in self.files:
            with closing(sqlite3.connect(file)) as database:
                found += database.execute("SELECT stamp, n FROM ledger")
        return found


class PostgresqlLedger:
    """In the PostgreSQL that the soak hits."""

    def __init__(self, url: str, connection: str, name: str) -> None:
        self.connection = connection
        self.table = name
        self._url = url
        self._name = sql.Identifier(name)

    def make(self) -> None:
        with psycopg.connect(self._url) as session:
            session.execute(sql.SQL("CREATE TABLE {} ").format(self._name) + sql.SQL(COLUMNS))

    def rows(self) -> list[tuple[str, int]]:
        with psycopg.connect(self._url) as session:
            return session.execute(sql.SQL("SELECT stamp, n FROM {}").format(self._name)).fetchall()


class MariadbLedger:
    """In the MariaDB that the soak hits."""

    def __init__(self, server: Mariadb, connection: str, name: str) -> None:
        self.connection = connection
        self.table = name
        self._server = server

    def make(self) -> None:
        with closing(self._server.connect()) as session:
            session.query(f"CREATE TABLE `{self.table}` {COLUMNS}")

    def rows(self) -> list[tuple[str, int]]:
        with closing(self._server.connect()) as session, session.cursor() as cursor:
            cursor.execute(f"SELECT stamp, n FROM `{self.table}`")  # noqa: S608  a name of ours
            return list(cursor.fetchall())


def by_stamp(ledger: Ledger) -> dict[str, list[int]]:
    """Stamp → the row numbers that were written with it, in any order."""
    found: dict[str, list[int]] = {}
    for stamp, number in ledger.rows():
        found.setdefault(stamp, []).append(number)
    return found
