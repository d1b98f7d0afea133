/**
 * The node types, to drag onto the canvas or to add with a click or Enter. What is in it comes from the server. Tab comes to the one that had
 * the keyboard last, arrows, Home and End to the others.
 * Test hooks: `.palette-item[data-type]`.
 */

import { iconOf } from '../../graph/node-icons.js';
import { kindOf } from '../../model/kinds.js';
import { byId, element, icon, setHidden, stepIn } from '../../parts/dom.js';

const TREMBLE = 4; // pixels

export class PaletteView {
  #onAdd;
  #onDrop;
  #items = [];

  /** `onAdd(type)`: put one somewhere; `onDrop(type, clientX, clientY)`: put one here. */
  constructor({ onAdd, onDrop }) {
    this.#onAdd = onAdd;
    this.#onDrop = onDrop;
    byId('palette-list').addEventListener('keydown', (event) => stepIn(event, this.#items));
    byId('palette-list').addEventListener('focusin', ({ target }) => this.#stopAt(target));
  }

  show(types) {
    this.#items = types.map((type) => this.#item(type));
    byId('palette-list').replaceChildren(...this.#items.map((item) => element('li', '', item)));
    this.#stopAt(this.#items[0]);
  }

  #stopAt(stop) {
    for (const item of this.#items) item.tabIndex = item === stop ? 0 : -1;
  }

  /** Without a draft there is nothing to add to. */
  enable(enabled) {
    setHidden(byId('palette'), !enabled);
  }

  #item(type) {
    const item = element('button', 'palette-item', icon(iconOf(type.name, type)), element('span', '', type.label));
    item.type = 'button';
    item.dataset.type = type.name;
    item.dataset.kind = kindOf(type);
    item.title = `${type.help}\nDrag it onto the canvas, or press to add it.`;
    let dragged = false;
    item.addEventListener('click', () => {
      if (!dragged) this.#onAdd(type);
      dragged = false;
    });
    item.addEventListener('pointerdown', (event) => {
      dragged = false;
      if (event.button === 0) this.#follow(item, type, event, () => (dragged = true));
    });
    return item;
  }

  #follow(item, type, down, onDrag) {
    const ghost = element('div', 'palette-ghost', icon(iconOf(type.name, type)), type.label);
    const stop = new AbortController();
    const { signal } = stop;
    item.setPointerCapture(down.pointerId); // at once: a quick hand is off the item with its first move
    const end = () => {
      ghost.remove();
      stop.abort();
    };
    const move = ({ clientX, clientY }) => {
      if (!ghost.isConnected) {
        if (Math.hypot(clientX - down.clientX, clientY - down.clientY) < TREMBLE) return;
        document.body.append(ghost);
        onDrag();
      }
      ghost.style.transform = `translate(${clientX}px, ${clientY}px)`;
    };
    item.addEventListener('pointermove', move, { signal });
    item.addEventListener('pointercancel', end, { signal });
    item.addEventListener('pointerup', ({ clientX, clientY }) => {
      const dropped = ghost.isConnected;
      end();
      if (dropped) this.#onDrop(type, clientX, clientY);
    }, { signal });
    document.addEventListener('keydown', (event) => event.key === 'Escape' && end(), { signal });
  }
}
