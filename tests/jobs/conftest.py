"""A store, a link, runners as real processes, and programs written by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.run.runner import Runner
from jobs.run.setup import Setup
from jobs.store.process_identity import _is_marked
from jobs.store.records import NewRun, Run
from jobs.store.runs.node_states import NodeState
from jobs.store.store import Store
from jobs.work.run_queue import RunQueue
from progress_lib import Progress, Status
from progress_lib.nats.link import Link, Message
from tests.harness import DEADLINE, ROOT, NatsServer, command_line, eventually, is_alive
from tests.programs import allowance

TENANT = "acme"
GRAPH: dict[str, Any] = {
    "nodes": [{"id": 1, "config": {"connection": "shop"}}, {"id": 2}],
    "edges": [{"from": 1, "to": 2}],
}

PROLOGUE = """\
import os, signal, subprocess, sys, time
from progress_lib import Progress, ProgressReporter, Status
reporter = ProgressReporter(
    os.environ["NATS_URL"], os.environ["TENANT_ID"], os.environ["JOB_ID"], run_id=os.environ["RUN_ID"]
)
def say(node, status, rows=0, message=""):
    reporter.report(Progress(node, f"Node {node}", Status(status), rows, message))
def wait_for_file(name):
    while not os.path.exists(name):
        time.sleep(0.02)
"""
GOOD = """
for node in (1, 2):
    say(node, "running", 10)
    say(node, "completed", 20)
reporter.close()
"""
UNTIL_TOLD = """
say(1, "completed", 5)
say(2, "running", 7)
wait_for_file("go")
say(2, "completed", 9)
reporter.close()
"""
FOR_EVER = """
say(1, "running", 7)
while True:
    time.sleep(60)
"""


def new_runner(
    store: Store, link: Link, server: NatsServer, data_dir: Path, **rules: Any
) -> Runner:
    """A runner in this process, with one slot."""
    setup = Setup(nats_url=server.url, data_dir=data_dir, allowance=allowance(data_dir, **rules))
    return Runner(store, link, setup)


def program(body: str) -> str:
    return PROLOGUE + body


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "var"
    directory.mkdir()
    return directory


@pytest.fixture
def database_url(data_dir: Path) -> str:
    return f"sqlite:///{data_dir / 'progress.db'}"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def run_queue(link: Link) -> RunQueue:
    return RunQueue(link)


def record(store: Store, body: str = GOOD, tenant_id: str = TENANT, tag: str | None = None) -> Run:
    """A recorded run of a new job, with a program written by hand."""
    job = store.create_job(tenant_id, "a job", GRAPH)
    new = NewRun(job.job_id, GRAPH, program(body), runner_tag=tag)
    return store.record_run(tenant_id, new).run


def ended(store: Store, run: Run, deadline: float = 60.0) -> Run:
    """The run once it has ended."""

    def look() -> Run | None:
        now = store.run(run.tenant_id, run.run_id)
        return now if now.has_ended else None

    found = eventually(look, deadline, what=f"run {run.run_id} ends")
    assert found is not None
    return found


def running(store: Store, run: Run, nodes: int = 1) -> Run:
    """The run once its program said something of `nodes` nodes and the store has it."""

    def look() -> Run | None:
        now, states = store.run_with_nodes(run.tenant_id, run.run_id)
        assert not now.has_ended, now
        return now if now.program_pid and len(states) >= nodes else None

    found = eventually(look, what=f"run {run.run_id} runs")
    assert found is not None
    return found


def node_state(node_id: int, status: str = "running", rows: int = 0, **more: Any) -> NodeState:
    return NodeState.of(Progress(node_id, f"Node {node_id}", Status(status), rows, **more))


class Heard:
    """All that was published for a tenant's jobs."""

    def __init__(self, link: Link) -> None:
        self.messages: list[Message] = []
        link.subscribe("tenant.*.job.*.*", self.messages.append)
        assert link.flush(DEADLINE)

    def statuses(self, run: Run) -> list[str]:
        return [p["status"] for p in self._of(run, "status")]

    def progress(self, run: Run) -> list[dict[str, Any]]:
        return self._of(run, "progress")

    def kinds(self, run: Run) -> list[str]:
        found = [m for m in self.messages if json.loads(m.payload).get("runId") == run.run_id]
        return [m.subject.rpartition(".")[2] for m in found]

    def _of(self, run: Run, kind: str) -> list[dict[str, Any]]:
        subject = f"tenant.{run.tenant_id}.job.{run.job_id}.{kind}"
        payloads = [json.loads(m.payload) for m in self.messages if m.subject == subject]
        return [payload for payload in payloads if payload.get("runId") == run.run_id]


@pytest.fixture
def heard(link: Link) -> Heard:
    return Heard(link)


class RunnerProcess:
    """A real runner; `output` is its log."""

    def __init__(self, environment: dict[str, str], options: dict[str, Any], log: Path) -> None:
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command(options),
                cwd=ROOT,
                env={**environment, "LOG": str(log)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    MODULE = "tests.jobs.quick_runner"

    def command(self, options: dict[str, Any]) -> list[str]:
        return [sys.executable, "-m", self.MODULE, json.dumps(options)]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)

    def ask_to_stop(self) -> None:
        self.process.terminate()

    def stop(self, timeout: float = 25.0) -> int:
        self.ask_to_stop()
        return self.process.wait(timeout)


class RunnerElsewhere(RunnerProcess):
    """A runner in a process-id space of its own, as on another machine: no other runner sees its programs."""

    SPACE: tuple[str, ...] = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    FIRST = (
        "sh",
        "-c",
        '"$@" & exec sleep 600',
        "sh",
    )  # outlives the runner, and so does the space

    def command(self, options: dict[str, Any]) -> list[str]:
        return [*self.SPACE, *self.FIRST, *super().command(options)]

    @property
    def runner_pid(self) -> int:
        """The runner's process id as this process sees it."""
        [found] = eventually(
            lambda: [
                pid
                for pid in pids_with(f"LOG={self._log}")
                if command_line(pid).startswith(f"{sys.executable} -m {self.MODULE}")
            ]
        )
        return found

    def kill(self) -> None:
        os.kill(self.runner_pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        self.process.kill()  # and with it the whole space


def pids_with(mark: str) -> list[int]:
    """The live processes, of any process-id space, with this entry in the environment."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if is_alive(pid) and _is_marked(pid, mark.encode())]


StartRunner = Callable[..., RunnerProcess]


@pytest.fixture
def start_runner(
    nats_server: NatsServer, data_dir: Path, database_url: str, tmp_path: Path
) -> Iterator[StartRunner]:
    """Starts runners with times of the test's choice; ends them all."""
    started: list[RunnerProcess] = []

    def start(
        *,
        slots: int = 2,
        periods: dict[str, float] | None = None,
        kind: type[RunnerProcess] = RunnerProcess,
        takes: Sequence[str | None] = (None,),
        **deadlines: float,
    ) -> RunnerProcess:
        environment = {
            "PATH": os.environ["PATH"],
            "NATS_URL": nats_server.url,
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": database_url,
            "JWT_SECRET": "not for programs " * 4,
            "CONNECTION_SHOP": "sqlite:///shop.db",
            "CONNECTION_PAYROLL": "sqlite:///payroll.db",
            "WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
            "WEBHOOK_TIMEOUT": "3",
        }
        options = {
            "slots": slots,
            "periods": {"pull": 0.3, **(periods or {})},
            "deadlines": deadlines,
            "takes": takes,
        }
        log = tmp_path / f"runner-{len(started)}.log"
        started.append(kind(environment, options, log))
        return started[-1]

    yield start
    for runner in started:
        if runner.process.poll() is None:
            runner.ask_to_stop()
    for runner in started:
        try:
            runner.process.wait(25.0)
        except subprocess.TimeoutExpired:
            runner.kill()
        print(f"--- runner {runner.pid}\n{runner.output}")
