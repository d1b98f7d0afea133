"""Confines its own process, then runs a generated program in it: python -P -m jobs.sandbox.run_confined program.py

Started by a runner instead of the program itself, in the same interpreter, so that it costs no second
one. CONFINED_TO says what the program may reach (jobs/sandbox/confinement.py makes it); a program that is
started by hand has no such variable, and needs no such launcher. A fork of the warm interpreter
(jobs/sandbox/warm/forked.py) goes the same way from `confine_and_run` on.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import program_lib  # noqa: F401 (a program finds it so, when ROOT is not on the path any more)
import progress_lib
from jobs.sandbox import landlock, lifeline, sqlite_locks

ROOT = str(Path(progress_lib.__file__).resolve().parent.parent)
PYTHON = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
SYSTEM = (  # what the C library, OpenSSL and DuckDB read: shared libraries, names of hosts, time zones, certificates
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls",
    "/etc/pki/ca-trust/extracted",
    "/dev/urandom",
    "/dev/random",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",  # DuckDB looks up there how much of the CPU it may use, and fails where it is refused
)
FAILED = 1  # exit code
NEEDED = (  # by all programs, or many; what starts no thread when it is imported
    "duckdb",
    "encodings.idna",  # by a connection's first look-up of a host
    "importlib.metadata",  # by the first login to NATS
    "pyarrow.compute",
    "pyarrow.csv",
    "program_lib.csv_files",
    "program_lib.databases",
    "program_lib.editor.preview",
    "program_lib.program",
    "psycopg",
    "sqlalchemy.dialects.sqlite",
)


def main(path: str) -> int:
    """Exit code of the program; 1, with the reason on stderr, where it cannot be confined."""
    try:
        lifeline.watch_environment()
    except OSError as error:
        print(
            f"the program was not started: it would outlive its runner ({error})", file=sys.stderr
        )
        return FAILED
    sqlite_locks.leave_out_locks()  # before anything imports it
    return confine_and_run(path)


def confine_and_run(path: str) -> int:
    """As `main`, in a process whose environment is the program's."""
    wanted = os.environ.pop("CONFINED_TO", None)
    if wanted is not None:
        try:
            _confine(json.loads(wanted))
        except OSError as error:
            print(f"the program was not started: it cannot be confined ({error})", file=sys.stderr)
            return FAILED
    return run_program(path)


def _confine(wanted: dict[str, list[str]]) -> None:
    if len(os.listdir("/proc/self/task")) != 1:
        raise OSError("it has threads already, which would stay free")
    code = [directory for directory in sys.path if directory and directory != ROOT]
    libraries = [f"{prefix}/lib" for prefix in PYTHON] + [f"{prefix}/lib64" for prefix in PYTHON]
    own = [f"{ROOT}/progress_lib", f"{ROOT}/program_lib", "/proc/self"]
    landlock.confine(
        write=[*wanted["write"], "/dev/null"],
        read=[*wanted["read"], *own, *code, *libraries, *SYSTEM],
    )


def run_program(path: str) -> int:
    """Runs the file as the main program; its exit code. Tracebacks begin in its lines, without this launcher's."""
    sys.argv = [path]
    # progress_lib is imported already, and ROOT cannot be read any more.
    sys.path[:] = [directory for directory in sys.path if directory != ROOT]
    program = ModuleType("__main__")
    program.__file__ = path
    sys.modules["__main__"] = program  # by which a failure knows which lines are the program's own
    with open(path, encoding="utf-8") as file:
        source = file.read()
    try:
        exec(compile(source, path, "exec"), program.__dict__)  # noqa: S102 (the program of the run)
    except SystemExit as ended:
        return _exit_code(ended)
    except Exception as error:
        frames = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(frames), frames)
        return FAILED
    return 0


def _exit_code(ended: SystemExit) -> int:
    """As Python's own: a text goes to stderr, and is a failure."""
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return FAILED


def end(code: int) -> NoReturn:
    """Ends without freeing, object by object, what the system frees at once: that takes 20 ms."""
    for stream in (sys.stdout, sys.stderr):
        # Nobody reads it any more, or a node's code closed it, or put something else there: rows are written all the same
        with suppress(Exception):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1]))
