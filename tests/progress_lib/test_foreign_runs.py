"""A run that nobody of ours started, told by a publisher in another language as docs/protocol.md says."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from progress_lib import Progress, ProgressReporter, Status
from tests.harness import DEADLINE, ROOT, NatsServer, Product, eventually, processes_of
from tests.progress_lib.listener import Listener

PROTOCOL = (ROOT / "docs/protocol.md").read_text()
TOOLS = {"bash": ["bash", "-euo", "pipefail", "-c"], "js": ["node", "-e"]}


def block(language: str) -> str:
    found = re.search(
        rf"<!-- tests/progress_lib/test_foreign_runs.py runs this block -->\n```{language}\n(.*?)```",
        PROTOCOL,
        re.S,
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize("language", TOOLS)
def test_a_run_has_a_beginning_its_nodes_and_an_end(
    nats_server: NatsServer, listener: Listener, language: str
) -> None:
    tool, *options = TOOLS[language]
    if not shutil.which(tool):
        pytest.skip(
            f"NOT TESTED: {tool} is not on this machine, so the {language} publisher did not run"
        )
    subprocess.run(
        [tool, *options, block(language)],
        env={"PATH": os.environ["PATH"], "NATS_PORT": str(nats_server.port)},
        check=True,
        timeout=30,
    )
    eventually(lambda: len(listener.heard) == 4)
    told = [(kind, payload["status"]) for kind, payload in listener.heard]
    assert told == [
        ("status", "running"),
        ("progress", "running"),
        ("progress", "completed"),
        ("status", "completed"),
    ]
    assert len({payload["runId"] for _, payload in listener.heard}) == 1
    assert listener.end() == ("completed", 9000, "done")


# What a block says before its end, and then works on; the end is what SIGKILL takes from it.
CUT = {"bash": 'kill "$alive"', "js": "clearInterval(alive)"}
WORK = {"bash": "while :; do sleep 0.1 3>&-; done", "js": ""}
PYTHON = """
import progress_lib.reporting.reporter, signal
progress_lib.reporting.reporter.ALIVE_PERIOD = 0.2
with progress_lib.ProgressReporter(%r, "default", 42, announces_run=True):
    signal.pause()
"""


@pytest.mark.parametrize("language", [*TOOLS, "python"])
def test_a_run_says_that_it_lives_until_its_publisher_is_killed(
    nats_server: NatsServer, listener: Listener, tmp_path: Path, language: str
) -> None:
    if language == "python":
        command = [sys.executable, "-c", PYTHON % nats_server.url]
    else:
        command = [*TOOLS[language], block(language).partition(CUT[language])[0] + WORK[language]]
    if not shutil.which(command[0]):
        pytest.skip(f"NOT TESTED: {command[0]} is not on this machine")
    mark = f"PUBLISHER={secrets.token_hex(8)}"
    told = {"NATS_PORT": str(nats_server.port), "ALIVE_EVERY": "0.2", "PYTHONPATH": str(ROOT)}
    name, _, value = mark.partition("=")
    publisher = subprocess.Popen(command, env={"PATH": os.environ["PATH"], name: value, **told})
    try:
        eventually(lambda: len(listener.runs) >= 3)
    finally:
        publisher.kill()
        publisher.wait(10.0)
    eventually(
        lambda: not processes_of(mark, tmp_path / "none"), what="nothing vouches for the dead run"
    )
    assert {run["status"] for run in listener.runs} == {"running"}
    assert len({(run["runId"], run["ts"], run["aliveEvery"]) for run in listener.runs}) == 1
    times = [run["aliveAt"] for run in listener.runs]
    assert times == sorted(times)
    assert times[0] < times[-1] or language == "bash"  # its clock has whole seconds


def test_a_browser_sees_its_beginning_and_its_end(product: Product) -> None:
    url = f"nats://progress:{product.nats_password}@127.0.0.1:{product.nats_port}"
    with product.websocket() as socket:
        socket.send('{"action":"subscribe","jobId":42}')
        with ProgressReporter(url, "default", 42) as before:
            before.report(Progress(9, "before", Status.COMPLETED))
        socket.recv(
            timeout=DEADLINE
        )  # so the job's past is known, and each message is told as it comes
        with (
            ProgressReporter(url, "default", 42, announces_run=True) as reporter,
            reporter.node(1, "Load", total=3) as node,
        ):
            node.advance(3)
        seen: list[tuple[str, str]] = []
        while not seen or seen[-1] != ("job.status", "completed"):
            message = json.loads(socket.recv(timeout=DEADLINE))
            seen.append((message["type"], message["payload"]["status"]))
    assert seen[0] == ("job.status", "running")
    assert ("job.progress", "completed") in seen
