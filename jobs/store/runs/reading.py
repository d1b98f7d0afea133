"""What is read of runs, in a transaction that somebody else holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from jobs.store.not_found import may_be_job, no_run
from jobs.store.records import Rows, Run, Work
from jobs.store.runs.node_states import NodeState, kept_states
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import NODE_STATES, RUNS

ACTIVE = RUNS.c.status.in_(["queued", "running"])

IS_QUEUED = RUNS.c.status == RunStatus.QUEUED.value

IS_RUNNING = RUNS.c.status == RunStatus.RUNNING.value

_RUN_COLUMNS = [
    c
    for c in RUNS.c
    if c.name
    not in ("graph", "program", "idempotency_key", "request_hash", "kept", "kept_bytes", "again")
]


def select_runs() -> sa.Select[Any]:
    """The columns of a Run, and no large ones."""
    return sa.select(*_RUN_COLUMNS)


def maybe_run(row: RowMapping | None) -> Run | None:
    """A run of a row of `select_runs`, if there is one."""
    return None if row is None else run_from(dict(row))


def run_from(row: dict[str, Any]) -> Run:
    """A run of a row of `select_runs`."""
    known = {name: value for name, value in row.items() if name != "program_start"}
    parameters = json.loads(row["parameters"] or "{}")
    attempts = {name: row[name] or 1 for name in ("attempt", "attempts")}
    told = {"status": RunStatus(row["status"]), "parameters": parameters, **attempts}
    return Run(**{**known, **told})


def run_of(connection: Connection, tenant_id: str, run_id: str) -> Run:
    """The tenant's run. Raises NotFound."""
    query = select_runs().where(RUNS.c.tenant_id == tenant_id, RUNS.c.run_id == run_id)
    run = maybe_run(connection.execute(query).mappings().first())
    if run is None:
        raise no_run(run_id)
    return run


def nodes_of(connection: Connection, run_id: str) -> list[NodeState]:
    """The last states of a run's nodes, by their ids."""
    query = sa.select(NODE_STATES.c.payload).where(NODE_STATES.c.run_id == run_id)
    payloads = connection.execute(query.order_by(NODE_STATES.c.node_id)).scalars()
    return list(kept_states(payloads))


def active_run(connection: Connection, job_id: int) -> str | None:
    """The id of the run of the job that has not ended."""
    if not may_be_job(job_id):
        return None
    query = sa.select(RUNS.c.run_id).where(RUNS.c.job_id == job_id, ACTIVE)
    run_id: str | None = connection.execute(query).scalar()
    return run_id


def count_runs(connection: Connection, tenant_id: str, status: RunStatus) -> int:
    """How many runs of the tenant have this status."""
    query = sa.select(sa.func.count()).where(
        RUNS.c.tenant_id == tenant_id, RUNS.c.status == status.value
    )
    return int(connection.execute(query).scalar_one())


def read_work(
    connection: Connection, tenant_id: str, run_ids: Sequence[str], work: dict[str, Work]
) -> int:
    """Adds the work of these runs to `work`. Returns how many characters were read."""
    graphs = sa.select(RUNS.c.run_id, RUNS.c.graph).where(
        # An expression instead of the column: SQLite took an index of all runs of the tenant for it.
        RUNS.c.tenant_id.concat("") == tenant_id,
        RUNS.c.run_id.in_(run_ids),
    )
    states = sa.select(NODE_STATES.c.run_id, NODE_STATES.c.payload).where(
        NODE_STATES.c.run_id.in_(run_ids)
    )
    characters = 0
    for run_id, graph in connection.execute(graphs):
        characters += len(graph)
        work[run_id] = Work.of(json.loads(graph), [])
    for run_id, payload in connection.execute(states):
        characters += len(payload)
        if run_id in work:
            work[run_id].nodes.extend(kept_states([payload]))
    return characters


def note_rows(connection: Connection, tenant_id: str, run_id: str) -> Rows:
    """Notes what the run has read, written and rejected, and returns it: lists then need not read its graph."""
    work: dict[str, Work] = {}
    read_work(connection, tenant_id, [run_id], work)
    rows = work[run_id].rows()
    update = sa.update(RUNS).where(RUNS.c.run_id == run_id)
    values = {"rows_in": rows.read, "rows_out": rows.written, "rows_rejected": rows.rejected}
    connection.execute(update.values(values))
    return rows
