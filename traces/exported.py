"""Spans as OTLP over HTTP, by the package opentelemetry-sdk. Importing this needs the package, and takes a fifth of a second.

The package has a queue of bounded length (OTEL_BSP_MAX_QUEUE_SIZE spans; the oldest are dropped) and a thread that posts
batches of it; here are bounds for what it says in the log, and for how long an end of the process waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OpenSpan

from traces.span import Span, Value

LOG = logging.getLogger(__name__)

CLOSE_WAIT = 2.0  # seconds that the end of the process waits for the collector
GIVE_UP_WAIT = 1.0  # seconds more, until a post that is given up has ended
SAID_EVERY = 300.0  # seconds between two lines about a collector that takes nothing


class OverHttp:
    """Tells spans to a collector. Any thread; no call but `close` waits."""

    def __init__(self, service: str, place: str) -> None:
        self._exporter = _Quiet(place)
        self._provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("progress")

    def begin(self, name: str, parent: str | None, attributes: Mapping[str, Value]) -> Begun:
        span = self._tracer.start_span(
            name, _context(parent), kind=SpanKind.SERVER, attributes=dict(attributes)
        )
        return Begun(span)

    def end(self, work: object) -> None:
        assert isinstance(work, Begun)
        work.span.end()

    def tell(self, parent: str | None, spans: tuple[Span, ...]) -> None:
        self._tell(_context(parent), spans)

    def _tell(self, context: Context, spans: tuple[Span, ...]) -> None:
        for one in spans:
            made = self._tracer.start_span(
                _encodable(one.name),
                context,
                kind=SpanKind.INTERNAL,
                attributes=_encodable_values(one.attributes),
                start_time=_nanoseconds(one.began),
            )
            if one.error is not None:
                made.set_status(Status(StatusCode.ERROR, one.error))
            self._tell(set_span_in_context(made, Context()), one.children)
            made.end(_nanoseconds(max(one.began, one.ended)))  # clocks of two machines may differ

    def close(self) -> None:
        """Posts what waits. What the collector has not taken within CLOSE_WAIT is lost."""
        end = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        end.start()
        end.join(CLOSE_WAIT)
        self._exporter.shutdown()  # else the package tries again for ten seconds
        end.join(GIVE_UP_WAIT)


class Begun:
    """Work that goes on; `span` is the package's."""

    def __init__(self, span: OpenSpan) -> None:
        self.span = span

    @property
    def parent(self) -> str | None:
        own = self.span.get_span_context()
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{int(own.trace_flags):02x}"

    def note(self, attributes: Mapping[str, Value]) -> None:
        self.span.set_attributes(dict(attributes))

    def fail(self, error: str) -> None:
        self.span.set_status(Status(StatusCode.ERROR, error))


class _Quiet(SpanExporter):
    """The package's exporter, whose troubles make one line in SAID_EVERY. On the package's thread, but for `shutdown`."""

    def __init__(self, place: str) -> None:
        self._place = place
        for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        said = logging.getLogger(OTLPSpanExporter.__module__)
        said.setLevel(logging.WARNING)
        said.addFilter(_HEARD)
        self._inner = OTLPSpanExporter()
        self._next_line = 0.0  # monotonic seconds
        self._is_shut = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _HEARD.forget()
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._say(len(spans))
        return result

    def _say(self, count: int) -> None:
        if time.monotonic() < self._next_line:
            return
        self._next_line = time.monotonic() + SAID_EVERY
        text = "%d spans of traces are lost: %s takes none (%s); said again in %g s at the earliest"
        LOG.warning(text, count, self._place, _HEARD.last, SAID_EVERY)

    def shutdown(self) -> None:
        if not self._is_shut.is_set():
            self._is_shut.set()
            with suppress(Exception):  # a connection that is just in use
                self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class _Heard(logging.Filter):
    """Keeps why the package's exporter fails, or has to try again, and lets nothing through."""

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        self.last = "no answer"
        self._says_why = False

    def filter(self, record: logging.LogRecord) -> bool:
        text, says_why = _why(record)
        if says_why or not self._says_why:  # its last word may be that it gives up
            self.last, self._says_why = text[:300], says_why
        return False


_HEARD = _Heard()  # of the process, as the package's logger is: of two filters the first would let the second hear nothing


def _why(record: logging.LogRecord) -> tuple[str, bool]:
    """What the package says, and whether that is a reason. An error is its first cause: others quote the URL, with its secrets."""
    args = record.args if isinstance(record.args, tuple) else ()
    error = next((arg for arg in args if isinstance(arg, Exception)), None)
    if error is not None:
        return _first_cause(error), True
    if record.levelno == logging.WARNING and args and isinstance(args[0], str):
        return args[0], True  # the reason of an answer, before it tries again
    return record.getMessage(), len(args) > 1


def _first_cause(error: BaseException) -> str:
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return str(error) or type(error).__name__


def _resource(service: str) -> Resource:
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return Resource.create({} if named else {"service.name": service})


def _context(parent: str | None) -> Context:
    """The context of a traceparent that was checked; an empty one begins a trace."""
    if parent is None:
        return Context()
    _, trace, span, flags = parent.split("-")
    remote = SpanContext(int(trace, 16), int(span, 16), True, TraceFlags(int(flags, 16) & 1))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _encodable(text: str) -> str:
    """Without halves of characters, as publishers may have them in names: for one of them the package loses all spans of a post."""
    return text.encode(errors="replace").decode()


def _encodable_values(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name: _encodable(value) if isinstance(value, str) else value
        for name, value in attributes.items()
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
