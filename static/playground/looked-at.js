/**
 * What is looked at: a past run at the moment of its slider, or what is true now. It owns nothing, and asks the job at hand, the runs and
 * the liveness of the page.
 */

import { nodeShare } from '../realtime/estimate.js';
import { currentRights } from './session/session.js';

export class LookedAt {
  #job;
  #runs;
  #live;

  constructor({ job, runs, live }) {
    this.#job = job;
    this.#runs = runs;
    this.#live = live;
  }

  /** {state: JobState, graph, now, clock, isPast}; `clock`: seconds by which silence is measured, null offline. */
  get view() {
    const { past } = this.#runs;
    if (past !== null) return { ...past, now: past.ts, clock: past.ts, isPast: true };
    const { state, graph } = this.#job.shown;
    return { state, graph, now: this.#live.now, clock: this.#live.clock, isPast: false };
  }

  /** The run that is shown, or null. */
  get run() {
    const { state, clock } = this.view;
    return state.run(clock);
  }

  /**
   * All that is shown of it at once: of `view`, and run, nodes (views), ofRun and runNodes (the run's own graph, and its views), record,
   * liveRun (what is true now, where a past run is looked at, too).
   */
  get all() {
    const { view } = this;
    const { state, graph, clock, isPast } = view;
    const run = state.run(clock);
    const nodes = this.nodesOf(graph, view);
    const ofRun = this.graphOf(run, view);
    const runNodes = ofRun === graph ? nodes : this.nodesOf(ofRun, view);
    const liveRun = isPast ? this.#job.shown.state.run(this.#live.clock) : run;
    return { ...view, run, nodes, ofRun, runNodes, record: this.recordOf(run), liveRun };
  }

  /** The views of the nodes of a graph, each with its share of what is expected. */
  nodesOf({ nodes }, { state, clock, isPast }) {
    const expected = isPast ? new Map() : this.#runs.expected;
    return nodes.map(({ id, name }) => withShare({ ...state.node(id, clock), nodeName: name }, expected));
  }

  /** The view of a node that the graph does not have. */
  strangerOf(id, { state, isPast }) {
    return withShare(state.node(id), isPast ? new Map() : this.#runs.expected);
  }

  /** The graph that a run of ours has, which the draft may have left; else the graph that is shown. */
  graphOf(run, { graph, isPast }) {
    const { runGraph } = this.#job.shown;
    return !isPast && run?.told && run.runId !== null && runGraph?.runId === run.runId ? runGraph.graph : graph;
  }

  /** What the server has of the run, beside what is heard of it; null where that is not known yet. */
  recordOf(run) {
    const { past } = this.#runs;
    if (past !== null) return past.record;
    const { runGraph } = this.#job.shown;
    return run !== null && run.runId !== null && runGraph?.runId === run.runId ? runGraph.record : null;
  }

  /** Whether anything may be begun. */
  get canRun() {
    const live = this.#job.shown.state.run(this.#live.clock);
    return currentRights().canExecute && this.#job.shown.job !== null && this.#job.shown.pending === null && (live === null || live.ended || !live.told);
  }
}

function withShare(view, expected) {
  return { ...view, share: nodeShare(view, expected) };
}
