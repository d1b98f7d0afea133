"""A MariaDB of a soak's own: a new one, on a free port, started again where it was killed, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymysql

from bench.programs.server import START_SECONDS, NoServer, account_for
from hosting.trial.ports import free_port
from hosting.trial.processes import Process
from jobs.store.process_identity import ProcessStat
from soak.database import ANSWER_SECONDS

ACCOUNTS = ("mysql", "nobody")  # whom root starts it as
# Each COMMIT is with the operating system, which outlives the server that is killed
OPTIONS = ("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync")
SMALL = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M")


class Mariadb:
    """One thread calls it; any thread may connect."""

    role = "mariadb"
    locks: Sequence[str] = ()  # it has no runs

    def __init__(self, directory: Path, program: str, account: dict[str, Any]) -> None:
        self.port = free_port()
        self.url = f"mariadb+pymysql://soak@127.0.0.1:{self.port}/soak"
        self._directory = directory
        self._account = account
        self._command = [
            *(program, "--no-defaults", "--skip-name-resolve", "--bind-address=127.0.0.1"),
            *(f"--datadir={directory}/data", f"--port={self.port}", f"--socket={directory}/socket"),
            *(f"--pid-file={directory}/pid", *OPTIONS, *SMALL),
        ]
        self._process = self._started()

    def connect(self) -> Any:
        """As a job does. Raises pymysql.Error."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="soak",
            database="soak",
            autocommit=True,
            connect_timeout=ANSWER_SECONDS,
        )

    def make_database(self) -> None:
        """Raises NoServer."""
        ends = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < ends:
            try:
                with contextlib.closing(self._connected_as_root()) as session:
                    session.query("CREATE USER soak@'%'")
                    session.query("CREATE DATABASE soak")
                    session.query("GRANT ALL ON soak.* TO soak@'%'")
                return
            except pymysql.OperationalError:
                time.sleep(0.1)
        raise NoServer("MariaDB does not start")

    def _connected_as_root(self) -> Any:
        return pymysql.connect(
            unix_socket=f"{self._directory}/socket", user="root", autocommit=True
        )

    def processes(self) -> list[Process]:
        stat = ProcessStat.of(self._process.pid)
        is_there = stat is not None and stat.is_alive
        return [Process(self._process.pid, stat.start, self.role)] if stat and is_there else []

    def kill(self, draw: float) -> int | None:
        """The server, which is started again at once; `draw` decides nothing."""
        killed = self._process.pid
        self._end(signal.SIGKILL)
        self._process = self._started()
        return killed

    def lock(self, kind: str, seconds: float) -> int | None:
        raise NotImplementedError

    def answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.Error:
            return False
        return True

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        with open(f"{self._directory}/log", "ab") as said:
            return subprocess.Popen(
                self._command, stdout=said, stderr=said, cwd=self._directory, **self._account
            )


@contextlib.contextmanager
def mariadb() -> Iterator[Mariadb]:
    """Raises NoServer."""
    install, program = _program("mariadb-install-db"), _program("mariadbd")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        directory = Path(name)
        # One that starts deletes what is temporary, also that of others
        account = account_for(directory, "MariaDB", ACCOUNTS)
        account |= {"env": {**os.environ, "TMPDIR": name}}
        making = (
            *(install, "--no-defaults", "--skip-test-db"),
            *(f"--datadir={directory}/data", "--auth-root-authentication-method=normal"),
        )
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL, cwd=directory, **account)
        server = Mariadb(directory, program, account)
        try:
            server.make_database()
            yield server
        finally:
            server.stop()


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoServer("MariaDB is not installed (Debian's package mariadb-server)")
    return found
