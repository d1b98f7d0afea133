"""Home and the runs of all jobs, in Chromium, on a server with 5,000 jobs and 20,000 runs.

It has no runner: what runs and how far it is is said by a publisher, as the runner and its program would.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, ViewportSize, expect

from tests.browser.conftest import KeptContext, open_pages
from tests.browser.edit.editing import WIDE, box_of
from tests.browser.pages import (
    answer_late,
    assert_accessible,
    go_within,
    hold,
    picture,
    shift_clock,
    wait_for_held,
)
from tests.browser.run.runs import Publisher
from tests.browser.run.test_playground import publish
from tests.harness import Product, eventually, running_product

NARROW: ViewportSize = {"width": 320, "height": 640}
LISTED_JOBS, LISTED_LAST = "**/api/jobs?*runs=14*", "**/api/runs?status=failed*"  # of a look
JOBS, RUNS_EACH = 5_000, 4
PAGE = 50  # entries of a list until one asks for more
LONG = "A job whose name is much longer than anybody would have thought reasonable, and which goes on and on"
RIGHT_TO_LEFT = "تقرير الطلبات اليومي"
REASON = "exit code 1: node 3 \"Map\" failed: no such thing (row 7: amount='n/a')"
DAY = 86_400.0
HOLD_FILTER = """() => {
  const [set, clear, HELD] = [setTimeout, clearTimeout, -1];
  window.setTimeout = (work, wait) => (wait === 350 ? ((window.filter = work), HELD) : set(work, wait));
  window.clearTimeout = (timer) => (timer === HELD ? (window.filter = null) : clear(timer));
}"""

NOTE_WAITING = """() => {
  window.waited = 0;
  const note = (changes) => (window.waited += changes.flatMap(({ addedNodes }) => [...addedNodes]).length);
  new MutationObserver(note).observe(document.getElementById('home-waiting'), { childList: true });
}"""

JOB = "INSERT INTO jobs (tenant_id, name, graph, created_at, updated_at) VALUES ('default', ?, ?, ?, ?)"
RUN = (
    "INSERT INTO runs (run_id, tenant_id, job_id, job_name, status, reason, graph, program, request_hash,"
    " created_at, started_at, ended_at, queued_at, beat, started_by)"
    " VALUES (?, 'default', ?, ?, ?, ?, ?, '', '', ?, ?, ?, ?, 0, 'Nächtlich')"
)
GRAPH = json.dumps(
    {
        "nodes": [
            {
                "id": 1,
                "type": "db_input",
                "name": "Orders",
                "config": {"connection": "sqlite:///shop.db", "table": "orders"},
            },
            {"id": 2, "type": "csv_output", "name": "File", "config": {"path": "orders.csv"}},
        ],
        "edges": [{"from": 1, "to": 2}],
        "engine": 2,
    }
)


def fill(path: Path) -> None:
    """JOBS jobs that ran RUNS_EACH times each, long ago; the newest three have names that are hard to show."""
    old = time.time() - 5 * DAY
    names = [f"Job of shop {n}" for n in range(1, JOBS - 2)] + [
        "Broken import",
        RIGHT_TO_LEFT,
        LONG,
    ]
    jobs = [(name, GRAPH, old, old) for name in names]
    runs = []
    for job, name in enumerate(names, 1):
        for n in range(RUNS_EACH):
            began = old + job + n
            times = (began, began, began + 2 + n, began)
            runs.append((f"{job * 10 + n:032x}", job, name, "completed", None, GRAPH, *times))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executemany(JOB, jobs)
        database.executemany(RUN, runs)


def add_failure(path: Path, job_id: int, name: str, ago: float, reason: str = REASON) -> None:
    ended = time.time() - ago
    run = (f"{0xF000000 + job_id:032x}", job_id, name, "failed", reason, GRAPH)
    with contextlib.closing(sqlite3.connect(path, timeout=30.0)) as database, database:
        database.execute(RUN, (*run, ended - 3, ended - 3, ended, ended - 3))


BROKEN = JOBS - 2
ARABIC, NAMED_LONG = JOBS - 1, JOBS


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("home") / "data"
    with running_product(data_dir, shop_database, RUNNER="off", SAMPLE_ORDERS="0") as product:
        fill(database_of(product))
        add_failure(database_of(product), BROKEN, "Broken import", 3_600.0)
        add_failure(database_of(product), 7, "Job of shop 7", 2 * DAY)
        yield product


def database_of(product: Product) -> Path:
    [found] = [path for path in product.data_dir.glob("*.db") if path.name != "shop.db"]
    return found


class Opened(Protocol):
    def __call__(self, query: str = "", **options: Any) -> Page: ...


@pytest.fixture
def opened(browser: Browser, kept_context: KeptContext, quiet: Product) -> Iterator[Opened]:
    """Opens pages that fail the test when one of them has an error."""
    with open_pages(browser, kept_context, quiet.url) as pages:
        yield lambda query="", **options: pages(
            f"{query}&token={quiet.token()}", **{"viewport": WIDE, **options}
        )


def runs_in(page: Page, section: str) -> Locator:
    return page.locator(f"#home-{section} > li")


def run_in(page: Page, section: str, run_id: str) -> Locator:
    return page.locator(f'#home-{section} > li[data-run-id="{run_id}"]')


def job_row(page: Page, job_id: int) -> Locator:
    return page.locator(f'#home-jobs tr[data-job-id="{job_id}"]')


def run_row(page: Page, run_id: str) -> Locator:
    return page.locator(f'#all-runs tr[data-run-id="{run_id}"]')


def end(product: Product, run_id: str) -> None:
    """Cancels a run that no runner will take."""
    product.request("POST", f"/api/runs/{run_id}/cancel")
    eventually(lambda: product.get(f"/api/runs/{run_id}").json()["endedAt"], what="the run ends")


# ---------------------------------------------------------------- home


def test_home_is_what_one_sees_first_and_holds_a_page_of_jobs_however_many_there_are(
    opened: Opened,
) -> None:
    page = opened()
    expect(page.locator("#home")).to_be_visible()
    expect(page.locator("#bench")).to_be_hidden()
    expect(page.locator("#home-jobs tbody tr")).to_have_count(PAGE)
    row = job_row(page, NAMED_LONG)
    expect(row.locator(".row-name")).to_have_text(LONG)
    expect(row.locator(".tick")).to_have_count(RUNS_EACH)
    expect(row.locator(".strip")).to_have_attribute("aria-label", "The last 4 runs: 4 completed")
    expect(row.locator("td.cell-number")).to_have_text("3.5 s")  # the middle of 2, 3, 4 and 5
    expect(row.locator(".cell-last")).to_have_text(re.compile(r"^Completed \d days ago$"))
    page.click("#home-more")
    expect(page.locator("#home-jobs tbody tr")).to_have_count(2 * PAGE)
    page.fill("#home-search", "shop 4321")
    expect(page.locator("#home-jobs tbody tr")).to_have_count(1)
    expect(page.locator("#home-more")).to_be_hidden()
    page.fill("#home-search", "no such job")
    expect(page.locator("#home-jobs-empty")).to_have_text("No job has “no such job” in its name.")


def test_only_failures_of_the_last_day_are_told_each_with_its_reason(opened: Opened) -> None:
    page = opened()
    expect(runs_in(page, "failed")).to_have_count(1)
    failed = runs_in(page, "failed").first
    expect(failed.locator(".row-name")).to_have_text("Broken import")
    expect(failed.locator(".row-reason")).to_contain_text("no such thing")
    expect(failed.locator(".row-time")).to_have_text("1 h ago")
    expect(page.locator("#home-failed-count")).to_have_text("1")
    page.click("#home-all-failed")
    expect(page.locator("#filter-status")).to_have_value("failed,lost")
    expect(page.locator("#all-runs tbody tr")).to_have_count(2)
    page.click("#all-runs .cell-reason >> nth=0")
    expect(page).to_have_url(re.compile(r"job=\d+&run="))


def test_a_run_is_followed_live_from_the_queue_to_its_end(opened: Opened, quiet: Product) -> None:
    page = opened()
    expect(page.locator("#home-waiting-empty")).to_have_text("Nothing waits.")
    run_id = quiet.execute(11)
    waiting = run_in(page, "waiting", run_id)
    expect(waiting).to_contain_text("Next in the queue")
    expect(waiting).to_contain_text("no runner has taken it yet")
    expect(waiting).to_contain_text("by test")
    said = Publisher(quiet, 11, run_id)
    said.status("running")
    running = run_in(page, "running", run_id)
    expect(running.locator(".bar")).to_have_attribute("data-known", "false")
    expect(waiting).to_have_count(0)
    said.node(1, "running", 50, rowTotal=100)
    said.node(2, "running", 10, rowTotal=100)
    expect(running.locator(".bar")).to_have_attribute("aria-valuenow", "30")
    expect(running.locator(".row-share")).to_contain_text("30 %")
    expect(page).to_have_title(re.compile("^1 running · Home"))
    expect(page.locator('link[rel="icon"]')).to_have_attribute("data-state", "running")
    expect_it_to_be_told_beside_a_crowd_that_waits(page, quiet, run_id)
    said.status("failed", "node 2 is broken")
    expect(run_in(page, "failed", run_id)).to_contain_text("Node 2 is broken.")
    expect(running).to_have_count(0)
    expect(page.locator('link[rel="icon"]')).to_have_attribute("data-state", "none")
    end(quiet, run_id)


def expect_it_to_be_told_beside_a_crowd_that_waits(page: Page, quiet: Product, run_id: str) -> None:
    """Where as many wait as are listed, all of them newer, nothing was running; and of those that wait the newest were listed."""
    [run] = quiet.get("/api/runs?job=11&status=queued").json()["runs"]
    crowd = [{**run, "runId": f"{n:032x}"} for n in range(100)]
    retry = {"attempt": 2, "attempts": 3, "dueAt": run["createdAt"] + 9_000}
    crowd[-1] |= {**retry, "createdAt": run["createdAt"] - 1}
    under_way = {**run, "status": "running", "startedAt": run["createdAt"]}
    answers = {
        "queued&order=queue": {"runs": crowd, "next": "C"},
        "running": {"runs": [under_way], "next": None},
    }
    for status, answer in answers.items():
        page.route(f"**/api/runs?status={status}*", partial(fulfill, answer))
    shift_clock(page, 31)  # the next look
    expect(page.locator("#home-waiting-count")).to_have_text("100+")
    expect(runs_in(page, "waiting").last).to_contain_text("Attempt 2 of 3, due at")
    expect(run_in(page, "running", run_id)).to_be_visible()
    expect(page.locator("#home-running-count")).to_have_text("1")
    page.unroute_all()
    shift_clock(page, -3_600)  # a clock that is set back
    expect(page.locator("#home-waiting-count")).not_to_have_text("100+")


def fulfill(answer: object, route: Route) -> None:
    route.fulfill(json=answer)


def test_a_run_is_cancelled_from_home_and_says_so_until_it_has_ended(
    opened: Opened, quiet: Product
) -> None:
    page = opened()
    run_id = quiet.execute(12)
    row = run_in(page, "waiting", run_id)
    expect(row).to_be_visible()
    late = answer_late(page, "**/api/runs?status=queued*")
    with page.expect_response(LISTED_JOBS) as first:
        shift_clock(page, 31)  # it is looked each half minute
    first.value.finished()
    wait_for_held(page, late)
    with page.expect_response(LISTED_JOBS) as jobs, page.expect_response(LISTED_LAST) as newer:
        row.get_by_role("button").press("Enter")
        expect(row).to_have_count(0)
        expect(page.locator("#home")).to_be_focused()  # what had the keyboard is gone
    jobs.value.finished()
    newer.value.finished()
    expect_an_older_look_to_change_nothing(page, late)
    assert quiet.get(f"/api/runs/{run_id}").json()["status"] == "cancelled"
    expect(page.locator("#home-waiting-empty")).to_have_text("Nothing waits.")


def expect_an_older_look_to_change_nothing(
    page: Page, late: list[tuple[Route, APIResponse]]
) -> None:
    """A run that had ended waited once more, for half a minute."""
    page.evaluate(NOTE_WAITING)
    [(route, answer)] = late
    assert answer.json()["runs"]
    with page.expect_response(LISTED_LAST) as older:
        route.fulfill(response=answer)
    older.value.finished()
    with page.expect_response("**/api/runs?status=queued*"):
        shift_clock(page, 31)  # the next look is made by what draws
    assert page.evaluate("waited") == 0


def test_programs_that_are_not_ours_are_listed_while_they_report_and_kept_by_name(
    opened: Opened, quiet: Product
) -> None:
    publish(quiet, "tenant.default.job.990077.status", {"runId": "cron-1", "status": "running"})
    page = opened()
    program = page.locator('#home-foreign > li[data-job-id="990077"]')
    expect(program).to_have_attribute("data-status", "running")
    node = {"nodeId": 1, "nodeName": "Load", "status": "running", "rowCount": 5, "message": ""}
    publish(quiet, "tenant.default.job.990088.progress", node)
    silent = page.locator('#home-foreign > li[data-job-id="990088"]')
    expect(silent).to_have_attribute("data-status", "reporting")
    publish(quiet, "tenant.globex.job.990099.progress", node)
    program.get_by_role("textbox").fill("Nightly export")
    program.get_by_role("textbox").press("Enter")
    expect(program.locator(".row-name")).to_have_text("Nightly export")
    publish(
        quiet,
        "tenant.default.job.990077.status",
        {"runId": "cron-1", "status": "failed", "reason": "no disk"},
    )
    expect(program).to_have_attribute("data-status", "failed")
    expect(program).to_contain_text("no disk")
    expect(page.locator("#home-foreign > li")).to_have_count(2)  # of another tenant: nothing
    page.reload()
    expect(program.locator(".row-name")).to_have_text("Nightly export")
    program.get_by_role("textbox").fill("")
    program.get_by_role("textbox").press("Enter")
    expect(program.locator(".row-name")).to_have_text("Job 990077")


def test_a_job_that_somebody_makes_is_no_foreign_program(opened: Opened, quiet: Product) -> None:
    page = opened()
    expect(page.locator("#home-jobs tbody tr")).to_have_count(PAGE)
    seen: list[str] = []
    page.expose_function("noteForeign", lambda text: seen.append(text))
    page.evaluate(
        """() => new MutationObserver(() => noteForeign(document.getElementById('home-foreign').textContent))
        .observe(document.getElementById('home-foreign'), { childList: true })"""
    )
    job_id = quiet.create_job({"name": "Made elsewhere", "graph": json.loads(GRAPH)})
    run_id = quiet.execute(job_id)
    expect(run_in(page, "waiting", run_id)).to_contain_text("Made elsewhere")
    end(quiet, run_id)
    quiet.request("DELETE", f"/api/jobs/{job_id}")
    assert not [text for text in seen if str(job_id) in text]


def test_offline_home_says_as_of_when_and_tells_nothing_that_nobody_knows(
    opened: Opened, quiet: Product
) -> None:
    page = opened()
    expect(runs_in(page, "failed")).to_have_count(1)
    page.fill("#home-search", "shop 4321")
    expect(page.locator("#home-jobs tbody tr")).to_have_count(1)
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    shift_clock(page, 61)  # so many jobs are asked for once a minute
    expect(page.locator("#home-freshness")).to_have_text(
        re.compile("^Offline: as of "), timeout=60_000
    )
    expect(page.locator('link[rel="icon"]')).to_have_attribute("data-state", "offline")
    expect(page).to_have_title(re.compile("^Offline · Home"))
    page.fill("#home-search", "")
    expect(page.locator("#home-jobs tbody tr")).to_have_count(PAGE)
    page.fill("#home-search", "BROKEN imp")
    expect(page.locator("#home-jobs tbody tr")).to_have_count(1)
    page.fill("#home-search", "shop 7")  # of which nobody knows here
    expect(page.locator("#home-jobs-empty")).to_have_text("Not known while offline.")
    page.click('.page-link[data-page-link="runs"]')
    expect(page.locator("#all-runs-empty")).to_have_text("Not known while offline.")
    page.context.set_offline(False)
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    expect(page.locator("#all-runs-freshness")).to_be_hidden()


def test_lists_that_the_server_refuses_are_not_said_to_be_on_their_way(
    browser: Browser, quiet: Product
) -> None:
    page = browser.new_page()
    page.route(
        re.compile(r"/api/(jobs|runs)\?"),
        lambda route: route.fulfill(status=403, json={"detail": "not you"}),
    )
    try:
        page.goto(f"{quiet.url}/?token={quiet.token()}")
        for name in ("running", "waiting", "failed", "jobs"):
            expect(page.locator(f"#home-{name}-empty")).to_have_text(
                "The server does not tell this."
            )
        page.click('.page-link[data-page-link="runs"]')
        expect(page.locator("#all-runs-empty")).to_have_text("The server does not tell this.")
    finally:
        page.close()


# ---------------------------------------------------------------- the runs of all jobs


def test_filters_of_the_runs_are_in_the_address_and_come_back_with_it(
    opened: Opened, quiet: Product
) -> None:
    page = opened("view=runs")
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    held = hold(page, "**/api/runs?*")
    page.select_option("#filter-status", "lost")
    wait_for_held(page, held)
    page.evaluate("location.hash = '#runs-page'")  # as "Skip to the content": the same place again
    eventually(lambda: page.evaluate("location.hash") == "#runs-page")
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(page.locator("#all-runs-empty")).not_to_have_text("Loading…", timeout=10_000)
    page.goto(f"{quiet.url}/?view=runs")
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    expect_runs_beyond_the_first_page_to_be_read_anew(page)
    expect_who_comes_back_to_be_where_they_were(page)
    failing = ["once"]
    page.route(
        "**/api/runs?status=failed*",
        lambda route: route.fulfill(status=502) if failing and failing.pop() else route.continue_(),
    )
    page.select_option("#filter-status", "failed")
    # looked at again within three seconds, and not with the look of each half minute
    expect(page.locator("#all-runs tbody tr")).to_have_count(2, timeout=15_000)
    page.unroute_all()
    expect(page).to_have_url(re.compile(r"view=runs&status=failed$"))
    page.fill("#filter-job", "7")
    expect(page.locator("#all-runs tbody tr")).to_have_count(1)
    expect(page.locator("#filter-job-name")).to_have_text("Job of shop 7")
    page.reload()
    expect(page.locator("#all-runs tbody tr")).to_have_count(1)
    expect(page.locator("#filter-status")).to_have_value("failed")
    expect(page.locator("#filter-job")).to_have_value("7")
    page.press("#filter-clear", "Enter")
    expect(page.locator("#filter-status")).to_be_focused()
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    expect(page).to_have_url(re.compile(r"\?view=runs$"))
    page.fill("#filter-text", "NO SÚCH thing broken nächtlich")
    expect(page.locator("#all-runs tbody tr")).to_have_count(1)
    expect(page.locator("#all-runs tbody tr .cell-by")).to_have_text("Nächtlich")
    expect(page.locator("#all-runs-more")).to_contain_text(
        "the newest 1,000 runs were looked through"
    )
    expect_no_run_to_be_looked_through_twice(page)
    [failure] = quiet.get(f"/api/runs?status=failed&job={BROKEN}").json()["runs"]
    # Its own day: in the first hour behind midnight that is not today
    made = "at => new Date(at * 1_000).toLocaleDateString('sv')"
    day = page.evaluate(made, failure["createdAt"])
    page.goto(f"{quiet.url}/?view=runs&day={day}&status=failed")
    expect(page.locator("#all-runs tbody tr")).to_have_count(1)


def expect_runs_beyond_the_first_page_to_be_read_anew(page: Page) -> None:
    """One that was under way when it was read stood there so for as long as one stayed."""

    def tell_of_before(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["runs"][20].update(status="running", endedAt=None)
        route.fulfill(response=answer, json=told)

    page.route(re.compile(r"/api/runs\?.*before="), tell_of_before)
    page.click("#all-runs-more")
    rows = page.locator("#all-runs tbody tr")
    expect(rows).to_have_count(2 * PAGE)
    expect(rows.nth(PAGE + 20)).to_have_attribute("data-status", "running")
    page.unroute_all()
    shift_clock(page, 31)
    expect(rows.nth(PAGE + 20)).to_have_attribute("data-status", "completed")
    expect(rows).to_have_count(2 * PAGE)


def expect_who_comes_back_to_be_where_they_were(page: Page) -> None:
    """The list began anew, with its first page, and the keyboard at its top."""
    run = page.locator("#all-runs tbody tr").nth(PAGE + 20).locator(".row-name")
    run.press("Enter")
    expect(page.locator("#graph")).to_be_focused()
    page.go_back()
    expect(run).to_be_focused()
    expect(page.locator("#all-runs tbody tr")).to_have_count(2 * PAGE)
    assert run.evaluate("part => part.getBoundingClientRect().top > 0")
    # After a while what was read beyond the first page is old, and nothing would read it anew
    run.press("Enter")
    expect(page.locator("#graph")).to_be_focused()
    shift_clock(page, 61)
    page.go_back()
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    expect(page.locator("#runs-page")).to_be_focused()


@pytest.mark.parametrize(
    ("view", "listed", "asked"),
    [
        ("view=runs", "#all-runs tbody tr", r"/api/runs\?"),
        ("", "#home-jobs tr[data-job-id]", r"/api/jobs\?"),
    ],
)
def test_who_signs_in_after_another_sees_nothing_of_what_was_listed_for_the_other(
    opened: Opened, quiet: Product, view: str, listed: str, asked: str
) -> None:
    page = opened(view)
    rows = page.locator(listed)
    expect(rows).to_have_count(PAGE)
    expect(page.locator("button.job")).not_to_have_count(0)
    page.click("#account-out")
    expect(page.locator("#token-title")).to_have_text("You have signed out")
    held = hold(page, re.compile(asked))
    page.fill("#token-field", quiet.token(sub="bob"))
    page.click("#token button[type=submit]")
    expect(page.locator("#account-name")).to_have_text("bob")
    wait_for_held(page, held)
    expect(rows).to_have_count(0)
    if view == "":
        expect(page.locator("button.job")).to_have_count(0)
        expect(page.locator("#jobs-empty")).to_be_hidden()
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(rows).to_have_count(PAGE)


def expect_no_run_to_be_looked_through_twice(page: Page) -> None:
    """Who asks to look further while it is looked gets further: a page that is asked for twice is counted once."""
    held = hold(page, re.compile(r"/api/runs\?.*before="))
    page.fill("#filter-text", "no such run at all")
    wait_for_held(page, held)
    page.click("#all-runs-more")
    wait_for_held(page, held, 2)
    assert len(held) == 2
    for route in held[:2]:
        route.continue_()
    wait_for_held(page, held, 3)
    assert len(held) == 3
    held[2].continue_()
    page.unroute_all()
    expect(page.locator("#all-runs-more")).to_contain_text(
        "the newest 1,500 runs were looked through"
    )


def test_a_run_that_begins_comes_into_the_list_and_ends_in_it(
    opened: Opened, quiet: Product
) -> None:
    page = opened("view=runs")
    expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
    run_id, next_one = quiet.execute(13), quiet.execute(14)
    expect(run_row(page, run_id)).to_have_attribute("data-status", "queued")
    page.select_option("#filter-status", "queued")
    rows = page.locator("#all-runs tbody tr")
    for number, waiting in enumerate((run_id, next_one)):
        expect(rows.nth(number)).to_have_attribute("data-run-id", waiting)
    page.select_option("#filter-status", "")
    end(quiet, next_one)
    said = Publisher(quiet, 13, run_id)
    said.status("running")
    expect(run_row(page, run_id)).to_have_attribute("data-status", "running")
    end(quiet, run_id)
    expect(run_row(page, run_id)).to_have_attribute("data-status", "cancelled")


def test_places_are_steps_of_the_browsers_history(opened: Opened, quiet: Product) -> None:
    page = opened()
    job_row(page, ARABIC).locator(".row-name").press("Enter")
    expect(page.locator("#job-name")).to_have_text(RIGHT_TO_LEFT)
    expect(page.locator("#graph")).to_be_focused()
    expect(page).to_have_url(re.compile(rf"\?job={ARABIC}$"))
    page.click('.page-link[data-page-link="runs"]')
    expect(page.locator("#runs-page")).to_be_visible()
    page.evaluate(HOLD_FILTER)
    page.fill("#filter-text", "broken")
    go_within(page, "view=runs&status=failed")
    page.evaluate("filter?.()")
    expect(page).to_have_url(re.compile(r"\?view=runs&status=failed$"))
    page.go_back()
    page.fill("#filter-text", "broken imp")
    page.go_back()
    page.evaluate("filter?.()")  # it is left before the address has what was typed
    expect(page.locator("#job-name")).to_have_text(RIGHT_TO_LEFT)
    expect(page.locator("#bench")).to_be_visible()
    page.locator("#job-menu").focus()
    page.go_back()
    expect(page.locator("#home")).to_be_visible()
    expect(job_row(page, ARABIC).locator(".row-name")).to_be_focused()
    expect(page.locator("#bench")).to_be_hidden()


# ---------------------------------------------------------------- how it looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_home_and_runs_break_no_rule_of_access_and_overflow_nothing(
    opened: Opened, quiet: Product, tmp_path: Path, scheme: Any
) -> None:
    """At 320 pixels and wide, with what runs, waits and failed, and a program that is not ours."""
    run_id, waits = quiet.execute(21), quiet.execute(22)
    Publisher(quiet, 21, run_id).status("running")
    publish(quiet, "tenant.default.job.990055.status", {"runId": "c", "status": "running"})
    try:
        page = opened(color_scheme=scheme)
        expect(runs_in(page, "running")).to_have_count(1)
        expect(runs_in(page, "waiting")).to_have_count(1)
        expect(page.locator('#home-foreign > li[data-job-id="990055"]')).to_be_visible()
        look(page, f"home-{scheme}", tmp_path)
        page.set_viewport_size(NARROW)
        assert box_of(job_row(page, NAMED_LONG).locator(".row-name"))["width"] > 140
        page.goto(f"{quiet.url}/?view=runs")
        expect(page.locator("#all-runs tbody tr")).to_have_count(PAGE)
        look(page, f"runs-{scheme}", tmp_path)
    finally:
        publish(quiet, "tenant.default.job.990055.status", {"runId": "c", "status": "completed"})
        end(quiet, run_id)
        end(quiet, waits)


def look(page: Page, name: str, folder: Path) -> None:
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        at = f"{name}-{size['width']}"
        picture(page, at, folder)
        assert_accessible(page, at)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), at


def test_on_paper_there_is_all_of_a_page_and_not_what_is_seen_of_it(opened: Opened) -> None:
    page = opened(media="print")
    expect(page.locator("#home-jobs tr[data-job-id]")).not_to_have_count(0)
    page.wait_for_function("document.documentElement.scrollHeight > innerHeight")
