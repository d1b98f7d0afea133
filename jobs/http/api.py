"""The HTTP API of jobs and runs, under /api. Errors are problem documents (RFC 9457).

A handler checks the token, which names the tenant, parses the body once, and asks the store. What
belongs to another tenant is answered as not found.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request

from described.operation import Operation
from jobs.http.editing import operations as editing_operations
from jobs.http.editing.routes import EditingRoutes
from jobs.http.files import operations as file_operations
from jobs.http.files.requests import FileRequests
from jobs.http.files.routes import FileRoutes
from jobs.http.foreign import WhyNotOurs, nobody_elses
from jobs.http.handlers import Authenticate
from jobs.http.jobs import operations as job_operations
from jobs.http.jobs.routes import JobRoutes
from jobs.http.kept import operations as kept_operations
from jobs.http.kept.routes import KeptRoutes
from jobs.http.previews import PreviewRequests
from jobs.http.problems import Problem
from jobs.http.refusals import REFUSALS
from jobs.http.runs import operations as run_operations
from jobs.http.runs.detail_routes import RunDetailRoutes
from jobs.http.runs.follow import Followers
from jobs.http.runs.history import Histories, Past, no_past
from jobs.http.runs.logs import Logs
from jobs.http.runs.routes import RunRoutes
from jobs.http.webhooks import operations as webhook_operations
from jobs.http.webhooks.routes import WebhookRoutes
from jobs.store.store import Store
from jobs.work.deleted_jobs import DeletedJobs
from jobs.work.run_queue import RunQueue
from progress_lib.nats import Link
from progress_lib.subjects import EVERY_TENANT
from settings import Settings
from traces.traces import Traces

BLUEPRINT = "jobs_api"


def create_blueprint(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    authenticate: Authenticate,
    settings: Settings,
    past: Past = no_past,
    traces: Traces | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    why_not_ours: WhyNotOurs = nobody_elses,
) -> Blueprint:
    """All routes of jobs and runs. Starts nothing: threads start with the first request that needs one.

    `is_stopping`: whether this server stops, so that nobody may be kept waiting. `why_not_ours`: why the runners on
    this NATS must not be asked anything, "" where they are ours.
    """

    def tenant(scope: str) -> str:
        return authenticate(scope).tenant_id

    has_many_tenants = settings.tenant_id == EVERY_TENANT
    traces = traces or Traces("progress-web")
    previews = PreviewRequests(link, has_many_tenants=has_many_tenants, why_not_ours=why_not_ours)
    files = FileRequests(link, has_many_tenants=has_many_tenants, why_not_ours=why_not_ours)
    followers = Followers(store, link, has_many_tenants=has_many_tenants, is_stopping=is_stopping)
    histories = Histories(store, past, has_many_tenants=has_many_tenants)
    details = RunDetailRoutes(
        store, authenticate, Logs(store, link, settings.data_dir), histories, followers
    )
    kept = KeptRoutes(store, previews, tenant)
    deleted_jobs = DeletedJobs(store, link, settings.stream_rules(store.installation))
    has_shop = settings.server.sample_orders > 0
    blueprint = Blueprint(BLUEPRINT, __name__, url_prefix="/api")
    for method, path, handler in (
        *EditingRoutes(previews, kept, tenant, settings.requests, has_shop=has_shop).routes(),
        *JobRoutes(store, deleted_jobs, tenant, settings.requests, settings.data_dir).routes(),
        *RunRoutes(
            store, run_queue, link, authenticate, kept, deleted_jobs, settings, traces
        ).routes(),
        *details.routes(),
        *WebhookRoutes(store.webhooks, tenant, settings.requests, settings.webhooks).routes(),
        *FileRoutes(store, files, previews, tenant, settings.uploads).routes(),
        *kept.routes(),
    ):
        blueprint.add_url_rule(path, handler.__name__, handler, methods=[method])
    blueprint.before_request(_refuse_nul)
    for error, refused in REFUSALS.items():
        blueprint.register_error_handler(error, refused)
    return blueprint


def _refuse_nul() -> None:
    """PostgreSQL takes no text with a NUL, not even to look for it."""
    if any("\0" in str(part) for part in (request.view_args or {}).values()):
        raise Problem(404, "nothing has a NUL in its name")


def operations() -> dict[str, Operation]:
    """What each route takes and answers, by endpoint."""
    every = {
        **editing_operations.OPERATIONS,
        **job_operations.OPERATIONS,
        **run_operations.OPERATIONS,
        **webhook_operations.OPERATIONS,
        **file_operations.OPERATIONS,
        **kept_operations.OPERATIONS,
    }
    return {f"{BLUEPRINT}.{handler}": operation for handler, operation in every.items()}
