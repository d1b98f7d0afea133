"""Types of columns in the editor: in forms, in previews, found in a file, and where they changed what a job means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.edit.editing import EMPTY, Editor, box_of, node_of, small_graph
from tests.browser.pages import assert_accessible, hold, picture, refuse_twice
from tests.browser.run.test_playground import expect_live, expect_run
from tests.harness import Product

VISITS = """id,name,price,day,vip,at,zip
1,Ann,1.50,2026-02-01,true,2026-02-01 12:00:00,01067
2,,2.25,2026-02-03,false,2026-02-03 08:30:00,10115
3,Eve,10,2026-03-01,,2026-03-01 00:00:00.5,
"""
FOUND = [
    {"column": "id", "type": "integer"},
    {"column": "name", "type": "text"},
    {"column": "price", "type": "numeric"},
    {"column": "day", "type": "date"},
    {"column": "vip", "type": "boolean"},
    {"column": "at", "type": "timestamp"},
    {"column": "zip", "type": "text"},
]


def visits(condition: str = "name != 'x'", **config: Any) -> dict[str, Any]:
    """CSV Input → Filter → CSV Output."""

    def made(node_id: int, kind: str, name: str, **settings: Any) -> dict[str, Any]:
        place = {"x": 300 * node_id - 260, "y": 80}
        return {"id": node_id, "type": kind, "name": name, "config": settings, "position": place}

    nodes = [
        made(1, "csv_input", "Visits", path="visits.csv", **config),
        made(2, "filter", "Some", condition=condition),
        made(3, "csv_output", "Report", path="report.csv"),
    ]
    return {"nodes": nodes, "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}]}


def of_this_engine(graph: dict[str, Any]) -> dict[str, Any]:
    return {**graph, "engine": 2}


@pytest.fixture(autouse=True)
def file(shop: Product) -> Path:
    path = shop.data_dir / "visits.csv"
    path.write_text(VISITS, encoding="utf-8")
    return path


def types_shown(editor: Editor) -> list[dict[str, str]]:
    """The lines of the form's types."""
    found: list[dict[str, str]] = editor.field("types").evaluate(
        """(field) => [...field.querySelectorAll('li')].map((line) => ({
          column: line.querySelector('input').value, type: line.querySelector('select').value }))"""
    )
    return found


def expect_note(editor: Editor, text: str | re.Pattern[str]) -> None:
    expect(editor.field("types").locator(".types-note")).to_have_text(text)


# ---------------------------------------------------------------- forms


def test_each_column_has_a_line_with_its_name_and_a_choice_of_types(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    editor.node(1).click()
    editor.field("types").locator(".columns-add").click()
    editor.page.keyboard.type("price")
    line = editor.field("types").locator("li").first
    expect(line.get_by_label("Type 1")).to_have_value("text")
    kinds = "text integer numeric double boolean date time timestamp timestamptz"
    expect(line.locator("option")).to_have_text(kinds.split())
    line.locator("select").select_option("numeric")
    editor.field("types").locator(".columns-add").click()
    editor.page.keyboard.type("day")
    editor.field("types").get_by_label("Type 2").select_option("date")
    named = [{"column": "price", "type": "numeric"}, {"column": "day", "type": "date"}]
    assert node_of(editor.save(), 1)["config"]["types"] == named
    editor.field("types").get_by_label("Remove column 1").click()
    expect(editor.field("types").locator("input")).to_be_focused()
    assert node_of(editor.save(), 1)["config"]["types"] == named[1:]
    editor.press("Control+z")
    assert types_shown(editor) == named


def test_a_type_that_is_not_known_here_stays_until_another_is_chosen(edit: Any) -> None:
    editor = edit(of_this_engine(visits(types=[{"column": "price", "type": "money"}])))
    editor.node(1).click()
    assert types_shown(editor) == [{"column": "price", "type": "money"}]
    expect(editor.field("types").locator(".field-error")).to_contain_text("money")
    editor.field("types").locator("select").select_option("numeric")
    expect(editor.field("types").locator(".field-error")).to_be_hidden()


def test_types_that_are_no_list_of_objects_open_and_can_be_mended(edit: Any) -> None:
    editor = edit(of_this_engine(visits(types=[None, {"column": "price"}, 7])))
    expect(editor.page.locator("#notice-text")).to_contain_text("a column of node 1 is no object")
    editor.node(1).click()
    editor.field("types").locator("select").select_option("numeric")
    assert node_of(editor.save(), 1)["config"]["types"] == [{"column": "price", "type": "numeric"}]


def test_number_columns_are_there_for_graphs_of_before_alone(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    editor.node(1).click()
    expect(editor.field("types")).to_be_visible()
    expect(editor.field("numbers")).to_be_hidden()
    older = edit(visits(numbers=["price"]))
    older.node(1).click()
    numbers = older.field("numbers").locator("textarea")
    expect(numbers).to_have_value("price")
    numbers.fill("")  # not taken away under the fingers of who types
    expect(numbers).to_be_focused()
    numbers.fill("price\nid")
    assert node_of(older.save(), 1)["config"]["numbers"] == ["price", "id"]


def test_a_count_takes_whole_numbers_and_a_marker_takes_spaces(edit: Any) -> None:
    editor = edit(EMPTY)
    page = editor.page
    page.click('.palette-item[data-type="limit"]')
    rows = editor.field("rows").locator("input")
    expect(page.locator("#node-form")).to_contain_text("How many rows to hand on")
    for odd in ("many", "1e3", "-1", "2.5"):
        rows.fill(odd)
        expect(editor.field("rows").locator(".field-error")).to_have_text(
            "Rows must be a whole number, for example 1000"
        )
    rows.fill("9007199254740993")
    expect(editor.field("rows").locator(".field-error")).to_contain_text("9,007,199,254,740,991")
    rows.fill("1000")
    expect(editor.field("rows").locator(".field-error")).to_be_hidden()
    expect(editor.node(1)).to_contain_text("the first 1,000 rows")
    expect(editor.node(1).locator(".node-kind use")).to_have_attribute("href", "#icon-limit")
    page.click('.palette-item[data-type="csv_input"]')
    editor.field("null_marker").locator("input").fill(" ")
    stored = editor.save()
    assert node_of(stored, 1)["config"] == {"rows": 1000}
    assert node_of(stored, 2)["config"]["null_marker"] == " "


def test_a_text_in_a_field_of_numbers_never_runs_as_the_number_before_it(
    edit: Any, shop: Product
) -> None:
    few = {"id": 2, "type": "limit", "name": "Few", "config": {"rows": 10}}
    graph = small_graph()
    graph["nodes"][1] = {**graph["nodes"][1], **few}
    editor = edit({**graph, "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}]})
    page = editor.page
    editor.node(2).click()
    rows = editor.field("rows").locator("input")
    rows.fill("5e")
    page.click("#execute")
    expect(page.locator("#notice")).to_contain_text("Rows must be a whole number")
    assert shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"] == []
    editor.node(1).click()
    expect(editor.node(2)).to_have_attribute("data-invalid", "true")
    editor.node(2).click()
    expect(rows).to_have_value("5e")
    expect(editor.field("rows").locator(".field-error")).to_contain_text("for example 1000")
    page.click("#undo")
    expect(rows).to_have_value("10")
    expect(editor.field("rows").locator(".field-error")).to_be_hidden()


# ---------------------------------------------------------------- previews


def test_a_preview_says_what_each_column_holds(edit: Any) -> None:
    named = [{"column": "id", "type": "integer"}, {"column": "price", "type": "numeric"}]
    editor = edit(of_this_engine(visits(types=named)))
    editor.node(2).focus()
    editor.press("p")
    page = editor.page
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    expect(page.locator(".rows-type")).to_have_text(
        ["integer", "text", "numeric", "text", "text", "text", "text"]
    )
    expect(page.locator(".rows-type").nth(2)).to_have_attribute("title", "numeric")
    # exact numbers come as text, and still stand as numbers
    expect(page.locator("#preview-table tbody tr").first.locator(".is-number")).to_have_text(
        ["1", "1.50"]
    )


# ---------------------------------------------------------------- finding types


def test_types_are_found_shown_saved_and_can_be_taken_back(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    editor.node(1).click()
    editor.page.click(".types-find")
    expect_note(editor, "Found the types of 7 columns.")
    assert types_shown(editor) == FOUND
    expect(editor.page.locator("#announcer")).to_have_text("Found the types of 7 columns.")
    expect(editor.page.locator("#undo")).to_have_attribute(
        "title", "Undo: Find the types of Visits"
    )
    assert "types" not in node_of(editor.stored(), 1)["config"]
    assert node_of(editor.save(), 1)["config"]["types"] == FOUND
    editor.press("Control+z")
    assert types_shown(editor) == []


def test_what_somebody_named_stays_and_is_told_where_the_file_says_otherwise(edit: Any) -> None:
    named = [{"column": "gone", "type": "date"}, {"column": "id", "type": "text"}]
    editor = edit(of_this_engine(visits(types=named, numbers=["price"])))
    editor.node(1).click()
    editor.page.click(".types-find")
    expect_note(
        editor,
        "Found the types of 5 columns. Kept yours: id is text, where integer was found."
        " Not in the file: gone.",
    )
    kept = {"id": "text", "price": "numeric"}
    wanted = [{**entry, "type": kept.get(entry["column"], entry["type"])} for entry in FOUND]
    wanted.append({"column": "gone", "type": "date"})
    assert types_shown(editor) == wanted
    expect(editor.field("numbers")).to_be_hidden()
    config = node_of(editor.save(), 1)["config"]
    assert config["types"] == wanted
    assert "numbers" not in config


def test_a_file_that_cannot_be_read_says_why_and_nothing_changes(edit: Any, file: Path) -> None:
    editor = edit(of_this_engine(visits()))
    editor.node(1).click()
    file.write_text("id,name\n1,Ann\n2\n", encoding="utf-8")
    editor.page.click(".types-find")
    expect_note(editor, re.compile("Line 3 of visits.csv"))
    expect(editor.field("types").locator(".types-note")).to_have_attribute("data-tone", "error")
    file.unlink()
    editor.page.click(".types-find")
    expect_note(editor, re.compile("visits.csv"))
    assert types_shown(editor) == []
    expect(editor.page.locator("#unsaved")).to_be_hidden()


def test_types_are_found_though_those_that_are_there_are_wrong(edit: Any) -> None:
    wrong = [{"column": "", "type": "text"}, {"column": "id", "type": "money"}]
    editor = edit(of_this_engine(visits(types=wrong)))
    editor.node(1).click()
    editor.page.click(".types-find")
    expect_note(editor, re.compile("Found the types of 6 columns. Kept yours: id is money"))


def test_a_file_that_is_changed_while_it_is_read_gives_no_types(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    held = hold(editor.page, "**/api/jobs/find-types")
    editor.node(1).click()
    with editor.page.expect_request("**/api/jobs/find-types"):
        editor.page.click(".types-find")
    expect_note(editor, "Reading the file…")
    editor.field("path").locator("input").fill("other.csv")
    held[0].fulfill(json={"columns": ["id"], "types": ["integer"]})
    expect_note(editor, "Its settings were changed meanwhile. Find its types again.")
    assert types_shown(editor) == []


def test_the_form_of_an_http_input_asks_for_what_its_pages_need(edit: Any) -> None:
    source = {"id": 1, "type": "http_input", "name": "Orders", "config": {"url": "ftp://x/"}}
    editor = edit(of_this_engine({"nodes": [source], "edges": []}))
    editor.node(1).click()
    expect(editor.field("url").locator(".field-error")).to_contain_text("begin with https://")
    pages, following = editor.field("paging").locator("select"), editor.field("next")
    expect(following).to_be_hidden()
    pages.select_option("cursor")
    following.locator("input").fill("meta.next")
    editor.field("parameter").locator("input").fill("after")
    expect(editor.field("first_page")).to_be_hidden()
    editor.field("connection").locator("input").fill("CRM")
    editor.field("url").locator("input").fill("/orders")
    expect(editor.field("url").locator(".field-error")).to_be_hidden()
    editor.page.click(".types-find")
    expect_note(editor, re.compile("connection CRM is not known"))


def test_finding_types_waits_for_a_runner_that_is_not_there_yet(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    refuse_twice(editor.page, "**/api/jobs/find-types")
    editor.node(1).click()
    editor.page.click(".types-find")
    expect_note(editor, "Found the types of 7 columns.")


# ---------------------------------------------------------------- what changed its meaning


def test_a_job_of_before_says_what_it_means_now_until_it_is_saved(edit: Any, shop: Product) -> None:
    editor = edit(visits("id > 2"))
    page = editor.page
    expect(page.locator("#notes-text")).to_have_text("2 nodes changed their meaning")
    on_card = page.locator('.node-slot[data-node-id="1"] .node-notes')
    expect(on_card).to_have_text("2 changes of meaning")
    page.click("#notes")
    expect(page.locator("#node-name")).to_have_value("Visits")
    expect(page.locator("#node-notes")).to_contain_text("Text and integer do not go together")
    expect(page.locator("#node-notes")).to_contain_text("An empty field of the file is NULL now")
    expect(page.locator("#node-notes")).to_contain_text("the file's columns hold text: id")
    page.click("#node-notes-dismiss")
    expect(page.locator("#node-notes")).to_be_hidden()
    expect(on_card).to_be_hidden()
    expect(page.locator("#notes-text")).to_have_text("1 node changed its meaning")
    page.click("#notes")
    expect(page.locator("#node-name")).to_have_value("Some")
    expect(page.locator("#node-notes")).to_contain_text("NULL")
    page.click("#node-notes-dismiss")
    expect(page.locator("#notes")).to_be_hidden()
    page.reload()
    expect(on_card).to_be_visible()  # nobody has saved it yet
    editor.node(1).click()
    page.click(".types-find")
    expect_note(editor, "Found the types of 7 columns.")
    assert editor.save()["graph"]["engine"] == 2
    expect(page.locator("#notes")).to_be_hidden()
    assert shop.get(f"/api/jobs/{editor.job_id}").json()["notes"] == []
    page.click("#execute")
    expect_run(page, "completed")


def test_a_job_of_before_can_be_saved_as_it_is(edit: Any) -> None:
    editor = edit(visits())
    page = editor.page
    expect(page.locator("#notes")).to_be_visible()
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#save")).to_be_enabled()
    page.click("#save")
    expect(page.locator("#notes")).to_be_hidden()
    expect(page.locator("#save")).to_be_disabled()
    assert editor.stored()["graph"]["engine"] == 2


def test_executing_or_renaming_a_job_of_before_does_not_take_its_notes_away(edit: Any) -> None:
    editor = edit(visits())
    page = editor.page
    expect_live(page)
    page.click("#execute")
    expect_run(page, "completed")
    expect(page.locator("#notes")).to_be_visible()
    page.keyboard.press("F2")
    page.keyboard.type("Renamed")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("Renamed")
    assert editor.stored()["notes"] != []
    expect(page.locator("#notes")).to_be_visible()


def test_a_new_job_and_a_copy_of_one_that_was_saved_have_no_notes(edit: Any) -> None:
    editor = edit(of_this_engine(visits()))
    page = editor.page
    expect(page.locator("#save")).to_be_disabled()
    expect(page.locator("#notes")).to_be_hidden()
    page.click("#job-menu")
    page.click('.menu-item[data-key="duplicate"]')
    expect(page.locator("#job-name")).to_have_text("Edited copy")
    expect(page.locator(".node")).to_have_count(3)
    expect(page.locator("#notes")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_types_and_notes_are_accessible(edit: Any, scheme: str, tmp_path: Path) -> None:
    editor = edit(visits("id > 2"), color_scheme=scheme)
    page = editor.page
    editor.node(1).click()
    expect(page.locator("#node-notes")).to_be_visible()
    box_of(page.locator("#node-form"))
    assert_accessible(page, f"notes, {scheme}")
    picture(page, f"notes-{scheme}", tmp_path)
    page.click(".types-find")
    expect_note(editor, "Found the types of 7 columns.")
    page.click("#node-preview")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows")
    box_of(page.locator("#preview-table"))
    assert_accessible(page, f"types, {scheme}")
    picture(page, f"types-{scheme}", tmp_path)
