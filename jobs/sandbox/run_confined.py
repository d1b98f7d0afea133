"""Confines its own process, then runs a generated program in it: python -P -m jobs.sandbox.run_confined program.py

Runners start programs this way. CONFINED_TO says what the program may reach (jobs/sandbox/confinement.py
makes it). A program that is started by hand needs neither.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import progress_lib
from jobs.sandbox import landlock

ROOT = str(Path(progress_lib.__file__).resolve().parent.parent)
PYTHON = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
# What the C library and OpenSSL read: shared libraries, host names, time zones, certificates
SYSTEM = (
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
)
FAILED = 1  # exit code


def main(path: str) -> int:
    """The exit code of the program; 1, with the reason on stderr, when it cannot be confined."""
    wanted = os.environ.pop("CONFINED_TO", None)
    if wanted is not None:
        try:
            _confine(json.loads(wanted))
        except OSError as error:
            print(f"the program was not started: it cannot be confined ({error})", file=sys.stderr)
            return FAILED
    return _run(path)


def _confine(wanted: dict[str, list[str]]) -> None:
    code = [directory for directory in sys.path if directory and directory != ROOT]
    libraries = [f"{prefix}/lib" for prefix in PYTHON] + [f"{prefix}/lib64" for prefix in PYTHON]
    own = [f"{ROOT}/progress_lib", "/proc/self"]
    landlock.confine(
        write=[*wanted["write"], "/dev/null"],
        read=[*wanted["read"], *own, *code, *libraries, *SYSTEM],
    )


def _run(path: str) -> int:
    """Runs the file as the main program. Tracebacks begin in its lines, without this launcher's."""
    sys.argv = [path]
    # progress_lib is imported already, and ROOT cannot be read any more.
    sys.path[:] = [directory for directory in sys.path if directory != ROOT]
    program: dict[str, Any] = {
        "__name__": "__main__",
        "__file__": path,
        "__builtins__": __builtins__,
    }
    with open(path, encoding="utf-8") as file:
        source = file.read()
    try:
        exec(compile(source, path, "exec"), program)  # noqa: S102 (the program of the run)
    except Exception as error:
        frames = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error, frames)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
