"""Editing in Chromium: by pointer and by keyboard, each on a job of its own in one running product."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, ViewportSize, expect

from tests.browser.conftest import OpenPlayground, new_context
from tests.browser.editing import (
    EMPTY,
    URL,
    WIDE,
    Editor,
    box_of,
    edges_of,
    middle_of,
    node_of,
    ports_graph,
    small_graph,
)
from tests.browser.pages import assert_accessible, hold, picture, shift_clock, wait_for_held
from tests.browser.runs import Publisher
from tests.browser.test_playground import expect_live, expect_run, expect_state, node
from tests.harness import Product, eventually

# ---------------------------------------------------------------- place


def test_the_palette_has_what_the_server_has(edit: Any, shop: Product) -> None:
    editor = edit(EMPTY)
    types = shop.get("/api/node-types").json()["nodeTypes"]
    expect(editor.page.locator(".palette-item")).to_have_text([kind["label"] for kind in types])


def test_a_node_type_that_the_page_never_heard_of_is_placed_and_edited(
    open_playground: OpenPlayground, edit: Any, shop: Product
) -> None:
    fields = [
        {"name": "rate", "label": "Rate", "kind": "number", "required": True, "default": 5},
        {"name": "shape", "label": "Shape", "kind": "polygon", "required": False, "default": None},
    ]
    common = {"help": "", "choices": []}
    novel = {
        "name": "throttle",
        "label": "Throttle",
        "help": "Slows rows down.",
        "hasInput": True,
        "hasOutput": True,
        "fields": [{**common, **field} for field in fields],
        "oneOf": [],
    }
    job_id = shop.create_job({"name": "Novel", "graph": EMPTY})
    page = open_playground(viewport=WIDE)
    page.route("**/api/node-types", lambda route: route.fulfill(json={"nodeTypes": [novel]}))
    page.goto(f"{shop.url}/?job={job_id}&token={shop.token()}")
    editor = Editor(page, shop, job_id)
    page.click('.palette-item[data-type="throttle"]')
    editor.expect_nodes("Throttle")
    expect(editor.field("rate").locator("input").first).to_have_value("5")
    editor.field("rate").locator("input").first.fill("7")
    editor.field("shape").locator("textarea").fill('{"sides": 3')
    expect(editor.field("shape").locator(".field-error")).to_contain_text("JSON")
    editor.field("shape").locator("textarea").fill('{"sides": 3}')
    assert node_of(editor.save(), 1)["config"] == {"rate": 7, "shape": {"sides": 3}}


def test_dragging_from_the_palette_places_a_node_there(edit: Any) -> None:
    editor = edit(EMPTY)
    item = editor.page.locator('.palette-item[data-type="filter"]')
    to = editor.ground()
    editor.drag(editor.middle(item), (to[0], to[1] - 200))
    editor.expect_nodes("Filter")
    box = box_of(editor.node(1))
    assert abs(box["x"] + box["width"] / 2 - to[0]) < 12
    assert box["y"] < to[1] - 200 < box["y"] + box["height"]


def test_a_node_dropped_on_an_edge_goes_between(edit: Any) -> None:
    editor = edit()
    item = editor.page.locator('.palette-item[data-type="map"]')
    a, b = editor.middle(editor.port(1, "out")), editor.middle(editor.port(2, "in"))
    editor.drag(editor.middle(item), ((a[0] + b[0]) / 2, a[1]))
    editor.expect_edge(1, 4)
    editor.expect_edge(4, 2)
    editor.expect_edge(1, 2, count=0)


def test_a_click_or_enter_adds_a_node_and_its_name_can_be_typed_at_once(edit: Any) -> None:
    editor = edit(EMPTY)
    editor.page.locator('.palette-item[data-type="db_input"]').focus()
    editor.press("Enter")
    editor.expect_nodes("DB Input")
    expect(editor.page.locator("#node-name")).to_be_focused()
    editor.page.keyboard.type("Customers")
    editor.expect_nodes("Customers")


def test_the_keyboard_adds_a_node_after_another_and_connects_it(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("a")
    expect(editor.page.locator("#picker-title")).to_have_text("Add after Recent")
    editor.page.keyboard.type("map")
    editor.press("Enter")
    editor.expect_edge(2, 4)
    expect(editor.page.locator("#node-name")).to_be_focused()
    assert editor.place(4)[0] > editor.place(2)[0]


# ---------------------------------------------------------------- connect


def test_dragging_between_ports_connects_in_either_direction(edit: Any) -> None:
    editor = edit()
    editor.drag(editor.middle(editor.port(2, "out")), editor.middle(editor.node(3)))
    editor.expect_edge(2, 3)
    editor.press("Control+z")
    editor.expect_edge(2, 3, count=0)
    editor.drag(editor.middle(editor.port(3, "in")), editor.middle(editor.port(1, "out")))
    editor.expect_edge(1, 3)
    assert edges_of(editor.save()) == [(1, 2), (1, 3)]


def test_what_may_not_be_connected_is_dimmed_and_told(edit: Any) -> None:
    editor = edit()
    start, end = editor.middle(editor.port(2, "out")), editor.middle(editor.node(1))
    mouse = editor.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(start[0] + 20, start[1] + 30)
    mouse.move(*end, steps=3)
    slots = editor.page.locator(".node-slot")
    expect(slots.filter(has=editor.node(1))).to_have_attribute("data-target", "no")
    expect(slots.filter(has=editor.node(3))).to_have_attribute("data-target", "yes")
    mouse.up()
    expect(editor.page.locator("#notice-text")).to_contain_text("takes no rows")
    editor.expect_edge(2, 1, count=0)


def test_a_cycle_cannot_be_drawn(edit: Any) -> None:
    graph = small_graph()
    graph["nodes"][2].update(type="map", config={"columns": [], "keep": "all"})
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph)
    editor.drag(editor.middle(editor.port(3, "out")), editor.middle(editor.node(2)))
    expect(editor.page.locator("#notice-text")).to_contain_text("cycle")


def test_a_line_dropped_on_nothing_offers_what_could_follow(edit: Any) -> None:
    editor = edit()
    editor.drag(editor.middle(editor.port(2, "out")), editor.ground())
    expect(editor.page.locator("#picker-title")).to_contain_text("Recent")
    expect(editor.page.locator('.picker-item[data-key="db_input"]')).to_have_count(0)
    editor.page.click('.picker-item[data-key="csv_output"]')
    editor.expect_edge(2, 4)


def test_the_keyboard_connects_and_disconnects(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("c")
    items = editor.page.locator(
        ".picker-item"
    )  # its rows and those that it rejects; Orders would be no target
    expect(items).to_have_count(2)
    editor.press("Enter")
    editor.expect_edge(2, 3)
    expect(editor.page.locator("#announcer")).to_have_text("Connected Recent to Report.")
    editor.node(2).focus()
    editor.press("Enter")
    remove = editor.page.locator('.connection[data-from="2"][data-to="3"] .connection-remove')
    remove.focus()
    editor.press("Enter")
    editor.expect_edge(2, 3, count=0)


def test_a_drag_connects_the_ports_that_it_begins_and_ends_at(edit: Any) -> None:
    editor = edit(ports_graph())
    labels = editor.page.locator(".port-label")
    expect(labels).to_have_count(4)
    assert sorted(labels.all_text_contents()) == ["else", "large", "left", "right"]
    drag, port, middle = editor.drag, editor.port, editor.middle
    drag(middle(port(2, "out", "large")), middle(port(3, "in", "right")))
    editor.expect_edge(2, 3, leaves="large", enters="right")
    drag(middle(port(2, "out", "else")), middle(editor.node(3)))  # the input that is free
    editor.expect_edge(2, 3, leaves="else", enters="left")
    drag(middle(port(3, "out")), middle(editor.node(4)))
    saved = editor.save()["graph"]["edges"]
    assert saved[1:] == [
        {"from": 2, "to": 3, "fromPort": "large", "toPort": "right"},
        {"from": 2, "to": 3, "fromPort": "else", "toPort": "left"},
        {"from": 3, "to": 4},
    ]
    lines = editor.page.locator(".edge:not(.edge-aim)")
    expect(lines).to_have_count(4)
    ends = lines.evaluate_all("all => all.map((path) => path.getAttribute('d'))")
    assert len(set(ends)) == 4  # lines of two ports do not lie on each other


def test_an_edge_shows_the_rows_of_its_output_and_a_graph_of_ports_is_accessible(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    graph = ports_graph()
    graph["nodes"].append(
        {**graph["nodes"][3], "id": 5, "name": "Rest", "position": {"x": 680, "y": 520}}
    )
    graph["nodes"][4]["config"] = {"path": "rest.csv"}
    graph["edges"] += [
        {"from": 2, "to": 3},  # names no port: the first output, the first input
        {"from": 1, "to": 3, "toPort": "right"},
        {"from": 3, "to": 4},
        {"from": 2, "to": 5, "fromPort": "else"},
    ]
    editor = edit(graph)
    assert_accessible(editor.page, "ports in the editor")
    run = Publisher(shop, editor.job_id, "ports-run")
    run.status("running")
    run.node(1, "running", 226)
    run.node(2, "running", 226, ports={"large": 20, "else": 206})
    labels = editor.page.locator(".edge-label:not([hidden]) .edge-rows")
    expect(labels.get_by_text("206", exact=True)).to_have_count(1)
    expect(labels.get_by_text("20", exact=True)).to_have_count(1)
    expect(labels.get_by_text("226", exact=True)).to_have_count(2)
    picture(editor.page, "ports", tmp_path)


def test_rejected_rows_get_an_edge_of_their_own_with_limits_and_a_count(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    graph = ports_graph()
    graph["nodes"] = [graph["nodes"][0], graph["nodes"][3], {**graph["nodes"][3], "id": 5}]
    graph["nodes"][2].update(name="Bad", position={"x": 680, "y": 520}, config={"path": "bad.csv"})
    totals = {"columns": [{"column": "x", "expression": "100 / id"}], "keep": "all"}
    place = {"x": 340, "y": 80}
    graph["nodes"].append(
        {"id": 2, "type": "map", "name": "Share", "config": totals, "position": place}
    )
    graph["edges"].append({"from": 2, "to": 4})
    editor = edit(graph)
    slot = editor.page.locator('.node-slot[data-node-id="2"]')
    expect(slot).to_have_attribute("data-rejecting", "false")
    expect(editor.page.locator(".port-label")).to_have_count(0)
    editor.node(2).click()
    expect(editor.field("reject_limit")).to_be_hidden()
    editor.press("Escape")
    editor.drag(editor.middle(editor.port(2, "out", "rejected")), editor.middle(editor.node(5)))
    editor.expect_edge(2, 5, leaves="rejected")
    expect(slot).to_have_attribute("data-rejecting", "true")
    expect(slot.locator(".port-label")).to_have_text("rejected")
    editor.node(2).click()
    editor.field("reject_limit").locator("input").fill("20")
    editor.field("reject_share").locator("input").fill("5")
    editor.node(4).focus()
    editor.press("c")  # what a CSV Output rejects may go on, too
    editor.page.keyboard.type("bad")
    editor.press("Enter")
    editor.expect_edge(4, 5, leaves="rejected")
    assert_accessible(editor.page, "rejects in the editor")
    saved = editor.save()["graph"]
    assert {"from": 2, "to": 5, "fromPort": "rejected"} in saved["edges"]
    assert {"from": 4, "to": 5, "fromPort": "rejected"} in saved["edges"]
    [config] = [entry["config"] for entry in saved["nodes"] if entry["id"] == 2]
    assert (config["reject_limit"], config["reject_share"]) == (20, 5)
    run = Publisher(shop, editor.job_id, "rejects-run")
    run.status("running")
    run.node(2, "running", 223, ports={"rejected": 3})
    labels = editor.page.locator(".edge-label:not([hidden]) .edge-rows")
    expect(labels.get_by_text("223", exact=True)).to_have_count(1)
    expect(labels.get_by_text("3", exact=True)).to_have_count(1)
    picture(editor.page, "rejects", tmp_path)


def test_the_keyboard_chooses_ports_and_edges_follow_a_renamed_output(edit: Any) -> None:
    editor = edit(ports_graph())
    editor.node(2).focus()
    editor.press("c")
    items = editor.page.locator(".picker-item")
    # two outputs, and that for rejected rows, to a Join's two inputs, and to the report
    expect(items).to_have_count(9)
    editor.page.keyboard.type("both right large")
    expect(items).to_have_count(1)
    editor.press("Enter")
    editor.expect_edge(2, 3, leaves="large", enters="right")
    expect(editor.page.locator("#announcer")).to_have_text(
        "Connected By size (large) to Both (right)."
    )
    editor.node(2).focus()
    editor.press("Enter")
    editor.field("branches").locator('[data-member="port"]').fill("huge")
    editor.expect_edge(2, 3, leaves="huge", enters="right")
    remove = editor.page.locator('.connection[data-from="2"] .connection-remove')
    expect(remove).to_have_attribute("aria-label", "Disconnect Both (huge → right)")
    remove.click()
    editor.expect_edge(2, 3, count=0, leaves="huge", enters="right")
    editor.press("Control+z")
    editor.expect_edge(2, 3, leaves="huge", enters="right")


def test_an_edge_is_selected_with_a_click_and_deleted(edit: Any) -> None:
    editor = edit()
    a, b = editor.middle(editor.port(1, "out")), editor.middle(editor.port(2, "in"))
    editor.page.mouse.click((a[0] + b[0]) / 2, a[1])
    expect(editor.edge(1, 2)).to_have_attribute("data-selected", "true")
    editor.press("Delete")
    editor.expect_edge(1, 2, count=0)
    editor.press("Control+z")
    editor.expect_edge(1, 2)


# ---------------------------------------------------------------- select, move, delete


def test_click_shift_click_and_escape_select(edit: Any) -> None:
    editor = edit()
    editor.node(1).click()
    editor.expect_selected(1)
    expect(editor.page.locator("#node-name")).to_have_value("Orders")
    editor.node(2).click(modifiers=["Shift"])
    editor.expect_selected(1, 2)
    expect(editor.page.locator("#node-form")).to_be_hidden()
    editor.node(1).click(modifiers=["Shift"])
    editor.expect_selected(2)
    editor.press("Escape")
    editor.expect_selected()


def test_an_area_selects_and_shift_adds_to_it(edit: Any) -> None:
    editor = edit()
    x, y = editor.place(1)
    editor.drag((x - 20, y - 40), (x + 330, y + 60))
    editor.expect_selected(1, 2)
    x3, y3 = editor.place(3)
    editor.page.keyboard.down("Shift")
    editor.drag((x3 - 20, y3 - 40), (x3 + 60, y3 + 20))
    editor.page.keyboard.up("Shift")
    editor.expect_selected(1, 2, 3)
    editor.page.mouse.click(*editor.ground())
    editor.expect_selected()


def test_space_and_select_all_work_by_keyboard(edit: Any) -> None:
    editor = edit()
    editor.node(1).focus()
    editor.press("Space")
    editor.node(2).focus()
    editor.press("Space")
    editor.expect_selected(1, 2)
    expect(editor.page.locator("#details")).to_be_hidden()
    editor.press("Control+a")
    editor.expect_selected(1, 2, 3)


def test_dragging_moves_all_that_is_selected_as_one_step(edit: Any) -> None:
    editor = edit()
    editor.node(1).click(modifiers=["Shift"])
    editor.node(2).click(modifiers=["Shift"])
    before = [editor.place(n) for n in (1, 2, 3)]
    start = editor.middle(editor.node(2))
    editor.drag(start, (start[0] + 80, start[1] + 120))
    after = [editor.place(n) for n in (1, 2, 3)]
    moved = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(after, before, strict=True)]
    assert moved[0] == moved[1] == (80, 120)
    assert moved[2] == (0, 0)
    editor.expect_selected(1, 2)
    editor.press("Control+z")
    assert [editor.place(n) for n in (1, 2, 3)] == before
    editor.press("Control+Shift+z")
    assert [editor.place(n) for n in (1, 2, 3)] == after


def test_escape_takes_back_a_drag_that_has_not_ended(edit: Any) -> None:
    editor = edit()
    before, start = editor.place(2), editor.middle(editor.node(2))
    editor.page.mouse.move(*start)
    editor.page.mouse.down()
    editor.page.mouse.move(start[0] + 90, start[1] + 90, steps=3)
    assert editor.place(2) != before
    editor.press("Escape")
    editor.page.mouse.up()
    assert editor.place(2) == before
    expect(editor.page.locator("#undo")).to_be_disabled()


def test_arrow_keys_move_what_is_selected(edit: Any) -> None:
    editor = edit()
    before = editor.place(2)
    editor.node(2).focus()
    editor.press("ArrowRight", "ArrowRight", "Shift+ArrowDown")
    assert editor.place(2) == (before[0] + 16, before[1] + 48)
    editor.press("Control+z")
    assert editor.place(2) == before  # one after the other is one step


def test_arrow_keys_move_all_that_is_selected_and_a_pause_begins_another_step(edit: Any) -> None:
    editor = edit()
    before = [editor.place(n) for n in (1, 2, 3)]
    editor.node(1).focus()
    editor.press("Space")
    editor.node(2).focus()
    editor.press("Space", "ArrowDown", "ArrowDown", "ArrowLeft")
    first = [editor.place(n) for n in (1, 2, 3)]
    assert first[:2] == [(x - 8, y + 16) for x, y in before[:2]]
    assert first[2] == before[2]
    expect(editor.node(2)).to_be_focused()
    expect(editor.page.locator("#announcer")).to_have_text("Moved 2 nodes 8 left, 16 down.")
    shift_clock(editor.page, 2)
    editor.press("Shift+ArrowRight", "ArrowRight")
    second = [editor.place(n) for n in (1, 2, 3)]
    assert second[:2] == [(x + 56, y) for x, y in first[:2]]
    editor.press("Control+z")
    assert [editor.place(n) for n in (1, 2, 3)] == first
    editor.expect_selected(1, 2)
    editor.press("Control+z")
    assert [editor.place(n) for n in (1, 2, 3)] == before
    expect(editor.page.locator("#undo")).to_be_disabled()
    editor.press("Control+y", "Control+y")
    assert [editor.place(n) for n in (1, 2, 3)] == second
    place = node_of(editor.save(), 1)["position"]
    assert place == {"x": 28 + 48, "y": 28 + 16}  # an opened graph begins at 28, 28


def test_another_node_moved_at_once_is_a_step_of_its_own(edit: Any) -> None:
    editor = edit()
    before = [editor.place(n) for n in (1, 2)]
    editor.node(1).focus()
    editor.press("ArrowDown")
    editor.node(2).focus()
    editor.press("ArrowDown", "Control+z")
    assert editor.place(2) == before[1]
    assert editor.place(1) == (before[0][0], before[0][1] + 8)


def test_a_node_that_arrow_keys_take_out_of_sight_is_followed(edit: Any) -> None:
    editor = edit()
    editor.node(3).focus()
    editor.press(*["Shift+ArrowRight"] * 24)
    canvas = editor.page.locator("#graph").evaluate("(part) => part.getBoundingClientRect().right")
    eventually(lambda: 0 < editor.place(3)[0] < canvas - 200)
    expect(editor.node(3)).to_be_focused()


def test_read_from_top_to_bottom_arrow_keys_look_around_and_move_nothing(edit: Any) -> None:
    editor = edit(viewport={"width": 390, "height": 800})
    expect(editor.page.locator("#graph")).to_have_attribute("data-direction", "down")
    expect(editor.page.locator(".node-problems:visible")).to_have_count(1)  # Report's; it is higher
    editor.node(1).focus()
    editor.settle()
    before = editor.place(1)
    editor.press("ArrowUp")
    eventually(lambda: editor.place(1)[1] == before[1] + 80)
    expect(editor.page.locator("#undo")).to_be_disabled()
    expect(editor.page.locator("#unsaved")).to_be_hidden()


def test_delete_takes_the_selection_with_its_edges_and_undo_brings_it_back(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("Delete")
    editor.expect_nodes("Orders", "Report")
    editor.expect_edge(1, 2, count=0)
    expect(editor.node(1)).to_be_focused()
    editor.press("Control+z")
    editor.expect_nodes("Orders", "Recent", "Report")
    editor.expect_edge(1, 2)
    editor.press("Control+y")
    editor.expect_nodes("Orders", "Report")


def test_backspace_in_a_field_deletes_a_letter_and_no_node(edit: Any) -> None:
    editor = edit()
    editor.node(2).click()
    editor.page.locator("#node-name").press("End")
    editor.press("Backspace")
    editor.expect_nodes("Orders", "Recen", "Report")


# ---------------------------------------------------------------- undo


def test_delete_works_after_a_duplicate_was_taken_back_and_done_again(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("Space", "Control+d")
    editor.expect_nodes("Orders", "Recent", "Recent 2", "Report")
    editor.expect_selected(4)
    editor.press("Control+z")
    editor.expect_nodes("Orders", "Recent", "Report")
    editor.expect_selected(2)
    expect(editor.node(2)).to_be_focused()
    editor.press("Control+Shift+z")
    editor.expect_selected(4)
    editor.press("Delete")
    editor.expect_nodes("Orders", "Recent", "Report")
    editor.press("Control+z", "Delete")
    editor.expect_nodes("Orders", "Recent", "Report")


def test_undo_of_a_delete_selects_what_came_back_and_redo_leaves_the_keyboard_in_the_graph(
    edit: Any,
) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("Delete")
    expect(editor.node(1)).to_be_focused()
    editor.press("Control+z")
    editor.expect_selected(2)
    editor.press("ArrowDown", "Control+z", "Control+z")
    editor.expect_nodes("Orders", "Recent", "Report")
    editor.press("Control+y")
    editor.expect_nodes("Orders", "Recent", "Report")
    expect(editor.page.locator(".node:focus")).to_have_count(1)


def test_a_node_keeps_the_focus_when_its_place_in_the_flow_changes(edit: Any) -> None:
    editor = edit()
    editor.node(3).focus()
    editor.press("c")  # nothing it could feed
    editor.press("Escape")
    editor.node(1).focus()
    editor.press("c")
    editor.page.keyboard.type("Report")
    editor.press("Enter")
    editor.expect_edge(1, 3)
    expect(editor.node(1)).to_be_focused()
    editor.press("Control+z", "Control+y")
    expect(editor.node(1)).to_be_focused()


def test_undo_names_what_it_takes_back_and_typing_is_one_step(edit: Any) -> None:
    editor = edit()
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("")
    condition.press_sequentially("id > 77")
    expect(editor.page.locator("#undo")).to_have_attribute(
        "title", "Undo: Change Condition of Recent"
    )
    editor.page.click("#undo")
    expect(condition).to_have_value("id > 5")
    expect(editor.page.locator("#undo")).to_be_disabled()
    editor.page.click("#redo")
    expect(condition).to_have_value("id > 77")


# ---------------------------------------------------------------- clipboard


def test_copy_and_paste_bring_nodes_with_their_edges_under_new_names(edit: Any) -> None:
    editor = edit()
    editor.node(1).click(modifiers=["Shift"])
    editor.node(2).click(modifiers=["Shift"])
    editor.press("Control+c", "Control+v")
    editor.expect_edge(4, 5)
    editor.expect_selected(4, 5)
    stored = editor.save()
    assert node_of(stored, 4)["name"] == "Orders 2"
    assert node_of(stored, 5)["config"] == {"condition": "id > 5"}
    editor.press("Control+x")
    expect(editor.page.locator(".node")).to_have_count(3)
    editor.press("Control+v")
    expect(editor.page.locator(".node")).to_have_count(5)


def test_nodes_can_be_pasted_into_another_job(edit: Any, shop: Product) -> None:
    editor = edit()
    other = shop.create_job({"name": "Other", "graph": EMPTY})
    editor.node(2).focus()
    editor.press("Control+c")
    editor.page.reload()
    expect(editor.page.locator(".palette-item")).not_to_have_count(0)
    editor.page.click(f'.job[data-job-id="{other}"]')
    expect(editor.page.locator("#job-name")).to_have_text("Other")
    expect(editor.page.locator("#canvas-add")).to_be_visible()  # its graph is there, too
    editor.page.mouse.click(*editor.ground())
    editor.press("Control+v")
    editor.expect_nodes("Recent")


def test_duplicate_keeps_the_original(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("Control+d")
    editor.expect_nodes("Orders", "Report", "Recent 2", "Recent")


# ---------------------------------------------------------------- look around


def zoom(page: Page) -> int:
    return int(page.locator("#zoom-level").inner_text().split()[0])


def test_zoom_fit_and_pan(edit: Any) -> None:
    editor = edit()
    page = editor.page
    eventually(lambda: zoom(page) == 100)
    ground = editor.ground()
    page.mouse.move(*ground)
    page.keyboard.down("Control")
    page.mouse.wheel(0, 400)
    page.keyboard.up("Control")
    eventually(lambda: zoom(page) < 70)
    page.click("#fit")
    eventually(lambda: zoom(page) == 100)
    before = editor.place(1)
    page.mouse.move(*ground)
    page.mouse.wheel(30, 50)
    eventually(lambda: editor.place(1) == (before[0] - 30, before[1] - 50))
    editor.drag(ground, (ground[0] + 100, ground[1] + 20), button="middle")
    eventually(lambda: editor.place(1) == (before[0] + 70, before[1] - 30))
    page.mouse.click(*ground)
    editor.press("ArrowRight")
    eventually(lambda: editor.place(1)[0] == before[0] - 10)
    editor.press("+")
    eventually(lambda: zoom(page) == 120)
    editor.press("0")
    eventually(lambda: zoom(page) == 100)


def test_zoom_keeps_the_point_under_the_pointer(edit: Any) -> None:
    editor = edit()
    at = editor.middle(editor.port(2, "out"))
    editor.page.mouse.move(*at)
    editor.page.keyboard.down("Control")
    editor.page.mouse.wheel(0, -100)
    editor.page.keyboard.up("Control")
    eventually(lambda: zoom(editor.page) > 100)
    now = editor.middle(editor.port(2, "out"))
    assert abs(now[0] - at[0]) < 2
    assert abs(now[1] - at[1]) < 2


def test_a_node_out_of_sight_comes_into_it_when_the_keyboard_reaches_it(edit: Any) -> None:
    graph = small_graph()
    graph["nodes"][2]["position"] = {"x": 4000, "y": 2000}
    editor = edit(graph)
    editor.press("0")
    editor.page.mouse.move(*editor.ground())
    for _ in range(3):
        editor.press("+", "+")
    editor.node(1).focus()
    editor.press("Tab")
    expect(editor.node(3)).to_be_focused()
    canvas, focused = box_of(editor.page.locator("#graph")), editor.page.locator(".node:focus")
    eventually(lambda: canvas["x"] <= box_of(focused)["x"] <= canvas["x"] + canvas["width"])


def test_tidy_up_lays_the_flow_out_and_can_be_taken_back(edit: Any) -> None:
    graph = small_graph()
    graph["edges"].append({"from": 2, "to": 3})
    graph["nodes"][0]["position"] = {"x": 900, "y": 600}
    editor = edit(graph)
    assert editor.place(1)[0] > editor.place(2)[0]
    editor.node(1).focus()
    editor.press("t")
    x = [editor.place(n)[0] for n in (1, 2, 3)]
    assert x == sorted(x)
    assert len({editor.place(n)[1] for n in (1, 2, 3)}) == 1
    editor.press("Control+z")
    assert editor.place(1)[0] > editor.place(2)[0]


# ---------------------------------------------------------------- the form


def test_a_key_is_asked_for_with_the_modes_that_need_one(edit: Any) -> None:
    editor = edit()
    editor.node(3).click()
    key, mode = editor.field("key"), editor.field("mode").locator("select")
    expect(key).to_be_hidden()
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
    page.locator(".segment", has_text="SQL").click()
    editor.field("sql").locator("textarea").fill("SELECT id, status FROM orders")
    editor.node(3).focus()
    editor.press("Enter")
    editor.field("mode").locator("select").select_option("append")
    page.click('.palette-item[data-type="map"]')
    page.click(".columns-add")
    page.keyboard.type("double")
    page.keyboard.press("Tab")
    page.keyboard.type("id * 2")
    editor.field("keep").locator("select").select_option("list")
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
    page.click("#node-preview")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    expect(page.locator("#preview-title")).to_have_text("Preview of Recent")
    expect(page.locator("#preview-note")).to_have_text("The first 50 rows; there are more.")
    expect(page.locator("#preview-table tbody tr")).to_have_count(50)
    expect(page.locator("#preview-table tbody tr").first).to_contain_text("6")
    editor.field("condition").locator("textarea").fill("id <= 2")  # not saved
    expect(page.locator("#preview-note")).to_have_text("From before your last change.")
    page.click("#preview-again")
    expect(page.locator("#preview-note")).to_have_text("All 2 rows.")
    page.locator("#preview-table").focus()
    editor.press("Escape")
    expect(page.locator("#preview")).to_be_hidden()
    editor.node(1).focus()
    editor.press("p")
    expect(page.locator("#preview-title")).to_have_text("Preview of Orders")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")


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


# ---------------------------------------------------------------- save


def test_changes_are_marked_saved_by_key_and_kept_while_another_job_is_shown(
    edit: Any, shop: Product
) -> None:
    editor = edit(name="Kept")
    page = editor.page
    expect(page.locator("#save")).to_be_disabled()
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id > 42")
    expect(page.locator("#unsaved")).to_be_visible()
    mine = page.locator(f'.job[data-job-id="{editor.job_id}"]')
    expect(mine).to_have_attribute("data-unsaved", "true")
    page.click(f'.job[data-job-id="{shop.sample_job_id()}"]')
    expect(page.locator("#job-name")).to_have_text("Order report")
    expect(page.locator("#unsaved")).to_be_hidden()
    mine.click()
    expect(page.locator("#unsaved")).to_be_visible()
    editor.press("Control+s")
    expect(page.locator("#unsaved")).to_be_hidden()
    assert node_of(editor.stored(), 2)["config"]["condition"] == "id > 42"
    expect(mine).to_have_attribute("data-unsaved", "false")


def test_execute_saves_first_and_runs_what_is_shown(edit: Any, shop: Product) -> None:
    graph = small_graph()
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph)
    expect_live(editor.page)
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id <= 10")
    editor.page.click("#execute")
    expect_run(editor.page, "completed")
    expect_state(editor.page, 3, "success")
    expect(node(editor.page, 3).locator(".node-count")).to_have_text("10")
    assert node_of(editor.stored(), 2)["config"]["condition"] == "id <= 10"


def test_what_somebody_else_saved_meanwhile_is_not_lost_unasked(edit: Any, shop: Product) -> None:
    editor = edit()
    theirs = small_graph(condition="id > 1000")
    shop.request("PUT", f"/api/jobs/{editor.job_id}", {"name": "Theirs", "graph": theirs})
    editor.node(2).focus()
    editor.press("ArrowDown")
    editor.page.click("#save")
    expect(editor.page.locator("#confirm-title")).to_have_text("Changed elsewhere")
    editor.page.click("#confirm-no")
    assert editor.stored()["name"] == "Theirs"
    editor.page.click("#save")
    editor.page.click("#confirm-yes")
    expect(editor.page.locator("#unsaved")).to_be_hidden()
    assert node_of(editor.stored(), 2)["config"]["condition"] == "id > 5"


def test_a_draft_survives_a_reload_and_can_be_discarded(edit: Any) -> None:
    editor = edit()
    page = editor.page
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id > 42")
    expect(page.locator("#unsaved")).to_be_visible()
    page.reload()
    expect(page.locator("#notice-text")).to_contain_text("Your unsaved draft of")
    expect(page.locator("#unsaved")).to_be_visible()
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 42")
    page.click("#undo")
    expect(page.locator("#unsaved")).to_be_hidden()
    page.click("#redo")
    page.reload()
    expect(page.locator("#notice-action")).to_have_text("Discard it")
    page.click("#notice-action")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 5")
    expect(page.locator("#unsaved")).to_be_hidden()
    page.reload()
    expect(editor.node(2)).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_restored_draft_does_not_replace_what_was_saved_since(edit: Any, shop: Product) -> None:
    editor = edit()
    page = editor.page
    editor.node(2).focus()
    editor.press("ArrowDown")
    expect(page.locator("#unsaved")).to_be_visible()
    shop.request("PUT", f"/api/jobs/{editor.job_id}", {"name": "Theirs", "graph": small_graph()})
    page.reload()
    expect(page.locator("#notice-text")).to_contain_text("saved by somebody else since")
    page.click("#save")
    expect(page.locator("#confirm-title")).to_have_text("Changed elsewhere")
    page.click("#confirm-no")
    assert editor.stored()["name"] == "Theirs"


def test_what_execute_said_of_the_graph_goes_when_that_is_mended(edit: Any) -> None:
    graph = small_graph(condition="id = 5")
    editor = edit({**graph, "edges": [*graph["edges"], {"from": 2, "to": 3}]})
    page = editor.page
    page.click("#execute")
    expect(page.locator("#notice-text")).to_contain_text("write == to compare")
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("id = 6")
    expect(page.locator("#notice")).to_be_visible()
    condition.fill("id == 6")
    expect(page.locator("#problems")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()


def save_elsewhere(shop: Product, editor: Editor, condition: str, name: str = "Theirs") -> None:
    document = {"name": name, "graph": small_graph(condition=condition)}
    assert shop.request("PUT", f"/api/jobs/{editor.job_id}", document).status == 200


def look_at_the_list(page: Page) -> None:
    """As the page does every ten seconds, and when it is seen again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_what_somebody_saved_is_shown_where_nothing_was_changed_here(
    edit: Any, shop: Product
) -> None:
    editor = edit()
    page = editor.page
    condition = editor.node(2).locator(".node-type")
    save_elsewhere(shop, editor, "id > 77")
    look_at_the_list(page)
    expect(condition).to_have_text("id > 77")
    expect(page.locator("#job-name")).to_have_text("Theirs")
    expect(page.locator("#notice-text")).to_contain_text("Somebody saved this job")
    expect(page.locator("#unsaved")).to_be_hidden()
    page.click("#undo")
    expect(condition).to_have_text("id > 5")
    page.click("#save")
    expect(page.locator("#unsaved")).to_be_hidden()
    assert editor.stored()["name"] == "Theirs"


def test_changes_stay_where_somebody_saved_and_a_save_of_them_asks(
    edit: Any, shop: Product
) -> None:
    editor = edit()
    page = editor.page
    editor.node(2).focus()
    editor.press("ArrowDown")
    expect(page.locator("#unsaved")).to_be_visible()
    save_elsewhere(shop, editor, "id > 5", name="Only its name")
    look_at_the_list(page)
    expect(page.locator("#job-name")).to_have_text("Only its name")
    expect(page.locator("#notice")).to_be_hidden()
    save_elsewhere(shop, editor, "id > 77")
    look_at_the_list(page)
    expect(page.locator("#notice-action")).to_have_text("Discard my changes")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 5")
    page.click("#save")
    expect(page.locator("#confirm-title")).to_have_text("Changed elsewhere")
    page.click("#confirm-no")
    page.click("#notice-action")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 77")


def test_execute_shows_first_what_somebody_saved_meanwhile(edit: Any, shop: Product) -> None:
    editor = edit()
    page = editor.page
    save_elsewhere(shop, editor, "id > 77")
    page.click("#execute")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 77")
    expect(page.locator("#notice-text")).to_contain_text("Somebody saved this job")
    assert shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"] == []


def test_execute_cannot_be_pressed_again_while_it_looks(edit: Any) -> None:
    editor = edit()
    page = editor.page
    held = hold(page, f"**/api/jobs/{editor.job_id}")
    page.click("#execute")
    wait_for_held(page, held)
    expect(page.locator("#execute")).to_be_disabled()
    held[0].continue_()
    expect(page.locator("#execute")).to_be_enabled()


def test_a_job_that_somebody_deleted_says_so_and_can_be_made_anew(edit: Any, shop: Product) -> None:
    editor = edit(name="Short-lived")
    page = editor.page
    assert shop.request("DELETE", f"/api/jobs/{editor.job_id}").status == 204
    look_at_the_list(page)
    expect(page.locator("#notice-text")).to_have_text("Somebody deleted this job.")
    page.click("#notice-action")
    expect(page.locator("#job-name")).to_have_text("Short-lived copy")
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")


def test_two_tabs_keep_a_draft_each_and_know_of_one_another(edit: Any, shop: Product) -> None:
    first = edit()
    second = Editor(first.page.context.new_page(), shop, first.job_id)

    def condition(editor: Editor) -> Locator:
        return editor.node(2).locator(".node-type")

    def write(editor: Editor, text: str) -> None:
        editor.node(2).click()
        editor.field("condition").locator("textarea").fill(text)
        expect(editor.page.locator("#unsaved")).to_be_visible()

    second.page.goto(f"{shop.url}/?job={first.job_id}&token={shop.token()}")
    expect(condition(second)).to_have_text("id > 5")
    write(first, "id > 11")
    notice = second.page.locator("#notice-text")
    expect(notice).to_contain_text("being changed in another tab")
    expect(condition(second)).to_have_text("id > 5")
    expect(second.page.locator("#unsaved")).to_be_hidden()
    write(second, "id > 22")
    expect(first.page.locator("#notice-text")).to_contain_text("being changed in another tab")
    for editor, text in ((first, "id > 11"), (second, "id > 22")):
        editor.page.reload()
        expect(editor.page.locator("#notice-text")).to_contain_text("Your unsaved draft of")
        expect(condition(editor)).to_have_text(text)
    assert node_of(first.save(), 2)["config"]["condition"] == "id > 11"
    second.page.click("#save")
    expect(second.page.locator("#confirm-title")).to_have_text("Changed elsewhere")


def test_a_draft_that_a_closed_tab_left_is_offered_and_can_be_used(
    edit: Any, shop: Product
) -> None:
    first = edit()
    first.node(2).click()
    first.field("condition").locator("textarea").fill("id > 33")
    expect(first.page.locator("#unsaved")).to_be_visible()
    page = first.page.context.new_page()
    first.page.close()
    second = Editor(page, shop, first.job_id)
    page.goto(f"{shop.url}/?job={first.job_id}&token={shop.token()}")
    expect(page.locator("#notice-text")).to_contain_text("of another tab or an earlier visit")
    condition = second.node(2).locator(".node-type")
    expect(condition).to_have_text("id > 5")
    page.click("#notice-action")
    expect(condition).to_have_text("id > 33")
    page.reload()
    expect(page.locator("#notice-text")).to_contain_text("Your unsaved draft of")  # now this tab's
    page.click("#notice-action")
    expect(condition).to_have_text("id > 5")
    page.reload()
    expect(condition).to_have_text("id > 5")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_duplicated_tab_keeps_a_draft_of_its_own(edit: Any, shop: Product) -> None:
    first = edit()
    first.node(2).focus()
    first.press("ArrowDown")
    expect(first.page.locator("#unsaved")).to_be_visible()
    with first.page.expect_popup() as opened:  # begins with a copy of this tab's session
        first.page.evaluate("() => void window.open(location.href)")
    page = opened.value
    expect(page.locator("#notice-text")).to_contain_text("of another tab or an earlier visit")
    name = "() => sessionStorage.getItem('playground.tab')"
    eventually(lambda: page.evaluate(name) != first.page.evaluate(name))
    expect(page.locator("#unsaved")).to_be_hidden()


def test_leaving_the_page_asks_where_the_browser_keeps_no_drafts(edit: Any) -> None:
    editor = edit()
    editor.page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error(); }; }")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    editor.page.on("dialog", stay)
    editor.node(2).click()
    editor.page.keyboard.press("ArrowDown")
    editor.page.evaluate("location.reload()")
    eventually(lambda: editor.page.wait_for_timeout(20) or asked == ["beforeunload"])


def test_a_preview_waits_for_a_runner_that_is_not_there_yet(edit: Any) -> None:
    editor = edit()
    refusals = [503, 503]

    def answer(route: Route) -> None:
        if refusals:
            body = json.dumps({"detail": "no runner answered"})
            route.fulfill(status=refusals.pop(), content_type="application/json", body=body)
        else:
            route.continue_()

    editor.page.route("**/api/jobs/preview", answer)
    editor.node(2).focus()
    editor.press("p")
    expect(editor.page.locator("#preview-note")).to_have_text("Waiting for a runner…")
    expect(editor.page.locator("#preview")).to_have_attribute("data-state", "rows")
    expect(editor.page.locator("#announcer")).to_contain_text("Preview of")


def test_keys_work_on_a_keyboard_of_other_letters(edit: Any) -> None:
    editor = edit()
    page = editor.page
    keyboard = page.context.new_cdp_session(page)

    def press(key: str, code: str, modifiers: int = 0) -> None:
        keys = {"key": key, "code": code, "modifiers": modifiers}
        for kind in ("rawKeyDown", "keyUp"):
            keyboard.send("Input.dispatchKeyEvent", {"type": kind, **keys})

    control = 2
    editor.node(2).focus()
    press("ф", "KeyA")  # as Ctrl+Я is Ctrl+Z, Ф is A
    expect(page.locator("#picker")).to_be_visible()
    editor.press("Escape")
    editor.node(2).focus()
    editor.press("Delete")
    expect(editor.node(2)).to_have_count(0)
    press("я", "KeyZ", control)
    expect(editor.node(2)).to_be_visible()
    editor.press("ArrowDown")
    press("ы", "KeyS", control)
    expect(page.locator("#unsaved")).to_be_hidden()
    press("л", "KeyK", control)
    expect(page.locator("#find")).to_be_visible()
    press("л", "KeyK", control)
    expect(page.locator("#find")).to_be_hidden()


def test_in_the_colours_of_the_system_one_sees_what_is_chosen(edit: Any) -> None:
    """Backgrounds and shadows, which say it otherwise, are not drawn there (high contrast of Windows)."""
    editor = edit(forced_colors="active")
    page = editor.page

    def outlined(part: Locator) -> Any:
        return part.evaluate("(part) => getComputedStyle(part).outlineStyle !== 'none'")

    editor.node(1).click()
    page.click('[data-drawer="runs"]')
    jobs = page.locator("button.job")
    sides = page.locator(".segment span")
    drawers = [page.locator(f'[data-drawer="{name}"]') for name in ("runs", "log")]
    page.locator("#node-name").focus()
    eventually(lambda: outlined(drawers[0]) and not outlined(drawers[1]), what="the open drawer")
    assert [outlined(side) for side in sides.all()] == [False, True]
    assert outlined(page.locator('.job[aria-current="true"]'))
    assert sum(outlined(job) for job in jobs.all()) == 1
    page.locator("#graph").focus()
    editor.press("a")
    expect(page.locator(".picker-item")).not_to_have_count(0)
    assert [outlined(item) for item in page.locator(".picker-item").all()[:2]] == [True, False]


# ---------------------------------------------------------------- jobs


def test_a_job_is_made_named_and_duplicated(edit: Any, shop: Product) -> None:
    editor = edit(name="First")
    page = editor.page
    page.click("#job-new")
    expect(page.locator("#job-rename")).to_be_focused()
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("Second")
    expect(page.locator(".job[aria-current='true']")).to_contain_text("Second")
    page.click('.palette-item[data-type="db_input"]')
    page.click("#job-menu")
    page.click('.menu-item[data-key="duplicate"]')
    expect(page.locator("#job-name")).to_have_text("Second copy")
    expect(page.locator(".node-name")).to_have_text(["DB Input"])
    names = [job["name"] for job in shop.get("/api/jobs").json()["jobs"]]
    assert {"Second", "Second copy"} <= set(names)


def test_a_name_of_signs_beyond_the_first_plane_is_duplicated_whole(edit: Any) -> None:
    editor = edit(name="a" + "😀" * 199)
    editor.page.click("#job-menu")
    editor.page.click('.menu-item[data-key="duplicate"]')
    expect(editor.page.locator("#job-name")).to_have_text("a" + "😀" * 189 + " copy")


def test_keys_of_an_input_method_are_none_of_the_page(edit: Any) -> None:
    editor = edit(name="Old name")
    page = editor.page
    method = page.context.new_cdp_session(page)

    def put_together(text: str) -> None:
        end = {"selectionStart": len(text), "selectionEnd": len(text)}
        method.send("Input.imeSetComposition", {"text": text, **end})

    editor.press("F2")
    put_together("にほ")
    editor.press("Enter", "Escape")  # takes the word, or drops it
    expect(page.locator("#job-rename")).to_be_focused()
    method.send("Input.insertText", {"text": "日本"})
    editor.press("Enter")
    expect(page.locator("#job-name")).to_have_text("日本")
    editor.node(2).click()
    editor.field("condition").locator("textarea").click()
    put_together("ほ")
    editor.press("Escape")
    expect(page.locator("#node-form")).to_be_visible()
    method.send("Input.insertText", {"text": ""})
    editor.press("Escape")
    expect(page.locator("#node-form")).to_be_hidden()


def test_renaming_by_key_keeps_what_is_not_saved(edit: Any) -> None:
    editor = edit(name="Old name")
    editor.node(2).focus()
    editor.press("ArrowDown", "F2")
    editor.page.keyboard.type("New name")
    editor.press("Enter")
    expect(editor.page.locator("#job-name")).to_have_text("New name")
    expect(editor.page.locator("#unsaved")).to_be_visible()
    assert editor.stored()["name"] == "New name"
    assert node_of(editor.stored(), 2)["position"] == {"x": 340, "y": 80}
    editor.save()
    assert editor.stored()["name"] == "New name"


def test_deleting_a_job_asks_first(edit: Any, shop: Product) -> None:
    editor = edit(name="Doomed")
    page = editor.page
    page.locator("#job-menu").focus()
    editor.press("Enter", "End", "Enter")
    expect(page.locator("#confirm-title")).to_have_text("Delete “Doomed”?")
    expect(page.locator("#confirm-no")).to_be_focused()
    editor.press("Escape")
    assert shop.get(f"/api/jobs/{editor.job_id}").status == 200
    page.click("#job-menu")
    page.click('.menu-item[data-key="delete"]')
    page.click("#confirm-yes")
    expect(page.locator(f'.job[data-job-id="{editor.job_id}"]')).to_have_count(0)
    assert shop.get(f"/api/jobs/{editor.job_id}").status == 404
    expect(page.locator("#home")).to_be_visible()
    expect(page.locator("#home #notice")).to_contain_text("Deleted Doomed.")
    expect(page.locator("#bench")).to_be_hidden()


def test_export_and_import_give_the_same_graph(edit: Any, shop: Product, tmp_path: Path) -> None:
    editor = edit(name="Travels")
    page = editor.page
    page.click("#job-menu")
    with page.expect_download() as download:
        page.click('.menu-item[data-key="export"]')
    assert download.value.suggested_filename == "Travels.json"
    path = tmp_path / "travels.json"
    download.value.save_as(path)
    document = json.loads(path.read_text())
    assert document["graph"]["edges"] == [{"from": 1, "to": 2}]
    page.set_input_files("#job-files", path)
    expect(page.locator("#job-name")).to_have_text("Travels 2")
    imported = max(shop.get("/api/jobs").json()["jobs"], key=lambda job: job["id"])
    assert shop.get(f"/api/jobs/{imported['id']}").json()["graph"] == document["graph"]
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"nodes": 5}')
    page.set_input_files("#job-files", wrong)
    expect(page.locator("#notice-text")).to_contain_text("wrong.json")


def test_changes_can_be_discarded(edit: Any) -> None:
    editor = edit()
    editor.node(2).focus()
    editor.press("Delete")
    editor.page.click("#job-menu")
    editor.page.click('.menu-item[data-key="discard"]')
    editor.page.click("#confirm-yes")
    editor.expect_nodes("Orders", "Recent", "Report")
    expect(editor.page.locator("#unsaved")).to_be_hidden()


def test_a_deleted_node_of_an_old_run_does_not_come_back(edit: Any, shop: Product) -> None:
    graph = small_graph()
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph)
    editor.page.click("#execute")
    expect_run(editor.page, "completed")
    editor.node(2).focus()
    editor.press("Delete")
    editor.expect_nodes("Orders", "Report")
    editor.save()
    editor.page.reload()
    expect_run(editor.page, "completed")
    editor.expect_nodes("Orders", "Report")
    editor.page.click('.palette-item[data-type="map"]')
    expect(editor.node(4)).to_have_attribute("data-state", re.compile("idle|notrun"))


# ---------------------------------------------------------------- for everyone


def test_the_editor_at_work_on_the_sample_shows_form_and_rows(
    open_playground: OpenPlayground, tmp_path: Path
) -> None:
    page = open_playground(viewport={"width": 1440, "height": 860})
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


def test_a_narrow_window_edits_by_forms(edit: Any) -> None:
    editor = edit(viewport={"width": 390, "height": 800})
    page = editor.page
    expect(page.locator(".port:visible")).to_have_count(0)
    page.click("#add")
    page.click('.picker-item[data-key="map"]')
    editor.expect_nodes("Orders", "Report", "Map", "Recent")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
