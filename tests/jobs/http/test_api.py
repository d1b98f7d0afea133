"""The HTTP API over a real store and a real queue; only the token check is a stand-in."""

import functools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.exceptions import Unauthorized
from werkzeug.test import TestResponse

from described import events
from described.openapi import document
from jobs.http.api import create_blueprint, operations
from jobs.http.files import operations as file_operations
from jobs.http.kept import operations as kept_operations
from jobs.http.parts import ApiParts
from jobs.http.problems import register
from jobs.http.runs.follow import MAX_FOLLOWERS
from jobs.http.schemas import SCHEMAS
from jobs.http.webhooks import documents as webhook_documents
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, NewRun, Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link
from progress_lib.subjects import progress_subject
from settings import Settings
from settings.defaults import RequestLimits
from tests.described.checking import FOLLOWED, Answers
from tests.harness import NatsServer, eventually, linked, plain_nats
from tests.jobs.conftest import TENANT, Heard, StartRunner, node_state

ME = ProcessIdentity("here", 1, 2)
SAMPLE: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "csv_input", "name": "In", "config": {"path": "in.csv"}},
        {"id": 2, "type": "csv_output", "name": "Out", "config": {"path": "out.csv"}},
    ],
    "edges": [{"from": 1, "to": 2}],
}
JETSTREAM_FOR_OTHERS = """
jetstream: enabled
accounts { A { users: [{user: a, password: a}], jetstream: disabled } }
no_auth_user: a
"""
CYCLIC = {**SAMPLE, "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 1}]}


@dataclass(frozen=True)
class FakeBearer:
    tenant_id: str
    expires_at: float
    subject: str
    only_run: str | None = None


def authenticate(scope: str) -> FakeBearer:
    """The tenant is the token; a token "nobody" is refused."""
    token = request.headers.get("Authorization", f"Bearer {TENANT}").removeprefix("Bearer ")
    if token == "nobody":
        raise Unauthorized(f"a token with scope {scope} is needed")
    return FakeBearer(token, float("inf"), request.headers.get("X-Subject", ""))


@functools.cache
def described() -> Answers:
    """The OpenAPI document of these routes."""
    app = Flask(__name__, static_folder=None)
    nowhere: Any = Mock()  # what is described is not called
    settings = Settings.from_env({})
    parts = ApiParts(nowhere, nowhere, nowhere, authenticate, settings)
    app.register_blueprint(create_blueprint(parts))
    every = {
        **events.SCHEMAS,
        **SCHEMAS,
        **file_operations.SCHEMAS,
        **kept_operations.SCHEMAS,
        **webhook_documents.SCHEMAS,
    }
    return Answers(document(app.url_map, operations(), every))


def test_runners_of_another_installation_are_asked_nothing() -> None:
    """A server that had started while NATS was away read and replaced files of the other one's."""
    app = Flask(__name__, static_folder=None)
    others: Any = Mock()
    app.register_blueprint(
        create_blueprint(
            ApiParts(
                *(others, others, others, authenticate, Settings.from_env({})),
                why_not_ours=lambda: "the stream RUNS belongs to another installation",
            )
        )
    )
    client = app.test_client()
    graph = {"graph": SAMPLE, "nodeId": 1}
    for answer in (
        client.get("/api/files"),
        client.get("/api/files/a.csv"),
        client.put("/api/files/a.csv", data=b"x"),
        client.post("/api/jobs/preview", json=graph),
    ):
        assert answer.status_code == 503, answer.data
        assert b"belongs to another installation" in answer.data
    assert not others.request.called
    assert not others.publish.called


class CheckedClient(FlaskClient):
    """Holds each answer that a test gets against the OpenAPI document."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        found = super().open(*args, **options)
        is_followed = found.mimetype in FOLLOWED
        body = b"" if is_followed else found.data
        asked = found.request
        described().check_answer(
            asked.method, asked.path, found.status_code, found.content_type, body
        )
        return found


def new_app(store: Store, link: Link, data_dir: Path) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.test_client_class = CheckedClient
    settings = Settings.from_env({"DATA_DIR": str(data_dir), "TENANT_ID": TENANT})
    parts = ApiParts(store, RunQueue(link), link, authenticate, settings)
    app.register_blueprint(create_blueprint(parts))
    register(app)
    return app


@pytest.fixture
def client(store: Store, link: Link, data_dir: Path) -> FlaskClient:
    return new_app(store, link, data_dir).test_client()


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The problem document of an answer with this status."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    document = answer.get_json(force=True)
    assert document["status"] == status
    assert document["detail"]
    return dict(document)


def new_job(client: FlaskClient, graph: dict[str, Any] = SAMPLE) -> int:
    answer = client.post("/api/jobs", json={"name": "a job", "graph": graph})
    assert answer.status_code == 201, answer.text
    return int(answer.get_json()["id"])


def execute(client: FlaskClient, job_id: int, **options: Any) -> str:
    answer = client.post(f"/api/jobs/{job_id}/execute", **options)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["runId"])


def started(store: Store, run_id: str) -> Run:
    taken = store.start_run(TENANT, run_id, ME)
    assert taken is not None
    return taken.run


# ---- jobs


def test_a_job_is_created_read_replaced_listed_and_deleted(client: FlaskClient) -> None:
    created = client.post("/api/jobs", json={"name": "Ü 🚀", "graph": SAMPLE})
    location = created.headers["Location"]
    assert client.get(location).get_json() == created.get_json()
    assert created.get_json()["graph"] == SAMPLE
    replaced = client.put(location, json={"name": "new", "graph": CYCLIC})
    assert replaced.get_json()["name"] == "new"
    listed = client.get("/api/jobs").get_json()["jobs"]
    assert [(job["id"], job["name"]) for job in listed] == [(created.get_json()["id"], "new")]
    assert client.delete(location).status_code == 204
    problem(client.get(location), 404)


def test_validate_names_every_error_and_its_node(client: FlaskClient) -> None:
    bad = {
        "nodes": [{"id": 1, "type": "teleport", "name": "x", "config": {}}, *CYCLIC["nodes"][1:]]
    }
    answer = client.post("/api/jobs/validate", json={"graph": bad})
    assert answer.status_code == 200, "a graph that is half made is no failure of the request"
    found = answer.get_json()
    assert (found["valid"], found["errorCount"]) == (False, len(found["errors"]))
    assert any(e["nodeId"] == 1 and "teleport" in e["message"] for e in found["errors"])
    good = client.post("/api/jobs/validate", json={"graph": SAMPLE})
    assert good.get_json() == {"valid": True, "errors": []}


def test_the_functions_are_served(client: FlaskClient) -> None:
    functions = client.get("/api/functions").get_json()["functions"]
    assert {f["name"]: f["signature"] for f in functions}["round"] == "round(x[, digits])"
    assert all(f["group"] and f["help"] and f["example"] and f["gives"] for f in functions)


def test_each_job_of_the_gallery_can_be_made(client: FlaskClient) -> None:
    jobs = client.get("/api/gallery").get_json()["jobs"]
    assert len({job["name"] for job in jobs}) == 5
    for job in jobs:
        made = client.post("/api/jobs", json=job)
        assert made.status_code == 201, made.get_json()
        assert made.get_json()["graph"] == job["graph"]


def test_the_node_types_are_served(client: FlaskClient) -> None:
    names = {t["name"] for t in client.get("/api/node-types").get_json()["nodeTypes"]}
    assert {"db_input", "db_output", "csv_input", "csv_output", "filter", "map"} <= names


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800", "graph": {}}', "application/json", 400),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"name": "a", "name": "b", "graph": {}}', "application/json", 400),
        (b'{"n": 1' + b"0" * 10_000 + b"}", "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b'{"name": "' + b"x" * RequestLimits().body_bytes + b'"}', "application/json", 413),
        (b'{"name": "", "graph": {}}', "application/json", 422),
        (b'{"name": "a\\nb", "graph": {}}', "application/json", 422),
        (b'{"name": 5, "graph": {}}', "application/json", 422),
        (b'{"name": "x"}', "application/json", 422),
        (b'{"name": "x", "graph": []}', "application/json", 422),
    ],
)
def test_a_bad_body_is_a_clear_problem(
    client: FlaskClient, body: bytes, content_type: str, status: int
) -> None:
    problem(client.post("/api/jobs", data=body, content_type=content_type), status)


def test_a_member_that_is_there_twice_is_named(client: FlaskClient) -> None:
    """Of a graph that was merged by hand the first nodes went without a word."""
    body = '{"name": "a", "graph": {"nodes": [], "edges": [], "nodes": []}}'
    answer = client.post("/api/jobs", data=body, content_type="application/json")
    assert "two members 'nodes'" in problem(answer, 400)["detail"]


def test_a_body_that_begins_with_a_byte_order_mark_is_taken(client: FlaskClient) -> None:
    body = '\ufeff{"name": "a", "graph": {"nodes": [], "edges": []}}'
    answer = client.post("/api/jobs", data=body, content_type="application/json")
    assert answer.status_code == 201, answer.get_json()


@pytest.mark.parametrize("encoding", ["gzip", "DEFLATE", "br", "gzip, identity"])
def test_a_packed_body_is_refused_by_its_encoding(client: FlaskClient, encoding: str) -> None:
    """It was said to be no UTF-8."""
    headers = {"Content-Encoding": encoding}
    answer = client.post("/api/jobs", data=b"x", content_type="application/json", headers=headers)
    assert encoding.lower() in problem(answer, 415)["detail"]
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_body_that_says_it_is_not_packed_is_taken(client: FlaskClient) -> None:
    headers = {"Content-Encoding": "identity"}
    job = {"name": "a", "graph": {"nodes": [], "edges": []}}
    assert client.post("/api/jobs", json=job, headers=headers).status_code == 201


def test_a_save_of_what_somebody_else_changed_meanwhile_is_refused(client: FlaskClient) -> None:
    made = client.post("/api/jobs", json={"name": "shared", "graph": SAMPLE})
    location = made.headers["Location"]
    seen = client.get(location).headers["ETag"]
    assert seen == made.headers["ETag"]

    first = client.put(
        location, json={"name": "first", "graph": SAMPLE}, headers={"If-Match": seen}
    )
    assert first.status_code == 200
    assert first.headers["ETag"] != seen
    second = client.put(
        location, json={"name": "second", "graph": SAMPLE}, headers={"If-Match": seen}
    )
    assert "read it again" in problem(second, 412)["detail"]
    assert client.get(location).get_json()["name"] == "first"
    newest = client.get(location).headers["ETag"]
    again = client.put(
        location, json={"name": "second", "graph": SAMPLE}, headers={"If-Match": newest}
    )
    assert again.get_json()["name"] == "second"
    without = client.put(location, json={"name": "whatever it is", "graph": SAMPLE})
    assert without.status_code == 200


@pytest.mark.parametrize("changed", ['W/"{}"', '"{}-gzip"', '"{}-br"', '"{}--gzip"'])
def test_the_etag_that_a_proxy_changed_when_it_compressed_the_answer_is_the_same(
    client: FlaskClient, changed: str
) -> None:
    """nginx writes W/ before the ETag of what it packs, Apache -gzip into it; each save, and each execute, was refused then."""
    made = client.post("/api/jobs", json={"name": "shared", "graph": SAMPLE})
    tag = changed.format(made.headers["ETag"].strip('"'))
    location, seen = made.headers["Location"], {"If-Match": tag}
    body = {"name": "first", "graph": SAMPLE}
    assert client.put(location, json=body, headers=seen).status_code == 200
    assert client.put(location, json=body, headers=seen).status_code == 412
    assert client.put(location, json=body, headers={"If-Match": "*"}).status_code == 200


def test_a_job_that_somebody_else_saved_meanwhile_is_not_deleted(client: FlaskClient) -> None:
    made = client.post("/api/jobs", json={"name": "shared", "graph": SAMPLE})
    location, seen = made.headers["Location"], made.headers["ETag"]
    client.put(location, json={"name": "theirs", "graph": SAMPLE})
    problem(client.delete(location, headers={"If-Match": seen}), 412)
    newest = client.get(location).headers["ETag"]
    assert client.delete(location, headers={"If-Match": newest}).status_code == 204


def test_an_empty_if_match_replaces_nothing(client: FlaskClient) -> None:
    """A script whose variable is empty meant a state."""
    location = client.post("/api/jobs", json={"name": "shared", "graph": SAMPLE}).headers[
        "Location"
    ]
    body = {"name": "other", "graph": SAMPLE}
    answer = client.put(location, json=body, headers={"If-Match": ""})
    assert "If-Match is empty" in problem(answer, 400)["detail"]
    assert client.get(location).get_json()["name"] == "shared"


def test_execute_runs_the_graph_that_the_caller_has_seen_or_nothing(client: FlaskClient) -> None:
    made = client.post("/api/jobs", json={"name": "shared", "graph": SAMPLE})
    location, seen = made.headers["Location"], made.headers["ETag"]
    other = {**SAMPLE, "engine": 2}
    newest = client.put(location, json={"name": "shared", "graph": other}).headers["ETag"]

    def ask(etag: str, key: str) -> TestResponse:
        headers = {"If-Match": etag, "Idempotency-Key": key}
        return client.post(f"{location}/execute", headers=headers)

    assert "read it again" in problem(ask(seen, "one"), 412)["detail"]
    assert client.get(f"{location}/runs").get_json()["runs"] == []
    answer = ask(newest, "one")
    assert answer.status_code == 202
    run_id = answer.get_json()["runId"]
    assert client.get(f"/api/runs/{run_id}").get_json()["graph"] == other
    client.put(location, json={"name": "shared", "graph": SAMPLE})
    assert ask(newest, "one").get_json()["runId"] == run_id  # the answer came not through
    assert ask(newest, "two").status_code == 412


@pytest.mark.parametrize("member", ["day", "params", "Parameters", "from_run"])
def test_a_misspelt_member_of_an_execute_is_no_run_with_the_defaults(
    client: FlaskClient, member: str
) -> None:
    declared = [{"name": "day", "type": "date", "default": "2026-11-27"}]
    job_id = new_job(client, {**SAMPLE, "parameters": declared})
    body = {member: {"day": "2026-11-28"}}
    told = problem(client.post(f"/api/jobs/{job_id}/execute", json=body), 422)
    assert told["errors"][0]["field"] == member
    assert "stand in parameters" in told["detail"]
    assert client.get(f"/api/jobs/{job_id}/runs").get_json()["runs"] == []


def test_a_job_name_with_every_odd_character_just_works(client: FlaskClient) -> None:
    name = "".join(["'\"\\{}<>&;$`%\u202e\u0301é漢👩‍💻", " ", "/../"])
    answer = client.post("/api/jobs", json={"name": name, "graph": SAMPLE})
    assert answer.get_json()["name"] == name
    run_id = execute(client, answer.get_json()["id"])
    assert client.get(f"/api/runs/{run_id}").get_json()["jobName"] == name
    compile(client.get(f"/api/runs/{run_id}/program").text, "program.py", "exec")


@pytest.mark.parametrize("name", ["\u200b\u200b", "\u202e", " \u2060 "], ids=ascii)
def test_a_job_name_of_which_nothing_is_seen_is_refused(client: FlaskClient, name: str) -> None:
    answer = client.post("/api/jobs", json={"name": name, "graph": SAMPLE})
    assert "can be seen" in problem(answer, 422)["detail"]


def test_a_program_comes_as_text_or_with_the_line_of_each_node(client: FlaskClient) -> None:
    run_id = execute(client, new_job(client))
    text = client.get(f"/api/runs/{run_id}/program").text
    told = client.get(f"/api/runs/{run_id}/program?format=json").get_json()
    assert told["text"] == text
    heads = [text.split("\n")[line - 1] for line in told["nodeLines"].values()]
    assert heads
    assert [head.split(" · ")[0] for head in heads] == [f"# {n}" for n in told["nodeLines"]]


def test_a_runs_document_has_the_payload_of_its_last_status(client: FlaskClient) -> None:
    run = client.get(f"/api/runs/{execute(client, new_job(client))}").get_json()
    said = {"runId": run["runId"], "status": "queued", "reason": None, "ts": run["createdAt"]}
    assert run["lastStatus"] == said


def test_what_belongs_to_another_tenant_is_not_found(client: FlaskClient) -> None:
    job_id = new_job(client)
    run_id = execute(client, job_id)
    other = {"Authorization": "Bearer mallory"}
    unknown = client.get("/api/jobs/999999", headers=other).get_json(force=True)
    foreign = client.get(f"/api/jobs/{job_id}", headers=other).get_json(force=True)
    assert unknown["detail"].replace("999999", str(job_id)) == foreign["detail"]
    for path in ("", "/runs"):
        problem(client.get(f"/api/jobs/{job_id}{path}", headers=other), 404)
    problem(client.put(f"/api/jobs/{job_id}", json={"name": "x", "graph": {}}, headers=other), 404)
    problem(client.delete(f"/api/jobs/{job_id}", headers=other), 404)
    problem(client.post(f"/api/jobs/{job_id}/execute", headers=other), 404)
    for path in ("", "/log", "/program", "/events", "/wait"):
        problem(client.get(f"/api/runs/{run_id}{path}", headers=other), 404)
    problem(client.post(f"/api/runs/{run_id}/cancel", headers=other), 404)
    assert client.get("/api/jobs", headers=other).get_json() == {"jobs": [], "next": None}
    assert client.get("/api/runs", headers=other).get_json() == {"runs": [], "next": None}


def test_errors_of_flask_and_of_ours_are_problems(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem(client.get("/api/nowhere"), 404)
    assert "GET" in client.delete("/api/jobs").headers["Allow"]
    problem(client.delete("/api/jobs"), 405)
    problem(client.get("/api/jobs", headers={"Authorization": "Bearer nobody"}), 401)
    problem(client.get(f"/api/jobs/{10**40}"), 404)
    problem(client.get("/api/runs/..%2f..%2fetc"), 404)
    monkeypatch.setattr(store, "jobs", lambda *_: 1 / 0)
    assert "division" not in problem(client.get("/api/jobs"), 500)["detail"]


# ---- execute


def test_execute_records_queues_and_says_so(
    client: FlaskClient, store: Store, heard: Heard, link: Link
) -> None:
    job_id = new_job(client)
    answer = client.post(f"/api/jobs/{job_id}/execute")
    run_id = answer.get_json()["runId"]
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/runs/{run_id}"
    assert answer.get_json() == {"runId": run_id, "jobId": job_id, "status": "queued"}
    run = store.run(TENANT, run_id)
    eventually(lambda: heard.statuses(run) == ["queued"])
    claim = RunQueue(link).take(2.0)
    assert claim is not None
    assert (claim.tenant_id, claim.run_id) == (TENANT, run_id)
    document = client.get(f"/api/runs/{run_id}").get_json()
    assert (document["status"], document["queuePosition"], document["nodes"]) == ("queued", 0, [])
    assert document["graph"] == SAMPLE
    assert document["counts"]["notStarted"] == 2


def test_a_second_execute_names_the_run_that_is_active(client: FlaskClient) -> None:
    job_id = new_job(client)
    run_id = execute(client, job_id)
    refused = problem(client.post(f"/api/jobs/{job_id}/execute"), 409)
    assert refused["runId"] == run_id
    assert problem(client.delete(f"/api/jobs/{job_id}"), 409)["runId"] == run_id


def test_two_executes_at_once_make_one_run(store: Store, link: Link, data_dir: Path) -> None:
    app = new_app(store, link, data_dir)
    job_id = new_job(app.test_client())
    answers: list[TestResponse] = []

    def click() -> None:
        answers.append(app.test_client().post(f"/api/jobs/{job_id}/execute"))

    clicks = [threading.Thread(target=click) for _ in range(6)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    assert len({answer.get_json(force=True)["runId"] for answer in answers}) == 1


def test_an_idempotency_key_makes_one_run_of_a_double_click(client: FlaskClient) -> None:
    job_id = new_job(client)
    key = {"Idempotency-Key": "k1"}
    first = client.post(f"/api/jobs/{job_id}/execute", headers=key)
    again = client.post(
        f"/api/jobs/{job_id}/execute", headers=key, data=b" { } ", content_type="application/json"
    )
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    assert first.headers["Location"] == again.headers["Location"]
    problem(client.post(f"/api/jobs/{job_id}/execute", headers=key, json={"x": 1}), 422)
    problem(client.post(f"/api/jobs/{new_job(client)}/execute", headers=key), 422)
    assert len(client.get(f"/api/jobs/{job_id}/runs").get_json()["runs"]) == 1


def test_an_idempotency_key_makes_one_job_where_the_first_answer_was_lost(
    client: FlaskClient,
) -> None:
    key = {"Idempotency-Key": "k1"}
    body = {"name": "a job", "graph": SAMPLE}
    first = client.post("/api/jobs", headers=key, json=body)
    again = client.post("/api/jobs", headers=key, json=body)
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    for name in ("Location", "ETag"):
        assert first.headers[name] == again.headers[name]
    problem(client.post("/api/jobs", headers=key, json={**body, "name": "another"}), 422)
    assert len(client.get("/api/jobs").get_json()["jobs"]) == 1


def test_an_idempotency_key_makes_one_webhook_and_one_secret_where_the_first_answer_was_lost(
    client: FlaskClient,
) -> None:
    key = {"Idempotency-Key": "k1"}
    body = {"url": "https://hooks.example/", "ends": ["failed"]}
    first = client.post("/api/webhooks", headers=key, json=body)
    again = client.post("/api/webhooks", headers=key, json=body)
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    location = first.headers["Location"]
    assert again.headers["Location"] == location
    problem(client.post("/api/webhooks", headers=key, json={**body, "ends": ["lost"]}), 422)
    assert len(client.get("/api/webhooks").get_json()["webhooks"]) == 1
    changed, once_more = (client.post(f"{location}/secret", headers=key) for _ in range(2))
    assert changed.get_json() == once_more.get_json()
    assert changed.get_json()["secret"] != first.get_json()["secret"]


@pytest.mark.parametrize("key", ["", "x" * 300, "a\u00e9"])
def test_a_bad_idempotency_key_is_refused(client: FlaskClient, key: str) -> None:
    headers = {"Idempotency-Key": key}
    problem(client.post(f"/api/jobs/{new_job(client)}/execute", headers=headers), 400)
    body = {"name": "a job", "graph": SAMPLE}
    problem(client.post("/api/jobs", headers=headers, json=body), 400)


def test_a_graph_with_errors_is_not_run_and_every_error_is_named(
    client: FlaskClient,
) -> None:
    job_id = new_job(client, CYCLIC)
    refused = problem(client.post(f"/api/jobs/{job_id}/execute"), 422)
    assert any("cycl" in error["message"].lower() for error in refused["errors"])
    assert client.get(f"/api/jobs/{job_id}/runs").get_json() == {"runs": [], "next": None}


def test_without_nats_execute_says_why_and_records_nothing(store: Store, data_dir: Path) -> None:
    away = Link("nats://127.0.0.1:1", name="nowhere")
    away.start()
    client = new_app(store, away, data_dir).test_client()
    job_id = new_job(client)
    answer = client.post(f"/api/jobs/{job_id}/execute")
    assert "NATS is not connected" in problem(answer, 503)["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get(f"/api/jobs/{job_id}/runs").get_json() == {"runs": [], "next": None}
    away.close()


@pytest.mark.parametrize("config", ["", JETSTREAM_FOR_OTHERS])
def test_without_jetstream_execute_says_why(
    store: Store, data_dir: Path, tmp_path: Path, config: str
) -> None:
    with plain_nats(tmp_path / "plain", config) as server, linked(server.url) as link:
        client = new_app(store, link, data_dir).test_client()
        job_id = new_job(client)
        answer = client.post(f"/api/jobs/{job_id}/execute")
        assert "JetStream" in problem(answer, 503)["detail"]
        assert client.get(f"/api/jobs/{job_id}/runs").get_json() == {"runs": [], "next": None}


# ---- runs


def test_cancelling_a_queued_run_is_immediate_and_harmless_when_repeated(
    client: FlaskClient, store: Store, heard: Heard
) -> None:
    run_id = execute(client, new_job(client))
    for _ in range(2):
        answer = client.post(f"/api/runs/{run_id}/cancel")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "cancelled")
    run = store.run(TENANT, run_id)
    eventually(lambda: heard.statuses(run) == ["queued", "cancelled"])
    assert run.reason == "cancelled before it started"


def test_cancelling_a_running_run_is_noted_and_told(
    client: FlaskClient, store: Store, link: Link
) -> None:
    told: list[str] = []
    RunQueue(link).on_cancel(lambda tenant_id, run_id: told.append(run_id))
    run_id = execute(client, new_job(client))
    started(store, run_id)
    for _ in range(2):
        answer = client.post(f"/api/runs/{run_id}/cancel")
        assert (answer.status_code, answer.get_json()["status"]) == (202, "running")
        assert answer.get_json()["cancelRequested"]
    assert store.cancel_requests(ME) == {run_id}
    eventually(lambda: told == [run_id, run_id])


def test_a_log_is_read_by_offset(client: FlaskClient, store: Store, data_dir: Path) -> None:
    run_id = execute(client, new_job(client))
    assert client.get(f"/api/runs/{run_id}/log").get_json()["text"] == ""
    directory = data_dir / "runs" / run_id
    directory.mkdir(parents=True)
    (directory / "log.txt").write_text("first\nsecond\n")
    piece = client.get(f"/api/runs/{run_id}/log?from=6").get_json()
    assert piece == {"from": 6, "next": 13, "size": 13, "text": "second\n", "ended": False}
    for bad in ("x", "1e5", "9" * 30, ""):
        problem(client.get(f"/api/runs/{run_id}/log?from={bad}"), 400)


def test_runs_are_listed_newest_first_in_pages(client: FlaskClient, store: Store) -> None:
    job_id = new_job(client)
    run_ids: list[str] = []
    for _ in range(3):
        run_ids.insert(0, execute(client, job_id))
        client.post(f"/api/runs/{run_ids[0]}/cancel")
    first = client.get(f"/api/jobs/{job_id}/runs?limit=2").get_json()["runs"]
    assert [run["runId"] for run in first] == run_ids[:2]
    rest = client.get(f"/api/jobs/{job_id}/runs?before={first[-1]['createdAt']}").get_json()["runs"]
    assert [run["runId"] for run in rest] == run_ids[2:]
    problem(client.get(f"/api/jobs/{job_id}/runs?before=nan"), 400)


def test_runs_of_all_jobs_are_listed_with_who_started_them_and_paged_by_a_cursor(
    client: FlaskClient,
) -> None:
    jobs = [new_job(client) for _ in range(3)]
    run_ids = [execute(client, job_id, headers={"X-Subject": "ann"}) for job_id in jobs[:2]]
    run_ids.append(execute(client, jobs[2]))
    client.post(f"/api/runs/{run_ids[0]}/cancel")
    first = client.get("/api/runs?limit=2").get_json()
    assert [run["runId"] for run in first["runs"]] == run_ids[:0:-1]
    assert [run["startedBy"] for run in first["runs"]] == [None, "ann"]
    assert first["runs"][0].keys() >= {"jobId", "jobName", "status", "rows", "createdAt"}
    assert "graph" not in first["runs"][0]
    rest = client.get("/api/runs", query_string={"limit": 2, "before": first["next"]}).get_json()
    assert ([run["runId"] for run in rest["runs"]], rest["next"]) == ([run_ids[0]], None)
    for query, found in (
        ("status=cancelled", [0]),
        ("status=cancelled,queued&limit=9", [2, 1, 0]),
        ("status=cancelled&status=failed", [0]),
        (f"job={jobs[1]}", [1]),
        (f"job={jobs[1]}&status=cancelled", []),
        (f"until={first['runs'][1]['createdAt']}", [0]),
    ):
        told = client.get(f"/api/runs?{query}").get_json()
        assert [run["runId"] for run in told["runs"]] == [run_ids[n] for n in found], query
        assert told["next"] is None


def test_runs_that_wait_are_listed_in_turn_in_pages(client: FlaskClient) -> None:
    run_ids = [execute(client, new_job(client)) for _ in range(4)]
    client.post(f"/api/runs/{run_ids[1]}/cancel")
    asked = {"status": "queued", "order": "queue", "limit": 2}
    first = client.get("/api/runs", query_string=asked).get_json()
    assert [run["runId"] for run in first["runs"]] == [run_ids[0], run_ids[2]]
    assert "waitReason" in first["runs"][0]
    rest = client.get("/api/runs", query_string={**asked, "before": first["next"]}).get_json()
    assert ([run["runId"] for run in rest["runs"]], rest["next"]) == ([run_ids[3]], None)
    newest = client.get("/api/runs?status=queued&order=newest&limit=1").get_json()
    assert [run["runId"] for run in newest["runs"]] == run_ids[3:]
    for bad, told in (
        ({"before": newest["next"]}, "?before="),  # of the other order
        ({"before": newest["runs"][0]["createdAt"]}, "?before="),
        ({"status": "queued,running"}, "?status=queued alone"),
        ({"status": ""}, "?status=queued alone"),
        ({"order": "oldest"}, "?order= must be of newest, queue"),
    ):
        refused = client.get("/api/runs", query_string={**asked, **bad})
        assert told in problem(refused, 400)["detail"]
    of_one_job = client.get(f"/api/jobs/{first['runs'][0]['jobId']}/runs?order=queue")
    assert "?order= is no filter" in problem(of_one_job, 400)["detail"]


@pytest.mark.parametrize("path", ["/api/runs", "/api/jobs"])
@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=AAAA",
        f"before={'_' * 32}",
        "status=done",
        "status=failed,done",
        "limit=x",
        "limit=1_0",
        "limit=%D9%A3",
        "limit=%201",
        "job=0x1",
        "since=nan",
        "since=1_000",
        "state=lost",
    ],
)
def test_a_bad_cursor_or_filter_is_named(path: str, query: str, client: FlaskClient) -> None:
    name = query.partition("=")[0]
    assert f"?{name}=" in problem(client.get(f"{path}?{query}"), 400)["detail"]


def test_a_list_of_runs_takes_the_id_of_a_job(client: FlaskClient) -> None:
    for bad in ("x", "-1", "0", str(2**31), "1.5"):
        assert "?job=" in problem(client.get(f"/api/runs?job={bad}"), 400)["detail"]
    assert "?since=" in problem(client.get("/api/runs?since=yesterday"), 400)["detail"]


def test_jobs_are_searched_and_paged_with_the_last_runs_of_each(client: FlaskClient) -> None:
    jobs = [new_job(client) for _ in range(3)]
    run_id = execute(client, jobs[0])
    client.post(f"/api/runs/{run_id}/cancel")
    again = execute(client, jobs[0])
    first = client.get("/api/jobs?limit=2&runs=14&q=JOB").get_json()
    assert [(job["id"], job["runs"]) for job in first["jobs"]] == [(jobs[2], []), (jobs[1], [])]
    query = {"limit": 2, "runs": 14, "before": first["next"]}
    rest = client.get("/api/jobs", query_string=query).get_json()
    assert [run["runId"] for run in rest["jobs"][0]["runs"]] == [again, run_id]
    assert (rest["jobs"][0]["lastRun"], rest["next"]) == (rest["jobs"][0]["runs"][0], None)
    queued = client.get("/api/jobs?status=queued").get_json()["jobs"]
    assert [(job["id"], "runs" in job) for job in queued] == [(jobs[0], False)]
    assert client.get("/api/jobs?q=nothing").get_json() == {"jobs": [], "next": None}
    named = new_job(client)
    changed = {"name": "Aufträge aus Österreich, Straße", "graph": SAMPLE}
    assert client.put(f"/api/jobs/{named}", json=changed).status_code == 200
    for part in ("osterreich", "ÖSTERREICH", "O\u0308sterreich", "auftrage", "STRASSE"):
        found = client.get("/api/jobs", query_string={"q": part}).get_json()["jobs"]
        assert [job["id"] for job in found] == [named], part
    problem(client.get("/api/jobs", query_string={"q": "x" * 201}), 400)


def lines(answer: TestResponse) -> Iterator[dict[str, Any]]:
    """The events of a run; each is in the OpenAPI document."""
    for line in answer.iter_encoded():
        event = json.loads(line)
        described().check_event(event)
        yield event


def test_wait_tells_what_is_true_then_each_change_then_the_end(
    client: FlaskClient, store: Store, link: Link
) -> None:
    run_id = execute(client, new_job(client))
    run = started(store, run_id)
    store.save_nodes(run, ME, [node_state(1, rows=5, run_id=run_id, seq=1)])
    answer = client.get(f"/api/runs/{run_id}/wait")
    assert answer.content_type == "application/x-ndjson"
    events = lines(answer)
    first, second = next(events), next(events)
    assert (first["type"], first["jobId"]) == ("job.status", run.job_id)
    assert first["payload"]["status"] == "running"
    assert (second["type"], second["payload"]["rowCount"]) == ("job.progress", 5)
    subject = progress_subject(TENANT, run.job_id)
    for rows, seq in ((5, 1), (9, 2)):
        link.publish(subject, node_state(1, rows=rows, run_id=run_id, seq=seq).payload)
    assert next(events)["payload"]["rowCount"] == 9
    end = node_state(1, "completed", 12, run_id=run_id, seq=3)
    store.move_run(TENANT, run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED, nodes=[end]))
    rest = list(events)
    assert [e["payload"]["status"] for e in rest] == ["completed", "completed"]
    assert [e["type"] for e in rest] == ["job.progress", "job.status"]


def test_server_sent_events_of_a_run_that_ended(client: FlaskClient) -> None:
    run_id = execute(client, new_job(client))
    client.post(f"/api/runs/{run_id}/cancel")
    answer = client.get(f"/api/runs/{run_id}/events")
    assert answer.content_type == "text/event-stream"
    (event,) = [e for e in answer.text.split("\n\n") if e]
    number, _, said = event.partition("\n")
    document = json.loads(said.removeprefix("data: "))
    assert (document["type"], document["payload"]["status"]) == ("job.status", "cancelled")
    # An EventSource comes back each time that a stream ends, unless the answer is 204
    back = {"Last-Event-ID": number.removeprefix("id: ")}
    assert client.get(f"/api/runs/{run_id}/events", headers=back).status_code == 204
    other = execute(client, new_job(client))
    assert client.head(f"/api/runs/{other}/events", headers=back).status_code == 200


def test_who_takes_more_is_told_that_nats_is_away_and_back(
    client: FlaskClient, store: Store, link: Link, nats_server: NatsServer
) -> None:
    run_id = execute(client, new_job(client))
    started(store, run_id)
    plain, more = (lines(client.get(f"/api/runs/{run_id}/wait{q}")) for q in ("", "?more=1"))
    assert next(more)["payload"]["nats"] == "ok"
    assert [next(events)["type"] for events in (plain, more)] == ["job.status"] * 2
    nats_server.kill()
    eventually(lambda: not link.is_up)
    away = next(more)
    assert (away["type"], away["payload"]["nats"]) == ("server.state", "away")
    nats_server.start()
    eventually(lambda: link.is_up)
    assert next(more)["payload"]["nats"] == "ok"
    store.move_run(TENANT, run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED))
    assert {event["type"] for event in plain} == {"job.status"}


def test_a_database_that_is_away_is_logged_once_and_each_request_is_told(
    client: FlaskClient,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = Mock(side_effect=StoreUnavailable("the server of db.example is away"))
    monkeypatch.setattr(store, "job", away)
    for number in range(1, 4):
        problem(client.get(f"/api/jobs/{number}"), 503)
    told = [line for line in caplog.messages if "db.example" in line]
    assert told == ["GET /api/jobs/1: the server of db.example is away"]


def test_followers_are_bounded_and_give_their_place_back(client: FlaskClient) -> None:
    path = f"/api/runs/{execute(client, new_job(client))}/wait"
    for _ in range(2):
        assert client.head(path).status_code == 200
        following = [client.get(path) for _ in range(MAX_FOLLOWERS)]
        next(lines(following[0]))
        refused = client.get(path)
        problem(refused, 503)
        assert refused.headers["Retry-After"]
        for answer in following:
            answer.close()


def test_following_a_run_that_is_deleted_ends(client: FlaskClient, store: Store) -> None:
    job_id = new_job(client)
    run_id = execute(client, job_id)
    events = lines(client.get(f"/api/runs/{run_id}/wait"))
    assert next(events)["payload"]["status"] == "queued"
    store.move_run(TENANT, run_id, Move(RunStatus.QUEUED, RunStatus.CANCELLED))
    assert client.delete(f"/api/jobs/{job_id}").status_code == 204
    assert list(events) == []


def test_a_whole_run_through_the_api(
    client: FlaskClient, data_dir: Path, start_runner: StartRunner
) -> None:
    start_runner()
    (data_dir / "in.csv").write_text("a,b\n" + "1,2\n" * 2_500)
    run_id = execute(client, new_job(client))
    events = list(lines(client.get(f"/api/runs/{run_id}/wait")))
    log = client.get(f"/api/runs/{run_id}/log").get_json()["text"]
    assert events[-1]["payload"]["status"] == "completed", (events[-1], log)
    document = client.get(f"/api/runs/{run_id}").get_json()
    assert [(n["nodeId"], n["rowCount"]) for n in document["nodes"]] == [(1, 2_500), (2, 2_500)]
    assert document["counts"]["completed"] == 2
    assert document["startedAt"] <= document["endedAt"]


def test_a_run_tells_how_many_rows_it_rejected(client: FlaskClient, store: Store) -> None:
    """An output that rejects rows still counts as one; an output of a Split may have the name, too."""
    branches = [{"port": "rejected", "condition": "a == '1'"}]
    nodes = [
        {"id": 1, "type": "csv_input", "name": "In", "config": {"path": "in.csv"}},
        {"id": 2, "type": "split", "name": "Ways", "config": {"branches": branches}},
        {"id": 3, "type": "csv_output", "name": "Out", "config": {"path": "out.csv"}},
        {"id": 4, "type": "csv_output", "name": "Bad", "config": {"path": "bad.csv"}},
    ]
    edges = [{"from": 1, "to": 2}, {"from": 2, "to": 3, "fromPort": "rejected"}]
    edges += [{"from": source, "to": 4, "fromPort": "rejected"} for source in (1, 3)]
    job_id = new_job(client, {"nodes": nodes, "edges": edges})
    run_id = execute(client, job_id)
    ports = [{"rejected": 2}, {"rejected": 5, "else": 0}, {"rejected": 1}, None]
    told = [
        node_state(number, rows=rows, ports=of, run_id=run_id, seq=1)
        for number, rows, of in zip((1, 2, 3, 4), (5, 5, 4, 3), ports, strict=True)
    ]
    store.save_nodes(started(store, run_id), ME, told)
    rows = {"in": 5, "out": 7, "rejected": 3}
    assert client.get(f"/api/runs/{run_id}").get_json()["rows"] == rows
    [entry] = client.get(f"/api/jobs/{job_id}/runs").get_json()["runs"]
    assert entry["rows"] == rows


def test_a_run_is_deleted_once_it_has_ended(store: Store, client: FlaskClient) -> None:
    job = store.create_job(TENANT, "a job", SAMPLE)
    run = store.record_run(TENANT, NewRun(job.job_id, SAMPLE, "")).run
    told = problem(client.delete(f"/api/runs/{run.run_id}"), 409)
    assert told["detail"] == f"run {run.run_id} has not ended: cancel it first"
    store.start_run(TENANT, run.run_id, ME)
    assert client.get(f"/api/runs/{run.run_id}").get_json()["machine"] == "here"
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.COMPLETED))
    assert client.delete(f"/api/runs/{run.run_id}").status_code == 204
    for answer in (client.delete(f"/api/runs/{run.run_id}"), client.get(f"/api/runs/{run.run_id}")):
        problem(answer, 404)
