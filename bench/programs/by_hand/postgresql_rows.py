"""By hand: PostgreSQL → PostgreSQL by COPY, row by row in Python.   postgresql_rows.py URL"""

import sys

import psycopg

TYPES = ["int8", "text", "text", "numeric", "int4", "numeric", "date", "text"]


def main(url: str) -> None:
    with psycopg.connect(url) as read, psycopg.connect(url) as written:
        written.execute("CREATE TABLE by_hand (LIKE source)")
        with (
            read.cursor().copy("COPY source TO STDOUT") as rows,
            written.cursor().copy("COPY by_hand FROM STDIN") as copy,
        ):
            rows.set_types(TYPES)
            for row in rows.rows():
                copy.write_row(row)


if __name__ == "__main__":
    main(*sys.argv[1:])
