/**
 * The drawers under the graph, one open at a time: a button each, which says whether its drawer is open.
 * Test hooks: `#dock[data-open]`, `button[data-drawer]`, `#drawer-<name>`.
 */

import { byId, setAttribute, setHidden } from './dom.js';

export class DockView {
  #dock = byId('dock');
  #buttons = [...this.#dock.querySelectorAll('[data-drawer]')];
  #open = null;
  #onOpen;

  /** `onOpen(name | null)`: another drawer is open now, or none. */
  constructor({ onOpen }) {
    this.#onOpen = onOpen;
    for (const button of this.#buttons) button.addEventListener('click', () => this.open(button.dataset.drawer === this.#open ? null : button.dataset.drawer));
    byId('dock-tall').addEventListener('click', () => this.#setTall(this.#dock.dataset.tall !== 'true'));
    byId('drawers').addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.stopPropagation();
      this.#closeFromInside();
    });
  }

  /** The name of the drawer that is open, or null. */
  get shown() {
    return this.#open;
  }

  open(name) {
    this.#open = name;
    for (const button of this.#buttons) {
      const isOpen = button.dataset.drawer === name;
      setAttribute(button, 'aria-expanded', String(isOpen));
      setHidden(byId(`drawer-${button.dataset.drawer}`), !isOpen);
    }
    setAttribute(this.#dock, 'data-open', String(name !== null));
    setHidden(byId('drawers'), name === null);
    setHidden(byId('dock-tall'), name === null);
    this.#onOpen(name);
  }

  #closeFromInside() {
    const button = this.#buttons.find(({ dataset }) => dataset.drawer === this.#open);
    this.open(null);
    button?.focus();
  }

  #setTall(tall) {
    setAttribute(this.#dock, 'data-tall', String(tall));
    setAttribute(byId('dock-tall'), 'aria-pressed', String(tall));
  }
}
