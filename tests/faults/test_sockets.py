"""Browsers that vanish, stall or misbehave, and a server that stops.

| fault | how it is made | what must hold |
|---|---|---|
| the server stops | SIGTERM with 500 clients open | each gets 4001 within the grace period, spread over it |
| a client stops reading | SIGSTOP of its process, under load | it is cut with 4002, the others miss nothing |
| a client vanishes half-way | a peer that never says anything again | found within the pong wait, which is 60 s |
| closed clients never read | 50 that were cut and keep their socket | /healthz answers at once, no worker is replaced |
| clients come and go | 3,000 connects and disconnects | no thread, descriptor or count more than before |
| messages too big | 4,097 bytes, 1,000 times | 1009 each, and its thread is free within a second |
| dripping headers | one byte a second | cut, which takes 10 s, and others are served |
"""

import functools
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from progress_lib.nats.link import Link
from realtime.clients.client import Client
from settings.defaults import ClientLimits
from tests.harness import (
    ROOT,
    Product,
    StartProduct,
    adds_nothing,
    eventually,
    freeze,
    linked,
    product_of_each_class,
    threads_and_files,
)
from tests.realtime.raw import PING, Raw, subscribe

JOB = 77
SLACK = 12  # threads or files that come and go on their own, such as a pool's for a late goodbye
PAYLOAD = {"nodeId": 1, "nodeName": "n", "status": "running", "rowCount": 0, "message": "x" * 900}


# Without runner and sample: these tests are about sockets
kept = product_of_each_class("sockets")


@pytest.fixture
def server(kept: Product) -> Product:
    """The product that all tests share which leave it whole, once the browsers of the test before have left."""
    eventually(lambda: connected(kept) == 0)
    return kept


@pytest.fixture(params=["gthread", "gevent"])
def ending_server(request: pytest.FixtureRequest, start_product: StartProduct) -> Product:
    """A product for a test that stops it."""
    return start_product(worker_class=request.param, RUNNER="off", SAMPLE_ORDERS="0")


@pytest.fixture
def link(server: Product) -> Iterator[Link]:
    with linked(server.nats_url) as connected:
        yield connected


def connected(product: Product) -> int:
    return int(product.figures()["progress_clients"])


def _has_one_client(product: Product) -> bool:
    return connected(product) == 1


def publish(link: Link, row: int) -> None:
    payload = json.dumps({**PAYLOAD, "rowCount": row}).encode()
    link.publish(f"tenant.default.job.{JOB}.progress", payload)


def test_a_stopping_server_sends_every_client_away_within_its_grace(ending_server: Product) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(Raw(ending_server)) for _ in range(500)]
        eventually(lambda: connected(ending_server) == 500)
        assert ending_server.process is not None
        ending_server.process.terminate()
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            ends = list(pool.map(lambda client: (client.close_code(), time.monotonic()), clients))
        assert {code for code, _ in ends} == {4001}
        moments = [moment - began for _, moment in ends]
        assert max(moments) < 10.0
        assert max(moments) - min(moments) > 1.0, "they must not all come back at once"
    assert ending_server.process.wait(20) == 0
    assert "Traceback" not in ending_server.log()


READER = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], proxy=None, max_queue=4) as client:
    client.send(sys.argv[2])
    print("ready", flush=True)
    for message in client:
        pass
"""


def test_a_stopped_reader_is_cut_and_the_others_miss_nothing(server: Product, link: Link) -> None:
    said = len(server.log())

    def was_cut() -> bool:
        return " 4002 " in server.log()[said:]

    url = f"{server.ws_url}?token={server.token()}"
    wish = json.dumps({"action": "subscribe", "jobId": JOB})
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, url, wish], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"ready\n"
        with Raw(server) as other:
            other.send(subscribe(JOB))
            eventually(lambda: connected(server) == 2)
            freeze(reader.pid)
            rows: list[int] = []
            stop = threading.Event()
            flood = threading.Thread(target=_flood, args=(link, stop))
            flood.start()
            try:
                deadline = time.monotonic() + 60
                while not was_cut() and time.monotonic() < deadline:
                    rows += _rows(other, 200)
            finally:
                stop.set()
                flood.join(10)
            assert was_cut()
            assert rows == list(range(rows[0], rows[0] + len(rows))), "nothing missed, in order"
            eventually(lambda: connected(server) == 1)
    finally:
        reader.kill()
        reader.wait(5)


def _flood(link: Link, stop: threading.Event) -> None:
    """10,000 messages a second at most, about 1 kB each."""
    rows = itertools.count()
    while not stop.wait(0.01):
        for _ in range(100):
            publish(link, next(rows))


def _rows(client: Raw, count: int) -> list[int]:
    return [client.message()["payload"]["rowCount"] for _ in range(count)]


@pytest.mark.waits
@pytest.mark.slow
def test_a_peer_that_says_nothing_any_more_is_found(start_product: StartProduct) -> None:
    products = [
        start_product(
            worker_class=worker_class,
            application="tests.faults.impatient:app",  # which waits 10 s
            WS_PING_PERIOD="8",
            RUNNER="off",
            SAMPLE_ORDERS="0",
        )
        for worker_class in ("gthread", "gevent")  # side by side
    ]
    with ExitStack() as stack:
        silent = [stack.enter_context(Raw(product)) for product in products]
        answering = [stack.enter_context(Raw(product)) for product in products]
        began = time.monotonic()
        for client in silent + answering:
            client.socket.settimeout(60)
            assert client.read()[0] == PING
        stack.enter_context(_answering(answering))
        assert [client.close_code() for client in silent] == [4003, 4003]
        assert 8 < time.monotonic() - began < 40
        for product in products:
            eventually(functools.partial(_has_one_client, product))


@contextmanager
def _answering(clients: list[Raw]) -> Iterator[None]:
    """A pong of each, every second, until the block ends."""
    over = threading.Event()

    def answer() -> None:
        while not over.wait(1.0):
            for client in clients:
                client.send(b"\x8a\x80\x00\x00\x00\x00")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_peer_is_waited_for_as_long_as_the_protocol_says_and_answers_a_ping_before_that() -> None:
    assert Client.pong_wait == 60.0
    assert ClientLimits().ping_period < Client.pong_wait / 2


def test_closed_clients_that_never_read_do_not_hold_up_the_worker(
    server: Product, link: Link
) -> None:
    worker = server.worker_pid
    with ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(Raw(server, receive_buffer=4096))
            client.send(subscribe(JOB))
        eventually(lambda: connected(server) == 50)
        rows = itertools.count()

        def cut() -> bool:
            for _ in range(500):
                publish(link, next(rows))
            return connected(server) == 0

        eventually(cut, 60.0)
        took = sorted(_seconds(server) for _ in range(200))
        assert took[-10] < 1.0, "a blocked close takes two seconds, and there are fifty"
        eventually(lambda: threads_and_files(worker)[1] < 50)
    assert server.worker_pid == worker
    assert "WORKER TIMEOUT" not in server.log()


def _seconds(product: Product) -> float:
    began = time.monotonic()
    assert product.get("/healthz", token=None).status == 200
    return time.monotonic() - began


@pytest.mark.timeout(300)
def test_three_thousand_visits_leave_nothing_behind(server: Product) -> None:
    worker = server.worker_pid

    def visits(each: int) -> None:
        """Four come and go `each` times."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda count: _visit(server, count), [each] * 4))
        eventually(lambda: connected(server) == 0)

    visits(250)  # what is made once is there
    # one leak in a hundred would show
    eventually(
        lambda: adds_nothing(worker, lambda: visits(500), SLACK),
        120.0,
        what="2,000 visits leave no thread and no descriptor",
    )
    with Raw(server) as client:
        client.send(subscribe(JOB))
        eventually(lambda: connected(server) == 1)


def _visit(product: Product, count: int) -> None:
    """Connects, subscribes and leaves: every third by a close frame, a reset, or just so."""
    token = product.token()
    for number in range(count):
        with Raw(product, token=token) as client:
            client.send(subscribe(1 + number % 50))
            if number % 3 == 0:
                client.send(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
            elif number % 3 == 1:
                client.reset()


def test_a_thousand_messages_that_are_too_big(server: Product) -> None:
    worker = server.worker_pid
    threads, files = threads_and_files(worker)
    token, message = (
        server.token(),
        b"\x81\xfe" + (4097).to_bytes(2, "big") + bytes(4) + b"x" * 4097,
    )

    def send(_: int) -> int | None:
        with Raw(server, token=token) as client:
            client.send(message)
            return client.close_code()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(1000))) == {1009}
    eventually(lambda: connected(server) == 0)
    assert threads_and_files(worker)[0] <= threads + 8 + SLACK, (
        "a thread for each sender, used again and again"
    )
    eventually(lambda: threads_and_files(worker)[1] <= files + SLACK)


def test_dripping_headers_are_cut_and_others_are_served(server: Product) -> None:
    with ExitStack() as stack:
        drips = []
        for _ in range(5):
            drip = stack.enter_context(socket.create_connection(("127.0.0.1", server.api_port)))
            drip.settimeout(0.05)
            drips.append(drip)
        began = time.monotonic()
        header = itertools.cycle(b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 200)
        while drips and time.monotonic() - began < 30:
            byte = bytes([next(header)])
            drips = [drip for drip in drips if _still_open(drip, byte)]
            assert _seconds(server) < 8.0, "it does not wait for their headers"
        assert not drips, f"{len(drips)} are still served after 30 s"


def _still_open(drip: socket.socket, byte: bytes) -> bool:
    try:
        drip.sendall(byte)
        return drip.recv(4096) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_the_server_ends_cleanly_with_nothing_left(ending_server: Product) -> None:
    with Raw(ending_server) as client:
        assert ending_server.stop() == 0
        assert client.close_code() == 4001
    assert ending_server.left_over() == []
    assert not os.path.exists(f"/proc/{ending_server.pid}")
