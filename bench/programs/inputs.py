"""Rows to move: 8 columns, the same ones each time, as a CSV file, a database of SQLite and a table of PostgreSQL;
and customers to join them with."""

from __future__ import annotations

import csv
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg

CUSTOMERS = 5_000
NAMES = ("id", "customer", "country", "amount", "qty", "price", "day", "note")
CREATE = """
CREATE TABLE {table} (
    id {big}, customer TEXT, country TEXT, amount DECIMAL(10,2), qty INTEGER, price DECIMAL(10,2), day DATE, note TEXT
)
"""

Row = tuple[int, str, str, float, int, float, str, str]


def rows(count: int) -> Iterator[Row]:
    chance = random.Random(1)
    for number in range(count):
        yield (
            number,
            f"customer {number % CUSTOMERS}",
            chance.choice(("DE", "FR", "US", "IT")),
            round(chance.random() * 500, 2),
            number % 9,
            round(chance.random() * 90, 2),
            f"2026-0{number % 9 + 1}-1{number % 9}",
            "a note, with comma" if number % 10 == 0 else "plain text",
        )


def make_csv(path: Path, count: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(NAMES)
        writer.writerows(rows(count))


def make_customers(path: Path) -> None:
    """One line for each customer that the rows name, and as many that they do not."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "segment", "since"))
        for number in range(2 * CUSTOMERS):
            writer.writerow((f"customer {number}", f"segment {number % 12}", "2020-01-02"))


def make_sqlite(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(CREATE.format(table="t", big="INTEGER"))
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows(count))


def make_postgresql(url: str, count: int) -> None:
    with psycopg.connect(url) as database:
        database.execute(CREATE.format(table="source", big="BIGINT"))
        with database.cursor().copy("COPY source FROM STDIN") as copy:
            for row in rows(count):
                copy.write_row(row)
