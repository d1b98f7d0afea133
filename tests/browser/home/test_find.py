"""Finding nodes, jobs and commands by some letters of their names: the rules, and the dialog in Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import Editor, small_graph
from tests.browser.pages import assert_accessible, hold, wait_for_held
from tests.harness import Product

FOUND = """async ([labels, text]) => {
  const { found } = await import('/playground/parts/texts/find.js');
  const items = labels.map((label) => ({ label, hint: label === 'Map' ? 'Computes columns' : '' }));
  return found(items, text).map(({ label, places }) => [label, [...places].map((place) => label[place]).join('')]);
}"""
LABELS = [
    "Home",
    "Order report",
    "Report orders",
    "Données d’été",
    "Map",
    "Zoom in",
    "ΟΔΟΣ",
    "Straße",
    "o\u0308d",
]


def found(page: Page, text: str) -> list[list[str]]:
    result: list[list[str]] = page.evaluate(FOUND, [LABELS, text])
    return result


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", LABELS),  # in their own order
        ("order", ["Order report", "Report orders"]),  # the beginning of the name comes first
        ("report ord", ["Order report", "Report orders"]),  # in any order; the shorter name first
        ("orep", ["Order report"]),  # spread over the name
        ("DONNEES ete", ["Données d’été"]),  # without case and accents
        ("οδος", ["ΟΔΟΣ"]),
        ("strasse", ["Straße"]),  # a letter that is two
        ("STRAẞE", ["Straße"]),
        ("öd", ["o\u0308d", "Order report", "Report orders"]),  # as a Mac spells it
        ("columns", ["Map"]),  # what it says of itself
        ("hzo", []),
        ("xyz", []),
    ],
)
def test_what_is_found(modules: Page, text: str, names: list[str]) -> None:
    assert [name for name, _ in found(modules, text)] == names


def test_the_letters_that_were_meant_are_told(modules: Page) -> None:
    assert found(modules, "orep") == [["Order report", "Orep"]]
    assert found(modules, "zo in") == [["Zoom in", "Zoin"]]
    assert found(modules, "asse") == [["Straße", "aße"]]
    assert found(modules, "od")[0] == ["o\u0308d", "o\u0308d"], "with its accent"


def open_find(page: Page, text: str) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#find")).to_be_visible()
    page.keyboard.type(text)


def test_a_node_is_found_by_a_few_letters_and_gets_the_focus(edit: Any) -> None:
    editor: Editor = edit()
    open_find(editor.page, "rcnt")  # Recent
    items = editor.page.locator(".find-item")
    expect(items.first).to_have_attribute("aria-selected", "true")
    expect(items.first.locator(".find-label")).to_have_text("Recent")
    editor.press("Enter")
    expect(editor.page.locator("#find")).to_be_hidden()
    expect(editor.page.locator("#details-name")).to_have_text("Recent")
    expect(editor.node(2)).to_be_focused()


def test_escape_gives_the_focus_back_also_to_a_field(edit: Any) -> None:
    editor: Editor = edit()
    editor.node(2).click()
    name = editor.field("name").locator("input")
    name.focus()
    open_find(editor.page, "")
    expect(editor.page.locator("#find-text")).to_be_focused()
    assert_accessible(editor.page, "the dialog that finds")
    editor.press("Escape")
    expect(editor.page.locator("#find")).to_be_hidden()
    expect(name).to_be_focused()
    expect(editor.page.locator("#details")).to_be_visible()  # that Escape was the dialog's alone


def test_a_command_does_what_its_button_does_and_is_there_only_while_it_can(edit: Any) -> None:
    editor: Editor = edit()
    page = editor.page
    open_find(page, "undo")
    expect(page.locator("#find-note")).to_have_text("Nothing is called like that.")
    editor.press("Control+k")  # closes it again
    expect(page.locator("#find")).to_be_hidden()
    editor.node(1).focus()
    editor.press("Control+d")
    expect(page.locator(".node")).to_have_count(4)
    open_find(page, "undo")
    editor.press("Enter")
    expect(page.locator(".node")).to_have_count(3)
    open_find(page, "home")
    command = page.locator(".find-item").first
    translated = "label => label.translate"
    assert command.locator(".find-label").evaluate(translated), "it is the page's English"
    command.click()
    expect(page.locator("#home")).to_be_visible()


def test_a_job_is_found_from_everywhere_and_a_long_list_is_cut(
    open_playground: OpenPlayground, shop: Product
) -> None:
    graph: dict[str, Any] = {"nodes": [], "edges": []}
    for number in range(70):
        shop.create_job({"name": f"Lot {number}", "graph": graph})
    page = open_playground()
    expect(page.locator("#jobs-list li").nth(40)).to_be_attached()
    page.locator(".page-link", has_text="Runs").click()
    page.click("#find-open")
    page.keyboard.type("lot")
    expect(page.locator(".find-item")).to_have_count(60)
    expect(page.locator("#find-note")).to_have_text("10 more; type more letters.")
    page.keyboard.type(" 42")
    expect(page.locator(".find-item")).to_have_count(2)  # by its name, and another by its number
    assert not page.locator(".find-label").first.evaluate("label => label.translate")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("Lot 42")


CHOSEN_LATE = """async ([text, downs, first, later]) => {
  document.body.innerHTML = '<button id="find-open"></button><kbd id="find-key"></kbd><dialog id="find"><form>'
    + '<input id="find-text"><ul id="find-list"></ul><p id="find-note"></p></form></dialog>';
  const { FindView } = await import('/playground/find/find-view.js');
  const chosen = [];
  const itemOf = ([kind, label], id) => ({ kind, id, label, icon: 'log', run: () => chosen.push([kind, label]) });
  let items = first.map(itemOf);
  const view = new FindView({ items: () => items, announce: () => undefined });
  const input = document.getElementById('find-text');
  view.open();
  input.value = text;
  input.dispatchEvent(new Event('input'));
  for (let down = 0; down < downs; down += 1) input.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
  items = [...later.map((item) => itemOf(item, 90)), ...items];
  view.refresh();
  document.querySelector('form').requestSubmit();
  document.body.replaceChildren();
  return chosen;
}"""


@pytest.mark.parametrize(
    ("text", "downs", "chosen"),
    [
        ("", 2, ["job", "Shop"]),  # the arrows came to it
        ("z", 0, ["command", "Zoom in"]),  # the text found it
        ("", 0, ["node", "Zeros"]),  # nothing was chosen yet
        ("zer", 0, ["node", "Zeros"]),  # there was nothing to choose
    ],
)
def test_what_comes_late_takes_the_place_of_nothing_that_somebody_chose(
    modules: Page, text: str, downs: int, chosen: list[str]
) -> None:
    """Who went to a command with the arrows, and pressed Enter as the nodes of the job came, was at a node."""
    first = [["command", "Zoom in"], ["command", "Help"], ["job", "Shop"]]
    given = [text, downs, first, [["node", "Zeros"]]]
    assert modules.evaluate(CHOSEN_LATE, given) == [chosen]


def test_what_comes_after_the_dialog_was_opened_is_found_then(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job({"name": "Recently", "graph": small_graph()})
    page = open_playground()
    page.goto("about:blank")  # what it asks for late is not held
    held = {
        "node": hold(page, f"**/api/jobs/{job_id}"),
        "job": hold(page, re.compile(r"/api/jobs\?")),
    }
    page.goto(f"{shop.url}/?job={job_id}")
    open_find(page, "recent")
    expect(page.locator("#find-note")).to_have_text("Nothing is called like that.")
    for kind, routes in held.items():
        wait_for_held(page, routes)
        routes.pop().continue_()
        expect(page.locator(f'.find-item[data-kind="{kind}"]')).not_to_have_count(0)
    expect(page.locator("#find-note")).to_be_hidden()
