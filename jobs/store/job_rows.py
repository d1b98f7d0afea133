"""What is read of jobs, in a transaction that somebody else holds."""

from __future__ import annotations

import json
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from jobs.store.connections.clock import NOW
from jobs.store.errors import JobChanged
from jobs.store.not_found import may_be_job, no_job
from jobs.store.records import Job
from jobs.store.tables import JOBS, RUNS

_JOB_COLUMNS = [c for c in JOBS.c if c.name not in ("idempotency_key", "request_hash")]

OnlyIf = Callable[[Job], bool]
"""Whether a job is in the state that a request is about."""


def job_of(connection: Connection, tenant_id: str, job_id: int, *, for_update: bool = False) -> Job:
    """The tenant's job; `for_update` locks its row. Raises NotFound."""
    if may_be_job(job_id):
        query = sa.select(*_JOB_COLUMNS)
        query = query.where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
        query = query.with_for_update() if for_update else query
        row = connection.execute(query).mappings().first()
        if row is not None:
            return job_from(row)
    raise no_job(job_id)


def check_state(only_if: OnlyIf | None, job: Job) -> None:
    """Raises JobChanged where the job is in another state than the request is about."""
    if only_if is not None and not only_if(job):
        raise JobChanged(f"job {job.job_id} was changed meanwhile: read it again")


def name_of_job(connection: Connection, tenant_id: str, job_id: int) -> str:
    """Raises NotFound."""
    if may_be_job(job_id):
        query = sa.select(JOBS.c.name).where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
        name: str | None = connection.execute(query).scalar()
        if name is not None:
            return name
    raise no_job(job_id)


def name_and_newest(
    connection: Connection, tenant_id: str, job_id: int
) -> tuple[str, float | None, float]:
    """The job's name, when its newest run was made, and the time; one statement. Raises NotFound."""
    if may_be_job(job_id):
        of_job = (RUNS.c.tenant_id == tenant_id, RUNS.c.job_id == job_id)
        newest = sa.select(sa.func.max(RUNS.c.created_at)).where(*of_job).scalar_subquery()
        query = sa.select(JOBS.c.name, newest, NOW)
        query = query.where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
        row = connection.execute(query).first()
        if row is not None:
            return row[0], row[1], row[2]
    raise no_job(job_id)


def job_from(row: RowMapping) -> Job:
    """A job of a row of _JOB_COLUMNS."""
    return Job(**{**row, "graph": json.loads(row["graph"])})
