"""Many tenants, one server: the files of one are not there for the graphs of another."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.sandbox.allowance import TenantNotServed
from jobs.sandbox.environment import reading_environment
from settings import Settings, SettingsError
from tests.harness import Product, eventually, running_product
from tests.programs import allowance, chain, node

OWNER, THIEF = "acme", "bolt"
SECRET = "what only acme may know"
QUERY = "SELECT secret FROM kept"


class Both:
    """A server of many tenants, on which the owner's runs have written a CSV file and a database."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.tokens = {name: product.token(tenant_id=name) for name in (OWNER, THIEF)}
        self.owners = product.data_dir / "tenants" / OWNER
        # the first run makes the tenant's directory, and finds nothing in it
        assert self.run(OWNER, made("seed.csv", node(3, "csv_output", path="out.csv"))) == "no file"
        (self.owners / "seed.csv").write_text(f"secret\n{SECRET}\n")
        for sink in (
            node(3, "csv_output", path="out.csv"),
            node(3, "db_output", connection="sqlite:///kept.db", table="kept"),
        ):
            assert self.run(OWNER, made("seed.csv", sink)) == "completed"

    def run(self, tenant_id: str, graph: dict[str, Any]) -> str:
        """How a run of the graph ended: completed, "no file", or its reason."""
        token = self.tokens[tenant_id]
        job = self.product.post("/api/jobs", {"name": "x", "graph": graph}, token=token).json()
        started = self.product.post(f"/api/jobs/{job['id']}/execute", token=token)
        if started.status == 422:
            return str(started.json()["detail"])
        run_id = started.json()["runId"]

        def end() -> dict[str, Any] | None:
            run: dict[str, Any] = self.product.get(f"/api/runs/{run_id}", token=token).json()
            return run if run["endedAt"] else None

        ended = eventually(end, 60.0, what=f"run {run_id} ends")
        assert ended is not None
        reason = str(ended["reason"])
        if "there is no file" in reason or "there is no database" in reason:
            return "no file"
        return "completed" if ended["status"] == "completed" else reason

    def preview(self, tenant_id: str, graph: dict[str, Any]) -> str:
        asked = {"graph": graph, "nodeId": 1}
        token = self.tokens[tenant_id]
        return self.product.ask_runner("/api/jobs/preview", asked, token=token).body.decode()


def made(path: str, sink: dict[str, Any]) -> dict[str, Any]:
    return chain(node(1, "csv_input", path=path), sink)


def reads(connection: str) -> dict[str, Any]:
    source = node(1, "db_input", connection=connection, sql=QUERY)
    return chain(source, node(2, "csv_output", path="stolen.csv"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Both]:
    data_dir = tmp_path_factory.mktemp("tenants") / "data"
    with running_product(data_dir, shop_database, TENANT_ID="*", SAMPLE_ORDERS="10") as product:
        yield Both(product)


@pytest.mark.parametrize(
    "path",
    [
        *("out.csv", "{owners}/out.csv", "../acme/out.csv", "{data}/link/out.csv"),
        *("*ut.csv", "{owners}/*.csv", "{data}/tenants/*/out.csv", "{data}/**/out.csv"),
        *(
            "**/acme/*.csv",
            "{data}/link/*.csv",
            "/**/seed.csv",
            "link/*.csv",
            "link*/*.csv",
            "l*.csv",
        ),
    ],
)
def test_a_csv_file_that_one_tenants_run_wrote_is_not_read_by_another(
    both: Both, path: str
) -> None:
    link = both.product.data_dir / "link"
    if not link.exists():
        link.symlink_to(both.owners)
    mine = both.product.data_dir / "tenants" / THIEF
    mine.mkdir(mode=0o700, exist_ok=True)
    for name, target in (("link", both.owners), ("l.csv", both.owners / "out.csv")):
        if not (mine / name).is_symlink():
            (mine / name).symlink_to(target)
    path = path.format(owners=both.owners, data=both.product.data_dir)
    graph = made(path, node(2, "csv_output", path="stolen.csv"))
    ended = both.run(THIEF, graph)
    refusals = ("DATA_ROOTS", "holds '..'", "no file matches")
    assert ended == "no file" or any(said in ended for said in refusals)
    assert SECRET not in both.preview(THIEF, graph)
    assert not (both.product.data_dir / "tenants" / THIEF / "stolen.csv").exists()


@pytest.mark.parametrize(
    "connection", ["sqlite:///kept.db", "sqlite:////{owners}/kept.db", "sqlite:////{data}/shop.db"]
)
def test_a_database_that_one_tenants_run_wrote_is_not_read_by_another(
    both: Both, connection: str
) -> None:
    graph = reads(connection.format(owners=both.owners, data=both.product.data_dir))
    ended = both.run(THIEF, graph)
    assert ended == "no file" or "DATA_ROOTS" in ended
    assert SECRET not in both.preview(THIEF, graph)


def test_neither_columns_nor_tables_of_a_tenants_files_are_told_to_another(both: Both) -> None:
    """Nor what the owner was told just now, and is kept for a moment."""

    def asked(tenant_id: str, path: str, body: dict[str, Any]) -> str:
        return both.product.post(path, body, token=both.tokens[tenant_id]).body.decode()

    table = node(1, "db_input", connection="sqlite:///kept.db", table="kept")
    for source in (node(1, "csv_input", path="out.csv"), table):
        body = {"graph": {"nodes": [source], "edges": []}}
        assert '"name":"secret"' in asked(OWNER, "/api/jobs/columns", body).replace(" ", "")
        stolen = asked(THIEF, "/api/jobs/columns", body)
        assert '"unread":[{' in stolen.replace(" ", "").replace("\n", "")
        assert '"secret"' not in stolen
    for connection in ("sqlite:///kept.db", f"sqlite:///{both.owners}/kept.db"):
        tables = {"connection": connection}
        assert '"kept"' not in asked(THIEF, "/api/tables", tables)
    assert '"kept"' in asked(OWNER, "/api/tables", {"connection": "sqlite:///kept.db"})


def test_nothing_is_written_into_anothers_files(both: Both) -> None:
    mine = both.product.data_dir / "tenants" / THIEF
    mine.mkdir(exist_ok=True)
    (mine / "in.csv").write_text("secret\nforged\n")
    for sink in (
        node(2, "csv_output", path=f"{both.owners}/out.csv"),
        node(2, "csv_output", path=f"{both.owners}/new.csv"),
        node(2, "csv_output", path=f"{both.owners}/new-*.csv", split_by="secret"),
        node(2, "excel_output", path=f"{both.owners}/new.xlsx"),
        node(2, "db_output", connection=f"sqlite:///{both.owners}/kept.db", table="t"),
        node(2, "db_output", connection=f"sqlite:///{both.owners}/new.db", table="t"),
    ):
        assert "DATA_ROOTS" in both.run(THIEF, made("in.csv", sink))
    assert (both.owners / "out.csv").read_text() == f"secret\n{SECRET}\n"
    assert sorted(path.name for path in both.owners.iterdir()) == ["kept.db", "out.csv", "seed.csv"]


def test_each_tenant_reads_its_own_and_nobody_else_may_look(both: Both) -> None:
    assert SECRET in both.preview(OWNER, reads("sqlite:///kept.db"))
    assert stat.S_IMODE(both.owners.stat().st_mode) == 0o700


def test_the_sample_lies_where_the_sample_job_looks(both: Both) -> None:
    token = both.product.token(tenant_id="default")
    both.tokens["default"] = token
    [job] = both.product.get("/api/jobs", token=token).json()["jobs"]
    graph = both.product.get(f"/api/jobs/{job['id']}", token=token).json()["graph"]
    assert both.run("default", graph) == "completed"
    assert (both.product.data_dir / "tenants" / "default" / "report.db").exists()


# ---------------------------------------------------------------- settings


def roots(**environ: str) -> tuple[str, ...]:
    return Settings.from_env({"DATA_DIR": "/d", **environ}).program.data_roots


def test_tenants_have_roots_of_their_own_unless_somebody_says_otherwise() -> None:
    assert roots() == ("/d",)
    assert roots(TENANT_ID="*") == ("/d/tenants/{tenant}",)
    assert roots(DATA_ROOTS="/a", SHARED_DATA_ROOTS="/s:/t") == ("/a", "/s", "/t")
    assert roots(TENANT_ID="*", DATA_ROOTS="/a/{tenant}", SHARED_DATA_ROOTS="/s") == (
        "/a/{tenant}",
        "/s",
    )
    assert roots(TENANT_ID="*", SHARED_DATA_ROOTS="/d/all")[1] == "/d/all"
    apart = "/srv/{tenant}/in:/srv/{tenant}/in/deep:/srv/{tenant}/out:/data/of-{tenant}"
    shared = "/data/all:/srv/not one's name"
    assert len(roots(TENANT_ID="*", DATA_ROOTS=apart, SHARED_DATA_ROOTS=shared)) == 6


@pytest.mark.parametrize(
    ("name", "environ"),
    [
        ("DATA_ROOTS", {"DATA_ROOTS": "/srv/data"}),
        ("DATA_ROOTS", {"DATA_ROOTS": "/srv/{tenant}:/srv/all"}),
        ("DATA_ROOTS", {"DATA_ROOTS": ":"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/d"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/d/tenants"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/x:/", "DATA_ROOTS": "/y-{tenant}"}),
        # a tenant called `all`, or `of-x`
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/srv/all", "DATA_ROOTS": "/srv/{tenant}"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/s/all/x", "DATA_ROOTS": "/s/{tenant}"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/s/all", "DATA_ROOTS": "/s/{tenant}/x"}),
        ("SHARED_DATA_ROOTS", {"SHARED_DATA_ROOTS": "/d/tenants/all"}),
        ("DATA_ROOTS", {"DATA_ROOTS": "/srv/{tenant}:/srv/all/{tenant}"}),
        ("DATA_ROOTS", {"DATA_ROOTS": "/srv/of-{tenant}:/srv/{tenant}"}),
    ],
)
def test_a_root_that_all_tenants_would_share_unasked_ends_the_start(
    name: str, environ: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=f"^{name}"):
        roots(TENANT_ID="*", **environ)


def test_the_start_says_what_to_do_about_a_shared_root(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path / "var"), "TENANT_ID": "*", "DATA_ROOTS": str(tmp_path)}
    command = [sys.executable, "-m", "hosting.start.prepare"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 2
    assert "{tenant}" in done.stderr
    assert "SHARED_DATA_ROOTS" in done.stderr


# ---------------------------------------------------------------- one tenant's runner, another's run


def test_a_runner_of_one_tenant_gives_nothing_to_another(tmp_path: Path) -> None:
    ours = allowance(tmp_path, of=OWNER)
    assert reading_environment(OWNER, {}, tmp_path, ours, {})
    with pytest.raises(TenantNotServed, match="TENANT_ID"):
        reading_environment(THIEF, {}, tmp_path, ours, {})


def test_what_tenants_left_is_no_data_of_a_server_that_now_serves_one(tmp_path: Path) -> None:
    one = allowance(tmp_path, of=OWNER)
    found = reading_environment(OWNER, {}, tmp_path, one, {})
    assert str(tmp_path / "tenants") in found["NOT_DATA"].split(":")
    many = allowance(f"{tmp_path}/tenants/{{tenant}}", of="*")
    found = reading_environment(OWNER, {}, tmp_path, many, {})
    assert str(tmp_path / "tenants") not in found["NOT_DATA"].split(":")
