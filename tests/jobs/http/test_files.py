"""Files of the data roots, over HTTP against the running product: lists, uploads, downloads, and what outputs wrote."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from jobs.http.runners.files import TRANSFERS
from jobs.work.file_questions import PIECE
from tests.harness import (
    Answer,
    Product,
    StartProduct,
    both_worker_classes,
    eventually,
    running_product,
)
from tests.security.clients.short_waits import IMPATIENT
from tests.servers.proxies import nginx_before

PARTS = ".upload-*"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("files") / "data"
    shared = data_dir.parent / "shared place"
    shared.mkdir()
    with running_product(data_dir, shop_database, SHARED_DATA_ROOTS=str(shared)) as product:
        eventually(lambda: listed(product)["entries"], what="the runner is there")
        yield product


@pytest.fixture
def root(shop: Product, request: pytest.FixtureRequest) -> Path:
    """A directory of its own for a test, below the first root."""
    found = shop.data_dir / f"of-{abs(hash(request.node.name))}"
    found.mkdir()
    return found


def listed(product: Product, path: str = "", **parameters: Any) -> dict[str, Any]:
    query = "".join(f"&{name}={quote(str(value))}" for name, value in parameters.items())
    answer = product.get(f"/api/files?path={quote(path)}{query}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in found["entries"]]


def address(path: str, query: str = "") -> str:
    return f"/api/files/{quote(path)}{query}"


def bring(product: Product, path: str, content: bytes, query: str = "") -> Answer:
    return product.request("PUT", address(path, query), content)


def left_over(product: Product) -> list[Path]:
    return list(product.data_dir.rglob(PARTS))


# ---------------------------------------------------------------- lists


def test_a_list_has_what_a_graph_could_name_directories_first(shop: Product, root: Path) -> None:
    (root / "b").mkdir()
    (root / "A.csv").write_text("id\n1\n")
    (root / "é ?#%.csv").write_text("")
    (root / ".hidden").write_text("")
    (root / "x.db-wal").write_text("")
    found = listed(shop, root.name)
    assert names(found) == ["b", "A.csv", "é ?#%.csv"]
    assert (found["path"], found["parent"], found["root"]) == (root.name, "", None)
    directory, file = found["entries"][:2]
    assert (directory["kind"], directory["size"]) == ("directory", None)
    assert (file["kind"], file["size"]) == ("file", 5)
    assert file["changed"] == (root / "A.csv").stat().st_mtime
    assert found["isAll"] is True
    assert found["next"] is None


def test_the_first_list_names_every_root_and_how_much_may_be_brought(shop: Product) -> None:
    found = listed(shop)
    shared = str(shop.data_dir.parent / "shared place")
    assert found["roots"] == ["", shared]
    assert found["uploadBytes"] == 1024 << 20
    assert (found["path"], found["parent"]) == ("", None)
    assert "shop.db" in names(found)
    of_shared = listed(shop, shared)
    assert (of_shared["path"], of_shared["root"], of_shared["parent"]) == (shared, shared, None)


def test_a_long_list_comes_in_pages_and_can_be_searched(shop: Product, root: Path) -> None:
    for number in range(25):
        (root / f"file {number:02}.csv").touch()
    (root / "dir").mkdir()
    found, after = [], ""
    while True:
        page = listed(shop, root.name, limit=10, after=after)
        assert len(page["entries"]) <= 10
        found += names(page)
        if page["next"] is None:
            break
        after = page["next"]
    assert found == ["dir", *(f"file {number:02}.csv" for number in range(25))]
    assert names(listed(shop, root.name, q="FILE 1")) == [f"file 1{n}.csv" for n in range(10)]
    (root / "Gro\u0308ße.csv").touch()  # as a Mac writes it
    assert names(listed(shop, root.name, q="größe")) == ["Gro\u0308ße.csv"]


def test_a_list_of_what_is_not_there_or_no_directory_says_so(shop: Product, root: Path) -> None:
    (root / "a.csv").touch()
    missing = shop.get(f"/api/files?path={root.name}/none")
    assert missing.status == 404
    assert "none" in missing.json()["detail"]
    file = shop.get(f"/api/files?path={root.name}/a.csv")
    assert file.status == 409
    assert "no directory" in file.json()["detail"]
    assert shop.get("/api/files?pth=x").status == 400


# ---------------------------------------------------------------- there and back


@both_worker_classes
def test_what_is_brought_comes_back_as_it_was(
    product: Product,
) -> None:
    content = bytes(range(256)) * 4096 * 10 + b"and an odd end"  # 10 MB
    name = "größe & ?#%.csv"
    eventually(lambda: listed(product) is not None, what="the runner is there")
    answer = bring(product, name, content)
    assert answer.status == 201, answer
    assert answer.json()["size"] == len(content)
    assert (product.data_dir / name).read_bytes() == content
    assert (product.data_dir / name).stat().st_mode & 0o777 == 0o600
    back = product.get(address(name))
    assert hashlib.sha256(back.body).digest() == hashlib.sha256(content).digest()
    assert back.headers["Content-Type"] == "application/octet-stream"
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert back.headers["Content-Disposition"].startswith("attachment; ")
    assert quote(name) in back.headers["Content-Disposition"]
    assert bring(product, "empty.csv", b"").json()["size"] == 0
    assert product.get(address("empty.csv")).body == b""
    assert not left_over(product)


def test_a_head_tells_the_size_and_reads_nothing(shop: Product, root: Path) -> None:
    (root / "a.csv").write_bytes(b"x" * 1000)
    answer = shop.request("HEAD", address(f"{root.name}/a.csv"))
    assert (answer.status, answer.headers["Content-Length"]) == (200, "1000")


def test_a_further_root_is_reached_by_its_name(shop: Product) -> None:
    shared = shop.data_dir.parent / "shared place"
    query = f"?root={quote(str(shared))}"
    found = bring(shop, "in.csv", b"id\n1\n", query).json()
    assert (found["path"], found["root"]) == (f"{shared}/in.csv", str(shared))
    assert (shared / "in.csv").read_bytes() == b"id\n1\n"
    assert shop.get(address("in.csv", query)).body == b"id\n1\n"
    assert shop.get(address("in.csv")).status == 404
    assert shop.get(address("in.csv", "?root=elsewhere")).status == 400


def test_a_file_is_replaced_only_when_that_is_asked_for(shop: Product, root: Path) -> None:
    path = f"{root.name}/a.csv"
    assert bring(shop, path, b"first").status == 201
    refused = bring(shop, path, b"second")
    assert refused.status == 412
    assert "replace=1" in refused.json()["detail"]
    assert (root / "a.csv").read_bytes() == b"first"
    assert bring(shop, path, b"second", "?replace=1").status == 200
    assert (root / "a.csv").read_bytes() == b"second"
    assert bring(shop, f"{root.name}/new.csv", b"x", "?replace=1").status == 201
    (root / "dir").mkdir()
    assert bring(shop, f"{root.name}/dir", b"x", "?replace=1").status == 409
    assert bring(shop, f"{root.name}/none/a.csv", b"x").status == 404
    assert not left_over(shop)


class Half:
    """An upload whose second half does not come yet."""

    def __init__(
        self, product: Product, path: str, size: int, first: bytes, query: str = ""
    ) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", product.api_port, timeout=30)
        self.connection.putrequest("PUT", address(path, query))
        self.connection.putheader("Authorization", f"Bearer {product.token()}")
        self.connection.putheader("Content-Length", str(size))
        self.connection.endheaders()
        self.connection.send(first)

    def finish(self, rest: bytes) -> int:
        self.connection.send(rest)
        answer = self.connection.getresponse()
        answer.read()
        self.connection.close()
        return answer.status

    def hang_up(self) -> None:
        assert self.connection.sock is not None
        self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


@both_worker_classes
def test_of_half_an_upload_nothing_is_seen_and_nothing_stays(
    product: Product,
) -> None:
    eventually(lambda: listed(product) is not None, what="the runner is there")
    half = Half(product, "a.csv", 4 * PIECE, b"x" * 2 * PIECE)
    eventually(lambda: left_over(product), what="it has begun")
    assert "a.csv" not in names(listed(product))
    assert product.get(address("a.csv")).status == 404
    half.hang_up()
    eventually(lambda: not left_over(product), what="its half is removed")
    assert "a.csv" not in names(listed(product))


def test_of_two_uploads_of_one_name_at_once_each_is_whole(shop: Product, root: Path) -> None:
    path = f"{root.name}/a.csv"
    first = Half(shop, path, 2 * PIECE, b"1" * PIECE)
    second = Half(shop, path, 2 * PIECE, b"2" * PIECE)
    eventually(lambda: len(left_over(shop)) == 2, what="both have begun")
    assert second.finish(b"2" * PIECE) == 201
    assert first.finish(b"1" * PIECE) == 412, "it did not ask to replace what came meanwhile"
    assert (root / "a.csv").read_bytes() == b"2" * 2 * PIECE
    third = Half(shop, path, 2 * PIECE, b"3" * PIECE, "?replace=1")
    fourth = Half(shop, path, 2 * PIECE, b"4" * PIECE, "?replace=1")
    eventually(lambda: len(left_over(shop)) == 2, what="both have begun")
    assert fourth.finish(b"4" * PIECE) == 200
    assert third.finish(b"3" * PIECE) == 200
    assert (root / "a.csv").read_bytes() == b"3" * 2 * PIECE
    assert not left_over(shop)


def test_many_uploads_at_once_are_all_there_or_told_to_come_back(shop: Product, root: Path) -> None:
    statuses: dict[int, int] = {}

    def one(number: int) -> None:
        content = bytes([number]) * PIECE * 3
        statuses[number] = bring(shop, f"{root.name}/{number}", content).status

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(statuses.values()) <= {201, 503}
    done = {number for number, status in statuses.items() if status == 201}
    assert len(done) >= 8
    for number in done:
        assert (root / str(number)).read_bytes() == bytes([number]) * PIECE * 3
    assert not left_over(shop)


def test_a_download_goes_on_with_the_file_that_it_began_with(shop: Product, root: Path) -> None:
    content = b"a" * PIECE * 100  # more than the buffers of a connection hold
    (root / "a.csv").write_bytes(content)
    with shop.stream(address(f"{root.name}/a.csv")) as answer:
        first = answer.read(1000)
        assert bring(shop, f"{root.name}/a.csv", b"new", "?replace=1").status == 200
        assert first + answer.read() == content


def test_a_download_that_broke_off_goes_on_where_it_was(shop: Product, root: Path) -> None:
    """`curl -C -`, wget and browsers had to begin anew, or gave up."""
    content = os.urandom(PIECE * 2 + 500)
    (root / "a.bin").write_bytes(content)
    place = address(f"{root.name}/a.bin")

    def part(span: str, **more: str) -> Answer:
        return shop.get(place, headers={"Range": f"bytes={span}", **more})

    whole = shop.get(place)
    tag = {"If-Range": whole.headers["ETag"]}
    assert (whole.body, whole.header("Accept-Ranges")) == (content, "bytes")
    size = len(content)
    for span, first, end in (
        ("0-0", 0, 1),
        (f"{PIECE - 3}-", PIECE - 3, size),
        (f"7-{PIECE + 7}", 7, PIECE + 8),
        ("-9", size - 9, size),
    ):
        found = part(span, **tag)
        assert (found.status, found.body) == (206, content[first:end])
        assert found.header("Content-Range") == f"bytes {first}-{end - 1}/{size}"
    for span in ("0-1,5-6", "x"):
        assert part(span).body == content
    assert shop.get(place, headers={"If-None-Match": tag["If-Range"]}).status == 304
    for _ in range(TRANSFERS + 1):  # each gives its place back
        assert part(f"{size}-").status == 416
    (root / "a.bin").write_bytes(b"another one")
    changed = part("3-", **tag)
    assert (changed.status, changed.body) == (200, b"another one")


def status_for_curl(product: Product, directory: Path, size: int) -> int:
    """How an upload by curl ends, which asks before it sends a large body."""
    (directory / "large.csv").write_bytes(bytes(size))
    token = f"Authorization: Bearer {product.token()}"
    command = ["curl", "-sS", "-o", "-", "-w", "%{stderr}%{http_code}", "-T", "large.csv"]
    command += ["-H", token, f"{product.url}/api/files/large.csv"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    assert "UPLOAD_MB" in done.stdout, done
    return int(done.stderr)


def test_limits_are_told_before_a_body_is_read(start_product: StartProduct, tmp_path: Path) -> None:
    product = start_product(UPLOAD_MB="1", UPLOAD_TOTAL_MB="2", SAMPLE_ORDERS="0")
    eventually(lambda: listed(product) is not None, what="the runner is there")
    too_large = bring(product, "a.csv", b"x" * (1 << 20) + b"y")
    assert too_large.status == 413
    assert status_for_curl(product, tmp_path, 64 << 20) == 413
    assert "UPLOAD_MB" in too_large.json()["detail"]
    for name in ("a.csv", "b.csv"):
        assert bring(product, name, b"x" * 1_000_000).status == 201
    full = bring(product, "c.csv", b"x" * 1_000_000)
    assert full.status == 507
    assert "UPLOAD_TOTAL_MB" in full.json()["detail"]
    (product.data_dir / "a.csv").unlink()
    assert bring(product, "c.csv", b"x" * 1_000_000).status == 201


def test_an_upload_that_says_it_is_packed_is_refused(shop: Product, root: Path) -> None:
    """Its bytes, which were packed for the way alone, became the file."""
    headers = {"Content-Encoding": "gzip"}
    path = f"{root.name}/packed.csv"
    answer = shop.request("PUT", address(path), b"x", headers=headers)
    assert answer.status == 415
    assert not (root / "packed.csv").exists()


def test_a_part_of_a_file_is_not_taken_for_all_of_it(shop: Product, root: Path) -> None:
    """As `curl -C - -T` sends it, which goes on with an upload that broke off."""
    assert bring(shop, f"{root.name}/a.csv", b"id\n1\n").status == 201
    headers = {"Content-Range": "bytes 5-9/10"}
    path = address(f"{root.name}/a.csv", "?replace=1")
    answer = shop.request("PUT", path, b"2\n3\n", headers=headers)
    assert answer.status == 400
    assert "Content-Range" in answer.json()["detail"]
    assert (root / "a.csv").read_text() == "id\n1\n"


def test_uploads_can_be_off(start_product: StartProduct) -> None:
    product = start_product(UPLOAD_MB="0", SAMPLE_ORDERS="0")
    eventually(lambda: listed(product) is not None, what="the runner is there")
    assert listed(product)["uploadBytes"] == 0
    answer = bring(product, "a.csv", b"x")
    assert answer.status == 403
    assert "UPLOAD_MB" in answer.json()["detail"]


def test_without_a_length_an_upload_is_refused(shop: Product) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shop.api_port, timeout=30)
    headers = {"Authorization": f"Bearer {shop.token()}", "Transfer-Encoding": "chunked"}
    connection.request("PUT", "/api/files/a.csv", iter([b"id\n"]), headers, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_without_a_runner_it_is_said_that_there_is_none(start_product: StartProduct) -> None:
    product = start_product(RUNNER="off", SAMPLE_ORDERS="0")
    answer = product.get("/api/files")
    assert answer.status == 503
    assert "runner" in answer.json()["detail"]


# ---------------------------------------------------------------- what an output wrote


def chain(*nodes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    made = [
        {"id": place, "type": kind, "name": f"{kind} {place}", "config": config}
        for place, (kind, config) in enumerate(nodes, 1)
    ]
    edges = [{"from": place, "to": place + 1} for place in range(1, len(nodes))]
    return {"nodes": made, "edges": edges}


ORDERS = (
    "db_input",
    {"connection": "sqlite:///shop.db", "sql": "SELECT id FROM orders WHERE id <= 130"},
)


def run_of(product: Product, graph: dict[str, Any], **body: Any) -> str:
    job = product.create_job({"name": "writes", "graph": graph})
    run_id: str = product.post(f"/api/jobs/{job}/execute", body).json()["runId"]
    eventually(lambda: product.get(f"/api/runs/{run_id}").json()["endedAt"], what="the run ends")
    return run_id


def page(product: Product, run_id: str, query: str = "", node: int = 2) -> dict[str, Any]:
    answer = product.get(f"/api/runs/{run_id}/outputs/{node}{query}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("csv_output", {"path": "{dir}/o.tsv.gz", "delimiter": "tab", "null_marker": "-"}),
        ("ndjson_output", {"path": "{dir}/o.ndjson"}),
        ("parquet_output", {"path": "{dir}/o.parquet"}),
        ("db_output", {"connection": "sqlite:///{dir}/o.db", "table": "t", "mode": "create"}),
        ("excel_output", {"path": "{dir}/o.xlsx", "sheet": "Orders"}),
        ("csv_output", {"path": "{dir}/part-*.csv", "split_rows": 60}),
    ],
)
def test_any_page_of_what_each_output_wrote(
    shop: Product, root: Path, kind: str, config: dict[str, Any]
) -> None:
    filled = {
        name: value.replace("{dir}", root.name) if isinstance(value, str) else value
        for name, value in config.items()
    }
    run_id = run_of(shop, chain(ORDERS, (kind, filled)))
    first = page(shop, run_id)
    assert first["columns"] == ["id"]
    assert [str(row[0]) for row in first["rows"]] == [str(n) for n in range(1, 51)]
    assert (first["from"], first["count"], first["truncated"]) == (0, None, True)
    last = page(shop, run_id, "?from=-20")
    assert [int(row[0]) for row in last["rows"]] == list(range(111, 131))
    assert (last["from"], last["count"]) == (110, 130)
    third = page(shop, run_id, "?from=100&limit=50")
    assert [int(row[0]) for row in third["rows"]] == list(range(101, 131))
    assert (third["from"], third["count"], third["truncated"]) == (100, 130, False)
    beyond = page(shop, run_id, "?from=1000")
    assert (beyond["rows"], beyond["count"]) == ([], 130)
    assert len(page(shop, run_id, "?limit=9999")["rows"]) == 130
    assert first["path"] == filled.get("path")
    if first["path"] is None or "*" in first["path"]:
        assert first["file"] is None
    else:
        assert first["file"]["path"] == filled["path"]
        assert first["file"]["size"] == (shop.data_dir / filled["path"]).stat().st_size
        assert (
            shop.get(address(filled["path"])).body == (shop.data_dir / filled["path"]).read_bytes()
        )


def test_a_path_with_a_parameter_is_that_of_the_run(shop: Product, root: Path) -> None:
    graph = chain(ORDERS, ("csv_output", {"path": root.name + "/{day}.csv"}))
    graph["parameters"] = [{"name": "day", "type": "text", "default": "monday"}]
    run_id = run_of(shop, graph, parameters={"day": "friday"})
    assert page(shop, run_id)["file"]["path"] == f"{root.name}/friday.csv"


def test_what_cannot_be_shown_says_why(shop: Product, root: Path) -> None:
    output = ("csv_output", {"path": f"{root.name}/o.csv"})
    failed = run_of(shop, chain(("csv_input", {"path": "none.csv"}), output))
    answer = shop.get(f"/api/runs/{failed}/outputs/2")
    assert (answer.status, "failed" in answer.json()["detail"]) == (409, True)
    run_id = run_of(shop, chain(ORDERS, output))
    assert shop.get(f"/api/runs/{run_id}/outputs/1").status == 404
    assert shop.get(f"/api/runs/{run_id}/outputs/9").status == 404
    assert shop.get("/api/runs/none/outputs/2").status == 404
    assert shop.get(f"/api/runs/{run_id}/outputs/2?from=x").status == 400
    (root / "o.csv").unlink()
    gone = shop.get(f"/api/runs/{run_id}/outputs/2")
    assert (gone.status, "o.csv" in gone.json()["detail"]) == (404, True)


# ---------------------------------------------------------------- behind a proxy


def test_behind_nginx_as_operators_copy_it_files_come_and_go(shop: Product, tmp_path: Path) -> None:
    content = b"0123456789" * 400_000  # above the 2 MB that other bodies may have
    name = "a b & ü?#%25.csv"
    context = ssl._create_unverified_context()
    with nginx_before(shop.api_port, directory=tmp_path / "nginx") as url:

        def exchange(method: str, query: str = "", body: bytes | None = None) -> tuple[int, bytes]:
            headers = {"Authorization": f"Bearer {shop.token()}"}
            request = Request(f"{url}{address(name, query)}", body, headers, method=method)
            with urlopen(request, timeout=30, context=context) as answer:
                return answer.status, answer.read()

        assert exchange("PUT", body=content)[0] == 201
        assert (shop.data_dir / name).read_bytes() == content
        assert exchange("GET") == (200, content)
        listed = Request(
            f"{url}/api/files?path=", headers={"Authorization": f"Bearer {shop.token()}"}
        )
        with urlopen(listed, timeout=30, context=context) as answer:
            assert name in [entry["name"] for entry in json.load(answer)["entries"]]
        shared = shop.data_dir.parent / "shared place"
        assert exchange("PUT", f"?root={quote(str(shared))}", b"x")[0] == 201
        assert (shared / name).read_bytes() == b"x"


def test_a_body_that_comes_too_slowly_is_given_up(start_product: StartProduct) -> None:
    product = start_product(application=IMPATIENT, SAMPLE_ORDERS="0")
    eventually(lambda: listed(product) is not None, what="the runner is there")
    slow = Half(product, "slow.csv", 2 * PIECE, b"x" * PIECE)
    answer = slow.connection.getresponse()
    assert answer.status == 408
    assert b"too slowly" in answer.read()
    slow.connection.close()
    eventually(lambda: not left_over(product), what="its half is removed")
