"""Whose turn it is, when pytest runs tests in several processes.

    @pytest.mark.alone    measures time, or fills the machine: beside it run only others that are alone, and waiting ones
    @pytest.mark.waits    waits for a deadline of the product, and does next to nothing meanwhile

All other tests run together while no test that is alone does. Servers that a module keeps for its next test
are idle then. A file's tests stay in one process and share what the file starts, but those on gthread and
those on gevent, which share nothing, may be in two. What takes long begins first: else it runs at the end,
while other processes have nothing left to do. Tests that are alone are the first of all and of their file, one
after the other: each change of turns waits until the last test of the other kind has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling


@contextlib.contextmanager
def turn(directory: Path, *, alone: bool) -> Iterator[None]:
    """Holds the machine with others of the same kind; `directory` is the same for all processes."""
    ours, theirs = ("alone", "together") if alone else ("together", "alone")
    with _lock(directory / f"{ours}.lock") as held:
        with _lock(directory / "entry.lock") as entry, _lock(directory / f"{theirs}.lock") as other:
            fcntl.flock(entry, fcntl.LOCK_EX)  # who waits keeps it, so that nobody overtakes
            fcntl.flock(other, fcntl.LOCK_EX)  # all of the other kind have ended
            fcntl.flock(held, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def first_alone(directory: Path) -> Iterator[None]:
    """Lets the first in alone, and all others once it has left."""
    with _lock(directory / "first.lock") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(held, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def share_of(nodeid: str) -> str:
    """What goes to one process as a whole: the tests of a file, by worker class where they name one."""
    path, _, name = nodeid.partition("::")
    worker_class = re.search(r"[\[-](gthread|gevent)[-\]]", name)
    return f"{path} {worker_class[1]}" if worker_class else path


class ByShare(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)


# Seconds of a usual test that asks for a fixture, itself or by another; the first that it asks for counts
SECONDS = {"start_product": 5.0, "browser": 4.0, "shop_database": 1.0, "nats_server": 0.5}
LEAST_SECONDS = 0.1


def seconds_of(item: pytest.Item) -> float:
    """How long a test takes, roughly: a file of ten that start products each takes longer than one of a hundred functions."""
    asked = getattr(item, "fixturenames", ())
    return next((seconds for name, seconds in SECONDS.items() if name in asked), LEAST_SECONDS)


def long_ones_first(items: list[pytest.Item]) -> Callable[[pytest.Item], tuple[int, bool]]:
    """A key to sort by: shares with tests that are alone; then one that waits and one that works, by turns, so that
    neither the cores stand still while all processes wait, nor the last ones wait. Slow ones and large ones are first of each.
    """
    size: dict[str, float] = defaultdict(float)
    rank: dict[str, int] = {}
    for item in items:
        share = share_of(item.nodeid)
        size[share] += seconds_of(item)
        marks = [is_marked(item, name) for name in ("alone", "waits", "slow")]
        rank[share] = min(rank.get(share, 3), [*marks, True].index(True))
    of_rank: list[list[str]] = [[], [], [], []]
    for share in sorted(size, key=lambda share: (-size[share], share)):
        of_rank[rank[share]].append(share)
    alone, waits, slow, others = of_rank
    by_turns = chain.from_iterable(zip_longest(waits, slow + others))
    place = {share: number for number, share in enumerate([*alone, *filter(None, by_turns)])}

    def key(item: pytest.Item) -> tuple[int, bool]:
        return place[share_of(item.nodeid)], not is_marked(item, "alone")

    return key


def is_marked(item: pytest.Item, name: str) -> bool:
    return item.get_closest_marker(name) is not None
