"""What a graph says of parameters is checked while it is edited: names in SQL, paths, tables and expressions."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from tests.programs import chain, node

DECLARED = [
    {"name": "day", "type": "date"},
    {"name": "n", "type": "number", "default": 12.5},
    {"name": "country", "type": "choice", "choices": ["DE", "FR"], "default": "FR", "help": "Of"},
]


def graph(parameters: Any = DECLARED, **changed: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "sql": "SELECT * FROM t WHERE day = :day AND x::text <> ':none' AND y[1:n] > :n",
        "condition": "amount > param('n')",
        "path": "out-{country}.csv",
        "connection": "SHOP",
        **changed,
    }
    made = chain(
        node(1, "db_input", connection=config["connection"], sql=config["sql"]),
        node(2, "filter", condition=config["condition"]),
        node(3, "csv_output", path=config["path"]),
    )
    return made if parameters is None else {**made, "parameters": parameters}


def errors(document: dict[str, Any]) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(document)
    return [(error.node_id, error.field, error.message) for error in refused.value.errors]


def test_a_graph_with_parameters_is_read_and_written() -> None:
    parsed = parse_graph(graph())
    assert [one.name for one in parsed.parameters] == ["day", "n", "country"]
    assert parsed.parameters[1].default == "12.5"
    assert parse_graph(parsed.document()) == parsed


def test_a_graph_without_parameters_has_no_such_member() -> None:
    old = graph(None, sql="SELECT 1", condition="a > 1", path="{x}.csv")
    parsed = parse_graph(old)
    assert parsed.parameters == ()
    assert "parameters" not in parsed.document()
    assert parse_graph({**old, "parameters": []}) == parsed


@pytest.mark.parametrize(
    ("changed", "node_id", "field", "sentence"),
    [
        ({"sql": "SELECT :dya"}, 1, "sql", "SQL names :dya, and there is no parameter dya"),
        ({"path": "{dya}.csv"}, 3, "path", "Path names {dya}, and there is no parameter dya"),
        ({"connection": "sqlite:///{day}.db"}, 1, "connection", "and not in a connection"),
        ({"condition": "a > param('dya')"}, 2, "condition", "there is no parameter 'dya'"),
        ({"condition": "param('day') > 5"}, 2, "condition", "date and integer do not go together"),
        ({"condition": "param('n')"}, 2, "condition", "it must be boolean, and this is numeric"),
        ({"condition": "a > param(n)"}, 2, "condition", "param takes the name of a parameter"),
        ({"condition": "a > param('n', 1)"}, 2, "condition", "param takes the name of a parameter"),
    ],
)
def test_a_parameter_that_is_none_or_stands_wrong_is_told_beside_its_field(
    changed: dict[str, Any], node_id: int, field: str, sentence: str
) -> None:
    [(told_node, told_field, message)] = errors(graph(**changed))
    assert (told_node, told_field) == (node_id, field)
    assert sentence in message


def test_an_expression_of_a_graph_without_parameters_reads_none() -> None:
    [(_, field, message)] = errors(graph(None, sql="SELECT 1", path="o.csv"))
    assert (field, message) == (
        "condition",
        "there is no parameter 'n'; the job declares none",
    )


def test_what_may_be_a_text_in_one_of_the_databases_is_left_to_it() -> None:
    """The server alone knows which database a named connection leads to."""
    parse_graph(graph(sql="SELECT $x$ :a $x$, [:b], `:c`, 'it\\'s :d'"))
