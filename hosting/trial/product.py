"""Starts the whole product as an operator does, on free ports and in a directory of its own.

Used by the tests (tests/harness.py), the bench and the soak. For people, scripts/run starts it with
their settings (hosting/start/launch.py).
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import jwt

from hosting.start.server import COMMAND, ROOT
from hosting.trial.ports import port_settings
from hosting.trial.processes import Process, processes_of
from settings import NATS_USER

BIN = Path(sys.executable).parent  # not resolved: a venv's python is a link
START_WAIT = 60.0  # seconds; the product's first start makes the sample database
# Seconds; of these, browsers get 10 to leave, and programs 25 to roll back
STOP_WAIT = 60.0
LOOK = 0.1  # seconds between two looks at /readyz
# Starts, each with other ports: another process may take a port between our look and the start
STARTS = 3
TOKEN_SECONDS = 3600
LOG_TAIL = 60  # lines

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotReady(Exception):
    """The product was started and did not get ready. The text has the end of its log."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names as sent; `header` ignores their case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), None)


class Product:
    """gunicorn, its embedded nats-server and its runner.

    Keywords are settings, and win over the defaults: Product(dir, worker_class="gevent", RUNNER="off").
    """

    application = "wsgi:app"

    def __init__(self, data_dir: Path, *, worker_class: str = "gthread", **settings: str):
        self.data_dir = data_dir
        self.worker_class = worker_class
        self.settings = settings
        self.secret = settings.get("JWT_SECRET") or secrets.token_hex(32)
        self.tenant_id = settings.get("TENANT_ID", "default")
        self.mark = f"STARTED_PRODUCT={secrets.token_hex(8)}"
        self.log_file = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, str] = {}

    # -------------------------------------------------- where it is

    @property
    def api_port(self) -> int:
        return int(self._ports["API_PORT"])

    @property
    def ws_port(self) -> int:
        return int(self._ports["WS_PORT"])

    @property
    def nats_port(self) -> int:
        return int(self._ports["NATS_PORT"])

    @property
    def monitor_port(self) -> int:
        return int(self._ports["NATS_MONITOR_PORT"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def ws_url(self) -> str:
        """The WebSocket's address on the WebSocket port, without a token."""
        return f"ws://127.0.0.1:{self.ws_port}/ws"

    @property
    def nats_url(self) -> str:
        """The embedded server's URL with its password. Needs a product that has started."""
        if url := self.settings.get("NATS_URL"):
            return url
        return f"nats://{NATS_USER}:{self.nats_password}@127.0.0.1:{self.nats_port}"

    @property
    def nats_password(self) -> str:
        return (self.data_dir / "nats_password").read_text().strip()

    @property
    def pid(self) -> int:
        """The gunicorn master's process id."""
        assert self.process is not None
        return self.process.pid

    def environment(self) -> dict[str, str]:
        """The environment of the product: our PATH, and the settings."""
        mark_name, _, mark_value = self.mark.partition("=")
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.data_dir.parent),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            mark_name: mark_value,
            **self._ports,
            "DATA_DIR": str(self.data_dir),
            "WORKER_CLASS": self.worker_class,
            "JWT_SECRET": self.secret,
            **self.settings,
        }

    # -------------------------------------------------- start and stop

    def start(self) -> None:
        """Starts the product on free ports. Returns when it is ready. Raises NotReady."""
        for starts_left in reversed(range(STARTS)):
            self._ports = port_settings()
            try:
                self.start_again()
                return
            except NotReady as failed:
                self.end()
                clash = any(words in str(failed) for words in ("in use", "is taken"))
                if not (clash and starts_left):
                    raise

    def start_again(self) -> None:
        """Starts the product again, on the same ports and directory. Raises NotReady."""
        self.start_master()
        deadline = time.monotonic() + START_WAIT
        while not self.is_ready():
            if not self.is_running:
                raise NotReady(
                    f"it ended with {self.process and self.process.returncode}:\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise NotReady(f"not ready within {START_WAIT:g} s:\n{self.log_tail()}")
            time.sleep(LOOK)

    def start_master(self) -> None:
        """Starts the gunicorn master, and does not wait."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, self.application],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether the master runs and /readyz answers 200. Without the master, another server answers."""
        try:
            return self.get("/readyz", token=None).status == 200 and self.is_running
        except (OSError, HTTPException):
            return False

    def stop(self) -> int:
        """Sends SIGTERM to the master, as an operator would. Returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_WAIT)

    def kill(self) -> None:
        """Sends SIGKILL to the master alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_WAIT)

    def processes(self) -> list[Process]:
        """Every live process of the product, programs included."""
        return [self._named(process) for process in processes_of(self.mark, self.data_dir)]

    def _named(self, process: Process) -> Process:
        is_master = self.process is not None and process.pid == self.process.pid
        return dataclasses.replace(process, role="master") if is_master else process

    def end(self) -> list[Process]:
        """Ends all its processes: SIGTERM first, then SIGKILL. Returns those that had to be killed."""
        if self.process is None:
            return []
        for process in self.processes():
            process.signal(signal.SIGCONT)
        if self.is_running:
            self.process.terminate()
            self._wait_for_end()
        left = self.processes()
        for process in left:
            process.signal(signal.SIGKILL)
        self.process.wait(STOP_WAIT)
        return left

    def _wait_for_end(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(STOP_WAIT)
        except subprocess.TimeoutExpired:
            pass  # it is among what is left

    # -------------------------------------------------- log

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_tail(self, lines: int = LOG_TAIL) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    # -------------------------------------------------- talking to it

    def token(self, **claims: Any) -> str:
        """A token that the product accepts for an hour; a claim given as None is left out."""
        now = int(time.time())
        all_claims = {
            "sub": "test",
            "tenant_id": self.tenant_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        all_claims.update(claims)
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(kept, self.secret, algorithm="HS256")

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """One HTTP exchange. `body` is sent as JSON, bytes as they are. `token`: "" means a valid one, None none."""
        request = self._prepared(method, path, body, token, headers)
        try:
            with _direct.open(request, timeout=timeout) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> Answer:
        return self.request("POST", path, body, **options)

    def stream(self, path: str, *, timeout: float = 60.0) -> HTTPResponse:
        """An open answer to read line by line (NDJSON, SSE). Use it in a `with`."""
        response = _direct.open(self._prepared("GET", path, None, "", None), timeout=timeout)
        assert isinstance(response, HTTPResponse)
        return response

    def _prepared(
        self,
        method: str,
        path: str,
        body: object,
        token: str | None,
        headers: Mapping[str, str] | None,
    ) -> urllib.request.Request:
        sent = {"Accept": "application/json"}
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token()}"
        content: bytes | None = None
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        return urllib.request.Request(self.url + path, content, sent, method=method)
