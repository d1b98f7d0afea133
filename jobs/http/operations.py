"""What each route of jobs and runs takes and answers, by the name of its handler in jobs/http/api.py."""

from __future__ import annotations

from described.operation import JSON, Answer, Body, Operation, Parameter, answers
from described.schema import NUMBER, TEXT, WHOLE, Schema, listed, nullable, record, ref, told
from jobs.http.body import EXECUTE_MEMBERS
from jobs.http.pages import JOBS_A_PAGE, MAX_SEARCH, MOST_A_PAGE, MOST_LAST_RUNS, RUNS_A_PAGE
from jobs.store.store import MAX_JOB_ID

_READ, _WRITE, _EXECUTE = "jobs:read", "jobs:write", "jobs:execute"
_JOBS, _RUNS = "jobs", "runs"

_GONE = {204: Answer("it is gone")}
_STATUS = Parameter("status", "of these, also with commas between", listed(ref("RunStatus")))
_BEFORE = Parameter("before", "the `next` of the page before")
_SINCE = Parameter("since", "created then or later, in seconds since 1970", NUMBER)
_UNTIL = Parameter("until", "created before that", NUMBER)
_JOB = Parameter("job", "of this job", {"type": "integer", "minimum": 1, "maximum": MAX_JOB_ID})
_IF_MATCH = Parameter("If-Match", "the ETag of the job that is meant, or *", TEXT, "header")
_MORE = Parameter("more", "1: with whether NATS reaches the server")
_GIVEN = nullable({"type": "object", "description": "values by name; docs/parameters.md"})


def _limit(most: int) -> Parameter:
    return Parameter(
        "limit", f"entries, {most} where it is not given, at most {MOST_A_PAGE}", WHOLE
    )


def _of_a_graph(*others: tuple[str, Schema], optional: tuple[str, ...] = ()) -> Body:
    return Body(record({"graph": ref("StoredGraph"), **dict(others)}, optional=optional))


_OF_A_NODE = _of_a_graph(("nodeId", WHOLE), ("parameters", _GIVEN), optional=("parameters",))
_AROUND = record(
    {"number": WHOLE, "place": TEXT}, "a row at fault, as progress tells it", optional=("place",)
)
_TO_PREVIEW = _of_a_graph(
    ("nodeId", WHOLE),
    ("parameters", _GIVEN),
    ("around", _AROUND),
    (
        "fromRun",
        told(TEXT, "a run of the tenant, whose kept rows are shown where the graph is as it was"),
    ),
    optional=("parameters", "around", "fromRun"),
)
_TO_EXECUTE = {
    **record(
        {
            "parameters": _GIVEN,
            "fromRun": told(nullable(TEXT), "a run whose kept outputs it begins with …"),
            "fromNode": told(nullable(WHOLE), "… at this node: docs/kept_outputs.md"),
        },
        optional=EXECUTE_MEMBERS,
    ),
    "additionalProperties": False,
}
_ASKS_A_RUNNER = (422, 503, 504)
_FOLLOWS = "the run's events, until it ends or the token expires"
# OpenAPI 3.1 knows no sequences: the schema is of one event, as tools read it
_SENT = {"type": "string", "contentMediaType": JSON, "contentSchema": ref("FollowEvent")}
_EVENT = record({"data": _SENT, "event": TEXT, "id": TEXT}, optional=("event", "id"))
_LINES = {"type": "string", "x-line": ref("FollowEvent")}
_RUN_FILTERS = (_STATUS, _SINCE, _UNTIL, _limit(RUNS_A_PAGE), _BEFORE)

OPERATIONS: dict[str, Operation] = {
    "node_types": Operation(
        "What a graph can be made of", answers(ref("NodeTypes")), _READ, tag=_JOBS
    ),
    "functions": Operation(
        "What expressions may call", answers(ref("Functions")), _READ, tag=_JOBS
    ),
    "gallery": Operation(
        "Jobs over the sample shop, to start from", answers(ref("Gallery")), _READ, tag=_JOBS
    ),
    "list_jobs": Operation(
        "The jobs of the token's tenant, newest first",
        answers(ref("JobPage")),
        _READ,
        (
            Parameter("q", "a part of the name", {"type": "string", "maxLength": MAX_SEARCH}),
            _STATUS,
            Parameter("runs", f"so many last runs of each, at most {MOST_LAST_RUNS}", WHOLE),
            _limit(JOBS_A_PAGE),
            _BEFORE,
        ),
        tag=_JOBS,
    ),
    "create_job": Operation(
        "Stores a job, whose graph may have errors",
        answers(ref("Job"), "the job", 201, "Location", "ETag"),
        _WRITE,
        body=Body(ref("NewJob")),
        tag=_JOBS,
    ),
    "validate": Operation(
        "Whether a graph can run, and what is wrong with it",
        answers(ref("Validation")),
        _READ,
        body=_of_a_graph(),
        tag=_JOBS,
    ),
    "preview": Operation(
        "The first rows that a node gives, or those that come to it around one of them; nothing is written",
        answers(ref("Preview")),
        _EXECUTE,
        body=_TO_PREVIEW,
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
    "find_types": Operation(
        "What the columns of a file hold that a node reads",
        answers(ref("FoundTypes")),
        _EXECUTE,
        body=_OF_A_NODE,
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
    "columns": Operation(
        "The columns that each node gives, as far as they are known without a run; the graph may have errors",
        answers(ref("Columns")),
        _EXECUTE,
        body=_of_a_graph(("parameters", _GIVEN), optional=("parameters",)),
        problems=(422,),
        tag=_JOBS,
    ),
    "tables": Operation(
        "The tables of a connection with their columns",
        answers(ref("Tables")),
        _EXECUTE,
        body=Body(
            record(
                {
                    "connection": told(TEXT, "as a DB Input has it"),
                    "runnerTag": told(nullable(TEXT), "of the runners that are asked"),
                },
                optional=("runnerTag",),
            )
        ),
        problems=_ASKS_A_RUNNER,
        tag=_JOBS,
    ),
    "read_job": Operation(
        "A job with its graph", answers(ref("Job"), "the job", 200, "ETag"), _READ, tag=_JOBS
    ),
    "replace_job": Operation(
        "Replaces name and graph; 412 where If-Match names an older state",
        answers(ref("Job"), "the job", 200, "ETag"),
        _WRITE,
        (_IF_MATCH,),
        Body(ref("NewJob")),
        problems=(412,),
        tag=_JOBS,
    ),
    "delete_job": Operation(
        "Deletes the job with its runs; 409 while one has not ended, 412 where If-Match names an older state of the job",
        _GONE,
        _WRITE,
        (_IF_MATCH,),
        problems=(409, 412),
        tag=_JOBS,
    ),
    "execute": Operation(
        "Queues a run; 409 while one of the job has not ended, 412 where If-Match names an older state of the job",
        answers(ref("Executed"), "the run is queued", 202, "Location"),
        _EXECUTE,
        (
            Parameter(
                "Idempotency-Key",
                "the same key makes one run however often it is sent",
                {"type": "string", "pattern": "^[ -~]{1,255}$"},
                "header",
            ),
            _IF_MATCH,
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
        "The runs of all jobs, newest first",
        answers(ref("RunPage")),
        _READ,
        (_JOB, *_RUN_FILTERS),
        tag=_RUNS,
    ),
    "read_run": Operation(
        "A run with the last word of each node", answers(ref("RunDocument")), _READ, tag=_RUNS
    ),
    "delete_run": Operation(
        "Deletes the run with its log; 409 while it has not ended",
        _GONE,
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
