"""What is told of a job, over NATS, over the WebSocket and over HTTP: the schemas of those events.

The progress message is made from `progress_lib.Progress`, its one definition.
"""

from __future__ import annotations

from typing import Any

import msgspec

from described.schema import (
    ANYTHING,
    NUMBER,
    SCHEMAS_AT,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    just,
    nullable,
    one_of,
    record,
    ref,
    told,
)
from progress_lib.progress import Progress

REQUIRED_OF_ALL = ("nodeId", "status")  # else a message is dropped
# Members that are of their type or null, else a message is dropped; others are handed on whatever they hold
CHECKED = ("nodeName", "rowCount", "message", "runId", "seq", "ts")


def _published() -> dict[str, Schema]:
    _, found = msgspec.json.schema_components([Progress], ref_template=SCHEMAS_AT + "{name}")
    says = "what a node says of itself; docs/protocol.md tells each member"
    return {**found, "Progress": told(found["Progress"], says)}


def _heard(published: Schema) -> Schema:
    members: dict[str, Any] = dict.fromkeys(published["properties"], ANYTHING)
    members |= {name: nullable(_type_of(published, name)) for name in CHECKED}
    members |= {name: published["properties"][name] for name in REQUIRED_OF_ALL}
    optional = set(members) - set(REQUIRED_OF_ALL)
    says = "a publisher's progress message, handed on byte for byte: of other publishers some members may be missing, or others there"
    return {**record(members, says, optional=optional), "additionalProperties": True}


def _type_of(published: Schema, name: str) -> Schema:
    found = published["properties"][name]
    return {"type": found.get("type") or found["anyOf"][0]["type"]}


PUBLISHED = _published()
REQUIRED_OF_STATUS = ("runId", "status")  # texts, else a status is dropped
RUN_CHANGE: Schema = {
    **record(
        {
            "runId": TEXT,
            "status": told(TEXT, "queued, running, completed, failed, cancelled or lost"),
            "reason": told(nullable(TEXT), "why it failed"),
            "ts": told(NUMBER, "seconds since 1970"),
            "aliveEvery": told(NUMBER, "of running: it is said again each so many seconds"),
            "aliveAt": told(TIME, "when it was said again"),
        },
        "a run's change of status, as it was published",
        optional=("reason", "ts", "aliveEvery", "aliveAt"),
    ),
    "additionalProperties": True,
}
SCHEMAS: dict[str, Schema] = {
    **PUBLISHED,
    "HeardProgress": _heard(PUBLISHED["Progress"]),
    "RunChange": RUN_CHANGE,
    "HeardRunChange": {
        **RUN_CHANGE,
        "properties": {
            name: schema if name in REQUIRED_OF_STATUS else ANYTHING
            for name, schema in RUN_CHANGE["properties"].items()
        },
        "description": "a run's change of status, handed on byte for byte: of other publishers optional members may hold anything",
    },
    "ProgressEvent": record(
        {"type": just("job.progress"), "jobId": WHOLE, "payload": ref("HeardProgress")}
    ),
    "StatusEvent": record(
        {"type": just("job.status"), "jobId": WHOLE, "payload": ref("RunChange")}
    ),
    "ServerEvent": record(
        {
            "type": just("server.state"),
            "payload": record({"nats": one_of(["ok", "away"]), "since": TIME}),
        },
        "whether NATS reaches the server",
    ),
}


def error_event(*codes: str) -> Schema:
    """A request that made no sense, or an end that is none of the run's."""
    about = told(WHOLE, "of a `subscribe` that was refused: its job")
    members = {"type": just("error"), "code": one_of(codes), "message": TEXT, "jobId": about}
    return record(members, optional=("jobId",))
