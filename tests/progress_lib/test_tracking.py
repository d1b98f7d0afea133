"""Loops, blocks and functions that report themselves: each end is told truly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import click
import pytest

from progress_lib import Node, Progress, ProgressReporter, Status, track
from progress_lib.node import NOT_KNOWN
from tests.harness import DEADLINE, ROOT, NatsServer, eventually
from tests.progress_lib.listener import Listener

T = TypeVar("T")


@pytest.fixture
def reporter(nats_server: NatsServer) -> Iterator[ProgressReporter]:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        yield reporter


def script(nats_server: NatsServer, source: str, **variables: str) -> subprocess.Popen[str]:
    """A program that knows of its reporter from its environment alone."""
    environment = {**os.environ, "NATS_URL": nats_server.url, "JOB_ID": "42", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


# ---------------------------------------------------------------- track


def test_a_loop_says_what_it_has_done_and_how_much_there_is(
    reporter: ProgressReporter, listener: Listener
) -> None:
    assert list(track(range(1_000), reporter, node_name="Load")) == list(range(1_000))
    eventually(listener.end)
    first, last = listener.messages[0], listener.messages[-1]
    assert (first["nodeId"], first["nodeName"], first["rowCount"]) == (1, "Load", 0)
    assert (last["status"], last["rowCount"], last["rowTotal"]) == ("completed", 1_000, 1_000)
    assert len(listener.messages) <= 5


def test_rows_without_a_length_have_no_total_but_a_given_one(
    reporter: ProgressReporter, listener: Listener
) -> None:
    list(track(iter("abc"), reporter))
    list(track(iter("abc"), reporter, total=3))
    list(track([], reporter))
    eventually(lambda: len([m for m in listener.messages if m["status"] == "completed"]) == 3)
    assert "rowTotal" not in listener.said(1)
    assert listener.said(2)["rowTotal"] == 3
    assert "rowTotal" not in listener.said(3)


def test_a_count_is_seen_while_the_next_row_takes_long(
    reporter: ProgressReporter, listener: Listener
) -> None:
    rows = track(range(10_000), reporter)
    for row in rows:
        if row == 9_998:  # the one after a burst
            eventually(lambda: listener.last() == {1: ("running", 9_998)})
            break


def test_a_node_is_looked_at_though_the_sender_slept_when_it_had_told_the_beginning(
    reporter: ProgressReporter, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = reporter.watch

    def watch_late(node: Node) -> None:
        eventually(lambda: listener.messages)
        watch(node)

    monkeypatch.setattr(reporter, "watch", watch_late)
    with reporter.node(1, "Load") as node:
        node.advance(5)
        eventually(lambda: listener.last() == {1: ("running", 5)})


def test_the_next_id_costs_the_same_after_many() -> None:
    reporter = ProgressReporter("nats://127.0.0.1:1", "default", 42)
    began = time.process_time()
    for _ in range(30_000):
        last = reporter.node()
    assert last.node_id == 30_000
    assert time.process_time() - began < 3.0  # 15 s where each looks through all before it
    reporter.close()


def test_ids_count_up_and_leave_out_those_that_are_named(reporter: ProgressReporter) -> None:
    named = reporter.node(2, "named").node_id
    assert [named, *(reporter.node().node_id for _ in range(3))] == [2, 1, 3, 4]


def test_a_node_of_which_nothing_can_be_told_says_why_once(
    nats_server: NatsServer, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        for _ in range(3):
            list(track("abc", reporter, node_id=1))
        list(track("abc", reporter))
    list(track("abc", reporter, node_id=3))
    for node_id in (1, 4, 4):  # 1 has ended, and was told
        reporter.report(Progress(node_id, "late", Status.COMPLETED))
    ended, *closed = [record.getMessage() for record in caplog.records]
    assert "node 1 is not reported: a node with this id has ended" in ended
    assert closed == [
        f"progress of node {node_id} is not reported: its reporter is closed" for node_id in (3, 4)
    ]
    assert eventually(listener.last) == {1: ("completed", 3), 2: ("completed", 3)}


def rows_of_track(reporter: ProgressReporter) -> Iterator[int]:
    return track(range(10), reporter)


def rows_of_a_block(reporter: ProgressReporter) -> Iterator[int]:
    with reporter.node():
        yield from range(10)


def rows_of_a_step(reporter: ProgressReporter) -> Iterator[int]:
    @reporter.step
    def rows() -> Iterator[int]:
        yield from range(10)

    return rows()


def rows_of_a_bar(reporter: ProgressReporter) -> Iterator[int]:
    from progress_lib.tqdm import tqdm

    return iter(tqdm(range(10), disable=True, reporter=reporter))


@pytest.mark.parametrize(
    "make",
    [rows_of_track, rows_of_a_block, rows_of_a_step, rows_of_a_bar],
    ids=lambda m: m.__name__,
)
def test_rows_that_the_garbage_collector_ends_wait_for_no_lock(
    reporter: ProgressReporter,
    listener: Listener,
    make: Callable[[ProgressReporter], Iterator[int]],
) -> None:
    rows = make(reporter)
    next(rows)

    def collect() -> None:
        """As the collector does it in a thread that it interrupts, whatever lock that holds."""
        nonlocal rows
        rows = iter(())

    collecting = threading.Thread(target=collect, daemon=True)
    with reporter._lock:
        collecting.start()
        collecting.join(20)
    assert not collecting.is_alive()
    assert eventually(listener.end)[0] == "completed"


def broken_rows() -> Iterator[int]:
    yield from range(3)
    raise OSError("disk is gone")


def test_rows_that_fail_fail_the_node(reporter: ProgressReporter, listener: Listener) -> None:
    with pytest.raises(OSError, match="disk is gone"):
        list(track(broken_rows(), reporter))
    assert eventually(listener.end) == ("failed", 3, "OSError: disk is gone")


def leave_by_break(rows: Iterator[int]) -> None:
    for row in rows:
        if row == 2:
            break


def leave_by_return(rows: Iterator[int]) -> None:
    for row in rows:
        with contextlib.nullcontext():
            if row == 2:
                return


def leave_a_loop_over_enumerate(rows: Iterator[int]) -> None:
    for row, _ in enumerate(rows):
        if row == 2:
            break


def doubled(rows: Iterator[int]) -> Iterator[int]:
    try:
        for row in rows:
            yield 2 * row
    finally:
        len("tidied up")


def leave_a_generator_over_it(rows: Iterator[int]) -> None:
    for row in doubled(rows):
        if row == 4:
            break


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_return, leave_a_loop_over_enumerate, leave_a_generator_over_it],
)
@pytest.mark.parametrize("name", [True, False], ids=["held by a name", "held by the loop"])
def test_a_loop_that_is_left_in_order_completes_with_what_it_has_done(
    reporter: ProgressReporter,
    listener: Listener,
    leave: Callable[[Iterator[int]], None],
    name: bool,
) -> None:
    def loop() -> None:
        rows = track(range(10), reporter)
        leave(rows)

    loop() if name else leave(track(range(10), reporter))
    assert eventually(listener.end) == ("completed", 2, "")


def raise_in_it(rows: Iterator[int]) -> None:
    for row in rows:
        if row == 2:
            raise ValueError("bad row")


def fail_in_a_call(rows: Iterator[int]) -> None:
    for row in rows:
        int("bad" if row == 2 else "1")


def fail_over_enumerate(rows: Iterator[int]) -> None:
    for row, _ in enumerate(rows):
        assert row != 2


def fail_over_a_generator(rows: Iterator[int]) -> None:
    for row in doubled(rows):
        {0: 0, 2: 0}[row]


def fail_in_a_generator(rows: Iterator[int]) -> None:
    def halves() -> Iterator[float]:
        for row in rows:
            yield 1 / (2 - row)

    list(halves())


def fail_in_a_generator_over_no_name(rows: Iterator[int]) -> None:
    def halves() -> Iterator[float]:
        for row in itertools.chain(rows):
            yield 1 / (2 - row)

    for _ in halves():
        pass


FAILURES = [
    raise_in_it,
    fail_in_a_call,
    fail_over_enumerate,
    fail_over_a_generator,
    fail_in_a_generator,
    fail_in_a_generator_over_no_name,
]


@pytest.mark.parametrize("fail", FAILURES)
def test_an_exception_in_the_body_fails_the_node_also_where_the_program_handles_it(
    reporter: ProgressReporter, listener: Listener, fail: Callable[[Iterator[int]], None]
) -> None:
    try:
        fail(track(range(10), reporter))
    except Exception as error:
        print(f"handled: {error}")
    assert eventually(listener.end) == ("failed", 2, NOT_KNOWN)


def without_a_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end. An event loop would keep its exception, and with that the rows, until the garbage collector comes."""
    with contextlib.suppress(StopIteration):
        coroutine.send(None)


def fail_by_what_is_thrown(reporter: ProgressReporter) -> None:
    """As Twisted, Tornado and SimPy do."""

    def rows() -> Generator[int, None, None]:
        for row in track(range(10), reporter):
            yield 2 * row

    def steps() -> Generator[int, None, None]:
        yield from rows()

    generator = steps()
    assert [next(generator) for _ in range(3)] == [0, 2, 4]
    generator.throw(ValueError("thrown"))


def fail_by_what_is_thrown_into_an_asynchronous_generator(reporter: ProgressReporter) -> None:
    @contextlib.asynccontextmanager
    async def third() -> AsyncIterator[int]:
        for row in track(range(10), reporter):
            if row == 2:
                yield row

    async def take() -> None:
        async with third():
            raise ValueError("thrown")

    without_a_loop(take())


def fail_in_an_asynchronous_generator(reporter: ProgressReporter) -> None:
    async def work(row: int) -> int:
        if row == 2:
            raise ValueError("bad")
        return row

    async def rows() -> AsyncIterator[int]:
        for row in track(range(10), reporter):
            yield await work(row)

    async def take() -> None:
        async for _ in rows():
            pass

    without_a_loop(take())


@pytest.mark.parametrize(
    "fail",
    [
        fail_by_what_is_thrown,
        fail_by_what_is_thrown_into_an_asynchronous_generator,
        fail_in_an_asynchronous_generator,
    ],
)
def test_an_exception_fails_the_node_of_a_loop_in_a_generator(
    reporter: ProgressReporter, listener: Listener, fail: Callable[[ProgressReporter], None]
) -> None:
    with contextlib.suppress(ValueError):
        fail(reporter)
    assert eventually(listener.end) == ("failed", 2, NOT_KNOWN)


def test_a_loop_that_is_left_in_a_generator_whose_driver_can_throw_completes(
    reporter: ProgressReporter, listener: Listener
) -> None:
    """As in a process of SimPy, whose rows end with it."""

    def doubled() -> Generator[int, None, None]:
        for row in track(range(10), reporter):
            yield 2 * row

    def process() -> Generator[int, None, None]:
        rows = doubled()
        for row in rows:
            yield row
            if row == 4:
                break

    def drive(generator: Generator[int, None, None], error: Exception | None) -> None:
        with contextlib.suppress(StopIteration):
            while True:
                if error is not None:
                    generator.throw(error)
                generator.send(None)

    drive(process(), None)
    assert eventually(listener.end) == ("completed", 2, "")


def test_a_loop_in_a_generator_whose_reader_takes_no_more_completes(
    reporter: ProgressReporter, listener: Listener
) -> None:
    async def later() -> AsyncIterator[int]:
        for row in track(range(10), reporter):
            await asyncio.sleep(0)
            yield row

    async def take() -> None:
        async for row in later():
            if row == 2:
                break
        async with contextlib.aclosing(later()) as rows:  # type: ignore[type-var]
            assert await anext(rows) == 0

    in_a_loop(take)
    assert eventually(listener.end) == ("completed", 2, "")
    assert eventually(lambda: listener.end(2)) == ("completed", 0, "")


def test_an_exception_fails_the_node_of_a_loop_that_names_no_rows(
    reporter: ProgressReporter, listener: Listener
) -> None:
    with contextlib.suppress(ValueError):
        for row in track(range(10), reporter):
            int("bad" if row == 2 else "1")
    assert eventually(listener.end) == ("failed", 2, NOT_KNOWN)


def test_each_call_of_a_function_fails_its_node(
    reporter: ProgressReporter, listener: Listener
) -> None:
    """Python 3.12 runs a `for` over a generator by other instructions from the function's second call on."""

    def load() -> None:
        for row in track(range(10), reporter):
            int("bad" if row == 2 else "1")

    for _ in range(20):
        with contextlib.suppress(ValueError):
            load()
    for node_id in range(1, 21):
        assert eventually(lambda n=node_id: listener.end(n)) == ("failed", 2, NOT_KNOWN)  # type: ignore[misc]


@pytest.mark.parametrize("fail", FAILURES)
def test_an_exception_that_is_suppressed_fails_the_node(
    reporter: ProgressReporter, listener: Listener, fail: Callable[[Iterator[int]], None]
) -> None:
    with contextlib.suppress(Exception):
        fail(track(range(10), reporter))
    assert eventually(listener.end) == ("failed", 2, NOT_KNOWN)


@pytest.mark.parametrize("fail", FAILURES)
def test_its_text_is_told_where_it_ends_the_reporters_block(
    nats_server: NatsServer, listener: Listener, fail: Callable[[Iterator[int]], None]
) -> None:
    with (
        pytest.raises(Exception) as raised,
        ProgressReporter(nats_server.url, "default", 42) as reporter,
    ):
        fail(track(range(10), reporter))
    text = f"{raised.type.__name__}: {raised.value}".removesuffix(": ")
    assert eventually(listener.end) == ("failed", 2, text)


def test_a_function_that_takes_no_more_rows_completes_the_node(
    reporter: ProgressReporter, listener: Listener
) -> None:
    assert list(itertools.islice(track(range(10), reporter), 3)) == [0, 1, 2]
    assert eventually(listener.end)[0] == "completed"


@pytest.mark.parametrize(
    "fewer",
    [
        lambda rows: zip(rows, range(3), strict=False),
        lambda rows: zip(range(3), rows, strict=False),
        lambda rows: itertools.islice(rows, 3),
        lambda rows: itertools.takewhile(lambda row: row < 3, rows),
    ],
)
def test_a_loop_over_a_function_that_takes_no_more_rows_completes_the_node(
    reporter: ProgressReporter, listener: Listener, fewer: Callable[[Iterator[int]], Iterator[Any]]
) -> None:
    assert sum(1 for _ in fewer(track(range(10), reporter))) == 3
    for _ in fewer(track(range(10), reporter)):
        pass
    assert eventually(listener.end)[0] == "completed"
    assert eventually(lambda: listener.end(2))[0] == "completed"


def test_a_loop_that_was_left_completes_though_a_name_keeps_its_rows(
    nats_server: NatsServer, listener: Listener
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        rows = track(range(10), reporter)
        for row in rows:
            if row == 4:
                break
    assert eventually(listener.end) == ("completed", 4, "")


KEPT = """
import threading, time
from progress_lib import track
from progress_lib.tqdm import tqdm
rows, bar = track(range(10)), tqdm(range(10), disable=True)
for loop in (rows, bar):
    for row in loop:
        if row == 4:
            break
hand = tqdm(total=10, disable=True)
hand.update(3)
begun = threading.Event()
def work():
    for row in track(range(9), node_id=4):
        begun.set()
        time.sleep(60)
threading.Thread(target=work, daemon=True).start()
assert begun.wait(20)
"""


def test_a_program_that_ends_has_left_the_loops_of_its_threads_that_ended(
    nats_server: NatsServer, listener: Listener
) -> None:
    assert script(nats_server, KEPT).wait(30) == 0
    done = {n: ("completed", count) for n, count in ((1, 4), (2, 4), (3, 3))}
    ends = done | {4: ("running", 0)}
    # a bar is a node from the start, rows are one with the first of them
    eventually(lambda: sorted(listener.last().values()) == sorted(ends.values()))


# ---------------------------------------------------------------- the environment's reporter


def test_a_program_needs_one_word_more(nats_server: NatsServer, listener: Listener) -> None:
    source = "from progress_lib import track\nfor row in track(range(5), node_name='Load'): pass"
    process = script(nats_server, source, RUN_ID="r1")
    assert process.communicate(timeout=30) == ("", "")
    assert eventually(listener.end) == ("completed", 5, "")
    assert listener.said()["runId"] == "r1"


def test_what_a_program_starts_reports_into_its_run(
    nats_server: NatsServer, listener: Listener
) -> None:
    source = """
import subprocess, sys
from progress_lib import track
list(track(range(5)))
theirs = "from progress_lib import track; list(track(range(3), node_id=2))"
subprocess.run([sys.executable, "-c", theirs], check=True)
"""
    assert script(nats_server, source).wait(30) == 0
    eventually(lambda: listener.last() == {1: ("completed", 5), 2: ("completed", 3)})
    assert len({message["runId"] for message in listener.messages}) == 1


def test_the_exception_that_ends_a_program_is_the_reason_of_its_node(
    nats_server: NatsServer, listener: Listener
) -> None:
    source = "from progress_lib import track\nfor row in track([1, 0]): 1 / row"
    process = script(nats_server, source)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")
    assert eventually(listener.end) == ("failed", 1, "ZeroDivisionError: division by zero")


def test_without_a_job_the_rows_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("JOB_ID", raising=False)
    threads = threading.active_count()
    rows = [1, 2]
    assert type(track(rows)) is type(iter(rows))
    assert threading.active_count() <= threads  # one of another test may end meanwhile


# ---------------------------------------------------------------- with reporter.node


def test_a_block_says_how_far_it_is(reporter: ProgressReporter, listener: Listener) -> None:
    with reporter.node(7, "Load", total=5_000) as node:
        node.advance(1_000)
        node.say("a thousand")
        eventually(lambda: listener.said(7)["message"] == "a thousand")
        assert listener.said(7)["rowTotal"] == 5_000
        node.advance()
    assert eventually(lambda: listener.end(7)) == ("completed", 1_001, "a thousand")


class Exit(Exception):
    """One of the program's own, which is none of Click's."""

    exit_code = 0


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("bad"), "failed", "ValueError: bad"),
        (ValueError(), "failed", "ValueError"),
        (KeyError("name"), "failed", "KeyError: 'name'"),
        (KeyboardInterrupt(), "failed", "interrupted"),
        (SystemExit(3), "failed", "exit code 3"),
        (SystemExit(True), "failed", "exit code 1"),
        (SystemExit("no such file"), "failed", "no such file"),
        (SystemExit(0), "completed", ""),
        (click.exceptions.Exit(), "completed", ""),
        (click.exceptions.Exit(4), "failed", "exit code 4"),
        (Exit("gone"), "failed", "Exit: gone"),
        (GeneratorExit(), "completed", ""),
    ],
)
def test_a_block_ends_as_the_exception_says_that_leaves_it(
    reporter: ProgressReporter,
    listener: Listener,
    error: BaseException,
    status: str,
    message: str,
) -> None:
    with pytest.raises(type(error)), reporter.node(1, "Load") as node:
        node.advance(5)
        raise error
    assert eventually(listener.end) == (status, 5, message)


def test_a_forked_child_does_not_end_its_parents_node(
    nats_server: NatsServer, listener: Listener
) -> None:
    source = """
import os, sys
from progress_lib import default_reporter
with default_reporter().node(1, "Load") as node:
    node.advance(3)
    if os.fork() == 0:
        sys.exit(9)
    os.wait()
"""
    assert script(nats_server, source).wait(30) == 0
    assert eventually(listener.end) == ("completed", 3, "")
    assert "failed" not in {m["status"] for m in listener.messages}


def test_what_cannot_be_counted_stops_nothing(
    reporter: ProgressReporter, listener: Listener
) -> None:
    with reporter.node(1, "Load") as node:
        node.row_count = "many"  # type: ignore[assignment]
    with reporter.node(2, "Load") as node:
        node.advance(2)
    assert eventually(lambda: listener.end(2)) == ("completed", 2, "")


class Mute:
    def __str__(self) -> str:
        raise ValueError("it has no text")


def test_what_has_no_text_stops_nothing(reporter: ProgressReporter, listener: Listener) -> None:
    with reporter.node(1, Mute()) as node:  # type: ignore[arg-type]
        node.say(Mute())
    with reporter.node(2) as node:
        node.fail(Mute())
    with pytest.raises(SystemExit), reporter.node(3):
        raise SystemExit(Mute())
    ends = {1: ("completed", 0), 2: ("failed", 0), 3: ("failed", 0)}
    eventually(lambda: listener.last() == ends)


def test_a_block_ends_though_its_count_is_none(
    reporter: ProgressReporter, listener: Listener
) -> None:
    with reporter.node(1) as node:
        node.advance(4)
        eventually(lambda: listener.last() == {1: ("running", 4)})
        node.advance(0.5)  # type: ignore[arg-type]
    eventually(lambda: listener.last() == {1: ("completed", 4)})


# ---------------------------------------------------------------- @reporter.step


def test_a_function_is_a_node(reporter: ProgressReporter, listener: Listener) -> None:
    @reporter.step(1, "Add")
    def add(a: int, b: int) -> int:
        return a + b

    assert add(1, b=2) == 3
    assert add.__name__ == "add"
    assert eventually(listener.end) == ("completed", 0, "")
    assert listener.said()["nodeName"] == "Add"


def test_the_parentheses_of_a_step_may_be_left_out(
    reporter: ProgressReporter, listener: Listener
) -> None:
    @reporter.step
    def add(a: int, b: int) -> int:
        return a + b

    assert add(1, b=2) == 3
    assert eventually(listener.end) == ("completed", 0, "")
    assert listener.said()["nodeName"] == "add"


def in_a_loop(function: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """On a thread of its own: a browser's tests may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(function())).result()


def test_coroutines_and_generators_are_nodes_until_they_end(
    reporter: ProgressReporter, listener: Listener
) -> None:
    @reporter.step()
    async def fetch() -> int:
        await asyncio.sleep(0)
        raise OSError("no answer")

    @reporter.step()
    def numbers() -> Iterator[int]:
        yield 1
        eventually(lambda: listener.last()[2][0] == "running")
        yield 2

    @reporter.step()
    async def letters() -> AsyncIterator[str]:
        yield "a"
        eventually(lambda: listener.last()[3][0] == "running")

    async def all_letters() -> list[str]:
        return [letter async for letter in letters()]

    with pytest.raises(OSError, match="no answer"):
        in_a_loop(fetch)
    assert list(numbers()) == [1, 2]
    assert in_a_loop(all_letters) == ["a"]
    assert eventually(listener.end) == ("failed", 0, "OSError: no answer")
    assert eventually(lambda: listener.end(2)) == ("completed", 0, "")
    assert eventually(lambda: listener.end(3)) == ("completed", 0, "")
    assert [listener.said(n)["nodeName"] for n in (1, 2, 3)] == ["fetch", "numbers", "letters"]


def test_an_asynchronous_generator_hears_what_its_reader_says(
    reporter: ProgressReporter, listener: Listener
) -> None:
    from collections.abc import AsyncGenerator

    heard: list[object] = []

    @reporter.step()
    async def rows() -> AsyncGenerator[str, str]:
        try:
            heard.append((yield "a"))
            try:
                yield "b"
            except KeyError as error:
                heard.append(error.args[0])
            yield "c"
        finally:
            heard.append("closed")

    async def read() -> list[str]:
        reader = rows()
        read = [await anext(reader), await reader.asend("more"), await reader.athrow(KeyError("k"))]
        await reader.aclose()
        heard.append("read")
        return read

    assert in_a_loop(read) == ["a", "b", "c"]
    assert heard == ["more", "k", "closed", "read"]
    assert eventually(listener.end) == ("completed", 0, "")


# ---------------------------------------------------------------- a run of its own


def test_a_program_tells_its_own_run(nats_server: NatsServer, listener: Listener) -> None:
    with ProgressReporter(nats_server.url, "default", 42, announces_run=True) as reporter:
        list(track(range(3), reporter))
    eventually(lambda: len(listener.runs) == 2)
    begun, ended = listener.runs
    assert (begun["status"], ended["status"], ended["reason"]) == ("running", "completed", None)
    assert listener.said()["runId"] == begun["runId"] == ended["runId"]
    assert begun["ts"] <= ended["ts"]
    kinds = [kind for kind, _ in listener.heard]
    assert (kinds[0], kinds[-1]) == ("status", "status")


def test_an_exception_fails_the_run(nats_server: NatsServer, listener: Listener) -> None:
    source = f"""
from progress_lib import ProgressReporter
reporter = ProgressReporter({nats_server.url!r}, "default", 42, announces_run=True)
with reporter.node(1, "Load"):
    raise ValueError("bad" * 10_000)
"""
    assert script(nats_server, source).wait(30) == 1
    eventually(lambda: len(listener.runs) == 2)
    assert listener.runs[-1]["status"] == "failed"
    assert listener.runs[-1]["reason"].startswith("ValueError: badbad")


def test_a_runs_name_and_reason_may_be_of_any_type(
    nats_server: NatsServer, listener: Listener
) -> None:
    name = uuid.UUID(int=7)
    with ProgressReporter(
        nats_server.url,
        "default",
        42,
        run_id=name,  # type: ignore[arg-type]
        announces_run=True,
    ) as reporter:
        list(track("abc", reporter))
        reporter.fail_run(OSError("no disk"))
    eventually(lambda: listener.runs[-1]["status"] == "failed")
    assert {m["runId"] for _, m in listener.heard} == {str(name)}
    assert listener.runs[-1]["reason"] == "no disk"
    assert listener.end() == ("completed", 3, "")


def test_a_run_is_told_to_a_server_that_comes_later(
    nats_server: NatsServer, listener: Listener
) -> None:
    nats_server.stop()
    with ProgressReporter(nats_server.url, "default", 42, announces_run=True) as reporter:
        list(track(range(3), reporter))
        nats_server.start()
        assert listener.link.wait_up(DEADLINE)
        assert listener.link.flush(DEADLINE)
        eventually(lambda: reporter._link is not None and reporter._link.wait_up(DEADLINE))
    eventually(lambda: [run["status"] for run in listener.runs][-1:] == ["completed"])
