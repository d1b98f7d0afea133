"""The graph, edited in Chromium by pointer and by keyboard, each on a job of its own in one running product."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import (
    EMPTY,
    WIDE,
    Editor,
    box_of,
    edges_of,
    node_of,
    ports_graph,
    small_graph,
)
from tests.browser.pages import assert_accessible, hold_clock, picture, shift_clock
from tests.browser.run.runs import Publisher
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
    editor.page.locator('.palette-item[data-type="csv_input"]').focus()
    expect(editor.page.locator('.palette-item:not([tabindex="-1"])')).to_have_count(
        1
    )  # Tab goes past the others
    editor.press("ArrowUp")
    editor.press("Enter")
    editor.expect_nodes("DB Input")
    expect(editor.page.locator("#node-name")).to_be_focused()
    editor.page.keyboard.type("Customers")
    editor.expect_nodes("Customers")


def test_enter_opens_the_form_of_a_node_and_once_more_goes_into_it(edit: Any) -> None:
    """Tab alone led there past all other nodes, the tools and what is open below the graph."""
    editor = edit()
    editor.node(2).focus()
    editor.press("Enter")
    expect(editor.page.locator("#node-form")).to_be_visible()
    expect(editor.node(2)).to_be_focused()
    editor.press("Enter")
    expect(editor.page.locator("#node-name")).to_be_focused()
    editor.press("Escape")
    expect(editor.node(2)).to_be_focused()
    editor.node(2).click()
    editor.node(2).click()  # by hand it stays as it is
    expect(editor.page.locator("#node-form")).to_be_visible()
    expect(editor.node(2)).to_be_focused()


def test_a_node_that_is_dropped_beside_the_graph_comes_into_sight(edit: Any) -> None:
    """It was nowhere to be seen, as if it had gone."""
    editor = edit()
    start = editor.middle(editor.node(3))
    editor.drag(start, (start[0], 2_000))
    expect(editor.page.locator("#unsaved")).to_be_visible()
    graph = box_of(editor.page.locator("#graph"))
    assert graph["y"] < editor.place(3)[1] < graph["y"] + graph["height"] - 60


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
    port = editor.field("branches").locator('[data-member="port"]')
    for letters in ("l", "", "rejected", "huge"):  # as who deletes the old name first
        port.fill(letters)
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
    editor.press("Delete", "Delete")  # the second is about nothing
    editor.expect_edge(1, 2, count=0)
    editor.expect_nodes("Orders", "Recent", "Report")
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


def test_a_node_that_is_dragged_stays_under_the_pointer_and_is_let_go_with_its_button(
    edit: Any,
) -> None:
    """A button that came up beside the canvas was not heard of: the node then followed the bare pointer."""
    editor = edit()
    mouse = editor.page.mouse
    (left, top), (x, y) = editor.place(2), editor.middle(editor.node(2))
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, 5)  # beside the canvas, by one quick move
    mouse.move(x, y + 80)
    mouse.wheel(0, 40)
    eventually(lambda: editor.place(2) == (left, top + 80), what="it is where the pointer is")
    mouse.up()
    assert editor.place(2) == (left, top + 80)
    editor.press("Control+z")
    eventually(lambda: editor.place(2) == (left, top - 40), what="the wheel has moved all")
    mouse.move(x, y - 40)
    mouse.down()
    mouse.move(x, 5)
    editor.page.evaluate(
        "window.addEventListener('pointerup', (event) => event.stopImmediatePropagation(), {capture: true, once: true})"
    )
    mouse.up()
    mouse.move(x, y + 80)
    eventually(lambda: editor.place(2) == (left, top - 40), what="no button holds it")


def test_space_that_comes_up_in_another_window_holds_nothing(edit: Any) -> None:
    editor = edit()
    canvas = editor.page.locator("#graph")
    canvas.focus()
    editor.page.keyboard.down(" ")
    expect(canvas).to_have_class(re.compile("is-panning"))
    editor.page.evaluate("dispatchEvent(new Event('blur'))")
    expect(canvas).not_to_have_class(re.compile("is-panning"))
    editor.page.keyboard.up(" ")


def test_arrow_keys_move_what_is_selected(edit: Any) -> None:
    editor = edit()
    before = editor.place(2)
    hold_clock(editor.page)
    editor.node(2).focus()
    editor.press("ArrowRight", "ArrowRight", "Shift+ArrowDown")
    assert editor.place(2) == (before[0] + 16, before[1] + 48)
    editor.press("Control+z")
    assert editor.place(2) == before  # one after the other is one step


def test_arrow_keys_move_all_that_is_selected_and_a_pause_begins_another_step(edit: Any) -> None:
    editor = edit()
    before = [editor.place(n) for n in (1, 2, 3)]
    hold_clock(editor.page)
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
    for _ in range(3):  # a key that is held
        editor.page.keyboard.down("Delete")
    editor.page.keyboard.up("Delete")
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
    editor.field("condition").locator(".field-help").click()  # the field is missed
    editor.press("Backspace", "t")
    editor.expect_nodes("Orders", "Recen", "Report")
    editor.press("Control+z")
    editor.expect_nodes("Orders", "Recent", "Report")
    editor.page.mouse.click(*editor.ground())
    editor.press("Control+a", "Backspace")
    editor.expect_nodes()


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
    hold_clock(editor.page)
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


# Without that, Safari does not tell of a copy where no text is marked
PREPARED = "!document.activeElement.dispatchEvent(new Event('beforecopy', {bubbles: true, cancelable: true}))"


def test_copy_and_paste_bring_nodes_with_their_edges_under_new_names(edit: Any) -> None:
    editor = edit()
    # what was marked in a list before is not what is copied
    editor.page.evaluate("getSelection().selectAllChildren(document.querySelector('.jobs h2'))")
    editor.node(1).click(modifiers=["Shift"])
    editor.node(2).click(modifiers=["Shift"])
    assert editor.page.evaluate(PREPARED)
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


PASTE = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData('text/plain', text);
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_more_nodes_than_a_job_may_have_are_not_pasted_and_it_is_said_why(edit: Any) -> None:
    """Nothing happened, without a word."""
    editor = edit()
    editor.node(2).focus()
    nodes = [{"id": number, "type": "sort"} for number in range(1, 302)]
    editor.page.evaluate(PASTE, json.dumps({"name": "Huge", "graph": {"nodes": nodes}}))
    said = editor.page.locator("#notice-text")
    expect(said).to_have_text("These are 301 nodes; a job has at most 200.")
    editor.expect_nodes("Orders", "Recent", "Report")


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
