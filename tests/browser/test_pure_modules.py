"""The page's rules without its DOM: back-off, messages, layout, words, graphs, the list of jobs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page

from jobs.graph.fields.passwords import SECRET_NAMES, without_password
from jobs.http.editing.source_columns import LONGEST
from jobs.work.preview_questions import ANSWER_WAIT, BUSY_WAIT, TAKEN_WAIT
from tests.harness import ROOT

# ---------------------------------------------------------------- back-off


def test_the_wait_is_three_seconds_on_average_and_grows_to_a_bound(modules: Page) -> None:
    waits = modules.evaluate("""async () => {
      const { nextDelay, ceiling } = await import('/realtime/backoff.js');
      const draws = Array.from({ length: 4000 }, () => nextDelay(1));
      return { mean: draws.reduce((a, b) => a + b) / draws.length, least: Math.min(...draws),
               most: Math.max(...draws), ceilings: [1, 2, 3, 4, 5, 1000].map(ceiling), none: nextDelay(3, () => 0) };
    }""")
    assert 2_800 < waits["mean"] < 3_200
    assert waits["least"] < 100  # full jitter: from zero
    assert 5_900 < waits["most"] <= 6_000
    assert waits["ceilings"] == [6_000, 12_000, 24_000, 30_000, 30_000, 30_000]
    assert waits["none"] == 0


# ---------------------------------------------------------------- another version of the page


def test_a_newer_page_is_offered_once_no_server_has_had_this_one_for_a_minute(
    modules: Page,
) -> None:
    seen = modules.evaluate("""async () => {
      const { NewerPage } = await import('/playground/status/newer-page.js');
      document.body.innerHTML = '<a id="skip" href="#rest"></a><main id="rest" tabindex="-1"></main><p id="newer-page" hidden><button id="page-reload"></button></p>';
      const wait = setTimeout, drop = clearTimeout, said = [], timers = new Map(), seen = [];
      globalThis.setTimeout = (f, ms) => { timers.set(timers.size + 1, { f, ms }); return timers.size; };
      globalThis.clearTimeout = (id) => timers.get(id).f = () => undefined;
      try {
        const page = new NewerPage({ announce: (text) => said.push(text), own: 'a' });
        const isOffered = () => !document.getElementById('newer-page').hidden;
        const after = (...versions) => versions.forEach((version) => page.heard(version)) ?? seen.push(timers.size);
        after('a', null);
        after('b', 'b', null, 'a');
        timers.get(1).f();
        seen.push(isOffered());
        after('b', 'c');
        seen.push(isOffered());
        timers.get(2).f();
        seen.push(isOffered(), said.length, timers.get(2).ms);
        after('a');
        seen.push(isOffered());
        new NewerPage({ announce: () => undefined, own: null }).heard('b');
        seen.push(timers.size);
      } finally {
        globalThis.setTimeout = wait;
        globalThis.clearTimeout = drop;
        document.body.replaceChildren();
      }
      return seen;
    }""")
    assert seen == [0, 1, False, 2, False, True, 1, 60_000, 2, False, 2]


# ---------------------------------------------------------------- messages

PARSE = """async (texts) => {
  const { parseMessage } = await import('/realtime/messages.js');
  return texts.map(parseMessage);
}"""


def parsed(page: Page, *messages: object) -> Any:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in messages]
    return page.evaluate(PARSE, texts)


def test_a_message_of_the_original_protocol_becomes_a_progress_event(modules: Page) -> None:
    five = {"nodeId": 1, "nodeName": "DB Input", "status": "completed", "rowCount": 15000}
    payload = {**five, "message": "15000 rows processed"}
    (message,) = parsed(modules, {"type": "job.progress", "jobId": 42, "payload": payload})
    names = ("runId", "rowTotal", "share", "ports", "seq", "ts", "row", "closedBy", "fromRun")
    absent = dict.fromkeys((*names, "fault"))
    assert message == {"kind": "progress", "event": {"jobId": 42, **payload, **absent}}


GIVES = {
    "job-realtime-service.d.ts ProgressEvent": "(await import('/realtime/messages.js')).progressEvent(1, { nodeId: 1, status: 'running' })",
    "job-realtime-service.d.ts StatusEvent": "(await import('/realtime/messages.js')).statusEvent(1, { status: 'running' })",
    "run-state.d.ts NodeView": "new (await import('/realtime/run-state.js')).JobState([1]).node(1)",
}


@pytest.mark.parametrize("described", GIVES)
def test_the_types_have_what_the_modules_give(modules: Page, described: str) -> None:
    file, interface = described.split()
    types = (ROOT / "static/realtime" / file).read_text("utf-8")
    body = types.split(f"export interface {interface} {{")[1].split("\n}")[0]
    given = modules.evaluate(f"async () => {GIVES[described]}")
    assert set(given) == set(re.findall(r"readonly (\w+):", body))


def test_what_the_protocol_does_not_know_is_ignored(modules: Page) -> None:
    envelope = {"type": "job.progress", "jobId": 1}
    odd: list[object] = [
        "not json",
        "[]",
        "null",
        {"type": "job.other", "jobId": 1, "payload": {}},
        envelope,
        {**envelope, "payload": [1]},
        {**envelope, "payload": {"nodeId": "1", "status": "running"}},
        {**envelope, "payload": {"nodeId": 1, "status": "sleeping"}},
        {"type": "job.progress", "jobId": "1", "payload": {"nodeId": 1, "status": "running"}},
        {"type": "job.status", "jobId": 1, "payload": {"runId": "a", "status": "odd"}},
    ]
    assert parsed(modules, *odd) == [None] * len(odd)


# ---------------------------------------------------------------- layout and words

LAY_OUT = """async ([graph, direction]) => {
  const { layOut, flowOrder, NODE } = await import('/playground/model/layout.js');
  const { positions, width, height } = layOut(graph, direction);
  return { positions: Object.fromEntries(positions), width, height, order: flowOrder(graph), node: NODE };
}"""


def laid_out(
    page: Page, nodes: list[dict[str, Any]], edges: list[tuple[int, int]], direction: str
) -> Any:
    graph = {"nodes": nodes, "edges": [{"from": a, "to": b} for a, b in edges]}
    return page.evaluate(LAY_OUT, [graph, direction])


@pytest.mark.parametrize("direction", ["right", "down"])
def test_nodes_without_positions_follow_the_flow_and_never_overlap(
    modules: Page, direction: str
) -> None:
    nodes = [{"id": node_id} for node_id in (4, 3, 2, 1, 5)]
    found = laid_out(modules, nodes, [(1, 2), (2, 3), (3, 4), (2, 5), (1, 4)], direction)
    assert found["order"] == [1, 2, 3, 5, 4]
    places, size = list(found["positions"].values()), found["node"]
    for index, a in enumerate(places):
        for b in places[index + 1 :]:
            apart = (abs(a["x"] - b["x"]) / size["width"], abs(a["y"] - b["y"]) / size["height"])
            assert max(apart) > 1
    along = "x" if direction == "right" else "y"
    assert found["positions"]["1"][along] < found["positions"]["3"][along]


def test_what_hangs_on_the_upper_branch_stands_above(modules: Page) -> None:
    nodes = [{"id": node_id} for node_id in (1, 2, 3, 4, 5)]  # 4 hangs on 3, 5 on 2
    found = laid_out(modules, nodes, [(1, 2), (1, 3), (3, 4), (2, 5)], "right")["positions"]
    assert (found["2"]["y"] < found["3"]["y"], found["5"]["y"] < found["4"]["y"]) == (True, True)


def test_positions_made_for_smaller_cards_are_spread_and_keep_their_arrangement(
    modules: Page,
) -> None:
    nodes = [{"id": n, "position": {"x": 100 * n, "y": 80}} for n in (1, 2, 3)]
    found = laid_out(modules, nodes, [(1, 2), (2, 3)], "right")
    x = [found["positions"][str(n)]["x"] for n in (1, 2, 3)]
    assert x[1] - x[0] == x[2] - x[1] > found["node"]["width"] + 60


def test_a_graph_with_a_cycle_can_be_drawn(modules: Page) -> None:
    found = laid_out(modules, [{"id": 1}, {"id": 2}], [(1, 2), (2, 1)], "right")
    assert len(found["positions"]) == 2


def test_numbers_and_times_read_well(modules: Page) -> None:
    found = modules.evaluate("""async () => {
      const text = await import('/playground/parts/texts/text.js');
      return [text.formatCount(1234567), text.formatCompact(1234567), text.formatDuration(7.9),
              text.formatDuration(0.423, true), text.formatDuration(185), text.formatDuration(3723),
              text.settingText('postgresql://me:secret@db/shop', ['pass'])];
    }""")
    want = ["1,234,567", "1.2M", "7 s", "0.42 s", "3:05", "1:02:03"]
    assert found == [*want, "postgresql://me:•••@db/shop"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("job 7 is running already", "Job 7 is running already."),
        ("the token has expired", "The token has expired."),
        ("it's over\nrun it again", "It's over.\nRun it again."),
        ("rowCount must be a number", "rowCount must be a number."),
        ("name: must not be empty", "Name: must not be empty."),
        ("shop.db is away", "shop.db is away."),
        ("url holds a #", "URL holds a #."),
        ("urls are read", "Urls are read."),
        ("DATA_DIR is full", "DATA_DIR is full."),
        ("Saved.", "Saved."),
        ("why?", "Why?"),
        ("", ""),
    ],
)
def test_what_a_server_says_reads_as_a_sentence(modules: Page, said: str, shown: str) -> None:
    script = "async (said) => (await import('/playground/parts/texts/text.js')).asSentence(said)"
    assert modules.evaluate(script, said) == shown


HIDDEN = "hunter2"
ADDRESSES = [
    f"postgresql://me:{HIDDEN}@db/shop",
    f"postgresql://:{HIDDEN}@db/shop",
    f"postgresql://me:a/b@c{HIDDEN}@db/shop?sslmode=require",
    *(f"mysql://db/shop?ssl=1&my_{name.upper()}_x={HIDDEN}&charset=utf8" for name in SECRET_NAMES),
    *(f"mysql://db/shop?{name}={HIDDEN}" for name in SECRET_NAMES),
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_the_server_hides_of_an_address_the_page_hides_too(
    modules: Page, address: str
) -> None:
    script = "async ([text, names]) => (await import('/playground/parts/texts/text.js')).settingText(text, names)"
    assert HIDDEN not in without_password(address)
    shown = modules.evaluate(script, [f"SELECT '{address}' -- x@y", list(SECRET_NAMES)])
    assert HIDDEN not in shown
    assert shown.startswith("SELECT '")
    assert shown.endswith("-- x@y")


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (None, "Wrong."),
        (1, "Wrong."),
        (99_001, "And 99,000 more errors."),
    ],
)
def test_of_more_errors_than_the_server_tells_their_number_is_said(
    modules: Page, count: int | None, last: str
) -> None:
    script = (
        "async (body) => new (await import('/playground/server/api.js')).Problem(422, body).errors"
    )
    told = {"detail": "x", "errors": [{"nodeId": 7, "field": "sql", "message": "wrong"}]}
    errors = modules.evaluate(script, told if count is None else {**told, "errorCount": count})
    assert errors[0] == {"nodeId": 7, "field": "sql", "message": "Wrong."}
    assert errors[-1]["message"] == last


def test_a_clock_that_is_off_is_set_by_the_answer_whose_date_lost_least(modules: Page) -> None:
    """A Date header leaves out what is less than a second: times would jump by it with each answer."""
    script = """async (looks) => {
      const { Api } = await import('/playground/server/api.js');
      const { fetch } = window, { now } = Date;
      const api = new Api(() => '');
      const found = [];
      try {
        for (const [server, ahead] of looks) {
          Date.now = () => (server + ahead) * 1_000;
          const headers = { Date: new Date(Math.floor(server) * 1_000).toUTCString() };
          window.fetch = async () => new Response('{"runs": []}', { headers });
          await api.latestRunId(1);
          found.push(Math.round((Date.now() / 1_000 - api.now()) * 10) / 10);
        }
      } finally {
        Object.assign(window, { fetch });
        Date.now = now;
      }
      return found;
    }"""
    told = [(100.9, 600), (101.1, 600), (102.8, 600), (103.4, -600), (104.7, -600), (105.5, 0.4)]
    assert modules.evaluate(script, told) == [600.9, 600.1, 600.1, -599.6, -599.6, 0]


SHEETS = ("tokens", "playground", "runs")


@pytest.mark.parametrize("share", [None, 0.5])
def test_all_digits_of_a_count_are_seen_on_a_card(modules: Page, share: float | None) -> None:
    script = """async ([sheets, share]) => {
      const { cardParts, drawCard } = await import('/playground/graph/card-drawing.js');
      const styles = sheets.map((name) => Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `/css/${name}.css` }));
      const loaded = Promise.all(styles.map((style) => new Promise((resolve) => { style.onload = resolve; })));
      document.head.append(...styles);
      await loaded;
      const slot = document.createElement('div'), card = document.createElement('div');
      const { rows, count, share: label, ...parts } = cardParts('idle');
      slot.style.width = '208px';
      card.className = 'node';
      card.append(rows);
      slot.append(card);
      document.body.append(slot);
      const found = [];
      for (const rowCount of [0, 999_999_999, 999_999_999_999, Number.MAX_SAFE_INTEGER]) {
        const view = { state: 'running', heard: true, rowCount, rate: null, message: '', share: share && { share, approximate: false } };
        drawCard(card, { rows, count, share: label, ...parts }, view, null);
        const end = rows.getBoundingClientRect().right;
        found.push([count, label].every((part) => part.getBoundingClientRect().right <= end));
      }
      slot.remove();
      for (const style of styles) style.remove();
      return found;
    }"""
    assert modules.evaluate(script, [SHEETS, share]) == [True, True, True, True]


def test_an_answer_that_takes_too_long_is_told_from_a_server_that_cannot_be_reached(
    modules: Page,
) -> None:
    waits, said = modules.evaluate(
        """async () => {
          const { Api } = await import('/playground/server/api.js');
          const api = new Api(() => 't');
          const { fetch } = window;
          const { timeout } = AbortSignal;
          const waits = [];
          AbortSignal.timeout = (wait) => (waits.push(wait), timeout.call(AbortSignal, 0));
          const failed = async (call) => call.then(() => 'an answer', ({ message, isOfConnection }) => [message, isOfConnection]);
          const late = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          const cut = () => new ReadableStream({ start: (stream) => stream.error(new TypeError('network error')) });
          const said = [];
          window.fetch = (_, { signal }) => late(signal);
          const ofRunners = ['preview', 'previewAround', 'columns', 'tables', 'output', 'findTypes', 'kept'];
          for (const name of [...ofRunners, 'cancel']) said.push(await failed(api[name]({})));
          window.fetch = () => Promise.reject(new TypeError('Failed to fetch'));
          said.push(await failed(api.cancel('r')));
          window.fetch = async () => new Response(cut());
          said.push(await failed(api.cancel('r')), await failed(api.logFile('r')));
          Object.assign(AbortSignal, { timeout });
          window.fetch = fetch;
          return [waits, said];
        }"""
    )
    late, unreachable = "The server did not answer in time.", "The server cannot be reached."
    assert said == [*[[late, True]] * 8, *[[unreachable, True]] * 3]
    assert waits == [*[36_000] * 7, *[20_000] * 3, 300_000]
    assert waits[0] / 1_000 > LONGEST + 2 * TAKEN_WAIT + BUSY_WAIT + ANSWER_WAIT


@pytest.mark.parametrize(
    ("share", "remaining", "shown"),
    [
        (0.72, 0.8, "about 1 s left"),
        (0.72, 40.2, "about 41 s left"),
        (0.94, 0.2, "about 1 s left"),
        (0.96, 2.5, "almost done"),
        (0.99, 60.0, "about 1:00 left"),
        (0.5, None, None),
    ],
)
def test_almost_done_is_said_only_near_the_end(
    modules: Page, share: float, remaining: float | None, shown: str | None
) -> None:
    script = (
        "async (share) => (await import('/playground/parts/texts/text.js')).formatRemaining(share)"
    )
    assert modules.evaluate(script, {"share": share, "remaining": remaining}) == shown


# ---------------------------------------------------------------- frames


def test_a_page_that_is_seen_again_draws_in_its_frames_alone(modules: Page) -> None:
    """A drawing that was planned for the page unseen would come between two frames, beside theirs."""
    counts = modules.evaluate("""async () => {
        const { oncePerFrame } = await import('/playground/parts/frames.js');
        const timers = [], counts = [];
        let drawn = 0;
        const later = setTimeout;
        window.setTimeout = (work) => timers.push(work);
        const see = (hidden) => {
          Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        };
        const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const ask = oncePerFrame(() => { drawn += 1; });
        see(true); ask(); timers[0](); counts.push(drawn);
        ask(); see(false); await frame(); counts.push(drawn);
        ask(); timers[1](); counts.push(drawn);
        await frame(); counts.push(drawn);
        window.setTimeout = later; // the page is that of other tests, too
        delete document.hidden;
        return counts;
    }""")
    assert counts == [1, 2, 2, 3]


# ---------------------------------------------------------------- graphs as they may be stored


SHAPED = "async (graph) => (await import('/playground/model/shape.js')).shaped(graph)"
NODE = {"id": 1, "type": "map", "name": "Map", "config": {}}
BARE = {"id": 1, "type": "", "name": "", "config": {}}


@pytest.mark.parametrize(
    ("stored", "nodes", "odd"),
    [
        ({"nodes": [NODE], "edges": []}, [NODE], []),
        ({}, [], []),
        (None, [], []),
        ({"nodes": {}, "edges": 7}, [], ["nodes is no list", "edges is no list"]),
        (
            {"nodes": [None, 7, {"id": "1"}, NODE, {**NODE, "type": "filter"}]},
            [NODE],
            [
                "entry 1 of nodes is no node with an id",
                "entry 2 of nodes is no node with an id",
                "entry 3 of nodes is no node with an id",
                "the id 1 is there more than once",
            ],
        ),
        (
            {"nodes": [{"id": 1, "config": [7], "type": 5, "name": {}}]},
            [BARE],
            [
                "the type of node 1 is no text",
                "the name of node 1 is no text",
                "the settings of node 1 are no object",
            ],
        ),
        ({"nodes": [{"id": 1}]}, [BARE], []),
        ({"nodes": [{"id": 1, "config": None, "name": None}]}, [BARE], []),
        (
            {"nodes": [{"id": 1, "config": {"columns": [None, {"column": "a"}]}}]},
            [{**BARE, "config": {"columns": [{"column": "a"}]}}],
            ["a column of node 1 is no object"],
        ),
        (
            {"nodes": [{"id": 1, "config": {"types": [7, {"column": "a"}]}}]},
            [{**BARE, "config": {"types": [{"column": "a"}]}}],
            ["a column of node 1 is no object"],
        ),
        (
            {"nodes": [NODE], "edges": [None, {"from": 1, "to": 9}]},
            [NODE],
            [
                "entry 1 of edges does not lead from node to node",
                "entry 2 of edges does not lead from node to node",
            ],
        ),
    ],
)
def test_a_graph_with_any_error_gets_a_shape(
    modules: Page, stored: Any, nodes: list[Any], odd: list[str]
) -> None:
    found = modules.evaluate(SHAPED, stored)
    assert (found["graph"]["nodes"], found["graph"]["edges"], found["odd"]) == (nodes, [], odd)


# ---------------------------------------------------------------- the list of jobs

ARRANGE = """async ([jobs, how]) => {
  const { arranged, lastRunView } = await import('/playground/home/job-list.js');
  const { shown, left } = arranged(jobs, how);
  return { ids: shown.map(({ id }) => id), left, said: shown.slice(0, 9).map(({ lastRun }) => lastRunView(lastRun, 10_000)?.text ?? null) };
}"""


def listed(job_id: int, status: str | None = None, at: float | None = None) -> dict[str, Any]:
    times = {"createdAt": at, "startedAt": at, "endedAt": at}
    run = None if status is None else {"status": status, **times}
    return {"id": job_id, "name": f"Job {job_id}", "lastRun": run}


def test_jobs_are_ordered_and_found_and_say_how_long_ago(modules: Page) -> None:
    jobs = [
        listed(1),
        listed(2, "completed", 9_999.0),
        listed(3, "failed", 9_900.0),
        listed(4, "running", 6_400.0),
        listed(5, "lost", 9_950.0),
        listed(6, "queued", 9_990.0),
    ]

    def ids(order: str, search: str = "") -> list[int]:
        told = modules.evaluate(ARRANGE, [jobs, {"order": order, "search": search}])
        assert told["left"] == 0
        found: list[int] = told["ids"]
        return found

    assert ids("made") == [1, 2, 3, 4, 5, 6]
    assert ids("recent") == [2, 6, 5, 3, 4, 1]
    assert ids("running") == [4, 6, 2, 5, 3, 1]
    assert ids("failed") == [5, 3, 2, 6, 4, 1]
    assert ids("made", "  JOB 3") == ids("made", "#3") == [3]
    jobs[4]["name"] = "Aufträge aus O\u0308sterreich, Straße, οδός"
    for part in ("osterreich", "ÖSTERREICH", "auftrage", "STRASSE", "ΟΔΟΣ", "οδόσ", "οδος"):
        assert ids("made", part) == [5], part
    said = modules.evaluate(ARRANGE, [jobs, {"order": "made", "search": ""}])["said"]
    assert said == [
        None,
        "Completed just now",
        "Failed 1 min ago",
        "Started 1 h ago",
        "Lost 50 s ago",
        "Queued 10 s ago",
    ]


def test_of_very_many_jobs_the_rest_is_counted(modules: Page) -> None:
    jobs = [listed(job_id) for job_id in range(1, 5_001)]
    told = modules.evaluate(ARRANGE, [jobs, {"order": "recent", "search": ""}])
    assert (len(told["ids"]), told["left"]) == (200, 4_800)


@pytest.mark.parametrize(
    ("search", "ends", "left"), [("", [200, 4_321], 4_799), ("9", [928], 1_155)]
)
def test_the_job_that_is_shown_is_in_its_list_however_many_there_are(
    modules: Page, search: str, ends: list[int], left: int
) -> None:
    jobs = [listed(job_id) for job_id in range(1, 5_001)]
    told = modules.evaluate(ARRANGE, [jobs, {"order": "made", "search": search, "openId": 4_321}])
    assert (told["ids"][199:], told["left"]) == (ends, left)


NARROW_LIST = """async () => {
  document.body.innerHTML = `<ul id="jobs-list" style="width: 300px; display: flex; overflow: auto; padding: 0"></ul><input id="jobs-search">
    <select id="jobs-order"><option>made</option></select><p id="jobs-tools"></p><p id="jobs-empty"></p><p id="jobs-left"></p><style>li { flex: none } svg { width: 16px }</style>`;
  const { JobsView } = await import('/playground/home/jobs-view.js');
  const view = new JobsView({ onOpen: () => undefined });
  view.show(['One', 'Two', 'Three', 'Four'].map((name, id) => ({ id, name, lastRun: { status: 'failed', endedAt: 1_000 } })));
  view.markShown(3);
  view.draw({ jobId: null, run: null }, new Map(), 50_000);
  const [list, entry] = ['#jobs-list', '[data-job-id="3"]'].map((part) => document.querySelector(part).getBoundingClientRect());
  document.body.replaceChildren();
  return [list.left <= entry.left, entry.right <= list.right + 1];
}"""


def test_on_a_phone_the_job_that_is_shown_is_seen_whole_in_the_list(modules: Page) -> None:
    """Once the list had how its last run went, its own entry had moved out of sight by half."""
    assert modules.evaluate(NARROW_LIST) == [True, True]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1234567890123456789", "1234567890123456789"),
        ("-9007199254740993", "-9007199254740993"),
        ("0.12345678901234567890", "0.12345678901234567890"),
        ("1e400", "1e400"),
        ("9007199254740992", 2**53),
        ("19.90", 19.9),
        ("1e23", 1e23),
        ("-0.0", 0),
        ("0.000001", 1e-6),
    ],
)
def test_a_default_that_a_browser_would_round_is_read_as_its_digits(
    modules: Page, written: str, read: str | float
) -> None:
    told = modules.evaluate(
        "async (text) => (await import('/playground/server/exact-json.js')).parseExactly(text)",
        f'{{"default": {written}, "x": 12345678901234567890, "name": "d"}}',
    )
    assert told == {"default": read, "x": 12345678901234567000, "name": "d"}


LISTED_BY_TURNS = """async (order) => {
  const { KnownJobs } = await import('/playground/home/known-jobs.js');
  const answers = [];
  const api = { jobs: () => new Promise((give, fail) => answers.push({ give, fail })) };
  const listed = [];
  const known = new KnownJobs({ api, page: null, isLive: () => true, onListed: (jobs) => listed.push(jobs[0].id) });
  const looks = order.map(() => known.refresh().catch(() => {}));
  for (const [look, isGiven] of order) {
    if (isGiven) answers[look].give([{ id: look }]);
    else answers[look].fail(new Error('away'));
    await looks[look];
  }
  return listed;
}"""


@pytest.mark.parametrize(
    ("order", "listed"),
    [
        ([(0, True), (1, True)], [0, 1]),
        ([(1, True), (0, True)], [1]),
        ([(1, False), (0, True)], [0]),
        ([(2, True), (0, True), (1, True)], [2]),
    ],
    ids=["in-order", "the-older-last", "the-newer-failed", "two-older-ones"],
)
def test_an_older_list_of_jobs_never_replaces_a_newer_one(
    modules: Page, order: list[tuple[int, bool]], listed: list[int]
) -> None:
    """A job that was just made was gone from the list, until the next look."""
    assert modules.evaluate(LISTED_BY_TURNS, order) == listed


WITHOUT_CLIPBOARD = """async () => {
  const { copyOrSelect } = await import('/playground/parts/copying.js');
  const source = document.body.appendChild(document.createElement('p'));
  source.textContent = 'no such column: amuont';
  Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true });
  try {
    return [await copyOrSelect(source.textContent, source), getSelection().toString()];
  } finally {
    delete navigator.clipboard;
    source.remove();
  }
}"""


def test_where_a_page_has_no_clipboard_what_was_to_be_copied_is_selected(modules: Page) -> None:
    assert modules.evaluate(WITHOUT_CLIPBOARD) == [False, "no such column: amuont"]


CUT = """async (text) => {
  const { tellCutText } = await import('/playground/parts/cut-text.js');
  const root = document.body.appendChild(document.createElement('div'));
  root.innerHTML = `<h1 id="cut">${text}</h1><h1 id="fits">Short</h1><h1 id="own" title="Its own">${text}</h1><p id="lines"><b>${text}</b></p>`;
  for (const head of root.querySelectorAll('h1')) head.style.cssText = 'width: 200px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis';
  root.lastChild.style.cssText = 'width: 200px; overflow: hidden; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2';
  tellCutText(root);
}"""


def test_a_text_that_is_cut_is_told_in_whole_where_the_pointer_is(modules: Page) -> None:
    """Of two jobs whose names begin alike nobody could say which one is shown."""
    name = "Nightly copy of the orders of all shops, with what came back, of Austria"
    modules.evaluate(CUT, name)
    parts = ["cut", "fits", "own", "lines"]
    told = "(ids) => ids.map((id) => document.getElementById(id).getAttribute('title'))"
    titles = []
    for part in parts:
        modules.hover(f"#{part}", position={"x": 5, "y": 5})
        titles.append(modules.evaluate(told, parts))
    modules.evaluate("document.getElementById('cut').parentElement.remove()")
    assert titles == [
        [name, None, "Its own", None],
        [None, None, "Its own", None],
        [None, None, "Its own", None],
        [None, None, "Its own", name],
    ]


ROWS = """async () => {
  const { openByRow } = await import('/playground/parts/lists/opening.js');
  document.body.innerHTML = '<table><tbody><tr><th><a href="#run">7:04 AM</a></th><td>No disk</td><td><button>Cancel</button></td></tr></tbody></table>';
  const [link, cell, button] = ['a', 'td', 'button'].map((name) => document.querySelector(name));
  const opened = [];
  link.addEventListener('click', (event) => { event.preventDefault(); opened.push(event.ctrlKey); });
  openByRow(document.querySelector('tbody'), 'a');
  for (const part of [cell, button, link]) part.click();
  cell.dispatchEvent(new MouseEvent('click', { ctrlKey: true, bubbles: true }));
  getSelection().selectAllChildren(cell);
  cell.click();
  getSelection().removeAllRanges();
  document.body.replaceChildren();
  return opened;
}"""


def test_a_row_of_a_list_of_runs_is_opened_by_a_press_anywhere_on_it(modules: Page) -> None:
    """On why a run failed, say; but on a button of its own, and where text is selected. Ctrl opens another tab."""
    assert modules.evaluate(ROWS) == [False, False, True]


def test_a_double_click_on_a_reason_selects_a_word_and_one_click_opens_its_row(
    modules: Page,
) -> None:
    modules.evaluate(HELD_ROWS)
    modules.evaluate(
        """() => {
          for (const why of document.querySelectorAll('.why')) why.classList.add('cell-reason');
          globalThis.later = [];
          globalThis.ownTimeout = globalThis.setTimeout;
          globalThis.setTimeout = (does) => later.push(does);
        }"""
    )
    opened = "later.splice(0).forEach((does) => does()), opened.splice(0)"
    try:
        modules.locator("#one .why").dblclick()
        by_two = modules.evaluate(opened)
        modules.locator("#two .why").click()
        at_once, by_one = modules.evaluate("opened.length"), modules.evaluate(opened)
    finally:
        modules.evaluate("globalThis.setTimeout = ownTimeout; document.body.replaceChildren()")
    assert (by_two, at_once, by_one) == ([], 0, ["two"])


HELD_ROWS = """async () => {
  const { openByRow } = await import('/playground/parts/lists/opening.js');
  const row = (name) => `<li id="${name}" style="display: flex; gap: 40px; padding: 8px"><a class="row-name" href="#">${name}</a><span class="why">No disk</span>
    <input value="text"><textarea>text</textarea><details><summary>more</summary></details><div contenteditable>text</div><button>Cancel</button><p><code>7f3a9c</code> is its id</p></li>`;
  document.body.innerHTML = `<ul id="rows">${['one', 'two'].map(row).join('')}</ul>`;
  globalThis.opened = [];
  for (const link of document.querySelectorAll('a')) link.onclick = (event) => { event.preventDefault(); opened.push(link.textContent); };
  openByRow(document.getElementById('rows'), '.row-name');
}"""


def test_a_press_that_begins_in_a_field_on_a_button_or_in_another_row_opens_no_row(
    modules: Page,
) -> None:
    """Who selected a text in a field of a row, and let go beside it, was on another page."""
    modules.evaluate(HELD_ROWS)

    def middle(selector: str) -> tuple[float, float]:
        box = modules.locator(selector).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(start: str, end: str) -> list[str]:
        modules.mouse.move(*middle(start))
        modules.mouse.down()
        modules.mouse.move(*middle(end))
        modules.evaluate("getSelection().removeAllRanges()")
        modules.mouse.up()
        return list(modules.evaluate("opened.splice(0)"))

    held = ["input", "textarea", "summary", "[contenteditable]", "button", "code"]
    opened = {part: drag(f"#one {part}", "#one .why") for part in held}
    between = drag("#two .why", "#one .why")
    within = drag("#one .why", "#one .why")
    modules.dblclick("#one code")
    word = modules.evaluate("[getSelection().toString(), opened.length]")
    modules.evaluate("document.body.replaceChildren()")
    assert opened == {part: [] for part in held}
    assert between == []
    assert within == ["one"]
    assert word == ["7f3a9c", 0]


CHOICE = """async () => {
  const { ChoiceList } = await import('/playground/parts/lists/choice-list.js');
  document.body.innerHTML = '<dialog style="padding: 0"><form style="padding: 20px"><input><div></div></form></dialog>';
  const [dialog, text, list] = ['dialog', 'input', 'div'].map((name) => document.querySelector(name));
  new ChoiceList({ dialog, text, list, onText: () => undefined }).open();
}"""


def test_a_list_to_choose_from_is_closed_by_a_press_that_begins_beside_it(modules: Page) -> None:
    """Who selected what stands in its field, and let go beside the list, had it closed."""
    modules.evaluate(CHOICE)
    box = modules.locator("input").bounding_box()
    assert box is not None
    open_after = []
    for start in [(box["x"] + 9, box["y"] + 9), (5, 5)]:
        modules.mouse.move(*start)
        modules.mouse.down()
        modules.mouse.move(3, 3)
        modules.mouse.up()
        open_after.append(modules.evaluate("document.querySelector('dialog').open"))
    modules.evaluate("document.body.replaceChildren()")
    assert open_after == [True, False]


SPOKEN = """async ({ steps, connections = [] }) => {
  const { Spoken } = await import('/playground/status/spoken.js');
  const region = document.body.appendChild(document.createElement('p'));
  region.id = 'announcer';
  try {
    const spoken = new Spoken();
    return steps.map((states, step) => {
      region.textContent = '';
      const nodes = states.map((state, place) => ({ nodeId: place + 1, nodeName: `Node ${place + 1}`, state }));
      spoken.tell(null, nodes, { connection: connections[step] ?? 'connected', jobName: null, onEnded: () => undefined });
      return region.textContent;
    });
  } finally {
    region.remove();
  }
}"""


def test_a_node_in_trouble_is_read_out_once_and_very_many_are_counted(modules: Page) -> None:
    one = ["stalled", *["running"] * 8]
    two = ["stalled", "error", *["running"] * 7]
    _, first, again, second, healed, many = modules.evaluate(
        SPOKEN, {"steps": [[], one, one, two, ["running"] * 9, ["stalled"] * 9]}
    )
    assert (first, again, second, healed) == ("Node 1: stalled.", "", "Node 2: error.", "")
    assert many.endswith("Node 5: stalled. And 4 more.")


SPOKEN_END = """async (reasons) => {
  const { Spoken } = await import('/playground/status/spoken.js');
  const region = document.body.appendChild(document.createElement('p'));
  region.id = 'announcer';
  const run = { runId: 'r', status: 'cancelled', ended: true, told: true, startedAt: 1, endedAt: 15 };
  const how = { connection: 'connected', jobName: 'Copy', onEnded: () => undefined };
  const told = reasons.map((reason) => {
    new Spoken().tell({ ...run, reason }, [], how);
    return region.textContent;
  });
  region.remove();
  return told;
}"""


def test_why_a_run_was_cancelled_is_read_out_where_that_says_more(modules: Page) -> None:
    told = modules.evaluate(SPOKEN_END, ["cancelled", None, "the disk is full"])
    short = "Copy: cancelled after 14 s"
    assert told == [short, short, f"{short}: the disk is full"]


def test_a_connection_that_was_lost_is_told_to_be_back(modules: Page) -> None:
    """Each way back goes over “connecting”, behind which nothing was read out. That NATS is away was not, either."""
    first = ["disconnected", "connecting", "connected"]
    again = ["connecting", "connected"]
    lost = ["disconnected", "connecting", "disconnected", "connecting", "connected"]
    connections = [*first, *again, *lost, "deaf", "deaf", "connected"]
    said = modules.evaluate(SPOKEN, {"steps": [[]] * len(connections), "connections": connections})
    assert said == [
        *[""] * 5,
        *("Connection lost.", "", "", "", "Connected."),
        *("No news: the server has lost NATS.", "", "Connected."),
    ]


def test_that_nats_is_away_is_told_on_a_page_that_is_opened_then(modules: Page) -> None:
    connections = ["connecting", "deaf", "deaf", "connected"]
    said = modules.evaluate(SPOKEN, {"steps": [[]] * len(connections), "connections": connections})
    assert said == ["", "No news: the server has lost NATS.", "", "Connected."]


def test_who_looks_through_the_list_of_jobs_stays_there_while_it_is_put_in_order(
    modules: Page,
) -> None:
    found = modules.evaluate(
        """async () => {
          document.body.innerHTML = `<ul id="jobs-list" style="height: 300px; overflow: auto"></ul><input id="jobs-search">
            <select id="jobs-order"><option>recent</option></select><p id="jobs-tools"></p><p id="jobs-empty"></p><p id="jobs-left"></p>
            <style>.job-label { display: inline-block; width: 90px; overflow: hidden; white-space: nowrap; }</style>`;
          const { JobsView } = await import('/playground/home/jobs-view.js');
          const view = new JobsView({ onOpen: () => undefined });
          const name = 'دفتر الطلبات اليومية لكل العملاء';
          const jobs = (late) => [...Array(100).keys()].map((id) => ({ id, name, lastRun: { endedAt: id === late ? 2_000 : 1_000 - id } }));
          view.show(jobs(null));
          view.markShown(3);
          const list = document.getElementById('jobs-list');
          const of = (id) => list.querySelector(`[data-job-id="${id}"]`);
          of(70).focus();
          list.scrollTop = 600;
          view.show(jobs(70));
          const letter = document.createRange();
          letter.setStart(of(3).querySelector('.job-label').firstChild, 0);
          letter.setEnd(letter.startContainer, 1);
          const [label, first] = [of(3).querySelector('.job-label'), letter].map((one) => one.getBoundingClientRect());
          const order = [...list.querySelectorAll('.job')].slice(0, 2).map(({ dataset }) => dataset.jobId);
          const stays = { order, isThere: list.scrollTop >= 600, focus: document.activeElement.dataset.jobId };
          const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
          const stops = () => [...list.querySelectorAll('.job:not([tabindex="-1"])')].map(({ dataset }) => dataset.jobId);
          stays.stops = [stops()];
          for (const keys of [['ArrowDown'], ['End'], ['Home', 'ArrowUp']]) {
            keys.forEach(press);
            stays.stops.push(stops());
          }
          view.markShown(4);
          stays.stops.push(stops());
          view.markShown(3);
          const goesBack = new KeyboardEvent('keydown', { key: 'ArrowLeft', altKey: true, bubbles: true, cancelable: true });
          stays.isBrowsers = document.activeElement.dispatchEvent(goesBack);
          document.body.replaceChildren();
          return { ...stays, isBegun: label.left <= first.left && first.right <= label.right };
        }"""
    )
    stops = found.pop("stops")  # of Tab: what is behind the list is one step away
    assert stops == [["70"], ["0"], ["99"], ["70"], ["4"]]
    assert found == {
        "order": ["70", "0"],
        "isThere": True,
        "focus": "70",
        "isBegun": True,
        "isBrowsers": True,
    }


def test_in_a_list_of_runs_a_time_of_today_gets_its_date_when_today_is_over(modules: Page) -> None:
    before, after = modules.evaluate(
        """async () => {
          document.body.innerHTML = '<table id="run-table"><tbody></tbody></table><button id="runs-more"></button><p id="runs-empty"></p>';
          const { HistoryView } = await import('/playground/run/drawers/history-view.js');
          const view = new HistoryView({ onShow: () => undefined, onMore: () => undefined });
          const at = new Date(2026, 10, 29, 23, 59, 30);
          const day = 86_400_000;
          const real = Date;
          window.Date = class extends real { constructor(...given) { super(...(given.length > 0 ? given : [Date.today])); } };
          try {
            Date.today = at.getTime();
            const run = { runId: 'a', status: 'completed', createdAt: at / 1000, startedAt: at / 1000, endedAt: at / 1000 + 1, rows: { in: 1, out: 1 } };
            view.show([run], false, '');
            const shown = () => document.querySelector('#run-table button').textContent;
            const before = shown();
            Date.today += day;
            view.draw('');
            return [before, shown()];
          } finally {
            window.Date = real;
            document.body.replaceChildren();
          }
        }"""
    )
    assert "2026" not in before
    assert "2026" in after


def test_who_is_not_let_in_any_more_is_told_where_one_signs_in_whatever_was_asked(
    modules: Page,
) -> None:
    told, said = modules.evaluate(
        """async () => {
          const { Api } = await import('/playground/server/api.js');
          const { FilesApi } = await import('/playground/files/files-api.js');
          const told = [];
          const api = new Api(() => 't', { onRefused: (message) => told.push(message) });
          const files = new FilesApi(api);
          const { fetch } = window;
          window.fetch = async () => Response.json({ detail: 'No token.' }, { status: 401 });
          const said = [];
          for (const ask of [() => api.preview({}, 1), () => api.logFile('r'), () => files.save({ path: 'a.csv', root: null })]) {
            said.push(await ask().catch(({ status, message }) => [status, message]));
          }
          window.fetch = fetch;
          return [told, said];
        }"""
    )
    assert told == ["No token."] * 3
    assert said == [[401, "You are not signed in any more. Sign in, and try it once more."]] * 3


def test_a_late_refusal_of_the_credential_before_is_not_taken_for_one_of_the_present(
    modules: Page,
) -> None:
    """Who had just signed in was asked for a token again, by an answer that had been on its way."""
    told, said = modules.evaluate(
        """async () => {
          const { Api } = await import('/playground/server/api.js');
          const { credentialNumber, openSession } = await import('/playground/session/session.js');
          const told = [];
          const api = new Api(() => '', { onRefused: (message) => told.push(message), credentialNumber });
          const { fetch } = window;
          const answers = [];
          window.fetch = () => new Promise((resolve) => answers.push(resolve));
          const said = [api.preview({}, 1), api.logFile('r')].map((asked) => asked.catch(({ message }) => message));
          const signingIn = openSession();
          const [before, beforeToo, session] = answers.splice(0);
          before(Response.json({ detail: 'No token.' }, { status: 401 }));
          session(Response.json({ kind: 'token', tenantId: 'a' }));
          await signingIn;
          beforeToo(Response.json({ detail: 'No token.' }, { status: 401 }));
          said.push(api.preview({}, 1).catch(({ message }) => message));
          answers.pop()(Response.json({ detail: 'Not any more.' }, { status: 401 }));
          const all = await Promise.all(said);
          const left = openSession(); // the module serves other tests, too
          answers.pop()(Response.json({}, { status: 401 }));
          await left;
          window.fetch = fetch;
          return [told, all];
        }"""
    )
    assert told == ["Not any more."]
    assert said == [
        *["This was asked before you signed in. Try it once more."] * 2,
        "You are not signed in any more. Sign in, and try it once more.",
    ]


def test_what_was_said_of_a_token_stands_while_another_is_asked_for(modules: Page) -> None:
    """The next look at Home, which goes on without a token, wrote over it."""
    said = modules.evaluate(
        """async () => {
          const { SignIn } = await import('/playground/session/sign-in.js');
          document.body.innerHTML = `<p id="account"><b id="account-name"></b><button id="account-out"></button></p><dialog id="token"><b id="token-title"></b>
            <p id="token-text"></p><form id="token-form"><input id="token-field"><button></button></form><button id="token-close"></button></dialog>`;
          const [title, text, field, form] = ['title', 'text', 'field', 'form'].map((name) => document.getElementById(`token-${name}`));
          const signIn = new SignIn({ page: { announce: () => undefined } });
          const said = [];
          signIn.renew();
          signIn.refuse('No token.');
          said.push(title.textContent);
          field.value = '“not one”';
          form.requestSubmit();
          signIn.refuse('No token.');
          said.push(title.textContent, text.textContent);
          document.body.replaceChildren();
          return said;
        }"""
    )
    assert said[:2] == ["Your session has ended", "This token is not valid"]
    assert said[2].startswith("A token has letters")


def test_what_an_answer_says_of_a_job_that_was_left_is_drawn_on_no_other(modules: Page) -> None:
    """Its errors marked nodes of the next job, which showed its run as one of its own."""
    told = modules.evaluate(
        """async () => {
          const { Attempts } = await import('/playground/server/attempts.js');
          const { Problem } = await import('/playground/server/api.js');
          const [slow, next] = [{ jobId: 1, job: { name: 'Slow' } }, { jobId: 2, job: null }];
          const told = [];
          let shown;
          const attempts = new Attempts({
            notice: { say: (text) => told.push(text) },
            editor: { showProblems: () => told.push('its nodes are marked') },
            shown: () => shown,
            onRunning: async (runId) => told.push(`run ${runId} is shown`),
          });
          const problems = [[422, { detail: '2 errors', errors: [{ message: 'no rows' }] }], [409, { detail: 'it runs', runId: 'r' }], [502, { detail: 'away' }]];
          for (const [status, body] of problems) {
            for (const last of [slow, next]) {
              shown = slow;
              await attempts.attempt(async () => {
                shown = last;
                throw new Problem(status, body);
              });
            }
            await attempts.attempt(() => Promise.reject(new Problem(status, body)), { of: slow }); // left before it began
          }
          return told;
        }"""
    )
    assert told == [
        *("its nodes are marked", "2 errors.\nNo rows.", *["Slow: 2 errors.\nNo rows."] * 2),
        *("It runs.", "run r is shown", *["Slow: It runs."] * 2),
        *["Away."] * 3,
    ]


def test_an_error_of_the_graph_as_a_whole_is_told_once(modules: Page) -> None:
    """Who saved a graph with too many nodes was told so twice."""
    told = modules.evaluate(
        """async () => {
          const { Attempts } = await import('/playground/server/attempts.js');
          const { Problem } = await import('/playground/server/api.js');
          const told = [];
          const notice = { say: (text) => told.push(text) };
          const attempts = new Attempts({ notice, editor: { showProblems: () => undefined }, shown: () => ({ jobId: 1 }), onRunning: null });
          const why = 'the graph has no nodes';
          for (const detail of [`the graph has an error: ${why}`, 'the graph has 2 errors']) {
            await attempts.attempt(() => Promise.reject(new Problem(422, { detail, errors: [{ nodeId: null, message: why }] })));
          }
          return told;
        }"""
    )
    assert told == [
        "The graph has an error: the graph has no nodes.",
        "The graph has 2 errors.\nThe graph has no nodes.",
    ]


def test_what_no_answer_came_to_is_told_until_the_same_person_gets_one(modules: Page) -> None:
    """A run was cancelled with the second press, and what the first had met was still said. Looks that nobody asked for take it from nobody."""
    told = modules.evaluate(
        """async () => {
          const { Attempts } = await import('/playground/server/attempts.js');
          const { Problem } = await import('/playground/server/api.js');
          let said = null;
          const notice = { said: 0, say: (text, _tone, _action, cause) => ((notice.said += 1), (said = [text, cause])), clearCausedBy: (cause) => said?.[1] === cause && (said = null) };
          const attempts = new Attempts({ notice, editor: null, shown: () => ({ jobId: 1 }), onRunning: null });
          const told = [];
          for (const [status, quiet] of [[503, false], [200, true], [200, false], [403, false], [200, false]]) {
            await attempts.attempt(async () => {
              if (status >= 400) throw new Problem(status, { detail: `it is ${status}` });
            }, { quiet });
            told.push(said?.[0] ?? null);
          }
          await attempts.attempt(() => attempts.attempt(() => Promise.reject(new Problem(502, { detail: 'a part' }))));
          return [...told, said[0]];
        }"""
    )
    assert told == ["It is 503.", "It is 503.", None, "It is 403.", "It is 403.", "A part."]


CONFIRM = """<dialog id="confirm"><form method="dialog"><h2 id="confirm-title"></h2><p id="confirm-text"></p>
  <button id="confirm-no" value="no">Cancel</button><button id="confirm-yes" value="yes"></button></form></dialog>"""


def test_of_two_questions_at_once_each_has_an_answer_of_its_own(modules: Page) -> None:
    """As where two files are dropped that are there already: both were replaced with one Yes."""
    titles, answers = modules.evaluate(
        """async (html) => {
          document.body.innerHTML = html;
          const { confirmed, leaveQuestions } = await import('/playground/parts/questions/confirm.js');
          const dialog = document.querySelector('dialog');
          const asked = ['Replace A?', 'Replace B?'].map((title) => confirmed({ title, text: '', yes: 'Replace' }));
          const titles = [];
          for (const id of ['confirm-no', 'confirm-yes']) {
            for (let look = 0; look < 100 && !dialog.open; look += 1) await new Promise((done) => setTimeout(done));
            titles.push(dialog.querySelector('h2').textContent);
            document.getElementById(id).click();
          }
          const answers = await Promise.all(asked);
          const left = ['Replace A?', 'Replace B?'].map((title) => confirmed({ title, text: '', yes: 'Replace' }));
          for (let look = 0; look < 100 && !dialog.open; look += 1) await new Promise((done) => setTimeout(done));
          leaveQuestions();
          answers.push(...(await Promise.all(left)), dialog.open);
          document.body.replaceChildren();
          return [titles, answers];
        }""",
        CONFIRM,
    )
    assert titles == ["Replace A?", "Replace B?"]
    assert answers == [False, True, *[False] * 3], "who leaves the place is asked nothing more"


def test_who_goes_back_in_the_moment_after_an_answer_is_asked_again(modules: Page) -> None:
    """On a machine at work the answer is heard of later: a step back then did nothing, and asked nothing."""
    left = modules.evaluate(
        """async (html) => {
          document.body.innerHTML = `<dialog id="form"><button></button></dialog>${html}`;
          const { keepWritten, leftWritten } = await import('/playground/parts/questions/unsaved.js');
          const [form, confirm] = ['form', 'confirm'].map((id) => document.getElementById(id));
          keepWritten(form, { holds: () => true, close: form.querySelector('button'), text: '' });
          form.showModal();
          const left = [leftWritten()];
          for (const id of ['confirm-no', 'confirm-yes']) {
            for (let look = 0; look < 100 && !confirm.open; look += 1) await new Promise((done) => setTimeout(done));
            document.getElementById(id).click();
            left.push(id === 'confirm-no' ? leftWritten() : form.open);
          }
          const told = await Promise.all(left);
          document.body.replaceChildren();
          return [...told, form.open];
        }""",
        CONFIRM,
    )
    assert left == [False, True, True, False]


def test_the_record_of_an_older_run_that_comes_late_replaces_no_newer_one_and_is_asked_for_again(
    modules: Page,
) -> None:
    found = modules.evaluate(
        """async () => {
          const { JobAtHand } = await import('/playground/run/job-at-hand.js');
          const { Problem } = await import('/playground/server/api.js');
          const asked = new Map();
          const api = { now: () => 5, run: (id) => new Promise((resolve, reject) => asked.set(id, { resolve, reject })) };
          const job = new JobAtHand({ api, page: { redraw: () => undefined }, onJob: () => undefined, onOther: () => undefined });
          const shown = job.open(1);
          const record = (runId) => ({ runId, jobId: 1, status: 'running', startedAt: 1, endedAt: null, nodes: [], graph: { nodes: [], edges: [] } });
          const older = job.fetchRun(shown, 'older');
          shown.state.status({ jobId: 1, runId: 'newer', status: 'running', reason: null, ts: 4 }, 4);
          const newer = job.fetchRun(shown, 'newer');
          asked.get('newer').resolve(record('newer'));
          await newer;
          asked.get('older').resolve(record('older'));
          await older;
          const over = job.fetchRun(shown, 'over');
          asked.get('over').resolve({ ...record('over'), status: 'completed', endedAt: 2 });
          await over;
          const { random } = Math;
          Math.random = () => 0; // again at once
          try {
            const failing = job.fetchRun(shown, 'failing');
            asked.get('failing').reject(new Problem(500, {}));
            await failing.catch(() => undefined);
            await new Promise((done) => setTimeout(done));
          } finally {
            Math.random = random;
          }
          return [shown.runGraph.runId, [...shown.fetchedRuns]];
        }"""
    )
    assert found == ["newer", ["older", "newer", "over"]]


def test_when_nodes_began_is_asked_for_again_of_a_job_that_is_come_back_to(modules: Page) -> None:
    asked, began = modules.evaluate(
        """async () => {
          const { JobAtHand } = await import('/playground/run/job-at-hand.js');
          const { wanted } = await import('/playground/wanted.js');
          const node = { nodeId: 1, nodeName: 'Read', status: 'completed', rowCount: 5, message: '', runId: 'a', ts: 9, jobId: 1 };
          const record = { runId: 'a', jobId: 1, status: 'completed', startedAt: 1, endedAt: 9, graph: { nodes: [{ id: 1 }], edges: [] }, nodes: [node] };
          const history = { source: 'stream', events: [{ ts: 2, payload: { nodeId: 1 } }] };
          let asked = 0;
          const api = { now: () => 10, run: async () => record, history: async () => ((asked += 1), history) };
          const job = new JobAtHand({ api, page: { redraw: () => undefined }, onJob: () => undefined, onOther: () => undefined });
          let began = null;
          for (const jobId of [1, 2, 1]) {
            const shown = Object.assign(job.open(jobId), { job: {} });
            if (jobId === 2) continue;
            await job.fetchRun(shown, 'a');
            for (let look = 0; look < 2; look += 1) {
              const lacking = wanted({ run: shown.state.run(), nodes: [shown.state.node(1)], shown, isLookedAt: () => true, isPast: false, at: 0 });
              for (const { kind, runId } of lacking) if (kind === 'beginnings') await job.fetchBeginnings(shown, runId);
            }
            began = shown.state.node(1).startedAt;
          }
          return [asked, began];
        }"""
    )
    assert (asked, began) == (2, 2)


def test_a_jobs_last_run_is_asked_for_again_where_the_first_answer_did_not_come(
    modules: Page,
) -> None:
    asked = modules.evaluate(
        """async () => {
          const { JobAtHand } = await import('/playground/run/job-at-hand.js');
          const { Problem } = await import('/playground/server/api.js');
          let asked = 0;
          const api = { latestRunId: async () => ((asked += 1) === 1 ? Promise.reject(new Problem(502, {})) : null) };
          const page = { redraw: () => undefined, attempt: (work) => work().catch(() => undefined) };
          const job = new JobAtHand({ api, page, onJob: () => undefined, onOther: () => undefined });
          const shown = Object.assign(job.open(1), { job: {} });
          const { random } = Math;
          Math.random = () => 0; // again at once
          try {
            await page.attempt(() => job.fetchLatestRun(shown));
            await new Promise((done) => setTimeout(done));
          } finally {
            Math.random = random;
          }
          return [asked, shown.askedForRuns];
        }"""
    )
    assert asked == [2, True]


def test_how_far_a_run_of_home_is_comes_with_a_second_look_where_the_first_failed(
    modules: Page,
) -> None:
    shares = modules.evaluate(
        """async () => {
          const { WatchedRuns } = await import('/playground/home/watched-runs.js');
          const { Problem } = await import('/playground/server/api.js');
          const node = { nodeId: 1, nodeName: 'Read', status: 'running', rowCount: 5, rowTotal: 10, message: '', jobId: 1, runId: 'a', ts: 2, ports: null, row: null };
          const record = { runId: 'a', jobId: 1, status: 'running', reason: null, startedAt: 1, endedAt: null, graph: { nodes: [{ id: 1 }], edges: [] }, nodes: [node] };
          let asked = 0;
          const api = {
            now: () => 3,
            run: async () => ((asked += 1) === 1 ? Promise.reject(new Problem(0, {})) : record),
            allRuns: async () => ({ runs: [] }),
          };
          const watched = new WatchedRuns({ api, page: { redraw: () => undefined }, subscribe: () => undefined, unsubscribe: () => undefined });
          const run = { jobId: 1, runId: 'a' };
          const { random } = Math;
          Math.random = () => 0; // again at once
          const shares = [];
          try {
            for (let look = 0; look < 2; look += 1) {
              watched.show([run]);
              await new Promise((done) => setTimeout(() => setTimeout(done)));
              shares.push(watched.shareOf(run, 3, 3)?.share ?? null);
            }
          } finally {
            Math.random = random;
          }
          return shares;
        }"""
    )
    assert shares == [None, 0.5]


LOG_VIEW = """async () => {
  const ids = ['log-lines', 'log-search', 'log-found', 'log-note', 'log-above', 'log-download'];
  document.body.replaceChildren(...ids.map((id) => Object.assign(document.createElement(id === 'log-search' ? 'input' : 'div'), { id })));
  const { LogView } = await import('/playground/run/drawers/log-view.js');
  const view = new LogView({ onDownload: () => undefined });
  for (const [place, text] of PIECES.entries()) {
    view.add({ from: 0, text }, { isFirst: false, isLast: HAS_ENDED && place === PIECES.length - 1 });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  const lines = [...document.querySelectorAll('.log-line')].map((line) => line.textContent);
  document.body.replaceChildren();
  return lines;
}"""


SEARCHED = """async ([at, opens]) => {
  document.body.innerHTML = `<div id="log-lines" title="" style="height: 200px; overflow: auto"></div><input id="log-search"><p id="log-found"></p>
    <p id="log-note"></p><p id="log-above"></p><button id="log-download"></button>`;
  const { LogView } = await import('/playground/run/drawers/log-view.js');
  const view = new LogView({ onDownload: () => undefined });
  const [box, search] = ['log-lines', 'log-search'].map((id) => document.getElementById(id));
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const write = (text) => { search.value = text; search.dispatchEvent(new Event('input')); return drawn(); };
  view.add({ from: 7, text: [...Array(901).keys()].map((line) => line - 1).map((line) => `line ${line}${line % 300 === 0 ? ' no disk' : ''}\n`).join('') }, { isFirst: true, isLast: false });
  await drawn();
  if (at !== null) box.scrollTop = box.children[at].offsetTop - box.offsetTop;
  await write('no disk');
  const found = [...box.children].map((line) => line.textContent);
  const above = document.getElementById('log-above');
  const note = above.hidden ? '' : above.textContent;
  if (opens === null) await write('');
  else if (opens === 'Enter') search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  else box.children[opens].click();
  await drawn();
  const { top, bottom } = box.getBoundingClientRect();
  const seen = [...box.children].filter((line) => line.getBoundingClientRect().bottom > top + 1 && line.getBoundingClientRect().top < bottom - 1);
  const told = { note, found, seen: seen.map((line) => Number(line.textContent.split(' ')[1])), search: search.value };
  told.current = seen.filter((line) => line.hasAttribute('aria-current')).map((line) => line.textContent);
  document.body.replaceChildren();
  return told;
}"""


@pytest.mark.parametrize(
    ("at", "opens", "in_sight", "current"),
    [
        (400, None, 400, []),
        (None, None, 899, []),
        (400, 1, 300, ["line 300 no disk"]),
        (None, "Enter", 600, ["line 600 no disk"]),
    ],
)
def test_a_line_of_a_log_that_was_found_is_seen_among_the_others_and_the_place_is_kept(
    modules: Page, at: int | None, opens: int | str | None, in_sight: int, current: list[str]
) -> None:
    """To see what stands around it one had to put the search away, and was at the end of the log then."""
    told = modules.evaluate(SEARCHED, [at, opens])
    assert told["found"] == ["line 0 no disk", "line 300 no disk", "line 600 no disk"]
    assert told["note"] == "Earlier lines are not searched; the download has them all."
    assert (told["search"], told["current"]) == ("", current)
    assert in_sight in told["seen"]
    assert len(told["seen"]) > 5, "what stands around it"


GROWING = """async () => {
  document.body.innerHTML = `<div id="log-lines" title=""></div><input id="log-search"><p id="log-found"></p>
    <p id="log-note"></p><p id="log-above"></p><button id="log-download"></button>`;
  const { LogView } = await import('/playground/run/drawers/log-view.js');
  const view = new LogView({ onDownload: () => undefined });
  const [box, search, found] = ['log-lines', 'log-search', 'log-found'].map((id) => document.getElementById(id));
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const add = (from, to) => view.add({ from, text: Array.from({ length: to - from }, (_, place) => `${(from + place) % 2 ? 'slow' : 'fast'} ${from + place}\n`).join('') }, { isFirst: from === 0, isLast: false });
  add(0, 1000);
  await drawn();
  search.value = 'fast';
  search.dispatchEvent(new Event('input'));
  await drawn();
  getSelection().selectAllChildren(box.children[499]);
  const told = [];
  for (const [from, to] of [[1000, 1002], [1002, 5600], [5600, 6200]]) {
    add(from, to);
    await drawn();
    told.push([getSelection().toString(), box.firstChild.textContent, box.lastChild.textContent, box.children.length, found.textContent]);
  }
  document.body.replaceChildren();
  return told;
}"""


def test_what_is_selected_among_found_lines_stays_selected_while_the_log_goes_on(
    modules: Page,
) -> None:
    """Each second they were made anew: nobody could copy one."""
    assert modules.evaluate(GROWING) == [
        ["fast 998", "fast 0", "fast 1000", 501, "501 of 1002 lines"],
        ["fast 998", "fast 600", "fast 5598", 2500, "2500 of 5000 lines"],
        ["", "fast 1200", "fast 6198", 2500, "2500 of 5000 lines"],
    ]


HASTY = """async () => {
  document.body.innerHTML = `<div id="log-lines" title=""></div><input id="log-search"><p id="log-found"></p>
    <p id="log-note"></p><p id="log-above"></p><button id="log-download"></button>`;
  const { LogView } = await import('/playground/run/drawers/log-view.js');
  const view = new LogView({ onDownload: () => undefined });
  const search = document.getElementById('log-search');
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const write = (text) => { search.value = text; search.dispatchEvent(new Event('input')); };
  const press = () => search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
  const aimed = () => [...document.querySelectorAll('[aria-current]')].map((line) => line.textContent);
  const told = [];
  view.add({ from: 0, text: `no disk\nno dust\nno disc\nend\n` }, { isFirst: true, isLast: true });
  await drawn();
  write('no dis');
  await drawn();
  for (const query of ['no disk', 'no d', 'no dog']) {
    write(query);
    press();
    told.push([aimed(), search.value]);
    await drawn();
  }
  document.body.replaceChildren();
  return told;
}"""


def test_enter_opens_what_is_found_for_the_last_letter_that_was_typed(modules: Page) -> None:
    """Before the frame that draws it, it opened the last line that was found before."""
    assert modules.evaluate(HASTY) == [
        [["no disk"], ""],
        [["no disc"], ""],
        [[], "no dog"],
    ]


def log_lines(modules: Page, pieces: str, *, has_ended: bool = True) -> list[str]:
    """The lines that the page shows of a log whose pieces are this list of JavaScript."""
    script = LOG_VIEW.replace("PIECES", pieces).replace("HAS_ENDED", str(has_ended).lower())
    return list(modules.evaluate(script))


def test_a_log_of_very_many_empty_lines_is_shown(modules: Page) -> None:
    """As of print() for each row: “Maximum call stack size exceeded. The log is asked for again.”, for ever."""
    shown = log_lines(modules, "['\\n'.repeat(262_144) + 'the end']")
    assert (len(shown), shown[-1]) == (5_000, "the end")


def test_a_log_is_shown_as_a_terminal_shows_it(modules: Page) -> None:
    """Colours were “[31m”, and a bar that draws itself again was one line with all of its states."""
    coloured = r"'\u001b[31mno such\u001b[0m \u001b[1mtable\u001b[0m\r\nplain\n'"
    bar = r"'\r  0%', '\r 50%|##', '  |\r', '100%|####|\r', '\n\u001b[2K\u001b[1A', 'end \u001b['"
    assert log_lines(modules, f"[{coloured}, {bar}]") == [
        "no such table",
        "plain",
        "100%|####|",
        "end ",
    ]


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (r"['one\r\n 0%', '\r 5']", ["one", " 5"]),
        (r"['Working … ']", ["Working … "]),
        (r"['Working … ', 'done\n']", ["Working … done"]),
        (r"['one\n', '\u001b[0m']", ["one"]),
    ],
)
def test_a_line_that_has_not_ended_is_shown(modules: Page, pieces: str, lines: list[str]) -> None:
    """A bar, and what print(…, end="") says, came once the line had ended: often at the end of the run."""
    assert log_lines(modules, pieces, has_ended=False) == lines


def test_a_line_that_is_written_over_with_nothing_very_often_is_shown(modules: Page) -> None:
    """As print(end="\\r") for each row: in Firefox a search for /\\r+$/ was “too much recursion”, and there was no log."""
    assert log_lines(modules, r"['\r'.repeat(200_000) + 'x']", has_ended=False) == ["x"]


def test_what_a_look_found_before_a_save_is_no_news_behind_it(modules: Page) -> None:
    """What was just saved went from the canvas, with “Somebody saved this job”, where an earlier look was answered late."""
    changed, told, name = modules.evaluate(
        """async () => {
          const { JobAtHand } = await import('/playground/run/job-at-hand.js');
          const job = (number) => ({ name: `As saved ${number}`, etag: `"${number}"`, updatedAt: number, asStored: {}, graph: { nodes: [], edges: [] } });
          const answers = [];
          const told = [];
          const api = { job: () => new Promise((give) => answers.push(give)) };
          const atHand = new JobAtHand({ api, page: {}, onJob: () => undefined, onOther: ({ name }) => told.push(name) });
          const shown = Object.assign(atHand.open(1), { job: job(1) });
          const changed = [atHand.hasChanged()];
          shown.job = job(3); // it is saved here, and that is answered first
          answers[0](job(2));
          changed.push(atHand.hasChanged());
          answers[1](job(4));
          return [await Promise.all(changed), told, shown.job.name];
        }"""
    )
    assert changed == [False, False], "another name alone is no other graph"
    assert told == ["As saved 4"]
    assert name == "As saved 4"


def test_the_keyboard_stays_in_a_list_whose_entry_goes(modules: Page) -> None:
    """At the next entry's name, and not at its button, which the same key would press: the next run was cancelled, too."""
    reached = modules.evaluate(
        """async () => {
          document.body.innerHTML = '<a id="skip" href="#rest"></a><main id="rest" tabindex="-1"></main><ul></ul>';
          const { KeyedList } = await import('/playground/parts/lists/keyed-list.js');
          const entry = (key) => Object.assign(document.createElement('li'), { innerHTML: `<a href="#" id="name-${key}">x</a><button id="cancel-${key}"></button>` });
          const list = new KeyedList(document.querySelector('ul'), (key) => ({ element: entry(key) }));
          const show = (...keys) => {
            list.show(keys, (key) => key, () => undefined);
            return document.activeElement.id;
          };
          show('a', 'b', 'c');
          document.getElementById('cancel-b').focus();
          const reached = [show('b', 'c'), show('c', 'b'), show('a', 'c'), show('a'), show()];
          document.body.replaceChildren();
          return reached;
        }"""
    )
    assert reached == ["cancel-b", "cancel-b", "name-c", "name-a", "rest"]


HOME = """async (play) => {
  const [{ Home }, { Overview }, { Problem }] = await Promise.all(['home/home', 'home/overview', 'server/api'].map((name) => import(`/playground/${name}.js`)));
  const { setTimeout, clearTimeout } = window;
  const elements = new Map();
  const timers = []; // none begins by itself
  window.setTimeout = (work) => timers[timers.push({ work }) - 1];
  window.clearTimeout = (timer) => timer && (timer.work = null);
  document.getElementById = (id) => {
    if (!elements.has(id)) elements.set(id, Object.assign(document.createElement('table'), { innerHTML: '<tbody></tbody>' }));
    return elements.get(id);
  };
  try {
    const asked = []; // {of, give, fail}, in their order
    const ask = (of) => new Promise((give, fail) => asked.push({ of, give, fail: (status) => fail(new Problem(status, {})) }));
    const api = { now: () => 100_000, allRuns: ({ status }) => ask(status), jobsPage: () => ask('jobs'), run: (runId) => ask(runId) };
    const attempt = (work) => work().then(() => true, () => false);
    const overview = new Overview();
    const does = { refreshJobs: () => undefined, subscribe: () => undefined, unsubscribe: () => undefined };
    const home = new Home({ api, page: { attempt, redraw: () => undefined }, overview, does });
    const settled = () => new Promise((done) => setTimeout.call(window, done));
    const pass = () => { while (timers.length > 0) timers.pop().work?.(); };
    return await eval(play)({ home, overview, asked, settled, pass });
  } finally {
    Object.assign(window, { setTimeout, clearTimeout });
    delete document.getElementById;
  }
}"""


def test_of_looks_at_home_that_fail_the_last_alone_is_made_again(modules: Page) -> None:
    """Each look that failed began a chain of its own: the longer the server stayed away, the more was asked of it."""
    looks = modules.evaluate(
        HOME,
        """async ({ home, asked, settled, pass }) => {
          home.show({ page: 'home' });
          for (let look = 0; look < 3; look += 1) home.catchUp();
          for (const { fail } of asked.splice(0)) fail(0);
          await settled();
          pass();
          return asked.filter(({ of }) => of === 'jobs').length;
        }""",
    )
    assert looks == 1


def test_a_run_that_goes_on_while_home_asks_for_its_lists_is_in_one_of_them(modules: Page) -> None:
    """Asked for at once, it was in none: “running” was answered while it waited, and “queued” when it ran."""
    lacking = modules.evaluate(
        HOME,
        """async ({ home, overview, asked, settled }) => {
          home.show({ page: 'home' });
          const lists = ['queued', 'running', 'failed,lost'];
          const lacking = [];
          const look = async (from, moment) => {
            const run = { runId: `${from} ${moment}`, jobId: 1, createdAt: 1, startedAt: null, endedAt: null };
            const answerOf = (of, at) => ({ runs: of === lists[at] ? [{ ...run, status: of.split(',')[0] }] : [], next: null });
            asked.length = 0;
            home.catchUp();
            for (let answered = 0; answered < 4; answered += 1) {
              await settled();
              const { of, give } = asked.pop(); // what was asked for last is answered first
              give(of === 'jobs' ? { jobs: [], next: null } : answerOf(of, answered < moment ? from : from + 1));
            }
            await settled();
            if ([...overview.waiting(), ...overview.running(), ...overview.failed(1)].length === 0) lacking.push(run.runId);
          };
          for (const from of [0, 1]) for (let moment = 0; moment < 4; moment += 1) await look(from, moment);
          return lacking;
        }""",
    )
    assert lacking == []


def test_an_execute_that_is_answered_when_the_retry_has_begun_does_not_take_its_place(
    modules: Page,
) -> None:
    """Which attempt it is, and its values, were not told any more: the record of the retry had been asked for."""
    newest = modules.evaluate(
        """async () => {
          const { isStillNewest } = await import('/playground/run/job-at-hand.js');
          const { JobState } = await import('/realtime/run-state.js');
          const shown = { state: new JobState([1]) };
          const hear = (runId, status, ts) => shown.state.status({ runId, status, reason: null, ts }, ts);
          const newest = [isStillNewest(shown, 'first', undefined)];
          hear('first', 'running', 1);
          newest.push(isStillNewest(shown, 'first', undefined));
          hear('first', 'failed', 2);
          hear('retry', 'queued', 3);
          newest.push(isStillNewest(shown, 'first', undefined), isStillNewest(shown, 'later', 'retry'));
          return newest;
        }"""
    )
    assert newest == [True, True, False, True]


def test_places_in_the_queue_that_come_late_are_not_told(modules: Page) -> None:
    """Of two looks whose lists came in order the older one's places could come last, and stayed for half a minute."""
    before = modules.evaluate(
        HOME,
        """async ({ home, asked, settled }) => {
          const run = { runId: 'a', jobId: 1, status: 'queued', createdAt: 1, startedAt: null, endedAt: null };
          const answers = { jobs: { jobs: [], next: null }, queued: { runs: [run], next: null } };
          const look = async () => {
            home.catchUp();
            for (let answered = 0; answered < 4; answered += 1) {
              await settled();
              const { of, give } = asked.pop();
              give(answers[of] ?? { runs: [], next: null });
            }
            await settled();
            return asked.pop();
          };
          home.show({ page: 'home' });
          const [older, newer] = [await look(), await look()];
          newer.give({ ...run, queuePosition: 1 });
          await settled();
          older.give({ ...run, queuePosition: 5 });
          await settled();
          home.draw({ now: 2, clock: 2, since: null, staleWord: '', isDeaf: false });
          return document.getElementById('home-waiting').textContent;
        }""",
    )
    assert "1 run before it" in before


KEYBOARD = """async (play) => {
  document.body.innerHTML = '<a id="skip" href="#rest"></a><main id="rest" tabindex="-1"></main><div id="box" tabindex="-1" hidden></div><p><button id="held"></button></p>';
  const [dom, held] = [await import('/playground/parts/dom.js'), document.getElementById('held')];
  held.focus();
  eval(play)(dom, held);
  const { id } = document.activeElement;
  document.body.replaceChildren();
  return id;
}"""


@pytest.mark.parametrize(
    "play",
    [
        "(dom, held) => dom.putAway(held, true, () => dom.byId('box').focus())",
        """(dom, held) => {
          const bringKeyboard = dom.keepKeyboard();
          dom.byId('rest').after(held.parentElement);
          bringKeyboard();
        }""",
    ],
    ids=["what is next is hidden", "what has it is moved"],
)
def test_the_keyboard_is_never_left_nowhere(modules: Page, play: str) -> None:
    """As behind “Look further” where no run is listed, and in the notice on the way to another page."""
    assert modules.evaluate(KEYBOARD, play) == "rest"


TRANSLATED = """async () => {
  const { element, setParts, setText } = await import('/playground/parts/dom.js');
  const part = document.createElement('p');
  const items = () => [element('li', '', 'Completed')];
  const show = { text: (text) => setText(part, text), list: () => setParts(part, 'Completed', items) };
  const inPlace = (text) => text.data = 'Abgeschlossen';
  const inFont = (text) => {
    const font = document.createElement('font');
    text.replaceWith(font);
    font.textContent = 'Abgeschlossen';
  };
  const of = (translate, way) => {
    show[way]('Completed');
    translate(document.createNodeIterator(part, NodeFilter.SHOW_TEXT).nextNode());
    show[way]('Completed');
    const kept = part.textContent;
    setText(part, 'Failed');
    return [kept, part.textContent];
  };
  const told = [of(inFont, 'text'), of(inPlace, 'text'), of(inFont, 'list'), of(inPlace, 'list')];
  part.replaceChildren('by another');
  setText(part, 'Failed');
  const again = part.textContent;
  setText(part, '');
  return [told, again, part.childNodes.length];
}"""


def test_what_a_browser_has_translated_stays_until_there_is_another_text(modules: Page) -> None:
    """Each drawing wrote all of it in English once more."""
    translated = ["Abgeschlossen", "Failed"]
    assert modules.evaluate(TRANSLATED) == [[translated] * 4, "Failed", 0]
