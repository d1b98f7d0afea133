"""Each type of nodes has what docs/adding_a_node_type.md asks for: its file, its words, a template, an example that runs."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jobs.graph.nodes
import program_lib.nodes
from jobs.graph.fields.checks import CHECKS
from jobs.graph.fields.field import Field, Member
from jobs.graph.fields.shared import ENCODING
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES, node_types_document
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_preview
from program_lib.batch import Batch
from program_lib.csv_files.form import ENCODINGS
from program_lib.types import COLUMN_TYPES
from tests.harness import ROOT
from tests.programs import chain, node, program_of

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
EXPRESSIONS = st.sampled_from(["a > 1", "col(\"it's\") == '\\n'", "'#' == name", "a is None"])


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
    "python": lambda of: st.sampled_from(
        ["def transform(row): return row", "transform = '{{ x }}\\n\"'  # ü"]
    ),
    "table": lambda of: NAMES,
    "path": lambda of: st.sampled_from(["a.csv", 'it\'s "this".csv', "ü/{{ x }}.csv", "# a"]),
    "connection": lambda of: st.sampled_from(["SHOP", "sqlite:///shop.db"]),
    "http_connection": lambda of: st.sampled_from(["SHOP", "crm_2"]),
    "url": lambda of: st.sampled_from(
        [
            "https://api.example.com/a?x='{{y}}'",
            'http://127.0.0.1:8080/ü/"b"#c',
            "https://[::1]/{day}",
        ]
    ),
    "json_path": lambda of: st.sampled_from(["data", "$", "a.b[-1].c", '["it\'s {{ x }}"]', "ü.#"]),
    "choice": lambda of: st.sampled_from(of.choices),
    "expression": lambda of: EXPRESSIONS,
    "columns": lambda of: listed({"column": NAMES, "expression": EXPRESSIONS}),
    "names": lambda of: st.lists(NAMES, max_size=3, unique=True),
    "types": lambda of: listed({"column": NAMES, "type": st.sampled_from(list(COLUMN_TYPES))}),
    "entries": entries_of,
    "column": lambda of: NAMES,
    "name": lambda of: NAMES,
    "cell": lambda of: st.sampled_from(["A1", "XFD1048576", "b3"]),
    "sheet": lambda of: st.sampled_from(["Sheet1", 'it\'s "{{ x }}"', "# ü"]),
    "marker": lambda of: st.sampled_from(["", "\\N", "NULL", "{{", "'", "#"]),
    "separator": lambda of: st.sampled_from(["", ", ", "\n", "'", '"', "{{ x }}"]),
    "count": lambda of: st.integers(0, of.largest),
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
            if config[of.name] == [] and of.needed_for is not None:
                config[of.name] = ["a"]
    if node_type.name == "pivot":  # a sum is of something
        config.setdefault("column", "a")
        config["by"] = [name for name in config.get("by", []) if name not in config["values"]]
    if node_type.name == "aggregate":  # whose columns have names of their own
        made = {entry["as"] for entry in config["columns"]}
        config["by"] = [name for name in config.get("by", []) if name not in made]
    if node_type.name == "window":  # a rank needs an order
        config.setdefault("order", [{"column": "a"}])
    if node_type.name == "sql":  # which does not tell a from A
        names = {entry["port"].lower(): entry for entry in config.get("inputs", [])}
        config["inputs"] = list(names.values()) or None
    if config.get("split_mb"):  # in place of a number of rows
        config.pop("split_rows", None)
    if any(
        config.get(of) for of in ("split_by", "split_rows", "split_mb")
    ):  # need a place in the path
        config["path"] = draw(st.sampled_from(["a-*.csv", 'it\'s "*".csv', "ü/{{ x }}*"]))
    if config.get("commit_rows"):  # in one transaction of many
        config |= {"mode": "append", "commit_rows": 1000}
        config = {k: v for k, v in config.items() if k not in ("key", "before", "after")}
    if config.get("how") in ("semi", "anti"):  # joins of which nothing else can be expected
        config["expect"] = "any"
    if config.get("decimal") == "comma" and config.get("delimiter", "comma") == "comma":
        config["delimiter"] = "semicolon"
    types, numbers = config.get("types", []), config.get("numbers", [])
    if types or numbers:  # columns of a file without names are called by letters
        config.pop("header", None)
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
    config = node_type.with_defaults(made["config"])
    outputs = [port.name for port in node_type.output_ports(config)]
    entered = [port.name for port in node_type.input_ports(config)] or [""]
    edges = [
        {**edge, "toPort": enters, "fromPort": leaves}
        for edge in document["edges"]
        for enters in (entered if edge["to"] == 2 else [""])
        for leaves in ((outputs or [""]) if edge["from"] == 2 else [""])
    ]
    return {**document, "edges": edges}


@ALL
@given(data=st.data())
@settings(max_examples=60)
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


def test_what_each_output_wrote_can_be_looked_at() -> None:
    for output in (one for one in NODE_TYPES.values() if not one.has_output):
        assert output.read_by is not None, output.name
        reader = NODE_TYPES[output.read_by.name]
        for fields in ({one.name for one in output.fields}, {one.name for one in reader.fields}):
            assert set(output.read_by.shared) <= fields, output.name


def test_a_form_offers_each_encoding_that_programs_know() -> None:
    assert sorted(ENCODING.choices) == sorted(ENCODINGS)
