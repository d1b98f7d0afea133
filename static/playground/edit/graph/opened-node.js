/**
 * The node whose form is open. Owns which one it is, and whether it was just added: what it lacks is no fault then.
 */

import { NodeForm } from '../form/node-form.js';

export class OpenedNode {
  #id = null;
  #freshId = null;
  #drafts;
  #vocabulary;
  #columns;
  #problems;
  #notes;
  #onChosen;
  #form;

  /** `says`: as NodeForm takes it; `onChosen(id)`: another node, or none (null), is open. */
  constructor({ drafts, vocabulary, columns, problems, notes, says, onChosen }) {
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#columns = columns;
    this.#problems = problems;
    this.#notes = notes;
    this.#onChosen = onChosen;
    this.#form = new NodeForm(says);
  }

  /** Its id, or null. */
  get id() {
    return this.#id;
  }

  /** Of the node that was just added, or null. */
  get freshId() {
    return this.#freshId;
  }

  /** Open the form of this node; null: of none. */
  open(id) {
    if (this.#freshId !== null && id !== this.#freshId) {
      this.settle();
      this.#problems.draw();
    }
    if (id !== this.#id) {
      this.#id = id;
      this.#onChosen(id);
    }
    this.fill();
  }

  /** Open that of a node that was just added. */
  openFresh(id) {
    this.#freshId = id;
    this.open(id);
    requestAnimationFrame(() => this.#form.focusName());
  }

  /** Bring the keyboard from the graph into the form. */
  focus() {
    this.#form.focus();
  }

  /** Whatever was just added counts as any other: what it lacks is a fault. */
  settle() {
    this.#freshId = null;
  }

  /** The form is closed already, or what is edited is put aside. */
  closed() {
    this.#id = null;
    this.#freshId = null;
    this.#form.show(null);
  }

  /** Show what the draft, the server and the validator say of it now. */
  fill() {
    const { current: draft, graph } = this.#drafts;
    if (graph === null) return;
    const { types } = this.#vocabulary;
    const columns = this.#columns.of(this.#id);
    this.#form.show(this.#id, { draft, graph, types, known: knownTexts(graph, types), words: this.#columns.words(this.#id), columns });
    this.drawErrors();
    this.drawNotes();
  }

  drawErrors() {
    this.#form.drawErrors(this.#problems.of(this.#id), this.#freshId === this.#id);
  }

  /** As NodeForm.drawFault. */
  drawFault(fault) {
    this.#form.drawFault(fault);
  }

  drawNotes() {
    this.#form.drawNotes(this.#notes.byNode.get(this.#id) ?? []);
  }
}

// What the other nodes have in fields of a kind, to choose from.
function knownTexts(graph, types) {
  const known = {};
  for (const { type, config } of graph.nodes) {
    for (const { name, kind } of types.get(type)?.fields ?? []) {
      if (typeof config?.[name] === 'string') (known[kind] ??= new Set()).add(config[name]);
    }
  }
  return Object.fromEntries(Object.entries(known).map(([kind, texts]) => [kind, [...texts]]));
}
