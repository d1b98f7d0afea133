"""A signal that comes while DuckDB or SQLite works on the main thread ends the program all the same."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from program_lib.databases.sqlite.gate import SqliteGate
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.nodes import Output, Source
from program_lib.process import stopping
from program_lib.types import INTEGER, Column, Schema
from tests.harness import ROOT
from tests.program_lib.in_memory import Rows, ran

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

# A stop just when the thread beside the main one was started
STARTED = """
import os, signal, threading
from program_lib.program import handle_signals
from program_lib.two_threads import in_two_threads

start = threading.Thread.start

def stopped(thread):
    start(thread)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread.start = stopped
handle_signals()
in_two_threads(str, [1, 2])
"""


def test_a_stop_while_a_thread_is_started_leaves_nobody_waiting() -> None:
    """The program stood still at its exit, until it was killed."""
    command = [sys.executable, "-c", STARTED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == -signal.SIGTERM, done


def test_a_stop_is_not_lost_in_duckdb() -> None:
    command = [sys.executable, "-c", STOPPED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.stdout.split() == ["143"] * 12, done


def test_a_stop_in_a_callback_of_sqlite_is_no_failure_of_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was cancelled in such a moment failed with “not authorized”."""
    monkeypatch.setattr(stopping, "_came", [])
    allows = SqliteGate.allows

    def stopped(gate: SqliteGate, action: int, first: str, second: str) -> bool:
        if (action, first) == (sqlite3.SQLITE_INSERT, "t"):
            stopping.stop(signal.SIGTERM)
        return allows(gate, action, first, second)

    monkeypatch.setattr(SqliteGate, "allows", stopped)
    schema = Schema([Column("n", INTEGER)])
    rows = Rows(schema, [pa.table({"n": [1]}, schema=schema.arrow())])
    writer = SqliteWriter(tmp_path / "t.db", "t", "create")
    with pytest.raises(SystemExit) as left:
        ran(Source(1, "From", lambda: rows, feeds=[2]), Output(2, "To", lambda: writer))
    assert left.value.code == 128 + signal.SIGTERM
