"""gunicorn as a child process of scripts/run: started, waited for, reloaded and stopped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hosting.start.errors import LaunchError
from hosting.start.nats_away import NATS_DEADLINE, away_sentence, waiting_sentence
from hosting.stop_signals import end_with_parent

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
SAY_WAITING = 2.0  # seconds until a person is told what is waited for
# Seconds for a stop, in addition to RUN_CANCEL_TIMEOUT for programs; browsers get 16 of them, runner and nats-server 35
STOP_DEADLINE = 60.0
POLL = 0.1  # seconds between two looks at /readyz

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
                    raise LaunchError(away_sentence(self.settings.nats.url, waited))
                if waited > SAY_WAITING and not is_told:
                    is_told = True
                    print(waiting_sentence(self.settings.nats.url), file=sys.stderr, flush=True)
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
        with direct.open(f"{url}/readyz", timeout=5.0) as answer:
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
