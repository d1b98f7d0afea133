/**
 * The nodes' times as a table with a drawn bar in each row: what a screen reader is told is what the bars show. Test hooks:
 * `#times-table tr[data-node-id][data-state]`, in it `td[data-cell="state|waited|began|ended|took"]` and `.times-bar`; `#times-note`.
 */

import { flowOrder } from '../../model/layout.js';
import { byId, element, icon, ownTextElement, setAttribute, setHidden, setIcon, setText } from '../../parts/dom.js';
import { openByRow } from '../../parts/lists/opening.js';
import { formatDuration, formatMoment, nodeWord } from '../../parts/texts/text.js';
import { ticksOf, timesOf } from './times.js';

const CELLS = ['waited', 'began', 'ended', 'took'];

export class TimesView {
  #table = byId('times-table');
  #axis = byId('times-axis');
  #graph = null;
  #rows = new Map(); // node id → {row, track, bar, stateIcon, stateText, and a cell each}
  #ticks = '';
  #onSelect;

  constructor({ onSelect }) {
    this.#onSelect = onSelect;
    openByRow(this.#table.tBodies[0], 'button');
  }

  /** Draw the nodes' `views` of a run (null: none) with this graph. `record`: what the server has of the run, or null. */
  draw({ graph, views, run, now, end = null, record = null, whyNone }) {
    const times = timesOf({ views, run, now, end });
    setHidden(this.#table, times === null);
    this.#say(times === null ? whyNone : noteOf(times, run, record));
    if (times === null) return;
    if (graph !== this.#graph) this.#show(graph);
    this.#drawAxis(times);
    const viewOf = new Map(views.map((view) => [view.nodeId, view]));
    for (const bar of times.bars) this.#drawRow(bar, viewOf.get(bar.nodeId), times);
    this.#table.style.setProperty('--moment', end === null ? '2' : share(now, times).toFixed(4)); // 2: beyond the axis, not seen
  }

  #say(note) {
    setText(byId('times-note'), note);
    setHidden(byId('times-note'), note === '');
  }

  #show(graph) {
    this.#graph = graph;
    this.#rows.clear();
    const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
    this.#table.tBodies[0].replaceChildren(...flowOrder(graph).map((id) => this.#newRow(nodes.get(id))));
  }

  #newRow({ id, name }) {
    const open = ownTextElement('button', 'link-button', name || `Node ${id}`);
    open.type = 'button';
    open.addEventListener('click', () => this.#onSelect(id));
    const parts = { stateIcon: icon('idle'), stateText: element('span', ''), wait: element('span', 'times-wait'), bar: element('span', 'times-bar') };
    const state = element('td', '', element('span', 'state-line', parts.stateIcon, parts.stateText));
    state.dataset.cell = 'state';
    for (const cell of CELLS) {
      parts[cell] = element('td', 'cell-number');
      parts[cell].dataset.cell = cell;
    }
    const track = element('div', 'times-track', parts.wait, parts.bar);
    track.setAttribute('aria-hidden', 'true');
    const head = element('th', '', open);
    head.scope = 'row';
    const row = element('tr', '', head, state, ...CELLS.map((cell) => parts[cell]), element('td', 'times-cell', track));
    row.dataset.nodeId = String(id);
    this.#rows.set(id, { row, ...parts });
    return row;
  }

  #drawAxis({ from, to }) {
    const ticks = ticksOf(to - from);
    const told = JSON.stringify(ticks);
    if (told === this.#ticks) return;
    this.#ticks = told;
    this.#axis.replaceChildren(...ticks.map(({ at, text }) => {
      const tick = element('span', 'times-tick', text);
      tick.style.setProperty('--at', at.toFixed(4));
      return tick;
    }));
  }

  #drawRow(bar, view, times) {
    const parts = this.#rows.get(bar.nodeId);
    if (parts === undefined) return;
    setAttribute(parts.row, 'data-state', view.state);
    setAttribute(parts.stateText.parentElement, 'data-state', view.state);
    setIcon(parts.stateIcon, view.state);
    setText(parts.stateText, nodeWord(view));
    setText(parts.waited, bar.waited === null ? '–' : formatDuration(bar.waited, true));
    setText(parts.began, bar.from === null ? '–' : formatMoment(bar.from));
    setText(parts.ended, view.endedAt === null ? '–' : formatMoment(view.endedAt));
    setText(parts.took, bar.took === null ? '–' : formatDuration(bar.took, true));
    const waitEnd = bar.waited === null ? 0 : share(times.from + bar.waited, times);
    parts.wait.style.setProperty('--length', waitEnd.toFixed(4));
    setHidden(parts.bar, bar.from === null);
    if (bar.from === null) return;
    parts.bar.style.setProperty('--at', share(bar.from, times).toFixed(4));
    parts.bar.style.setProperty('--length', (share(bar.to, times) - share(bar.from, times)).toFixed(4));
  }
}

function share(at, { from, to }) {
  return to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 0;
}

function noteOf({ bars }, run, record) {
  const began = record?.startedAt ?? run.startedAt;
  const queued = record?.createdAt == null || began === null ? null : began - record.createdAt;
  const said = queued === null || queued < 0 ? [] : [`The run waited ${formatDuration(queued, true)} in the queue.`];
  const unknown = bars.filter(({ from, state }) => from === null && !['idle', 'notrun'].includes(state)).length;
  if (unknown > 0) said.push(unknown === 1 ? 'When one node began is not known.' : `When ${unknown} nodes began is not known.`);
  return said.join(' ');
}
