"""How a run ended, as a table: what was seen, what the run became, what it says."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from jobs.run.execution.ending import (
    KILLED_BY,
    TERMINATED_BY,
    Ending,
    Seen,
    Silence,
    broken_deadline,
    decide,
    exit_text,
)
from jobs.run.execution.execution import Execution
from jobs.store.runs.run_states import KINDS, EndKind, RunStatus
from progress_lib import Progress, Status
from settings.defaults import Deadlines

OPEN = [Progress(3, "DB Output", Status.RUNNING, 5)]
FAILED = [Progress(3, "DB Output", Status.FAILED, 5, "UNIQUE constraint failed")]
GOOD = Seen(0, "", [], [], all_completed=True, heard_all=True)
CANCEL = Ending(RunStatus.CANCELLED, "cancelled", EndKind.CANCELLED)
TOO_SLOW = Ending(RunStatus.FAILED, "time-out: too slow", EndKind.TIME_OUT)


def test_what_stands_is_not_written_again() -> None:
    assert not decide(replace(GOOD, exit_code=3)).may_retry
    assert all(decide(replace(GOOD, exit_code=code)).may_retry for code in (1, 143, -9))


@pytest.mark.parametrize("ending", [None, TOO_SLOW, CANCEL])
def test_what_a_program_wrote_that_was_killed_at_its_end_is_not_written_again(
    ending: Ending | None,
) -> None:
    outputs = ["Shop", "Visits", "Orders", "Rest"]
    verdict = decide(replace(GOOD, exit_code=-9, ending=ending, committing=outputs))
    assert verdict.reason is not None
    assert "what Shop, Visits, Orders and 1 more wrote may stand" in verdict.reason
    assert not verdict.may_retry
    assert not decide(replace(GOOD, exit_code=3, ending=ending)).may_retry


@pytest.mark.parametrize(
    ("seen", "status", "reason"),
    [
        (GOOD, "completed", None),
        (replace(GOOD, open_nodes=OPEN), "failed", 'while node 3 "DB Output" was still running'),
        (replace(GOOD, open_nodes=OPEN, heard_all=False), "completed", None),
        (replace(GOOD, exit_code=3), "failed", "exit code 3"),
        (replace(GOOD, exit_code=1, stderr_tail="a\nb"), "failed", "exit code 1: a\nb"),
        (
            replace(GOOD, exit_code=1, stderr_tail="x", failed_nodes=FAILED),
            "failed",
            'exit code 1: node 3 "DB Output" failed: UNIQUE constraint failed',
        ),
        (replace(GOOD, exit_code=-9), "failed", f"signal SIGKILL: {KILLED_BY}"),
        (replace(GOOD, exit_code=-9, failed_nodes=FAILED), "failed", "UNIQUE constraint failed"),
        (replace(GOOD, exit_code=-11, stderr_tail="a\nb"), "failed", "signal SIGSEGV: a\nb"),
        (replace(GOOD, exit_code=143, ending=CANCEL), "cancelled", "cancelled"),
        (replace(GOOD, exit_code=-9, ending=CANCEL), "cancelled", "cancelled"),
        (replace(GOOD, exit_code=0, ending=CANCEL), "completed", None),
        (replace(GOOD, all_completed=False, ending=CANCEL), "cancelled", "cancelled"),
        (
            replace(GOOD, open_nodes=OPEN, all_completed=False, heard_all=False, ending=CANCEL),
            "completed",
            None,
        ),
    ],
)
def test_the_end_of_a_run(seen: Seen, status: str, reason: str | None) -> None:
    verdict = decide(seen)
    assert verdict.status == status
    if reason is None:
        assert verdict.reason is None
    else:
        assert verdict.reason is not None
        assert reason in verdict.reason


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (GOOD, "completed"),
        (replace(GOOD, open_nodes=OPEN), "open_node"),
        (replace(GOOD, exit_code=3), "exit_code"),
        (replace(GOOD, exit_code=-9), "signal"),
        (replace(GOOD, exit_code=-9, ending=CANCEL), "cancelled"),
        (replace(GOOD, exit_code=-9, ending=TOO_SLOW), "timeout"),
    ],
)
def test_the_kind_of_an_end_is_one_of_those_of_its_status(seen: Seen, kind: str) -> None:
    verdict = decide(seen)
    assert verdict.kind == kind
    assert verdict.kind in KINDS[verdict.status]


def test_a_completed_run_closes_what_it_missed_as_completed() -> None:
    assert decide(replace(GOOD, open_nodes=OPEN, heard_all=False)).close_as is Status.COMPLETED


def test_a_reason_is_bounded() -> None:
    reason = decide(replace(GOOD, exit_code=1, stderr_tail="x" * 100_000)).reason
    assert reason is not None
    assert len(reason) <= 2_000


def test_a_reason_holds_nothing_that_a_database_refuses() -> None:
    """PostgreSQL refused the end with a NUL in it, again and again, so that the run held its place for ever."""
    reason = decide(replace(GOOD, exit_code=1, stderr_tail="a\0b \ud800 é 😀")).reason
    assert reason == "exit code 1: a\ufffdb \ufffd é 😀"


def test_an_unknown_signal_has_a_number() -> None:
    assert exit_text(-63) == "signal 63"


@pytest.mark.parametrize(
    ("deadlines", "ran", "silent", "has_spoken", "reason"),
    [
        (Deadlines(), 1e6, 1e6, False, None),
        (Deadlines(run=10), 11, 0.5, True, "ran longer than 10 s"),
        (Deadlines(run=10), 9, 0.5, True, None),
        (Deadlines(start=5), 6, 6, False, "no node started within 5 s"),
        (Deadlines(start=5), 9, 4, False, None),
        (Deadlines(start=5), 9, 6, True, None),
        (Deadlines(silence=3), 6, 4, True, "no progress for 3 s"),
        (Deadlines(silence=3), 6, 6, False, None),
    ],
)
def test_each_time_out_has_its_own_reason(
    deadlines: Deadlines, ran: float, silent: float, has_spoken: bool, reason: str | None
) -> None:
    ending = broken_deadline(deadlines, ran, silent, has_spoken=has_spoken)
    if reason is None:
        assert ending is None
    else:
        assert ending is not None
        assert ending.status is RunStatus.FAILED
        assert reason in ending.reason


def test_a_program_is_silent_from_its_last_word_on() -> None:
    silence = Silence(100.0)
    assert [silence.look(at, None, is_heard=True) for at in (100.5, 101.0)] == [0.5, 1.0]
    assert silence.look(101.5, 101.2, is_heard=True) == 0.0
    assert [silence.look(at, 101.2, is_heard=True) for at in (102.0, 102.5)] == [0.5, 1.0]


def test_a_program_that_nobody_can_hear_is_not_silent() -> None:
    """NATS was away for longer than RUN_SILENCE_TIMEOUT, and all programs at work were ended."""
    silence = Silence(0.0)
    silence.look(1.0, 0.5, is_heard=True)
    assert [silence.look(at, 0.5, is_heard=False) for at in (2.0, 3.0, 600.0)] == [0.0, 0.0, 0.0]
    assert silence.look(600.5, 0.5, is_heard=True) == 0.5


def test_a_word_that_came_while_somebody_looked_counts() -> None:
    silence = Silence(0.0)
    silence.look(1.0, None, is_heard=True)
    assert silence.look(1.5, 0.999, is_heard=True) == 0.0


def test_a_runner_that_stood_still_does_not_take_that_for_silence() -> None:
    """What the program said meanwhile is still to be read."""
    silence = Silence(0.0)
    silence.look(0.5, 0.4, is_heard=True)
    assert silence.look(900.0, 0.4, is_heard=True) < 5.0


def test_an_execution_listens_only_while_its_runner_hears_nats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("jobs.run.execution.execution.time", Mock(monotonic=lambda: now[0]))
    parts = Mock(deadlines=Deadlines(silence=3), data_dir=Path("nowhere"))
    run = Mock(run_id="0" * 32)
    execution = Execution(Mock(run=run, graph={}, again=None), Mock(), parts, Mock())
    execution._hearing.last_word = 0.0
    answers = [False]  # whether NATS does
    parts.link.flush = lambda: parts.link.is_up and answers[0]

    def endings(*, is_up: bool) -> list[Ending | None]:
        parts.link.is_up = is_up
        found = []
        for _ in range(10):
            now[0] += 0.5
            found.append(execution._broken_deadline())
        return found

    assert not any(endings(is_up=False))
    assert not any(endings(is_up=True)), "it stands still"
    answers[0] = True
    assert any(endings(is_up=True))


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (-9, f"signal SIGKILL: {KILLED_BY}"),
        (-15, f"signal SIGTERM: {TERMINATED_BY}"),
        (143, f"exit code 143: {TERMINATED_BY}; 12:00:00 In: running, Started"),
    ],
)
def test_who_killed_a_program_is_told_before_what_it_had_written(
    exit_code: int, reason: str
) -> None:
    """Its last lines told of nodes that had begun, and nothing of memory, which the kernel had not for it."""
    tail = "12:00:00 In: running, Started"
    assert decide(replace(GOOD, exit_code=exit_code, stderr_tail=tail)).reason == reason
