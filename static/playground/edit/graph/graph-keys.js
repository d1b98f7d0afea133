/**
 * The keys of the editor: which command a key is, and that it is about the graph when the keyboard is there. The commands themselves
 * are elsewhere.
 */

import { openHelp } from '../../help/help.js';
import { commandOf, isSave, KEYS, KEYS_EVERYWHERE } from '../../help/keys.js';
import { GRID } from '../../model/graphs.js';
import { farText, partsText } from '../../model/naming.js';
import { byId } from '../../parts/dom.js';

/** Pixels that an arrow key moves. */
const NUDGE = GRID;
const NUDGE_FAR = GRID * 6;
const LOOK = 80;

/** Milliseconds after the last arrow until it is read out how far things went. */
const TOLD_AFTER = 600;

const STEPS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

export class GraphKeys {
  #drafts;
  #graph;
  #selection;
  #commands;
  #offers;
  #previews;
  #page;
  #asked;
  #nudged = null; // {what, x, y, timer}: moved by arrow keys and not read out yet

  /** `asked`: {save(), rename(), undo(), redo()}. */
  constructor({ drafts, graph, selection, commands, offers, previews, page, asked }) {
    this.#drafts = drafts;
    this.#graph = graph;
    this.#selection = selection;
    this.#commands = commands;
    this.#offers = offers;
    this.#previews = previews;
    this.#page = page;
    this.#asked = asked;
    document.addEventListener('keydown', (event) => this.#onKey(event), { capture: true });
    // Space is taken for selecting; a button would be pressed when it comes up
    byId('nodes').addEventListener('keyup', (event) => event.key === ' ' && event.preventDefault());
  }

  #onKey(event) {
    if (event.defaultPrevented) return undefined;
    if (document.querySelector('dialog[open]') !== null) return isSave(event) ? event.preventDefault() : undefined;
    const everywhere = commandOf(event, KEYS_EVERYWHERE);
    const isInField = event.target.closest('input, textarea, select') !== null;
    if (everywhere !== null && !(isInField && everywhere.inFields === false)) return this.#run(everywhere, event);
    const entry = this.#drafts.current === null ? null : commandOf(event, KEYS);
    if (entry === null || entry.native === true) return undefined;
    const isMeant = ['undo', 'redo'].includes(entry.command) ? !undoesItself(event.target) : !isInField && this.#graph.hasFocus;
    if (!isMeant) return undefined;
    return this.#run(entry, event);
  }

  #run({ command, repeats }, event) {
    const isHeld = event.repeat && repeats !== true;
    if (isHeld || this.#does[command]?.(event) !== false) event.preventDefault();
  }

  // each may return false: the key keeps its own meaning
  #does = {
    save: () => void this.#asked.save(),
    rename: () => this.#asked.rename(),
    help: () => openHelp(),
    find: () => this.#page.find(),
    add: () => this.#offers.add(),
    connect: () => {
      const id = this.#selection.oneTarget();
      return id === null ? false : this.#offers.targets(id);
    },
    toggle: () => {
      const id = this.#graph.focusedNode;
      return id === null ? false : this.#selection.toggle(id);
    },
    selectAll: () => this.#selection.all(),
    left: (event) => this.#arrow('left', event),
    right: (event) => this.#arrow('right', event),
    up: (event) => this.#arrow('up', event),
    down: (event) => this.#arrow('down', event),
    delete: () => {
      const { nodes, edges } = this.#selection.targets();
      this.#commands.delete(nodes, edges);
    },
    undo: () => this.#asked.undo(),
    redo: () => this.#asked.redo(),
    duplicate: () => this.#commands.duplicate(this.#selection.targets().nodes),
    preview: () => {
      const id = this.#selection.oneTarget();
      return id === null ? false : this.#previews.open(id);
    },
    tidy: () => this.#commands.tidy(),
    zoomIn: () => this.#graph.zoomBy(1.2),
    zoomOut: () => this.#graph.zoomBy(1 / 1.2),
    fit: () => this.#graph.fit(),
    escape: () => {
      if (this.#page.selected() !== null) return false; // it closes itself
      this.#selection.clear();
      return undefined;
    },
  };

  #arrow(direction, event) {
    if (event.target.closest('.canvas-tools, .canvas-note') !== null) return false;
    const [dx, dy] = STEPS[direction];
    const { nodes } = this.#selection.targets();
    const far = event.shiftKey;
    if (nodes.size === 0 || !this.#graph.showsPositions) return this.#graph.panBy(-dx * LOOK * (far ? 4 : 1), -dy * LOOK * (far ? 4 : 1));
    const step = far ? NUDGE_FAR : NUDGE;
    this.#commands.move(nodes, dx * step, dy * step, `nudge ${[...nodes].join(' ')}`);
    this.#tellMoved(nodes, dx * step, dy * step);
    const [first] = nodes;
    this.#graph.reveal(this.#graph.focusedNode ?? first);
    return undefined;
  }

  // Once the keys are quiet: how far it went is told, each press is not.
  #tellMoved(nodes, dx, dy) {
    const what = partsText(this.#drafts.graph, nodes, new Set());
    const far = this.#nudged?.what === what ? this.#nudged : { x: 0, y: 0 };
    clearTimeout(this.#nudged?.timer);
    const tell = () => {
      const { x, y } = this.#nudged;
      this.#nudged = null;
      this.#page.announce(`Moved ${what}${x === 0 && y === 0 ? ' back' : farText(x, y)}.`);
    };
    this.#nudged = { what, x: far.x + dx, y: far.y + dy, timer: setTimeout(tell, TOLD_AFTER) };
  }
}

// A field for a text has an undo of the browser's; a choice has none.
function undoesItself(target) {
  return target.closest('textarea, input:not([type="checkbox"], [type="radio"])') !== null;
}
