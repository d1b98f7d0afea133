"""The servers that are measured: the product, a program like the reference in Go, or a server that runs already."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from hosting.trial.ports import free_ports
from hosting.trial.product import Product
from web.callers.tokens import mint

TENANT = "default"
TOKEN_HOURS = 24.0
START_WAIT = 15.0  # seconds for a program to listen
STOP_WAIT = 10.0  # seconds for it to end
MAX_CLIENTS = 19_500  # just below the open files of a process
LOOK = 0.05  # seconds between two looks


class TargetFailed(Exception):
    """A server did not start, or cannot be measured. The text says what to do."""


class Target(ABC):
    """A server with a WebSocket, and its NATS server, which nobody else uses."""

    name: str
    tenant = TENANT
    ws_url: str
    nats_url: str
    secret: str  # the key that it checks tokens with
    is_ours = False

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None:
        """Ends what `start` started. Harmless at any time."""

    @abstractmethod
    def pids(self) -> list[int]:
        """The processes whose CPU and memory count: without NATS, without a runner."""

    def nats_pids(self) -> list[int]:
        return []

    def counters(self) -> dict[str, float] | None:
        """The server's own counters, by name; None when they cannot be read."""
        return None

    def restart(self) -> None:
        """Starts a new process, since memory that a used one has freed would hide what connections cost."""
        self.stop()
        self.start()

    @property
    def address(self) -> tuple[str, int]:
        return _address(self.ws_url, 80)

    @property
    def nats_address(self) -> tuple[str, int]:
        return _address(self.nats_url, 4222)

    @property
    def host(self) -> str:
        return urllib.parse.urlsplit(self.ws_url).netloc

    def path_of(self, subject: str) -> str:
        """The WebSocket's path, with a token of this subject in its query."""
        token = mint(
            self.secret, tenant_id=self.tenant, hours=TOKEN_HOURS, scope=None, subject=subject
        )
        url = urllib.parse.urlsplit(self.ws_url)
        query = "&".join(part for part in (url.query, f"token={token}") if part)
        return f"{url.path or '/'}?{query}"


def _address(url: str, port: int) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    return socket.gethostbyname(parts.hostname or "127.0.0.1"), parts.port or port


class OurTarget(Target):
    """The product: gunicorn with its embedded nats-server; history, snapshots and metrics are on."""

    is_ours = True

    def __init__(self, directory: Path, worker_class: str, workers: int) -> None:
        self.name = worker_class if workers == 1 else f"{worker_class} ×{workers}"
        directory = directory / f"{worker_class}-{workers}"
        directory.mkdir(parents=True)
        self._product = Product(
            directory / "data",
            worker_class=worker_class,
            SAMPLE_ORDERS="0",
            ACCESS_LOG="off",
            WORKERS=str(workers),
            MAX_CLIENTS=str(MAX_CLIENTS),
            MAX_CLIENTS_PER_TOKEN=str(MAX_CLIENTS),
            MAX_CLIENTS_PER_ADDRESS=str(MAX_CLIENTS),
            RUNNER="off",
            LOG_LEVEL="warning",
        )
        self._urls = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.workers = workers
        self.secret = self._product.secret

    def start(self) -> None:
        self._product.start()
        self.ws_url, self.nats_url = self._product.ws_url, self._product.nats_url

    def stop(self) -> None:
        self._product.end()

    def pids(self) -> list[int]:
        return self._of("master", "worker")

    def nats_pids(self) -> list[int]:
        return self._of("nats-server")

    def _of(self, *roles: str) -> list[int]:
        return [process.pid for process in self._product.processes() if process.role in roles]

    def counters(self) -> dict[str, float] | None:
        if self.workers > 1:
            return None  # those of the worker that does not answer are some seconds old
        with self._urls.open(f"{self._product.url}/metrics", timeout=30.0) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.split() for line in lines if line and line[0] != "#")
        return {name.removesuffix('{worker="0"}'): float(value) for name, value in pairs}


class ProgramTarget(Target):
    """A program that takes -addr, -nats, -tenant and JWT_SECRET. It gets a nats-server of its own."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.name = program.name
        self._program = program
        self._directory = directory / program.name
        self._directory.mkdir(parents=True)
        self.secret = secrets.token_hex(32)
        self._processes: list[subprocess.Popen[bytes]] = []
        port, nats_port = free_ports(2)
        self.ws_url = f"ws://127.0.0.1:{port}/ws"
        self.nats_url = f"nats://127.0.0.1:{nats_port}"

    def start(self) -> None:
        (host, port), (nats_host, nats_port) = self.address, self.nats_address
        self._run([_nats_server(), "-a", nats_host, "-p", str(nats_port)])
        self._wait_for((nats_host, nats_port))
        command = [str(self._program), "-addr", f"{host}:{port}", "-nats", self.nats_url]
        self._run([*command, "-tenant", TENANT])
        self._wait_for((host, port))

    def _run(self, command: list[str]) -> None:
        with (self._directory / "log").open("ab") as log:
            try:
                process = subprocess.Popen(
                    command,
                    env={**os.environ, "JWT_SECRET": self.secret},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise TargetFailed(f"{command[0]} cannot be started: {error.strerror}") from None
        self._processes.append(process)

    def _wait_for(self, address: tuple[str, int]) -> None:
        deadline = time.monotonic() + START_WAIT
        while time.monotonic() < deadline and self._processes[-1].poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(address, 1.0):
                return
            time.sleep(LOOK)
        log = (self._directory / "log").read_text(errors="replace")[-1000:]
        raise TargetFailed(f"{self._processes[-1].args!r} does not listen on {address}:\n{log}")

    def stop(self) -> None:
        while self._processes:
            process = self._processes.pop()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WAIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def pids(self) -> list[int]:
        return [self._processes[1].pid]

    def nats_pids(self) -> list[int]:
        return [self._processes[0].pid]


class RunningTarget(Target):
    """A server that somebody else started. It is never restarted. CPU and memory are those of given process ids."""

    def __init__(
        self, ws_url: str, nats_url: str, secret: str, tenant: str, pids: list[int]
    ) -> None:
        self.name = urllib.parse.urlsplit(ws_url).netloc
        self.ws_url, self.nats_url, self.tenant = ws_url, nats_url, tenant
        self.secret, self._pids = secret, pids

    def start(self) -> None:
        for what, address in (("WebSocket", self.address), ("NATS", self.nats_address)):
            try:
                socket.create_connection(address, START_WAIT).close()
            except OSError as error:
                raise TargetFailed(f"nobody answers on {address}, its {what}: {error}") from None

    def stop(self) -> None:
        pass

    def pids(self) -> list[int]:
        return self._pids


def _nats_server() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise TargetFailed("no nats-server: pip install -r requirements.txt")
    return found


@contextlib.contextmanager
def nats_of_its_own() -> Iterator[str]:
    """The URL of a nats-server without a password that nobody else uses."""
    [port] = free_ports(1)
    command = [_nats_server(), "-a", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
