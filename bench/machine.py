"""What Linux says about processes and about this machine."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.store.process_identity import ProcessStat

TICKS = os.sysconf("SC_CLK_TCK")
MAX_FILES = 20_000  # open files of a process: one a connection, and a few more


@dataclass(frozen=True, slots=True)
class Usage:
    """Of some processes together: their CPU time since they started, and their memory now."""

    user: float = 0.0  # seconds
    system: float = 0.0
    rss: int = 0  # KB
    pss: int = 0

    @property
    def cpu(self) -> float:
        return self.user + self.system

    @classmethod
    def of(cls, pids: Iterable[int], *, with_memory: bool = False) -> Usage:
        """The usage of these processes, without those that have ended. To read memory stops a process briefly."""
        user = system = 0.0
        rss = pss = 0
        for pid in pids:
            try:
                stat = ProcessStat.of(pid)
                rollup = _rollup(pid) if with_memory else []
            except OSError:
                continue
            if stat is None:
                continue
            user += stat.user / TICKS
            system += stat.system / TICKS
            sizes = {line.split()[0]: int(line.split()[1]) for line in rollup if line[1:4] == "ss:"}
            rss += sizes.get("Rss:", 0)
            pss += sizes.get("Pss:", 0)
        return cls(user, system, rss, pss)


def _rollup(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()


def raise_file_limit() -> int:
    """Lets this process and its children open up to MAX_FILES files. Returns the limit that it got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft if soft != resource.RLIM_INFINITY else MAX_FILES


def described(root: Path) -> dict[str, Any]:
    """The machine and versions that the figures belong to."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit_of(root),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def commit_of(root: Path) -> str:
    """The commit of the tree."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "(no git)"
    return asked.stdout.strip() or "(no git)"
