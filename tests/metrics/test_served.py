"""Whoever asks a runner for its figures, however, costs it little."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse

import pytest
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from hosting.trial.ports import free_port
from metrics import served
from metrics.shared import Figures
from tests.harness import eventually

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(port: int, path: str = "/metrics", method: str = "GET") -> HTTPResponse:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    answer = _direct.open(asked, timeout=10.0)
    assert isinstance(answer, HTTPResponse)
    return answer


@contextmanager
def serving(text: Callable[[], bytes]) -> Iterator[int]:
    """The port where this is served."""
    port = free_port()
    end = served.serve(text, "127.0.0.1", port)
    try:
        yield port
    finally:
        end()


@contextmanager
def serving_late() -> Iterator[tuple[int, threading.Semaphore, threading.Event]]:
    """The port, what is released as an answer begins, and what lets them all end."""
    begun, may_end = threading.Semaphore(0), threading.Event()

    def late() -> bytes:
        begun.release()
        may_end.wait(30.0)
        return b"up 1\n"

    with serving(late) as port:
        try:
            yield port, begun, may_end
        finally:
            may_end.set()


def ask_late(port: int, begun: threading.Semaphore, files: ExitStack) -> None:
    """Asks, and returns when the answer has begun."""
    [connection] = connections(1, port, files)
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert begun.acquire(timeout=10.0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(lambda: b"up 1\n") as found:
        yield found


def test_a_port_is_free_again_when_its_figures_are_closed() -> None:
    port = free_port()
    for _ in range(2):
        figures = Figures(CollectorRegistry(), None, "runner")
        figures.serve("127.0.0.1", port)
        figures.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10.0)
    assert "metrics-http" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("path", ["/metrics", "/", "/metrics?name[]=up"])
def test_figures_are_told_at_any_path(port: int, path: str) -> None:
    """Of `name[]`, as Prometheus can be told to send it, there was a traceback and 500."""
    with ask(port, path) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"up 1\n", CONTENT_TYPE_LATEST)
        assert answer.headers["Server"] == "progress"
    with ask(port, path, "HEAD") as answer:
        assert (answer.read(), answer.headers["Content-Length"]) == (b"", "5")


def test_connections_that_ask_for_nothing_keep_nobody_out_and_no_files(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each had a thread and a file of the runner for as long as it liked, until no program could be started."""
    monkeypatch.setattr(served._Handler, "timeout", 60.0)  # it is not their own wait that ends them
    with ExitStack() as files:
        idle = connections(served.ASKING * 3, port, files)
        with ask(port) as answer:
            assert answer.read() == b"up 1\n"
        for connection in idle[: -served.ASKING]:
            assert connection.recv(1) == b"", "the oldest are closed"


def test_connections_are_cut_one_for_one_also_while_the_figures_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest, at work on its answer, was cut once more for each new one, all of which stayed."""
    monkeypatch.setattr(served._Handler, "timeout", 60.0)
    with serving_late() as (port, begun, _), ExitStack() as files:
        ask_late(port, begun, files)
        for connection in connections(served.ASKING + 2, port, files)[:2]:
            assert connection.recv(1) == b""


def test_figures_that_take_for_ever_hold_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape of a runner whose disk does not answer held one more, for as long as that lasted."""
    monkeypatch.setattr(served, "MOST", served.ASKING + 2)
    with serving_late() as (port, begun, may_end), ExitStack() as files:
        for _ in range(served.MOST):
            ask_late(port, begun, files)
        [one_more] = connections(1, port, files)
        assert one_more.recv(1) == b""
        may_end.set()

        def answered() -> bool:
            with ask(port) as answer:
                return answer.read() == b"up 1\n"

        assert eventually(answered)


def connections(count: int, port: int, files: ExitStack) -> list[socket.socket]:
    where = ("127.0.0.1", port)
    return [files.enter_context(socket.create_connection(where, 10.0)) for _ in range(count)]


def test_a_client_that_leaves_writes_nothing_into_the_log(
    port: int, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A scan of ports made tracebacks beside the log, which collectors of JSON do not read."""
    with caplog.at_level(logging.DEBUG, "metrics.served"):
        connection = socket.create_connection(("127.0.0.1", port), 10.0)
        ours = str(connection.getsockname())  # those of other tests may end late
        connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        [record] = eventually(lambda: [r for r in caplog.records if ours in r.getMessage()])
    assert record.levelno == logging.DEBUG
    assert capfd.readouterr().err == ""


def test_figures_that_cannot_be_read_are_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> bytes:
        raise OSError("DATA_DIR is gone")

    with serving(fails) as port, pytest.raises(urllib.error.HTTPError, match="500") as refused:
        ask(port)
    refused.value.close()
    assert "the figures cannot be told" in caplog.text
