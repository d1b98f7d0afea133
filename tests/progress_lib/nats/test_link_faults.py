"""Each defect of the package under the link, provoked, with what must hold instead."""

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from progress_lib import Progress, ProgressReporter, Status, command
from progress_lib.nats import connection as nats_connection
from progress_lib.nats import link as nats_link
from progress_lib.nats.link import Link, Message, NatsAway, NatsError, NatsTimeout
from progress_lib.nats.login import Login
from tests.harness import NatsServer, eventually, free_port, plain_nats
from tests.progress_lib.nats.scripted_nats import ScriptedNats, answer_pings, read_until

SOON = 60.0  # seconds in which a broken connection must be noticed, on a crowded machine


@contextmanager
def linked(url: str, ping_period: float = 0.5) -> Iterator[tuple[Link, list[Message]]]:
    link, received = Link(url, name="test", ping_period=ping_period), list[Message]()
    link.subscribe("a.*", received.append)
    link.start()
    try:
        yield link, received
    finally:
        link.close()


def end_of_file(connection: socket.socket) -> None:
    connection.close()


def error_line(connection: socket.socket) -> None:
    connection.sendall(b"-ERR 'Slow Consumer'\r\n")
    answer_pings(connection)


def stall_inside_a_payload(connection: socket.socket) -> None:
    connection.sendall(b"MSG a.b 1 100\r\nhalf of it")
    read_until(connection, b"never said")


def silence(connection: socket.socket) -> None:
    read_until(connection, b"never said")


def nonsense(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    answer_pings(connection)


def deliver_one(connection: socket.socket) -> None:
    read_until(connection, b"SUB ")  # before it no server delivers
    connection.sendall(b"MSG a.b 1 5\r\nagain\r\n")
    answer_pings(connection)


@pytest.mark.parametrize(
    "fault", [end_of_file, error_line, stall_inside_a_payload, silence, nonsense]
)
def test_a_connection_that_broke_is_noticed_and_made_anew(
    fault: Callable[[socket.socket], None],
) -> None:
    with ScriptedNats(fault, deliver_one) as server, linked(server.url) as (link, received):
        eventually(lambda: received, SOON, what="a message on the second connection")
        assert received[0].payload == b"again"
        assert link.connects == 2


def test_an_error_that_comes_with_the_answer_to_the_first_ping_is_heard() -> None:
    """In one read with it: it was thrown away, and the link stayed on a connection that gave nothing."""
    both = b"PONG\r\n-ERR 'Slow Consumer'\r\n"
    scripts = answer_pings, deliver_one
    with (
        ScriptedNats(*scripts, first_answer=both) as server,
        linked(server.url) as (link, received),
    ):
        eventually(lambda: received, SOON, what="a message on the second connection")
        assert link.connects == 2


@pytest.mark.parametrize(
    "line",
    [
        b'INFO {"server_id":"x","connect_urls":["127.0.0.1:1"]}\r\n',
        b"MSG a.b 77 3\r\nabc\r\n",
        b"+OK\r\n",
        b"-ERR 'Permissions Violation for Publish to \"x\"'\r\n",
        b"-ERR 'maximum subscriptions exceeded'\r\n",
        b"PING\r\n",
    ],
)
def test_lines_that_are_no_fault_leave_the_connection_alone(line: bytes) -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(line)
        deliver_one(connection)

    with ScriptedNats(script) as server, linked(server.url, SOON) as (link, received):
        eventually(lambda: received)
        assert link.connects == 1


def test_a_payload_that_comes_slowly_is_waited_for() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(b"MSG a.b 1 10\r\nhello")
        read_until(connection, b"PING\r\n")  # more than a ping period has passed
        connection.sendall(b"PONGX"[:0] + b"worl")
        read_until(connection, b"PING\r\n")
        connection.sendall(b"d\r\nPONG\r\nPONG\r\n")
        answer_pings(connection)

    with ScriptedNats(script) as server, linked(server.url, 1.0) as (link, received):
        eventually(lambda: received)
        assert received[0].payload == b"helloworld"
        assert link.connects == 1


def test_a_real_server_that_is_killed_and_comes_back_on_its_port(nats_server: NatsServer) -> None:
    with linked(nats_server.url) as (link, received):
        assert link.wait_up(SOON)
        nats_server.kill()
        eventually(lambda: not link.is_up, SOON)
        assert not link.publish("a.b", b"lost")
        nats_server.start()
        assert link.wait_up(SOON)
        eventually(lambda: link.publish("a.b", b"back") and received, SOON)
        assert received[0].payload == b"back"


def test_a_real_server_that_falls_silent_is_noticed_within_two_ping_periods(
    nats_server: NatsServer,
) -> None:
    with linked(nats_server.url, ping_period=0.5) as (link, _):
        assert link.wait_up(SOON)
        nats_server.pause()
        eventually(lambda: not link.is_up, 3.5)  # of the usual period it takes up to 4 s
        nats_server.resume()
        assert link.wait_up(SOON)


def test_a_link_closes_in_time_while_a_server_does_not_take_what_another_thread_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nats_connection, "WRITE_WAIT", SOON)
    done = threading.Event()

    def take_nothing(_: socket.socket) -> None:
        done.wait(SOON)

    with ScriptedNats(take_nothing) as server:
        link = Link(server.url, name="test")
        link.start()
        assert link.wait_up(SOON)
        batch = [bytes(1 << 20)] * 32  # more than the system buffers
        writing = threading.Thread(target=link.publish_batch, args=("a.b", batch))
        writing.start()
        connection = link._connection
        assert connection is not None
        eventually(connection._send_lock.locked)
        began = time.monotonic()
        link.close(0.1)
        assert time.monotonic() - began < SOON / 2, "it would wait for that thread"
        done.set()
        writing.join(SOON)
        assert not writing.is_alive()


def test_a_slow_callback_is_not_taken_for_a_silent_server(nats_server: NatsServer) -> None:
    """Two ping periods and more: bytes wait meanwhile, or the server has answered nobody, since nobody asked."""
    handled: list[bytes] = []

    def slow(message: Message) -> None:
        threading.Event().wait(1.3)
        handled.append(message.payload)

    with linked(nats_server.url, ping_period=0.5) as (link, _):
        link.subscribe("slow", slow)
        assert link.wait_up(SOON)
        assert link.flush(SOON)
        for _ in range(2):
            assert link.publish("slow", b"1")
        eventually(lambda: len(handled) == 2, SOON)
        assert link.flush(SOON)
        assert link.connects == 1


def test_a_hundred_lost_connections_leave_no_thread_and_no_socket_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nats_link, "MAX_BACKOFF", 0.01)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with ScriptedNats(*[end_of_file] * 100, answer_pings) as server:
        with linked(server.url) as (link, _):
            eventually(lambda: link.connects > 3)
            threads, files = threading.active_count(), descriptors()
            eventually(lambda: link.connects == 101, 60.0)
            assert threading.active_count() <= threads + 3  # the scripted server's own
            assert descriptors() <= files + 120  # the scripted server keeps its ends
        ours = [thread for thread in threading.enumerate() if thread.name == "nats-test"]
        assert ours == []


def test_a_server_that_refuses_us_after_each_login_is_asked_ever_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one does whose account allows fewer connections: 25 logins and lines in the log a second."""
    reasons = ("maximum account active connections exceeded", "maximum subscriptions exceeded")
    said = itertools.cycle(reasons)

    def refuse(connection: socket.socket) -> None:
        read_until(connection, b"SUB ")
        connection.sendall(f"-ERR '{next(said)}'\r\n".encode())
        connection.close()

    with ScriptedNats(refuse) as server, linked(server.url) as (link, _):
        eventually(lambda: link.connects >= 3, SOON)
        time.sleep(2.0)
        assert link.connects < 20
    for reason in reasons:
        assert len([line for line in caplog.records if reason in line.message]) == 1


def test_a_server_that_cuts_us_after_each_login_is_asked_ever_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one does to whom we are a slow consumer: it says nothing, and the log had ten lines a second."""

    def cut(connection: socket.socket) -> None:
        read_until(connection, b"SUB ")
        connection.close()

    with ScriptedNats(cut) as server, linked(server.url) as (link, _):
        eventually(lambda: link.failed_attempts >= 6, SOON)
        assert link.connects < 10
    told = Counter(line.message for line in caplog.records if line.levelname == "WARNING")
    assert set(told.values()) == {1}


def test_another_reason_why_there_is_no_connection_is_told_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As of a server that comes back with another password: the log ended with its going."""
    server = NatsServer(tmp_path / "nats", extra=("--user", "u", "--pass", "of yesterday"))
    renewed = NatsServer(tmp_path / "nats", port=server.port, extra=("--user", "u", "--pass", "x"))
    server.start()
    link = Link(server.url.replace("//", "//u:of%20yesterday@"), name="test")
    try:
        link.start()
        assert link.wait_up(SOON)
        server.stop()
        eventually(lambda: "Connection refused" in caplog.text, SOON)
        renewed.start()
        eventually(lambda: "Authorization Violation" in caplog.text, SOON)
        tried = link.failed_attempts
        eventually(lambda: link.failed_attempts > tried + 2, SOON)
    finally:
        link.close()
        server.stop()
        renewed.stop()
    told = Counter(
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    )
    assert set(told.values()) == {1}


def test_what_a_server_does_not_permit_is_told_once_and_fails_a_single_message(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = '[{user: a, password: pw, permissions: {publish: ["tenant.a.>"]}}]'
    config = tmp_path / "nats.conf"
    config.write_text(f"authorization {{ users: {users} }}\n")
    server = NatsServer(tmp_path / "nats", port=free_port(), extra=("-c", str(config)))
    server.start()
    try:
        with ProgressReporter(f"nats://a:pw@127.0.0.1:{server.port}", "b", 42) as reporter:
            for node in range(5):
                reporter.report(Progress(node, "n", Status.RUNNING))
            eventually(lambda: caplog.records)
        told = [record for record in caplog.records if "Permissions Violation" in record.message]
        monkeypatch.setenv("NATS_URL", f"nats://a:pw@127.0.0.1:{server.port}")
        codes = []
        for tenant_id in ("a", "b"):
            monkeypatch.setenv("TENANT_ID", tenant_id)
            codes.append(command.main(["42", "1", "running"]))
    finally:
        server.stop()
    assert len(told) == 1
    assert codes == [0, 1]
    assert "its user may not publish there" in capfd.readouterr().err


def test_answers_that_a_user_may_not_hear_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request has an inbox of its own, and each was a line: two a second, of each connection."""
    users = "[{user: a, password: pw, permissions: {subscribe: {deny: [_INBOX.>]}}}]"
    with (
        plain_nats(tmp_path, f"authorization {{ users: {users} }}\n") as server,
        linked(f"nats://a:pw@127.0.0.1:{server.port}") as (link, _),
    ):
        assert link.wait_up(SOON)
        for _attempt in range(3):
            with pytest.raises(NatsTimeout):
                link.request("anybody", timeout=0.1)
        assert link.flush()
    told = [
        record.message for record in caplog.records if "Permissions Violation" in record.message
    ]
    assert told == ["nats test: 'Permissions Violation for Subscription to \"_INBOX.\"'"]


def test_messages_keep_their_order_even_with_a_slow_callback(nats_server: NatsServer) -> None:
    numbers: list[int] = []
    release = threading.Event()

    def slow(message: Message) -> None:
        if not numbers:
            release.wait(0.2)
        numbers.append(int(message.payload))

    link = Link(nats_server.url, name="test")
    link.subscribe("n", slow)
    link.start()
    try:
        assert link.wait_up(SOON)
        for number in range(5000):
            link.publish("n", b"%d" % number)
        assert link.flush(SOON)
        assert numbers == list(range(5000))
    finally:
        link.close()


def test_an_exception_in_a_callback_is_logged_with_its_subject_and_costs_one_message(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes] = []

    def picky(message: Message) -> None:
        if message.payload == b"bad":
            raise RuntimeError("cannot take this")
        seen.append(message.payload)

    link = Link(nats_server.url, name="test")
    link.subscribe("p.q", picky)
    link.start()
    try:
        assert link.wait_up(SOON)
        for payload in (b"one", b"bad", b"two"):
            link.publish("p.q", payload)
        assert link.flush(SOON)
    finally:
        link.close()
    assert seen == [b"one", b"two"]
    assert "callback failed on p.q" in caplog.text


def test_a_request_without_an_answer_and_without_nats_says_which(nats_server: NatsServer) -> None:
    link = Link(nats_server.url, name="test")
    link.start()
    try:
        assert link.wait_up(SOON)
        with pytest.raises(NatsTimeout, match=r"no answer from nobody\.here within 0\.1 s"):
            link.request("nobody.here", timeout=0.1)
        nats_server.kill()
        eventually(lambda: not link.is_up)
        with pytest.raises(NatsAway, match="no connection to NATS"):
            link.request("nobody.here", timeout=0.1)
    finally:
        link.close()


def test_user_password_and_token_are_let_in_and_a_wrong_one_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = NatsServer(tmp_path / "nats", extra=("--user", "u@x", "--pass", "p:w"))
    server.start()
    try:
        good = Link(server.url.replace("//", "//u%40x:p%3Aw@"), name="good")
        bad = Link(server.url.replace("//", "//u%40x:wrong@"), name="bad")
        good.start()
        bad.start()
        assert good.wait_up(SOON)
        eventually(lambda: "Authorization Violation" in caplog.text)
        assert not bad.is_up
        assert "wrong" not in caplog.text
        good.close()
        bad.close()
    finally:
        server.stop()


def test_a_message_over_the_servers_limit_is_refused_before_it_costs_the_connection(
    nats_server: NatsServer,
) -> None:
    with linked(nats_server.url) as (link, _):
        assert link.wait_up(SOON)
        with pytest.raises(ValueError, match="takes 1048576 at most"):
            link.publish("a.b", b"x" * (1 << 20) + b"x")
        with pytest.raises(NatsError, match="takes 1048576 at most"):
            link.request("a.b", b"x" * (1 << 20) + b"x")
        assert link.flush(SOON)


@pytest.mark.parametrize("url", ["", "http://x", "nats://", "nats://h:port", "127.0.0.1:4222"])
def test_a_url_that_cannot_work_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is not of the form nats://"):
        Link(url, name="test")


@pytest.mark.parametrize("sign", [",", "/", "?", "#", "@/", "["])
def test_a_password_that_breaks_its_url_is_told_how_to_write_and_not_shown(sign: str) -> None:
    with pytest.raises(ValueError, match="%2C %2F %3F %23") as told:
        Link(f"nats://user:half{sign}other@127.0.0.1:4222", name="test")
    assert "half" not in str(told.value)
    assert "other" not in str(told.value)


def test_ipv6_and_a_url_without_a_port() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    link = Link(f"nats://[::1]:{listener.getsockname()[1]}", name="test")
    link.start()
    connection, _ = listener.accept()
    connection.close()
    link.close()
    listener.close()
    assert Link("nats://127.0.0.1", name="test") is not None


@pytest.mark.parametrize(
    ("url", "address", "said"),
    [
        ("nats://127.0.0.1", ("127.0.0.1", 4222), {}),
        ("nats://u%40x:p%3Aw@localhost:4300", ("localhost", 4300), {"user": "u@x", "pass": "p:w"}),
        ("tls://t%2Foken@[::1]", ("::1", 4222), {"auth_token": "t/oken"}),
    ],
)
def test_pynats2_reads_the_url_and_writes_the_login(
    url: str, address: tuple[str, int], said: dict[str, str]
) -> None:
    """A new version that lacks what login.py reaches for fails here, and not at the first connection."""
    login = Login(url, "test")
    assert (login.host, login.port) == address
    assert login.wants_tls is url.startswith("tls")
    command = login.command()
    assert command.startswith(b"CONNECT {") and command.endswith(b"}\r\n")
    words = json.loads(command.removeprefix(b"CONNECT "))
    assert {key: words[key] for key in ("user", "pass", "auth_token") if key in words} == said
    assert (words["name"], words["verbose"], words["pedantic"]) == ("test", False, False)
    assert login.command() == command


def test_the_link_needs_no_pkg_resources_and_leaves_none_behind() -> None:
    script = (
        "import sys; sys.modules['setuptools'] = None\n"
        "import progress_lib; assert 'pkg_resources' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
