"""A database of each earlier release becomes one of today with all that is in it; one that cannot is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app import create_app
from hosting.start import prepare
from jobs.store.connections.database import Database as JobDatabase
from jobs.store.connections.database import Locked
from jobs.store.migration import LATEST, MIGRATIONS, SchemaUnusable
from jobs.store.records import NewRun, Rows, RunFilter
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.store.tables import METADATA
from jobs.store.webhooks.records import Told
from settings import Settings
from settings.defaults import DatabaseLimits
from tests.jobs.conftest import GRAPH
from tests.servers.databases import Database

RELEASES = Path(__file__).parent / "releases"
STEPS = sorted({path.name.partition(".")[0] for path in RELEASES.iterdir()})
TENANT = "default"  # of what the files of releases hold
Sql = Callable[..., None]


@pytest.fixture
def sql(database_url: str) -> Sql:
    """Executes statements, or a file of them, in the database of the test."""

    def execute(*statements: str) -> None:
        engine = sa.create_engine(database_url)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            for statement in statements:
                if engine.dialect.name == "sqlite":
                    driver.executescript(statement)
                else:
                    driver.execute(statement)
            driver.commit()
        engine.dispose()

    return execute


@pytest.fixture
def released(database_url: str, sql: Sql) -> Callable[[str], None]:
    """Fills the database with what a release had at a step."""
    kind = database_url.partition("+")[0].partition(":")[0]
    return lambda step: sql((RELEASES / f"{step}.{kind}.sql").read_text(encoding="utf-8"))


def opened(database_url: str) -> Store:
    store = Store(database_url)
    store.open()
    return store


def of_newer_release(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0999'"))
    engine.dispose()


def differences(database_url: str) -> list[object]:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = list(compare_metadata(context, METADATA))
        assert context.get_current_revision() == LATEST
    engine.dispose()
    return found


def test_the_last_step_is_the_one_that_new_databases_get(database_url: str) -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == LATEST
    opened(database_url).close()
    assert differences(database_url) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_database_of_an_earlier_release_is_brought_up_to_date_with_all_that_is_in_it(
    step: str, database_url: str, released: Callable[[str], None]
) -> None:
    released(step)
    store = opened(database_url)
    assert differences(database_url) == []
    [job] = store.jobs(TENANT)
    assert [run.status for run in store.runs(TENANT, RunFilter(job_id=job.job_id))] == [
        RunStatus.RUNNING,
        RunStatus.LOST,
        RunStatus.FAILED,
        RunStatus.COMPLETED,
    ]
    *_, completed = store.runs(TENANT, RunFilter(job_id=job.job_id))
    assert [n.progress.row_count for n in store.run_with_nodes(TENANT, completed.run_id)[1]] == [
        5,
        5,
    ]
    assert store.program(TENANT, completed.run_id) == "print('program')\n"
    assert [job.name for job in store.jobs("acme")] == ["Ünïcode 'job'"]
    if step >= "0003":
        [failed] = store.runs(TENANT, RunFilter(statuses=frozenset({RunStatus.FAILED})))
        assert (failed.parameters, failed.attempts) == ({"day": "2026-11-27"}, 3)
    if step >= "0004":
        assert (completed.started_by, completed.rows) == ("ann", Rows(5, 5, 0))
    if step >= "0005":
        [webhook] = store.webhooks.all_of(TENANT)
        assert webhook.ends == {Told.FAILED, Told.LOST}
        assert [due.webhook_id for due in store.webhooks.due()] == [webhook.webhook_id]
    new = store.create_job(TENANT, "new", GRAPH)
    assert new.job_id == 3
    assert store.record_run(TENANT, NewRun(new.job_id, GRAPH, "")).is_new
    store.close()
    opened(database_url).close()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "UPDATE alembic_version SET version_num = '0999'",
            r"a newer release .*0999.*start that release",
        ),
        ("UPDATE alembic_version SET version_num = 'a1b2c3'", "belongs to another program"),
        ("DELETE FROM alembic_version", "belongs to another program"),
        ("DROP TABLE alembic_version; ALTER TABLE runs DROP COLUMN beat", r"no column runs\.beat"),
        # each request was answered 503, by a server that said it was ready
        (
            "ALTER TABLE runs DROP COLUMN traceparent",
            rf"no column runs\.traceparent, though .* {LATEST}",
        ),
        ("DROP TABLE run_logs", r"no column run_logs\.run_id, though"),
        (
            "DROP TABLE alembic_version; DROP TABLE run_logs; DROP TABLE node_states",
            r"no column node_states\.",
        ),
    ],
)
def test_a_database_that_no_step_leads_from_is_refused_and_left_alone(
    change: str, sentence: str, database_url: str, sql: Sql
) -> None:
    opened(database_url).close()
    sql(change)
    for _ in range(2):
        with pytest.raises(SchemaUnusable, match=re.compile(sentence)):
            opened(database_url)


def test_a_step_that_fails_leaves_the_database_as_it_was(
    database_url: str, released: Callable[[str], None], sql: Sql
) -> None:
    released("0001")
    sql("CREATE INDEX runs_by_end ON runs (ended_at)")  # the last thing that step 0002 makes
    with pytest.raises(Exception, match="runs_by_end"):
        opened(database_url)
    sql("DROP INDEX runs_by_end")
    opened(database_url).close()
    assert differences(database_url) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_would_change_tables_that_others_use_gives_way_and_comes_again(
    postgresql: Database, released: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for an hour behind a report or a backup, and the release of before behind it: all of its requests were 503."""
    monkeypatch.setattr("jobs.store.connections.postgresql._WAIT_FOR_TABLES", 20)
    released("0008")
    with postgresql.connect() as report, report.transaction():
        report.execute("SELECT FROM runs")
        store = Store(postgresql.url, DatabaseLimits())
        with pytest.raises(Locked, match="others use them, as a backup"):
            store.open()
        assert postgresql.value("SELECT count(*) FROM runs") > 0
    store.open()
    store.close()
    assert differences(postgresql.url) == []


def test_who_starts_while_somebody_locks_a_table_waits_for_a_moment_only(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that began during a VACUUM FULL waited for it, for an hour at most, and nobody was answered, not even /healthz."""
    monkeypatch.setattr("jobs.store.connections.postgresql._WAIT_FOR_TABLES", 20)
    opened(postgresql.url).close()
    store = Store(postgresql.url, DatabaseLimits())
    with postgresql.connect() as other, other.transaction():
        other.execute("LOCK TABLE runs")
        with pytest.raises(Locked, match="tables are locked by others, as by"):
            store.open()
        store.ping()
    store.open()
    assert store.jobs(TENANT) == []
    store.close()


def test_no_limit_that_sessions_have_by_default_ends_a_change_of_tables(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index of 200,000 runs takes seconds: where the role has a statement_timeout below that, no new release ever started."""
    limits = ("statement_timeout", "lock_timeout")
    for limit in limits:
        postgresql.execute(f"ALTER DATABASE {postgresql.name} SET {limit} = '7s'")
    seen: list[object] = []
    monkeypatch.setattr(
        "jobs.store.connections.database.bring_up_to_date",
        lambda connection: seen.extend(
            connection.exec_driver_sql(f"SHOW {limit}").scalar() for limit in limits
        ),
    )
    database = JobDatabase(postgresql.url, DatabaseLimits())
    database.open()
    with database.write() as connection:  # one that changes no tables
        seen.append(connection.exec_driver_sql("SHOW statement_timeout").scalar())
    database.close()
    assert seen == ["0", "0", "7s"]


def test_the_preparation_waits_for_tables_that_others_use(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([Locked("in use"), None])

    def opens(_: Store) -> None:
        if (error := next(answers)) is not None:
            raise error

    monkeypatch.setattr(Store, "open", opens)
    monkeypatch.setattr(prepare, "LOCKED_PAUSE", 0.0)
    prepare._opened(Settings.from_env({"DATA_DIR": str(data_dir)})).close()
    assert next(answers, "no more") == "no more"


STARTERS = 4


def test_processes_that_start_together_on_an_old_database_change_it_once(
    database_url: str, released: Callable[[str], None]
) -> None:
    released("0001")
    start = "import sys; from jobs.store.store import Store; Store(sys.argv[1]).open()"
    command = [sys.executable, "-c", start, database_url]
    starters = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(STARTERS)
    ]
    said = [starter.communicate(timeout=60)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * STARTERS, said
    assert sum("are brought from step 0001" in text for text in said) == 1
    assert differences(database_url) == []


def test_each_step_has_a_database_that_it_leads_on_from() -> None:
    """Keep a small one of the step before, when a step is added."""
    revisions = {step.revision for step in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    assert revisions - {LATEST} == set(STEPS)


def test_a_worker_that_takes_another_ones_place_goes_on_with_a_newer_database(
    data_dir: Path,
) -> None:
    """During an upgrade its end ended the old server with all browsers and runs, as soon as one worker was replaced."""
    url = f"sqlite:///{data_dir / 'progress.db'}"
    opened(url).close()
    of_newer_release(url)
    app = create_app(
        Settings.from_env({"DATA_DIR": str(data_dir), "NATS_URL": "nats://127.0.0.1:1"})
    )
    parts = app.extensions["parts"]
    parts.start()
    try:
        assert parts.store.jobs(TENANT) == []
        parts.store.ping()
    finally:
        parts.close()


@pytest.mark.parametrize("module", ["hosting.start.prepare", "jobs.runner"])
def test_who_starts_on_a_newer_database_ends_with_one_line(module: str, data_dir: Path) -> None:
    url = f"sqlite:///{data_dir / 'progress.db'}"
    opened(url).close()
    of_newer_release(url)
    environ = {**os.environ, "DATA_DIR": str(data_dir), "NATS_URL": "nats://127.0.0.1:1"}
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "DATABASE_URL: the database was made by a newer release" in done.stderr
    assert "Traceback" not in done.stderr
