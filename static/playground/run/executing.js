/**
 * A person executes the job at hand, cancels its run, or runs an earlier version. Owns the key of a press whose answer did not come, so that
 * pressing again makes no second run.
 */

import { parametersOf } from '../model/graphs.js';
import { confirmed } from '../parts/questions/confirm.js';
import { formatMoment } from '../parts/texts/text.js';
import { jobPlace } from '../places/address.js';
import { isUndecided, newIdempotencyKey } from '../server/api.js';
import { ExecuteForm } from './execute-form.js';
import { isOtherGraph, isStillNewest } from './job-at-hand.js';

export class Executing {
  #api;
  #page;
  #job;
  #editor;
  #runs;
  #form;
  #unanswered = null; // {key, about}: of a press of Execute whose answer did not come, and what was to be run, as JSON
  #pressed = null; // what is shown of the job whose Execute was pressed and has not got to its end

  constructor({ api, page, job, editor, runs }) {
    this.#api = api;
    this.#page = page;
    this.#job = job;
    this.#editor = editor;
    this.#runs = runs;
    this.#form = new ExecuteForm({ say: (text) => page.say(text, 'error') });
  }

  /**
   * `begin`: {fromRun, fromNode} of a run that begins at a node, with that run's values; null for a whole one. `values`: of its
   * parameters, which are asked for where there are none, or the server does not take them. Pressed twice by habit, it is meant once.
   */
  async execute(begin = null, values = null) {
    const { shown } = this.#job;
    if (this.#pressed === shown) return;
    this.#pressed = shown;
    try {
      await this.#saveAndStart(shown, begin, values);
    } finally {
      if (this.#pressed === shown) this.#pressed = null;
    }
  }

  /** A job is stored so: what is about to run, though it was left meanwhile. */
  takeSaved(job) {
    if (this.#pressed?.jobId === job.id) this.#pressed.job = job;
  }

  async #saveAndStart(shown, begin, values) {
    this.#page.clearNotice();
    this.#runs.goOnNow();
    if (!(await this.#editor.save()) || (begin === null && (await this.#hasChanged(shown)))) return;
    const { job } = shown; // as it is seen now, and no other
    const parameters = parametersOf(shown.graph);
    if (parameters.length === 0 || begin !== null) await this.#start(shown, job, null, begin);
    else if (values === null || (await this.#start(shown, job, values)).length > 0) await this.#askAndStart(shown, job, parameters);
  }

  // What somebody saved meanwhile is looked at before it runs, and before its parameters are asked for. Of a job that was left the server says so.
  async #hasChanged(shown) {
    if (shown !== this.#job.shown) return false;
    let found = false;
    await this.#pending(shown, 'execute', async () => (found = await this.#job.hasChanged()), { quiet: true });
    if (found) this.#tellChanged(shown);
    return found;
  }

  #tellChanged(shown) {
    if (shown === this.#job.shown && !shown.isGone) {
      this.#page.say('Somebody saved this job after you opened it, so it was not executed: this is how it is now.');
    }
  }

  async #askAndStart(shown, job, parameters) {
    const last = await this.#lastValues(shown.jobId);
    if (last === null || shown !== this.#job.shown) return;
    const title = `Execute ${job.name}`;
    this.#form.open({ jobId: shown.jobId, title, parameters, last, run: (values) => this.#start(shown, job, values) });
  }

  // Null: nobody is let in any more, and nothing opens above the question for a token.
  async #lastValues(jobId) {
    let last = {};
    await this.#page.attempt(async () => {
      try {
        const { runs } = await this.#api.runs(jobId, { limit: 1 });
        last = runs[0]?.parameters ?? {};
      } catch (problem) {
        if (problem.status === 401) last = null;
        throw problem;
      }
    }, { quiet: true });
    return last;
  }

  // Resolves to the errors of values that the server does not take. What else goes wrong is told where it belongs.
  async #start(shown, job, values, begin = null) {
    let refused = [];
    await this.#pending(shown, 'execute', async () => {
      try {
        const { graph } = shown;
        const before = shown.state.run()?.runId;
        const begun = await this.#executeAsSeen(shown, job, values, begin);
        if (begun === null) return;
        const { runId, status } = begun;
        if (!isStillNewest(shown, runId, before)) return; // its retry has begun, or somebody else's
        shown.runGraph = { runId, graph, record: { parameters: values, attempts: 1 + (graph.retries?.count ?? 0), fromRun: null, fromNode: null, ...begin } };
        const now = this.#api.now();
        shown.state.status({ jobId: shown.jobId, runId, status, reason: null, ts: now }, now);
      } catch (problem) {
        refused = (problem.errors ?? []).filter(({ field }) => field?.startsWith('parameters') ?? false);
        if (values === null || refused.length === 0) throw problem;
      }
    });
    return values === null ? [] : refused;
  }

  // The server refuses where somebody saved another meanwhile. With another name alone it runs; else null: that is looked at first.
  async #executeAsSeen(shown, job, values, begin) {
    try {
      return await this.#executeOnce(shown, job, values, begin);
    } catch (problem) {
      if (problem.status !== 412 || shown !== this.#job.shown) throw problem;
    }
    if (!(await this.#job.hasChanged()) && !isOtherGraph(shown.job, job)) {
      return this.#executeOnce(shown, shown.job, values, begin);
    }
    this.#tellChanged(shown);
    return null;
  }

  // A press after an answer that was lost makes no second run, unless the one that it made was seen to end: then another one is meant.
  async #executeOnce(shown, job, values, begin) {
    const about = JSON.stringify([shown.jobId, job.asStored, values, begin]); // another graph, or other values, are another run
    const isRepeated = this.#unanswered?.about === about;
    const press = isRepeated ? this.#unanswered : { key: newIdempotencyKey(), about };
    const before = shown.state.run();
    const told = await this.#answered(press, job, values, begin);
    const isOver = (before?.ended && told.runId === before.runId) || shown.state.isPast(told.runId);
    if (!isRepeated || !isOver) return told;
    return this.#answered({ key: newIdempotencyKey(), about }, job, values, begin);
  }

  // The key is kept until the server has decided.
  async #answered(press, job, values, begin) {
    const isAgain = this.#unanswered === press;
    this.#unanswered = null;
    try {
      return await this.#api.execute(job, press.key, values, begin);
    } catch (problem) {
      if (isUndecided(problem, { isAgain })) this.#unanswered = press;
      throw problem;
    }
  }

  async cancel() {
    const run = this.#job.shown.state.run();
    if (run === null || run.runId === null) return;
    const { shown } = this.#job;
    await this.#pending(shown, 'cancel', async () => {
      await this.#api.cancel(run.runId);
      shown.cancelled = run.runId;
    });
  }

  // The graph that a past run had becomes the draft, as one step that undo takes back; `runs`: it is saved and executed, too.
  async restore({ graph, startedAt, createdAt }, { runs }) {
    const { shown } = this.#job;
    const when = formatMoment(startedAt ?? createdAt);
    if (
      runs &&
      !(await confirmed({
        title: 'Run this version?',
        text: `The job becomes what it was in the run of ${when}, and is saved and executed so. Undo brings back what it is now.`,
        yes: 'Run this version',
        danger: false,
      }))
    ) return;
    await this.#page.go(jobPlace(shown.jobId));
    if (shown !== this.#job.shown || !this.#editor.isOpen) return;
    const isOther = this.#editor.restoreGraph(graph, `Restore the version of ${when}`);
    this.#page.say(
      isOther ? `This is the version of ${when} again. It is not saved yet; undo brings back what was here.` : `The job is as it was in the run of ${when}.`,
    );
    if (runs) await this.execute();
  }

  async #pending(shown, action, work, { quiet = false } = {}) {
    shown.pending = action;
    this.#page.redraw();
    try {
      await this.#page.attempt(work, { quiet, of: shown });
    } finally {
      shown.pending = null;
      this.#page.redraw();
    }
  }
}
