"""What docs/deploy gives operators to copy works. Its nginx.conf is what tests/proxies.py starts."""

from __future__ import annotations

import configparser
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import ROOT

DEPLOY = ROOT / "docs/deploy"
UNITS = sorted(DEPLOY.glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_what_is_there(unit: Path) -> None:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(unit)
    python, option, module, *arguments = read["Service"]["ExecStart"].split()
    assert (python, option) == ("/opt/progress/.venv/bin/python", "-m")
    assert importlib.util.find_spec(module), module
    for name in arguments:
        if name.endswith(".py"):
            assert (ROOT / name).exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("NO UNIT WAS CHECKED BY SYSTEMD: there is no systemd-analyze")
    text = unit.read_text().replace("/opt/progress/.venv/bin/python", sys.executable)
    (tmp_path / unit.name).write_text(text)
    command = [analyze, "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == []


def test_the_image_copies_what_it_runs() -> None:
    lines = (DEPLOY / "Dockerfile").read_text()
    for name in ("requirements.lock", "gunicorn.conf.py"):
        assert name in lines
        assert (ROOT / name).exists()
    assert "--require-hashes" in lines
