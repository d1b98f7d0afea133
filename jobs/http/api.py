"""The HTTP API of jobs and runs, under /api. Errors are problem documents (RFC 9457).

A handler checks the token, which names the tenant, parses the body once, and asks the store. What
belongs to another tenant is answered as not found.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from described.operation import Operation
from jobs.graph.again import CannotBegin
from jobs.graph.errors import MOST_ERRORS, GraphError, GraphInvalid, shortened
from jobs.graph.gallery import gallery_document
from jobs.graph.node_types import node_types_document
from jobs.graph.notes import ENGINE
from jobs.graph.parsing import parse_graph, parse_parts
from jobs.graph.reading_back import NothingToRead
from jobs.http import pages
from jobs.http.body import (
    around_row,
    check_execute,
    given_parameters,
    job_graph,
    job_name,
    json_object,
    request_hash,
)
from jobs.http.documents import (
    job_document,
    job_entry,
    run_document,
    run_entry,
    run_summary,
    shown_program,
)
from jobs.http.editing.columns import columns_document
from jobs.http.editing.source_columns import SourceColumns
from jobs.http.files import operations as file_operations
from jobs.http.files.routes import FileRoutes
from jobs.http.files.routes import refused as no_output
from jobs.http.graph_size import check_size
from jobs.http.kept import operations as kept_operations
from jobs.http.kept.routes import KeptRoutes, cannot_begin
from jobs.http.operations import OPERATIONS
from jobs.http.previews import PreviewRequests
from jobs.http.problems import Problem, answer, unavailable
from jobs.http.runs.follow import END, Followers, ndjson, server_sent
from jobs.http.runs.history import Histories, Past, no_past
from jobs.http.runs.logs import Logs
from jobs.http.webhooks import operations as webhook_operations
from jobs.http.webhooks.routes import ERRORS, WebhookRoutes, refused
from jobs.program.generator import node_lines
from jobs.store.node_states import NodeState
from jobs.store.records import Job, Run, RunFilter
from jobs.store.run_states import RunStatus
from jobs.store.store import (
    AlreadyRunning,
    IdempotencyMismatch,
    JobChanged,
    NotFound,
    OnlyIf,
    RunNotEnded,
    Store,
    StoreUnavailable,
    TooManyQueued,
)
from jobs.work.announcements import Announcer
from jobs.work.commands import cancel_run, execute_job
from jobs.work.program_log import LogPiece
from jobs.work.run_files import RunFiles
from jobs.work.run_queue import QueueUnavailable, RunQueue
from program_lib.expressions import functions_document
from program_lib.parameters import WrongParameters
from progress_lib.nats import Link
from progress_lib.subjects import EVERY_TENANT
from settings import Settings
from traces.span import Value
from traces.traces import Traces

LOG = logging.getLogger(__name__)

QUEUE_RETRY_AFTER = 10  # seconds until a full queue may have room
MAX_KEY = 255  # characters of an Idempotency-Key
BLUEPRINT = "jobs_api"


class Bearer(Protocol):
    """Whoever sends the request, as the token says."""

    @property
    def tenant_id(self) -> str: ...

    @property
    def subject(self) -> str: ...  # empty where the token names none

    @property
    def expires_at(self) -> float: ...  # seconds since 1970

    @property
    def only_run(self) -> str | None: ...  # the one run that it may see


Authenticate = Callable[[str], Bearer]  # takes the scope needed; aborts with 401 or 403
Answer = Response | tuple[Response, int] | tuple[Response, int, dict[str, str]]


def create_blueprint(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    authenticate: Authenticate,
    settings: Settings,
    past: Past = no_past,
    traces: Traces | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Blueprint:
    """All routes of jobs and runs. Starts nothing: threads start with the first request that needs one.

    `is_stopping`: whether this server stops, so that nobody may be kept waiting.
    """
    traces = traces or Traces("progress-web")
    api = _Api(store, run_queue, link, authenticate, settings, past, traces, is_stopping)
    blueprint = Blueprint(BLUEPRINT, __name__, url_prefix="/api")
    webhooks = WebhookRoutes(store.webhooks, api.tenant, settings.requests, settings.webhooks)
    files = FileRoutes(
        store,
        link,
        api.previews,
        api.tenant,
        settings.uploads,
        has_many_tenants=settings.tenant_id == EVERY_TENANT,
    )
    for method, path, handler in (
        *api.routes(),
        *webhooks.routes(),
        *files.routes(),
        *api.kept.routes(),
    ):
        blueprint.add_url_rule(path, handler.__name__, handler, methods=[method])
    blueprint.register_error_handler(NotFound, _not_found)
    blueprint.register_error_handler(NothingToRead, no_output)
    blueprint.register_error_handler(CannotBegin, cannot_begin)
    blueprint.register_error_handler(AlreadyRunning, _already_running)
    blueprint.register_error_handler(RunNotEnded, _not_ended)
    blueprint.register_error_handler(IdempotencyMismatch, _mismatch)
    blueprint.register_error_handler(JobChanged, _changed)
    blueprint.register_error_handler(TooManyQueued, _too_many_queued)
    blueprint.register_error_handler(GraphInvalid, _graph_invalid)
    blueprint.register_error_handler(WrongParameters, _wrong_parameters)
    blueprint.register_error_handler(QueueUnavailable, _come_back)
    blueprint.register_error_handler(StoreUnavailable, _come_back)
    for kind in ERRORS:
        blueprint.register_error_handler(kind, refused)
    return blueprint


def operations() -> dict[str, Operation]:
    """What each route takes and answers, by endpoint."""
    every = {
        **OPERATIONS,
        **webhook_operations.OPERATIONS,
        **file_operations.OPERATIONS,
        **kept_operations.OPERATIONS,
    }
    return {f"{BLUEPRINT}.{handler}": operation for handler, operation in every.items()}


class _Api:
    def __init__(
        self,
        store: Store,
        run_queue: RunQueue,
        link: Link,
        authenticate: Authenticate,
        settings: Settings,
        past: Past,
        traces: Traces,
        is_stopping: Callable[[], bool],
    ) -> None:
        has_many_tenants = settings.tenant_id == EVERY_TENANT
        self._store = store
        self._queue = run_queue
        self._link = link
        self._announcer = Announcer(link)
        self._followers = Followers(
            store, link, has_many_tenants=has_many_tenants, is_stopping=is_stopping
        )
        self.previews = PreviewRequests(link, has_many_tenants=has_many_tenants)
        self.kept = KeptRoutes(store, self.previews, self.tenant)
        self._sources = SourceColumns(self.previews)
        self._histories = Histories(store, past, has_many_tenants=has_many_tenants)
        self._authenticate = authenticate
        self._traces = traces
        self._data_dir = settings.data_dir
        self._logs = Logs(store, link, settings.data_dir)
        self._limits = settings.requests
        self._has_shop = settings.server.sample_orders > 0

    def routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", "/node-types", self.node_types),
            ("GET", "/functions", self.functions),
            ("GET", "/gallery", self.gallery),
            ("GET", "/jobs", self.list_jobs),
            ("POST", "/jobs", self.create_job),
            ("POST", "/jobs/validate", self.validate),
            ("POST", "/jobs/preview", self.preview),
            ("POST", "/jobs/find-types", self.find_types),
            ("POST", "/jobs/columns", self.columns),
            ("POST", "/tables", self.tables),
            ("GET", "/jobs/<int:job_id>", self.read_job),
            ("PUT", "/jobs/<int:job_id>", self.replace_job),
            ("DELETE", "/jobs/<int:job_id>", self.delete_job),
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

    # ---- jobs

    def node_types(self) -> Answer:
        self.tenant("jobs:read")
        return jsonify({"nodeTypes": node_types_document(), "engine": ENGINE})

    def functions(self) -> Answer:
        self.tenant("jobs:read")
        return jsonify({"functions": functions_document()})

    def gallery(self) -> Answer:
        """Jobs to start from; none where the server has no sample shop, whose data they read."""
        self.tenant("jobs:read")
        return jsonify({"jobs": gallery_document() if self._has_shop else []})

    def list_jobs(self) -> Answer:
        """The tenant's jobs, newest first. `?q=` is a part of the name, `?status=` the last run's, `?runs=` how many runs each tells."""
        tenant_id = self.tenant("jobs:read")
        limit, runs = pages.limit(pages.JOBS_A_PAGE), pages.clamped("runs", 1, pages.MOST_LAST_RUNS)
        wanted, before = pages.job_filter(), pages.job_before()
        found = self._store.jobs(tenant_id, wanted, limit + 1, before, runs)
        jobs = found[:limit]
        told = [job_entry(job, with_runs="runs" in request.args) for job in jobs]
        more = len(found) > limit
        return jsonify({"jobs": told, "next": pages.job_cursor(jobs[-1].job_id) if more else None})

    def create_job(self) -> Answer:
        """Stores a job. Its graph may have errors, which validate and execute report."""
        tenant_id = self.tenant("jobs:write")
        body = json_object(self._limits)
        job = self._store.create_job(tenant_id, job_name(body), self._graph(body))
        headers = {"Location": _address(f"jobs/{job.job_id}"), "ETag": _etag(job)}
        return jsonify(job_document(job)), 201, headers

    def validate(self) -> Answer:
        """Takes {"graph": …}. Answers whether it can run, with the errors that execute would report."""
        self.tenant("jobs:read")
        graph = self._graph(json_object(self._limits))
        try:
            parse_graph(graph)
        except GraphInvalid as invalid:
            return jsonify({"valid": False, "detail": _told(invalid), **_errors(invalid)})
        return jsonify({"valid": True, "errors": []})

    def preview(self) -> Answer:
        """Takes {"graph", "nodeId"}, and "parameters" as execute: the first rows that the node gives; nothing is written.

        With "around", {"number", "place"} of a row at fault: what came to the node before and behind that row. With "fromRun"
        it shows what that run kept, as far as the graph is as it was.
        """
        tenant_id, body = self._tenant_and_body()
        before = self.kept.before(tenant_id, body)
        return jsonify(self.previews.ask(tenant_id, *self._node_of(body), around_row(body), before))

    def find_types(self) -> Answer:
        """Takes {"graph", "nodeId"}: what the columns of a file, or of the first page of a service, hold."""
        tenant_id, body = self._tenant_and_body()
        return jsonify(self.previews.find_types(tenant_id, *self._node_of(body)))

    def columns(self) -> Answer:
        """Takes {"graph", "parameters"}; the graph may have errors. The columns that each node gives, without a run."""
        tenant_id = self.tenant("jobs:execute")  # what a run would open is opened
        body = json_object(self._limits)
        graph = self._graph(body)
        parts = parse_parts(graph)
        sources = self._sources.of(tenant_id, graph, parts, given_parameters(body))
        return jsonify(columns_document(parts, sources))

    def tables(self) -> Answer:
        """Takes {"connection", "runnerTag"}: the tables of a database with their columns."""
        tenant_id = self.tenant("jobs:execute")
        body = json_object(self._limits)
        tables = self.previews.tables(tenant_id, body.get("connection"), body.get("runnerTag"))
        return jsonify(tables)

    def _tenant_and_body(self) -> tuple[str, dict[str, Any]]:
        return self.tenant("jobs:execute"), json_object(
            self._limits
        )  # what a run would read is read

    def _node_of(self, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, Any]]:
        node_id = body.get("nodeId")
        if type(node_id) is not int:
            raise Problem(422, "nodeId must be the id of a node of the graph")
        return self._graph(body), node_id, given_parameters(body)

    def read_job(self, job_id: int) -> Answer:
        job = self._store.job(self.tenant("jobs:read"), job_id)
        return jsonify(job_document(job)), 200, {"ETag": _etag(job)}

    def replace_job(self, job_id: int) -> Answer:
        """Replaces name and graph. With If-Match, only where the job has that ETag; else 412."""
        tenant_id = self.tenant("jobs:write")
        body = json_object(self._limits)
        job = self._store.update_job(
            tenant_id, job_id, job_name(body), self._graph(body), _only_if()
        )
        return jsonify(job_document(job)), 200, {"ETag": _etag(job)}

    def delete_job(self, job_id: int) -> Answer:
        """Deletes the job with its runs and their files. 409 while one of the runs has not ended. With If-Match as PUT."""
        tenant_id = self.tenant("jobs:write")
        for run_id in self._store.delete_job(tenant_id, job_id, _only_if()):
            RunFiles(self._data_dir, run_id).remove()
        return Response(status=204)

    # ---- runs

    def execute(self, job_id: int) -> Answer:
        """Takes {"parameters": {"name": value}}, or nothing: parameters that are not given have their defaults.

        With "fromRun" and "fromNode" the run begins at that node, with what that run kept. With If-Match, only where the job has
        that ETag; else 412.
        """
        bearer = self._authenticate("jobs:execute")
        body = json_object(self._limits, required=False)
        check_execute(body)
        key, given, only_if = _idempotency_key(), given_parameters(body), _only_if()
        begin = self.kept.begin(bearer.tenant_id, body)
        hashed = request_hash(f"execute {job_id}", body)
        about: dict[str, Value] = {
            "progress.tenant": bearer.tenant_id,
            "progress.job.id": job_id,
        }
        with self._traces.serve("execute job", request.headers.get("traceparent"), about) as work:
            try:
                recorded = execute_job(
                    self._store,
                    self._queue,
                    self._link,
                    bearer.tenant_id,
                    job_id,
                    key,
                    hashed,
                    self._limits.queued_runs,
                    given,
                    bearer.subject or None,
                    work.parent,
                    begin,
                    only_if,
                )
            except (QueueUnavailable, StoreUnavailable) as error:
                work.fail(type(error).__name__)
                raise
            work.note({"progress.run.id": recorded.run.run_id})
        run = recorded.run
        # A repeated request gets the answer of the first one, in which the status was "queued".
        told = {"runId": run.run_id, "jobId": job_id, "status": RunStatus.QUEUED.value}
        return jsonify(told), 202, {"Location": _address(f"runs/{run.run_id}")}

    def list_runs(self, job_id: int) -> Answer:
        """The job's runs, newest first, with the parameters of `list_all_runs`."""
        bearer = self._authenticate("jobs:read")
        self._store.job_name(bearer.tenant_id, job_id)
        wanted = replace(pages.run_filter(job_id), run_id=bearer.only_run)
        return self._runs(bearer.tenant_id, wanted)

    def list_all_runs(self) -> Answer:
        """The tenant's runs, newest first. `?status=`, `?job=`, `?since=`, `?until=` pick, `?limit=` and `?before=` page."""
        return self._runs(self.tenant("jobs:read"), pages.run_filter())

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
        run, nodes = self._store.run_with_nodes(self.tenant("jobs:read"), run_id)
        return jsonify(self._run_document(run, nodes))

    def delete_run(self, run_id: str) -> Answer:
        """Deletes the run with its log and files. 409 while it has not ended."""
        self._store.delete_run(self.tenant("jobs:write"), run_id)
        RunFiles(self._data_dir, run_id).remove()
        return Response(status=204)

    def cancel(self, run_id: str) -> Answer:
        """Cancels the run. Answers 200 when it has ended, by this or before, and 202 while it still runs."""
        tenant_id = self.tenant("jobs:execute")
        run = cancel_run(self._store, self._queue, self._announcer, tenant_id, run_id)
        return jsonify(run_summary(run)), 200 if run.has_ended else 202

    def read_log(self, run_id: str) -> Answer:
        """The log from byte `?from=` (negative: from the end): {"from", "next", "size", "text", "ended"}.

        Ask again with from=next until next equals size and ended is true. `?format=text`: the log as a file.
        Where only the log's end can be read, as of a runner on another machine, "from" is greater than asked for.
        """
        run = self._store.run(self.tenant("jobs:read"), run_id)
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
        tenant_id = self.tenant("jobs:read")
        program = self._store.program(tenant_id, run_id)
        shown = shown_program(program, self._store.graph_of_run(tenant_id, run_id))
        if request.args.get("format") == "json":
            return jsonify({"text": shown, "nodeLines": node_lines(shown)})
        return Response(shown, content_type="text/x-python; charset=utf-8")

    def read_history(self, run_id: str) -> Answer:
        """The run's events, each with its time: {"source", "events": [{"ts", "type", "payload"}]}."""
        return jsonify(self._histories.of(self.tenant("jobs:read"), run_id))

    def events(self, run_id: str) -> Answer:
        """Server-sent events: the run's messages as the WebSocket sends them, until the run ends or the token expires."""
        return self._follow(run_id, server_sent, "text/event-stream")

    def wait(self, run_id: str) -> Answer:
        """NDJSON: the run's messages as the WebSocket sends them. The last is the run's end, or "token_expired"."""
        return self._follow(run_id, ndjson, "application/x-ndjson")

    def usage(self) -> Answer:
        """How many runs of the tenant are queued and running, and how many may be queued."""
        queued, running = self._store.active_counts(self.tenant("jobs:read"))
        most = {"queuedRuns": self._limits.queued_runs}
        return jsonify({"queuedRuns": queued, "runningRuns": running, "limits": most})

    # ---- inside

    def tenant(self, scope: str) -> str:
        """Whose the request is. Aborts with 401 or 403."""
        return self._authenticate(scope).tenant_id

    def _graph(self, body: dict[str, Any]) -> dict[str, Any]:
        graph = job_graph(body)
        check_size(graph, self._limits)
        return graph

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

    def _run_document(self, run: Run, nodes: list[NodeState]) -> dict[str, Any]:
        is_in_queue = run.status is RunStatus.QUEUED and run.waits_until(time.time()) is None
        position = self._store.queued.position(run) if is_in_queue else None
        graph = self._store.graph_of_run(run.tenant_id, run.run_id)
        kept = self._store.kept(run.tenant_id, run.run_id)
        return run_document(run, nodes, graph, position, self._wait_reason(run), kept)

    def _wait_reason(self, run: Run) -> str | None:
        """Why a run waits that no runner may take that is there; None of every other run."""
        if run.status is not RunStatus.QUEUED:
            return None
        return self._store.runners.takers().why_waiting(run.runner_tag)


# ---- what a request says


def _address(what: str) -> str:
    """The path of a job or run, as the client sees this server."""
    return f"{request.script_root}/api/{what}"


def _etag(job: Job) -> str:
    """The job's ETag, which each change of the job changes."""
    return f'"{_state(job)}"'


def _state(job: Job) -> str:
    return f"{job.job_id}-{job.updated_at!r}"


def _only_if() -> OnlyIf | None:
    """The state that If-Match names; None without it. A weak tag is one of ours, too: proxies that compress make it weak."""
    wanted = request.if_match
    if wanted:
        return lambda job: wanted.contains_weak(_state(job))
    if "If-Match" in request.headers:
        raise Problem(400, "If-Match is empty; it must be the ETag of the job, or *")
    return None


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


# ---- errors of ours as problems


def _not_found(error: NotFound) -> Response:
    return answer(Problem(404, str(error)))


def _already_running(error: AlreadyRunning) -> Response:
    return answer(Problem(409, str(error), runId=error.run_id, jobId=error.job_id))


def _not_ended(error: RunNotEnded) -> Response:
    return answer(Problem(409, str(error)))


def _mismatch(error: IdempotencyMismatch) -> Response:
    return answer(Problem(422, str(error)))


def _changed(error: JobChanged) -> Response:
    return answer(Problem(412, str(error)))


def _too_many_queued(error: TooManyQueued) -> Response:
    headers = {"Retry-After": str(QUEUE_RETRY_AFTER)}
    return answer(Problem(429, str(error), headers=headers))


def _graph_invalid(error: GraphInvalid) -> Response:
    return answer(Problem(422, _told(error), **_errors(error)))


def _wrong_parameters(error: WrongParameters) -> Response:
    """Each error's field is parameters.<name>."""
    found = [
        GraphError(None, f"parameters.{name}" if name else "parameters", message).document()
        for name, message in error.errors[:MOST_ERRORS]
    ]
    return answer(Problem(422, shortened(str(error)), errors=found, errorCount=len(error.errors)))


def _come_back(error: QueueUnavailable | StoreUnavailable) -> Response:
    if isinstance(error, StoreUnavailable):  # its text may name hosts and users
        LOG.warning("%s %s: %s", request.method, request.path, error)
        return answer(unavailable(error.public))
    return answer(unavailable(str(error)))


def _errors(invalid: GraphInvalid) -> dict[str, Any]:
    """The first of its errors, and how many there are in all."""
    found = [error.document() for error in invalid.errors]
    return {"errors": found, "errorCount": invalid.count}


def _told(invalid: GraphInvalid) -> str:
    first = invalid.errors[0].message
    if invalid.count == 1:
        return f"the graph has an error: {first}"
    return f"the graph has {invalid.count:,} errors; the first: {first}"
