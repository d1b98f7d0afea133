/** Makes jobs. What is asked for again after an answer that was lost is made once. */

import { isUndecided, newIdempotencyKey } from '../api.js';

const MOST_UNANSWERED = 20; // jobs
const SAME_WISH = 600_000; // ms; who wants the same job later wants another one

export class Making {
  #api;
  #unanswered = new Map(); // what was wanted, as JSON → {key, document, at} of the request whose answer did not come, the latest last

  constructor(api) {
    this.#api = api;
  }

  /**
   * The job made of `wanted`, {name, graph}, with the name that `freed(name)` gives. Where the same was wanted before and not
   * answered, it is the one that was made then, unless somebody has worked on that since, or it is long ago.
   */
  async make(wanted, freed) {
    const about = JSON.stringify(wanted);
    const before = this.#recent(about);
    const job = await this.#answered(about, before ?? request(wanted, freed));
    if (before === undefined || job.updatedAt === job.createdAt) return job;
    return this.#answered(about, request(wanted, freed));
  }

  #recent(about) {
    const before = this.#unanswered.get(about);
    return before !== undefined && Date.now() - before.at < SAME_WISH ? before : undefined;
  }

  async #answered(about, asked) {
    const isAgain = this.#unanswered.delete(about);
    try {
      return await this.#api.createJob(asked.document, asked.key);
    } catch (problem) {
      if (isUndecided(problem, { isAgain })) this.#keep(about, asked);
      throw problem;
    }
  }

  #keep(about, asked) {
    this.#unanswered.set(about, asked);
    if (this.#unanswered.size > MOST_UNANSWERED) this.#unanswered.delete(this.#unanswered.keys().next().value);
  }
}

function request({ name, graph }, freed) {
  return { key: newIdempotencyKey(), document: { name: freed(name), graph }, at: Date.now() };
}
