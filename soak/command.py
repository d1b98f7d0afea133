"""Runs jobs and clients while parts of the product are killed at random, and accounts for all of them.

    scripts/soak --minutes 10 --seed 1 --worker-class gevent

Starts the real product (gunicorn with its embedded nats-server and runner) on free ports in a
temporary directory. The seed decides the order of the faults and the behaviour of the people;
when exactly each one hits depends on the machine. Exit code: 0 when everything is accounted for,
1 when something was lost, doubled, stuck or told wrongly, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.machine import commit_of
from bench.programs.server import NoServer, Server, postgresql
from hosting.reader import ended_with_reader
from hosting.start.server import ROOT
from hosting.stop_signals import Interrupted, interruptible, uninterruptible
from hosting.trial.product import NotReady
from settings import WORKER_CLASSES
from soak.account import RunAccount, client_lines, fault_lines, run_lines, told_ends
from soak.database import Database, Postgresql
from soak.faults import Faults
from soak.ledgers import FileLedger, Ledger, MariadbLedger, PostgresqlLedger
from soak.mariadb import Mariadb, mariadb
from soak.product import Away, Product
from soak.watchers import Watcher
from soak.work import (
    KINDS,
    MARIADB_KINDS,
    POSTGRESQL_KINDS,
    STUCK_AFTER,
    Drip,
    Places,
    Worker,
)

WORKERS = 6  # people with a job each, more than the runner's four slots
WATCHERS = 10
# Connections to the soak's own servers
POSTGRESQL, MARIADB = "ledgers", "mariadb_ledgers"
SETTLE_WAIT = 60.0  # seconds for clients to reconnect and show the final states
MAX_SHOWN = 60  # violations printed
A_PAGE = 500  # runs of a job; the API's most
ENDS = (signal.SIGINT, signal.SIGTERM)  # a soak of hours may outlive its terminal


class Soak:
    """One soak, from its start to the account. Any thread may add to `violations`."""

    def __init__(
        self,
        options: argparse.Namespace,
        directory: Path,
        postgresql_server: Server | None = None,
        mariadb_server: Mariadb | None = None,
    ) -> None:
        """The PostgreSQL keeps the runs, and some ledgers; the MariaDB keeps some, too."""
        self.violations: list[str] = []
        self._minutes: float = options.minutes
        self._seed: int = options.seed
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._directory = directory
        self._worker_class = options.worker_class
        self._postgresql = postgresql_server
        self._mariadb = mariadb_server
        # The first one has the NATS server that all use, and starts first
        names = [f"server-{number}" for number in range(1, options.servers + 1)]
        self._data_dirs = [directory / name for name in names]
        self._products: list[Product] = []
        self._places = Places(self._data_dirs)
        self._drip: Drip | None = None
        self._workers: list[Worker] = []
        self._watchers: list[Watcher] = []
        databases: list[Database] = []
        if postgresql_server is not None:
            databases.append(Postgresql(postgresql_server))
        if mariadb_server is not None:
            databases.append(mariadb_server)
        self._faults = Faults(self._products, self._watchers, options.seed, self.say, databases)

    def say(self, sentence: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {sentence}", file=sys.stderr, flush=True)

    def complain(self, sentence: str) -> None:
        with self._lock:
            self.violations.append(f"{time.strftime('%H:%M:%S')} {sentence}")
        self.say(f"VIOLATION {sentence}")

    def run(self) -> list[str]:
        """Runs the soak. Returns the lines of the account."""
        try:
            self._start()
            deadline = time.monotonic() + self._minutes * 60
            self._faults.run_until(deadline)
            self._settle()
            return self._account()
        except NotReady as error:
            self.complain(f"the product did not come back: {error}")
            return []
        finally:
            self._stop()

    def _start(self) -> None:
        for data_dir in self._data_dirs:
            self._products.append(self._new_server(data_dir.name))
            self._products[-1].start()
        self._places.make()
        drip = self._drip = Drip([data_dir / "drip" for data_dir in self._data_dirs])
        for number, kind in enumerate(self._kinds()):
            arguments = (number, self._seed, self.complain)
            self._workers.append(
                Worker(self._products, drip, kind, self._ledger(kind, number), *arguments)
            )
            self._workers[-1].make_job()
        for number in range(WATCHERS):
            self._watchers.append(self._new_watcher(f"client-{number}", number))
        for watcher in self._watchers:
            watcher.thread.start()
        for worker in self._workers:
            worker.thread.start()
        urls = ", ".join(product.url for product in self._products)
        self.say(f"ready at {urls}; {len(self._workers)} jobs, {WATCHERS} clients")

    def _new_server(self, name: str) -> Product:
        more: dict[str, str] = {}
        if self._postgresql is not None:
            url = self._postgresql.url
            more = {"DATABASE_URL": url, f"CONNECTION_{POSTGRESQL.upper()}": url}
        if self._mariadb is not None:
            more[f"CONNECTION_{MARIADB.upper()}"] = self._mariadb.url
        if self._products:
            first = self._products[0]
            more |= {"NATS_URL": first.nats_url, "JWT_SECRET": first.secret}
        return Product(self._directory, self._worker_class, name, **more)

    def _kinds(self) -> list[str]:
        """Of the jobs, one for each worker."""
        kinds = [KINDS[number % len(KINDS)] for number in range(WORKERS)]
        kinds += POSTGRESQL_KINDS if self._postgresql is not None else ()
        kinds += MARIADB_KINDS if self._mariadb is not None else ()
        return kinds

    def _ledger(self, kind: str, number: int) -> Ledger:
        name = f"ledger-{number}"
        if kind in POSTGRESQL_KINDS:
            assert self._postgresql is not None
            return PostgresqlLedger(self._postgresql.url, POSTGRESQL, name)
        if kind in MARIADB_KINDS:
            assert self._mariadb is not None
            return MariadbLedger(self._mariadb, MARIADB, name)
        return FileLedger(self._data_dirs, name)

    def _new_watcher(self, name: str, number: int) -> Watcher:
        """A new client. The first ones watch one job each, the others all jobs."""
        job_ids = [worker.job_id for worker in self._workers]
        if number < len(job_ids):
            job_ids = [job_ids[number]]
        product = self._products[number % len(self._products)]
        return Watcher(product, name, job_ids, self._seed, self.complain)

    # ---- the end

    def _settle(self) -> None:
        self.say("no more faults; settling")
        self._faults.settle()
        for product in self._products:
            product.come_back()
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + 2 * STUCK_AFTER
        for worker in self._workers:
            worker.thread.join(max(deadline - time.monotonic(), 0.1))
            if worker.thread.is_alive():
                self.complain(f"{worker.thread.name} is still waiting for its run")

    def _account(self) -> list[str]:
        runs = {worker.job_id: self._runs_of(worker.job_id) for worker in self._workers}
        logs = [product.log_file for product in self._products]
        account = RunAccount(self._workers, self._faults.log, self._places, logs)
        account.check(runs)
        latest = {job_id: runs_of_job[0] for job_id, runs_of_job in runs.items() if runs_of_job}
        late = self._new_watcher("client-after-all", WATCHERS)
        late.thread.start()
        self._watchers.append(late)
        self._compare_clients(latest)
        for sentence in account.violations:
            self.complain(sentence)
        for sentence in told_ends(self._watchers, [run for own in runs.values() for run in own]):
            self.complain(sentence)
        return [
            *fault_lines(self._faults.kinds, self._faults.log, self._faults.missed),
            *run_lines(account, self._workers),
            *client_lines(self._watchers),
        ]

    def _compare_clients(self, latest: dict[int, dict[str, Any]]) -> None:
        deadline = time.monotonic() + SETTLE_WAIT
        while True:
            wrong = [text for watcher in self._watchers for text in watcher.differences(latest)]
            if not wrong or time.monotonic() >= deadline:
                break
            time.sleep(0.5)
        for sentence in wrong:
            self.complain(sentence)

    def _runs_of(self, job_id: int) -> list[dict[str, Any]]:
        """All runs of a job in full, newest first."""
        runs: list[dict[str, Any]] = []
        before = ""
        while True:
            page = self._read(f"/api/jobs/{job_id}/runs?limit={A_PAGE}{before}")["runs"]
            runs += [self._read(f"/api/runs/{entry['runId']}") for entry in page]
            if len(page) < A_PAGE:
                return runs
            before = f"&before={page[-1]['createdAt']!r}"

    def _read(self, path: str) -> dict[str, Any]:
        for _ in range(10):
            try:
                answer = self._products[0].ask("GET", path)
                if answer.status == 200:
                    read: dict[str, Any] = answer.json()
                    return read
            except Away:
                pass
            time.sleep(1.0)
        raise NotReady(f"GET {path} was not answered:\n{self._products[0].log_tail()}")

    def _stop(self) -> None:
        """Ends all that was started. Ignores a second Ctrl-C."""
        uninterruptible(ENDS)
        for worker in self._workers:
            worker.stop()
        for watcher in self._watchers:
            watcher.stop()
        self._faults.settle()
        for product in reversed(self._products):  # the one with NATS last
            for left in product.end():
                self.complain(f"{left.role} {left.pid} outlived the stop")
        if self._drip is not None:
            self._drip.stop()
        for watcher in self._watchers:
            if watcher.thread.ident is not None:
                watcher.thread.join(5.0)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Runs jobs and clients on the real product while it kills and restarts parts "
        "at random, and at the end accounts for every run and every client.",
    )
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N", help="(%(default)g)")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="decides the faults (%(default)d)"
    )
    parser.add_argument("--worker-class", choices=WORKER_CLASSES, default=WORKER_CLASSES[0])
    parser.add_argument(
        "--postgresql",
        action="store_true",
        help="runs are kept in a PostgreSQL of the soak's own, into which two jobs write, and which is hit, too",
    )
    parser.add_argument(
        "--mariadb",
        action="store_true",
        help="two jobs more write into a MariaDB of the soak's own, which is hit, too",
    )
    parser.add_argument(
        "--servers",
        type=int,
        choices=(1, 2, 3),
        default=1,
        help="as many servers, each with web workers and a runner; 2 and 3 need --postgresql (%(default)d)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the directory of a good soak too")
    options = parser.parse_args(arguments)
    if not options.minutes > 0:  # as nan is not, either
        parser.error("--minutes must be more than 0")
    if options.servers > 1 and not options.postgresql:
        parser.error("several servers share a database: add --postgresql")
    return options


def _heading(options: argparse.Namespace) -> str:
    return (
        f"scripts/soak --minutes {options.minutes:g} --seed {options.seed} "
        f"--worker-class {options.worker_class}{' --postgresql' if options.postgresql else ''}{' --mariadb' if options.mariadb else ''}"
        f"{f' --servers {options.servers}' if options.servers > 1 else ''}\n"
        f"{time.strftime('%Y-%m-%d %H:%M')}, commit {commit_of(ROOT)}, "
        f"Python {platform.python_version()}, {_machine()}"
    )


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    interruptible(ENDS)
    heading = _heading(options)
    directory = Path(tempfile.mkdtemp(prefix="soak-"))
    print(f"{heading}\nin {directory}", file=sys.stderr)
    try:
        with ExitStack() as servers:
            keeps_runs = servers.enter_context(postgresql()) if options.postgresql else None
            keeps_rows = servers.enter_context(mariadb()) if options.mariadb else None
            soak = Soak(options, directory, keeps_runs, keeps_rows)
            lines = soak.run()
    except NoServer as error:
        print(f"scripts/soak: {error}", file=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True)
        return 1
    except Interrupted:
        shutil.rmtree(directory, ignore_errors=True)
        return 130
    print("\n".join([heading, "", *lines, f"violations {len(soak.violations):>30}"]))
    for sentence in soak.violations[:MAX_SHOWN]:
        print(f"  {sentence}")
    if soak.violations or options.keep:
        print(f"kept: {directory}", file=sys.stderr)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if soak.violations else 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
