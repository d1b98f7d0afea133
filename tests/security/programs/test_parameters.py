"""Values of parameters as an attacker would choose them: in paths, names of tables, expressions, declarations and programs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.filled import as_run, checked_values
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_program
from jobs.sandbox.environment import remove_unfinished
from program_lib.batch import Batch
from program_lib.parameters import Parameter, WrongParameters, in_path, in_table, resolved
from program_lib.types import TEXT, Column, Schema
from tests.program_lib.given import given
from tests.programs import allowance, chain, node
from tests.security.test_nats_credentials import run_of

PATHS = (
    "../secret",
    "..",
    ".",
    ".hidden",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a\0b",
    "a\nb",
    "~root",
    "a:b",
    "*",
    "{day}",
    "%2e%2e",
    "a\u2044b",  # FRACTION SLASH
    "a\uff0fb",  # FULLWIDTH SOLIDUS
    "\u202egnp.x",  # turns what follows it around
    "x" * 101,
    " ",
    "",
    None,
)
TABLES = (
    'a"b',
    "a`b",
    "a'b",
    "a.b",
    "pg_catalog.pg_user",
    "a;b",
    "a b",
    "[a]",
    "a--b\n",
    "a/*b",
    "$$",
    "",
    None,
)


def text_value(text: str | None) -> dict[str, Any]:
    return {"v": Parameter("v", "text").value(text)}


@pytest.mark.parametrize("text", PATHS)
def test_no_value_leaves_its_part_of_a_path(text: str | None) -> None:
    with pytest.raises(Exception, match="the parameter v"):
        in_path("out-{v}.csv", text_value(text))


@pytest.mark.parametrize("text", TABLES)
def test_no_value_leaves_its_part_of_a_table_s_name(text: str | None) -> None:
    with pytest.raises(Exception, match="the parameter v"):
        in_table("t_{v}", text_value(text))


def test_letters_of_all_languages_and_dates_are_parts_of_names() -> None:
    for text in ("2026-11-27", "Größe", "日本", "a_b-c", "12"):
        assert in_path("{v}.csv", text_value(text)) == f"{text}.csv"
        assert in_table("t_{v}", text_value(text)) == f"t_{text}"


# ---------------------------------------------------------------- what a graph becomes


def graph_of(path: str, *, table: str = "t", **member: Any) -> dict[str, Any]:
    made = chain(
        node(1, "csv_input", path="in.csv"),
        node(2, "csv_output", path=path),
    )
    return {**made, "parameters": [{"name": "v", "type": "text", **member}]}


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("{v}", "progress.db", "which is the server's own"),
        ("{v}/a.csv", "runs", "which is the server's own"),
        ("nats.{v}", "conf", "which is the server's own"),
        ("data.db-{v}", "journal", "SQLite keeps beside a database"),
        ("{v}.csv", "ä" * 100, "a name of 204 bytes"),
    ],
)
def test_a_path_is_checked_with_its_values_as_one_that_is_written_out(
    path: str, text: str, sentence: str
) -> None:
    graph = parse_graph(graph_of(path))
    with pytest.raises(GraphInvalid, match=sentence):
        checked_values(graph, {"v": text})


def test_two_outputs_that_a_value_makes_one_are_refused() -> None:
    made = chain(node(1, "csv_input", path="in.csv"), node(2, "csv_output", path="{a}.csv"))
    made["nodes"].append(node(3, "csv_output", path="{b}.csv"))
    made["edges"].append({"from": 1, "to": 3})
    made["parameters"] = [{"name": "a", "type": "text"}, {"name": "b", "type": "text"}]
    graph = parse_graph(made)
    checked_values(graph, {"a": "x", "b": "y"})
    with pytest.raises(GraphInvalid, match="writes the same file as node 2"):
        checked_values(graph, {"a": "x", "b": "x"})


def test_the_unfinished_file_of_a_killed_program_is_found_by_its_values(tmp_path: Path) -> None:
    from dataclasses import replace

    run = replace(run_of(), parameters={"v": "7"})
    part = tmp_path / f".out-7.csv.{run.run_id}.part"
    other = tmp_path / f".out-{{v}}.csv.{run.run_id}.part"
    part.touch()
    other.touch()
    remove_unfinished(run, graph_of("out-{v}.csv"), tmp_path, allowance(tmp_path))
    assert (part.exists(), other.exists()) == (False, True)
    assert as_run(graph_of("{v}.csv"), {"v": "../x"})["nodes"][1]["config"]["path"] == "{v}.csv"


# ---------------------------------------------------------------- declarations

HOSTILE = (
    'x"); import os; os.system("true") #',
    'x\'\\\n"""',
    "{{ 7 * 7 }} {% raw %}",
    "\u2028\u2029\r",
    "%(prog)s %d %",
)


def test_what_a_declaration_holds_is_a_literal_in_the_program() -> None:
    for text in HOSTILE:
        member = {
            "default": text,
            "help": text.replace("\n", " ")
            .replace("\u2028", "")
            .replace("\u2029", "")
            .replace("\r", ""),
        }
        graph = parse_graph(graph_of("out-{v}.csv", **member))
        program = generate_program(graph, job_id=1, tenant_id="t", job_name="n")
        [declared] = [
            call
            for call in ast.walk(ast.parse(program))
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Parameter"
        ]
        told = {word.arg: ast.literal_eval(word.value) for word in declared.keywords}
        assert told == {name: value for name, value in member.items() if value}
        assert "os.system(" not in {
            ast.unparse(call.func)
            for call in ast.walk(ast.parse(program))
            if isinstance(call, ast.Call)
        }


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a b", "a-b", "é", "__class__", "a" * 41, "help", "HELP", "a;b", "a\n", None, 5],
)
def test_a_name_is_letters_digits_and_underscores(name: Any) -> None:
    graph = graph_of("o.csv")
    graph["parameters"][0]["name"] = name
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(graph)
    assert refused.value.errors[0].field == "parameters"


@pytest.mark.parametrize(
    "entries",
    [
        {},
        "x",
        5,
        [5],
        [{"name": "a"}],
        [{"name": "a", "type": "text", "extra": 1}],
        [{"name": "a", "type": []}],
        [{"name": "a", "type": "text", "required": "yes"}],
        [{"name": "a", "type": "text", "choices": ["x"]}],
        [{"name": "a", "type": "choice"}],
        [{"name": "a", "type": "choice", "choices": [5]}],
        [{"name": "a", "type": "choice", "choices": ["x", "x"]}],
        [{"name": "a", "type": "choice", "choices": ["x"], "default": "y"}],
        [{"name": "a", "type": "date", "default": "2026-02-30"}],
        [{"name": "a", "type": "number", "default": True}],
        [{"name": "a", "type": "text", "help": 5}],
        [{"name": "a", "type": "text"}, {"name": "A", "type": "text"}],
        [{"name": f"p{n}", "type": "text"} for n in range(51)],
        [{"name": "a", "type": "text", "default": "x" * 1_001}],
        [{"name": "a", "type": "text", "default": {"a": []}}],
    ],
)
def test_a_declaration_that_is_none_is_refused_with_a_sentence(entries: Any) -> None:
    graph = {**graph_of("o.csv"), "parameters": entries}
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(graph)
    assert {error.field for error in refused.value.errors} == {"parameters"}


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("kind", "given_value"),
    [
        ("number", "1e999"),
        ("number", "nan"),
        ("number", "Infinity"),
        ("number", "1_000"),
        ("number", "٣"),
        ("number", " 1"),
        ("number", "0x10"),
        ("number", "1" * 39),
        ("number", 10**400),
        ("number", "0." + "0" * 38 + "1"),
        ("number", 0.1234567890123456),
        ("number", True),
        ("number", [1]),
        ("number", {}),
        ("date", "2026-02-30"),
        ("date", "0000-01-01"),
        ("date", "2026-1-1"),
        ("date", "20260101"),
        ("date", "2026-01-01T00:00"),
        ("date", 20260101),
        ("date", "２０２６-01-01"),
        ("text", "a\0b"),
        ("text", "\ud800"),
        ("text", "x" * 1_001),
        ("text", ["x"]),
    ],
)
def test_a_value_of_another_type_is_refused_and_named(kind: str, given_value: Any) -> None:
    with pytest.raises(WrongParameters, match=r"^the parameter v "):
        resolved([Parameter("v", kind)], {"v": given_value})


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        (5, "5"),
        ("007.50", "7.50"),
        ("-0", "0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (-(10**37), "-1" + "0" * 37),
        ("1" * 38, "1" * 38),
    ],
)
def test_a_number_is_kept_exactly(given_value: Any, text: str) -> None:
    assert resolved([Parameter("v", "number")], {"v": given_value}) == {"v": text}


def test_all_values_together_have_a_bound() -> None:
    declared = [Parameter(f"p{n}", "text") for n in range(11)]
    with pytest.raises(WrongParameters, match="at most 10,000 are allowed"):
        resolved(declared, {one.name: "x" * 1_000 for one in declared})


def test_a_text_is_a_value_of_an_expression_and_never_a_part_of_it() -> None:
    schema = Schema([Column("s", TEXT)])
    rows = pa.table({"s": ["a", "b"]}, schema=schema.arrow())
    batch = Batch(rows, schema, pa.array([1, 2]), str)
    for text in ("a' OR 'x' = 'x", "'); DROP TABLE batch; --", "s", "%s", "\\", "2026-01-01"):
        with given(name=text):
            assert len(batch.where("s == param('name')")) == 0
            [same, _] = batch.compute({"t": "param('name')"}, "none").table["t"].to_pylist()
            assert same == text


def test_the_type_of_an_expression_is_the_same_for_every_value() -> None:
    """Else a graph that is checked with no values would fail, or give another table, with some."""
    schema = Schema([Column("s", TEXT)])
    expressions = {
        "a": "param('n') * 1.19",
        "b": "param('n') / 3",
        "c": "coalesce(param('name'), 'x')",
        "d": "param('day') == date('2026-01-01')",
        "e": "param('n') + 1",
        "f": "param('country') + s",
    }
    rows = pa.table({"s": ["a"]}, schema=schema.arrow())
    batch = Batch(rows, schema, pa.array([1]), str)
    found = set()
    for texts in (
        {},
        {"n": "1", "name": "2026-01-01", "day": "2026-01-01"},
        {"n": "-12345678901234567890.25", "name": "", "country": "DE"},
    ):
        with given(**texts):
            found.add(tuple(batch.compute(expressions).schema.shown()))
    assert len(found) == 1


def test_a_run_s_values_are_told_to_the_program_as_json(tmp_path: Path) -> None:
    from jobs.sandbox.environment import parameters_variable

    texts = {"a": 'x"}\n\\u0000', "b": None}
    assert json.loads(parameters_variable(texts)["RUN_PARAMETERS"]) == texts
    assert parameters_variable({}) == {}
