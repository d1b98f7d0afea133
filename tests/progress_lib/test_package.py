"""`pip install ./progress_lib` gives a package that stands alone."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory into which pip has installed a copy, so that nothing is left beside the source."""
    directory = tmp_path_factory.mktemp("package")
    source = directory / "progress_lib"
    shutil.copytree(
        ROOT / "progress_lib",
        source,
        ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"),
    )
    target = directory / "target"
    options = [
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--quiet",
        "--target",
        str(target),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(source)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def run(installed: Path, *arguments: str) -> str:
    """What a fresh interpreter says, far from the repository."""
    done = subprocess.run(
        arguments,
        cwd=installed,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fresh_interpreter_imports_all_of_it_from_there(installed: Path) -> None:
    code = """
import importlib, json, pathlib, progress_lib
here = pathlib.Path(progress_lib.__file__).parent
names = [f.stem for f in here.glob("*.py") if not f.stem.startswith("__")]
for name in names:
    importlib.import_module("progress_lib." + name)
print(json.dumps([str(here), sorted(names)]))
"""
    here, names = json.loads(run(installed, sys.executable, "-c", code))
    assert Path(here) == installed / "progress_lib"
    ours = [file.stem for file in (ROOT / "progress_lib").glob("*.py")]
    assert names == sorted(name for name in ours if not name.startswith("__"))
    assert (installed / "progress_lib/py.typed").exists()


def test_it_needs_only_what_it_says(installed: Path) -> None:
    [described] = importlib.metadata.distributions(path=[str(installed)])
    needed = [one for one in described.requires or [] if "extra ==" not in one]
    assert sorted(one.split(">")[0] for one in needed) == ["msgspec", "pynats2"]
    code = """
import sys, progress_lib, progress_lib.command, progress_lib.nats.jetstream, progress_lib.logs
tops = {n.partition(".")[0] for n, m in sys.modules.items() if "site-packages" in (getattr(m, "__file__", "") or "")}
print(sorted(tops - sys.stdlib_module_names))
"""
    loaded = run(installed, sys.executable, "-c", code)
    of_msgspec, of_venv = "typing_extensions", "_distutils_hack"
    assert set(json.loads(loaded.replace("'", '"'))) <= {"msgspec", "pynats2", of_msgspec, of_venv}


def test_the_command_is_there(installed: Path) -> None:
    script = installed / "bin/progress-report"
    assert "progress-report" in run(installed, sys.executable, str(script), "--help")


def test_its_types_are_seen_by_mypy(installed: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from progress_lib import track\nfor row in track(['a']):\n    reveal_type(row)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(program)],
        cwd=tmp_path,
        env={"MYPYPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert 'Revealed type is "str"' in done.stdout.replace("builtins.str", "str"), done.stdout
