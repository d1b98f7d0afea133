/** Where nodes stand and edges run now: as they are laid out, some on their way with the pointer. Owns both; in pixels of the sheet. */

import { edgeLine, enters, layOut, leaves, NODE, standing } from '../model/layout.js';
import { around } from './camera.js';

const NOWHERE = { x: 0, y: 0 };

export class GraphPlaces {
  #cards;
  #layout = { direction: 'right', positions: new Map(), heights: new Map() };
  #shift = null; // {ids, dx, dy}: nodes on their way

  /** `cards`: GraphCards; how high each is, and which of its ports an edge uses. */
  constructor(cards) {
    this.#cards = cards;
  }

  /** Lay out the graph of the cards: `direction` 'right' or 'down'; `isDraft`: to the right, nodes stand where a person put them. */
  arrange(graph, direction, isDraft) {
    this.#layout = isDraft && direction === 'right' ? standing(graph) : layOut(graph, direction, this.#heights(direction));
  }

  #heights(direction) {
    return direction === 'right' ? undefined : new Map(this.#cards.ids.map((id) => [id, this.#cards.heightOf(id)]));
  }

  /** From top to bottom, where positions of the graph's own do not count. */
  get isDown() {
    return this.#layout.direction === 'down';
  }

  /** These nodes stand so far from their places, until `settle`. */
  shift(ids, dx, dy) {
    this.#shift = { ids, dx, dy };
  }

  /** The ids of those that are shifted. */
  get shifted() {
    return this.#shift.ids;
  }

  settle() {
    this.#shift = null;
  }

  has(id) {
    return this.#cards.has(id);
  }

  get isEmpty() {
    return this.#cards.ids.length === 0;
  }

  of(id) {
    const place = this.#layout.positions.get(id) ?? NOWHERE;
    if (this.#shift === null || !this.#shift.ids.has(id)) return place;
    return { x: place.x + this.#shift.dx, y: place.y + this.#shift.dy };
  }

  boxOf(id) {
    return { ...this.of(id), width: NODE.width, height: this.#cards.heightOf(id) };
  }

  /** The box around all nodes. */
  get whole() {
    return around(this.#cards.ids.map((id) => this.boxOf(id)));
  }

  /** {path, label: {x, y}, room} of an edge, as edgeLine has it. */
  lineOf({ from, to, fromPort, toPort }) {
    const layout = this.#shift === null ? this.#layout : { ...this.#layout, positions: { get: (id) => this.of(id) } };
    return edgeLine(layout, this.#cards.endOf(from, 'out', fromPort), this.#cards.endOf(to, 'in', toPort));
  }

  /** The point where rows leave a node that is read from left to right. */
  leaves(id, port) {
    return leaves(this.of(id), 'right', NODE.height, this.#cards.endOf(id, 'out', port));
  }

  /** The point where they enter one. */
  enters(id, port) {
    return enters(this.of(id), 'right', this.#cards.endOf(id, 'in', port));
  }
}
