"""A run that nobody of ours started, told by a publisher in another language as docs/protocol.md says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest

from progress_lib import Progress, ProgressReporter, Status
from tests.harness import ROOT, NatsServer, Product, eventually
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


def test_a_browser_sees_its_beginning_and_its_end(product: Product) -> None:
    url = f"nats://progress:{product.nats_password}@127.0.0.1:{product.nats_port}"
    with product.websocket() as socket:
        socket.send('{"action":"subscribe","jobId":42}')
        with ProgressReporter(url, "default", 42) as before:
            before.report(Progress(9, "before", Status.COMPLETED))
        socket.recv(
            timeout=10.0
        )  # so the job's past is known, and each message is told as it comes
        with (
            ProgressReporter(url, "default", 42, announces_run=True) as reporter,
            reporter.node(1, "Load", total=3) as node,
        ):
            node.advance(3)
        seen: list[tuple[str, str]] = []
        while not seen or seen[-1] != ("job.status", "completed"):
            message = json.loads(socket.recv(timeout=10.0))
            seen.append((message["type"], message["payload"]["status"]))
    assert seen[0] == ("job.status", "running")
    assert ("job.progress", "completed") in seen
