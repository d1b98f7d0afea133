"""Pages of jobs, newest first, each with its last runs; graphs are not read."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.letters import folded
from jobs.store.records import JobEntry, JobFilter, LastRun
from jobs.store.runs.run_lists import NEWEST_FIRST
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import JOBS, RUNS

_ENTRY_COLUMNS = [JOBS.c.job_id, JOBS.c.name, JOBS.c.created_at, JOBS.c.updated_at]
_LAST_RUN_COLUMNS = [RUNS.c[field.name] for field in fields(LastRun)]
_OF_JOB = sa.and_(RUNS.c.tenant_id == JOBS.c.tenant_id, RUNS.c.job_id == JOBS.c.job_id)


def jobs_of_page(
    connection: Connection,
    tenant_id: str,
    wanted: JobFilter,
    limit: int,
    before: int | None,
    runs: int,
) -> list[JobEntry]:
    """The tenant's newest jobs that are wanted, at most `limit`, all older than the job `before`, each with its last runs."""
    job_ids = list(islice(_wanted_ids(connection, tenant_id, wanted, before, limit), limit))
    entries = sa.select(*_ENTRY_COLUMNS).where(JOBS.c.job_id.in_(job_ids))
    last = _last_runs(connection, job_ids, runs)
    rows = connection.execute(entries.order_by(JOBS.c.job_id.desc())).mappings()
    return [JobEntry(**row, last_runs=last.get(row["job_id"], ())) for row in rows]


def _wanted_ids(
    connection: Connection, tenant_id: str, wanted: JobFilter, before: int | None, limit: int
) -> Iterator[int]:
    query = sa.select(JOBS.c.job_id, JOBS.c.name).where(JOBS.c.tenant_id == tenant_id)
    query = query.order_by(JOBS.c.job_id.desc())
    if before is not None:
        query = query.where(JOBS.c.job_id < before)
    if wanted.last_statuses:
        query = query.where(_last_status().in_([s.value for s in wanted.last_statuses]))
    if not wanted.name:
        query = query.limit(limit)
    # Compared here, since the databases differ in which letters they take for the same.
    part = folded(wanted.name)
    return (row.job_id for row in connection.execute(query) if part in folded(row.name))


def _last_status() -> sa.ColumnElement[str]:
    last = sa.select(RUNS.c.status).where(_OF_JOB).order_by(*NEWEST_FIRST).limit(1)
    return last.correlate(JOBS).scalar_subquery()


def _last_runs(
    connection: Connection, job_ids: Sequence[int], runs: int
) -> dict[int, tuple[LastRun, ...]]:
    """Job id → its last runs, at most `runs`, newest first."""
    rows = connection.execute(last_runs_query(job_ids, runs)).mappings()
    of_jobs = groupby(rows, key=lambda row: row["job_id"])
    return {job_id: tuple(map(_last_run, islice(own, runs))) for job_id, own in of_jobs}


def last_runs_query(job_ids: Sequence[int], runs: int) -> sa.Select[Any]:
    """The last runs of each job, from the index `last_run_of_job` alone."""
    oldest = sa.select(RUNS.c.created_at).where(_OF_JOB).order_by(*NEWEST_FIRST)
    begin = oldest.limit(1).offset(runs - 1).correlate(JOBS).scalar_subquery()
    since = RUNS.c.created_at >= sa.func.coalesce(begin, 0.0)
    query = sa.select(RUNS.c.job_id, *_LAST_RUN_COLUMNS).select_from(JOBS.join(RUNS, _OF_JOB))
    return query.where(JOBS.c.job_id.in_(job_ids), since).order_by(RUNS.c.job_id, *NEWEST_FIRST)


def _last_run(row: Any) -> LastRun:
    told = {column.name: row[column.name] for column in _LAST_RUN_COLUMNS}
    return LastRun(**{**told, "status": RunStatus(told["status"])})
