"""For how long a runner takes no runs, as a table."""

import logging
import threading

import pytest

from jobs.run.starts import LONGEST_REST, TRIAL_WAIT, Starts


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
        clock.now += 3_600.0


def test_runs_that_come_one_by_one_are_taken_ever_less_often_too() -> None:
    """A runner beside others has a share of what comes: it failed each of those."""
    clock = Clock()
    starts = Starts(clock)
    failed = 0
    for clock.now in range(0, 600, 3):
        if not starts.rest():
            starts.failed()
            failed += 1
    assert failed < 20


def test_while_no_program_starts_one_run_at_a_time_is_tried() -> None:
    """A runner with eight slots failed eight runs after each rest."""
    starts = Starts()
    assert starts.tries is None
    starts.settled(starts.tries)  # nothing is in doubt, and nobody waits
    starts.failed()
    for tell in (starts.failed, starts.went):
        waiting = threading.Thread(target=starts.settled, args=(starts.tries,))
        waiting.start()
        tell()
        waiting.join(0.9 * TRIAL_WAIT)
        assert not waiting.is_alive()
    assert starts.tries is None
