"""Odd things that happen to a server: a clear error, a cap, or it just works.

| fault | how it is made | what must hold |
|---|---|---|
| disk full | DATA_DIR on a small tmpfs that is filled (as root) | execute and the run say so; once there is room, all works |
| database locked | another process holds the write lock for seconds | execute waits, the run ends truly; longer: 503 that says so |
| a log of 1 GB | a program that writes it | 16 MiB are kept, the end of the log says what was dropped, the run completes |
| 10,000 lines on stderr at once | a program that does so, then fails | all in the log, the reason quotes the last five |
| a NATS payload of 1 MB | published as progress of a job, by a stranger and by a program | browsers and the run go on; the state kept is small |
| a job's name with odd characters | HTML, quotes, emoji, RTL, 200 of them; line breaks, NUL, 201 | it comes back as it was and its program runs; or 422 that names it |
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.store.connections.database import ReadOnly
from jobs.store.records import Run
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store, StoreUnavailable
from jobs.work.program_log import LOG_CAP
from progress_lib.nats.link import Link
from tests.faults.handwritten import GOOD, UNTIL_TOLD, Programs, the_only, web_worker
from tests.faults.watching import Watcher
from tests.harness import DEADLINE, ROOT, Product, eventually

OTHERS_JOB = 777  # of someone else's programs
SMALL = 48 * 1024 * 1024  # bytes of the small disk: nats-server wants some, and programs

SHOUTS = """
say(1, "running", 1)
line = b"x" * 1023 + b"\\n"
for _ in range(1024):
    os.write(1, line * 1024)
say(1, "completed", 1); say(2, "completed", 1); reporter.close()
"""
COMPLAINS = """
say(1, "running", 1)
reporter.close()
sys.stderr.write("".join(f"complaint {number}\\n" for number in range(10_000)))
sys.exit(7)
"""
BIG_WORDS = """
say(1, "running", 1, "m" * 1_000_000)
say(1, "completed", 2, "n" * 3_000_000)
say(2, "completed", 1)
reporter.close()
"""
NAMES = [
    "<script>alert('x')</script><b>&amp;</b>",
    "\"quotes\" 'single' `back` \\ \\\\ \\n {{ 7*7 }} {% x %} $(reboot) ${HOME} %s #",
    '"""',
    "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 \u202eright to left\u202c שלום مرحبا",
    "./../../etc/passwd; DROP TABLE jobs; --",
    "界" * 200,
]
REFUSED = ["", "   ", "two\nlines", "carriage\rreturn", "nul\0nul", "sep\u2028arator", "x" * 201]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One product for all that must not harm it, with a small table to copy."""
    product = Product(tmp_path_factory.mktemp("odds") / "var", SAMPLE_ORDERS="0")
    product.data_dir.mkdir()
    database = sqlite3.connect(product.data_dir / "in.db")
    database.execute("CREATE TABLE rows (id INTEGER)")
    database.executemany("INSERT INTO rows VALUES (?)", [(1,), (2,), (3,)])
    database.commit()
    database.close()
    try:
        product.start()
        yield product
    finally:
        product.end()
        print(product.log_tail())


@pytest.fixture
def programs(server: Product) -> Iterator[Programs]:
    with Programs(server) as programs:
        yield programs


def log_of(product: Product, run: Run) -> bytes:
    answer = product.get(f"/api/runs/{run.run_id}/log?format=text")
    assert answer.status == 200, answer
    return answer.body


# ---- the disk


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of SMALL bytes."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a full disk; only root may mount a small one")
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        mount("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(disk))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"NOT TESTED: a full disk; this root may not mount: {error}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """A file that leaves no room at all."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def test_on_a_full_disk_errors_are_clear_and_with_room_again_all_works(
    small_disk: Path,
) -> None:
    product = Product(small_disk / "var", SAMPLE_ORDERS="0")
    try:
        product.start()
        with Programs(product) as programs:
            run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
            with Watcher(product, run.job_id, OTHERS_JOB) as watcher:
                ballast = fill(small_disk)
                ready = product.get("/readyz", token=None)  # before anybody has tried to write
                assert (ready.status, ready.json()["database"]) == (503, "full")
                answer = product.post("/api/jobs", {"name": "one more", "graph": {}})
                assert answer.status == 503, answer
                assert "full" in answer.json()["detail"]
                assert product.get("/healthz", token=None).status == 200
                assert product.get("/api/jobs").status == 200
                eventually(lambda: product.figures()["progress_database_up"] == 0)
                programs.let_go(run)
                eventually(lambda: watcher.nodes()[2]["status"] == "completed")
                flood(product.nats_url)
                ballast.unlink()
                assert programs.ended(run).status is RunStatus.COMPLETED
                eventually(lambda: watcher.statuses()[-1:] == ["completed"])
            assert product.post("/api/jobs", {"name": "one more", "graph": {}}).status == 201
            assert product.get("/readyz", token=None).json()["database"] == "ok"
            eventually(lambda: product.get("/readyz", token=None).json()["history"] == "on")
            after = programs.record(GOOD)
            eventually(lambda: programs.queue(after))
            assert programs.ended(after).status is RunStatus.COMPLETED
        assert "Traceback" not in product.log()
    finally:
        product.end()
        print(product.log_tail())
        nats_log = product.data_dir / "nats.log"
        print(nats_log.read_text()[-3000:] if nats_log.exists() else "no nats.log")


def test_a_file_system_that_became_read_only_is_told_until_it_is_not(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk / 'progress.db'}"
    store = Store(url)
    store.open()
    store.close()
    mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(StoreUnavailable):
        store.open()  # as a worker does that begins now, and serves
    with pytest.raises(ReadOnly, match="file system"):
        store.ping()
    mount("-o", "remount,rw", str(small_disk))
    store.ping()
    store.close()


def flood(nats_url: str) -> None:
    """8 MB of history that no disk has room for."""
    link = Link(nats_url, name="flood")
    link.start()
    try:
        assert link.wait_up(DEADLINE)
        head = '{"nodeId":1,"nodeName":"n","status":"running","rowCount":1,"message":"'
        payload = (head + "m" * 8_000 + '"}').encode()
        for _ in range(1_000):
            link.publish(f"tenant.default.job.{OTHERS_JOB}.progress", payload)
        assert link.flush(5.0)
    finally:
        link.close()


# ---- the database


def lock_database(path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """Another process that holds the write lock; returns once it does."""
    code = (
        "import sqlite3, sys, time\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\n"
        "database.execute('BEGIN IMMEDIATE'); print('held', flush=True)\n"
        "time.sleep(float(sys.argv[2])); database.execute('ROLLBACK')\n"
    )
    command = [sys.executable, "-c", code, str(path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"held\n"
    return process


def test_on_a_full_disk_the_end_of_one_part_ends_no_other(small_disk: Path) -> None:
    product = Product(small_disk / "var", SAMPLE_ORDERS="0")
    try:
        product.start()
        with Programs(product) as programs:
            run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
            before = parts_of(product)
            ballast = fill(small_disk)
            os.kill(before["nats-server"], signal.SIGKILL)
            eventually(lambda: "cannot be noted" in product.log())
            ballast.unlink()
            eventually(product.is_ready)
            eventually(
                lambda: parts_of(product).get("nats-server") not in (None, before["nats-server"])
            )
            after = parts_of(product)
            for part in ("supervisor", "runner"):
                assert after[part] == before[part], product.log_tail()
            programs.let_go(run)
            assert programs.ended(run).status is RunStatus.COMPLETED
    finally:
        product.end()
        print(product.log_tail())


def parts_of(product: Product) -> dict[str, int]:
    return {process.role: process.pid for process in product.processes()}


def test_a_disk_that_is_full_from_the_first_is_told_in_a_line(small_disk: Path) -> None:
    data_dir = small_disk / "var"
    data_dir.mkdir()
    fill(small_disk)
    command = [sys.executable, "-m", "hosting.embedded.supervisor", "--nats", "own"]
    environment = {**os.environ, "DATA_DIR": str(data_dir)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_database_that_is_locked_for_seconds_delays_and_loses_nothing(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    with Watcher(server, run.job_id) as watcher:
        holder = lock_database(server.data_dir / "progress.db", 4.0)
        programs.let_go(run)
        answer = server.post("/api/jobs", {"name": "waits", "graph": {}})
        assert answer.status == 201
        assert programs.ended(run).status is RunStatus.COMPLETED
        eventually(lambda: watcher.statuses()[-1:] == ["completed"])
        assert holder.wait(DEADLINE) == 0


@pytest.mark.waits
def test_a_database_that_stays_locked_is_told_and_waited_for(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    with Watcher(server, run.job_id) as watcher:
        holder = lock_database(server.data_dir / "progress.db", 60.0)
        programs.let_go(run)
        answer = server.post("/api/jobs", {"name": "too long", "graph": {}})
        assert holder.poll() is None, "it is still locked"
        holder.kill()
        assert (answer.status, answer.header("Retry-After")) == (503, "2")
        assert "locked" in answer.json()["detail"]
        assert server.get("/api/jobs").status == 200
        assert programs.ended(run).status is RunStatus.COMPLETED
        eventually(lambda: watcher.statuses()[-1:] == ["completed"])
        assert holder.wait(DEADLINE) == -signal.SIGKILL


# ---- what programs say


@pytest.mark.timeout(90)
def test_a_log_of_a_gigabyte_is_capped_and_the_run_completes(
    server: Product, programs: Programs
) -> None:
    runner = the_only(server, "jobs.runner")
    before = peak_memory(runner)
    run = programs.execute(SHOUTS)
    assert programs.ended(run, 60.0).status is RunStatus.COMPLETED
    log = log_of(server, run)
    assert LOG_CAP < len(log) < LOG_CAP + 200
    dropped = 1024 * 1024 * 1024 - LOG_CAP
    assert log.endswith(
        f"[log capped at {LOG_CAP:,} bytes: {dropped:,} more were dropped]\n".encode()
    )
    assert peak_memory(runner) - before < 64 << 20


def peak_memory(pid: int) -> int:
    """Bytes that the process had resident at most."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line
    ]
    return int(line.split()[1]) * 1024


def test_ten_thousand_lines_on_stderr_are_logged_and_the_last_ones_are_the_reason(
    server: Product, programs: Programs
) -> None:
    run = programs.execute(COMPLAINS)
    end = programs.ended(run)
    assert (end.status, end.exit_code) == (RunStatus.FAILED, 7)
    last = "\n".join(f"complaint {number}" for number in range(9_995, 10_000))
    assert end.reason == f"exit code 7: {last}"
    assert log_of(server, run).count(b"complaint") == 10_000


def test_a_program_with_big_words_is_heard_to_its_end(server: Product, programs: Programs) -> None:
    run = programs.record(BIG_WORDS)
    with Watcher(server, run.job_id) as watcher:
        programs.queue(run)
        assert programs.ended(run).status is RunStatus.COMPLETED
        eventually(lambda: watcher.statuses()[-1:] == ["completed"])
        assert watcher.is_open
        assert watcher.nodes()[1]["rowCount"] == 2
    assert programs.states(run)[1][:2] == ("completed", 2)
    assert server.get(f"/api/runs/{run.run_id}").status == 200


def test_a_payload_of_a_megabyte_from_a_stranger_disturbs_nobody(
    server: Product, programs: Programs
) -> None:
    run = programs.running(programs.execute(UNTIL_TOLD), nodes=2)
    subject = f"tenant.default.job.{run.job_id}.progress"
    worker, runner = web_worker(server), the_only(server, "jobs.runner")
    link = Link(server.nats_url, name="stranger")
    link.start()
    try:
        assert link.wait_up(DEADLINE)
        with Watcher(server, run.job_id) as watcher:
            head = f'{{"runId":"{run.run_id}","nodeId":2,"nodeName":"n","status":"running","rowCount":8,"message":"'
            megabyte = 1 << 20
            link.publish(subject, b"\xff" * megabyte)
            link.publish(subject, b"[" * megabyte)
            link.publish(subject, head.encode() + b"m" * (megabyte - len(head) - 2) + b'"}')
            with pytest.raises(ValueError, match=r"1.?048.?576"):
                link.publish(subject, b"x" * (megabyte + 1))
            assert link.flush(5.0)
            programs.let_go(run)
            assert programs.ended(run).status is RunStatus.COMPLETED
            eventually(lambda: watcher.statuses()[-1:] == ["completed"])
            assert watcher.is_open
            assert watcher.nodes()[2]["status"] == "completed"
    finally:
        link.close()
    assert (web_worker(server), the_only(server, "jobs.runner")) == (worker, runner)


# ---- names


@pytest.mark.parametrize("name", NAMES)
def test_a_job_with_an_odd_name_comes_back_as_it_was_and_runs(server: Product, name: str) -> None:
    nodes = [
        {
            "id": 1,
            "type": "db_input",
            "name": name[:60],
            "config": {"connection": "sqlite:///in.db", "table": "rows"},
        },
        {
            "id": 2,
            "type": "csv_output",
            "name": name[:60],
            "config": {"path": "out.csv"},
        },
    ]
    graph = {"nodes": nodes, "edges": [{"from": 1, "to": 2}]}
    job_id = server.create_job({"name": name, "graph": graph})
    assert server.get(f"/api/jobs/{job_id}").json()["name"] == name
    with Watcher(server, job_id) as watcher:
        end = server.run_end(server.execute(job_id))
        assert end["status"] == "completed", end
        eventually(lambda: watcher.statuses()[-1:] == ["completed"])
        assert {node["nodeName"] for node in watcher.nodes().values()} == {name[:60]}
    assert [node["rowCount"] for node in end["nodes"]] == [3, 3]


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_is_no_line_is_refused_and_named(server: Product, name: str) -> None:
    answer = server.post("/api/jobs", {"name": name, "graph": {}})
    assert answer.status == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "name"
    assert "one line of 1 to 200 characters" in error["message"]
