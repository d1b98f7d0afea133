"""ProgressReporter in real programs, against a real nats-server and against none."""

import base64
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from progress_lib import Progress, ProgressReporter, Status
from progress_lib.jetstream import JetStream
from progress_lib.nats import Link
from tests.harness import ROOT, NatsServer, eventually, free_port


class Listener:
    """What a subscriber of job 42 gets."""

    def __init__(self, url: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.link = Link(url, name="listener")
        self.link.subscribe(
            "tenant.default.job.42.progress",
            lambda message: self.messages.append(json.loads(message.payload)),
        )
        self.link.start()
        assert self.link.wait_up(5.0)
        assert self.link.flush()

    def last(self) -> dict[int, tuple[str, int]]:
        return {m["nodeId"]: (m["status"], m["rowCount"]) for m in self.messages}


@pytest.fixture
def listener(nats_server: NatsServer) -> Iterator[Listener]:
    listener = Listener(nats_server.url)
    yield listener
    listener.link.close()


def program(url: str, body: str) -> "subprocess.Popen[str]":
    """A program of its own that reports as `r` and runs `body`."""
    source = (
        "import os, time\n"
        "from progress_lib import Progress, ProgressReporter, Status\n"
        f"with ProgressReporter({url!r}, 'default', 42) as reporter:\n"
        "    r = reporter.report_func()\n" + "".join(f"    {line}\n" for line in body.splitlines())
    )
    return subprocess.Popen(
        [sys.executable, "-c", source], cwd=ROOT, text=True, stderr=subprocess.PIPE
    )


def test_the_context_manager_lets_everything_out_before_the_program_ends(
    nats_server: NatsServer, listener: Listener
) -> None:
    body = "for n in range(1000): r(Progress(1, 'DB Input', Status.RUNNING, n))\n"
    body += "r(Progress(1, 'DB Input', Status.COMPLETED, 1000, 'done'))"
    assert program(nats_server.url, body).wait(20) == 0
    eventually(lambda: listener.last() == {1: ("completed", 1000)})
    first, last = listener.messages[0], listener.messages[-1]
    assert set(first) == {
        "nodeId", "nodeName", "status", "rowCount", "message", "runId", "seq", "ts"
    }  # fmt: skip
    assert first["status"] == "running"
    assert last["message"] == "done"
    numbers = [message["seq"] for message in listener.messages]
    assert numbers == sorted(set(numbers))


def test_twenty_counts_a_second_leave_however_often_the_program_reports(
    nats_server: NatsServer, listener: Listener
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            reporter.report(Progress(1, "n", Status.RUNNING, 1))
        reporter.report(Progress(1, "n", Status.COMPLETED, 2))
    eventually(lambda: listener.last() == {1: ("completed", 2)})
    assert 5 <= len(listener.messages) <= 23


def test_a_program_whose_nats_is_away_runs_and_ends_as_if_nothing_was() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    began = time.monotonic()
    running = program(
        url, "for n in range(1000): r(Progress(1, 'n', Status.RUNNING, n))\nos._exit(7)"
    )
    assert running.wait(20) == 7
    ended = program(url, "r(Progress(1, 'n', Status.COMPLETED, 1))")
    assert ended.wait(20) == 0
    assert time.monotonic() - began < 15


def test_a_wrong_url_or_tenant_does_not_stop_the_program() -> None:
    for url, tenant_id in (("http://x", "default"), ("nats://127.0.0.1:1", "a.b")):
        with ProgressReporter(url, tenant_id, 42) as reporter:
            reporter.report(Progress(1, "n", Status.RUNNING))


def test_an_exception_ends_the_program_with_its_own_exit_code(nats_server: NatsServer) -> None:
    crashed = program(nats_server.url, "raise RuntimeError('boom')")
    assert crashed.wait(20) == 1
    assert crashed.stderr is not None
    assert "RuntimeError: boom" in crashed.stderr.read()


def test_a_program_that_forgets_to_close_still_ends_and_says_its_last_word(
    nats_server: NatsServer, listener: Listener
) -> None:
    source = (
        "from progress_lib import *\n"
        f"r = ProgressReporter({nats_server.url!r}, 'default', 42)\n"
        "r.report(Progress(1, 'n', Status.COMPLETED, 3))\n"
    )
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, check=True, timeout=20)
    eventually(lambda: listener.last() == {1: ("completed", 3)})


def test_a_killed_program_is_gone_at_once(nats_server: NatsServer, listener: Listener) -> None:
    running = program(nats_server.url, "r(Progress(1, 'n', Status.RUNNING))\ntime.sleep(60)")
    eventually(lambda: listener.messages)
    running.send_signal(signal.SIGKILL)
    assert running.wait(5) == -signal.SIGKILL


def test_nats_that_comes_later_gets_the_last_state_of_each_node(
    nats_server: NatsServer, listener: Listener
) -> None:
    JetStream(listener.link).ensure_stream({"name": "ALL", "subjects": ["tenant.>"]})
    nats_server.stop()
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        reporter.report(Progress(1, "a", Status.RUNNING, 1))
        reporter.report(Progress(1, "a", Status.COMPLETED, 10))
        for rows in range(100):
            reporter.report(Progress(2, "b", Status.RUNNING, rows))
        nats_server.start()
        eventually(lambda: stored(listener.link)[2:3] == [(2, "running", 0)])
        eventually(lambda: stored(listener.link)[-1] == (2, "running", 99))
        assert stored(listener.link)[:2] == [(1, "running", 1), (1, "completed", 10)]


def stored(link: Link) -> list[tuple[int, str, int]]:
    """What the stream has kept: node, status and rows of each message."""
    jetstream = JetStream(link)
    count = jetstream.call("STREAM.INFO.ALL", {})["state"]["messages"]
    found = []
    for number in range(1, count + 1):
        answer = jetstream.call("STREAM.MSG.GET.ALL", {"seq": number})
        message = json.loads(base64.b64decode(answer["message"]["data"]))
        found.append((message["nodeId"], message["status"], message["rowCount"]))
    return found


def test_a_terminal_state_survives_a_server_that_is_killed_as_it_is_sent(
    nats_server: NatsServer, listener: Listener
) -> None:
    JetStream(listener.link).ensure_stream({"name": "ALL", "subjects": ["tenant.>"]})
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        assert reporter._link is not None
        assert reporter._link.wait_up(5.0)
        nats_server.pause()  # takes bytes, and will never read them
        reporter.report(Progress(1, "a", Status.COMPLETED, 10))
        eventually(lambda: reporter._seq >= 1)
        nats_server.kill()
        nats_server.start()
        eventually(lambda: set(stored(listener.link)) == {(1, "completed", 10)})
