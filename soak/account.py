"""The account of a soak: checks what must hold of each run and each client, and prints a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jobs.store.runs.run_states import ENDS
from soak.database import Postgresql
from soak.faults import Fault, Kinds
from soak.ledgers import by_stamp
from soak.mariadb import Mariadb
from soak.watchers import Watcher
from soak.work import MARIADB_KINDS, POSTGRESQL_KINDS, Attempt, Places, Worker

MARGIN = 2.0  # seconds around a run in which a fault explains its end
SERVER_STOPPED = "the server was stopped"
# Kind of a job → the part of the soak whose end ends its run
SERVERS = {
    **dict.fromkeys(POSTGRESQL_KINDS, Postgresql.role),
    **dict.fromkeys(MARIADB_KINDS, Mariadb.role),
}
STARTED = re.compile(r"run (\S+) of job \d+ starts")


class RunAccount:
    """Checks the attempts against the runs in the database, and both against what the runs have written."""

    def __init__(
        self,
        workers: list[Worker],
        faults: list[Fault],
        places: Places,
        log_files: Iterable[Path],
    ) -> None:
        self.violations: list[str] = []
        self.ends: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._faults = faults
        self._places = places
        self._starts: Counter[str] = Counter()
        for log_file in log_files:
            self._starts.update(STARTED.findall(log_file.read_text(errors="replace")))
        self._workers = workers

    def check(self, runs: Mapping[int, list[dict[str, Any]]]) -> None:
        """`runs`: job id → all its runs as the API tells them, with `graph`."""
        for worker in self._workers:
            stamps = {run["runId"]: _stamp(run) for run in runs[worker.job_id]}
            by_id = {run["runId"]: run for run in runs[worker.job_id]}
            written = by_stamp(worker.ledger)
            for attempt in worker.attempts:
                self._check_attempt(attempt, by_id, stamps, written)
            known = {attempt.stamp for attempt in worker.attempts}
            for stamp in written.keys() - known:
                self._wrong(f"rows with a stamp that nobody gave: {stamp}")

    def _check_attempt(
        self,
        attempt: Attempt,
        by_id: Mapping[str, dict[str, Any]],
        stamps: Mapping[str, str],
        written: Mapping[str, list[int]],
    ) -> None:
        mine = {run_id for run_id, stamp in stamps.items() if stamp == attempt.stamp}
        for run_id in attempt.run_ids - mine:
            self._wrong(f"run {run_id} ({attempt.stamp}) was answered with 202 and is not there")
        if len(mine | attempt.run_ids) > 1:
            self._wrong(f"{attempt.stamp} was executed once and has runs {sorted(mine)}")
        for run_id in sorted(mine):
            self._check_run(attempt, by_id[run_id], written.get(attempt.stamp, []))

    def _check_run(self, attempt: Attempt, run: dict[str, Any], numbers: list[int]) -> None:
        status, name = run["status"], f"run {run['runId']} ({attempt.stamp}, {attempt.kind})"
        self.ends[status] += 1
        if status not in ENDS:
            self._wrong(f"{name} is stuck as {status}")
            return
        if attempt.ended_as not in (None, status):
            self._wrong(f"{name} was told as {attempt.ended_as} and is {status}")
        if self._starts[run["runId"]] > 1:
            self._wrong(f"{name} was started {self._starts[run['runId']]} times")
        self._check_reason(attempt, run, name)
        self._check_rows(attempt, run, name, numbers)
        self._check_nodes(run, name)

    def _check_reason(self, attempt: Attempt, run: dict[str, Any], name: str) -> None:
        status, reason = run["status"], run["reason"] or ""
        if status == "completed":
            is_explained = not attempt.fails
        elif status == "cancelled":
            stopped = self._hit(run, "runner", "SIGTERM") or self._hit(run, "master", "SIGTERM")
            is_explained = attempt.cancel_asked or (reason == SERVER_STOPPED and stopped)
        elif status == "lost":
            is_explained = self._hit(run, "runner", "kill -9")
        else:
            killed = [f for f in self._faults if f.run_id == run["runId"] and not f.lasted]
            is_explained = bool(killed) or (attempt.fails and "zero" in reason)
            written_by = SERVERS.get(attempt.kind)
            is_explained |= written_by is not None and self._hit(run, written_by, "kill -9")
        if not is_explained:
            self._wrong(f"{name} is {status} and no fault explains it: {reason[:300]!r}")

    def _hit(self, run: dict[str, Any], part: str, what: str) -> bool:
        first = (run["startedAt"] or run["createdAt"]) - MARGIN
        last = run["endedAt"] + MARGIN
        return any(
            fault.part == part
            and fault.what == what
            and fault.at <= last
            and first <= max(fault.at, fault.until)
            for fault in self._faults
        )

    def _check_rows(
        self, attempt: Attempt, run: dict[str, Any], name: str, numbers: list[int]
    ) -> None:
        count = len(numbers)
        if attempt.kind.endswith("file"):
            count = self._places.exported(attempt.stamp) or 0
        elif len(set(numbers)) != count:
            self._wrong(f"{name} wrote {count} rows, {len(set(numbers))} different ones: doubled")
        if count not in (0, attempt.rows):
            self._wrong(f"{name} is {run['status']} and wrote {count} of {attempt.rows} rows")
        elif run["status"] == "completed" and count == 0:
            self._wrong(f"{name} is completed and wrote nothing")
        elif run["status"] != "completed" and count:
            was_killed = run["status"] == "lost" or (run["exitCode"] or 0) not in (0, 1, 143)
            if was_killed:
                self.notes["killed between its commit and its end"] += 1
            else:
                self._wrong(f"{name} is {run['status']} ({run['reason']!r}) and wrote its rows")

    def _check_nodes(self, run: dict[str, Any], name: str) -> None:
        for node in run["nodes"]:
            if node["status"] == "running":
                self._wrong(f"{name} is {run['status']}, its node {node['nodeId']} still running")
            elif run["status"] == "completed" and node["status"] != "completed":
                self._wrong(f"{name} is completed, its node {node['nodeId']} {node['status']}")

    def _wrong(self, sentence: str) -> None:
        self.violations.append(sentence)


def _stamp(run: dict[str, Any]) -> str:
    for node in run["graph"]["nodes"]:
        for column in node["config"].get("columns", []):
            if column["column"] == "stamp":
                return str(column["expression"]).strip("'")
    return ""


def told_ends(watchers: Iterable[Watcher], runs: Iterable[dict[str, Any]]) -> list[str]:
    """A sentence for each client that was told another end of a run than the recorded one."""
    truth = {run["runId"]: run["status"] for run in runs}
    wrong = []
    for watcher in watchers:
        for run_id, ends in watcher.ear.ends.items():
            if ends != {truth.get(run_id)}:
                told = sorted(ends)
                wrong.append(
                    f"{watcher.name} was told {told} of run {run_id}, it is {truth.get(run_id)}"
                )
    return wrong


def fault_lines(kinds: Kinds, log: list[Fault], missed: int) -> list[str]:
    counts = Counter((fault.part, fault.what) for fault in log)
    lines = [f"  {part:<12} {what:<16} {counts[(part, what)]:>5}" for part, what, _ in kinds]
    return ["faults", *lines, f"  {'all':<29} {len(log):>5}   ({missed} found nothing to hit)"]


def run_lines(account: RunAccount, workers: list[Worker]) -> list[str]:
    errors: Counter[str] = Counter()
    for worker in workers:
        errors.update(worker.errors_seen)
    lines = ["runs"]
    lines += [f"  {status:<29} {account.ends[status]:>5}" for status in sorted(account.ends)]
    lines += [f"  {'all':<29} {sum(account.ends.values()):>5}"]
    lines += [f"  {note}: {count}" for note, count in account.notes.items()]
    told = ", ".join(f"{count} × {name}" for name, count in sorted(errors.items()))
    return [*lines, f"  requests sent again: {told or 'none'}"]


def client_lines(watchers: list[Watcher]) -> list[str]:
    closes: Counter[str] = Counter()
    for watcher in watchers:
        closes.update(watcher.tally.closes)
    connects = sum(w.tally.connects for w in watchers)
    rows = {
        "clients": len(watchers),
        "connections": connects,
        "reconnects": connects - len(watchers),
        "attempts that failed": sum(w.tally.failed_connects for w in watchers),
        "reloads": sum(w.tally.reloads for w in watchers),
        "messages heard": sum(w.ear.messages for w in watchers),
    }
    told = ", ".join(f"{count} × {code}" for code, count in sorted(closes.items()))
    lines = [f"  {name:<29} {count:>5}" for name, count in rows.items()]
    return ["clients", *lines, f"  closed by: {told or 'nobody'}"]
