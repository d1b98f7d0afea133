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
from tests.harness import ROOT

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
    subprocess.run([sys.executable, "-c", SPARING], cwd=ROOT, check=True, timeout=60)


def test_settled_settings_read_as_before() -> None:
    asked, settled = Config(), Config()
    settle(settled)
    assert asked.settings
    for name in asked.settings:
        assert name in vars(settled)
        assert repr(getattr(settled, name)) == repr(getattr(asked, name)), name


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """A search for garbage, and with it other code, may begin wherever something is made.

    Up to CPython 3.11: later ones search between two steps only, where any thread may run.
    """
    threshold, callbacks = gc.get_threshold(), list(gc.callbacks)
    taken = [dict[int, int]() for _ in range(500)]  # spare ones would be used without a search
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)
    gc.callbacks[:] = callbacks
    del taken


@pytest.mark.parametrize("step", [1, -1], ids=["come", "go"])
def test_requests_may_come_and_go_while_the_late_ones_are_looked_for(
    step: int, eager_collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GunicornsWorker, "murder_pending", lambda worker: None)
    worker = ThreadWorker.__new__(ThreadWorker)
    now = time.monotonic()
    worker._reading = dict.fromkeys(range(100), now)
    seen = []

    def another(phase: str, info: dict[str, int]) -> None:
        seen.append(phase)
        if step > 0:
            worker._reading[100 + len(seen)] = now
        else:
            worker._reading.pop(next(iter(worker._reading), None), None)

    gc.callbacks.append(another)
    worker.murder_pending()
    assert seen, "no search began"
