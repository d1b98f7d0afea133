"""Runners as real processes: one that is killed between the post and its record leaves the delivery to another."""

from __future__ import annotations

from jobs.store.store import Store
from jobs.store.webhooks.records import DeliveryStatus, NewWebhook, Told
from jobs.webhooks.signature import new_secret
from jobs.work.run_queue import RunQueue
from tests.harness import eventually
from tests.jobs.conftest import FOR_EVER, TENANT, StartRunner, record, running
from tests.jobs.webhooks.receivers import Receiver, status

PERIODS = {"deliveries": {"poll": 0.1, "lease": 0.5}, "lost_sweep": 0.3}


def test_a_killed_runners_delivery_comes_again_with_its_id_and_its_run_is_told_as_lost(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, receiver: Receiver
) -> None:
    new = NewWebhook(receiver.url, frozenset({Told.LOST}))
    webhook_id = store.webhooks.create(TENANT, new, new_secret(), 1).webhook.webhook_id
    run = record(store, FOR_EVER)
    run_queue.put(run)
    first = start_runner(periods=PERIODS)
    running(store, run)
    receiver.answer = receiver.hangs
    tried = store.webhooks.test(TENANT, webhook_id)
    eventually(lambda: receiver.received)
    first.kill()
    receiver.answer = status(200)
    second = start_runner(periods=PERIODS)

    def settled() -> bool:
        found = store.webhooks.deliveries(TENANT, webhook_id, 10)
        return len(found) == 2 and all(d.status is DeliveryStatus.DELIVERED for d in found)

    eventually(settled, 60.0)
    ids = [one.id for one in receiver.received]
    assert ids.count(tried.delivery_id) == 2, ids
    [lost] = [one for one in store.webhooks.deliveries(TENANT, webhook_id, 10) if one.run_id]
    assert (lost.event, lost.run_id, ids.count(lost.delivery_id)) == ("run.lost", run.run_id, 1)
    assert second.stop() == 0
