"""scripts/soak finds what it is there to find: its account and its clients, given things that went wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from soak.account import RunAccount, told_ends
from soak.command import parse
from soak.faults import Fault
from soak.ledgers import FileLedger
from soak.product import Product
from soak.watchers import Watcher
from soak.work import Attempt, Places, Worker, graph
from tests.harness import ends_on_ctrl_c

KIND = "table to ledger"
ROWS = 120


@pytest.mark.parametrize("minutes", ["0", "nan", "-inf"])
def test_a_soak_that_would_account_for_nothing_is_refused(minutes: str) -> None:
    with pytest.raises(SystemExit):
        parse([f"--minutes={minutes}"])


def test_several_servers_need_a_database_that_they_share() -> None:
    with pytest.raises(SystemExit):
        parse(["--servers=2"])


class _NoThread(Worker):
    """A worker that only remembers."""

    def __init__(self, ledger: FileLedger) -> None:
        self.job_id, self.ledger, self.errors_seen = 1, ledger, {}
        self.attempts = [Attempt("s0x0", 1, KIND, ROWS, fails=False, run_ids={"r1"})]


class _Scene:
    """One attempt, its one completed run, all its rows: nothing is wrong with it."""

    def __init__(self, directory: Path) -> None:
        self.ledger = FileLedger([directory], "ledger-0")
        self.ledger.make()
        self.worker = _NoThread(self.ledger)
        self.log = directory / "log"
        self.log.write_text("runner INFO run r1 of job 1 starts\n")
        self.faults: list[Fault] = []
        self.run: dict[str, Any] = {
            "runId": "r1",
            "status": "completed",
            "reason": None,
            "exitCode": 0,
            "createdAt": 100.0,
            "startedAt": 101.0,
            "endedAt": 110.0,
            "nodes": [{"nodeId": 1, "status": "completed", "rowCount": ROWS}],
            "graph": graph(KIND, self.ledger, "s0x0", 1),
        }
        self.runs = [self.run]
        self.write(range(ROWS))

    def write(self, numbers: range) -> None:
        with closing(sqlite3.connect(self.ledger.files[0])) as database:
            database.executemany("INSERT INTO ledger VALUES ('s0x0', ?)", ((n,) for n in numbers))
            database.commit()

    def violations(self) -> str:
        account = RunAccount([self.worker], self.faults, Places([self.log.parent]), [self.log])
        account.check({1: self.runs})
        return "\n".join(account.violations)


@pytest.fixture
def scene(tmp_path: Path) -> _Scene:
    return _Scene(tmp_path)


def test_a_run_that_went_well_is_accounted_for(scene: _Scene) -> None:
    assert scene.violations() == ""


def test_rows_that_were_written_twice_are_found(scene: _Scene) -> None:
    scene.write(range(ROWS))
    assert "doubled" in scene.violations()


def test_half_of_the_rows_is_found(scene: _Scene) -> None:
    scene.worker.attempts[0].rows = 2 * ROWS
    assert f"wrote {ROWS} of {2 * ROWS} rows" in scene.violations()


def test_a_second_start_is_found(scene: _Scene) -> None:
    scene.log.write_text(scene.log.read_text() * 2)
    assert "started 2 times" in scene.violations()


def test_a_second_run_of_one_wish_is_found(scene: _Scene) -> None:
    scene.runs.append({**scene.run, "runId": "r2"})
    assert "executed once and has runs ['r1', 'r2']" in scene.violations()


def test_an_answered_run_that_is_not_there_is_found(scene: _Scene) -> None:
    scene.runs.clear()
    assert "answered with 202 and is not there" in scene.violations()


def test_a_run_that_does_not_end_is_found(scene: _Scene) -> None:
    scene.run["status"] = "running"
    assert "stuck as running" in scene.violations()


@pytest.mark.parametrize(
    ("kind", "other", "server"),
    [
        ("table to PostgreSQL", "mariadb", "database"),
        ("pipe to MariaDB", "database", "mariadb"),
    ],
)
def test_a_run_that_wrote_into_a_server_may_fail_with_it_and_with_nothing_else(
    scene: _Scene, kind: str, other: str, server: str
) -> None:
    scene.ledger.files[0].unlink()
    scene.ledger.make()
    scene.worker.attempts[0].kind = kind
    scene.run.update(status="failed", reason="the connection was lost", exitCode=1, nodes=[])
    scene.faults += [Fault(105.0, "worker", "kill -9"), Fault(105.0, other, "kill -9")]
    assert "no fault explains it" in scene.violations()
    scene.faults.append(Fault(105.0, server, "kill -9"))
    assert scene.violations() == ""
    scene.write(range(ROWS))
    assert "wrote its rows" in scene.violations()


@pytest.mark.parametrize(
    ("status", "reason", "fault"),
    [
        ("lost", "the runner died", Fault(105.0, "runner", "kill -9")),
        ("failed", "signal SIGKILL", Fault(105.0, "program", "kill -9", run_id="r1")),
        ("cancelled", "the server was stopped", Fault(90.0, "master", "SIGTERM", until=105.0)),
    ],
)
def test_a_bad_end_needs_a_fault_that_explains_it(
    scene: _Scene, status: str, reason: str, fault: Fault
) -> None:
    scene.ledger.files[0].unlink()
    scene.ledger.make()
    scene.run.update(status=status, reason=reason, exitCode=None, nodes=[])
    assert "no fault explains it" in scene.violations()
    scene.faults.append(fault)
    assert scene.violations() == ""


class _Heard:
    """A client without a connection, and what it complains of."""

    def __init__(self, directory: Path) -> None:
        self.complaints: list[str] = []
        product = Product(directory, "gthread")
        self.client = Watcher(product, "client", [1], 1, self.complaints.append)

    def node(self, rows: int, status: str = "running", run_id: str = "r1", seq: int = 1) -> None:
        payload = {"nodeId": 1, "nodeName": "A", "status": status, "rowCount": rows}
        payload |= {"message": "", "runId": run_id, "seq": seq}
        self.client._hear({"type": "job.progress", "jobId": 1, "payload": payload})

    def run(self, status: str, run_id: str = "r1") -> None:
        payload = {"runId": run_id, "status": status, "reason": None, "ts": 1.0}
        self.client._hear({"type": "job.status", "jobId": 1, "payload": payload})


@pytest.fixture
def heard(tmp_path: Path) -> _Heard:
    return _Heard(tmp_path)


def test_a_client_that_was_told_the_truth_differs_in_nothing(heard: _Heard) -> None:
    heard.run("queued")
    heard.node(5)
    heard.node(9, "completed", seq=2)
    heard.run("completed")
    nodes = [{"nodeId": 1, "status": "completed", "rowCount": 9}]
    truth = {"runId": "r1", "status": "completed", "nodes": nodes}
    assert heard.client.differences({1: truth}) == []
    assert heard.client.differences({1: {**truth, "status": "lost"}})
    assert heard.client.differences({1: {**truth, "nodes": []}})
    assert told_ends([heard.client], [truth]) == []
    assert told_ends([heard.client], [{**truth, "status": "lost"}])
    assert heard.complaints == []


@pytest.mark.parametrize("status", ["running", "failed"])
def test_an_output_may_take_back_all_that_it_wrote(heard: _Heard, status: str) -> None:
    heard.node(9, seq=2)
    heard.node(0, status, seq=3)
    assert heard.complaints == []


def test_a_count_of_nothing_that_is_older_or_completed_is_a_step_back(heard: _Heard) -> None:
    heard.node(9, seq=3)
    heard.node(0, seq=2)
    heard.node(9, seq=4)
    heard.node(0, "completed", seq=5)
    assert ["step back in rowCount" in complaint for complaint in heard.complaints] == [True, True]


def test_another_server_may_be_behind_until_it_has_caught_up(heard: _Heard) -> None:
    heard.node(9, seq=8)
    heard.client.ear.reconnected()
    heard.node(5, seq=5)
    heard.node(6, seq=6)
    assert heard.complaints == []
    heard.node(10, seq=9)
    heard.node(6, seq=6)
    assert "step back in rowCount" in heard.complaints[-1]
    before = [*heard.complaints]
    heard.node(11, "completed", seq=10)
    heard.client.ear.reconnected()
    heard.node(10, seq=9)
    heard.node(11, "completed", seq=10)
    assert heard.complaints == before, "it had not heard of the node's end"
    heard.node(10, seq=9)
    assert "step back in rowCount" in heard.complaints[-1]
    heard.node(11, "completed", seq=10)
    heard.client.ear.reconnected()
    heard.node(11, seq=11)
    assert "a terminal state was left" in heard.complaints[-1]


def test_steps_back_and_left_ends_are_found(heard: _Heard) -> None:
    heard.node(9, seq=2)
    heard.node(5, seq=3)
    assert "step back in rowCount" in heard.complaints[-1]
    heard.node(9, "completed", seq=4)
    heard.node(9, "running", seq=5)
    assert "a terminal state was left" in heard.complaints[-1]
    heard.run("completed")
    heard.run("lost")
    assert "told as lost after ['completed']" in heard.complaints[-1]
    heard.run("running")
    assert "after its end" in heard.complaints[-1]


def test_a_server_that_is_behind_may_tell_a_run_again_up_to_its_end(heard: _Heard) -> None:
    heard.run("completed")
    before = [*heard.complaints]
    heard.client.ear.reconnected()
    heard.run("running")
    heard.run("completed")
    assert heard.complaints == before
    heard.run("running")
    assert "after its end" in heard.complaints[-1]


@pytest.mark.slow
@pytest.mark.faults
def test_ctrl_c_leaves_no_process_and_no_directory(tmp_path: Path) -> None:
    ends_on_ctrl_c("soak.command", "--minutes", "5", begun="ready at", directory=tmp_path)
