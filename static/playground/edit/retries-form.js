/**
 * How often a run that failed is tried again, and after which wait: a setting of the job.
 * Test hooks: `#retries`, `#retries-count`, `#retries-wait`, `#retries-cap`, `#retries-errors`, `#retries-done`.
 */

import { byId, setHidden, setText } from '../dom.js';

/** What a graph that names a count alone means, in seconds. */
const OTHERWISE = { count: 0, wait: 60, cap: 3_600 };

export class RetriesForm {
  #dialog = byId('retries');
  #asked = null; // {check, onDone}

  constructor() {
    byId('retries-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * `retries`: as they stand in the graph, which may have any error. `check(retries)` resolves to what is wrong with them, a
   * sentence each; `onDone(retries)` gets what nothing is wrong with, null for none.
   */
  open(retries, { check, onDone }) {
    this.#asked = { check, onDone };
    const known = { ...OTHERWISE, ...(typeof retries === 'object' ? retries : {}) };
    for (const name of Object.keys(OTHERWISE)) byId(`retries-${name}`).value = String(known[name]);
    this.#say([]);
    this.#dialog.showModal();
    byId('retries-count').select();
  }

  async #submit() {
    const retries = Object.fromEntries(Object.keys(OTHERWISE).map((name) => [name, numberOf(byId(`retries-${name}`).value)]));
    const wanted = retries.count === 0 ? null : retries;
    const errors = wanted === null ? [] : await this.#asked.check(wanted);
    this.#say(errors);
    if (errors.length > 0) return;
    this.#dialog.close();
    this.#asked.onDone(wanted);
  }

  #say(errors) {
    setText(byId('retries-errors'), errors.join('\n'));
    setHidden(byId('retries-errors'), errors.length === 0);
  }
}

// What is no whole number goes to the server as it is, which says so.
function numberOf(text) {
  return /^\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}
