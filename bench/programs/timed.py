"""Runs a command and tells what it took, as JSON on standard output: python -I -S timed.py LOG COMMAND …

A process of its own, since Linux counts the memory of whoever forks a process as that of the forked one, too:
this one is small.
"""

import json
import os
import sys
import time


def main(log: str, *command: str) -> None:
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    _, status, usage = os.wait4(pid, 0)
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
