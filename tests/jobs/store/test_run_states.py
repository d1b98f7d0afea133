"""The table of moves."""

import itertools

import pytest

from jobs.store.runs.run_states import ACTIVE, MOVES, IllegalMove, RunStatus, check_move


def test_an_illegal_move_names_run_and_both_states() -> None:
    with pytest.raises(IllegalMove, match="run 7f is completed and cannot become running"):
        check_move("7f", RunStatus.COMPLETED, RunStatus.RUNNING)


def test_nothing_follows_an_end() -> None:
    ends = set(RunStatus) - ACTIVE
    assert ends == {s for s in RunStatus if s.is_end}
    for frm, to in itertools.product(ends, RunStatus):
        with pytest.raises(IllegalMove):
            check_move("r", frm, to)


def test_every_end_can_be_reached() -> None:
    reached = {to for moves in MOVES.values() for to in moves}
    assert set(RunStatus) - {RunStatus.QUEUED} == reached
