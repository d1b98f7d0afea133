"""Nothing that an HTTP client does, or leaves undone, stops the others."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.harness import Product, eventually, product_of_each_class
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe
from tests.security.clients.short_waits import IMPATIENT, PROMISED, WORKER_TIMEOUT
from tests.security.clients.slow_clients import (
    GET,
    OF_FEW_CLIENTS,
    Habit,
    asked_for,
    crowd,
    held_by_the_kernel,
    same_worker,
    stood_still,
)
from web.serving.http_connection import LINGER_WAIT
from web.serving.patience import LEAST_RATE, LOOK_PERIOD, STILL_WAIT, Patience
from web.serving.workers import ThreadWorker

OF_EACH = 12  # clients of each habit, more than 60 that hold a thread; a gthread worker has its clients' 20 and 40 threads
SLACK = 60.0  # seconds that a busy machine may add
# Of the time: a worker whose threads all wait for such clients stands still for nearly all of it
STANDSTILL = 0.6

# Seconds: gunicorn's master would end a worker that such clients hold, and they come back three times
ATTACK = WORKER_TIMEOUT + 8.0

NEVER_CLOSES = Habit(GET % b"/healthz" + b"Connection: close\r\n\r\n")
DRIPS = Habit(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"x")
NEVER_READS = Habit((GET % b"/" + b"\r\n") * 400, receive_buffer=4_096)

product = product_of_each_class(
    "slow",
    application=IMPATIENT,
    GUNICORN_CMD_ARGS=f"--timeout {WORKER_TIMEOUT}",
    **OF_FEW_CLIENTS,
)


def with_token(product: Product, rest: bytes) -> bytes:
    head = f"POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {product.token()}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n" + rest


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"
LONG_HEADER = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 7_000) for n in range(3))
SIBLINGS = {
    "silent": Habit(b""),
    "half a request line": Habit(b"GET /hea", b"l"),
    "half a header": Habit(GET % b"/healthz", b"X: y\r\n"),
    "a long header that drips": Habit(GET % b"/healthz" + LONG_HEADER, b"X: y\r\n"),
    "empty lines first": Habit(b"\r\n\r\nGET /hea", b"l"),
    "half a request after a whole one": Habit(GET % b"/healthz" + b"\r\nGET /", b"l"),
    "half a chunk, no token": Habit(b"POST /api/jobs HTTP/1.1\r\nHost: x\r\n" + CHUNKED, b" "),
    "a body that is expected, no token": Habit(
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    ),
    "expects for ever": Habit(
        (GET % b"/" + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx") * 400,
        receive_buffer=4_096,
    ),
    "large files, unread": Habit(
        (GET % b"/static/icons.svg" + b"\r\n") * 400, receive_buffer=4_096
    ),
    "errors, unread": Habit((GET % b"/nothing" + b"\r\n") * 1_000, receive_buffer=4_096),
}
WITH_TOKEN = {
    "half a chunk": CHUNKED,
    "half a body": b"Content-Length: 1000\r\n\r\n{",
    "a body that is expected": b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_crowd_that_does_too_little_stops_nobody(product: Product) -> None:
    pid = product.worker_pid
    habits = [NEVER_CLOSES] * 20 + [DRIPS] * 65 + [NEVER_READS] * 80
    with Raw(product) as watching:
        watching.send(subscribe(7))
        with heard_each_second(product, watching), crowd(product, habits, comes_back=True):
            took = asked_for(product, ATTACK)
        publish(product, (progress_subject(7), progress(1_000_000)))
        eventually(lambda: watching.message()["payload"]["rowCount"] == 1_000_000, what="the last")
    assert stood_still(took) < STANDSTILL * ATTACK, sorted(took)[-20:]
    same_worker(product, pid)


@contextlib.contextmanager
def heard_each_second(product: Product, watching: Raw) -> Iterator[None]:
    """A message each second while the block runs: each must come, within 12 s."""
    over, failed = threading.Event(), list[BaseException]()

    def hear() -> None:
        row = 0
        try:
            while not over.wait(1.0):
                row += 1
                publish(product, (progress_subject(7), progress(row)))
                began = time.monotonic()
                while watching.message()["payload"]["rowCount"] != row:
                    pass
                assert time.monotonic() - began < 12.0
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failed, failed


@pytest.mark.waits
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_each_way_to_do_too_little_is_ended_and_stops_nobody(product: Product) -> None:
    tokened = {name: Habit(with_token(product, rest), b" ") for name, rest in WITH_TOKEN.items()}
    names = [name for name in [*SIBLINGS, *tokened] for _ in range(OF_EACH)]
    habits = [(SIBLINGS | tokened)[name] for name in names]
    pid = product.worker_pid
    with crowd(product, habits) as clients:
        took = asked_for(product, PROMISED + LINGER_WAIT)

        def none_is_left() -> bool:
            left = {name for name, client in zip(names, clients, strict=True) if not client.was_cut}
            assert not left
            return True

        eventually(none_is_left, SLACK, what="all are cut")
        eventually(lambda: held_by_the_kernel(product) == 0, 45.0, what="nor does the kernel wait")
    assert stood_still(took) < STANDSTILL * (PROMISED + LINGER_WAIT), sorted(took)[-10:]
    same_worker(product, pid)


# ---------------------------------------------------------------- who is slow, but goes on

ANSWER = 12 << 20  # bytes; more than the kernel takes for a client that does not read


@pytest.fixture(scope="module")
def large_path(product: Product) -> str:
    graph = {"nodes": [], "edges": [], "note": "x" * ANSWER}
    created = product.post("/api/jobs", {"name": "large", "graph": graph}, timeout=60.0)
    assert created.status == 201, created.body[:500]
    return f"/api/jobs/{created.json()['id']}"


@contextlib.contextmanager
def asking(
    product: Product, path: str, receive_buffer: int = 65_536, body: bytes = b""
) -> Iterator[socket.socket]:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30.0)
        client.connect(("127.0.0.1", product.api_port))
        bearer = f"Authorization: Bearer {product.token()}\r\nConnection: close\r\n\r\n"
        client.sendall(GET % path.encode() + body + bearer.encode())
        yield client


def read_at(client: socket.socket, rate: int, seconds: float) -> int:
    """Reads so many bytes a second; how many came before the end."""
    read, pause, began = 0, threading.Event(), time.monotonic()
    while time.monotonic() - began < seconds:
        piece = client.recv(rate // 10)
        if not piece:
            break
        read += len(piece)
        pause.wait(max(began + read / rate - time.monotonic(), 0))
    return read


@pytest.mark.waits
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_who_reads_a_large_answer_slowly_gets_all_of_it(product: Product, large_path: str) -> None:
    with asking(product, large_path) as client:
        read = read_at(client, 80_000, 2 * PROMISED)
        assert read > 400_000
        while piece := client.recv(1 << 20):
            read += len(piece)
    assert read > ANSWER


@pytest.mark.waits
@pytest.mark.slow
def test_who_reads_a_byte_a_second_is_cut_in_the_middle(product: Product, large_path: str) -> None:
    with asking(product, large_path, receive_buffer=4_096) as client:
        assert client.recv(1)  # a busy machine may take seconds for the answer's beginning

        def is_cut() -> bool:
            read_at(client, 10, 1.0)
            return held_by_the_kernel(product) == 0

        eventually(is_cut, PROMISED + LINGER_WAIT + SLACK)
        read = 0
        with contextlib.suppress(OSError):
            while piece := client.recv(1 << 20):
                read += len(piece)
    assert read < ANSWER / 2


def test_a_client_may_stand_still_for_less_than_fifteen_seconds() -> None:
    assert STILL_WAIT + 2 * LOOK_PERIOD < 15.0
    assert ThreadWorker.header_wait < 15.0


def test_patience_ends_after_a_standstill_and_not_while_enough_moves() -> None:
    still = Patience()
    still.spend(STILL_WAIT - 1, 0)
    ended = [still.is_over]
    still.spend(1, 0)
    assert [*ended, still.is_over] == [False, True]
    quick, slow = Patience(), Patience()
    for _ in range(1_000):
        quick.spend(3.0, 3 * LEAST_RATE)
        slow.spend(3.0, 2 * LEAST_RATE)
    assert not quick.is_over
    assert slow.is_over
    ahead = Patience()
    ahead.spend(0, 1_000 * LEAST_RATE)
    ahead.spend(STILL_WAIT, 0)
    assert ahead.is_over, "what was quick once is no reason to wait longer"


# ---------------------------------------------------------------- the last answer arrives

UNREAD = [1_000, 70_000, 1_000_000, 6_000_000]


@pytest.mark.parametrize("size", UNREAD)
@pytest.mark.parametrize("path", ["/nothing", "/api/jobs", "/healthz"])  # 404, 401, 405
def test_an_answer_to_an_unread_body_arrives_whole_and_says_that_it_is_the_last(
    product: Product, path: str, size: int
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size + 1}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        client.sendall(head + b"x" * size)  # all but one byte, which nobody must wait for
        answered = b""
        while piece := client.recv(65_536):
            answered += piece
    said, _, body = answered.partition(b"\r\n\r\n")
    assert b"connection: close" in said.lower()
    assert json.loads(body)["status"] in (401, 404, 405)


@pytest.mark.waits
@pytest.mark.slow
def test_a_body_that_ends_late_does_not_reset_a_large_answer(
    product: Product, large_path: str
) -> None:
    """The client may read on for longer than we wait for its close, and may send meanwhile."""
    with asking(product, large_path, body=b"Transfer-Encoding: chunked\r\n") as client:
        read = read_at(client, 1_500_000, 7.0)
        client.sendall(b"0\r\n\r\n")
        while piece := client.recv(1 << 20):
            read += len(piece)
    assert read > ANSWER


def test_a_connection_is_kept_where_the_unread_body_is_here_already(product: Product) -> None:
    request = b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        for _ in range(3):
            client.sendall(request)
            answered = b""
            while not answered.endswith(b"}\n"):
                answered += client.recv(65_536)
            assert b"connection: keep-alive" in answered.lower()


def test_requests_that_are_sent_ahead_are_all_answered(product: Product) -> None:
    last = GET % b"/healthz" + b"Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        client.sendall((GET % b"/" + b"\r\n") * 50 + last)
        answered = b""
        while piece := client.recv(65_536):
            answered += piece
    assert answered.count(b"HTTP/1.1 200 OK") == 51


@pytest.mark.parametrize("pieces", [1, 3, 20])
def test_a_header_in_pieces_is_one_request(product: Product, pieces: int) -> None:
    request = GET % b"/healthz" + b"X-Long: %s\r\n\r\n" % (b"y" * 4_000)
    size = -(-len(request) // pieces)
    pause = threading.Event()
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        for at in range(0, len(request), size):
            client.sendall(request[at : at + size])
            pause.wait(0.01)  # or they come as one
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
