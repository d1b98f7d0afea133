"""scripts/bench programs: programs of graphs beside the same done by hand, on a few rows."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.programs import command
from bench.programs.inputs import make_csv, make_customers, make_sqlite
from bench.programs.jobs import JOBS, Job
from bench.programs.report import chart, page, ratio, table, verdict
from bench.programs.running import SCRIPTS, Differs, Failed, Place, one_turn
from hosting.start.server import ROOT
from hosting.stop_signals import Interrupted
from tests.harness import NatsServer

OF_FILES = [job for job in JOBS if not job.is_postgresql]


def figures(seconds: float, megabytes: float = 100.0) -> dict[str, float]:
    return {"seconds": seconds, "cpu": seconds, "megabytes": megabytes}


@pytest.fixture
def document() -> dict[str, Any]:
    turns = [{"ours": figures(1.0, 250.0), "by_hand": figures(by_hand)} for by_hand in (2, 3, 9)]
    return {
        "command": "scripts/bench programs",
        "machine": {
            **dict.fromkeys(("date", "commit", "processor", "kernel", "python"), "x"),
            "cores": 2,
            "load": [0.1],
        },
        "rows": {"files": 1_000, "postgresql": 300},
        "turns": {job.name: turns for job in JOBS},
        "large": {job.name: turns[:1] for job in JOBS if job.large},
        "left_out": ["nothing & <none>"],
    }


def test_every_job_has_a_script_by_hand_and_every_script_a_job() -> None:
    scripts = {path.stem for path in SCRIPTS.glob("*.py")} - {"__init__"}
    assert {job.by_hand for job in JOBS} == scripts


@pytest.mark.parametrize("job", OF_FILES, ids=lambda job: job.name)
def test_ours_and_by_hand_write_the_same(job: Job, tmp_path: Path, nats_server: NatsServer) -> None:
    make_csv(tmp_path / "in.csv", 2_000)
    make_customers(tmp_path / "customers.csv")
    make_sqlite(tmp_path / "in.db", 2_000)
    took = one_turn(Place(tmp_path, nats_server.url, None, is_fresh=True), job)
    for who in ("ours", "by_hand"):
        assert took[who]["seconds"] > 0
        assert took[who]["cpu"] > 0
        assert 1 < took[who]["megabytes"] < 1_000


def test_a_fork_runs_the_program_and_what_the_warm_interpreter_took_does_not_count(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    make_sqlite(tmp_path / "in.db", 10)
    [job] = [job for job in JOBS if job.name == "copy"]
    fresh, result = Place(tmp_path, nats_server.url, None, is_fresh=True).run_ours(job)
    forked, same = Place(tmp_path, nats_server.url, None, is_fresh=False).run_ours(job)
    assert result == same
    assert forked.cpu < fresh.cpu


def test_other_rows_are_told_and_so_is_a_failure(tmp_path: Path, nats_server: NatsServer) -> None:
    make_csv(tmp_path / "in.csv", 10)
    place = Place(tmp_path, nats_server.url, None, is_fresh=True)
    [load] = [job for job in JOBS if job.name == "load"]

    class Wrong(Place):
        def _result(self, job: Job, table: str) -> Any:
            return table

    with pytest.raises(Differs, match="ours gives ours, by hand it is by_hand"):
        one_turn(Wrong(tmp_path, nats_server.url, None, is_fresh=True), load)
    (tmp_path / "in.csv").write_text("id\n")
    with pytest.raises(Failed, match="ended with 1"):
        one_turn(place, load)


def test_the_ratio_is_the_median_of_the_turns_own(document: dict[str, Any]) -> None:
    assert ratio(document, JOBS[0]) == 3
    assert [verdict(value, 3, 7) for value in (2.9, 3, 7)] == ["missed", "must", "stretch"]
    [line] = [line for line in table(document) if "CSV → filter" in line]
    assert line == (
        "| CSV → filter + map → CSV | 1,000 | 333 | 3.00 | 3.00 | 3; 7 | must | 250 | must | 100 |"
    )


def test_figures_of_a_busy_machine_are_called_so(document: dict[str, Any]) -> None:
    assert "busy" not in page(document)
    document["machine"]["load"] = [1.5]
    assert "The machine was busy with other work" in page(document)


def test_the_page_and_the_chart_show_every_job(document: dict[str, Any]) -> None:
    text, picture = page(document), chart(document)
    ET.fromstring(picture)
    for job in JOBS:
        assert job.title in text
    assert picture.count("3.00 ×") == len(JOBS)
    assert "nothing & <none>" in text
    assert "With 10,000 rows, one turn:" in text
    assert text.count("by hand: Polars |") == 2 * len(
        [job for job in JOBS if "Polars" in job.title]
    )


def test_a_second_ctrl_c_does_not_break_off_what_the_first_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The directory of its PostgreSQL stayed."""
    order: list[str] = []

    @contextmanager
    def server() -> Iterator[str]:
        try:
            yield "nats://127.0.0.1"
        finally:
            order.append("ended")

    def interrupted(*_: object) -> None:
        raise Interrupted

    monkeypatch.setattr(command, "nats_of_its_own", server)
    monkeypatch.setattr(command, "make_csv", interrupted)
    monkeypatch.setattr(command, "uninterruptible", lambda: order.append("deaf"))
    with pytest.raises(Interrupted):
        command.Bench(command.parse(["--only", "load"]), []).run()
    assert order == ["deaf", "ended"]


def test_the_command_measures_and_shows(tmp_path: Path) -> None:
    python = [sys.executable, "-m", "bench.programs.command"]
    some = ["--only", "load", "--rows", "500", "--rounds", "1", "--fresh", "--json"]
    done = subprocess.run(
        [*python, *some, str(tmp_path / "figures.json")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| CSV → SQLite |" in done.stdout
    assert list(json.loads((tmp_path / "figures.json").read_text())["turns"]) == ["load"]
    again = subprocess.run(
        [*python, "--show", str(tmp_path / "figures.json")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert again.stdout == done.stdout
    wrong = subprocess.run([*python, "--only", "x"], capture_output=True, cwd=ROOT, check=False)
    assert wrong.returncode == 2
