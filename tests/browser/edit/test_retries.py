"""Retries in Chromium: set in the editor, and told of a run that waits to be tried again."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.edit.editing import Editor
from tests.browser.edit.test_parameters import GRAPH
from tests.browser.pages import assert_accessible, hold, wait_for_held
from tests.browser.run.test_playground import expect_run


def test_retries_are_set_told_and_cancelled(edit: Any) -> None:
    nodes = [dict(entry) for entry in GRAPH["nodes"]]
    nodes[0]["config"] = {"connection": "sqlite:///nowhere.db", "table": "orders"}
    editor: Editor = edit({**GRAPH, "nodes": nodes})
    page = editor.page
    page.click("#job-menu")
    page.click('.menu-item[data-key="retries"]')
    page.fill("#retries-count", "11")
    page.click("#retries-done")
    expect(page.locator("#retries-errors")).to_contain_text("whole number from 0 to 10")
    assert_accessible(page, "retries")
    page.fill("#retries-count", "3")
    page.fill("#retries-wait", "3600")
    page.keyboard.press("Enter")
    expect(page.locator("#retries")).to_be_hidden()
    assert editor.save()["graph"]["retries"] == {"count": 3, "wait": 3600, "cap": 3600}
    page.click("#execute")
    waits = page.locator("#run-attempt", has_text="Attempt 2 of 4, due at")
    expect(waits).to_be_visible(timeout=60_000)
    expect(page.locator("#run-place-fact")).to_be_hidden()
    expect_run(page, "queued")
    page.click("#cancel")
    expect_run(page, "cancelled")
    expect(page.locator("#run-attempt")).to_have_text("Attempt 2 of 4")
    page.click("#job-menu")
    page.click('.menu-item[data-key="retries"]')
    page.fill("#retries-count", "0")
    page.click("#retries-done")
    assert "retries" not in editor.save()["graph"]


@pytest.mark.parametrize(
    ("item", "field", "done"),
    [
        ("retries", "#retries-count", "#retries-done"),
        ("parameters", '.parameter [data-member="name"]', "#parameters-done"),
    ],
)
def test_a_setting_that_is_closed_while_it_is_checked_is_not_taken(
    edit: Any, item: str, field: str, done: str
) -> None:
    editor: Editor = edit(GRAPH)
    page = editor.page
    expect(page.locator("#problems")).to_be_hidden()
    page.click("#job-menu")
    page.click(f'.menu-item[data-key="{item}"]')
    page.fill(field, "3" if item == "retries" else "day")
    held = hold(page, "**/api/jobs/validate")
    page.click(done)
    wait_for_held(page, held)
    page.keyboard.press("Escape")
    if item == "parameters":  # which hold more than a number
        page.click("#confirm-yes")
    expect(page.locator("dialog[open]")).to_have_count(0)
    with page.expect_response("**/api/jobs/validate"):
        held[0].continue_()
    editor.settle()
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#undo")).to_be_disabled()
