/**
 * Which part of the graph is seen, through a camera that pans and zooms: it keeps the graph in sight until a person takes it, makes room
 * for details that open, and gives it back. Owns the camera.
 */

import { NODE } from '../model/layout.js';
import { byId, setAttribute } from '../parts/dom.js';
import { AT_HOME, fitting, isWithin, onSheet, panned, revealing, zoomedAt } from './camera.js';

/** Smaller than this, cards cannot be read: a graph that is opened starts at its upper left instead. */
const SMALLEST_OPENED = 0.55;

/** From this on, there is nothing to gain by coming nearer. */
const EASY_TO_READ = 0.9;

/** Pixels of the canvas for each step nearer: on a wall of a screen, cards use the room. */
const WIDE = 1_700;
const MOST_OPENED = 2;

/** Zooms under which a card shows its title and its state alone, in letters that grow as it shrinks. */
const FAR = [0.45, 0.3, 0.2];

/** Pixels at the canvas' foot where its tools are. */
const FOOT = 52;

/** The distance of the dots on the ground, in pixels of the sheet. */
const DOTS = 24;

export class GraphSight {
  #canvas;
  #places;
  #sheet = byId('sheet');
  #details = byId('details');
  #camera = AT_HOME;
  #follows = true; // the camera keeps the graph in sight until a person takes it
  #fitted = true; // nobody has panned or zoomed since the last fit, so a resize may fit again
  #isWhole = false; // a person asked to see all of it, however small
  #opened = null; // id of the node whose details are open
  #lent = null; // {from, to}: cameras before and after the opened node was brought into sight
  #onCamera = (_zoom) => undefined;
  #onLook = () => undefined;

  /** `places`: GraphPlaces; what there is to see. */
  constructor(canvas, places) {
    this.#canvas = canvas;
    this.#places = places;
  }

  get camera() {
    return this.#camera;
  }

  get zoom() {
    return this.#camera.zoom;
  }

  /** `listener(zoom)`: the camera moved. */
  onCamera(listener) {
    this.#onCamera = listener;
  }

  /** `listener()`: something else is seen now; `tellLook()` says it of what moved before the camera. */
  onLook(listener) {
    this.#onLook = listener;
  }

  tellLook() {
    this.#onLook();
  }

  // ---- what happens to the graph

  /** Another graph is shown after the one `before`; `isNew`: it is not that one with a change made here. */
  expect(graph, before, isNew) {
    if (!isNew) {
      if (graph !== before) this.#follows = false; // while one works on it, it stands still
      return;
    }
    this.#isWhole = false;
    if (before.nodes.length === 0) this.#follows = true;
    if (graph.nodes.length === 0) this.look(AT_HOME, true); // its first node comes at its own size
  }

  /** Nodes stand elsewhere now. */
  arranged() {
    if (this.#follows) this.#fitOpened();
  }

  /** The canvas has another size, as when a drawer or the window changes. What is worked on moves only where that shows more of it. */
  resized(isBusy) {
    const isWorkedOn = this.#fitted && !this.#follows && !isBusy;
    if (isWorkedOn && (this.zoom < EASY_TO_READ || !this.#isInSight())) this.#fitOpened();
    if (this.#places.has(this.#opened)) this.#revealOpened();
    this.#onLook();
  }

  /** Keep the graph in sight again, or leave it where it is. */
  follow(follows) {
    this.#follows = follows;
  }

  /**
   * The details of this node are open; null: of none. They take room from the graph, which keeps its size: it moves over where all of it
   * has room beside them, else only so far that the opened node is seen; and back when they close, unless a person has looked around meanwhile.
   */
  open(id) {
    if (id === this.#opened) return;
    this.#opened = id;
    if (id === null) {
      if (this.#lent?.to === this.#camera && this.#fitted) this.look(this.#lent.from, this.#follows, true);
      this.#lent = null;
      return;
    }
    requestAnimationFrame(() => this.#opened === id && this.#places.has(id) && this.#revealOpened());
  }

  #revealOpened() {
    const from = this.#lent?.to === this.#camera ? this.#lent.from : this.#camera;
    const all = this.#places.whole;
    const { width, height } = this.free;
    if (all.width * this.zoom + 48 <= width && all.height * this.zoom + 48 <= height) {
      this.look(revealing(this.#camera, all, { width, height }, 24), this.#follows, this.#fitted);
    } else this.#reveal(this.#opened);
    this.#lent = { from, to: this.#camera };
  }

  // ---- what a person or the page asks for

  /** `follows`: it goes on keeping the graph in sight whatever changes; `fitted`: at least when the window does. */
  look(camera, follows = false, fitted = follows) {
    this.#camera = camera;
    this.#follows = follows;
    this.#fitted = fitted;
    const { x, y, zoom } = camera;
    this.#sheet.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    const step = DOTS * (zoom < 0.5 ? 2 : 1) * zoom;
    this.#canvas.style.backgroundSize = `${step}px ${step}px`;
    this.#canvas.style.backgroundPosition = `${x}px ${y}px`;
    setAttribute(this.#canvas, 'data-far', String(FAR.filter((limit) => zoom < limit).length));
    this.#onCamera(zoom);
    this.#onLook();
  }

  /** Bring the node into sight, after the window's layout has settled. */
  reveal(id) {
    requestAnimationFrame(() => {
      if (this.#places.has(id)) this.#reveal(id);
    });
  }

  /** Bring the first of these nodes into sight, where nothing of any of them is. */
  revealLost(ids) {
    const isSeen = (id) => isWithin(this.#camera, this.#places.boxOf(id), this.free);
    const [first] = ids;
    if (first !== undefined && !ids.some(isSeen)) this.reveal(first);
  }

  #reveal(id) {
    this.look(revealing(this.#camera, this.#places.boxOf(id), this.free, 24), this.#follows, this.#fitted);
  }

  /** Bring a point of the sheet into the middle of what is seen. */
  lookAt({ x, y }) {
    const { width, height } = this.free;
    const { zoom } = this.#camera;
    this.look({ zoom, x: width / 2 - x * zoom, y: height / 2 - y * zoom });
  }

  /** All of it, however small. */
  fit() {
    this.#isWhole = true;
    this.look(fitting(this.#places.whole, this.free, { foot: this.#foot, most: this.#mostOpened }), true);
  }

  zoomBy(factor) {
    const { width, height } = this.free;
    this.look(zoomedAt(this.#camera, factor, { x: width / 2, y: height / 2 }));
  }

  panBy(dx, dy) {
    this.look(panned(this.#camera, dx, dy));
  }

  // ---- what is seen

  /** {x, y, width, height} of the sheet. */
  get seen() {
    const { width, height } = this.free;
    return { ...onSheet(this.#camera, { x: 0, y: 0 }), width: width / this.zoom, height: height / this.zoom };
  }

  /** The middle of what is seen, on the sheet. */
  get middle() {
    const { width, height } = this.free;
    return onSheet(this.#camera, { x: width / 2, y: height / 2 });
  }

  /** Where on the sheet a point of the window is; null when it is not over the canvas. */
  sheetPoint(clientX, clientY) {
    const { left, top, right, bottom } = this.#canvas.getBoundingClientRect();
    const inside = clientX >= left && clientX < right && clientY >= top && clientY < bottom;
    return inside ? onSheet(this.#camera, { x: clientX - left, y: clientY - top }) : null;
  }

  /** Pixels of the canvas, {width, height}, that the details leave free; where they leave next to nothing, one closes them to see more. */
  get free() {
    const room = this.#room;
    if (this.#details.hidden) return room;
    const canvas = this.#canvas.getBoundingClientRect();
    const over = this.#details.getBoundingClientRect();
    const beside = { ...room, width: over.left - canvas.left };
    const above = { ...room, height: Math.min(room.height, over.top - canvas.top) };
    const free = beside.width > 0 ? beside : above;
    return Math.min(free.width, free.height) < NODE.height ? room : free;
  }

  get #room() {
    return { width: Math.max(1, this.#canvas.clientWidth), height: this.#canvas.clientHeight - this.#bar };
  }

  // In a narrow window the tools are a bar at the canvas' foot, beside which nothing is seen.
  get #bar() {
    return this.#canvas.dataset.narrow === 'true' ? this.#canvas.querySelector('.canvas-tools').offsetHeight : 0;
  }

  // From top to bottom a graph scrolls, and the room above the tools is the room.
  get #foot() {
    return this.#places.isDown ? 0 : FOOT;
  }

  get #mostOpened() {
    return Math.min(MOST_OPENED, Math.max(1, this.#canvas.clientWidth / WIDE));
  }

  #isInSight() {
    const { x, y, width, height } = this.#places.whole;
    const room = this.#room;
    const [left, top] = [x * this.zoom + this.#camera.x, y * this.zoom + this.#camera.y];
    return left >= 0 && top >= 0 && left + width * this.zoom <= room.width && top + height * this.zoom <= room.height;
  }

  #fitOpened() {
    if (this.#places.isEmpty) return;
    const { isDown } = this.#places;
    const least = isDown ? 0.8 : this.#isWhole ? undefined : SMALLEST_OPENED;
    const margin = isDown ? 14 : 28;
    this.look(fitting(this.#places.whole, this.#room, { least, margin, foot: this.#foot, most: this.#mostOpened }), this.#follows, true);
    if (this.#places.has(this.#opened)) this.#revealOpened();
  }
}
