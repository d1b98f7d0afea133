"""Each type of nodes has what docs/adding_a_node_type.md asks for: its file, its words, a template, an example that runs."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jobs.graph.nodes
import program_lib.nodes
from jobs.graph.checks import parse_graph
from jobs.graph.fields import CHECKS, Field, Member
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES, node_types_document
from jobs.program.generator import generate_preview
from program_lib.batch import Batch
from program_lib.types import COLUMN_TYPES
from tests.harness import ROOT
from tests.programs import chain, make_numbers, node, program_of, run

ALL = pytest.mark.parametrize("node_type", NODE_TYPES.values(), ids=list(NODE_TYPES))


# ---------------------------------------------------------------- its file and its words


def test_each_type_has_a_file_of_its_name_and_each_file_its_type() -> None:
    [folder] = jobs.graph.nodes.__path__
    files = {path.stem for path in Path(folder).glob("*.py")} - {"__init__"}
    assert files == set(NODE_TYPES)
    for name, node_type in NODE_TYPES.items():
        module = importlib.import_module(f"jobs.graph.nodes.{name}")
        assert getattr(module, name.upper()) is node_type
        assert (module.__doc__ or "").startswith(f"{node_type.label}: ")


@ALL
def test_a_type_and_each_of_its_fields_say_what_they_are_for(node_type: NodeType) -> None:
    assert is_sentence(node_type.help)
    assert node_type.has_input or node_type.has_output
    names = [of.name for of in node_type.fields]
    assert len(names) == len(set(names))
    for of in node_type.fields:
        assert of.label, of.name
        assert is_sentence(of.help), (of.name, of.help)
        assert of.kind in CHECKS, of.name
        if of.default is not None:
            assert list(of.errors(of.default)) == [], of.name
        if (need := of.needed_for) is not None:
            [choice] = [other for other in node_type.fields if other.name == need.field]
            assert set(need.values) < set(choice.choices)
            assert not of.required
    assert set(node_type.one_of) <= set(names)
    assert node_type.writes is None or node_type.writes in names


def is_sentence(text: str) -> bool:
    return text[:1].isalpha() and (text.endswith(".") or ": " in text)  # then an example


def test_the_page_gets_the_choices_of_a_field_with_it() -> None:
    [csv_input] = [kind for kind in node_types_document() if kind["name"] == "csv_input"]
    fields = {entry["name"]: entry for entry in csv_input["fields"]}
    assert fields["types"]["choices"] == list(COLUMN_TYPES)
    assert fields["delimiter"]["choices"] == ["comma", "semicolon", "tab", "pipe"]
    assert [name for name, entry in fields.items() if entry["former"]] == ["numbers"]


def test_the_guide_shows_what_there_is() -> None:
    guide = (ROOT / "docs/adding_a_node_type.md").read_text(encoding="utf-8")
    limit = ROOT / "jobs/graph/nodes/limit.py"
    assert f"```python\n{limit.read_text(encoding='utf-8')}```" in guide
    assert inspect.getsource(Batch.first).rstrip() in guide
    members = [member for member in NodeType.__dataclass_fields__ if not member.startswith("_")]
    assert [name for name in [*members, *CHECKS] if f"`{name}`" not in guide] == []


# ---------------------------------------------------------------- its template

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
TEXTS = TEXTS.filter(str.strip)
NAMES = TEXTS.filter(lambda text: len(text.splitlines()) == 1)
EXPRESSIONS = st.sampled_from(["a > 1", "col('it''s') == \"\\n\"", "'#' == name", "a is None"])


def entries_of(of: Field) -> st.SearchStrategy[Any]:
    def values(member: Member) -> st.SearchStrategy[Any]:
        kinds = {
            "text": NAMES.filter(lambda name: name != of.reserved),
            "choice": st.sampled_from(member.choices or ("",)),
            "expression": EXPRESSIONS,
        }
        return kinds.get(member.kind, st.integers(0, 9))

    needed = {one.name: values(one) for one in of.members if one.required}
    if "function" in needed:
        needed["column"] = NAMES  # of which most functions are
    more = {one.name: values(one) for one in of.members if one.name not in needed}
    entry = st.fixed_dictionaries(needed, optional=more)
    return st.lists(
        entry,
        min_size=int(of.required),
        max_size=3,
        unique_by=lambda e: (e.get(of.unique) or e.get(of.unique_or)) if of.unique else str(e),
    )


VALUES: dict[str, Callable[[Field], st.SearchStrategy[Any]]] = {
    "text": lambda of: TEXTS,
    "sql": lambda of: TEXTS,
    "table": lambda of: NAMES,
    "path": lambda of: st.sampled_from(["a.csv", 'it\'s "this".csv', "ü/{{ x }}.csv", "# a"]),
    "connection": lambda of: st.sampled_from(["SHOP", "sqlite:///shop.db"]),
    "choice": lambda of: st.sampled_from(of.choices),
    "expression": lambda of: EXPRESSIONS,
    "columns": lambda of: listed({"column": NAMES, "expression": EXPRESSIONS}),
    "names": lambda of: st.lists(NAMES, max_size=3, unique=True),
    "types": lambda of: listed({"column": NAMES, "type": st.sampled_from(list(COLUMN_TYPES))}),
    "entries": entries_of,
    "column": lambda of: NAMES,
    "name": lambda of: NAMES,
    "marker": lambda of: st.sampled_from(["", "\\N", "NULL", "{{", "'", "#"]),
    "separator": lambda of: st.sampled_from(["", ", ", "\n", "'", '"', "{{ x }}"]),
    "count": lambda of: st.integers(0, 2**53 - 1),
    "keep": lambda of: st.sampled_from(["all", "none"]) | st.lists(NAMES, max_size=3, unique=True),
}


def listed(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries(members), max_size=3, unique_by=lambda e: e["column"])


@st.composite
def configurations(draw: st.DrawFn, node_type: NodeType) -> dict[str, Any]:
    chosen = draw(st.sampled_from(node_type.one_of)) if node_type.one_of else None
    config: dict[str, Any] = {}
    for of in node_type.fields:
        is_needed = of.name == chosen or (of.required and of.default is None)
        is_free = of.name not in node_type.one_of and of.needed_for is None
        if (need := of.needed_for) is not None:
            is_needed = config.get(need.field) in need.values  # the default needs none
        if is_needed or (is_free and draw(st.booleans())):
            config[of.name] = draw(VALUES[of.kind](of))
            if of.needed_for is not None:
                config[of.name] = config[of.name] or ["a"]
    if node_type.name == "pivot":  # a sum is of something
        config.setdefault("column", "a")
    if node_type.name == "window":  # a rank needs an order
        config.setdefault("order", [{"column": "a"}])
    if config.get("how") in ("semi", "anti"):  # joins of which nothing else can be expected
        config["expect"] = "any"
    types, numbers = config.get("types", []), config.get("numbers", [])
    if numbers:  # which a type may not be given twice
        config["numbers"] = [name for name in numbers if name not in {e["column"] for e in types}]
    return config


def around(node_type: NodeType, config: dict[str, Any]) -> dict[str, Any]:
    """A graph in which the node gets and gives rows, where it does."""
    nodes = [node(2, node_type.name, **config)]
    if node_type.has_input:
        nodes.insert(0, node(1, "db_input", connection="OTHER", table="other"))
    if node_type.has_output:
        nodes.append(node(3, "db_output", connection="OTHER", table="another"))
    return with_ports(chain(*nodes), node_type)


def with_ports(document: dict[str, Any], node_type: NodeType) -> dict[str, Any]:
    """The graph in which the node's first feeder feeds all of its inputs, and its outputs all lead on."""
    [made] = [entry for entry in document["nodes"] if entry["id"] == 2]
    outputs = [
        port.name for port in node_type.output_ports(node_type.with_defaults(made["config"]))
    ]
    entered = [port.name for port in node_type.inputs] or [""]
    edges = [
        {**edge, "toPort": enters, "fromPort": leaves}
        for edge in document["edges"]
        for enters in (entered if edge["to"] == 2 else [""])
        for leaves in ((outputs or [""]) if edge["from"] == 2 else [""])
    ]
    return {**document, "edges": edges}


@ALL
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_configuration_gives_a_program(node_type: NodeType, data: st.DataObject) -> None:
    config = data.draw(configurations(node_type))
    document = around(node_type, config)
    graph = parse_graph(document)
    programs = [program_of(document)]
    if node_type.has_output:
        programs.append(generate_preview(graph, last=[(2, None)], rows=5, seconds=1.0))
    for program in programs:
        tree = ast.parse(program)
        for found in ast.walk(tree):
            if isinstance(found, ast.ImportFrom):
                module = importlib.import_module(found.module or "")
                assert all(hasattr(module, alias.name) for alias in found.names), program
    functions = {found.name for found in tree.body if isinstance(found, ast.FunctionDef)}
    assert "main" in functions
    assert len(functions) == len(document["nodes"]) + 1


@ALL
def test_a_type_runs_as_something_that_there_is(node_type: NodeType) -> None:
    module, _, name = node_type.class_path.rpartition(".")
    runs_as = getattr(importlib.import_module(module), name)
    assert issubclass(runs_as, program_lib.nodes.Node)
    for path in node_type.imports:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name), path


# ---------------------------------------------------------------- an example that runs


@dataclass(frozen=True)
class Example:
    """A configuration, and the rows that come out of it, or that it leaves, as a CSV file."""

    rows: str
    config: dict[str, Any] = field(default_factory=dict)
    others: str = ""  # rows of a second file, which feeds the node's last input
    output: str | None = None  # the output whose rows those are
    counted: int | None = None  # rows that the node counts, where they are not those


FILE = "n,word\n1,one\n2,\n3,three\n4,four\n"
TYPED: dict[str, Any] = {"path": "in.csv", "types": [{"column": "n", "type": "integer"}]}
EXAMPLES = {
    "csv_input": Example(FILE, TYPED),
    "db_input": Example(
        "n,label\n1,label00001\n2,label00002\n",
        {"connection": "sqlite:///in.db", "table": "numbers"},
    ),
    "filter": Example("n,word\n3,three\n4,four\n", {"condition": "n > 1 and word != 'one'"}),
    "map": Example(
        "word,twice\none,2\n,4\nthree,6\nfour,8\n",
        {"columns": [{"column": "twice", "expression": "n * 2"}], "keep": ["word"]},
    ),
    "select": Example(
        "text,n\none,1\n,2\nthree,3\nfour,4\n",
        {"columns": [{"column": "word", "as": "text"}, {"column": "n", "type": "double"}]},
    ),
    "sort": Example(
        "n,word\n2,\n4,four\n1,one\n3,three\n",
        {"by": [{"column": "word", "nulls": "first"}, {"column": "n", "direction": "desc"}]},
    ),
    "distinct": Example(FILE, {"by": ["word"], "keep": "last"}),
    "aggregate": Example(
        "rows,words,total,all\n4,3,10,one/three/four\n",
        {
            "columns": [
                {"as": "rows", "function": "count"},
                {"as": "words", "function": "count", "column": "word"},
                {"as": "total", "function": "sum", "column": "n"},
                {"as": "all", "function": "join", "column": "word"},
            ],
            "separator": "/",
        },
    ),
    "window": Example(
        "n,word,before,total\n1,one,2,10\n2,,3,9\n3,three,4,7\n4,four,,4\n",
        {
            "columns": [
                {"as": "before", "function": "lag", "column": "n"},
                {"as": "total", "function": "running sum", "column": "n"},
            ],
            "order": [{"column": "n", "direction": "desc"}],
        },
    ),
    "pivot": Example(
        "one,three\n1,3\n",
        {"names": "word", "values": ["one", "three"], "others": "ignore", "column": "n"},
    ),
    "unpivot": Example(
        "n,name,value\n1,word,one\n3,word,three\n4,word,four\n",
        {"columns": ["word"], "nulls": "drop"},
    ),
    "sample": Example("n,word\n1,one\n4,four\n", {"every": 3}),
    "limit": Example("n,word\n1,one\n2,\n", {"rows": 2}),
    "split": Example(
        "n,word\n1,one\n4,four\n",
        {
            "branches": [
                {"port": "without", "condition": "word is None"},
                {"port": "3", "condition": "n == 3"},
            ]
        },
        output="else",
        counted=4,
    ),
    "union": Example(
        FILE.replace("word", "word,more").replace("\n", ",\n").replace("more,", "more") + "9,,x\n",
        {"missing": "null"},
        others="n,more\n9,x\n",
    ),
    "join": Example(
        "n,word,more\n1,one,\n2,,x\n2,,y\n3,three,\n4,four,\n",
        {"how": "left", "on": [{"left": "n", "right": "n"}]},
        others="n,more\n2,x\n2,y\n9,z\n,z\n",
    ),
    "lookup": Example(
        "n,word,more\n1,one,\n2,,x\n3,three,\n4,four,\n",
        {"on": [{"left": "n", "right": "n"}], "columns": ["more"]},
        others="n,more\n2,x\n9,z\n",
    ),
    "db_output": Example(FILE, {"connection": "sqlite:///out.db", "table": "written"}),
    "csv_output": Example(FILE, {"path": "out.csv"}),
    "parquet_input": Example(
        "name,id\n,1\nx,2\n", {"path": "in.parquet", "columns": ["name", "id"]}
    ),
    "ndjson_input": Example(
        'n,more\n1,"[1, {}]"\n,x\n',
        {"path": "in.ndjson", "types": [{"column": "n", "type": "integer"}], "others": "ignore"},
    ),
    "ndjson_output": Example(FILE, {"path": "out.ndjson"}),
    "parquet_output": Example(FILE, {"path": "out.parquet"}),
}


def test_each_type_has_an_example() -> None:
    assert set(EXAMPLES) == set(NODE_TYPES)


@ALL
def test_the_example_of_a_type_gives_its_rows(node_type: NodeType, tmp_path: Path) -> None:
    example = EXAMPLES[node_type.name]
    (tmp_path / "in.csv").write_text(FILE, encoding="utf-8")
    make_numbers(tmp_path / "in.db", 2)
    (tmp_path / "in.ndjson").write_text(
        '{"n": 1, "more": [1, {}]}\n{"more": "x"}\n', encoding="utf-8"
    )
    pq.write_table(
        pa.table({"id": [1, 2], "list": [[], []], "name": [None, "x"]}), tmp_path / "in.parquet"
    )
    (tmp_path / "others.csv").write_text(example.others, encoding="utf-8")
    done = run(around_example(node_type, example), tmp_path)
    assert done.code == 0, done.stderr
    counted = example.rows.count("\n") - 1 if example.counted is None else example.counted
    assert done.state(2) == ("completed", counted)
    assert written(node_type, example.config, tmp_path) == example.rows


def around_example(node_type: NodeType, example: Example) -> dict[str, Any]:
    """The graph that reads the files, and writes what the node gives."""
    document = chain(node(2, node_type.name, **example.config))
    first, *_, last = [port.name for port in node_type.inputs] or ["", ""]
    if node_type.has_input:
        document["nodes"].append(node(1, "csv_input", **TYPED))
        document["edges"].append({"from": 1, "to": 2, "toPort": first})
    if example.others:
        document["nodes"].append(node(4, "csv_input", **{**TYPED, "path": "others.csv"}))
        document["edges"].append({"from": 4, "to": 2, "toPort": last})
    if node_type.has_output:
        document["nodes"].append(node(3, "csv_output", path="out.csv"))
        document["edges"].append({"from": 2, "to": 3, "fromPort": example.output or ""})
    return document


def written(node_type: NodeType, config: dict[str, Any], tmp_path: Path) -> str:
    if not node_type.has_output and node_type.name != "csv_output":
        source = node(1, node_type.name.replace("output", "input"), **read_again(config))
        read = run(chain(source, node(2, "csv_output", path="out.csv")), tmp_path)
        assert read.code == 0, read.stderr
    return (tmp_path / "out.csv").read_text(encoding="utf-8")


def read_again(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the input that reads what an output wrote."""
    return {name: config[name] for name in ("connection", "table", "path") if name in config}
