"""The installation that docs/operate.md describes, of real processes on 127.0.0.1, each part of which a test may kill."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from hosting.trial.product import BIN, Answer, NotReady
from tests.harness import Product, eventually, linked
from tests.jobs.conftest import RunnerElsewhere
from tests.servers.cluster import CLUSTER_WAIT, Cluster, running_cluster
from tests.servers.databases import Postgresql, Running, skip_where_missing
from tests.servers.proxies import PREFIX, Nginx, skip_without_nginx

SLOTS = 4  # runs at once on each of the two runners
COMES_BACK = 60.0  # seconds for a web server that was killed, with retries as systemd makes them
ANSWER_WAIT = 15.0  # seconds for an HTTP answer


class Away(Exception):
    """Nobody answered, or with 5xx: what a client tries again."""


class RunnerMachine(RunnerElsewhere):
    """A runner as an operator starts it, on a machine of its own: a process-id space and a host name."""

    MODULE = "jobs.runner"
    SPACE = (*RunnerElsewhere.SPACE, "--uts")

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self.name = name
        super().__init__(environment, {}, log)

    def command(self, options: dict[str, Any]) -> list[str]:
        named = ("sh", "-c", f'hostname {self.name}; "$@" & exec sleep 600', "sh")
        return [*self.SPACE, *named, sys.executable, "-m", self.MODULE]

    def end(self) -> None:
        self.process.kill()  # and with it the whole space
        self.process.wait(10.0)


class Entrance:
    """nginx as browsers and scripts see it."""

    def __init__(self, nginx: Nginx, web: Product) -> None:
        self.tls = ssl.create_default_context(cafile=str(nginx.certificate))
        self.tls.check_hostname = False
        self.ws_url = f"wss://127.0.0.1:{nginx.port}{PREFIX}/ws"
        self.bearer = web.token()
        self._port = nginx.port

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One exchange. Raises Away when a client would try again."""
        sent = {"Authorization": f"Bearer {self.bearer}", "Content-Type": "application/json"}
        connection = HTTPSConnection("127.0.0.1", self._port, timeout=ANSWER_WAIT, context=self.tls)
        try:
            with contextlib.closing(connection):
                content = None if body is None else json.dumps(body)
                connection.request(method, PREFIX + path, content, {**sent, **(headers or {})})
                with connection.getresponse() as told:
                    answer = Answer(told.status, dict(told.headers), told.read())
        except (OSError, HTTPException) as error:
            raise Away(repr(error)) from None
        if answer.status >= 500:
            raise Away(f"{answer.status}: {answer.body[:300]!r}")
        return answer

    def insist(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Asks until it is answered."""

        def answered() -> Answer:
            try:
                return self.ask(method, path, body, headers)
            except Away as away:
                raise AssertionError(str(away)) from None

        return eventually(answered, COMES_BACK, what=f"an answer to {method} {path}", interval=0.3)


@dataclass
class Installation:
    """All its parts; `shared` is the directory that all machines have, as over NFS."""

    cluster: Cluster
    postgresql: Postgresql
    webs: list[Product]
    runners: list[RunnerMachine]
    nginx: Nginx
    shared: Path
    start_runner: Callable[[str], RunnerMachine]

    @functools.cached_property
    def entrance(self) -> Entrance:
        return Entrance(self.nginx, self.webs[0])

    def leader_of(self, stream: str) -> str:
        with linked(self.cluster.url) as link:
            return self.cluster.leader_of(link, stream)

    def start_node(self, name: str) -> None:
        """Starts a NATS server again, and waits until the cluster is what it was: what programs say meanwhile is in no history."""
        self.cluster.nodes[name].start()
        with linked(self.cluster.url) as link:
            serves = functools.partial(self.cluster.all_serve, link, "RUNS", "PROGRESS")
            eventually(serves, CLUSTER_WAIT, what="each stream has a leader and three copies")


def settings_of_all(directory: Path, cluster: Cluster, database_url: str) -> dict[str, str]:
    """The settings that each process of the installation has, and nothing else of ours."""
    return {
        "NATS_URL": cluster.url,
        "DATABASE_URL": database_url,
        "DATA_ROOTS": str(directory / "shared"),
        "MAX_CONCURRENT_RUNS": str(SLOTS),
        "PROGRAM_SPARES": "1",
    }


def settings_of_webs() -> dict[str, str]:
    return {"JWT_SECRET": secrets.token_hex(32), "RUNNER": "off", "SAMPLE_ORDERS": "0"}


@contextlib.contextmanager
def whole_installation(directory: Path) -> Iterator[Installation]:
    """Brings all up, and ends all."""
    skip_where_missing(Postgresql)
    skip_without_nginx()
    with contextlib.ExitStack() as stack:
        server = Postgresql(directory)
        port = stack.enter_context(server.used())
        database = stack.enter_context(Running(server, port).database())
        # a kill -9 must not lose what was committed
        database.execute(f'ALTER DATABASE "{database.name}" SET synchronous_commit = on')
        database.connection.close()
        cluster = stack.enter_context(running_cluster(directory / "nats"))
        (directory / "shared").mkdir()
        common = settings_of_all(directory, cluster, database.url)
        webs = [
            stack.enter_context(web)
            for web in running_webs(directory, {**common, **settings_of_webs()})
        ]
        nginx = Nginx(*(web.api_port for web in webs), directory=directory / "nginx")
        nginx.start()
        stack.callback(nginx.stop)
        runners: list[RunnerMachine] = []
        stack.callback(end_all, runners)

        def start_runner(name: str) -> RunnerMachine:
            data_dir = directory / name
            data_dir.mkdir(exist_ok=True)
            environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "DATA_DIR": str(data_dir)}
            log = directory / f"{name}.{len(runners)}.log"
            runners.append(RunnerMachine(name, {**environment, **common}, log))
            return runners[-1]

        for name in ("runner-1", "runner-2"):
            start_runner(name)
        yield Installation(
            cluster, server, webs, runners, nginx, directory / "shared", start_runner
        )


def end_all(runners: list[RunnerMachine]) -> None:
    for runner in runners:
        runner.end()


def running_webs(
    directory: Path, settings: dict[str, str]
) -> Iterator[contextlib.AbstractContextManager[Product]]:
    """One of each worker class."""
    for worker_class in ("gthread", "gevent"):
        yield _running_web(directory / f"web-{worker_class}", worker_class, settings)


@contextlib.contextmanager
def _running_web(data_dir: Path, worker_class: str, settings: dict[str, str]) -> Iterator[Product]:
    web = Product(data_dir, worker_class=worker_class, **settings)
    try:
        web.start()
        yield web
    finally:
        web.end()
        print(f"--- web ({worker_class})\n{web.log_tail()}")


def kill_web(web: Product) -> None:
    """All its processes at once, as when its machine is gone."""
    for process in web.processes():
        process.signal(signal.SIGKILL)
    assert web.process is not None
    web.process.wait(10.0)


def start_web_again(web: Product) -> None:
    """As systemd does: again and again until it stays."""
    deadline = time.monotonic() + COMES_BACK
    while True:
        try:
            web.start_again()
            return
        except NotReady:
            if time.monotonic() > deadline:
                raise
