"""Fifty jobs and two hundred browsers, while one of each part is killed: every run, row and last state is accounted for."""

from __future__ import annotations

import functools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jobs.store.runs.run_states import ENDS
from settings import Settings
from settings.reading import variables
from soak.watchers import Watcher
from soak.work import DRIP_ROWS, Drip
from tests.harness import eventually
from tests.scale.installation import (
    Installation,
    kill_web,
    settings_of_all,
    settings_of_webs,
    start_web_again,
    whole_installation,
)

JOBS, BROWSERS, WATCHED = 50, 200, 4  # each browser watches so many jobs
TICKS = 8  # of a quarter of a second: how long a run reads
ROWS = TICKS * DRIP_ROWS
ENDS_WITHIN = 120.0  # seconds; a run whose runner died is lost after 30


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with whole_installation(tmp_path) as whole:
        yield whole


@dataclass
class Job:
    """One job, and what became of its runs."""

    number: int
    job_id: int = 0
    run_ids: list[str] = field(default_factory=list)

    @property
    def stamp(self) -> str:
        return f"job-{self.number}-{len(self.run_ids)}"

    @property
    def name(self) -> str:
        return f"exports/{self.number}.csv"

    def graph(self) -> dict[str, Any]:
        """Reads what the drip gives, and writes it into a file of the directory that all machines share."""
        parts = [
            ("csv_input", {"path": f"drip/{self.number}.csv", "numbers": ["n"]}),
            ("map", {"columns": [{"column": "twice", "expression": "n * 2"}], "keep": ["n"]}),
            ("csv_output", {"path": self.name}),
        ]
        nodes = [
            {"id": number, "type": kind, "name": f"Node {number}", "config": config}
            for number, (kind, config) in enumerate(parts, 1)
        ]
        edges = [{"from": number, "to": number + 1} for number in range(1, len(nodes))]
        return {"nodes": nodes, "edges": edges}


class Trial:
    """The jobs, the browsers, and the account of both."""

    def __init__(self, installation: Installation) -> None:
        self.at = installation
        self.complaints: list[str] = []
        (installation.shared / "exports").mkdir()
        self.drip = Drip([installation.shared / "drip"])
        self.jobs = [Job(number) for number in range(JOBS)]
        for job in self.jobs:
            body = {"name": f"Job {job.number}", "graph": job.graph()}
            job.job_id = int(self.at.entrance.insist("POST", "/api/jobs", body).json()["id"])
        self.browsers = [self._browser(number) for number in range(BROWSERS)]

    def _browser(self, number: int) -> Watcher:
        watched = [self.jobs[(number + step * 7) % JOBS].job_id for step in range(WATCHED)]
        entrance = self.at.entrance
        return Watcher(entrance, f"browser {number}", watched, number, self.complaints.append)

    def open_browsers(self) -> None:
        for browser in self.browsers:
            browser.thread.start()
        self.all_connected()

    def all_connected(self) -> None:
        eventually(
            lambda: all(browser.is_connected for browser in self.browsers),
            90.0,
            what="all browsers are connected",
        )

    def execute(self, job: Job) -> None:
        """As a script does: with a key, until it is answered."""
        key = job.stamp
        self.drip.add(str(job.number), TICKS)
        path = f"/api/jobs/{job.job_id}/execute"
        answer = self.at.entrance.insist("POST", path, None, {"Idempotency-Key": key})
        assert answer.status == 202, answer
        job.run_ids.append(str(answer.json()["runId"]))

    def execute_all(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.execute(job)

    def run(self, job: Job) -> dict[str, Any]:
        """Its latest run."""
        answer = self.at.entrance.insist("GET", f"/api/runs/{job.run_ids[-1]}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    def end(self, job: Job) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            run = self.run(job)
            return run if run["status"] in ENDS else None

        run = eventually(ended, ENDS_WITHIN, what=f"run {job.run_ids[-1]} ends", interval=0.3)
        assert run is not None
        self.drip.drop(str(job.number))
        return run

    def some_run(self, jobs: list[Job]) -> None:
        def at_work() -> bool:
            return any(self.run(job)["status"] == "running" for job in jobs)

        eventually(at_work, 60.0, what="some run is at work", interval=0.2)

    def stop(self) -> None:
        for browser in self.browsers:
            browser.stop()
        self.drip.stop()
        for browser in self.browsers:
            if browser.thread.is_alive():
                browser.thread.join(15.0)


@dataclass
class Fault:
    """`stands`: the others carry on meanwhile, so that executes are taken before it is mended."""

    name: str
    kill: Callable[[], None]
    mend: Callable[[], None]
    stands: bool


def faults_of(at: Installation) -> list[Fault]:
    leader = at.leader_of("RUNS")
    node, web, runner = at.cluster.nodes[leader], at.webs[0], at.runners[0]
    mend = functools.partial(at.start_node, leader)
    return [
        Fault(f"NATS node {leader}, which leads the queue", node.kill, mend, stands=True),
        Fault("runner-1", runner.kill, lambda: None, stands=True),
        Fault("web-1", lambda: kill_web(web), lambda: start_web_again(web), stands=True),
        Fault("PostgreSQL", at.postgresql.kill, at.postgresql.start_again, stands=False),
        Fault("nginx", at.nginx.kill, at.nginx.start, stands=False),
    ]


def suffer(trial: Trial, fault: Fault, jobs: list[Job]) -> None:
    """Some runs are at work when it happens, others are asked for while it lasts."""
    before, meanwhile = jobs[: len(jobs) // 2], jobs[len(jobs) // 2 :]
    for job in before:
        trial.execute(job)
    trial.some_run(before)
    print(f"--- {fault.name} is killed")
    fault.kill()
    poster = threading.Thread(target=trial.execute_all, args=(meanwhile,))
    poster.start()
    if fault.stands:
        poster.join()
        trial.some_run(meanwhile)
    fault.mend()
    poster.join()
    assert all(job.run_ids for job in jobs), f"{fault.name}: an execute was never answered"


def written(at: Installation, job: Job) -> list[str] | None:
    path = at.shared / job.name
    return path.read_text().splitlines() if path.exists() else None


WHOLE_FILE = ["n,twice", *(f"{n},{2 * n}" for n in range(1, ROWS + 1))]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_only_settings_change(installation: Installation, tmp_path: Path) -> None:
    """To grow: three nats-servers, PostgreSQL, two web servers, two runners. Each may die, and nothing is lost, doubled or stuck."""
    ours = {**settings_of_all(tmp_path, installation.cluster, ""), **settings_of_webs()}
    assert set(ours) <= set(variables(Settings)), "what is not a setting has changed"
    trial = Trial(installation)
    try:
        trial.open_browsers()
        shuffled = random.Random(5).sample(trial.jobs, JOBS)
        faults = faults_of(installation)
        share = JOBS // len(faults)
        for number, fault in enumerate(faults):
            suffer(trial, fault, shuffled[number * share : (number + 1) * share])
            trial.all_connected()
        account_for_runs(trial)
        eventually(lambda: shows_the_truth(trial), what="all browsers show the truth")
        assert trial.complaints == []
    finally:
        trial.stop()


def account_for_runs(trial: Trial) -> None:
    """Every run has an end that its file agrees with; only runs of the runner that died are lost, and can be had again."""
    ends: Counter[str] = Counter()
    machines: Counter[str] = Counter()
    for job in trial.jobs:
        run = trial.end(job)
        ends[run["status"]] += 1
        machines[run["machine"]] += 1
        if run["status"] == "lost":
            assert run["machine"] == "runner-1", run
            assert written(trial.at, job) in (None, WHOLE_FILE)
            trial.execute(job)
            run = trial.end(job)
        assert (run["status"], run["reason"]) == ("completed", None), run
        assert [node["rowCount"] for node in run["nodes"]] == [ROWS] * 3, run
        assert written(trial.at, job) == WHOLE_FILE
        listed = trial.at.entrance.insist("GET", f"/api/jobs/{job.job_id}/runs").json()["runs"]
        assert {each["runId"] for each in listed} == set(job.run_ids), "a run nobody asked for"
    print(f"--- ends {dict(ends)} on {dict(machines)}")
    assert 1 <= ends["lost"] <= 4
    assert set(machines) == {"runner-1", "runner-2"}


def shows_the_truth(trial: Trial) -> bool:
    """Raises AssertionError with the first differences."""
    truth = {job.job_id: trial.run(job) for job in trial.jobs}
    found = [each for browser in trial.browsers for each in browser.differences(truth)]
    assert found == [], f"{len(found)} differences: {found[:3]}"
    return True
