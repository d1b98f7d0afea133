"""track(rows): a loop that reports itself, as tqdm's users know it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

from progress_lib.ends import Loop, is_of_signal
from progress_lib.node import Node
from progress_lib.reporting.default_reporter import default_reporter
from progress_lib.reporting.reporter import ProgressReporter

T = TypeVar("T")


def track(
    rows: Iterable[T],
    reporter: ProgressReporter | None = None,
    node_id: int | None = None,
    node_name: str = "",
    total: int | None = None,
) -> Iterator[T]:
    """The same rows; while a loop takes them, a node counts how many it has done.

        for row in track(rows, node_name="Load"):
            ...

    `reporter`: None: the one of the environment (`defaults.default_reporter`); where there is none, nothing is
    reported. `node_id`: None: the next one from 1 on that is free. `total`: rows that there will be; None: `len(rows)`
    where there is one. A row costs about 30 ns.

    The node begins with the first row that is asked for. It completes with the last row, and by `break` or `return`, at the
    count that it has then. An exception fails it, be it of the rows or of the loop's body. The text of one in the body is
    told when it ends the program, or the reporter's `with`, within a second; else the node says only that there was one.
    To have it in any case, write the loop in `with reporter.node(…) as node`. Where a function takes the rows, as
    `map` or `islice` does, and stops early, the node completes; so it does where the loop is in an asynchronous generator whose
    reader wants no more, for whatever reason.
    """
    reporter = reporter or default_reporter()
    if reporter is None:
        return iter(rows)
    return _tracked(
        rows, reporter.node(node_id, node_name, len_of(rows) if total is None else total)
    )


def len_of(rows: object) -> int | None:
    """How many rows there are, where they know it."""
    try:
        return len(rows)  # type: ignore[arg-type]
    except Exception as error:  # has none, or cannot say now
        if is_of_signal(error):
            raise
        return None


def _tracked(rows: Iterable[T], node: Node) -> Generator[T, None, None]:
    loop = Loop(sys._getframe().f_back)
    node.begin_loop()
    try:
        for row in rows:
            yield row
            node.row_count += 1
    except GeneratorExit:
        node.leave(loop.left(sys._getframe().f_back))
        raise
    except BaseException as error:
        node.end(error)
        raise
    node.complete()
