"""Programs on NATS: each has a credential of its own, and the server refuses whatever is not its progress."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from jobs.run.admission import Admission, Ticket
from jobs.run.nkeys import Issuer, KeyUnusable, claims_of, new_seed, own_issuer, read_issuer
from jobs.store.records import Run
from jobs.store.runs.run_states import RunStatus
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link, Message
from realtime.bridge.stream import PLAN, ProgressStream
from settings.secret_files import write_secret
from tests.harness import (
    DEADLINE,
    ROOT,
    NatsServer,
    Product,
    StartProduct,
    eventually,
    nats_server_binary,
)
from tests.warm import kill_warm_interpreter

TENANT, JOB, RUN = "acme", 7, "run-1"
SUBJECT = f"tenant.{TENANT}.job.{JOB}.progress"


class Raw:
    """A client that says what it likes, and keeps all that the server answers."""

    def __init__(self, port: int, **options: Any) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self._read_until(b"\r\n")
        self.answer = self.say("CONNECT " + json.dumps({"verbose": False, **options}))

    def say(self, *lines: str) -> bytes:
        """All that the server answers, up to the PONG that closes it or the end of the connection."""
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "PING")).encode())
        return self._read_until(b"PONG\r\n")

    def _read_until(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            received = self._socket.recv(65_536)
            if not received:
                return found
            found += received
        return found

    def close(self) -> None:
        self._socket.close()


def login(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"user": parts.username or "", "pass": parts.password or ""}


def run_of(tenant_id: str = TENANT, job_id: int = JOB, run_id: str = RUN) -> Run:
    return Run(
        tenant_id=tenant_id,
        run_id=run_id,
        job_id=job_id,
        job_name="a job",
        status=RunStatus.RUNNING,
        reason=None,
        exit_code=None,
        created_at=0.0,
        started_at=None,
        ended_at=None,
        queued_at=0.0,
        cancel_requested_at=None,
        runner=None,
        program_pid=None,
        beat=0,
        parameters={},
    )


def documented_config(directory: Path, port: int, issuer: Issuer) -> Path:
    """The configuration of docs/nats.md, with this port and key in the place of its own."""
    block = re.search(r"```hcl\n(.*?)```", (ROOT / "docs/nats.md").read_text(), re.S)
    assert block is not None
    text = re.sub(r"\bA[A-Z2-7]{55}\b", issuer.public, block[1])
    text = re.sub(r"listen: \S+", f'listen: "127.0.0.1:{port}"', text)
    text = re.sub(r'store_dir: "[^"]*"', f'store_dir: "{directory / "store"}"', text)
    config = directory / "nats.conf"
    write_secret(config, text)
    return config


class GuardedNats(NatsServer):
    """A nats-server of somebody's own, with the configuration that docs/nats.md gives."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.seed = directory / "seed"
        write_secret(self.seed, new_seed())
        self.issuer = read_issuer(self.seed)
        self.config = documented_config(directory, self.port, self.issuer)

    @property
    def url(self) -> str:
        return f"nats://progress:CHANGE-ME@127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [nats_server_binary(), "-c", str(self.config)]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedNats]:
    server = GuardedNats(tmp_path / "guarded")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        print(server.log_file.read_text()[-3000:])


@pytest.fixture
def at_work() -> set[str]:
    """The names of the runs that a runner has at work."""
    return {str(Ticket.of(run_of()))}


@pytest.fixture
def admission(guarded: GuardedNats, at_work: set[str]) -> Iterator[Admission]:
    admission = Admission(guarded.url, guarded.issuer, lambda ticket: str(ticket) in at_work)
    admission.start()
    yield admission
    admission.close()


@pytest.fixture
def everything(guarded: GuardedNats) -> Iterator[list[Message]]:
    """All that is published, as our own processes hear it."""
    heard: list[Message] = []
    link = Link(guarded.url, name="test")
    link.subscribe("tenant.>", heard.append)
    link.start()
    assert link.wait_up(DEADLINE)
    assert link.flush(DEADLINE)
    yield heard
    link.close()


def test_a_program_publishes_its_own_progress_and_nothing_else(
    guarded: GuardedNats, admission: Admission, everything: list[Message]
) -> None:
    program = Raw(guarded.port, **login(admission.url_for(run_of())))
    for subject in (
        "tenant.acme.job.8.progress",  # another job
        "tenant.globex.job.7.progress",  # another tenant
        "tenant.acme.job.7.status",  # the run's own end is the runner's to tell
        "tenant.acme.job.7.progress.more",
        "tenant.acme.preview",
        "$JS.API.STREAM.DELETE.RUNS",
        "$SYS.REQ.USER.AUTH",
        "_INBOX.x",
    ):
        said = program.say(f"PUB {subject} 2", "{}").decode()
        assert f"-ERR 'Permissions Violation for Publish to \"{subject}\"'" in said, subject
    for subject in (SUBJECT, "tenant.globex.job.1.progress", ">", "_INBOX.x", "$SYS.>"):
        said = program.say(f"SUB {subject} 1").decode()
        assert f"-ERR 'Permissions Violation for Subscription to \"{subject}\"'" in said, subject
    assert b"-ERR" not in program.say(f"PUB {SUBJECT} 2", "{}")
    eventually(lambda: everything)
    assert [message.subject for message in everything] == [SUBJECT]
    program.close()


@pytest.mark.parametrize("made_before", [False, True])
def test_no_answer_to_a_program_reaches_a_subject_that_it_may_not_publish_on(
    guarded: GuardedNats, admission: Admission, everything: list[Message], made_before: bool
) -> None:
    """JetStream acknowledges past the permissions; also a stream of an earlier version is silent."""
    link = Link(guarded.url, name="worker")
    link.start()
    assert link.wait_up(DEADLINE)
    if made_before:
        config = {"name": "PROGRESS", "subjects": PLAN.subjects, "max_bytes": 1 << 20}
        JetStream(link).call("STREAM.CREATE.PROGRESS", config)
    ProgressStream(link, "*").open()
    foreign = f"tenant.globex.job.{JOB}.progress"
    program = Raw(guarded.port, **login(admission.url_for(run_of())))
    assert b"-ERR" not in program.say(f"PUB {SUBJECT} {foreign} 2", "{}")
    header = f"NATS/1.0\r\nNats-Msg-Id: 1\r\nNats-Trace-Dest: {foreign}\r\n\r\n"
    program.say(f"HPUB {SUBJECT} {foreign} {len(header)} {len(header) + 2}", header + "{}")
    program.close()
    eventually(
        lambda: ProgressStream(link, "*").open().last_seq >= 1, what="the stream has taken it"
    )
    assert link.flush(DEADLINE)
    eventually(lambda: everything)
    assert {message.subject for message in everything} == {SUBJECT}
    if made_before:
        config = JetStream(link).call("STREAM.INFO.PROGRESS", {})["config"]
        assert (config["no_ack"], config["max_bytes"]) == (True, 1 << 20)
    link.close()


def test_a_credential_is_good_for_its_own_run_and_while_that_is_at_work(
    guarded: GuardedNats, admission: Admission, at_work: set[str]
) -> None:
    good = login(admission.url_for(run_of()))
    other = login(admission.url_for(run_of("globex", 7)))
    at_work.add(other["user"])
    for stolen in (
        {"user": other["user"], "pass": good["pass"]},
        {"user": good["user"], "pass": ""},
        {"user": good["user"]},
        {"user": "acme.7", "pass": good["pass"]},
        {"user": "acme.*.run-1", "pass": good["pass"]},
        {"user": "acme.7.run-1.x", "pass": good["pass"]},
        {"user": "progress", "pass": good["pass"]},
        {"auth_token": good["pass"]},
    ):
        assert b"-ERR 'Authorization Violation'" in Raw(guarded.port, **stolen).answer, stolen
    assert Raw(guarded.port, **good).answer == b"PONG\r\n"
    at_work.clear()
    assert b"-ERR 'Authorization Violation'" in Raw(guarded.port, **good).answer


def test_nobody_comes_in_without_a_name_whether_somebody_answers_or_not(
    guarded: GuardedNats, admission: Admission
) -> None:
    admission.url_for(run_of())  # it listens
    assert b"-ERR 'Authorization Violation'" in Raw(guarded.port).answer
    admission.close()
    assert b"-ERR 'Authorization Violation'" in Raw(guarded.port).answer


def test_the_documented_publisher_says_its_job_and_hears_nothing(guarded: GuardedNats) -> None:
    airflow = Raw(guarded.port, **{"user": "airflow", "pass": "CHANGE-ME-TOO"})
    assert airflow.answer == b"PONG\r\n"
    assert airflow.say("PUB tenant.default.job.42.progress 2", "{}") == b"PONG\r\n"
    assert b"Permissions Violation" in airflow.say("PUB tenant.default.job.43.progress 2", "{}")
    for subject in ("$SYS.REQ.USER.AUTH", "tenant.>"):
        assert b"Permissions Violation" in airflow.say(f"SUB {subject} 1")


def test_a_program_comes_back_after_the_server_was_killed(
    guarded: GuardedNats, admission: Admission
) -> None:
    link = Link(admission.url_for(run_of()), name="program")
    link.start()
    assert link.wait_up(DEADLINE)
    guarded.kill()
    guarded.start()
    assert eventually(lambda: link.connects == 2 and link.is_up)
    assert link.publish(SUBJECT, b"{}")
    link.close()


def test_what_is_no_question_does_not_end_the_answering(
    guarded: GuardedNats, admission: Admission
) -> None:
    good = login(admission.url_for(run_of()))
    link = Link(guarded.url, name="test")
    link.start()
    assert link.wait_up(DEADLINE)
    for payload in (b"", b"a.b.c", b"e.e30.s", b"x.W10.y", b"." * 1000):
        link.publish("$SYS.REQ.USER.AUTH", payload, link.new_inbox())
    link.publish("$SYS.REQ.USER.AUTH", b"no reply")
    assert link.flush(DEADLINE)
    link.close()
    assert Raw(guarded.port, **good).answer == b"PONG\r\n"


# ---------------------------------------------------------------- the embedded server


def test_the_embedded_server_wants_a_password_that_is_kept_for_its_owner(product: Product) -> None:
    assert b"-ERR 'Authorization Violation'" in Raw(product.nats_port).answer
    guess = {"user": "progress", "pass": "password"}
    assert b"-ERR 'Authorization Violation'" in Raw(product.nats_port, **guess).answer
    assert Raw(product.nats_port, **login(product.nats_url)).answer == b"PONG\r\n"
    for name in ("nats_password", "nats_seed", "nats.conf", "jwt_secret"):
        path = product.data_dir / name
        assert not path.exists() or path.stat().st_mode & 0o777 == 0o600, name


def test_a_program_of_the_product_has_its_own_credential_and_no_secret_is_shown(
    start_product: StartProduct,
) -> None:
    """In a fresh interpreter, whose first environment /proc shows; a fork shows less (test_forks.py)."""
    server = start_product(
        SAMPLE_ORDERS="2000", CONNECTION_PAYROLL="sqlite:///payroll.db", PROGRAM_SPARES="1"
    )
    kill_warm_interpreter(server)
    environments: list[bytes] = []
    slow = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 30000000) SELECT n FROM c"
    document = {
        "name": "slow",
        "graph": {
            "nodes": [
                {
                    "id": 1,
                    "type": "db_input",
                    "config": {"connection": "sqlite:///s.db", "sql": slow},
                },
                {"id": 2, "type": "csv_output", "config": {"path": "out.csv"}},
            ],
            "edges": [{"from": 1, "to": 2}],
        },
    }
    import sqlite3

    sqlite3.connect(server.data_dir / "s.db").execute("CREATE TABLE t (n)")
    run_id = server.execute(server.create_job(document))

    def program() -> bytes:
        pid = server.get(f"/api/runs/{run_id}").json()["status"] == "running" and _pid_of(run_id)
        return Path(f"/proc/{pid}/environ").read_bytes() if pid else b""

    environments.append(eventually(program))
    entries = dict(e.split(b"=", 1) for e in environments[0].split(b"\0") if b"=" in e)
    names = login(entries[b"NATS_URL"].decode())
    assert names["user"].split(".")[0] == "default"
    assert names["user"].endswith(run_id)
    assert b"CONNECTION_PAYROLL" not in entries
    secrets = [
        server.nats_password,
        names["pass"],
        (server.data_dir / "nats_seed").read_text().strip(),
    ]
    said = Raw(server.nats_port, **names)
    assert b"Permissions Violation" in said.say("PUB tenant.default.job.999.progress 2", "{}")
    listed = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True).stdout
    answers = "".join(
        server.get(path).body.decode()
        for path in (
            f"/api/runs/{run_id}",
            f"/api/runs/{run_id}/program",
            f"/api/runs/{run_id}/log",
            "/metrics",
            "/readyz",
        )
    )
    server.post(f"/api/runs/{run_id}/cancel")
    server.run_end(run_id)
    told = listed + answers + server.log() + (server.data_dir / "nats.log").read_text()
    for secret in secrets:
        assert secret not in told


def _pid_of(run_id: str) -> str | None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"RUN_ID={run_id}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    return entry.name
            except OSError:
                continue
    return None


def test_a_data_directory_of_before_still_starts(
    start_product: StartProduct, tmp_path: Path
) -> None:
    server = start_product(SAMPLE_ORDERS="2000")
    assert server.stop() == 0
    for name in ("nats_password", "nats_seed"):
        (server.data_dir / name).unlink()
    (server.data_dir / "nats.conf").write_text("listen: 127.0.0.1:1\n")
    (server.data_dir / "nats.conf").chmod(0o644)
    server.start_again()
    run_id = server.execute(server.sample_job_id())
    assert server.run_end(run_id)["status"] == "completed"
    assert (server.data_dir / "nats.conf").stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- a server of one's own


def test_a_job_runs_through_a_server_with_the_documented_configuration(
    guarded: GuardedNats, start_product: StartProduct
) -> None:
    server = start_product(
        NATS_URL=guarded.url, NATS_ISSUER_SEED=str(guarded.seed), SAMPLE_ORDERS="2000"
    )
    run = server.run_end(server.execute(server.sample_job_id()))
    assert run["status"] == "completed"
    assert all(node["status"] == "completed" for node in run["nodes"])
    assert "Permissions Violation" not in server.log()


def test_a_seed_that_others_may_read_is_refused_at_the_start(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_text(new_seed())
    seed.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        read_issuer(seed)
    seed.chmod(0o600)
    seed.write_text("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY")
    with pytest.raises(ValueError, match=r"another kind|no nkey") as refused:
        read_issuer(seed)  # a user's
    assert "SUACSSL" not in str(refused.value)


def test_a_seed_has_one_public_key_and_what_is_no_seed_is_refused(tmp_path: Path) -> None:
    issuer = Issuer("SAAONPQIYIDFGNDS7KYSNFUZ4KQ3Q5JBYWDFEQPEA4VRYIPD54HJBJRBQQ")
    assert issuer.public == "ABZN3HGRDKREO4S3CEACUHCJ2LW63V6I3YDAYFPTTBSJJMMSEWHBOZI2"
    assert claims_of(issuer.sign({"sub": "x"}).encode())["iss"] == issuer.public
    for unfit in ("", "SA", "x" * 58, new_seed()[:-1] + "A!"):
        with pytest.raises(KeyUnusable):
            Issuer(unfit)
    first = own_issuer(tmp_path)
    assert own_issuer(tmp_path).public == first.public
    assert (tmp_path / "nats_seed").stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- the monitor


def test_the_monitor_of_the_embedded_server_answers_under_a_secret_path_alone(
    product: Product,
) -> None:
    """Else any user of the machine reads names of runs there, and so does any page: it allows every origin."""
    [path] = re.findall(r'^http_base_path: "(/[0-9a-f]{32})"$', config_of(product), re.M)
    assert monitor_status(product, "/") == 404
    for page in ("", "/connz?subs=1", "/jsz?consumers=1", "/varz", "/healthz"):
        assert monitor_status(product, page) == 404
        assert monitor_status(product, path + page) == 200
    assert path[1:] not in product.log() + (product.data_dir / "nats.log").read_text()


def config_of(product: Product) -> str:
    return (product.data_dir / "nats.conf").read_text()


def monitor_status(product: Product, path: str) -> int:
    monitor = HTTPConnection("127.0.0.1", product.monitor_port, timeout=5.0)
    try:
        monitor.request("GET", path)
        return monitor.getresponse().status
    finally:
        monitor.close()
