"""Files in Chromium: to browse for one, bring one, drop one on the canvas, and look at what an output wrote."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.edit.editing import URL, Editor
from tests.browser.pages import assert_accessible, go_within, hold, picture, wait_for_held
from tests.browser.run.test_playground import expect_run
from tests.harness import Product, eventually, running_product

SHARED = "shared place"
DROP = """([names, content, x, y]) => {
  const files = new DataTransfer();
  for (const name of [names].flat()) files.items.add(new File([content], name));
  const at = document.elementFromPoint(x, y);
  for (const kind of ['dragover', 'drop']) {
    at.dispatchEvent(new DragEvent(kind, {dataTransfer: files, clientX: x, clientY: y, bubbles: true, cancelable: true}));
  }
}"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("files-page") / "data"
    shared = data_dir.parent / SHARED
    shared.mkdir()
    (shared / "rates.csv").write_text("id\n1\n")
    ours = {"SAMPLE_ORDERS": "2000", "UPLOAD_MB": "8", "SHARED_DATA_ROOTS": str(shared)}
    with running_product(data_dir, shop_database, **ours) as product:
        eventually(lambda: product.get("/api/files").status == 200, what="the runner is there")
        yield product


def node(node_id: int, kind: str, name: str, x: int, **config: Any) -> dict[str, Any]:
    place = {"x": x, "y": 80}
    return {"id": node_id, "type": kind, "name": name, "config": config, "position": place}


def copying(target: dict[str, Any]) -> dict[str, Any]:
    query = "SELECT id FROM orders WHERE id <= 130"
    source = node(1, "db_input", "Orders", 40, connection=URL, sql=query)
    return {"nodes": [source, target], "edges": [{"from": 1, "to": 2}], "engine": 2}


def reading() -> dict[str, Any]:
    nodes = [
        node(1, "csv_input", "Rows", 40, path=""),
        node(2, "csv_output", "Report", 400, path=""),
    ]
    return {"nodes": nodes, "edges": [{"from": 1, "to": 2}], "engine": 2}


def browse(editor: Editor, node_id: int) -> None:
    editor.node(node_id).click()
    editor.page.click("#node-form .field-browse")
    expect(editor.page.locator("#files")).to_be_visible()


def entry(page: Page, name: str) -> Any:
    return page.locator(f'.file-entry[data-name="{name}"]')


def path_in(editor: Editor) -> Any:
    return editor.field("path").locator("input")


def directory(shop: Product, name: str, *files: str) -> Path:
    found = shop.data_dir / name
    found.mkdir(exist_ok=True)
    for file in files:
        (found / file).write_text("id,amount\n1,9.99\n2,19.99\n")
    return found


# ---------------------------------------------------------------- browse


def test_a_file_is_found_by_the_keyboard_alone(edit: Any, shop: Product, tmp_path: Path) -> None:
    directory(shop, "in", "a.csv", "b.csv")
    editor = edit(reading())
    page = editor.page
    editor.node(1).click()
    page.locator("#node-form .field-browse").focus()
    editor.press("Enter")
    expect(page.locator("#files-search")).to_be_focused()
    expect(entry(page, "in")).to_be_visible()
    assert_accessible(page, "files")
    entry(page, "in").focus()
    editor.press("Enter")
    expect(entry(page, "a.csv")).to_be_focused()
    editor.press("ArrowDown")
    expect(entry(page, "b.csv")).to_be_focused()
    editor.press("Home", "End", "Enter")
    expect(page.locator("#files")).to_be_hidden()
    expect(path_in(editor)).to_have_value("in/b.csv")
    expect(page.locator("#node-form .field-browse")).to_be_focused()
    editor.press("Enter")
    expect(entry(page, "a.csv")).to_be_visible()  # it begins where the file lies
    picture(page, "files", tmp_path)
    editor.press("Escape")
    expect(page.locator("#files")).to_be_hidden()
    expect(path_in(editor)).to_have_value("in/b.csv")
    page.click("#undo")
    expect(path_in(editor)).to_have_value("")


def test_search_pages_steps_and_roots(edit: Any, shop: Product) -> None:
    many = directory(shop, "many", *(f"file {number:03}.csv" for number in range(250)))
    (many / "deep").mkdir()
    page = edit(reading()).page
    page.locator('.node[data-node-id="1"]').click()
    page.click("#node-form .field-browse")
    entry(page, "many").click()
    expect(page.locator(".file-entry")).to_have_count(200)
    page.click("#files-more")
    expect(page.locator(".file-entry")).to_have_count(251)
    expect(page.locator("#files-more")).to_be_hidden()
    page.fill("#files-search", "24")
    expect(page.locator(".file-entry")).to_have_count(13)
    page.fill("#files-search", "no such")
    expect(page.locator("#files-said")).to_contain_text("Nothing here has this in its name")
    page.fill("#files-search", "")
    entry(page, "deep").click()
    expect(page.locator("#files-said")).to_contain_text("There is nothing here yet")
    steps = page.locator(".files-step")
    expect(steps).to_have_text(["Data", "many", "deep"])
    steps.nth(1).click()
    expect(entry(page, "deep")).to_be_visible()
    page.locator("#files-roots").select_option(label=str(shop.data_dir.parent / SHARED))
    entry(page, "rates.csv").click()
    path = f"{shop.data_dir.parent / SHARED}/rates.csv"
    expect(page.locator('[data-field="path"] input')).to_have_value(path)
    page.click("#node-form .field-browse")
    expect(entry(page, "rates.csv")).to_be_visible()


def test_an_output_is_given_a_name_in_the_directory_chosen(edit: Any, shop: Product) -> None:
    directory(shop, "out", "old.csv")
    editor = edit(reading())
    page = editor.page
    browse(editor, 2)
    expect(page.locator("#files-title")).to_have_text("Write to a file")
    entry(page, "out").click()
    entry(page, "old.csv").click()
    expect(page.locator("#files-name")).to_have_value("old.csv")
    assert_accessible(page, "files to be written")
    for wrong, said in (("a/b.csv", "“/”"), ("..", "“/”"), ("", "a name"), (".x", "hidden")):
        page.fill("#files-name", wrong)
        page.click("#files-write")
        expect(page.locator("#files-said")).to_contain_text(said)
    page.fill("#files-name", "new.csv")
    page.keyboard.press("Enter")
    expect(path_in(editor)).to_have_value("out/new.csv")


def test_a_directory_that_is_not_there_begins_at_the_root(edit: Any, shop: Product) -> None:
    directory(shop, "in")
    editor = edit(reading())
    editor.node(1).click()
    path_in(editor).fill("../none/{day}.csv")
    editor.page.click("#node-form .field-browse")
    expect(entry(editor.page, "in")).to_be_visible()
    expect(editor.page.locator("#files-said")).to_be_hidden()


def test_who_may_not_read_files_is_told_so(open_playground: Any, shop: Product) -> None:
    job_id = shop.create_job({"name": "Read", "graph": reading()})
    page = open_playground(job_id, token=shop.token(scope="jobs:read jobs:write"))
    page.locator('.node[data-node-id="1"]').click()
    page.click("#node-form .field-browse")
    expect(page.locator("#files-said")).to_contain_text("jobs:execute")


# ---------------------------------------------------------------- bring


def chosen(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def on_disk(path: Path, size: int) -> Path:
    """A large file, for the browser to read: what a test hands over goes through Playwright's driver."""
    path.write_bytes(b"x" * size)
    return path


def test_a_file_is_brought_and_replaced_only_when_that_is_wanted(edit: Any, shop: Product) -> None:
    home = directory(shop, "brought")
    editor = edit(reading())
    page = editor.page
    browse(editor, 1)
    entry(page, "brought").click()
    expect(page.locator(".files-step").last).to_have_text("brought")
    page.set_input_files("#files-input", chosen("new ü.csv", b"id\n1\n"))
    expect(page.locator('.upload[data-state="done"]')).to_contain_text("5 bytes, is there")
    assert_accessible(page, "a file that was uploaded")
    expect(entry(page, "new ü.csv")).to_be_focused()
    assert (home / "new ü.csv").read_bytes() == b"id\n1\n"
    page.set_input_files("#files-input", chosen("new ü.csv", b"id\n2\n3\n"))
    expect(page.locator("#confirm-title")).to_have_text("Replace new ü.csv?")
    page.click("#confirm-no")
    expect(page.locator('.upload[data-state="sending"]')).to_have_count(0)
    assert (home / "new ü.csv").read_bytes() == b"id\n1\n"
    page.set_input_files("#files-input", chosen("new ü.csv", b"id\n2\n3\n"))
    page.click("#confirm-yes")
    expect(page.locator('.upload[data-state="done"]').last).to_contain_text("7 bytes, is there")
    assert (home / "new ü.csv").read_bytes() == b"id\n2\n3\n"
    entry(page, "new ü.csv").click()
    expect(path_in(editor)).to_have_value("brought/new ü.csv")


def held_list(page: Page, name: str) -> list[Route]:
    """Holds the answer back that lists this directory."""
    return hold(page, re.compile(rf"/api/files\?.*path={name}\b"))


def step_into(page: Page, name: str, held: list[Route]) -> None:
    """Clicks a directory whose list is held back."""
    entry(page, name).click()
    wait_for_held(page, held)
    expect(page.locator(".files-step")).to_have_count(1)


def test_what_is_brought_on_the_way_into_a_directory_lands_there(edit: Any, shop: Product) -> None:
    home = directory(shop, "slowly")
    page = edit(reading()).page
    page.locator('.node[data-node-id="1"]').click()
    page.click("#node-form .field-browse")
    held = held_list(page, "slowly")
    step_into(page, "slowly", held)
    page.set_input_files("#files-input", chosen("early.csv", b"id\n1\n"))
    page.fill("#files-search", "earl")
    held[0].continue_()
    expect(page.locator('.upload[data-state="done"]')).to_contain_text("5 bytes, is there")
    assert (home / "early.csv").read_bytes() == b"id\n1\n"
    assert not (shop.data_dir / "early.csv").exists()


def test_nothing_is_brought_where_the_directory_cannot_be_shown(edit: Any, shop: Product) -> None:
    directory(shop, "closed")
    page = edit(reading()).page
    page.locator('.node[data-node-id="1"]').click()
    page.click("#node-form .field-browse")
    held = held_list(page, "closed")
    step_into(page, "closed", held)
    page.set_input_files("#files-input", chosen("lost.csv", b"id\n1\n"))
    held[0].fulfill(status=403, json={"detail": "Nobody may look into it."})
    expect(page.locator("#files-said")).to_contain_text("Nobody may look into it.")
    page.set_input_files("#files-input", chosen("here.csv", b"id\n1\n"))  # meant where one is
    expect(page.locator('.upload[data-state="done"]')).to_contain_text("here.csv")
    expect(page.locator(".upload")).to_have_count(1)
    assert (shop.data_dir / "here.csv").exists()
    assert not list(shop.data_dir.rglob("lost.csv"))


def test_a_name_given_on_the_way_into_a_directory_is_meant_there(edit: Any, shop: Product) -> None:
    directory(shop, "later")
    editor = edit(reading())
    page = editor.page
    browse(editor, 2)
    held = held_list(page, "later")
    step_into(page, "later", held)
    page.fill("#files-name", "report.csv")
    page.keyboard.press("Enter")
    held[0].continue_()
    expect(page.locator("#files")).to_be_hidden()
    expect(path_in(editor)).to_have_value("later/report.csv")


def test_a_search_on_the_way_into_a_directory_is_of_that_directory(
    edit: Any, shop: Product
) -> None:
    directory(shop, "sought", "apple.csv", "pear.csv")
    page = edit(reading()).page
    page.locator('.node[data-node-id="1"]').click()
    page.click("#node-form .field-browse")
    held = held_list(page, "sought")
    step_into(page, "sought", held)
    page.fill("#files-search", "pear")
    held[0].continue_()
    page.unroute_all()
    expect(page.locator(".file-name")).to_have_text(["pear.csv"])
    expect(page.locator("#files-search")).to_be_focused()


def test_a_file_that_is_too_large_or_may_not_be_is_not_brought(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    editor = edit(reading())
    page = editor.page
    browse(editor, 1)
    expect(page.locator("#files-upload")).to_be_visible()
    page.set_input_files("#files-input", on_disk(tmp_path / "large.csv", 9 << 20))
    failed = page.locator('.upload[data-state="failed"]')
    expect(failed).to_contain_text("an upload has 8.3 MB at most")
    assert_accessible(page, "an upload that failed")
    failed.locator(".upload-cancel").click()
    expect(failed).to_have_count(0)
    page.set_input_files("#files-input", chosen(".hidden.csv", b"x"))
    expect(failed).to_contain_text("hidden")
    assert not (shop.data_dir / "large.csv").exists()


def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    editor = edit(reading())
    page = editor.page
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    throttled = {"offline": False, "latency": 0, "downloadThroughput": -1}
    slow.send("Network.emulateNetworkConditions", {**throttled, "uploadThroughput": 100_000})
    browse(editor, 1)
    expect(page.locator("#files-upload")).to_be_visible()
    page.set_input_files("#files-input", on_disk(tmp_path / "slow.csv", 6_000_000))
    said = page.locator(".upload-said")
    expect(said).to_have_text(re.compile(r"^([1-9]\d* kB|\d\.\d MB) of 6\.0 MB$"))
    assert_accessible(page, "an upload under way")
    page.click(".upload-cancel")
    expect(page.locator(".upload")).to_have_count(0)
    slow.send("Network.emulateNetworkConditions", {**throttled, "uploadThroughput": -1})
    eventually(lambda: not list(shop.data_dir.glob(".upload-*")), what="nothing of it is left")
    assert not (shop.data_dir / "slow.csv").exists()


def test_of_many_files_a_few_are_on_their_way_at_a_time(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    """Six of them held all connections of the browser, and whatever a person did was “not answered in time”."""
    editor = edit(reading())
    page = editor.page
    held = hold(page, re.compile("/api/files/many"))
    browse(editor, 1)
    expect(page.locator("#files-upload")).to_be_visible()
    names = [f"many{number}.csv" for number in range(6)]
    page.set_input_files("#files-input", [on_disk(tmp_path / name, 10) for name in names])
    wait_for_held(page, held, 3)
    waiting = page.locator(".upload-said", has_text="Waits for its turn")
    expect(waiting).to_have_count(3)
    assert len(held) == 3
    page.locator(".upload-cancel").nth(3).click()  # one that waits, and one that is on its way
    page.locator(".upload-cancel").first.click()
    wait_for_held(page, held, 4)
    expect(waiting).to_have_count(1)
    first, *others = [route for route in held if not route.request.url.endswith(names[0])]
    first.continue_()
    wait_for_held(page, held, 5)
    for route in (*others, held[4]):
        route.continue_()
    asked_for = [*names[1:3], *names[4:]]
    eventually(lambda: [n for n in names if (shop.data_dir / n).exists()] == asked_for)


# ---------------------------------------------------------------- drop


def drop(editor: Editor, names: str | list[str], content: str) -> None:
    editor.page.evaluate(DROP, [names, content, 700, 600])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("dropped.csv", "id\n1\n2\n", "csv_input"),
        ("dropped.tsv", "id\tb\n1\t2\n", "csv_input"),
        ("semicolons.csv", "id;b\n1;2\n", "csv_input"),
        ("dropped.jsonl", '{"id": 1}\n', "ndjson_input"),
    ],
)
def test_a_file_that_is_dropped_on_the_canvas_is_read_there(
    edit: Any, shop: Product, name: str, content: str, kind: str
) -> None:
    editor = edit(copying(node(2, "csv_output", "Report", 400, path="x.csv")))
    page = editor.page
    drop(editor, name, content)
    expect(page.locator("#confirm-title")).to_have_text(f"Read {name} here?")
    assert_accessible(page, "read it here?")
    page.click("#confirm-yes")
    expect(editor.node(3)).to_be_visible()
    expect(path_in(editor)).to_have_value(name)
    assert (shop.data_dir / name).read_text() == content
    x, y = editor.place(3)
    assert abs(x - 700) < 250
    assert abs(y - 600) < 150
    page.click("#node-preview")
    expect(page.locator("#preview-table tbody tr")).not_to_have_count(0)
    if content.startswith(("id\t", "id;")):
        assert page.locator("#preview-table thead th").all_text_contents()[1:] == [
            "idtext",
            "btext",
        ]
    page.click("#undo")
    expect(editor.node(3)).to_have_count(0)


def test_of_files_that_are_dropped_together_each_gets_a_node_and_one_step_back_takes_them(
    edit: Any, shop: Product
) -> None:
    """Those beyond the lower end of the canvas got none: of thirty files ten were read."""
    editor = edit(copying(node(2, "csv_output", "Report", 400, path="x.csv")))
    page = editor.page
    before = page.locator("#nodes > li").count()
    drop(editor, [f"many-{place}.csv" for place in range(12)], "id\n1\n")
    page.click("#confirm-yes")
    expect(page.locator("#nodes > li")).to_have_count(before + 12)
    places = {editor.place(before + 1 + place) for place in range(12)}
    assert len(places) == 12
    page.click("#undo")
    expect(page.locator("#nodes > li")).to_have_count(before)


def test_a_drop_that_is_not_wanted_changes_nothing(edit: Any, shop: Product) -> None:
    editor = edit(reading())
    drop(editor, "unwanted.csv", "id\n")
    editor.page.click("#confirm-no")
    expect(editor.page.locator("#confirm")).to_be_hidden()
    expect(editor.page.locator(".node")).to_have_count(2)
    assert not (shop.data_dir / "unwanted.csv").exists()
    drop(editor, "picture.png", "x")
    expect(editor.page.locator("#notice-text")).to_contain_text("drop it on the canvas")
    drop(editor, ["rows.csv", "picture.png"], "x")
    expect(editor.page.locator("#notice-text")).to_contain_text("No node reads picture.png: ")
    expect_no_node_in_another_job(editor, shop)
    expect_no_question_on_another_job(editor)


def expect_no_question_on_another_job(editor: Editor) -> None:
    """Whoever goes back before a file can be asked about is not asked about it there."""
    page = editor.page
    held = hold(page, re.compile(r"/api/files\?"))
    drop(editor, "late.csv", "id\n")
    wait_for_held(page, held)
    page.go_back()
    expect(page.locator("#job-name")).to_have_text("Edited")
    with page.expect_response(re.compile(r"/api/files\?")) as answer:
        held[0].continue_()
    answer.value.finished()
    editor.settle()
    expect(page.locator("#confirm")).to_be_hidden()


def expect_no_node_in_another_job(editor: Editor, shop: Product) -> None:
    """Whoever goes on to another job while a file is on its way finds no node there that reads it."""
    page = editor.page
    held = hold(page, "**/api/files/late.csv*")
    drop(editor, "late.csv", "id\n1\n")
    page.click("#confirm-yes")
    wait_for_held(page, held)
    other = shop.create_job({"name": "Another", "graph": reading()})
    go_within(page, f"job={other}")
    expect(page.locator("#job-name")).to_have_text("Another")
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    held[0].continue_()
    expect(page.locator('.upload[data-state="done"]')).to_contain_text("late.csv")
    expect(page.locator("#notice-text")).to_contain_text("late.csv is uploaded")
    expect(page.locator(".node")).to_have_count(2)
    expect(page.locator("#unsaved")).to_be_hidden()


# ---------------------------------------------------------------- what an output wrote


def executed(editor: Editor) -> Page:
    editor.page.click("#execute")
    expect_run(editor.page, "completed")
    editor.node(2).click()
    return editor.page


def test_what_a_run_wrote_is_shown_page_by_page_and_saved(
    edit: Any, shop: Product, tmp_path: Path
) -> None:
    editor = edit(copying(node(2, "csv_output", "Report", 400, path="written.csv")))
    editor.node(2).click()
    expect(editor.page.locator("#details-written")).to_be_hidden()
    editor.press("Escape")
    page = executed(editor)
    page.click("#details-written")
    note = page.locator("#output-note")
    expect(page.locator("#output-title")).to_have_text("What Report wrote")
    expect(note).to_have_text("Rows 1 to 50; there are more.")
    about = page.locator("#output-about")
    expect(about).to_contain_text("written.csv, ")
    expect(about).not_to_contain_text("after this run")
    assert_accessible(page, "what an output wrote")
    picture(page, "output", tmp_path)
    expect(page.locator("#output-before")).to_be_disabled()
    page.click("#output-after")
    expect(note).to_have_text("Rows 51 to 100; there are more.")
    expect(page.locator("#output-table tbody tr").first).to_have_text("5151")
    page.click("#output-last")
    expect(note).to_have_text("Rows 81 to 130 of 130.")
    expect(page.locator("#output-after")).to_be_disabled()
    before = page.locator("#output-before")
    before.press("Enter")
    expect(note).to_have_text("Rows 31 to 80; there are more.")
    before.press("Enter")
    expect(note).to_have_text("Rows 1 to 50; there are more.")
    expect(before).to_be_disabled()
    expect(before).to_be_focused()
    page.click("#output-last")
    expect(note).to_have_text("Rows 81 to 130 of 130.")
    page.click("#output-first")
    expect(note).to_have_text("Rows 1 to 50; there are more.")
    page.fill("#output-from", "121")
    page.keyboard.press("Enter")
    expect(note).to_have_text("Rows 121 to 130 of 130.")
    page.fill("#output-from", "500")
    page.keyboard.press("Enter")
    expect(note).to_have_text("There are no more than 130 rows.")
    with page.expect_download() as download:
        page.click("#output-download")
    assert download.value.suggested_filename == "written.csv"
    assert Path(download.value.path()).read_bytes() == (shop.data_dir / "written.csv").read_bytes()
    editor.press("Escape")
    expect(page.locator("#output")).to_be_hidden()


def test_a_file_that_is_gone_is_not_saved_as_an_error(edit: Any, shop: Product) -> None:
    page = executed(edit(copying(node(2, "csv_output", "Report", 400, path="going.csv"))))
    page.click("#details-written")
    expect(page.locator("#output-note")).to_have_text("Rows 1 to 50; there are more.")
    (shop.data_dir / "going.csv").unlink()
    page.click("#output-download")
    expect(page.locator("#output-note")).to_have_text("There is no going.csv.")
    held = hold(page, "**/api/files/going.csv*")
    page.click("#output-download")
    wait_for_held(page, held)
    page.keyboard.press("Escape")
    page.click("#details-written")
    expect(page.locator("#output")).to_have_attribute("data-state", "error")
    said = page.locator("#output-note").inner_text()
    for _ in range(2):  # whether it is there is asked for first
        wait_for_held(page, held)
        held.pop().fulfill(status=500, json={"detail": "The disk is broken."})
    expect(page.locator("#notice-text")).to_have_text("The disk is broken.")
    expect(page.locator("#output-note")).to_have_text(said)  # of what is shown now


def test_what_was_written_since_is_not_shown_as_the_runs_own(edit: Any, shop: Product) -> None:
    page = executed(edit(copying(node(2, "csv_output", "Report", 400, path="since.csv"))))
    file = shop.data_dir / "since.csv"
    file.write_text("other\n1\n")
    os.utime(file, (time.time() + 60, time.time() + 60))
    page.click("#details-written")
    expect(page.locator("#output-about")).to_contain_text("after this run ended")
    expect(page.locator("#output-note")).to_have_text("Row 1 of 1.")
    file.unlink()
    page.click("#output-first")
    expect(page.locator("#output-note")).to_contain_text("There is no since.csv")


def test_the_rows_of_a_table_that_a_run_wrote(edit: Any) -> None:
    target = node(2, "db_output", "Report", 400, connection=URL, table="written", mode="replace")
    page = executed(edit(copying(target)))
    page.click("#details-written")
    expect(page.locator("#output-note")).to_have_text("Rows 1 to 50; there are more.")
    expect(page.locator("#output-about")).to_have_text("The table as it is now.")
    expect(page.locator("#output-download")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_every_size_and_light(
    edit: Any, shop: Product, width: int, scheme: str, tmp_path: Path
) -> None:
    directory(
        shop, "in", "a.csv", "a file with quite a long name that has to be broken somewhere.csv"
    )
    editor = edit(copying(node(2, "csv_output", "Report", 400, path="written.csv")))
    page = editor.page
    page.emulate_media(color_scheme=scheme)
    executed(editor)
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#details-written").click()
    expect(page.locator("#output-note")).to_contain_text("Rows 1 to 50")
    assert_accessible(page, f"output {width} {scheme}")
    picture(page, f"output-{width}-{scheme}", tmp_path)
    assert page.evaluate("document.querySelector('#output').scrollWidth <= innerWidth")
    editor.press("Escape")
    page.locator("#node-form .field-browse").click()
    entry(page, "in").click()
    expect(entry(page, "a.csv")).to_be_visible()
    page.set_input_files("#files-input", chosen(f"up-{width}-{scheme}.csv", b"id\n1\n"))
    expect(page.locator('.upload[data-state="done"]')).to_be_visible()
    assert_accessible(page, f"files {width} {scheme}")
    picture(page, f"files-{width}-{scheme}", tmp_path)
    assert page.evaluate("document.querySelector('#files').scrollWidth <= innerWidth")


# ---------------------------------------------------------------- pure


@pytest.mark.parametrize(
    ("beginning", "delimiter"),
    [
        ("id,name\n1;2\n", None),
        ("id;name;amount\r\n1;Ä;1,5\r\n", "semicolon"),
        ("sep=;\n", "semicolon"),
        ('id;"name, of whom"\n', "semicolon"),
        ('"a;b"\n', None),
        ("id|name\r1|2\r", "pipe"),
        ("id\tname", "tab"),
        ("id;name, of whom\n", None),
        ("a;b|c\n", None),
        ("", None),
        ("amount; in euro\n12\n13\n", None),
        ("yes|no\r\nyes\r\n", None),
        ("yes|no\n\nyes", None),
        ('size; cm\n"12"\n"1;2"\n', None),
        ("a;b\n1;2;3\n", None),
        ('id;text\n1;"a;b"\n', "semicolon"),
        ('"id\nof it";text\r\n\r\n1;"a\n\n;""b"";"\r\n', "semicolon"),
        ('id;size\n1;5" disk\n2;3" disk\n', "semicolon"),
        ('id;text\n1;"cut; her', "semicolon"),
        ("sep=;\nid;name;amount\n", "semicolon"),
    ],
)
def test_the_first_two_lines_of_a_csv_file_tell_what_stands_between_its_fields(
    modules: Page, beginning: str, delimiter: str | None
) -> None:
    script = "async (text) => (await import('/playground/files/names.js')).delimiterIn(text)"
    assert modules.evaluate(script, beginning).get("delimiter") == delimiter


def test_names_sizes_and_paths(modules: Page) -> None:
    told = modules.evaluate(
        """async () => {
          const names = await import('/playground/files/names.js');
          const types = ['a.csv', 'A.CSV.gz', 'a.tsv', 'a.ndjson.zst', 'a.jsonl', 'a.parquet', 'a.json', 'a', 'a.csv.exe'];
          return {
            types: types.map((name) => names.readerOf(name)?.type ?? null),
            there: names.nameThere('what? *.csv'),
            sizes: [0, 1, 999, 1000, 999_999, 8_388_608, 5e9].map(names.formatBytes),
            below: [['', 'a'], ['in', 'a'], ['/srv/x/', 'a'], ['/', 'a']].map(([at, name]) => names.below(at, name)),
            directories: ['', 'a', 'in/a', '/srv/a', '/a'].map(names.directoryOf),
            wrong: ['', ' ', 'a/b', '..', '.x', 'a b.csv'].map((name) => names.whyNoName(name) !== null),
            steps: [names.steps('', null), names.steps('a/b', null), names.steps('/srv/x/a', '/srv/x')],
          };
        }"""
    )
    csv, ndjson = "csv_input", "ndjson_input"
    assert told["types"] == [csv, csv, csv, ndjson, ndjson, "parquet_input", None, None, None]
    assert told["there"] == "what_ _.csv"
    assert told["sizes"] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.0 kB",
        "999 kB",
        "8.3 MB",
        "5.0 GB",
    ]
    assert told["below"] == ["a", "in/a", "/srv/x/a", "/a"]
    assert told["directories"] == ["", "", "in", "/srv", "/"]
    assert told["wrong"] == [True, True, True, True, True, False]
    assert [[step["path"] for step in steps] for steps in told["steps"]] == [
        [""],
        ["", "a", "a/b"],
        ["/srv/x", "/srv/x/a"],
    ]
