"""The gallery on the home page, in Chromium: an example becomes a job of one's own, and runs."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import WAIT, OpenPlayground
from tests.browser.pages import assert_accessible, hold_first, picture, wait_for_held
from tests.browser.run.test_playground import expect_run


def test_an_example_becomes_a_job_that_runs(
    open_playground: OpenPlayground, tmp_path: Path
) -> None:
    page = open_playground()
    page.locator('[data-page-link="home"]').first.click()
    cards = page.locator("#gallery-list li")
    expect(cards).to_have_count(5, timeout=WAIT)
    assert_accessible(page, "home with its gallery")
    picture(page, "gallery", tmp_path)
    held = hold_first(page, "**/api/jobs/*/runs?*")  # the page of the first job still loads
    for _ in range(2):
        page.locator('[data-page-link="home"]').first.click()
        cards.filter(has_text="Mailing lists").get_by_role("button").click()
        expect(page.locator("#nodes .node")).to_have_count(8, timeout=WAIT)
    expect(page.locator("#job-name")).to_have_text("Mailing lists 2")
    wait_for_held(page, held)
    held[0].continue_()
    page.locator("#execute").click()
    expect_run(page, "completed")
