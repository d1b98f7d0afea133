"""The real product on free ports and in a directory of its own, its processes by role, and its HTTP API."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.tokens import mint
from settings import NATS_USER

ROOT = Path(__file__).resolve().parent.parent
TENANT = "default"
READY_WAIT = 120.0  # seconds for a start, tries while the old parts end included
TRY_AGAIN = 0.5  # seconds between two starts
STOP_WAIT = 60.0  # seconds; browsers get 10 to leave, then programs 25 to roll back
ANSWER_WAIT = 5.0  # seconds for an HTTP answer; a stopped worker gives none
TOKEN_HOURS = 24.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Away(Exception):
    """The product did not answer: killed, stopped, or just starting."""


class DidNotComeBack(Exception):
    """The product was started and never became ready; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `start` (clock ticks) tells it from another that got its process id later."""

    pid: int
    start: int
    role: str  # master, worker, keeper, nats-server, runner, program
    run_id: str | None = None

    def is_alive(self) -> bool:
        return _start_of(self.pid) == self.start

    def signal(self, number: signal.Signals) -> bool:
        """Whether it was there to get the signal."""
        try:
            held = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(held, number)
            return True
        except OSError:
            return False
        finally:
            os.close(held)


class Product:
    """gunicorn with its embedded nats-server and runner; `directory` holds DATA_DIR and the log.

    Settings given as keywords win: Product(directory, "gevent", WORKERS="1").
    """

    def __init__(self, directory: Path, worker_class: str, **settings: str) -> None:
        self.data_dir = directory / "data"
        self.log_file = directory / "product.log"
        self.starts = 0
        self._worker_class = worker_class
        self._settings = settings
        self.secret = secrets.token_hex(32)
        self._mark = f"SOAK_PRODUCT={secrets.token_hex(8)}"
        self._ports = free_ports(4)
        self._master: subprocess.Popen[bytes] | None = None
        self.token = mint(
            self.secret, tenant_id=TENANT, hours=TOKEN_HOURS, scope=None, subject="soak"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._ports[1]}/ws"

    @property
    def nats_url(self) -> str:
        """With the password that the first start made, if it is the embedded one."""
        if "NATS_URL" in self._settings:
            return self._settings["NATS_URL"]
        kept = self.data_dir / "nats_password"
        user = f"{NATS_USER}:{kept.read_text().strip()}@" if kept.exists() else ""
        return f"nats://{user}127.0.0.1:{self._ports[2]}"

    def _environment(self) -> dict[str, str]:
        mark_name, _, mark_value = self._mark.partition("=")
        names = ("API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT")
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.data_dir.parent),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            mark_name: mark_value,
            **{name: str(port) for name, port in zip(names, self._ports, strict=True)},
            "DATA_DIR": str(self.data_dir),
            "WORKER_CLASS": self._worker_class,
            "WORKERS": "2",
            "JWT_SECRET": self.secret,
            "SAMPLE_ORDERS": "0",
            "ACCESS_LOG": "off",
            **self._settings,
        }

    # ---- start and stop

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Starts the master until one stays, has workers, and /readyz says 200. Raises DidNotComeBack.

        A start while the parts of a killed master are just ending is refused with exit code 2 and
        a line that says so: an operator, or systemd, starts again. `meanwhile` is called between
        two looks.
        """
        deadline = time.monotonic() + READY_WAIT
        self.data_dir.mkdir(parents=True, exist_ok=True)
        while time.monotonic() < deadline:
            if self._master is None or self._master.poll() is not None:
                self._start_master()
            if self._has_only_own_workers() and self.is_ready():
                return
            meanwhile()
            time.sleep(TRY_AGAIN)
        raise DidNotComeBack(f"not ready within {READY_WAIT:g} s:\n{self.log_tail()}")

    def _start_master(self) -> None:
        self.starts += 1
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        with self.log_file.open("ab") as log:
            self._master = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _has_only_own_workers(self) -> bool:
        """False while those of a killed master still answer in its place."""
        workers = [p.pid for p in self.processes() if p.role == "worker"]
        master = self._master.pid if self._master is not None else 0
        return bool(workers) and all(_parent_of(pid) == master for pid in workers)

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").status == 200
        except Away:
            return False

    @property
    def is_running(self) -> bool:
        return self._master is not None and self._master.poll() is None

    def wait_for_master(self, meanwhile: Callable[[], None]) -> bool:
        """Whether the master, told to stop, ended in time."""
        deadline = time.monotonic() + STOP_WAIT
        while self.is_running and time.monotonic() < deadline:
            meanwhile()
            time.sleep(0.1)
        return not self.is_running

    def end(self) -> list[str]:
        """Ends whatever lives of it, politely first; what outlived a clean stop."""
        for process in self.processes():
            process.signal(signal.SIGCONT)
        stopped = not self.is_running
        if self._master is not None and not stopped:
            self._master.terminate()
            stopped = self.wait_for_master(lambda: None)
        left = self.processes()
        for process in left:
            process.signal(signal.SIGKILL)
        if self._master is not None:
            self._master.wait()
        return [f"{p.role} {p.pid} outlived the stop" for p in left]

    def log_tail(self, lines: int = 30) -> str:
        text = self.log_file.read_text(errors="replace") if self.log_file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    # ---- processes

    def processes(self) -> list[Process]:
        """Every live process of it, programs too."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (process := self._process(int(entry.name))):
                found.append(process)
        return found

    def _process(self, pid: int) -> Process | None:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return None
        names = environment.split("\0")
        start = _start_of(pid)
        if start is None:
            return None
        if self._mark in names:
            return Process(pid, start, self._role(pid, command.replace("\0", " ")))
        if f"DATA_DIR={self.data_dir.resolve()}" in names:
            run_ids = [name.removeprefix("RUN_ID=") for name in names if name[:7] == "RUN_ID="]
            return Process(pid, start, "program", run_ids[0] if run_ids else None)
        return None

    def _role(self, pid: int, command: str) -> str:
        for text, role in _ROLES.items():
            if text in command:
                is_master = self._master is not None and pid == self._master.pid
                return "master" if role == "worker" and is_master else role
        return "other"

    # ---- HTTP

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One HTTP exchange. Raises Away when there is no answer."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, content, sent, method=method)
        try:
            with _direct.open(request, timeout=ANSWER_WAIT) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _read_answer(error)
        except (OSError, ValueError, EOFError) as error:
            raise Away(str(error)) from None
        except Exception as error:  # http.client's own family: a half answer
            raise Away(repr(error)) from None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


_ROLES = {
    "-m hosting.supervisor": "keeper",
    "-m jobs.runner": "runner",
    "nats-server": "nats-server",
    "gunicorn": "worker",
}


def _read_answer(error: urllib.error.HTTPError) -> Answer:
    try:
        return Answer(error.code, error.read())
    except Exception as broken:
        raise Away(repr(broken)) from None


def _start_of(pid: int) -> int | None:
    """The start time of a live process; None for one that is gone, or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def _parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below the range of outgoing connections."""
    ports: list[int] = []
    while len(ports) < count:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
