"""Processes that are measured: ours is the program of a graph, the other is a script by hand."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from bench.programs import by_hand, timed
from bench.programs.jobs import Job
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_program
from jobs.sandbox.interpreters import Interpreters, interpreter_environment

SCRIPTS = Path(by_hand.__file__).parent
TIMED = Path(timed.__file__)


class Failed(Exception):
    """A process ended with an error."""


class Differs(Exception):
    """What was written is not what the other one wrote."""


@dataclass(frozen=True)
class Took:
    """What one process took."""

    seconds: float
    cpu: float  # seconds, of user and system
    megabytes: float  # of memory, at its peak

    def figures(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """Where inputs lie, and what programs reach."""

    directory: Path
    nats_url: str
    postgresql_url: str | None
    is_fresh: bool  # our programs start in an interpreter of their own, not in a fork of a warm one

    def run_ours(self, job: Job) -> tuple[Took, Any]:
        """The time of our program, and what tells its result."""
        self._clear(job)
        program = generate_program(
            parse_graph(job.graph()), job_id=1, tenant_id="default", job_name=job.title
        )
        (self.directory / "program.py").write_text(program, encoding="utf-8")
        if self.is_fresh:
            took = self._run([sys.executable, "program.py"], interpreter_environment())
        else:
            took = self._fork()
        return took, self._result(job, "ours")

    def run_by_hand(self, job: Job) -> tuple[Took, Any]:
        self._clear(job)
        script = str(SCRIPTS / f"{job.by_hand}.py")
        command = [sys.executable, script, *self._arguments(job)]
        took = self._run(command, {"PATH": os.environ["PATH"]})
        return took, self._result(job, "by_hand")

    def _arguments(self, job: Job) -> list[str]:
        if job.is_postgresql:
            assert self.postgresql_url is not None
            return [self.postgresql_url]
        return [f"in.{_ENDINGS[job.source]}", f"out.{_ENDINGS[job.target]}"]

    def _run(self, command: list[str], environment: Mapping[str, str]) -> Took:
        log = self.directory / "log.txt"
        asked = subprocess.run(
            [sys.executable, "-I", "-S", str(TIMED), str(log), *command],
            cwd=self.directory,
            env={**environment, **self._of_program()},
            stdout=subprocess.PIPE,
            check=True,
        )
        figures = json.loads(asked.stdout)
        if (code := figures.pop("code")) != 0:
            raise Failed(f"{command} ended with {code}:\n{log.read_text()[-2_000:]}")
        return Took(**figures)

    def _fork(self) -> Took:
        """As a runner does it: with an interpreter that is warm already."""
        interpreters = Interpreters(1)
        try:
            interpreters.open()
            self._forked(interpreters, self._nothing())
            return self._forked(interpreters, self.directory / "program.py")
        finally:
            interpreters.close()

    def _nothing(self) -> Path:
        program = self.directory / "nothing.py"
        program.touch()
        return program

    def _forked(self, interpreters: Interpreters, program: Path) -> Took:
        environment = {**interpreter_environment(), **self._of_program(), "BENCH": "1"}
        began = time.perf_counter()
        process = interpreters.run(program, environment, "BENCH=1")
        process.release()
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout as out, process.stderr as err:
            said = out.read() + err.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if (code := os.waitstatus_to_exitcode(status)) != 0:
            raise Failed(f"{program} ended with {code}:\n{said.decode()[-2_000:]}")
        return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def _of_program(self) -> dict[str, str]:
        """What a runner tells a program in its environment."""
        told = {"DATA_DIR": str(self.directory), "NATS_URL": self.nats_url}
        if self.postgresql_url is not None:
            told["CONNECTION_PG"] = self.postgresql_url.replace(":", "+psycopg:", 1)
        return told

    def _clear(self, job: Job) -> None:
        """Takes away what the run before wrote, and has its pages written: they are not this one's."""
        for path in self.directory.glob("out.*"):
            path.unlink()
        if job.is_postgresql:
            assert self.postgresql_url is not None
            with psycopg.connect(self.postgresql_url, autocommit=True) as database:
                database.execute("DROP TABLE IF EXISTS ours, by_hand")
                database.execute("CHECKPOINT")
        os.sync()

    def _result(self, job: Job, table: str) -> Any:
        """How many rows were written, and sums over them: the same for both, or one of them is wrong."""
        if job.target == "csv":
            return _summed(self.directory / "out.csv")
        sums = "SELECT count(*), sum(id), round(sum(amount)), count(DISTINCT note)"
        if job.computes:
            sums += ", round(sum(CAST(total AS DECIMAL))), count(DISTINCT up)"
        if job.target == "sqlite":
            with closing(sqlite3.connect(self.directory / "out.db")) as database:
                return list(map(int, database.execute(f"{sums} FROM t").fetchone()))
        assert self.postgresql_url is not None
        with psycopg.connect(self.postgresql_url) as server:
            found = server.execute(f"{sums} FROM {table}").fetchone()
        assert found is not None
        return list(map(int, found))


def _summed(path: Path) -> list[int]:
    """How many rows a file has, and a sum over all of them, in whatever order they are."""
    sums = "SELECT count(*), sum(CAST(hash(line) AS HUGEINT))"
    with duckdb.connect() as database:
        [found] = database.execute(f"{sums} FROM read_csv(?) AS line", [str(path)]).fetchall()
    return [int(value or 0) for value in found]


_ENDINGS = {"csv": "csv", "sqlite": "db"}


def one_turn(place: Place, job: Job) -> dict[str, dict[str, float]]:
    """Ours, then by hand. Raises Failed and Differs."""
    ours, our_result = place.run_ours(job)
    other, other_result = place.run_by_hand(job)
    if our_result != other_result:
        raise Differs(f"{job.title}: ours gives {our_result}, by hand it is {other_result}")
    return {"ours": ours.figures(), "by_hand": other.figures()}
