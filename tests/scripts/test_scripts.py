"""scripts/run and scripts/token, started as a user does: from a shell, elsewhere, and with a Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import termios
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from hosting.reader import READER_GONE
from scripts import issuer
from tests.harness import (
    DEADLINE,
    ROOT,
    StartProduct,
    command_line,
    eventually,
    free_ports,
    plain_nats,
    processes_of,
)
from tests.security.tokens.test_keys import EC_KEY, OTHER_EC_KEY, jwk, jwks
from tests.security.tokens.test_keys import token as token_of

NO_TOKEN = r"ready http://127\.0\.0\.1:\d+/\n"
START = 90.0  # seconds; imports, nats-server, a small sample shop
ONCE = 120.0


class Command:
    """scripts/run in a directory of its own, on free ports; `end` leaves nothing behind."""

    def __init__(self, directory: Path, root: Path = ROOT, **settings: str):
        self.directory = directory
        self.root = root
        self.data_dir = directory / "kept"
        self.mark = f"TEST_COMMAND={secrets.token_hex(8)}"
        self.ports = free_ports(4)
        name, _, value = self.mark.partition("=")
        ports = zip(
            ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT"), self.ports, strict=True
        )
        passed = {k: v for k, v in os.environ.items() if k == "PATH" or k.startswith("PIP_")}
        self.environment = {
            **passed,
            "HOME": str(directory),
            "VENV": sys.prefix,
            "DATA_DIR": "kept",  # relative: to the caller's directory
            "SAMPLE_ORDERS": "5000",
            name: value,
            **{setting: str(port) for setting, port in ports},
            **settings,
        }
        self.process: subprocess.Popen[str] | None = None

    def start(
        self, *arguments: str, under: str | None = None, terminal: int | None = None
    ) -> subprocess.Popen[str]:
        """`under`: a command before it. `terminal`: becomes that of its session."""

        def take_terminal() -> None:
            os.setsid()
            assert terminal is not None
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

        before = [] if under is None else [under]
        self.process = subprocess.Popen(
            [*before, self.root / "scripts/run", *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.directory / "stderr").open("w"),
            text=True,
            preexec_fn=None if terminal is None else take_terminal,
            pass_fds=() if terminal is None else (terminal,),
        )
        return self.process

    def run(self, *arguments: str, timeout: float = ONCE) -> tuple[int, str]:
        """Exit code and stdout."""
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=timeout)
        return process.returncode, out

    def stderr(self) -> str:
        return (self.directory / "stderr").read_text()

    def left_over(self) -> list[int]:
        return [process.pid for process in processes_of(self.mark, self.data_dir)]

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60.0)
        for pid in self.left_over():
            print(f"--- still alive: {pid} {command_line(pid)}")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None and self.process.stdout is not None:
            self.process.wait(DEADLINE)
            self.process.stdout.close()
        print(f"--- stderr\n{self.stderr()[-5000:]}")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path)
    try:
        yield command
    finally:
        command.end()


def ready_url(process: subprocess.Popen[str]) -> str:
    """The URL of the ready line, the only line on stdout."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+/\?token=[\w.-]+)\n", line)
    assert found, line
    return found[1]


@pytest.mark.timeout(START + 90)
def test_ctrl_c_before_there_is_a_server_ends_without_a_traceback(tmp_path: Path) -> None:
    """It waits for a file of keys here, which nobody writes."""
    keys = tmp_path / "keys"
    os.mkfifo(keys)
    command = Command(tmp_path, JWT_PUBLIC_KEY=str(keys))

    def is_read() -> int:
        return os.open(keys, os.O_WRONLY | os.O_NONBLOCK)  # OSError: not yet

    try:
        process = command.start()
        writes = eventually(is_read)
        process.send_signal(signal.SIGINT)
        assert process.wait(30.0) == -signal.SIGINT
        os.close(writes)
        assert "Traceback" not in command.stderr()
    finally:
        command.end()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_run_prints_a_link_that_opens_the_page_and_a_signal_stops_everything(
    command: Command, stop: signal.Signals
) -> None:
    process = command.start()
    url = ready_url(process)
    with urllib.request.urlopen(url, timeout=10) as page:
        assert page.status == 200
        assert b"<html" in page.read().lower()
    token = url.partition("token=")[2]
    request = urllib.request.Request(
        f"http://127.0.0.1:{command.ports[0]}/api/jobs",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=10) as jobs:
        assert b'"name"' in jobs.read()
    session_request = urllib.request.Request(
        f"http://127.0.0.1:{command.ports[0]}/api/session", headers=request.headers, method="POST"
    )
    with urllib.request.urlopen(session_request, timeout=10) as signed_in:
        week = re.search(r"Max-Age=(\d+)", signed_in.headers["Set-Cookie"])
    assert week is not None
    assert int(week[1]) > 6 * 86_400, "a bookmark works tomorrow, when the link's token has ended"
    assert (command.data_dir / "shop.db").exists()
    process.send_signal(stop)
    assert process.wait(60) == 0
    assert not command.left_over()


@pytest.mark.timeout(START + 90)
def test_where_the_output_is_kept_no_token_is_in_it(command: Command) -> None:
    process = command.start("--no-token")
    assert process.stdout is not None
    assert re.fullmatch(NO_TOKEN, process.stdout.readline())
    process.terminate()
    assert process.stdout.read() == ""
    assert process.wait(60) == 0


@pytest.mark.timeout(START + 90)
@pytest.mark.parametrize("under", ["nohup", "setsid"])
def test_where_no_terminal_can_close_sighup_has_the_keys_read_again(
    command: Command, under: str
) -> None:
    """As README says of JWT_PUBLIC_KEY. It stopped the server where no terminal was there, and did nothing under nohup."""
    file = command.directory / "keys.json"
    file.write_text(jwks(jwk(EC_KEY, kid="a")))
    command.environment["JWT_PUBLIC_KEY"] = str(file)
    process = command.start("--no-token", under=under)
    assert process.stdout is not None
    assert re.fullmatch(NO_TOKEN, process.stdout.readline())
    file.write_text(jwks(jwk(OTHER_EC_KEY, kid="b")))
    process.send_signal(signal.SIGHUP)
    new, old = token_of(OTHER_EC_KEY, "ES256", kid="b"), token_of(EC_KEY, "ES256", kid="a")
    eventually(lambda: status(command, new) == 200, what="the new key counts")
    assert status(command, old) == 401
    process.terminate()
    assert process.wait(60.0) == 0
    assert not command.left_over()


def status(command: Command, token: str) -> int:
    url = f"http://127.0.0.1:{command.ports[0]}/api/jobs"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.timeout(START + 90)
def test_a_terminal_that_is_closed_stops_the_server(command: Command) -> None:
    ours, its = pty.openpty()
    process = command.start("--no-token", terminal=its)
    os.close(its)
    assert process.stdout is not None
    assert re.fullmatch(NO_TOKEN, process.stdout.readline())
    os.close(ours)
    assert process.wait(60.0) == 0
    assert not command.left_over()


@pytest.mark.timeout(ONCE + 60)
def test_run_once_ends_quietly_when_nobody_reads_on(command: Command) -> None:
    """scripts/run --once | head -1"""
    process = command.start("--once")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("server ready")
    process.stdout.close()
    assert process.wait(60.0) == READER_GONE
    assert "Error" not in command.stderr()
    assert not command.left_over()


@pytest.mark.timeout(ONCE + 60)
def test_run_once_shows_the_nodes_and_exits_with_the_runs_code(command: Command) -> None:
    code, out = command.run("--once")
    assert code == 0, out
    lines = out.splitlines()
    assert lines[-1] == "run completed"
    for name in ("DB Input", "Filter", "Map", "DB Output"):
        assert any(name in line and "running" in line for line in lines), out
        assert any(name in line and "completed" in line for line in lines), out
    assert not command.left_over()


@pytest.mark.timeout(START + 90)
def test_a_run_that_is_killed_takes_the_server_with_it(command: Command) -> None:
    process = command.start()
    ready_url(process)
    process.kill()
    eventually(lambda: not command.left_over(), 60.0, what="nothing is left")


@pytest.mark.parametrize("index", range(4))
def test_a_taken_port_is_named_with_its_setting(command: Command, index: int) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", command.ports[index]))
        holder.listen()
        code, out = command.run()
    setting = ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT")[index]
    assert (code, out) == (2, "")
    assert setting in command.stderr()
    assert str(command.ports[index]) in command.stderr()
    assert "Traceback" not in command.stderr()
    assert not command.left_over()


@pytest.mark.timeout(START + 90)
def test_a_server_of_ours_that_holds_the_port_is_not_taken_for_the_one_just_started(
    start_product: StartProduct, command: Command
) -> None:
    product = start_product(SAMPLE_ORDERS="0", RUNNER="off")
    command.environment |= {"API_PORT": str(product.api_port), "WS_PORT": str(product.ws_port)}
    code, out = command.run()
    assert (code, out) == (2, "")
    said = command.stderr()
    assert f"taken by another program: API_PORT {product.api_port} on 127.0.0.1" in said
    assert f"WS_PORT {product.ws_port} on 127.0.0.1" in said
    assert re.search(r" API_PORT=\d+ WS_PORT=\d+ scripts/run\n", said), said
    assert not command.left_over()


@dataclass(frozen=True)
class Refused:
    """A start that ended by itself."""

    command: Command
    code: int
    out: str

    @property
    def lines(self) -> list[str]:
        said = self.command.stderr().splitlines()
        return [line for line in said if line.startswith("scripts/run:")]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Refused]]:
    """Starts with a NATS server that is away, and with one without JetStream: side by side, since each waits 20 s."""
    away = f"nats://somebody:hidden-word@127.0.0.1:{free_ports(1)[0]}"
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(plain_nats(tmp_path_factory.mktemp("plain"))).url
        commands = {}
        for name, url in (("away", away), ("away --once", away), ("plain", plain)):
            command = Command(tmp_path_factory.mktemp("refused"), NATS_URL=url)
            stack.callback(command.end)
            command.start(*name.split()[1:])
            commands[name] = command
        ended = {}
        for name, command in commands.items():
            assert command.process is not None
            out, _ = command.process.communicate(timeout=100.0)
            ended[name] = Refused(command, command.process.returncode, out)
        yield ended


@pytest.mark.waits
@pytest.mark.timeout(ONCE)
@pytest.mark.parametrize("name", ["away", "away --once"])
def test_a_nats_server_that_is_away_is_named_and_ends_the_start(
    refused: dict[str, Refused], name: str
) -> None:
    ended = refused[name]
    assert (ended.code, ended.out) == (1, "")
    where = ended.command.environment["NATS_URL"].partition("@")[2]
    assert f"waiting for NATS at {where} (NATS_URL)" in ended.lines[0]
    assert f"NATS_URL leads to {where}: Connection refused" in ended.lines[-1]
    assert "unset it" in ended.lines[-1]
    assert "hidden-word" not in ended.command.stderr()
    assert not ended.command.left_over()


@pytest.mark.waits
@pytest.mark.timeout(ONCE)
def test_a_nats_server_without_jetstream_is_named_and_ends_the_start(
    refused: dict[str, Refused],
) -> None:
    ended = refused["plain"]
    assert (ended.code, ended.out) == (1, "")
    assert ended.lines[-1].startswith("scripts/run: no run could be queued: ")
    assert "start that server with -js" in ended.lines[-1]
    assert not ended.command.left_over()


def test_a_bad_setting_is_one_line_and_2(command: Command) -> None:
    command.environment["WORKER_CLASS"] = "fibers"
    code, out = command.run()
    assert (code, out) == (2, "")
    lines = [line for line in command.stderr().splitlines() if "install" not in line]
    assert len(lines) == 1
    assert "WORKER_CLASS" in lines[0]
    assert "fibers" in lines[0]


def test_help_needs_no_set_up(command: Command) -> None:
    command.environment["VENV"] = str(command.directory / "never-made")
    code, out = command.run("--help")
    assert code == 0
    assert "--once" in out
    assert not (command.directory / "never-made").exists()


@pytest.mark.parametrize(
    "name", ["scripts/lock", "scripts/bundle-page", "scripts/check-page", ".ci/run"]
)
def test_a_script_for_developers_does_what_it_is_asked_for_alone(name: str, tmp_path: Path) -> None:
    """`--help` and a wrong option did its work before: new locks, a new bundle."""
    environment = {"PATH": os.environ["PATH"], "VENV": str(tmp_path / "never-made")}

    def done(option: str) -> subprocess.CompletedProcess[str]:
        command = [os.path.relpath(ROOT / name, tmp_path), option]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )

    told, refused = done("--help"), done("--nonsense")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(("Writes", "Makes", "Checks", "Everything"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"{name}: it does not take --nonsense" in refused.stderr
    assert not (tmp_path / "never-made").exists()


def test_the_tests_tell_how_they_are_run_without_installing_anything(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts/test", "--help"],
        env={"PATH": os.environ["PATH"], "VENV": str(tmp_path / "never-made")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "TEST_WORKERS=<n>" in done.stdout
    assert not (tmp_path / "never-made").exists()


def test_a_script_finds_its_own_directory_however_it_is_called(tmp_path: Path) -> None:
    """By a link it found no _setup.sh; with a CDPATH that is exported, another directory, or two."""
    scripts = tmp_path / "a tree/scripts"
    shutil.copytree(ROOT / "scripts", scripts)
    (scripts.parent / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", scripts.parent / ".ci")
    said = 'printf "%s\\n" "$ROOT"; exit'
    (scripts / "_setup.sh").write_text((scripts / "_setup.sh").read_text() + said)
    called = tmp_path / "bin/called"
    (tmp_path / "bin/scripts").mkdir(parents=True)
    files = [*filter(Path.is_file, scripts.iterdir()), scripts.parent / ".ci/run"]
    sourcing = [file for file in files if '/_setup.sh"\n' in file.read_text()]
    assert len(sourcing) == 11
    for script in sourcing:
        called.unlink(missing_ok=True)
        called.symlink_to(script)
        for command in ("bin/called", os.path.relpath(script, tmp_path)):
            done = subprocess.run(
                ["bash", command],
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], "CDPATH": f".:{tmp_path}/bin"},
                capture_output=True,
                text=True,
            )
            assert done.stdout == f"{scripts.parent}\n", f"{script}, {command}: {done.stderr}"


def test_relative_paths_in_settings_are_the_callers(tmp_path: Path) -> None:
    """Those of DATA_ROOTS were the repository's: a job found no files, and wrote its own there."""
    settings = {
        "VENV": "a venv",
        "DATA_DIR": "kept",
        "DATA_ROOTS": "data::/srv/{tenant}: my files",
        "SHARED_DATA_ROOTS": "",
        "CONNECTIONS_FILE": "a:b",
        "NATS_CA_FILE": "/etc/ca.pem",
        "JWT_PUBLIC_KEY": '{"keys": []}',
        "ARTEFACTS": "pictures",
        "PYTHON": "../python",
    }
    shown = "; ".join(f'printf "%s\\n" "${{{name}-}}"' for name in settings)
    done = subprocess.run(
        ["bash", "-euc", f'source "{ROOT}/scripts/_setup.sh"; {shown}'],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
    )
    here = str(tmp_path)
    assert done.stdout.splitlines() == [
        f"{here}/a venv",
        f"{here}/kept",
        f"{here}/data:/srv/{{tenant}}:{here}/ my files",
        "",
        f"{here}/a:b",
        "/etc/ca.pem",
        '{"keys": []}',
        f"{here}/pictures",
        f"{here}/../python",
    ], done.stderr


def test_a_venv_of_a_python_that_was_replaced_since_is_made_anew(tmp_path: Path) -> None:
    """As by an upgrade of the system: each command ended in a traceback, for a package that was there."""
    made = tmp_path / "venv"
    venv.create(made, symlinks=True)
    command = ["bash", "-c", "source scripts/_setup.sh; _venv_works"]
    environment = {"PATH": os.environ["PATH"], "VENV": str(made)}

    def works() -> bool:
        return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0

    assert works()
    (packages,) = (made / "lib").glob("python3.*")
    packages.rename(packages.with_name("python3.0"))
    assert not works()


def test_a_venv_is_made_beside_a_repository_that_nobody_may_write_to(tmp_path: Path) -> None:
    """As of another user: the lock that keeps two starts apart lay in the repository."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / ".venv.lock").mkdir()  # what root, too, cannot write to
    command = "source scripts/_setup.sh; _fill_venv() { echo $VENV; }; ensure_venv some.lock"
    for wanted in ("mine/venv", ".venv"):
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "VENV": wanted},
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == (f"{tmp_path / wanted}\n", "")


def test_a_venv_that_another_user_must_renew_is_named() -> None:
    """It was “rm: cannot remove” for whoever could not start its Python."""
    nobody: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = {"user": 65_534, "group": 65_534, "extra_groups": []}
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        shutil.copy(ROOT / "scripts/_setup.sh", tree)
        (tree / "venv").mkdir()
        (tree / "venv/pyvenv.cfg").touch()
        for place in (tree, tree / "venv"):
            place.chmod(0o555)
        done = subprocess.run(
            ["bash", "-euc", "source ./_setup.sh; ensure_venv some.lock"],
            cwd=tree,
            env={"PATH": os.environ["PATH"], "VENV": "venv"},
            capture_output=True,
            text=True,
            **nobody,
        )
        (tree / "venv").chmod(0o755)
        tree.chmod(0o755)
    assert done.returncode == 1
    assert re.fullmatch(r".*/venv has to be made anew, .* set VENV=<dir>\n", done.stderr)


def test_an_old_python_is_named(command: Command) -> None:
    old = command.directory / "bin"
    old.mkdir()
    fake = (
        '#!/bin/sh\ncase "$*" in *version_info*) exit 1 ;; *python_version*) echo 3.9.1 ;; esac\n'
    )
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python"):
        (old / name).write_text(fake)
        (old / name).chmod(0o755)
    command.environment["PATH"] = f"{old}:{command.environment['PATH']}"
    command.environment["VENV"] = str(command.directory / "venv")
    code, _ = command.run()
    assert code == 1
    assert "Python 3.11 or newer is needed; python3 is 3.9.1" in command.stderr()


# ---------------------------------------------------------------- scripts/token


def token(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/token", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "VENV": sys.prefix, "DATA_DIR": "kept", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_token_is_all_that_token_prints_and_the_secret_is_kept(tmp_path: Path) -> None:
    import jwt

    done = token(tmp_path, "--tenant", "acme", "--scope", "jobs:read", "--hours", "2")
    assert done.returncode == 0, done.stderr
    assert f"made a secret in {tmp_path}/kept" in done.stderr, "no server has this one"
    secret = (tmp_path / "kept/jwt_secret").read_text().strip()
    assert (tmp_path / "kept/jwt_secret").stat().st_mode & 0o777 == 0o600
    claims = jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"])
    assert (claims["tenant_id"], claims["scope"]) == ("acme", "jobs:read")
    assert claims["exp"] - claims["iat"] == 7200
    assert "session_days" not in claims, "a session of it ends with it"
    done = token(tmp_path, "--session-days", "30")
    assert done.stderr == ""
    assert jwt.decode(done.stdout.strip(), secret, algorithms=["HS256"])["session_days"] == 30


def test_a_shell_with_safe_paths_finds_our_modules(
    tmp_path: Path, start_product: StartProduct
) -> None:
    """Python then looks for no module in the directory where it is started."""
    done = token(tmp_path, PYTHONSAFEPATH="1")
    assert done.returncode == 0, done.stderr
    assert start_product(PYTHONSAFEPATH="1", SAMPLE_ORDERS="0").is_ready()


def test_help_of_the_key_for_nats_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert issuer.main(["--help"]) == 0
    assert "NATS_ISSUER_SEED" in capsys.readouterr().out


COMMANDS = [
    ["-m", "scripts.mint"],
    ["-m", "scripts.issuer", "seed"],
    ["-m", "hosting.backup", "backup", "all.tar.gz"],
]


def with_output(
    output: IO[Any], command: list[str], data_dir: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """A command that writes there, done in a DATA_DIR with an empty database."""
    sqlite3.connect(data_dir / "progress.db").close()
    return subprocess.run(
        [sys.executable, *command],
        cwd=data_dir,
        env={**os.environ, "DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), **settings},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[1])
@pytest.mark.parametrize("buffers", [True, False], ids=["buffered", "unbuffered"])
def test_a_command_whose_output_finds_no_room_says_so(
    tmp_path: Path, command: list[str], buffers: bool
) -> None:
    """It was a traceback."""
    with open("/dev/full", "w") as full:
        done = with_output(full, command, tmp_path, PYTHONUNBUFFERED="" if buffers else "1")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[1])
def test_a_command_whose_reader_is_gone_ends_as_others_do(
    tmp_path: Path, command: list[str]
) -> None:
    """It was a traceback, or a failure where all was done."""
    gone, out = os.pipe()
    os.close(gone)
    with os.fdopen(out, "wb") as stdout:
        done = with_output(stdout, command, tmp_path)
    assert (done.returncode, done.stderr) == (READER_GONE, "")


@pytest.mark.parametrize(
    ("arguments", "environment", "word"),
    [
        (["--scope", "jobs:everything"], {}, "jobs:everything"),
        (["--hours", "0"], {}, "--hours"),
        (["--session-days", "0"], {}, "--session-days"),
        (["--session-days", "401"], {}, "--session-days"),
        (["--tenant", "a.b"], {}, "--tenant"),
        ([], {"JWT_SECRET": "short"}, "JWT_SECRET"),
        ([], {"TENANT_ID": "*"}, "--tenant"),
    ],
)
def test_a_token_that_no_server_would_take_is_not_made(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], word: str
) -> None:
    done = token(tmp_path, *arguments, **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr


# ---------------------------------------------------------------- a machine with nothing but Python


@pytest.mark.real_setup
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository to clone it")
def test_a_fresh_clone_with_an_empty_home_sets_itself_up_and_runs_the_sample(
    tmp_path: Path,
) -> None:
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True, timeout=60)
    command = Command(home, root=clone)
    del command.environment["VENV"]
    command.environment["PIP_USER"] = "1"  # as some have it for all of their installs
    try:
        for worker_class in ("gthread", "gevent"):  # what tests need must not be what makes it work
            command.environment["WORKER_CLASS"] = worker_class
            code, out = command.run("--once", timeout=500)
            assert code == 0, out + command.stderr()
            assert out.splitlines()[-1] == "run completed"
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        )
        assert status.stdout == "", "the set-up leaves only ignored files"
        assert not command.left_over()
    finally:
        command.end()
