"""The descriptions say what the code has: every route, message, code and node type, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app, descriptions
from described.openapi import Undescribed, document, operations_in
from described.schema import refs_in
from jobs.graph.fields.checks import CHECKS
from jobs.graph.gallery import GALLERY
from jobs.graph.node_type import NodeType
from jobs.graph.node_types import NODE_TYPES
from jobs.http import graph_schema
from jobs.work import preview_questions
from jobs.work.log_questions import question
from progress_lib import Fault, Progress, Status
from progress_lib.progress import Row
from progress_lib.subjects import progress_subject, status_subject
from realtime.channels import ERROR_CODES
from realtime.clients.actions import NEEDED_SCOPE, parse_action
from realtime.events import Topic, make_event
from realtime.sockets.close_codes import REASONS, CloseCode
from settings import Settings
from settings.checks import OWN_PATHS, OWN_TREES
from tests.described.checking import Checker, Messages
from tests.harness import ROOT


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    data_dir = tmp_path_factory.mktemp("described")
    nowhere = {"NATS_URL": "nats://127.0.0.1:1", "JWT_SECRET": "x" * 40}
    return create_app(Settings.from_env({"DATA_DIR": str(data_dir), **nowhere}))


@pytest.fixture(scope="module")
def http(app: Flask) -> dict[str, Any]:
    return descriptions(app).openapi


@pytest.fixture(scope="module")
def messages(app: Flask) -> Messages:
    return Messages(descriptions(app).asyncapi)


# ---- HTTP


def test_each_route_is_in_the_document_and_each_path_of_the_document_is_a_route(
    app: Flask, http: dict[str, Any]
) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert routes == {(method, path) for method, path, _ in operations_in(http)}
    names = [operation["operationId"] for _, _, operation in operations_in(http)]
    assert len(names) == len(set(names)) > 25


def test_a_route_that_nobody_describes_is_an_error_and_so_is_a_description_of_none() -> None:
    bare = Flask(__name__, static_folder=None)
    bare.add_url_rule("/new/<int:n>", "new", lambda n: "")
    with pytest.raises(Undescribed, match="/new/<int:n>"):
        document(bare.url_map, {}, {})
    from described.server import OPERATIONS

    with pytest.raises(Undescribed, match="healthz"):
        document(bare.url_map, {"new": OPERATIONS["docs"], "healthz": OPERATIONS["healthz"]}, {})


def test_the_documents_name_the_path_under_which_they_were_found(tmp_path: Path) -> None:
    nowhere = {"NATS_URL": "nats://127.0.0.1:1", "JWT_SECRET": "x" * 40, "BASE_PATH": "/jobs"}
    app = create_app(Settings.from_env({"DATA_DIR": str(tmp_path), **nowhere}))
    client = app.test_client()
    assert client.get("/jobs/openapi.json").get_json()["servers"] == [{"url": "/jobs"}]
    told = client.get("/jobs/asyncapi.json", base_url="https://h.example").get_json()["servers"]
    socket = {name: told["websocket"][name] for name in ("protocol", "host", "pathname")}
    assert socket == {"protocol": "wss", "host": "h.example", "pathname": "/jobs"}


def test_no_base_path_is_mistaken_for_a_path_of_ours(app: Flask) -> None:
    """Below /api, a proxy that takes it off asked for /api/jobs, which was taken for a /jobs that there is none of."""
    rules = {rule.rule.replace("/static-<version>", "/static") for rule in app.url_map.iter_rules()}
    trees = {rule.partition("/<")[0] for rule in rules if "/<" in rule}
    assert trees == OWN_TREES
    beside = tuple(f"{tree}/" for tree in trees)
    assert {rule for rule in rules - trees if not rule.startswith(beside)} == OWN_PATHS | {"/"}


def test_every_reference_leads_somewhere(http: dict[str, Any], messages: Messages) -> None:
    told = {**messages.document, "servers": {"websocket": {}, "nats": {}}}
    for each in (http, told):
        refs = refs_in(each)
        assert len(refs) > 15
        for ref in refs:
            found: Any = each
            for part in ref.removeprefix("#/").split("/"):
                assert part in found, ref
                found = found[part]


# ---- graphs


@pytest.mark.parametrize("node_type", NODE_TYPES.values(), ids=lambda one: one.name)
def test_the_example_of_a_node_type_is_as_the_document_says(
    node_type: NodeType, http: dict[str, Any]
) -> None:
    checker = Checker(http)
    config = dict(node_type.example.config)
    node = {"id": 1, "type": node_type.name, "config": config}
    graph = {"$ref": "#/components/schemas/Graph"}
    checker.check(graph, {"nodes": [node]})
    assert checker.errors(graph, {"nodes": [{**node, "config": {**config, "no": 1}}]})
    assert checker.errors(graph, {"nodes": [{**node, "type": "teleport"}]})


def test_each_graph_of_the_gallery_and_each_kind_of_field_is_in_the_document(
    http: dict[str, Any],
) -> None:
    for job in GALLERY:
        Checker(http).check({"$ref": "#/components/schemas/GalleryJob"}, job.document())
    assert set(graph_schema.OF_KIND) == set(CHECKS)


# ---- messages


def test_each_subject_of_ours_is_a_channel(messages: Messages) -> None:
    assert messages.channel_of(progress_subject("acme", 7)) == "progress"
    assert messages.channel_of(status_subject("acme", 7)) == "status"
    assert messages.channel_of(preview_questions.preview_subject("acme")) == "preview"
    assert messages.name_of("log", json.loads(question(5)), "receive") == "LogQuestion"


def test_a_progress_message_with_all_its_members_is_in_the_document(messages: Messages) -> None:
    row, ports = Row(3, {"a": "b"}, "line 4", [("a", "b")], 2), {"large": 1}
    fault = Fault("columns", "a + 1", ["a"])
    told = Progress(
        1, "In", Status.FAILED, 5, "why", "r", 1, 2.5, row, "runner", 9, 0.5, ports, "r0", fault
    ).to_json()
    assert set(json.loads(told)) == set(
        messages.document["components"]["schemas"]["Progress"]["properties"]
    )
    assert messages.name_of("progress", json.loads(told), "receive") == "Progress"


@pytest.mark.parametrize("theirs", [None, "2026-11-29T01:02:03Z", 5, {"a": 1}, [True]])
def test_what_a_publisher_says_of_its_run_is_in_the_document_as_it_is_handed_on(
    theirs: object, messages: Messages, http: dict[str, Any]
) -> None:
    odd = dict.fromkeys(("reason", "ts", "aliveEvery", "aliveAt", "mine"), theirs)
    payload = {"runId": "a", "status": "failed", **odd}
    make_event(Topic("acme", 7), "status", json.dumps(payload).encode())  # is not refused
    told = {"type": "job.status", "jobId": 7, "payload": payload}
    assert messages.name_of("websocket", told, "send") == "JobStatus"
    brief = {"status": payload, "heard": 1.0, "untold": False}
    assert messages.name_of("websocket", {**told, "type": "job.brief", "payload": brief}, "send")
    events = [{"ts": 1.0, "type": "job.status", "payload": payload}]
    history = {"runId": "a", "source": "stream", "events": events}
    Checker(http).check({"$ref": "#/components/schemas/History"}, history)


OPEN_ENDED = {"aliveEvery": 10, "aliveAt": 2.0, "ts": 1}


@pytest.mark.parametrize("block", ["{", "publishers"])
def test_the_examples_of_the_protocol_are_in_the_document(block: str, messages: Messages) -> None:
    text = (ROOT / "docs/protocol.md").read_text()
    told = [json.loads(line) for line in re.findall(r'^\{".*\}$', text, re.MULTILINE)]
    if block == "{":
        sent = [one for one in told if "type" in one]
        assert {messages.name_of("websocket", one, "send") for one in sent} == names(
            messages, "send"
        )
        asked = re.findall(r'^\| `(\{"action".*?\})` \|', text, re.MULTILINE)
        found = [messages.name_of("websocket", json.loads(one), "receive") for one in asked]
        assert set(found) == names(messages, "receive")
    else:
        runs = [one for one in told if one.get("runId") and "type" not in one]
        for one in [*runs, {**runs[0], **OPEN_ENDED}]:
            assert messages.name_of("status", one, "receive") == "OwnRun"
        nodes = [one for one in told if "nodeId" in one]
        assert {messages.name_of("progress", one, "receive") for one in nodes} == {"Progress"}


def names(messages: Messages, action: str) -> set[str]:
    return {message["name"] for message in messages.of_channel("websocket", action)}


def test_each_action_of_the_document_is_understood_as_what_it_says(messages: Messages) -> None:
    example = {"jobId": 7, "more": True, "token": "t"}
    found = set()
    for message in messages.of_channel("websocket", "receive"):
        members = message["payload"]["properties"]
        asked = {name: schema.get("const", example.get(name)) for name, schema in members.items()}
        action = type(parse_action(json.dumps(asked)))
        assert action.__name__ == message["name"]
        assert message.get("x-scope") == NEEDED_SCOPE[action]
        found.add(action)
    assert found == set(NEEDED_SCOPE)


def test_each_error_code_of_the_socket_is_in_the_document() -> None:
    code = "".join(path.read_text() for path in (ROOT / "realtime").rglob("*.py"))
    raised = set(re.findall(r'BadAction\(\s*"(\w+)"', code))
    assert raised == set(ERROR_CODES)


def test_each_close_code_is_in_the_document_with_its_reason(messages: Messages) -> None:
    told = messages.document["channels"]["websocket"]["x-close-codes"]
    assert {code: end["reason"] for code, end in told.items()} == {
        str(int(code)): REASONS[code] for code in CloseCode
    }
    table = (ROOT / "docs/protocol.md").read_text()
    for code, end in told.items():
        if code != "1000":
            assert re.search(rf"^\|.*\b{code}\b.*\|", table, re.MULTILINE), code
        assert end["comeBack"] == "yes" or not 4000 <= int(code) < 4500


def test_no_file_publishes_or_hears_a_subject_beside_the_tables() -> None:
    """A subject is spelled where its messages are; a new place that spells one is looked at here."""
    spelled = {
        str(path.relative_to(ROOT))
        for package in ("jobs", "realtime", "progress_lib", "hosting", "web")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r'f?"(tenant|runs)\.[{*]', path.read_text())
    }
    assert spelled == {
        "jobs/run/files/service.py",
        "jobs/work/file_questions.py",
        "jobs/work/log_questions.py",
        "jobs/work/channels.py",
        "jobs/work/preview_questions.py",
        "jobs/work/run_queue.py",
        "progress_lib/subjects.py",
    }
