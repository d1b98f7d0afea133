"""What of columns is refused before a run: what cannot be for certain, and never what only a run can tell."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.errors import GraphError, GraphInvalid
from jobs.graph.fields.wrong_fields import MOST_TOLD
from jobs.graph.parsing import known_columns, parse_graph, parse_parts
from jobs.graph.rows import known as known_module
from jobs.graph.rows.known import MOST_COLUMNS, Known, there_is_no
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.programs import chain, graph, node

FILE = node(
    1, "csv_input", path="a.csv", types=[{"column": "n", "type": "integer"}, {"column": "day", "type": "date"}]
)  # fmt: skip
COMPUTED = [{"column": "total", "expression": "n * 2"}, {"column": "other", "expression": "unseen"}]
KNOWN = node(2, "map", columns=COMPUTED, keep=["n"])  # n, total, other: and nothing else


def errors(document: dict[str, Any]) -> list[GraphError]:
    try:
        parse_graph(document)
    except GraphInvalid as invalid:
        return invalid.errors
    return []


def told(node_type: str, /, **config: Any) -> list[tuple[str | None, str | None]]:
    """What is wrong with a node behind KNOWN: (field, text)."""
    found = errors(chain(FILE, KNOWN, node(3, node_type, **config)))
    assert all(error.node_id == 3 for error in found)
    return [(error.field, error.text) for error in found]


@pytest.mark.parametrize(
    ("node_type", "config", "wrong"),
    [
        ("filter", {"condition": "toal > 1"}, [("condition", "toal > 1")]),
        ("sort", {"by": [{"column": "day"}]}, [("by", "day")]),
        ("distinct", {"by": ["n", "N"]}, [("by", "N")]),
        ("select", {"columns": [{"column": "day"}, {"column": "n"}]}, [("columns", "day")]),
        ("unpivot", {"columns": ["n", "day"]}, [("columns", "day")]),
        ("map", {"keep": ["n", "x"]}, [("keep", "x")]),
        ("aggregate", {"by": ["x"], "columns": [{"as": "a", "function": "sum", "column": "y"}]}, [("by", "x"), ("columns", "y")]),
        ("pivot", {"names": "x", "values": ["a"], "column": "n"}, [("names", "x")]),
        ("window", {"columns": [{"as": "a", "function": "lag", "column": "x"}], "order": [{"column": "y"}]}, [("columns", "x"), ("order", "y")]),
        ("db_output", {"connection": "A", "table": "t", "mode": "upsert", "key": ["N", "x"]}, [("key", "x")]),
    ],
)  # fmt: skip
def test_each_field_that_names_columns_is_told_of_those_that_cannot_be(
    node_type: str, config: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert told(node_type, **config) == wrong


@pytest.mark.parametrize("node_type", ["join", "lookup"])
def test_a_key_is_looked_for_in_its_own_input(node_type: str) -> None:
    ports = {"join": ("left", "right"), "lookup": ("rows", "table")}[node_type]
    names: dict[str, Any] = {"columns": ["b"]} if node_type == "lookup" else {}
    other = node(4, "map", columns=[{"column": "b", "expression": "1"}], keep="none")
    both = node(5, node_type, on=[{"left": "b", "right": "n"}], **names)
    document = graph([FILE, KNOWN, other, both], [(1, 2), (1, 4), (2, 5, "", ports[0]), (4, 5, "", ports[1])])  # fmt: skip
    found = errors(document)
    assert [(e.field, e.text) for e in found] == [("on", "b"), ("on", "n")]
    assert f"the input '{ports[0]}' has no column 'b'; there are n, total, other" in str(found[0])


def test_what_only_a_run_can_tell_is_let_through() -> None:
    output = node(9, "csv_output", path="b.csv")
    for source in (FILE, node(1, "db_input", connection="A", table="t")):
        for middle in (
            node(2, "filter", condition="other > 1"),
            node(2, "sql", sql="SELECT 1"),
            node(2, "map", columns=[{"column": "x", "expression": "unseen"}]),
            node(2, "select", columns=[{"column": "n"}], others="keep"),
        ):
            use = node(3, "sort", by=[{"column": "anything"}])
            assert errors(chain(source, middle, use, output)) == []
    assert errors(chain(FILE, KNOWN, node(3, "filter", condition="other > 1"))) == [], "its type"


def test_every_wrong_expression_of_a_node_is_told_and_the_others_have_their_types() -> None:
    columns = [
        {"column": "a", "expression": "totl + 1"},
        {"column": "b", "expression": "n + 'x'"},
        {"column": "c", "expression": "n + 1"},
        {"column": "d", "expression": "n + param('p')"},
    ]
    assert [text for _, text in told("map", columns=columns)] == ["totl + 1", "n + 'x'", "n + param('p')"]  # fmt: skip
    parts = parse_parts(chain(FILE, KNOWN, node(3, "map", columns=columns, keep="none")))
    outputs, _ = known_columns(parts, {})
    assert outputs[3, ""].every == ("a", "b", "c", "d")
    assert list(outputs[3, ""].shown()) == ["c integer"]
    many = [{"column": f"c{n}", "expression": f"x{n}"} for n in range(100)]
    assert len(told("map", columns=many)) == MOST_TOLD


def test_rows_of_several_nodes_go_together_or_the_node_says_why_not() -> None:
    one = node(2, "map", columns=[{"column": "a", "expression": "1"}], keep="none")
    two = node(3, "map", columns=[{"column": "b", "expression": "1"}], keep="none")

    def met(**config: Any) -> list[GraphError]:
        return errors(graph([FILE, one, two, node(4, "union", **config)], [(1, 2), (1, 3), (2, 4), (3, 4)]))  # fmt: skip

    [error] = met()
    assert (error.node_id, error.field) == (4, "edges")
    assert "its inputs differ: one has a, another b" in error.message
    assert met(missing="null") == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("amonut", "amount"),
        ("AMOUNT", "amount"),
        ("Größe", "größe"),
        ("x", None),
        ("customer", None),
    ],
)
def test_what_is_probably_meant_is_said(name: str, meant: str | None) -> None:
    said = there_is_no(name, Known((), ["id", "amount", "größe"]))
    assert (f"is {meant!r} meant?" in said) == (meant is not None)
    assert said.endswith("there are id, amount, größe")


def test_of_very_many_columns_nothing_is_known_and_nothing_is_refused() -> None:
    wide = Known.whole(Schema(Column(f"c{n}", INTEGER) for n in range(MOST_COLUMNS)))
    source = node(1, "db_input", connection="A", table="t")
    columns = [{"column": "one_more", "expression": "c1"}]
    parts = parse_parts(chain(source, node(2, "map", columns=columns), node(3, "sort", by=[{"column": "x"}])))  # fmt: skip
    outputs, wrong = known_columns(parts, {1: wide})
    assert outputs[2, ""] == Known()
    assert outputs[2, ""].every is None
    assert wrong == []


def test_a_graph_with_a_cycle_and_nodes_with_errors_is_looked_at_all_the_same() -> None:
    document = graph(
        [FILE, node(2, "filter"), node(3, "limit", rows=1), node(4, "limit", rows=1), node(5, "map")],
        [(1, 2), (2, 5), (3, 4), (4, 3), (1, 3), (1, 77)],
    )  # fmt: skip
    outputs, _ = known_columns(parse_parts(document), {})
    assert list(outputs[1, ""].shown()) == ["n integer", "day date"]
    assert outputs[5, ""] == outputs[3, ""] == Known()


@pytest.mark.parametrize("edges", [[(1, 3), (2, 3)], [(2, 3), (1, 3)]])
def test_the_columns_of_several_inputs_are_in_the_order_of_the_programs_nodes(edges: Any) -> None:
    """The editor told those of the edge that was drawn first, and the file had another order."""
    nodes = [node(1, "csv_input", path="a.csv"), node(2, "csv_input", path="b.csv"), node(3, "union")]  # fmt: skip
    ab = Schema([Column("a", TEXT), Column("b", TEXT)])
    told = {1: Known.whole(ab), 2: Known.whole(Schema(reversed(ab)))}
    outputs, _ = known_columns(parse_parts(graph(nodes, edges)), told)
    assert outputs[3, ""].every == ("a", "b")


def test_known_columns_and_names_alone_are_told_apart() -> None:
    known = Known([Column("a", TEXT)], ["a", "b"])
    assert known.some == ("a", "b")
    assert not known.is_whole
    assert known.lacks("c")
    assert not known.lacks("b")
    assert not Known([Column("a", TEXT)]).lacks("c")
    assert known_module.texts(known).is_whole
