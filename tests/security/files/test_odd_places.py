"""Paths and passwords with odd characters reach nats-server, SQLite, shells and programs as they are."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from hosting.embedded.nats_config import nats_text
from settings import Settings, SettingsError
from tests.harness import (
    BIN,
    ROOT,
    NatsServer,
    StartProduct,
    free_port,
    free_ports,
    linked,
    nats_server_binary,
    processes_of,
)

# each language that a path is put into on its way has some of these for itself
ODD = "ü \"q\" 's' $HOME #{x} 100% & ;`a` \\ |*<> ?a=b 😀 %41"
CODE = (
    *("described", "hosting", "jobs", "logs", "metrics", "program_lib", "progress_lib"),
    *("realtime", "scripts", "settings", "traces", "web"),
)
PAGE = ("static", "templates")
PASSWORDS = [ODD, "$2", "$HOME", "a\nb", "\t", "it's", '"', "\\", "ü" * 20, "#", "{", "1", "true"]


@contextlib.contextmanager
def server_with(directory: Path, config: str) -> Iterator[NatsServer]:
    """A nats-server that reads a file; the tests say where it listens."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "odd.conf"
    file.write_text(config)
    server = NatsServer(directory, port=free_port(), extra=("-c", str(file)))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def lets_in(server: NatsServer, user: str, password: str) -> bool:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        said = {"user": user, "pass": password, "verbose": False}
        connection.sendall(f"CONNECT {json.dumps(said)}\r\nPING\r\n".encode())
        with connection.makefile("rb") as answers:
            answers.readline()  # INFO
            return answers.readline() == b"PONG\r\n"


# ---------------------------------------------------------------- nats-server


@settings(max_examples=5)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=200))
def test_every_password_is_read_back_as_it_was_written(texts: list[str]) -> None:
    texts = [*PASSWORDS, *(text for text in texts if not text.startswith("$2"))]
    users = "".join(
        f"{{user: u{n}, password: {nats_text(text)}}}\n" for n, text in enumerate(texts)
    )
    with (
        tempfile.TemporaryDirectory() as directory,
        server_with(Path(directory), f"authorization {{ users: [\n{users}] }}\n") as server,
    ):
        for number, text in enumerate(texts):
            assert lets_in(server, f"u{number}", text), text
            assert not lets_in(server, f"u{number}", f"{text}x")


@settings(max_examples=40)
@given(st.binary(min_size=1, max_size=80))
def test_every_path_is_read_back_as_it_was_written(name: bytes) -> None:
    name = name.replace(b"/", b"").replace(b"\0", b"") or b"\xff"
    name = b"a" + name  # neither . nor ..
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        log = Path(os.fsdecode(bytes(directory) + b"/" + name))
        (directory / "c").write_text(f"log_file: {nats_text(log)}\nlisten: 127.0.0.1:1\n")
        # the port is no port of ours: it says so in its log, and ends
        command = [nats_server_binary(), "-c", str(directory / "c"), "-a", "127.0.0.256"]
        subprocess.run(command, capture_output=True, timeout=20, check=False)
        assert sorted(os.listdir(bytes(directory))) == sorted([b"c", name])


def test_a_password_of_nats_that_was_written_by_hand_may_hold_anything(
    tmp_path: Path, start_product: StartProduct
) -> None:
    config = Settings.from_env({"DATA_DIR": str(tmp_path)})
    (tmp_path / "nats_password").write_text(ODD + "@/:" + "x" * 20)
    assert config.own_nats_url().count("@") == 1
    assert config.is_own_nats(config.own_nats_url())
    (tmp_path / "nats_password").write_text("$2a$10$" + "x" * 53)
    with pytest.raises(SettingsError, match=r"nats_password.*bcrypt"):
        config.own_nats_url()


def test_a_password_in_a_nats_url_reaches_the_server_as_it_is(tmp_path: Path) -> None:
    passwords = [*PASSWORDS, "a,b", "a@b", "a/b", "a?b", "a:b", "100%", "%41", " "]
    users = "".join(f"{{user: u{n}, password: {nats_text(p)}}}\n" for n, p in enumerate(passwords))
    with server_with(tmp_path, f"authorization {{ users: [\n{users}] }}\n") as server:
        for number, password in enumerate(passwords):
            url = f"nats://u{number}:{quote(password, safe='')}@127.0.0.1:{server.port}"
            assert Settings.from_env({"NATS_URL": url}).nats.url == url
            with linked(url):  # it asserts that it is let in
                pass


@pytest.mark.parametrize("password", ["pass,word", "pass#word", "pass/word", "12/pass", "12?pass"])
def test_a_password_that_must_be_written_otherwise_is_told_so_and_not_shown(password: str) -> None:
    password = password.replace("pass", "hunter")
    with pytest.raises(SettingsError, match=r"NATS_URL.*%2C") as refused:
        Settings.from_env({"NATS_URL": f"nats://user:{password}@127.0.0.1:4222"})
    assert "hunter" not in str(refused.value)
    assert "@127" not in str(refused.value)


# ---------------------------------------------------------------- the whole product


@pytest.fixture
def odd_root(tmp_path: Path) -> Iterator[Path]:
    """A copy of the product in an odd place; what runs from there is ended afterwards."""
    root = tmp_path / ODD / "line\nend"
    root.mkdir(parents=True)
    for name in (*CODE, *PAGE):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [*ROOT.glob("*.py"), *ROOT.glob("requirements*")]:
        shutil.copy(file, root)
    yield root
    assert not processes_of("no such mark", tmp_path), "all of it has ended"


def environment(**changed: str) -> dict[str, str]:
    ports = ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT")
    found = {name: str(port) for name, port in zip(ports, free_ports(4), strict=True)}
    base = {"PATH": f"{BIN}:{os.environ['PATH']}", "VENV": sys.prefix, "SAMPLE_ORDERS": "500"}
    return {**base, **found, **changed}


def run_once(root: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hosting.start.launch", "--once"]
    return subprocess.run(
        command,
        cwd=root,
        env=environment(**changed),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_product_in_an_odd_place_runs_the_sample(odd_root: Path, worker_class: str) -> None:
    ended = run_once(odd_root, WORKER_CLASS=worker_class)
    assert ended.returncode == 0, ended
    assert "run completed" in ended.stdout
    assert (odd_root / "var" / "progress.db").exists()
    assert (odd_root / "var" / "nats").is_dir()


def test_an_odd_data_dir_with_many_tenants_runs_the_sample(tmp_path: Path) -> None:
    data_dir = tmp_path / ODD
    ended = run_once(ROOT, DATA_DIR=str(data_dir), TENANT_ID="*")
    assert ended.returncode == 0, ended
    assert (data_dir / "tenants" / "default" / "report.db").exists()


def test_the_scripts_run_from_an_odd_place(odd_root: Path) -> None:
    if not (Path(sys.prefix) / "installed-requirements.lock").exists():
        pytest.skip("this venv was not made by scripts/_setup.sh")
    made = subprocess.run(
        [odd_root / "scripts" / "token"],
        env=environment(HOME=str(odd_root)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.stdout.count(".") == 2, made
    assert (odd_root / "var" / "jwt_secret").exists()


@pytest.mark.parametrize("name", [b"b\xffd", b"a:b", b"{tenant}"])
@pytest.mark.parametrize("as_data_dir", [False, True])
def test_a_place_that_cannot_work_ends_the_start_with_one_line(
    odd_root: Path, name: bytes, as_data_dir: bool
) -> None:
    place = Path(os.fsdecode(bytes(odd_root.parent.parent) + b"/" + name))
    if as_data_dir:
        ended = run_once(odd_root, DATA_DIR=str(place))
    else:
        odd_root = odd_root.rename(place)
        ended = run_once(odd_root)
    assert ended.returncode == 2, ended
    [line] = ended.stderr.splitlines()
    assert "choose another place" in line
    assert "DATA_DIR" in line


def test_a_root_that_is_a_link_to_a_place_with_a_colon_is_refused(tmp_path: Path) -> None:
    """Programs would take it for two roots, of which nobody named the second."""
    (tmp_path / "a:" / "etc").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a:" / "etc")
    with pytest.raises(SettingsError, match=r"DATA_ROOTS.*rename"):
        Settings.from_env({"DATA_ROOTS": str(tmp_path / "link")})


# ---------------------------------------------------------------- URLs of SQLite


@pytest.mark.parametrize("name", [ODD, "a?b", "a#b", "a%20b", "a@b", "line\nend", "?mode=ro"])
def test_our_own_database_lies_in_data_dir_whatever_that_is_called(
    tmp_path: Path, name: str
) -> None:
    from jobs.store.store import Store

    data_dir = tmp_path / name
    data_dir.mkdir()
    found = Settings.from_env({"DATA_DIR": str(data_dir)})
    make_url(found.database_url)
    store = Store(found.database_url)
    store.open()
    store.close()
    assert [path.name for path in data_dir.iterdir()] == ["progress.db"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
