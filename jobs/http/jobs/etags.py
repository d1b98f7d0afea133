"""The ETag of a job, and what If-Match asks of it."""

from flask import request

from jobs.http.problems import Problem
from jobs.store.records import Job
from jobs.store.store import OnlyIf

COMPRESSED = ("", "-gzip", "-br", "--gzip")  # what Apache and Jetty add


def etag(job: Job) -> str:
    """The job's ETag, which each change of the job changes."""
    return f'"{_state(job)}"'


def only_if() -> OnlyIf | None:
    """The state that If-Match names; None without it.

    A weak tag is one of ours, too, and so is one with an end of COMPRESSED: proxies that compress change it so, and do not change it back.
    """
    wanted = request.if_match
    if wanted:
        return lambda job: any(wanted.contains_weak(_state(job) + end) for end in COMPRESSED)
    if "If-Match" in request.headers:
        raise Problem(400, "If-Match is empty; it must be the ETag of the job, or *")
    return None


def _state(job: Job) -> str:
    return f"{job.job_id}-{job.updated_at!r}"
