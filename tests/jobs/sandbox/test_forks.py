"""Programs are forks of a warm interpreter, and children of their runner; where it fails, they start all the same."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import platform
import re
import resource
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs.sandbox import interpreters as module
from jobs.sandbox import landlock
from jobs.sandbox.interpreters import Fresh
from jobs.sandbox.program_process import ProgramProcess
from jobs.sandbox.warm import forked as forked_module
from jobs.sandbox.warm import siblings, warm_interpreter
from jobs.sandbox.warm.warm_interpreter import Forked
from jobs.work.program_log import ProgramLog
from settings.defaults import ProgramLimits
from tests.harness import eventually, freeze, is_alive
from tests.jobs.sandbox.starting import (
    RUN,
    opened,
    outcome,
    run,
    waiting,
)
from tests.warm import children_of, warm_of

HELLO = "print('hello')"
TOLD = (0, "hello\n", "")


def descriptors_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_program_is_a_child_of_its_runner_and_shows_its_own_name(tmp_path: Path) -> None:
    code = "import os; print(os.getppid()); print(open('/proc/self/cmdline').read().strip('\\0'))"
    with opened() as interpreters:
        process = run(interpreters, tmp_path, code)
        assert isinstance(process, Forked)
        assert process.pid in children_of(os.getpid())
        assert outcome(process)[1].split("\n")[:2] == [str(os.getpid()), f"program.py {RUN}"[:50]]


@pytest.mark.parametrize("spares", [0, 1])
def test_the_warm_one_is_there_early_or_from_the_first_program_on(
    tmp_path: Path, spares: int
) -> None:
    with opened(spares) as interpreters:
        early = interpreters.warm
        assert (early is not None) == (spares == 1)
        assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        kept = interpreters.warm
        assert kept is not None
        assert early in (None, kept)
        second = run(interpreters, tmp_path, HELLO)
        assert isinstance(second, Forked)
        assert outcome(second) == TOLD
        assert interpreters.warm == kept
        assert os.getsid(kept) == kept, "what a terminal sends to its runner does not reach it"
    assert not is_alive(kept)
    assert warm_of(os.getpid()) == []


def test_a_program_runs_no_line_before_its_limits_hold(tmp_path: Path) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)"
    with opened() as interpreters:
        forked = waiting(interpreters, tmp_path, code)
        assert isinstance(forked, Forked)
        exited = threading.Event()
        process = ProgramProcess(
            lambda: forked,
            mark=RUN,
            limits=ProgramLimits(open_files=77),
            log=ProgramLog(tmp_path / "log.txt"),
            on_exit=exited.set,
            label="test",
        )
        assert exited.wait(20.0)
        assert process.finish() == 0
    assert (tmp_path / "log.txt").read_text() == "(77, 77)\n"


def test_a_program_that_is_not_released_runs_nothing_and_ends(tmp_path: Path) -> None:
    with opened() as interpreters:
        process = waiting(interpreters, tmp_path, "open('ran', 'w')")
        assert isinstance(process, Forked)
        assert process.wait() == 0
        process.stdout.close()
        process.stderr.close()
        assert not (tmp_path / "ran").exists()


def test_many_programs_leave_no_process_and_no_descriptor(tmp_path: Path) -> None:
    others = children_of(os.getpid())  # of tests before: some end meanwhile
    with opened() as interpreters:
        assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        warm = interpreters.warm
        assert warm is not None
        ours, theirs = descriptors_of(os.getpid()), descriptors_of(warm)
        for _ in range(50):
            assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        assert interpreters.warm == warm
        assert (descriptors_of(os.getpid()), descriptors_of(warm)) == (ours, theirs)
        assert children_of(os.getpid()) - others == {warm}
        assert children_of(warm) == set()
        assert len(os.listdir(f"/proc/{warm}/task")) == 1


def test_programs_that_start_at_once_are_all_forked(tmp_path: Path) -> None:
    """Even those that come before the interpreter is warm."""
    found: list[tuple[bool, tuple[int, str, str]]] = []

    def start(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        process = run(interpreters, directory, f"print({number} * 'x' * 60_000)")
        found.append((isinstance(process, Forked), outcome(process)))

    with opened(0) as interpreters:
        threads = [threading.Thread(target=start, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wanted = [(True, (0, f"{number * 'x' * 60_000}\n", "")) for number in range(1, 9)]
    assert sorted(found, key=lambda one: len(one[1][1])) == wanted


RANDOM = """
import json, random, secrets, ssl, tempfile, uuid
from program_lib import engine
own = engine._connection().execute("SELECT random()").fetchone()
print(json.dumps([random.random(), secrets.token_hex(8), str(uuid.uuid4()), str(uuid.uuid1()),
                  next(tempfile._get_candidate_names()), ssl.RAND_bytes(8).hex(), own]))
"""


def test_no_two_programs_have_the_same_random_numbers(tmp_path: Path) -> None:
    with opened() as interpreters:
        first, second = (
            json.loads(outcome(run(interpreters, tmp_path, RANDOM))[1]) for _ in range(2)
        )
    assert [one == other for one, other in zip(first, second, strict=True)] == [False] * 7


def test_numpy_which_arrow_imports_where_it_is_there_does_not_notice_a_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeded: list[bool] = []
    numbers = SimpleNamespace(seed=lambda: seeded.append(True))
    monkeypatch.setitem(sys.modules, "numpy.random", numbers)
    forked_module._begin_other_random_numbers()
    assert seeded == [True]


SEARCH = """
import re
secret = re.compile(b"what only [o]ne program knows")
found = False
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps.readlines():
        start, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\\S+)", line).groups()
        if rights.startswith("rw"):
            memory.seek(int(start, 16))
            found |= secret.search(memory.read(int(end, 16) - int(start, 16))) is not None
print(found)
"""


def test_a_program_finds_nothing_in_its_memory_that_another_one_was_told(tmp_path: Path) -> None:
    """Such as passwords of another tenant: what is in the warm interpreter's memory is in that of all."""
    with opened() as interpreters:
        told = run(interpreters, tmp_path, SEARCH, PASSWORD="what only one program knows")
        assert outcome(told) == (0, "True\n", "")
        assert outcome(run(interpreters, tmp_path, SEARCH)) == (0, "False\n", "")


OUTSIDE = """
import ctypes, json, os, signal, socket
warm, tried = int(os.environ["WARM"]), {}
def attempt(name, action):
    try:
        action()
        tried[name] = "done"
    except OSError as error:
        tried[name] = error.strerror
def steal():
    libc = ctypes.CDLL(None, use_errno=True)
    held = os.pidfd_open(warm)
    if any(libc.syscall(438, held, number, 0) >= 0 for number in range(3, 20)):
        return
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
attempt("memory", lambda: open(f"/proc/{warm}/mem", "rb"))
attempt("descriptors", lambda: os.listdir(f"/proc/{warm}/fd"))
attempt("environment", lambda: open(f"/proc/{warm}/environ", "rb"))
attempt("socket", steal)
attempt("signal", lambda: os.kill(warm, signal.SIGTERM))
attempt("own data", lambda: open("data", "w"))
print(json.dumps(tried))
"""


@pytest.mark.skipif(landlock.abi() < 6, reason="signals are confined from Landlock 6 on")
def test_a_confined_program_does_not_reach_the_warm_one(tmp_path: Path) -> None:
    confined = json.dumps({"write": [str(tmp_path)], "read": []})
    with opened() as interpreters:
        warm = interpreters.warm
        assert warm is not None
        code, out, err = outcome(
            run(interpreters, tmp_path, OUTSIDE, CONFINED_TO=confined, WARM=str(warm))
        )
        assert code == 0, err
        tried = json.loads(out)
        assert {name for name, result in tried.items() if result == "done"} == {"own data"}, tried
        assert interpreters.warm == warm
        assert is_alive(warm)


def said_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the interpreters said; a thread of a test before may still say something."""
    return [record.message for record in caplog.records if record.name == module.__name__]


def test_a_warm_one_that_was_killed_is_missed_by_one_program_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.2)
    others = children_of(os.getpid())  # of tests before: some end meanwhile
    with opened() as interpreters:
        living = run(interpreters, tmp_path, "import time; time.sleep(600)")
        warm = interpreters.warm
        assert warm is not None
        os.kill(warm, signal.SIGKILL)
        eventually(lambda: not is_alive(warm))
        next_one = run(interpreters, tmp_path, HELLO)
        assert isinstance(next_one, Fresh)
        assert outcome(next_one) == TOLD
        [told] = said_by(caplog)
        # the kernel may close its descriptors before or after the question is sent
        why = r"(\[Errno 32\] Broken pipe|it has ended, or has no descriptor to spare)"
        assert re.fullmatch(
            f"the warm interpreter failed: {why}; for 0.2 s, programs start in fresh ones", told
        )
        assert is_alive(living.pid), "what it has forked goes on"

        def is_back() -> bool:
            process = run(interpreters, tmp_path, HELLO)
            assert outcome(process) == TOLD
            return isinstance(process, Forked)

        eventually(is_back)
        os.killpg(living.pid, signal.SIGKILL)
        assert outcome(living)[0] == -signal.SIGKILL
        assert interpreters.warm not in (warm, None)
        assert children_of(os.getpid()) - others == {interpreters.warm}
        assert said_by(caplog) == [told]


def test_a_warm_one_that_hangs_holds_up_no_program_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = children_of(os.getpid())  # of tests before: some end meanwhile
    with opened() as interpreters:
        assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        warm = interpreters.warm
        assert warm is not None
        monkeypatch.setattr(warm_interpreter, "FORK_WAIT", 0.5)
        freeze(warm)
        process = run(interpreters, tmp_path, HELLO)
        assert isinstance(process, Fresh)
        assert outcome(process) == TOLD
        assert not is_alive(warm)
        assert children_of(os.getpid()) - others == set()


def test_a_warm_one_without_a_descriptor_to_spare_is_passed_over(tmp_path: Path) -> None:
    with opened() as interpreters:
        assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        warm = interpreters.warm
        assert warm is not None
        used = {int(name) for name in os.listdir(f"/proc/{warm}/fd")}
        one_more = min(set(range(99)) - used) + 1
        resource.prlimit(warm, resource.RLIMIT_NOFILE, (one_more, one_more))
        process = run(interpreters, tmp_path, HELLO)
        assert isinstance(process, Fresh)
        assert outcome(process) == TOLD


WITHOUT_CLONE = """
import platform, runpy, sys
platform.machine = lambda: "vax"
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def test_where_no_fork_can_be_made_programs_start_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LAUNCHER", (sys.executable, "-c", WITHOUT_CLONE))
    monkeypatch.setattr(module, "FIRST_PAUSE", 60.0)
    with opened() as interpreters:
        assert [outcome(run(interpreters, tmp_path, HELLO)) for _ in range(2)] == [TOLD] * 2
        assert interpreters.warm is None
    [record] = caplog.records
    assert "it cannot fork" in record.message


def test_on_a_system_that_nobody_has_tried_no_interpreter_is_kept_warm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with opened() as interpreters:
        assert interpreters.warm is None
        assert outcome(run(interpreters, tmp_path, HELLO)) == TOLD
        assert interpreters.warm is None
    assert caplog.records == []


def test_each_failure_lets_the_next_warm_one_wait_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LAUNCHER", (sys.executable, "-c", "raise SystemExit('no way')"))
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.03)
    with opened() as interpreters:

        def failed_often() -> bool:
            outcome(run(interpreters, tmp_path, HELLO))
            return len(caplog.records) == 4

        eventually(failed_often)
    assert all("no way" in record.message for record in caplog.records)
    pauses = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses == [0.01, 0.02, 0.03, 0.03]


@pytest.mark.parametrize(
    "more",
    [{"MALLOC_ARENA_MAX": "7"}, {"LD_LIBRARY_PATH": "/nowhere"}, {"PYTHONWARNINGS": "error"}],
    ids=lambda more: next(iter(more)),
)
def test_a_program_with_other_settings_of_the_interpreter_itself_starts_in_a_fresh_one(
    tmp_path: Path, more: dict[str, str]
) -> None:
    with opened() as interpreters:
        process = run(interpreters, tmp_path, HELLO, **more)
        assert isinstance(process, Fresh)
        assert outcome(process) == TOLD
        forked = run(interpreters, tmp_path, HELLO, OTHER="7")
        assert isinstance(forked, Forked)
        assert outcome(forked) == TOLD


def test_a_closed_one_starts_nothing(tmp_path: Path) -> None:
    with opened() as interpreters:
        process = run(interpreters, tmp_path, "import time; time.sleep(600)")
    assert outcome(process)[0] == -signal.SIGKILL
    with pytest.raises(OSError, match="the runner stops"):
        run(interpreters, tmp_path, HELLO)


def test_a_sibling_has_a_right_thread_id_of_its_own() -> None:
    """By which the C library knows the owner of a lock, and whom to signal in `abort`."""
    reads, writes = os.pipe()
    middle = os.fork()
    if middle == 0:
        sibling = siblings.make_sibling()
        if sibling == 0:
            place = siblings._place_of_thread_id()
            noted = ctypes.c_int.from_address(place).value
            faulthandler.disable()
            os.write(writes, f"{os.getpid()} {noted} {os.getppid()}".encode())
            os.abort()
        os._exit(0)
    os.close(writes)
    os.waitpid(middle, 0)
    with os.fdopen(reads) as told:
        pid, noted, parent = map(int, told.read().split())
    assert (noted, parent) == (pid, os.getpid())
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGABRT
