"""Connections that the operator named: each is for the tenants that it is bound to, and for no others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.sandbox.connections import ConnectionsUnusable, connections_for, read_connections
from settings.secret_files import write_secret
from tests.harness import Product, StartProduct, eventually
from tests.programs import chain, execute, node

PASSWORD = "hunter2-Zz9"
URL = f"postgresql://svc:{PASSWORD}@db.internal/x"
PAYROLL = "CONNECTION_PAYROLL"
BOUND = "CONNECTION_TENANTS_PAYROLL"


def uses(*names: str) -> dict[str, Any]:
    return {"nodes": [node(n, "db_input", connection=name) for n, name in enumerate(names, 1)]}


def given(
    tenant_id: str, environ: Mapping[str, str], *, many: bool, file: Path | None = None
) -> set[str]:
    """The variables that a program gets whose graph names all that there is to name."""
    graph = uses("payroll", "Payroll", "PAYROLL", "tenants_payroll", "TENANTS_", "shop")
    return set(connections_for(graph, tenant_id, file, environ, unbound=not many))


@pytest.mark.parametrize(
    ("bound", "many", "whose"),
    [
        (None, False, {"acme", "bolt"}),  # one tenant, and so whoever is here
        (None, True, set()),
        ("", True, set()),
        ("acme", True, {"acme"}),
        (" acme , bolt ", True, {"acme", "bolt"}),
        ("*", True, {"acme", "bolt"}),
        (",", True, set()),
        ("ACME", True, set()),
        ("acm", True, set()),
        ("acme", False, {"acme"}),
    ],
)
def test_a_connection_is_for_the_tenants_that_it_is_bound_to(
    bound: str | None, many: bool, whose: set[str]
) -> None:
    environ = {PAYROLL: URL, **({} if bound is None else {BOUND: bound})}
    found = {tenant for tenant in ("acme", "bolt") if given(tenant, environ, many=many)}
    assert found == whose
    for tenant in ("acme", "bolt"):
        assert given(tenant, environ, many=many) <= {PAYROLL}


@pytest.mark.parametrize(("tenant", "given"), [("acme", {PAYROLL}), ("bolt", set())])
def test_a_path_in_an_object_store_gives_its_connection_to_its_tenants_alone(
    tenant: str, given: set[str]
) -> None:
    store = {PAYROLL: f"s3://key:{PASSWORD}@host/bucket", BOUND: "acme", "CONNECTION_SHOP": URL}
    document = {"nodes": [node(1, "csv_input", path="s3://payroll/x/*.csv")]}
    assert set(connections_for(document, tenant, None, store, unbound=False)) == given


@pytest.mark.parametrize("path", ["s3://", "s3:///x", "s3://tenants_payroll/x", "payroll", 7])
def test_a_path_that_names_no_connection_gives_none(path: Any) -> None:
    document = {"nodes": [node(1, "csv_input", path=path)]}
    environ = {PAYROLL: URL, BOUND: "acme"}
    assert connections_for(document, "acme", None, environ, unbound=False) == {}


def test_the_file_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "connections"
    write_secret(file, f"payroll={URL}\nTenants_Payroll = acme\nshop=sqlite:///shop.db\n")
    assert given("acme", {}, many=True, file=file) == {PAYROLL}
    assert given("bolt", {}, many=True, file=file) == set()
    assert given("bolt", {BOUND: "bolt"}, many=True, file=file) == set()
    assert read_connections(file, {}).for_nobody() == ["CONNECTION_SHOP"]


@pytest.mark.parametrize(
    "text", ["\ufeffSHOP={}", "SHOP='{}'", 'shop = "{}"\r\n', "CONNECTION_SHOP={}"]
)
def test_the_file_may_be_written_as_windows_and_files_of_variables_are(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "connections"
    write_secret(file, text.format(URL))
    assert read_connections(file, {}).urls == {"CONNECTION_SHOP": URL}


def test_a_name_that_the_file_has_twice_is_refused(tmp_path: Path) -> None:
    """The last one counted, without a word: of two databases rows went into one."""
    file = tmp_path / "connections"
    write_secret(file, f"SHOP={URL}\n# new\nshop={URL}-new\n")
    with pytest.raises(ConnectionsUnusable, match="line 3: SHOP stands in line 1, too") as refused:
        read_connections(file, {})
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("bound", ["a b", "acme;bolt", "acme,../bolt", "acme,b*", URL])
def test_what_is_no_tenant_is_refused_without_a_word_of_a_password(
    tmp_path: Path, bound: str
) -> None:
    file = tmp_path / "connections"
    write_secret(file, f"TENANTS_PAYROLL={bound}\n")
    with pytest.raises(ConnectionsUnusable, match="line 1") as refused:
        read_connections(file, {})
    assert PASSWORD not in str(refused.value)
    with pytest.raises(ConnectionsUnusable, match=BOUND) as refused:
        read_connections(None, {BOUND: bound})
    assert PASSWORD not in str(refused.value)
    done = subprocess.run(
        [sys.executable, "-m", "hosting.start.prepare"],
        env={"DATA_DIR": str(tmp_path / "var"), BOUND: bound},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, BOUND in done.stderr) == (2, True)


def ended(server: Product, tenant_id: str, connection: str) -> tuple[str, str]:
    """How a run of the tenant ended that reads from the connection: its status and reason."""
    token = server.token(tenant_id=tenant_id)
    source = node(1, "db_input", connection=connection, table="t")
    document = {"name": "x", "graph": chain(source, node(2, "csv_output", path="out.csv"))}
    preview = {"graph": document["graph"], "nodeId": 1}
    job = server.post("/api/jobs", document, token=token).json()["id"]
    run_id = server.post(f"/api/jobs/{job}/execute", token=token).json()["runId"]

    def end() -> dict[str, Any] | None:
        run: dict[str, Any] = server.get(f"/api/runs/{run_id}", token=token).json()
        return run if run["endedAt"] else None

    run = eventually(end, 60.0, what=f"run {run_id} ends")
    assert run is not None
    shown = server.ask_runner("/api/jobs/preview", preview, token=token)
    assert (shown.status == 200) == (run["status"] == "completed"), shown
    return str(run["status"]), str(run["reason"])


def test_a_tenant_cannot_use_the_connection_of_another(
    start_product: StartProduct, tmp_path: Path
) -> None:
    execute(tmp_path / "pay.db", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)")
    server = start_product(
        TENANT_ID="*",
        SAMPLE_ORDERS="0",
        CONNECTION_PAYROLL=f"sqlite:///{tmp_path}/pay.db",
        CONNECTION_TENANTS_PAYROLL="acme",
        CONNECTION_LOOSE=f"sqlite:///{tmp_path}/pay.db",
    )
    assert ended(server, "acme", "payroll") == ("completed", "None")
    of_another, unknown = ended(server, "bolt", "payroll"), ended(server, "bolt", "nosuch00")
    assert of_another[0] == "failed"
    assert unknown[1] == of_another[1].replace("payroll", "nosuch00").replace("PAYROLL", "NOSUCH00")
    assert ended(server, "acme", "loose")[0] == "failed"
    assert "no tenant may use CONNECTION_LOOSE" in server.log()
    assert "CONNECTION_TENANTS_LOOSE" in server.log()
