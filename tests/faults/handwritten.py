"""Programs written by hand, run by a started product as if its generator had written them."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from jobs.store.records import Run
from jobs.store.store import Store
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link
from tests.harness import DEADLINE, Product, command_line
from tests.jobs import conftest as runs

GOOD, UNTIL_TOLD, FOR_EVER = runs.GOOD, runs.UNTIL_TOLD, runs.FOR_EVER

# notes each start in a file beside the program: two lines would be a run that was doubled
STARTED = 'open("starts", "a").write(f"{os.getpid()}\\n")\n'


class Programs:
    """Records runs of the product's own store and puts them in its queue, as execute does."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self.store = Store(f"sqlite:///{product.data_dir / 'progress.db'}")
        self._link = Link(product.nats_url, name="test")
        self._queue = RunQueue(self._link)

    def record(self, body: str, tag: str | None = None) -> Run:
        """A run in the store that no queue knows of."""
        return runs.record(self.store, "\n" + STARTED + body, self._product.tenant_id, tag)

    def queue(self, run: Run) -> Run:
        assert self._link.wait_up(DEADLINE)  # a server that was killed has just come back
        self._queue.put(run)
        return run

    def execute(self, body: str, tag: str | None = None) -> Run:
        """`tag`: of the runners that may take it."""
        return self.queue(self.record(body, tag))

    def running(self, run: Run, nodes: int = 1) -> Run:
        """The run once its program said something of `nodes` nodes and the store has it."""
        return runs.running(self.store, run, nodes)

    def now(self, run: Run) -> Run:
        return self.store.run(run.tenant_id, run.run_id)

    def ended(self, run: Run, deadline: float = DEADLINE) -> Run:
        return runs.ended(self.store, run, deadline)

    def directory(self, run: Run) -> Path:
        return self._product.data_dir / "runs" / run.run_id

    def let_go(self, run: Run) -> None:
        """Lets an UNTIL_TOLD program come to its end."""
        (self.directory(run) / "go").touch()

    def starts(self, run: Run) -> int:
        """How often the program was started."""
        file = self.directory(run) / "starts"
        return len(file.read_text().split()) if file.exists() else 0

    def states(self, run: Run) -> dict[int, tuple[str, int, str]]:
        """Each node's last status, row count and message, as the store has them."""
        _, nodes = self.store.run_with_nodes(run.tenant_id, run.run_id)
        said = [node.progress for node in nodes]
        return {p.node_id: (p.status.value, p.row_count, p.message) for p in said}

    def __enter__(self) -> Self:
        self.store.open()
        self._link.start()
        assert self._link.wait_up(DEADLINE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.close()
        self.store.close()


def program_pid(run: Run) -> int:
    assert run.program_pid is not None
    return run.program_pid


def processes(product: Product, part: str) -> list[int]:
    """Ids of the product's live processes whose command line holds `part`."""
    return [pid for pid in product.left_over() if part in command_line(pid)]


def the_only(product: Product, part: str) -> int:
    """The one process with `part` in its command line; AssertionError when there is not one."""
    found = processes(product, part)
    assert len(found) == 1, (part, found)
    return found[0]


def web_worker(product: Product) -> int:
    """The process id of the one web worker."""
    [pid] = [pid for pid in processes(product, "gunicorn") if pid != product.pid]
    return pid


def kill(*pids: int) -> None:
    """kill -9; whoever is gone already is fine."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
