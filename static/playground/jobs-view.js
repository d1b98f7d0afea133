/**
 * The list of jobs, each with its last run. Test hooks: `button.job[data-job-id][data-status]` with `.job-last`,
 * aria-current="true" on the one shown, data-unsaved="true" on those with changes that are not saved; `#jobs-search`,
 * `#jobs-order`, `#jobs-left`.
 */

import { byId, closest, element, icon, setAttribute, setHidden, setIcon, setText } from './dom.js';
import { arranged, lastRunView } from './job-list.js';
import { laterRun } from './overview.js';

/** From so many jobs on one searches. */
const WORTH_SEARCHING = 8;

export class JobsView {
  #list = byId('jobs-list');
  #search = byId('jobs-search');
  #order = byId('jobs-order');
  #onOpen;
  #jobs = [];
  #told = null; // what is shown, as one text
  #shownId = null;
  #unsaved = [];
  #entries = new Map(); // job id → {button, parts}
  #live = { jobId: null, run: null }; // the run of the job at hand, of which more is known than the list has
  #heard = new Map(); // job id → its last run that was heard of
  #second = 0; // at which ages were drawn

  constructor({ onOpen }) {
    this.#onOpen = onOpen;
    for (const control of [this.#search, this.#order]) control.addEventListener('input', () => this.#startOver());
  }

  /** [{id, name, lastRun}]: what is shown already stays as it is. */
  show(jobs) {
    this.#jobs = jobs;
    setHidden(byId('jobs-tools'), jobs.length < WORTH_SEARCHING);
    setHidden(byId('jobs-empty'), jobs.length > 0);
    this.#arrange();
  }

  markShown(jobId) {
    this.#shownId = jobId;
    for (const [id, { button }] of this.#entries) {
      const isNew = id === jobId && button.getAttribute('aria-current') !== 'true';
      setAttribute(button, 'aria-current', String(id === jobId));
      if (isNew) button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  /** Mark the jobs with changes that are not saved. */
  markUnsaved(jobIds) {
    this.#unsaved = jobIds;
    for (const [id, { button, parts }] of this.#entries) {
      setAttribute(button, 'data-unsaved', String(jobIds.includes(id)));
      setHidden(parts.unsaved, !jobIds.includes(id));
    }
  }

  /** Draw how long ago things happened; `live`: {jobId, run} of the job at hand, where `run` may be null; `heard`: job id → its last run. */
  draw(live, heard, now) {
    this.#heard = heard;
    const isSame = live.jobId === this.#live.jobId && live.run?.status === this.#live.run?.status;
    this.#live = live;
    if (isSame && Math.floor(now) === this.#second) return;
    this.#second = Math.floor(now);
    for (const job of this.#jobs) this.#drawLast(job, now);
  }

  // Who looks for something sees the first of it.
  #startOver() {
    this.#arrange();
    this.#list.scrollTop = 0;
  }

  #arrange() {
    const { shown, left } = arranged(this.#jobs, { search: this.#search.value, order: this.#order.value });
    const isNothing = shown.length === 0 && this.#jobs.length > 0;
    setText(byId('jobs-left'), isNothing ? 'No job is found.' : `${left.toLocaleString('en')} more: search, or choose another order.`);
    setHidden(byId('jobs-left'), left === 0 && !isNothing);
    const told = JSON.stringify(shown.map(({ id, name }) => [id, name]));
    if (told !== this.#told) this.#rebuild(shown);
    this.#told = told;
    this.#second = 0;
  }

  #rebuild(jobs) {
    const focused = closest(document.activeElement, '.job')?.dataset.jobId;
    this.#entries = new Map(jobs.map((job) => [job.id, this.#entry(job)]));
    this.#list.replaceChildren(...[...this.#entries.values()].map(({ button }) => element('li', '', button)));
    if (focused !== undefined) this.#entries.get(Number(focused))?.button.focus();
    this.markShown(this.#shownId);
    this.markUnsaved(this.#unsaved);
  }

  #drawLast(job, now) {
    const entry = this.#entries.get(job.id);
    if (entry === undefined) return;
    const { button, parts } = entry;
    const last = lastRunView(this.#runOf(job), now);
    setAttribute(button, 'data-status', last?.status ?? 'none');
    setIcon(parts.icon, last?.icon ?? 'idle');
    setText(parts.last, last?.text ?? '');
  }

  #runOf({ id, lastRun }) {
    const { jobId, run } = this.#live;
    return id === jobId && run !== null ? { createdAt: null, ...run } : laterRun(this.#heard.get(id) ?? null, lastRun ?? null);
  }

  #entry({ id, name }) {
    const label = element('span', 'job-label', name);
    label.title = name;
    const unsaved = element('span', 'job-unsaved', element('span', 'visually-hidden', 'has unsaved changes'));
    unsaved.hidden = true;
    const parts = { icon: icon('idle'), last: element('span', 'job-last'), unsaved };
    const button = element('button', 'job', parts.icon, label, unsaved, element('span', 'job-number', `#${id}`), parts.last);
    button.type = 'button';
    button.dataset.jobId = String(id);
    button.addEventListener('click', () => this.#onOpen(id));
    return { button, parts };
  }
}
