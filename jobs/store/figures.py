"""The figures of the whole installation, which the database knows: they are the same on every server of it."""

import threading
import time
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from jobs.store.records import Waiting
from jobs.store.store import Store, StoreUnavailable

KEPT = 5.0  # seconds that an answer of the database counts: anyone may ask for the figures
SIZE_KEPT = 60.0  # seconds that its size counts
AWAY = 15.0  # seconds until a database that did not answer is asked again


class InstallationFigures:
    """Collects them for Prometheus. Any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()  # guards what follows
        self._ask_again = 0.0  # monotonic seconds
        self._waiting: Waiting | None = None  # None: the database does not answer
        self._size: int | None = None  # bytes
        self._measure_again = 0.0  # monotonic seconds

    def collect(self) -> Iterable[Metric]:
        waiting = self._known()
        yield GaugeMetricFamily(
            "progress_database_up",
            "1 while the database answers and takes writes",
            waiting is not None,
        )
        if waiting is not None:
            runs = GaugeMetricFamily(
                "progress_runs", "Runs that have not ended, by status", labels=["status"]
            )
            runs.add_metric(["queued"], waiting.queued)
            runs.add_metric(["running"], waiting.running)
            yield runs
            yield GaugeMetricFamily(
                "progress_queue_oldest_wait_seconds",
                "How long the run has waited that waits the longest",
                waiting.longest,
            )
            yield GaugeMetricFamily(
                "progress_webhook_deliveries_waiting",
                "Deliveries to webhooks that are not settled",
                waiting.deliveries,
            )
        if (size := self._known_size()) is not None:
            yield GaugeMetricFamily("progress_database_bytes", "The database on its disk", size)

    def _known_size(self) -> int | None:
        """None until it was measured; while the database is away, as it was."""
        with self._lock:
            if self._waiting is not None and time.monotonic() >= self._measure_again:
                self._measure_again = time.monotonic() + SIZE_KEPT
                try:
                    self._size = self._store.size()
                except StoreUnavailable:
                    self._ask_again = 0.0
            return self._size

    def _known(self) -> Waiting | None:
        with self._lock:
            if time.monotonic() >= self._ask_again:
                try:
                    self._store.ping()
                    self._waiting = self._store.queued.all_waiting()
                except StoreUnavailable:  # the store has logged and counted it
                    self._waiting = None
                kept = AWAY if self._waiting is None else KEPT
                self._ask_again = time.monotonic() + kept
            return self._waiting
