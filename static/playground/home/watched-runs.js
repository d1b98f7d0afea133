/**
 * How far the runs are that a page lists: their jobs are watched, as many as fit, and let go with them. Owns what was heard of each.
 */

import { runShare } from '../../realtime/estimate.js';
import { JobState } from '../../realtime/run-state.js';
import { askAgainAfter } from '../server/asking-again.js';

/** Jobs watched at a time, each at up to twenty messages a second and node; of more, only that they run is told. */
export const MOST_WATCHED = 12;

export class WatchedRuns {
  #api;
  #page;
  #subscribe;
  #unsubscribe;
  #watched = new Map(); // job id → {runId, state, graph, expected}

  constructor({ api, page, subscribe, unsubscribe }) {
    this.#api = api;
    this.#page = page;
    this.#subscribe = subscribe;
    this.#unsubscribe = unsubscribe;
  }

  /** Watch the runs [{runId, jobId}] listed first, and those of no other job. */
  show(runs) {
    const wanted = new Map(runs.slice(0, MOST_WATCHED).map((run) => [run.jobId, run]));
    for (const jobId of [...this.#watched.keys()]) if (!wanted.has(jobId)) this.#leave(jobId);
    for (const { jobId, runId } of wanted.values()) if (this.#watched.get(jobId)?.runId !== runId) this.#begin(jobId, runId);
  }

  /** A message of a job that may be watched: `kind` is progress, status or seen. True when something changed. */
  hear(event, kind) {
    return this.#watched.get(event.jobId)?.state[kind](event, this.#api.now()) ?? false;
  }

  expectSnapshot() {
    for (const { state } of this.#watched.values()) state.expectSnapshot();
  }

  listenAgain() {
    for (const { state } of this.#watched.values()) state.listenAgain(this.#api.now());
  }

  /** {share, approximate, remaining} of a run, or null where that cannot be known; `clock` as for JobState, null while offline. */
  shareOf({ jobId, runId }, now, clock) {
    const watched = this.#watched.get(jobId);
    if (watched === undefined || watched.graph === null || watched.state.run(clock)?.runId !== runId) return null;
    const nodes = watched.graph.nodes.map(({ id }) => watched.state.node(id, clock));
    return runShare(watched.state.run(clock), nodes, watched.expected, now);
  }

  #begin(jobId, runId) {
    if (!this.#watched.has(jobId)) this.#subscribe(jobId);
    const watched = { runId, state: this.#watched.get(jobId)?.state ?? new JobState(), graph: null, expected: new Map() };
    this.#watched.set(jobId, watched);
    this.#complete(jobId, watched).catch((problem) => askAgainAfter(problem, () => (watched.runId = null)));
  }

  // The graph tells which nodes there are, the last run that completed what to expect of each.
  async #complete(jobId, watched) {
    const [record, { runs }] = await Promise.all([this.#api.run(watched.runId), this.#api.allRuns({ job: jobId, status: 'completed', limit: 1 })]);
    const last = runs.length > 0 ? await this.#api.run(runs[0].runId) : null;
    if (this.#watched.get(jobId) !== watched) return;
    watched.state.expectNodes(record.graph.nodes.map(({ id }) => id));
    watched.state.record(record, this.#api.now());
    watched.expected = new Map((last?.nodes ?? []).map((node) => [node.nodeId, node.rowCount]));
    watched.graph = record.graph;
    this.#page.redraw();
  }

  #leave(jobId) {
    this.#watched.delete(jobId);
    this.#unsubscribe(jobId);
  }
}
