"""By hand: CSV → filter + map → CSV, with the csv module.   csv_filter_map_csv.py in.csv out.csv"""

import csv
import sys


def main(source: str, target: str) -> None:
    with open(source, newline="") as read, open(target, "w", newline="") as written:
        rows = csv.reader(read)
        names = next(rows)
        country, amount, qty, price, customer = map(
            names.index, ("country", "amount", "qty", "price", "customer")
        )
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow([*names, "total", "up"])
        for row in rows:
            if row[country] != "US" and float(row[amount]) > 50:
                total = int(row[qty]) * float(row[price])
                writer.writerow([*row, total, row[customer].upper()])


if __name__ == "__main__":
    main(*sys.argv[1:])
