"""Parameters and answers that routes of several kinds describe."""

from __future__ import annotations

from described.operation import Answer, Parameter
from described.schema import TEXT, WHOLE, listed, nullable, ref
from jobs.http.body import MAX_KEY
from jobs.http.pages import MOST_A_PAGE

GONE = {204: Answer("it is gone")}
STATUS = Parameter("status", "of these, also with commas between", listed(ref("RunStatus")))
BEFORE = Parameter("before", "the `next` of the page before")
IF_MATCH = Parameter("If-Match", "the ETag of the job that is meant, or *", TEXT, "header")
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "a request that is sent again with the same key makes nothing new: the answer has what the first one made",
    {"type": "string", "pattern": f"^[ -~]{{1,{MAX_KEY}}}$"},
    "header",
)
GIVEN = nullable({"type": "object", "description": "values by name; docs/parameters.md"})


def page_limit(most: int) -> Parameter:
    """`limit` of a list, with its default."""
    return Parameter(
        "limit", f"entries, {most} where it is not given, at most {MOST_A_PAGE}", WHOLE
    )
