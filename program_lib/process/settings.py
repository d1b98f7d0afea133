"""What a program reads from its environment; each value has a default for a program that is started by hand.

Read when first asked for, not when imported: an interpreter may be ready before its program, and the
program's environment, are named (jobs/sandbox/interpreters.py).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from progress_lib.reporting import environment


def environ_or(name: str, otherwise: str) -> str:
    """A variable of the environment; the value that stands in the program where it is not set, or empty."""
    return os.environ.get(name) or otherwise


def nats_url() -> str:
    return environment.nats_url()


def run_id() -> str | None:
    return os.environ.get("RUN_ID") or None


def last_words() -> str | None:
    """The file in which each node's last state is left."""
    return os.environ.get("LAST_WORDS") or None


def committing() -> str | None:
    """The file that names each output whose commit has begun."""
    return os.environ.get("COMMITTING") or None


def temporary_directory() -> str | None:
    """Where temporary files lie: the run's directory; None: where the system has them."""
    return os.environ.get("TMPDIR")


@cache
def data_dir() -> Path:
    """Where files with a relative path lie."""
    return Path(environ_or("DATA_DIR", ".")).resolve()


def as_in_graph(path: str) -> str:
    """A path in DATA_DIR as a node names it; any other one as it is."""
    return path.removeprefix(f"{data_dir()}{os.sep}")


@cache
def data_roots() -> tuple[Path, ...]:
    """All files lie in one of these …"""
    return tuple(map(Path, environ_or("DATA_ROOTS", str(data_dir())).split(os.pathsep)))


@cache
def not_data() -> tuple[str, ...]:
    """… but for these paths, which are the server's own."""
    return tuple(environ_or("NOT_DATA", "").split(os.pathsep))


_is_preview = False


def note_preview() -> None:
    """From now on this process looks for the first rows alone."""
    global _is_preview
    _is_preview = True


def is_preview() -> bool:
    return _is_preview
