/**
 * What a person can do to the graph of the draft. Each is one change with a name, which undo takes back, and is read out.
 */

import {
  addNode,
  configured,
  connected,
  fragmentOf,
  freeName,
  freePlace,
  GRID,
  moved,
  nodeOf,
  placed,
  renamed,
  whyNoEdge,
  withFragment,
  without,
} from '../../model/graphs.js';
import { layOut, NODE } from '../../model/layout.js';
import { nameIn, partsText, withPort } from '../../model/naming.js';
import { completed, edgeKey, inputsOf } from '../../model/ports.js';
import { byId } from '../../parts/dom.js';
import { startingConfig } from '../form/fields.js';
import { RenamedPorts } from './renamed-ports.js';

/** Pixels from a node to one that is added after it. */
const AFTER = NODE.width + 88;

/** Pixels between nodes that are dropped together, where nothing lies in their way. */
const APART = 48;

/** What a new node needs, with room for what may stand below a card. */
const ROOM = { width: NODE.width + 3 * GRID, height: NODE.height + 10 * GRID };

export class GraphCommands {
  #drafts;
  #vocabulary;
  #graph;
  #opened;
  #page;
  #change;
  #ports = new RenamedPorts();

  /** `change(command, selected)`: does a command of EditModel; `selected`: ids of the nodes that it is about. */
  constructor({ drafts, vocabulary, graph, opened, page, change }) {
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#graph = graph;
    this.#opened = opened;
    this.#page = page;
    this.#change = change;
  }

  rename(id, name) {
    this.#change({ label: 'Rename a node', apply: (graph) => renamed(graph, id, name), merge: `name ${id}` });
  }

  /** Several settings at once: {field: value}. */
  choose(id, values) {
    const apply = (graph) => Object.entries(values).reduce((now, [field, value]) => configured(now, id, field, value), graph);
    this.#change({ label: `Change ${nameIn(this.#drafts.graph, id)}`, apply });
  }

  /** `step`: {label, merge} of what one step back takes, where that is more than this node. */
  add(type, place = null, { after = null, before = null, into = null, config = {}, label = type.label, step = {} } = {}) {
    if (this.#drafts.current === null) return;
    const { graph: drawn } = this.#drafts;
    const id = this.#drafts.nextId();
    const name = freeName(label, new Set(drawn.nodes.map((node) => node.name)));
    const position = freePlace(drawn, place ?? this.#placeFor(after?.id ?? null), ROOM);
    const node = { id, type: type.name, name, config: { ...startingConfig(type), ...config }, position };
    const apply = (graph) => {
      let next = addNode(graph, node);
      if (into !== null && type.hasInput && type.hasOutput) {
        next = without(next, new Set(), new Set([edgeKey(into)]));
        const { from, fromPort, to } = into;
        const [first] = inputsOf(this.#vocabulary.types.get(nodeOf(next, to)?.type), nodeOf(next, to)?.config);
        return this.#linked(this.#linked(next, { from, fromPort, to: id }), { from: id, to, toPort: into.toPort ?? first?.name });
      }
      if (after !== null) next = this.#linked(next, { from: after.id, fromPort: after.port, to: id });
      if (before !== null) next = this.#linked(next, { from: id, to: before.id, toPort: before.port });
      return next;
    };
    this.#change({ label: `Add ${name}`, apply, ...step }, [id]);
    this.#opened.openFresh(id);
    this.#graph.reveal(id);
    this.#page.announce(`Added ${name}.`);
  }

  // With the edge, where there can be one.
  #linked(graph, edge) {
    return whyNoEdge(graph, this.#vocabulary.types, edge) === null ? connected(graph, completed(graph, this.#vocabulary.types, edge)) : graph;
  }

  #placeFor(after) {
    const before = after === null ? undefined : nodeOf(this.#drafts.graph, after);
    if (before !== undefined) return { x: before.position.x + AFTER, y: before.position.y };
    const { x, y } = this.#graph.middle;
    return { x: x - NODE.width / 2, y: y - NODE.height / 2 };
  }

  drop(type, clientX, clientY) {
    const point = this.#graph.sheetPoint(clientX, clientY);
    if (point === null) return;
    const into = this.#graph.edgeAt(clientX, clientY);
    this.add(type, { x: point.x - NODE.width / 2, y: point.y - 28 }, { into });
  }

  /** Nodes, [{type, config}] with the types' names, where the pointer is, or was before something lay over it: one below the other. */
  dropNodes(nodes, clientX, clientY) {
    const { x, y } = this.#graph.sheetPoint(clientX, clientY) ?? this.#graph.middle;
    const step = nodes.length === 1 ? {} : { label: `Add ${nodes.length} nodes`, merge: `drop ${this.#drafts.nextId()}` };
    nodes.forEach(({ type, config }, at) => {
      const place = { x: x - NODE.width / 2, y: y - 28 + at * APART };
      this.add(this.#vocabulary.types.get(type), place, { config, step });
    });
  }

  connect(edge) {
    const { graph } = this.#drafts;
    const why = whyNoEdge(graph, this.#vocabulary.types, edge);
    if (why !== null) return this.#page.say(why);
    const [from, to] = this.#endNames(completed(graph, this.#vocabulary.types, edge));
    this.#change({ label: `Connect ${from} to ${to}`, apply: (now) => connected(now, completed(now, this.#vocabulary.types, edge)) });
    return this.#page.announce(`Connected ${from} to ${to}.`);
  }

  disconnect(edge) {
    const [from, to] = this.#endNames(edge);
    const label = `Disconnect ${from} from ${to}`;
    this.#change({ label, apply: (now) => without(now, new Set(), new Set([edgeKey(edge)])) });
    this.#page.announce(`${label}.`);
  }

  /**
   * What people call the ends of an edge: Split (large), Join (left).
   * @param {import('../../model/graphs.js').Edge} edge
   */
  #endNames({ from, to, fromPort, toPort }) {
    const { graph } = this.#drafts;
    return [withPort(nameIn(graph, from), fromPort), withPort(nameIn(graph, to), toPort)];
  }

  delete(nodes, edges) {
    if (nodes.size + edges.size === 0) return;
    const { graph } = this.#drafts;
    const label = `Delete ${partsText(graph, nodes, edges)}`;
    const next = nodes.size === 0 ? null : nextFocus(graph, nodes); // behind an edge that is gone, no node is what the next key is about
    this.#change({ label, apply: (now) => without(now, nodes, edges) }, []);
    this.#page.announce(`${label}.`);
    if (next === null) byId('graph').focus();
    else this.#graph.focusNode(next);
  }

  move(ids, dx, dy, merge = null) {
    if (ids.size === 0) return;
    const label = `Move ${partsText(this.#drafts.graph, ids, new Set())}`;
    this.#change({ label, apply: (graph) => moved(graph, ids, dx, dy), merge });
  }

  tidy() {
    if (this.#drafts.current === null) return;
    const bare = (graph) => ({ ...graph, nodes: graph.nodes.map((node) => ({ ...node, position: undefined })) });
    this.#change({ label: 'Tidy up', apply: (graph) => placed(graph, layOut(bare(graph), 'right').positions) });
    this.#graph.fit();
  }

  duplicate(ids) {
    this.insert(fragmentOf(this.#drafts.graph, ids), { x: 32, y: 32 }, 'Duplicate');
  }

  insert(fragment, offset, verb) {
    if (fragment.nodes.length === 0) return;
    const { graph, ids } = withFragment(this.#drafts.graph, fragment, this.#drafts.nextId(), offset);
    const label = `${verb} ${partsText(graph, new Set(ids), new Set())}`;
    this.#opened.open(null);
    this.#change({ label, apply: () => graph }, ids);
    this.#graph.focusNode(ids[0]);
    this.#graph.reveal(ids[0]);
    this.#page.announce(`${label}.`);
  }

  configure(id, field, value) {
    const { graph } = this.#drafts;
    const node = nodeOf(graph, id);
    const type = this.#vocabulary.types.get(node.type);
    const label = type?.fields.find(({ name }) => name === field)?.label ?? field;
    this.#change({
      label: `Change ${label} of ${node.name}`,
      apply: (now) => this.#ports.followed(now, configured(now, id, field, value), type, id),
      merge: `${field} ${id}`,
    });
  }
}

/** Where the keyboard goes when these are gone: the id of what fed them, else of any other, or null. */
export function nextFocus(graph, gone) {
  const feeder = graph.edges.find(({ from, to }) => gone.has(to) && !gone.has(from));
  return feeder?.from ?? graph.nodes.find((node) => !gone.has(node.id))?.id ?? null;
}
