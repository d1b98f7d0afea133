"""SQL before and after the rows of an output: in their transaction, all or nothing with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from program_lib.databases import write_rows
from program_lib.databases.around import Around, StatementFailed
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.errors import ProgramError
from program_lib.ports import Writer
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.databases.test_upsert import Sqlite, Target
from tests.program_lib.moving import rows_of, say
from tests.programs import chain, node, run

ROW = {"id": INTEGER}


@pytest.fixture(params=["postgresql", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    made: Target = (
        Sqlite(tmp_path / "t.db")
        if request.param == "sqlite"
        else request.getfixturevalue("postgresql")
    )
    made.execute(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "INSERT INTO t VALUES (1), (2)",
        "CREATE TABLE log (said varchar(20))",
    )
    return made


def writer_of(target: Target, before: str = "", after: str = "", mode: str = "append") -> Writer:
    if isinstance(target, Sqlite):
        return SqliteWriter(target.path, "t", mode, (), Around(before, after))
    return write_rows(target.url, "t", mode, before=before, after=after)


def into_log(target: Target, after: str) -> Writer:
    if isinstance(target, Sqlite):
        return SqliteWriter(target.path, "log", "append", (), Around("", after))
    return write_rows(target.url, "log", "append", after=after)


def write(writer: Writer, *batches: list[Any], commits: bool = True) -> None:
    try:
        writer.start(say)
        writer.open(Schema([Column("id", INTEGER)]))
        for batch in batches:
            writer.write(rows_of(ROW, batch))
        writer.finish()
        if commits:
            writer.commit()
    finally:
        writer.undo()


def finish_and_commit(writers: list[Writer]) -> None:
    for writer in writers:
        writer.finish()
    for writer in writers:
        writer.commit()


BEFORE = "DELETE FROM t WHERE id = 1"
AFTER = "INSERT INTO log SELECT '100% of ' || count(*) FROM t"


def test_one_runs_before_the_first_row_and_one_after_the_last(target: Target) -> None:
    write(writer_of(target, BEFORE, AFTER), [(1,)], [(3,)])
    assert target.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,)]
    assert target.rows("SELECT said FROM log") == [("100% of 3",)]


@pytest.mark.parametrize("statement", ["DELETE FROM t", "DELETE FROM nowhere"])
def test_one_runs_before_the_rows_of_other_outputs_too(target: Target, statement: str) -> None:
    """What an output had written was deleted again, as another one had its first row later."""
    writers = [writer_of(target), writer_of(target, statement)]
    try:
        for writer in writers:
            writer.start(say)
            writer.open(Schema([Column("id", INTEGER)]))
        if "nowhere" in statement:
            with pytest.raises(StatementFailed, match=r"^SQL before the rows of t: "):
                writers[0].write(rows_of(ROW, [(3,)]))
            return
        for number, writer in enumerate(writers, 3):
            writer.write(rows_of(ROW, [(number,)]))
        finish_and_commit(writers)
    finally:
        for writer in writers:
            writer.undo()
    assert target.rows("SELECT id FROM t ORDER BY id") == [(3,), (4,)]


def test_one_runs_after_the_rows_of_other_outputs_too(target: Target) -> None:
    """It counted the rows of before, where that output replaced them at its end."""
    writers = [into_log(target, AFTER), writer_of(target, mode="replace")]
    try:
        for writer in writers:
            writer.start(say)
        writers[0].open(Schema([Column("said", TEXT)]))
        writers[1].open(Schema([Column("id", INTEGER)]))
        finish_and_commit(writers)  # no rows: the second empties its table now
    finally:
        for writer in writers:
            writer.undo()
    assert target.rows("SELECT said FROM log") == [("100% of 0",)]


def test_they_run_without_rows_too(target: Target) -> None:
    write(writer_of(target, BEFORE, AFTER))
    assert target.rows("SELECT said FROM log") == [("100% of 1",)]


def test_they_are_undone_with_the_rows(target: Target) -> None:
    write(writer_of(target, BEFORE, AFTER), [(3,)], commits=False)
    assert target.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert target.rows("SELECT said FROM log") == []


@pytest.mark.parametrize("statement", ["DELETE FROM nowhere", "DELETE FROM log; DELETE FROM t"])
def test_one_that_fails_says_which_and_names_no_row(target: Target, statement: str) -> None:
    with pytest.raises(StatementFailed, match=r"^SQL before the rows of t: "):
        write(writer_of(target, before=statement), [(3,)])
    with pytest.raises(StatementFailed, match=r"^SQL after the rows of t: "):
        write(writer_of(target, after=statement), [(3,)])
    assert target.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


def test_after_rows_that_are_refused_it_still_runs_once(target: Target) -> None:
    writer = writer_of(target, before="INSERT INTO log VALUES ('began')")
    try:
        writer.start(say)
        writer.open(Schema([Column("id", INTEGER)]))
        with pytest.raises(Exception, match=r"(?i)unique"):
            writer.write(rows_of(ROW, [(3,), (2,)]))
        writer.write(rows_of(ROW, [(3,)]))
        writer.finish()
        writer.commit()
    finally:
        writer.undo()
    assert target.rows("SELECT said FROM log") == [("began",)]
    assert target.rows("SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("url", ["mysql://h/d", "oracle://h/d"])
def test_they_are_refused_where_not_all_can_be_taken_back(url: str) -> None:
    with pytest.raises(ProgramError, match=r"SQL after the rows is for PostgreSQL and SQLite"):
        write_rows(url, "t", "append", after="DELETE FROM log")


@pytest.mark.parametrize(
    "statement",
    ["COMMIT", "TRUNCATE t", "COPY t TO PROGRAM 'id'", "-- x\nDELETE FROM t", "deleted"],
)
def test_what_is_no_change_of_rows_is_refused_before_the_run(statement: str) -> None:
    with pytest.raises(ProgramError, match="must be one INSERT, UPDATE or DELETE"):
        write_rows("postgresql://h/d", "t", "append", before=statement)


def test_a_program_says_which_failed_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    made = Sqlite(tmp_path / "t.db")
    made.execute("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    source = node(1, "db_input", connection="sqlite://", sql="SELECT 7 AS id UNION SELECT 8")
    places = {"connection": "sqlite:///t.db", "table": "t", "mode": "append"}
    sink = node(2, "db_output", **places, before="DELETE FROM t", after="UPDATE t SET x = 1")
    ended = run(chain(source, sink), tmp_path)
    assert ended.code == 1
    assert "SQL after the rows of t: no such column: x" in ended.reason(2)
    assert made.rows("SELECT id FROM t") == [(1,)]
    sink = node(2, "db_output", **places, before="DELETE FROM t WHERE x = 1")
    ended = run(chain(source, sink), tmp_path)
    assert "SQL before the rows of t: no such column: x" in ended.reason(2)
    assert "(row" not in ended.reason(2)
