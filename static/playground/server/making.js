/** Makes what a request makes: a job, a webhook, a secret. What is asked for again after an answer that was lost is made once. */

import { isUndecided, newIdempotencyKey } from './api.js';

const MOST_UNANSWERED = 20;
const SAME_WISH = 600_000; // ms; who wants the same later wants another one

export class Making {
  #send;
  #unanswered = new Map(); // what was wanted, as JSON → {key, document, at} of the request whose answer did not come, the latest last

  /** `send(document, key)`: asks the server, and resolves to what is made. */
  constructor(send) {
    this.#send = send;
  }

  /**
   * What is made of `wanted`, which is sent as `documentOf(wanted)`. Where the same was wanted before and not answered, it is what was made
   * then, unless that says by its `updatedAt` that somebody has worked on it since, or it is long ago.
   */
  async make(wanted, documentOf = (same) => same) {
    const about = JSON.stringify(wanted);
    const before = this.#recent(about);
    const request = () => ({ key: newIdempotencyKey(), document: documentOf(wanted), at: Date.now() });
    const made = await this.#answered(about, before ?? request());
    if (before === undefined || made.updatedAt === made.createdAt) return made;
    return this.#answered(about, request());
  }

  #recent(about) {
    const before = this.#unanswered.get(about);
    return before !== undefined && Date.now() - before.at < SAME_WISH ? before : undefined;
  }

  async #answered(about, asked) {
    const isAgain = this.#unanswered.delete(about);
    try {
      return await this.#send(asked.document, asked.key);
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
