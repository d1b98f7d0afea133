"""Forms of nodes in Chromium: fields, errors while one types, previews."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.edit.editing import (
    EMPTY,
    URL,
    node_of,
    small_graph,
)
from tests.browser.pages import hold_first, wait_for_held
from tests.harness import eventually

# ---------------------------------------------------------------- the form


def test_a_key_is_asked_for_with_the_modes_that_need_one(edit: Any) -> None:
    editor = edit()
    editor.node(3).click()
    key, mode = editor.field("key"), editor.field("mode").locator("select")
    expect(key).to_be_hidden()
    mode.focus()
    mode.select_option("upsert")
    editor.press("Control+z")  # a choice has no undo of the browser's
    expect(mode).to_have_value("replace")
    mode.select_option("upsert")
    expect(key.locator(".field-error")).to_contain_text("Mode upsert needs it")
    key.locator("textarea").fill("id")
    expect(key.locator(".field-error")).to_be_hidden()
    config = node_of(editor.save(), 3)["config"]
    assert (config["mode"], config["key"]) == ("upsert", ["id"])
    mode.select_option("append")
    expect(key.locator(".field-error")).to_contain_text("and not for append")
    key.locator("textarea").fill("")
    mode.focus()  # a field stays while it has the focus
    mode.select_option("replace")
    expect(key).to_be_hidden()
    assert node_of(editor.save(), 3)["config"]["mode"] == "replace"


def test_the_form_follows_the_schema_and_saves_what_was_given(edit: Any) -> None:
    editor = edit()
    page = editor.page
    editor.node(1).click()
    expect(editor.field("table").locator("input")).to_have_value("orders")
    editor.field("table").locator("input").fill("")  # stays, to be written anew
    expect(editor.field("table").locator(".field-error")).to_have_text("SQL or Table is missing.")
    expect(editor.field("table").locator("input")).to_be_focused()
    editor.field("table").locator("input").fill("orders")
    page.locator('.segment input[value="table"]').focus()
    editor.press("ArrowRight")
    expect(page.locator('.segment input[value="sql"]')).to_be_focused()
    editor.field("sql").locator("textarea").fill("SELECT id, status FROM orders")
    page.locator('.segment input[value="sql"]').focus()
    editor.press("ArrowLeft")
    expect(editor.field("table").locator("input")).to_have_value("orders")
    editor.press("ArrowRight")  # a look at the other one costs nothing
    editor.node(3).click()  # and so does one at another node
    editor.node(1).click()
    page.locator('.segment input[value="sql"]').focus()
    editor.press("ArrowLeft")
    expect(editor.field("table").locator("input")).to_have_value("orders")
    editor.press("ArrowRight")
    editor.node(3).focus()
    editor.press("Enter")
    editor.field("mode").locator("select").select_option("append")
    page.click('.palette-item[data-type="map"]')
    page.click(".columns-add")
    page.keyboard.type("double")
    page.keyboard.press("Tab")
    page.keyboard.type("id * 2")
    editor.field("keep").locator("select").select_option("list")
    expect(editor.field("keep").locator(".field-error")).to_have_text("Entry 1 is empty.")
    editor.field("keep").locator("textarea").fill("id\nstatus")
    stored = editor.save()
    assert node_of(stored, 1)["config"] == {
        "connection": URL,
        "sql": "SELECT id, status FROM orders",
    }
    assert node_of(stored, 3)["config"]["mode"] == "append"
    assert node_of(stored, 4)["config"] == {
        "columns": [{"column": "double", "expression": "id * 2"}],
        "keep": ["id", "status"],
    }


def test_each_field_has_a_name_its_help_and_what_it_must_have(edit: Any) -> None:
    editor = edit()
    editor.node(2).click()
    condition = editor.page.get_by_label("Condition")
    expect(condition).to_have_attribute("aria-required", "true")
    expect(condition).to_have_accessible_description(re.compile("For example"))


# ---------------------------------------------------------------- errors while one types


def test_errors_show_on_their_node_and_field_while_one_types_and_go_when_mended(edit: Any) -> None:
    editor = edit()
    expect(editor.node(3)).to_have_attribute("data-invalid", "true")  # nobody feeds it
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("amount >")
    expect(editor.node(2)).to_have_attribute("data-invalid", "true")
    expect(editor.field("condition").locator(".field-error")).to_be_visible()
    expect(condition).to_have_attribute("aria-invalid", "true")
    expect(editor.page.locator("#problems-text")).to_have_text("2 problems")
    condition.fill("id > 1")
    expect(editor.node(2)).not_to_have_attribute("data-invalid", "true")
    expect(editor.field("condition").locator(".field-error")).to_be_hidden()
    editor.page.click("#problems")
    expect(editor.page.locator("#node-name")).to_have_value("Report")


def test_what_a_new_node_lacks_is_no_fault_until_one_leaves_it(edit: Any) -> None:
    editor = edit(EMPTY)
    page = editor.page
    page.click('.palette-item[data-type="csv_input"]')
    slot = page.locator('.node-slot[data-node-id="1"]')
    path = editor.field("path").locator("input").first
    expect(editor.field("path").locator(".field-error")).to_be_visible()
    expect(slot).to_have_attribute("data-fresh", "true")
    expect(path).to_have_attribute("aria-invalid", "false")
    editor.press("Escape")
    expect(slot).to_have_attribute("data-fresh", "false")
    editor.node(1).click()
    expect(path).to_have_attribute("aria-invalid", "true")


def test_an_answer_that_comes_late_is_dropped_for_the_newest(edit: Any) -> None:
    editor = edit()
    page = editor.page
    held: list[Any] = []

    def hold(route: Any) -> None:
        if "broken" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/jobs/validate", hold)
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("broken >")
    eventually(lambda: page.wait_for_timeout(20) or held)
    with page.expect_response("**/api/jobs/validate"):
        condition.fill("id > 2")
    error = {"nodeId": 2, "field": "condition", "message": "late"}
    for route in held:
        route.fulfill(status=422, json={"errors": [error], "detail": "late"})
    editor.settle()
    expect(page.locator("#problems-text")).to_have_text("1 problem")
    expect(editor.node(2)).not_to_have_attribute("data-invalid", "true")


# As fast as it goes: keys that the test sends would be as far from one another as the machine is busy
TYPE = """(area, text) => {
  for (const letter of text) {
    area.value += letter;
    area.dispatchEvent(new Event('input', {bubbles: true}));
  }
}"""


def test_typing_asks_the_validator_once_it_is_quiet(edit: Any) -> None:
    editor = edit()
    asked: list[str] = []
    editor.node(2).click()
    expect(editor.page.locator("#problems-text")).to_have_text("1 problem")
    editor.page.on("request", lambda request: asked.append(request.url))
    condition = editor.field("condition").locator("textarea")
    with editor.page.expect_request("**/api/jobs/validate"):
        condition.evaluate(TYPE, " and id < 99999")
    with editor.page.expect_request("**/api/jobs/validate"):
        condition.evaluate(TYPE, "9")
    assert sum(url.endswith("/api/jobs/validate") for url in asked) == 2


# ---------------------------------------------------------------- preview


def test_the_first_rows_of_a_node_show_by_button_and_by_key(edit: Any) -> None:
    editor = edit()
    page = editor.page
    editor.node(2).click()
    editor.field("condition").locator("textarea").click()
    # the tools of the expression go with the focus, but not from above a button that is being pressed
    page.mouse.click(*editor.middle(page.locator("#node-preview")))
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    expect(page.locator(".expression-functions")).to_be_hidden()
    expect(page.locator("#preview-title")).to_have_text("Preview of Recent")
    expect(page.locator("#preview-note")).to_have_text("The first 50 rows; there are more.")
    expect(page.locator("#preview-table tbody tr")).to_have_count(50)
    expect(page.locator("#preview-table tbody tr").first).to_contain_text("6")
    editor.field("condition").locator("textarea").fill("id <= 2")  # not saved
    expect(page.locator("#preview-note")).to_have_text("From before your last change.")
    page.click("#preview-again")
    expect(page.locator("#preview-note")).to_have_text("All 2 rows.")
    held = hold_first(page, "**/api/jobs/preview")
    page.click("#preview-again")
    wait_for_held(page, held)
    editor.field("condition").locator("textarea").fill("id <= 3")
    held[0].continue_()
    expect(page.locator("#preview-note")).to_have_text("From before your last change.")
    page.locator("#preview-table").focus()
    editor.press("Escape")
    expect(page.locator("#preview")).to_be_hidden()
    editor.node(1).focus()
    editor.press("p")
    expect(page.locator("#preview-title")).to_have_text("Preview of Orders")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    editor.press("Delete")
    page.locator("#preview-close").focus()
    editor.press("Enter")
    expect(page.locator("#graph")).to_be_focused()


def test_a_preview_that_fails_says_why_and_on_which_node(edit: Any) -> None:
    editor = edit(small_graph(condition="no_such > 1"))
    editor.node(2).focus()
    editor.press("p")
    expect(editor.page.locator("#preview")).to_have_attribute("data-state", "error")
    expect(editor.page.locator("#preview-note")).to_contain_text("no_such")
    editor.node(2).focus()
    editor.press("c", "Enter")
    editor.node(3).focus()
    editor.press("p")
    expect(editor.page.locator("#preview-title")).to_have_text("Preview of Report")
    expect(editor.page.locator("#preview-note")).to_contain_text("Recent: ")
