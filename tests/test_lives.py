"""docs/life_of_an_event.md and docs/life_of_a_run.md name files and what to look for there: all of it must be there. So it is with other pages for developers."""

from __future__ import annotations

import re

import pytest

from tests.harness import ROOT

WALKS = ("life_of_a_run", "life_of_an_event")
PAGES = {  # of names in the code
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


def is_name(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Z_a-z]\w+(\.\w+)?", text)) and text not in NO_NAMES


@pytest.mark.parametrize("walk", WALKS)
def test_every_name_of_the_walk_stands_in_a_file_that_it_has_named_by_then(walk: str) -> None:
    text = (ROOT / f"docs/{walk}.md").read_text()
    code, missing, count = "", [], 0
    for section in text.split("\n## "):
        told = re.findall(r"`([^`\n]+)`", section)
        code += "".join(
            (ROOT / name).read_text() for name in told if re.fullmatch(r"[\w/.-]+\.(py|js)", name)
        )
        names = {part for name in told if is_name(name) for part in name.split(".")}
        count += len(names)
        missing += [name for name in names if not re.search(rf"\b{name}\b", code)]
    assert count > 20
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_name_that_the_page_tells_stands_in_the_code(page: str) -> None:
    parts = [ROOT / part for part in PAGES[page]]
    files = [file for part in parts for file in sorted(part.rglob("*.[pj][ys]")) or [part]]
    code = "\n".join(file.read_text() for file in files)
    names = {part for name in named(page) if is_name(name) for part in name.split(".")}
    assert len(names) > 20
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []
