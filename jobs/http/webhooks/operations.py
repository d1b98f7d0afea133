"""What each route of webhooks takes and answers, by the name of its handler in jobs/http/webhooks/routes.py."""

from __future__ import annotations

from described.operation import Answer, Body, Operation, Parameter, answers
from described.schema import WHOLE, ref
from jobs.http.operation_parts import IDEMPOTENCY_KEY
from jobs.http.pages import MOST_A_PAGE
from jobs.store.not_found import MAX_STORED_JOB_ID

DELIVERIES_A_PAGE = 50
_WRITE = "jobs:write"  # to read them, too: a URL is often the key to what it leads to
_TAG = "webhooks"
_JOB = Parameter(
    "job",
    "those that are told of this job",
    {"type": "integer", "minimum": 1, "maximum": MAX_STORED_JOB_ID},
)

OPERATIONS: dict[str, Operation] = {
    "list_webhooks": Operation(
        "Who is told of runs that ended", answers(ref("Webhooks")), _WRITE, (_JOB,), tag=_TAG
    ),
    "create_webhook": Operation(
        "Makes a webhook, with a secret that is told this once; 409 where the tenant has too many",
        answers(ref("MadeWebhook"), "the webhook", 201, "Location"),
        _WRITE,
        (IDEMPOTENCY_KEY,),
        Body(ref("NewWebhook")),
        problems=(404, 409),
        tag=_TAG,
    ),
    "read_webhook": Operation("A webhook", answers(ref("Webhook")), _WRITE, tag=_TAG),
    "replace_webhook": Operation(
        "Changes a webhook, disables it, or enables it again",
        answers(ref("Webhook")),
        _WRITE,
        body=Body(ref("ChangedWebhook")),
        tag=_TAG,
    ),
    "delete_webhook": Operation(
        "Deletes a webhook with its record", {204: Answer("it is gone")}, _WRITE, tag=_TAG
    ),
    "change_secret": Operation(
        "Gives the webhook another secret; the one before signs, too, for a day",
        answers(ref("NewSecret")),
        _WRITE,
        (IDEMPOTENCY_KEY,),
        tag=_TAG,
    ),
    "test_webhook": Operation(
        "Has an event delivered that tries the webhook",
        answers(ref("Delivery"), "it is recorded, and sent within a second", 202),
        _WRITE,
        tag=_TAG,
    ),
    "list_deliveries": Operation(
        "What was delivered, newest first",
        answers(ref("DeliveryPage")),
        _WRITE,
        (
            Parameter(
                "limit",
                f"entries, {DELIVERIES_A_PAGE} where it is not given, at most {MOST_A_PAGE}",
                WHOLE,
            ),
            Parameter("before", "the `next` of the page before"),
        ),
        tag=_TAG,
    ),
    "read_delivery": Operation("A delivery", answers(ref("Delivery")), _WRITE, tag=_TAG),
    "replay_delivery": Operation(
        "Has a delivery sent again, with its id; 409 where the webhook is disabled",
        answers(ref("Delivery"), "it is sent within a second", 202),
        _WRITE,
        problems=(409,),
        tag=_TAG,
    ),
}
