"""The JSON Schemas of what the API of jobs and runs answers: of jobs/http/documents.py, and of what else has a form.

A member that is added to an answer is added here; tests hold every answer that they get against these.
"""

from __future__ import annotations

from described.events import error_event
from described.schema import (
    ANYTHING,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    any_of,
    by_name,
    just,
    listed,
    nullable,
    one_of,
    record,
    ref,
    told,
)
from jobs.http import graph_schema
from jobs.http.runs.follow import EXPIRED
from jobs.store.runs.run_states import RunStatus
from jobs.work.channels import TABLE
from progress_lib import Status

STATUS = one_of(RunStatus)
NEXT = told(nullable(TEXT), "`before` of the next page; null on the last one")

_JOB = {"id": WHOLE, "name": TEXT, "createdAt": TIME, "updatedAt": TIME}
_LAST_RUN = {
    "runId": TEXT,
    "status": ref("RunStatus"),
    "createdAt": TIME,
    "startedAt": nullable(TIME),
    "endedAt": nullable(TIME),
}
_RUN = {
    "runId": TEXT,
    "jobId": WHOLE,
    "jobName": TEXT,
    "status": ref("RunStatus"),
    "reason": nullable(TEXT),
    "exitCode": nullable(WHOLE),
    "cancelRequested": FLAG,
    "createdAt": TIME,
    "startedAt": nullable(TIME),
    "endedAt": nullable(TIME),
    "startedBy": told(nullable(TEXT), "the subject of the token that executed it"),
    "parameters": by_name(nullable(TEXT), "the values that it was given"),
    "attempt": WHOLE,
    "attempts": told(WHOLE, "runs in all, if each fails"),
    "retryOf": told(nullable(TEXT), "the run that failed before this one"),
    "dueAt": told(nullable(NUMBER), "of a retry: not before, in seconds since 1970"),
    "machine": told(nullable(TEXT), "the host name of the runner that took it"),
    "traceId": told(nullable(TEXT), "of the trace that it belongs to: docs/traces.md"),
    "runnerTag": told(nullable(TEXT), "of the runners that may take it; null: it asks for none"),
    "fromRun": told(nullable(TEXT), "the run whose kept outputs it began with"),
    "fromNode": told(nullable(WHOLE), "the node that it began at"),
}
_WAIT_REASON = told(nullable(TEXT), "of a queued run: why no runner that is there may take it")
_JOBS_OWN: dict[str, Schema] = {
    "LastRun": record(_LAST_RUN),
    "JobEntry": record(
        {**_JOB, "lastRun": nullable(ref("LastRun")), "runs": listed(ref("LastRun"))},
        "a job in a list; `runs` where they were asked for",
        optional=("runs",),
    ),
    "JobPage": record({"jobs": listed(ref("JobEntry")), "next": NEXT}),
    "Note": record({"nodeId": WHOLE, "field": TEXT, "message": TEXT}),
    "Job": record(
        {
            **_JOB,
            "graph": ref("StoredGraph"),
            "notes": listed(ref("Note"), "what the graph means otherwise than when it was saved"),
        }
    ),
    "GalleryJob": record({"name": TEXT, "about": TEXT, "graph": ref("Graph")}),
    "Gallery": record({"jobs": listed(ref("GalleryJob"))}),
    "NewJob": record(
        {"name": {"type": "string", "minLength": 1}, "graph": ref("StoredGraph")},
    ),
    "Validation": any_of(
        record({"valid": just(True), "errors": {**listed(ANYTHING), "maxItems": 0}}),
        record(
            {
                "valid": just(False),
                "detail": TEXT,
                "errors": listed(ref("GraphError")),
                "errorCount": WHOLE,
            }
        ),
    ),
    "FoundTypes": record({"columns": listed(TEXT), "types": listed(TEXT)}),
    "KnownColumn": record(
        {"name": TEXT, "type": told(nullable(TEXT), "docs/types.md; null: only a run tells it")}
    ),
    "KnownColumns": record(
        {
            "port": TEXT,
            "columns": listed(ref("KnownColumn")),
            "all": told(FLAG, "whether there are no others"),
            "more": told(WHOLE, "known beside these, which had no room"),
        },
        "the rows that leave a node by one of its outputs, and so of each edge from there",
    ),
    "Columns": record(
        {
            "nodes": listed(record({"id": WHOLE, "outputs": listed(ref("KnownColumns"))})),
            "problems": listed(ref("GraphError")),
            "unread": listed(
                record({"nodeId": WHOLE, "message": TEXT}), "whose columns the engine did not tell"
            ),
            "pending": told(FLAG, "whether to ask again: some were not asked yet"),
        }
    ),
    "Tables": record({"tables": listed(TABLE), "truncated": FLAG}),
    "Preview": record(
        {
            "columns": listed(TEXT),
            "types": listed(TEXT, "docs/types.md"),
            "rows": listed(listed(ANYTHING)),
            "truncated": FLAG,
            "timedOut": FLAG,
            "at": nullable(
                told(WHOLE, "with `around`: which of the rows it is; null: it did not come")
            ),
            "fromRun": told(TEXT, "the run that kept the rows which these were made of"),
            "fromNodes": told(listed(WHOLE), "the nodes whose kept rows were read"),
        },
        optional=("at", "fromRun", "fromNodes"),
    ),
}
_RUNS_OWN: dict[str, Schema] = {
    "RunStatus": STATUS,
    "Run": record(_RUN, "a run without its nodes"),
    "RunRows": record({"in": WHOLE, "out": WHOLE, "rejected": WHOLE}, "rows of its graph"),
    "RunEntry": record({**_RUN, "rows": ref("RunRows"), "waitReason": _WAIT_REASON}),
    "RunPage": record({"runs": listed(ref("RunEntry")), "next": NEXT}),
    "RunDocument": record(
        {
            **_RUN,
            "rows": ref("RunRows"),
            "lastStatus": ref("RunChange"),
            "kept": told(
                nullable(ref("KeptOutputs")), "null: it was not to keep any, or has not ended"
            ),
            "queuePosition": nullable(WHOLE),
            "waitReason": _WAIT_REASON,
            "counts": record(dict.fromkeys(("nodes", "notStarted", *Status), WHOLE)),
            "nodes": listed(ref("HeardProgress"), "the last word of each node"),
            "graph": ref("StoredGraph"),
        }
    ),
    "Executed": record({"runId": TEXT, "jobId": WHOLE, "status": just(RunStatus.QUEUED.value)}),
    "LogPiece": record({"from": WHOLE, "next": WHOLE, "size": WHOLE, "text": TEXT, "ended": FLAG}),
    "Program": record({"text": TEXT, "nodeLines": by_name(WHOLE, "node id → its first line")}),
    "History": record(
        {
            "runId": TEXT,
            "source": one_of(["stream", "record"]),
            "events": listed(
                any_of(
                    record(
                        {"ts": TIME, "type": just("job.status"), "payload": ref("HeardRunChange")}
                    ),
                    record(
                        {"ts": TIME, "type": just("job.progress"), "payload": ref("HeardProgress")}
                    ),
                )
            ),
        }
    ),
    "FollowEvent": any_of(
        ref("ProgressEvent"),
        ref("StatusEvent"),
        ref("ServerEvent"),
        error_event(EXPIRED["code"]),
        says="one line of `wait`, one `data` of `events`",
    ),
    "Usage": record(
        {"queuedRuns": WHOLE, "runningRuns": WHOLE, "limits": record({"queuedRuns": WHOLE})}
    ),
}
_READS = told(nullable(TEXT), "the input whose columns it names; null: it names none")
_FORMS: dict[str, Schema] = {
    "Port": record({"name": TEXT, "label": TEXT}),
    "Member": record(
        {
            "name": TEXT,
            "label": TEXT,
            "kind": TEXT,
            "choices": listed(TEXT),
            "required": FLAG,
            "reads": _READS,
        }
    ),
    "Field": record(
        {
            "name": TEXT,
            "label": TEXT,
            "kind": one_of(graph_schema.OF_KIND),
            "required": FLAG,
            "default": ANYTHING,
            "help": TEXT,
            "choices": listed(TEXT),
            "members": listed(ref("Member")),
            "entry": TEXT,
            "former": FLAG,
            "forRejects": FLAG,
            "reads": _READS,
            "beginsAs": told(ANYTHING, "what a form gives a new node instead of the default"),
            "neededFor": nullable(record({"field": TEXT, "values": listed(TEXT)})),
        }
    ),
    "NodeType": record(
        {
            "name": TEXT,
            "label": TEXT,
            "help": TEXT,
            "hasInput": FLAG,
            "hasOutput": FLAG,
            "inputs": listed(ref("Port")),
            "outputs": listed(ref("Port")),
            "inputsIn": nullable(TEXT),
            "outputsIn": nullable(TEXT),
            "rejects": FLAG,
            "fields": listed(ref("Field")),
            "oneOf": listed(TEXT),
        }
    ),
    "NodeTypes": record({"nodeTypes": listed(ref("NodeType")), "engine": WHOLE}),
    "Function": record(
        {
            **dict.fromkeys(("group", "name", "signature", "returns", "help", "example"), TEXT),
            "gives": TEXT,
            "also": listed(TEXT),
        },
        "docs/functions.md",
    ),
    "Functions": record({"functions": listed(ref("Function"))}),
}
SCHEMAS: dict[str, Schema] = {**graph_schema.SCHEMAS, **_JOBS_OWN, **_RUNS_OWN, **_FORMS}
