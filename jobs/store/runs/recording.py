"""A new run: why a job cannot have one now, and its row."""

from __future__ import annotations

import json
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.graph.documents.again import Again
from jobs.store.errors import AlreadyRunning, TooManyQueued
from jobs.store.records import NewRun
from jobs.store.runs.moments import later_than
from jobs.store.runs.reading import active_run, count_runs
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import RUNS


def why_refused(
    connection: Connection, tenant_id: str, job_id: int, most_queued: int | None
) -> AlreadyRunning | TooManyQueued | None:
    """Why a job cannot run now.

    Asked before the run of a key is looked up: on PostgreSQL another transaction may commit in between, and what
    it recorded, of the same key perhaps, is then found there.
    """
    active = active_run(connection, job_id)
    if active is not None:
        return AlreadyRunning(job_id, active)
    if (
        most_queued is not None
        and count_runs(connection, tenant_id, RunStatus.QUEUED) >= most_queued
    ):
        return TooManyQueued(
            f"{most_queued} runs of this tenant are queued already, which is all that may wait; "
            "come back when some have started"
        )
    return None


def insert_run(
    connection: Connection,
    tenant_id: str,
    job_name: str,
    new: NewRun,
    newest: float | None,
    now: float,
) -> str:
    """A queued run; returns its id. `newest`: when the job's newest run was made; both in Unix seconds."""
    run_id = uuid.uuid4().hex
    values = {
        "run_id": run_id,
        "tenant_id": tenant_id,
        "job_id": new.job_id,
        "job_name": job_name,
        "status": RunStatus.QUEUED.value,
        "graph": json.dumps(new.graph),
        "program": new.program,
        "idempotency_key": new.idempotency_key,
        "request_hash": new.request_hash,
        "created_at": later_than(newest, now),
        "queued_at": now,
        "beat": 0,
        "parameters": json.dumps(dict(new.parameters)) if new.parameters else None,
        "attempt": 1,
        "attempts": new.attempts,
        "started_by": new.started_by,
        "runner_tag": new.runner_tag,
        "traceparent": new.traceparent,
        **_begun_from(new.again),
    }
    connection.execute(sa.insert(RUNS).values(**values))
    return run_id


def _begun_from(again: Again | None) -> dict[str, Any]:
    """The columns of a run that begins with what another kept."""
    if again is None:
        return {}
    return {"from_run": again.run_id, "from_node": again.node_id, "again": again.to_json()}
