"""What a program reads from its environment; each has a default for a program that is started by hand."""

from __future__ import annotations

import os
from pathlib import Path

NATS_URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
RUN_ID = os.environ.get("RUN_ID")
LAST_WORDS = os.environ.get("LAST_WORDS")  # the file in which each node's last state is left
DATA_DIR = Path(os.environ.get("DATA_DIR", ".")).resolve()  # where relative files lie
# All files lie in one of these …
DATA_ROOTS = os.environ.get("DATA_ROOTS", str(DATA_DIR)).split(os.pathsep)
# … but for these, which are the server's own
NOT_DATA = os.environ.get("NOT_DATA", "").split(os.pathsep)


def environ_or(name: str, otherwise: str) -> str:
    """A variable of the environment, else the value that stands in the program."""
    return os.environ.get(name, otherwise)
