"""docs/life_of_an_event.md and docs/life_of_a_run.md name files and what to look for there: all of it must be there. So it is with other pages for developers."""

from __future__ import annotations

import re

import pytest

from tests.harness import ROOT

WALKS = {  # and the code that each leads through
    "life_of_a_run": ("jobs", "program_lib/kept", "app.py"),
    "life_of_an_event": ("progress_lib", "realtime", "web"),
}
PAGES = {  # of names in the code
    **WALKS,
    "adding_a_node_type": ("jobs", "program_lib", "static/playground", "tests/jobs"),
    "decisions/settings": ("settings", "realtime", "web", "jobs", "app.py", "tests/settings"),
    "programs": ("program_lib", "progress_lib", "jobs/program"),
}
NO_NAMES = {"queued", "running", "lost"}  # statuses


def named(walk: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", (ROOT / f"docs/{walk}.md").read_text())


@pytest.mark.parametrize("walk", WALKS)
def test_every_file_that_the_walk_names_is_there(walk: str) -> None:
    files = [name for name in named(walk) if re.fullmatch(r"[\w/.-]+\.(py|md|j2|js)", name)]
    assert len(files) > 15
    assert [name for name in files if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_name_that_the_page_tells_stands_in_the_code(page: str) -> None:
    parts = [ROOT / part for part in PAGES[page]]
    files = [file for part in parts for file in sorted(part.rglob("*.[pj][ys]")) or [part]]
    code = "\n".join(file.read_text() for file in files)
    names = {
        part
        for name in named(page)
        if re.fullmatch(r"[A-Z_a-z]\w+(\.\w+)?", name)
        for part in name.split(".")
    } - NO_NAMES
    assert len(names) > 20
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
