"""A token's scope is asked for on every route and by every action: a row for each, and none missing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from app import create_app
from realtime.clients.actions import NEEDED_SCOPE, Action
from settings import Settings
from settings.shared import SCOPES
from tests.harness import DEADLINE, Product, running_product
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe, text
from web.callers.tokens import LEEWAY

READ, WRITE, EXECUTE = "jobs:read", "jobs:write", "jobs:execute"
GRAPH = {
    "nodes": [
        {"id": 1, "type": "csv_input", "config": {"path": "in.csv"}},
        {"id": 2, "type": "csv_output", "config": {"path": "out.csv"}},
    ],
    "edges": [{"from": 1, "to": 2}],
}
JOB = {"name": "a job", "graph": GRAPH}
WEBHOOK = {"url": "https://example.com/hook", "ends": ["failed"]}
NEEDS: dict[tuple[str, str], tuple[str, object]] = {
    ("GET", "/api/node-types"): (READ, None),
    ("GET", "/api/functions"): (READ, None),
    ("GET", "/api/gallery"): (READ, None),
    ("GET", "/api/jobs"): (READ, None),
    ("POST", "/api/jobs"): (WRITE, JOB),
    ("POST", "/api/jobs/validate"): (READ, {"graph": GRAPH}),
    ("POST", "/api/jobs/preview"): (EXECUTE, {"graph": GRAPH, "nodeId": 7}),
    ("POST", "/api/jobs/find-types"): (EXECUTE, {"graph": GRAPH, "nodeId": 7}),
    ("POST", "/api/jobs/columns"): (EXECUTE, {"graph": GRAPH}),
    ("POST", "/api/tables"): (EXECUTE, {"connection": "../x"}),
    ("GET", "/api/jobs/<int:job_id>"): (READ, None),
    ("PUT", "/api/jobs/<int:job_id>"): (WRITE, JOB),
    ("DELETE", "/api/jobs/<int:job_id>"): (WRITE, None),
    ("POST", "/api/jobs/<int:job_id>/execute"): (EXECUTE, None),
    ("GET", "/api/jobs/<int:job_id>/runs"): (READ, None),
    ("GET", "/api/runs"): (READ, None),
    ("GET", "/api/runs/<run_id>"): (READ, None),
    ("DELETE", "/api/runs/<run_id>"): (WRITE, None),
    ("POST", "/api/runs/<run_id>/cancel"): (EXECUTE, None),
    ("GET", "/api/runs/<run_id>/log"): (READ, None),
    ("GET", "/api/runs/<run_id>/program"): (READ, None),
    ("GET", "/api/runs/<run_id>/history"): (READ, None),
    ("GET", "/api/runs/<run_id>/events"): (READ, None),
    ("GET", "/api/runs/<run_id>/wait"): (READ, None),
    ("GET", "/api/webhooks"): (WRITE, None),
    ("POST", "/api/webhooks"): (WRITE, WEBHOOK),
    ("GET", "/api/webhooks/<webhook_id>"): (WRITE, None),
    ("PUT", "/api/webhooks/<webhook_id>"): (WRITE, WEBHOOK),
    ("DELETE", "/api/webhooks/<webhook_id>"): (WRITE, None),
    ("POST", "/api/webhooks/<webhook_id>/secret"): (WRITE, None),
    ("POST", "/api/webhooks/<webhook_id>/test"): (WRITE, None),
    ("GET", "/api/webhooks/<webhook_id>/deliveries"): (WRITE, None),
    ("GET", "/api/webhooks/<webhook_id>/deliveries/<delivery_id>"): (WRITE, None),
    ("POST", "/api/webhooks/<webhook_id>/deliveries/<delivery_id>/replay"): (WRITE, None),
    ("GET", "/api/files"): (EXECUTE, None),
    ("GET", "/api/files/<path:path>"): (EXECUTE, None),
    ("PUT", "/api/files/<path:path>"): (WRITE, b"content"),
    ("GET", "/api/runs/<run_id>/outputs/<int:node_id>"): (EXECUTE, None),
    ("GET", "/api/runs/<run_id>/kept/<int:node_id>"): (EXECUTE, None),
    ("GET", "/api/usage"): (READ, None),
    ("GET", "/api/room"): (READ, None),
}
OPEN_TO_ALL = {
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/<path:filename>",
    "/static-<version>/<path:filename>",
    "/ws",
}
OPEN_TO_ALL |= {"/api/session"}  # asks for no scope: tests/web/test_sessions.py
OPEN_TO_ALL |= {"/docs", "/openapi.json", "/asyncapi.json"}


def path_of(rule: str) -> str:
    return re.sub(r"<(path:)?\w+>", "none", re.sub(r"<int:\w+>", "999", rule))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("scopes") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", RUNNER="off") as product:
        yield product


def test_the_table_has_every_route_that_there_is(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path), "NATS_URL": "nats://127.0.0.1:1"}
    rules = list(create_app(Settings.from_env(environ)).url_map.iter_rules())
    found = {
        (method, rule.rule)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in OPEN_TO_ALL
    }
    assert found == set(NEEDS)
    assert {rule.rule for rule in rules} >= OPEN_TO_ALL


@pytest.mark.parametrize(("method", "rule"), NEEDS)
def test_a_route_asks_for_its_scope_and_for_no_other(
    product: Product, method: str, rule: str
) -> None:
    needed, body = NEEDS[method, rule]
    path = path_of(rule)
    assert product.request(method, path, body, token=None).status == 401
    for scope in ("", *SCOPES - {needed}, " ".join(SCOPES - {needed}), needed.upper(), "jobs:*"):
        answer = product.request(method, path, body, token=product.token(scope=scope))
        assert answer.status == 403, (scope, answer)
        assert needed in answer.json()["detail"]
    answer = product.request(method, path, body, token=product.token(scope=f"openid {needed}"))
    assert answer.status not in (401, 403), answer


def test_a_head_asks_for_the_scope_of_its_get(product: Product) -> None:
    answer = product.request("HEAD", "/api/jobs", token=product.token(scope=WRITE))
    assert answer.status == 403


# ---------------------------------------------------------------- the socket


def test_the_table_of_actions_has_every_action() -> None:
    assert set(NEEDED_SCOPE) == set(get_args(Action))


def test_who_may_not_read_is_told_so_and_sees_nothing(product: Product) -> None:
    with Raw(product, token=product.token(scope=f"{WRITE} {EXECUTE}")) as client:
        client.send(subscribe(5))
        answer = client.message()
        assert answer["code"] == "forbidden"
        assert READ in answer["message"]
        publish(product, (progress_subject(5), progress(1)))
        client.send(text('{"action":"echo"}'))
        assert client.message()["code"] == "unknown_action", "and no progress before it"


def test_a_new_token_can_give_the_scope_but_not_take_it_from_what_is_watched(
    product: Product,
) -> None:
    with Raw(product, token=product.token(scope=WRITE)) as client:
        renew(client, product.token(scope=READ))
        client.send(subscribe(6))
        publish(product, (progress_subject(6), progress(2)))
        assert client.message()["payload"]["rowCount"] == 2
        renew(client, product.token(scope=WRITE))
        answer = client.message()
        assert answer["code"] == "bad_token"
        assert READ in answer["message"]


def renew(client: Raw, token: str) -> None:
    client.send(text(json.dumps({"action": "auth", "token": token})))


@pytest.mark.parametrize("kind", ["events", "wait"])
def test_following_a_run_ends_with_the_token(product: Product, kind: str) -> None:
    run_id = product.execute(product.create_job(JOB))  # no runner takes it
    token = product.token(exp=time.time() - LEEWAY + 4)
    began = time.monotonic()
    answer = product.get(f"/api/runs/{run_id}/{kind}", token=token, timeout=DEADLINE)
    assert answer.status == 200
    assert time.monotonic() - began < 30
    lines = answer.body.decode().strip().splitlines()
    assert '"status": "queued"' in lines[0]
    assert "the token has expired" in lines[-1]
    if kind == "events":
        assert lines[-1].startswith(":"), "a comment, which no onmessage hears"
    else:
        assert json.loads(lines[-1])["code"] == "token_expired"
    assert product.get(f"/api/runs/{run_id}/{kind}", token=token).status == 401
    assert product.get(f"/api/runs/{run_id}").json()["status"] == "queued"
    assert product.post(f"/api/runs/{run_id}/cancel").status == 200
