/**
 * The pointer on the canvas: pan, zoom, marquee, move, connect. One gesture at a time; what it means is the host's
 * business. Mouse and pen: drag on the ground marks an area, with the middle or right button or Space it pans; the
 * wheel pans, with Ctrl (or a pinch) it zooms; the right button without a drag asks for a menu, and so does the keyboard, and a finger that stays.
 * Touch: one finger on the ground pans, two zoom.
 *
 * host: {
 *   camera, setCamera(camera),               where we look
 *   editable, movable,                       what may be changed
 *   press(id, {extend}),                     a node begins to be moved with the pointer
 *   move(dx, dy), dropMove(dx, dy), abortMove()          pixels of the sheet
 *   aim(id, port, point, target), connect(id, port, target, point), abortAim()
 *       port: {side: 'in' | 'out', name}; target: {id, name: of the port under the pointer, or null}, or null
 *   mark(box, {extend}), endMark(), pickEdge(key, {extend}), pickGround()
 *   menu({target, clientX, clientY, isByKey})            what can be done here?
 * }
 */

import { between, onSheet, panned, zoomedAt } from './camera.js';

/** Pixels that a pointer may tremble before a press is a drag. */
const TREMBLE = 4;

/** Zoom for each pixel of the wheel. */
const WHEEL = 0.0022;

/** Pixels of a wheel that counts lines. */
const LINE = 32;

export class Gestures {
  #canvas;
  #host;
  #gesture = null; // {start, last, move(point, event), end(point, event), abort(), pointerId, moved}
  #touches = new Map(); // pointer id → point, of fingers that are down
  #spaceDown = false;
  #swallowClick = false;
  #isRightPress = false; // the last press, of which no menu was asked for yet

  constructor(canvas, host) {
    this.#canvas = canvas;
    this.#host = host;
    canvas.addEventListener('pointerdown', (event) => this.#onDown(event));
    // a quick hand is off the canvas with its first move, before it is captured
    addEventListener('pointermove', (event) => this.#onMove(event));
    addEventListener('pointerup', (event) => this.#onUp(event));
    addEventListener('pointercancel', (event) => this.#onCancel(event));
    canvas.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener('contextmenu', (event) => this.#onMenu(event));
    canvas.addEventListener('click', (event) => this.#onClick(event), { capture: true });
    document.addEventListener('keydown', (event) => this.#onKey(event));
    document.addEventListener('keyup', (event) => this.#onKey(event));
    addEventListener('blur', () => this.#holdSpace(false)); // it comes up elsewhere
  }

  /** True while something is dragged. */
  get isBusy() {
    return this.#gesture?.moved === true;
  }

  abort() {
    const gesture = this.#gesture;
    this.#gesture = null;
    delete this.#canvas.dataset.gesture;
    if (gesture?.moved) gesture.abort();
    return gesture?.moved === true;
  }

  /** Where an event is on the canvas. */
  pointOf({ clientX, clientY }) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  #onDown(event) {
    this.#swallowClick = false;
    this.#isRightPress = event.button === 2;
    if (event.target.closest('.canvas-tools, .canvas-note, .canvas-add') !== null) return;
    const point = this.pointOf(event);
    if (event.pointerType === 'touch') {
      this.#touches.set(event.pointerId, point);
      if (this.#touches.size === 2) return this.#begin(event, 'pinch', this.#pinching());
    }
    if (this.#gesture !== null) return undefined;
    const [name, gesture] = this.#meant(event, point);
    return gesture === null ? undefined : this.#begin(event, name, gesture);
  }

  #meant(event, point) {
    const host = this.#host;
    const touch = event.pointerType === 'touch';
    if (event.button === 2) return ['pan', this.#panning(({ clientX, clientY }) => host.menu({ target: event.target, clientX, clientY, isByKey: false }))];
    if (event.button === 1 || this.#spaceDown) return ['pan', this.#panning()];
    if (event.button !== 0) return ['', null];
    const port = event.target.closest('.port');
    if (port !== null && host.editable) return ['aim', this.#aiming(port)];
    const edge = event.target.closest('.edge-hit');
    if (edge !== null) return ['', this.#pressing(() => host.pickEdge(edge.dataset.key, { extend: extends_(event) }))];
    const card = event.target.closest('.node');
    if (card !== null && touch && !host.movable) return ['pan', this.#panning()];
    if (card !== null) return host.movable ? ['move', this.#moving(Number(card.dataset.nodeId), point, event)] : ['', null];
    if (event.target.closest('.node-slot') !== null) return ['', null];
    if (touch) return ['pan', this.#panning(() => host.pickGround())];
    return ['mark', this.#marking(point, event)];
  }

  #begin(event, name, gesture) {
    if (this.#gesture?.moved) this.#gesture.abort();
    const point = this.pointOf(event);
    this.#gesture = { ...gesture, name, start: point, last: point, pointerId: event.pointerId, moved: false };
    if (event.button !== 0 || name === 'aim') event.preventDefault();
  }

  #onMove(event) {
    const gesture = this.#gesture;
    if (this.#touches.has(event.pointerId)) this.#touches.set(event.pointerId, this.pointOf(event));
    if (gesture === null) return;
    if (gesture.name === 'pinch' ? !this.#touches.has(event.pointerId) : gesture.pointerId !== event.pointerId) return;
    if (event.buttons === 0) {
      this.abort(); // what held it came up where nobody told
      return;
    }
    const point = this.pointOf(event);
    if (!gesture.moved && Math.hypot(point.x - gesture.start.x, point.y - gesture.start.y) < TREMBLE) return;
    if (!gesture.moved) {
      gesture.moved = true;
      this.#canvas.setPointerCapture(event.pointerId);
      this.#canvas.dataset.gesture = gesture.name;
      gesture.first?.();
    }
    gesture.move(point, event);
    gesture.last = point;
  }

  #onUp(event) {
    this.#touches.delete(event.pointerId);
    const gesture = this.#gesture;
    if (gesture === null || gesture.pointerId !== event.pointerId) return;
    this.#gesture = null;
    delete this.#canvas.dataset.gesture;
    this.#swallowClick = gesture.moved;
    if (gesture.moved) gesture.end(this.pointOf(event), event);
    else gesture.tap?.(event);
  }

  #onCancel(event) {
    this.#touches.delete(event.pointerId);
    if (this.#gesture?.pointerId === event.pointerId) this.abort();
  }

  // A drag that ends on a card is no click on it.
  #onClick(event) {
    if (!this.#swallowClick) return;
    this.#swallowClick = false;
    event.stopPropagation();
    event.preventDefault();
  }

  // The right button asks when it comes up: until then it may be a drag. (WebKit names that button also where the keyboard asks.)
  #onMenu(event) {
    event.preventDefault();
    const isPress = this.#isRightPress;
    this.#isRightPress = false;
    if (isPress) return;
    this.abort();
    this.#gesture = null;
    const { target, clientX, clientY, pointerType } = event;
    this.#host.menu({ target, clientX, clientY, isByKey: pointerType !== 'touch' });
  }

  #onWheel(event) {
    if (event.target.closest('.canvas-tools') !== null) return;
    event.preventDefault();
    const scale = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1;
    const [dx, dy] = [event.deltaX * scale, event.deltaY * scale];
    const host = this.#host;
    if (event.ctrlKey || event.metaKey) {
      host.setCamera(zoomedAt(host.camera, Math.exp(-dy * WHEEL * (event.deltaMode === 0 && Math.abs(dy) < 50 ? 4 : 1)), this.pointOf(event)));
    } else if (event.shiftKey && dx === 0) host.setCamera(panned(host.camera, -dy, 0));
    else host.setCamera(panned(host.camera, -dx, -dy));
    if (this.isBusy) this.#gesture.move(this.#gesture.last, event); // what is dragged stays under the pointer
  }

  #onKey(event) {
    if (event.type === 'keydown' && event.key === 'Escape' && this.isBusy) {
      this.abort();
      this.#swallowClick = true;
      event.stopImmediatePropagation();
    }
    if (event.code !== 'Space') return;
    const onGround = event.target === document.body || event.target === this.#canvas;
    this.#holdSpace(event.type === 'keydown' && onGround);
    if (onGround) event.preventDefault();
  }

  #holdSpace(isDown) {
    this.#spaceDown = isDown;
    this.#canvas.classList.toggle('is-panning', isDown);
  }

  // ---- the gestures

  #pressing(tap) {
    return { tap, move: () => undefined, end: () => undefined, abort: () => undefined };
  }

  #panning(tap) {
    const host = this.#host;
    const before = host.camera;
    return {
      tap,
      move: (point) => host.setCamera(panned(host.camera, point.x - this.#gesture.last.x, point.y - this.#gesture.last.y)),
      end: () => undefined,
      abort: () => host.setCamera(before),
    };
  }

  #pinching() {
    const host = this.#host;
    const spread = () => {
      const [a, b] = [...this.#touches.values()];
      return { middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, apart: Math.hypot(a.x - b.x, a.y - b.y) };
    };
    let before = spread();
    const move = () => {
      if (this.#touches.size < 2) return;
      const now = spread();
      const camera = panned(host.camera, now.middle.x - before.middle.x, now.middle.y - before.middle.y);
      host.setCamera(zoomedAt(camera, now.apart / Math.max(1, before.apart), now.middle));
      before = now;
    };
    return { move, end: () => undefined, abort: () => undefined };
  }

  #moving(id, start, event) {
    const host = this.#host;
    const extend = extends_(event);
    const from = onSheet(host.camera, start);
    const by = (point) => {
      const to = onSheet(host.camera, point);
      return [to.x - from.x, to.y - from.y];
    };
    return {
      first: () => host.press(id, { extend }),
      move: (point) => host.move(...by(point)),
      end: (point) => host.dropMove(...by(point)),
      abort: () => host.abortMove(),
    };
  }

  #aiming(port) {
    const host = this.#host;
    const id = Number(port.dataset.nodeId);
    const end = { side: port.dataset.port, name: port.dataset.name };
    const targetAt = (event) => {
      const under = document.elementFromPoint(event.clientX, event.clientY);
      /** @type {HTMLElement | null | undefined} */
      const card = under?.closest('.node-slot');
      /** @type {HTMLElement | null | undefined} */
      const aimed = under?.closest('.port');
      const fits = aimed != null && aimed.dataset.port !== end.side;
      return card == null ? null : { id: Number(card.dataset.nodeId), name: fits ? aimed.dataset.name : null };
    };
    return {
      move: (point, event) => host.aim(id, end, onSheet(host.camera, point), targetAt(event)),
      end: (point, event) => host.connect(id, end, targetAt(event), onSheet(host.camera, point)),
      abort: () => host.abortAim(),
    };
  }

  #marking(start, event) {
    const host = this.#host;
    const extend = extends_(event);
    const from = onSheet(host.camera, start);
    return {
      tap: () => host.pickGround(),
      move: (point) => host.mark(between(from, onSheet(host.camera, point)), { extend }),
      end: () => host.endMark(),
      abort: () => host.endMark(),
    };
  }
}

function extends_(event) {
  return event.shiftKey || event.ctrlKey || event.metaKey;
}
