"""By hand: SQLite → SQLite, from one cursor into executemany.   sqlite_sqlite.py in.db out.db"""

import sqlite3
import sys

CREATE = """
CREATE TABLE t (
    id INTEGER, customer TEXT, country TEXT, amount DECIMAL(10,2), qty INTEGER, price DECIMAL(10,2), day DATE, note TEXT
)
"""
INSERT = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def main(source: str, target: str) -> None:
    read, written = sqlite3.connect(source), sqlite3.connect(target)
    written.execute(CREATE)
    with written:
        written.executemany(INSERT, read.execute("SELECT * FROM t"))
    written.close()
    read.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
