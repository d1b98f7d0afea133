"""By hand: CSV → aggregate → CSV, with DuckDB.   csv_aggregate_csv.py in.csv out.csv"""

import sys

import duckdb

SQL = """
SELECT customer, country, day, count(*) AS orders, sum(qty) AS pieces, max(amount) AS most
FROM '{source}' GROUP BY ALL
"""


def main(source: str, target: str) -> None:
    duckdb.execute(f"COPY ({SQL.format(source=source)}) TO '{target}'")


if __name__ == "__main__":
    main(*sys.argv[1:])
