"""A PostgreSQL of a bench's or soak's own: a new one, on a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from hosting.trial.ports import free_port

START_SECONDS = 30.0
ACCOUNTS = ("postgres", "nobody")  # PostgreSQL refuses to run as root
OPTIONS = ("fsync=off", "listen_addresses=127.0.0.1", "max_wal_size=4GB")


class NoServer(Exception):
    """PostgreSQL is not installed here, or does not start."""


@dataclass(frozen=True, slots=True)
class Server:
    url: str  # of its database
    pid: int  # of the process whose children are its others


@contextmanager
def postgresql() -> Iterator[Server]:
    """Raises NoServer."""
    binaries, port = _binaries(), free_port()
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        account = account_for(Path(directory), "PostgreSQL", ACCOUNTS)
        files = f"{directory}/files"
        initdb = f"{binaries}/initdb", "-D", files, "-U", "bench", "-A", "trust", "-E", "UTF8"
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=directory, **account)
        options = [part for option in OPTIONS for part in ("-c", option)]
        command = f"{binaries}/postgres", "-D", files, "-p", str(port), "-k", directory, *options
        log = subprocess.DEVNULL
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=directory, **account
        )
        try:
            url = _until_it_answers(f"postgresql://bench@127.0.0.1:{port}/postgres", server)
            yield Server(url, server.pid)
        finally:
            server.send_signal(signal.SIGINT)  # breaks the connections that there are
            try:
                server.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise NoServer("PostgreSQL is not installed (Debian's package postgresql)")
    return found[-1].parent


def account_for(directory: Path, server: str, accounts: Sequence[str]) -> dict[str, Any]:
    """Whom root starts the server as, the first of `accounts` that is there; the directory becomes that account's. Raises NoServer."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = next((known[name] for name in accounts if name in known), None)
    if account is None:
        raise NoServer(f"{server} does not run as root, and there is none of {accounts}")
    os.chown(directory, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _until_it_answers(url: str, server: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < ends:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return url
    raise NoServer("PostgreSQL does not start")
