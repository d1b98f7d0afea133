"""What is installed is what was tried: exact versions, and no file without its hash."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.harness import ROOT

LOCKS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\n]+)(?P<rest>.*\n(?: +.*\n)*)", re.MULTILINE
)


def entries(lock: str) -> dict[str, tuple[str, list[str]]]:
    """The version and the hashes of each package."""
    text = (ROOT / lock).read_text()
    return {
        found["name"]: (
            found["version"],
            re.findall(r"--hash=sha256:([0-9a-f]{64})", found["rest"]),
        )
        for found in ENTRY.finditer(text)
    }


@pytest.mark.parametrize("listed", LOCKS)
def test_every_package_is_locked_with_its_hashes(listed: str) -> None:
    locked = entries(LOCKS[listed])
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)$", (ROOT / listed).read_text(), re.MULTILINE)
    assert pins
    for name, version in pins:
        assert locked[name][0] == version, f"{name}: run scripts/lock"
    for name, (_, hashes) in locked.items():
        assert hashes, name


def test_both_locks_agree() -> None:
    product, everything = (entries(lock) for lock in LOCKS.values())
    assert product.items() <= everything.items()


def test_a_lock_has_wheels_for_more_than_one_machine() -> None:
    """gevent is compiled: a wheel for each of three Pythons and two machines, at least."""
    assert len(entries("requirements.lock")["gevent"][1]) >= 6


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_names_no_server(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert "--trusted-host" not in text


# ---------------------------------------------------------------- a file that was changed


def make_wheel(directory: Path) -> str:
    """A wheel of nothing but a module; returns its SHA-256."""
    files = {
        "tiny.py": "ANSWER = 42\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(text)}")
    files["tiny-1.0.dist-info/RECORD"] = "\n".join([*lines, "tiny-1.0.dist-info/RECORD,,", ""])
    directory.mkdir(exist_ok=True)
    wheel = directory / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def set_up(root: Path, lock: str, **ours: str) -> subprocess.CompletedProcess[str]:
    (root / "requirements.lock").write_text(lock)
    environ = {"PATH": os.environ["PATH"], "HOME": str(root), "PYTHON": sys.executable}
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root / "wheels")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, **ours}
    command = (
        'source scripts/_setup.sh; ensure_venv requirements.lock && "$VENV_PYTHON" -c "import tiny"'
    )
    return subprocess.run(
        ["bash", "-c", command], cwd=root, env=environ, capture_output=True, text=True, timeout=100
    )


def test_the_set_up_installs_no_file_with_another_hash_and_none_without(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/_setup.sh", tmp_path / "scripts")
    good = make_wheel(tmp_path / "wheels")
    changed = set_up(tmp_path, f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    assert changed.returncode != 0
    assert "hash" in changed.stderr.lower()
    without = set_up(tmp_path, "tiny==1.0\n")
    assert without.returncode != 0
    assert "hash" in without.stderr.lower()
    ended = set_up(tmp_path, f"tiny==1.0 --hash=sha256:{good}\n")
    assert ended.returncode == 0, ended.stderr


def test_a_directory_that_is_no_venv_is_not_cleared_to_become_one(tmp_path: Path) -> None:
    """`VENV=.` deleted all that was there."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/_setup.sh", tmp_path / "scripts")
    before = {"requirements.lock", *(path.name for path in tmp_path.iterdir())}
    ended = set_up(tmp_path, "tiny==1.0\n", VENV=".")
    assert ended.returncode == 1
    assert f"VENV={tmp_path}/. is no venv, and is left alone" in ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == before
