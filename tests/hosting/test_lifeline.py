"""The end of a server whose supervisor an earlier master started."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hosting.lifeline import Lifeline, is_kept
from settings import Settings
from tests.harness import ROOT, eventually

# Keeps the parts of DATA_DIR; told to stop, it frees them, and ends once its input does
SLOW_END = """\
import sys
from hosting.lifeline import fifo_path
from hosting.supervisor import Fifo, Stop, _locked
from settings import Settings
settings = Settings.from_env(reads_keys=False)
stop, lock, fifo = Stop(), _locked(settings, True), Fifo(fifo_path(settings))
print("ready", flush=True)
stop.wait(60.0)
lock.close()
sys.stdin.read()
"""


def test_a_stop_waits_until_a_supervisor_that_it_took_over_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the lock of the parts alone; a process was left that the next start found just ending."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = Settings.from_env(reads_keys=False)
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
