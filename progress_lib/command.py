"""progress-report: progress from a shell."""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from progress_lib.node import Node
from progress_lib.progress import MAX_WHOLE, Progress, Status, usable
from progress_lib.reporting.environment import (
    RUN_NODES,
    nats_url,
    nodes_around,
    program_link,
    run_id_of,
    telling,
    tenant_id,
)
from progress_lib.reporting.reporter import ProgressReporter
from progress_lib.stops import Stopped, Stops, die_of, signal_name
from progress_lib.subjects import job_number, progress_subject

# Bytes that are passed on at a time; they stay in the processor's cache: 1 MiB took half as long again
CHUNK = 1 << 18
PIPE = 1 << 20  # bytes that a pipe holds, so that both its ends wait less
CONNECT_WAIT = 3.0  # seconds in which a single message finds its server
PATIENCE = 5.0  # seconds that a command has to end after Ctrl-C
LAST_WAIT = 1.0  # seconds for what it wrote last; what it started may keep its output open
WRONG_USAGE = 2
OPTIONS = {"-h", "--help", "--lines", "--bytes", "--name", "--total", "--run"}
NOT_FOUND, NOT_EXECUTABLE = 127, 126  # exit codes of a shell for a command that it cannot start

USAGE = """\
progress-report [options] JOB NODE running|completed|failed [ROWS [MESSAGE]]
       some_tool | progress-report --lines|--bytes [options] JOB NODE [| …]
       progress-report [options] JOB [NODE] -- COMMAND [ARGUMENT …]
"""
DESCRIPTION = """\
Tells what a node of a job is doing, to all who watch the job.

The first form sends one message. The second passes its input on unchanged, and counts it: the node runs until the
input ends. The third runs a command: the node completes if the command exits with 0, else it fails, and the exit code is
the command's; with --lines or --bytes it counts what the command writes to its standard output.
"""
EPILOG = """\
environment:
  NATS_URL   nats://[user:password@]host[:port] or tls://…; without it nats://127.0.0.1:4222
  TENANT_ID  without it: default
  RUN_ID     the run that the messages belong to, unless JOB_ID names another job; without it and without --run they
             name none

Exit code: 0, or the command's; 1 no NATS server took the message, as where none is there or it does not let us publish, or
input or output failed; 2 wrong usage; 130 after Ctrl-C. Where a NATS server is away, the second and third form do their
work all the same, and say so on standard error.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `progress-report`; returns its exit code."""
    if sys.stderr is None:  # closed by whoever started us: what we say must not go elsewhere
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    options, command = _parsed(sys.argv[1:] if arguments is None else list(arguments))
    logging.basicConfig(level=logging.WARNING, format="progress-report: %(message)s")
    if options.status is not None:
        return _say(options)
    if (options.lines or options.bytes) and (sys.stdin is None or sys.stdout is None):
        # its number would become that of our connection to NATS
        return _wrong("standard input or output is closed", WRONG_USAGE)
    stops = Stops()
    try:
        with _reporter(options) as reporter:
            if command:
                return _run(options, reporter, command, stops)
            return _count_input(options, reporter, stops)
    except KeyboardInterrupt:
        die_of(signal.SIGINT)
    except Stopped as stopped:
        die_of(stopped.number)
    except OSError as error:  # of what passes through: the disk is full, say
        return _wrong(error.strerror or str(error), 1)


# ---------------------------------------------------------------- the command line


def _parsed(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        "progress-report",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job", metavar="JOB", type=_positive, help="the job's number")
    parser.add_argument("node", metavar="NODE", type=int, nargs="?", help="the node's number")
    parser.add_argument("status", metavar="STATUS", nargs="?", choices=[s.value for s in Status])
    parser.add_argument("rows", metavar="ROWS", type=int, nargs="?", help="rows so far")
    parser.add_argument("message", metavar="MESSAGE", nargs="?", default="", help="a few words")
    counted = parser.add_mutually_exclusive_group()
    counted.add_argument("--lines", action="store_true", help="count lines")
    counted.add_argument("--bytes", action="store_true", help="count bytes")
    parser.add_argument("--name", default="", help="what people call the node")
    parser.add_argument("--total", type=_positive, help="how many there will be: for a percentage")
    parser.add_argument(
        "--run",
        action="store_true",
        help="tell a run of the job that begins and ends with this command",
    )
    own, command = arguments, None
    message = _message_with_dash(arguments)
    if message is not None:
        own = arguments[:-1]
    elif "--" in arguments:
        place = arguments.index("--")
        own, command = arguments[:place], arguments[place + 1 :]
    options = parser.parse_intermixed_args(own)
    options.message = options.message if message is None else message
    fault = _fault(options, command)
    if fault:
        parser.error(fault)
    return options, command or []


def _message_with_dash(arguments: list[str]) -> str | None:
    """A message that begins with a dash, as the last line of a log may: argparse would look for options in it. Else None."""
    *before, status, rows, message = ["", "", "", *arguments]
    is_message = "--" not in before and status in set(Status) and rows.lstrip("-").isdecimal()
    is_option = message.partition("=")[0] in OPTIONS
    return message if is_message and message.startswith("-") and not is_option else None


def _fault(options: argparse.Namespace, command: list[str] | None) -> str | None:
    counts = options.lines or options.bytes
    if command is not None:
        if not command:
            return "a command must follow --"
        if options.status is not None:
            return "STATUS and a command: the command's end tells the status"
        if options.node is None and (counts or not options.run):
            return "NODE is missing; only --run with a command, and without a count, needs none"
        return None
    if options.node is None:
        return "NODE is missing"
    if options.status is None and not counts:
        return "STATUS, --lines, --bytes or a command after -- is missing"
    if options.status is not None and (counts or options.run):
        return "STATUS sends one message: --lines, --bytes and --run need the input or a command"
    return None


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 0 < number < MAX_WHOLE:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive whole number")
    return number


def _reporter(options: argparse.Namespace) -> ProgressReporter:
    run_id = run_id_of(options.job) or (uuid.uuid4().hex if options.run else "")
    return ProgressReporter(
        nats_url(), tenant_id(), options.job, run_id=run_id, announces_run=options.run
    )


# ---------------------------------------------------------------- one message


def _say(options: argparse.Namespace) -> int:
    """Sends one message, without a sequence number: a shell that calls this again and again keeps no count."""
    progress = Progress(
        options.node,
        options.name or f"Node {options.node}",
        Status(options.status),
        options.rows or 0,
        options.message,
        run_id=run_id_of(options.job) or None,
        ts=round(time.time(), 3),
        row_total=options.total,
    )
    try:
        progress = usable(progress)
        link = program_link(nats_url(), "progress-report")
        subject = progress_subject(tenant_id(), job_number(options.job))
    except ValueError as error:
        return _wrong(str(error), WRONG_USAGE)
    link.start()
    try:
        if not link.wait_up(CONNECT_WAIT):
            return _wrong("no NATS server has taken the message", 1)
        if not link.publish(subject, progress.to_json()) or not link.flush():
            return _wrong("the connection to NATS was lost: the message may not be there", 1)
        if link.refused:  # it says so before it answers to the flush
            return _wrong("NATS did not take the message: its user may not publish there", 1)
    except ValueError as error:  # larger than the server takes
        return _wrong(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        die_of(signal.SIGINT)
    finally:
        link.close()
    return 0


def _wrong(text: str, code: int) -> int:
    print(f"progress-report: {text}", file=sys.stderr)
    return code


# ---------------------------------------------------------------- what passes through


def _count_input(options: argparse.Namespace, reporter: ProgressReporter, stops: Stops) -> int:
    with reporter.node(options.node, options.name, options.total) as node:
        if _pass_on(0, _counter(options, node), stops):
            return 0
    reporter.close()  # the reader wants no more, as `head` does: no failure, and we end as `cat` would
    return die_of(signal.SIGPIPE)


def _counter(options: argparse.Namespace, node: Node) -> Callable[[bytes], None]:
    """The function that notes each chunk; an empty chunk is the end."""
    if options.bytes:
        return lambda chunk: node.advance(len(chunk))
    if not options.lines:
        return lambda chunk: None
    last = b"\n"

    def count(chunk: bytes) -> None:
        nonlocal last
        if chunk:
            node.row_count += chunk.count(b"\n")
            last = chunk[-1:]
        elif last != b"\n":
            node.row_count += 1  # a last line that does not end

    return count


def _pass_on(source: int, note: Callable[[bytes], None], stops: Stops) -> bool:
    """Copies a file descriptor to standard output until its end. False: nobody reads any more."""
    for end in (source, 1):
        with contextlib.suppress(
            OSError, AttributeError
        ):  # no pipe, no right to a larger one; Linux alone
            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE)
    try:
        while chunk := _read(source, stops):
            _write(chunk)
            note(chunk)
    except BrokenPipeError:
        return False
    note(b"")
    return True


def _read(source: int, stops: Stops) -> bytes:
    """The next chunk. Who shares the pipe may have set it not to block, and may have taken what was there."""
    while True:
        stops.wait_for_input(source)
        with contextlib.suppress(BlockingIOError):
            return os.read(source, CHUNK)


def _write(chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(1, rest) :]
        except BlockingIOError:
            select.select([], [1], [])


# ---------------------------------------------------------------- a command


def _run(
    options: argparse.Namespace, reporter: ProgressReporter, command: list[str], stops: Stops
) -> int:
    with _node(options, reporter) as node:
        code = _code_of(options, reporter, node, command, stops)
        if code:
            reason = f"exit code {code}" if code > 0 else f"ended by {signal_name(-code)}"
            reporter.fail_run(f"{command[0]}: {reason}")
            if node is not None:
                node.fail(reason)
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _node(options: argparse.Namespace, reporter: ProgressReporter) -> Iterator[Node | None]:
    if options.node is None:
        yield None
    else:
        with reporter.node(options.node, options.name, options.total) as node:
            yield node


def _code_of(
    options: argparse.Namespace,
    reporter: ProgressReporter,
    node: Node | None,
    command: list[str],
    stops: Stops,
) -> int:
    """Runs a command, and returns its exit code, or the negative signal that ended it. What it reports is of the same run."""
    counts = node is not None and (options.lines or options.bytes)
    environment = _environment(options, reporter.run_id)
    process = None
    try:
        with stops.held():
            process = _started(command, subprocess.PIPE if counts else None, environment)
        if process.stdout is not None and node is not None:
            _pass_output_on(process.stdout, _counter(options, node), stops)
        return stops.wait_for_end(process)
    except BaseException as error:
        if process is not None:
            _end(process, PATIENCE if isinstance(error, KeyboardInterrupt) else 0.0)
        elif isinstance(error, FileNotFoundError):
            return _wrong(f"{command[0]}: not found", NOT_FOUND)
        elif isinstance(error, OSError):
            return _wrong(f"{command[0]}: {error.strerror}", NOT_EXECUTABLE)
        raise


def _environment(options: argparse.Namespace, run_id: str) -> dict[str, str]:
    """The command's: what it reports is of the same job and run."""
    nodes = nodes_around(run_id, options.job)
    if options.node is not None:
        nodes.add(options.node)
    ours = {"RUN_ID": run_id, RUN_NODES: " ".join(map(str, sorted(nodes)))}
    environment = {**os.environ, "JOB_ID": str(options.job), **ours}
    if options.run:
        environment |= telling(options.job, run_id)
    if not run_id:
        del environment["RUN_ID"], environment[RUN_NODES]
    return environment


def _started(
    command: list[str], stdout: int | None, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """The command's process. A script without `#!` runs in sh, as it does from a shell, cron or `env`."""
    try:
        return subprocess.Popen(command, stdout=stdout, env=environment, bufsize=0)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    script = shutil.which(command[0]) or command[0]
    return subprocess.Popen(
        ["/bin/sh", script, *command[1:]], stdout=stdout, env=environment, bufsize=0
    )


def _pass_output_on(stdout: IO[bytes], note: Callable[[bytes], None], stops: Stops) -> None:
    """Where nobody reads any more, the command is told by SIGPIPE as it would be without us."""
    _pass_on(stdout.fileno(), note, stops)
    stdout.close()


def _pass_last_on(stdout: IO[bytes]) -> None:
    """What a command writes while it ends: it would die of a closed pipe before it has tidied up."""
    with stdout, contextlib.suppress(OSError):
        while chunk := os.read(stdout.fileno(), CHUNK):
            _write(chunk)


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Waits for its end, since on Ctrl-C the terminal tells it, too; tells it after `patience` seconds, or at a second one."""
    if process.stdout is None or process.stdout.closed:
        _await_end(process, patience)
        return
    passing = threading.Thread(
        target=_pass_last_on, args=(process.stdout,), name="last-output", daemon=True
    )
    passing.start()
    _await_end(process, patience)
    passing.join(LAST_WAIT)


def _await_end(process: subprocess.Popen[bytes], patience: float) -> None:
    with contextlib.suppress(KeyboardInterrupt, Stopped, subprocess.TimeoutExpired):
        process.wait(patience)
        return
    process.terminate()
    process.wait()
