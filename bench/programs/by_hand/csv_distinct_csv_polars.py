"""By hand: CSV → distinct → CSV, with Polars.   csv_distinct_csv_polars.py in.csv out.csv"""

import sys

import polars as pl


def main(source: str, target: str) -> None:
    rows = pl.scan_csv(source, try_parse_dates=True)
    rows.unique(["customer", "country"], keep="first", maintain_order=True).sink_csv(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
