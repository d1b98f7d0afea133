/**
 * Copy, cut and paste of nodes, by the browser's own clipboard: as text, so from job to job and from tab to tab.
 */

import { fragmentOf, GRID } from '../../model/graphs.js';
import { partsText } from '../../model/naming.js';
import { byId } from '../../parts/dom.js';
import { asClipboardText, fromClipboardText, MOST_NODES } from './clipboard-text.js';

export class GraphClipboard {
  #drafts;
  #graph;
  #selection;
  #commands;
  #page;
  #pointer = { clientX: -1, clientY: -1 };
  #pasted = 0; // times that the same was pasted

  constructor({ drafts, graph, selection, commands, page }) {
    this.#drafts = drafts;
    this.#graph = graph;
    this.#selection = selection;
    this.#commands = commands;
    this.#page = page;
    document.addEventListener('pointermove', ({ clientX, clientY }) => (this.#pointer = { clientX, clientY }), { passive: true });
    byId('graph').addEventListener('pointerdown', forgetMarkedText);
    document.addEventListener('copy', (event) => this.#onCopy(event));
    document.addEventListener('cut', (event) => this.#onCopy(event, { cut: true }));
    document.addEventListener('paste', (event) => this.#onPaste(event));
    // Safari tells of these three only where it is told before that they can be done without a marked text, and a field
    for (const name of ['beforecopy', 'beforecut', 'beforepaste']) {
      document.addEventListener(name, (event) => this.#takesClipboard(event) && event.preventDefault());
    }
  }

  #takesClipboard(event) {
    const isElsewhere = event.target.closest?.('input, textarea, select, dialog') ?? null;
    return this.#drafts.current !== null && isElsewhere === null && document.querySelector('dialog[open]') === null && this.#graph.hasFocus;
  }

  #onCopy(event, { cut = false } = {}) {
    const { nodes } = this.#selection.targets();
    if (!this.#takesClipboard(event) || nodes.size === 0 || getSelection().toString() !== '') return;
    const { graph } = this.#drafts;
    event.clipboardData.setData('text/plain', asClipboardText(fragmentOf(graph, nodes)));
    event.preventDefault();
    this.#pasted = 0;
    if (cut) this.#commands.delete(nodes, new Set());
    else this.#page.announce(`Copied ${partsText(graph, nodes, new Set())}.`);
  }

  #onPaste(event) {
    if (!this.#takesClipboard(event)) return;
    const fragment = fromClipboardText(event.clipboardData.getData('text/plain'));
    if (fragment === null) return;
    event.preventDefault();
    const count = fragment.nodes.length;
    if (count > MOST_NODES) return this.#page.say(`These are ${count.toLocaleString('en')} nodes; a job has at most ${MOST_NODES}.`, 'error');
    this.#pasted += 1;
    this.#commands.insert(fragment, this.#pasteOffset(fragment), 'Paste');
  }

  // Where the pointer is, when it is over the canvas; else beside the originals.
  #pasteOffset({ nodes }) {
    const point = this.#graph.sheetPoint(this.#pointer.clientX, this.#pointer.clientY);
    if (point === null || this.#pasted > 1) return { x: 32 * this.#pasted, y: 32 * this.#pasted };
    const [left, top] = [Math.min(...nodes.map(({ position }) => position.x)), Math.min(...nodes.map(({ position }) => position.y))];
    return { x: Math.round((point.x - left) / GRID) * GRID, y: Math.round((point.y - top) / GRID) * GRID };
  }
}

// A browser leaves text that was marked in a log or a table where it is: it would be copied in place of what was pressed since.
function forgetMarkedText() {
  const marked = getSelection();
  if (!marked.isCollapsed) marked.removeAllRanges(); // that of a field is not among these
}
