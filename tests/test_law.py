"""Who may import whom, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT

BELOW = {
    "progress_lib": set(),
    "settings": {"progress_lib"},
    "realtime": {"progress_lib", "settings"},
    "jobs": {"progress_lib", "settings"},
    "hosting": {"progress_lib", "settings", "jobs", "realtime", "scripts"},
    "bench": {"progress_lib", "settings", "jobs", "realtime", "scripts", "hosting"},
    "soak": {"progress_lib", "settings", "jobs", "realtime", "scripts", "hosting", "bench"},
}
IN_JOBS = {
    "graph": set(),
    "program": {"graph"},
    "store": set(),
    "work": {"graph", "program", "store"},
    "sandbox": {"graph", "store", "work"},
    "run": {"graph", "program", "store", "work", "sandbox"},
    "http": {"graph", "program", "store", "work"},
    "runner": {"graph", "program", "store", "work", "sandbox", "run"},
}
OURS = {
    "app",
    "bench",
    "gunicorn",
    "hosting",
    "jobs",
    "progress_lib",
    "realtime",
    "scripts",
    "settings",
    "soak",
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


@pytest.mark.parametrize("package", BELOW)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    for file in files_of(package):
        known = {name.split(".")[0] for name in imported(file)} & (OURS - {"gunicorn"})
        assert known <= BELOW[package] | {package}, file


@pytest.mark.parametrize("part", IN_JOBS)
def test_a_part_of_jobs_imports_only_those_before_it(part: str) -> None:
    for file in files_of(f"jobs/{part}"):
        known = {name.split(".")[1] for name in imported(file) if name.startswith("jobs.")}
        assert known <= IN_JOBS[part] | {part}, file


def test_every_part_of_jobs_has_a_place_in_the_law() -> None:
    parts = {path.stem for path in (ROOT / "jobs").iterdir() if path.suffix in ("", ".py")}
    assert parts - {"__init__", "__pycache__"} == set(IN_JOBS)
