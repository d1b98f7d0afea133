"""What many would say at once is said once."""

from types import SimpleNamespace

import pytest

from logs.repeated import MOST, PERIOD, Repeated


def test_of_a_thousand_refused_requests_the_log_has_a_line_in_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A database that was away for an hour filled the disk with one sentence."""
    clock = [1_000.0]
    monkeypatch.setattr("logs.repeated.time", SimpleNamespace(monotonic=lambda: clock[0]))
    repeated = Repeated()
    said = [repeated.due("it is away") for _ in range(1_000)]
    assert said == ["it is away", *[None] * 999]
    assert repeated.due("it is full") == "it is full"
    clock[0] += PERIOD
    assert repeated.due("it is away") == "it is away (and 999 times more since it was said last)"
    clock[0] += PERIOD
    assert repeated.due("it is away") == "it is away"


def test_of_sentences_that_anybody_may_make_up_one_of_a_kind_is_said() -> None:
    """A caller without a token could fill the log, with another word each time."""
    repeated = Repeated()
    said = [repeated.due(f"origin {number} is not allowed", "Forbidden") for number in range(1_000)]
    assert said == ["origin 0 is not allowed", *[None] * 999]
    assert repeated.due("no HTTP/1.1", "BadRequest") == "no HTTP/1.1"


def test_sentences_that_are_never_the_same_take_no_room() -> None:
    repeated = Repeated()
    assert all(repeated.due(f"port {number}") for number in range(3 * MOST))
    assert len(repeated._said) <= MOST
