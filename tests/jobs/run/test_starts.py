"""For how long a runner takes no runs, as a table."""

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
