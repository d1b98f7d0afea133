/**
 * The job that the page shows. Owns what is known of it, and for a person who goes from one job to another while the server is away, what was shown
 * of others last. Each answer belongs to the job that it was asked for: one that comes late changes nothing of the next.
 */

import { JobState } from '../../realtime/run-state.js';
import { askAgainAfter } from '../server/asking-again.js';
import { Throughput } from './node/throughput.js';

export const NO_GRAPH = { nodes: [], edges: [] };

/** Jobs whose last known state is kept for a person who goes from one to another while the server is away. */
const MOST_KEPT = 30;

export class JobAtHand {
  #api;
  #page;
  #onJob;
  #onOther;
  #shown = nothingShown();
  #kept = new Map(); // job id → what was shown of it last, the latest last; MOST_KEPT at most, then the oldest goes

  /** `onJob(job)`: the server has it, or has none (null); `onOther(job)`: somebody saved another since, or deleted it (null). */
  constructor({ api, page, onJob, onOther }) {
    this.#api = api;
    this.#page = page;
    this.#onJob = onJob;
    this.#onOther = onOther;
  }

  /** What is shown of it; see nothingShown. */
  get shown() {
    return this.#shown;
  }

  /** Another job is at hand; null: none. `isAway`: the server is, so what was shown of it before is shown. */
  open(jobId, { isAway = false } = {}) {
    this.#keep(this.#shown);
    this.#shown = isAway && jobId !== null ? this.#lastKnown(jobId) : { ...nothingShown(), jobId };
    return this.#shown;
  }

  #keep(shown) {
    if (shown.jobId === null) return;
    this.#kept.delete(shown.jobId);
    this.#kept.set(shown.jobId, shown);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }

  // While the server is away: what was shown of the job before, to be asked for again when it is back.
  #lastKnown(jobId) {
    const kept = this.#kept.get(jobId) ?? nothingShown();
    return { ...kept, jobId, editable: false, selected: null, pending: null };
  }

  async fetchJob(shown) {
    const job = await this.#stored(shown.jobId).catch((problem) => {
      shown.isMissed = true;
      throw problem;
    });
    if (shown !== this.#shown) return;
    shown.isMissed = false;
    shown.asked = true;
    shown.job = job;
    shown.state.expectNodes((job?.graph.nodes ?? []).map((node) => node.id));
    this.#onJob(job);
  }

  /** Whether the server has another graph by now, or none; who works on it is told. */
  async hasChanged() {
    const shown = this.#shown;
    if (shown.job === null || shown.isGone) return false;
    const job = await this.#stored(shown.jobId);
    const before = shown.job;
    if (shown !== this.#shown || job?.etag === before.etag || (job !== null && job.updatedAt < before.updatedAt)) return false; // or it was saved since it was asked for
    if (job === null) shown.isGone = true;
    else shown.job = job;
    this.#onOther(job);
    return job === null || isOtherGraph(job, before);
  }

  /** Whether a list of jobs has it as it is known here. */
  isAsListed(jobs) {
    const { job, isGone } = this.#shown;
    return job === null || isGone || jobs.some(({ id, updatedAt }) => id === job.id && updatedAt === job.updatedAt);
  }

  // Null: it has none.
  async #stored(jobId) {
    try {
      return await this.#api.job(jobId);
    } catch (problem) {
      if (problem.status === 404) return null;
      throw problem;
    }
  }

  // For a run that ended before this page, or whose messages the hub does not have any more.
  async fetchLatestRun(shown) {
    if (shown.job === null) return;
    shown.askedForRunsAt = Date.now();
    try {
      const runId = await this.#api.latestRunId(shown.jobId);
      if (runId !== null) await this.fetchRun(shown, runId);
    } catch (problem) {
      shown.askedForRunsAt = 0;
      askAgainAfter(problem, () => this.#askAgainForLatestRun(shown));
      throw problem;
    }
    shown.askedForRuns = true;
    this.#page.redraw();
  }

  // Unless somebody has gone on, or asked for it meanwhile.
  #askAgainForLatestRun(shown) {
    if (shown === this.#shown && shown.askedForRunsAt === 0) this.#page.attempt(() => this.fetchLatestRun(shown), { quiet: true });
  }

  async fetchRun(shown, runId) {
    shown.fetchedRuns.add(runId);
    const before = shown.state.run()?.runId;
    const record = await this.#api.run(runId).catch((problem) => {
      askAgainAfter(problem, () => shown.fetchedRuns.delete(runId));
      throw problem;
    });
    if (!isStillNewest(shown, runId, before) || !shown.state.record(record, this.#api.now())) return; // it is older than the one that is shown
    shown.runGraph = { runId, graph: record.graph, record };
    if (shown === this.#shown) this.#page.redraw();
  }

  /** When each node of a run began, from its history: for a page that was not there then. */
  async fetchBeginnings(shown, runId) {
    shown.fetchedHistories.add(runId);
    const history = await this.#api.history(runId).catch((problem) => {
      askAgainAfter(problem, () => shown.fetchedHistories.delete(runId));
      throw problem;
    });
    if (shown.state.began(runId, beginnings(history)) && shown === this.#shown) this.#page.redraw();
  }

  /** News can be heard. The job itself is asked for, too, where it could not be had before; its run, unless that was asked for less than `fresh` milliseconds ago. */
  async catchUp(shown, fresh = 0) {
    if (shown.isMissed) await this.fetchJob(shown);
    if (Math.abs(Date.now() - shown.askedForRunsAt) >= fresh) await this.fetchLatestRun(shown);
  }

  /** Who reports as a node that the graph does not have is shown beside it; but not before the server has said whether it has a graph, and not the nodes of a run of ours, which the draft may have lost since. The graph with them, or null. */
  withStrangers() {
    const { asked, state, graph, job } = this.#shown;
    if (!asked || (job !== null && state.run()?.told !== false)) return null;
    const known = new Set(graph.nodes.map((node) => node.id));
    const strangers = state.nodeIds().filter((id) => !known.has(id));
    if (strangers.length === 0) return null;
    const added = strangers.map((id) => ({ id, type: '', name: state.node(id).nodeName || `Node ${id}`, config: {} }));
    this.#shown.graph = { ...graph, nodes: [...graph.nodes, ...added] };
    return this.#shown.graph;
  }
}

/** Whether nothing was heard meanwhile of a newer run than one that was asked for while the run `before` (its id, or undefined) was the newest. */
export function isStillNewest(shown, runId, before) {
  return [before, runId].includes(shown.state.run()?.runId);
}

/** Whether one of two jobs as the server told them runs otherwise than the other, and has not only another name. */
export function isOtherGraph(one, other) {
  return JSON.stringify(one.asStored) !== JSON.stringify(other.asStored);
}

// Only where each step is known: else the first word of a node is its last.
function beginnings({ source, events }) {
  const times = new Map();
  if (source !== 'stream') return times;
  for (const { ts, payload } of events) if (Number.isInteger(payload.nodeId) && !times.has(payload.nodeId)) times.set(payload.nodeId, ts);
  return times;
}

function nothingShown() {
  return {
    jobId: null,
    job: null,
    asked: false,
    askedForRuns: false,
    askedForRunsAt: 0, // Date.now(); 0 where that failed
    isMissed: false,
    isGone: false,
    runGraph: null,
    cancelled: null,
    graph: NO_GRAPH,
    editable: false,
    state: new JobState(),
    throughput: new Throughput(),
    selected: null,
    pending: null,
    place: null,
    waitReason: null,
    askedForPlace: 0,
    fetchedRuns: new Set(), // ids of runs whose records were asked for
    fetchedHistories: new Set(), // and of those whose histories were
  };
}
