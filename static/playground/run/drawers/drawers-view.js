/**
 * The drawers under the graph, one open at a time: a button each, which says whether its drawer is open.
 * Test hooks: `#drawers[data-open]`, `button[data-drawer]`, `#drawer-<name>`.
 */

import { byId, setAttribute, setHidden } from '../../parts/dom.js';
import { DockHeight } from './dock-height.js';

export class DrawersView {
  #drawers = byId('drawers');
  #buttons = [...this.#drawers.querySelectorAll('[data-drawer]')];
  #open = null;
  #onOpen;

  /** `onOpen(name | null)`: another drawer is open now, or none. */
  constructor({ onOpen }) {
    this.#onOpen = onOpen;
    for (const button of this.#buttons) button.addEventListener('click', () => this.open(button.dataset.drawer === this.#open ? null : button.dataset.drawer));
    new DockHeight({ onSize: () => this.#setTall(false) });
    byId('drawers-tall').addEventListener('click', () => this.#setTall(this.#drawers.dataset.tall !== 'true'));
    byId('drawers-body').addEventListener('keydown', (event) => {
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
    setAttribute(this.#drawers, 'data-open', String(name !== null));
    setHidden(byId('drawers-body'), name === null);
    for (const id of ['drawers-tall', 'dock-handle']) setHidden(byId(id), name === null);
    this.#onOpen(name);
  }

  #closeFromInside() {
    const button = this.#buttons.find(({ dataset }) => dataset.drawer === this.#open);
    this.open(null);
    button?.focus();
  }

  #setTall(tall) {
    setAttribute(this.#drawers, 'data-tall', String(tall));
    setAttribute(byId('drawers-tall'), 'aria-pressed', String(tall));
  }
}
