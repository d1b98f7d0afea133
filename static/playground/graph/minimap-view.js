/**
 * A small picture of the whole graph, with a frame around what is seen of it; there while something of it is not seen. A click or a
 * drag in it looks there. It tells nothing that the nodes do not, so it is hidden from screen readers, and the keyboard passes by.
 * Test hooks: `#minimap`, `.minimap-node[data-node-id][data-state]`, `.minimap-frame`.
 */

import { byId, setAttribute, setHidden, svgElement } from '../parts/dom.js';
import { oncePerFrame } from '../parts/frames.js';
import { around } from './camera.js';

/** Pixels of the sheet around the nodes. */
const MARGIN = 40;

/** Pixels of a canvas in which there is no room for it. */
const LEAST = { width: 560, height: 360 };

export class MinimapView {
  #graph;
  #box = byId('minimap');
  #drawing = svgElement('svg', 'minimap-drawing');
  #nodes = svgElement('g');
  #frame = svgElement('rect', 'minimap-frame');
  #rects = new Map(); // node id → rect
  #whole = null; // the box of the sheet that is drawn
  #isHeld = false;
  #redraw = oncePerFrame(() => this.#draw());

  /** `graph`: a GraphView. */
  constructor(graph) {
    this.#graph = graph;
    this.#drawing.append(this.#nodes, this.#frame);
    this.#box.append(this.#drawing);
    graph.onLook(() => this.#redraw());
    for (const name of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel']) this.#box.addEventListener(name, (event) => this.#onPointer(event));
    this.#box.addEventListener('click', (event) => event.stopPropagation());
  }

  /** Colour the nodes by their states; `stateOf(id)`. */
  drawStates(stateOf) {
    if (this.#box.hidden) return;
    for (const [id, rect] of this.#rects) setAttribute(rect, 'data-state', stateOf(id));
  }

  #draw() {
    const { boxes, seen, room } = this.#graph.sight;
    const whole = around(boxes);
    const isWorth = boxes.length > 1 && room.width >= LEAST.width && room.height >= LEAST.height && !holds(seen, whole);
    setHidden(this.#box, !isWorth && !this.#isHeld);
    if (this.#box.hidden) return;
    if (!this.#isHeld) this.#whole = around([whole, seen]); // while it is held, what is under the pointer stays there
    const { x, y, width, height } = this.#whole;
    this.#drawing.setAttribute('viewBox', [x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN].map(Math.round).join(' '));
    this.#keepNodes(boxes);
    place(this.#frame, seen);
  }

  #keepNodes(boxes) {
    const known = new Set(boxes.map(({ id }) => id));
    for (const [id, rect] of this.#rects) {
      if (known.has(id)) continue;
      rect.remove();
      this.#rects.delete(id);
    }
    for (const { id, kind, state, ...box } of boxes) {
      const rect = this.#rects.get(id) ?? this.#newNode(id);
      place(rect, box);
      setAttribute(rect, 'data-kind', kind);
      setAttribute(rect, 'data-state', state);
    }
  }

  #newNode(id) {
    const rect = svgElement('rect', 'minimap-node');
    rect.dataset.nodeId = String(id);
    rect.setAttribute('rx', '14');
    this.#nodes.append(rect);
    this.#rects.set(id, rect);
    return rect;
  }

  #onPointer(event) {
    event.stopPropagation();
    if (event.type === 'pointerdown') {
      if (event.button !== 0) return;
      event.preventDefault();
      this.#box.setPointerCapture(event.pointerId);
      this.#isHeld = true;
    }
    if (this.#isHeld) this.#graph.lookAt(this.#pointOf(event));
    if (['pointerup', 'pointercancel'].includes(event.type)) {
      this.#isHeld = false;
      this.#redraw();
    }
  }

  // The point of the sheet under the pointer.
  #pointOf({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.#drawing.getScreenCTM().inverse());
    return { x, y };
  }
}

function holds(seen, whole) {
  return seen.x <= whole.x && seen.y <= whole.y && seen.x + seen.width >= whole.x + whole.width && seen.y + seen.height >= whole.y + whole.height;
}

function place(rect, { x, y, width, height }) {
  for (const [name, value] of Object.entries({ x, y, width, height })) setAttribute(rect, name, String(Math.round(value)));
}
