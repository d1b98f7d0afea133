"""The figures of one runner, read when they are asked for."""

from collections.abc import Iterable
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


class RunnerFigures:
    """Collects them for Prometheus."""

    def __init__(self, runner: HasSlots) -> None:
        self._runner = runner

    def collect(self) -> Iterable[Metric]:
        takes = 0 if self._runner.is_draining else self._runner.slots
        yield GaugeMetricFamily(
            "progress_runner_slots", "Programs that the runner may have at work", takes
        )
        yield GaugeMetricFamily(
            "progress_runner_runs", "Programs that the runner has at work", self._runner.at_work
        )
