"""Jobs, runs and node states in the database, which holds the truth about each run.

Each call is one transaction, and any thread may make it. What belongs to another tenant is not
found. Calls raise StoreUnavailable when the database does not answer.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from jobs.graph.documents.again import Again
from jobs.store.connections.clock import NOW, now_of
from jobs.store.connections.database import Database, Deadlocked, StoreUnavailable, size_on_disk
from jobs.store.connections.native_thread import off_the_loop
from jobs.store.deleted import note_deleted
from jobs.store.errors import (
    AlreadyRunning,
    IdempotencyMismatch,
    JobChanged,
    RunNotEnded,
    TooManyQueued,
)
from jobs.store.idempotency import job_of_key, run_of_key
from jobs.store.installation import Installation
from jobs.store.job_lists import jobs_of_page
from jobs.store.job_rows import OnlyIf, check_state, job_of, name_and_newest, name_of_job
from jobs.store.not_found import NotFound, no_run
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import (
    Job,
    JobEntry,
    JobFilter,
    LogEnd,
    Move,
    NewRun,
    Place,
    Recorded,
    Rows,
    Run,
    RunFilter,
    Started,
    Work,
)
from jobs.store.runs.kept import Kept
from jobs.store.runs.moments import later_than, not_before
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.queued import QueuedRuns
from jobs.store.runs.reading import (
    active_run,
    count_runs,
    maybe_run,
    nodes_of,
    note_rows,
    read_work,
    run_from,
    run_of,
    select_runs,
)
from jobs.store.runs.recording import insert_run, why_refused
from jobs.store.runs.retries import record_retry
from jobs.store.runs.run_lists import NEWEST_FIRST, newest_run, runs_of_page
from jobs.store.runs.run_states import KINDS, RunStatus, check_move
from jobs.store.runs.runners import Runners
from jobs.store.runs.sweeps import Sweeps
from jobs.store.runs.writing import delete_runs, make_move, put_nodes, set_own_run, set_run
from jobs.store.tables import JOBS, RUN_LOGS, RUNS, WEBHOOKS
from jobs.store.webhooks.ends import note_end
from jobs.store.webhooks.store import Webhooks, delete_webhooks
from metrics.families import DATABASE_ERRORS, ROWS, RUN_START, RUNS_ENDED
from settings.defaults import DatabaseLimits

__all__ = [
    "AlreadyRunning",
    "IdempotencyMismatch",
    "JobChanged",
    "NotFound",
    "OnlyIf",
    "RunNotEnded",
    "Store",
    "StoreUnavailable",
    "TooManyQueued",
]

T = TypeVar("T")

_ATTEMPTS = 5  # to write while others write the same
ALL_JOBS, ALL_RUNS = JobFilter(), RunFilter()
# Characters of graphs and node states that one list of runs may read; that takes half a second
MOST_WORK = 32_000_000
RUNS_AT_ONCE = 10  # runs of a list whose work is read with one query


class Store:
    """The database of jobs and runs. Without `limits` it waits for PostgreSQL for as long as that takes."""

    def __init__(self, database_url: str, limits: DatabaseLimits | None = None) -> None:
        self._database = Database(database_url, limits)
        self.installation = Installation(self._read, self._write)
        self.webhooks = Webhooks(self._read, self._write, self._again_on_collision)
        self.runners = Runners(self._read, self._write)
        self.queued = QueuedRuns(
            self._read, self._write, self._read if self._database.is_sqlite else self._write
        )
        self.sweeps = Sweeps(self._read, self._write)
        # at 0: Prometheus sees no increase in a series that begins with 1
        for end, kinds in KINDS.items():
            for kind in kinds:
                RUNS_ENDED.labels(end.value, kind.value)

    def open(self) -> None:
        """Connects, and makes or changes the tables where needed; harmless when repeated. Raises SchemaUnusable."""
        off_the_loop(self._database.open)
        self.installation.open()

    def close(self) -> None:
        off_the_loop(self._database.close)

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer, or takes no writes."""
        self._counted(self._database.check_takes_writes)

    def size(self) -> int:
        """Bytes that the database takes on disk."""
        return self._read(size_on_disk)

    # ---- jobs

    def create_job(
        self,
        tenant_id: str,
        name: str,
        graph: dict[str, Any],
        key: str | None = None,
        request_hash: str = "",
    ) -> Job:
        """A new job. A call with the idempotency key and request hash of an earlier one returns that one's job, as it is now.

        Raises IdempotencyMismatch.
        """
        values = {
            "tenant_id": tenant_id,
            "name": name,
            "graph": json.dumps(graph),
            "idempotency_key": key,
            "request_hash": request_hash,
        }

        def create(connection: Connection) -> Job:
            before = job_of_key(connection, tenant_id, key, request_hash)
            if before is not None:
                return before
            now = now_of(connection)
            row = sa.insert(JOBS).values(**values, created_at=now, updated_at=now)
            job_id = connection.execute(row.returning(JOBS.c.job_id)).scalar_one()
            return Job(tenant_id, int(job_id), name, graph, now, now)

        return self._again_on_collision(create)

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
        return self._read(lambda connection: job_of(connection, tenant_id, job_id))

    def job_name(self, tenant_id: str, job_id: int) -> str:
        """Raises NotFound."""
        return self._read(lambda connection: name_of_job(connection, tenant_id, job_id))

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
        values = {"name": name, "graph": json.dumps(graph)}

        def update(connection: Connection) -> Job:
            before = job_of(connection, tenant_id, job_id, for_update=True)
            check_state(only_if, before)
            now = later_than(before.updated_at, now_of(connection))  # no two states have one ETag
            update = sa.update(JOBS).where(JOBS.c.job_id == job_id)
            connection.execute(update.values(**values, updated_at=now))
            return job_of(connection, tenant_id, job_id)

        return self._write(update)

    def delete_job(self, tenant_id: str, job_id: int, only_if: OnlyIf | None = None) -> list[str]:
        """Deletes a job, its runs and its webhooks; returns the ids of the runs.

        Raises NotFound, AlreadyRunning, or JobChanged when `only_if` is false of the stored job.
        """

        def delete(connection: Connection) -> list[str]:
            check_state(only_if, job_of(connection, tenant_id, job_id, for_update=True))
            active = active_run(connection, job_id)
            if active is not None:
                raise AlreadyRunning(job_id, active)
            of_job = RUNS.c.job_id == job_id
            run_ids = list(connection.execute(sa.select(RUNS.c.run_id).where(of_job)).scalars())
            delete_runs(connection, of_job)
            delete_webhooks(connection, WEBHOOKS.c.job_id == job_id)
            connection.execute(sa.delete(JOBS).where(JOBS.c.job_id == job_id))
            note_deleted(connection, tenant_id, job_id)
            return run_ids

        return self._again_on_collision(delete)

    def delete_run(self, tenant_id: str, run_id: str) -> int | None:
        """Deletes a run that has ended; returns its job where it was the newest one. Raises NotFound or RunNotEnded."""

        def delete(connection: Connection) -> int | None:
            run = run_of(connection, tenant_id, run_id)
            if not run.has_ended:  # an end never changes
                raise RunNotEnded(f"run {run_id} has not ended: cancel it first")
            newest = newest_run(connection, tenant_id, run.job_id)
            delete_runs(connection, RUNS.c.run_id == run_id)
            return run.job_id if newest is not None and newest.run_id == run_id else None

        return self._write(delete)

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
            job_name, newest, now = name_and_newest(connection, tenant_id, new.job_id)
            refusal = why_refused(connection, tenant_id, new.job_id, most_queued)
            before = run_of_key(connection, tenant_id, new.idempotency_key, new.request_hash)
            if before is not None:
                return Recorded(before, is_new=False)
            if only_if is not None:
                check_state(only_if, job_of(connection, tenant_id, new.job_id, for_update=True))
            if refusal is not None:
                raise refusal
            run_id = insert_run(connection, tenant_id, job_name, new, newest, now)
            return Recorded(run_of(connection, tenant_id, run_id), is_new=True)

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
            refusal = why_refused(connection, tenant_id, job_id, None)
            before = run_of_key(connection, tenant_id, key, request_hash)
            if before is not None:
                return before
            job = job_of(connection, tenant_id, job_id)
            check_state(only_if, job)
            if refusal is not None:
                raise refusal
            return job

        return self._read(read)

    def active_counts(self, tenant_id: str) -> tuple[int, int]:
        """How many runs of the tenant are queued, and how many are running."""
        queued, running = RunStatus.QUEUED, RunStatus.RUNNING
        return self._read(
            lambda c: (count_runs(c, tenant_id, queued), count_runs(c, tenant_id, running))
        )

    def last_run(self, tenant_id: str, job_id: int) -> Run | None:
        """The job's newest run; None when it never ran, or the tenant has no such job."""
        return self._read(lambda connection: newest_run(connection, tenant_id, job_id))

    def run(self, tenant_id: str, run_id: str) -> Run:
        """The tenant's run. Raises NotFound."""
        return self._read(lambda connection: run_of(connection, tenant_id, run_id))

    def run_with_nodes(self, tenant_id: str, run_id: str) -> tuple[Run, list[NodeState]]:
        """A run and its nodes' last states, read in one transaction. Raises NotFound."""

        def read(connection: Connection) -> tuple[Run, list[NodeState]]:
            return run_of(connection, tenant_id, run_id), nodes_of(connection, run_id)

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
            query = select_runs().where(RUNS.c.run_id.in_(run_ids)).order_by(*NEWEST_FIRST)
            return [run_from(dict(row)) for row in connection.execute(query).mappings()]

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
                    left -= read_work(connection, tenant_id, run_ids[start:][:RUNS_AT_ONCE], work)
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

    # ---- moves

    def move_run(self, tenant_id: str, run_id: str, move: Move) -> bool:
        """Makes the move, with all that belongs to it, in one transaction. Returns whether the run was where it moves from.

        Of an end, that is also what its webhooks are to be told. Raises IllegalMove for a move that the table of states does not have.
        """
        check_move(run_id, move.frm, move.to)
        rows = Rows(0, 0, 0)

        def write(connection: Connection) -> bool:
            nonlocal rows
            if not make_move(connection, tenant_id, run_id, move):
                return False
            if move.to.is_end:
                rows = note_rows(connection, tenant_id, run_id)
                is_retried = move.retry_after is not None and record_retry(
                    connection, run_id, move.retry_after
                )
                note_end(connection, run_id, move.end_kind, is_retried=is_retried)
            return True

        has_moved = self._write(write)
        if has_moved and move.to.is_end:
            RUNS_ENDED.labels(move.to.value, move.end_kind.value).inc()
            for way, count in rows._asdict().items():
                ROWS.labels(way).inc(count)
        return has_moved

    def retry_of(self, run: Run) -> Run | None:
        """The run that retries this one; None where there is none."""
        query = select_runs().where(
            RUNS.c.tenant_id == run.tenant_id,
            RUNS.c.job_id == run.job_id,
            RUNS.c.created_at >= run.created_at,
            RUNS.c.retry_of == run.run_id,
        )
        return self._read(lambda c: maybe_run(c.execute(query).mappings().first()))

    def start_run(self, tenant_id: str, run_id: str, runner: ProcessIdentity) -> Started | None:
        """Moves a queued run to running, owned by `runner`. None when it is not queued, or not there.

        One that this runner has started, and that has no program yet, is found, too: the answer was lost.
        """
        beaten = {"beat": RUNS.c.beat + 1}
        values = {
            "status": RunStatus.RUNNING.value,
            "started_at": not_before(RUNS.c.created_at),
            "runner": str(runner),
            **beaten,
        }
        is_without_program = sa.and_(RUNS.c.runner == str(runner), RUNS.c.program_pid.is_(None))

        def is_ours(connection: Connection) -> bool:
            of_run = (connection, tenant_id, run_id)
            return set_run(*of_run, RunStatus.QUEUED, values) or set_run(
                *of_run, RunStatus.RUNNING, beaten, is_without_program
            )

        def start(connection: Connection) -> Started | None:
            if not is_ours(connection):
                return None
            query = select_runs().add_columns(RUNS.c.graph, RUNS.c.program, RUNS.c.again)
            row = dict(connection.execute(query.where(RUNS.c.run_id == run_id)).mappings().one())
            graph, program = json.loads(row.pop("graph")), row.pop("program")
            again = row.pop("again")
            return Started(run_from(row), graph, program, again and Again.parse(again))

        started = self._write(start)
        if started is not None:
            due = started.run.due_at or started.run.created_at
            RUN_START.observe(max((started.run.started_at or due) - due, 0.0))
        return started

    def request_cancel(self, tenant_id: str, run_id: str) -> bool:
        """Notes that a running run shall end. False when it is not running."""
        noted = sa.func.coalesce(RUNS.c.cancel_requested_at, NOW)
        values = {"cancel_requested_at": noted}
        return self._write(lambda c: set_run(c, tenant_id, run_id, RunStatus.RUNNING, values))

    # ---- what a runner writes while its runs live

    def note_program(self, run: Run, runner: ProcessIdentity, program: ProcessIdentity) -> bool:
        """Notes the program's process. False when the run no longer belongs to `runner`."""
        values = {"program_pid": program.pid, "program_start": program.start}
        return self._write(lambda c: set_own_run(c, run, runner, values))

    def save_nodes(self, run: Run, runner: ProcessIdentity, nodes: Collection[NodeState]) -> bool:
        """Writes nodes' last states. False when the run no longer belongs to `runner`."""

        def save(connection: Connection) -> bool:
            # An update instead of a read, since it locks the run's row until the states are written.
            if not set_own_run(connection, run, runner, {"beat": RUNS.c.beat + 1}):
                return False
            put_nodes(connection, run.run_id, nodes)
            return True

        return self._write(save)

    def beat(self, runner: ProcessIdentity, run_ids: Collection[str]) -> set[str]:
        """Shows that `runner` lives and works on these runs. Returns those that still belong to it.

        Nothing is shown of a run whose row somebody holds: who waited for that would show no life on the others either.
        """
        own = (
            RUNS.c.status == RunStatus.RUNNING.value,
            RUNS.c.runner == str(runner),
            RUNS.c.run_id.in_(run_ids),
        )

        def beat(connection: Connection) -> set[str]:
            query = sa.select(RUNS.c.run_id).where(*own)
            # as the update itself locks: who records what a run's nodes said is no hindrance
            free = query.with_for_update(key_share=True, skip_locked=True)
            shown = sa.update(RUNS).where(RUNS.c.run_id.in_(free))
            connection.execute(shown.values(beat=RUNS.c.beat + 1))
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

    # ---- inside

    def _read(self, work: Callable[[Connection], T]) -> T:
        def call() -> T:
            with self._database.read() as connection:
                return work(connection)

        return self._counted(call)

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Does `work` in a transaction; again, _ATTEMPTS times at most, where PostgreSQL took it back since it and others waited for each other."""

        def once() -> T:
            with self._database.write() as connection:
                return work(connection)

        def call() -> T:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return once()
                except Deadlocked:
                    continue
            return once()

        return self._counted(call)

    def _counted(self, call: Callable[[], T]) -> T:
        try:
            return self._database.off_the_loop(call)
        except StoreUnavailable:
            DATABASE_ERRORS.inc()
            raise

    def _again_on_collision(self, work: Callable[[Connection], T]) -> T:
        """Writes. When a unique index or a foreign key refuses, does `work` again, which then finds the other record, or that it is gone."""
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
            raise no_run(run_id)
        return row[0]
