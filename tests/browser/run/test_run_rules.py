"""The page's rules of a run without its DOM: what its nodes and it are after each message, how far it is, silence, tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import permutations
from typing import Any

import pytest
from playwright.sync_api import Page

from jobs.store.runs.run_states import ENDS
from progress_lib import Fault, Progress, Row, Status
from progress_lib.progress import CLOSED_BY_RUNNER, NODE_ENDS

Step = tuple[str, dict[str, Any]]

AFTER_STEPS = """async ([steps, ids]) => {
  const { JobState } = await import('/realtime/run-state.js');
  const state = new JobState(ids);
  let now = 1000;
  const changed = steps.map(([verb, event]) => state[verb](event, now += 1) ?? null);
  const nodes = Object.fromEntries([...new Set([...ids, ...state.nodeIds()])].map((id) => [id, state.node(id)]));
  return { run: state.run(), nodes, changed };
}"""
# In one call for all orders: 720 calls would take five seconds of a core
AFTER_ORDERS = f"""async ([steps, orders, ids]) => {{
  const after = {AFTER_STEPS};
  const ended = async (order) => {{
    const {{ run, nodes }} = await after([order.map((place) => structuredClone(steps[place])), ids]);
    return [run.status, Object.values(nodes).map(({{ state, rowCount }}) => [state, rowCount])];
  }};
  return Promise.all(orders.map(ended));
}}"""


def progress(node_id: int, status: str, rows: int = 0, **fields: Any) -> Step:
    optional = ("runId", "rowTotal", "share", "seq", "ts", "row", "closedBy", "fromRun")
    event = {"jobId": 1, "nodeId": node_id, "nodeName": f"Node {node_id}", "status": status}
    return "progress", {
        **event,
        "rowCount": rows,
        "message": "",
        **dict.fromkeys(optional),
        **fields,
    }


def status(run_id: str, word: str, **fields: Any) -> Step:
    event = {"jobId": 1, "runId": run_id, "status": word, "reason": None, "ts": None}
    return "status", {**event, **fields}


def after(page: Page, *steps: Step | str, nodes: tuple[int, ...] = (1, 2)) -> Any:
    sent = [[step, {}] if isinstance(step, str) else list(step) for step in steps]
    return page.evaluate(AFTER_STEPS, [sent, list(nodes)])


def states(page: Page, *steps: Step | str, nodes: tuple[int, ...] = (1, 2)) -> list[str]:
    found = after(page, *steps, nodes=nodes)
    return [found["nodes"][str(node)]["state"] for node in nodes]


# ---------------------------------------------------------------- the state of a job


def test_nodes_are_idle_before_anything_is_heard(modules: Page) -> None:
    assert states(modules) == ["idle", "idle"]
    assert after(modules)["run"] is None


def test_a_run_goes_from_queued_over_running_to_its_end(modules: Page) -> None:
    queued = [status("a", "queued", ts=10.0)]
    running = [*queued, status("a", "running", ts=12.0), progress(1, "running", 5, runId="a")]
    ended = [
        *running,
        progress(1, "completed", 9, runId="a"),
        progress(2, "completed", 9, runId="a"),
        status("a", "completed", ts=20.5),
    ]
    assert states(modules, *queued) == ["idle", "idle"]
    assert states(modules, *running) == ["running", "idle"]
    assert states(modules, *ended) == ["success", "success"]
    run = after(modules, *ended)["run"]
    assert (run["status"], run["startedAt"], run["endedAt"]) == ("completed", 12.0, 20.5)


@pytest.mark.parametrize("late", ["running", "completed", "failed"])
def test_a_terminal_status_of_a_node_is_absorbing_within_its_run(modules: Page, late: str) -> None:
    done = [progress(1, "completed", 9, runId="a", seq=7)]
    found = after(modules, *done, progress(1, late, 3, runId="a", seq=8))
    assert found["changed"] == [True, False]
    assert (found["nodes"]["1"]["state"], found["nodes"]["1"]["rowCount"]) == ("success", 9)


@pytest.mark.parametrize("late", ["queued", "running", "completed", "cancelled", "lost"])
def test_a_terminal_status_of_a_run_is_absorbing(modules: Page, late: str) -> None:
    found = after(modules, status("a", "failed", reason="why"), status("a", late))
    assert (found["run"]["status"], found["run"]["reason"]) == ("failed", "why")


def test_what_comes_out_of_order_is_dropped_and_a_repeat_is_harmless(modules: Page) -> None:
    found = after(
        modules,
        progress(1, "running", 50, runId="a", seq=5),
        progress(1, "running", 40, runId="a", seq=4),
        progress(1, "running", 50, runId="a", seq=5),
        progress(2, "running", 1, runId="a", seq=1),
    )
    assert found["changed"] == [True, False, False, True]
    assert found["nodes"]["1"]["rowCount"] == 50
    assert found["nodes"]["2"]["rowCount"] == 1


def test_a_publisher_that_is_started_again_within_its_run_counts_anew(modules: Page) -> None:
    found = after(
        modules,
        progress(1, "running", 900, runId="a", seq=72_000, ts=100.0),
        progress(1, "running", 5, runId="a", seq=1, ts=130.5),
        progress(1, "completed", 10, runId="a", seq=2, ts=131.0),
    )
    assert found["changed"] == [True, True, True]
    assert found["nodes"]["1"]["rowCount"] == 10


def test_a_new_run_starts_with_idle_nodes_and_its_predecessor_is_not_heard_any_more(
    modules: Page,
) -> None:
    steps = [
        progress(1, "completed", 9, runId="a"),
        status("a", "completed"),
        status("b", "queued"),
    ]
    assert states(modules, *steps) == ["idle", "idle"]
    assert states(modules, *steps, progress(1, "running", runId="a")) == ["idle", "idle"]
    assert states(modules, *steps, status("a", "failed")) == ["idle", "idle"]
    assert states(modules, *steps, progress(1, "running", runId="b")) == ["running", "idle"]


def test_progress_alone_announces_a_run_whose_beginning_was_missed(modules: Page) -> None:
    found = after(modules, progress(1, "running", 5, runId="a", ts=77.0))
    assert found["run"]["runId"] == "a"
    assert (found["run"]["status"], found["run"]["startedAt"]) == ("running", 77.0)


def test_an_older_run_in_a_snapshot_does_not_replace_the_newer(modules: Page) -> None:
    steps = [
        progress(1, "running", runId="b", ts=50.0),
        progress(2, "completed", runId="a", ts=9.0),
    ]
    assert states(modules, *steps) == ["running", "idle"]


def test_a_run_on_a_machine_whose_clock_is_slow_is_believed(modules: Page) -> None:
    steps = [status("a", "completed", ts=500.0), status("b", "running", ts=100.0)]
    assert after(modules, *steps)["run"]["runId"] == "b"


def test_nodes_that_a_cancelled_run_cut_short_are_stopped_and_the_rest_not_run(
    modules: Page,
) -> None:
    steps = [
        progress(1, "running", 5, runId="a"),
        progress(1, "failed", 5, runId="a", message="cancelled", closedBy="runner"),
        status("a", "cancelled", reason="cancelled"),
    ]
    assert states(modules, *steps) == ["cancelled", "notrun"]
    assert states(modules, steps[0], steps[2]) == ["cancelled", "notrun"]


def test_only_the_node_at_fault_shows_an_error_and_its_own_words(modules: Page) -> None:
    reason = 'exit code 1: node 2 "Out" failed: UNIQUE'
    found = after(
        modules,
        progress(1, "running", 9, runId="a"),
        progress(2, "failed", 3, runId="a", message="UNIQUE"),
        progress(1, "failed", 9, runId="a", message=reason, closedBy="runner"),
        status("a", "failed", reason=reason),
        nodes=(1, 2, 3),
    )
    shown = [(node["state"], node["message"]) for node in found["nodes"].values()]
    assert shown == [("stopped", "Node 2 failed"), ("error", "UNIQUE"), ("notrun", "")]


def test_who_closed_a_node_is_told_by_its_field_and_not_by_its_words(modules: Page) -> None:
    ended = status("a", "cancelled", reason="cancelled")
    own = progress(1, "failed", 5, runId="a", message="cancelled")
    assert states(modules, own, ended, nodes=(1,)) == ["error"]
    closed = progress(1, "failed", 5, runId="a", message="in other words", closedBy="runner")
    assert states(modules, closed, ended, nodes=(1,)) == ["cancelled"]


def test_the_row_at_fault_is_that_of_the_field(modules: Page) -> None:
    row = {"number": 9_000, "values": {"amount": "None"}}
    failed = progress(1, "failed", 5, runId="a", message="(row 7: x=1)", row=row)
    assert after(modules, failed)["nodes"]["1"]["row"] == row
    assert (
        after(modules, progress(1, "running", 5, runId="a", row=row))["nodes"]["1"]["row"] is None
    )
    without = progress(1, "failed", 5, runId="a", message="no good (row 7: x=1)")
    assert after(modules, without)["nodes"]["1"]["row"] is None


def test_a_run_without_a_status_ended_with_its_last_word_whenever_the_page_came(
    modules: Page,
) -> None:
    seen: Step = ("seen", {"runId": None, "began": 400.0, "heard": 500.0})
    run = after(modules, progress(1, "failed", 3), progress(2, "completed", 4), seen)["run"]
    assert (run["status"], run["startedAt"], run["endedAt"]) == ("failed", 400, 500)


READ = """async (payload) => {
  const { progressEvent } = await import('/realtime/messages.js');
  return progressEvent(1, payload);
}"""


@pytest.mark.parametrize("theirs", [12, "row 7", [1], {"number": "1"}, {"number": 1.5}, None])
def test_a_row_of_another_shape_is_somebody_elses_field(modules: Page, theirs: Any) -> None:
    payload = {"nodeId": 1, "status": "failed", "row": theirs, "closedBy": {"x": 1}}
    event = modules.evaluate(READ, payload)
    assert (event["status"], event["row"], event["closedBy"]) == ("failed", None, None)


def test_what_a_program_and_the_runner_send_is_what_the_page_reads(modules: Page) -> None:
    row = Row(3, {"n": "None"}, "line 4", [("n", None), ("m", "x")], 2)
    fault = Fault("columns", "1 / n", ["n"])
    sent = Progress(1, "Big", Status.FAILED, row=row, closed_by=CLOSED_BY_RUNNER, fault=fault)
    event = modules.evaluate(READ, json.loads(sent.to_json()))
    assert event["row"] == {**row.document(), "cells": [["n", None], ["m", "x"]]}
    assert event["fault"] == {"field": "columns", "text": "1 / n", "columns": ["n"]}
    ended = status("a", "cancelled")
    assert states(modules, ("progress", {**event, "runId": "a"}), ended, nodes=(1,)) == [
        "cancelled"
    ]


def test_the_ends_of_a_run_and_of_a_node_are_those_of_the_server(modules: Page) -> None:
    script = "async () => { const m = await import('/realtime/messages.js'); return [[...m.RUN_ENDS], [...m.NODE_ENDS]]; }"
    runs, nodes = modules.evaluate(script)
    assert sorted(runs) == sorted(ENDS)
    assert sorted(nodes) == sorted(NODE_ENDS)


def test_when_nobody_is_at_fault_what_was_open_shows_the_reason(modules: Page) -> None:
    steps = [progress(1, "running", 9, runId="a"), status("a", "lost", reason="no runner left")]
    found = after(modules, *steps)["nodes"]
    assert (found["1"]["state"], found["1"]["message"]) == ("error", "no runner left")


FAILED = 'exit code 1: node 2 "Out" failed: UNIQUE'


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        (
            [
                progress(1, "completed", 9, runId="a", seq=3, ts=13.0),
                progress(2, "completed", 7, runId="a", seq=4, ts=14.0),
                status("a", "completed", ts=15.0),
            ],
            [("success", 9), ("success", 7)],
        ),
        (
            [
                progress(2, "failed", 3, runId="a", seq=3, ts=13.0, message="UNIQUE"),
                progress(1, "failed", 5, runId="a", ts=14.0, message=FAILED, closedBy="runner"),
                status("a", "failed", reason=FAILED, ts=15.0),
            ],
            [("stopped", 5), ("error", 3)],
        ),
    ],
)
def test_a_run_ends_the_same_in_whatever_order_its_messages_come(
    modules: Page, end: list[Step], shown: list[tuple[str, int]]
) -> None:
    told = [
        status("a", "running", ts=10.0),
        progress(1, "running", 5, runId="a", seq=1, ts=11.0),
        progress(2, "running", 2, runId="a", seq=2, ts=12.0),
        *end,
    ]
    orders = list(permutations(range(len(told))))
    found = modules.evaluate(AFTER_ORDERS, [told, orders, [1, 2]])
    for order, ended in zip(orders, found, strict=True):
        wanted = [end[-1][1]["status"], [list(node) for node in shown]]
        assert ended == wanted, [told[place] for place in order]


def test_a_completed_run_never_shows_an_error_while_a_last_word_is_still_on_its_way(
    modules: Page,
) -> None:
    early = [progress(1, "running", 5, runId="a"), status("a", "completed")]
    assert states(modules, *early, nodes=(1,)) == ["success"]


def test_a_publisher_of_five_fields_is_a_full_citizen(modules: Page) -> None:
    first = [progress(1, "running", 5), progress(1, "completed", 9), progress(2, "running", 1)]
    assert states(modules, *first) == ["success", "running"]
    assert after(modules, *first)["run"]["status"] == "running"
    ended = [*first, progress(2, "completed", 9)]
    assert after(modules, *ended)["run"]["status"] == "completed"
    assert states(modules, *ended, progress(1, "running", 1)) == ["running", "idle"]


def test_a_snapshot_of_five_fields_replaces_and_resets_nothing(modules: Page) -> None:
    ended = [progress(1, "completed", 9), progress(2, "completed", 9)]
    again = [progress(1, "completed", 4), progress(2, "running", 2)]
    assert states(modules, *ended, "expectSnapshot", *again) == ["success", "running"]


def test_five_fields_count_for_the_run_under_way(modules: Page) -> None:
    steps = [status("a", "running"), progress(1, "running", 5), progress(1, "completed", 6)]
    found = after(modules, *steps, status("a", "cancelled"))
    assert found["run"]["runId"] == "a"
    assert [node["state"] for node in found["nodes"].values()] == ["success", "notrun"]


def test_work_from_elsewhere_shows_after_our_own_run_has_ended(modules: Page) -> None:
    ended = [progress(2, "completed", 9, runId="a"), status("a", "completed")]
    found = after(modules, *ended, "expectSnapshot", progress(1, "running", 5))
    assert [node["state"] for node in found["nodes"].values()] == ["running", "success"]
    assert (found["run"]["runId"], found["run"]["status"]) == (None, "running")


AFTER_SILENCE = """async ([steps, silence]) => {
  const { JobState } = await import('/realtime/run-state.js');
  const state = new JobState([]);
  for (const [verb, event] of steps) state[verb](event, 1000);
  return { run: state.run(1000 + silence), unknown: state.run().status, node: state.node(2, 1000 + silence).state };
}"""


@pytest.mark.parametrize("run_id", [None, "cron"])
def test_a_run_that_no_status_tells_of_ends_with_its_nodes_once_nobody_speaks(
    modules: Page, run_id: str | None
) -> None:
    load = progress(1, "completed", 9, runId=run_id, ts=990.0)
    ended = [load, progress(2, "failed", 3, runId=run_id, ts=995.0)]
    found = modules.evaluate(AFTER_SILENCE, [ended, 4])
    assert (found["run"]["status"], found["unknown"]) == ("running", "running")
    # the next node may begin yet
    found = modules.evaluate(AFTER_SILENCE, [ended, 30])
    assert (found["run"]["status"], found["run"]["endedAt"]) == ("failed", 995.0)
    assert (found["node"], found["unknown"]) == ("error", "running")  # offline nobody knows
    at_work = [load, progress(2, "running", 3, runId=run_id, ts=995.0)]
    assert modules.evaluate(AFTER_SILENCE, [at_work, 30])["run"]["status"] == "running"


def test_a_run_that_no_status_tells_of_began_when_the_server_says(modules: Page) -> None:
    late = progress(1, "running", 9, runId="cron", ts=990.0)
    seen = ("seen", {"jobId": 1, "runId": "cron", "began": 900.0, "heard": 990.0})
    assert after(modules, late, seen)["run"]["startedAt"] == 900.0
    other = ("seen", {"jobId": 1, "runId": "of before", "began": 100.0, "heard": 110.0})
    assert after(modules, late, seen, other)["run"]["startedAt"] == 900.0
    told = status("cron", "running", ts=905.0)  # who answers for a run knows better
    assert after(modules, late, told, seen)["run"]["startedAt"] == 905.0
    own = [progress(2, "completed", 9, runId="a"), status("a", "completed")]
    stray = ("seen", {"jobId": 1, "runId": None, "began": 900.0, "heard": 990.0})
    found = after(modules, *own, progress(1, "running", 9), stray)["run"]
    assert (found["runId"], found["startedAt"]) == (None, 900.0)


def test_while_nobody_could_hear_it_no_node_was_silent(modules: Page) -> None:
    script = """async (event) => {
      const { JobState } = await import('/realtime/run-state.js');
      const state = new JobState([1]);
      state.progress(event, 1000);
      const before = state.node(1, 1060).state;
      state.listenAgain(1060);
      return [before, state.node(1, 1061).state, state.node(1, 1080).state];
    }"""
    event = progress(1, "running", 5, runId="a", ts=1000.0)[1]
    assert modules.evaluate(script, event) == ["stalled", "running", "stalled"]


def test_a_record_fills_gaps_but_never_outranks_a_message(modules: Page) -> None:
    nodes = [progress(1, "running", 4)[1], progress(2, "running", 3)[1]]
    record = {"runId": "a", "status": "running", "reason": None, "startedAt": 50.0, "endedAt": None}
    found = after(
        modules, progress(1, "running", 8, runId="a"), ("record", {**record, "nodes": nodes})
    )
    assert [node["rowCount"] for node in found["nodes"].values()] == [8, 3]
    assert found["run"]["startedAt"] == 50.0


def test_when_a_run_began_is_not_known_by_a_snapshot_of_its_end(modules: Page) -> None:
    snapshot = (
        progress(1, "completed", 9, runId="a", ts=12.0),
        progress(2, "completed", 9, runId="a", ts=12.1),
        status("a", "completed", ts=12.2),
    )
    assert after(modules, *snapshot)["run"]["startedAt"] is None
    record: dict[str, Any] = {"runId": "a", "status": "completed", "reason": None, "nodes": []}
    found = after(modules, *snapshot, ("record", {**record, "startedAt": 5.0, "endedAt": 12.2}))
    assert found["run"]["startedAt"] == 5.0
    foreign = after(modules, progress(1, "running", 9, runId="a", ts=12.0))
    assert foreign["run"]["startedAt"] == 12.0, (
        "of a run that nobody answers for it is all there is"
    )


def test_a_record_brings_the_end_that_no_message_told(modules: Page) -> None:
    nodes = [progress(1, "completed", 9)[1]]
    ended = {"runId": "a", "status": "completed", "reason": None, "startedAt": 5.0, "endedAt": 9.0}
    found = after(
        modules, progress(1, "running", 8, runId="a"), ("record", {**ended, "nodes": nodes})
    )
    assert (found["nodes"]["1"]["state"], found["nodes"]["1"]["rowCount"]) == ("success", 9)
    assert (found["run"]["status"], found["run"]["endedAt"]) == ("completed", 9.0)


def test_the_rate_is_that_of_the_last_second(modules: Page) -> None:
    steps = [
        progress(1, "running", 0, runId="a", ts=10.0),
        progress(1, "running", 500, runId="a", ts=10.5),
        progress(1, "running", 3000, runId="a", ts=12.0),
    ]
    assert after(modules, *steps)["nodes"]["1"]["rate"] == 1500


def test_a_run_that_nobody_answers_for_does_not_keep_a_person_from_executing(
    modules: Page,
) -> None:
    assert after(modules, progress(1, "running", 5))["run"]["told"] is False
    assert after(modules, progress(1, "running", 5, runId="cron"))["run"]["told"] is False
    assert after(modules, status("a", "queued"))["run"]["told"] is True


# ---------------------------------------------------------------- how far a run is, silence, tracebacks


LOST = """async ([steps, times]) => {
  const { JobState } = await import('/realtime/run-state.js');
  const state = new JobState([1]);
  for (const [verb, event, now] of steps) state[verb](event, now);
  return times.map((now) => {
    const run = state.run(now);
    return [run.status, run.silentSince, state.node(1, now).state];
  });
}"""


def alive(at: float, every: float = 10, run: str = "a") -> dict[str, Any]:
    return status(run, "running", ts=100.0, aliveEvery=every, aliveAt=at)[1]


def lost(page: Page, *steps: list[Any], at: list[float | None]) -> Any:
    return page.evaluate(LOST, [list(steps), at])


def test_a_run_that_breaks_its_word_to_speak_is_lost_until_it_speaks_again(modules: Page) -> None:
    work = progress(1, "running", 5, runId="a", ts=105.0)[1]
    begun = [["status", alive(100.0), 100], ["progress", work, 105]]
    # a node's word counts as the run's; nobody knows while the page is offline
    assert lost(modules, *begun, at=[134, 135, None]) == [
        ["running", None, "stalled"],
        ["lost", 105, "error"],
        ["running", None, "running"],
    ]
    again = [*begun, ["status", alive(400.0), 400]]
    assert lost(modules, *again, at=[410]) == [["running", None, "stalled"]]
    ended = [*begun, ["status", status("a", "completed", ts=106.0)[1], 300]]
    assert lost(modules, *ended, at=[999]) == [["completed", None, "success"]]


def test_a_page_that_comes_later_finds_the_same_run_lost(modules: Page) -> None:
    assert lost(modules, ["status", alive(100.0), 500], at=[500]) == [["lost", 100, "notrun"]]


def test_a_publisher_whose_clock_is_wrong_is_lost_for_one_word_at_most(modules: Page) -> None:
    behind = [["status", alive(100.0), 500], ["status", alive(110.0), 510]]
    assert lost(modules, *behind, at=[511]) == [["running", None, "idle"]]
    ahead = [["status", alive(900.0), 500]]
    assert lost(modules, *ahead, at=[529, 530]) == [
        ["running", None, "idle"],
        ["lost", 500, "notrun"],
    ]


def test_what_the_server_tells_once_more_is_no_sign_of_life(modules: Page) -> None:
    """A page asks a silent connection whether it lives by subscribing again: a dead run was running again, every 30 s."""
    work = progress(1, "running", 5, runId="a", seq=3, ts=101.0)[1]
    said = [["status", alive(100.0), 100], ["progress", work, 101]]
    again = [["status", alive(100.0), 133], ["progress", work, 133]]
    assert lost(modules, *said, *again, at=[134]) == [["lost", 101, "error"]]
    spoke = [["status", alive(134.0), 134], ["progress", {**work, "seq": 4, "ts": 134.0}, 134]]
    assert lost(modules, *said, *again, *spoke, at=[135]) == [["running", None, "running"]]


def test_a_node_is_shown_as_quickly_among_ten_thousand(modules: Page) -> None:
    """Each node looked through all the others: 10,000 took 50 s for each frame."""
    took = modules.evaluate("""async () => {
      const { JobState } = await import('/realtime/run-state.js');
      const state = new JobState();
      const told = { jobId: 1, runId: 'a', status: 'running', ts: 1, aliveEvery: 10, aliveAt: 1 };
      state.status(told, 1);
      for (let nodeId = 1; nodeId <= 10_000; nodeId += 1) state.progress({ ...told, nodeId, rowCount: 1 }, 1);
      const began = performance.now();
      for (const nodeId of state.nodeIds()) state.node(nodeId, 2);
      return performance.now() - began;
    }""")
    assert took < 2_000  # milliseconds, for all of them


def test_a_run_that_promised_nothing_is_never_lost_by_silence(modules: Page) -> None:
    silent = [["status", status("a", "running", ts=100.0)[1], 100]]
    assert lost(modules, *silent, at=[99_999]) == [["running", None, "idle"]]


def test_a_short_promise_is_given_a_few_seconds(modules: Page) -> None:
    begun = ["status", alive(100.0, every=0.2), 100]
    assert [word for word, *_ in lost(modules, begun, at=[104.9, 105])] == ["running", "lost"]


STALLED = """async ([silent, messages]) => {
  const { JobState } = await import('/realtime/run-state.js');
  const state = new JobState([1]);
  for (const [event, now] of messages) state.progress(event, now);
  return state.node(1, messages.at(-1)[1] + silent).state;
}"""


@pytest.mark.parametrize(("silent", "state"), [(14.9, "running"), (15, "stalled")])
def test_a_running_node_is_stalled_after_fifteen_seconds(
    modules: Page, silent: float, state: str
) -> None:
    running = [progress(1, "running", rows, runId="a")[1] for rows in (1, 2)]
    assert modules.evaluate(STALLED, [silent, [[running[0], 10], [running[1], 20]]]) == state


def test_a_node_that_has_ended_is_never_stalled(modules: Page) -> None:
    ended = progress(1, "completed", 9, runId="a")[1]
    assert modules.evaluate(STALLED, [99, [[ended, 10]]]) == "success"


def test_a_snapshot_of_long_ago_is_stalled_at_once(modules: Page) -> None:
    old = progress(1, "running", 9, runId="a", ts=1000.0)[1]
    assert modules.evaluate(STALLED, [0, [[old, 1030]]]) == "stalled"


SHARES = """async ([views, expected, run, now]) => {
  const { nodeShare, runShare, formatShare } = await import('/realtime/estimate.js');
  const rows = new Map(expected);
  const whole = runShare(run, views, rows, now);
  return { nodes: views.map((view) => nodeShare(view, rows)), run: whole, text: whole && formatShare(whole) };
}"""


def view(
    node_id: int, state: str, rows: int, total: int | None = None, told: float | None = None
) -> dict[str, Any]:
    counts = {"rowCount": rows, "rowTotal": total, "toldShare": told}
    return {"nodeId": node_id, "state": state, **counts}


def shares(page: Page, *views: dict[str, Any], expected: Any = (), now: float = 10) -> Any:
    run = {"ended": False, "startedAt": 0}
    return page.evaluate(SHARES, [list(views), list(expected), run, now])


def test_a_share_is_known_from_a_total_or_expected_from_the_last_run(modules: Page) -> None:
    told = shares(
        modules, view(1, "running", 250, 1000), view(2, "running", 50), expected=[[2, 100]]
    )
    assert told["nodes"] == [
        {"share": 0.25, "approximate": False},
        {"share": 0.5, "approximate": True},
    ]
    assert told["text"] == "≈ 37 %"
    assert round(told["run"]["remaining"], 1) == round(10 * 0.625 / 0.375, 1)


def test_a_share_that_is_told_needs_no_total_and_no_earlier_run(modules: Page) -> None:
    told = shares(modules, view(1, "running", 50, told=0.43), expected=[[1, 100]])
    assert told["nodes"] == [{"share": 0.43, "approximate": False}]
    assert told["text"] == "43 %"


def test_nothing_is_done_before_its_end(modules: Page) -> None:
    running = [
        view(1, "running", 100, 100),
        view(3, "running", 9, told=1),
    ]
    told = shares(modules, *running)
    assert {node["share"] for node in told["nodes"]} == {0.99}
    ended = shares(modules, view(1, "success", 100, 100))  # and its run has not ended
    assert (ended["nodes"][0]["share"], ended["text"]) == (1, "99 %")


def test_without_a_total_of_every_node_the_run_has_no_percentage(modules: Page) -> None:
    told = shares(modules, view(1, "success", 9), view(2, "running", 50))
    assert (told["nodes"][1], told["run"]) == (None, None)


def test_an_expected_count_never_claims_the_end(modules: Page) -> None:
    told = shares(modules, view(1, "running", 103), expected=[[1, 100]])
    assert told["nodes"] == [{"share": 0.99, "approximate": True}]
    assert told["run"]["remaining"] is None  # last time it was over by now


def test_with_more_rows_than_there_should_be_there_is_no_percentage(modules: Page) -> None:
    """As tqdm does: 99 % for hours, or 100 % of a run that goes on, would be wrong."""
    told = shares(
        modules, view(1, "running", 500), view(2, "running", 1_001, 1_000), expected=[[1, 100]]
    )
    assert told["nodes"] == [None, None]


def test_while_a_node_is_stalled_nobody_says_how_long_the_rest_takes(modules: Page) -> None:
    told = shares(modules, view(1, "running", 50, 100), view(2, "stalled", 50, 100))
    assert told["run"]["share"] == 0.5
    assert told["run"]["remaining"] is None


def test_a_clock_that_is_ahead_tells_no_time_to_come(modules: Page) -> None:
    ahead = status("a", "running", ts=99_999.0)
    found = after(modules, ahead, progress(1, "running", 0, runId="a", ts=99_999.0))
    assert found["run"]["startedAt"] == 1001
    assert found["nodes"]["1"]["startedAt"] == 1002


def test_a_short_count_is_never_more_than_there_are(modules: Page) -> None:
    script = "async (n) => (await import('/playground/parts/texts/text.js')).formatCompact(n)"
    told = [modules.evaluate(script, count) for count in (999, 999_999, 1_299_999)]
    assert told == ["999", "999.9K", "1.2M"]


CHAIN = """
def low():
    raise KeyError("low")
def middle():
    try:
        low()
    except KeyError as error:
        raise ValueError("middle") from error
try:
    middle()
except ValueError:
    raise RuntimeError("high")
"""


def test_a_traceback_is_found_in_what_python_itself_prints(modules: Page) -> None:
    """Its sentences are Python's, which no field tells: the page also finds what no program of ours caught."""
    ran = subprocess.run([sys.executable, "-c", CHAIN], capture_output=True, text=True, check=False)
    told = modules.evaluate(TRACEBACK, f"12:00 Orders: running\n{ran.stderr}")
    assert told == ran.stderr.rstrip()
    assert told.count("Traceback") == 3


TRACEBACK = "(log) => import('/playground/run/drawers/log-view.js').then(({ tracebackIn }) => tracebackIn(log))"


def test_the_last_traceback_of_a_log_comes_with_its_causes(modules: Page) -> None:
    head = "Traceback (most recent call last):\n"
    cause = f'{head}  File "a.py", line 1\nKeyError: 1\n\n'
    between = "The above exception was the direct cause of the following exception:\n\n"
    last = f'{head}  File "b.py", line 2\nNodeFailed: x\n'
    told = modules.evaluate(TRACEBACK, f"{head}  old\nValueError\nlater\n{cause}{between}{last}")
    assert told == (cause + between + last).rstrip()
    assert modules.evaluate(TRACEBACK, "nothing went wrong\n") is None


def test_at_its_end_a_past_run_took_as_long_as_the_list_of_runs_says(modules: Page) -> None:
    """What was said of it came a few milliseconds later than what was recorded: 0.11 s stood here, and 0.12 s there."""
    took = modules.evaluate(
        """async () => {
          const { Replay } = await import('/playground/run/past/replay.js');
          const said = (ts, status) => ({ ts, type: 'job.status', payload: { runId: 'a', status, reason: null, ts } });
          const history = { source: 'stream', events: [said(100.0, 'queued'), said(100.015, 'running'), said(100.125, 'completed')] };
          const record = { jobId: 1, runId: 'a', status: 'completed', reason: null, startedAt: 100.005, endedAt: 100.125, graph: { nodes: [], edges: [] }, nodes: [] };
          const replay = new Replay(record, history);
          const run = (ts) => replay.at(ts).run();
          const ended = run(replay.to);
          return [ended.endedAt - ended.startedAt, run(100.02).endedAt];
        }"""
    )
    assert took == [pytest.approx(0.12, abs=1e-6), None]
