"""The retry of a run that failed: a new run, which is due after a wait."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.clock import NOW
from jobs.store.runs.moments import later_than
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import RUNS


def record_retry(connection: Connection, run_id: str, wait: float) -> bool:
    """A run like that one, with its graph, program and values. False when somebody had asked for that one's cancel."""
    copied = (
        *("tenant_id", "job_id", "job_name", "graph", "program", "parameters", "attempts"),
        *("started_by", "runner_tag", "traceparent", "from_run", "from_node", "again"),
    )
    query = sa.select(
        *(RUNS.c[name] for name in copied),
        *(RUNS.c.attempt, RUNS.c.cancel_requested_at, RUNS.c.created_at, NOW.label("now")),
    )
    row = connection.execute(query.where(RUNS.c.run_id == run_id)).mappings().one()
    if row["cancel_requested_at"] is not None:
        return False
    now = row["now"]
    values = {
        **{name: row[name] for name in copied},
        "run_id": uuid.uuid4().hex,
        "status": RunStatus.QUEUED.value,
        "request_hash": "",
        "created_at": later_than(row["created_at"], now),
        "queued_at": now + wait,
        "due_at": now + wait,
        "retry_of": run_id,
        "attempt": row["attempt"] + 1,
        "beat": 0,
    }
    connection.execute(sa.insert(RUNS).values(**values))
    return True
