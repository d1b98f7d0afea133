"""The tag of a job's runners in Chromium: set in the editor, and why a run waits that no runner may take."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.edit.editing import Editor
from tests.browser.edit.test_parameters import GRAPH
from tests.browser.pages import assert_accessible
from tests.browser.run.test_playground import expect_run

WHY = "No runner with the tag gpu is there."


def open_form(editor: Editor) -> None:
    editor.page.click("#job-menu")
    editor.page.click('.menu-item[data-key="runners"]')


def test_a_tag_is_set_and_a_run_that_nobody_may_take_says_why(edit: Any) -> None:
    editor: Editor = edit({**GRAPH, "parameters": []})
    page = editor.page
    open_form(editor)
    page.fill("#runner-tag-name", "GPU")
    page.click("#runner-tag-done")
    expect(page.locator("#runner-tag-errors")).to_contain_text("lower-case letters")
    assert_accessible(page, "runner-tag")
    page.fill("#runner-tag-name", "gpu")
    page.keyboard.press("Enter")
    expect(page.locator("#runner-tag")).to_be_hidden()
    assert editor.save()["graph"]["runnerTag"] == "gpu"
    page.click("#execute")
    expect_run(page, "queued")
    expect(page.locator("#run-wait")).to_have_text(WHY)
    expect(page.locator("#run-place-fact")).to_be_hidden()
    page.goto(page.url.partition("?")[0])
    expect(page.locator("#home-waiting")).to_contain_text(WHY)
    page.go_back()
    page.click("#cancel")
    expect_run(page, "cancelled")
    expect(page.locator("#run-wait-fact")).to_be_hidden()
    open_form(editor)
    expect(page.locator("#runner-tag-name")).to_have_value("gpu")
    page.fill("#runner-tag-name", "")
    page.click("#runner-tag-done")
    assert "runnerTag" not in editor.save()["graph"]
