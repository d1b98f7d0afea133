"""The preparation in a process of its own."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from hosting.start import prepare_apart as preparation
from jobs.store.process_identity import ProcessStat
from settings import Settings
from tests.harness import eventually

END_WAIT = 60.0  # seconds


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
    assert select.select([pipe], [], [], END_WAIT)[0], f"nothing within {END_WAIT:g} s"
    return os.read(pipe, 99)


def prepares_apart() -> int:
    """A server, in a process of its own, that ends with the exit code of its preparation."""
    server = os.fork()
    if server == 0:
        serve()
    return server


def serve() -> NoReturn:
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os._exit(preparation.prepare_apart(Settings.from_env({})))
    finally:
        os._exit(99)


def exit_code(server: int) -> int:
    """That of SIGKILL where it does not end."""
    deadline = time.monotonic() + END_WAIT
    while (ended := os.waitpid(server, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(server, signal.SIGKILL)
            ended = os.waitpid(server, 0)
            break
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1])


def interrupt_once_it_waits(server: int) -> None:
    """Python drops what a signal raises in the midst of a fork."""
    eventually(lambda: (found := ProcessStat.of(server)) and found.state == "S")
    os.kill(server, signal.SIGINT)


def work_until_stopped() -> None:
    deadline = time.monotonic() + END_WAIT * 1.5  # longer than anybody waits for its end
    while time.monotonic() < deadline:
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

    monkeypatch.setattr("hosting.start.prepare.prepare", waits)
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
        try:
            interrupt_once_it_waits(server)
            work_until_stopped()
        finally:
            os.kill(server, signal.SIGINT)
        return 0

    monkeypatch.setattr("hosting.start.prepare.prepare", interrupts)
    assert exit_code(prepares_apart()) == preparation.INTERRUPTED


def test_ctrl_c_in_the_midst_of_the_fork_ends_it_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server ended without it, and did not wait until it had taken back what it was making."""
    hears, says = os.pipe()
    fork = os.fork

    def interrupted() -> int:
        server = os.getpid()
        if child := fork():
            said(hears)
            os.kill(server, signal.SIGINT)
        return child

    def takes_back(_: Settings) -> int:
        server = os.getppid()
        try:
            os.write(says, b"begun")
            work_until_stopped()
        finally:
            os.write(says, b"waited for" if os.getppid() == server else b"left alone")
        return 0

    monkeypatch.setattr("hosting.start.prepare.prepare", takes_back)
    server = fork()
    if server == 0:
        monkeypatch.setattr(os, "fork", interrupted)
        serve()
    os.close(says)
    assert exit_code(server) == preparation.INTERRUPTED
    assert said(hears) == b"waited for"
    os.close(hears)


def test_a_preparation_that_hears_no_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C had no effect any more, and the server waited for ever."""
    hears, says = os.pipe()

    def deaf(_: Settings) -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        interrupt_once_it_waits(os.getppid())
        work_until_stopped()
        return 0

    monkeypatch.setattr("hosting.start.prepare.prepare", deaf)
    monkeypatch.setattr(preparation, "TAKE_BACK_WAIT", 0.1)
    server = prepares_apart()
    os.close(says)
    assert exit_code(server) == preparation.INTERRUPTED
    assert said(hears) == b"", "nobody has the pipe any more"
    os.close(hears)


@pytest.fixture
def own_interrupt() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("own_interrupt")
@pytest.mark.parametrize("call", ["fork", "waitpid"])
def test_ctrl_c_is_no_traceback_whenever_it_comes(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there was a preparation, or when it had just ended, it was one."""
    own = os.getpid()
    calls = getattr(os, call)

    def interrupted(*arguments: int) -> Any:
        monkeypatch.setattr(os, call, calls)
        while call == "waitpid" and calls(*arguments) == (0, 0):  # it has just ended
            time.sleep(0.001)
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "_prepared", lambda *_: 0)
    monkeypatch.setattr(os, call, interrupted)
    assert preparation.prepare_apart(Settings.from_env({})) == preparation.INTERRUPTED
    assert os.getpid() == own


def test_a_preparation_that_is_stopped_at_its_very_end_goes_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It went on as a second server, in what had called it."""

    def late(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "_prepared", late)
    assert exit_code(prepares_apart()) == preparation.INTERRUPTED
