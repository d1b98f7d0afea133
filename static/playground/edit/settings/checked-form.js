/**
 * A dialog about one setting of a job, which the server checks before it is taken.
 * Test hooks, for the dialog `#<id>`: `#<id>-errors`, `#<id>-done`, and those of its fields.
 */

import { byId, setHidden, setText } from '../../parts/dom.js';
import { answered, keepWritten } from '../../parts/questions/unsaved.js';

export class CheckedForm {
  #id;
  #parts; // {fill, read, first}
  #asked = null; // {check, onDone}; null while it is closed
  #before = ''; // what its fields said at first

  /**
   * `id`: of the dialog. `fill(value)` writes its fields, `read()` gives what they say, null for none; `first`: the id of the field to begin with,
   * null for the first one. `stays`: who leaves it with something written is asked first, and told by this that nothing changes; null: is not asked.
   */
  constructor(id, { fill, read, first = null, stays = null }) {
    this.#id = id;
    this.#parts = { fill, read, first };
    if (stays !== null) keepWritten(byId(id), { holds: () => this.#written !== this.#before, close: byId(`${id}-close`), text: stays });
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
    this.#before = this.#written;
    this.#say([]);
    byId(this.#id).showModal();
    if (this.#parts.first !== null) byId(this.#parts.first).select();
  }

  get #written() {
    return JSON.stringify(this.#parts.read());
  }

  // What is written while the server looks is looked at, too: it would go with the dialog.
  async #submit() {
    const asked = this.#asked;
    const written = this.#written;
    const wanted = this.#parts.read();
    const errors = wanted === null ? [] : await asked.check(wanted);
    await answered(); // who is asked whether it may go may want none of it
    if (asked !== this.#asked || !byId(this.#id).open) return undefined; // closed meanwhile
    if (written !== this.#written) return this.#submit();
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
