"""The database's word on jobs whose progress is watched, while it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from realtime.bridge.records import MOST_KEPT, PAUSE, DatabaseAway, Records
from realtime.events import Topic

JOBS = [Topic("acme", number) for number in range(1, 13)]
QUEUED = b'{"runId":"r1","status":"queued"}'


class Database:
    """Answers at once, or after `takes` seconds that it is away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.takes: float | None = None
        self.asked: list[int] = []
        monkeypatch.setattr(
            "realtime.bridge.records.time", SimpleNamespace(monotonic=lambda: self.now)
        )

    def last_run(self, _tenant_id: str, job_id: int) -> Iterator[tuple[str, bytes, float]]:
        self.asked.append(job_id)
        if self.takes is not None:
            self.now += self.takes
            raise DatabaseAway("no answer")
        yield "status", QUEUED, self.now


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(monkeypatch)


def test_a_database_that_hangs_holds_up_one_job_and_is_asked_for_all_once_it_answers(
    database: Database,
) -> None:
    """Who had twelve jobs on a page saw none of their live progress for a minute, as the time-outs came one after another."""
    records = Records(database.last_run)
    database.takes = 10.0
    began = database.now
    assert [records.of(job) for job in JOBS] == [[]] * 12
    assert database.now - began == 10.0
    assert records.take_missed() == []
    database.now += PAUSE
    again = records.take_missed()
    assert set(again) == set(JOBS)
    assert [records.of(job) for job in again] == [[]] * 12  # it still hangs
    assert len(database.asked) == 2
    database.takes = None
    database.now += PAUSE
    assert [len(records.of(job)) for job in records.take_missed()] == [1] * 12
    assert records.take_missed() == []


def test_the_last_run_of_who_came_while_the_database_refused_at_once_is_told_once_it_is_back(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """As while it starts again: it was never asked for these jobs again, and the log had a line for each."""
    records = Records(database.last_run)
    database.takes = 0.0
    assert [records.of(job) for job in JOBS] == [[]] * 12
    assert (len(database.asked), len(caplog.records)) == (1, 1)
    database.takes = None
    database.now += PAUSE
    assert [len(records.of(job)) for job in records.take_missed()] == [1] * 12


def test_one_job_that_the_database_cannot_tell_in_time_keeps_no_others_waiting(
    database: Database,
) -> None:
    slow, other, late = JOBS[:3]

    def last_run(tenant_id: str, job_id: int) -> Iterator[tuple[str, bytes, float]]:
        database.takes = 10.0 if job_id == slow.job_id else None
        return database.last_run(tenant_id, job_id)

    records = Records(last_run)
    assert [records.of(job) for job in (slow, other, slow, late)] == [[]] * 4
    database.now += PAUSE
    again = records.take_missed()
    assert again == [other, late, slow]
    assert [len(records.of(job)) for job in again] == [1, 1, 0]


def test_a_job_whose_record_cannot_be_read_is_left_out_and_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(Database, "last_run", lambda *_: [("status", b"no JSON", 1.0)])
    records = Records(database.last_run)
    assert records.of(JOBS[0]) == []
    database.now += PAUSE
    assert records.take_missed() == []


def test_of_those_who_come_while_the_database_is_away_for_long_only_so_many_are_kept(
    database: Database,
) -> None:
    records = Records(database.last_run)
    database.takes = 0.0
    for number in range(MOST_KEPT + 10):
        records.of(Topic("acme", number))
    assert len(records._missed) == MOST_KEPT
