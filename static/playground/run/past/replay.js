/** A past run, told again from its history: what was true of it at any moment. Pure. */

import { progressEvent, statusEvent } from '../../../realtime/messages.js';
import { JobState } from '../../../realtime/run-state.js';

export class Replay {
  #record;
  #events; // [{ts, kind, event}], in order
  #state = null; // what is true after the first `#told` events
  #told = 0;

  /** `record`: of the run, as Api.run gives it; `history`: {source, events} as the server has it. */
  constructor(record, history) {
    this.#record = record;
    this.#events = history.events.map((told) => parsed(record.jobId, told)).filter((told) => told !== null);
    /** Whether every step is known, or only the changes of the run and each node's end. */
    this.hasSteps = history.source === 'stream';
  }

  get graph() {
    return this.#record.graph;
  }

  /** Epoch seconds of the first and the last word. */
  get from() {
    return this.#events[0]?.ts ?? 0;
  }

  get to() {
    return this.#events.at(-1)?.ts ?? 0;
  }

  /** [{ts, rows}] that a node told, in order; none where the steps are not known. */
  samplesOf(nodeId) {
    if (!this.hasSteps) return [];
    return this.#events.filter(({ kind, event }) => kind === 'progress' && event.nodeId === nodeId).map(({ ts, event }) => ({ ts, rows: event.rowCount }));
  }

  /** The JobState at a moment; it is the replay's own, and changes with the next call. At the end it has the times of the record, as lists of runs do. */
  at(ts) {
    if (this.#state === null || (this.#told > 0 && this.#events[this.#told - 1].ts > ts)) this.#restart();
    while (this.#told < this.#events.length && this.#events[this.#told].ts <= ts) {
      const { kind, event, ts: now } = this.#events[this.#told];
      this.#state[kind](event, now);
      this.#told += 1;
    }
    if (ts >= this.to && (this.#record.endedAt ?? null) !== null) this.#state.record(this.#record, ts);
    return this.#state;
  }

  #restart() {
    this.#state = new JobState(this.#record.graph.nodes.map((node) => node.id));
    this.#told = 0;
  }
}

function parsed(jobId, { ts, type, payload }) {
  const kind = type === 'job.progress' ? 'progress' : 'status';
  const event = kind === 'progress' ? progressEvent(jobId, payload) : statusEvent(jobId, payload);
  return event === null ? null : { ts, kind, event };
}
