"""Pages of runs, newest first, or of those that wait in turn: which runs a page holds is read from indexes alone, since rows hold graphs and programs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.not_found import may_be_job
from jobs.store.records import Place, Run, RunFilter, Turn
from jobs.store.runs.reading import maybe_run, select_runs
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import RUNS

_PLACE = (RUNS.c.created_at, RUNS.c.run_id)
NEWEST_FIRST = (RUNS.c.created_at.desc(), RUNS.c.run_id.desc())


def newest_run(connection: Connection, tenant_id: str, job_id: int) -> Run | None:
    """The job's newest run; None when it never ran, or the tenant has no such job."""
    if not may_be_job(job_id):
        return None
    query = select_runs().where(RUNS.c.tenant_id == tenant_id, RUNS.c.job_id == job_id)
    query = query.order_by(*NEWEST_FIRST).limit(1)
    return maybe_run(connection.execute(query).mappings().first())


def runs_of_page(
    connection: Connection, tenant_id: str, wanted: RunFilter, limit: int, before: Place | None
) -> list[str]:
    """The ids of the tenant's newest runs that are wanted, at most `limit`, all older than the run at `before`."""
    query = places_query(tenant_id, wanted, limit, before)
    return [row.run_id for row in connection.execute(query)]


def places_query(
    tenant_id: str, wanted: RunFilter, limit: int, before: Place | None
) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """The places of those runs; of each kind of filter a walk along an index that holds all it asks for."""
    conditions = [RUNS.c.tenant_id == tenant_id, *_in_time(wanted, before)]
    if wanted.job_id is not None:
        return _newest([*conditions, *_of_job(wanted)], limit)
    if not wanted.statuses:
        return _newest(conditions, limit)
    return _newest_of_each([[*conditions, RUNS.c.status == s] for s in _texts(wanted)], limit)


def turns_query(
    tenant_id: str, wanted: RunFilter, limit: int, listed_at: float, behind: Turn | None
) -> sa.Select[Any]:
    """The places of the wanted runs of the tenant that wait, those whose turn is next first, all behind that one; all that wait are sorted for it."""
    is_early = RUNS.c.due_at > sa.literal(listed_at)
    place = (sa.case((is_early, RUNS.c.due_at), else_=sa.literal(0.0)), *_PLACE)
    waits = replace(wanted, statuses=frozenset({RunStatus.QUEUED}))
    conditions = [RUNS.c.tenant_id == tenant_id, *_in_time(waits, None)]
    if waits.job_id is not None:
        conditions += _of_job(waits)
    else:
        conditions.append(RUNS.c.status == RunStatus.QUEUED.value)
    if behind is not None:
        of_it = (behind.due_at, behind.created_at, behind.run_id)
        conditions.append(sa.tuple_(*place) > sa.tuple_(*map(sa.literal, of_it)))
    return sa.select(*_PLACE).where(*conditions).order_by(*place).limit(limit)


def _in_time(wanted: RunFilter, before: Place | None) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if before is not None:
        place = sa.tuple_(sa.literal(before.created_at), sa.literal(before.run_id))
        conditions.append(sa.tuple_(*_PLACE) < place)
    if wanted.since is not None:
        conditions.append(RUNS.c.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(RUNS.c.created_at < wanted.until)
    return conditions


def _of_job(wanted: RunFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [RUNS.c.job_id == wanted.job_id]
    if wanted.run_id is not None:
        conditions.append(RUNS.c.run_id == wanted.run_id)
    if wanted.statuses:
        # An expression instead of the column, so that no planner leaves the job's index for that of states.
        conditions.append(RUNS.c.status.concat("").in_(_texts(wanted)))
    return conditions


def _texts(wanted: RunFilter) -> list[str]:
    return sorted(status.value for status in wanted.statuses)


def _newest(conditions: Sequence[sa.ColumnElement[bool]], limit: int) -> sa.Select[Any]:
    return sa.select(*_PLACE).where(*conditions).order_by(*NEWEST_FIRST).limit(limit)


def _newest_of_each(
    alternatives: Sequence[Sequence[sa.ColumnElement[bool]]], limit: int
) -> sa.Select[Any]:
    """The newest of what meets one of the alternatives: each of them is a walk along an index, which their union is not."""
    walks = [sa.select(_newest(one, limit).subquery()) for one in alternatives]
    together = sa.union_all(*walks).subquery()
    newest_first = (together.c.created_at.desc(), together.c.run_id.desc())
    return sa.select(together).order_by(*newest_first).limit(limit)
