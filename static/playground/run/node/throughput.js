/** How many rows a second each node of the run at hand had, over the last minute. Pure. */

/** Seconds that a chart shows. */
export const SHOWN = 60;

/** Seconds without a word over which nobody knows how the rows came: a publisher of ours speaks each second. */
const GAP = 5;

/** Seconds within which of several samples the last is kept: 200 nodes that speak 20 times a second are then 48,000 samples. */
const CLOSE = 0.25;

/** Samples of a node that are older than what is shown, until they are dropped together. */
const MOST_OLD = 400;

export class Throughput {
  #runId = null;
  #samples = new Map(); // node id → [{ts, rows}], in order

  /** Take a ProgressEvent in; `now`: epoch seconds. Another run begins anew. */
  hear({ nodeId, runId, rowCount, ts }, now) {
    if (runId !== this.#runId) this.clear(runId);
    const at = Math.min(ts ?? now, now);
    const samples = this.#samples.get(nodeId) ?? [];
    this.#samples.set(nodeId, samples);
    if (samples.length > 0 && at < samples.at(-1).ts) return;
    if (samples.length > 1 && at - samples.at(-2).ts < CLOSE) samples.pop();
    samples.push({ ts: at, rows: rowCount });
    if (samples.length > MOST_OLD) this.#drop(samples, at - SHOWN - GAP);
  }

  clear(runId = null) {
    this.#runId = runId;
    this.#samples.clear();
  }

  /** [{ts, rows}] of a node in the run; none of another one. */
  of(nodeId, runId) {
    return runId === this.#runId ? (this.#samples.get(nodeId) ?? []) : [];
  }

  #drop(samples, before) {
    const first = samples.findIndex(({ ts }) => ts >= before);
    if (first > 0) samples.splice(0, first);
  }
}

/**
 * Rows a second in each of the last 60 seconds before `until`, the oldest first; null where nobody knows. `samples`:
 * [{ts, rows}] in order; a count that falls, as when rows are taken back, is no negative rate.
 */
export function ratesOf(samples, until) {
  const counts = Array.from({ length: SHOWN + 1 }, (_, place) => rowsAt(samples, until - SHOWN + place, until));
  return counts.slice(1).map((rows, place) => (rows === null || counts[place] === null ? null : Math.max(0, rows - counts[place])));
}

// What had come by a moment, on the line between the samples around it.
function rowsAt(samples, ts, until) {
  if (samples.length === 0 || ts < samples[0].ts) return null;
  const after = samples.findIndex((sample) => sample.ts >= ts);
  if (after < 0) return Math.min(ts, until) - samples.at(-1).ts <= GAP ? samples.at(-1).rows : null;
  const [before, next] = [samples[Math.max(0, after - 1)], samples[after]];
  if (next.ts === ts || next === before) return next.rows;
  if (next.ts - before.ts > GAP) return null;
  return before.rows + ((next.rows - before.rows) * (ts - before.ts)) / (next.ts - before.ts);
}
