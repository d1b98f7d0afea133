"""A NATS that other people run: with a CA of their own, streams of their own, and a second installation on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from progress_lib.nats.jetstream import JetStream
from tests.faults.watching import Watcher
from tests.harness import ROOT, NatsServer, Product, StartProduct, eventually, linked
from tests.programs import chain, node
from tests.progress_lib.nats.test_tls import StartTls, start_tls, tls_url

__all__ = ["start_tls"]  # a fixture

ROWS = 3
REFUSED = 2  # exit code

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def new_job(product: Product, source: str) -> int:
    graph = chain(
        node(1, "csv_input", path=source), node(2, "csv_output", path=f"{Path(source).stem}.out")
    )
    return product.create_job({"name": "copy", "graph": graph})


def small_job(product: Product) -> int:
    lines = "".join(f"{number}\n" for number in range(ROWS))
    (product.data_dir / "numbers.csv").write_text(f"n\n{lines}")
    return new_job(product, "numbers.csv")


@pytest.mark.parametrize("variable", ["NATS_CA_FILE", "SSL_CERT_FILE"])
def test_programs_tell_of_their_nodes_over_a_connection_that_a_private_ca_vouches_for(
    start_tls: StartTls, start_product: StartProduct, variable: str
) -> None:
    """The source gives its rows when a browser has seen that its node runs. One of the servers asks for a certificate, too."""
    asks_back = variable == "NATS_CA_FILE"
    server, ca_file = start_tls("127.0.0.1", asks_back=asks_back)
    ours = {"NATS_URL": tls_url(server), variable: ca_file}
    if asks_back:
        ours |= {"NATS_CERT_FILE": ca_file, "NATS_KEY_FILE": str(Path(ca_file).parent / "key.pem")}
    product = start_product(SAMPLE_ORDERS="0", PROGRAM_SPARES="0", **ours)
    os.mkfifo(product.data_dir / "slow.csv")
    job_id = new_job(product, "slow.csv")
    with Watcher(product, job_id) as watcher:
        run_id = product.execute(job_id)
        with (product.data_dir / "slow.csv").open("w") as source:
            source.write("n\n1\n")
            source.flush()
            eventually(lambda: watcher.nodes().get(1, {})["status"] == "running")
        assert product.run_end(run_id)["status"] == "completed"
        eventually(lambda: watcher.nodes()[2]["status"] == "completed")


# ---------------------------------------------------------------- a second installation


@pytest.fixture
def foreign_stream(nats_server: NatsServer) -> Iterator[dict[str, Any]]:
    """A stream of somebody else's called PROGRESS."""
    with linked(nats_server.url) as link:
        theirs = {"name": "PROGRESS", "subjects": ["other.progress.>"], "description": "not yours"}
        yield dict(JetStream(link).call("STREAM.CREATE.PROGRESS", theirs)["config"])


def started(module: str, product: Product, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """A part of another installation on the product's NATS server, until it ends by itself."""
    data_dir.mkdir(exist_ok=True)
    environment = {
        **product.environment(),
        "NATS_URL": product.nats_url,
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": f"sqlite:///{data_dir}/other.db",
    }
    command = [sys.executable, "-m", module]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_foreign_stream_and_a_second_installation_mix_with_nothing(
    nats_server: NatsServer,
    foreign_stream: dict[str, Any],
    start_product: StartProduct,
    tmp_path: Path,
) -> None:
    first = start_product(NATS_URL=nats_server.url, SAMPLE_ORDERS="0")
    state = first.get("/readyz").json()
    assert (state["ready"], state["history"]) == (True, "off")
    assert (
        "the stream PROGRESS is somebody else's: it is over other.progress.>"
        in (state["historyReason"])
    )
    job_id = small_job(first)
    with Watcher(first, job_id) as watcher:
        assert first.run_end(first.execute(job_id))["status"] == "completed"
        eventually(lambda: watcher.rows(2)[-1] == ROWS, what="live progress needs no history")
        eventually(lambda: watcher.statuses()[-1] == "completed")

        for module in ("hosting.start.prepare", "jobs.runner"):
            refused = started(module, first, tmp_path / "second")
            assert refused.returncode == REFUSED
            [sentence] = refused.stderr.splitlines()[-1:]
            assert "the stream RUNS belongs to another installation" in sentence
            assert "NATS_PREFIX" in sentence

        told = len(watcher.messages)
        second = start_product(NATS_URL=nats_server.url, SAMPLE_ORDERS="0", NATS_PREFIX="second")
        assert second.get("/readyz").json()["history"] == "on"
        other_id = small_job(second)
        assert other_id == job_id, "the numbers of jobs are the same"
        with Watcher(second, other_id) as other:
            run_id = second.execute(other_id)
            assert second.run_end(run_id)["status"] == "completed"
            eventually(lambda: other.rows(2)[-1] == ROWS)
            eventually(lambda: other.statuses()[-1] == "completed")
        history = second.get(f"/api/runs/{run_id}/history").json()
        assert history["source"] == "stream"
        assert len(watcher.messages) == told, "nothing of it came to the first one's browsers"
    with linked(nats_server.url) as link:
        assert JetStream(link).call("STREAM.INFO.PROGRESS", {})["config"] == foreign_stream
