"""By hand: CSV → distinct → CSV, with DuckDB.   csv_distinct_csv.py in.csv out.csv"""

import sys

import duckdb

SQL = """
SELECT DISTINCT ON (customer, country) * FROM '{source}' ORDER BY id
"""


def main(source: str, target: str) -> None:
    duckdb.execute(f"COPY ({SQL.format(source=source)}) TO '{target}'")


if __name__ == "__main__":
    main(*sys.argv[1:])
