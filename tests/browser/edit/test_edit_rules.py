"""The pure modules of the editor, in Chromium: changes of a graph, undo, camera, clipboard, fields, newest answer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "in", "name": "In", "config": {"a": 1}, "position": {"x": 0, "y": 0}},
        {"id": 2, "type": "mid", "name": "Mid", "config": {}, "position": {"x": 300, "y": 0}},
        {"id": 5, "type": "out", "name": "Out", "config": {}, "position": {"x": 600, "y": 0}},
    ],
    "edges": [{"from": 1, "to": 2, "note": "kept"}],
    "unknown": "kept too",
}
TYPES = {
    "in": {"hasInput": False, "hasOutput": True},
    "mid": {"hasInput": True, "hasOutput": True},
    "out": {"hasInput": True, "hasOutput": False},
}


def run(page: Page, module: str, body: str, argument: object = None) -> Any:
    """Evaluates `body` with the module of static/playground as `m` and the argument as `given`."""
    script = f"async (given) => {{ const m = await import('/playground/{module}.js'); {body} }}"
    return page.evaluate(script, argument)


def ids(graph: dict[str, Any]) -> list[int]:
    return [node["id"] for node in graph["nodes"]]


def test_without_field_sizing_a_field_is_seen_whole_once_it_is_shown_and_when_it_gets_narrow(
    modules: Page,
) -> None:
    heights = modules.evaluate(
        """async () => {
          const { supports } = CSS;
          CSS.supports = () => false;
          const { growing } = await import('/playground/parts/fields/growing.js?without');
          CSS.supports = supports;
          const [box, area] = [document.createElement('div'), document.createElement('textarea')];
          area.rows = 1;
          area.value = 'round(quantity * price * (1 - discount / 100), 2)';
          growing(area);
          box.hidden = true;
          box.append(area);
          document.body.append(box);
          const heights = [];
          for (const width of [600, 300, 150]) {
            const { height } = area.style;
            area.style.width = `${width}px`;
            box.hidden = false;
            for (let left = 300; left > 0 && area.style.height === height; left -= 1) await new Promise(requestAnimationFrame);
            heights.push([area.clientHeight >= area.scrollHeight, area.clientHeight]);
          }
          box.remove();
          return heights;
        }"""
    )
    assert [is_whole for is_whole, _ in heights] == [True, True, True]
    assert heights[0][1] < heights[1][1] < heights[2][1]


# ---------------------------------------------------------------- changes


def test_drafts_of_jobs_that_nobody_opens_any_more_do_not_fill_the_browser(modules: Page) -> None:
    left = run(
        modules,
        "edit/saving/kept-drafts",
        """localStorage.clear();
        const draft = (keptAt) => JSON.stringify({ etag: 'e', graph: { nodes: [], edges: [] }, keptAt });
        const now = Date.now() / 1000;
        const drafts = { 'playground.draft.t.1.old': draft(now - 40 * 86_400), 'playground.draft.t.1.new': draft(now - 86_400), other: draft(0) };
        for (const [key, text] of Object.entries(drafts)) localStorage.setItem(key, text);
        new m.KeptDrafts(() => 't', 'mine');
        const left = Object.keys(localStorage).sort();
        localStorage.clear();
        return left;""",
    )
    assert left == ["other", "playground.draft.t.1.new"]


def test_a_save_that_is_refused_after_another_one_was_answered_says_why(modules: Page) -> None:
    problem = run(
        modules,
        "edit/saving/saving",
        """let refuse;
        const refused = { saveJob: () => new Promise((_, reject) => { refuse = reject; }) };
        const late = m.send(refused, { id: 7, etag: 'a' }, {}).catch((problem) => problem.message);
        await m.send({ saveJob: async () => undefined }, { id: 7, etag: 'a' }, {});
        refuse(Object.assign(new Error('changed elsewhere'), { status: 412 }));
        return late;""",
    )
    assert problem == "changed elsewhere"


def test_a_job_that_is_made_again_after_a_lost_answer_is_the_one_that_was_made(
    modules: Page,
) -> None:
    asked, refused, kept = run(
        modules,
        "server/making",
        """const asked = [];
        let status = 0;
        let updatedAt = 1;
        const createJob = async ({ name }, key) => {
          asked.push([name, key]);
          if (status !== null) throw Object.assign(new Error(), { status });
          return { name, createdAt: 1, updatedAt };
        };
        const making = new m.Making(createJob);
        let number = 0;
        const numbered = ({ name }) => ({ name: `${name} ${(number += 1)}` });
        const make = (name) => making.make({ name }, numbered).catch(() => null);
        await make('a');
        status = 401; // the session has ended meanwhile
        await make('a');
        status = 422;
        await make('other');
        status = null;
        for (const name of ['a', 'a', 'other']) await make(name);
        const [lost, unheard, refused, again, more, other] = asked.splice(0);
        status = 503;
        await make('b');
        [status, updatedAt] = [null, 2];
        await make('b');
        status = 503;
        await make('c');
        const now = Date.now;
        Date.now = () => now() + 3_600_000;
        [status, updatedAt] = [null, 1];
        await make('c');
        Date.now = now;
        const [soon, late] = asked.splice(3).map(([, key]) => key);
        const [first, ...later] = asked.map(([name, key]) => `${name} ${key}`);
        const kept = [...later.map((one) => one === first), soon === late];
        return [[lost, unheard, again, more], [refused, other], kept];""",
    )
    lost, unheard, again, more = asked
    assert lost == unheard == again
    assert more[0] == "a 3"
    assert more[1] != lost[1]
    assert refused[0] != refused[1], "what the server refused was not made"
    assert kept == [True, False, False], "somebody has gone on with that one; an hour has passed"


def test_a_change_leaves_the_graph_before_it_as_it_was(modules: Page) -> None:
    before, after = run(
        modules,
        "model/graphs",
        """const before = structuredClone(given);
        let now = m.moved(given, new Set([1]), 8, 16);
        now = m.renamed(m.configured(m.connected(now, { from: 2, to: 5 }), 1, 'b', 2), 2, 'Other');
        return [JSON.stringify(before) === JSON.stringify(given), now];""",
        GRAPH,
    )
    assert before
    assert after["nodes"][0]["position"] == {"x": 8, "y": 16}
    assert after["nodes"][0]["config"] == {"a": 1, "b": 2}
    assert after["nodes"][1]["name"] == "Other"
    assert after["edges"] == [{"from": 1, "to": 2, "note": "kept"}, {"from": 2, "to": 5}]
    assert after["unknown"] == "kept too"


def test_nodes_go_with_their_edges_and_edges_alone(modules: Page) -> None:
    gone, cut, same = run(
        modules,
        "model/graphs",
        """return [m.without(given, new Set([1])), m.without(given, new Set(), new Set(['1>2'])),
                m.without(given, new Set([99])) === given];""",
        GRAPH,
    )
    assert (ids(gone), gone["edges"]) == ([2, 5], [])
    assert (ids(cut), cut["edges"]) == ([1, 2, 5], [])
    assert same


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (2, 5, None),
        (1, 5, None),
        (1, 2, "connected already"),
        (1, 1, "feed itself"),
        (5, 2, "gives no rows"),
        (2, 1, "takes no rows"),
        (2, 99, "not there"),
    ],
)
def test_what_may_be_connected(modules: Page, source: int, target: int, why: str | None) -> None:
    body = "return m.whyNoEdge(given[0], new Map(Object.entries(given[1])), { from: given[2], to: given[3] });"
    found = run(modules, "model/graphs", body, [GRAPH, TYPES, source, target])
    assert found is None if why is None else why in found


def test_a_cycle_is_told_and_an_unknown_type_may_be_anything(modules: Page) -> None:
    nodes = [{"id": n, "type": "?", "name": str(n)} for n in (1, 2, 3)]
    chain = {"nodes": nodes, "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}]}
    body = "return [m.whyNoEdge(given, new Map(), { from: 3, to: 1 }), m.whyNoEdge(given, new Map(), { from: 1, to: 3 })];"
    cycle, shortcut = run(modules, "model/graphs", body, chain)
    assert "cycle" in cycle
    assert shortcut is None


JOINED: dict[str, Any] = {
    "nodes": [
        {"id": 1, "type": "in", "name": "In"},
        {
            "id": 2,
            "type": "split",
            "name": "Ways",
            "config": {"ways": [{"port": "a"}, {"port": "b"}]},
        },
        {"id": 3, "type": "join", "name": "Both"},
    ],
    "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3, "fromPort": "a", "toPort": "left"}],
}
PORT_TYPES = {
    "in": {"hasInput": False, "hasOutput": True, "inputs": [], "outputs": [], "outputsIn": None},
    "split": {
        "hasInput": True, "hasOutput": True, "inputs": [],
        "outputs": [{"name": "else", "label": "else"}], "outputsIn": "ways",
    },
    "join": {
        "hasInput": True, "hasOutput": True, "outputsIn": None, "outputs": [],
        "inputs": [{"name": "left", "label": "left"}, {"name": "right", "label": "right"}],
    },
}  # fmt: skip


def test_an_edge_takes_the_first_output_and_the_first_input_that_is_free(modules: Page) -> None:
    body = """const types = new Map(Object.entries(given[1]));
        const made = (edge) => m.completed(given[0], types, edge);
        return [made({ from: 1, to: 2 }), made({ from: 1, to: 3 }), made({ from: 2, to: 3, fromPort: 'else' }),
                m.outputsOf(types.get('split'), given[0].nodes[1].config).map(({ name }) => name)];"""
    plain, free, named, outputs = run(modules, "model/ports", body, [JOINED, PORT_TYPES])
    assert plain == {"from": 1, "to": 2}
    assert free == {"from": 1, "to": 3, "toPort": "right"}
    assert named == {"from": 2, "to": 3, "fromPort": "else", "toPort": "right"}
    assert outputs == ["a", "b", "else"]


def test_two_nodes_may_be_connected_by_several_ports_but_not_twice_by_the_same(
    modules: Page,
) -> None:
    body = """const types = new Map(Object.entries(given[1]));
        return given[2].map((edge) => m.whyNoEdge(given[0], types, edge));"""
    edges = [
        {"from": 2, "to": 3, "fromPort": "a", "toPort": "right"},
        {"from": 2, "to": 3, "fromPort": "a", "toPort": "left"},
    ]
    other, same = run(modules, "model/graphs", body, [JOINED, PORT_TYPES, edges])
    assert other is None
    assert "connected already" in same


def test_a_setting_may_name_inputs(modules: Page) -> None:
    sql = {"hasInput": True, "hasOutput": True, "inputs": [], "outputs": [], "inputsIn": "inputs"}
    document = {
        "nodes": [
            {"id": 1, "type": "in", "name": "In"},
            {"id": 2, "type": "sql", "name": "Sql", "config": {"inputs": [{"port": "a"}, {"port": "b"}]}},
        ],
        "edges": [{"from": 1, "to": 2, "toPort": "a"}],
    }  # fmt: skip
    body = """const types = new Map(Object.entries(given[1]));
        return [m.completed(given[0], types, { from: 1, to: 2 }),
                m.inputsOf(types.get('sql'), given[0].nodes[1].config).map(({ label }) => label),
                m.inputsOf(types.get('sql'), undefined).length];"""
    edge, names, without = run(modules, "model/ports", body, [document, {**PORT_TYPES, "sql": sql}])
    assert edge == {"from": 1, "to": 2, "toPort": "b"}
    assert names == ["a", "b"]
    assert without == 1


# `steps`: the names of a Split's branches, one after the other, or a word: undo, another (node is configured), move, reload.
FOLLOWED = """const split = { rejects: true, outputsIn: 'branches', outputs: [{ name: 'else' }], inputs: [{ name: 'in' }] };
    const [steps, ports] = given;
    const branches = (names, last = []) => names.map((port, at) => (last[at]?.port === port ? last[at] : { port }));
    const edges = ports.map((fromPort, at) => ({ from: 1, to: at + 2, fromPort }));
    const nodes = [{ id: 1, config: { branches: branches(steps[0]) } }, { id: 2, config: {} }];
    const past = [{ nodes, edges }];
    let renamed = new m.RenamedPorts();
    const changed = (graph, id, config) => {
      const after = { ...graph, nodes: graph.nodes.map((node) => (node.id === id ? { ...node, config } : node)) };
      return renamed.followed(graph, after, id === 1 ? split : undefined, id);
    };
    for (const step of steps.slice(1)) {
      const graph = past.at(-1);
      const last = graph.nodes[0].config.branches;
      if (step === 'undo') past.pop();
      else if (step === 'another') past.push(changed(graph, 2, {}));
      else if (step === 'move') past.push({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, position: { x: 8, y: 0 } })) });
      else if (step === 'reload') [renamed, past[past.length - 1]] = [new m.RenamedPorts(), structuredClone(graph)];
      else if (step === 'remove') past.push(changed(graph, 1, { branches: last.slice(1) }));
      else past.push(changed(graph, 1, { branches: branches(step, last) }));
    }
    return past.at(-1).edges.map(({ fromPort }) => fromPort);"""


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ([["a", "b"], ["ab", "b"]], "ab", ["ab", "b"]),
        ([["a", "b"], ["", "b"], ["c", "b"]], "ab", ["c", "b"]),
        ([["a", "b"], ["b", "b"], ["bc", "b"]], "ab", ["bc", "b"]),  # on the way it is another's
        ([["a", "b"], ["b", "b"], ["b", "c"]], "ab", ["b", "c"]),
        ([["a", "b"], ["", "b"], ["", "a"], ["b", "a"]], "ab", ["b", "a"]),
        ([["a"], ["", "a"]], "a", ["a"]),
        ([["a"], "remove", ["c"], ["cd"]], "a", ["a"]),  # another branch, in its place
        ([["large", "small"], "remove", ["large"]], ["large", "small"], ["large", "large"]),
        ([["rejecte"], ["rejected"], ["rejected_rows"]], ["rejecte"], ["rejected_rows"]),
        ([["a"], ["rejected"], ["r"]], ["a", "rejected"], ["r", "rejected"]),
        ([["a"], ["rejected"], ["r"]], ["rejected"], ["rejected"]),
        ([["a"], [""], "another", ["c"]], "a", ["c"]),
        ([["a", "b"], ["", ""], "move", ["c", ""]], "ab", ["c", "b"]),
        ([["a"], [""], "reload", ["c"]], "a", ["c"]),
        ([["a"], [""], "reload", ["c"]], ["a", "rejected"], ["c", "rejected"]),
        ([["a"], [""], "reload", ["c"]], ["rejected"], ["rejected"]),
        ([["a"], [""], ["h"], "undo", ["c"]], "a", ["c"]),
        ([["a"], [""], ["", ""], ["c", ""]], "a", ["c"]),
        ([["b", "a"], ["b", ""], "remove", ["c"]], "a", ["c"]),
    ],
)
def test_edges_follow_an_output_that_is_renamed(
    modules: Page, steps: list[Any], before: list[str] | str, after: list[str]
) -> None:
    assert run(modules, "edit/graph/renamed-ports", FOLLOWED, [steps, list(before)]) == after


def test_a_fragment_comes_in_under_new_ids_and_names(modules: Page) -> None:
    found = run(
        modules,
        "model/graphs",
        """const fragment = m.fragmentOf(given, new Set([1, 2]));
        return m.withFragment(given, fragment, 6, { x: 10, y: 20 });""",
        GRAPH,
    )
    assert found["ids"] == [6, 7]
    assert [node["name"] for node in found["graph"]["nodes"]] == [
        "In",
        "Mid",
        "Out",
        "In 2",
        "Mid 2",
    ]
    assert {"from": 6, "to": 7, "note": "kept"} in found["graph"]["edges"]
    assert found["graph"]["nodes"][4]["position"] == {"x": 310, "y": 20}


def test_a_name_that_is_taken_gets_the_next_free_number(modules: Page) -> None:
    body = "return given.map(([name, taken]) => m.freeName(name, new Set(taken)));"
    asked = [["Map", []], ["Map", ["Map"]], ["Map 2", ["Map", "Map 2"]], ["A", ["A", "A 2", "A 3"]]]
    assert run(modules, "model/graphs", body, asked) == ["Map", "Map 2", "Map 3", "A 4"]


# ---------------------------------------------------------------- undo

STEPS = """
  const graph = given;
  const model = new m.EditModel(graph);
  const set = (label, value, merge = null) => ({ label, merge, apply: (now) => ({ ...now, value }) });
"""


def test_undo_and_redo_go_back_and_forth_by_name(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """model.do(set('one', 1), 0);
        model.do(set('two', 2), 9000);
        const undone = [model.undo(), model.undo(), model.undo()];
        const clean = model.isDirty;
        const redone = [model.redo(), model.redoLabel, model.redo(), model.redo()];
        return { undone, clean, redone, value: model.graph.value, label: model.undoLabel };""",
        GRAPH,
    )
    assert found["undone"] == ["two", "one", None]
    assert found["clean"] is False
    assert found["redone"] == ["one", "two", "two", None]
    assert (found["value"], found["label"]) == (2, "two")


def test_letters_of_a_word_are_one_step_until_one_pauses(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """model.do(set('type', 1, 'f'), 0);
        model.do(set('type', 2, 'f'), 1000);
        model.do(set('type', 3, 'f'), 4000);
        model.do(set('other', 4, 'g'), 4100);
        const values = [];
        while (model.undo() !== null) values.push(model.graph.value ?? null);
        return values;""",
        GRAPH,
    )
    assert found == [3, 2, None]


def test_a_new_change_forgets_what_could_be_redone_and_no_change_is_no_step(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """model.do(set('one', 1), 0);
        model.undo();
        const nothing = model.do({ label: 'nothing', apply: (now) => now }, 1);
        const before = model.redoLabel;
        model.do(set('two', 2), 2);
        return [nothing, before, model.redoLabel];""",
        GRAPH,
    )
    assert found == [False, "one", None]


def test_saved_is_what_the_server_got_even_while_one_goes_on(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """model.do(set('one', 1), 0);
        const sent = model.graph;
        model.do(set('two', 2), 5000);
        model.markSaved(sent);
        const states = [model.isDirty];
        model.undo();
        states.push(model.isDirty);
        model.undo();
        states.push(model.isDirty);
        return states;""",
        GRAPH,
    )
    assert found == [True, False, True]


def test_an_id_is_never_given_twice(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """const first = model.nextId();
        model.do({ label: 'add', apply: (now) => ({ ...now, nodes: [...now.nodes, { id: first }] }) }, 0);
        model.undo();
        return [first, model.nextId(), model.nextId([40])];""",
        GRAPH,
    )
    assert found == [6, 7, 41]


def test_steps_are_bounded(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/edit-model",
        STEPS
        + """for (let step = 0; step < m.MOST_STEPS + 50; step += 1) model.do(set('s', step), step * 9000);
        let count = 0;
        while (model.undo() !== null) count += 1;
        return [count, m.MOST_STEPS, model.graph.value];""",
        GRAPH,
    )
    assert found == [500, 500, 49]


# ---------------------------------------------------------------- camera


def test_zooming_keeps_the_point_and_its_bounds(modules: Page) -> None:
    found = run(
        modules,
        "graph/camera",
        """const before = { x: 30, y: 40, zoom: 1 };
        const point = { x: 200, y: 100 };
        const at = (camera) => m.onSheet(camera, point);
        const near = m.zoomedAt(before, 1.5, point);
        return { same: [at(before), at(near)], far: m.zoomedAt(before, 0.001, point).zoom, close: m.zoomedAt(before, 99, point).zoom };""",
    )
    assert found["same"][0] == pytest.approx(found["same"][1])
    assert (found["far"], found["close"]) == (0.05, 2)


def test_fitting_shows_all_of_it_and_never_enlarges(modules: Page) -> None:
    found = run(
        modules,
        "graph/camera",
        """const room = { width: 1000, height: 600 };
        return [{ x: 0, y: 0, width: 4000, height: 500 }, { x: -50, y: 20, width: 100, height: 100 }].map((box) => {
          const camera = m.fitting(box, room);
          const low = { x: box.x * camera.zoom + camera.x, y: box.y * camera.zoom + camera.y };
          return [camera.zoom, low.x, low.y, low.x + box.width * camera.zoom, low.y + box.height * camera.zoom];
        });""",
    )
    for zoom, left, top, right, bottom in found:
        assert zoom <= 1
        assert left >= 0
        assert top >= 0
        assert right <= 1000
        assert bottom <= 600


@pytest.mark.parametrize(
    ("box", "moves"),
    [
        ({"x": 100, "y": 100, "width": 50, "height": 50}, False),
        ({"x": -80, "y": 100, "width": 50, "height": 50}, True),
        ({"x": 100, "y": 900, "width": 50, "height": 50}, True),
        ({"x": 100, "y": 100, "width": 5000, "height": 50}, True),
    ],
)
def test_revealing_moves_only_as_far_as_it_must(
    modules: Page, box: dict[str, int], moves: bool
) -> None:
    body = """const camera = m.revealing(m.AT_HOME, given, { width: 600, height: 400 });
        return [camera.x, camera.y];"""
    x, y = run(modules, "graph/camera", body, box)
    assert ((x, y) != (0, 0)) == moves
    assert box["x"] + x >= 24
    assert box["y"] + y + box["height"] <= 400 - 24


# ---------------------------------------------------------------- clipboard


def test_what_was_copied_can_be_pasted_and_a_jobs_json_too(modules: Page) -> None:
    found = run(
        modules,
        "edit/graph/clipboard-text",
        """const copied = m.fromClipboardText(m.asClipboardText({ nodes: given.nodes, edges: given.edges }));
        const job = m.fromClipboardText(JSON.stringify({ name: 'a job', graph: given }));
        return [copied, job];""",
        GRAPH,
    )
    for fragment in found:
        assert ids(fragment) == [1, 2, 5]
        assert fragment["edges"] == GRAPH["edges"]


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ('{"id": 7, "type": "map"}', [7]),
        ('    {"id": 7, "type": "map"},\n', [7]),
        ('{"id": 7, "type": "map"},\n{"id": 8, "type": "sort"}', [7, 8]),
        ('[{"id": 7, "type": "map"}, {"id": 8, "type": "sort"}]', [7, 8]),
    ],
)
def test_nodes_alone_can_be_pasted_as_they_stand_in_a_jobs_json(
    modules: Page, text: str, pasted: list[int]
) -> None:
    found = run(modules, "edit/graph/clipboard-text", "return m.fromClipboardText(given);", text)
    assert ids(found) == pasted
    assert found["edges"] == []


def test_other_text_is_not_taken_for_nodes(modules: Page) -> None:
    texts = [
        "hello",
        "",
        "1, 2",
        '{"name": "a job", "type": "map"}',
        "[]",
        "null",
        '{"nodes": []}',
        '{"nodes": [{"id": "1", "type": "map"}]}',
        '{"nodes": [{"id": 1}]}',
        '{"nodes": [{"id": 1, "type": "map"}, {"id": 1, "type": "map"}]}',
    ]
    found = run(
        modules, "edit/graph/clipboard-text", "return given.map(m.fromClipboardText);", texts
    )
    assert found == [None] * len(texts)


def test_nodes_without_names_or_places_get_some(modules: Page) -> None:
    text = (
        '{"nodes": [{"id": 1, "type": "map", "config": 5}], "edges": [{"from": 1, "to": 9}, null]}'
    )
    found = run(modules, "edit/graph/clipboard-text", "return m.fromClipboardText(given);", text)
    node = {"id": 1, "type": "map", "config": {}, "name": "map", "position": {"x": 0, "y": 0}}
    assert found == {"nodes": [node], "edges": []}


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("sql", "SELECT 1\n", {"value": "SELECT 1\n"}),
        ("names", "id\tthe day\t\tnew␉line\n", {"value": ["id", "the day", "new\tline"]}),
        ("table", "  ", {}),
        ("names", " a \n\nb", {"value": ["a", "b"]}),
        ("number", "7.5", {"value": 7.5}),
        ("number", "x", {"value": "x", "error": "Field must be a number"}),
        ("count", " 1000 ", {"value": 1000}),
        ("count", "", {}),
        (
            "count",
            "1e3",
            {"value": "1e3", "error": "Field must be a whole number, for example 1000"},
        ),
        ("count", "-1", {"value": "-1", "error": "Field must be a whole number, for example 1000"}),
        (
            "count",
            "1,000",
            {"value": "1,000", "error": "Field must be a whole number, for example 1000"},
        ),
        ("count", "9007199254740991", {"value": 2**53 - 1}),
        (
            "count",
            "9007199254740992",
            {"value": "9007199254740992", "error": "Field must be at most 9,007,199,254,740,991"},
        ),
        ("marker", "", {}),
        ("marker", " ", {"value": " "}),
        ("marker", "\\N", {"value": "\\N"}),
        ("from_the_future", '{"a": [1]}', {"value": {"a": [1]}}),
    ],
)
def test_what_is_typed_becomes_a_value(
    modules: Page, kind: str, text: str, value: dict[str, Any]
) -> None:
    body = "const found = m.valueOf(given[0], given[1]); return JSON.parse(JSON.stringify(found));"
    assert run(modules, "edit/form/fields", body, [{"kind": kind, "label": "Field"}, text]) == value


@pytest.mark.parametrize("kind", ["names", "column"])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("How often?\n(1 to 5)", "How often?⏎(1 to 5)"),
        ("one\r\ntwo\rthree", "one␍⏎two␍three"),
        (" amount", "␣amount"),
        ("unit price  ", "unit price␣␣"),
        ("\nname", "⏎name"),
        ("a ␣ b", "a ␣ b"),
        ("unit\tprice\u00a0", "unit␉price⍽"),
        ("\ufeffid\u200b", "⟦FEFF⟧id⟦200B⟧"),
        ("\u202egpj.exe", "⟦202E⟧gpj.exe"),
        ("👩\u200d💻 ⟦200F⟧", "👩\u200d💻 ⟦200F⟧"),
    ],
    ids=[
        "question",
        "carriage return",
        "before",
        "behind",
        "first",
        "within",
        "tab and no-break space",
        "without a width",
        "turned around",
        "what belongs to it",
    ],
)
def test_a_line_keeps_a_name_that_it_cannot_hold(
    modules: Page, kind: str, name: str, line: str
) -> None:
    field = {"kind": kind, "label": "Columns"}
    value = [name, "id"] if kind == "names" else name
    body = "const shown = m.shownText(...given); return [shown, m.valueOf(given[0], shown).value];"
    shown, read = run(modules, "edit/form/fields", body, [field, value])
    assert (shown, read) == (f"{line}\nid" if kind == "names" else line, value)


def test_a_value_of_rows_shows_what_nobody_would_see(modules: Page) -> None:
    body = """const table = m.rowsTable({ columns: ['a\\nb'], rows: given.map((value) => [value]) });
      return [...table.querySelectorAll('th[scope=col], td')].map((cell) => [cell.textContent, cell.title]);"""
    values = ["  paid", "two\nlines", "paid", 5, None]
    _, *cells = run(modules, "parts/lists/rows-table", body, values)
    assert cells == [
        ["a⏎b", ""],
        ["␣␣paid", "  paid"],
        ["two⏎lines", "two\nlines"],
        ["paid", ""],
        ["5", ""],
        ["NULL", ""],
    ]


def test_what_is_no_json_is_told_for_a_kind_without_a_control(modules: Page) -> None:
    body = """const field = { kind: 'new', label: 'Shape' };
      const { value, error } = m.valueOf(field, '{');
      return [error, m.shownText(field, value), m.shownText(field, '7')];"""
    error, shown, text = run(modules, "edit/form/fields", body)
    assert "Shape must be JSON" in error
    assert (shown, text) == (
        "{",
        '"7"',
    )  # as it was typed; a text that would be read as a number has its quotes


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Path is missing", "Is missing"),
        ("Path: not a path", "Not a path"),
        ("Path, entry 2: no name", "Entry 2: no name"),
        ("Path or URL is missing", "Path or URL is missing"),
        ("something else", "Something else"),
    ],
)
def test_beside_its_field_a_message_need_not_name_it(
    modules: Page, message: str, shown: str
) -> None:
    assert (
        run(modules, "edit/form/fields", "return m.besideField({ label: 'Path' }, given);", message)
        == shown
    )


def test_a_new_node_starts_with_the_defaults_of_its_type(modules: Page) -> None:
    fields = [
        {"name": "a", "default": []},
        {"name": "b", "default": None},
        {"name": "c", "default": "x"},
    ]
    assert run(
        modules, "edit/form/fields", "return m.startingConfig(given);", {"fields": fields}
    ) == {
        "a": [],
        "c": "x",
    }


@pytest.mark.parametrize(
    ("former", "config", "offered"),
    [
        (False, {}, True),
        (True, {}, False),
        (True, None, False),
        (True, {"f": None}, False),
        (True, {"f": []}, True),
    ],
)
def test_a_field_of_before_is_offered_where_it_is_given(
    modules: Page, former: bool, config: Any, offered: bool
) -> None:
    body = "return m.isOffered({ name: 'f', former: given[0] }, given[1]);"
    assert run(modules, "edit/form/fields", body, [former, config]) is offered


@pytest.mark.parametrize(
    ("config", "offered"),
    [
        ({"mode": "upsert"}, True),
        ({"mode": "create"}, False),
        ({}, False),
        ({"mode": "create", "key": ["id"]}, True),  # where its error is shown
        ({"mode": "create", "key": []}, False),
    ],
)
def test_a_field_that_a_choice_needs_is_offered_with_that_choice(
    modules: Page, config: Any, offered: bool
) -> None:
    need = {"field": "mode", "values": ["upsert"]}
    body = "return m.isOffered({ name: 'key', former: false, neededFor: given[0] }, given[1]);"
    assert run(modules, "edit/form/fields", body, [need, config]) is offered


# ---------------------------------------------------------------- types found in a file

FOUND = {"columns": ["id", "name", "price"], "types": ["integer", "text", "numeric"]}
PROPOSED = """const found = m.withFound(given[0], given[1]);
  return { ...found, config: m.typed(given[0], 'types', found.types), text: m.foundText(found) };"""


def entry(column: str, of: str) -> dict[str, str]:
    return {"column": column, "type": of}


def test_found_types_are_in_the_order_of_the_file(modules: Page) -> None:
    found = run(modules, "edit/form/found-types", PROPOSED, [{"path": "a.csv"}, FOUND])
    listed = [entry("id", "integer"), entry("name", "text"), entry("price", "numeric")]
    assert found["config"] == {"path": "a.csv", "types": listed}
    assert found["text"] == "Found the types of 3 columns."


def test_what_is_named_stays_and_number_columns_become_types(modules: Page) -> None:
    named = {"types": [entry("price", "text"), entry("away", "date")], "numbers": ["id"]}
    found = run(modules, "edit/form/found-types", PROPOSED, [named, FOUND])
    listed = [entry("id", "numeric"), entry("name", "text"), entry("price", "text")]
    assert found["config"] == {"types": [*listed, entry("away", "date")]}
    assert found["text"] == (
        "Found the type of 1 column. Kept yours: id is numeric, where integer was found;"
        " price is text, where numeric was found. Not in the file: away."
    )


@pytest.mark.parametrize("odd", [None, 7, "x", [None, 7, {}, {"column": 5}, {"column": ""}]])
def test_types_that_make_no_sense_are_replaced(modules: Page, odd: Any) -> None:
    found = run(
        modules, "edit/form/found-types", PROPOSED, [{"types": odd, "numbers": odd and 3}, FOUND]
    )
    assert found["added"] == 3
    assert [one["column"] for one in found["config"]["types"]] == FOUND["columns"]


def test_nothing_new_says_so(modules: Page) -> None:
    named = {"types": [entry("a", "text")]}
    found = run(
        modules, "edit/form/found-types", PROPOSED, [named, {"columns": ["a"], "types": ["text"]}]
    )
    assert found["text"] == "No column was found that has no type yet."
    assert found["config"] == named


def test_of_very_many_columns_those_of_text_are_not_listed(modules: Page) -> None:
    many = {"columns": [f"c{n}" for n in range(120)], "types": ["text"] * 119 + ["date"]}
    found = run(modules, "edit/form/found-types", PROPOSED, [{}, many])
    assert found["config"]["types"] == [entry("c119", "date")]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"path": "a", "types": [], "numbers": None, "null_marker": None}, True),
        ({"path": "b"}, False),
        ({"path": "a", "delimiter": "tab"}, False),
        ({"path": "a", "null_marker": "-"}, False),
    ],
)
def test_another_file_is_told_from_other_types(
    modules: Page, other: dict[str, Any], same: bool
) -> None:
    body = "return m.isSameFile({ path: 'a' }, given);"
    assert run(modules, "edit/form/found-types", body, other) is same


# ---------------------------------------------------------------- the newest answer


def test_only_the_newest_answer_counts_whichever_comes_last(modules: Page) -> None:
    found = run(
        modules,
        "server/latest",
        """const told = [], asked = [], aborted = [], answers = new Map();
        const latest = new m.Latest({
          ask: (question, signal) => {
            asked.push(question);
            signal.addEventListener('abort', () => aborted.push(question));
            return new Promise((resolve) => answers.set(question, resolve));
          },
          onAnswer: (answer) => told.push(answer),
          wait: 0,
        });
        const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
        latest.ask('first');
        await settled();
        latest.ask('skipped');
        latest.ask('second');
        await settled();
        answers.get('second')('answer 2');
        await settled();
        answers.get('first')('answer 1');
        await settled();
        return { told, asked, aborted };""",
    )
    assert found == {"told": ["answer 2"], "asked": ["first", "second"], "aborted": ["first"]}


def test_a_question_that_failed_and_may_go_well_later_is_asked_again(modules: Page) -> None:
    """A condition that was wrong had no mark until the next key."""
    found = run(
        modules,
        "server/latest",
        """const { Problem } = await import('/playground/server/api.js');
        const told = [], asked = [], failures = [new Problem(502, {}), new Problem(401, {}), new Problem(403, {})];
        const ask = (question) => {
          asked.push(question);
          return failures.length > 0 ? Promise.reject(failures.shift()) : Promise.resolve(`answer to ${question}`);
        };
        const latest = new m.Latest({ ask, onAnswer: (answer) => told.push(answer), onError: ({ status }) => told.push(status), wait: 0 });
        const { random } = Math;
        Math.random = () => 0; // again at once
        const toldOf = async (count) => { while (told.length < count) await new Promise((resolve) => setTimeout(resolve)); };
        try {
          latest.ask('first');
          await toldOf(3);
          latest.ask('second');
          await toldOf(4);
        } finally {
          Math.random = random;
        }
        return { told, asked };""",
    )
    assert found["asked"] == ["first", "first", "first", "second"]
    assert found["told"] == [502, 401, 403, "answer to second"]


def test_what_fails_is_asked_again_less_and_less_often_and_not_by_all_pages_in_step(
    modules: Page,
) -> None:
    body = "return given.map(([failed, drawn]) => m.nextWait(failed, () => drawn));"
    waits = run(
        modules, "server/asking-again", body, [[0, 0.5], [2_000, 0.5], [9e6, 0.5], [9e6, 0.25]]
    )
    assert waits == [1_500, 2_000, 30_000, 15_000]


def test_the_columns_of_a_graph_that_has_lost_all_its_nodes_are_not_those_of_before(
    modules: Page,
) -> None:
    told = run(
        modules,
        "edit/form/known-columns",
        """const drafts = { graph: { nodes: [{ id: 1 }], edges: [] } };
        let answer;
        const api = { columns: () => new Promise((resolve) => (answer = resolve)) };
        const graph = { drawEdgeTitles: () => undefined };
        const known = new m.KnownColumns({ api, drafts, vocabulary: {}, graph, onTold: () => undefined });
        known.ask({ soon: true });
        while (answer === undefined) await new Promise((resolve) => setTimeout(resolve));
        drafts.graph = { nodes: [], edges: [] };
        known.ask();
        answer({ nodes: {}, problems: ['old'], unread: {}, pending: false });
        await new Promise((resolve) => setTimeout(resolve));
        return known.problems;""",
    )
    assert told == []


# ---------------------------------------------------------------- keys


def test_each_key_means_one_thing(modules: Page) -> None:
    found = run(
        modules,
        "help/keys",
        """const press = (key, how = {}) => m.commandOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...how }, m.KEYS)?.command ?? null;
        const all = [...m.KEYS, ...m.KEYS_EVERYWHERE].map(({ key, mod, shift }) => `${mod} ${shift} ${key}`);
        return { twice: all.length - new Set(all).size,
          pressed: [press('z', { ctrlKey: true }), press('Z', { metaKey: true, shiftKey: true }), press('a'), press('A', { ctrlKey: true }), press('a', { altKey: true }), press('q')] };""",
    )
    assert found["twice"] == 0
    assert found["pressed"] == ["undo", "redo", "add", "selectAll", None, None]


def test_a_key_that_is_held_saves_once(modules: Page) -> None:
    saves = run(
        modules,
        "edit/graph/graph-keys",
        """document.body.innerHTML = '<div id="nodes"></div>';
        let saves = 0;
        const keys = new m.GraphKeys({ drafts: { current: null }, asked: { save: () => { saves += 1; } } });
        const press = (repeat) => {
          const event = new KeyboardEvent('keydown', { key: 's', ctrlKey: true, repeat, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
          return event.defaultPrevented;  // else the browser would save the page
        };
        return [press(false), press(true), saves];""",
    )
    assert saves == [True, True, 1]


def test_shift_that_is_held_since_before_a_press_does_not_end_it(modules: Page) -> None:
    """What moves from under the pointer before its click gets none."""
    told = run(
        modules,
        "parts/presses",
        """m.watchPresses();
        const told = [];
        const key = (repeat) => dispatchEvent(new KeyboardEvent('keydown', { key: 'Shift', repeat }));
        for (const end of [() => dispatchEvent(new Event('click')), () => key(false)]) {
          dispatchEvent(new PointerEvent('pointerdown'));
          m.afterPress(() => told.push('over'));
          key(true);
          told.push('held');
          end();
        }
        return told;""",
    )
    assert told == ["held", "over"] * 2


def test_a_node_of_another_type_shows_the_fields_of_that_one(modules: Page) -> None:
    """As where the other version of a job is taken while its form is open: what was chosen there is no field here."""
    checked = run(
        modules,
        "edit/form/node-form",
        """document.body.innerHTML = '<section id="details"><h2 id="details-name"></h2><form id="node-form"></form></section>';
        const field = (name) => ({ name, label: name, kind: 'line', help: '', required: false });
        const type = (...names) => ({ oneOf: names, fields: names.map(field), inputsIn: null });
        const nothing = { entering: () => null, ofEdge: () => null, why: () => '', tables: () => [] };
        const context = { draft: {}, types: new Map([['db', type('table', 'sql')], ['http', type('url', 'page')]]), known: {}, words: {}, columns: nothing };
        const form = new m.NodeForm({ choose: () => undefined });
        const show = (type, config = {}) => {
          form.show(1, { ...context, graph: { nodes: [{ id: 1, type, name: 'N', config }], edges: [] } });
          return [...document.querySelectorAll('#node-form [data-field]')].map((box) => box.dataset.field).join() + ' ' +
            (document.querySelector('.segment :checked')?.value ?? 'none');
        };
        return [show('db', { sql: 'SELECT 1' }), show('db'), show('http'), show('db')];""",
    )
    assert checked == ["name,sql sql", "name,sql sql", "name,url url", "name,sql sql"]


@pytest.mark.parametrize(
    ("key", "code", "name"),
    [
        ("Я", "KeyZ", "z"),  # Russian
        ("ζ", "KeyZ", "z"),  # Greek
        ("ש", "KeyA", "a"),  # Hebrew
        ("y", "KeyZ", "y"),  # German, where Y and Z have changed places
        ("Q", "KeyA", "q"),  # French
        (";", "KeyZ", ";"),  # Dvorak
        ("х", "BracketLeft", "х"),
        ("Enter", "Enter", "Enter"),
    ],
)
def test_a_letter_that_is_not_latin_is_called_by_its_place(
    modules: Page, key: str, code: str, name: str
) -> None:
    assert run(modules, "help/keys", "return m.keyName(given);", {"key": key, "code": code}) == name


# ---------------------------------------------------------------- parts of a form, and menus


def test_what_writes_a_job_is_done_one_after_the_other_and_waited_for_by_its_number(
    modules: Page,
) -> None:
    told = run(
        modules,
        "edit/saving/turns",
        """const turns = new m.Turns();
        const told = [];
        const { promise, reject } = Promise.withResolvers();
        const first = turns.take(1, () => promise).catch(({ message }) => message);
        const second = turns.take(1, async () => told.push('second'));
        const third = turns.take(1, async () => told.push('third'));
        turns.free(1).then(() => told.push('free'));
        await turns.free(2);
        await turns.take(2, async () => told.push('of another'));
        reject(new Error('not written'));
        await Promise.all([second, third, turns.free(1)]);
        return [...told, await first];""",
    )
    assert told == ["of another", "second", "third", "free", "not written"]


def test_values_that_are_shown_follow_an_expression_that_undo_brings_back(modules: Page) -> None:
    shown = run(
        modules,
        "edit/form/controls",
        """const nothing = () => undefined;
        const valuesOf = async (expression) => `values of ${expression}`;
        const expression = { words: () => ({ functions: [], columns: [] }), announce: nothing, pickFunction: nothing, valuesOf };
        const control = m.CONTROLS.code({ kind: 'expression', name: 'condition', label: 'Condition' }, nothing, { expression });
        document.body.replaceChildren(control.element);
        const values = control.element.querySelector('.expression-values');
        const told = () => new Promise((done) => new MutationObserver((_, watch) => values.textContent.startsWith('values') && done(watch.disconnect()))
          .observe(values, { childList: true }));
        control.set('a');
        control.element.querySelector('.expression-try').click();
        await told();
        control.set('b');
        await told();
        document.body.replaceChildren();
        return values.textContent;""",
    )
    assert shown == "values of b"


def test_a_choice_that_is_no_text_is_offered_once(modules: Page) -> None:
    body = """const control = m.CONTROLS.choice({ choices: ['a'], default: 'a' }, () => undefined);
        for (let times = 0; times < 3; times += 1) control.set(5);
        return [...control.element.options].map(({ value }) => value);"""
    assert run(modules, "edit/form/controls", body) == ["a", "5"]


def test_the_button_of_a_menu_closes_it_where_a_press_takes_no_focus(modules: Page) -> None:
    """As in Safari: the menu closed as its item lost the focus, and the click opened it again."""
    is_open = run(
        modules,
        "parts/lists/menu",
        """const [button, list] = [document.createElement('button'), document.createElement('div')];
        list.hidden = true;
        document.body.replaceChildren(button, list);
        const menu = new m.Menu(button, list, () => [{ key: 'one', label: 'One', icon: 'x', run: () => undefined }]);
        button.click();
        list.dispatchEvent(new FocusEvent('focusout', { relatedTarget: null }));
        button.click();
        const { isOpen } = menu;
        document.body.replaceChildren();
        return isOpen;""",
    )
    assert not is_open


@pytest.mark.parametrize(
    ("is_there", "said"), [(True, "cannot be reached"), (False, "changed or moved")]
)
def test_a_file_that_cannot_be_read_is_not_taken_for_a_server_that_is_away(
    modules: Page, is_there: bool, said: str
) -> None:
    told = run(
        modules,
        "files/files-api",
        """const real = globalThis.XMLHttpRequest;
        globalThis.XMLHttpRequest = class extends EventTarget {
          upload = new EventTarget();
          open() {}
          setRequestHeader() {}
          send() { this.dispatchEvent(new Event('error')); }
        };
        const file = { slice: () => ({ arrayBuffer: () => (given ? Promise.resolve() : Promise.reject(new Error('gone'))) }) };
        const api = new m.FilesApi({ credentials: {}, asking: () => undefined });
        const problem = await api.upload(file, 'a.csv', null, { signal: new AbortController().signal }).catch((error) => error);
        globalThis.XMLHttpRequest = real;
        return [problem.message, problem.isOfConnection];""",
        is_there,
    )
    assert said in told[0]
    assert told[1] == is_there


def test_the_bare_mouse_does_not_end_a_pinch(modules: Page) -> None:
    """As on a machine with both: a mouse that is moved meanwhile has no button down."""
    zooms = run(
        modules,
        "graph/gestures",
        """const canvas = document.createElement('div');
        document.body.replaceChildren(canvas);
        const zooms = [];
        new m.Gestures(canvas, { camera: { x: 0, y: 0, zoom: 1 }, setCamera: (camera) => zooms.push(camera), pickGround: () => undefined });
        canvas.setPointerCapture = () => undefined;
        const tell = (type, pointerType, pointerId, clientX, buttons) =>
          canvas.dispatchEvent(new PointerEvent(type, { pointerType, pointerId, clientX, buttons, bubbles: true }));
        tell('pointerdown', 'touch', 11, 100, 1);
        tell('pointerdown', 'touch', 12, 200, 1);
        tell('pointermove', 'touch', 12, 220, 1);
        const before = zooms.length;
        tell('pointermove', 'mouse', 1, 50, 0);
        tell('pointermove', 'touch', 12, 240, 1);
        document.body.replaceChildren();
        return [before, zooms.length];""",
    )
    assert zooms == [1, 2]


def test_the_keyboard_asks_for_a_menu_also_where_it_is_told_as_the_right_button(
    modules: Page,
) -> None:
    """As by WebKit. A press of that button asks once, when it comes up; browsers tell of the menu before that, or after."""
    asked = run(
        modules,
        "graph/gestures",
        """const canvas = document.createElement('div');
        document.body.replaceChildren(canvas);
        const asked = [];
        new m.Gestures(canvas, { camera: { x: 0, y: 0, zoom: 1 }, menu: ({ isByKey }) => asked.push(isByKey) });
        const tell = (...types) => {
          for (const type of types) canvas.dispatchEvent(new PointerEvent(type, { pointerType: 'mouse', pointerId: 1, button: 2, bubbles: true }));
          asked.push('|');
        };
        tell('contextmenu');
        tell('pointerdown', 'contextmenu', 'pointerup');
        tell('contextmenu');
        tell('pointerdown', 'pointerup', 'contextmenu');
        tell('contextmenu');
        document.body.replaceChildren();
        return asked;""",
    )
    assert asked == [True, "|", False, "|", True, "|", False, "|", True, "|"]


def test_a_button_that_copies_says_whether_it_did(modules: Page) -> None:
    told = run(
        modules,
        "parts/copying",
        """const copied = [];
        const clipboard = { writeText: (text) => (text === '' ? Promise.reject(new Error()) : Promise.resolve(copied.push(text))) };
        Object.defineProperty(navigator, 'clipboard', { value: clipboard, configurable: true });
        const [label, source, said] = [document.createElement('span'), document.createElement('pre'), []];
        label.textContent = 'Copy';
        const shown = [];
        for (const text of ['program', '']) {
          await m.copyAndTell({ label, say: (words) => said.push(words) }, text, source);
          shown.push(label.textContent);
        }
        delete navigator.clipboard;
        return { copied, shown, said, before: label.dataset.before };""",
    )
    assert told == {
        "copied": ["program"],
        "shown": ["Copied", "Selected"],
        "said": ["Copied.", "Selected: copy it with the keyboard."],
        "before": "Copy",
    }


def test_the_help_of_a_parameter_that_is_required_is_a_sentence_of_its_own(modules: Page) -> None:
    """It was “The least id Required.”"""
    said = run(
        modules,
        "run/execute-form",
        """document.body.innerHTML = '<dialog id="ask"><form id="ask-form"><b id="ask-title"></b><div id="ask-fields"></div><p id="ask-general"></p>'
          + '<button id="ask-run"></button></form></dialog>';
        const form = new m.ExecuteForm({ say: () => undefined });
        const parameters = given.map(([help, required], at) => ({ name: `p${at}`, type: 'text', help, required }));
        form.open({ jobId: 2, title: 'Run', parameters, last: {}, run: () => [] });
        const said = [...document.querySelectorAll('.ask-help')].map((part) => part.textContent);
        document.body.replaceChildren();
        return said;""",
        [["The least id", True], ["Which day?", True], ["", True], ["The least id", False]],
    )
    assert said == ["The least id. Required.", "Which day? Required.", "Required.", "The least id"]


def test_values_that_were_written_are_there_also_in_a_form_that_is_opened_again_at_once(
    modules: Page,
) -> None:
    """A close is told later: the form was that of the new opening by then, in which nothing was written."""
    shown = run(
        modules,
        "run/execute-form",
        """document.body.innerHTML = '<dialog id="ask"><form id="ask-form"><b id="ask-title"></b><div id="ask-fields"></div><p id="ask-general"></p>'
          + '<button id="ask-run"></button></form></dialog>';
        const dialog = document.getElementById('ask');
        const form = new m.ExecuteForm({ say: () => undefined });
        const open = () => form.open({ jobId: 1, title: 'Run', parameters: [{ name: 'note', type: 'text' }], last: {}, run: () => [] });
        const input = () => document.getElementById('ask-note');
        open();
        input().value = 'written';
        const closed = new Promise((done) => dialog.addEventListener('close', done));
        dialog.close();
        open();
        await closed;
        const shown = [input().value];
        dialog.close();
        open();
        shown.push(input().value);
        document.body.replaceChildren();
        return shown;""",
    )
    assert shown == ["written", "written"]
