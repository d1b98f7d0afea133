"""What was said of a run: from a stream that the test makes up, and from the record."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest

from jobs.http.runs.history import MAX_EVENTS, Histories
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, NewRun, Run
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from progress_lib import Progress, Status
from progress_lib.nats.link import NatsAway
from tests.jobs.conftest import GRAPH, TENANT

ODD: list[dict[str, Any]] = [{}, {"status": ["lost"]}, {"status": "started"}]
Said = tuple[str, bytes, float]


def new_run(store: Store) -> Run:
    job = store.create_job(TENANT, "a job", GRAPH)
    return store.record_run(TENANT, NewRun(job.job_id, GRAPH, "pass")).run


def status(run_id: str, status: str, ts: float) -> Said:
    return "status", json.dumps({"runId": run_id, "status": status}).encode(), ts


def progress(run_id: str | None, node_id: int, rows: int, ts: float, end: bool = False) -> Said:
    state = Status.COMPLETED if end else Status.RUNNING
    said = Progress(node_id, f"Node {node_id}", state, rows, "", run_id=run_id)
    return "progress", said.to_json(), ts


def history(store: Store, run: Run, said: Iterable[Said]) -> dict[str, Any]:
    return Histories(store, lambda *_: list(said), has_many_tenants=False).of(TENANT, run.run_id)


def test_a_history_holds_what_was_said_of_this_run_alone_with_the_time_of_each(
    store: Store,
) -> None:
    run = new_run(store)
    told = history(
        store,
        run,
        [
            status("another", "completed", 1.0),
            status(run.run_id, "queued", 2.0),
            progress(run.run_id, 1, 5, 3.0),
            progress("another", 1, 99, 4.0),
            ("progress", b"nonsense", 5.0),
            ("status", b"[" * 100_000, 5.5),
            *(("status", json.dumps({"runId": run.run_id, **odd}).encode(), 5.6) for odd in ODD),
            progress(run.run_id, 1, 9, 6.0, end=True),
        ],
    )
    assert told["source"] == "stream"
    assert [(event["ts"], event["type"]) for event in told["events"]] == [
        (2.0, "job.status"),
        (3.0, "job.progress"),
        (6.0, "job.progress"),
    ]
    assert told["events"][-1]["payload"]["rowCount"] == 9


def test_a_history_ends_with_its_run_though_the_program_goes_on(store: Store) -> None:
    run = new_run(store)
    said = [
        progress(run.run_id, 1, 5, 1.0),
        status(run.run_id, "lost", 2.0),
        progress(run.run_id, 1, 3_000, 3.0),
        progress(run.run_id, 2, 7, 4.0, end=True),
    ]
    events = history(store, run, said)["events"]
    assert [event["ts"] for event in events] == [1.0, 2.0, 4.0], "a node's end may come late"


def test_a_message_without_a_run_counts_for_the_run_that_was_on(store: Store) -> None:
    run = new_run(store)
    taken = store.start_run(TENANT, run.run_id, ProcessIdentity("here", 1, 2))
    assert taken is not None
    started = taken.run
    assert started.started_at is not None
    told = history(
        store,
        run,
        [
            progress(None, 1, 1, started.started_at - 1),
            progress(None, 1, 2, started.started_at + 1),
        ],
    )
    assert [event["payload"]["rowCount"] for event in told["events"]] == [2]


def test_a_long_history_keeps_the_first_and_the_last_word_of_each_node(store: Store) -> None:
    run = new_run(store)
    said = [status(run.run_id, "running", 0.0)]
    for step in range(5_000):
        said += [progress(run.run_id, node, step, float(step)) for node in (1, 2)]
    said += [progress(run.run_id, node, 5_000, 5_000.0, end=True) for node in (1, 2)]
    events = history(store, run, said)["events"]
    assert MAX_EVENTS / 2 < len(events) <= MAX_EVENTS
    assert events[0]["type"] == "job.status"
    counts = [e["payload"]["rowCount"] for e in events if e["payload"].get("nodeId") == 1]
    assert (counts[0], counts[-1]) == (0, 5_000)
    steps = [later - earlier for earlier, later in itertools.pairwise(counts[1:-1])]
    assert max(steps) == min(steps)


def test_without_a_stream_the_record_tells_the_changes_and_the_last_words(store: Store) -> None:
    run = new_run(store)
    runner = ProcessIdentity("here", 1, 2)
    assert store.start_run(TENANT, run.run_id, runner) is not None
    node = NodeState.of(Progress(1, "Node 1", Status.COMPLETED, 7, "", run_id=run.run_id))
    assert store.move_run(
        TENANT,
        run.run_id,
        Move(RunStatus.RUNNING, RunStatus.COMPLETED, nodes=[node], runner=runner),
    )

    def away(*_: object) -> list[Said]:
        raise NatsAway("no NATS")

    told = Histories(store, away, has_many_tenants=False).of(TENANT, run.run_id)
    assert told["source"] == "record"
    assert [event["payload"]["status"] for event in told["events"]] == [
        "queued",
        "running",
        "completed",  # the node
        "completed",  # the run, last
    ]
    assert told["events"][-1]["type"] == "job.status"


@pytest.mark.parametrize("ahead", [60.0, -60.0])
def test_a_history_is_whole_though_the_clock_of_the_stream_is_wrong(
    store: Store, ahead: float
) -> None:
    """It lacked its beginning, or its end."""
    run = new_run(store)
    assert store.start_run(TENANT, run.run_id, ProcessIdentity("here", 1, 2)) is not None
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED))
    now = store.run(TENANT, run.run_id).created_at + ahead
    said = [
        status(run.run_id, "queued", now),
        progress(run.run_id, 1, 5, now),
        status(run.run_id, "completed", now),
    ]

    def past(_tenant: str, _job: int, since: float, until: float) -> list[Said]:
        return [one for one in said if since <= one[2] <= until]

    told = Histories(store, past, has_many_tenants=False).of(TENANT, run.run_id)
    assert told["source"] == "stream"
    assert len(told["events"]) == 3


def first_counts(events: list[dict[str, Any]]) -> dict[int, int]:
    """Node id → the rows that its first event tells."""
    nodes = [event["payload"] for event in events if "nodeId" in event["payload"]]
    return {node["nodeId"]: node["rowCount"] for node in reversed(nodes)}


@pytest.mark.parametrize("nodes", [1, 2, 10, 20, 50, 200, 900, 1_500])
@pytest.mark.parametrize("counts", [979, 1_000, 1_001, 2_500, 7_001])
def test_however_much_is_left_out_a_history_keeps_its_beginnings_and_ends(
    store: Store, nodes: int, counts: int
) -> None:
    """A replay without its ends would show nodes at work for ever, one without beginnings no start."""
    run = new_run(store)
    said = [status(run.run_id, "running", 1.0)]
    said += [progress(run.run_id, n % nodes, n, 2.0 + n) for n in range(max(counts, nodes))]
    said += [progress(run.run_id, node, 10**6, 20_000.0, end=True) for node in range(nodes)]
    said += [status(run.run_id, "completed", 20_001.0)]
    events = history(store, run, said)["events"]
    assert len(events) <= MAX_EVENTS
    assert events[-1]["payload"]["status"] == "completed"
    ends = {e["payload"].get("nodeId") for e in events if e["payload"].get("rowCount") == 10**6}
    assert ends == set(range(nodes))
    if 2 * nodes + 2 <= MAX_EVENTS:  # else the oldest go
        assert events[0]["payload"]["status"] == "running"
        assert "nodeId" not in events[0]["payload"]
        assert first_counts(events) == {node: node for node in range(nodes)}
