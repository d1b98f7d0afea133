/**
 * Elements of a list by key: those that stay are kept, with the focus that one of them has, and only what changed is moved. Where the one goes that
 * has it, the next one gets it, at what comes first in it: not at a button of the same name, which would be pressed once more.
 */

import { closest, focusContent, focused } from '../dom.js';

const REACHED = 'a[href], button, input';

export class KeyedList {
  #parent;
  #make;
  #elements = new Map(); // key → {element, …parts}

  /** `make(entry)` gives {element, …parts} for an entry that was not there. */
  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  /** Shows `entries` in their order: `draw(made, entry)` for each. */
  show(entries, keyOf, draw) {
    const before = focused();
    const place = this.#placeOf(before);
    const wanted = new Set(entries.map(keyOf));
    for (const [key, { element }] of this.#elements) {
      if (wanted.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    entries.forEach((entry, at) => {
      const made = this.#of(keyOf(entry), entry);
      if (this.#parent.children[at] !== made.element) this.#parent.insertBefore(made.element, this.#parent.children[at] ?? null);
      draw(made, entry);
    });
    if (this.#parent.contains(before) && before !== focused()) before.focus({ preventScroll: true }); // what is moved loses it
    else if (place >= 0 && !before.isConnected) this.#focusAt(place);
  }

  // Of the entry that an element is in; -1: in none.
  #placeOf(element) {
    if (!this.#parent.contains(element)) return -1;
    return [...this.#parent.children].findIndex((entry) => entry.contains(element));
  }

  #focusAt(place) {
    const { children } = this.#parent;
    const next = closest(children[Math.min(place, children.length - 1)]?.querySelector(REACHED) ?? null, '*');
    if (next === null) focusContent();
    else next.focus({ preventScroll: true });
  }

  #of(key, entry) {
    if (!this.#elements.has(key)) this.#elements.set(key, this.#make(entry));
    return this.#elements.get(key);
  }
}
