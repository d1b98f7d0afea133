/**
 * The buttons of the editor beside the palette: they can be pressed when there is something for them to do.
 * Test hooks: `#save`, `#undo`, `#redo`, `#zoom-level`.
 */

import { openHelp } from '../../help/help.js';
import { all, byId, setHidden, setText } from '../../parts/dom.js';

export class Toolbar {
  #drafts;
  #vocabulary;
  #graph;
  #notes;
  #palette;
  #page;

  /** `does`: {undo(), redo(), tidy(), add(), save(), problems(), notes()}, as the buttons ask for it. */
  constructor({ drafts, vocabulary, graph, notes, palette, page, does }) {
    this.#drafts = drafts;
    this.#vocabulary = vocabulary;
    this.#graph = graph;
    this.#notes = notes;
    this.#palette = palette;
    this.#page = page;
    graph.onCamera((zoom) => setText(byId('zoom-level'), `${Math.round(zoom * 100)} %`));
    this.#wire(does);
  }

  #wire({ undo, redo, tidy, add, save, problems, notes }) {
    const actions = {
      undo,
      redo,
      'zoom-out': () => this.#graph.zoomBy(1 / 1.2),
      'zoom-in': () => this.#graph.zoomBy(1.2),
      fit: () => this.#graph.fit(),
      tidy,
      'by-hand': () => this.#arrangeByHand(),
      add,
      'canvas-add': add,
      keys: () => openHelp(),
      save,
      problems,
      notes,
    };
    for (const [id, run] of Object.entries(actions)) byId(id).addEventListener('click', () => run());
    for (const button of all('[data-closes]')) button.addEventListener('click', () => byId(button.dataset.closes).close());
  }

  /** `isLookedAt`: a job is shown that may not be changed here. */
  refresh({ isLookedAt }) {
    const model = this.#drafts.current?.model ?? null;
    const isDirty = model?.isDirty ?? false;
    this.#palette.enable(model !== null && this.#vocabulary.types.size > 0);
    for (const id of ['add', 'tidy']) setHidden(byId(id), model === null);
    setHidden(byId('job-menu'), model === null && !isLookedAt);
    setHidden(byId('save'), model === null);
    setHidden(document.querySelector('[data-drawer="preview"]'), model === null);
    byId('save').disabled = !isDirty && !this.#notes.areAny;
    byId('save').title = !isDirty && this.#notes.areAny ? 'Save it as it is: its notes are then gone' : '';
    drawStep(byId('undo'), 'Undo', model?.undoLabel ?? null);
    drawStep(byId('redo'), 'Redo', model?.redoLabel ?? null);
    byId('unsaved').hidden = !isDirty;
  }

  #arrangeByHand() {
    const button = byId('by-hand');
    const byHand = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(byHand));
    this.#graph.arrangeByHand(byHand);
    this.#page.announce(byHand ? 'Nodes can be moved.' : 'From top to bottom.');
  }
}

function drawStep(button, verb, label) {
  button.disabled = label === null;
  button.title = label === null ? verb : `${verb}: ${label}`;
  button.setAttribute('aria-label', button.title);
}
