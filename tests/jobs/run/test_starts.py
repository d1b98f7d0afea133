"""For how long a runner takes no runs, as a table."""

import logging

import pytest

from jobs.run.starts import LONGEST_REST, Starts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_rest_is_twice_as_long_until_a_program_starts() -> None:
    clock = Clock()
    starts = Starts(clock)
    assert starts.rest() == 0.0
    for rest in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_REST, LONGEST_REST):
        assert starts.failed() == rest
        assert starts.rest() == rest
        assert starts.failed() == 0.0, "that of another slot, which had begun before"
        clock.now += rest
        assert starts.rest() == 0.0
    starts.went()
    assert starts.failed() == 1.0
    starts.went()
    assert starts.rest() == 0.0


def test_what_the_system_refuses_begins_a_rest(caplog: pytest.LogCaptureFixture) -> None:
    starts = Starts(Clock())
    with starts.watched():
        pass
    full = OSError(28, "No space left on device")
    with caplog.at_level(logging.WARNING), pytest.raises(OSError), starts.watched():
        raise full
    assert starts.rest() == 1.0
    assert "no runs are taken for 1 s" in caplog.text


def test_a_run_that_fails_now_and_then_makes_no_long_rest() -> None:
    clock = Clock()
    starts = Starts(clock)
    for _ in range(10):
        assert starts.failed() == 1.0
        clock.now += 60.0
