"""Chromium for the tests in this directory: Debian's, driven by Playwright. (ENGINE=firefox: Firefox, see firefox.py.)

def test_something(browser: Browser) -> None: ...             one Chromium for the whole session
def test_something(shop: Product) -> None: ...                a product that the tests of a module share; shop = shop_with(…) for other settings
def test_something(open_playground: OpenPlayground) -> None:  pages of it, each as in a browser of its own
def test_something(edit: Any) -> None:                        edit(graph=…) opens a new job in the editor
def test_something(modules: Page) -> None: ...                a blank page that can import() our modules
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError

from tests.browser import firefox
from tests.browser.edit.editing import WIDE, Editor, small_graph
from tests.harness import IN_CI, ROOT, Product, running_product
from tests.late import pages
from tests.late.chance import SEED

CHROMIUM = Path("/usr/bin/chromium")
# The same without windows, tabs and menus: a page costs 0.75 s of a core instead of 1.2
HEADLESS_SHELL = Path("/usr/bin/chromium-headless-shell")
ARGUMENTS = (
    "--headless",
    "--process-per-site",  # a new page of a context starts no process where one of 127.0.0.1 is open: a tenth of the CPU
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A test's page ends before what V8's two optimizing compilers do has paid; pages whose speed is measured have them
UNOPTIMIZED = "--js-flags=--no-maglev --no-turbofan"
USUAL: ViewportSize = {"width": 1280, "height": 720}
WAIT = 30_000  # milliseconds that Playwright waits for what should happen soon
expect.set_options(timeout=WAIT)  # its 5 s are too short where four test processes share two cores


def _only_what_is_seen(owner: type[Page] | type[Locator], name: str) -> None:
    """Has a method of the keyboard wait until a person could reach what it is about.

    Playwright waits for nothing before it: a key for a part that is still hidden goes to what has the keyboard then.
    """
    method = getattr(owner, name)

    @functools.wraps(method)
    def waiting(self: Page | Locator, *arguments: Any, **options: Any) -> Any:
        part = self if isinstance(self, Locator) else self.locator(arguments[0])
        part.first.wait_for(state="visible")
        return method(self, *arguments, **options)

    setattr(owner, name, waiting)


for _owner in (Page, Locator):
    for _name in ("focus", "press"):
        _only_what_is_seen(_owner, _name)


if firefox.IS_ASKED_FOR:
    firefox.prepare()
if SEED:
    pages.make_late()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium. Missing: these tests are skipped on a laptop, and fail in CI."""
    program = firefox.PROGRAM if firefox.IS_ASKED_FOR else CHROMIUM
    if not program.exists():
        reason = f"NO BROWSER TEST RAN: there is no {program} (apt-get install {program.name})"
        if IN_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launch = firefox.launch if firefox.IS_ASKED_FOR else _launch_chromium
        launched = launch(playwright)
        yield launched
        launched.close()


def _launch_chromium(playwright: Playwright) -> Browser:
    program = HEADLESS_SHELL if HEADLESS_SHELL.exists() else CHROMIUM
    arguments = [*ARGUMENTS, UNOPTIMIZED]
    return playwright.chromium.launch(executable_path=program, args=arguments, handle_sigint=False)


def shop_with(**settings: str) -> Any:
    """A fixture: a running product with the sample shop, for all tests of a module."""

    @pytest.fixture(scope="module")
    def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
        data_dir = tmp_path_factory.mktemp("playground") / "data"
        with running_product(data_dir, shop_database, **settings) as product:
            yield product

    return shop


shop = shop_with()


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Nothing turns in its pages, unless `reduced_motion` says so: to draw what moves takes a third of a core."""
    context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    context.set_default_timeout(WAIT)
    return context


Listeners = dict[str, Callable[[Any], None]]
"""What hears an event of a page, by its name."""

# What a test does to a page by one of these outlives the document: such a page serves no other test
LASTING = ("on", "once", "route_from_har", "route_web_socket", "expose_function")

USUAL_MEDIA: dict[str, Any] = {
    "media": "null",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "forced_colors": "none",
    "contrast": "no-preference",
}

# This, too, but it can be undone: by the method, with the page and what the method gave
UNDONE: dict[str, Callable[[Page, Any], object]] = {
    "route": lambda page, _: page.unroute_all(behavior="ignoreErrors"),
    "add_init_script": lambda _, script: script.close(),
    "emulate_media": lambda page, _: page.emulate_media(**USUAL_MEDIA),
}


class KeptContext:
    """A context, and in it a page, that one test after the other uses: a page of its own costs 0.8 s of a core, a document 0.4."""

    def __init__(self, browser: Browser, blank: str) -> None:
        """`blank`: the address of an empty page on 127.0.0.1."""
        self.context = new_context(browser)
        # stays open, and the process of its site with it: a page beside it is cheap, and the only one of a context is not
        page = self.context.new_page()
        page.goto(blank)
        self._debugger = self.context.new_cdp_session(page)
        self._page: Page | None = None  # that the next test may have
        self._is_spoilt = False
        self._to_undo: list[Callable[[], object]] = []
        self._spoiled_by(self.context, "new_cdp_session")

    @contextlib.contextmanager
    def lent(self, url: str) -> Iterator[BrowserContext]:
        """As good as new for the origin of `url`; pages that are opened in it are closed at the end."""
        origin = {"origin": url, "storageTypes": "all"}
        self._debugger.send("Storage.clearDataForOrigin", origin)
        before = self.context.pages
        try:
            yield self.context
        finally:
            for page in self.context.pages:
                if page not in before and page is not self._page:
                    page.close()
            self.context.set_offline(False)

    @contextlib.contextmanager
    def page(self, url: str, listeners: Listeners) -> Iterator[Page]:
        """A page for one test, which the next has, too, unless something of this one would last."""
        page, self._page = self._page or self._new_page(), None
        _listen(page, listeners)
        self._is_spoilt = False
        self._to_undo.clear()
        try:
            yield page
        finally:
            is_kept = not (page.is_closed() or self._is_spoilt) and self._is_undone(page)
            if not is_kept or not _is_as_new(page, url):
                page.close()
            else:
                self._page = page
                for name, listener in listeners.items():
                    page.remove_listener(name, listener)

    def _new_page(self) -> Page:
        page = self.context.new_page()
        for name in LASTING:
            self._spoiled_by(page, name)
        for name, undo in UNDONE.items():
            self._undone_after(page, name, undo)
        return page

    def _spoiled_by(self, owner: Page | BrowserContext, name: str) -> None:
        """Has a call of this method noted."""
        method = getattr(owner, name)

        def noted(*arguments: Any, **options: Any) -> Any:
            self._is_spoilt = True
            return method(*arguments, **options)

        setattr(owner, name, noted)

    def _undone_after(self, page: Page, name: str, undo: Callable[[Page, Any], object]) -> None:
        """Has what a call of this method does undone after the test."""
        method = getattr(page, name)

        def noted(*arguments: Any, **options: Any) -> Any:
            given = method(*arguments, **options)
            if name == "route":
                page.evaluate(
                    "0"
                )  # a request that is made before the page has heard of it passes by, and is told of to nobody
            self._to_undo.append(lambda: undo(page, given))
            return given

        setattr(page, name, noted)

    def _is_undone(self, page: Page) -> bool:
        """Undoes what the test did, once its page is left: a request that a route still holds would otherwise be sent."""
        to_undo = self._to_undo.copy()  # to emulate other media is noted itself
        try:
            if to_undo:
                page.goto("about:blank")
            for undo in to_undo:
                undo()
        except PlaywrightError:
            return False
        return True


def _listen(page: Any, listeners: Listeners) -> None:
    for name, listener in listeners.items():
        page.on(name, listener)


def _is_as_new(page: Page, url: str) -> bool:
    """Whether a page could forget what it was, on an empty one of the same origin; not so where nobody serves that any more."""
    try:
        page.goto(f"{url}/livez")
        page.evaluate("() => { sessionStorage.clear(); window.name = ''; }")
        debugger = BrowserContext.new_cdp_session(page.context, page)
        debugger.send("Page.resetNavigationHistory")
        debugger.detach()
    except PlaywrightError:
        return False
    return True


class NewContexts(KeptContext):
    """The same in a browser that cannot be made to forget: each test has a context of its own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextlib.contextmanager
    def lent(self, url: str) -> Iterator[BrowserContext]:
        with contextlib.closing(new_context(self._browser)) as self.context:
            yield self.context

    @contextlib.contextmanager
    def page(self, url: str, listeners: Listeners) -> Iterator[Page]:
        page = self.context.new_page()
        _listen(page, listeners)
        yield page


@pytest.fixture(scope="session")
def kept_context(browser: Browser, static_url: str) -> Iterator[KeptContext]:
    if firefox.IS_ASKED_FOR:
        yield NewContexts(browser)
        return
    kept = KeptContext(browser, f"{static_url}/blank")
    yield kept
    kept.context.close()


class OpenPages:
    """Opens pages of a product, and notes their errors. The first is the kept one, others are as in other browsers."""

    def __init__(self, browser: Browser, kept: KeptContext, url: str) -> None:
        self.errors: list[str] = []
        self.url = url
        self._browser = browser
        self._kept: KeptContext | None = kept
        self._own = contextlib.ExitStack()
        self._listeners: Listeners = {
            "pageerror": lambda error: self.errors.append(str(error)),
            "console": self._note,
        }

    def __call__(self, query: str, *, viewport: ViewportSize = USUAL, **media: Any) -> Page:
        """A page of this size; `media` as page.emulate_media() takes it."""
        page = self._new_page()
        page.set_viewport_size(viewport)
        if media:
            page.emulate_media(**media)
        page.goto(f"{self.url}/?{query}")
        return page

    def _new_page(self) -> Page:
        kept, self._kept = self._kept, None
        if kept is None:
            context = new_context(self._browser)
            self._own.callback(context.close)
            page = context.new_page()
            _listen(page, self._listeners)
            return page
        return self._own.enter_context(kept.page(self.url, self._listeners))

    def _note(self, message: ConsoleMessage) -> None:
        # what the network said is the test's own business; a breach of the CSP is not
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def close(self) -> None:
        self._own.close()


@contextlib.contextmanager
def open_pages(browser: Browser, kept: KeptContext, url: str) -> Iterator[OpenPages]:
    """Pages for one test, which any error of one of them fails."""
    with kept.lent(url):
        pages = OpenPages(browser, kept, url)
        try:
            yield pages
        finally:
            pages.close()
    expected = ("WebSocket connection", *firefox.SAID)  # the browser logs each refused one
    assert [error for error in pages.errors if not any(said in error for said in expected)] == []


class OpenPlayground(Protocol):
    def __call__(
        self, job_id: int | None = None, more: str = "", *, token: str | None = "", **options: Any
    ) -> Page: ...


@pytest.fixture
def open_playground(
    browser: Browser, kept_context: KeptContext, shop: Product
) -> Iterator[OpenPlayground]:
    """Opens the Playground on a job, the sample where none is named; `token`: "" a good one, None no one. Any error of the page fails the test.

    `more` is the rest of the address: "run=…".
    """
    with open_pages(browser, kept_context, shop.url) as pages:

        def open_page(
            job_id: int | None = None, more: str = "", *, token: str | None = "", **options: Any
        ) -> Page:
            query = [f"job={shop.sample_job_id() if job_id is None else job_id}", more]
            query += [] if token is None else [f"token={token or shop.token()}"]
            return pages("&".join(filter(None, query)), **options)

        yield open_page


@pytest.fixture
def edit(open_playground: OpenPlayground, shop: Product) -> Any:
    """edit(graph=…, name=…) opens a new job in the editor."""

    def start(graph: dict[str, Any] | None = None, name: str = "Edited", **options: Any) -> Editor:
        job_id = shop.create_job({"name": name, "graph": graph or small_graph()})
        options = {"viewport": WIDE, **options}
        editor = Editor(open_playground(job_id, **options), shop, job_id)
        expect(editor.page.locator("#graph")).to_have_attribute("data-editable", "true")
        expect(editor.page.locator(".palette-item")).not_to_have_count(0)
        return editor

    return start


class _StaticFiles(http.server.SimpleHTTPRequestHandler):
    """static/, and an empty page. (One that Playwright made up could not connect to 127.0.0.1.)"""

    def do_GET(self) -> None:
        if self.path == "/blank":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html>")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def static_url() -> Iterator[str]:
    """The address of a plain file server on static/."""
    handler = partial(_StaticFiles, directory=str(ROOT / "static"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="static files")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5.0)
    server.server_close()


@pytest.fixture(scope="module")
def modules(kept_context: KeptContext, static_url: str) -> Iterator[Page]:
    """A blank page on the origin of static/, where `import("/realtime/…")` works; shared by a module's tests."""
    with kept_context.lent(static_url) as context:
        page = context.new_page()
        page.goto(f"{static_url}/blank")
        yield page
