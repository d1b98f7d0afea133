/** A button that opens a menu: arrows, Home, End and first letters move in it, Escape and Tab leave it. */

import { element, icon, setAttribute } from '../dom.js';

export class Menu {
  #button;
  #list;
  #itemsOf;

  /** `itemsOf()`: [{key, label, icon, hint, danger, run()}] at the moment of opening. */
  constructor(button, list, itemsOf) {
    this.#button = button;
    this.#list = list;
    this.#itemsOf = itemsOf;
    button.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    button.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      this.open();
    });
    list.addEventListener('keydown', (event) => this.#onKey(event));
    list.addEventListener('focusout', (event) => {
      if (!list.contains(event.relatedTarget) && event.relatedTarget !== button) this.close({ refocus: false });
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (this.isOpen && !list.contains(target) && !button.contains(target)) this.close({ refocus: false });
    });
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  open() {
    this.#list.replaceChildren(...this.#itemsOf().map((item) => this.#element(item)));
    this.#list.hidden = false;
    setAttribute(this.#button, 'aria-expanded', 'true');
    this.#list.firstElementChild?.focus();
  }

  close({ refocus = true } = {}) {
    if (!this.isOpen) return;
    this.#list.hidden = true;
    setAttribute(this.#button, 'aria-expanded', 'false');
    if (refocus) this.#button.focus();
  }

  #element({ key, label, icon: name, hint = '', danger = false, run }) {
    const made = element('button', 'menu-item', icon(name), element('span', '', label), element('kbd', '', hint));
    made.type = 'button';
    made.tabIndex = -1;
    made.dataset.key = key;
    made.setAttribute('role', 'menuitem');
    if (danger) made.dataset.tone = 'error';
    made.addEventListener('click', () => {
      this.close();
      run();
    });
    return made;
  }

  #onKey(event) {
    const items = [...this.#list.children];
    const at = items.indexOf(document.activeElement);
    const places = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 };
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Tab') return this.close({ refocus: false });
    else if (places[event.key] !== undefined) items[places[event.key]].focus();
    else if (event.key.length === 1 && /\S/.test(event.key)) this.#find(items, at, event.key.toLowerCase());
    else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  }

  #find(items, at, letter) {
    const after = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    after.find((item) => item.querySelector('span').textContent.toLowerCase().startsWith(letter))?.focus();
  }
}
