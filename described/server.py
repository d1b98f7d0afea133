"""What the routes of the server itself take and answer: its page, its health, its figures and these descriptions."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST

from described.operation import JSON, Answer, Operation, answers
from described.schema import FLAG, TEXT, TIME, WHOLE, just, listed, nullable, one_of, record, told

HTML = "text/html"
_OPEN_DOCUMENT = {200: Answer("the document", {JSON: {"type": "object"}})}
READINESS = record(
    {
        "ready": FLAG,
        **dict.fromkeys(("nats", "database", "runs", "taggedRuns"), TEXT),
        "history": one_of(["on", "off"]),
        "historyReason": TEXT,
    },
    "each thing that must work: ok, or what is wrong; `taggedRuns` and `history` may be off",
    optional=("historyReason",),
)
_BEARER: dict[str, list[str]] = {"bearer": []}
_SESSION: dict[str, list[str]] = {"session": []}
WHO = record(
    {
        "kind": one_of(["bearer", "session", "proxy"], "how the caller proves who it is"),
        "tenantId": TEXT,
        "subject": told(TEXT, "empty where the token names none"),
        "scopes": listed(TEXT),
        "jobId": nullable(told(WHOLE, "the one job that the token is limited to")),
        "runId": nullable(told(TEXT, "the one run of it")),
        "expiresAt": told(TIME, "unless it is used until then"),
        "endsAt": nullable(told(TIME, "whatever happens; null: the proxy knows")),
        "ticket": nullable(
            told(TEXT, "for `auth` on a WebSocket, within a minute: it then lives until expiresAt")
        ),
        "signOut": nullable(told(TEXT, "where the proxy signs its users out")),
    },
    "who asks",
)
OPERATIONS: dict[str, Operation] = {
    "playground": Operation("The Playground, a page", {200: Answer("the page", {HTML: TEXT})}),
    "static": Operation(
        "A file of the page",
        {200: Answer("the file", {"*/*": TEXT}), 304: Answer("it has not changed")},
    ),
    "kept_static": Operation(
        "A file of the page, at an address that changes with it: it may be kept for a year",
        {200: Answer("the file", {"*/*": TEXT}), 304: Answer("it has not changed")},
    ),
    "healthz": Operation("Whether the server lives", answers(record({"status": just("alive")}))),
    "readyz": Operation(
        "Whether the server can work",
        {**answers(READINESS, "it can"), **answers(READINESS, "it cannot, and why", 503)},
    ),
    "metrics": Operation(
        "Figures for Prometheus (docs/metrics.md)",
        {200: Answer("the figures", {CONTENT_TYPE_LATEST.partition(";")[0]: TEXT})},
        problems=(401,),
        security=({}, {"metrics": []}),
    ),
    "sign_in": Operation(
        "Turns the bearer token into a session, a cookie of this server's page (docs/sessions.md)",
        {204: Answer("the browser is signed in", headers=("Set-Cookie",))},
        problems=(401, 403, 404, 409),
        tag="session",
        security=(_BEARER,),
    ),
    "tell_session": Operation(
        "Who asks, and until when",
        answers(WHO),
        problems=(401, 403),
        tag="session",
        security=(_BEARER, _SESSION),
    ),
    "sign_out": Operation(
        "Takes the cookie of the session back",
        {204: Answer("the browser has no session", headers=("Set-Cookie",))},
        problems=(403,),
        tag="session",
        security=({}, _SESSION),
    ),
    "openapi": Operation("This document: OpenAPI", _OPEN_DOCUMENT),
    "asyncapi": Operation("AsyncAPI: the WebSocket and NATS", _OPEN_DOCUMENT),
    "docs": Operation("Both documents as a page", {200: Answer("the page", {HTML: TEXT})}),
}
