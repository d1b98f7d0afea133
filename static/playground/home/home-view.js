/**
 * Home: what runs, waits and failed, programs that are not ours, and all jobs. It only draws.
 *
 * Test hooks: `#home`, `#home-freshness`; `#home-running`, `#home-waiting`, `#home-failed` with `li[data-run-id]`, each with `-count` and
 * `-empty`; `#home-foreign li[data-job-id][data-status]`; `#home-jobs tr[data-job-id][data-status]` with `.strip[data-runs]`, `#home-search`,
 * `#home-more`, `#home-jobs-empty`.
 */

import { formatShare } from '../../realtime/estimate.js';
import { byId, element, icon, isPressable, putAway, setAttribute, setDisabled, setHidden, setIcon, setText } from '../parts/dom.js';
import { KeyedList } from '../parts/lists/keyed-list.js';
import { openByRow } from '../parts/lists/opening.js';
import { drawProgress } from '../parts/progress-bar.js';
import {
  asSentence,
  formatAge,
  formatAttempt,
  formatClock,
  formatDuration,
  formatMoment,
  formatRemaining,
  RUN_ICONS,
  RUN_WORDS,
  shortRun,
} from '../parts/texts/text.js';
import { addressOf, FAILED_OR_LOST, jobPlace, runsPlace } from '../places/address.js';
import { lastRunView } from './job-list.js';
import { isEarly, typicalDuration } from './overview.js';

/** Of the height of a strip: what the shortest run has. */
const LEAST_TICK = 0.22;

const FOREIGN_WORDS = { ...RUN_WORDS, reporting: 'Reporting', silent: 'Silent', unheard: 'Not heard of' };
const FOREIGN_ICONS = { ...RUN_ICONS, reporting: 'running', silent: 'idle', unheard: 'idle' };

export class HomeView {
  #box = byId('home');
  #links;
  #lists;

  constructor({ onGo, onCancel, onSearch, onMoreJobs, onNewJob, onImport, onKeep }) {
    this.#links = new Links(onGo);
    this.#lists = {
      running: new KeyedList(byId('home-running'), (run) => this.#runningRow(run, onCancel)),
      waiting: new KeyedList(byId('home-waiting'), (run) => this.#waitingRow(run, onCancel)),
      failed: new KeyedList(byId('home-failed'), (run) => this.#failedRow(run)),
      foreign: new KeyedList(byId('home-foreign'), (program) => this.#foreignRow(program, onKeep)),
      jobs: new KeyedList(byId('home-jobs').tBodies[0], (job) => this.#jobRow(job)),
    };
    for (const list of ['running', 'waiting', 'failed', 'foreign'].map((name) => byId(`home-${name}`))) openByRow(list, '.row-name');
    openByRow(byId('home-jobs').tBodies[0], '.row-name');
    byId('home-search').addEventListener('input', (event) => onSearch(event.target.value));
    byId('home-more').addEventListener('click', onMoreJobs);
    byId('home-import').addEventListener('click', onImport);
    for (const id of ['home-new', 'home-first']) byId(id).addEventListener('click', onNewJob);
    this.#links.lead(byId('home-all-failed'), runsPlace({ status: FAILED_OR_LOST }));
    this.#links.lead(byId('home-all-runs'), runsPlace());
  }

  show(isShown) {
    setHidden(this.#box, !isShown);
  }

  /** `freshness`: {since, staleWord, isDeaf, isKnown}: how true what is drawn is now. */
  draw({ running, waiting, failed, counts, foreign, kept, jobs, listing, freshness, now }) {
    setText(byId('home-freshness'), freshnessText(freshness));
    setHidden(byId('home-freshness'), freshnessText(freshness) === '');
    this.#drawSection('running', running, counts.running, counts.isMore.running, 'Nothing is running.', freshness);
    this.#drawSection('waiting', waiting, counts.waiting, counts.isMore.waiting, 'Nothing waits.', freshness);
    this.#drawSection('failed', failed, counts.failed, counts.isMore.failed, 'Nothing failed.', freshness);
    const isStill = freshness.since !== null;
    this.#lists.running.show(running, runKey, (made, run) => drawRunning(made, run, now, isStill));
    this.#lists.waiting.show(waiting, runKey, (made, run) => drawWaiting(made, run, now, running.length));
    this.#lists.failed.show(failed, runKey, (made, run) => drawFailed(made, run, now));
    setHidden(byId('home-foreign-section'), foreign.length === 0);
    setText(byId('home-foreign-count'), String(foreign.length));
    this.#lists.foreign.show(foreign, ({ jobId }) => jobId, (made, program) => drawForeign(made, program, kept, now));
    this.#drawJobs(jobs, listing, freshness, now);
  }

  #drawSection(name, runs, count, isMore, emptyText, freshness) {
    const isThere = runs.length > 0;
    setText(byId(`home-${name}-count`), isThere ? `${count}${isMore ? '+' : ''}` : '');
    setHidden(byId(`home-${name}-empty`), isThere);
    setText(byId(`home-${name}-empty`), freshness.isKnown ? emptyText : unknownText(freshness));
  }

  #drawJobs(jobs, { search, next, isKnown }, freshness, now) {
    const isFirst = isKnown && jobs.length === 0 && search === '';
    setHidden(byId('home-welcome'), !isFirst);
    setHidden(byId('home-search'), isFirst);
    setHidden(byId('home-jobs-box'), jobs.length === 0);
    putAway(byId('home-more'), next === null, () => byId('home-jobs-box').focus({ preventScroll: true }));
    setHidden(byId('home-jobs-empty'), jobs.length > 0 || isFirst);
    setText(byId('home-jobs-empty'), isKnown ? `No job has “${search}” in its name.` : unknownText(freshness));
    this.#lists.jobs.show(jobs, ({ id }) => id, (made, job) => drawJob(made, job, now));
  }

  // ---- rows, made once; what changes is drawn in them

  #runningRow({ runId, jobId }, onCancel) {
    const parts = {
      icon: icon('running'),
      name: this.#links.link('row-name', jobPlace(jobId)),
      sub: element('span', 'row-sub'),
      share: element('span', 'row-share number'),
      bar: bar(),
      time: element('span', 'row-time number'),
      cancel: cancelButton(runId, onCancel),
    };
    const row = element(
      'li',
      'row row-running',
      parts.icon,
      element('div', 'row-what', parts.name, parts.sub),
      element('div', 'row-far', parts.bar, parts.share),
      parts.time,
      parts.cancel,
    );
    row.dataset.runId = runId;
    return { element: row, ...parts };
  }

  #waitingRow({ runId, jobId }, onCancel) {
    const parts = {
      name: this.#links.link('row-name', jobPlace(jobId)),
      sub: element('span', 'row-sub'),
      time: element('span', 'row-time number'),
      cancel: cancelButton(runId, onCancel),
    };
    const row = element('li', 'row', icon('queued'), element('div', 'row-what', parts.name, parts.sub), parts.time, parts.cancel);
    row.dataset.runId = runId;
    return { element: row, ...parts };
  }

  #failedRow({ runId, jobId, status }) {
    const parts = {
      name: this.#links.link('row-name', jobPlace(jobId, { run: runId })),
      sub: element('span', 'row-sub row-reason'),
      time: element('span', 'row-time number'),
    };
    const row = element('li', 'row row-failed', icon(RUN_ICONS[status]), element('div', 'row-what', parts.name, parts.sub), parts.time);
    row.dataset.runId = runId;
    return { element: row, ...parts };
  }

  #foreignRow({ jobId, isStored }, onKeep) {
    const parts = {
      icon: icon('idle'),
      name: this.#links.link('row-name', jobPlace(jobId)),
      sub: element('span', 'row-sub'),
      time: element('span', 'row-time number'),
    };
    const field = element('input', 'search row-field');
    field.maxLength = 200;
    field.placeholder = 'Name it, to keep it here';
    field.setAttribute('aria-label', `Name of the program that reports as job ${jobId}`);
    field.addEventListener('change', () => onKeep(jobId, field.value.trim()));
    field.hidden = isStored;
    const row = element('li', 'row row-foreign', parts.icon, element('div', 'row-what', parts.name, parts.sub), field, parts.time);
    row.dataset.jobId = String(jobId);
    return { element: row, field, ...parts };
  }

  #jobRow({ id }) {
    const name = this.#links.link('row-name', jobPlace(id));
    const parts = { name, strip: element('span', 'strip'), typical: element('td', 'cell-number'), icon: icon('idle'), last: element('span', '') };
    parts.strip.setAttribute('role', 'img');
    const head = element('th', 'cell-job', element('div', 'cell-name', name, element('span', 'row-id', `#${id}`)));
    head.scope = 'row';
    const runs = this.#links.link('', runsPlace({ job: id }), 'Runs');
    runs.setAttribute('aria-label', `Runs of job ${id}`);
    const row = element(
      'tr',
      '',
      head,
      element('td', 'cell-strip', parts.strip),
      parts.typical,
      element('td', 'cell-last', element('span', 'state-line', parts.icon, parts.last)),
      element('td', 'cell-runs', runs),
    );
    row.dataset.jobId = String(id);
    return { element: row, ...parts };
  }
}

/** Links of our own places: the page goes there itself, and the browser can open them in another tab. */
export class Links {
  #onGo;

  constructor(onGo) {
    this.#onGo = onGo;
  }

  link(className, place, text = '') {
    const made = element('a', className, text);
    made.translate = className !== 'row-name'; // which shows the name of a job
    this.lead(made, place);
    return made;
  }

  lead(anchor, place) {
    anchor.href = addressOf(place);
    anchor.dir = 'auto';
    anchor.addEventListener('click', (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      this.#onGo(place);
    });
  }
}

/** How true what is drawn is: '' where it is live. */
export function freshnessText({ since, staleWord, isDeaf, isKnown }) {
  if (since !== null) return `${staleWord}: as of ${formatClock(since)}`;
  if (!isKnown) return '';
  return isDeaf ? 'Not live: looked at every few seconds, over HTTP' : '';
}

/** Why a list is not told that is not known. */
export function unknownText({ since, isRefused }) {
  if (since !== null) return 'Not known while offline.';
  return isRefused ? 'The server does not tell this.' : 'Loading…';
}

/** Who executed a run: the name in the token, or that of a program. */
export function startedByText(startedBy) {
  return startedBy === null ? '' : `by ${startedBy}`;
}

function drawRunning({ element: row, icon: image, name, sub, share: shareText, bar: track, time, cancel }, run, now, isStill) {
  setAttribute(row, 'data-status', run.status);
  setIcon(image, 'running');
  setText(name, run.jobName ?? `Job ${run.jobId}`);
  setText(
    sub,
    [run.startedAt === null ? '' : `Since ${formatMoment(run.startedAt)}`, startedByText(run.startedBy), shortRun(run.runId)].filter(Boolean).join(' · '),
  );
  setAttribute(track, 'aria-label', `Progress of ${run.jobName ?? `job ${run.jobId}`}`);
  drawProgress(track, run.share);
  const left = run.share === null || isStill ? null : formatRemaining(run.share);
  setText(shareText, run.share === null ? '' : [formatShare(run.share), left].filter(Boolean).join(', '));
  setText(time, run.startedAt === null ? '' : formatDuration(now - run.startedAt));
  drawCancel(cancel, run);
}

function drawWaiting({ name, sub, time, cancel }, run, now, runningCount) {
  setText(name, run.jobName ?? `Job ${run.jobId}`);
  setText(sub, [...waitTexts(run, now, runningCount), startedByText(run.startedBy)].filter(Boolean).join(' · '));
  setText(time, run.createdAt === null ? '' : formatDuration(now - run.createdAt));
  drawCancel(cancel, run);
}

function waitTexts(run, now, runningCount) {
  const why = whyWaits(run, now);
  return why === null ? [placeText(run.before), whyText(runningCount)] : [why];
}

/** Why a run waits for something else than its turn; null of every other run. */
export function whyWaits(run, now) {
  if (run.waitReason != null) return asSentence(run.waitReason);
  return isEarly(run, now) ? formatAttempt(run, { isWaiting: true, now }) : null;
}

function placeText(before) {
  if (before === null) return '';
  if (before === 0) return 'Next in the queue';
  return before === 1 ? '1 run before it' : `${before} runs before it`;
}

function whyText(runningCount) {
  if (runningCount === 0) return 'no runner has taken it yet';
  return runningCount === 1 ? 'waits for a runner; 1 run is under way' : `waits for a runner; ${runningCount} runs are under way`;
}

function drawCancel(button, { jobName, jobId, canCancel, isCancelling }) {
  setHidden(button, !canCancel);
  setAttribute(button, 'aria-label', `Cancel the run of ${jobName ?? `job ${jobId}`}`);
  setDisabled(button, isCancelling);
  setText(button, isCancelling ? 'Cancelling…' : 'Cancel');
}

function drawFailed({ name, sub, time }, run, now) {
  setText(name, run.jobName ?? `Job ${run.jobId}`);
  const reason = run.reason === null ? RUN_WORDS[run.status] : asSentence(run.reason);
  setText(sub, run.status === 'lost' ? `Lost: ${reason}` : reason);
  setAttribute(sub, 'title', reason);
  setText(time, run.endedAt === null ? '' : formatAge(now - run.endedAt));
}

function drawForeign({ element: row, field, icon: image, name, sub, time }, program, kept, now) {
  const { jobId, status, reason, heard, isStored } = program;
  setAttribute(row, 'data-status', status);
  setIcon(image, FOREIGN_ICONS[status]);
  setText(name, program.name ?? `Job ${jobId}`);
  const what = isStored ? 'a program of its own reports as this job' : `job ${jobId}`;
  setText(sub, [FOREIGN_WORDS[status], program.name === null && !isStored ? '' : what, reason ?? ''].filter(Boolean).join(' · '));
  setText(time, heard === null ? '' : `heard ${formatAge(now - heard)}`);
  if (document.activeElement !== field) field.value = kept.get(jobId) ?? '';
}

function drawJob({ element: row, name, strip, typical, icon: image, last }, { name: jobName, runs }, now) {
  const view = lastRunView(runs[0] ?? null, now);
  setAttribute(row, 'data-status', view?.status ?? 'none');
  setText(name, jobName);
  name.title = jobName;
  setIcon(image, view?.icon ?? 'idle');
  setAttribute(image.parentElement, 'data-state', view?.status ?? 'none');
  setText(last, view?.text ?? 'Not run yet');
  const usual = typicalDuration(runs);
  setText(typical, usual === null ? '–' : formatDuration(usual, true));
  drawStrip(strip, runs);
}

// Oldest first, as one reads; a bar is as high as the run took long. Drawn anew only when the runs are others.
function drawStrip(strip, runs) {
  const told = runs.map(({ runId, status, startedAt, endedAt }) => [runId, status, startedAt, endedAt].join()).join(';');
  if (strip.dataset.runs === told) return;
  strip.dataset.runs = told;
  const took = runs.map(({ startedAt, endedAt }) => (startedAt === null || endedAt === null ? null : endedAt - startedAt));
  const longest = Math.max(...took.map((seconds) => seconds ?? 0), 1e-3);
  const ticks = runs.map(({ status }, at) => {
    const tick = element('span', 'tick');
    tick.dataset.status = status;
    tick.style.setProperty('--height', took[at] === null ? '1' : Math.max(LEAST_TICK, took[at] / longest).toFixed(2));
    return tick;
  });
  strip.replaceChildren(...ticks.reverse());
  setAttribute(strip, 'aria-label', stripText(runs));
}

function stripText(runs) {
  if (runs.length === 0) return 'No runs';
  const counts = new Map();
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const told = [...counts].map(([status, count]) => `${count} ${RUN_WORDS[status].toLowerCase()}`).join(', ');
  return `The last ${runs.length === 1 ? 'run' : `${runs.length} runs`}: ${told}`;
}

function runKey({ runId }) {
  return runId;
}

function bar() {
  const track = element('div', 'bar', element('div', 'bar-fill'));
  track.setAttribute('role', 'progressbar');
  track.setAttribute('aria-valuemin', '0');
  track.setAttribute('aria-valuemax', '100');
  return track;
}

function cancelButton(runId, onCancel) {
  const button = element('button', 'button button-small', 'Cancel');
  button.type = 'button';
  button.addEventListener('click', () => isPressable(button) && onCancel(runId));
  return button;
}
