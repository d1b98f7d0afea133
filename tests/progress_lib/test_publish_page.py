"""Each example of docs/publish.md does what stands over it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.harness import ROOT, NatsServer, eventually
from tests.progress_lib.clusters import local_cluster
from tests.progress_lib.listener import Listener

PAGE = (ROOT / "docs/publish.md").read_text()
EXAMPLES = re.findall(r"<!-- ends: (.*?) -->\n```(python|bash)\n(.*?)```", PAGE, re.S)
[SETUP] = re.findall(r"<!-- every example runs after this -->\n```bash\n(.*?)```", PAGE, re.S)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where an example runs: with the command, and with what a first start makes."""
    command = tmp_path / "bin/progress-report"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m progress_lib "$@"\n')
    command.chmod(0o755)
    (tmp_path / "nats_password").write_text("not asked for\n")
    return tmp_path


@pytest.mark.parametrize(
    ("ends", "language", "text"), EXAMPLES, ids=[" ".join(e[:2]) for e in EXAMPLES]
)
def test_an_example_does_what_it_says(
    nats_server: NatsServer,
    listener: Listener,
    directory: Path,
    ends: str,
    language: str,
    text: str,
) -> None:
    text = text.replace("127.0.0.1:4222", f"127.0.0.1:{nats_server.port}")
    (directory / "example.py").write_text(text)
    script = text if language == "bash" else "python example.py"
    with local_cluster(directory) if "SCHEDULER" in text else nullcontext() as cluster:
        path = [str(directory / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", SETUP + script],
            cwd=directory,
            env={
                "PATH": os.pathsep.join(path),
                "PYTHONPATH": str(ROOT),
                "DATA_DIR": str(directory),
                "NATS_PORT": str(nats_server.port),
                "SCHEDULER": cluster.scheduler_address if cluster else "",
                "DASK_TEMPORARY_DIRECTORY": str(directory),
            },
            capture_output=True,
            text=True,
            timeout=150,
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "not reported" not in done.stderr
    eventually(lambda: _told(listener) == set(ends.split("; ")), what=f"{ends}: {done.stderr}")


def _told(listener: Listener) -> set[str]:
    nodes = {f"{node} {status} {rows}" for node, (status, rows) in listener.last().items()}
    return nodes | {f"run {run['status']}" for run in listener.runs[-1:]}


def test_no_example_is_left_out() -> None:
    assert len(EXAMPLES) + 1 == len(re.findall(r"^```(?:python|bash|sh)$", PAGE, re.M))
    assert len(EXAMPLES) >= 10


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = link.partition("#")
        page = (ROOT / "docs" / file).read_text() if file else PAGE
        heads = {
            re.sub(r"[^\w -]", "", h).lower().replace(" ", "-")
            for h in re.findall(r"^#+ (.+)$", page, re.M)
        }
        assert not anchor or anchor in heads, link
