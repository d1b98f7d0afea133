"""The editor for everyone: screens of all sizes, fingers, readers of screens, and help."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.conftest import OpenPlayground, new_context
from tests.browser.edit.editing import (
    EMPTY,
    Editor,
    box_of,
    middle_of,
    small_graph,
)
from tests.browser.pages import assert_accessible, picture
from tests.browser.run.test_playground import node
from tests.harness import Product, eventually

# ---------------------------------------------------------------- for everyone


def test_the_editor_at_work_on_the_sample_shows_form_and_rows(
    open_playground: OpenPlayground, tmp_path: Path
) -> None:
    page = open_playground(viewport={"width": 1440, "height": 860})
    expect(node(page, 1)).to_have_accessible_name("DB Input – Idle")  # and not all of its query
    node(page, 3).click()
    expect(page.locator("#node-form")).to_contain_text("Columns")
    page.click("#node-preview")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    expect(page.locator("#preview-table tbody tr")).to_have_count(50)
    expect(page.locator("#preview-table thead")).to_contain_text("month")
    page.locator("#details").evaluate("(form) => { form.scrollTop = 0; }")
    picture(page, "screenshot-editor", tmp_path, for_docs=True)


def test_opening_a_form_leaves_the_graph_where_it_is_and_as_large(
    open_playground: OpenPlayground, shop: Product, tmp_path: Path
) -> None:
    page = open_playground(viewport={"width": 1280, "height": 760})
    editor = Editor(page, shop, 0)
    level = page.locator("#zoom-level")
    expect(editor.node(4)).to_be_visible()
    expect(level).to_have_text("95 %")
    before = [editor.place(n) for n in (1, 2, 3, 4)]
    canvas, execute = (box_of(page.locator(part)) for part in ("#graph", "#execute"))
    editor.node(2).click()
    expect(page.locator("#node-form")).to_be_visible()
    picture(page, "form-over-graph", tmp_path)
    assert [editor.place(n) for n in (1, 2, 3, 4)] == before
    assert box_of(page.locator("#graph")) == canvas
    assert box_of(page.locator("#execute")) == execute
    editor.field("condition").locator("textarea").fill("quantity > 1")
    expect(page.locator("#unsaved")).to_be_visible()
    assert [editor.place(n) for n in (1, 2, 3, 4)] == before
    page.click("#details-close")
    expect(page.locator("#details")).to_be_hidden()
    assert [editor.place(n) for n in (1, 2, 3, 4)] == before
    expect(level).to_have_text("95 %")


def test_a_node_that_its_form_would_hide_comes_out_from_under_it(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(viewport={"width": 1280, "height": 760})
    editor = Editor(page, shop, 0)
    level = page.locator("#zoom-level")
    expect(level).to_have_text("95 %")
    before = editor.place(4)
    editor.node(4).click()
    left = page.locator("#details").evaluate("(form) => form.getBoundingClientRect().left")
    width = editor.node(4).evaluate("(card) => card.getBoundingClientRect().width")
    eventually(lambda: editor.place(4)[0] + width <= left)
    assert editor.place(4)[1] == before[1]
    expect(level).to_have_text("95 %")
    page.click("#details-close")
    eventually(lambda: editor.place(4) == before)
    editor.node(4).click()
    eventually(lambda: editor.place(4)[0] + width <= left)
    page.click("#zoom-in")  # from now on a person decides
    looked = editor.place(4)
    page.click("#details-close")
    expect(page.locator("#details")).to_be_hidden()
    assert editor.place(4) == looked


def test_the_second_press_of_a_double_click_on_a_node_is_none_on_its_form(edit: Any) -> None:
    """The form opens under the pointer: what was there was pressed, a field or what takes a connection away."""
    editor = edit()
    editor.node(3).dblclick()
    expect(editor.page.locator("#node-form")).to_be_visible()
    expect(editor.node(3)).to_be_focused()
    name = editor.page.locator("#node-name")
    name.dblclick()
    expect(name).to_be_focused()


def test_what_is_wrong_with_a_node_is_read_out_with_it(edit: Any) -> None:
    """It stood in a list behind the node, which Tab goes past."""
    editor = edit()
    lacks = "DB Output needs an input, and no edge leads to it."
    expect(editor.node(3)).to_have_accessible_description(lacks)
    expect(editor.node(2)).to_have_accessible_description("")


def test_a_quick_drag_from_the_palette_lands_where_it_is_dropped_on_any_screen(edit: Any) -> None:
    editor = edit(viewport={"width": 3840, "height": 2160})
    page = editor.page
    item = box_of(page.locator('.palette-item[data-type="map"]'))
    page.mouse.move(item["x"] + 40, item["y"] + 15)
    page.mouse.down()
    page.mouse.move(2000, 1400)  # in one move
    page.mouse.up()
    expect(editor.node(4)).to_be_visible()
    expect(page.locator("#details")).to_be_visible()
    box = box_of(editor.node(4))
    assert box["x"] <= 2000 <= box["x"] + box["width"]
    assert box["y"] <= 1400 <= box["y"] + box["height"]


def test_nodes_can_be_moved_in_a_small_window(edit: Any) -> None:
    editor = edit(viewport={"width": 320, "height": 640})
    page = editor.page
    expect(page.locator("#graph")).to_have_attribute("data-direction", "down")
    page.click("#by-hand")
    expect(page.locator("#by-hand")).to_have_attribute("aria-pressed", "true")
    before = box_of(editor.node(1))
    x, y = before["x"] + 30, before["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 60, steps=5)
    page.mouse.up()
    expect(page.locator("#unsaved")).to_be_visible()
    assert box_of(editor.node(1))["y"] > before["y"] + 30
    page.click("#by-hand")
    expect(page.locator("#graph")).to_have_attribute("data-direction", "down")


def test_in_a_small_window_nothing_lies_over_a_card(edit: Any, tmp_path: Path) -> None:
    graph = small_graph(condition="id >")  # its error makes a card longer
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph, viewport={"width": 320, "height": 900})
    page = editor.page
    slots = [page.locator(f'.node-slot[data-node-id="{n}"]') for n in (1, 2, 3)]
    expect(slots[1].locator(".node-problems")).to_be_visible()

    def free() -> bool:
        boxes = [box_of(slot) for slot in slots]
        return all(a["y"] + a["height"] <= b["y"] for a, b in pairwise(boxes))

    eventually(free)
    tools = box_of(page.locator(".canvas-tools"))
    assert (tools["x"], tools["width"]) == (0, 320)
    editor.node(1).click()
    page.click("#node-preview")
    expect(page.locator("#details")).to_be_hidden()  # it would lie over the rows
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    picture(page, "editor-320", tmp_path)


@pytest.mark.parametrize(("width", "names_palette"), [(390, False), (1440, True)])
def test_an_empty_job_names_the_palette_only_where_there_is_one(
    edit: Any, width: int, names_palette: bool
) -> None:
    page = edit(EMPTY, viewport={"width": width, "height": 844}).page
    expect(page.locator("#canvas-add")).to_be_visible()
    expect(page.locator("#canvas-empty")).to_contain_text("An empty job.")
    assert ("palette" in (page.locator("#canvas-empty").text_content() or "")) == names_palette
    assert page.locator(".palette").is_visible() == names_palette


def test_on_a_phone_the_menus_stand_inside_the_window(browser: Browser, shop: Product) -> None:
    """There innerWidth counts what stands out of it, as a menu before it is put in its place."""
    job_id = shop.create_job({"name": "A phone " * 5, "graph": small_graph()})
    size: ViewportSize = {"width": 390, "height": 844}
    context = new_context(browser, has_touch=True, is_mobile=True, viewport=size)
    page = context.new_page()
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    page.tap("#job-menu")
    menu = box_of(page.locator("#job-menu-list"))
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 390
    assert page.evaluate("innerWidth") == 390
    context.close()


def test_a_finger_scrolls_the_palette_and_drags_a_node_out_of_it(
    browser: Browser, shop: Product
) -> None:
    job_id = shop.create_job({"name": "By touch", "graph": small_graph()})
    size: ViewportSize = {"width": 1024, "height": 768}
    context = new_context(browser, has_touch=True, viewport=size)
    page = context.new_page()
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    finger = context.new_cdp_session(page)

    def swipe(x: float, y: float, dx: float, dy: float) -> None:
        def touch(kind: str, *at: dict[str, float]) -> None:
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(at)})

        touch("touchStart", {"x": x, "y": y})
        for step in range(1, 11):
            touch("touchMove", {"x": x + dx * step / 10, "y": y + dy * step / 10})
        touch("touchEnd")

    palette = page.locator(".palette-list")
    expect(page.locator(".palette-item").first).to_be_visible()
    x, y = middle_of(palette)
    swipe(x, y, 0, -120)
    eventually(lambda: palette.evaluate("(list) => list.scrollTop") > 60)
    expect(page.locator(".node")).to_have_count(3)
    x, y = middle_of(palette)
    swipe(x, y, 500, -60)
    expect(page.locator(".node")).to_have_count(4)
    context.close()


def test_beside_the_list_of_jobs_the_tools_are_a_bar_below_a_graph_from_top_to_bottom(
    edit: Any,
) -> None:
    editor = edit(viewport={"width": 900, "height": 700})
    page = editor.page
    canvas = box_of(page.locator("#graph"))
    tools = box_of(page.locator(".canvas-tools"))
    assert (tools["x"], tools["width"]) == (canvas["x"], canvas["width"])
    editor.node(1).click()
    details = box_of(page.locator("#details"))
    tools = box_of(page.locator(".canvas-tools"))
    assert tools["x"] + tools["width"] <= details["x"], "no tool lies under the details"
    for tool in page.locator(".tool:visible").all():
        box = box_of(tool)
        assert box["x"] + box["width"] <= details["x"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_of_the_editor_is_accessible(edit: Any, scheme: str, tmp_path: Path) -> None:
    editor = edit(color_scheme=scheme)
    page = editor.page

    def check(state: str) -> None:
        assert_accessible(page, f"{state}, {scheme}")
        picture(page, f"editor-{state}-{scheme}", tmp_path)

    editor.node(1).click()
    page.click("#node-preview")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    box_of(page.locator("#preview-table"))
    check("preview")
    page.click("#preview-close")
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id >")
    expect(editor.node(2)).to_have_attribute("data-invalid", "true")
    check("errors")
    page.click('.palette-item[data-type="map"]')
    page.click(".columns-add")
    expect(page.locator("#problems")).to_be_visible()
    check("new-node")
    page.click("#job-menu")
    check("menu")
    page.keyboard.press("Escape")
    page.click("#add")
    check("picker")
    page.keyboard.press("Escape")
    page.click("#keys")
    check("keys")


# ---------------------------------------------------------------- help, narrow windows


def test_the_keys_are_explained(edit: Any) -> None:
    editor = edit()
    editor.node(1).focus()
    editor.press("?")
    expect(editor.page.locator("#help-list")).to_contain_text("Preview the rows")
    editor.press("Escape")
    expect(editor.page.locator("#help")).to_be_hidden()


# Whether a part is seen, and can be pressed, at its middle and near its upper and lower edge
IS_SEEN = """(part) => {
  const { x, y, width, height } = part.getBoundingClientRect();
  return [2, height / 2, height - 2].every((down) => part.contains(document.elementFromPoint(x + width / 2, y + down)));
}"""


def test_at_400_percent_there_is_room_for_the_graph_the_fields_of_a_dialog_and_what_keys_do(
    edit: Any,
) -> None:
    """Between a head and a foot that stay, a field had 20 pixels or none; and what a key does stood a letter a line."""
    page = edit(viewport={"width": 360, "height": 225}).page
    assert box_of(page.locator("#graph"))["height"] > 140, "it had none"
    settings = (("retries", "#retries-count"), ("parameters", '.parameter [data-member="name"]'))
    for item, field in settings:
        page.click("#job-menu")
        page.click(f'.menu-item[data-key="{item}"]')
        page.locator(field).evaluate("part => part.scrollIntoView({ block: 'center' })")
        page.locator(field).focus()
        assert page.locator(field).evaluate(IS_SEEN), item
        page.keyboard.press("Escape")
        expect(page.locator(f"#{item}")).to_be_hidden()
    page.locator("#graph").press("?")
    told = page.locator("#help dd").first
    expect(told).to_be_visible()
    assert told.evaluate("part => part.getBoundingClientRect().width") > 120


FILLED_BY_BROWSERS = """() => [...document.querySelectorAll('dialog input, dialog textarea, #node-form :is(input, textarea)')]
  .filter((field) => !['checkbox', 'file', 'radio', 'range'].includes(field.type))
  .filter((field) => (field.getAttribute('autocomplete') ?? field.form?.autocomplete) !== 'off').map((field) => field.outerHTML)"""


def test_no_browser_fills_in_what_it_knows_of_a_person(edit: Any) -> None:
    """For the name of a node it proposed the person's own."""
    editor = edit()
    editor.node(2).click()
    expect(editor.page.locator("#node-name")).to_be_visible()
    assert editor.page.evaluate(FILLED_BY_BROWSERS) == []


def test_a_narrow_window_edits_by_forms(edit: Any) -> None:
    editor = edit(name="Order report", viewport={"width": 390, "height": 800})
    page = editor.page
    expect(page.locator(".port:visible")).to_have_count(0)
    page.click("#job-menu")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    page.click("#add")
    page.click('.picker-item[data-key="map"]')
    editor.expect_nodes("Orders", "Report", "Map", "Recent")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_who_has_chosen_larger_letters_in_the_browser_gets_them_but_in_the_graph(edit: Any) -> None:
    """All sizes were in px, so that the choice changed nothing. The graph has a zoom of its own."""
    editor = edit()
    page = editor.page
    editor.node(2).click()
    size = "part => parseFloat(getComputedStyle(part).fontSize)"
    height = "part => part.getBoundingClientRect().height"
    parts = ["#execute", "#job-name", ".job-label", "#details-name", ".field-help", ".palette-item"]
    in_graph = [".node-name", ".node-type", ".node-word"]

    def sizes(selectors: list[str]) -> list[float]:
        return [page.locator(selector).first.evaluate(size) for selector in selectors]

    before, cards, button = sizes(parts), sizes(in_graph), page.locator("#execute").evaluate(height)
    page.evaluate("document.documentElement.style.fontSize = '24px'")
    assert sizes(parts) == [1.5 * one for one in before]
    assert page.locator("#execute").evaluate(height) == 1.5 * button
    assert sizes(in_graph) == cards
