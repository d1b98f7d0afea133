"""Webhooks of the whole product: made over HTTP, told of a real run, verified as the docs say, and silent in logs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.described.checking import Checker
from tests.harness import ROOT, Answer, Product, eventually, free_port, running_product
from tests.jobs.webhooks.receivers import Receiver, receiving

DOCS = (ROOT / "docs/webhooks.md").read_text()
LOCAL = "127.0.0.1"
READ_FAILS = {
    "nodes": [
        {"id": 1, "name": "In", "type": "csv_input", "config": {"path": "nowhere.csv"}},
        {"id": 2, "name": "Out", "type": "csv_output", "config": {"path": "out.csv"}},
    ],
    "edges": [{"from": 1, "to": 2}],
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("webhooks") / "data"
    ours = {"SAMPLE_ORDERS": "0", "WEBHOOK_PRIVATE_HOSTS": LOCAL, "WEBHOOK_RETRY_WAIT": "1"}
    more = {"TENANT_ID": "*", "LOG_LEVEL": "debug", "ACCESS_LOG": "on", "MAX_WEBHOOKS": "5"}
    with running_product(data_dir, shop_database, **ours, **more) as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def block(language: str) -> str:
    mark = f"<!-- tests/jobs/webhooks/test_product.py runs this block -->\n```{language}\n"
    found = re.search(re.escape(mark) + "(.*?)```", DOCS, re.S)
    assert found
    return found[1]


def check(product: Product, name: str, event: Any) -> None:
    """Asserts that the server's description of itself has what it posted."""
    described = product.get("/openapi.json", token=None).json()
    body = described["webhooks"][name]["post"]["requestBody"]
    Checker(described).check(body["content"]["application/json"]["schema"], event)


def asking(product: Product, tenant_id: str) -> Callable[..., Answer]:
    token = product.token(tenant_id=tenant_id)
    return lambda method, path, body=None: product.request(method, path, body, token=token)


def settled(ask: Callable[..., Answer], webhook: str, delivery: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = ask("GET", f"{webhook}/deliveries/{delivery}").json()
        return None if found["status"] == "waiting" else found

    return eventually(look, 60.0)


def test_a_real_run_that_fails_is_told_signed_as_the_docs_say(
    product: Product, receiver: Receiver, tmp_path: Path
) -> None:
    ask = asking(product, "acme")
    job_id = ask("POST", "/api/jobs", {"name": "Orders", "graph": READ_FAILS}).json()["id"]
    body = {"url": receiver.url, "ends": ["failed", "recovered"], "jobId": job_id}
    made = ask("POST", "/api/webhooks", body)
    assert made.status == 201, made
    secret, one = made.json()["secret"], f"/api/webhooks/{made.json()['id']}"
    assert made.headers["Location"] == one
    run_id = ask("POST", f"/api/jobs/{job_id}/execute").json()["runId"]
    eventually(lambda: receiver.received, 60.0)
    [received] = receiver.received
    event = json.loads(received.body)
    assert event["type"] == "run.failed"
    check(product, "runEnded", event)
    assert event["data"]["runId"] == run_id
    assert event["data"]["failedNodes"] == [{"nodeId": 1, "nodeName": "In"}]
    assert b"nowhere" not in received.body, "what the page says of it stays here"

    names: dict[str, Any] = {}
    exec(block("python"), names)
    assert names["is_ours"](secret, received.headers, received.body)
    assert not names["is_ours"](secret, received.headers, received.body + b" ")
    file = tmp_path / "body"
    for content, code in ((received.body, 0), (received.body + b" ", 1)):
        file.write_bytes(content)
        parts = [secret, received.id, received.headers["webhook-timestamp"]]
        given = [*parts, received.headers["webhook-signature"], str(file)]
        script = f'{block("bash")}\nis_ours "$@"'
        done = subprocess.run(["bash", "-c", script, "bash", *given], capture_output=True)
        assert done.returncode == code, done

    page = ask("GET", f"{one}/deliveries").json()
    assert [d["runId"] for d in page["deliveries"]] == [run_id]
    again = ask("POST", f"{one}/deliveries/{received.id}/replay")
    assert again.status == 202
    eventually(lambda: len(receiver.received) == 2)
    assert receiver.received[1].id == received.id
    assert ask("DELETE", f"/api/jobs/{job_id}").status == 204
    assert ask("GET", one).status == 404, "it went with its job"


def test_a_test_tells_how_it_went_and_no_log_holds_a_secret_or_a_path(
    product: Product, receiver: Receiver
) -> None:
    ask, stranger = asking(product, "acme"), asking(product, "other")
    url = receiver.url + "/services/T0/very-secret-path?key=very-secret-key"
    made = ask("POST", "/api/webhooks", {"url": url, "ends": ["lost"], "form": "slack"}).json()
    one = f"/api/webhooks/{made['id']}"
    tried = ask("POST", f"{one}/test").json()
    assert settled(ask, one, tried["id"])["answer"] == 204
    said = json.loads(receiver.received[0].body)
    assert said["text"].startswith("This is a test")
    check(product, "tried", said)
    changed = ask("POST", f"{one}/secret").json()
    shown = [ask("GET", one).body, ask("GET", "/api/webhooks").body]
    away = f"http://127.0.0.1:{free_port()}/very-secret-path"
    assert ask("PUT", one, {"url": away, "ends": ["lost"]}).status == 200
    failed = settled(ask, one, ask("POST", f"{one}/test").json()["id"])
    assert (failed["status"], failed["answer"], failed["attempts"]) == ("failed", None, 1)
    assert failed["error"] == "it cannot be reached: Connection refused"
    for secret in (made["secret"], changed["secret"]):
        assert not [answer for answer in shown if secret.encode() in answer]
        assert secret not in product.log_tail(100_000)
    assert "very-secret" not in product.log_tail(100_000)
    assert stranger("GET", one).status == stranger("DELETE", one).status == 404
    assert stranger("GET", "/api/webhooks").json() == {"webhooks": []}
    assert ask("DELETE", one).status == 204
    assert ask("GET", f"{one}/deliveries").status == 404


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"url": "http://169.254.169.254/latest"},
            "url is refused: 169.254.169.254 has the private",
        ),
        ({"url": "http://0x7f000002:8080/"}, "url is refused"),
        ({"url": "https://me:word@a.b/"}, "url holds a user or password"),
        ({"url": 5}, "url must be"),
        ({"ends": []}, "ends must be a list"),
        ({"ends": ["failed", "fail"]}, "ends holds 'fail', and may hold completed"),
        ({"ends": [["failed"]]}, "ends holds"),
        ({"form": "teams"}, "form must be one of standard, slack"),
        ({"jobId": "1"}, "jobId must be"),
        ({"jobID": 1}, "jobID is no member"),
        ({"enabled": False}, "enabled is no member"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    product: Product, change: dict[str, Any], sentence: str
) -> None:
    body = {"url": "https://hooks.example/x", "ends": ["failed"], **change}
    answer = asking(product, "careless")("POST", "/api/webhooks", body)
    assert answer.status == 422
    assert answer.json()["detail"].startswith(sentence), answer


def test_a_job_that_is_not_there_and_one_webhook_too_many_are_refused(product: Product) -> None:
    ask = asking(product, "many")
    body = {"url": "https://hooks.example/x", "ends": ["failed"]}
    assert ask("POST", "/api/webhooks", {**body, "jobId": 10**12}).status == 404
    for _ in range(5):
        assert ask("POST", "/api/webhooks", body).status == 201
    answer = ask("POST", "/api/webhooks", body)
    assert answer.status == 409
    assert "has 5 webhooks already" in answer.json()["detail"]
