"""What a stored graph says of itself when its meaning changed, whatever else is wrong with it."""

from __future__ import annotations

import time
from typing import Any

import pytest

import jobs.graph.notes
from jobs.graph.engine import ENGINE
from jobs.graph.errors import GraphInvalid
from jobs.graph.notes import EMPTY_FIELDS, MOST_NOTES, notes_of
from jobs.graph.parsing import MAX_ENTRIES, MAX_EXPRESSIONS, parse_graph
from program_lib.expressions import Parsed, changed_meanings, parse
from tests.programs import chain, graph, node
from tests.security.programs.worst_graphs import worst_graphs

OUT = node(9, "csv_output", path="out.csv")


def source(node_id: int = 1, **config: Any) -> dict[str, Any]:
    """A CSV Input that says how NULL is written, so that empty fields mean what they did."""
    return node(node_id, "csv_input", **({"path": "in.csv", "null_marker": "\\N"} | config))


def told(document: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(note["nodeId"], note["field"], note["message"]) for note in notes_of(document)]


@pytest.fixture(autouse=True)
def divisions_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all meanings, that of / and that of % changed."""

    def changed(parsed: Parsed) -> list[str]:
        signs = {"/": "/ is another", "%": "% is another"}
        return [meaning for sign, meaning in signs.items() if sign in parsed.text]

    monkeypatch.setattr(jobs.graph.notes, "changed_meanings", changed)


# ---------------------------------------------------------------- expressions


def test_an_expression_that_means_something_else_is_named_with_its_column() -> None:
    columns = [
        {"column": "half", "expression": "a / 2"},
        {"column": "odd", "expression": "a % 2 / 1"},
        {"column": "same", "expression": "a + 2"},
    ]
    table = node(1, "db_input", connection="SHOP", table="t")
    document = chain(
        table, node(2, "filter", condition="a / 2 > 1"), node(3, "map", columns=columns), OUT
    )
    assert told(document) == [
        (2, "condition", "/ is another"),
        (3, "columns", "/ is another (in half, odd)"),
        (3, "columns", "% is another (in odd)"),
    ]


def test_what_rounding_and_division_mean_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs.graph.notes, "changed_meanings", changed_meanings)
    table = node(1, "db_input", connection="SHOP", table="t")
    for condition in ("a // 2 > 1", "a % 2 == 1", "round(a) == 1"):
        notes = told(chain(table, node(2, "filter", condition=condition), OUT))
        assert notes, condition
        assert {(node_id, field) for node_id, field, _ in notes} == {(2, "condition")}
        assert all(len(message) > 20 for _, _, message in notes)
    assert told(chain(table, node(2, "filter", condition="a is None"), OUT)) == []


@pytest.mark.parametrize(
    ("engine", "has_notes"),
    [(None, True), (1, True), ("2", True), (True, True), (ENGINE, False), (ENGINE + 1, False)],
)
def test_a_graph_of_this_engine_has_no_notes(engine: Any, has_notes: bool) -> None:
    document = chain(node(1, "csv_input", path="in.csv"), OUT)
    if engine is not None:
        document["engine"] = engine
    assert bool(notes_of(document)) is has_notes


# ---------------------------------------------------------------- CSV files


def test_an_empty_field_is_null_now_unless_something_else_is() -> None:
    assert told(chain(node(1, "csv_input", path="in.csv"), OUT)) == [
        (1, "null_marker", EMPTY_FIELDS)
    ]
    assert told(chain(source(), OUT)) == []


@pytest.mark.parametrize(
    "steps",
    [
        [node(2, "filter", "Big", condition="amount > 100")],
        [node(2, "limit", rows=5), node(3, "filter", "Big", condition="amount > 100")],
        [
            node(2, "map", columns=[{"column": "x", "expression": "upper(name)"}]),
            node(3, "map", "Big", columns=[{"column": "y", "expression": "amount * 2"}]),
        ],
        [
            node(2, "map", columns=[{"column": "x", "expression": "amount"}], keep="none"),
            node(3, "filter", "Big", condition="x > 100"),
        ],
    ],
)
def test_a_column_that_is_text_and_compared_with_a_number_is_told_at_its_file(steps: Any) -> None:
    [(node_id, field, message)] = told(chain(source(), *steps, OUT))
    assert (node_id, field) == (1, "types")
    assert "(in Big)" in message
    assert "text" in message


@pytest.mark.parametrize("given", ["types", "numbers"])
def test_a_column_with_a_type_is_not(given: str) -> None:
    config: dict[str, Any] = {"types": [{"column": "amount", "type": "integer"}]}
    config = config if given == "types" else {"numbers": ["amount"]}
    over = node(2, "filter", condition="amount > 100 and name != 'x'")
    assert told(chain(source(**config), over, OUT)) == []


def test_columns_of_a_database_may_be_anything() -> None:
    table = node(1, "db_input", connection="SHOP", table="t")
    over = node(3, "filter", condition="amount > 100")
    assert told(chain(table, over, OUT)) == []
    both = graph([table, source(2), over, OUT], [(1, 3), (2, 3), (3, 9)])
    assert told(both) == []


def test_each_file_that_a_column_comes_from_is_told() -> None:
    over = node(3, "filter", "Big", condition="amount > 100")
    both = graph([source(1), source(2), over, OUT], [(1, 3), (2, 3), (3, 9)])
    assert [(node_id, field) for node_id, field, _ in told(both)] == [(1, "types"), (2, "types")]
    one_typed = graph(
        [source(1, numbers=["amount"]), source(2), over, OUT], [(1, 3), (2, 3), (3, 9)]
    )
    assert told(one_typed) == []  # what both have in common is not known before they are read


def test_a_column_that_a_map_took_away_is_no_text_of_the_file() -> None:
    keeps = node(2, "map", columns=[], keep=["name"])
    assert told(chain(source(), keeps, node(3, "filter", condition="amount > 1"), OUT)) == []


# ---------------------------------------------------------------- any graph


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"nodes": 5},
        {"nodes": [None, 7, {"id": 1}, {"id": "1", "type": "map"}, {"id": 2, "type": ["map"]}]},
        {"nodes": [{"id": 1, "type": "map", "config": {"columns": [None, 7, {"expression": 5}]}}]},
        {"nodes": [{"id": 1, "type": "map", "config": {"columns": 7}}]},
        {"nodes": [{"id": 1, "type": "filter", "config": {"condition": "a /"}}]},
        {"nodes": [{"id": 1, "type": "filter", "config": {"condition": 7}}]},
        {"nodes": [{"id": 1, "type": "filter", "config": [7]}], "edges": None},
        {"nodes": [{"id": 1, "type": "csv_input", "config": None}]},
    ],
)
def test_no_graph_is_too_odd(document: dict[str, Any]) -> None:
    assert notes_of(document) == []


def test_errors_elsewhere_take_no_note_away() -> None:
    document = graph(
        [node(1, "filter", condition="a / 2"), node(2, "ftp"), node(3, "filter", condition="(")], []
    )
    assert told(document) == [(1, "condition", "/ is another")]


def test_there_are_never_more_than_a_person_reads() -> None:
    nodes = [node(number, "filter", condition="a / 2 > 1") for number in range(1, 190)]
    notes = notes_of(graph(nodes, []))
    assert len(notes) == MOST_NOTES


@pytest.mark.slow
def test_a_graph_costs_no_more_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counting(text: str) -> Parsed:
        read.append(len(text))
        return parse(text)

    monkeypatch.setattr(jobs.graph.notes, "parse", counting)
    for name, make in worst_graphs(MAX_EXPRESSIONS, MAX_ENTRIES).items():
        if not name.startswith("expressions"):
            continue
        document = make()
        for entry in document["nodes"][:1]:
            entry.update(type="csv_input", config={"path": "in.csv"})
        read.clear()
        began = time.process_time()
        notes_of(document)
        assert time.process_time() - began < 3.0, name  # seconds; on an idle core 1, and once 6
        assert sum(read) <= 4 * MAX_EXPRESSIONS, name


@pytest.mark.parametrize(
    ("engine", "told"), [(ENGINE + 1, f"engine {ENGINE + 1}"), (10**4_000, "another engine")]
)
def test_a_graph_of_a_later_engine_is_refused(engine: int, told: str) -> None:
    """As one that a newer server exported, which would be run with the meanings of this one, without a word."""
    document = chain(node(1, "csv_input", path="a.csv"), node(2, "csv_output", path="b.csv"))
    assert parse_graph({**document, "engine": ENGINE}) == parse_graph(document)
    with pytest.raises(GraphInvalid) as refused:
        parse_graph({**document, "engine": engine})
    [error] = refused.value.errors
    assert error.field == "engine"
    assert f"is written for {told}, and this server has {ENGINE}: " in error.message
