/**
 * Work that may fail: what went wrong is told where it belongs, at the nodes or in a notice. That nobody is let in any more, Api tells.
 */

export class Attempts {
  #notice;
  #editor;
  #onRunning;

  /** `onRunning(runId) → Promise`: what was asked for runs already. */
  constructor({ notice, editor, onRunning }) {
    this.#notice = notice;
    this.#editor = editor;
    this.#onRunning = onRunning;
  }

  /** True when it went well. Otherwise the person was told, unless `quiet`. Rejects with what is a fault of this page. */
  async attempt(work, { quiet = false } = {}) {
    try {
      await work();
      return true;
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (problem.status === 422) this.#showErrors(problem);
      else if (problem.status === 409 && problem.runId !== null) await this.#showRunning(problem);
      else if (!quiet && problem.status !== 401) this.#notice.say(problem.message, 'error', null, problem.isOfConnection ? 'connection' : null);
      return false;
    }
  }

  #showErrors(problem) {
    this.#editor.showProblems(problem.errors);
    const general = problem.errors.filter((error) => error.nodeId === null).map((error) => error.message);
    this.#notice.say([problem.message, ...general].join('\n'), 'error', null, 'graph');
  }

  async #showRunning(problem) {
    this.#notice.say(problem.message);
    await this.attempt(() => this.#onRunning(problem.runId), { quiet: true });
  }
}
