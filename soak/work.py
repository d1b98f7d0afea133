"""The jobs of a soak, and the people who execute and cancel them.

Each execution has a stamp in its graph and writes it, which shows whether it happened exactly once. Some
jobs read a table at full speed. Others read a pipe that this process fills, which decides how long they take.
"""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosting.trial.product import Answer
from jobs.store.runs.run_states import ENDS
from soak.ledgers import Ledger
from soak.product import Away, Product

SOURCE_ROWS = 60_000  # a second or two of work
KEEP_EVERY = 500  # rows read for each row that is written
DRIP_ROWS = 1_000  # rows a tick: one batch of a program
DRIP_TICK = 0.25  # seconds
PIPE_LOOK = 0.05  # seconds between two looks at the pipes
LOOK = 0.4  # seconds between two looks at a run
# Seconds. The slowest end comes 45 s after a fault, and faults may follow each other.
STUCK_AFTER = 120.0
FAILING_EXPRESSION = "1 / (n - {row})"


@dataclass(slots=True)
class Attempt:
    """One attempt to execute a job, and what the product answered. (worker's thread)"""

    stamp: str
    job_id: int
    kind: str
    rows: int  # rows that the run writes when it completes
    fails: bool
    started: float = field(default_factory=time.time)
    run_ids: set[str] = field(default_factory=set)  # more than one: executed twice
    cancel_asked: bool = False
    ended_as: str | None = None  # the first end that GET returned


class Drip:
    """Fills the pipes that programs read, a batch each tick, on its own thread. Each directory has one, as the program may be anywhere."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self._directories = directories
        for directory in directories:
            directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._pipes: dict[str, list[_Pipe]] = {}  # (lock) by stamp
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._fill, name="drip", daemon=True)
        self._thread.start()

    def add(self, stamp: str, ticks: int) -> None:
        paths = [directory / f"{stamp}.csv" for directory in self._directories]
        for path in paths:
            os.mkfifo(path)
        with self._lock:
            self._pipes[stamp] = [_Pipe(path, ticks) for path in paths]

    def drop(self, stamp: str) -> None:
        with self._lock:
            pipes = self._pipes.pop(stamp, [])
        for pipe in pipes:
            pipe.close()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5.0)
        for stamp in list(self._pipes):
            self.drop(stamp)

    def _fill(self) -> None:
        while not self._stopping.wait(PIPE_LOOK):
            with self._lock:
                for pipe in itertools.chain.from_iterable(self._pipes.values()):
                    pipe.fill()


class _Pipe:
    """One pipe. Writes to it never block. (Drip's lock)"""

    def __init__(self, path: Path, ticks: int) -> None:
        self._path = path
        self._ticks = ticks
        self._done = 0
        self._due = 0.0
        self._left = b"n\n"
        self._descriptor: int | None = None
        self._is_over = False

    def fill(self) -> None:
        if self._is_over:
            return
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            self._write()
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._end()  # the program that reads it has ended
        except OSError:
            return  # no program reads yet

    def _write(self) -> None:
        assert self._descriptor is not None
        if self._left:
            self._left = self._left[os.write(self._descriptor, self._left) :]
        elif self._done >= self._ticks:
            self._end()
        elif time.monotonic() >= self._due:
            first = self._done * DRIP_ROWS
            self._left = b"".join(b"%d\n" % n for n in range(first + 1, first + DRIP_ROWS + 1))
            self._done += 1
            self._due = time.monotonic() + DRIP_TICK

    def _end(self) -> None:
        self._is_over = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def close(self) -> None:
        self._end()
        self._path.unlink(missing_ok=True)


class Places:
    """Where the jobs read and write, in each server's DATA_DIR."""

    def __init__(self, data_dirs: Sequence[Path]) -> None:
        self._data_dirs = data_dirs

    def make(self) -> None:
        for data_dir in self._data_dirs:
            (data_dir / "exports").mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(data_dir / "source.db") as database:
                database.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
                rows = ((n,) for n in range(1, SOURCE_ROWS + 1))
                database.executemany("INSERT INTO numbers VALUES (?)", rows)
            database.close()

    def exported(self, stamp: str) -> int | None:
        """How many rows an exported file has; None when there is no file."""
        paths = [data_dir / "exports" / f"{stamp}.csv" for data_dir in self._data_dirs]
        found = [path.read_text().splitlines() for path in paths if path.exists()]
        return sum(len(lines) - 1 for lines in found) if found else None


KINDS = ("table to ledger", "pipe to ledger", "pipe to ledger, fails", "table to file")
POSTGRESQL_KINDS = ("table to PostgreSQL", "pipe to PostgreSQL")  # where the soak has one
MARIADB_KINDS = ("table to MariaDB", "pipe to MariaDB")


def graph(kind: str, ledger: Ledger, stamp: str, fail_row: int) -> dict[str, Any]:
    """Input → map that stamps (and may fail) → filter → output."""
    columns = [{"column": "stamp", "expression": f"'{stamp}'"}]
    if kind.endswith("fails"):
        columns.append({"column": "risk", "expression": FAILING_EXPRESSION.format(row=fail_row)})
    table = {"connection": "sqlite:///source.db", "table": "numbers"}
    pipe = {"path": f"drip/{stamp}.csv", "numbers": ["n"]}
    ledger_table = {"connection": ledger.connection, "table": ledger.table, "mode": "append"}
    file = {"path": f"exports/{stamp}.csv"}
    is_pipe, is_file = kind.startswith("pipe"), kind.endswith("file")
    parts: list[tuple[str, dict[str, Any]]] = [
        ("csv_input", pipe) if is_pipe else ("db_input", table),
        ("map", {"columns": columns, "keep": ["n"]}),
        ("filter", {"condition": f"n % {KEEP_EVERY} == 0"}),
        ("map", {"columns": [], "keep": ["stamp", "n"]}),
        ("csv_output", file) if is_file else ("db_output", ledger_table),
    ]
    nodes = [
        {"id": number, "type": name, "name": f"Node {number}", "config": config}
        for number, (name, config) in enumerate(parts, 1)
    ]
    return {"nodes": nodes, "edges": [{"from": n, "to": n + 1} for n in range(1, len(nodes))]}


class Worker:
    """One person with one job: executes it again and again, and cancels some runs. One thread."""

    def __init__(
        self,
        servers: Sequence[Product],
        drip: Drip,
        kind: str,
        ledger: Ledger,
        number: int,
        seed: int,
        complain: Callable[[str], None],
    ) -> None:
        self.kind = kind
        self.ledger = ledger
        self.attempts: list[Attempt] = []  # (own thread, until it ends)
        self.repeats = 0  # executes sent again with the same key
        self.errors_seen: dict[str, int] = {}
        self.job_id = 0
        self._servers = itertools.cycle(servers)  # each request is the next one's
        self._drip = drip
        self._number = number
        self._chance = random.Random(f"{seed}:worker:{number}")
        self._complain = complain
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)

    def make_job(self) -> None:
        self.ledger.make()
        body = {"name": f"{self.kind} {self._number}", "graph": {"nodes": [], "edges": []}}
        answer = next(self._servers).ask("POST", "/api/jobs", body)
        assert answer.status == 201, answer
        self.job_id = int(answer.json()["id"])

    def stop(self) -> None:
        """Starts no more runs. The worker still follows the run under way to its end."""
        self._stopping.set()

    def _work(self) -> None:
        while not self._stopping.wait(self._chance.uniform(0.3, 3.0)):
            attempt = self._prepared()
            try:
                if not self._execute(attempt):
                    return
                self._see_to_end(attempt)
            finally:
                self._drip.drop(attempt.stamp)

    def _prepared(self) -> Attempt:
        stamp = f"s{self._number}x{len(self.attempts)}"
        ticks = self._chance.randint(4, 36)
        fail_row = self._chance.randint(1, ticks * DRIP_ROWS)
        is_pipe = self.kind.startswith("pipe")
        rows = (ticks * DRIP_ROWS if is_pipe else SOURCE_ROWS) // KEEP_EVERY
        attempt = Attempt(stamp, self.job_id, self.kind, rows, self.kind.endswith("fails"))
        self.attempts.append(attempt)
        if is_pipe:
            self._drip.add(stamp, ticks)
        document = graph(self.kind, self.ledger, stamp, fail_row)
        body = {"name": f"{self.kind} {self._number}", "graph": document}
        self._insist("PUT", f"/api/jobs/{self.job_id}", body)
        return attempt

    def _execute(self, attempt: Attempt) -> bool:
        """Repeats an execute until it is answered; the idempotency key makes it one run. False when it never is."""
        clicks = self._chance.choice((1, 1, 2))
        for _ in range(clicks):
            headers = {"Idempotency-Key": attempt.stamp}
            answer = self._insist("POST", f"/api/jobs/{self.job_id}/execute", None, headers)
            if answer is None:
                return bool(attempt.run_ids)
            if answer.status != 202:
                self._complain(
                    f"execute of {attempt.stamp}: {answer.status} {answer.body[:300]!r}, not 202"
                )
                return False
            attempt.run_ids.add(str(answer.json()["runId"]))
        return True

    def _see_to_end(self, attempt: Attempt) -> None:
        run_id = min(attempt.run_ids)
        deadline = time.monotonic() + STUCK_AFTER
        cancel_at = None
        if self._chance.random() < 0.25:
            cancel_at = time.monotonic() + self._chance.uniform(0.0, 5.0)
        while time.monotonic() < deadline:
            if cancel_at is not None and time.monotonic() >= cancel_at:
                cancel_at = None
                attempt.cancel_asked = True
                self._insist("POST", f"/api/runs/{run_id}/cancel", {})
            status = self._status(run_id)
            if status in ENDS:
                attempt.ended_as = status
                return
            time.sleep(LOOK)
        self._complain(f"run {run_id} ({attempt.stamp}) has not ended within {STUCK_AFTER:g} s")

    def _status(self, run_id: str) -> str | None:
        try:
            answer = next(self._servers).ask("GET", f"/api/runs/{run_id}")
        except Away:
            return None
        if answer.status == 404:
            self._complain(f"run {run_id} was answered with 202 and is not found")
        return str(answer.json()["status"]) if answer.status == 200 else None

    def _insist(
        self, method: str, path: str, body: object, headers: dict[str, str] | None = None
    ) -> Answer | None:
        """Asks until an answer other than 5xx comes; None when that takes too long."""
        deadline = time.monotonic() + STUCK_AFTER
        while time.monotonic() < deadline:
            try:
                answer = next(self._servers).ask(method, path, body, headers)
                if answer.status < 500:
                    return answer
                reason = f"{answer.status}"
            except Away:
                reason = "no answer"
            self.errors_seen[reason] = self.errors_seen.get(reason, 0) + 1
            self.repeats += 1
            time.sleep(LOOK)
        self._complain(f"{method} {path} was not answered within {STUCK_AFTER:g} s")
        return None
