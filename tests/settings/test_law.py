"""settings/ is below all, and its groups are read there and copied nowhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from settings import defaults
from tests.harness import ROOT

ABOVE = ("app", "bench", "hosting", "jobs", "realtime", "scripts", "soak")
GROUPS = {name for name, kind in vars(defaults).items() if hasattr(kind, "__dataclass_fields__")}


def test_reading_the_settings_loads_nothing_that_is_above_them() -> None:
    """Also not in a function, where a look at the imports would not tell by whom it is called."""
    program = (
        "import sys; from settings import Settings; from settings.own_files import own_files\n"
        "own_files(Settings.from_env({'DATABASE_URL': 'sqlite:////x', 'NATS_URL': 'nats://h'}))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "settings" in loaded, done.stderr
    assert loaded & set(ABOVE) == set()


def built(file: Path) -> set[str]:
    """The groups that a file makes by hand."""
    calls = (
        found for found in ast.walk(ast.parse(file.read_text())) if isinstance(found, ast.Call)
    )
    names = (getattr(call.func, "id", getattr(call.func, "attr", "")) for call in calls)
    return set(names) & GROUPS


@pytest.mark.parametrize("part", ["app", "gunicorn.conf", "wsgi", *ABOVE[2:6]])
def test_nobody_fills_a_group_by_hand(part: str) -> None:
    """A copy of fields would be one more place for a new setting, and a default one more to be forgotten."""
    assert len(GROUPS) > 8
    for file in sorted((ROOT / part).rglob("*.py")) or [ROOT / f"{part}.py"]:
        assert built(file) == set(), file
