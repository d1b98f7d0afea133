"""Menus where one points, the preview as a tab of the dock, and the dock's height: in Chromium."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import box_of
from tests.browser.pages import assert_accessible
from tests.browser.run.runs import Publisher
from tests.harness import Product


def items(page: Page) -> Locator:
    return page.locator("#here-menu .menu-item")


def expect_keys(page: Page, *keys: str) -> None:
    """Exactly these can be done, in this order."""
    expect(items(page)).to_have_count(len(keys))
    for place, key in enumerate(keys):
        expect(items(page).nth(place)).to_have_attribute("data-key", key)


def choose(page: Page, key: str) -> None:
    page.click(f'#here-menu [data-key="{key}"]')


def test_the_right_button_on_a_node_tells_what_can_be_done_and_with_which_key(edit: Any) -> None:
    editor = edit()
    page = editor.page
    editor.node(2).click(button="right")
    expect(page.locator("#here-menu")).to_have_attribute("aria-label", "Recent")
    expect(items(page).first).to_be_focused()
    expect(items(page).first).to_have_text(re.compile(r"^\s*Settings\s*Enter\s*$"))
    assert_accessible(page, "the menu of a node")
    editor.expect_selected(2)
    editor.press("Escape")
    expect(page.locator("#here-menu")).to_be_hidden()
    expect(editor.node(2)).to_be_focused()
    editor.node(2).click(button="right")
    choose(page, "duplicate")
    editor.expect_nodes("Orders", "Recent", "Recent 2", "Report")
    editor.node(3).click(button="right")  # an output gives no rows
    expect_keys(page, "open", "preview", "duplicate", "delete")
    choose(page, "delete")
    editor.expect_nodes("Orders", "Recent", "Recent 2")


def test_the_menu_of_several_nodes_is_about_all_of_them(edit: Any) -> None:
    editor = edit()
    editor.node(1).focus()
    editor.press("Control+a")
    editor.node(2).click(button="right")
    expect_keys(editor.page, "duplicate", "delete")
    expect(items(editor.page).last).to_contain_text("Delete 3 nodes")
    choose(editor.page, "delete")
    expect(editor.page.locator(".node")).to_have_count(0)


def test_a_node_is_put_into_an_edge_and_a_connection_is_deleted(edit: Any) -> None:
    editor = edit()
    page = editor.page
    left, right = editor.middle(editor.node(1)), editor.middle(editor.node(2))
    x, y = editor.middle(page.locator(".edge-hit").first)
    assert left[0] < x < right[0]
    page.mouse.click(x, y, button="right")
    choose(page, "insert")
    page.locator("#picker-text").fill("limit")
    editor.press("Enter")
    editor.expect_edge(1, 4)
    editor.expect_edge(4, 2)
    editor.expect_edge(1, 2, 0)
    editor.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    page.mouse.click(*editor.middle(page.locator(".edge-hit").first), button="right")
    choose(page, "delete")
    expect(page.locator(".edge-hit")).to_have_count(1)


def test_on_the_ground_a_node_is_added_where_one_points_and_a_drag_is_no_menu(edit: Any) -> None:
    editor = edit()
    page = editor.page
    x, y = editor.ground()
    before = editor.place(1)
    editor.drag((x, y), (x - 60, y - 40), button="right")
    expect(page.locator("#here-menu")).to_be_hidden()
    assert editor.place(1) != before  # it looked around, as ever
    moved = editor.place(1)
    page.mouse.click(x, y, button="right")
    choose(page, "add")
    page.locator("#picker-text").fill("sort")
    editor.press("Enter")
    expect(editor.node(4)).to_be_visible()
    first, added = editor.place(1), editor.place(4)  # the form may have pushed all of it aside
    assert abs((added[0] + 104 - first[0]) - (x - moved[0])) < 60
    assert abs((added[1] + 28 - first[1]) - (y - moved[1])) < 60
    page.mouse.click(x, y - 250, button="right")
    expect(page.locator('#here-menu [data-key="undo"]')).to_contain_text("Undo: Add Sort")


def test_the_keyboard_opens_the_menu_of_what_has_it(edit: Any) -> None:
    editor = edit()
    for key in ("Shift+F10", "ContextMenu"):
        editor.node(1).focus()
        editor.press(key)
        expect(editor.page.locator("#here-menu")).to_have_attribute("aria-label", "Orders")
        expect(items(editor.page).first).to_be_focused()
        menu, card = box_of(editor.page.locator("#here-menu")), box_of(editor.node(1))
        assert card["x"] <= menu["x"] <= card["x"] + card["width"]
        editor.press("ArrowDown", "Escape")
        expect(editor.node(1)).to_be_focused()


def test_the_keyboard_opens_the_menu_of_the_edge_that_is_selected(edit: Any) -> None:
    editor = edit()
    editor.page.mouse.click(*editor.middle(editor.page.locator(".edge-hit").first))
    editor.press("Shift+F10")
    expect(editor.page.locator("#here-menu")).to_have_attribute("aria-label", "Connection")
    choose(editor.page, "delete")
    expect(editor.page.locator(".edge-hit")).to_have_count(0)


def test_what_is_only_looked_at_has_a_menu_without_changes(
    open_playground: OpenPlayground, shop: Product
) -> None:
    publisher = Publisher(shop, 8_811, "foreign")
    page = open_playground(8_811)
    publisher.node(1, "running", 3)
    page.locator(".node").first.click(button="right")
    expect_keys(page, "open")
    choose(page, "open")
    expect(page.locator("#details-name")).to_have_text("Node 1")
    expect(page.locator('[data-drawer="preview"]')).to_be_hidden()


def test_the_preview_is_a_tab_of_the_dock(edit: Any) -> None:
    editor = edit()
    page = editor.page
    tab = page.locator('[data-drawer="preview"]')
    tab.click()
    expect(page.locator("#preview-note")).to_contain_text("Select a node")
    assert_accessible(page, "the preview of no node")
    tab.click()
    editor.node(2).focus()
    editor.press("p")
    expect(tab).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    page.click('[data-drawer="log"]')
    expect(page.locator("#preview")).to_be_hidden()
    tab.click()  # it was not lost
    expect(page.locator("#preview-table tbody tr")).to_have_count(50)
    assert_accessible(page, "the preview in the dock")
    page.click("#preview-close")
    expect(page.locator("#drawers")).to_have_attribute("data-open", "false")
    expect(editor.node(2)).to_be_focused()


def height_of(page: Page) -> float:
    return box_of(page.locator("#drawers"))["height"]


def test_the_dock_has_the_height_that_a_person_gave_it_also_after_a_reload(edit: Any) -> None:
    editor = edit()
    page = editor.page
    handle = page.locator("#dock-handle")
    expect(handle).to_be_hidden()
    page.click('[data-drawer="table"]')
    usual = height_of(page)
    x, y = editor.middle(handle)
    editor.drag((x, y), (x, y - 150))
    assert abs(height_of(page) - usual - 150) <= 4
    assert_accessible(page, "the dock's handle")
    given = height_of(page)
    page.reload()
    page.click('[data-drawer="runs"]')
    expect(page.locator("#drawers")).to_have_attribute("data-sized", "true")
    assert abs(height_of(page) - given) <= 12
    handle.focus()
    before = height_of(page)
    editor.press("ArrowDown", "ArrowDown")
    assert height_of(page) < before
    share = height_of(page) / page.locator(".stage").evaluate("(e) => e.clientHeight")
    expect(handle).to_have_attribute("aria-valuenow", str(round(100 * share)))
    editor.press("End")
    expect(page.locator("#graph")).to_be_visible()
    assert box_of(page.locator("#graph"))["height"] >= 60
    handle.dblclick()
    assert abs(height_of(page) - usual) <= 12
