"""What a browser may ask over its socket: parsed once, at the door."""

import json
from typing import NamedTuple

from progress_lib.subjects import MAX_JOB_ID

ALL_JOBS = "*"  # in place of a job's number


class WatchJob(NamedTuple):
    """`more`: besides the job's messages this connection takes `job.seen` and `server.state`."""

    job_id: int
    more: bool = False


class LeaveJob(NamedTuple):
    job_id: int


class WatchAll(NamedTuple):
    """This connection takes `job.brief` of every job of its tenant, and `server.state`."""


class LeaveAll(NamedTuple):
    pass


class Authenticate(NamedTuple):
    token: str


Action = WatchJob | LeaveJob | WatchAll | LeaveAll | Authenticate

NEEDED_SCOPE: dict[type[Action], str | None] = {
    WatchJob: "jobs:read",
    LeaveJob: None,
    WatchAll: "jobs:read",
    LeaveAll: None,
    Authenticate: None,  # the new token is checked for itself
}


class BadAction(ValueError):
    """A request that is answered with an error message; `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_action(text: str) -> Action:
    """Raises BadAction with a sentence that says what was found and what is expected."""
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise BadAction("not_json", f"expected a JSON object, found {text[:80]!r}") from None
    if not isinstance(request, dict):
        raise BadAction("not_an_object", f"expected a JSON object, found {text[:80]!r}")
    action = request.get("action")
    is_of_all = request.get("jobId") == ALL_JOBS
    if action == "subscribe":
        if is_of_all:
            return WatchAll()
        return WatchJob(_job_id(request), request.get("more") is True)
    if action == "unsubscribe":
        return LeaveAll() if is_of_all else LeaveJob(_job_id(request))
    if action == "auth":
        return Authenticate(_token(request))
    raise BadAction(
        "unknown_action", f"action {action!r:.80} is unknown; use subscribe, unsubscribe or auth"
    )


def _job_id(request: dict[str, object]) -> int:
    job_id = request.get("jobId")
    if type(job_id) is int and 0 < job_id <= MAX_JOB_ID:
        return job_id
    raise BadAction(
        "bad_job_id", f'jobId must be a whole number from 1 on, or "*", found {job_id!r:.80}'
    )


def _token(request: dict[str, object]) -> str:
    token = request.get("token")
    if isinstance(token, str):
        return token
    raise BadAction("bad_token", "token must be a string")
