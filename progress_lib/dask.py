"""Dask: a node for each kind of task that runs on a cluster.

    from progress_lib.dask import progress

Needs the package distributed (`pip install progress-lib[dask]`) where the program runs, and nothing on the cluster.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from distributed import wait
from distributed.client import futures_of
from distributed.core import clean_exception
from distributed.diagnostics.progressbar import MultiProgressBar

from progress_lib.node import Node
from progress_lib.reporting.default_reporter import default_reporter
from progress_lib.reporting.reporter import ProgressReporter

LOG = logging.getLogger(__name__)


def progress(*futures: Any, reporter: ProgressReporter | None = None) -> Any:
    """Waits until futures or persisted collections are done, as `distributed.progress` does, and tells of their tasks.

        futures = client.map(load, files)
        progress(futures)
        results = client.gather(futures)

    Each kind of task (`load`, `sum-aggregate`) is a node: how many are done, and how many there are. The nodes are numbered
    in the order of their names. A task that fails fails its node with the exception's text, and then the nodes that are not
    done; nothing is raised here, but where the results are gathered. With an asynchronous client, await what it returns. `reporter`: None: the environment's.
    """
    awaited = futures_of(futures)
    reporter = reporter or default_reporter()
    if not awaited:
        return None
    if reporter is None:
        return wait(awaited)
    tasks = _Tasks(awaited, reporter)
    try:
        return awaited[0].client.sync(tasks.listen)
    except BaseException as error:  # Ctrl-C: the other thread goes on listening
        tasks.end_all(error)
        raise


class _Tasks(MultiProgressBar):  # type: ignore[misc]
    """Dask's bars, drawn as nodes. Its thread is the client's loop."""

    def __init__(self, futures: list[Any], reporter: ProgressReporter) -> None:
        super().__init__(futures, futures[0].client.scheduler.address, complete=True)
        self._futures = futures
        self._reporter = reporter
        self._nodes: dict[str, Node] = {}  # by kind of task
        self._open: set[str] = set()

    async def listen(self) -> None:
        try:
            if (
                self._is_cancelled()
            ):  # dask would wait for ever: its scheduler does not know the task
                self._note_awaited()
                raise _Cancelled
            await super().listen()
        except _Cancelled:
            self._fail_all("cancelled")
        except Exception as error:  # the scheduler is gone: the program learns it elsewhere
            LOG.warning("dask's tasks are not followed any more: %s", error)
            self.end_all(error)

    def end_all(self, error: BaseException) -> None:
        """Ends every node that is not done, by this error."""
        while self._open:
            self._nodes[self._open.pop()].end(error)

    def _fail_all(self, reason: str) -> None:
        while self._open:
            self._nodes[self._open.pop()].fail(reason)

    def _is_cancelled(self) -> bool:
        return any(future.cancelled() for future in self._futures)

    def _draw_bar(
        self,
        *,
        all: dict[str, int],  # dask's own name
        remaining: dict[str, int],
        status: str,
        key: Any = None,
        exception: Any = None,
        **_: Any,
    ) -> None:
        # they come in the order of a set, and would have other numbers in each run
        for kind in sorted(all):
            self._note(kind, all[kind] - remaining[kind], all[kind])
        error = clean_exception(exception)[1] if status == "error" else None
        if error is not None:
            self._fail(self.group_by(key), error)
        elif status == "error" or self._is_cancelled():
            # where the scheduler forgot a task, dask tells of an error and names none
            raise _Cancelled

    def _note_awaited(self) -> None:
        kinds = Counter(self.group_by(future.key) for future in self._futures)
        for kind in sorted(kinds):
            self._note(kind, 0, kinds[kind])

    def _note(self, kind: str, done: int, total: int) -> None:
        if kind not in self._nodes:
            self._nodes[kind] = self._reporter.node(None, kind, total)
            self._nodes[kind].begin()
            self._open.add(kind)
        node = self._nodes[kind]
        node.row_count = done
        if done == total and kind in self._open:
            self._open.remove(kind)
            node.complete()

    def _fail(self, kind: str, error: BaseException) -> None:
        if kind in self._open:
            self._open.remove(kind)
            self._nodes[kind].end(error)
        self._fail_all(f"not done, since {kind} failed")


class _Cancelled(Exception):
    """Somebody cancelled a future."""
