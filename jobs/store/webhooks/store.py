"""Webhooks in the database: what tenants set, and the record of deliveries, which is the queue of those that wait, too.

A delivery that waits has a time at which it is due. Who sends it first puts that time off (a lease) and counts the attempt: if
that process dies, the delivery is due again when the lease is over, and a result that comes late no longer counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from jobs.store.connections.clock import NOW, now_of
from jobs.store.connections.database import InTransaction
from jobs.store.idempotency import made_by_key
from jobs.store.not_found import NotFound, may_be_job, no_job
from jobs.store.records import Place
from jobs.store.tables import JOBS, WEBHOOK_DELIVERIES, WEBHOOKS
from jobs.store.webhooks.ends import add_delivery, moment
from jobs.store.webhooks.records import (
    TEST,
    ChangedSecret,
    Claimed,
    Delivery,
    DeliveryStatus,
    DueWebhook,
    Form,
    MadeWebhook,
    NewWebhook,
    Result,
    Told,
    Webhook,
)

ROTATION = 86_400.0  # seconds in which the secret before the present one signs, too
# Deliveries that may wait for a receiver that takes none: 10 ends a minute for a day. Beyond, the webhook is disabled.
MOST_WAITING = 15_000
MOST_DUE = 10_000  # webhooks that one look for due deliveries finds; others come with a later look
_DELIVERY = WEBHOOK_DELIVERIES.c
_WAITING = _DELIVERY.status == DeliveryStatus.WAITING.value
_SECRETS = ("secret", "old_secret", "old_secret_until")
_OF_REQUESTS = ("idempotency_key", "request_hash", "secret_key")
_WEBHOOK_COLUMNS = [c for c in WEBHOOKS.c if c.name not in (*_SECRETS, *_OF_REQUESTS)]
_DELIVERY_COLUMNS = [c for c in _DELIVERY if c.name != "document"]


class TooManyWebhooks(Exception):
    """The tenant has as many webhooks as it may have."""


class WebhookDisabled(Exception):
    """A webhook that is told nothing cannot be told something again."""


class Webhooks:
    """A part of the store (jobs/store/store.py). Any thread. Raises StoreUnavailable."""

    def __init__(
        self, read: InTransaction, write: InTransaction, write_beside: InTransaction
    ) -> None:
        """`write_beside` writes again where an index or a foreign key refuses: what another has just made or deleted is seen then."""
        self._read = read
        self._write = write
        self._write_beside = write_beside

    # ---- what tenants set

    def create(
        self,
        tenant_id: str,
        new: NewWebhook,
        secret: str,
        most: int,
        key: str | None = None,
        request_hash: str = "",
    ) -> MadeWebhook:
        """A new webhook. A call with the idempotency key and request hash of an earlier one returns that one's, with the secret that it has now.

        Raises NotFound (the job), TooManyWebhooks, IdempotencyMismatch.
        """
        webhook_id = uuid.uuid4().hex
        values = {
            **_values(new),
            "webhook_id": webhook_id,
            "tenant_id": tenant_id,
            "secret": secret,
            "idempotency_key": key,
            "request_hash": request_hash,
        }

        def create(connection: Connection) -> MadeWebhook:
            refusal = _why_no_more(connection, tenant_id, most)
            ids = WEBHOOKS.c.webhook_id
            before = made_by_key(connection, ids, _made_webhook, tenant_id, key, request_hash)
            if before is not None:
                return before
            _check_job(connection, tenant_id, new.job_id)
            if refusal is not None:
                raise refusal
            now = now_of(connection)
            times = {"created_at": now, "updated_at": now}
            connection.execute(sa.insert(WEBHOOKS).values(**values, **times))
            return _made_webhook(connection, tenant_id, webhook_id)

        return self._write_beside(create)

    def replace(
        self, tenant_id: str, webhook_id: str, new: NewWebhook, *, enabled: bool
    ) -> Webhook:
        """A new URL forgets failures, and so does enabling; disabling drops deliveries that wait. Raises NotFound."""

        def replace(connection: Connection) -> Webhook:
            before = _locked(connection, tenant_id, webhook_id)
            _check_job(connection, tenant_id, new.job_id)
            values: dict[str, Any] = {**_values(new), "updated_at": NOW}
            if enabled and before.disabled_at is not None:
                values |= {"disabled_at": None, "disabled_reason": None, "failing_since": None}
            if new.url != before.url:
                values["failing_since"] = None
            _update(connection, webhook_id, values)
            if not enabled and before.disabled_at is None:
                _disable(connection, webhook_id, "disabled by hand")
            return _webhook_of(connection, tenant_id, webhook_id)

        return self._write_beside(replace)

    def change_secret(
        self, tenant_id: str, webhook_id: str, secret: str, key: str | None = None
    ) -> ChangedSecret:
        """Gives it this secret. A call with the idempotency key of the one that gave it its present secret returns that. Raises NotFound."""

        def change(connection: Connection) -> ChangedSecret:
            _locked(connection, tenant_id, webhook_id)
            columns = (WEBHOOKS.c.secret, WEBHOOKS.c.old_secret_until, WEBHOOKS.c.secret_key)
            query = sa.select(*columns).where(WEBHOOKS.c.webhook_id == webhook_id)
            present = connection.execute(query).one()
            if key is not None and key == present.secret_key:
                return ChangedSecret(present.secret, present.old_secret_until)
            now = now_of(connection)
            old = {"old_secret": present.secret, "old_secret_until": now + ROTATION}
            values = {"secret": secret, "secret_key": key, "updated_at": now}
            _update(connection, webhook_id, {**old, **values})
            return ChangedSecret(secret, now + ROTATION)

        return self._write(change)

    def delete(self, tenant_id: str, webhook_id: str) -> None:
        """Deletes the webhook with its record; what waits is not sent any more. Raises NotFound."""

        def delete(connection: Connection) -> None:
            _webhook_of(connection, tenant_id, webhook_id)
            delete_webhooks(connection, WEBHOOKS.c.webhook_id == webhook_id)

        self._write(delete)

    def all_of(self, tenant_id: str, job_id: int | None = None) -> list[Webhook]:
        """The tenant's webhooks, oldest first; with `job_id` those that are told of this job."""
        query = sa.select(*_WEBHOOK_COLUMNS).where(WEBHOOKS.c.tenant_id == tenant_id)
        if job_id is not None:
            query = query.where(sa.or_(WEBHOOKS.c.job_id.is_(None), WEBHOOKS.c.job_id == job_id))
        query = query.order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.webhook_id)
        return self._read(lambda c: [_webhook(row) for row in c.execute(query).mappings()])

    def get(self, tenant_id: str, webhook_id: str) -> Webhook:
        """Raises NotFound."""
        return self._read(lambda connection: _webhook_of(connection, tenant_id, webhook_id))

    # ---- deliveries, as tenants see them

    def test(self, tenant_id: str, webhook_id: str) -> Delivery:
        """Records a delivery that tries the webhook, also one that is disabled. Raises NotFound."""

        def test(connection: Connection) -> Delivery:
            webhook = _webhook_of(connection, tenant_id, webhook_id, for_share=True)
            now = moment(now_of(connection))
            document = {"timestamp": now, "data": {"webhookId": webhook_id}}
            made = add_delivery(connection, webhook_id, TEST, document, webhook.job_id)
            return _delivery_of(connection, webhook_id, made)

        return self._write(test)

    def deliveries(
        self, tenant_id: str, webhook_id: str, limit: int, before: Place | None = None
    ) -> list[Delivery]:
        """The newest first, all older than `before`. Raises NotFound."""
        place = (_DELIVERY.created_at, _DELIVERY.delivery_id)
        query = sa.select(*_DELIVERY_COLUMNS).where(_DELIVERY.webhook_id == webhook_id)
        if before is not None:
            given = sa.tuple_(sa.literal(before.created_at), sa.literal(before.run_id))
            query = query.where(sa.tuple_(*place) < given)
        query = query.order_by(*(column.desc() for column in place)).limit(limit)

        def read(connection: Connection) -> list[Delivery]:
            _webhook_of(connection, tenant_id, webhook_id)
            return [_delivery(row) for row in connection.execute(query).mappings()]

        return self._read(read)

    def delivery(self, tenant_id: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Raises NotFound."""

        def read(connection: Connection) -> Delivery:
            _webhook_of(connection, tenant_id, webhook_id)
            return _delivery_of(connection, webhook_id, delivery_id)

        return self._read(read)

    def replay(self, tenant_id: str, webhook_id: str, delivery_id: str) -> Delivery:
        """Has the delivery sent at once, whatever became of it, with the id that it had. Raises NotFound, WebhookDisabled."""

        def replay(connection: Connection) -> Delivery:
            webhook = _locked(connection, tenant_id, webhook_id)
            _delivery_of(connection, webhook_id, delivery_id)
            if webhook.disabled_at is not None:
                raise WebhookDisabled("the webhook is disabled: enable it first, and replay then")
            values = {"status": DeliveryStatus.WAITING.value, "due_at": NOW}
            update = sa.update(WEBHOOK_DELIVERIES).where(_DELIVERY.delivery_id == delivery_id)
            connection.execute(update.values(**values))
            return _delivery_of(connection, webhook_id, delivery_id)

        return self._write(replay)

    # ---- what senders do, over all tenants

    def due(self) -> list[DueWebhook]:
        """The webhooks for which a delivery is due, whose first has waited the longest first."""
        first = sa.select(sa.func.min(_DELIVERY.due_at))
        own = first.where(_DELIVERY.webhook_id == WEBHOOKS.c.webhook_id)
        since = own.correlate(WEBHOOKS).scalar_subquery().label("since")
        query = sa.select(WEBHOOKS.c.webhook_id, WEBHOOKS.c.tenant_id, WEBHOOKS.c.url, since)
        query = query.where(since <= NOW).order_by(since).limit(MOST_DUE)

        def read(connection: Connection) -> list[DueWebhook]:
            earliest, now = connection.execute(first.add_columns(NOW)).one()
            if earliest is None or earliest > now:  # as it is nearly always
                return []
            return [DueWebhook(**row) for row in connection.execute(query).mappings()]

        return self._read(read)

    def claim(self, webhook_ids: Sequence[str], lease: float) -> list[Claimed]:
        """Makes a due delivery of each of these webhooks this caller's own for `lease` seconds; an id may be there twice."""

        def claim(connection: Connection) -> list[Claimed]:
            found = (_claim_one(connection, one, lease) for one in sorted(webhook_ids))
            return [claimed for claimed in found if claimed is not None]

        return self._write(claim)

    def settle(self, results: Iterable[Result]) -> dict[str, str]:
        """Writes how attempts went; the webhooks that it disabled, and why. What another process has claimed since is left to that one."""
        ordered = sorted(results, key=lambda result: result.claimed.webhook_id)

        def settle(connection: Connection) -> dict[str, str]:
            disabled: dict[str, str] = {}
            for result in ordered:
                if (why := _settle_one(connection, result)) is not None:
                    disabled[result.claimed.webhook_id] = why
            return disabled

        return self._write(settle)

    def delete_older(self, seconds: float, limit: int) -> int:
        """Deletes what was recorded so long ago, the oldest first; how many it were, at most `limit`."""
        old = sa.select(_DELIVERY.delivery_id).where(_DELIVERY.created_at < NOW - seconds)
        old = old.order_by(_DELIVERY.created_at).limit(limit)

        def delete(connection: Connection) -> int:
            ids = list(connection.execute(old).scalars())
            connection.execute(sa.delete(WEBHOOK_DELIVERIES).where(_DELIVERY.delivery_id.in_(ids)))
            return len(ids)

        return self._write(delete)


def delete_webhooks(connection: Connection, condition: sa.ColumnElement[bool]) -> None:
    """Deletes webhooks with their record. They are locked first, so that none gets a delivery meanwhile."""
    query = sa.select(WEBHOOKS.c.webhook_id).where(condition).order_by(WEBHOOKS.c.webhook_id)
    ids = list(connection.execute(query.with_for_update()).scalars())
    connection.execute(sa.delete(WEBHOOK_DELIVERIES).where(_DELIVERY.webhook_id.in_(ids)))
    connection.execute(sa.delete(WEBHOOKS).where(WEBHOOKS.c.webhook_id.in_(ids)))


def count_waiting(connection: Connection) -> int:
    """How many deliveries are not settled."""
    query = sa.select(sa.func.count()).where(_DELIVERY.due_at.is_not(None))
    return int(connection.execute(query).scalar_one())


# ---- pieces of transactions


def _claim_one(connection: Connection, webhook_id: str, lease: float) -> Claimed | None:
    now = now_of(connection)
    due = sa.select(_DELIVERY.delivery_id, _DELIVERY.due_at, _DELIVERY.attempts)
    due = due.where(_DELIVERY.webhook_id == webhook_id, _DELIVERY.due_at <= now)
    due = due.order_by(_DELIVERY.due_at).limit(1).with_for_update(skip_locked=True)
    found = connection.execute(due).first()
    if found is None:
        return None
    mine = _DELIVERY.delivery_id == found.delivery_id
    values = {"due_at": now + lease, "attempts": found.attempts + 1}
    connection.execute(sa.update(WEBHOOK_DELIVERIES).where(mine).values(**values))
    query = sa.select(
        *(_DELIVERY.delivery_id, _DELIVERY.attempts.label("attempt"), _DELIVERY.event),
        *(_DELIVERY.document, *(WEBHOOKS.c[name] for name in _SECRETS)),
        *(WEBHOOKS.c[n] for n in ("webhook_id", "tenant_id", "url", "form", "failing_since")),
    ).select_from(WEBHOOK_DELIVERIES.join(WEBHOOKS))
    row = dict(connection.execute(query.where(mine)).mappings().one())
    secret, old, until = (row.pop(name) for name in _SECRETS)
    secrets = (secret, old) if old and until > now else (secret,)
    return Claimed(**{**row, "form": Form(row["form"]), "secrets": secrets, "claimed_at": now})


def _settle_one(connection: Connection, result: Result) -> str | None:
    """Why the webhook is disabled by that; None: it is not."""
    claimed = result.claimed
    _lock(connection, claimed.webhook_id)
    values = {
        "status": result.status.value,
        "due_at": result.next_at,
        "tried_at": result.tried_at,
        "answer": result.answer,
        "error": result.error,
    }
    update = sa.update(WEBHOOK_DELIVERIES).where(
        _DELIVERY.delivery_id == claimed.delivery_id,
        _DELIVERY.attempts == claimed.attempt,
    )
    # What the receiver has taken is delivered, also where it was given up meanwhile
    if result.error is not None:
        update = update.where(_WAITING)
    if connection.execute(update.values(**values)).rowcount == 0:
        return None
    if result.error is None:
        _update(connection, claimed.webhook_id, {"failing_since": None})
    elif claimed.event != TEST:  # who tries a webhook that is not right yet harms it by nothing
        since = sa.func.coalesce(WEBHOOKS.c.failing_since, result.tried_at)
        _update(connection, claimed.webhook_id, {"failing_since": since})
    if result.disable is not None:
        fails_as_then = [WEBHOOKS.c.failing_since == claimed.failing_since]
        conditions = fails_as_then if result.unless_taken else []
        is_disabled = _disable(connection, claimed.webhook_id, result.disable, *conditions)
        return result.disable if is_disabled else None
    if result.next_at is not None and _too_many_wait(connection, claimed.webhook_id):
        why = f"it takes nothing, and {MOST_WAITING:,} deliveries wait"
        return why if _disable(connection, claimed.webhook_id, why) else None
    return None


def _too_many_wait(connection: Connection, webhook_id: str) -> bool:
    query = sa.select(_DELIVERY.due_at).where(
        _DELIVERY.webhook_id == webhook_id, _DELIVERY.due_at.is_not(None)
    )
    return connection.execute(query.limit(1).offset(MOST_WAITING)).first() is not None


def _disable(
    connection: Connection, webhook_id: str, reason: str, *conditions: sa.ColumnElement[bool]
) -> bool:
    """Tells the webhook nothing any more, and gives up what waits for it. False, and does nothing, where one of the conditions is not met."""
    _lock(connection, webhook_id, from_ends=True)
    values = {"disabled_at": NOW, "disabled_reason": reason}
    enabled = WEBHOOKS.c.disabled_at.is_(None)
    of_it = WEBHOOKS.c.webhook_id == webhook_id
    update = sa.update(WEBHOOKS).where(of_it, enabled, *conditions).values(**values)
    is_new = connection.execute(update).rowcount > 0
    if conditions and not is_new:
        return False
    waiting = sa.update(WEBHOOK_DELIVERIES).where(
        _DELIVERY.webhook_id == webhook_id, _DELIVERY.due_at.is_not(None)
    )
    given_up = {"status": DeliveryStatus.FAILED.value, "due_at": None}
    connection.execute(waiting.values(**given_up, error="the webhook was disabled"))
    return is_new


def _locked(connection: Connection, tenant_id: str, webhook_id: str) -> Webhook:
    """The webhook, which no other transaction changes before this one ends. Raises NotFound."""
    _lock(connection, webhook_id)
    return _webhook_of(connection, tenant_id, webhook_id)


def _lock(connection: Connection, webhook_id: str, *, from_ends: bool = False) -> None:
    """All that changes a webhook and its deliveries begins with this, so that none waits for another in a ring.

    `from_ends`: nor does a run that ends meanwhile record a delivery; the ends that are being recorded are waited for.
    """
    query = sa.select(WEBHOOKS.c.webhook_id).where(WEBHOOKS.c.webhook_id == webhook_id)
    connection.execute(query.with_for_update(key_share=not from_ends))


def _update(connection: Connection, webhook_id: str, values: dict[str, Any]) -> None:
    update = sa.update(WEBHOOKS).where(WEBHOOKS.c.webhook_id == webhook_id)
    connection.execute(update.values(**values))


def _why_no_more(connection: Connection, tenant_id: str, most: int) -> TooManyWebhooks | None:
    """Asked before the webhook of a key is looked up, as `pieces.why_refused` is."""
    count = sa.select(sa.func.count()).where(WEBHOOKS.c.tenant_id == tenant_id)
    if connection.execute(count).scalar_one() < most:
        return None
    return TooManyWebhooks(
        f"the tenant has {most} webhooks already, which is all that it may have; delete one first"
    )


def _check_job(connection: Connection, tenant_id: str, job_id: int | None) -> None:
    if job_id is None:
        return
    query = sa.select(JOBS.c.job_id).where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
    if not may_be_job(job_id) or connection.execute(query).first() is None:
        raise no_job(job_id)


def _webhook_of(
    connection: Connection, tenant_id: str, webhook_id: str, *, for_share: bool = False
) -> Webhook:
    query = sa.select(*_WEBHOOK_COLUMNS).where(
        WEBHOOKS.c.tenant_id == tenant_id, WEBHOOKS.c.webhook_id == webhook_id
    )
    query = query.with_for_update(read=True, key_share=True) if for_share else query
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"there is no webhook {webhook_id:.64}")
    return _webhook(row)


def _made_webhook(connection: Connection, tenant_id: str, webhook_id: str) -> MadeWebhook:
    """Raises NotFound."""
    webhook = _webhook_of(connection, tenant_id, webhook_id)
    query = sa.select(WEBHOOKS.c.secret).where(WEBHOOKS.c.webhook_id == webhook_id)
    return MadeWebhook(webhook, connection.execute(query).scalar_one())


def _delivery_of(connection: Connection, webhook_id: str, delivery_id: str) -> Delivery:
    query = sa.select(*_DELIVERY_COLUMNS).where(
        _DELIVERY.webhook_id == webhook_id, _DELIVERY.delivery_id == delivery_id
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"the webhook has no delivery {delivery_id:.64}")
    return _delivery(row)


def _values(new: NewWebhook) -> dict[str, Any]:
    ends = " ".join(sorted(new.ends))
    return {"url": new.url, "form": new.form.value, "ends": ends, "job_id": new.job_id}


def _webhook(row: RowMapping) -> Webhook:
    ends = frozenset(Told(word) for word in row["ends"].split())
    return Webhook(**{**row, "form": Form(row["form"]), "ends": ends})


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "status": DeliveryStatus(row["status"])})
