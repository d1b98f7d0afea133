"""The handlers of runs: they are asked for, listed, read, cancelled and deleted."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request

from jobs.http import pages
from jobs.http.body import (
    check_execute,
    given_parameters,
    idempotency_key,
    json_object,
    request_hash,
)
from jobs.http.documents import run_document, run_entry, run_summary
from jobs.http.handlers import Answer, Routes, address
from jobs.http.jobs.etags import only_if
from jobs.http.kept.routes import KeptRoutes
from jobs.http.parts import ApiParts
from jobs.store.connections.native_thread import off_the_loop
from jobs.store.records import Run, RunFilter
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import StoreUnavailable
from jobs.work.announcements import Announcer
from jobs.work.commands import ExecuteRequest, cancel_run, execute_job
from jobs.work.deleted_jobs import DeletedJobs
from jobs.work.run_files import remove_files
from jobs.work.run_queue import QueueUnavailable
from traces.span import Value


class RunRoutes:
    def __init__(self, parts: ApiParts, kept: KeptRoutes, deleted_jobs: DeletedJobs) -> None:
        self._store = parts.store
        self._queue = parts.run_queue
        self._link = parts.link
        self._authenticate = parts.authenticate
        self._tenant = parts.tenant
        self._kept = kept
        self._deleted_jobs = deleted_jobs
        self._announcer = Announcer(parts.link)
        self._traces = parts.traces
        self._data_dir = parts.settings.data_dir
        self._limits = parts.settings.requests

    def routes(self) -> Routes:
        return [
            ("POST", "/jobs/<int:job_id>/execute", self.execute),
            ("GET", "/jobs/<int:job_id>/runs", self.list_runs),
            ("GET", "/runs", self.list_all_runs),
            ("GET", "/runs/<run_id>", self.read_run),
            ("DELETE", "/runs/<run_id>", self.delete_run),
            ("POST", "/runs/<run_id>/cancel", self.cancel),
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
            idempotency_key(),
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
        """The tenant's runs, newest first. `?status=`, `?job=`, `?since=`, `?until=` pick, `?limit=` and `?before=` page.

        `?order=queue`: those that wait, whose turn is next first.
        """
        tenant_id, wanted = self._tenant("jobs:read"), pages.run_filter()
        if not pages.is_in_turn(wanted):
            return self._runs(tenant_id, wanted)
        limit, behind = pages.limit(pages.RUNS_A_PAGE), pages.turn_behind()
        found = self._store.queued.in_turn(tenant_id, wanted, limit + 1, behind)
        cursors = [(run, pages.turn_cursor(turn)) for run, turn in found]
        return self._page(tenant_id, cursors, limit)

    def _runs(self, tenant_id: str, wanted: RunFilter) -> Answer:
        limit = pages.limit(pages.RUNS_A_PAGE)
        found = self._store.runs(tenant_id, wanted, limit + 1, pages.run_place())
        cursors = [(run, pages.run_cursor(run.run_id, run.created_at)) for run in found]
        return self._page(tenant_id, cursors, limit)

    def _page(self, tenant_id: str, found: list[tuple[Run, str]], limit: int) -> Answer:
        """Of runs, each with the cursor of what follows it, as many as `limit`; fewer where their graphs are very large."""
        shown = [run for run, _ in found[:limit]]
        rows = self._store.rows_of_runs(tenant_id, shown)
        runs = list(itertools.takewhile(lambda run: run.run_id in rows, shown))
        told = [run_entry(run, rows[run.run_id], self._wait_reason(run)) for run in runs]
        following = None
        if len(found) > len(runs):
            _, following = found[max(len(runs) - 1, 0)]  # none: the first was deleted just now
        return jsonify({"runs": told, "next": following})

    def read_run(self, run_id: str) -> Answer:
        run, nodes = self._store.run_with_nodes(self._tenant("jobs:read"), run_id)
        return jsonify(self._run_document(run, nodes))

    def delete_run(self, run_id: str) -> Answer:
        """Deletes the run with its log and files. 409 while it has not ended."""
        tenant_id = self._tenant("jobs:write")
        job_id = self._store.delete_run(tenant_id, run_id)
        off_the_loop(remove_files, self._data_dir, [run_id])
        if job_id is not None:  # who comes to the job would be shown this run
            self._deleted_jobs.forget_last_run(tenant_id, job_id)
        return Response(status=204)

    def cancel(self, run_id: str) -> Answer:
        """Cancels the run. Answers 200 when it has ended, by this or before, and 202 while it still runs."""
        tenant_id = self._tenant("jobs:execute")
        run = cancel_run(self._store, self._queue, self._announcer, tenant_id, run_id)
        return jsonify(run_summary(run)), 200 if run.has_ended else 202

    def usage(self) -> Answer:
        """How many runs of the tenant are queued and running, and how many may be queued."""
        queued, running = self._store.active_counts(self._tenant("jobs:read"))
        most = {"queuedRuns": self._limits.queued_runs}
        return jsonify({"queuedRuns": queued, "runningRuns": running, "limits": most})

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
