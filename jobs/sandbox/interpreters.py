"""Starts a program in an interpreter of its own: a spare one, which has imported what programs need, or a fresh one.

A fresh interpreter takes some 300 ms to import DuckDB, Arrow and SQLAlchemy. A spare one waits for its program to be
named (jobs/sandbox/run_confined.py), is used once, and is replaced a moment later. No process is forked for that: the
runner has threads.
"""

import functools
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from jobs.sandbox import lifeline

LOG = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]  # holds progress_lib and program_lib
LAUNCHER = (sys.executable, "-P", "-m", "jobs.sandbox.run_confined")
# Seconds after a start until the next spare is made: it would take the processor from the program that starts
REPLACE_PAUSE = 0.5
END_WAIT = 5.0  # seconds for a spare to end when its runner stops
MARK_ROOM = (
    64  # characters of an environment's entry NAME=value by which a program's processes are found
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
PASSED_ON = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "NATS_PREFIX"),
    *PROXIES,
    *map(str.lower, PROXIES),
)
# Files and directories with certificates of CAs, which a program may read where it is confined
CERTIFICATES = (
    "NATS_CA_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PGSSLROOTCERT",
)
# One thread until a program is confined, since Landlock holds for the thread that asks, and those it starts;
# and no address space that is only reserved, which would count against PROGRAM_MEMORY_MB. The allocator keeps up to 32 MB
# that are free, for the next batch: to give them back and take them again costs 5 % of the CPU time of CSV files.
LIBRARIES = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
    "OPENBLAS_NUM_THREADS": "1",
}


def interpreter_environment(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every interpreter of a program gets, whatever the program is."""
    passed_on = {name: ours[name] for name in PASSED_ON if name in ours}
    certificates = {name: _absolute(ours[name]) for name in CERTIFICATES if ours.get(name)}
    return {
        "LANG": "C.UTF-8",
        **passed_on,
        **certificates,
        **LIBRARIES,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _absolute(paths: str) -> str:
    """Paths that hold in any directory; words that are none, such as `system` of PostgreSQL, stay."""
    found = (
        path if not os.path.exists(path) else os.path.abspath(path)
        for path in paths.split(os.pathsep)
    )
    return os.pathsep.join(found)


class Interpreters:
    """Keeps `spares` interpreters ready. Any thread may call it."""

    def __init__(self, spares: int) -> None:
        self._wanted = spares
        # Its first end goes to each program. The second one is ours alone, and closes when we die.
        self._lifeline = os.pipe()
        self._lock = threading.Lock()
        self._ready: list[subprocess.Popen[bytes]] = []  # (lock)
        self._closing = threading.Event()
        self._wake = threading.Event()  # one was used, or it ends
        self._thread = threading.Thread(target=self._refill, name="spares", daemon=True)

    def open(self) -> None:
        if self._wanted:
            self._thread.start()

    @property
    def ready(self) -> tuple[int, ...]:
        """The process ids of the spares that wait for a program."""
        with self._lock:
            return tuple(spare.pid for spare in self._ready)

    def run(
        self, program: Path, environment: Mapping[str, str], mark: str
    ) -> subprocess.Popen[bytes]:
        """Starts the program in its own directory, as the leader of its own session and process group.

        `mark`: the entry of `environment` by which its processes are found. Raises OSError.
        """
        while (spare := self._take()) is not None:
            if _name(spare, program, environment, mark):
                self._wake.set()
                return spare
            _end(spare)
        return self._started([program.name], environment, program.parent, subprocess.DEVNULL)

    def close(self) -> None:
        """Ends the spares, and all programs that are left; no more are made."""
        with self._lock:
            self._closing.set()
            ready, self._ready = self._ready, []
        self._wake.set()
        for spare in ready:
            _end(spare)
        if self._thread.ident is not None:
            self._thread.join()
        with self._lock:
            ends, self._lifeline = self._lifeline, (-1, -1)
        for end in ends:
            if end >= 0:  # not closed by an earlier call
                os.close(end)

    def _take(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            return self._ready.pop() if self._ready else None

    def _refill(self) -> None:
        while not self._closing.is_set():
            while self._is_one_missing() and self._add():
                pass
            self._wake.wait()
            self._closing.wait(REPLACE_PAUSE)
            self._wake.clear()

    def _is_one_missing(self) -> bool:
        with self._lock:
            return not self._closing.is_set() and len(self._ready) < self._wanted

    def _add(self) -> bool:
        environment = {**interpreter_environment(), "MARK": "-" * MARK_ROOM}
        try:
            spare = self._started(["--wait"], environment, Path("/"), subprocess.PIPE)
        except OSError as error:
            LOG.warning("no interpreter is kept ready: %s", error)
            return False
        with self._lock:
            if not self._closing.is_set():
                self._ready.append(spare)
                return True
        _end(spare)
        return False

    def _started(
        self, arguments: list[str], environment: Mapping[str, str], directory: Path, stdin: int
    ) -> subprocess.Popen[bytes]:
        _keep_bytecode()
        ends_with_us = self._lifeline[0]
        return subprocess.Popen(
            [*LAUNCHER, *arguments],
            cwd=directory,
            env={**environment, lifeline.VARIABLE: str(ends_with_us)},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=(ends_with_us,),
        )


@functools.cache
def _keep_bytecode() -> None:
    """Keeps the bytecode of all that programs may import: a confined one may not write it, and compiled each time anew.

    Done before the first program. Where it is there already, it takes 2 ms.
    """
    import compileall  # 6 ms that the start of a runner need not take

    library = ROOT / "program_lib"
    if os.access(library, os.W_OK) and not sys.dont_write_bytecode:
        compileall.compile_dir(library, quiet=2)


def _name(
    spare: subprocess.Popen[bytes], program: Path, environment: Mapping[str, str], mark: str
) -> bool:
    """Tells a spare what to run; False where it has ended meanwhile."""
    assert spare.stdin is not None
    assert len(mark) <= MARK_ROOM
    named = {
        "program": program.name,
        "directory": str(program.parent),
        "environment": dict(environment),
        "mark": mark,
    }
    try:
        with spare.stdin as pipe:
            _write_all(pipe.fileno(), json.dumps(named).encode())
    except OSError:
        return False
    return spare.poll() is None


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _end(spare: subprocess.Popen[bytes]) -> None:
    """A spare ends when its pipe does; it does nothing that would have to be rolled back."""
    for pipe in (spare.stdin, spare.stdout, spare.stderr):
        if pipe is not None:
            pipe.close()
    try:
        spare.wait(END_WAIT)
    except subprocess.TimeoutExpired:
        spare.kill()
        spare.wait()
