"""Names one process for good, by its id and start time, since Linux uses process ids again."""

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

    `start` is in clock ticks since boot; 0 where there is no /proc.
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
    def host(self) -> str:
        """The name of its machine, as people know it."""
        return self.machine.rpartition("-")[0] or self.machine

    @property
    def is_of_this_host(self) -> bool:
        """Whether the process is, or was before a restart, of a machine of this name."""
        return self.host == socket.gethostname()

    @property
    def is_here(self) -> bool:
        """Whether the process is of this machine and boot, so that this process can see whether it lives."""
        return self.machine == this_machine() and self.start > 0

    @property
    def is_known_dead(self) -> bool:
        """True when the process was of this machine and has ended; False when that is not known."""
        return self.is_here and _start_of(self.pid) != self.start


@functools.cache
def this_machine() -> str:
    """The host name, with a short hash of this boot and this namespace of process ids."""
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
    """The fields of /proc/PID/stat that we need; times in clock ticks."""

    state: str
    parent: int
    user: int
    system: int
    start: int

    @classmethod
    def of(cls, pid: int) -> "ProcessStat | None":
        """The fields of a process, or of a zombie; None when there is no such process."""
        try:
            # The command name may hold spaces and brackets, so the fields begin after the last bracket.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            return cls(fields[0], int(fields[1]), int(fields[11]), int(fields[12]), int(fields[19]))
        except (OSError, IndexError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; False for a zombie."""
        return self.state not in "ZX"


def _start_of(pid: int) -> int | None:
    """The start time of a live process; None when it has ended, a zombie included."""
    stat = ProcessStat.of(pid)
    return stat.start if stat is not None and stat.is_alive else None


def cpu_seconds_of(pid: int) -> float:
    """CPU seconds that a process, or a zombie, has used; 0 when that is not known."""
    stat = ProcessStat.of(pid)
    return (stat.user + stat.system) / os.sysconf("SC_CLK_TCK") if stat is not None else 0.0


def kill_marked(mark: str) -> int:
    """Sends SIGKILL to each process that was started with `mark` ("NAME=value") in its environment.

    Returns how many were killed. Finds children of children, and those that left their process group.
    Each process is held by a descriptor (pidfd) first, so that no other process with a reused id is hit.
    """
    own = os.getpid()
    return sum(_kill_if_marked(pid, mark.encode()) for pid in _pids() if pid != own)


def values_of(name: str) -> set[str]:
    """What the variable `name` is in the environments that the processes of this machine were started with."""
    start = f"{name}=".encode()
    entries = (entry for pid in _pids() for entry in _environment(pid))
    found = (entry.removeprefix(start) for entry in entries if entry.startswith(start))
    return {value.decode(errors="replace") for value in found}


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]
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
    return mark in _environment(pid)


def _environment(pid: int) -> list[bytes]:
    """The entries that a process was started with; none where we may not read them."""
    try:
        # Each end of a run looks at all processes of the machine, and a Path would take most of that time
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return (file.read() or b"").split(b"\0")
    except OSError:
        return []
