"""What we keep is for our own user: no other user of the machine may look into it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import Settings
from tests.harness import BIN, ROOT, StartProduct
from tests.programs import chain, node


@pytest.fixture
def open_umask() -> Iterator[None]:
    """As most shells have it, or worse."""
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_data_dir_that_we_make_is_ours_alone(tmp_path: Path) -> None:
    for name, make in (
        ("first", Settings.make_data_dir),
        ("second", Settings.signing_key),  # scripts/token may be the first to need it
    ):
        settings = Settings.from_env({"DATA_DIR": str(tmp_path / name)})
        make(settings)
        assert mode(settings.data_dir) == 0o700


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("open_umask")
def test_nothing_that_a_server_or_its_programs_make_can_be_read_by_others(
    start_product: StartProduct,
) -> None:
    server = start_product(SAMPLE_ORDERS="100")
    (server.data_dir / "in.csv").write_text("n\n1\n")
    document = {
        "name": "x",
        "graph": chain(node(1, "csv_input", path="in.csv"), node(2, "csv_output", path="out.csv")),
    }
    for job_id in (server.sample_job_id(), server.create_job(document)):
        assert server.run_end(server.execute(job_id))["status"] == "completed"
    given = {server.data_dir / name for name in ("shop.db", "in.csv")}  # made by this test
    made = [path for path in server.data_dir.rglob("*") if path not in given]
    names = {path.name for path in made}
    assert names > {"progress.db", "runs", "program.py", "log.txt", "report.db", "out.csv", "nats"}
    assert [str(path) for path in made if mode(path) & 0o077] == []
    assert "is open to other users" in server.log(), "this test made DATA_DIR so"


@pytest.mark.usefixtures("open_umask")
def test_the_sample_is_made_for_its_owner(tmp_path: Path) -> None:
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "DATA_DIR": str(tmp_path / "var")}
    environment |= {"SAMPLE_ORDERS": "10"}
    command = [sys.executable, "-m", "hosting.start.prepare"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "open to other users" not in done.stderr
    assert mode(tmp_path / "var" / "shop.db") == 0o600
