/** The cards of the graph's nodes, with their ports; kept where they are there already. Owns them, and the node types that they are made by. */

import { kindOf } from '../model/kinds.js';
import { flowOrder, NODE, PORT_STEP, portY } from '../model/layout.js';
import { inputsOf, isRejecting, outputsOf, placeOf, REJECTED } from '../model/ports.js';
import { byId, closest, element, focused, setAttribute, setHidden, setParts, setText } from '../parts/dom.js';
import { summaryOf } from '../parts/texts/text.js';
import { cardParts, drawCard, ports } from './card-drawing.js';
import { holdsText } from './holding.js';
import { iconOf } from './node-icons.js';

/** Characters of what a node does that are read out before how it is: a query is longer than anybody listens to. */
const MOST_READ = 80;

export class GraphCards {
  #layer = byId('nodes');
  #graph = { nodes: [], edges: [] };
  #types = new Map();
  #cards = new Map(); // node id → {slot, card, parts, node, ports, signature}
  #sizes;
  #onChoose;
  #onFocus;

  /** `onChoose(id, event)`: its card was pressed; `onFocus(id)`: the keyboard came to it; `onSize()`: the height of one changed. */
  constructor({ onChoose, onFocus, onSize }) {
    this.#onChoose = onChoose;
    this.#onFocus = onFocus;
    this.#sizes = new ResizeObserver(onSize);
  }

  get types() {
    return this.#types;
  }

  /** Node types by name. The cards are made anew by the next `keep`. */
  useTypes(types) {
    this.#types = types;
    this.#cards.clear();
    this.#sizes.disconnect();
  }

  /** Ids of the nodes, in the order in which they came. */
  get ids() {
    return [...this.#cards.keys()];
  }

  has(id) {
    return this.#cards.has(id);
  }

  /** Pixels, with what stands under the card. */
  heightOf(id) {
    return this.#cards.get(id)?.slot.offsetHeight || NODE.height;
  }

  /** {kind, state}, as the card shows them. */
  shownOf(id) {
    const { kind, state } = this.#cards.get(id).card.dataset;
    return { kind, state };
  }

  /** The nodes of this graph have cards, in the order of the flow, and no others. */
  keep(graph) {
    this.#graph = graph;
    const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    for (const [id, { slot, node }] of this.#cards) {
      const now = nodes.get(id);
      if (now !== undefined && now.type === node.type) continue;
      slot.remove();
      this.#sizes.unobserve(slot);
      this.#cards.delete(id);
    }
    const held = this.#layer.contains(document.activeElement) ? focused() : null;
    const order = flowOrder(graph).map((id) => this.#kept(nodes.get(id)).slot);
    order.forEach((slot, index) => {
      if (this.#layer.children[index] !== slot) this.#layer.insertBefore(slot, this.#layer.children[index] ?? null);
    });
    for (const stale of [...this.#layer.children].slice(order.length)) stale.remove();
    // a card that was put elsewhere in the order has lost the focus
    if (held !== null && held.isConnected && document.activeElement !== held) held.focus({ preventScroll: true });
  }

  #kept(node) {
    const known = this.#cards.get(node.id) ?? this.#new(node);
    known.node = node;
    setText(known.parts.name, node.name);
    setAttribute(known.card, 'data-kind', kindOf(this.#types.get(node.type), node.config));
    const summary = summaryOf(node);
    setText(known.parts.summary, summary);
    setAttribute(known.parts.summary, 'aria-hidden', String(summary.length > MOST_READ));
    this.#keepPorts(known);
    this.#cards.set(node.id, known);
    return known;
  }

  #new(node) {
    const type = this.#types.get(node.type);
    const parts = cardParts(iconOf(node.type, type));
    const card = element('button', 'node', parts.kind, parts.title, parts.stateIcon, parts.rows, parts.word, parts.message, parts.holds, parts.bar);
    card.type = 'button';
    card.dataset.nodeId = String(node.id);
    card.dataset.nodeType = node.type ?? '';
    card.dataset.state = 'idle';
    card.setAttribute('aria-expanded', 'false');
    card.setAttribute('aria-controls', 'details');
    parts.problems.id = `problems-of-${node.id}`;
    card.setAttribute('aria-describedby', parts.problems.id);
    card.addEventListener('click', (event) => this.#onChoose(node.id, event));
    card.addEventListener('focus', () => card.matches(':focus-visible') && this.#onFocus(node.id));
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

  /** Which of a node's ports an edge uses, for the layout: {id, place, of}. */
  endOf(id, side, name) {
    const node = this.#cards.get(id)?.node;
    const type = this.#types.get(node?.type);
    const named = side === 'in' ? inputsOf(type, node?.config) : outputsOf(type, node?.config);
    const drawn = side === 'in' ? named : this.#drawnOutputs(node);
    return { id, place: placeOf(named, name), of: Math.max(1, drawn.length) };
  }

  /**
   * {rows, rate} that an edge carried of those that the view `source` of its node tells: those of its output, where the node counts them
   * apart; their rate is not known then.
   */
  flowOf({ from, fromPort }, source) {
    const whole = { rows: source.rowCount, rate: source.rate };
    if (source.ports == null) return whole;
    const { node } = this.#cards.get(from);
    const outputs = outputsOf(this.#types.get(node.type), node.config);
    const { name } = outputs[placeOf(outputs, fromPort)];
    if (name === '') return whole; // beside it rows leave by the output for rejected ones alone
    return { rows: Object.hasOwn(source.ports, name) ? source.ports[name] : 0, rate: null };
  }

  // ---- what is drawn on them; as GraphView says it

  draw(nodeOf, selectedId, since) {
    for (const [id, { card, parts }] of this.#cards) {
      drawCard(card, parts, nodeOf(id), since);
      setAttribute(card, 'aria-expanded', String(id === selectedId));
    }
  }

  drawHolding(holds) {
    for (const [id, { parts }] of this.#cards) {
      const after = holds.get(id) ?? null;
      setHidden(parts.holds, after === null);
      if (after !== null) setText(parts.holds, holdsText(after));
    }
  }

  drawProblems(problems, fresh) {
    for (const [id, { slot, card, parts }] of this.#cards) {
      setAttribute(slot, 'data-fresh', String(id === fresh));
      const messages = problems.get(id) ?? [];
      if (messages.length > 0) card.dataset.invalid = 'true';
      else delete card.dataset.invalid;
      setParts(parts.problems, messages.join(''), () => messages.map((message) => element('li', '', message)));
      setHidden(parts.problems, messages.length === 0);
    }
  }

  drawNotes(notes) {
    for (const [id, { parts }] of this.#cards) {
      const messages = notes.get(id) ?? [];
      setText(parts.notes, messages.length === 1 ? '1 change of meaning' : `${messages.length} changes of meaning`);
      setAttribute(parts.notes, 'title', messages.join('\n'));
      setHidden(parts.notes, messages.length === 0);
    }
  }

  /** `ids`: a Set of those that are selected. */
  drawSelection(ids) {
    for (const [id, { card }] of this.#cards) {
      if (ids.has(id)) setAttribute(card, 'data-selected', 'true');
      else card.removeAttribute('data-selected');
    }
  }

  /** What each node is for an edge that is being drawn: `targetOf(id)` 'self', 'aimed', 'yes' or 'no'; null: none is. */
  drawTargets(targetOf) {
    for (const [id, { slot }] of this.#cards) {
      if (targetOf === null) slot.removeAttribute('data-target');
      else setAttribute(slot, 'data-target', targetOf(id));
    }
  }

  place(id, { x, y }) {
    this.#cards.get(id).slot.style.transform = `translate(${x}px, ${y}px)`;
  }

  // ---- the keyboard

  focus(id) {
    this.#cards.get(id)?.card.focus({ preventScroll: true });
  }

  /** The id of the node that has the focus, or null. */
  get focused() {
    const card = closest(document.activeElement, '.node');
    return card == null ? null : Number(card.dataset.nodeId);
  }
}
