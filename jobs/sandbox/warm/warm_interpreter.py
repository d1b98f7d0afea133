"""The runner's side of the warm interpreter (jobs/sandbox/warm/fork_server.py): starts it, and has it fork programs."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from jobs.sandbox.warm.forked import ANSWER

# Seconds for a process to say that it is there. An interpreter is warm after 0.5 s, and after 7 on a very busy machine
FORK_WAIT = 30.0
KILLED_WAIT = 5.0  # seconds for what a killed interpreter has forked to say so
TOLD_WAIT = 10.0  # seconds for a process to take what it is told
# Characters of an environment's entry NAME=value by which a program's processes are found
MARK_ROOM = 64


class Forked:
    """A program's process, our child, which waits for `release`. It has as much of a Popen as a runner needs."""

    def __init__(
        self, pid: int, stdout: IO[bytes], stderr: IO[bytes], told: socket.socket, named: bytes
    ) -> None:
        self.pid = pid
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._told, self._named = told, named
        self._lock = threading.Lock()

    def release(self) -> None:
        """Lets the program run. Raises OSError where the process takes nothing, since it has died or hangs."""
        with self._told as told:
            told.settimeout(TOLD_WAIT)
            told.sendall(self._named)

    def wait(self) -> int:
        """Exit code (-N: signal N), when it has ended; from then on the system may use its process id again."""
        self._told.close()  # it ends, if it was not released
        with self._lock:
            if self.returncode is None:
                _, status = os.waitpid(self.pid, 0)
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class WarmInterpreter:
    """One such process. Any thread may call it."""

    def __init__(self, start: Callable[[int], subprocess.Popen[bytes]]) -> None:
        """`start` takes the descriptor to be passed on. Raises OSError."""
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._process = start(theirs.fileno())
        except BaseException:
            self._requests.close()
            raise
        self._requests.settimeout(FORK_WAIT)
        self.pid = self._process.pid

    def fork(self, program: Path, environment: Mapping[str, str], mark: str) -> Forked:
        """A process that runs the program, in its own directory and session, once it is released.

        Waits for the interpreter to be ready. Raises OSError, after which it is of no use any more.
        """
        assert len(mark) <= MARK_ROOM
        named = {
            "program": program.name,
            "directory": str(program.parent),
            "environment": dict(environment),
            "mark": mark,
        }
        with ExitStack() as ours, ExitStack() as theirs:
            (stdout, out), (stderr, err) = _pipe(ours, theirs), _pipe(ours, theirs)
            told, end = socket.socketpair()
            ours.enter_context(told)
            theirs.enter_context(end)
            socket.send_fds(self._requests, [b"1"], [out, err, end.fileno()])
            theirs.close()  # so that the death of the others is the end of what we read
            pid = self._answer(told)
            ours.pop_all()
        return Forked(pid, stdout, stderr, told, json.dumps(named).encode())

    def close(self) -> str:
        """Ends it, not the programs that it forked. The last that it said on stderr."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        return _last_line(self._process)

    def _answer(self, told: socket.socket) -> int:
        """The process id of the new process. Raises OSError when there is none."""
        told.settimeout(FORK_WAIT)
        try:
            answer = told.recv(ANSWER.size)
        except TimeoutError:
            answer = self._last_answer(told)
        if len(answer) != ANSWER.size:
            raise ConnectionResetError("it has ended, or has no descriptor to spare")
        [pid] = ANSWER.unpack(answer)
        if pid < 0:
            raise OSError(-pid, f"it cannot fork: {os.strerror(-pid)}")
        return int(pid)

    def _last_answer(self, told: socket.socket) -> bytes:
        """Ends it, so that it does not fork later: nobody would wait for that process. One may be there already."""
        self._process.kill()
        self._process.wait()
        told.settimeout(KILLED_WAIT)
        if not (answer := told.recv(ANSWER.size)):
            raise TimeoutError(f"it did not answer within {FORK_WAIT:g} s")
        return answer


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[IO[bytes], int]:
    """What we read of it, and the descriptor that they write to."""
    reading, writing = os.pipe()
    theirs.callback(os.close, writing)
    return ours.enter_context(os.fdopen(reading, "rb", buffering=0)), writing


def _last_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr as errors:
        os.set_blocking(errors.fileno(), False)
        said = errors.read() or b""
    return said.decode(errors="replace").strip().rpartition("\n")[2]
