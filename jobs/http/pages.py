"""What a request for a list says: filters, how many, and the cursor at which the page begins.

A cursor is opaque to clients: it names the last entry that they have, and so stays right when entries come and go.
"""

import base64
import re
import struct
from typing import Any

from flask import request

from jobs.http.problems import Problem
from jobs.store.not_found import may_be_job
from jobs.store.records import JobFilter, Place, RunFilter, Turn
from jobs.store.runs.run_states import RunStatus

RUNS_A_PAGE = 50
JOBS_A_PAGE = 100
MOST_A_PAGE = 500
MOST_LAST_RUNS = 50  # of each job in a list of jobs
MAX_SEARCH = 200  # characters, as many as a name has

NEWEST, IN_TURN = RUN_ORDERS = ("newest", "queue")  # of lists of runs

WHOLE = re.compile(r"-?[0-9]{1,16}")
DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]*)?([eE][-+]?[0-9]{1,2})?")

_RUN = struct.Struct(">d16s")  # created_at, run id
_TURN = struct.Struct(">ddd16s")  # listed_at, due_at, created_at, run id
_JOB = struct.Struct(">q")


def number(name: str, default: Any, kind: type[int] | type[float]) -> Any:
    """The parameter as an int or a float. A Problem names one that is none."""
    text = request.args.get(name)
    if text is None:
        return default
    form = WHOLE if kind is int else DECIMAL  # `int` and `float` also take 1_0 and ٣
    if form.fullmatch(text) and abs(found := kind(text)) < 2**53:
        return found
    raise Problem(400, f"?{name}= must be a number, found {text!r:.60}")


def limit(default: int) -> int:
    return clamped("limit", default, MOST_A_PAGE)


def clamped(name: str, default: int, most: int) -> int:
    """The parameter, taken for 1 where it is less and for `most` where it is more."""
    return min(max(int(number(name, default, int)), 1), most)


def run_filter(job_id: int | None = None) -> RunFilter:
    """What the request for a list of runs asks for: of all jobs, or of one."""
    know("status", "since", "until", *(("job", "order") if job_id is None else ()))
    return RunFilter(
        statuses=_statuses(),
        job_id=_job() if job_id is None else job_id,
        since=number("since", None, float),
        until=number("until", None, float),
    )


def is_in_turn(wanted: RunFilter) -> bool:
    """Whether the list of these runs is to begin with those whose turn is next, and not with the newest."""
    order = request.args.get("order", NEWEST)
    if order not in RUN_ORDERS:
        raise Problem(400, f"?order= must be of {', '.join(RUN_ORDERS)}; found {order!r:.60}")
    if order == IN_TURN and wanted.statuses != {RunStatus.QUEUED}:
        raise Problem(400, f"?order={IN_TURN} is of runs that wait: it takes ?status=queued alone")
    return order == IN_TURN


def job_filter() -> JobFilter:
    know("q", "status", "runs")
    search = request.args.get("q", "")
    if len(search) > MAX_SEARCH:
        raise Problem(400, f"?q= must have at most {MAX_SEARCH} characters, found {len(search):,}")
    return JobFilter(name=search, last_statuses=_statuses())


def job_of_webhooks() -> int | None:
    """The job whose webhooks the request asks for."""
    know("job")
    return _job()


def run_cursor(run_id: str, created_at: float) -> str:
    return _text(_RUN.pack(created_at, bytes.fromhex(run_id)))


def run_place() -> Place | None:
    """Where the page of runs begins: a cursor, or a createdAt as clients of before send it."""
    text = request.args.get("before")
    if text is None:
        return None
    found = _unpacked(_RUN, text)
    if found is not None:
        created_at, run_id = found
        return Place(created_at, run_id.hex())
    try:
        return Place(float(number("before", None, float)), "")
    except Problem:
        raise _bad_cursor(text, ", or a createdAt") from None


def turn_cursor(turn: Turn) -> str:
    moments = (turn.listed_at, turn.due_at, turn.created_at)
    return _text(_TURN.pack(*moments, bytes.fromhex(turn.run_id)))


def turn_behind() -> Turn | None:
    """Behind which place a page of runs in turn begins."""
    text = request.args.get("before")
    if text is None:
        return None
    found = _unpacked(_TURN, text)
    if found is None:
        raise _bad_cursor(text)
    listed_at, due_at, created_at, run_id = found
    return Turn(listed_at, due_at, created_at, run_id.hex())


def job_cursor(job_id: int) -> str:
    return _text(_JOB.pack(job_id))


def job_before() -> int | None:
    """The id of the job after which the page of jobs begins."""
    text = request.args.get("before")
    if text is None:
        return None
    found = _unpacked(_JOB, text)
    if found is None or not may_be_job(found[0]):
        raise _bad_cursor(text)
    return int(found[0])


def know(*filters: str) -> None:
    """Refuses other parameters: a filter that is not looked at would give a list that is silently wrong."""
    known = (*filters, "limit", "before")
    for name in request.args:
        if name not in (*known, "token"):
            names = ", ".join(known)
            raise Problem(400, f"?{name:.60}= is no filter of this list, which takes {names}")


def _job() -> int | None:
    job_id = number("job", None, int)
    if job_id is None or may_be_job(job_id):
        return None if job_id is None else int(job_id)
    raise Problem(400, f"?job= must be the id of a job, found {job_id}")


def _statuses() -> frozenset[RunStatus]:
    """What `status` names, which may be there several times, and each time several, with commas between."""
    texts = ",".join(request.args.getlist("status")).split(",")
    return frozenset(_status(text.strip()) for text in texts if text.strip())


def _status(text: str) -> RunStatus:
    try:
        return RunStatus(text)
    except ValueError:
        known = ", ".join(RunStatus)
        raise Problem(400, f"?status= must be of {known}; found {text!r:.60}") from None


def _text(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _unpacked(form: struct.Struct, text: str) -> tuple[Any, ...] | None:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        found = form.unpack(packed)
    except (ValueError, struct.error):
        return None
    # One cursor has one text; NaN compares with nothing
    return found if _text(packed) == text and all(part == part for part in found) else None


def _bad_cursor(text: str, or_else: str = "") -> Problem:
    wanted = f"the `next` of the page before{or_else}"
    return Problem(400, f"?before= must be {wanted}; found {text!r:.60}")
