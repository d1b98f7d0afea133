"""HTTP errors as problem documents (RFC 9457), which say what was found, where, and what to do."""

import json
import logging
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing.exceptions import WebsocketMismatch

from logs.repeated import Repeated

LOG = logging.getLogger(__name__)
_REFUSED = Repeated()  # a page whose proxy is wrong comes again and again

MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An HTTP error with a sentence for a person and members for a program.

    `members` are added to the document (`runId=…`, `errors=[…]`), `headers` to the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.code = status
        self.members = members
        self.extra_headers = headers or {}


def unavailable(detail: str, retry_after: int = 2, **members: Any) -> Problem:
    """503: the request may succeed in `retry_after` seconds."""
    return Problem(503, detail, headers={"Retry-After": str(retry_after)}, **members)


def register(app: Flask) -> None:
    """Makes every error that leaves `app` a problem document."""
    app.register_error_handler(HTTPException, answer)
    app.register_error_handler(WebsocketMismatch, _other_protocol)
    app.register_error_handler(Exception, _unexpected)


def problem_response(
    status: int, detail: str | None, members: dict[str, Any] | None = None
) -> Response:
    """A problem document as an HTTP answer."""
    document = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES.get(status, "Error"),
        "status": status,
        **({"detail": detail} if detail else {}),
        **(members or {}),
    }
    return Response(json.dumps(document) + "\n", status, content_type=MEDIA_TYPE)


def answer(error: HTTPException) -> Response:
    """The problem document of an HTTP error, with its headers."""
    status = error.code or 500
    if error.response is not None or status < 400:  # a redirect, or a finished answer
        made = error.get_response(request.environ)
        return made if isinstance(made, Response) else Response(made.get_data(), made.status)
    members = error.members if isinstance(error, Problem) else {}
    response = problem_response(status, error.description, members)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if isinstance(error, Problem):
        response.headers.update(error.extra_headers)
    return response


def _other_protocol(error: WebsocketMismatch) -> Response:
    connection = request.headers.get("Connection", "").lower().split(",")
    upgrades = "upgrade" in map(str.strip, connection)
    if upgrades and request.headers.get("Upgrade", "").lower() == "websocket":
        error.description = (
            "there is no WebSocket at this address: ask without 'Upgrade: websocket'"
        )
    else:
        error.description = (
            "this address is a WebSocket's, and the request lacks 'Upgrade: websocket' or 'Connection: Upgrade'; "
            "a proxy in front must pass on both, as docs/deploy/nginx.conf does"
        )
        if (sentence := _REFUSED.due(error.description)) is not None:
            LOG.warning("ws refused: %s", sentence)  # browsers hide the answer to a handshake
    return answer(error)


def _unexpected(error: Exception) -> Response:
    """The answer to a bug of ours. The log has the error; the client learns only that there was one."""
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(InternalServerError("an unexpected error; the server's log has the details"))
