"""What the routes of jobs and runs stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.http.handlers import Authenticate
from jobs.http.runners.foreign import WhyNotOurs, nobody_elses
from jobs.http.runs.history import Past, no_past
from jobs.store.store import Store
from jobs.work.run_queue import RunQueue
from progress_lib.nats.link import Link
from progress_lib.subjects import EVERY_TENANT
from settings import Settings
from traces.traces import Traces


@dataclass(frozen=True, slots=True)
class ApiParts:
    """`is_stopping`: whether this server stops, so that nobody may be kept waiting. `why_not_ours`: why the runners on
    this NATS must not be asked anything, "" where they are ours.
    """

    store: Store
    run_queue: RunQueue
    link: Link
    authenticate: Authenticate
    settings: Settings
    past: Past = no_past
    traces: Traces = field(default_factory=lambda: Traces("progress-web"))
    is_stopping: Callable[[], bool] = lambda: False
    why_not_ours: WhyNotOurs = nobody_elses

    def tenant(self, scope: str) -> str:
        """Whose the request is. Aborts with 401 or 403."""
        return self.authenticate(scope).tenant_id

    @property
    def has_many_tenants(self) -> bool:
        return self.settings.tenant_id == EVERY_TENANT
