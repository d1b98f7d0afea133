"""What the page states is true: each statement at the moments when it could be false (docs/page_statements.md)."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.browser.conftest import KeptContext, OpenPlayground, open_pages
from tests.browser.edit.editing import EMPTY, WIDE, box_of
from tests.browser.pages import assert_accessible, picture, shift_clock
from tests.browser.run.runs import BAD_ROW, Publisher, amounts_job, make_amounts, move_slider
from tests.browser.run.test_playground import (
    ALL_NODES,
    DB_INPUT,
    DB_OUTPUT,
    FILTER,
    MAP,
    RUN,
    create_long_job,
    expect_live,
    expect_run,
    expect_state,
    five_fields,
    node,
    publish,
    shown_rows,
    shown_run_id,
    wait_for_rows,
)
from tests.harness import ROOT, Product, eventually, freeze, running_product

SILENCE = 11  # seconds after which a run without a status has ended, and one more


@pytest.fixture(scope="module")
def amounts(shop: Product) -> str:
    return make_amounts(shop)


@pytest.fixture(scope="module")
def broken_job(shop: Product) -> int:
    """A job whose last run failed in its Map, before its output could keep a row."""
    job_id = shop.create_job(amounts_job("Broken", make_amounts(shop, bad_row=BAD_ROW)))
    assert shop.run_end(shop.execute(job_id))["status"] == "failed"
    return job_id


def foreign(shop: Product, job_id: int, *payloads: dict[str, Any]) -> None:
    publish(shop, f"tenant.{shop.tenant_id}.job.{job_id}.progress", *payloads)


def open_drawer(page: Page, name: str) -> None:
    page.click(f'[data-drawer="{name}"]')
    expect(page.locator(f"#drawer-{name}")).to_be_visible()


def come_back(page: Page) -> None:
    """Instead of a wait of up to half a minute."""
    page.evaluate("dispatchEvent(new Event('online'))")
    expect_live(page)


def shown_start(page: Page) -> str:
    expect(page.locator("#run-started-fact")).to_be_visible()
    return page.locator("#run-started").inner_text()


# ---------------------------------------------------------------- runs of publishers that are not ours


def test_a_foreign_run_ends_with_its_nodes_and_has_one_start_for_everybody(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """B1, B2: it ran for ever, and each tab had a start of its own."""
    early = open_playground(4201)
    expect_live(early)
    expect(early.locator("#run-status-text")).to_have_text("Nothing heard of it yet")
    began = time.time() - 90.5
    named = {"runId": "cron-1", "seq": 1, "ts": began}
    foreign(shop, 4201, {**five_fields(1, "Load", "running", 5), **named})
    expect_run(early, "running")
    last = {"runId": "cron-1", "seq": 3, "ts": began + 90.5}
    foreign(
        shop,
        4201,
        {**five_fields(1, "Load", "completed", 9), **named, "seq": 2, "ts": began + 60},
        {**five_fields(2, "Transform", "failed", 3), **last, "message": "no disk"},
    )
    expect_state(early, 2, "error")
    late = open_playground(4201)
    expect_state(late, 2, "error")
    eventually(lambda: shown_start(late) == shown_start(early))
    for page in (early, late):
        shift_clock(page, SILENCE)
        expect_run(page, "failed")
        expect(page.locator("#run-elapsed")).to_have_text("1:30")
    expect(early).not_to_have_title(re.compile("^Running"))
    expect(early.locator("#run-nodes")).to_have_text("1 done")  # of how many, nobody knows
    open_drawer(early, "runs")
    expect(early.locator("#runs-empty")).to_have_text(re.compile("stored here"))
    open_drawer(early, "program")
    expect(early.locator("#program-note")).to_have_text(re.compile("has no program here"))


def test_a_foreign_run_without_names_or_times_has_one_start_for_everybody(
    open_playground: OpenPlayground, shop: Product
) -> None:
    early = open_playground(4202)
    expect_live(early)
    foreign(shop, 4202, five_fields(1, "Load", "running", 5))
    expect_run(early, "running")
    frozen = early.evaluate("Date.now()")
    foreign(shop, 4202, five_fields(1, "Load", "completed", 9), five_fields(2, "Map", "running", 1))
    expect(node(early, 2).locator(".node-count")).to_have_text("1")
    eventually(lambda: early.evaluate("Date.now()") > frozen + 1_100)  # the seconds would differ
    late = open_playground(4202)
    expect(node(late, 2).locator(".node-count")).to_have_text("1")
    eventually(lambda: shown_start(late) == shown_start(early))


# ---------------------------------------------------------------- without the server


def test_offline_nothing_is_said_that_nobody_knows_and_notices_go_with_their_cause(
    open_playground: OpenPlayground, shop: Product, amounts: str, tmp_path: Path
) -> None:
    """B3, B4: a job that had run was "Not run yet" offline; "cannot be reached" stayed for ever."""
    job_id = shop.create_job(amounts_job("Ran before", amounts))
    shop.run_end(shop.execute(job_id))
    other = shop.create_job(amounts_job("Never opened here", amounts))
    page = open_playground(job_id, viewport=WIDE)
    expect_run(page, "completed")
    expect(node(page, DB_OUTPUT).locator(".node-count")).to_have_text(re.compile("[1-9]"))
    rows = shown_rows(page, DB_OUTPUT)
    shop.stop()
    expect(page.locator("html")).to_have_attribute("data-stale", "true")
    page.click(f'.job[data-job-id="{other}"]')
    expect(page.locator("#job-name")).to_have_text("Never opened here")
    expect(page.locator("#run-status-text")).to_have_text("Not known while offline")
    expect(page.locator("#notice-text")).to_have_text("The server cannot be reached.")
    open_drawer(page, "runs")
    expect(page.locator("#runs-empty")).to_have_text("Its runs are not known while offline.")
    picture(page, "state-offline-other-job", tmp_path)
    page.click(f'.job[data-job-id="{job_id}"]')  # and back: as it was known
    expect_run(page, "completed")
    expect(node(page, DB_OUTPUT).locator(".node-count")).to_have_text(f"{rows:,}")
    expect(page.locator("#run-stale")).to_be_visible()
    shop.start_again()
    come_back(page)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("html")).to_have_attribute("data-stale", "false")
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    expect(page.locator(f'#run-table tr[data-run-id="{shown_run_id(page)}"]')).to_be_visible()


def test_offline_the_title_does_not_say_running(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = shop.create_job(amounts_job("Titled", amounts))
    page = open_playground(job_id)
    expect_live(page)
    Publisher(shop, job_id, "titled-run").status("running")
    expect(page).to_have_title("Running · Titled · Playground")
    page.context.set_offline(True)
    page.route_web_socket(re.compile("/ws"), lambda socket: socket.close())
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page).to_have_title("Offline · Titled · Playground")


def test_the_tokens_end_is_told_by_the_servers_clock(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(exp=int(time.time()) + 300))
    page.add_init_script("{ const now = Date.now; Date.now = () => now() - 3_600_000; }")
    page.reload()
    expect(page.locator("#connection-token-text")).to_have_text(
        re.compile("^Session ends in [345] min")
    )


def test_without_nats_the_page_is_not_live_and_says_so_within_seconds(
    open_playground: OpenPlayground, shop: Product, amounts: str, tmp_path: Path
) -> None:
    """B9: green "Live" and frozen counts for a quarter of a minute; a notice of NATS stayed when it was back."""
    job_id = shop.create_job(amounts_job("Bus", amounts))
    page = open_playground(job_id, viewport=WIDE)
    expect_live(page)
    run = Publisher(shop, job_id, "bus-run")
    run.status("running")
    run.node(DB_INPUT, "running", 500)
    expect_state(page, DB_INPUT, "running")
    [nats] = [process.pid for process in shop.processes() if process.role == "nats-server"]
    freeze(nats)
    try:
        connection = page.locator("#connection")
        expect(connection).to_have_attribute("data-state", "deaf")
        expect(page.locator("#connection-text")).to_have_text(
            re.compile("^No news since .*: the server has lost NATS$")
        )
        expect(page.locator("#run-stale")).to_have_text(re.compile("^No news: as of "))
        expect(page).to_have_title("No news · Bus · Playground")
        late = open_playground(job_id, viewport=WIDE)  # who comes now is told, too
        expect(late.locator("#connection")).to_have_attribute("data-state", "deaf")
        picture(page, "state-nats-away", tmp_path)
        shift_clock(page, 30)
        expect_state(page, DB_INPUT, "running")  # not stalled: nobody could hear it
    finally:
        os.kill(nats, signal.SIGCONT)
    expect(page.locator("#connection-text")).to_have_text("Live")
    expect_state(page, DB_INPUT, "running")  # at first: 15 s later it is stalled
    for tab in (page, late):
        expect(tab.locator("#connection-text")).to_have_text("Live")
        expect(tab.locator("html")).to_have_attribute("data-stale", "false")


# ---------------------------------------------------------------- a server without room


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("full") / "data"
    with running_product(data_dir, shop_database, MAX_CLIENTS="1", SAMPLE_ORDERS="0") as product:
        yield product


def room_for_one(product: Product) -> ClientConnection | None:
    try:
        return product.websocket()
    except InvalidStatus:
        return None


def test_a_full_server_says_so_and_what_cannot_be_watched_is_not_called_live(
    browser: Browser, kept_context: KeptContext, full: Product, tmp_path: Path
) -> None:
    """B5, and B8 on the way: a server without jobs is ready, and not a failure."""
    with open_pages(browser, kept_context, full.url) as pages:
        page = pages(f"token={full.token()}", viewport=WIDE)
        expect(page.locator("#connection-text")).to_have_text("Live")
        expect(page.locator("#home-welcome")).to_contain_text("No jobs yet.")
        expect(page.locator("#home-first")).to_be_visible()
        picture(page, "state-no-jobs", tmp_path)
        job_id = full.create_job({"name": "Watched", "graph": EMPTY})
        page.goto("about:blank")  # it held the one place
        place = eventually(lambda: room_for_one(full), what="the place is free")
        with place:
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{full.url}/?job=42")
            expect(page.locator("#connection-text")).to_have_text(
                re.compile("^Not live: the server is full"), timeout=RUN
            )
            assert [url for url in asked if "undefined" in url] == []
            page.goto(f"{full.url}/?job={job_id}")
            expect(page.locator("#connection-text")).to_have_text(
                "Live, over HTTP: the server is full", timeout=RUN
            )


# ---------------------------------------------------------------- runs of ours


def test_what_a_failure_stopped_or_took_back_is_not_told_as_done_or_cancelled(
    open_playground: OpenPlayground, broken_job: int, tmp_path: Path
) -> None:
    """B10: "4,979 rows" of an output that has none, and "Cancelled" where nobody had cancelled."""
    page = open_playground(broken_job, viewport=WIDE)
    expect_run(page, "failed")
    expect_state(page, MAP, "error")
    expect(node(page, DB_OUTPUT).locator(".node-count")).to_have_text(re.compile("^[0–]$"))
    for node_id in (DB_INPUT, FILTER):
        expect_state(page, node_id, "stopped")
        expect(node(page, node_id).locator(".node-state-text")).to_have_text("Stopped")
        expect(node(page, node_id).locator(".node-message")).to_have_text("Map failed")
    expect(page.locator(".stage").get_by_text("Cancelled")).to_have_count(0)
    open_drawer(page, "runs")
    out = page.locator("#run-table tbody tr").first.locator(".cell-number").nth(2)
    expect(out).to_have_text("0")
    picture(page, "state-stopped", tmp_path)


def test_of_a_cancelled_run_no_node_is_ahead_of_its_source(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """B19: an output with more rows than the node that feeds it."""
    page = open_playground(create_long_job(shop), viewport=WIDE)
    expect_live(page)
    page.click("#execute")
    wait_for_rows(page, DB_OUTPUT)
    page.click("#cancel")
    expect_run(page, "cancelled")
    source, *rest = (shown_rows(page, node_id) for node_id in (DB_INPUT, FILTER, MAP))
    assert source > 0
    assert [source, *rest] == sorted([source, *rest], reverse=True)


def test_the_list_of_runs_and_the_header_say_the_same_of_a_run_under_way(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    """B6, B12: a row that stood at 0 and "Queued"; "0 of 3 done" of a run that has four nodes."""
    job_id = shop.create_job(amounts_job("Under way", amounts))
    page = open_playground(job_id, viewport=WIDE)
    expect_live(page)
    open_drawer(page, "runs")
    hold = shop.create_job(amounts_job("elsewhere", amounts))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # instead of 10 s
    expect(page.locator(f'.job[data-job-id="{hold}"]')).to_be_visible()  # B13: made elsewhere
    page.click("#execute")
    row = page.locator("#run-table tbody tr").first
    expect_run(page, "completed")
    expect(row).to_have_attribute("data-status", "completed")
    run_id = shown_run_id(page)

    # told as the runner would: the next run, whose record is not there
    def as_queued(route: Route) -> None:
        answer = route.fetch()
        document = answer.json()
        for run in document["runs"]:
            if run["runId"] == run_id:
                run.update(runId="live-run", status="queued", startedAt=None, endedAt=None)
                run["rows"] = {"in": 0, "out": 0}
        route.fulfill(response=answer, json=document)

    page.route("**/runs?limit=30", as_queued)
    graph = shop.get(f"/api/jobs/{job_id}").json()["graph"]
    record = {**shop.get(f"/api/runs/{run_id}").json(), "runId": "live-run", "graph": graph}
    record.update(status="running", endedAt=None, nodes=[])
    page.route("**/api/runs/live-run", lambda route: route.fulfill(json=record))
    run = Publisher(shop, job_id, "live-run")
    run.status("running")
    run.node(DB_INPUT, "running", 1_234_567)
    run.node(DB_OUTPUT, "running", 400)
    live = page.locator('#run-table tr[data-run-id="live-run"]')
    expect(live).to_have_attribute("data-status", "running")
    expect(live.locator(".state-line")).to_have_text("Running")
    expect(live.locator(".cell-number").nth(1)).to_have_text("1,234,567")
    expect(live.locator(".cell-number").nth(2)).to_have_text("400")
    expect(page.locator("#run-nodes")).to_have_text("0 of 4 done")
    expect(page.locator("#run-graph-fact")).to_be_hidden()
    page.click('[data-drawer="runs"]')
    node(page, FILTER).click()
    page.keyboard.press("Escape")
    node(page, FILTER).focus()
    page.keyboard.press("Delete")
    expect(node(page, FILTER)).to_have_count(0)
    expect(page.locator("#run-nodes")).to_have_text("0 of 4 done")
    expect(page.locator("#run-graph")).to_have_text("The graph was changed since")
    page.unroute_all(behavior="ignoreErrors")


def test_an_edge_that_leaves_by_another_output_is_a_change_since_the_run(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    branches = [{"port": "large", "condition": "amount > 50"}]
    nodes = [
        {"id": 1, "type": "db_input", "config": {"connection": amounts, "table": "amounts"}},
        {"id": 2, "type": "split", "config": {"branches": branches, "to": "first"}},
        {"id": 3, "type": "csv_output", "config": {"path": "large.csv"}},
    ]
    named = [{**made, "name": made["type"]} for made in nodes]

    def graph(port: str) -> dict[str, Any]:
        edges = [{"from": 1, "to": 2}, {"from": 2, "to": 3, "fromPort": port}]
        return {"nodes": named, "edges": edges, "engine": 2}

    job_id = shop.create_job({"name": "Split", "graph": graph("large")})
    shop.run_end(shop.execute(job_id))
    page = open_playground(job_id)
    expect_run(page, "completed")
    expect(page.locator("#run-nodes")).to_have_text("3 of 3 done")
    expect(page.locator("#run-graph-fact")).to_be_hidden()
    shop.request("PUT", f"/api/jobs/{job_id}", {"name": "Split", "graph": graph("otherwise")})
    page.reload()
    expect(page.locator("#run-graph")).to_have_text("The graph was changed since")


def test_a_cancel_is_under_way_until_the_run_has_ended(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = shop.create_job(amounts_job("Cancelling", amounts))
    page = open_playground(job_id)
    expect_live(page)
    page.route("**/cancel", lambda route: route.fulfill(status=202, json={}))
    run = Publisher(shop, job_id, "cancelled-run")
    run.status("running")
    expect(page.locator("#cancel")).to_be_visible()
    with page.expect_response("**/cancel"):
        page.click("#cancel")
    expect(page.locator("#cancel")).to_have_text("Cancelling…")
    expect(page.locator("#cancel")).to_be_disabled()
    run.status("cancelled", "cancelled")
    expect_run(page, "cancelled")
    expect(page.locator("#execute")).to_be_enabled()
    expect(page.locator("#run-reason")).to_be_hidden()  # "cancelled" is no reason of "Cancelled"


def test_a_moment_of_a_past_run_is_not_told_as_now(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = shop.create_job(amounts_job("Replayed", amounts))
    shop.run_end(shop.execute(job_id))
    page = open_playground(job_id, viewport=WIDE)
    expect_run(page, "completed")
    open_drawer(page, "runs")
    page.locator("#run-table tbody button").first.click()
    expect(page.locator("#past")).to_be_visible()
    move_slider(page, 0.5)
    expect(page.locator("#run-status-text")).to_have_text(re.compile("^Was (queued|running) then$"))


# ---------------------------------------------------------------- the editor


def test_a_new_jobs_first_node_has_its_own_size_and_comes_with_a_key(edit: Any) -> None:
    """B7, B11: the zoom of the job before; the focus on a button, where A does nothing."""
    editor = edit()
    page = editor.page
    for _ in range(3):
        page.click("#zoom-out")
    expect(page.locator("#zoom-level")).not_to_have_text("100 %")
    page.click("#job-new")
    expect(page.locator("#job-rename")).to_be_focused()
    page.keyboard.type("Built by key")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("Built by key")
    expect(page.locator("#zoom-level")).to_have_text("100 %")
    page.keyboard.press("a")
    page.keyboard.type("csv in")
    page.keyboard.press("Enter")
    editor.expect_nodes("CSV Input")
    expect(page.locator("#zoom-level")).to_have_text("100 %")


def test_a_dropped_file_that_is_no_job_is_told_what_it_is_for(edit: Any) -> None:
    """B14: a parser's words."""
    page = edit().page
    page.set_input_files(
        "#job-files", {"name": "visits.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    expect(page.locator("#notice-text")).to_contain_text("visits.csv is not a job")
    expect(page.locator("#notice-text")).to_contain_text("drop it on the canvas of a job")
    assert "Unexpected token" not in page.locator("#notice-text").inner_text()
    page.locator("#notice-close").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#graph")).to_be_focused()
    page.click("#job-edit")
    assert page.evaluate(DROP_ON, "#json"), "the browser would leave the page for the file"
    expect(page.locator("#json-text")).to_have_value("{}")


DROP_ON = """(selector) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(['{}'], 'job.json'));
  const drop = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
  return !document.querySelector(selector).dispatchEvent(drop);
}"""


def test_a_preview_and_a_drawer_leave_the_graph_its_room(edit: Any) -> None:
    """B15: 40 pixels of graph between the two."""
    editor = edit(viewport={"width": 1280, "height": 800})
    page = editor.page
    open_drawer(page, "runs")
    editor.node(1).click()
    page.keyboard.press("Escape")
    editor.node(1).focus()
    page.keyboard.press("p")
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#drawer-runs")).to_be_hidden()
    open_drawer(page, "runs")
    expect(page.locator("#preview")).to_be_hidden()


def test_a_graph_that_is_half_made_is_no_failed_request(edit: Any) -> None:
    """B16: a red line in the console for each letter."""
    editor = edit()
    page = editor.page
    with page.expect_response("**/api/jobs/validate") as checked:
        editor.node(2).click()
        editor.field("condition").locator("textarea").fill("id >")
    assert checked.value.status == 200
    expect(editor.node(2)).to_have_attribute("data-invalid", "true")


def test_counts_have_one_notation_on_all_edges_and_stay_on_one_line(
    open_playground: OpenPlayground, shop: Product, amounts: str, tmp_path: Path
) -> None:
    """B17, B18: "≈ 32" above "%"; "319,858" beside "223.8K"."""
    document = amounts_job("Counts", amounts)
    places = ((40, 80), (330, 80), (620, 80), (1_020, 300))  # two short lines and a long one
    for made, (x, y) in zip(document["graph"]["nodes"], places, strict=True):
        made["position"] = {"x": x, "y": y}
    job_id = shop.create_job(document)
    page = open_playground(job_id, viewport=WIDE)
    expect_live(page)
    run = Publisher(shop, job_id, "count-run")
    run.status("running")
    for node_id in ALL_NODES:
        run.node(node_id, "running", 3_198_580, rowTotal=9_999_999)
    labels = page.locator(".edge-rows:visible")
    expect(labels).to_have_count(3)
    expect(labels).to_have_text(["3.1M"] * 3)
    rows = node(page, DB_INPUT).locator(".node-rows")
    expect(rows.locator(".node-share")).to_have_text("31 %")
    assert rows.evaluate("(line) => line.getBoundingClientRect().height / line.offsetHeight") > 0
    assert box_of(rows.locator(".node-share"))["height"] < 30
    picture(page, "state-large-counts", tmp_path)
    run.status("completed")


# ---------------------------------------------------------------- the list of jobs


def test_the_list_tells_each_jobs_last_run_and_its_age_and_finds_jobs(
    open_playground: OpenPlayground, shop: Product, broken_job: int, amounts: str, tmp_path: Path
) -> None:
    watched = shop.create_job(amounts_job("Watched now", amounts))
    while len(shop.get("/api/jobs").json()["jobs"]) < 8:
        shop.create_job({"name": "One more", "graph": EMPTY})
    page = open_playground(watched, viewport=WIDE)
    expect_live(page)
    mine, failed = (page.locator(f'.job[data-job-id="{n}"]') for n in (watched, broken_job))
    expect(failed).to_have_attribute("data-status", "failed")
    expect(failed.locator(".job-last")).to_have_text(
        re.compile(r"^Failed (just now|\d+ (s|min) ago)$")
    )
    expect(mine).to_have_attribute("data-status", "none")
    expect(mine.locator(".job-last")).to_have_text("")
    run = Publisher(shop, watched, "listed-run")
    run.status("running")
    expect(mine).to_have_attribute("data-status", "running")  # at once: it is watched
    expect(mine.locator(".job-last")).to_have_text(re.compile("^Started "))
    run.status("lost", "no runner left")
    expect(mine).to_have_attribute("data-status", "lost")
    page.select_option("#jobs-order", "failed")
    expect(page.locator(".job").first).to_have_attribute("data-job-id", str(broken_job))
    assert_accessible(page, "the list of jobs")
    expect(page.locator(".job").first).to_be_in_viewport()
    picture(page, "state-job-list", tmp_path)
    page.emulate_media(color_scheme="dark")
    picture(page, "state-job-list-dark", tmp_path)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert_accessible(page, "the list of jobs, narrow and dark")
    picture(page, "state-job-list-320", tmp_path)
    page.fill("#jobs-search", "watched")
    expect(page.locator(".job")).to_have_count(1)
    expect(mine).to_have_attribute("aria-current", "true")
    page.fill("#jobs-search", "no such job")
    expect(page.locator("#jobs-left")).to_have_text("No job is found.")


def test_each_statement_is_held_by_a_test_that_is_there() -> None:
    told = (ROOT / "docs" / "page_statements.md").read_text()
    names = set(re.findall(r"`(test_\w+)(…?)`", told))
    files = [*ROOT.glob("tests/browser/**/test_*.py"), *ROOT.glob("tests/realtime/**/test_*.py")]
    there = re.findall(r"^def (test_\w+)", "\n".join(file.read_text() for file in files), re.M)
    missing = [
        name
        for name, cut in names
        if not any(found.startswith(name) if cut else found == name for found in there)
    ]
    assert names
    assert missing == []
