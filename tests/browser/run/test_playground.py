"""The Playground in Chromium against the real product: gunicorn, nats-server, runner, generated programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nats
import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import box_of
from tests.browser.pages import hold, wait_for_held
from tests.harness import ROOT, Product, eventually, freeze

ROWS = 60_000  # of the tables made here: seconds of work, and some hundred reports
BAD_ROW = 50_000  # the row that the failing job's table refuses
DB_INPUT, FILTER, MAP, DB_OUTPUT = 1, 2, 3, 4
ALL_NODES = (DB_INPUT, FILTER, MAP, DB_OUTPUT)
RUN = 90_000  # milliseconds that a run may take on a busy machine

RECORD_STATES = """() => {
  const cards = [...document.querySelectorAll('.node')];
  window.seenStates = Object.fromEntries(cards.map((card) => [card.dataset.nodeId, [card.dataset.state]]));
  new MutationObserver((changes) => {
    for (const { target } of changes) window.seenStates[target.dataset.nodeId].push(target.dataset.state);
  }).observe(document.getElementById('nodes'), { subtree: true, attributeFilter: ['data-state'] });
}"""

RECORD_COUNTS = """(selector) => {
  window.seenCounts = [];
  window.seenRates = [];
  new MutationObserver(() => {
    const card = document.querySelector(selector); // another one, where the graph is drawn anew
    const runId = document.getElementById('run-id').title;
    if (card === null) return;
    seenCounts.push([runId, card.querySelector('.node-count').textContent]);
    seenRates.push(card.querySelector('.node-rate').textContent);
  }).observe(document.getElementById('nodes'), { subtree: true, childList: true, characterData: true });
}"""

# what tells why a run is not what it should be
SAID = """() => ({
  notice: document.getElementById('notice').hidden ? '' : document.getElementById('notice-text').textContent,
  dialog: document.querySelector('dialog[open]')?.textContent ?? '',
  keyboard: document.activeElement?.id || document.activeElement?.className || document.activeElement?.tagName,
})"""

# in one step: the next frame disables the button again
PRESS_WHATEVER_IT_SAYS = """() => {
  const execute = document.getElementById('execute');
  execute.disabled = false;
  execute.click();
}"""


# ---------------------------------------------------------------- what the tests see and do


def node(page: Page, node_id: int) -> Any:
    return page.locator(f'.node[data-node-id="{node_id}"]')


def expect_state(page: Page, node_id: int, state: str, wait: int = RUN) -> None:
    expect(node(page, node_id)).to_have_attribute("data-state", state, timeout=wait)


def expect_run(page: Page, status: str, wait: int = RUN) -> None:
    try:
        expect(page.locator("#run")).to_have_attribute("data-status", status, timeout=wait)
    except AssertionError as error:
        error.add_note(f"the page says, and the keyboard is at: {page.evaluate(SAID)}")
        raise


def expect_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")


def shown_rows(page: Page, node_id: int) -> int:
    # where the graph is drawn anew, as by the editor, a new card is empty for a frame
    text = eventually(node(page, node_id).locator(".node-count").inner_text)
    return int(text.replace(",", "")) if text != "–" else 0


def shown_run_id(page: Page) -> str:
    return page.locator("#run-id").get_attribute("title") or ""


def shown_seconds(page: Page) -> float:
    """How long the run took: of "12.3 s", or of "1:05", which it is from a minute on."""
    minutes, _, seconds = page.locator("#run-elapsed").inner_text().rpartition(":")
    return 60 * int(minutes or 0) + float(seconds.removesuffix(" s"))


HAS_ROWS = """(count) => document.querySelector('#run').dataset.status === 'running'
  && /[1-9]/.test(document.querySelector(count)?.textContent ?? '')"""


def wait_for_rows(page: Page, node_id: int) -> None:
    """Until the run is on and the node shows a count that is not zero.

    Looked at each frame: `expect` looks each second, and the run of the sample takes three.
    """
    count = f'.node[data-node-id="{node_id}"] .node-count'
    page.wait_for_function(HAS_ROWS, arg=count, timeout=RUN)


@contextlib.contextmanager
def standing_still(product: Product, run_id: str) -> Iterator[None]:
    """The run neither goes on nor ends meanwhile: its program is frozen."""
    programs = [process.pid for process in product.processes() if process.run_id == run_id]
    assert programs, f"run {run_id} has ended, or has not begun"
    try:
        for pid in programs:
            freeze(pid)
        yield
    finally:
        for pid in programs:
            os.kill(pid, signal.SIGCONT)


def chain(name: str, connection: str, *, source: str, target: str, mode: str) -> dict[str, Any]:
    """DB Input → Filter → Map → DB Output over a table with id and amount."""
    columns = [{"column": "doubled", "expression": "amount * 2"}]
    configurations: list[tuple[str, str, dict[str, Any]]] = [
        ("db_input", "DB Input", {"connection": connection, "table": source}),
        ("filter", "Filter", {"condition": "amount >= 0"}),
        ("map", "Map", {"columns": columns, "keep": ["id"]}),
        ("db_output", "DB Output", {"connection": connection, "table": target, "mode": mode}),
    ]
    nodes = [
        {"id": place, "type": kind, "name": label, "config": config}
        for place, (kind, label, config) in enumerate(configurations, 1)
    ]
    edges = [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}]
    return {"name": name, "graph": {"nodes": nodes, "edges": edges, "engine": 2}}


def publish(product: Product, subject: str, *payloads: dict[str, Any]) -> None:
    """Publishes with the nats-py package, in a thread: Playwright's event loop runs in this one."""

    async def run() -> None:
        link = await nats.connect(product.nats_url)
        for payload in payloads:
            await link.publish(subject, json.dumps(payload).encode())
        await link.drain()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, run()).result()


def five_fields(node_id: int, name: str, status: str, rows: int) -> dict[str, Any]:
    return {
        "nodeId": node_id,
        "nodeName": name,
        "status": status,
        "rowCount": rows,
        "message": f"{rows} rows processed",
    }


@pytest.fixture(scope="module")
def failing_job(shop: Product) -> int:
    """A job whose output table refuses one row: CHECK (doubled < …)."""
    with sqlite3.connect(shop.data_dir / "strict.db") as database:
        database.execute("CREATE TABLE amounts (id INTEGER PRIMARY KEY, amount INTEGER)")
        rows = ((n, 1_000_000 if n == BAD_ROW else n % 100) for n in range(1, ROWS + 1))
        database.executemany("INSERT INTO amounts VALUES (?, ?)", rows)
        database.execute(
            "CREATE TABLE strict_output (id INTEGER, doubled INTEGER,"
            " CONSTRAINT no_fantasy_amounts CHECK (doubled < 1000))"
        )
    database.close()
    url = "sqlite:///strict.db"
    document = chain("Strict", url, source="amounts", target="strict_output", mode="append")
    return shop.create_job(document)


def create_long_job(product: Product) -> int:
    """A job whose run goes on for a minute or more, until somebody cancels it: the sample's may be over before a second look."""
    with sqlite3.connect(product.data_dir / "long.db") as database:
        database.execute(
            "CREATE VIEW IF NOT EXISTS numbers AS WITH RECURSIVE n (id) AS"
            " (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20000000)"
            " SELECT id, id % 100 AS amount FROM n"
        )
    database.close()
    document = chain(
        "Long", "sqlite:///long.db", source="numbers", target="doubled", mode="replace"
    )
    return product.create_job(document)


@pytest.fixture(scope="module")
def long_job(shop: Product) -> int:
    return create_long_job(shop)


# ---------------------------------------------------------------- a run, watched


@pytest.mark.timeout(240)  # the whole sample runs
def test_execute_takes_each_node_from_idle_over_running_to_success(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    for node_id in ALL_NODES:
        expect_state(page, node_id, "idle")
    page.evaluate(RECORD_STATES)

    page.click("#execute")
    expect_run(page, "running")
    expect(page.locator("#cancel")).to_be_visible()
    expect(page.locator("#execute")).to_be_disabled()
    for node_id in ALL_NODES:
        expect_state(page, node_id, "success")
    expect_run(page, "completed")

    seen = page.evaluate("seenStates")
    assert seen == {str(node_id): ["idle", "running", "success"] for node_id in ALL_NODES}
    expect(page.locator("#execute")).to_be_enabled()
    counts = {n["nodeId"]: n["rowCount"] for n in shop.run_end(shown_run_id(page))["nodes"]}
    assert {node_id: shown_rows(page, node_id) for node_id in ALL_NODES} == counts
    with sqlite3.connect(shop.data_dir / "report.db") as database:
        written = database.execute("SELECT count(*) FROM order_report").fetchone()[0]
    assert written == counts[DB_OUTPUT] > 100_000


@pytest.mark.timeout(240)  # the whole sample runs
def test_row_counts_move_while_it_runs(open_playground: OpenPlayground, tmp_path: Path) -> None:
    page = open_playground(viewport={"width": 1280, "height": 640})
    expect_live(page)
    # all that is shown: the run may be over before a second look
    page.evaluate(RECORD_COUNTS, f'.node[data-node-id="{DB_OUTPUT}"]')
    page.click("#execute")
    wait_for_rows(page, DB_OUTPUT)
    updating = os.environ.get("UPDATE_SCREENSHOTS") == "1"
    folder = ROOT / "docs" if updating else Path(os.environ.get("ARTEFACTS", tmp_path))
    page.screenshot(path=folder / "screenshot-run.png")
    expect_run(page, "completed")
    counts, rates = page.evaluate("[seenCounts, seenRates]")
    run_id = shown_run_id(page)  # the page may have shown the run before it, too
    shown = [count for of, count in counts if of == run_id and re.match("[1-9]", count)]
    rows = [int(count.replace(",", "")) for count in shown]
    assert len(set(rows)) > 2
    assert rows == sorted(rows)
    assert any(re.fullmatch(r"[1-9][\d,]*/s", rate) for rate in rates), rates


def test_a_job_that_fails_shows_the_databases_reason_on_its_node(
    open_playground: OpenPlayground, failing_job: int
) -> None:
    page = open_playground(failing_job)
    expect_live(page)
    page.click("#execute")
    expect_run(page, "failed")
    expect_state(page, DB_OUTPUT, "error")
    expect(node(page, DB_OUTPUT).locator(".node-message")).to_contain_text("no_fantasy_amounts")
    for node_id in (DB_INPUT, FILTER, MAP):  # not at fault, and not shown as if
        expect(node(page, node_id)).not_to_have_attribute("data-state", "error")
        expect(node(page, node_id)).not_to_have_attribute("data-state", "running")

    page.click("#run-reason-show")
    expect(page.locator("#details-message")).to_contain_text(
        "CHECK constraint failed: no_fantasy_amounts"
    )
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()


@pytest.mark.timeout(240)  # the whole sample runs
def test_a_page_opened_half_way_and_one_after_the_end_show_the_truth_at_once(
    open_playground: OpenPlayground, shop: Product
) -> None:
    first = open_playground()
    expect_live(first)
    first.click("#execute")
    wait_for_rows(first, DB_OUTPUT)
    with standing_still(shop, shown_run_id(first)):
        least = {node_id: shown_rows(first, node_id) for node_id in ALL_NODES}
        half_way = open_playground()
        expect_run(half_way, "running")
        for node_id in ALL_NODES:
            expect_state(half_way, node_id, "running")
            assert shown_rows(half_way, node_id) >= least[node_id]
        assert shown_run_id(half_way) == shown_run_id(first)

    for page in (first, half_way):
        expect_run(page, "completed")
    after = open_playground()
    expect_run(after, "completed")
    for page in (first, half_way, after):
        for node_id in ALL_NODES:
            expect_state(page, node_id, "success")
    counts = {n["nodeId"]: n["rowCount"] for n in shop.run_end(shown_run_id(after))["nodes"]}
    for page in (first, half_way, after):
        assert {node_id: shown_rows(page, node_id) for node_id in ALL_NODES} == counts
    rounded = 0.5 if shown_seconds(first) < 60 else 1
    # by the messages, and by the record, which may come after them
    eventually(lambda: abs(shown_seconds(first) - shown_seconds(after)) <= rounded)


def test_cancel_stops_the_run_and_every_node(
    open_playground: OpenPlayground, long_job: int
) -> None:
    page = open_playground(long_job)
    expect_live(page)
    execute = page.locator("#execute")
    expect(execute).to_be_enabled()  # else it takes no focus, and the key is for nothing
    execute.focus()
    page.keyboard.press("Enter")
    wait_for_rows(page, DB_INPUT)
    expect(execute).to_be_focused()  # it cannot be pressed, and the keyboard is somewhere
    page.locator("#cancel").focus()
    page.keyboard.press("Enter")
    expect_run(page, "cancelled")
    expect_state(page, DB_INPUT, "cancelled")
    for node_id in ALL_NODES:
        expect(node(page, node_id)).not_to_have_attribute("data-state", "running")
    expect(page.locator("#cancel")).to_be_hidden()
    expect(page.locator("#graph")).to_be_focused()
    expect(execute).to_be_enabled()


def test_a_run_started_elsewhere_shows_and_a_second_execute_is_told_so(
    open_playground: OpenPlayground, shop: Product, long_job: int
) -> None:
    page = open_playground(long_job)
    expect_live(page)
    run_id = shop.execute(long_job)
    expect_run(page, "running")
    assert shown_run_id(page) == run_id
    # what two people do who press Execute in the same moment
    page.evaluate(PRESS_WHATEVER_IT_SAYS)
    expect(page.locator("#notice-text")).to_have_text(re.compile(r"^[A-Z].*running.*\.$"))
    assert shown_run_id(page) == run_id
    page.click("#cancel")
    expect_run(page, "cancelled")


# ---------------------------------------------------------------- publishers that are not ours


def test_a_foreign_publisher_of_five_fields_shows_in_a_subscribed_page(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(4242)  # a job that is in no database of ours
    expect_live(page)
    subject = f"tenant.{shop.tenant_id}.job.4242.progress"
    publish(shop, subject, five_fields(7, "Nightly load", "running", 5000))
    expect_state(page, 7, "running")
    expect(node(page, 7).locator(".node-name")).to_have_text("Nightly load")
    expect(node(page, 7).locator(".node-count")).to_have_text("5,000")
    publish(shop, subject, five_fields(7, "Nightly load", "completed", 15000))
    expect_state(page, 7, "success")
    expect(node(page, 7).locator(".node-message")).to_have_text("15000 rows processed")
    expect(page.locator("#execute")).to_be_disabled()


def test_a_nodes_details_are_whole_though_its_run_was_heard_of_before_its_graph(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    page.click("#execute")
    expect_run(page, "completed")
    held = hold(page, f"**/api/jobs/{shop.sample_job_id()}")
    page.reload()
    expect_run(page, "completed")  # as the hub tells it
    wait_for_held(page, held)
    expect(node(page, FILTER)).to_have_count(0)
    held[0].continue_()
    node(page, FILTER).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details-body")).to_contain_text("quantity * price >= 10")


def test_a_job_that_could_not_be_had_is_asked_for_again_after_a_reconnect(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile("/ws"), pass_on)
    page.route(f"**/api/jobs/{shop.sample_job_id()}", lambda route: route.fulfill(status=500))
    page.reload()
    expect_live(page)
    expect(page.locator("#notice-text")).not_to_be_empty()
    expect(node(page, FILTER)).to_have_count(0)
    page.unroute_all()
    sockets[-1].close(code=4001, reason="the server stops")
    expect(node(page, FILTER)).to_be_visible(timeout=RUN)


def test_markup_in_names_and_messages_shows_as_text(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(4343)
    expect_live(page)
    hostile = "<img src=x onerror=document.body.remove()>"
    payload = {**five_fields(1, hostile, "failed", 1), "message": hostile}
    publish(shop, f"tenant.{shop.tenant_id}.job.4343.progress", payload)
    expect_state(page, 1, "error")
    expect(node(page, 1).locator(".node-name")).to_have_text(hostile)
    expect(node(page, 1).locator(".node-message")).to_have_text(hostile)
    assert page.locator(".node img").count() == 0


# ---------------------------------------------------------------- what a person can get wrong


def test_errors_of_a_graph_show_on_their_nodes(
    open_playground: OpenPlayground, shop: Product
) -> None:
    document = chain("Wrong", "sqlite:///shop.db", source="orders", target="t", mode="replace")
    document["graph"]["nodes"][1]["config"] = {"condition": "amount >"}
    document["graph"]["nodes"][3]["config"].pop("table")
    page = open_playground(shop.create_job(document))
    expect_live(page)
    page.click("#execute")
    expect(node(page, FILTER)).to_have_attribute("data-invalid", "true")
    expect(node(page, DB_OUTPUT)).to_have_attribute("data-invalid", "true")
    expect(node(page, DB_INPUT)).not_to_have_attribute("data-invalid", "true")
    expect(page.locator(".node-problems:visible").nth(1)).to_contain_text("Table is missing")
    expect(page.locator("#notice")).to_have_attribute("data-tone", "error")


def test_the_token_leaves_the_address_at_once_and_stays_for_a_reload(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    assert "token" not in page.url
    page.reload()
    expect_live(page)
    assert "token" not in page.url


@pytest.mark.parametrize("token", ["not-a-token", "expired"])
def test_a_bad_token_is_told_and_a_good_one_lets_in(
    open_playground: OpenPlayground, shop: Product, token: str
) -> None:
    page = open_playground(token=shop.token(exp=1_000) if token == "expired" else token)
    expect(page.locator("#token")).to_be_visible()
    title = "Your session has ended" if token == "expired" else "This token is not valid"
    expect(page.locator("#token-title")).to_have_text(title)
    expect(page.locator("#token")).to_contain_text("scripts/token")
    attempts: list[str] = []
    page.on("websocket", lambda socket: attempts.append(socket.url))
    page.fill("#token-field", f"{shop.url}/?token={shop.token()}")  # the whole link will do
    page.click("#token button")
    expect_live(page)
    expect(page.locator("#token")).to_be_hidden()
    expect(node(page, DB_INPUT)).to_be_visible()
    assert len(attempts) == 1


def test_without_a_token_it_says_how_to_get_one(open_playground: OpenPlayground) -> None:
    page = open_playground(token=None)
    expect(page.locator("#token-title")).to_have_text("A token is needed")
    expect(page.locator("#token")).to_contain_text("scripts/token")
    # scripts/token prints a token and no link
    expect(page.locator("#token")).to_contain_text("paste here what it prints")


def test_what_can_be_no_token_is_told_and_not_kept(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """In the quotation marks of a mail no request could be made with it: “The server cannot be reached.”, also after a reload."""
    quoted = f"“{shop.token()}”"
    page = open_playground(token=quoted)
    expect(page.locator("#token-title")).to_have_text("This token is not valid")
    expect(page.locator("#token-text")).to_contain_text("nothing that stands around it")
    held = hold(page, "**/api/session")
    page.reload()
    wait_for_held(page, held)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connecting")
    expect(page.locator("#connection-text")).to_contain_text(re.compile("connecting…", re.I))
    held[0].continue_()
    page.unroute_all()
    expect(page.locator("#token-title")).to_have_text("A token is needed")
    expect(page.locator("#connection-text")).to_have_text("Not connected")
    page.fill("#token-field", quoted)
    page.click("#token button[type=submit]")
    expect(page.locator("#token-title")).to_have_text("This token is not valid")
    expect(page.locator("#token-close")).to_be_hidden()
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    expect_live(page)


# ---------------------------------------------------------------- jobs as JSON


def test_a_job_is_made_checked_and_saved_as_json(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    page.click("#job-new")
    expect(page.locator("input:focus")).to_be_visible()
    page.keyboard.press("Escape")  # its name can wait
    page.click("#job-edit")
    document = chain("From JSON", "sqlite:///shop.db", source="orders", target="t", mode="replace")
    document["graph"]["nodes"][1]["config"] = {"condition": "amount >"}
    page.fill("#json-text", json.dumps(document))
    page.click("#json-check")
    expect(page.locator("#json-errors")).to_contain_text("Node 2")
    page.fill("#json-text", "{")
    page.click("#json-check")
    expect(page.locator("#json-errors")).to_contain_text("not JSON")
    document["graph"]["nodes"][1]["config"] = {"condition": "id > 5"}
    page.fill("#json-text", json.dumps(document))
    page.click("#json-check")
    expect(page.locator("#json-errors")).to_contain_text("No errors found")
    page.fill("#json-text", json.dumps(document, indent=1))
    expect(page.locator("#json-errors")).not_to_contain_text(
        "No errors"
    )  # nobody knows of this text
    expect_the_question_for_a_token_above(page, shop)
    page.keyboard.press("Escape")
    page.click("#confirm-no")
    assert json.loads(page.input_value("#json-text")) == document
    page.evaluate(
        "addEventListener('keydown', (event) => { window.isTaken = event.defaultPrevented; })"
    )
    page.press("#json-text", "Control+s")  # which would save the page itself
    assert page.evaluate("isTaken")
    expect(page.locator("#job-name")).to_have_text("From JSON")
    expect(page.locator(".job[aria-current='true']")).to_contain_text("From JSON")

    page.click("#job-edit")
    edited = json.loads(page.input_value("#json-text"))
    edited["name"] = "Renamed"
    page.fill("#json-text", json.dumps(edited))
    page.dblclick("#json-save")  # the second would take the first for somebody else's
    expect(page.locator("#job-name")).to_have_text("Renamed")
    expect(page.locator("#confirm")).to_be_hidden()

    page.click("#job-edit")
    page.fill("#json-text", json.dumps({**edited, "name": "Late"}))
    [job_id] = re.findall(r"job=(\d+)", page.url)
    held = hold(page, f"**/api/jobs/{job_id}")
    page.click("#json-save")
    wait_for_held(page, held)
    page.click("#json-close")  # it is being saved: there is nothing to discard any more
    page.keyboard.press("Escape")
    there = page.url
    page.go_back()
    expect(page).to_have_url(there)
    expect(page.locator("dialog[open]")).to_have_count(1)
    held[0].continue_()
    page.unroute_all()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#jobs-list .job", has_text="Late")).to_have_count(1)
    page.click("#job-edit")
    page.fill("#json-text", "no more")
    page.click("#json-save")
    expect(page.locator("#json-errors")).to_contain_text("not JSON")
    page.click("#json-close")
    page.click("#confirm-yes")
    node(page, FILTER).click()
    page.click("#job-edit")
    page.keyboard.press("Escape")
    expect(page.locator("#json")).to_be_hidden()
    expect(page.locator("#details")).to_be_visible()  # they are behind the dialog


def expect_the_question_for_a_token_above(page: Page, product: Product) -> None:
    """A dialog waits below it, with what somebody wrote."""
    page.route("**/api/jobs/validate", lambda route: route.fulfill(status=401, json={}))
    page.click("#json-check")
    expect(page.locator("#token-title")).to_have_text("Your session has ended")
    for _ in range(2):  # Chromium closes a dialog by a second Escape that is not taken
        page.keyboard.press("Escape")
    page.unroute("**/api/jobs/validate")
    page.fill("#token-field", product.token())
    page.click("#token button[type=submit]")
    expect(page.locator("#token")).to_be_hidden()


# ---------------------------------------------------------------- connection, shape, keyboard


def test_numbers_grey_out_while_the_server_is_away_and_are_true_again_when_it_is_back(
    open_playground: OpenPlayground, shop: Product, long_job: int
) -> None:
    page = open_playground(long_job)
    expect_live(page)
    page.click("#execute")
    wait_for_rows(page, DB_OUTPUT)
    look = "(part) => getComputedStyle(part).color + getComputedStyle(part).fontStyle"
    texts = [".node-count", ".node-message", ".edge-rows", "#run-elapsed"]
    parts = [page.locator(selector).first for selector in texts]
    expect(page.locator(".edge-label").first).to_be_visible()
    fresh = [part.evaluate(look) for part in parts]

    shop.stop()
    expect(page.locator("html")).to_have_attribute("data-connection", "disconnected")
    expect(page.locator("#connection-text")).to_contain_text("Offline since")
    expect(page.locator("html")).to_have_attribute("data-stale", "true")
    stale = {part.evaluate(look) for part in parts}
    assert len(stale) == 1
    assert not stale & set(fresh)
    since = page.locator("#connection-text").inner_text().partition(",")[0].split("since ")[1]
    expect(page.locator("#run-stale")).to_have_text(f"Offline: as of {since}")
    for node_id in ALL_NODES:
        expect(node(page, node_id).locator(".node-rate")).to_have_text(f"as of {since}")
    expect(page.locator(".edge-label:visible .edge-rate").first).to_contain_text(since[:4])
    elapsed = page.locator("#run-elapsed").inner_text()
    expect(page.locator("#run-remaining-fact")).to_be_hidden()
    shop.start_again()
    # nobody knows what it is now; on a busy machine the page may be back, or told of the run's end, already
    stale, status, now = page.evaluate(
        """() => [document.documentElement.dataset.stale, document.querySelector("#run").dataset.status,
          document.querySelector("#run-elapsed").innerText]"""
    )
    assert stale == "false" or status != "running" or now == elapsed
    page.evaluate("dispatchEvent(new Event('online'))")  # instead of a wait of up to half a minute
    expect_live(page)
    expect(page.locator("html")).to_have_attribute("data-stale", "false")
    # it may have been back before it was told to come back, and then connects once more
    eventually(lambda: [part.evaluate(look) for part in parts] == fresh)
    expect(page.locator("#run-stale")).to_be_hidden()

    run_id = shown_run_id(page)
    shop.post(f"/api/runs/{run_id}/cancel")  # for nothing where the server's end was the run's
    run = shop.run_end(run_id)
    expect_run(page, run["status"])
    counts = {n["nodeId"]: n["rowCount"] for n in run["nodes"]}
    for node_id, count in counts.items():
        expect(node(page, node_id).locator(".node-count")).to_have_text(f"{count:,}")


@pytest.mark.parametrize("width", [320, 720, 1280])
def test_the_page_fits_its_window(open_playground: OpenPlayground, width: int) -> None:
    page = open_playground(viewport={"width": width, "height": 800})
    expect_live(page)
    expect(node(page, DB_INPUT)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = box_of(page.locator("#execute"))
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_the_keyboard_reaches_a_nodes_details_and_comes_back(
    open_playground: OpenPlayground,
) -> None:
    page = open_playground()
    expect_live(page)
    node(page, FILTER).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details-name")).to_have_text("Filter")
    expect(page.locator("#details-body")).to_contain_text("quantity * price >= 10")
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    expect(node(page, FILTER)).to_be_focused()


# ---------------------------------------------------------------- what the server stores, the page opens


@pytest.mark.parametrize(
    "graph",
    [
        {"nodes": [None]},
        {"nodes": [{"id": 1, "type": "map", "config": "none"}]},
        {"nodes": [{"id": 1, "type": "map", "config": {"columns": [None]}}]},
        {"nodes": [{"id": 1, "type": 7, "name": {}}], "edges": [{"from": 1, "to": 2}]},
        {"nodes": "none", "edges": None},
    ],
)
def test_a_job_whose_graph_has_no_shape_opens_and_can_be_mended(
    open_playground: OpenPlayground, shop: Product, graph: dict[str, Any]
) -> None:
    """Any error of the page fails this test, too."""
    job_id, page = opened_odd_one(open_playground, shop, graph)
    expect(page.locator("#notice-text")).to_contain_text("stored with errors")
    expect(page.locator("#problems")).to_be_visible()
    page.click("#notice-action")
    expect(page.locator("#json-title")).to_have_text("Edit odd one")
    assert json.loads(page.locator("#json-text").input_value())["graph"] == graph
    mend_as_json(page, job_id, shop)


@pytest.mark.parametrize(
    "graph", [{}, {"nodes": [{"id": 1, "type": "map", "config": None}, {"id": 2}]}]
)
def test_a_job_whose_graph_lacks_what_may_be_missing_opens_without_a_word(
    open_playground: OpenPlayground, shop: Product, graph: dict[str, Any]
) -> None:
    job_id, page = opened_odd_one(open_playground, shop, graph)
    cards, stored = page.locator(".node"), len(graph.get("nodes", []))
    expect(page.locator("#execute")).to_be_enabled()  # the job is there
    expect(cards).to_have_count(stored)
    expect(page.locator("#notice")).to_be_hidden()
    for card in cards.all():
        card.click()
        expect(page.locator("#node-form")).to_be_visible()
        page.keyboard.press("Escape")
        card.focus()
        page.keyboard.press("ControlOrMeta+d")
    expect(cards).to_have_count(2 * stored)
    page.click("#job-edit")
    mend_as_json(page, job_id, shop)


def opened_odd_one(
    open_playground: OpenPlayground, shop: Product, graph: dict[str, Any]
) -> tuple[int, Page]:
    """The page of a job that is stored with this graph."""
    job_id = shop.create_job({"name": "odd one", "graph": graph})
    page = open_playground(job_id)
    expect_live(page)
    expect(page.locator("#job-name")).to_have_text("odd one")
    return job_id, page


def mend_as_json(page: Page, job_id: int, shop: Product) -> None:
    """In the dialog that is open: another graph, saved in place of the odd one."""
    node = {"id": 4, "type": "filter", "name": "Mended", "config": {"condition": "1 == 1"}}
    mended = {"name": "mended", "graph": {"nodes": [node], "edges": []}}
    page.fill("#json-text", json.dumps(mended))
    page.click("#json-save")
    expect(page.locator(".node")).to_have_count(1)
    expect(page.locator(".node-name")).to_have_text("Mended")
    expect(page.locator("#notice")).to_be_hidden()
    assert shop.get(f"/api/jobs/{job_id}").json()["graph"] == mended["graph"]


def test_a_job_with_an_odd_graph_is_renamed_without_a_change_to_the_graph(
    open_playground: OpenPlayground, shop: Product
) -> None:
    graph = {"nodes": [None, {"id": 1, "type": "filter", "config": [7]}]}
    job_id = shop.create_job({"name": "odd one", "graph": graph})
    page = open_playground(job_id)
    expect(page.locator("#notice-text")).to_contain_text("stored with errors")
    page.locator("#job-name").dblclick()
    page.fill("#job-rename", "still odd")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("still odd")
    assert shop.get(f"/api/jobs/{job_id}").json()["graph"] == graph


def test_a_press_after_an_answer_that_was_lost_makes_no_second_run(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """Also when another call failed meanwhile, as after a restart."""
    page = open_playground()
    expect_live(page)
    keys: list[str] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.abort()

    page.route("**/execute", lose)
    page.route("**/runs?**", lambda route: route.fulfill(status=503, json={"detail": "come back"}))
    with page.expect_event("requestfailed"):
        page.click("#execute")
    expect(page.locator("#execute")).to_be_enabled()
    with page.expect_response("**/runs?**"):
        page.locator('[data-drawer="runs"]').click()
    with page.expect_event("requestfailed"):
        page.click("#execute")
    assert keys[0] == keys[1]


def test_a_press_after_a_lost_answer_runs_where_its_run_and_another_one_are_over(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """It was answered with the first run, which the page knew to be past: nothing ran, and nothing was said."""
    job_id = shop.create_job({"name": "pressed again", "graph": {"nodes": [BARE_FILTER]}})
    page = open_playground(job_id)
    keys: list[str] = []
    runs = [letter * 32 for letter in "abc"]
    answers = [None, runs[0], runs[2]]

    def answer(route: Route) -> None:
        run_id = answers[len(keys)]
        keys.append(route.request.headers["idempotency-key"])
        if run_id is None:
            route.abort()
        else:
            told = {"runId": run_id, "jobId": job_id, "status": "queued"}
            route.fulfill(status=202, json=told)

    page.route("**/execute", answer)
    expect_live(page)
    with page.expect_event("requestfailed"):
        page.click("#execute")
    subject = f"tenant.{shop.tenant_id}.job.{job_id}.status"
    for run_id, end in ((runs[0], "failed"), (runs[1], "completed")):
        for status in ("running", end):
            publish(shop, subject, {"runId": run_id, "status": status, "reason": None})
        expect_run(page, end)
    page.click("#execute")
    expect_run(page, "queued")
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(("status", "is_kept"), [(504, True), (409, False)])
def test_a_gateways_error_does_not_say_that_no_run_was_made(
    open_playground: OpenPlayground, shop: Product, status: int, is_kept: bool
) -> None:
    keys = pressed_twice(open_playground(), status)
    assert (keys[0] == keys[1]) is is_kept


def test_a_press_after_a_change_of_the_graph_asks_for_a_run_of_its_own(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job({"name": "changing", "graph": {"nodes": [BARE_FILTER]}})
    page = open_playground(job_id)
    keys = pressed_twice(page, 504, lambda: duplicate(page))
    assert keys[0] != keys[1]


BARE_FILTER = {"id": 1, "type": "filter", "name": "F", "config": {"condition": "1 == 1"}}


def duplicate(page: Page) -> None:
    page.locator(".node").first.focus()
    page.keyboard.press("ControlOrMeta+d")
    expect(page.locator("#unsaved")).to_be_visible()


def pressed_twice(page: Page, status: int, between: Callable[[], None] = lambda: None) -> list[str]:
    """The idempotency keys of two presses of Execute that are both answered with `status`."""
    keys: list[str] = []

    def answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        route.fulfill(status=status, json={"detail": "no"})

    page.route("**/execute", answer)
    expect_live(page)
    with page.expect_response("**/execute"):
        page.click("#execute")
    expect(page.locator("#execute")).to_be_enabled()
    between()
    with page.expect_response("**/execute"):
        page.click("#execute")
    return keys
