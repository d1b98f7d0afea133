"""Starts a program in a process of its own: a fork of the warm interpreter, or a fresh one.

A fresh interpreter takes some 350 ms of CPU to import DuckDB, Arrow and SQLAlchemy. The warm one has done so, and forks
(jobs/sandbox/warm/fork_server.py): the runner itself has threads, so it must not. Where the warm one fails, programs start in
fresh ones until there is another. See docs/decisions/forks.md.
"""

import errno
import functools
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from jobs.sandbox import lifeline
from jobs.sandbox.warm import siblings
from jobs.sandbox.warm.warm_interpreter import MARK_ROOM, Forked, WarmInterpreter

LOG = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]  # holds progress_lib and program_lib
LAUNCHER = (sys.executable, "-P", "-m")
# Seconds without a warm interpreter after one has failed; twice as long each time, up to the longest
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
PASSED_ON = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "NATS_PREFIX"),
    *PROXIES,
    *map(str.lower, PROXIES),
)
# Files and directories with certificates of CAs, and the certificate of NATS's clients with its key, which a program
# may read where it is confined
CERTIFICATES = (
    "NATS_CA_FILE",
    "NATS_CERT_FILE",
    "NATS_KEY_FILE",
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

# How the names begin of what an interpreter, the C library and LIBRARIES' libraries read only when they start
READ_AT_START = (
    *("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "GLIBC_", "ARROW_", "JE_", "OPENBLAS_", "OMP_"),
)


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


class Fresh(subprocess.Popen[bytes]):
    """A program's process in an interpreter of its own, which runs at once."""

    def release(self) -> None:
        """There is nothing to wait for: its imports take longer than to limit it."""


class Interpreters:
    """Starts programs. Any thread may call it."""

    def __init__(self, spares: int) -> None:
        """With `spares`, the warm interpreter is there from `open` on; else the first program makes it."""
        self._is_early = spares > 0
        # Its first end goes to each program. The second one is ours alone, and closes when we die.
        self._lifeline = os.pipe()
        self._lock = threading.Lock()
        self._warm: WarmInterpreter | None = None  # (lock)
        self._failures = 0  # (lock) of warm interpreters since the last fork
        self._not_before = 0.0  # (lock) monotonic seconds
        self._is_closed = False  # (lock)

    def open(self) -> None:
        if self._is_early:
            self._kept_warm()

    @property
    def warm(self) -> int | None:
        """The process id of the warm interpreter; None where there is none now."""
        with self._lock:
            return self._warm.pid if self._warm is not None else None

    def run(self, program: Path, environment: Mapping[str, str], mark: str) -> Fresh | Forked:
        """Starts the program in its own directory, as the leader of its own session and process group.

        A forked one waits for its `release`. `mark`: the entry of `environment` by which its processes are found.
        Raises OSError.
        """
        if _at_start(environment) == _at_start(interpreter_environment()):
            warm = self._kept_warm()
            if warm is not None and (forked := self._forked(warm, program, environment, mark)):
                return forked
        return self._started(
            ["jobs.sandbox.run_confined", program.name], environment, program.parent
        )

    def close(self) -> None:
        """Ends the warm interpreter, and all programs that are left; no more are started."""
        with self._lock:
            self._is_closed = True
            warm, self._warm = self._warm, None
            ends, self._lifeline = self._lifeline, (-1, -1)
        if warm is not None:
            warm.close()
        for end in ends:
            if end >= 0:  # not closed by an earlier call
                os.close(end)

    def _kept_warm(self) -> WarmInterpreter | None:
        """The warm interpreter, which is made where there is none; None shortly after one has failed."""
        with self._lock:
            is_due = not self._is_closed and time.monotonic() >= self._not_before
            if self._warm is None and is_due and siblings.can_be_made():
                try:
                    self._warm = WarmInterpreter(self._started_warm)
                except OSError as error:
                    self._note_failure(str(error))
            return self._warm

    def _forked(
        self, warm: WarmInterpreter, program: Path, environment: Mapping[str, str], mark: str
    ) -> Forked | None:
        try:
            forked = warm.fork(program, environment, mark)
        except OSError as error:
            self._give_up(warm, error)
            return None
        with self._lock:
            self._failures = 0
        return forked

    def _give_up(self, warm: WarmInterpreter, error: OSError) -> None:
        with self._lock:
            if self._warm is not warm:  # another thread was first, or we close
                return
            self._warm = None
            self._note_failure(warm.close() or str(error))

    def _note_failure(self, reason: str) -> None:
        """(lock)"""
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        self._not_before = time.monotonic() + pause
        text = "the warm interpreter failed: %s; for %g s, programs start in fresh ones"
        LOG.warning(text, reason, pause)

    def _started_warm(self, descriptor: int) -> subprocess.Popen[bytes]:
        """(lock)"""
        environment = {**interpreter_environment(), "MARK": "-" * MARK_ROOM}
        arguments = ["jobs.sandbox.warm.fork_server", str(descriptor)]
        return self._started(arguments, environment, Path("/"), descriptor)

    def _started(
        self, arguments: list[str], environment: Mapping[str, str], directory: Path, *passed: int
    ) -> Fresh:
        _keep_bytecode()
        ends_with_us = self._lifeline[0]
        if ends_with_us < 0:
            raise OSError(errno.ESHUTDOWN, "the runner stops")
        return Fresh(
            [*LAUNCHER, *arguments],
            cwd=directory,
            env={**environment, lifeline.VARIABLE: str(ends_with_us)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=(ends_with_us, *passed),
        )


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter and its libraries read when they start, and not again."""
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


@functools.cache
def _keep_bytecode() -> None:
    """Keeps the bytecode of all that programs may import: a confined one may not write it, and compiled each time anew.

    Done before the first program. Where it is there already, it takes 2 ms.
    """
    import compileall  # 6 ms that the start of a runner need not take

    library = ROOT / "program_lib"
    if os.access(library, os.W_OK) and not sys.dont_write_bytecode:
        compileall.compile_dir(library, quiet=2)
