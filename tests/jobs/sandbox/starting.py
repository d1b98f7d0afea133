"""Programs that are started by Interpreters as a runner starts them, and the processes that these are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from jobs.sandbox.interpreters import Fresh, Interpreters, interpreter_environment
from jobs.sandbox.warm.warm_interpreter import Forked

RUN = "RUN_ID=0123456789abcdef0123456789abcdef"
Started = Fresh | Forked


@contextlib.contextmanager
def opened(spares: int = 1) -> Iterator[Interpreters]:
    made = Interpreters(spares)
    try:
        made.open()
        yield made
    finally:
        made.close()


def run(
    interpreters: Interpreters, directory: Path, code: str, mark: str = RUN, **more: str
) -> Started:
    process = waiting(interpreters, directory, code, mark, **more)
    process.release()
    return process


def waiting(
    interpreters: Interpreters, directory: Path, code: str, mark: str = RUN, **more: str
) -> Started:
    """It waits for its release, if it is forked."""
    name, _, value = mark.partition("=")
    program = directory / "program.py"
    program.write_text(code)
    environment = {**interpreter_environment(), name: value, **more}
    return interpreters.run(program, environment, mark)


def outcome(process: Started) -> tuple[int, str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as out, process.stderr as err:
        said = out.read().decode(), err.read().decode()
    return (process.wait(), *said)
