/**
 * The list of jobs, each with its last run. Test hooks: `button.job[data-job-id][data-status]` with `.job-last`,
 * aria-current="true" on the one shown, data-unsaved="true" on those with changes that are not saved; `#jobs-search`,
 * `#jobs-order`, `#jobs-left`. Tab comes to one of its entries, arrows, Home and End to the others: what is behind the list is a step away.
 */

import { addressOf, jobPlace } from '../places/address.js';
import { byId, element, icon, ownTextElement, setAttribute, setHidden, setIcon, setText, stepIn } from '../parts/dom.js';
import { KeyedList } from '../parts/lists/keyed-list.js';
import { arranged, lastRunView } from './job-list.js';
import { laterRun } from './overview.js';

/** The number of the middle button of a mouse. */
const MIDDLE = 1;

/** From so many jobs on one searches. */
const WORTH_SEARCHING = 8;

export class JobsView {
  #list = byId('jobs-list');
  #search = byId('jobs-search');
  #order = byId('jobs-order');
  #onOpen;
  #jobs = [];
  #arranged = []; // those of the jobs that are in the list, in its order
  #entries = new KeyedList(this.#list, (job) => this.#entry(job));
  #shownId = null;
  #reachedId = null; // of the one that had the keyboard last
  #unsaved = [];
  #live = { jobId: null, run: null }; // the run of the job at hand, of which more is known than the list has
  #heard = new Map(); // job id → its last run that was heard of
  #second = 0; // at which ages were drawn
  #toReveal = null; // the entry of the job that is shown now, until it has its whole size: it is wider with how its last run is

  constructor({ onOpen }) {
    this.#onOpen = onOpen;
    for (const control of [this.#search, this.#order]) control.addEventListener('input', () => this.#startOver());
    this.#list.addEventListener('keydown', (event) => stepIn(event, [...this.#list.querySelectorAll('.job')]));
    this.#list.addEventListener('focusin', ({ target }) => this.#reach(Number(target.closest('.job').dataset.jobId)));
  }

  /** [{id, name, lastRun}]: what is shown already stays as it is. */
  show(jobs) {
    this.#jobs = jobs;
    setHidden(byId('jobs-tools'), jobs.length < WORTH_SEARCHING);
    setHidden(byId('jobs-empty'), jobs.length > 0);
    this.#arrange();
  }

  /** Somebody else signs in: which jobs there are is not known until they are shown. */
  forget() {
    this.show([]);
    setHidden(byId('jobs-empty'), true);
  }

  markShown(jobId) {
    if (jobId !== this.#shownId) this.#reachedId = jobId;
    this.#shownId = jobId;
    this.#arrange();
  }

  #reach(jobId) {
    if (jobId === this.#reachedId) return;
    this.#reachedId = jobId;
    this.#drawEntries();
  }

  // Of the entry that Tab comes to.
  get #stopId() {
    const ids = this.#arranged.map(idOf);
    return [this.#reachedId, this.#shownId, ids[0]].find((id) => ids.includes(id));
  }

  /** Mark the jobs with changes that are not saved. */
  markUnsaved(jobIds) {
    this.#unsaved = jobIds;
    this.#drawEntries();
  }

  /** Draw how long ago things happened; `live`: {jobId, run} of the job at hand, where `run` may be null; `heard`: job id → its last run. */
  draw(live, heard, now) {
    this.#heard = heard;
    const isSame = live.jobId === this.#live.jobId && live.run?.status === this.#live.run?.status;
    this.#live = live;
    if (isSame && Math.floor(now) === this.#second) return;
    this.#second = Math.floor(now);
    this.#entries.show(this.#arranged, idOf, (made, job) => this.#drawLast(made, job, now));
    this.#toReveal?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#toReveal = null;
  }

  // Who looks for something sees the first of it.
  #startOver() {
    this.#arrange();
    this.#list.scrollTop = 0;
  }

  #arrange() {
    const { shown, left } = arranged(this.#jobs, { search: this.#search.value, order: this.#order.value, openId: this.#shownId });
    const isNothing = shown.length === 0 && this.#jobs.length > 0;
    setText(byId('jobs-left'), isNothing ? 'No job is found.' : `${left.toLocaleString('en')} more: search, or choose another order.`);
    setHidden(byId('jobs-left'), left === 0 && !isNothing);
    this.#arranged = shown;
    this.#drawEntries();
    this.#second = 0;
  }

  // All but how their last runs are.
  #drawEntries() {
    const stopId = this.#stopId;
    this.#entries.show(this.#arranged, idOf, ({ button, label, unsaved }, { id, name }) => {
      setText(label, name);
      setAttribute(label, 'title', name);
      setAttribute(button, 'data-unsaved', String(this.#unsaved.includes(id)));
      setHidden(unsaved, !this.#unsaved.includes(id));
      button.tabIndex = id === stopId ? 0 : -1;
      if (id === this.#shownId && button.getAttribute('aria-current') !== 'true') this.#toReveal = button;
      setAttribute(button, 'aria-current', String(id === this.#shownId));
    });
  }

  #drawLast({ button, image, last }, job, now) {
    const view = lastRunView(this.#runOf(job), now);
    setAttribute(button, 'data-status', view?.status ?? 'none');
    setIcon(image, view?.icon ?? 'idle');
    setText(last, view?.text ?? '');
  }

  #runOf({ id, lastRun }) {
    const { jobId, run } = this.#live;
    return id === jobId && run !== null ? { createdAt: null, ...run } : laterRun(this.#heard.get(id) ?? null, lastRun ?? null);
  }

  #entry({ id }) {
    const unsaved = element('span', 'job-unsaved', element('span', 'visually-hidden', 'has unsaved changes'));
    const parts = { image: icon('idle'), label: ownTextElement('span', 'job-label'), last: element('span', 'job-last'), unsaved };
    const button = element('button', 'job', parts.image, parts.label, unsaved, element('span', 'job-number', `#${id}`), parts.last);
    button.type = 'button';
    button.dataset.jobId = String(id);
    button.addEventListener('click', (event) => (isForTab(event) ? openInTab(id) : this.#onOpen(id)));
    button.addEventListener('auxclick', (event) => event.button === MIDDLE && openInTab(id));
    button.addEventListener('keydown', (event) => isKeyForTab(event) && openByKey(event, id));
    button.addEventListener('mousedown', (event) => event.button === MIDDLE && event.preventDefault()); // else it scrolls, on Windows
    return { element: element('li', '', button), button, ...parts };
  }
}

// As on a link. Not by a key (`detail` is 0), since Shift may still be down from Shift+Tab.
function isForTab({ detail, ctrlKey, metaKey, shiftKey }) {
  return detail > 0 && (ctrlKey || metaKey || shiftKey);
}

// Of a button no browser makes a click of it.
function isKeyForTab({ key, ctrlKey, metaKey, repeat }) {
  return key === 'Enter' && (ctrlKey || metaKey) && !repeat;
}

function openByKey(event, id) {
  event.preventDefault();
  openInTab(id);
}

function openInTab(id) {
  open(addressOf(jobPlace(id)), '_blank', 'noopener');
}

function idOf({ id }) {
  return id;
}
