"""Graphs: what is valid is kept as it is, what is not is refused with every error and its node."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.graph.errors import GraphInvalid
from jobs.graph.node_types import NODE_TYPES, node_types_document
from jobs.graph.parsing import parse_graph
from settings.shared import MAX_NODES
from tests.programs import chain, graph, node

CONNECTION = "sqlite:///shop.db"


def source(node_id: int = 1, **config: Any) -> dict[str, Any]:
    return node(node_id, "db_input", **({"connection": CONNECTION, "table": "orders"} | config))


def sink(node_id: int = 9, **config: Any) -> dict[str, Any]:
    return node(node_id, "db_output", **({"connection": CONNECTION, "table": "report"} | config))


def keep(node_id: int = 2, condition: str = "a > 1") -> dict[str, Any]:
    return node(node_id, "filter", condition=condition)


def csv(node_id: int = 1, **config: Any) -> dict[str, Any]:
    return node(node_id, "csv_input", path="a.csv", **config)


def excel(**config: Any) -> dict[str, Any]:
    return node(1, "excel_input", path="a.xlsx", **config)


def reads(path: str) -> dict[str, Any]:
    return node(1, "csv_input", path=path)


def typed(column: str, of: Any) -> dict[str, Any]:
    return {"column": column, "type": of}


def errors(document: Any) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(GraphInvalid) as caught:
        parse_graph(document)
    return [(error.node_id, error.field, error.message) for error in caught.value.errors]


def test_a_valid_graph_comes_back_as_the_same_document_with_defaults() -> None:
    document = chain(source(), keep(), sink(mode="replace"))
    document["nodes"][0]["position"] = {"x": 40, "y": 80.5}
    parsed = parse_graph(document)
    again = parsed.document()
    assert again["nodes"][0] == document["nodes"][0]
    assert again["edges"] == document["edges"]
    assert parse_graph(json.loads(json.dumps(again))) == parsed


def test_a_node_without_a_name_takes_its_type_s() -> None:
    document = chain(source(), sink())
    del document["nodes"][0]["name"]
    assert parse_graph(document).node(1).name == "DB Input"


def test_nodes_are_ordered_so_that_each_comes_after_those_that_feed_it() -> None:
    parsed = parse_graph(
        graph([sink(), keep(5), keep(4), source()], [(1, 4), (4, 5), (5, 9), (1, 9)])
    )
    assert [entry.id for entry in parsed.in_order()] == [1, 4, 5, 9]


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (None, (None, None, "a graph is an object with nodes and edges")),
        ([], (None, None, "a graph is an object with nodes and edges")),
        ({}, (None, "nodes", "nodes must be a list")),
        ({"nodes": [], "edges": []}, (None, "nodes", "the graph has no nodes")),
        ({"nodes": [source()], "edges": 3}, (None, "edges", "edges must be a list")),
        ({"nodes": [3]}, (None, "nodes", "entry 1 of nodes is not an object")),
        (graph([source() | {"id": "1"}], []), (None, "id", "entry 1 of nodes has no id")),
        (graph([source() | {"id": True}], []), (None, "id", "entry 1 of nodes has no id")),
        (graph([source(0)], []), (None, "id", "entry 1 of nodes has no id")),
        (graph([source(1), source(1)], []), (1, "id", "the id 1 is there more than once")),
        (graph([node(1, "ftp")], []), (1, "type", "there is no node type 'ftp'; there are db_input")),
        (graph([{"id": 1}], []), (1, "type", "the type is missing")),
        (graph([{"id": 1, "type": []}], []), (1, "type", "there is no node type that is no text")),
        (graph([source() | {"name": 5}], []), (1, "name", "the name must be text, not a number")),
        (graph([source() | {"name": "\ud800"}], []), (1, "name", "the name holds a character")),
        (graph([source() | {"position": {"x": "1"}}], []), (1, "position", "position must be")),
        (graph([source() | {"position": {"x": 1e999}}], []), (1, "position", "position must be")),
        (graph([source() | {"config": []}], []), (1, "config", "config must be an object")),
        (chain(source(), sink(tabel="x")), (9, "tabel", "there is no field 'tabel'; DB Output has")),
        (chain(source(), sink(connection=None)), (9, "connection", "Connection is missing")),
        (chain(source(), sink(connection="a b")), (9, "connection", "Connection must be a URL")),
        (chain(source(), sink(connection="://")), (9, "connection", "Connection is not a database URL")),
        (chain(source(), sink(table=5)), (9, "table", "Table must be text, not a number")),
        (chain(source(), sink(table=" ")), (9, "table", "Table is empty")),
        (chain(source(), sink(table="a\nb")), (9, "table", "Table must be a single line")),
        (chain(source(), sink(table="a\x00")), (9, "table", "Table holds a character")),
        (chain(source(), sink(mode="overwrite")), (9, "mode", "Mode is 'overwrite', it must be one of create")),
        (chain(source(), sink(mode=["append"])), (9, "mode", "Mode must be text, not a list")),
        (chain(source(table=None)), (1, "sql", "SQL or Table is missing")),
        (chain(source(sql="SELECT 1")), (1, "table", "only one of SQL or Table can be given")),
        (chain(source(), keep(condition="a >")), (2, "condition", "Condition: this is not an expression")),
        (chain(source(), keep(condition="a.b")), (2, "condition", "(at character 1)")),
        (chain(source(), node(2, "filter")), (2, "condition", "Condition is missing")),
        (chain(source(), node(2, "limit", rows="5")), (2, "rows", "Rows must be a whole number, not text")),
        (chain(source(), node(2, "limit", rows=True)), (2, "rows", "Rows must be a whole number, not true")),
        (chain(source(), node(2, "limit", rows=-1)), (2, "rows", "Rows must be between 0 and 9,007")),
        (chain(source(), node(2, "limit", rows=10**4_000)), (2, "rows", "Rows must be between 0 and")),
        (chain(csv(types="a")), (1, "types", "Types must be a list of")),
        (chain(csv(types=[{"column": "a"}])), (1, "types", 'Types, entry 1 must be {"column"')),
        (chain(csv(types=[typed("a", "number")])), (1, "types", "the type is 'number', it must be one of text, integer")),
        (chain(csv(types=[typed("a", [[]])])), (1, "types", "entry 1: the type is a list")),
        (chain(csv(types=[typed("a" * 1_001, "date")])), (1, "types", "the column's name has 1,001 characters, at most 1,000")),
        (chain(csv(types=[typed(" \n", "date")])), (1, "types", "entry 1: the column's name is empty")),
        (chain(csv(types=[typed("a", "date")] * 2)), (1, "types", "entry 2: the column 'a' is there twice")),
        (chain(reads("https://example.com/a.csv")), (1, "path", "Path is a URL, and no file of the server")),
        (chain(reads("S3://shop/a.csv")), (1, "path", "Path is a URL, and no file of the server: what lies in an object store is s3:")),
        (chain(reads("C:\\data\\a.csv")), (1, "path", "Path is a path of Windows: name the file as it lies below")),
        (chain(reads("\\\\server\\share\\a.csv")), (1, "path", "Path is a path of Windows")),
        (chain(reads("~/a.csv")), (1, "path", "Path begins with ~/, which no program replaces")),
        (chain(csv(header="values", types=[typed("id", "date")])), (1, "types", "there is no column 'id': where the first row is values, columns are called A, B, C")),
        (chain(csv(header="values", types=[typed("AA", "date"), typed("a", "date")])), (1, "types", "there is no column 'a'")),
        (chain(csv(header="values", numbers=["A1"])), (1, "numbers", "there is no column 'A1'")),
        (chain(excel(header="values", start="C3", types=[typed("B", "date")])), (1, "types", "there is no column 'B': where the first row is values, columns are called C, D, E")),
        (chain(csv(decimal="comma")), (1, "decimal", "Decimal sign is a comma, which parts the fields already")),
        (chain(csv(), node(2, "csv_output", path="b", decimal="comma")), (2, "decimal", "Decimal sign is a comma")),
        (chain(csv(null_marker="\\N,")), (1, "null_marker", "it must hold no quote, delimiter or line end")),
        (chain(csv(null_marker="x" * 21)), (1, "null_marker", "has 21 characters, at most 20")),
        (chain(csv(null_marker="\ud800")), (1, "null_marker", "holds a character that cannot be stored")),
        (chain(csv(null_marker="\0")), (1, "null_marker", "holds a character that cannot be stored")),
        (chain(csv(null_marker=0)), (1, "null_marker", "must be text, not a number")),
        (
            chain(csv(types=[typed("a", "date")], numbers=["a"]), node(2, "csv_output", path="b")),
            (1, "numbers", "the column a has a type already"),
        ),
        (chain(source(), node(2, "map", columns="a")), (2, "columns", "Columns must be a list of")),
        (chain(source(), node(2, "map", columns=[1])), (2, "columns", "Columns, entry 1 must be")),
        (
            chain(source(), node(2, "map", columns=[{"column": "x", "expression": "a +"}])),
            (2, "columns", "Columns, entry 1: this is not an expression"),
        ),
        (
            chain(source(), node(2, "map", columns=[{"column": "x", "expression": "a"}] * 2)),
            (2, "columns", "Columns, entry 2: the column 'x' is there twice"),
        ),
        (chain(source(), node(2, "map", keep="some")), (2, "keep", "Keep is 'some', it must be all")),
        (chain(source(), node(2, "map", keep=["a", "a"])), (2, "keep", "'a' is there twice")),
        (chain(source(), node(2, "map", keep=[3])), (2, "keep", "Keep, entry 1 must be text")),
        (graph([source(), sink()], [(1, 9), (9, 7)]), (9, "edges", "has an end that is no node: 7")),
        (graph([source(), keep()], [(1, 2), (2, 2)]), (2, "edges", "leads from a node to itself")),
        (graph([source(), keep()], [(1, 2), (1, 2)]), (2, "edges", "is there more than once")),
        ({"nodes": [source()], "edges": [{"from": 1}]}, (None, "edges", "entry 1 of edges must be")),
        (graph([source(), keep()], []), (2, "edges", "Filter needs an input")),
        (graph([source(), source(2)], [(1, 2)]), (2, "edges", "DB Input takes no input")),
        (graph([source(), sink(), keep()], [(1, 9), (9, 2)]), (9, "edges", "DB Output gives no rows")),
        (
            graph([source(), sink(8), sink(9)], [(1, 8), (1, 9)]),
            (9, None, "writes the same table as node 8"),
        ),
        (graph([source()] * (MAX_NODES + 1), []), (None, "nodes", "the graph has 201 nodes")),
        (graph([source()], [(1, 1)] * 1_001), (None, "edges", "the graph has 1,001 edges")),
    ],
)  # fmt: skip
def test_an_error_is_named_with_its_node_and_field(
    document: Any, error: tuple[int | None, str | None, str]
) -> None:
    found = errors(document)
    assert any(
        (node_id, field) == error[:2] and error[2] in message for node_id, field, message in found
    ), found


def test_the_nodes_of_a_cycle_are_named() -> None:
    found = errors(graph([source(), keep(2), keep(3), keep(4)], [(1, 2), (2, 3), (3, 4), (4, 2)]))
    assert len(found) == 1
    node_id, field, message = found[0]
    assert node_id in (2, 3, 4)
    assert field == "edges"
    assert message in {
        f"the edges {cycle} form a cycle" for cycle in ("2 → 3 → 4 → 2", "3 → 4 → 2 → 3", "4 → 2 → 3 → 4")
    }  # fmt: skip


def test_every_error_is_named_at_once() -> None:
    found = errors(
        graph(
            [
                source(table=None),
                node(2, "ftp"),
                keep(3, condition="a = 1"),
                keep(4),
                keep(5),
                keep(6),
                keep(7),
                node(8, "csv_output", delimiter="x"),
            ],
            [(1, 3), (4, 5), (5, 4), (6, 7), (7, 6), (8, 99)],
        )
    )
    assert [(node_id, field) for node_id, field, _ in found] == [
        (1, "sql"),
        (2, "type"),
        (3, "condition"),
        (8, "path"),
        (8, "delimiter"),
        (8, "edges"),
        *[entry[:2] for entry in found if "cycle" in entry[2]],
    ]
    assert sum("cycle" in message for _, _, message in found) == 2


TYPED = [
    typed("n", "integer"),
    typed("price", "numeric"),
    typed("day", "date"),
    typed("name", "text"),
]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("n + 1", "it must be boolean, and this is integer"),
        ("name", "it must be boolean, and this is text"),
        ("n == '5'", "text"),
        ("name > 5", "text and integer do not go together"),
        ("day > 'soon'", "date"),
        ("name * 2 == 4", "text * integer is not possible"),
        ("price and n", "a condition is true or false"),
    ],
)
def test_types_that_do_not_go_together_are_told_while_editing(condition: str, message: str) -> None:
    output = node(3, "csv_output", path="b.csv")
    [(node_id, field, said)] = errors(chain(csv(types=TYPED), keep(2, condition), output))
    assert (node_id, field) == (2, "condition")
    assert message in said
    output = node(4, "csv_output", path="b.csv")
    columns = [{"column": "x", "expression": f"1 if {condition} else 2"}]
    through = [keep(2, "n > 0"), node(3, "map", columns=columns)]
    if "must be boolean" not in message:
        assert errors(chain(csv(types=TYPED), *through, output))[0][:2] == (3, "columns")


@pytest.mark.parametrize(
    "condition",
    [
        "n > 5 and price == 9.99 and day > '2026-01-31' and name in ('a', 'b')",
        "n + other > 5 or other",  # nothing is known of it: the file may have it, as a text or not
        "unknown * n == 3",
        "n is None",
    ],
)
def test_what_may_be_right_is_no_error_while_editing(condition: str) -> None:
    output = node(3, "csv_output", path="b.csv")
    assert parse_graph(chain(csv(types=TYPED), keep(2, condition), output))


def test_the_types_of_two_inputs_are_known_where_both_go_together() -> None:
    """The column n is a number in both; what day is, the meeting of both will tell when it runs."""
    others = csv(2, types=[typed("n", "numeric"), typed("day", "text"), typed("price", "numeric")])
    output = node(4, "csv_output", path="b.csv")

    def both(condition: str) -> dict[str, Any]:
        nodes = [csv(1, types=TYPED), others, keep(3, condition), output]
        return graph(nodes, [(1, 3), (2, 3), (3, 4)])

    assert parse_graph(both("n > 5 and price > 2 and day > 5"))
    assert errors(both("n > 'x'"))[0][:2] == (3, "condition")


def test_a_column_that_a_map_makes_anew_has_the_new_type() -> None:
    output = node(4, "csv_output", path="b.csv")

    def made(keeps: Any, condition: str) -> dict[str, Any]:
        columns = [{"column": "n", "expression": "str(n)"}]
        through = [node(2, "map", columns=columns, keep=keeps), keep(3, condition)]
        return chain(csv(types=TYPED), *through, output)

    assert parse_graph(made("all", "n == '5' and price > 5"))
    assert errors(made("all", "n == 5"))
    assert parse_graph(made("none", "n == '5'"))
    assert errors(made(["day"], "price == 'x'")), "day and n are all that there is"
    assert errors(made(["day"], "day == 'x'"))


def test_two_appends_to_one_table_are_fine() -> None:
    both = [sink(8, mode="append"), sink(9, mode="append")]
    assert parse_graph(graph([source(), *both], [(1, 8), (1, 9)]))


def test_a_document_nested_deeply_in_a_field_is_an_error_of_the_field() -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    for field in ("table", "connection", "mode"):
        found = errors(chain(source(), sink(**{field: deep})))
        assert found[0][:2] == (9, field)
    while deep:  # freed level by level: Python would do it recursively
        deep = deep.pop()


def test_node_types_describe_themselves_as_json() -> None:
    document = json.loads(json.dumps(node_types_document()))
    assert [entry["name"] for entry in document] == list(NODE_TYPES)
    output = next(entry for entry in document if entry["name"] == "db_output")
    mode = next(f for f in output["fields"] if f["name"] == "mode")
    keyed = ["upsert", "update", "insert_or_ignore"]
    assert mode["choices"] == ["create", "append", "replace", *keyed]
    assert mode["default"] == "create"
    key = next(f for f in output["fields"] if f["name"] == "key")
    assert key["neededFor"] == {"field": "mode", "values": keyed}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mode": "upsert"}, "Key is missing: Mode upsert needs it"),
        ({"mode": "update", "key": []}, "Key is missing: Mode update needs it"),
        ({"mode": "append", "key": ["id"]}, "Key is only for Mode upsert or update or"),
        ({"key": ["id"]}, "Key is only for Mode upsert or update or"),
        ({"mode": "upsert", "key": ["id", "id"]}, "Key: the column 'id' is there twice"),
        ({"mode": "upsert", "key": "id"}, "Key must be a list of columns, not text"),
    ],
)
def test_a_key_goes_with_the_modes_that_need_one(config: dict[str, Any], message: str) -> None:
    [(number, field, said)] = errors(chain(source(), sink(**config)))
    assert (number, field) == (9, "key")
    assert said.startswith(message)


def test_a_key_that_is_empty_is_none() -> None:
    parse_graph(chain(source(), sink(mode="append", key=[])))
    parse_graph(chain(source(), sink(mode="upsert", key=["id", 'Ünï "code'])))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
NODES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(-1, 6) | JSON,
        "type": st.sampled_from([*NODE_TYPES, "x"]) | JSON,
        "name": JSON,
        "position": st.fixed_dictionaries({"x": JSON, "y": JSON}) | JSON,
        "config": st.dictionaries(
            st.sampled_from(
                ["connection", "sql", "table", "mode", "path", "condition", "columns", "keep"]
            ),
            JSON | st.sampled_from(["sqlite:///x.db", "append", "a > 1", "all"]),
        )
        | JSON,
    },
)
EDGES = st.fixed_dictionaries({"from": st.integers(-1, 6) | JSON, "to": st.integers(-1, 6) | JSON})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {"nodes": st.lists(NODES, max_size=6) | JSON, "edges": st.lists(EDGES) | JSON}
    )
)
def test_any_document_is_a_graph_or_a_list_of_errors(document: Any) -> None:
    try:
        parsed = parse_graph(document)
    except GraphInvalid as invalid:
        check_errors(invalid)
    else:
        assert parse_graph(json.loads(json.dumps(parsed.document(), allow_nan=False))) == parsed


def check_errors(invalid: GraphInvalid) -> None:
    assert invalid.errors
    for error in invalid.errors:
        json.dumps(error.document())
        assert len(error.message) < 400


def test_members_in_another_spelling_than_ours_are_refused_and_others_left_alone() -> None:
    """Of an edge with from_port the rows left by the first output, and of runner_tag nobody knew."""
    document = chain(source(), keep(), sink(mode="replace"))
    document |= {"runner_tag": "gpu", "Retries": {"count": 3}, "ours": 1}
    document["nodes"][1] |= {"Name": "Keep", "disabled": True}
    document["edges"][0] |= {"from_port": "rejected", "note": "ours"}
    assert errors(document) == [
        (None, "runnerTag", "there is no member 'runner_tag'; it is written runnerTag"),
        (None, "retries", "there is no member 'Retries'; it is written retries"),
        (2, "name", "there is no member 'Name'; it is written name"),
        (None, "edges", "the edge 1 → 2: there is no member 'from_port'; it is written fromPort"),
    ]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.csv", "all.csv"),
        ("./in/*.csv", "in/all.csv"),
        ("in/**", "in/a/b/all.csv"),
        ("**/*.csv", "all.csv"),
        ("s3://lake/in/*.csv", "s3://lake/in/all.csv"),
        ("/srv/in/*.csv", "/srv/in/all.csv"),
        ("day-?.csv", "day-*.csv"),
    ],
)
def test_a_file_that_the_next_run_would_read_as_its_input_is_refused(
    pattern: str, path: str
) -> None:
    """Each run had the rows of those before it once more, and was told as completed."""
    split: dict[str, Any] = {"split_rows": 5} if "*" in path else {}
    output = node(2, "csv_output", path=path, **split)
    [(node_id, field, message)] = errors(chain(reads(pattern), output))
    assert (node_id, field) == (2, "path")
    assert message.startswith(f"is one of the files that node 1 reads, {pattern}: the next run")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("in/*.csv", "all.csv"),
        ("*.csv", "out/all.csv"),
        ("in-*.csv", "all.csv"),
        ("*.csv", "all.csv.gz"),
        ("a.csv", "a.csv"),
    ],
)
def test_a_file_that_no_input_reads_by_a_pattern_is_written(pattern: str, path: str) -> None:
    parse_graph(chain(reads(pattern), node(2, "csv_output", path=path)))
