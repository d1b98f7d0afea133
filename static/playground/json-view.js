/** A job as JSON in a dialog: check it, save it. Test hooks: `#json`, `#json-text`, `#json-errors`, `#json-check`, `#json-save`. */

import { byId, element, setText, takeEscape } from './dom.js';
import { confirmed } from './edit/confirm.js';
import { parseExactly } from './exact-json.js';

export class JsonView {
  #dialog = byId('json');
  #text = byId('json-text');
  #errors = byId('json-errors');
  #job = null; // {id, etag} of the job being edited; one object for each time that it is opened: what comes late for another changes nothing
  #saving = null; // the one whose save was not answered yet
  #before = ''; // the text that was there at first
  #announce;
  #check;
  #save;

  /**
   * `check(document)` resolves to the errors found, `save({id, etag}, document)` to whether it is saved; both
   * reject with a Problem.
   */
  constructor({ check, save, announce }) {
    this.#announce = announce;
    this.#check = check;
    this.#save = save;
    byId('json-check').addEventListener('click', () => this.#attempt((job) => this.#checkText(job)));
    byId('json-save').addEventListener('click', () => this.#attempt((job) => this.#saveText(job)));
    byId('json-close').addEventListener('click', () => this.#leave());
    takeEscape(this.#dialog, () => this.#leave());
    byId('json-form').addEventListener('submit', (event) => event.preventDefault());
    byId('json-file').addEventListener('change', (event) => this.#openFile(event.target));
  }

  /** Edit a job ({id, name, graph, etag}). */
  open(job) {
    this.#job = { id: job.id, etag: job.etag };
    setText(byId('json-title'), `Edit ${job.name}`);
    this.#text.value = asText(job);
    this.#before = this.#text.value;
    this.#tell('plain', []);
    this.#dialog.showModal();
    this.#text.focus();
    this.#text.setSelectionRange(0, 0);
    this.#text.scrollTop = 0;
  }

  // Not while it is saved: nobody could say that the job stays as it is.
  async #leave() {
    if (this.#saving === this.#job) return;
    const isAsItWas = this.#text.value === this.#before;
    if (isAsItWas || (await confirmed({ title: 'Discard what you wrote?', text: 'The job stays as it is.', yes: 'Discard' }))) this.#dialog.close();
  }

  async #checkText(job) {
    const errors = await this.#check(this.#document());
    if (job !== this.#job) return;
    if (errors.length > 0) this.#tell('error', errors.map(errorText));
    else this.#tell('good', ['No errors found.']);
  }

  async #saveText(job) {
    if (this.#saving === job) return;
    this.#saving = job;
    try {
      if ((await this.#save(job, this.#document())) && job === this.#job) this.#dialog.close();
    } finally {
      if (this.#saving === job) this.#saving = null;
    }
  }

  async #attempt(action) {
    const job = this.#job;
    try {
      await action(job);
    } catch (error) {
      if (job !== this.#job) return;
      const errors = error.errors ?? [];
      this.#tell('error', errors.length > 0 ? errors.map(errorText) : [error.message]);
    }
  }

  #document() {
    try {
      return parseExactly(this.#text.value);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}`);
    }
  }

  async #openFile(input) {
    const [file] = input.files;
    if (file !== undefined) this.#text.value = await file.text();
    input.value = '';
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
