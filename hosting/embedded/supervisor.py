"""Keeps the embedded nats-server and runner alive for one gunicorn master.

gunicorn.conf.py starts it through hosting/embedded/lifeline.py. It prints `ready` once nats-server answers,
restarts what dies, and on SIGTERM stops the runner and then nats-server. When the master is killed, it
lets running programs end, and a new master may take over. It takes over what a killed supervisor left running.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # imports leave no garbage to look for; `main` enables it

import argparse
import fcntl
import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path

from hosting import environments
from hosting.embedded.lifeline import (
    PART_STOP_WAIT,
    Adopted,
    EmbeddedProcesses,
    fifo_path,
    lock_path,
    parts_fingerprint,
)
from hosting.embedded.nats_config import monitor_path, nats_config, nats_log
from jobs.run.nkeys import own_issuer
from jobs.store.process_identity import ProcessIdentity
from logs.json_lines import write_json
from logs.text_lines import write_clean
from settings import Settings, SettingsError
from settings.secret_files import write_secret

LOG = logging.getLogger("embedded")

# Seconds for nats-server to read its streams and answer: after a loss of power it reads all that they hold, up to 2 GiB
READY_WAIT = 1_800.0
SAY_READING = 10.0  # seconds until that is told
TICK = 0.2  # seconds between two looks at the children
FIRST_BACKOFF, MAX_BACKOFF = 0.2, 5.0  # seconds before a dead child is started again
STEADY = 10.0  # seconds after which a child counts as healthy
NATS_STOP_WAIT = 8.0  # seconds
# Seconds between two looks at nats-server's streams; a fault counts when it is seen twice
HEALTH_PERIOD = 3.0
ROOM = 4 << 20  # bytes free on the disk before nats-server is restarted
MOST_LEAVING = 2  # of one part at a time: each has as much at work as one may have
LEAVES = " that leaves, "  # in the name of a process, before its number
LOG_LINES = 5  # lines of nats-server's log that explain a failed start


_Process = subprocess.Popen[bytes] | Adopted


class Child:
    """One process that is started again when it ends by itself, and those that it was before, which are to end by themselves.

    `left`: processes of an earlier supervisor; the first `start` takes over those that are its own.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Callable[[], dict[str, str]],
        stop_wait: float,
        left: Mapping[str, ProcessIdentity],
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._stop_wait = stop_wait
        self._left = left.get(name)
        self._process: _Process | None = None
        leaving = f"{name}{LEAVES}"
        self._leaving: list[_Process] = [Adopted(left[n]) for n in left if n.startswith(leaving)]
        # id of the last one that it was started beside
        self._beside = self._leaving[-1].pid if self._leaving else 0
        self._started = 0.0
        self._backoff = FIRST_BACKOFF
        self._due = 0.0  # when to start it again

    def start(self) -> None:
        self._started = time.monotonic()
        left, self._left = self._left, None
        if left is not None:
            LOG.warning("%s (process %d) is taken over", self.name, left.pid)
            self._process = Adopted(left)
        else:
            # Our stdout is the pipe to the master, so the child's stdout goes to stderr.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=2, env=self._own_environment()
            )

    def _own_environment(self) -> dict[str, str]:
        """Two that are there at a time tell their figures by different names."""
        if not self._beside:
            return self._environment()
        from metrics.shared import WORKER  # with a client of Prometheus, which most starts need not

        return {**self._environment(), WORKER: f"{self.name}-{self._beside}"}

    @property
    def pids(self) -> dict[str, int]:
        """The process by its name, and those that leave, each by another one."""
        leaving = {f"{self.name}{LEAVES}{one.pid}": one.pid for one in self._leaving}
        return leaving if self._process is None else {**leaving, self.name: self._process.pid}

    @property
    def is_running(self) -> bool:
        """Whether one of its processes does."""
        return bool(self._alive())

    def _alive(self) -> list[_Process]:
        present = [] if self._process is None else [self._process]
        return [one for one in (*self._leaving, *present) if one.poll() is None]

    def replace(self) -> None:
        """Lets the process that runs go on until it ends by itself; the next `tend` starts another one beside it."""
        if self._process is not None and self._process.poll() is None:
            LOG.info("%s (process %d) ends what it has at work", self.name, self._process.pid)
            self._leaving = self._alive()
            self._beside, self._process = self._process.pid, None
            if self._are_too_many:
                many = "%d of %s end what they have at work: another starts when one has ended"
                LOG.warning(many, len(self._leaving), self.name)

    def tend(self) -> None:
        """Notices when the process has ended, and starts it again after a back-off."""
        now = time.monotonic()
        self._leaving = [one for one in self._leaving if one.poll() is None]
        if self._process is not None and self._process.poll() is not None:
            code, self._process = self._process.returncode, None
            if now - self._started > STEADY:
                self._backoff = FIRST_BACKOFF
            self._wait_after(f"ended with {code}")
        elif self._process is None and now >= self._due and not self._are_too_many:
            self._start_again()

    @property
    def _are_too_many(self) -> bool:
        """Whether so many leave that another one would be too much for the machine."""
        return len(self._leaving) > MOST_LEAVING

    def _start_again(self) -> None:
        try:
            self.start()
        except OSError as error:  # no process or no memory is left for it: the others go on
            self._wait_after(f"cannot be started ({error})")

    def _wait_after(self, what: str) -> None:
        LOG.error("%s %s; again in %.1f s", self.name, what, self._backoff)
        self._due = time.monotonic() + self._backoff
        self._backoff = min(self._backoff * 2, MAX_BACKOFF)

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """Sends SIGTERM, and SIGKILL when the end takes too long."""
        alive = self._alive()
        for one in alive:
            one.terminate()
        deadline = time.monotonic() + self._stop_wait
        for one in alive:
            try:
                one.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                LOG.error("%s does not end; killing it", self.name)
                one.kill()
                one.wait()


def nats_command(settings: Settings) -> list[str]:
    """The command of nats-server, which a Python package installs beside this Python. Raises OSError, SettingsError."""
    beside = Path(sys.executable).parent / "nats-server"
    binary = str(beside) if beside.exists() else shutil.which("nats-server")
    if binary is None:
        print("no nats-server: pip install -r requirements.txt", file=sys.stderr)
        sys.exit(2)
    try:
        issuer = own_issuer(settings.data_dir)
    except ValueError as error:
        raise SettingsError(f"{error}; without the file, a start makes another one") from None
    config = settings.data_dir / "nats.conf"
    write_secret(config, nats_config(settings, issuer))
    return [binary, "-c", str(config)]


def wait_for_nats(settings: Settings, child: Child, is_wanted: Callable[[], bool]) -> bool:
    """Whether nats-server greets a connection within READY_WAIT. False when `child` ends first, or nobody wants it any more."""
    began, is_told = time.monotonic(), False
    while (waited := time.monotonic() - began) < READY_WAIT and child.is_running and is_wanted():
        if waited > SAY_READING and not is_told:
            is_told = True
            LOG.warning("nats-server does not answer yet: it reads its streams, and is waited for")
        try:
            address = ("127.0.0.1", settings.nats.port)
            with socket.create_connection(address, timeout=1.0) as connection:
                if connection.recv(4) == b"INFO":
                    return True
        except OSError:
            time.sleep(0.02)
    return False


def is_heard(output: int) -> bool:
    """Whether somebody still reads what is written there: the master waits for `ready`, and one that has ended does not."""
    poll = select.poll()
    poll.register(output, 0)
    return not any(event & select.POLLERR for _, event in poll.poll(0))


class Watchdog:
    """Restarts a nats-server whose streams have failed for good.

    After a failed write (a full disk), nats-server stores nothing more in that stream until it is started
    again, and its /healthz says so. A restart helps once the disk has room.
    """

    def __init__(self, settings: Settings, nats: Child) -> None:
        port = settings.nats.monitor_port
        self._url = f"http://127.0.0.1:{port}{monitor_path(settings)}/healthz"
        self._disk = settings.data_dir
        self._nats = nats
        self._due = time.monotonic() + HEALTH_PERIOD  # it has just greeted us
        self._fault = ""

    def look(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + HEALTH_PERIOD
        before, self._fault = self._fault, self._stream_fault()
        if not (before and self._fault and self._has_room()):
            return
        LOG.error("nats-server is started anew: %s", self._fault)
        self._fault = ""
        self._nats.signal(signal.SIGTERM)

    def _stream_fault(self) -> str:
        """The error of /healthz about a stream that cannot be written; "" when there is none."""
        import urllib.request  # 20 ms, which the start of nats-server and runner need not wait for

        try:
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(self._url, timeout=1.0):
                return ""
        except urllib.request.HTTPError as error:
            with error:
                said = error.read(1000).decode(errors="replace")
            return said if "write error" in said else ""
        except OSError:
            return ""

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._disk).free >= ROOM


class Fifo:
    """The pipe that ends when the master is gone."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def has_ended(self) -> bool:
        """Whether there was a master and there is none now."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def close(self) -> None:
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


class Stop:
    """Set by SIGTERM, which ends a `wait`. No Event is used, since a handler that sets one could deadlock with its `wait`."""

    is_set = False

    def __init__(self) -> None:
        self._woken, self._wakes = os.pipe()
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        select.select([self._woken], [], [], seconds)

    def _set(self, *_: object) -> None:
        if not self.is_set:
            self.is_set = True
            os.write(self._wakes, b"!")


class ProcessNotes:
    """Writes the processes of the parts to a file whenever they change."""

    def __init__(self, settings: Settings, has_own_nats: bool) -> None:
        self._processes = EmbeddedProcesses(settings)
        self._agreed = parts_fingerprint(settings, has_own_nats)
        self._last: dict[str, int] = {}
        self._is_told = False  # that the file cannot be written

    def left_over(self) -> dict[str, ProcessIdentity]:
        """The live parts of an earlier supervisor, by name. Ends those that run with other settings."""
        fitting = self._processes.left_over(self._agreed)
        if not fitting:
            self._processes.end(PART_STOP_WAIT)
        return fitting

    def note(self, children: list[Child]) -> None:
        running = {name: pid for child in children for name, pid in child.pids.items()}
        if running == self._last:
            return
        try:
            self._processes.note(self._agreed, running)
        except (
            OSError
        ) as error:  # a full disk ends no process that works: the next look tries again
            if not self._is_told:
                LOG.error("which processes are kept cannot be noted: %s", error)
            self._is_told = True
            return
        self._last, self._is_told = running, False


def keep(
    children: list[Child],
    runner: Child | None,
    watchdog: Watchdog | None,
    fifo: Fifo,
    stop: Stop,
    notes: ProcessNotes,
) -> None:
    """Keeps the children alive until told to stop or, once the master is gone, until the runner has drained.

    A new master gets another runner: the one that drains takes no runs, and those that it has may go on for hours.
    """
    is_orphan = False
    while not stop.is_set:
        was_orphan, is_orphan = is_orphan, fifo.has_ended()
        if is_orphan and not was_orphan:
            LOG.warning("the master is gone: running programs may end, no new run is taken")
            if runner is not None:
                runner.signal(signal.SIGUSR1)
                runner.replace()  # at once: another supervisor would take it for one that takes runs
        if was_orphan and not is_orphan:
            LOG.info("a new master is here")
        if is_orphan and (runner is None or not runner.is_running):
            return
        for child in children:
            if child is not runner or not is_orphan:
                child.tend()
        notes.note(children)
        if watchdog is not None:
            watchdog.look()
        stop.wait(TICK)


def _locked(settings: Settings, has_own_nats: bool) -> FileIO | None:
    """The lock file, locked for as long as it is open; None when another process keeps the parts. Raises OSError."""
    file = lock_path(settings).open("a+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.truncate(0)
    who = {"pid": os.getpid(), "parts": parts_fingerprint(settings, has_own_nats)}
    file.write(json.dumps(who).encode())
    return file


def main() -> int:
    """Exit code 0 after a stop, 1 when nats-server did not start or another process keeps the parts."""
    gc.freeze()  # what is imported stays; at the exit, too, it is not looked at
    gc.enable()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    write_clean(logging.getLogger())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nats", choices=("own", "external"), required=True)
    has_own_nats = parser.parse_args().nats == "own"
    settings = Settings.from_env(reads_keys=False)
    if settings.server.log_format == "json":
        write_json(logging.getLogger(), "supervisor")
    try:
        return _keep_parts(settings, has_own_nats)
    except (OSError, SettingsError) as error:  # a full disk, say
        LOG.error("the parts cannot be kept in DATA_DIR %s: %s", settings.data_dir, error)
        return 1


def _keep_parts(settings: Settings, has_own_nats: bool) -> int:
    stop = Stop()
    lock = _locked(settings, has_own_nats)
    if lock is None:
        print("the embedded parts of this DATA_DIR are kept by another process", file=sys.stderr)
        return 1
    fifo = Fifo(fifo_path(settings))
    children: list[Child] = []
    try:
        return _serve(settings, has_own_nats, children, fifo, stop)
    finally:
        for child in reversed(children):
            child.stop()
        fifo.close()
        lock.close()


def _serve(
    settings: Settings,
    has_own_nats: bool,
    children: list[Child],
    fifo: Fifo,
    stop: Stop,
) -> int:
    runner: Child | None = None
    watchdog: Watchdog | None = None
    notes = ProcessNotes(settings, has_own_nats)
    left = notes.left_over()
    if has_own_nats:
        command = nats_command(settings)
        environment = environments.for_nats
        nats = Child("nats-server", command, environment, NATS_STOP_WAIT, left)
        children.append(nats)
        nats.start()
        notes.note(children)

        def is_wanted() -> bool:
            return not stop.is_set and is_heard(1)

        if not wait_for_nats(settings, nats, is_wanted):
            if is_wanted():
                print("nats-server did not start. It says:", file=sys.stderr)
                print(_log_tail(nats_log(settings)), file=sys.stderr)
            return 1
        watchdog = Watchdog(settings, nats)
    if settings.runner.mode == "embedded":
        wait = settings.deadlines.cancel + PART_STOP_WAIT
        command = [sys.executable, "-m", "jobs.runner"]
        runner = Child("runner", command, environments.for_runner, wait, left)
        children.append(runner)
        runner.tend()
        notes.note(children)
    print("ready", flush=True)
    _leave_stdout()
    keep(children, runner, watchdog, fifo, stop, notes)
    return 0


def _leave_stdout() -> None:
    """Turns stdout to stderr: the master closes the pipe after one line, and a later write would fail."""
    os.dup2(2, 1)


def _log_tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else ["nothing"]
    return "\n".join(lines[-LOG_LINES:])


if __name__ == "__main__":
    sys.exit(main())
