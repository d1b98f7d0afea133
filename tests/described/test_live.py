"""A whole server against its own descriptions: generated requests, real runs, and every message on NATS and a WebSocket."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from described.openapi import operations_in
from jobs.graph.gallery import ORDER_REPORT
from jobs.work.log_questions import log_subject, question
from jobs.work.preview_questions import kept_subject, preview_subject
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link, Message
from progress_lib.subjects import progress_subject, status_subject
from tests.described.checking import Answers, Messages
from tests.harness import DEADLINE, Product, eventually, linked, running_product

JOB_ELSEWHERE = 900_001  # a job of a publisher that is not ours
SEED, EXAMPLES = "20261127", "4"  # the same requests each time, few of each kind


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("described") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="2000") as product:
        yield product


def new_job(server: Product) -> int:
    """A job of the test's own: generated requests change and delete those that are there."""
    return server.create_job(ORDER_REPORT.document())


def document(server: Product, path: str) -> dict[str, Any]:
    answer = server.get(path, token=None)
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def answers(server: Product) -> Answers:
    return Answers(document(server, "/openapi.json"))


@pytest.fixture(scope="module")
def messages(server: Product) -> Messages:
    return Messages(document(server, "/asyncapi.json"))


# ---- what is open, and what asks for which scope


def test_each_route_asks_for_the_scope_that_the_document_names(
    server: Product, answers: Answers
) -> None:
    scopes = {"jobs:read", "jobs:write", "jobs:execute"}
    checked = 0
    for method, path, operation in operations_in(answers.document):
        needs = [need["bearer"] for need in operation["security"] if need.get("bearer")]
        if not needs:
            continue
        [[scope]] = needs
        here = re.sub(r"{\w+}", "1", path)
        assert server.request(method, here, token=None).status == 401, path
        others = server.token(scope=" ".join(scopes - {scope}))
        refused = server.request(method, here, token=others)
        assert refused.status == 403, path
        assert scope in refused.json()["detail"], path
        checked += 1
    assert checked > 20


def test_the_page_of_the_descriptions_needs_no_token_and_no_other_host(
    server: Product, answers: Answers, messages: Messages
) -> None:
    page = server.get("/docs", token=None)
    text = page.body.decode()
    assert "<script" not in text
    for link in set(re.findall(r'(?:href|src)="([^"]+)"', text)):
        assert "//" not in link
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
            continue
        assert server.get(f"/{link.removeprefix('./')}", token=None).status == 200, link
    told = [f"{method} {path}" for method, path, _ in operations_in(answers.document)]
    told += [channel["address"] for channel in messages.document["channels"].values()]
    told += [
        *messages.document["components"]["messages"],
        *answers.document["components"]["schemas"],
    ]
    told += messages.document["channels"]["websocket"]["x-close-codes"]
    assert [one for one in told if f">{one}<" not in text] == []


# ---- HTTP


def check(server: Product, answers: Answers, path: str) -> bytes:
    found = server.get(path)
    content_type = {name.lower(): value for name, value in found.headers.items()}["content-type"]
    answers.check_answer("GET", path.partition("?")[0], found.status, content_type, found.body)
    return found.body


def test_what_is_told_of_a_real_run_is_as_the_document_says(
    server: Product, answers: Answers
) -> None:
    run_id = server.execute(new_job(server))
    for line in check(server, answers, f"/api/runs/{run_id}/wait?more=1").splitlines():
        answers.check_event(json.loads(line))
    assert server.run_end(run_id)["status"] == "completed"
    told = check(server, answers, f"/api/runs/{run_id}/events").decode()
    for event in told.strip().split("\n\n"):
        answers.check_event(json.loads(event.partition("data: ")[2]))
    for path in ("", "/log", "/log?format=text", "/program", "/program?format=json", "/history"):
        check(server, answers, f"/api/runs/{run_id}{path}")
    listed = ("/api/runs", "/api/jobs?runs=5", f"/api/jobs/{new_job(server)}", "/api/usage")
    for path in (*listed, "/healthz", "/readyz", "/metrics", "/", "/docs"):
        check(server, answers, path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_generated_requests_get_answers_that_the_document_has(
    server: Product, tmp_path: Path
) -> None:
    """Schemathesis makes them of the document itself: right ones and wrong ones, for each route."""
    job_id = new_job(server)
    run_id = server.execute(job_id)
    assert server.run_end(run_id)["status"] == "completed"
    (tmp_path / "schemathesis.toml").write_text(KNOWN.format(job_id=job_id, run_id=run_id))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {server.token()}"),
        *("--seed", SEED, "--max-examples", EXAMPLES, "--phases", "coverage,fuzzing"),
        *("--exclude-path-regex", "^/(ws|static/.*|docs|)$", "--request-timeout", "30"),
        *("--checks", CHECKS, "--no-color", "--continue-on-failure"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=270)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert server.is_ready()


# Ids that are there; jobs of its own it finds by the Location of those that it makes
KNOWN = """
[parameters]
"path.run_id" = "{run_id}"

[[operations]]
include-path = "/api/jobs/{{job_id}}/execute"
parameters = {{ "path.job_id" = {job_id} }}
"""
CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "ignored_auth",
    )
)


# ---- messages


class Heard:
    """All that is said on NATS beside what NATS says itself, and what a browser is told."""

    def __init__(self, link: Link, socket: ClientConnection) -> None:
        self.on_nats: list[Message] = []
        self.in_browser: list[dict[str, Any]] = []
        self._socket = socket
        link.subscribe(">", self._note)
        assert link.flush(DEADLINE)

    def _note(self, message: Message) -> None:
        if message.subject[0] not in "$_":
            self.on_nats.append(message)

    def say(self, **request: Any) -> None:
        self._socket.send(json.dumps(request))

    def until(self, is_last: Any) -> None:
        """Reads what the browser is told until a message is `is_last`."""
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            self.in_browser.append(json.loads(self._socket.recv(timeout=60.0)))
            if is_last(self.in_browser[-1]):
                return
        raise AssertionError(f"not told: {self.in_browser[-3:]}")


def preview(server: Product, link: Link, question: dict[str, Any]) -> list[dict[str, Any]]:
    """What a runner answers, from "taken" to the last word."""
    said: queue.SimpleQueue[Message] = queue.SimpleQueue()
    inbox = link.new_inbox()
    link.subscribe(inbox, said.put)
    link.publish(preview_subject(server.tenant_id), json.dumps(question).encode(), inbox)
    return [json.loads(said.get(timeout=30.0).payload) for _ in range(2)]


def test_each_message_of_a_real_day_is_in_the_document(
    server: Product, answers: Answers, messages: Messages
) -> None:
    job_id = new_job(server)
    graph = server.get(f"/api/jobs/{job_id}").json()["graph"]
    with linked(server.nats_url) as link, server.websocket() as socket:
        heard = Heard(link, socket)
        heard.say(action="subscribe", jobId="*")
        heard.say(action="subscribe", jobId=job_id, more=True)
        heard.say(action="subscribe", jobId=JOB_ELSEWHERE, more=True)
        heard.say(action="watch")
        heard.until(lambda told: told["type"] == "error")
        elsewhere = {
            "nodeId": 1,
            "nodeName": "Load",
            "status": "running",
            "rowCount": 1,
            "message": "",
        }
        link.publish(
            progress_subject(server.tenant_id, JOB_ELSEWHERE), json.dumps(elsewhere).encode()
        )
        heard.until(lambda told: told["type"] == "job.seen")
        own = {"runId": "nightly", "status": "running", "ts": time.time(), "aliveEvery": 60}
        link.publish(status_subject(server.tenant_id, JOB_ELSEWHERE), json.dumps(own).encode())
        run_id = server.execute(job_id)
        server.post(f"/api/runs/{run_id}/cancel")
        server.run_end(run_id)
        ended: Any = SimpleNamespace(tenant_id=server.tenant_id, run_id=run_id)
        RunQueue(link).tell_cancel(ended)
        link.publish(log_subject(ended), question(0))
        run_id = server.execute(job_id)
        heard.until(lambda told: is_end(told, run_id))
        part = {**graph, "nodes": graph["nodes"][:1], "edges": []}
        assert server.request("PUT", "/api/files/day.csv", b"id\n1\n").status == 201
        check(server, answers, "/api/files")
        check(server, answers, "/api/files/day.csv")
        told = preview(server, link, {"graph": part, "last": [[part["nodes"][0]["id"], None]]})
        eventually(lambda: any(is_end(told, run_id) for told in on_nats(heard)))
        ask_for_a_tag(server, link, graph)
        about_kept = json.dumps({"run": run_id, "look": [1]}).encode()
        link.publish(kept_subject(server.tenant_id, "nowhere"), about_kept)
        gone = new_job(server)
        assert server.request("DELETE", f"/api/jobs/{gone}").status == 204
        ends = {"preview.nobody", "kept.nowhere", f"job.{gone}.deleted"}
        eventually(lambda: ends <= {m.subject.split(".", 2)[-1] for m in heard.on_nats})

    found = {messages.name_of("websocket", told, "send") for told in heard.in_browser}
    assert found == {message["name"] for message in messages.of_channel("websocket", "send")}
    said = {
        (channel := messages.channel_of(m.subject), name_on(messages, channel, m))
        for m in heard.on_nats
    }
    channels = messages.document["channels"].items()
    of_nats = {name for name, channel in channels if "nats" in channel["servers"][0]["$ref"]}
    assert {channel for channel, _ in said} == of_nats
    assert {messages.name_of("preview", each, "reply") for each in told} == {"PreviewAnswer"}
    assert (told[0], "columns" in told[1]) == ({"taken": True}, True)


def ask_for_a_tag(server: Product, link: Link, graph: dict[str, Any]) -> None:
    """A run and a preview of a job whose tag no runner has."""
    tagged = server.create_job({"name": "tagged", "graph": {**graph, "runnerTag": "nobody"}})
    server.post(f"/api/runs/{server.execute(tagged)}/cancel")
    asked = {"graph": {**graph, "edges": []}, "last": [[1, None]]}
    link.publish(preview_subject(server.tenant_id, "nobody"), json.dumps(asked).encode())


def name_on(messages: Messages, channel: str, message: Message) -> str:
    payload = message.payload.decode()
    if channel == "transfer":  # JSON on a line, and bytes
        return messages.name_of(channel, payload, "send", "receive")
    return messages.name_of(channel, json.loads(payload) if payload else "", "send", "receive")


def on_nats(heard: Heard) -> Iterator[dict[str, Any]]:
    for message in list(heard.on_nats):
        if message.subject.endswith(".status"):
            yield {"type": "job.status", "payload": json.loads(message.payload)}


def is_end(told: dict[str, Any], run_id: str) -> bool:
    told_end = (
        told["type"],
        told.get("payload", {}).get("runId"),
        told.get("payload", {}).get("status"),
    )
    return told_end == ("job.status", run_id, "completed")
