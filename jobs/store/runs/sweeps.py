"""What runners look for in all tenants' runs and jobs: those that nobody keeps any more, and those that are old."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.store.connections.clock import NOW
from jobs.store.connections.database import InTransaction
from jobs.store.deleted import DeletedJob, drop_deleted, noted_deleted
from jobs.store.records import Run
from jobs.store.runs.reading import ACTIVE, run_from, select_runs
from jobs.store.runs.run_lists import NEWEST_FIRST
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.writing import delete_runs
from jobs.store.tables import RUNS


class Sweeps:
    """Of an installation, by its database. Any thread; raises StoreUnavailable."""

    def __init__(self, read: InTransaction, write: InTransaction) -> None:
        self._read = read
        self._write = write

    def all_running(self) -> list[Run]:
        query = select_runs().where(RUNS.c.status == RunStatus.RUNNING.value)
        return self._read(lambda c: [run_from(dict(row)) for row in c.execute(query).mappings()])

    def touch(self, run: Run) -> None:
        """Writes what the run's row holds. What keeps its runner from writing there, keeps this, too."""
        same = sa.update(RUNS).where(RUNS.c.run_id == run.run_id).values(beat=RUNS.c.beat)
        self._write(lambda connection: connection.execute(same))

    def ended_of(self, run_ids: Collection[str], ago: float = 0.0) -> set[str]:
        """Those of `run_ids` that are runs of ours that ended, at least `ago` seconds ago, whatever their tenant."""
        query = sa.select(RUNS.c.run_id).where(RUNS.c.run_id.in_(run_ids), ~ACTIVE)
        if ago:
            query = query.where(RUNS.c.ended_at <= NOW - ago)
        return set(self._read(lambda connection: connection.execute(query).scalars().all()))

    def kept_longer(self, seconds: float, limit: int) -> set[str]:
        """Runs of any machine that ended so long ago, and still have what they kept; at most `limit`."""
        has_kept = RUNS.c.kept_bytes.is_not(None) & RUNS.c.kept.is_not(None)
        old = sa.select(RUNS.c.run_id).where(has_kept, RUNS.c.ended_at <= NOW - seconds)
        query = old.limit(limit)
        return set(self._read(lambda connection: connection.execute(query).scalars().all()))

    def delete_older(self, seconds: float, limit: int) -> int:
        """Deletes runs that ended so long ago, the oldest first; how many it were, at most `limit`."""
        old = sa.select(RUNS.c.run_id).where(RUNS.c.ended_at < NOW - seconds)
        return self._delete_some(old.order_by(RUNS.c.ended_at).limit(limit))

    def delete_beyond(self, runs_per_job: int, limit: int) -> int:
        """Deletes runs of jobs that have more of them, the oldest first; how many it were, at most `limit`."""
        count = sa.func.count()
        of_each = (RUNS.c.tenant_id, RUNS.c.job_id)
        large = sa.select(*of_each).group_by(*of_each).having(count > runs_per_job).limit(1)
        job = self._read(lambda connection: connection.execute(large).first())
        if job is None:
            return 0
        # Which are beyond is asked in the transaction that deletes them: another runner may have deleted some meanwhile
        of_job = sa.and_(RUNS.c.tenant_id == job.tenant_id, RUNS.c.job_id == job.job_id)
        newest = sa.select(RUNS.c.created_at).where(of_job).order_by(*NEWEST_FIRST)
        last_kept = newest.limit(1).offset(runs_per_job - 1).scalar_subquery()
        beyond = sa.select(RUNS.c.run_id).where(
            of_job, RUNS.c.ended_at.is_not(None), RUNS.c.created_at < last_kept
        )
        return self._delete_some(beyond.order_by(RUNS.c.created_at).limit(limit))

    def known_runs(self, run_ids: Collection[str]) -> set[str]:
        """Those of the ids that are runs of any tenant."""
        query = sa.select(RUNS.c.run_id).where(RUNS.c.run_id.in_(run_ids))
        return self._read(lambda connection: set(connection.execute(query).scalars()))

    def deleted_jobs(self) -> list[DeletedJob]:
        """Deleted jobs whose history may not be deleted yet, some hundred at a time."""
        return self._read(noted_deleted)

    def drop_deleted_job(self, job_id: int) -> None:
        """Nothing of a deleted job is left."""
        self._write(lambda connection: drop_deleted(connection, job_id))

    def _delete_some(self, chosen: sa.Select[Any]) -> int:
        def delete(connection: Connection) -> int:
            run_ids = list(connection.execute(chosen).scalars())
            delete_runs(connection, RUNS.c.run_id.in_(run_ids))
            return len(run_ids)

        return self._write(delete)
