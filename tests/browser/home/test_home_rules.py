"""The pure modules behind home, addresses and comparisons, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

OVERVIEW = """async (steps) => {
  const { Overview } = await import('/playground/home/overview.js');
  const overview = new Overview();
  const said = [];
  for (const [name, ...values] of steps) {
    const given = values.map((value) => (name === 'foreign' && Array.isArray(value) ? new Map(value) : value));
    const found = typeof overview[name] === 'function' ? overview[name](...given) : overview[name];
    if (found !== undefined) said.push(found);
  }
  return said;
}"""

MADE = {"id": 1, "name": "Totals", "lastRun": None}


def told(page: Page, *steps: list[Any]) -> list[Any]:
    """What each step that gives something gave."""
    found: list[Any] = page.evaluate(OVERVIEW, list(steps))
    return found


def run(status: str, run_id: str = "r1", job_id: int = 1, **more: Any) -> dict[str, Any]:
    times = {"createdAt": 100, "startedAt": None, "endedAt": None}
    who = {"jobName": "Totals", "startedBy": "ann", "reason": None}
    return {"runId": run_id, "jobId": job_id, "status": status, **times, **who, **more}


def brief(
    status: str | None, job_id: int = 1, run_id: str = "r1", heard: float = 200, **more: Any
) -> dict[str, Any]:
    said = {"aliveEvery": more.pop("aliveEvery", None), "aliveAt": None}
    ts = more.pop("ts", 150)
    reason = more.pop("reason", None)
    word = status and {
        "jobId": job_id,
        "runId": run_id,
        "status": status,
        "reason": reason,
        "ts": ts,
        **said,
    }
    return {"jobId": job_id, "status": word, "heard": heard, "untold": False, **more}


ACTIVE = ("queued", "running")


def lists(active: list[Any], failed: list[Any] | None = None) -> dict[str, Any]:
    of = {status: [run for run in active if run["status"] == status] for status in ACTIVE}
    return {
        **{status: {"runs": runs, "next": None} for status, runs in of.items()},
        "failed": {"runs": failed or [], "next": None},
    }


def ids(runs: list[dict[str, Any]]) -> list[str]:
    return [f"{found['runId']} {found['status']}" for found in runs]


def test_a_message_is_believed_against_a_list_that_is_behind_it(modules: Page) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeRuns", lists([run("queued")]), 10],
        ["takeBrief", brief("running"), 11],
        ["takeRuns", lists([run("queued")]), 12],
        ["running"],
        ["waiting"],
    )
    assert found[0]["startedBy"] == "ann"
    assert ids(found[1]) == ["r1 running"]
    assert found[1][0]["startedAt"] == 150
    assert found[2] == []


def test_a_run_that_the_lists_do_not_have_any_more_has_ended_or_is_gone(modules: Page) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeRuns", lists([run("running")]), 10],
        ["takeBrief", brief("queued", run_id="r2"), 20],
        ["takeRuns", lists([]), 15],
        ["waiting"],
        ["running"],
        ["takeRuns", lists([]), 25],
        ["waiting"],
    )
    assert ids(found[1]) == ["r2 queued"], "it was heard after the list was asked for"
    assert found[2:] == [[], []]


def test_for_who_signs_in_after_another_nothing_is_listed_nor_heard_of(modules: Page) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeRuns", lists([run("running")], [run("failed", "r2", endedAt=150)]), 10],
        ["forget"],
        ["running"],
        ["failed", 200],
        ["foreign", [[7, "Theirs"]], 200],
        ["isKnown"],
    )
    assert found == [[], [], [], False]


def test_on_a_new_connection_a_run_that_is_not_told_again_runs_no_more(modules: Page) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeBrief", brief("running"), 5],
        ["running"],
        ["forgetHeard"],
        ["running"],
    )
    assert ids(found[1]) == ["r1 running"]
    assert found[2] == []


def test_an_end_that_was_heard_is_a_failure_for_a_day_and_an_older_one_is_none(
    modules: Page,
) -> None:
    day = 86_400
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeRuns", lists([run("running")], [run("failed", "old", endedAt=0)]), 10],
        ["takeBrief", brief("failed", reason="no disk", ts=1_000), 11],
        ["failed", day - 1],
        ["failed", day + 500],
        ["failed", day + 1_000],
    )
    assert ids(found[1]) == ["r1 failed", "old failed"]
    assert found[1][0]["reason"] == "no disk"
    assert ids(found[2]) == ["r1 failed"]
    assert found[3] == []


def test_what_is_heard_before_the_jobs_are_known_counts_once_they_are(modules: Page) -> None:
    found = told(
        modules,
        ["takeBrief", brief("running"), 5],
        ["takeBrief", brief("running", job_id=42), 5],
        ["strangers"],
        ["takeJobs", [MADE]],
        ["takeRuns", lists([]), 4],
        ["running"],
        ["strangers"],
    )
    assert found[0] is None
    assert found[2] == [], "nobody knows yet whether it is ours"
    assert ids(found[3]) == ["r1 running"]
    assert found[4] == [42]


@pytest.mark.parametrize(
    ("said", "now", "status"),
    [
        (brief("running", 42), 1_000, "running"),
        (brief("running", 42, aliveEvery=10), 230, "running"),
        (brief("running", 42, aliveEvery=10), 240, "lost"),
        (brief("completed", 42), 300, "completed"),
        (brief("completed", 42), 900, None),
        (brief(None, 42, untold=True), 210, "reporting"),
        (brief(None, 42, untold=True), 300, "silent"),
        (brief(None, 42, untold=True), 900, None),
        (brief("completed", 42, untold=True), 210, "reporting"),
    ],
)
def test_a_program_that_is_not_ours_is_told_by_its_last_word(
    modules: Page, said: dict[str, Any], now: float, status: str | None
) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeBrief", said, 5],
        ["foreign", [], now],
        ["noteForeign", 42],
        ["foreign", [], now],
        ["foreign", [[42, "Nightly"], [43, "Other"]], now],
    )
    assert found[1] == [], "it may be a new job of ours"
    assert [view["status"] for view in found[2]] == ([status] if status else [])
    kept = {view["jobId"]: (view["name"], view["status"]) for view in found[3]}
    assert kept[43] == ("Other", "unheard")
    assert kept[42][0] == "Nightly"


def test_a_job_that_was_deleted_is_no_program_that_is_not_ours(modules: Page) -> None:
    found = told(
        modules,
        ["takeJobs", [MADE]],
        ["takeBrief", brief("failed", ts=200), 5],
        ["takeJobs", []],
        ["strangers"],
        ["noteForeign", brief("failed")["jobId"]],
        ["foreign", [], 210],
        ["failed", 210],
        ["takeBrief", brief("running", ts=220), 6],
        ["foreign", [], 230],
    )
    strangers, foreign, failed, _, later = found[1:]
    assert strangers == foreign == failed == []
    assert [view["status"] for view in later] == ["running"], "somebody else uses its number"


def test_of_a_run_that_went_on_between_two_lists_the_later_state_is_told(modules: Page) -> None:
    went_on = [[run("queued"), run("running")], [run("running")]]
    failures: list[list[Any]] = [[], [run("failed", endedAt=15)]]
    for active, failed, where in zip(went_on, failures, ("running", "failed"), strict=True):
        found = told(
            modules,
            ["takeJobs", [MADE]],
            ["takeRuns", lists(active, failed), 10],
            ["waiting"],
            ["running"],
            ["failed", 20],
        )
        assert [len(runs) for runs in found] == [0, int(where == "running"), int(where == "failed")]


def test_of_failures_it_is_told_that_there_are_more_only_where_these_count_too(
    modules: Page,
) -> None:
    failed = [run("failed", "new", endedAt=200_000), run("failed", "old", endedAt=100_000)]
    cut = {**lists([], failed), "failed": {"runs": failed, "next": "C"}}
    seen = told(modules, ["takeRuns", cut, 1], ["isMore", 150_000], ["isMore", 250_000])
    assert [more["failed"] for more in seen] == [True, False]


def test_runs_that_wait_are_in_the_order_of_their_turns_and_retries_that_are_not_due_come_last(
    modules: Page,
) -> None:
    """A retry with an hour to wait stood before the run that is next."""
    times = {"late": (1, 900), "soon": (2, 800), "next": (9, None), "due": (8, 700)}
    waiting = [
        run("queued", name, createdAt=created, dueAt=due) for name, (created, due) in times.items()
    ]
    [early, later] = told(
        modules, ["takeRuns", lists(waiting), 0], ["waiting", 750], ["waiting", 850]
    )
    assert [found["runId"] for found in early] == ["due", "next", "soon", "late"]
    assert [found["runId"] for found in later] == ["soon", "due", "next", "late"]


def test_the_typical_duration_is_the_middle_of_runs_that_completed(modules: Page) -> None:
    script = (
        """async (runs) => (await import('/playground/home/overview.js')).typicalDuration(runs)"""
    )
    runs = [run("completed", startedAt=0, endedAt=took) for took in (9, 1, 2)]
    failed = run("failed", startedAt=0, endedAt=100)
    assert modules.evaluate(script, [*runs, failed]) == 2
    assert modules.evaluate(script, runs[:2]) == 5
    assert modules.evaluate(script, [failed, run("running", startedAt=0)]) is None


def test_a_place_and_its_address_say_the_same(modules: Page) -> None:
    script = """async (query) => {
      const { addressOf, placeIn } = await import('/playground/places/address.js');
      const place = placeIn(`http://here/below/${query}`);
      return [place, addressOf(place)];
    }"""
    nothing = {"run": None, "with": None, "node": None, "t": None}
    for query, place, address in [
        ("", {"page": "home"}, "./"),
        ("?job=3", {"page": "job", "job": 3, **nothing}, "?job=3"),
        (
            "?job=3&run=ab12&with=cd&node=2&t=16.8",
            {"page": "job", "job": 3, "run": "ab12", "with": "cd", "node": 2, "t": 16.8},
            "?job=3&run=ab12&with=cd&node=2&t=16.8",
        ),
        ("?job=3&t=5&with=cd", {"page": "job", "job": 3, **nothing}, "?job=3"),
        ("?job=03&run=a", {"page": "home"}, "./"),
        (
            "?view=runs&status=failed,lost",
            {"page": "runs", "status": "failed,lost", "job": None, "day": None, "q": None},
            "?view=runs&status=failed%2Clost",
        ),
        (
            f"?job={2**53 - 1}&node={2**52}",
            {"page": "job", "job": 2**53 - 1, **nothing, "node": 2**52},
            f"?job={2**53 - 1}&node={2**52}",
        ),
        (f"?job={2**53}", {"page": "home"}, "./"),
        ("?job=3&run=..%2Fx", {"page": "job", "job": 3, **nothing}, "?job=3"),
        (
            "?view=runs&status=failed&job=7&day=2026-11-27&q=%20no%20disk",
            {"page": "runs", "status": "failed", "job": 7, "day": "2026-11-27", "q": "no disk"},
            "?view=runs&status=failed&job=7&day=2026-11-27&q=no+disk",
        ),
        (
            "?view=runs&status=odd&day=2026-13-45",
            {"page": "runs", "status": None, "job": None, "day": None, "q": None},
            "?view=runs",
        ),
    ]:
        assert modules.evaluate(script, query) == [place, address], query


COMPARE = """async ([one, other, was = {}, is = {}]) => {
  const { compared } = await import('/playground/run/compare/compare.js');
  const { JobState } = await import('/realtime/run-state.js');
  const side = (graph, values) => ({ graph, values, state: new JobState(graph.nodes.map(({ id }) => id)) });
  return compared(side(one, was), side(other, is));
}"""


def node(node_id: int, name: str, **config: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "filter", "name": name, "config": config}


READ_ANEW = """async (steps) => {
  const { NOT_READ, withFirstPage, withNextPage } = await import('/playground/server/read-anew.js');
  const how = { keyOf: ({ id }) => id, isBehind: ({ id }, last) => id < last.id };
  const page = ([ids, next]) => ({ entries: ids.map((id) => ({ id })), next });
  let list = NOT_READ;
  return steps.map(([kind, ...told]) => {
    list = kind === 'first' ? withFirstPage(list, page(told), how) : withNextPage(list, page(told));
    return [list.entries.map(({ id }) => id), list.next];
  });
}"""


def read_anew(page: Page, *steps: list[Any]) -> list[Any]:
    """The ids and the `next` of a list after the last of the steps."""
    found: list[list[Any]] = page.evaluate(READ_ANEW, list(steps))
    return found[-1]


def test_a_list_that_is_read_anew_keeps_its_further_pages_and_has_no_gap(modules: Page) -> None:
    """A page that was not looked at for an hour had none of the runs between the newest and those of before."""
    two = [["first", [9, 8, 7], "6"], ["more", [6, 5, 4], "3"]]
    assert read_anew(modules, *two) == [[9, 8, 7, 6, 5, 4], "3"]
    assert read_anew(modules, *two, ["first", [10, 9, 8], "7"]) == [[10, 9, 8, 7, 6, 5, 4], "3"]
    gone = ["first", [9, 7, 6], "5"]  # 8 was deleted
    assert read_anew(modules, *two, gone) == [[9, 7, 6, 5, 4], "3"]
    assert read_anew(modules, *two, ["first", [19, 18, 17], "16"]) == [[19, 18, 17], "16"]
    assert read_anew(modules, *two, ["first", [9, 8], None]) == [[9, 8], None]
    whole = ["first", [9, 8, 7, 6, 5, 4], None]
    ends = read_anew(modules, *two, whole, ["first", [9, 8, 7], "6"])
    assert ends == [[9, 8, 7, 6, 5, 4], None], "more was asked for once"
    one = [["first", [9, 8, 7], "6"], ["first", [10, 9, 8], "7"]]
    assert read_anew(modules, *one) == [[10, 9, 8], "7"], "it does not grow by itself"


def test_a_run_is_compared_with_the_one_before_it_that_has_ended(modules: Page) -> None:
    found = modules.evaluate(
        """async () => {
          const { comparedWith } = await import('/playground/run/compare/compare.js');
          const runs = [['now', null], ['c', 3], ['b', 2], ['a', 1]].map(([runId, endedAt]) => ({ runId, endedAt }));
          return ['c', 'a', 'older'].map((runId) => comparedWith(runs, runId)?.runId ?? null).concat(comparedWith(runs.slice(0, 2), 'c') ?? null);
        }"""
    )
    assert found == ["b", "c", "c", None]


def test_of_a_node_that_did_not_run_no_rows_are_compared(modules: Page) -> None:
    rows = modules.evaluate(
        """async () => {
          const { rowsOfNode } = await import('/playground/run/compare/compare.js');
          return [null, { heard: false, rowCount: 0 }, { heard: true, rowCount: 0 }, { heard: true, rowCount: 7 }].map(rowsOfNode);
        }"""
    )
    assert rows == [None, None, 0, 7]


def test_a_comparison_names_each_setting_node_and_edge_that_differs_and_nothing_else(
    modules: Page,
) -> None:
    one = {
        "nodes": [
            node(1, "Recent", condition="a > 1", more=None, keep={"x": 1, "y": 2}),
            node(2, "Old"),
        ],
        "edges": [{"from": 1, "to": 2}],
    }
    other = {
        "nodes": [node(1, "Newest", condition="a > 2", keep={"y": 2, "x": 1}), node(3, "New")],
        "edges": [{"from": 1, "to": 3, "fromPort": "large"}],
    }
    found = modules.evaluate(COMPARE, [one, other])
    assert [entry["nodeId"] for entry in found["nodes"]] == [1, 2, 3]
    told = [(s["name"], s["field"], s.get("one"), s.get("other")) for s in found["settings"]]
    assert told == [
        ("Newest", "name", "Recent", "Newest"),
        ("Newest", "condition", "a > 1", "a > 2"),
        ("Old", "node", "filter", None),
        ("New", "node", None, "filter"),
        ("Recent → Old", "edge", "there", None),
        ("Newest (large) → New", "edge", None, "there"),
    ]
    assert modules.evaluate(COMPARE, [one, one])["settings"] == []
    values = {"day": "2026-11-01", "note": None, "same": "x"}, {"day": "2026-11-02", "same": "x"}
    [day] = modules.evaluate(COMPARE, [one, one, *values])["settings"]
    said = [day[name] for name in ("nodeId", "name", "field", "one", "other")]
    assert said == [None, "day", "parameter", "2026-11-01", "2026-11-02"]
