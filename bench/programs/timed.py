"""Runs a command and tells what it took, as JSON on standard output.

    python -I -S timed.py LOG COMMAND …           from its start
    python -I -S timed.py LOG --spare COMMAND …   from the moment at which standard input, which names a program,
                                                  is passed on: to a spare interpreter, which waited for it

A process of its own, since Linux counts the memory of whoever forks a process as that of the forked one, too:
this one is small.
"""

import json
import os
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
IDLE = 0.3  # seconds in which a spare does nothing, so that it waits


def main(log: str, *command: str) -> None:
    is_spare = command[0] == "--spare"
    reads, writes = os.pipe()
    pid = _forked(log, command[is_spare:], reads, writes)
    os.close(reads)
    began, before = time.perf_counter(), 0.0
    if is_spare:
        named = sys.stdin.buffer.read()
        before = _cpu_until_idle(pid)
        began = time.perf_counter()
        os.write(writes, named)
    os.close(writes)
    _, status, usage = os.wait4(pid, 0)
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime - before,
        "megabytes": usage.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def _forked(log: str, command: tuple[str, ...], reads: int, writes: int) -> int:
    pid = os.fork()
    if pid == 0:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for wanted, descriptor in enumerate((reads, file, file)):
            os.dup2(descriptor, wanted)
        os.close(writes)
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    return pid


def _cpu_until_idle(pid: int) -> float:
    """Seconds of CPU time that a process has used, when it uses no more."""
    before, used = -1.0, _cpu(pid)
    while before < used:
        time.sleep(IDLE)
        before, used = used, _cpu(pid)
    return used


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main(*sys.argv[1:])
