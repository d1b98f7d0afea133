"""HTTP Input in the running product: its hosts, connections and waits reach a confined program."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings.secret_files import write_secret
from tests.harness import Product, eventually, running_product
from tests.programs import chain, node
from tests.servers.http_service import Reply, Request, Service, certificate, service

TOKEN = "tok-1c93e0d2"


@pytest.fixture(scope="module")
def api() -> Iterator[Service]:
    with service(lambda request: []) as made:
        yield made


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http")


@pytest.fixture(scope="module")
def secure(directory: Path) -> Iterator[Service]:
    """A service with a certificate of a CA that the runner knows by SSL_CERT_FILE."""
    with service(lambda request: [{"id": 7}], certificate(directory, "127.0.0.1")) as made:
        yield made


@pytest.fixture(scope="module")
def product(
    api: Service, secure: Service, directory: Path, shop_database: Path
) -> Iterator[Product]:
    headers = json.dumps({"Authorization": f"Bearer {TOKEN}"})
    write_secret(directory / "connections", f"crm={api.url}/v1\nHEADERS_CRM={headers}\n")
    with running_product(
        directory / "data",
        shop_database,
        SAMPLE_ORDERS="0",
        DATA_ROOTS=str(directory / "roots"),
        HTTP_INPUT_HOSTS=f"{api.host}, {secure.host}",
        SSL_CERT_FILE=str(directory / "certificate.pem"),
        CONNECTIONS_FILE=str(directory / "connections"),
    ) as product:
        (directory / "roots").mkdir()
        yield product


def orders(request: Request) -> Any:
    """Five orders, two a page, for those who know the token."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return Reply({"message": "who are you?"}, 401)
    start = int(request.parameter("offset") or 0)
    found = [{"id": n, "day": request.parameter("day")} for n in range(start + 1, min(start + 3, 6))]  # fmt: skip
    return {"data": found, "total": 5}


def source(**config: Any) -> dict[str, Any]:
    given = {"connection": "CRM", "url": "/orders", "rows": "data"}
    return node(1, "http_input", **(given | config))


PAGES = {"paging": "offset", "parameter": "offset", "total": "total"}


def test_a_run_reads_all_pages_with_the_secrets_of_its_connection(
    api: Service, product: Product, tmp_path: Path
) -> None:
    api.answer = orders
    types = [{"column": "id", "type": "integer"}]
    document = chain(
        source(url="/orders?day={day}", **PAGES, types=types),
        node(2, "filter", condition="id != 3"),
        node(3, "csv_output", path="out.csv"),
    )
    document["parameters"] = [{"name": "day", "type": "text"}]
    job_id = product.create_job({"name": "x", "graph": document})
    end = product.run_end(run_id := product.execute(job_id, day="a&b=c/ü"))
    assert end["status"] == "completed", end
    written = (product.data_dir.parent / "roots" / "out.csv").read_text()
    assert written == "id,day\n1,a&b=c/ü\n2,a&b=c/ü\n4,a&b=c/ü\n5,a&b=c/ü\n"
    first = end["nodes"][0]
    assert (first["rowCount"], first["message"]) == (5, "5 rows read from 3 pages")
    for what in ("program", "log"):
        assert TOKEN not in product.get(f"/api/runs/{run_id}/{what}").body.decode()


def test_the_runners_certificates_reach_a_confined_program(
    secure: Service, product: Product
) -> None:
    url = f"https://{secure.host}/"
    document = chain(source(connection=None, url=url, rows=None), node(2, "csv_output", path="secure.csv"))  # fmt: skip
    end = product.run_end(product.execute(product.create_job({"name": "x", "graph": document})))
    assert end["status"] == "completed", end


def test_a_preview_shows_rows_and_types_are_found(api: Service, product: Product) -> None:
    api.answer = orders
    document = chain(source(**PAGES), node(2, "limit", rows=3))
    shown = product.ask_runner("/api/jobs/preview", {"graph": document, "nodeId": 2}).json()
    assert [row[0] for row in shown["rows"]] == ["1", "2", "3"]
    api.asked.clear()
    found = product.ask_runner("/api/jobs/find-types", {"graph": document, "nodeId": 1}).json()
    assert found == {"columns": ["id", "day"], "types": ["integer", "text"]}
    assert len(api.asked) == 1


def test_a_preview_waits_for_no_busy_service(api: Service, product: Product) -> None:
    api.answer = lambda request: Reply(status=429, headers={"Retry-After": "60"})
    for what in ("preview", "find-types"):
        answer = product.ask_runner(f"/api/jobs/{what}", {"graph": chain(source()), "nodeId": 1})
        assert answer.status == 422
        [error] = answer.json()["errors"]
        assert "answers 429, and wants to be asked again in 60 seconds" in error["message"]


def test_what_goes_wrong_is_told_with_its_page(api: Service, product: Product) -> None:
    api.answer = lambda request: Reply({"message": f"no {request.headers}"}, 403)
    job_id = product.create_job({"name": "x", "graph": chain(source(), node(2, "csv_output", path="no.csv"))})  # fmt: skip
    end = product.run_end(run_id := product.execute(job_id))
    assert end["status"] == "failed"
    told = json.dumps(end) + product.get(f"/api/runs/{run_id}/log").body.decode()
    assert f"page 1: {api.url}/v1/orders answers 403" in told
    assert TOKEN not in told
    assert not (product.data_dir.parent / "roots" / "no.csv").exists()


def test_a_run_that_waits_for_a_service_is_cancelled_at_once(
    api: Service, product: Product
) -> None:
    api.answer = lambda request: Reply(status=429, headers={"Retry-After": "500"})
    job_id = product.create_job({"name": "x", "graph": chain(source(), node(2, "csv_output", path="no.csv"))})  # fmt: skip
    api.asked.clear()
    run_id = product.execute(job_id)
    eventually(lambda: bool(api.asked), what="the program waits")
    assert product.post(f"/api/runs/{run_id}/cancel").status == 202
    end = product.run_end(run_id)
    assert (end["status"], end["exitCode"]) == ("cancelled", 128 + signal.SIGTERM), (
        "not SIGKILL, 10 s later"
    )
    assert len(api.asked) == 1


def test_a_host_that_is_not_named_is_not_asked(product: Product) -> None:
    with service(lambda request: [{"id": 1}]) as other:
        document = chain(source(connection=None, url=other.url, rows=None))
        answer = product.ask_runner("/api/jobs/preview", {"graph": document, "nodeId": 1})
        assert answer.status == 422
        [error] = answer.json()["errors"]
        assert f"{other.host} is no host that may be asked" in error["message"]
        assert other.asked == []
