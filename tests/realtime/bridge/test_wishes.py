"""What the bridge is asked for, without a bridge."""

import threading

import pytest

from realtime.bridge import wishes
from realtime.bridge.wishes import MAX_FAILURES, MAX_REPLAYED, Wishes
from realtime.events import topic_named

JOB, OTHER = topic_named("acme", 1), topic_named("acme", 2)


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Wishes:
    monkeypatch.setattr(wishes, "HEARTBEAT", 0.01)
    monkeypatch.setattr(wishes, "RETRY_WAIT", 0.01)
    return Wishes()


def test_a_job_is_wanted_once_and_whole_where_one_asks_for_the_whole(wanted: Wishes) -> None:
    for is_whole in (False, True, False):
        wanted.ask(JOB, is_whole)
    wanted.ask(OTHER, is_whole=False)
    assert wanted.take() == {JOB: True, OTHER: False}
    assert wanted.take() == {}


def test_of_a_crowd_the_rest_is_wanted_next(wanted: Wishes) -> None:
    for number in range(MAX_REPLAYED + 1):
        wanted.ask(topic_named("acme", number), is_whole=True)
    assert [len(wanted.take()), len(wanted.take())] == [MAX_REPLAYED, 1]


def test_a_past_that_fails_is_wanted_again_but_not_for_ever(wanted: Wishes) -> None:
    for _ in range(MAX_FAILURES - 1):
        assert wanted.failed(JOB)
        while not (again := wanted.take()):
            pass
        assert again == {JOB: True}
    assert not wanted.failed(JOB)
    assert wanted.take() == {}
    assert wanted.failed(JOB), "a later failure counts anew"
    wanted.succeeded([JOB])
    assert all(wanted.failed(JOB) for _ in range(MAX_FAILURES - 1))


def test_a_tenant_ends_the_wait_and_one_that_failed_does_not(wanted: Wishes) -> None:
    wanted.ask_tenant("acme")
    assert wanted._asked.qsize() == 1
    assert wanted.take() == {}
    assert (wanted.take_tenant(), wanted.take_tenant()) == ("acme", None)
    wanted.tenant_failed("acme")
    assert wanted._asked.qsize() == 0, "it would be asked for without a pause"
    assert wanted.take_tenant() == "acme"


def test_any_thread_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "HEARTBEAT", 60.0)
    wanted, begins = Wishes(), threading.Event()

    def wait() -> None:
        begins.set()
        wanted.take()

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    assert begins.wait(10.0)
    wanted.wake()
    waiter.join(10.0)
    assert not waiter.is_alive()
