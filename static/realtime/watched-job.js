/** A job as a part of a page shows it: its run, its nodes, and what the connection says. Draws at most once a frame. */

import { nodeShare, runShare } from './estimate.js';
import { JobState } from './run-state.js';

/** Milliseconds between two looks at the clock while something runs: for its time, and for what has fallen silent. */
const TICK = 1_000;

const NOTHING_EXPECTED = new Map();

/** How many watch each job of a service: WeakMap service → Map job id → number. The last one unsubscribes. */
const WATCHERS = new WeakMap();

export class WatchedJob {
  #service;
  #jobId;
  #onChange;
  #state = new JobState();
  #frame = null;
  #timer = null;
  #lostAt = null; // epoch seconds: nothing was heard after it
  #audience; // the service's, for which #state was heard: for another one, a job of this number may be another tenant's
  #refused = ''; // why the server does not let this job be watched
  #stops;

  /**
   * Subscribes to the job, and calls `onChange(view)` when something changed. `view`: {run, nodes, share, isStale, staleSince,
   * problem}: `run` as JobState.run() gives it, `nodes` as JobState.node() with their `share` ({share, approximate} or null),
   * `share` of the whole run; `isStale`: there is no connection, or the server has lost NATS; `problem`: why, or ''.
   */
  constructor(service, jobId, onChange) {
    this.#service = service;
    this.#jobId = jobId;
    this.#audience = service.audience;
    this.#onChange = onChange;
    this.#stops = [
      service.onState((state) => this.#onState(state)),
      service.onServer(() => this.#noteLoss()),
      service.onError((error) => this.#noteRefusal(error)),
      service.onProgress((event) => this.#take(event, 'progress')),
      service.onStatus((event) => this.#take(event, 'status')),
      service.onSeen((event) => this.#take(event, 'seen')),
    ];
    countWatchers(service, jobId, 1);
    service.subscribeToJob(jobId).catch(() => undefined); // why stands in the service's reason
    this.#noteLoss();
  }

  /** Listens no longer, and unsubscribes unless another WatchedJob of the service has the same job. */
  close() {
    for (const stop of this.#stops) stop();
    if (countWatchers(this.#service, this.#jobId, -1) === 0) this.#service.unsubscribeFromJob(this.#jobId);
    clearInterval(this.#timer);
    cancelAnimationFrame(this.#frame);
  }

  /** What is now true. */
  view() {
    const now = Date.now() / 1000;
    const at = this.#lostAt ?? now; // what nobody could hear of goes on for nobody
    const run = this.#state.run(at);
    const nodes = this.#state.nodeIds().map((id) => this.#state.node(id, at));
    return {
      run,
      nodes: nodes.map((node) => ({ ...node, share: nodeShare(node, NOTHING_EXPECTED) })),
      share: runShare(run, nodes, NOTHING_EXPECTED, at),
      now: at,
      isStale: this.#lostAt !== null,
      staleSince: this.#lostAt,
      problem: this.#problem(),
    };
  }

  #onState(state) {
    if (state === 'connected') {
      if (this.#audience !== this.#service.audience) this.#state = new JobState();
      this.#audience = this.#service.audience;
      this.#state.expectSnapshot();
      this.#refused = ''; // it is asked for again
    }
    this.#noteLoss();
  }

  #noteRefusal({ jobId, message }) {
    if (jobId !== this.#jobId) return;
    this.#refused = message;
    this.#changed();
  }

  // Until it is known otherwise, what is shown is of the moment when the connection was lost.
  #noteLoss() {
    const isLive = this.#service.state === 'connected' && this.#service.serverState.nats === 'ok';
    const now = Date.now() / 1000;
    if (isLive && this.#lostAt !== null) this.#state.listenAgain(now);
    this.#lostAt = isLive ? null : (this.#lostAt ?? now);
    this.#changed();
  }

  #problem() {
    const { state, reason, serverState } = this.#service;
    if (state !== 'connected') return reason?.message ?? 'Connecting…';
    if (this.#refused !== '') return this.#refused;
    return serverState.nats === 'ok' ? '' : 'The server has lost NATS, and hears no news.';
  }

  #take(event, kind) {
    if (event.jobId === this.#jobId && this.#state[kind](event, Date.now() / 1000)) this.#changed();
  }

  #changed() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      const view = this.view();
      this.#onChange(view);
      this.#tickWhile(view.run !== null && !view.run.ended && !view.isStale);
    });
  }

  #tickWhile(isNeeded) {
    if (isNeeded) this.#timer ??= setInterval(() => this.#changed(), TICK);
    else {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }
}

function countWatchers(service, jobId, more) {
  if (!WATCHERS.has(service)) WATCHERS.set(service, new Map());
  const counts = WATCHERS.get(service);
  counts.set(jobId, (counts.get(jobId) ?? 0) + more);
  return counts.get(jobId);
}
