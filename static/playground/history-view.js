/** The job's runs, newest first. Test hooks: `#run-table tr[data-run-id][data-status]`, `#runs-more`, `#runs-empty`. */

import { byId, element, icon, setAttribute, setHidden, setText } from './dom.js';
import { formatCount, formatDuration, formatMoment, RUN_ICONS, RUN_WORDS, shortRun } from './text.js';

export class HistoryView {
  #body = byId('run-table').tBodies[0];
  #more = byId('runs-more');
  #onShow;

  /** `onShow(runId)`: look at that run. */
  constructor({ onShow, onMore }) {
    this.#onShow = onShow;
    this.#more.addEventListener('click', onMore);
  }

  /** `runs`: [{runId, status, createdAt, startedAt, endedAt, rows: {in, out}, reason}]; `hasMore`: older ones exist. */
  show(runs, hasMore) {
    const focused = document.activeElement?.closest('#run-table tr')?.dataset.runId;
    this.#body.replaceChildren(...runs.map((run) => this.#row(run)));
    if (focused !== undefined) this.#body.querySelector(`tr[data-run-id="${CSS.escape(focused)}"] button`)?.focus();
    setHidden(this.#more, !hasMore);
    setHidden(byId('runs-empty'), runs.length > 0);
    setHidden(byId('run-table'), runs.length === 0);
  }

  markShown(runId) {
    for (const row of this.#body.rows) setAttribute(row, 'aria-current', String(row.dataset.runId === runId));
  }

  #row(run) {
    const began = run.startedAt ?? run.createdAt;
    const open = element('button', 'link-button', formatMoment(began));
    open.type = 'button';
    open.addEventListener('click', () => this.#onShow(run.runId));
    const head = element('th', '', open);
    head.scope = 'row';
    const state = element('span', 'state-line', icon(RUN_ICONS[run.status]), element('span', '', RUN_WORDS[run.status]));
    state.dataset.state = run.status;
    const took = run.startedAt === null || run.endedAt === null ? '–' : formatDuration(run.endedAt - run.startedAt, true);
    const id = element('code', '', shortRun(run.runId));
    id.title = run.runId;
    const row = element('tr', '', head, element('td', '', state), number(took), number(formatCount(run.rows.in)), number(formatCount(run.rows.out)), element('td', '', id), element('td', 'cell-message', run.reason ?? ''));
    row.dataset.runId = run.runId;
    row.dataset.status = run.status;
    return row;
  }
}

function number(text) {
  const cell = element('td', 'cell-number');
  setText(cell, text);
  return cell;
}
