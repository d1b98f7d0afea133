"""By hand: CSV → aggregate → CSV, with Polars.   csv_aggregate_csv_polars.py in.csv out.csv"""

import sys

import polars as pl


def main(source: str, target: str) -> None:
    rows = pl.scan_csv(source, try_parse_dates=True)
    groups = rows.group_by("customer", "country", "day").agg(
        orders=pl.len(), pieces=pl.col("qty").sum(), most=pl.col("amount").max()
    )
    groups.sink_csv(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
