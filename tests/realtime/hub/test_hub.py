"""The hub on its own thread, with clients that only record."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from progress_lib.progress import Progress, Status
from realtime.clients.client import Client
from realtime.clients.send_buffer import Part
from realtime.events import Event, ProgressEvent, RunStatus, Source, StatusEvent, Topic
from realtime.hub import hub as hub_module
from realtime.hub import leaving as leaving_module
from realtime.hub.commands import Broadcast, Forget, LookAgain
from realtime.hub.hub import Hub
from realtime.sockets.close_codes import CloseCode
from tests.harness import DEADLINE, eventually
from tests.realtime.telling import (
    broadcast,
    close_some,
    hears,
    known,
    listen_to,
    register,
    subscribe,
    unregister,
    unsubscribe,
)

JOB = Topic("acme", 1)


class Watcher:
    """A client that records what it is given, until it says that it is full or breaks."""

    def __init__(self, *, takes: int | None = None, breaks: bool = False) -> None:
        self.pushes: list[bytes] = []
        self.closed: list[int] = []
        self.aborted = False
        self._takes = takes  # pushes until it is full; None: never
        self._breaks = breaks

    def push(self, data: bytes, _parts: Sequence[Part] = ()) -> bool:
        if self._breaks:
            raise RuntimeError("can't start new thread")
        if self._takes is not None and len(self.pushes) >= self._takes:
            return False
        self.pushes.append(data)
        return True

    def close(self, code: int, _reason: str) -> None:
        self.closed.append(code)
        if self._breaks:
            raise RuntimeError("can't start new thread")

    def abort(self) -> None:
        self.aborted = True

    @property
    def as_client(self) -> Client:
        return cast(Client, self)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every message that reached it, as a client that is not ours reads them."""
        browser = Connection(ConnectionType.CLIENT)
        browser.receive_data(b"".join(self.pushes))
        return [json.loads(e.data) for e in browser.events() if isinstance(e, TextMessage)]

    @property
    def rows(self) -> list[int]:
        return [m["payload"]["rowCount"] for m in self.messages if m["type"] == "job.progress"]


def joined(hub: Hub, *topics: Topic, watcher: Watcher | None = None) -> Watcher:
    """A registered watcher that asked for `topics`."""
    watcher = watcher or Watcher()
    register(hub, watcher.as_client)
    for topic in topics:
        subscribe(hub, watcher.as_client, topic)
    return watcher


def progress(
    rows: int,
    topic: Topic = JOB,
    *,
    node_id: int = 1,
    status: Status = Status.RUNNING,
    run: str = "r1",
    stream_seq: int = 0,
) -> ProgressEvent:
    """A node's progress whose number in its program is its count of rows."""
    said = Progress(node_id, "Load", status, rows, run_id=run, seq=rows)
    return ProgressEvent(topic, said, said.to_json(), stream_seq)


def status(name: str, topic: Topic = JOB, run: str = "r1") -> StatusEvent:
    payload = json.dumps({"runId": run, "status": name}).encode()
    return StatusEvent(topic, RunStatus(run, name), payload)


@contextmanager
def whole_round(hub: Hub) -> Iterator[None]:
    """All that is said within waits in the inbox together; after it the hub has done it."""
    yield
    hub.start()
    hub.stop()


def settle(hub: Hub) -> None:
    """Waits until a running hub has done all that was said so far."""
    done = joined(hub, Topic("settle", 0))
    broadcast(hub, [progress(1, Topic("settle", 0))])
    eventually(lambda: done.pushes, what="the hub goes on")
    unregister(hub, done.as_client)


@pytest.fixture
def running() -> Iterator[Hub]:
    hub = Hub()
    hub.start()
    yield hub
    hub.stop()


# ---------------------------------------------------------------- rounds


def test_a_round_is_one_push_for_each_watcher() -> None:
    hub = Hub()
    with whole_round(hub):
        watchers = [joined(hub, JOB) for _ in range(3)]
        for rows in range(1, 101):
            broadcast(hub, [progress(rows)])
    for watcher in watchers:
        assert len(watcher.pushes) == 1
        assert watcher.rows == list(range(1, 101))
    assert (hub.counts.received, hub.counts.delivered) == (100, 300)


def test_a_round_is_bounded_and_the_rest_comes_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_ROUND", 10)
    hub = Hub()
    with whole_round(hub):
        watcher = joined(hub, JOB)
        for rows in range(1, 101):
            broadcast(hub, [progress(rows)])
    assert 10 <= len(watcher.pushes) <= 11
    assert watcher.rows == list(range(1, 101))


def test_the_lag_of_a_round_is_that_of_its_oldest_message() -> None:
    hub = Hub()
    with whole_round(hub):
        joined(hub, JOB)
        for rows, ago in ((1, 7.0), (2, 0.1)):
            hub.put(Broadcast([progress(rows)], time.time() - ago))
    assert 7.0 <= hub.counts.lags.total < 7.0 + DEADLINE


def test_large_messages_end_a_round_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_ROUND_BYTES", 1_000)
    hub = Hub()
    with whole_round(hub):
        watcher = joined(hub, JOB)
        for rows in range(1, 101):
            broadcast(hub, [progress(rows)])  # some 100 bytes each
    assert len(watcher.pushes) >= 10
    assert watcher.rows == list(range(1, 101))


def test_a_hot_job_delays_anothers_first_message_by_one_round_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "MAX_ROUND", 10)
    hub, quiet = Hub(), Topic("acme", 7)
    sent_before: list[int] = []

    class Quiet(Watcher):
        def push(self, data: bytes, parts: Sequence[Part] = ()) -> bool:
            sent_before.append(len(hot.rows))
            return super().push(data, parts)

    with whole_round(hub):
        hot, patient = joined(hub, JOB), joined(hub, quiet, watcher=Quiet())
        for rows in range(1, 6):
            broadcast(hub, [progress(rows)])
        broadcast(hub, [progress(1, quiet)])
        for rows in range(6, 101):
            broadcast(hub, [progress(rows)])
    assert patient.rows == [1]
    assert hot.rows == list(range(1, 101))
    assert sent_before[0] <= 10, "the flood behind it waits for the next round"


def test_each_gets_its_own_jobs_and_nothing_else() -> None:
    hub = Hub()
    first, second, third = Topic("acme", 1), Topic("acme", 2), Topic("acme", 3)
    with whole_round(hub):
        one, both, none = joined(hub, first), joined(hub, first, second), joined(hub)
        broadcast(hub, [progress(1, first), progress(2, second), progress(3, third)])
    assert [m["jobId"] for m in one.messages] == [1]
    assert sorted(m["jobId"] for m in both.messages) == [1, 2]
    assert none.pushes == []


def test_status_and_progress_of_a_job_stay_in_the_order_they_came() -> None:
    hub = Hub()
    with whole_round(hub):
        watcher = joined(hub, JOB)
        broadcast(hub, [status("running"), progress(1), progress(2), status("completed")])
    assert [m["type"] for m in watcher.messages] == [
        "job.status",
        "job.progress",
        "job.progress",
        "job.status",
    ]


# ---------------------------------------------------------------- joining and leaving


def test_who_joins_in_the_middle_of_a_round_misses_nothing_and_gets_nothing_twice() -> None:
    hub = Hub()
    with whole_round(hub):
        early = joined(hub, JOB)
        broadcast(hub, [progress(rows) for rows in range(1, 6)])
        late = joined(hub, JOB)
        broadcast(hub, [progress(rows) for rows in range(6, 11)])
    assert early.rows == list(range(1, 11))
    assert late.rows == [5, 6, 7, 8, 9, 10], "what was true when it came, and all that followed"


def test_who_joins_late_is_told_the_runs_status_and_then_each_nodes_last_word() -> None:
    hub = Hub()
    with whole_round(hub):
        broadcast(hub, [status("running"), progress(1), progress(2), progress(7, node_id=2)])
        broadcast(hub, [progress(9, node_id=2, status=Status.COMPLETED)])
        late = joined(hub, JOB)
    said = [(m["type"], m["payload"].get("nodeId"), m["payload"]["status"]) for m in late.messages]
    assert said[0] == ("job.status", None, "running")
    assert sorted(said[1:]) == [("job.progress", 1, "running"), ("job.progress", 2, "completed")]
    assert len(late.pushes) == 1


def test_asking_twice_shows_the_state_again_and_then_each_message_once(running: Hub) -> None:
    broadcast(running, [progress(1)])
    watcher = joined(running, JOB, JOB)
    settle(running)
    broadcast(running, [progress(2)])
    settle(running)
    assert watcher.rows == [1, 1, 2]
    unsubscribe(running, watcher.as_client, JOB)
    broadcast(running, [progress(3)])
    settle(running)
    assert watcher.rows == [1, 1, 2]


def test_after_unsubscribe_nothing_comes_and_to_ask_again_works(running: Hub) -> None:
    watcher = joined(running, JOB)
    broadcast(running, [progress(1)])
    unsubscribe(running, watcher.as_client, JOB)
    unsubscribe(running, watcher.as_client, JOB)
    unsubscribe(running, watcher.as_client, Topic("acme", 99))
    broadcast(running, [progress(2)])
    subscribe(running, watcher.as_client, JOB)
    broadcast(running, [progress(3)])
    settle(running)
    assert [rows for rows in watcher.rows if rows != 1] == [2, 3], "2 as what is now true"
    eventually(lambda: running.counts.subscriptions == 1)


def test_a_job_that_was_deleted_is_not_shown_to_who_comes(running: Hub) -> None:
    unwatched = Topic("acme", 2)
    before = joined(running, JOB)
    broadcast(running, [progress(1), progress(1, unwatched)])
    for topic in (JOB, unwatched):
        running.put(Forget(topic))
    after = joined(running, JOB, unwatched)
    settle(running)
    assert after.messages == []
    broadcast(running, [progress(2)])
    settle(running)
    assert (before.rows, after.rows) == ([1, 2], [2])


def test_who_left_gets_nothing_whatever_it_asked_for_before(running: Hub) -> None:
    watcher = joined(running, JOB)
    unregister(running, watcher.as_client)
    subscribe(running, watcher.as_client, JOB)
    unregister(running, watcher.as_client)
    broadcast(running, [progress(1)])
    settle(running)
    assert watcher.pushes == []
    eventually(lambda: (running.counts.clients, running.counts.subscriptions) == (0, 0))


# ---------------------------------------------------------------- late and repeated messages


def test_what_came_late_or_twice_is_not_shown_and_counted() -> None:
    hub = Hub()
    with whole_round(hub):
        watcher = joined(hub, JOB)
        broadcast(hub, [progress(5), progress(3), progress(5), progress(6)])
        broadcast(hub, [status("completed"), status("running"), status("completed")])
    assert watcher.rows == [5, 6]
    assert [m["payload"]["status"] for m in watcher.messages if m["type"] == "job.status"] == [
        "completed"
    ]
    assert hub.counts.stale == 4


@settings(max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(0, 40), st.integers(1, 8))
def test_counts_never_step_back_for_anyone_whenever_it_joins(
    order: list[int], joins_at: int, group: int
) -> None:
    hub = Hub()
    with whole_round(hub):
        early, late = joined(hub, JOB), None
        for start in range(0, len(order), group):
            if late is None and start >= joins_at:
                late = joined(hub, JOB)
            broadcast(hub, [progress(rows) for rows in order[start : start + group]])
        late = late or joined(hub, JOB)
    for watcher in (early, late):
        assert watcher.rows == sorted(set(watcher.rows))
        assert watcher.rows[-1] == max(order)


# ---------------------------------------------------------------- clients that fail


def test_a_client_that_is_full_is_cut_and_nobody_else_notices(running: Hub) -> None:
    slow = joined(running, JOB, watcher=Watcher(takes=2))
    others = [joined(running, JOB) for _ in range(3)]
    for rows in range(1, 6):
        broadcast(running, [progress(rows)])
        settle(running)
    assert slow.rows == [1, 2]
    assert slow.closed == [CloseCode.TOO_SLOW]
    for other in others:
        assert other.rows == [1, 2, 3, 4, 5]
        assert other.closed == []
    assert running.counts.cut == 1
    eventually(lambda: (running.counts.clients, running.counts.subscriptions) == (3, 3))


def test_a_client_that_is_full_already_at_its_snapshot_is_cut(running: Hub) -> None:
    broadcast(running, [progress(1)])
    slow = joined(running, JOB, watcher=Watcher(takes=0))
    settle(running)
    assert slow.closed == [CloseCode.TOO_SLOW]
    eventually(lambda: (running.counts.clients, running.counts.subscriptions) == (0, 0))


def test_a_client_that_is_cut_while_it_asks_again_leaves_nothing_behind() -> None:
    hub = Hub()
    with whole_round(hub):
        slow = joined(hub, JOB, watcher=Watcher(takes=0))
        broadcast(hub, [progress(1)])
        subscribe(hub, slow.as_client, JOB)
        broadcast(hub, [progress(2)])
    assert slow.closed == [CloseCode.TOO_SLOW]
    assert (hub.counts.clients, hub.counts.subscriptions) == (0, 0)
    assert not hub._jobs[JOB].watchers


def test_a_client_whose_push_raises_costs_only_itself(running: Hub) -> None:
    """E.g. when the system has no thread left for its writer."""
    broken = joined(running, JOB, watcher=Watcher(breaks=True))
    other = joined(running, JOB)
    for rows in (1, 2):
        broadcast(running, [progress(rows)])
        settle(running)
    assert other.rows == [1, 2]
    assert broken.closed == [CloseCode.SERVER_ERROR]
    assert broken.aborted, "its close raised too"
    eventually(lambda: (running.counts.clients, running.counts.subscriptions) == (1, 1))


def test_a_message_that_raises_costs_only_itself_and_is_named(
    running: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = joined(running, JOB)
    bad = ProgressEvent(Topic("acme", 77), cast(Progress, None), b"{}")
    joined(running, bad.topic)
    broadcast(running, [progress(1), bad, progress(2)])
    settle(running)
    assert watcher.rows == [1, 2]
    assert "77" in caplog.text


def test_frames_that_cannot_be_sent_cost_only_themselves(
    running: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E.g. when there is no memory to join them. The job and others of the same round go on."""
    another = Topic("acme", 78)
    watchers = [joined(running, JOB), joined(running, another)]
    settle(running)
    send, failures = running._send, [MemoryError()]

    def fails_once(clients: Collection[Client], parts: list[Part]) -> None:
        if failures:
            raise failures.pop()
        send(clients, parts)

    monkeypatch.setattr(running, "_send", fails_once)
    broadcast(running, [progress(1), progress(1, another)])
    eventually(lambda: not failures, what="the first frames fail")
    broadcast(running, [progress(2), progress(2, another)])
    settle(running)
    assert [watcher.rows for watcher in watchers] == [[2], [1, 2]]


def test_a_command_that_raises_costs_only_itself(running: Hub) -> None:
    broadcast(running, cast("list[Event]", None))
    subscribe(running, cast(Client, []), JOB)
    watcher = joined(running, JOB)
    broadcast(running, [progress(1)])
    settle(running)
    assert watcher.rows == [1]


def test_who_was_told_to_go_and_does_not_is_ended(
    running: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving_module, "LEAVE_WAIT", 0.05)
    monkeypatch.setattr(hub_module, "LEAVE_TICK", 0.01)
    stays, goes = joined(running), joined(running)
    close_some(running, CloseCode.SERVER_STOPPING, 2)
    unregister(running, goes.as_client)
    eventually(lambda: stays.aborted)
    assert not goes.aborted
    assert stays.closed == goes.closed == [CloseCode.SERVER_STOPPING]


# ---------------------------------------------------------------- stopping


def test_closing_some_takes_so_many_and_the_last_call_takes_all(running: Hub) -> None:
    watchers = [joined(running, JOB) for _ in range(10)]
    close_some(running, CloseCode.SERVER_STOPPING, 3)
    close_some(running, CloseCode.SERVER_STOPPING, 3)
    settle(running)
    assert sum(len(watcher.closed) for watcher in watchers) == 6
    close_some(running, CloseCode.SERVER_STOPPING, None)
    eventually(lambda: [w.closed for w in watchers] == [[CloseCode.SERVER_STOPPING]] * 10)


def test_who_comes_in_after_all_were_sent_away_is_sent_away_too() -> None:
    """It was let in before the door shut, and registered after."""
    hub = Hub()
    with whole_round(hub):
        close_some(hub, CloseCode.SERVER_STOPPING, None)
        late = joined(hub, JOB)
    assert late.closed == [CloseCode.SERVER_STOPPING]


def test_stop_does_what_was_said_before_it() -> None:
    hub = Hub()
    hub.start()
    watcher = joined(hub, JOB)
    for rows in range(1, 1_001):
        broadcast(hub, [progress(rows)])
    hub.stop()
    assert watcher.rows == list(range(1, 1_001))


# ---------------------------------------------------------------- memory


def test_the_state_of_only_so_many_jobs_is_kept_and_never_of_one_that_is_watched_lost(
    running: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_JOBS", 20)
    watcher = joined(running, JOB)
    broadcast(running, [progress(1)])
    for job_id in range(100, 200):
        broadcast(running, [progress(1, Topic("acme", job_id))])
    broadcast(running, [progress(2)])
    settle(running)
    assert running.counts.jobs <= 20
    assert watcher.rows == [1, 2]


def test_jobs_that_nobody_watches_are_kept_in_so_many_bytes(
    running: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant with many jobs of large messages could take a worker's memory, a few megabytes with each."""
    topics = [Topic("acme", job_id) for job_id in range(100, 110)]
    said: list[Event] = [progress(1, topic) for topic in topics]
    monkeypatch.setattr(hub_module, "MAX_IDLE_BYTES", 3 * len(said[0].payload))
    watcher = joined(running, topics[0])
    broadcast(running, said)
    running.put(LookAgain())
    late = joined(running, *topics)
    settle(running)
    newest = [100, 107, 108, 109]
    assert [each["jobId"] for each in late.messages] == newest, "one is watched"
    assert watcher.rows == [1]


# ---------------------------------------------------------------- a job's past


@pytest.fixture
def asked() -> list[Topic]:
    """The jobs whose past a hub with a history asked for."""
    return []


@pytest.fixture
def with_history(asked: list[Topic]) -> Iterator[Hub]:
    hub = Hub(load=lambda topic, is_whole: asked.append(topic))
    hub.start()
    yield hub
    hub.stop()


def test_a_jobs_past_is_asked_for_once_and_shown_before_what_follows(
    with_history: Hub, asked: list[Topic]
) -> None:
    first, second = joined(with_history, JOB), joined(with_history, JOB)
    broadcast(with_history, [progress(4, stream_seq=4), progress(5, stream_seq=5)])
    eventually(lambda: with_history.counts.received == 2)
    assert asked == [JOB]
    assert first.pushes == second.pushes == [], "nothing until the past is known"
    known(with_history, JOB, [progress(n, stream_seq=n) for n in (1, 2, 3, 4)], True)
    broadcast(with_history, [progress(6, stream_seq=6)])
    eventually(lambda: first.rows[-1:] == [6] and second.rows[-1:] == [6])
    assert first.rows == second.rows == [4, 5, 6], "4 came both ways and is shown once"


def test_an_incomplete_past_is_shown_and_the_complete_one_lets_the_rest_through(
    with_history: Hub,
) -> None:
    watcher = joined(with_history, JOB)
    known(with_history, JOB, [progress(1)], False)
    eventually(lambda: watcher.rows == [1])
    broadcast(with_history, [progress(9, stream_seq=9)])
    known(with_history, JOB, [progress(5, stream_seq=5)], True)
    eventually(lambda: watcher.rows == [1, 5, 9])


def test_a_past_that_nobody_waits_for_changes_nothing(with_history: Hub) -> None:
    watcher = joined(with_history, JOB)
    known(with_history, JOB, [progress(5, stream_seq=5)], True)
    known(with_history, JOB, [progress(1, stream_seq=1)], True)
    known(with_history, Topic("acme", 99), [progress(1)], True)
    broadcast(with_history, [progress(6, stream_seq=6)])
    eventually(lambda: watcher.rows == [5, 6])


def test_a_refresh_asks_again_and_tells_only_what_was_missed(
    with_history: Hub, asked: list[Topic]
) -> None:
    idle = Topic("acme", 2)
    gone, watcher = joined(with_history, idle), joined(with_history, JOB)
    known(with_history, JOB, [status("running"), progress(5, stream_seq=5)], True)
    known(with_history, idle, [progress(5, idle, stream_seq=6)], True)
    unregister(with_history, gone.as_client)
    listen_to(with_history, Source.FOLLOWING)
    eventually(lambda: asked == [idle, JOB, JOB], what="the watched job's past is asked for again")
    in_database: list[Event] = [status("completed"), progress(8, status=Status.COMPLETED)]
    known(with_history, JOB, [progress(5, stream_seq=5), *in_database], True)
    eventually(lambda: len(watcher.messages) == 4)
    assert watcher.rows == [5, 8]
    assert watcher.messages[-1]["type"] == "job.status", "the end is told last"
    joined(with_history, idle)
    eventually(
        lambda: asked == [idle, JOB, JOB, idle], what="an unwatched one's, when it is watched"
    )


def test_when_a_history_comes_back_old_runs_do_not_step_in(with_history: Hub) -> None:
    """While it was away messages came without a place in the stream; then all come once more."""
    watcher = joined(with_history, JOB)
    known(with_history, JOB, [], True)
    listen_to(with_history, Source.LIVE_ONLY)
    known(with_history, JOB, [], True)
    broadcast(with_history, [status("running", run="new"), progress(50, run="new")])
    eventually(lambda: watcher.rows == [50])
    listen_to(with_history, Source.FOLLOWING)
    old: list[Event] = [status("running", run="old"), progress(90, run="old", stream_seq=11)]
    new: list[Event] = [progress(n, run="new", stream_seq=20 + n) for n in (1, 50)]
    broadcast(with_history, [old[1], new[0]])
    known(with_history, JOB, [*old, status("running", run="new"), *new], True)
    broadcast(with_history, [*old, *new, progress(51, run="new", stream_seq=80)])
    eventually(lambda: watcher.rows[-1:] == [51])
    assert watcher.rows == [50, 51]


def test_while_nats_is_away_a_past_is_shown_and_the_rest_of_it_follows(
    with_history: Hub, asked: list[Topic]
) -> None:
    """Who subscribes before the first connection, and all who watch the job later."""
    early = joined(with_history, JOB)
    known(with_history, JOB, [status("running"), progress(3)], False)
    eventually(lambda: early.rows == [3], what="the database's word is shown at once")
    listen_to(with_history, Source.FOLLOWING)
    broadcast(with_history, [progress(9, stream_seq=9)])
    eventually(lambda: asked == [JOB, JOB])
    known(with_history, JOB, [progress(8, stream_seq=8)], True)
    eventually(lambda: early.rows == [3, 8, 9])
    late = joined(with_history, JOB)
    eventually(lambda: late.rows == [9])


def test_without_numbers_nothing_is_told_twice_when_a_history_comes_back(
    with_history: Hub,
) -> None:
    """A publisher of the five fields: what came live comes once more, with a place in the stream."""
    said = [Progress(1, "Load", Status.RUNNING, rows) for rows in range(1, 6)]
    watcher = joined(with_history, JOB)
    listen_to(with_history, Source.LIVE_ONLY)
    known(with_history, JOB, [], True)
    broadcast(with_history, [ProgressEvent(JOB, one, one.to_json()) for one in said])
    eventually(lambda: watcher.rows == [1, 2, 3, 4, 5])
    listen_to(with_history, Source.FOLLOWING)
    again = [ProgressEvent(JOB, one, one.to_json(), seq) for seq, one in enumerate(said, 1)]
    known(with_history, JOB, again, True)
    broadcast(with_history, [progress(6, stream_seq=6)])
    eventually(lambda: watcher.rows[-1:] == [6])
    assert watcher.rows == [1, 2, 3, 4, 5, 6]


def test_what_the_stream_brings_again_is_not_told_again_though_its_sender_counts_nothing(
    with_history: Hub,
) -> None:
    said = [Progress(1, "Load", Status.RUNNING, rows) for rows in (3, 9, 2)]
    events: list[Event] = [
        ProgressEvent(JOB, one, one.to_json(), seq) for seq, one in enumerate(said, 1)
    ]
    watcher = joined(with_history, JOB)
    known(with_history, JOB, events[:2], True)
    broadcast(with_history, events)
    eventually(lambda: watcher.rows[-1:] == [2], what="a smaller count that is new")
    broadcast(with_history, [*events, progress(10, stream_seq=4)])
    eventually(lambda: watcher.rows[-1:] == [10])
    assert watcher.rows == [9, 2, 10]
    assert with_history.counts.stale == 5


def test_a_connection_without_a_gap_holds_nothing_back() -> None:
    """What was missed comes first, message by message; the database is asked for what nobody could say."""
    asked: list[tuple[Topic, bool]] = []
    hub = Hub(load=lambda topic, is_whole: asked.append((topic, is_whole)))
    hub.start()
    try:
        watcher = joined(hub, JOB)
        listen_to(hub, Source.FOLLOWING)
        known(hub, JOB, [progress(1, stream_seq=1)], True)
        listen_to(hub, Source.FOLLOWING, has_gap=False)
        broadcast(hub, [progress(n, stream_seq=n) for n in (2, 3)])
        eventually(lambda: watcher.rows == [1, 2, 3])
        assert asked == [(JOB, True), (JOB, True), (JOB, False)]
        known(hub, JOB, [status("completed"), progress(9, status=Status.COMPLETED)], False)
        broadcast(hub, [progress(4, stream_seq=4)])
        eventually(lambda: watcher.rows == [1, 2, 3, 9])
        assert watcher.messages[-1]["type"] == "job.status"
    finally:
        hub.stop()


def test_a_run_at_work_of_which_nothing_is_heard_is_asked_of_the_database() -> None:
    """Its end was lost with a server of NATS, and it ran for ever on the page."""
    asked: list[tuple[Topic, bool]] = []
    other, ended = Topic("acme", 2), Topic("acme", 3)
    hub = Hub(load=lambda topic, is_whole: asked.append((topic, is_whole)))
    hub.start()
    try:
        watcher = joined(hub, JOB, other, ended)
        for topic, said in ((JOB, "running"), (other, "running"), (ended, "completed")):
            known(hub, topic, [status(said, topic)], True)
        hub.put(LookAgain())
        broadcast(hub, [progress(1, other, stream_seq=1)])
        eventually(lambda: hub.counts.received == 1)
        assert asked == [(JOB, True), (other, True), (ended, True)]
        asked.clear()
        hub.put(LookAgain())
        eventually(lambda: asked == [(JOB, False)], what="only the one that is silent")
        known(hub, JOB, [status("completed"), progress(9, status=Status.COMPLETED)], False)
        eventually(lambda: watcher.rows == [1, 9])
        assert watcher.messages[-1]["payload"] == {"runId": "r1", "status": "completed"}
    finally:
        hub.stop()


def test_of_many_silent_runs_each_is_asked_of_the_database_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same ones were asked each time, as long as they only waited, and the ends of the others stayed lost."""
    monkeypatch.setattr(hub_module, "MOST_ASKED", 2)
    asked: list[Topic] = []
    hub = Hub(load=lambda topic, _is_whole: asked.append(topic))
    topics = [Topic("acme", number) for number in range(1, 6)]
    joined(hub, *topics)
    for topic in topics:
        known(hub, topic, [status("queued", topic)], True)
    with whole_round(hub):
        for _ in range(4):
            hub.put(LookAgain())
    looked = asked[len(topics) :]
    assert looked == [*topics, topics[0]], "the first look finds what was said before it"


def test_a_publishers_run_goes_on_though_the_database_is_asked_and_knows_an_earlier_one(
    with_history: Hub,
) -> None:
    """It fell silent for a moment: the run of weeks ago took its place, and nothing more of it was shown."""
    watcher = joined(with_history, JOB)
    cron = StatusEvent(JOB, RunStatus("cron", "running"), b'{"runId":"cron"}', 1, at=900_000.0)
    known(with_history, JOB, [cron, progress(5, run="cron", stream_seq=2)], True)
    old = StatusEvent(JOB, RunStatus("old", "completed"), b'{"runId":"old"}', recorded_at=1_000.0)
    known(with_history, JOB, [old, progress(9, run="old", status=Status.COMPLETED)], False)
    broadcast(with_history, [progress(6, run="cron", stream_seq=3)])
    late = joined(with_history, JOB)
    eventually(lambda: late.rows == [6])
    assert watcher.rows == [5, 6]
    assert [m["payload"] for m in late.messages if m["type"] == "job.status"] == [{"runId": "cron"}]


def test_without_a_history_the_first_who_comes_is_told_what_the_database_knows() -> None:
    """The stream was full: of a run that had begun before, who came was told no status, and no node that had ended."""
    asked: list[tuple[Topic, bool]] = []
    hub = Hub(load=lambda topic, is_whole: asked.append((topic, is_whole)))
    hub.start()
    try:
        listen_to(hub, Source.LIVE_ONLY)
        broadcast(hub, [progress(5, node_id=2)])
        first = joined(hub, JOB)
        eventually(lambda: first.rows == [5])
        second = joined(hub, JOB)
        eventually(lambda: second.rows == [5])
        assert asked == [(JOB, False)], "once, while it is watched"
        known(hub, JOB, [status("running"), progress(9, status=Status.COMPLETED)], False)
        broadcast(hub, [progress(6, node_id=2)])
        late = joined(hub, JOB)
        settle(hub)
        assert first.rows == second.rows == [5, 9, 6], "5 was shown, and is not shown again"
        assert sorted(late.rows) == [6, 9]
        for watcher in (first, second, late):
            assert "job.status" in [message["type"] for message in watcher.messages]
    finally:
        hub.stop()


def test_a_stream_that_counts_anew_is_listened_to(with_history: Hub) -> None:
    """It was made anew, or its server lost its newest messages: its numbers are lower than those shown."""
    watcher = joined(with_history, JOB)
    listen_to(with_history, Source.FOLLOWING)
    known(with_history, JOB, [progress(5, stream_seq=100)], True)
    broadcast(with_history, [progress(6, stream_seq=101)])
    eventually(lambda: watcher.rows == [5, 6])
    listen_to(with_history, Source.FOLLOWING, restarts=True)
    known(with_history, JOB, [progress(5, stream_seq=50)], True)
    broadcast(with_history, [progress(7, stream_seq=51)])
    eventually(lambda: watcher.rows == [5, 6, 7])


def test_a_loud_job_loses_neither_its_end_nor_a_node_while_its_past_is_read(
    with_history: Hub,
) -> None:
    """Of what comes meanwhile the last word of each node is kept, however much it is."""
    watcher = joined(with_history, JOB)
    for start in range(0, 120_000, 2_000):
        numbers = range(start + 1, start + 2_001)
        broadcast(with_history, [progress(n, node_id=2, stream_seq=n) for n in numbers])
    end = 120_001
    broadcast(with_history, [progress(end, status=Status.COMPLETED, stream_seq=end)])
    known(with_history, JOB, [progress(1, node_id=2, stream_seq=1)], True)
    eventually(lambda: watcher.rows == [1, 120_000, 120_001])


# ---------------------------------------------------------------- tenants


TENANTS = ("acme", "bolt", "acme-2")
TOPICS = st.tuples(st.sampled_from(TENANTS), st.integers(0, 3)).map(lambda pair: Topic(*pair))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.integers(0, 5), TOPICS),
        st.tuples(st.just("unsubscribe"), st.integers(0, 5), TOPICS),
        st.tuples(st.just("broadcast"), st.just(0), TOPICS),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(STEPS)
def test_each_gets_what_its_tenants_jobs_said_while_it_watched_and_nothing_else(
    steps: list[tuple[str, int, Topic]],
) -> None:
    """Two clients a tenant; a client asks for its own tenant's job, as its token makes it."""
    hub = Hub()
    told: dict[int, list[tuple[str, int, int]]] = {number: [] for number in range(6)}
    watching: dict[int, set[Topic]] = {number: set() for number in range(6)}
    last: dict[Topic, int] = {}
    counter = itertools.count(1)
    with whole_round(hub):
        watchers = [joined(hub) for _ in range(6)]
        for verb, number, topic in steps:
            own = Topic(TENANTS[number % 3], topic.job_id)
            if verb == "subscribe":
                subscribe(hub, watchers[number].as_client, own)
                watching[number].add(own)
                if own in last:
                    told[number].append((*own, last[own]))
            elif verb == "unsubscribe":
                unsubscribe(hub, watchers[number].as_client, own)
                watching[number].discard(own)
            else:
                rows = last[topic] = next(counter)
                said = Progress(1, topic.tenant_id, Status.RUNNING, rows, run_id="r", seq=rows)
                broadcast(hub, [ProgressEvent(topic, said, said.to_json())])
                for watcher_number, topics in watching.items():
                    if topic in topics:
                        told[watcher_number].append((*topic, rows))
    for number, watcher in enumerate(watchers):
        got = [
            (m["payload"]["nodeName"], m["jobId"], m["payload"]["rowCount"])
            for m in watcher.messages
        ]
        assert {tenant for tenant, _, _ in got} <= {TENANTS[number % 3]}
        # within a job all in order; a job left in the middle of a round may lose that round's tail
        for job_id in range(4):
            mine = [item for item in got if item[1] == job_id]
            due = [item for item in told[number] if item[1] == job_id]
            remaining = iter(due)
            assert all(item in remaining for item in mine), (mine, due)
            if Topic(TENANTS[number % 3], job_id) in watching[number] and due:
                assert mine[-1] == due[-1]


# ---------------------------------------------------------------- what only some clients take


def foreign(rows: int, at: float) -> ProgressEvent:
    """Progress of a run that no status tells of."""
    said = Progress(1, "Load", Status.RUNNING, rows, run_id="cron", seq=rows)
    return ProgressEvent(JOB, said, said.to_json(), at=at)


def test_a_run_without_a_status_has_one_start_for_who_was_there_and_who_comes_late(
    running: Hub,
) -> None:
    first, late, plain = Watcher(), Watcher(), Watcher()
    for client in (first, plain):
        register(running, client.as_client)
        subscribe(running, client.as_client, JOB, more=client is first)
    for rows, at in ((1, 100.0), (2, 130.0)):
        broadcast(running, [foreign(rows, at)])
    register(running, late.as_client)
    subscribe(running, late.as_client, JOB, more=True)
    settle(running)
    told = {"type": "job.seen", "jobId": 1}
    began = {**told, "payload": {"runId": "cron", "began": 100.0, "heard": 100.0}}
    assert [m["type"] for m in first.messages[:3]] == ["server.state", "job.progress", "job.seen"]
    assert [m for m in first.messages if m["type"] == "job.seen"] == [began]
    later = {**told, "payload": {"runId": "cron", "began": 100.0, "heard": 130.0}}
    assert late.messages[-1] == later
    assert {m["type"] for m in plain.messages} == {"job.progress"}


def test_who_may_see_one_run_is_sent_what_is_said_of_it_and_its_start_alone(running: Hub) -> None:
    theirs, others, left = Watcher(), Watcher(), Watcher()
    for client, run in ((theirs, "r1"), (others, "cron"), (left, "r1")):
        register(running, client.as_client)
        subscribe(running, client.as_client, JOB, more=True, only_run=run)
    broadcast(running, [status("running"), progress(1)])
    settle(running)
    unsubscribe(running, left.as_client, JOB)
    broadcast(running, [progress(2), status("completed"), foreign(4, 100.0)])
    settle(running)
    late = Watcher()
    register(running, late.as_client)
    subscribe(running, late.as_client, JOB, more=True, only_run="r1")
    settle(running)

    def told(watcher: Watcher) -> list[str | int]:
        payloads = [m["payload"] for m in watcher.messages if m["type"] != "server.state"]
        return [said.get("rowCount") or said.get("status") or "began" for said in payloads]

    assert told(theirs) == ["running", 1, 2, "completed"]
    assert told(left) == ["running", 1]
    assert told(others) == [4, "began"]
    assert told(late) == ["completed"], "its status is known; the nodes are those of another run"


def test_who_is_cut_at_the_start_of_a_run_that_it_may_see_alone_costs_only_itself(
    running: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    slow, other = Watcher(takes=2), Watcher()  # how the server is, and the first count
    for client in (slow, other):
        register(running, client.as_client)
        only_run = "cron" if client is slow else None
        subscribe(running, client.as_client, JOB, more=True, only_run=only_run)
    broadcast(running, [foreign(1, 100.0), foreign(2, 130.0)])
    settle(running)
    assert slow.closed == [CloseCode.TOO_SLOW]
    assert other.rows == [1, 2]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_run_whose_status_ends_an_untold_one_takes_no_place_for_nothing(running: Hub) -> None:
    watcher = Watcher()
    register(running, watcher.as_client)
    subscribe(running, watcher.as_client, JOB, more=True)
    broadcast(running, [foreign(1, 100.0)])
    settle(running)
    broadcast(running, [status("running")])
    settle(running)
    assert watcher.messages[-1]["payload"]["status"] == "running"
    assert b"" not in watcher.pushes


def test_what_came_of_a_deleted_job_while_its_past_was_read_is_not_shown_nor_that_past(
    with_history: Hub, asked: list[Topic]
) -> None:
    before = joined(with_history, JOB)
    broadcast(with_history, [status("running")])
    with_history.put(Forget(JOB))
    known(with_history, JOB, [status("queued"), progress(3)], is_complete=True)
    eventually(lambda: asked == [JOB, JOB], what="its past is asked for once more")
    known(with_history, JOB, [], is_complete=True)
    after = joined(with_history, JOB)
    broadcast(with_history, [progress(7, run="r2")])
    eventually(lambda: before.rows == after.rows == [7])
    assert [message["type"] for message in after.messages] == ["job.progress"]


def test_a_start_that_a_past_brings_is_told_to_who_watches_already(with_history: Hub) -> None:
    watcher = Watcher()
    register(with_history, watcher.as_client)
    subscribe(with_history, watcher.as_client, JOB, more=True)
    known(with_history, JOB, [], is_complete=True)
    listen_to(with_history, Source.FOLLOWING)
    known(with_history, JOB, [foreign(1, 100.0)], is_complete=True)
    payload = {"runId": "cron", "began": 100.0, "heard": 100.0}
    seen = {"type": "job.seen", "jobId": 1, "payload": payload}
    eventually(lambda: watcher.messages[-1:] == [seen], what="the start")


def test_who_takes_more_is_told_that_nats_is_away_and_back_and_each_time_it_asks(
    running: Hub,
) -> None:
    there, late, plain = Watcher(), Watcher(), Watcher()
    for client in (there, plain):
        register(running, client.as_client)
        subscribe(running, client.as_client, JOB, more=client is there)
    hears(running, False, 100.0)
    register(running, late.as_client)
    subscribe(running, late.as_client, JOB, more=True)
    hears(running, True, 160.0)
    settle(running)
    away = {"type": "server.state", "payload": {"nats": "away", "since": 100.0}}
    back = {"type": "server.state", "payload": {"nats": "ok", "since": 160.0}}
    assert there.messages[0]["payload"]["nats"] == "ok"
    assert there.messages[1:] == late.messages == [away, back]
    assert plain.messages == []
    subscribe(running, late.as_client, JOB, more=True)  # of a job that never said anything
    settle(running)
    assert late.messages[-1] == back
