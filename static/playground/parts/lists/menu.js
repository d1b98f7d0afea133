/** Menus: arrows, Home, End and first letters move in them, Escape and Tab leave them. */

import { byId, element, icon, room, setAttribute, setHidden } from '../dom.js';

/** @typedef {{ key: string, label: string, icon: string, hint?: string, danger?: boolean, run: () => unknown }} Entry */

/** The items of a menu and the keys in it; where it stands and what opens it is its owner's business. */
export class MenuList {
  #list;
  #onClose;

  /** `onClose({refocus})`: it has closed; `refocus`: the keyboard was in it and has nowhere to go. */
  constructor(list, onClose) {
    this.#list = list;
    this.#onClose = onClose;
    list.addEventListener('keydown', (event) => this.#onKey(event));
    list.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  get isOpen() {
    return !this.#list.hidden;
  }

  /** @param {Entry[]} items */
  open(items) {
    this.#list.replaceChildren(...items.map((item) => this.#element(item)));
    this.#list.hidden = false;
    this.#list.firstElementChild?.focus({ preventScroll: true }); // its owner has yet to say where it stands
  }

  close({ refocus = true } = {}) {
    if (!this.isOpen) return;
    this.#list.hidden = true;
    this.#onClose({ refocus });
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

/** A button that opens a menu. */
export class Menu {
  #button;
  #box;
  #list;
  #itemsOf;

  /** `itemsOf()`: the items at the moment of opening, as MenuList takes them. */
  constructor(button, list, itemsOf) {
    this.#button = button;
    this.#box = list;
    this.#list = new MenuList(list, ({ refocus }) => this.#onClose(refocus));
    this.#itemsOf = itemsOf;
    button.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    button.addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      this.open();
    });
    closesBeside(this.#list, [list, button]);
  }

  get isOpen() {
    return this.#list.isOpen;
  }

  open() {
    this.#list.open(this.#itemsOf());
    this.#box.style.left = '0'; // below the left end of its button, unless the window ends before it does
    this.#box.style.left = `${Math.min(0, room().width - 4 - this.#box.getBoundingClientRect().right)}px`;
    setAttribute(this.#button, 'aria-expanded', 'true');
  }

  close(how) {
    this.#list.close(how);
  }

  #onClose(refocus) {
    setAttribute(this.#button, 'aria-expanded', 'false');
    if (refocus) this.#button.focus();
  }
}

/** The menu of whatever is under the pointer, or has the keyboard. Test hook: `#here-menu`. */
export class MenuHere {
  #box = byId('here-menu');
  #list = new MenuList(this.#box, ({ refocus }) => refocus && this.#refocus());
  #refocus = () => undefined;

  constructor() {
    closesBeside(this.#list, [this.#box]);
    for (const change of ['blur', 'resize']) window.addEventListener(change, () => this.#list.close({ refocus: false }));
  }

  /** Open at a point of the window; `label`: what it is about; `refocus()`: gives the keyboard back to that, before an item runs. */
  open({ label, items, clientX, clientY, refocus }) {
    this.#refocus = refocus;
    setAttribute(this.#box, 'aria-label', label);
    setHidden(this.#box, false); // to be measured; what is in it is yet another menu's
    this.#list.open(items);
    const { width, height } = this.#box.getBoundingClientRect();
    this.#box.style.left = `${Math.max(4, Math.min(clientX, room().width - width - 4))}px`;
    this.#box.style.top = `${Math.max(4, Math.min(clientY, room().height - height - 4))}px`;
  }
}

// A press beside the menu closes it, and so does the focus when it goes elsewhere. (In Safari a button that is pressed takes no focus, and the
// menu's own would close it, to open it again by its click.)
function closesBeside(menu, parts) {
  const isInside = (target) => parts.some((part) => part.contains(target));
  parts[0].addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget !== null && !isInside(relatedTarget)) menu.close({ refocus: false });
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (menu.isOpen && !isInside(target)) menu.close({ refocus: false });
  }, { capture: true });
}
