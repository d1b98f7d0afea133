"""Traces of one process: told to the collector that the environment names, or to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from traces.parent import checked_parent
from traces.span import Span, Value
from traces.wanted import NotPossible, collector

LOG = logging.getLogger(__name__)

NO_PACKAGE = (
    "the package opentelemetry-sdk, or its exporter over HTTP, is not there (docs/traces.md)"
)


class Work(Protocol):
    """Work that goes on, of which a span will tell."""

    @property
    def parent(self) -> str | None:
        """The traceparent of what this work leads to."""
        ...

    def note(self, attributes: Mapping[str, Value]) -> None: ...

    def fail(self, error: str) -> None:
        """Notes that it failed, and why in a word."""
        ...


class Exported(Protocol):
    """What tells spans; traces/exported.py."""

    def begin(self, name: str, parent: str | None, attributes: Mapping[str, Value]) -> Work: ...

    def end(self, work: Work) -> None: ...

    def tell(self, parent: str | None, spans: tuple[Span, ...]) -> None: ...

    def close(self) -> None: ...


class Traces:
    """Any thread may call. No call waits for the collector, and none raises."""

    def __init__(self, service: str) -> None:
        """`service`: the name of this process in traces, where OTEL_SERVICE_NAME gives it no other."""
        self._service = service
        self._exported: Exported | None = None

    @property
    def are_told(self) -> bool:
        return self._exported is not None

    def open(self, environ: Mapping[str, str]) -> None:
        """Starts to tell, where the environment asks for it; in the process that works, after the fork."""
        try:
            place = collector(environ)
            if place is None:
                return
            from traces.exported import OverHttp  # a fifth of a second, and only where it is wanted

            self._exported = OverHttp(self._service, place)
        except ImportError as error:
            LOG.warning("no traces are told: %s: %s", NO_PACKAGE, error)
        except NotPossible as error:
            LOG.warning("no traces are told: %s", error)
        except Exception as error:  # the package refuses its settings, each in its own way
            LOG.warning("no traces are told: OpenTelemetry refuses its settings: %s", error)
        else:
            LOG.info("traces are told to %s", place)

    def close(self) -> None:
        """Tells what waits, for a few seconds at most; harmless when repeated."""
        exported, self._exported = self._exported, None
        if exported is not None:
            exported.close()

    @contextmanager
    def serve(
        self, name: str, parent: str | None, attributes: Mapping[str, Value]
    ) -> Iterator[Work]:
        """A request that is served while the context lasts. `parent`: the caller's traceparent, which may be anything."""
        known, exported = checked_parent(parent), self._exported
        if exported is None:
            yield _Untold(known)
            return
        work = exported.begin(name, known, attributes)
        try:
            yield work
        finally:
            exported.end(work)

    def tell(self, parent: str | None, *spans: Span) -> None:
        """Tells of work that is over, as children of `parent`, or as a trace of their own."""
        if self._exported is not None:
            try:
                self._exported.tell(parent, spans)
            except Exception:
                LOG.exception("a trace is not told")


class _Untold:
    """Work of which nobody is told: what it leads to belongs to the caller's trace."""

    def __init__(self, parent: str | None) -> None:
        self.parent = parent

    def note(self, attributes: Mapping[str, Value]) -> None:
        pass

    def fail(self, error: str) -> None:
        pass
