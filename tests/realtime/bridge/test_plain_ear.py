"""What tells a quiet stream from one that takes nothing; on a real nats-server, whose messages the test gives or not."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from progress_lib import Progress, Status
from progress_lib.nats.jetstream import JetStream, JetStreamError
from progress_lib.nats.link import Link, Message
from progress_lib.subjects import EVERY_TENANT, every_job, progress_subject
from realtime.bridge import plain_ear as silence
from realtime.bridge import wishes
from realtime.bridge.bridge import NATSBridge
from realtime.bridge.plain_ear import PlainEar
from realtime.events import Topic, topic_named
from realtime.hub.commands import Broadcast, Known
from realtime.hub.hub import Hub
from tests.harness import DEADLINE, NatsServer, eventually, linked
from tests.servers.cluster import running_cluster

SUBJECT = progress_subject("acme", 1)
A_MINUTE = 60.0  # seconds


@pytest.fixture
def received() -> list[bytes]:
    return []


@pytest.fixture
def ear(link: Link, received: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainEar]:
    monkeypatch.setattr(silence, "QUIET", 0.0)

    def receive(messages: list[Message]) -> None:
        received.extend(message.payload for message in messages)

    ear = PlainEar(link, [every_job("acme", "*")], receive)
    ear.is_deaf(7, heard=time.monotonic())
    ear.is_deaf(7, heard=time.monotonic())
    assert ear.is_on
    yield ear
    ear.stop()


def say(link: Link, *payloads: bytes) -> None:
    for payload in payloads:
        assert link.publish(SUBJECT, payload)
    assert link.flush(DEADLINE)


def later() -> float:
    return time.monotonic() + A_MINUTE


def test_a_stream_is_quiet_while_nothing_is_said(ear: PlainEar) -> None:
    assert not ear.is_deaf(7, heard=later())


def test_a_stream_that_does_not_give_what_was_said_takes_nothing(ear: PlainEar, link: Link) -> None:
    say(link, b"{}")
    assert not ear.is_deaf(7, heard=time.monotonic()), "it has a moment for it"
    assert ear.is_deaf(7, heard=later()), (
        "one message is enough: its consumer said later that it lives"
    )


def test_a_stream_that_gives_something_is_listened_to_alone(ear: PlainEar, link: Link) -> None:
    say(link, b"{}")
    assert not ear.is_deaf(8, heard=later())
    assert not ear.is_on
    assert not ear.is_deaf(8, heard=later()), "what was heard before is forgotten"


def test_what_was_kept_comes_before_what_is_said_later(
    ear: PlainEar, link: Link, received: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "MOST_KEPT", 2)
    say(link, b"1", b"2", b"3")
    ear.hand_over(lambda kept: received.extend(message.payload for message in kept))
    say(link, b"4")
    ear.hand_over(lambda kept: received.extend(message.payload for message in kept))
    eventually(lambda: received == [b"2", b"3", b"4"], what="the newest that there is room for")


@pytest.mark.slow
def test_progress_is_live_though_most_servers_of_the_cluster_are_gone(tmp_path: Path) -> None:
    """The one that is left passes messages on, and may store none: it has no majority."""
    hub = Hub(load=lambda *_: None)
    with running_cluster(tmp_path) as cluster:
        bridge = NATSBridge(Link(cluster.url, name="bridge"), "acme", hub)
        hub.start()
        bridge.subscribe()
        try:
            eventually(lambda: bridge.has_history, what="it follows the stream")
            left, *others = cluster.nodes.values()
            for node in others:
                node.kill()
            eventually(
                lambda: said(left.url) and hub.counts.received > 0, A_MINUTE, what="live progress"
            )
            assert not bridge.has_history
            # the silence of the stream, or the word of the server that is left, whichever is noticed first
            assert re.search("PROGRESS|fewer than half", bridge.why_no_history)
            cluster.start()
            eventually(lambda: said(left.url) and bridge.has_history, A_MINUTE, what="the history")
        finally:
            bridge.close()
            hub.stop()


def said(url: str) -> bool:
    with linked(url) as link:
        say(link, b'{"nodeId": 1, "nodeName": "n", "status": "running", "rowCount": 1}')
    return True


class Heard:
    """A hub that keeps what it is told."""

    backlog = 0

    def __init__(self) -> None:
        self.told: list[object] = []

    def put(self, command: object) -> None:
        self.told.append(command)

    def keeps(self, *_: object) -> bool:
        return True

    def payloads(self) -> list[bytes]:
        broadcasts = [command for command in self.told if isinstance(command, Broadcast)]
        return [event.payload for command in broadcasts for event in command.events]


def test_what_is_said_after_the_stream_was_deleted_is_not_lost(
    nats_server: NatsServer, link: Link
) -> None:
    """It takes seconds until the stream is missed, and made anew. A node that ended meanwhile was at work for ever."""
    hub = Heard()
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "default", cast(Any, hub))
    bridge.subscribe()
    try:
        eventually(lambda: bridge._ear.is_on, what="the stream is quiet")
        JetStream(link).call("STREAM.DELETE.PROGRESS", {})
        last = Progress(1, "n", Status.COMPLETED, 5).to_json()
        link.publish(progress_subject("default", 7), last)
        assert link.flush(DEADLINE)
        with pytest.raises(JetStreamError, match="not found"):
            JetStream(link).call("STREAM.INFO.PROGRESS", {})
        eventually(lambda: last in hub.payloads())
    finally:
        bridge.close()


def test_a_stream_that_names_what_it_stores_otherwise_is_put_right(
    nats_server: NatsServer, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not quiet, and gave nothing of the tenant: nobody was shown what was said, for as long as it was so."""
    monkeypatch.setattr("realtime.bridge.bridge.HISTORY_RETRY", 0.1)
    monkeypatch.setattr(wishes, "HEARTBEAT", 0.05)
    hub = Heard()
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "default", cast(Any, hub))
    bridge.subscribe()
    try:
        eventually(lambda: bridge.has_history, what="it follows the stream")
        jetstream = JetStream(link)
        config = jetstream.call("STREAM.INFO.PROGRESS", {})["config"]
        to = {"src": "tenant.*.job.*.*", "dest": "old.{{wildcard(1)}}.{{wildcard(2)}}"}
        jetstream.call("STREAM.UPDATE.PROGRESS", {**config, "subject_transform": to})

        def is_right() -> bool:
            return bool(jetstream.call("STREAM.INFO.PROGRESS", {})["config"] == config)

        eventually(is_right, what="it is put right")
        last = Progress(1, "n", Status.COMPLETED, 5).to_json()
        link.publish(progress_subject("default", 7), last)
        eventually(lambda: last in hub.payloads())
        assert bridge.has_history
        monkeypatch.setattr("realtime.bridge.bridge.HISTORY_RETRY", A_MINUTE)  # as below
        eventually(lambda: bridge._next_try > time.monotonic() + 1.0)
    finally:
        bridge.close()


def test_a_stream_that_somebody_makes_narrower_costs_the_history_alone(
    nats_server: NatsServer, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gave statuses still, so that it was not quiet: browsers heard of nodes from the database, each ten seconds."""
    monkeypatch.setattr("realtime.bridge.bridge.HISTORY_RETRY", 0.1)
    monkeypatch.setattr(wishes, "HEARTBEAT", 0.05)
    hub = Heard()
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "default", cast(Any, hub))
    bridge.subscribe()
    try:
        eventually(lambda: bridge.has_history, what="it follows the stream")
        config = JetStream(link).call("STREAM.INFO.PROGRESS", {})["config"]
        narrow = {**config, "subjects": [every_job(EVERY_TENANT, "status")]}
        JetStream(link).call("STREAM.UPDATE.PROGRESS", narrow)
        eventually(lambda: not bridge.has_history, what="it is noticed")
        assert "is somebody else's: it is over tenant.*.job.*.status" in bridge.why_no_history
        last = Progress(1, "n", Status.COMPLETED, 5).to_json()
        link.publish(progress_subject("default", 7), last)
        eventually(lambda: last in hub.payloads())
        JetStream(link).call("STREAM.UPDATE.PROGRESS", config)
        eventually(lambda: bridge.has_history, what="it is followed again")
        monkeypatch.setattr(
            "realtime.bridge.bridge.HISTORY_RETRY", A_MINUTE
        )  # a look would hold its end up
        eventually(lambda: bridge._next_try > time.monotonic() + 1.0)
    finally:
        bridge.close()


@pytest.mark.parametrize("faults", [1, wishes.MAX_FAILURES])
def test_each_job_that_somebody_asked_for_gets_its_past_or_is_let_go_on_without(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, faults: int
) -> None:
    """Whatever fails: what is said now is held until the past is there. It was held for ever."""
    monkeypatch.setattr(wishes, "RETRY_WAIT", 0.01)
    hub, job = Heard(), topic_named("default", 7)
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "default", cast(Any, hub))
    read, failing = bridge._read_whole, iter(range(faults))

    def reading(topics: list[Topic]) -> None:
        if next(failing, None) is not None:
            raise KeyError("an odd answer")
        read(topics)

    monkeypatch.setattr(bridge, "_read_whole", reading)
    bridge.subscribe()
    try:
        eventually(lambda: bridge.has_history, what="it follows the stream")
        bridge.load(job, is_whole=True)
        known = eventually(lambda: [one for one in hub.told if isinstance(one, Known)])
    finally:
        bridge.close()
    assert (known[0].topic, known[0].is_complete) == (job, True)
