"""Webhooks and deliveries as JSON documents, and the schemas of these."""

from __future__ import annotations

from typing import Any

from described.operation import Posted
from described.schema import (
    FLAG,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    any_of,
    just,
    listed,
    nullable,
    one_of,
    record,
    ref,
    told,
)
from jobs.store.webhooks.records import TEST, Delivery, DeliveryStatus, Form, Told, Webhook

OK, FAILING, DISABLED = STATES = ("ok", "failing", "disabled")


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.webhook_id,
        "jobId": webhook.job_id,
        "url": webhook.url,
        "ends": sorted(webhook.ends),
        "form": webhook.form.value,
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
        "state": _state(webhook),
        "failingSince": webhook.failing_since,
        "disabledAt": webhook.disabled_at,
        "disabledReason": webhook.disabled_reason,
    }


def _state(webhook: Webhook) -> str:
    if webhook.disabled_at is not None:
        return DISABLED
    return OK if webhook.failing_since is None else FAILING


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.delivery_id,
        "event": delivery.event,
        "jobId": delivery.job_id,
        "runId": delivery.run_id,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "createdAt": delivery.created_at,
        "nextAt": delivery.due_at,
        "triedAt": delivery.tried_at,
        "answer": delivery.answer,
        "error": delivery.error,
    }


_SAID: dict[str, Schema] = {
    "url": told(TEXT, "where it is posted to"),
    "ends": {**listed(one_of(Told), "which ends it is told"), "minItems": 1},
    "form": one_of(Form),
    "jobId": told(nullable(WHOLE), "null: all jobs of the tenant"),
}
_OPTIONAL = ("form", "jobId")
_WEBHOOK: dict[str, Schema] = {
    "id": TEXT,
    **_SAID,
    "createdAt": TIME,
    "updatedAt": TIME,
    "state": one_of(STATES),
    "failingSince": told(nullable(TIME), "the first failed attempt after the last delivery"),
    "disabledAt": nullable(TIME),
    "disabledReason": nullable(TEXT),
}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_TOLD: dict[str, Schema] = {
    "runId": TEXT,
    "jobId": WHOLE,
    "jobName": TEXT,
    "status": ref("RunStatus"),
    "recovered": FLAG,
    "willRetry": FLAG,
    "kind": told(TEXT, "the `reason` of progress_runs_ended_total"),
    "exitCode": nullable(WHOLE),
    "failedNodes": listed(record({"nodeId": WHOLE, "nodeName": TEXT}), "the first of them"),
    "rows": record({name: nullable(WHOLE) for name in ("in", "out", "rejected")}),
    "attempt": WHOLE,
    "attempts": WHOLE,
    "retryOf": nullable(TEXT),
    "runnerTag": nullable(TEXT),
    "createdAt": _MOMENT,
    "startedAt": nullable(_MOMENT),
    "endedAt": _MOMENT,
    "url": told(TEXT, "the page of the run, where PUBLIC_URL is set"),
}
SCHEMAS: dict[str, Schema] = {
    "NewWebhook": record(_SAID, "docs/webhooks.md", optional=_OPTIONAL),
    "ChangedWebhook": record(
        {**_SAID, "enabled": FLAG}, "true where not given", optional=(*_OPTIONAL, "enabled")
    ),
    "Webhook": record(_WEBHOOK),
    "MadeWebhook": record({**_WEBHOOK, "secret": told(TEXT, "it is not told again")}),
    "Webhooks": record({"webhooks": listed(ref("Webhook"))}),
    "NewSecret": record(
        {
            "secret": told(TEXT, "it is not told again"),
            "previousUntil": told(TIME, "until then the one before signs, too"),
        }
    ),
    "Delivery": record(
        {
            "id": told(TEXT, "webhook-id, the same in each attempt"),
            "event": TEXT,
            "jobId": nullable(WHOLE),
            "runId": nullable(TEXT),
            "status": one_of(DeliveryStatus),
            "attempts": WHOLE,
            "createdAt": TIME,
            "nextAt": told(nullable(TIME), "when it is sent, or sent again; null: not any more"),
            "triedAt": told(nullable(TIME), "the last attempt"),
            "answer": told(nullable(WHOLE), "its HTTP status"),
            "error": told(nullable(TEXT), "what was wrong with it"),
        }
    ),
    "DeliveryPage": record(
        {
            "deliveries": listed(ref("Delivery")),
            "next": told(nullable(TEXT), "`before` of the next page; null on the last one"),
        }
    ),
    "RunTold": record(
        {
            "type": one_of([f"run.{word}" for word in Told]),
            "timestamp": _MOMENT,
            "data": record(_TOLD, optional=("url",)),
        },
        "what a webhook is told of a run that ended; docs/webhooks.md",
    ),
    "WebhookTried": record(
        {"type": just(TEST), "timestamp": _MOMENT, "data": record({"webhookId": TEXT})}
    ),
    "ChatText": record({"text": TEXT}, "of a webhook whose form is slack"),
}
_SIGNED = "signed with webhook-id, webhook-timestamp and webhook-signature; docs/webhooks.md"
POSTED = (
    Posted("runEnded", f"A run ended, {_SIGNED}", any_of(ref("RunTold"), ref("ChatText"))),
    Posted(
        "tried",
        f"Somebody tries a webhook, {_SIGNED}",
        any_of(ref("WebhookTried"), ref("ChatText")),
    ),
)
