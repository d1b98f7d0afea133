/**
 * The graph on the page: a card a node, one SVG layer for the edges, a count on each edge; seen through a camera that
 * pans and zooms. It draws and tells what the pointer did; what is true, selected or allowed is decided elsewhere.
 *
 * Test hooks, which stay as they are: each card is `button.node[data-node-id][data-state]` with data-state
 * idle | running | stalled | success | error | stopped | cancelled | notrun, and holds `.node-name`, `.node-state-text`,
 * `.node-count` (with thousands separators), `.node-message`; data-invalid="true" marks a card that the
 * validator refused, with `.node-problems` under it; `.node-notes` under a card say that its meaning changed. An edge is
 * `path.edge[data-from][data-to][data-from-port][data-to-port]`. `.port-label` names a port where a node has several.
 * A slot has data-rejecting="true" where the node's rejected rows lead somewhere.
 * While the graph can be edited: `.port-in` and `.port-out` with data-node-id and data-name, `.edge-hit[data-key]`,
 * data-selected="true" on what is.
 */

import { byId, closest, element, focused, setAttribute, setHidden, setText, svgElement } from '../dom.js';
import { around, AT_HOME, fitting, onSheet, revealing, touch, zoomedAt } from './camera.js';
import { Gestures } from './gestures.js';
import { snapped } from '../edit/graphs.js';
import { completed, edgeKey, inputsOf, isRejecting, outputsOf, placeOf, REJECTED } from '../edit/ports.js';
import { curve, edgeLine, enters, flowOrder, layOut, leaves, NODE, PORT_STEP, portY, standing } from './layout.js';
import { cardParts, drawCard, drawLine, MOST_FULL, newLine, ports, ROOM_FULL } from './graph-parts.js';
import { iconOf } from './node-icons.js';
import { holdsText } from '../room/holding.js';
import { kindOf } from '../room/kinds.js';
import { summaryOf } from '../text.js';

/** Smaller than this, cards cannot be read: a graph that is opened starts at its upper left instead. */
const SMALLEST_OPENED = 0.55;

/** From this on, there is nothing to gain by coming nearer. */
const EASY_TO_READ = 0.9;

/** Pixels of the canvas for each step nearer: on a wall of a screen, cards use the room. */
const WIDE = 1_700;
const MOST_OPENED = 2;

/** Pixels; a window narrower than this is read from top to bottom. */
const NARROW = 720;

/** Zooms under which a card shows its title and its state alone, in letters that grow as it shrinks. */
const FAR = [0.45, 0.3, 0.2];

/** Edges at most whose rows are shown to flow: each is painted anew in each frame. */
const MOST_FLOWING = 24;

/** Pixels at the canvas' foot where its tools are. */
const FOOT = 52;

/** The distance of the dots on the ground, in pixels of the sheet. */
const DOTS = 24;

export class GraphView {
  #canvas = byId('graph');
  #sheet = byId('sheet');
  #edgeLayer = byId('edges');
  #labelLayer = byId('edge-labels');
  #nodeLayer = byId('nodes');
  #empty = byId('canvas-empty');
  #marquee = element('div', 'marquee');
  #aimLine = svgElement('path', 'edge edge-aim');

  #graph = { nodes: [], edges: [] };
  #editable = false;
  #types = new Map();
  #cards = new Map(); // node id → {slot, card, parts, node}
  #lines = []; // {edge, from, to, key, path, hit, label, room}
  #layout = { direction: 'right', positions: new Map(), heights: new Map() };
  #shift = null; // {ids, dx, dy}: nodes on their way, in pixels of the sheet
  #camera = AT_HOME;
  #follows = true; // the camera keeps the graph in sight until a person takes it
  #fitted = true; // nobody has panned or zoomed since the last fit, so a resize may fit again
  #isWhole = false; // a person asked to see all of it, however small
  #opened = null; // id of the node whose details are open
  #lent = null; // {from, to}: cameras before and after the opened node was brought into sight
  #details = byId('details');
  #byHand = false; // a narrow window shows the graph's own positions, too, so that nodes can be moved there
  #sizes = new ResizeObserver(() => this.#layout.direction === 'down' && this.#arrange());
  #edgeTitle = (_edge) => '';
  #selection = { nodes: new Set(), edges: new Set() };
  #onSelect;
  #intents = null; // of whoever edits; see `edit`
  #onCamera = (_zoom) => undefined;
  #onLook = () => undefined;
  #onMenu = (_what, _at) => undefined;
  #gestures;

  /** `onSelect(id)`: a node was chosen, while nobody edits. */
  constructor({ onSelect }) {
    this.#onSelect = onSelect;
    this.#marquee.hidden = true;
    this.#aimLine.setAttribute('d', '');
    this.#sheet.append(this.#marquee);
    this.#gestures = new Gestures(this.#canvas, this.#host());
    new ResizeObserver(() => this.#resized()).observe(this.#canvas);
  }

  /**
   * Who edits gets told what the pointer did: {pick(id, {extend}), pickEdge(key, {extend}), pickGround(),
   * hold(id, {extend}), moveBy(dx, dy), connect(edge), connectToNothing(id, port, point), allows(edge),
   * mark(ids, {extend})}. An edge is {from, to, fromPort?, toPort?}; a port {side: 'in' | 'out', name}. `hold` returns the ids that move with the node.
   */
  edit(intents) {
    this.#intents = intents;
  }

  /** Node types by name, for ports and icons. */
  useTypes(types) {
    this.#types = types;
    this.#cards.clear();
    this.show(this.#graph, this.#empty.textContent, { editable: this.#editable });
  }

  /**
   * Show another graph: {nodes: [{id, type, name, config, position}], edges: [{from, to, fromPort?, toPort?}]}. `editable`: it is the
   * draft, at its own positions, and can be changed by hand; otherwise it is only looked at.
   */
  show(graph, emptyText = '', { editable = false } = {}) {
    const isNew = !(editable && this.#editable);
    if (isNew) this.#isWhole = false;
    if (isNew && this.#graph.nodes.length === 0) this.#follows = true;
    if (isNew && graph.nodes.length === 0) this.#look(AT_HOME, true); // its first node comes at its own size
    if (!isNew && graph !== this.#graph) this.#follows = false; // while one works on it, it stands still
    this.#graph = graph;
    this.#editable = editable;
    setAttribute(this.#canvas, 'data-editable', String(editable));
    this.#keepCards();
    this.#keepLines();
    setText(this.#empty, emptyText);
    setHidden(this.#empty, graph.nodes.length > 0 || emptyText === '');
    setHidden(byId('canvas-add'), !editable || graph.nodes.length > 0);
    this.#arrange();
    this.drawSelection(this.#selection);
  }

  /** Draw what is true now; `nodeOf(id)` gives a node's view (JobState.node). `since`: a Date, it was true then; or null. */
  draw(nodeOf, selectedId, since = null) {
    if (selectedId !== this.#opened) this.#open(selectedId);
    for (const [id, { card, parts }] of this.#cards) {
      drawCard(card, parts, nodeOf(id), since);
      setAttribute(card, 'aria-expanded', String(id === selectedId));
    }
    const told = this.#lines.map((line) => {
      const source = nodeOf(line.from);
      return { line, source, flow: this.#flowOf(line.edge, source) };
    });
    const moving = new Set(
      since === null ? told.filter(({ source, flow }) => source.state === 'running' && flow.rate !== 0 && flow.rows > 0).slice(0, MOST_FLOWING) : [],
    );
    for (const one of told) setAttribute(one.line.path, 'data-flowing', String(moving.has(one)));
    const isShort = told.some(({ line, flow }) => line.room < ROOM_FULL || flow.rows > MOST_FULL); // one notation for all
    for (const { line, source, flow } of told) drawLine(line, source, flow, since, isShort);
  }

  // The rows that an edge carried: those of its output, where the node counts them apart; their rate is not known then.
  #flowOf({ from, fromPort }, source) {
    const whole = { rows: source.rowCount, rate: source.rate };
    if (source.ports == null) return whole;
    const { node } = this.#cards.get(from);
    const outputs = outputsOf(this.#types.get(node.type), node.config);
    const { name } = outputs[placeOf(outputs, fromPort)];
    if (name === '') return whole; // beside it rows leave by the output for rejected ones alone
    return { rows: Object.hasOwn(source.ports, name) ? source.ports[name] : 0, rate: null };
  }

  /** Say at each node of the Map node id → ids of those who wait for its rows, that they do. */
  drawHolding(holds) {
    for (const [id, { parts }] of this.#cards) {
      const after = holds.get(id) ?? null;
      setHidden(parts.holds, after === null);
      if (after !== null) setText(parts.holds, holdsText(after));
    }
  }

  /**
   * Put the validator's messages, Map node id → [message], under their nodes, and remove earlier ones. What a `fresh`
   * node lacks is to be done, not wrong.
   */
  drawProblems(problems, fresh = null) {
    for (const [id, { slot, card, parts }] of this.#cards) {
      setAttribute(slot, 'data-fresh', String(id === fresh));
      const messages = problems.get(id) ?? [];
      if (messages.length > 0) card.dataset.invalid = 'true';
      else delete card.dataset.invalid;
      if (parts.problems.textContent !== messages.join('')) parts.problems.replaceChildren(...messages.map((message) => element('li', '', message)));
      setHidden(parts.problems, messages.length === 0);
    }
  }

  /** Say under each node of the Map node id → [message] that there are notes; they are many words, which its form has. */
  drawNotes(notes) {
    for (const [id, { parts }] of this.#cards) {
      const messages = notes.get(id) ?? [];
      setText(parts.notes, messages.length === 1 ? '1 change of meaning' : `${messages.length} changes of meaning`);
      setAttribute(parts.notes, 'title', messages.join('\n'));
      setHidden(parts.notes, messages.length === 0);
    }
  }

  /** What is said of each edge on hover: `textOf(edge)`. */
  drawEdgeTitles(textOf) {
    this.#edgeTitle = textOf;
    for (const line of this.#lines) setText(line.title, textOf(line.edge));
  }

  /** Mark what is selected: {nodes: Set of ids, edges: Set of keys}. */
  drawSelection(selection) {
    this.#selection = selection;
    for (const [id, { card }] of this.#cards) mark(card, selection.nodes.has(id));
    for (const { key, path, hit } of this.#lines) {
      mark(path, selection.edges.has(key));
      mark(hit, selection.edges.has(key));
    }
  }

  focusNode(id) {
    this.#cards.get(id)?.card.focus({ preventScroll: true });
  }

  /** Whether nodes are shown at their own positions: read from top to bottom they are not, and cannot be moved. */
  get showsPositions() {
    return this.#layout.direction === 'right';
  }

  /** Whether the keyboard is in the graph: on a node, on the ground, or nowhere in particular. */
  get hasFocus() {
    const activeElement = focused();
    // a button that was pressed and is disabled now keeps the focus until the next frame
    return activeElement === document.body || activeElement?.disabled === true || this.#canvas.contains(activeElement);
  }

  /** The id of the node that has the focus, or null. */
  get focusedNode() {
    const card = closest(document.activeElement, '.node');
    return card == null ? null : Number(card.dataset.nodeId);
  }

  /** Bring the node into sight, after the window's layout has settled. */
  reveal(id) {
    requestAnimationFrame(() => {
      if (this.#cards.has(id)) this.#revealNow(id);
    });
  }

  #revealNow(id) {
    this.#look(revealing(this.#camera, this.#boxOf(id), this.#free(), 24), this.#follows, this.#fitted);
  }

  // The details take room from the graph, which keeps its size: it moves over where all of it has room beside them, else only so far
  // that the opened node is seen; and back when they close, unless a person has looked around meanwhile.
  #open(id) {
    this.#opened = id;
    if (id === null) {
      if (this.#lent?.to === this.#camera && this.#fitted) this.#look(this.#lent.from, this.#follows, true);
      this.#lent = null;
      return;
    }
    requestAnimationFrame(() => this.#opened === id && this.#cards.has(id) && this.#revealOpened());
  }

  #revealOpened() {
    const from = this.#lent?.to === this.#camera ? this.#lent.from : this.#camera;
    const all = this.#box();
    const { zoom } = this.#camera;
    const { width, height } = this.#free();
    if (all.width * zoom + 48 <= width && all.height * zoom + 48 <= height) {
      this.#look(revealing(this.#camera, all, { width, height }, 24), this.#follows, this.#fitted);
    } else this.#revealNow(this.#opened);
    this.#lent = { from, to: this.#camera };
  }

  // ---- the camera

  onCamera(listener) {
    this.#onCamera = listener;
  }

  get zoom() {
    return this.#camera.zoom;
  }

  /**
   * `listener(what, {clientX, clientY})`: what can be done with it was asked for; `what`: {kind: 'node', id}, {kind: 'edge', edge} or
   * {kind: 'ground'}.
   */
  onMenu(listener) {
    this.#onMenu = listener;
  }

  focusGround() {
    this.#canvas.focus({ preventScroll: true });
  }

  /** `listener()`: something else of the graph is seen now, or nodes stand elsewhere. */
  onLook(listener) {
    this.#onLook = listener;
  }

  /** {boxes: [{id, kind, state, x, y, width, height}], seen: {x, y, width, height}}, both on the sheet; `room`: pixels of the canvas that nothing covers. */
  get sight() {
    const room = this.#free();
    const { zoom } = this.#camera;
    const boxes = [...this.#cards].map(([id, { card }]) => ({ id, kind: card.dataset.kind, state: card.dataset.state, ...this.#placeOf(id), ...NODE }));
    return { boxes, seen: { ...onSheet(this.#camera, { x: 0, y: 0 }), width: room.width / zoom, height: room.height / zoom }, room };
  }

  /** Bring a point of the sheet into the middle of what is seen. */
  lookAt({ x, y }) {
    const { width, height } = this.#free();
    const { zoom } = this.#camera;
    this.#look({ zoom, x: width / 2 - x * zoom, y: height / 2 - y * zoom });
  }

  /** All of it, however small. */
  fit() {
    this.#isWhole = true;
    this.#look(fitting(this.#box(), this.#free(), { foot: this.#foot(), most: this.#mostOpened() }), true);
  }

  /** In a narrow window: at the graph's own positions, to be moved there, or from top to bottom, to be read. */
  arrangeByHand(byHand) {
    this.#byHand = byHand;
    this.#follows = true;
    this.#arrange();
  }

  zoomBy(factor) {
    const { width, height } = this.#free();
    this.#look(zoomedAt(this.#camera, factor, { x: width / 2, y: height / 2 }));
  }

  panBy(dx, dy) {
    this.#look({ ...this.#camera, x: this.#camera.x + dx, y: this.#camera.y + dy });
  }

  /** Where on the sheet a point of the window is; null when it is not over the canvas. */
  sheetPoint(clientX, clientY) {
    const { left, top, right, bottom } = this.#canvas.getBoundingClientRect();
    const inside = clientX >= left && clientX < right && clientY >= top && clientY < bottom;
    return inside ? onSheet(this.#camera, { x: clientX - left, y: clientY - top }) : null;
  }

  /** The middle of what is seen, on the sheet. */
  get middle() {
    const { width, height } = this.#free();
    return onSheet(this.#camera, { x: width / 2, y: height / 2 });
  }

  /** The edge whose line is under a point of the window; or null. */
  edgeAt(clientX, clientY) {
    const hit = document.elementsFromPoint(clientX, clientY).find((found) => found.classList.contains('edge-hit'));
    const line = this.#lines.find(({ key }) => key === hit?.getAttribute('data-key'));
    return line?.edge ?? null;
  }

  // ---- cards and lines: kept where they are there already

  #keepCards() {
    const nodes = new Map(this.#graph.nodes.map((node) => [node.id, node]));
    for (const [id, { slot, node }] of this.#cards) {
      const now = nodes.get(id);
      if (now !== undefined && now.type === node.type) continue;
      slot.remove();
      this.#sizes.unobserve(slot);
      this.#cards.delete(id);
    }
    const held = this.#nodeLayer.contains(document.activeElement) ? focused() : null;
    const order = flowOrder(this.#graph).map((id) => this.#keptCard(nodes.get(id)).slot);
    order.forEach((slot, index) => {
      if (this.#nodeLayer.children[index] !== slot) this.#nodeLayer.insertBefore(slot, this.#nodeLayer.children[index] ?? null);
    });
    for (const stale of [...this.#nodeLayer.children].slice(order.length)) stale.remove();
    // a card that was put elsewhere in the order has lost the focus
    if (held !== null && held.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
  }

  #keptCard(node) {
    const known = this.#cards.get(node.id) ?? this.#newCard(node);
    known.node = node;
    setText(known.parts.name, node.name);
    setAttribute(known.card, 'data-kind', kindOf(this.#types.get(node.type), node.config));
    setText(known.parts.summary, summaryOf(node));
    this.#keepPorts(known);
    this.#cards.set(node.id, known);
    return known;
  }

  #newCard(node) {
    const type = this.#types.get(node.type);
    const parts = cardParts(iconOf(node.type, type));
    const card = element('button', 'node', parts.kind, parts.title, parts.stateIcon, parts.rows, parts.word, parts.message, parts.holds, parts.bar);
    card.type = 'button';
    card.dataset.nodeId = String(node.id);
    card.dataset.nodeType = node.type ?? '';
    card.dataset.state = 'idle';
    card.setAttribute('aria-expanded', 'false');
    card.setAttribute('aria-controls', 'details');
    card.addEventListener('click', (event) => this.#chosen(node.id, event));
    card.addEventListener('focus', () => this.#onFocus(node.id, card));
    const slot = element('li', 'node-slot', card, parts.problems, parts.notes);
    slot.dataset.nodeId = String(node.id);
    this.#sizes.observe(slot);
    return { slot, card, parts, node, ports: [], signature: '' };
  }

  // A node's settings may name its outputs; they are made anew only when they change.
  #keepPorts(known) {
    const { slot, card, node } = known;
    const type = this.#types.get(node.type);
    const [inputs, outputs] = [inputsOf(type, node.config), outputsOf(type, node.config)];
    const drawn = this.#drawnOutputs(node);
    const signature = JSON.stringify([inputs, outputs, drawn.length]);
    if (signature === known.signature) return;
    for (const port of known.ports) port.remove();
    Object.assign(known, { signature, ports: ports(node.id, inputs, outputs, drawn.length) });
    slot.append(...known.ports);
    setAttribute(slot, 'data-rejecting', String(drawn.includes(REJECTED)));
    const most = Math.max(inputs.length, drawn.length);
    card.style.minHeight = most > 1 ? `${portY({ place: most - 1 }) + PORT_STEP}px` : '';
  }

  // Those of a node that take room: the one for rejected rows only where it leads somewhere.
  #drawnOutputs(node) {
    const outputs = outputsOf(this.#types.get(node?.type), node?.config);
    return outputs.filter((output) => output !== REJECTED || isRejecting(this.#graph, this.#types, node.id));
  }

  // Which of a node's ports an edge uses, for the layout: {id, place, of}.
  #endOf(id, side, name) {
    const node = this.#cards.get(id)?.node;
    const type = this.#types.get(node?.type);
    const named = side === 'in' ? inputsOf(type, node?.config) : outputsOf(type, node?.config);
    const drawn = side === 'in' ? named : this.#drawnOutputs(node);
    return { id, place: placeOf(named, name), of: Math.max(1, drawn.length) };
  }

  #chosen(id, event) {
    if (this.#editable && this.#intents !== null) this.#intents.pick(id, { extend: event.shiftKey || event.ctrlKey || event.metaKey });
    else this.#onSelect(id);
  }

  #onFocus(id, card) {
    if (card.matches(':focus-visible')) this.reveal(id);
  }

  #keepLines() {
    const known = new Map(this.#lines.map((line) => [line.key, line]));
    const shown = this.#graph.edges.filter(({ from, to }) => this.#cards.has(from) && this.#cards.has(to));
    const lines = shown.map((edge) => known.get(edgeKey(edge)) ?? newLine(edge));
    for (const line of lines) setText(line.title, this.#edgeTitle(line.edge));
    if (lines.length === this.#lines.length && lines.every((line, place) => line === this.#lines[place]) && this.#aimLine.isConnected) return;
    this.#lines = lines;
    this.#edgeLayer.replaceChildren(...this.#lines.flatMap(({ path, hit }) => [path, hit]), this.#aimLine);
    this.#labelLayer.replaceChildren(...this.#lines.map((line) => line.label));
  }

  // ---- places

  // The direction is measured from the window: what opens beside or over the graph must not turn it.
  #arrange() {
    const isNarrow = document.documentElement.clientWidth - this.#canvas.getBoundingClientRect().left < NARROW;
    const direction = isNarrow && !this.#byHand ? 'down' : 'right';
    setAttribute(this.#canvas, 'data-narrow', String(isNarrow));
    this.#layout = this.#editable && direction === 'right' ? standing(this.#graph) : layOut(this.#graph, direction, this.#heights(direction));
    setAttribute(this.#canvas, 'data-direction', direction);
    this.#drawPlaces();
    if (this.#follows) this.#fitOpened();
  }

  // As when a drawer or the window changes. What is worked on moves only where that shows more of it.
  #resized() {
    this.#arrange();
    const isWorkedOn = this.#fitted && !this.#follows && !this.#gestures.isBusy;
    if (isWorkedOn && (this.#camera.zoom < EASY_TO_READ || !this.#isInSight())) this.#fitOpened();
    if (this.#cards.has(this.#opened)) this.#revealOpened();
    this.#onLook();
  }

  #isInSight() {
    const { x, y, width, height } = this.#box();
    const { zoom } = this.#camera;
    const room = this.#room();
    const [left, top] = [x * zoom + this.#camera.x, y * zoom + this.#camera.y];
    return left >= 0 && top >= 0 && left + width * zoom <= room.width && top + height * zoom <= room.height;
  }

  #fitOpened() {
    if (this.#graph.nodes.length === 0) return;
    const { direction } = this.#layout;
    const least = direction === 'down' ? 0.8 : this.#isWhole ? undefined : SMALLEST_OPENED;
    const margin = direction === 'down' ? 14 : 28;
    this.#look(fitting(this.#box(), this.#room(), { least, margin, foot: this.#foot(), most: this.#mostOpened() }), this.#follows, true);
    if (this.#cards.has(this.#opened)) this.#revealOpened();
  }

  #heights(direction) {
    if (direction === 'right') return undefined;
    return new Map([...this.#cards].map(([id, { slot }]) => [id, slot.offsetHeight || NODE.height]));
  }

  #mostOpened() {
    return Math.min(MOST_OPENED, Math.max(1, this.#canvas.clientWidth / WIDE));
  }

  // From top to bottom a graph scrolls, and the room above the tools is the room.
  #foot() {
    return this.#layout.direction === 'down' ? 0 : FOOT;
  }

  #drawPlaces(ids = null) {
    for (const [id, { slot }] of this.#cards) {
      if (ids !== null && !ids.has(id)) continue;
      const { x, y } = this.#placeOf(id);
      slot.style.transform = `translate(${x}px, ${y}px)`;
    }
    const layout = this.#shift === null ? this.#layout : { ...this.#layout, positions: { get: (id) => this.#placeOf(id) } };
    for (const line of this.#lines) {
      if (ids !== null && !ids.has(line.from) && !ids.has(line.to)) continue;
      const { fromPort, toPort } = line.edge;
      const { path, label, room } = edgeLine(layout, this.#endOf(line.from, 'out', fromPort), this.#endOf(line.to, 'in', toPort));
      line.room = room;
      line.path.setAttribute('d', path);
      line.hit.setAttribute('d', path);
      line.label.style.transform = `translate(${label.x}px, ${label.y}px) translate(-50%, -50%)`;
    }
    this.#onLook();
  }

  #placeOf(id) {
    const place = this.#layout.positions.get(id) ?? { x: 0, y: 0 };
    if (this.#shift === null || !this.#shift.ids.has(id)) return place;
    return { x: place.x + this.#shift.dx, y: place.y + this.#shift.dy };
  }

  #boxOf(id) {
    const slot = this.#cards.get(id)?.slot;
    return { ...this.#placeOf(id), width: NODE.width, height: slot?.offsetHeight || NODE.height };
  }

  #box() {
    return around([...this.#cards.keys()].map((id) => this.#boxOf(id)));
  }

  #room() {
    return { width: Math.max(1, this.#canvas.clientWidth), height: this.#canvas.clientHeight - this.#bar() };
  }

  // The part of the room that the details leave free; where they leave next to nothing, one closes them to see more.
  #free() {
    const room = this.#room();
    if (this.#details.hidden) return room;
    const canvas = this.#canvas.getBoundingClientRect();
    const over = this.#details.getBoundingClientRect();
    const beside = { ...room, width: over.left - canvas.left };
    const above = { ...room, height: Math.min(room.height, over.top - canvas.top) };
    const free = beside.width > 0 ? beside : above;
    return Math.min(free.width, free.height) < NODE.height ? room : free;
  }

  // In a narrow window the tools are a bar at the canvas' foot, beside which nothing is seen.
  #bar() {
    return this.#canvas.dataset.narrow === 'true' ? this.#canvas.querySelector('.canvas-tools').offsetHeight : 0;
  }

  // `follows`: it goes on keeping the graph in sight whatever changes; `fitted`: at least when the window does.
  #look(camera, follows = false, fitted = follows) {
    this.#camera = camera;
    this.#follows = follows;
    this.#fitted = fitted;
    const { x, y, zoom } = camera;
    this.#sheet.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    const step = DOTS * (zoom < 0.5 ? 2 : 1) * zoom;
    this.#canvas.style.backgroundSize = `${step}px ${step}px`;
    this.#canvas.style.backgroundPosition = `${x}px ${y}px`;
    setAttribute(this.#canvas, 'data-far', String(FAR.filter((limit) => zoom < limit).length));
    this.#onCamera(zoom);
    this.#onLook();
  }

  // ---- what the pointer does

  #host() {
    const view = this;
    return {
      get camera() {
        return view.#camera;
      },
      get editable() {
        return view.#editable && view.#intents !== null && view.#layout.direction === 'right';
      },
      get movable() {
        return this.editable;
      },
      setCamera: (camera) => view.#look(camera),
      press: (id, how) => {
        view.#shift = { ids: view.#intents.hold(id, how), dx: 0, dy: 0 };
      },
      move: (dx, dy) => view.#moveShift(dx, dy),
      dropMove: (dx, dy) => view.#endShift(() => view.#intents.moveBy(snapped(dx), snapped(dy))),
      abortMove: () => view.#endShift(() => undefined),
      aim: (id, port, point, target) => view.#aim(id, port, point, target),
      connect: (id, port, target, point) => view.#connect(id, port, target, point),
      abortAim: () => view.#endAim(),
      mark: (box, how) => view.#mark(box, how),
      endMark: () => setHidden(view.#marquee, true),
      menu: (event) => view.#askForMenu(event),
      pickEdge: (key, how) => view.#intents?.pickEdge(key, how),
      pickGround: () => {
        view.#canvas.focus({ preventScroll: true });
        view.#intents?.pickGround();
      },
    };
  }

  #askForMenu({ target, clientX, clientY, isByKey }) {
    if (target.closest('.canvas-tools, .canvas-note, .canvas-add, .minimap') !== null) return;
    const slot = target.closest('.node-slot');
    const line = slot === null && isByKey ? this.#onlySelectedLine() : null;
    const edge = line?.edge ?? (slot === null && !isByKey ? this.edgeAt(clientX, clientY) : null);
    const what = slot !== null ? { kind: 'node', id: Number(slot.dataset.nodeId) } : edge !== null ? { kind: 'edge', edge } : { kind: 'ground' };
    this.#onMenu(what, isByKey ? placeIn(line?.hit ?? target) : { clientX, clientY });
  }

  // No edge gets the keyboard; one that alone is selected is what the keys are about.
  #onlySelectedLine() {
    const { nodes, edges } = this.#selection;
    return nodes.size === 0 && edges.size === 1 ? (this.#lines.find(({ key }) => edges.has(key)) ?? null) : null;
  }

  #moveShift(dx, dy) {
    this.#shift = { ...this.#shift, dx: snapped(dx), dy: snapped(dy) };
    this.#follows = false;
    this.#drawPlaces(this.#shift.ids);
  }

  #endShift(then) {
    const { ids } = this.#shift;
    this.#shift = null;
    then();
    this.#drawPlaces(ids);
  }

  #aim(id, port, point, target) {
    const isOut = port.side === 'out';
    const allows = (other) => this.#intents.allows(edgeTo(id, port, other));
    const aimed = target !== null && allows(target) ? completed(this.#graph, this.#types, edgeTo(id, port, target)) : null;
    const near = isOut ? this.#leaves(id, port.name) : this.#enters(id, port.name);
    const far = aimed === null ? point : isOut ? this.#enters(aimed.to, aimed.toPort) : this.#leaves(aimed.from, aimed.fromPort);
    this.#aimLine.setAttribute('d', isOut ? curve(near, far, 'right') : curve(far, near, 'right'));
    for (const [other, { slot }] of this.#cards) {
      const allowed = allows({ id: other, name: null });
      setAttribute(slot, 'data-target', other === id ? 'self' : allowed ? (other === target?.id ? 'aimed' : 'yes') : 'no');
    }
  }

  #leaves(id, name) {
    return leaves(this.#placeOf(id), 'right', NODE.height, this.#endOf(id, 'out', name));
  }

  #enters(id, name) {
    return enters(this.#placeOf(id), 'right', this.#endOf(id, 'in', name));
  }

  #connect(id, port, target, point) {
    this.#endAim();
    if (target === null) this.#intents.connectToNothing(id, port, point);
    else if (target.id !== id) this.#intents.connect(edgeTo(id, port, target));
  }

  #endAim() {
    this.#aimLine.setAttribute('d', '');
    for (const { slot } of this.#cards.values()) slot.removeAttribute('data-target');
  }

  #mark(box, how) {
    setHidden(this.#marquee, false);
    Object.assign(this.#marquee.style, { transform: `translate(${box.x}px, ${box.y}px)`, width: `${box.width}px`, height: `${box.height}px` });
    const ids = [...this.#cards.keys()].filter((id) => touch(box, { ...this.#placeOf(id), width: NODE.width, height: NODE.height }));
    this.#intents?.mark(ids, how);
  }
}

// Where a menu of something stands that the keyboard asked for: in it.
function placeIn(target) {
  const { left, top, width, height } = target.getBoundingClientRect();
  return { clientX: left + Math.min(24, width / 2), clientY: top + Math.min(24, height / 2) };
}

function mark(target, selected) {
  if (selected) setAttribute(target, 'data-selected', 'true');
  else target.removeAttribute('data-selected');
}

// The edge that a drag from a port of one node to another node means; a port that is not named is left open.
function edgeTo(id, port, target) {
  const [near, far] = [{ id, name: port.name }, target];
  const [source, end] = port.side === 'out' ? [near, far] : [far, near];
  const edge = { from: source.id, to: end.id };
  if (source.name) edge.fromPort = source.name;
  if (end.name) edge.toPort = end.name;
  return edge;
}
