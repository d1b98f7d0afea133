"""Repeats that give nothing back mean the same in each Python that we run on."""

import random
import sys

import pytest

from program_lib.csv_files import repeats
from program_lib.csv_files.escapes import Escapes, Unclear
from program_lib.csv_files.form import Form
from program_lib.csv_files.grammar import Broken, Grammar

SIGNS = (b'"', b",", b"\n", b"\r\n", b"\\", b"a", b" ", b"")


def texts(count: int) -> list[bytes]:
    chosen = random.Random(11)
    return [b"".join(chosen.choices(SIGNS, k=chosen.randrange(12))) for _ in range(count)]


def cut(grammar: Grammar, text: bytes) -> list[tuple[int, int]] | str:
    try:
        end = grammar.cut(text, is_last=True)
        return [(found.start, found.end) for found in grammar.records(text[:end], is_last=True)]
    except Broken as error:
        return error.what


def doubled(text: bytes) -> bytes | str:
    try:
        return Escapes(",", '"').doubled(text, is_last=True)
    except Unclear as error:
        return error.what


def test_a_python_before_3_11_5_reads_as_later_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 12's 3.11.2 took a quote that nothing closes for a value."""
    monkeypatch.setattr(repeats, "HAS_POSSESSIVE", False)
    grammar, found = Grammar(Form()), [doubled(text) for text in texts(500)]
    assert cut(grammar, b'2,"') == "opens a quote that nothing closes"
    assert cut(grammar, b'"a""b",1\n') == [(0, 8)]
    if sys.version_info < (3, 11, 5):
        return  # there is nothing to compare with
    read = [cut(grammar, text) for text in texts(500)]
    monkeypatch.setattr(repeats, "HAS_POSSESSIVE", True)
    assert read == [cut(Grammar(Form()), text) for text in texts(500)]
    assert found == [doubled(text) for text in texts(500)]
