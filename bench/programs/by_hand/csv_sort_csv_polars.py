"""By hand: CSV → sort → CSV, with Polars.   csv_sort_csv_polars.py in.csv out.csv"""

import sys

import polars as pl


def main(source: str, target: str) -> None:
    rows = pl.scan_csv(source, try_parse_dates=True)
    rows.sort("day", "amount", descending=[True, False], nulls_last=True).sink_csv(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
