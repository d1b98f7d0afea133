"""Webhooks in Chromium: added, tried, told of a run, disabled and deleted, with the keyboard too."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.edit.editing import Editor, small_graph
from tests.browser.pages import answer_late, assert_accessible, hold, wait_for_held
from tests.browser.run.test_playground import expect_run
from tests.harness import Product, running_product
from tests.jobs.webhooks.receivers import Receiver, receiving

SECRET = re.compile(r"^whsec_[A-Za-z0-9+/]{43}=$")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("tell-others") / "data"
    ours = {"WEBHOOK_PRIVATE_HOSTS": "127.0.0.1", "SAMPLE_ORDERS": "2000"}
    with running_product(data_dir, shop_database, **ours) as product:
        yield product


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


TWICE = "(form) => { form.requestSubmit(); form.requestSubmit(); }"


def lose_answer(page: Page, address: str) -> list[str]:
    """What the next request to the address makes, its answer does not come; takes the secret that it told."""
    told: list[str] = []

    def lose(route: Route) -> None:
        told.append(route.fetch().json()["secret"])
        route.abort()

    page.route(address, lose, times=1)
    return told


def open_dialog(editor: Editor) -> None:
    editor.page.click("#job-menu")
    editor.page.click('.menu-item[data-key="webhooks"]')
    expect(editor.page.locator("#webhooks")).to_be_visible()


def test_somebody_is_told_of_a_run_that_failed(edit: Any, receiver: Receiver) -> None:
    graph = small_graph(condition="id > 5")
    graph["nodes"][0]["config"]["table"] = "nowhere"
    graph["edges"].append({"from": 2, "to": 3})
    editor: Editor = edit(graph)
    page = editor.page
    open_dialog(editor)
    expect(page.locator("#webhooks-none")).to_be_visible()
    expect(page.locator("#webhooks-url")).to_be_focused()
    page.keyboard.type(receiver.url)
    lost = lose_answer(page, "**/api/webhooks")
    page.locator("#webhooks-form").evaluate(TWICE)
    expect(page.locator("#webhooks-errors")).to_have_text("The server cannot be reached.")
    page.locator("#webhooks-form").evaluate(TWICE)  # one webhook, with one secret
    webhook = page.locator(".webhook")
    expect(webhook).to_have_count(1)
    expect(page.locator("#webhooks-key")).to_have_value(SECRET)
    expect(page.locator("#webhooks-key")).to_have_value(lost[0])
    secret = page.locator("#webhooks-key").input_value()
    expect(webhook.locator(".webhook-test")).to_be_focused()
    page.keyboard.press("Enter")
    expect(webhook.locator(".webhook-said")).to_have_text("Delivered: it answered 204.")
    webhook.locator(".webhook-record").click()
    expect(webhook.locator(".webhook-delivery")).to_have_count(1)
    page.fill("#webhooks-url", "http://10.0.0.1/")
    page.click("#webhooks-add")
    expect(page.locator("#webhooks-errors")).to_contain_text("has the private address 10.0.0.1")
    assert_accessible(page, "webhooks")
    page.keyboard.press("Escape")
    assert secret not in page.content()
    page.click("#execute")
    expect_run(page, "failed")
    open_dialog(editor)
    expect(page.locator("#webhooks-secret")).to_be_hidden()
    webhook.locator(".webhook-record").click()
    failed = webhook.locator(".webhook-delivery", has_text="failed · run")
    expect(failed).to_have_count(1)
    failed.get_by_text("Send again").click()
    expect(webhook.locator(".webhook-said")).to_have_text("It is sent again.")
    lost = lose_answer(page, "**/secret")
    for told in (page.locator("#webhooks-errors"), page.locator("#webhooks-secret")):
        webhook.locator(".webhook-secret").click()
        page.click("#confirm-yes")
        expect(told).to_be_visible()
    expect(page.locator("#webhooks-key")).to_have_value(lost[0])
    webhook.locator(".webhook-switch").click()
    expect(webhook.locator(".webhook-state")).to_have_text("disabled")
    expect(webhook.locator(".webhook-switch")).to_be_focused()
    assert_accessible(page, "a disabled webhook")
    webhook.locator(".webhook-delete").click()
    page.click("#confirm-yes")
    expect(webhook).to_have_count(0)


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Where nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_receiver_that_is_away_is_told_of_in_a_sentence(edit: Any, deaf_port: int) -> None:
    editor: Editor = edit()
    page = editor.page
    late = answer_late(page, re.compile(r"/api/webhooks\?"))
    open_dialog(editor)
    wait_for_held(page, late)
    page.fill("#webhooks-url", f"http://127.0.0.1:{deaf_port}/")
    page.select_option("#webhooks-form-kind", "slack")
    page.select_option("#webhooks-job", "all")
    page.get_by_label("completed", exact=True).check()
    page.click("#webhooks-add")
    webhook = page.locator(".webhook")
    expect(webhook.locator(".webhook-about")).to_contain_text(
        "Runs of all jobs: failed, completed again"
    )
    expect(page.locator("#webhooks-secret")).to_be_hidden()
    [(route, before)] = late  # who was told before it was added
    with page.expect_response(re.compile(r"/api/webhooks\?")) as older:
        route.fulfill(response=before)
    older.value.finished()
    editor.settle()
    page.route("**/test", lambda route: route.abort())
    webhook.locator(".webhook-test").click()
    expect(page.locator("#webhooks-errors")).to_have_text("The server cannot be reached.")
    expect(webhook.locator(".webhook-said")).to_have_text("")  # it is not being sent
    page.unroute_all()
    webhook.locator(".webhook-test").click()
    expect(webhook.locator(".webhook-said")).to_have_text(
        "Not delivered: it cannot be reached: Connection refused."
    )
    expect_a_late_error_beside_the_dialog(editor)


def expect_a_late_error_beside_the_dialog(editor: Editor) -> None:
    """It stood in the dialog that was opened next, as if it were about what is done there."""
    page = editor.page
    held = hold(page, re.compile("/api/webhooks$"))
    page.fill("#webhooks-url", "https://127.0.0.1/late")
    page.click("#webhooks-add")
    wait_for_held(page, held)
    page.keyboard.press("Escape")
    open_dialog(editor)
    held[0].fulfill(status=400, json={"detail": "that is none"})
    expect(page.locator("#notice-text")).to_have_text("Tell others: That is none.")
    expect(page.locator("#webhooks-errors")).to_be_hidden()
    page.keyboard.press("Escape")
    page.click("#notice-close")
    looks = hold(page, re.compile(r"/api/webhooks\?"))
    open_dialog(editor)
    wait_for_held(page, looks)
    page.keyboard.press("Escape")
    with page.expect_event("requestfailed"):
        looks[0].abort()
    editor.settle()
    expect(
        page.locator("#notice")
    ).to_be_hidden()  # who only looked has done nothing that could fail
    open_dialog(editor)
    wait_for_held(page, looks, 2)
    looks[1].continue_()
    page.click(".webhook-switch")
    wait_for_held(page, looks, 3)
    page.keyboard.press("Escape")
    with page.expect_event("requestfailed"):
        looks[2].abort()
    editor.settle()
    expect(page.locator("#notice")).to_be_hidden()  # the change was made
