"""By hand: CSV joined with a small CSV → CSV, with DuckDB.   csv_join_csv.py in.csv out.csv   (beside in.csv lies customers.csv)"""

import sys
from pathlib import Path

import duckdb

SQL = """
SELECT o.*, c.* FROM '{source}' o JOIN '{customers}' c ON o.customer = c.name ORDER BY o.id
"""


def main(source: str, target: str) -> None:
    customers = Path(source).with_name("customers.csv")
    duckdb.execute(f"COPY ({SQL.format(source=source, customers=customers)}) TO '{target}'")


if __name__ == "__main__":
    main(*sys.argv[1:])
