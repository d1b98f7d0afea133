"""Tasks on a real local cluster of dask, shown as nodes."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, Event

from progress_lib import ProgressReporter
from progress_lib.dask import progress
from tests.harness import NatsServer, eventually
from tests.progress_lib.clusters import local_cluster
from tests.progress_lib.listener import Listener


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with local_cluster(tmp_path_factory.mktemp("dask")) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def reporter(nats_server: NatsServer) -> Iterator[ProgressReporter]:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        yield reporter


def double(number: int) -> int:
    return 2 * number


def invert(number: int) -> float:
    return 1 / number


def add(*numbers: float) -> float:
    return sum(numbers)


def hold(number: int, event: str) -> int:
    Event(event).wait(30)
    return number


def ends(listener: Listener) -> dict[str, tuple[str, int, str]]:
    """The end of each node, by its name."""
    last = {m["nodeName"]: m for m in listener.messages}
    return {
        name: (m["status"], m["rowCount"], m["message"])
        for name, m in last.items()
        if m["status"] != "running"
    }


def test_each_kind_of_task_is_a_node(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    doubled = client.map(double, range(20), pure=False)
    total = client.submit(add, *doubled, pure=False)
    progress(total, reporter=reporter)
    assert total.result() == 380
    eventually(
        lambda: ends(listener) == {"double": ("completed", 20, ""), "add": ("completed", 1, "")}
    )
    assert {m["rowTotal"] for m in listener.messages if m["nodeName"] == "double"} == {20}


def test_kinds_have_the_numbers_of_their_order_by_name(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    """The scheduler tells them in the order of a set: the numbers were others in each run."""
    kinds = [f"kind{letter}" for letter in "abcdefgh"]
    one = [client.submit(double, 1, key=f"{kind}-{uuid.uuid4().hex}") for kind in reversed(kinds)]
    progress(one, reporter=reporter)
    eventually(lambda: set(ends(listener)) == set(kinds))
    assert {m["nodeName"]: m["nodeId"] for m in listener.messages} == {
        kind: number for number, kind in enumerate(kinds, 1)
    }


def test_how_many_are_done_is_seen_while_others_run(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    done = client.map(double, range(3), pure=False)
    # of the worker's two threads it holds one, whichever task comes first
    held = client.map(hold, range(1), event="go", pure=False)
    watching = threading.Thread(target=progress, args=[done + held], kwargs={"reporter": reporter})
    watching.start()
    try:
        eventually(lambda: ends(listener) == {"double": ("completed", 3, "")})
        eventually(lambda: "hold" in {m["nodeName"] for m in listener.messages})
    finally:
        Event("go", client=client).set()
        watching.join(30)
    eventually(lambda: ends(listener)["hold"] == ("completed", 1, ""))


def test_a_task_that_fails_fails_its_node_and_those_that_wait_for_it(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    total = client.submit(add, *client.map(invert, [1, 0], pure=False), pure=False)
    progress(total, reporter=reporter)
    with pytest.raises(ZeroDivisionError):
        total.result()
    eventually(lambda: len(ends(listener)) == 2)
    status, _, message = ends(listener)["invert"]
    assert (status, message) == ("failed", "ZeroDivisionError: division by zero")
    assert ends(listener)["add"] == ("failed", 0, "not done, since invert failed")


def test_what_is_cancelled_ends(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    held = client.map(hold, range(2), event="never", pure=False)
    watching = threading.Thread(target=progress, args=[held], kwargs={"reporter": reporter})
    watching.start()
    eventually(lambda: listener.messages)
    client.cancel(held)
    watching.join(30)
    assert not watching.is_alive()
    Event("never", client=client).set()
    eventually(lambda: ends(listener)["hold"] == ("failed", 0, "cancelled"))


def test_what_is_cancelled_already_is_not_waited_for(
    client: Client, reporter: ProgressReporter, listener: Listener
) -> None:
    held = client.map(hold, range(3), event="never", pure=False)
    client.cancel(held[:1])
    watching = threading.Thread(
        target=progress, args=[held], kwargs={"reporter": reporter}, daemon=True
    )
    watching.start()
    watching.join(30)
    assert not watching.is_alive()
    Event("never", client=client).set()
    eventually(lambda: ends(listener)["hold"] == ("failed", 0, "cancelled"))


def test_without_a_job_it_waits_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOB_ID", raising=False)
    future: Any = client.submit(double, 4, pure=False)
    progress(future)
    assert future.done()
    assert progress() is None
