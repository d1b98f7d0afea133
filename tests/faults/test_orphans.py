"""A web worker whose master was killed: nobody is left who would end it."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed

from realtime.close_codes import CloseCode
from tests.harness import Product, both_worker_classes, command_line, eventually

NOTICED = 5.0  # seconds; a worker looks once a second
GONE = 15.0  # seconds; 10 of grace

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
