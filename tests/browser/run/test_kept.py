"""Kept outputs in Chromium: the setting of the job, what a node gave, and a run that begins again at the node that failed."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.edit.editing import Editor
from tests.browser.pages import assert_accessible, look_no_more
from tests.browser.run.test_playground import expect_run
from tests.harness import Product


def graph(name: str, divisor: int) -> dict[str, Any]:
    def made(node_id: int, kind: str, title: str, x: int, **config: Any) -> dict[str, Any]:
        place = {"x": x, "y": 100}
        return {"id": node_id, "type": kind, "name": title, "config": config, "position": place}

    types = [{"column": "id", "type": "integer"}]
    columns = [{"column": "t", "expression": f"100 // (id - {divisor})"}]
    return {
        "nodes": [
            made(1, "csv_input", "Numbers", 60, path=f"{name}.csv", types=types),
            made(2, "filter", "Large", 320, condition="id > 10"),
            made(3, "map", "Totals", 580, columns=columns),
            made(4, "csv_output", "Out", 840, path=f"{name}-out.csv"),
        ],
        "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}],
    }


def numbers(shop: Product, name: str) -> None:
    rows = "".join(f"{n}\n" for n in range(1, 101))
    (shop.data_dir / f"{name}.csv").write_text("id\n" + rows)


def test_a_job_is_told_to_keep_outputs_and_a_failed_run_begins_again_from_its_node(
    edit: Any, shop: Product
) -> None:
    numbers(shop, "begin")
    editor: Editor = edit(graph("begin", 50), name="Begin")
    page = editor.page
    page.click("#job-menu")
    page.click('.menu-item[data-key="kept"]')
    expect(page.locator("#keep-outputs")).to_be_visible()
    assert_accessible(page, "keep outputs")
    page.check("#keep-outputs-on")
    page.click("#keep-outputs-done")
    expect(page.locator("#keep-outputs")).to_be_hidden()
    assert editor.save()["graph"]["keepOutputs"] is True
    page.click("#execute")
    expect_run(page, "failed")
    editor.node(2).click()
    expect(page.locator("#details-kept")).to_have_attribute("data-kept", "yes")
    expect(page.locator("#kept-note")).to_have_text("90 rows are kept.")
    page.click("#kept-show")
    expect(page.locator("#kept")).to_have_attribute("data-state", "rows", timeout=30_000)
    expect(page.locator("#kept-title")).to_have_text("What Large gave")
    expect(page.locator("#kept-said")).to_have_text("The first 50 of 90 rows.")
    row = page.locator("#kept-figures tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator("th, td")).to_have_text(["id", "0", "11", "100"])
    assert_accessible(page, "what a node gave")
    page.click("#kept-close")
    expect(page.locator("#kept")).to_be_hidden()
    editor.node(3).click()
    expect(page.locator("#kept-note")).to_have_text("Not kept: it was not done when the run ended.")
    expect(page.locator("#kept-again")).to_be_visible()
    assert_accessible(page, "details of a node that can begin")
    editor.node(1).click()
    expect(page.locator("#kept-again")).to_be_hidden()
    expect(page.locator("#kept-why")).to_contain_text("Nothing comes before this node")


def test_a_preview_shows_what_the_run_kept_and_reads_anew_when_asked_again(
    edit: Any, shop: Product
) -> None:
    numbers(shop, "rows")
    editor: Editor = edit({**graph("rows", 50), "keepOutputs": True}, name="Rows")
    page = editor.page
    page.click("#execute")
    expect_run(page, "failed")
    run_id = page.locator("#run-id").get_attribute("title")
    assert run_id
    (shop.data_dir / "rows.csv").write_text("id\n77\n")
    editor.node(2).click()
    expect(page.locator("#details-kept")).to_have_attribute("data-kept", "yes")
    page.click("#node-preview")
    expect(page.locator("#preview")).to_have_attribute("data-state", "rows", timeout=30_000)
    expect(page.locator("#preview-note")).to_have_text(
        f"The first 50 rows; there are more. From what run {run_id[:8]}… kept of Large."
    )
    expect(page.locator("#preview-table tbody tr").first).to_have_text("111")
    assert_accessible(page, "a preview of kept rows")
    page.click("#preview-again")
    expect(page.locator("#preview-note")).to_have_text("All 1 row.", timeout=30_000)
    expect(page.locator("#preview-table tbody tr")).to_have_text(["177"])


def test_a_run_begins_at_a_node_and_says_what_it_began_with(edit: Any, shop: Product) -> None:
    numbers(shop, "again")
    editor: Editor = edit({**graph("again", 50), "keepOutputs": True}, name="Again")
    page = editor.page
    page.click("#execute")
    expect_run(page, "failed")
    failed = page.locator("#run-id").get_attribute("title")
    assert failed
    mended = {**graph("again", 500), "keepOutputs": True}
    saved = shop.request("PUT", f"/api/jobs/{editor.job_id}", {"name": "Again", "graph": mended})
    assert saved.status == 200
    page.reload()
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    expect_run(page, "failed")
    editor.node(3).click()
    page.press("#kept-again", "Enter")
    expect_run(page, "completed")
    expect(page.locator("#details-close")).to_be_focused()
    expect(page.locator("#run-from")).to_contain_text("Begun at Totals, with what was kept of run")
    editor.node(2).click()
    expect(page.locator("#details-body .state-line")).to_have_text("Not run again")
    expect(page.locator("#details-message")).to_have_text(f"90 rows kept from run {failed}")
    page.click("#kept-from")
    expect(page.locator("#past")).to_be_visible()
    expect(page.locator("#past-status")).to_have_text("Failed")


def test_what_the_server_refuses_is_said(edit: Any, shop: Product) -> None:
    numbers(shop, "refuse")
    editor: Editor = edit({**graph("refuse", 50), "keepOutputs": True}, name="Refuse")
    page = editor.page
    page.click("#execute")
    expect_run(page, "failed")
    editor.node(3).click()
    expect(page.locator("#kept-again")).to_be_visible()
    look_no_more(page)
    changed = {**graph("refuse", 50), "keepOutputs": True}
    changed["nodes"][1]["config"]["condition"] = "id > 20"
    saved = shop.request("PUT", f"/api/jobs/{editor.job_id}", {"name": "Refuse", "graph": changed})
    assert saved.status == 200
    said = ["this is how it is now", "Large has changed since that run"]
    for words in said:  # the graph of now is seen first
        editor.node(3).click(button="right")
        page.click('.menu-item[data-key="again"]')
        expect(page.locator("#notice")).to_contain_text(words)
