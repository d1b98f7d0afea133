"""By hand: CSV → SQLite, with the csv module and executemany.   csv_sqlite.py in.csv out.db"""

import csv
import sqlite3
import sys
from collections.abc import Iterable, Iterator

CREATE = """
CREATE TABLE t (id INTEGER, customer TEXT, country TEXT, amount DOUBLE, qty INTEGER, price DOUBLE, day DATE, note TEXT)
"""
INSERT = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def typed(rows: Iterable[list[str]]) -> Iterator[tuple[object, ...]]:
    for id_, customer, country, amount, qty, price, day, note in rows:
        yield int(id_), customer, country, float(amount), int(qty), float(price), day, note


def main(source: str, target: str) -> None:
    database = sqlite3.connect(target)
    database.execute(CREATE)
    with open(source, newline="") as read, database:
        rows = csv.reader(read)
        next(rows)
        database.executemany(INSERT, typed(rows))
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
