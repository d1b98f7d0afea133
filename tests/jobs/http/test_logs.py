"""A run's log is read wherever its runner was: on this machine, or on another that shares the database and NATS alone."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobs.http.runs.logs import Logs
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import LogEnd, Move
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.work.program_log import KEPT, LogPiece, log_end, part_of, read_log
from jobs.work.run_files import RunFiles
from progress_lib.nats.link import Link
from tests.harness import eventually
from tests.jobs.conftest import GOOD, TENANT, StartRunner, ended, record, running
from tests.jobs.http.test_api import new_app, problem

ELSEWHERE = ProcessIdentity("loader-7-0a1b2c3d", 1, 2)
TALKS = """
print("first line é")
for number in range(40_000):
    print(f"line {number:06}")
sys.stdout.flush()
"""
WAITS = """
say(1, "running")
wait_for_file("go")
print("last line")
say(1, "completed"); say(2, "running"); say(2, "completed")
reporter.close()
"""


@pytest.fixture
def web(store: Store, link: Link, tmp_path: Path) -> FlaskClient:
    """A web server on a machine of its own: its DATA_DIR is not the runner's."""
    own = tmp_path / "web"
    own.mkdir()
    return new_app(store, link, own).test_client()


def log_of(web: FlaskClient, run_id: str, start: int = 0) -> str:
    """The text from a byte to the end, asked for in pieces."""
    text, size = "", -1
    while start != size:
        piece = web.get(f"/api/runs/{run_id}/log?from={start}").get_json()
        text, start, size = text + piece["text"], piece["next"], piece["size"]
    return text


def test_the_log_of_a_run_at_work_is_asked_of_its_runner_and_its_end_is_kept(
    store: Store, web: FlaskClient, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner()
    run = running(store, record(store, TALKS + WAITS))
    whole = TALKS_TEXT
    assert eventually(lambda: log_of(web, run.run_id) == whole)
    assert log_of(web, run.run_id, -12) == "line 039999\n"
    assert web.get(f"/api/runs/{run.run_id}/log?format=text").text == whole
    (RunFiles(data_dir, run.run_id).directory / "go").touch()
    ended(store, run)
    size = len((whole + "last line\n").encode())
    piece = web.get(f"/api/runs/{run.run_id}/log?from=0").get_json()
    assert (piece["from"], piece["size"], piece["ended"]) == (size - KEPT, size, True)
    assert piece["text"].endswith("line 039999\nlast line\n")
    text = web.get(f"/api/runs/{run.run_id}/log?format=text").text
    first, _, rest = text.partition("\n")
    assert first == (
        f"[the first {size - KEPT:,} bytes of this log are kept on the machine {socket.gethostname()} alone]"
    )
    assert rest == piece["text"]


TALKS_TEXT = "first line é\n" + "".join(f"line {number:06}\n" for number in range(40_000))


def test_a_log_that_only_a_silent_machine_has_is_no_empty_log(
    store: Store, web: FlaskClient
) -> None:
    run = record(store, GOOD)
    assert web.get(f"/api/runs/{run.run_id}/log").get_json()["size"] == 0  # it waits
    store.start_run(TENANT, run.run_id, ELSEWHERE)
    told = problem(web.get(f"/api/runs/{run.run_id}/log"), 503)
    assert "the machine loader-7, and the runner there does not answer" in told["detail"]
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.LOST))
    for form in ("", "?format=text"):
        told = problem(web.get(f"/api/runs/{run.run_id}/log{form}"), 503)
        assert "the machine loader-7, whose runner could not hand on its end" in told["detail"]


def test_the_end_of_a_log_goes_with_its_job(store: Store, web: FlaskClient) -> None:
    run = record(store, GOOD)
    store.start_run(TENANT, run.run_id, ELSEWHERE)
    end = LogEnd(3, b"abc")
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.FAILED, log=end))
    assert store.log_end(TENANT, run.run_id) == end
    assert store.log_end("globex", run.run_id) is None
    assert web.delete(f"/api/jobs/{run.job_id}").status_code == 204
    assert store.log_end(TENANT, run.run_id) is None


def test_a_log_that_this_server_may_not_read_is_told_from_elsewhere(
    store: Store, web: FlaskClient, tmp_path: Path
) -> None:
    """As where the runner is another user: it was an error of ours, though the database has the end."""
    run = record(store, GOOD)
    store.start_run(TENANT, run.run_id, ELSEWHERE)
    end = LogEnd(3, b"abc")
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.FAILED, log=end))
    RunFiles(tmp_path / "web", run.run_id).log.mkdir(parents=True)  # as little of a file
    assert web.get(f"/api/runs/{run.run_id}/log").get_json()["text"] == "abc"


def test_a_log_that_nobody_can_read_is_no_empty_log(
    store: Store, web: FlaskClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a run that had its runner on this machine it was answered as one in which nothing stands."""
    run = record(store, GOOD)
    store.start_run(TENANT, run.run_id, ProcessIdentity.of(os.getpid()))
    store.move_run(TENANT, run.run_id, Move(RunStatus.RUNNING, RunStatus.FAILED))
    RunFiles(tmp_path / "web", run.run_id).log.mkdir(parents=True)  # as little of a file
    for form in ("", "?format=text", ""):
        told = problem(web.get(f"/api/runs/{run.run_id}/log{form}"), 503)
        assert "the log cannot be read here (Is a directory)" in told["detail"]
    assert caplog.text.count("cannot be read here") == 1


def test_each_kind_of_error_by_which_logs_cannot_be_read_is_told_once(
    store: Store, link: Link, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A passing lack of descriptors silenced, for as long as the worker lived, that nobody lets us read."""
    logs = Logs(store, link, tmp_path)
    for number in (errno.EMFILE, errno.EACCES, errno.EMFILE, errno.EACCES):
        logs._tell(OSError(number, os.strerror(number)))
    assert [record.getMessage().partition("] ")[2] for record in caplog.records] == [
        os.strerror(errno.EMFILE),
        os.strerror(errno.EACCES),
    ]


@pytest.mark.parametrize("start", [-5, -3, -1, 0, 1, 6, 7, 9, 10, 11])
def test_a_part_of_a_kept_end_is_what_the_file_would_give(start: int, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"0123456789")
    kept = LogEnd(10, b"6789")
    from_file, from_end = read_log(tmp_path / "log.txt", start, 3), part_of(kept, start, 3)
    assert from_end.start == max(from_file.start, 6)
    if from_file.start >= 6:
        assert LogPiece.of(from_end, is_complete=True) == LogPiece.of(from_file, is_complete=True)


def test_a_log_without_a_file_has_no_end(tmp_path: Path) -> None:
    assert log_end(tmp_path / "log.txt") is None
    (tmp_path / "log.txt").write_bytes(b"")
    assert log_end(tmp_path / "log.txt") == LogEnd(0, b"")


def test_a_log_that_cannot_be_read_keeps_no_run_from_its_end(tmp_path: Path) -> None:
    """As where the runner has no more descriptors: a run that had completed was told as failed."""
    assert log_end(tmp_path) is None
    assert log_end(tmp_path / ("too long" * 100)) is None  # as where nobody lets us look
