/**
 * Asks the server for what the page lacks, after it was drawn; wanted.js says what that is.
 */

import { wanted } from './wanted.js';

export class Fetching {
  #api;
  #page;
  #job;
  #runs;

  constructor({ api, page, job, runs }) {
    this.#api = api;
    this.#page = page;
    this.#job = job;
    this.#runs = runs;
  }

  /** As LookedAt.all tells things. */
  ask({ run, liveRun, nodes, isPast }) {
    const { shown } = this.#job;
    if (liveRun?.status !== 'queued' || shown.job === null) shown.place = shown.waitReason = null;
    this.#runs.follow(liveRun);
    if (nodes.some(({ nodeId, state }) => nodeId === shown.selected && state === 'error')) this.#runs.askForTrace(run);
    const isLookedAt = (nodeId) => nodeId === shown.selected || this.#runs.showsTable;
    for (const { kind, runId } of wanted({ run: liveRun, nodes, shown, isLookedAt, isPast, at: Date.now() })) this.#fetch(kind, runId, shown);
  }

  #fetch(kind, runId, shown) {
    if (kind === 'beginnings') this.#page.attempt(() => this.#job.fetchBeginnings(shown, runId), { quiet: true });
    else if (kind === 'run') this.#page.attempt(() => this.#job.fetchRun(shown, runId), { quiet: true });
    else this.#page.attempt(() => this.#fetchPlace(runId, shown), { quiet: true });
  }

  async #fetchPlace(runId, shown) {
    shown.askedForPlace = Date.now();
    const { queuePosition, waitReason } = await this.#api.run(runId);
    Object.assign(shown, { place: queuePosition, waitReason });
    this.#page.redraw();
  }
}
