"""What only SQLite does with the store: files, and locks on them."""

import multiprocessing
import sqlite3
import threading
from pathlib import Path
from threading import Barrier

import pytest

from jobs.store.connections import database
from jobs.store.job_lists import last_runs_query
from jobs.store.records import Place, RunFilter, Turn
from jobs.store.runs.run_lists import places_query, turns_query
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from tests.jobs.conftest import GRAPH, TENANT, record


@pytest.fixture
def database_url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'progress.db'}"


PLACE = Place(5.0, "f" * 32)
STATES = frozenset({RunStatus.FAILED, RunStatus.LOST})
SORTS = {
    "last runs of jobs": 1,
    "states": 2,
    "in turn": 1,
}  # of what has been found: pages, or all that wait


def open_and_record(url: str, start: Barrier) -> str:
    start.wait(30)
    store = Store(url)
    store.open()
    run_id = record(store).run_id
    store.close()
    return run_id


def test_processes_that_start_at_once_share_one_new_database(data_dir: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(4) as pool:
        start = manager.Barrier(4)
        for number in range(20):
            call = (f"sqlite:///{data_dir / f'{number}.db'}", start)
            run_ids = pool.starmap(open_and_record, [call] * 4, chunksize=1)
            assert len(set(run_ids)) == 4


def test_a_locked_database_is_a_clear_error_after_the_time_out(
    data_dir: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.2)
    store = Store(database_url)
    store.open()
    job = store.create_job(TENANT, "a", GRAPH)
    holder = sqlite3.connect(data_dir / "progress.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.update_job(TENANT, job.job_id, "b", GRAPH)
    assert store.job(TENANT, job.job_id).name == "a"
    holder.execute("ROLLBACK")
    holder.close()
    assert store.update_job(TENANT, job.job_id, "b", GRAPH).name == "b"
    store.close()


def test_a_file_that_was_deleted_or_replaced_takes_no_runs(data_dir: Path, store: Store) -> None:
    """Jobs and runs were taken, and written into a file that nobody could find any more."""
    store.ping()
    file = data_dir / "progress.db"
    for replace in file.unlink, lambda: file.write_bytes(b""):
        replace()
        with pytest.raises(StoreUnavailable, match="was deleted or replaced"):
            store.ping()
    store.close()
    store.open()
    store.ping()


def test_a_write_waits_for_anothers_write(data_dir: Path, store: Store) -> None:
    job = store.create_job(TENANT, "a", GRAPH)
    holder = sqlite3.connect(
        data_dir / "progress.db", isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, holder.execute, ["COMMIT"])
    release.start()
    store.update_job(TENANT, job.job_id, "b", GRAPH)
    release.join()
    holder.close()


LISTS = {
    "last runs of jobs": last_runs_query([1, 2], 14),
    "all runs": places_query(TENANT, RunFilter(), 50, PLACE),
    "states": places_query(TENANT, RunFilter(STATES), 50, PLACE),
    "a job": places_query(TENANT, RunFilter(job_id=1, since=1.0, until=9.0), 50, PLACE),
    "states of a job": places_query(TENANT, RunFilter(STATES, job_id=1), 50, PLACE),
    "in turn": turns_query(TENANT, RunFilter(), 50, 1.0, Turn(1.0, 0.0, 1.0, "")),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_chosen_from_indexes_alone_and_sorts_no_more_than_its_page(
    name: str, data_dir: Path
) -> None:
    """Rows of runs hold graphs and programs: 5,000 of them were gigabytes."""
    store = Store(f"sqlite:///{data_dir / 'progress.db'}")
    store.open()
    store.close()
    query = str(LISTS[name].compile(compile_kwargs={"literal_binds": True}))
    with sqlite3.connect(data_dir / "progress.db") as base:
        plan = [row[3] for row in base.execute(f"EXPLAIN QUERY PLAN {query}")]
    base.close()
    of_runs = [step for step in plan if step.startswith(("SEARCH runs", "SCAN runs"))]
    assert of_runs
    assert [step for step in of_runs if "SEARCH runs USING COVERING INDEX" not in step] == [], plan
    sorts = [step for step in plan if "TEMP B-TREE" in step]
    assert len(sorts) == SORTS.get(name, 0), plan


def test_a_database_that_is_closed_says_nothing_of_its_pool(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """“Pool disposed. Pool size: 5 …” stood in the log of each server and runner that was stopped."""
    store = Store(database_url)
    with caplog.at_level("INFO"):
        store.open()
        store.create_job(TENANT, "a", GRAPH)
        store.close()
    assert [record.message for record in caplog.records if "Pool" in record.message] == []
