/**
 * The height of the dock under the graph: its upper edge can be dragged, or moved by the arrow keys; a double click forgets it. It is kept in this
 * browser, as a part of the room there is. Test hooks: `#dock-handle[aria-valuenow]`, `#drawers[data-sized]`.
 */

import { byId, setAttribute } from '../../parts/dom.js';

const KEPT = 'dock height';

/** Parts of the stage, in percent: the graph keeps some room, and the dock its bar and a row. */
const LEAST = 18;
const MOST = 85;

const STEP = 4;

export class DockHeight {
  #handle = byId('dock-handle');
  #dock = byId('drawers');
  #share = null; // percent; null: as the style sheet has it
  #onSize;

  /** `onSize()`: a person has given it a height. */
  constructor({ onSize }) {
    this.#onSize = onSize;
    this.#handle.addEventListener('pointerdown', (event) => this.#begin(event));
    this.#handle.addEventListener('keydown', (event) => this.#onKey(event));
    this.#handle.addEventListener('focus', () => this.#tell());
    this.#handle.addEventListener('dblclick', () => this.#take(null));
    this.#take(kept());
  }

  get #now() {
    return (100 * this.#dock.offsetHeight) / Math.max(1, this.#dock.parentElement.clientHeight);
  }

  #begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#handle.focus();
    this.#handle.setPointerCapture(event.pointerId);
    const stop = new AbortController();
    const over = event.clientY - this.#dock.getBoundingClientRect().top; // where in the handle it was taken
    const move = ({ clientY }) => {
      const { bottom, height } = this.#dock.parentElement.getBoundingClientRect();
      this.#size((100 * (bottom - clientY + over)) / height);
    };
    this.#handle.addEventListener('pointermove', move, { signal: stop.signal });
    for (const end of ['pointerup', 'pointercancel']) this.#handle.addEventListener(end, () => stop.abort(), { signal: stop.signal });
  }

  #onKey(event) {
    const to = { ArrowUp: this.#now + STEP, ArrowDown: this.#now - STEP, Home: LEAST, End: MOST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#size(to);
  }

  #size(share) {
    this.#onSize();
    this.#take(Math.min(MOST, Math.max(LEAST, share)));
  }

  #take(share) {
    this.#share = share;
    keep(share);
    setAttribute(this.#dock, 'data-sized', String(share !== null));
    if (share !== null) this.#dock.style.setProperty('--dock', `${share.toFixed(1)}%`);
    this.#tell();
  }

  #tell() {
    setAttribute(this.#handle, 'aria-valuenow', String(Math.round(this.#share ?? this.#now)));
  }
}

// A browser that keeps nothing has the height of the style sheet each time.
function kept() {
  try {
    const share = Number(localStorage.getItem(KEPT) ?? Number.NaN);
    return share >= LEAST && share <= MOST ? share : null;
  } catch {
    return null;
  }
}

function keep(share) {
  try {
    if (share === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, String(share));
  } catch {
    // it is then as long as this page
  }
}
