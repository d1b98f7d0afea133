/**
 * Which jobs the list shows, in which order, and what it says of each one's last run. Pure.
 *
 * What it says are events with their age, "Failed 3 min ago": that stays true however old the list is.
 */

import { plain } from '../parts/texts/find.js';
import { formatAge, RUN_ICONS, RUN_WORDS } from '../parts/texts/text.js';

/** Entries shown at once; of more jobs the rest is found by searching, or in another order. */
export const MOST_SHOWN = 200;

const PLACES = { running: 0, queued: 1 };
const FAILURES = new Set(['failed', 'lost']);

/** The orders by name: what jobs are compared by, the smallest first. */
const ORDERS = {
  made: (job) => [job.id],
  recent: (job) => [-lastTime(job)],
  running: (job) => [PLACES[job.lastRun?.status] ?? 2, -lastTime(job)],
  failed: (job) => [FAILURES.has(job.lastRun?.status) ? 0 : 1, -lastTime(job)],
};

/**
 * {shown, left}: the jobs to show, and how many more match. `search` is looked for in names and numbers; `openId`: of the job that the page shows,
 * which is among those to show if it matches, however many come before it.
 */
export function arranged(jobs, { search, order, openId = null }) {
  const words = plain(search).split(/\s+/).filter((word) => word !== '');
  const found = jobs.filter(({ id, name }) => words.every((word) => `${plain(name)} #${id}`.includes(word)));
  const rank = ORDERS[order] ?? ORDERS.made;
  const ranked = found.map((job) => [rank(job), job]).sort(([one], [other]) => compare(one, other));
  const shown = ranked.filter(([, { id }], place) => place < MOST_SHOWN || id === openId).map(([, job]) => job);
  return { shown, left: found.length - shown.length };
}

/** {icon, text, status} of a job's last run ({status, createdAt, startedAt, endedAt}) by the server's clock; null of none. */
export function lastRunView(run, now) {
  if (run === null) return null;
  const { status, createdAt, startedAt, endedAt } = run;
  const at = status === 'queued' ? createdAt : status === 'running' ? startedAt : endedAt;
  const word = status === 'running' ? 'Started' : RUN_WORDS[status];
  return { icon: RUN_ICONS[status], status, text: at === null ? word : `${word} ${formatAge(now - at)}` };
}

function lastTime({ lastRun }) {
  return lastRun == null ? 0 : (lastRun.endedAt ?? lastRun.startedAt ?? lastRun.createdAt ?? 0);
}

function compare(one, other) {
  const place = one.findIndex((value, at) => value !== other[at]);
  return place < 0 ? 0 : one[place] - other[place];
}
