"""The warm interpreter of a product's runner, for tests of what its programs see with it and without it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.harness import Product, command_line, eventually


def warm_interpreter(product: Product) -> int | None:
    """Its process id."""
    for pid in product.left_over():
        with contextlib.suppress(OSError):
            if "jobs.runner" in command_line(pid):
                return next(iter(warm_of(pid)), None)
    return None


def warm_of(runner: int) -> list[int]:
    """The warm interpreters that a process has."""
    return [pid for pid in children_of(runner) if "fork_server" in command_line(pid)]


def children_of(runner: int) -> set[int]:
    """The child processes of all its threads, zombies included."""
    tasks = Path(f"/proc/{runner}/task").glob("*/children")
    return {int(pid) for path in tasks for pid in path.read_text().split()}


def kill_warm_interpreter(product: Product) -> None:
    """The next program starts in a fresh one. The product must have PROGRAM_SPARES=1, or have run a program."""
    warm = eventually(lambda: warm_interpreter(product), what="an interpreter is warm")
    os.kill(warm, signal.SIGKILL)
    eventually(lambda: warm_interpreter(product) is None, what="it is killed")
