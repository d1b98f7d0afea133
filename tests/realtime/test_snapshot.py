"""What is now true of a job, whatever order it is told in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_lib.progress import Progress, Status
from realtime.bridge.past import Past
from realtime.events import Event, ProgressEvent, RunStatus, StatusEvent, Topic
from realtime.snapshot import MAX_NODE_BYTES, MAX_NODES, RUNS_OVER, JobSnapshot, News, Seen
from tests.realtime.telling import read_event

JOB = Topic("acme", 1)
RUNNING, COMPLETED, FAILED = Status.RUNNING, Status.COMPLETED, Status.FAILED


def tell(
    job: JobSnapshot,
    node_id: int,
    status: Status = RUNNING,
    rows: int = 0,
    *,
    run: str | None = "r1",
    seq: int | None = None,
    at: float = 0.0,
    ts: float | None = None,
) -> News:
    progress = Progress(node_id, "Load", status, rows, run_id=run, seq=seq, ts=ts)
    return job.apply(ProgressEvent(JOB, progress, progress.to_json(), at=at))


def tell_run(job: JobSnapshot, status: str, run: str = "r1") -> News:
    payload = json.dumps({"runId": run, "status": status}).encode()
    return job.apply(StatusEvent(JOB, RunStatus(run, status), payload))


def tell_alive(job: JobSnapshot, at: float, run: str = "r1") -> News:
    fields = {"runId": run, "status": "running", "aliveEvery": 10, "aliveAt": at}
    event = read_event("tenant.acme.job.1.status", json.dumps(fields).encode())
    return job.apply(event)


def nodes(job: JobSnapshot) -> dict[int, tuple[str, int]]:
    """What a late client would be sent, by node."""
    events = [event for event in job.events() if isinstance(event, ProgressEvent)]
    told = [json.loads(event.payload) for event in events]
    assert len({node["nodeId"] for node in told}) == len(told), "one message a node"
    return {node["nodeId"]: (node["status"], node["rowCount"]) for node in told}


def run_of(job: JobSnapshot) -> tuple[str, str] | None:
    statuses = [event for event in job.events() if isinstance(event, StatusEvent)]
    return (statuses[0].run.run_id, statuses[0].run.status) if statuses else None


def test_a_program_that_goes_on_after_its_runs_end_is_not_shown() -> None:
    job = JobSnapshot()
    tell_run(job, "running")
    tell(job, 1, rows=10, seq=1)
    tell_run(job, "lost")
    assert not tell(job, 1, rows=20, seq=2)
    assert not tell(job, 2, rows=1, seq=3)
    assert tell(job, 1, COMPLETED, 30, seq=4), "a node's end may come late"
    assert tell(job, 3, rows=1, run=None), "who names no run has none that ended"
    assert nodes(job) == {1: ("completed", 30), 3: ("running", 1)}


def test_nothing_is_known_of_a_job_that_nobody_spoke_of() -> None:
    job = JobSnapshot()
    assert run_of(job) is None
    assert nodes(job) == {}
    assert len(job) == 0


def test_the_last_word_of_each_node_is_kept() -> None:
    job = JobSnapshot()
    assert tell(job, 1, rows=10, seq=1)
    assert tell(job, 2, rows=5, seq=2)
    assert tell(job, 1, rows=20, seq=3)
    assert tell(job, 2, COMPLETED, 6, seq=4)
    assert nodes(job) == {1: ("running", 20), 2: ("completed", 6)}


def test_a_run_that_says_again_that_it_lives_is_passed_on_and_remembered_until_its_end() -> None:
    job = JobSnapshot()
    assert tell_alive(job, 1.0) is News.CHANGE
    tell(job, 1, rows=10, seq=1)
    assert tell_alive(job, 11.0) is News.CHANGE
    [known] = [event for event in job.events() if isinstance(event, StatusEvent)]
    assert json.loads(known.payload)["aliveAt"] == 11.0
    assert nodes(job) == {1: ("running", 10)}
    assert not tell_run(job, "running"), "a repeat that says nothing new"
    tell_run(job, "completed")
    assert not tell_alive(job, 21.0)
    assert run_of(job) == ("r1", "completed")


@pytest.mark.parametrize("late_seq", [1, 2])
def test_a_count_that_came_late_or_twice_is_no_step_back(late_seq: int) -> None:
    job = JobSnapshot()
    tell(job, 1, rows=20, seq=2)
    assert not tell(job, 1, rows=10, seq=late_seq)
    assert nodes(job) == {1: ("running", 20)}


def test_a_publisher_that_is_started_again_within_its_run_counts_anew() -> None:
    """A process that was killed, and is started again with the RUN_ID of before, as Kubernetes does: all that it said was dropped."""
    job = JobSnapshot()
    tell(job, 1, rows=900, seq=72_000, ts=100.0)
    assert tell(job, 1, rows=5, seq=1, ts=130.5)
    assert not tell(job, 1, rows=5, seq=1, ts=130.5), "the same once more"
    assert tell(job, 1, COMPLETED, 10, seq=2, ts=131.0)
    assert nodes(job) == {1: ("completed", 10)}


@pytest.mark.parametrize("end", [COMPLETED, FAILED])
def test_nothing_follows_the_end_of_a_node_within_a_run(end: Status) -> None:
    job = JobSnapshot()
    tell(job, 1, end, 20, seq=2)
    for status in (RUNNING, COMPLETED, FAILED):
        assert not tell(job, 1, status, 30, seq=3)
        assert not tell(job, 1, status, 30)
    assert nodes(job) == {1: (str(end), 20)}


def test_a_publisher_without_run_and_number_is_taken_at_its_word() -> None:
    job = JobSnapshot()
    assert tell(job, 1, COMPLETED, 20, run=None)
    assert tell(job, 1, RUNNING, 1, run=None), "it started again, and has no way to say so"
    assert nodes(job) == {1: ("running", 1)}


def test_a_run_goes_forward_only_and_ends_once() -> None:
    job = JobSnapshot()
    assert tell_run(job, "queued")
    assert tell_run(job, "running")
    assert not tell_run(job, "queued")
    assert not tell_run(job, "running"), "said twice"
    assert tell_run(job, "failed")
    for late in ("queued", "running", "completed", "cancelled", "failed"):
        assert not tell_run(job, late)
    assert run_of(job) == ("r1", "failed")


def test_a_new_run_starts_with_no_nodes() -> None:
    job = JobSnapshot()
    tell_run(job, "completed")
    tell(job, 1, COMPLETED, 20)
    tell(job, 2, COMPLETED, 20)
    assert tell_run(job, "queued", run="r2")
    assert nodes(job) == {}
    assert run_of(job) == ("r2", "queued")
    assert tell(job, 1, RUNNING, 1, run="r2", seq=1)
    assert nodes(job) == {1: ("running", 1)}


def test_a_node_that_speaks_before_its_runs_status_is_kept_by_it() -> None:
    """Status and progress come from two publishers: either may be first."""
    job = JobSnapshot()
    tell_run(job, "completed", run="r1")
    tell(job, 1, COMPLETED, 20, run="r1")
    assert tell(job, 1, RUNNING, 5, run="r2", seq=1)
    assert tell_run(job, "running", run="r2")
    assert nodes(job) == {1: ("running", 5)}


def test_stragglers_of_a_past_run_are_told_apart() -> None:
    job = JobSnapshot()
    tell_run(job, "running", run="r1")
    tell_run(job, "running", run="r2")
    tell(job, 1, RUNNING, 5, run="r2", seq=1)
    assert not tell(job, 1, COMPLETED, 99, run="r1", seq=50)
    assert not tell(job, 9, RUNNING, 99, run="r1", seq=51)
    assert not tell_run(job, "completed", run="r1")
    assert nodes(job) == {1: ("running", 5)}
    assert run_of(job) == ("r2", "running")


def test_only_so_many_past_runs_are_remembered() -> None:
    job = JobSnapshot()
    for number in range(RUNS_OVER + 20):
        assert tell_run(job, "completed", run=f"r{number}")
    for number in range(RUNS_OVER + 20 - 1, 19, -1):
        assert not tell_run(job, "running", run=f"r{number}")


def test_large_messages_of_a_job_cost_bounded_memory_and_what_is_kept_is_true() -> None:
    """10,000 nodes with a megabyte each, as the code of one run may say them, took a web worker with all its tenants."""
    job = JobSnapshot()

    def say(node_id: int, size: int, run: str = "r1") -> News:
        progress = Progress(node_id, "Load", RUNNING, size, run_id=run)
        return job.apply(ProgressEvent(JOB, progress, progress.to_json().ljust(size)))

    large = MAX_NODE_BYTES // 4
    assert all(say(node_id, large) for node_id in range(9)), "who watches sees each"
    assert list(nodes(job)) == [0, 1, 2, 3]
    assert say(0, large + 1)
    assert list(nodes(job)) == [1, 2, 3], "what was true of it before is not told any more"
    assert say(1, 1_000)
    assert say(8, large)
    assert nodes(job)[8] == ("running", large)
    tell_run(job, "running", run="r2")
    assert all(say(node_id, large, "r2") for node_id in range(4))
    assert len(nodes(job)) == 4


def test_a_job_with_too_many_nodes_costs_bounded_memory_and_keeps_the_known_ones_true() -> None:
    job = JobSnapshot()
    for node_id in range(MAX_NODES + 50):
        tell(job, node_id, seq=node_id + 1)
    assert len(nodes(job)) == MAX_NODES
    assert tell(job, 0, COMPLETED, 7, seq=MAX_NODES + 100)
    assert nodes(job)[0] == ("completed", 7)


SAID = st.tuples(st.integers(1, 3), st.sampled_from([RUNNING, COMPLETED]), st.integers(0, 99))


@given(st.lists(SAID, min_size=1), st.data())
def test_repeats_of_what_was_said_change_nothing(
    said: list[tuple[int, Status, int]], data: st.DataObject
) -> None:
    """Delivery at least once: any message may come again, any number of times, at any time later."""
    plain, repeated = JobSnapshot(), JobSnapshot()
    for seq, (node_id, status, rows) in enumerate(said, 1):
        tell(plain, node_id, status, rows, seq=seq)
        tell(repeated, node_id, status, rows, seq=seq)
        again = data.draw(st.integers(1, seq))
        node_id, status, rows = said[again - 1]
        tell(repeated, node_id, status, rows, seq=again)
        assert nodes(repeated) == nodes(plain)


@given(st.permutations(range(8)))
def test_messages_of_one_node_in_any_order_end_in_the_last_state(order: list[int]) -> None:
    job = JobSnapshot()
    shown = [
        (n == 7, n * 10)
        for n in order
        if tell(job, 1, COMPLETED if n == 7 else RUNNING, n * 10, seq=n + 1)
    ]
    assert shown == sorted(shown), "what is shown never steps back"
    assert nodes(job) == {1: ("completed", 70)}


# ---------------------------------------------------------------- runs that no status tells of


def test_a_run_that_no_status_tells_of_has_the_time_of_its_first_word_and_its_last() -> None:
    job = JobSnapshot()
    tell(job, 1, rows=5, run="cron", at=100.0)
    tell(job, 2, COMPLETED, rows=9, run="cron", at=130.0)
    assert job.seen == Seen("cron", 100.0, 130.0)
    tell(job, 1, rows=1, run="next", at=200.0)
    assert job.seen == Seen("next", 200.0, 200.0)


def test_without_names_a_run_begins_when_a_node_runs_again_after_all_had_ended() -> None:
    job = JobSnapshot()
    tell(job, 1, rows=5, run=None, at=100.0)
    tell(job, 1, COMPLETED, rows=9, run=None, at=110.0)
    tell(job, 2, rows=5, run=None, at=120.0)  # the next node of the same run
    tell(job, 1, rows=1, run=None, at=125.0)  # again, while another one still runs
    assert job.seen == Seen(None, 100.0, 125.0)
    tell(job, 1, COMPLETED, run=None, at=130.0)
    tell(job, 2, COMPLETED, run=None, at=140.0)
    tell(job, 1, rows=1, run=None, at=200.0)
    assert job.seen == Seen(None, 200.0, 200.0)


def test_a_run_that_a_status_tells_of_needs_no_such_times() -> None:
    job = JobSnapshot()
    tell_run(job, "running")
    tell(job, 1, at=100.0)
    tell(job, 1, run=None, at=101.0)  # counts for the run under way
    assert job.seen is None
    tell_run(job, "completed")
    tell(job, 1, run=None, at=102.0)
    assert job.seen == Seen(None, 102.0, 102.0)


def test_a_run_without_a_name_is_over_when_a_status_begins_another() -> None:
    job = JobSnapshot()
    tell(job, 1, run=None, at=100.0)
    tell_run(job, "running")
    assert job.seen is None
    tell_run(job, "completed")
    tell(job, 1, run=None, at=900.0)
    assert job.seen == Seen(None, 900.0, 900.0)


def test_a_beginning_is_taken_from_a_past_that_reaches_further_back() -> None:
    job, past = JobSnapshot(), JobSnapshot()
    tell(past, 1, run="cron", at=50.0)
    tell(job, 1, rows=9, run="cron", at=100.0)
    job.recognise_beginning(past)
    assert job.seen == Seen("cron", 50.0, 100.0)
    other = JobSnapshot()
    tell(other, 1, run="of before", at=10.0)
    job.recognise_beginning(other)
    assert job.seen == Seen("cron", 50.0, 100.0)


@pytest.mark.parametrize(
    "runs", ["T", "U", "TU", "UT", "TUT", "TTU", "TU_", "U_T"], ids=lambda runs: f"runs-{runs}"
)
def test_who_comes_late_is_shown_what_one_who_was_there_sees(runs: str) -> None:
    """T: a run that tells statuses; U: one that does not, as of `track`; _: it has no name."""
    live, past = JobSnapshot(), Past()
    for number, kind in enumerate(runs):
        run = None if kind == "_" else f"r{number}"
        told = [
            Progress(node, "Load", status, run_id=run) for node in (1, number) for status in Status
        ]
        events: list[Event] = [ProgressEvent(JOB, one, one.to_json(), at=1.0) for one in told]
        if run is not None and kind == "T":
            running, ended = (
                StatusEvent(JOB, RunStatus(run, word), b"") for word in ("running", "completed")
            )
            events = [running, *events, ended]
        for event in events:
            live.apply(event)
            past.add(event)
    joined = past.snapshot()
    assert list(joined.events()) == list(live.events())
    assert joined.seen == live.seen


@pytest.mark.parametrize(
    ("runs_since", "changed", "shown"),
    [
        (0, 1_000.0, "r0"),
        (0, 900_000.0, "recorded"),
        (0, 899_990.0, "recorded"),
        (RUNS_OVER + 2, 1_000.0, f"r{RUNS_OVER + 2}"),
        (RUNS_OVER + 2, 900_500.0, "recorded"),
    ],
    ids=["weeks-ago", "just-now", "by-another-clock", "before-many", "after-many"],
)
@pytest.mark.parametrize("tells", [True, False], ids=["tells-its-run", "tells-nodes-alone"])
def test_a_publishers_own_run_is_not_hidden_by_an_earlier_one_that_the_database_knows(
    runs_since: int, changed: float, shown: str, tells: bool
) -> None:
    """A job that was executed once, and that cron tells of since: who came was shown the run of weeks ago, and no other any more."""
    past = Past()
    for number in range(runs_since + 1):
        at, run = 900_000.0 + number, f"r{number}"
        said = Progress(1, "Load", RUNNING, number, run_id=run)
        if tells:
            past.add(StatusEvent(JOB, RunStatus(run, "running"), b"", number + 1, at))
        past.add(ProgressEvent(JOB, said, said.to_json(), number + 1, at))
    of_record = Progress(1, "Load", COMPLETED, 7, run_id="recorded")
    past.add_record(
        [
            StatusEvent(JOB, RunStatus("recorded", "completed"), b"", recorded_at=changed),
            ProgressEvent(JOB, of_record, of_record.to_json()),
        ]
    )
    assert {event.run_id for event in past.snapshot().events()} == {shown}


@pytest.mark.parametrize("run", [None, "cron"])
def test_a_run_at_work_that_the_database_knows_is_not_hidden_by_what_else_is_said_of_its_job(
    run: str | None,
) -> None:
    past = Past()
    said = Progress(1, "Load", RUNNING, 5, run_id=run)
    past.add(ProgressEvent(JOB, said, said.to_json(), 1, 900_000.0))
    at_work = StatusEvent(JOB, RunStatus("recorded", "running"), b"", recorded_at=1_000.0)
    past.add_record([at_work])
    assert past.snapshot().status == at_work


def test_a_run_that_waits_in_the_queue_does_not_hide_what_is_said_now() -> None:
    """A retry that is due in an hour: the run of cron was shown no more, to anybody."""
    past = Past()
    past.add(StatusEvent(JOB, RunStatus("cron", "running"), b"", 1, 900_000.0))
    past.add_record([StatusEvent(JOB, RunStatus("r", "queued"), b"", recorded_at=1_000.0)])
    assert past.snapshot().run_id == "cron"


@pytest.mark.parametrize(("clock", "began"), [(90.0, 90.0), (3_700.0, 100.0)])
def test_a_run_began_by_its_publishers_clock_but_not_after_it_was_heard(
    clock: float, began: float
) -> None:
    job = JobSnapshot()
    tell(job, 1, run="cron", at=100.0, ts=clock)
    assert job.seen == Seen("cron", began, 100.0)
