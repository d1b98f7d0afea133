"""The WebSocket's channel: what a browser may ask, what it is told, and with which codes a connection ends."""

from __future__ import annotations

from typing import Any

from described.asyncapi import Channel, Message
from described.events import error_event
from described.operation import Answer, Operation
from described.schema import FLAG, TEXT, TIME, WHOLE, Schema, just, nullable, record, ref
from progress_lib.subjects import MAX_JOB_ID
from realtime.clients.actions import (
    ALL_JOBS,
    NEEDED_SCOPE,
    Action,
    Authenticate,
    LeaveAll,
    LeaveJob,
    WatchAll,
    WatchJob,
)
from realtime.sockets.close_codes import REASONS, CloseCode

ERROR_CODES = (
    "not_json",
    "not_an_object",
    "unknown_action",
    "bad_job_id",
    "bad_token",
    "forbidden",
    "too_many_subscriptions",
)
ASKS = "jobs:read"
JOB: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_JOB_ID}


def _action(
    kind: type[Action], says: str, action: str, /, *optional: str, **members: Schema
) -> Message:
    schema = record({"action": just(action), **members}, optional=optional)
    return Message(kind.__name__, says, schema, scope=NEEDED_SCOPE[kind])


def _told(name: str, says: str, kind: str, payload: Schema, *, of_job: bool = True) -> Message:
    job = {"jobId": WHOLE} if of_job else {}
    return Message(name, says, record({"type": just(kind), **job, "payload": payload}))


RECEIVED = (
    _action(
        WatchJob,
        "What is true of a job, then what follows.",
        "subscribe",
        "more",
        jobId=JOB,
        more=FLAG,
    ),
    _action(LeaveJob, "No more of a job.", "unsubscribe", jobId=JOB),
    _action(WatchAll, "Each job of the tenant in short.", "subscribe", jobId=just(ALL_JOBS)),
    _action(LeaveAll, "No more of those.", "unsubscribe", jobId=just(ALL_JOBS)),
    _action(Authenticate, "A new token, before the old one expires.", "auth", token=TEXT),
)
SENT = (
    Message("JobProgress", "A node's progress.", ref("ProgressEvent")),
    _told("JobStatus", "The run itself.", "job.status", ref("HeardRunChange")),
    Message("ServerState", "Whether NATS reaches the server.", ref("ServerEvent")),
    _told(
        "JobSeen",
        "Of a run that no status tells of, when its first and last word came.",
        "job.seen",
        record({"runId": nullable(TEXT), "began": TIME, "heard": TIME}),
    ),
    _told(
        "JobBrief",
        "A job's last status, and when it was heard last.",
        "job.brief",
        record({"status": nullable(ref("HeardRunChange")), "heard": TIME, "untold": FLAG}),
    ),
    Message("Error", "The request made no sense.", error_event(*ERROR_CODES)),
)


def close_codes() -> dict[str, Any]:
    """Each code with which the server ends a connection: why, and whether to come back."""
    return {
        str(int(code)): {"reason": REASONS[code], "comeBack": _says(code)} for code in CloseCode
    }


def _says(code: CloseCode) -> str:
    if code >= 4500:
        return "not before something has changed"
    return "yes" if code >= 4000 or code is CloseCode.SERVER_ERROR else "no"


CHANNELS = (
    Channel(
        "websocket",
        "websocket",
        "/ws",
        "A WebSocket, with ?token=<jwt>, or with the subprotocols progress.v1 and bearer.<jwt>. One JSON object a text message.",
        received=RECEIVED,
        sent=SENT,
        more={"x-close-codes": close_codes()},
    ),
)

_REFUSED = (400, 401, 403, 429, 503)
OPERATIONS: dict[str, Operation] = {
    "tell_room": Operation(
        "Whether a WebSocket would be let in now",
        {204: Answer("it would")},
        ASKS,
        problems=(429,),
        tag="watch",
    ),
    "realtime.serve_websocket": Operation(
        "The WebSocket, which asyncapi.json describes",
        {101: Answer("the WebSocket is open")},
        problems=_REFUSED,
        tag="watch",
        security=({"query": []}, {"bearer": []}, {"session": []}),
    ),
}
