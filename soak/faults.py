"""The faults of a soak: which there are, how often each comes, and a log, by which the account explains losses."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.programs.server import START_SECONDS
from hosting.trial.processes import Process
from hosting.trial.product import NotReady
from soak.database import Database
from soak.product import Product
from soak.watchers import Watcher

GAP = (1.5, 8.0)  # seconds from one fault to the next
RESTART_GAP = (0.0, 3.0)  # seconds that an operator takes to start a master again
TICK = 0.1

Kinds = tuple[tuple[str, str, float], ...]  # (part, fault, weight)

FAULTS: Kinds = (
    ("worker", "kill -9", 3),
    ("worker", "SIGTERM", 2),
    ("worker", "stop and go on", 2),
    ("master", "kill -9", 2),
    ("master", "SIGTERM", 1),
    ("nats-server", "kill -9", 3),
    ("nats-server", "SIGTERM", 2),
    ("nats-server", "stop and go on", 2),
    ("runner", "kill -9", 2),
    ("runner", "SIGTERM", 1),
    ("runner", "stop and go on", 2),
    ("program", "kill -9", 2),
    ("program", "SIGTERM", 1),
    ("program", "stop and go on", 2),
    ("client", "cut", 2),
    ("client", "reload", 2),
    ("client", "stops reading", 2),
)
# of each database that the soak has
DATABASE_FAULTS = (("kill -9", 6), ("stop and go on", 2))
# Seconds of the longest stop
STOPS = {"worker": 12.0, "nats-server": 8.0, "runner": 12.0, "program": 6.0, "client": 12.0}
DATABASE_STOP = 8.0
# Beyond the time for which a runner may be silent before others end its runs, with two of their looks
DATABASE_LOCK, LOCK_WEIGHT = 40.0, 1
SIGNALS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "stop and go on": signal.SIGSTOP}


@dataclass(slots=True)
class Fault:
    at: float  # seconds since 1970
    part: str
    what: str
    pid: int = 0
    run_id: str | None = None  # if the fault hit a program
    lasted: float = 0.0  # seconds of a stop
    until: float = 0.0  # seconds since 1970; when an ended master, or a killed database, was back

    def __str__(self) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(self.at))
        return f"{at} {self.part} {self.pid or ''} {self.what} {self.run_id or ''}".strip()


class Faults:
    """Causes faults, one after another, in an order that only the seed decides. One thread calls it."""

    def __init__(
        self,
        products: Sequence[Product],
        watchers: list[Watcher],
        seed: int,
        say: Callable[[str], None],
        databases: Sequence[Database] = (),
    ) -> None:
        more = ((of.role, what, weight) for of in databases for what, weight in DATABASE_FAULTS)
        locks = ((of.role, what, LOCK_WEIGHT) for of in databases for what in of.locks)
        self.kinds: Kinds = (*FAULTS, *more, *locks)
        self.log: list[Fault] = []
        self.missed = 0  # faults with nothing to hit, as when no program ran
        self._products = products
        self._watchers = watchers
        self._chance = random.Random(f"{seed}:faults")
        self._say = say
        self._databases = {database.role: database for database in databases}
        self._stopped: list[tuple[float, Process]] = []  # (when to continue, what)

    def run_until(self, deadline: float) -> None:
        """Causes faults until a time (monotonic seconds). Raises NotReady."""
        weights = [weight for _, _, weight in self.kinds]
        while self._wait(self._chance.uniform(*GAP), deadline):
            part, what, _ = self._chance.choices(self.kinds, weights)[0]
            draw, seconds = self._chance.random(), self._chance.random()
            pause = self._chance.uniform(*RESTART_GAP)
            self._provoke(part, what, draw, 0.5 + seconds * (self._most(part, what) - 0.5), pause)

    def _most(self, part: str, what: str) -> float:
        """Seconds that it may last."""
        if part not in self._databases:
            return STOPS.get(part, 0.5)
        return DATABASE_LOCK if what in self._databases[part].locks else DATABASE_STOP

    def _wait(self, seconds: float, deadline: float) -> bool:
        end = min(time.monotonic() + seconds, deadline)
        while time.monotonic() < end:
            self.tend()
            time.sleep(TICK)
        return time.monotonic() < deadline

    def tend(self) -> None:
        """Continues the stopped processes whose time has come."""
        now = time.monotonic()
        for due, process in self._stopped:
            if now >= due:
                process.signal(signal.SIGCONT)
        self._stopped = [entry for entry in self._stopped if entry[0] > now]

    def settle(self) -> None:
        """Continues all stopped processes."""
        for _, process in self._stopped:
            process.signal(signal.SIGCONT)
        self._stopped = []

    def _provoke(self, part: str, what: str, draw: float, seconds: float, pause: float) -> None:
        if part == "client":
            self._hit_client(what, draw, seconds)
            return
        if part in self._databases:
            self._hit_database(self._databases[part], what, draw, seconds)
            return
        found = sorted(
            (process.start, process.pid, process, product)
            for product in self._products
            for process in product.processes()
            if process.role == part
        )
        if not found:
            self.missed += 1
            return
        _, _, process, product = found[int(draw * len(found))]
        lasted = seconds if what == "stop and go on" else 0.0
        fault = Fault(time.time(), part, what, process.pid, process.run_id, lasted)
        if not process.signal(SIGNALS[what]):
            self.missed += 1
            return
        self._note(fault)
        if lasted:
            self._stopped.append((time.monotonic() + lasted, process))
        if part == "master":
            self._restart(product, pause)
            fault.until = time.time()

    def _restart(self, product: Product, pause: float) -> None:
        if not product.wait_for_master(self.tend):
            self._say("the master did not end within the stop wait")
        self._wait(pause, time.monotonic() + pause)
        began = time.monotonic()
        starts = product.starts
        product.come_back(self.tend)
        took, tries = time.monotonic() - began, product.starts - starts
        self._say(f"  ready again after {took:.1f} s, {tries} starts")

    def _hit_client(self, what: str, draw: float, seconds: float) -> None:
        watcher = self._watchers[int(draw * len(self._watchers))]
        if what == "cut":
            watcher.cut()
        elif what == "reload":
            watcher.reload()
        else:
            watcher.stop_reading(seconds)
        self._note(Fault(time.time(), "client", what))

    def _hit_database(self, database: Database, what: str, draw: float, seconds: float) -> None:
        if what == "kill -9":
            pid, lasted = database.kill(draw), 0.0
        elif what in database.locks:
            pid, lasted = database.lock(what, seconds), seconds
        else:
            pid, lasted = self._stop(database.processes(), seconds), seconds
        if pid is None:
            self.missed += 1
            return
        fault = Fault(time.time(), database.role, what, pid, lasted=lasted)
        self._note(fault)
        if not lasted:
            self._wait_for(database)
            fault.until = time.time()

    def _wait_for(self, database: Database) -> None:
        """Raises NotReady."""
        ends = time.monotonic() + START_SECONDS
        while not database.answers():
            if time.monotonic() >= ends:
                raise NotReady(f"{database.role} does not answer after it was killed")
            self.tend()
            time.sleep(TICK)

    def _stop(self, processes: list[Process], seconds: float) -> int | None:
        for process in processes:
            process.signal(signal.SIGSTOP)
        self._stopped += [(time.monotonic() + seconds, process) for process in processes]
        return processes[0].pid if processes else None

    def _note(self, fault: Fault) -> None:
        self.log.append(fault)
        self._say(str(fault))
