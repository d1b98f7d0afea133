"""The store, and the whole product, on a PostgreSQL that several processes share."""

import contextlib
import multiprocessing
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jobs.run.periods import Periods
from jobs.store.connections.database import Database as JobDatabase
from jobs.store.connections.database import NoRoom
from jobs.store.connections.postgresql import IDLE_IN_TRANSACTION, BoundedConnection
from jobs.store.process_identity import ProcessIdentity
from jobs.store.records import Move, NewRun
from jobs.store.runs.kept import Kept, KeptNode
from jobs.store.runs.run_states import RunStatus
from jobs.store.runs.writing import make_move
from jobs.store.store import Store, StoreUnavailable
from jobs.store.tables import JOBS
from jobs.store.webhooks.ends import note_end
from jobs.store.webhooks.records import DeliveryStatus, NewWebhook, Told
from jobs.webhooks.signature import new_secret
from progress_lib.nats.link import Link
from settings import Settings
from settings.defaults import DatabaseLimits
from tests.harness import StartProduct, eventually
from tests.jobs.conftest import GRAPH, TENANT, record
from tests.jobs.http.test_api import new_app
from tests.jobs.store.test_on_sqlite import open_and_record
from tests.jobs.store.test_store import at_once
from tests.servers.databases import PASSWORD, USER, Database

END_ALL_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_processes_that_start_at_once_share_one_new_database(postgresql: Database) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(4) as pool:
        start = manager.Barrier(4)
        for _ in range(5):
            run_ids = pool.starmap(open_and_record, [(postgresql.url, start)] * 4, chunksize=1)
            assert len(set(run_ids)) == 4
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            for (table,) in postgresql.rows(tables):
                postgresql.execute(f'DROP TABLE "{table}" CASCADE')


def test_a_session_that_was_ended_is_replaced_by_another(postgresql: Database) -> None:
    store = Store(postgresql.url)
    store.open()
    job = store.create_job(TENANT, "a", GRAPH)
    postgresql.execute(END_ALL_OTHERS)
    assert store.job(TENANT, job.job_id).name == "a"
    store.close()


def test_a_value_that_it_does_not_hold_is_no_fault_of_its_that_passes(postgresql: Database) -> None:
    """A runner tried again to write such an end, each second and for ever: its slot was never free again."""
    store = Store(postgresql.url)
    store.open()
    job = store.create_job(TENANT, "a", GRAPH)
    run = store.record_run(TENANT, NewRun(job.job_id, GRAPH, "")).run
    kept = Kept("", {1: KeptNode(1, 10**30)})
    with pytest.raises(sa.exc.DataError):
        store.move_run(TENANT, run.run_id, Move(RunStatus.QUEUED, RunStatus.CANCELLED, kept=kept))
    assert store.run(TENANT, run.run_id).status is RunStatus.QUEUED
    store.close()


@pytest.mark.parametrize("limits", [None, DatabaseLimits()])
def test_what_runs_beside_a_transaction_fails_it_in_no_database(
    postgresql: Database, limits: DatabaseLimits | None
) -> None:
    """Where it has another isolation by default, of runs that start or end at once most were answered 503."""
    strict = f"ALTER DATABASE {postgresql.name} SET default_transaction_isolation = 'serializable'"
    postgresql.execute(strict)
    store = Store(postgresql.url, limits)
    store.open()
    store.create_job(TENANT, "a", GRAPH)

    def read_and_write(connection: Connection) -> int:
        connection.execute(sa.select(JOBS.c.name))
        postgresql.execute("UPDATE jobs SET name = 'b'")
        return connection.execute(sa.update(JOBS).values(name="c")).rowcount

    assert store._write(read_and_write) == 1
    store.close()


def test_nothing_is_left_in_a_session_that_a_pooler_gives_to_another(postgresql: Database) -> None:
    """Behind PgBouncer that pools transactions requests were answered 503: “prepared statement already exists”."""
    store = Store(postgresql.url, DatabaseLimits())
    store.open()
    asked = sa.text("SELECT count(*) FROM pg_prepared_statements")
    assert [store._read(lambda c: c.execute(asked).scalar()) for _ in range(12)] == [0] * 12
    store.close()


def test_an_id_with_a_nul_is_of_nothing(postgresql: Database, link: Link, data_dir: Path) -> None:
    """PostgreSQL refuses such a text, and 503 said that the database does not answer."""
    store = Store(postgresql.url)
    store.open()
    client = new_app(store, link, data_dir).test_client()
    for path in ("runs/a%00", "runs/a%00/log", "webhooks/%00", "webhooks/a/deliveries/%00b"):
        assert client.get(f"/api/{path}").status_code == 404
    assert client.delete("/api/runs/%00").status_code == 404
    store.close()


def test_of_two_writes_that_wait_for_each_other_both_are_done(postgresql: Database) -> None:
    """As a job's deletion and the end of a delivery of its webhook: one of them was answered with 503."""
    store = Store(postgresql.url)
    store.open()
    jobs = [store.create_job(TENANT, "a", GRAPH).job_id for _ in range(2)]
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def renaming(name: str, first: int, second: int) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            for job_id in (first, second):
                of_it = sa.update(JOBS).where(JOBS.c.job_id == job_id)
                connection.execute(of_it.values(name=name))
                if name not in tries:
                    tries.append(name)
                    both_hold_one.wait(20.0)
            tries.append(name)

        return work

    works = [renaming("b", jobs[0], jobs[1]), renaming("c", jobs[1], jobs[0])]
    at_once([partial(store._write, work) for work in works])
    last = tries[-1]
    assert sorted(tries) == ["b", "b", "c", "c"]
    assert [store.job(TENANT, job_id).name for job_id in jobs] == [last, last]
    store.close()


def test_an_end_is_not_sent_to_a_webhook_that_is_disabled_while_it_is_noted(
    postgresql: Database,
) -> None:
    """It was sent all the same, for 21 hours where the receiver does not take it."""
    store = Store(postgresql.url)
    store.open()
    new = NewWebhook("https://hooks.example/", frozenset(Told))
    webhook_id = store.webhooks.create(TENANT, new, new_secret(), 1).webhook.webhook_id
    run = record(store)
    disable = partial(store.webhooks.replace, TENANT, webhook_id, new, enabled=False)
    disabling = threading.Thread(target=disable)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    def end(connection: Connection) -> None:
        move = Move(RunStatus.QUEUED, RunStatus.CANCELLED)
        assert make_move(connection, TENANT, run.run_id, move)
        note_end(connection, run.run_id, move.end_kind, is_retried=False)
        disabling.start()
        eventually(lambda: not disabling.is_alive() or postgresql.value(waiting))

    store._write(end)
    disabling.join(20.0)
    assert store.webhooks.due() == []
    [delivery] = store.webhooks.deliveries(TENANT, webhook_id, 5)
    assert delivery.status is DeliveryStatus.FAILED
    store.close()


def test_a_process_that_stands_still_in_a_transaction_holds_others_up_for_seconds(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a runner whose machine is gone or is frozen: its runs could not be ended before PostgreSQL noticed."""
    limits = Settings.from_env({}).database
    assert Periods().stale_after > IDLE_IN_TRANSACTION
    monkeypatch.setattr("jobs.store.connections.postgresql.IDLE_IN_TRANSACTION", 1)
    store, frozen = Store(postgresql.url, limits), JobDatabase(postgresql.url, limits)
    store.open()
    frozen.open()
    job = store.create_job(TENANT, "a", GRAPH)
    with pytest.raises(StoreUnavailable), frozen.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET name = 'of the frozen one'")
        store.update_job(TENANT, job.job_id, "b", GRAPH)
    assert store.job(TENANT, job.job_id).name == "b"
    store.close()
    frozen.close()


def bounded(postgresql: Database, limit: float) -> BoundedConnection:
    connection = BoundedConnection.connect(
        host="127.0.0.1",
        port=postgresql.port,
        user=USER,
        password=PASSWORD,
        dbname=postgresql.name,
    )
    connection.limit = limit
    return connection


def sessions(postgresql: Database, asking: str) -> int:
    """How many there are whose last statement is like this."""
    found = (
        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '{}'"
    )
    return int(postgresql.rows(found.format(asking))[0][0])


def test_a_statement_that_is_given_up_leaves_no_session_that_waits_on(postgresql: Database) -> None:
    """While somebody held a lock, each request left one, until the server had no connection for anybody."""
    postgresql.execute("CREATE TABLE held (a int)")
    with contextlib.closing(postgresql.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE held")
        with pytest.raises(psycopg.OperationalError, match="no answer within"):
            bounded(postgresql, 0.1).execute("SELECT a FROM held")
        eventually(lambda: not sessions(postgresql, "SELECT a FROM held"))


def test_one_row_that_somebody_holds_keeps_a_runner_from_showing_life_on_that_run_alone(
    postgresql: Database,
) -> None:
    """All runs of the runner were taken for lost by others, and their programs killed."""
    store = Store(postgresql.url, DatabaseLimits(statement=1))
    store.open()
    runs = [record(store) for _ in range(3)]
    runner = ProcessIdentity("here", 1, 1)
    for run in runs:
        store.start_run(TENANT, run.run_id, runner)
    run_ids = [run.run_id for run in runs]
    with contextlib.closing(postgresql.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM runs WHERE run_id = %s FOR UPDATE", [run_ids[1]])
        cursor.execute("SELECT 1 FROM runs WHERE run_id = %s FOR KEY SHARE", [run_ids[2]])
        assert store.beat(runner, run_ids) == {*run_ids}
        assert [store.run(TENANT, run_id).beat for run_id in run_ids] == [2, 1, 2]
    assert store.beat(runner, run_ids) == {*run_ids}
    assert [store.run(TENANT, run_id).beat for run_id in run_ids] == [3, 2, 3]
    store.close()


def test_a_run_that_waits_and_whose_row_somebody_holds_is_passed_over(postgresql: Database) -> None:
    """Each runner waited for it, and started nothing else meanwhile, of no tenant."""
    store = Store(postgresql.url)
    store.open()
    held, other = record(store), record(store)
    with contextlib.closing(postgresql.connect()) as by_hand, by_hand.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM runs WHERE run_id = %s FOR KEY SHARE", [other.run_id])
        cursor.execute("UPDATE runs SET reason = 'by hand' WHERE run_id = %s", [held.run_id])
        assert store.queued.first(TENANT, "", 0.0) == other.run_id
    assert store.queued.first(TENANT, "", 0.0) == held.run_id
    store.close()


def test_a_commit_that_is_given_up_is_not_cancelled(postgresql: Database) -> None:
    """One that waits for a standby would be there, and lost when that takes over."""
    postgresql.execute(
        "CREATE TABLE slow (a int)",
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION late()",
    )
    connection = bounded(postgresql, 0.1)
    connection.execute("INSERT INTO slow VALUES (1)")
    with pytest.raises(psycopg.OperationalError, match="no answer within"):
        connection.commit()
    eventually(lambda: postgresql.rows("SELECT a FROM slow") == [(1,)])


def test_a_server_that_is_away_is_a_clear_error_without_the_password(postgresql: Database) -> None:
    store = Store(postgresql.url)
    store.open()
    store.create_job(TENANT, "a", GRAPH)
    with postgresql.server.connect(postgresql.port, "postgres") as other:
        other.execute(f'ALTER DATABASE "{postgresql.name}" ALLOW_CONNECTIONS false')
        postgresql.execute(END_ALL_OTHERS)
        with pytest.raises(StoreUnavailable) as unavailable:
            store.jobs(TENANT)
        other.execute(f'ALTER DATABASE "{postgresql.name}" ALLOW_CONNECTIONS true')
    assert PASSWORD not in str(unavailable.value)
    assert PASSWORD not in unavailable.value.public
    assert [job.name for job in store.jobs(TENANT)] == ["a"]
    store.close()


@pytest.mark.slow
def test_a_run_of_the_product_is_kept_in_postgresql(
    postgresql: Database, start_product: StartProduct
) -> None:
    product = start_product(DATABASE_URL=postgresql.url, SAMPLE_ORDERS="2000")
    run_id = product.execute(product.sample_job_id())
    assert product.run_end(run_id)["status"] == "completed"
    assert postgresql.value("SELECT count(*) FROM runs WHERE status = 'completed'") == 1
    assert PASSWORD not in product.log_tail()


def test_a_full_disk_of_postgresql_is_told_as_such_until_a_write_succeeds(
    postgresql: Database,
) -> None:
    store = Store(postgresql.url)
    store.open()
    job = store.create_job(TENANT, "a", GRAPH)

    def write(statement: str) -> None:
        store._write(lambda connection: connection.exec_driver_sql(statement))

    with pytest.raises(NoRoom, match="disk is full"):
        write("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$")
    with pytest.raises(NoRoom):
        store.ping()
    store.update_job(TENANT, job.job_id, "b", GRAPH)
    store.ping()
    store.close()
