"""What is true of each node of a run, from messages that come late, twice or from elsewhere."""

import json

import pytest

from jobs.store.runs.node_states import MAX_KEPT, MAX_NODES, NodeBoard, NodeState
from progress_lib import Status
from progress_lib.progress import MalformedProgress
from tests.jobs.conftest import node_state

RUN = "7f" * 16


def test_a_terminal_status_is_absorbing() -> None:
    board = NodeBoard(RUN)
    assert board.see(node_state(1, "completed", 5, seq=3))
    assert not board.see(node_state(1, "running", 9, seq=4))
    assert not board.see(node_state(1, "failed", 9, seq=5))
    assert [s.progress.row_count for s in board.states()] == [5]


def test_a_late_message_changes_nothing() -> None:
    board = NodeBoard(RUN)
    assert board.see(node_state(1, rows=50, seq=5))
    assert not board.see(node_state(1, rows=40, seq=4))
    assert not board.see(node_state(1, rows=50, seq=5))


def test_a_publisher_that_sends_five_fields_is_a_full_citizen() -> None:
    board = NodeBoard(RUN)
    assert board.see(node_state(1, rows=1))
    assert board.see(node_state(1, rows=2))
    assert board.see(node_state(1, "completed", 3))


def test_another_runs_messages_are_not_taken() -> None:
    board = NodeBoard(RUN)
    assert not board.see(node_state(1, run_id="8a" * 16))
    assert board.states() == []


def test_unknown_fields_are_kept_byte_for_byte() -> None:
    payload = b'{"nodeId": 1, "nodeName": "A", "status": "running", "rowCount": 1, "message": "", "x": [1]}'
    board = NodeBoard(RUN)
    board.see(NodeState.parse(payload))
    assert board.states()[0].payload == payload


def test_a_huge_message_is_cut() -> None:
    payload = node_state(1, message="x" * 1_000_000).payload
    assert len(NodeState.parse(payload).payload) < MAX_KEPT


def test_open_nodes_are_closed_with_the_last_count_and_a_later_sequence_number() -> None:
    board = NodeBoard(RUN)
    board.see(node_state(1, "completed", 10, seq=7))
    board.see(node_state(2, rows=5, seq=6, run_id=RUN))
    (closing,) = board.close_open(Status.FAILED, "exit code 1")
    said = json.loads(closing.payload)
    assert (said["nodeId"], said["status"], said["rowCount"]) == (2, "failed", 5)
    assert (said["message"], said["runId"], said["seq"]) == ("exit code 1", RUN, 8)
    assert said["closedBy"] == "runner"
    assert board.open_nodes() == []


def test_a_node_that_ended_by_itself_is_closed_by_nobody() -> None:
    board = NodeBoard(RUN)
    board.see(node_state(1, "failed", 5, message="exit code 1"))
    assert board.close_open(Status.FAILED, "exit code 1") == []
    assert "closedBy" not in json.loads(board.states()[0].payload)


def test_what_changed_is_taken_once() -> None:
    board = NodeBoard(RUN, [node_state(1)])
    assert board.take_unsaved() == []
    board.see(node_state(2))
    assert [s.progress.node_id for s in board.take_unsaved()] == [2]
    assert board.take_unsaved() == []


def test_what_was_not_saved_is_taken_once_more_and_as_it_is_then() -> None:
    board = NodeBoard(RUN)
    board.see(node_state(1, rows=5))
    board.put_back(board.take_unsaved())
    board.see(node_state(1, "completed", 9))
    assert [s.progress.row_count for s in board.take_unsaved()] == [9]
    assert board.take_unsaved() == []


def test_a_program_that_names_too_many_nodes_is_bounded() -> None:
    board = NodeBoard(RUN)
    for node_id in range(MAX_NODES + 5):
        board.see(node_state(node_id))
    assert len(board.states()) == MAX_NODES
    with pytest.raises(MalformedProgress, match="9007199254740991"):
        NodeState.parse(node_state(2**53).payload)


def test_of_a_huge_message_no_text_is_kept_whole() -> None:
    for name in ("message", "nodeName", "runId", "other"):
        big = {name: "x" * 900_000}
        said = {"nodeId": 1, "nodeName": "n", "status": "running", "rowCount": 5, "message": "m"}
        state = NodeState.parse(json.dumps({**said, **big}).encode())
        assert len(state.payload) < MAX_KEPT, name
        assert state.progress.row_count == 5
