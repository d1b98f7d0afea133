"""What each route of jobs takes and answers, by the name of its handler."""

from __future__ import annotations

from described.operation import Body, Operation, Parameter, answers
from described.schema import WHOLE, ref
from jobs.http.operation_parts import (
    BEFORE,
    GONE,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    STATUS,
    page_limit,
)
from jobs.http.pages import JOBS_A_PAGE, MAX_SEARCH, MOST_LAST_RUNS

_READ, _WRITE = "jobs:read", "jobs:write"
_JOBS = "jobs"

OPERATIONS: dict[str, Operation] = {
    "list_jobs": Operation(
        "The jobs of the token's tenant, newest first",
        answers(ref("JobPage")),
        _READ,
        (
            Parameter(
                "q",
                "a part of the name, whatever its case and accents",
                {"type": "string", "maxLength": MAX_SEARCH},
            ),
            STATUS,
            Parameter("runs", f"so many last runs of each, at most {MOST_LAST_RUNS}", WHOLE),
            page_limit(JOBS_A_PAGE),
            BEFORE,
        ),
        tag=_JOBS,
    ),
    "create_job": Operation(
        "Stores a job, whose graph may have errors",
        answers(ref("Job"), "the job", 201, "Location", "ETag"),
        _WRITE,
        (IDEMPOTENCY_KEY,),
        Body(ref("NewJob")),
        tag=_JOBS,
    ),
    "read_job": Operation(
        "A job with its graph", answers(ref("Job"), "the job", 200, "ETag"), _READ, tag=_JOBS
    ),
    "replace_job": Operation(
        "Replaces name and graph; 412 where If-Match names an older state",
        answers(ref("Job"), "the job", 200, "ETag"),
        _WRITE,
        (IF_MATCH,),
        Body(ref("NewJob")),
        problems=(412,),
        tag=_JOBS,
    ),
    "delete_job": Operation(
        "Deletes the job with its runs; 409 while one has not ended, 412 where If-Match names an older state of the job",
        GONE,
        _WRITE,
        (IF_MATCH,),
        problems=(409, 412),
        tag=_JOBS,
    ),
}
