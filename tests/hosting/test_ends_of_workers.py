"""Workers that end otherwise than by a stop of a server that is at work."""

from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from hosting.trial.ports import port_settings
from realtime.sockets.close_codes import CloseCode
from tests.harness import Product, StartProduct, eventually

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
        eventually(lambda: "Booting worker" in product.log())
        product.process.terminate()
        assert product.process.wait(GRACE / 2) == 0
    finally:
        product.end()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_that_has_had_its_requests_sends_the_browsers_away(
    start_product: StartProduct, worker_class: str
) -> None:
    """It let nobody in while it waited for them until the end of its grace, and then cut them."""
    product = start_product(
        worker_class=worker_class,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        GUNICORN_CMD_ARGS=f"--max-requests 40 --graceful-timeout {GRACE}",
    )
    pid = product.worker_pid
    with product.websocket() as browser:
        for _ in range(40):
            with suppress(OSError):  # the next one may come while the worker ends
                product.get("/healthz", token=None)
        with pytest.raises(ConnectionClosed) as closed:
            browser.recv(timeout=GRACE / 2)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.SERVER_STOPPING
    eventually(lambda: product.is_ready() and product.worker_pid != pid, GRACE / 2)
