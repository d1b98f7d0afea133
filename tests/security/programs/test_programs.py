"""What a graph can make its program do, and what it cannot: secrets, files, the machine."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.fields.passwords import holds_password, without_password
from jobs.graph.fields.paths import is_servers_own
from jobs.graph.literals import literal
from jobs.graph.parsing import parse_graph
from jobs.sandbox.connections import ConnectionsUnusable, connections_for, read_connections
from jobs.sandbox.data_roots import not_data
from jobs.sandbox.environment import reading_environment
from jobs.sandbox.resource_limits import CPU_GRACE, impose, met_limit
from jobs.store.records import NewRun
from jobs.store.store import Store
from settings.defaults import ProgramLimits
from settings.secret_files import write_secret
from tests.harness import Product, StartProduct, running_product
from tests.programs import Outcome, allowance, chain, execute, node, program_of, run
from tests.programs import graph as graph_of
from tests.warm import kill_warm_interpreter, warm_interpreter

PASSWORD = "hunter2-Zz9"
OUT = {"path": "out.csv"}


def errors_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(GraphInvalid) as invalid:
        parse_graph(document)
    return [error.message for error in invalid.value.errors]


def reads(connection: str, sql: str = "SELECT 1 AS n") -> dict[str, Any]:
    return chain(node(1, "db_input", connection=connection, sql=sql), node(2, "csv_output", **OUT))


def copies(path: str, out: str = "out.csv", *, reads: str = "csv", writes: str = "csv") -> Any:
    """A graph that copies a file, which it `reads` and `writes` as the kinds of files that it says."""
    return chain(node(1, f"{reads}_input", path=path), node(2, f"{writes}_output", path=out))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    """One that tests share which have jobs and files of their own in it."""
    data_dir = tmp_path_factory.mktemp("programs") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0") as product:
        yield product


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@host/name",
        f"postgresql+psycopg://:{PASSWORD}@host/name",
        f"postgresql://user@host/name?password={PASSWORD}",
        f"postgresql://user@host/name?a=1&sslPassword={PASSWORD}",
        f"mysql://user:{PASSWORD}@[::1]:3306/name",
        f"mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D{PASSWORD}",
        f"postgresql://user:{PASSWORD}/with@slash@host:port/name",
        f"sqlite://user:{PASSWORD}@host/x.db",
    ],
)
def test_a_url_with_a_password_is_refused_and_not_repeated(url: str) -> None:
    assert holds_password(url)
    messages = errors_of(reads(url))
    assert any("CONNECTION_<NAME>" in message for message in messages)
    assert PASSWORD not in " ".join(messages)


@pytest.mark.parametrize("url", ["postgresql://user@host/name", "mysql:///x", "oracle://h/n"])
def test_other_databases_than_files_are_named(url: str) -> None:
    assert not holds_password(url)
    assert any("is named" in message for message in errors_of(reads(url)))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///file:/etc/x.db?uri=true",
        "sqlite:///x.db?uri=true",
        "sqlite+pysqlcipher:///x.db",
        "sqlite:///x.db?vfs=unix-none",
        "sqlite:///../x.db",
        "sqlite:////srv/../etc/x.db",
        "sqlite:///progress.db",
        "sqlite:///runs/x/x.db",
        "sqlite:///.hidden/x.db",
    ],
)
def test_a_sqlite_url_is_a_path_under_the_data_and_no_more(url: str) -> None:
    assert errors_of(reads(url))


@pytest.mark.parametrize("unit", ["?pass", "&pass", "://:", "?=", "="])
def test_a_long_text_that_is_nearly_a_password_costs_no_time(unit: str) -> None:
    """Such a search once took minutes, for all that the worker serves: its thread lets no other run."""
    began = time.process_time()
    holds_password("x://" + unit * (10_000 // len(unit)))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("pg://u:a@b@h/n", "pg://u:…@h/n"),
        ("pg://u:p@h/n?a=1&sslPassword=x=y&b=2", "pg://u:…@h/n?a=1&sslPassword=…&b=2"),
        ("pg://h/n?a=b?token=x&pwd=&z", "pg://h/n?a=b?token=…&pwd=…&z"),
        ("sqlite:///x.db?key=1&secretKey=2", "sqlite:///x.db?key=1&secretKey=…"),
        ("sqlite:///a:b@c.db", "sqlite:///a:b@c.db"),
        ("pg://h/pass=word?a=1", "pg://h/pass=word?a=1"),
    ],
)
def test_of_a_url_all_but_its_passwords_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert holds_password(url) == holds_password(shown) == (url != shown)


def test_a_password_in_a_graph_is_not_even_stored(product: Product) -> None:
    password = "unheard-of-8Kk"  # other tests store theirs
    document = {"name": "leaks", "graph": reads(f"postgresql://u:{password}@h/n")}
    answer = product.post("/api/jobs", document)
    assert answer.status == 422
    assert answer.json()["errors"][0]["field"] == "connection"
    assert password not in answer.body.decode()
    job_id = product.create_job({"name": "clean", "graph": reads("shop")})
    assert product.request("PUT", f"/api/jobs/{job_id}", document).status == 422
    for path in ("/api/jobs/validate", "/api/jobs/preview"):
        answer = product.post(path, {"graph": document["graph"], "nodeId": 1})
        assert (answer.status, password in answer.body.decode()) == (422, False)
    with sqlite3.connect(product.data_dir / "progress.db") as database:
        assert password not in "".join(database.iterdump())


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@host/name",
        f"postgresql://user:a@b{PASSWORD}\"'@host/name",
        f"postgresql://user@host/name?a=1&sslPassword={PASSWORD}&b=2",
        f"mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D{PASSWORD}",
    ],
)
def test_a_password_that_was_stored_before_it_was_refused_is_not_shown(
    product: Product, url: str
) -> None:
    graph = reads(url)
    clean = program_of(reads("sqlite:///x.db"))
    program = clean.replace('"sqlite:///x.db"', literal(url))
    assert PASSWORD in program
    store = Store(f"sqlite:///{product.data_dir / 'progress.db'}")
    store.open()
    job = store.create_job("default", "old", graph)
    run_id = store.record_run("default", NewRun(job.job_id, graph, program)).run.run_id
    store.close()
    shown = product.get(f"/api/jobs/{job.job_id}")
    for path in (f"/api/jobs/{job.job_id}", f"/api/runs/{run_id}", f"/api/runs/{run_id}/program"):
        answer = product.get(path)
        assert answer.status == 200
        said = answer.body.decode()
        assert PASSWORD not in said
        assert "…" in said or "\\u2026" in said
    again = {"name": "old", "graph": shown.json()["graph"]}
    saved = product.request("PUT", f"/api/jobs/{job.job_id}", again)
    assert saved.status == 422, "the mark is not taken for a password"


def test_a_program_gets_the_connections_that_its_graph_names(tmp_path: Path) -> None:
    file = tmp_path / "connections"
    write_secret(file, "# ours\n\nwarehouse = postgresql://u:p=1@h/n\nPayroll=sqlite:///pay.db\n")
    environ = {"CONNECTION_SHOP": "sqlite:///shop.db", "CONNECTION_OTHER": "x://", "SECRET": "s"}
    document = graph_of(
        [
            node(1, "db_input", connection="Shop", table="t"),
            node(2, "db_output", connection="warehouse", table="t"),
            node(3, "db_input", connection="sqlite:///other", table="t"),
        ],
        [],
    )
    assert connections_for(document, "acme", file, environ, unbound=True) == {
        "CONNECTION_SHOP": "sqlite:///shop.db",
        "CONNECTION_WAREHOUSE": "postgresql://u:p=1@h/n",
    }
    nameless = {"nodes": [{"config": {"connection": 7}}, 1]}
    assert connections_for(nameless, "acme", file, environ, unbound=True) == {}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_of_connections_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "connections"
    file.write_text(f"shop=postgresql://u:{PASSWORD}@h/n\n")
    file.chmod(mode)
    with pytest.raises(ConnectionsUnusable, match="chmod 600"):
        read_connections(file, {})


@pytest.mark.parametrize("line", [f"shop {PASSWORD}", f"a-b=x://{PASSWORD}", f"shop={PASSWORD}"])
def test_a_wrong_line_of_connections_is_named_without_what_is_in_it(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "connections"
    write_secret(file, f"# one\n{line}\n")
    with pytest.raises(ConnectionsUnusable, match="line 2") as refused:
        read_connections(file, {})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"sqlite:////no/such/{PASSWORD}/x.db?timeout=1&password={PASSWORD}",
        f"nosuchdialect://user:{PASSWORD}@host/name",
        f"postgresql://user:{PASSWORD}@127.0.0.1:1/name",
        f"sqlite:///x.db?password={PASSWORD}",
        f"//user:{PASSWORD}@host",
    ],
)
def test_a_password_is_in_nothing_that_a_program_says(tmp_path: Path, url: str) -> None:
    done = run(reads("shop"), tmp_path, CONNECTION_SHOP=url)
    assert done.code == 1
    told = done.stderr + json.dumps(done.progress) + (tmp_path / "program.py").read_text()
    assert PASSWORD not in told


# ---------------------------------------------------------------- files


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """Two roots, and something beside them that must not be seen."""
    for name in ("a", "b", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in.csv").write_text(f"n\n{name}\n")
        execute(tmp_path / name / "in.db", "CREATE TABLE t (n)", f"INSERT INTO t VALUES ('{name}')")
    (tmp_path / "a" / "to_b").symlink_to(tmp_path / "b")
    (tmp_path / "a" / "to_outside").symlink_to(tmp_path / "outside")
    (tmp_path / "a" / "link.csv").symlink_to(tmp_path / "outside" / "in.csv")
    (tmp_path / "a" / "link.db").symlink_to(tmp_path / "outside" / "in.db")
    (tmp_path / "a" / "dangling.csv").symlink_to(tmp_path / "outside" / "new.csv")
    return tmp_path


def run_in(roots: Path, document: Mapping[str, Any]) -> Outcome:
    return run(
        dict(document),
        roots / "a",
        DATA_ROOTS=f"{roots / 'a'}:{roots / 'b'}",
        NOT_DATA=f"{roots / 'a' / 'secret'}:{roots / 'a' / 'kept'}",
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("to_outside/in.csv", "csv"),
        ("link.csv", "csv"),
        ("{roots}/outside/in.csv", "csv"),
        ("link.csv", "parquet"),
        ("link.csv", "ndjson"),
        ("to_outside/in.csv.gz", "csv"),
    ],
)
def test_a_file_outside_of_the_roots_is_not_read(roots: Path, path: str, kind: str) -> None:
    done = run_in(roots, copies(path.format(roots=roots), reads=kind))
    assert "DATA_ROOTS" in done.reason(1)
    assert not (roots / "a" / "out.csv").exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("to_outside/out.csv", "csv"),
        ("dangling.csv", "csv"),
        ("{roots}/outside/new.csv", "csv"),
        ("/tmp/never.csv", "csv"),
        ("dangling.csv", "parquet"),
        ("dangling.csv", "ndjson"),
    ],
)
def test_no_file_is_written_outside_of_the_roots(roots: Path, path: str, kind: str) -> None:
    done = run_in(roots, copies("in.csv", path.format(roots=roots), writes=kind))
    assert "DATA_ROOTS" in done.reason(2)
    assert sorted(os.listdir(roots / "outside")) == ["in.csv", "in.db"]
    assert not Path("/tmp/never.csv").exists()


@pytest.mark.parametrize("path", ["link.db", "to_outside/in.db", "/{roots}/outside/in.db"])
def test_a_sqlite_file_outside_of_the_roots_is_not_opened(roots: Path, path: str) -> None:
    done = run_in(roots, reads(f"sqlite:///{path.format(roots=roots)}", "SELECT n FROM t"))
    assert "DATA_ROOTS" in done.reason(1)


@pytest.mark.parametrize("path", ["secret", "kept/in.csv", "through/in.csv"])
def test_the_servers_own_files_are_no_data_even_under_a_root(roots: Path, path: str) -> None:
    (roots / "a" / "secret").write_text("n\n1\n")
    (roots / "a" / "kept").mkdir()
    (roots / "a" / "kept" / "in.csv").write_text("n\n1\n")
    (roots / "a" / "through").symlink_to(roots / "a" / "kept")
    assert "the server's own" in run_in(roots, copies(path)).reason(1)


@pytest.mark.parametrize("path", ["in.csv", "to_b/in.csv", "{roots}/b/in.csv"])
def test_files_under_the_roots_are_data(roots: Path, path: str) -> None:
    assert run_in(roots, copies(path.format(roots=roots))).code == 0


@pytest.mark.parametrize(
    "path",
    [
        "../in.csv",
        "a/../../in.csv",
        "/srv/../etc/passwd",
        ".hidden",
        "a/.b/c.csv",
        "jwt_secret",
        "nats_password",
        "nats_seed",
        "runs/x/log.txt",
        "./jwt_secret",
        "nats.log.2026",
        "a/shop.db-journal",
        "/srv/shop.db-wal",
        "shop.db-shm",
    ],
)
def test_a_path_that_can_never_be_data_is_refused_at_validation(path: str) -> None:
    assert any("Path" in message for message in errors_of(copies(path)))
    assert errors_of(reads(f"sqlite:///{path}"))


LONGEST = "é" * 98 + ".csv"  # 200 bytes


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("x" * 300 + ".csv", "304 bytes, at most 200 are allowed: shorten xxxxxxxxxxxxxxxxxxxx…"),
        ("é" + LONGEST, "202 bytes, at most 200"),
        ("x" * 201 + "/a.csv", "201 bytes, at most 200"),
        ("/".join(["🚀" * 50] * 10), "has 2,009 bytes, at most 2,000 are allowed"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_with_its_length(path: str, told: str) -> None:
    for document in (copies(path), copies("in.csv", path), reads(f"sqlite:///{path}")):
        [message] = errors_of(document)
        assert told in message


def test_the_longest_name_is_written_and_a_longer_one_is_refused_before_it_runs(
    product: Product,
) -> None:
    (product.data_dir / "in.csv").write_text("a\n1\n")
    job = product.create_job({"name": "long", "graph": copies("in.csv", LONGEST)})
    assert product.run_end(product.execute(job))["status"] == "completed"
    assert (product.data_dir / LONGEST).read_text().split() == ["a", "1"]
    longer = product.create_job({"name": "longer", "graph": copies("in.csv", "x" + LONGEST)})
    refused = product.post(f"/api/jobs/{longer}/execute")
    assert refused.status == 422
    assert [(e["nodeId"], e["field"]) for e in refused.json()["errors"]] == [(2, "path")]


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '{roots}/outside/new.db' AS x",
        "ATTACH DATABASE '{roots}/outside/in.db' AS x",
        "VACUUM INTO '{roots}/outside/new.db'",
        "SELECT load_extension('{roots}/outside/x.so') AS n",
        "SELECT readfile('{roots}/outside/in.csv') AS n",
        "SELECT writefile('{roots}/outside/new.csv', 'x') AS n",
    ],
)
@pytest.mark.parametrize("writes", [False, True])
def test_a_query_opens_no_other_file(roots: Path, sql: str, writes: bool) -> None:
    """Also on the connection that is open for writing, which a query of the same database shares."""
    source = node(1, "db_input", connection="sqlite:///in.db", sql=sql.format(roots=roots))
    output = node(2, "db_output", connection="sqlite:///in.db", table="made")
    sink = output if writes else node(2, "csv_output", **OUT)
    assert run_in(roots, chain(source, sink)).code == 1
    assert sorted(os.listdir(roots / "outside")) == ["in.csv", "in.db"]


def test_a_forged_journal_has_sqlite_delete_nothing(roots: Path) -> None:
    """Once SQLite has played a journal back, it deletes the file that the journal's end names."""
    victim = os.fsencode(roots / "outside" / "in.csv")
    end = b"\0\0\0\1" + victim + struct.pack(">II", len(victim), sum(victim))
    end += bytes.fromhex("d9d505f920a163d7")
    forged = node(1, "db_input", connection="sqlite:///in.db", sql=f"SELECT x'{end.hex()}' AS n")
    (roots / "a" / "link.journal").symlink_to("in.db-journal")
    sink = node(2, "db_output", connection="sqlite:///link.journal", table="t")
    assert "beside a database" in run_in(roots, chain(forged, sink)).reason(2)
    assert run_in(roots, reads("sqlite:///in.db", "SELECT n FROM t")).code == 0
    assert (roots / "outside" / "in.csv").exists()


def test_all_that_a_server_keeps_in_its_directory_is_protected(start_product: StartProduct) -> None:
    server = start_product(SAMPLE_ORDERS="2000")
    run_id = server.execute(server.sample_job_id())
    assert server.run_end(run_id)["status"] == "completed"
    document = {"graph": reads("sqlite:///shop.db"), "nodeId": 1}
    assert server.ask_runner("/api/jobs/preview", document).status == 200
    data = {"shop.db", "report.db", "report.db-journal", "report.db-wal", "report.db-shm"}
    kept = {name for name in os.listdir(server.data_dir) if not is_servers_own(name)}
    assert kept - data == set()
    assert all(path.is_absolute() for path in not_data(server.data_dir, []))


def test_old_logs_of_the_server_are_no_data_by_their_whole_path_either(tmp_path: Path) -> None:
    old = tmp_path / "nats.log.2026.11.24.10.00.00.000000000"
    old.write_text("n\n1\n")
    found = reading_environment("acme", {}, tmp_path, allowance(tmp_path), {})
    done = run(copies(str(old)), tmp_path, NOT_DATA=found["NOT_DATA"])
    assert "the server's own" in done.reason(1)


def test_a_job_cannot_read_the_secrets_through_a_link_of_its_own_making(
    product: Product,
) -> None:
    (product.data_dir / "innocent.csv").symlink_to(product.data_dir / "nats_password")
    (product.data_dir / "innocent.db").symlink_to(product.data_dir / "progress.db")
    documents = [copies("innocent.csv"), reads("sqlite:///innocent.db", "SELECT * FROM jobs")]
    for document in documents:
        end = product.run_end(product.execute(product.create_job({"name": "x", "graph": document})))
        assert end["status"] == "failed"
        assert "the server's own" in end["reason"]
        answer = product.ask_runner("/api/jobs/preview", {"graph": document, "nodeId": 1})
        assert answer.status == 422
        assert "the server's own" in answer.json()["detail"]


# ---------------------------------------------------------------- the machine


def limited(tmp_path: Path, limits: ProgramLimits, code: str) -> tuple[int, str]:
    """The exit code and stderr of Python code under limits that are set before it goes on."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()\n" + code],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    impose(limits, process.pid)
    _, stderr = process.communicate("go\n", timeout=60)
    return process.returncode, stderr


def test_limits_are_set_on_a_process(tmp_path: Path) -> None:
    limits = ProgramLimits(memory_mb=512, cpu_seconds=7, file_mb=3, open_files=50)
    names = ("DATA", "CPU", "FSIZE", "NOFILE", "CORE")
    code = f"import resource, sys; print([resource.getrlimit(getattr(resource, 'RLIMIT_' + n)) for n in {names}], file=sys.stderr)"
    code_, said = limited(tmp_path, limits, code)
    mb = 1 << 20
    wanted = [(512 * mb,) * 2, (7, 7 + CPU_GRACE), (3 * mb,) * 2, (50, 50), (0, 0)]
    assert (code_, said.strip()) == (0, str(wanted))


def test_zero_is_no_limit_and_an_ended_process_is_no_error(tmp_path: Path) -> None:
    ours = [resource.getrlimit(kind) for kind in (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)]
    code = "import resource, sys; print([resource.getrlimit(resource.RLIMIT_DATA), resource.getrlimit(resource.RLIMIT_NOFILE)], file=sys.stderr)"
    assert limited(tmp_path, ProgramLimits(0, 0, 0, 0), code)[1].strip() == str(ours)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    impose(ProgramLimits(memory_mb=1), process.pid)


def test_which_end_was_a_limit() -> None:
    limits = ProgramLimits(cpu_seconds=3)
    reason = "ended by the CPU limit of 3 s (PROGRAM_CPU_SECONDS)"
    assert met_limit(limits, -signal.SIGXCPU, 3.1) == reason
    assert met_limit(limits, 128 + signal.SIGXCPU, 3.1) == reason
    assert met_limit(limits, -signal.SIGKILL, 8.0) == reason
    assert met_limit(limits, -signal.SIGKILL, 1.0) is None
    assert met_limit(limits, 0, 9.0) is None
    assert met_limit(limits, -signal.SIGABRT, 1.0, "terminate called") is None
    words = "terminate called after throwing\n  what():  std::bad_alloc"
    reason = "ended by the limit of 4,096 MB of memory (PROGRAM_MEMORY_MB)"
    assert met_limit(limits, -signal.SIGABRT, 1.0, words) == reason
    assert met_limit(ProgramLimits(cpu_seconds=0), -signal.SIGKILL, 9.0) is None


ENDLESS = (
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
    " SELECT CAST(n AS INTEGER) AS n FROM c"
)
LARGE = "SELECT zeroblob(250000000) AS n"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("is_warm", [False, True])
def test_each_limit_ends_a_run_with_its_reason(start_product: StartProduct, is_warm: bool) -> None:
    """In forks of the warm interpreter, or in fresh ones while it is killed again and again.

    Of the two queries that never end, one lets Python run, and the other, which the kernel has to end, does not.
    """
    server = start_product(
        SAMPLE_ORDERS="0",
        PROGRAM_SPARES="1",
        PROGRAM_CPU_SECONDS="3",
        PROGRAM_MEMORY_MB="300",
        PROGRAM_FILE_MB="2",
        PROGRAM_OPEN_FILES="30",
    )
    execute(server.data_dir / "in.db", "CREATE TABLE t (n)")
    (server.data_dir / "in.csv").write_text("n\n1\n")
    source = node(1, "db_input", connection="sqlite:///in.db", sql=ENDLESS)
    memory = reads("sqlite:///in.db", LARGE)
    files = node(1, "csv_input", path="in.csv")
    many = [node(number, "csv_output", path=f"out{number}.csv") for number in range(2, 40)]
    idle = node(2, "filter", condition="n < 0")
    starving = (
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) AS n FROM c"
    )
    endless = node(
        1, "db_input", connection="sqlite:///in.db", sql=ENDLESS if is_warm else starving
    )
    cases = {
        "ended by the CPU limit of 3 s (PROGRAM_CPU_SECONDS)": chain(
            endless, idle, node(3, "csv_output", path="starved.csv")
        ),
        "MB of memory (PROGRAM_MEMORY_MB)": memory,
        "2 MB a file (PROGRAM_FILE_MB)": chain(source, node(2, "csv_output", **OUT)),
        "MB a file (PROGRAM_FILE_MB)": chain(
            source, node(2, "db_output", connection="sqlite:///out.db", table="t")
        ),
        "30 open files (PROGRAM_OPEN_FILES)": graph_of(
            [files, *many], [(1, other["id"]) for other in many]
        ),
    }
    if not is_warm:
        kill_warm_interpreter(server)
    runs: dict[str, str] = {}
    for reason, document in cases.items():
        if not is_warm and (warm := warm_interpreter(server)):
            os.kill(warm, signal.SIGKILL)
        runs[reason] = server.execute(server.create_job({"name": reason, "graph": document}))
    for reason, run_id in runs.items():
        end = server.run_end(run_id, 150.0)
        assert end["status"] == "failed", end
        assert reason in end["reason"], end
    assert ("the warm interpreter failed" in server.log()) != is_warm
    # also where a query did not let Python run, and the program was killed: its runner cleans up
    assert [name for name in os.listdir(server.data_dir) if name.endswith(".part")] == []


def test_a_bad_file_of_connections_ends_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "connections"
    file.write_text("shop=sqlite:///x.db\n")
    file.chmod(0o644)
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "var")}
    environment |= {"CONNECTIONS_FILE": str(file), "SAMPLE_ORDERS": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "hosting.start.prepare"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_each_tenant_has_roots_of_its_own_where_the_setting_names_it(tmp_path: Path) -> None:
    rules = allowance(f"{tmp_path}/{{tenant}}", f"{tmp_path}/all")
    found = reading_environment("acme", {}, tmp_path / "var", rules, {"JWT_SECRET": "s"})
    assert found["DATA_DIR"] == f"{tmp_path}/acme"
    assert found["DATA_ROOTS"] == f"{tmp_path}/acme:{tmp_path}/all"
    assert f"{tmp_path}/var/jwt_secret" in found["NOT_DATA"].split(":")
    assert "JWT_SECRET" not in found
    ours = reading_environment("acme", {}, tmp_path / "var", allowance(tmp_path / "var"), {})
    assert (ours["DATA_DIR"], ours["DATA_ROOTS"]) == (f"{tmp_path}/var",) * 2
