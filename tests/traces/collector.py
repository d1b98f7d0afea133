"""A collector of OTLP over HTTP on loopback, which decodes what it gets."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status as OtlpStatus

from tests.harness import eventually


@dataclass(frozen=True)
class Told:
    """A span as it came. Times are seconds since 1970."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: float
    ended: float
    error: str | None
    attributes: dict[str, Any]


class Collector:
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.spans: list[Told] = []
        self.headers: list[dict[str, str]] = []
        self.answer = 200  # to each post
        self.go = threading.Event()  # while not set, nobody is answered
        self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        assert path == "/v1/traces"
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.headers.append(headers)
        for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _values(of_service.resource.attributes)["service.name"]
            for scope in of_service.scope_spans:
                self.spans += [_told(service, span) for span in scope.spans]

    def of_run(self, run_id: str) -> list[Told]:
        """The spans of a run's trace, once its end was told."""
        ends = [
            s
            for s in self.spans
            if s.name == "run job" and s.attributes["progress.run.id"] == run_id
        ]
        if not ends or not any(s.attributes.get("progress.run.id") == run_id for s in self.spans):
            return []
        return [s for s in self.spans if s.trace_id == ends[0].trace_id]

    def trace_of_run(self, run_id: str, *names: str) -> dict[str, Told]:
        """The spans of its trace by name, once these are there."""

        def known() -> dict[str, Told] | None:
            found = {span.name: span for span in self.of_run(run_id)}
            return found if found.keys() >= set(names) else None

        found: dict[str, Told] = eventually(known, what=f"spans {names} of {run_id}")
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.go.wait(60.0)
            if collector.answer == 200:
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.take(self.path, headers, body)
            self.send_response(collector.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector = Collector(server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _told(service: str, span: Any) -> Told:
    is_error = span.status.code == OtlpStatus.STATUS_CODE_ERROR
    return Told(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        span.status.message if is_error else None,
        _values(span.attributes),
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
