"""Each request has an id, which its log lines and its answer carry: the caller's own, or one that is made here."""

import re
import secrets

from flask import Flask, Response, g, request

from logs.context import begin, note

HEADER = "X-Request-ID"
_GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a longer or odder one is replaced: it stands in logs


def install(app: Flask) -> None:
    """Before all else of a request, so that refusals have it, too."""
    app.before_request(_begin)
    app.after_request(_tell)


def _begin() -> None:
    told = request.headers.get(HEADER, "")
    g.request_id = told if _GOOD.fullmatch(told) else secrets.token_hex(8)
    begin(request=g.request_id)
    note(**_named_in_path())


def _named_in_path() -> dict[str, object]:
    """The job and the run that the path names; a run's id is as the client wrote it."""
    values = request.view_args or {}
    run_id = values.get("run_id")
    return {"job": values.get("job_id"), "run": None if run_id is None else str(run_id)[:64]}


def _tell(response: Response) -> Response:
    response.headers[HEADER] = g.get("request_id", "")
    return response
