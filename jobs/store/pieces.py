"""Pieces of transactions: what several of the store's calls do on a connection that they hold."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from jobs.graph.documents.again import Again
from jobs.store.connections.clock import NOW
from jobs.store.errors import AlreadyRunning, IdempotencyMismatch, JobChanged, TooManyQueued
from jobs.store.not_found import NotFound, may_be_job, no_job, no_run
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Job, Move, NewRun, Rows, Run, Work
from jobs.store.runs.node_states import NodeState, kept_states
from jobs.store.runs.run_states import RunStatus
from jobs.store.tables import JOBS, NODE_STATES, RUN_LOGS, RUNS

ACTIVE = RUNS.c.status.in_(["queued", "running"])
IS_QUEUED = RUNS.c.status == RunStatus.QUEUED.value
IS_RUNNING = RUNS.c.status == RunStatus.RUNNING.value
_RUN_COLUMNS = [
    c
    for c in RUNS.c
    if c.name
    not in ("graph", "program", "idempotency_key", "request_hash", "kept", "kept_bytes", "again")
]
LEAST_STEP = 1e-6  # seconds between two runs of a job, as far as doubles tell times of today apart
_JOB_COLUMNS = [c for c in JOBS.c if c.name not in ("idempotency_key", "request_hash")]
Made = TypeVar("Made")
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


def run_of_key(
    connection: Connection, tenant_id: str, key: str | None, request_hash: str
) -> Run | None:
    """The run of an earlier request with this idempotency key. Raises IdempotencyMismatch where that was another request."""
    return made_by_key(connection, RUNS.c.run_id, run_of, tenant_id, key, request_hash)


def job_of_key(
    connection: Connection, tenant_id: str, key: str | None, request_hash: str
) -> Job | None:
    """As `run_of_key`, the job of an earlier request; as it is now."""
    return made_by_key(connection, JOBS.c.job_id, job_of, tenant_id, key, request_hash)


def made_by_key(
    connection: Connection,
    ids: sa.Column[Any],
    read: Callable[[Connection, str, Any], Made],
    tenant_id: str,
    key: str | None,
    request_hash: str,
) -> Made | None:
    """What an earlier request with this key made, read by its one of `ids`; None: nothing. Raises IdempotencyMismatch."""
    if key is None:
        return None
    made = ids.table.c
    query = sa.select(ids, made.request_hash)
    query = query.where(made.tenant_id == tenant_id, made.idempotency_key == key)
    row = connection.execute(query).first()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise IdempotencyMismatch("this Idempotency-Key was used before, for another request")
    try:
        return read(connection, tenant_id, row[0])
    except NotFound:  # deleted meanwhile, and its key with it
        return None


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


def set_own_run(
    connection: Connection, run: Run, runner: ProcessIdentity, values: dict[str, Any]
) -> bool:
    """Changes a running run while it belongs to this runner. Returns whether it did."""
    own = RUNS.c.runner == str(runner)
    return set_run(connection, run.tenant_id, run.run_id, RunStatus.RUNNING, values, own)


def put_nodes(connection: Connection, run_id: str, nodes: Iterable[NodeState]) -> None:
    """Writes nodes' last states."""
    for node in nodes:
        key = {"run_id": run_id, "node_id": node.progress.node_id}
        payload = node.payload.decode()
        place = sa.and_(NODE_STATES.c.run_id == run_id, NODE_STATES.c.node_id == key["node_id"])
        update = sa.update(NODE_STATES).where(place).values(payload=payload)
        if connection.execute(update).rowcount == 0:
            connection.execute(sa.insert(NODE_STATES).values(**key, payload=payload))


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


def later_than(moment: float | None, now: float) -> float:
    """`now`; or just after `moment`, which another clock told, or this one before it was set back."""
    return now if moment is None or now > moment else moment + LEAST_STEP


def not_before(moment: sa.ColumnElement[float]) -> sa.ColumnElement[float]:
    """Now; or `moment`, where that lies ahead: as `later_than`."""
    return sa.case((moment > NOW, moment), else_=NOW)


def delete_runs(connection: Connection, condition: sa.ColumnElement[bool]) -> None:
    """Deletes runs with all that belongs to them."""
    runs = sa.select(RUNS.c.run_id).where(condition)
    for table in (NODE_STATES, RUN_LOGS):
        connection.execute(sa.delete(table).where(table.c.run_id.in_(runs)))
    connection.execute(sa.delete(RUNS).where(condition))


def select_runs() -> sa.Select[Any]:
    """The columns of a Run, and no large ones."""
    return sa.select(*_RUN_COLUMNS)


def job_from(row: RowMapping) -> Job:
    """A job of a row of _JOB_COLUMNS."""
    return Job(**{**row, "graph": json.loads(row["graph"])})


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
