"""The recipes of docs/recipes use what progress_lib has; `try` runs one for real, and says how it went.

Their engines are not installed for the tests: docs/recipes/README.md says when each was tried, and with what.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import progress_lib
from tests.harness import ROOT

RECIPES = ROOT / "docs/recipes"
FILES = sorted(RECIPES.glob("*.py"))
STAND_IN = """
import sys
sys.path.insert(0, {root!r})
import os
from progress_lib import ProgressReporter, track
with ProgressReporter(os.environ["NATS_URL"], "default", 42, announces_run=True) as told:
    for row in track(range(3), told, node_name="Load"):
        {body}
"""


def test_every_recipe_stands_on_the_page_and_uses_what_there_is() -> None:
    page = (RECIPES / "README.md").read_text()
    assert set(re.findall(r"\]\((\w+\.py)\)", page)) == {file.name for file in FILES}
    for file in FILES:
        imports = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "progress_lib"
        ]
        names = {alias.name for node in imports for alias in node.names}
        assert names, file
        assert names <= set(progress_lib.__all__), file


@pytest.mark.parametrize(
    ("body", "code", "node"),
    [
        ("pass", 0, "node 1 Load: completed, 3 of 3"),
        ("raise OSError('no disk')", 1, "node 1 Load: failed, 0 of 3"),
    ],
)
def test_try_runs_a_recipe_and_says_what_was_told(
    tmp_path: Path, body: str, code: int, node: str
) -> None:
    recipe = tmp_path / "recipe.py"
    recipe.write_text(STAND_IN.format(root=str(ROOT), body=body))
    tried = subprocess.run(
        [sys.executable, RECIPES / "try", recipe, sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tried.returncode == code, tried.stderr
    end = "failed" if code else "completed"
    assert tried.stdout.splitlines() == ["run running", f"run {end}", node]
