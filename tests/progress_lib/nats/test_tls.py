"""TLS to NATS: the server's certificate is verified, and a CA file is the only way to widen that."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from progress_lib.nats import connection
from progress_lib.nats.link import Link, Message
from tests.harness import DEADLINE, NatsServer, eventually
from tests.servers.certificates import write_certificate

StartTls = Callable[..., tuple[NatsServer, str]]


@pytest.fixture
def start_tls(tmp_path: Path) -> Iterator[StartTls]:
    """Starts a server that asks for TLS, with a certificate for an address; gives the CA file too.

    `asks_back`: its clients have to show a certificate, such as its own.
    """
    started: list[NatsServer] = []

    def start(
        address: str, *, is_optional: bool = False, asks_back: bool = False
    ) -> tuple[NatsServer, str]:
        certificate, key = write_certificate(tmp_path, address)
        tls: tuple[str, ...] = ("--tls", "--tlscert", str(certificate), "--tlskey", str(key))
        if asks_back:
            tls += ("--tlsverify", "--tlscacert", str(certificate))
        if is_optional:
            config = tmp_path / "optional.conf"
            files = f'cert_file: "{certificate}", key_file: "{key}"'
            config.write_text(f"allow_non_tls: true\ntls {{ {files} }}\n")
            tls = ("-c", str(config))
        server = NatsServer(tmp_path / "nats", extra=tls)
        started.append(server)
        server.start()
        return server, str(certificate)

    yield start
    for server in started:
        server.stop()


def tls_url(server: NatsServer) -> str:
    return server.url.replace("nats://", "tls://")


def refusal(url: str, caplog: pytest.LogCaptureFixture, tls_ca: str | None = None) -> str:
    """Why a link to `url` does not come up; it must not."""
    link = Link(url, name="test", tls_ca=tls_ca)
    with caplog.at_level(logging.WARNING):
        link.start()
        try:
            eventually(lambda: "trying again" in caplog.text, what="a refusal is told")
            assert not link.is_up
        finally:
            link.close()
    return caplog.text


def test_a_server_whose_certificate_nobody_vouches_for_is_refused(
    start_tls: StartTls, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = start_tls("127.0.0.1")
    assert "CERTIFICATE_VERIFY_FAILED" in refusal(tls_url(server), caplog)


def test_a_certificate_for_another_host_is_refused_though_its_ca_is_known(
    start_tls: StartTls, caplog: pytest.LogCaptureFixture
) -> None:
    server, ca = start_tls("127.0.0.2")
    said = refusal(tls_url(server), caplog, ca)
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "mismatch" in said


@pytest.mark.parametrize(
    ("file", "why"), [("missing.pem", "No such file"), ("key.pem", "NO_CERTIFICATE")]
)
def test_a_ca_file_that_cannot_be_used_is_named(
    start_tls: StartTls,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    file: str,
    why: str,
) -> None:
    server, _ = start_tls("127.0.0.1")
    (tmp_path / "key.pem").write_text("no certificate\n")
    said = refusal(tls_url(server), caplog, str(tmp_path / file))
    assert file in said
    assert why in said


def test_with_its_ca_the_server_is_accepted_and_messages_flow(start_tls: StartTls) -> None:
    server, ca = start_tls("127.0.0.1")
    received: list[Message] = []
    link = Link(tls_url(server), name="test", tls_ca=ca)
    link.subscribe("a.*", received.append)
    link.start()
    try:
        assert link.wait_up(DEADLINE)
        payloads = [bytes([65 + number]) * 100_000 for number in range(5)]
        for payload in payloads:
            assert link.publish("a.b", payload)
        eventually(lambda: [message.payload for message in received] == payloads)
        server.restart()
        eventually(lambda: link.connects == 2)
        assert link.publish("a.b", b"again")
        eventually(lambda: received[-1].payload == b"again")
    finally:
        link.close()


def test_a_server_that_asks_for_a_certificate_gets_it(
    start_tls: StartTls, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    server, ca = start_tls("127.0.0.1", asks_back=True)
    refusal(tls_url(server), caplog, ca)  # its reason may be lost with the connection
    both = tmp_path / "both.pem"
    both.write_bytes(Path(ca).read_bytes() + (tmp_path / "key.pem").read_bytes())
    for own, key in ((ca, str(tmp_path / "key.pem")), (str(both), None)):
        link = Link(tls_url(server), name="test", tls_ca=ca, tls_cert=own, tls_key=key)
        link.start()
        try:
            assert link.wait_up(DEADLINE)
            assert link.flush(20.0)
        finally:
            link.close()


def test_a_certificate_that_cannot_be_shown_is_named(
    start_tls: StartTls, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    server, ca = start_tls("127.0.0.1", asks_back=True)
    link = Link(tls_url(server), name="test", tls_ca=ca, tls_cert=ca, tls_key=str(tmp_path / "no"))
    link.start()
    try:
        wanted = f"the certificate {ca} with {tmp_path / 'no'} cannot be used: No such file"
        eventually(lambda: wanted in caplog.text, what="both files are named")
    finally:
        link.close()


@pytest.mark.parametrize("scheme", ["nats://", "tls://"])
def test_a_server_that_leaves_the_choice_takes_both(start_tls: StartTls, scheme: str) -> None:
    server, ca = start_tls("127.0.0.1", is_optional=True)
    link = Link(server.url.replace("nats://", scheme), name="test", tls_ca=ca)
    link.start()
    try:
        assert link.wait_up(DEADLINE)
        assert link.flush(DEADLINE)
    finally:
        link.close()


def test_a_url_without_tls_never_speaks_in_the_clear_to_a_server_that_asks_for_it(
    start_tls: StartTls, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = start_tls("127.0.0.1")
    assert "use a tls:// URL" in refusal(server.url, caplog)


def test_a_url_with_tls_is_not_talked_down_to_the_clear(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "does not offer it" in refusal(tls_url(nats_server), caplog)


@pytest.mark.parametrize("closes", [True, False], ids=["closes", "says nothing"])
def test_a_port_that_greets_nobody_is_told_with_what_it_may_be(
    closes: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server with handshake_first does, which waits for TLS and then gives up, or the port of WebSockets."""
    monkeypatch.setattr(connection, "CONNECT_WAIT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as port, contextlib.ExitStack() as taken:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the test is over
                while True:
                    one = port.accept()[0]
                    one.close() if closes else taken.enter_context(one)

        threading.Thread(target=serve, daemon=True).start()
        told = refusal(f"tls://127.0.0.1:{port.getsockname()[1]}", caplog)
        port.shutdown(socket.SHUT_RDWR)
    assert "greeting (INFO)" in told
    assert "handshake_first" in told
