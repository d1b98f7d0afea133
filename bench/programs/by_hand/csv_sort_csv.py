"""By hand: CSV → sort → CSV, with DuckDB.   csv_sort_csv.py in.csv out.csv"""

import sys

import duckdb

SQL = """
FROM '{source}' ORDER BY day DESC NULLS LAST, amount NULLS LAST
"""


def main(source: str, target: str) -> None:
    duckdb.execute(f"COPY ({SQL.format(source=source)}) TO '{target}'")


if __name__ == "__main__":
    main(*sys.argv[1:])
