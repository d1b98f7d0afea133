"""A gevent worker: the loop goes on while SQLite waits for a lock, or a disk deletes a thousand directories."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.store.records import Move, NewRun
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.work.run_files import RunFiles
from progress_lib.nats.link import Link
from tests.harness import ROOT
from tests.jobs.conftest import GRAPH, TENANT, record
from tests.jobs.http.test_api import new_app

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import json, sqlite3, sys, time
import gevent
from jobs.store.store import Store
path = sys.argv[1]
store = Store(f"sqlite:///{path}")
store.open()
job = store.create_job("acme", "a", {})
stalls, last = [0.0], [time.monotonic()]

def tick():
    while True:
        gevent.sleep(0.01)
        now = time.monotonic()
        stalls.append(now - last[0])
        last[0] = now

def locked():
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    time.sleep(1.0)
    holder.execute("COMMIT")

ticking = gevent.spawn(tick)
holding = gevent.get_hub().threadpool.spawn(locked)
gevent.sleep(0.2)
writes = [gevent.spawn(store.update_job, "acme", job.job_id, f"n{n}", {}) for n in range(5)]
reads = [gevent.spawn(store.job, "acme", job.job_id) for _ in range(20)]
writes += [gevent.spawn(store.installation.note_made, "PROGRESS")]
gevent.joinall([*writes, *reads], timeout=30, raise_error=True)
gevent.sleep(0.05)  # a tick sees the stall that it was kept from
pool = store._database._engine.pool
shared = [type(part).__module__ for part in (*vars(pool).values(), *vars(pool._pool).values())]
locks = [module for module in shared if module.split(".")[0] in ("gevent", "threading")]
done = all(g.successful() for g in writes + reads)
print(json.dumps({"stall": max(stalls), "done": done, "locks": locks}))
"""


def printed_by(program: str, directory: Path) -> str:
    """What a program prints that is given a database in this directory."""
    answer = subprocess.run(
        [sys.executable, "-c", program, str(directory / "progress.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_locked_database_stalls_no_gevent_worker_whose_threads_share_locks_of_the_system(
    tmp_path: Path,
) -> None:
    seen = json.loads(printed_by(PROGRAM, tmp_path))
    assert seen["done"]
    assert seen["stall"] < 0.5, seen
    assert seen["locks"] == [], (
        "gevent's lose wake-ups between native threads, which waited for ever"
    )


FIRST_CONNECTIONS = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
import sqlalchemy as sa
from gevent.monkey import get_original
from jobs.store.connections.database import Database
from jobs.store.connections.native_thread import off_the_loop
native_sleep = get_original("time", "sleep")
engine = Database(f"sqlite:///{sys.argv[1]}")._new_engine()
sa.event.listen(engine, "connect", lambda *_: native_sleep(0.003))
asking = [gevent.spawn(off_the_loop, lambda: engine.connect().close()) for _ in range(10)]
gevent.joinall(asking, timeout=30, raise_error=True)
print(sum(one.successful() for one in asking))
"""


def test_first_connections_that_are_made_at_once_wait_for_each_other_and_not_for_ever(
    tmp_path: Path,
) -> None:
    """As where the database is back, and everybody asks: of ten a few were made, and each request after them waited for ever."""
    assert printed_by(FIRST_CONNECTIONS, tmp_path) == "10\n"


HANGING = """
from gevent import monkey
monkey.patch_all()
import json, sys
import gevent
from gevent.monkey import get_original
from jobs.store.store import Store, StoreUnavailable
from settings.defaults import DatabaseLimits
hang = get_original("_thread", "allocate_lock")()
hang.acquire()
store = Store("postgresql+psycopg://nobody@127.0.0.1:1/none", DatabaseLimits(pool=2, pool_wait=0.1))
store._database.check_takes_writes = lambda: hang.acquire(timeout=20) and hang.release()
asking = [gevent.spawn(store.ping) for _ in range(9)]
gevent.joinall(asking[2:], timeout=10)
file = gevent.get_hub().threadpool.spawn(lambda: "read").get(timeout=10)
name = gevent.socket.getaddrinfo("localhost", 80)[0][4][1]
waiting = [one.ready() for one in asking]
hang.release()
gevent.joinall(asking, timeout=10)
said = {str(one.exception) for one in asking if one.exception is not None}
print(json.dumps([waiting, file, name, sorted(said), sum(one.successful() for one in asking)]))
"""


def test_a_database_that_hangs_holds_up_only_as_many_as_have_connections_and_no_files_or_names(
    tmp_path: Path,
) -> None:
    """Each of a hundred browsers waited for the time-outs of those before it, for minutes, and /readyz with them."""
    waiting, file, name, said, done = json.loads(printed_by(HANGING, tmp_path))
    assert waiting == [False] * 2 + [True] * 7
    assert (file, name) == ("read", 80)
    assert said == ["all 2 connections to the database were in use for 0.1 s"]
    assert done == 2


KILLED = """
from gevent import monkey
monkey.patch_all()
import gevent
from gevent.monkey import get_original
from jobs.store.connections.native_thread import NativeThreads, NoThreadFree
hang = get_original("_thread", "allocate_lock")()
hang.acquire()
threads = NativeThreads(1, 0.1)
began = []
killed = gevent.spawn(threads.run, lambda: began.append(1) or hang.acquire(timeout=20) and hang.release())
while not began:
    gevent.sleep(0.01)
killed.kill()
later = gevent.spawn(threads.run, lambda: "done")
later.join(timeout=5)
print(later.ready() and type(later.exception).__name__)
hang.release()
later.join()
threads.wait = 20
print(threads.run(lambda: "done"))
"""


def test_a_thread_whose_greenlet_is_killed_is_free_when_it_has_ended(tmp_path: Path) -> None:
    """The next one had its place at once, and waited for the thread itself, without a bound."""
    assert printed_by(KILLED, tmp_path).split() == ["NoThreadFree", "done"]


def test_files_of_runs_are_read_and_deleted_where_they_stall_no_gevent_worker(
    store: Store, link: Link, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job with a thousand runs that was deleted held up all connections of the worker for seconds."""
    off: list[str] = []

    def noted(call: Callable[..., object], *given: object) -> object:
        off.append(call.__name__)
        return call(*given)

    for module in ("jobs.routes", "runs.routes", "runs.logs"):
        monkeypatch.setattr(f"jobs.http.{module}.off_the_loop", noted)
    client = new_app(store, link, data_dir).test_client()
    first = record(store)
    files = [RunFiles(data_dir, first.run_id)]
    store.move_run(TENANT, first.run_id, Move(RunStatus.QUEUED, RunStatus.CANCELLED))
    second = store.record_run(TENANT, NewRun(first.job_id, GRAPH, "")).run
    store.move_run(TENANT, second.run_id, Move(RunStatus.QUEUED, RunStatus.CANCELLED))
    files.append(RunFiles(data_dir, second.run_id))
    for of_run in files:
        of_run.write_program("")
    assert client.get(f"/api/runs/{first.run_id}/log").status_code == 200
    assert client.delete(f"/api/runs/{first.run_id}").status_code == 204
    assert client.delete(f"/api/jobs/{first.job_id}").status_code == 204
    assert not any(of_run.directory.exists() for of_run in files)
    assert off == ["_on_this_disk", "remove_files", "remove_files"]
