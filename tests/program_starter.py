"""Runs programs without an interpreter's start for each: it has imported what they need, and forks.

python -m tests.program_starter FD: FD is a socket on which each message asks for one program. A program that is
measured, limited or killed is started for itself (tests/programs.py, `start`).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
from typing import Any

from jobs.sandbox.run_confined import NEEDED, run_program
from program_lib.engine import open_here

LARGEST = 1 << 20  # bytes of a message
OFTEN_NEEDED = (  # by programs of tests; in the product, only by those that name such files and databases
    *("program_lib.databases.sqlite.reader", "program_lib.databases.sqlite.writer"),
    *("program_lib.databases.postgresql.reader", "program_lib.databases.postgresql.writer"),
    *("program_lib.databases.mysql.reader", "program_lib.databases.mysql.writer"),
    *("program_lib.parquet_files", "program_lib.ndjson_files", "program_lib.join"),
    *("sqlalchemy.dialects.mysql.pymysql", "sqlalchemy.dialects.postgresql.psycopg"),
)


def main(number: int) -> None:
    for module in NEEDED + OFTEN_NEEDED:
        importlib.import_module(module)
    open_here()  # as in the product's spare interpreters: 30 ms of a program that computes
    gc.freeze()
    with socket.socket(fileno=number) as asks:
        while True:
            asked, descriptors, _, _ = socket.recv_fds(asks, LARGEST, 1)
            if not asked:
                return
            [stderr] = descriptors
            pid = os.fork()
            if pid == 0:
                asks.close()
                _become(json.loads(asked), stderr)
            os.close(stderr)
            asks.send(str(pid).encode())
            _, status = os.waitpid(pid, 0)
            asks.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(asked: dict[str, Any], stderr: int) -> None:
    os.dup2(stderr, 2)
    os.close(stderr)
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    code = 1
    try:
        code = run_program(asked["program"])
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
