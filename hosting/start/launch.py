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
import os
import signal
import subprocess
import sys
import urllib.parse
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any

from hosting.reader import ended_with_reader
from hosting.start.errors import LaunchError
from hosting.start.first_run import Api, run_sample
from hosting.start.server import Server
from hosting.stop_signals import heeded

if TYPE_CHECKING:
    from settings import Settings

SAMPLE_TENANT = "default"  # whose the sample job is where every tenant is served
LOG_TAIL = 30  # lines of the server's log that explain a failed --once


class StopAsked(Exception):
    """Ctrl-C, SIGTERM or the end of the terminal."""


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


def serve(server: Server, token: str) -> int:
    """Prints the ready line and waits until the server ends by itself; returns the exit code.

    `token` is "" when somebody else signs the tokens, or none shall stand in a log; the page then asks for one.
    """
    query = f"?token={urllib.parse.quote(token)}" if token else ""
    print(f"ready {server.url}/{query}", flush=True)
    code = server.wait()
    print(f"scripts/run: the server ended by itself (code {code})", file=sys.stderr)
    return code if code > 0 else 1


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
