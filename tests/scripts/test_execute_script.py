"""scripts/execute.sh: what a shell gets from it, against a server that answers what each test says."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.harness import ROOT, free_port
from tests.servers.certificates import write_certificate

JOBS = [
    {"id": 7, "name": "Orders"},
    {"id": 8, "name": 'the "big" {job}'},
    {"id": 9, "name": "Größe → 🚚"},
    {"id": 10, "name": "twin"},
    {"id": 11, "name": "twin"},
]
ODD_MESSAGE = 'read\n"größe" \\n \x1b[31m🚚'


class Server(ThreadingHTTPServer):
    """Answers as the product does; `end` is what becomes of the run, `refusal` a problem instead of 202."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.end = "completed"
        self.refusal: dict[str, Any] | None = None
        self.executed: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        self.sent = ""  # the last body
        self.jobs_a_page = len(JOBS)
        self.looks: list[
            int
        ] = []  # what the next questions for the run get before it has ended; 0: no answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path.startswith("/api/jobs?"):
            self.answer(200, self.page())
        elif self.path == "/api/runs/r1/wait":
            self.answer(200, *([] if self.server.looks else self.events()))
        elif (look := self.server.looks.pop(0) if self.server.looks else 200) == 0:
            self.close_connection = True
        elif look != 200:
            self.answer(look, {"title": "Service Unavailable"})
        else:
            nodes = [{"nodeId": 1, "status": "running", "message": 'odd ] " text'}]
            run = {
                "jobId": 7,
                "nodes": nodes,
                "parameters": {"status": "failed"},
                "runId": "r1",
                "status": "running" if self.server.looks else self.server.end,
            }
            self.answer(200, run)

    def page(self) -> dict[str, Any]:
        asked = parse_qs(urlsplit(self.path).query)
        begin = int(asked.get("before", ["0"])[0])
        end = begin + self.server.jobs_a_page
        found = [job for job in JOBS if asked["q"][0] in str(job["name"])]
        return {"jobs": found[begin:end], "next": str(end) if end < len(found) else None}

    def do_POST(self) -> None:
        self.server.executed.append((self.path, dict(self.headers)))
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(sent))
        self.server.sent = sent.decode()
        if self.server.refusal:
            self.answer(self.server.refusal["status"], self.server.refusal)
        else:
            self.answer(202, {"jobId": 7, "runId": "r1", "status": "queued"})

    def events(self) -> list[dict[str, Any]]:
        node = {"nodeId": 1, "nodeName": "DB Input", "rowCount": 5000, "message": ODD_MESSAGE}
        return [
            {"type": "job.progress", "jobId": 7, "payload": {**node, "status": "running"}},
            {"type": "job.progress", "jobId": 7, "payload": {**node, "status": "completed"}},
            {
                "type": "job.status",
                "jobId": 7,
                "payload": {"runId": "r1", "status": self.server.end},
            },
        ]

    def answer(self, status: int, *documents: dict[str, Any]) -> None:
        body = b"".join(
            json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in documents
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def execute(url: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/execute.sh", *arguments],
        env={"PATH": os.environ["PATH"], "URL": url, "TOKEN": "a.b.c", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_prints_the_run_and_sends_the_token_and_a_key(server: Server) -> None:
    done = execute(server.url, "7")
    assert (done.returncode, done.stdout, done.stderr) == (0, "r1\n", "")
    [(path, headers)] = server.executed
    assert path == "/api/jobs/7/execute"
    assert headers["Authorization"] == "Bearer a.b.c"
    assert len(headers["Idempotency-Key"]) >= 16


@pytest.mark.parametrize(
    "direct", [{"no_proxy": "0.0.0.0"}, {"NO_PROXY": "a.b,0.0.0.0"}, {"no_proxy": "*"}]
)
def test_a_server_that_no_proxy_names_is_asked_past_the_proxy(
    server: Server, direct: dict[str, str]
) -> None:
    """The token went to the proxy."""
    here = server.url.replace("127.0.0.1", "0.0.0.0")
    nobody = {"http_proxy": "http://127.0.0.1:1"}
    assert execute(here, "7", **nobody).returncode == 2, "by the proxy, which is not there"
    assert execute(here, "7", **nobody, **direct).returncode == 0
    assert execute(server.url, "7", **nobody, **direct).returncode == 0


def test_each_call_has_its_own_key_unless_one_is_given(server: Server) -> None:
    execute(server.url, "7")
    execute(server.url, "7")
    execute(server.url, "7", IDEMPOTENCY_KEY="nightly-2026-11-24")
    keys = [headers["Idempotency-Key"] for _, headers in server.executed]
    assert keys[0] != keys[1]
    assert keys[2] == "nightly-2026-11-24"


def test_it_sends_the_values_of_parameters_as_they_are(server: Server) -> None:
    odd = 'it\'s "a" \\ b=c\nGröße 🚚 {day}'
    done = execute(server.url, "7", "--param", "day=2026-11-27", f"--param=note={odd}", "--watch")
    assert done.returncode == 0, done.stderr
    execute(server.url, "--param", "empty=", "7")
    execute(server.url, "7")
    assert server.bodies == [
        {"parameters": {"day": "2026-11-27", "note": odd}},
        {"parameters": {"empty": ""}},
        {},
    ]


def test_of_a_parameter_that_is_given_twice_the_last_value_counts(server: Server) -> None:
    """So that a script may set one, and its caller another: the server refuses a body with both."""
    given = ("day=1", "note=x", "day=2", "Day=3")
    execute(server.url, "7", *(f"--param={one}" for one in given))
    assert server.sent == '{"parameters": {"note": "x", "day": "2", "Day": "3"}}'


@pytest.mark.parametrize("given", ["day", "=x", "a b=c", "2=x"])
def test_a_parameter_without_a_name_or_a_value_is_wrong_usage(server: Server, given: str) -> None:
    done = execute(server.url, "7", "--param", given)
    assert (done.returncode, server.executed) == (2, [])
    assert "is not NAME=VALUE" in done.stderr


@pytest.mark.parametrize(
    ("name", "job_id"), [("Orders", 7), ('the "big" {job}', 8), ("Größe → 🚚", 9)]
)
def test_a_job_can_be_called_by_its_name(server: Server, name: str, job_id: int) -> None:
    done = execute(server.url, name)
    assert done.returncode == 0, done.stderr
    assert server.executed[0][0] == f"/api/jobs/{job_id}/execute"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Order", "no job is called Order"), ("twin", "several jobs are called twin")],
)
def test_a_name_that_does_not_name_one_job_is_refused(
    server: Server, name: str, sentence: str
) -> None:
    server.jobs_a_page = 1
    done = execute(server.url, name)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert not server.executed


@pytest.mark.parametrize(
    ("end", "code"), [("completed", 0), ("failed", 1), ("cancelled", 3), ("lost", 4)]
)
def test_the_exit_code_tells_the_runs_end(server: Server, end: str, code: int) -> None:
    server.end = end
    done = execute(server.url, "7", "--watch")
    assert done.returncode == code
    lines = done.stdout.splitlines()
    assert lines[0] == "r1"
    words = ["DB", "Input", "running", "5000", "read", '"größe"', "\\n", "[31m??"]
    assert lines[1].split() == words
    assert lines[2].split()[:3] == ["DB", "Input", "completed"]
    assert lines[3].strip() == f"run {end}"


@pytest.fixture
def hasty(tmp_path: Path) -> str:
    """A PATH whose `sleep` does not."""
    sleep = tmp_path / "sleep"
    sleep.write_text("#!/bin/sh\n")
    sleep.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    "looks",
    [[200] * 30, [0] * 20, [503, 502, 429] * 5, [*[0] * 40, 200] * 2],
    ids=["cut", "away", "busy", "often away"],
)
def test_a_run_is_watched_as_long_as_it_goes_on(
    server: Server, hasty: str, looks: list[int]
) -> None:
    """A server that restarts, a proxy that cuts each stream after a minute, or one that is full."""
    server.looks, server.end = looks, "failed"
    done = execute(server.url, "7", "--watch", PATH=hasty)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_server_that_stays_away_is_told_of(server: Server, hasty: str) -> None:
    server.looks = [0] * 1000
    done = execute(server.url, "7", "--watch", PATH=hasty)
    assert done.returncode == 2
    assert "tells of run r1 any more" in done.stderr


def test_a_refusal_is_told_in_the_servers_words(server: Server) -> None:
    server.refusal = {
        "status": 422,
        "title": "Unprocessable Content",
        "detail": "the graph has 2 errors",
        "errors": [
            {"nodeId": 1, "message": 'Table is "" empty'},
            {"nodeId": 2, "message": "is cyclic"},
        ],
    }
    done = execute(server.url, "7")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "422 the graph has 2 errors" in done.stderr
    assert '  Table is "" empty\n  is cyclic\n' in done.stderr


def test_a_server_that_is_away_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = execute(url, "7")
    assert done.returncode == 2
    assert f"no server answers at {url} (Failed to connect" in done.stderr


def test_why_there_is_no_answer_is_told_as_curl_says_it(server: Server, tmp_path: Path) -> None:
    """A certificate that is not known, and a machine without curl, were a server that is away."""
    with Server() as secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write_certificate(tmp_path, "127.0.0.1"))
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        secure.timeout = 20.0
        thread = threading.Thread(target=secure.handle_request)
        thread.start()
        done = execute(secure.url.replace("http:", "https:"), "7")
        thread.join()
    assert done.returncode == 2
    assert "(SSL certificate problem: self" in done.stderr
    for tool in ("bash", "tr", "od", "grep"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    done = execute(server.url, "7", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "(there is no curl here)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        ([], {}, "usage:"),
        (["7", "8"], {}, "one job at a time"),
        (["--wait", "7"], {}, "unknown option --wait"),
        (["7"], {"TOKEN": ""}, "TOKEN is not set"),
        (["7"], {"TOKEN": 'a"\nurl="file:///etc/passwd'}, "characters that no token has"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(
    arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    done = execute("http://127.0.0.1:9", *arguments, **environment)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_help_names_every_exit_code() -> None:
    done = execute("", "--help")
    assert done.returncode == 0
    for word in ("completed", "failed", "refused", "cancelled", "lost"):
        assert word in done.stdout
