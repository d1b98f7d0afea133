"""The work queue on a real nats-server with JetStream."""

from pathlib import Path
from typing import Any

import pytest

from jobs.store.store import Store
from jobs.work.run_queue import Claim, QueueUnavailable, RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link, Message, NatsTimeout
from tests.harness import DEADLINE, NatsServer, eventually, plain_nats
from tests.jobs.conftest import record


def test_runs_come_out_in_order_and_once(store: Store, run_queue: RunQueue) -> None:
    runs = [record(store) for _ in range(3)]
    for run in runs:
        run_queue.put(run)
    claims = [run_queue.take(10.0) for _ in runs]
    assert [claim and claim.run_id for claim in claims] == [run.run_id for run in runs]
    assert {claim.tenant_id for claim in claims if claim} == {runs[0].tenant_id}
    assert run_queue.take(0.3) is None


def test_a_run_that_is_put_twice_is_taken_once(store: Store, run_queue: RunQueue) -> None:
    run = record(store)
    run_queue.put(run)
    run_queue.put(run)
    claim = run_queue.take(10.0)
    assert claim is not None
    run_queue.put(run)
    assert run_queue.take(0.3) is None
    claim.ack()
    eventually(lambda: run_queue.holds() == 0, what="the queue has let go of it")
    run_queue.put(run)
    assert run_queue.take(10.0) is not None


def test_a_claim_without_a_heartbeat_is_given_to_another(store: Store, link: Link) -> None:
    queue = RunQueue(link, ack_wait=1.0)
    queue.put(record(store))
    assert queue.take(10.0) is not None
    assert queue.take(10.0) is not None


def test_a_heartbeat_keeps_a_claim(store: Store, link: Link) -> None:
    queue = RunQueue(link, ack_wait=1.5)
    queue.put(record(store))
    claim = queue.take(10.0)
    assert claim is not None
    for _ in range(20):
        assert queue.take(0.1) is None
        claim.heartbeat()
    claim.nak()
    assert queue.take(10.0) is not None


def test_a_queue_whose_store_was_deleted_is_made_again(
    store: Store, link: Link, run_queue: RunQueue
) -> None:
    run_queue.put(record(store))
    assert run_queue.take(10.0) is not None
    JetStream(link).call("STREAM.DELETE.RUNS", {})
    run = record(store)
    run_queue.put(run)
    claim = eventually(lambda: taken(run_queue, 0.5))
    assert claim is not None
    assert claim.run_id == run.run_id


def taken(queue: RunQueue, timeout: float) -> Claim | None:
    try:
        return queue.take(timeout)
    except QueueUnavailable:
        return None


def test_a_queue_survives_a_restart_of_the_server(
    store: Store, link: Link, run_queue: RunQueue, nats_server: NatsServer
) -> None:
    run = record(store)
    run_queue.put(run)
    nats_server.restart()
    eventually(lambda: link.is_up)
    claim = run_queue.take(3.0)
    assert claim is not None
    assert claim.run_id == run.run_id


def test_without_nats_the_reason_is_told(store: Store) -> None:
    link = Link("nats://127.0.0.1:1", name="nowhere")
    link.start()
    with pytest.raises(QueueUnavailable, match="NATS is not connected"):
        RunQueue(link).check()
    link.close()


class FallenSilent(Link):
    """A link to a server that says nothing any more, which shows while it is asked."""

    is_up = True

    def request(self, subject: str, payload: bytes = b"", timeout: float = 2.0) -> Message:
        self.is_up = False
        raise NatsTimeout(f"no answer from {subject} within {timeout:g} s")


def test_a_server_that_hangs_is_not_told_as_one_without_jetstream() -> None:
    """Whoever read that would have started it with -js, as it was."""
    state = RunQueue(FallenSilent("nats://127.0.0.1:1", name="test")).state()
    assert state.startswith("NATS went away: no answer from $JS.API.STREAM.INFO.RUNS")


def test_a_server_that_takes_only_small_messages_is_told_and_no_fault_of_ours(
    tmp_path: Path,
) -> None:
    """Each look at it was a 500, and a traceback a second from the runner."""
    with plain_nats(tmp_path, "max_payload: 100\njetstream: enabled\n") as server:
        link = Link(server.url, name="test")
        link.start()
        try:
            assert link.wait_up(DEADLINE)
            queue = RunQueue(link)
            assert "takes 100 at most (max_payload)" in queue.state()
            with pytest.raises(QueueUnavailable, match="takes 100 at most"):
                queue.check()
            with pytest.raises(QueueUnavailable, match="takes 100 at most"):
                queue.take(0.1)
        finally:
            link.close()


def test_cancel_reaches_those_who_listen(store: Store, run_queue: RunQueue, link: Link) -> None:
    heard: list[tuple[str, str]] = []
    run_queue.on_cancel(lambda tenant_id, run_id: heard.append((tenant_id, run_id)))
    run = record(store)
    assert run_queue.tell_cancel(run)
    assert link.flush(DEADLINE)
    assert heard == [(run.tenant_id, run.run_id)]


def test_a_queue_that_takes_nothing_says_so_and_gets_the_refused_run_as_soon_as_it_takes_one(
    store: Store, link: Link, run_queue: RunQueue
) -> None:
    """It answers and has a leader; only what is published is refused."""
    refused, reason = record(store), "maximum bytes exceeded"
    run_queue.check()
    changed(link, {"max_bytes": 10})
    assert run_queue.state() == "ok", "nobody was refused yet"
    with pytest.raises(QueueUnavailable, match=reason):
        run_queue.put(refused)
    assert reason in run_queue.state()
    with pytest.raises(QueueUnavailable, match=reason):
        run_queue.check()
    changed(link, {"max_bytes": -1})
    eventually(lambda: run_queue.state() == "ok", what="it looked again")
    run_queue.check()
    claim = run_queue.take(10.0)
    assert claim is not None
    assert claim.run_id == refused.run_id


@pytest.mark.parametrize("limit", [{"max_msgs": 1}, {"max_bytes": 120}])
def test_a_queue_that_is_full_of_work_is_no_fault(
    store: Store, link: Link, run_queue: RunQueue, limit: dict[str, int]
) -> None:
    """A sweep queues what found no room, once the runs before it are done."""
    first, second = record(store), record(store)
    run_queue.put(first)
    changed(link, limit)
    run_queue.put(second)
    assert run_queue.holds() == 1
    assert run_queue.state() == "ok"
    claim = run_queue.take(10.0)
    assert claim is not None
    claim.ack()
    eventually(lambda: run_queue.holds() == 0)
    run_queue.put(second)
    claim = run_queue.take(10.0)
    assert claim is not None
    assert claim.run_id == second.run_id


def test_a_queue_that_acknowledges_nothing_is_put_right(
    store: Store, link: Link, run_queue: RunQueue
) -> None:
    run_queue.put(record(store))
    changed(link, {"no_ack": True})
    run = record(store)
    run_queue.put(run)
    run_queue.check()
    eventually(lambda: run_queue.holds() == 2, what="each run is in it once")


def test_a_queue_that_is_sealed_says_what_to_do(link: Link, run_queue: RunQueue) -> None:
    run_queue.check()
    changed(link, {"sealed": True})
    eventually(lambda: "sealed" in run_queue.state())
    assert "delete it" in run_queue.state()
    JetStream(link).call("STREAM.DELETE.RUNS", {})
    eventually(lambda: run_queue.state() == "ok", what="it was made again")


def changed(link: Link, limits: dict[str, Any]) -> None:
    """As an operator does it."""
    jetstream = JetStream(link)
    config = jetstream.call("STREAM.INFO.RUNS", {})["config"]
    jetstream.call("STREAM.UPDATE.RUNS", {**config, **limits})
