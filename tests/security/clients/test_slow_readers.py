"""Streams over HTTP end when nobody reads them, and only then; a worker outlives a shortage."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from tests.harness import (
    Product,
    StartProduct,
    eventually,
    threads_and_files,
)
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe
from tests.security.clients.short_waits import PROMISED
from tests.security.clients.slow_clients import Habit, asked_for, crowd
from web.serving.patience import SLOW_CLIENTS

SLACK = 15.0  # seconds that a busy machine may add
GRACE = 25  # seconds that a stop may wait for clients


class Streaming(Product):
    application = "tests.security.clients.streaming:app"


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def streaming(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("streaming") / request.param
    product = Streaming(data_dir, worker_class=request.param, SAMPLE_ORDERS="0", RUNNER="off")
    try:
        product.start()
        yield product
    finally:
        product.end()


def open_streams(product: Product) -> int:
    return int(product.get("/open-streams").body)


@pytest.mark.waits
@pytest.mark.slow
def test_a_stream_that_nobody_reads_is_ended(streaming: Product) -> None:
    flood = Habit(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4_096)
    with crowd(streaming, [flood] * 5) as clients:
        eventually(lambda: open_streams(streaming) == 5, what="all are open")
        eventually(lambda: open_streams(streaming) == 0, PROMISED + SLACK, what="all are ended")
        eventually(lambda: all(client.was_cut for client in clients), what="and cut")
    assert "Traceback" not in streaming.log()


@pytest.mark.slow
def test_a_stream_goes_on_for_as_long_as_it_is_read(streaming: Product) -> None:
    end = time.monotonic() + 2 * PROMISED
    with contextlib.ExitStack() as opened:
        clients = []
        for path in ("/flood", "/tick"):
            client = socket.create_connection(("127.0.0.1", streaming.api_port), timeout=10.0)
            clients.append(opened.enter_context(client))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while time.monotonic() < end:
            for client in clients:
                assert client.recv(200_000), "the server ended it"
    eventually(lambda: open_streams(streaming) == 0, what="and ends when the client left")


@pytest.mark.parametrize("worker_class", ["gthread"])  # with gevent, fifty times as many may wait
def test_only_so_many_wait_for_their_clients_and_the_slowest_goes_first(
    start_product: StartProduct, worker_class: str
) -> None:
    """Of more unread answers than may wait, those that wait longest are cut at once."""
    product = start_product(
        worker_class=worker_class, MAX_CLIENTS="20", SAMPLE_ORDERS="0", RUNNER="off"
    )
    unread = Habit(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200, receive_buffer=4_096)
    with crowd(product, [unread] * (SLOW_CLIENTS + 10)) as clients:
        eventually(lambda: sum(client.was_cut for client in clients) == 10, what="10 are cut")
        assert max(asked_for(product, 1.0)) < 5.0, "it would wait 12 s for a thread"


# ---------------------------------------------------------------- what the machine has too little of


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_without_a_file_left_goes_on(
    start_product: StartProduct, worker_class: str
) -> None:
    """Clients that only connect may take all files: they are sent away, and no browser is."""
    product = start_product(worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off")
    pid = product.worker_pid
    with Raw(product) as watching:
        watching.send(subscribe(3))
        publish(product, (progress_subject(3), progress(1)))
        watching.message()
        files = threads_and_files(pid)[1] + 30
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, files))
        idle = [Habit(b"GET /hea"), Habit(b"GET /healthz HTTP/1.1\r\n\r\n")] * 30
        with crowd(product, idle, comes_back=True):
            answered = asked_for(product, 3.0, may_be_cut=True)
            if product.worker_class == "gthread":  # gevent waits for its header timeout
                assert max(answered) < 6.0, "a header may take 10 s"
        publish(product, (progress_subject(3), progress(2)))
        assert watching.message()["payload"]["rowCount"] == 2
    assert product.worker_pid == pid


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_that_there_is_no_file_left_is_told_once_with_what_to_do(
    start_product: StartProduct, worker_class: str
) -> None:
    """Of gevent it was a traceback twice a second, in a log of JSON, too."""
    product = start_product(
        worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off", LOG_FORMAT="json"
    )
    pid = product.worker_pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    files = threads_and_files(pid)[1] + 3
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, before[1]))
    with contextlib.ExitStack() as connected, Raw(product):
        for _ in range(8):
            address = ("127.0.0.1", product.api_port)
            connected.enter_context(socket.create_connection(address, timeout=5))
        eventually(lambda: "ulimit -n" in product.log())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert product.get("/healthz").status == 200
    told = [json.loads(line) for line in product.log().splitlines() if "open files" in line]
    assert len(told) < 3  # one in ten seconds
    assert {(one["level"], one["process"]) for one in told} == {("error", "web")}
    assert "Traceback" not in product.log()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_connections_without_a_request_do_not_delay_a_stop(
    start_product: StartProduct, worker_class: str
) -> None:
    product = start_product(
        worker_class=worker_class,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        GUNICORN_CMD_ARGS=f"--graceful-timeout {GRACE}",
    )
    with crowd(product, [Habit(b""), Habit(b"GET /he"), Habit(b"GET /healthz HTTP/1.1\r\n\r\n")]):
        asked_for(product, 0.5)
        began = time.monotonic()
        assert product.stop() == 0
    assert time.monotonic() - began < GRACE - 5.0
