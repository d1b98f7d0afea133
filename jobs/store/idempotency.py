"""What an earlier request with the same Idempotency-Key made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.errors import IdempotencyMismatch
from jobs.store.job_rows import job_of
from jobs.store.not_found import NotFound
from jobs.store.records import Job, Run
from jobs.store.runs.reading import run_of
from jobs.store.tables import JOBS, RUNS

Made = TypeVar("Made")


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
