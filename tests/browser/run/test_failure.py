"""A failed node in Chromium: the whole row, the field at fault on top, the rows around it, ways out for such rows, and another run in one press."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, ViewportSize, expect

from tests.browser.edit.editing import Editor, box_of, node_of
from tests.browser.pages import assert_accessible, picture
from tests.browser.run.test_playground import expect_run
from tests.harness import Product

BAD = "100 // (id - 50)"
GOOD = "100 // (id + 50)"
PHONE: ViewportSize = {"width": 390, "height": 844}
READ = 30_000  # milliseconds in which a preview has come


def graph(name: str, *, expression: str = BAD, **more: Any) -> dict[str, Any]:
    def made(node_id: int, kind: str, title: str, x: int, **config: Any) -> dict[str, Any]:
        place = {"x": x, "y": 100}
        return {"id": node_id, "type": kind, "name": title, "config": config, "position": place}

    columns = [
        {"column": "half", "expression": "id / 2"},
        {"column": "share", "expression": expression},
    ]
    types = [{"column": "id", "type": "integer"}]
    return {
        "nodes": [
            made(1, "csv_input", "Numbers", 60, path=f"{name}.csv", types=types),
            made(2, "filter", "Large", 320, condition="id > 10"),
            made(3, "map", "Shares", 580, columns=columns),
            made(4, "csv_output", "Out", 840, path=f"{name}-out.csv"),
        ],
        "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}],
        "engine": 2,
        **more,
    }


def failed(edit: Any, shop: Product, name: str, **options: Any) -> Editor:
    """The page, where a run has failed and its failed node is shown."""
    first = options.pop("first", 1)
    rows = "".join(f"{n},{f'city {n}' if n != 50 else ''},p{n}\n" for n in (first, *range(2, 101)))
    (shop.data_dir / f"{name}.csv").write_text("id,city,password\n" + rows)
    more = options.pop("more", {})
    editor: Editor = edit(graph(name, **more), name=name, **options)
    if more.get("parameters") is None:
        editor.page.click("#execute")
    else:
        shop.run_end(shop.execute(editor.job_id, divisor=50))
    expect_run(editor.page, "failed")
    editor.page.click("#run-reason-show")
    expect(editor.page.locator("#failure")).to_be_visible()
    return editor


def cells(editor: Editor) -> list[list[str]]:
    rows = editor.page.locator("#failure-row tr").all()
    return [row.locator("th, td").all_text_contents() for row in rows]


def holding(editor: Editor, text: str) -> Locator:
    """The input of the form that holds this text."""
    place = editor.page.locator("#node-form :is(input, textarea)").evaluate_all(
        "(inputs, text) => inputs.findIndex((input) => input.value === text)", text
    )
    assert place >= 0, f"no input holds {text}"
    return editor.page.locator("#node-form :is(input, textarea)").nth(place)


def test_a_failed_node_shows_the_whole_row_and_the_field_at_fault_on_top(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    editor = failed(edit, shop, "whole")
    page = editor.page
    expect(page.locator("#failure-place")).to_have_text(
        "Line 51 of whole.csv. Row 50 of its source."
    )
    assert cells(editor) == [["id (at fault)", "50"], ["city", "NULL"], ["password", "…"]]
    expect(page.locator('#failure-row tr[data-fault="true"]')).to_have_count(1)
    expect(page.locator("#failure-more")).to_be_hidden()
    first = page.locator("#node-form > .field").first
    expect(first).to_have_attribute("data-field", "columns")
    expect(first.locator(".field-error")).to_contain_text("Division by zero")
    expect(holding(editor, BAD)).to_have_attribute("aria-invalid", "true")
    expect(holding(editor, "id / 2")).not_to_have_attribute("aria-invalid", "true")
    form, body = (
        page.locator("#node-form").bounding_box(),
        page.locator("#details-body").bounding_box(),
    )
    assert form
    assert body
    assert form["y"] < body["y"], "what to change comes before what else is known"
    assert_accessible(page, "a failed node")
    picture(page, "failure", tmp_path)
    editor.node(2).click()
    expect(page.locator("#failure")).to_be_hidden()
    expect(page.locator("#node-form > .field").first).to_have_attribute("data-field", "name")
    page.click('[data-drawer="runs"]')  # a sentence, as above the graph and on Runs
    expect(page.locator("#run-table .cell-reason")).to_have_text(re.compile("^Exit code 1: .*[.]$"))


def test_what_came_to_the_node_is_shown_around_the_row(edit: Any, shop: Product) -> None:
    editor = failed(edit, shop, "around")
    page = editor.page
    page.click("#failure-around")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows", timeout=READ)
    expect(page.locator("#preview-title")).to_have_text("What comes to Shares around row 50")
    expect(page.locator("#preview-note")).to_have_text("20 rows before it, and 20 behind it.")
    row = page.locator('#preview-table tr[aria-current="true"]')
    expect(row.locator("th, td")).to_have_text(["50", "50", "NULL", "p50"])
    expect(row).to_be_in_viewport()
    rows = page.locator("#preview-table tbody tr")
    expect(rows.first.locator("th, td")).to_have_text(["−20", "30", "city 30", "p30"])
    expect(rows.last.locator("th, td")).to_have_text(["+20", "70", "city 70", "p70"])
    assert_accessible(page, "rows around the one at fault")
    (shop.data_dir / "around.csv").write_text("id,city,password\n11,x,y\n")
    page.click("#preview-again")
    expect(page.locator("#preview-note")).to_contain_text(
        "does not come to the node any more", timeout=READ
    )
    expect(page.locator("#preview-table tbody tr")).to_have_count(0)


def test_rows_that_a_run_before_kept_are_not_looked_for_in_what_is_read_now(
    edit: Any, shop: Product
) -> None:
    editor = failed(edit, shop, "begun", more={"keepOutputs": True})
    page = editor.page
    before = page.locator("#run-id").get_attribute("title")
    expect(page.locator("#failure-around")).to_be_visible()
    page.click("#kept-again")
    expect(page.locator("#run-id")).not_to_have_attribute("title", before or "")
    expect_run(page, "failed")
    expect(page.locator("#run-from")).to_be_visible()
    expect(page.locator("#failure-place")).to_have_text("Row 40 of Large.")
    expect(page.locator("#failure-around")).to_be_hidden()
    expect(page.locator("#failure-again")).to_be_visible()


def test_a_mended_expression_is_saved_and_run_in_one_press(edit: Any, shop: Product) -> None:
    editor = failed(edit, shop, "mended")
    page = editor.page
    expect(page.locator("#failure-again")).to_have_text("Run again")
    holding(editor, BAD).fill(GOOD)
    expect(page.locator("#failure-again")).to_have_text("Save and run again")
    holding(editor, "share").focus()
    expect(editor.field("columns").locator(".field-error").first).to_be_hidden()
    expect(holding(editor, GOOD)).not_to_have_attribute("aria-invalid", "true")
    page.click("#failure-again")
    expect_run(page, "completed")
    expect(page.locator("#failure")).to_be_hidden()
    expect(page.locator("#unsaved")).to_be_hidden()
    assert node_of(editor.stored(), 3)["config"]["columns"][1]["expression"] == GOOD
    assert (shop.data_dir / "mended-out.csv").read_text().count("\n") == 91


def test_it_runs_again_with_the_values_of_the_run_that_failed(edit: Any, shop: Product) -> None:
    declared = [{"name": "divisor", "type": "number", "default": 7}]
    more = {"parameters": declared, "expression": "100 // (id - param('divisor'))"}
    editor = failed(edit, shop, "values", more=more)
    page = editor.page
    before = page.locator("#run-id").get_attribute("title")
    page.click("#failure-around")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows", timeout=READ)
    holding(editor, "100 // (id - param('divisor'))").fill("100 // (id + param('divisor'))")
    page.click("#failure-again")
    expect_run(page, "completed")
    expect(page.locator("#run-id")).not_to_have_attribute("title", before or "")
    [newest, _] = shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"]
    assert newest["parameters"] == {"divisor": "50"}
    assert newest["status"] == "completed"


@pytest.mark.parametrize(
    ("button", "kind"), [("#failure-skip", "filter"), ("#failure-file", "csv_output")]
)
def test_such_rows_get_a_way_out_in_one_press(
    edit: Any, shop: Product, button: str, kind: str
) -> None:
    editor = failed(edit, shop, kind)
    page = editor.page
    page.click(button)
    expect(page.locator("#details-name")).to_have_text("Shares")
    expect(page.locator(button)).to_be_hidden()
    expect(page.locator("#failure-again")).to_be_focused()
    editor.expect_edge(3, 5, leaves="rejected")
    page.click(
        "#fit"
    )  # a node that lies out of the canvas, where axe does not see that it is cut off, is in the way
    box_of(editor.node(1))
    assert_accessible(page, "a failed node whose bad rows have a way out")
    page.focus("#failure-again")
    page.keyboard.press("Enter")
    expect_run(page, "completed")
    expect(page.locator("#details-close")).to_be_focused()  # the button went with the failure
    assert node_of(editor.stored(), 5)["type"] == kind
    run = shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"][0]
    assert run["rows"]["rejected"] == 1
    assert (shop.data_dir / f"{kind}-out.csv").read_text().count("\n") == 90
    if kind == "csv_output":
        written = (shop.data_dir / f"rejected-{editor.job_id}-3.csv").read_text()
        assert "division by zero" in written


def test_a_file_that_has_not_its_types_shows_its_row_and_the_types_on_top(
    edit: Any, shop: Product
) -> None:
    editor = failed(edit, shop, "typed", first="many", more={"expression": GOOD})
    page = editor.page
    expect(page.locator("#details-name")).to_have_text("Numbers")
    expect(page.locator("#failure-place")).to_have_text("Line 2 of typed.csv. Row 1 of its source.")
    assert cells(editor) == [["id (at fault)", "many"], ["city", "city many"], ["password", "…"]]
    expect(page.locator("#failure-around")).to_be_hidden()
    first = page.locator("#node-form > .field").first
    expect(first).to_have_attribute("data-field", "types")
    expect(first.locator(".field-error").first).to_contain_text("is not a whole number")
    assert_accessible(page, "a failed input")
    page.click("#failure-skip")
    expect(page.locator("#failure-again")).to_be_focused()
    page.keyboard.press("Enter")
    expect_run(page, "completed")
    run = shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"][0]
    assert run["rows"]["rejected"] == 1


def test_a_way_out_is_one_step_that_undo_takes_back(edit: Any, shop: Product) -> None:
    editor = failed(edit, shop, "undone")
    page = editor.page
    page.click("#failure-skip")
    editor.expect_edge(3, 5, leaves="rejected")
    page.click("#undo")
    expect(editor.node(5)).to_have_count(0)
    editor.expect_edge(3, 5, 0, leaves="rejected")


def test_of_a_past_run_the_row_is_shown_and_nothing_is_offered(edit: Any, shop: Product) -> None:
    editor = failed(edit, shop, "past")
    page = editor.page
    run_id = page.locator("#run-id").get_attribute("title")
    page.goto(f"{page.url.partition('?')[0]}?job={editor.job_id}&run={run_id}&node=3")
    expect(page.locator("#past")).to_be_visible()
    expect(page.locator("#failure-row tr")).to_have_count(3)
    for button in ("again", "around", "skip", "file"):
        expect(page.locator(f"#failure-{button}")).to_be_hidden()
    assert_accessible(page, "a failed node of a past run")


# What of a part of the page another one lies over, of a hundred of its points
COVERED = """(part) => {
  const { left, top, width, height } = part.getBoundingClientRect();
  const points = Array.from({ length: 100 }, (_, at) => [left + (width * ((at % 10) + 0.5)) / 10, top + (height * (Math.floor(at / 10) + 0.5)) / 10]);
  const over = points.map(([x, y]) => document.elementFromPoint(x, y)).filter((found) => found !== null && !part.contains(found) && !found.contains(part));
  return over.filter((found) => found.closest('#details') !== null).length;
}"""


@pytest.mark.parametrize("viewport", [(1440, 900), (880, 700), (700, 900), (390, 844)])
def test_a_drawer_and_the_tools_have_room_beside_the_details_or_in_their_place(
    edit: Any, shop: Product, viewport: tuple[int, int]
) -> None:
    width, height = viewport
    size = {"width": width, "height": height}
    page = failed(edit, shop, f"room{width}", viewport=size).page
    if width > 860:
        box_of(page.locator(".canvas-tools"))
        assert page.locator(".canvas-tools").evaluate(COVERED) == 0
    page.get_by_role("button", name="Show the log").click()
    expect(page.locator(".drawers")).to_have_attribute("data-open", "true")
    box_of(page.locator(".drawers"))
    assert page.locator(".drawers").evaluate(COVERED) == 0
    if width > 860:
        expect(page.locator("#details")).to_be_visible()


def test_on_a_phone_it_fits(edit: Any, shop: Product, tmp_path: Path) -> None:
    editor = failed(edit, shop, "phone", viewport=PHONE)
    page = editor.page
    width = page.evaluate("document.querySelector('#details').scrollWidth")
    assert width <= PHONE["width"]
    assert_accessible(page, "a failed node on a phone")
    picture(page, "failure-phone", tmp_path)
