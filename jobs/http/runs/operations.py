"""What each route of runs takes and answers, by the name of its handler."""

from __future__ import annotations

from described.operation import JSON, Answer, Body, Operation, Parameter, answers
from described.schema import NUMBER, TEXT, WHOLE, nullable, one_of, record, ref, told
from jobs.http.body import EXECUTE_MEMBERS
from jobs.http.operation_parts import (
    BEFORE,
    GIVEN,
    GONE,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    STATUS,
    page_limit,
)
from jobs.http.pages import IN_TURN, RUN_ORDERS, RUNS_A_PAGE
from jobs.store.not_found import MAX_STORED_JOB_ID

_READ, _WRITE, _EXECUTE = "jobs:read", "jobs:write", "jobs:execute"
_JOBS, _RUNS = "jobs", "runs"

_SINCE = Parameter("since", "created then or later, in seconds since 1970", NUMBER)
_UNTIL = Parameter("until", "created before that", NUMBER)
_JOB = Parameter(
    "job", "of this job", {"type": "integer", "minimum": 1, "maximum": MAX_STORED_JOB_ID}
)
_ORDER = Parameter(
    "order",
    f"{IN_TURN}: with status=queued alone, those whose turn is next first",
    one_of(RUN_ORDERS),
)
_MORE = Parameter("more", "1: with whether NATS reaches the server")
_TO_EXECUTE = {
    **record(
        {
            "parameters": GIVEN,
            "fromRun": told(nullable(TEXT), "a run whose kept outputs it begins with …"),
            "fromNode": told(nullable(WHOLE), "… at this node: docs/kept_outputs.md"),
        },
        optional=EXECUTE_MEMBERS,
    ),
    "additionalProperties": False,
}
_FOLLOWS = "the run's events, until it ends or the token expires"
# OpenAPI 3.1 knows no sequences: the schema is of one event, as tools read it
_SENT = {"type": "string", "contentMediaType": JSON, "contentSchema": ref("FollowEvent")}
_EVENT = record({"data": _SENT, "event": TEXT, "id": TEXT}, optional=("event", "id"))
_LINES = {"type": "string", "x-line": ref("FollowEvent")}
_RUN_FILTERS = (STATUS, _SINCE, _UNTIL, page_limit(RUNS_A_PAGE), BEFORE)


OPERATIONS: dict[str, Operation] = {
    "execute": Operation(
        "Queues a run; 409 while one of the job has not ended, 412 where If-Match names an older state of the job",
        answers(ref("Executed"), "the run is queued", 202, "Location"),
        _EXECUTE,
        (
            IDEMPOTENCY_KEY,
            IF_MATCH,
            Parameter("traceparent", "of the trace that the run belongs to", TEXT, "header"),
        ),
        Body(_TO_EXECUTE, required=False),
        problems=(409, 410, 412, 429),
        tag=_JOBS,
    ),
    "list_runs": Operation(
        "The runs of a job, newest first", answers(ref("RunPage")), _READ, _RUN_FILTERS, tag=_RUNS
    ),
    "list_all_runs": Operation(
        "The runs of all jobs, newest first, or those that wait in turn",
        answers(ref("RunPage")),
        _READ,
        (_JOB, _ORDER, *_RUN_FILTERS),
        tag=_RUNS,
    ),
    "read_run": Operation(
        "A run with the last word of each node", answers(ref("RunDocument")), _READ, tag=_RUNS
    ),
    "delete_run": Operation(
        "Deletes the run with its log; 409 while it has not ended",
        GONE,
        _WRITE,
        problems=(409,),
        tag=_RUNS,
    ),
    "cancel": Operation(
        "Cancels the run",
        {
            **answers(ref("Run"), "it has ended"),
            **answers(ref("Run"), "it still has to end", 202),
        },
        _EXECUTE,
        tag=_RUNS,
    ),
    "read_log": Operation(
        "The log from a byte on, or whole as a file",
        {
            200: Answer(
                "a piece; with format=text the file",
                {JSON: ref("LogPiece"), "text/plain": TEXT},
                ("Content-Disposition",),
            )
        },
        _READ,
        (
            Parameter("from", "a byte; less than 0: from the end", WHOLE),
            Parameter("format", "text: the log as a file"),
        ),
        tag=_RUNS,
    ),
    "read_program": Operation(
        "The generated program",
        {200: Answer("the program", {"text/x-python": TEXT, JSON: ref("Program")})},
        _READ,
        (Parameter("format", "json: with the first line of each node"),),
        tag=_RUNS,
    ),
    "read_history": Operation(
        "The run's events, each with its time", answers(ref("History")), _READ, tag=_RUNS
    ),
    "events": Operation(
        "Server-sent events: what happens to the run",
        {
            200: Answer(f"{_FOLLOWS}; each `data` is a FollowEvent", {"text/event-stream": _EVENT}),
            204: Answer("the client has the run's end"),
        },
        _READ,
        (
            _MORE,
            Parameter(
                "Last-Event-ID", "as an EventSource sends it that comes back", TEXT, "header"
            ),
        ),
        tag=_RUNS,
    ),
    "wait": Operation(
        "NDJSON: what happens to the run",
        {200: Answer(f"{_FOLLOWS}; each line is a FollowEvent", {"application/x-ndjson": _LINES})},
        _READ,
        (_MORE,),
        tag=_RUNS,
    ),
    "usage": Operation(
        "How many runs of the tenant wait and run", answers(ref("Usage")), _READ, tag=_RUNS
    ),
}
