"""The handlers of what one run said and says: its log, its program, its events as they came and as they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, jsonify, request

from jobs.http import pages
from jobs.http.documents import shown_program
from jobs.http.handlers import Answer, Routes
from jobs.http.parts import ApiParts
from jobs.http.runs.follow import END, Followers, ndjson, server_sent
from jobs.http.runs.history import Histories
from jobs.http.runs.logs import Logs
from jobs.program.generator import node_lines
from jobs.work.program_log import LogPiece


class RunDetailRoutes:
    def __init__(self, parts: ApiParts) -> None:
        store, link, many = parts.store, parts.link, parts.has_many_tenants
        self._store = store
        self._authenticate = parts.authenticate
        self._logs = Logs(store, link, parts.settings.data_dir)
        self._histories = Histories(store, parts.past, has_many_tenants=many)
        self._followers = Followers(
            store, link, has_many_tenants=many, is_stopping=parts.is_stopping
        )

    def routes(self) -> Routes:
        return [
            ("GET", "/runs/<run_id>/log", self.read_log),
            ("GET", "/runs/<run_id>/program", self.read_program),
            ("GET", "/runs/<run_id>/history", self.read_history),
            ("GET", "/runs/<run_id>/events", self.events),
            ("GET", "/runs/<run_id>/wait", self.wait),
        ]

    def read_log(self, run_id: str) -> Answer:
        """The log from byte `?from=` (negative: from the end): {"from", "next", "size", "text", "ended"}.

        Ask again with from=next until next equals size and ended is true. `?format=text`: the log as a file.
        Where only the log's end can be read, as of a runner on another machine, "from" is greater than asked for.
        """
        run = self._store.run(self._tenant(), run_id)
        if request.args.get("format") == "text":
            return _text_file(self._logs.whole(run), f"run-{run.run_id}.log")
        found = self._logs.read(run, pages.number("from", 0, int))
        piece = LogPiece.of(found, is_complete=run.has_ended)
        told = {
            "from": piece.start,
            "next": piece.next,
            "size": piece.size,
            "text": piece.text,
            "ended": run.has_ended,
        }
        return jsonify(told)

    def read_program(self, run_id: str) -> Answer:
        """The program's text. `?format=json`: {"text", "nodeLines"}, where nodeLines is node id → first line."""
        tenant_id = self._tenant()
        program = self._store.program(tenant_id, run_id)
        shown = shown_program(program, self._store.graph_of_run(tenant_id, run_id))
        if request.args.get("format") == "json":
            return jsonify({"text": shown, "nodeLines": node_lines(shown)})
        return Response(shown, content_type="text/x-python; charset=utf-8")

    def read_history(self, run_id: str) -> Answer:
        """The run's events, each with its time: {"source", "events": [{"ts", "type", "payload"}]}."""
        return jsonify(self._histories.of(self._tenant(), run_id))

    def events(self, run_id: str) -> Answer:
        """Server-sent events: the run's messages as the WebSocket sends them, until the run ends or the token expires."""
        return self._follow(run_id, server_sent, "text/event-stream")

    def wait(self, run_id: str) -> Answer:
        """NDJSON: the run's messages as the WebSocket sends them. The last is the run's end, or "token_expired"."""
        return self._follow(run_id, ndjson, "application/x-ndjson")

    def _follow(
        self, run_id: str, encode: Callable[[dict[str, Any]], str], content_type: str
    ) -> Answer:
        bearer = self._authenticate("jobs:read")
        run = self._store.run(bearer.tenant_id, run_id)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":  # nobody would read the stream, and so close it
            return Response(content_type=content_type, headers=headers)
        if run.has_ended and request.headers.get("Last-Event-ID") == END:
            return Response(status=204)  # an EventSource then stays away
        more = request.args.get("more") == "1"
        stream = self._followers.follow(run, bearer.expires_at, encode, more=more)
        return Response(stream, content_type=content_type, headers=headers)

    def _tenant(self) -> str:
        """Whose the request is. Aborts with 401 or 403."""
        return self._authenticate("jobs:read").tenant_id


def _text_file(pieces: Iterator[bytes], name: str) -> Response:
    first = next(pieces, b"")  # here, so that a log that nobody has is a 503
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    body = itertools.chain([first], pieces)
    return Response(body, content_type="text/plain; charset=utf-8", headers=headers)
