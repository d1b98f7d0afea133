"""Runs under faults: any process may be killed at any moment, and each run still has a true end.

| fault | how it is made | what must hold |
|---|---|---|
| the queue is lost | nats-server's store is deleted while a run waits | the run starts within 30 s, once |
| the runner dies | kill -9 mid-run | the program is ended, never doubled; `lost` within 45 s, browsers see it |
| the supervisor of runner and nats-server dies | kill -9 of hosting.embedded.supervisor, alone and with the master | another takes them over; the run is untouched; a stop leaves nothing |
| a web worker dies | kill -9 mid-run | the run is untouched, who comes back sees its end |
| the master dies | kill -9 mid-run, and a new master on the same DATA_DIR | the run is untouched, its end is seen |
| nats-server dies | kill -9 mid-run | the run is untouched, its end is seen |
| the server is restarted | SIGTERM with 2 runs running and 3 queued | the 2 are cancelled, the 3 run |
| the machine goes down | kill -9 of every process then | the 2 are lost, the 3 run |
| two runners | a second one on the same queue, 10 runs | each run starts once, both do work |
| the program dies | kill -9 of it; an exception | every open node is closed with signal, or exit code and stderr |
| a deaf program | ignores SIGTERM, with a grandchild that left the group | cancel ends them all, twice is harmless |
| cancel while rows are written | a real job, cancelled | the table is as it was, the counts are the last true ones |
| cancel in the queue | its slot is taken by another run | immediate; it never starts |
| nobody takes a run, no node starts, silence, no end, no obedience | programs that do so | each has its own reason |
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.run.execution.ending import KILLED_BY
from jobs.store.records import Run
from jobs.store.runs.run_states import RunStatus
from tests.faults.handwritten import (
    FOR_EVER,
    GOOD,
    UNTIL_TOLD,
    Programs,
    kill,
    processes,
    program_pid,
    the_only,
    web_worker,
)
from tests.faults.watching import Watcher
from tests.harness import DEADLINE, ROOT, NatsServer, Product, StartProduct, eventually, is_alive
from tests.programs import chain, node

RUNNER, SUPERVISOR, NATS = "jobs.runner", "hosting.embedded.supervisor", "nats-server"
READY = 60.0  # seconds until a part that died serves again
LOST = 45.0  # seconds until a run whose runner died has its end

STRAY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"],
                         start_new_session=True)
open("grandchild.tmp", "w").write(str(child.pid)); import os; os.rename("grandchild.tmp", "grandchild")
time.sleep(600)
"""
DEAF = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {STRAY!r}])
wait_for_file("grandchild")
{FOR_EVER}
"""
DUMB = "\ntime.sleep(600)\n"  # never reports anything
TALKING = """
rows = 0
while True:
    rows += 1
    say(1, "running", rows)
    time.sleep(0.2)
"""


@pytest.fixture
def server(start_product: StartProduct) -> Product:
    return start_product(SAMPLE_ORDERS="0")


@pytest.fixture
def programs(server: Product) -> Iterator[Programs]:
    with Programs(server) as programs:
        yield programs


def is_ready(product: Product) -> bool:
    return product.get("/readyz", token=None).status == 200


def told_end(watcher: Watcher, status: str) -> None:
    """The browser hears this end, and it is the last word."""
    eventually(lambda: watcher.statuses()[-1:] == [status], what=f"{status} is told")
    assert watcher.messages[-1]["type"] == "job.status"


# ---- a part of the product dies


def test_a_run_whose_queue_message_was_lost_is_queued_again_and_starts_once(
    nats_server: NatsServer, start_product: StartProduct, tmp_path: Path
) -> None:
    product = start_product(NATS_URL=nats_server.url, SAMPLE_ORDERS="0", MAX_CONCURRENT_RUNS="1")
    with Programs(product) as programs:
        first = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
        waiting = programs.execute(GOOD)
        nats_server.stop()
        shutil.rmtree(nats_server.directory / "jetstream")
        nats_server.start()
        with Watcher(product, waiting.job_id) as watcher:
            eventually(lambda: watcher.statuses() == ["queued"])
            programs.let_go(first)
            assert programs.ended(waiting).status is RunStatus.COMPLETED
            told_end(watcher, "completed")
        assert programs.ended(first).status is RunStatus.COMPLETED
        assert (programs.starts(first), programs.starts(waiting)) == (1, 1)


def test_a_killed_runner_loses_its_run_ends_the_program_and_browsers_see_it(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(FOR_EVER))
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: watcher.rows() == [7])
        kill(the_only(server, RUNNER))
        end = programs.ended(run, LOST)
        assert (end.status, end.reason) == (
            RunStatus.LOST,
            "the runner died while the run went on",
        )
        told_end(watcher, "lost")
        closed = watcher.nodes()[1]
        assert (closed["status"], closed["rowCount"], closed["message"]) == (
            "failed",
            7,
            end.reason,
        )
        eventually(lambda: not is_alive(program_pid(run)))
        assert programs.starts(run) == 1
        after = programs.execute(GOOD)
        assert programs.ended(after).status is RunStatus.COMPLETED


def test_what_the_program_of_a_killed_runner_was_writing_is_removed(server: Product) -> None:
    endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c"
    source = node(1, "db_input", connection="sqlite:///:memory:", sql=endless)
    graph = chain(source, node(2, "csv_output", path="out.csv"))
    run_id = server.execute(server.create_job({"name": "endless", "graph": graph}))

    def parts() -> list[Path]:
        return list(server.data_dir.glob(".out.csv.*.part"))

    eventually(lambda: server.get(f"/api/runs/{run_id}").json()["nodes"] and parts(), LOST)
    kill(the_only(server, RUNNER))
    assert server.run_end(run_id, LOST)["status"] == "lost"
    eventually(lambda: parts() == [], what="the unfinished file is removed")
    assert not (server.data_dir / "out.csv").exists()


def test_a_killed_nats_server_leaves_the_run_alone(server: Product, programs: Programs) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: len(watcher.nodes()) == 2)
        kill(the_only(server, NATS))
        programs.let_go(run)
        assert programs.ended(run).status is RunStatus.COMPLETED
        told_end(watcher, "completed")
        assert {node["status"] for node in watcher.nodes().values()} == {"completed"}
    assert programs.starts(run) == 1


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_killed_web_worker_leaves_the_run_alone(
    start_product: StartProduct, worker_class: str
) -> None:
    server = start_product(SAMPLE_ORDERS="0", worker_class=worker_class)
    with Programs(server) as programs:
        run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
        with Watcher(server, run.job_id) as before:
            worker = web_worker(server)
            kill(worker)
            eventually(lambda: not before.is_open)
        eventually(lambda: is_ready(server), READY)
        with Watcher(server, run.job_id) as watcher:
            eventually(lambda: watcher.nodes()[2]["rowCount"] == 7)
            programs.let_go(run)
            assert programs.ended(run).status is RunStatus.COMPLETED
            told_end(watcher, "completed")
        assert (programs.starts(run), programs.now(run).program_pid) == (1, run.program_pid)


def test_a_new_master_takes_over_from_one_that_was_killed(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    parts = [the_only(server, part) for part in (SUPERVISOR, NATS)]
    runner, worker = the_only(server, RUNNER), web_worker(server)
    server.kill()
    eventually(lambda: not is_alive(worker), READY, what="the worker leaves without its master")
    server.start_again()
    assert [the_only(server, part) for part in (SUPERVISOR, NATS)] == parts
    assert runner in processes(server, RUNNER), "another one is beside it"
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: watcher.nodes()[2]["rowCount"] == 7)
        programs.let_go(run)
        assert programs.ended(run).status is RunStatus.COMPLETED
        told_end(watcher, "completed")
    assert programs.starts(run) == 1
    after = programs.execute(GOOD)
    assert programs.ended(after).status is RunStatus.COMPLETED
    assert server.stop() == 0
    assert not server.left_over()


def test_a_killed_supervisor_is_replaced_and_nothing_it_kept_is_touched(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    parts = [the_only(server, part) for part in (NATS, RUNNER)]
    supervisor = the_only(server, SUPERVISOR)
    kill(supervisor)
    eventually(lambda: the_only(server, SUPERVISOR) != supervisor, READY)
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: len(watcher.nodes()) == 2)
        programs.let_go(run)
        assert programs.ended(run).status is RunStatus.COMPLETED
        told_end(watcher, "completed")
    assert [the_only(server, part) for part in (NATS, RUNNER)] == parts
    kill(*parts)  # the new supervisor does what the old one did
    eventually(lambda: the_only(server, RUNNER) not in parts, READY)
    after = programs.execute(GOOD)
    assert programs.ended(after, LOST).status is RunStatus.COMPLETED
    assert server.stop() == 0
    assert not server.left_over()


def test_after_master_and_supervisor_were_killed_a_start_takes_over_what_they_left(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    parts = [the_only(server, part) for part in (NATS, RUNNER)]
    worker, supervisor = web_worker(server), the_only(server, SUPERVISOR)
    os.kill(supervisor, signal.SIGSTOP)  # or it sees the master's end, and its runner drains
    server.kill()
    kill(supervisor)
    eventually(lambda: not is_alive(worker), READY, what="the worker leaves without its master")
    server.start_again()
    assert [the_only(server, part) for part in (NATS, RUNNER)] == parts
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: len(watcher.nodes()) == 2)
        programs.let_go(run)
        assert programs.ended(run).status is RunStatus.COMPLETED
        told_end(watcher, "completed")
    assert server.stop() == 0
    assert not server.left_over()


# ---- all of it ends, two share it


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_after_a_restart_with_two_running_and_three_queued_all_five_end_truly(
    start_product: StartProduct, way: str
) -> None:
    server = start_product(SAMPLE_ORDERS="0", MAX_CONCURRENT_RUNS="2")
    with Programs(server) as programs:
        two = [programs.running(programs.execute(FOR_EVER)) for _ in range(2)]
        three = [programs.execute(GOOD) for _ in range(3)]
        if way == "stopped":
            assert server.stop() == 0
        else:
            server.kill()
            eventually(lambda: kill_all(server), what="nothing lives")
        assert {programs.now(run).status for run in three} == {RunStatus.QUEUED}
        server.start_again()
        with Watcher(server, *(run.job_id for run in (*two, *three))) as watcher:
            ends = {programs.ended(run, LOST).status for run in two}
            assert ends == {RunStatus.CANCELLED if way == "stopped" else RunStatus.LOST}
            for run in two:
                assert programs.states(run)[1][:2] == ("failed", 7)
            for run in three:
                assert programs.ended(run, LOST).status is RunStatus.COMPLETED
            eventually(lambda: watcher.statuses().count("completed") == 3)
        assert [programs.starts(run) for run in (*two, *three)] == [1] * 5


def kill_all(product: Product) -> bool:
    """kill -9 of all that lives; whether nothing did."""
    living = product.left_over()
    kill(*living)
    return not living


@contextmanager
def second_runner(product: Product) -> Iterator[int]:
    environment = {**product.environment(), "NATS_URL": product.nats_url}
    with product.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", RUNNER], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        yield process.pid
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait(DEADLINE)


def test_two_runners_share_the_queue_and_each_run_starts_once(
    start_product: StartProduct,
) -> None:
    server = start_product(SAMPLE_ORDERS="0", MAX_CONCURRENT_RUNS="1")
    with Programs(server) as programs, second_runner(server):
        # one run in each runner's only slot shows that both take runs
        holders = [programs.execute(UNTIL_TOLD) for _ in range(2)]
        for run in holders:
            programs.running(run, nodes=2)
        others = [programs.execute(GOOD) for _ in range(8)]
        for run in holders:
            programs.let_go(run)
        with Watcher(server, *(run.job_id for run in (*holders, *others))) as watcher:
            for run in (*holders, *others):
                assert programs.ended(run, 40.0).status is RunStatus.COMPLETED
            eventually(lambda: watcher.statuses().count("completed") == 10)
        assert [programs.starts(run) for run in (*holders, *others)] == [1] * 10
        assert len({programs.now(run).runner for run in holders}) == 2


# ---- the program dies


def test_a_killed_program_closes_its_open_nodes_with_the_signal(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    with Watcher(server, run.job_id) as watcher:
        eventually(lambda: len(watcher.nodes()) == 2)
        kill(program_pid(run))
        end = programs.ended(run)
        told_end(watcher, "failed")
        assert (end.status, end.reason, end.exit_code) == (
            RunStatus.FAILED,
            f"signal SIGKILL: {KILLED_BY}",
            -signal.SIGKILL,
        )
        assert watcher.nodes()[1]["status"] == "completed"
        closed = watcher.nodes()[2]
        assert (closed["status"], closed["rowCount"], closed["message"]) == (
            "failed",
            7,
            f"signal SIGKILL: {KILLED_BY}",
        )


def test_a_program_that_raises_closes_its_open_nodes_with_the_last_lines_of_stderr(
    server: Product, programs: Programs
) -> None:
    body = "\nsay(1, 'running', 3); reporter.close(); raise ValueError('no such <table>')\n"
    run = programs.execute(body)
    end = programs.ended(run)
    assert (end.status, end.exit_code) == (RunStatus.FAILED, 1)
    status, rows, message = programs.states(run)[1]
    assert (status, rows) == ("failed", 3)
    for text in (message, end.reason or ""):
        assert text.startswith("exit code 1: ")
        assert "ValueError: no such <table>" in text


# ---- cancel


def cancel(product: Product, run: Run | str) -> tuple[int, dict[str, Any]]:
    run_id = run if isinstance(run, str) else run.run_id
    answer = product.post(f"/api/runs/{run_id}/cancel")
    return answer.status, answer.json()


def test_cancel_ends_a_program_that_ignores_it_and_a_grandchild_that_left_the_group(
    start_product: StartProduct,
) -> None:
    # confined, a program starts no other
    server = start_product(SAMPLE_ORDERS="0", RUN_CANCEL_TIMEOUT="1", PROGRAM_LANDLOCK="off")
    with Programs(server) as programs:
        run = programs.running(programs.execute(DEAF))
        family = processes_of_run(server, run)
        assert len(family) == 3
        with Watcher(server, run.job_id) as watcher:
            eventually(lambda: watcher.rows() == [7])
            assert cancel(server, run)[0] == 202
            assert cancel(server, run)[0] == 202
            end = programs.ended(run)
            assert (end.status, end.reason, end.exit_code) == (
                RunStatus.CANCELLED,
                "cancelled",
                -signal.SIGKILL,
            )
            told_end(watcher, "cancelled")
            assert watcher.nodes()[1]["rowCount"] == 7
            assert watcher.statuses().count("cancelled") == 1
        eventually(lambda: not any(is_alive(pid) for pid in family))
        status, document = cancel(server, run)
        assert (status, document["status"]) == (200, "cancelled")


def processes_of_run(product: Product, run: Run) -> list[int]:
    mark = f"RUN_ID={run.run_id}".encode()
    found = []
    for pid in product.left_over():
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


def test_a_cancelled_job_leaves_its_table_as_it_was_and_tells_true_counts(
    start_product: StartProduct,
) -> None:
    server = start_product()
    output = server.data_dir / "copy.db"
    with closing(sqlite3.connect(output)) as database:
        database.execute("CREATE TABLE copy (id INTEGER)")
        database.execute("INSERT INTO copy VALUES (-1)")
        database.commit()
    job_id = server.create_job(copy_job())
    with Watcher(server, job_id) as watcher:
        run_id = server.execute(job_id)
        eventually(lambda: watcher.rows(2)[-1] >= 1000)
        assert cancel(server, run_id)[0] == 202
        end = server.run_end(run_id)
        assert (end["status"], end["reason"]) == ("cancelled", "cancelled")
        told_end(watcher, "cancelled")
        counts = {node["nodeId"]: node["rowCount"] for node in end["nodes"]}
        assert counts == {node_id: watcher.rows(node_id)[-1] for node_id in (1, 2)}
        assert {node["status"] for node in end["nodes"]} == {"failed"}
        read, written = watcher.rows(1), watcher.rows(2)
    assert read == sorted(read)
    most = written.index(max(written))
    assert 0 < written[most] <= counts[1]
    assert written[:most] == sorted(written[:most])
    assert set(written[most + 1 :]) == {0}, "what was written is taken back"
    assert counts[2] == 0
    with closing(sqlite3.connect(output)) as database:
        assert database.execute("SELECT id FROM copy").fetchall() == [(-1,)]


def copy_job() -> dict[str, Any]:
    """Reads far more rows than a test waits for, from a query, into copy.db."""
    endless = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 900000000) "
        "SELECT CAST(id AS INTEGER) AS id FROM n"
    )
    config = {"connection": "sqlite:///copy.db", "table": "copy", "mode": "append"}
    nodes = [
        {
            "id": 1,
            "type": "db_input",
            "config": {"connection": "sqlite:///shop.db", "sql": endless},
        },
        {"id": 2, "type": "db_output", "config": config},
    ]
    return {"name": "Copy", "graph": {"nodes": nodes, "edges": [{"from": 1, "to": 2}]}}


def test_a_queued_run_is_cancelled_at_once_and_never_starts(start_product: StartProduct) -> None:
    server = start_product(SAMPLE_ORDERS="0", MAX_CONCURRENT_RUNS="1")
    with Programs(server) as programs:
        holder = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
        waiting = programs.execute(GOOD)
        with Watcher(server, waiting.job_id) as watcher:
            status, document = cancel(server, waiting)
            assert (status, document["status"]) == (200, "cancelled")
            assert document["reason"] == "cancelled before it started"
            told_end(watcher, "cancelled")
            assert cancel(server, waiting)[0] == 200
        programs.let_go(holder)
        assert programs.ended(holder).status is RunStatus.COMPLETED
        after = programs.execute(GOOD)  # behind it in the queue
        assert programs.ended(after).status is RunStatus.COMPLETED
        assert programs.starts(waiting) == 0
        assert programs.now(waiting).status is RunStatus.CANCELLED


# ---- time-outs


def test_each_time_out_is_a_setting_and_has_a_reason_of_its_own(
    start_product: StartProduct,
) -> None:
    server = start_product(
        SAMPLE_ORDERS="0",
        MAX_CONCURRENT_RUNS="4",
        RUN_QUEUED_TIMEOUT="16",  # a busy machine takes its time to take four runs
        RUN_START_TIMEOUT="16",  # and to bring three to their first word
        RUN_SILENCE_TIMEOUT="12",
        RUN_TIMEOUT="24",
        RUN_CANCEL_TIMEOUT="1",
        PROGRAM_LANDLOCK="off",  # confined, a program starts no other, as the deaf one does
    )
    with Programs(server) as programs:
        start, silence, run, deaf = [
            programs.execute(body) for body in (DUMB, FOR_EVER, TALKING, DEAF)
        ]
        late = programs.execute(GOOD, tag="nowhere")  # there is no such runner
        reasons = {programs.ended(each).reason for each in (start, silence, run, late)}
        assert reasons == {
            "time-out: waited longer than 16 s in the queue",
            "time-out: no node started within 16 s",
            "time-out: no progress for 12 s",
            "time-out: ran longer than 24 s",
        }
        assert {programs.now(each).status for each in (start, silence, run, late)} == {
            RunStatus.FAILED
        }
        assert programs.ended(deaf).exit_code == -signal.SIGKILL  # after SIGTERM and 1 s
        assert programs.starts(late) == 0
