"""Rows that are committed on the way: what stands is what is told, whatever fails, and wherever."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from program_lib.databases import turns, write_rows
from program_lib.databases.committing import CommittingWriter
from program_lib.errors import ProgramError
from program_lib.ports import Committing, is_committing
from program_lib.types import INTEGER, Column, Schema
from program_lib.write_modes import INSERT_OR_IGNORE, LEAST_COMMITTED
from tests.harness import eventually
from tests.program_lib.databases.test_programs_on_databases import environment
from tests.program_lib.databases.test_upsert import Sqlite, Target
from tests.program_lib.moving import rows_of, say
from tests.programs import chain, execute, graph, node, outcome, run, start
from tests.servers.databases import Database

TYPES = [{"column": "id", "type": "integer"}]


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    made: Target = (
        Sqlite(tmp_path / "t.db")
        if request.param == "sqlite"
        else request.getfixturevalue(request.param)
    )
    made.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(9) NOT NULL)")
    return made


def put(directory: Path, *rows: tuple[Any, Any]) -> None:
    lines = "".join(f"{number},{name}\n" for number, name in rows)
    (directory / "in.csv").write_text(f"id,name\n{lines}")


def numbered(first: int, last: int) -> list[tuple[Any, Any]]:
    return [(n, f"n{n}") for n in range(first, last + 1)]


def about(target: Target) -> tuple[str, dict[str, str]]:
    """The connection of an output, and the variables of its program."""
    if isinstance(target, Sqlite):
        return "sqlite:///t.db", {}
    return "TARGET", environment(target)


def job(target: Target, **config: Any) -> dict[str, Any]:
    connection, _ = about(target)
    settings = {"mode": "append", "commit_rows": 1000, "table": "t", **config}
    source = node(1, "csv_input", path="in.csv", types=TYPES)
    return chain(source, node(2, "db_output", "Shop", connection=connection, **settings))


def written(target: Target, directory: Path, **config: Any) -> Any:
    return run(job(target, **config), directory, **about(target)[1])


def ids(target: Target) -> list[int]:
    return [number for (number,) in target.rows("SELECT id FROM t ORDER BY id")]


# ---------------------------------------------------------------- what stands


def test_who_commits_on_the_way_is_known_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at each of its names would read `turn`, in an order that differs from process to process."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    for noted in ("_ALONE", "_SHARED"):
        monkeypatch.setattr(turns, noted, set())
    for database in ("t.db", "u.db"):
        (tmp_path / database).touch()
    plain = write_rows("sqlite:///t.db", "t", "append")
    assert not is_committing(plain)
    assert is_committing(write_rows("sqlite:///u.db", "t", "append", commit_rows=1_000))
    with pytest.raises(TypeError, match="runtime_checkable"):
        isinstance(plain, Committing)  # type: ignore[misc]


def test_all_rows_are_written(target: Target, tmp_path: Path) -> None:
    put(tmp_path, *numbered(1, 2500))
    done = written(target, tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 2500)), done.stderr
    assert done.last(2)["message"] == "2,500 rows written"
    assert ids(target) == list(range(1, 2501))


def test_a_row_at_fault_leaves_what_was_committed_and_says_so(
    target: Target, tmp_path: Path
) -> None:
    put(tmp_path, *numbered(1, 2300), (7, "double"), *numbered(2301, 2600))
    done = written(target, tmp_path)
    assert done.code == 1
    assert ids(target) == list(range(1, 2001))
    assert done.state(2) == ("failed", 2000)
    assert done.reason(2).endswith("; 2,000 rows of Shop are committed, and stand")
    assert done.last(2)["row"][0] == 2301
    said = [entry["message"] for entry in done.of_node(2)]
    assert "2,000 rows written: 300 were taken back" in said or any(
        text.startswith("2,000 rows written: ") for text in said
    )


def test_another_node_that_fails_tells_what_stands(target: Target, tmp_path: Path) -> None:
    put(tmp_path, *numbered(1, 1500), ("x", "y"))
    done = written(target, tmp_path)
    assert done.code == 1
    assert "line 1,502 of in.csv" in done.reason(1)
    stands = ids(target)
    assert len(stands) in (0, 1000)  # the first rows may come with the bad one
    assert ("1,000 rows of Shop are committed" in done.reason(1)) == bool(stands)
    assert done.last(2)["row_count"] == len(stands)


@pytest.mark.parametrize("count", [1000, 2000, 0, 999])
def test_the_last_rows_are_committed_with_the_run(
    target: Target, tmp_path: Path, count: int
) -> None:
    put(tmp_path, *numbered(1, count))
    done = written(target, tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", count)), done.stderr
    assert len(ids(target)) == count


def test_rejected_rows_leave_and_the_others_are_committed(target: Target, tmp_path: Path) -> None:
    rows = numbered(1, 2500)
    rows[1200:1200] = [(5, "double"), (6, "double")]
    put(tmp_path, *rows)
    document = job(target)
    document["nodes"].append(node(3, "csv_output", path="bad.csv"))
    document["edges"].append({"from": 2, "to": 3, "fromPort": "rejected"})
    done = run(document, tmp_path, **about(target)[1])
    assert (done.code, done.state(2)) == (0, ("completed", 2500)), done.stderr
    assert ids(target) == list(range(1, 2501))
    assert (tmp_path / "bad.csv").read_text().count("double") == 2


@pytest.mark.parametrize(
    ("mode", "told", "left"),
    [
        ("upsert", "2,500 rows written: 1,500 inserted, 1,000 updated", 2500),
        ("update", "2,500 rows: 1,000 updated, 1,500 not there", 1000),
        ("insert_or_ignore", "2,500 rows: 1,500 inserted, 1,000 ignored", 2500),
    ],
)
def test_what_became_of_rows_with_a_key_is_told_of_all_transactions(
    target: Target, tmp_path: Path, mode: str, told: str, left: int
) -> None:
    target.execute(f"INSERT INTO t VALUES {', '.join(f'({n}, 0)' for n in range(1, 1001))}")
    put(tmp_path, *numbered(1, 2500))
    done = written(target, tmp_path, mode=mode, key=["id"])
    assert (done.code, done.last(2)["message"]) == (0, told), done.stderr
    assert len(ids(target)) == left


def test_a_run_that_is_repeated_with_a_key_ends_where_it_should(
    target: Target, tmp_path: Path
) -> None:
    put(tmp_path, *numbered(1, 1500), (1501, ""), (1502, "much too long for it"))
    settings: dict[str, Any] = {"mode": "upsert", "key": ["id"]}
    assert written(target, tmp_path, **settings).code == 1
    put(tmp_path, *numbered(1, 2500))
    (tmp_path / "progress.jsonl").unlink()
    done = written(target, tmp_path, **settings)
    assert (done.code, len(ids(target))) == (0, 2500), done.stderr


def test_a_program_that_is_stopped_tells_what_stands(tmp_path: Path) -> None:
    """The source is a pipe, which gives 1,500 rows and then waits."""
    target = Sqlite(tmp_path / "t.db")
    target.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(9) NOT NULL)")
    os.mkfifo(tmp_path / "in.csv")
    process = start(job(target), tmp_path)
    with (tmp_path / "in.csv").open("w") as pipe:
        pipe.write("id,name\n" + "".join(f"{n},x\n" for n in range(1500)))
        pipe.flush()
        eventually(lambda: len(ids(target)) == 1000)
        progress = tmp_path / "progress.jsonl"
        eventually(lambda: "1,500 rows written, 1,000 of them committed" in progress.read_text())
        process.send_signal(signal.SIGTERM)
        done = outcome(process, tmp_path)
    assert done.code != 0
    assert ids(target) == list(range(1000))
    assert done.last(2)["row_count"] == 1000
    assert done.last(2)["message"] == "1,000 rows written: 500 were taken back"


# ---------------------------------------------------------------- what does not go together


def test_an_output_that_commits_is_alone_in_its_database(target: Target, tmp_path: Path) -> None:
    target.execute("CREATE TABLE u (id int PRIMARY KEY, name varchar(9) NOT NULL)")
    put(tmp_path, *numbered(1, 10))
    connection, variables = about(target)
    for other in (None, 1000):
        document = job(target)
        document["nodes"].append(
            node(3, "db_output", connection=connection, mode="append", table="u", commit_rows=other)
        )
        document["edges"].append({"from": 1, "to": 3})
        done = run(document, tmp_path, **variables)
        assert done.code == 1
        assert "another" in done.stderr
        assert ids(target) == []


def test_a_sqlite_file_that_the_job_reads_takes_commits(tmp_path: Path) -> None:
    """A file that programs write has its journal in WAL mode, so that who reads it is in nobody's way."""
    target = Sqlite(tmp_path / "t.db")
    numbers = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 120000)"
    execute(
        target.path,
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9) NOT NULL)",
        "CREATE TABLE s AS " + numbers + " SELECT n AS id, 'x' AS name FROM c",
    )
    document = job(target)
    document["nodes"][0] = node(1, "db_input", connection="sqlite:///t.db", table="s")
    done = run(document, tmp_path)
    assert (done.code, done.state(2)) == (0, ("completed", 120_000)), done.stderr
    assert len(ids(target)) == 120_000


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"mode": "create"}, "goes with the modes append, upsert, update, insert_or_ignore, and not with create"),
        ({"mode": "replace"}, "and not with replace"),
        ({"commit_rows": 999}, "must be 1,000 rows or more"),
        ({"commit_rows": 10_000_001}, "between 0 and 10,000,000"),
        ({"before": "DELETE FROM t"}, "do not go together"),
        ({"after": "DELETE FROM t"}, "do not go together"),
    ],
)  # fmt: skip
def test_a_graph_in_which_it_does_not_make_sense_is_refused(
    tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(GraphInvalid) as invalid:
        parse_graph(job(Sqlite(tmp_path / "t.db"), **config))
    [error] = invalid.value.errors
    assert (error.node_id, error.field) == (2, "commit_rows")
    assert said in error.message


@pytest.mark.parametrize(
    "asks",
    [
        lambda url: write_rows(url, "t", "create", commit_rows=1000),
        lambda url: write_rows(url, "t", "append", commit_rows=1),
        lambda url: write_rows(url, "t", "append", before="DELETE FROM t", commit_rows=1000),
    ],
)
def test_a_program_in_which_it_does_not_make_sense_is_refused(
    tmp_path: Path, asks: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_ALONE", "_SHARED"):
        monkeypatch.setattr(turns, name, set())
    monkeypatch.setattr("program_lib.files.data_files.data_roots", lambda: (tmp_path,))
    (tmp_path / "t.db").touch()
    with pytest.raises(ProgramError):
        asks(f"sqlite:///{tmp_path / 't.db'}")


def test_of_two_connections_to_one_database_one_may_not_commit_alone(
    postgresql: Database, tmp_path: Path
) -> None:
    """The same database by another spelling of its URL."""
    postgresql.execute("CREATE TABLE t (id int)", "CREATE TABLE u (id int)")
    put(tmp_path, *numbered(1, 3))
    settings: dict[str, Any] = {"mode": "append", "commit_rows": 1000}
    keep = node(4, "select", columns=[{"column": "id"}])
    outputs = [
        node(n, "db_output", connection=name, table=table, **settings)
        for n, name, table in ((2, "TARGET", "t"), (3, "SOURCE", "u"))
    ]
    source = node(1, "csv_input", path="in.csv", types=TYPES)
    document = graph([source, keep, *outputs], [(1, 4), (4, 2), (4, 3)])
    url = postgresql.url.replace("postgresql://", "postgresql+psycopg://")
    done = run(document, tmp_path, **{**environment(postgresql), "CONNECTION_SOURCE": url})
    assert done.code == 1
    assert "is the only one of its database" in done.stderr


@pytest.mark.parametrize(
    ("kind", "option"), [("postgresql", "application_name=o"), ("mariadb", "connect_timeout=29")]
)
def test_beside_an_output_by_another_url_it_begins_transaction_after_transaction(
    kind: str, option: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one was refused its own table, since the other output kept what the first one had claimed."""
    for noted in ("_ALONE", "_SHARED"):
        monkeypatch.setattr(turns, noted, set())
    database: Database = request.getfixturevalue(kind)
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY)", "CREATE TABLE u (id bigint)")
    rows = rows_of({"id": INTEGER}, [(n,) for n in range(LEAST_COMMITTED)])
    with ExitStack() as stack:
        writer = write_rows(
            database.url, "t", INSERT_OR_IGNORE, ["id"], commit_rows=LEAST_COMMITTED
        )
        other = write_rows(f"{database.url}?{option}", "u", "append")
        for one in writer, other:
            stack.callback(one.undo)
            one.start(say)
            one.open(Schema([Column("id", INTEGER)]))
        assert isinstance(writer, CommittingWriter)
        for _ in range(2):
            writer.write(rows)
            writer.commit_full()
    assert database.value("SELECT count(*) FROM t") == LEAST_COMMITTED
