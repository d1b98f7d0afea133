"""The database holds the truth: compare-and-set, once, and each tenant alone."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import (
    Job,
    JobEntry,
    LastRun,
    Move,
    NewRun,
    Recorded,
    Rows,
    Run,
    RunFilter,
    Started,
)
from jobs.store.runs.run_states import IllegalMove, RunStatus
from jobs.store.store import AlreadyRunning, IdempotencyMismatch, NotFound, Store
from jobs.store.tables import NODE_STATES, RUNS
from jobs.store.webhooks.records import NewWebhook, Told
from tests.jobs.conftest import GRAPH, TENANT, node_state, record

ME = ProcessIdentity("here", 1, 2)
OTHER = ProcessIdentity("there", 1, 2)
QUEUED, RUNNING = RunStatus.QUEUED, RunStatus.RUNNING


def test_a_job_is_kept_as_it_was_posted(store: Store) -> None:
    graph = {"nodes": [{"id": 1, "name": "ü\n\"'{}"}], "odd": [None, 1.5]}
    job = store.create_job(TENANT, "Ü 🚀", graph)
    assert store.job(TENANT, job.job_id) == job
    changed = store.update_job(TENANT, job.job_id, "new", GRAPH)
    entry = JobEntry(job.job_id, "new", job.created_at, changed.updated_at)
    assert store.jobs(TENANT) == [entry]
    assert (changed.name, changed.graph, changed.created_at) == ("new", GRAPH, job.created_at)


def test_a_list_of_jobs_has_the_last_run_of_each(store: Store) -> None:
    idle = store.create_job(TENANT, "never ran", GRAPH)
    first = record(store)
    store.move_run(TENANT, first.run_id, Move(QUEUED, RunStatus.CANCELLED))
    assert [job.last_run and job.last_run.status for job in store.jobs(TENANT)] == [
        RunStatus.CANCELLED,
        None,
    ]
    second = store.record_run(TENANT, NewRun(first.job_id, GRAPH, "pass")).run
    begun = started(store, second)
    assert [job.job_id for job in store.jobs(TENANT)] == [first.job_id, idle.job_id]
    expected = LastRun(second.run_id, RUNNING, second.created_at, begun.started_at, None)
    assert store.jobs(TENANT)[0].last_run == expected
    told = [[run.run_id for run in job.last_runs] for job in store.jobs(TENANT, runs=2)]
    assert told == [[second.run_id, first.run_id], []]


def test_another_tenants_jobs_and_runs_look_as_if_they_were_not_there(store: Store) -> None:
    run = record(store)
    calls: list[Callable[[], Any]] = [
        lambda: store.job("mallory", run.job_id),
        lambda: store.update_job("mallory", run.job_id, "x", {}),
        lambda: store.delete_job("mallory", run.job_id),
        lambda: store.record_run("mallory", NewRun(run.job_id, {}, "")),
        lambda: store.run("mallory", run.run_id),
        lambda: store.run_with_nodes("mallory", run.run_id),
        lambda: store.job_name("mallory", run.job_id),
        lambda: store.program("mallory", run.run_id),
        lambda: store.graph_of_run("mallory", run.run_id),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert store.jobs("mallory") == []
    assert not store.move_run("mallory", run.run_id, Move(QUEUED, RunStatus.CANCELLED))
    assert store.start_run("mallory", run.run_id, ME) is None
    assert not store.request_cancel("mallory", run.run_id)
    assert store.run(TENANT, run.run_id).status is QUEUED


@pytest.mark.parametrize("job_id", [0, -1, 2**31, 2**63, 10**30])
def test_ids_that_no_job_has_are_not_found(store: Store, job_id: int) -> None:
    with pytest.raises(NotFound):
        store.job(TENANT, job_id)
    with pytest.raises(NotFound):
        store.to_execute(TENANT, job_id, None, "")
    with pytest.raises(NotFound):
        store.delete_job(TENANT, job_id)
    with pytest.raises(NotFound):
        store.record_run(TENANT, NewRun(job_id, GRAPH, ""))
    assert store.last_run(TENANT, job_id) is None


def test_a_deleted_jobs_id_is_never_used_again(store: Store) -> None:
    first = store.create_job(TENANT, "a", GRAPH)
    store.delete_job(TENANT, first.job_id)
    assert store.create_job(TENANT, "b", GRAPH).job_id > first.job_id


def test_a_job_is_deleted_with_its_runs_but_not_under_a_run(store: Store) -> None:
    run = record(store)
    with pytest.raises(AlreadyRunning, match=run.run_id):
        store.delete_job(TENANT, run.job_id)
    started(store, run)
    store.save_nodes(run, ME, [node_state(1)])
    store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.FAILED))
    assert store.delete_job(TENANT, run.job_id) == [run.run_id]
    with pytest.raises(NotFound):
        store.run(TENANT, run.run_id)


def started(store: Store, run: Run, runner: ProcessIdentity = ME) -> Run:
    now = store.start_run(run.tenant_id, run.run_id, runner)
    assert now is not None
    assert (now.graph, now.program) == (
        store.graph_of_run(run.tenant_id, run.run_id),
        store.program(run.tenant_id, run.run_id),
    )
    return now.run


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """All calls at the same moment; their results, or what they raised."""
    barrier = threading.Barrier(len(calls))

    def call(one: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return one()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_two_executes_at_once_make_one_run(store: Store) -> None:
    job = store.create_job(TENANT, "a", GRAPH)
    new = NewRun(job.job_id, GRAPH, "pass")
    results = at_once([lambda: store.record_run(TENANT, new)] * 8)
    recorded = [r for r in results if isinstance(r, Recorded)]
    refused = [r for r in results if isinstance(r, AlreadyRunning)]
    assert len(recorded) == 1
    assert len(refused) == 7
    assert {r.run_id for r in refused} == {recorded[0].run.run_id}


def test_a_double_click_makes_one_run_and_both_get_it(store: Store) -> None:
    for attempt in range(10):
        job = store.create_job(TENANT, "a", GRAPH)
        new = NewRun(job.job_id, GRAPH, "pass", f"key {attempt}", "hash")
        results = at_once([partial(store.record_run, TENANT, new)] * 8)
        assert all(isinstance(r, Recorded) for r in results), results
        assert len({r.run.run_id for r in results}) == 1
        assert sum(r.is_new for r in results) == 1
        assert len(store.runs(TENANT, RunFilter(job_id=job.job_id))) == 1


def test_a_key_is_good_for_one_request_of_one_tenant(store: Store) -> None:
    run = record(store)
    store.move_run(TENANT, run.run_id, Move(QUEUED, RunStatus.CANCELLED))
    new = NewRun(run.job_id, GRAPH, "pass", "key", "hash")
    first = store.record_run(TENANT, new)
    with pytest.raises(IdempotencyMismatch):
        store.record_run(TENANT, NewRun(run.job_id, GRAPH, "pass", "key", "other"))
    store.move_run(TENANT, first.run.run_id, Move(QUEUED, RunStatus.CANCELLED))
    again = store.record_run(TENANT, new)
    assert (again.run.run_id, again.is_new) == (first.run.run_id, False)
    other = store.create_job("globex", "b", GRAPH)
    assert store.record_run("globex", NewRun(other.job_id, GRAPH, "", "key", "hash")).is_new


def test_a_key_is_forgotten_with_its_run(store: Store) -> None:
    job = store.create_job(TENANT, "a job", GRAPH)
    new = NewRun(job.job_id, GRAPH, "pass", "key", "hash")
    first = store.record_run(TENANT, new).run
    store.move_run(TENANT, first.run_id, Move(QUEUED, RunStatus.CANCELLED))
    assert store.record_run(TENANT, new).run.run_id == first.run_id
    store.delete_run(TENANT, first.run_id)
    assert store.record_run(TENANT, new).is_new


def test_a_job_whose_answer_was_lost_is_made_once_however_often_it_is_asked_for(
    store: Store,
) -> None:
    make = partial(store.create_job, TENANT, "a", GRAPH, "key", "hash")
    made = at_once([make] * 8)
    assert all(isinstance(job, Job) for job in made), made
    [entry] = store.jobs(TENANT)
    assert {job.job_id for job in made if isinstance(job, Job)} == {entry.job_id}
    changed = store.update_job(TENANT, entry.job_id, "another name", GRAPH)
    assert make() == changed, "as it is now"
    with pytest.raises(IdempotencyMismatch):
        store.create_job(TENANT, "b", GRAPH, "key", "other")
    assert store.create_job("globex", "a", GRAPH, "key", "hash").job_id != entry.job_id
    assert store.record_run(TENANT, NewRun(entry.job_id, GRAPH, "", "key", "hash")).is_new
    [run] = store.runs(TENANT)
    store.move_run(TENANT, run.run_id, Move(QUEUED, RunStatus.CANCELLED))
    store.delete_job(TENANT, entry.job_id)
    assert make().job_id != entry.job_id, "a key is forgotten with what it made"


def test_a_run_is_started_once(store: Store) -> None:
    run = record(store)
    runners = [ProcessIdentity("m", pid, 1) for pid in range(6)]
    calls = [partial(store.start_run, TENANT, run.run_id, runner) for runner in runners]
    winners = [result for result in at_once(calls) if result is not None]
    assert len(winners) == 1
    assert isinstance(winners[0], Started)
    assert winners[0].run.started_at is not None


def test_an_end_is_written_once(store: Store) -> None:
    run = started(store, record(store))
    ends = [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.LOST]
    move = partial(store.move_run, TENANT, run.run_id)
    calls = [partial(move, Move(RUNNING, end, reason=end.value)) for end in ends]
    results = at_once(calls)
    assert sorted(results) == [False, False, False, True]
    now = store.run(TENANT, run.run_id)
    assert now.status is ends[results.index(True)]
    assert now.reason == now.status.value
    assert now.ended_at is not None


def test_counts_of_any_size_leave_a_run_its_end(store: Store) -> None:
    """The sum of two was more than a column holds: such a run stayed for ever, and its job could not be executed."""
    run = started(store, record(store))
    most = 2**63 - 1
    nodes = [node_state(1, rows=most), node_state(3, rows=most)]
    assert store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.FAILED, nodes=nodes))
    assert store.run(TENANT, run.run_id).rows == Rows(most, most, 0)


def test_a_state_that_an_earlier_release_took_keeps_no_run_from_being_shown_or_ended(
    store: Store,
) -> None:
    """With a node id that is refused now, the list of all runs was answered 500, and the run was running for ever."""
    run = started(store, record(store))
    store.save_nodes(run, ME, [node_state(1, "failed", 5)])
    store.webhooks.create(
        TENANT, NewWebhook("https://hooks.example/", frozenset(Told)), "whsec_", 1
    )
    payload = f'{{"nodeId": {2**60}, "nodeName": "Load", "status": "running"}}'
    state = sa.insert(NODE_STATES).values(run_id=run.run_id, node_id=2**60, payload=payload)
    store._write(lambda connection: connection.execute(state))
    assert store.rows_of_runs(TENANT, [run])[run.run_id].read == 5
    assert store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.LOST))
    lost, nodes = store.run_with_nodes(TENANT, run.run_id)
    assert lost.has_ended
    assert [node.progress.node_id for node in nodes] == [1]


def test_a_move_that_the_table_does_not_have_is_a_mistake(store: Store) -> None:
    with pytest.raises(IllegalMove):
        store.move_run(TENANT, "x", Move(RunStatus.COMPLETED, RUNNING))


def test_only_the_runner_of_a_run_writes_about_it(store: Store) -> None:
    run = started(store, record(store))
    assert store.save_nodes(run, ME, [node_state(1, rows=5)])
    assert not store.save_nodes(run, OTHER, [node_state(1, rows=7)])
    assert not store.note_program(run, OTHER, OTHER)
    assert not store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.FAILED, runner=OTHER))
    assert store.beat(OTHER, {run.run_id}) == set()
    assert store.beat(ME, {run.run_id}) == {run.run_id}
    store.move_run(TENANT, run.run_id, Move(RUNNING, RunStatus.LOST))
    assert not store.save_nodes(run, ME, [node_state(1, rows=9)])
    assert store.beat(ME, {run.run_id}) == set()
    _, nodes = store.run_with_nodes(TENANT, run.run_id)
    assert [node.progress.row_count for node in nodes] == [5]


def test_a_cancel_is_asked_for_once_and_seen_by_the_runs_runner(store: Store) -> None:
    run = started(store, record(store))
    assert store.cancel_requests(ME) == set()
    assert store.request_cancel(TENANT, run.run_id)
    asked = store.run(TENANT, run.run_id).cancel_requested_at
    assert store.request_cancel(TENANT, run.run_id)
    assert store.run(TENANT, run.run_id).cancel_requested_at == asked
    assert store.cancel_requests(ME) == {run.run_id}
    assert store.cancel_requests(OTHER) == set()


def test_waiting_runs_are_found_oldest_first_until_they_are_queued_again(store: Store) -> None:
    first, second = record(store), record(store)
    assert store.queued.not_since(100.0) == []
    older = sa.update(RUNS).values(queued_at=RUNS.c.queued_at - 200.0)
    store._write(lambda connection: connection.execute(older))
    waiting = store.queued.not_since(100.0)
    assert [run.run_id for run in waiting] == [first.run_id, second.run_id]
    assert store.queued.note_again(waiting[0])
    assert not store.queued.note_again(waiting[0])
    assert [run.run_id for run in store.queued.not_since(100.0)] == [second.run_id]
    assert store.queued.position(second) == 1
    assert store.queued.longer_than(60) == []


def test_whose_turn_it_may_be_is_told_by_tenant(store: Store) -> None:
    first, second = record(store), record(store)
    other = record(store, tenant_id="globex")
    assert store.queued.tenants() == {TENANT: 0, "globex": 0}
    assert store.start_run(TENANT, first.run_id, ME)
    assert store.queued.tenants() == {TENANT: 1, "globex": 0}
    assert store.queued.first(TENANT, "", 0.0) == second.run_id
    assert store.start_run("globex", other.run_id, ME)
    assert store.queued.tenants() == {TENANT: 1}
    assert store.queued.first("globex", "", 0.0) is None


def test_a_run_that_may_not_have_been_told_as_queued_is_nobodys_turn_but_its_own_messages(
    store: Store,
) -> None:
    run = record(store)
    assert store.queued.first(TENANT, "", 60.0) is None
    assert store.queued.first(TENANT, run.run_id, 60.0) == run.run_id
