"""The processes of a soak's own PostgreSQL, which faults hit."""

from __future__ import annotations

from pathlib import Path

from hosting.processes import Process, command_line
from jobs.store.process_identity import ProcessStat

ROLE = "database"


class Database:
    """`pid` is that of the process whose children are the others."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def processes(self) -> list[Process]:
        """All of them."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        found = ((pid, ProcessStat.of(pid)) for pid in pids)
        return [
            Process(pid, stat.start, ROLE)
            for pid, stat in found
            if stat is not None and stat.is_alive and self._pid in (pid, stat.parent)
        ]

    def sessions(self) -> list[Process]:
        """Those that serve a connection each. Where one is killed, the server breaks all connections, and recovers."""
        return [p for p in self.processes() if "127.0.0.1(" in command_line(p.pid)]
