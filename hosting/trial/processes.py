"""Finds the processes of a product, whoever started them. Used by tests, bench and soak."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from jobs.store.process_identity import ProcessStat

# Text in the command line → role; a gunicorn process is the master or a worker
ROLES = {
    "-m hosting.embedded.supervisor": "supervisor",
    "-m jobs.runner": "runner",
    "nats-server": "nats-server",
    "gunicorn": "worker",
}


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `start` (clock ticks) differs for a later process with the same id."""

    pid: int
    start: int
    role: str  # master, worker, supervisor, nats-server, runner, program, other
    run_id: str | None = None

    def is_alive(self) -> bool:
        stat = ProcessStat.of(self.pid)
        return stat is not None and stat.is_alive and stat.start == self.start

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal. False when the process has ended."""
        try:
            held = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(held, number)
            return True
        except OSError:
            return False
        finally:
            os.close(held)


def processes_of(mark: str, directory: Path) -> list[Process]:
    """Live processes that have `mark` ("NAME=value") in their environment, or work under `directory`.

    The working directory finds programs, which have an environment of their own.
    """
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    found = [_process(pid, mark, directory) for pid in pids if pid != os.getpid()]
    return [process for process in found if process is not None]


def _process(pid: int, mark: str, directory: Path) -> Process | None:
    try:
        names = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        is_inside = os.readlink(f"/proc/{pid}/cwd").startswith(f"{directory}/")
    except OSError:
        return None
    stat = ProcessStat.of(pid)
    if stat is None or not stat.is_alive or not (mark in names or is_inside):
        return None
    if mark in names:
        return Process(pid, stat.start, _role(command_line(pid)))
    run_ids = [name.removeprefix("RUN_ID=") for name in names if name.startswith("RUN_ID=")]
    return Process(pid, stat.start, "program", run_ids[0] if run_ids else None)


def _role(command: str) -> str:
    return next((role for text, role in ROLES.items() if text in command), "other")


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    stat = ProcessStat.of(pid)
    return stat is not None and stat.is_alive


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return "(gone)"
