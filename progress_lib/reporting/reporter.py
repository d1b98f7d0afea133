"""ProgressReporter: a program says what its nodes do, and never notices how that travels."""

import atexit
import contextlib
import itertools
import logging
import os
import sys
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from progress_lib.ends import failure_of, is_of_signal, shown, text_of
from progress_lib.nats.link import Link
from progress_lib.node import Node
from progress_lib.progress import (
    NODE_ENDS,
    MalformedProgress,
    Progress,
    ProgressFunc,
    usable,
)
from progress_lib.reporting.children import at_end_of_child, exception_of_child
from progress_lib.reporting.environment import nodes_around, program_link, told_run_of
from progress_lib.reporting.fitting import fitted
from progress_lib.reporting.outbox import COUNT_PERIOD, Outbox, OutboxFull
from progress_lib.reporting.own_run import OwnRun
from progress_lib.steps import around_calls
from progress_lib.subjects import job_number, progress_subject, status_subject
from progress_lib.wake import Wake, rest_in_child

LOG = logging.getLogger(__name__)

CLOSE_WAIT = 5.0  # seconds that `close` gives the last states to leave while NATS is known
FIRST_WAIT = 2.0  # seconds that `close` gives a first connection that is still being made
ABSENT_WAIT = 0.5  # seconds that `close` gives a NATS that was never there
CRASH_WAIT = 1.0  # seconds when the program ends by an exception: it shall exit at once
BATCH = 32  # messages that go to NATS with one send
FAILED_PAUSE = 1.0  # seconds after a failure to send that no connection explains
MAX_WARNINGS = 100  # nodes whose unusable reports are told of; the log belongs to the program

P = ParamSpec("P")
R = TypeVar("R")


class ProgressReporter:
    """Publishes progress to `tenant.<tenant_id>.job.<job_id>.progress`.

    Nothing here raises into the program or blocks it: a thread of its own sends, and while NATS
    is away the last state of each node is kept and sent when NATS is there. At most 20 running
    counts a second leave for each node; a first report, a failure and a completion leave at once.
    `close` also writes the last state of each node to the file `last_words`, one payload a line,
    for a parent that may not have heard all of it over NATS. Of what cannot be sent (a status that is
    none, a count that is no whole number, anything of a node after `close`) the log warns once a node. A forked child has a connection of its
    own from its first report on, and `close` there is its own, too.

        with ProgressReporter("nats://127.0.0.1:4222", "default", 42) as reporter:
            report = reporter.report_func()
            report(Progress(1, "DB Input", Status.RUNNING, 5000, "Processing rows..."))

    `run_id` None: one is made up, but within `progress-report --run` of the job, whose run it is then; "": messages name no
    run, so that several programs of a pipeline tell of one job.
    With `announces_run` its own beginning and end are those of the run: for a program that nobody but itself starts, as
    cron does. The run is told as running, then as completed, or as failed where an exception ends the `with` or the
    program, but for `sys.exit`, of which only a `with` learns; meanwhile it says every ALIVE_PERIOD that it lives, so that
    pages notice a program that was killed. Programs of our runner leave it out: the runner tells. Within `progress-report --run`
    of the job that tells the run, and nothing is told of it here.
    `nats_prefix`, `nats_ca_file` None: NATS_PREFIX and NATS_CA_FILE of the environment, where they are set. NATS_CERT_FILE
    and NATS_KEY_FILE count as well.
    """

    _link: Link | None

    def __init__(
        self,
        nats_url: str,
        tenant_id: str,
        job_id: int | str,
        *,
        run_id: str | None = None,
        last_words: str | Path | None = None,
        announces_run: bool = False,
        nats_prefix: str | None = None,
        nats_ca_file: str | None = None,
    ) -> None:
        told = told_run_of(job_id)
        is_named = run_id is not None and (run_id or not announces_run)
        self._run_id = (
            text_of(run_id) if is_named else told or uuid.uuid4().hex
        )  # a UUID, or a number
        self._nats = (nats_url, "reporter", nats_prefix, nats_ca_file)
        self._last_words = last_words
        self._numbers = itertools.count(
            1
        )  # (any thread) of messages: the closing thread may count while the sender still does
        self._is_closed = False  # (closing thread)
        self._has_said_all = False  # (closing thread) nothing leaves any more
        self._warned: set[str] = (
            set()
        )  # (any thread; two at once may warn twice) nodes of which something unusable was reported
        self._own_run: OwnRun | None = None  # with `announces_run`
        # (lock) ids that nodes of `node` have, and those around us
        self._taken = nodes_around(self._run_id, job_id)
        self._ids = itertools.count(1)  # (lock) those that may be free
        self._begin()
        _REPORTERS.add(self)
        atexit.register(self._close_at_exit)
        try:
            job = job_number(job_id)
            self._subject = progress_subject(tenant_id, job)
            if announces_run and self._run_id != told:
                self._own_run = OwnRun(self._run_id, status_subject(tenant_id, job))
            self._connect()
        except Exception as error:
            if is_of_signal(error):
                raise
            # a wrong setting must not stop the job
            LOG.warning("progress is not reported: %s", error)
            self._link = None

    def _begin(self) -> None:
        """Sets what each process has of its own, a forked child too."""
        # Guards the outbox, and what says so; a signal's handler may report
        self._lock = threading.RLock()
        self._outbox = Outbox()
        self._nodes: set[Node] = set()  # (lock) that are open: the sender asks them for news
        self._left: deque[Node] = deque()  # whose loops were left in order: they have completed
        self._wake = Wake()
        self._deadline: float | None = None  # monotonic seconds; set once, by close
        self._connects = 0  # (sender thread) connections of the link that we have sent on
        self._link: Link | None = None
        # In a child of the process that made us, until it reports something
        self._is_forked = False

    def _connect(self) -> None:
        link = program_link(*self._nats)
        self._sender = threading.Thread(target=self._send_loop, name="progress", daemon=True)
        link.on_up(self._wake.set)
        self._link = link
        try:
            link.start()
            self._sender.start()
        except RuntimeError:  # no thread is left
            self._link = None
            link.close(0.0)
            raise
        at_end_of_child(self._close_with_child)

    def forked(self) -> None:
        """Begins anew in a forked child: the connection and what waits to be sent belong to the parent."""
        is_used = self._link is not None or self._is_forked  # by a child that said nothing itself
        if self._link is not None:
            self._link.abandon()
        self._begin()
        self._last_words = None
        self._own_run = None
        self._is_forked = is_used and not self._is_closed

    def _join_in(self) -> None:
        """Connects a forked child, at its first report."""
        with self._lock:
            if self._is_forked:
                self._is_forked = False
                self._connect()

    # ---- the program's side

    @property
    def run_id(self) -> str:
        """The run that all messages name; empty where they name none."""
        return self._run_id

    def report_func(self) -> ProgressFunc:
        """The callback that a node calls; any thread."""
        return self.report

    def report(self, progress: Progress) -> None:
        """Says what is now true of one node; returns at once, whatever NATS does."""
        try:
            if self._is_forked:
                self._join_in()
            progress = self._usable(progress)
            with self._lock:
                if self._has_said_all and not self._outbox.has_ended(progress.node_id):
                    raise MalformedProgress("its reporter is closed")
                has_work = self._outbox.add(progress)
            if has_work:  # once a round, not once a call: waking a thread costs more
                self._wake.set()
        except Exception as error:
            if is_of_signal(error):
                raise
            self._warn(progress, error)  # nothing of ours stops a program

    def _usable(self, progress: Progress) -> Progress:
        """As `usable`; an end is told whatever its details are, with the last count that was one."""
        try:
            return usable(progress)
        except Exception as error:
            if progress.status not in NODE_ENDS or is_of_signal(error):
                raise
            with self._lock:
                count = self._outbox.count_of(progress.node_id)
            end = usable(progress.replace(row_count=count, row=None, ports=None, fault=None))
            self._warn(progress, error, "is reported without what was wrong with it")
            return end

    def _warn(
        self, progress: Progress | Node, error: Exception, what: str = "is not reported"
    ) -> None:
        if isinstance(error, OutboxFull):
            node = "any other node"
        else:
            node = f"node {shown(getattr(progress, 'node_id', progress))}"
        if node not in self._warned and len(self._warned) < MAX_WARNINGS:
            self._warned.add(node)
            why = (
                error
                if isinstance(error, MalformedProgress)
                else f"{type(error).__name__}: {error}"
            )
            LOG.warning("progress of %s %s: %s", node, what, why)

    def node(self, node_id: int | None = None, name: str = "", total: int | None = None) -> Node:
        """A node, for a `with` block that does its work. `total`: rows that there will be, where that is known.

        `node_id`: None: the next one from 1 on that no node of this reporter has, nor a `progress-report` around it. Other
        reporters of the same run count for themselves: name the ids there. Each piece of work has an id of its own:
        after a node's end nothing more is told under its id within the run. Any thread.
        """
        with self._lock:
            if node_id is None:
                node_id = next(n for n in self._ids if n not in self._taken)
            self._taken.add(node_id)
        return Node(self, node_id, name or f"Node {node_id}", total)

    @overload
    def step(self, node_id: Callable[P, R]) -> Callable[P, R]: ...

    @overload
    def step(
        self, node_id: int | None = None, name: str = ""
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def step(self, node_id: Any = None, name: str = "") -> Any:
        """A decorator: the node runs while the function does. Its name is the function's, if none is given.

            @reporter.step(1, "Load")
            def load() -> None: ...

        Functions, coroutine functions and generator functions. Each call with an id of its own needs `node_id` None,
        or `@reporter.step` without parentheses.
        """

        if callable(node_id):
            return self.step()(node_id)

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            def node() -> Node:
                return self.node(node_id, name or getattr(function, "__name__", ""))

            wrapped: Callable[P, R] = around_calls(function, node)
            return wrapped

        return decorate

    def fail_run(self, reason: object) -> None:
        """With `announces_run`: the run will be told as failed for this reason, however the program ends."""
        if self._own_run is not None:
            self._own_run.fail(text_of(reason))

    def watch(self, node: Node) -> None:
        """From now on the sender asks the node for its news. `Node.begin` calls it."""
        with self._lock:
            has_ended = self._outbox.has_ended(node.node_id)
            is_first = not self._nodes
            if not self._is_closed:
                self._nodes.add(node)
        if is_first:  # the sender may have slept since before, until something happens
            self._wake.set()
        if self._is_closed:
            self._warn(node, MalformedProgress("its reporter is closed"))
        elif has_ended:
            why = "a node with this id has ended within the run; leave node_id out, and each has its own"
            self._warn(node, MalformedProgress(why))

    def has_begun(self, node_id: int) -> bool:
        """Whether anything is told of the node, or will be."""
        with self._lock:
            return self._outbox.has(node_id)

    def unwatch(self, node: Node) -> None:
        with self._lock:
            self._nodes.discard(node)

    def note_left(self, node: Node) -> None:
        """The node has completed, and `settle_left` will say so. Takes no lock."""
        self._left.append(node)

    def settle_left(self) -> None:
        """Completes the nodes of `note_left`: before another one begins, when the sender looks, and at the end."""
        while self._left:
            with contextlib.suppress(IndexError):  # another thread took it
                self._left.popleft().complete()

    def close(self, timeout: float = CLOSE_WAIT) -> None:
        """Lets the last states leave for up to `timeout` seconds; harmless when repeated."""
        self._close(timeout, None)

    def _close_at_exit(self) -> None:
        """The program ends, and Python has printed the exception that ended it, if one did."""
        is_session = hasattr(sys, "ps1")  # there exceptions end nothing
        last = None if is_session else getattr(sys, "last_value", None)
        self._close(CRASH_WAIT, last or exception_of_child())

    def _close_with_child(self) -> None:
        """A child of multiprocessing ends, maybe by an exception."""
        self._close(CRASH_WAIT, exception_of_child())

    def _close(self, timeout: float, error: BaseException | None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        atexit.unregister(self._close_at_exit)
        if self._own_run is not None:
            self._own_run.fail_unless_failed(failure_of(error))
        self._settle_nodes(error)
        try:
            if self._link is not None:
                self._say_last(self._link, timeout)
        finally:  # a stop may end that wait
            self._write_last_words()
            self._has_said_all = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(CLOSE_WAIT if kind is None else CRASH_WAIT, error)

    def _say_last(self, link: Link, timeout: float) -> None:
        ends_at = time.monotonic() + timeout
        link.wait_tried(min(timeout, FIRST_WAIT))
        left = max(ends_at - time.monotonic(), 0.0)
        wait = left if link.connects else min(left, ABSENT_WAIT)
        self._deadline = time.monotonic() + wait
        self._wake.set()
        self._sender.join(wait + 0.1)
        link.close(max(self._deadline - time.monotonic(), 0.1))

    def _settle_nodes(self, error: BaseException | None) -> None:
        self.settle_left()
        with self._lock:
            nodes = list(self._nodes)
        for node in nodes:
            node.settle(error)
        self._ask_nodes()

    def _write_last_words(self) -> None:
        """All or nothing: a reader never finds half a file."""
        if self._last_words is None:
            return
        with self._lock:
            last = self._outbox.last()
        try:
            partial = f"{self._last_words}.partial"
            with open(partial, "wb") as file:
                file.writelines(self._complete(progress).to_json() + b"\n" for progress in last)
            os.replace(partial, self._last_words)
        except Exception as error:
            if is_of_signal(error):
                raise
            LOG.warning("the last words are not written to %s: %s", self._last_words, error)

    # ---- the sender thread

    def _send_loop(self) -> None:
        process = os.getpid()
        while not self._is_over():
            rest_in_child(process)
            self._wake.wait(self._pause())
            rest_in_child(process)
            try:
                self._send_due()
            except Exception:
                LOG.exception("progress could not be sent")
                self._wake.wait(FAILED_PAUSE)

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        with self._lock:
            all_left = self._outbox.is_empty
        if all_left and self._own_run is not None:
            all_left = self._own_run.end_is_said
        return all_left or time.monotonic() >= self._deadline

    def _pause(self) -> float | None:
        """Seconds until something may leave; None: until something happens."""
        assert self._link is not None
        now = time.monotonic()
        with self._lock:
            due = self._outbox.next_due()
            if due is None and self._nodes:
                due = now + COUNT_PERIOD
        if self._own_run is not None and self._deadline is None:
            alive = self._own_run.next_alive
            due = alive if due is None else min(due, alive)
        if due is not None and self._link.is_up:
            return max(due - now, 0.0) if self._deadline is None else 0.0
        return None if self._deadline is None else max(self._deadline - now, 0.0)

    def _send_due(self) -> None:
        assert self._link is not None
        now, is_closing = time.monotonic(), self._deadline is not None
        if not is_closing:  # else `close` has asked them
            self._ask_nodes()
        self._note_connection(self._link)
        if not self._has_said_running(self._link, now, is_closing):
            return
        with self._lock:
            due = self._outbox.rest() if is_closing else self._outbox.due(now)
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            if not self._publish(batch):
                return
            with self._lock:
                self._outbox.sent(batch, now)
        if self._own_run is not None and is_closing:
            self._own_run.say_end(self._link)

    def _has_said_running(self, link: Link, now: float, is_closing: bool) -> bool:
        """Says first that our own run is at work, where that is due; False while NATS is away."""
        run = self._own_run
        if run is None or not run.must_say_running(now, is_closing=is_closing):
            return True
        return run.say_running(link)

    def _note_connection(self, link: Link) -> None:
        """Has all said again on a new connection: the old one may have swallowed what we sent last."""
        if link.is_up and self._connects != link.connects:
            if self._connects:
                with self._lock:
                    self._outbox.repeat()
            self._connects = link.connects
            if self._own_run is not None:
                self._own_run.say_again()

    def _ask_nodes(self) -> None:
        self.settle_left()
        with self._lock:
            nodes = list(self._nodes)
        now = time.monotonic()
        for node in nodes:
            try:
                progress = node.news(now)
                if progress is not None:
                    progress = usable(progress)
                    with self._lock:
                        self._outbox.add(progress)
            except Exception as error:
                self._warn(node, error)

    def _publish(self, batch: list[Progress]) -> bool:
        assert self._link is not None
        most = self._link.max_payload
        payloads = [self._payload(progress, most) for progress in batch]
        return self._link.publish_batch(self._subject, [p for p in payloads if p is not None])

    def _payload(self, progress: Progress, most: int) -> bytes | None:
        """The payload, cut to the bytes that the server takes; None, and a warning, where it cannot be cut so far."""
        try:
            return fitted(self._complete(progress), most)
        except MalformedProgress as error:
            self._warn(progress, error)
            return None

    def _complete(self, progress: Progress) -> Progress:
        """The message with its run, its sequence number and the time."""
        run_id = self._run_id or None
        return progress.replace(run_id=run_id, seq=next(self._numbers), ts=round(time.time(), 3))


_REPORTERS: weakref.WeakSet[ProgressReporter] = weakref.WeakSet()


def _in_a_forked_child() -> None:
    for reporter in list(_REPORTERS):
        reporter.forked()


os.register_at_fork(after_in_child=_in_a_forked_child)
