"""Webhooks in the database: which ends are told to whom, in the same transaction, and who may send what is due."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from jobs.store.errors import IdempotencyMismatch
from jobs.store.not_found import NotFound
from jobs.store.records import Move, NewRun, Place
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.store import Store
from jobs.store.tables import WEBHOOK_DELIVERIES
from jobs.store.webhooks import store as webhook_store
from jobs.store.webhooks.records import DeliveryStatus, MadeWebhook, NewWebhook, Result, Told
from jobs.store.webhooks.store import TooManyWebhooks, WebhookDisabled
from jobs.webhooks.signature import new_secret
from tests.jobs.conftest import GRAPH, TENANT, node_state
from tests.jobs.store.test_store import at_once
from tests.jobs.webhooks.conftest import FAILED, LOST, Desk

URL = "https://hooks.example/x"


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def events(desk: Desk, webhook: Any) -> list[str]:
    return [one.event.removeprefix("run.") for one in desk.record(webhook)]


def documents(store: Store) -> list[dict[str, Any]]:
    query = sa.select(WEBHOOK_DELIVERIES.c.document).order_by(WEBHOOK_DELIVERIES.c.created_at)
    return [json.loads(text) for text in store._read(lambda c: c.execute(query).scalars().all())]


def test_each_end_is_told_by_its_name_to_those_who_want_it(desk: Desk) -> None:
    every, bad = desk.webhook(URL), desk.webhook(URL, Told.FAILED, Told.RECOVERED, Told.LOST)
    job_id = desk.job()
    of_other = desk.webhook(URL, job_id=desk.job())
    of_stranger = desk.webhook(URL, tenant_id="stranger")
    desk.end(job_id)
    desk.end(job_id, FAILED, reason="exit code 1", retry_after=0.0)
    [retry] = desk.store.queued.due()
    desk.finish(retry)
    desk.end(job_id, FAILED)
    cancelled = desk.end(job_id, RunStatus.CANCELLED)
    desk.end(job_id)
    desk.end(job_id, LOST)
    desk.end(job_id)
    desk.end(job_id)
    assert events(desk, every) == [
        *("completed", "retrying", "completed", "failed", "cancelled", "recovered"),
        *("lost", "recovered", "completed"),
    ]
    assert events(desk, bad) == ["failed", "recovered", "lost", "recovered"]
    assert events(desk, of_other) == events(desk, of_stranger) == []
    assert desk.record(every)[4].run_id == cancelled.run_id


def test_what_is_told_holds_names_and_counts_and_no_text_of_the_program(desk: Desk) -> None:
    desk.webhook(URL)
    nodes = [
        node_state(1, "completed", 7, message="'Smith' is no number"),
        node_state(2, "failed", 3, message="'Smith' is no number"),
    ]
    desk.end(desk.job(), FAILED, reason="node 2 failed: 'Smith' is no number", nodes=nodes)
    [document] = documents(desk.store)
    assert "Smith" not in json.dumps(document)
    data = document["data"]
    assert data["failedNodes"] == [{"nodeId": 2, "nodeName": "Node 2"}]
    assert data["rows"] == {"in": 7, "out": 3, "rejected": 0}
    assert document["timestamp"].endswith("Z")


def test_ends_in_the_queue_are_told_too(desk: Desk) -> None:
    webhook = desk.webhook(URL)
    cancel = Move(RunStatus.QUEUED, RunStatus.CANCELLED, reason="cancelled")
    late = Move(RunStatus.QUEUED, FAILED, reason="time-out: waited", kind=EndKind.TIME_OUT)
    for move in (cancel, late):
        run = desk.store.record_run(TENANT, NewRun(desk.job(), GRAPH, "")).run
        assert desk.store.move_run(TENANT, run.run_id, move)
        assert not desk.store.move_run(TENANT, run.run_id, move)
    assert events(desk, webhook) == ["cancelled", "failed"]
    assert documents(desk.store)[1]["data"]["kind"] == "timeout"


def test_a_delivery_is_one_senders_until_its_lease_ends_and_a_late_result_does_not_count(
    desk: Desk,
) -> None:
    webhook, job_id = desk.webhook(URL), desk.job()
    for _ in range(20):
        desk.end(job_id)
    [due] = desk.hooks.due()
    with ThreadPoolExecutor(4) as pool:
        claims = list(
            pool.map(lambda _: desk.hooks.claim([due.webhook_id] * 5, lease=60.0), range(4))
        )
    ids = [one.delivery_id for claim in claims for one in claim]
    assert len(ids) == len(set(ids))
    while len(ids) < 20:  # rows that another sender had locked at that moment
        ids += [one.delivery_id for one in desk.hooks.claim([due.webhook_id] * 20, lease=60.0)]
    assert len(ids) == len(set(ids))
    desk.end(job_id)
    [late] = desk.hooks.claim([webhook.webhook_id], lease=0.05)
    again = wait_for_claim(desk, webhook.webhook_id, late.delivery_id)
    assert again.attempt > late.attempt
    desk.hooks.settle([Result(late, time.time(), 200)])
    assert delivery(desk, late).status is DeliveryStatus.WAITING
    desk.hooks.settle([Result(again, time.time(), 200)])
    assert delivery(desk, late).status is DeliveryStatus.DELIVERED


def wait_for_claim(desk: Desk, webhook_id: str, delivery_id: str) -> Any:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for one in desk.hooks.claim([webhook_id], lease=60.0):
            if one.delivery_id == delivery_id:
                return one
    raise AssertionError("its lease did not end")


def delivery(desk: Desk, claimed: Any) -> Any:
    return desk.hooks.delivery(TENANT, claimed.webhook_id, claimed.delivery_id)


def test_a_webhook_is_its_tenants_alone_and_has_bounds(desk: Desk) -> None:
    webhook = desk.webhook(URL)
    hooks, other = desk.hooks, "stranger"
    for refused in (
        lambda: hooks.get(other, webhook.webhook_id),
        lambda: hooks.delete(other, webhook.webhook_id),
        lambda: hooks.test(other, webhook.webhook_id),
        lambda: hooks.change_secret(other, webhook.webhook_id, ""),
        lambda: hooks.deliveries(other, webhook.webhook_id, 1),
        lambda: desk.webhook(URL, tenant_id=other, job_id=desk.job()),
        lambda: desk.webhook(URL, job_id=10**30),
    ):
        with pytest.raises(NotFound):
            refused()
    with pytest.raises(TooManyWebhooks, match="has 1 webhooks already"):
        desk.webhook(URL, most=1)


def test_a_webhook_whose_answer_was_lost_is_made_once_and_tells_its_secret_again(
    desk: Desk,
) -> None:
    """A second one told its receiver of each run twice; the secret of the first was known to nobody."""
    new = NewWebhook(URL, frozenset({Told.FAILED}), job_id=desk.job())

    def make(most: int = 1, request_hash: str = "hash") -> MadeWebhook:
        return desk.hooks.create(TENANT, new, new_secret(), most, "key", request_hash)

    made = at_once([make] * 8)
    assert all(isinstance(one, MadeWebhook) for one in made), made
    assert made == [made[0]] * 8
    first = made[0].webhook.webhook_id
    with pytest.raises(IdempotencyMismatch):
        make(request_hash="other")
    changed = desk.hooks.change_secret(TENANT, first, new_secret())
    of_all = desk.hooks.replace(TENANT, first, NewWebhook(URL, new.ends), enabled=True)
    desk.store.delete_job(TENANT, new.job_id or 0)
    assert make() == MadeWebhook(of_all, changed.secret), "as it is now, though its job is gone"
    assert changed.secret not in repr((make(), changed))
    desk.hooks.delete(TENANT, first)
    with pytest.raises(NotFound):  # its key is forgotten with it: the job is looked for
        make()


def test_a_new_secret_whose_answer_was_lost_is_told_again_and_the_one_before_goes_on_signing(
    desk: Desk,
) -> None:
    """It was changed once more, so that the one that the receiver had signed nothing any more."""
    webhook = desk.webhook(URL)
    desk.end(desk.job())
    change = partial(desk.hooks.change_secret, TENANT, webhook.webhook_id)
    changed = change("whsec_a", "key")
    assert change("whsec_b", "key") == changed
    [claimed] = desk.hooks.claim([webhook.webhook_id], 60)
    given, before = claimed.secrets
    assert (given, before != "whsec_a") == ("whsec_a", True)
    assert change("whsec_c", "another key").secret == "whsec_c"
    assert change("whsec_d").secret == "whsec_d", "each time where no key is given"
    assert change("whsec_e").secret == "whsec_e"


def test_a_job_that_is_deleted_while_a_webhook_of_it_is_made_is_not_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a key, where what the database refuses may be the key itself."""
    check_job, job_id = webhook_store._check_job, desk.job()
    looks: list[object] = []

    def look(*of_job: Any) -> None:
        looks.append(of_job)
        if len(looks) > 1:  # at the first one it was there
            check_job(*of_job)

    monkeypatch.setattr(webhook_store, "_check_job", look)
    desk.store.delete_job(TENANT, job_id)
    with pytest.raises(NotFound, match=f"no job {job_id}"):
        desk.webhook(URL, job_id=job_id)
    assert len(looks) == 2, "what the database refused was looked at again"


def test_disabling_gives_up_what_waits_and_enabling_begins_anew(desk: Desk) -> None:
    webhook, job_id = desk.webhook(URL), desk.job()
    desk.end(job_id)
    new = NewWebhook(URL, frozenset({Told.COMPLETED}))
    off = desk.hooks.replace(TENANT, webhook.webhook_id, new, enabled=False)
    assert off.disabled_reason == "disabled by hand"
    [given_up] = desk.record(webhook)
    assert (given_up.status, given_up.error) == (DeliveryStatus.FAILED, "the webhook was disabled")
    desk.end(job_id)
    assert len(desk.record(webhook)) == 1
    with pytest.raises(WebhookDisabled):
        desk.hooks.replay(TENANT, webhook.webhook_id, given_up.delivery_id)
    on = desk.hooks.replace(TENANT, webhook.webhook_id, new, enabled=True)
    assert on.disabled_at is None
    desk.hooks.replay(TENANT, webhook.webhook_id, given_up.delivery_id)
    desk.end(job_id)
    assert [one.status for one in desk.record(webhook)] == [DeliveryStatus.WAITING] * 2
    assert desk.store.queued.all_waiting().deliveries == 2


def test_a_webhook_that_takes_nothing_while_too_many_wait_is_disabled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.store.webhooks.store.MOST_WAITING", 3)
    webhook, job_id = desk.webhook(URL), desk.job()
    for waiting in (3, 4):
        while len(desk.record(webhook)) < waiting:
            desk.end(job_id)
        [claimed] = desk.hooks.claim([webhook.webhook_id], 60)
        now = time.time()
        desk.hooks.settle([Result(claimed, now, 500, "it answered 500", next_at=now + 60)])
        is_disabled = desk.hooks.get(TENANT, webhook.webhook_id).disabled_at is not None
        assert is_disabled == (waiting > 3)
    assert desk.store.queued.all_waiting().deliveries == 0


@pytest.mark.parametrize("takes", [True, False])
def test_one_that_has_just_taken_something_is_not_disabled_by_an_older_attempt(
    desk: Desk, takes: bool
) -> None:
    webhook, job_id = desk.webhook(URL), desk.job()
    for _ in range(3):
        desk.end(job_id)
    [first] = desk.hooks.claim([webhook.webhook_id], lease=60)
    desk.hooks.settle([Result(first, 1_000.0, 500, "it answered 500")])
    good, bad = desk.hooks.claim([webhook.webhook_id] * 2, lease=60)
    assert bad.failing_since == 1_000.0
    if takes:
        desk.hooks.settle([Result(good, 2_000.0, 200)])
    given_up = Result(bad, 2_001.0, 500, "it answered 500", disable="for days", unless_taken=True)
    disabled = desk.hooks.settle([given_up])
    assert disabled == ({} if takes else {webhook.webhook_id: "for days"}), "which the log says"
    now = desk.hooks.get(TENANT, webhook.webhook_id)
    assert (now.disabled_at is None, now.failing_since) == (
        (True, 2_001.0) if takes else (False, 1_000.0)
    )


def test_what_was_taken_counts_as_delivered_though_its_webhook_was_disabled_meanwhile(
    desk: Desk,
) -> None:
    """The record said that it had failed, since the webhook was disabled, and the receiver had it."""
    webhook = desk.webhook(URL)
    for _ in range(2):
        desk.end(desk.job())
    taken, refused = desk.hooks.claim([webhook.webhook_id] * 2, lease=60)
    desk.hooks.replace(TENANT, webhook.webhook_id, NewWebhook(URL, webhook.ends), enabled=False)
    failed = Result(refused, 1_000.0, 500, "it answered 500", next_at=2_000.0)
    desk.hooks.settle([Result(taken, 1_000.0, 200), failed])
    assert (delivery(desk, taken).status, delivery(desk, taken).error) == (
        DeliveryStatus.DELIVERED,
        None,
    )
    assert (delivery(desk, refused).status, delivery(desk, refused).due_at) == (
        DeliveryStatus.FAILED,
        None,
    )
    assert desk.hooks.get(TENANT, webhook.webhook_id).disabled_at is not None


def test_the_record_is_paged_and_old_entries_go(desk: Desk) -> None:
    webhook, job_id = desk.webhook(URL), desk.job()
    for _ in range(5):
        desk.end(job_id)
    first = desk.hooks.deliveries(TENANT, webhook.webhook_id, 3)
    place = Place(first[-1].created_at, first[-1].delivery_id)
    rest = desk.hooks.deliveries(TENANT, webhook.webhook_id, 3, place)
    assert len({one.delivery_id for one in (*first, *rest)}) == 5
    aged = sa.update(WEBHOOK_DELIVERIES).values(created_at=WEBHOOK_DELIVERIES.c.created_at - 200.0)
    aged = aged.where(WEBHOOK_DELIVERIES.c.delivery_id.in_([one.delivery_id for one in rest]))
    desk.store._write(lambda connection: connection.execute(aged))
    assert desk.hooks.delete_older(100.0, 10) == 2
    assert len(desk.record(webhook)) == 3


def test_runs_and_webhooks_end_while_others_are_deleted(desk: Desk) -> None:
    """A webhook that goes away in the middle of an end neither stops that end, nor leaves a delivery of nobody."""
    jobs = [desk.job() for _ in range(4)]

    def ends(job_id: int) -> None:
        for _ in range(15):
            desk.end(job_id)

    def comes_and_goes(_: int) -> None:
        for _ in range(15):
            desk.hooks.delete(TENANT, desk.webhook(URL).webhook_id)

    with ThreadPoolExecutor(8) as pool:
        work = [
            *(pool.submit(ends, one) for one in jobs),
            *(pool.submit(comes_and_goes, n) for n in range(2)),
        ]
        for one in work:
            one.result()
    assert documents(desk.store) == []
