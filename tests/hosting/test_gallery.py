"""Each job of the gallery computes what SQL computes over the same shop."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from hosting.start.sample import make_shop_database
from jobs.graph.gallery import (
    BEST_CUSTOMERS,
    GALLERY,
    MAILING_LISTS,
    ORDERS_TO_LOOK_AT,
    SALES_BY_MONTH,
    GalleryJob,
)
from jobs.graph.notes import notes_of
from jobs.graph.parsing import parse_graph
from tests.programs import rows_of, run

SOLD = "o.status IN ('paid', 'shipped')"
CENTS = "CAST(round(i.quantity * i.price * 100) AS INTEGER)"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shop")
    make_shop_database(directory / "shop.db", orders=2_000)
    return directory


def run_in(shop: Path, job: GalleryJob) -> None:
    done = run(job.document()["graph"], shop)
    assert done.code == 0, done.stderr


def csv_rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def asked(shop: Path, query: str) -> list[tuple[Any, ...]]:
    return rows_of(shop / "shop.db", query)


@pytest.mark.parametrize("job", GALLERY, ids=lambda job: job.name)
def test_a_job_of_the_gallery_opens_without_a_fault_or_a_warning(job: GalleryJob) -> None:
    graph = job.document()["graph"]
    parse_graph(graph)
    assert list(notes_of(graph)) == []
    places = [(node["position"]["x"], node["position"]["y"]) for node in graph["nodes"]]
    assert len(set(places)) == len(places)


def test_sales_by_month(shop: Path) -> None:
    run_in(shop, SALES_BY_MONTH)
    sums = ", ".join(
        f"sum(CASE p.category WHEN '{category}' THEN {CENTS} END)"
        for category in ("Coffee", "Kitchen", "Garden", "Office", "Outdoor")
    )
    expected = asked(
        shop,
        f"SELECT substr(o.ordered_at, 1, 7), {sums} FROM order_items i JOIN orders o ON o.id = i.order_id"
        f" JOIN products p ON p.id = i.product_id WHERE {SOLD} GROUP BY 1 ORDER BY 1 DESC",
    )
    written = [
        (month, *(int(Decimal(amount) * 100) if amount else None for amount in amounts))
        for month, *amounts in csv_rows(shop / "sales_by_month.csv")
    ]
    assert len(written) > 30
    assert written == expected


def test_best_customers(shop: Path) -> None:
    run_in(shop, BEST_CUSTOMERS)
    expected = asked(
        shop,
        "SELECT * FROM (SELECT country, rank() OVER (PARTITION BY country ORDER BY turnover DESC) AS place,"
        " id, name, orders, turnover FROM (SELECT c.id, c.name, c.country, count(DISTINCT o.id) AS orders,"
        f" sum({CENTS}) AS turnover FROM order_items i JOIN orders o ON o.id = i.order_id"
        f" JOIN customers c ON c.id = o.customer_id WHERE {SOLD} GROUP BY c.id))"
        " WHERE place <= 3 ORDER BY country, place, id",
    )
    written = [
        (
            *(row["country"], row["place"], row["id"], row["name"], row["orders"]),
            int(row["turnover"] * 100),
        )
        for row in pyarrow.parquet.read_table(shop / "best_customers.parquet").to_pylist()
    ]
    assert len(written) >= 20
    assert written == expected


def test_mailing_lists(shop: Path) -> None:
    run_in(shop, MAILING_LISTS)
    expected = asked(
        shop,
        "SELECT email, substr(name, 1, instr(name, ' ') - 1), name, city, country, joined_on FROM customers ORDER BY id",
    )
    home = [tuple(row) for row in csv_rows(shop / "mailing_home.csv")]
    with gzip.open(shop / "mailing_abroad.ndjson.gz", "rt", encoding="utf-8") as file:
        abroad = [tuple(json.loads(line).values()) for line in file]
    assert [(*row[:4], row[5]) for row in home] == [
        (*row[:4], row[5]) for row in expected if row[4] == "de"
    ]
    assert [(*row[:4], row[5]) for row in abroad] == [
        (*row[:4], row[5]) for row in expected if row[4] != "de"
    ]
    assert {row[4] for row in home} == {"Germany"}
    assert {row[4] for row in abroad} == {
        *("France", "Netherlands", "Austria", "Poland", "Spain", "Sweden", "Italy")
    }


def test_orders_to_look_at(shop: Path) -> None:
    run_in(shop, ORDERS_TO_LOOK_AT)
    found = {
        "quantity": "i.quantity >= 12",
        "discount": "o.discount >= 25",
        "pending": "o.status = 'pending'",
    }
    findings = " + ".join(f"max({condition})" for condition in found.values())
    anything = " OR ".join(found.values())
    expected = asked(
        shop,
        f"SELECT o.id, {findings} AS findings, sum({anything}) FROM order_items i"
        f" JOIN orders o ON o.id = i.order_id GROUP BY o.id HAVING findings > 0 ORDER BY 2 DESC, 1",
    )
    written = [
        (int(order), int(findings), int(lines))
        for order, _, _, findings, lines in csv_rows(shop / "orders_to_look_at.csv")
    ]
    assert {row[1] for row in written} >= {1, 2}
    assert written == expected
