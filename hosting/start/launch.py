"""The command scripts/run: starts the product and serves until Ctrl-C; with --once, until the sample job has run.

    scripts/run ── gunicorn (own session) ── nats-server, runner, web workers

SIGHUP stops it where a terminal may have been closed, and else has settings and keys read again.

Exit code: 0 after Ctrl-C or SIGTERM, and with --once when the run completed. 1 when the run did not
complete, or when the server ends by itself or does not get ready, as when the server of NATS_URL is away.
2 for a bad setting or a port that is taken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from hosting.interrupting import end_with_parent, heeded
from hosting.reader import ended_with_reader

if TYPE_CHECKING:
    from settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]  # and the application
# Seconds until it listens. Before, a start makes the sample, or changes the tables of an earlier release, and nats-server
# reads its streams: each may take minutes, and none gets further by being ended
LISTEN_DEADLINE = 3_600.0
READY_DEADLINE = 120.0  # seconds from then on
SAY_STARTING = 60.0  # seconds between two words that it is still starting
READY_BYTES = 16_384  # of /readyz, whose reasons are sentences
NATS_DEADLINE = 20.0  # seconds that the server of NATS_URL may be away at the start
SAY_WAITING = 2.0  # seconds until a person is told what is waited for
LOOK_WAIT = 2.0  # seconds for a NATS server to answer when it is looked at
# Seconds for a stop, in addition to RUN_CANCEL_TIMEOUT for programs; browsers get 16 of them, runner and nats-server 35
STOP_DEADLINE = 60.0
POLL = 0.1  # seconds between two looks at /readyz
NATS_PORT = 4222  # where a NATS URL names none
SAMPLE_TENANT = "default"  # whose the sample job is where every tenant is served
LOG_TAIL = 30  # lines of the server's log that explain a failed --once

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LaunchError(Exception):
    """The product did not start or did not answer. `code` is the exit code for it."""

    def __init__(self, sentence: str, code: int = 1):
        super().__init__(sentence)
        self.code = code


class StopAsked(Exception):
    """Ctrl-C, SIGTERM or the end of the terminal."""


# ---------------------------------------------------------------- the server process


class Server:
    """gunicorn as a child process, in a session of its own, so that Ctrl-C reaches only this process."""

    def __init__(self, settings: Settings, log: IO[bytes] | None):
        self.settings = settings
        # gunicorn finds nats-server beside its own Python, as an activated venv would.
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        # gunicorn reports through a pipe that it listens, so that another server on its port is not
        # taken for it.
        self._listening, says = os.pipe()
        self._listens = self._is_to_reload = False
        try:
            self._process = subprocess.Popen(
                [*COMMAND, "wsgi:app"],
                cwd=ROOT,
                env={"ACCESS_LOG": "off", **os.environ, "PATH": path, "LISTENING_FD": str(says)},
                stdin=subprocess.DEVNULL,
                stdout=log or sys.stderr,  # our own stdout holds the ready line and nothing else
                stderr=log or sys.stderr,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid()),
                pass_fds=(says,),
            )
        except BaseException:
            os.close(self._listening)
            raise
        finally:
            os.close(says)

    @property
    def url(self) -> str:
        """The page's address for a browser on this machine."""
        host = self.settings.server.host
        if host in ("0.0.0.0", "::", ""):
            host = "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.server.api_port}"

    def wait_ready(self) -> None:
        """Returns when the server answers 200 at /readyz.

        Raises LaunchError when it ends, when LISTEN_DEADLINE or READY_DEADLINE passes, or when the server of NATS_URL
        is away for NATS_DEADLINE.
        """
        self._wait_listening()
        start = time.monotonic()
        is_told = False
        while (waited := time.monotonic() - start) < READY_DEADLINE:
            self._check_alive()
            state = _readiness(self.url)
            if state.get("ready"):
                return
            if self.settings.nats.url is not None and state.get("nats") == "away":
                if waited > NATS_DEADLINE:
                    raise LaunchError(_nats_sentence(self.settings.nats.url, waited))
                if waited > SAY_WAITING and not is_told:
                    is_told = True
                    print(_waiting_sentence(self.settings.nats.url), file=sys.stderr, flush=True)
            if (
                state.get("nats") == "ok"
                and state.get("runs", "ok") != "ok"
                and waited > NATS_DEADLINE
            ):
                raise LaunchError(f"no run could be queued: {state['runs']}")
            time.sleep(POLL)
        raise LaunchError(f"not ready after {READY_DEADLINE:g} s: {state or 'no answer'}")

    def _wait_listening(self) -> None:
        began = told_at = time.monotonic()
        with os.fdopen(self._listening, "rb", buffering=0) as pipe:
            while not select.select([pipe], [], [], POLL)[0]:
                self._check_alive()
                now = time.monotonic()
                if now - began > LISTEN_DEADLINE:
                    raise LaunchError(f"no server on its ports after {LISTEN_DEADLINE:g} s")
                if now - told_at > SAY_STARTING:
                    told_at = now
                    text = f"scripts/run: it is still starting, {now - began:.0f} s now; Ctrl-C stops it"
                    print(text, file=sys.stderr, flush=True)
            if pipe.read(1):
                self._listens = True
                if self._is_to_reload:
                    self.reload()
                return
        self._process.wait()  # the pipe's other end is closed, so the server is ending
        self._check_alive()

    def _check_alive(self) -> None:
        if (code := self._process.poll()) is not None:
            raise LaunchError("the server ended before it was ready", code if code > 0 else 1)

    def reload(self) -> None:
        """Has gunicorn read settings and keys again; once it listens, since the signal would end it before."""
        self._is_to_reload = True
        if self._listens and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    def wait(self) -> int:
        return self._process.wait()

    def stop(self) -> None:
        """Sends SIGTERM and waits until the server has ended; sends SIGKILL when that takes too long."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            deadline = self.settings.deadlines.cancel + STOP_DEADLINE
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            print(f"scripts/run: no end within {deadline:g} s, killing it", file=sys.stderr)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _readiness(url: str) -> dict[str, Any]:
    """The document of /readyz; {} when nothing answers."""
    try:
        with _direct.open(f"{url}/readyz", timeout=5.0) as answer:
            said = answer.read(READY_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(READY_BYTES)
    except OSError:
        return {}
    try:
        state = json.loads(said)
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


# ---------------------------------------------------------------- a NATS server that is away


def _waiting_sentence(nats_url: str) -> str:
    where = " and ".join(f"{host}:{port}" for host, port in _nats_addresses(nats_url))
    return f"scripts/run: waiting for NATS at {where} (NATS_URL), {NATS_DEADLINE:g} s at most"


def _nats_sentence(nats_url: str, waited: float) -> str:
    """A sentence that says why NATS does not answer, and what to do. It hides the URL's password."""
    found = "; ".join(
        f"{host}:{port}: {_look_at(host, port)}" for host, port in _nats_addresses(nats_url)
    )
    return (
        f"no connection to NATS after {waited:.0f} s. NATS_URL leads to {found}. Start that server, or "
        "correct NATS_URL, or unset it: then an embedded server is started"
    )


def _nats_addresses(nats_url: str) -> list[tuple[str, int]]:
    parts = [urllib.parse.urlsplit(url.strip()) for url in nats_url.split(",")]
    return [(part.hostname or "127.0.0.1", part.port or NATS_PORT) for part in parts]


def _look_at(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=LOOK_WAIT) as connection:
            if connection.recv(4) == b"INFO":
                return "a NATS server that does not let us in (user, password or TLS?)"
            return "something that is no NATS server"
    except TimeoutError:
        return f"no answer within {LOOK_WAIT:g} s"
    except OSError as error:
        return error.strerror or str(error)


# ---------------------------------------------------------------- HTTP


class Api:
    """A client of the HTTP API, with a token."""

    def __init__(self, url: str, token: str):
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str) -> Any:
        body = b"{}" if method == "POST" else None
        with self._open(method, path, body, 30.0) as answer:
            return json.load(answer)

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Each line of an NDJSON answer as it comes; ends where the stream ends or breaks."""
        broken = contextlib.suppress(OSError, HTTPException)
        with self._open("GET", path, None, 60.0) as answer, broken:
            for line in answer:
                if not line.endswith(b"\n"):
                    return  # it broke within a line
                if line.strip():
                    yield json.loads(line)

    @contextlib.contextmanager
    def _open(self, method: str, path: str, body: bytes | None, timeout: float) -> Iterator[Any]:
        request = urllib.request.Request(self._url + path, body, self._headers, method=method)
        try:
            answer = _direct.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(2000).decode(errors="replace").strip()
            raise LaunchError(f"{method} {path}: {error.code} {text}") from error
        except OSError as error:
            raise LaunchError(f"{method} {path}: {error}") from error
        with answer:
            yield answer


# ---------------------------------------------------------------- the two ways to use it


def serve(server: Server, token: str) -> int:
    """Prints the ready line and waits until the server ends by itself; returns the exit code.

    `token` is "" when somebody else signs the tokens, or none shall stand in a log; the page then asks for one.
    """
    query = f"?token={urllib.parse.quote(token)}" if token else ""
    print(f"ready {server.url}/{query}", flush=True)
    code = server.wait()
    print(f"scripts/run: the server ended by itself (code {code})", file=sys.stderr)
    return code if code > 0 else 1


def run_sample(api: Api) -> int:
    """Executes the sample job and shows its nodes until the run's end; 0 when it completed."""
    from hosting.start.terminal import Board, Screen

    job = _sample_job(api)
    run_id = api.ask("POST", f"/api/jobs/{job['id']}/execute")["runId"]
    print(f"run {run_id} of job {job['id']}, {job['name']}", flush=True)
    nodes = api.ask("GET", f"/api/runs/{run_id}")["graph"]["nodes"]  # what runs has been checked
    board = Board((int(node["id"]), str(node.get("name") or "")) for node in nodes)
    screen = Screen(board, sys.stdout)
    while not board.ended:
        for event in api.lines(f"/api/runs/{run_id}/wait"):
            screen.show(board.take(event))
        # The stream may break, so the end is read from the run's document.
        run = api.ask("GET", f"/api/runs/{run_id}")
        for progress in run["nodes"]:
            board.take_progress(progress)
        board.take_status(run)
    screen.finish()
    return 0 if board.run_status == "completed" else 1


def _sample_job(api: Api) -> dict[str, Any]:
    """The job that the first start stores, by its name."""
    from jobs.graph.gallery import ORDER_REPORT

    name = ORDER_REPORT.name
    named = f"/api/jobs?limit=500&q={urllib.parse.quote(name)}"
    jobs: list[dict[str, Any]] = api.ask("GET", named)["jobs"]
    found = sorted((job for job in jobs if job["name"] == name), key=lambda job: int(job["id"]))
    if not found:
        raise LaunchError(f"there is no job called {name!r} any more; start with an empty DATA_DIR")
    return found[0]


# ---------------------------------------------------------------- the command


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Sets everything up once (a venv in .venv), starts the server and prints one line "
        "'ready http://…' that opens the Playground. Ctrl-C or SIGTERM stops everything.",
        epilog="Settings come from the environment and stand in README.md: API_PORT, WS_PORT, DATA_DIR … "
        "Exit code: 0 after Ctrl-C or SIGTERM; with --once 0 when the run completed, else 1; "
        "2 for a bad setting or a port that is taken.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="execute the sample job, show its nodes, stop everything, exit with the run's code",
    )
    parser.add_argument(
        "--no-token",
        action="store_true",
        help="print the address alone, where what is printed is kept, as by systemd or Docker; scripts/token prints one",
    )
    options = parser.parse_args(arguments)
    if options.once and options.no_token:
        parser.error("--once prints no token")
    return options


def launch(*, once: bool, tells_token: bool = True) -> int:
    """Starts, uses and stops the server. Returns the exit code."""
    settings = _settings()
    log_file = settings.data_dir / "once.log"
    server: Server | None = None

    def reload(_number: int, _frame: FrameType | None) -> None:
        if server is not None:  # else it has not read them yet
            server.reload()

    with contextlib.ExitStack() as files:
        try:
            reloads = not once and not _may_lose_terminal()
            _on_stop(_ask_stop)
            if reloads:
                signal.signal(signal.SIGHUP, reload)
            server = _started(settings, files.enter_context(_opened(log_file)) if once else None)
            return _use(server, settings, once=once, tells_token=tells_token)
        except StopAsked:
            print("scripts/run: stopping", file=sys.stderr)
            return 1 if once else 0
        except LaunchError:
            if once and server is not None:  # else what is there is of an earlier start
                print(_tail(log_file), file=sys.stderr, end="")
            raise
        finally:
            _on_stop(signal.SIG_IGN)  # further signals would interrupt the stop
            if server is not None:
                server.stop()


def _settings() -> Settings:
    """Those of the environment, whose directory is there. Raises LaunchError."""
    from settings import Settings, SettingsError, keep_private

    keep_private()
    try:
        settings = Settings.from_env(os.environ)
        settings.make_data_dir()
    except SettingsError as error:
        raise LaunchError(str(error), 2) from error
    return settings


def _use(server: Server, settings: Settings, *, once: bool, tells_token: bool) -> int:
    """Runs the sample, or says where the server is and waits for its end. Returns the exit code."""
    from progress_lib.subjects import EVERY_TENANT
    from scripts.mint import mint_for  # PyJWT's 30 ms pass while the server starts
    from settings import SettingsError

    server.wait_ready()
    token = ""
    if once or tells_token:
        of_every_tenant = settings.tenant_id == EVERY_TENANT
        try:
            token = mint_for(
                settings,
                tenant=SAMPLE_TENANT if of_every_tenant else None,
                session_days=settings.sessions.most_days,
            )
        except SettingsError as error:
            if once:
                raise LaunchError(f"--once needs a token: {error}", 2) from error
    if not once:
        return serve(server, token)
    print(f"server ready at {server.url}", flush=True)
    return run_sample(Api(server.url, token))


def _opened(log_file: Path) -> IO[bytes]:
    """Raises LaunchError, as on a full disk."""
    try:
        return log_file.open("wb")
    except OSError as error:
        raise LaunchError(f"DATA_DIR: {log_file}: {error.strerror}", 2) from error


def _started(settings: Settings, log: IO[bytes] | None) -> Server:
    """Raises LaunchError, as where the machine has no process left."""
    try:
        return Server(settings, log)
    except (OSError, subprocess.SubprocessError) as error:
        raise LaunchError(f"the server cannot be started ({error})") from error


def _may_lose_terminal() -> bool:
    """Whether SIGHUP says that a terminal was closed. Else it asks for new keys: under nohup, in a container, from systemd."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _on_stop(handler: Any) -> None:
    for number in heeded((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)):
        signal.signal(number, handler)


def _ask_stop(number: int, frame: FrameType | None) -> None:
    _on_stop(signal.SIG_IGN)
    raise StopAsked


def _tail(path: Path) -> str:
    """The end of the server's log; nothing where that is what could not be opened."""
    try:
        return "".join(path.read_text(errors="replace").splitlines(keepends=True)[-LOG_TAIL:])
    except OSError:
        return ""


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        return launch(once=options.once, tells_token=not options.no_token)
    except LaunchError as error:
        print(f"scripts/run: {error}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a server to stop: no traceback
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
