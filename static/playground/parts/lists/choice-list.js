/**
 * A dialog to choose one of a list by typing: the arrows move in the list, Enter or a click chooses, Escape or a press beside it closes. What
 * the text finds, and how an item looks, is its owner's business. Owns which item is active.
 */

import { setAttribute } from '../dom.js';

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

export class ChoiceList {
  #dialog;
  #text;
  #list;
  #elementOf;
  #idOf;
  #onText;
  #onChoose;
  #items = [];
  #active = 0;
  #beganBeside = false; // the last press; one that began in the text and ends beside the dialog selects

  /**
   * `dialog`, with a form in it; `text`: its input; `list`: its list box. `elementOf(item)` → an element; `idOf(item)` → a text by
   * which it is known again; `onText(text)`: show what it finds; `onChoose(item)`: the dialog has closed.
   */
  constructor({ dialog, text, list, elementOf, idOf, onText, onChoose }) {
    this.#dialog = dialog;
    this.#text = text;
    this.#list = list;
    this.#elementOf = elementOf;
    this.#idOf = idOf;
    this.#onText = onText;
    this.#onChoose = onChoose;
    text.addEventListener('input', () => onText(text.value));
    dialog.addEventListener('keydown', (event) => this.#onKey(event));
    dialog.addEventListener('pointerdown', ({ target }) => {
      this.#beganBeside = target === dialog;
    });
    dialog.addEventListener('click', ({ target }) => target === dialog && this.#beganBeside && dialog.close());
    dialog.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#choose(this.#active);
    });
    list.addEventListener('click', ({ target }) => {
      const item = target.closest('[role="option"]');
      if (item !== null) this.#choose([...list.children].indexOf(item));
    });
  }

  open() {
    this.#text.value = '';
    this.#dialog.showModal();
    this.#onText('');
    this.#text.focus();
  }

  get isOpen() {
    return this.#dialog.open;
  }

  close() {
    this.#dialog.close();
  }

  /** These are what can be chosen now; the first one is active. */
  show(items) {
    this.#items = items;
    this.#list.replaceChildren(...items.map((item, place) => this.#option(item, place)));
    this.#activate(0);
  }

  /** There is more to choose from. What is active stays so where the person came to it: Enter may be on its way. */
  refresh() {
    if (!this.isOpen) return;
    const isFirst = this.#active === 0 && this.#text.value === '';
    const active = isFirst ? undefined : this.#items[this.#active];
    this.#onText(this.#text.value);
    if (active !== undefined) this.#activate(this.#items.findIndex((item) => this.#idOf(item) === this.#idOf(active)));
  }

  #option(item, place) {
    const made = this.#elementOf(item);
    made.id = `${this.#list.id}-${place}`;
    made.setAttribute('role', 'option');
    return made;
  }

  #activate(index) {
    this.#active = Math.min(Math.max(0, index), Math.max(0, this.#items.length - 1));
    [...this.#list.children].forEach((item, place) => setAttribute(item, 'aria-selected', String(place === this.#active)));
    const active = this.#list.children[this.#active];
    active?.scrollIntoView({ block: 'nearest' });
    if (active === undefined) this.#text.removeAttribute('aria-activedescendant');
    else setAttribute(this.#text, 'aria-activedescendant', active.id);
  }

  #onKey(event) {
    if (STEPS[event.key] === undefined) return;
    event.preventDefault();
    this.#activate(this.#active + STEPS[event.key]);
  }

  // The dialog gives the focus back when it closes; what was chosen may then take it.
  #choose(index) {
    const item = this.#items[index];
    if (item === undefined) return;
    this.#dialog.close();
    this.#onChoose(item);
  }
}
