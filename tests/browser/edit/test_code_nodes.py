"""Nodes with SQL and Python in the editor: code that keeps its indentation, inputs that have names, errors beside the field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.edit.editing import Editor, node_of
from tests.browser.edit.test_edit_rules import run
from tests.harness import Product, running_product


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Any) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("code") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", PYTHON_NODES="on") as product:
        (data_dir / "in.csv").write_text("a\n1\n")
        yield product


def with_node(kind: str, enters: str = "", **config: Any) -> dict[str, Any]:
    nodes = [
        {"id": 1, "type": "csv_input", "name": "In", "config": {"path": "in.csv"}, "position": {"x": 40, "y": 80}},
        {"id": 2, "type": kind, "name": "Mine", "config": config, "position": {"x": 340, "y": 80}},
        {"id": 3, "type": "csv_output", "name": "Out", "config": {"path": "out.csv"}, "position": {"x": 640, "y": 80}},
    ]  # fmt: skip
    first = {"from": 1, "to": 2, **({"toPort": enters} if enters else {})}
    return {"nodes": nodes, "edges": [first, {"from": 2, "to": 3}], "engine": 2}


def test_code_keeps_its_indentation_and_its_errors_stand_beside_it(edit: Any) -> None:
    editor: Editor = edit(with_node("python", columns=[{"column": "x", "type": "text"}]))
    editor.node(2).click()
    code = editor.field("code").locator("textarea")
    code.click()
    typing = editor.page.keyboard.type
    typing("def transform(row):\nif row:\nreturn row")
    editor.press("Enter", "Shift+Tab")
    typing("return {'x': 'a'")
    expect(editor.field("code").locator(".field-error")).to_contain_text("was never closed (line 4, column 12)")  # fmt: skip
    typing("}\n")
    editor.press("Shift+Tab")
    wanted = "def transform(row):\n    if row:\n        return row\n    return {'x': 'a'}\n"
    expect(code).to_have_value(wanted)
    expect(editor.field("code").locator(".field-error")).to_be_hidden()
    assert node_of(editor.save(), 2)["config"]["code"] == wanted
    code.press("Tab")
    expect(code).to_have_value(f"{wanted}    ")
    editor.press("Escape", "Tab")  # which leaves the field now
    expect(code).not_to_be_focused()
    expect(code).to_be_visible()
    expect(code).to_have_value(f"{wanted}    ")
    editor.press("Escape")
    expect(code).to_be_hidden()


def test_what_a_key_does_to_indentation(modules: Page) -> None:
    body = "return given.map(([code, start, end, key, shift]) => { const c = m.indented(code, start, end, key, shift);"
    body += " return c === null ? null : [code.slice(0, c.from) + c.text + code.slice(c.to), c.start, c.end]; });"
    given = [
        ["a:", 2, 2, "Enter", False],
        ["    a", 5, 5, "Enter", False],
        ["ab", 1, 1, "Tab", False],
        ["a\nb\nc", 0, 4, "Tab", False],
        ["    a\n  b\nc", 2, 11, "Tab", True],
        ["      a", 7, 7, "Tab", True],
        ["a", 1, 1, "Tab", True],
        ["a", 1, 1, "x", False],
    ]
    assert run(modules, "edit/form/fields", body, given) == [
        ["a:\n    ", 7, 7],
        ["    a\n    ", 10, 10],
        ["a    b", 5, 5],
        ["    a\n    b\nc", 0, 11],
        ["a\nb\nc", 0, 5],
        ["  a", 3, 3],
        ["a", 1, 1],
        None,
    ]


def test_an_edge_follows_an_input_that_is_renamed_and_a_query_is_told_of_beside_it(
    edit: Any,
) -> None:
    editor: Editor = edit(with_node("sql", "input", sql="SELECT b FROM people"))
    expect(editor.port(2, "in", "input")).to_have_count(1)
    editor.node(2).click()
    name = editor.field("inputs").get_by_label("Name 1")
    name.fill("people")
    expect(editor.port(2, "in", "people")).to_have_count(1)
    editor.expect_edge(1, 2, enters="people")
    assert editor.save()["graph"]["edges"][0] == {"from": 1, "to": 2, "toPort": "people"}
    editor.page.get_by_role("button", name="Preview").first.click()
    error = editor.field("sql").locator(".field-error")
    expect(error).to_contain_text('Referenced column "b" not found')
    expect(error).to_contain_text("(line 1, column 8)")
    editor.field("sql").locator("textarea").fill("SELECT a FROM people")
    expect(error).to_be_hidden()
