"""History and snapshot under faults.

| fault | how it is made | what must hold |
|---|---|---|
| a worker just started | kill -9 of the worker | a new subscriber sees the state that another worker shows |
| a worker was cut off from NATS | a relay between them is cut for 10 s under 1,000 messages/s | every message still arrives, once and in order |
| NATS restarts during a run | kill -9 of nats-server, start on the same port | no step back in rowCount, the end is seen |
| NATS lost its store | the store is deleted between stop and start | live goes on, new runs are complete |
| NATS has no JetStream | nats-server without -js | live only, /readyz says so, execute answers 503 |
| a worker starts while NATS is away | kill -9 of the worker behind a cut relay | who subscribes then gets the past, and so does everybody later |
| NATS lost its newest messages | an older copy of its store is put back | what is said from then on is heard |
| the stream takes nothing, and answers | an operator's `max_msg_size` of 1 | live only, /readyz says why; the history is back by itself |
| a subject is no UTF-8 | PUB by hand | nobody else notices |
"""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from progress_lib import Progress, ProgressReporter, Status
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from progress_lib.subjects import progress_subject
from tests.faults.relay import Relay
from tests.faults.watching import Publisher, Watcher
from tests.harness import (
    DEADLINE,
    NatsServer,
    Product,
    StartProduct,
    children,
    command_line,
    eventually,
    linked,
    plain_nats,
)

CUT = 10.0  # seconds without NATS
JOB = 77  # a job that is not in our database: someone else runs it


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_cut_off_for_ten_seconds_misses_nothing(
    nats_server: NatsServer, start_product: StartProduct, worker_class: str
) -> None:
    with Relay(nats_server.port) as relay:
        settings = {"RUNNER": "off", "SAMPLE_ORDERS": "0", "worker_class": worker_class}
        cut_off = start_product(NATS_URL=relay.nats_url, **settings)
        same = f"sqlite:///{cut_off.data_dir}/progress.db"
        saw_all = start_product(NATS_URL=nats_server.url, DATABASE_URL=same, **settings)
        with Watcher(cut_off, JOB) as watcher, Watcher(saw_all, JOB) as witness:
            # Counts that come while a job's past is being read are shown as one, the newest
            with ProgressReporter(nats_server.url, "default", JOB) as reporter:
                reporter.report(Progress(99, "the past is known", Status.COMPLETED, 1))
            eventually(lambda: 99 in watcher.nodes() and 99 in witness.nodes())
            with Publisher(nats_server.url, JOB) as publisher:
                eventually(lambda: watcher.rows() and witness.rows())
                relay.cut()
                ends = time.monotonic() + CUT
                eventually(lambda: time.monotonic() > ends, CUT + 5)
                relay.restore()
                last = publisher.finish()
            witness.wait_rows(last)
            watcher.wait_rows(last)
            for node_id in range(1, 11):
                rows = watcher.rows(node_id)
                assert rows == list(range(rows[0], last + 1)), "each message once, in order"
            with Watcher(cut_off, JOB) as late, Watcher(saw_all, JOB) as late_witness:
                eventually(lambda: len(late.nodes()) == len(late_witness.nodes()) == 11)
                assert late.nodes() == late_witness.nodes()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_that_just_started_shows_what_the_others_show(
    nats_server: NatsServer, start_product: StartProduct, worker_class: str
) -> None:
    product = start_product(
        NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0", worker_class=worker_class
    )
    with ProgressReporter(nats_server.url, "default", JOB) as reporter:
        reporter.report(Progress(1, "done early", Status.COMPLETED, 5))
        reporter.report(Progress(2, "goes on", Status.RUNNING, 1))
        with Watcher(product, JOB) as watcher:
            eventually(lambda: len(watcher.nodes()) == 2)
            before = watcher.nodes()
        (worker,) = _children(product.pid, "gunicorn")
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: product.get("/readyz", token=None).status == 200)
        with Watcher(product, JOB) as watcher:
            eventually(lambda: watcher.nodes() == before)
            reporter.report(Progress(2, "goes on", Status.COMPLETED, 9))
            eventually(lambda: watcher.nodes()[2]["rowCount"] == 9)


def test_a_restart_of_nats_is_no_gap_and_no_step_back(
    nats_server: NatsServer, start_product: StartProduct
) -> None:
    product = start_product(NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0")
    with (
        Watcher(product, JOB) as watcher,
        ProgressReporter(nats_server.url, "default", JOB) as reporter,
    ):
        rows = 0

        def report_until(told: int, deadline: float = DEADLINE) -> None:
            nonlocal rows

            def count() -> bool:
                nonlocal rows
                rows += 1
                reporter.report(Progress(1, "n", Status.RUNNING, rows))
                return len(watcher.rows()) >= told

            eventually(count, deadline)

        report_until(told=5)
        nats_server.kill()
        nats_server.start()
        report_until(told=len(watcher.rows()) + 5)
        reporter.report(Progress(1, "n", Status.COMPLETED, rows))
        eventually(lambda: watcher.nodes()[1]["status"] == "completed")
        assert watcher.rows() == sorted(watcher.rows())


def test_a_stream_that_was_deleted_is_made_anew_and_followed(
    nats_server: NatsServer, start_product: StartProduct
) -> None:
    product = start_product(NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0")
    with Watcher(product, JOB) as watcher:
        with Publisher(nats_server.url, JOB, rate=200) as publisher:
            eventually(lambda: len(watcher.rows()) > 5)
            nats_server.stop()
            shutil.rmtree(nats_server.directory / "jetstream")
            nats_server.start()
            seen = len(watcher.rows())
            eventually(lambda: len(watcher.rows()) > seen + 5)
            last = publisher.finish()
        watcher.wait_rows(last)
        with Watcher(product, JOB) as late:
            late.wait_rows(last)


def test_without_jetstream_progress_is_live_only_and_readyz_says_so(
    tmp_path: Path, start_product: StartProduct
) -> None:
    with plain_nats(tmp_path / "plain") as server:
        product = start_product(NATS_URL=server.url, RUNNER="off", waits_for="nats")
        ready = product.get("/readyz", token=None)
        state = ready.json()
        assert (ready.status, state["nats"], state["history"]) == (503, "ok", "off")
        assert "start that server with -js" in state["runs"]
        with Watcher(product, JOB) as watcher, Publisher(server.url, JOB, nodes=1) as publisher:
            eventually(lambda: len(watcher.rows()) > 5)
            last = publisher.finish()
            watcher.wait_rows(last)
            with Watcher(product, JOB) as late:
                late.wait_rows(last)
        refused = product.post(f"/api/jobs/{product.sample_job_id()}/execute")
        assert refused.status == 503
        assert "JetStream" in refused.json()["detail"]


def _children(pid: int, name: str) -> list[int]:
    """Children of a process whose command line holds `name`, web workers for a master."""
    return [
        child
        for child in children(pid)
        if name in (line := command_line(child)) and "scripts." not in line
    ]


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_who_subscribes_before_a_workers_first_connection_gets_the_past(
    nats_server: NatsServer, start_product: StartProduct, worker_class: str
) -> None:
    """And so does everybody who watches the job on that worker later."""
    with (
        Relay(nats_server.port) as relay,
        ProgressReporter(nats_server.url, "default", JOB) as reporter,
    ):
        product = start_product(
            NATS_URL=relay.nats_url, RUNNER="off", SAMPLE_ORDERS="0", worker_class=worker_class
        )
        reporter.report(Progress(1, "done early", Status.COMPLETED, 5))
        with Watcher(product, JOB) as watcher:
            eventually(lambda: watcher.nodes())
        (worker,) = _children(product.pid, "gunicorn")
        relay.cut()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: product.get("/readyz", token=None).status == 503)
        with Watcher(product, JOB) as early:
            relay.restore()
            eventually(lambda: early.rows() == [5])
            with Watcher(product, JOB) as late:
                eventually(lambda: late.rows() == [5])
            reporter.report(Progress(2, "goes on", Status.COMPLETED, 9))
            eventually(lambda: early.rows(2) == [9])


def test_a_stream_that_lost_its_newest_messages_is_followed_from_its_end(
    nats_server: NatsServer, start_product: StartProduct, tmp_path: Path
) -> None:
    """As after a loss of power: an older copy of its store is put back."""
    product = start_product(NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0")
    store, copy = nats_server.directory / "jetstream", tmp_path / "copy"
    with Watcher(product, JOB) as watcher:
        _publish(nats_server.url, range(1, 11))
        watcher.wait_rows(10)
        nats_server.stop()
        shutil.copytree(store, copy)
        nats_server.start()
        _publish(nats_server.url, range(11, 61))
        watcher.wait_rows(60)
        nats_server.stop()
        shutil.rmtree(store)
        shutil.copytree(copy, store)
        nats_server.start()
        eventually(lambda: product.get("/readyz", token=None).status == 200)
        _publish(nats_server.url, range(61, 71))
        watcher.wait_rows(70)
        with Watcher(product, JOB) as late:
            late.wait_rows(70)


def _publish(nats_url: str, rows: Iterable[int]) -> None:
    """Counts of a publisher of the five fields, all of them with the server when this returns."""
    link = Link(nats_url, name="publisher")
    link.start()
    try:
        assert link.wait_up(DEADLINE)
        for row in rows:
            said = Progress(1, "n", Status.RUNNING, row)
            assert link.publish(progress_subject("default", JOB), said.to_json())
        assert link.flush(DEADLINE)
    finally:
        link.close()


def test_a_stream_that_takes_nothing_is_noticed_and_costs_the_history_alone(
    nats_server: NatsServer, start_product: StartProduct
) -> None:
    """As on a full disk: its servers answer and lead it, and nothing that is said comes from it."""
    product = start_product(NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0")

    def history() -> dict[str, str]:
        found: dict[str, str] = product.get("/readyz", token=None).json()
        return found

    with Watcher(product, JOB) as watcher, linked(nats_server.url) as operator:
        _publish(nats_server.url, [1])
        watcher.wait_rows(1)
        _change(operator, max_msg_size=1)
        with Publisher(nats_server.url, JOB, nodes=1, rate=20) as publisher:
            eventually(lambda: history()["history"] == "off", what="it is noticed")
            assert "PROGRESS is there and takes nothing" in history()["historyReason"]
            seen = watcher.rows()[-1]
            eventually(lambda: watcher.rows()[-1] > seen + 20, what="progress is live")
            last = publisher.finish()
        watcher.wait_rows(last)
        assert watcher.rows()[1:] == sorted(watcher.rows()[1:])
        _change(operator, max_msg_size=-1)
        _publish(nats_server.url, [last + 1])
        eventually(lambda: history()["history"] == "on", what="it is followed again")
        _publish(nats_server.url, [last + 2])
        watcher.wait_rows(last + 2)
        with Watcher(product, JOB) as late:
            late.wait_rows(last + 2)


def _change(operator: Link, **limits: int) -> None:
    jetstream = JetStream(operator)
    config = jetstream.call("STREAM.INFO.PROGRESS", {})["config"]
    jetstream.call("STREAM.UPDATE.PROGRESS", {**config, **limits})


def test_no_byte_of_a_subject_cuts_the_bridge_for_others(
    nats_server: NatsServer, start_product: StartProduct
) -> None:
    """A shell in Latin-1 publishes of the job caf\\xe9; nats-server stores it."""
    product = start_product(NATS_URL=nats_server.url, RUNNER="off", SAMPLE_ORDERS="0")
    with Watcher(product, JOB) as watcher:
        _publish(nats_server.url, [1])
        watcher.wait_rows(1)
        with socket.create_connection(("127.0.0.1", nats_server.port)) as stranger:
            for odd in (b"caf\xe9", b"a\x0bb", b"\xff", "é".encode()):
                stranger.sendall(b"PUB tenant.default.job." + odd + b".progress 2\r\n{}\r\n")
            stranger.sendall(b"PING\r\n")
            with stranger.makefile("rb") as answers:
                eventually(lambda: answers.readline() == b"PONG\r\n")
        _publish(nats_server.url, range(2, 42))
        watcher.wait_rows(41)
        assert watcher.rows() == list(range(1, 42))
    assert "connected" not in product.log().split("not passed on")[-1]


def test_on_a_server_without_jetstream_ready_means_that_nothing_is_missed(
    tmp_path: Path, start_product: StartProduct
) -> None:
    """From the moment at which /readyz says so."""
    with plain_nats(tmp_path / "plain") as server:
        product = start_product(NATS_URL=server.url, RUNNER="off", waits_for="nats")
        _publish(server.url, range(1, 501))
        with Watcher(product, JOB) as watcher:
            watcher.wait_rows(500)
        assert _received(product) == 500


def _received(product: Product) -> int:
    return int(product.figures()["progress_received_total"])
