/**
 * The settings of a job that are none of its nodes: its parameters, retries, kept outputs and the tag of its runners. Each is a dialog, and a
 * member of the graph, so that undo takes it back.
 */

import { parametersOf } from '../../model/graphs.js';
import { keptForm } from './kept-form.js';
import { parametersForm } from './parameters-form.js';
import { retriesForm } from './retries-form.js';
import { tagForm } from './tag-form.js';

export class JobSettings {
  #api;
  #drafts;
  #page;
  #change;
  #parameters = parametersForm();
  #retries = retriesForm();
  #keepOutputs = keptForm();
  #tag = tagForm();

  /** `change`: as GraphCommands takes it. */
  constructor({ api, drafts, page, change }) {
    this.#api = api;
    this.#drafts = drafts;
    this.#page = page;
    this.#change = change;
  }

  declareParameters() {
    const draft = this.#drafts.current;
    this.#parameters.open(parametersOf(draft.model.graph), {
      check: (parameters) => this.#wrongWith('parameters', parameters),
      onDone: (parameters) => this.#put(draft, 'parameters', parameters.length === 0 ? null : parameters),
    });
  }

  setRetries() {
    const draft = this.#drafts.current;
    this.#retries.open(draft.model.graph.retries ?? null, {
      check: (retries) => this.#wrongWith('retries', retries),
      onDone: (retries) => this.#put(draft, 'retries', retries),
    });
  }

  setKept() {
    const draft = this.#drafts.current;
    this.#keepOutputs.open(draft.model.graph.keepOutputs ?? null, {
      check: (isKept) => this.#wrongWith('keepOutputs', isKept),
      onDone: (isKept) => this.#put(draft, 'keepOutputs', isKept, 'keeping of outputs'),
    });
  }

  setTag() {
    const draft = this.#drafts.current;
    this.#tag.open(draft.model.graph.runnerTag ?? null, {
      check: (tag) => this.#wrongWith('runnerTag', tag),
      onDone: (tag) => this.#put(draft, 'runnerTag', tag, 'tag of its runners'),
    });
  }

  // A member of the graph that is none of its nodes and edges; null takes it away.
  #put(draft, member, value, word = member) {
    if (draft !== this.#drafts.current) return;
    const apply = ({ [member]: _before, ...graph }) => (value === null ? graph : { ...graph, [member]: value });
    this.#change({ label: `Change the ${word}`, apply });
    this.#page.announce(`Changed the ${word}.`);
  }

  // Asked of the server, which alone knows what it takes; it is asked again when the graph is checked.
  async #wrongWith(member, value) {
    let errors = [];
    await this.#page.attempt(async () => {
      errors = await this.#api.problemsOf({ graph: { nodes: [], edges: [], [member]: value } });
    });
    return errors.filter(({ field }) => field === member).map(({ message }) => message);
  }
}
