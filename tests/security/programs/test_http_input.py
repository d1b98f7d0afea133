"""HTTP Input as an attacker would use it: hosts that nobody allowed, secrets that leave, answers that never end."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.documents.unchecked import password_errors
from jobs.graph.errors import GraphInvalid
from jobs.graph.filled import checked_values
from jobs.graph.parsing import parse_graph
from jobs.sandbox.connections import ConnectionsUnusable, connections_for, read_connections
from program_lib.databases import read_rows
from program_lib.errors import ProgramError
from program_lib.http_service import by_link, read_http
from program_lib.http_service.client import Bounds, Client
from program_lib.http_service.hosts import AllowedHosts, HostRefused
from program_lib.http_service.patience import Patience, Temporary
from program_lib.http_service.service import Service, named_service
from program_lib.network.urls import parse_url
from program_lib.process.reasons import reason
from program_lib.process.secrets import SECRETS
from settings.checks import hosts
from settings.secret_files import write_secret
from tests.harness import eventually
from tests.programs import chain, node, run
from tests.servers import http_service
from tests.servers.http_service import Reply, Request, certificate, link, service

TOKEN = "tok-5f1d9c77"
NAME = "api.test"  # as our look-up knows it


@pytest.fixture(scope="module")
def running() -> Iterator[http_service.Service]:
    with service(lambda request: []) as made:
        yield made


@pytest.fixture
def api(running: http_service.Service, monkeypatch: pytest.MonkeyPatch) -> http_service.Service:
    monkeypatch.setenv("HTTP_INPUT_HOSTS", running.host)
    running.asked.clear()
    running.answer = lambda request: [{"id": 1}]
    return running


@pytest.fixture(scope="module")
def other() -> Iterator[http_service.Service]:
    """A host that nobody allowed, unless a test does."""
    with service(lambda request: [{"id": "stolen"}]) as made:
        yield made


@pytest.fixture(autouse=True)
def secrets() -> Iterator[None]:
    before = set(SECRETS)
    yield
    SECRETS.clear()
    SECRETS.update(before)


def looked_up(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Makes NAME lead to these addresses; the names that are looked up."""
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return real(host, port, *more, **named)
        asked.append(host)
        return [found for address in addresses for found in real(address, port, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def read(url: str, connection: str | None = None, **how: Any) -> list[dict[str, Any]]:
    made = read_http(url, connection=connection, **how)
    made._patience = Patience(tries=1)
    try:
        made.open()
        return [row for table in made.batches() for row in table.to_pylist()]
    finally:
        made.close()


# ---------------------------------------------------------------- hosts


def test_it_is_off_until_hosts_are_named(
    api: http_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HTTP_INPUT_HOSTS")
    with pytest.raises(ProgramError, match=r"page 1: no host may be asked: HTTP_INPUT_HOSTS .* is not set"):  # fmt: skip
        read(api.url)
    assert api.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://{other}/",
        "http://127.0.0.1/",
        "http://localhost:{port}/",
        "http://127.0.0.2:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://{host}.evil.example/",
        "http://{host}@{other}/",
        "http://{other}\\@{host}/",
        "http://{other}#@{host}/",
        "http://{other}?@{host}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://127.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://0:{port}/",
        "file:///etc/passwd",
        "ftp://{host}/",
    ],
)
def test_only_the_very_host_and_port_is_asked(
    api: http_service.Service, other: http_service.Service, url: str
) -> None:
    other.asked.clear()
    text = url.format(host=api.host, port=api.port, other=other.host)
    with pytest.raises(ProgramError):
        read(text)
    assert api.asked == other.asked == []


@pytest.mark.parametrize("how", ["redirect", "link", "header"])
def test_each_hop_is_checked(
    api: http_service.Service, other: http_service.Service, how: str
) -> None:
    other.asked.clear()
    answers = {
        "redirect": Reply(status=302, headers={"Location": f"{other.url}/x"}),
        "link": Reply({"d": [{"id": 1}], "next": f"//{other.host}/x"}),
        "header": Reply([{"id": 1}], headers=link(f"{other.url}/x")),
    }
    api.answer = lambda request: answers[how]
    paging = {"link": by_link("next"), "header": by_link()}.get(how)
    with pytest.raises(ProgramError, match=f"{other.host} is no host that may be asked"):
        read(api.url, rows="d" if how == "link" else "", paging=paging)
    assert other.asked == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://a@b/", "http://a b/", ""])  # fmt: skip
def test_a_redirect_to_what_is_no_url_of_a_host_is_refused(
    api: http_service.Service, location: str
) -> None:
    api.answer = lambda request: Reply(status=301, headers={"Location": location})
    with pytest.raises(ProgramError, match="a redirect"):
        read(api.url)


def test_redirects_end(api: http_service.Service) -> None:
    api.answer = lambda request: Reply(status=307, headers={"Location": "/again"})
    with pytest.raises(ProgramError, match="more than 5 times"):
        read(api.url)


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("127.0.0.1", "api.test", False),
        ("10.0.0.5", "api.test", False),
        ("169.254.169.254", "api.test", False),
        ("192.168.1.1", "api.test", False),
        ("100.64.0.1", "api.test", False),
        ("0.0.0.0", "api.test", False),
        ("224.0.0.1", "api.test", False),
        ("::1", "api.test", False),
        ("fd00::1", "api.test", False),
        ("fe80::1", "api.test", False),
        ("::ffff:127.0.0.1", "api.test", False),
        ("64:ff9b::7f00:1", "api.test", False),
        ("2002:7f00:1::", "api.test", False),
        ("93.184.216.34", "api.test", True),
        ("2606:2800:220:1::1", "api.test", True),
        ("10.0.0.5", "api.test,10.0.0.5", True),
        ("10.0.0.5", "api.test,10.0.0.5:443", True),
        ("10.0.0.5", "api.test,10.0.0.5:80", False),
        ("10.0.0.6", "api.test,10.0.0.5", False),
        ("10.0.0.6", "api.test,10.0.0.0/24", True),
        ("10.0.1.6", "api.test,10.0.0.0/24", False),
        ("::ffff:10.0.0.6", "api.test,10.0.0.0/24", True),
        ("fd00::1", "api.test,[fd00::1]", True),
        ("fd00::1", "api.test,fd00::/8", True),
    ],
)  # fmt: skip
def test_a_name_that_leads_to_no_public_address_is_refused_unless_that_is_named(
    monkeypatch: pytest.MonkeyPatch, address: str, allowed: str, may: bool
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    known = AllowedHosts.parsed(",".join(hosts(allowed)))
    url = parse_url(f"https://{NAME}/")
    known.check(url)
    if may:
        assert known.addresses(url) == [address]
    else:
        with pytest.raises(HostRefused, match="no public address"):
            known.addresses(url)


def test_a_network_allows_no_address_as_a_host() -> None:
    with pytest.raises(HostRefused):
        AllowedHosts.parsed("api.test,10.0.0.0/8").check(parse_url("http://10.0.0.5/"))


def test_what_was_looked_up_is_what_is_connected_to(
    api: http_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may lead elsewhere the next time that it is asked for: it is asked for once."""
    asked = looked_up(monkeypatch, "127.0.0.1")
    monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{NAME}:{api.port},127.0.0.0/8")
    api.answer = lambda request: Reply([{"id": 1}], headers=link("/2") if request.path == "/" else {})  # fmt: skip
    assert len(read(f"http://{NAME}:{api.port}/", paging=by_link())) == 2
    assert asked == [NAME]
    assert [request.headers["host"] for request in api.asked] == [f"{NAME}:{api.port}"] * 2
    monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{NAME}:{api.port}")
    with pytest.raises(ProgramError, match=r"leads to 127\.0\.0\.1, which is no public address"):
        read(f"http://{NAME}:{api.port}/")


def test_the_setting_has_one_spelling_of_each_host() -> None:
    text = " API.Example.com , bücher.example:8443,127.0.0.1:80,[0::1]:8080,10.0.0.0/8,fd00::/8,"
    assert hosts(text) == (
        "api.example.com", "xn--bcher-kva.example:8443", "127.0.0.1:80", "[::1]:8080", "10.0.0.0/8", "fd00::/8",
    )  # fmt: skip


# ---------------------------------------------------------------- TLS and proxies


@pytest.mark.parametrize("of", [NAME, "another.test"])
def test_a_certificate_must_be_for_the_name_though_an_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, of: str
) -> None:
    looked_up(monkeypatch, "127.0.0.1")
    with service(lambda request: [{"id": 1}], certificate(tmp_path, of)) as secure:
        monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{NAME}:{secure.port},127.0.0.1:{secure.port}")
        url = f"https://{NAME}:{secure.port}/"
        with pytest.raises(ProgramError, match="certificate"):  # of nobody whom the system knows
            read(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        if of == NAME:
            assert read(url) == [{"id": "1"}]
        else:
            with pytest.raises(ProgramError, match="certificate"):
                read(url)
            assert secure.asked == []


def test_https_does_not_become_http(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    looked_up(monkeypatch, "127.0.0.1")
    with service(lambda request: [], certificate(tmp_path, NAME)) as secure:
        monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{NAME}:{secure.port},{NAME}:80,127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        secure.answer = lambda request: Reply(
            [{"id": 1}],
            headers=link(f"http://{NAME}:{secure.port}/2") if request.path == "/" else {},
        )
        with pytest.raises(ProgramError, match="without TLS: that is not followed"):
            read(f"https://{NAME}:{secure.port}/", paging=by_link())
        # as of a service behind a proxy that ends TLS
        secure.answer = lambda request: Reply(
            [{"id": 1}], headers=link(f"http://{NAME}/2") if request.path == "/" else {}
        )
        assert len(read(f"https://{NAME}:{secure.port}/", paging=by_link())) == 2
        assert secure.targets[-1] == "/2"


def test_a_proxy_is_used_where_the_runner_names_one(
    api: http_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_INPUT_HOSTS", "api.example.com")
    monkeypatch.setenv("http_proxy", f"http://me:{TOKEN}@{api.host}")
    assert read("http://api.example.com/orders?x=1") == [{"id": "1"}]
    [asked] = api.asked
    assert asked.target == "http://api.example.com/orders?x=1"
    assert asked.headers["host"] == "api.example.com"
    login = base64.b64decode(asked.headers["proxy-authorization"].removeprefix("Basic "))
    assert login.decode() == f"me:{TOKEN}"
    assert TOKEN in SECRETS
    monkeypatch.setenv("no_proxy", "example.com")
    looked_up(monkeypatch)
    with pytest.raises(ProgramError):
        read("http://api.example.com/")
    assert len(api.asked) == 1


def test_a_proxy_that_tunnels_sees_no_secret_and_cannot_be_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        service(lambda request: [{"id": 1}], certificate(tmp_path, NAME)) as secure,
        socket.create_server(("127.0.0.1", 0)) as proxy,
    ):
        monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{NAME}:{secure.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        monkeypatch.setenv("https_proxy", f"http://me:{TOKEN}@127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("CONNECTION_CRM", f"https://{NAME}:{secure.port}?api_key=k-3f77a1")
        seen = bytearray()
        with http_service.in_background(lambda: _tunnel(proxy, secure.port, seen)):
            assert read("/orders", "crm") == [{"id": "1"}]
    assert seen.startswith(f"CONNECT {NAME}:{secure.port} HTTP/1".encode())
    assert base64.b64encode(f"me:{TOKEN}".encode()) in seen
    assert b"k-3f77a1" not in seen
    assert secure.targets == ["/orders?api_key=k-3f77a1"]


def _tunnel(server: socket.socket, port: int, seen: bytearray) -> None:
    """Opens one tunnel, whatever its name is said to be, and notes what goes in."""
    server.settimeout(10.0)
    client, _ = server.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as target:
        while b"\r\n\r\n" not in seen:
            seen += client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        ends = {client: target, target: client}
        while ends:
            for end in select.select(list(ends), [], [], 10.0)[0]:
                part = end.recv(65_536)
                if not part:
                    return
                if end is client:
                    seen += part
                ends[end].sendall(part)


# ---------------------------------------------------------------- secrets


@pytest.fixture
def crm(api: http_service.Service, monkeypatch: pytest.MonkeyPatch) -> http_service.Service:
    """The service behind the connection CRM, whose secrets are a password, a header and a key in the query."""
    url = f"http://me:p%40ss-9@{api.host}/v1?api_key=k%2Fey-77"
    monkeypatch.setenv("CONNECTION_CRM", url)
    monkeypatch.setenv("CONNECTION_HEADERS_CRM", json.dumps({"X-Token": f"Bearer {TOKEN}"}))
    return api


def test_a_connection_gives_its_headers_and_secrets_to_its_service(
    crm: http_service.Service,
) -> None:
    assert read("/orders?limit=2", "crm") == [{"id": "1"}]
    [asked] = crm.asked
    assert asked.target == "/v1/orders?limit=2&api_key=k%2Fey-77"
    assert asked.headers["x-token"] == f"Bearer {TOKEN}"
    assert base64.b64decode(asked.headers["authorization"].split()[1]).decode() == "me:p@ss-9"


@pytest.mark.parametrize("how", ["redirect", "link"])
def test_secrets_go_to_no_other_host(
    crm: http_service.Service,
    other: http_service.Service,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    monkeypatch.setenv("HTTP_INPUT_HOSTS", f"{crm.host},{other.host}")
    other.asked.clear()
    leads = {
        "redirect": Reply(status=302, headers={"Location": f"{other.url}/x"}),
        "link": Reply([{"id": 1}], headers=link(f"{other.url}/x")),
    }
    crm.answer = lambda request: leads[how]
    assert read("/orders", "crm", paging=by_link())[-1] == {"id": "stolen"}
    [asked] = other.asked
    assert asked.target == "/x"
    assert {"authorization", "x-token", "cookie"}.isdisjoint(asked.headers)
    with pytest.raises(ProgramError, match="secrets are not for another host"):
        read(f"{other.url}/x", "crm")


@pytest.mark.parametrize("status", [401, 500])
def test_no_error_tells_a_secret(crm: http_service.Service, status: int) -> None:
    def echo(request: Request) -> Reply:
        """As services do that are in trouble: they tell what they were asked."""
        return Reply(f"{request.target} {dict(request.headers)}", status)

    crm.answer = echo
    with pytest.raises(ProgramError) as refused:
        read("/orders", "crm")
    said = reason(refused.value)
    assert f"answers {status}" in said
    for secret in (TOKEN, "p@ss-9", "p%40ss", "k/ey-77", "k%2Fey", crm.asked[0].headers["authorization"][6:]):  # fmt: skip
        assert secret not in said
    assert TOKEN not in repr(named_service("crm"))


def test_a_key_may_stand_in_the_place_of_a_user_and_what_is_no_secret_is_not_masked(
    api: http_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Stripe."""
    monkeypatch.setenv("CONNECTION_PAY", f"http://{TOKEN}:@{api.host}?format=json&v=1")
    monkeypatch.setenv("CONNECTION_HEADERS_PAY", json.dumps({"authorization": "x", "X-V": "2"}))
    read("/a", "pay")
    [asked] = api.asked
    assert base64.b64decode(asked.headers["authorization"].split()[1]).decode() == f"{TOKEN}:"
    assert TOKEN in SECRETS
    assert {"1", "2", "json"}.isdisjoint(SECRETS)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-Token": f"{TOKEN}\r\nHost: evil"}, "holds a line end"),
        ({"X-Token": f"{TOKEN}\n"}, "holds a line end"),
        ({"X-Token": f"{TOKEN}é\u2028"}, "holds a line end"),
        ({f"X: {TOKEN}\r\nY": "1"}, "cannot set"),
        ({"Host": TOKEN}, "cannot set"),
        ({"Transfer-Encoding": TOKEN}, "cannot set"),
        ({"content-length": TOKEN}, "cannot set"),
        ({"": TOKEN}, "cannot set"),
    ],
)
def test_a_header_cannot_become_two(
    crm: http_service.Service, monkeypatch: pytest.MonkeyPatch, headers: Any, told: str
) -> None:
    monkeypatch.setenv("CONNECTION_HEADERS_CRM", json.dumps(headers))
    with pytest.raises(ProgramError, match=told) as refused:
        read("/orders", "crm")
    assert "X-Token" not in headers or TOKEN not in str(refused.value)
    assert crm.asked == []


def test_headers_of_a_connection_are_for_those_who_may_use_it(tmp_path: Path) -> None:
    file = tmp_path / "connections"
    lines = f'crm=https://api.example.com\nHEADERS_CRM={{"Authorization": "Bearer {TOKEN}"}}\nTENANTS_CRM=acme\n'
    write_secret(file, lines)

    def given(tenant: str, *names: str) -> set[str]:
        nodes = [node(n, "http_input", connection=name) for n, name in enumerate(names, 1)]
        return set(connections_for({"nodes": nodes}, tenant, file, {}, unbound=False))

    assert given("acme", "Crm") == {"CONNECTION_CRM", "CONNECTION_HEADERS_CRM"}
    assert given("bolt", "crm") == set()
    assert given("acme", "headers_crm", "HEADERS_CRM", "shop") == set()
    for bad in (f"Bearer {TOKEN}", f'["{TOKEN}"]', f'{{"A": ["{TOKEN}"]}}', "[" * 50_000):
        write_secret(file, f"crm=https://api.example.com\nHEADERS_CRM={bad}\n")
        with pytest.raises(ConnectionsUnusable, match="line 2: write a JSON object") as refused:
            read_connections(file, {})
        assert TOKEN not in str(refused.value)


def test_the_connection_of_a_service_is_no_database_and_the_other_way_round(
    crm: http_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTION_SHOP", f"postgresql://me:{TOKEN}@db/shop")
    with pytest.raises(ProgramError, match="shop is no HTTP service") as refused:
        read("/orders", "shop")
    assert TOKEN not in str(refused.value)
    for name in ("crm", "headers_crm"):
        with pytest.raises(Exception, match="no URL of a database") as failed:
            read_rows(name, "SELECT 1")
        assert TOKEN not in str(failed.value)
        assert "ss-9" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{TOKEN}@api.example.com/",
        f"https://{TOKEN}@api.example.com/",
        f"/orders?api%5Fkey={TOKEN}",
        f"https://api.example.com/?api_key={TOKEN}",
        f"https://api.example.com/?x=1&access_token={TOKEN}",
        f"/orders?Password={TOKEN}",
        f"/orders?apikey={TOKEN}&limit=1",
    ],
)
def test_no_secret_is_stored_with_a_graph(url: str) -> None:
    document = chain(
        node(1, "http_input", connection="crm", url=url), node(2, "csv_output", path="a")
    )
    [error] = password_errors(document)
    assert (error.node_id, error.field) == (1, "url")
    assert TOKEN not in error.message
    with pytest.raises(GraphInvalid) as refused:
        parse_graph(document)
    assert TOKEN not in str(refused.value)


def test_a_parameter_leads_to_no_other_host_and_no_other_path() -> None:
    def filled(url: str, value: str) -> None:
        document = chain(
            node(1, "http_input", connection="crm", url=url), node(2, "csv_output", path="a")
        )
        document["parameters"] = [{"name": "day", "type": "text"}]
        checked_values(parse_graph(document), {"day": value})

    filled("https://api.example.com/{day}?d={day}", "a/../b@evil.example:80/#?&x=1")
    for url in ("/a/{day}", "{day}/a", "https://api.example.com/{day}/b"):
        with pytest.raises(GraphInvalid, match="lead elsewhere"):
            filled(url, "..")
    for url in ("https://{day}/", "https://{day}.example.com/", "http://api.example.com:{day}/"):
        with pytest.raises(GraphInvalid):
            filled(url, "evil")
    with pytest.raises(GraphInvalid, match="must be the name of a connection"):
        document = chain(
            node(1, "http_input", connection="{day}", url="/a"), node(2, "csv_output", path="a")
        )
        document["parameters"] = [{"name": "day", "type": "text"}]
        parse_graph(document)


# ---------------------------------------------------------------- answers that cost much


def asked(api: http_service.Service, **bounds: Any) -> ProgramError:
    """How the client fails that has these bounds."""
    client = Client(Service(), AllowedHosts(frozenset({api.host})), Bounds(**bounds))
    try:
        with pytest.raises(ProgramError) as failed:
            client.get(parse_url(api.url))
    finally:
        client.close()
    assert not isinstance(failed.value, Temporary) or "silence" in bounds
    return failed.value


def zeros(size: int) -> bytes:
    return gzip.compress(b"[" + b" " * size + b"]")


@pytest.mark.parametrize(
    "reply",
    [
        lambda: Reply(itertools.repeat(b" " * 65_536)),
        lambda: Reply(b" " * 3_000_000),
        lambda: Reply(zeros(200_000_000), headers={"Content-Encoding": "gzip"}),
        lambda: Reply(itertools.repeat(zeros(1_000_000)), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["without end", "large", "bomb", "bombs without end"],
)
def test_an_answer_has_a_size(api: http_service.Service, reply: Callable[[], Reply]) -> None:
    made = reply()
    api.answer = lambda request: made
    assert "more than 2 MB, unpacked" in str(asked(api, size=2 * 1024 * 1024))


def test_a_packed_answer_that_is_damaged_or_packed_many_times_is_refused(
    api: http_service.Service,
) -> None:
    api.answer = lambda request: Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    assert "is packed, and damaged" in str(asked(api))
    many = ", ".join(["gzip"] * 20)
    api.answer = lambda request: Reply(zeros(10), headers={"Content-Encoding": many})
    assert "is packed, and damaged" in str(asked(api))


def drip(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece
        threading.Event().wait(0.02)  # the attack itself


@pytest.mark.parametrize("where", ["body", "header"])
def test_an_answer_that_drips_has_an_end(api: http_service.Service, where: str) -> None:
    if where == "body":
        api.answer = lambda request: Reply(drip(b" "))
        assert "took longer than 0 seconds" in str(asked(api, whole=0.3))
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10.0)
        url = f"127.0.0.1:{server.getsockname()[1]}"
        dripping = http_service.Service(lambda request: [], server.getsockname()[1])
        with http_service.in_background(lambda: _drip_headers(server)):
            assert url == dripping.host
            assert "took longer than 0 seconds" in str(asked(dripping, whole=0.3))


def _drip_headers(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            for piece in drip(b"x"):
                connection.sendall(piece)
        except OSError:
            return


def test_a_service_that_says_nothing_is_left(api: http_service.Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = http_service.Service(lambda request: [], server.getsockname()[1])
        assert "it says nothing" in str(asked(silent, silence=0.2))


def test_what_stands_behind_an_answer_is_no_answer(api: http_service.Service) -> None:
    """A second answer that nobody asked for would be taken for that of the next page."""
    smuggled = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n[{"id": "smuggled"}]'
    pages = [
        Reply(b'[{"id": 1}]' + smuggled, headers={"Content-Length": "11", **link("/2")}),
        Reply([{"id": 2}]),
    ]
    api.answer = lambda request: pages.pop(0)
    assert read(api.url, paging=by_link()) == [{"id": "1"}, {"id": "2"}]


def test_an_answer_that_nobody_asked_for_is_not_that_of_the_next_page() -> None:
    later = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10.0)
        url = parse_url(f"http://127.0.0.1:{server.getsockname()[1]}/")
        client = Client(Service(), AllowedHosts(frozenset({url.authority})))
        with http_service.in_background(lambda: _answer_unasked(server, later)):
            assert client.get(url).body == b"[]"
            kept = client._connection
            assert kept is not None
            later.set()
            eventually(lambda: not kept.is_connected)
            assert client.get(url).body == b"[17]"
        client.close()


def _answer_unasked(server: socket.socket, later: threading.Event) -> None:
    def answer(peer: socket.socket, body: str) -> None:
        peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    with server.accept()[0] as first:
        first.recv(65_536)
        answer(first, "[]")
        later.wait(10.0)
        answer(first, '["smuggled"]')
        with server.accept()[0] as second:
            second.recv(65_536)
            answer(second, "[17]")


# ---------------------------------------------------------------- in a program


def test_a_program_is_told_of_no_secret_and_no_query(
    crm: http_service.Service, tmp_path: Path
) -> None:
    crm.answer = lambda request: Reply(f"no {dict(request.headers)}", 403)
    document = chain(
        node(1, "http_input", connection="crm", url="/orders"), node(2, "csv_output", path="a")
    )
    environment = {
        "HTTP_INPUT_HOSTS": crm.host,
        "CONNECTION_CRM": f"http://me:p%40ss-9@{crm.host}/v1?api_key=k%2Fey-77",
        "CONNECTION_HEADERS_CRM": json.dumps({"X-Token": f"Bearer {TOKEN}"}),
    }
    outcome = run(document, tmp_path, **environment)
    assert outcome.code == 1
    assert f"page 1: {crm.url}/v1/orders answers 403: " in outcome.reason(1)
    program = (tmp_path / "program.py").read_text()
    for secret in (TOKEN, "ss-9", "ey-77"):
        assert secret not in outcome.stderr
        assert secret not in json.dumps(outcome.progress)
        assert secret not in program
