/**
 * How far a run is, only where that can be known: a publisher told the total (`rowTotal`) or the part that is done (`share`),
 * or the job's last completed run tells what to expect, which is approximate. Pure.
 */

/** Seconds that a run must have worked, and the least share, before its remaining time is worth a guess. */
const LEAST_ELAPSED = 1;
const LEAST_SHARE = 0.03;

/** Never more than this is claimed before the end: all rows may be written, and not yet be committed. */
const MOST_BEFORE_END = 0.99;

/** Beyond so many times the rows of last time, that time says nothing of this one. */
const LIKE_LAST_TIME = 1.05;

/** {share: 0–1, approximate}, or null where it cannot be known. `expected`: Map node id → rows of the last completed run. */
export function nodeShare(view, expected) {
  if (view.state === 'success') return { share: 1, approximate: false };
  if (view.state !== 'running' && view.state !== 'stalled' && view.state !== 'idle') return null;
  // with more rows than there should be, the total was wrong
  if (view.rowTotal !== null) {
    return view.rowCount > view.rowTotal ? null : { share: Math.min(MOST_BEFORE_END, view.rowCount / view.rowTotal), approximate: false };
  }
  if (typeof view.toldShare === 'number') return { share: Math.min(MOST_BEFORE_END, view.toldShare), approximate: false };
  const rows = expected.get(view.nodeId);
  if (rows === undefined || view.rowCount > rows * LIKE_LAST_TIME) return null;
  const share = rows > 0 ? Math.min(MOST_BEFORE_END, view.rowCount / rows) : 0;
  return { share, approximate: true };
}

/** {share, approximate, remaining: seconds or null} of a live run, or null where a node's share is not known. */
export function runShare(run, nodes, expected, now) {
  if (run === null || run.ended || nodes.length === 0) return null;
  const shares = nodes.map((view) => nodeShare(view, expected));
  if (shares.includes(null) || run.startedAt === null) return null;
  const share = Math.min(MOST_BEFORE_END, shares.reduce((sum, part) => sum + part.share, 0) / shares.length);
  const elapsed = now - run.startedAt;
  const isBeyond = nodes.some((view) => view.state !== 'success' && view.rowCount > (view.rowTotal ?? expected.get(view.nodeId) ?? Infinity));
  const isHeldUp = isBeyond || nodes.some(({ state }) => state === 'stalled'); // then the past does not tell how long the rest takes
  const known = !isHeldUp && elapsed >= LEAST_ELAPSED && share >= LEAST_SHARE;
  return { share, approximate: shares.some((part) => part.approximate), remaining: known ? (elapsed * (1 - share)) / share : null };
}

/** 0.432 → "43 %", marked ≈ when approximate. */
export function formatShare({ share, approximate }) {
  return `${approximate ? '≈ ' : ''}${Math.floor(share * 100)} %`;
}
