/**
 * Which runners may take a job's runs: those with a tag, or any. A setting of the job.
 * Test hooks: `#runner-tag`, `#runner-tag-name`, `#runner-tag-errors`, `#runner-tag-done`.
 */

import { byId, setHidden, setText } from '../dom.js';

export class TagForm {
  #dialog = byId('runner-tag');
  #asked = null; // {check, onDone}

  constructor() {
    byId('runner-tag-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * `tag`: as it stands in the graph, which may have any error. `check(tag)` resolves to what is wrong with it, a sentence
   * each; `onDone(tag)` gets what nothing is wrong with, null for none.
   */
  open(tag, { check, onDone }) {
    this.#asked = { check, onDone };
    byId('runner-tag-name').value = tag === null ? '' : String(tag);
    this.#say([]);
    this.#dialog.showModal();
    byId('runner-tag-name').select();
  }

  async #submit() {
    const wanted = byId('runner-tag-name').value.trim() || null;
    const errors = wanted === null ? [] : await this.#asked.check(wanted);
    this.#say(errors);
    if (errors.length > 0) return;
    this.#dialog.close();
    this.#asked.onDone(wanted);
  }

  #say(errors) {
    setText(byId('runner-tag-errors'), errors.join('\n'));
    setHidden(byId('runner-tag-errors'), errors.length === 0);
  }
}
