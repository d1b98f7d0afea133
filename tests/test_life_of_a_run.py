"""docs/life_of_a_run.md names files and what to look for there: all of it must be there."""

from __future__ import annotations

import re

from tests.harness import ROOT

TEXT = (ROOT / "docs/life_of_a_run.md").read_text()
NAMED = re.findall(r"`([^`\n]+)`", TEXT)


def test_every_file_that_the_walk_names_is_there() -> None:
    files = [name for name in NAMED if re.fullmatch(r"[\w/.]+\.(py|md|j2)", name)]
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_name_that_the_walk_tells_stands_in_the_code() -> None:
    code = "\n".join(path.read_text() for path in sorted((ROOT / "jobs").rglob("*.py")))
    code += (ROOT / "app.py").read_text()
    names = {
        part
        for name in NAMED
        if re.fullmatch(r"[A-Z_a-z]\w+(\.\w+)?", name)
        for part in name.split(".")
    }
    names -= {"queued", "running", "lost"}
    assert len(names) > 40
    missing = [name for name in names if not re.search(rf"\b{name}\b", code)]
    assert missing == []
