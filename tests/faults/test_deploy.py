"""A new version behind a real nginx: one web server after the other is stopped and started, and no request is lost."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.harness import NatsServer, Product, StartProduct, eventually
from tests.servers import proxies

POSTERS = 6
BROWSERS = 20
A_FEW = 20  # requests of each poster that are answered before and after each stop

pytestmark = [pytest.mark.faults, pytest.mark.slow]


class Poster(threading.Thread):
    """Makes jobs one after another through nginx until it is told to stop; half of them over one connection."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext, *, stays: bool) -> None:
        super().__init__(daemon=True)
        self.ends: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._url, self._context, self._stays = urlsplit(url), context, stays
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._names = itertools.count()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with closing(self._connection()) as connection:
                    while self._post(connection) and self._stays and not self.stopping.is_set():
                        pass
            except (OSError, http.client.HTTPException) as error:
                self.ends[repr(error)] += 1

    def _connection(self) -> http.client.HTTPSConnection:
        port = self._url.port
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=30.0, context=self._context)

    def _post(self, connection: http.client.HTTPSConnection) -> bool:
        body = json.dumps({"name": f"job {next(self._names)}", "graph": {"nodes": [], "edges": []}})
        connection.request("POST", f"{self._url.path}/api/jobs", body, self._headers)
        answer = connection.getresponse()
        answer.read()
        self.ends[str(answer.status)] += 1
        return answer.status == 201


class Browser(threading.Thread):
    """A WebSocket through nginx that comes back at once, as often as it is sent away."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.opened = 0
        self.ends: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._url, self._context = url, context

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with connect(self._url, ssl=self._context, proxy=None) as socket:
                    self.opened += 1
                    self._stay(socket)
            except InvalidStatus as error:
                self.ends[f"refused {error.response.status_code}"] += 1
            except ConnectionClosed as error:
                self.ends[str(error.rcvd and error.rcvd.code)] += 1

    def _stay(self, socket: object) -> None:
        while not self.stopping.is_set():
            try:
                socket.recv(timeout=0.5)  # type: ignore[attr-defined]
            except TimeoutError:
                continue


@pytest.fixture
def webs(nats_server: NatsServer, start_product: StartProduct, tmp_path: Path) -> list[Product]:
    """Two web servers of one installation, of each worker class."""
    shared = {
        "NATS_URL": nats_server.url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/progress.db",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
        "RUNNER": "off",
        "SAMPLE_ORDERS": "0",
    }
    return [start_product(worker_class=each, **shared) for each in ("gthread", "gevent")]


@pytest.fixture(params=["max_fails=0", "the default of max_fails"])
def entrance(
    request: pytest.FixtureRequest,
    webs: list[Product],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """nginx as docs/deploy configures it, and as most balancers are found."""
    if request.param != "max_fails=0":
        site = tmp_path / "site.conf"
        site.write_text(proxies.SITE.read_text().replace(" max_fails=0", ""))
        monkeypatch.setattr(proxies, "SITE", site)
    ports = [web.api_port for web in webs]
    with proxies.nginx_before(*ports, directory=tmp_path / "nginx") as url:
        yield url
    print(f"--- nginx\n{(tmp_path / 'nginx' / 'error.log').read_text()[-4000:]}")


def test_a_deploy_loses_no_post_and_locks_no_browser_out(
    webs: list[Product], entrance: str, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "nginx" / "certificate.pem"))
    context.check_hostname = False
    token = webs[0].token()
    posters = [
        Poster(entrance, token, context, stays=bool(number % 2)) for number in range(POSTERS)
    ]
    socket_url = entrance.replace("https", "wss") + f"/ws?token={token}"
    browsers = [Browser(socket_url, context) for _ in range(BROWSERS)]
    with ExitStack() as stack:
        threads: tuple[Poster | Browser, ...] = (*posters, *browsers)
        for thread in threads:
            thread.start()
            stack.callback(thread.stopping.set)
        eventually(lambda: all(browser.opened for browser in browsers))
        for web in webs:
            answered(posters, A_FEW)
            web.stop()
            answered(posters, A_FEW)
            web.start_again()
            takes_its_share(web)
    for thread in threads:
        thread.join(30.0)
        assert not thread.is_alive()
    assert {end for poster in posters for end in poster.ends} == {"201"}
    ends = sum((browser.ends for browser in browsers), Counter[str]())
    # 503: a server that stops had taken the connection already. 502 would be nginx, with no server left
    assert {"4001"} <= set(ends) <= {"4001", "refused 503"}, ends
    assert all(browser.opened >= 2 for browser in browsers), "each server was stopped once"


def takes_its_share(web: Product) -> None:
    """Waits until nginx gives it requests again: with its default of max_fails after ten seconds without a try."""

    def made() -> float:
        return web.figures().get("progress_http_requests_total", 0.0)

    own = 1  # of each look
    eventually(lambda: made() + own < made(), 60.0, what="nginx gives it requests", interval=0.1)


def answered(posters: list[Poster], more: int) -> None:
    """Waits until each of them has had so many more answers."""
    wanted = [poster.ends.total() + more for poster in posters]
    eventually(
        lambda: all(
            poster.ends.total() >= least for poster, least in zip(posters, wanted, strict=True)
        ),
        what="requests are answered",
    )
