"""Which module of the page may import which, read from static/ itself; docs/decisions/page-modules.md says why."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.page_bundle import STATIC

PAGE = STATIC / "playground"
# A folder imports from those in the lines above its own; "" is main.js and what draws the page
LINES = (
    ("parts/texts",),
    ("parts",),
    ("parts/fields", "parts/lists", "parts/questions"),
    ("model",),
    ("server", "session"),
    ("places",),
    ("graph", "help"),
    ("run/compare", "run/drawers", "run/node", "run/past"),
    ("home", "run", "status", "find", "failure", "files", "kept", "webhooks"),
    ("edit/form", "edit/settings"),
    ("edit/graph", "edit/preview"),
    ("edit/saving",),
    ("edit",),
    ("",),
)
ORDER = {folder: place for place, line in enumerate(LINES) for folder in line}
FOR_ALL = "root.js"  # where the page is from; it imports nothing
IMPORT = re.compile(r"^(?:import|export|\})[^;'(]*'(\.[^']+)';$", re.MULTILINE)


def imported(file: Path) -> Iterator[str]:
    """The paths below static/ of the modules that one imports."""
    folder = file.parent.relative_to(STATIC).as_posix()
    for found in IMPORT.findall(file.read_text()):
        yield posixpath.normpath(f"{folder}/{found}")


def folder_of(path: str) -> str:
    """Within playground/."""
    return posixpath.dirname(path).removeprefix("playground").removeprefix("/")


def test_each_folder_of_the_page_has_its_place() -> None:
    assert {folder_of(path.relative_to(STATIC).as_posix()) for path in PAGE.rglob("*.js")} == {
        *ORDER
    }


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_of_the_page_imports_only_from_those_before_it(folder: str) -> None:
    for file in (PAGE / folder).glob("*.js"):
        for path in imported(file):
            own = path.startswith("playground/") and path != f"playground/{FOR_ALL}"
            known = folder_of(path) if own else folder
            assert known == folder or ORDER[known] < ORDER[folder], f"{file}: {path}"


def test_only_the_view_of_a_run_and_the_page_itself_know_the_chapters_of_run() -> None:
    for file in PAGE.rglob("*.js"):
        known = {folder_of(path) for path in imported(file) if path.startswith("playground/run/")}
        beside = file.relative_to(PAGE).parts[0] == "run" or file.parent == PAGE
        assert beside or not known, f"{file}: {known}"


def test_what_front_ends_take_as_a_library_imports_nothing_of_the_page() -> None:
    for file in (STATIC / "realtime").glob("*.js"):
        assert all(path.startswith("realtime/") for path in imported(file)), file


def test_the_imports_are_found() -> None:
    """Also those over several lines, and those by which one module hands on what another has."""
    found = {path for file in PAGE.rglob("*.js") for path in imported(file)}
    words = sum(file.read_text().count("from '.") for file in PAGE.rglob("*.js"))
    assert sum(1 for file in PAGE.rglob("*.js") for _ in imported(file)) == words
    assert "playground/parts/dom.js" in found
