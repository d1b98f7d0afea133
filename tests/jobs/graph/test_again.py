"""Which nodes run that begin again at a node, and what stands in the way: without a database, by the graphs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.graph.documents.again import Again, Before, CannotBegin, begin_again, begin_preview
from jobs.graph.documents.feeding import feeding_part, rejecting_nodes
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from tests.programs import chain, graph, node

RUN = "a" * 32
#  1 Orders → 2 Good → 3 Totals → 4 Out
#                 ↘ 5 Copy → 6 Other
GRAPH = graph(
    [
        node(1, "csv_input", "Orders", path="a.csv"),
        node(2, "filter", "Good", condition="1 == 1"),
        node(3, "map", "Totals"),
        node(4, "csv_output", "Out", path="b.csv"),
        node(5, "map", "Copy"),
        node(6, "csv_output", "Other", path="c.csv"),
    ],
    [(1, 2), (2, 3), (3, 4), (2, 5), (5, 6)],
)
REJECTING = {**GRAPH, "edges": [*GRAPH["edges"], {"from": 2, "to": 6, "fromPort": "rejected"}]}


def before(**changes: Any) -> Before:
    known: dict[str, Any] = {
        "run_id": RUN,
        "graph": GRAPH,
        "place": "p1",
        "kept": {1: None, 2: None},
        "rows": {1: 100, 2: 50, 5: 50, 6: 50},
        "completed": {1, 2},
    }
    return Before(**{**known, **changes})


def changed(change: Callable[[dict[int, dict[str, Any]]], None]) -> dict[str, Any]:
    nodes = {one["id"]: {**one, "config": dict(one["config"])} for one in GRAPH["nodes"]}
    change(nodes)
    return {**GRAPH, "nodes": list(nodes.values())}


def test_what_comes_before_stands_and_only_what_is_needed_of_it_is_read() -> None:
    again = begin_again(before(), GRAPH, 3)
    assert {n: (s.rows, s.is_read) for n, s in again.nodes.items()} == {
        1: (100, False),
        2: (50, True),
    }
    assert again.read == [2]
    assert Again.parse(again.to_json()) == again


def test_an_output_that_was_written_and_does_not_come_after_the_node_stands_with_its_branch() -> (
    None
):
    again = begin_again(before(completed={1, 2, 5, 6}), GRAPH, 3)
    assert sorted(again.nodes) == [1, 2, 5, 6]
    assert again.read == [2]


@pytest.mark.parametrize("number", [5, 6])
def test_an_output_that_has_changed_or_gets_other_rows_is_written_again(number: int) -> None:
    """It said "not run again", and what it names now was never there."""
    now = changed(lambda nodes: nodes[number]["config"].update(path="d.csv"))
    again = begin_again(before(completed={1, 2, 5, 6}), now, 3)
    assert sorted(again.nodes) == [1, 2]
    assert again.read == [2]


def test_what_was_written_and_comes_after_the_node_is_written_again() -> None:
    again = begin_again(before(completed={1, 2, 3, 4, 5, 6}), GRAPH, 3)
    assert 4 not in again.nodes


def test_an_output_that_was_not_written_runs_though_what_it_rejects_was() -> None:
    """Its rows were nowhere, and the run said that it need not run again."""
    rejecting = graph(
        [*GRAPH["nodes"], node(7, "csv_output", "Bad", path="d.csv")],
        [*((edge["from"], edge["to"]) for edge in GRAPH["edges"]), (6, 7, "rejected", "")],
    )
    again = begin_again(before(graph=rejecting, completed={1, 2, 5, 7}), rejecting, 3)
    assert sorted(again.nodes) == [1, 2, 7]
    written = begin_again(before(graph=rejecting, completed={1, 2, 5, 6, 7}), rejecting, 3)
    assert sorted(written.nodes) == [1, 2, 5, 6, 7]


#  1 Orders → 2 Good → 6 Other, which rejects → 7 Bad → 8 List
OF_BAD_ROWS = graph(
    [
        *GRAPH["nodes"][:2],
        node(6, "csv_output", "Other", path="c.csv"),
        node(7, "map", "Bad"),
        node(8, "csv_output", "List", path="d.csv"),
    ],
    [(1, 2), (2, 6), (6, 7, "rejected", ""), (7, 8)],
)


def test_a_run_does_not_begin_behind_an_output_that_was_not_written() -> None:
    """What it rejects had been kept: the run completed, said that it stands, and its rows were nowhere."""
    known = before(graph=OF_BAD_ROWS, kept={1: None, 2: None, 7: None}, completed={1, 2, 7})
    with pytest.raises(CannotBegin, match="Other was not written in that run") as refused:
        begin_again(known, OF_BAD_ROWS, 8)
    assert refused.value.node_id == 6
    assert sorted(begin_again(known, OF_BAD_ROWS, 6).nodes) == [1, 2]
    written = before(graph=OF_BAD_ROWS, kept={7: None}, completed={1, 2, 6, 7})
    assert begin_again(written, OF_BAD_ROWS, 8).read == [7]


def test_what_an_output_rejects_is_not_kept_and_that_is_said() -> None:
    """It said that the run had not come so far."""
    known = before(graph=OF_BAD_ROWS, completed={1, 2, 6, 7, 8})
    with pytest.raises(CannotBegin, match="what Other rejects is not kept"):
        begin_again(known, OF_BAD_ROWS, 7)


def test_the_node_and_what_follows_it_may_have_changed() -> None:
    now = changed(lambda nodes: nodes[3]["config"].update(keep="all"))
    assert begin_again(before(), now, 3).read == [2]


def test_a_name_is_no_change() -> None:
    now = changed(lambda nodes: nodes[2].update(name="Renamed"))
    assert begin_again(before(), now, 3).read == [2]


def test_a_node_whose_rows_nobody_reads_again_need_not_have_been_kept() -> None:
    assert begin_again(before(kept={1: "it is larger than 1 MB", 2: None}), GRAPH, 3).read == [2]


@pytest.mark.parametrize(
    ("known", "now", "at", "said"),
    [
        ({}, GRAPH, 9, "the job has no node 9"),
        ({}, GRAPH, 1, "nothing comes before Orders"),
        ({"kept": {1: None}}, GRAPH, 3, "nothing was kept of Good"),
        ({"kept": {2: "it is larger than 1 MB"}}, GRAPH, 3, "not kept: it is larger than 1 MB"),
        ({}, changed(lambda n: n[1]["config"].update(path="z.csv")), 3, "Orders has changed"),
        ({}, changed(lambda n: n[2].update(type="map")), 3, "Good has changed"),
        ({}, {**GRAPH, "edges": [*GRAPH["edges"][1:], {"from": 5, "to": 2}]}, 3, "Good gets its"),
        ({}, REJECTING, 3, "Good rejects rows in one of the two runs alone"),
        ({"graph": REJECTING}, GRAPH, 3, "Good rejects rows in one of the two runs alone"),
        ({}, {**GRAPH, "parameters": [{"name": "n", "type": "text"}]}, 3, "parameters"),
        ({"graph": {**GRAPH, "nodes": GRAPH["nodes"][1:]}}, GRAPH, 3, "Orders was not there"),
    ],
)
def test_what_stands_in_the_way_is_said(
    known: dict[str, Any], now: dict[str, Any], at: int, said: str
) -> None:
    with pytest.raises(CannotBegin, match=said) as refused:
        begin_again(before(**known), now, at)
    assert not refused.value.is_gone


def test_nodes_without_names_are_called_by_their_types() -> None:
    """As graphs that are posted by hand have them: such a run could not be begun again, nor a preview read what it kept."""
    nodes = [{name: node[name] for name in ("id", "type", "config")} for node in GRAPH["nodes"]]
    nameless = {**GRAPH, "nodes": nodes}
    assert begin_again(before(graph=nameless), nameless, 3).read == [2]
    assert begin_preview(before(graph=nameless), nameless, [3], []) is not None
    with pytest.raises(CannotBegin, match="nothing was kept of Filter"):
        begin_again(before(graph=nameless, kept={1: None}), nameless, 3)


FILES = chain(node(1, "csv_input", path="a.csv"), node(2, "csv_output", path="b.csv"))


def test_a_graph_says_whether_outputs_are_kept_and_nothing_is_by_default() -> None:
    assert not parse_graph(FILES).keep_outputs
    assert "keepOutputs" not in parse_graph(FILES).document()
    parsed = parse_graph({**FILES, "keepOutputs": True})
    assert parsed.keep_outputs
    assert parse_graph(parsed.document()) == parsed


@pytest.mark.parametrize("entry", [1, "yes", {}, []])
def test_what_is_no_setting_is_refused_with_a_sentence(entry: Any) -> None:
    with pytest.raises(GraphInvalid, match="keepOutputs") as refused:
        parse_graph({**FILES, "keepOutputs": entry})
    assert [error.field for error in refused.value.errors] == ["keepOutputs"]


# ---------------------------------------------------------------- previews


def test_a_preview_reads_what_was_kept_last_on_each_way_back() -> None:
    def read(shown: int, now: dict[str, Any] = GRAPH, **known: Any) -> list[int] | None:
        again = begin_preview(before(**known), now, [shown], [])
        return None if again is None else again.read

    def edit(nodes: dict[int, dict[str, Any]]) -> None:
        nodes[2]["config"]["condition"] = "a > 5"

    assert read(2) == [2]
    assert read(3) == [2]
    assert read(2, changed(edit)) == [1]
    assert read(2, kept={1: None, 2: "too large"}) == [1]
    assert read(2, kept={}) is None
    assert read(2, {**GRAPH, "parameters": [{"name": "p", "type": "text"}]}) is None


def test_nodes_before_what_a_preview_reads_do_not_run() -> None:
    again = begin_preview(before(), GRAPH, [2], [])
    assert again is not None
    assert not again.nodes[1].is_read


def test_a_preview_reads_what_was_kept_of_a_node_whose_bad_rows_lead_elsewhere() -> None:
    """The part of the graph that feeds it lacks that edge: all was read anew."""
    known = before(graph=REJECTING)
    part, last = feeding_part(REJECTING, 3)
    shown = [node_id for node_id, _ in last]
    again = begin_preview(known, part, shown, rejecting_nodes(REJECTING))
    assert again is not None
    assert again.read == [2]
    assert begin_preview(before(), part, [2], rejecting_nodes(REJECTING)).read == [1]  # type: ignore[union-attr]
