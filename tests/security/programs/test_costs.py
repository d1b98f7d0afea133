"""A small request is answered for a small price, however its graph is made, and its answer is small, too."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import jobs.graph.fields.checks
import jobs.graph.node_type
from jobs.graph.errors import MAX_MESSAGE, MOST_ERRORS, GraphInvalid
from jobs.graph.parsing import MAX_ENTRIES, MAX_EXPRESSIONS, parse_graph, parse_parts
from jobs.graph.rows.known import MOST_COLUMNS, Known
from jobs.http.body import json_object
from jobs.http.editing.columns import columns_document
from jobs.http.editing.source_columns import Sources
from jobs.program.generator import generate_program
from jobs.store.process_identity import cpu_seconds_of
from program_lib.expressions import Parsed, parse
from program_lib.types import INTEGER, Column, Schema
from settings.defaults import RequestLimits
from settings.shared import MAX_NODES
from tests.harness import Answer, Product, product_of_each_class
from tests.security.programs.worst_graphs import chained, node, worst_graphs

CPU = 3.0  # seconds; the worst takes 0.6 on an idle core, 1.6 beside eight busy processes, and took 20 before there were bounds
ANSWER = 150_000  # bytes; 100 errors, each of a few lines and with a name that JSON escapes
COLUMNS = 1_000_000  # bytes; of names 200,000 characters, and what stands about them
Document = dict[str, Any]

LARGEST = worst_graphs()
AT_THE_BOUND = worst_graphs(MAX_EXPRESSIONS, MAX_ENTRIES)

product = product_of_each_class("costs", TENANT_ID="*")


def all_work(document: Document) -> int:
    """Checks a graph and generates its program, as far as it comes; returns how many errors there were."""
    try:
        generate_program(parse_graph(document), job_id=1, tenant_id="acme", job_name="a job")
    except GraphInvalid as invalid:
        return invalid.count
    return 0


# ---------------------------------------------------------------- work


@pytest.mark.parametrize("name", LARGEST)
def test_no_graph_has_more_compiled_than_the_bound(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []

    def counting(text: str) -> Parsed:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(jobs.graph.fields.checks, "parse", counting)
    monkeypatch.setattr(jobs.graph.node_type, "parse", counting)
    all_work(LARGEST[name]())
    assert sum(parsed) <= 2 * MAX_EXPRESSIONS  # once for each field, once for its type
    assert len(parsed) <= 2 * MAX_ENTRIES


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("graphs", [LARGEST, AT_THE_BOUND], ids=["largest", "at the bound"])
def test_no_graph_costs_more_than_a_moment_of_a_core(
    graphs: Mapping[str, Callable[[], Document]],
) -> None:
    spent = {}
    for name, make in graphs.items():
        document = make()
        began = time.process_time()
        all_work(document)
        spent[name] = time.process_time() - began
    assert {name: seconds for name, seconds in spent.items() if seconds > CPU} == {}


def doubling() -> Document:
    """Joins of a node with itself: the names of the last would be 2**40."""
    first = node(
        1, "map", columns=[{"column": f"c{n}", "expression": "1"} for n in range(20)], keep="none"
    )
    nodes = [node(100, "csv_input", path="a.csv"), first]
    edges: list[Document] = [{"from": 100, "to": 1}]
    for number in range(2, 42):
        nodes.append(
            node(
                number, "join", how="inner", on=[{"left": "c0", "right": "c0"}], suffix=f"_{number}"
            )
        )
        edges += ({"from": number - 1, "to": number, "toPort": port} for port in ("left", "right"))
    return {"nodes": nodes, "edges": edges}


def misspelt() -> Document:
    """Each of as many names as there may be is none of as many columns, and nearly one."""
    wide = [{"column": f"{'ab' * 18}{n}", "expression": "1"} for n in range(500)]
    nodes = [node(2, "map", columns=wide, keep="none")]
    nodes += [node(n, "map", keep=[f"{'ab' * 18}x{k}" for k in range(50)]) for n in range(3, 100)]
    return chained(nodes)


WITH_COLUMNS = (
    "expressions: one letter",
    "of numeric: nested abs",
    "types of many files",
    "many queries",
    "paths of many parts",
    "the longest chain",
)
WIDE = Known.whole(Schema(Column(f"column {n:04}", INTEGER) for n in range(MOST_COLUMNS)))


@pytest.mark.parametrize(
    "make", [doubling, misspelt, *(AT_THE_BOUND[name] for name in WITH_COLUMNS)]
)
def test_what_is_told_of_columns_costs_no_more_than_a_moment(make: Callable[[], Document]) -> None:
    """However many columns the sources have."""
    began = time.process_time()
    parts = parse_parts(make())
    told = {n: WIDE for n, one in parts.nodes.items() if one and one.node_type.is_described}
    answer = columns_document(parts, Sources(told, {}, [], False))
    assert time.process_time() - began < CPU
    assert len(json.dumps(answer)) < COLUMNS


def test_what_is_at_the_bound_is_no_error_and_what_is_beyond_gets_one() -> None:
    expression = "x" * 2_000
    columns = [{"column": f"c{n}", "expression": expression} for n in range(25)]
    full = chained([node(2, "map", columns=columns)])
    assert all_work(full) == 0
    beyond = chained([node(2, "map", columns=columns), node(3, "filter", condition="y")])
    with pytest.raises(GraphInvalid, match="50,001 characters, at most 50,000 are allowed"):
        parse_graph(beyond)
    many = [node(n, "map", keep=[f"c{k}" for k in range(500)]) for n in range(2, 22)]
    assert all_work(chained(many)) == 0
    with pytest.raises(GraphInvalid, match="10,001 entries, at most 10,000 are allowed"):
        parse_graph(chained([*many, node(22, "csv_input", path="x", numbers=["a"])]))


def test_the_bounds_count_what_is_looked_at_only() -> None:
    """A text or a list that is refused by its own length keeps its own error, with its node and field."""
    long = chained([node(2, "filter", condition="x" * 60_000), node(3, "map", keep=["x"] * 20_000)])
    with pytest.raises(GraphInvalid) as caught:
        parse_graph(long)
    assert [(e.node_id, e.field) for e in caught.value.errors] == [(2, "condition"), (3, "keep")]


BODIES: dict[str, Callable[[], str]] = {
    "numbers": lambda: ",".join(["0"] * 500_000),
    "lists": lambda: ",".join(["[]"] * 330_000),
    "ladders": lambda: ",".join(["[" * 28 + "]" * 28] * 17_000),
    "members": lambda: ",".join(f'{{"{n:x}":0}}' for n in range(80_000)),
    "long numbers": lambda: ",".join(["9" * 308] * 3_200),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_costs_more_than_a_moment_of_a_core(body: Callable[[], str]) -> None:
    from flask import Flask

    text = f'{{"graph":[{body()}]}}'.encode()
    with Flask("a test").test_request_context(
        data=text, content_type="application/json", method="POST"
    ):
        began = time.process_time()
        json_object(RequestLimits())
    assert time.process_time() - began < CPU


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("name", LARGEST)
def test_the_errors_of_a_graph_are_bounded_in_number_and_in_length(name: str) -> None:
    invalid = refusal(LARGEST[name]())
    if invalid is not None:
        assert len(invalid.errors) == min(invalid.count, MOST_ERRORS)
        assert all(len(error.message) <= MAX_MESSAGE for error in invalid.errors)
        assert len(json.dumps([error.document() for error in invalid.errors])) < ANSWER
        assert len(str(invalid)) < ANSWER


def refusal(document: Document) -> GraphInvalid | None:
    try:
        parse_graph(document)
    except GraphInvalid as invalid:
        return invalid
    return None


def told(answer: Answer, count: int, *, status: int = 422) -> None:
    """Asserts that an answer holds the first errors of a graph and says how many there are."""
    assert answer.status == status
    problem = answer.json()
    assert problem["errorCount"] == count
    assert len(problem["errors"]) == min(count, MOST_ERRORS)
    assert f"{count:,} errors; the first: {problem['errors'][0]['message']}" in problem["detail"]
    assert len(answer.body) < ANSWER


def test_a_large_graph_with_many_errors_gets_a_small_answer(product: Product) -> None:
    document = LARGEST["unknown fields"]()
    count = all_work(document)
    assert count > 80_000
    checked = product.post("/api/jobs/validate", {"graph": document}, token=of(product))
    told(checked, count, status=200)
    job = product.post("/api/jobs", {"name": "x", "graph": document}, token=of(product))
    assert job.status == 201
    told(product.post(f"/api/jobs/{job.json()['id']}/execute", token=of(product)), count)
    asked = {"graph": document, "nodeId": MAX_NODES // 2}
    preview = product.post("/api/jobs/preview", asked, token=of(product))
    assert (preview.status, len(preview.json()["errors"])) == (422, MOST_ERRORS)
    assert len(preview.body) < ANSWER


def test_many_passwords_get_a_small_answer(product: Product) -> None:
    many = [{"id": 1, "config": {"connection": "a://b:c@d"}}] * 10_000
    for method, path in (
        ("POST", "/api/jobs"),
        ("POST", "/api/jobs/validate"),
        ("PUT", "/api/jobs/1"),
    ):
        body = {"name": "x", "graph": {"nodes": many}}
        told(product.request(method, path, body, token=of(product)), len(many))


def test_a_graph_that_costs_much_is_refused_at_once_by_each_route(product: Product) -> None:
    document = LARGEST["expressions: comparisons"]()
    began = cpu_seconds_of(product.worker_pid)
    last = document["nodes"][-1]["id"]
    for path, more in (("validate", {}), ("preview", {"nodeId": last})):
        answer = product.post(f"/api/jobs/{path}", {"graph": document, **more}, token=of(product))
        assert answer.status == (200 if path == "validate" else 422)
        [error] = answer.json()["errors"]
        assert "at most 50,000 are allowed" in error["message"]
    job = product.post("/api/jobs", {"name": "x", "graph": document}, token=of(product)).json()
    assert product.post(f"/api/jobs/{job['id']}/execute", token=of(product)).status == 422
    assert cpu_seconds_of(product.worker_pid) - began < CPU


# ---------------------------------------------------------------- lists of what is large

MEMORY = 200_000  # KB; a graph of a megabyte has ten when it is read, and a list may name hundreds


def fill(product: Product, jobs: int, runs: int) -> int:
    """Gives the tenant `lists` many jobs of a graph as large as can be, and one of them runs of it; its id."""
    graph = json.dumps(LARGEST["names: different"]())
    job = "INSERT INTO jobs (tenant_id, name, graph, created_at, updated_at) VALUES ('lists', 'x', ?, 1, 1)"
    run = (
        "INSERT INTO runs (run_id, tenant_id, job_id, job_name, status, graph, program, request_hash, created_at,"
        " queued_at, beat) VALUES (?, 'lists', ?, 'x', 'completed', ?, '', '', ?, 1, 0)"
    )
    with contextlib.closing(sqlite3.connect(product.data_dir / "progress.db", timeout=30)) as base:
        made = base.execute(job, [graph]).lastrowid
        base.executemany(job, [[graph]] * (jobs - 1))
        base.executemany(run, [(f"{n:032x}", made, graph, n) for n in range(1, runs + 1)])
        base.commit()
    assert made is not None
    return made


def test_lists_of_large_graphs_take_little_memory_and_time(product: Product) -> None:
    jobs, runs = 100, 80
    job_id = fill(product, jobs, runs)
    token = of(product, "lists")
    memory, began = peak_memory(product.worker_pid), cpu_seconds_of(product.worker_pid)
    assert len(product.get("/api/jobs", token=token).json()["jobs"]) == jobs
    page = product.get(f"/api/jobs/{job_id}/runs?limit=500", token=token).json()["runs"]
    assert 30 <= len(page) < runs
    assert cpu_seconds_of(product.worker_pid) - began < CPU
    assert peak_memory(product.worker_pid) - memory < MEMORY
    seen = []
    while page:
        seen += [run["runId"] for run in page]
        before = page[-1]["createdAt"]
        path = f"/api/jobs/{job_id}/runs?limit=500&before={before}"
        page = product.get(path, token=token).json()["runs"]
    assert seen == [f"{n:032x}" for n in range(runs, 0, -1)], "page by page none is missing"


def peak_memory(pid: int) -> int:
    """KB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def of(product: Product, tenant_id: str = "acme") -> str:
    return product.token(tenant_id=tenant_id)
