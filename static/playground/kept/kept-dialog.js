/**
 * What a node of a run gave: its first rows, and NULLs, least and greatest value of each column.
 * Test hooks: `#kept[data-state]` (loading | rows | error), `#kept-said`, `#kept-output`, `#kept-figures`, `#kept-rows`.
 */

import { byId, element, setHidden, setText } from '../parts/dom.js';
import { rowsTable } from '../parts/lists/rows-table.js';
import { formatCount } from '../parts/texts/text.js';
import { patiently } from '../server/patience.js';
import { figuresOf } from './rules.js';

export class KeptDialog {
  #api;
  #host;
  #dialog = byId('kept');
  #of = null; // {runId, nodeId}
  #generation = 0;

  /** `host`: {announce(text)} */
  constructor(api, host) {
    this.#api = api;
    this.#host = host;
    byId('kept-close').addEventListener('click', () => this.#dialog.close());
    byId('kept-output').addEventListener('change', () => this.#load(byId('kept-output').value));
    this.#dialog.addEventListener('close', () => (this.#generation += 1));
  }

  open({ runId, nodeId, name }) {
    this.#of = { runId, nodeId };
    setText(byId('kept-title'), `What ${name} gave`);
    for (const id of ['kept-figures', 'kept-rows', 'kept-output']) byId(id).replaceChildren();
    setHidden(byId('kept-output-field'), true);
    this.#dialog.showModal();
    return this.#load(null);
  }

  async #load(output) {
    const generation = (this.#generation += 1);
    const isWanted = () => generation === this.#generation;
    this.#tell('loading', 'Reading rows…');
    const { runId, nodeId } = this.#of;
    try {
      const page = await patiently(() => this.#api.kept(runId, nodeId, output), { isWanted, onWait: () => this.#tell('loading', 'Waiting for a runner…') });
      if (isWanted()) this.#draw(page);
    } catch (problem) {
      if (!isWanted()) return;
      if (problem.status === undefined) throw problem;
      this.#tell('error', problem.message);
    }
  }

  #draw(page) {
    byId('kept-figures').replaceChildren(figuresTable(page));
    byId('kept-rows').replaceChildren(rowsTable(page));
    setHidden(byId('kept-output-field'), page.outputs.length < 2);
    byId('kept-output').replaceChildren(...page.outputs.map(({ name, rows }) => choice(name, rows, name === page.output)));
    this.#tell('rows', noteOf(page));
  }

  #tell(state, note) {
    this.#dialog.dataset.state = state;
    setText(byId('kept-said'), note);
    if (state !== 'loading') this.#host.announce(note);
  }
}

function figuresTable(page) {
  const heads = ['Column', 'NULL', 'Least', 'Greatest'].map((text) => cell('th', text, 'col'));
  const rows = figuresOf(page).map(({ name, nulls, min, max }) =>
    element('tr', '', cell('th', name, 'row'), ...[nulls, min, max].map((text) => cell('td', text)))
  );
  return element(
    'table',
    'rows',
    element('caption', 'visually-hidden', 'Figures of each column'),
    element('thead', '', element('tr', '', ...heads)),
    element('tbody', '', ...rows),
  );
}

function cell(tag, text, scope = null) {
  const made = element(tag, '', text);
  if (scope !== null) made.scope = scope;
  return made;
}

function choice(name, rows, isChosen) {
  const made = element('option', '', `${name || 'rows'} (${formatCount(rows)})`);
  made.value = name;
  made.selected = isChosen;
  return made;
}

function noteOf({ count, rows, timedOut, seen }) {
  const first = rows.length === count ? `All ${formatCount(count)} rows.` : `The first ${formatCount(rows.length)} of ${formatCount(count)} rows.`;
  return timedOut ? `${first} The figures are of the first ${formatCount(seen)}.` : first;
}
