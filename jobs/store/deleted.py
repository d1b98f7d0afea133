"""Jobs that were deleted, noted in their transaction until what NATS keeps of them is gone, too."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.clock import NOW, now_of
from jobs.store.tables import INSTALLATION

MOST_READ = 500  # at once: each costs two questions to NATS
_NAMED = "deleted job "  # and the number; its value: when, and whose it was


class DeletedJob(NamedTuple):
    """`age`: seconds since it was deleted."""

    tenant_id: str
    job_id: int
    age: float


def note_deleted(connection: Connection, tenant_id: str, job_id: int) -> None:
    """The number is never used again, so it is noted once."""
    values = {"name": f"{_NAMED}{job_id}", "value": f"{now_of(connection):.0f} {tenant_id}"}
    connection.execute(sa.insert(INSTALLATION).values(**values))


def noted_deleted(connection: Connection) -> list[DeletedJob]:
    """Some of them, where there are many."""
    query = sa.select(INSTALLATION.c.name, INSTALLATION.c.value, NOW)
    query = query.where(INSTALLATION.c.name.startswith(_NAMED)).limit(MOST_READ)
    return [_parsed(*row) for row in connection.execute(query)]


def drop_deleted(connection: Connection, job_id: int) -> None:
    connection.execute(sa.delete(INSTALLATION).where(INSTALLATION.c.name == f"{_NAMED}{job_id}"))


def _parsed(name: str, value: str, now: float) -> DeletedJob:
    at, tenant_id = value.split(" ", 1)
    return DeletedJob(tenant_id, int(name.removeprefix(_NAMED)), now - float(at))
