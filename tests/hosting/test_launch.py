"""What scripts/run hears of its server, and what it says where there is none."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting.start.first_run import Api, run_sample
from hosting.start.launch import main
from jobs.graph.gallery import ORDER_REPORT

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LINE = b'8\r\n{"a":1}\n\r\n'


@pytest.mark.parametrize(
    "rest", [b"", b'14\r\n{"b":', b'5\r\n{"b":\r\n', b'5\r\n{"b":\r\n0\r\n\r\n', b"0\r\n\r\n"]
)
def test_a_stream_that_breaks_off_ends_where_it_broke(rest: bytes) -> None:
    """scripts/run --once ended in a traceback, and the run went on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10.0)

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                client.sendall(HEAD + LINE + rest)

        server = threading.Thread(target=serve, name="a server that breaks off", daemon=True)
        server.start()
        api = Api(f"http://127.0.0.1:{listener.getsockname()[1]}", "a token")
        assert list(api.lines("/api/runs/x/wait")) == [{"a": 1}]
        server.join(10.0)


class SampleApi(Api):
    """A server whose sample job has been changed to one without names."""

    def ask(self, method: str, path: str) -> Any:
        graph = {"nodes": [{"id": 1, "type": "dbInput"}, {"id": 2, "type": "csvOutput"}]}
        run = {"status": "completed", "nodes": [], "graph": graph}
        answers: dict[str, Any] = {
            "/api/jobs": {"jobs": [{"id": 1, "name": ORDER_REPORT.name}]},
            "/api/jobs/1": {"graph": graph},
            "/api/jobs/1/execute": {"runId": "r"},
            "/api/runs/r": run,
        }
        return answers[path.partition("?")[0]]

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        payload = {"nodeId": 1, "nodeName": "Database", "status": "completed", "rowCount": 7}
        yield {"type": "job.progress", "payload": payload}


def test_a_sample_job_whose_nodes_have_no_names_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    """scripts/run --once ended with KeyError: 'name'."""
    assert run_sample(SampleApi("", "")) == 0
    told = capsys.readouterr().out
    assert "Database" in told
    assert "node 2" in told


@pytest.fixture
def kept_signals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """`main` takes signals, and a umask, for its process."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr("settings.keep_private", lambda: None)
    before = {number: signal.getsignal(number) for number in (1, 2, 15)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("kept_signals")
def test_what_keeps_a_start_from_its_log_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk is such a thing, and was a traceback."""
    (tmp_path / "once.log").mkdir()  # nor can the end of it be shown
    assert main(["--once"]) == 2
    said = f"scripts/run: DATA_DIR: {tmp_path}/once.log: Is a directory\n"
    assert capsys.readouterr().err == said


@pytest.mark.usefixtures("kept_signals")
def test_a_log_of_before_is_not_told_as_that_of_a_start_that_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where that was another user's, it was a traceback."""
    (tmp_path / "once.log").write_text("of an earlier start\n")
    opened = Path.open

    def read_only(path: Path, mode: str = "r", *more: Any, **how: Any) -> Any:
        if "w" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, mode, *more, **how)

    monkeypatch.setattr(Path, "open", read_only)
    assert main(["--once"]) == 2
    said = f"scripts/run: DATA_DIR: {tmp_path}/once.log: Read-only file system\n"
    assert capsys.readouterr().err == said


@pytest.mark.usefixtures("kept_signals")
def test_a_machine_without_a_process_left_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: Any) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(subprocess, "Popen", full)
    files = os.listdir("/proc/self/fd")
    assert main([]) == 1
    assert os.listdir("/proc/self/fd") == files
    said = (
        "scripts/run: the server cannot be started ([Errno 11] Resource temporarily unavailable)\n"
    )
    assert capsys.readouterr().err == said
