"""Nodes with several ports as an attacker uses them: names of ports, columns and keys, and what a join may cost."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import MAX_EXPRESSIONS, parse_graph
from program_lib.join import JoinQuery, JoinSettings
from program_lib.types import INTEGER, Column, Schema
from tests.harness import StartProduct
from tests.programs import Outcome, graph, node, program_of, run

ATTACKS = [
    "'); import os; os.system('id'); ('",
    '"]}); import os #',
    "\\",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "x'; DROP TABLE left_rows; --",
    '"; ATTACH \'/etc/passwd\' AS p; --',
    "read_csv('/etc/passwd')",
    "\x1b[2J\x07",
    "\u202egnp.exe",
    "__proto__",
    "</script><script>alert(1)</script>",
    "é" * 40,
]  # fmt: skip


def with_names(name: str) -> dict[str, Any]:
    """A graph in which a user chose each name of a port, a column, a key and a suffix."""
    port = name[:40]
    nodes = [
        node(1, "csv_input", path="left.csv"),
        node(2, "csv_input", path="right.csv"),
        node(3, "split", name, branches=[{"port": port, "condition": "True"}]),
        node(4, "join", name, how="left", on=[{"left": name, "right": name}], suffix=name),
        node(5, "lookup", on=[{"left": name, "right": name}], columns=["more"]),
        node(6, "csv_output", path="out.csv"),
    ]
    return graph(
        nodes,
        [(1, 3), (3, 4, port, "left"), (2, 4, "", "right"), (4, 5), (2, 5, "", "table"), (5, 6)],
    )


def ran(document: dict[str, Any], folder: Path, name: str) -> Outcome:
    head = '"' + name.replace('"', '""') + '"'
    (folder / "left.csv").write_text(f"{head},other\n1,a\n2,b\n", encoding="utf-8")
    (folder / "right.csv").write_text(f"{head},other,more\n2,c,d\n", encoding="utf-8")
    return run(document, folder)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_is_a_name_in_the_program_and_in_sql(name: str, tmp_path: Path) -> None:
    document = with_names(name)
    tree = ast.parse(program_of(document))
    calls = {ast.unparse(c.func) for c in ast.walk(tree) if isinstance(c, ast.Call)}
    assert calls == {
        "read_csv", "write_csv", "batch.split", "join", "lookup", "main", "run", "sys.exit",
        "Source", "Split", "Join", "Lookup", "Output",
    }  # fmt: skip
    document["nodes"][4]["config"]["columns"] = []  # the join gives `more` already
    done = ran(document, tmp_path, name)
    assert done.code == 0, done.stderr
    rows = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1:] == ["1,a,,", "2,b,c,d"]
    assert done.last(3)["ports"] == {name[:40]: 2, "else": 0}


def test_a_line_end_or_a_nul_in_a_name_is_refused() -> None:
    for name in ("a\nb", "a\0b", "a\u2028b", "\ud800"):
        with pytest.raises(GraphInvalid):
            parse_graph(with_names(name))


def test_sql_holds_no_text_of_a_user() -> None:
    schema = Schema([Column("x' OR 1=1; --", INTEGER), Column('"', INTEGER)])
    settings = JoinSettings("full", [("x' OR 1=1; --", '"')], "'; --", "exactly one")
    query = JoinQuery(schema, schema, settings)
    made = (
        query.of_left_rows(), query.of_right_rows_alone(), query.first_with_several(), query.first_with_none(),
    )  # fmt: skip
    for sql in made:
        assert "OR 1=1" not in sql
        assert ";" not in sql
        assert "--" not in sql


def test_conditions_of_a_split_count_as_expressions_of_the_graph() -> None:
    condition = "n > 1" + " or n > 2" * 100
    branches = [{"port": f"p{i}", "condition": condition} for i in range(20)]
    each = 20 * len(condition)
    count = MAX_EXPRESSIONS // each + 1
    nodes = [node(1, "csv_input", path="a.csv")]
    nodes += [node(n, "split", branches=branches) for n in range(2, count + 2)]
    document = graph(nodes, [(1, entry["id"]) for entry in nodes[1:]])
    with pytest.raises(GraphInvalid, match="all expressions together have"):
        parse_graph(json.loads(json.dumps(document)))


def test_a_port_of_a_megabyte_is_told_in_a_line() -> None:
    document = graph(
        [node(1, "csv_input", path="a"), node(2, "csv_output", path="b")], [(1, 2, "x" * 10**6)]
    )
    with pytest.raises(GraphInvalid) as caught:
        parse_graph(document)
    assert len(str(caught.value)) < 500


def test_a_confined_program_joins_and_its_run_tells_the_rows_of_each_output(
    start_product: StartProduct,
) -> None:
    server = start_product(SAMPLE_ORDERS="0")
    numbers = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 300)"
    memory = {"connection": "sqlite:///:memory:"}
    document = graph(
        [
            node(1, "db_input", sql=f"{numbers} SELECT CAST(n AS INTEGER) AS n FROM c", **memory),
            node(
                2,
                "db_input",
                sql="SELECT CAST(7 AS INTEGER) AS n, CAST('x' AS TEXT) AS v",
                **memory,
            ),
            node(3, "join", how="left", on=[{"left": "n", "right": "n"}]),
            node(4, "split", branches=[{"port": "found", "condition": "v is not None"}]),
            node(5, "csv_output", path="found.csv"),
        ],
        [(1, 3), (2, 3, "", "right"), (3, 4), (4, 5)],
    )
    run_id = server.execute(server.create_job({"name": "joins", "graph": document}))
    assert server.run_end(run_id)["status"] == "completed"
    nodes = {entry["nodeId"]: entry for entry in server.get(f"/api/runs/{run_id}").json()["nodes"]}
    assert nodes[3]["rowCount"] == 300
    assert nodes[4]["ports"] == {"found": 1, "else": 299}
    assert "ports" not in nodes[3]
    assert (server.data_dir / "found.csv").read_text() == "n,v\n7,x\n"
