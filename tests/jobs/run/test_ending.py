"""How a run ended, as a table: what was seen, what the run became, what it says."""

from dataclasses import replace

import pytest

from jobs.run.ending import Ending, Seen, broken_deadline, decide, exit_text
from jobs.store.run_states import KINDS, EndKind, RunStatus
from progress_lib import Progress, Status
from settings.groups import Deadlines

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
        (replace(GOOD, exit_code=-9), "failed", "signal SIGKILL"),
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
    ("deadlines", "now", "last_word", "reason"),
    [
        (Deadlines(), 1e6, None, None),
        (Deadlines(run=10), 11, 10.5, "ran longer than 10 s"),
        (Deadlines(run=10), 9, 8.5, None),
        (Deadlines(start=5), 6, None, "no node started within 5 s"),
        (Deadlines(start=5), 6, 4, None),
        (Deadlines(silence=3), 6, 2, "no progress for 3 s"),
        (Deadlines(silence=3), 6, None, None),
    ],
)
def test_each_time_out_has_its_own_reason(
    deadlines: Deadlines, now: float, last_word: float | None, reason: str | None
) -> None:
    ending = broken_deadline(deadlines, now, 0.0, last_word)
    if reason is None:
        assert ending is None
    else:
        assert ending is not None
        assert ending.status is RunStatus.FAILED
        assert reason in ending.reason
