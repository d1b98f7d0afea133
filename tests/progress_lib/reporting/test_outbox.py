"""The rules of what leaves a program: no threads, no clock but a number."""

from hypothesis import given
from hypothesis import strategies as st

from progress_lib import Progress, Status
from progress_lib.reporting.outbox import COUNT_PERIOD, Outbox

NODES = st.integers(1, 3)
REPORTS = st.lists(st.tuples(NODES, st.sampled_from(list(Status)), st.booleans()), max_size=60)


def running(node_id: int, rows: int = 0) -> Progress:
    return Progress(node_id, "n", Status.RUNNING, rows)


def completed(node_id: int, rows: int = 0) -> Progress:
    return Progress(node_id, "n", Status.COMPLETED, rows)


def take(outbox: Outbox, now: float) -> list[Progress]:
    due = outbox.due(now)
    outbox.sent(due, now)
    return due


def test_the_first_report_and_the_end_leave_at_once() -> None:
    outbox = Outbox()
    assert outbox.add(running(1))
    assert take(outbox, 0.0) == [running(1)]
    assert outbox.add(completed(1, 9))
    assert take(outbox, 0.0) == [completed(1, 9)]


def test_running_counts_leave_twenty_times_a_second_and_only_the_newest() -> None:
    outbox = Outbox()
    outbox.add(running(1))
    take(outbox, 0.0)
    looks = [outbox.add(running(1, rows)) for rows in range(1, 1001)]
    assert looks == [True] + [False] * 999, "one look at it is enough, however many follow"
    assert take(outbox, COUNT_PERIOD / 2) == []
    assert take(outbox, COUNT_PERIOD) == [running(1, 1000)]
    assert take(outbox, 2 * COUNT_PERIOD) == []
    assert outbox.next_due() is None, "nothing is looked at while nothing is reported"


def test_the_counts_of_all_nodes_leave_together() -> None:
    """One thread is woken for all of them: that is what reporting costs a program."""
    outbox = Outbox()
    for node_id in (1, 2, 3):
        outbox.add(running(node_id))
    take(outbox, 0.0)
    looks = [outbox.add(running(node_id, 10)) for node_id in (1, 2, 3)]
    assert looks == [True, False, False]
    now = COUNT_PERIOD
    assert {progress.node_id for progress in take(outbox, now)} == {1, 2, 3}
    for rows in range(11, 20):
        assert not any(outbox.add(running(node_id, rows)) for node_id in (1, 2, 3))
        now += COUNT_PERIOD
        assert outbox.next_due() == now
        assert {progress.node_id for progress in take(outbox, now)} == {1, 2, 3}


def test_a_count_keeps_its_distance_from_a_change_of_its_node() -> None:
    outbox = Outbox()
    outbox.add(running(1))
    take(outbox, 0.0)
    outbox.add(running(1, 1))
    outbox.add(running(2))
    assert take(outbox, 0.9 * COUNT_PERIOD) == [running(2)]
    outbox.add(running(2, 1))
    assert take(outbox, COUNT_PERIOD) == [running(1, 1)]
    assert take(outbox, 2 * COUNT_PERIOD) == [running(2, 1)]


def test_at_the_end_nothing_waits_for_its_time() -> None:
    outbox = Outbox()
    outbox.add(running(1))
    take(outbox, 0.0)
    outbox.add(running(1, 5))
    outbox.add(running(2))
    assert outbox.rest() == [running(2), running(1, 5)]
    assert not outbox.is_empty
    outbox.sent(outbox.rest(), 0.0)
    assert outbox.is_empty


def test_what_comes_after_the_end_of_a_node_is_not_said() -> None:
    outbox = Outbox()
    outbox.add(completed(1, 5))
    outbox.add(running(1, 6))
    assert take(outbox, 9.0) == [completed(1, 5)]


def test_after_a_lost_connection_the_last_state_of_each_node_is_said_again() -> None:
    outbox = Outbox()
    for progress in (running(1), completed(1, 5), running(2), running(3)):
        outbox.add(progress)
    take(outbox, 0.0)
    outbox.add(completed(3, 1))
    outbox.repeat()
    assert take(outbox, 0.0) == [completed(1, 5), running(2), completed(3, 1)]


def test_a_count_that_waits_behind_its_first_report_is_kept_when_nats_is_back() -> None:
    outbox = Outbox()
    outbox.add(running(1, 0))
    outbox.add(running(1, 5_000))
    outbox.repeat()
    assert [(p.node_id, p.row_count) for p in take(outbox, 0.0)] == [(1, 0)]
    assert [(p.node_id, p.row_count) for p in take(outbox, 1.0)] == [(1, 5_000)]


@given(REPORTS)
def test_every_node_ends_with_its_true_last_state_and_no_step_back(
    reports: list[tuple[int, Status, bool]],
) -> None:
    outbox, now = Outbox(), 0.0
    truth: dict[int, Progress] = {}
    left: list[Progress] = []
    for number, (node_id, status, wait) in enumerate(reports):
        progress = Progress(node_id, "n", status, number)
        outbox.add(progress)
        if node_id not in truth or not truth[node_id].status.is_terminal:
            truth[node_id] = progress
        if wait:
            now += COUNT_PERIOD / 3
            left += take(outbox, now)
    left += take(outbox, now + 1)
    left += take(outbox, now + 2)  # a count that waited for its change of status to leave
    assert outbox.is_empty
    assert {progress.node_id: progress for progress in left} == truth
    for node_id in truth:
        rows = [progress.row_count for progress in left if progress.node_id == node_id]
        assert rows == sorted(set(rows))
