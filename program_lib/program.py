"""Runs the nodes of a program: wires them, opens them, lets the rows flow, and commits all or nothing."""

from __future__ import annotations

import gc
import logging
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType
from typing import NoReturn

from program_lib import engine, two_threads
from program_lib.files.part_files import sync_moved
from program_lib.kept.again import begun_again, keep_outputs
from program_lib.kept.draining import Draining
from program_lib.nodes import Node, NodeFailed, Output, Report, Source, Split, Step, wire
from program_lib.nodes.early import MOST
from program_lib.nodes.reading_order import in_reading_order
from program_lib.process import settings
from program_lib.process.exit_codes import FAILED, STANDS
from program_lib.process.reasons import note_file_limit
from program_lib.process.secrets import hidden
from program_lib.process.stopping import check, stop
from program_lib.types import listed
from progress_lib import ProgressReporter, Status

# Objects that are made until cycles among them are looked for: 700, Python's default, are 90 rows of 8 columns
GARBAGE = 50_000


def run(*nodes: Node, job_id: int | str, tenant_id: str) -> int:
    """Runs nodes that are given in topological order; the exit code.

    0: every node completed, and all that was to be written is there. 1: a node failed, and the reason is on stderr. 3: so it
    is, but what some outputs wrote stands, or may stand. Ends by SystemExit with 143 on SIGTERM, and 152 when the CPU time is
    used up. Unless it is 0 or 3, nothing was written, but for what an output committed on the way, as it was asked to.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.raiseExceptions = False  # the code of a Python node may close stderr
    gc.set_threshold(GARBAGE)
    if any(isinstance(node, Step | Split) for node in nodes):
        engine.prepare()
    handle_signals()
    with ProgressReporter(
        settings.nats_url(),
        settings.environ_or("TENANT_ID", tenant_id),
        settings.environ_or("JOB_ID", str(job_id)),
        run_id=settings.run_id(),
        last_words=settings.last_words(),
    ) as reporter:
        report = reporter.report_func()
        return run_nodes(begun_again(nodes, report), report)


def run_nodes(nodes: Sequence[Node], report: Report) -> int:
    """Runs nodes to their end, all or nothing; the exit code. Each progress goes to `report`."""
    wire(nodes, report)
    try:
        _flow_and_commit(nodes, keep_outputs(nodes))
    except NodeFailed as failure:
        check()  # a library may have made an error of a stop, as SQLite does in its authorizer
        failure.reason += _standing(nodes)
        failure.node.say(Status.FAILED, failure.reason, failure.row, failure.fault)
        with suppress(ValueError, OSError):  # it is closed
            print(hidden(told(failure)), file=sys.stderr)
        return STANDS if failure.stands else FAILED
    return 0


def _standing(nodes: Sequence[Node]) -> str:
    """The end of a failed run's reason, where outputs committed some of their rows on the way."""
    stand = [node for node in nodes if isinstance(node, Output) and node.committed]
    told = [f"{node.committed:,} rows of {node.name}" for node in stand]
    return f"; {listed(told)} are committed, and stand" if told else ""


def _flow_and_commit(nodes: Sequence[Node], draining: Draining | None) -> None:
    outputs = [node for node in nodes if isinstance(node, Output)]
    with ExitStack() as undo:  # on every way out; what is committed by then stays
        for output in outputs:
            undo.callback(output.undo)
            output.prepare()
        _ask_early(nodes, undo)
        flow(nodes, undo, draining)
        for output in outputs:
            output.finish()
        ignore_stops()  # all or nothing is decided: all
        check()
        _commit(outputs)


def _ask_early(nodes: Sequence[Node], undo: ExitStack) -> None:
    """Where several sources wait for somebody else, they wait together."""
    sources = in_reading_order(nodes)
    left = MOST if len(sources) > 1 else 0
    for source in sources:
        if not left:
            return
        undo.callback(source.close)
        left -= source.ask_early()


def flow(nodes: Sequence[Node], undo: ExitStack, draining: Draining | None = None) -> None:
    """Opens all nodes, so that every column is known before the first row, then reads source after source.

    With `draining` a failure is raised once the nodes before the one that failed have given all their rows.
    """
    open_all(nodes, undo)
    for source in in_reading_order(nodes):
        if draining is None:
            source.run()
        elif draining.wants(source):
            _run_on(source, draining)
    if draining is not None and draining.failure is not None:
        raise draining.failure


def _run_on(source: Source, draining: Draining) -> None:
    try:
        source.run()
    except NodeFailed as failed:
        draining.note(failed)


def open_all(nodes: Sequence[Node], undo: ExitStack) -> None:
    """Each node tells the columns of its rows."""
    for node in nodes:
        undo.callback(node.close)
        if node.keeping is not None:
            undo.callback(node.keeping.give_up)
        node.start()


def _commit(outputs: Sequence[Output]) -> None:
    """Databases first: a COMMIT may still fail, and to move a file into its place hardly can."""
    stand: list[str] = []
    for output in sorted(outputs, key=_turn):
        _note_commit(output.name)
        try:
            output.commit()
        except NodeFailed as failure:
            for other in outputs:  # of the same transaction
                other.may_stand = failure.stands and _turn(other) == _turn(output)
            if stand:
                failure.reason += f"; what {listed(stand)} wrote stands all the same"
                failure.stands = True
            raise
        stand.append(output.name)
    sync_moved()


def _note_commit(name: str) -> None:
    """For the runner: a program that is killed from now on cannot tell that rows stand, or may stand."""
    if (path := settings.committing()) is not None:
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def _turn(output: Output) -> tuple[int, int]:
    assert output.writer is not None
    return output.writer.turn


def handle_signals() -> None:
    two_threads.begin()
    for number in (signal.SIGTERM, signal.SIGXCPU):
        signal.signal(number, _stop)
    signal.signal(signal.SIGXFSZ, note_file_limit)


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM or SIGXCPU."""
    ignore_stops()
    stop(signal_number)


def ignore_stops() -> None:
    for number in (signal.SIGTERM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)


def told(failure: NodeFailed) -> str:
    """The failure for the log: the node and its reason, the lines of the program itself, then all the others."""
    frames = traceback.extract_tb(failure.__traceback__)
    cause = failure.__cause__
    if cause is not None:
        frames += traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if frame.filename == _program_file()]
    lines = [f"{failure}", *(f"  line {f.lineno} of the program, {f.name}: {f.line}" for f in own)]
    return "\n".join([*lines, "", *traceback.format_exception(failure)])


def _program_file() -> str | None:
    return getattr(sys.modules["__main__"], "__file__", None)
