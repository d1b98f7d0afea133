"""The first minutes: what this is, the tour that ends in a job of one's own, help, and a snippet that works as it is copied. In Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.pages import assert_accessible, hold, wait_for_held
from tests.harness import ROOT, Product

SETTINGS = """async (asked) => (await import('/playground/help/publish.js')).settingsText(asked)"""
OWN = {"jobId": 42, "nats": "127.0.0.1:4222", "prefix": "", "tenant": "default"}


def home(open_playground: OpenPlayground, **options: Any) -> Page:
    page = open_playground(**options)
    page.locator(".page-link", has_text="Home").click()
    expect(page.locator("#home")).to_be_visible()
    return page


def test_home_says_what_this_is_and_offers_three_examples(open_playground: OpenPlayground) -> None:
    page = home(open_playground)
    expect(page.locator("#greeting-title")).to_be_visible()
    expect(page.locator("#greeting-jobs button")).to_have_count(3)
    assert_accessible(page, "home that greets")
    page.set_viewport_size({"width": 320, "height": 640})
    assert_accessible(page, "home that greets, narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#greeting-jobs button").nth(1).click()
    expect(page.locator("#job-name")).to_have_text("Sales by month")
    expect(page.locator(".node")).not_to_have_count(0)


def test_who_closed_the_greeting_is_not_greeted_again(open_playground: OpenPlayground) -> None:
    page = home(open_playground)
    page.click("#greeting-close")
    expect(page.locator("#greeting")).to_be_hidden()
    page.reload()
    expect(page.locator("#home-jobs tr").first).to_be_visible()
    expect(page.locator("#greeting")).to_be_hidden()


def test_the_tour_ends_in_a_job_of_ones_own(open_playground: OpenPlayground) -> None:
    page = home(open_playground)
    page.click("#greeting-tour")
    for step in range(1, 6):
        expect(page.locator("#tour")).to_have_attribute("data-step", str(step))
        expect(page.locator("#tour-next")).to_be_focused()
        expect(page.locator("[data-toured]")).to_have_count(0 if step == 5 else 1)
        if step in (1, 5):
            assert_accessible(page, f"step {step} of the tour")
        if step == 5:
            expect_the_tour_to_wait_for_a_job(page)
        page.keyboard.press("Enter")
    expect(page.locator("#job-rename")).to_be_focused()
    page.keyboard.type("Mine")
    page.keyboard.press("Enter")
    expect(page.locator("#job-name")).to_have_text("Mine")
    expect(page.locator("#canvas-add")).to_have_attribute("data-toured", "true")
    page.click("#tour-next")
    expect(page.locator("#tour")).to_be_hidden()
    page.click("#canvas-add")
    page.locator("#picker-text").fill("csv input")
    page.keyboard.press("Enter")
    expect(page.locator(".node")).to_have_count(1)
    expect(page.locator("#canvas-add")).to_be_hidden()
    page.locator(".page-link", has_text="Home").click()
    expect(page.locator("#home-jobs tr").first).to_be_visible()
    expect(page.locator("#greeting")).to_be_hidden()


def expect_the_tour_to_wait_for_a_job(page: Page) -> None:
    """Where none could be made, it does not go on in another one."""
    full = {"status": 507, "json": {"detail": "The disk is full."}}
    page.route("**/api/jobs", lambda route: route.fulfill(**full))
    with page.expect_response("**/api/jobs"):
        page.keyboard.press("Enter")
    expect(page.locator("#notice-text")).to_have_text("The disk is full.")
    expect(page.locator("#tour")).to_be_visible()
    expect(page.locator("#tour")).to_have_attribute("data-step", "5")
    expect(page.locator("#tour-next")).to_be_focused()
    page.unroute("**/api/jobs")


def test_a_tour_that_begins_before_the_jobs_are_there_waits_for_them(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = home(open_playground)
    held = hold(page, "**/api/jobs?limit=*")
    page.goto(f"{shop.url}/")
    page.click("#greeting-tour")
    expect(page.locator("#tour")).to_be_hidden()
    wait_for_held(page, held)
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(page.locator("#tour")).to_have_attribute("data-step", "1")
    expect(page.locator("#nodes [data-toured]")).to_have_count(1)


def test_escape_ends_the_tour_and_gives_the_focus_back(open_playground: OpenPlayground) -> None:
    page = open_playground()
    page.click("#help-open")
    page.click("#guide-tour")
    expect(page.locator("#tour-next")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#tour")).to_be_hidden()
    expect(page.locator("#help-open")).to_be_focused()


def test_help_finds_functions_with_their_examples(open_playground: OpenPlayground) -> None:
    page = open_playground()
    full = {"status": 500, "json": {"detail": "The disk is full."}}
    page.route("**/api/functions", lambda route: route.fulfill(**full))
    page.click("#help-open")
    expect(page.locator("#guide-found")).to_have_text("They are not known: The disk is full.")
    page.unroute("**/api/functions")
    page.keyboard.press("Escape")
    page.click("#help-open")
    expect(page.locator("#guide-functions li")).not_to_have_count(0)
    assert_accessible(page, "help")
    page.fill("#guide-search", "nvl")  # what other languages call it
    first = page.locator("#guide-functions li").first
    expect(first).to_contain_text("coalesce(a, …)")
    expect(first).to_contain_text("coalesce(None, 'b', 'c') → 'b'")
    page.fill("#guide-search", "nosuchthing")
    expect(page.locator("#guide-found")).to_contain_text("0 of")


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ({}, ['export NATS_URL="nats://progress:$(cat "${DATA_DIR:-var}/nats_password")@127.0.0.1:4222"', "export JOB_ID=42"]),
        ({"nats": ""}, ['export NATS_URL="nats://user:password@host:4222"  # as NATS_URL of this server', "export JOB_ID=42"]),
        ({"prefix": "blue", "tenant": "acme"}, ["export NATS_PREFIX=blue", "export TENANT_ID='acme'"]),
    ],
)  # fmt: skip
def test_the_settings_of_a_program(modules: Page, asked: dict[str, str], lines: list[str]) -> None:
    told: str = modules.evaluate(SETTINGS, {**OWN, **asked})
    assert told.split("\n")[-2:] == lines


def test_what_help_says_of_programs_works_as_it_is(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    page.click("#help-open")
    settings, program = page.locator("#publish-settings"), page.locator("#publish-program")
    expect(settings).to_contain_text("nats_password")  # the embedded server's own
    script = (
        f"{settings.text_content()}\n{sys.executable} - <<'END'\n{program.text_content()}\nEND\n"
    )
    surroundings = {**os.environ, "DATA_DIR": str(shop.data_dir), "PYTHONPATH": str(ROOT)}
    surroundings.pop("NATS_URL", None)
    link = page.locator("#publish-open").get_attribute("href")
    done = subprocess.run(
        ["bash", "-c", script], env=surroundings, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    page.goto(f"{shop.url}/{link}")
    expect(page.locator(".node .node-name")).to_have_text("Load")
    expect(page.locator(".node .node-count")).to_have_text("1,000")
