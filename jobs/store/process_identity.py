"""Which process is meant, for good: process ids are used again, start times are not."""

import functools
import hashlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process of one boot of one machine (or container).

    `start` is in clock ticks since boot; 0 where the system does not tell (no /proc).
    """

    machine: str
    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        return cls(this_machine(), pid, _start_of(pid) or 0)

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity":
        """Reads what `str` wrote. Raises ValueError."""
        machine, pid, start = text.rsplit("/", 2)
        return cls(machine, int(pid), int(start))

    def __str__(self) -> str:
        return f"{self.machine}/{self.pid}/{self.start}"

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, so that its absence can be seen from here."""
        return self.machine == this_machine() and self.start > 0

    @property
    def is_known_dead(self) -> bool:
        """True only when it lived on this machine and does so no more."""
        return self.is_here and _start_of(self.pid) != self.start


@functools.cache
def this_machine() -> str:
    """Host name and a short mark of this boot and process id space."""
    return f"{socket.gethostname()}-{_boot_mark()}"


def _boot_mark() -> str:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink(PROC / "self/ns/pid")
    except OSError:
        return "0"
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """What Linux says of one process in /proc/PID/stat; times in clock ticks."""

    state: str
    parent: int
    user: int
    system: int
    start: int

    @classmethod
    def of(cls, pid: int) -> "ProcessStat | None":
        """None for a process that is gone; a zombie is there still."""
        try:
            # the command name may hold spaces and brackets: what counts comes after the last one
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            return cls(fields[0], int(fields[1]), int(fields[11]), int(fields[12]), int(fields[19]))
        except (OSError, IndexError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """A zombie is not."""
        return self.state not in "ZX"


def _start_of(pid: int) -> int | None:
    """The start time of a live process; None for one that is gone, or only a zombie."""
    stat = ProcessStat.of(pid)
    return stat.start if stat is not None and stat.is_alive else None


def cpu_seconds_of(pid: int) -> float:
    """What a process has used so far, or had when it ended and is a zombie now; 0 when not known."""
    stat = ProcessStat.of(pid)
    return (stat.user + stat.system) / os.sysconf("SC_CLK_TCK") if stat is not None else 0.0


def kill_marked(mark: str) -> int:
    """SIGKILL to each process whose first environment held `mark` ("NAME=value"); returns how many.

    Finds children of children, and those that left their process group. Each is held by a
    descriptor before it is looked at, so that no recycled process id is ever hit.
    """
    own = os.getpid()
    pids = [int(entry.name) for entry in _listed(PROC) if entry.name.isdigit()]
    return sum(_kill_if_marked(pid, mark.encode()) for pid in pids if pid != own)


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _kill_if_marked(pid: int, mark: bytes) -> bool:
    if not _is_marked(pid, mark):
        return False
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not _is_marked(pid, mark):
            return False
        signal.pidfd_send_signal(held, signal.SIGKILL)
        return True
    except OSError:
        return False
    finally:
        os.close(held)


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        return mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
