"""Two servers on one DATA_DIR: they would share parts, which the first to stop ends with all runs."""

from __future__ import annotations

import subprocess
import urllib.request

import pytest

from hosting.launch import COMMAND
from tests.harness import ROOT, NatsServer, Product, StartProduct, eventually, free_ports


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
