"""Programs whose nodes reject rows: real files and SQLite databases, all or nothing, and previews."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.documents.feeding import feeding_part, rejecting_nodes
from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_preview
from tests.harness import eventually
from tests.programs import execute, graph, node, outcome, program_of, rows_of, run, start

INTEGERS = [{"column": "id", "type": "integer"}, {"column": "n", "type": "integer"}]
SHARE = [{"column": "share", "expression": "100 // n"}]
SHOP = "sqlite:///shop.db"


def orders(**config: Any) -> dict[str, Any]:
    return node(1, "csv_input", "Orders", path="orders.csv", types=INTEGERS, **config)


def to_tables(**limits: int) -> dict[str, Any]:
    """Good rows and rejected ones, each to a table of one database; lines that hold no numbers to a file."""
    nodes = [
        orders(),
        node(2, "map", "Share", columns=SHARE, **limits),
        node(3, "db_output", "Good", connection=SHOP, table="good"),
        node(4, "db_output", "Bad", connection=SHOP, table="bad"),
        node(5, "csv_output", "Lines", path="lines.csv"),
    ]
    return graph(nodes, [(1, 2), (2, 3), (2, 4, "rejected"), (1, 5, "rejected")])


def put(directory: Path, *lines: str) -> None:
    (directory / "orders.csv").write_text("".join(f"{line}\n" for line in ("id,n", *lines)))


def test_a_program_says_who_rejects_and_how_much() -> None:
    program = program_of(to_tables(reject_limit=5, reject_share=10))
    assert "from program_lib.rejects import Rejects\n" in program
    made = "".join(program.split())
    assert 'Source(1,"Orders",orders,feeds={"":[2],"rejected":[5]},rejects=Rejects(1000)),' in made
    assert 'Map(2,"Share",share,feeds={"":[3],"rejected":[4]},rejects=Rejects(5,share=10)),' in made
    without = to_tables(reject_limit=5)
    without["edges"] = [edge for edge in without["edges"] if "fromPort" not in edge]
    without["nodes"] = without["nodes"][:3]
    program = program_of(without)
    assert "reject" not in program.lower()
    assert 'Map(2, "Share", share, feeds=[3])' in program


def test_good_rows_and_rejected_ones_go_to_tables_and_files_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, "1,5", "2,0", "x,1", "3,", "4,0", "5,1")
    done = run(to_tables(), tmp_path)
    assert done.code == 0, done.stderr
    assert rows_of(tmp_path / "shop.db", "SELECT * FROM good") == [(1, 5, 20), (3, None, None), (5, 1, 100)]  # fmt: skip
    zero = "division by zero (in 100 // n)"
    assert rows_of(tmp_path / "shop.db", "SELECT * FROM bad") == [
        (2, 0, zero, "n", 2, "line 3 of orders.csv"),
        (4, 0, zero, "n", 5, "line 6 of orders.csv"),
    ]
    assert (tmp_path / "lines.csv").read_text().splitlines()[1:] == [
        "x,1,'x' is not a whole number,id,3,line 4 of orders.csv"
    ]
    assert done.last(2)["ports"] == {"rejected": 2}
    assert [done.state(number)[1] for number in range(1, 6)] == [5, 3, 3, 2, 1]


def test_nothing_is_written_when_too_many_rows_fail(tmp_path: Path) -> None:
    put(tmp_path, "1,5", "2,0", "x,1", "4,0")
    done = run(to_tables(reject_limit=1), tmp_path)
    assert done.code == 1
    assert done.reason(2).startswith("2 rows failed, and no more than 1 may be rejected; the last")
    assert "(line 5 of orders.csv: id=4, n=0)" in done.reason(2)
    assert rows_of(tmp_path / "shop.db", "SELECT name FROM sqlite_master") == []
    assert not (tmp_path / "lines.csv").exists()
    assert "Traceback" in done.stderr


def test_rows_that_a_table_refuses_go_elsewhere_and_their_neighbours_are_written(
    tmp_path: Path,
) -> None:
    execute(
        tmp_path / "shop.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 50))",
        "INSERT INTO t VALUES (3, 0)",
    )
    put(tmp_path, *(f"{i},{'' if i == 7 else 60 if i == 9 else 1}" for i in range(1, 12)), "1,2")
    nodes = [
        orders(),
        node(2, "db_output", "T", connection=SHOP, table="t", mode="append"),
        node(3, "db_output", "Bad", connection=SHOP, table="bad"),
    ]
    done = run(graph(nodes, [(1, 2), (2, 3, "rejected")]), tmp_path)
    assert done.code == 0, done.stderr
    assert rows_of(tmp_path / "shop.db", "SELECT id FROM t") == [(i,) for i in (1, 2, 3, 4, 5, 6, 8, 10, 11)]  # fmt: skip
    refused = rows_of(tmp_path / "shop.db", "SELECT id, reject_row, reject_place FROM bad")
    assert refused == [(i, row, f"line {row + 1} of orders.csv") for i, row in ((3, 3), (7, 7), (9, 9), (1, 12))]  # fmt: skip
    reasons = [
        reason for (reason,) in rows_of(tmp_path / "shop.db", "SELECT reject_reason FROM bad")
    ]
    assert ["UNIQUE" in reasons[0], "CHECK" in reasons[2], "UNIQUE" in reasons[3]] == [True] * 3
    assert done.last(2)["message"] == "8 rows written, 4 rejected"
    assert done.last(2)["ports"] == {"rejected": 4}


def test_a_csv_file_has_the_rows_that_its_encoding_has(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("name\nann\n日本\nÿ\n")
    nodes = [
        node(1, "csv_input", path="in.csv"),
        node(2, "csv_output", path="out.csv", encoding="latin-1"),
        node(3, "csv_output", path="bad.csv"),
    ]
    done = run(graph(nodes, [(1, 2), (2, 3, "rejected")]), tmp_path)
    assert done.code == 0, done.stderr
    assert (tmp_path / "out.csv").read_text("latin-1") == "name\nann\nÿ\n"
    [bad] = (tmp_path / "bad.csv").read_text().splitlines()[1:]
    assert bad.startswith("日本,")
    assert bad.endswith(",name,2,line 3 of in.csv")


def test_members_of_json_that_have_not_their_type_are_rejected_as_text(tmp_path: Path) -> None:
    lines = [{"id": "x", "n": [1, "ü"]}, {"id": 2}, {"id": 3, "n": "a\nb"}]
    written = "".join(f"{json.dumps(line)}\n" for line in lines)
    (tmp_path / "in.ndjson").write_text('{"id": 1, "n": 1e2}\n' + written)
    nodes = [
        node(1, "ndjson_input", path="in.ndjson", types=INTEGERS),
        node(2, "ndjson_output", path="good.ndjson"),
        node(3, "ndjson_output", path="bad.ndjson"),
    ]
    done = run(graph(nodes, [(1, 2), (1, 3, "rejected")]), tmp_path)
    assert done.code == 0, done.stderr
    good, bad = (
        (tmp_path / name).read_text().splitlines() for name in ("good.ndjson", "bad.ndjson")
    )
    assert [json.loads(line) for line in good] == [{"id": 1, "n": 100}, {"id": 2, "n": None}]
    assert [list(json.loads(line).values()) for line in bad] == [
        ["x", '[1, "\\u00fc"]', "'x' is not a whole number", "id", 2, "line 2 of in.ndjson"],
        ["3", "a\nb", "'a\\nb' is not a whole number", "n", 4, "line 4 of in.ndjson"],
    ]


def test_a_value_that_select_cannot_retype_is_rejected(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i},{i}" for i in range(1, 300)), "300,x", "301,301")
    columns = [{"column": "id", "type": "integer"}, {"column": "n", "type": "integer"}]
    nodes = [
        node(1, "csv_input", path="orders.csv"),
        node(2, "select", columns=columns),
        node(3, "csv_output", path="good.csv"),
        node(4, "csv_output", path="bad.csv"),
    ]
    done = run(graph(nodes, [(1, 2), (2, 3), (2, 4, "rejected")]), tmp_path)
    assert done.code == 0, done.stderr
    assert done.state(2) == ("completed", 300)
    [bad] = (tmp_path / "bad.csv").read_text().splitlines()[1:]
    assert bad.startswith("300,x,")
    assert bad.endswith(",n,300,line 301 of orders.csv")


def test_a_run_that_is_stopped_leaves_no_rejected_rows_behind(
    tmp_path: Path, slow_pipe: threading.Event
) -> None:
    columns = [{"column": "x", "expression": "1 // (int(n) % 1000)"}]
    nodes = [
        node(1, "csv_input", path="in.csv"),
        node(2, "map", columns=columns, reject_limit=1_000_000),
        node(3, "csv_output", path="good.csv"),
        node(4, "csv_output", path="bad.csv"),
    ]
    process = start(graph(nodes, [(1, 2), (2, 3), (2, 4, "rejected")]), tmp_path)
    progress = tmp_path / "progress.jsonl"
    eventually(lambda: progress.exists() and '"rejected": 3' in progress.read_text())
    process.send_signal(signal.SIGTERM)
    assert outcome(process, tmp_path).code == 143
    assert not list(tmp_path.glob("*good*")) + list(tmp_path.glob("*bad*"))


# ---------------------------------------------------------------- graphs and previews


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        ([(1, 2), (2, 3), (2, 4, "refused")], "node 2: the edge 2 → 4 names an output 'refused' of Map: it has one without a name, 'rejected'"),
        ([(1, 2), (2, 3), (3, 4)], "node 3: DB Output gives no rows but those that it rejects, by its output 'rejected', but an edge leads from it"),
        ([(1, 2), (2, 3), (3, 4, "rejected"), (3, 2, "rejected")], "node 2: the edges 2 → 3 → 2 form a cycle"),
    ],
)  # fmt: skip
def test_a_wrong_way_to_reject_is_one_error(edges: list[Any], told: str) -> None:
    document = to_tables()
    document["nodes"].pop()
    with pytest.raises(GraphInvalid) as caught:
        parse_graph(graph(document["nodes"], edges))
    assert [str(error) for error in caught.value.errors] == [told]


@pytest.mark.parametrize(("limits", "told"), [({"reject_share": 101}, "between 0 and 100"), ({"reject_limit": -1}, "between 0 and")])  # fmt: skip
def test_limits_are_checked(limits: dict[str, int], told: str) -> None:
    with pytest.raises(GraphInvalid, match=told):
        parse_graph(to_tables(**limits))


def test_rejected_rows_of_a_source_are_known_as_texts_and_those_of_a_step_as_they_came() -> None:
    nodes = [
        orders(),
        node(2, "map", columns=[{"column": "n", "expression": "str(n)"}]),
        node(3, "filter", condition="n == 'x'"),
        node(4, "csv_output", path="out.csv"),
    ]
    parse_graph(graph(nodes, [(1, 3, "rejected"), (1, 2), (3, 4)]))
    with pytest.raises(GraphInvalid, match="node 3"):
        parse_graph(graph(nodes, [(1, 2), (2, 3, "rejected"), (3, 4)]))


def test_an_output_of_a_split_that_is_called_rejected_stays_what_it_was() -> None:
    branches = [{"port": "rejected", "condition": "n > 1"}]
    nodes = [
        orders(),
        node(2, "split", "Ways", branches=branches),
        node(3, "csv_output", path="a.csv"),
    ]
    program = program_of(graph(nodes, [(1, 2), (2, 3, "rejected")]))
    assert 'Split(2, "Ways", ways, feeds={"rejected": [3]})' in program


def test_a_preview_leaves_rejected_rows_out_or_shows_them_where_they_lead() -> None:
    document = to_tables()
    for node_id, fed in ((3, "Map(2, \"Share\", share, feeds=[0], rejects=Rejects(1000))"), (2, "Map(2, \"Share\", share, feeds=[0], rejects=Rejects(1000))"), (4, 'Map(2, "Share", share, feeds={"rejected": [0]}, rejects=Rejects(1000))')):  # fmt: skip
        part, last = feeding_part(document, node_id)
        assert rejecting_nodes(document) == [1, 2]
        program = generate_preview(parse_graph(part), last=last, rows=5, seconds=1.0, rejecting=rejecting_nodes(document))  # fmt: skip
        assert fed in program
        assert 'Source(1, "Orders", orders, feeds=[2], rejects=Rejects(1000))' in program


def test_what_an_output_rejects_has_no_preview() -> None:
    document = to_tables()
    document["edges"] = [edge for edge in document["edges"] if edge["to"] != 5]
    document["edges"].append({"from": 3, "to": 5, "fromPort": "rejected"})
    with pytest.raises(GraphInvalid, match="what node 3 rejects is seen when the job runs"):
        feeding_part(document, 5)
