/**
 * The first rows that a node gives, and what else a program finds out about the draft for a person who edits it: the types of a
 * file's columns.
 */

import { configuredAs, nodeOf } from '../../model/graphs.js';
import { nameIn } from '../../model/naming.js';
import { room } from '../../parts/dom.js';
import { shortRun } from '../../parts/texts/text.js';
import { patiently } from '../../server/patience.js';
import { foundText, isSameFile, typed, withFound } from '../form/found-types.js';
import { PreviewView } from './preview-view.js';

/** Pixels; in a narrower window the details lie over all else. */
const SHEET = 860;

export class Previews {
  #api;
  #drafts;
  #selection;
  #opened;
  #columns;
  #problems;
  #page;
  #change;
  #keptRun;
  #view;

  /** `dock`: as PreviewView takes it; `change`: as GraphCommands takes it; `keptRun`: as Editor takes it. */
  constructor({ api, drafts, selection, opened, columns, problems, graph, page, dock, change, keptRun }) {
    this.#api = api;
    this.#drafts = drafts;
    this.#selection = selection;
    this.#opened = opened;
    this.#columns = columns;
    this.#problems = problems;
    this.#page = page;
    this.#change = change;
    this.#keptRun = keptRun;
    this.#view = new PreviewView({
      load: (nodeId, how) => this.#previewOf(nodeId, how),
      onClose: (id) => graph.focusNode(id),
      announce: (text) => page.announce(text),
      dock,
    });
  }

  /** The graph was changed: what is shown is of before. */
  age() {
    this.#view.age();
  }

  close() {
    this.#view.close({ quiet: true });
  }

  /** Its place in the dock is shown: the rows of the node at hand, where none were asked for. */
  shown() {
    if (this.#drafts.current === null || this.#view.nodeId !== null) return;
    const id = this.#selection.oneTarget();
    if (id === null) this.#view.sayNone('Select a node: the first rows that it gives are shown here.');
    else this.open(id);
  }

  /** `other`: as PreviewView.open. */
  open(id, other = null) {
    if (this.#drafts.current === null || id === null) return;
    if (room().width <= SHEET) this.#opened.open(null); // else it would be under the form
    this.#view.open(id, nameIn(this.#drafts.graph, id), other);
  }

  // Kept rows are shown at once; whoever asks again gets them as they are now.
  async #previewOf(id, { isAnew }) {
    const draft = this.#drafts.current;
    const { graph } = draft.model;
    const preview = await this.#asked(graph, id, () => this.#api.preview(graph, id, isAnew ? null : this.#keptRun()));
    this.#columns.notePreview(draft, id, preview.columns);
    if (draft === this.#drafts.current) this.#opened.fill();
    return { ...preview, source: keptText(preview, graph) };
  }

  /** Has the types of a file's columns found and proposed in the node's form; what was found, as a text. */
  async findTypes(id, field) {
    const draft = this.#drafts.current;
    const { graph } = draft.model;
    const isWanted = () => draft === this.#drafts.current && nodeOf(draft.model.graph, id) !== undefined;
    const found = await patiently(() => this.#asked(graph, id, () => this.#api.findTypes(graph, id)), { isWanted });
    if (!isWanted()) return '';
    const node = nodeOf(draft.model.graph, id);
    if (!isSameFile(nodeOf(graph, id).config, node.config)) throw new Error('Its settings were changed meanwhile. Find its types again.');
    const proposed = withFound(node.config, found);
    const config = typed(node.config, field, proposed.types);
    this.#change({
      label: `Find the types of ${node.name}`,
      apply: (now) => (JSON.stringify(config) === JSON.stringify(node.config) ? now : configuredAs(now, id, config)),
    });
    this.#page.announce(foundText(proposed));
    return foundText(proposed);
  }

  // An error of another node on the way says whose it is.
  async #asked(graph, id, ask) {
    try {
      return await ask();
    } catch (problem) {
      this.#showFound(graph, problem.errors ?? []);
      const told = (problem.errors ?? []).map(({ nodeId, message }) => (nodeId === null || nodeId === id ? message : `${nameIn(graph, nodeId)}: ${message}`));
      throw told.length === 0 ? problem : new Error(told.join('\n'));
    }
  }

  // What only a program finds wrong with a field stands beside it, too, until the graph is changed and looked at anew.
  #showFound(graph, errors) {
    const isKnown = ({ nodeId, message }) => this.#problems.all.some((one) => one.nodeId === nodeId && one.message === message);
    const found = errors.filter((error) => (error.field ?? null) !== null && error.nodeId !== null && !isKnown(error));
    if (found.length > 0 && graph === this.#drafts.graph) this.#problems.add(found);
  }
}

// Whose rows they are, where a run kept them; "" for rows that were read now.
function keptText({ fromRun, fromNodes = [] }, graph) {
  return fromRun === undefined ? '' : ` From what run ${shortRun(fromRun)} kept of ${fromNodes.map((id) => nameIn(graph, id)).join(', ')}.`;
}
