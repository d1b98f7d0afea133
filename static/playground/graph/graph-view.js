/**
 * The graph on the page: a card a node, one SVG layer for the edges, a count on each edge; seen through a camera that
 * pans and zooms. It draws and tells what the pointer did; what is true, selected or allowed is decided elsewhere.
 * Its parts own what they are about: the cards (`cards.js`), the lines (`lines.js`), where both stand (`places.js`), what of them is
 * seen (`sight.js`), and what the pointer does (`pointer.js`).
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

import { NODE } from '../model/layout.js';
import { byId, closest, focused, setAttribute, setHidden, setText } from '../parts/dom.js';
import { GraphCards } from './cards.js';
import { GraphLines } from './lines.js';
import { GraphPlaces } from './graph-places.js';
import { GraphPointer } from './pointer.js';
import { GraphSight } from './sight.js';

/** Pixels; a window narrower than this is read from top to bottom. */
const NARROW = 720;

/** Where people write and read beside the graph: a letter there, as of who missed a field, is no key of the graph. */
const BESIDE = '#details, #drawers';

export class GraphView {
  #canvas = byId('graph');
  #empty = byId('canvas-empty');
  #graph = { nodes: [], edges: [] };
  #editable = false;
  #selection = { nodes: new Set(), edges: new Set() };
  #isLeft = false; // what was pressed last lies beside it
  #byHand = false; // a narrow window shows the graph's own positions, too, so that nodes can be moved there
  #cards;
  #lines = new GraphLines();
  #places;
  #sight;
  #pointer;

  /** `onSelect(id)`: a node was chosen, while nobody edits. */
  constructor({ onSelect }) {
    this.#cards = new GraphCards({
      onChoose: (id, event) => this.#pointer.pick(id, event) || onSelect(id),
      onFocus: (id) => this.reveal(id),
      onSize: () => this.#places.isDown && this.#arrange(),
    });
    this.#places = new GraphPlaces(this.#cards);
    this.#sight = new GraphSight(this.#canvas, this.#places);
    this.#pointer = new GraphPointer({
      canvas: this.#canvas,
      cards: this.#cards,
      lines: this.#lines,
      places: this.#places,
      sight: this.#sight,
      shown: this.#shownNow(),
    });
    new ResizeObserver(() => this.#resized()).observe(this.#canvas);
    addEventListener('pointerdown', (event) => this.#notePress(event), { capture: true });
  }

  #shownNow() {
    const view = this;
    return {
      get graph() {
        return view.#graph;
      },
      get isEditable() {
        return view.#editable;
      },
      get selection() {
        return view.#selection;
      },
      place: (ids) => view.#drawPlaces(ids),
    };
  }

  /**
   * Who edits gets told what the pointer did: {pick(id, {extend}), pickEdge(key, {extend}), pickGround(),
   * hold(id, {extend}), moveBy(dx, dy), connect(edge), connectToNothing(id, port, point), allows(edge),
   * mark(ids, {extend})}. An edge is {from, to, fromPort?, toPort?}; a port {side: 'in' | 'out', name}. `hold` returns the ids that move with the node.
   */
  edit(intents) {
    this.#pointer.edit(intents);
  }

  /**
   * `listener(what, {clientX, clientY})`: what can be done with it was asked for; `what`: {kind: 'node', id}, {kind: 'edge', edge} or
   * {kind: 'ground'}.
   */
  onMenu(listener) {
    this.#pointer.onMenu(listener);
  }

  /** Node types by name, for ports and icons. */
  useTypes(types) {
    this.#cards.useTypes(types);
    this.show(this.#graph, this.#empty.textContent, { editable: this.#editable });
  }

  /**
   * Show another graph: {nodes: [{id, type, name, config, position}], edges: [{from, to, fromPort?, toPort?}]}. `editable`: it is the
   * draft, at its own positions, and can be changed by hand; otherwise it is only looked at.
   */
  show(graph, emptyText = '', { editable = false } = {}) {
    this.#sight.expect(graph, this.#graph, !(editable && this.#editable));
    this.#graph = graph;
    this.#editable = editable;
    setAttribute(this.#canvas, 'data-editable', String(editable));
    this.#cards.keep(graph);
    this.#lines.keep(graph.edges.filter(({ from, to }) => this.#cards.has(from) && this.#cards.has(to)));
    setText(this.#empty, emptyText);
    setHidden(this.#empty, graph.nodes.length > 0 || emptyText === '');
    setHidden(byId('canvas-add'), !editable || graph.nodes.length > 0);
    this.#arrange();
    this.drawSelection(this.#selection);
  }

  // ---- what is drawn on it

  /** Draw what is true now; `nodeOf(id)` gives a node's view (JobState.node). `since`: a Date, it was true then; or null. */
  draw(nodeOf, selectedId, since = null) {
    this.#sight.open(selectedId);
    this.#cards.draw(nodeOf, selectedId, since);
    this.#lines.draw(nodeOf, (edge, source) => this.#cards.flowOf(edge, source), since);
  }

  /** Say at each node of the Map node id → ids of those who wait for its rows, that they do. */
  drawHolding(holds) {
    this.#cards.drawHolding(holds);
  }

  /**
   * Put the validator's messages, Map node id → [message], under their nodes, and remove earlier ones. What a `fresh`
   * node lacks is to be done, not wrong.
   */
  drawProblems(problems, fresh = null) {
    this.#cards.drawProblems(problems, fresh);
  }

  /** Say under each node of the Map node id → [message] that there are notes; they are many words, which its form has. */
  drawNotes(notes) {
    this.#cards.drawNotes(notes);
  }

  /** What is said of each edge on hover: `textOf(edge)`. */
  drawEdgeTitles(textOf) {
    this.#lines.drawTitles(textOf);
  }

  /** Mark what is selected: {nodes: Set of ids, edges: Set of keys}. */
  drawSelection(selection) {
    this.#selection = selection;
    this.#cards.drawSelection(selection.nodes);
    this.#lines.drawSelection(selection.edges);
  }

  // ---- the keyboard

  /** Of a node that is gone, the ground has it. */
  focusNode(id) {
    if (this.#cards.has(id)) this.#cards.focus(id);
    else this.focusGround();
  }

  focusGround() {
    this.#canvas.focus({ preventScroll: true });
  }

  /** The id of the node that has the focus, or null. */
  get focusedNode() {
    return this.#cards.focused;
  }

  /** Whether the keyboard is in the graph: on a node, on the ground, or nowhere in particular, unless one works beside it. */
  get hasFocus() {
    const activeElement = focused();
    if (activeElement === document.body) return !this.#isLeft;
    // a button that was pressed and is disabled now keeps the focus until the next frame
    return activeElement?.disabled === true || this.#canvas.contains(activeElement);
  }

  #notePress({ target }) {
    this.#isLeft = closest(target, BESIDE) !== null;
  }

  // ---- where things are, and what of them is seen: as GraphSight has it

  /** Whether nodes are shown at their own positions: read from top to bottom they are not, and cannot be moved. */
  get showsPositions() {
    return !this.#places.isDown;
  }

  /** In a narrow window: at the graph's own positions, to be moved there, or from top to bottom, to be read. */
  arrangeByHand(byHand) {
    this.#byHand = byHand;
    this.#sight.follow(true);
    this.#arrange();
  }

  /** {boxes: [{id, kind, state, x, y, width, height}], seen: {x, y, width, height}}, both on the sheet; `room`: pixels of the canvas that nothing covers. */
  get sight() {
    const boxes = this.#cards.ids.map((id) => ({ id, ...this.#cards.shownOf(id), ...this.#places.of(id), ...NODE }));
    return { boxes, seen: this.#sight.seen, room: this.#sight.free };
  }

  onCamera(listener) {
    this.#sight.onCamera(listener);
  }

  /** `listener()`: something else of the graph is seen now, or nodes stand elsewhere. */
  onLook(listener) {
    this.#sight.onLook(listener);
  }

  get zoom() {
    return this.#sight.zoom;
  }

  get middle() {
    return this.#sight.middle;
  }

  reveal(id) {
    this.#sight.reveal(id);
  }

  revealLost(ids) {
    this.#sight.revealLost(ids);
  }

  lookAt(point) {
    this.#sight.lookAt(point);
  }

  fit() {
    this.#sight.fit();
  }

  zoomBy(factor) {
    this.#sight.zoomBy(factor);
  }

  panBy(dx, dy) {
    this.#sight.panBy(dx, dy);
  }

  sheetPoint(clientX, clientY) {
    return this.#sight.sheetPoint(clientX, clientY);
  }

  /** The edge whose line is under a point of the window; or null. */
  edgeAt(clientX, clientY) {
    return this.#lines.edgeAt(clientX, clientY);
  }

  // The direction is measured from the window: what opens beside or over the graph must not turn it.
  #arrange() {
    const isNarrow = document.documentElement.clientWidth - this.#canvas.getBoundingClientRect().left < NARROW;
    const direction = isNarrow && !this.#byHand ? 'down' : 'right';
    setAttribute(this.#canvas, 'data-narrow', String(isNarrow));
    this.#places.arrange(this.#graph, direction, this.#editable);
    setAttribute(this.#canvas, 'data-direction', direction);
    this.#drawPlaces();
    this.#sight.arranged();
  }

  #resized() {
    this.#arrange();
    this.#sight.resized(this.#pointer.isBusy);
  }

  // Of all nodes, or of these alone, with their edges.
  #drawPlaces(ids = null) {
    for (const id of this.#cards.ids) if (ids === null || ids.has(id)) this.#cards.place(id, this.#places.of(id));
    this.#lines.place((edge) => this.#places.lineOf(edge), ids);
    this.#sight.tellLook();
  }
}
