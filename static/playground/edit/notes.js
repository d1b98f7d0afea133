/**
 * Notes: what a graph means otherwise than when it was saved, since the engine changed. Owns which of them a person has seen.
 * Test hooks: `#notes`, `#notes-text`.
 */

import { nodeOf } from '../model/graphs.js';
import { byId, setHidden, setText } from '../parts/dom.js';

export class Notes {
  #drafts;
  #graph;
  #page;
  #onDrawn;
  #dismissed = new Map(); // job id → ids of nodes whose notes a person has seen

  /** `onDrawn()`: others draw theirs. */
  constructor({ drafts, graph, page, onDrawn }) {
    this.#drafts = drafts;
    this.#graph = graph;
    this.#page = page;
    this.#onDrawn = onDrawn;
  }

  get areAny() {
    return (this.#drafts.current?.job.notes.length ?? 0) > 0;
  }

  /** Map node id → [message], of the nodes that are there and were not dismissed. */
  get byNode() {
    if (this.#drafts.current === null) return new Map();
    const { job, model } = this.#drafts.current;
    const dismissed = this.#dismissed.get(job.id) ?? new Set();
    const standing = job.notes.filter(({ nodeId }) => !dismissed.has(nodeId) && nodeOf(model.graph, nodeId) !== undefined);
    return new Map([...Map.groupBy(standing, ({ nodeId }) => nodeId)].map(([id, notes]) => [id, notes.map(({ message }) => message)]));
  }

  draw() {
    const notes = this.byNode;
    this.#graph.drawNotes(notes);
    this.#onDrawn();
    setHidden(byId('notes'), notes.size === 0);
    setText(byId('notes-text'), notes.size === 1 ? '1 node changed its meaning' : `${notes.size} nodes changed their meaning`);
  }

  tell() {
    const { size } = this.byNode;
    if (size > 0) this.#page.announce(`${byId('notes-text').textContent} since this job was saved.`);
  }

  dismiss(id) {
    const { job } = this.#drafts.current;
    this.#dismissed.set(job.id, new Set([...(this.#dismissed.get(job.id) ?? []), id]));
    this.draw();
    this.#page.announce('Dismissed.');
  }
}
