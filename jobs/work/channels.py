"""The NATS channels of runs: what publishers may say, and what web servers and runners say to each other."""

from __future__ import annotations

from described.asyncapi import EMPTY, Channel, Message
from described.schema import (
    ANYTHING,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    any_of,
    listed,
    nullable,
    one_of,
    record,
    ref,
    told,
)

RAW = "application/octet-stream"
_ASKED = Message(
    "LogQuestion", "A web server asks for the log of a run at work.", record({"from": WHOLE})
)
_LOG = Message(
    "LogAnswer",
    '{"start", "size"} in JSON on a line, and the bytes after it.',
    TEXT,
    RAW,
)
PREVIEW_QUESTION = record(
    {
        "graph": ref("Graph"),
        "last": listed(listed(nullable(any_of(WHOLE, TEXT)))),
        "find": one_of(["types", "columns", "tables"]),
        "parameters": {"type": "object"},
        "rejecting": listed(WHOLE),
        "from": WHOLE,
        "rows": WHOLE,
        "around": record({"number": WHOLE, "place": TEXT}, optional=("place",)),
        "again": told(TEXT, "the kept rows that it begins with, as JSON"),
    },
    "the rows or the columns of the nodes `last`, the types of a file alone, or the tables of a connection",
    optional=("last", "find", "parameters", "rejecting", "from", "rows", "around", "again"),
)

_ABOUT_FILES = record(
    {
        "do": one_of(["list", "look", "read", "write"]),
        "path": TEXT,
        "after": TEXT,
        "limit": WHOLE,
        "search": TEXT,
        "size": WHOLE,
        "replace": FLAG,
    },
    "jobs/work/file_questions.py",
    optional=("after", "limit", "search", "size", "replace"),
)


def _answer(members: dict[str, Schema], *optional: str) -> Schema:
    return record(members, optional=optional)


TABLE = record(
    {
        "name": TEXT,
        "columns": listed(
            record({"name": TEXT, "type": told(TEXT, 'docs/types.md; "" where none is known')})
        ),
    }
)
_PREVIEW = any_of(
    _answer({"taken": FLAG}),
    _answer({"busy": FLAG}),
    _answer({"timeout": FLAG}),
    _answer(
        {"nodeId": nullable(WHOLE), "field": nullable(TEXT), "message": TEXT}, "nodeId", "field"
    ),
    _answer(
        {
            "columns": listed(TEXT),
            "types": listed(TEXT),
            "rows": listed(listed(ANYTHING)),
            "truncated": FLAG,
            "timedOut": FLAG,
            "from": WHOLE,
            "count": nullable(WHOLE),
            "at": nullable(WHOLE),
            "fromRun": TEXT,
            "fromNodes": listed(WHOLE),
        },
        *("rows", "truncated", "timedOut", "from", "count", "at", "fromRun", "fromNodes"),
    ),
    _answer({"tables": listed(TABLE), "truncated": FLAG}),
)
_ABOUT_KEPT = record(
    {"run": TEXT, "node": WHOLE, "output": nullable(TEXT), "look": listed(WHOLE)},
    "what a node gave, or which of the nodes to `look` for are missing",
    optional=("node", "output", "look"),
)
_KEPT = any_of(
    _answer({"taken": FLAG}),
    _answer({"busy": FLAG}),
    _answer({"timeout": FLAG}),
    _answer({"message": TEXT}),
    _answer(
        {
            "columns": listed(TEXT),
            "missing": listed(WHOLE),
            "types": listed(TEXT),
            "rows": listed(listed(ANYTHING)),
            "figures": listed(ANYTHING),
        },
        *("missing", "types", "rows", "figures"),
    ),
)
_PREVIEW_ASKED = Message("PreviewQuestion", "A web server asks any runner.", PREVIEW_QUESTION)
_PREVIEW_ANSWER = Message("PreviewAnswer", "First that it is taken, then what came.", _PREVIEW)
_KEPT_ANSWER = Message(
    "KeptAnswer",
    "First that it is taken, then what came.",
    _KEPT,
)
_OWN_RUN = record(
    {
        "runId": TEXT,
        "status": one_of(["running", "completed", "failed"]),
        "reason": nullable(TEXT),
        "ts": TIME,
        "aliveEvery": {**NUMBER, "exclusiveMinimum": 0},
        "aliveAt": TIME,
    },
    "a publisher's own run; our runners tell queued, cancelled and lost, too",
    optional=("reason", "ts", "aliveEvery", "aliveAt"),
)

CHANNELS = (
    Channel(
        "progress",
        "nats",
        "tenant.{tenant}.job.{job}.progress",
        "What the nodes of a job say of themselves. Anybody whom NATS lets may publish here.",
        received=(Message("Progress", "A node's progress.", ref("Progress")),),
    ),
    Channel(
        "status",
        "nats",
        "tenant.{tenant}.job.{job}.status",
        "The beginning and the end of a run: of ours by the server and its runners, of others by their publishers.",
        received=(Message("OwnRun", "A publisher's run begins, lives or ends.", _OWN_RUN),),
        sent=(Message("RunChange", "A run of ours changed.", ref("RunChange")),),
    ),
    Channel(
        "deleted",
        "nats",
        "tenant.{tenant}.job.{job}.deleted",
        "That a job was deleted, so that web servers forget what was said of it.",
        sent=(Message("JobDeleted", "The job is gone.", EMPTY, RAW),),
        is_internal=True,
    ),
    Channel(
        "queue",
        "nats",
        "runs.{tenant}.{run}",
        "The work queue, the stream RUNS: that a run waits.",
        sent=(Message("RunWaits", "A run waits for a runner.", EMPTY, RAW),),
        is_internal=True,
    ),
    Channel(
        "taggedQueue",
        "nats",
        "runs.{tag}.{tenant}.{run}",
        "The work queue of runners with a tag, the stream TAGGED_RUNS: that a run waits for one of them.",
        sent=(Message("TaggedRunWaits", "A run waits for a runner with the tag.", EMPTY, RAW),),
        is_internal=True,
    ),
    Channel(
        "cancel",
        "nats",
        "tenant.{tenant}.run.{run}.cancel",
        "That a run shall be cancelled.",
        sent=(Message("CancelRun", "The runner that has the run ends it.", EMPTY, RAW),),
        is_internal=True,
    ),
    Channel(
        "log",
        "nats",
        "tenant.{tenant}.run.{run}.log",
        "The log of a run at work, on another machine.",
        received=(_ASKED,),
        replies=(_LOG,),
        is_internal=True,
    ),
    Channel(
        "files",
        "nats",
        "tenant.{tenant}.files",
        "A list of files, and the beginning of an upload or a download.",
        received=(Message("FilesQuestion", "A web server asks any runner.", _ABOUT_FILES),),
        replies=(Message("FilesAnswer", "What is there, or why not.", ANYTHING),),
        is_internal=True,
    ),
    Channel(
        "transfer",
        "nats",
        "tenant.{tenant}.files.{runner}.{transfer}",
        "The pieces of an upload or a download, one after the other.",
        received=(Message("FilePiece", "JSON on a line, and the bytes after it.", TEXT, RAW),),
        replies=(Message("NextPiece", "JSON on a line, and the bytes after it.", TEXT, RAW),),
        is_internal=True,
    ),
    Channel(
        "preview",
        "nats",
        "tenant.{tenant}.preview",
        "The first rows of a node, or the types of a file's columns.",
        received=(_PREVIEW_ASKED,),
        replies=(_PREVIEW_ANSWER,),
        is_internal=True,
    ),
    Channel(
        "taggedPreview",
        "nats",
        "tenant.{tenant}.preview.{tag}",
        "The same of a job that asks for runners with a tag.",
        received=(_PREVIEW_ASKED,),
        replies=(_PREVIEW_ANSWER,),
        is_internal=True,
    ),
    Channel(
        "kept",
        "nats",
        "tenant.{tenant}.kept.{place}",
        "What a run kept of its nodes: the first rows and figures of one, or which are there.",
        received=(Message("KeptQuestion", "About kept outputs of a run.", _ABOUT_KEPT),),
        replies=(_KEPT_ANSWER,),
        is_internal=True,
    ),
)
