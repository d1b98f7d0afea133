"""One process, many tenants: nobody sees, changes or even detects what is another's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progress_lib.progress import MalformedProgress
from progress_lib.subjects import check_id, progress_subject, status_subject
from realtime.events import Topic
from realtime.hub.hub import Hub
from tests.harness import Answer, Product, eventually, running_product
from tests.realtime import telling
from tests.realtime.hub.test_hub import Watcher
from tests.realtime.raw import Raw, subscribe

PAIRS = 10_000
TENANTS = ["a", "A", "aa", "a-", "a_", "acme", "acme2", "default", "-", "x" * 64]
JOBS = [1, 2, 3, 7, 11, 42, 2**31, 2**53 - 1]
GRAPH = {
    "nodes": [
        {"id": 1, "type": "csv_input", "config": {"path": "in.csv"}},
        {"id": 2, "type": "csv_output", "config": {"path": "out.csv"}},
    ],
    "edges": [{"from": 1, "to": 2}],
}


def payload(tenant_id: str, job_id: int) -> bytes:
    """Says whose it is; and lies about it where a careless reader would look."""
    fields = {"nodeId": 1, "status": "running", "mine": f"{tenant_id}/{job_id}"}
    return json.dumps({**fields, "tenantId": "acme", "jobId": 1, "tenant_id": "a"}).encode()


# ---------------------------------------------------------------- 10,000 random pairs


def test_of_10000_random_messages_none_reaches_another_tenant_or_job() -> None:
    """Through the bridge's reading and a real hub, to a client of each of 80 topics."""
    chance = random.Random(5)
    hub = Hub()
    hub.start()
    try:
        clients = {Topic(tenant, job): Watcher() for tenant in TENANTS for job in JOBS}
        for topic, client in clients.items():
            telling.register(hub, client.as_client)
            telling.subscribe(hub, client.as_client, topic)
        sent = dict.fromkeys(clients, 0)
        for _ in range(PAIRS):
            topic = Topic(chance.choice(TENANTS), chance.choice(JOBS))
            sent[topic] += 1
            telling.broadcast(hub, [telling.read_event(progress_subject(*topic), payload(*topic))])
        eventually(lambda: hub.counts.delivered >= PAIRS)
        for topic, client in clients.items():
            found = len(client.messages)
            mine = f"{topic.tenant_id}/{topic.job_id}"
            own = sum(message["payload"]["mine"] == mine for message in client.messages)
            assert (found, own) == (sent[topic], sent[topic]), topic
    finally:
        hub.stop()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    with running_product(
        tmp_path_factory.mktemp("tenants") / "data",
        shop_database,
        TENANT_ID="*",
        SAMPLE_ORDERS="0",
        RUNNER="off",
    ) as product:
        yield product


def test_of_10000_messages_over_nats_none_reaches_a_foreign_socket(product: Product) -> None:
    chance = random.Random(6)
    tenants = TENANTS[:6]
    jobs = [1, 2, 3]
    sent = {(tenant, job): 0 for tenant in tenants for job in jobs}

    async def publish() -> None:
        link = await nats.connect(product.nats_url)
        for _ in range(PAIRS):
            topic = (chance.choice(tenants), chance.choice(jobs))
            sent[topic] += 1
            await link.publish(progress_subject(*topic), payload(*topic))
        for topic in sent:
            last = {"nodeId": 2, "status": "completed", "mine": "/".join(map(str, topic))}
            await link.publish(progress_subject(*topic), json.dumps(last).encode())
        await link.drain()

    with contextlib.ExitStack() as inside:
        clients = {}
        for tenant, job in sent:
            client = inside.enter_context(Raw(product, token=product.token(tenant_id=tenant)))
            client.send(subscribe(job))
            clients[tenant, job] = client
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, publish()).result(timeout=60)
        foreign = 0
        for (tenant, job), client in clients.items():
            done = False
            while not done:
                message = client.message()
                foreign += message["payload"]["mine"] != f"{tenant}/{job}"
                foreign += message["jobId"] != job
                done = message["payload"]["nodeId"] == 2
        assert foreign == 0


IDS = st.text(st.characters(codec="ascii"), max_size=70) | st.text(max_size=8)


@settings(max_examples=1_000)
@given(IDS, IDS)
def test_an_id_that_is_taken_names_one_subject_and_no_other(tenant_id: str, job_id: str) -> None:
    try:
        subjects = [progress_subject(tenant_id, job_id), status_subject(tenant_id, job_id)]
    except ValueError:
        return
    for subject in subjects:
        assert subject.split(".")[:4] == ["tenant", tenant_id, "job", job_id]
        assert len(subject.split(".")) == 5
        assert not set(subject) & set("*> \r\n\t\x00")
    assert check_id(tenant_id) == tenant_id


@settings(max_examples=500)
@given(st.text(st.sampled_from("tenant.job*>a1-_ \r\nprogs"), max_size=40))
def test_a_subject_is_read_as_one_topic_or_refused(subject: str) -> None:
    try:
        event = telling.read_event(subject, payload("a", 1))
    except MalformedProgress:
        return
    assert progress_subject(*event.topic).rpartition(".")[0] == subject.rpartition(".")[0]


# ---------------------------------------------------------------- unknown and foreign look the same

OF_JOB: list[tuple[str, str, object]] = [
    ("GET", "/api/jobs/{}", None),
    ("PUT", "/api/jobs/{}", {"name": "mine now", "graph": GRAPH}),
    ("DELETE", "/api/jobs/{}", None),
    ("POST", "/api/jobs/{}/execute", None),
    ("GET", "/api/jobs/{}/runs", None),
]
OF_RUN: list[tuple[str, str, object]] = [
    ("GET", "/api/runs/{}", None),
    ("POST", "/api/runs/{}/cancel", None),
    ("GET", "/api/runs/{}/log", None),
    ("GET", "/api/runs/{}/log?format=text", None),
    ("GET", "/api/runs/{}/program", None),
    ("GET", "/api/runs/{}/history", None),
    ("GET", "/api/runs/{}/events", None),
    ("GET", "/api/runs/{}/wait", None),
]
UNKNOWN_JOB, UNKNOWN_RUN = "900000001", "0" * 32


class Owned:
    """A job and a queued run of the tenant "owner", and the token of another."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.own = product.token(tenant_id="owner")
        self.foreign = product.token(tenant_id="thief")
        made = product.post("/api/jobs", {"name": "secret", "graph": GRAPH}, token=self.own)
        self.job = str(made.json()["id"])
        ran = product.post(f"/api/jobs/{self.job}/execute", token=self.own)
        self.run = str(ran.json()["runId"])

    def ask(self, method: str, path: str, body: object, thing: str) -> Answer:
        return self.product.request(method, path.format(thing), body, token=self.foreign)


@pytest.fixture(scope="module")
def owned(product: Product) -> Owned:
    return Owned(product)


ROUTES = [(*row, "job") for row in OF_JOB] + [(*row, "run") for row in OF_RUN]


@pytest.mark.parametrize(("method", "path", "body", "kind"), ROUTES)
def test_a_foreign_thing_is_answered_as_one_that_is_not_there(
    owned: Owned, method: str, path: str, body: object, kind: str
) -> None:
    thing, unknown = (owned.job, UNKNOWN_JOB) if kind == "job" else (owned.run, UNKNOWN_RUN)
    foreign, missing = owned.ask(method, path, body, thing), owned.ask(method, path, body, unknown)
    assert foreign.status == missing.status == 404
    assert told(foreign, thing) == told(missing, unknown)
    kept = owned.product.get(f"/api/jobs/{owned.job}", token=owned.own).json()
    assert kept["name"] == "secret"
    run = owned.product.get(f"/api/runs/{owned.run}", token=owned.own).json()
    assert (run["status"], run["cancelRequested"]) == ("queued", False)


def told(answer: Answer, thing: str) -> tuple[Any, ...]:
    """All that a client can see, but the id that it sent itself and the time."""
    names = ("content-type", "allow", "location", "etag", "cache-control", "retry-after")
    return answer.body.replace(thing.encode(), b"(id)"), *map(answer.header, names)


def test_the_answer_takes_as_long_for_a_foreign_thing_as_for_none(owned: Owned) -> None:
    """By order of magnitude: each is one look into the database."""

    def took(path: str) -> float:
        began = time.perf_counter()
        owned.ask("GET", path, None, "")
        return time.perf_counter() - began

    foreign, missing = [], []
    for _ in range(40):  # in turn, so that a busy moment meets both
        foreign.append(took(f"/api/runs/{owned.run}"))
        missing.append(took(f"/api/runs/{UNKNOWN_RUN}"))
    ratio = statistics.median(foreign) / statistics.median(missing)
    assert 1 / 3 < ratio < 3


def test_lists_hold_ones_own_only(owned: Owned) -> None:
    none = {"next": None}
    assert owned.product.get("/api/jobs", token=owned.foreign).json() == {"jobs": [], **none}
    assert owned.product.get("/api/runs", token=owned.foreign).json() == {"runs": [], **none}
    usage = owned.product.get("/api/usage", token=owned.foreign).json()
    assert (usage["queuedRuns"], usage["runningRuns"]) == (0, 0)
    assert owned.product.get("/api/usage", token=owned.own).json()["queuedRuns"] >= 1


def test_an_idempotency_key_is_a_tenants_own(product: Product) -> None:
    headers = {"Idempotency-Key": "the same"}
    runs = set()
    for tenant in ("one", "two"):
        token = product.token(tenant_id=tenant)
        job = product.post("/api/jobs", {"name": "x", "graph": GRAPH}, token=token).json()["id"]
        answer = product.post(f"/api/jobs/{job}/execute", token=token, headers=headers)
        assert answer.status == 202
        runs.add(answer.json()["runId"])
    assert len(runs) == 2


@pytest.mark.parametrize(
    "thing",
    ["..%2f..%2fjwt_secret", "*", ">", "a.b", "%00", "x" * 500, "%0d%0aPUB%20x%200", "'--", "é"],
)
def test_an_id_that_is_no_id_is_not_found(owned: Owned, thing: str) -> None:
    quoted = thing if thing.isascii() else "%C3%A9"
    for path in ("/api/runs/{}", "/api/runs/{}/log", "/api/runs/{}/program", "/api/jobs/{}"):
        assert owned.ask("GET", path, None, quoted).status == 404, path


def test_the_snapshot_of_a_foreign_job_is_empty(owned: Owned) -> None:
    """The number is the same; the topic is not."""
    with Raw(owned.product, token=owned.foreign) as thief:
        thief.send(subscribe(int(owned.job)))
        thief.send(subscribe(-1))
        assert thief.message()["code"] == "bad_job_id", "nothing of the job came before it"
    with Raw(owned.product, token=owned.own) as owner:
        owner.send(subscribe(int(owned.job)))
        assert owner.message()["payload"]["runId"] == owned.run
