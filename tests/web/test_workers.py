"""What gunicorn's workers start with."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest
from gunicorn.config import Config

from logs.context import about, begin, note
from tests.harness import ROOT
from web.serving import patience
from web.serving.workers import HostsTheApplication, settle

SPARING = """
import gc
from web.serving.workers import COLLECT_EVERY, spare_the_old

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
def test_waits_may_begin_and_end_while_the_slowest_is_looked_for(
    step: int, eager_collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "shut", lambda sock, how: None)
    waits = patience.Waits(most=50)
    waits._waiting = dict.fromkeys(range(100), 0)
    waits._patience = {number: patience.Patience() for number in range(100)}
    seen = []

    def another(phase: str, info: dict[str, int]) -> None:
        seen.append(phase)
        if step > 0:
            waits._waiting[100 + len(seen)] = 0
        else:
            waits._waiting.pop(next(iter(waits._waiting), None), None)

    gc.callbacks.append(another)
    waits._make_room()
    assert seen, "no search began"


class _Answers:
    """In the place of gunicorn's worker: the request is of a tenant."""

    def handle_request(self, *_: object) -> str:
        note(tenant="acme")
        return "answered"


class _Worker(HostsTheApplication, _Answers):
    pass


def test_what_is_said_after_a_request_is_not_about_it() -> None:
    """A request that cannot be read was logged with the tenant of the thread's last one."""
    assert _Worker().handle_request("a request", "its connection") == "answered"
    assert about() == {}


def test_what_is_said_of_a_request_that_failed_is_about_it() -> None:
    class Fails:
        def handle_request(self, *_: object) -> None:
            note(tenant="acme")
            raise OSError

    class Worker(HostsTheApplication, Fails):
        pass

    try:
        with pytest.raises(OSError):
            Worker().handle_request("a request", "its connection")
        assert about()["tenant"] == "acme"
    finally:
        begin()
