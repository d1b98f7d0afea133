"""The database's word on jobs whose progress is watched, while it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from realtime.events import Topic
from realtime.records import PAUSE, Records

JOBS = [Topic("acme", number) for number in range(1, 13)]
QUEUED = b'{"runId":"r1","status":"queued"}'


class Database:
    """Answers at once, or fails after `takes` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        self.takes = 0.0
        self.asked: list[int] = []
        monkeypatch.setattr("realtime.records.time", SimpleNamespace(monotonic=lambda: self.now))

    def last_run(self, _tenant_id: str, job_id: int) -> Iterator[tuple[str, bytes, float]]:
        self.asked.append(job_id)
        if self.takes:
            self.now += self.takes
            raise ConnectionError("no answer")
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
    database.takes = 0.0
    database.now += PAUSE
    assert [len(records.of(job)) for job in records.take_missed()] == [1] * 12
    assert records.take_missed() == []


def test_a_database_that_refuses_at_once_is_asked_for_each_job(database: Database) -> None:
    records = Records(database.last_run)
    database.takes = 0.01
    assert [records.of(job) for job in JOBS] == [[]] * 12
    assert len(database.asked) == 12
    assert records.take_missed() == []
