/**
 * A dialog about one setting of a job, which the server checks before it is taken.
 * Test hooks, for the dialog `#<id>`: `#<id>-errors`, `#<id>-done`, and those of its fields.
 */

import { byId, setHidden, setText } from '../dom.js';

export class CheckedForm {
  #id;
  #parts; // {fill, read, first}
  #asked = null; // {check, onDone}; null while it is closed

  /** `id`: of the dialog. `fill(value)` writes its fields, `read()` gives what they say, null for none; `first`: the id of the field to begin with. */
  constructor(id, { fill, read, first }) {
    this.#id = id;
    this.#parts = { fill, read, first };
    byId(`${id}-form`).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId(id).addEventListener('close', () => byId(id).open || (this.#asked = null));
  }

  /**
   * `value`: as it stands in the graph, which may have any error. `check(value)` resolves to what is wrong with it, a sentence
   * each; `onDone(value)` gets what nothing is wrong with, null for none.
   */
  open(value, { check, onDone }) {
    this.#asked = { check, onDone };
    this.#parts.fill(value);
    this.#say([]);
    byId(this.#id).showModal();
    byId(this.#parts.first).select();
  }

  // What is written while the server looks is looked at, too: it would go with the dialog.
  async #submit() {
    const asked = this.#asked;
    const wanted = this.#parts.read();
    const errors = wanted === null ? [] : await asked.check(wanted);
    if (asked !== this.#asked || !byId(this.#id).open) return undefined; // closed meanwhile
    if (JSON.stringify(wanted) !== JSON.stringify(this.#parts.read())) return this.#submit();
    this.#say(errors);
    if (errors.length > 0) return undefined;
    byId(this.#id).close();
    return asked.onDone(wanted);
  }

  #say(errors) {
    setText(byId(`${this.#id}-errors`), errors.join('\n'));
    setHidden(byId(`${this.#id}-errors`), errors.length === 0);
  }
}
