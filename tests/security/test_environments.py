"""What each process of a running product is told, as /proc/<pid>/environ shows it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import (
    Product,
    StartProduct,
    command_line,
    eventually,
    is_alive,
    product_of_each_class,
)
from tests.programs import chain, node

PASSWORD, METRICS = "the-password-of-the-ledger", "the-token-of-the-metrics"
SECRET, PREVIOUS = "the-secret-of-all-tokens-" * 2, "the-secret-of-before-now-" * 2
WITH_SECRETS = {
    "CONNECTION_LEDGER": f"postgresql://ledger:{PASSWORD}@127.0.0.1:1/ledger",
    "CONNECTION_TENANTS_LEDGER": "default",
    "JWT_SECRET": SECRET,
    "JWT_SECRET_PREVIOUS": PREVIOUS,
    "METRICS_TOKEN": METRICS,
    "RUNNER": "embedded",
}
product = product_of_each_class("told", **WITH_SECRETS)


@pytest.fixture(scope="module", autouse=True)
def cores_are_on() -> Iterator[None]:
    """As on a machine where somebody looks for a fault; what is started inherits it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def environ(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def memory_holds(pid: int, text: str) -> bool:
    """Whether a process has the text anywhere in memory that it may write."""
    wanted = text.encode()
    regions = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for region in regions:
            where, rights = region.split()[:2]
            if rights.startswith("rw"):
                begin, end = (int(part, 16) for part in where.split("-"))
                try:
                    memory.seek(begin)
                    if wanted in memory.read(end - begin):
                        return True
                except (OSError, ValueError):
                    continue
    return False


def processes(product: Product) -> dict[str, int]:
    """The processes of a product by their part; there is one of each."""
    return {process.role: process.pid for process in product.processes()}


@pytest.fixture
def parts(product: Product) -> dict[str, int]:
    found = eventually(lambda: all_parts(product), what="all processes run")
    assert found is not None
    return found


def all_parts(product: Product) -> dict[str, int] | None:
    found = processes(product)
    wanted = {"master", "worker", "supervisor", "runner", "nats-server"}
    return found if set(found) == wanted else None


def test_passwords_of_connections_are_told_to_the_runner_alone(parts: dict[str, int]) -> None:
    told = {name for name, pid in parts.items() if PASSWORD in environ(pid)}
    assert told == {"runner"}
    named = {name for name, pid in parts.items() if "CONNECTION_" in environ(pid)}
    assert named == {"runner"}


def open_files(pid: int) -> list[str]:
    """What a process has open; it may close some of it meanwhile."""
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(file))
    return found


def test_a_worker_has_them_neither_in_memory_nor_in_an_open_file(parts: dict[str, int]) -> None:
    assert memory_holds(parts["runner"], PASSWORD), "this test would see it"
    for name in ("worker", "master", "nats-server"):
        assert not memory_holds(parts[name], PASSWORD), name
    assert not [file for file in open_files(parts["worker"]) if "memfd" in file]
    for name in ("runner", "nats-server"):
        assert not [file for file in open_files(parts[name]) if "memfd:connections" in file]


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS, METRICS])
def test_secrets_of_tokens_are_told_to_the_web_tier_alone(
    parts: dict[str, int], secret: str
) -> None:
    told = {name for name, pid in parts.items() if secret in environ(pid)}
    assert told == {"master", "worker"}, "they are one process image: the worker is its fork"


def test_nats_server_is_told_nothing_of_ours(product: Product, parts: dict[str, int]) -> None:
    found = environ(parts["nats-server"])
    assert product.nats_password not in found
    for name in ("NATS_URL", "DATABASE_URL", "JWT_", "CONNECTION", "METRICS_TOKEN"):
        assert f"\0{name}" not in f"\0{found}"


def test_no_process_writes_a_core_file(parts: dict[str, int]) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        pytest.skip("this machine allows no core files at all")
    for name, pid in parts.items():
        assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0, name


# ---------------------------------------------------------------- it still works, also later


def asks_the_ledger(product: Product) -> str:
    """Why a run on that connection failed: there is no such database, but its name and host are known."""
    source = node(1, "db_input", connection="ledger", sql="SELECT 1")
    graph = chain(source, node(2, "csv_output", path="out.csv"))
    run = product.run_end(product.execute(product.create_job({"name": "x", "graph": graph})))
    assert run["status"] == "failed"
    return str(run["reason"])


def knows_the_ledger(product: Product) -> bool:
    reason = asks_the_ledger(product)
    assert PASSWORD not in reason
    return "CONNECTION_LEDGER" not in reason and "no connection" not in reason


def test_the_runner_has_the_connection_after_any_process_died(product: Product) -> None:
    assert knows_the_ledger(product)
    for name in ("runner", "supervisor", "worker"):
        found = eventually(lambda: all_parts(product))
        assert found is not None
        killed = found[name]
        os.kill(killed, signal.SIGKILL)
        eventually(_is_other(product, name, killed), what=f"another {name}")
        parts = all_parts(product)
        assert parts is not None
        told = {name for name, pid in parts.items() if PASSWORD in environ(pid)}
        assert told == {"runner"}
    eventually(lambda: product.get("/readyz").status == 200)
    assert knows_the_ledger(product)


def _is_other(product: Product, name: str, before: int) -> Callable[[], bool]:
    def is_other() -> bool:
        found = all_parts(product)
        return found is not None and found[name] != before and not is_alive(before)

    return is_other


def test_sighup_gives_nothing_away(product: Product) -> None:
    worker = product.worker_pid
    os.kill(product.pid, signal.SIGHUP)
    eventually(_is_other(product, "worker", worker), what="another worker")
    found = all_parts(product)
    assert found is not None
    assert {name for name, pid in found.items() if PASSWORD in environ(pid)} == {"runner"}
    assert knows_the_ledger(product)


def test_without_an_embedded_runner_nobody_has_them(start_product: StartProduct) -> None:
    found = start_product(**{**WITH_SECRETS, "RUNNER": "off"}, SAMPLE_ORDERS="0")
    for process in found.processes():
        assert PASSWORD not in environ(process.pid), process.role


def test_the_process_that_an_operator_started_keeps_its_number(product: Product) -> None:
    assert product.process is not None
    assert product.process.poll() is None
    assert "gunicorn" in command_line(product.pid)
