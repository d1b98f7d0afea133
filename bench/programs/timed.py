"""Runs a command and tells what it took from its start, as JSON on standard output: python -I -S timed.py LOG COMMAND …

A process of its own, since Linux counts the memory of whoever forks a process as that of the forked one, too:
this one is small.
"""

import json
import os
import sys
import time


def main(log: str, *command: str) -> None:
    pid = _forked(log, command)
    began = time.perf_counter()
    _, status, usage = os.wait4(pid, 0)
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def _forked(log: str, command: tuple[str, ...]) -> int:
    pid = os.fork()
    if pid == 0:
        nothing = os.open(os.devnull, os.O_RDONLY)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for wanted, descriptor in enumerate((nothing, file, file)):
            os.dup2(descriptor, wanted)
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    return pid


if __name__ == "__main__":
    main(*sys.argv[1:])
