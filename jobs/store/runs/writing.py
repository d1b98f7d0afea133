"""What changes a run, in a transaction that somebody else holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, Run
from jobs.store.runs.moments import not_before
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import NODE_STATES, RUN_LOGS, RUNS


def set_run(
    connection: Connection,
    tenant_id: str,
    run_id: str,
    status: RunStatus,
    values: dict[str, Any],
    *conditions: sa.ColumnElement[bool],
) -> bool:
    """Changes the run if it has this status and meets the conditions. Returns whether it did."""
    update = sa.update(RUNS).where(
        RUNS.c.tenant_id == tenant_id,
        RUNS.c.run_id == run_id,
        RUNS.c.status == status.value,
        *conditions,
    )
    return connection.execute(update.values(**values)).rowcount == 1


def set_own_run(
    connection: Connection, run: Run, runner: ProcessIdentity, values: dict[str, Any]
) -> bool:
    """Changes a running run while it belongs to this runner. Returns whether it did."""
    own = RUNS.c.runner == str(runner)
    return set_run(connection, run.tenant_id, run.run_id, RunStatus.RUNNING, values, own)


def make_move(connection: Connection, tenant_id: str, run_id: str, move: Move) -> bool:
    """Changes the run's status with what is written with it. False when the run is not where the move begins."""
    values: dict[str, Any] = {
        "status": move.to.value,
        "reason": move.reason,
        "exit_code": move.exit_code,
    }
    if move.to.is_end:
        values["ended_at"] = not_before(sa.func.coalesce(RUNS.c.started_at, RUNS.c.created_at))
    if move.kept is not None:
        values |= {"kept": move.kept.to_json(), "kept_bytes": move.kept.size}
    owner = [] if move.runner is None else [RUNS.c.runner == str(move.runner)]
    if not set_run(connection, tenant_id, run_id, move.frm, values, *owner):
        return False
    put_nodes(connection, run_id, move.nodes)
    if move.log is not None:
        row = {"run_id": run_id, "size": move.log.size, "tail": move.log.tail}
        connection.execute(sa.insert(RUN_LOGS).values(**row))
    return True


def put_nodes(connection: Connection, run_id: str, nodes: Iterable[NodeState]) -> None:
    """Writes nodes' last states."""
    for node in nodes:
        key = {"run_id": run_id, "node_id": node.progress.node_id}
        payload = node.payload.decode()
        place = sa.and_(NODE_STATES.c.run_id == run_id, NODE_STATES.c.node_id == key["node_id"])
        update = sa.update(NODE_STATES).where(place).values(payload=payload)
        if connection.execute(update).rowcount == 0:
            connection.execute(sa.insert(NODE_STATES).values(**key, payload=payload))


def delete_runs(connection: Connection, condition: sa.ColumnElement[bool]) -> None:
    """Deletes runs with all that belongs to them."""
    runs = sa.select(RUNS.c.run_id).where(condition)
    for table in (NODE_STATES, RUN_LOGS):
        connection.execute(sa.delete(table).where(table.c.run_id.in_(runs)))
    connection.execute(sa.delete(RUNS).where(condition))
