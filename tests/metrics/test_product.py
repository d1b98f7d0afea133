"""The figures of a whole server: two workers and their runner, whoever is asked."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.harness import ROOT, Product, eventually, running_product
from tests.realtime.raw import Raw, subscribe

DEPLOY = ROOT / "docs/deploy"
BROWSERS = 6
ASKED = 8  # times: the workers answer by turns


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("metrics") / "data"
    with running_product(data_dir, shop_database, WORKERS="2", SAMPLE_ORDERS="2000") as product:
        yield product


def families(product: Product) -> dict[str, Metric]:
    text = product.get("/metrics", token=None).body.decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(product: Product, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(
        sample.value
        for family in families(product).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_each_worker_tells_the_browsers_of_both(server: Product) -> None:
    with contextlib.ExitStack() as browsers:
        for _ in range(BROWSERS):
            browsers.enter_context(Raw(server))
        eventually(lambda: value(server, "progress_clients") == BROWSERS)
        eventually(lambda: all(is_of_both(families(server)) for _ in range(ASKED)))
    eventually(
        lambda: value(server, "progress_websocket_closes_total", code="none") == BROWSERS, 20.0
    )


def is_of_both(told: dict[str, Metric]) -> bool:
    clients = {s.labels["worker"]: s.value for s in told["progress_clients"].samples}
    return clients.keys() == {"0", "1"} and sum(clients.values()) == BROWSERS


def test_a_run_is_counted_with_its_end_its_times_and_its_way_to_the_browsers(
    server: Product,
) -> None:
    job_id = server.sample_job_id()
    with Raw(server) as browser:
        browser.send(subscribe(job_id))
        run_id = server.execute(job_id)
        assert server.run_end(run_id)["status"] == "completed"
        ended = {"status": "completed", "reason": "completed", "worker": "runner"}
        eventually(lambda: value(server, "progress_runs_ended_total", **ended) == 1)
    wanted = {
        "progress_run_start_seconds_count": (0, 1),
        "progress_run_seconds_count": (0, 1),
        "progress_run_seconds_sum": (0, 120),
        "progress_hub_lag_seconds_sum": (0, 600),
    }

    def is_told() -> bool:
        found = {name: value(server, name) for name in wanted}
        assert all(least < found[name] <= most for name, (least, most) in wanted.items()), found
        return True

    eventually(
        is_told, 20.0
    )  # the other worker may answer, which reads the figures of this one a moment later
    assert value(server, "progress_runner_slots") == 4
    assert value(server, "progress_runs", status="queued") == 0
    assert value(server, "progress_database_up") == 1


def test_rows_and_what_is_kept_are_told(server: Product) -> None:
    before = value(server, "progress_rows_total", way="written")
    run = server.run_end(server.execute(server.sample_job_id()))
    eventually(
        lambda: value(server, "progress_rows_total", way="written") == before + run["rows"]["out"],
        20.0,
    )
    assert run["rows"]["out"] > 0
    database = server.data_dir / "progress.db"
    assert value(server, "progress_database_bytes") >= database.stat().st_size
    assert value(server, "progress_stream_bytes", stream="PROGRESS") > 0
    assert value(server, "progress_runner_disk_free_bytes") > 0
    kinds = {s.labels["kind"] for s in families(server)["progress_runner_kept_bytes"].samples}
    assert kinds == {"logs", "files"}


def test_requests_are_counted_by_route_whatever_the_path(server: Product) -> None:
    route = "/api/runs/<run_id>"

    def counted(name: str, **labels: str) -> float:
        return value(server, f"progress_http_request{name}", **labels)

    lost, odd = counted("s_total", route=route, status="404"), counted("s_total", route="(other)")
    timed = counted("_seconds_count", route=route)
    for name in ("a", "b", "c"):
        assert server.get(f"/api/runs/{name}").status == 404
    assert server.get("/no/such/place").status == 404
    eventually(lambda: counted("s_total", route=route, status="404") >= lost + 3)
    eventually(lambda: counted("s_total", route="(other)") >= odd + 1)
    eventually(lambda: counted("_seconds_count", route=route) >= timed + 3)


def test_the_queue_and_the_build_are_told_by_each_worker(server: Product) -> None:
    def up() -> dict[str, float]:
        samples = families(server)["progress_queue_up"].samples
        return {sample.labels["worker"]: sample.value for sample in samples}

    eventually(lambda: up() == {"0": 1, "1": 1}, what="each worker has looked at the queue")
    versions = {s.labels["version"] for s in families(server)["progress_build_info"].samples}
    assert versions == {tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]}


def test_names_and_units_are_as_prometheus_wants_them(server: Product) -> None:
    found = families(server)
    assert len(found) > 25
    for name, family in found.items():
        assert re.fullmatch(r"(progress|process)_[a-z_]+", name)
        assert family.documentation, name
        assert family.type in ("counter", "gauge", "histogram"), name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)$", name), "base units"
        for sample in family.samples:
            assert (family.type == "counter") is sample.name.endswith("_total"), sample.name


# ---- what documents and deploy files say of them

IN_A_QUERY = re.compile(r"\b((?:progress|process)_[a-z_]+)")
OWN = {"progress_tenant_clients"}  # told to the bearer of METRICS_TOKEN alone


def sample_names(product: Product) -> set[str]:
    return {sample.name for family in families(product).values() for sample in family.samples}


def queries() -> dict[str, str]:
    """Each query of the dashboard and the alerts, by where it stands."""
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    of_board = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
    }
    rules = (DEPLOY / "alerts.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)\n +expr: (.+)\n", rules)
    assert len(alerts) == rules.count("- alert:") == 9
    return {**of_board, **dict(alerts)}


def test_the_dashboard_and_the_alerts_ask_for_figures_that_there_are(server: Product) -> None:
    asked = {
        place: set(IN_A_QUERY.findall(query)) - {"progress"} for place, query in queries().items()
    }
    assert [place for place, names in asked.items() if not names] == ["ProgressDown"]

    def are_told() -> bool:
        known = sample_names(server)  # those of the runner come when it has started
        missing = {place: names - known for place, names in asked.items() if names - known}
        assert missing == {}
        return True

    eventually(are_told, what="each figure is told")


def test_each_figure_is_documented_and_each_documented_one_is_told(server: Product) -> None:
    table = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    documented = set(IN_A_QUERY.findall("\n".join(table)))
    told = {
        f"{name}_total" if family.type == "counter" else name
        for name, family in families(server).items()
    }
    assert documented - OWN == told


@pytest.mark.parametrize(
    "alert", re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text())
)
def test_an_operator_reads_what_to_do_for_each_alert(alert: str) -> None:
    assert f"`{alert}`" in (ROOT / "docs/operate.md").read_text()
