"""Records, in the transaction that ends a run, that its webhooks are to be told: nothing is lost, and nothing told twice."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from jobs.store.connections.clock import now_of
from jobs.store.runs.node_states import kept_states
from jobs.store.runs.run_states import EndKind, RunStatus
from jobs.store.tables import NODE_STATES, RUNS, WEBHOOK_DELIVERIES, WEBHOOKS
from jobs.store.webhooks.records import DeliveryStatus, Told
from progress_lib import Status

MOST_NODES = 20  # failed nodes that a message names; a reader needs the first
_NUMBERS = ("rows_in", "rows_out", "rows_rejected")
_READ = [
    RUNS.c[name]
    for name in (
        *("run_id", "tenant_id", "job_id", "job_name", "status", "reason", "exit_code"),
        *(
            "created_at",
            "started_at",
            "ended_at",
            "attempt",
            "attempts",
            "retry_of",
            "runner_tag",
            *_NUMBERS,
        ),
    )
]


def note_end(connection: Connection, run_id: str, kind: EndKind, *, is_retried: bool) -> None:
    """Records a delivery for each webhook that wants to know of this run, which has just ended."""
    wanting = _wanting(connection, run_id)
    if not wanting:
        return
    run = connection.execute(sa.select(*_READ).where(RUNS.c.run_id == run_id)).mappings().one()
    names = _names_of(connection, run, is_retried)
    for webhook_id, ends in wanting:
        told = next((name for name in names if name in ends.split()), None)
        if told is not None:
            document = _document(connection, run, kind, told, names)
            add_delivery(
                connection, webhook_id, f"run.{told}", document, run["job_id"], run["run_id"]
            )


def add_delivery(
    connection: Connection,
    webhook_id: str,
    event: str,
    document: dict[str, Any],
    job_id: int | None = None,
    run_id: str | None = None,
) -> str:
    """Records a delivery that is due at once; returns its id."""
    now = now_of(connection)
    delivery_id = uuid.uuid4().hex
    values = {
        "delivery_id": delivery_id,
        "webhook_id": webhook_id,
        "event": event,
        "job_id": job_id,
        "run_id": run_id,
        "document": json.dumps({"type": event, **document}),
        "status": DeliveryStatus.WAITING.value,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
    }
    connection.execute(sa.insert(WEBHOOK_DELIVERIES).values(**values))
    return delivery_id


def moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 has it, in UTC."""
    if seconds is None:
        return None
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.replace("+00:00", "Z")


def _wanting(connection: Connection, run_id: str) -> list[tuple[str, str]]:
    """The webhooks of the run's tenant and job. Locked as by a foreign key: none is deleted before this transaction ends."""
    query = (
        sa.select(WEBHOOKS.c.webhook_id, WEBHOOKS.c.ends)
        .join(RUNS, RUNS.c.tenant_id == WEBHOOKS.c.tenant_id)
        .where(
            RUNS.c.run_id == run_id,
            WEBHOOKS.c.disabled_at.is_(None),
            sa.or_(WEBHOOKS.c.job_id.is_(None), WEBHOOKS.c.job_id == RUNS.c.job_id),
        )
        .order_by(WEBHOOKS.c.webhook_id)  # as all who lock them do
        .with_for_update(read=True, key_share=True, of=WEBHOOKS)
    )
    return [(row.webhook_id, row.ends) for row in connection.execute(query)]


def _names_of(connection: Connection, run: RowMapping, is_retried: bool) -> list[str]:
    """What the end may be called; a webhook is told the first of them that it wants."""
    if run["status"] == RunStatus.FAILED and is_retried:
        return [Told.RETRYING.value]
    if run["status"] == RunStatus.COMPLETED and _last_was_bad(connection, run):
        return [Told.RECOVERED.value, Told.COMPLETED.value]
    return [Told(run["status"]).value]


def _last_was_bad(connection: Connection, run: RowMapping) -> bool:
    """Whether the job's last end that was told as good or bad was a bad one: neither a cancel, nor a failure that was retried."""
    later = RUNS.alias("later")
    was_retried = sa.exists().where(
        later.c.tenant_id == run["tenant_id"],
        later.c.job_id == run["job_id"],
        later.c.created_at >= RUNS.c.created_at,
        later.c.retry_of == RUNS.c.run_id,
    )
    counts = [RunStatus.COMPLETED.value, RunStatus.FAILED.value, RunStatus.LOST.value]
    query = sa.select(RUNS.c.status).where(
        RUNS.c.tenant_id == run["tenant_id"],
        RUNS.c.job_id == run["job_id"],
        RUNS.c.created_at <= run["created_at"],
        RUNS.c.run_id != run["run_id"],
        RUNS.c.status.concat("").in_(counts),  # an expression, so that the job's index is taken
        ~was_retried,
    )
    last = connection.execute(query.order_by(RUNS.c.created_at.desc()).limit(1)).scalar()
    return last in (RunStatus.FAILED, RunStatus.LOST)


def _document(
    connection: Connection, run: RowMapping, kind: EndKind, told: str, names: list[str]
) -> dict[str, Any]:
    """What a receiver gets. No text of the program is in it, since a reason, or a node's message, may quote a row."""
    status = RunStatus(run["status"])
    data = {
        "runId": run["run_id"],
        "jobId": run["job_id"],
        "jobName": run["job_name"],
        "status": status.value,
        "recovered": Told.RECOVERED.value in names,
        "willRetry": told == Told.RETRYING,
        "kind": kind.value,
        "exitCode": run["exit_code"],
        "failedNodes": [] if status is RunStatus.COMPLETED else _failed_nodes(connection, run),
        "rows": dict(zip(("in", "out", "rejected"), (run[name] for name in _NUMBERS), strict=True)),
        "attempt": run["attempt"] or 1,
        "attempts": run["attempts"] or 1,
        "retryOf": run["retry_of"],
        "runnerTag": run["runner_tag"],
        "createdAt": moment(run["created_at"]),
        "startedAt": moment(run["started_at"]),
        "endedAt": moment(run["ended_at"]),
    }
    return {"timestamp": moment(run["ended_at"]), "data": data}


def _failed_nodes(connection: Connection, run: RowMapping) -> list[dict[str, Any]]:
    query = sa.select(NODE_STATES.c.payload).where(NODE_STATES.c.run_id == run["run_id"])
    payloads = connection.execute(query.order_by(NODE_STATES.c.node_id)).scalars()
    nodes = [state.progress for state in kept_states(payloads)]
    failed = [node for node in nodes if node.status is Status.FAILED]
    by_themselves = [node for node in failed if node.closed_by is None]
    told = (by_themselves or failed)[:MOST_NODES]
    return [{"nodeId": node.node_id, "nodeName": node.node_name} for node in told]
