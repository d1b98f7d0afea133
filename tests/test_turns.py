"""Tests that run in several processes do not disturb each other: turns, shares, ports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hosting.trial.ports import FROM, TO, free_ports
from tests.harness import DEADLINE, ROOT, eventually
from tests.turns import first_alone, long_ones_first, share_of, turn

QUIET = 0.2  # seconds in which somebody who need not wait would have come in


@contextmanager
def inside(held: AbstractContextManager[None]) -> Iterator[threading.Event]:
    """Another process that wants in: the event says that it is. (Locks of one process exclude each other, too.)"""
    came, over = threading.Event(), threading.Event()

    def run() -> None:
        with held:
            came.set()
            over.wait(30.0)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield came
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("alone", [True, False])
def test_tests_of_one_kind_run_together(tmp_path: Path, alone: bool) -> None:
    with (
        inside(turn(tmp_path, alone=alone)) as first,
        inside(turn(tmp_path, alone=alone)) as second,
    ):
        eventually(lambda: first.is_set() and second.is_set())


@pytest.mark.parametrize("alone", [True, False])
def test_those_of_the_other_kind_wait_until_all_have_ended(tmp_path: Path, alone: bool) -> None:
    with inside(turn(tmp_path, alone=alone)) as first:
        assert first.wait(DEADLINE)
        others = inside(turn(tmp_path, alone=not alone))
        other = others.__enter__()
        assert not other.wait(QUIET)
    assert other.wait(DEADLINE)
    others.__exit__(None, None, None)


def test_nobody_overtakes_one_that_waits(tmp_path: Path) -> None:
    with inside(turn(tmp_path, alone=False)) as first:
        assert first.wait(DEADLINE)
        waiting = inside(turn(tmp_path, alone=True))
        alone = waiting.__enter__()
        assert not alone.wait(QUIET)
        late = inside(turn(tmp_path, alone=False))
        assert not late.__enter__().wait(QUIET)
    assert alone.wait(DEADLINE)
    waiting.__exit__(None, None, None)
    late.__exit__(None, None, None)


def test_the_first_is_alone_and_all_others_are_together(tmp_path: Path) -> None:
    leading = inside(first_alone(tmp_path))
    first = leading.__enter__()
    assert first.wait(DEADLINE)
    with inside(first_alone(tmp_path)) as second, inside(first_alone(tmp_path)) as third:
        assert not second.wait(QUIET)
        assert not third.is_set()
        leading.__exit__(None, None, None)
        eventually(lambda: second.is_set() and third.is_set())


@pytest.mark.parametrize(
    ("nodeid", "share"),
    [
        ("tests/a.py::test_b", "tests/a.py"),
        ("tests/a.py::test_b[gthread]", "tests/a.py gthread"),
        ("tests/a.py::test_b[gevent-404]", "tests/a.py gevent"),
        ("tests/a.py::test_b[404-gevent]", "tests/a.py gevent"),
        ("tests/a.py::test_gevent_is_there[x]", "tests/a.py"),
        ("tests/a.py::test_b[not gevent]", "tests/a.py"),
    ],
)
def test_a_file_is_shared_by_worker_class(nodeid: str, share: str) -> None:
    assert share_of(nodeid) == share


def test_shares_that_take_long_come_first_and_those_that_wait_between_them(
    pytester: pytest.Pytester,
) -> None:
    many = "\n".join(f"def test_{number}(): pass" for number in range(5))
    product = "import pytest\n@pytest.fixture\ndef start_product(): pass\n"
    files = {
        "test_few": "def test_few(): pass",
        "test_many": many,
        "test_product": f"{product}def test_product(start_product): pass",
        "test_slow": "import pytest\ndef test_quick(): pass\n@pytest.mark.slow\ndef test_slow(): pass",
        "test_waits": "import pytest\n@pytest.mark.waits\ndef test_waits(): pass",
        "test_waits_2": "import pytest\n@pytest.mark.waits\ndef test_waits(): pass",
        "test_alone": "import pytest\ndef test_quick(): pass\n@pytest.mark.alone\ndef test_alone(): pass",
    }
    pytester.makepyfile(**files)
    items, _ = pytester.inline_genitems("-p", "no:randomly")
    items.sort(key=long_ones_first(items))
    names = [item.path.stem for item in items]
    expected = ["test_alone"] * 2 + ["test_waits"] + ["test_slow"] * 2
    expected += ["test_waits_2", "test_product"]  # by turns: one that waits, one that works
    assert names == [*expected, *["test_many"] * 5, "test_few"]
    assert items[0].name == "test_alone"


ALONE = """
import fcntl, pathlib, pytest
from tests.harness import ROOT, eventually
base = pathlib.Path("ran")

def is_waited_for(directory):
    with open(directory / "entry.lock", "w") as entry:
        try:
            fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True

@pytest.mark.alone
@pytest.mark.parametrize("number", [1, 2])
def test_alone(number, tmp_path_factory):
    with base.open("a") as ran:
        ran.write(f"alone {number}\\n")
    shared = tmp_path_factory.getbasetemp().parent
    eventually(lambda: "together" in base.read_text() or is_waited_for(shared))
"""
TOGETHER = """
def test_together():
    with open("ran", "a") as ran:
        ran.write("together\\n")
"""


def test_who_is_alone_again_keeps_its_turn(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though another waits by then: each change of turns costs what the last test still takes."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    hooks = "pytest_configure, pytest_runtest_call, pytest_runtest_protocol"
    pytester.makeconftest(f"from tests.conftest import {hooks}")
    pytester.makepyfile(test_a=ALONE, test_b=TOGETHER)
    pytester.makeini("[pytest]\nmarkers =\n    alone\n    waits")
    ended = pytester.runpytest_subprocess("-n", "2", "--dist", "loadfile")
    ended.assert_outcomes(passed=3)
    ran = (pytester.path / "ran").read_text()
    assert "alone 1\nalone 2\n" in ran


def test_free_ports_are_different_and_of_the_range_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FREE_PORTS", "20000-20050")
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert set(ports) <= set(range(20_000, 20_050))
    monkeypatch.delenv("FREE_PORTS")
    assert all(FROM <= port < TO for port in free_ports(20))


def test_a_port_that_was_given_is_not_given_again_before_all_others() -> None:
    first, second = set(free_ports(50)), set(free_ports(50))
    assert len(first) == len(second) == 50
    assert not first & second
