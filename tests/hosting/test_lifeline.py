"""The end of a server, and of its start, with the supervisor of its parts."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hosting.embedded import lifeline as module
from hosting.embedded.lifeline import Lifeline, is_kept
from hosting.start.prepare_apart import INTERRUPTED
from jobs.store.process_identity import ProcessIdentity
from settings import Settings
from tests.harness import ROOT, eventually

# Keeps the parts of DATA_DIR; told to stop, it frees them, and ends once its input does
SLOW_END = """\
import sys
from hosting.embedded.lifeline import fifo_path
from hosting.embedded.supervisor import Fifo, Stop, _locked
from settings import Settings
settings = Settings.from_env(reads_keys=False)
stop, lock, fifo = Stop(), _locked(settings, True), Fifo(fifo_path(settings))
print("ready", flush=True)
stop.wait(60.0)
lock.close()
sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return Settings.from_env(reads_keys=False)


def test_a_stop_waits_until_a_supervisor_that_it_took_over_has_ended(settings: Settings) -> None:
    """It waited for the lock of the parts alone; a process was left that the next start found just ending."""
    command, pipe = [sys.executable, "-c", SLOW_END], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as supervisor:
        assert supervisor.stdin is not None and supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"ready\n"
        lifeline = Lifeline(settings, has_own_nats=True, has_claim=True)
        lifeline.hold()
        stopping = threading.Thread(target=lifeline.stop)
        stopping.start()
        eventually(lambda: not is_kept(settings))
        stopping.join(0.3)
        waits = stopping.is_alive()
        supervisor.stdin.close()
        stopping.join(30.0)
        assert (waits, stopping.is_alive(), supervisor.wait(30.0)) == (True, False, 0)
        lifeline.let_go()


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The supervisors that a lifeline started, whose nats-server reads its streams for half an hour."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(_: list[str], **how: Any) -> subprocess.Popen[bytes]:
        started.append(real(["sleep", "1800"], **how))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    yield started
    for one in started:
        one.kill()
        one.wait()


def test_a_stop_ends_a_supervisor_that_is_just_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, starting: list[subprocess.Popen[bytes]]
) -> None:
    """It went on behind the server, where the start took longer than the stop waits."""
    monkeypatch.setattr(module, "WATCH_PERIOD", 0.01)
    monkeypatch.setattr(module, "START_WAIT", 5.0)
    lifeline = Lifeline(settings, has_own_nats=True, has_claim=True)
    lifeline.watch()
    [supervisor] = eventually(lambda: list(starting))
    lifeline.stop()
    assert supervisor.wait(30.0) == -signal.SIGTERM


class InterruptedRead(io.BytesIO):
    def readline(self, _: int | None = -1) -> bytes:
        raise KeyboardInterrupt


def test_ctrl_c_in_a_start_ends_the_supervisor(
    settings: Settings,
    starting: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A next start found it just ending."""
    popen = subprocess.Popen

    def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        child = popen(command, **how)
        assert child.stdout is not None
        child.stdout.close()
        child.stdout = InterruptedRead()
        return child

    monkeypatch.setattr(subprocess, "Popen", start)
    lifeline = Lifeline(settings, has_own_nats=True, has_claim=True)
    with pytest.raises(KeyboardInterrupt):
        lifeline.hold()
    assert starting[0].returncode == -signal.SIGTERM


def test_a_process_that_has_the_number_of_a_dead_supervisor_is_left_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(pid))
    lifeline = Lifeline(settings, has_own_nats=True, has_claim=True)
    now = ProcessIdentity.of(os.getpid())
    lifeline._stop_supervisor(replace(now, start=now.start + 1), 0.0)
    assert killed == []
    lifeline._stop_supervisor(now, 0.0)
    assert killed == [os.getpid()]


IN_A_START = """\
import runpy
def interrupted():
    raise KeyboardInterrupt
conf = runpy.run_path("gunicorn.conf.py")
conf["on_starting"].__globals__["_tell_of_parts"] = interrupted
conf["on_starting"](None)
"""


def test_ctrl_c_in_a_start_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_START],
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (INTERRUPTED, "")
