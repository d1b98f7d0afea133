"""A gevent worker logs on native threads, too."""

from __future__ import annotations

import subprocess
import sys

from tests.harness import ROOT

PROGRAM = """
from web.serving.gevent_worker import GeventWorker
worker = object.__new__(GeventWorker)
worker.sockets = []
worker.patch()
import logging
import gevent
from gevent.monkey import get_original
native_sleep = get_original("time", "sleep")

class SlowTerminal:
    lines = 0

    def write(self, text):
        SlowTerminal.lines += 1
        native_sleep(0.002 if SlowTerminal.lines % 3 == 0 else 0)

    def flush(self):
        pass

log = logging.getLogger("some")
log.propagate = False
log.addHandler(logging.StreamHandler(SlowTerminal()))
log.setLevel("INFO")

def on_a_native_thread():
    for number in range(60):
        log.info("a line")
        native_sleep(0.001 if number % 7 == 0 else 0)

def on_the_loop():
    for _ in range(60):
        log.info("a line")
        gevent.sleep(0.001)

logging_now = [gevent.get_hub().threadpool.spawn(on_a_native_thread) for _ in range(6)]
logging_now += [gevent.spawn(on_the_loop) for _ in range(4)]
gevent.joinall(logging_now, timeout=30)
print(SlowTerminal.lines, all(one.ready() for one in logging_now), flush=True)
import os
os._exit(0)
"""


def test_native_threads_that_log_at_once_wait_for_each_other_and_not_for_ever() -> None:
    """As where a database is lost: nobody in the worker who logs went on."""
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.stdout == "600 True\n", answer.stderr
