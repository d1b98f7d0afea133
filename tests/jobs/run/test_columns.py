"""The columns of a graph's nodes and the tables of a connection, told by the running product, and that nothing else is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.documents.feeding import file_part
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.http.editing.source_columns import ASKED_BY_HAND, Told, _size
from jobs.run.previews import _program
from jobs.work.preview_questions import Find, PreviewQuestion
from program_lib.databases.tables import MOST_TABLES
from tests.harness import Answer, Product, eventually, running_product
from tests.programs import chain, graph, node

URL = "sqlite:///shop.db"
ORDERS = node(1, "db_input", connection=URL, table="orders")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("columns") / "data"
    with running_product(data_dir, shop_database, CONNECTION_ELSEWHERE=SECRET) as product:
        (data_dir / "visits.csv").write_text("id,shop,revenue\n1,a,2.50\n", encoding="utf-8")
        eventually(lambda: not asked(product, chain(ORDERS))["unread"], what="the runner is there")
        yield product


SECRET = "postgresql://reader:Xq7tooSecret@127.0.0.1:9/shop"


def ask(product: Product, document: dict[str, Any], **options: Any) -> Answer:
    return product.post("/api/jobs/columns", {"graph": document}, **options)


def asked(product: Product, document: dict[str, Any]) -> dict[str, Any]:
    answer = ask(product, document)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json()
    return told


def leaving(told: dict[str, Any], node_id: int, port: str = "") -> dict[str, Any]:
    [found] = [one for one in told["nodes"] if one["id"] == node_id]
    [output] = [one for one in found["outputs"] if one["port"] == port]
    return {**output, "columns": {c["name"]: c["type"] for c in output["columns"]}}


def problems(told: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(one["nodeId"], one["field"], one["text"]) for one in told["problems"]]


# ---------------------------------------------------------------- columns


def test_columns_are_told_without_a_run_from_the_database_to_the_end(product: Product) -> None:
    columns = [{"column": "twice", "expression": "id * 2"}]
    told = asked(product, chain(ORDERS, node(2, "map", columns=columns, keep=["id"])))
    source = leaving(told, 1)
    assert source["columns"]["id"] == "integer"
    assert source["all"] is True
    assert leaving(told, 2)["columns"] == {"id": "integer", "twice": "integer"}
    assert told["problems"] == told["unread"] == []


def test_a_file_s_columns_are_those_of_its_first_line_with_the_types_that_are_named(
    product: Product,
) -> None:
    types = [{"column": "revenue", "type": "numeric"}]
    told = asked(product, chain(node(1, "csv_input", path="visits.csv", types=types)))
    assert leaving(told, 1)["columns"] == {"id": "text", "shop": "text", "revenue": "numeric"}
    assert list(leaving(told, 1, "rejected")["columns"])[3:] == [
        *("reject_reason", "reject_column", "reject_row", "reject_place")
    ]


def test_the_columns_of_a_query_over_rows_are_those_that_the_engine_gives(
    product: Product,
) -> None:
    sql = "SELECT count(*) AS n, max(revenue) AS most FROM input"
    types = [{"column": "revenue", "type": "numeric"}]
    source = node(1, "csv_input", path="visits.csv", types=types)
    told = asked(product, chain(source, node(2, "sql", sql=sql), node(3, "map")))
    assert leaving(told, 3)["columns"] == {"n": "integer", "most": "numeric"}
    assert leaving(told, 3)["all"] is True


def test_each_wrong_name_is_a_problem_with_its_field_its_text_and_what_is_meant(
    product: Product,
) -> None:
    columns = [
        {"column": "a", "expression": "Custmer_id + 1"},
        {"column": "b", "expression": "id + country"},
        {"column": "c", "expression": "id + 1"},
    ]
    document = chain(
        ORDERS,
        node(2, "sort", by=[{"column": "idd"}]),
        node(3, "map", columns=columns),
        node(4, "filter", condition="id"),
    )
    told = asked(product, document)
    assert problems(told) == [
        (2, "by", "idd"),
        (3, "columns", "Custmer_id + 1"),
        (3, "columns", "id + country"),
        (4, "condition", "id"),
    ]
    assert "is 'id' meant?" in told["problems"][0]["message"]
    assert leaving(told, 3)["columns"]["c"] == "integer"
    assert leaving(told, 3)["columns"]["a"] is None
    job = product.create_job({"name": "Wrong", "graph": document})
    assert product.post(f"/api/jobs/{job}/execute").status == 202, "only the database knows"


def test_of_a_source_that_is_not_there_it_is_said_why_and_nothing_is_wrong(
    product: Product,
) -> None:
    document = chain(node(1, "csv_input", path="gone.csv"), node(2, "filter", condition="n > 1"))
    told = asked(product, document)
    assert problems(told) == []
    [unread] = told["unread"]
    assert unread["nodeId"] == 1
    assert "gone.csv" in unread["message"]
    assert leaving(told, 2) == {"port": "", "columns": {}, "all": False, "more": 0}


def test_a_graph_that_somebody_draws_is_looked_at_as_far_as_it_goes(product: Product) -> None:
    document = graph(
        [
            ORDERS,
            node(2, "filter", condition="id >"),
            node(3, "map", columns=[{"column": "x", "expression": "coutry"}]),
            node(4, "join"),
            node(5, "nonsense"),
            node(6, "limit", rows=1),
            node(7, "limit", rows=1),
        ],
        [(1, 2), (1, 3), (2, 4), (6, 7), (7, 6), (9, 1)],
    )
    told = asked(product, document)
    assert problems(told) == [(3, "columns", "coutry")]
    assert leaving(told, 1)["columns"]["id"] == "integer"


def test_a_service_is_not_asked_because_somebody_types(product: Product) -> None:
    service = node(1, "http_input", url="https://api.example.com/orders")
    told = asked(product, chain(service))
    assert told["unread"] == [{"nodeId": 1, "message": ASKED_BY_HAND}]
    over = asked(product, chain(service, node(2, "sql", sql="SELECT * FROM input")))
    assert {one["message"] for one in over["unread"]} == {ASKED_BY_HAND}


def test_values_of_parameters_count(product: Product) -> None:
    document = {
        **chain(node(1, "csv_input", path="{which}.csv")),
        "parameters": [{"name": "which", "type": "text", "default": "gone"}],
    }
    assert asked(product, document)["unread"]
    given = {"graph": document, "parameters": {"which": "visits"}}
    told = product.post("/api/jobs/columns", given).json()
    assert list(leaving(told, 1)["columns"]) == ["id", "shop", "revenue"]


def test_who_may_not_execute_is_not_told(product: Product) -> None:
    token = product.token(scope="jobs:read jobs:write")
    assert ask(product, chain(ORDERS), token=token).status == 403
    body = {"connection": URL}
    assert product.post("/api/tables", body, token=token).status == 403


# ---------------------------------------------------------------- tables


def tables(product: Product, connection: Any, **options: Any) -> Answer:
    return product.post("/api/tables", {"connection": connection}, **options)


def test_the_tables_of_a_connection_with_their_columns(product: Product) -> None:
    answer = tables(product, URL)
    assert answer.status == 200, answer
    found = {table["name"]: table["columns"] for table in answer.json()["tables"]}
    assert {"name": "id", "type": "integer"} in found["orders"]
    assert answer.json()["truncated"] is False


def test_of_many_tables_some_are_told_and_that_there_are_more(product: Product) -> None:
    with sqlite3.connect(product.data_dir / "many.db") as database:
        for number in range(MOST_TABLES + 5):
            database.execute(f'CREATE TABLE "t {number:04}" (a INTEGER, "b ""c" DECIMAL(10,2), d)')
    database.close()
    told = tables(product, "sqlite:///many.db").json()
    assert len(told["tables"]) == MOST_TABLES
    assert told["truncated"] is True
    assert told["tables"][0] == {
        "name": "t 0000",
        "columns": [
            {"name": "a", "type": "integer"},
            {"name": 'b "c', "type": "decimal(10,2)"},
            {"name": "d", "type": ""},
        ],
    }


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ("sqlite:///gone.db", "there is no database"),
        ("sqlite:////etc/passwd", "DATA_ROOTS"),
        ("UNKNOWN", "is not known"),
        ("postgresql://u:p@h/d", "password"),
        ("", "is empty"),
        (7, "must be text"),
        (None, "missing"),
    ],
)
def test_what_is_no_connection_is_refused(product: Product, connection: Any, said: str) -> None:
    answer = tables(product, connection)
    assert answer.status == 422, answer
    assert said in str(answer.json())


def test_no_part_of_a_connection_s_secret_is_told(product: Product) -> None:
    answer = tables(product, "ELSEWHERE")
    assert answer.status == 422, answer
    assert "Xq7tooSecret" not in str(answer.json())
    columns = asked(product, chain(node(1, "db_input", connection="ELSEWHERE", table="t")))
    assert columns["unread"]
    assert "Xq7tooSecret" not in str(columns)


# ---------------------------------------------------------------- questions over NATS


def test_a_runner_tells_tables_of_one_connection_alone() -> None:
    both = graph([ORDERS, node(2, "limit", rows=1)], [(1, 2)])
    with pytest.raises(GraphInvalid, match="one connection"):
        _program(parse_graph(both), PreviewQuestion(both, find=Find.TABLES))
    file = file_part(chain(node(1, "csv_input", path="a.csv")), 1)
    with pytest.raises(GraphInvalid, match="one connection"):
        _program(parse_graph(file), PreviewQuestion(file, find=Find.TABLES))
    wild = chain(node(1, "db_input", connection="A_B", sql="SELECT 1"))
    assert 'run_table_search("A_B", seconds=' in _program(
        parse_graph(wild), PreviewQuestion(wild, find=Find.TABLES)
    )


def test_what_is_kept_has_a_size() -> None:
    assert _size(None) == 0
    assert _size(Told(0.0)) == 1
