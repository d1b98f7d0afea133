/**
 * What writes a job, its name, too, is done one after the other: it would take what was written before it for somebody else's. Owns what is being
 * written of each job, whichever is at hand meanwhile. Pure.
 */
export class Turns {
  #written = new Map(); // job id → promise of what is being written of it

  /** Resolves and rejects as `work` does, and not as what went before it. */
  async take(jobId, work) {
    while (this.#written.has(jobId)) await this.#written.get(jobId).catch(() => undefined); // nothing may come between the look and the turn
    const done = work().finally(() => this.#written.delete(jobId));
    this.#written.set(jobId, done);
    return done;
  }

  /** Once nothing is being written of the job. */
  async free(jobId) {
    while (this.#written.has(jobId)) await this.#written.get(jobId).catch(() => undefined);
  }
}
