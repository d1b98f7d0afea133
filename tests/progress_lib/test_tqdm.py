"""A program with bars of tqdm changes one import, and its bars are nodes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tqdm import tqdm as plain_tqdm

from progress_lib import ProgressReporter
from progress_lib.node import NOT_KNOWN
from progress_lib.tqdm import tqdm, trange
from tests.harness import NatsServer, eventually
from tests.progress_lib.listener import Listener
from tests.progress_lib.test_tracking import script


@pytest.fixture
def bar(nats_server: NatsServer) -> Iterator[Callable[..., Any]]:
    """Makes bars that nobody sees and that report."""
    with ProgressReporter(nats_server.url, "default", 42) as reporter:

        def make(*arguments: Any, **options: Any) -> Any:
            return tqdm(*arguments, **{"reporter": reporter, "file": io.StringIO(), **options})

        yield make


@pytest.mark.parametrize("disable", [False, True])
def test_a_bar_is_a_node_whether_it_is_shown_or_not(
    bar: Callable[..., Any], listener: Listener, disable: bool
) -> None:
    assert list(bar(range(1_000), desc="Load", disable=disable)) == list(range(1_000))
    assert eventually(listener.end) == ("completed", 1_000, "")
    last = listener.said()
    assert (last["nodeName"], last["rowTotal"]) == ("Load", 1_000)


@pytest.mark.parametrize("disable", [False, True])
def test_a_bar_that_is_moved_by_hand(
    bar: Callable[..., Any], listener: Listener, disable: bool
) -> None:
    with bar(total=10, initial=2, unit="MB", disable=disable) as hand:
        hand.set_description("Copy")
        hand.update(3)
        hand.set_postfix(file="a.csv")
        eventually(lambda: listener.last() == {1: ("running", 5)})
        hand.n = 9
        hand.refresh()
        hand.update(0.5)
    assert eventually(listener.end) == ("completed", 9, "file=a.csv")
    assert (listener.said()["nodeName"], listener.said()["rowTotal"]) == ("Copy", 10)


@pytest.mark.parametrize(("total", "part", "times"), [(1.0, 0.1, 10), (100, 0.1, 1_000)])
@pytest.mark.parametrize("disable", [False, True])
def test_parts_that_add_up_to_a_whole_number_are_that_number(
    bar: Callable[..., Any],
    listener: Listener,
    total: float,
    part: float,
    times: int,
    disable: bool,
) -> None:
    with bar(total=total, disable=disable) as hand:
        for _ in range(times):
            hand.update(part)
        assert hand.n != total  # for its rounding
    assert eventually(listener.end) == ("completed", total, "")


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), None, "1"])
@pytest.mark.parametrize("total", [10, "many"])
def test_a_bar_that_is_not_shown_takes_anything(
    bar: Callable[..., Any], listener: Listener, amount: Any, total: Any
) -> None:
    with bar(total=total, disable=True) as odd:
        odd.update(3)
        odd.update(amount)
    assert eventually(listener.end) == ("completed", 3, "")


def test_each_bar_has_an_id_of_its_own(bar: Callable[..., Any], listener: Listener) -> None:
    for _ in bar(range(2), desc="outer"):
        list(bar(range(3), desc="inner", leave=False))
    list(bar(range(4), desc="named", node_id=9))
    ends = {1: ("completed", 2), 2: ("completed", 3), 3: ("completed", 3), 9: ("completed", 4)}
    eventually(lambda: listener.last() == ends)


def test_what_a_loop_is_left_by_is_told(bar: Callable[..., Any], listener: Listener) -> None:
    for row in bar(range(10)):
        if row == 2:
            break
    with contextlib.suppress(ValueError):
        for row in bar(range(10)):
            int("bad" if row == 3 else "1")
    with pytest.raises(ValueError, match="bad"), bar(total=10) as hand:
        hand.update(4)
        raise ValueError("bad")
    forgotten = bar(total=10)
    forgotten.update(5)
    del forgotten
    assert eventually(lambda: listener.end(1)) == ("completed", 2, "")
    assert eventually(lambda: listener.end(2)) == ("failed", 3, NOT_KNOWN)
    assert eventually(lambda: listener.end(3)) == ("failed", 4, "ValueError: bad")
    assert eventually(lambda: listener.end(4)) == ("completed", 5, "")


def test_a_block_around_a_loop_tells_what_left_it(
    bar: Callable[..., Any], listener: Listener
) -> None:
    with pytest.raises(ValueError, match="bad"), bar(range(10)) as rows:
        for row in rows:
            int("bad" if row == 3 else "1")
    with pytest.raises(ValueError, match="late"), bar(range(10)) as rows:
        for row in rows:
            if row == 2:
                break
        raise ValueError("late")
    text = "ValueError: invalid literal for int() with base 10: 'bad'"
    assert eventually(lambda: listener.end(1)) == ("failed", 3, text)
    assert eventually(lambda: listener.end(2)) == ("completed", 2, "")


def test_a_program_changes_its_import_alone(nats_server: NatsServer, listener: Listener) -> None:
    source = """
from progress_lib.tqdm import tqdm
for row in tqdm([1, 0], desc="Divide"):
    1 / row
"""
    process = script(nats_server, source)
    _, err = process.communicate(timeout=30)
    assert "Divide:  50%" in err
    assert eventually(listener.end) == ("failed", 1, "ZeroDivisionError: division by zero")


def test_without_a_job_it_is_tqdms_own_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOB_ID", raising=False)
    shown = [io.StringIO(), io.StringIO()]
    for kind, file in zip((plain_tqdm, tqdm), shown, strict=True):
        options = {"file": file, "bar_format": "{desc} {n}/{total}", "mininterval": 0}
        assert list(kind(range(3), desc="Load", **options)) == [0, 1, 2]
        with kind(total=2, **options) as hand:
            hand.update()
    assert shown[0].getvalue() == shown[1].getvalue()
    assert len(trange(2, disable=True)) == 2
