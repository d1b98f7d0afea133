"""What decides without waiting: addresses, signatures, waits, turns, and what is told of an end."""

from __future__ import annotations

import ipaddress
import json
import time
from datetime import UTC, datetime

import h11
import pytest

from jobs.store.webhooks.records import Claimed, DeliveryStatus, DueWebhook, Form, Result
from jobs.webhooks.backoff import JITTER, LONGEST, wait_after
from jobs.webhooks.bodies import body_of
from jobs.webhooks.deliveries import DAY, result_of
from jobs.webhooks.post import Outcome, _retry_after
from jobs.webhooks.signature import headers
from jobs.webhooks.turns import PER_HOST, DeliveryTurns
from program_lib.network.addresses import is_public
from program_lib.network.outgoing import BadUrl, Refused, Target, check_number
from settings.addresses import PrivateHosts, parse_private_hosts
from settings.defaults import WebhookSettings

PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
NOT_PUBLIC = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.1.1", "172.16.0.1", "192.168.0.1", "100.64.0.1"),
    *("169.254.169.254", "168.63.129.16", "192.0.0.192", "192.88.99.1", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::", "::1", "fe80::1", "fec0::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1"),
    *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::"),
    "2001:0:1::1",
)


def test_an_address_is_called_only_if_it_is_the_whole_internets() -> None:
    assert [one for one in PUBLIC if not is_public(ipaddress.ip_address(one))] == []
    assert [one for one in NOT_PUBLIC if is_public(ipaddress.ip_address(one))] == []


BAD_URLS = (
    *("ftp://a.b/", "//a.b/", "https:///x", "https://", "a.b", "", "javascript:alert(1)"),
    *("https://user@a.b/", "https://user:word@a.b/", "https://@a.b/", "https://a.b/#x"),
    *("https://a.b:22/", "https://a.b:0/", "https://a.b:99999/", "https://a.b:x/"),
    *("https://a b/", "https://a.b/\n", "https://a.b\\@c/", "https://ünï.de/", "https://a..b/"),
    *("https://[::1%25lo]/", "https://[::1/", "https://[1.2.3.4]/", "https://a.b/" + "x" * 2_000),
    "https://" + "a" * 300 + ".b/",
)


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_is_none_to_call_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        Target.of(url)


def test_a_long_name_of_no_host_is_refused_at_once() -> None:
    with pytest.raises(BadUrl):
        Target.of("https://" + "a" * 1_900 + "!/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0177.0.0.1", "0x7f.1", "10.1"]
)
def test_a_number_of_a_private_address_is_refused_in_every_form(host: str) -> None:
    target = Target.of(f"http://{host}:8080/x?y=1")
    assert target.path == "/x?y=1"
    with pytest.raises(Refused, match="private address"):
        check_number(target, PrivateHosts())
    check_number(target, parse_private_hosts("127.0.0.0/8, ::1, 10.0.0.0/8"))
    check_number(Target.of("https://nobody.invalid/"), PrivateHosts())


def test_a_delivery_is_signed_as_the_standard_has_it() -> None:
    """The example of https://github.com/standard-webhooks, in its own libraries' tests."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("form", Form)
def test_half_a_character_in_the_name_of_a_node_keeps_no_end_from_being_told(form: Form) -> None:
    """A program may name its nodes so, and all attempts failed."""
    data = {
        "jobName": "a",
        "status": "failed",
        "failedNodes": [{"nodeId": 1, "nodeName": "\ud800"}],
    }
    told = json.loads(body_of(json.dumps({"type": "run.failed", "data": data}), form, None))
    if form is Form.SLACK:
        assert told == {"text": "❌ *a* failed\nNode: ?"}
    else:
        assert told["data"]["failedNodes"] == [{"nodeId": 1, "nodeName": "?"}]


def test_waits_grow_to_hours_and_end() -> None:
    waits = [wait_after(attempt, 5, 9) for attempt in range(1, 10)]
    assert waits[-1] is None
    for wait, wanted in zip(
        waits[:8], (5, 25, 125, 625, 3125, 15625, LONGEST, LONGEST), strict=True
    ):
        assert wait is not None
        assert wanted <= wait <= wanted * (1 + JITTER)
    assert (wait_after(1, 5, 9, asked=100) or 0) == 100
    assert (wait_after(1, 5, 9, asked=1e9) or 0) == LONGEST
    assert wait_after(10_000, 5, 10_001)


def test_a_webhook_that_has_failed_for_days_is_disabled_by_a_delivery_that_is_given_up() -> None:
    """One that failed months ago, and was told nothing since, was disabled by the first answer that did not come."""
    settings, now = WebhookSettings(attempts=3, disable_days=5), 1_000 * DAY

    def after(attempt: int, failing_since: float | None) -> Result:
        claimed = Claimed(
            *("d", attempt, "run.failed", "{}", "w", "acme", "https://a.b/", Form.STANDARD, ("s",)),
            failing_since=failing_since,
            claimed_at=now,
        )
        return result_of(claimed, Outcome(error="it did not answer"), settings, now)

    months_ago = now - 100 * DAY
    for attempt in (1, 2):
        tried = after(attempt, months_ago)
        assert (tried.disable, tried.status) == (None, DeliveryStatus.WAITING)
    assert after(3, months_ago).disable == "nothing could be delivered for 5 days"
    assert after(3, now - 4 * DAY).disable is None
    assert after(4, months_ago).disable is None, "it was replayed"
    assert after(3, None).status is DeliveryStatus.FAILED


def due(tenant: str, host: str, webhook: str = "") -> DueWebhook:
    return DueWebhook(webhook or f"{tenant} {host}", tenant, f"https://{host}/", 0.0)


def test_no_host_and_no_tenant_takes_all_places() -> None:
    turns = DeliveryTurns(16, has_many_tenants=True)
    busy = [due("busy", f"h{number}") for number in range(50)]
    assert len(turns.pick(busy)) == 8
    other = due("other", "h1", "one")
    assert turns.pick([*busy, other]) == [other] * (PER_HOST - 1), "h1 has two already"
    third = due("third", "h-third")
    assert turns.pick([*busy, third]) == [third] * PER_HOST
    for one in busy[:8]:
        turns.give_back(one)
    assert {one.tenant_id for one in turns.pick([*busy, third])} == {"busy"}


def test_one_tenant_alone_has_all_places_and_its_webhooks_have_turns() -> None:
    turns = DeliveryTurns(4, has_many_tenants=False)
    hosts = [due("one", host) for host in "abcdef"]
    first = turns.pick(hosts)
    assert len(first) == len({one.url for one in first}) == 4
    for one in first:
        turns.give_back(one)
    assert {one.url for one in turns.pick(hosts)} > {"https://e/", "https://f/"}


@pytest.mark.parametrize("zone", ["GMT", "-0000", ""])
def test_the_time_to_wait_is_a_date_in_utc(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of -0000 was taken for that of the machine's own zone."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        later = datetime.fromtimestamp(time.time() + 60, UTC)
        told = f"{later:%a, %d %b %Y %H:%M:%S} {zone}".rstrip().encode()
        response = h11.Response(status_code=503, headers=[(b"retry-after", told)])
        assert _retry_after(response) == pytest.approx(60, abs=5)
    finally:
        monkeypatch.undo()
        time.tzset()
