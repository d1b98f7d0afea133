"""Previews against the running product: what a node gives, what goes wrong, and that nothing is written."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.documents.feeding import feeding_part
from jobs.graph.errors import GraphInvalid
from jobs.http.problems import Problem
from jobs.http.runners.files import FileRequests
from jobs.http.runners.previews import ASKING, MOST_SAID, PreviewRequests, _unpacked
from jobs.http.runners.takers import nobody_shown
from jobs.run.previews import AROUND, ROWS, Previews
from jobs.sandbox.interpreters import Interpreters
from jobs.store.process_identity import ProcessIdentity
from jobs.store.runs.runners import Takers
from jobs.work.file_questions import files_subject
from jobs.work.preview_questions import ANSWER_WAIT
from jobs.work.run_files import RunFiles, place_of_runs
from progress_lib.nats.link import Link, Message
from tests.harness import (
    DEADLINE,
    Answer,
    NatsServer,
    Product,
    StartProduct,
    eventually,
    running_product,
)
from tests.programs import allowance

URL = "sqlite:///shop.db"
TENANT = "default"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("previews") / "data"
    with running_product(data_dir, shop_database) as product:
        with sqlite3.connect(data_dir / "odd.db") as database:
            database.execute("CREATE TABLE odd (i, f, t, b, n)")
            odd = (2**60, float("inf"), "x" * 5_000, b"\x00\x01", None)
            database.execute("INSERT INTO odd VALUES (?, ?, ?, ?, ?)", odd)
        database.close()
        one = graph(query("SELECT 1 AS n"))
        assert preview(product, one, 1).status == 200, "the runner is there"
        yield product


def graph(*nodes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A chain of nodes with ids from 1 on."""
    made = [
        {"id": place, "type": kind, "name": f"{kind} {place}", "config": config}
        for place, (kind, config) in enumerate(nodes, 1)
    ]
    edges = [{"from": place, "to": place + 1} for place in range(1, len(nodes))]
    return {"nodes": made, "edges": edges}


def query(sql: str, connection: str = URL) -> tuple[str, dict[str, Any]]:
    return "db_input", {"connection": connection, "sql": sql}


def preview(product: Product, document: dict[str, Any], node_id: int, **options: Any) -> Answer:
    asked = {"graph": document, "nodeId": node_id}
    return product.ask_runner("/api/jobs/preview", asked, **options)


def preview_once(product: Product, document: dict[str, Any], node_id: int) -> Answer:
    return product.post("/api/jobs/preview", {"graph": document, "nodeId": node_id})


# ---------------------------------------------------------------- what is shown


def test_the_first_rows_of_each_node_as_they_leave_it(shop: Product) -> None:
    doubled = {"columns": [{"column": "double", "expression": "id * 2"}], "keep": ["id"]}
    document = graph(
        query("SELECT id FROM orders ORDER BY id"),
        ("filter", {"condition": "id > 10"}),
        ("map", doubled),
    )
    first = preview(shop, document, 1).json()
    assert (first["columns"], first["types"]) == (["id"], ["integer"])
    assert first["rows"] == [[n] for n in range(1, ROWS + 1)]
    assert (first["truncated"], first["timedOut"]) == (True, False)
    assert preview(shop, document, 2).json()["rows"][0] == [11]
    third = preview(shop, document, 3).json()
    assert third["columns"] == ["id", "double"]
    assert third["rows"][-1] == [10 + ROWS, 2 * (10 + ROWS)]


def test_few_rows_are_all_there_and_no_rows_are_no_error(shop: Product) -> None:
    source = query("SELECT id FROM orders WHERE id <= 3")
    few = preview(shop, graph(source), 1).json()
    assert (few["rows"], few["truncated"]) == ([[1], [2], [3]], False)
    none = preview(shop, graph(source, ("filter", {"condition": "id > 3"})), 2).json()
    assert (none["columns"], none["rows"], none["truncated"]) == (["id"], [], False)


def test_an_output_shows_what_it_would_get_and_writes_nothing(shop: Product) -> None:
    target = {"connection": "sqlite:///written.db", "table": "t", "mode": "create"}
    document = graph(query("SELECT id FROM orders WHERE id < 9"), ("db_output", target))
    assert len(preview(shop, document, 2).json()["rows"]) == 8
    assert not (shop.data_dir / "written.db").exists()


@pytest.mark.parametrize("question", ["preview", "columns", "find-types"])
def test_nothing_is_taken_out_of_a_pipe(shop: Product, question: str) -> None:
    """The rows that were looked at were missing in the run; to open the job in the editor was enough."""
    path = shop.data_dir / f"{question}.csv"
    os.mkfifo(path)
    source = ("csv_input", {"path": path.name})
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK), "r+b", buffering=0) as pipe:
        pipe.write(b"n\n1\n")
        body = {"graph": graph(source), "nodeId": 1}
        answer = shop.post(f"/api/jobs/{question}", body)
        assert f"{path.name} is a pipe, which gives each row once" in str(answer.json())
        assert pipe.read(100) == b"n\n1\n"


def test_errors_elsewhere_in_the_graph_do_not_matter(shop: Product) -> None:
    document = graph(query("SELECT 1 AS one"), ("filter", {}), ("db_output", {}))
    assert preview(shop, document, 1).json()["rows"] == [[1]]


def test_values_that_json_has_not_are_shown_as_text(shop: Product) -> None:
    document = graph(query("SELECT * FROM odd", "sqlite:///odd.db"))
    [row] = preview(shop, document, 1).json()["rows"]
    assert row[0] == str(2**60)
    assert row[1] == "Infinity"
    assert len(row[2]) == 300
    assert row[3:] == ["2 bytes", None]


def test_two_branches_that_meet_are_both_read(shop: Product) -> None:
    document = graph(query("SELECT 1 AS n"), ("filter", {"condition": "n > 0"}))
    document["nodes"].append({**document["nodes"][0], "id": 3, "config": query("SELECT 2 AS n")[1]})
    document["edges"].append({"from": 3, "to": 2})
    assert sorted(preview(shop, document, 2).json()["rows"]) == [[1], [2]]


def test_rows_that_a_node_rejects_are_left_out_or_shown_where_they_lead(shop: Product) -> None:
    share = {"columns": [{"column": "share", "expression": "10 // n"}]}
    numbers = query("SELECT 5 AS n UNION ALL SELECT 0 UNION ALL SELECT 2")
    document = graph(numbers, ("map", share), ("filter", {"condition": "n > 2"}))
    document["nodes"].append(
        {"id": 4, "type": "csv_output", "name": "Bad", "config": {"path": "bad.csv"}}
    )
    document["edges"].append({"from": 2, "to": 4, "fromPort": "rejected"})
    assert preview(shop, document, 2).json()["rows"] == [[5, 2], [2, 5]]
    assert preview(shop, document, 3).json()["rows"] == [[5, 2]]
    [bad] = preview(shop, document, 4).json()["rows"]
    assert bad == [0, "division by zero (in 10 // n)", "n", 2, "row 2"]


# ---------------------------------------------------------------- what goes wrong


def test_a_node_that_fails_is_named_with_its_reason(shop: Product) -> None:
    document = graph(query("SELECT id FROM orders"), ("filter", {"condition": "nothing > 1"}))
    answer = preview(shop, document, 2)
    assert answer.status == 422
    [error] = answer.json()["errors"]
    assert error["nodeId"] == 2
    assert "nothing" in error["message"]
    missing = preview(shop, graph(query("SELECT * FROM no_such_table")), 1)
    assert "no_such_table" in missing.json()["errors"][0]["message"]


def test_what_is_wrong_with_a_query_is_told_with_its_field_and_place(shop: Product) -> None:
    document = graph(
        query("SELECT id FROM orders"), ("sql", {"sql": "SELECT id,\n nope FROM input"})
    )
    document["edges"][0]["toPort"] = "input"
    [error] = preview(shop, document, 2).json()["errors"]
    assert (error["nodeId"], error["field"]) == (2, "sql")
    assert error["message"].endswith("(line 2, column 2)")
    document["nodes"][1]["config"]["sql"] = "SELECT count(*) AS n FROM input WHERE id <= 7"
    assert preview(shop, document, 2).json()["rows"] == [[7]]


def test_a_reason_that_comes_over_nats_is_cut_whoever_wrote_it() -> None:
    with pytest.raises(Problem) as refused:
        _unpacked({"nodeId": 1, "message": "x" * 800_000})
    [error] = refused.value.members["errors"]
    assert len(error["message"]) == len(refused.value.description or "") == MOST_SAID


def test_errors_in_what_feeds_the_node_are_all_named(shop: Product) -> None:
    document = graph(("db_input", {}), ("filter", {"condition": "id >"}))
    answer = preview(shop, document, 2)
    assert answer.status == 422
    assert {error["nodeId"] for error in answer.json()["errors"]} == {1, 2}


@pytest.mark.parametrize("node_id", [7, 0, -1, "1", None, True])
def test_a_node_that_is_not_there_is_told(shop: Product, node_id: Any) -> None:
    assert preview(shop, graph(query("SELECT 1 AS n")), node_id).status == 422


def test_statements_that_write_are_refused(shop: Product) -> None:
    writing = ("DELETE FROM orders RETURNING id", "DROP TABLE orders")
    for statement in writing:
        answer = preview(shop, graph(query(statement)), 1)
        assert answer.status == 422, statement
        assert "it must be a SELECT" in answer.json()["errors"][0]["message"]
    with sqlite3.connect(shop.data_dir / "shop.db") as database:
        assert database.execute("SELECT count(*) FROM orders").fetchone()[0] > 0
    database.close()


def test_what_takes_too_long_shows_what_it_found_or_says_so(shop: Product) -> None:
    rows = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
    endless = f"{rows} SELECT n FROM r"  # a column whose type SQLite does not know
    rare = graph(query(endless), ("filter", {"condition": "n <= 3"}))
    stuck = graph(query(f"{endless} ORDER BY n DESC"))
    answer = preview(shop, rare, 2).json()
    assert (answer["rows"], answer["truncated"], answer["timedOut"]) == (
        [[1], [2], [3]],
        True,
        True,
    )
    assert preview_once(shop, stuck, 1).status == 504
    eventually(lambda: not list((shop.data_dir / "previews").glob("*/*")))
    assert not [pid for pid in shop.left_over() if b"PREVIEW_ID" in _environ(pid)]


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def test_a_token_that_may_not_execute_gets_no_rows(shop: Product) -> None:
    token = shop.token(scope="jobs:read jobs:write")
    assert preview(shop, graph(query("SELECT 1 AS n")), 1, token=token).status == 403


def test_a_preview_is_no_run_and_no_browser_hears_of_it(shop: Product) -> None:
    with shop.websocket() as socket:
        socket.send('{"action":"subscribe","jobId":"*"}')
        assert json.loads(socket.recv(timeout=DEADLINE))["type"] == "server.state"
        assert preview(shop, graph(query("SELECT 1 AS n")), 1).status == 200
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)


def test_under_gevent_it_is_the_same(start_product: StartProduct) -> None:
    product = start_product(worker_class="gevent", SAMPLE_ORDERS="100")
    document = graph(query("SELECT 1 AS n"), ("filter", {"condition": "n > 0"}))
    assert preview(product, document, 2).json()["rows"] == [[1]]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(preview, [product] * 4, [document] * 4, [2] * 4))
    assert [answer.status for answer in answers] == [200] * 4


def test_without_a_runner_it_says_so_at_once(start_product: StartProduct) -> None:
    product = start_product(RUNNER="off", SAMPLE_ORDERS="0")
    started = time.monotonic()
    answer = preview_once(product, graph(query("SELECT 1 AS n")), 1)
    assert answer.status == 503
    assert "runner" in answer.json()["detail"]
    assert time.monotonic() - started < ANSWER_WAIT - 3.0


def test_where_nats_takes_small_messages_there_are_fewer_rows(
    start_product: StartProduct, tmp_path: Path
) -> None:
    config = tmp_path / "small.conf"
    config.write_text("max_payload: 65536\n")
    server = NatsServer(tmp_path / "small", extra=("-c", str(config)))
    server.start()
    try:
        product = start_product(NATS_URL=server.url, SAMPLE_ORDERS="0")
        lines = "".join(f"{number},{'x' * 900}\n" for number in range(200))
        (product.data_dir / "wide.csv").write_text(f"n,text\n{lines}")
        document = graph(("csv_input", {"path": "wide.csv"}))
        answer = preview(product, document, 1).json()
    finally:
        server.stop()
    assert 20 < len(answer["rows"]) < 70
    assert answer["truncated"]


# ---------------------------------------------------------------- the part that is sent


def test_only_what_feeds_the_node_is_sent() -> None:
    document = graph(query("SELECT 1 AS n"), ("filter", {"condition": "n > 0"}), ("map", {}))
    document["nodes"].append({"id": 9, "type": "csv_input", "config": {}})
    part, last = feeding_part(document, 2)
    assert [node["id"] for node in part["nodes"]] == [1, 2]
    assert part["edges"] == [{"from": 1, "to": 2}]
    assert last == [(2, None)]


def test_a_cycle_and_odd_documents_end() -> None:
    document = graph(("map", {}), ("map", {}))
    document["edges"].append({"from": 2, "to": 1})
    part, _ = feeding_part(document, 1)
    assert len(part["nodes"]) == 2
    odd: list[dict[str, Any]] = [
        {"nodes": None},
        {"nodes": [1, None, {"id": "x"}, {"id": True}], "edges": [5, {"from": 1}]},
    ]
    for one in odd:
        with pytest.raises(GraphInvalid):
            feeding_part(one, 1)


def test_an_output_that_nothing_feeds_gets_no_preview() -> None:
    with pytest.raises(GraphInvalid, match="no rows come"):
        feeding_part({"nodes": [{"id": 1, "type": "db_output"}], "edges": []}, 1)


def test_a_second_runner_leaves_the_previews_of_the_first_alone(link: Link, tmp_path: Path) -> None:
    """It removes what a runner left that was killed, and what is no runner's at all."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    gone = str(ProcessIdentity.of(dead.pid))
    dead.wait()
    alive = str(ProcessIdentity.of(os.getpid()))
    for name in (gone, alive, "0123456789abcdef"):
        (tmp_path / "previews" / name.replace("/", "+") / "a-preview").mkdir(parents=True)
    second = Previews(link, tmp_path, allowance(tmp_path), Interpreters(0))
    second.start()
    second.stop()
    left = [path.name for path in (tmp_path / "previews").iterdir()]
    assert left == [alive.replace("/", "+")]
    assert (tmp_path / "previews" / left[0] / "a-preview").exists()


def test_a_disk_without_room_is_told_without_its_path(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was “the runner failed”, and a traceback in its log."""
    previews = Previews(link, tmp_path, allowance(tmp_path), Interpreters(0))

    def full(_: Message) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path))

    monkeypatch.setattr(previews, "_answer", full)
    assert previews._outcome(Message(1, "a.subject", "", b""), 0.0) == {
        "message": "the preview could not be made: No space left on device; the runner's log says where"
    }


def test_whether_rows_are_kept_is_told_though_each_preview_waits(
    link: Link, tmp_path: Path
) -> None:
    """A run from a node waited behind previews, as those that an open editor makes, and was refused in the end."""
    files = RunFiles(tmp_path, "a" * 32)
    files.kept("default").mkdir(parents=True)
    (files.kept("default") / "2.0.parquet").touch()
    runner = Previews(link, tmp_path, allowance(tmp_path), Interpreters(0), at_once=0)
    runner.start()
    try:
        asking = PreviewRequests(link, has_many_tenants=False)
        for _ in range(ASKING):
            assert asking._places.take("default")
        place = place_of_runs(tmp_path)
        assert asking.missing("default", place, "a" * 32, [2, 3]) == [3]
    finally:
        runner.stop()


ONE_IS_THERE = Takers(frozenset({"gpu"}), untagged=True, is_any_there=True)
QUERY = {"nodes": [{"id": 1, "type": "db_input", "config": {"connection": "c", "sql": "SELECT 1"}}], "edges": []}  # fmt: skip


def test_a_runner_that_is_slow_to_take_a_question_is_waited_for(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine it was “no runner answered”, though the runner took the question a moment later."""
    monkeypatch.setattr("jobs.http.runners.previews.TAKEN_WAIT", 0.01)
    asked: list[Message] = []
    slow = link.subscribe("tenant.*.preview", asked.append, group="previews")

    def takers() -> Takers:
        """It is asked for when TAKEN_WAIT is over."""
        eventually(lambda: asked, what="the question is there")
        for said in ({"taken": True}, {"columns": ["a"], "types": ["integer"]}):
            link.publish(asked[0].reply, json.dumps(said).encode())
        return ONE_IS_THERE

    try:
        told = PreviewRequests(link, takers, has_many_tenants=False).columns(TENANT, QUERY, 1, {})
        assert told["columns"] == ["a"]
    finally:
        link.unsubscribe(slow)


@pytest.mark.parametrize(
    ("takers", "tag", "said"),
    [
        (ONE_IS_THERE, None, "the runner does not answer: it is busy"),
        (ONE_IS_THERE, "gpu", "the runner does not answer: it is busy"),
        (ONE_IS_THERE, "eu", "no runner with the tag eu answered"),
        (nobody_shown(), None, "no runner answered"),
    ],
)
def test_a_runner_that_is_there_and_does_not_answer_is_not_called_missing(
    link: Link, monkeypatch: pytest.MonkeyPatch, takers: Takers, tag: str | None, said: str
) -> None:
    monkeypatch.setattr("jobs.http.runners.previews.TAKEN_WAIT", 0.01)
    monkeypatch.setattr("jobs.http.runners.previews.BUSY_WAIT", 0.01)
    asking = PreviewRequests(link, lambda: takers, has_many_tenants=False)
    with pytest.raises(Problem, match=said) as refused:
        asking.columns(TENANT, {**QUERY, "runnerTag": tag}, 1, {})
    assert refused.value.code == 503
    if tag is None:
        files = FileRequests(link, lambda: takers, has_many_tenants=False)
        with pytest.raises(Problem, match=said):
            files._piece(files_subject(TENANT), b"{}", 0.01)


# ---------------------------------------------------------------- around a row at fault


def around(
    product: Product, document: dict[str, Any], node_id: int, number: int, place: str = ""
) -> dict[str, Any]:
    row = {"number": number, "place": place}
    body = {"graph": document, "nodeId": node_id, "around": row}
    answer = product.post("/api/jobs/preview", body)
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json()
    return told


def numbered(rows: int) -> tuple[str, dict[str, Any]]:
    to = f"WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {rows})"
    return query(f"{to} SELECT id FROM n ORDER BY id")


DIVIDE = ("map", {"columns": [{"column": "x", "expression": "1 / (id - 90000)"}]})


def test_what_comes_to_a_node_is_shown_around_the_row_at_which_its_run_failed(
    shop: Product,
) -> None:
    document = graph(numbered(120_000), ("filter", {"condition": "id % 2 == 0"}), DIVIDE)
    output = ("csv_output", {"path": "around.csv"})
    stored = graph(numbered(120_000), ("filter", {"condition": "id % 2 == 0"}), DIVIDE, output)
    run = shop.run_end(shop.execute(shop.create_job({"name": "fails", "graph": stored})))
    [failed] = [node for node in run["nodes"] if node["nodeId"] == 3]
    assert failed["fault"] == {"text": "1 / (id - 90000)", "columns": ["id"]}
    row = failed["row"]
    assert row["cells"] == [["id", "90000"]]
    told = around(shop, document, 3, row["number"], row["place"])
    assert told["rows"][told["at"]] == [90_000]
    assert told["rows"] == [[n] for n in range(90_000 - 2 * AROUND, 90_000 + 2 * AROUND + 1, 2)]
    assert told["columns"] == ["id"]


@pytest.mark.parametrize("number", [1, 2, 30, 31])
def test_at_the_ends_there_are_fewer_rows_around(shop: Product, number: int) -> None:
    told = around(shop, graph(numbered(31), DIVIDE), 2, number)
    assert told["rows"][told["at"]] == [number]
    assert told["rows"] == [
        [n] for n in range(max(1, number - AROUND), min(31, number + AROUND) + 1)
    ]


@pytest.mark.parametrize(("number", "place"), [(32, ""), (5, "line 6 of another.csv")])
def test_a_row_that_does_not_come_any_more_has_none_around_it(
    shop: Product, number: int, place: str
) -> None:
    told = around(shop, graph(numbered(31), DIVIDE), 2, number, place)
    assert (told["at"], told["rows"]) == (None, [])


def test_of_several_sources_the_row_is_that_of_the_place_told(shop: Product) -> None:
    """Both have a row 5; the failure was in the second one."""
    files = {name: "id\n" + "".join(f"{name}{n}\n" for n in range(9)) for name in ("a", "b")}
    for name, text in files.items():
        (shop.data_dir / f"{name}.csv").write_text(text)
    document = graph(("csv_input", {"path": "a.csv"}), ("csv_input", {"path": "b.csv"}), DIVIDE)
    document["edges"] = [{"from": 1, "to": 3}, {"from": 2, "to": 3}]
    told = around(shop, document, 3, 5, "line 6 of b.csv")
    assert told["rows"][told["at"]] == ["b4"]
    assert told["rows"][told["at"] - 5] == ["a8"], "what came to the node before it"


def test_of_a_join_the_rows_are_those_of_its_left_side(shop: Product) -> None:
    on = {"columns": [{"left": "id", "right": "id"}], "kind": "inner"}
    document = graph(numbered(9), query("SELECT 3 AS id"), ("join", on))
    document["edges"] = [
        {"from": 2, "to": 3, "toPort": "right"},
        {"from": 1, "to": 3, "toPort": "left"},
    ]
    told = around(shop, document, 3, 7)
    assert told["rows"][told["at"]] == [7]


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        {},
        {"number": "5"},
        {"number": 0},
        {"number": True},
        {"number": 2**63},
        {"number": 1, "place": 2},
    ],
)
def test_a_row_that_is_none_is_refused_by_its_name(shop: Product, wrong: Any) -> None:
    body = {"graph": graph(numbered(3), DIVIDE), "nodeId": 2, "around": wrong}
    answer = shop.post("/api/jobs/preview", body)
    assert answer.status == 422
    assert answer.json()["errors"][0]["field"] == "around"


def test_a_source_has_nothing_before_it_to_look_at(shop: Product) -> None:
    body = {"graph": graph(numbered(3), DIVIDE), "nodeId": 1, "around": {"number": 1}}
    answer = shop.post("/api/jobs/preview", body)
    assert answer.status == 422
    assert "no rows come to this node" in answer.json()["detail"]
