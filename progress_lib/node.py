"""Node: one node of a job, as the program that does its work tells of it."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from progress_lib.ends import Left, failure_of, text_of
from progress_lib.progress import Progress, Status

if TYPE_CHECKING:
    from progress_lib.reporting.reporter import ProgressReporter

# Seconds in which the exception that left a loop may end the program, and be told
SETTLE_WAIT = 1.0
NOT_KNOWN = "the loop over its rows was left by an exception"


class Node:
    """A node that runs until its `with` block ends, however it ends.

        with reporter.node(1, "Load", total=len(rows)) as node:
            node.advance(1000)
            node.say("1000 rows are there")

    It ends as completed, or, by an exception, as failed with its text; the exception goes on. `sys.exit(0)` completes it.
    `advance` and `say` only note: the reporter's thread looks 20 times a second, so they cost a tenth of a
    microsecond. They belong to one thread at a time; where several count, each has a node, or they share a lock.
    After the end nothing is told any more. In a forked child the node is the parent's, and tells nothing.
    """

    def __init__(
        self, reporter: ProgressReporter, node_id: int, name: str, total: int | None = None
    ) -> None:
        self.node_id = node_id
        self.name = name
        self.row_count: int = 0  # set it, or `advance`
        self.row_total = total  # rows that there will be; None: not known
        self.message = ""
        self._reporter = reporter
        self._process = os.getpid()
        self._told: tuple[Any, ...] | None = None  # (sender thread) what it saw last
        self._left: Left | None = None  # a loop was left, and how the node ended is not known yet
        self._left_at = 0.0  # monotonic seconds
        self._looper: threading.Thread | None = None  # whose loop counts, or whose bar it is
        # How it ended, where a signal's handler broke off what tells it: the sender does it then
        self._untold: tuple[Status, str] | None = None

    def begin(self) -> None:
        """Says that the node runs. `with` does it."""
        self._untold = None
        try:
            self._reporter.settle_left()
            self._report(Status.RUNNING, self.message)
            self._reporter.watch(self)
        except BaseException as error:  # the work does not begin
            if self._reporter.has_begun(self.node_id):
                self._untold = (Status.FAILED, failure_of(error) or self.message)
                self._reporter.watch(self)
            raise

    def advance(self, rows: int = 1) -> None:
        """That many more rows are done."""
        self.row_count += rows

    def say(self, message: object) -> None:
        """A few words for people; the latest of them is shown."""
        self.message = text_of(message)

    def complete(self) -> None:
        """The node has done its work."""
        self._end(Status.COMPLETED, self.message)

    def fail(self, reason: object) -> None:
        """The node has not done its work, for this reason."""
        self._end(Status.FAILED, text_of(reason))

    def end(self, error: BaseException | None) -> None:
        """As the exception says that ended the work; None: as completed."""
        reason = failure_of(error)
        if reason is None:
            self.complete()
        else:
            self.fail(reason)

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is GeneratorExit:  # of a generator that is closed, as a loop's rows are
            self.leave(Left.IN_ORDER)
        else:
            self.end(error)

    # ---- for a loop that was left, and for the reporter

    def begin_loop(self) -> None:
        """As `begin`, for what nobody ends where a name keeps it: a loop that was left, or a bar."""
        self._looper = threading.current_thread()
        self.begin()

    def leave(self, how: Left) -> None:
        """The loop over the node's rows was left. The exception that did it may be known later.

        Only notes it: the garbage collector calls this in any thread, which may hold any lock of ours.
        """
        if how is Left.IN_ORDER:
            self._reporter.note_left(self)
        else:
            self._left_at = time.monotonic()
            self._left = how

    def leave_by(self, error: BaseException | None) -> None:
        """The exception that left a block around the loop; where one left the loop, it is that."""
        if self._left is Left.BY_EXCEPTION and failure_of(error) is not None:
            self.end(error)

    def settle(self, error: BaseException | None) -> None:
        """The program ends, and by what: so does a node that is still open."""
        if self._untold is not None:
            self._end(*self._untold)
        elif failure_of(error) is not None:
            self.end(error)
        elif self._left is not None:
            self._decide()
        elif self._is_loop_over():
            self.complete()

    def _is_loop_over(self) -> bool:
        """Whether its loop was left, and a name still keeps it. (closing thread)"""
        if self._looper is None:
            return False
        return self._looper is threading.current_thread() or not self._looper.is_alive()

    def news(self, now: float) -> Progress | None:
        """What has changed since the last look, if anything. (sender thread)"""
        if self._untold is not None:
            self._end(*self._untold)
        elif self._left is not None and now > self._left_at + SETTLE_WAIT:
            self._decide()
        seen = (self.name, self.row_count, self.row_total, self.message)
        if seen == self._told:
            return None
        self._told = seen
        return self._progress(Status.RUNNING, self.message)

    def _decide(self) -> None:
        if self._left is Left.BY_EXCEPTION:
            self.fail(NOT_KNOWN)
        else:
            self.complete()

    def _end(self, status: Status, message: str) -> None:
        try:
            self._report(status, message)
            self._reporter.unwatch(self)
        except BaseException:
            self._untold = (status, message)
            raise

    def _report(self, status: Status, message: str) -> None:
        if os.getpid() == self._process:
            self._reporter.report(self._progress(status, message))

    def _progress(self, status: Status, message: str) -> Progress:
        return Progress(
            self.node_id, self.name, status, self.row_count, message, row_total=self.row_total
        )
