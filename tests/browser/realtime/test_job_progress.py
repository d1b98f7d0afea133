"""<job-progress> and the React hook, in pages of other servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import KeptContext
from tests.browser.edit.editing import small_graph
from tests.browser.pages import assert_accessible, picture
from tests.browser.realtime.test_realtime_service import TinyServer, progress
from tests.browser.run.runs import BLOCK_WEBSOCKETS, Publisher
from tests.harness import ROOT, Product, eventually, running_product
from web.callers.limits import Limit

REACT = Path(str(files("dash_renderer")))  # which brings React's own files
RUN = "b" * 32
# Milliseconds until a run is shown over HTTP, after two WebSockets that did not open
RUN_SHOWN = 20_000
NO_INLINE = (  # a page that lets nothing in but the element's server
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; script-src {0}; connect-src {0} {1}">'
)
ELEMENT = '<job-progress job="{job}" token="">Nightly <i>load</i></job-progress>'


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, shop_database: Path, static_url: str
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("embedded") / "data"
    with running_product(data_dir, shop_database, ALLOWED_ORIGINS=static_url) as product:
        yield product


@pytest.fixture
def host(kept_context: KeptContext, static_url: str) -> Iterator[Page]:
    """A page of another origin than the product's."""
    with kept_context.lent(static_url) as context:
        page = context.new_page()
        page.goto(f"{static_url}/blank")
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


@pytest.fixture
def server() -> Iterator[TinyServer]:
    tiny = TinyServer()
    yield tiny
    tiny.close()


def embed(page: Page, product: Product, job_id: int, token: str = "") -> None:
    """The element as a page of another server has it, under a strict policy."""
    page.set_content(
        "<!doctype html><html lang='en'><title>Host</title>"
        + NO_INLINE.format(product.url, product.url.replace("http", "ws"))
        + "<main>"
        + ELEMENT.format(job=job_id)
        + f"</main><script type='module' src='{product.url}/static/realtime/job-progress.js'></script>"
    )
    page.evaluate(
        """(token) => {
          window.told = [];
          document.addEventListener('run-changed', ({ detail }) => told.push(detail));
          document.querySelector('job-progress').token = token;  // perhaps before the element is known
        }""",
        token or product.token(),
    )


def in_element(page: Page, selector: str) -> Any:
    return page.locator(f"job-progress {selector}")


def test_a_token_of_one_run_shows_that_run_and_a_token_of_another_job_says_so(
    host: Page, shop: Product
) -> None:
    job_id = shop.create_job({"name": "Limited", "graph": small_graph()})
    one, other = Publisher(shop, job_id, RUN), Publisher(shop, job_id, "c" * 32)
    embed(host, shop, job_id, shop.token(scope="jobs:read", **Limit(job_id, RUN).claims))
    status, problem = in_element(host, "[part=status]"), in_element(host, "[part=problem]")
    expect(status).to_have_text("No word yet")
    expect(problem).to_be_hidden()
    one.status("running")
    one.node(1, "running", 250)
    expect(in_element(host, "li")).to_contain_text("250 rows")
    one.status("completed")
    expect(status).to_contain_text("Completed")
    other.status("running")
    other.node(1, "running", 9)
    token = shop.token(scope="jobs:read", **Limit(job_id + 1).claims)
    host.evaluate("(token) => (document.querySelector('job-progress').token = token)", token)
    expect(problem).to_have_text(f"the token is limited to job {job_id + 1}, and may not ask this")
    limited = shop.token(scope="jobs:read", **Limit(job_id).claims)
    host.evaluate("(token) => (document.querySelector('job-progress').token = token)", limited)
    expect(in_element(host, "li")).to_contain_text("9 rows")
    expect(problem).to_be_hidden()


def test_a_limited_token_will_do_where_websockets_are_blocked(host: Page, shop: Product) -> None:
    (shop.data_dir / "one.csv").write_text("id\n1\n")
    nodes = [
        {"id": 1, "type": "csv_input", "name": "In", "config": {"path": "one.csv"}},
        {"id": 2, "type": "csv_output", "name": "Out", "config": {"path": "two.csv"}},
    ]
    job = {"name": "Blocked", "graph": {"nodes": nodes, "edges": [{"from": 1, "to": 2}]}}
    job_id = shop.create_job(job)
    run_id = shop.execute(job_id)
    assert shop.run_end(run_id)["status"] == "completed"
    host.evaluate(BLOCK_WEBSOCKETS)
    embed(host, shop, job_id, shop.token(scope="jobs:read", **Limit(job_id, run_id).claims))
    expect(in_element(host, "[part=status]")).to_contain_text("Completed", timeout=RUN_SHOWN)
    expect(in_element(host, "li")).to_have_count(2)
    assert host.evaluate("tried") == 2
    token = shop.token(scope="jobs:read", **Limit(job_id + 1).claims)
    host.evaluate("(token) => (document.querySelector('job-progress').token = token)", token)
    expect(in_element(host, "[part=problem]")).to_have_text(
        f"the token is limited to job {job_id + 1}, and may not ask this", timeout=RUN_SHOWN
    )


def test_a_page_of_another_server_shows_a_run_live(
    host: Page, shop: Product, tmp_path: Path
) -> None:
    job_id = shop.create_job({"name": "Shown elsewhere", "graph": small_graph()})
    embed(host, shop, job_id)
    status = in_element(host, "[part=status]")
    expect(status).to_have_text("No word yet")
    expect(in_element(host, "[part=problem]")).to_be_hidden()
    run = Publisher(shop, job_id, RUN)
    run.status("running")
    run.node(1, "running", 250, rowTotal=1000)
    expect(status).to_contain_text("Running · 25 %")
    row = in_element(host, "li")
    expect(row).to_contain_text("Node 1")
    expect(row).to_contain_text("250 of 1,000 rows")
    expect(row.get_by_role("progressbar", name="Node 1")).to_have_attribute("aria-valuenow", "25")
    assert_accessible(host, "a running job in another page")
    picture(host, "job-progress-running", tmp_path)
    run.node(1, "failed", 400, message="row 401: no number")
    run.status("failed", "Node 1: row 401: no number")
    expect(status).to_contain_text("Failed")
    expect(in_element(host, "[part=reason]")).to_have_text("Node 1: row 401: no number")
    expect(row).to_have_attribute("data-state", "error")
    said = "told.map(({ status }) => status)"
    eventually(lambda: host.evaluate(said) == ["running", "failed"])
    assert host.evaluate("told[0]") == {
        "jobId": job_id, "runId": RUN, "status": "running", "reason": None
    }  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_in_the_hosts_colours(host: Page, shop: Product, scheme: str) -> None:
    job_id = shop.create_job({"name": f"In {scheme}", "graph": small_graph()})
    embed(host, shop, job_id)
    host.evaluate("(scheme) => { document.documentElement.style.colorScheme = scheme; }", scheme)
    for number, state in enumerate(("completed", "failed", "running"), 1):
        Publisher(shop, job_id, RUN).node(number, state, number, seq=number)
    expect(in_element(host, "li")).to_have_count(3)
    assert_accessible(host, f"nodes in {scheme}")


def test_a_token_that_the_server_refuses_is_told(host: Page, shop: Product) -> None:
    embed(host, shop, 1)
    host.evaluate("document.querySelector('job-progress').token = 'a.b.c'")
    expect(in_element(host, "[part=problem]")).to_contain_text("does not accept the token")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"job": "x"}, 'job="x" is not the number of a job.'),
        ({"job": "0"}, 'job="0" is not the number of a job.'),
        ({"job": str(2**53)}, f'job="{2**53}" is not the number of a job.'),
        ({}, 'job="" is not the number of a job.'),
        ({"job": "1", "server": "ftp://x"}, 'server="ftp://x" is no address.'),
        ({"job": "1", "server": "http://"}, 'server="http://" is no address.'),
    ],
)
def test_what_a_page_gave_wrong_is_told(
    host: Page, static_url: str, attributes: dict[str, str], told: str
) -> None:
    make_elements(host, attributes)
    expect(in_element(host, "[part=problem]")).to_have_text(told)


def test_without_a_token_it_says_so(host: Page, static_url: str) -> None:
    make_elements(host, {"job": str(2**53 - 1)}, token="")  # the largest number of a job
    expect(in_element(host, "[part=problem]")).to_have_text("There is no token yet.")


def make_elements(page: Page, *attributes: dict[str, str], token: str = "t") -> None:
    page.evaluate(
        """async ([all, token]) => {
          await import('/realtime/job-progress.js');
          for (const attributes of all) {
            const made = document.createElement('job-progress');
            for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
            made.token = token;
            document.body.append(made);
          }
        }""",
        [list(attributes), token],
    )


def test_elements_of_a_page_share_one_connection_and_leave_it(
    host: Page, server: TinyServer
) -> None:
    address = server.url.replace("ws://", "http://").removesuffix("/ws")
    jobs = [{"job": job, "server": address} for job in ("42", "42", "43")]
    make_elements(host, *jobs)
    eventually(lambda: {said["jobId"] for _, said in server.received} == {42, 43})
    server.say(progress(42, 7))
    expect(in_element(host, "li")).to_have_count(2)
    assert len(server.open) == 1
    host.evaluate("document.querySelector('job-progress').remove()")
    host.evaluate("document.querySelector('job-progress').setAttribute('job', '44')")
    unsubscribed = {"action": "unsubscribe", "jobId": 42}
    eventually(lambda: (1, unsubscribed) in server.received)
    host.evaluate("document.body.replaceChildren()")
    eventually(lambda: server.open[0].close_code is not None)
    assert len(server.open) == 1


def test_a_connection_lives_on_when_the_job_is_another_one_or_the_token_the_same(
    host: Page, server: TinyServer
) -> None:
    address = server.url.replace("ws://", "http://").removesuffix("/ws")
    make_elements(host, {"job": "42", "server": address})
    eventually(lambda: server.received)
    element = "document.querySelector('job-progress')"
    host.evaluate(f"{element}.setAttribute('job', '43')")
    unsubscribed = {"action": "unsubscribe", "jobId": 42}
    eventually(lambda: (1, unsubscribed) in server.received)
    host.evaluate(f"{element}.token = 't'")
    server.say(progress(43, 7))
    expect(in_element(host, "li")).to_contain_text("7 rows")
    host.evaluate(f"{element}.token = 't'")
    expect(in_element(host, "li")).to_contain_text("7 rows")
    assert len(server.offered) == 1
    server.hang_up(4600, "not today")
    expect(in_element(host, "[part=problem]")).to_have_text("not today")
    host.evaluate(f"{element}.token = 't'")  # which tries again
    again = {"action": "subscribe", "jobId": 43, "more": True}
    eventually(lambda: (2, again) in server.received)
    assert len(server.offered) == 2


def test_another_token_shows_nothing_of_what_the_one_before_was_for(
    host: Page, server: TinyServer
) -> None:
    """It may be another user's, whose job 42 is another one and has said nothing yet."""
    address = server.url.replace("ws://", "http://").removesuffix("/ws")
    rows, problem = in_element(host, "li"), in_element(host, "[part=problem]")
    give = "(token) => { for (const one of document.querySelectorAll('job-progress')) one.token = token; }"
    make_elements(host, {"job": "42", "server": address})
    eventually(lambda: server.received)
    server.say(progress(42, 7))
    expect(rows).to_contain_text("7 rows")
    host.evaluate(give, "newer")
    eventually(lambda: len(server.open) == 2 and server.open[0].close_code is not None)
    expect(rows).to_have_count(0)
    make_elements(host, {"job": "42", "server": address}, token="newer")
    host.evaluate(give, "newest")
    eventually(lambda: len(server.open) == 3 and server.open[1].close_code is not None)
    server.say(progress(42, 7))
    expect(rows).to_have_count(2)
    host.evaluate(f"() => ({give})(() => '')")  # nobody is signed in
    eventually(lambda: server.newest.close_code is not None)
    expect(rows).to_have_count(0)
    expect(problem.first).to_have_text("There is no token to connect with.")
    host.evaluate(f"({give})(null)")
    expect(problem.last).to_have_text("There is no token yet.")
    assert [offer.split(".")[-1] for offer in server.offered] == ["t", "newer", "newest"]


def test_what_is_shown_is_stale_without_a_connection(host: Page, server: TinyServer) -> None:
    address = server.url.replace("ws://", "http://").removesuffix("/ws")
    make_elements(host, {"job": "42", "server": address})
    eventually(lambda: server.received)
    server.say(progress(42, 7))
    frame = in_element(host, "[part=frame]")
    expect(frame).to_have_attribute("data-stale", "false")
    server.hang_up(4600, "not today")
    expect(frame).to_have_attribute("data-stale", "true")
    expect(in_element(host, "[part=problem]")).to_have_text("not today")
    expect(in_element(host, "li")).to_contain_text("7 rows")


HOOK = """async ([address, jobs]) => {
  const { JobRealtimeService } = await import('/realtime/job-realtime-service.js');
  const { useJob } = await import('/realtime/react.js');
  const service = new JobRealtimeService({ url: address, token: 't' });
  const { createElement, useState } = React;
  function Shown() {
    const [job, show] = useState(jobs[0]);
    window.show = show;
    const { nodes, isStale } = useJob(service, job);
    window.renders = (window.renders ?? 0) + 1;
    return createElement('p', null, `${job}: ${nodes.map((node) => node.rowCount).join()} ${isStale}`);
  }
  const root = document.body.appendChild(document.createElement('div'));
  ReactDOM.render(createElement(Shown), root);
  window.unmount = () => ReactDOM.unmountComponentAtNode(root);
}"""
COUNT_FRAMES = """() => {
  window.framesSeen = 0;
  const seen = () => { framesSeen += 1; requestAnimationFrame(seen); };
  requestAnimationFrame(seen);
  return renders;
}"""
AS_MODULE = "data:text/javascript,export const { useEffect, useState } = globalThis.React;"


def test_the_react_hook_shows_a_job_and_leaves_it(host: Page, server: TinyServer) -> None:
    imports = json.dumps({"imports": {"react": AS_MODULE}})
    host.set_content(f"<script type='importmap'>{imports}</script>")
    for name in ("react", "react-dom"):
        host.add_script_tag(path=next(REACT.glob(f"{name}@*.min.js")))
    host.evaluate(HOOK, [server.url, [42, 43]])
    eventually(lambda: server.received)
    server.say(progress(42, 7))
    expect(host.locator("p")).to_have_text("42: 7 false")
    before = host.evaluate(COUNT_FRAMES)
    for rows in range(100):
        server.say(progress(42, rows + 8))
    expect(host.locator("p")).to_have_text("42: 107 false")
    rendered, frames = host.evaluate("[renders, framesSeen]")
    assert rendered - before <= frames + 1  # once a frame, not once a message
    host.evaluate("show(43)")
    expect(host.locator("p")).to_contain_text("43:")
    eventually(lambda: (1, {"action": "unsubscribe", "jobId": 42}) in server.received)
    server.say(progress(43, 1))
    expect(host.locator("p")).to_have_text("43: 1 false")
    host.evaluate("unmount()")
    eventually(lambda: (1, {"action": "unsubscribe", "jobId": 43}) in server.received)


def test_the_element_is_imported_where_there_are_none(modules: Page) -> None:
    """A worker has no DOM, as where pages are rendered on a server; that failed with “HTMLElement is not defined”."""
    said = modules.evaluate("""async () => {
      const source = `import('${location.origin}/realtime/job-progress.js')
        .then(({ JobProgress }) => postMessage([typeof HTMLElement, typeof JobProgress]), (error) => postMessage(String(error)))`;
      const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' });
      try {
        return await new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
      } finally {
        worker.terminate();
      }
    }""")
    assert said == ["undefined", "function"]


def test_the_package_names_all_that_it_gives() -> None:
    package = json.loads((ROOT / "static/realtime/package.json").read_text())
    for entry in package["exports"].values():
        for file in entry.values():
            assert (ROOT / "static/realtime" / file).is_file()
    types = (ROOT / "static/realtime/job-progress.d.ts").read_text()
    bubbles = "GlobalEventHandlersEventMap {\n    'run-changed': CustomEvent<RunChanged>;"
    assert bubbles in types, "document.addEventListener('run-changed', …) has its detail"
    assert "private" not in package
    readme = (ROOT / "static/realtime/README.md").read_text()
    for name in package["exports"]:
        assert f"{package['name']}{name.removeprefix('.')}" in readme


@pytest.mark.parametrize(
    ("state", "selector"),
    [
        ("running", 'li[data-state="running"]'),
        ("success", 'li[data-state="success"]'),
        ("error", 'li[data-state="error"]'),
        ("stopped", 'li[data-state="stopped"]'),
    ],
)
def test_a_state_has_the_colour_that_it_has_on_our_page(state: str, selector: str) -> None:
    tokens = (ROOT / "static/css/tokens.css").read_text()
    light, dark = re.findall(rf"--{state}: (#[0-9a-f]{{6}});", tokens)
    style = (ROOT / "static/realtime/job-progress-style.js").read_text()
    [rule] = [line for line in style.splitlines() if line.startswith(selector)]
    assert f"light-dark({light}, {dark})" in rule
