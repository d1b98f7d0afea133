/**
 * What nodes of a run that has ended gave, as it was kept: a part of the details of a node, with what it gave and the way to
 * run again from there. Owns what was asked of runs.
 *
 * Test hooks: `#details-kept[data-kept]` (yes | no), `#kept-note`, `#kept-show`, `#kept-again`, `#kept-why`, `#kept-from`; `#run-from`.
 */

import { byId, element, isPressable, labelledButton, putAway, setAttribute, setDisabled, setHidden, setText } from '../parts/dom.js';
import { formatCount, shortRun } from '../parts/texts/text.js';
import { jobPlace } from '../places/address.js';
import { askAgainAfter } from '../server/asking-again.js';
import { KeptDialog } from './kept-dialog.js';
import { whyNotFrom } from './rules.js';

/** Runs whose answers are remembered; a person looks at few at a time. */
const MOST_RUNS = 20;

export class Kept {
  #api;
  #page;
  #begin;
  #dialog;
  #runs = new Map(); // run id → its record, or null while it is asked for
  #shown = null; // {runId, nodeId, name, fromRun} of the details

  /** `begin(runId, nodeId)`: a run that begins at a node, with what another one kept. */
  constructor({ api, page, begin }) {
    this.#api = api;
    this.#page = page;
    this.#begin = begin;
    this.#dialog = new KeptDialog(api, page);
    this.element = this.#made();
    byId('run-from-link').addEventListener('click', () => this.#goToRun(byId('run-from-link').dataset.runId));
  }

  #goToRun(runId) {
    this.#page.go(jobPlace(this.#page.jobId(), { run: runId }));
  }

  /** Draw the part of the details. `run`: the run shown, or null; `graph`: that is shown; `canRun`: whether anything may be begun. */
  drawNode(node, { run, graph, canRun }) {
    const record = this.#recordOf(run);
    const ofNode = record?.kept?.nodes.find(({ nodeId }) => nodeId === node.nodeId) ?? null;
    this.#shown = run === null ? null : { runId: run.runId, nodeId: node.nodeId, name: node.nodeName, fromRun: node.fromRun };
    putAway(this.element, record === null || (record.kept === null && node.fromRun === null), () => byId('details-close').focus());
    if (this.element.hidden) return;
    const isThere = ofNode?.reason === null && !record.kept.deleted;
    setAttribute(this.element, 'data-kept', isThere ? 'yes' : 'no');
    setText(byId('kept-note'), noteOf(record.kept, ofNode));
    setHidden(byId('kept-show'), !isThere);
    const why = whyNotFrom(node.nodeId, record.kept, graph);
    setHidden(byId('kept-again'), why !== null);
    setDisabled(byId('kept-again'), !canRun);
    setText(byId('kept-why'), why ?? '');
    setHidden(byId('kept-why'), why === null);
    setHidden(byId('kept-from'), node.fromRun === null);
    setText(byId('kept-from'), node.fromRun === null ? '' : `Show the run ${shortRun(node.fromRun)}, whose rows these are`);
  }

  /** The id of a run whose kept rows can be looked at; null where it kept none, or that is not known yet. */
  idOf(run) {
    const record = this.#recordOf(run);
    return record !== null && record.kept !== null && !record.kept.deleted ? run.runId : null;
  }

  /** What the menu of a node of this run has for it: items as Menu takes them. */
  items(nodeId, { run, graph, canRun }) {
    const record = this.#recordOf(run);
    if (!canRun || record === null || record.kept === null || whyNotFrom(nodeId, record.kept, graph) !== null) return [];
    return [{ key: 'again', label: 'Run again from here', icon: 'play', run: () => this.#begin(run.runId, nodeId) }];
  }

  /** Draw where the run began, of one that began at a node. */
  drawRun(run, graph) {
    const record = this.#recordOf(run);
    const fromRun = record?.fromRun ?? null;
    setHidden(byId('run-from'), fromRun === null);
    if (fromRun === null) return;
    const name = graph.nodes.find(({ id }) => id === record.fromNode)?.name ?? `node ${record.fromNode}`;
    setText(byId('run-from-node'), `Begun at ${name}, with what was kept of`);
    setText(byId('run-from-link'), `run ${shortRun(fromRun)}`);
    byId('run-from-link').dataset.runId = fromRun;
  }

  // Null until it is known; then the record of the run as it was asked for, once before its end and once after.
  #recordOf(run) {
    if (run === null || run.runId === null || !run.told) return null;
    const key = `${run.runId} ${run.ended}`;
    if (!this.#runs.has(key)) this.#ask(run.runId, key);
    return this.#runs.get(key);
  }

  async #ask(runId, key) {
    this.#runs.set(key, null);
    if (this.#runs.size > MOST_RUNS) this.#runs.delete(this.#runs.keys().next().value);
    try {
      this.#runs.set(key, await this.#api.run(runId));
      this.#page.redraw();
    } catch (problem) {
      askAgainAfter(problem, () => this.#runs.delete(key));
    }
  }

  #made() {
    const show = labelledButton('kept-show', 'table', 'Show what it gave', () => this.#dialog.open(this.#shown));
    const again = labelledButton('kept-again', 'play', 'Run again from here', () => isPressable(again) && this.#begin(this.#shown.runId, this.#shown.nodeId));
    const from = element('button', 'link-button', '');
    Object.assign(from, { type: 'button', id: 'kept-from' });
    from.addEventListener('click', () => this.#goToRun(this.#shown.fromRun));
    const [note, why] = [element('p', 'kept-note', ''), element('p', 'kept-note', '')];
    note.id = 'kept-note';
    why.id = 'kept-why';
    const head = element('div', 'details-section-head', element('h3', 'section-title', 'What it gave'));
    const made = element('section', 'details-section', head, note, from, element('div', 'kept-buttons', show, again), why);
    made.id = 'details-kept';
    made.hidden = true;
    document.body.append(made); // where its parts are found; the details take it from here
    return made;
  }
}

function noteOf(kept, ofNode) {
  if (kept === null) return 'This run has kept nothing.';
  if (kept.deleted) return 'What this run kept is deleted: its days are over.';
  if (ofNode === null) return 'Nothing was kept of this node: an output keeps nothing here, and neither does a node that the run did not come to.';
  return ofNode.reason === null ? `${formatCount(ofNode.rows)} rows are kept.` : `Not kept: ${ofNode.reason}.`;
}
