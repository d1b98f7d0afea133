"""A token of one job, or of one run of it, opens what is named here and nothing else: a new route is closed by default."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings.shared import SCOPES
from tests.harness import ROOT, Product, running_product
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe, text
from tests.security.tokens.test_scopes import JOB, NEEDS
from tests.web.sessions import cookie_of
from web.callers.limits import JOB as JOB_CLAIM
from web.callers.limits import RUN as RUN_CLAIM
from web.callers.limits import Limit, limit_of

OF_NOBODY = {("GET", "/api/room"), ("GET", "/api/node-types")}  # say nothing of anybody
OPEN_TO_A_JOB = {
    ("GET", "/api/jobs/<int:job_id>"),
    ("POST", "/api/jobs/<int:job_id>/execute"),
    ("GET", "/api/jobs/<int:job_id>/runs"),
    ("GET", "/api/runs/<run_id>"),
    ("POST", "/api/runs/<run_id>/cancel"),
    ("GET", "/api/runs/<run_id>/log"),
    ("GET", "/api/runs/<run_id>/program"),
    ("GET", "/api/runs/<run_id>/history"),
    ("GET", "/api/runs/<run_id>/events"),
    ("GET", "/api/runs/<run_id>/wait"),
    ("GET", "/api/runs/<run_id>/outputs/<int:node_id>"),
    ("GET", "/api/runs/<run_id>/kept/<int:node_id>"),
} | OF_NOBODY
OPEN_TO_A_RUN = OPEN_TO_A_JOB - {
    ("GET", "/api/jobs/<int:job_id>"),
    ("POST", "/api/jobs/<int:job_id>/execute"),
}


@dataclasses.dataclass(frozen=True)
class Known:
    """Two jobs, of which the first has two runs, one cancelled; no runner takes the others."""

    product: Product
    job: int
    run: str
    other_run: str
    other_job: int
    foreign_run: str

    def token(self, run: str | None = None, **more: Any) -> str:
        return self.product.token(**claims(self.job, run), **more)

    def path(self, rule: str, job: int, run: str) -> str:
        named = rule.replace("<int:job_id>", str(job)).replace("<run_id>", run)
        return re.sub(r"<(path:)?\w+>", "none", re.sub(r"<int:\w+>", "1", named))


def claims(job: int, run: str | None = None) -> dict[str, object]:
    return Limit(job, run).claims


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Known]:
    data_dir = tmp_path_factory.mktemp("limited") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", RUNNER="off") as product:
        job, other_job = (product.create_job(JOB) for _ in range(2))
        runs = [product.execute(job), product.execute(other_job)]
        assert product.post(f"/api/runs/{runs[0]}/cancel").status == 200
        yield Known(product, job, runs[0], product.execute(job), other_job, runs[1])


def ask(known: Known, route: tuple[str, str], job: int, run: str, token: str) -> tuple[int, str]:
    """A HEAD in place of a GET: what is open may be a stream that does not end."""
    method, rule = route
    asked = "HEAD" if method == "GET" and rule.endswith(("/events", "/wait")) else method
    body = NEEDS[route][1]
    answer = known.product.request(asked, known.path(rule, job, run), body, token=token)
    is_told = asked != "HEAD" and answer.status == 403
    return answer.status, answer.json()["detail"] if is_told else ""


@pytest.mark.parametrize("route", NEEDS)
def test_a_token_of_a_job_opens_its_own_routes_and_no_other(
    known: Known, route: tuple[str, str]
) -> None:
    token = known.token(scope=" ".join(SCOPES))
    status, detail = ask(known, route, known.job, known.run, token)
    if route in OPEN_TO_A_JOB:
        assert status not in (401, 403), detail
    else:
        assert status == 403
        assert f"the token is limited to job {known.job}" in detail


@pytest.mark.parametrize("route", sorted(NEEDS.keys() - OF_NOBODY))
def test_what_is_of_another_job_is_closed_to_it_whether_it_is_there_or_not(
    known: Known, route: tuple[str, str]
) -> None:
    token = known.token()
    told = {
        ask(known, route, *named, token)
        for named in ((known.other_job, known.foreign_run), (999, "none"))
    }
    assert len(told) == 1, "nobody learns from the answer what is there"
    status, detail = told.pop()
    assert status == 403
    assert known.foreign_run not in detail


@pytest.mark.parametrize("route", NEEDS)
def test_a_token_of_a_run_opens_that_run_and_no_other(known: Known, route: tuple[str, str]) -> None:
    token = known.token(known.run)
    status, detail = ask(known, route, known.job, known.run, token)
    assert (status not in (401, 403)) is (route in OPEN_TO_A_RUN), detail
    if "<run_id>" in route[1]:
        assert ask(known, route, known.job, known.other_run, token)[0] == 403
        assert ask(known, route, known.other_job, known.foreign_run, token)[0] == 403
    if route not in OPEN_TO_A_RUN and route[1] != "/api/runs/<run_id>":
        assert f"run {known.run} of job {known.job}" in detail


def test_a_run_of_another_job_is_no_run_of_the_tokens_job(known: Known) -> None:
    token = known.token(known.foreign_run)
    assert known.product.get(f"/api/runs/{known.foreign_run}", token=token).status == 403


def test_no_run_of_another_job_can_be_begun_from_whether_it_is_there_or_not(known: Known) -> None:
    job = known.product.create_job(JOB)  # one without a run, which would be in the way

    def told(run: str) -> tuple[int, str]:
        path, body = f"/api/jobs/{job}/execute", {"fromRun": run, "fromNode": 1}
        answer = known.product.post(path, body, token=known.product.token(**claims(job)))
        return answer.status, answer.json()["detail"].replace(run, "…")

    assert told(known.foreign_run) == told("0" * 32) == (404, "there is no run …")


def test_the_list_of_runs_holds_what_the_token_may_see(known: Known) -> None:
    def listed(token: str, more: str = "") -> list[str]:
        answer = known.product.get(f"/api/jobs/{known.job}/runs{more}", token=token)
        return [run["runId"] for run in answer.json()["runs"]]

    assert listed(known.token()) == [known.other_run, known.run]
    assert listed(known.token(known.run)) == [known.run]
    assert listed(known.token(known.run), "?status=cancelled") == [known.run]
    assert listed(known.token(known.run), "?status=queued") == []


def test_the_scope_is_asked_for_beside_the_limit(known: Known) -> None:
    token = known.token(scope="jobs:read")
    assert known.product.get(f"/api/jobs/{known.job}", token=token).status == 200
    answer = known.product.post(f"/api/jobs/{known.job}/execute", token=token)
    assert answer.status == 403
    assert "jobs:execute" in answer.json()["detail"]


def test_a_session_is_limited_as_the_token_that_made_it(known: Known) -> None:
    product = known.product
    signed_in = product.request("POST", "/api/session", token=known.token(known.run))
    assert signed_in.status == 204
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]

    def as_session(path: str) -> Any:
        return product.get(path, token=None, headers={"Cookie": cookie})

    who = as_session("/api/session").json()
    assert (who["jobId"], who["runId"]) == (known.job, known.run)
    assert as_session(f"/api/runs/{known.run}").status == 200
    refused = as_session("/api/jobs")
    assert refused.status == 403
    assert f"the session is limited to run {known.run}" in refused.json()["detail"]
    ticket = who["ticket"]
    with Raw(product, token=known.token(known.run)) as client:
        client.send(text(json.dumps({"action": "auth", "token": ticket})))
        client.send(subscribe(known.other_job))
        assert client.message()["code"] == "forbidden", "and the ticket was taken"


def test_a_limited_link_does_not_pass_for_the_session_that_is_there(known: Known) -> None:
    """Nor the other way round: the same subject with other rights is somebody else."""
    name, value = cookie_of(known.product, subject="test")
    headers = {"Cookie": f"{name}={value}", "Sec-Fetch-Site": "same-origin"}
    answer = known.product.request("POST", "/api/session", token=known.token(), headers=headers)
    assert answer.status == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {JOB_CLAIM: "42"},
        {JOB_CLAIM: True},
        {JOB_CLAIM: -1},
        {JOB_CLAIM: 4.0},
        {JOB_CLAIM: [42]},
        {JOB_CLAIM: 2**53},
        {JOB_CLAIM: 0},
        {JOB_CLAIM: 42, RUN_CLAIM: 7},
        {JOB_CLAIM: 42, RUN_CLAIM: ""},
        {JOB_CLAIM: 42, RUN_CLAIM: "*"},
        {RUN_CLAIM: "seven"},
    ],
)
def test_a_limit_that_nobody_understands_lets_nobody_in(
    known: Known, wrong: dict[str, object]
) -> None:
    answer = known.product.get("/api/jobs", token=known.product.token(**wrong))
    assert answer.status == 401
    assert "the token's progress_" in answer.json()["detail"]


@pytest.mark.parametrize("nothing", [{JOB_CLAIM: None}, {JOB_CLAIM: 42, RUN_CLAIM: None}])
def test_a_limit_to_nothing_is_not_no_limit(nothing: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="progress_"):
        limit_of(nothing)


def test_the_script_makes_such_a_token(known: Known) -> None:
    def made(*options: str) -> subprocess.CompletedProcess[str]:
        environ = {"JWT_SECRET": known.product.secret, "PATH": "/usr/bin:/bin"}
        command = [str(ROOT / "scripts" / "token"), *options]
        return subprocess.run(command, capture_output=True, text=True, env=environ, check=False)

    token = made("--job", str(known.job), "--run", known.run).stdout.strip()
    assert known.product.get(f"/api/runs/{known.run}", token=token).status == 200
    assert known.product.get(f"/api/runs/{known.other_run}", token=token).status == 403
    for wrong in (["--run", known.run], ["--job", "-3"], ["--job", "3", "--run", "a b"]):
        refused = made(*wrong)
        assert refused.returncode == 2
        assert "--job must be the number of a job" in refused.stderr


# ---------------------------------------------------------------- the socket


def test_a_socket_watches_the_tokens_job_alone(known: Known) -> None:
    with Raw(known.product, token=known.product.token(**claims(8001))) as client:
        for job_id in (8002, "*"):
            client.send(text(json.dumps({"action": "subscribe", "jobId": job_id})))
            answer = client.message()
            assert answer["code"] == "forbidden"
            assert "the token is limited to job 8001" in answer["message"]
            assert answer.get("jobId") == (None if job_id == "*" else job_id)
        client.send(subscribe(8001))
        for job_id, count in ((8002, 1), (8001, 2)):
            publish(known.product, (progress_subject(job_id), progress(count)))
        told = client.message()
        assert (told["jobId"], told["payload"]["rowCount"]) == (8001, 2)


def test_a_socket_of_one_run_hears_of_no_other(known: Known) -> None:
    def of(run: str | None, count: int) -> tuple[str, bytes]:
        told = {**json.loads(progress(count)), "runId": run}
        return progress_subject(8003), json.dumps(told).encode()

    with Raw(known.product) as everything:
        everything.send(subscribe(8003))
        publish(known.product, of("seven", 1))
        assert everything.message()["payload"]["runId"] == "seven"
        with Raw(known.product, token=known.product.token(**claims(8003, "seven"))) as client:
            client.send(subscribe(8003))
            assert client.message()["payload"]["rowCount"] == 1, "what is true comes first"
            publish(known.product, of("eight", 2), of(None, 3), of("seven", 4))
            publish(known.product, of("eight", 5))
            seen = [everything.message()["payload"]["rowCount"] for _ in range(2)]
            assert 2 in seen, "others hear of it"
            client.send(text('{"action":"echo"}'))
            told = []
            while (message := client.message()).get("code") != "unknown_action":
                told.append(message["payload"])
            assert {payload["runId"] for payload in told} <= {"seven"}
        with Raw(known.product, token=known.product.token(**claims(8003, "nine"))) as late:
            late.send(subscribe(8003))
            late.send(text('{"action":"echo"}'))
            assert late.message()["code"] == "unknown_action", "and nothing before it"


@pytest.mark.parametrize("other", [{}, claims(8005), claims(8004, "seven")])
def test_a_new_token_does_not_change_what_a_socket_is_limited_to(
    known: Known, other: dict[str, object]
) -> None:
    with Raw(known.product, token=known.product.token(**claims(8004))) as client:
        client.send(text(json.dumps({"action": "auth", "token": known.product.token(**other)})))
        answer = client.message()
        assert answer["code"] == "bad_token"
        assert "this connection to job 8004" in answer["message"]
        renewed = known.product.token(**claims(8004), sub="again")
        client.send(text(json.dumps({"action": "auth", "token": renewed})))
        client.send(text('{"action":"echo"}'))
        assert client.message()["code"] == "unknown_action", "a like token is taken"
