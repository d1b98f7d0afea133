"""By hand: PostgreSQL → PostgreSQL, the bytes of one COPY passed on to the other.   postgresql_bytes.py URL"""

import sys

import psycopg


def main(url: str) -> None:
    with psycopg.connect(url) as read, psycopg.connect(url) as written:
        written.execute("CREATE TABLE by_hand (LIKE source)")
        with (
            read.cursor().copy("COPY source TO STDOUT") as blocks,
            written.cursor().copy("COPY by_hand FROM STDIN") as copy,
        ):
            for block in blocks:
                copy.write(block)


if __name__ == "__main__":
    main(*sys.argv[1:])
