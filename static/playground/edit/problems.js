/**
 * What is wrong with the draft. Owns what the validator said last, and what is told of it with what only the columns
 * tell. Test hooks: `#problems`, `#problems-text`.
 */

import { byId, setHidden, setText } from '../parts/dom.js';
import { Latest } from '../server/latest.js';
import { problemsOfBoth } from './form/columns.js';

/** Milliseconds without a change until the draft is checked. */
const QUIET = 250;

export class Problems {
  #api;
  #graph;
  #page;
  #ofColumns;
  #freshId;
  #onDrawn;
  #checked = []; // what the validator said last: [{nodeId, field, message, text?}]
  #all = []; // that, and what the columns tell
  #checks;

  /** `ofColumns()`: problems that the columns tell; `freshId()`: of the node that was just added; `onDrawn()`: others draw theirs. */
  constructor({ api, graph, page, ofColumns, freshId, onDrawn }) {
    this.#api = api;
    this.#graph = graph;
    this.#page = page;
    this.#ofColumns = ofColumns;
    this.#freshId = freshId;
    this.#onDrawn = onDrawn;
    this.#checks = new Latest({ ask: (checked, signal) => this.#check(checked, signal), onAnswer: (errors) => this.#take(errors), wait: QUIET });
  }

  /** All that are known: [{nodeId, field, message}]. */
  get all() {
    return this.#all;
  }

  of(nodeId) {
    return this.#all.filter((problem) => problem.nodeId === nodeId);
  }

  /** Have a graph checked once it rests; `soon`: now. */
  ask(graph, options) {
    this.#checks.ask(graph, options);
  }

  /** Nothing is edited: there is nothing wrong, whatever is on its way. */
  clear() {
    this.#checks.cancel();
    this.show([]);
  }

  /** What the validator says, from here or from Execute: [{nodeId, field, message}]. */
  show(checked) {
    this.#checked = checked;
    this.draw();
  }

  /** Beside what the validator said, what a program found. */
  add(found) {
    this.show([...this.#checked, ...found]);
  }

  draw() {
    const errors = problemsOfBoth(this.#checked, this.#ofColumns());
    this.#all = errors;
    const byNode = Map.groupBy(errors, (error) => error.nodeId);
    this.#graph.drawProblems(new Map([...byNode].map(([id, found]) => [id, found.map((error) => error.message)])), this.#freshId());
    this.#onDrawn();
    const pill = byId('problems');
    setHidden(pill, errors.length === 0);
    setText(byId('problems-text'), errors.length === 1 ? '1 problem' : `${errors.length} problems`);
    pill.title = errors.map(({ message }) => message).slice(0, 12).join('\n');
  }

  // What Execute said of them is over with the last one.
  #take(errors) {
    if (errors.length === 0) this.#page.clearNotice('graph');
    this.show(errors);
  }

  async #check(graph, signal) {
    if (graph.nodes?.length === 0) return [];
    return this.#api.problemsOf({ graph }, signal);
  }
}
