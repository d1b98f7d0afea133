"""Programs as text: readable, always Python, and nothing in them that the templates do not hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.graph.fields.checks import MAX_PORT
from jobs.graph.fields.paths import path_errors
from jobs.graph.gallery import ORDER_REPORT
from jobs.graph.literals import comment, literal
from jobs.graph.node_types import NODE_TYPES
from jobs.graph.parsing import parse_graph
from jobs.program.generator import TEMPLATES, generate_program, node_lines
from tests.harness import ROOT
from tests.programs import chain, graph, node, program_of


def everything(**texts: str) -> dict[str, Any]:
    """A graph with each type of node, `texts` in place of what users write."""
    text = {
        "name": "A name",
        "sql": "SELECT 1 AS a",
        "table": "t",
        "path": "f.csv",
        "column": "c",
        "marker": "NULL",
        "url": "https://api.example.com/a?b=c",
        "json_path": "data.items",
    } | texts
    # Of an output, which makes several of a *; in a directory that the path as a pattern does not mean
    one_file = "out/" + text["path"].replace("*", "+")
    return graph(
        [
            node(1, "db_input", text["name"], connection="sqlite:///shop.db", sql=text["sql"]),
            node(2, "db_input", text["name"], connection="sqlite:///shop.db", table=text["table"]),
            node(
                3,
                "csv_input",
                text["name"],
                path=text["path"],
                types=[{"column": "'" + text["column"], "type": "date"}],
                numbers=[text["column"]],
                null_marker=text["marker"],
            ),
            node(4, "filter", text["name"], condition=f"col({text['column']!r}) == {text['name']!r}"),
            node(
                5,
                "map",
                text["name"],
                columns=[
                    {"column": text["column"], "expression": f"upper({text['sql']!r})"},
                    {"column": "doubled", "expression": "a * 2"},
                ],
                keep=list(
                    dict.fromkeys([text["table"], "a", "K" + text["column"], "T" + text["table"]])
                ),
            ),
            node(
                6,
                "db_output",
                text["name"],
                connection="sqlite:///r.db",
                table=text["table"],
                mode="upsert",
                key=["K" + text["column"], "T" + text["table"]],
            ),
            node(7, "csv_output", text["name"], path=one_file, null_marker=text["marker"]),
            node(8, "limit", text["name"], rows=10),
            node(
                9,
                "split",
                text["name"],
                branches=[{"port": text["column"], "condition": f"a == {text['sql']!r}"}],
            ),
            node(10, "union", text["name"]),
            node(
                11,
                "join",
                text["name"],
                on=[{"left": text["column"], "right": text["table"]}],
                suffix=text["column"],
            ),
            node(
                12,
                "lookup",
                text["name"],
                on=[{"left": text["table"], "right": text["column"]}],
                columns=["L" + text["column"]],
            ),
            node(13, "select", text["name"], columns=[{"column": text["column"], "type": "text"}]),
            node(14, "sort", text["name"], by=[{"column": text["column"], "direction": "desc"}]),
            node(15, "distinct", text["name"], by=[text["column"]]),
            node(
                16,
                "aggregate",
                text["name"],
                by=[text["column"]],
                columns=[{"as": "A" + text["column"], "function": "join", "column": text["column"]}],
                separator=text["marker"],
            ),
            node(
                17,
                "window",
                text["name"],
                columns=[{"as": "W" + text["column"], "function": "row number"}],
                by=[text["column"]],
                order=[{"column": text["column"]}],
            ),
            node(
                18,
                "pivot",
                text["name"],
                names=text["column"],
                values=[text["column"]],
                function="min",
                column="A" + text["column"],
            ),
            node(19, "unpivot", text["name"], columns=[text["column"]], name_column="N" + text["column"]),
            node(20, "sample", text["name"], every=2),
            node(21, "parquet_input", text["name"], path=text["path"], columns=[text["column"]]),
            node(
                23,
                "ndjson_input",
                text["name"],
                path=text["path"],
                types=[{"column": text["column"], "type": "date"}],
                others="ignore",
            ),
            node(
                25,
                "http_input",
                text["name"],
                connection="crm",
                url=text["url"],
                rows=text["json_path"],
                paging="cursor",
                next=text["json_path"],
                parameter=text["column"],
                total=text["json_path"],
                more=text["json_path"],
                types=[{"column": text["column"], "type": "date"}],
            ),
            node(
                30,
                "excel_input",
                text["name"],
                path=text["path"],
                sheet=text["column"],
                types=[{"column": text["column"], "type": "date"}],
                header="names",
            ),
            node(31, "excel_output", text["name"], path="E" + one_file),
            node(24, "ndjson_output", text["name"], path="N" + one_file),
            node(22, "parquet_output", text["name"], path="P" + one_file),
            node(
                26,
                "python",
                text["name"],
                code=f"# {text['sql']!r}\ndef transform(row): return {text['marker']!r}",
                columns=[{"column": text["column"], "type": "text"}],
            ),
            node(27, "sql", text["name"], sql=text["sql"], inputs=[{"port": text["column"]}]),
        ],
        [
            (1, 4), (2, 4), (3, 4), (4, 5), (5, 9), (9, 6, text["column"]), (9, 10, "else"), (10, 11),
            (2, 11, "", "right"), (11, 12), (1, 12, "", "table"), (12, 8), (8, 13), (13, 14), (14, 15), (15, 16),
            (16, 17), (17, 18), (18, 19), (19, 20), (20, 7),
            (21, 4), (20, 22), (23, 4), (25, 4), (20, 24), (30, 4), (20, 31),
            (2, 27, "", text["column"]), (27, 26), (26, 4),
        ],
    )  # fmt: skip


def test_everything_is_there() -> None:
    assert {entry["type"] for entry in everything()["nodes"]} == set(NODE_TYPES)


def calls_in(program: str) -> set[str]:
    """What a program calls, as source text."""
    return {
        ast.unparse(found.func)
        for found in ast.walk(ast.parse(program))
        if isinstance(found, ast.Call)
    }


def shape_of(program: str) -> list[str]:
    """The types of all nodes of a program's tree, in order: everything but names and constants."""
    return [type(found).__name__ for found in ast.walk(ast.parse(program))]


def test_a_program_has_a_section_for_each_node_in_order() -> None:
    program = program_of(everything(), job_name="Nightly", job_id=12)
    assert "# Job 12 of tenant default: Nightly\n" in program
    assert "#   4 Filter: A name → 5\n" in program
    places = [
        program.index(f"\ndef a_name_{number}(")
        for number in (1, 2, 4, 5, 9, 6, 10, 11, 12, 8, *range(13, 21), 7)
    ]
    assert places == sorted(places)
    assert program.index("def a_name_7") < program.index("def main")


@pytest.mark.parametrize(
    ("names", "functions"),
    [
        (("Orders", "Big ones!"), ("orders", "big_ones")),
        (("Orders", "orders"), ("orders_1", "orders_2")),
        (("Main", "print"), ("node_1", "node_2")),  # names that the program uses otherwise
        (("Batch", "import"), ("node_1", "node_2")),
        (("read_csv", "keep"), ("node_1", "node_2")),
        (("node", "Orders 1"), ("node_1", "node_2")),  # orders_1 may be the first of two Orders
        (("日本", "2026"), ("node_1", "node_2")),
        (("x" * 60, "1st"), ("x" * 40, "node_2")),
        (("\u017f", "ſtr"), ("node_1", "node_2")),  # letters that Python folds into others
    ],
)
def test_a_function_is_called_as_its_node_where_that_makes_a_name(
    names: tuple[str, str], functions: tuple[str, str]
) -> None:
    first, second = names
    source = node(1, "csv_input", first, path="a.csv")
    program = program_of(chain(source, node(2, "csv_output", second, path="b.csv")))
    defined = [f.name for f in ast.parse(program).body if isinstance(f, ast.FunctionDef)]
    assert defined == [*functions, "main"]
    wired = [call.args[2] for call in ast.walk(ast.parse(program))
             if isinstance(call, ast.Call) and len(call.args) == 3]  # fmt: skip
    assert [name.id for name in wired if isinstance(name, ast.Name)] == list(functions)


def test_a_node_is_one_to_a_few_lines_over_program_lib() -> None:
    program = program_of(
        chain(
            node(1, "csv_input", "Orders", path="in.csv", numbers=["price"]),
            node(2, "filter", "Germany", condition="country == 'DE'"),
            node(
                3,
                "map",
                "Totals",
                columns=[{"column": "total", "expression": "price * 2"}],
                keep=["id"],
            ),
            node(4, "limit", "A few", rows=10),
            node(5, "db_output", "Report", connection="warehouse", table="report"),
        )
    )
    assert "def germany(batch):\n    return batch.where(\"country == 'DE'\")\n" in program
    assert "def a_few(batch):\n    return batch.first(10)\n" in program
    functions = [f for f in ast.parse(program).body if isinstance(f, ast.FunctionDef)]
    assert all(len(f.body) <= 3 for f in functions)
    assert not any(isinstance(f, ast.ClassDef) for f in ast.walk(ast.parse(program)))


def test_sql_of_several_lines_stays_readable() -> None:
    sql = "SELECT id, name\nFROM orders\nWHERE name <> 'x' AND note <> \"y\" AND id > 100\n"
    program = program_of(everything(sql=sql))
    assert '        "SELECT id, name\\n"\n        "FROM orders\\n"\n' in program


def test_the_section_of_each_node_is_found_whatever_a_user_wrote() -> None:
    hostile = "\n# 3 · x\n"
    sql = f"SELECT 1 -- {hostile * 40}"
    source = node(1, "db_input", f"One{hostile}", connection="shop", sql=sql)
    program = program_of(
        chain(
            source,
            node(2, "filter", "# 5 · y", condition="1 == 1"),
            node(3, "csv_output", path="out.csv"),
        )
    )
    lines = program.split("\n")
    found = {number: lines[line - 1] for number, line in node_lines(program).items()}
    assert found == {
        1: "# 1 · DB Input: One # 3 · x",
        2: "# 2 · Filter: # 5 · y",
        3: "# 3 · CSV Output: Node 3",
    }


def test_a_program_imports_only_what_it_needs() -> None:
    only_csv = program_of(chain(node(1, "csv_input", path="a"), node(2, "csv_output", path="b")))
    assert "databases" not in only_csv
    imported = re.findall(r"^(?:import|from) (\S+)", program_of(everything()), re.MULTILINE)
    assert imported == [
        "sys",
        "program_lib.common_types",
        "program_lib.csv_files",
        "program_lib.databases",
        "program_lib.excel_files",
        "program_lib.gathering",
        "program_lib.http_service",
        "program_lib.join",
        "program_lib.lookup",
        "program_lib.ndjson_files",
        "program_lib.nodes",
        "program_lib.parquet_files",
        "program_lib.program",
        "program_lib.python.node",
        "program_lib.sql.node",
    ]


def test_the_same_graph_gives_the_same_program() -> None:
    assert program_of(everything()) == program_of(everything())


COPIES = chain(  # a Map that keeps all and computes nothing
    node(1, "db_input", connection="shop", table="t"),
    node(2, "map"),
    node(3, "csv_output", path="a.csv"),
)


@pytest.mark.parametrize("document", [everything(), COPIES, ORDER_REPORT.document()["graph"]])
def test_a_program_passes_the_linter_and_the_formatter(document: Any, tmp_path: Path) -> None:
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert ruff
    path = tmp_path / "program.py"
    path.write_text(generate_program(parse_graph(document), job_id=1, tenant_id="t", job_name="n"))
    rules = ["--isolated", "--line-length=100", "--select=E,F,W,B", str(path)]
    checked = subprocess.run([ruff, "check", *rules], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    formatted = subprocess.run(
        [ruff, "format", "--isolated", "--line-length=100", "--diff", str(path)],
        capture_output=True,
        text=True,
    )
    assert formatted.returncode == 0, formatted.stdout


NASTY = [
    'x"); __import__("os").system("id") #',
    "'''\nimport os\n'''",
    '"""',
    "\\",
    "\\'",
    "line\nimport os\n",
    "\r\nimport os",
    "a\u2028import os\u2029b\x0cc\x85d",
    "{{ 7 * 7 }} {% raw %} {# #}",
    "{name} %s {0}",
    "# coding: utf-7",
    "\u202egnp.exe",
    "日本語 ß 🚀",
]


@pytest.mark.parametrize("text", NASTY)
def test_text_cannot_leave_its_literal(text: str) -> None:
    plain = program_of(everything())
    one_line = " ".join(text.split()) or "x"
    for texts in (
        {"name": text},
        {"sql": text},
        {"table": one_line},
        {"path": one_line},
        {"column": one_line},
        {"marker": re.sub('[",;|\t\r\n]', "", text)[:20] or "x"},
    ):
        program = program_of(everything(**texts), job_name=text, tenant_id=text)
        assert calls_in(program) == calls_in(plain)
        assert shape_of(program) == shape_of(plain)
        constants = {n.value for n in ast.walk(ast.parse(program)) if isinstance(n, ast.Constant)}
        assert set(texts.values()) <= constants  # as it was given, to the letter


PLAIN_CALLS = calls_in(program_of(everything()))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
ONE_LINE = ANY_TEXT.filter(lambda text: text.strip() and len(text.splitlines()) == 1)


@given(
    name=ANY_TEXT.filter(str.strip),
    sql=ANY_TEXT.filter(str.strip),
    table=ONE_LINE,
    path=ONE_LINE.filter(lambda path: "**" not in path and not list(path_errors(path))),
    column=ONE_LINE.filter(lambda text: text != "else" and len(text) <= MAX_PORT),  # an output, too
    marker=ANY_TEXT.map(lambda text: re.sub('[",;|\t\r\n]', "", text)[:20] or "x"),
    job_name=st.text(),
    tenant_id=st.text(),
)
def test_any_text_gives_a_program_with_the_same_calls(
    job_name: str, tenant_id: str, **texts: str
) -> None:
    program = program_of(everything(**texts), job_name=job_name, tenant_id=tenant_id)
    compile(program, "program.py", "exec")
    program.encode("utf-8")
    assert calls_in(program) == PLAIN_CALLS


def test_a_program_calls_nothing_that_could_run_other_code() -> None:
    calls = calls_in(program_of(everything()))
    for name in (
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "globals",
        "input",
    ):
        assert name not in calls
    nodes = {"Source", "Filter", "Map", "Expand", "Split", "Union", "Join", "Lookup", "Gather"}
    asked = {"where", "compute", "first", "split", "select", "unpivot"}
    gathered = {"sort", "distinct", "aggregate", "window", "pivot", "every"}
    nodes |= {"Output", "union", "join", "lookup", "Sql", "sql", "Python", "python"}
    nodes |= {f"batch.{call}" for call in asked} | {f"rows.{call}" for call in gathered}
    rows = {
        f"{does}_{what}"
        for does in ("read", "write")
        for what in ("rows", "csv", "parquet", "ndjson", "excel")
    }
    rows |= {"read_http", "by_cursor"}
    assert calls == nodes | rows | {"run", "main", "sys.exit"}


def test_a_template_prints_nothing_without_a_filter() -> None:
    template = TEMPLATES.from_string("{{ name }}")
    with pytest.raises(TypeError, match="without a filter"):
        template.render(name="import os")
    with pytest.raises(TypeError, match="without a filter"):
        TEMPLATES.from_string("{{ (name | literal) ~ name }}").render(name="x")
    with pytest.raises((jinja2.UndefinedError, TypeError)):
        TEMPLATES.from_string("{{ missing | literal }}").render()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_a_literal_evaluates_to_its_value(value: Any) -> None:
    assert ast.literal_eval(literal(value, 4)) == value


@given(st.text())
def test_a_comment_is_one_line(text: str) -> None:
    line = f"# {comment(text)}\n"
    assert ast.parse(line).body == []
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"x", {1, 2}])
def test_what_has_no_literal_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        literal(value)


def test_the_program_that_docs_programs_shows_is_the_one_that_is_made() -> None:
    shown = re.search(r"```python\n(.*?)```", (ROOT / "docs/programs.md").read_text(), re.DOTALL)
    types = {"id": "integer", "price": "numeric", "day": "date"}
    source = node(
        1,
        "csv_input",
        "Orders",
        path="orders.csv",
        types=[{"column": c, "type": t} for c, t in types.items()],
    )
    condition = "day >= date('2026-05-01') and country == 'DE'"
    total = {"column": "total", "expression": "round(price * 1.19, 2)"}
    made = program_of(
        chain(
            source,
            node(2, "filter", "Since May", condition=condition),
            node(3, "map", "Totals", columns=[total], keep="all"),
            node(
                4,
                "db_output",
                "Report",
                connection="sqlite:///report.db",
                table="report",
                mode="replace",
            ),
        )
    )
    assert shown is not None
    assert made[made.index("import sys\n") :] == shown[1]
