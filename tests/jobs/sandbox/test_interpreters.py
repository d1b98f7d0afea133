"""Interpreters of programs: a fork of the warm one and a fresh one are the same to a program, and none outlives its use."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from jobs.sandbox.interpreters import (
    Interpreters,
    _keep_bytecode,
    interpreter_environment,
)
from jobs.sandbox.warm.warm_interpreter import MARK_ROOM
from jobs.store.process_identity import kill_marked
from tests.harness import ROOT, eventually, is_alive, processes_of
from tests.jobs.sandbox.starting import RUN, opened, outcome, run
from tests.warm import warm_of

SEEN = """
import json, os, signal, sys, threading, time
print(json.dumps({
    "argv": sys.argv,
    "path": sys.path,
    "name": __name__,
    "file": __file__,
    "directory": os.getcwd(),
    "environment": dict(os.environ),
    "leads": os.getpid() == os.getpgrp() == os.getsid(0),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")
                          if os.path.exists(f"/proc/self/fd/{name}")),
    "stdin": os.read(0, 1).decode(),
    "threads": len(os.listdir("/proc/self/task")),
    "mask": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "handlers": [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGPIPE)],
    "umask": os.umask(0o22),
    "zone": time.strftime("%Z", time.localtime(0)),
    "modules": [name in sys.modules for name in ("jobs.runner", "flask")],
}))
sys.exit(7)
"""

# The mutex of a connection is SQLite's own to tell, by a pointer that lies first in Python's object
LOCKS = """
import ctypes, json, sqlite3, threading
import _sqlite3
library = ctypes.CDLL(_sqlite3.__file__)
library.sqlite3_db_mutex.restype = ctypes.c_void_p
library.sqlite3_memory_used.restype = ctypes.c_int64
connection = sqlite3.connect(":memory:")
pointer = ctypes.c_void_p.from_address(id(connection) + object.__basicsize__)
def elsewhere():
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError as error:
        refused.append(str(error))
refused = []
thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
print(json.dumps([library.sqlite3_db_mutex(pointer), library.sqlite3_memory_used(), refused]))
"""

COMPUTED = """
import os
import pyarrow as pa
from program_lib import engine
from program_lib.batch import Batch
from program_lib.types import INTEGER, Column, Schema
is_open = bool(engine._opening)
schema = Schema([Column("a", INTEGER)])
batch = Batch(pa.table([[7]], schema=schema.arrow()), schema, pa.array([1]), str)
computed = batch.compute({"b": "a * 2"}, keep="none")
print(is_open, len(os.listdir("/proc/self/task")), computed.table["b"].to_pylist())
"""


@pytest.fixture(params=["fresh", "forked"])
def interpreters(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Interpreters]:
    if request.param == "fresh":
        monkeypatch.setattr(Interpreters, "_kept_warm", lambda self: None)
    with opened() as made:
        yield made


def seen(interpreters: Interpreters, directory: Path, **more: str) -> dict[str, Any]:
    code, out, err = outcome(run(interpreters, directory, SEEN, **more))
    assert code == 7, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_program_finds_what_it_was_given_and_nothing_of_its_interpreter(
    interpreters: Interpreters, tmp_path: Path
) -> None:
    found = seen(interpreters, tmp_path, TZ="Asia/Tokyo", SECRET="s ecret=\n")
    environment = {**interpreter_environment(), "TZ": "Asia/Tokyo", "SECRET": "s ecret=\n"}
    name, _, value = RUN.partition("=")
    assert found["environment"] == {**environment, name: value}
    assert found["directory"] == str(tmp_path)
    assert (found["argv"], found["file"], found["name"]) == (
        ["program.py"],
        "program.py",
        "__main__",
    )
    assert found["leads"], "of a session and a group of its own"
    assert found["descriptors"] == [0, 1, 2, 3], "the last one ends with the runner"
    assert found["stdin"] == ""
    assert found["threads"] == 1, "Landlock holds for the thread that asks for it"
    assert found["mask"] == []
    assert found["handlers"] == ["0", "1"]  # the default; Python's own, which is to ignore it
    ours = os.umask(0o22)
    os.umask(ours)
    assert found["umask"] == ours
    assert found["zone"] == "JST"
    assert found["modules"] == [False, False]
    assert str(ROOT) not in found["path"], "progress_lib and program_lib are there, app is not"


def test_a_programs_sqlite_takes_no_locks_and_a_connection_serves_one_thread(
    interpreters: Interpreters, tmp_path: Path
) -> None:
    code, out, err = outcome(run(interpreters, tmp_path, LOCKS))
    assert code == 0, err
    mutex, counted, [refused] = json.loads(out)
    assert (mutex, counted) == (None, 0)
    assert "can only be used in that same thread" in refused


def test_expressions_are_computed_by_what_the_warm_one_has_opened_already(tmp_path: Path) -> None:
    """DuckDB takes 25 ms to open. It has no thread then, which could not be confined: see above."""
    with opened() as interpreters:
        code, out, err = outcome(run(interpreters, tmp_path, COMPUTED))
    assert (code, out) == (0, "True 1 [14]\n"), err


def test_a_program_is_found_by_its_mark(interpreters: Interpreters, tmp_path: Path) -> None:
    """As the runner finds what a run has left behind: in /proc/PID/environ, of the leader and its children."""
    child = "import time; time.sleep(600)"
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
    process = run(interpreters, tmp_path, code)
    assert process.stdout is not None
    child_pid = int(process.stdout.readline())
    assert kill_marked(RUN[:-1]) == 0, "another run's"
    both = {process.pid, child_pid}
    eventually(lambda: {found.pid for found in processes_of(RUN, tmp_path / "none")} == both)
    assert kill_marked(RUN) == 2
    assert outcome(process)[0] == -signal.SIGKILL
    eventually(lambda: not is_alive(child_pid))


@pytest.mark.parametrize("mark", ["A=1", "R=" + "x" * (MARK_ROOM - 2)])
def test_a_mark_may_be_as_long_as_there_is_room(tmp_path: Path, mark: str) -> None:
    shows = "print(open('/proc/self/environ').read().split('\\0'))"
    with opened() as interpreters:
        _, out, _ = outcome(run(interpreters, tmp_path, shows, mark))
    assert repr(mark) in out
    assert "MARK" not in out


HOLDER = """
import sys, time
from jobs.sandbox.interpreters import Interpreters
held = Interpreters(1)
held.open()
print("open", flush=True)
time.sleep(600)
"""


def test_the_warm_one_does_not_outlive_a_runner_that_is_killed() -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "open\n"
        [warm] = eventually(lambda: warm_of(runner.pid))
    finally:
        runner.kill()
        runner.communicate()
    eventually(lambda: not is_alive(warm))


WITH_PROGRAMS = """
import os, sys, time
from pathlib import Path
from jobs.sandbox.interpreters import Interpreters, interpreter_environment
directory = Path(sys.argv[1])
held = Interpreters(1)
held.open()
for name, more in (("first", {}), ("second", {}), ("fresh", {"PYTHONNODEBUGRANGES": "1"})):
    program = directory / name / "program.py"
    environment = {**interpreter_environment(), "RUN_ID": name, **more}
    started = held.run(program, environment, f"RUN_ID={name}")
    started.release()
time.sleep(600)
"""
BUSY = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
with open("pids", "w") as file:
    print(os.getpid(), child.pid, file=file, flush=True)
while True:
    pass
"""


def pids_of(directory: Path) -> list[int]:
    """Of a program and its child, once both are there: the file is empty for a moment."""
    pids = [int(pid) for pid in (directory / "pids").read_text().split()]
    assert len(pids) == 2
    return pids


def test_programs_and_their_children_die_with_a_runner_that_is_killed(tmp_path: Path) -> None:
    """Though no thread of theirs has a moment to notice. Two are forked, and one is not."""
    directories = [tmp_path / name for name in ("first", "second", "fresh")]
    for directory in directories:
        directory.mkdir()
        (directory / "program.py").write_text(BUSY)
    command = [sys.executable, "-c", WITH_PROGRAMS, str(tmp_path)]
    runner = subprocess.Popen(command, cwd=ROOT)
    found: list[int] = []
    try:
        found += eventually(lambda: [pid for one in directories for pid in pids_of(one)])
        assert len(found) == 6
        found += warm_of(runner.pid)
        assert len(found) == 7
        assert all(is_alive(pid) for pid in found)
        runner.kill()
        runner.wait()
        eventually(lambda: not any(is_alive(pid) for pid in found), what="all are gone")
    finally:
        runner.kill()
        runner.wait()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_no_thread_and_no_descriptor_is_left(tmp_path: Path) -> None:
    def used() -> None:
        with opened() as interpreters:
            outcome(run(interpreters, tmp_path, "pass"))

    used()
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        used()
    assert threading.active_count() <= threads  # one of another test may end meanwhile
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_an_interpreter_takes_little_memory_and_reserves_none(
    interpreters: Interpreters, tmp_path: Path
) -> None:
    """What is private counts against PROGRAM_MEMORY_MB, used or not: with their defaults the libraries take 1,300 MB."""
    code = """
import program_lib.csv_files, program_lib.databases, program_lib.engine, program_lib.program
from program_lib.batch import Batch
from program_lib.types import INTEGER, Column, Schema
Batch.empty(Schema([Column("a", INTEGER)])).where("a > 1")
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith(("VmHWM", "VmData"))])
"""
    _, out, err = outcome(run(interpreters, tmp_path, code))
    assert out, err
    resident, private = (int(kilobytes) >> 10 for kilobytes in out.split())
    assert resident < 180
    assert private < 256


def test_what_programs_import_is_compiled_once_and_not_by_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their runner: a program that is confined may not write the bytecode."""
    bytecode = Path(cache_from_source(str(ROOT / "program_lib" / "gathering" / "spool.py")))
    bytecode.unlink(missing_ok=True)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    _keep_bytecode.cache_clear()
    made = Interpreters(0)
    try:
        assert outcome(run(made, tmp_path, "")) == (0, "", "")
    finally:
        made.close()
    assert bytecode.exists()


ENDS = {
    "raise SystemExit('a text')": (1, "a text\n"),
    "raise SystemExit(9)": (9, ""),
    "1 / 0": (1, "ZeroDivisionError: division by zero\n"),
    "import os; os._exit(4)": (4, ""),
    "import os; os.abort()": (-signal.SIGABRT, ""),
    "import os, signal; os.kill(os.getpid(), signal.SIGINT)": (
        -signal.SIGINT,
        "KeyboardInterrupt\n",
    ),
    "import os, signal; os.kill(os.getpid(), signal.SIGTERM)": (-signal.SIGTERM, ""),
    "import sys; sys.stdout.write('no line end'); sys.stderr.write('x')": (0, "x"),
    "x = (": (1, "SyntaxError: '(' was never closed\n"),
}


@pytest.mark.parametrize("code", ENDS)
def test_a_program_ends_as_python_ends(
    interpreters: Interpreters, tmp_path: Path, code: str
) -> None:
    exit_code, out, err = outcome(run(interpreters, tmp_path, code))
    wanted, last = ENDS[code]
    assert (exit_code, out) == (wanted, "no line end" if "no line end" in code else "")
    assert err.endswith(last)
    if exit_code == 1 and "Error" in last:
        first = next(line for line in err.split("\n") if line.startswith("  File"))
        is_its_own = first.startswith('  File "program.py", line 1')
        assert is_its_own or "SyntaxError" in last, err
