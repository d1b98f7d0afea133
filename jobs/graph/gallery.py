"""The gallery: jobs over the sample shop's data, to start from. A new tenant has the first one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from jobs.graph.engine import ENGINE

SHOP_DATABASE = "shop.db"  # in DATA_DIR; hosting/start/sample.py makes it
# A database of its own, so that people can read the shop while the report is written
REPORT_DATABASE = "report.db"

ACROSS, DOWN = 280, 150  # pixels from one node to the next on the canvas
MARGIN = (40, 120)
Edge = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class GalleryJob:
    """A job that somebody may begin with."""

    name: str
    about: str  # a sentence: what it makes, and of what
    nodes: tuple[dict[str, Any], ...]
    edges: tuple[Edge, ...]
    parameters: tuple[dict[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """This job as `POST /api/jobs` takes it, and what it is about."""
        graph: dict[str, Any] = {"nodes": list(self.nodes), "edges": list(self.edges)}
        if self.parameters:
            graph["parameters"] = list(self.parameters)
        graph["engine"] = ENGINE
        return {"name": self.name, "about": self.about, "graph": graph}


def gallery_document() -> list[dict[str, Any]]:
    """All jobs of the gallery as JSON."""
    return [job.document() for job in GALLERY]


def _node(
    node_id: int, node_type: str, name: str, place: tuple[float, float], **config: Any
) -> dict[str, Any]:
    """A node; `place` counts columns and rows of the canvas."""
    x, y = MARGIN[0] + ACROSS * place[0], MARGIN[1] + DOWN * place[1]
    return {
        "id": node_id,
        "type": node_type,
        "name": name,
        "config": config,
        "position": {"x": x, "y": y},
    }


def _chain(*node_ids: int) -> Iterable[Edge]:
    return [{"from": source, "to": target} for source, target in pairwise(node_ids)]


def _computed(**expressions: str) -> list[dict[str, str]]:
    """The columns of a Map."""
    return [{"column": name, "expression": text} for name, text in expressions.items()]


def _shop(node_id: int, name: str, place: tuple[float, float], sql: str) -> dict[str, Any]:
    connection = f"sqlite:///{SHOP_DATABASE}"
    return _node(node_id, "db_input", name, place, connection=connection, sql=sql)


SOLD = "status in ('paid', 'shipped')"
LINES_SQL = """\
SELECT i.order_id, i.line, o.ordered_at, o.status, o.discount,
       c.name AS customer, c.country, c.city,
       p.name AS product, p.category, i.quantity, i.price
FROM order_items AS i
JOIN orders AS o ON o.id = i.order_id
JOIN customers AS c ON c.id = o.customer_id
JOIN products AS p ON p.id = i.product_id"""

ORDER_REPORT = GalleryJob(
    name="Order report",
    about="Reads the lines of all orders, keeps what was sold, computes amounts, and writes a table of a database.",
    nodes=(
        _shop(1, "DB Input", (0, 0), LINES_SQL),
        _node(2, "filter", "Filter", (1, 0), condition=f"{SOLD} and quantity * price >= 10"),
        _node(
            *(3, "map", "Map", (2, 0)),
            columns=_computed(
                country="upper(country)",
                month="ordered_at[:7]",
                gross="round(quantity * price, 2)",
                net="round(quantity * price * (1 - discount / 100), 2)",
            ),
            keep=["order_id", "line", "customer", "product", "category", "quantity"],
        ),
        _node(
            *(4, "db_output", "DB Output", (3, 0)),
            connection=f"sqlite:///{REPORT_DATABASE}",
            table="order_report",
            mode="replace",
        ),
    ),
    edges=tuple(_chain(1, 2, 3, 4)),
)

SALES_BY_MONTH = GalleryJob(
    name="Sales by month",
    about="Sums what was sold since a day by month and category, with a column for each category, the newest month first.",
    parameters=(
        {
            "name": "since",
            "type": "date",
            "default": "2023-01-01",
            "help": "Orders of this day and later count",
        },
    ),
    nodes=(
        _shop(1, "Order lines", (0, 0), f"{LINES_SQL}\nWHERE o.ordered_at >= :since"),
        _node(2, "filter", "Sold", (1, 0), condition=SOLD),
        _node(
            *(3, "map", "Month and amount", (2, 0)),
            columns=_computed(month="ordered_at[:7]", amount="decimal(quantity * price, 12, 2)"),
            keep=["category"],
        ),
        _node(
            *(4, "pivot", "By category", (3, 0)),
            by=["month"],
            names="category",
            values=["Coffee", "Kitchen", "Garden", "Office", "Outdoor"],
            function="sum",
            column="amount",
        ),
        _node(
            *(5, "sort", "Newest first", (4, 0)),
            by=[{"column": "month", "direction": "desc"}],
        ),
        _node(6, "csv_output", "sales_by_month.csv", (5, 0), path="sales_by_month.csv"),
    ),
    edges=tuple(_chain(1, 2, 3, 4, 5, 6)),
)

BEST_CUSTOMERS = GalleryJob(
    name="Best customers",
    about="Sums each customer's orders, joins their names, ranks them within their country, and keeps the first three.",
    nodes=(
        _shop(
            *(1, "Order lines", (0, 0)),
            "SELECT o.customer_id, o.id AS order_id, o.status, i.quantity, i.price\n"
            "FROM order_items AS i JOIN orders AS o ON o.id = i.order_id",
        ),
        _node(2, "filter", "Sold", (1, 0), condition=SOLD),
        _node(
            *(3, "map", "Amount", (2, 0)),
            columns=_computed(amount="decimal(quantity * price, 12, 2)"),
            keep=["customer_id", "order_id"],
        ),
        _node(
            *(4, "aggregate", "By customer", (3, 0)),
            by=["customer_id"],
            columns=[
                {"as": "orders", "function": "count distinct", "column": "order_id"},
                {"as": "turnover", "function": "sum", "column": "amount"},
            ],
        ),
        _shop(5, "Customers", (3, 1), "SELECT id, name, country, city FROM customers"),
        _node(
            *(6, "join", "With their names", (4, 0)),
            how="inner",
            on=[{"left": "customer_id", "right": "id"}],
            expect="exactly one",
        ),
        _node(
            *(7, "window", "Rank", (5, 0)),
            columns=[{"as": "place", "function": "rank"}],
            by=["country"],
            order=[{"column": "turnover", "direction": "desc"}],
        ),
        _node(8, "filter", "The first three", (6, 0), condition="place <= 3"),
        _node(
            *(9, "sort", "By country", (7, 0)),
            by=[{"column": "country"}, {"column": "place"}, {"column": "customer_id"}],
        ),
        _node(
            10, "parquet_output", "best_customers.parquet", (8, 0), path="best_customers.parquet"
        ),
    ),
    edges=(
        *_chain(1, 2, 3, 4),
        {"from": 4, "to": 6, "toPort": "left"},
        {"from": 5, "to": 6, "toPort": "right"},
        *_chain(6, 7, 8, 9, 10),
    ),
)

MAILING_LISTS = GalleryJob(
    name="Mailing lists",
    about="Looks up each customer's country, tidies names and columns, and writes one list at home and one abroad.",
    nodes=(
        _shop(
            1, "Customers", (0, 0), "SELECT name, email, country, city, joined_on FROM customers"
        ),
        _shop(
            *(2, "Countries", (0, 1)),
            "SELECT 'de' AS code, 'Germany' AS country_name UNION ALL SELECT 'fr', 'France'\n"
            "UNION ALL SELECT 'nl', 'Netherlands' UNION ALL SELECT 'at', 'Austria'\n"
            "UNION ALL SELECT 'pl', 'Poland' UNION ALL SELECT 'es', 'Spain'\n"
            "UNION ALL SELECT 'se', 'Sweden' UNION ALL SELECT 'it', 'Italy'",
        ),
        _node(
            *(3, "lookup", "Country", (1, 0)),
            on=[{"left": "country", "right": "code"}],
            columns=["country_name"],
            missing="fail",
        ),
        _node(
            *(4, "map", "First name", (2, 0)),
            columns=_computed(first_name="split_part(name, ' ', 1)", email="lower(email)"),
            keep=["name", "country_name", "city", "joined_on"],
        ),
        _node(
            *(5, "select", "Columns", (3, 0)),
            columns=[
                {"column": "email"},
                {"column": "first_name"},
                {"column": "name"},
                {"column": "city"},
                {"column": "country_name", "as": "country"},
                {"column": "joined_on", "as": "since", "type": "date"},
            ],
        ),
        _node(
            *(6, "split", "Home or abroad", (4, 0)),
            branches=[{"port": "home", "condition": "country == 'Germany'"}],
        ),
        _node(7, "csv_output", "mailing_home.csv", (5, 0), path="mailing_home.csv"),
        _node(8, "ndjson_output", "mailing_abroad", (5, 1), path="mailing_abroad.ndjson.gz"),
    ),
    edges=(
        {"from": 1, "to": 3, "toPort": "rows"},
        {"from": 2, "to": 3, "toPort": "table"},
        *_chain(3, 4, 5, 6),
        {"from": 6, "to": 7, "fromPort": "home"},
        {"from": 6, "to": 8, "fromPort": "else"},
    ),
)

ORDERS_TO_LOOK_AT = GalleryJob(
    name="Orders to look at",
    about="Asks three questions of the same rows, puts what they found under each other, and lists each order once.",
    nodes=(
        _shop(1, "Order lines", (0, 1), LINES_SQL),
        _node(2, "filter", "Large quantities", (1, 0), condition="quantity >= 12"),
        _node(3, "filter", "Large discounts", (1, 1), condition="discount >= 25"),
        _node(4, "filter", "Still pending", (1, 2), condition="status == 'pending'"),
        *(
            _node(number, "map", "Reason", (2, row), columns=_computed(reason=f"'{reason}'"))
            for number, row, reason in (
                (5, 0, "a large quantity"),
                (6, 1, "a large discount"),
                (7, 2, "still pending"),
            )
        ),
        _node(8, "union", "All findings", (3, 1)),
        _node(
            *(9, "aggregate", "Each order once", (4, 1)),
            by=["order_id", "ordered_at", "customer"],
            columns=[
                {"as": "findings", "function": "count distinct", "column": "reason"},
                {"as": "lines", "function": "count distinct", "column": "line"},
            ],
        ),
        _node(
            *(10, "sort", "Most findings first", (5, 1)),
            by=[{"column": "findings", "direction": "desc"}, {"column": "order_id"}],
        ),
        _node(11, "csv_output", "orders_to_look_at.csv", (6, 1), path="orders_to_look_at.csv"),
    ),
    edges=(
        *_chain(1, 2, 5, 8),
        *_chain(1, 3, 6, 8),
        *_chain(1, 4, 7, 8),
        *_chain(8, 9, 10, 11),
    ),
)

GALLERY = (ORDER_REPORT, SALES_BY_MONTH, BEST_CUSTOMERS, MAILING_LISTS, ORDERS_TO_LOOK_AT)
