/**
 * A field for a text of one line or more. Enter sends its form, as in a field of one line; Shift+Enter begins a line.
 */

import { element } from '../dom.js';
import { growing } from './growing.js';

const made = new WeakMap(); // box → {text, shown}: what it was made with, and how a browser shows that

export function textBox(text) {
  const box = element('textarea', 'text-box');
  box.rows = 1;
  box.autocomplete = 'off';
  box.spellcheck = false;
  box.value = text;
  growing(box);
  made.set(box, { text, shown: box.value });
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    box.form.requestSubmit();
  });
  return box;
}

/** What stands in a field. A box that nobody changed gives the text that it was made with, whose line ends it may show as others. */
export function textIn(field) {
  const begun = made.get(field);
  return begun?.shown === field.value ? begun.text : field.value;
}
