"""Lists of runs and jobs: what a filter picks, and pages that leave nothing out and tell nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from jobs.store.records import JobFilter, NewRun, Place, Run, RunFilter
from jobs.store.runs.run_lists import runs_of_page
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.store.tables import RUNS
from tests.jobs.conftest import GRAPH, TENANT

COMPLETED, FAILED, LOST = RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.LOST
CREATED = [100.0, 200.0, 200.0, 200.0, 300.0, 400.1]  # of the runs 0 to 5, three at one moment
STATES = [COMPLETED, FAILED, LOST, COMPLETED, FAILED, COMPLETED]


def run_id(number: int) -> str:
    return f"{number:032x}"


@pytest.fixture
def kept(store: Store, database_url: str) -> tuple[int, int]:
    """Two jobs that have the runs of CREATED by turns, and one of another tenant."""
    first, second = (store.create_job(TENANT, name, GRAPH).job_id for name in ("Ärger", "b_c%"))
    other = store.create_job("globex", "Ärger", GRAPH).job_id
    rows = [(TENANT, (first, second)[n % 2], n, created) for n, created in enumerate(CREATED)]
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        for tenant, job_id, number, created in [*rows, ("globex", other, 9, 200.0)]:
            insert_run(connection, tenant, job_id, number, created)
    engine.dispose()
    return first, second


def insert_run(
    connection: sa.Connection, tenant: str, job_id: int, number: int, created: float
) -> None:
    row = {"run_id": run_id(number), "tenant_id": tenant, "job_id": job_id, "job_name": "a"}
    state = {"status": STATES[number % 6].value, "graph": "{}", "program": "", "request_hash": ""}
    times = {"created_at": created, "queued_at": created, "beat": 0}
    connection.execute(sa.insert(RUNS).values(**row, **state, **times))


def numbers(runs: list[Run]) -> list[int]:
    return [int(run.run_id, 16) for run in runs]


def test_what_is_deleted_while_a_page_is_read_ends_no_list(
    store: Store, kept: tuple[int, int], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With PostgreSQL the page had one entry less than there is room for, as a last one has, and what is older was missing."""
    other = Store(database_url)
    other.open()

    def meanwhile(*asked: Any) -> list[str]:
        run_ids = runs_of_page(*asked)
        other.delete_run(TENANT, run_ids[0])
        return run_ids

    monkeypatch.setattr("jobs.store.store.runs_of_page", meanwhile)
    assert numbers(store.runs(TENANT, limit=3)) == [5, 4, 3]
    assert numbers(store.runs(TENANT, limit=3)) == [4, 3, 2]
    other.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (RunFilter(), [5, 4, 3, 2, 1, 0]),
        (RunFilter(frozenset({FAILED})), [4, 1]),
        (RunFilter(frozenset({FAILED, LOST})), [4, 2, 1]),
        (RunFilter(frozenset(RunStatus)), [5, 4, 3, 2, 1, 0]),
        (RunFilter(since=200.0), [5, 4, 3, 2, 1]),
        (RunFilter(until=200.0), [0]),
        (RunFilter(frozenset({COMPLETED}), since=200.0, until=400.0), [3]),
    ],
)
def test_a_filter_picks_runs_of_the_tenant_in_pages_of_any_size(
    wanted: RunFilter, found: list[int], store: Store, kept: tuple[int, int]
) -> None:
    for limit in (1, 2, 10):
        assert numbers(walked(store, wanted, limit)) == found


def walked(store: Store, wanted: RunFilter, limit: int) -> list[Run]:
    """All pages, one after the other."""
    runs: list[Run] = []
    place = None
    while page := store.runs(TENANT, wanted, limit, place):
        assert len(page) <= limit
        runs += page
        place = Place(page[-1].created_at, page[-1].run_id)
    return runs


def test_the_runs_of_a_job_are_picked_by_state_and_time(
    store: Store, kept: tuple[int, int]
) -> None:
    first, second = kept
    assert numbers(walked(store, RunFilter(job_id=first), 2)) == [4, 2, 0]
    assert numbers(walked(store, RunFilter(frozenset({FAILED, LOST}), first), 1)) == [4, 2]
    assert numbers(walked(store, RunFilter(job_id=second, until=300.0), 1)) == [3, 1]


def test_a_run_that_comes_between_two_pages_moves_no_other(
    store: Store, kept: tuple[int, int]
) -> None:
    [*_, last] = store.runs(TENANT, limit=2)
    new = store.create_job(TENANT, "new", GRAPH)
    store.record_run(TENANT, NewRun(new.job_id, GRAPH, ""))
    place = Place(last.created_at, last.run_id)
    assert numbers(store.runs(TENANT, limit=2, before=place)) == [3, 2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (JobFilter(), ["never", "b_c%", "Ärger"]),
        (JobFilter("ÄRG"), ["Ärger"]),
        (JobFilter("_C%"), ["b_c%"]),
        (JobFilter("%"), ["b_c%"]),
        (JobFilter(last_statuses=frozenset({COMPLETED})), ["b_c%"]),
        (JobFilter(last_statuses=frozenset({FAILED, LOST})), ["Ärger"]),
        (JobFilter("zz"), []),
    ],
)
def test_a_filter_picks_jobs_of_the_tenant_in_pages_of_any_size(
    wanted: JobFilter, found: list[str], store: Store, kept: tuple[int, int]
) -> None:
    store.create_job(TENANT, "never", GRAPH)
    assert [job.name for job in store.jobs(TENANT, wanted)] == found
    before, names = None, []
    while page := store.jobs(TENANT, wanted, 1, before):
        names += [job.name for job in page]
        before = page[-1].job_id
    assert names == found


def test_a_list_of_jobs_tells_as_many_last_runs_as_asked_for(
    store: Store, kept: tuple[int, int]
) -> None:
    second, first = store.jobs(TENANT, runs=2)
    assert [[int(run.run_id, 16) for run in job.last_runs] for job in (first, second)] == [
        [4, 2],
        [5, 3],
    ]
    assert [len(job.last_runs) for job in store.jobs(TENANT, runs=14)] == [3, 3]
