"""Webhooks and their deliveries as the store returns them. A webhook never holds its secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Told(StrEnum):
    """What a webhook may be told of a run that ended."""

    COMPLETED = "completed"
    RECOVERED = "recovered"  # completed, after the job's last run had failed or been lost
    FAILED = "failed"  # and nothing follows
    RETRYING = "retrying"  # failed, and is tried again
    LOST = "lost"
    CANCELLED = "cancelled"


class Form(StrEnum):
    """What the body of a delivery is."""

    STANDARD = "standard"  # https://www.standardwebhooks.com
    SLACK = "slack"  # {"text": …}, which Mattermost and others take, too


class DeliveryStatus(StrEnum):
    """Whether a delivery waits for its next attempt; the others are ends, until somebody replays it."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


TEST = "webhook.test"  # the event of a delivery that somebody asked for, to try the webhook


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What a tenant says of a webhook."""

    url: str
    ends: frozenset[Told]
    form: Form = Form.STANDARD
    job_id: int | None = None  # None: all jobs of the tenant


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of runs that ended; times are seconds since 1970."""

    tenant_id: str
    webhook_id: str
    job_id: int | None
    url: str
    form: Form
    ends: frozenset[Told]
    created_at: float
    updated_at: float
    disabled_at: float | None
    disabled_reason: str | None
    failing_since: float | None  # the first failed attempt after the last delivery


@dataclass(frozen=True, slots=True)
class MadeWebhook:
    """A webhook, and its secret for who makes it."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangedSecret:
    """A webhook's secret, and until when the one before signs, too; in seconds since 1970."""

    secret: str = field(repr=False)
    previous_until: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook, and how its last attempt went; times are seconds since 1970."""

    delivery_id: str
    webhook_id: str
    event: str
    job_id: int | None
    run_id: str | None
    status: DeliveryStatus
    attempts: int
    created_at: float
    due_at: float | None
    tried_at: float | None
    answer: int | None  # the HTTP status
    error: str | None


@dataclass(frozen=True, slots=True)
class DueWebhook:
    """A webhook for which a delivery is due."""

    webhook_id: str
    tenant_id: str
    url: str
    since: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process sends, and all that sending takes. `attempt` tells this claim from later ones.

    `claimed_at`: by the store's clock, as all times of deliveries.
    """

    delivery_id: str
    attempt: int
    event: str
    document: str  # JSON
    webhook_id: str
    tenant_id: str
    url: str
    form: Form
    secrets: tuple[str, ...]
    failing_since: float | None
    claimed_at: float

    def __repr__(self) -> str:
        """Without the secrets and the URL, which may be one."""
        return f"<delivery {self.delivery_id}, attempt {self.attempt}>"


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt went, and what follows of it."""

    claimed: Claimed
    tried_at: float
    answer: int | None = None
    error: str | None = None  # None: it was delivered
    next_at: float | None = None  # of one that failed: when it is tried again; None: never
    disable: str | None = None  # why the webhook is told nothing any more …
    unless_taken: bool = False  # … where it has taken nothing since this attempt was claimed

    @property
    def status(self) -> DeliveryStatus:
        if self.error is None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.FAILED if self.next_at is None else DeliveryStatus.WAITING
