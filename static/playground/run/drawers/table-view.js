/**
 * The graph as a table: what the cards show, in the order of the flow. Rows and cells stay where they are.
 * Test hooks: `#node-table tr[data-node-id][data-state]`, and in it `td[data-cell="state|rows|rate|share|took|message"]`.
 */

import { formatShare } from '../../../realtime/estimate.js';
import { flowOrder } from '../../model/layout.js';
import { byId, element, icon, ownTextElement, setAttribute, setIcon, setText } from '../../parts/dom.js';
import { openByRow } from '../../parts/lists/opening.js';
import { averageRateText, beginningOf, formatCount, lastedText, nodeWord } from '../../parts/texts/text.js';

const CELLS = ['rows', 'rate', 'share', 'took', 'message'];

export class TableView {
  #body = byId('node-table').tBodies[0];
  #graph = null;
  #rows = new Map(); // node id → {row, stateIcon, stateText, and a cell each}
  #onSelect;

  constructor({ onSelect }) {
    this.#onSelect = onSelect;
    openByRow(this.#body, 'button');
  }

  /** Draw `views`, the nodes' views with `share` each, of this graph. */
  draw(graph, views, now) {
    if (graph !== this.#graph) this.#show(graph);
    for (const view of views) this.#drawRow(view, now);
  }

  #show(graph) {
    this.#graph = graph;
    this.#rows.clear();
    const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    this.#body.replaceChildren(...flowOrder(graph).map((id) => this.#newRow(nodes.get(id), nodes)));
  }

  #newRow(node, nodes) {
    const open = ownTextElement('button', 'link-button', node.name || `Node ${node.id}`);
    open.type = 'button';
    open.addEventListener('click', () => this.#onSelect(node.id));
    const stateIcon = icon('idle');
    const stateText = element('span', '');
    const parts = { stateIcon, stateText };
    const cells = {};
    const state = element('td', '', element('span', 'state-line', stateIcon, stateText));
    state.dataset.cell = 'state';
    for (const name of CELLS) {
      parts[name] = element('span', name === 'message' ? 'cell-reason' : ''); // the details have the whole of it
      cells[name] = element('td', name === 'message' ? 'cell-message' : 'cell-number', parts[name]);
      cells[name].dataset.cell = name;
    }
    const targets = this.#graph.edges.filter(({ from }) => from === node.id).map(({ to }) => nodes.get(to)?.name ?? `Node ${to}`);
    const head = element('th', '', open);
    head.scope = 'row';
    const row = element(
      'tr',
      '',
      head,
      state,
      ...CELLS.slice(0, 4).map((name) => cells[name]),
      ownTextElement('td', '', [...new Set(targets)].join(', ') || '–'),
      cells.message,
    );
    row.dataset.nodeId = String(node.id);
    this.#rows.set(node.id, { row, ...parts });
    return row;
  }

  #drawRow(view, now) {
    const parts = this.#rows.get(view.nodeId);
    if (parts === undefined) return;
    setAttribute(parts.row, 'data-state', view.state);
    setAttribute(parts.stateText.parentElement, 'data-state', view.state);
    setIcon(parts.stateIcon, view.state);
    setText(parts.stateText, nodeWord(view));
    setText(parts.rows, view.heard ? formatCount(view.rowCount) : '–');
    setText(parts.rate, averageRateText(view));
    setText(parts.share, view.share === null || view.state === 'idle' ? '–' : formatShare(view.share));
    setText(parts.took, lastedText(view, now));
    setText(parts.message, beginningOf(view.message));
  }
}
