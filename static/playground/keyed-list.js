/** Elements of a list by key: those that stay are kept, with the focus that one of them has, and only what changed is moved. */

import { focused } from './dom.js';

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
    if (before !== focused() && this.#parent.contains(before)) before.focus({ preventScroll: true }); // what is moved loses it
  }

  #of(key, entry) {
    if (!this.#elements.has(key)) this.#elements.set(key, this.#make(entry));
    return this.#elements.get(key);
  }
}
