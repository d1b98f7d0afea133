/**
 * What is selected in the graph: nodes and edges. Owns it, draws it, and says what a command is about. Where a node's form is open, it
 * follows what is selected.
 */

import { nameIn } from '../../model/naming.js';
import { byId } from '../../parts/dom.js';

export class Selection {
  #graph;
  #drafts;
  #opened;
  #page;
  #nodes = new Set(); // ids
  #edges = new Set(); // keys
  #marked = null; // the ids that an area is added to

  constructor({ graph, drafts, opened, page }) {
    this.#graph = graph;
    this.#drafts = drafts;
    this.#opened = opened;
    this.#page = page;
  }

  get nodes() {
    return this.#nodes;
  }

  get edges() {
    return this.#edges;
  }

  /** {nodes, edges}: to be put back by `put`. */
  get now() {
    return { nodes: this.#nodes, edges: this.#edges };
  }

  /** Select this and nothing else; the form stays as it is. */
  put({ nodes = new Set(), edges = new Set() }) {
    this.#nodes = nodes;
    this.#edges = edges;
    this.draw();
  }

  /** What is gone is not selected any more. */
  keep(ids, keys) {
    this.put({ nodes: this.#nodes.intersection(ids), edges: this.#edges.intersection(keys) });
  }

  draw() {
    this.#graph.drawSelection(this.now);
  }

  /** `open`: with its form, which is not opened otherwise. */
  only(id, { open }) {
    this.put({ nodes: new Set([id]) });
    if (open || this.#opened.id !== null) this.#opened.open(id);
  }

  onlyNodes(ids) {
    this.put({ nodes: new Set(ids) });
    if (this.#opened.id !== null && !(ids.size === 1 && ids.has(this.#opened.id))) this.#opened.open(null);
  }

  all() {
    const { nodes } = this.#drafts.graph;
    this.onlyNodes(new Set(nodes.map((node) => node.id)));
    this.#page.announce(`${nodes.length} nodes selected.`);
  }

  /** `extend`: beside what is selected, or not any more. */
  edge(key, { extend }) {
    this.#opened.open(null);
    const one = new Set([key]);
    this.put(extend ? { nodes: this.#nodes, edges: this.#edges.symmetricDifference(one) } : { edges: one });
    byId('graph').focus({ preventScroll: true });
  }

  /** A node is about to be moved; the ids that move with it. */
  hold(id, { extend }) {
    if (!this.#nodes.has(id)) {
      if (extend) this.onlyNodes(new Set([...this.#nodes, id]));
      else this.only(id, { open: false });
    }
    return this.#nodes;
  }

  /** An area is drawn, with these nodes in it by now; `extend`: beside what was selected before. */
  mark(ids, { extend }) {
    if (this.#marked === null) {
      this.#marked = extend ? this.#nodes : new Set();
      window.addEventListener('pointerup', () => (this.#marked = null), { once: true });
    }
    this.onlyNodes(new Set([...this.#marked, ...ids]));
  }

  clear() {
    this.put({});
    this.#opened.open(null);
  }

  toggle(id) {
    this.onlyNodes(this.#nodes.symmetricDifference(new Set([id])));
    const name = nameIn(this.#drafts.graph, id);
    this.#page.announce(this.#nodes.has(id) ? `${name} selected, ${this.#nodes.size} in all.` : `${name} not selected any more.`);
  }

  /** What a command is about: the selection; or the node in focus, when that is not in it. */
  targets() {
    const focused = this.#graph.focusedNode;
    if (focused !== null && !this.#nodes.has(focused)) return { nodes: new Set([focused]), edges: new Set() };
    return this.now;
  }

  oneTarget() {
    const { nodes } = this.targets();
    return this.#graph.focusedNode ?? (nodes.size === 1 ? [...nodes][0] : null);
  }

  // The keys are about the node in focus before they are about the selection: where one works by keyboard, both are one.
  takeFocus() {
    const [first] = this.#nodes;
    const focused = this.#graph.focusedNode;
    const isOnGround = [document.body, byId('graph')].includes(document.activeElement);
    if (first !== undefined && !this.#nodes.has(focused) && (focused !== null || isOnGround)) this.#graph.focusNode(first);
  }
}
