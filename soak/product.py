"""The product under faults, one server or several: starts it again until it stays up. Requests may find it away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from hosting.trial import product
from hosting.trial.product import Answer, NotReady
from jobs.store.process_identity import ProcessStat

READY_WAIT = 120.0  # seconds for a start, with retries while old parts end
TRY_AGAIN = 0.5  # seconds between two starts
ANSWER_WAIT = 5.0  # seconds for an HTTP answer; a stopped worker gives none
TOKEN_HOURS = 24.0


class Away(Exception):
    """The product did not answer: killed, stopped, or just starting."""


class Product(product.Product):
    """A server. `directory` holds its DATA_DIR, which is called `name`, and its log."""

    tls = None

    def __init__(self, directory: Path, worker_class: str, name: str = "data", **more: str) -> None:
        settings = {"WORKERS": "2", "SAMPLE_ORDERS": "0", "ACCESS_LOG": "off", **more}
        super().__init__(directory / name, worker_class=worker_class, **settings)
        self.starts = 0
        self.bearer = self.token(sub="soak", exp=int(time.time() + TOKEN_HOURS * 3600))

    def start_master(self) -> None:
        self.starts += 1
        super().start_master()

    def come_back(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Starts the master until it stays, has workers, and /readyz answers 200. Raises NotReady.

        While the parts of a killed master are just ending, a start exits with code 2. As an operator or
        systemd would, this starts again. `meanwhile` is called between two looks.
        """
        deadline = time.monotonic() + READY_WAIT
        while time.monotonic() < deadline:
            if not self.is_running:
                self.start_master()
            if self._has_only_own_workers() and self.is_ready():
                return
            meanwhile()
            time.sleep(TRY_AGAIN)
        raise NotReady(f"not ready within {READY_WAIT:g} s:\n{self.log_tail()}")

    def _has_only_own_workers(self) -> bool:
        """Whether all workers are this master's. False while a killed master's workers still answer."""
        workers = [p.pid for p in self.processes() if p.role == "worker"]
        stats = [ProcessStat.of(pid) for pid in workers]
        return bool(stats) and all(stat is not None and stat.parent == self.pid for stat in stats)

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").status == 200
        except Away:
            return False

    def wait_for_master(self, meanwhile: Callable[[], None]) -> bool:
        """Whether the master, told to stop, ended in time."""
        deadline = time.monotonic() + product.STOP_WAIT
        while self.is_running and time.monotonic() < deadline:
            meanwhile()
            time.sleep(0.1)
        return not self.is_running

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One HTTP exchange. Raises Away when there is no complete answer."""
        try:
            return self.request(
                method, path, body, token=self.bearer, headers=headers, timeout=ANSWER_WAIT
            )
        except (OSError, ValueError, EOFError, HTTPException) as error:
            raise Away(repr(error)) from None
