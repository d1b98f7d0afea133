"""Deliveries over real HTTP: each end reaches its receivers, whatever these do, and a receiver that is away delays no other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from jobs.store.runs.run_states import EndKind
from jobs.store.webhooks.records import Claimed, DeliveryStatus, Form, NewWebhook
from jobs.webhooks.deliveries import AT_ONCE, DAY
from jobs.webhooks.post import Outcome, post
from jobs.webhooks.signature import new_secret
from jobs.webhooks.turns import PER_HOST
from settings.addresses import PrivateHosts, parse_private_hosts
from tests.harness import eventually, free_port
from tests.jobs.conftest import TENANT
from tests.jobs.webhooks.conftest import ALL, FAILED, Deliver, Desk
from tests.jobs.webhooks.receivers import Received, Receiver, receiving, status
from tests.servers.certificates import write_certificate


def is_signed(received: Received, secret: str) -> bool:
    """As a receiver checks it, written from the standard."""
    signed = f"{received.id}.{received.headers['webhook-timestamp']}.".encode() + received.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = received.headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(one, f"v1,{wanted}") for one in given)


def test_an_end_reaches_its_receiver_once_and_signed(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    first, second = new_secret(), new_secret()
    new = NewWebhook(receiver.url, ALL)
    webhook = desk.hooks.create(TENANT, new, first, 5).webhook
    said = "exit code 1: 'a value of a row'"
    run = desk.end(desk.job(), FAILED, reason=said, exit_code=1, kind=EndKind.EXIT_CODE)
    deliver()
    [told] = desk.settled(webhook)
    [received] = receiver.received
    assert (told.status, told.answer, told.attempts) == (DeliveryStatus.DELIVERED, 204, 1)
    assert received.id == told.delivery_id
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
    assert is_signed(received, first)
    event = json.loads(received.body)
    assert event["type"] == "run.failed"
    assert (event["data"]["runId"], event["data"]["kind"]) == (run.run_id, "exit_code")
    assert b"value of a row" not in received.body, "a reason may quote a row"
    desk.hooks.change_secret(TENANT, webhook.webhook_id, second)
    desk.hooks.test(TENANT, webhook.webhook_id)
    desk.settled(webhook, 2)
    assert is_signed(receiver.received[1], first), "for a day"
    assert is_signed(receiver.received[1], second)
    assert not is_signed(receiver.received[0], second)


def test_a_receiver_that_is_away_gets_it_when_it_is_back_with_the_same_id(
    desk: Desk, deliver: Deliver
) -> None:
    port = free_port()
    webhook = desk.webhook(f"http://127.0.0.1:{port}/")
    desk.end(desk.job())
    deliver(attempts=50)
    eventually(lambda: "cannot be reached" in str(desk.record(webhook)[0].error))
    assert desk.hooks.get(TENANT, webhook.webhook_id).failing_since is not None
    with receiving(port) as receiver:
        receiver.answer = status(503, retry_after="0")
        eventually(lambda: receiver.received)
        receiver.answer = status(200)
        [told] = desk.settled(webhook)
    assert (told.status, told.error) == (DeliveryStatus.DELIVERED, None)
    assert {one.id for one in receiver.received} == {told.delivery_id}
    assert desk.hooks.get(TENANT, webhook.webhook_id).failing_since is None


def test_what_nobody_takes_is_given_up_and_sent_again_by_hand(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answer = status(302, location_="http://169.254.169.254/")
    webhook = desk.webhook(receiver.url)
    desk.end(desk.job())
    deliver(attempts=2)
    [told] = desk.settled(webhook)
    assert (told.status, told.attempts, told.answer) == (DeliveryStatus.FAILED, 2, 302)
    assert "redirects are not followed" in str(told.error)
    receiver.answer = status(200)
    desk.hooks.replay(TENANT, webhook.webhook_id, told.delivery_id)
    [again] = desk.settled(webhook)
    assert (again.status, again.attempts) == (DeliveryStatus.DELIVERED, 3)
    assert [one.id for one in receiver.received] == [told.delivery_id] * 3


def test_a_receiver_that_is_gone_is_told_nothing_any_more(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answer = status(410)
    webhook, job_id = desk.webhook(receiver.url), desk.job()
    for _ in range(5):
        desk.end(job_id)
    deliver()
    eventually(lambda: desk.hooks.get(TENANT, webhook.webhook_id).disabled_at)
    told = desk.settled(webhook, 5)
    assert {one.status for one in told} == {DeliveryStatus.FAILED}
    assert len(receiver.received) <= PER_HOST
    desk.end(job_id)
    assert len(desk.record(webhook)) == 5, "and nothing is recorded for it"
    receiver.answer = status(200)
    tried = desk.hooks.test(TENANT, webhook.webhook_id)
    eventually(lambda: desk.record(webhook)[-1].status is DeliveryStatus.DELIVERED)
    assert receiver.received[-1].id == tried.delivery_id, "a test asks it all the same"


def test_one_that_fails_for_days_is_disabled_and_one_that_works_is_not(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer = status(500)
    webhook = desk.webhook(receiver.url)
    desk.end(desk.job())
    deliver(attempts=2, retry_wait=60, disable_days=3)
    eventually(lambda: desk.hooks.get(TENANT, webhook.webhook_id).failing_since)
    clock = time.time
    monkeypatch.setattr("jobs.webhooks.deliveries.time.time", lambda: clock() + 3 * DAY + 60)
    eventually(lambda: desk.hooks.get(TENANT, webhook.webhook_id).disabled_at)
    disabled = desk.hooks.get(TENANT, webhook.webhook_id)
    assert disabled.disabled_reason == "nothing could be delivered for 3 days"


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte of the head now and then, for ever."""
    while True:
        handler.wfile.write(b"H")
        handler.wfile.flush()
        if threading.Event().wait(0.2):
            return


def flood(handler: BaseHTTPRequestHandler) -> None:
    """A gigabyte, if somebody reads it."""
    handler.send_response(200)
    handler.send_header("content-length", str(1 << 30))
    handler.end_headers()
    for _ in range(1 << 10):
        handler.wfile.write(bytes(1 << 20))
    handler.server.has_sent_all = True  # type: ignore[attr-defined]


def endless_head(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"x-more: " + b"x" * 4_000 + b"\r\n")


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-a_secret\r\n\r\n", b"HTTP/1.1 200 OK\r\na secret\r\n\r\n"]
)
def test_of_an_answer_that_is_no_http_nothing_is_told(receiver: Receiver, said: bytes) -> None:
    """A tenant could read how another service greets at an address that webhooks may call."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(said)

    receiver.answer = answer
    outcome = post(receiver.url, b"{}", {}, parse_private_hosts("127.0.0.1"), 5.0)
    assert outcome == Outcome(error="what it answered is no HTTP")


def test_a_receiver_without_tls_that_was_given_as_https_is_told_as_that(receiver: Receiver) -> None:
    allowed = parse_private_hosts("127.0.0.1")
    outcome = post(receiver.url.replace("http:", "https:"), b"{}", {}, allowed, 5.0)
    told = "what it answers is no TLS: the address of a receiver without TLS begins with http://"
    assert outcome == Outcome(error=told)


def test_a_handshake_that_is_broken_off_is_told_as_one() -> None:
    def close(port: socket.socket) -> None:
        with port.accept()[0] as one:
            one.shutdown(socket.SHUT_WR)
            while one.recv(4_096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as port:
        threading.Thread(target=close, args=(port,), daemon=True).start()
        url = f"https://127.0.0.1:{port.getsockname()[1]}/"
        outcome = post(url, b"{}", {}, parse_private_hosts("127.0.0.1"), 5.0)
    assert "TLS with it failed: " in str(outcome.error)


def test_receivers_that_hang_drip_or_flood_are_left_in_time_and_hold_up_no_other(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    with receiving() as hanging:
        hanging.answer = hanging.hangs
        job_id = desk.job()
        slow = desk.webhook(f"http://localhost:{hanging.port}/", job_id=job_id)
        for _ in range(AT_ONCE * 2):
            desk.end(job_id)
        deliver(attempts=1, timeout=3, private_hosts=parse_private_hosts("127.0.0.1,localhost"))
        eventually(lambda: len(hanging.received) == PER_HOST)
        good = desk.webhook(receiver.url)
        other = desk.job()
        desk.end(other)
        assert desk.settled(good)[0].status is DeliveryStatus.DELIVERED
        waiting = [one for one in desk.record(slow) if one.status is DeliveryStatus.WAITING]
        assert len(waiting) >= AT_ONCE, "the others still wait behind those that hang"
        for answer, error in (
            (drip, "did not answer within 3 s"),
            (endless_head, "is no HTTP"),
        ):
            receiver.answer = answer
            desk.end(other)
            told = desk.settled(good)[-1]
            assert told.status is DeliveryStatus.FAILED
            assert error in str(told.error)
        receiver.answer = flood
        desk.end(other)
        assert desk.settled(good)[-1].answer == 200, "its head is all that is read"
        hanging.released.set()


def test_two_runners_make_one_delivery_of_each_of_many_ends(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    webhook, job_id = desk.webhook(receiver.url), desk.job()
    deliver(), deliver()
    for _ in range(100):
        desk.end(job_id)
    told = desk.settled(webhook, 100)
    assert {one.status for one in told} == {DeliveryStatus.DELIVERED}
    ids = [one.id for one in receiver.received]
    assert sorted(ids) == sorted(one.delivery_id for one in told)


def test_a_chat_gets_a_text_in_which_no_name_is_a_link_or_a_mention(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    webhook = desk.webhook(receiver.url, form=Form.SLACK)
    desk.end(desk.job(name="<!channel> & <https://evil|x>"), FAILED, reason="exit code 1")
    deliver(public_url="https://progress.example/p")
    desk.settled(webhook)
    body = json.loads(receiver.received[0].body)
    assert list(body) == ["text"]
    [run_id] = [one.run_id for one in desk.record(webhook)]
    link = f"https://progress.example/p/?job=1&run={run_id}"
    assert body["text"] == (f"❌ *<{link}|&lt;!channel&gt; &amp; &lt;https://evil|x&gt;>* failed")


def test_a_private_address_is_refused_at_each_delivery(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    hosts = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]")
    webhooks = [desk.webhook(f"http://{host}:{receiver.port}/") for host in hosts]
    desk.end(desk.job())
    deliver(attempts=1, private_hosts=PrivateHosts())
    for webhook in webhooks:
        [told] = desk.settled(webhook)
        assert "private address" in str(told.error), webhook.url
    assert receiver.received == []


def test_the_connection_is_made_to_the_address_that_was_checked(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers otherwise each time: the one answer that was checked counts, with the name in Host."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, *given: Any, **named: Any) -> Any:
        if host == "rebinding.example":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return real(host, *given, **named)

    monkeypatch.setattr("program_lib.network.outgoing.socket.getaddrinfo", resolve)
    webhook = desk.webhook(f"http://rebinding.example:{receiver.port}/")
    desk.end(desk.job())
    deliver(attempts=1)
    [told] = desk.settled(webhook)
    assert told.status is DeliveryStatus.DELIVERED, told
    assert asked == ["rebinding.example"]
    assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_tls_is_for_the_name_and_its_certificate_is_checked(
    desk: Desk, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr("program_lib.network.outgoing._tls", ssl.create_default_context)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        "program_lib.network.outgoing.socket.getaddrinfo",
        lambda host, *given, **named: real("127.0.0.1", *given, **named),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with receiving(tls=context) as receiver:
        good, other = (
            desk.webhook(f"https://{name}:{receiver.port}/")
            for name in ("hooks.example", "other.example")
        )
        desk.end(desk.job())
        deliver(attempts=1)
        assert desk.settled(good)[0].status is DeliveryStatus.DELIVERED
        assert "certificate is not trusted" in str(desk.settled(other)[0].error)
    assert sorted(map(str, asked)) == ["hooks.example", "other.example"]
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


def test_a_webhook_that_is_deleted_meanwhile_hurts_nobody(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    kept, job_id = desk.webhook(receiver.url), desk.job()
    with receiving() as hanging:
        hanging.answer = hanging.hangs
        gone, of_job = desk.webhook(hanging.url), desk.webhook(hanging.url, job_id=job_id)
        desk.end(job_id)
        deliver()
        eventually(lambda: len(hanging.received) == 2)
        desk.hooks.delete(TENANT, gone.webhook_id)
        desk.store.delete_job(TENANT, job_id)
        assert desk.hooks.all_of(TENANT) == [kept]
        hanging.released.set()
        desk.end(desk.job())
        told = desk.settled(kept, 2)
    assert {one.status for one in told} == {DeliveryStatus.DELIVERED}
    with pytest.raises(LookupError):
        desk.record(of_job)


def test_a_runner_without_threads_sends_later_and_gives_the_places_back(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each such fault took a place for good, so that at last nothing was delivered any more."""
    begin, refused = threading.Thread.start, iter([1])

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("webhook-") and next(refused, None) is not None:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    webhook = desk.webhook(receiver.url)
    for _ in range(PER_HOST):
        desk.end(desk.job())
    deliver(timeout=2)  # and the lease of those that were not sent ends soon after that
    assert {one.status for one in desk.settled(webhook, PER_HOST)} == {DeliveryStatus.DELIVERED}


def takes_as_many_at_once_as_ever(desk: Desk, receiver: Receiver, url: str) -> None:
    """To the host of the URL, PER_HOST deliveries are on their way together."""
    before, job_id = len(receiver.received), desk.job()
    receiver.released.clear()
    receiver.answer = receiver.hangs
    desk.webhook(url, job_id=job_id)
    for _ in range(PER_HOST):
        desk.end(job_id)
    eventually(lambda: len(receiver.received) == before + PER_HOST, what="no place is lost")
    receiver.released.set()


def test_one_that_is_replayed_while_it_is_on_its_way_costs_no_place(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    """Who pressed it twice had nothing delivered to that host any more, until the runner was started anew."""
    receiver.answer = receiver.hangs
    webhook, job_id = desk.webhook(receiver.url), desk.job()
    desk.end(job_id)
    deliver()
    [told] = eventually(lambda: desk.record(webhook))
    eventually(lambda: len(receiver.received) == 1)
    desk.hooks.replay(TENANT, webhook.webhook_id, told.delivery_id)
    eventually(lambda: len(receiver.received) == 2)
    receiver.answer = status(204)
    receiver.released.set()
    desk.settled(webhook)
    desk.hooks.delete(TENANT, webhook.webhook_id)
    takes_as_many_at_once_as_ever(desk, receiver, receiver.url)


def test_one_whose_address_is_changed_as_its_turn_comes_costs_no_place(
    desk: Desk, receiver: Receiver, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, claim = desk.webhook(receiver.url), desk.hooks.claim
    elsewhere = NewWebhook(f"http://localhost:{receiver.port}/", ALL)
    changes = iter([elsewhere])

    def moved(webhook_ids: Sequence[str], lease: float) -> list[Claimed]:
        if (new := next(changes, None)) is not None:
            desk.hooks.replace(TENANT, webhook.webhook_id, new, enabled=True)
        return claim(webhook_ids, lease)

    monkeypatch.setattr(desk.hooks, "claim", moved)
    desk.end(desk.job())
    deliver(private_hosts=parse_private_hosts("127.0.0.1,localhost"))
    desk.settled(webhook)
    desk.hooks.delete(TENANT, webhook.webhook_id)
    takes_as_many_at_once_as_ever(desk, receiver, receiver.url)


def test_many_ends_at_once_are_all_told_and_hardly_slower(
    desk: Desk, receiver: Receiver, deliver: Deliver
) -> None:
    job_id = desk.job()

    def seconds(count: int) -> float:
        begun = time.monotonic()
        for _ in range(count):
            desk.end(job_id)
        return time.monotonic() - begun

    without = seconds(60)
    webhook = desk.webhook(receiver.url)
    told = seconds(180)
    assert told < 3 * without * 4 + 10, "an insert or two for each"
    deliver()
    assert len(desk.settled(webhook, 180)) == 180
    assert len({one.id for one in receiver.received}) == 180
