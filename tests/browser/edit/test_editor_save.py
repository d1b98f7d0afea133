"""Saving in Chromium: drafts, what others save meanwhile, and jobs as a whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Dialog, Locator, Page, Route, expect

from tests.browser.edit.editing import (
    Editor,
    node_of,
    small_graph,
)
from tests.browser.pages import (
    go_within,
    hold,
    hold_first,
    look_no_more,
    refuse_twice,
    wait_for_held,
)
from tests.browser.run.test_playground import (
    expect_live,
    expect_run,
    expect_state,
    node,
    shown_run_id,
)
from tests.harness import Product, eventually

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
    expect_a_list_that_does_not_come_to_change_nothing(editor)


def expect_a_list_that_does_not_come_to_change_nothing(editor: Editor) -> None:
    """What was saved is saved, and what is discarded is gone, whether the list of jobs follows or not."""
    page = editor.page
    page.route("**/api/jobs?limit=500", lambda route: route.fulfill(status=503, json={}))
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("id > 43")
    editor.press("Control+s")
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#save")).to_be_disabled()
    expect(page.locator("#notice")).to_be_hidden()
    condition.fill("id > 44")
    page.click("#job-menu")
    page.click('.menu-item[data-key="discard"]')
    page.click("#confirm-yes")
    expect(page.locator("#unsaved")).to_be_hidden()
    editor.node(2).click()
    expect(condition).to_have_value("id > 43")


def test_execute_saves_first_and_runs_what_is_shown(edit: Any, shop: Product) -> None:
    graph = small_graph()
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph)
    expect_live(editor.page)
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id <= 10")
    editor.page.dblclick("#execute")  # by habit, and meant once
    expect_run(editor.page, "completed")
    expect_state(editor.page, 3, "success")
    expect(node(editor.page, 3).locator(".node-count")).to_have_text("10")
    assert node_of(editor.stored(), 2)["config"]["condition"] == "id <= 10"
    asked = (
        "performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/execute'))"
    )
    assert editor.page.evaluate(f"{asked}.length") == 1
    expect_another_run_behind_a_lost_answer(editor.page)


def expect_another_run_behind_a_lost_answer(page: Page) -> None:
    """The run of the lost answer was seen, and has ended: who presses then means another one."""

    def lose(route: Route) -> None:
        route.fetch()
        route.fulfill(status=504, json={})

    page.route("**/execute", lose)
    first = shown_run_id(page)
    page.click("#execute")
    eventually(lambda: shown_run_id(page) != first, what="the run of the lost answer")
    expect_run(page, "completed")
    page.unroute("**/execute")
    second = shown_run_id(page)
    page.click("#execute")
    eventually(lambda: shown_run_id(page) not in (first, second), what="another run")
    expect_run(page, "completed")


def test_what_somebody_else_saved_meanwhile_is_not_lost_unasked(edit: Any, shop: Product) -> None:
    editor = edit()
    look_no_more(editor.page)
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


def test_a_save_whose_answer_was_lost_is_not_taken_for_somebody_elses(edit: Any) -> None:
    """Saved again, as it is or with what was changed since, it asked whether to replace what somebody did."""
    editor = edit()
    page = editor.page
    address = f"**/api/jobs/{editor.job_id}"
    lost: list[tuple[str, int]] = []

    def lose(route: Route) -> None:
        lost.append((route.request.method, route.fetch().status))
        route.abort()

    for key, looks in ([], False), (["ArrowUp"], False), (["ArrowRight"], True):
        editor.node(2).focus()
        editor.press("ArrowDown")
        page.route(address, lose, times=1)
        with page.expect_event("requestfailed", lambda request: request.method == "PUT"):
            page.click("#save")
        editor.node(2).focus()
        editor.press(*key)
        if looks:
            with page.expect_response(address):
                look_at_the_list(page)
        page.click("#save")
        expect(page.locator("#unsaved")).to_be_hidden()
    assert lost == [("PUT", 200)] * 3
    expect(page.locator("#notice-text")).not_to_contain_text("Somebody saved")


def test_two_saves_on_a_slow_network_are_not_taken_for_somebody_elses(edit: Any) -> None:
    editor = edit()
    page = editor.page
    held: list[Route] = []
    is_slow = True

    def hold_saves(route: Route) -> None:
        if is_slow and route.request.method == "PUT":
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/api/jobs/{editor.job_id}", hold_saves)
    editor.node(2).click()
    condition = editor.field("condition").locator("textarea")
    condition.fill("id > 42")
    editor.press("Control+s")
    wait_for_held(page, held)
    condition.fill("id > 43")
    editor.press("Control+s", "Control+s")
    editor.settle()
    is_slow = False
    for route in held:
        route.continue_()
    expect(page.locator("#unsaved")).to_be_hidden()
    expect(page.locator("#confirm")).to_be_hidden()
    assert node_of(editor.stored(), 2)["config"]["condition"] == "id > 43"


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


STAYS = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def expect_back_to_stay(page: Page, url: str) -> None:
    go_within(page)
    expect(page).to_have_url(url)
    expect(page.locator("#json")).to_be_visible()


def test_what_is_written_stays_until_its_save_is_answered(edit: Any, shop: Product) -> None:
    """Back took the dialog, the question of a save with it, and what was written was gone with no word."""
    editor = edit()
    page = editor.page
    here = page.url
    page.click("#job-edit")
    page.fill("#json-text", page.input_value("#json-text").replace("Edited", "Mine"))
    look_no_more(page)
    their = {"name": "Theirs", "graph": small_graph()}
    shop.request("PUT", f"/api/jobs/{editor.job_id}", their)
    held = hold_first(page, f"**/api/jobs/{editor.job_id}")
    page.click("#json-save")
    wait_for_held(page, held)
    assert page.evaluate(STAYS), "the browser asks before a reload"
    expect_back_to_stay(page, here)
    expect(page.locator("#json-text")).not_to_be_editable()  # it would go with the dialog
    held[0].continue_()
    expect(page.locator("#confirm-title")).to_have_text("Changed elsewhere")
    expect_back_to_stay(page, here)
    page.click("#confirm-yes")
    expect(page.locator("#json")).to_be_hidden()
    expect(page.locator("#job-name")).to_have_text("Mine")


def test_what_is_changed_while_its_json_is_saved_is_not_lost(edit: Any) -> None:
    """As by a file that was dropped before: the late answer took what was changed on the canvas since."""
    editor = edit()
    page = editor.page
    editor.node(2).focus()
    editor.press("ArrowDown", "Control+z")
    page.click("#job-edit")
    document = json.loads(page.input_value("#json-text"))
    page.fill("#json-text", json.dumps({**document, "name": "Named in JSON"}))
    held: list[Route] = []

    def hold_put(route: Route) -> None:
        if route.request.method == "PUT":
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/api/jobs/{editor.job_id}", hold_put)
    page.click("#json-save")
    wait_for_held(page, held)
    late = {"name": "late.json", "mimeType": "application/json", "buffer": b"{}"}
    page.set_input_files("#json-file", late)
    expect(page.locator("#json-errors")).to_contain_text("late.json is not opened: ")
    page.evaluate("document.getElementById('redo').click()")
    expect(page.locator("#unsaved")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#json")).to_be_hidden()
    expect(page.locator(".job-label", has_text="Named in JSON")).to_have_count(1)
    expect(page.locator("#job-name")).to_have_text("Named in JSON")
    expect(page.locator("#unsaved")).to_be_visible()
    page.unroute_all()
    before = node_of(document, 2)["position"]
    assert node_of(editor.save(), 2)["position"] == {**before, "y": before["y"] + 8}


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
    look_no_more(page)
    save_elsewhere(shop, editor, "id > 77")
    page.click("#execute")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 77")
    expect(page.locator("#notice-text")).to_contain_text("Somebody saved this job")
    assert shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"] == []


def test_execute_runs_a_job_that_somebody_gave_another_name(edit: Any, shop: Product) -> None:
    graph = small_graph(condition="id <= 10")
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph)
    document = {"name": "Another name", "graph": editor.stored()["graph"]}
    shop.request("PUT", f"/api/jobs/{editor.job_id}", document)
    editor.page.click("#execute")
    expect_run(editor.page, "completed")
    expect(editor.page.locator("#job-name")).to_have_text("Another name")


def test_values_that_are_asked_for_are_of_the_graph_that_was_seen(edit: Any, shop: Product) -> None:
    editor = edit({**small_graph(), "parameters": [{"name": "day", "type": "text"}]})
    page = editor.page
    look_no_more(page)
    page.click("#execute")
    expect(page.locator("#ask")).to_be_visible()
    save_elsewhere(shop, editor, "id > 77")
    page.click("#ask-run")
    expect(page.locator("#notice-text")).to_contain_text("it was not executed")
    expect(page.locator("#ask")).to_be_hidden()
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 77")
    assert shop.get(f"/api/jobs/{editor.job_id}/runs").json()["runs"] == []


def test_a_job_that_somebody_saved_meanwhile_is_not_deleted_unasked(
    edit: Any, shop: Product
) -> None:
    editor = edit()
    page = editor.page
    look_no_more(page)
    save_elsewhere(shop, editor, "id > 77")
    page.click("#job-menu")
    page.click('.menu-item[data-key="delete"]')
    page.click("#confirm-yes")
    expect(page.locator("#confirm-title")).to_have_text("Changed elsewhere")
    page.click("#confirm-no")
    assert editor.stored()["name"] == "Theirs"
    page.click("#job-menu")
    page.click('.menu-item[data-key="delete"]')
    page.click("#confirm-yes")
    expect(page.locator("#confirm-text")).to_contain_text("deletes what they did")
    page.click("#confirm-yes")
    expect(page.locator("#notice-text")).to_contain_text("Deleted Edited.")


def test_execute_cannot_be_pressed_again_while_it_looks(edit: Any) -> None:
    editor = edit()
    page = editor.page
    held = hold(page, f"**/api/jobs/{editor.job_id}")
    page.click("#execute")
    wait_for_held(page, held)
    expect(page.locator("#execute")).to_be_disabled()
    held[0].continue_()
    expect(page.locator("#execute")).to_be_enabled()


def test_what_execute_says_of_a_job_that_was_left_while_it_looked_is_drawn_on_no_other(
    edit: Any, shop: Product
) -> None:
    editor = edit(small_graph(condition="id >"), name="Wrong")
    page = editor.page
    shop.create_job({"name": "Gone on to", "graph": small_graph()})
    look_at_the_list(page)
    held = hold(page, f"**/api/jobs/{editor.job_id}")
    page.click("#execute")
    wait_for_held(page, held)
    page.locator(".job", has_text="Gone on to").first.click()
    expect(page.locator("#job-name")).to_have_text("Gone on to")
    with page.expect_response("**/execute"):
        held[0].continue_()
    expect(page.locator("#notice-text")).to_contain_text("Wrong: ")


def test_execute_runs_what_it_saved_though_the_job_is_left_meanwhile(
    edit: Any, shop: Product
) -> None:
    """It was refused as of another version, and nothing was said."""
    graph = small_graph()
    graph["edges"].append({"from": 2, "to": 3})
    editor = edit(graph, name="Saved and left")
    page = editor.page
    shop.create_job({"name": "Gone on to, too", "graph": small_graph()})
    look_at_the_list(page)
    editor.node(2).focus()
    editor.press("ArrowDown")
    held = hold_first(page, f"**/api/jobs/{editor.job_id}")
    page.click("#execute")
    wait_for_held(page, held)
    page.locator(".job", has_text="Gone on to, too").first.click()
    expect(page.locator("#job-name")).to_have_text("Gone on to, too")
    with page.expect_response("**/execute") as answer:
        held[0].continue_()
    assert answer.value.status == 202, answer.value.text()


def test_a_job_that_somebody_deleted_says_so_and_can_be_made_anew(edit: Any, shop: Product) -> None:
    editor = edit(name="Short-lived")
    page = editor.page
    assert shop.request("DELETE", f"/api/jobs/{editor.job_id}").status == 204
    look_at_the_list(page)
    expect(page.locator("#notice-text")).to_have_text("Somebody deleted this job.")
    page.click("#notice-action")
    expect(page.locator("#job-name")).to_have_text("Short-lived copy")
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")


def test_what_was_changed_of_a_job_that_somebody_deleted_is_offered_after_a_save_and_a_reload(
    edit: Any, shop: Product
) -> None:
    """A save said that there is no such job, and after a reload nothing told of the draft."""
    editor = edit(name="Deleted below")
    page = editor.page
    editor.node(2).click()
    editor.field("condition").locator("textarea").fill("id > 77")
    expect(page.locator("#unsaved")).to_be_visible()
    assert shop.request("DELETE", f"/api/jobs/{editor.job_id}").status == 204
    page.click("#save")
    expect(page.locator("#notice-text")).to_have_text("Somebody deleted this job.")
    expect(page.locator("#notice-action")).to_have_text("Make a new job of it")
    page.reload()
    expect(page.locator("#notice-text")).to_contain_text("There is an unsaved draft of it")
    page.click("#notice-action")
    expect(page.locator("#job-name")).to_have_text("Deleted below")
    expect(editor.node(2).locator(".node-type")).to_have_text("id > 77")
    page.go_back()
    expect(page.locator("#canvas-empty")).to_contain_text("not stored here")
    expect(page.locator("#notice")).to_be_hidden()  # made once


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
    refuse_twice(editor.page, "**/api/jobs/preview")
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


FILLED = """() => [['.progress-bar', null], ['.bar-fill', null], ['.node-bar', '::after']].map(([name, part]) => {
  const drawn = document.querySelector(name) ?? document.body.appendChild(Object.assign(document.createElement('p'), { className: name.slice(1) }));
  const colour = getComputedStyle(drawn, part).backgroundColor;
  return ![getComputedStyle(document.body).backgroundColor, 'rgba(0, 0, 0, 0)'].includes(colour);
})"""


def test_in_the_colours_of_the_system_one_sees_what_is_chosen(edit: Any) -> None:
    """Backgrounds and shadows, which say it otherwise, are not drawn there (high contrast of Windows)."""
    editor = edit(forced_colors="active")
    page = editor.page

    def outlined(part: Locator) -> Any:
        return part.evaluate("(part) => getComputedStyle(part).outlineStyle !== 'none'")

    assert all(page.evaluate(FILLED)), "how far a run and its nodes are"
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


def jobs_of(shop: Product) -> int:
    return len(shop.get("/api/jobs?limit=500").json()["jobs"])


def test_a_job_is_made_named_and_duplicated(edit: Any, shop: Product) -> None:
    editor = edit(name="First")
    page = editor.page
    before = jobs_of(shop)
    page.dblclick("#job-new")
    expect(page.locator("#job-rename")).to_be_focused()
    assert jobs_of(shop) == before + 1, "pressed twice by habit, and meant once"
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
    page.keyboard.press("F2")
    page.keyboard.type("Third")
    page.go_back()  # a name that is being written is that of its job
    expect(page.locator("#job-name")).to_have_text("Second")
    expect(page.locator("#job-rename")).to_be_hidden()
    page.locator("#graph").click(position={"x": 400, "y": 300})
    expect(page.locator(".job-label", has_text="Third")).to_have_count(1)
    names = [job["name"] for job in shop.get("/api/jobs").json()["jobs"]]
    assert {"Second", "Third"} <= set(names)


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


def test_a_name_that_cannot_be_kept_is_there_still_and_is_not_sent_by_itself(edit: Any) -> None:
    """It was gone, as who had written it while the session ended found."""
    editor = edit(name="Old name")
    page = editor.page
    name = page.locator("#job-rename")
    address = f"**/api/jobs/{editor.job_id}"
    page.route(address, lambda route: route.abort())
    editor.press("F2")
    page.keyboard.type("New name")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_visible()
    expect(name).to_be_visible()
    expect(name).to_have_value("New name")
    expect(name).not_to_be_focused()  # whoever writes elsewhere by now goes on there
    page.unroute(address)
    page.click('.page-link[data-page-link="home"]')
    expect(page.locator("html")).to_have_attribute("data-page", "home")
    expect(name).to_be_hidden()
    page.go_back()
    expect(page.locator("html")).to_have_attribute("data-page", "job")
    expect(editor.node(2)).to_be_visible()
    expect(page.locator("#job-name")).to_have_text("Old name")
    editor.press("F2")
    expect(name).to_be_focused()
    page.keyboard.type("New name")
    page.route(address, lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_visible()
    page.unroute(address)
    name.press("Enter")
    expect(page.locator("#job-name")).to_have_text("New name")
    assert editor.stored()["name"] == "New name"


def test_renaming_by_key_keeps_what_is_not_saved(edit: Any) -> None:
    editor = edit(name="Old name")
    editor.node(2).focus()
    editor.press("ArrowDown", "F2")
    editor.page.keyboard.type("New name")
    editor.press("F2", "Enter")  # once more by habit: what was written stays
    expect(editor.page.locator("#job-name")).to_have_text("New name")
    expect(editor.page.locator("#unsaved")).to_be_visible()
    assert editor.stored()["name"] == "New name"
    assert node_of(editor.stored(), 2)["position"] == {"x": 340, "y": 80}
    editor.press("F2")
    page = editor.page
    name = page.locator("#job-rename")
    press = "(button) => document.body.dispatchEvent(new PointerEvent('pointerdown', { button, bubbles: true }))"
    page.evaluate(press, 2)  # its menu takes the pointer, and nobody tells that it came up
    name.blur()
    expect(name).to_be_hidden()
    editor.press("F2")
    page.evaluate(press, 0)  # on a scroll bar
    editor.press("Tab")
    expect(name).to_be_hidden()
    editor.save()
    assert editor.stored()["name"] == "New name"
    before = node_of(editor.stored(), 2)["position"]
    editor.node(2).focus()
    editor.press("ArrowDown", "F2")
    editor.page.keyboard.type("Newest name")
    editor.save()  # with the button, as one goes on from a name: the two are one after the other
    expect(editor.page.locator("#job-name")).to_have_text("Newest name")
    assert editor.stored()["name"] == "Newest name"
    after = node_of(editor.stored(), 2)["position"]
    assert after == {**before, "y": before["y"] + 8}
    expect(editor.page.locator("#notice")).to_be_hidden()


def test_who_edits_a_job_as_json_while_its_name_is_saved_edits_it_with_that_name(
    edit: Any, shop: Product
) -> None:
    """Its save told of the new name as of somebody else's, and gave back the old one."""
    editor = edit(name="Old name")
    page = editor.page
    editor.node(2).focus()
    editor.press("F2")
    page.keyboard.type("New name")
    held = hold_first(page, f"**/api/jobs/{editor.job_id}")
    editor.press("Enter")
    wait_for_held(page, held)
    page.click(
        f'.job[data-job-id="{shop.sample_job_id()}"]'
    )  # also who has been elsewhere meanwhile
    expect(page.locator("#job-name")).not_to_have_text("Old name")
    page.click(f'.job[data-job-id="{editor.job_id}"]')
    expect(page.locator("#job-name")).to_have_text("Old name")
    page.click("#job-edit")
    page.evaluate("new Promise((done) => setTimeout(done))")
    expect(page.locator("#json")).to_be_hidden()
    held[0].continue_()
    expect(page.locator("#json-title")).to_have_text("Edit New name")
    page.fill("#json-text", page.input_value("#json-text").replace("id > 5", "id > 6"))
    page.click("#json-save")
    expect(page.locator("#json")).to_be_hidden()
    assert editor.stored()["name"] == "New name"


def test_what_is_pressed_while_a_name_is_written_is_pressed(edit: Any) -> None:
    """The field went as the button went down, and the button from under the pointer: nothing was clicked."""
    editor = edit(name="A")
    page = editor.page
    editor.node(2).focus()
    editor.press("F2")
    page.keyboard.type("B")
    page.mouse.move(*editor.middle(page.locator("#job-edit")))
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#json-title")).to_have_text("Edit B")


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
    page.route("**/api/jobs", lambda route: refuse_huge(route))
    several = [
        {"name": name, "mimeType": "application/json", "buffer": json.dumps(told).encode()}
        for name, told in (
            ("one.json", {**document, "name": "Travels"}),
            ("two.json", {**document, "name": "Travels"}),
            ("huge.json", {**document, "name": "Huge"}),
            ("last.json", {**document, "name": "Last"}),
        )
    ]
    page.set_input_files("#job-files", several)
    expect(page.locator("#notice-text")).to_have_text(
        "huge.json is not imported: It is too large. The 2 files before it are imported."
    )
    names = [job["name"] for job in shop.get("/api/jobs").json()["jobs"]]
    assert {"Travels 3", "Travels 4"} <= set(names)
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"nodes": 5}')
    page.set_input_files("#job-files", wrong)
    expect(page.locator("#notice-text")).to_contain_text("wrong.json holds no job")
    wrong.write_text('[{"id": 1}, {"id": 2}]')
    page.set_input_files("#job-files", wrong)
    expect(page.locator("#notice-text")).to_contain_text(
        "wrong.json is a list, and no job. To read its rows"
    )


def refuse_huge(route: Route) -> None:
    if route.request.method == "POST" and "Huge" in (route.request.post_data or ""):
        route.fulfill(status=413, json={"detail": "It is too large."})
    else:
        route.continue_()


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
