"""The figures of one runner, read when they are asked for."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric


class HasSlots(Protocol):
    @property
    def slots(self) -> int: ...

    @property
    def at_work(self) -> int: ...

    @property
    def is_draining(self) -> bool: ...


class HasSizes(Protocol):
    @property
    def sizes(self) -> dict[str, int]: ...


class RunnerFigures:
    """Collects them for Prometheus."""

    def __init__(self, runner: HasSlots, kept: HasSizes, data_dir: Path) -> None:
        self._runner = runner
        self._kept = kept
        self._data_dir = data_dir

    def collect(self) -> Iterable[Metric]:
        takes = 0 if self._runner.is_draining else self._runner.slots
        yield GaugeMetricFamily(
            "progress_runner_slots", "Programs that the runner may have at work", takes
        )
        yield GaugeMetricFamily(
            "progress_runner_runs", "Programs that the runner has at work", self._runner.at_work
        )
        sizes = GaugeMetricFamily(
            "progress_runner_kept_bytes",
            "What DATA_DIR keeps of runs on this machine",
            labels=["kind"],
        )
        for kind, size in self._kept.sizes.items():
            sizes.add_metric([kind], size)
        yield sizes
        free = GaugeMetricFamily(
            "progress_runner_disk_free_bytes", "Room that is left on the disk of DATA_DIR"
        )
        with suppress(OSError):  # the disk is gone
            free.add_metric([], shutil.disk_usage(self._data_dir).free)
        yield free
