"""The preparation in a process of its own."""

from __future__ import annotations

import os
import select
import signal

import pytest

from hosting import preparation
from settings import Settings


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


def test_a_preparation_ends_with_the_server_that_wanted_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop in the first start left it at work: it made the sample for minutes, or changed tables, beside the next start."""
    hears, says = os.pipe()

    def waits(_: Settings) -> int:
        os.write(says, b"begun")
        try:
            signal.pause()
        finally:
            os.write(says, b"taken back")
        return 0

    monkeypatch.setattr("hosting.prepare.prepare", waits)
    server = os.fork()
    if server == 0:
        os._exit(preparation.prepare_apart(Settings.from_env({})))
    os.close(says)
    assert said(hears) == b"begun"
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    assert said(hears) == b"taken back"
    assert said(hears) == b"", "nobody has the pipe any more"
    os.close(hears)
