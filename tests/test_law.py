"""Who may import whom, and that each folder can be looked over: read from the code itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT

BELOW = {
    "progress_lib": set(),
    "program_lib": {"progress_lib"},
    "settings": {"progress_lib"},
    "web": {"logs", "progress_lib", "settings"},
    "logs": set(),
    "metrics": set(),
    "traces": set(),
    "described": {"progress_lib"},
    "realtime": {"described", "logs", "metrics", "progress_lib", "settings", "web"},
    "jobs": {"described", "logs", "metrics", "progress_lib", "program_lib", "settings", "traces"},
    "hosting": {
        "logs",
        "metrics",
        "progress_lib",
        "program_lib",
        "settings",
        "web",
        "jobs",
        "realtime",
        "scripts",
    },
    "bench": {
        *(
            "progress_lib",
            "program_lib",
            "settings",
            "web",
            "jobs",
            "realtime",
            "scripts",
            "hosting",
        ),
    },
    "soak": {
        *(
            "progress_lib",
            "program_lib",
            "settings",
            "web",
            "jobs",
            "realtime",
            "scripts",
            "hosting",
        ),
        "bench",
    },
}
IN_PROGRAM_LIB = {  # of its parts those that the web server imports, and those that nodes stand on
    "types": set(),
    "errors": set(),
    "common_types": {"types", "errors"},
    "network": set(),
    "notation": set(),
    "process": set(),
    "parameters": {"types", "errors", "network"},
    "expressions": {"types", "errors", "parameters"},
    "ports": {"types"},
    "texts": {"types", "errors"},
    "stores": {"errors", "process"},
    "files": {"types", "errors", "common_types", "notation", "ports", "process", "stores", "texts"},
    "pieces": {"ports"},
    "rejects": {"types"},
    "columns": {"types", "errors", "common_types", "ports", "texts"},
    "csv_files": {"notation", "types", "errors", "files", "ports", "pieces", "columns", "texts", "two_threads", "stores"},
    "ndjson_files": {"types", "errors", "files", "ports", "pieces", "columns", "texts", "csv_files", "stores"},
    "parquet_files": {"types", "errors", "files", "ports", "pieces", "texts", "stores"},
    "excel_files": {"notation", "types", "errors", "files", "ports", "pieces", "columns", "texts", "process", "csv_files", "stores"},
    "databases": {"types", "errors", "files", "ports", "texts", "csv_files", "process", "two_threads", "write_modes", "parameters"},
    "http_service": {"network", "types", "errors", "ports", "pieces", "columns", "process", "notation", "ndjson_files"},
    "write_modes": set(),
}  # fmt: skip
IN_JOBS = {
    "graph": set(),
    "program": {"graph"},
    "store": {"graph"},
    "work": {"graph", "program", "store"},
    "webhooks": {"store", "work"},
    "sandbox": {"graph", "store", "work"},
    "run": {"graph", "program", "store", "work", "webhooks", "sandbox"},
    "http": {"graph", "program", "store", "work", "webhooks"},
    "runner": {"graph", "program", "store", "work", "webhooks", "sandbox", "run"},
}
MOST_MODULES = 15  # in a folder: one with more has chapters, which are folders
LISTS = {"jobs/graph/nodes"}  # a file a node type, looked up by its name
OURS = {
    "app",
    "bench",
    "described",
    "gunicorn",
    "hosting",
    "jobs",
    "logs",
    "metrics",
    "program_lib",
    "progress_lib",
    "realtime",
    "scripts",
    "settings",
    "soak",
    "traces",
    "web",
}


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it: "jobs.store.records", or "jobs.store" for a name of it."""
    for found in ast.walk(ast.parse(file.read_text())):
        if isinstance(found, ast.ImportFrom):
            yield from (f"{found.module}.{name.name}" for name in found.names)
        elif isinstance(found, ast.Import):
            yield from (name.name for name in found.names)


def files_of(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py")) or [ROOT / f"{part}.py"]


def test_a_folder_with_many_modules_has_chapters() -> None:
    modules = (file for part in (*BELOW, "static") for file in (ROOT / part).rglob("*.[jp][sy]"))
    folders = Counter(
        str(file.parent.relative_to(ROOT)) for file in modules if file.stem != "__init__"
    )
    many = {folder for folder, count in folders.items() if count > MOST_MODULES}
    assert many == LISTS


@pytest.mark.parametrize("package", BELOW)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    for file in files_of(package):
        known = {name.split(".")[0] for name in imported(file)} & (OURS - {"gunicorn"})
        assert known <= BELOW[package] | {package}, file


@pytest.mark.parametrize("part", IN_PROGRAM_LIB)
def test_a_part_of_program_lib_imports_only_those_before_it(part: str) -> None:
    for file in files_of(f"program_lib/{part}"):
        names = (name for name in imported(file) if name.startswith("program_lib."))
        assert {name.split(".")[1] for name in names} <= IN_PROGRAM_LIB[part] | {part}, file


HEAVY = ("duckdb", "pyarrow", "numpy", "psycopg", "pymysql")  # what programs compute and move with


# What a process would import for nothing when it starts: each takes 10 to 400 ms of a core
NEVER = (*HEAVY, "alembic", "sqlalchemy.dialects.postgresql", "opentelemetry")
FOR_NOTHING = {
    "app": NEVER,
    "jobs.runner": (*NEVER, "flask", "jinja2", "jwt"),
    "hosting.start.launch": (*NEVER, "sqlalchemy", "flask", "jinja2", "jwt"),
    "hosting.embedded.supervisor": (
        *NEVER,
        "sqlalchemy",
        "flask",
        "jinja2",
        "jwt",
        "urllib.request",
    ),
}


@pytest.mark.parametrize("module", FOR_NOTHING)
def test_a_process_imports_only_what_it_needs_and_starts_no_thread(module: str) -> None:
    """Of them, DuckDB and Arrow are for programs alone: they take 100 MB, and threads."""
    code = (
        f"import {module}, sys, threading\n"
        f"print([name for name in {FOR_NOTHING[module]} if name in sys.modules])\n"
        "print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["[]", "1"], done


def test_the_web_server_checks_a_graph_without_duckdb_and_arrow() -> None:
    code = f"""
import sys, app
from jobs.graph.gallery import ORDER_REPORT
from jobs.graph.parsing import parse_graph
from jobs.graph.notes import notes_of
from jobs.program.generator import generate_program
document = ORDER_REPORT.document()["graph"]
generate_program(parse_graph(document), job_id=1, tenant_id="t", job_name="n")
typed = [{{"column": "n", "type": "numeric"}}, {{"column": "day", "type": "date"}}]
source = {{"id": 1, "type": "csv_input", "config": {{"path": "a.csv", "types": typed}}}}
keep = {{"id": 2, "type": "filter", "config": {{"condition": "n / 3 > 1.5 and day > '2026-01-31'"}}}}
output = {{"id": 3, "type": "csv_output", "config": {{"path": "b.csv"}}}}
edges = [{{"from": 1, "to": 2}}, {{"from": 2, "to": 3}}]
graph = {{"nodes": [source, keep, output], "edges": edges}}
parse_graph(graph), notes_of(graph)
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done


@pytest.mark.parametrize("part", IN_JOBS)
def test_a_part_of_jobs_imports_only_those_before_it(part: str) -> None:
    for file in files_of(f"jobs/{part}"):
        known = {name.split(".")[1] for name in imported(file) if name.startswith("jobs.")}
        assert known <= IN_JOBS[part] | {part}, file


def test_every_part_of_jobs_has_a_place_in_the_law() -> None:
    parts = {path.stem for path in (ROOT / "jobs").iterdir() if path.suffix in ("", ".py")}
    assert parts - {"__init__", "__pycache__"} == set(IN_JOBS)


def test_the_decision_on_packages_tells_the_law_of_jobs() -> None:
    told = (ROOT / "docs/decisions/jobs-packages.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w, ]+) \|$", told, re.MULTILINE)
    known = {package: set(knows.split(", ")) - {"nobody"} for package, knows in rows}
    assert known == {package: knows for package, knows in IN_JOBS.items() if package != "runner"}
