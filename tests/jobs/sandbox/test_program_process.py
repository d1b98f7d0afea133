"""A program as a child process: its whole group ends, its output never blocks anything."""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from jobs.sandbox import program_process, run_confined
from jobs.sandbox.interpreters import Fresh
from jobs.sandbox.program_process import ProgramProcess
from jobs.store.process_identity import ProcessIdentity, kill_marked
from jobs.work.program_log import ProgramLog
from settings.defaults import ProgramLimits
from tests.harness import eventually, is_alive, processes_of

MARK = "RUN_ID=test-of-the-process-"


class Started:
    """A started piece of Python, and whether it was seen to exit."""

    def __init__(self, directory: Path, code: str, cap: int = 1_000_000) -> None:
        name, _, value = (MARK + directory.name).partition("=")
        self.exited = threading.Event()
        self.directory = directory
        self.process = ProgramProcess(
            lambda: Fresh(
                [sys.executable, "-c", code],
                cwd=directory,
                env={"PATH": os.environ["PATH"], name: value},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            ),
            mark=f"{name}={value}",
            limits=ProgramLimits(),
            log=ProgramLog(directory / "log.txt", cap),
            on_exit=self.exited.set,
            label="test",
        )

    def finish(self) -> int:
        assert self.exited.wait(10.0)
        return self.process.finish()

    def pid_from(self, name: str) -> int:
        path = self.directory / name
        return eventually(lambda: path.exists() and int(path.read_text() or 0))


def test_the_exit_code_and_all_output_are_there_at_the_end(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    started = Started(tmp_path, code)
    assert started.finish() == 7
    log = (tmp_path / "log.txt").read_text()
    assert sorted(log.split()) == ["err", "out"]
    assert started.process.stderr_tail == "err"


def test_ten_thousand_lines_at_once_and_a_huge_log_do_no_harm(tmp_path: Path) -> None:
    code = """
import sys
sys.stderr.write(''.join(f'line {n}\\n' for n in range(10_000)))
for _ in range(300):
    sys.stdout.write('x' * 99_999 + '\\n')
"""
    started = Started(tmp_path, code, cap=200_000)
    assert started.finish() == 0
    assert (tmp_path / "log.txt").stat().st_size < 200_200
    assert started.process.stderr_tail.endswith("line 9999")


SPAWNER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("child.tmp", "w").write(str(os.getpid())); os.rename("child.tmp", "child")
time.sleep(600)
'''], start_new_session={new_session})
{then}
"""


def test_a_child_of_the_program_ends_with_the_group(tmp_path: Path) -> None:
    started = Started(tmp_path, SPAWNER.format(new_session=False, then="time.sleep(600)"))
    child = started.pid_from("child")
    started.process.signal_group(signal.SIGTERM)
    assert started.finish() == -signal.SIGTERM
    eventually(lambda: not is_alive(child))


def test_a_child_that_left_the_group_ends_too(tmp_path: Path) -> None:
    started = Started(tmp_path, SPAWNER.format(new_session=True, then="time.sleep(600)"))
    child = started.pid_from("child")
    started.process.kill()
    assert started.finish() == -signal.SIGKILL
    eventually(lambda: not is_alive(child))


def test_a_child_that_outlives_its_program_and_holds_its_output_does_not(tmp_path: Path) -> None:
    then = "\nwhile not os.path.exists('child'): time.sleep(0.01)"
    started = Started(tmp_path, SPAWNER.format(new_session=True, then=then))
    assert started.finish() == 0
    eventually(lambda: not is_alive(int((tmp_path / "child").read_text())))


def test_a_program_that_is_finished_while_it_lives_is_seen_to_exit(tmp_path: Path) -> None:
    """As a preview is that takes too long: whoever takes the exit first, the other must not fail."""
    for _ in range(30):
        started = Started(tmp_path, "import time; time.sleep(600)")
        assert started.process.finish() == -signal.SIGKILL
        assert started.exited.is_set()


def test_no_thread_and_no_descriptor_is_left(tmp_path: Path) -> None:
    Started(tmp_path, "pass").finish()
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        Started(tmp_path, "pass").finish()
    assert threading.active_count() <= threads  # one of another test may end meanwhile
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_a_process_is_known_by_its_start_not_by_its_number_alone() -> None:
    me = ProcessIdentity.of(os.getpid())
    assert ProcessIdentity.parse(str(me)) == me
    assert not me.is_known_dead
    recycled = ProcessIdentity(me.machine, me.pid, me.start - 1)
    assert recycled.is_known_dead
    assert not ProcessIdentity("elsewhere", me.pid, me.start - 1).is_known_dead


def test_only_processes_with_the_mark_are_killed(tmp_path: Path) -> None:
    started = Started(tmp_path, "import time; time.sleep(600)")
    assert kill_marked(MARK + "no-such-run") == 0
    assert kill_marked(MARK + tmp_path.name[:-1]) == 0
    assert eventually(lambda: kill_marked(MARK + tmp_path.name)) == 1
    assert started.finish() == -signal.SIGKILL


@pytest.mark.parametrize("fault", ["pipe", "first thread", "second thread", "limits"])
def test_a_program_whose_start_fails_half_way_does_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Its run is told that it could not be started, and the next execute would run beside it."""

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    begun = threading.Thread.start
    left = {"first thread": 0, "second thread": 1}.get(fault, 99)

    def start(thread: threading.Thread) -> None:
        nonlocal left
        if thread.name.endswith("-test"):
            left -= 1
            if left < 0:
                raise RuntimeError("can't start new thread")
        begun(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    if fault == "pipe":
        original = os.pipe
        calls = iter([original, original, original])  # Popen's own: output, errors, the exec
        monkeypatch.setattr(os, "pipe", lambda: next(calls, fail)())
    if fault == "limits":
        monkeypatch.setattr(program_process, "impose", fail)
    mark = f"{MARK}{tmp_path.name}"
    files = len(os.listdir("/proc/self/fd"))
    with pytest.raises((OSError, RuntimeError)):
        Started(
            tmp_path, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
        )
    monkeypatch.undo()
    assert processes_of(mark, tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) <= files


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO())], ids=["none", "closed"])
def test_a_program_whose_code_took_its_stdout_away_ends_as_it_did(
    stream: io.TextIOWrapper | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run failed with what it had written in place."""
    if stream is not None:
        stream.close()
    with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(os, "_exit", sys.exit)
        patched.setattr(sys, "stdout", stream)
        run_confined.end(0)
    assert ended.value.code == 0
