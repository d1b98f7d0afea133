"""Tags in the database: which run is next of those with a tag, and which runners are there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.runners import FORGOTTEN_AFTER, GONE_AFTER
from jobs.store.store import Store
from tests.jobs.conftest import TENANT, record

ONE, OTHER = ProcessIdentity.of(1), ProcessIdentity("other", 7, 9)


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr("jobs.store.runs.runners.KEPT", 0.0)
    store = Store(database_url)
    store.open()
    yield store
    store.close()


def tagged(store: Store, tag: str | None, tenant_id: str = TENANT) -> Run:
    return record(store, tenant_id=tenant_id, tag=tag)


def test_a_run_is_looked_for_among_those_of_its_tag(store: Store) -> None:
    plain, gpu, eu = (tagged(store, tag) for tag in (None, "gpu", "eu"))
    second = tagged(store, "gpu")
    others = tagged(store, "gpu", "globex")
    assert [run.runner_tag for run in (plain, gpu, eu)] == [None, "gpu", "eu"]
    assert store.queued.tenants() == store.queued.tenants("eu") == {TENANT: 0}
    assert store.queued.tenants("gpu") == {TENANT: 0, "globex": 0}
    assert store.queued.tenants("nowhere") == {}
    assert store.queued.first(TENANT, "", 0.0) == plain.run_id
    assert store.queued.first(TENANT, "", 0.0, "gpu") == gpu.run_id
    assert [store.queued.position(run) for run in (plain, gpu, second, others)] == [0, 0, 2, 0]
    assert store.start_run(TENANT, gpu.run_id, ONE) is not None
    assert store.queued.tenants("gpu") == {TENANT: 1, "globex": 0}
    assert store.queued.tenants() == {TENANT: 0}, "what is at work for a tag counts there alone"
    assert store.queued.first(TENANT, "", 0.0, "gpu") == second.run_id
    assert [store.queued.count_active(tag) for tag in (None, "gpu", "eu", "nowhere")] == [
        1,
        3,
        1,
        0,
    ]
    waiting = store.queued.not_since(-1.0, "gpu")
    assert [run.run_id for run in waiting] == [second.run_id, others.run_id]
    assert (store.queued.all_waiting().queued, store.queued.all_waiting().running) == (4, 1), (
        "figures are of all"
    )


def test_a_retry_has_the_tag_of_the_run_that_failed(store: Store) -> None:
    run = tagged(store, "gpu")
    assert store.start_run(TENANT, run.run_id, ONE) is not None
    store.move_run(
        TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.FAILED, reason="x", retry_after=1.0)
    )
    retry = store.retry_of(run)
    assert retry is not None
    assert retry.runner_tag == "gpu"


def test_runners_show_what_they_take_and_leave(store: Store) -> None:
    def reasons() -> list[str | None]:
        takers = store.runners.takers()
        return [takers.why_waiting(tag) for tag in (None, "gpu", "eu")]

    no_gpu, no_eu = (f"no runner with the tag {tag} is there" for tag in ("gpu", "eu"))
    assert reasons() == [None, no_gpu, no_eu]
    store.runners.show(ONE, ["gpu", "eu"], takes_untagged=False)
    assert reasons() == ["no runner that takes runs without a tag is there", None, None]
    store.runners.show(OTHER, ["gpu"], takes_untagged=True)
    store.runners.show(OTHER, ["gpu"], takes_untagged=True)
    store.runners.leave(ONE)
    assert reasons() == [None, None, no_eu]
    store.runners.leave(OTHER)
    store.runners.leave(OTHER)
    assert reasons() == [None, no_gpu, no_eu]


def test_a_run_waits_for_runners_that_drain_where_no_other_is_there(store: Store) -> None:
    def reasons() -> set[str | None]:
        takers = store.runners.takers()
        return {takers.why_waiting(tag) for tag in (None, "gpu")}

    store.runners.show(ONE, ["gpu"], takes_untagged=True)
    store.runners.show(ONE, [], takes_untagged=False)  # it drains
    assert reasons() == {
        "the runner that is there takes no more runs: it ends those that it has at work"
    }
    store.runners.show(OTHER, [], takes_untagged=False)
    assert reasons() == {
        "the 2 runners that are there take no more runs: they end those that they have at work"
    }
    assert not store.runners.takers().is_any_there, "a preview is told that no runner is there"
    store.runners.show(OTHER, ["eu"], takes_untagged=True)
    assert reasons() == {None, "no runner with the tag gpu is there"}


def test_a_runner_that_shows_itself_no_more_is_gone_by_the_clock_of_the_database(
    store: Store, database_url: str
) -> None:
    store.runners.show(ONE, ["gpu"], takes_untagged=False)
    engine = sa.create_engine(database_url)

    def grow_older(seconds: float) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE runners SET seen_at = seen_at - {seconds}")

    grow_older(GONE_AFTER - 5.0)
    assert store.runners.takers().why_waiting("gpu") is None
    grow_older(6.0)
    assert store.runners.takers().why_waiting("gpu") == "no runner with the tag gpu is there"
    grow_older(FORGOTTEN_AFTER)
    store.runners.show(OTHER, ["eu"], takes_untagged=True)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT runner FROM runners").scalars().all()
    assert rows == [str(OTHER)]
    engine.dispose()
