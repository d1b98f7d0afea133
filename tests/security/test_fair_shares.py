"""Few places, many tenants: one that takes all it gets leaves the next one its own, at once."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import jobs.http.runs.history
from jobs.http.problems import Problem
from jobs.http.runners.previews import ASKING
from jobs.http.runs.follow import MAX_FOLLOWERS
from jobs.http.runs.history import MAX_READERS, Histories
from jobs.run.previews import AT_ONCE_EACH
from jobs.store.records import NewRun
from jobs.store.store import Store
from jobs.work.fair_shares import FairPlaces, FairQueue
from jobs.work.preview_questions import preview_subject
from progress_lib.nats.link import Message
from tests.harness import DEADLINE, Answer, Product, eventually, linked, running_product

COUNTING = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
TENANTS = ("acme", "globex", "initech")


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shop_database: Path
) -> Iterator[Product]:
    """With a runner; each tenant has a database of its own."""
    data_dir = tmp_path_factory.mktemp("shares") / request.param
    for tenant in TENANTS:
        (data_dir / "tenants" / tenant).mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(data_dir / "tenants" / tenant / "a.db")) as made:
            made.execute("CREATE TABLE a (n)")
    settings = {"TENANT_ID": "*", "SAMPLE_ORDERS": "0"}
    with running_product(
        data_dir, shop_database, worker_class=request.param, **settings
    ) as product:
        eventually(lambda: preview(product, "acme").status == 200, what="a runner is there")
        yield product


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'progress.db'}")
    opened.open()
    yield opened
    opened.close()


def graph(sql: str) -> dict[str, Any]:
    config = {"connection": "sqlite:///a.db", "sql": sql}
    return {"nodes": [{"id": 1, "type": "db_input", "name": "n", "config": config}], "edges": []}


def preview(product: Product, tenant_id: str, sql: str = "SELECT 1 AS n") -> Answer:
    body = {"graph": graph(sql), "nodeId": 1}
    return product.post("/api/jobs/preview", body, token=product.token(tenant_id=tenant_id))


def at_work(product: Product) -> set[int]:
    """The process ids of programs that make previews."""
    found = set()
    for pid in product.left_over():
        with contextlib.suppress(OSError):
            if b"PREVIEW_ID" in Path(f"/proc/{pid}/environ").read_bytes():
                found.add(pid)
    return found


def endless_ones(product: Product) -> set[int]:
    """What makes acme's previews, once it has all its places. It goes on with what nobody else wants of the machine."""
    eventually(lambda: len(at_work(product)) == AT_ONCE_EACH, what="acme has all it gets")
    found = at_work(product)
    for pid in found:
        os.setpriority(os.PRIO_PROCESS, pid, 19)
    return found


def all_gone(product: Product) -> None:
    eventually(lambda: not at_work(product), 40.0, what="previews of the test before end")


# ---------------------------------------------------------------- previews


@pytest.mark.slow
def test_a_tenant_with_endless_previews_keeps_no_other_from_its_own(product: Product) -> None:
    all_gone(product)
    with ThreadPoolExecutor(ASKING) as threads:
        endless = [threads.submit(preview, product, "acme", COUNTING) for _ in range(ASKING)]
        before = endless_ones(product)
        assert preview(product, "globex").status == 200
        assert before <= at_work(product), "it did not have to wait for one of acme's to end"
        statuses = sorted(one.result().status for one in endless)
    assert set(statuses) <= {503, 504}
    assert statuses.count(503) >= ASKING // 2, "acme was told to come again, for half of them"
    assert preview(product, "acme").status == 200, "and has its places back"


@pytest.mark.slow
def test_a_runner_takes_turns_between_tenants(product: Product) -> None:
    """More questions than one web worker lets through: several servers share a runner."""
    all_gone(product)
    answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
    question = json.dumps({"graph": graph(COUNTING), "last": [[1, None]]}).encode()
    with linked(product.nats_url) as link:
        reply = link.new_inbox()
        link.subscribe(reply, answers.put)
        for _ in range(20):
            link.publish(preview_subject("acme"), question, reply)
        told = [json.loads(answers.get(timeout=30.0).payload) for _ in range(20)]
        assert {"taken": True} in told
        assert {"busy": True} in told
        before = endless_ones(product)
        for tenant in ("globex", "initech"):
            assert preview(product, tenant).status == 200
        assert before <= at_work(product)
        late = [
            json.loads(answers.get(timeout=60.0).payload)
            for _ in range(told.count({"taken": True}))
        ]
    assert {"timeout": True} in late
    assert {"busy": True} in late, "nobody waited any longer for those: they were not made"


# ---------------------------------------------------------------- following runs over HTTP


@contextlib.contextmanager
def following(product: Product, path: str, tenant_id: str) -> Iterator[int]:
    """The status of a stream that stays open."""
    connection = HTTPConnection("127.0.0.1", product.api_port, timeout=30.0)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {product.token(tenant_id=tenant_id)}"}
        connection.request("GET", path, headers=headers)
        yield connection.getresponse().status


def test_a_tenant_that_follows_everything_keeps_no_other_from_following(product: Product) -> None:
    def run_of(tenant_id: str) -> str:
        token = product.token(tenant_id=tenant_id)
        nodes = [
            {
                "id": 1,
                "type": "db_input",
                "config": {"connection": "sqlite:///a.db", "sql": COUNTING},
            },
            {"id": 2, "type": "csv_output", "config": {"path": "b.csv"}},
        ]
        body = {"name": "x", "graph": {"nodes": nodes, "edges": [{"from": 1, "to": 2}]}}
        job = product.post("/api/jobs", body, token=token).json()["id"]
        return str(product.post(f"/api/jobs/{job}/execute", token=token).json()["runId"])

    runs = {tenant: run_of(tenant) for tenant in ("acme", "globex")}
    with contextlib.ExitStack() as open_streams:

        def follow(tenant_id: str) -> int:
            path = f"/api/runs/{runs[tenant_id]}/wait"
            return open_streams.enter_context(following(product, path, tenant_id))

        statuses = [follow("acme") for _ in range(MAX_FOLLOWERS)]
        assert statuses == [200] * (MAX_FOLLOWERS // 2) + [503] * (MAX_FOLLOWERS // 2)
        assert follow("globex") == 200
    for tenant, run_id in runs.items():
        product.post(f"/api/runs/{run_id}/cancel", token=product.token(tenant_id=tenant))


# ---------------------------------------------------------------- the rules


def test_one_tenant_of_many_gets_half_and_the_next_ones_half_of_the_rest() -> None:
    places = FairPlaces(8, has_many_tenants=True)
    got = {tenant: sum(places.take(tenant) for _ in range(9)) for tenant in "abcdef"}
    assert got == {"a": 4, "b": 2, "c": 1, "d": 1, "e": 0, "f": 0}
    places.give_back("a")
    assert not places.take("a"), "the last place is for one that has none"
    assert places.take("e")


def test_a_tenant_alone_gets_all_places_and_gets_them_again() -> None:
    places = FairPlaces(3, has_many_tenants=False)
    for _ in range(2):
        assert [places.take("a") for _ in range(4)] == [True, True, True, False]
        for _ in range(3):
            places.give_back("a")


def test_who_waits_for_a_place_gets_the_one_that_is_given_back() -> None:
    places = FairPlaces(1, has_many_tenants=True)
    assert places.take("a")
    assert not places.take("b", wait=0.01)
    got: queue.SimpleQueue[bool] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: got.put(places.take("b", wait=10.0)))
    thread.start()
    places.give_back("a")
    assert got.get(timeout=DEADLINE)
    thread.join(DEADLINE)


def test_histories_that_one_tenant_reads_keep_nobody_from_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream answers nothing of acme's job until the test ends."""
    monkeypatch.setattr(jobs.http.runs.history, "READER_WAIT", 0.01)
    runs = {}
    for tenant in ("acme", "globex"):
        job_id = store.create_job(tenant, "x", {}).job_id
        runs[tenant] = store.record_run(tenant, NewRun(job_id, {}, "")).run.run_id
    ended, asked = threading.Event(), threading.Semaphore(0)

    def past(tenant_id: str, *_: Any) -> list[Any]:
        if tenant_id == "acme":
            asked.release()
            assert ended.wait(30.0)
        return []

    histories = Histories(store, past, has_many_tenants=True)
    with ThreadPoolExecutor(MAX_READERS) as threads:
        slow = [threads.submit(histories.of, "acme", runs["acme"]) for _ in range(MAX_READERS)]
        try:
            assert asked.acquire(timeout=10.0)
            assert histories.of("globex", runs["globex"])["runId"] == runs["globex"]
            refused = wait(slow, 10.0, FIRST_COMPLETED).done
            assert [type(one.exception()) for one in refused] == [Problem] * (MAX_READERS - 1)
        finally:
            ended.set()


def taken(waiting: FairQueue[int]) -> tuple[str, int]:
    turn = waiting.take()
    assert turn is not None
    return turn[:2]


def test_who_has_least_at_work_is_next() -> None:
    waiting: FairQueue[int] = FairQueue(16, each=2)
    for number in range(4):
        assert waiting.put("a", number)
    assert [taken(waiting), taken(waiting)] == [("a", 0), ("a", 1)]
    waiting.put("b", 10)
    waiting.put("c", 20)
    assert taken(waiting) == ("b", 10)
    waiting.done("a")
    assert taken(waiting) == ("c", 20), "a has one at work still"
    assert taken(waiting) == ("a", 2)


def test_who_was_served_longest_ago_is_next_of_equals() -> None:
    waiting: FairQueue[int] = FairQueue(16, each=2)
    for number in range(3):
        waiting.put("a", number)
        waiting.put("b", number)
    order = []
    for _ in range(6):
        tenant, number = taken(waiting)
        order.append(f"{tenant}{number}")
        waiting.done(tenant)
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_thread_waits_while_all_that_waits_is_of_one_that_has_its_share() -> None:
    waiting: FairQueue[int] = FairQueue(16, each=1)
    waiting.put("a", 1)
    waiting.put("a", 2)
    assert taken(waiting) == ("a", 1)
    found: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: found.put(taken(waiting)))
    thread.start()
    waiting.put("b", 3)
    assert found.get(timeout=DEADLINE) == ("b", 3)
    thread.join(DEADLINE)


def test_a_full_queue_takes_the_first_of_another_and_a_closed_one_nothing() -> None:
    waiting: FairQueue[int] = FairQueue(4, each=1)
    assert [waiting.put("a", n) for n in range(3)] == [True, True, False]
    assert [waiting.put("b", n) for n in range(2)] == [True, False]
    assert [waiting.put("c", 9), waiting.put("d", 9)] == [True, False]
    assert sorted(waiting.close()) == [0, 0, 1, 9]
    assert waiting.take() is None
    assert not waiting.put("d", 1)
    assert waiting.close() == []
