/**
 * A dialog to pick one of many by typing: node types to add, nodes to connect to. The list follows the text; arrows
 * move in it, Enter picks. Test hooks: `#picker`, `#picker-text`, `.picker-item[data-key]`.
 */

import { byId, element, icon, setAttribute, setHidden, setText } from '../dom.js';

export class Picker {
  #dialog = byId('picker');
  #text = byId('picker-text');
  #list = byId('picker-list');
  #items = []; // {key, label, hint, icon}
  #shown = []; // those that match
  #active = 0;
  #onPick = (_key) => undefined;
  #announce;

  constructor({ announce }) {
    this.#announce = announce;
    this.#text.addEventListener('input', () => this.#filter());
    this.#text.addEventListener('keydown', (event) => this.#onKey(event));
    byId('picker-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#pick(this.#active);
    });
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // beside it
    });
    this.#list.addEventListener('click', (event) => {
      const item = event.target.closest('.picker-item');
      if (item !== null) this.#pick([...this.#list.children].indexOf(item));
    });
  }

  /** `items`: [{key, label, hint, icon}]; `onPick(key)`; `empty`: what to say when there is nothing to pick. */
  open({ title, items, empty, onPick }) {
    this.#items = items;
    this.#onPick = onPick;
    setText(byId('picker-title'), title);
    setText(byId('picker-empty'), items.length === 0 ? empty : 'Nothing matches.');
    this.#text.value = '';
    this.#filter();
    this.#dialog.showModal();
    this.#text.focus();
  }

  #filter() {
    const words = this.#text.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
    const matches = ({ label, hint }) => words.every((word) => `${label} ${hint}`.toLowerCase().includes(word));
    const begins = ({ label }) => words.length > 0 && label.toLowerCase().startsWith(words.join(' '));
    const found = this.#items.filter(matches);
    this.#shown = [...found.filter(begins), ...found.filter((item) => !begins(item))];
    this.#list.replaceChildren(...this.#shown.map(itemElement));
    setHidden(byId('picker-empty'), this.#shown.length > 0);
    if (this.#shown.length === 0 && this.#dialog.open) this.#announce(byId('picker-empty').textContent);
    this.#activate(0);
  }

  #activate(index) {
    this.#active = Math.min(Math.max(0, index), Math.max(0, this.#shown.length - 1));
    [...this.#list.children].forEach((item, place) => setAttribute(item, 'aria-selected', String(place === this.#active)));
    const active = this.#list.children[this.#active];
    active?.scrollIntoView({ block: 'nearest' });
    if (active === undefined) this.#text.removeAttribute('aria-activedescendant');
    else this.#text.setAttribute('aria-activedescendant', active.id);
  }

  #onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (steps[event.key] === undefined) return;
    event.preventDefault();
    this.#activate(this.#active + steps[event.key]);
  }

  #pick(index) {
    const item = this.#shown[index];
    if (item === undefined) return;
    this.#dialog.close();
    this.#onPick(item.key);
  }
}

function itemElement({ key, label, hint, icon: name }, place) {
  const made = element('li', 'picker-item', icon(name), element('span', 'picker-label', label), element('span', 'picker-hint', hint));
  made.id = `picker-item-${place}`;
  made.dataset.key = String(key);
  made.setAttribute('role', 'option');
  return made;
}
