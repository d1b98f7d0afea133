/**
 * The graph on the page: a card a node, one SVG layer for the edges, a count on each edge.
 *
 * Test hooks, which stay as they are: each card is `button.node[data-node-id][data-state]` with data-state
 * idle | running | success | error | cancelled | notrun, and holds `.node-name`, `.node-state-text`,
 * `.node-count` (with thousands separators), `.node-message`; data-invalid="true" marks a card that the
 * validator refused, with `.node-problems` under it. An edge is `path.edge[data-from][data-to]`.
 */

import { byId, element, icon, setAttribute, setHidden, setIcon, setText, svgElement } from './dom.js';
import { edgeLine, flowOrder, layOut } from './layout.js';
import { formatCompact, formatCount, NODE_WORDS, summaryOf, unitOf } from './text.js';

const TYPE_ICONS = { db_input: 'db_input', db_output: 'db_output', csv_input: 'csv', csv_output: 'csv', filter: 'filter', map: 'map' };

/** Smaller than this, cards cannot be read: then the sheet scrolls. */
const SMALLEST_SCALE = 0.8;

/** Pixels; a window narrower than this is read from top to bottom. */
const NARROW = 720;

/** Pixels that a full and a short number need on an edge. */
const ROOM_FULL = 68;
const ROOM_SHORT = 40;

export class GraphView {
  #canvas = byId('graph');
  #sheet = byId('sheet');
  #edgeLayer = byId('edges');
  #labelLayer = byId('edge-labels');
  #nodeLayer = byId('nodes');
  #empty = byId('canvas-empty');

  #graph = { nodes: [], edges: [] };
  #cards = new Map(); // node id → {slot, card, parts}
  #lines = []; // {from, to, path, label, room}
  #onSelect;

  constructor({ onSelect }) {
    this.#onSelect = onSelect;
    new ResizeObserver(() => this.#arrange()).observe(this.#canvas);
  }

  /** Show another graph: {nodes: [{id, type, name, config, position}], edges: [{from, to}]}. */
  show(graph, emptyText = '') {
    this.#graph = graph;
    this.#cards.clear();
    this.#nodeLayer.replaceChildren();
    const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    for (const id of flowOrder(graph)) this.#addCard(nodes.get(id));
    this.#addLines();
    setText(this.#empty, emptyText);
    setHidden(this.#empty, graph.nodes.length > 0 || emptyText === '');
    this.#arrange();
  }

  /** Draw what is true now; `nodeOf(id)` gives a node's view (JobState.node). */
  draw(nodeOf, selectedId) {
    for (const [id, { card, parts }] of this.#cards) {
      drawCard(card, parts, nodeOf(id));
      setAttribute(card, 'aria-expanded', String(id === selectedId));
    }
    for (const line of this.#lines) drawLine(line, nodeOf(line.from));
  }

  /** Put the validator's messages, Map node id → [message], under their nodes, and remove earlier ones. */
  drawProblems(problems) {
    for (const [id, { card, parts }] of this.#cards) {
      const messages = problems.get(id) ?? [];
      if (messages.length > 0) card.dataset.invalid = 'true';
      else delete card.dataset.invalid;
      parts.problems.replaceChildren(...messages.map((message) => element('li', '', message)));
      setHidden(parts.problems, messages.length === 0);
    }
  }

  focusNode(id) {
    this.#cards.get(id)?.card.focus();
  }

  /** Scroll the node into sight; after the window's layout has settled. */
  reveal(id) {
    requestAnimationFrame(() => this.#cards.get(id)?.slot.scrollIntoView({ block: 'nearest', inline: 'nearest' }));
  }

  #addCard(node) {
    const parts = cardParts(node);
    const card = element('button', 'node', parts.kind, parts.title, parts.stateIcon, parts.rows, parts.word, parts.message, parts.bar);
    card.type = 'button';
    card.dataset.nodeId = String(node.id);
    card.dataset.nodeType = node.type ?? '';
    card.dataset.state = 'idle';
    card.setAttribute('aria-expanded', 'false');
    card.setAttribute('aria-controls', 'details');
    card.addEventListener('click', () => this.#onSelect(node.id));
    const slot = element('li', 'node-slot', card, parts.problems);
    this.#nodeLayer.append(slot);
    this.#cards.set(node.id, { slot, card, parts });
  }

  #addLines() {
    const known = this.#graph.edges.filter(({ from, to }) => this.#cards.has(from) && this.#cards.has(to));
    this.#lines = known.map(({ from, to }) => {
      const path = svgElement('path', 'edge');
      path.dataset.from = String(from);
      path.dataset.to = String(to);
      const label = element('span', 'edge-label');
      label.hidden = true;
      return { from, to, path, label, room: 0 };
    });
    this.#edgeLayer.replaceChildren(...this.#lines.map((line) => line.path));
    this.#labelLayer.replaceChildren(...this.#lines.map((line) => line.label));
  }

  // Give everything its place; the direction and the scale follow from the window.
  #arrange() {
    const { layout, scale } = this.#fitted();
    const { clientWidth, clientHeight } = this.#canvas;
    const left = Math.max(0, (clientWidth - layout.width * scale) / 2);
    const top = Math.max(0, Math.min(72, (clientHeight - layout.height * scale) / 3));
    this.#sheet.style.width = `${layout.width}px`;
    this.#sheet.style.height = `${layout.height}px`;
    this.#sheet.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
    for (const [id, { slot }] of this.#cards) {
      const { x, y } = layout.positions.get(id);
      slot.style.transform = `translate(${x}px, ${y}px)`;
    }
    for (const line of this.#lines) {
      const { path, label, room } = edgeLine(layout, line.from, line.to);
      line.room = room;
      line.path.setAttribute('d', path);
      line.label.style.transform = `translate(${label.x}px, ${label.y}px) translate(-50%, -50%)`;
    }
  }

  // Measured with the details closed: opening them must not move the graph.
  #fitted() {
    const room = document.documentElement.clientWidth - this.#canvas.getBoundingClientRect().left;
    const layout = layOut(this.#graph, room < NARROW ? 'down' : 'right');
    const fits = Math.min(1, room / Math.max(1, layout.width));
    return { layout, scale: Math.max(SMALLEST_SCALE, fits) };
  }
}

function cardParts(node) {
  const count = element('span', 'node-count');
  const unit = element('span', 'node-unit');
  const rate = element('span', 'node-rate');
  const stateIcon = icon('idle');
  stateIcon.classList.add('node-state-icon');
  const stateText = element('span', 'node-state-text');
  const message = element('span', 'node-message');
  const problems = element('ul', 'node-problems');
  problems.hidden = true;
  return {
    kind: element('span', 'node-kind', icon(TYPE_ICONS[node.type] ?? 'node')),
    title: element('span', 'node-title', element('span', 'node-name', node.name), element('span', 'node-type', summaryOf(node))),
    rows: element('span', 'node-rows', count, unit),
    word: element('span', 'node-word', stateText, rate),
    message,
    bar: element('span', 'node-bar'),
    stateIcon,
    stateText,
    count,
    unit,
    rate,
    problems,
  };
}

function drawCard(card, parts, view) {
  setAttribute(card, 'data-state', view.state);
  setIcon(parts.stateIcon, view.state);
  setText(parts.stateText, NODE_WORDS[view.state]);
  setText(parts.count, view.heard ? formatCount(view.rowCount) : '–');
  setText(parts.unit, view.heard ? unitOf(view.rowCount) : '');
  setText(parts.rate, view.rate === null ? '' : `${formatCount(view.rate)}/s`);
  setText(parts.message, view.message);
}

function drawLine(line, source) {
  setAttribute(line.path, 'data-state', source.state);
  const shown = source.heard && source.rowCount > 0 && line.room >= ROOM_SHORT;
  setHidden(line.label, !shown);
  if (shown) setText(line.label, line.room >= ROOM_FULL ? formatCount(source.rowCount) : formatCompact(source.rowCount));
}
