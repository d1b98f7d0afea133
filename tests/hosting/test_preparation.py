"""The preparation in a process of its own."""

from __future__ import annotations

import os
import select
import signal
import time

import pytest

from hosting import preparation
from jobs.store.process_identity import ProcessStat
from settings import Settings
from tests.harness import eventually


def test_a_preparation_that_is_killed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server ended without a word, and with 247."""

    def killed(*_: object) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    monkeypatch.setattr(preparation, "_prepared", killed)
    assert preparation.prepare_apart(Settings.from_env({})) == 1
    assert "ended by a signal (Killed)" in capsys.readouterr().err


def said(pipe: int) -> bytes:
    assert select.select([pipe], [], [], 20.0)[0], "nothing within 20 s"
    return os.read(pipe, 99)


def prepares_apart() -> int:
    """A server, in a process of its own, that ends with the exit code of its preparation."""
    server = os.fork()
    if server == 0:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os._exit(preparation.prepare_apart(Settings.from_env({})))
        finally:
            os._exit(99)
    return server


def exit_code(server: int) -> int:
    """A server that does not end is killed, and with it ends its preparation."""
    try:
        status = eventually(
            lambda: [status for pid, status in [os.waitpid(server, os.WNOHANG)] if pid]
        )
    except AssertionError:
        os.kill(server, signal.SIGKILL)
        raise
    return os.waitstatus_to_exitcode(status[0])


def work_until_stopped() -> None:
    while True:
        time.sleep(0.01)


def test_a_preparation_ends_with_the_server_that_wanted_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop in the first start left it at work: it made the sample for minutes, or changed tables, beside the next start.
    A second signal broke off what the first one had taken back."""
    hears, says = os.pipe()

    def waits(_: Settings) -> int:
        try:
            os.write(says, b"begun")
            work_until_stopped()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.write(says, b"taken back")
        return 0

    monkeypatch.setattr("hosting.prepare.prepare", waits)
    server = prepares_apart()
    os.close(says)
    assert said(hears) == b"begun"
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    assert said(hears) == b"taken back"
    assert said(hears) == b"", "nobody has the pipe any more"
    os.close(hears)


def test_ctrl_c_twice_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupts(_: Settings) -> int:
        server = os.getppid()
        eventually(
            lambda: (found := ProcessStat.of(server)) and found.state == "S"
        )  # it waits for us
        try:
            os.kill(server, signal.SIGINT)
            work_until_stopped()
        finally:
            os.kill(server, signal.SIGINT)
        return 0

    monkeypatch.setattr("hosting.prepare.prepare", interrupts)
    assert exit_code(prepares_apart()) == preparation.INTERRUPTED


def test_a_preparation_that_is_stopped_at_its_very_end_goes_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It went on as a second server, in what had called it."""

    def late(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "_prepared", late)
    assert exit_code(prepares_apart()) == preparation.INTERRUPTED
