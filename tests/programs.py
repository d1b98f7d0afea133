"""Programs as tests run them: a graph in a few words, the program made from it, what it did."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_program
from jobs.sandbox.allowance import Allowance
from jobs.sandbox.interpreters import interpreter_environment
from settings.defaults import ProgramRules

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "tests" / "jobs" / "recording"  # has a progress_lib that writes down everything
PATHS = f"{RECORDING}{os.pathsep}{ROOT}"
PYTHON = (sys.executable, "-W", "error::SyntaxWarning")
PROGRAM_DEADLINE = 60  # seconds


def allowance(*roots: Path | str, of: str | None = None, **rules: Any) -> Allowance:
    """What programs with these data roots are given, by a runner of the tenant `of`.

    Without `spares`, a runner keeps no interpreter ready: each costs a second of a core, and most tests run one program.
    """
    return Allowance(ProgramRules(tuple(map(str, roots)), **{"spares": 0, **rules}), of)


def node(node_id: int, node_type: str, /, name: str | None = None, **config: Any) -> dict[str, Any]:
    """A node of a graph document; `config` without the fields that are None."""
    given = {field: value for field, value in config.items() if value is not None}
    return {"id": node_id, "type": node_type, "name": name or f"Node {node_id}", "config": given}


def graph(
    nodes: Sequence[dict[str, Any]], edges: Iterable[tuple[int | str, ...]]
) -> dict[str, Any]:
    """A graph document of nodes and edges: (from, to), and where there are several, the output and the input."""
    members = ("from", "to", "fromPort", "toPort")
    made = [dict(zip(members, edge, strict=False)) for edge in edges]
    return {"nodes": list(nodes), "edges": made}


def chain(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A graph document in which each node feeds the next."""
    numbers = [entry["id"] for entry in nodes]
    return graph(nodes, pairwise(numbers))


def program_of(document: dict[str, Any], **about: Any) -> str:
    """The program made from a graph document."""
    given = {"job_id": 7, "tenant_id": "default", "job_name": "A job", **about}
    return generate_program(parse_graph(document), **given)


@dataclass(frozen=True)
class Outcome:
    """What a program did: its exit code, what it wrote on stderr, its progress in order."""

    code: int
    stderr: str
    progress: list[dict[str, Any]]

    def of_node(self, node_id: int) -> list[dict[str, Any]]:
        return [entry for entry in self.progress if entry["node_id"] == node_id]

    def last(self, node_id: int) -> dict[str, Any]:
        return self.of_node(node_id)[-1]

    def state(self, node_id: int) -> tuple[str, int]:
        """The status and the rows that a node reported last."""
        last = self.last(node_id)
        return last["status"], last["row_count"]

    def reason(self, node_id: int) -> str:
        """Why a node failed."""
        last = self.last(node_id)
        assert last["status"] == "failed", last
        return str(last["message"])


def start(
    document: dict[str, Any], data_dir: Path, *, prefix: Sequence[str] = (), **environment: str
) -> subprocess.Popen[str]:
    """Start the program of a graph document in an interpreter of its own."""
    source = _source(document, data_dir)
    return subprocess.Popen(
        [*prefix, *PYTHON, str(source)],
        cwd=data_dir,
        env=_environment(data_dir, environment),
        stderr=subprocess.PIPE,
        text=True,
    )


def _source(document: dict[str, Any], data_dir: Path) -> Path:
    source = data_dir / "program.py"
    source.write_text(program_of(document), encoding="utf-8")
    return source


def _environment(data_dir: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {
        **interpreter_environment(),
        "PYTHONPATH": PATHS,
        "PROGRESS_FILE": str(data_dir / "progress.jsonl"),
        "DATA_DIR": str(data_dir),
        **more,
    }


def outcome(process: subprocess.Popen[str], data_dir: Path) -> Outcome:
    """Wait for a program's end, and tell what it did."""
    _, stderr = process.communicate(timeout=PROGRAM_DEADLINE)
    return Outcome(process.returncode, stderr, _progress(data_dir))


def _progress(data_dir: Path) -> list[dict[str, Any]]:
    progress = data_dir / "progress.jsonl"
    lines = progress.read_text().splitlines() if progress.exists() else []
    return [json.loads(line) for line in lines]


def run(
    document: dict[str, Any], data_dir: Path, *, prefix: Sequence[str] = (), **environment: str
) -> Outcome:
    """Make the program of a graph document, run it to its end, tell what it did.

    Without a prefix, or a path of its own, it is forked from an interpreter that has imported what it needs: 20 ms instead of 500.
    """
    if prefix or "PYTHONPATH" in environment:
        return outcome(start(document, data_dir, prefix=prefix, **environment), data_dir)
    with (data_dir / "stderr").open("w+b") as stderr:
        asked = {
            "program": str(_source(document, data_dir)),
            "directory": str(data_dir),
            "environment": _environment(data_dir, environment),
        }
        code = _starter().run(asked, stderr.fileno())
        stderr.seek(0)
        told = stderr.read().decode()
    (data_dir / "stderr").unlink()
    return Outcome(code, told, _progress(data_dir))


class _Starter:
    """The process of tests/program_starter.py; it ends when this one does."""

    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asks.settimeout(PROGRAM_DEADLINE)
        with theirs:
            subprocess.Popen(
                [*PYTHON, "-P", "-m", "tests.program_starter", str(theirs.fileno())],
                cwd=ROOT,
                env={**interpreter_environment(), "PYTHONPATH": PATHS},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def run(self, asked: dict[str, Any], stderr: int) -> int:
        socket.send_fds(self._asks, [json.dumps(asked).encode()], [stderr])
        pid = int(self._asks.recv(100))
        try:
            return int(self._asks.recv(100))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._asks.recv(100)
            raise


@cache
def _starter() -> _Starter:
    return _Starter()


def execute(path: Path, *statements: str) -> None:
    """Execute statements in a SQLite database."""
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def rows_of(path: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query in a SQLite database."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def make_numbers(path: Path, count: int) -> None:
    """A table `numbers` with n from 1 to `count`, and a text of ten letters beside each."""
    execute(
        path,
        "CREATE TABLE numbers (n INTEGER PRIMARY KEY, label TEXT NOT NULL)",
        "INSERT INTO numbers WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
        f" WHERE n < {count}) SELECT n, printf('label%05d', n % 100000) FROM c",
    )
