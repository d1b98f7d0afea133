"""The HTTP API of jobs and runs, under /api. Errors are problem documents (RFC 9457).

A handler checks the token, which names the tenant, parses the body once, and asks the store. What
belongs to another tenant is answered as not found.
"""

from __future__ import annotations

from functools import partial

from flask import Blueprint, request

from described.operation import Operation
from jobs.http.editing import operations as editing_operations
from jobs.http.editing.routes import EditingRoutes
from jobs.http.files import operations as file_operations
from jobs.http.files.routes import FileRoutes
from jobs.http.handlers import Routes
from jobs.http.jobs import operations as job_operations
from jobs.http.jobs.routes import JobRoutes
from jobs.http.kept import operations as kept_operations
from jobs.http.kept.routes import KeptRoutes
from jobs.http.parts import ApiParts
from jobs.http.problems import Problem
from jobs.http.refusals import REFUSALS
from jobs.http.runners.files import FileRequests
from jobs.http.runners.previews import PreviewRequests
from jobs.http.runners.takers import shown_by
from jobs.http.runs import operations as run_operations
from jobs.http.runs.detail_routes import RunDetailRoutes
from jobs.http.runs.routes import RunRoutes
from jobs.http.webhooks import operations as webhook_operations
from jobs.http.webhooks.routes import WebhookRoutes
from jobs.work.deleted_jobs import DeletedJobs

BLUEPRINT = "jobs_api"


def create_blueprint(parts: ApiParts) -> Blueprint:
    """All routes of jobs and runs. Starts nothing: threads start with the first request that needs one."""
    blueprint = Blueprint(BLUEPRINT, __name__, url_prefix="/api")
    for method, path, handler in _routes(parts):
        blueprint.add_url_rule(path, handler.__name__, handler, methods=[method])
    blueprint.before_request(_refuse_nul)
    for error, refused in REFUSALS.items():
        blueprint.register_error_handler(error, refused)
    return blueprint


def _routes(parts: ApiParts) -> Routes:
    store, link, tenant, settings = parts.store, parts.link, parts.tenant, parts.settings
    many, why_not_ours = parts.has_many_tenants, parts.why_not_ours
    takers = partial(shown_by, store.runners)
    previews = PreviewRequests(link, takers, has_many_tenants=many, why_not_ours=why_not_ours)
    files = FileRequests(link, takers, has_many_tenants=many, why_not_ours=why_not_ours)
    kept = KeptRoutes(store, previews, tenant)
    deleted_jobs = DeletedJobs(store, link, settings.stream_rules(store.installation))
    has_shop = settings.server.sample_orders > 0
    return [
        *EditingRoutes(previews, kept, tenant, settings.requests, has_shop=has_shop).routes(),
        *JobRoutes(store, deleted_jobs, tenant, settings.requests, settings.data_dir).routes(),
        *RunRoutes(parts, kept, deleted_jobs).routes(),
        *RunDetailRoutes(parts).routes(),
        *WebhookRoutes(store.webhooks, tenant, settings.requests, settings.webhooks).routes(),
        *FileRoutes(store, files, previews, tenant, settings.uploads).routes(),
        *kept.routes(),
    ]


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
