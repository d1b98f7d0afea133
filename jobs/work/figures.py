"""The figures of the work queue, and of the streams on NATS, read when they are asked for."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from jobs.work.run_queue import RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link, NatsError
from progress_lib.subjects import (
    PROGRESS_STREAM,
    RUNS_STREAM,
    TAGGED_RUNS_STREAM,
    stream_name,
)

KEPT = 5.0  # seconds that an answer counts: anyone may ask for the figures
SLOW = 1.0  # seconds; an answer that takes longer comes from a NATS that has a fault
KEPT_SLOW = 15.0  # seconds that such an answer counts
STREAM_WAIT = 1.0  # seconds for a stream to tell its size

T = TypeVar("T")


class _Kept(Generic[T]):
    """An answer that counts for a while. Any thread."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()  # guards what follows
        self._answer: T | None = None
        self._ask_again = 0.0  # monotonic seconds

    def now(self) -> T:
        with self._lock:
            began = time.monotonic()
            if self._answer is None or began >= self._ask_again:
                self._answer = self._ask()
                took = time.monotonic() - began
                self._ask_again = began + took + (KEPT_SLOW if took > SLOW else KEPT)
            return self._answer


class QueueFigures:
    """Whether this process could queue a run now."""

    def __init__(self, queue: RunQueue) -> None:
        self._state = _Kept(queue.state)

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "progress_queue_up", "1 while a run could be queued", self._state.now() == "ok"
        )


class StreamFigures:
    """How much our streams on NATS hold; one that does not answer, or that there is none of, is left out."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._jetstream = JetStream(link)
        self._sizes = _Kept(self._ask)

    def _ask(self) -> dict[str, int]:
        sizes = {}
        for name in _STREAMS if self._link.is_up else ():
            stream = stream_name(self._link.prefix, name)
            try:
                told = self._jetstream.call(f"STREAM.INFO.{stream}", {}, STREAM_WAIT)
                sizes[name] = int(told["state"]["bytes"])
            except NatsError:
                pass  # progress_queue_up and progress_history_on tell it
        return sizes

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "progress_stream_bytes", "Messages that a stream on NATS holds", labels=["stream"]
        )
        for name, size in self._sizes.now().items():
            family.add_metric([name], size)
        yield family


_STREAMS = (PROGRESS_STREAM, RUNS_STREAM, TAGGED_RUNS_STREAM)
