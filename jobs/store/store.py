"""Jobs, runs and node states in the database, which holds the truth about each run.

Each call is one transaction, and any thread may make it. What belongs to another tenant is not
found. Calls raise StoreUnavailable when the database does not answer.
"""

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from jobs.graph.again import Again
from jobs.store.database import (
    Database,
    StoreUnavailable,
    check_takes_writes,
    size_on_disk,
)
from jobs.store.installation import Installation
from jobs.store.job_lists import jobs_of_page
from jobs.store.kept import Kept
from jobs.store.native_thread import off_the_loop
from jobs.store.node_states import NodeState
from jobs.store.not_found import MAX_JOB_ID, NotFound
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import (
    Job,
    JobEntry,
    JobFilter,
    LogEnd,
    NewRun,
    Place,
    Recorded,
    Rows,
    Run,
    RunFilter,
    Started,
    Waiting,
    Work,
)
from jobs.store.run_lists import NEWEST_FIRST, runs_of_page
from jobs.store.run_states import ENDS_TOLD, RunStatus, check_move, kind_of_reason
from jobs.store.runners import Runners
from jobs.store.tables import JOBS, NODE_STATES, RUN_LOGS, RUNS, WEBHOOKS
from jobs.store.webhooks.ends import note_end
from jobs.store.webhooks.store import Webhooks, count_waiting, delete_webhooks
from metrics.families import DATABASE_ERRORS, ROWS, RUN_START, RUNS_ENDED
from settings.groups import DatabaseLimits

__all__ = [
    "MAX_JOB_ID",
    "AlreadyRunning",
    "IdempotencyMismatch",
    "JobChanged",
    "NotFound",
    "RunNotEnded",
    "Store",
    "StoreUnavailable",
    "TooManyQueued",
]

T = TypeVar("T")
OnlyIf = Callable[[Job], bool]
"""Whether a job is in the state that a request is about."""

_ATTEMPTS = 5  # to record a run while other requests record the same one
_IS_QUEUED = RUNS.c.status == RunStatus.QUEUED.value
_IS_RUNNING = RUNS.c.status == RunStatus.RUNNING.value
_ACTIVE = RUNS.c.status.in_(["queued", "running"])
ALL_JOBS, ALL_RUNS = JobFilter(), RunFilter()
# Characters of graphs and node states that one list of runs may read; that takes half a second
MOST_WORK = 32_000_000
LEAST_STEP = 1e-6  # seconds between two runs of a job, as far as doubles tell times of today apart
RUNS_AT_ONCE = 10  # runs of a list whose work is read with one query
_RUN_COLUMNS = [
    c
    for c in RUNS.c
    if c.name
    not in ("graph", "program", "idempotency_key", "request_hash", "kept", "kept_bytes", "again")
]


class AlreadyRunning(Exception):
    """The job has a run that has not ended, so no other may begin."""

    def __init__(self, job_id: int, run_id: str) -> None:
        super().__init__(f"job {job_id} is already running: run {run_id} has not ended")
        self.job_id = job_id
        self.run_id = run_id


class RunNotEnded(Exception):
    """The run has not ended, so it cannot be deleted."""


class JobChanged(Exception):
    """The job has changed since the caller read it."""


class TooManyQueued(Exception):
    """The tenant has as many queued runs as it may have."""


class IdempotencyMismatch(Exception):
    """The key was used before, for another request."""


class Store:
    """The database of jobs and runs. Without `limits` it waits for PostgreSQL for as long as that takes."""

    def __init__(self, database_url: str, limits: DatabaseLimits | None = None) -> None:
        self._database = Database(database_url, limits)
        self.installation = Installation(self._database)
        self.webhooks = Webhooks(self._read, self._write)
        self.runners = Runners(self._read, self._write)
        for (
            end,
            kind,
        ) in ENDS_TOLD:  # at 0: Prometheus sees no increase in a series that begins with 1
            RUNS_ENDED.labels(end.value, kind)

    def open(self) -> None:
        """Connects, and makes or changes the tables where needed; harmless when repeated. Raises SchemaUnusable."""
        off_the_loop(self._database.open)
        off_the_loop(self.installation.open)

    def close(self) -> None:
        off_the_loop(self._database.close)

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer, or takes no writes."""
        self._read(check_takes_writes)

    def size(self) -> int:
        """Bytes that the database takes on disk."""
        return self._read(size_on_disk)

    # ---- jobs

    def create_job(self, tenant_id: str, name: str, graph: dict[str, Any]) -> Job:
        now = time.time()
        values = {"tenant_id": tenant_id, "name": name, "graph": json.dumps(graph)}

        def create(connection: Connection) -> int:
            row = sa.insert(JOBS).values(**values, created_at=now, updated_at=now)
            return int(connection.execute(row.returning(JOBS.c.job_id)).scalar_one())

        return Job(tenant_id, self._write(create), name, graph, now, now)

    def jobs(
        self,
        tenant_id: str,
        wanted: JobFilter = ALL_JOBS,
        limit: int = 50,
        before: int | None = None,
        runs: int = 1,
    ) -> list[JobEntry]:
        """The tenant's newest jobs that are wanted, all older than the job `before`, each with its last `runs` runs."""
        return self._read(lambda c: jobs_of_page(c, tenant_id, wanted, limit, before, runs))

    def job(self, tenant_id: str, job_id: int) -> Job:
        """The tenant's job. Raises NotFound."""
        return self._read(lambda connection: _job_of(connection, tenant_id, job_id))

    def job_name(self, tenant_id: str, job_id: int) -> str:
        """Raises NotFound."""
        return self._read(lambda connection: _name_of_job(connection, tenant_id, job_id))

    def update_job(
        self,
        tenant_id: str,
        job_id: int,
        name: str,
        graph: dict[str, Any],
        only_if: OnlyIf | None = None,
    ) -> Job:
        """Replaces name and graph; runs keep the name and graph they were started with.

        Raises NotFound, or JobChanged when `only_if` is false of the stored job.
        """
        values = {"name": name, "graph": json.dumps(graph), "updated_at": time.time()}

        def update(connection: Connection) -> Job:
            _check(only_if, _job_of(connection, tenant_id, job_id, for_update=True))
            connection.execute(sa.update(JOBS).where(JOBS.c.job_id == job_id).values(**values))
            return _job_of(connection, tenant_id, job_id)

        return self._write(update)

    def delete_job(self, tenant_id: str, job_id: int, only_if: OnlyIf | None = None) -> list[str]:
        """Deletes a job, its runs and its webhooks; returns the ids of the runs.

        Raises NotFound, AlreadyRunning, or JobChanged when `only_if` is false of the stored job.
        """

        def delete(connection: Connection) -> list[str]:
            _check(only_if, _job_of(connection, tenant_id, job_id, for_update=True))
            active = _active_run(connection, job_id)
            if active is not None:
                raise AlreadyRunning(job_id, active)
            of_job = RUNS.c.job_id == job_id
            run_ids = list(connection.execute(sa.select(RUNS.c.run_id).where(of_job)).scalars())
            _delete_runs(connection, of_job)
            delete_webhooks(connection, WEBHOOKS.c.job_id == job_id)
            connection.execute(sa.delete(JOBS).where(JOBS.c.job_id == job_id))
            return run_ids

        return self._again_on_collision(delete)

    def delete_run(self, tenant_id: str, run_id: str) -> None:
        """Deletes a run that has ended. Raises NotFound or RunNotEnded."""

        def delete(connection: Connection) -> None:
            if not _run_of(connection, tenant_id, run_id).has_ended:  # an end never changes
                raise RunNotEnded(f"run {run_id} has not ended: cancel it first")
            _delete_runs(connection, RUNS.c.run_id == run_id)

        self._write(delete)

    # ---- recording and reading runs

    def record_run(
        self,
        tenant_id: str,
        new: NewRun,
        most_queued: int | None = None,
        only_if: OnlyIf | None = None,
    ) -> Recorded:
        """Records a queued run. Two calls at the same time record one run.

        A call with the idempotency key and request hash of an earlier call returns that call's run.
        Raises NotFound, AlreadyRunning, TooManyQueued, IdempotencyMismatch, or JobChanged when `only_if` is false of the job.
        """

        def record(connection: Connection) -> Recorded:
            job_name = _name_of_job(connection, tenant_id, new.job_id)
            refusal = _refusal(connection, tenant_id, new.job_id, most_queued)
            before = _run_of_key(connection, tenant_id, new.idempotency_key, new.request_hash)
            if before is not None:
                return Recorded(before, is_new=False)
            if only_if is not None:
                _check(only_if, _job_of(connection, tenant_id, new.job_id, for_update=True))
            if refusal is not None:
                raise refusal
            now = _later_than(_newest_of_job(connection, tenant_id, new.job_id))
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
                "created_at": now,
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
            return Recorded(_run_of(connection, tenant_id, run_id), is_new=True)

        return self._again_on_collision(record)

    def to_execute(
        self,
        tenant_id: str,
        job_id: int,
        key: str | None,
        request_hash: str,
        only_if: OnlyIf | None = None,
    ) -> Job | Run:
        """The job to execute, or the run of an earlier execute with this idempotency key.

        Raises NotFound, IdempotencyMismatch, JobChanged, AlreadyRunning.
        """

        def read(connection: Connection) -> Job | Run:
            refusal = _refusal(connection, tenant_id, job_id, None)
            before = _run_of_key(connection, tenant_id, key, request_hash)
            if before is not None:
                return before
            job = _job_of(connection, tenant_id, job_id)
            _check(only_if, job)
            if refusal is not None:
                raise refusal
            return job

        return self._read(read)

    def active_counts(self, tenant_id: str) -> tuple[int, int]:
        """How many runs of the tenant are queued, and how many are running."""
        queued, running = RunStatus.QUEUED, RunStatus.RUNNING
        return self._read(lambda c: (_count(c, tenant_id, queued), _count(c, tenant_id, running)))

    def last_run(self, tenant_id: str, job_id: int) -> Run | None:
        """The job's newest run; None when it never ran, or the tenant has no such job."""
        query = _runs().where(RUNS.c.tenant_id == tenant_id, RUNS.c.job_id == job_id)
        query = query.order_by(*NEWEST_FIRST).limit(1)
        return self._read(lambda c: _maybe_run(c.execute(query).mappings().first()))

    def run(self, tenant_id: str, run_id: str) -> Run:
        """The tenant's run. Raises NotFound."""
        return self._read(lambda connection: _run_of(connection, tenant_id, run_id))

    def run_with_nodes(self, tenant_id: str, run_id: str) -> tuple[Run, list[NodeState]]:
        """A run and its nodes' last states, read in one transaction. Raises NotFound."""

        def read(connection: Connection) -> tuple[Run, list[NodeState]]:
            return _run_of(connection, tenant_id, run_id), _nodes_of(connection, run_id)

        return self._read(read)

    def runs(
        self,
        tenant_id: str,
        wanted: RunFilter = ALL_RUNS,
        limit: int = 50,
        before: Place | None = None,
    ) -> list[Run]:
        """The tenant's newest runs that are wanted, all older than the run at `before`."""

        def read(connection: Connection) -> list[Run]:
            run_ids = runs_of_page(connection, tenant_id, wanted, limit, before)
            query = _runs().where(RUNS.c.run_id.in_(run_ids)).order_by(*NEWEST_FIRST)
            return [_run(dict(row)) for row in connection.execute(query).mappings()]

        return self._read(read)

    def rows_of_runs(self, tenant_id: str, runs: Sequence[Run]) -> dict[str, Rows]:
        """Run id → the rows that its graph has read, written and rejected.

        Of a run that is active, or of an earlier release, they are found from its graph and its nodes, until MOST_WORK is
        read: those after that are left out, and so are runs that do not exist any more.
        """
        rows = {run.run_id: run.rows for run in runs if run.rows is not None}
        rest = [run.run_id for run in runs if run.run_id not in rows]
        work = self._work_of(tenant_id, rest) if rest else {}
        return {**rows, **{run_id: of_run.rows() for run_id, of_run in work.items()}}

    def _work_of(self, tenant_id: str, run_ids: Sequence[str]) -> dict[str, Work]:

        def read(connection: Connection) -> dict[str, Work]:
            work: dict[str, Work] = {}
            left = MOST_WORK
            for start in range(0, len(run_ids), RUNS_AT_ONCE):
                if left > 0:
                    left -= _read_work(connection, tenant_id, run_ids[start:][:RUNS_AT_ONCE], work)
            return work

        return self._read(read)

    def program(self, tenant_id: str, run_id: str) -> str:
        """The text of the run's program. Raises NotFound."""
        return str(self._run_column(tenant_id, run_id, RUNS.c.program))

    def log_end(self, tenant_id: str, run_id: str) -> LogEnd | None:
        """The end of the run's log; None where its runner wrote none."""
        query = sa.select(RUN_LOGS.c.size, RUN_LOGS.c.tail).join(RUNS)
        query = query.where(RUNS.c.tenant_id == tenant_id, RUNS.c.run_id == run_id)
        row = self._read(lambda connection: connection.execute(query).first())
        return None if row is None else LogEnd(row.size, row.tail)

    def graph_of_run(self, tenant_id: str, run_id: str) -> dict[str, Any]:
        """The graph that the run was made from. Raises NotFound."""
        return dict(json.loads(self._run_column(tenant_id, run_id, RUNS.c.graph)))

    # ---- what was kept of runs

    def kept(self, tenant_id: str, run_id: str) -> Kept | None:
        """What the run kept of its nodes; None where it was not to keep anything, or has not ended. Raises NotFound."""
        text = self._run_column(tenant_id, run_id, RUNS.c.kept)
        return None if text is None else Kept.parse(text)

    def kept_bytes(self, tenant_id: str) -> int:
        """Bytes of all that runs of the tenant kept."""
        total = sa.select(sa.func.sum(RUNS.c.kept_bytes))
        of_tenant = total.where(RUNS.c.tenant_id == tenant_id, RUNS.c.kept_bytes > 0)
        return self._read(lambda connection: int(connection.execute(of_tenant).scalar() or 0))

    def forget_kept(self, run_ids: Collection[str]) -> None:
        """Notes that what these runs kept is deleted."""
        query = sa.select(RUNS.c.run_id, RUNS.c.kept).where(
            RUNS.c.run_id.in_(run_ids), RUNS.c.kept.is_not(None)
        )

        def forget(connection: Connection) -> None:
            for run_id, text in connection.execute(query).all():
                gone = replace(Kept.parse(text), is_deleted=True)
                values = {"kept": gone.to_json(), "kept_bytes": None}
                connection.execute(sa.update(RUNS).where(RUNS.c.run_id == run_id).values(values))

        self._write(forget)

    def queue_position(self, run: Run) -> int:
        """How many queued runs come before this one: its tenant's earlier ones, and as many of each other tenant.

        Of those with its tag. Retries whose time has not come are not among its tenant's.
        """
        of_tag = RUNS.c.runner_tag == run.runner_tag
        earlier = sa.select(sa.func.count()).where(
            RUNS.c.tenant_id == run.tenant_id,
            _IS_QUEUED,
            of_tag,
            RUNS.c.created_at < run.created_at,
            sa.func.coalesce(RUNS.c.due_at, 0.0) <= time.time(),
        )
        others = sa.select(sa.func.count()).where(
            RUNS.c.tenant_id != run.tenant_id, _IS_QUEUED, of_tag
        )

        def read(connection: Connection) -> int:
            own = int(connection.execute(earlier).scalar_one())
            counts = connection.execute(others.group_by(RUNS.c.tenant_id)).scalars()
            return own + sum(min(count, own) for count in counts)

        return self._read(read)

    # ---- moves

    def move_run(
        self,
        tenant_id: str,
        run_id: str,
        frm: RunStatus,
        to: RunStatus,
        *,
        reason: str | None = None,
        exit_code: int | None = None,
        nodes: Iterable[NodeState] = (),
        runner: ProcessIdentity | str | None = None,
        log: LogEnd | None = None,
        retry_after: float | None = None,
        kept: Kept | None = None,
    ) -> bool:
        """Moves the run to `to` if its status is `frm` (and its runner is `runner`, if given).

        `retry_after`: in the same transaction, a retry is recorded that is due after so many seconds, unless somebody
        asked for the run's cancel.

        Returns whether it did. The nodes' states and the log's end are written in the same transaction, and so is, of an end,
        what its webhooks are to be told. Raises IllegalMove for a move that the table of states does not have.
        """
        check_move(run_id, frm, to)
        values: dict[str, Any] = {"status": to.value, "reason": reason, "exit_code": exit_code}
        if to.is_end:
            values["ended_at"] = _not_before(sa.func.coalesce(RUNS.c.started_at, RUNS.c.created_at))
        if kept is not None:
            values |= {"kept": kept.to_json(), "kept_bytes": kept.size}
        owner = [RUNS.c.runner == str(runner)] if runner is not None else []

        rows = Rows(0, 0, 0)

        def move(connection: Connection) -> bool:
            nonlocal rows
            if not _set(connection, tenant_id, run_id, frm, values, *owner):
                return False
            _put_nodes(connection, run_id, nodes)
            if log is not None:
                row = {"run_id": run_id, "size": log.size, "tail": log.tail}
                connection.execute(sa.insert(RUN_LOGS).values(**row))
            if to.is_end:
                rows = _note_rows(connection, tenant_id, run_id)
                is_retried = retry_after is not None and _record_retry(
                    connection, run_id, retry_after
                )
                note_end(connection, run_id, is_retried=is_retried)
            return True

        has_moved = self._write(move)
        if has_moved and to.is_end:
            RUNS_ENDED.labels(to.value, kind_of_reason(to, reason)).inc()
            for way, count in rows._asdict().items():
                ROWS.labels(way).inc(count)
        return has_moved

    def retry_of(self, run: Run) -> Run | None:
        """The run that retries this one; None where there is none."""
        query = _runs().where(
            RUNS.c.tenant_id == run.tenant_id,
            RUNS.c.job_id == run.job_id,
            RUNS.c.created_at >= run.created_at,
            RUNS.c.retry_of == run.run_id,
        )
        return self._read(lambda c: _maybe_run(c.execute(query).mappings().first()))

    def due(self, limit: int = 1000) -> list[Run]:
        """Retries whose time has come and that were not queued yet, the earliest first."""
        query = _runs().where(
            RUNS.c.status == RunStatus.QUEUED.value,
            RUNS.c.due_at <= time.time(),
            RUNS.c.queued_at == RUNS.c.due_at,
        )
        query = query.order_by(RUNS.c.due_at).limit(limit)
        return self._read(lambda c: [_run(dict(row)) for row in c.execute(query).mappings()])

    def waiting_tenants(self, tag: str | None = None) -> dict[str, int]:
        """Tenants with a queued run of the tag → how many of theirs are at work. Some may only wait for a retry's time."""
        counted = sa.select(RUNS.c.tenant_id, RUNS.c.status, sa.func.count())
        counted = counted.where(_ACTIVE, RUNS.c.runner_tag == tag)
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

    def first_waiting(
        self, tenant_id: str, claimed: str, age: float, tag: str | None = None
    ) -> str | None:
        """The id of the tenant's run of the tag that has waited longest: for `age` seconds at least, but for the run `claimed`.

        Retries whose time has not come are left out.
        """
        now = time.time()
        query = sa.select(RUNS.c.run_id).where(
            RUNS.c.tenant_id == tenant_id,
            _IS_QUEUED,
            RUNS.c.runner_tag == tag,
            sa.or_(RUNS.c.run_id == claimed, RUNS.c.created_at <= now - age),
            sa.func.coalesce(RUNS.c.due_at, 0.0) <= now,
        )
        query = query.order_by(RUNS.c.created_at, RUNS.c.run_id).limit(1)
        return self._read(lambda connection: connection.execute(query).scalar())

    def start_run(self, tenant_id: str, run_id: str, runner: ProcessIdentity) -> Started | None:
        """Moves a queued run to running, owned by `runner`. None when it is not queued, or not there."""
        values = {
            "status": RunStatus.RUNNING.value,
            "started_at": _not_before(RUNS.c.created_at),
            "runner": str(runner),
            "beat": RUNS.c.beat + 1,
        }

        def start(connection: Connection) -> Started | None:
            if not _set(connection, tenant_id, run_id, RunStatus.QUEUED, values):
                return None
            query = _runs().add_columns(RUNS.c.graph, RUNS.c.program, RUNS.c.again)
            row = dict(connection.execute(query.where(RUNS.c.run_id == run_id)).mappings().one())
            graph, program = json.loads(row.pop("graph")), row.pop("program")
            again = row.pop("again")
            return Started(_run(row), graph, program, again and Again.parse(again))

        started = self._write(start)
        if started is not None:
            due = started.run.due_at or started.run.created_at
            RUN_START.observe(max(time.time() - due, 0.0))
        return started

    def request_cancel(self, tenant_id: str, run_id: str) -> bool:
        """Notes that a running run shall end. False when it is not running."""
        noted = sa.func.coalesce(RUNS.c.cancel_requested_at, time.time())
        values = {"cancel_requested_at": noted}
        return self._write(lambda c: _set(c, tenant_id, run_id, RunStatus.RUNNING, values))

    # ---- what a runner writes while its runs live

    def note_program(self, run: Run, runner: ProcessIdentity, program: ProcessIdentity) -> bool:
        """Notes the program's process. False when the run no longer belongs to `runner`."""
        values = {"program_pid": program.pid, "program_start": program.start}
        return self._write(lambda c: _set_own(c, run, runner, values))

    def save_nodes(self, run: Run, runner: ProcessIdentity, nodes: Collection[NodeState]) -> bool:
        """Writes nodes' last states. False when the run no longer belongs to `runner`."""

        def save(connection: Connection) -> bool:
            # An update instead of a read, since it locks the run's row until the states are written.
            if not _set_own(connection, run, runner, {"beat": RUNS.c.beat + 1}):
                return False
            _put_nodes(connection, run.run_id, nodes)
            return True

        return self._write(save)

    def beat(self, runner: ProcessIdentity, run_ids: Collection[str]) -> set[str]:
        """Shows that `runner` lives and works on these runs. Returns those that still belong to it."""
        own = (
            RUNS.c.status == RunStatus.RUNNING.value,
            RUNS.c.runner == str(runner),
            RUNS.c.run_id.in_(run_ids),
        )

        def beat(connection: Connection) -> set[str]:
            connection.execute(sa.update(RUNS).where(*own).values(beat=RUNS.c.beat + 1))
            return set(connection.execute(sa.select(RUNS.c.run_id).where(*own)).scalars())

        return self._write(beat)

    def cancel_requests(self, runner: ProcessIdentity) -> set[str]:
        """The ids of `runner`'s runs that were asked to be cancelled."""
        query = sa.select(RUNS.c.run_id).where(
            RUNS.c.status == RunStatus.RUNNING.value,
            RUNS.c.runner == str(runner),
            RUNS.c.cancel_requested_at.is_not(None),
        )
        return self._read(lambda connection: set(connection.execute(query).scalars()))

    # ---- sweeps, over all tenants

    def all_running(self) -> list[Run]:
        query = _runs().where(RUNS.c.status == RunStatus.RUNNING.value)
        return self._read(lambda c: [_run(dict(row)) for row in c.execute(query).mappings()])

    def ended_of(self, run_ids: Collection[str]) -> set[str]:
        """Those of `run_ids` that are runs of ours that have ended, whatever their tenant."""
        query = sa.select(RUNS.c.run_id).where(RUNS.c.run_id.in_(run_ids), ~_ACTIVE)
        return set(self._read(lambda connection: connection.execute(query).scalars().all()))

    def waiting_since(self, before: float, tag: str | None = None, limit: int = 1000) -> list[Run]:
        """Queued runs of the tag that were last put in the queue before a time (Unix seconds), oldest first."""
        query = _runs().where(_IS_QUEUED, RUNS.c.runner_tag == tag, RUNS.c.queued_at < before)
        query = query.order_by(RUNS.c.created_at).limit(limit)
        return self._read(lambda c: [_run(dict(row)) for row in c.execute(query).mappings()])

    def count_active(self, tag: str | None = None) -> int:
        """How many runs of the tag, of all tenants, are queued or running, without retries whose time has not come."""
        query = sa.select(sa.func.count()).select_from(RUNS)
        query = query.where(_ACTIVE, RUNS.c.runner_tag == tag, RUNS.c.queued_at <= time.time())
        return self._read(lambda c: int(c.execute(query).scalar_one()))

    def waiting(self) -> Waiting:
        """What all tenants wait for; retries whose time has not come are not among it. Raises as `ping` does."""
        begun = sa.func.coalesce(RUNS.c.due_at, RUNS.c.created_at)

        def read(connection: Connection) -> Waiting:
            check_takes_writes(connection)
            of_all = sa.select(sa.func.count(), sa.func.min(begun))
            queued, since = connection.execute(of_all.where(_IS_QUEUED, begun <= time.time())).one()
            running, _ = connection.execute(of_all.where(_IS_RUNNING)).one()
            return Waiting(queued, running, since, count_waiting(connection))

        return self._read(read)

    def queued_longer_than(self, seconds: float) -> list[Run]:
        query = _runs().where(
            RUNS.c.status == RunStatus.QUEUED.value,
            sa.func.coalesce(RUNS.c.due_at, RUNS.c.created_at) < time.time() - seconds,
        )
        return self._read(lambda c: [_run(dict(row)) for row in c.execute(query).mappings()])

    def delete_ended_before(self, before: float, limit: int) -> int:
        """Deletes runs that ended before a time (Unix seconds), the oldest first; how many it were, at most `limit`."""
        old = sa.select(RUNS.c.run_id).where(RUNS.c.ended_at < before)
        return self._delete_some(old.order_by(RUNS.c.ended_at).limit(limit))

    def delete_beyond(self, runs_per_job: int, limit: int) -> int:
        """Deletes runs of jobs that have more of them, the oldest first; how many it were, at most `limit`."""
        count = sa.func.count()
        large = sa.select(RUNS.c.job_id, count).group_by(RUNS.c.job_id).having(count > runs_per_job)
        jobs = self._read(lambda connection: connection.execute(large.limit(1)).first())
        if jobs is None:
            return 0
        job_id, runs = jobs
        surplus = min(runs - runs_per_job, limit)
        of_job = sa.select(RUNS.c.run_id).where(
            RUNS.c.job_id == job_id, RUNS.c.ended_at.is_not(None)
        )
        return self._delete_some(of_job.order_by(RUNS.c.created_at).limit(surplus))

    def known_runs(self, run_ids: Collection[str]) -> set[str]:
        """Those of the ids that are runs of any tenant."""
        query = sa.select(RUNS.c.run_id).where(RUNS.c.run_id.in_(run_ids))
        return self._read(lambda connection: set(connection.execute(query).scalars()))

    def _delete_some(self, chosen: sa.Select[Any]) -> int:
        def delete(connection: Connection) -> int:
            run_ids = list(connection.execute(chosen).scalars())
            _delete_runs(connection, RUNS.c.run_id.in_(run_ids))
            return len(run_ids)

        return self._write(delete)

    def note_queued(self, run: Run) -> bool:
        """Notes that the run was queued again. False when another process has noted that first."""
        values = {"queued_at": time.time()}
        same = RUNS.c.queued_at == run.queued_at
        return self._write(
            lambda c: _set(c, run.tenant_id, run.run_id, RunStatus.QUEUED, values, same)
        )

    # ---- inside

    def _read(self, work: Callable[[Connection], T]) -> T:
        def call() -> T:
            with self._database.read() as connection:
                return work(connection)

        return self._counted(call)

    def _write(self, work: Callable[[Connection], T]) -> T:
        def call() -> T:
            with self._database.write() as connection:
                return work(connection)

        return self._counted(call)

    def _counted(self, call: Callable[[], T]) -> T:
        try:
            return off_the_loop(call)
        except StoreUnavailable:
            DATABASE_ERRORS.inc()
            raise

    def _again_on_collision(self, work: Callable[[Connection], T]) -> T:
        """Writes. When a unique index refuses, does `work` again, which then finds the other record."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._write(work)
            except IntegrityError:
                continue
        return self._write(work)

    def _run_column(self, tenant_id: str, run_id: str, column: sa.Column[Any]) -> Any:
        query = sa.select(column).where(RUNS.c.tenant_id == tenant_id, RUNS.c.run_id == run_id)
        row = self._read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound(f"there is no run {run_id:.64}")
        return row[0]


# ---- pieces of transactions


def _job_of(
    connection: Connection, tenant_id: str, job_id: int, *, for_update: bool = False
) -> Job:
    if 0 < job_id <= MAX_JOB_ID:
        query = sa.select(JOBS).where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
        query = query.with_for_update() if for_update else query
        row = connection.execute(query).mappings().first()
        if row is not None:
            return _job(row)
    raise _no_job(job_id)


def _check(only_if: OnlyIf | None, job: Job) -> None:
    if only_if is not None and not only_if(job):
        raise JobChanged(f"job {job.job_id} was changed meanwhile: read it again")


def _name_of_job(connection: Connection, tenant_id: str, job_id: int) -> str:
    if 0 < job_id <= MAX_JOB_ID:
        query = sa.select(JOBS.c.name).where(JOBS.c.tenant_id == tenant_id, JOBS.c.job_id == job_id)
        name: str | None = connection.execute(query).scalar()
        if name is not None:
            return name
    raise _no_job(job_id)


def _no_job(job_id: int) -> NotFound:
    return NotFound(f"there is no job {job_id}" if job_id < 10**20 else "there is no such job")


def _run_of(connection: Connection, tenant_id: str, run_id: str) -> Run:
    query = _runs().where(RUNS.c.tenant_id == tenant_id, RUNS.c.run_id == run_id)
    run = _maybe_run(connection.execute(query).mappings().first())
    if run is None:
        raise NotFound(f"there is no run {run_id:.64}")
    return run


def _nodes_of(connection: Connection, run_id: str) -> list[NodeState]:
    query = sa.select(NODE_STATES.c.payload).where(NODE_STATES.c.run_id == run_id)
    payloads = connection.execute(query.order_by(NODE_STATES.c.node_id)).scalars()
    return [NodeState.parse(payload.encode()) for payload in payloads]


def _read_work(
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
            work[run_id].nodes.append(NodeState.parse(payload.encode()))
    return characters


def _note_rows(connection: Connection, tenant_id: str, run_id: str) -> Rows:
    """Notes what the run has read, written and rejected, and returns it: lists then need not read its graph."""
    work: dict[str, Work] = {}
    _read_work(connection, tenant_id, [run_id], work)
    rows = work[run_id].rows()
    update = sa.update(RUNS).where(RUNS.c.run_id == run_id)
    values = {"rows_in": rows.read, "rows_out": rows.written, "rows_rejected": rows.rejected}
    connection.execute(update.values(values))
    return rows


def _run_of_key(
    connection: Connection, tenant_id: str, key: str | None, request_hash: str
) -> Run | None:
    if key is None:
        return None
    query = sa.select(RUNS.c.run_id, RUNS.c.request_hash).where(
        RUNS.c.tenant_id == tenant_id, RUNS.c.idempotency_key == key
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise IdempotencyMismatch("this Idempotency-Key was used before, for another request")
    return _run_of(connection, tenant_id, row.run_id)


def _refusal(
    connection: Connection, tenant_id: str, job_id: int, most_queued: int | None
) -> AlreadyRunning | TooManyQueued | None:
    """Why a job cannot run now.

    Asked before the run of a key is looked up: on PostgreSQL another transaction may commit in between, and what
    it recorded, of the same key perhaps, is then found there.
    """
    active = _active_run(connection, job_id)
    if active is not None:
        return AlreadyRunning(job_id, active)
    if most_queued is not None and _count(connection, tenant_id, RunStatus.QUEUED) >= most_queued:
        return TooManyQueued(
            f"{most_queued} runs of this tenant are queued already, which is all that may wait; "
            "come back when some have started"
        )
    return None


def _active_run(connection: Connection, job_id: int) -> str | None:
    query = sa.select(RUNS.c.run_id).where(RUNS.c.job_id == job_id, _ACTIVE)
    run_id: str | None = connection.execute(query).scalar()
    return run_id


def _count(connection: Connection, tenant_id: str, status: RunStatus) -> int:
    query = sa.select(sa.func.count()).where(
        RUNS.c.tenant_id == tenant_id, RUNS.c.status == status.value
    )
    return int(connection.execute(query).scalar_one())


def _set(
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


def _set_own(
    connection: Connection, run: Run, runner: ProcessIdentity, values: dict[str, Any]
) -> bool:
    own = RUNS.c.runner == str(runner)
    return _set(connection, run.tenant_id, run.run_id, RunStatus.RUNNING, values, own)


def _put_nodes(connection: Connection, run_id: str, nodes: Iterable[NodeState]) -> None:
    for node in nodes:
        key = {"run_id": run_id, "node_id": node.progress.node_id}
        payload = node.payload.decode()
        place = sa.and_(NODE_STATES.c.run_id == run_id, NODE_STATES.c.node_id == key["node_id"])
        update = sa.update(NODE_STATES).where(place).values(payload=payload)
        if connection.execute(update).rowcount == 0:
            connection.execute(sa.insert(NODE_STATES).values(**key, payload=payload))


def _record_retry(connection: Connection, run_id: str, wait: float) -> bool:
    """A run like that one, with its graph, program and values. False when somebody had asked for that one's cancel."""
    copied = (
        *("tenant_id", "job_id", "job_name", "graph", "program", "parameters", "attempts"),
        *("started_by", "runner_tag", "traceparent", "from_run", "from_node", "again"),
    )
    query = sa.select(
        *(RUNS.c[name] for name in copied),
        *(RUNS.c.attempt, RUNS.c.cancel_requested_at, RUNS.c.created_at),
    )
    row = connection.execute(query.where(RUNS.c.run_id == run_id)).mappings().one()
    if row["cancel_requested_at"] is not None:
        return False
    now = time.time()
    values = {
        **{name: row[name] for name in copied},
        "run_id": uuid.uuid4().hex,
        "status": RunStatus.QUEUED.value,
        "request_hash": "",
        "created_at": _later_than(row["created_at"]),
        "queued_at": now + wait,
        "due_at": now + wait,
        "retry_of": run_id,
        "attempt": row["attempt"] + 1,
        "beat": 0,
    }
    connection.execute(sa.insert(RUNS).values(**values))
    return True


def _newest_of_job(connection: Connection, tenant_id: str, job_id: int) -> float | None:
    newest = sa.select(sa.func.max(RUNS.c.created_at))
    of_job = newest.where(RUNS.c.tenant_id == tenant_id, RUNS.c.job_id == job_id)
    created_at: float | None = connection.execute(of_job).scalar()
    return created_at


def _later_than(moment: float | None) -> float:
    """Now; or just after `moment`, which another machine's clock told, or this one's before it was set back."""
    now = time.time()
    return now if moment is None or now > moment else moment + LEAST_STEP


def _not_before(moment: sa.ColumnElement[float]) -> sa.ColumnElement[float]:
    """Now; or `moment`, where that lies ahead: as `_later_than`."""
    now = sa.literal(time.time(), sa.Double)
    return sa.case((moment > now, moment), else_=now)


def _begun_from(again: Again | None) -> dict[str, Any]:
    if again is None:
        return {}
    return {"from_run": again.run_id, "from_node": again.node_id, "again": again.to_json()}


def _delete_runs(connection: Connection, condition: sa.ColumnElement[bool]) -> None:
    """Deletes runs with all that belongs to them."""
    runs = sa.select(RUNS.c.run_id).where(condition)
    for table in (NODE_STATES, RUN_LOGS):
        connection.execute(sa.delete(table).where(table.c.run_id.in_(runs)))
    connection.execute(sa.delete(RUNS).where(condition))


def _runs() -> sa.Select[Any]:
    return sa.select(*_RUN_COLUMNS)


def _job(row: RowMapping) -> Job:
    return Job(**{**row, "graph": json.loads(row["graph"])})


def _maybe_run(row: RowMapping | None) -> Run | None:
    return None if row is None else _run(dict(row))


def _run(row: dict[str, Any]) -> Run:
    known = {name: value for name, value in row.items() if name != "program_start"}
    parameters = json.loads(row["parameters"] or "{}")
    attempts = {name: row[name] or 1 for name in ("attempt", "attempts")}
    told = {"status": RunStatus(row["status"]), "parameters": parameters, **attempts}
    return Run(**{**known, **told})
