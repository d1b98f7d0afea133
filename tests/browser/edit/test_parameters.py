"""Parameters in Chromium: declared in the editor, asked for before a run, shown with it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.edit.editing import URL, Editor, edges_of
from tests.browser.pages import assert_accessible, hold, hold_first, wait_for_held
from tests.browser.run.test_playground import expect_run
from tests.harness import Product, eventually

GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "db_input", "name": "Orders", "config": {"connection": URL, "sql": "SELECT id FROM orders WHERE id < 20"}, "position": {"x": 40, "y": 80}},
        {"id": 2, "type": "filter", "name": "Some", "config": {"condition": "id <= 3"}, "position": {"x": 340, "y": 80}},
        {"id": 3, "type": "csv_output", "name": "Report", "config": {"path": "asked.csv"}, "position": {"x": 640, "y": 80}},
    ],
    "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}],
    "engine": 2,
}  # fmt: skip
DECLARED = [
    {"name": "day", "type": "date", "default": "2026-11-27"},
    {"name": "most", "type": "number", "required": True, "help": "The last id"},
    {"name": "country", "type": "choice", "choices": ["DE", "FR"], "default": "DE"},
    {"name": "note", "type": "text"},
]


def member(page: Page, place: int, name: str) -> Any:
    return page.locator(f".parameter >> nth={place}").locator(f'[data-member="{name}"]')


def asked(page: Page, name: str) -> Any:
    return page.locator(f'#ask [data-parameter="{name}"]')


def test_parameters_are_declared_saved_and_taken_back(edit: Any) -> None:
    editor: Editor = edit(GRAPH)
    page = editor.page
    page.click("#job-menu")
    page.click('.menu-item[data-key="parameters"]')
    member(page, 0, "name").fill("day")
    member(page, 0, "type").select_option("date")
    member(page, 0, "default").fill("2026-02-30")
    page.click("#parameters-done")
    expect(page.locator("#parameters-errors")).to_contain_text("which is no date")
    assert_accessible(page, "parameters")
    member(page, 0, "default").fill("2026-02-28")
    expect_to_be_asked_while_they_are_checked(page)
    page.click("#parameters-add")
    member(page, 1, "name").fill("country")
    member(page, 1, "type").select_option("choice")
    member(page, 1, "choices").fill("DE\nFR")
    member(page, 1, "required").check()
    held = hold_first(page, "**/api/jobs/validate")
    page.click("#parameters-done")
    wait_for_held(page, held)
    member(page, 1, "help").fill("Where to")  # counts, though it is written while they are checked
    held[0].continue_()
    expect(page.locator("#parameters")).to_be_hidden()
    assert editor.save()["graph"]["parameters"] == [
        {"name": "day", "type": "date", "default": "2026-02-28"},
        {
            "name": "country",
            "type": "choice",
            "required": True,
            "choices": ["DE", "FR"],
            "help": "Where to",
        },
    ]
    page.click("#undo")
    assert "parameters" not in editor.save()["graph"]


def expect_to_be_asked_while_they_are_checked(page: Page) -> None:
    """Who leaves then loses what was written: it is said first, and the answer of the check waits for that."""
    held = hold(page, "**/api/jobs/validate")
    page.click("#parameters-done")
    wait_for_held(page, held)
    page.keyboard.press("Escape")
    expect(page.locator("#confirm-title")).to_have_text("Discard what you wrote?")
    with page.expect_response("**/api/jobs/validate"):
        held[0].continue_()
    page.unroute_all()
    expect(page.locator("#parameters")).to_be_visible()
    page.click("#confirm-yes")
    expect(page.locator("#parameters")).to_be_hidden()
    expect(page.locator("#unsaved")).to_be_hidden()
    page.click("#job-menu")
    page.click('.menu-item[data-key="parameters"]')
    member(page, 0, "name").fill("day")
    member(page, 0, "type").select_option("date")
    member(page, 0, "default").fill("2026-02-28")


def test_execute_asks_tells_what_is_wrong_and_proposes_the_last_values(
    edit: Any, shop: Product
) -> None:
    nodes = [dict(entry) for entry in GRAPH["nodes"]]
    nodes[1]["config"] = {"condition": "id <= param('most')"}
    editor: Editor = edit({**GRAPH, "nodes": nodes, "parameters": DECLARED})
    page = editor.page
    page.click("#execute")
    expect(asked(page, "day")).to_have_value("2026-11-27")
    expect(asked(page, "country")).to_have_value("DE")
    assert_accessible(page, "ask")
    page.click("#ask-run")
    expect(page.locator("#ask-most-error")).to_contain_text("The parameter most is missing")
    expect(asked(page, "most")).to_be_focused()
    asked(page, "most").fill("many")
    page.evaluate("history.pushState(null, '', `${location.href}&node=2`)")
    page.go_back()
    expect(page.locator("#ask")).to_be_hidden()
    page.click("#execute")
    expect(asked(page, "most")).to_have_value("many")
    expect(asked(page, "country")).to_have_value("DE")
    page.click("#ask-run")
    expect(page.locator("#ask-most-error")).to_contain_text("which is no number")
    asked(page, "most").fill("4")
    asked(page, "country").select_option("FR")
    asked(page, "note").fill("Zoë")
    asked(page, "day").press_sequentially("02302026")  # a browser calls that no value
    page.keyboard.press("Enter")
    expect(page.locator("#ask-day-error")).to_contain_text("no such date")
    asked(page, "day").fill("2026-11-27")
    page.keyboard.press("Enter")
    expect(page.locator("#ask")).to_be_hidden()
    expect_run(page, "completed")
    told = "country FR, day 2026-11-27, most 4, note Zoë"
    expect(page.locator("#run-values")).to_have_text(told)
    assert len((shop.data_dir / "asked.csv").read_text().splitlines()) == 5
    page.reload()
    expect(page.locator("#run-values")).to_have_text(told)
    page.route("**/runs?limit=1", lambda route: route.fulfill(status=401, json={}))
    page.click("#execute")
    expect(page.locator("#token-title")).to_be_visible()
    expect(page.locator("#ask")).to_be_hidden()  # it would lie above the question for a token
    page.unroute("**/runs?limit=1")
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    page.click("#execute")
    expect(asked(page, "most")).to_have_value("4")
    expect(asked(page, "country")).to_have_value("FR")
    held = hold(page, "**/execute")
    page.click("#ask-run")
    wait_for_held(page, held)
    page.keyboard.press("Escape")
    expect(page.locator("#ask")).to_be_hidden()
    wrong = {"nodeId": None, "field": "parameters.most", "message": "most is too large"}
    held[0].fulfill(status=422, json={"detail": "1 error", "errors": [wrong]})
    expect(page.locator("#notice-text")).to_have_text("Execute Edited: Most is too large.")
    assert len(shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"]) == 1
    assert len(edges_of(shop.get(f"/api/jobs/{editor.job_id}").json())) == 2


def test_a_job_without_parameters_runs_at_once(edit: Any) -> None:
    editor: Editor = edit(GRAPH)
    editor.page.click("#execute")
    expect_run(editor.page, "completed")
    expect(editor.page.locator("#run-values-fact")).to_be_hidden()


def test_an_expression_is_completed_with_parameters(edit: Any) -> None:
    editor: Editor = edit({**GRAPH, "parameters": DECLARED})
    editor.node(2).click()
    field = editor.field("condition").locator("textarea")
    field.fill("")
    field.press_sequentially("mos")
    expect(editor.page.locator(".completion:visible [role=option]").first).to_be_visible()
    editor.press("ArrowDown", "Enter")
    expect(field).to_have_value('param("most")')


def test_a_text_keeps_its_lines_where_it_is_declared_and_where_it_is_asked_for(
    edit: Any, shop: Product
) -> None:
    lines = {"name": "note", "type": "text", "default": "one\r\ntwo"}
    editor: Editor = edit({**GRAPH, "parameters": [lines]})
    page = editor.page
    page.click("#execute")
    expect(asked(page, "note")).to_have_value("one\ntwo")  # as a browser shows it
    page.keyboard.press("Enter")
    expect_run(page, "completed")
    page.click("#execute")
    asked(page, "note").fill("three")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("four")
    assert_accessible(page, "a text of two lines")
    page.keyboard.press("Enter")
    eventually(lambda: len(runs_of(shop, editor)) == 2, what="two runs")
    assert [run["parameters"]["note"] for run in runs_of(shop, editor)] == [
        "three\nfour",
        "one\r\ntwo",
    ]
    page.click("#job-menu")
    page.click('.menu-item[data-key="parameters"]')
    member(page, 0, "help").fill("What to say")
    page.click("#parameters-done")
    expect(page.locator("#parameters")).to_be_hidden()
    assert editor.save()["graph"]["parameters"] == [{**lines, "help": "What to say"}]


def test_a_number_with_more_digits_than_a_browser_keeps_is_no_other_one(
    edit: Any, shop: Product
) -> None:
    large, exact = 1234567890123456789, "0.12345678901234567890"
    numbers = [{"name": "least", "type": "number", "default": large}]
    editor: Editor = edit({**GRAPH, "parameters": numbers})
    page = editor.page
    page.click("#execute")
    expect(asked(page, "least")).to_have_value(str(large))
    page.keyboard.press("Enter")
    expect_run(page, "completed")
    assert runs_of(shop, editor)[0]["parameters"]["least"] == str(large)
    editor.node(2).focus()
    editor.press("ArrowDown")
    assert editor.save()["graph"]["parameters"][0]["default"] == str(large)
    page.click("#job-edit")
    text = page.locator("#json-text")
    text.fill(text.input_value().replace(f'"{large}"', exact))
    page.click("#json-save")
    expect(page.locator("#json")).to_be_hidden()
    assert editor.stored()["graph"]["parameters"][0]["default"] == exact


def test_a_parameter_that_the_server_refuses_by_its_name_is_asked_for_all_the_same(
    edit: Any,
) -> None:
    editor: Editor = edit({**GRAPH, "parameters": [{"name": 'a "b"', "type": "text"}]})
    page = editor.page
    page.click("#execute")
    expect(page.locator("#ask")).to_be_visible()
    page.click("#ask-run")
    expect(page.locator("#ask-general, #notice").filter(visible=True).first).to_contain_text("name")


def runs_of(shop: Product, editor: Editor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"]
    return found
