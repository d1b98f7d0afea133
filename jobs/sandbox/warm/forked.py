"""What a program's process does from its fork until it runs the program: it becomes what a fresh interpreter would be."""

import ctypes
import json
import os
import struct
import sys
import time
from contextlib import suppress
from itertools import pairwise
from typing import Any, NoReturn

from jobs.sandbox import lifeline
from jobs.sandbox.run_confined import confine_and_run, end

ANSWER = struct.Struct("=i")  # the process id of the new process; -N: errno of the fork that failed
CHUNK = 1 << 16  # bytes


def become_program(stdout: int, stderr: int, told: int, runner: int) -> NoReturn:
    """Says its process id on `told`, leaves all that the warm interpreter had, reads on `told` what to run, and runs it.

    `runner`: the end of the pipe by which it dies with its runner.
    """
    os.setsid()
    tell(told, os.getpid())  # first, so that its parent can wait for it, whatever fails
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    _close_all_but(0, 1, 2, told, runner)
    lifeline.watch(runner)
    named = _read(told)
    if not named:  # its runner gave it up
        os._exit(0)
    end(confine_and_run(_become(json.loads(named))))


def tell(told: int, answer: int) -> None:
    with suppress(OSError):  # nobody waits for it any more
        os.write(told, ANSWER.pack(answer))


def _close_all_but(*kept: int) -> None:
    limit = os.sysconf("SC_OPEN_MAX")
    for before, after in pairwise((-1, *sorted(kept), limit)):
        if before + 1 < after:  # CPython takes an empty range from 0 for all
            os.closerange(before + 1, after)


def _read(told: int) -> bytes:
    """All that the runner says: it limits the process first."""
    said = bytearray()
    while chunk := os.read(told, CHUNK):
        said += chunk
    os.close(told)
    return bytes(said)


def _become(named: dict[str, Any]) -> str:
    """Takes the directory and the environment of the program; its path."""
    _mark(named["mark"].encode())
    _show(f"{named['program']} {named['mark']}".encode())
    os.chdir(named["directory"])
    os.environ.clear()
    os.environ.update(named["environment"])
    time.tzset()
    _begin_other_random_numbers()
    return str(named["program"])


def _begin_other_random_numbers() -> None:
    """Of libraries that do not notice a fork; Python's own `random` does."""
    if (numbers := sys.modules.get("numpy.random")) is not None:
        numbers.seed()


def _mark(mark: bytes) -> None:
    """Writes the mark over the entry MARK of the first environment, where /proc/PID/environ shows it."""
    pointers = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    place = 0
    while (entry := pointers[place]) is not None:
        if ctypes.string_at(entry, 5) == b"MARK=":
            room = len(ctypes.string_at(entry))
            ctypes.memmove(entry, mark.ljust(room, b"\0"), room)
            return
        place += 1
    raise RuntimeError("the environment has no entry MARK")


def _show(command: bytes) -> None:
    """Writes it over the command line, so that people tell this process from the warm interpreter."""
    with open("/proc/self/stat") as told:
        fields = told.read().rpartition(")")[2].split()
    begin, stop = (
        int(fields[number - 3]) for number in (48, 49)
    )  # arg_start and arg_end of proc(5)
    ctypes.memmove(begin, command.ljust(stop - begin, b"\0"), stop - begin - 1)
