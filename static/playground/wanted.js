/**
 * What the server is to be asked for, as things stand. Pure: drawing asks for nothing, and this draws nothing.
 */

/** Milliseconds between two questions where a run stands in the queue. */
export const PLACE_PERIOD = 2_000;

/**
 * [{kind: 'place' | 'beginnings' | 'run', runId}]. `run`: the live one, or null; `nodes`: views of its nodes; `shown`: of the job at
 * hand; `isLookedAt(nodeId)`: when the node began is shown; `isPast`: a past run is looked at; `at`: Date.now().
 *
 * A page that was opened after the start, or after the end, gets the times from the record; when nodes began, which it does not
 * have, from the history, once somebody looks. A last word that did not come is in the record, too. Only the record knows where a
 * run stands in the queue.
 */
export function wanted({ run, nodes, shown, isLookedAt, isPast, at }) {
  if (run === null || run.runId === null || shown.job === null) return [];
  const { runId } = run;
  const found = [];
  if (run.status === 'queued' && Math.abs(at - shown.askedForPlace) >= PLACE_PERIOD) found.push({ kind: 'place', runId });
  const lacksBeginnings = !isPast && nodes.some((node) => node.heard && node.startedAt === null && isLookedAt(node.nodeId));
  if (lacksBeginnings && !shown.fetchedHistories.has(runId)) found.push({ kind: 'beginnings', runId });
  if (!shown.fetchedRuns.has(runId) && ((run.told && shown.runGraph?.runId !== runId) || lacksTimes(run, nodes, isPast))) found.push({ kind: 'run', runId });
  return found;
}

function lacksTimes(run, nodes, isPast) {
  if (!run.ended) return false;
  return run.startedAt === null || run.endedAt === null || (!isPast && nodes.some((node) => node.heard && node.endedAt === null));
}
