"""Runs on the page, live and past, in Chromium against the real product."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import OpenPlayground, new_context
from tests.browser.edit.editing import box_of
from tests.browser.measured.load import A_SECOND, NODES, frames_under_load
from tests.browser.measured.tabs import chromium_with_tabs, drawn_under_load
from tests.browser.pages import (
    assert_accessible,
    go_within,
    hold,
    hold_first,
    picture,
    shift_clock,
    wait_for_held,
)
from tests.browser.run.runs import (
    BAD_ROW,
    BLOCK_WEBSOCKETS,
    ROWS,
    TOO_LARGE,
    Publisher,
    amounts_job,
    make_amounts,
    move_slider,
)
from tests.browser.run.test_playground import (
    ALL_NODES,
    DB_INPUT,
    DB_OUTPUT,
    FILTER,
    MAP,
    RUN,
    expect_live,
    expect_run,
    expect_state,
    node,
    publish,
    shown_run_id,
    wait_for_rows,
)
from tests.harness import ROOT, Product, eventually, freeze


@pytest.fixture(scope="module")
def amounts(shop: Product) -> str:
    return make_amounts(shop)


@pytest.fixture(scope="module")
def done_job(shop: Product, amounts: str) -> int:
    """A job that has completed once."""
    job_id = shop.create_job(amounts_job("Amounts", amounts))
    assert shop.run_end(shop.execute(job_id))["status"] == "completed"
    return job_id


@pytest.fixture(scope="module")
def broken_job(shop: Product) -> int:
    """A job whose last run failed in its Map, at one row."""
    job_id = shop.create_job(amounts_job("Broken", make_amounts(shop, bad_row=BAD_ROW)))
    assert shop.run_end(shop.execute(job_id))["status"] == "failed"
    return job_id


def fresh_job(shop: Product, amounts: str, name: str) -> int:
    """A job that never ran."""
    return shop.create_job(amounts_job(name, amounts))


def open_drawer(page: Page, name: str) -> None:
    page.click(f'[data-drawer="{name}"]')
    expect(page.locator(f"#drawer-{name}")).to_be_visible()


# ---------------------------------------------------------------- watch


def test_a_node_that_falls_silent_is_stalled_until_it_speaks_again(
    open_playground: OpenPlayground, shop: Product, amounts: str, tmp_path: Path
) -> None:
    job_id = fresh_job(shop, amounts, "Silent")
    page = open_playground(job_id)
    expect_live(page)
    run = Publisher(shop, job_id, "silent-run")
    run.status("running")
    run.node(DB_INPUT, "running", 500)
    expect_state(page, DB_INPUT, "running")
    shift_clock(page, 16)
    expect_state(page, DB_INPUT, "stalled")
    expect(node(page, DB_INPUT).locator(".node-state-text")).to_have_text("Stalled")
    expect(node(page, DB_INPUT).locator(".node-rate")).to_have_text(
        re.compile(r"^silent for (1[6-9]|[2-9]\d)")  # as long as this test took, too
    )
    expect(page.locator("#announcer")).to_contain_text("DB Input: stalled.")
    picture(page, "state-stalled", tmp_path)
    run.node(DB_INPUT, "running", 900)
    expect_state(page, DB_INPUT, "running")


KILLED = """
import progress_lib.reporting.reporter, signal, sys
progress_lib.reporting.own_run.ALIVE_PERIOD = 0.5
with progress_lib.ProgressReporter(sys.argv[1], "default", 4545, announces_run=True) as reporter:
    with reporter.node(1, "Load") as node:
        node.advance(500)
        signal.pause()
"""


def test_a_run_whose_publisher_sleeps_or_is_killed_is_lost_until_it_speaks_again(
    open_playground: OpenPlayground, shop: Product, tmp_path: Path
) -> None:
    page = open_playground(4545)  # a job that is in no database of ours
    expect_live(page)
    publisher = subprocess.Popen(
        [sys.executable, "-c", KILLED, shop.nats_url], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        expect_run(page, "running")
        freeze(publisher.pid)
        shift_clock(page, 60)
        expect_run(page, "lost")
        expect(page.locator("#run-reason-text")).to_contain_text("No word since")
        expect(page.locator("#announcer")).to_contain_text("lost")
        publisher.send_signal(signal.SIGCONT)
        expect_run(page, "running")
        expect(page.locator("#run-reason")).to_be_hidden()
    finally:
        publisher.kill()
        publisher.wait(10.0)
    shift_clock(page, 60)
    expect_run(page, "lost")
    picture(page, "run-lost", tmp_path)
    late = open_playground(4545)
    expect_live(late)
    shift_clock(late, 60)
    expect_run(late, "lost")
    expect_state(late, 1, "error")
    following = Publisher(shop, 4545, "the-next-run")
    following.status("running")
    expect_run(late, "running")


def test_a_percentage_shows_only_where_a_total_is_known(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Totals")
    page = open_playground(job_id)
    expect_live(page)
    run = Publisher(shop, job_id, "total-run")
    run.status("running")
    run.node(DB_INPUT, "running", 430)
    bar, share = page.locator("#run-progress"), node(page, DB_INPUT).locator(".node-share")
    expect(bar).to_have_attribute("data-known", "false")
    expect(share).to_have_text("")
    run.node(DB_INPUT, "running", 430, rowTotal=1000)
    expect(share).to_have_text("43 %")
    expect(bar).to_have_attribute("data-known", "false")  # the others' totals are not known
    for node_id in (FILTER, MAP, DB_OUTPUT):
        run.node(node_id, "running", 250, rowTotal=1000)
    expect(bar).to_have_attribute("aria-valuenow", "29")
    expect(page.locator("#run-share")).to_have_text("29 %")


def test_a_share_that_a_program_tells_is_shown_from_the_first_run_on_and_never_as_the_end(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Shares")
    page = open_playground(job_id)
    expect_live(page)
    run = Publisher(shop, job_id, "share-run")
    run.status("running")
    for node_id in ALL_NODES:
        run.node(node_id, "running", 4300, share=0.43)
    late = open_playground(job_id)
    for each in (page, late):
        expect(node(each, FILTER).locator(".node-share")).to_have_text("43 %")
        expect(each.locator("#run-share")).to_have_text("43 %")
    run.node(DB_INPUT, "running", 9000, share=1)
    expect(node(page, DB_INPUT).locator(".node-share")).to_have_text("99 %")
    run.node(DB_INPUT, "completed", 9000)
    expect(page.locator("#run-share")).to_have_text("57 %")


def test_the_last_runs_counts_give_an_approximate_percentage(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(done_job)
    expect_run(page, "completed")
    run = Publisher(shop, done_job, "approximate-run")
    run.status("running")
    for node_id in ALL_NODES:
        run.node(node_id, "running", ROWS // 4)
    expect(node(page, DB_INPUT).locator(".node-share")).to_have_text("≈ 25 %")
    expect(page.locator("#run-share")).to_have_text("≈ 25 %")
    expect(page.locator("#run-remaining")).to_contain_text("left")
    open_drawer(page, "table")
    row = page.locator(f'#node-table tr[data-node-id="{MAP}"]')
    expect(row.locator('[data-cell="share"]')).to_have_text("≈ 25 %")
    run.status("cancelled", "cancelled")
    expect(row).to_have_attribute("data-state", "cancelled")
    expect(row.locator('[data-cell="state"]')).to_have_text("Cancelled")


def test_nodes_after_a_failure_are_shown_as_not_run(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Early end")
    page = open_playground(job_id)
    expect_live(page)
    run = Publisher(shop, job_id, "failed-run")
    run.status("running")
    run.node(DB_INPUT, "failed", 3, message="the table is gone")
    run.status("failed", 'exit code 1: node 1 "DB Input" failed: the table is gone')
    expect_state(page, DB_INPUT, "error")
    for node_id in (FILTER, MAP, DB_OUTPUT):
        expect_state(page, node_id, "notrun")
    expect(node(page, MAP).locator(".node-state-text")).to_have_text("Not run")


def test_ten_nodes_at_twenty_messages_a_second_are_drawn_at_most_once_a_frame(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(5151)
    expect_live(page)
    found = frames_under_load(page, shop, 5151, seconds=3)
    assert found["most"] == 1, found
    assert 5 < found["drawn"] <= found["frames"] + 1
    assert found["others"] > 3 * 0.9 * NODES * A_SECOND  # and 19 other browsers got it all


def test_the_front_tab_of_many_draws_at_most_once_a_frame_and_a_hidden_one_keeps_its_title(
    browser: Browser, shop: Product
) -> None:
    with chromium_with_tabs(shop, 4) as tabs:
        found = drawn_under_load(tabs, shop, seconds=2)
        assert found.most <= 2, found  # with a list that was read meanwhile
        assert 2 < found.drawn <= len(found.intervals) + 1
        hidden = tabs[3]
        assert hidden.evaluate("document.visibilityState") == "hidden"
        eventually(lambda: hidden.evaluate("document.title").startswith("Running"))
        hidden.to_front()
        shown = "document.querySelector('.node-count').textContent"
        eventually(lambda: hidden.evaluate(shown) == "40,000")


def test_ten_pages_at_once_show_the_same(browser: Browser, shop: Product, done_job: int) -> None:
    context = new_context(browser)
    try:
        pages = [context.new_page() for _ in range(10)]
        for page in pages:
            page.goto(f"{shop.url}/?job={done_job}&token={shop.token()}")
        for page in pages:
            expect_live(page)
        run = shop.run_end(shop.execute(done_job))
        counts = {n["nodeId"]: f"{n['rowCount']:,}" for n in run["nodes"]}
        for page in pages:
            expect(page.locator("#run-id")).to_have_attribute("title", run["runId"], timeout=RUN)
            expect_run(page, "completed")
            for node_id, count in counts.items():
                expect(node(page, node_id).locator(".node-count")).to_have_text(count)
    finally:
        context.close()


def test_a_queued_run_says_where_it_stands(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Waiting")
    page = open_playground(job_id)
    expect_live(page)
    place = {"queuePosition": 2}

    def answer(route: Route) -> None:
        told = {"runId": "waiting", "jobId": job_id, "status": "queued", "nodes": [], **place}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(told))

    page.route("**/api/runs/waiting", answer)
    Publisher(shop, job_id, "waiting").status("queued")
    expect(page.locator("#run-place")).to_have_text("2 runs before it")
    place["queuePosition"] = 0
    expect(page.locator("#run-place")).to_have_text("next")
    Publisher(shop, job_id, "waiting").status("running")
    expect(page.locator("#run-place-fact")).to_be_hidden()


# ---------------------------------------------------------------- find out


def test_a_past_run_is_shown_on_its_own_graph_and_told_again(
    open_playground: OpenPlayground, shop: Product, amounts: str, tmp_path: Path
) -> None:
    document = amounts_job("Then and now", amounts)
    job_id = shop.create_job(document)
    run = shop.run_end(shop.execute(job_id))
    document["graph"]["nodes"][2]["name"] = "Renamed since"
    assert shop.request("PUT", f"/api/jobs/{job_id}", document).status == 200

    page = open_playground(job_id, viewport={"width": 1280, "height": 760})
    expect_run(page, "completed")
    expect(node(page, MAP).locator(".node-name")).to_have_text("Renamed since")
    open_drawer(page, "runs")
    row = page.locator("#run-table tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_have_attribute("data-status", "completed")
    expect(row).to_contain_text(f"{ROWS:,}")
    row.locator("button").click()
    expect(page.locator("#past")).to_be_visible()
    expect(row).to_have_attribute("aria-current", "true")
    expect(node(page, MAP).locator(".node-name")).to_have_text("Map")
    expect_state(page, DB_OUTPUT, "success")

    move_slider(page, 0)
    expect_run(page, "queued")
    expect_state(page, DB_INPUT, "idle")
    move_slider(page, 1)
    expect_state(page, DB_OUTPUT, "success")
    told = shop.get(f"/api/runs/{run['runId']}/history").json()["events"]
    counts = [e["ts"] for e in told if e["payload"].get("nodeId") == DB_OUTPUT]
    start, end = told[0]["ts"], told[-1]["ts"]
    one, other = max(itertools.pairwise(counts), key=lambda pair: pair[1] - pair[0])
    move_slider(page, ((one + other) / 2 - start) / (end - start))
    expect_state(page, DB_OUTPUT, "running")
    picture(page, "state-past", tmp_path)
    page.click("#past-play")
    expect_state(page, DB_OUTPUT, "success")
    expect(page.locator("#past-play")).to_have_attribute("aria-label", "Play")

    run_id = shop.execute(job_id)  # it is listed, though a past run is looked at
    listed = page.locator(f'#run-table tr[data-run-id="{run_id}"]')
    expect(listed).to_have_attribute("data-status", "completed")
    expect(page.locator("#past")).to_be_visible()
    page.click("#past-close")
    expect(page.locator("#past")).to_be_hidden()
    expect(node(page, MAP).locator(".node-name")).to_have_text("Renamed since")


def test_a_page_opened_after_a_run_knows_when_each_node_began(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(done_job)
    expect_run(page, "completed")
    open_drawer(page, "table")
    rows = page.locator("#node-table tbody tr")
    expect(rows).to_have_count(4)
    for row in rows.all():
        expect(row.locator('[data-cell="took"]')).to_have_text(re.compile(r"^[\d.]+ s$"))
    node(page, MAP).click()
    expect(page.locator("#details-body .facts dt:text-is('Started') + dd")).to_contain_text(":")


def test_the_details_of_a_past_run_leave_its_graph_where_it_is(
    open_playground: OpenPlayground, done_job: int
) -> None:
    page = open_playground(done_job, viewport={"width": 1280, "height": 760})
    expect_run(page, "completed")
    open_drawer(page, "runs")
    page.locator("#run-table tbody button").first.click()
    expect(page.locator("#past")).to_be_visible()
    before = box_of(node(page, DB_INPUT))
    node(page, DB_INPUT).click()
    expect(page.locator("#details")).to_be_visible()
    assert box_of(node(page, DB_INPUT)) == before
    left = box_of(page.locator("#details"))["x"]
    last = node(page, DB_OUTPUT)
    last.focus()
    page.keyboard.press("Enter")
    eventually(lambda: (box := box_of(last))["x"] + box["width"] <= left)


def test_editing_waits_while_a_past_run_is_looked_at(
    open_playground: OpenPlayground, done_job: int
) -> None:
    page = open_playground(done_job)
    expect_run(page, "completed")
    node(page, MAP).focus()
    page.keyboard.press("ArrowDown")
    page.reload()
    expect(page.locator("#notice-action")).to_have_text("Discard it")
    open_drawer(page, "runs")
    page.locator("#run-table tbody button").first.click()
    expect(page.locator("#graph")).to_have_attribute("data-editable", "false")
    expect(page.locator("#notice")).to_be_hidden()  # there is no draft that it could be done to
    node(page, MAP).focus()
    page.keyboard.press("Delete")
    expect(node(page, MAP)).to_be_visible()
    node(page, MAP).click()
    expect(page.locator("#details-name")).to_have_text("Map")
    page.click("#past-close")
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    expect(page.locator(".node")).to_have_count(4)


def test_a_log_shows_its_last_lines_and_is_searched_and_downloaded(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Talkative")
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    lines = "".join(f"line {n} of many, <b>as text</b>\n" for n in range(1, 3001))
    (shop.data_dir / "runs" / run_id / "log.txt").write_text(lines)

    page = open_playground(job_id)
    expect_run(page, "completed")
    open_drawer(page, "log")
    shown = page.locator("#log-lines .log-line")
    expect(shown).to_have_count(1000)
    expect(shown.last).to_have_text("line 3000 of many, <b>as text</b>")
    expect(page.locator("#log-above")).to_be_visible()
    at_end = "(box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2"
    eventually(lambda: page.locator("#log-lines").evaluate(at_end))

    page.fill("#log-search", "LINE 29")
    expect(page.locator("#log-found")).to_have_text("100 of 1000 lines")
    expect(page.locator("#log-lines mark").first).to_have_text("line 29")
    with page.expect_download() as download:
        page.click("#log-download")
    assert Path(download.value.path()).read_text() == lines
    assert download.value.suggested_filename == f"run-{run_id}.log"

    late = hold_first(page, f"**/api/jobs/{job_id}")  # the run is heard of before its job
    page.reload()
    wait_for_held(page, late)
    open_drawer(page, "log")
    expect(page.locator("#log-note")).to_have_text("No run is shown.")
    late[0].continue_()
    expect(shown).to_have_count(1000)


# Whether a box stands in a height of its own, has room for some lines, and scrolls
SCROLLS = """(box) => {
  const room = box.closest('.drawers').getBoundingClientRect().height;
  const left = box.scrollHeight - box.clientHeight;
  box.scrollTop = left;
  return room <= 300 && box.clientHeight >= 80 && left > 100 && box.scrollTop > left - 2;
}"""


@pytest.mark.parametrize("height", [390, 225])
def test_in_a_low_window_a_log_and_a_program_scroll_in_their_place(
    open_playground: OpenPlayground, shop: Product, amounts: str, height: int, tmp_path: Path
) -> None:
    """As on a phone in landscape, and at 400 %: what was open was as high as all lines of a log."""
    job_id = fresh_job(shop, amounts, f"Low {height}")
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    log = shop.data_dir / "runs" / run_id / "log.txt"
    log.write_text("".join(f"line {n} of many\n" for n in range(1, 3001)))
    width = 844 if height > 300 else 360
    page = open_playground(job_id, viewport={"width": width, "height": height})
    expect_run(page, "completed")
    picture(page, f"low-window-{height}", tmp_path)
    open_drawer(page, "log")
    expect(page.locator("#log-lines .log-line").last).to_have_text("line 3000 of many")
    at_end = "(box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2"
    eventually(lambda: page.locator("#log-lines").evaluate(at_end), what="the log's end is seen")
    page.locator("#drawers").scroll_into_view_if_needed()
    picture(page, f"low-window-{height}-log", tmp_path)
    assert page.locator("#log-lines").evaluate(SCROLLS)
    open_drawer(page, "program")
    expect(page.locator("#program-text .code-line").nth(30)).to_be_attached()
    picture(page, f"low-window-{height}-program", tmp_path)
    assert page.locator(".program-box").evaluate(SCROLLS)
    assert box_of(page.locator("#graph"))["height"] >= 150
    page.set_viewport_size({"width": 844, "height": 700})
    page.locator("#dock-handle").press("ArrowUp")  # a share of the page's height, which is kept
    page.set_viewport_size({"width": 844, "height": 390})
    assert page.locator(".program-box").evaluate(SCROLLS)


def test_the_last_words_of_a_log_need_no_line_end(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Killed")
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    log = shop.data_dir / "runs" / run_id / "log.txt"
    log.write_text("begun\nterminate called without")
    page = open_playground(job_id)
    expect_run(page, "completed")
    open_drawer(page, "log")
    shown = page.locator("#log-lines .log-line")
    expect(shown).to_have_text(["begun", "terminate called without"])
    log.write_text("core dumped")
    page.reload()
    expect_run(page, "completed")
    open_drawer(page, "log")
    expect(shown).to_have_text(["core dumped"])


def test_a_log_that_grows_leaves_who_looks_through_it_where_he_is(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Grows")
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    page = open_playground(job_id)
    expect_run(page, "completed")
    written = [f"line {n}\n" for n in range(200)]

    def answer(route: Route) -> None:
        """As of a run that is at work: what was written since."""
        text = "".join(written)
        begin = max(0, int(route.request.url.partition("from=")[2]))
        piece = {"from": begin, "next": len(text), "size": len(text), "ended": False}
        route.fulfill(json={**piece, "text": text[begin:]})

    page.route(f"**/runs/{run_id}/log?*", answer)
    open_drawer(page, "log")
    box, shown = page.locator("#log-lines"), page.locator("#log-lines .log-line")
    expect(shown).to_have_count(200)
    for search in ("", "LINE"):
        page.fill("#log-search", search)
        expect(page.locator("#log-lines mark")).to_have_count(len(written) if search else 0)
        box.evaluate("(box) => { box.scrollTop = 300; }")
        written.append("line more\n")
        expect(shown).to_have_count(len(written))
        assert box.evaluate("(box) => box.scrollTop") == 300
        box.evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
        written.append("line more\n")
        expect(shown).to_have_count(len(written))
        at_end = "(box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2"
        eventually(partial(box.evaluate, at_end), what="the log follows who is at its end")


def test_older_runs_are_asked_for_once_however_often_one_presses(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Old")
    shop.run_end(shop.execute(job_id))
    page = open_playground(job_id)
    expect_run(page, "completed")
    [told] = shop.get(f"/api/jobs/{job_id}/runs").json()["runs"]
    runs = [{**told, "runId": f"run-{n}", "createdAt": told["createdAt"] - n} for n in range(40)]
    runs[0].update(reason="R" * 2_000, parameters={"note": "V" * 300})
    first = {"runs": runs[:20], "next": "C"}  # as of runs with large graphs
    page.route("**/runs?limit=30", lambda route: route.fulfill(json=first))
    held = hold(page, "**/runs?limit=30&before=C")
    page.reload()
    open_drawer(page, "runs")
    rows = page.locator("#run-table tbody tr")
    expect(rows).to_have_count(20)
    assert box_of(rows.first)["height"] < 90, "others are seen beside one with a long reason"
    assert box_of(rows.first.locator("th"))["width"] < 400, "its status is seen beside its values"
    page.dblclick("#runs-more")
    wait_for_held(page, held)
    for route in held:
        route.fulfill(json={"runs": runs[20:], "next": None})
    expect(rows).to_have_count(40)
    expect(page.locator("#runs-more")).to_be_hidden()
    assert len(held) == 1


def test_an_open_log_follows_the_run(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    page = open_playground(fresh_job(shop, amounts, "Followed"))
    expect_live(page)
    open_drawer(page, "log")
    expect(page.locator("#log-note")).to_have_text("No run is shown.")
    page.click("#execute")
    expect_run(page, "completed")
    expect(page.locator("#log-lines")).to_contain_text("DB Output: completed")
    expect(page.locator("#execute")).to_have_text("Run again")


def test_the_program_of_a_run_is_shown_with_its_line_numbers(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(done_job)
    expect_run(page, "completed")
    open_drawer(page, "program")
    program = shop.get(f"/api/runs/{shown_run_id(page)}/program").body.decode()
    lines = page.locator("#program-text .code-line")
    expect(lines).to_have_count(len(program.rstrip().split("\n")))
    assert page.locator("#program-text").text_content() == program.rstrip() + "\n"
    number = "(line) => getComputedStyle(line, '::before').content"
    assert "counter" in lines.nth(4).evaluate(number)


# What failed is asked for again at once
SOON = "() => { Math.random = () => 0; }"


def test_what_one_answer_did_not_bring_is_asked_for_again_and_not_on_its_way_for_ever(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(more="view=home")
    expect_live(page)
    fails = {"status": 500, "json": {"detail": "The disk is full."}}
    address = re.compile(rf"/api/(jobs/{done_job}|node-types|runs/\w+/(log|program)).*$")
    page.route(address, lambda route: route.fulfill(**fails))
    page.goto(f"{shop.url}/?job={done_job}")
    expect_live(page)
    expect(page.locator("#notice-text")).to_have_text("The disk is full.")
    expect(page.locator(".node")).to_have_count(0)
    page.unroute(address)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # a look at the list
    expect(page.locator(".node")).not_to_have_count(0)
    expect(page.locator(".palette-item")).not_to_have_count(0)
    expect_run(page, "completed")
    page.route(address, lambda route: route.fulfill(**fails))
    page.click('[data-drawer="log"]')
    expect(page.locator("#log-note")).to_contain_text("The disk is full. The log is asked for")
    page.click('[data-drawer="program"]')
    expect(page.locator("#program-note")).to_contain_text("could not be had")
    page.evaluate(SOON)
    page.click('[data-drawer="runs"]')
    runs = f"**/api/jobs/{done_job}/runs?limit=30"
    page.route(runs, lambda route: route.fulfill(**fails))
    page.unroute(address)
    with page.expect_response(runs):
        go_within(page)
        page.go_back()
    expect(page.locator("#runs-empty")).to_have_text("Loading…")
    page.unroute_all()
    expect(page.locator("#run-table tbody tr")).not_to_have_count(0)


def records_asked_for(page: Page) -> int:
    asked = page.evaluate("() => performance.getEntriesByType('resource').map(({ name }) => name)")
    return sum(re.search(r"/api/runs/\w+$", name) is not None for name in asked)


def test_the_program_opens_at_the_node_that_is_selected(
    open_playground: OpenPlayground, done_job: int
) -> None:
    page = open_playground(done_job, viewport={"width": 1280, "height": 720})
    expect_run(page, "completed")
    node(page, DB_OUTPUT).click()
    open_drawer(page, "program")
    head = page.locator("#program-text .code-line", has_text=re.compile(rf"^# {DB_OUTPUT} · "))
    expect(head).to_be_in_viewport()
    first = page.locator("#program-text .code-line").first
    expect(first).not_to_be_in_viewport()
    assert records_asked_for(page) <= 2, "several parts of the page want it"
    page.click("#program-copy")
    expect(page.locator("#announcer")).to_contain_text(re.compile("Copied|Selected"))
    page.emulate_media(media="print")
    expect(page.locator(".jobs")).to_be_hidden()
    whole = "document.documentElement.scrollHeight > document.getElementById('program-text').scrollHeight"
    assert page.evaluate(whole), "on paper there is all of it"


def test_a_failure_shows_its_node_message_row_and_traceback(
    open_playground: OpenPlayground, broken_job: int, tmp_path: Path
) -> None:
    page = open_playground(broken_job, viewport={"width": 1440, "height": 860})
    expect_run(page, "failed")
    expect_state(page, MAP, "error")
    page.evaluate(SOON)
    fails = {"status": 500, "json": {"detail": "The disk is full."}}
    page.route("**/log?from=*", lambda route: route.fulfill(**fails), times=1)
    page.click("#run-reason-show")
    expect(page.locator("#details-name")).to_have_text("Map")
    expect(page.locator("#details-message")).to_contain_text("Overflow in multiplication")
    expect(page.locator("#details-body")).to_contain_text(
        f"row {BAD_ROW:,}: id={BAD_ROW}, amount={TOO_LARGE}"
    )
    expect(page.locator("#details-body .facts")).to_contain_text(f"row {BAD_ROW:,}")
    expect(page.locator("#details-trace")).to_contain_text("return batch.compute(columns")
    expect(page.locator("#details-trace")).to_contain_text("NodeFailed: Map")
    page.get_by_role("button", name="Show the log").click()
    expect(page.locator("#log-lines")).to_contain_text("Traceback (most recent call last)")
    picture(page, "screenshot-failed", tmp_path, for_docs=True)


# ---------------------------------------------------------------- honest connection


def test_a_killed_server_in_the_middle_of_a_run_is_told_and_the_truth_comes_back_at_once(
    open_playground: OpenPlayground, shop: Product, tmp_path: Path
) -> None:
    page = open_playground()
    expect_live(page)
    page.click("#execute")
    wait_for_rows(page, DB_OUTPUT)
    workers = _workers(shop)
    shop.kill()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    expect(page.locator("#connection-text")).to_contain_text("Offline since")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        picture(page, f"state-offline-{scheme}", tmp_path)
        assert_accessible(page, f"offline, {scheme}")
    page.context.set_offline(True)  # until the run has ended
    shop.start_again()
    run = shop.run_end(shown_run_id(page), 90)
    counts = {n["nodeId"]: f"{n['rowCount']:,}" for n in run["nodes"]}

    page.context.set_offline(False)  # and the page comes back by itself, at once
    expect_live(page)
    began = time.monotonic()
    for node_id, count in counts.items():
        expect(node(page, node_id).locator(".node-count")).to_have_text(count, timeout=5_000)
    expect_run(page, run["status"], wait=5_000)
    assert time.monotonic() - began < 8, "at once, not after its next try by itself"
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def _workers(product: Product) -> list[int]:
    """Process ids of the gunicorn workers: the master's children that serve."""
    return [process.pid for process in product.processes() if process.role == "worker"]


SAY_AS_ANOTHER_TAB = """(what) => {
  const channel = new BroadcastChannel(`playground.session ${location.pathname}`);
  channel.postMessage(what);
  channel.close();
}"""


def test_a_token_is_renewed_without_a_break(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(done_job, token=shop.token(exp=int(time.time()) + 300))
    expect_live(page)
    expect(page.locator("#connection-token")).to_contain_text("Session ends in 5 min.")
    page.click("#connection-renew")
    expect(page.locator("#token-title")).to_have_text("Your session ends soon")
    page.fill("#token-field", "half")
    page.evaluate(SAY_AS_ANOTHER_TAB, "in")
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: heard.append("it")))
    page.evaluate("dispatchEvent(new Event('online'))")  # another network
    eventually(lambda: page.evaluate("true") and heard, what="the new connection")
    expect_live(page)
    expect(page.locator("#token-field")).to_have_value("half")
    expect(page.locator("#token")).to_be_visible()  # for who is about to give a new one
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.click("#token-close")
    expect(page.locator("#token")).to_be_hidden()
    page.click("#connection-renew")
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    expect(page.locator("#connection-token")).to_be_hidden()
    expect_live(page)
    assert sockets == []


def test_what_was_said_of_a_token_goes_once_another_one_is_given(
    open_playground: OpenPlayground, shop: Product, done_job: int
) -> None:
    page = open_playground(done_job, token=shop.token(exp=int(time.time()) + 300))
    expect_live(page)
    page.click("#connection-renew")
    page.fill("#token-field", "rubbish")
    page.click("#token button[type=submit]")
    expect(page.locator("#token-text")).to_contain_text("You are still signed in")
    page.context.clear_cookies()
    page.fill("#token-field", "rubbish")
    page.click("#token button[type=submit]")
    expect(page.locator("#token-title")).to_have_text("This token is not valid")
    expect(page.locator("#notice-text")).to_contain_text("not valid here")
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    expect(page.locator("#token")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()
    expect_live(page)


def test_where_websockets_are_blocked_a_run_is_watched_over_http(
    browser: Browser, shop: Product, done_job: int
) -> None:
    context = new_context(browser)
    context.add_init_script(f"({BLOCK_WEBSOCKETS})()")
    try:
        page = context.new_page()
        page.goto(f"{shop.url}/?job={done_job}&token={shop.token()}")
        expect(page.locator("#connection-text")).to_have_text("Live, over HTTP", timeout=RUN)
        before = shown_run_id(page)
        page.click("#execute")
        expect(page.locator("#run-id")).not_to_have_attribute("title", before)
        expect_run(page, "completed")
        for node_id in ALL_NODES:
            expect_state(page, node_id, "success")
        assert page.evaluate("tried") == 2
    finally:
        context.close()


# ---------------------------------------------------------------- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_no_breach_of_wcag_that_axe_can_find(
    open_playground: OpenPlayground, broken_job: int, scheme: Any, width: int, tmp_path: Path
) -> None:
    size = {"width": width, "height": 800}
    page = open_playground(broken_job, viewport=size, color_scheme=scheme)
    expect_run(page, "failed")
    page.hover("#execute")
    assert_accessible(page, "the pointer on Execute")
    for drawer in ("table", "runs", "log", "program"):
        open_drawer(page, drawer)
        if drawer == "program":
            expect(page.locator(".code-line").first).to_be_visible()
        assert_accessible(page, f"{drawer} open")
        picture(page, f"{drawer}-{scheme}-{width}", tmp_path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    open_drawer(page, "runs")
    page.locator("#run-table tbody button").first.click()
    expect(page.locator("#past")).to_be_visible()
    assert_accessible(page, "a past run")
    picture(page, f"past-{scheme}-{width}", tmp_path)
    page.click("#past-close")
    page.click("#run-reason-show")
    expect(page.locator("#details-trace")).to_be_visible()
    assert_accessible(page, "details of a failure")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_breach_while_it_runs_stalls_or_asks_for_a_token(
    open_playground: OpenPlayground, shop: Product, amounts: str, scheme: Any
) -> None:
    job_id = fresh_job(shop, amounts, f"Axe {scheme}")
    page = open_playground(job_id, color_scheme=scheme)
    expect_live(page)
    run = Publisher(shop, job_id, "axe-run")
    run.status("running")
    run.node(DB_INPUT, "completed", 1000, rowTotal=1000)
    for node_id in (FILTER, MAP):
        run.node(node_id, "running", 500, rowTotal=1000)
    expect_state(page, MAP, "running")
    assert_accessible(page, "running")
    shift_clock(page, 16)
    expect_state(page, MAP, "stalled")
    assert_accessible(page, "stalled")
    assert_accessible(open_playground(token=None, color_scheme=scheme), "the question for a token")


def test_the_keyboard_reaches_the_drawers_and_the_slider(
    open_playground: OpenPlayground, done_job: int
) -> None:
    page = open_playground(done_job)
    expect_run(page, "completed")
    page.locator('[data-drawer="table"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator('[data-drawer="table"]')).to_have_attribute("aria-expanded", "true")
    page.locator("#node-table tbody button").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details-name")).to_have_text("Filter")
    page.keyboard.press("Escape")
    page.locator('[data-drawer="runs"]').focus()
    page.keyboard.press("Enter")
    page.locator("#run-table tbody button").first.focus()
    page.keyboard.press("Enter")
    slider = page.locator("#past-slider")
    expect(slider).to_be_visible()
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^0\.00 s of "))
    expect_run(page, "queued")
    page.keyboard.press("End")
    expect_run(page, "completed")
    page.locator("#past-close").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#past")).to_be_hidden()
    expect(page.locator("#graph")).to_be_focused()


def test_changes_of_state_are_read_out_and_counts_are_not(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Read out")
    page = open_playground(job_id)
    expect_live(page)
    expect(page.locator("#job-name")).to_have_text("Read out")
    page.evaluate("""() => {
      window.said = [];
      const live = document.getElementById('announcer');
      new MutationObserver(() => said.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
    }""")
    run = Publisher(shop, job_id, "read-run")
    run.status("running")
    for rows in range(0, 1000, 50):
        run.node(DB_INPUT, "running", rows)
    expect(page.locator("#announcer")).to_contain_text("running")  # or one frame may have it all
    for node_id in ALL_NODES:
        run.node(node_id, "completed", 1000)
    run.status("completed")
    expect(page.locator("#announcer")).to_contain_text("completed")
    said = page.evaluate("said")
    assert [re.sub(r" after .*", "", text) for text in said] == [
        "Read out: running",
        "Read out: completed",
    ]
    speaking = page.locator("[aria-live], [role=status], [role=alert], [role=log], output")
    assert speaking.locator("xpath=self::*[not(ancestor::dialog)]").count() == 1


def test_reduced_motion_stops_what_turns(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    job_id = fresh_job(shop, amounts, "Calm")
    page = open_playground(job_id, reduced_motion="no-preference")
    expect_live(page)
    run = Publisher(shop, job_id, "calm-run")
    run.status("running")
    run.node(DB_INPUT, "running", 5)
    expect_state(page, DB_INPUT, "running")
    assert page.evaluate("document.getAnimations().length") > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("width", [320, 720, 1280, 2560, 3840])
def test_the_page_with_its_drawers_fits_its_window(
    open_playground: OpenPlayground, done_job: int, width: int, tmp_path: Path
) -> None:
    page = open_playground(done_job, viewport={"width": width, "height": max(640, width // 2)})
    expect_run(page, "completed")
    open_drawer(page, "table")
    expect(page.locator("#node-table tbody tr")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    picture(page, f"window-{width}", tmp_path)


IS_SEEN = """([id, text]) => {
  const [part, range] = [document.getElementById(id), document.createRange()];
  const at = part.lastChild.data.indexOf(text);
  range.setStart(part.lastChild, at);
  range.setEnd(part.lastChild, at + text.length);
  const [box, letters] = [part, range].map((one) => one.getBoundingClientRect());
  return box.left <= letters.left && letters.right <= box.right && letters.bottom <= box.bottom + 1;
}"""


@pytest.mark.parametrize("width", [320, 1280])
def test_a_long_name_of_the_node_that_failed_leaves_room_for_the_reason(
    open_playground: OpenPlayground, shop: Product, width: int
) -> None:
    page = open_playground(717_172, viewport={"width": width, "height": 640})
    run = Publisher(shop, 717_172, "long-name")
    run.status("running")
    run.node(1, "failed", 0, nodeName="N" * 100, message="no disk, " * 20)
    run.status("failed", "no disk")
    expect(page.locator("#run-reason-show")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert box_of(page.locator("#run-reason-text"))["width"] > 100
    assert page.evaluate(IS_SEEN, ["run-reason-text", "no disk"])


def test_a_long_message_or_name_leaves_room_for_the_other_nodes_of_the_table(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(717_171)
    told = {"nodeName": "N" * 100, "status": "failed", "rowCount": 1, "message": "A" * 15_000}
    subject = f"tenant.{shop.tenant_id}.job.717171.progress"
    publish(shop, subject, *({"nodeId": node_id, **told} for node_id in (1, 2)))
    expect(page.locator(".node")).to_have_count(2)
    open_drawer(page, "table")
    row = page.locator("#node-table tbody tr").first
    assert box_of(row)["height"] < 90
    assert box_of(row.locator("th"))["width"] <= 300
    # lines of all of it took the browser two seconds a card, with each word of the node
    assert len(page.locator(".node-message").first.text_content() or "") < 700
    row.get_by_role("button").click()
    expect(page.locator("#details-message")).to_have_text("A" * 15_000)


def test_the_history_of_a_run_is_served_with_the_time_of_each_word(
    shop: Product, done_job: int
) -> None:
    run_id = shop.get(f"/api/jobs/{done_job}/runs").json()["runs"][-1]["runId"]
    told = eventually(lambda: shop.get(f"/api/runs/{run_id}/history").json())
    assert told["source"] == "stream"
    times = [event["ts"] for event in told["events"]]
    assert times == sorted(times)
    statuses = [e["payload"]["status"] for e in told["events"] if e["type"] == "job.status"]
    assert statuses == ["queued", "running", "completed"]
    ends = [e for e in told["events"] if e["payload"]["status"] == "completed"]
    assert {e["payload"].get("nodeId") for e in ends} == {*ALL_NODES, None}
    assert shop.get(f"/api/runs/{run_id}/history", token=None).status == 401
    assert shop.get("/api/runs/nothing/history").status == 404


def test_a_past_run_is_not_offered_as_json_to_be_edited(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.sample_job_id()
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    page = open_playground(job_id, f"run={run_id}")
    expect(page.locator("#past")).to_be_visible()
    expect(page.locator("#job-edit")).to_be_hidden()
    page.click("#past-close")
    page.click("#job-edit")
    expect(page.locator("#json-title")).to_have_text("Edit Order report")
