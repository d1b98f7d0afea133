"""By hand: PostgreSQL → filter + map → PostgreSQL by COPY, row by row in Python.   postgresql_filter_map.py URL"""

import sys

import psycopg

TYPES = ["int8", "text", "text", "numeric", "int4", "numeric", "date", "text"]


def main(url: str) -> None:
    with psycopg.connect(url) as read, psycopg.connect(url) as written:
        written.execute("CREATE TABLE by_hand (LIKE source)")
        written.execute("ALTER TABLE by_hand ADD COLUMN total numeric, ADD COLUMN up text")
        with (
            read.cursor().copy("COPY source TO STDOUT") as rows,
            written.cursor().copy("COPY by_hand FROM STDIN") as copy,
        ):
            rows.set_types(TYPES)
            for row in rows.rows():
                _, customer, country, amount, qty, price, _, _ = row
                if country != "US" and amount > 50:
                    copy.write_row((*row, qty * price, customer.upper()))


if __name__ == "__main__":
    main(*sys.argv[1:])
