/** A job as JSON in a dialog: check it, save it. Test hooks: `#json`, `#json-text`, `#json-errors`, `#json-check`, `#json-save`. */

import { byId, element, setText } from './dom.js';
import { confirmed } from './edit/confirm.js';
import { parseExactly } from './exact-json.js';
import { oneAtATime } from './one-at-a-time.js';

export class JsonView {
  #dialog = byId('json');
  #text = byId('json-text');
  #errors = byId('json-errors');
  #job = null; // {id, etag} of the job being edited
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
    byId('json-check').addEventListener('click', () => this.#attempt(() => this.#checkText()));
    byId('json-save').addEventListener('click', oneAtATime(() => this.#attempt(() => this.#saveText())));
    byId('json-close').addEventListener('click', () => this.#leave());
    for (const name of ['cancel', 'keydown']) this.#dialog.addEventListener(name, (event) => this.#onEscape(event));
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

  // A second Escape would close the dialog, whatever becomes of its `cancel`: the key is taken.
  #onEscape(event) {
    if (event.target !== this.#dialog && event.type === 'cancel') return; // of the choice of a file
    if (event.type === 'keydown' && event.key !== 'Escape') return;
    event.preventDefault();
    this.#leave();
  }

  async #leave() {
    const isAsItWas = this.#text.value === this.#before;
    if (isAsItWas || (await confirmed({ title: 'Discard what you wrote?', text: 'The job stays as it is.', yes: 'Discard' }))) this.#dialog.close();
  }

  async #checkText() {
    const errors = await this.#check(this.#document());
    if (errors.length > 0) this.#tell('error', errors.map(errorText));
    else this.#tell('good', ['No errors found.']);
  }

  async #saveText() {
    if (await this.#save(this.#job, this.#document())) this.#dialog.close();
  }

  async #attempt(action) {
    try {
      await action();
    } catch (error) {
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
