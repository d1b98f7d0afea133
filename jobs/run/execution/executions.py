"""The runs at work in this runner."""

from __future__ import annotations

import threading

from jobs.run.execution.execution import Execution


class Executions:
    """By run id. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_run: dict[str, Execution] = {}  # (lock)

    def add(self, execution: Execution) -> None:
        with self._lock:
            self._by_run[execution.run.run_id] = execution

    def remove(self, execution: Execution) -> None:
        with self._lock:
            del self._by_run[execution.run.run_id]

    def of(self, run_id: str) -> Execution | None:
        with self._lock:
            return self._by_run.get(run_id)

    def all(self) -> list[Execution]:
        with self._lock:
            return list(self._by_run.values())
