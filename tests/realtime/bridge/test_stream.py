"""Reading the stream PROGRESS back: a few jobs one by one, many in one pass, from a real nats-server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from progress_lib.nats.jetstream import _FIRST_PULL, JetStream, stream_time
from progress_lib.nats.link import Link, Message, NatsError
from progress_lib.nats.streams import StreamRules
from progress_lib.subjects import progress_subject, status_subject
from realtime.bridge import stream as progress_stream
from realtime.bridge.bridge import NATSBridge
from realtime.bridge.follower import Follower
from realtime.bridge.stream import FEW, PLAN, Opened, ProgressStream
from realtime.hub.hub import Hub
from tests.harness import DEADLINE, NatsServer, eventually, linked, plain_nats
from tests.progress_lib.nats.test_streams import Named

JOBS, TOLD = FEW + 4, 30  # of each job; all of them are more than one pull
assert JOBS * TOLD > _FIRST_PULL


@pytest.fixture
def stream(link: Link) -> ProgressStream:
    """Each job was told TOLD times, in turn, and another tenant's jobs of the same numbers, too."""
    stream = ProgressStream(link, "acme")
    stream.open()
    for number in range(TOLD):
        for job_id in range(JOBS):
            link.publish(progress_subject("acme", job_id), b"%d" % number)
            link.publish(progress_subject("globex", job_id), b"foreign")
    link.publish(status_subject("acme", 1), b"last")
    eventually(
        lambda: stream.open().last_seq == 2 * JOBS * TOLD + 1, what="the stream has taken all"
    )
    return stream


def replayed(stream: ProgressStream, jobs: list[tuple[str, int]], *times: float) -> list[Message]:
    return [message for batch in stream.replay(jobs, *times) for message in batch]


def of_job(messages: list[Message], job_id: int) -> list[bytes]:
    subjects = (progress_subject("acme", job_id), status_subject("acme", job_id))
    return [message.payload for message in messages if message.subject in subjects]


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, JOBS])
def test_each_job_is_read_whole_and_in_order_and_nobody_elses(
    stream: ProgressStream, count: int
) -> None:
    found = replayed(stream, [("acme", job_id) for job_id in range(count)])
    assert len(found) == count * TOLD + (count > 1), "and nothing else"
    for job_id in range(count):
        told = [b"%d" % number for number in range(TOLD)]
        assert of_job(found, job_id) == told + [b"last"] * (job_id == 1)


def test_a_server_that_takes_small_pulls_alone_gives_the_history_all_the_same(
    tmp_path: Path,
) -> None:
    """It was empty, without a word."""
    limited = "jetstream { limits { max_request_batch: 7 } }"
    with plain_nats(tmp_path, limited) as server, linked(server.url) as link:
        stream = ProgressStream(link, "acme")
        stream.open()
        link.publish_batch(progress_subject("acme", 1), [b"%d" % number for number in range(TOLD)])
        eventually(lambda: stream.open().last_seq == TOLD, what="the stream has taken all")
        told = [b"%d" % number for number in range(TOLD)]
        assert of_job(replayed(stream, [("acme", 1)]), 1) == told


@pytest.mark.parametrize("count", [1, JOBS])
def test_a_replay_between_two_times_has_what_was_said_between(
    stream: ProgressStream, count: int
) -> None:
    jobs = [("acme", job_id) for job_id in range(count)]
    times = [stream_time(message.reply) for message in replayed(stream, [("acme", 0)])]
    since, until = (times[8] + times[9]) / 2, (times[19] + times[20]) / 2
    found = replayed(stream, jobs, since, until)
    assert of_job(found, 0) == [b"%d" % number for number in range(9, 20)]
    assert all(since <= stream_time(message.reply) <= until for message in found)


def test_a_replay_from_the_time_of_a_message_begins_with_it(stream: ProgressStream) -> None:
    times = [stream_time(message.reply) for message in replayed(stream, [("acme", 0)])]
    for number, since in enumerate(times):
        found = replayed(stream, [("acme", 0)], since)
        assert of_job(found, 0)[0] == b"%d" % number


def test_a_job_of_which_nothing_was_said_costs_no_wait(
    stream: ProgressStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_stream, "REPLAY_WAIT", DEADLINE)
    began = time.monotonic()
    assert replayed(stream, [("acme", 4711)]) == []
    assert time.monotonic() - began < DEADLINE / 2, "it would wait for a message"


def test_many_jobs_that_nobody_spoke_of_have_nothing_read(
    stream: ProgressStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one client could have the whole stream read, time and again."""

    def read(*_: object) -> Iterator[list[Message]]:
        raise AssertionError("nothing is to be read")

    with monkeypatch.context() as patched:
        patched.setattr(JetStream, "read", read)
        assert replayed(stream, [("acme", job_id) for job_id in range(1_000, 1_100)]) == []
    few_of_many = [("acme", job_id) for job_id in range(JOBS - 2, JOBS + 100)]
    assert len(replayed(stream, few_of_many)) == 2 * TOLD


def test_jobs_of_several_tenants_are_read_together(stream: ProgressStream) -> None:
    jobs = [(tenant, job_id) for tenant in ("acme", "globex") for job_id in range(JOBS)]
    assert len(replayed(stream, jobs)) == 2 * JOBS * TOLD + 1


def test_what_the_stream_drops_while_it_is_read_is_not_waited_for(
    link: Link, stream: ProgressStream
) -> None:
    reading = JetStream(link).read(stream.name, {"deliver_policy": "all"})
    read = next(reading)
    JetStream(link).call(f"STREAM.PURGE.{stream.name}", {})
    for batch in reading:
        read += batch
    assert 0 < len(read) < 2 * JOBS * TOLD


def test_no_consumer_is_left_behind(link: Link, stream: ProgressStream) -> None:
    replayed(stream, [("acme", job_id) for job_id in range(3)])
    reading = JetStream(link).read(stream.name, {"deliver_policy": "all"})
    next(reading)
    reading.close()  # in the middle of it

    def consumers() -> int:
        state = JetStream(link).call(f"STREAM.INFO.{stream.name}", {})["state"]
        return int(state["consumer_count"])

    eventually(lambda: consumers() == 0, what="the server has none")


def test_a_server_that_goes_away_in_the_middle_is_an_error(
    nats_server: NatsServer, link: Link, stream: ProgressStream
) -> None:
    reading = JetStream(link).read(stream.name, {"deliver_policy": "all"}, timeout=0.5)
    next(reading)
    nats_server.kill()
    with pytest.raises(NatsError):
        for _ in reading:
            pass


@pytest.mark.parametrize(("installation", "heard"), [("a", 1), ("b", 0)])
def test_a_worker_hears_nothing_of_another_installation(
    nats_server: NatsServer, link: Link, installation: str, heard: int
) -> None:
    ProgressStream(link, "acme", StreamRules(Named("a"))).open()
    hub = Hub(load=lambda *_: None)
    rules = StreamRules(Named(installation))
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "acme", hub, rules=rules)
    hub.start()
    bridge.subscribe()
    try:
        eventually(lambda: bridge.is_listening, what="it has seen whose stream it is")
        link.publish(progress_subject("acme", 1), b"{}")
        assert link.flush(DEADLINE)
        assert bridge.link.flush(DEADLINE)
        eventually(lambda: bridge.unasked == heard, what="what was said")
        assert bridge.malformed == 0, "nor on the plain subjects"
        assert ("another installation" in bridge.why_no_history) is (heard == 0)
        assert bool(bridge.why_not_ours) is (heard == 0)
    finally:
        bridge.close()
        hub.stop()


def test_a_stream_that_nobody_could_read_beside_the_worker_is_no_history(
    nats_server: NatsServer, link: Link
) -> None:
    """/readyz said that it is on, and each look at a job waited for its past in vain."""
    first = {"name": PLAN.name, "subjects": PLAN.subjects, **PLAN.must, "max_consumers": 1}
    JetStream(link).call(f"STREAM.CREATE.{PLAN.name}", first)
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "acme", Hub())
    bridge.subscribe()
    try:
        eventually(lambda: bridge.is_listening)
        assert not bridge.has_history
        assert "leave max_consumers" in bridge.why_no_history
    finally:
        bridge.close()


def test_what_is_said_while_a_connection_is_made_anew_makes_no_other_stream(
    nats_server: NatsServer, link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    """On a busy NATS each new connection had all pasts read again, and the log spoke of another stream."""
    hub = Hub(load=lambda *_: None)
    bridge = NATSBridge(Link(nats_server.url, name="bridge"), "acme", hub)
    follower, look = bridge._follower, bridge._stream.open

    def open_while_somebody_speaks() -> Opened:
        opened = look()
        link.publish(progress_subject("acme", 1), b"{}")
        eventually(
            lambda: follower._subscription is None or follower.last_seq > opened.last_seq,
            what="it was heard, or nobody listens",
        )
        return opened

    hub.start()
    bridge.subscribe()
    try:
        eventually(lambda: bridge.has_history and follower.is_healthy)
        bridge._stream.open = open_while_somebody_speaks  # type: ignore[method-assign]
        connection = bridge.link._connection
        assert connection is not None
        connection.end()
        eventually(lambda: bridge.link.connects > 1 and bridge.is_listening)
        eventually(lambda: bridge.unasked > 0, what="it is heard, too")
        assert "another one" not in caplog.text
    finally:
        bridge.close()
        hub.stop()


def test_an_api_that_takes_each_request_twice_gives_each_message_once(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does nats-server 2.15 whose JetStream was switched off and on by a reload: two consumers delivered, and browsers heard something each two seconds."""
    call, received = JetStream.call, list[Message]()

    def twice(jetstream: JetStream, verb: str, *arguments: Any) -> dict[str, Any]:
        call(jetstream, verb, *arguments)
        return call(jetstream, verb, *arguments)

    monkeypatch.setattr(JetStream, "call", twice)
    stream = ProgressStream(link, "acme")
    follower = Follower(stream, link, received.extend)
    follower.attach(stream.open())
    told = [b"%d" % number for number in range(TOLD)]
    link.publish_batch(progress_subject("acme", 1), told)
    link.publish(status_subject("acme", 1), b"last")
    eventually(lambda: received and received[-1].payload == b"last")
    assert link.flush()
    assert [message.payload for message in received] == [*told, b"last"]
    assert follower.is_healthy


def test_a_reader_that_is_far_behind_is_not_cut_by_the_server(tmp_path: Path) -> None:
    """All that it had missed waited for it in the server, which cut it for that, and again each time that it came back."""
    # NATS has 32 MB on their way to who answers, beside what it is writing, which counts until all of that is read
    limits = "max_payload: 1000000\nmax_pending: 52000000\njetstream: enabled\n"
    count, said, reads, received = 75, b"x" * 900_000, threading.Event(), list[Message]()

    def read(messages: list[Message]) -> None:
        assert reads.wait(DEADLINE)
        received.extend(messages)

    with (
        plain_nats(tmp_path, limits) as server,
        linked(server.url) as link,
        linked(server.url) as publisher,
    ):
        stream = ProgressStream(link, "acme")
        follower = Follower(stream, link, read)
        follower.attach(stream.open())
        for _ in range(count):
            publisher.publish(progress_subject("acme", 1), said)
        told = ProgressStream(publisher, "acme")
        eventually(lambda: told.open().last_seq == count, what="the stream has taken all")
        reads.set()
        eventually(lambda: len(received) == count)
        assert (link.connects, follower.is_healthy) == (1, True)


ASKS = (
    '["tenant.>", "$JS.API.>", "_INBOX.>"]'  # what a user may publish who may not answer a consumer
)


def test_who_may_not_answer_the_consumer_reads_all_without_its_flow_control(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would wait for an answer after two megabytes, and deliver nothing more."""
    users = f"[{{user: a, password: pw, permissions: {{publish: {ASKS}}}}}]"
    limits = f"max_payload: 1000000\njetstream: enabled\nauthorization {{ users: {users} }}\n"
    count, said, received = 9, b"x" * 900_000, list[Message]()
    with (
        plain_nats(tmp_path, limits) as server,
        linked(f"nats://a:pw@127.0.0.1:{server.port}") as link,
    ):
        stream = ProgressStream(link, "acme")
        follower = Follower(stream, link, received.extend)
        follower.attach(stream.open())
        for _ in range(count):
            link.publish(progress_subject("acme", 1), said)
        eventually(lambda: len(received) == count or not follower.is_healthy)
        if not follower.is_healthy:  # as the bridge does
            follower.attach(stream.open())
        eventually(lambda: len(received) == count)
        assert follower.is_healthy
    assert sum("$JS.FC.>" in record.message for record in caplog.records) == 1
