"""A crowd of clients that do too little, for longer than any deadline, stops nobody."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.harness import Product, eventually, product_of_each_class
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe
from tests.security.slow_clients import (
    GET,
    OF_FEW_CLIENTS,
    Habit,
    asked_for,
    crowd,
    percentile,
    same_worker,
)

ATTACK = 42.0  # seconds: gunicorn's master ended the worker after 31, and drips held it for 46

NEVER_CLOSES = Habit(GET % b"/healthz" + b"Connection: close\r\n\r\n")
DRIPS = Habit(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"x")
NEVER_READS = Habit((GET % b"/" + b"\r\n") * 400, receive_buffer=4_096)

product = product_of_each_class("crowd", **OF_FEW_CLIENTS)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(180)
def test_a_crowd_that_does_too_little_stops_nobody(product: Product) -> None:
    pid = product.worker_pid
    habits = [NEVER_CLOSES] * 40 + [DRIPS] * 130 + [NEVER_READS] * 80
    with Raw(product) as watching:
        watching.send(subscribe(7))
        with heard_each_second(product, watching), crowd(product, habits, comes_back=True):
            took = asked_for(product, ATTACK)
        publish(product, (progress_subject(7), progress(1_000_000)))
        eventually(lambda: watching.message()["payload"]["rowCount"] == 1_000_000, what="the last")
    assert percentile(took, 0.99) < 0.5, sorted(took)[-20:]
    same_worker(product, pid)


@contextlib.contextmanager
def heard_each_second(product: Product, watching: Raw) -> Iterator[None]:
    """A message each second while the block runs: each must come, within 2 s."""
    over, failed = threading.Event(), list[BaseException]()

    def hear() -> None:
        row = 0
        try:
            while not over.wait(1.0):
                row += 1
                publish(product, (progress_subject(7), progress(row)))
                began = time.monotonic()
                while watching.message()["payload"]["rowCount"] != row:
                    pass
                assert time.monotonic() - began < 2.0
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failed, failed
