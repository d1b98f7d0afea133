"""The warm interpreter: it has imported what programs need, and forks for each program that its runner starts.

    python -P -m jobs.sandbox.warm.fork_server FD

FD is a socket. Each message on it asks for one program and brings three descriptors: the ends for stdout and stderr,
and a socket on which the new process, which is a child of the runner, is told what to run. This process never learns
that, since its memory is that of all later programs, whose tenants may be others. It ends when the runner closes FD.
"""

import gc
import importlib
import os
import socket
import sys

from jobs.sandbox import lifeline, sqlite_locks
from jobs.sandbox.run_confined import NEEDED
from jobs.sandbox.warm import forked
from jobs.sandbox.warm.siblings import make_sibling

DESCRIPTORS = 3  # of a message: stdout, stderr, the socket


def main(number: int) -> None:
    runner = int(os.environ.pop(lifeline.VARIABLE))
    lifeline.watch(os.dup(runner))  # each program opens another end of its own
    sqlite_locks.leave_out_locks()  # before anything imports it
    _import_what_programs_need()
    requests = socket.socket(fileno=number)
    while (ends := _next(requests)) is not None:
        # With fewer there was no descriptor to spare, and its runner sees the end of all
        if len(ends) == DESCRIPTORS:
            _fork(runner, *ends)
        for end in ends:
            os.close(end)


def _import_what_programs_need() -> None:
    for module in NEEDED:
        importlib.import_module(module)
    importlib.import_module("program_lib.engine").open_here()
    if len(os.listdir("/proc/self/task")) != 1:
        sys.exit("the warm interpreter has threads, and a fork would leave them behind")
    gc.collect()
    gc.freeze()  # what is imported stays: no collection looks at it, and so no program gets a copy of it


def _next(requests: socket.socket) -> list[int] | None:
    """The descriptors of the next program; None when no more will come."""
    asked, ends, _, _ = socket.recv_fds(requests, 1, DESCRIPTORS)
    return ends if asked else None


def _fork(runner: int, stdout: int, stderr: int, told: int) -> None:
    try:
        is_program = make_sibling() == 0
    except OSError as error:
        forked.tell(told, -(error.errno or 1))
        return
    if is_program:
        forked.become_program(stdout, stderr, told, runner)


if __name__ == "__main__":
    main(int(sys.argv[1]))
