"""The threads of a gthread worker: each call gets one while there may be more, and none of them keeps the process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.harness import DEADLINE, ROOT
from web.serving.thread_pool import ThreadPool

WAIT = 10.0  # seconds
MOST = 20  # threads


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(MOST)
    yield pool
    pool.shutdown()


def test_no_call_waits_while_there_may_be_another_thread(pool: ThreadPool) -> None:
    """Also where threads have just become free: each of these calls waits until all of them run."""
    for _ in range(20):
        all_run = threading.Barrier(MOST)
        for waiting in [pool.submit(all_run.wait, WAIT) for _ in range(MOST)]:
            waiting.result(WAIT)


def test_a_call_beyond_the_most_threads_waits_for_one(pool: ThreadPool) -> None:
    free = threading.Event()
    busy = [pool.submit(free.wait, WAIT) for _ in range(MOST)]
    late = [pool.submit(threading.current_thread) for _ in range(3)]
    free.set()
    assert all(one.result(WAIT) for one in busy)
    assert {one.result(WAIT).name.partition("-")[0] for one in late} == {"request"}


def test_a_free_thread_is_used_again(pool: ThreadPool) -> None:
    names = {pool.submit(threading.current_thread).result(WAIT).name for _ in range(100)}
    assert len(names) <= 2  # the first may still be on its way back


def test_a_call_that_fails_costs_its_thread_nothing(pool: ThreadPool) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        pool.submit(int, "nonsense").result(WAIT)
    assert pool.submit(int, "1").result(WAIT) == 1


def test_a_pool_that_is_shut_takes_no_calls(pool: ThreadPool) -> None:
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut"):
        pool.submit(int, "1")


def test_a_thread_is_a_daemon_and_does_not_keep_the_process() -> None:
    """Python looks at each thread that is none when it starts another: a crowd of browsers would pay for that."""
    program = """
import threading
from web.serving.thread_pool import ThreadPool
pool, begun = ThreadPool(2), threading.Event()
pool.submit(lambda: (begun.set(), threading.Event().wait()))
begun.wait()
assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30.0)


def test_a_pool_that_gets_no_more_threads_works_with_those_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = ThreadPool(10)
    assert pool.submit(int, "1").result(DEADLINE) == 1

    def fails(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    busy, free = threading.Event(), threading.Event()

    def work() -> bool:
        busy.set()
        return free.wait(DEADLINE)

    first = pool.submit(work)
    assert busy.wait(DEADLINE)
    monkeypatch.setattr(threading.Thread, "start", fails)
    second = pool.submit(int, "2")
    free.set()
    assert first.result(DEADLINE) and second.result(DEADLINE) == 2
    pool.shutdown()
