"""Files over HTTP, as an attacker asks for them: nothing outside of the tenant's data roots is listed, read or written."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from jobs.run.files.places import Place, Reach, Refused, opened_directory, opened_file
from jobs.run.files.uploads import SQLITE, Upload
from jobs.work.file_questions import PIECE, files_subject, packed, unpacked
from tests.harness import DEADLINE, Answer, Product, eventually, linked, running_product

OWNER, THIEF = "acme", "bolt"
SECRET = b"what only acme may know"


class Server:
    """A server of two tenants that share a directory; the owner has a secret file."""

    def __init__(self, product: Product, outside: Path) -> None:
        self.product = product
        self.outside = outside
        self.tokens = {name: product.token(tenant_id=name) for name in (OWNER, THIEF)}
        self.homes = {name: product.data_dir / "tenants" / name for name in self.tokens}
        eventually(lambda: self.list("").status == 200, what="the runner is there")
        assert self.list("", OWNER).status == 200
        (self.homes[OWNER] / "secret.csv").write_bytes(SECRET)

    def list(self, path: str, tenant: str = THIEF) -> Answer:
        return self.product.get(f"/api/files?path={quote(path)}", token=self.tokens[tenant])

    def read(self, path: str, query: str = "", tenant: str = THIEF) -> Answer:
        return self.product.get(f"/api/files/{path}{query}", token=self.tokens[tenant])

    def bring(self, path: str, content: bytes = b"forged", query: str = "?replace=1") -> Answer:
        token = self.tokens[THIEF]
        return self.product.request("PUT", f"/api/files/{path}{query}", content, token=token)

    @property
    def names(self) -> set[str]:
        return {entry["name"] for entry in self.list("").json()["entries"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("attacked")
    outside, shared = place / "outside", place / "shared"
    for directory in (outside, shared):
        directory.mkdir()
    (outside / "secret.csv").write_bytes(SECRET)
    with running_product(
        place / "data",
        shop_database,
        TENANT_ID="*",
        SHARED_DATA_ROOTS=str(shared),
        SAMPLE_ORDERS="0",
    ) as product:
        yield Server(product, outside)


@pytest.fixture(scope="module")
def home(server: Server) -> Path:
    return server.homes[THIEF]


def way_out(server: Server, path: str) -> str:
    return path.format(owners=server.homes[OWNER], data=server.product.data_dir, out=server.outside)


WAYS_OUT = [
    "../acme/secret.csv",
    "a/../../acme/secret.csv",
    "..",
    ".",
    "./../acme/secret.csv",
    "{owners}/secret.csv",
    "{data}/progress.db",
    "{data}/jwt_secret",
    "{data}/tenants",
    "{out}/secret.csv",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/zero",
    "//etc/passwd",
    "~/.ssh/id_rsa",
    "a\0b",
    "..\\acme",
    "x" * 300,
    "x/" * 1_500,
    ".hidden.csv",
    "a/.b/c.csv",
    "x.db-wal",
    "runs/x",
    "jwt_secret",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_path_leads_out_of_the_roots(server: Server, path: str) -> None:
    path = way_out(server, path)
    before = {
        file: file.read_bytes()
        for file in (server.homes[OWNER] / "secret.csv", server.outside / "secret.csv")
    }
    listed = server.list(path)
    if path != ".":
        assert listed.status in (400, 403, 404), listed
    for raw in {path, quote(path), quote(path, safe=""), quote(quote(path, safe=""), safe="")}:
        if "\0" in raw or " " in raw:
            continue
        answer = server.read(raw.lstrip("/"))
        assert answer.status in (400, 403, 404, 405, 409, 414), (raw, answer)
        assert SECRET not in answer.body
    root, name = os.path.split(path)
    if root.startswith("/"):
        for query in (f"?root={quote(root)}", f"?root={quote(root)}&replace=1"):
            assert server.read(quote(name), query).status in (400, 403, 404), query
            assert server.bring(quote(name), query=query + "&replace=1").status in (400, 403, 404)
    assert server.bring(quote(path.lstrip("/"), safe="")).status in (201, 400, 403, 404, 409, 414)
    for file, content in before.items():
        assert file.read_bytes() == content
    assert not list(server.outside.glob("*.part"))


def test_links_lead_only_where_a_program_could_go(server: Server, home: Path) -> None:
    (home / "to-outside").symlink_to(server.outside)
    (home / "to-secret.csv").symlink_to(server.outside / "secret.csv")
    (home / "to-acme").symlink_to(server.homes[OWNER])
    (home / "to-nothing.csv").symlink_to(server.outside / "new.csv")
    (home / "to-itself").symlink_to(home / "to-itself")
    (home / "real.csv").write_bytes(b"id\n")
    (home / "to-real.csv").symlink_to(home / "real.csv")
    shown = server.names
    assert "to-real.csv" in shown
    assert not shown & {"to-outside", "to-secret.csv", "to-acme", "to-nothing.csv", "to-itself"}
    for path in ("to-secret.csv", "to-outside/secret.csv", "to-acme/secret.csv", "to-itself"):
        answer = server.read(path)
        assert answer.status in (403, 404, 409), answer
        assert SECRET not in answer.body
        assert server.bring(path).status in (403, 404, 409)
    assert server.bring("to-nothing.csv").status == 403
    assert not (server.outside / "new.csv").exists()
    assert server.read("to-real.csv").body == b"id\n"
    assert (server.outside / "secret.csv").read_bytes() == SECRET


def test_devices_pipes_and_sockets_are_neither_listed_nor_waited_for(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(home / "pipe.csv")
    listener = socket.socket(socket.AF_UNIX)
    try:
        monkeypatch.chdir(home)  # the name of a socket must be short
        listener.bind("socket.csv")
        assert not server.names & {"pipe.csv", "socket.csv"}
        for name in ("pipe.csv", "socket.csv"):
            assert server.read(name).status in (403, 409)
            assert server.bring(name).status == 409
    finally:
        listener.close()


def test_a_hard_link_to_the_servers_own_file_is_no_data(
    tmp_path: Path, shop_database: Path
) -> None:
    data_dir = tmp_path / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0") as product:
        eventually(lambda: product.get("/api/files").status == 200, what="the runner is there")
        os.link(data_dir / "nats_password", data_dir / "innocent.csv")
        own = {
            "jwt_secret",
            "innocent.csv",
            "progress.db",
            "runs",
            "nats",
            "nats_password",
            "previews",
        }
        shown = {entry["name"] for entry in product.get("/api/files").json()["entries"]}
        assert not shown & own
        for name in own - {"runs", "nats", "previews"}:
            assert product.get(f"/api/files/{name}").status == 403, name
            assert product.request("PUT", f"/api/files/{name}?replace=1", b"x").status == 403, name
        for name in ("runs", "nats", "previews"):
            assert product.get(f"/api/files?path={name}").status == 403, name


def test_a_directory_that_becomes_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory in (root / "a" / "b", outside / "b"):
        directory.mkdir(parents=True)
    (outside / "b" / "x.csv").write_bytes(SECRET)
    (root / "a" / "b" / "x.csv").write_bytes(b"mine")
    place = Reach((root,), frozenset()).place("a/b/x.csv")
    (root / "a").rename(root / "gone")
    (root / "a").symlink_to(outside)
    with pytest.raises(Refused):
        opened_file(place)
    with pytest.raises(Refused), opened_directory(place.directory):
        pass
    with pytest.raises(Refused):
        Upload(place, 1, replace=True)
    assert (outside / "b" / "x.csv").read_bytes() == SECRET


def test_a_file_that_becomes_a_link_during_an_upload_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(SECRET)
    upload = Upload(Place(tmp_path, ("x.csv",), True), 6, replace=True)
    upload.write(0, b"forged")
    (tmp_path / "x.csv").symlink_to(outside)
    with pytest.raises(Refused):
        upload.finish()
    upload.close()
    assert outside.read_bytes() == SECRET
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.csv", "x.csv"]


def test_a_database_is_neither_brought_nor_replaced(server: Server, home: Path) -> None:
    forged = SQLITE + bytes(100)
    for name in ("a.db", "a.csv"):
        assert server.bring(name, forged).status == 403
        assert not (home / name).exists()
    (home / "kept.db").write_bytes(forged)
    (home / "busy.db").write_bytes(b"")
    (home / "busy.db-wal").write_bytes(b"x")
    for name in ("kept.db", "busy.db"):
        assert server.bring(name, b"id\n").status == 403
    assert (home / "kept.db").read_bytes() == forged


@pytest.mark.parametrize(
    "name",
    ["<script>.html", "a\r\nX-Evil: 1.csv", 'a".csv', "a;b=c.csv", "ü\u202egnp.csv", "a\nb.csv"],
)
def test_a_name_adds_nothing_to_the_answer_and_no_page_is_ever_shown(
    server: Server, home: Path, name: str
) -> None:
    (home / name).write_bytes(b"<script>alert(1)</script>")
    answer = server.read(quote(name, safe=""))
    assert answer.status == (200 if name.isprintable() or "\u202e" in name else 404)
    assert (name in server.names) == (answer.status == 200)
    assert "X-Evil" not in answer.headers
    if answer.status == 404:
        return
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert disposition.isascii()
    assert disposition.count('"') == 2


def test_one_tenant_sees_nothing_of_another_and_both_what_they_share(server: Server) -> None:
    owner = {entry["name"] for entry in server.list("", OWNER).json()["entries"]}
    assert "secret.csv" in owner
    assert "secret.csv" not in server.names
    shared = server.list("").json()["roots"][1]
    assert server.bring("both.csv", b"x", f"?root={quote(shared)}&replace=1").status in (200, 201)
    assert server.read("both.csv", f"?root={quote(shared)}", OWNER).body == b"x"


def test_a_transfer_of_one_tenant_is_not_there_for_another(server: Server) -> None:
    with linked(server.product.nats_url) as link:
        asked = b'{"do": "read", "path": "secret.csv"}'
        session = unpacked(link.request(files_subject(OWNER), asked, DEADLINE).payload)[0][
            "session"
        ]
        stolen = session.replace(f"tenant.{OWNER}.", f"tenant.{THIEF}.")
        assert (
            unpacked(link.request(stolen, packed({"at": 0}), DEADLINE).payload)[0]["status"] == 410
        )
        assert unpacked(link.request(session, packed({"at": 0}), DEADLINE).payload)[1] == SECRET


def test_a_body_longer_or_shorter_than_it_says_leaves_nothing(server: Server, home: Path) -> None:
    for length, content in ((10, b"short"), (PIECE, b"x" * 100)):
        connection = http.client.HTTPConnection("127.0.0.1", server.product.api_port, timeout=30)
        connection.putrequest("PUT", "/api/files/short.csv")
        connection.putheader("Authorization", f"Bearer {server.tokens[THIEF]}")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(content)
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_WR)
        connection.close()
    for said in ("-1", "1e3", "99999999999999999999"):
        answer = server.product.request(
            "PUT",
            "/api/files/short.csv",
            b"",
            token=server.tokens[THIEF],
            headers={"Content-Length": said},
        )
        assert answer.status in (400, 411, 413), (said, answer)
    eventually(lambda: not list(home.glob(".upload-*")), what="nothing is left")
    assert not (home / "short.csv").exists()


def test_transfers_that_stand_still_leave_room_for_another_tenant(server: Server) -> None:
    path = server.homes[OWNER] / "large.csv"
    path.write_bytes(b"x" * (64 << 20))
    connections = []
    for number in range(12):
        connection = http.client.HTTPConnection("127.0.0.1", server.product.api_port, timeout=30)
        connection.putrequest("PUT", f"/api/files/still-{number}.csv")
        connection.putheader("Authorization", f"Bearer {server.tokens[THIEF]}")
        connection.putheader("Content-Length", str(PIECE * 4))
        connection.endheaders(b"x" * PIECE)
        connections.append(connection)
    eventually(
        lambda: len(list(server.homes[THIEF].glob(".upload-*"))) >= 4, what="some hold their places"
    )
    try:
        answer = server.read("large.csv", tenant=OWNER)
        assert (answer.status, len(answer.body)) == (200, 64 << 20)
    finally:
        for connection in connections:
            connection.close()
    eventually(lambda: not list(server.homes[THIEF].glob(".upload-*")), what="nothing is left")
