"""What gunicorn's workers start with."""

import gc
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker as GunicornsWorker

from realtime.workers import ThreadWorker, settle

SPARING = """
import gc
from realtime.workers import COLLECT_EVERY, spare_the_old

def searches():
    return [generation["collections"] for generation in gc.get_stats()]

class Node:
    pass

spare_the_old()
assert gc.get_freeze_count() > 10_000, "what a worker starts with is searched again"
young, old, oldest = searches()
kept = [[] for _ in range(COLLECT_EVERY[0] * 50)]
after = searches()
assert after[0] >= young + 49, "the young are not searched"
assert after[1:] == [old, oldest], "what outlived a search is searched again"

new = COLLECT_EVERY[0] + 1
for _ in range(COLLECT_EVERY[1]):
    for _ in range(new):
        circle = Node()
        circle.itself = circle
assert searches()[1] > old, "circles that outlived a search would stay for ever"
"""


def test_what_outlives_a_search_for_garbage_is_left_alone_for_long_but_not_for_ever() -> None:
    subprocess.run([sys.executable, "-c", SPARING], check=True)


def test_settled_settings_read_as_before() -> None:
    asked, settled = Config(), Config()
    settle(settled)
    assert asked.settings
    for name in asked.settings:
        assert name in vars(settled)
        assert repr(getattr(settled, name)) == repr(getattr(asked, name)), name


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """A search for garbage, and with it other code, may begin wherever something is made."""
    threshold, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)
    gc.callbacks[:] = callbacks


def test_requests_may_come_while_the_late_ones_are_looked_for(
    eager_collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GunicornsWorker, "murder_pending", lambda worker: None)
    worker = ThreadWorker.__new__(ThreadWorker)
    now = time.monotonic()
    worker._reading = dict.fromkeys(range(100), now)
    came = []

    def one_more(phase: str, info: dict[str, int]) -> None:
        came.append(phase)
        worker._reading[-len(came)] = now

    gc.callbacks.append(one_more)
    worker.murder_pending()
    assert came, "no search began"
