"""What a program's environment says of NATS, and of the tenant and the run that it reports for."""

from __future__ import annotations

import os

from progress_lib.nats.link import Link
from progress_lib.subjects import job_number

NATS_URL = "nats://127.0.0.1:4222"
TENANT_ID = "default"
# The variable with the job and the run whose beginning and end are told by who started this process: "42/7f…"
RUN_TOLD = "RUN_TOLD"
# The variable with the ids of its nodes within which this process was started
RUN_NODES = "RUN_NODES"


def nats_url() -> str:
    return os.environ.get("NATS_URL") or NATS_URL


def tenant_id() -> str:
    return os.environ.get("TENANT_ID") or TENANT_ID


def run_id_of(job_id: object) -> str:
    """The run of the job that RUN_ID names; "" where it names none, or one of another job."""
    run_id = os.environ.get("RUN_ID", "")
    told_job, told_run = _told()
    named = told_job if run_id == told_run else os.environ.get("JOB_ID")
    return run_id if not named or _is_same_job(named, job_id) else ""


def told_run_of(job_id: object) -> str:
    """The same, where who started this process tells the run, so that all that is done here is a part of it; else ""."""
    run_id = run_id_of(job_id)
    return run_id if run_id == _told()[1] else ""


def telling(job_id: int, run_id: str) -> dict[str, str]:
    """What makes `told_run_of` know the run, in processes that are started with it."""
    return {RUN_TOLD: f"{job_id}/{run_id}"}


def _told() -> tuple[str, str]:
    """The job and the run that who started this process tells."""
    job, _, run_id = os.environ.get(RUN_TOLD, "").partition("/")
    return job, run_id


def nodes_around(run_id: str, job_id: object) -> set[int]:
    """The ids of the nodes of the run within which this process was started. Each is at work: no other node may have it."""
    if not run_id or run_id != run_id_of(job_id):
        return set()
    return {int(word) for word in os.environ.get(RUN_NODES, "").split() if word.isdecimal()}


def _is_same_job(one: object, other: object) -> bool:
    try:
        return job_number(one) == job_number(other)
    except ValueError:
        return False


def program_link(
    url: str, name: str, prefix: str | None = None, ca_file: str | None = None
) -> Link:
    """A link as NATS_PREFIX, NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE say, unless `prefix` or `ca_file` is given.

    Raises ValueError for an URL or a prefix that cannot be.
    """
    if prefix is None:
        prefix = os.environ.get("NATS_PREFIX", "")
    ca, own, key = (os.environ.get(f"NATS_{kind}_FILE") or None for kind in ("CA", "CERT", "KEY"))
    return Link(url, name=name, prefix=prefix, tls_ca=ca_file or ca, tls_cert=own, tls_key=key)
