"""By hand: SQLite → filter + map → SQLite, row by row in Python.   sqlite_filter_map_sqlite.py in.db out.db"""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from typing import Any

CREATE = """
CREATE TABLE t (
    id INTEGER, customer TEXT, country TEXT, amount DECIMAL(10,2), qty INTEGER, price DECIMAL(10,2), day DATE, note TEXT,
    total DECIMAL(28,2), up TEXT
)
"""
INSERT = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def worked(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        _, customer, country, amount, qty, price, _, _ = row
        if country != "US" and amount > 50:
            yield (*row, qty * price, customer.upper())


def main(source: str, target: str) -> None:
    read, written = sqlite3.connect(source), sqlite3.connect(target)
    written.execute(CREATE)
    with written:
        written.executemany(INSERT, worked(read.execute("SELECT * FROM t")))
    written.close()
    read.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
