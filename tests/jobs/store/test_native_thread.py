"""Database calls in a gevent worker: the loop goes on while SQLite waits for a lock."""

import json
import subprocess
import sys
from pathlib import Path

from tests.harness import ROOT

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
print(json.dumps({"stall": max(stalls), "done": all(g.successful() for g in writes + reads)}))
"""


def test_a_locked_database_does_not_stall_a_gevent_worker(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "progress.db")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert seen["done"]
    assert seen["stall"] < 0.5, seen
