"""The sample: a shop's database with three years of orders, and a job that makes a report of them.

Both are made at the first start, so that there is a real job to run. The same seed gives the same rows.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from jobs.graph.gallery import ORDER_REPORT, SHOP_DATABASE

ORDERS = 200_000
SEED = 2026

FIRST_DAY = datetime(2023, 1, 1)
DAYS = 1_096  # three years, one of them a leap year
BATCH = 10_000  # orders between two lines of progress

SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    city TEXT NOT NULL,
    joined_on TEXT NOT NULL
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    price REAL NOT NULL CHECK (price > 0)
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    status TEXT NOT NULL CHECK (status IN ('paid', 'shipped', 'pending', 'cancelled', 'refunded')),
    ordered_at TEXT NOT NULL,
    discount REAL NOT NULL DEFAULT 0 CHECK (discount BETWEEN 0 AND 100)
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price REAL NOT NULL,
    PRIMARY KEY (order_id, line)
) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX orders_by_day ON orders (ordered_at);
"""

CITIES = {
    "de": ("Berlin", "Hamburg", "Köln", "Leipzig", "München"),
    "fr": ("Bordeaux", "Lyon", "Nantes", "Paris"),
    "nl": ("Amsterdam", "Rotterdam", "Utrecht"),
    "at": ("Graz", "Salzburg", "Wien"),
    "pl": ("Gdańsk", "Kraków", "Łódź", "Warszawa"),
    "es": ("Barcelona", "Madrid", "Sevilla"),
    "se": ("Göteborg", "Malmö", "Stockholm"),
    "it": ("Bologna", "Milano", "Roma"),
}
COUNTRY_WEIGHTS = (30, 18, 10, 8, 12, 9, 6, 7)
FIRST_NAMES = [
    "Anna",
    "Ben",
    "Chiara",
    "David",
    "Elif",
    "Finn",
    "Greta",
    "Hugo",
    "Ines",
    "Jan",
    "Karin",
    "Luis",
    "Marta",
    "Nils",
    "Olga",
    "Paul",
    "Rosa",
    "Sven",
    "Tereza",
    "Viktor",
]
LAST_NAMES = [
    "Almeida",
    "Bakker",
    "Costa",
    "Dubois",
    "Eriksson",
    "Fischer",
    "García",
    "Hoffmann",
    "Iversen",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novák",
    "O'Brien",
    "Petit",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Vogel",
    "Weber",
    "Zieliński",
]
CATEGORIES = {
    "Coffee": (
        ("Espresso beans", 14.9),
        ("Filter beans", 12.5),
        ("Cold brew", 4.2),
        ("Capsules", 6.8),
    ),
    "Kitchen": (
        ("Chef's knife", 79.0),
        ("Cast iron pan", 54.5),
        ("Mixing bowl", 18.9),
        ("Whisk", 9.4),
    ),
    "Garden": (
        ("Watering can", 24.0),
        ("Pruning shears", 32.9),
        ("Seed box", 7.5),
        ("Planter", 41.0),
    ),
    "Office": (
        ("Notebook", 5.9),
        ("Desk lamp", 64.0),
        ("Fountain pen", 38.5),
        ("Paper tray", 16.2),
    ),
    "Outdoor": (("Tent", 219.0), ("Head torch", 34.9), ("Thermos", 27.5), ("Sleeping mat", 58.0)),
}
VARIANTS = ("Classic", "Small", "Large", "Blue", "Red", "Natural")
STATUSES = ("paid", "shipped", "pending", "cancelled", "refunded")
STATUS_WEIGHTS = (22, 60, 6, 8, 4)
DISCOUNTS = (0.0, 5.0, 10.0, 15.0, 25.0)
DISCOUNT_WEIGHTS = (70, 10, 12, 5, 3)
LINES, LINE_WEIGHTS = (1, 2, 3, 4), (60, 25, 10, 5)
QUANTITIES, QUANTITY_WEIGHTS = (1, 2, 3, 4, 6, 12), (62, 20, 8, 5, 3, 2)
MONTH_WEIGHTS = (8, 7, 8, 8, 8, 8, 7, 7, 8, 9, 13, 16)  # people buy before Christmas


class JobStore(Protocol):
    """The methods of the job store that the sample needs."""

    def jobs(self, tenant_id: str) -> Sequence[Any]: ...

    def create_job(self, tenant_id: str, name: str, graph: dict[str, Any]) -> Any: ...


def ensure_sample(
    store: JobStore,
    data_dir: Path | str,
    tenant_id: str,
    orders: int = ORDERS,
    *,
    database: str = "",
) -> None:
    """Make the shop's database if it is missing, and the sample job if the tenant never had a job.

    `database`: the URL of the database that holds the jobs. A note beside the shop says that this database got
    the sample, so that a deleted sample job does not come back. Any number of processes may call this at once:
    a file lock lets them in one after another.
    """
    data_dir = Path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    with _lock(data_dir / ".sample.lock"):
        make_shop_database(data_dir / SHOP_DATABASE, orders)
        given_to = hashlib.sha256(f"{tenant_id} {database}".encode()).hexdigest()[:16]
        note = data_dir / f".sample.{given_to}"
        if not note.exists() and not store.jobs(tenant_id):
            sample = ORDER_REPORT.document()
            store.create_job(tenant_id, sample["name"], sample["graph"])
        note.touch()


def make_shop_database(path: Path | str, orders: int = ORDERS, seed: int = SEED) -> Path:
    """Make the shop's SQLite database if it is missing. The file appears only when it is complete."""
    path = Path(path)
    if path.exists():
        return path
    handle, made = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        with closing(sqlite3.connect(made, isolation_level=None)) as database:
            _fill(database, orders, random.Random(seed))
        os.replace(made, path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
    return path


def _fill(database: sqlite3.Connection, orders: int, chance: random.Random) -> None:
    database.execute("PRAGMA synchronous=OFF")  # safe: a file half made is thrown away
    database.execute("PRAGMA journal_mode=OFF")
    database.executescript(SCHEMA)
    customers = max(orders // 10, 1)
    prices = dict(_insert_products(database, chance))
    database.execute("BEGIN")
    database.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", _customers(customers, chance)
    )
    progress = _Progress(orders)
    for first in range(1, orders + 1, BATCH):
        numbers = range(first, min(first + BATCH, orders + 1))
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)", _orders(numbers, customers, orders, chance)
        )
        database.executemany(
            "INSERT INTO order_items VALUES (?, ?, ?, ?, ?)", _items(numbers, prices, chance)
        )
        progress.show(numbers[-1])
    database.execute("COMMIT")
    database.executescript(INDEXES)
    progress.end()


def _insert_products(
    database: sqlite3.Connection, chance: random.Random
) -> Iterator[tuple[int, float]]:
    number = 0
    for category, products in CATEGORIES.items():
        for product, price in products:
            for variant in VARIANTS:
                number += 1
                own_price = round(price * chance.uniform(0.8, 1.3), 2)
                row = (
                    number,
                    f"{category[:2].upper()}-{number:04}",
                    f"{product}, {variant}",
                    category,
                    own_price,
                )
                database.execute("INSERT INTO products VALUES (?, ?, ?, ?, ?)", row)
                yield number, own_price


def _customers(count: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    countries = chance.choices(list(CITIES), COUNTRY_WEIGHTS, k=count)
    for number, country in enumerate(countries, 1):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        joined = FIRST_DAY - timedelta(days=chance.randrange(1_500))
        email = f"{first}.{last}.{number}@example.com".lower().replace("'", "")
        yield (
            number,
            f"{first} {last}",
            email,
            country,
            chance.choice(CITIES[country]),
            f"{joined:%Y-%m-%d}",
        )


def _orders(
    numbers: range, customers: int, orders: int, chance: random.Random
) -> Iterator[tuple[Any, ...]]:
    statuses = chance.choices(STATUSES, STATUS_WEIGHTS, k=len(numbers))
    discounts = chance.choices(DISCOUNTS, DISCOUNT_WEIGHTS, k=len(numbers))
    for number, status, discount in zip(numbers, statuses, discounts, strict=True):
        # Some customers come back often: the square gives a quarter of them half of the orders.
        customer = 1 + int(customers * chance.random() ** 2)
        yield number, customer, status, _moment(number / orders, chance), discount


def _moment(share: float, chance: random.Random) -> str:
    """The time of an order. Later numbers are later; there are more orders in some months and hours."""
    total = DAYS / 365.25
    year, rest = divmod(min(share, 0.999999) * total, 1)
    month, within = _month(rest)
    day = FIRST_DAY.replace(year=FIRST_DAY.year + int(year), month=month)
    hour = min(23, max(0, int(chance.gauss(15, 4))))
    at = day + timedelta(days=int(within * 28), hours=hour, seconds=int(chance.random() * 3_600))
    return at.isoformat(" ")


def _month(share: float) -> tuple[int, float]:
    """The month in which a share of the year's orders is reached, and how far into that month."""
    left = share * sum(MONTH_WEIGHTS)
    for month, weight in enumerate(MONTH_WEIGHTS, 1):
        if left < weight:
            return month, left / weight
        left -= weight
    return 12, 0.99


def _items(
    numbers: range, prices: dict[int, float], chance: random.Random
) -> Iterator[tuple[Any, ...]]:
    products = list(prices)
    counts = chance.choices(LINES, LINE_WEIGHTS, k=len(numbers))
    quantities = iter(chance.choices(QUANTITIES, QUANTITY_WEIGHTS, k=sum(counts)))
    for number, count in zip(numbers, counts, strict=True):
        for line in range(1, count + 1):
            quantity = next(quantities)
            product = products[int(chance.random() * len(products))]
            yield number, line, product, quantity, prices[product]


class _Progress:
    """Progress on stderr: one line that changes on a terminal, else two plain lines."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = time.monotonic()
        self._moves = sys.stderr.isatty()
        if not self._moves:
            print(f"making the sample shop: {total:,} orders", file=sys.stderr, flush=True)

    def show(self, done: int) -> None:
        if self._moves:
            line = f"\rmaking the sample shop: {done:,} of {self._total:,} orders"
            print(line, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        took = time.monotonic() - self._started
        start = "\r\x1b[K" if self._moves else ""
        print(
            f"{start}the sample shop is made: {self._total:,} orders in {took:.1f} s",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the file's lock. The system frees it whenever the process ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
