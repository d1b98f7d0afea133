"""The whole path on the real thing: gunicorn, nats-server, runner, a generated program, and strangers' clients.

The clients here know the original protocol only: ?token=, {"action":"subscribe","jobId":N}, job.progress.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nats
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from hosting.start.sample import ORDERS
from tests.harness import (
    DEADLINE,
    FEW_ORDERS,
    ROOT,
    Product,
    StartProduct,
    eventually,
    running_product,
)

ROWS = 25_000  # enough for several reports of every node
DB_INPUT, FILTER, MAP, DB_OUTPUT = 1, 2, 3, 4
# The report of the whole sample takes six seconds of a core, and the worker class has no part in it
SAMPLES = {"gthread": {}, "gevent": {"SAMPLE_ORDERS": str(FEW_ORDERS)}}


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shop_database: Path
) -> Iterator[Product]:
    """One product of each worker class for all tests here: each must leave it whole for the next."""
    data_dir = tmp_path_factory.mktemp("end-to-end") / request.param
    with running_product(
        data_dir, shop_database, worker_class=request.param, **SAMPLES[request.param]
    ) as product:
        make_orders(product.data_dir / "orders.db")
        yield product


@pytest.fixture(autouse=True)
def shown_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """The product's last words beside the test that failed, not beside the last one."""
    yield
    if "product" in request.fixturenames:
        print(request.getfixturevalue("product").log_tail(30))


# ---------------------------------------------------------------- a job whose outcome is known


def make_orders(path: Path) -> None:
    """orders(id, customer, quantity, price_cents): ROWS rows that any reader can recompute."""
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, quantity INTEGER, price_cents INTEGER)"
        )
        rows = ((n, f"customer {n % 97}", n % 7, (n * 37) % 10_000) for n in range(1, ROWS + 1))
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    database.close()


def orders_job(**changed: Any) -> dict[str, Any]:
    """Orders of three pieces or more, with their total, into big_orders; `changed` replaces configurations."""
    url = "sqlite:///orders.db"
    configurations = {
        "db_input": {"connection": url, "table": "orders"},
        "filter": {"condition": "quantity >= 3"},
        "map": {
            "columns": [{"column": "total_cents", "expression": "quantity * price_cents"}],
            "keep": ["id", "customer"],
        },
        "db_output": {"connection": url, "table": "big_orders", "mode": "replace"},
        **changed,
    }
    labels = {"db_input": "DB Input", "filter": "Filter", "map": "Map", "db_output": "DB Output"}
    nodes = [
        {"id": node_id, "type": kind, "name": labels[kind], "config": configurations[kind]}
        for node_id, kind in enumerate(labels, start=1)
    ]
    for node in nodes:
        node["position"] = {"x": 220 * int(str(node["id"])), "y": 80}
    edges = [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}]
    return {"name": "Big orders", "graph": {"nodes": nodes, "edges": edges}}


def big_orders(path: Path) -> list[tuple[int, str, int]]:
    with sqlite3.connect(path) as database:
        found = database.execute(
            "SELECT id, customer, total_cents FROM big_orders ORDER BY id"
        ).fetchall()
    database.close()
    return found


def expected_big_orders() -> list[tuple[int, str, int]]:
    return [
        (n, f"customer {n % 97}", (n % 7) * ((n * 37) % 10_000))
        for n in range(1, ROWS + 1)
        if n % 7 >= 3
    ]


Line = tuple[Any, ...]  # a row of the report, in the order of REPORT_COLUMNS
REPORT_COLUMNS = "order_id, line, customer, product, category, quantity, country, month, gross, net"


def report(path: Path) -> list[Line]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(
            f"SELECT {REPORT_COLUMNS} FROM order_report ORDER BY order_id, line"
        ).fetchall()


def expected_report(path: Path) -> tuple[int, list[Line]]:
    """How many order lines the shop has, and the report of them, computed here from the bare tables."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        customers = {
            row[0]: row[1:] for row in database.execute("SELECT id, name, country FROM customers")
        }
        products = {
            row[0]: row[1:] for row in database.execute("SELECT id, name, category FROM products")
        }
        orders = {
            row[0]: row[1:]
            for row in database.execute(
                "SELECT id, customer_id, status, ordered_at, discount FROM orders"
            )
        }
        items = database.execute(
            "SELECT order_id, line, product_id, quantity, price FROM order_items ORDER BY order_id, line"
        ).fetchall()
    assert len(orders) >= FEW_ORDERS
    lines = []
    for order_id, line, product_id, quantity, price in items:
        customer_id, status, ordered_at, discount = orders[order_id]
        if status in ("paid", "shipped") and quantity * price >= 10:
            name, country = customers[customer_id]
            gross = round(quantity * price, 2)
            net = round(quantity * price * (1 - discount / 100), 2)
            place = (country.upper(), ordered_at[:7])
            lines.append(
                (order_id, line, name, *products[product_id], quantity, *place, gross, net)
            )
    return len(items), lines


# ---------------------------------------------------------------- strangers


def subscribe(socket: ClientConnection, job_id: int) -> None:
    socket.send(json.dumps({"action": "subscribe", "jobId": job_id}))


def messages(socket: ClientConnection, deadline: float = DEADLINE) -> Iterator[dict[str, Any]]:
    """The server's messages as they come; TimeoutError when `deadline` seconds have passed."""
    end = time.monotonic() + deadline
    while True:
        yield json.loads(socket.recv(timeout=max(0.0, end - time.monotonic())))


def progress_until(
    socket: ClientConnection, node_id: int, status: str, deadline: float = DEADLINE
) -> list[dict[str, Any]]:
    """The payloads of all job.progress messages up to the first that says this of this node."""
    payloads = []
    for message in messages(socket, deadline):
        if message["type"] == "job.progress":
            payloads.append(message["payload"])
            if payloads[-1]["nodeId"] == node_id and payloads[-1]["status"] == status:
                return payloads
    raise AssertionError("unreachable")


def next_of_type(socket: ClientConnection, kind: str, deadline: float = DEADLINE) -> dict[str, Any]:
    return next(message for message in messages(socket, deadline) if message["type"] == kind)


def publish(product: Product, *sent: tuple[str, bytes]) -> None:
    """Publishes with the nats-py package, as a program that is not ours would."""

    async def run() -> None:
        link = await nats.connect(product.nats_url)
        for subject, payload in sent:
            await link.publish(subject, payload)
        await link.drain()

    # On a thread of its own: where browser tests ran before, this one keeps Playwright's event loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, run()).result(timeout=30.0)


def five_fields(status: str, rows: int = 5000, node_id: int = 1) -> bytes:
    node = {"nodeId": node_id, "nodeName": "Load", "status": status, "rowCount": rows}
    return json.dumps({**node, "message": f"{rows} rows"}).encode()


def execute_script(product: Product, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/execute.sh", *arguments],
        env={"PATH": os.environ["PATH"], "TOKEN": product.token(), "URL": product.url},
        capture_output=True,
        text=True,
        timeout=90,
    )


# ---------------------------------------------------------------- the path of a run


def test_a_client_of_the_original_protocol_sees_every_node_run_and_complete(
    product: Product,
) -> None:
    job_id = product.create_job(orders_job())
    with product.websocket() as socket:
        subscribe(socket, job_id)
        done = execute_script(product, str(job_id), "--watch")
        assert done.returncode == 0, done.stdout + done.stderr
        seen = progress_until(socket, DB_OUTPUT, "completed")

    expected = expected_big_orders()
    rows = {DB_INPUT: ROWS, FILTER: len(expected), MAP: len(expected), DB_OUTPUT: len(expected)}
    for node_id, count in rows.items():
        states = [payload for payload in seen if payload["nodeId"] == node_id]
        statuses = [state["status"] for state in states]
        assert statuses == ["running"] * (len(states) - 1) + ["completed"], node_id
        assert len(states) >= 2, node_id
        counts = [state["rowCount"] for state in states]
        assert counts == sorted(counts), node_id
        assert counts[-1] == count, node_id
    names = {payload["nodeId"]: payload["nodeName"] for payload in seen}
    assert names == {1: "DB Input", 2: "Filter", 3: "Map", 4: "DB Output"}
    assert {payload["runId"] for payload in seen} == {done.stdout.split()[0]}
    assert big_orders(product.data_dir / "orders.db") == expected


def test_the_sample_job_writes_exactly_the_rows_that_it_should(product: Product) -> None:
    run = product.run_end(product.execute(product.sample_job_id()), 100.0)
    assert run["status"] == "completed", run
    assert {node["status"] for node in run["nodes"]} == {"completed"}
    read, expected = expected_report(product.data_dir / "shop.db")
    if product.worker_class == "gthread":
        assert read > ORDERS, "the whole sample"
    counts = {node["nodeId"]: node["rowCount"] for node in run["nodes"]}
    assert counts == {1: read, 2: len(expected), 3: len(expected), 4: len(expected)}
    assert report(product.data_dir / "report.db") == expected


def test_whoever_comes_late_sees_the_true_state_of_every_node_at_once(product: Product) -> None:
    job_id = product.create_job(orders_job())
    run_id = product.execute(job_id)
    assert product.run_end(run_id)["status"] == "completed"
    with product.websocket() as socket:
        subscribe(socket, job_id)
        first = list(itertools.islice(messages(socket, 10.0), 5))
    kinds = sorted(message["type"] for message in first)
    assert kinds == ["job.progress"] * 4 + ["job.status"]
    nodes = {m["payload"]["nodeId"]: m["payload"] for m in first if m["type"] == "job.progress"}
    assert {node["status"] for node in nodes.values()} == {"completed"}
    assert nodes[DB_INPUT]["rowCount"] == ROWS
    assert nodes[DB_OUTPUT]["rowCount"] == len(expected_big_orders())
    [status] = [message["payload"] for message in first if message["type"] == "job.status"]
    assert (status["runId"], status["status"]) == (run_id, "completed")


def test_the_end_of_a_run_comes_after_all_of_its_nodes(product: Product) -> None:
    job_id = product.create_job(orders_job())
    with product.websocket() as socket:
        subscribe(socket, job_id)
        product.execute(job_id)
        until_the_end(socket)  # its past may be read after it was queued: then running comes first
        product.execute(job_id)
        statuses, last = until_the_end(socket)
    assert statuses == ["queued", "running", "completed"]
    assert last == {1: "completed", 2: "completed", 3: "completed", 4: "completed"}


def until_the_end(socket: ClientConnection) -> tuple[list[str], dict[int, str]]:
    """The statuses of a run, and each node's last one, as they were told until the run's end."""
    statuses: list[str] = []
    last: dict[int, str] = {}
    for message in messages(socket):
        payload = message["payload"]
        if message["type"] == "job.progress":
            last[payload["nodeId"]] = payload["status"]
        if message["type"] == "job.status":
            statuses.append(payload["status"])
            if payload["status"] not in ("queued", "running"):
                break
    assert statuses[-1] == "completed"
    return statuses, last


# ---------------------------------------------------------------- publishers that are not ours


def test_a_publisher_with_five_fields_reaches_a_subscribed_client_byte_for_byte(
    product: Product,
) -> None:
    # Spaces, an escape and a field of its own: a server that parses and writes again would change them.
    payload = b'{ "nodeId":1,"nodeName":"L\\u00f6ad", "status":"running","rowCount":5000 ,"message":"x","mine":[1.50]}'
    subject = "tenant.default.job.4711.progress"
    with product.websocket() as socket:
        subscribe(socket, 4711)
        # There is no answer to a subscription when nothing is known: publish until something arrives.
        publish(product, (subject, payload))
        text = socket.recv(timeout=DEADLINE)
        assert isinstance(text, str)
        assert payload.decode() in text
        assert json.loads(text) == {
            "type": "job.progress",
            "jobId": 4711,
            "payload": json.loads(payload),
        }
        publish(product, (subject, five_fields("completed", 9000)))
        assert progress_until(socket, 1, "completed")[-1]["rowCount"] == 9000


def test_only_the_jobs_that_a_client_subscribed_to_reach_it(product: Product) -> None:
    with product.websocket() as socket:
        subscribe(socket, 71)
        publish(
            product,
            ("tenant.default.job.72.progress", five_fields("running")),
            ("tenant.other.job.71.progress", five_fields("running")),
            ("tenant.default.job.71.progress", five_fields("completed")),
        )
        message = json.loads(socket.recv(timeout=DEADLINE))
        assert (message["jobId"], message["payload"]["status"]) == (71, "completed")


# ---------------------------------------------------------------- bad input, and nobody else notices


@pytest.mark.parametrize(
    "case", ["none", "garbage", "expired", "other secret", "no exp", "other tenant"]
)
def test_a_bad_token_is_answered_401_before_the_upgrade(product: Product, case: str) -> None:
    import jwt

    soon = int(time.time()) + 600
    tokens = {
        "none": None,
        "garbage": "not.a.token",
        "expired": product.token(exp=int(time.time()) - 60),
        "other secret": jwt.encode({"exp": soon}, "x" * 32, algorithm="HS256"),
        "no exp": product.token(exp=None),
        "other tenant": product.token(tenant_id="somebody-else"),
    }
    with pytest.raises(InvalidStatus) as refused, product.websocket(token=tokens[case]):
        pass
    assert refused.value.response.status_code in ((401, 403) if case == "other tenant" else (401,))
    token = tokens[case]
    answer = product.get("/api/jobs", token=token)
    assert answer.status in (401, 403)
    assert (answer.header("Content-Type") or "").startswith("application/problem+json")


def test_a_request_that_makes_no_sense_is_answered_and_the_socket_lives_on(
    product: Product,
) -> None:
    with product.websocket() as socket:
        subscribe(socket, 5)
        for nonsense in (
            "not json",
            "[1, 2]",
            '{"action":"dance"}',
            '{"action":"subscribe"}',
            '{"action":"subscribe","jobId":"five"}',
            "[" * 2000,
        ):
            socket.send(nonsense)
            error = next_of_type(socket, "error")
            assert error["code"], nonsense
            assert error["message"], nonsense
        publish(product, ("tenant.default.job.5.progress", five_fields("completed")))
        assert progress_until(socket, 1, "completed")


def test_a_message_over_4096_bytes_ends_its_own_socket_only(product: Product) -> None:
    with product.websocket() as other:
        subscribe(other, 6)
        with product.websocket() as socket:
            socket.send("x" * 4097)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=DEADLINE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        with product.websocket() as socket:
            padded = '{"action":"subscribe","jobId":6}'
            socket.send(padded + " " * (4096 - len(padded)))
            publish(product, ("tenant.default.job.6.progress", five_fields("completed")))
            assert progress_until(socket, 1, "completed")
        assert progress_until(other, 1, "completed")


def test_malformed_payloads_and_subjects_on_nats_disturb_nobody(product: Product) -> None:
    subject = "tenant.default.job.8.progress"
    bad = [
        (subject, b""),
        (subject, b"not json"),
        (subject, b"\xff\xfe\x00"),
        (subject, b"[]"),
        (subject, b"[" * 20_000),
        (subject, b'{"nodeId":"one","status":"running"}'),
        (subject, b'{"nodeId":1,"nodeName":"x","status":"dancing","rowCount":1,"message":""}'),
        ("tenant.default.job.eight.progress", five_fields("running")),
        ("tenant.default.job.-8.progress", five_fields("running")),
        ("tenant.default.job.99999999999999999999999.progress", five_fields("running")),
    ]
    with product.websocket() as socket:
        subscribe(socket, 8)
        publish(product, (subject, five_fields("running", 1)))
        assert json.loads(socket.recv(timeout=DEADLINE))["payload"]["rowCount"] == 1
        publish(product, *bad, (subject, five_fields("completed", 12)))
        message = json.loads(socket.recv(timeout=DEADLINE))
    assert message["payload"]["rowCount"] == 12
    eventually(
        lambda: subject in product.log(), what="the log names the subject of what was dropped"
    )
    assert product.get("/readyz", token=None).status == 200


def errors_of(product: Product, document: dict[str, Any]) -> str:
    """What executing this graph is refused with, wherever on the way: 422 and its body."""
    answer = product.post("/api/jobs", document)
    if answer.status == 201:
        answer = product.post(f"/api/jobs/{answer.json()['id']}/execute")
    assert answer.status == 422, answer
    assert (answer.header("Content-Type") or "").startswith("application/problem+json")
    return json.dumps(answer.json())


def test_a_cyclic_graph_and_an_unknown_node_type_are_refused_by_name(product: Product) -> None:
    cyclic = orders_job()
    cyclic["graph"]["edges"] = [{"from": 2, "to": 3}, {"from": 3, "to": 2}]
    assert "cycl" in errors_of(product, cyclic).lower()
    unknown = orders_job()
    unknown["graph"]["nodes"][1]["type"] = "teleport"
    assert "teleport" in errors_of(product, unknown)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"db_input": {"connection": "sqlite:///orders.db", "table": "no_such_table"}},
            "no_such_table",
        ),
        ({"filter": {"condition": "no_such_column > 1"}}, "no_such_column"),
    ],
)
def test_a_missing_table_or_column_fails_the_run_with_its_name(
    product: Product, changed: dict[str, Any], reason: str
) -> None:
    job_id = product.create_job(orders_job(**changed))
    done = execute_script(product, str(job_id), "--watch")
    assert done.returncode == 1, done.stdout + done.stderr
    run = product.get(f"/api/runs/{done.stdout.split()[0]}").json()
    assert run["status"] == "failed"
    failed = [node for node in run["nodes"] if node["status"] == "failed"]
    assert any(reason in node["message"] for node in failed), run
    assert reason in (run["reason"] or ""), run
    assert not any(node["status"] == "running" for node in run["nodes"])


# ---------------------------------------------------------------- the end of it all


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_stop_tells_the_clients_and_leaves_no_process_behind(
    start_product: StartProduct, worker_class: str
) -> None:
    product = start_product(worker_class=worker_class)
    with product.websocket() as socket:
        subscribe(socket, 1)
        assert product.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=DEADLINE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001
    assert eventually(lambda: not product.left_over(), what="no process is left")
