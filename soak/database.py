"""What a soak hits of the databases that it has started."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import psycopg

from bench.programs.server import Server
from hosting.trial.processes import Process, command_line
from jobs.store.process_identity import ProcessStat

ANSWER_SECONDS = 3
# Of the table of runs, by what others do with it: SHARE is CREATE INDEX, which only keeps from writing
LOCKS = {"lock": "ACCESS EXCLUSIVE", "write lock": "SHARE"}
LOCK_WAIT = 2  # seconds


class Database(Protocol):
    """One thread calls it."""

    role: str  # as faults and the account name it
    locks: Sequence[str]  # kinds of locks that can be held

    def processes(self) -> list[Process]:
        """All of them."""
        ...

    def kill(self, draw: float) -> int | None:
        """Kills what a crash ends; it comes back by itself. The id of the process that was hit, None: there was none. `draw`: of [0, 1), says which one."""
        ...

    def lock(self, kind: str, seconds: float) -> int | None:
        """Keeps all others from a table for so long. The id of the session's process; None: others had it for longer than one may wait."""
        ...

    def answers(self) -> bool: ...


class Postgresql:
    role = "database"
    locks: Sequence[str] = tuple(LOCKS)

    def __init__(self, server: Server) -> None:
        self._holder: psycopg.Connection[Any] | None = None  # of the last lock
        self._pid = server.pid
        self._url = server.url

    def processes(self) -> list[Process]:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        found = ((pid, ProcessStat.of(pid)) for pid in pids)
        return [
            Process(pid, stat.start, self.role)
            for pid, stat in found
            if stat is not None and stat.is_alive and self._pid in (pid, stat.parent)
        ]

    def kill(self, draw: float) -> int | None:
        """One that serves a connection: the server breaks all connections then, and recovers."""
        sessions = [p for p in self.processes() if "127.0.0.1(" in command_line(p.pid)]
        if not sessions:
            return None
        hit = sessions[int(draw * len(sessions))]
        return hit.pid if hit.signal(signal.SIGKILL) else None

    def lock(self, kind: str, seconds: float) -> int | None:
        """The server itself ends it, as a session that does nothing."""
        try:
            self._holder = psycopg.connect(
                self._url,
                connect_timeout=ANSWER_SECONDS,
                options=f"-c lock_timeout={LOCK_WAIT}s -c idle_in_transaction_session_timeout={seconds * 1000:.0f}",
            )
            self._holder.execute(f"LOCK TABLE runs IN {LOCKS[kind]} MODE")
        except psycopg.Error:
            return None
        return self._holder.info.backend_pid

    def answers(self) -> bool:
        try:
            psycopg.connect(self._url, connect_timeout=ANSWER_SECONDS).close()
        except psycopg.OperationalError:
            return False
        return True
