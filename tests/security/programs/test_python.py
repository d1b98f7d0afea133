"""Python nodes: off unless the operator allows them, never run by the web server, and as confined as docs/python.md says."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.fields import code
from jobs.graph.fields.code import MAX_CODE, NOT_ALLOWED, code_errors
from jobs.graph.node_types import NODE_TYPES, node_types_document
from jobs.graph.parsing import parse_graph
from jobs.sandbox import landlock
from jobs.sandbox.allowance import CodeNotAllowed
from jobs.sandbox.environment import reading_environment
from tests.harness import IN_CI, ROOT, Product, eventually, running_product
from tests.programs import allowance, chain, execute, node

PLAIN = "def transform(row):\n    return {'x': 'run'}\n"
COLUMNS = [{"column": "x", "type": "text"}]


def job(text: str = PLAIN, **more: Any) -> dict[str, Any]:
    source = node(1, "csv_input", path="in.csv")
    made = node(2, "python", code=text, columns=COLUMNS, keep="none", **more)
    return chain(source, made, node(3, "csv_output", path="out.csv"))


# ------------------------------------------------ off


@pytest.fixture
def off() -> Iterator[None]:
    code.allow_code(False)
    yield
    code.allow_code(True)


def test_it_is_off_unless_somebody_says_so() -> None:
    asked = "from jobs.graph.fields.code import is_code_allowed; print(is_code_allowed())"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n"
    assert not allowance().rules.python_nodes


def test_where_it_is_off_no_graph_with_it_is_taken_and_no_program_started(
    off: None, tmp_path: Path
) -> None:
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(job())
    [error] = refused.value.errors
    assert (error.node_id, error.field, error.message) == (2, "type", NOT_ALLOWED)
    offered = {entry["name"] for entry in node_types_document()}
    assert offered == set(NODE_TYPES) - {"python"}
    for hidden in ({"type": "python"}, {"id": "x", "type": "python"}, {**job()["nodes"][1]}):
        with pytest.raises(CodeNotAllowed, match="PYTHON_NODES=on"):
            reading_environment("default", {"nodes": [5, hidden]}, tmp_path, allowance())


def test_a_job_that_was_stored_while_it_was_on_does_not_run_once_it_is_off(
    tmp_path: Path, shop_database: Path
) -> None:
    data = tmp_path / "data"
    with running_product(data, shop_database, SAMPLE_ORDERS="0", PYTHON_NODES="on") as product:
        (data / "in.csv").write_text("a\n1\n")
        job_id = product.create_job({"name": "mine", "graph": job()})
        assert product.run_end(product.execute(job_id))["status"] == "completed"
        assert (data / "out.csv").read_text() == "x\nrun\n"
        (data / "out.csv").unlink()
        shown = product.ask_runner("/api/jobs/preview", {"graph": job(), "nodeId": 2})
        assert shown.json()["rows"] == [["run"]]
        failing = job("def transform(row):\n    return {'x': row['b']}\n")
        [error] = product.ask_runner("/api/jobs/preview", {"graph": failing, "nodeId": 2}).json()[
            "errors"
        ]
        assert (error["nodeId"], error["field"]) == (2, "code")
        assert error["message"].startswith(
            "KeyError: 'b' (line 2 of its code: return {'x': row['b']}) ("
        )
    with running_product(data, shop_database, SAMPLE_ORDERS="0") as product:
        names = {entry["name"] for entry in product.get("/api/node-types").json()["nodeTypes"]}
        assert "sql" in names
        assert "python" not in names
        asked: list[tuple[str, Any]] = [
            (f"/api/jobs/{job_id}/execute", {}),
            ("/api/jobs", {"name": "another", "graph": job()}),
            ("/api/jobs/validate", {"graph": job()}),
            ("/api/jobs/preview", {"graph": job(), "nodeId": 2}),
        ]
        for path, body in asked:
            answer = product.post(path, body)
            assert answer.status == 422, (path, answer.status)
            assert "PYTHON_NODES" in str(answer.json()), path
        assert not (data / "out.csv").exists()


# ------------------------------------------------ never run to be checked, and checked within bounds


def test_the_web_server_compiles_it_and_runs_nothing_of_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    hostile = f"open({str(made)!r}, 'w')\n@print\nclass A(metaclass=print): pass\ndef transform(row=open({str(made)!r}, 'w')): pass\n"  # fmt: skip
    assert list(code_errors(hostile)) == []
    parse_graph(job(hostile))
    assert not made.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def transform(row)\n  pass", "is no Python: expected ':' (line 1, column 19)"),
        ("x = 1", "defines no function transform: begin it with def transform(row):"),
        ("def other():\n    def transform(row): pass", "defines no function transform"),
        ("async def transform(row): pass", "defines transform as async"),
        ("def transform(): pass", "defines transform without an argument"),
        ("def transform(row): pass\nx = '\\d'", None),  # a warning, and no error
        ("def transform(*rows): pass", None),
        ("transform = print", None),
        ("x" * (MAX_CODE + 1), "has 20,001 characters, at most 20,000 are allowed"),
        ("def transform(row): pass\x00", "holds a character that cannot be stored"),
        ("x=" + "(" * 9_000 + "1" + ")" * 9_000, "too many nested parentheses"),
        ("x=" + "-" * 19_000 + "1", "is nested too deeply"),
        ("x=" + "lambda:" * 2_800 + "1", "has 2800 lambdas, at most 100 are allowed"),
        ("x=" + "f(" * 90 + ")" * 90 + "9" * 5_000, "is no Python"),
        ("if a: pass\n" + "elif a: pass\n" * 1_400, "defines no function transform"),
        ("x = 9**9**9; y = 'a' * 10**9; z = (1,) * 10**8; w = 1 << 10**9", "defines no function"),
        ("\n".join(" " * n + "if a:" for n in range(150)), "is no Python: too many levels of indentation"),
    ],
    ids=range(17),
)  # fmt: skip
def test_hostile_code_costs_little_and_is_told_of(text: str, told: str | None) -> None:
    field = next(of for of in NODE_TYPES["python"].fields if of.kind == "python")
    errors = list(field.errors(text))
    assert len(errors) == (told is not None), errors
    assert told is None or told in errors[0]


def test_all_code_of_a_graph_counts_as_its_expressions_do() -> None:
    text = PLAIN + "#" * (MAX_CODE - len(PLAIN))
    many = [node(n, "python", code=text, columns=COLUMNS) for n in (2, 3, 4)]
    with pytest.raises(GraphInvalid, match="all expressions together have 60,000 characters"):
        parse_graph(chain(node(1, "csv_input", path="in.csv"), *many))


# ------------------------------------------------ what it reaches

OURS, THEIRS = "acme", "globex"
REACHES = """
import os, socket, subprocess
DATA = os.path.realpath(os.getcwd() + "/../..")

def read(path):
    with open(path, "rb") as file:
        return file.read(50)

def connect():
    with socket.create_connection(("127.0.0.1", PORT), timeout=5):
        pass

TRIES = {
    "own files": lambda: read(os.environ["DATA_DIR"] + "/in.csv"),
    "the passwords of connections that the graph names": lambda: os.environ["CONNECTION_NAMED"],
    "the network": connect,
    "the credential of the run on NATS": lambda: os.environ["NATS_URL"].index("@"),
    "passwords of other connections": lambda: os.environ["CONNECTION_OTHER"],
    "files of another tenant": lambda: read(f"{DATA}/tenants/globex/in.csv"),
    "the secret of tokens": lambda: read(f"{DATA}/jwt_secret"),
    "the password of NATS": lambda: read(f"{DATA}/nats_password"),
    "the database": lambda: read(f"{DATA}/progress.db"),
    "the runner's environment": lambda: read(f"/proc/{os.getppid()}/environ"),
    "other runs": lambda: os.listdir(f"{DATA}/runs"),
    "other programs": lambda: subprocess.run(["/bin/true"], check=True),
}

def attempt(name):
    try:
        TRIES[name]()
        return "reached"
    except Exception as error:
        return type(error).__name__

def transform(row):
    return [{"x": name + "," + attempt(name)} for name in TRIES]
"""
REACHED = {
    "own files",
    "the passwords of connections that the graph names",
    "the network",
    "the credential of the run on NATS",
}


@pytest.mark.skipif(not landlock.abi() and not IN_CI, reason="this kernel offers no Landlock")
def test_its_code_reaches_what_the_document_says_and_nothing_else(
    tmp_path: Path, shop_database: Path
) -> None:
    named = tmp_path / "named" / "shop.db"
    named.parent.mkdir()
    execute(named, "CREATE TABLE t (a INTEGER)")
    settings = {
        "TENANT_ID": "*",
        "PYTHON_NODES": "on",
        "SAMPLE_ORDERS": "0",
        "CONNECTION_NAMED": f"sqlite:///{named}",
        "CONNECTION_TENANTS_NAMED": OURS,
        "CONNECTION_OTHER": "postgresql://u:0ther@db.invalid/x",
        "CONNECTION_TENANTS_OTHER": OURS,
    }
    with running_product(tmp_path / "data", shop_database, **settings) as product:
        for tenant in (OURS, THEIRS):
            directory = product.data_dir / "tenants" / tenant
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "in.csv").write_text("a\n1\n")
        found = reached(product)
    assert {name for name, result in found.items() if result == "reached"} == REACHED, found
    document = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    assert [name for name in found if name not in document] == []


def reached(product: Product) -> dict[str, str]:
    """What a node's code tried as a run of acme, whose graph names a connection: name → "reached", or the error."""
    document = job(REACHES.replace("PORT", str(product.api_port)))
    document["nodes"] += [
        node(4, "db_input", connection="named", table="t"),
        node(5, "csv_output", path="t.csv"),
    ]
    document["edges"].append({"from": 4, "to": 5})
    token = product.token(tenant_id=OURS)
    made = product.post("/api/jobs", {"name": "hostile", "graph": document}, token=token).json()
    started = product.post(f"/api/jobs/{made['id']}/execute", {}, token=token).json()

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = product.get(f"/api/runs/{started['runId']}", token=token).json()
        return run if run["status"] not in ("queued", "running") else None

    run = eventually(ended, 60.0, what="the run ends", interval=0.1)
    assert run is not None
    assert run["status"] == "completed", run
    with (product.data_dir / "tenants" / OURS / "out.csv").open(newline="") as file:
        told = [line["x"].partition(",") for line in csv.DictReader(file)]
    return {name: result for name, _, result in told}
