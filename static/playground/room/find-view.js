/**
 * The dialog that finds a node, a job or a command by some of its letters: arrows move in the list, Enter goes there, Escape
 * gives the focus back. Test hooks: `#find`, `#find-text`, `.find-item[data-kind]`, `#find-open`.
 */

import { byId, element, icon, setAttribute, setHidden, setText } from '../dom.js';
import { keyNames } from '../edit/keys.js';
import { IS_MAC } from '../edit/help.js';
import { found } from './find.js';

/** Rows of the list: more are found by typing more. */
const MOST_SHOWN = 60;

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

const KINDS = { node: 'Node', job: 'Job', command: 'Command' };

export class FindView {
  #dialog = byId('find');
  #text = byId('find-text');
  #list = byId('find-list');
  #items = [];
  #shown = [];
  #active = 0;
  #itemsNow;
  #announce;

  /** `items()`: [{kind: 'node' | 'job' | 'command', label, hint, icon, run()}] at the moment of opening; `announce(text)`. */
  constructor({ items, announce }) {
    this.#itemsNow = items;
    this.#announce = announce;
    byId('find-open').addEventListener('click', () => this.open());
    setText(byId('find-key'), keyNames('Mod+K', IS_MAC));
    this.#text.addEventListener('input', () => this.#filter());
    this.#dialog.addEventListener('keydown', (event) => this.#onKey(event));
    byId('find-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#go(this.#active);
    });
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close()); // beside it
    this.#list.addEventListener('click', ({ target }) => {
      const item = target.closest('.find-item');
      if (item !== null) this.#go([...this.#list.children].indexOf(item));
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#items = this.#itemsNow();
    this.#text.value = '';
    this.#dialog.showModal();
    this.#filter();
    this.#text.focus();
  }

  #filter() {
    const all = found(this.#items, this.#text.value);
    this.#shown = all.slice(0, MOST_SHOWN);
    this.#list.replaceChildren(...this.#shown.map(itemElement));
    const more = all.length - this.#shown.length;
    const note = all.length === 0 ? 'Nothing is called like that.' : more > 0 ? `${more} more; type more letters.` : '';
    setText(byId('find-note'), note);
    setHidden(byId('find-note'), note === '');
    if (this.#text.value !== '') this.#announce(all.length === 0 ? note : `${all.length} found.`);
    this.#activate(0);
  }

  #activate(index) {
    this.#active = Math.min(Math.max(0, index), Math.max(0, this.#shown.length - 1));
    [...this.#list.children].forEach((item, place) => setAttribute(item, 'aria-selected', String(place === this.#active)));
    const active = this.#list.children[this.#active];
    active?.scrollIntoView({ block: 'nearest' });
    setAttribute(this.#text, 'aria-activedescendant', active?.id ?? '');
  }

  #onKey(event) {
    const isOwnKey = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey);
    if (STEPS[event.key] === undefined && !isOwnKey) return;
    event.preventDefault();
    if (isOwnKey) this.#dialog.close();
    else this.#activate(this.#active + STEPS[event.key]);
  }

  // The dialog gives the focus back when it closes; what is gone to may then take it.
  #go(index) {
    const item = this.#shown[index];
    if (item === undefined) return;
    this.#dialog.close();
    item.run();
  }
}

function itemElement({ kind, label, hint = '', key = '', icon: name, places }, place) {
  const told = element('span', 'find-label', ...marked(label, places));
  told.dir = 'auto';
  const made = element('li', 'find-item', icon(name), told, element('span', 'find-hint', hint), element('span', 'find-kind', KINDS[kind]));
  if (key !== '') made.lastElementChild.replaceChildren(element('kbd', '', keyNames(key, IS_MAC)));
  made.id = `find-item-${place}`;
  made.dataset.kind = kind;
  made.setAttribute('role', 'option');
  return made;
}

// The label with the letters that were meant in <mark>, as few of them as can be.
function marked(label, places) {
  const parts = [];
  [...label.split('').keys()].forEach((place) => {
    const isMeant = places.has(place);
    if (parts.at(-1)?.isMeant === isMeant) parts.at(-1).text += label[place];
    else parts.push({ isMeant, text: label[place] });
  });
  return parts.map(({ isMeant, text }) => (isMeant ? element('mark', '', text) : text));
}
