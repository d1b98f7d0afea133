"""The figures of all processes of one server, told by whichever of them is asked.

Each process writes its own to a file, each PERIOD. Who is asked reads those of the others and tells all, each with the
label `worker`: Prometheus adds them up, and sees by the label which counter began anew with its process. Why not the mode
of prometheus_client for several processes: docs/decisions/metrics.md.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from metrics import served

LOG = logging.getLogger(__name__)

# Seconds between two writes of a process's figures: to count its open files takes 10 ms where it has 10,000
PERIOD = 5.0
BLOCK = 4096  # bytes by which a disk gives room to a file
STALE = 20.0  # seconds; figures that are older are of a process that has ended
HOME = ".metrics"  # in DATA_DIR: a hidden name is no data of graphs
DIRECTORY = "METRICS_DIR"  # variable with the directory of the files
WORKER = "METRICS_WORKER"  # variable with what the process is called in the label


def make_directory(data_dir: Path, port: int) -> Path:
    """The directory for the processes of this machine's server at that port; empty, but for what a runner writes that it took over.

    Machines may share a DATA_DIR, and servers of one machine, too.
    """
    host = socket.gethostname().replace("/", "_")
    directory = data_dir / HOME / f"{host}-{port}"
    directory.mkdir(parents=True, exist_ok=True)
    for file in (*directory.glob("[0-9]*.json"), *directory.glob("runner-*.json")):
        file.unlink(missing_ok=True)
    return directory


class Family(msgspec.Struct, array_like=True):
    """A metric of one process: its samples are (name, labels, value)."""

    name: str
    help: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


class Collects(Protocol):
    def collect(self) -> Iterable[Metric]: ...


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Family])


class Figures(Collector):
    """Shares the figures of this process, and tells those of all."""

    def __init__(
        self, own: Collects, directory: Path | None, worker: str, common: Collects | None = None
    ) -> None:
        """`common`: figures of the whole installation, which are told once. Without `directory` there is only this process."""
        self._own = own
        self._common = common
        self._directory = directory
        self._worker = worker
        self._end_serving: Callable[[], None] = _nothing
        # Seconds by which the clock that dates the files is ahead: a network's disk may have another one (own thread)
        self._ahead = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name="metrics", daemon=True)

    @classmethod
    def of_process(
        cls, own: Collects, worker: str = "0", common: Collects | None = None
    ) -> "Figures":
        """As the environment says where the others are, and who this one is."""
        named = os.environ.get(DIRECTORY)
        return cls(own, Path(named) if named else None, os.environ.get(WORKER, worker), common)

    def serve(self, host: str, port: int) -> None:
        """Tells the figures over HTTP, at any path, until `close`. Raises OSError."""
        self._end_serving = served.serve(self.text, host, port)

    def start(self) -> None:
        if self._directory is not None:
            self._thread.start()

    def close(self) -> None:
        """Takes this process's figures back."""
        self._end_serving()
        self._end_serving = _nothing
        self._stopping.set()
        if self._directory is not None and self._thread.is_alive():
            self._thread.join(PERIOD)
            self._file(self._directory).unlink(missing_ok=True)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self)

    def collect(self) -> list[Metric]:
        """All figures: of this process as they are now, of the others as they were at most PERIOD ago."""
        together: dict[str, Metric] = {}
        for worker, families in (*self._others(), (self._worker, _families(self._own))):
            for family in families:
                _add(together, family, {"worker": worker})
        for family in _families(self._common) if self._common is not None else ():
            _add(together, family, {})
        return list(together.values())

    def _others(self) -> Iterator[tuple[str, list[Family]]]:
        if self._directory is None:
            return
        now = time.time() + self._ahead
        for file in sorted(self._directory.glob("*.json")):
            if file.stem != self._worker and (found := _read(file, now)) is not None:
                yield file.stem, found

    def _file(self, directory: Path) -> Path:
        return directory / f"{self._worker}.json"

    # ---- the thread

    def _write(self) -> None:
        assert self._directory is not None
        file = self._file(self._directory)
        is_told = False
        while not self._stopping.is_set():
            try:
                _replace(file, _ENCODER.encode(_families(self._own)))
                self._ahead = file.stat().st_mtime - time.time()
                is_told = False
            except OSError as error:
                if not is_told:
                    LOG.error("metrics: the other processes do not get these figures: %s", error)
                is_told = True
            except Exception:
                LOG.exception("metrics: the other processes do not get these figures")
            self._stopping.wait(PERIOD)


def _nothing() -> None:
    """There is nothing to end."""


def _families(own: Collects) -> list[Family]:
    return [
        Family(metric.name, metric.documentation, metric.type, _samples(metric))
        for metric in own.collect()
    ]


def _samples(metric: Metric) -> list[tuple[str, dict[str, str], float]]:
    """Without the time at which a counter began, which makes one more series of each."""
    told = (sample for sample in metric.samples if not sample.name.endswith("_created"))
    return [(sample.name, dict(sample.labels), float(sample.value)) for sample in told]


def _add(together: dict[str, Metric], family: Family, labels: dict[str, str]) -> None:
    metric = together.setdefault(family.name, Metric(family.name, family.help, family.kind))
    for name, own_labels, value in family.samples:
        metric.add_sample(name, {**own_labels, **labels}, value)


def _replace(file: Path, content: bytes) -> None:
    """Whoever reads it meanwhile has the one before. Raises OSError."""
    blocks = content.ljust(-(-len(content) // BLOCK) * BLOCK)  # JSON may end in spaces
    unfinished = file.with_suffix(".new")
    try:
        unfinished.write_bytes(blocks)
        unfinished.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        _overwrite(file, blocks)


def _overwrite(file: Path, content: bytes) -> None:
    """The same on a full disk, where the blocks of the file are all that there is. Raises OSError."""
    with file.open("r+b", buffering=0) as there:
        there.write(content.ljust(os.fstat(there.fileno()).st_size))


def _read(file: Path, now: float) -> list[Family] | None:
    """None for a process that has ended, and for a file that is just being overwritten, or cannot be read: the others are told."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        # in both directions: the clock may have been set back since
        if abs(now - file.stat().st_mtime) < STALE:
            return _DECODER.decode(file.read_bytes())
    return None
