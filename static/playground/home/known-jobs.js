/**
 * The list of all jobs. Owns it, and when the server was asked for it last.
 */

import { InOrder } from '../server/in-order.js';
import { currentRights } from '../session/session.js';

/** Milliseconds between two looks whether somebody made, renamed or deleted a job; none while the page is hidden. */
const JOBS_PERIOD = 10_000;

/** From so many jobs on it is looked less often: each look takes several pages of the list. */
const MANY_JOBS = 500;
const MANY_JOBS_PERIOD = 60_000;

export class KnownJobs {
  #api;
  #page;
  #isLive;
  #onListed;
  #jobs = [];
  #listedAt = 0; // Date.now() of the last look at them
  #isLooking = false;
  #order = new InOrder();

  /** `isLive()`: a look makes sense; `onListed(jobs)`: these are they now. */
  constructor({ api, page, isLive, onListed }) {
    this.#api = api;
    this.#page = page;
    this.#isLive = isLive;
    this.#onListed = onListed;
  }

  /** Look from time to time, from now on. */
  start() {
    setInterval(() => this.look(), JOBS_PERIOD);
    document.addEventListener('visibilitychange', () => this.look());
  }

  /** [{id, name}], as they were listed last. */
  get all() {
    return this.#jobs;
  }

  /** As it was listed last; null of a job that is in no list. */
  nameOf(jobId) {
    return this.#jobs.find(({ id }) => id === jobId)?.name ?? null;
  }

  look() {
    const isDue = this.#jobs.length < MANY_JOBS || Math.abs(Date.now() - this.#listedAt) >= MANY_JOBS_PERIOD;
    if (isDue && document.visibilityState === 'visible' && this.#isLive()) this.#page.attempt(() => this.refresh(), { quiet: true });
  }

  /** Jobs may have come and gone meanwhile. */
  expectChanges() {
    this.#listedAt = 0;
  }

  /** Somebody signs in, who may be another one: what is listed, and a list that is on its way, is for the one before. */
  forget() {
    this.#order.ask()();
    this.#jobs = [];
  }

  async refresh() {
    this.#listedAt = Date.now();
    const isNewest = this.#order.ask();
    const { onlyJob } = currentRights();
    const jobs = onlyJob === null ? await this.#api.jobs() : [await this.#api.job(onlyJob)];
    if (!isNewest()) return;
    this.#jobs = jobs;
    this.#onListed(jobs);
  }

  /** Somebody made a job that is not in the list yet: many messages of it are one reason to look. */
  refreshSoon() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#page.attempt(() => this.refresh(), { quiet: true }).then(() => {
      this.#isLooking = false;
      this.#page.redraw();
    });
  }
}
