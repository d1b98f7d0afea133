/**
 * Work that may fail: what went wrong is told where it belongs, at the nodes or in a notice. That nobody is let in any more, Api tells.
 */

export class Attempts {
  #notice;
  #editor;
  #shown;
  #onRunning;

  /** `shown()`: what is shown of the job at hand, see JobAtHand; `onRunning(runId) → Promise`: what was asked for runs already. */
  constructor({ notice, editor, shown, onRunning }) {
    this.#notice = notice;
    this.#editor = editor;
    this.#shown = shown;
    this.#onRunning = onRunning;
  }

  /**
   * True when it went well, and the server answers again: what was said of that is gone, unless `quiet`. Otherwise the person was told, unless `quiet`. `of`: what was shown of the job that it is about, where that may
   * have been left before the work begins. Whoever has gone on to another job meanwhile is told of which one it is, and nothing of it is drawn
   * on the other. Rejects with what is a fault of this page.
   */
  async attempt(work, { quiet = false, of = this.#shown() } = {}) {
    const before = this.#notice.said;
    try {
      await work();
      if (!quiet && before === this.#notice.said) this.#notice.clearCausedBy('connection'); // not what a part of the work met
      return true;
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      if (of.jobId !== this.#shown().jobId) {
        if (!quiet) this.#tell(problem, nameOf(of));
      } else if (problem.status === 422) this.#showErrors(problem);
      else if (problem.status === 409 && problem.runId !== null) await this.#showRunning(problem);
      else if (!quiet) this.#tell(problem);
      return false;
    }
  }

  // What the connection caused is about no job.
  #tell(problem, name = '') {
    if (problem.status === 401) return;
    const text = textOf(problem);
    if (problem.isOfConnection) this.#notice.say(text, 'error', null, 'connection');
    else this.#notice.say(name === '' ? text : `${name}: ${text}`, 'error');
  }

  #showErrors(problem) {
    this.#editor.showProblems(problem.errors);
    this.#notice.say(textOf(problem), 'error', null, 'graph');
  }

  async #showRunning(problem) {
    this.#notice.say(problem.message);
    await this.attempt(() => this.#onRunning(problem.runId), { quiet: true });
  }
}

// With the errors that are about no node; a single one is in the message.
function textOf({ message, errors }) {
  const others = errors.filter((error) => error.nodeId === null && !isIn(message, error.message));
  return [message, ...others.map((error) => error.message)].join('\n');
}

// As a sentence, each begins with a capital.
function isIn(message, error) {
  return message.toLowerCase().includes(error.toLowerCase());
}

function nameOf({ jobId, job }) {
  return jobId === null ? '' : (job?.name ?? `Job ${jobId}`);
}
