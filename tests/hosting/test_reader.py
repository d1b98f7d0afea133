"""The standard output of commands."""

from __future__ import annotations

import io
import sys

import pytest

from hosting.reader import ended_with_reader


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", "▶ Filter"), ("latin-1", "✔"), ("utf-8", "a \udcff file")]
)
def test_a_sign_that_an_output_does_not_have_ends_no_command(
    monkeypatch: pytest.MonkeyPatch, encoding: str, text: str
) -> None:
    """scripts/run --once ended in a traceback at its first node, where the locale is not UTF-8."""
    output = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", output)

    def command() -> int:
        print(text)
        return 0

    assert ended_with_reader(command) == 0
    written = output.detach().getvalue().decode(encoding)
    assert written == text.encode(encoding, "backslashreplace").decode(encoding) + "\n"
