"""The tie between a gunicorn master and its embedded parts (nats-server and runner), by four files in DATA_DIR.

A master that lives has `embedded.master` locked: two at a time would share parts that the first to stop ends.

The supervisor of the parts (hosting/embedded/supervisor.py) locks `embedded.lock` while it lives. The master holds
`embedded.fifo` open for writing, so the supervisor sees the pipe end when the master dies. A new master finds
the lock held and opens the pipe again. When the supervisor dies, the master starts another one, which finds
the processes of the parts in `embedded.parts`.
"""

import fcntl
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from hosting import environments
from jobs.store.process_identity import ProcessIdentity
from settings import Settings

# Seconds for runner and nats-server to end, in addition to RUN_CANCEL_TIMEOUT for programs
STOP_WAIT = 35.0
TICK = 0.05  # seconds between two looks
WATCH_PERIOD = 1.0  # seconds between two looks at the supervisor
# Seconds that the master, told to stop, waits for a start of the supervisor that is under way
START_WAIT = 30.0
# Seconds for a part without a supervisor to end, in addition to RUN_CANCEL_TIMEOUT
PART_STOP_WAIT = 15.0

LOG = logging.getLogger(__name__)


class EmbeddedError(Exception):
    """The embedded parts cannot be started or taken over. The text says why and what to do."""


def lock_path(settings: Settings) -> Path:
    return settings.data_dir / "embedded.lock"


def fifo_path(settings: Settings) -> Path:
    return settings.data_dir / "embedded.fifo"


def parts_path(settings: Settings) -> Path:
    return settings.data_dir / "embedded.parts"


def claim(settings: Settings, *, is_upgrade: bool) -> bool:
    """Takes DATA_DIR for this master, as long as it lives. Raises EmbeddedError where another one has it, or the disk is full.

    `is_upgrade`: the other one may be the master that started this one. False, while it has it.
    The lock belongs to the process alone: workers that outlive a master that was killed do not have it.
    """
    try:
        return _claimed(settings, is_upgrade=is_upgrade)
    except OSError as error:
        raise EmbeddedError(
            f"DATA_DIR {settings.data_dir} cannot be used: {error.strerror}"
        ) from None


def _claimed(settings: Settings, *, is_upgrade: bool) -> bool:
    number = os.open(settings.data_dir / "embedded.master", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        if is_upgrade:
            os.close(number)
            return False
        other = os.read(number, 20).decode() or "not known"
        raise EmbeddedError(
            f"DATA_DIR {settings.data_dir} is in use by another server (process {other}), whose nats-server and runner "
            "would end with whichever of the two stops first. Stop that one, or give this one a DATA_DIR of its own. "
            "A further web server for the same jobs takes RUNNER=off and a NATS_URL"
        ) from None
    try:
        os.ftruncate(number, 0)
        os.pwrite(number, str(os.getpid()).encode(), 0)
    except OSError:
        os.close(number)
        raise
    return True  # and it stays open: to close it would free the lock


class EmbeddedProcesses:
    """The file with the processes of the parts. The supervisor writes it; it is read after the supervisor died."""

    def __init__(self, settings: Settings) -> None:
        self._path = parts_path(settings)

    def note(self, agreed: str, running: dict[str, int]) -> None:
        """Notes the process of each part. `agreed` is the `parts_fingerprint` of the settings that they run with."""
        identities = {name: str(ProcessIdentity.of(pid)) for name, pid in running.items()}
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps({"agreed": agreed, "running": identities}))
        draft.replace(self._path)

    def left_over(self, agreed: str | None = None) -> dict[str, ProcessIdentity]:
        """The parts that live, by name. With `agreed`, only if they run with those settings."""
        try:
            noted = json.loads(self._path.read_text())
            found = {n: ProcessIdentity.parse(text) for n, text in noted["running"].items()}
            fits = agreed in (None, noted["agreed"])
        except (OSError, ValueError, LookupError, AttributeError, TypeError):
            return {}
        return {n: i for n, i in found.items() if fits and i.is_here and not i.is_known_dead}

    def end(self, wait: float) -> None:
        """Ends the parts that live, in reverse order. Each gets SIGTERM, and SIGKILL after `wait` seconds."""
        for name, identity in reversed(self.left_over().items()):
            LOG.warning("%s (process %d) has lost its supervisor: ended", name, identity.pid)
            Adopted(identity).stop(wait)


class Adopted:
    """A part whose supervisor died. It is no child of this process, but is watched and signalled like one."""

    def __init__(self, identity: ProcessIdentity) -> None:
        self._identity = identity
        self.pid = identity.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and self._identity.is_known_dead:
            self.returncode = 0  # only a parent can read the real one
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout if timeout is not None else None
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(TICK)
        return code

    def stop(self, wait: float) -> None:
        self.terminate()
        try:
            self.wait(wait)
        except subprocess.TimeoutExpired:
            self.kill()


def is_kept(settings: Settings) -> bool:
    """Whether a process keeps embedded parts for this DATA_DIR. Raises EmbeddedError where that cannot be found out, as after a start by root."""
    lock = lock_path(settings)
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        why = f"{lock}: {error.strerror}"  # of a lock, as on NFS without locks, no error names the file
        if isinstance(error, PermissionError):
            why += "; are its files another user's?"
        raise EmbeddedError(f"DATA_DIR cannot be used: {why}") from None
    return False


class Lifeline:
    """The master's hold on the embedded parts."""

    def __init__(self, settings: Settings, *, has_own_nats: bool, has_claim: bool) -> None:
        self._settings = settings
        self._has_claim = has_claim  # (from `watch` on, its thread); False: a master before has it
        self._has_own_nats = has_own_nats
        self._child: subprocess.Popen[bytes] | None = None
        self._fifo: int | None = None
        # that keeps the parts; None: `hold` was not called
        self._supervisor: ProcessIdentity | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def hold(self) -> None:
        """Starts the parts, or takes over those of a master that died. Raises EmbeddedError."""
        if not is_kept(self._settings):
            self._start()
        kept = json.loads(lock_path(self._settings).read_text() or "{}")
        wanted = parts_fingerprint(self._settings, self._has_own_nats)
        if kept.get("parts") != wanted:
            raise EmbeddedError(
                f"process {kept.get('pid')} still keeps the nats-server and runner of an earlier "
                "start with other settings; wait for its runs to end, or end that process"
            )
        self._supervisor = ProcessIdentity.of(int(kept["pid"]))
        self.let_go()
        try:
            self._fifo = os.open(fifo_path(self._settings), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            raise EmbeddedError(
                f"process {self._supervisor.pid}, which keeps the embedded parts, is just ending "
                f"({error.strerror}); start again"
            ) from None

    def _start(self) -> None:
        nats = "own" if self._has_own_nats else "external"
        command = [sys.executable, "-m", "hosting.embedded.supervisor", "--nats", nats]
        # A session of its own, so that Ctrl-C reaches only the master, which stops the supervisor last.
        self._child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=environments.for_supervisor(),
            pass_fds=environments.aside(),
        )
        if self._stopping.is_set():  # `stop` may have looked before it was there
            self._child.terminate()
        assert self._child.stdout is not None
        try:
            with self._child.stdout as said:
                if said.readline().strip() != b"ready":
                    self._child.wait()
                    raise EmbeddedError("the embedded parts did not start")
        except KeyboardInterrupt:  # a next start is not to find it just ending
            self._child.terminate()
            self._child.wait()
            raise

    def watch(self) -> None:
        """Starts a thread that starts another supervisor whenever the supervisor dies, until `stop`. It takes the claim of a master that ends."""
        self._watcher = threading.Thread(target=self._watch, name="lifeline", daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_PERIOD):
            try:
                self._has_claim = self._has_claim or claim(self._settings, is_upgrade=True)
                if not is_kept(self._settings):
                    pid = self._supervisor and self._supervisor.pid
                    LOG.error("the supervisor (process %s) is gone; starting another", pid)
                    self.hold()
            except (EmbeddedError, OSError, ValueError) as error:
                LOG.error("the embedded parts are not kept: %s", error)

    def let_go(self) -> None:
        """Closes the pipe. A forked worker calls it, so that the pipe ends with the master."""
        if self._fifo is not None:
            os.close(self._fifo)
            self._fifo = None

    def stop(self) -> None:
        """Stops the supervisor and the parts, and waits until they have ended."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()  # also one whose start takes long, for which the watcher waits
        if self._watcher is not None:
            self._watcher.join(START_WAIT)
        if self._supervisor is None:
            return
        rollback = self._settings.deadlines.cancel
        if is_kept(self._settings):
            self._stop_supervisor(self._supervisor, rollback + STOP_WAIT)
        EmbeddedProcesses(self._settings).end(rollback + PART_STOP_WAIT)

    def _stop_supervisor(self, supervisor: ProcessIdentity, wait: float) -> None:
        if supervisor.is_known_dead:  # another process may have its number
            return
        try:
            os.kill(supervisor.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + wait
        while self._lives(supervisor) and time.monotonic() < deadline:
            time.sleep(TICK)

    def _lives(self, supervisor: ProcessIdentity) -> bool:
        """Until its process has ended: it frees the lock just before that."""
        if self._child is not None:
            self._child.poll()  # or it stays as a zombie
        is_ending = supervisor.is_here and not supervisor.is_known_dead
        return is_kept(self._settings) or is_ending


def parts_fingerprint(settings: Settings, has_own_nats: bool) -> str:
    """A hash of the settings that kept parts must share with a master that takes them over."""
    nats = settings.own_nats_url() if has_own_nats else settings.nats.url
    agreed = f"{nats} {settings.runner.mode} {settings.database_url}"
    return hashlib.sha256(os.fsencode(agreed)).hexdigest()[:16]
