"""Completion in fields of expressions: functions and columns by keyboard, pointer and touch, and the help of a call."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import new_context
from tests.browser.edit.editing import EMPTY, Editor
from tests.browser.edit.test_edit_rules import run
from tests.browser.pages import assert_accessible, hold, wait_for_held
from tests.harness import Product

GRAPH = {
    "nodes": [
        {"id": 1, "type": "csv_input", "name": "Orders", "config": {"path": "o.csv", "types": [{"column": "leftover", "type": "integer"}, {"column": "order id", "type": "text"}]}, "position": {"x": 40, "y": 80}},
        {"id": 2, "type": "filter", "name": "Recent", "config": {"condition": ""}, "position": {"x": 340, "y": 80}},
        {"id": 3, "type": "map", "name": "Names", "config": {"columns": [{"column": "a", "expression": ""}]}, "position": {"x": 40, "y": 260}},
    ],
    "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}],
    "engine": 2,
}  # fmt: skip


@pytest.fixture
def editor(edit: Any) -> Editor:
    made: Editor = edit(GRAPH)
    made.node(2).click()
    return made


def options(editor: Editor) -> Any:
    return editor.page.locator(".completion:visible [role=option]")


def test_a_name_is_completed_by_keyboard_and_the_call_explained(editor: Editor) -> None:
    field = editor.field("condition").locator("textarea")
    field.press_sequentially("start_o")
    expect(options(editor)).to_have_count(1)
    expect(field).not_to_have_attribute("aria-activedescendant", re.compile("."))
    editor.press("ArrowDown")
    expect(options(editor).first).to_have_attribute("aria-selected", "true")
    active = options(editor).first.get_attribute("id")
    assert active is not None
    expect(field).to_have_attribute("aria-activedescendant", active)
    assert_accessible(editor.page, "completion")
    editor.press("Enter")
    expect(field).to_have_value("start_of(")
    expect(editor.page.locator(".completion-help:visible")).to_contain_text(
        "start_of(x, unit) → as x"
    )
    field.press_sequentially("leftov")
    expect(options(editor)).to_have_count(1)
    editor.press("ArrowDown", "Tab")
    expect(field).to_be_focused()
    expect(field).to_have_value("start_of(leftover")
    expect(options(editor)).to_have_count(0)


def test_a_column_whose_name_is_no_name_is_taken_by_col(editor: Editor) -> None:
    field = editor.field("condition").locator("textarea")
    field.press_sequentially("orde")
    options(editor).get_by_text("order id").click()
    expect(field).to_have_value('col("order id")')
    expect(field).to_be_focused()
    assert editor.save()["graph"]["nodes"][1]["config"] == {"condition": 'col("order id")'}


def test_what_other_languages_call_it_is_found_and_escape_closes_the_list_alone(
    editor: Editor,
) -> None:
    field = editor.field("condition").locator("textarea")
    field.press_sequentially("tri")
    expect(options(editor).first).to_contain_text("strip(text[, characters])")
    editor.press("Escape")
    expect(options(editor)).to_have_count(0)
    expect(field).to_be_focused()
    editor.press("Control+Space")
    expect(options(editor).first).to_be_visible()
    editor.press("Enter")
    expect(field).to_have_value("tri\n")  # nothing was chosen, so that the key is the field's


def test_a_computed_column_is_completed_too(editor: Editor) -> None:
    editor.node(3).click()
    field = editor.page.get_by_label("Expression 1")
    field.press_sequentially("1 + yea")
    expect(options(editor).first).to_be_visible()
    editor.press("ArrowDown", "Enter")
    expect(field).to_have_value("1 + year(")


def test_a_tap_takes_an_offer(edit: Any, shop: Product, browser: Any) -> None:
    job_id = shop.create_job({"name": "Tapped", "graph": GRAPH})
    context = new_context(browser, has_touch=True)
    page: Page = context.new_page()
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    page.locator('.node[data-node-id="2"]').tap()
    field = page.locator('#node-form [data-field="condition"] textarea')
    field.tap()
    field.press_sequentially("weekd")
    page.locator(".completion:visible [role=option]").first.tap()
    expect(field).to_have_value("weekday(")
    context.close()


@pytest.fixture
def early(open_playground: Any, shop: Product) -> tuple[Page, list[Route]]:
    """The form of a filter, before the page has the functions; and what it has asked for them."""
    job_id = shop.create_job({"name": "Early", "graph": GRAPH})
    page = open_playground()
    page.goto("about:blank")  # what it asks for late is not held
    held = hold(page, "**/api/functions")
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    page.locator('.node[data-node-id="2"]').click()
    return page, held


def test_a_list_of_functions_that_is_opened_before_they_are_there_is_filled_then(
    early: tuple[Page, list[Route]],
) -> None:
    page, held = early
    page.locator('#node-form [data-field="condition"] textarea').focus()
    page.locator('#node-form [data-field="condition"] .expression-functions').click()
    expect(page.locator("#picker-empty")).to_have_text("The server has not told the functions yet.")
    page.locator("#picker-text").fill("upper")
    wait_for_held(page, held)
    held[0].continue_()
    expect(page.locator(".picker-item").first).to_contain_text("upper(")
    expect(page.locator("#picker-empty")).to_be_hidden()


def test_who_types_before_the_functions_are_there_is_offered_them_then(
    early: tuple[Page, list[Route]],
) -> None:
    page, held = early
    field = page.locator('#node-form [data-field="condition"] textarea')
    offered = page.locator(".completion:visible [role=option]")
    field.press_sequentially("start_o")
    expect(offered).to_have_count(0)
    wait_for_held(page, held)
    held.pop().fulfill(status=502, json={})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # a look at the list
    wait_for_held(page, held)  # they are asked for once more
    held[0].continue_()
    expect(offered).to_have_count(1)
    field.press("Escape")
    expect(offered).to_have_count(0)
    expect(field).to_be_focused()


def test_without_functions_the_editor_works_all_the_same(
    open_playground: Any, shop: Product
) -> None:
    job_id = shop.create_job({"name": "Bare", "graph": GRAPH})
    page = open_playground()
    page.route("**/api/functions", lambda route: route.fulfill(json={"functions": []}))
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    page.locator('.node[data-node-id="2"]').click()
    field = page.locator('#node-form [data-field="condition"] textarea')
    field.press_sequentially("left")
    expect(page.locator(".completion:visible [role=option]")).to_have_text(
        re.compile("^leftover(column|integer)$")
    )


# ---------------------------------------------------------------- the rules without the page


@pytest.mark.parametrize(
    ("text", "word", "call"),
    [
        ("le", "le", None),
        ("a + upp", "upp", None),
        ("upper(na", "na", "upper"),
        ("round(abs(x), ", "", "round"),
        ("replace(s, 'a(b', ", "", "replace"),
        ("s == 'le", None, None),
        ("upper('le", None, "upper"),
        ("s == 'it\\'s' + le", "le", None),
        ("# country's\nle", "le", None),
        ("upper(  # it's le", None, "upper"),
        ("12e", None, None),
        ("x2", "x2", None),
        ("(a + b", "b", None),
        ("f(x)[y", "y", None),
        ("ende)", "", None),
        ("", "", None),
    ],
)
def test_the_word_and_the_call_at_the_caret(
    modules: Page, text: str, word: str | None, call: str | None
) -> None:
    body = "return [m.wordAt(given, given.length)?.word ?? null, m.callAt(given, given.length)];"
    assert run(modules, "edit/form/words", body, text) == [word, call]


def test_offers_are_columns_first_then_names_then_what_others_call_them(modules: Page) -> None:
    functions = [
        {"name": "strip", "signature": "strip(text)", "help": "", "also": ["trim"]},
        {"name": "trunc", "signature": "trunc(x)", "help": "", "also": []},
        {"name": "pi", "signature": "pi()", "help": "", "also": []},
    ]
    body = "return m.offersFor(given[0], { functions: given[1], columns: given[2] }).map((o) => o.insert);"
    assert run(modules, "edit/form/words", body, ["tr", functions, ["Track", "x"]]) == [
        "Track",
        "trunc(",
        "strip(",
    ]
    assert run(modules, "edit/form/words", body, ["pi", functions, ["pi"]]) == ["pi()"]
    assert (
        run(modules, "edit/form/words", "return m.columnText(given);", 'a "b"')
        == 'col("a \\"b\\"")'
    )


def test_columns_come_from_all_nodes_before(modules: Page) -> None:
    body = (
        "const types = new Map([['csv_input', { fields: [{ name: 'types', kind: 'types' }] }]]);"
        "return m.columnsBefore(given, types, 3, new Map([[2, ['total']], [9, ['no']]])).sort();"
    )
    assert run(modules, "edit/form/words", body, GRAPH) == ["leftover", "order id", "total"]
    assert run(modules, "edit/form/words", body, EMPTY) == []
