"""The runs that wait, of all tenants: whose turn it is, which wait for too long, which are to be put in the queue again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.clock import NOW, now_of
from jobs.store.connections.database import InTransaction
from jobs.store.records import Run, RunFilter, Turn, Waiting
from jobs.store.runs.reading import ACTIVE, IS_QUEUED, IS_RUNNING, run_from, select_runs
from jobs.store.runs.run_lists import turns_query
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.writing import set_run
from jobs.store.tables import RUNS
from jobs.store.webhooks.store import count_waiting

_IS_DUE = sa.func.coalesce(RUNS.c.due_at, 0.0) <= NOW  # of each but a retry whose time has not come


class QueuedRuns:
    """Of an installation, by its database. Any thread; raises StoreUnavailable."""

    def __init__(self, read: InTransaction, write: InTransaction, lock: InTransaction) -> None:
        """`lock`: a transaction that may lock rows, where the database has locks of rows."""
        self._read = read
        self._write = write
        self._lock = lock

    def position(self, run: Run) -> int | None:
        """How many queued runs come before this one: its tenant's earlier ones, and as many of each other tenant.

        Of those with its tag. Retries whose time has not come are not among its tenant's, and have no position.
        """
        of_tag = RUNS.c.runner_tag == run.runner_tag
        earlier = sa.select(sa.func.count()).where(
            RUNS.c.tenant_id == run.tenant_id,
            IS_QUEUED,
            of_tag,
            RUNS.c.created_at < run.created_at,
            _IS_DUE,
        )
        others = sa.select(sa.func.count()).where(
            RUNS.c.tenant_id != run.tenant_id, IS_QUEUED, of_tag
        )

        def read(connection: Connection) -> int | None:
            if run.waits_until(now_of(connection)) is not None:
                return None
            own = int(connection.execute(earlier).scalar_one())
            counts = connection.execute(others.group_by(RUNS.c.tenant_id)).scalars()
            return own + sum(min(count, own) for count in counts)

        return self._read(read)

    def in_turn(
        self, tenant_id: str, wanted: RunFilter, limit: int, behind: Turn | None = None
    ) -> list[tuple[Run, Turn]]:
        """The tenant's runs that wait and are wanted, in the order in which `first` takes them, all behind the place `behind`."""

        def read(connection: Connection) -> list[tuple[Run, Turn]]:
            listed_at = now_of(connection) if behind is None else behind.listed_at
            query = turns_query(tenant_id, wanted, limit, listed_at, behind)
            run_ids = [row.run_id for row in connection.execute(query)]
            found = connection.execute(select_runs().where(RUNS.c.run_id.in_(run_ids))).mappings()
            runs = {row["run_id"]: run_from(dict(row)) for row in found}
            return [(runs[one], Turn.of(runs[one], listed_at)) for one in run_ids]

        return self._read(read)

    def due(self, limit: int = 1000) -> list[Run]:
        """Retries whose time has come and that were not queued yet, the earliest first."""
        query = select_runs().where(
            RUNS.c.status == RunStatus.QUEUED.value,
            RUNS.c.due_at <= NOW,
            RUNS.c.queued_at == RUNS.c.due_at,
        )
        query = query.order_by(RUNS.c.due_at).limit(limit)
        return self._read(lambda c: [run_from(dict(row)) for row in c.execute(query).mappings()])

    def tenants(self, tag: str | None = None) -> dict[str, int]:
        """Tenants with a queued run of the tag → how many of theirs are at work. Some may only wait for a retry's time."""
        counted = sa.select(RUNS.c.tenant_id, RUNS.c.status, sa.func.count())
        counted = counted.where(ACTIVE, RUNS.c.runner_tag == tag)
        counted = counted.group_by(RUNS.c.tenant_id, RUNS.c.status)

        def read(connection: Connection) -> dict[str, int]:
            rows = [tuple(row) for row in connection.execute(counted)]
            at_work = {
                tenant: count for tenant, status, count in rows if status != RunStatus.QUEUED
            }
            return {
                tenant: at_work.get(tenant, 0)
                for tenant, status, _ in rows
                if status == RunStatus.QUEUED
            }

        return self._read(read)

    def first(self, tenant_id: str, claimed: str, age: float, tag: str | None = None) -> str | None:
        """The id of the tenant's run of the tag that has waited longest: for `age` seconds at least, but for the run `claimed`.

        Retries whose time has not come are left out, and runs whose row somebody holds: to start one would wait for that.
        """
        query = sa.select(RUNS.c.run_id).where(
            RUNS.c.tenant_id == tenant_id,
            IS_QUEUED,
            RUNS.c.runner_tag == tag,
            sa.or_(
                RUNS.c.run_id == claimed,
                RUNS.c.created_at <= NOW - age,
                RUNS.c.queued_at <= NOW - age,  # where the clock was set back since it was made
            ),
            _IS_DUE,
        )
        query = query.order_by(RUNS.c.created_at, RUNS.c.run_id).limit(1)
        query = query.with_for_update(
            skip_locked=True, key_share=True
        )  # nothing in SQLite, where nobody holds a row
        return self._lock(lambda connection: connection.execute(query).scalar())

    def not_since(self, seconds: float, tag: str | None = None, limit: int = 1000) -> list[Run]:
        """Queued runs of the tag that were not put in the queue for so long, oldest first."""
        is_old = RUNS.c.queued_at < NOW - seconds
        query = select_runs().where(IS_QUEUED, RUNS.c.runner_tag == tag, is_old)
        query = query.order_by(RUNS.c.created_at).limit(limit)
        return self._read(lambda c: [run_from(dict(row)) for row in c.execute(query).mappings()])

    def longer_than(self, seconds: float) -> list[Run]:
        query = select_runs().where(
            RUNS.c.status == RunStatus.QUEUED.value,
            sa.func.coalesce(RUNS.c.due_at, RUNS.c.created_at) < NOW - seconds,
        )
        return self._read(lambda c: [run_from(dict(row)) for row in c.execute(query).mappings()])

    def note_again(self, run: Run) -> bool:
        """Notes that the run was queued again. False when another process has noted that first."""
        values = {"queued_at": NOW}
        same = RUNS.c.queued_at == run.queued_at
        return self._write(
            lambda c: set_run(c, run.tenant_id, run.run_id, RunStatus.QUEUED, values, same)
        )

    def count_active(self, tag: str | None = None) -> int:
        """How many runs of the tag, of all tenants, are queued or running, without retries whose time has not come."""
        query = sa.select(sa.func.count()).select_from(RUNS)
        query = query.where(ACTIVE, RUNS.c.runner_tag == tag, RUNS.c.queued_at <= NOW)
        return self._read(lambda c: int(c.execute(query).scalar_one()))

    def all_waiting(self) -> Waiting:
        """What all tenants wait for; retries whose time has not come are not among it."""
        begun = sa.func.coalesce(RUNS.c.due_at, RUNS.c.created_at)

        def read(connection: Connection) -> Waiting:
            of_all = sa.select(sa.func.count(), NOW - sa.func.min(begun))
            queued, longest = connection.execute(of_all.where(IS_QUEUED, _IS_DUE)).one()
            running, _ = connection.execute(of_all.where(IS_RUNNING)).one()
            return Waiting(queued, running, max(longest or 0.0, 0.0), count_waiting(connection))

        return self._read(read)
