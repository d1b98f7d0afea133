"""What is said of columns before a run is what the engine gives: each type's rule against the nodes of a real program."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import program_lib.editor.preview
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parsing import known_columns, parse_graph, parse_parts
from jobs.graph.rows.known import Known
from jobs.program.generator import generate_preview
from program_lib.nodes import Node, wire
from program_lib.program import open_all
from program_lib.rejects import REJECTED
from program_lib.types import Schema
from tests.jobs.program.test_examples import OWN, example_graph
from tests.programs import graph, node

Outputs = dict[tuple[int, str], Schema]


@pytest.fixture(autouse=True)
def in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What programs read lies in the test's directory."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))


def opened(document: dict[str, Any], last: int, monkeypatch: pytest.MonkeyPatch) -> Outputs:
    """The columns that the nodes of a program have once it has opened them, by node and output."""
    found: list[Node] = []
    monkeypatch.setattr(
        program_lib.editor.preview, "run_preview", lambda *nodes, **_: found.extend(nodes)
    )
    made = parse_graph(document)
    program = generate_preview(
        made, last=[(last, None)], rows=0, seconds=1, rejecting=made.rejecting()
    )
    space: dict[str, Any] = {"__name__": "program"}
    exec(compile(program, "program.py", "exec"), space)
    space["main"]()
    outputs: Outputs = {}
    with ExitStack() as undo:
        wire(found, lambda progress: None)
        open_all(found, undo)
        for one in found:
            ports = [*one.followers] or [""]
            outputs |= {(one.number, port): one.schema_of(port) for port in ports}
    return outputs


def shown(columns: Schema) -> list[tuple[str, str]]:
    return [(column.name, str(column.type)) for column in columns]


def check(document: dict[str, Any], engine: Outputs) -> None:
    """All that is said of the columns agrees with the engine, however much of the sources is known."""
    parts = parse_parts(document)
    told = {
        number: columns
        for (number, port), columns in engine.items()
        if port != REJECTED and (one := parts.nodes.get(number)) and one.node_type.is_described
    }
    said, errors = known_columns(parts, {n: Known.whole(columns) for n, columns in told.items()})
    assert errors == []
    for place, columns in engine.items():
        if place[0] in parts.nodes:
            assert said[place].is_whole, place
            assert shown(said[place]) == shown(columns), place
    by_name, _ = known_columns(parts, {n: Known((), c.names) for n, c in told.items()})
    alone, _ = known_columns(parts, {})
    for said in (by_name, alone):
        for (number, port), columns in engine.items():
            if number in parts.nodes:
                agrees(said[number, port], columns)
    assert all(by_name[n, p].every is not None for n, p in engine if n in parts.nodes)


def agrees(said: Known, engine: Schema) -> None:
    """What little is known is so; the order of columns is that of the engine where all names are known."""
    assert set(shown(said)) <= set(shown(engine))
    if said.every is not None:
        assert list(said.every) == engine.names


@pytest.mark.parametrize("node_type", NODE_TYPES.values(), ids=NODE_TYPES)
def test_a_rule_says_what_the_engine_gives_in_its_example(
    node_type: NodeType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "url" in node_type.example.config:
        assert node_type.is_described
        return  # nobody is asked
    document = example_graph(node_type, tmp_path)
    part = {
        "nodes": [one for one in document["nodes"] if NODE_TYPES[one["type"]].has_output],
        "edges": [],
    }
    kept = {one["id"] for one in part["nodes"]}
    part["edges"] = [e for e in document["edges"] if {e["from"], e["to"]} <= kept]
    last = OWN if node_type.has_output else document["edges"][0]["from"]
    check(part, opened(part, last, monkeypatch))


ORDERS = "id,customer,country,day,amount,note\n1,7,DE,2026-01-31,10.50,x\n"
OTHERS = "id,code,amount,price\n7,DE,3,1.5\n"
TYPES = {
    "orders": {"id": "integer", "customer": "integer", "day": "date", "amount": "numeric"},
    "others": {"id": "integer", "amount": "integer", "price": "double"},
}
ID_ID = [{"left": "customer", "right": "id"}]
SAME = [{"left": "id", "right": "id"}]
CASES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "map keeps its order": (
        "map",
        {
            "keep": ["note", "id"],
            "columns": [
                {"column": "id", "expression": "str(id)"},
                {"column": "gross", "expression": "amount * 1.19"},
            ],
        },
    ),
    "map takes a column's place": (
        "map",
        {"columns": [{"column": "customer", "expression": "customer / 2"}]},
    ),
    "map keeps nothing": ("map", {"keep": "none", "columns": [{"column": "a", "expression": "1"}]}),
    "select renames and keeps": (
        "select",
        {
            "columns": [
                {"column": "amount", "as": "total", "type": "double"},
                {"column": "id", "type": "text"},
            ],
            "others": "keep",
        },
    ),
    "select drops": ("select", {"columns": [{"column": "day", "as": "on"}]}),
    "aggregate": (
        "aggregate",
        {
            "by": ["country", "day"],
            "columns": [
                {"as": "n", "function": "count"},
                {"as": "total", "function": "sum", "column": "amount"},
                {"as": "least", "function": "min", "column": "day"},
                {"as": "mean", "function": "mean", "column": "id"},
            ],
        },
    ),
    "aggregate of all": ("aggregate", {"columns": [{"as": "n", "function": "count"}]}),
    "pivot counts": (
        "pivot",
        {"by": ["day"], "names": "country", "values": ["DE", "amount"], "function": "count"},
    ),
    "window": (
        "window",
        {
            "columns": [
                {"as": "place", "function": "rank"},
                {"as": "before", "function": "lag", "column": "amount"},
                {"as": "sum", "function": "running sum", "column": "id"},
            ],
            "order": [{"column": "day"}],
        },
    ),
    "unpivot": (
        "unpivot",
        {"columns": ["id", "amount"], "name_column": "which", "value_column": "number"},
    ),
    "distinct": ("distinct", {"by": ["country"]}),
    "sort": ("sort", {"by": [{"column": "day", "direction": "desc"}]}),
    "filter": ("filter", {"condition": "amount > 3 and day >= date('2026-01-01')"}),
    "split": ("split", {"branches": [{"port": "large", "condition": "amount > 3"}]}),
    "python": (
        "python",
        {
            "code": "def transform(row): return row",
            "columns": [{"column": "id", "type": "text"}, {"column": "b", "type": "bytes"}],
        },
    ),
    "python keeps nothing": (
        "python",
        {
            "code": "def transform(row): return row",
            "columns": [{"column": "id", "type": "text"}],
            "keep": "none",
        },
    ),
    **{
        f"join {how}": ("join", {"how": how, "on": ID_ID})
        for how in ("inner", "left", "right", "full", "semi", "anti")
    },
    "join by one name": ("join", {"how": "full", "on": SAME, "suffix": "_of_the_other"}),
    "lookup": ("lookup", {"on": ID_ID, "columns": ["price", "code"]}),
    "union": ("union", {"missing": "null"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_says_what_the_engine_gives(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, config = CASES[case]
    document = over_two_files(name, config, tmp_path)
    check(document, opened(document, OWN, monkeypatch))


def over_two_files(name: str, config: dict[str, Any], directory: Path) -> dict[str, Any]:
    node_type = NODE_TYPES[name]
    sources = []
    for number, (file, text) in enumerate({"orders": ORDERS, "others": OTHERS}.items(), 2):
        (directory / f"{file}.csv").write_text(text)
        types = [{"column": c, "type": t} for c, t in TYPES[file].items()]
        sources.append(node(number, "csv_input", path=f"{file}.csv", types=types))
    ports = [port.name for port in node_type.inputs]
    entering: list[tuple[int | str, ...]] = [(2, OWN)]
    if ports:
        entering = [(number, OWN, "", port) for number, port in zip((2, 3), ports, strict=True)]
    elif name == "union":
        entering = [(2, OWN), (3, OWN)]
    used = [one for one in sources if (one["id"], OWN) in [edge[:2] for edge in entering]]
    return graph([*used, node(OWN, name, **config)], entering)


def test_rejected_rows_have_the_columns_that_came_and_the_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a source all are texts; a name that is taken gives ours a number."""
    (tmp_path / "in.csv").write_text("n,reject_row\n1,2\n")
    types = [{"column": "n", "type": "integer"}]
    document = graph(
        [
            node(2, "csv_input", path="in.csv", types=types),
            node(3, "filter", condition="n > 1"),
            node(4, "map"),
            node(OWN, "map"),
        ],
        [(2, 3), (2, 4, REJECTED), (3, OWN, REJECTED)],
    )
    engine = opened(document, OWN, monkeypatch)
    assert engine[2, REJECTED].names[-1] == "reject_place_2"
    check(document, engine)
