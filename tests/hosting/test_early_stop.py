"""A server that is told to stop while it starts."""

from pathlib import Path

import pytest

from hosting.ports import port_settings
from tests.harness import Product, eventually

GRACE = 60  # seconds that gunicorn waits for its workers


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_that_was_just_forked_heeds_a_stop(tmp_path: Path, worker_class: str) -> None:
    """It had the master's handlers until it had imported gevent: each stop in that time took all of the grace."""
    product = Product(
        tmp_path / "data",
        worker_class=worker_class,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        GUNICORN_CMD_ARGS=f"--graceful-timeout {GRACE}",
    )
    product._ports = port_settings()  # `start` would wait until it is ready
    try:
        product.start_master()
        assert product.process is not None
        eventually(lambda: "Booting worker" in product.log(), 30.0)
        product.process.terminate()
        assert product.process.wait(GRACE / 2) == 0
    finally:
        product.end()
