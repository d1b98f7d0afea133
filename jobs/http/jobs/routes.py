"""The handlers of stored jobs."""

from __future__ import annotations

from pathlib import Path

from flask import Response, jsonify, request

from jobs.http import pages
from jobs.http.body import idempotency_key, job_graph, job_name, json_object, request_hash
from jobs.http.documents import job_document, job_entry
from jobs.http.handlers import Answer, Routes, TenantOf, address
from jobs.http.jobs.etags import etag, only_if
from jobs.store.connections.native_thread import off_the_loop
from jobs.store.store import Store
from jobs.work.deleted_jobs import DeletedJobs
from jobs.work.run_files import remove_files
from settings.defaults import RequestLimits


class JobRoutes:
    def __init__(
        self,
        store: Store,
        deleted_jobs: DeletedJobs,
        tenant: TenantOf,
        limits: RequestLimits,
        data_dir: Path,
    ) -> None:
        self._store = store
        self._deleted_jobs = deleted_jobs
        self._tenant = tenant
        self._limits = limits
        self._data_dir = data_dir

    def routes(self) -> Routes:
        return [
            ("GET", "/jobs", self.list_jobs),
            ("POST", "/jobs", self.create_job),
            ("GET", "/jobs/<int:job_id>", self.read_job),
            ("PUT", "/jobs/<int:job_id>", self.replace_job),
            ("DELETE", "/jobs/<int:job_id>", self.delete_job),
        ]

    def list_jobs(self) -> Answer:
        """The tenant's jobs, newest first. `?q=` is a part of the name, `?status=` the last run's, `?runs=` how many runs each tells."""
        tenant_id = self._tenant("jobs:read")
        limit, runs = pages.limit(pages.JOBS_A_PAGE), pages.clamped("runs", 1, pages.MOST_LAST_RUNS)
        wanted, before = pages.job_filter(), pages.job_before()
        found = self._store.jobs(tenant_id, wanted, limit + 1, before, runs)
        jobs = found[:limit]
        told = [job_entry(job, with_runs="runs" in request.args) for job in jobs]
        more = len(found) > limit
        return jsonify({"jobs": told, "next": pages.job_cursor(jobs[-1].job_id) if more else None})

    def create_job(self) -> Answer:
        """Stores a job. Its graph may have errors, which validate and execute report.

        With the Idempotency-Key of an earlier request, the answer is the job that this one made.
        """
        tenant_id = self._tenant("jobs:write")
        body = json_object(self._limits)
        name, graph = job_name(body), job_graph(body, self._limits)
        same = request_hash("create job", body)
        job = self._store.create_job(tenant_id, name, graph, idempotency_key(), same)
        headers = {"Location": address(f"jobs/{job.job_id}"), "ETag": etag(job)}
        return jsonify(job_document(job)), 201, headers

    def read_job(self, job_id: int) -> Answer:
        job = self._store.job(self._tenant("jobs:read"), job_id)
        return jsonify(job_document(job)), 200, {"ETag": etag(job)}

    def replace_job(self, job_id: int) -> Answer:
        """Replaces name and graph. With If-Match, only where the job has that ETag; else 412."""
        tenant_id = self._tenant("jobs:write")
        body = json_object(self._limits)
        job = self._store.update_job(
            tenant_id, job_id, job_name(body), job_graph(body, self._limits), only_if()
        )
        return jsonify(job_document(job)), 200, {"ETag": etag(job)}

    def delete_job(self, job_id: int) -> Answer:
        """Deletes the job with its runs and their files. 409 while one of the runs has not ended. With If-Match as PUT."""
        tenant_id = self._tenant("jobs:write")
        run_ids = self._store.delete_job(tenant_id, job_id, only_if())
        off_the_loop(remove_files, self._data_dir, run_ids)
        self._deleted_jobs.forget(tenant_id, job_id)
        return Response(status=204)
