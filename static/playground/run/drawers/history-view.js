/** The job's runs, newest first. Test hooks: `#run-table tr[data-run-id][data-status]`, `#runs-more`, `#runs-empty`. */

import { byId, closest, element, icon, putAway, setAttribute, setHidden, setIcon, setText } from '../../parts/dom.js';
import { openByRow } from '../../parts/lists/opening.js';
import { asSentence, formatAttempt, formatCount, formatDuration, formatMoment, formatValues, RUN_ICONS, RUN_WORDS, shortRun } from '../../parts/texts/text.js';

export class HistoryView {
  #body = byId('run-table').tBodies[0];
  #more = byId('runs-more');
  #onShow;
  #begun = []; // {button, began}: of each row, what says when its run began
  #day = ''; // on which they were written

  /** `onShow(runId)`: look at that run. */
  constructor({ onShow, onMore }) {
    this.#onShow = onShow;
    openByRow(this.#body, 'button');
    this.#more.addEventListener('click', onMore);
  }

  /**
   * `runs`: [{runId, status, createdAt, startedAt, endedAt, rows: {in, out, rejected}, reason, waitReason}]; `hasMore`: older ones exist;
   * `emptyText`: what to say where there are none.
   */
  show(runs, hasMore, emptyText) {
    const focused = closest(document.activeElement, '#run-table tr')?.dataset.runId;
    this.#begun = [];
    this.#day = new Date().toDateString();
    this.#body.replaceChildren(...runs.map((run) => this.#row(run)));
    if (focused !== undefined) this.#body.querySelector(`tr[data-run-id="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
    putAway(this.#more, !hasMore, () => byId('drawer-runs').focus({ preventScroll: true }));
    setText(byId('runs-empty'), emptyText);
    setHidden(byId('runs-empty'), runs.length > 0);
    setHidden(byId('run-table'), runs.length === 0);
  }

  /** `emptyText` as for `show`. A time of today gets its date when today is over. */
  draw(emptyText) {
    setText(byId('runs-empty'), emptyText);
    const day = new Date().toDateString();
    if (day === this.#day) return;
    this.#day = day;
    for (const { button, began } of this.#begun) setText(button, formatMoment(began));
  }

  /** What is true of a run that is in the list: `run` of JobState.run(), `rows` {in, out}; null for `rows` and `now`: not known. */
  drawLive(run, rows, now) {
    const row = this.#body.querySelector(`tr[data-run-id="${CSS.escape(run.runId)}"]`);
    if (row === null) return;
    setAttribute(row, 'data-status', run.status);
    const state = row.querySelector('.state-line');
    setAttribute(state, 'data-state', run.status);
    setIcon(state.firstElementChild, RUN_ICONS[run.status]);
    setText(state.lastElementChild, RUN_WORDS[run.status]);
    const [took, came, went] = row.querySelectorAll('.cell-number');
    setText(took, tookText(run, now));
    if (rows === null) return;
    setText(came, formatCount(rows.in));
    setText(went, formatCount(rows.out));
  }

  markShown(runId) {
    for (const row of this.#body.rows) setAttribute(row, 'aria-current', String(row.dataset.runId === runId));
  }

  #row(run) {
    const began = run.startedAt ?? run.createdAt;
    const open = element('button', 'link-button', formatMoment(began));
    open.type = 'button';
    open.addEventListener('click', () => this.#onShow(run.runId));
    this.#begun.push({ button: open, began });
    const head = element('th', '', open);
    const about = [formatAttempt(run), formatValues(run.parameters)].filter((text) => text !== null && text !== '').join(' · ');
    if (about !== '') head.append(Object.assign(element('div', 'cell-values', about), { title: about }));
    head.scope = 'row';
    const state = element('span', 'state-line', icon(RUN_ICONS[run.status]), element('span', '', RUN_WORDS[run.status]));
    state.dataset.state = run.status;
    const took = tookText(run, null);
    const id = element('code', '', shortRun(run.runId));
    id.title = run.runId;
    const why = asSentence(run.reason ?? run.waitReason ?? '');
    const reason = element('span', 'cell-reason', why); // its run, once shown, has the whole of it
    reason.title = why;
    const row = element(
      'tr',
      '',
      head,
      element('td', '', state),
      number(took),
      number(formatCount(run.rows.in)),
      number(formatCount(run.rows.out)),
      element('td', '', id),
      element('td', 'cell-message', reason),
    );
    row.dataset.runId = run.runId;
    row.dataset.status = run.status;
    return row;
  }
}

function tookText({ startedAt, endedAt }, now) {
  if (startedAt === null || (endedAt === null && now === null)) return '–';
  return endedAt === null ? formatDuration(now - startedAt) : formatDuration(endedAt - startedAt, true);
}

function number(text) {
  const cell = element('td', 'cell-number');
  setText(cell, text);
  return cell;
}
