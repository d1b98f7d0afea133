"""A signal that comes while DuckDB works on the main thread ends the program all the same."""

from __future__ import annotations

import subprocess
import sys

from tests.harness import ROOT

# Each child computes until it is told to stop, at another moment of its work each time
STOPPED = """
import os, signal, threading, time
import pyarrow as pa
from program_lib import engine
from program_lib.expressions import compile_expression, parse
from program_lib.program import handle_signals
from program_lib.types import INTEGER, Column, Schema

schema = Schema([Column("n", INTEGER)])
wanted = [compile_expression(parse("1 // (n % 1000)"), schema)]
rows = pa.table([pa.array([5] * 20_000 + [0])], schema=schema.arrow())
for number in range(12):
    child = os.fork()
    if child == 0:
        handle_signals()
        threading.Timer(0.05 + number * 0.003, os.kill, (os.getpid(), signal.SIGTERM)).start()
        until = time.monotonic() + 10.0
        while time.monotonic() < until:
            try:
                engine.evaluate(wanted, rows)
            except Exception:
                pass  # a row at fault, as where rows are rejected
        os._exit(1)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)  # or the next child prints it, too
"""


def test_a_stop_is_not_lost_in_duckdb() -> None:
    command = [sys.executable, "-c", STOPPED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.stdout.split() == ["143"] * 12, done
