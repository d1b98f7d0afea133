"""Sources that wait for somebody else wait together, and nothing else changes: not the order, not the errors, not a stop."""

from __future__ import annotations

import csv
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from program_lib.nodes.early import Early, early
from program_lib.ports import Uncounted
from program_lib.types import INTEGER, Column, Schema
from tests.harness import eventually
from tests.programs import graph, node, outcome, run, start
from tests.servers.databases import Database
from tests.servers.http_service import Reply, Request, Service, service

PATIENCE = 30.0  # seconds until one who waits for another gives up


@pytest.fixture
def api() -> Iterator[Service]:
    with service(lambda request: []) as made:
        yield made


def two_services(api: Service, *, is_joined: bool = False) -> dict[str, Any]:
    """Two sources with an output each, or with one output for both."""
    nodes = [node(1, "http_input", url=f"{api.url}/a"), node(2, "http_input", url=f"{api.url}/b")]
    if is_joined:
        both = [node(3, "union"), node(4, "csv_output", path="all.csv")]
        return graph([*nodes, *both], [(1, 3), (2, 3), (3, 4)])
    outputs = [node(3, "csv_output", path="a.csv"), node(4, "csv_output", path="b.csv")]
    return graph([*nodes, *outputs], [(1, 3), (2, 4)])


def ids(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


# ---------------------------------------------------------------- services


def test_a_service_is_asked_while_another_one_is_waited_for(api: Service, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def answer(request: Request) -> list[dict[str, str]]:
        both.wait()  # neither answers before both are asked
        return [{"id": request.path}]

    api.answer = answer
    done = run(two_services(api), tmp_path, HTTP_INPUT_HOSTS=api.host)
    assert done.code == 0, done.stderr
    assert (ids(tmp_path / "a.csv"), ids(tmp_path / "b.csv")) == (["/a"], ["/b"])
    assert done.last(1)["message"] == done.last(2)["message"] == "1 rows read from 1 page"


def test_who_answers_first_is_not_first(api: Service, tmp_path: Path) -> None:
    is_answered = threading.Event()

    def answer(request: Request) -> list[dict[str, str]]:
        if request.path == "/a":
            assert is_answered.wait(PATIENCE)
        is_answered.set()
        return [{"id": f"{request.path} {number}"} for number in range(3)]

    api.answer = answer
    done = run(two_services(api, is_joined=True), tmp_path, HTTP_INPUT_HOSTS=api.host)
    assert done.code == 0, done.stderr
    assert ids(tmp_path / "all.csv") == [f"/{one} {n}" for one in "ab" for n in range(3)]


def test_pages_that_are_ready_are_not_told_as_read(api: Service, tmp_path: Path) -> None:
    """Of a service of many pages, the thread is ahead of what the program took."""

    def answer(request: Request) -> Reply:
        page = int(request.parameter("page") or 1)
        more = page < 5
        headers = {"Link": f'<?page={page + 1}>; rel="next"'} if more else {}
        return Reply([{"id": page}], headers=headers)

    api.answer = answer
    document = two_services(api)
    for source in document["nodes"][:2]:
        source["config"]["paging"] = "link_header"
    done = run(document, tmp_path, HTTP_INPUT_HOSTS=api.host)
    assert done.code == 0, done.stderr
    for number in (1, 2):
        told = [entry["message"] for entry in done.of_node(number) if entry["row_count"]]
        pages = [f"{n} rows read from {n} page{'s' if n > 1 else ''}" for n in range(1, 6)]
        assert [*dict.fromkeys(told)] == pages
    assert ids(tmp_path / "b.csv") == ["1", "2", "3", "4", "5"]


def test_the_first_source_that_fails_is_the_reason_whoever_failed_before(
    api: Service, tmp_path: Path
) -> None:
    has_failed = threading.Event()

    def answer(request: Request) -> Reply:
        if request.path == "/a":
            assert has_failed.wait(PATIENCE)
        has_failed.set()
        return Reply({"why": request.path}, status=404)

    api.answer = answer
    done = run(two_services(api), tmp_path, HTTP_INPUT_HOSTS=api.host)
    assert done.code == 1
    assert "/a answers 404" in done.reason(1)
    assert all(entry["status"] != "failed" for entry in done.of_node(2))
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("waits", ["silent", "asked to wait"])
def test_a_failure_and_a_stop_end_those_that_still_wait(
    api: Service, tmp_path: Path, waits: str
) -> None:
    is_over = threading.Event()

    def answer(request: Request) -> Reply:
        if request.path == "/a":
            eventually(lambda: "/b" in api.targets, what="the other one is asked")
            return Reply(status=404)
        if waits == "silent":
            is_over.wait(PATIENCE)
        return Reply(status=429, headers={"Retry-After": "500"})

    api.answer = answer
    program = start(two_services(api), tmp_path, HTTP_INPUT_HOSTS=api.host)
    done = outcome(program, tmp_path)  # it ends long before the 500 seconds, and while /b is silent
    assert done.code == 1
    assert "/a answers 404" in done.reason(1)
    api.answer = lambda request: answer(Request("/b", {}))
    api.asked.clear()
    program = start(two_services(api), tmp_path, HTTP_INPUT_HOSTS=api.host)
    eventually(lambda: {*api.targets} == {"/a", "/b"}, what="both are asked")
    program.terminate()
    assert outcome(program, tmp_path).code == 128 + signal.SIGTERM
    is_over.set()


# ---------------------------------------------------------------- databases

# Waits until as many as two sessions run it; each sees what others do now, and not as of its beginning
POSTGRESQL = """
CREATE FUNCTION together(one text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  FOR turn IN 1..3000 LOOP
    PERFORM pg_stat_clear_snapshot();
    IF (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%together(%') > 1 THEN
      PERFORM pg_sleep(0.05);
      RETURN one;
    END IF;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RAISE EXCEPTION '% is alone', one;
END $$
"""
MARIADB = """
CREATE FUNCTION together(one varchar(10)) RETURNS varchar(10) NOT DETERMINISTIC READS SQL DATA
BEGIN
  DECLARE turn int DEFAULT 0;
  DECLARE ours int;
  SET ours = GET_LOCK(CONCAT('together ', one), 0);
  WHILE turn < 3000 DO
    IF IS_USED_LOCK('together a') IS NOT NULL AND IS_USED_LOCK('together b') IS NOT NULL THEN
      SET ours = SLEEP(0.05);
      RETURN one;
    END IF;
    SET ours = SLEEP(0.01);
    SET turn = turn + 1;
  END WHILE;
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'is alone';
END
"""


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    found.execute(POSTGRESQL if request.param == "postgresql" else MARIADB)
    return found


def two_queries(sql: str) -> dict[str, Any]:
    sources = [
        node(number, "db_input", connection="OURS", sql=sql.format(one=one))
        for number, one in ((1, "a"), (2, "b"))
    ]
    outputs = [node(3, "csv_output", path="a.csv"), node(4, "csv_output", path="b.csv")]
    return graph([*sources, *outputs], [(1, 3), (2, 4)])


def test_a_database_computes_while_another_query_is_waited_for(
    database: Database, tmp_path: Path
) -> None:
    done = run(
        two_queries("SELECT together('{one}') AS id"), tmp_path, CONNECTION_OURS=database.url
    )
    assert done.code == 0, done.stderr
    assert (ids(tmp_path / "a.csv"), ids(tmp_path / "b.csv")) == (["a"], ["b"])


def test_a_stop_ends_queries_that_are_waited_for(database: Database, tmp_path: Path) -> None:
    sleep = "pg_sleep" if database.url.startswith("postgresql") else "sleep"
    program = start(
        two_queries(f"SELECT '{{one}}' AS id, {sleep}(600) AS slept"),
        tmp_path,
        CONNECTION_OURS=database.url,
    )
    table, column = (
        ("pg_stat_activity", "query")
        if sleep == "pg_sleep"
        else ("information_schema.processlist", "info")
    )
    asleep = f"SELECT count(*) FROM {table} WHERE {column} LIKE '%slept%' AND {column} NOT LIKE '%count(%'"
    eventually(lambda: database.rows(asleep)[0][0] == 2, what="both queries run")
    program.terminate()
    assert outcome(program, tmp_path).code == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("*.csv"))


# ---------------------------------------------------------------- the thread


class Numbers(Uncounted):
    """A reader that never ends, and notes what is done with it."""

    def __init__(self) -> None:
        self.given = 0
        self.interrupted = threading.Event()
        self.closed = threading.Event()

    def open(self) -> Schema:
        return Schema([Column("n", INTEGER)])

    def batches(self) -> Iterator[pa.Table]:
        while True:
            self.given += 1
            yield pa.table({"n": [self.given]})

    def where(self, number: int) -> str:
        return f"row {number}"

    def interrupt(self) -> None:
        self.interrupted.set()

    def close(self) -> None:
        self.closed.set()


def begun(reader: Numbers) -> Early:
    made = early(reader)
    made.begin()
    return made


def test_no_more_is_read_than_two_batches_ahead() -> None:
    reader = Numbers()
    made = begun(reader)
    eventually(lambda: reader.given == 2, what="one is ready, and one waits for its place")
    tables = made.batches()
    for number in range(1, 50):
        assert next(tables)["n"].to_pylist() == [number]
        assert reader.given <= number + 2
    made.close()
    assert reader.closed.wait(PATIENCE)


def test_one_that_nobody_reads_is_closed_by_its_own_thread() -> None:
    reader = Numbers()
    made = begun(reader)
    eventually(lambda: reader.given == 2)
    made.close()
    assert reader.closed.wait(PATIENCE)
    assert reader.interrupted.is_set()
    assert not made._thread.is_alive()
    made.close()  # again, as on each way out


def test_what_a_reader_raises_comes_where_its_rows_would() -> None:
    class Failing(Numbers):
        def batches(self) -> Iterator[pa.Table]:
            yield pa.table({"n": [1]})
            raise OSError("the line is dead")

    made = begun(Failing())
    assert made.open().names == ["n"]
    tables = made.batches()
    assert next(tables)["n"].to_pylist() == [1]
    with pytest.raises(OSError, match="the line is dead"):
        next(tables)
