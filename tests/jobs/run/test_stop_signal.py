"""The signals by which a runner that somebody started ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness import ROOT

WAITS = """\
from jobs.run.stop_signal import StopSignal
stop = StopSignal()
print("waits", flush=True)
print("stops" if stop.wait(30.0) else "waits for ever")
"""


@pytest.fixture
def own_hangup() -> Iterator[None]:
    """As where pytest itself runs under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("own_hangup")
@pytest.mark.parametrize("before", [[], ["nohup"]])
def test_a_terminal_that_is_closed_stops_a_runner_unless_nohup_says_otherwise(
    before: list[str],
) -> None:
    """It was killed, its programs with it, and their runs were lost."""
    command, pipe = [*before, sys.executable, "-c", WAITS], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"waits\n"
        runner.send_signal(signal.SIGHUP)
        if before:
            with pytest.raises(subprocess.TimeoutExpired):
                runner.wait(0.3)
            runner.terminate()
        assert runner.stdout.read() == b"stops\n"
        assert runner.wait(30.0) == 0
