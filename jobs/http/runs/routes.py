"""The handlers of runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request

from jobs.http import pages
from jobs.http.body import check_execute, given_parameters, json_object, request_hash
from jobs.http.documents import run_document, run_entry, run_summary, shown_program
from jobs.http.handlers import Answer, Authenticate, Routes, address
from jobs.http.jobs.etags import only_if
from jobs.http.kept.routes import KeptRoutes
from jobs.http.problems import Problem
from jobs.http.runs.follow import END, Followers, ndjson, server_sent
from jobs.http.runs.history import Histories, Past
from jobs.http.runs.logs import Logs
from jobs.program.generator import node_lines
from jobs.store.node_states import NodeState
from jobs.store.records import Run, RunFilter
from jobs.store.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.announcements import Announcer
from jobs.work.commands import ExecuteRequest, cancel_run, execute_job
from jobs.work.deleted_jobs import DeletedJobs
from jobs.work.program_log import LogPiece
from jobs.work.run_files import RunFiles
from jobs.work.run_queue import QueueUnavailable, RunQueue
from progress_lib.nats import Link
from progress_lib.subjects import EVERY_TENANT
from settings import Settings
from traces.span import Value
from traces.traces import Traces

MAX_KEY = 255  # characters of an Idempotency-Key


class RunRoutes:
    def __init__(
        self,
        store: Store,
        run_queue: RunQueue,
        link: Link,
        authenticate: Authenticate,
        kept: KeptRoutes,
        deleted_jobs: DeletedJobs,
        settings: Settings,
        past: Past,
        traces: Traces,
        is_stopping: Callable[[], bool],
    ) -> None:
        has_many_tenants = settings.tenant_id == EVERY_TENANT
        self._store = store
        self._queue = run_queue
        self._link = link
        self._authenticate = authenticate
        self._kept = kept
        self._deleted_jobs = deleted_jobs
        self._announcer = Announcer(link)
        self._followers = Followers(
            store, link, has_many_tenants=has_many_tenants, is_stopping=is_stopping
        )
        self._histories = Histories(store, past, has_many_tenants=has_many_tenants)
        self._traces = traces
        self._data_dir = settings.data_dir
        self._logs = Logs(store, link, settings.data_dir)
        self._limits = settings.requests

    def routes(self) -> Routes:
        return [
            ("POST", "/jobs/<int:job_id>/execute", self.execute),
            ("GET", "/jobs/<int:job_id>/runs", self.list_runs),
            ("GET", "/runs", self.list_all_runs),
            ("GET", "/runs/<run_id>", self.read_run),
            ("DELETE", "/runs/<run_id>", self.delete_run),
            ("POST", "/runs/<run_id>/cancel", self.cancel),
            ("GET", "/runs/<run_id>/log", self.read_log),
            ("GET", "/runs/<run_id>/program", self.read_program),
            ("GET", "/runs/<run_id>/history", self.read_history),
            ("GET", "/runs/<run_id>/events", self.events),
            ("GET", "/runs/<run_id>/wait", self.wait),
            ("GET", "/usage", self.usage),
        ]

    def execute(self, job_id: int) -> Answer:
        """Takes {"parameters": {"name": value}}, or nothing: parameters that are not given have their defaults.

        With "fromRun" and "fromNode" the run begins at that node, with what that run kept. With If-Match, only where the job has
        that ETag; else 412.
        """
        asked = self._execute_request(job_id)
        about: dict[str, Value] = {"progress.tenant": asked.tenant_id, "progress.job.id": job_id}
        with self._traces.serve("execute job", request.headers.get("traceparent"), about) as work:
            try:
                traced = replace(asked, traceparent=work.parent)
                most = self._limits.queued_runs
                recorded = execute_job(self._store, self._queue, self._link, traced, most)
            except (QueueUnavailable, StoreUnavailable) as error:
                work.fail(type(error).__name__)
                raise
            work.note({"progress.run.id": recorded.run.run_id})
        run = recorded.run
        # A repeated request gets the answer of the first one, in which the status was "queued".
        told = {"runId": run.run_id, "jobId": job_id, "status": RunStatus.QUEUED.value}
        return jsonify(told), 202, {"Location": address(f"runs/{run.run_id}")}

    def _execute_request(self, job_id: int) -> ExecuteRequest:
        bearer = self._authenticate("jobs:execute")
        body = json_object(self._limits, required=False)
        check_execute(body)
        return ExecuteRequest(
            bearer.tenant_id,
            job_id,
            given_parameters(body),
            _idempotency_key(),
            request_hash(f"execute {job_id}", body),
            started_by=bearer.subject or None,
            begin=self._kept.begin(bearer.tenant_id, body),
            only_if=only_if(),
        )

    def list_runs(self, job_id: int) -> Answer:
        """The job's runs, newest first, with the parameters of `list_all_runs`."""
        bearer = self._authenticate("jobs:read")
        self._store.job_name(bearer.tenant_id, job_id)
        wanted = replace(pages.run_filter(job_id), run_id=bearer.only_run)
        return self._runs(bearer.tenant_id, wanted)

    def list_all_runs(self) -> Answer:
        """The tenant's runs, newest first. `?status=`, `?job=`, `?since=`, `?until=` pick, `?limit=` and `?before=` page."""
        return self._runs(self._tenant("jobs:read"), pages.run_filter())

    def _runs(self, tenant_id: str, wanted: RunFilter) -> Answer:
        """A page has fewer runs than asked for where their graphs are very large."""
        limit = pages.limit(pages.RUNS_A_PAGE)
        found = self._store.runs(tenant_id, wanted, limit + 1, pages.run_place())
        rows = self._store.rows_of_runs(tenant_id, found[:limit])
        runs = list(itertools.takewhile(lambda run: run.run_id in rows, found[:limit]))
        told = [run_entry(run, rows[run.run_id], self._wait_reason(run)) for run in runs]
        following = None
        if len(found) > len(runs):
            last = runs[-1] if runs else found[0]  # which was deleted just now
            following = pages.run_cursor(last.run_id, last.created_at)
        return jsonify({"runs": told, "next": following})

    def read_run(self, run_id: str) -> Answer:
        run, nodes = self._store.run_with_nodes(self._tenant("jobs:read"), run_id)
        return jsonify(self._run_document(run, nodes))

    def delete_run(self, run_id: str) -> Answer:
        """Deletes the run with its log and files. 409 while it has not ended."""
        tenant_id = self._tenant("jobs:write")
        job_id = self._store.delete_run(tenant_id, run_id)
        RunFiles(self._data_dir, run_id).remove()
        if job_id is not None:  # who comes to the job would be shown this run
            self._deleted_jobs.forget_last_run(tenant_id, job_id)
        return Response(status=204)

    def cancel(self, run_id: str) -> Answer:
        """Cancels the run. Answers 200 when it has ended, by this or before, and 202 while it still runs."""
        tenant_id = self._tenant("jobs:execute")
        run = cancel_run(self._store, self._queue, self._announcer, tenant_id, run_id)
        return jsonify(run_summary(run)), 200 if run.has_ended else 202

    def read_log(self, run_id: str) -> Answer:
        """The log from byte `?from=` (negative: from the end): {"from", "next", "size", "text", "ended"}.

        Ask again with from=next until next equals size and ended is true. `?format=text`: the log as a file.
        Where only the log's end can be read, as of a runner on another machine, "from" is greater than asked for.
        """
        run = self._store.run(self._tenant("jobs:read"), run_id)
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
        tenant_id = self._tenant("jobs:read")
        program = self._store.program(tenant_id, run_id)
        shown = shown_program(program, self._store.graph_of_run(tenant_id, run_id))
        if request.args.get("format") == "json":
            return jsonify({"text": shown, "nodeLines": node_lines(shown)})
        return Response(shown, content_type="text/x-python; charset=utf-8")

    def read_history(self, run_id: str) -> Answer:
        """The run's events, each with its time: {"source", "events": [{"ts", "type", "payload"}]}."""
        return jsonify(self._histories.of(self._tenant("jobs:read"), run_id))

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

    def usage(self) -> Answer:
        """How many runs of the tenant are queued and running, and how many may be queued."""
        queued, running = self._store.active_counts(self._tenant("jobs:read"))
        most = {"queuedRuns": self._limits.queued_runs}
        return jsonify({"queuedRuns": queued, "runningRuns": running, "limits": most})

    def _tenant(self, scope: str) -> str:
        """Whose the request is. Aborts with 401 or 403."""
        return self._authenticate(scope).tenant_id

    def _run_document(self, run: Run, nodes: list[NodeState]) -> dict[str, Any]:
        is_queued = run.status is RunStatus.QUEUED
        position = self._store.queued.position(run) if is_queued else None
        graph = self._store.graph_of_run(run.tenant_id, run.run_id)
        kept = self._store.kept(run.tenant_id, run.run_id)
        return run_document(run, nodes, graph, position, self._wait_reason(run), kept)

    def _wait_reason(self, run: Run) -> str | None:
        """Why a run waits that no runner may take that is there; None of every other run."""
        if run.status is not RunStatus.QUEUED:
            return None
        return self._store.runners.takers().why_waiting(run.runner_tag)


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if 0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable():
        return key
    raise Problem(400, f"Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters")


def _text_file(pieces: Iterator[bytes], name: str) -> Response:
    first = next(pieces, b"")  # here, so that a log that nobody has is a 503
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    body = itertools.chain([first], pieces)
    return Response(body, content_type="text/plain; charset=utf-8", headers=headers)
