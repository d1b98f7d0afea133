"""What waits for a slow browser: newer counts take the place of older ones, and nothing else does."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_lib.progress import Progress, Status
from realtime.clients.send_buffer import SEND_BUFFER, SEND_BUFFER_BYTES, Part, SendBuffer
from realtime.events import ProgressEvent, Topic
from realtime.hub.watched_job import WatchedJob
from realtime.snapshot import News

NODES = 10
JOB = Topic("acme", 42)


def event(node_id: int, rows: int, status: Status = Status.RUNNING, seq: int = 1) -> ProgressEvent:
    said = Progress(node_id, "Load", status, rows, run_id="r1", seq=seq)
    return ProgressEvent(JOB, said, said.to_json())


def count(node_id: int, rows: int) -> Part:
    told = event(node_id, rows)
    return told, told.payload + b"\n"


def opened() -> SendBuffer:
    """With its lock held, as by a client."""
    lock = threading.Lock()
    lock.acquire()
    buffer = SendBuffer(lock)
    buffer.open()
    return buffer


def all_of(buffer: SendBuffer) -> list[Progress]:
    """Everything that waits, as a browser would read it."""
    lines = b""
    while send := buffer.wait(0.001):
        lines += buffer.take(send)
    return [Progress.parse(line) for line in lines.splitlines()]


def test_a_count_that_waits_is_replaced_in_its_place() -> None:
    buffer = opened()
    assert buffer.put([count(1, 5), count(2, 7)])
    assert buffer.put([count(1, 6), count(3, 1)])
    assert buffer.put([count(1, 8)])
    assert [(p.node_id, p.row_count) for p in all_of(buffer)] == [(1, 8), (2, 7), (3, 1)]
    assert buffer.waiting_bytes == 0


def test_what_was_taken_is_not_replaced() -> None:
    buffer = opened()
    assert buffer.put([count(1, 5)])
    assert [p.row_count for p in all_of(buffer)] == [5]
    assert buffer.put([count(1, 6)])
    assert [p.row_count for p in all_of(buffer)] == [6]


def test_a_million_counts_wait_in_the_room_of_a_few() -> None:
    buffer = opened()
    round_of_all = [count(node_id, 1_000_000) for node_id in range(NODES)]
    for _ in range(100_000):
        assert buffer.put(round_of_all)
    assert buffer.waiting_bytes == sum(len(frame) for _, frame in round_of_all)
    assert len(all_of(buffer)) == NODES


def test_what_no_newer_one_replaces_fills_the_buffer() -> None:
    buffer = opened()
    taken = 0
    while buffer.put([(None, b"x")]):
        taken += 1
    assert taken == SEND_BUFFER


def test_the_bound_in_bytes_holds() -> None:
    buffer = opened()
    large = b"x" * (SEND_BUFFER_BYTES // 4)
    assert [buffer.put([(None, large)]) for _ in range(5)] == [True] * 4 + [False]


def test_a_drop_forgets_all_and_wakes_who_waits() -> None:
    buffer = opened()
    assert buffer.put([count(1, 5)])
    buffer.drop()
    assert buffer.wait(0.0) is None
    assert buffer.is_empty


def test_a_drop_may_meet_the_writer_that_takes_the_last_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client was left half closed: no close frame, and its writer was not ended."""
    buffer = opened()
    assert buffer.put([count(1, 5)])
    monkeypatch.setattr(buffer._queue, "empty", lambda: False)
    buffer.drop()
    assert buffer.wait(0.0) is None


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
def test_only_a_count_after_a_count_may_be_replaced(status: Status) -> None:
    job = WatchedJob()
    said = [event(1, 0, seq=1), event(1, 5, seq=2), event(1, 5, seq=2), event(1, 9, status, 3)]
    assert [job.note(one) for one in said] == [News.CHANGE, News.COUNT, News.NONE, News.CHANGE]


def test_a_foreign_publishers_counts_are_all_passed_on() -> None:
    job = WatchedJob()
    for rows in range(3):
        said = Progress(1, "Load", Status.RUNNING, rows)
        assert job.note(ProgressEvent(JOB, said, said.to_json())) is News.CHANGE


SAID = st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), max_size=60)


@given(SAID)
def test_whoever_reads_late_has_every_change_and_each_nodes_last_word(
    said: list[tuple[int, bool, bool]],
) -> None:
    job, buffer = WatchedJob(), opened()
    expected: list[Progress] = []
    read: list[Progress] = []
    for seq, (node_id, is_end, is_read) in enumerate(said):
        told = event(node_id, seq, Status.COMPLETED if is_end else Status.RUNNING, seq + 1)
        news = job.note(told)
        if news:
            expected.append(told.progress)
            part = told if news is News.COUNT else None
            assert buffer.put([(part, told.payload + b"\n")])
        if is_read:
            read += all_of(buffer)
    read += all_of(buffer)
    for node_id in (1, 2, 3):
        all_words = [p for p in expected if p.node_id == node_id]
        words = [p for p in read if p.node_id == node_id]
        assert words[-1:] == all_words[-1:]
        assert [p.seq for p in words] == sorted({p.seq or 0 for p in words})
        assert [p for p in words if p.status.is_terminal] == [
            p for p in all_words if p.status.is_terminal
        ]


def test_what_is_refused_leaves_the_buffer_as_it_was() -> None:
    """A pong that finds no room must not make the next message find none, either."""
    buffer = opened()
    assert buffer.put([count(1, 5)])
    before = buffer.waiting_bytes
    large = (None, b"x" * (SEND_BUFFER_BYTES + 1))
    for _ in range(3):
        assert not buffer.put([count(1, 6), count(2, 7), large])
    assert buffer.waiting_bytes == before
    assert buffer.put([count(2, 8)])
    assert [(p.node_id, p.row_count) for p in all_of(buffer)] == [(1, 5), (2, 8)]
    assert buffer.waiting_bytes == 0


def test_a_full_queue_refuses_without_a_trace() -> None:
    buffer = opened()
    for _ in range(SEND_BUFFER):
        assert buffer.put([(None, b"x")])
    assert not buffer.put([count(1, 5)])
    assert not buffer.put([(None, b"y")])
    assert buffer.waiting_bytes == SEND_BUFFER
    buffer.drop()
    assert buffer.waiting_bytes == 0


def test_counts_that_replace_each_other_need_the_room_of_one() -> None:
    buffer = opened()
    frame = b"x" * (SEND_BUFFER_BYTES // 2)
    assert buffer.put([(event(1, rows), frame) for rows in range(4)])
    assert buffer.put([(event(1, 9), frame), (event(1, 10), frame)])
    assert buffer.waiting_bytes == len(frame)
