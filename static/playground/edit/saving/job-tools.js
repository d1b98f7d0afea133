/**
 * What can be done with jobs as a whole: make, rename, duplicate, import, export, delete.
 * Test hooks: `#job-new`, `#job-import`, `#job-menu`, `.menu-item[data-key]`, `#job-rename`, `#job-files`.
 */

import { freeName } from '../../model/graphs.js';
import { byId, setHidden } from '../../parts/dom.js';
import { Menu } from '../../parts/lists/menu.js';
import { afterPress } from '../../parts/presses.js';
import { confirmed } from '../../parts/questions/confirm.js';
import { parseExactly } from '../../server/exact-json.js';
import { Making } from '../../server/making.js';
import { oneAtATime } from '../../server/one-at-a-time.js';
import { WebhooksDialog } from '../../webhooks/dialog.js';
import { deleteAsSeen, send } from './saving.js';

const NO_NODES = { nodes: [], edges: [] };
const MOST_NAME = 200; // characters, as the server has it

export class JobTools {
  #api;
  #host;
  #webhooks;
  #making;
  #renaming = null; // {id, name, then, isRefused}: the job whose name is being written, what has the focus after it, and whether it was not taken as it is

  /**
   * `host`: {draft() → {id, name, graph} or null, exported() → {name, graph} of a job that is only looked at, too, isDirty(), names() → [text], show(jobId), inTurn(jobId, work): after what writes the job already, settled(): once nothing writes the one at hand, renamed(job, before),
   * gone(jobId), discard(), editAsJson(), declareParameters(), setRetries(), setTag(), setKept(), attempt(work), say(text, tone, cause)}
   */
  constructor(api, host) {
    this.#api = api;
    this.#host = host;
    this.#making = new Making((document, key) => api.createJob(document, key));
    this.#webhooks = new WebhooksDialog(api, { tell: (text, cause) => host.say(text, 'error', cause) });
    new Menu(byId('job-menu'), byId('job-menu-list'), () => this.#items());
    byId('job-new').addEventListener('click', () => this.create());
    byId('job-import').addEventListener('click', () => this.chooseFiles());
    byId('job-files').addEventListener('change', (event) => this.#import(event.target));
    byId('job-name').addEventListener('dblclick', () => this.startRename());
    byId('job-rename').addEventListener('keydown', (event) => this.#onRenameKey(event));
    byId('job-rename').addEventListener('focus', () => (this.#renaming.isRefused = false));
    byId('job-rename').addEventListener('blur', () => afterPress(() => this.endRename())); // the buttons beside it move then
    this.#takeDroppedFiles();
  }

  /** @returns {import('../../parts/lists/menu.js').Entry[]} */
  #items() {
    const exporting = { key: 'export', label: 'Export as JSON', icon: 'download', run: () => this.export() };
    return this.#host.draft() === null ? [exporting] : this.#itemsOfDraft(exporting);
  }

  #itemsOfDraft(exporting) {
    /** @type {import('../../parts/lists/menu.js').Entry[]} */
    const entries = [
      { key: 'rename', label: 'Rename', icon: 'pencil', hint: 'F2', run: () => this.startRename() },
      { key: 'duplicate', label: 'Duplicate', icon: 'copy', run: () => this.duplicate() },
      { key: 'parameters', label: 'Parameters…', icon: 'braces', run: () => this.#host.declareParameters() },
      { key: 'retries', label: 'Retries…', icon: 'reload', run: () => this.#host.setRetries() },
      { key: 'kept', label: 'Keep outputs…', icon: 'table', run: () => this.#host.setKept() },
      { key: 'runners', label: 'Runners…', icon: 'cloud', run: () => this.#host.setTag() },
      { key: 'webhooks', label: 'Tell others…', icon: 'bell', run: () => this.#webhooks.open(this.#host.draft()) },
      { key: 'json', label: 'Edit as JSON', icon: 'braces', run: () => this.#host.editAsJson() },
      exporting,
    ];
    if (this.#host.isDirty()) entries.push({ key: 'discard', label: 'Discard changes', icon: 'undo', run: () => this.#discard() });
    entries.push({ key: 'delete', label: 'Delete…', icon: 'trash', danger: true, run: () => this.delete() });
    return entries;
  }

  chooseFiles() {
    byId('job-files').click();
  }

  /** Makes an empty job, and shows it. Resolves to whether it is there. */
  async create() {
    let isThere = false;
    await this.#attempt(async () => {
      const id = await this.make({ name: 'New job', graph: NO_NODES });
      if (id === null) return;
      if (this.#host.draft()?.id === id) this.startRename({ then: byId('graph') }); // where the first node is put with a key
      isThere = true;
    });
    return isThere;
  }

  /** Makes a job of a document, {name, graph}, and shows it; `onMade()`: once it is stored. Resolves to its id; to null where one was on its way already. */
  async make({ name, graph }, onMade = () => {}) {
    const made = await this.#makeAndTurn({ name, graph }, onMade);
    await made?.shown;
    return made?.id ?? null;
  }

  // One, however often it is pressed, until its page is there; who comes back while that still loads wants another one.
  #makeAndTurn = oneAtATime(async (wanted, onMade) => {
    const { id } = await this.#make(wanted);
    onMade();
    return { id, ...(await this.#host.turnTo(id)) };
  });

  #make(wanted) {
    return this.#makeBeside(new Set(this.#host.names()), wanted);
  }

  // `taken`: names that it does not get.
  #makeBeside(taken, wanted) {
    return this.#making.make(wanted, ({ name, graph }) => ({ name: freeName(name, taken), graph }));
  }

  async #show(jobId) {
    await (await this.#host.turnTo(jobId)).shown;
  }

  duplicate() {
    const draft = this.#host.draft();
    return this.#attempt(async () => {
      const copy = await this.#make({ name: `${shortened(draft.name)} copy`, graph: draft.graph });
      await this.#show(copy.id);
      this.#host.say(`Duplicated as ${copy.name}.`);
    });
  }

  delete = oneAtATime(async () => {
    const { id } = this.#host.draft();
    await this.#host.settled();
    const draft = this.#host.draft();
    if (draft?.id !== id) return; // the person has gone on
    const { name } = draft;
    const wanted = await confirmed({
      title: `Delete “${name}”?`,
      text: 'Its runs and their logs are deleted with it. This cannot be taken back; an export of it could be imported again.',
      yes: 'Delete',
    });
    if (!wanted) return;
    await this.#attempt(async () => {
      if (!(await deleteAsSeen(this.#api, draft))) return;
      await this.#host.gone(id);
      this.#host.say(`Deleted ${name}.`);
    });
  });

  export() {
    const { name, graph } = this.#host.exported();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${JSON.stringify({ name, graph }, null, 2)}\n`], { type: 'application/json' }));
    link.download = `${fileName(name)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // ---- rename: in place of the title

  /** `then`: what has the focus after it. */
  startRename({ then = byId('job-menu') } = {}) {
    const draft = this.#host.draft();
    if (draft === null) return;
    const { id, name } = draft;
    const input = byId('job-rename');
    const isWritten = this.#renaming?.id === id;
    if (!isWritten) this.#offerName({ id, name, then, isRefused: false }, name);
    input.focus();
    if (!isWritten) input.select();
  }

  #offerName(renaming, written) {
    this.#renaming = renaming;
    const input = byId('job-rename');
    input.value = written;
    input.maxLength = MOST_NAME;
    setHidden(input, false);
    setHidden(byId('job-name'), true);
  }

  #onRenameKey(event) {
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault();
    event.stopPropagation();
    const { then } = this.#renaming;
    this.endRename({ keep: event.key === 'Enter' });
    then.focus({ preventScroll: true });
  }

  /** The name that is being written is that of its job, also where the person has gone on to another one. */
  endRename({ keep = true } = {}) {
    if (this.#renaming === null) return;
    const renaming = this.#renaming;
    this.#renaming = null;
    const input = byId('job-rename');
    setHidden(input, true);
    setHidden(byId('job-name'), false);
    const name = input.value.trim();
    if (keep && !renaming.isRefused && name !== '' && name !== renaming.name) this.#keepName(renaming, name);
  }

  // What cannot be kept, as while nobody is signed in, is there still, for who comes back to it; whoever writes elsewhere meanwhile goes on there.
  async #keepName(renaming, name) {
    const { id } = renaming;
    const isKept = await this.#attempt(() => this.#host.inTurn(id, () => this.#rename(id, name)));
    if (!isKept && this.#renaming === null && this.#host.draft()?.id === id) this.#offerName({ ...renaming, isRefused: true }, name);
  }

  // With the graph that is stored: what is being edited is saved when the person says so.
  async #rename(jobId, name) {
    const stored = await this.#api.job(jobId);
    await this.#host.renamed(await send(this.#api, stored, { name, graph: stored.asStored }), stored);
  }

  async #discard() {
    const wanted = await confirmed({ title: 'Discard your changes?', text: 'The graph goes back to what was saved last.', yes: 'Discard' });
    if (wanted) this.#host.discard();
  }

  // ---- files

  async #import(input) {
    const files = [...input.files];
    input.value = '';
    await this.#importAll(files);
  }

  async #importAll(files) {
    const jobs = [];
    for (const file of files) {
      const read = await readJob(file);
      if (read.error === undefined) jobs.push({ ...read.job, file: file.name });
      else return this.#host.say(`${file.name} ${read.error}`, 'error');
    }
    const made = [];
    let wrong = null;
    await this.#attempt(() => this.#makeAll(jobs, made).catch((problem) => (wrong = named(problem, jobs[made.length].file, made.length))));
    if (made.length > 0) await this.#show(made.at(-1).id);
    if (wrong !== null) return this.#host.say(wrong, 'error');
    if (made.length > 0) this.#host.say(made.length === 1 ? `Imported ${made[0].name}.` : `Imported ${made.length} jobs.`);
    return undefined;
  }

  // `made` takes each job as soon as it is there.
  async #makeAll(jobs, made) {
    const taken = new Set(this.#host.names());
    for (const { name, graph } of jobs) {
      made.push(await this.#makeBeside(taken, { name, graph }));
      taken.add(made.at(-1).name);
    }
  }

  #takeDroppedFiles() {
    const isFile = (event) => event.dataTransfer?.types.includes('Files');
    document.addEventListener('dragover', (event) => isFile(event) && event.preventDefault());
    document.addEventListener('drop', (event) => {
      if (!isFile(event)) return;
      event.preventDefault(); // the browser would leave the page for the file
      if (document.querySelector('dialog[open]') === null) this.#importAll([...event.dataTransfer.files]);
    });
  }

  #attempt(work) {
    return this.#host.attempt(work);
  }
}

// What kept a file from being imported. Throws what is a fault of this page, and that nobody is let in.
function named(problem, file, before) {
  if (problem.status === undefined || problem.status === 401) throw problem;
  const imported = before === 0 ? '' : before === 1 ? ' The file before it is imported.' : ` The ${before} files before it are imported.`;
  return `${file} is not imported: ${problem.message}${imported}`;
}

async function readJob(file) {
  let document;
  try {
    document = parseExactly(await file.text());
  } catch (error) {
    if (!/\.json$/i.test(file.name)) {
      return {
        error:
          'is not a job: only jobs are imported, from JSON files. To read the rows of a CSV, NDJSON, Parquet or Excel file, drop it on the canvas of a job.',
      };
    }
    return { error: `is not JSON: ${error.message}` };
  }
  if (Array.isArray(document)) return { error: 'is a list, and no job. To read its rows, upload it where the path of an NDJSON Input is chosen.' };
  const graph = document?.graph ?? document;
  if (!Array.isArray(graph?.nodes)) return { error: 'holds no job: it needs a graph with nodes and edges.' };
  const name = typeof document.name === 'string' && document.name.trim() !== '' ? document.name.trim() : file.name.replace(/\.json$/i, '');
  return { job: { name: shortened(name), graph: { ...graph, edges: graph.edges ?? [] } } };
}

// With room for a number or "copy"; never half of a character, which the server refuses.
function shortened(name) {
  return [...name].slice(0, MOST_NAME - 10).join('');
}

function fileName(name) {
  return [...name.replace(/[^\p{L}\p{N}._ -]+/gu, '-').trim()].slice(0, 80).join('') || 'job';
}
