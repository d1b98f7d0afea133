"""The figures of several processes as one: nothing is lost, added up wrongly, or told of a process that has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from metrics import shared
from metrics.shared import STALE, Figures
from tests.harness import eventually


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PERIOD", 0.05)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[Figures, Counter]]:
    """A process that tells its figures: 3 runs."""
    registry = CollectorRegistry()
    runs = Counter("progress_runs", "Runs", ["status"], registry=registry)
    runs.labels('a "b"\n').inc(3)
    figures = Figures(registry, tmp_path, "runner")
    figures.start()
    yield figures, runs
    figures.close()


def asked(tmp_path: Path, common: CollectorRegistry | None = None) -> Figures:
    registry = CollectorRegistry()
    Counter("progress_runs", "Runs", ["status"], registry=registry).labels("x").inc()
    Gauge("progress_clients", "Clients", registry=registry).set(2)
    return Figures(registry, tmp_path, "0", common)


def samples(figures: Figures) -> set[tuple[str, str, float]]:
    families = list(text_string_to_metric_families(figures.text().decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "each family once, whoever has it"
    return {
        (sample.name, sample.labels.get("worker", ""), sample.value)
        for family in families
        for sample in family.samples
    }


OWN = {("progress_runs_total", "0", 1.0), ("progress_clients", "0", 2.0)}


def test_who_is_asked_tells_the_figures_of_all_by_worker(
    tmp_path: Path, other: tuple[Figures, Counter]
) -> None:
    common = CollectorRegistry()
    Gauge("progress_database_up", "Database", registry=common).set(1)
    figures = asked(tmp_path, common)
    told = OWN | {("progress_runs_total", "runner", 3.0), ("progress_database_up", "", 1.0)}
    eventually(lambda: samples(figures) == told)
    other[1].labels('a "b"\n').inc()
    eventually(lambda: ("progress_runs_total", "runner", 4.0) in samples(figures))


def test_on_a_full_disk_figures_are_still_those_of_now(
    tmp_path: Path, other: tuple[Figures, Counter]
) -> None:
    """The room that is left on the disk is one of them: it was not told any more when there was none."""
    figures = asked(tmp_path)
    eventually(lambda: samples(figures) > OWN)
    no_file = tmp_path / "runner.new"
    eventually(lambda: is_made(no_file), what="a moment without that file")
    for now in (4.0, 5.0):
        other[1].labels('a "b"\n').inc()
        eventually(lambda: ("progress_runs_total", "runner", now) in samples(figures))  # noqa: B023


def is_made(directory: Path) -> bool:
    directory.mkdir()
    return True


def test_a_disk_that_takes_no_figures_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "nowhere"
    looks: list[int] = []

    class Counted(CollectorRegistry):
        def collect(self) -> Iterable[Metric]:
            looks.append(1)
            return super().collect()

    figures = Figures(Counted(), missing, "runner")
    figures.start()
    eventually(lambda: len(looks) > 5)
    figures.close()
    assert [record.exc_info for record in caplog.records] == [None]


def test_a_process_that_ended_is_not_told_of(
    tmp_path: Path, other: tuple[Figures, Counter]
) -> None:
    figures = asked(tmp_path)
    eventually(lambda: samples(figures) > OWN)
    other[0].close()
    assert samples(figures) == OWN


def test_a_process_that_was_killed_is_not_told_of_for_long(tmp_path: Path) -> None:
    file = tmp_path / "1.json"
    file.write_text('[["progress_clients", "Clients", "gauge", [["progress_clients", {}, 9]]]]')
    figures = asked(tmp_path)
    assert samples(figures) == OWN | {("progress_clients", "1", 9.0)}
    for away in (-STALE - 1, STALE + 1):  # the second: the clock was set back since
        then = time.time() + away
        os.utime(file, (then, then))
        assert samples(figures) == OWN


def test_workers_are_told_on_a_disk_whose_clock_is_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network's: each worker told its own figures alone."""
    behind = SimpleNamespace(time=lambda: time.time() - 10 * STALE)  # so that the disk is ahead
    monkeypatch.setattr(shared, "time", behind)
    file = tmp_path / "1.json"
    file.write_text('[["progress_clients", "Clients", "gauge", [["progress_clients", {}, 9]]]]')
    figures = asked(tmp_path)
    figures.start()
    try:
        eventually(lambda: samples(figures) == OWN | {("progress_clients", "1", 9.0)})
    finally:
        figures.close()


def test_figures_that_cannot_be_read_keep_nobody_from_the_others(tmp_path: Path) -> None:
    """As on a network's file system whose file was just replaced: all figures were answered 500."""
    (tmp_path / "1.json").mkdir()  # as little of a file
    assert samples(asked(tmp_path)) == OWN


def test_a_process_alone_tells_its_own(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    Gauge("progress_clients", "Clients", registry=registry).set(2)
    figures = Figures(registry, None, "0")
    figures.start()
    assert samples(figures) == {("progress_clients", "0", 2.0)}
    figures.close()
