"""Two servers on one DATA_DIR: they would share parts, which the first to stop ends with all runs."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hosting.embedded.lifeline import EmbeddedError, claim
from hosting.start.server import COMMAND
from hosting.trial.processes import command_line
from settings import Settings
from tests.harness import (
    ROOT,
    NatsServer,
    Product,
    StartProduct,
    children,
    eventually,
    free_ports,
    is_alive,
)
from tests.programs import chain, node


def started_beside(first: Product, **settings: str) -> subprocess.Popen[str]:
    """Another server with all settings of the first but its own two ports. The fixture of the first ends it, too."""
    api, ws = free_ports(2)
    ports = {"API_PORT": str(api), "WS_PORT": str(ws)}
    return subprocess.Popen(
        [*COMMAND, first.application],
        cwd=ROOT,
        env={**first.environment(), **ports, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("has_own_nats", [True, False])
def test_a_second_server_that_would_share_parts_is_refused(
    start_product: StartProduct, nats_server: NatsServer, has_own_nats: bool
) -> None:
    nats = {} if has_own_nats else {"NATS_URL": nats_server.url}
    first = start_product(SAMPLE_ORDERS="0", **nats)
    second = started_beside(first)
    _, said = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"in use by another server (process {first.pid})" in said
    assert first.is_ready()


def test_a_data_dir_without_room_for_the_claim_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)})
    with pytest.raises(EmbeddedError, match=f"DATA_DIR {tmp_path} cannot be used: No space left"):
        claim(settings, is_upgrade=False)


def test_a_web_server_without_parts_is_let_in(start_product: StartProduct) -> None:
    first = start_product(SAMPLE_ORDERS="0")
    api, ws = free_ports(2)
    ports = {"API_PORT": str(api), "WS_PORT": str(ws)}
    second = started_beside(first, RUNNER="off", NATS_URL=first.nats_url, **ports)

    def is_ready() -> bool:
        assert second.poll() is None
        with urllib.request.urlopen(f"http://127.0.0.1:{api}/readyz", timeout=5) as told:
            return bool(told.status == 200)

    eventually(is_ready)
    second.terminate()
    second.communicate(timeout=30)
    assert first.is_ready()


def test_a_server_takes_over_the_parts_of_one_that_was_killed(start_product: StartProduct) -> None:
    """At once, though its workers may not have ended yet."""
    first = start_product(SAMPLE_ORDERS="0")
    first.kill()
    first.start_again()
    assert "in use by another server" not in first.log()


@pytest.mark.parametrize("killed", ["its master", "its master and supervisor"])
def test_a_run_starts_though_one_that_began_before_the_server_was_killed_goes_on(
    killed: str, start_product: StartProduct
) -> None:
    """Its runner only ends what it has at work: all further runs waited for that one, for hours, and nothing said why."""
    product = start_product(SAMPLE_ORDERS="0")
    os.mkfifo(product.data_dir / "slow.csv")
    (product.data_dir / "quick.csv").write_text("id\n1\n")
    jobs = {name: product.create_job(copies(f"{name}.csv")) for name in ("slow", "quick")}
    slow = product.execute(jobs["slow"])
    eventually(lambda: product.get(f"/api/runs/{slow}").json()["status"] == "running")
    product.kill()
    eventually(lambda: "runner drains" in product.log())
    if "supervisor" in killed:
        [supervisor] = [one.pid for one in product.processes() if one.role == "supervisor"]
        os.kill(supervisor, signal.SIGKILL)
    # a worker of before has the port for a moment, and would answer for the next server
    eventually(lambda: "worker" not in [one.role for one in product.processes()])
    product.start_again()
    assert product.run_end(product.execute(jobs["quick"]))["status"] == "completed"
    runners = [one for one in product.processes() if one.role == "runner"]
    assert len(runners) == 2, "that of before has its run"
    with (product.data_dir / "slow.csv").open("w") as file:
        file.write("id\n1\n")
    assert product.run_end(slow)["status"] == "completed"
    eventually(lambda: [o.role for o in product.processes()].count("runner") == 1)
    assert product.run_end(product.execute(jobs["quick"]))["status"] == "completed"


def copies(name: str) -> dict[str, Any]:
    """A job that copies this file."""
    nodes = (node(1, "csv_input", path=name), node(2, "csv_output", path=f"of_{name}"))
    return {"name": name, "graph": chain(*nodes)}


def parts_of(product: Product) -> dict[str, int]:
    """The processes that no web server may end but the last one."""
    kept = ("supervisor", "nats-server", "runner")
    return {process.role: process.pid for process in product.processes() if process.role in kept}


def all_parts_of(product: Product) -> dict[str, int]:
    eventually(lambda: len(parts_of(product)) == 3)
    return parts_of(product)


def answers(product: Product) -> bool:
    """Whether its port says that runs can be executed and told, whichever server has the port."""
    return product.get("/readyz", token=None).status == 200


def upgraded(first: Product) -> int:
    """The second master, once it serves; gunicorn starts it on USR2."""

    def found() -> list[int]:
        masters = [pid for pid in children(first.pid) if "gunicorn" in command_line(pid)]
        return [pid for pid in masters if any("gunicorn" in command_line(p) for p in children(pid))]

    connected = first.log().count("nats bridge: connected")
    os.kill(first.pid, signal.SIGUSR2)
    (second,) = eventually(found)
    eventually(lambda: first.log().count("nats bridge: connected") > connected)
    return int(second)


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_an_upgrade_by_usr2_refuses_nobody_and_ends_no_run(
    start_product: StartProduct, worker_class: str
) -> None:
    """The second master takes over the parts of the first, which is then told to stop. It did not even start."""
    first = start_product(SAMPLE_ORDERS="0", worker_class=worker_class)
    parts = all_parts_of(first)
    second = upgraded(first)
    try:
        eventually(lambda: answers(first))
        assert first.stop() == 0
        eventually(lambda: answers(first))
        assert parts_of(first) == parts
        owner = first.data_dir / "embedded.master"
        eventually(lambda: owner.read_text() == str(second), what="it keeps others out")
        assert first.get("/metrics", token=None).status == 200
    finally:
        os.kill(second, signal.SIGTERM)
    eventually(lambda: not first.left_over(), 60.0, what="the second one stops all parts")


def test_an_upgrade_by_usr2_that_is_taken_back_ends_no_run(start_product: StartProduct) -> None:
    """After a SIGHUP, too: the second master knows that the nats-server is ours, and so would keep it."""
    first = start_product(SAMPLE_ORDERS="0")
    parts = all_parts_of(first)
    before = first.log().count("nats bridge: connected")
    os.kill(first.pid, signal.SIGHUP)
    eventually(lambda: first.log().count("nats bridge: connected") > before)
    second = upgraded(first)
    assert b"\0NATS_URL=" not in Path(f"/proc/{second}/environ").read_bytes()
    os.kill(second, signal.SIGTERM)
    eventually(lambda: not is_alive(second), 60.0)
    eventually(lambda: answers(first))
    assert parts_of(first) == parts
    assert (first.data_dir / "embedded.master").read_text() == str(first.pid)
