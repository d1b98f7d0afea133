/**
 * Drafts: what a person made of jobs and has not saved. Owns the draft of each job and which one is at hand. Those with changes are kept
 * while other jobs are looked at, and beyond a reload; what another tab has is offered, never taken.
 */

import { placed } from '../../model/graphs.js';
import { layOut } from '../../model/layout.js';
import { formatMoment } from '../../parts/texts/text.js';
import { currentTenant } from '../../session/session.js';
import { EditModel } from '../graph/edit-model.js';
import { KeptDrafts } from './kept-drafts.js';
import { wasSentHere } from './saving.js';
import { tabName } from './this-tab.js';

export class Drafts {
  #page;
  #takenIds;
  #onUseOther;
  #onDiscard;
  #all = new Map(); // job id → {job, model}, of the job at hand and of those with changes
  #current = null; // {job, model} of the job at hand
  #kept = new KeptDrafts(currentTenant, tabName());
  #toldOthers = new Set(); // ids of jobs of which was told that another tab changes them, too
  #isKept = true; // whether the browser keeps drafts: then nothing is lost with the page

  /**
   * `takenIds()`: ids that no new node may have, beside those of the draft; `onUseOther(graph)`: a person takes the draft of
   * another tab; `onDiscard()`: does not want the one that was restored.
   */
  constructor({ page, takenIds, onUseOther, onDiscard }) {
    this.#page = page;
    this.#takenIds = takenIds;
    this.#onUseOther = onUseOther;
    this.#onDiscard = onDiscard;
    this.#kept.onOther((isOf) => this.#onOtherTab(isOf));
    window.addEventListener('beforeunload', (event) => {
      if (!this.#isKept && this.unsavedIds.length > 0) event.preventDefault();
    });
  }

  /** {job, model} of the job at hand, or null. */
  get current() {
    return this.#current;
  }

  /** The graph of the draft at hand, or null. */
  get graph() {
    return this.#current?.model.graph ?? null;
  }

  /** Ids of jobs with changes that are not saved. */
  get unsavedIds() {
    return [...this.#all].filter(([, { model }]) => model.isDirty).map(([id]) => id);
  }

  of(jobId) {
    return this.#all.get(jobId);
  }

  nextId() {
    return this.#current.model.nextId(this.#takenIds());
  }

  /** The draft of this job is at hand, with the changes made to it earlier. What of it an earlier page left, or null. */
  open(job) {
    const known = this.#all.get(job.id);
    this.#current = known ?? { job, model: new EditModel(standingGraph(job.graph)) };
    this.#all.set(job.id, this.#current);
    return known === undefined ? this.#restore(this.#current) : null;
  }

  /** Say what `open` gave, or else that another tab has changes. */
  tellOpened(restored, job) {
    if (restored !== null) this.#tellRestored(restored, job);
    else this.#offerOther(this.#current);
  }

  /** No draft is at hand. One without changes is forgotten. */
  putAside() {
    if (this.#current !== null && !this.#current.model.isDirty) this.#all.delete(this.#current.job.id);
    this.#current = null;
  }

  /** The job is not as it was any more: forget changes to it. */
  forget(jobId) {
    this.#all.delete(jobId);
    this.#kept.drop(jobId);
  }

  /** Keep what was changed beyond the page, or drop it where there is nothing to keep. */
  keep({ job, model }) {
    if (model.isDirty) this.#isKept = this.#kept.keep(job.id, { etag: job.etag, name: job.name, graph: model.graph });
    else this.#kept.drop(job.id);
  }

  /** {name, graph, keptAt, …}: what this tab, or else another, or an earlier visit, left of a job that cannot be opened; null of nothing. */
  leftOf(jobId) {
    return this.#kept.of(jobId) ?? this.#kept.otherOf(jobId);
  }

  dropLeft(left) {
    this.#kept.dropOther(left);
  }

  /**
   * Somebody saved the job at hand since it was opened. A draft without changes becomes what they saved: true; of one with changes it
   * is told, and its save asks.
   */
  takeStored(job) {
    const draft = this.#current;
    if (draft?.job.id !== job.id) return false;
    const [stored, before] = [standingGraph(job.graph), standingGraph(draft.job.graph)];
    if (areSame(stored, draft.model.graph) && draft.model.isDirty) return false; // our own save, not answered yet
    if (draft.model.isDirty && wasSentHere(job)) { // and what was changed since waits for the next one
      draft.job = job;
      return false;
    }
    if (draft.model.isDirty && !areSame(stored, before)) {
      const discard = { label: 'Discard my changes', run: () => this.#onDiscard() };
      this.#page.say('Somebody saved this job after you opened it. A save of yours asks before it replaces what they did.', 'plain', discard, 'draft');
      return false;
    }
    draft.job = job;
    if (draft.model.isDirty || areSame(stored, before)) return false; // they gave it another name
    draft.model.takeSaved(stored, Date.now());
    this.#page.say('Somebody saved this job after you opened it: this is how it is now.');
    return true;
  }

  // What an earlier page left of this draft is done again as one step, which undo takes back. It began with the job of
  // then, so a save asks when somebody saved another since.
  #restore(draft) {
    const kept = this.#kept.of(draft.job.id);
    if (kept === null) return null;
    if (areSame(kept.graph, draft.model.graph)) {
      this.#kept.drop(draft.job.id);
      return null;
    }
    draft.model.do({ label: 'Restore the draft', apply: () => kept.graph }, Date.now());
    draft.job = { ...draft.job, etag: kept.etag };
    return kept;
  }

  #tellRestored({ keptAt, etag }, job) {
    const since = etag === job.etag ? '' : ' The job was saved by somebody else since.';
    const text = `Your unsaved draft of ${formatMoment(keptAt)} is restored.${since}`;
    this.#page.say(text, 'plain', { label: 'Discard it', run: () => this.#onDiscard() }, 'draft');
  }

  // What another tab has, or left behind when it was closed, is never taken unasked.
  #offerOther(draft) {
    const other = this.#kept.otherOf(draft.job.id);
    if (other === null || areSame(other.graph, draft.model.graph)) return;
    const text = `There is an unsaved draft of this job from ${formatMoment(other.keptAt)}, of another tab or an earlier visit.`;
    this.#page.say(text, 'plain', { label: 'Use it here', run: () => this.#useOther(draft, other) }, 'draft');
  }

  #useOther(draft, other) {
    if (draft !== this.#current) return;
    draft.job = { ...draft.job, etag: other.etag };
    this.#onUseOther(other.graph);
    this.#kept.dropOther(other);
    this.#page.announce('The other draft is here now.');
  }

  #onOtherTab(isOf) {
    const id = this.#current?.job.id ?? null;
    if (id === null || this.#toldOthers.has(id) || !isOf(id)) return;
    this.#toldOthers.add(id);
    this.#page.say('This job is being changed in another tab, too. Each tab keeps a draft of its own, and whoever saves second is asked first.');
  }
}

// Each node has a place: its own where all have one, spread so that no two cards touch; else laid out. Which engine it was
// written for is the stored job's to say, and no part of the draft.
export function standingGraph({ engine: _engine, ...graph }) {
  return placed({ ...graph, edges: graph.edges ?? [] }, layOut({ nodes: graph.nodes, edges: graph.edges ?? [] }, 'right').positions);
}

function areSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The graph with the engine by whose meanings it was written; null or undefined: it does not say. */
export function writtenFor(graph, engine) {
  return (engine ?? null) === null ? graph : { ...graph, engine };
}
