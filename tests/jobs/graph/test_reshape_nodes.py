"""What nodes that reshape rows say of columns while a graph is edited."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from tests.programs import chain, node

SOURCE = node(
    1,
    "csv_input",
    path="in.csv",
    types=[{"column": "n", "type": "integer"}, {"column": "t", "type": "text"}],
)


def errors(
    kind: str, config: dict[str, Any], condition: str = "True"
) -> list[tuple[Any, Any, str]]:
    """What is wrong with a node of this kind, or the filter behind it."""
    nodes = [SOURCE, node(2, kind, **config), node(3, "filter", condition=condition)]
    try:
        parse_graph(chain(*nodes, node(4, "csv_output", path="out.csv")))
    except GraphInvalid as error:
        return [(one.node_id, one.field, one.message) for one in error.errors]
    return []


def made(function: str, column: str = "n") -> list[dict[str, str]]:
    return [{"as": "made", "function": function, "column": column}]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("aggregate", {"columns": made("sum")}),
        ("aggregate", {"columns": made("count", "unknown")}),
        ("aggregate", {"by": ["unknown"], "columns": made("max")}),
        ("window", {"columns": made("lag")}),
        ("window", {"columns": made("rank", ""), "order": [{"column": "unknown"}]}),
        ("select", {"columns": [{"column": "t", "as": "made", "type": "integer"}, {"column": "unknown"}]}),
        ("unpivot", {"columns": ["n"], "value_column": "made"}),
        ("pivot", {"by": ["t"], "names": "t", "values": ["made", "x"], "column": "n"}),
        ("distinct", {"by": ["unknown", "t"]}),
        ("sort", {"by": [{"column": "unknown"}]}),
    ],
)  # fmt: skip
def test_the_types_of_what_is_made_are_known_to_the_next_node(
    kind: str, config: dict[str, Any]
) -> None:
    assert errors(kind, config, "made is None") == []
    told = [message for node_id, _, message in errors(kind, config, "made == 'x'") if node_id == 3]
    if kind in ("distinct", "sort") or config["columns" if kind != "pivot" else "values"] == made("count", "unknown"):  # fmt: skip
        assert told == []  # nothing is known of the column
    elif config.get("columns") != made("rank", ""):
        assert "do not go together" in told[0]


@pytest.mark.parametrize(
    ("kind", "config", "field", "said"),
    [
        ("aggregate", {"columns": made("sum", "t")}, "columns", "sum is for numbers, and t is text"),
        ("aggregate", {"columns": made("mean", "")}, "columns", "mean needs a column"),
        ("aggregate", {"columns": made("join")}, "columns", "join is for texts, and n is integer"),
        ("aggregate", {"columns": made("sum") * 2}, "columns", "the column 'made' is there twice"),
        ("aggregate", {"columns": made("mode")}, "columns", "the function is 'mode', it must be one of count,"),
        ("aggregate", {"columns": []}, "columns", "is empty"),
        ("aggregate", {"columns": "made"}, "columns", 'must be a list of {"as": …, "function": …, "column": …}'),
        ("aggregate", {"columns": [{"as": "x"}]}, "columns", "entry 1 must be"),
        ("window", {"columns": made("rank", "")}, "columns", "rank needs an order"),
        ("window", {"columns": [{**made("lag")[0], "rows": -1}]}, "columns", "must be a whole number"),
        ("select", {"columns": [{"column": "n", "as": "t"}, {"column": "t"}]}, "columns", "'t' is there twice"),
        ("select", {"columns": [{"column": "t", "as": "n"}], "others": "keep"}, "columns", "two columns are called 'n'"),
        ("unpivot", {"columns": ["n", "t"]}, "columns", "n is integer, t text"),
        ("pivot", {"names": "t", "values": ["a"]}, "column", "sum needs a column"),
        ("sort", {"by": [{"column": "n", "direction": "up"}]}, "by", "it must be one of asc, desc"),
        ("sort", {"by": [{"column": ""}]}, "by", "the column is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_beside_its_field(
    kind: str, config: dict[str, Any], field: str, said: str
) -> None:
    found = errors(kind, config)
    assert [(node_id, of) for node_id, of, _ in found] == [(2, field)]
    assert said in found[0][2]
