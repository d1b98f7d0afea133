"""What is measured: graphs of jobs, the script by hand beside each, and how much slower or faster it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.graph.node_types import NODE_TYPES

CONDITION = "country != 'US' and amount > 50"
COMPUTED = [
    {"column": "total", "expression": "qty * price"},
    {"column": "up", "expression": "upper(customer)"},
]
TYPES = {"id": "integer", "amount": "double", "qty": "integer", "price": "double", "day": "date"}


@dataclass(frozen=True)
class Job:
    """One line of the table. The ratio is the time of the script by hand by ours: 2 is twice as fast."""

    name: str
    title: str
    by_hand: str  # a file of bench/programs/by_hand
    source: str  # csv, sqlite or postgresql
    target: str
    must: float
    stretch: float
    computes: bool = False  # a filter and a map between source and target
    reshapes: tuple[str, Mapping[str, Any]] | None = None  # a node between source and target
    joins: bool = False  # with the customers, in that node
    # Measured with LARGE rows, too: what gathers rows is to hold more than memory does
    large: bool = False

    @property
    def is_postgresql(self) -> bool:
        return "postgresql" in (self.source, self.target)

    def graph(self) -> dict[str, Any]:
        """The graph document of the job; connections and files are those of `bench.programs.running.Place`."""
        nodes = [_SOURCES[self.source]]
        if self.computes:
            nodes += [
                ("filter", {"condition": CONDITION}),
                ("map", {"columns": COMPUTED, "keep": "all"}),
            ]
        if self.reshapes:
            nodes.append(self.reshapes)
        nodes.append(_TARGETS[self.target])
        numbers = range(1, len(nodes) + 1)
        edges: list[dict[str, Any]] = [
            {"from": number, "to": number + 1} for number in numbers[:-1]
        ]
        if self.joins:
            edges[0]["toPort"] = "left"
            edges.append({"from": len(nodes) + 1, "to": 2, "toPort": "right"})
            nodes.append(_CUSTOMERS)
        return {
            "nodes": [
                {"id": number, "type": kind, "name": f"{kind} {number}", "config": config}
                for number, (kind, config) in enumerate(nodes, 1)
            ],
            "edges": edges,
        }


def _csv_input() -> tuple[str, Mapping[str, Any]]:
    """With types where the product knows them, else with columns of numbers."""
    known = {field.name for field in NODE_TYPES["csv_input"].fields}
    if "types" in known:
        types = [{"column": column, "type": of} for column, of in TYPES.items()]
        return "csv_input", {"path": "in.csv", "types": types}
    return "csv_input", {"path": "in.csv", "numbers": ["id", "amount", "qty", "price"]}


_SOURCES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "csv": _csv_input(),
    "sqlite": ("db_input", {"connection": "sqlite:///in.db", "table": "t"}),
    "postgresql": ("db_input", {"connection": "PG", "table": "source"}),
}
_CUSTOMERS: tuple[str, Mapping[str, Any]] = (
    "csv_input",
    {"path": "customers.csv", "types": [{"column": "since", "type": "date"}]},
)
_TARGETS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "csv": ("csv_output", {"path": "out.csv"}),
    "sqlite": ("db_output", {"connection": "sqlite:///out.db", "table": "t"}),
    "postgresql": ("db_output", {"connection": "PG", "table": "ours"}),
}

_BY_DAY = [{"column": "day", "direction": "desc"}, {"column": "amount"}]
_OF_GROUPS = [  # of some 180,000
    {"as": "orders", "function": "count"},
    {"as": "pieces", "function": "sum", "column": "qty"},
    {"as": "most", "function": "max", "column": "amount"},
]


def _beside_duckdb_and_polars(job: Job) -> tuple[Job, Job]:
    polars = replace(job, name=f"{job.name}-polars", by_hand=f"{job.by_hand}_polars")
    return (
        replace(job, title=f"{job.title}; by hand: DuckDB"),
        replace(polars, title=f"{job.title}; by hand: Polars"),
    )


JOBS = (
    Job(
        name="csv",
        title="CSV → filter + map → CSV",
        by_hand="csv_filter_map_csv",
        source="csv",
        target="csv",
        must=3,
        stretch=7,
        computes=True,
    ),
    *_beside_duckdb_and_polars(
        Job(
            name="sort",
            title="CSV → sort → CSV",
            by_hand="csv_sort_csv",
            source="csv",
            target="csv",
            must=0.4,
            stretch=0.7,
            reshapes=("sort", {"by": _BY_DAY}),
            large=True,
        )
    ),
    *_beside_duckdb_and_polars(
        Job(
            name="aggregate",
            title="CSV → aggregate → CSV",
            by_hand="csv_aggregate_csv",
            source="csv",
            target="csv",
            must=0.4,
            stretch=0.7,
            reshapes=(
                "aggregate",
                {"by": ["customer", "country", "day"], "columns": _OF_GROUPS},
            ),
            large=True,
        )
    ),
    *_beside_duckdb_and_polars(
        Job(
            name="distinct",
            title="CSV → distinct → CSV",
            by_hand="csv_distinct_csv",
            source="csv",
            target="csv",
            must=0.4,
            stretch=0.7,
            reshapes=("distinct", {"by": ["customer", "country"]}),
            large=True,
        )
    ),
    *_beside_duckdb_and_polars(
        Job(
            name="join",
            title="CSV → join with 10,000 customers → CSV",
            by_hand="csv_join_csv",
            source="csv",
            target="csv",
            must=0.4,
            stretch=0.7,
            reshapes=("join", {"how": "inner", "on": [{"left": "customer", "right": "name"}]}),
            joins=True,
            large=True,
        )
    ),
    Job(
        name="load",
        title="CSV → SQLite",
        by_hand="csv_sqlite",
        source="csv",
        target="sqlite",
        must=1,
        stretch=1.5,
    ),
    Job(
        name="copy",
        title="SQLite → SQLite",
        by_hand="sqlite_sqlite",
        source="sqlite",
        target="sqlite",
        must=0.75,
        stretch=0.9,
    ),
    Job(
        name="work",
        title="SQLite → filter + map → SQLite",
        by_hand="sqlite_filter_map_sqlite",
        source="sqlite",
        target="sqlite",
        must=0.7,
        stretch=0.9,
        computes=True,
    ),
    Job(
        name="pg",
        title="PostgreSQL → PostgreSQL; by hand: COPY, row by row",
        by_hand="postgresql_rows",
        source="postgresql",
        target="postgresql",
        must=2,
        stretch=2.5,
    ),
    Job(
        name="pg-bytes",
        title="PostgreSQL → PostgreSQL; by hand: COPY's bytes passed on",
        by_hand="postgresql_bytes",
        source="postgresql",
        target="postgresql",
        must=0.6,
        stretch=0.8,
    ),
    Job(
        name="pg-work",
        title="PostgreSQL → filter + map → PostgreSQL; by hand: COPY, row by row",
        by_hand="postgresql_filter_map",
        source="postgresql",
        target="postgresql",
        must=1.8,
        stretch=2.5,
        computes=True,
    ),
)
LARGE = 10  # times the rows of the others
MUST_MB, STRETCH_MB = 300, 200  # of memory, at its peak
