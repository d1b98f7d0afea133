/** When each node of a run waited, worked and ended, on one axis. Pure; all times are epoch seconds. */

import { formatDuration } from '../../parts/texts/text.js';

const AT_WORK = new Set(['running', 'stalled']);

/** Seconds from one tick of the axis to the next, of which the first is taken that gives few enough. */
const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
const MOST_TICKS = 6;

/**
 * {from, to, bars: [{nodeId, from, to, waited, took}]}: the axis, and a bar a node. `views`: the nodes' views; `run`: the run's view; `now`: the moment that
 * is shown, at which what has not ended is cut; `end`: the run's end where it lies beyond `now`, as of a past run, or null.
 * `from` of a bar is null where the node has not begun or nobody knows when; `waited` and `took` are then null, unless it
 * waits still. null: there is no run, or nobody knows when it began.
 */
export function timesOf({ views, run, now, end = null }) {
  if (run === null) return null;
  const began = [run.startedAt, ...views.map(({ startedAt }) => startedAt)].filter((at) => at !== null);
  if (began.length === 0) return null;
  const from = Math.min(...began);
  const last = run.ended ? (run.endedAt ?? lastEnd(views) ?? now) : now;
  const to = Math.max(from, end ?? last, ...views.map(({ endedAt }) => endedAt ?? from));
  return { from, to, bars: views.map((view) => barOf(view, { from, last: Math.max(from, last), isOver: run.ended })) };
}

function barOf({ nodeId, state, startedAt, endedAt, heard }, { from, last, isOver }) {
  if (startedAt === null) {
    const waits = !isOver && !heard;
    return { nodeId, state, from: null, to: null, waited: waits ? Math.max(0, last - from) : null, took: null };
  }
  const to = endedAt ?? (AT_WORK.has(state) || isOver ? last : startedAt);
  return { nodeId, state, from: startedAt, to: Math.max(startedAt, to), waited: startedAt - from, took: Math.max(0, to - startedAt) };
}

function lastEnd(views) {
  const ends = views.map(({ endedAt }) => endedAt).filter((at) => at !== null);
  return ends.length === 0 ? null : Math.max(...ends);
}

/** The ticks of an axis of so many seconds: [{at: part of its length, text}]. */
export function ticksOf(seconds) {
  if (seconds <= 0) return [{ at: 0, text: '0 s' }];
  const step = STEPS.find((one) => seconds / one <= MOST_TICKS) ?? seconds / MOST_TICKS;
  const ticks = Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, place) => place * step);
  return ticks.map((at) => ({ at: at / seconds, text: tickText(at, step) }));
}

function tickText(seconds, step) {
  if (step >= 1) return formatDuration(Math.round(seconds));
  return `${seconds.toFixed(step < 0.1 ? 2 : 1)} s`;
}
