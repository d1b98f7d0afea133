/** A job as JSON in a dialog: check it, save it. Test hooks: `#json`, `#json-text`, `#json-errors`, `#json-check`, `#json-save`. */

import { isSave } from '../../help/keys.js';
import { byId, element, setText } from '../../parts/dom.js';
import { keepWritten } from '../../parts/questions/unsaved.js';
import { parseExactly } from '../../server/exact-json.js';

export class JsonView {
  #dialog = byId('json');
  #text = byId('json-text');
  #errors = byId('json-errors');
  #job = null; // {id, name, etag} of the job being edited; one object for each time that it is opened: what comes late for another changes nothing
  #saving = null; // the one whose save was not answered yet
  #before = ''; // the text that was there at first
  #announce;
  #check;
  #save;
  #say;

  /**
   * `check(document)` resolves to the errors found, `save({id, etag}, document)` to whether it is saved; both
   * reject with a Problem. `say(text)`: why it is not saved, to a person who has left the dialog.
   */
  constructor({ check, save, announce, say }) {
    this.#announce = announce;
    this.#say = say;
    this.#check = check;
    this.#save = save;
    byId('json-check').addEventListener('click', () => this.#attempt((job) => this.#checkText(job)));
    byId('json-save').addEventListener('click', () => this.#attempt((job) => this.#saveText(job), { isSaving: true }));
    keepWritten(this.#dialog, {
      holds: () => this.#text.value !== this.#before,
      isBusy: () => this.#saving === this.#job,
      close: byId('json-close'),
      text: 'The job stays as it is.',
    });
    this.#text.addEventListener('input', () => this.#errors.dataset.tone === 'good' && this.#tell('plain', [])); // that was of another text
    byId('json-form').addEventListener('submit', (event) => event.preventDefault());
    this.#dialog.addEventListener('keydown', (event) => isSave(event) && !event.repeat && byId('json-save').click());
    byId('json-file').addEventListener('change', ({ target }) => {
      this.#openFile(target.files[0]);
      target.value = '';
    });
    this.#dialog.addEventListener('drop', ({ dataTransfer }) => this.#openFile(dataTransfer?.files[0]));
  }

  /** Edit a job ({id, name, graph, etag}). */
  open(job) {
    this.#job = { id: job.id, name: job.name, etag: job.etag };
    this.#text.readOnly = false;
    setText(byId('json-title'), `Edit ${job.name}`);
    this.#text.value = asText(job);
    this.#before = this.#text.value;
    this.#tell('plain', []);
    this.#dialog.showModal();
    this.#text.focus();
    this.#text.setSelectionRange(0, 0);
    this.#text.scrollTop = 0;
  }

  async #checkText(job) {
    const { value } = this.#text;
    const errors = await this.#check(this.#document());
    if (job !== this.#job) return;
    if (errors.length > 0) this.#tell('error', errors.map(errorText));
    else if (value === this.#text.value) this.#tell('good', ['No errors found.']);
  }

  async #saveText(job) {
    if (this.#saving === job) return;
    this.#saving = job;
    this.#text.readOnly = true; // what would be written now would go with the dialog
    try {
      if ((await this.#save(job, this.#document())) && job === this.#job) this.#dialog.close();
    } finally {
      if (this.#saving === job) this.#saving = null;
      if (job === this.#job) this.#text.readOnly = false;
    }
  }

  async #attempt(action, { isSaving = false } = {}) {
    const job = this.#job;
    try {
      await action(job);
    } catch (error) {
      const errors = error.errors ?? [];
      const lines = errors.length > 0 ? errors.map(errorText) : [error.message];
      if (job === this.#job && this.#dialog.open) this.#tell('error', lines);
      else if (isSaving) this.#say(`${job.name} is not saved: ${lines.join('\n')}`);
    }
  }

  #document() {
    try {
      return parseExactly(this.#text.value);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
  }

  // What comes late is for no other job.
  async #openFile(file) {
    if (file === undefined) return;
    const job = this.#job;
    const text = await file.text().catch(() => null);
    if (job !== this.#job) return;
    if (this.#saving === job) this.#tell('error', [`${file.name} is not opened: the job is being saved.`]);
    else if (text === null) this.#tell('error', [`${file.name} cannot be read.`]);
    else {
      this.#text.value = text;
      this.#tell('plain', []);
    }
  }

  #tell(tone, lines) {
    this.#errors.dataset.tone = tone;
    if (lines.length > 0) this.#announce(lines.join('. '));
    this.#errors.replaceChildren(element('ul', '', ...lines.map((line) => element('li', '', line))));
  }
}

// In the order in which a person reads a graph, whatever order it was stored in.
function asText({ name, graph }) {
  const nodes = inOrder(graph.nodes, ['id', 'type', 'name', 'config', 'position']);
  return JSON.stringify({ name, graph: { ...graph, nodes, edges: inOrder(graph.edges, ['from', 'fromPort', 'to', 'toPort']) } }, null, 2);
}

// What is no list of objects stays as it is: a graph may be stored with any error.
function inOrder(entries, members) {
  if (!Array.isArray(entries)) return entries;
  return entries.map((entry) => (entry !== null && typeof entry === 'object' && !Array.isArray(entry) ? { ...ordered(entry, members), ...entry } : entry));
}

function ordered(entry, members) {
  return Object.fromEntries(members.filter((member) => member in entry).map((member) => [member, entry[member]]));
}

function errorText({ nodeId, field, message }) {
  const place = [nodeId === null ? null : `Node ${nodeId}`, field].filter((part) => part !== null).join(', ');
  return place === '' ? message : `${place}: ${message}`;
}
