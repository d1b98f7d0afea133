/** What gestures mean on the graph: nodes move, ports are connected, areas are marked, menus asked for. It tells whoever edits; owns the marquee. */

import { snapped } from '../model/graphs.js';
import { curve, NODE } from '../model/layout.js';
import { completed } from '../model/ports.js';
import { byId, element, setHidden } from '../parts/dom.js';
import { touch } from './camera.js';
import { Gestures } from './gestures.js';

/** What has a pointer of its own, on the canvas. */
const NO_GROUND = '.canvas-tools, .canvas-note, .canvas-add, .minimap';

export class GraphPointer {
  #canvas;
  #cards;
  #lines;
  #places;
  #sight;
  #shown;
  #marquee = element('div', 'marquee');
  #intents = null; // of whoever edits; see GraphView.edit
  #onMenu = (_what, _at) => undefined;
  #gestures;

  /** `shown`: {graph, isEditable, selection} of now, and place(ids): nodes stand elsewhere. */
  constructor({ canvas, cards, lines, places, sight, shown }) {
    this.#canvas = canvas;
    this.#cards = cards;
    this.#lines = lines;
    this.#places = places;
    this.#sight = sight;
    this.#shown = shown;
    this.#marquee.hidden = true;
    byId('sheet').append(this.#marquee);
    this.#gestures = new Gestures(canvas, this.#host());
  }

  edit(intents) {
    this.#intents = intents;
  }

  onMenu(listener) {
    this.#onMenu = listener;
  }

  /** True while something is dragged. */
  get isBusy() {
    return this.#gestures.isBusy;
  }

  /** A node's card was pressed: true where whoever edits was told. */
  pick(id, { shiftKey, ctrlKey, metaKey, detail }) {
    if (!this.#shown.isEditable || this.#intents === null) return false;
    this.#intents.pick(id, { extend: shiftKey || ctrlKey || metaKey, isByKey: detail === 0 });
    return true;
  }

  #host() {
    const pointer = this;
    return {
      get camera() {
        return pointer.#sight.camera;
      },
      get editable() {
        return pointer.#shown.isEditable && pointer.#intents !== null && !pointer.#places.isDown;
      },
      get movable() {
        return this.editable;
      },
      setCamera: (camera) => pointer.#sight.look(camera),
      press: (id, how) => pointer.#places.shift(pointer.#intents.hold(id, how), 0, 0),
      move: (dx, dy) => pointer.#move(dx, dy),
      dropMove: (dx, dy) => pointer.#endMove(() => pointer.#intents.moveBy(snapped(dx), snapped(dy))),
      abortMove: () => pointer.#endMove(() => undefined),
      aim: (id, port, point, target) => pointer.#aim(id, port, point, target),
      connect: (id, port, target, point) => pointer.#connect(id, port, target, point),
      abortAim: () => pointer.#endAim(),
      mark: (box, how) => pointer.#mark(box, how),
      endMark: () => setHidden(pointer.#marquee, true),
      menu: (event) => pointer.#askForMenu(event),
      pickEdge: (key, how) => pointer.#intents?.pickEdge(key, how),
      pickGround: () => {
        pointer.#canvas.focus({ preventScroll: true });
        pointer.#intents?.pickGround();
      },
    };
  }

  // ---- a menu

  #askForMenu({ target, clientX, clientY, isByKey }) {
    if (target.closest(NO_GROUND) !== null) return;
    const slot = target.closest('.node-slot');
    const line = slot === null && isByKey ? this.#onlySelectedLine() : null;
    const edge = line?.edge ?? (slot === null && !isByKey ? this.#lines.edgeAt(clientX, clientY) : null);
    const what = slot !== null ? { kind: 'node', id: Number(slot.dataset.nodeId) } : edge !== null ? { kind: 'edge', edge } : { kind: 'ground' };
    this.#onMenu(what, isByKey ? placeIn(line?.hit ?? target) : { clientX, clientY });
  }

  // No edge gets the keyboard; one that alone is selected is what the keys are about.
  #onlySelectedLine() {
    const { nodes, edges } = this.#shown.selection;
    return nodes.size === 0 && edges.size === 1 ? this.#lines.lineOf([...edges][0]) : null;
  }

  // ---- nodes that move

  #move(dx, dy) {
    this.#places.shift(this.#places.shifted, snapped(dx), snapped(dy));
    this.#sight.follow(false);
    this.#shown.place(this.#places.shifted);
  }

  #endMove(then) {
    const ids = this.#places.shifted;
    this.#places.settle();
    then();
    this.#shown.place(ids);
  }

  // ---- an edge that is drawn

  #aim(id, port, point, target) {
    const isOut = port.side === 'out';
    const allows = (other) => this.#intents.allows(edgeTo(id, port, other));
    const aimed = target !== null && allows(target) ? completed(this.#shown.graph, this.#cards.types, edgeTo(id, port, target)) : null;
    const near = isOut ? this.#places.leaves(id, port.name) : this.#places.enters(id, port.name);
    const far = aimed === null ? point : isOut ? this.#places.enters(aimed.to, aimed.toPort) : this.#places.leaves(aimed.from, aimed.fromPort);
    this.#lines.aim(isOut ? curve(near, far, 'right') : curve(far, near, 'right'));
    this.#cards.drawTargets((other) => {
      const allowed = allows({ id: other, name: null });
      return other === id ? 'self' : allowed ? (other === target?.id ? 'aimed' : 'yes') : 'no';
    });
  }

  #connect(id, port, target, point) {
    this.#endAim();
    if (target === null) this.#intents.connectToNothing(id, port, point);
    else if (target.id !== id) this.#intents.connect(edgeTo(id, port, target));
  }

  #endAim() {
    this.#lines.aim('');
    this.#cards.drawTargets(null);
  }

  // ---- an area that is marked

  #mark(box, how) {
    setHidden(this.#marquee, false);
    Object.assign(this.#marquee.style, { transform: `translate(${box.x}px, ${box.y}px)`, width: `${box.width}px`, height: `${box.height}px` });
    const ids = this.#cards.ids.filter((id) => touch(box, { ...this.#places.of(id), width: NODE.width, height: NODE.height }));
    this.#intents?.mark(ids, how);
  }
}

// Where a menu of something stands that the keyboard asked for: in it.
function placeIn(target) {
  const { left, top, width, height } = target.getBoundingClientRect();
  return { clientX: left + Math.min(24, width / 2), clientY: top + Math.min(24, height / 2) };
}

// The edge that a drag from a port of one node to another node means; a port that is not named is left open.
function edgeTo(id, port, target) {
  const [near, far] = [{ id, name: port.name }, target];
  const [source, end] = port.side === 'out' ? [near, far] : [far, near];
  const edge = { from: source.id, to: end.id };
  if (source.name) edge.fromPort = source.name;
  if (end.name) edge.toPort = end.name;
  return edge;
}
