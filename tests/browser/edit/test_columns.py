"""The editor knows the columns: what is completed, what is marked while one types, what an edge and an expression show."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.edit.editing import URL, Editor, box_of
from tests.browser.edit.test_edit_rules import run
from tests.browser.pages import assert_accessible
from tests.harness import Product, eventually


def made(node_id: int, kind: str, name: str, x: int, y: int = 80, **config: Any) -> dict[str, Any]:
    return {"id": node_id, "type": kind, "name": name, "config": config, "position": {"x": x, "y": y}}  # fmt: skip


COMPUTED = [{"column": "twice", "expression": "id * 2"}, {"column": "b", "expression": "status"}]
GRAPH = {
    "nodes": [
        made(1, "db_input", "Orders", 40, connection=URL, table="orders"),
        made(2, "map", "Twice", 340, columns=COMPUTED, keep="all"),
        made(3, "sort", "Sorted", 40, 320, by=[{"column": "twice"}]),
        made(4, "db_output", "Report", 340, 320, connection=URL, table="edited", mode="upsert", key=["id"]),
    ],
    "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}],
    "engine": 2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def runner(shop: Product) -> None:
    """Until the first columns are asked for, a runner is there."""
    body = {"graph": {"nodes": [GRAPH["nodes"][0]], "edges": []}}  # type: ignore[index]
    eventually(lambda: not shop.post("/api/jobs/columns", body).json()["unread"], what="a runner")


@pytest.fixture
def editor(edit: Any) -> Editor:
    editor: Editor = edit(GRAPH)
    editor.node(2).click()
    expect(columns_of(editor, "Orders")).to_have_text("5 columns")
    return editor


def columns_of(editor: Editor, other: str) -> Locator:
    """The summary of the columns of the edge from or to another node, in the form."""
    return editor.page.locator(".connection", has_text=other).locator("summary")


def options(editor: Editor) -> Locator:
    return editor.page.locator(".completion:visible [role=option]")


def expression(editor: Editor, number: int = 1) -> Locator:
    return editor.page.get_by_label(f"Expression {number}", exact=True)


def problems(editor: Editor) -> Locator:
    return editor.page.locator("#problems-text")


# ---------------------------------------------------------------- completion


def test_columns_of_the_database_are_completed_with_their_types_without_a_preview(
    editor: Editor,
) -> None:
    field = expression(editor)
    field.fill("")
    field.press_sequentially("custo")
    expect(options(editor).first).to_have_text("customer_idinteger")
    editor.press("ArrowDown", "Enter")
    expect(field).to_have_value("customer_id")


def test_a_field_that_names_columns_completes_those_that_come_in(editor: Editor) -> None:
    editor.node(3).click()
    field = editor.page.get_by_label("Column 1", exact=True)
    field.fill("")
    field.press_sequentially("tw")
    expect(options(editor)).to_have_text(["twiceinteger"])
    assert_accessible(editor.page, "completion of names")
    editor.press("ArrowDown", "Tab")
    expect(field).to_have_value("twice")
    expect(field).to_be_focused()
    editor.node(4).click()
    key = editor.field("key").locator("textarea")
    key.fill("id\n")
    key.press_sequentially("ord")
    expect(options(editor).first).to_be_visible()
    editor.press("ArrowDown", "Enter")
    expect(key).to_have_value("id\nordered_at")


def test_a_query_completes_tables_and_their_columns(editor: Editor) -> None:
    page = editor.page
    editor.node(1).click()
    away = {"status": 503, "json": {"detail": "no runner answered"}}
    page.route("**/api/tables", lambda route: route.fulfill(**away))
    with page.expect_response("**/api/tables"):
        editor.field("table").locator("input").focus()
    page.unroute("**/api/tables")
    there = editor.field("table").locator("datalist option", has_text="customers")

    def are_there() -> bool:
        editor.field("connection").locator("input").focus()
        editor.field("table").locator("input").focus()  # they are asked for once more
        return there.count() == 1

    eventually(are_there, what="the tables are offered")
    page.locator(".segment", has_text="SQL").click()
    query = editor.field("sql").locator("textarea")
    query.press_sequentially("SELECT c.name FROM cust")
    expect(options(editor).first).to_have_text("customerstable")
    editor.press("ArrowDown", "Enter")
    query.press_sequentially(" WHERE customers.countr")
    expect(options(editor).first).to_contain_text("country")
    editor.press("ArrowDown", "Enter")
    expect(query).to_have_value("SELECT c.name FROM customers WHERE customers.country")


# ---------------------------------------------------------------- what is wrong


def test_a_wrong_column_is_marked_while_typing_on_field_node_and_list_alike(
    editor: Editor,
) -> None:
    expect(problems(editor)).to_be_hidden()
    expression(editor).fill("idd * 2")
    expect(problems(editor)).to_have_text("1 problem")
    expect(expression(editor)).to_have_attribute("aria-invalid", "true")
    expect(expression(editor, 2)).not_to_have_attribute("aria-invalid", "true")
    said = "no column 'idd'; is 'id' meant?"
    expect(editor.field("columns").locator(".field-error")).to_contain_text(said)
    expect(editor.node(2)).to_have_attribute("data-invalid", "true")
    expect(editor.page.locator("#problems")).to_have_attribute("title", re.compile(re.escape(said)))
    assert_accessible(editor.page, "a wrong column")
    expression(editor).fill("id * 2")
    expect(problems(editor)).to_be_hidden()
    expect(expression(editor)).to_have_attribute("aria-invalid", "false")


def test_a_wrong_type_and_a_name_that_is_gone_are_marked_in_the_nodes_behind(
    editor: Editor,
) -> None:
    expression(editor, 2).fill("status + id")
    expect(editor.field("columns").locator(".field-error")).to_contain_text(
        "Text + integer is not possible"
    )
    editor.page.get_by_label("Column 1", exact=True).fill("double")
    expect(problems(editor)).to_have_text("2 problems")
    editor.node(3).click()
    expect(editor.field("by").locator(".field-error")).to_contain_text("no column 'twice'")
    expect(editor.page.get_by_label("Column 1", exact=True)).to_have_attribute("aria-invalid", "true")  # fmt: skip


def test_without_a_runner_nothing_is_marked_that_nobody_knows(edit: Any, shop: Product) -> None:
    editor: Editor = edit()
    page = editor.page
    page.route("**/api/jobs/columns", lambda route: route.fulfill(status=403, json={"detail": "no"}))  # fmt: skip
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("nonsense > 1")
    editor.settle()
    expect(columns_of(editor, "Orders")).to_have_text(re.compile("column"))
    editor.save()


# ---------------------------------------------------------------- columns of an edge


def test_the_columns_of_an_edge_are_in_the_form_and_on_hover(editor: Editor) -> None:
    summary = columns_of(editor, "Sorted")
    expect(summary).to_have_text("7 columns")
    summary.focus()
    editor.press("Enter")
    shown = editor.page.locator(".connection", has_text="Sorted").locator(".connection-column-list")
    expect(shown).to_contain_text("twice integer")
    assert_accessible(editor.page, "columns of an edge")
    title = editor.page.locator(".edge-hit[data-key] title").nth(1)
    expect(title).to_contain_text("customer_id integer")
    expect(title).to_contain_text("twice integer")
    expression(editor).fill("str(id)")
    expect(shown).to_contain_text("twice text")
    expect(title).to_contain_text("twice text")


def test_of_a_file_that_is_not_there_it_is_said_why(edit: Any) -> None:
    source = made(1, "csv_input", "Gone", 40, path="gone.csv")
    editor: Editor = edit({"nodes": [source, made(2, "map", "All", 340)], "edges": [{"from": 1, "to": 2}]})  # fmt: skip
    editor.node(2).click()
    expect(columns_of(editor, "Gone")).to_have_text("columns not known")
    columns_of(editor, "Gone").click()
    expect(editor.page.locator(".connection-column-list")).to_contain_text("gone.csv")


# ---------------------------------------------------------------- by an expression


def test_the_values_of_an_expression_follow_what_is_typed(editor: Editor) -> None:
    expression(editor).focus()
    button = editor.page.locator(".completing", has=expression(editor)).locator(".expression-try")
    values = editor.page.locator(".completing", has=expression(editor)).locator(
        ".expression-values"
    )
    button.click()
    expect(values).to_have_text(re.compile(r"^integer: 2, 4, 6, 8, 10 …$"))
    assert_accessible(editor.page, "values of an expression")
    expression(editor).fill("status")
    expect(values).to_have_text(re.compile(r'^text: "'))
    expression(editor).fill("1 / (id - 1)")
    expect(values).to_have_attribute("data-tone", "error")
    button.click()
    expect(values).to_be_hidden()


def test_a_function_is_picked_from_a_list_with_examples(editor: Editor) -> None:
    expression(editor).fill("")
    editor.page.locator(".completing", has=expression(editor)).locator(
        ".expression-functions"
    ).click()
    expect(editor.page.locator(".picker-item").first).to_contain_text(" is ")
    editor.page.locator("#picker-text").fill("upper")
    assert_accessible(editor.page, "the list of functions")
    editor.press("Enter")
    expect(expression(editor)).to_have_value("upper(")
    expect(expression(editor)).to_be_focused()


def test_an_expression_of_many_lines_is_seen_whole(editor: Editor) -> None:
    field = expression(editor)
    before = box_of(field)
    field.fill("(id\n + 1\n + 2\n + 3)")
    after = box_of(field)
    assert after["height"] > before["height"] + 40
    eventually(lambda: field.evaluate("(area) => area.scrollHeight <= area.clientHeight + 1"))


def test_a_new_output_writes_in_a_mode_whose_second_run_works(edit: Any) -> None:
    editor: Editor = edit()
    editor.press("a")
    editor.page.locator("#picker-text").fill("DB Output")
    editor.press("Enter")
    expect(editor.field("mode").locator("select")).to_have_value("replace")


# ---------------------------------------------------------------- the rules without the page


def test_the_word_in_a_list_of_names_is_its_line(modules: Page) -> None:
    body = "const f = m.inNames(given[0], given[1], given[2].map((name) => ({name, type: 'text'}))); return [f.start, f.end, f.offers.map((o) => o.insert)];"
    columns = ["id", "order id", "identity"]
    assert run(modules, "edit/form/words", body, ["id\nide", 6, columns]) == [3, 6, ["identity"]]
    assert run(modules, "edit/form/words", body, ["ID\nx", 2, columns]) == [0, 2, ["id", "identity", "order id"]]  # fmt: skip
    assert run(modules, "edit/form/words", body, ["", 0, columns]) == [0, 0, columns]


def test_the_word_in_a_query_is_a_table_or_a_column_of_those_it_names(modules: Page) -> None:
    tables = [
        {"name": "orders", "columns": [{"name": "id", "type": "integer"}, {"name": "Odd one", "type": "text"}]},
        {"name": "far.items", "columns": [{"name": "item", "type": "text"}]},
    ]  # fmt: skip
    body = "const f = m.inQuery(given[0], given[0].length, given[1]); return f && [f.start, f.offers.map((o) => o.insert)];"
    assert run(modules, "edit/form/words", body, ["SELECT * FROM o", tables]) == [14, ["orders"]]
    assert run(modules, "edit/form/words", body, ["SELECT * FROM orders WHERE o", tables]) == [27, ['"Odd one"', "orders"]]  # fmt: skip
    assert run(modules, "edit/form/words", body, ["SELECT orders.i", tables]) == [14, ["id"]]
    assert run(modules, "edit/form/words", body, ["SELECT * FROM far.it", tables]) == [
        14,
        ["far.items"],
    ]
    assert run(modules, "edit/form/words", body, ["SELECT 'o", tables]) is None


def test_what_a_problem_says_twice_is_told_once(modules: Page) -> None:
    body = "return m.problemsOfBoth(given[0], given[1]).map((one) => one.message);"
    checked = [{"nodeId": 1, "field": "a", "message": "x"}, {"nodeId": 1, "field": "b", "text": "t", "message": "y"}]  # fmt: skip
    found = [{"nodeId": 1, "field": "b", "text": "t", "message": "y, longer"}, {"nodeId": 2, "field": "b", "text": "t", "message": "z"}]  # fmt: skip
    assert run(modules, "edit/form/columns", body, [checked, found]) == ["x", "y", "z"]


def test_rows_of_several_edges_have_the_columns_of_all(modules: Page) -> None:
    told = {
        "nodes": [
            {"id": 1, "outputs": [{"port": "", "columns": [{"name": "a", "type": "text"}], "all": True, "more": 0}]},
            {"id": 2, "outputs": [{"port": "x", "columns": [{"name": "b", "type": None}], "all": True, "more": 3}]},
        ],
        "unread": [],
    }  # fmt: skip
    graph = {"nodes": [{"id": n, "type": "t", "config": {}} for n in (1, 2, 3)], "edges": [{"from": 1, "to": 3}, {"from": 2, "to": 3}]}  # fmt: skip
    body = "const k = m.columnsEntering(given[0], given[1], new Map(), 3); return [k.columns.map((c) => c.name), k.all, m.countText(k), m.linesOf(k)];"
    assert run(modules, "edit/form/columns", body, [told, graph]) == [
        *(["a", "b"], True, "5 columns"),
        ["a text", "b (a run tells its type)", "… and 3 more"],
    ]
