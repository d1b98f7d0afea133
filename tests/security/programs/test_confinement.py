"""The second wall: what hostile code in a program would reach, if somebody ever got it in there."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.sandbox import confinement, landlock
from tests.faults.handwritten import Programs
from tests.harness import IN_CI, ROOT, Product, eventually, running_product
from tests.jobs import conftest as runs
from tests.programs import allowance, chain, node
from tests.warm import kill_warm_interpreter

pytestmark = pytest.mark.skipif(
    not landlock.abi() and not IN_CI, reason="this kernel offers no Landlock"
)

OURS, THEIRS = "acme", "globex"
FIGURES = "what only globex may know"

HOSTILE = """
import ctypes, json, os, socket, sqlite3, subprocess, threading
import duckdb, pyarrow.csv
DATA = os.environ["SERVER"] if "SERVER" in os.environ else os.getcwd() + "/../.."
DATA = os.path.realpath(DATA)
OWN = os.environ["DATA_DIR"]

def read(path):
    with open(path, "rb") as file:
        return file.read(500)

def write(path):
    with open(path, "w") as file:
        file.write("x")

def listen():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()

def in_a_thread():
    done = []
    thread = threading.Thread(target=lambda: done.append(read(f"{DATA}/jwt_secret")))
    thread.start()
    thread.join()
    done[0]

TRIES = {
    "read in a thread": in_a_thread,
    "read by DuckDB": lambda: duckdb.sql(f"SELECT * FROM read_text('{DATA}/jwt_secret')").fetchall(),
    "write by DuckDB": lambda: duckdb.sql(f"COPY (SELECT 1) TO '{DATA}/made-by-duckdb'"),
    "read by Arrow": lambda: pyarrow.csv.read_csv(f"{DATA}/tenants/globex/figures.csv"),
    "read secret": lambda: read(f"{DATA}/jwt_secret"),
    "read password": lambda: read(f"{DATA}/nats_password"),
    "read database": lambda: read(f"{DATA}/progress.db"),
    "read theirs": lambda: read(f"{DATA}/tenants/globex/figures.csv"),
    "read by a way round": lambda: read(f"{OWN}/../globex/figures.csv"),
    "read another run": lambda: read(f"{DATA}/runs/another/log.txt"),
    "read the system's": lambda: read("/etc/shadow"),
    "read the product": lambda: read("ROOT/app.py"),
    "read a process": lambda: read(f"/proc/{os.getppid()}/environ"),
    "list tenants": lambda: os.listdir(f"{DATA}/tenants"),
    "list the root": lambda: os.listdir("/"),
    "write beside": lambda: write(f"{DATA}/made"),
    "write theirs": lambda: write(f"{DATA}/tenants/globex/figures.csv"),
    "write the product": lambda: write("ROOT/jobs/made.py"),
    "write for everybody": lambda: write("/tmp/made-by-a-hostile-program"),
    "delete theirs": lambda: os.unlink(f"{DATA}/tenants/globex/figures.csv"),
    "cut theirs": lambda: os.truncate(f"{DATA}/tenants/globex/figures.csv", 0),
    "move theirs": lambda: os.rename(f"{DATA}/tenants/globex/figures.csv", f"{OWN}/figures.csv"),
    "link theirs": lambda: os.link(f"{DATA}/tenants/globex/figures.csv", f"{OWN}/linked.csv"),
    "plant a link": lambda: os.symlink(f"{DATA}/jwt_secret", f"{OWN}/planted.csv"),
    "attach theirs": lambda: sqlite3.connect(f"{DATA}/progress.db").execute("SELECT * FROM jobs"),
    "execute": lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True),
    "listen": listen,
    "kill the runner": lambda: os.kill(os.getppid(), 0),
}
RIGHTS = {
    "read own": lambda: read(f"{OWN}/own.csv"),
    "write own": lambda: write(f"{OWN}/made.csv"),
    "replace own": lambda: os.replace(f"{OWN}/made.csv", f"{OWN}/final.csv"),
    "write its directory": lambda: write("made"),
    "import": lambda: __import__("sqlalchemy.dialects.postgresql"),
    "import a driver": lambda: (__import__("psycopg"), __import__("pymysql")),
    "compute": lambda: __import__("program_lib.engine").engine._connection().sql("SELECT 1").fetchall(),
    "start threads": lambda: duckdb.sql("SELECT sum(range) FROM range(3000000)").fetchall(),
    "read own by DuckDB": lambda: duckdb.sql(f"SELECT * FROM read_text('{OWN}/own.csv')").fetchall(),
    "random": lambda: read("/dev/urandom"),
    "resolve": lambda: socket.getaddrinfo("localhost", 80),
    "sort": lambda: sqlite3.connect("").execute(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 300000)"
        " SELECT hex(randomblob(40)) AS n FROM c ORDER BY n").fetchone(),
}
found = {}
for name, attempt in {**RIGHTS, **TRIES}.items():
    try:
        attempt()
        found[name] = "done"
    except Exception as error:
        found[name] = type(error).__name__
with open("found.json", "w") as file:
    json.dump([found, sorted(RIGHTS), read("/proc/self/cmdline").decode()], file)
say(1, "completed")
"""


def product_with(directory: Path, shop_database: Path, **settings: str) -> Any:
    return running_product(
        directory / "data", shop_database, TENANT_ID="*", SAMPLE_ORDERS="0", **settings
    )


EARLY = {"PROGRAM_SPARES": "1"}
OFF = {"PROGRAM_LANDLOCK": "off"}


@pytest.fixture
def product(
    request: pytest.FixtureRequest, tmp_path: Path, shop_database: Path
) -> Iterator[Product]:
    with product_with(tmp_path, shop_database, **getattr(request, "param", EARLY)) as product:
        for tenant, name in ((OURS, "own.csv"), (THEIRS, "figures.csv")):
            (product.data_dir / "tenants" / tenant).mkdir(parents=True)
            (product.data_dir / "tenants" / tenant / name).write_text(f"n\n{FIGURES}\n")
        another = product.data_dir / "runs" / "another"
        another.mkdir(parents=True)
        (another / "log.txt").write_text("the log of another run")
        (product.data_dir / "jwt_secret").write_text("a secret of the server")
        yield product


def attempts(product: Product) -> tuple[dict[str, str], list[str], str]:
    """What a hostile program tried as a run of acme: name → "done", or the error; what it may do; its command."""
    with Programs(product) as programs:
        body = HOSTILE.replace("ROOT", str(ROOT))
        run = programs.queue(runs.record(programs.store, body, OURS))
        ended = programs.ended(run, 60.0)
        found = programs.directory(run) / "found.json"
        assert found.exists(), (ended, (programs.directory(run) / "log.txt").read_text())
        tried, rights, command = json.loads(found.read_text())
    return tried, rights, command


@pytest.mark.parametrize("is_fresh", [True, False], ids=["fresh", "forked"])
def test_hostile_code_in_a_program_reaches_its_own_data_and_nothing_else(
    product: Product, is_fresh: bool
) -> None:
    if is_fresh:
        kill_warm_interpreter(product)
    tried, rights, command = attempts(product)
    assert ("run_confined" in command) == is_fresh
    assert {name for name, result in tried.items() if result == "done"} == set(rights), tried
    assert (product.data_dir / "tenants" / THEIRS / "figures.csv").read_text() == f"n\n{FIGURES}\n"
    assert "programs are confined by Landlock" in product.log()


@pytest.mark.parametrize("product", [OFF], indirect=True)
def test_without_the_wall_such_code_reaches_all_of_it(product: Product) -> None:
    """So the test above tries what can be done indeed."""
    tried, *_ = attempts(product)
    harmless = {"read the system's", "move theirs", "link theirs", "cut theirs", "write theirs"}
    missed = {name for name, result in tried.items() if result != "done"}
    assert missed <= harmless | {"delete theirs"}, tried
    for file in (ROOT / "jobs" / "made.py", Path("/tmp/made-by-a-hostile-program")):
        file.unlink()
    assert "programs are not confined" in product.log()


def test_a_preview_is_confined_too(product: Product) -> None:
    endless = (
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) AS n FROM c"
    )
    source = node(1, "db_input", connection="sqlite://", sql=endless)
    question = {"graph": {"nodes": [source], "edges": []}, "nodeId": 1}
    token = product.token(tenant_id=OURS)
    previews = product.data_dir / "previews"

    def is_confined() -> bool:
        for pid in product.left_over():
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(previews)):
                return "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
        return False

    def ask() -> bool:
        return product.post("/api/jobs/preview", question, token=token).status != 503

    asking = threading.Thread(target=lambda: eventually(ask), name="asking", daemon=True)
    asking.start()
    eventually(is_confined)
    asking.join(30.0)


def test_a_run_writes_where_its_tenant_may_and_where_a_named_sqlite_file_lies(
    tmp_path: Path, shop_database: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with running_product(
        tmp_path / "data",
        shop_database,
        SAMPLE_ORDERS="0",
        DATA_ROOTS=str(tmp_path / "roots"),
        CONNECTION_STOCK=f"sqlite:///{shared}/stock.db",
    ) as product:
        (tmp_path / "roots").mkdir()
        source = node(1, "db_input", connection="sqlite://", sql="SELECT 7 AS n")
        outputs = (
            node(2, "db_output", connection="stock", table="t"),
            node(2, "db_output", connection="sqlite:///own.db", table="t"),
            node(2, "csv_output", path="out.csv"),
            node(2, "parquet_output", path="out.parquet"),
            node(2, "ndjson_output", path="out.ndjson.zst"),
        )
        for output in outputs:
            job_id = product.create_job({"name": "x", "graph": chain(source, output)})
            end = product.run_end(product.execute(job_id))
            assert end["status"] == "completed", end
    for file in (shared / "stock.db", tmp_path / "roots" / "own.db"):
        with sqlite3.connect(file) as database:
            assert database.execute("SELECT n FROM t").fetchall() == [(7,)]
    assert (tmp_path / "roots" / "out.csv").read_text() == "n\n7\n"


def test_certificates_that_a_connection_names_can_be_read(tmp_path: Path) -> None:
    url = "postgresql://u@h/n?sslrootcert=/srv/ca.pem&sslmode=verify-full"
    environment = {"CONNECTION_PG": url, "DATA_ROOTS": "/srv/a:/srv/b"}
    rules = allowance(reads=(Path("/opt/driver"),))
    found = confinement.confined(environment, tmp_path, replace(rules, is_confined=True))
    assert json.loads(found["CONFINED_TO"]) == {
        "write": [str(tmp_path), "/srv/a", "/srv/b"],
        "read": ["/opt/driver", "/srv/ca.pem"],
    }
    assert found["TMPDIR"] == str(tmp_path)
    assert "CONFINED_TO" not in confinement.confined(environment, tmp_path, rules)


def test_a_kernel_without_landlock_is_told_of_and_refused_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    with caplog.at_level(logging.WARNING):
        assert not confinement.check("auto")
    assert "offers no Landlock" in caplog.text
    with pytest.raises(confinement.NoLandlock, match="PROGRAM_LANDLOCK=auto"):
        confinement.check("required")


def test_the_metrics_tell_whether_programs_can_be_confined(product: Product) -> None:
    said = product.get("/metrics", token=None).body.decode()
    assert f"progress_landlock {float(landlock.abi())}" in said
