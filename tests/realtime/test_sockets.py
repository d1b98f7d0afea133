"""Browsers that break rules, vanish, or do not read: against the running product, both workers.

One product of each worker class serves all tests here: each must leave it whole for the next. What
takes long (a client that never reads, a header that drips) begins first and is looked at last.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.harness import (
    DEADLINE,
    Product,
    eventually,
    is_alive,
    product_of_each_class,
    threads_and_files,
)
from tests.realtime.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Raw,
    frame,
    progress,
    progress_subject,
    publish,
    subscribe,
    text,
)
from web.callers.tokens import LEEWAY
from web.serving.http_connection import HEADER_WAIT

MAX_CLIENTS = 80
SLOW_JOB = 900_001
FLOOD = 320  # messages of FLOOD_BYTES: more than the kernel and the send buffer hold together
FLOOD_BYTES = 64 * 1024
PORTION = 32  # messages at once, a quarter of the send buffer: a reader that the machine holds up is not too slow


product = product_of_each_class(
    "sockets", MAX_CLIENTS=str(MAX_CLIENTS), MAX_MESSAGES_PER_SECOND="100000"
)


@pytest.fixture(autouse=True)
def shown_log(product: Product) -> Iterator[None]:
    yield
    print(product.log_tail(30))


class Patience:
    """What was begun before the first test: one that never reads, and headers that never end."""

    def __init__(self, product: Product) -> None:
        self.slow = Raw(product, receive_buffer=4_096)
        self.slow.send(subscribe(SLOW_JOB))
        self.fast = product.websocket(max_size=None, max_queue=None, legacy=True)
        self.fast.send(json.dumps({"action": "subscribe", "jobId": SLOW_JOB}))
        self._drip = threading.Thread(target=self._drip_headers, args=(product,), daemon=True)
        self.dripped_for = 0.0
        self._drip.start()

    def _drip_headers(self, product: Product) -> None:
        """A byte of a header each tenth of a second, until the server ends it."""
        began, tick = time.monotonic(), threading.Event()
        with socket.create_connection(("127.0.0.1", product.api_port)) as dripping:
            dripping.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: ")
            with contextlib.suppress(OSError):
                while not tick.wait(0.1):
                    dripping.sendall(b"x")
        self.dripped_for = time.monotonic() - began

    def drip_ended(self) -> bool:
        return not self._drip.is_alive()

    def leave(self) -> None:
        """Ends its WebSockets, for tests that count connections; harmless when repeated."""
        self.slow.socket.close()
        self.fast.close()


@pytest.fixture(scope="module", autouse=True)
def patience(product: Product) -> Patience:
    return Patience(product)


def metric(product: Product, name: str) -> float:
    return product.figures()[name]


def echo(client: Raw) -> None:
    """Asks for nonsense and gets the answer: the connection is alive and in step."""
    client.send(text('{"action":"echo"}'))
    assert client.message()["code"] == "unknown_action"


# ---------------------------------------------------------------- the handshake


def test_a_good_handshake_is_answered_as_the_rfc_says(product: Product) -> None:
    with Raw(product) as client:
        assert client.status == 101
        assert client.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-protocol" not in client.headers


def test_both_ports_serve_the_socket(product: Product) -> None:
    with Raw(product) as client:
        assert client.status == 101
    answer = product.get("/ws")
    assert answer.status == 400, "no handshake, but there"


def test_a_token_may_come_as_a_subprotocol(product: Product) -> None:
    offered = f"progress.v1, bearer.{product.token()}"
    with Raw(product, token=None, headers={"Sec-WebSocket-Protocol": offered}) as client:
        assert client.status == 101
        assert client.headers["sec-websocket-protocol"] == "progress.v1"
        echo(client)


def test_an_offered_compression_is_not_accepted(product: Product) -> None:
    offer = "permessage-deflate; client_max_window_bits"
    with Raw(product, headers={"Sec-WebSocket-Extensions": offer}) as client:
        assert client.status == 101
        assert "sec-websocket-extensions" not in client.headers
        client.send(frame(TEXT, b"\xaa\x56", reserved=4))
        assert client.close_code() == 1002


def bad_tokens(product: Product) -> dict[str, str | None]:
    good = product.token()
    claims = {"exp": int(time.time()) + 600, "tenant_id": "default"}
    return {
        "no token": None,
        "garbage": "not.a.token",
        "expired": product.token(exp=int(time.time()) - 11),
        "no exp": product.token(exp=None),
        "exp as text": product.token(exp=str(int(time.time()) + 600)),
        "no signature": good.rpartition(".")[0] + ".",
        "alg none": jwt.encode(claims, "", algorithm="none"),
        "another secret": jwt.encode(claims, "x" * 32, algorithm="HS256"),
        "a tenant with a dot": product.token(tenant_id="a.b"),
    }


def test_a_bad_token_is_answered_401_before_the_upgrade(product: Product) -> None:
    for case, token in bad_tokens(product).items():
        with Raw(product, token=token) as client:
            assert client.status == 401, case
            assert client.headers["content-type"] == "application/problem+json", case
            assert "bearer" in client.headers["www-authenticate"].lower(), case


def test_a_good_token_for_another_tenant_is_answered_403(product: Product) -> None:
    with Raw(product, token=product.token(tenant_id="other")) as client:
        assert client.status == 403


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ({"Sec-WebSocket-Key": None}, ""),
        ({"Sec-WebSocket-Key": ""}, ""),
        ({"Sec-WebSocket-Key": "short"}, ""),
        ({"Sec-WebSocket-Key": "x" * 24}, ""),
        ({"Sec-WebSocket-Key": "é" * 24}, ""),
        ({"Sec-WebSocket-Version": None}, ""),
        ({"Sec-WebSocket-Version": "12"}, ""),
        ({"Sec-WebSocket-Version": "13, 12"}, ""),
        ({"Upgrade": None}, ""),
        ({"Upgrade": "h2c"}, ""),
        ({"Connection": None}, ""),
        ({"Connection": "keep-alive"}, ""),
        ({"Connection": "no-upgrade"}, ""),
        ({"Transfer-Encoding": "chunked"}, ""),
        ({"Content-Length": "5"}, ""),
        ({}, "GOOD 1.0"),
        ({"Host": None}, "GOOD 1.1"),
    ],
)
def test_a_bad_handshake_is_answered_and_never_with_a_traceback(
    product: Product, headers: dict[str, str | None], line: str
) -> None:
    if line:
        line = f"GET /ws?token={product.token()} HTTP/{line.split()[1]}"
    with Raw(product, headers=headers, line=line) as client:
        assert client.status == 400
    assert "Traceback" not in product.log()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-WebSocket-Protocol": "a b, \x01"},
        {"Sec-WebSocket-Protocol": ",,"},
        {"Sec-WebSocket-Extensions": ";;=,"},
        {"Connection": "keep-alive, UPGRADE"},
        {"X-Odd": "\x7f"},
        {"X-Latin": "é\xff"},
        {"Content-Length": "0"},
        {"Expect": "100-continue"},
        {f"X-Long-{n}": "x" * 8_000 for n in range(4)},
    ],
)
def test_an_odd_header_is_refused_or_of_no_matter(
    product: Product, headers: dict[str, str | None]
) -> None:
    with Raw(product, headers=headers) as client:
        if client.status == 101:
            echo(client)
        else:
            assert client.status == 400
    assert "Traceback" not in product.log()


def test_a_handshake_that_is_no_get_is_refused(product: Product) -> None:
    for method in ("POST", "HEAD", "OPTIONS"):
        with Raw(product, line=f"{method} /ws?token={product.token()} HTTP/1.1") as client:
            assert client.status in (400, 405), method


# ---------------------------------------------------------------- requests that make no sense


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("not json", "not_json"),
        ("", "not_json"),
        ("[" * 4_096, "not_json"),
        ("[1]", "not_an_object"),
        ('{"action":"dance"}', "unknown_action"),
        ("{}", "unknown_action"),
        ('{"action":"\\ud800"}', "unknown_action"),
        ('{"action":"subscribe"}', "bad_job_id"),
        ('{"action":"subscribe","jobId":"five"}', "bad_job_id"),
        ('{"action":"subscribe","jobId":-1}', "bad_job_id"),
        ('{"action":"subscribe","jobId":9007199254740992}', "bad_job_id"),
        ('{"action":"unsubscribe","jobId":null}', "bad_job_id"),
        ('{"action":"auth"}', "bad_token"),
        ('{"action":"auth","token":"x"}', "bad_token"),
    ],
)
def test_nonsense_is_answered_and_the_connection_lives_on(
    product: Product, sent: str, code: str
) -> None:
    with Raw(product) as client:
        client.send(text(sent))
        answer = client.message()
        assert (answer["type"], answer["code"]) == ("error", code)
        assert answer["message"]
        echo(client)


def test_a_token_of_another_tenant_does_not_renew(product: Product) -> None:
    with Raw(product) as client:
        token = product.token(tenant_id="other")
        client.send(text(json.dumps({"action": "auth", "token": token})))
        assert client.message()["code"] == "bad_token"
        echo(client)


# ---------------------------------------------------------------- frames, as RFC 6455 has them

SUBSCRIBE = json.dumps({"action": "subscribe", "jobId": 5}).encode()
BROKEN: dict[str, tuple[bytes, int]] = {
    "an unmasked frame": (frame(TEXT, SUBSCRIBE, mask=False), 1002),
    "reserved bit 1": (frame(TEXT, SUBSCRIBE, reserved=4), 1002),
    "reserved bit 2": (frame(TEXT, SUBSCRIBE, reserved=2), 1002),
    "reserved bit 3 of a ping": (frame(PING, b"", reserved=1), 1002),
    **{f"opcode {number}": (frame(number), 1002) for number in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a ping over 125 bytes": (frame(PING, b"x" * 126), 1002),
    "a pong over 125 bytes": (frame(PONG, b"x" * 126), 1002),
    "a close frame over 125 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a text within a text": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    "a length written too long": (b"\x81\xfe\x00\x05\x00\x00\x00\x00hello", 1002),
    "a length over 63 bits": (b"\x81\xff\xff" + b"\xff" * 7 + b"\x00" * 4, 1002),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    **{
        f"a close frame with code {code}": (frame(CLOSE, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015)
    },
    "a close reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "binary": (frame(BINARY, SUBSCRIBE), 1003),
    "empty binary": (frame(BINARY), 1003),
    "a text that is not UTF-8": (frame(TEXT, b'{"action":"\xff\xfe"}'), 1007),
    "a text with a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "a text that ends within a character": (frame(TEXT, b"\xc3"), 1007),
    "4097 bytes": (frame(TEXT, b" " * 4_097), 1009),
    "4097 bytes in fragments": (
        frame(TEXT, b" " * 4_000, fin=False) + frame(CONTINUATION, b" " * 97),
        1009,
    ),
    "4098 bytes in 2049 characters": (frame(TEXT, "é".encode() * 2_049), 1009),
    "a fragment too many that announces a gigabyte": (
        b"\x81\xff" + (1 << 30).to_bytes(8, "big") + b"\x00" * 4 + b" " * 8_192,
        1009,
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_ends_its_own_connection_with_the_right_code(
    product: Product, case: str
) -> None:
    sent, code = BROKEN[case]
    with Raw(product) as client:
        client.send(sent)
        assert client.close_code() == code


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_goodbye_is_answered_with_its_own_code(product: Product, code: int) -> None:
    with Raw(product) as client:
        client.send(frame(CLOSE, code.to_bytes(2, "big") + b"bye"))
        assert client.close_code() == code


def test_a_goodbye_without_a_code_is_answered(product: Product) -> None:
    with Raw(product) as client:
        client.send(frame(CLOSE))
        assert client.close_code() in (0, 1000)


def test_4096_bytes_are_served(product: Product) -> None:
    with Raw(product) as client:
        client.send(frame(TEXT, b'{"action":"echo"}'.ljust(4_096)))
        assert client.message()["code"] == "unknown_action"
        echo(client)


def test_fragments_are_put_together_and_a_ping_may_come_between(product: Product) -> None:
    with Raw(product) as client:
        client.send(frame(TEXT, b'{"action":"ech', fin=False))
        client.send(frame(CONTINUATION, b"", fin=False))
        client.send(frame(PING, b"between"))
        assert client.read() == (PONG, b"between")
        client.send(frame(CONTINUATION, b"o \xc3", fin=False))
        client.send(frame(CONTINUATION, b'\xa9"}'))
        answer = client.message()
        assert answer["code"] == "unknown_action"
        assert "echo é" in answer["message"]


@pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff" * 62 + b"x"])
def test_a_ping_is_answered_with_its_payload(product: Product, payload: bytes) -> None:
    with Raw(product) as client:
        client.send(frame(PING, payload))
        assert client.read() == (PONG, payload)


def test_a_pong_that_nobody_asked_for_is_no_matter(product: Product) -> None:
    with Raw(product) as client:
        client.send(frame(PONG, b"unasked") * 3)
        echo(client)


def test_many_requests_in_one_segment_are_all_served_in_order(product: Product) -> None:
    with Raw(product) as client:
        client.send(b"".join(text(json.dumps({"action": f"a{n}"})) for n in range(50)))
        assert [client.message()["message"].split()[1] for _ in range(50)] == [
            f"'a{n}'" for n in range(50)
        ]


def test_a_sender_of_single_bytes_is_served(product: Product) -> None:
    with Raw(product) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(PING, b"slowly") + text('{"action":"echo"}'):
            client.send(bytes([byte]))
        assert client.read() == (PONG, b"slowly")
        assert client.message()["code"] == "unknown_action"


# ---------------------------------------------------------------- what NATS brings


def test_what_is_malformed_on_nats_is_not_passed_on_and_the_next_message_is(
    product: Product,
) -> None:
    bad = [
        (progress_subject(8), b""),
        (progress_subject(8), b"not json"),
        (progress_subject(8), b"[" * 20_000),
        (progress_subject(8), b'{"nodeId":1,"status":"running","x":NaN}'),
        (progress_subject(8), b'{"nodeId":"1","status":"running"}'),
        ("tenant.default.job.eight.progress", progress(1)),
        ("tenant.default.job.-8.progress", progress(1)),
        ("tenant.default.job.99999999999999999.progress", progress(1)),
        ("tenant.default.job.8.status", b'{"runId":1}'),
    ]
    before = metric(product, "progress_malformed_total")
    with Raw(product) as client:
        client.send(subscribe(8))
        publish(product, *bad, (progress_subject(8), progress(12)))
        assert client.message()["payload"]["rowCount"] == 12
    # what a late client is told comes from the history, where the malformed ones are too
    eventually(lambda: metric(product, "progress_malformed_total") >= before + len(bad) - 2)


def test_a_payload_reaches_the_browser_byte_for_byte(product: Product) -> None:
    payload = b'{ "nodeId":1, "status":"running" ,"nodeName":"L\\u00f6ad","mine":[1.50] }'
    with Raw(product) as client:
        client.send(subscribe(9))
        publish(product, (progress_subject(9), payload))
        assert client.read() == (TEXT, b'{"type":"job.progress","jobId":9,"payload":%b}' % payload)


# ---------------------------------------------------------------- tokens that end


def test_a_connection_ends_with_its_token_unless_it_brought_a_new_one(product: Product) -> None:
    """The leeway of ten seconds is part of the token's life."""
    short = product.token(exp=time.time() - LEEWAY + 4)
    with Raw(product, token=short) as ends, Raw(product, token=short) as renewed:
        renewed.send(text(json.dumps({"action": "auth", "token": product.token()})))
        assert ends.close_code() == 4501
        echo(renewed)


def test_a_busy_connection_ends_with_its_token_too(product: Product) -> None:
    with Raw(product, token=product.token(exp=time.time() - LEEWAY + 3)) as busy:
        code = None
        deadline = time.monotonic() + DEADLINE
        while code is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                busy.send(frame(PING, b"busy"))
            opcode, payload = busy.read()
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big")
        assert code == 4501


# ---------------------------------------------------------------- clients that vanish


def test_an_abrupt_end_at_any_point_leaves_nothing_behind(product: Product) -> None:
    eventually(lambda: metric(product, "progress_clients") <= 2)
    whole = subscribe(10)
    clients = [Raw(product) for _ in range(len(whole))]
    for cut_at, client in enumerate(clients):
        client.send(whole[:cut_at])
        if cut_at % 2:
            client.reset()
        else:
            client.socket.close()
    eventually(lambda: metric(product, "progress_clients") <= 2)


def test_over_the_limit_is_answered_503_and_http_still_answers(product: Product) -> None:
    with contextlib.ExitStack() as inside:
        refused = None
        for _ in range(MAX_CLIENTS + 1):
            client = inside.enter_context(Raw(product))
            if client.status != 101:
                refused = client
                break
        assert refused is not None
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        assert product.get("/healthz").status == 200
        assert product.get("/readyz").status == 200

    def has_room() -> bool:
        with Raw(product) as client:
            return client.status == 101

    eventually(has_room, what="who left makes room")


# ---------------------------------------------------------------- what was begun first


def test_a_client_that_never_reads_is_cut_and_another_gets_everything(
    product: Product, patience: Patience
) -> None:
    large, counts = "x" * FLOOD_BYTES, [0]
    for last in range(PORTION, FLOOD + 1, PORTION):
        portion = range(last - PORTION + 1, last + 1)
        publish(product, *[(progress_subject(SLOW_JOB), progress(n, large)) for n in portion])
        while counts[-1] < last:
            counts.append(json.loads(patience.fast.recv(timeout=DEADLINE))["payload"]["rowCount"])
    # the first may be the snapshot: what was said before the job's past was read is in it
    assert counts[1:] == list(range(counts[1], FLOOD + 1))
    eventually(lambda: ": 4002" in product.log(), what="the log says who was cut and why")
    patience.leave()


def test_a_header_that_drips_does_not_hold_its_thread(patience: Patience) -> None:
    eventually(patience.drip_ended, what="the server ends it")
    assert patience.dripped_for <= 2 * HEADER_WAIT


# ---------------------------------------------------------------- the sum of it all


def come_and_go(product: Product, number: int) -> None:
    with Raw(product) as client:
        client.send(subscribe(1 + number % 7))
        if number % 5 == 0:
            client.send(frame(CLOSE, b"\x03\xe8"))
            assert client.close_code() == 1000
        elif number % 5 == 1:
            client.send(frame(BINARY))
            assert client.close_code() == 1003
        elif number % 5 == 2:
            client.send(frame(TEXT, SUBSCRIBE)[:-3])
            client.reset()
        elif number % 5 == 3:
            echo(client)


def test_300_that_came_and_went_left_no_thread_no_file_and_no_count(
    product: Product, patience: Patience
) -> None:
    pid = product.worker_pid
    patience.leave()
    eventually(lambda: metric(product, "progress_clients") == 0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: come_and_go(product, n), range(40)))
        eventually(lambda: metric(product, "progress_clients") == 0)
        threads, files = threads_and_files(pid)
        list(pool.map(lambda n: come_and_go(product, n), range(300)))

    def is_as_before() -> bool:
        now = threads_and_files(pid)
        return now[0] <= threads + 3 and now[1] <= files + 3

    eventually(is_as_before, what=f"threads, files as before: {threads, files}")
    eventually(lambda: metric(product, "progress_clients") == 0)
    eventually(lambda: metric(product, "progress_subscriptions") == 0)
    assert is_alive(pid)


def test_nothing_of_all_this_was_a_fault_of_ours_and_no_token_reached_the_log(
    product: Product,
) -> None:
    log = product.log()
    assert "Traceback" not in log
    assert "WORKER TIMEOUT" not in log
    assert "eyJ" not in log, "each token begins so"


def test_the_log_says_why_a_handshake_was_refused(product: Product) -> None:
    """A proxy that passes no Upgrade on, or speaks HTTP/1.0: browsers hide the answer, and the page went over HTTP without a word."""
    with Raw(product, headers={"Upgrade": None}):
        pass
    with Raw(product, line=f"GET /ws?token={product.token()} HTTP/1.0"):
        pass
    log = product.log()
    assert "ws refused: this address is a WebSocket's, and the request lacks" in log
    assert "ws refused: a WebSocket begins with HTTP/1.1, not with 'HTTP/1.0'" in log


def test_at_a_stop_each_of_fifty_is_told_to_come_back(product: Product) -> None:
    """The last test: nothing runs after it."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(product.websocket()) for _ in range(50)]
        slow = stack.enter_context(Raw(product))
        slow.send(frame(TEXT, SUBSCRIBE)[:-3])
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(product.stop)
            assert {code_at_end(client) for client in clients} == {4001}
            assert slow.close_code() == 4001
            slow.socket.close()
            assert stopped.result() == 0
    assert "Traceback" not in product.log()


def code_at_end(client: ClientConnection) -> Any:
    try:
        while True:
            client.recv(timeout=DEADLINE)
    except ConnectionClosed as closed:
        return closed.rcvd and closed.rcvd.code
