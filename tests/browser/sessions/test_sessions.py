"""A browser that is signed in: by the link, for each tab, until somebody signs out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import OpenPlayground, new_context, shop_with
from tests.browser.pages import assert_accessible, picture
from tests.harness import FEW_ORDERS, Product, eventually, running_product

shop = shop_with(SAMPLE_ORDERS=str(FEW_ORDERS))
CHANNEL = "playground.session /"
HEARS = f"""() => {{
  window.heard = [];
  new BroadcastChannel('{CHANNEL}').onmessage = ({{data}}) => heard.push(data);
}}"""
NARROW = {"width": 320, "height": 700}


def expect_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")


def cookies(page: Page) -> list[Any]:
    return page.context.cookies()


def kept(page: Page) -> str:
    return str(page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])"))


def another_tab(page: Page, address: str) -> Page:
    tab = page.context.new_page()
    tab.goto(address)
    return tab


def test_the_links_token_becomes_a_cookie_that_no_script_sees(
    open_playground: OpenPlayground, shop: Product
) -> None:
    token = shop.token(sub="ann")
    page = open_playground(token=token)
    expect_live(page)
    expect(page.locator("#account-name")).to_have_text("ann")
    assert token not in page.url
    assert "eyJ" not in kept(page), "no token, and no session"
    assert page.evaluate("document.cookie") == ""
    [cookie] = cookies(page)
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert cookie["secure"] is False, "by plain HTTP a secure one would not be kept"
    assert token != cookie["value"]


BLOCKED = """for (const name of ['localStorage', 'sessionStorage', 'BroadcastChannel']) {
  Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });
}"""


def test_where_all_cookies_are_blocked_the_page_works_by_its_token(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=None)
    page.add_init_script(BLOCKED)
    page.route("**/api/session", lambda route: route.fulfill(status=401, json={}))
    page.goto(f"{shop.url}/?job={shop.sample_job_id()}&token={shop.token(sub='ann')}")
    expect_live(page)
    expect(page.locator("#account-name")).to_have_text("ann")
    expect(page.locator(".node")).not_to_have_count(0)
    assert "token" not in page.url


def test_a_second_tab_a_bookmark_and_a_reload_need_no_token(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    bookmark = page.url
    page.reload()
    expect_live(page)
    tab = another_tab(page, bookmark)
    expect_live(tab)
    expect(tab.locator(".node").first).to_be_visible()
    tab.locator("#execute").click()
    expect(page.locator("#run")).to_have_attribute("data-status", "completed", timeout=60_000)
    page.close()
    expect_live(another_tab(tab, bookmark))


def test_who_signs_out_is_out_in_each_tab_and_back_with_a_token(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    tab = another_tab(page, page.url)
    expect_live(tab)
    page.click("#account-out")
    expect(page.locator("#token-title")).to_have_text("You have signed out")
    expect(tab.locator("#token-title")).to_have_text("You have signed out in another tab")
    for each in (page, tab):
        expect(each.locator("html")).to_have_attribute("data-connection", "disconnected")
        expect(each.locator("#account")).to_be_hidden()
    assert cookies(page) == []
    tab.reload()
    expect(tab.locator("#token-title")).to_have_text("A token is needed")
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    for each in (page, tab):
        expect_live(each)
        expect(each.locator("#token")).to_be_hidden()


def test_a_sign_out_that_the_server_did_not_hear_is_none(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    page.route("**/api/session", lambda route: route.abort())
    page.click("#account-out")
    expect(page.locator("#notice-text")).to_contain_text("You are still signed in")
    expect_live(page)
    assert len(cookies(page)) == 1


def test_a_link_of_somebody_else_counts_for_its_tab_alone(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(sub="ann"))
    expect_live(page)
    [before] = cookies(page)
    tab = another_tab(page, f"{shop.url}/?token={shop.token(sub='mallory')}")
    expect_live(tab)
    expect(tab.locator("#account-name")).to_have_text("mallory")
    page.reload()
    expect(page.locator("#account-name")).to_have_text("ann")
    assert cookies(page) == [before]
    page.evaluate(HEARS)
    tab.click("#account-out")  # of this tab: the browser's session is there as before
    expect(tab.locator("#token-title")).to_have_text("You have signed out")
    tab.evaluate("channel => new BroadcastChannel(channel).postMessage('last')", CHANNEL)
    page.wait_for_function("heard.includes('last')")
    assert page.evaluate("heard") == ["last"], "other tabs are told nothing"
    expect(page.locator("#token")).to_be_hidden()
    expect_live(page)


def test_a_token_of_somebody_else_that_is_pasted_counts_for_the_tab_alone(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(sub="ann", exp=int(time.time()) + 300))
    expect_live(page)
    page.click("#connection-renew")
    page.fill("#token-field", shop.token(sub="bob"))
    page.click("#token button[type=submit]")
    expect(page.locator("#account-name")).to_have_text("bob")
    expect(page.locator("#connection-token")).to_be_hidden()
    expect_live(page)
    expect(another_tab(page, shop.url).locator("#account-name")).to_have_text("ann")


def test_an_old_link_with_a_token_that_has_ended_opens_the_session_that_is_there(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(sub="ann"))
    expect_live(page)
    tab = another_tab(page, f"{shop.url}/?token={shop.token(exp=1_000)}")
    expect_live(tab)
    expect(tab.locator("#account-name")).to_have_text("ann")
    expect(tab.locator("#token")).to_be_hidden()


def test_where_cookies_are_off_the_token_stays_in_its_tab(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=None)
    page.route("**/api/session", without_cookie)
    page.goto(f"{shop.url}/?token={shop.token()}")
    expect_live(page)
    assert "eyJ" in kept(page)
    page.reload()
    expect_live(page)


def without_cookie(route: Any) -> None:
    headers = {**route.request.headers, "cookie": ""}
    answer = route.fetch(headers=headers)
    told = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
    route.fulfill(status=answer.status, headers=told, body=answer.body())


def test_a_session_that_has_ended_says_so_and_takes_a_token(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(exp=int(time.time()) - 10 + 13))
    expect_live(page)
    expect(page.locator("#token-title")).to_have_text("Your session has ended", timeout=30_000)
    expect(page.locator("#token")).to_contain_text("sign in again with a token")
    page.fill("#token-field", shop.token())
    page.click("#token button[type=submit]")
    expect_live(page)
    expect(page.locator("#token")).to_be_hidden()


@pytest.mark.slow
def test_the_socket_of_a_session_that_slides_on_is_not_cut(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """The page asks before the session's end; its socket takes the ticket, and no other is opened."""
    page = open_playground(token=None)
    expect(page.locator("#token")).to_be_visible()  # it has asked whether there is a session
    sockets: list[str] = []
    asked: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.on("request", lambda one: asked.append(one.method) if "/api/session" in one.url else None)
    ends = time.time() + 20
    give_session(page.context, shop, seconds=20, days=1)
    page.goto(shop.url)
    expect_live(page)
    [before] = cookies(page)
    assert len(sockets) == 1
    eventually(lambda: cookies(page)[0]["value"] != before["value"], what="the cookie is renewed")
    assert cookies(page)[0]["expires"] > time.time() + 3_600
    eventually(lambda: time.time() > ends + 3 and cookies(page), what="the first end has passed")
    expect_live(page)
    assert len(sockets) == 1
    assert asked == ["GET", "GET"]


def give_session(context: BrowserContext, shop: Product, *, seconds: float, days: float) -> None:
    """A cookie that the server itself might have written some time ago."""
    from tests.web.sessions import cookie_of

    name, value = cookie_of(shop, seconds=seconds, days=days)
    context.add_cookies(
        [{"name": name, "value": value, "url": shop.url, "httpOnly": True, "sameSite": "Strict"}]
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_top_bar_has_room_for_a_name_on_a_phone_and_a_desk(
    open_playground: OpenPlayground, shop: Product, scheme: str, tmp_path: Any
) -> None:
    token = shop.token(sub="Ann-Kathrin.Müller-Lüdenscheidt@berlin.example.com")
    for size in (NARROW, {"width": 1280, "height": 720}):
        page = open_playground(token=token, viewport=size, color_scheme=scheme)
        expect_live(page)
        expect(page.locator("#account-out")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        said = page.locator("#connection-text")
        assert said.evaluate("it => it.scrollWidth <= it.clientWidth"), "Live is not cut short"
        picture(page, f"account-{scheme}-{size['width']}", tmp_path)
        assert_accessible(page, f"the top bar at {size['width']}")


def test_a_link_in_a_mail_finds_the_session(
    open_playground: OpenPlayground, shop: Product, static_url: str
) -> None:
    """From another site (localhost is not 127.0.0.1) the browser holds a Strict cookie back; the page asks for it itself."""
    page = open_playground()
    expect_live(page)
    address = page.url
    page.goto(f"{static_url.replace('127.0.0.1', 'localhost')}/blank")
    page.evaluate(
        """(href) => {
          const link = document.createElement('a');
          link.href = href; link.textContent = 'The run failed';
          document.body.append(link);
        }""",
        address,
    )
    page.get_by_text("The run failed").click()
    expect_live(page)
    expect(page.locator("#account")).to_be_visible()


def test_while_the_server_is_away_no_session_is_said_to_have_ended(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground()
    expect_live(page)
    page.route("**/api/**", lambda route: route.fulfill(status=502, body="no upstream"))
    is_back: list[bool] = []
    page.route_web_socket(
        "**/ws", lambda socket: socket.connect_to_server() if is_back else socket.close()
    )
    page.reload()
    expect(page.locator("#connection-text")).to_contain_text("next try", timeout=30_000)
    expect(page.locator("#token")).to_be_hidden()
    page.unroute_all()
    is_back.append(True)
    page.click("#connection-retry")
    expect_live(page)


def test_where_sessions_are_off_the_token_stays_in_its_tab(
    browser: Browser, tmp_path: Path, shop_database: Path
) -> None:
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", "SESSION_DAYS": "0"}
    with running_product(tmp_path / "data", shop_database, **settings) as product:
        context = new_context(browser)
        page = context.new_page()
        page.goto(f"{product.url}/?token={product.token()}")
        expect_live(page)
        assert "token" not in page.url
        page.reload()
        expect_live(page)
        assert "eyJ" in kept(page)
        assert context.cookies() == []
        context.close()
