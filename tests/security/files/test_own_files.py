"""The server's own files are no data, however they are reached; code that runs lies in no data root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hosting.start.server import COMMAND
from hosting.trial.ports import port_settings
from jobs.sandbox.data_roots import not_data
from settings import Settings, SettingsError
from settings.own_files import OUR_DIRECTORIES, own_files
from tests.harness import BIN, ROOT, Product, StartProduct, eventually, running_product
from tests.programs import chain, node
from tests.security.tokens.test_keys import EC_KEY, OTHER_EC_KEY, pem, token


def settings(tmp_path: Path, **environ: str) -> Settings:
    """Of a server whose runners are started on their own."""
    return Settings.from_env({"DATA_DIR": str(tmp_path / "var"), "RUNNER": "off", **environ})


def refusal(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, **environ)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def key_file(path: Path, key: ec.EllipticCurvePrivateKey = EC_KEY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pem(key))
    return path


# ---------------------------------------------------------------- the key, which only the web server reads


@pytest.mark.parametrize("way", ["itself", "deep", "link to it", "link in it", "two links", "up"])
def test_a_file_of_keys_that_lies_in_a_data_root_ends_the_start(tmp_path: Path, way: str) -> None:
    root, safe = tmp_path / "data", tmp_path / "safe"
    root.mkdir()
    inside, outside = key_file(root / "a" / "key.pem"), key_file(safe / "key.pem")
    link = root / "link.pem"
    if way == "itself":
        key = key_file(root / "key.pem")
    elif way == "deep":
        key = inside
    elif way == "link to it":
        key = safe / "to.pem"
        key.symlink_to(inside)
    elif way == "link in it":
        key = link
        key.symlink_to(outside)
    elif way == "two links":
        link.symlink_to(outside)
        key = safe / "to.pem"
        key.symlink_to(link)
    else:
        key = root / ".." / "data" / "a" / "key.pem"
    for named in (str(key), os.path.relpath(key) if way != "up" else str(key)):
        said = refusal(tmp_path, JWT_PUBLIC_KEY=named, DATA_ROOTS=str(root))
        assert "JWT_PUBLIC_KEY" in said
        assert "DATA_ROOTS" in said
    (tmp_path / "alias").symlink_to(root)
    assert "data root" in refusal(
        tmp_path, JWT_PUBLIC_KEY=str(inside), DATA_ROOTS=str(tmp_path / "alias")
    )
    settings(tmp_path, JWT_PUBLIC_KEY=str(outside), DATA_ROOTS=str(root))


def test_a_root_of_some_tenant_may_not_hold_the_key_either(tmp_path: Path) -> None:
    key = key_file(tmp_path / "acme" / "key.pem")
    given = {"JWT_PUBLIC_KEY": str(key), "TENANT_ID": "*"}
    assert "JWT_PUBLIC_KEY" in refusal(tmp_path, **given, DATA_ROOTS=f"{tmp_path}/{{tenant}}")
    settings(tmp_path, **given, DATA_ROOTS=f"{tmp_path}/of-{{tenant}}")
    assert "JWT_PUBLIC_KEY" in refusal(
        tmp_path,
        **given,
        DATA_ROOTS=f"{tmp_path}/of-{{tenant}}",
        SHARED_DATA_ROOTS=str(tmp_path / "acme"),
    )


def started(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real start, which is expected to end by itself."""
    usual = {"PATH": f"{BIN}:{os.environ['PATH']}", "DATA_DIR": str(tmp_path / "var")}
    usual |= port_settings()
    command = [*COMMAND, *arguments, "wsgi:app"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**usual, "SAMPLE_ORDERS": "0", "RUNNER": "off", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_start_tells_so_in_one_line(tmp_path: Path) -> None:
    key = key_file(tmp_path / "var" / "key.pem")
    ended = started(tmp_path, JWT_PUBLIC_KEY=str(key))
    assert ended.returncode == 2, ended
    [line] = ended.stderr.splitlines()
    assert line.startswith("settings: JWT_PUBLIC_KEY ")


def test_a_start_with_a_certificate_of_gunicorns_is_refused(tmp_path: Path) -> None:
    """Plain HTTP was spoken on a socket that the log called https."""
    ended = started(tmp_path, "--certfile", str(key_file(tmp_path / "elsewhere" / "pem.pem")))
    assert ended.returncode == 2, ended
    assert "put a proxy with TLS before it" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize("option", ["--pid", "--keyfile", "--access-logfile"])
def test_gunicorns_own_files_in_a_data_root_end_the_start(tmp_path: Path, option: str) -> None:
    (tmp_path / "var").mkdir()
    file = tmp_path / "var" / "a-file"
    file.touch()
    ended = started(tmp_path, option, str(file))
    assert ended.returncode == 2, ended
    assert "gunicorn's" in ended.stderr
    assert "data root" in ended.stderr


# ---------------------------------------------------------------- what a runner reads, too

FIRST_LINE, REST = "-----BEGIN PUBLIC KEY-----", pem(OTHER_EC_KEY).split("\n", 1)[1]
FORGED = f"{FIRST_LINE}\n{REST}"


class Attacker:
    """A server whose data root holds files of its own, and graphs that want them."""

    def __init__(self, product: Product, root: Path, safe: Path) -> None:
        self.product = product
        self.root = root
        self.safe = safe
        (root / "forged.csv").write_text(FORGED)

    def run(self, *nodes: dict[str, Any]) -> str:
        """How a run ended: completed, or its reason."""
        made = self.product.post("/api/jobs", {"name": "x", "graph": chain(*nodes)}).json()
        asked = self.product.post(f"/api/jobs/{made['id']}/execute")
        if asked.status == 422:
            return str(asked.json())
        run = self.product.run_end(asked.json()["runId"])
        return "completed" if run["status"] == "completed" else str(run["reason"])

    def writes(self, path: str) -> str:
        return self.run(node(1, "csv_input", path="forged.csv"), node(2, "csv_output", path=path))

    def opens(self, path: str) -> str:
        source = node(1, "db_input", connection=f"sqlite:///{path}", sql="SELECT 1 AS a")
        return self.run(source, node(2, "csv_output", path="stolen.csv"))


@pytest.fixture(scope="module")
def attacker(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Attacker]:
    place = tmp_path_factory.mktemp("own")
    root, safe, data_dir = place / "data", place / "safe", place / "var"
    for directory in (root, safe, data_dir):
        directory.mkdir()
    (root / "connections").write_text(f"ledger=sqlite:///{root}/ledger.db\n")
    (root / "connections").chmod(0o600)
    (root / "ca.pem").write_text("what is believed")
    os.link(root / "ca.pem", root / "second-name.pem")
    (safe / "progress.db").touch()
    (root / "link.db").symlink_to(safe / "progress.db")
    (root / "old-key.pem").write_text(pem(EC_KEY))
    given = {
        "DATA_ROOTS": str(root),
        "CONNECTIONS_FILE": str(root / "connections"),
        "DATABASE_URL": f"sqlite:///{root}/ours.db",
        "SSL_CERT_FILE": str(root / "ca.pem"),
        "SAMPLE_ORDERS": "0",
    }
    with running_product(data_dir, shop_database, **given) as product:
        os.link(root / "ours.db", root / "same.db")
        yield Attacker(product, root, safe)


@pytest.mark.parametrize(
    "path",
    [
        *("connections", "ca.pem", "second-name.pem", "ours.db", "same.db", "./ca.pem"),
        *("{root}/ca.pem", "sub/link.pem", "ours.db-journal", "ours.db-wal"),
    ],
)
def test_no_graph_reaches_what_the_settings_name(attacker: Attacker, path: str) -> None:
    sub = attacker.root / "sub"
    if not sub.exists():
        sub.mkdir()
        (sub / "link.pem").symlink_to("../ca.pem")
    path = path.format(root=attacker.root)
    for ended in (attacker.writes(path), attacker.opens(path)):
        assert "is no data" in ended or "SQLite keeps" in ended, ended
    assert (attacker.root / "ca.pem").read_text() == "what is believed"
    assert not (attacker.root / "stolen.csv").exists()


def test_what_is_data_still_is(attacker: Attacker) -> None:
    assert attacker.writes("plain.csv") == "completed"
    assert (attacker.root / "plain.csv").read_text().splitlines()[0] == FIRST_LINE


@pytest.mark.parametrize("place", ["elsewhere", "in the root", "in the root, by a link"])
def test_a_graph_cannot_become_the_signer(
    tmp_path: Path, start_product: StartProduct, place: str
) -> None:
    """The attack as it was found: the key file by a graph, then SIGHUP."""
    root = tmp_path / "data"
    key = key_file((tmp_path / "keys" if place == "elsewhere" else root) / "key.pem")
    root.mkdir(exist_ok=True)
    product = start_product(JWT_PUBLIC_KEY=str(key), DATA_ROOTS=str(root), SAMPLE_ORDERS="0")
    (root / "forged.csv").write_text(FORGED)
    (root / "out.pem").symlink_to(key)
    path = "key.pem" if place == "in the root" else "out.pem"
    graph = chain(node(1, "csv_input", path="forged.csv"), node(2, "csv_output", path=path))
    good = signed(EC_KEY)
    job = product.post("/api/jobs", {"name": "x", "graph": graph}, token=good).json()["id"]
    run_id = product.post(f"/api/jobs/{job}/execute", token=good).json()["runId"]

    def end() -> str | None:
        run = product.get(f"/api/runs/{run_id}", token=good).json()
        return str(run["reason"]) if run["endedAt"] else None

    why = "DATA_ROOTS" if place == "elsewhere" else "the server's own"
    assert why in str(eventually(end, 60))
    assert key.read_text() == pem(EC_KEY)
    worker = product.worker_pid
    os.kill(product.pid, signal.SIGHUP)
    eventually(lambda: not Path(f"/proc/{worker}").exists(), what="the workers are new")
    assert eventually(lambda: product.get("/api/jobs", token=good).status == 200)
    assert product.get("/api/jobs", token=signed(OTHER_EC_KEY)).status == 401


def signed(key: ec.EllipticCurvePrivateKey) -> str:
    return token(key, "ES256", scope="jobs:read jobs:write jobs:execute")


# ---------------------------------------------------------------- one list, over the settings


def test_every_file_that_a_setting_names_is_in_the_list(tmp_path: Path) -> None:
    key = key_file(tmp_path / "key.pem")
    (tmp_path / "link").symlink_to(key)
    given = {
        "JWT_PUBLIC_KEY": str(tmp_path / "link"),
        "CONNECTIONS_FILE": str(tmp_path / "connections"),
        "NATS_ISSUER_SEED": str(tmp_path / "seed"),
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "PGPASSFILE": str(tmp_path / "pgpass"),
    }
    url = f"postgresql://u@h/d?sslrootcert={tmp_path}/root.pem"
    found = {
        path.name for path in own_files(replace(settings(tmp_path, **given), database_url=url))
    }
    wanted = {"link", "key.pem", "connections", "seed", "root.pem", "ca.pem", "pgpass"}
    assert found == wanted


@pytest.mark.parametrize("url", ["sqlite:///{0}", "sqlite:///file:{0}?uri=true"])
def test_our_database_is_in_the_list_with_what_sqlite_keeps_beside_it(
    tmp_path: Path, url: str
) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    link.symlink_to(real)
    found = {path.name for path in own_files(settings(tmp_path, DATABASE_URL=url.format(link)))}
    ends = ("", "-wal", "-shm", "-journal")
    assert found == {f"{name}.db{end}" for name in ("real", "link") for end in ends}


def test_an_own_file_that_programs_cannot_be_told_of_is_told_to_the_operator(
    tmp_path: Path,
) -> None:
    with pytest.raises(PermissionError, match="move or rename"):
        not_data(tmp_path, [tmp_path], tmp_path / "a:b")
    not_data(tmp_path / "var", [tmp_path / "data"], tmp_path / "a:b")


# ---------------------------------------------------------------- code


@pytest.mark.parametrize(
    "root",
    [
        *("/", str(ROOT), str(ROOT.parent), str(ROOT / "jobs"), str(ROOT / "static" / "x")),
        *(str(ROOT / "jobs" / ".." / "realtime"), sys.prefix, str(Path(os.__file__).parent)),
        *(str(Path(pytest.__file__).parent), "/usr/../", f"{ROOT.parent}/{{tenant}}"),
    ],
)
def test_a_root_where_code_lies_ends_the_start(tmp_path: Path, root: str) -> None:
    said = refusal(tmp_path, DATA_ROOTS=root)
    assert "DATA_ROOTS" in said
    assert "code" in said
    (tmp_path / "alias").symlink_to(root)
    if "{" not in root:
        assert "code" in refusal(tmp_path, DATA_ROOTS=f"/nowhere:{tmp_path / 'alias'}")


def test_directories_beside_the_code_are_fine() -> None:
    Settings.from_env({})
    Settings.from_env({"DATA_ROOTS": str(ROOT / "data")})
    Settings.from_env({"DATA_DIR": str(ROOT / "var" / "deep")})


def test_every_directory_of_ours_is_known_as_code() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("no git here")
    found = {line.partition("/")[0] for line in listed.stdout.splitlines() if "/" in line}
    assert {name for name in found if not name.startswith(".")} <= set(OUR_DIRECTORIES)


def test_the_start_refuses_to_have_its_code_as_data(tmp_path: Path) -> None:
    ended = started(tmp_path, DATA_ROOTS=str(ROOT.parent))
    assert ended.returncode == 2, ended
    assert "code that runs" in ended.stderr
    command = [sys.executable, "-m", "jobs.runner"]
    environ = {"NATS_URL": "nats://127.0.0.1:1", "DATA_ROOTS": str(ROOT.parent)}
    runner = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert runner.returncode == 2
    assert "code that runs" in runner.stderr
