/** Programs that are not ours and that somebody named, to be listed while they say nothing: in this browser, by tenant. */

import { currentTenant } from '../session/session.js';

const KEY = 'playground.kept-programs';

/** As many as are kept; then the one that was named first goes. */
const MOST_KEPT = 200;

/** Map job id → name. */
export function keptPrograms() {
  try {
    const all = JSON.parse(localStorage.getItem(key()) ?? '[]');
    return new Map(all.filter((entry) => Array.isArray(entry) && Number.isSafeInteger(entry[0]) && typeof entry[1] === 'string'));
  } catch {
    return new Map(); // another page's, or a browser that keeps nothing
  }
}

/** Keeps a program under a name; '' forgets it. False where this browser keeps nothing. */
export function keepProgram(jobId, name) {
  const kept = keptPrograms();
  kept.delete(jobId);
  if (name !== '') kept.set(jobId, name);
  try {
    localStorage.setItem(key(), JSON.stringify([...kept].slice(-MOST_KEPT)));
    return true;
  } catch {
    return false;
  }
}

function key() {
  return `${KEY}.${currentTenant()}`;
}
