"""A web worker that nobody would end: its master was killed, or its own main loop failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from realtime.sockets.close_codes import CloseCode
from tests.harness import Product, both_worker_classes, command_line, eventually

NOTICED = 20.0  # seconds; a worker looks once a second, and else never ends
GONE = 40.0  # seconds; 10 of grace

BROKEN = "the test broke the main loop"  # tests/faults/breaking.py

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def _web_workers(product: Product) -> list[int]:
    return [pid for pid in product.left_over() if "gunicorn" in command_line(pid)]


@both_worker_classes
def test_a_worker_whose_master_was_killed_sends_its_browsers_away_and_ends(
    product: Product,
) -> None:
    with product.websocket() as browser:
        browser.send(json.dumps({"action": "subscribe", "jobId": 1}))
        product.kill()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                browser.recv(timeout=NOTICED)
    assert closed.value.rcvd is not None, "the connection broke without a word"
    assert closed.value.rcvd.code == CloseCode.SERVER_STOPPING
    eventually(lambda: not _web_workers(product), GONE, what="its workers end")


class Breaking(Product):
    application = "tests.faults.breaking:app"


def test_a_worker_whose_main_loop_fails_sends_its_browsers_away_and_is_replaced(
    tmp_path: Path,
) -> None:
    """Under gevent nothing but the main loop keeps the process."""
    product = Breaking(tmp_path / "breaking", SAMPLE_ORDERS="0", RUNNER="off")
    try:
        product.start()
        broken = product.worker_pid
        with product.websocket() as browser:
            browser.send(json.dumps({"action": "subscribe", "jobId": 1}))
            (product.data_dir / "break").touch()
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    browser.recv(timeout=NOTICED)
        assert closed.value.rcvd is not None, "the connection broke without a word"
        assert closed.value.rcvd.code == CloseCode.SERVER_STOPPING
        eventually(lambda: broken not in _web_workers(product), GONE, what="the worker ends")
        with product.websocket() as browser:
            assert browser.ping().wait(NOTICED), "the worker that came for it is deaf"
        assert BROKEN in product.log()
    finally:
        product.end()
