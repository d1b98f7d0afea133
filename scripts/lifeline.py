"""How a gunicorn master holds on to the embedded parts, and how they notice that it is gone.

Two files in DATA_DIR: `embedded.lock`, locked by the process that keeps the parts (scripts/embedded.py)
as long as it lives, and `embedded.fifo`, held open for writing by the master. When the master dies,
however it does, the pipe ends; a new master finds the lock held and takes hold of the pipe again.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from settings import Settings

STOP_WAIT = 35.0  # seconds for runner and nats-server to end, beyond what programs get to roll back
TICK = 0.05  # seconds between two looks


class EmbeddedError(Exception):
    """The embedded parts cannot serve this server; the text says why and what to do."""


def lock_path(settings: Settings) -> Path:
    return settings.data_dir / "embedded.lock"


def fifo_path(settings: Settings) -> Path:
    return settings.data_dir / "embedded.fifo"


def is_kept(settings: Settings) -> bool:
    """Whether a process keeps embedded parts for this DATA_DIR."""
    try:
        with lock_path(settings).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Lifeline:
    """The master's hold on the embedded parts."""

    def __init__(self, settings: Settings, *, has_own_nats: bool) -> None:
        self._settings = settings
        self._has_own_nats = has_own_nats
        self._child: subprocess.Popen[bytes] | None = None
        self._fifo: int | None = None
        self._pid = 0

    def hold(self) -> None:
        """Starts the parts, or takes over those of a master that died. Raises EmbeddedError."""
        if not is_kept(self._settings):
            self._start()
        kept = json.loads(lock_path(self._settings).read_text() or "{}")
        wanted = parts_of(self._settings, self._has_own_nats)
        if kept.get("parts") != wanted:
            raise EmbeddedError(
                f"process {kept.get('pid')} still keeps the nats-server and runner of an earlier "
                "start with other settings; wait for its runs to end, or end that process"
            )
        self._pid = int(kept["pid"])
        try:
            self._fifo = os.open(fifo_path(self._settings), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise EmbeddedError(
                f"process {self._pid}, which keeps the embedded parts, is just ending "
                f"({error.strerror}); start again"
            ) from None

    def _start(self) -> None:
        nats = "own" if self._has_own_nats else "external"
        command = [sys.executable, "-m", "scripts.embedded", "--nats", nats]
        # a session of its own: Ctrl-C in a terminal is for the master, which stops it last
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert self._child.stdout is not None
        with self._child.stdout as said:
            if said.readline().strip() != b"ready":
                self._child.wait()
                raise EmbeddedError("the embedded parts did not start")

    def let_go(self) -> None:
        """In a forked worker: only the master's end counts."""
        if self._fifo is not None:
            os.close(self._fifo)
            self._fifo = None

    def stop(self) -> None:
        """Stops the parts and waits for their end."""
        if not self._pid:
            return
        try:
            os.kill(self._pid, 15)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + self._settings.run_cancel_timeout + STOP_WAIT
        while is_kept(self._settings) and time.monotonic() < deadline:
            if self._child is not None:
                self._child.poll()  # reaps it
            time.sleep(TICK)


def parts_of(settings: Settings, has_own_nats: bool) -> str:
    """A fingerprint of what the kept parts must agree on with a master that takes them over."""
    nats = str(settings.nats_port) if has_own_nats else settings.nats_url
    agreed = f"{nats} {settings.runner} {settings.database_url}"
    return hashlib.sha256(agreed.encode()).hexdigest()[:16]


def own_nats_url(settings: Settings) -> str:
    """Where the embedded nats-server listens."""
    return f"nats://127.0.0.1:{settings.nats_port}"
