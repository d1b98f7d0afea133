"""ALLOWED_ORIGINS over HTTP: which pages of other servers may use the API (CORS).

Named pages come with bearer tokens. The cookie of a session is for our own page alone (web/callers/callers.py), so no credentials are
allowed, and no origin by a wildcard.
"""

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from web.origins import Origins, refusal

METHODS = "GET, POST, PUT, DELETE"
HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Range, "
    "traceparent, tracestate, X-Request-ID"
)
EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, Retry-After, "
    "WWW-Authenticate, X-Request-ID"
)
MAX_AGE = 600  # seconds that a browser may keep the answer to a preflight
GUARDED = "/api/"


def install(app: Flask, origins: Origins) -> None:
    """Answers preflights, refuses pages that the operator did not name, and lets the others read."""

    def guard() -> Response | None:
        origin = request.headers.get("Origin")
        if origin is None or not request.path.startswith(GUARDED):
            return None
        is_named = origins.names(origin)
        if origins.is_set and not is_named and not origins.is_own(origin, request.host):
            raise Forbidden(refusal(origin, request.host))
        is_preflight = request.method == "OPTIONS" and (
            "Access-Control-Request-Method" in request.headers
        )
        return Response(status=204) if is_named and is_preflight else None

    def tell(response: Response) -> Response:
        if not origins.is_set:
            return response
        response.vary.add("Origin")  # a cache must not give one page's answer to another
        origin = request.headers.get("Origin")
        if origin is not None and origins.names(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = METHODS
                response.headers["Access-Control-Allow-Headers"] = HEADERS
                response.headers["Access-Control-Max-Age"] = str(MAX_AGE)
        return response

    app.before_request(guard)
    app.after_request(tell)
