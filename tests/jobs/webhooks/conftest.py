"""A store with jobs whose runs end at once, and deliverers that do not wait long."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.store.records import Move, NewRun, Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.store.webhooks.records import Delivery, DeliveryStatus, NewWebhook, Told, Webhook
from jobs.webhooks.deliveries import Deliveries, Pace
from jobs.webhooks.signature import new_secret
from settings.addresses import parse_private_hosts
from settings.defaults import WebhookSettings
from tests.harness import DEADLINE, eventually
from tests.jobs.conftest import GRAPH, TENANT
from tests.jobs.webhooks.receivers import Receiver, receiving

QUICK = Pace(poll=0.05, retry=0.2, lease=0.5)
LOCAL = parse_private_hosts("127.0.0.1")
COMPLETED, FAILED, LOST = RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.LOST
ALL = frozenset(Told)


class Desk:
    """What a test does with a store: makes webhooks, ends runs, reads the record."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hooks = store.webhooks

    def job(self, tenant_id: str = TENANT, name: str = "a job") -> int:
        return self.store.create_job(tenant_id, name, GRAPH).job_id

    def webhook(
        self, url: str, *ends: Told, tenant_id: str = TENANT, most: int = 10_000, **more: Any
    ) -> Webhook:
        new = NewWebhook(url, frozenset(ends) or ALL, **more)
        return self.hooks.create(tenant_id, new, new_secret(), most).webhook

    def end(
        self, job_id: int, end: RunStatus = COMPLETED, tenant_id: str = TENANT, **more: Any
    ) -> Run:
        """A run of the job that ends so."""
        run = self.store.record_run(tenant_id, NewRun(job_id, GRAPH, "")).run
        return self.finish(run, end, **more)

    def finish(self, run: Run, end: RunStatus = COMPLETED, **more: Any) -> Run:
        moves = [(RunStatus.QUEUED, RunStatus.RUNNING), (RunStatus.RUNNING, end)]
        for frm, to in moves:
            told = more if to is end else {}
            assert self.store.move_run(run.tenant_id, run.run_id, Move(frm, to, **told))
        return self.store.run(run.tenant_id, run.run_id)

    def record(self, webhook: Webhook) -> list[Delivery]:
        """The webhook's deliveries, oldest first."""
        return self.hooks.deliveries(webhook.tenant_id, webhook.webhook_id, 5_000)[::-1]

    def settled(self, webhook: Webhook, count: int = 1) -> list[Delivery]:
        """The record, once it holds so many deliveries and none waits."""

        def look() -> list[Delivery] | None:
            found = self.record(webhook)
            assert len(found) >= count, found
            waits = any(one.status is DeliveryStatus.WAITING for one in found)
            return None if waits else found

        # on a machine that is held up at each step, four a second are delivered
        return eventually(look, DEADLINE + count / 2, what="deliveries settle")


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


Deliver = Callable[..., Deliveries]


@pytest.fixture
def deliver(store: Store) -> Iterator[Deliver]:
    """Starts deliverers; ends them all."""
    with contextlib.ExitStack() as started:

        def start(*, many: bool = False, pace: Pace = QUICK, **settings: Any) -> Deliveries:
            known = {"private_hosts": LOCAL, "retry_wait": 0.05, "timeout": 60, **settings}
            made = Deliveries(
                store.webhooks, WebhookSettings(**known), has_many_tenants=many, pace=pace
            )
            made.start()
            started.callback(made.stop)
            return made

        yield start
