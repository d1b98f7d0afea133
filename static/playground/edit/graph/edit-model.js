/**
 * A graph being edited: what it is now, how it became so, what was saved. Pure: no DOM, no clock.
 *
 * Every change is a command {label, apply: graph → graph, merge?}: `label` says what undo takes back, and commands
 * that follow each other with the same `merge` within a moment are one step, as the letters of a word are. `held`:
 * {before, after}, the selection before and after the command. Undo and redo give it back; it is opaque to this module.
 */

/** Steps that can be taken back; each holds only what changed, so many are cheap. */
export const MOST_STEPS = 500;

/** Milliseconds between two letters that belong to one step. */
export const MERGE_WITHIN = 1_500;

export class EditModel {
  #graph;
  #saved;
  #past = []; // {label, before, merge, at, held}
  #future = []; // {label, after, held}
  #held = null;
  #highestId;

  constructor(graph) {
    this.#graph = graph;
    this.#saved = graph;
    this.#highestId = highestId(graph);
  }

  get graph() {
    return this.#graph;
  }

  /** Whether it differs from what was saved last. */
  get isDirty() {
    return this.#graph !== this.#saved;
  }

  /** What undo would take back, and redo do again; null when there is nothing. */
  get undoLabel() {
    return this.#past.at(-1)?.label ?? null;
  }

  get redoLabel() {
    return this.#future.at(-1)?.label ?? null;
  }

  /** Do a command; `now` in milliseconds. True when it changed something. */
  do({ label, apply, merge = null, held = null }, now) {
    const before = this.#graph;
    const after = apply(before);
    if (after === before) return false;
    const last = this.#past.at(-1);
    if (this.#mergesInto(merge, now)) Object.assign(last, { at: now, held: { before: last.held?.before, after: held?.after } });
    else this.#past.push({ label, before, merge, at: now, held });
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.#future = [];
    this.#become(after);
    return true;
  }

  /** What was selected with the graph that undo or redo brought back; null where nobody told. */
  get held() {
    return this.#held;
  }

  /** Somebody else saved this: it is the graph now, by a step that undo takes back. */
  takeSaved(graph, now) {
    this.do({ label: 'Take what was saved elsewhere', apply: () => graph }, now);
    this.markSaved();
  }

  /** The label of what was taken back, or null. */
  undo() {
    const step = this.#past.pop();
    if (step === undefined) return null;
    this.#future.push({ label: step.label, after: this.#graph, held: step.held });
    this.#held = step.held?.before ?? null;
    this.#become(step.before);
    return step.label;
  }

  redo() {
    const step = this.#future.pop();
    if (step === undefined) return null;
    this.#past.push({ label: step.label, before: this.#graph, merge: null, at: 0, held: step.held });
    this.#held = step.held?.after ?? null;
    this.#become(step.after);
    return step.label;
  }

  /** `graph` is what the server has now; the next change is a step of its own. */
  markSaved(graph = this.#graph) {
    this.#saved = graph;
    const last = this.#past.at(-1);
    if (last !== undefined) last.merge = null;
  }

  /** An id that no node has had here, so that nothing heard of an old node is taken for the new one's. */
  nextId(alsoTaken = []) {
    return Math.max(this.#highestId, 0, ...alsoTaken) + 1;
  }

  #mergesInto(merge, now) {
    const last = this.#past.at(-1);
    return merge !== null && last !== undefined && last.merge === merge && now - last.at <= MERGE_WITHIN && this.#future.length === 0;
  }

  #become(graph) {
    this.#graph = graph;
    this.#highestId = Math.max(this.#highestId, highestId(graph));
  }
}

function highestId(graph) {
  return Math.max(0, ...graph.nodes.map((node) => node.id));
}
