"""Ports of nodes: edges name them, graphs of before do not, and a wrong one is one error."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.documents.feeding import feeding_part
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_preview
from tests.programs import graph, node, program_of

BRANCHES = [{"port": "large", "condition": "n > 10"}, {"port": "3", "condition": "n == 3"}]
ON = [{"left": "n", "right": "m"}]
NODES = [
    node(1, "csv_input", "Orders", path="a.csv", types=[{"column": "n", "type": "integer"}]),
    node(2, "csv_input", "Others", path="b.csv", types=[{"column": "m", "type": "integer"}]),
    node(3, "split", "By size", branches=BRANCHES),
    node(4, "join", "Both", on=ON),
    node(5, "csv_output", "Report", path="c.csv"),
]
EDGES: list[tuple[int | str, ...]] = [
    (1, 3), (3, 4, "large", "left"), (3, 4, "else", "right"), (2, 4, "", "right"), (4, 5),
]  # fmt: skip


def errors(*edges: tuple[int | str, ...], **changed: Any) -> list[str]:
    nodes = [
        {**entry, "config": {**entry["config"], **changed.get(f"node_{entry['id']}", {})}}
        for entry in NODES
    ]
    with pytest.raises(GraphInvalid) as caught:
        parse_graph(graph(nodes, edges or EDGES))
    return [str(error) for error in caught.value.errors]


def test_edges_keep_their_ports_and_those_of_before_have_none() -> None:
    document = graph(NODES, EDGES)
    parsed = parse_graph(document)
    edges = parsed.document()["edges"]
    assert edges[0] == {"from": 1, "to": 3}
    assert edges[1] == {"from": 3, "to": 4, "fromPort": "large", "toPort": "left"}
    assert edges[3] == {"from": 2, "to": 4, "toPort": "right"}
    assert parse_graph(parsed.document()) == parsed


def test_an_edge_that_names_no_port_uses_the_first() -> None:
    parsed = parse_graph(graph(NODES, [(1, 3), (3, 4), (2, 4, "", "right"), (4, 5)]))
    edge = parsed.edges[1]
    assert (edge.from_port, edge.to_port) == ("large", "left")


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        ([(1, 3), (3, 4, "huge"), (2, 4, "", "right"), (4, 5)], ["node 3: the edge 3 → 4 names an output 'huge' of Split: it has 'large', '3', 'else', 'rejected'"]),
        ([(1, 4, "", "middle"), (2, 4, "", "right"), (4, 5)], ["node 3: Split needs an input, and no edge leads to it", "node 4: the edge 1 → 4 names an input 'middle' of Join: it has 'left', 'right'"]),
        ([(1, 3, "", "rows"), (3, 4), (2, 4, "", "right"), (4, 5)], ["node 3: the edge 1 → 3 names an input 'rows' of Split: its input has no name, so the edge names none"]),
        ([(1, 3), (3, 4), (2, 4), (4, 5)], ["node 4: Join needs rows at its input 'right'"]),
        ([(1, 3), (3, 4), (3, 4, "large", "left"), (2, 4, "", "right"), (4, 5)], ["node 4: the edge 3 → 4 is there more than once"]),
        ([(1, 3), (3, 4), (2, 4, "", "right"), (4, 5), (4, 3)], ["node 3: the edges 3 → 4 → 3 form a cycle"]),
    ],
)  # fmt: skip
def test_a_wrong_port_is_one_error(edges: list[tuple[int | str, ...]], told: list[str]) -> None:
    assert errors(*edges) == told


@pytest.mark.parametrize("port", [1, ["left"], {"a": 1}, True])
def test_a_port_is_a_text(port: Any) -> None:
    document = graph(NODES, EDGES)
    document["edges"][1]["toPort"] = port
    with pytest.raises(GraphInvalid, match="entry 2 of edges must be"):
        parse_graph(document)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"node_3": {"branches": []}}, "Outputs is empty"),
        ({"node_3": {"branches": [*BRANCHES, BRANCHES[0]]}}, "the output 'large' is there twice"),
        ({"node_3": {"branches": [{"port": "else", "condition": "True"}]}}, "the output 'else' is there twice"),
        ({"node_3": {"branches": [{"port": "a\nb", "condition": "True"}]}}, "must be a single line"),
        ({"node_3": {"branches": [{"port": "x" * 41, "condition": "True"}]}}, "at most 40 are allowed"),
        ({"node_3": {"branches": [{"port": f"p{i}", "condition": "True"} for i in range(21)]}}, "at most 20 are allowed"),
        ({"node_3": {"branches": [{"port": "large", "condition": "n +"}]}}, "entry 1"),
        ({"node_3": {"branches": [{"port": "large", "condition": "n + 1"}]}}, "must be boolean"),
        ({"node_4": {"on": []}}, "Keys is empty"),
        ({"node_4": {"on": [*ON, *ON]}}, "entry 2 is there twice"),
        ({"node_4": {"on": [{"left": "n"}]}}, "must be"),
        ({"node_4": {"how": "semi", "expect": "exactly one"}}, "a semi join gives a left row once"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_together_are_told_while_editing(
    changed: dict[str, Any], told: str
) -> None:
    assert told in "; ".join(errors(**changed))


def test_keys_of_types_that_cannot_be_compared_are_told_while_editing() -> None:
    dates = {"types": [{"column": "m", "type": "date"}]}
    edges: list[tuple[int | str, ...]] = [(1, 4, "", "left"), (2, 4, "", "right"), (4, 5), (1, 3)]
    [told] = errors(*edges, node_2=dates)
    assert "the key n is integer on the left, and m is date on the right" in told


def test_columns_are_known_by_port() -> None:
    """What a Join gives is known where it is sure: a column of the right whose name the left may have is not."""
    nodes = [*NODES[:4], node(6, "filter", condition="date(n) is None"), NODES[4]]
    document = graph(nodes, [(1, 3), *EDGES[1:4], (4, 6), (6, 5)])
    with pytest.raises(GraphInvalid, match="node 6: "):
        parse_graph(document)  # n is an integer
    nodes[4] = node(6, "filter", condition="m == 'x' or other == 1")
    parse_graph(graph(nodes, document["edges"] and [(1, 3), *EDGES[1:4], (4, 6), (6, 5)]))


def test_a_program_feeds_ports_by_their_names() -> None:
    program = program_of(graph(NODES, EDGES))
    assert (
        'Split(3, "By size", by_size, feeds={"large": [(4, "left")], "else": [(4, "right")]})'
        in program
    )
    assert 'Source(2, "Others", others, feeds=[(4, "right")])' in program
    assert 'Join(4, "Both", both, feeds=[5])' in program
    assert "#   3 Split: By size → 4\n" in program


def test_a_preview_of_an_output_shows_the_rows_of_the_port_that_feeds_it() -> None:
    nodes = [*NODES[:1], NODES[2], NODES[4]]
    document = graph(nodes, [(1, 3), (3, 5, "else")])
    part, last = feeding_part(document, 5)
    assert last == [(3, "else")]
    one = generate_preview(parse_graph(part), last=last, rows=5, seconds=1.0)
    assert 'feeds={"else": [0]}' in one
    part, last = feeding_part(document, 3)
    every = generate_preview(parse_graph(part), last=last, rows=5, seconds=1.0)
    assert 'feeds={"large": [0], "3": [0], "else": [0]}' in every
