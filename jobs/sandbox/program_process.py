"""A generated program as a child process: its group, its output, its end."""

import os
import selectors
import signal
import threading
from collections.abc import Callable
from typing import IO, Protocol

from jobs.sandbox.resource_limits import impose
from jobs.store.process_identity import ProcessIdentity, cpu_seconds_of, kill_marked
from jobs.work.program_log import LineTail, ProgramLog
from settings.defaults import ProgramLimits

READ_BYTES = 64 * 1024
OUTPUT_WAIT = 2.0  # seconds for the last output of a program that has ended


class StartedProcess(Protocol):
    """A process that `release` lets run, if it has to wait for that. `wait` gives its exit code (-N: signal N)."""

    pid: int

    @property
    def stdout(self) -> IO[bytes] | None: ...

    @property
    def stderr(self) -> IO[bytes] | None: ...

    def release(self) -> None: ...

    def wait(self) -> int: ...


class ProgramProcess:
    """Watches a program that `start` gives, as the leader of its own session and process group.

    When it has ended, a thread of this object calls `on_exit` once. `finish` then ends the processes
    that the program left; until then, the system does not use its process id again.
    """

    def __init__(
        self,
        start: Callable[[], StartedProcess],
        *,
        mark: str,
        limits: ProgramLimits,
        log: ProgramLog,
        on_exit: Callable[[], None],
        label: str,
    ) -> None:
        """`mark`: the "NAME=value" of its environment by which children are found. Raises as `start`."""
        self._mark = mark
        self._log = log
        self._on_exit = on_exit
        self._stderr_tail = LineTail()  # (output thread, until it ends)
        self._process = start()
        self.cpu_seconds = 0.0  # that the program used; after `finish`
        self._pipe: tuple[int, int] | None = None  # its end tells the output thread to stop
        self._threads = [
            threading.Thread(target=self._read_output, name=f"output-{label}", daemon=True),
            threading.Thread(target=self._wait, name=f"exit-{label}", daemon=True),
        ]
        try:
            impose(limits, self._process.pid)
            self.identity = ProcessIdentity.of(self._process.pid)
            self._process.release()
            self._pipe = os.pipe()
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._abandon()
            raise

    def signal_group(self, number: signal.Signals) -> None:
        """Sends a signal to the program and its children in the group. Not after `finish`."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def kill(self) -> None:
        """Sends SIGKILL to the group and to children that left it."""
        self.signal_group(signal.SIGKILL)
        kill_marked(self._mark)

    def finish(self) -> int:
        """Ends the program and its children, closes the log, and returns the exit code (-N: signal N)."""
        self.kill()
        output, waiter = self._threads
        waiter.join()  # it must see the exit before `wait` reaps the process
        self.cpu_seconds = cpu_seconds_of(self._process.pid)
        exit_code = self._process.wait()  # only now is the process id free again
        output.join(OUTPUT_WAIT)
        self._stop_reading()  # a child in uninterruptible sleep may still hold its output
        self._log.close()
        return exit_code

    def _abandon(self) -> None:
        """Ends a program after a failed start, since its run is reported as not started."""
        self.kill()
        self._process.wait()
        self._stop_reading()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        self._log.close()

    def _stop_reading(self) -> None:
        if self._pipe is None:
            return
        reading, writing = self._pipe
        os.close(writing)
        if self._threads[0].ident is not None:
            self._threads[0].join()
        os.close(reading)

    @property
    def stderr_tail(self) -> str:
        """The last lines of stderr; after `finish`."""
        return self._stderr_tail.text()

    def _wait(self) -> None:
        # WNOWAIT: the process stays a zombie, which keeps its process id until `finish`.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._on_exit()

    def _read_output(self) -> None:
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        assert self._pipe is not None
        stop = self._pipe[0]
        with selectors.DefaultSelector() as selector, stdout, stderr:
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stderr, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                for key, _ in selector.select():
                    if key.fileobj == stop:
                        return
                    self._take(selector, key.fileobj, key.fileobj is stderr)  # type: ignore[arg-type]

    def _take(self, selector: selectors.BaseSelector, pipe: IO[bytes], is_stderr: bool) -> None:
        output = os.read(pipe.fileno(), READ_BYTES)
        if not output:
            selector.unregister(pipe)
            return
        self._log.write(output)
        if is_stderr:
            self._stderr_tail.feed(output)
