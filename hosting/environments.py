"""The environment of each process of the product, which its user can read in /proc/<pid>/environ.

The URLs of connections hold passwords and are for the runner alone. The gunicorn master gets them in its
environment, puts them into a file in memory and executes itself again without them. The supervisor passes them
to the runner.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping

from jobs.sandbox.connections import PREFIX

ASIDE = "CONNECTIONS_FD"  # variable with the descriptor of the file in memory
OF_THE_WEB = ("JWT_SECRET", "JWT_SECRET_PREVIOUS", "METRICS_TOKEN")
OF_OURS = (
    "DATABASE_URL",
    "NATS_URL",
    ASIDE,
)  # left out for nats-server, like all that looks secret
_SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|CONNECTION_|HEADERS", re.I)


def put_connections_aside() -> None:
    """Executes the gunicorn master again without CONNECTION_*. Does nothing when there are none."""
    found = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if not found or not hasattr(os, "memfd_create"):
        return
    number = os.memfd_create("connections")
    with open(number, "w", closefd=False) as file:
        json.dump(found, file)
    os.set_inheritable(number, True)
    kept = {name: value for name, value in os.environ.items() if name not in found}
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, command, {**kept, ASIDE: str(number)})  # noqa: S606


def aside() -> tuple[int, ...]:
    """The descriptor of the file in memory, for `pass_fds`."""
    number = os.environ.get(ASIDE, "")
    return (int(number),) if number.isdigit() else ()


def close_aside() -> None:
    """Closes the file in memory in a web worker, which needs no connections."""
    for number in aside():
        os.close(number)
    os.environ.pop(ASIDE, None)


def for_supervisor(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    return _without(ours, OF_THE_WEB)


def for_runner(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Without METRICS_PORT: the web server tells the figures of its own runner."""
    return {**_without(ours, (*OF_THE_WEB, ASIDE, "METRICS_PORT")), **_connections()}


def for_nats(ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    fitting = _without(ours, OF_OURS)
    return {name: value for name, value in fitting.items() if not _SECRET.search(name)}


def _without(ours: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in ours.items() if name not in names}


def _connections() -> dict[str, str]:
    for number in aside():
        size = os.fstat(number).st_size
        found: dict[str, str] = json.loads(os.pread(number, size, 0))
        return found
    return {}
