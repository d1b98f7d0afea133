"""The preparation in a process of its own."""

from __future__ import annotations

import os
import signal

import pytest

from hosting import preparation
from settings import Settings


def test_a_preparation_that_is_killed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server ended without a word, and with 247."""

    def killed(_: Settings) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    monkeypatch.setattr(preparation, "_prepared", killed)
    assert preparation.prepare_apart(Settings.from_env({})) == 1
    assert "ended by a signal (Killed)" in capsys.readouterr().err
