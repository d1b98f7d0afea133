"""Fixtures that every test may ask for; they live in tests/harness.py and tests/servers/databases.py. And whose turn it is: tests/turns.py."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from hosting.trial.ports import FROM, TO
from jobs.graph.fields.code import allow_code
from program_lib.process import settings
from program_lib.process.secrets import SECRETS
from tests.harness import link, nats_server, product, shop_database, start_product
from tests.late import threads
from tests.late.chance import SEED
from tests.servers.databases import (
    mariadb,
    mariadb_server,
    postgresql,
    postgresql_server,
    stop_left,
)
from tests.turns import ByShare, first_alone, is_marked, long_ones_first, turn

__all__ = [
    "link",
    "mariadb",
    "mariadb_server",
    "nats_server",
    "postgresql",
    "postgresql_server",
    "product",
    "shop_database",
    "start_product",
]

# Of each example: a machine that is busy is slow, and says nothing of the code
hypothesis_settings.register_profile("no deadline", deadline=None)
hypothesis_settings.load_profile("no deadline")

STOPS = (signal.SIGTERM, signal.SIGXCPU, signal.SIGXFSZ)
MOST_PROCESSES = 16  # that may run at once; each gets a thousand ports
_TURN = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """A process that is one of several takes ports from a range of its own, and so does what it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts aside
        signal.signal(signal.SIGINT, signal.default_int_handler)
    allow_code(True)  # some graphs are made while tests are collected
    if SEED and (_is_one_of_several(config) or config.option.dist == "no"):
        threads.make_late()
    if _is_one_of_several(config):
        width = (TO - FROM) // MOST_PROCESSES
        first = (
            FROM
            + int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) % MOST_PROCESSES * width
        )
        os.environ["FREE_PORTS"] = f"{first}-{first + width}"


@pytest.fixture(autouse=True)
def _code_is_allowed() -> None:
    """Graphs of tests may have code; servers that they start have PYTHON_NODES, and one made in this process sets this, too."""
    allow_code(True)


@pytest.fixture(autouse=True)
def _directories_of_programs() -> None:
    """A program reads them once; several run in a process of tests, each with its own."""
    for asked in (settings.data_dir, settings.data_roots, settings.not_data):
        asked.cache_clear()


@pytest.fixture(autouse=True)
def _secrets_of_connections() -> Iterator[None]:
    """What one test connects with is hidden in its own words alone: “secret” was, in the path that another test waits for."""
    before = set(SECRETS)
    yield
    SECRETS.intersection_update(before)


@pytest.fixture(autouse=True)
def _handlers_of_signals() -> Iterator[None]:
    """A program that runs in a test's own process ignores stops at its end; whatever is started later would, too."""
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        if handler is not signal.getsignal(number):
            signal.signal(number, handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByShare | None:
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return ByShare(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _is_one_of_several(config):
        items.sort(key=long_ones_first(items))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """One of several processes compiles the tests of a fresh clone, and the others read what it kept.

    Nothing that is collected is garbage: to look for some meanwhile takes a sixth of the time.
    """
    gc.disable()
    with contextlib.ExitStack() as held:
        held.callback(gc.enable)
        if _is_one_of_several(session.config):
            held.enter_context(first_alone(_shared(session.config)))
        return (yield)


def pytest_collection_finish() -> None:
    """Tests stay to the end: else each look for garbage takes a second for eight thousand of them."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Processes of tests that were killed, as after a SIGINT to the one that leads them, leave the databases that they share."""
    try:
        return (yield)
    finally:
        if not _is_one_of_several(session.config):
            stop_left(_base(session.config))


# outside of pytest-timeout's own: to wait for a turn is no test's fault
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    held = _turn_of(item)
    try:
        return (yield)
    finally:
        if nextitem is not None and is_marked(item, "alone") and is_marked(nextitem, "alone"):
            nextitem.stash[_TURN] = held  # or all others would have theirs in between
        else:
            held.close()


def _turn_of(item: pytest.Item) -> contextlib.ExitStack:
    """Waits for the turn of a test, unless the test before has left it its own."""
    if _TURN not in item.stash:
        held = item.stash[_TURN] = contextlib.ExitStack()
        if _is_one_of_several(item.config):
            held.enter_context(turn(_shared(item.config), alone=is_marked(item, "alone")))
    return item.stash[_TURN]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    if is_marked(item, "waits"):  # its servers are up: all may run meanwhile
        item.stash[_TURN].close()


def _is_one_of_several(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _shared(config: pytest.Config) -> Path:
    """The directory of this run, in which each worker has its own."""
    return _base(config).parent


def _base(config: pytest.Config) -> Path:
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return base
