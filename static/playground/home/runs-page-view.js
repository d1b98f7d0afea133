/**
 * The runs of all jobs, with filters that are in the address. It only draws.
 * Test hooks: `#runs-page`, `#all-runs tr[data-run-id][data-status]`, `#filter-status`, `#filter-job`, `#filter-day`, `#filter-text`,
 * `#filter-clear`, `#all-runs-more`, `#all-runs-empty`, `#all-runs-freshness`.
 */

import { byId, element, icon, putAway, setAttribute, setHidden, setIcon, setText } from '../parts/dom.js';
import { KeyedList } from '../parts/lists/keyed-list.js';
import { openByRow } from '../parts/lists/opening.js';
import { asSentence, formatCount, formatDuration, formatMoment, RUN_ICONS, RUN_WORDS } from '../parts/texts/text.js';
import { jobPlace } from '../places/address.js';
import { freshnessText, Links, unknownText, whyWaits } from './home-view.js';

/** Milliseconds after the last key in which the address takes a filter. */
const TYPING = 350;

export class RunsPageView {
  #box = byId('runs-page');
  #fields = { status: byId('filter-status'), job: byId('filter-job'), day: byId('filter-day'), q: byId('filter-text') };
  #links;
  #rows;
  #typing = null;
  #place = null;

  constructor({ onGo, onFilter, onMore }) {
    this.#links = new Links(onGo);
    this.#rows = new KeyedList(byId('all-runs').tBodies[0], (run) => this.#row(run));
    openByRow(byId('all-runs').tBodies[0], 'td a');
    for (const field of Object.values(this.#fields)) field.addEventListener('input', () => this.#afterTyping(onFilter));
    byId('filters').addEventListener('submit', (event) => event.preventDefault());
    byId('filter-clear').addEventListener('click', () => onFilter({}));
    byId('all-runs-more').addEventListener('click', onMore);
  }

  /** The place whose runs are shown, with its filters; null hides the page. */
  show(place) {
    clearTimeout(this.#typing); // who has gone on does not come back for a filter
    this.#place = place;
    setHidden(this.#box, place === null);
    if (place === null) return;
    for (const [name, field] of Object.entries(this.#fields)) if (field !== document.activeElement || this.#isCleared(place)) field.value = place[name] ?? '';
    putAway(byId('filter-clear'), this.#isCleared(place), () => this.#fields.status.focus());
  }

  draw({ runs, next, searched, isKnown, now, freshness, jobName }) {
    const fresh = freshnessText({ ...freshness, isKnown });
    setText(byId('all-runs-freshness'), fresh);
    setHidden(byId('all-runs-freshness'), fresh === '');
    setText(byId('filter-job-name'), jobName ?? '');
    setHidden(byId('all-runs-box'), runs.length === 0);
    setHidden(byId('all-runs-empty'), runs.length > 0);
    setText(byId('all-runs-empty'), isKnown ? this.#emptyText(next, searched) : unknownText(freshness));
    putAway(byId('all-runs-more'), next === null, () => byId('all-runs-box').focus({ preventScroll: true }));
    setText(byId('all-runs-more'), this.#moreText(searched));
    this.#rows.show(runs, ({ runId }) => runId, (made, run) => drawRun(made, run, now));
  }

  #isCleared({ status, job, day, q }) {
    return [status, job, day, q].every((value) => value === null);
  }

  #moreText(searched) {
    if (this.#place.q !== null) return `Look further: ${this.#searchedText(searched)} were looked through`;
    return this.#isInTurn ? 'Later runs' : 'Older runs';
  }

  #emptyText(next, searched) {
    if (this.#isCleared(this.#place)) return 'No job has run yet.';
    return next === null ? 'No run is like that.' : `None of ${this.#searchedText(searched)} is like that.`;
  }

  #searchedText(searched) {
    return `the ${this.#isInTurn ? 'next' : 'newest'} ${formatCount(searched)} runs`;
  }

  // Those that wait: the server lists them so.
  get #isInTurn() {
    return this.#place.status === 'queued';
  }

  #afterTyping(onFilter) {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      const { status, job, day, q } = this.#fields;
      onFilter({ status: status.value || null, job: Number(job.value) > 0 ? Math.floor(Number(job.value)) : null, day: day.value || null, q: q.value || null });
    }, TYPING);
  }

  #row({ runId, jobId }) {
    const parts = {
      name: this.#links.link('row-name', jobPlace(jobId)),
      began: this.#links.link('', jobPlace(jobId, { run: runId })),
      icon: icon('idle'),
      word: element('span', ''),
      took: element('td', 'cell-number'),
      came: element('td', 'cell-number'),
      went: element('td', 'cell-number'),
      by: element('td', 'cell-by'),
      reason: element('span', 'cell-reason'),
    };
    const head = element('th', 'cell-job', element('div', 'cell-name', parts.name, element('span', 'row-id', `#${jobId}`)));
    head.scope = 'row';
    const row = element(
      'tr',
      '',
      head,
      element('td', '', parts.began),
      element('td', '', element('span', 'state-line', parts.icon, parts.word)),
      parts.took,
      parts.came,
      parts.went,
      parts.by,
      element('td', 'cell-message', parts.reason),
    );
    row.dataset.runId = runId;
    return { element: row, ...parts };
  }
}

function drawRun({ element: row, name, began, icon: image, word, took, came, went, by, reason }, run, now) {
  const { jobName, jobId, status, startedAt, endedAt, createdAt, rows = null } = run;
  setAttribute(row, 'data-status', status);
  setText(name, jobName ?? `Job ${jobId}`);
  setText(began, formatMoment(startedAt ?? createdAt));
  setAttribute(word.parentElement, 'data-state', status);
  setIcon(image, RUN_ICONS[status]);
  setText(word, RUN_WORDS[status]);
  setText(took, startedAt === null ? '–' : endedAt === null ? formatDuration(now - startedAt) : formatDuration(endedAt - startedAt, true));
  setText(came, rows === null ? '–' : formatCount(rows.in));
  setText(went, rows === null ? '–' : formatCount(rows.out));
  setText(by, run.startedBy ?? '–');
  const why = run.status === 'queued' ? whyWaits(run, now) : run.reason && asSentence(run.reason);
  setText(reason, why ?? '');
  setAttribute(reason, 'title', why ?? '');
}
