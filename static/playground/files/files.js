/**
 * Files of the data roots on the page: to choose one, to bring one, to drop one on the canvas, and to look at what an output wrote.
 * Introduces its parts to each other.
 */

import { byId } from '../parts/dom.js';
import { confirmed } from '../parts/questions/confirm.js';
import { BrowseDialog } from './browse-dialog.js';
import { FilesApi } from './files-api.js';
import { delimiterIn, formatBytes, nameThere, readerOf } from './names.js';
import { OutputView } from './output-view.js';
import { Uploads } from './uploads.js';

/** Files whose first two lines can be looked at here, and bytes of them that are. */
const TEXTS = /\.(csv|txt)$/i;
const MOST_OF_LINES = 128_000;

export class Files {
  #api;
  #page;
  #does;
  #uploads;
  #dialog;
  #output;

  /** `does`: {canAdd(), add(nodes, clientX, clientY)}: nodes, [{type, config}], of the graph; {types()}: by their names. */
  constructor({ api, page, does }) {
    this.#api = new FilesApi(api);
    this.#page = page;
    this.#does = does;
    this.#uploads = new Uploads(this.#api, page);
    this.#dialog = new BrowseDialog(this.#api, this.#uploads, page);
    this.#output = new OutputView(this.#api, page);
    // before whoever else takes dropped files, which are then jobs
    document.addEventListener('drop', (event) => this.#onDrop(event), { capture: true });
  }

  /** Resolves to a path, or null. */
  choose(path, isWriting) {
    return this.#dialog.open({ path, isWriting });
  }

  /** What of the run can be looked at by this node's button: {runId, nodeId, name, endedAt}, or null. */
  writtenBy(node, run, graph) {
    if (run === null || run.status !== 'completed' || run.runId === null || run.endedAt === null) return null;
    const { type } = graph.nodes.find(({ id }) => id === node.nodeId) ?? {};
    return this.#does.types().get(type)?.hasOutput === false ? { runId: run.runId, nodeId: node.nodeId, name: node.nodeName, endedAt: run.endedAt } : null;
  }

  show(written) {
    return this.#output.open(written);
  }

  #onDrop(event) {
    const dropped = [...(event.dataTransfer?.files ?? [])];
    const isOnCanvas = byId('graph').contains(event.target) && document.querySelector('dialog[open]') === null;
    const unread = dropped.filter((file) => readerOf(file.name) === null);
    if (!isOnCanvas || !this.#does.canAdd() || unread.length === dropped.length) return; // of those that no node reads, each may be a job
    event.preventDefault();
    event.stopPropagation();
    const { clientX, clientY } = event;
    if (unread.length === 0) this.#page.attempt(() => this.#read(dropped, clientX, clientY));
    else this.#page.say(`No node reads ${unread.map(({ name }) => name).join(', ')}: drop the other files alone. None is uploaded.`, 'error');
  }

  // A file takes its time: a node for it is of the job on which it was dropped.
  async #read(dropped, clientX, clientY) {
    const jobId = this.#page.jobId();
    const { root, uploadBytes } = await this.#api.list('');
    if (this.#page.jobId() !== jobId) return; // nobody asks for it on another one
    const size = dropped.reduce((sum, file) => sum + file.size, 0);
    const [one] = dropped;
    const title = dropped.length === 1 ? `Read ${one.name} here?` : `Read ${dropped.length} files here?`;
    const text = dropped.length === 1
      ? `It is uploaded into the directory for data (${formatBytes(size)}), and a node is added that reads it.`
      : `They are uploaded into the directory for data (${formatBytes(size)}), and a node is added for each.`;
    if (!(await confirmed({ title, text, yes: 'Upload and read', danger: false }))) return;
    const brought = await Promise.all(dropped.map((file) => this.#bring(file, root, uploadBytes)));
    const there = brought.filter((node) => node !== null);
    if (this.#page.jobId() === jobId && this.#does.canAdd()) this.#does.add(there, clientX, clientY);
    else if (there.length > 0) {
      const names = there.map(({ config }) => config.path).join(', ');
      this.#page.say(`${names} ${there.length === 1 ? 'is' : 'are'} uploaded; no node was added, since the job is not edited by now.`);
    }
  }

  // The node that reads it there; null where it was not brought.
  async #bring(file, root, uploadBytes) {
    const found = await this.#uploads.bring(file, nameThere(file.name), root, uploadBytes);
    if (found === null) return null;
    const { type, config } = readerOf(found.path);
    return { type, config: { ...config, ...(await delimiterOf(file)), path: found.path } };
  }
}

async function delimiterOf(file) {
  if (!TEXTS.test(file.name)) return {};
  try {
    return delimiterIn(await file.slice(0, MOST_OF_LINES).text());
  } catch {
    return {}; // it is not there any more: what was brought is
  }
}
