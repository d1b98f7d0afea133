"""What is counted of HTTP requests: by route, not by path, so that nobody can make more series."""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER = "(other)"  # a method, or a path, that is none of ours

REQUESTS = Counter(
    "progress_http_requests",
    "HTTP requests that were answered",
    ["method", "route", "status"],
    registry=None,
)
SECONDS = Histogram(
    "progress_http_request_seconds",
    "From a request to the beginning of its answer, WebSockets left out",
    ["route"],
    buckets=BOUNDS,
    registry=None,
)


def install(app: Flask) -> None:
    """Before all else of a request, so that what refuses it counts, too."""
    app.before_request(_begin)
    app.after_request(_count)


def register(registry: CollectorRegistry) -> None:
    """Tells them with what else a web worker tells."""
    registry.register(REQUESTS)
    registry.register(SECONDS)


def _begin() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    route = OTHER if request.url_rule is None else request.url_rule.rule
    method = request.method if request.method in METHODS else OTHER
    REQUESTS.labels(method, route, response.status_code).inc()
    if "began" in g and "Upgrade" not in request.headers:
        SECONDS.labels(route).observe(time.perf_counter() - g.began)
    return response
